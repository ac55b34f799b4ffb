//! Tuning: weights that make a program do what examples show, by Adam from many short tries.
//!
//! Where to start, a source of examples and options go in; what each try came to comes out: its
//! weights, the program that they read as, and whether that program is right.
//!
//! **Invariants**
//! - What a try does is a function of the options and its number: results are the same on any number
//!   of threads, and a try does not depend on those before.
//! - The tries that are told are those up to the first that found a program, or all.
//! - A try whose loss is no finite number ends there, and is told as diverged.

use super::definition::Definition;
use super::kernel::{Kernel, Scratch};
use super::lanes::Number;
use super::loss::{Example, Loss};
use super::oracle;
use super::program::{Program, ProgramError, Shape};
use super::search::random_program;
use super::soft::SoftState;
use super::weights::{Compilation, Weights};
use crate::Random;
use crate::threads::{Threads, in_tasks};
use thiserror::Error;

/// Where tries start.
#[derive(Clone, PartialEq, Debug)]
pub enum Start {
    /// At weights that are normally distributed with a standard deviation, drawn anew by each try.
    Random {
        /// The machine's sizes.
        shape: Shape,
        /// The standard deviation.
        deviation: f64,
    },
    /// Near a program that each try draws anew, all of them as likely, compiled as in `Near`.
    Anywhere {
        /// The machine's sizes.
        shape: Shape,
        /// γ of [`Compilation`].
        gamma: f64,
        /// ε of [`Compilation`].
        epsilon: f64,
    },
    /// Near a program: compiled with noise γ that each try draws anew, and ε.
    Near {
        /// The program.
        program: Program,
        /// γ of [`Compilation`].
        gamma: f64,
        /// ε of [`Compilation`].
        epsilon: f64,
    },
    /// Near one of several programs of a shape, each try at the next, compiled in the same way.
    Among {
        /// The programs, in turn; at least one.
        programs: Vec<Program>,
        /// γ of [`Compilation`].
        gamma: f64,
        /// ε of [`Compilation`].
        epsilon: f64,
    },
    /// At these weights; tries differ by the examples that they see.
    Weights(Weights),
}

/// How the kernel computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    /// In binary32: twice as fast, and as good for tuning.
    #[default]
    Single,
    /// In binary64.
    Double,
}

/// How to tune.
#[derive(Clone, PartialEq, Debug)]
pub struct TuneOptions {
    /// The machine's variants.
    pub definition: Definition,
    /// Steps that the soft machine is run: about 1.6 times what the program needs gives it room.
    pub steps: usize,
    /// Steps that a program that was read back may take when it is checked.
    pub check_steps: usize,
    /// How many tries there are at most.
    pub tries: usize,
    /// How many iterations a try has.
    pub iterations: usize,
    /// How many examples are drawn for an iteration.
    pub batch: usize,
    /// Adam's step size.
    pub rate: f64,
    /// Adam's first decay, from 0 to below 1: how much of the last step's direction is kept. Where
    /// structure is sought from random weights, 0.5 finds more than the usual 0.9.
    pub momentum: f64,
    /// The standard deviation of what is added to each derivative of an example's loss, before Adam:
    /// it helps tries out of where a program is half right.
    pub jolt: f64,
    /// What missing costs.
    pub loss: Loss,
    /// After how many iterations the program is read back and checked; 0 is at the end alone.
    pub check_every: usize,
    /// What everything is drawn by.
    pub seed: u64,
    /// What the kernel computes in.
    pub precision: Precision,
    /// Threads that share the tries.
    pub threads: Threads,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self {
            definition: Definition::default(),
            steps: 32,
            check_steps: 256,
            tries: 40,
            iterations: 300,
            batch: 16,
            rate: 0.05,
            momentum: 0.9,
            jolt: 0.0,
            loss: Loss::default(),
            check_every: 25,
            seed: 1,
            precision: Precision::Single,
            threads: Threads::ALL,
        }
    }
}

/// What a try came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Try {
    /// Its number, from 0.
    pub number: usize,
    /// How many iterations it made.
    pub iterations: usize,
    /// The loss of its last examples, one lane's mean.
    pub loss: f64,
    /// Whether the program that its weights read as is right on all that it was checked on.
    pub found: bool,
    /// Whether it ended because the loss or the weights were no finite numbers.
    pub diverged: bool,
    /// Its weights at the end.
    pub weights: Weights,
}

/// What tuning came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Tuned {
    /// The tries in their order, up to the first that found a program.
    pub tries: Vec<Try>,
}

impl Tuned {
    /// The try that found a program.
    pub fn found(&self) -> Option<&Try> {
        self.tries.last().filter(|last| last.found)
    }

