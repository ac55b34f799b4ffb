//! Synthesis: programs put together from skeletons, their holes filled with short runs of lines.
//!
//! Examples go in; a program that is right on all of them comes out, if there is one, and the near
//! misses, which are where tuning may start.
//!
//! A skeleton is a program with holes. What may fill a hole is enumerated by length, and of those
//! that do the same to a handful of states one is kept: the first, which is the shortest. Filled
//! skeletons are tried by the total length of what fills them and, within a length, in the order of
//! [`SKELETONS`]. Lines that a machine has and a program does not need are no-ops at the ends of the
//! holes, where tuning has use for them.
//!
//! **Invariants**
//! - What is found is a function of the shape, the examples and the options.
//! - A program that is told as found is right on every example, after the steps and after more.
//!
//! ```text
//! reduce                 with  add r1 r2 r1
//! loop: jump r0 end            0 jump r0 6
//!       dec r0 r0              1 dec r0 r0
//!       read r0 r2             2 read r0 r2
//!       ‹hole›                 3 add r1 r2 r1
//!       jump r3 loop           4 noop
//! end:  halt                   5 jump r3 0
//!                              6 halt
//! ```

use super::instruction::Instruction::{self, Dec, Halt, Inc, Jump, Read, Write, Zero};
use super::loss::Example;
use super::oracle::{self, State};
use super::program::{Line, Program, ProgramError, Shape};
use crate::Random;
use rustc_hash::{FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};

/// A piece of a skeleton.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// A line, which goes nowhere.
    Line(Instruction, [usize; 3]),
    /// A jump to a mark where a register holds 0.
    Jump(usize, usize),
    /// Where a mark is.
    Mark(usize),
    /// A hole, by its number.
    Hole(usize),
}

/// What a hole may be filled with: which registers are read, and which are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Hole {
    reads: &'static [usize],
    writes: &'static [usize],
    /// Whether memory is read and written.
    memory: bool,
}

/// A program with holes.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton {
    /// What it is called.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    pieces: &'static [Piece],
    holes: &'static [Hole],
}

const fn hole(reads: &'static [usize], writes: &'static [usize]) -> Hole {
    Hole {
        reads,
        writes,
        memory: false,
    }
}

const LOOP: usize = 0;
const END: usize = 1;
const OTHER: usize = 2;

/// All skeletons. Register 0 counts down to 0 and, as it does, is the address in a list.
///
/// In those that are said to spin, the last line is followed by the first, and the end is a jump to
/// itself: they need no register that holds 0.
pub const SKELETONS: [Skeleton; 9] = [
    Skeleton {
        name: "straight",
        about: "Lines in a row, on registers 0 and 1 and memory.",
        pieces: &[Piece::Hole(0), Piece::Line(Halt, [0; 3])],
        holes: &[Hole {
            reads: &[0, 1],
            writes: &[0, 1],
            memory: true,
        }],
    },
    Skeleton {
        name: "map",
        about: "Does the same to each number of a list.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, END),
            Piece::Line(Dec, [0; 3]),
            Piece::Line(Read, [0, 0, 1]),
            Piece::Hole(0),
            Piece::Line(Write, [0, 1, 0]),
            Piece::Jump(3, LOOP),
            Piece::Mark(END),
            Piece::Line(Halt, [0; 3]),
        ],
        holes: &[hole(&[1, 2], &[1, 2])],
    },
    Skeleton {
        name: "reduce",
        about: "Takes each number of a list, in register 2, into register 1.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, END),
            Piece::Line(Dec, [0; 3]),
            Piece::Line(Read, [0, 0, 2]),
            Piece::Hole(0),
            Piece::Jump(3, LOOP),
            Piece::Mark(END),
            Piece::Line(Halt, [0; 3]),
        ],
        holes: &[hole(&[1, 2], &[1, 2])],
    },
    Skeleton {
        name: "spinning reduce",
        about: "The same with register 3 to work with, or with what it holds.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, LOOP),
            Piece::Line(Dec, [0; 3]),
            Piece::Line(Read, [0, 0, 2]),
            Piece::Hole(0),
        ],
        holes: &[hole(&[1, 2, 3], &[1, 2, 3])],
    },
    Skeleton {
        name: "recurrence",
        about: "Goes from one pair of numbers, in registers 1 and 2, to the next, so many times.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, END),
            Piece::Line(Dec, [0; 3]),
            Piece::Hole(0),
            Piece::Jump(3, LOOP),
            Piece::Mark(END),
            Piece::Line(Halt, [0; 3]),
        ],
        holes: &[hole(&[1, 2], &[1, 2])],
    },
    Skeleton {
        name: "unfold",
        about: "Goes from one pair to the next, as often as register 3 says, and writes register 1 each time.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(3, LOOP),
            Piece::Hole(0),
            Piece::Line(Write, [0, 1, 0]),
            Piece::Line(Inc, [0; 3]),
            Piece::Line(Dec, [3, 0, 3]),
        ],
        holes: &[hole(&[1, 2], &[1, 2])],
    },
    Skeleton {
        name: "loop",
        about: "Does anything to memory and registers 0 to 2, for as long as register 0 is not 0.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, END),
            Piece::Hole(0),
            Piece::Jump(3, LOOP),
            Piece::Mark(END),
            Piece::Line(Halt, [0; 3]),
        ],
        holes: &[Hole {
            reads: &[0, 1, 2],
            writes: &[0, 1, 2],
            memory: true,
        }],
    },
    Skeleton {
        name: "filter",
        about: "Blots out those numbers of a list for which register 2 comes out other than 0.",
        pieces: &[
            Piece::Mark(LOOP),
            Piece::Jump(0, LOOP),
            Piece::Line(Dec, [0; 3]),
            Piece::Line(Read, [0, 0, 1]),
            Piece::Hole(0),
            Piece::Jump(2, LOOP),
            Piece::Line(Zero, [0, 0, 2]),
            Piece::Line(Write, [0, 2, 0]),
        ],
        holes: &[hole(&[1, 3], &[2])],
    },
    Skeleton {
        name: "conditional",
        about: "One thing to register 1 where register 2 comes out as 0, and another where not.",
        pieces: &[
            Piece::Hole(0),
            Piece::Jump(2, OTHER),
            Piece::Hole(1),
            Piece::Jump(3, END),
            Piece::Mark(OTHER),
            Piece::Hole(2),
            Piece::Mark(END),
            Piece::Line(Halt, [0; 3]),
        ],
        holes: &[
            hole(&[0, 1, 2], &[2]),
            hole(&[0, 1], &[1]),
            hole(&[0, 1], &[1]),
        ],
    },
];

