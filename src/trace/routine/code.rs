//! Instructions: what replay runs.
//!
//! **Invariants**
//! - A pair computes its two operations as two: each is rounded.
//! - No instruction writes a slot that it reads.

use super::super::flow::Work;
use super::super::runs::Runs;
use crate::prim::Prim;
use std::sync::Arc;

/// What an instruction does with its operands `a`, `b` and `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a * b.
    Mul,
    /// a / b.
    Div,
    /// -a.
    Neg,
    /// (a + b) + c.
    AddAdd,
    /// (a + b) - c.
    AddSub,
    /// c - (a + b).
    AddFrom,
    /// (a + b) * c.
    AddMul,
    /// (a - b) + c.
    SubAdd,
    /// (a - b) - c.
    SubSub,
    /// c - (a - b).
    SubFrom,
    /// (a - b) * c.
    SubMul,
    /// (a * b) + c.
    MulAdd,
    /// (a * b) - c.
    MulSub,
    /// c - (a * b).
    MulFrom,
    /// (a * b) * c.
    MulMul,
    /// (a * b) / c.
    MulDiv,
    /// a where c is not 0, else b.
    Select,
    /// The sine of a, and at the slot b its cosine.
    SinCos,
    /// A row of one argument.
    One(Prim),
    /// A row of two arguments.
    Two(Prim),
    /// Checks that a is what the guard of number b expects.
    Guard,
    /// Adds a to the sum of number b.
    Sum,
    /// Does the block of number a.
    Block,
    /// Does the operations of number a among those that are many at a time, on one lane.
    Many,
    /// Does the sums of number a among those that go on side by side, on one lane.
    Fold,
}

impl Opcode {
    /// How many of `a`, `b` and `c`, from the first on, are slots that it reads. Those of blocks, and
    /// of what is done many at a time or side by side, are elsewhere.
    pub(super) fn reads(self) -> usize {
        match self {
            Self::Block | Self::Many | Self::Fold => 0,
            Self::Neg | Self::One(_) | Self::SinCos | Self::Guard | Self::Sum => 1,
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Two(_) => 2,
            Self::AddAdd
            | Self::AddSub
            | Self::AddFrom
            | Self::AddMul
            | Self::SubAdd
            | Self::SubSub
            | Self::SubFrom
            | Self::SubMul
            | Self::MulAdd
            | Self::MulSub
            | Self::MulFrom
            | Self::MulMul
            | Self::MulDiv
            | Self::Select => 3,
        }
    }

    /// The single instruction of a row.
    pub(super) fn of(prim: Prim) -> Self {
        match prim {
            Prim::Add => Self::Add,
            Prim::Sub => Self::Sub,
            Prim::Mul => Self::Mul,
            Prim::Div => Self::Div,
            Prim::Neg => Self::Neg,
            Prim::Select => Self::Select,
            prim if prim.operands() == 1 => Self::One(prim),
            prim => Self::Two(prim),
        }
    }

    /// The row that it does by itself, if it has two operands or is a negation.
    pub(super) fn as_row(self) -> Option<Prim> {
        Some(match self {
            Self::Add => Prim::Add,
            Self::Sub => Prim::Sub,
            Self::Mul => Prim::Mul,
            Self::Div => Prim::Div,
            Self::Neg => Prim::Neg,
            Self::Two(prim) => prim,
            _ => return None,
        })
    }

    /// The pair of a first operation and a second one, which takes the first one's result on its left
    /// or right.
    pub(super) fn pair(first: Prim, second: Prim, is_left: bool) -> Option<Self> {
        Some(match (first, second, is_left) {
            (Prim::Add, Prim::Add, _) => Self::AddAdd,
            (Prim::Add, Prim::Sub, true) => Self::AddSub,
            (Prim::Add, Prim::Sub, false) => Self::AddFrom,
            (Prim::Add, Prim::Mul, _) => Self::AddMul,
            (Prim::Sub, Prim::Add, _) => Self::SubAdd,
            (Prim::Sub, Prim::Sub, true) => Self::SubSub,
            (Prim::Sub, Prim::Sub, false) => Self::SubFrom,
            (Prim::Sub, Prim::Mul, _) => Self::SubMul,
            (Prim::Mul, Prim::Add, _) => Self::MulAdd,
            (Prim::Mul, Prim::Sub, true) => Self::MulSub,
            (Prim::Mul, Prim::Sub, false) => Self::MulFrom,
            (Prim::Mul, Prim::Mul, _) => Self::MulMul,
            (Prim::Mul, Prim::Div, true) => Self::MulDiv,
            _ => return None,
        })
    }
}

/// An instruction: reads slots, writes the slot `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotInstr {
    pub(crate) op: Opcode,
    pub(crate) d: u32,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
}

/// Where an operand of a block is.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// In slots of the file that the code is for.
    Own(Runs),
    /// In slots of the shared file.
    Shared(Runs),
    /// Here: it depends on nothing.
    Fixed(Arc<[f64]>),
}

/// A block, where its operands are and where its results go.
#[derive(Clone, Debug)]
pub(crate) struct BlockCode {
    pub(crate) work: Work,
    pub(crate) operands: Vec<Part>,
    /// The slot of its first result; the others follow.
    pub(crate) first: u32,
    /// How many results have slots: the first ones.
    pub(crate) kept: u32,
    /// How many there are, but for those that are summed.
    pub(crate) length: u32,
    /// For the cotangents of the first operand and of the second: where these are summed over lanes, the
    /// first of their sums among those that products of matrices make.
    pub(crate) sums: [Option<u32>; 2],
}

impl BlockCode {
    /// The slots of its results.
    pub(super) fn results(&self) -> impl Iterator<Item = u32> {
        self.first..self.first + self.kept
    }

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.operands.iter().map(|part| match part {
            Part::Own(runs) | Part::Shared(runs) => runs.bytes(),
            // Blocks that read the same numbers have them together.
            Part::Fixed(numbers) => size_of_val(&**numbers) / Arc::strong_count(numbers),
        });
        size_of::<Self>() + size_of::<Part>() * self.operands.len() + parts.sum::<usize>()
    }
}