    /// The program that was found.
    pub fn program(&self) -> Option<Program> {
        self.found().map(|found| found.weights.decompile())
    }

    /// The try that found a program or else, of those that did not diverge, the one with the least
    /// loss.
    pub fn best(&self) -> Option<&Try> {
        let whole = self.tries.iter().filter(|one| !one.diverged);
        let least = whole.min_by(|a, b| a.loss.total_cmp(&b.loss));
        self.found().or(least)
    }
}

/// Why nothing was tuned.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum TuneError {
    /// A shape, program or weights that are none.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// An option that makes no sense.
    #[error("{what} of {number}; it must be {wanted}")]
    Option {
        /// Which option.
        what: &'static str,
        /// What it is.
        number: f64,
        /// What it must be.
        wanted: &'static str,
    },
    /// Every try diverged.
    #[error(
        "the loss is no finite number in any of {tries} tries, first at iteration {iteration}; \
         lower the rate of {rate}"
    )]
    Diverged {
        /// How many tries there were.
        tries: usize,
        /// The iteration at which the first of them ended.
        iteration: usize,
        /// The step size.
        rate: f64,
    },
}

/// Examples by a random sequence: it is given one of its own for each.
pub type Draw<'a> = dyn Fn(&mut Random) -> Example + Sync + 'a;

/// What is told while tries go on: a try that has ended.
pub type Watch<'a> = dyn Fn(&Try) + Sync + 'a;

/// Tunes until a try finds a program that is right on all of `checks`, or all tries are made.
/// `watch` is told of each try that ends, in the order in which they end.
///
/// # Errors
/// Options that make no sense, a start that is no program, and a loss that diverges in every try.
pub fn tune(
    start: &Start,
    draw: &Draw<'_>,
    checks: &[Example],
    options: &TuneOptions,
    watch: &Watch<'_>,
) -> Result<Tuned, TuneError> {
    match options.precision {
        Precision::Single => tune_in::<f32>(start, draw, checks, options, watch),
        Precision::Double => tune_in::<f64>(start, draw, checks, options, watch),
    }
}

/// Whether a program does what examples want, in so many steps; examples are few or many.
pub fn is_right(
    definition: &Definition,
    program: &Program,
    examples: &[Example],
    steps: usize,
) -> bool {
    examples.iter().all(|example| {
        let mut state = example.start.clone();
        oracle::run_by(definition, program, &mut state, steps);
        example.wanted.holds(&state)
    })
}

impl Start {
    /// The sizes of the machine.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Random { shape, .. } | Self::Anywhere { shape, .. } => *shape,
            Self::Near { program, .. } => program.shape,
            // A shape that is none where there is no program: it is refused like one.
            Self::Among { programs, .. } => programs.first().map_or(NO_SHAPE, |one| one.shape),
            Self::Weights(weights) => weights.shape(),
        }
    }

    /// The weights that a try starts at.
    fn weights(&self, seed: u64, number: usize) -> Result<Weights, ProgramError> {
        let seed = Random::at(&[seed, number as u64, 0]).bits();
        let compiled = |program: &Program, gamma: f64, epsilon: f64| {
            let how = Compilation {
                gamma,
                epsilon,
                seed,
            };
            Weights::compile(program, &how)
        };
        match self {
            Self::Random { shape, deviation } => Ok(Weights::random(*shape, *deviation, seed)),
            Self::Anywhere {
                shape,
                gamma,
                epsilon,
            } => {
                let program = random_program(*shape, &mut Random::at(&[seed]));
                compiled(&program, *gamma, *epsilon)
            }
            Self::Near {
                program,
                gamma,
                epsilon,
            } => compiled(program, *gamma, *epsilon),
            Self::Among {
                programs,
                gamma,
                epsilon,
            } => {
                let program = &programs[number % programs.len()];
                if program.shape == self.shape() {
                    return compiled(program, *gamma, *epsilon);
                }
                let (found, lines) = (program.lines.len(), self.shape().lines);
                Err(ProgramError::Lines { found, lines })
            }
            Self::Weights(weights) => Ok(weights.clone()),
        }
    }
}

impl TuneOptions {
    fn check(&self) -> Result<(), TuneError> {
        let whole = [
            ("the number of steps", self.steps),
            ("the number of tries", self.tries),
            ("the number of iterations", self.iterations),
            ("the number of examples", self.batch),
        ];
        for (what, number) in whole {
            if number == 0 {
                return Err(TuneError::Option {
                    what,
                    number: 0.0,
                    wanted: "1 or more",
                });
            }
        }
        let above = self.rate > 0.0 && self.rate.is_finite();
        let floor = self.loss.floor >= 0.0 && self.loss.floor.is_finite();
        for (what, number, is_right, wanted) in [
            ("a rate", self.rate, above, "above 0"),
            (
                "a jolt",
                self.jolt,
                self.jolt >= 0.0 && self.jolt.is_finite(),
                "0 or more",
            ),
            (
                "a momentum",
                self.momentum,
                (0.0..1.0).contains(&self.momentum),
                "from 0 to below 1",
            ),
            ("a floor", self.loss.floor, floor, "0 or more"),
        ] {
            if !is_right {
                return Err(TuneError::Option {
                    what,
                    number,
                    wanted,
                });
            }
        }
        Ok(())
    }
}

