//! `Goal`: what a program is run for.
//!
//! **Invariants**
//! - A program has the same params, observations and mistakes whatever it is run for.

/// Which value the program is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Goal {
    /// The value of the last expression.
    #[default]
    Value,
    /// A list with the predictions of each `observe` or `observe-series`, in order, each followed by the
    /// standard deviation and limits that it computes.
    Observations,
    /// A list with the number of each `derive`, in order.
    Derived,
}
