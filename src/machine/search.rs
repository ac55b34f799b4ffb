//! Discrete search: Metropolis on programs of whole numbers, the baseline that gradients are held
//! against.
//!
//! Examples and options go in; the program that was found, or the best, and how many were proposed
//! come out.
//!
//! A program's score is the share of numbers that are as wanted over all examples. A proposal changes
//! one choice of one line, replaces a line, swaps two, or moves one; it is taken where its score is
//! not lower, and otherwise with the chance exp(difference / temperature). Where nothing better came
//! for a time, the search starts anew at a random program.
//!
//! **Invariants**
//! - What is found is a function of the examples and the options.
//! - A program that is told as found is right on every example.

use super::instruction::Instruction;
use super::loss::Example;
use super::oracle;
use super::program::{Line, Program, ProgramError, Shape};
use crate::Random;

/// How to search.
#[derive(Clone, PartialEq, Debug)]
pub struct SearchOptions {
    /// How many steps a program has.
    pub steps: usize,
    /// How many programs are proposed at most.
    pub proposals: usize,
    /// The score by which a proposal may be worse for it to be taken once in e times.
    pub temperature: f64,
    /// After how many proposals without a better score it starts anew; 0 is never.
    pub patience: usize,
    /// What everything is drawn by.
    pub seed: u64,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            steps: 32,
            proposals: 1_000_000,
            temperature: 0.02,
            patience: 20_000,
            seed: 1,
        }
    }
}

/// What a search came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Searched {
    /// The best program.
    pub program: Program,
    /// Its share of right numbers.
    pub score: f64,
    /// How many programs were proposed by the time it was found, or in all.
    pub proposals: usize,
    /// Whether it is right on every example.
    pub found: bool,
}

/// The share of the numbers asked for that a program gets right; 1 where nothing is asked for.
pub fn score(program: &Program, examples: &[Example], steps: usize) -> f64 {
    Scorer::default().score(program, examples, steps)
}

/// Memory for scoring one program after the other.
#[derive(Default)]
struct Scorer(Option<oracle::State>);

impl Scorer {
    fn score(&mut self, program: &Program, examples: &[Example], steps: usize) -> f64 {
        let (mut right, mut asked) = (0, 0);
        for example in examples {
            let state = self.0.get_or_insert_with(|| example.start.clone());
            state.clone_from(&example.start);
            oracle::run(program, state, steps);
            let counts = example.wanted.right(state);
            right += counts.0;
            asked += counts.1;
        }
        if asked == 0 {
            1.0
        } else {
            right as f64 / asked as f64
        }
    }
}

/// Searches for a program that is right on all examples.
///
/// # Errors
/// A shape that is none.
pub fn search(
    shape: Shape,
    examples: &[Example],
    options: &SearchOptions,
) -> Result<Searched, ProgramError> {
    shape.check()?;
    let mut random = Random::at(&[options.seed]);
    let mut scorer = Scorer::default();
    let mut score = |program: &Program| scorer.score(program, examples, options.steps);
    let mut here = random_program(shape, &mut random);
    let mut at = score(&here);
    let mut best = Searched {
        program: here.clone(),
        score: at,
        proposals: 0,
        found: at >= 1.0,
    };
    // Since the start, and when that was.
    let (mut highest, mut since) = (at, 0);
    let mut proposal = here.clone();
    for number in 1..=options.proposals {
        if best.found {
            break;
        }
        best.proposals = number;
        if options.patience > 0 && number - since > options.patience {
            here = random_program(shape, &mut random);
            at = score(&here);
            (highest, since) = (at, number);
        } else {
            proposal.clone_from(&here);
            change(&mut proposal, &mut random);
            let new = score(&proposal);
            let is_taken = new >= at || random.unit() < ((new - at) / options.temperature).exp();
            if is_taken {
                std::mem::swap(&mut here, &mut proposal);
                at = new;
            }
        }
        if at > highest {
            (highest, since) = (at, number);
        }
        if at > best.score {
            best.program.clone_from(&here);
            best.score = at;
            best.found = at >= 1.0;
        }
    }
    Ok(best)
}

/// A program whose choices are all as likely.
pub fn random_program(shape: Shape, random: &mut Random) -> Program {
    let mut program = Program::of(shape);
    for line in &mut program.lines {
        *line = random_line(shape, random);
    }
    program
}

fn random_line(shape: Shape, random: &mut Random) -> Line {
    let all = Instruction::ALL;
    let mut register = || random.below(shape.registers);
    let operands = [register(), register(), register()];
    Line {
        instruction: all[random.below(all.len())],
        operands,
        label: random.below(shape.lines),
    }
}

fn change(program: &mut Program, random: &mut Random) {
    let shape = program.shape;
    let at = random.below(shape.lines);
    match random.below(10) {
        0 => program.lines[at] = random_line(shape, random),
        1 => {
            let other = random.below(shape.lines);
            program.lines.swap(at, other);
        }
        2 => {
            // Moved to another place: those between close up.
            let to = random.below(shape.lines);
            let line = program.lines.remove(at);
            program.lines.insert(to, line);
        }
        3..=5 => {
            let all = Instruction::ALL;
            program.lines[at].instruction = all[random.below(all.len())];
        }
        6 => program.lines[at].label = random.below(shape.lines),
        _ => {
            let operand = random.below(3);
            program.lines[at].operands[operand] = random.below(shape.registers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tasks;

    #[test]
    fn what_is_found_is_right_and_what_is_not_is_told() {
        let task = tasks::named("map-dec").expect("a task");
        let examples = task.training(24, 1);
        let options = SearchOptions {
            steps: task.steps,
            ..SearchOptions::default()
        };
        let found = search(task.shape, &examples, &options).expect("a shape");
        assert!(found.found && found.score == 1.0, "{found:?}");
        assert!(tasks::Task::is_right(&found.program, &examples, task.steps));
        assert_eq!(search(task.shape, &examples, &options), Ok(found.clone()));
        let fewer = SearchOptions {
            proposals: found.proposals - 1,
            ..options.clone()
        };
        let missed = search(task.shape, &examples, &fewer).expect("a shape");
        assert!(!missed.found && missed.score < 1.0);
        assert_eq!(missed.proposals, fewer.proposals);
    }

    #[test]
    fn a_change_leaves_a_program() {
        let task = tasks::TASKS[0];
        let mut random = Random::new(1);
        let mut program = random_program(task.shape, &mut random);
        for _ in 0..1000 {
            change(&mut program, &mut random);
            assert_eq!(program.check(), Ok(()));
        }
        let none = Shape {
            lines: 0,
            ..task.shape
        };
        assert!(search(none, &[], &SearchOptions::default()).is_err());
        let nothing = search(task.shape, &[], &SearchOptions::default()).expect("a shape");
        assert!(nothing.found && nothing.proposals == 0);
        assert_eq!(score(&program, &task.training(5, 1), 0), 7.0 / 8.0);
    }
}
