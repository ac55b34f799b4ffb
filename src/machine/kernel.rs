//! The kernel: many soft machines with one program, run forwards and swept backwards.
//!
//! Weights, starting states and a number of steps go in; the last states come out, or, for what the
//! caller makes of them, gradients by the weights and by the starting states.
//!
//! **Invariants**
//! - A lane's numbers depend on no other lane, and sums over lanes are taken in a fixed order: the
//!   bits are the same on any number of threads and any processor.
//! - Scratch is that of sixteen lanes a thread, however many lanes there are.

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use super::definition::{Definition, Mixture};
use super::lanes::{LANES, Number, Vector, Wide, Work, dispatch};
use super::program::{ProgramError, Shape};
use super::soft::SoftState;
use super::step::{self, Layout};
use super::weights::Weights;
use crate::prim::math::Cpu;
use crate::threads::{Threads, in_tasks};
use std::sync::Mutex;

/// The most bytes that the states of sixteen lanes may take on their way.
const MOST_BYTES: usize = 1 << 30;

/// Chunks whose gradients are kept until they are summed.
const WAVE: usize = 32;

/// A soft machine of some sizes, on numbers of one kind.
#[derive(Clone, Debug)]
pub struct Kernel<T: Number> {
    layout: Layout,
    cpu: Cpu,
    number: std::marker::PhantomData<T>,
}

/// What a kernel works in; kept from call to call by who calls often.
#[derive(Clone, Debug)]
pub struct Scratch<T: Number>(Vec<ChunkScratch<T>>);

impl<T: Number> Default for Scratch<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Clone, Debug)]
struct ChunkScratch<T> {
    records: Vec<Wide<T>>,
    adjoint: Vec<Wide<T>>,
    lines: Vec<Wide<T>>,
    by_mixed: Vec<Wide<T>>,
    other: Vec<Wide<T>>,
}

impl<T> Default for ChunkScratch<T> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            adjoint: Vec::new(),
            lines: Vec::new(),
            by_mixed: Vec::new(),
            other: Vec::new(),
        }
    }
}

/// What comes back from a sweep.
#[derive(Clone, PartialEq, Debug)]
pub struct Pulled {
    /// The sum of what the caller made of each lane's last state.
    pub value: f64,
    /// Its gradient by the weights, in their order.
    pub weights: Vec<f64>,
    /// Its gradient by each lane's starting state, where that was asked for.
    pub starts: Vec<SoftState>,
}

/// A lane's number and its last state go in; a number comes out and, in the state of zeros that is
/// given, its derivatives by the last state.
pub type Cotangent<'a> = dyn Fn(usize, &SoftState, &mut SoftState) -> f64 + Sync + 'a;

impl<T: Number> Kernel<T> {
    /// A machine of these sizes.
    ///
    /// # Errors
    /// A shape that is none.
    pub fn new(shape: Shape, definition: Definition) -> Result<Self, ProgramError> {
        shape.check()?;
        Ok(Self {
            layout: Layout::new(shape, definition),
            cpu: Cpu::detect(),
            number: std::marker::PhantomData,
        })
    }

    /// The same on an older processor.
    #[cfg(test)]
    fn on(mut self, cpu: Cpu) -> Self {
        self.cpu = cpu;
        self
    }

    /// Its sizes.
    pub fn shape(&self) -> Shape {
        self.layout.shape
    }

    /// The states after so many steps.
    ///
    /// # Errors
    /// Weights or states of another shape.
    pub fn run(
        &self,
        weights: &Weights,
        starts: &[SoftState],
        steps: usize,
        threads: &Threads,
        scratch: &mut Scratch<T>,
    ) -> Result<Vec<SoftState>, ProgramError> {
        self.check(weights, starts, 1)?;
        let controller = self.controller(weights).0;
        let tasks: Vec<&[SoftState]> = starts.chunks(LANES).collect();
        let ends = in_tasks(tasks, threads, &mut scratch.0, &|starts, scratch| {
            self.forwards(&controller, starts, steps, scratch)
        });
        Ok(ends.into_iter().flatten().collect())
    }

