//! What the values of lanes are to be, and what a batch comes to.
//!
//! **Invariants**
//! - Lanes that gave what they were to give are in the caller's columns alone; the others are told one
//!   by one, in their order.

use crate::trace::routine::lanes::{ColumnAt, LaneInput};
use crate::walk::{EvalError, Item, Output, Stats};
use std::sync::Arc;

/// What the values of lanes are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Numbers; a lane whose value is something else, or an int, tells it by itself.
    Any,
    /// Numbers; no lane after the first that has something else is of use.
    Number,
    /// Lists of so many numbers; likewise.
    List(usize),
    /// So many numbers, in lists and arrays or not; a lane whose value is something else has failed.
    Flat(usize),
    /// Lists or vectors of so many numbers or, of one, the number itself; likewise.
    #[cfg(feature = "dfdx")]
    Row(usize),
}

impl Values {
    /// How many numbers a lane has.
    pub(super) fn count(self) -> usize {
        match self {
            Self::List(count) | Self::Flat(count) => count,
            #[cfg(feature = "dfdx")]
            Self::Row(count) => count,
            Self::Any | Self::Number => 1,
        }
    }

    /// Whether lanes are of no use after the first whose value is something else.
    pub(super) fn end_early(self) -> bool {
        match self {
            Self::Number | Self::List(_) => true,
            #[cfg(feature = "dfdx")]
            Self::Row(_) => true,
            Self::Any | Self::Flat(_) => false,
        }
    }

    /// Whether a value is what it is to be.
    pub(crate) fn fit(self, value: &Output) -> bool {
        let is_number = |item: &Item| matches!(item, Item::Number { .. });
        let are = |count: usize, length: u32, items: &[Item]| {
            length as usize == count && items.iter().all(is_number)
        };
        match (self, value.items()) {
            (Self::List(count), [Item::List(length), items @ ..]) => are(count, *length, items),
            (Self::List(_), _) => false,
            (Self::Flat(count), _) => value.is_numeric() && value.numbers().count() == count,
            #[cfg(feature = "dfdx")]
            (Self::Row(1), [item]) => is_number(item),
            #[cfg(feature = "dfdx")]
            (Self::Row(count), [Item::List(length) | Item::Vector(length), items @ ..]) => {
                are(count, *length, items)
            }
            #[cfg(feature = "dfdx")]
            (Self::Row(_), _) => false,
            (Self::Any | Self::Number, _) => value.number().is_some(),
        }
    }
}

/// A lane whose result is not what it is to be, or an int where those are told apart.
#[derive(Debug)]
pub(crate) enum Special {
    Output(Output),
    Failed(Arc<EvalError>),
}

/// What a batch came to besides the numbers it wrote.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// In the order of lanes.
    pub(crate) special: Vec<(u32, Special)>,
    /// The sums asked for: of values first, then of derivatives.
    pub(crate) sums: Vec<f64>,
    /// How many lanes were walked.
    pub(crate) walks: u64,
    /// What all lanes together took.
    pub(crate) stats: Stats,
}

/// Why a batch as a whole gives nothing.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Time or memory ran out.
    Ended(Box<EvalError>),
    /// Derivatives are asked for, and a lane's value is not one number.
    NotOneNumber,
    /// Lanes may take more fuel than there is: they are to be run in their order.
    Over,
    /// As others were over, it was not begun.
    Skipped,
}

impl Refused {
    pub(super) fn late() -> Self {
        Self::Ended(Box::new(super::out_of_time()))
    }
}

/// Where a column of results goes.
pub(crate) enum Target<'a> {
    /// One number for each lane.
    Each(&'a mut [f64]),
    /// The sum of all lanes' numbers.
    Sum,
    /// One number for each lane, somewhere in the caller's buffers.
    At(ColumnAt),
}

/// The caller's buffers that columns lie in, and where these lie.
#[derive(Debug, Default)]
pub(crate) struct Goals<'a> {
    pub(crate) buffers: Vec<&'a mut [f64]>,
    /// For each buffer how many of its numbers a lane has.
    pub(crate) strides: Vec<usize>,
    /// Where each number of a lane's value goes; none is summed.
    pub(crate) values: Vec<Option<ColumnAt>>,
    /// The same for each input that derivatives are by.
    pub(crate) derivatives: Vec<Option<ColumnAt>>,
}

/// What derivatives are made of besides a trace's inputs: one row, whatever the value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a> {
    pub(crate) kind: WeightKind,
    /// The trace's inputs, and after them the weights.
    pub(crate) all: &'a [LaneInput<'a>],
    /// Whether values are wanted too.
    pub(crate) values: bool,
}

/// What weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightKind {
    /// The cotangents of a value's numbers: their derivatives are weighted by these and added up.
    Cotangents,
    /// A direction in the inputs that derivatives are by: their second derivatives are weighted.
    Direction,
}
