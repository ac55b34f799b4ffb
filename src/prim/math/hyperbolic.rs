//! Hyperbolic functions by the exponential, kept as a pair.
//!
//! `e^|x| = 2^n E`, and sinh and cosh are `2^(n-1) (E ∓ 2^-2n / E)`; sinh is a polynomial below 1.
//! `tanh |x| = -d / (2 + d)` with `d = e^(-2 |x|) - 1`, which is accurate near 0.
//!
//! **Invariants**
//! - Nothing overflows before its result does.

use super::double::{clamp, fma, polynomial, power_of_two, quick_sum, quotient, scale, with_sign};
use super::exp::{less_one, pair};

/// (sinh(x)/x - 1) / x² as a polynomial of x², |x| up to 1.
const SINH: [f64; 7] = [
    0.166_666_666_666_666_69,
    0.008_333_333_333_333_137,
    0.000_198_412_698_414_384_16,
    2.755_731_915_509_305_6e-6,
    2.505_212_343_899_056_6e-8,
    1.605_723_707_109_060_6e-10,
    7.759_414_860_192_017e-13,
];

/// `(e^|x| + sign e^-|x|) / 2`.
#[inline(always)]
fn half_sum(x: f64, sign: f64) -> f64 {
    let (n, e) = pair(clamp(x.abs(), 0.0, 711.0), 0.0);
    let power = power_of_two(clamp(-2.0 * n, -1000.0, 0.0));
    let (high, low) = quick_sum(e.0, sign * (power / e.0));
    scale(high + (low + e.1), n - 1.0)
}

/// Hyperbolic sine.
#[inline(always)]
pub(crate) fn sinh(x: f64) -> f64 {
    let z = x * x;
    let small = fma(x * z, polynomial(z, &SINH), x);
    let large = with_sign(half_sum(x, -1.0), x);
    if x.abs() < 1.0 { small } else { large }
}

/// Hyperbolic cosine.
#[inline(always)]
pub(crate) fn cosh(x: f64) -> f64 {
    half_sum(x, 1.0)
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    // From 22 on it is 1 to the last bit.
    let d = less_one(-2.0 * clamp(x.abs(), 0.0, 22.0));
    let (one_more, rest) = quick_sum(2.0, d.0);
    let (high, low) = quotient((-d.0, -d.1), (one_more, rest + d.1));
    with_sign(high + low, x)
}
