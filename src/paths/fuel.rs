//! The fuel that the lanes of a request have together.
//!
//! What lanes take goes in; what has been taken, and whether it may be too much, comes out.
//!
//! **Invariants**
//! - What lanes took is counted once, whichever thread ran them.
//! - What lanes weigh besides their applications follows from their inputs and from whether they fail, so it
//!   is the same whether they are walked or replayed.

use crate::walk::EvalError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// So many numbers that a lane is given weigh as an application: they are handed to each lane that is walked,
/// a few nanoseconds each.
pub(crate) const NUMBERS: u64 = 256;

/// What it weighs besides that a lane fails: it is walked, and its error kept and told.
pub(crate) const FAILED: u64 = 4;

/// What lanes have taken so far.
#[derive(Debug, Default)]
pub(crate) struct Fuel {
    /// What is taken before any lane is run.
    pub(super) ahead: u64,
    pub(super) spent: AtomicU64,
    /// Whether that may be more than there is.
    pub(super) over: AtomicBool,
    /// Whether what lanes take is to be told to the unit.
    pub(super) exact: AtomicBool,
    /// The error of the first lane, where it took all of the fuel alone.
    pub(super) first: Mutex<Option<Box<EvalError>>>,
    /// Errors of lanes that took much of it: those are not walked again where lanes are run again in their
    /// order.
    pub(super) long: Mutex<Vec<(u32, Box<EvalError>)>>,
    /// That of lanes that come after the one where it ran out.
    pub(super) none_left: Mutex<Option<Arc<EvalError>>>,
}

impl Fuel {
    /// Fuel of so many lanes, each of which is given so many numbers, those that all share included.
    pub(crate) fn of_lanes(lanes: usize, numbers: usize) -> Self {
        let ahead = (lanes as u64).saturating_mul(numbers as u64 / NUMBERS);
        Self {
            ahead,
            spent: AtomicU64::new(ahead),
            ..Self::default()
        }
    }

    /// Whether lanes are to be run in their order.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Starts anew, and exactly.
    pub(super) fn begin_again(&self) {
        self.exact.store(true, Ordering::Relaxed);
        self.reset(self.ahead);
    }

    /// Goes back to what had been taken before.
    pub(super) fn reset(&self, spent: u64) {
        self.spent.store(spent, Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }
}
