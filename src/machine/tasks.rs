//! The tasks that machines are tuned, searched and synthesised for: what is wanted, examples of it,
//! and a program of whole numbers that does it.
//!
//! A task and a seed go in; examples come out, of the sizes that programs are tuned on, of longer
//! lists, and of a larger base.
//!
//! A list of n numbers lies in the cells 0 to n - 1 and register 0 holds n; all other cells and
//! registers hold 0 but for what [`Task::about`] says.
//!
//! **Invariants**
//! - What is drawn is a function of the task, the sizes and the random sequence.
//! - The reference of a task is right on all of its examples, in every base that is even, for any
//!   number of steps that is enough.
//!
//! ```
//! use dmci::machine::tasks;
//!
//! let task = tasks::named("fibonacci").expect("a task");
//! let program = task.reference();
//! assert!(task.verdict(&program).is_exact());
//! ```

use super::instruction::Instruction::{self, Add, Dec, Halt, Inc, Jump, Mod, Read, Sub, Write};
use super::loss::{Example, Wanted};
use super::oracle::{self, State};
use super::program::{Line, Program, Shape};
use crate::Random;

/// How many examples a program is held against that were not seen when it was found.
pub const HELD_OUT: usize = 256;

/// What the seeds of examples are mixed with, so that no two uses see the same ones.
const TUNED: u64 = 1;
const HELD: u64 = 2;
const LONGER: u64 = 3;
const WIDER: u64 = 4;

/// How large examples are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sizes {
    /// The machine's base.
    pub base: usize,
    /// The fewest cells of a list, or the least count.
    pub fewest: usize,
    /// The most cells of a list, or the largest count.
    pub most: usize,
    /// The chance that a number of a list that is summed up is not 0: 1 where all of them are
    /// uniform, 0 included.
    pub filled: f64,
}

/// A task.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// What the command line and the tables call it.
    pub name: &'static str,
    /// What is wanted, in a sentence.
    pub about: &'static str,
    /// The sizes of its machine.
    pub shape: Shape,
    /// The sizes of examples that programs are tuned on.
    pub sizes: Sizes,
    /// How many steps a machine has for examples of these sizes: room for a round of all lines a cell.
    pub steps: usize,
    draw: fn(&Sizes, &mut Drawn, &mut Random),
    lines: &'static [(Instruction, [usize; 3], usize)],
}

/// An example under way: registers and memory, and what is wanted of both.
struct Drawn {
    registers: Vec<usize>,
    memory: Vec<usize>,
    wanted_registers: Vec<Option<usize>>,
    wanted_memory: Vec<Option<usize>>,
}

/// How a program does what it should: on what was held out, on longer lists, for more steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Whether it is right on [`HELD_OUT`] inputs of the sizes that programs are tuned on, after the
    /// steps that they are tuned with.
    pub held_out: bool,
    /// Whether it is right on lists of up to all cells but one, in the same base and in one twice as
    /// large, with as many more steps.
    pub more_cells: bool,
    /// Whether it is still right after more steps: one more, half as many more, up to ten times as
    /// many.
    pub more_steps: bool,
}

impl Verdict {
    /// Whether all is right.
    pub fn is_exact(&self) -> bool {
        self.held_out && self.more_cells && self.more_steps
    }
}

const SHAPE: Shape = Shape {
    base: 8,
    registers: 4,
    lines: 8,
};

const LISTS: Sizes = Sizes {
    base: 8,
    fewest: 1,
    most: 3,
    filled: 1.0,
};

