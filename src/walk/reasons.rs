//! Why a run went as it did: forks that were given up, guards that did not hold, code not compiled.
//!
//! What the walk and the paths meet goes in; words, with places of the program's text, come out.
//!
//! **Invariants**
//! - A reason is noted where it is met, and costs nothing where it is not.
//! - What forks and guards are told by is the same in every mode that walks.

use super::layout::SITE_COUNTS;
use super::{Job, Sites};
use crate::prim::value::Value;
use crate::source::Span;
use crate::symbol::Sym;
use std::fmt;

/// How many trace operations and applications the arms of a fork may take, nested forks included.
pub(super) const FORK_BUDGET: u64 = 64;

/// Why the arms of a fork could not be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unjoined {
    /// An arm needs a guard: what a number is decides in there about control or structure.
    Guard,
    /// An arm comes to what is neither number nor boolean: what it is, in words.
    Structure(&'static str),
    /// One arm comes to a number and the other to a boolean.
    Tags,
    /// The arms of all forks under way take more than the budget of operations and applications.
    Budget,
    /// An arm draws noise, and a replay would not know how many numbers were drawn.
    Noise,
    /// An arm forces a promise for the first time, which changes what later uses of it cost.
    Promise,
    /// An arm fails: how.
    Failure(String),
    /// A fork inside an arm could not be joined.
    Inner,
}

impl Unjoined {
    /// Whether it is about what an arm came to, and so about the innermost fork alone.
    pub(super) fn is_of_values(&self) -> bool {
        matches!(self, Self::Structure(_) | Self::Tags)
    }
}

impl fmt::Display for Unjoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guard => f.write_str("an arm needs a guard"),
            Self::Structure(kind) => {
                write!(f, "an arm comes to {kind}, not to a number or boolean")
            }
            Self::Tags => f.write_str("one arm comes to a number, the other to a boolean"),
            Self::Budget => write!(
                f,
                "the arms take more than {FORK_BUDGET} operations and applications"
            ),
            Self::Noise => f.write_str("an arm draws noise"),
            Self::Promise => f.write_str("an arm is the first to force a promise"),
            Self::Failure(message) => write!(f, "an arm fails: {message}"),
            Self::Inner => f.write_str("a fork inside an arm cannot be joined"),
        }
    }
}

/// A fork that was given up: its test is guarded instead, from then on in its run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForkGivenUp {
    /// The `if`.
    pub span: Option<Span>,
    /// Why its arms could not be joined.
    pub why: Unjoined,
    /// Where in an arm that was met, where that is a place of its own.
    pub at: Option<Span>,
}

/// A guard of a known path that other numbers did not satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    pub(crate) path: u32,
    pub(crate) guard: u32,
    pub(crate) span: Option<Span>,
    pub(crate) is_test: bool,
    /// Bits, so that reasons can be compared.
    pub(crate) expected: u64,
    pub(crate) found: u64,
}

impl Divergence {
    /// Which of the paths that the model keeps, from 1.
    pub fn path(&self) -> u32 {
        self.path + 1
    }

    /// Which of its guards, from 1.
    pub fn guard(&self) -> u32 {
        self.guard + 1
    }

    /// What in the program the guard stands for.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// Whether the guard is on the outcome of a test; 1 is then #t and 0 is #f.
    pub fn is_test(&self) -> bool {
        self.is_test
    }

    /// What the path relies on.
    pub fn expected(&self) -> f64 {
        f64::from_bits(self.expected)
    }

    /// What the number was instead.
    pub fn found(&self) -> f64 {
        f64::from_bits(self.found)
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "guard {} of path {} expects {} and met {}",
            self.guard(),
            self.path(),
            steering(self.expected(), self.is_test),
            steering(self.found(), self.is_test)
        )
    }
}

/// A number that a guard is on, as people write it.
pub(crate) fn steering(number: f64, is_test: bool) -> String {
    match (is_test, number != 0.0) {
        (true, true) => "#t".into(),
        (true, false) => "#f".into(),
        (false, _) => number.to_string(),
    }
}

