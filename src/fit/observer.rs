//! `Observer`: who is told how far a fit is, and may interrupt it.
//!
//! What the starts have done goes in, from any thread; the observer hears of it, and whether to go on
//! comes out.
//!
//! **Invariants**
//! - The observer is asked before each step of each start; once it breaks, it is not asked again.
//! - What it is told changes nothing about the result but through a break.

use crate::walk::{Budget, Limits};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Is told how far a fit is, before each step of each start, and breaks to interrupt it. Starts run on
/// several threads and call it from each: it is to be quick, and calls may overtake one another.
pub type Observer<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;

/// The observer that breaks where limits are late or the fuel is over, too: no evaluation is done any more
/// then, so there is nothing to go on for.
pub(super) fn until_late<'a>(
    limits: Limits,
    fuel: Option<&'a Budget>,
    observer: &'a Observer<'a>,
) -> impl Fn(&Progress) -> ControlFlow<()> + Sync + 'a {
    move |progress| {
        if limits.is_late() || fuel.is_some_and(Budget::is_over) {
            return ControlFlow::Break(());
        }
        observer(progress)
    }
}

/// How far a fit is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many steps were taken, all starts together.
    pub steps: usize,
    /// How many there are at the most; there are hardly ever so many.
    pub most_steps: usize,
    /// How many starts have ended.
    pub ended: usize,
    /// How many starts there are.
    pub starts: usize,
    /// The lowest sum of squared residuals so far, or the lowest loss; infinite before the first.
    pub best: f64,
}

/// The state of a fit as its observer is told.
pub(super) struct Watch<'a> {
    observer: &'a Observer<'a>,
    most_steps: usize,
    starts: usize,
    steps: AtomicUsize,
    ended: AtomicUsize,
    /// The lowest sum of squares, in the order of numbers.
    best: AtomicU64,
    stopped: AtomicBool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(observer: &'a Observer<'a>, starts: usize, most_steps: usize) -> Self {
        Self {
            observer,
            most_steps,
            starts,
            steps: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            best: AtomicU64::new(ordered(f64::INFINITY)),
            stopped: AtomicBool::new(false),
        }
    }

    /// Asks whether to go on.
    pub(super) fn goes_on(&self) -> bool {
        if self.is_stopped() {
            return false;
        }
        let progress = Progress {
            steps: self.steps.load(Ordering::Relaxed),
            most_steps: self.most_steps,
            ended: self.ended.load(Ordering::Relaxed),
            starts: self.starts,
            best: of_ordered(self.best.load(Ordering::Relaxed)),
        };
        if (self.observer)(&progress).is_break() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        !self.is_stopped()
    }

    /// Whether the observer broke.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A start is where the sum of squares is so much.
    pub(super) fn meets(&self, sse: f64) {
        self.best.fetch_min(ordered(sse), Ordering::Relaxed);
    }

    /// A start took a step, to where the sum of squares is so much.
    pub(super) fn steps_to(&self, sse: f64) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.meets(sse);
    }

    /// So many more starts have ended; the observer hears of it.
    pub(super) fn ends(&self, starts: usize) {
        if starts > 0 {
            self.ended.fetch_add(starts, Ordering::Relaxed);
            self.goes_on();
        }
    }
}

/// The sign of a number's bits.
const SIGN: u64 = 1 << 63;

/// A number's bits, in the order of numbers: those of negative ones, which stand in the other order, turned
/// round.
fn ordered(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn of_ordered(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_in_the_order_of_numbers() {
        let numbers = [
            f64::NEG_INFINITY,
            -2.0,
            -1e-300,
            0.0,
            1e-300,
            1.5,
            f64::INFINITY,
        ];
        for pair in numbers.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]));
            assert_eq!(of_ordered(ordered(pair[0])), pair[0]);
        }
    }
}