/// Of a list of programs that is empty.
const NO_SHAPE: Shape = Shape {
    base: 0,
    registers: 0,
    lines: 0,
};

fn tune_in<T: Number>(
    start: &Start,
    draw: &Draw<'_>,
    checks: &[Example],
    options: &TuneOptions,
    watch: &Watch<'_>,
) -> Result<Tuned, TuneError> {
    options.check()?;
    let kernel = Kernel::<T>::new(start.shape(), options.definition)?;
    start.weights(options.seed, 0)?;
    let attempts = Attempts {
        kernel,
        start,
        draw,
        checks,
        options,
    };
    let mut tuned = Tuned { tries: Vec::new() };
    let mut pool = Vec::new();
    let wave = options.threads.count();
    // As many tries at once as there are threads; what was tried beyond the first that found a
    // program is thrown away, so that the number of threads changes nothing.
    while tuned.tries.len() < options.tries {
        let first = tuned.tries.len();
        let numbers: Vec<usize> = (first..options.tries.min(first + wave)).collect();
        let run = |number: usize, scratch: &mut Scratch<T>| {
            let ended = attempts.attempt(number, scratch);
            if let Ok(ended) = &ended {
                watch(ended);
            }
            ended
        };
        for ended in in_tasks(numbers, &options.threads, &mut pool, &run) {
            tuned.tries.push(ended?);
            if tuned.found().is_some() {
                return Ok(tuned);
            }
        }
    }
    match tuned.tries.first() {
        Some(first) if tuned.tries.iter().all(|one| one.diverged) => Err(TuneError::Diverged {
            tries: tuned.tries.len(),
            iteration: first.iterations,
            rate: options.rate,
        }),
        _ => Ok(tuned),
    }
}

/// What all tries share.
struct Attempts<'a, T: Number> {
    kernel: Kernel<T>,
    start: &'a Start,
    draw: &'a Draw<'a>,
    checks: &'a [Example],
    options: &'a TuneOptions,
}

impl<T: Number> Attempts<'_, T> {
    fn is_right(&self, weights: &Weights) -> bool {
        let options = self.options;
        let program = weights.decompile();
        !self.checks.is_empty()
            && is_right(
                &options.definition,
                &program,
                self.checks,
                options.check_steps,
            )
    }

    fn attempt(&self, number: usize, scratch: &mut Scratch<T>) -> Result<Try, ProgramError> {
        let options = self.options;
        let mut ended = Try {
            number,
            iterations: 0,
            loss: f64::NAN,
            found: false,
            diverged: false,
            weights: self.start.weights(options.seed, number)?,
        };
        let shape = self.kernel.shape();
        let mut adam = Adam::new(ended.weights.numbers().len(), options);
        for iteration in 0..options.iterations {
            let draws = [options.seed, number as u64, 1 + iteration as u64];
            let mut random = Random::at(&draws);
            let examples: Vec<Example> = (0..options.batch)
                .map(|_| (self.draw)(&mut random))
                .collect();
            let starts: Vec<SoftState> = examples
                .iter()
                .map(|example| SoftState::of(shape, &example.start))
                .collect();
            let mut pulled = self.kernel.pull_back(
                &ended.weights,
                (&starts, false),
                options.steps,
                &|lane, end, by| options.loss.of(&examples[lane].wanted, end, by),
                &Threads::ONE,
                scratch,
            )?;
            ended.iterations = iteration + 1;
            ended.loss = pulled.value / options.batch as f64;
            let is_finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
            if options.jolt > 0.0 {
                for g in &mut pulled.weights {
                    *g += options.batch as f64 * options.jolt * random.normal();
                }
            }
            adam.step(ended.weights.numbers_mut(), &pulled.weights, options.batch);
            if !ended.loss.is_finite() || !is_finite(ended.weights.numbers()) {
                ended.diverged = true;
                return Ok(ended);
            }
            let is_due =
                options.check_every > 0 && ended.iterations.is_multiple_of(options.check_every);
            if is_due && self.is_right(&ended.weights) {
                ended.found = true;
                return Ok(ended);
            }
        }
        ended.found = self.is_right(&ended.weights);
        Ok(ended)
    }
}