/// Why a path was not, or would not be, run as compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uncompiled {
    /// It is not run often enough yet.
    Young {
        /// How often it has been replayed as recorded.
        replays: u32,
        /// After how many of those it is compiled.
        needed: u32,
    },
    /// It has too many operations, times rows of derivatives.
    Large {
        /// How many it has.
        size: u64,
        /// How many it may have.
        most: u64,
    },
    /// Its derivatives go forwards, and it has too few operations for that to pay.
    Short {
        /// How many it has.
        size: u64,
        /// From how many on it pays.
        least: u64,
    },
    /// Its derivatives go forwards through operations on whole matrices.
    Blocks,
    /// Derivatives are asked for, and its value holds more than numbers.
    NotNumeric,
    /// A derivative is not a number, and the trace decides what it is.
    NotANumber,
    /// The numbers of all nodes are asked for, as monitors do.
    Nodes,
    /// Its long loops are kept as one iteration, and these are compiled by themselves.
    Rolled,
    /// The limits leave no room to keep it compiled, or no time to compile it.
    Limited,
}

impl fmt::Display for Uncompiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Young { replays, needed } => {
                write!(
                    f,
                    "it has had {replays} of the {needed} replays before that"
                )
            }
            Self::Large { size, most } => {
                write!(f, "it has {size} operations by rows, more than {most}")
            }
            Self::Short { size, least } => write!(
                f,
                "its derivatives go forwards, through {size} operations, fewer than {least}"
            ),
            Self::Blocks => {
                f.write_str("its derivatives go forwards through operations on whole matrices")
            }
            Self::NotNumeric => f.write_str("its value holds more than numbers"),
            Self::NotANumber => f.write_str("a derivative is not a number"),
            Self::Rolled => f.write_str("its long loops are, by themselves"),
            Self::Nodes => f.write_str("the numbers of all its nodes are asked for"),
            Self::Limited => f.write_str("the limits leave no room, or no time, to compile it"),
        }
    }
}

/// How a run came to its numbers, and why that way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// Walked: no path was known for what was given, or none was looked for.
    #[default]
    Walked,
    /// Walked: of the known path that came closest, this guard did not hold.
    Diverged(Divergence),
    /// Walked: the path that fits takes more than the limits allow.
    Limited,
    /// Replayed as recorded: a path fits and was not run as compiled code.
    Recorded(Uncompiled),
    /// Replayed as compiled code.
    Compiled,
    /// One or many lanes of a batch, each in a way of its own.
    Lanes,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Walked => f.write_str("walked: no path was known for these inputs"),
            Self::Diverged(divergence) => write!(f, "walked: {divergence}"),
            Self::Limited => f.write_str("walked: the path that fits takes more than the limits"),
            Self::Recorded(why) => write!(f, "replayed as recorded, not compiled: {why}"),
            Self::Compiled => f.write_str("replayed as compiled code"),
            Self::Lanes => f.write_str("lanes of a batch"),
        }
    }
}

// ---- places ----------------------------------------------------------------------------------

impl Sites<'_> {
    /// What a site stands for; none where it is 0.
    pub(super) fn span(&self, site: u32) -> Option<Span> {
        span_of(self.spans, site & !SITE_COUNTS)
    }

    /// What the variable in the car of a pair is called, if it may have no value.
    pub(super) fn name(&self, here: Value) -> Option<Sym> {
        let is_here = |&&(pair, _): &&(u32, Sym)| pair == here.address();
        self.names.iter().find(is_here).map(|&(_, name)| name)
    }
}

impl Job<'_> {
    /// Where a place of its trace is in the text.
    pub(crate) fn span_of_place(&self, place: u32) -> Option<Span> {
        let user = self.programs.last();
        span_of(user.map_or(&self.code.spans, |p| &p.spans), place)
    }
}

/// The span of a place; place 0 is nowhere.
pub(crate) fn span_of(spans: &[Span], place: u32) -> Option<Span> {
    spans.get(place as usize).copied().filter(|_| place != 0)
}