/// How to synthesise.
#[derive(Clone, PartialEq, Debug)]
pub struct SynthOptions {
    /// How many steps a program has.
    pub steps: usize,
    /// How many lines fill the holes of a skeleton at most.
    pub longest: usize,
    /// How many near misses are kept.
    pub near: usize,
    /// How many programs are tried at most.
    pub most: usize,
    /// What the states are drawn by that fillings are told apart by.
    pub seed: u64,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self {
            steps: 32,
            longest: 3,
            near: 16,
            most: 2_000_000,
            seed: 1,
        }
    }
}

/// A filled skeleton.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// The program, with no-ops to the end of its machine.
    pub program: Program,
    /// The name of its skeleton.
    pub skeleton: &'static str,
    /// How many lines fill its holes.
    pub filled: usize,
    /// The share of right numbers over all examples.
    pub score: f64,
}

/// What synthesis came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Synthesised {
    /// The first program that is right on all examples.
    pub found: Option<Candidate>,
    /// The best of the others that were tried before it, best first.
    pub near: Vec<Candidate>,
    /// How many programs were tried.
    pub tried: usize,
}

/// Synthesises a program that is right on all examples.
///
/// # Errors
/// A shape that is none.
pub fn synthesise(
    shape: Shape,
    examples: &[Example],
    options: &SynthOptions,
) -> Result<Synthesised, ProgramError> {
    shape.check()?;
    let mut at_work = AtWork {
        shape,
        examples,
        options,
        fillings: Vec::new(),
        result: Synthesised::default(),
        state: State::of(shape),
    };
    for filled in 0..=options.longest {
        for skeleton in &SKELETONS {
            let parts = skeleton.holes.len();
            let mut lengths = vec![0; parts];
            lengths[0] = filled;
            loop {
                if at_work.fill(skeleton, &lengths) {
                    return Ok(at_work.result);
                }
                if !next_lengths(&mut lengths) {
                    break;
                }
            }
        }
    }
    Ok(at_work.result)
}

/// The next way to share a number of lines among holes; none after the last has them all.
fn next_lengths(lengths: &mut [usize]) -> bool {
    let last = lengths.len() - 1;
    let Some(at) = (0..last).rev().find(|&at| lengths[at] > 0) else {
        return false;
    };
    let behind: usize = lengths[at + 1..].iter().sum();
    lengths[at] -= 1;
    lengths[at + 1..].fill(0);
    lengths[at + 1] = behind + 1;
    true
}

