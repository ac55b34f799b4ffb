//! The fuel that the lanes of a request have together.
//!
//! What lanes take goes in; what has been taken, and whether it may be too much, comes out.
//!
//! **Invariants**
//! - What lanes took is counted once, whichever thread ran them.

use crate::walk::EvalError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What lanes have taken so far.
#[derive(Debug, Default)]
pub(crate) struct Fuel {
    pub(super) spent: AtomicU64,
    /// Whether that may be more than there is.
    pub(super) over: AtomicBool,
    /// Whether what lanes take is to be told to the unit.
    pub(super) exact: AtomicBool,
    /// The error of the first lane, where it took all of the fuel alone.
    pub(super) first: Mutex<Option<Box<EvalError>>>,
    /// That of lanes that come after the one where it ran out.
    pub(super) none_left: Mutex<Option<Arc<EvalError>>>,
}

impl Fuel {
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
        self.reset(0);
    }

    /// Goes back to what had been taken before.
    pub(super) fn reset(&self, spent: u64) {
        self.spent.store(spent, Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }
}