    /// The sum over lanes of what `cotangent` makes of their last states, and its gradient by the
    /// weights and, where `by_starts` says so, by the starting states.
    ///
    /// # Errors
    /// Weights or states of another shape; more steps than fit into a gigabyte.
    pub fn pull_back(
        &self,
        weights: &Weights,
        (starts, by_starts): (&[SoftState], bool),
        steps: usize,
        cotangent: &Cotangent<'_>,
        threads: &Threads,
        scratch: &mut Scratch<T>,
    ) -> Result<Pulled, ProgramError> {
        self.check(weights, starts, steps.saturating_add(1))?;
        let (controller, probabilities) = self.controller(weights);
        let mut pulled = Pulled {
            value: 0.0,
            weights: vec![0.0; weights.numbers().len()],
            starts: Vec::new(),
        };
        // Gradients of chunks are kept from wave to wave, so they are made once.
        let kept: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());
        for (wave, starts) in starts.chunks(LANES * WAVE).enumerate() {
            let tasks: Vec<_> = starts.chunks(LANES).enumerate().collect();
            let parts = in_tasks(
                tasks,
                threads,
                &mut scratch.0,
                &|(chunk, starts), scratch| {
                    let mut gradient = crate::threads::lock(&kept).pop().unwrap_or_default();
                    gradient.clear();
                    gradient.resize(weights.numbers().len(), 0.0);
                    let lanes = (starts, (wave * WAVE + chunk) * LANES);
                    let value = self.backwards(
                        &controller,
                        lanes,
                        steps,
                        cotangent,
                        &mut gradient,
                        scratch,
                    );
                    let mut by = Vec::new();
                    if by_starts {
                        by.resize(starts.len(), SoftState::zeros(self.shape()));
                        take_out(&scratch.adjoint, &mut by);
                    }
                    (value, gradient, by)
                },
            );
            for (value, gradient, by) in parts {
                pulled.value += value;
                for (sum, part) in pulled.weights.iter_mut().zip(&gradient) {
                    *sum += part;
                }
                pulled.starts.extend(by);
                crate::threads::lock(&kept).push(gradient);
            }
        }
        if let Some(probabilities) = probabilities {
            Weights::through_softmax(self.shape(), &probabilities, &mut pulled.weights);
        }
        Ok(pulled)
    }

    fn check(
        &self,
        weights: &Weights,
        starts: &[SoftState],
        records: usize,
    ) -> Result<(), ProgramError> {
        let shape = self.shape();
        let shapes = std::iter::once(weights.shape()).chain(starts.iter().map(SoftState::shape));
        for found in shapes {
            if found != shape {
                return Err(ProgramError::Shape {
                    found,
                    wanted: shape,
                });
            }
        }
        let record = self.layout.record() * size_of::<Wide<T>>();
        if records.saturating_mul(record) > MOST_BYTES {
            let (steps, most) = (records - 1, (MOST_BYTES / record).saturating_sub(1));
            return Err(ProgramError::Steps { steps, most });
        }
        Ok(())
    }

    /// What is mixed over the lines, and the probabilities where that is them.
    fn controller(&self, weights: &Weights) -> (Vec<T>, Option<Vec<f64>>) {
        let numbers = |numbers: &[f64]| numbers.iter().map(|&x| T::from_f64(x)).collect();
        match self.layout.definition.mixture {
            Mixture::Probabilities => {
                let probabilities = weights.probabilities();
                (numbers(&probabilities), Some(probabilities))
            }
            Mixture::Logits => (numbers(weights.numbers()), None),
        }
    }
}

/// Lays states out as lanes; lanes that no state has are copies of the first.
fn lay_out<T: Number>(states: &[SoftState], lanes: &mut [Wide<T>]) {
    for (lane, state) in (0..LANES).zip(states.iter().chain(std::iter::repeat(&states[0]))) {
        for (to, &x) in lanes.iter_mut().zip(state.numbers()) {
            to.0[lane] = T::from_f64(x);
        }
    }
}

/// Takes states out of lanes.
fn take_out<T: Number>(lanes: &[Wide<T>], states: &mut [SoftState]) {
    for (lane, state) in states.iter_mut().enumerate() {
        for (from, to) in lanes.iter().zip(state.numbers_mut()) {
            *to = from.0[lane].to_f64();
        }
    }
}

impl<T: Number> ChunkScratch<T> {
    fn make_room(&mut self, layout: &Layout, steps: usize, records: usize) {
        let zero = Wide::splat(T::default());
        let Shape { base, lines, .. } = layout.shape;
        self.records.resize(records * layout.record(), zero);
        self.adjoint.resize(layout.state, zero);
        self.lines.resize(steps * lines, zero);
        self.by_mixed.resize(steps * layout.columns, zero);
        self.other.resize(3 * base + lines, zero);
    }
}

/// A step forwards.
struct Forward<'a, T> {
    layout: &'a Layout,
    controller: &'a [T],
    record: &'a mut [Wide<T>],
    next: &'a mut [Wide<T>],
}