/// The fillings of a hole by their length, each as its lines.
struct Fillings {
    hole: Hole,
    by_length: Vec<Vec<Vec<Line>>>,
    seen: FxHashSet<u64>,
    probes: Vec<State>,
}

struct AtWork<'a> {
    shape: Shape,
    examples: &'a [Example],
    options: &'a SynthOptions,
    fillings: Vec<Fillings>,
    result: Synthesised,
    state: State,
}

/// How many states fillings are told apart by.
const PROBES: usize = 6;

/// How many examples a program is looked at with first, and what it must get right of them for the
/// others to be looked at.
const FIRST: usize = 8;
const PROMISING: f64 = 0.3;

impl AtWork<'_> {
    /// Tries all ways to fill a skeleton with so many lines in each hole; whether that is the end.
    fn fill(&mut self, skeleton: &Skeleton, lengths: &[usize]) -> bool {
        let fixed = skeleton.pieces.iter().filter(|piece| piece.is_line());
        if fixed.count() + lengths.iter().sum::<usize>() > self.shape.lines
            || skeleton.most_register() >= self.shape.registers
        {
            return false;
        }
        let places: Vec<usize> = skeleton
            .holes
            .iter()
            .zip(lengths)
            .map(|(hole, &length)| self.fillings_of(hole, length))
            .collect();
        let counts: Vec<usize> = places
            .iter()
            .zip(lengths)
            .map(|(&at, &length)| self.fillings[at].by_length[length].len())
            .collect();
        let mut chosen = vec![0; lengths.len()];
        if counts.contains(&0) {
            return false;
        }
        loop {
            let bodies = || {
                let all = places.iter().zip(lengths).zip(&chosen);
                all.map(|((&at, &length), &one)| &*self.fillings[at].by_length[length][one])
            };
            let program = skeleton.lower(self.shape, &bodies().collect::<Vec<_>>());
            if self.try_one(program, skeleton.name, lengths.iter().sum()) {
                return true;
            }
            // As the digits of a number, the last hole fastest.
            let Some(at) = (0..chosen.len())
                .rev()
                .find(|&at| chosen[at] + 1 < counts[at])
            else {
                return false;
            };
            chosen[at] += 1;
            chosen[at + 1..].fill(0);
        }
    }

    /// Looks at a program; whether that is the end.
    fn try_one(&mut self, program: Program, skeleton: &'static str, filled: usize) -> bool {
        if self.result.tried >= self.options.most {
            return true;
        }
        self.result.tried += 1;
        let first = &self.examples[..FIRST.min(self.examples.len())];
        if self.score(&program, first) < PROMISING {
            return false;
        }
        let score = self.score(&program, self.examples);
        let candidate = Candidate {
            program,
            skeleton,
            filled,
            score,
        };
        // What is right for a time is a near miss as well.
        if score >= 1.0 && self.stays_right(&candidate.program) {
            self.result.found = Some(candidate);
            return true;
        }
        let near = &mut self.result.near;
        let is_among = |other: &Candidate| other.program == candidate.program;
        if !near.iter().any(is_among) {
            let at = near.partition_point(|other| other.score >= candidate.score);
            near.insert(at, candidate);
            near.truncate(self.options.near);
        }
        false
    }

    fn stays_right(&mut self, program: &Program) -> bool {
        let steps = self.options.steps;
        [steps + 1, steps + steps / 2, 4 * steps]
            .into_iter()
            .all(|steps| {
                self.examples.iter().all(|example| {
                    self.state.clone_from(&example.start);
                    oracle::run(program, &mut self.state, steps);
                    example.wanted.holds(&self.state)
                })
            })
    }

    fn score(&mut self, program: &Program, examples: &[Example]) -> f64 {
        let (mut right, mut asked) = (0, 0);
        for example in examples {
            self.state.clone_from(&example.start);
            oracle::run(program, &mut self.state, self.options.steps);
            let counts = example.wanted.right(&self.state);
            right += counts.0;
            asked += counts.1;
        }
        right as f64 / asked.max(1) as f64
    }

    /// Where the fillings of a hole are, enumerated up to a length.
    fn fillings_of(&mut self, hole: &Hole, length: usize) -> usize {
        let known = self.fillings.iter().position(|one| one.hole == *hole);
        let at = known.unwrap_or_else(|| {
            self.fillings
                .push(Fillings::new(*hole, self.shape, self.options.seed));
            self.fillings.len() - 1
        });
        while self.fillings[at].by_length.len() <= length {
            self.fillings[at].lengthen(self.shape);
        }
        at
    }
}

