//! `Budget`: fuel that many evaluations have together.
//!
//! What evaluations took goes in, from any thread; what is left comes out, and whether it was not enough.
//!
//! **Invariants**
//! - What is taken is counted once, and clones count together.
//! - Once an evaluation had too little, the budget is over, whatever else is asked of it.

use super::{EvalError, Limits, out_of_fuel};
use crate::error::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Fuel that many evaluations have together, in the unit of [`Limits::fuel`]. Clones draw on the same.
///
/// ```
/// use dmci::Budget;
///
/// let budget = Budget::new(1000);
/// assert_eq!(budget.clone().left(), 1000);
/// assert!(!budget.is_over());
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Arc<Drawn>);

#[derive(Debug)]
struct Drawn {
    fuel: u64,
    spent: AtomicU64,
    is_over: AtomicBool,
}

/// The same budget, and not another one of as much.
impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Budget {
    /// So much fuel, none of it taken.
    pub fn new(fuel: u64) -> Self {
        Self(Arc::new(Drawn {
            fuel,
            spent: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }))
    }

    /// What nobody has taken yet.
    pub fn left(&self) -> u64 {
        let spent = self.0.spent.load(Ordering::Relaxed);
        self.0.fuel.saturating_sub(spent)
    }

    /// Whether an evaluation had too little.
    pub fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    /// Notes what an evaluation took.
    pub(crate) fn take(&self, fuel: u64) {
        let more = |spent: u64| spent.saturating_add(fuel);
        let (relaxed, spent) = (Ordering::Relaxed, &self.0.spent);
        if more(spent.update(relaxed, relaxed, more)) > self.0.fuel {
            self.ends();
        }
    }

    /// Looks whether an evaluation within `limits` failed for want of fuel.
    pub(crate) fn note(&self, error: &EvalError, limits: &Limits) {
        if error.kind == Kind::Resource && error.message == out_of_fuel(limits.fuel) {
            self.ends();
        }
    }

    fn ends(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// The error of who had too little.
    pub(crate) fn error(&self) -> EvalError {
        let message = format!(
            "out of fuel: all evaluations together have {}; raise the fuel (--fuel)",
            self.0.fuel
        );
        EvalError::new(Kind::Resource, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_draw_on_the_same_and_the_last_unit_is_enough() {
        let (budget, clone) = (Budget::new(10), Budget::new(10));
        assert_ne!(budget, clone);
        let clone = budget.clone();
        assert_eq!(budget, clone);
        budget.take(4);
        clone.take(6);
        assert_eq!((budget.left(), budget.is_over()), (0, false));
        clone.take(1);
        assert_eq!((budget.left(), budget.is_over()), (0, true));
        clone.take(u64::MAX);
        assert_eq!(budget.left(), 0);
    }

    #[test]
    fn an_evaluation_that_ran_out_ends_it_and_another_failure_does_not() {
        let budget = Budget::new(10);
        let failed = |message: &str| EvalError::new(Kind::Resource, message.to_owned());
        let limits = Limits::new().fuel(7);
        budget.note(&failed("out of heap"), &limits);
        assert!(!budget.is_over());
        budget.note(&failed(&out_of_fuel(7)), &limits);
        assert!(budget.is_over());
        assert!(budget.error().message.contains("10; raise"));
    }
}