impl<T: Number> Work for Forward<'_, T> {
    type Number = T;

    #[inline(always)]
    fn run<V: Vector<Number = T>>(self) {
        self.layout
            .forward::<V>(self.controller, self.record, self.next);
    }
}

/// A step backwards.
struct Backward<'a, T> {
    layout: &'a Layout,
    controller: &'a [T],
    record: &'a mut [Wide<T>],
    adjoint: &'a mut [Wide<T>],
    by_mixed: &'a mut [Wide<T>],
    other: &'a mut [Wide<T>],
}

impl<T: Number> Work for Backward<'_, T> {
    type Number = T;

    #[inline(always)]
    fn run<V: Vector<Number = T>>(self) {
        let (adjoint, by_mixed) = (self.adjoint, self.by_mixed);
        self.layout
            .backward::<V>(self.controller, self.record, adjoint, by_mixed, self.other);
    }
}

/// The sum over the steps and lanes of a chunk.
struct Gradient<'a, T> {
    lines: &'a [Wide<T>],
    by_mixed: &'a [Wide<T>],
    sizes: (usize, usize),
    sums: &'a mut [f64],
}

impl<T: Number> Work for Gradient<'_, T> {
    type Number = T;

    #[inline(always)]
    fn run<V: Vector<Number = T>>(self) {
        step::gradient::<V>(self.lines, self.by_mixed, self.sizes, self.sums);
    }
}

impl<T: Number> Kernel<T> {
    fn forward(&self, controller: &[T], record: &mut [Wide<T>], next: &mut [Wide<T>]) {
        let work = Forward {
            layout: &self.layout,
            controller,
            record,
            next: &mut next[..self.layout.state],
        };
        dispatch(self.cpu, work);
    }

    /// Runs a chunk of lanes.
    fn forwards(
        &self,
        controller: &[T],
        starts: &[SoftState],
        steps: usize,
        scratch: &mut ChunkScratch<T>,
    ) -> Vec<SoftState> {
        scratch.make_room(&self.layout, 0, 2);
        let (mut now, mut next) = scratch.records.split_at_mut(self.layout.record());
        lay_out(starts, now);
        for _ in 0..steps {
            self.forward(controller, now, next);
            std::mem::swap(&mut now, &mut next);
        }
        let mut ends = starts.to_vec();
        take_out(now, &mut ends);
        ends
    }

