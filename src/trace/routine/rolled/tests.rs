//! Code with loops against its trace, on random loops: same numbers, to the bit, and the same guards.
//!
//! A failure names its seed: `DMCI_SEED=<seed> DMCI_PROGRAMS=1 cargo test --lib rolled`.

use super::super::{File, Routine};
use crate::Random;
use crate::prim::Prim;
use crate::prim::value::Node;
use crate::random::from_environment;
use crate::trace::record::{Number, Recorder};
use crate::trace::sweep::Adjoints;
use crate::trace::{Ref, Trace};

pub(super) fn percent(random: &mut Random, percent: usize) -> bool {
    random.below(100) < percent
}

pub(super) fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.unit()
}

/// Inputs that derivatives are by, and lists of inputs after them.
const SCALARS: usize = 3;
const LISTS: usize = 2;
/// The longest loop.
const MOST: usize = 400;

/// What an operation of a loop reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Scalar(usize),
    Carried(usize),
    /// What was carried an iteration before.
    Before(usize),
    Local(usize),
    /// A list's element of the iteration.
    Listed(usize),
    /// The same two further on.
    Further(usize),
    /// A number that differs from iteration to iteration.
    Table(f64),
    Constant(f64),
    /// What an earlier loop came to in its iteration, or in the last one but that.
    Of(usize, bool),
}

#[derive(Clone, Debug)]
enum Does {
    Prim(Prim, Reads, Reads),
    /// The first where the second is below the third, otherwise the fourth.
    Select([Reads; 4]),
    /// Relies on what it comes out to whether one is below the other.
    Guard(Reads, Reads),
    /// A loop of so many iterations of its own: what it does to one number, and where that begins.
    Inner(usize, Vec<Does>, Reads),
}

fn body(random: &mut Random, carried: usize, loops: usize, is_inner: bool) -> Vec<Does> {
    let count = 1 + random.below(if is_inner { 4 } else { 9 });
    let mut body: Vec<Does> = Vec::new();
    for at in 0..count {
        let reads = |random: &mut Random| match random.below(18) {
            0..4 => Reads::Scalar(random.below(SCALARS)),
            4..9 => Reads::Carried(random.below(carried)),
            9..13 if at > 0 => Reads::Local(at - 1 - random.below(at.min(3))),
            13 if !is_inner => Reads::Before(random.below(carried)),
            14 => Reads::Listed(random.below(LISTS)),
            15 if percent(random, 30) => Reads::Further(random.below(LISTS)),
            16 if loops > 0 && !is_inner => Reads::Of(random.below(loops), percent(random, 50)),
            17 => Reads::Table(between(random, -1.0, 1.0)),
            _ => Reads::Constant(between(random, -1.0, 1.0)),
        };
        let does = match random.below(20) {
            0 => Does::Select([(); 4].map(|()| reads(random))),
            1 if percent(random, 50) => Does::Guard(reads(random), reads(random)),
            2 if !is_inner && percent(random, 40) => {
                let start = reads(random);
                let trips = 1 + random.below(6);
                Does::Inner(trips, self::body(random, 1, 0, true), start)
            }
            _ => {
                let prims = [
                    Prim::Add,
                    Prim::Sub,
                    Prim::Mul,
                    Prim::Mul,
                    Prim::Sin,
                    Prim::Cos,
                    Prim::Tanh,
                    Prim::Neg,
                    Prim::Max,
                    Prim::Div,
                ];
                let prim = prims[random.below(prims.len())];
                Does::Prim(prim, reads(random), reads(random))
            }
        };
        body.push(does);
    }
    body
}

/// Runs loops on a recorder.
struct Machine<'r> {
    recorder: &'r mut Recorder,
    inputs: Vec<Number>,
    /// What each loop came to, by iteration.
    made: Vec<Vec<Number>>,
}

/// An iteration under way.
struct Iteration<'i> {
    index: usize,
    carried: &'i [Number],
    before: &'i [Number],
    locals: Vec<Number>,
}

