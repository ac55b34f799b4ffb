//! Inverse hyperbolic functions, by the logarithm of 1 + t.
//!
//! `asinh x = log(1 + x + x² / (1 + √(1 + x²)))`, `acosh x = log(1 + d + √(d (d + 2)))` with d = x - 1, and
//! `atanh x = log(1 + 2 x / (1 - x)) / 2`, of magnitudes, with t as a pair; beyond 2^30 the first two are
//! log 2x.
//!
//! **Invariants**
//! - Signs of zeros are kept; `acosh` is NaN below 1, `atanh` outside [-1, 1] and infinite at its ends.

use super::double::{fma, product, quick_sum, quotient, remainder, sum, with_sign};
use super::log::{of_one_more, of_twice};

/// From here on `asinh x` and `acosh x` are log 2x to the last bit.
const FAR: f64 = 1_073_741_824.0;

/// Inverse hyperbolic sine.
#[inline(always)]
pub(crate) fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let square = a * a;
    let more = square / (1.0 + (1.0 + square).sqrt());
    let (t, rest) = quick_sum(a, more);
    let (high, low) = of_one_more(t, rest);
    let near = if a == 0.0 { a } else { high + low };
    with_sign(if a > FAR { of_twice(a) } else { near }, x)
}

/// Inverse hyperbolic cosine; NaN below 1.
#[inline(always)]
pub(crate) fn acosh(x: f64) -> f64 {
    let (d, d_rest) = sum(x, -1.0);
    let (square, square_rest) = product(d, d);
    let (s, s_rest) = sum(2.0 * d, square);
    // The derivative of d (d + 2) times what d is short.
    let s_rest = fma(2.0 * (d + 1.0), d_rest, s_rest + square_rest);
    let root = s.sqrt();
    let missing = (remainder(s, root, root) + s_rest) * 0.5 / root;
    let (t, rest) = sum(d, root);
    let (high, low) = of_one_more(t, rest + (missing + d_rest));
    let near = if x == 1.0 { 0.0 } else { high + low };
    let value = if x > FAR { of_twice(x) } else { near };
    if x >= 1.0 { value } else { f64::NAN }
}

/// Inverse hyperbolic tangent; NaN outside [-1, 1].
#[inline(always)]
pub(crate) fn atanh(x: f64) -> f64 {
    let a = x.abs();
    let inside = a < 1.0;
    let (t, rest) = quotient(
        (2.0 * a, 0.0),
        quick_sum(1.0, -if inside { a } else { 0.0 }),
    );
    let (high, low) = of_one_more(t, rest);
    let value = if a == 0.0 { a } else { 0.5 * (high + low) };
    let end = if a == 1.0 { f64::INFINITY } else { f64::NAN };
    with_sign(if inside { value } else { end }, x)
}