    /// Runs a chunk of lanes, of which `first` is the number of the first, and sweeps it backwards. The
    /// lanes' sum comes out and, in the scratch, the cotangents of their starting states.
    fn backwards(
        &self,
        controller: &[T],
        (starts, first): (&[SoftState], usize),
        steps: usize,
        cotangent: &Cotangent<'_>,
        gradient: &mut [f64],
        scratch: &mut ChunkScratch<T>,
    ) -> f64 {
        let layout = &self.layout;
        let Shape {
            base,
            registers,
            lines,
        } = layout.shape;
        scratch.make_room(layout, steps, steps + 1);
        let size = layout.record();
        lay_out(starts, &mut scratch.records);
        for step in 0..steps {
            let (now, next) = scratch.records[step * size..].split_at_mut(size);
            self.forward(controller, now, next);
        }

        let mut value = 0.0;
        scratch.adjoint.fill(Wide::splat(T::default()));
        let mut end = SoftState::zeros(layout.shape);
        for lane in 0..starts.len() {
            let ends = &scratch.records[steps * size..];
            for (from, to) in ends.iter().zip(end.numbers_mut()) {
                *to = from.0[lane].to_f64();
            }
            let mut by = SoftState::zeros(layout.shape);
            value += cotangent(first + lane, &end, &mut by);
            for (to, &x) in scratch.adjoint.iter_mut().zip(by.numbers()) {
                to.0[lane] = T::from_f64(x);
            }
        }

        let (line, columns) = ((registers + base) * base, layout.columns);
        for step in (0..steps).rev() {
            let record = &mut scratch.records[step * size..(step + 1) * size];
            let of_line = &record[line..line + lines];
            scratch.lines[step * lines..(step + 1) * lines].copy_from_slice(of_line);
            let work = Backward {
                layout,
                controller,
                record,
                adjoint: &mut scratch.adjoint,
                by_mixed: &mut scratch.by_mixed[step * columns..(step + 1) * columns],
                other: &mut scratch.other,
            };
            dispatch(self.cpu, work);
        }
        let work = Gradient {
            lines: &scratch.lines,
            by_mixed: &scratch.by_mixed,
            sizes: (lines, columns),
            sums: gradient,
        };
        dispatch(self.cpu, work);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::machine::oracle::{self, State};
    use crate::machine::program::Program;
    use crate::machine::weights::Compilation;

    /// All combinations of variants.
    fn definitions() -> impl Iterator<Item = Definition> {
        (0..16).map(|set| {
            let names = Definition::VARIANTS.iter().enumerate();
            let chosen = names.filter(|(at, _)| set >> at & 1 == 1);
            chosen.fold(Definition::default(), |all, (_, name)| {
                all.with(name).unwrap()
            })
        })
    }

    fn random_state(shape: Shape, random: &mut Random) -> State {
        State {
            registers: (0..shape.registers)
                .map(|_| random.below(shape.base))
                .collect(),
            memory: (0..shape.base).map(|_| random.below(shape.base)).collect(),
            line: random.below(shape.lines),
            halted: false,
        }
    }

    /// Any distributions.
    fn soft_state(shape: Shape, random: &mut Random) -> SoftState {
        let mut state = SoftState::zeros(shape);
        let fill = |numbers: &mut [f64], random: &mut Random| {
            let mut sum = 0.0;
            for x in &mut *numbers {
                *x = 0.05 + random.unit();
                sum += *x;
            }
            for x in numbers {
                *x /= sum;
            }
        };
        for row in state.registers_mut().chunks_exact_mut(shape.base) {
            fill(row, random);
        }
        for row in state.memory_mut().chunks_exact_mut(shape.base) {
            fill(row, random);
        }
        fill(state.line_mut(), random);
        *state.halted_mut() = 0.2 * random.unit();
        state
    }

    fn one_hot<T: Number>(seed: u64, cpu: Cpu) {
        let mut random = Random::new(seed);
        let shape = Shape {
            base: 2 + random.below(9),
            registers: 1 + random.below(5),
            lines: 1 + random.below(18),
        };
        let definition = definitions().nth(random.below(16)).unwrap();
        let program = Program::random(shape, &mut random);
        let how = Compilation {
            epsilon: 0.0,
            ..Compilation::default()
        };
        let weights = Weights::compile(&program, &how).unwrap();
        let kernel = Kernel::<T>::new(shape, definition).unwrap().on(cpu);
        let mut states: Vec<State> = (0..3).map(|_| random_state(shape, &mut random)).collect();
        let mut soft: Vec<SoftState> = states
            .iter()
            .map(|state| SoftState::of(shape, state))
            .collect();
        let mut scratch = Scratch::default();
        for steps in [1, 2, 61] {
            let run = kernel.run(&weights, &soft, steps, &Threads::ONE, &mut scratch);
            soft = run.unwrap();
            for (state, soft) in states.iter_mut().zip(&soft) {
                oracle::run_by(&definition, &program, state, steps);
                let mut wanted = SoftState::of(shape, state);
                *wanted.taken_mut() = soft.taken();
                assert_eq!(*soft, wanted, "seed {seed}");
            }
        }
    }

    #[test]
    fn of_whole_numbers_it_is_the_integer_machine() {
        for cpu in Cpu::available() {
            for seed in 0..100 {
                one_hot::<f32>(seed, cpu);
                one_hot::<f64>(seed, cpu);
            }
        }
    }

    const SHAPE: Shape = Shape {
        base: 4,
        registers: 3,
        lines: 7,
    };

    /// A sum of all numbers of a last state, each with a factor of its own.
    fn factors(lane: usize, end: &SoftState, by: &mut SoftState) -> f64 {
        let mut random = Random::new(lane as u64);
        let mut value = 0.0;
        for (x, by) in end.numbers().iter().zip(by.numbers_mut()) {
            *by = random.normal();
            value += *by * x;
        }
        value
    }

    #[test]
    fn gradients_are_central_differences() {
        const LANES_HERE: usize = 3;
        for (at, definition) in definitions().enumerate() {
            let mut random = Random::new(70 + at as u64);
            let weights = Weights::random(SHAPE, 1.0, 7 + at as u64);
            let starts: Vec<SoftState> = (0..LANES_HERE)
                .map(|_| soft_state(SHAPE, &mut random))
                .collect();
            let kernel = Kernel::<f64>::new(SHAPE, definition).unwrap();
            let mut scratch = Scratch::default();
            let mut at = |weights: &Weights, starts: &[SoftState]| {
                let pulled = kernel.pull_back(
                    weights,
                    (starts, true),
                    5,
                    &factors,
                    &Threads::ONE,
                    &mut scratch,
                );
                pulled.unwrap()
            };
            let pulled = at(&weights, &starts);
            let close = |got: f64, high: f64, low: f64, what: &str| {
                let wanted = (high - low) / 2e-5;
                assert!(
                    (got - wanted).abs() < 1e-7 + 1e-6 * wanted.abs(),
                    "{what}: {got} {wanted} {definition:?}"
                );
            };
            for (place, &got) in pulled.weights.iter().enumerate() {
                let mut moved = weights.clone();
                let mut value = |by: f64| {
                    moved.numbers_mut()[place] += by;
                    at(&moved, &starts).value
                };
                let (high, low) = (value(1e-5), value(-2e-5));
                close(got, high, low, &format!("weight {place}"));
            }
            for lane in 0..LANES_HERE {
                for place in 0..starts[0].numbers().len() {
                    let mut moved = starts.clone();
                    let mut value = |by: f64| {
                        moved[lane].numbers_mut()[place] += by;
                        at(&weights, &moved).value
                    };
                    let (high, low) = (value(1e-5), value(-2e-5));
                    let got = pulled.starts[lane].numbers()[place];
                    close(got, high, low, &format!("number {place} of lane {lane}"));
                }
            }
        }
    }

    #[test]
    fn bits_depend_on_neither_threads_nor_processor_nor_other_lanes() {
        let mut random = Random::new(9);
        let weights = Weights::random(SHAPE, 1.0, 2);
        let starts: Vec<SoftState> = (0..1100).map(|_| soft_state(SHAPE, &mut random)).collect();
        let mut seen: Vec<Pulled> = Vec::new();
        for cpu in Cpu::available() {
            for threads in [Threads::ONE, Threads::of(3)] {
                let kernel = Kernel::<f64>::new(SHAPE, Definition::default())
                    .unwrap()
                    .on(cpu);
                let mut scratch = Scratch::default();
                let pulled = kernel.pull_back(
                    &weights,
                    (&starts, true),
                    4,
                    &factors,
                    &threads,
                    &mut scratch,
                );
                seen.push(pulled.unwrap());
                assert!(scratch.0.len() <= threads.count());
            }
        }
        for other in &seen[1..] {
            assert!(*other == seen[0]);
        }
        let kernel = Kernel::<f64>::new(SHAPE, Definition::default()).unwrap();
        let lane = 777;
        let alone = kernel
            .pull_back(
                &weights,
                (&starts[lane..=lane], true),
                4,
                &|_, end, by| factors(lane, end, by),
                &Threads::ONE,
                &mut Scratch::default(),
            )
            .unwrap();
        assert_eq!(alone.starts[0], seen[0].starts[lane]);
    }

    #[test]
    fn a_machine_that_has_stopped_stays_as_it_is() {
        let weights = Weights::random(SHAPE, 1.0, 5);
        let mut start = soft_state(SHAPE, &mut Random::new(4));
        *start.halted_mut() = 0.995;
        let kernel = Kernel::<f64>::new(SHAPE, Definition::default()).unwrap();
        let mut scratch = Scratch::default();
        let starts = [start.clone()];
        let pulled = kernel
            .pull_back(
                &weights,
                (&starts, true),
                9,
                &factors,
                &Threads::ONE,
                &mut scratch,
            )
            .unwrap();
        let mut by = SoftState::zeros(SHAPE);
        assert_eq!(pulled.value, factors(0, &start, &mut by));
        assert_eq!(pulled.starts, [by]);
        assert!(pulled.weights.iter().all(|&x| x == 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let kernel = Kernel::<f64>::new(SHAPE, Definition::default()).unwrap();
        let other = Shape { lines: 6, ..SHAPE };
        let mut scratch = Scratch::default();
        let mut ask = |weights: &Weights, start: SoftState, steps| {
            let starts = [start];
            kernel
                .pull_back(
                    weights,
                    (&starts, false),
                    steps,
                    &factors,
                    &Threads::ONE,
                    &mut scratch,
                )
                .unwrap_err()
                .to_string()
        };
        let good = Weights::zeros(SHAPE);
        let message = ask(&Weights::zeros(other), SoftState::zeros(SHAPE), 1);
        assert!(message.starts_with("a machine of base 4, 3 registers and 7 lines was given"));
        ask(&good, SoftState::zeros(other), 1);
        let message = ask(&good, SoftState::zeros(SHAPE), usize::MAX - 1);
        assert!(message.contains("too much memory"), "{message}");
    }
}