impl Machine<'_> {
    fn read(&self, reads: Reads, at: &Iteration<'_>) -> Number {
        let listed = |list: usize, index: usize| {
            // Elements of the lists take turns.
            self.inputs[SCALARS + (index % (MOST + 2)) * LISTS + list]
        };
        match reads {
            Reads::Scalar(nth) => self.inputs[nth],
            Reads::Carried(nth) => at.carried[nth],
            Reads::Before(nth) => at.before[nth],
            Reads::Local(nth) => at.locals[nth],
            Reads::Listed(list) => listed(list, at.index),
            Reads::Further(list) => listed(list, at.index + 2),
            Reads::Table(x) => Number::constant(x + (at.index % 7) as f64 * 0.125),
            Reads::Constant(x) => Number::constant(x),
            Reads::Of(which, forward) => {
                let all = &self.made[which];
                let index = at.index.min(all.len() - 1);
                if forward {
                    all[index]
                } else {
                    all[all.len() - 1 - index]
                }
            }
        }
    }

    fn below(&mut self, a: Number, b: Number) -> Number {
        self.recorder.operation(Prim::Lt, a, b)
    }

    fn iterate(&mut self, body: &[Does], mut at: Iteration<'_>) -> Vec<Number> {
        for does in body {
            let number = match does {
                Does::Prim(prim, a, b) => {
                    let (a, b) = (self.read(*a, &at), self.read(*b, &at));
                    let b = if prim.operands() == 1 { a } else { b };
                    if a.node.is_none() && b.node.is_none() {
                        Number::constant(prim.forward(a.value, b.value))
                    } else {
                        self.recorder.operation(*prim, a, b)
                    }
                }
                Does::Select(reads) => {
                    let [x, a, b, y] = reads.map(|reads| self.read(reads, &at));
                    if a.node.is_none() && b.node.is_none() {
                        if a.value < b.value { x } else { y }
                    } else {
                        let test = self.below(a, b);
                        self.recorder.select(test, x, y, 0)
                    }
                }
                Does::Guard(a, b) => {
                    let (a, b) = (self.read(*a, &at), self.read(*b, &at));
                    if a.node.is_some() || b.node.is_some() {
                        let test = self.below(a, b);
                        self.recorder.guard(test, 7);
                    }
                    a
                }
                Does::Inner(trips, body, start) => {
                    let mut number = self.read(*start, &at);
                    for index in 0..*trips {
                        let all = self.iterate(
                            body,
                            Iteration {
                                index: at.index + index,
                                carried: &[number],
                                before: &[],
                                locals: Vec::new(),
                            },
                        );
                        number = all[all.len() - 1];
                    }
                    number
                }
            };
            at.locals.push(number);
        }
        at.locals
    }

    fn run(&mut self, random: &mut Random) -> Number {
        let carried = 1 + random.below(3);
        let body = body(random, carried, self.made.len(), false);
        let count = 150 + random.below(MOST - 150);
        let start = |nth: usize| Number::constant(0.25 * nth as f64);
        let mut now: Vec<Number> = (0..carried).map(start).collect();
        let mut before = now.clone();
        let nexts: Vec<usize> = (0..carried).map(|_| random.below(body.len())).collect();
        let is_sum = percent(random, 30);
        let mut made = Vec::new();
        for index in 0..count {
            let locals = self.iterate(
                &body,
                Iteration {
                    index,
                    carried: &now,
                    before: &before,
                    locals: Vec::new(),
                },
            );
            let mut then: Vec<Number> = nexts.iter().map(|&nth| locals[nth]).collect();
            if is_sum && then[0].node.is_some() {
                then[0] = self.recorder.operation(Prim::Add, now[0], then[0]);
            }
            made.push(locals[locals.len() - 1]);
            before = std::mem::replace(&mut now, then);
        }
        self.made.push(made);
        now[0]
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Runs a routine and its trace on some numbers.
pub(super) fn compare(
    routine: &Routine,
    trace: &Trace,
    outputs: &[Ref],
    by: &[u32],
    inputs: &[f64],
    random: &mut Random,
    seed: u64,
) {
    let (mut file, mut values, mut adjoints) = (File::default(), Vec::new(), Adjoints::default());
    for round in 0..4 {
        let moved: Vec<f64> = inputs
            .iter()
            .map(|x| x + 1e-3 * f64::from(round) * between(random, -1.0, 1.0))
            .collect();
        let found = routine.run(&moved, &mut file);
        if let Err(diverged) = trace.replay(&moved, &mut values) {
            let guard = trace.guards[diverged.guard];
            let failed = found.expect_err("a guard does not hold");
            assert_eq!(failed.guard as usize, diverged.guard, "seed {seed}");
            assert!(
                same(failed.value, trace.number(guard.node, &values)),
                "seed {seed}"
            );
            continue;
        }
        assert_eq!(found, Ok(()), "seed {seed}, round {round}");
        let mut derivatives = routine.derivatives.iter();
        for (&output, &place) in outputs.iter().zip(&routine.outputs) {
            let (found, expected) = (file.at(place), trace.number(output, &values));
            assert!(same(found, expected), "seed {seed}: {found} is {expected}");
            if by.is_empty() {
                continue;
            }
            trace.sweep(&values, &[(output, 1.0)], &mut adjoints);
            for &input in by {
                let place = derivatives.next().expect("a derivative for each");
                let found = file.at(*place) + 0.0;
                let expected = adjoints.of(input as usize) + 0.0;
                assert!(
                    same(found, expected),
                    "seed {seed}, by {input}: {found} is {expected}"
                );
            }
        }
    }
}

/// Whether loops were compiled.
fn check(seed: u64) -> bool {
    let mut random = Random::new(seed);
    let inputs: Vec<f64> = (0..SCALARS + LISTS * (MOST + 2))
        .map(|_| between(&mut random, -1.0, 1.0))
        .collect();
    let (mut recorder, numbers) = recorder(&inputs);
    let mut machine = Machine {
        inputs: numbers,
        recorder: &mut recorder,
        made: Vec::new(),
    };
    let mut results = Vec::new();
    for _ in 0..=random.below(3) {
        results.push(machine.run(&mut random));
    }
    let outputs = results.iter().filter_map(|number| number.node.index());
    let outputs: Vec<Ref> = outputs.map(Ref::node).collect();
    let by: Vec<u32> = (0..=random.below(SCALARS) as u32).collect();
    let by = if percent(&mut random, 20) {
        Vec::new()
    } else {
        by
    };
    let trace = recorder.take_trace();
    let Some(routine) = Routine::rolled(&trace, &outputs, &by, usize::MAX) else {
        return false;
    };
    compare(&routine, &trace, &outputs, &by, &inputs, &mut random, seed);
    true
}

#[test]
fn random_loops_have_the_bits_of_their_traces() {
    let first = from_environment("DMCI_SEED", 1);
    let count = from_environment("DMCI_PROGRAMS", 150);
    let rolled = (first..first + count).filter(|&seed| check(seed)).count() as u64;
    // What loops do is arbitrary: some are of few operations, or of no regular ones. Of 150
    // a third to a half are compiled, by the seed.
    assert!(
        count < 100 || 4 * rolled > count,
        "{rolled} of {count} have loops"
    );
}

/// A recorder with so many inputs, and these.
pub(super) fn recorder(inputs: &[f64]) -> (Recorder, Vec<Number>) {
    let mut recorder = Recorder::default();
    recorder.reset(inputs);
    let numbers = inputs.iter().enumerate().map(|(index, &value)| Number {
        value,
        node: Node::at(index as u32),
    });
    (recorder, numbers.collect())
}

#[test]
fn a_guard_fails_in_the_iteration_that_it_fails_in() {
    let (mut recorder, numbers) = recorder(&[0.01, 100.0]);
    let [step, most] = numbers[..] else {
        unreachable!("there are two");
    };
    let mut y = step;
    for _ in 0..900 {
        y = recorder.operation(Prim::Add, y, step);
        let test = recorder.operation(Prim::Lt, y, most);
        recorder.guard(test, 7);
    }
    let output = Ref::node(y.node.index().expect("it is computed"));
    let trace = recorder.take_trace();
    let routine = Routine::rolled(&trace, &[output], &[0], usize::MAX).expect("it has a loop");
    let (mut file, mut values) = (File::default(), Vec::new());
    // In the first iterations, in the middle, in those left over, and nowhere.
    for iteration in [1.5, 2.5, 40.5, 333.5, 512.5, 897.5, 899.5, 1e4] {
        let inputs = [1.0, iteration];
        let found = routine
            .run(&inputs, &mut file)
            .map_err(|failed| failed.guard);
        let expected = trace.replay(&inputs, &mut values);
        let expected = expected.map_err(|diverged| diverged.guard as u32);
        assert_eq!(found, expected, "before {iteration}");
    }
}

#[test]
fn what_counts_in_every_third_iteration_is_none_of_it_or_right() {
    for count in 600..612 {
        let (mut recorder, numbers) = recorder(&[0.9, 0.3]);
        let factor = numbers[0];
        let [mut a, mut b, mut c] = [numbers[1]; 3];
        for _ in 0..count {
            let product = recorder.operation(Prim::Mul, factor, c);
            let sine = recorder.operation(Prim::Sin, product, product);
            (a, b, c) = (sine, a, b);
        }
        let output = Ref::node(a.node.index().expect("it is computed"));
        let trace = recorder.take_trace();
        let Some(routine) = Routine::rolled(&trace, &[output], &[0], usize::MAX) else {
            continue;
        };
        let (mut file, mut values) = (File::default(), Vec::new());
        let inputs = [0.97, 0.3];
        routine
            .run(&inputs, &mut file)
            .expect("there are no guards");
        trace
            .replay(&inputs, &mut values)
            .expect("there are no guards");
        let (found, expected) = (file.at(routine.outputs[0]), trace.number(output, &values));
        assert!(
            same(found, expected),
            "{count} iterations: {found} is {expected}"
        );
    }
}

#[test]
fn a_trace_of_which_loops_are_a_small_part_has_no_code_with_loops() {
    let compiled = |apart: u32| {
        let (mut recorder, numbers) = recorder(&[0.9, 0.3]);
        let [factor, mut y] = numbers[..] else {
            unreachable!("there are two");
        };
        for _ in 0..400 {
            y = recorder.operation(Prim::Mul, factor, y);
            y = recorder.operation(Prim::Sin, y, y);
        }
        // Operations that nothing repeats.
        let mut random = Random::new(5);
        for _ in 0..apart {
            let prim = [Prim::Cos, Prim::Tanh, Prim::Exp, Prim::Neg][random.below(4)];
            y = recorder.operation(prim, y, y);
        }
        let output = Ref::node(y.node.index().expect("it is computed"));
        let trace = recorder.take_trace();
        Routine::rolled(&trace, &[output], &[0], usize::MAX).is_some()
    };
    assert!(compiled(300));
    assert!(!compiled(1500));
}
