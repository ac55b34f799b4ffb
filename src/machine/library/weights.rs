//! Code as weights: compiled from whole numbers, read back by what is likeliest, frozen in parts.
//!
//! [`Code`] goes in, six groups of weights a line come out, whose softmaxes are distributions: the
//! operation, three operands, the label and the number of `set`.
//!
//! **Invariants**
//! - Weights lie row by row: line x (operations, r first, r second, r third, p labels, b numbers).
//! - What a [`Mask`] freezes has the same bits after training as before.

use super::code::{Code, CodeLine, LibraryError, OPERATIONS, Operation};
use crate::Random;
use crate::machine::program::{ProgramError, Shape};
use crate::machine::soft::likeliest;
use crate::machine::weights::{Compilation, softmax};
use std::ops::Range;

/// The least weight: finite, and its exponential is 0.
const NEVER: f64 = -1e4;

/// One group of a line's weights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Group {
    /// Which operation.
    Operation,
    /// The register r1.
    First,
    /// The register r2.
    Second,
    /// The register r3.
    Third,
    /// The label.
    Label,
    /// The number of `set`.
    Number,
}

impl Group {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 6] = [
        Self::Operation,
        Self::First,
        Self::Second,
        Self::Third,
        Self::Label,
        Self::Number,
    ];
}

/// How many weights a line of a library has.
pub fn columns(shape: Shape) -> usize {
    OPERATIONS + 3 * shape.registers + shape.lines + shape.base
}

/// The columns of each group.
pub(super) fn groups(shape: Shape) -> [Range<usize>; 6] {
    let r = shape.registers;
    let mut at = 0;
    [OPERATIONS, r, r, r, shape.lines, shape.base].map(|width| {
        at += width;
        at - width..at
    })
}

/// Soft code: the weights (logits) of each line.
#[derive(Clone, PartialEq, Debug)]
pub struct CodeWeights {
    shape: Shape,
    numbers: Vec<f64>,
}

impl CodeWeights {
    /// Weights of zero: every choice is as likely as the others.
    ///
    /// # Errors
    /// A shape that no machine has.
    pub fn zeros(shape: Shape) -> Result<Self, ProgramError> {
        shape.check()?;
        let numbers = vec![0.0; shape.lines * columns(shape)];
        Ok(Self { shape, numbers })
    }

    /// Compiles code: W = log(one-hot + γ u + ε), as the machine's programs are.
    pub fn compile(code: &Code, how: &Compilation) -> Self {
        let shape = code.shape();
        let mut numbers = vec![0.0; shape.lines * columns(shape)];
        let mut random = Random::new(how.seed);
        for (row, line) in numbers.chunks_exact_mut(columns(shape)).zip(code.lines()) {
            for (group, chosen) in groups(shape).into_iter().zip(line.choices()) {
                for (at, w) in row[group].iter_mut().enumerate() {
                    let one = f64::from(u8::from(at == chosen));
                    let noise = if how.gamma > 0.0 {
                        how.gamma * random.unit()
                    } else {
                        0.0
                    };
                    *w = crate::prim::math::ln(one + noise + how.epsilon).max(NEVER);
                }
            }
        }
        Self { shape, numbers }
    }