/// Adam (Kingma, Ba 2015), with a momentum, the usual second decay 0.999, and 1e-8.
struct Adam {
    rate: f64,
    momentum: f64,
    /// What the moments still lack: their decays to the power of the steps.
    lacking: [f64; 2],
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Adam {
    fn new(count: usize, options: &TuneOptions) -> Self {
        Self {
            rate: options.rate,
            momentum: options.momentum,
            lacking: [1.0; 2],
            means: vec![0.0; count],
            squares: vec![0.0; count],
        }
    }

    /// A step down a gradient that is a sum over so many lanes.
    fn step(&mut self, weights: &mut [f64], gradient: &[f64], lanes: usize) {
        const SQUARE: f64 = 0.999;
        self.lacking[0] *= self.momentum;
        self.lacking[1] *= SQUARE;
        let [mean_bias, square_bias] = self.lacking.map(|lacking| 1.0 - lacking);
        let moments = self.means.iter_mut().zip(&mut self.squares);
        for ((w, g), (mean, square)) in weights.iter_mut().zip(gradient).zip(moments) {
            let g = g / lanes as f64;
            *mean = self.momentum * *mean + (1.0 - self.momentum) * g;
            *square = SQUARE * *square + (1.0 - SQUARE) * g * g;
            *w -= self.rate * (*mean / mean_bias) / ((*square / square_bias).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::instruction::Instruction;
    use crate::machine::loss::Wanted;
    use crate::machine::oracle::State;

    const SHAPE: Shape = Shape {
        base: 4,
        registers: 2,
        lines: 4,
    };

    /// One is to be added to what memory holds at 0.
    fn increment(random: &mut Random) -> Example {
        let mut start = State::of(SHAPE);
        start.memory[0] = random.below(SHAPE.base);
        let mut memory = vec![None; SHAPE.base];
        memory[0] = Some((start.memory[0] + 1) % SHAPE.base);
        let registers = Vec::new();
        Example {
            start,
            wanted: Wanted { memory, registers },
        }
    }

    fn options() -> TuneOptions {
        TuneOptions {
            steps: 6,
            tries: 6,
            iterations: 150,
            ..TuneOptions::default()
        }
    }

    fn checks() -> Vec<Example> {
        (0..16)
            .map(|seed| increment(&mut Random::new(seed)))
            .collect()
    }

    fn program() -> Program {
        let mut program = Program::of(SHAPE);
        let lines = [
            (Instruction::Read, [0, 0, 1]),
            (Instruction::Inc, [1, 0, 1]),
            (Instruction::Write, [0, 1, 0]),
            (Instruction::Halt, [0, 0, 0]),
        ];
        for (to, (instruction, operands)) in program.lines.iter_mut().zip(lines) {
            (to.instruction, to.operands) = (instruction, operands);
        }
        program
    }

    #[test]
    fn a_line_that_is_missing_is_found_on_any_number_of_threads() {
        let mut program = program();
        program.lines[1].instruction = Instruction::Noop;
        let start = Start::Near {
            program,
            gamma: 0.3,
            epsilon: 1e-3,
        };
        let mut results = Vec::new();
        for threads in [Threads::ONE, Threads::of(2), Threads::of(3)] {
            let options = TuneOptions {
                threads,
                ..options()
            };
            let tuned = tune(&start, &increment, &checks(), &options, &|_| {}).unwrap();
            let program = tuned.program().expect("it is found");
            assert!(is_right(&options.definition, &program, &checks(), 64));
            results.push(tuned);
        }
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }

    #[test]
    fn what_diverges_is_told() {
        let options = TuneOptions {
            rate: f64::MAX,
            tries: 3,
            ..options()
        };
        let start = Start::Random {
            shape: SHAPE,
            deviation: 1.0,
        };
        let error = tune(&start, &increment, &checks(), &options, &|_| {}).unwrap_err();
        assert!(
            matches!(error, TuneError::Diverged { tries: 3, .. }),
            "{error}"
        );
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let start = Start::Near {
            program: program(),
            gamma: 0.0,
            epsilon: 0.0,
        };
        let plain = options();
        for (options, words) in [
            (
                TuneOptions {
                    steps: 0,
                    ..plain.clone()
                },
                "the number of steps of 0",
            ),
            (
                TuneOptions {
                    rate: f64::NAN,
                    ..plain.clone()
                },
                "a rate of NaN",
            ),
            (
                TuneOptions {
                    batch: 0,
                    ..plain.clone()
                },
                "the number of examples of 0",
            ),
        ] {
            let error = tune(&start, &increment, &[], &options, &|_| {}).unwrap_err();
            assert!(error.to_string().starts_with(words), "{error}");
        }
    }
}
