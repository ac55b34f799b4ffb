//! Programs as weights: compiled from whole numbers, and read back by what is likeliest.
//!
//! A [`Program`] goes in, for each line five groups of weights come out, one for the instructions,
//! three for the operands and one for the label, whose softmaxes are distributions. Back, each
//! group's likeliest choice is the program, and what is not certain is told line by line.
//!
//! W = log(one-hot + γ u + ε), u uniform from 0 to 1 by a seed: the inverse of the softmax up to a
//! constant (Adaptive Neural Compilation, Bunel et al. 2016; Saldyt 2022).
//!
//! **Invariants**
//! - Weights lie row by row: line x (13 instructions, r first, r second, r third, p labels).
//! - Where γ is 0, or below 1, compiled programs read back as they were.

use super::instruction::Instruction;
use super::program::{Line, Program, ProgramError, Shape};
use super::soft::likeliest;
use crate::Random;
use std::ops::Range;

/// The least weight: finite, and its exponential is 0.
const NEVER: f64 = -1e4;

/// A soft program: the weights (logits) of each line.
#[derive(Clone, PartialEq, Debug)]
pub struct Weights {
    shape: Shape,
    numbers: Vec<f64>,
}

/// How a program becomes weights.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Compilation {
    /// γ: how much of the other choices is mixed in, from 0 on.
    pub gamma: f64,
    /// ε: what every choice has at least. Where it is 0 and γ is 0, the weights of choices that are not
    /// made are -10,000, whose exponential is 0, so distributions are one-hot to the bit.
    pub epsilon: f64,
    /// What the noise is drawn by.
    pub seed: u64,
}

impl Default for Compilation {
    /// Without noise, and ε 1e-6.
    fn default() -> Self {
        Self {
            gamma: 0.0,
            epsilon: 1e-6,
            seed: 0,
        }
    }
}

/// How sure a line is of what it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Spread {
    /// The line, from 0.
    pub line: usize,
    /// The probabilities of its likeliest instruction, operands and label, of those that the
    /// instruction uses; 1 for those that it does not.
    pub chances: [f64; 5],
    /// The likeliest instruction and the next one, with their probabilities.
    pub instructions: [(Instruction, f64); 2],
}

impl Spread {
    /// The least of the chances.
    pub fn least(&self) -> f64 {
        self.chances.iter().copied().fold(1.0, f64::min)
    }

    /// Whether some choice of the line has a chance below that.
    pub fn is_doubtful(&self, below: f64) -> bool {
        // NaN is doubtful too.
        !self.chances.iter().all(|&chance| chance >= below)
    }
}

impl Instruction {
    /// Which of a line's first and second operands, third operand and label it looks at.
    pub(super) fn uses(self) -> [bool; 4] {
        match self {
            Self::Noop | Self::Halt => [false; 4],
            Self::Zero => [false, false, true, false],
            Self::Inc | Self::Dec | Self::Read => [true, false, true, false],
            Self::Add | Self::Sub | Self::Max | Self::Min | Self::Mod => [true, true, true, false],
            Self::Write => [true, true, false, false],
            Self::Jump => [true, false, false, true],
        }
    }
}

/// The columns of the five groups: instructions, first, second, third, label.
pub(super) fn groups(shape: Shape) -> [Range<usize>; 5] {
    let (i, r) = (Instruction::ALL.len(), shape.registers);
    [
        0..i,
        i..i + r,
        i + r..i + 2 * r,
        i + 2 * r..i + 3 * r,
        i + 3 * r..i + 3 * r + shape.lines,
    ]
}

/// Replaces weights by their softmax. A group of -inf alone, or one with NaN, is NaN.
pub(crate) fn softmax(weights: &mut [f64]) {
    let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for w in &mut *weights {
        *w = crate::prim::math::exp(*w - most);
        sum += *w;
    }
    for w in &mut *weights {
        *w /= sum;
    }
}