/// All tasks, in the order of the paper's table.
pub const TASKS: [Task; 6] = [
    Task {
        name: "inc",
        about: "Adds one to the number in cell 0; all other cells, which hold anything, stay.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 12,
        draw: inc,
        lines: &[
            (Read, [0, 0, 1], 0),
            (Inc, [1, 0, 1], 0),
            (Write, [0, 1, 0], 0),
            (Halt, [0; 3], 0),
        ],
    },
    Task {
        name: "map-inc",
        about: "Adds one to each number of a list.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 26,
        draw: |sizes, drawn, random| map(sizes, drawn, random, Inc),
        lines: &[
            (Jump, [0; 3], 6),
            (Dec, [0; 3], 0),
            (Read, [0, 0, 1], 0),
            (Inc, [1, 0, 1], 0),
            (Write, [0, 1, 0], 0),
            (Jump, [3, 0, 0], 0),
            (Halt, [0; 3], 0),
        ],
    },
    Task {
        name: "map-dec",
        about: "Takes one from each number of a list.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 26,
        draw: |sizes, drawn, random| map(sizes, drawn, random, Dec),
        lines: &[
            (Jump, [0; 3], 6),
            (Dec, [0; 3], 0),
            (Read, [0, 0, 1], 0),
            (Dec, [1, 0, 1], 0),
            (Write, [0, 1, 0], 0),
            (Jump, [3, 0, 0], 0),
            (Halt, [0; 3], 0),
        ],
    },
    Task {
        name: "reduce",
        about: "The sum of a list, into register 1.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 26,
        draw: reduce,
        lines: &[
            (Jump, [0; 3], 5),
            (Dec, [0; 3], 0),
            (Read, [0, 0, 2], 0),
            (Add, [1, 2, 1], 0),
            (Jump, [3, 0, 0], 0),
            (Halt, [0; 3], 0),
        ],
    },
    Task {
        name: "parity",
        about: "Whether a list of zeros and ones has an odd number of ones, into register 1; register 3 holds 2.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 26,
        draw: parity,
        // Where the list ends it stays on its first line.
        lines: &[
            (Jump, [0; 3], 0),
            (Dec, [0; 3], 0),
            (Read, [0, 0, 2], 0),
            (Add, [1, 2, 1], 0),
            (Mod, [1, 3, 1], 0),
        ],
    },
    Task {
        name: "fibonacci",
        about: "A Fibonacci sequence into the cells from 0 on: registers 1 and 2 hold a number and the one before it, register 3 how many are to follow; register 0 holds 0.",
        shape: SHAPE,
        sizes: LISTS,
        steps: 26,
        draw: fibonacci,
        // Where the sequence ends it stays on its first line.
        lines: &[
            (Jump, [3, 0, 0], 0),
            (Add, [1, 2, 1], 0),
            (Sub, [1, 2, 2], 0),
            (Write, [0, 1, 0], 0),
            (Inc, [0; 3], 0),
            (Dec, [3, 0, 3], 0),
        ],
    },
];

/// Whether one number is odd, into register 1; register 0 holds the number and register 3 holds 2. One
/// line does it: what it takes beside parity of a list is what the list takes.
pub const PARITY_OF_ONE: Task = Task {
    name: "parity",
    about: "Whether the number in register 0 is odd, into register 1; register 3 holds 2.",
    shape: SHAPE,
    sizes: Sizes {
        fewest: 0,
        most: 7,
        ..LISTS
    },
    steps: 12,
    draw: |sizes, drawn, random| {
        drawn.registers[0] = between(sizes.fewest, sizes.most, random);
        drawn.registers[3] = 2;
        drawn.wanted_registers[1] = Some(drawn.registers[0] % 2);
    },
    lines: &[(Mod, [0, 3, 1], 0), (Halt, [0; 3], 0)],
};

/// The task of a name.
pub fn named(name: &str) -> Option<Task> {
    TASKS.into_iter().find(|task| task.name == name)
}

impl Task {
    /// A program that does it.
    pub fn reference(&self) -> Program {
        let mut program = Program::of(self.shape);
        for (to, &(instruction, operands, label)) in program.lines.iter_mut().zip(self.lines) {
            *to = Line {
                instruction,
                operands,
                label,
            };
        }
        program
    }

    /// The same task on a machine of so many lines, as far as its reference fits.
    #[must_use]
    pub fn with_lines(mut self, lines: usize) -> Self {
        self.shape.lines = lines.max(self.lines.len());
        self
    }

