//! Instructions: what replay runs.
//!
//! **Invariants**
//! - A pair computes its two operations as two: each is rounded.
//! - No instruction writes a slot that it reads.

use super::super::flow::Work;
use crate::prim::Prim;

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
}

impl Opcode {
    /// How many of `a`, `b` and `c`, from the first on, are slots that it reads. A block's are elsewhere.
    pub(super) fn reads(self) -> usize {
        match self {
            Self::Block => 0,
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

/// A block, its operands' slots and its results', none for those that nobody reads.
#[derive(Clone, Debug)]
pub(crate) struct BlockCode {
    pub(crate) work: Work,
    pub(crate) operands: Vec<u32>,
    pub(crate) results: Vec<Option<u32>>,
}