impl Weights {
    /// The names of a line's groups of weights.
    pub const GROUPS: [&str; 5] = ["instructions", "first", "second", "third", "labels"];

    /// Weights of zero: every choice is as likely as the others.
    pub fn zeros(shape: Shape) -> Self {
        let numbers = vec![0.0; shape.lines * shape.columns()];
        Self { shape, numbers }
    }

    /// Weights that are normally distributed with a standard deviation.
    pub fn random(shape: Shape, deviation: f64, seed: u64) -> Self {
        let mut weights = Self::zeros(shape);
        let mut random = Random::new(seed);
        for w in &mut weights.numbers {
            *w = deviation * random.normal();
        }
        weights
    }

    /// Compiles a program: W = log(one-hot + γ u + ε).
    ///
    /// # Errors
    /// A program that is none ([`Program::check`]).
    pub fn compile(program: &Program, how: &Compilation) -> Result<Self, ProgramError> {
        program.check()?;
        let mut weights = Self::zeros(program.shape);
        let mut random = Random::new(how.seed);
        let columns = program.shape.columns();
        let groups = groups(program.shape);
        for (row, line) in weights
            .numbers
            .chunks_exact_mut(columns)
            .zip(&program.lines)
        {
            let [first, second, third] = line.operands;
            let chosen = [line.instruction as usize, first, second, third, line.label];
            for (group, chosen) in groups.iter().zip(chosen) {
                for (at, w) in row[group.clone()].iter_mut().enumerate() {
                    let one = if at == chosen { 1.0 } else { 0.0 };
                    let noise = if how.gamma > 0.0 {
                        how.gamma * random.unit()
                    } else {
                        0.0
                    };
                    *w = crate::prim::math::ln(one + noise + how.epsilon).max(NEVER);
                }
            }
        }
        Ok(weights)
    }

    /// Weights from numbers, row by row.
    ///
    /// # Errors
    /// A shape that is none, or another number of numbers than it has.
    pub fn from_numbers(shape: Shape, numbers: Vec<f64>) -> Result<Self, ProgramError> {
        shape.check()?;
        let wanted = shape.lines * shape.columns();
        if numbers.len() == wanted {
            Ok(Self { shape, numbers })
        } else {
            let found = numbers.len();
            Err(ProgramError::Weights { found, wanted })
        }
    }

    /// The sizes of its machine.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All weights, row by row.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// All weights, to be changed.
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    /// One group of weights of each line, by its place in [`Weights::GROUPS`]; none beyond.
    pub fn group(&self, group: usize) -> Vec<&[f64]> {
        let groups = groups(self.shape);
        let Some(columns) = groups.get(group) else {
            return Vec::new();
        };
        let rows = self.numbers.chunks_exact(self.shape.columns());
        rows.map(|row| &row[columns.clone()]).collect()
    }

    /// The probabilities of all choices: softmaxes of the groups, in the order of the weights.
    pub fn probabilities(&self) -> Vec<f64> {
        let mut numbers = self.numbers.clone();
        let groups = groups(self.shape);
        for row in numbers.chunks_exact_mut(self.shape.columns()) {
            for group in &groups {
                softmax(&mut row[group.clone()]);
            }
        }
        numbers
    }

    /// The program of the likeliest choices; of equally likely ones, the first.
    pub fn decompile(&self) -> Program {
        let groups = groups(self.shape);
        let rows = self.numbers.chunks_exact(self.shape.columns());
        let lines = rows.map(|row| {
            let chosen = groups.clone().map(|group| likeliest(&row[group]));
            Line {
                instruction: Instruction::ALL[chosen[0]],
                operands: [chosen[1], chosen[2], chosen[3]],
                label: chosen[4],
            }
        });
        Program {
            shape: self.shape,
            lines: lines.collect(),
        }
    }