    /// One example of some sizes.
    pub fn example(&self, sizes: &Sizes, random: &mut Random) -> Example {
        let registers = self.shape.registers;
        let base = sizes.base.max(2);
        let mut drawn = Drawn {
            registers: vec![0; registers],
            memory: vec![0; base],
            wanted_registers: vec![None; registers],
            wanted_memory: vec![None; base],
        };
        let sizes = Sizes { base, ..*sizes };
        (self.draw)(&sizes, &mut drawn, random);
        let shape = Shape { base, ..self.shape };
        Example {
            start: State {
                registers: drawn.registers,
                memory: drawn.memory,
                ..State::of(shape)
            },
            wanted: Wanted {
                memory: drawn.wanted_memory,
                registers: drawn.wanted_registers,
            },
        }
    }

    fn examples(&self, sizes: &Sizes, count: usize, seeds: [u64; 2]) -> Vec<Example> {
        let mut random = Random::at(&seeds);
        (0..count)
            .map(|_| self.example(sizes, &mut random))
            .collect()
    }

    /// Examples that programs may be searched or checked by while they are tuned: lists are uniform.
    pub fn training(&self, count: usize, seed: u64) -> Vec<Example> {
        self.examples(&self.uniform(), count, [TUNED, seed])
    }

    /// [`HELD_OUT`] examples that no program has seen.
    pub fn held_out(&self) -> Vec<Example> {
        self.examples(&self.uniform(), HELD_OUT, [HELD, 0])
    }

    /// What is asked of a program, whatever the sizes it was tuned on are filled with.
    fn uniform(&self) -> Sizes {
        Sizes {
            filled: 1.0,
            ..self.sizes
        }
    }

    /// Examples of more cells, or of larger counts, than those of [`Task::sizes`], as many in the same
    /// base as in one that is twice as large; each with the steps it may take.
    pub fn more_cells(&self) -> Vec<(Example, usize)> {
        let mut all = Vec::new();
        for (base, seed) in [(self.sizes.base, LONGER), (2 * self.sizes.base, WIDER)] {
            let most = base - 1;
            let sizes = Sizes {
                base,
                fewest: self.sizes.most + 1,
                most,
                filled: 1.0,
            };
            let steps = self.steps * most.div_ceil(self.sizes.most.max(1));
            let examples = self.examples(&sizes, HELD_OUT / 2, [seed, 0]);
            all.extend(examples.into_iter().map(|example| (example, steps)));
        }
        all
    }

    /// Whether a program is right on some examples after so many steps.
    pub fn is_right(program: &Program, examples: &[Example], steps: usize) -> bool {
        examples
            .iter()
            .all(|example| holds(program, example, steps))
    }

    /// How a program does on what was held out, on longer lists and for more steps.
    pub fn verdict(&self, program: &Program) -> Verdict {
        let held_out = self.held_out();
        let more = [self.steps + 1, self.steps + self.steps / 2, 10 * self.steps];
        Verdict {
            held_out: Self::is_right(program, &held_out, self.steps),
            more_cells: self.more_cells().iter().all(|(example, steps)| {
                let mut wider = program.clone();
                wider.shape.base = example.start.memory.len();
                holds(&wider, example, *steps)
            }),
            more_steps: more
                .into_iter()
                .all(|steps| Self::is_right(program, &held_out, steps)),
        }
    }
}

fn holds(program: &Program, example: &Example, steps: usize) -> bool {
    let mut state = example.start.clone();
    oracle::run(program, &mut state, steps);
    example.wanted.holds(&state)
}

/// A whole number from `low` to `high`, both included.
fn between(low: usize, high: usize, random: &mut Random) -> usize {
    low + random.below((high + 1).saturating_sub(low))
}

fn inc(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random) {
    for (cell, wanted) in drawn.memory.iter_mut().zip(&mut drawn.wanted_memory) {
        *cell = random.below(sizes.base);
        *wanted = Some(*cell);
    }
    drawn.wanted_memory[0] = Inc.result(sizes.base, drawn.memory[0], 0);
}

