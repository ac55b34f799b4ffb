//! Sums that keep what they round off.
//!
//! **Invariants**
//! - A pair of doubles `(high, low)` means their exact sum.

/// The exact sum of `a` and `b`, if `a` is 0 or no smaller than `b`.
#[inline(always)]
pub(super) fn quick_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// The exact sum of `a` and `b`.
#[inline(always)]
pub(super) fn sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let a_part = sum - b_part;
    (sum, (a - a_part) + (b - b_part))
}