    /// How sure each line is of what it is.
    pub fn spread(&self) -> Vec<Spread> {
        let groups = groups(self.shape);
        let probabilities = self.probabilities();
        let rows = probabilities.chunks_exact(self.shape.columns());
        let spread = rows.enumerate().map(|(line, row)| {
            let instructions = &row[groups[0].clone()];
            let first = likeliest(instructions);
            let second = (0..instructions.len()).filter(|&at| at != first).fold(
                usize::from(first == 0),
                |best, at| {
                    if instructions[at] > instructions[best] {
                        at
                    } else {
                        best
                    }
                },
            );
            let uses = Instruction::ALL[first].uses();
            let chances = std::array::from_fn(|group| {
                if group == 0 || uses[group - 1] {
                    let choices = &row[groups[group].clone()];
                    choices[likeliest(choices)]
                } else {
                    1.0
                }
            });
            Spread {
                line,
                chances,
                instructions: [first, second].map(|at| (Instruction::ALL[at], instructions[at])),
            }
        });
        spread.collect()
    }

    /// The gradient by weights, in place of that by probabilities: p (d - Σ p d) of each group.
    pub(super) fn through_softmax(shape: Shape, probabilities: &[f64], gradient: &mut [f64]) {
        let groups = groups(shape);
        let columns = shape.columns();
        let rows = probabilities.chunks_exact(columns);
        for (row, by) in rows.zip(gradient.chunks_exact_mut(columns)) {
            for group in &groups {
                let (p, d) = (&row[group.clone()], &mut by[group.clone()]);
                let mean: f64 = p.iter().zip(&*d).map(|(p, d)| p * d).sum();
                for (p, d) in p.iter().zip(d) {
                    *d = p * (*d - mean);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        base: 5,
        registers: 3,
        lines: 7,
    };

    #[test]
    fn compiled_programs_read_back() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let program = Program::random(SHAPE, &mut random);
            for (gamma, epsilon) in [(0.0, 0.0), (0.0, 1e-6), (0.3, 1e-6), (0.99, 0.1)] {
                let how = Compilation {
                    gamma,
                    epsilon,
                    seed,
                };
                let weights = Weights::compile(&program, &how).unwrap();
                assert_eq!(weights.decompile(), program, "γ {gamma}, seed {seed}");
            }
        }
    }

    #[test]
    fn without_noise_distributions_are_one_hot() {
        let program = Program::random(SHAPE, &mut Random::new(3));
        let how = Compilation {
            epsilon: 0.0,
            ..Compilation::default()
        };
        let weights = Weights::compile(&program, &how).unwrap();
        let mut ones = 0;
        for p in weights.probabilities() {
            assert!(p == 0.0 || p == 1.0, "{p}");
            ones += usize::from(p == 1.0);
        }
        assert_eq!(ones, 5 * SHAPE.lines);
        assert!(weights.spread().iter().all(|line| line.least() == 1.0));
    }

    #[test]
    fn doubtful_lines_are_told() {
        let mut program = Program::of(SHAPE);
        program.lines[2].instruction = Instruction::Inc;
        let mut weights = Weights::compile(&program, &Compilation::default()).unwrap();
        let row = 2 * SHAPE.columns();
        weights.numbers_mut()[row + Instruction::Dec as usize] = -0.1;
        let spread = weights.spread();
        let doubtful: Vec<usize> = spread
            .iter()
            .filter(|line| line.is_doubtful(0.9))
            .map(|line| line.line)
            .collect();
        assert_eq!(doubtful, [2]);
        let [(first, p), (second, q)] = spread[2].instructions;
        assert_eq!((first, second), (Instruction::Inc, Instruction::Dec));
        assert!(p > q && (p + q - 1.0).abs() < 1e-4);
        // The operands of a line that does nothing are nobody's doubt.
        weights.numbers_mut()[Instruction::ALL.len()] = -20.0;
        assert!(!weights.spread()[0].is_doubtful(0.9));
    }
}