/// The length of a list, into register 0. One in four is as long as lists are: there are the fewest
/// ways to do those.
fn length(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random) -> usize {
    let n = if random.below(4) == 0 {
        sizes.most
    } else {
        between(sizes.fewest, sizes.most, random)
    };
    drawn.registers[0] = n;
    n
}

fn map(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random, by: Instruction) {
    for at in 0..length(sizes, drawn, random) {
        let number = random.below(sizes.base);
        drawn.memory[at] = number;
        drawn.wanted_memory[at] = by.result(sizes.base, number, 0);
    }
}

/// A number below `below`, and 0 but for a chance; all of them are as likely where that is 1.
fn sparse(sizes: &Sizes, below: usize, random: &mut Random) -> usize {
    if sizes.filled >= 1.0 {
        random.below(below)
    } else if random.unit() < sizes.filled {
        1 + random.below(below - 1)
    } else {
        0
    }
}

fn reduce(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random) {
    let mut sum = 0;
    for at in 0..length(sizes, drawn, random) {
        drawn.memory[at] = sparse(sizes, sizes.base, random);
        sum += drawn.memory[at];
    }
    drawn.wanted_registers[1] = Some(sum % sizes.base);
}

fn parity(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random) {
    let mut ones = 0;
    for at in 0..length(sizes, drawn, random) {
        drawn.memory[at] = sparse(sizes, 2, random);
        ones += drawn.memory[at];
    }
    drawn.registers[3] = 2;
    drawn.wanted_registers[1] = Some(ones % 2);
}

fn fibonacci(sizes: &Sizes, drawn: &mut Drawn, random: &mut Random) {
    let n = length(sizes, drawn, random);
    let mut pair = [(); 2].map(|()| sparse(sizes, sizes.base, random));
    drawn.registers[0] = 0;
    drawn.registers[1..3].copy_from_slice(&pair);
    drawn.registers[3] = n;
    for wanted in &mut drawn.wanted_memory[..n] {
        pair = [(pair[0] + pair[1]) % sizes.base, pair[0]];
        *wanted = Some(pair[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_exact() {
        for task in TASKS {
            let program = task.reference();
            assert_eq!(program.check(), Ok(()));
            let verdict = task.verdict(&program);
            assert!(verdict.is_exact(), "{}: {verdict:?}", task.name);
            assert!(Task::is_right(&program, &task.training(64, 7), task.steps));
        }
    }

    #[test]
    fn a_program_that_is_wrong_is_told() {
        for task in TASKS {
            let nothing = Program::of(task.shape);
            assert_eq!(task.verdict(&nothing), Verdict::default(), "{}", task.name);
            // A remainder by 0 changes nothing, so where register 3 holds 0 parity's is a sum too.
            let is_other = |other: &&Task| other.name != task.name && other.name != "parity";
            for other in TASKS.iter().filter(is_other) {
                let verdict = task.verdict(&other.reference());
                assert!(!verdict.is_exact(), "{} by {}", task.name, other.name);
            }
        }
        // It takes one more from each cell when it comes round: right for a time.
        let task = named("map-dec").expect("a task");
        let mut endless = task.reference();
        endless.lines[0] = Line::NOOP;
        let verdict = task.verdict(&endless);
        assert!(!verdict.more_steps, "{verdict:?}");
    }

    #[test]
    fn examples_are_of_the_sizes_asked_for() {
        for task in TASKS {
            for (example, steps) in task.more_cells() {
                let base = example.start.memory.len();
                assert!(base == 8 || base == 16);
                assert!(steps > task.steps);
                let numbers = example.start.memory.iter().chain(&example.start.registers);
                assert!(numbers.chain(&example.start.memory).all(|&n| n < base));
            }
            assert_eq!(task.held_out(), task.held_out());
            assert_ne!(task.held_out()[..9], task.training(9, 0)[..]);
        }
        assert!(named("sort").is_none());
    }
}