    /// Weights from numbers, row by row.
    ///
    /// # Errors
    /// A shape that is none, or another number of numbers than it has.
    pub fn from_numbers(shape: Shape, numbers: Vec<f64>) -> Result<Self, ProgramError> {
        shape.check()?;
        let (found, wanted) = (numbers.len(), shape.lines * columns(shape));
        if found == wanted {
            Ok(Self { shape, numbers })
        } else {
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

    /// The probabilities of all choices, in the order of the weights.
    pub fn probabilities(&self) -> Vec<f64> {
        let mut numbers = self.numbers.clone();
        for row in numbers.chunks_exact_mut(columns(self.shape)) {
            for group in groups(self.shape) {
                softmax(&mut row[group]);
            }
        }
        numbers
    }

    /// The lines of the likeliest choices; of equally likely ones, the first.
    pub fn decompile(&self) -> Vec<CodeLine> {
        let rows = self.numbers.chunks_exact(columns(self.shape));
        let lines = rows.map(|row| {
            let chosen = groups(self.shape).map(|group| likeliest(&row[group]));
            CodeLine {
                operation: Operation::ALL[chosen[0]],
                operands: [chosen[1], chosen[2], chosen[3]],
                label: chosen[4],
                number: chosen[5],
            }
        });
        lines.collect()
    }

    /// The code of the likeliest choices, with the names of another of the same shape.
    ///
    /// # Errors
    /// Another shape; lines that make no code ([`Code::new`]).
    pub fn read_as(&self, code: &Code) -> Result<Code, LibraryError> {
        let (found, wanted) = (self.shape, code.shape());
        if found != wanted {
            return Err(ProgramError::Shape { found, wanted }.into());
        }
        let mut lines = self.decompile();
        lines.pop();
        let sizes = (wanted.base, wanted.registers);
        Code::new(sizes, lines, code.programs().to_vec(), code.link())
    }

    /// The gradient by weights, in place of that by probabilities: p (d - Σ p d) of each group.
    pub(super) fn through_softmax(shape: Shape, probabilities: &[f64], gradient: &mut [f64]) {
        let columns = columns(shape);
        let rows = probabilities.chunks_exact(columns);
        for (row, by) in rows.zip(gradient.chunks_exact_mut(columns)) {
            for group in groups(shape) {
                let (p, d) = (&row[group.clone()], &mut by[group]);
                let mean: f64 = p.iter().zip(&*d).map(|(p, d)| p * d).sum();
                for (p, d) in p.iter().zip(d) {
                    *d = p * (*d - mean);
                }
            }
        }
    }
}

/// Which weights train: the others are frozen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mask {
    shape: Shape,
    trains: Vec<bool>,
}

impl Mask {
    /// All weights train.
    pub fn all(shape: Shape) -> Self {
        let trains = vec![true; shape.lines * columns(shape)];
        Self { shape, trains }
    }

    /// No weight trains.
    pub fn none(shape: Shape) -> Self {
        let trains = vec![false; shape.lines * columns(shape)];
        Self { shape, trains }
    }

    fn set(&mut self, lines: Range<usize>, columns_of: Range<usize>, trains: bool) {
        let columns = columns(self.shape);
        for line in lines.start..lines.end.min(self.shape.lines) {
            for column in columns_of.clone() {
                self.trains[line * columns + column] = trains;
            }
        }
    }

    /// Freezes lines, or has them train; lines that are not there are left out.
    #[must_use]
    pub fn lines(mut self, lines: Range<usize>, trains: bool) -> Self {
        self.set(lines, 0..columns(self.shape), trains);
        self
    }

    /// Freezes a program by its name, or has it train.
    ///
    /// # Errors
    /// No such program, or code of another shape.
    pub fn program(self, code: &Code, name: &str, trains: bool) -> Result<Self, LibraryError> {
        let (found, wanted) = (code.shape(), self.shape);
        if found != wanted {
            return Err(ProgramError::Shape { found, wanted }.into());
        }
        let lines = code.program(name)?.lines.clone();
        Ok(self.lines(lines, trains))
    }

    /// Freezes one term, a group of a line, or has it train.
    #[must_use]
    pub fn term(mut self, line: usize, group: Group, trains: bool) -> Self {
        let columns = groups(self.shape)[group as usize].clone();
        self.set(line..line.saturating_add(1), columns, trains);
        self
    }

    /// Whether each weight trains, in their order.
    pub fn trains(&self) -> &[bool] {
        &self.trains
    }

    /// The sizes of the machine that it is of.
    pub fn shape(&self) -> Shape {
        self.shape
    }
}
