//! What a walk may take, what it has taken, and what things weigh.
//!
//! A job goes in; counts of applications, elements and procedures entered come out.
//!
//! **Invariants**
//! - Fuel is applications, and elements gone through by so many to an application: what of either costs
//!   the same takes about the same time in interpreter mode.

use super::call::{CLOCK_INTERVAL, ENTRIES};
use super::cost::Cost;
use super::{Job, Limits};
use crate::prim::value::Value;

/// How many elements that a primitive goes through weigh as much as an application: one of either costs
/// about the same time in interpreter mode.
pub(crate) const ELEMENTS: u64 = 32;

/// What a procedure of the prelude weighs, in elements, each time that it is entered or restarted.
pub(crate) const PRELUDE_WORK: u64 = 8;

/// Up to so many arguments are part of an application; each of more weighs as [`ARGUMENT_WORK`] elements.
pub(crate) const WIDE: usize = 8;

/// See [`WIDE`].
pub(crate) const ARGUMENT_WORK: usize = 8;

/// What the walk may take, and what it has taken.
pub(super) struct Meter {
    pub(super) limits: Limits,
    /// What the program takes, whether it is walked or not.
    pub(super) program: usize,
    pub(super) nodes: u64,
    pub(super) applications: u64,
    /// Elements that primitives have gone through for the user's program.
    pub(super) work: u64,
    /// Procedures still to be entered before the next look at the clock.
    pub(super) clock: u32,
    /// Procedures entered, as of the last look at the clock.
    pub(super) entries: u64,
    /// How many of them an application explains, and how many none needs to.
    pub(super) entries_each: u64,
    pub(super) entries_free: u64,
    /// Elements gone through since the clock was looked at for them.
    pub(super) unseen: usize,
    /// The cells of the heap at which it is collected.
    pub(super) collect_at: usize,
    /// The procedures under way beyond which there is no room, or which there may be.
    pub(super) frames: usize,
    /// The cells that a primitive found no room for.
    pub(super) wanted: usize,
    /// The most bytes in use, as far as they were looked at.
    pub(super) peak: usize,
    /// The most procedures under way at once.
    pub(super) deepest: usize,
    /// The same with arms that were not taken.
    pub(super) reach: usize,
    /// Ints that passed 2^53.
    pub(super) rounded: u64,
    /// Whether the walk pauses at the next look at the clock.
    pub(super) pauses: bool,
    /// Whether it pauses where `monitor` is given a value, and which that was.
    pub(super) pauses_at_value: bool,
    pub(super) given: Option<Value>,
}

/// What has been taken, as far as it is taken back where a fork is given up: how far its arms came tells
/// which of them the numbers take.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) cost: Cost,
    pub(super) clock: u32,
    pub(super) entries: u64,
    pub(super) deepest: usize,
    pub(super) rounded: u64,
}

impl Meter {
    pub(super) fn new(job: &Job<'_>) -> Self {
        let pairs = job.programs.iter().map(|p| p.image.sites.len() as u64);
        Self {
            limits: job.limits,
            program: job.programs.last().map_or(0, |program| program.bytes()),
            nodes: 0,
            applications: 0,
            work: 0,
            clock: CLOCK_INTERVAL,
            entries: 0,
            entries_each: match job.programs.len() {
                0 | 1 => ENTRIES,
                _ => ENTRIES * ENTRIES,
            },
            entries_free: ENTRIES * (pairs.sum::<u64>() + u64::from(CLOCK_INTERVAL)),
            unseen: 0,
            collect_at: 0,
            frames: 0,
            wanted: 0,
            peak: 0,
            deepest: 0,
            reach: 0,
            rounded: 0,
            pauses: false,
            pauses_at_value: false,
            given: None,
        }
    }

    /// What has been taken of the fuel.
    #[inline]
    pub(super) fn fuel(&self) -> u64 {
        self.applications + self.work / ELEMENTS
    }

    /// How many procedures may be entered for it without that weighing anything.
    pub(super) fn explained(&self) -> u64 {
        self.fuel()
            .saturating_mul(self.entries_each)
            .saturating_add(self.entries_free)
    }

    /// Fuel by what it is made of.
    pub(super) fn cost(&self) -> Cost {
        Cost {
            applications: self.applications,
            work: self.work,
        }
    }

    pub(super) fn set_cost(&mut self, cost: Cost) {
        (self.applications, self.work) = (cost.applications, cost.work);
    }

    pub(super) fn taken(&self) -> Taken {
        Taken {
            cost: self.cost(),
            clock: self.clock,
            entries: self.entries,
            deepest: self.deepest,
            rounded: self.rounded,
        }
    }

    pub(super) fn take_back(&mut self, taken: Taken) {
        self.set_cost(taken.cost);
        self.clock = taken.clock;
        self.entries = taken.entries;
        self.deepest = taken.deepest;
        self.rounded = taken.rounded;
    }
}
