//! Exact products and fused multiply-adds out of multiplications and additions, for targets without an
//! instruction: the product's halves by Dekker's method, the sum by Boldo's and Melquiond's, where what is
//! small is rounded to odd before the last rounding.
//!
//! **Invariants**
//! - The same bits as the instruction's where the product is 0 or no smaller than 2^-960, and neither it nor
//!   the sum overflows; also where a factor or the other term is infinite or NaN. Kernels keep to that but
//!   at the ends of their ranges: `src/docs/kernels.md` says where.
//! - No branches, so that loops over lanes become vector instructions.

use super::sums::{quick_sum, sum};

/// The upper 26 bits of a double, rounded, and the rest of it, which has no more with its sign.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    const LOWER: u64 = (1 << 27) - 1;
    let high = f64::from_bits(x.to_bits().wrapping_add(1 << 26) & !LOWER);
    (high, x - high)
}

/// The exact product of `a` and `b`.
#[inline(always)]
pub(super) fn product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let (a_high, a_low) = halves(a);
    let (b_high, b_low) = halves(b);
    let missing = ((a_high * b_high - product) + a_high * b_low) + a_low * b_high;
    (product, missing + a_low * b_low)
}

/// The sum of `a` and `b`, rounded to odd: where it is not exact, to the one of its two neighbours whose last
/// bit is 1. Adding that to something larger rounds as adding the exact sum would.
#[inline(always)]
fn odd_sum(a: f64, b: f64) -> f64 {
    let (rounded, rest) = sum(a, b);
    let bits = rounded.to_bits();
    let inexact = u64::from(rest != 0.0);
    // Towards 0, if it was rounded away from it.
    let away = inexact & ((bits ^ rest.to_bits()) >> 63);
    f64::from_bits(bits.wrapping_sub(away) | inexact)
}

/// `a * b + c`, rounded once.
#[inline(always)]
pub(super) fn fma(a: f64, b: f64, c: f64) -> f64 {
    let (high, low) = product(a, b);
    let (upper, lower) = sum(c, low);
    let (top, middle) = sum(high, upper);
    let exact = top + odd_sum(lower, middle);
    // Zeros have the sign that the parts give them, and what is infinite has no parts.
    let is_ordinary = exact.abs() > 0.0 && exact.abs() < f64::INFINITY;
    if is_ordinary { exact } else { high + c }
}

/// The same where the product is no more than half of `c`, which is neither 0 nor near overflow: the larger
/// term of each sum is known, and the result is ordinary.
#[inline(always)]
pub(super) fn fma_below(a: f64, b: f64, c: f64) -> f64 {
    let (high, low) = product(a, b);
    let (upper, lower) = quick_sum(c, low);
    let (top, middle) = quick_sum(upper, high);
    top + odd_sum(lower, middle)
}
