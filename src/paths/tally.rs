//! What the values of lanes are to be, and what a batch comes to.
//!
//! **Invariants**
//! - Lanes that gave what they were to give are in the caller's columns alone; the others are told in
//!   their order, and neighbours that failed with one error together: a million lanes that there was no
//!   time for are one entry.

use crate::sorted;
use crate::trace::routine::lanes::{ColumnAt, LaneInput};
use crate::walk::{EvalError, Item, Output, Stats};
use std::ops::Range;
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

impl Special {
    /// Whether both are one error.
    fn is_same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Failed(a), Self::Failed(b)) if Arc::ptr_eq(a, b))
    }
}

/// Lanes that are told by themselves.
#[derive(Debug, Default)]
pub(crate) struct Specials {
    /// What lanes came to, with the first of them and the one after the last.
    runs: Vec<(u32, u32, Special)>,
}

impl Specials {
    pub(super) fn push(&mut self, lane: u32, special: Special) {
        match self.runs.last_mut() {
            Some((_, end, last)) if *end == lane && last.is_same(&special) => *end += 1,
            _ => self.runs.push((lane, lane + 1, special)),
        }
    }

    /// Takes those of other lanes behind these.
    pub(super) fn append(&mut self, others: Self) {
        let mut others = others.runs.into_iter().peekable();
        if let (Some((_, end, last)), Some((first, to, next))) =
            (self.runs.last_mut(), others.peek())
            && end == first
            && last.is_same(next)
        {
            *end = *to;
            others.next();
        }
        self.runs.extend(others);
    }

    /// Puts them into the order of lanes.
    pub(super) fn sort(&mut self) {
        sorted::by_key(&mut self.runs, |&(first, ..)| first);
    }

    /// How many lanes there are.
    pub(crate) fn len(&self) -> usize {
        let lengths = self.runs.iter().map(|(first, end, _)| end - first);
        lengths.map(|length| length as usize).sum()
    }

    /// Lanes that came to one thing, with it.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Range<usize>, &Special)> {
        let runs = self.runs.iter();
        runs.map(|(first, end, special)| (*first as usize..*end as usize, special))
    }

    /// Lane after lane.
    #[cfg(feature = "cli")]
    pub(crate) fn each(&self) -> impl Iterator<Item = (usize, &Special)> {
        let runs = self.runs();
        runs.flat_map(|(lanes, special)| lanes.map(move |lane| (lane, special)))
    }

    /// The first lane, with what it came to.
    pub(crate) fn into_first(self) -> Option<(usize, Special)> {
        let first = self.runs.into_iter().next();
        first.map(|(lane, _, special)| (lane as usize, special))
    }

    /// Lanes that came to one thing, with it.
    pub(crate) fn into_runs(self) -> impl Iterator<Item = (Range<usize>, Special)> {
        let runs = self.runs.into_iter();
        runs.map(|(first, end, special)| (first as usize..end as usize, special))
    }
}

/// What a batch came to besides the numbers it wrote.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// In the order of lanes.
    pub(crate) special: Specials,
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

#[cfg(test)]
mod tests {
    use super::{Special, Specials};
    use crate::error::Kind;
    use crate::walk::{EvalError, Output};
    use std::sync::Arc;

    #[test]
    fn neighbours_that_failed_with_one_error_are_one_entry() {
        let [late, other] = ["late", "other"]
            .map(|message| Arc::new(EvalError::new(Kind::Resource, message.to_owned())));
        let failed = |error: &Arc<EvalError>| Special::Failed(error.clone());
        let mut first = Specials::default();
        // Lane 9 is told before the others, as paths have it.
        first.push(9, failed(&late));
        for lane in [0, 1, 2] {
            first.push(lane, failed(&late));
        }
        first.push(3, failed(&other));
        first.push(4, Special::Output(Output::of(1.0)));
        first.push(5, Special::Output(Output::of(1.0)));
        first.sort();
        let mut then = Specials::default();
        (10..20).for_each(|lane| then.push(lane, failed(&late)));
        first.append(then);
        first.append(Specials::default());
        let runs: Vec<_> = first.runs().map(|(lanes, _)| lanes).collect();
        assert_eq!(runs, [0..3, 3..4, 4..5, 5..6, 9..20]);
        assert_eq!(first.len(), 3 + 1 + 1 + 1 + 11);
        let (lane, special) = first.into_first().expect("there are some");
        assert_eq!(lane, 0);
        assert!(matches!(special, Special::Failed(error) if error.message == "late"));
    }
}