impl Fillings {
    fn new(hole: Hole, shape: Shape, seed: u64) -> Self {
        let mut random = Random::at(&[seed]);
        let probes = (0..PROBES).map(|_| {
            let mut state = State::of(shape);
            for number in state.registers.iter_mut().chain(&mut state.memory) {
                *number = random.below(shape.base);
            }
            state
        });
        let mut all = Self {
            hole,
            by_length: vec![vec![Vec::new()]],
            seen: FxHashSet::default(),
            probes: probes.collect(),
        };
        let nothing = all.done_by(shape, &[]);
        all.seen.insert(nothing);
        all
    }

    /// What lines do to the probes.
    fn done_by(&self, shape: Shape, lines: &[Line]) -> u64 {
        let program = Program {
            shape,
            lines: lines.to_vec(),
        };
        let mut hasher = FxHasher::default();
        for probe in &self.probes {
            let mut state = probe.clone();
            oracle::run(&program, &mut state, lines.len());
            state.registers.hash(&mut hasher);
            state.memory.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Enumerates those that are one line longer, and do what no shorter one does.
    fn lengthen(&mut self, shape: Shape) {
        let lines = self.hole.lines(shape);
        let mut longer = Vec::new();
        for body in self.by_length.last().into_iter().flatten() {
            for &line in &lines {
                let mut body = body.clone();
                body.push(line);
                let done = self.done_by(shape, &body);
                if self.seen.insert(done) {
                    longer.push(body);
                }
            }
        }
        self.by_length.push(longer);
    }
}

impl Hole {
    /// All lines that may stand in it.
    fn lines(&self, shape: Shape) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut add = |instruction, operands| {
            lines.push(Line {
                instruction,
                operands,
                label: 0,
            });
        };
        for instruction in Instruction::ALL {
            let [first, second, third, _] = instruction.uses();
            let uses_memory = matches!(instruction, Read | Write);
            if (uses_memory && !self.memory) || !(first || third) || instruction == Jump {
                continue;
            }
            let registers = |is_used: bool, of: &'static [usize]| if is_used { of } else { &[0] };
            for &a in registers(first, self.reads) {
                for &b in registers(second, self.reads) {
                    for &d in registers(third, self.writes) {
                        add(instruction, [a, b, d]);
                    }
                }
            }
        }
        lines.retain(|line| line.operands.iter().all(|&r| r < shape.registers));
        lines
    }
}

impl Piece {
    fn is_line(&self) -> bool {
        matches!(self, Self::Line(..) | Self::Jump(..))
    }
}

impl Skeleton {
    fn most_register(&self) -> usize {
        let of_pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Line(_, operands) => operands.iter().copied().max().unwrap_or(0),
            Piece::Jump(register, _) => *register,
            Piece::Mark(_) | Piece::Hole(_) => 0,
        });
        let of_holes = self.holes.iter().flat_map(|hole| hole.reads);
        of_pieces.chain(of_holes.copied()).max().unwrap_or(0)
    }

    /// The skeleton with its holes empty: no-ops in their place.
    pub fn blank(&self, shape: Shape) -> Program {
        self.lower(shape, &vec![&[][..]; self.holes.len()])
    }

    /// A program of the lines that fill the holes; lines that are left over are no-ops behind them.
    fn lower(&self, shape: Shape, bodies: &[&[Line]]) -> Program {
        let fixed = self.pieces.iter().filter(|piece| piece.is_line()).count();
        let filled: usize = bodies.iter().map(|body| body.len()).sum();
        let spare = shape.lines.saturating_sub(fixed + filled);
        let room = |hole: usize| {
            let share = spare / bodies.len();
            share + usize::from(hole < spare % bodies.len())
        };
        let mut lines = Vec::with_capacity(shape.lines);
        let mut marks = [0; 3];
        for piece in self.pieces {
            match *piece {
                Piece::Line(instruction, operands) => lines.push(Line {
                    instruction,
                    operands,
                    label: 0,
                }),
                // The mark stands in for the line until all marks are known.
                Piece::Jump(register, mark) => lines.push(Line {
                    instruction: Jump,
                    operands: [register, 0, 0],
                    label: mark,
                }),
                Piece::Mark(mark) => marks[mark] = lines.len(),
                Piece::Hole(hole) => {
                    lines.extend_from_slice(bodies[hole]);
                    lines.resize(lines.len() + room(hole), Line::NOOP);
                }
            }
        }
        for line in lines.iter_mut().filter(|line| line.instruction == Jump) {
            line.label = marks[line.label];
        }
        lines.truncate(shape.lines);
        Program { shape, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::loss::Wanted;
    use crate::machine::tasks::{TASKS, Task};

    const SHAPE: Shape = Shape {
        base: 8,
        registers: 4,
        lines: 8,
    };

    /// Lists of up to three, and what becomes of them.
    fn lists(change: impl Fn(usize) -> usize) -> Vec<Example> {
        let mut random = Random::new(3);
        let one = |_| {
            let mut start = State::of(SHAPE);
            let mut wanted = Wanted::default();
            start.registers[0] = random.below(4);
            for at in 0..start.registers[0] {
                start.memory[at] = random.below(8);
                wanted.memory.push(Some(change(start.memory[at])));
            }
            Example { start, wanted }
        };
        (0..40).map(one).collect()
    }

    #[test]
    fn every_task_is_synthesised_and_exact() {
        for task in TASKS {
            let options = SynthOptions {
                steps: task.steps,
                ..SynthOptions::default()
            };
            let made = synthesise(task.shape, &task.training(40, 1), &options).expect("a shape");
            let found = made.found.expect(task.name);
            assert_eq!((found.score, found.program.check()), (1.0, Ok(())));
            let verdict = task.verdict(&found.program);
            assert!(verdict.is_exact(), "{}: {verdict:?}", task.name);
            assert!(made.near.iter().all(|near| near.score <= 1.0
                && near.program != found.program
                && !Task::is_right(&near.program, &task.training(40, 1), 4 * task.steps)));
        }
    }

    #[test]
    fn filters_and_conditionals_are_synthesised() {
        let options = SynthOptions::default();
        // Numbers above 1 are blotted out: what is left of n - 1 below n, which is n mod … no more
        // than one line can say, register 3 holding 0.
        let examples = lists(|n| if n == 7 { 7 } else { 0 });
        let made = synthesise(SHAPE, &examples, &options).expect("a shape");
        assert_eq!(made.found.expect("a filter").skeleton, "filter");

        let mut random = Random::new(5);
        let examples = (0..60).map(|_| {
            let mut start = State::of(SHAPE);
            start.registers[0] = random.below(8);
            start.registers[1] = random.below(8);
            start.registers[2] = random.below(2);
            let [a, b, c, _] = start.registers[..] else {
                unreachable!("there are four")
            };
            let result = if c == 0 { (a + b) % 8 } else { a.max(b) };
            let wanted = Wanted {
                registers: vec![None, Some(result)],
                memory: Vec::new(),
            };
            Example { start, wanted }
        });
        let examples: Vec<Example> = examples.collect();
        let made = synthesise(SHAPE, &examples, &options).expect("a shape");
        assert_eq!(made.found.expect("a conditional").skeleton, "conditional");
    }

    #[test]
    fn what_cannot_be_done_leaves_near_misses() {
        let options = SynthOptions {
            longest: 2,
            near: 5,
            ..SynthOptions::default()
        };
        let examples = lists(|n| (n * n + 3) % 8);
        let made = synthesise(SHAPE, &examples, &options).expect("a shape");
        assert!(made.found.is_none());
        assert_eq!(made.near.len(), 5);
        assert!(made.near.is_sorted_by(|a, b| a.score >= b.score));
        let few = SynthOptions {
            most: 10,
            ..options.clone()
        };
        let made = synthesise(SHAPE, &examples, &few).expect("a shape");
        assert_eq!(made.tried, 10);
        let none = Shape { base: 0, ..SHAPE };
        assert!(synthesise(none, &examples, &options).is_err());
        // A machine that no skeleton fits.
        let small = Shape {
            registers: 1,
            lines: 1,
            ..SHAPE
        };
        let made = synthesise(small, &[], &options).expect("a shape");
        assert_eq!(made.tried, 0);
    }

    #[test]
    fn all_ways_to_share_lines_are_gone_through() {
        let mut lengths = vec![2, 0, 0];
        let mut seen = vec![lengths.clone()];
        while next_lengths(&mut lengths) {
            seen.push(lengths.clone());
        }
        assert_eq!(seen.len(), 6);
        assert!(
            seen.iter()
                .all(|lengths| lengths.iter().sum::<usize>() == 2)
        );
        seen.dedup();
        assert_eq!(seen.len(), 6);
        assert!(!next_lengths(&mut [3]));
    }

    #[test]
    fn a_blank_skeleton_is_a_program() {
        for skeleton in SKELETONS {
            assert_eq!(skeleton.blank(SHAPE).check(), Ok(()), "{}", skeleton.name);
            assert!(!skeleton.about.is_empty());
        }
    }
}
