//! The sine over its angle, and its slope.
//!
//! The slope is `(cos x - sin x / x) / x`, of pairs; up to 1 it is a polynomial, where that would cancel.
//!
//! **Invariants**
//! - At 0 they are 1 and 0; at infinity both are 0, their limit.
//! - The `near` functions hold for |x| up to [`trig::NEAR`].
//! - Next to its zeros the slope is good to a part of 1/x, not of itself.

use super::double::{fma, polynomial, power_of_two, product, quick_sum, quotient, sum};
use super::reduction::{self, Reduced};
use super::trig::{self, of_rest, turned};

/// -1/3 as a pair.
const THIRD: (f64, f64) = (-1.0 / 3.0, f64::from_bits(0xbc75_5555_5555_5555));

/// ((cos(x) - sin(x)/x) / x² + 1/3) / x² as a polynomial of x², |x| up to 1, interpolated at Chebyshev's
/// points.
const SLOPE: [f64; 8] = [
    0.033_333_333_333_333_33,
    -0.001_190_476_190_476_190_4,
    2.204_585_537_918_858_2e-5,
    -2.505_210_838_537_423e-7,
    1.927_085_258_468_286_7e-9,
    -1.070_602_591_318_348_4e-11,
    4.498_003_808_465_631e-14,
    -1.462_198_855_478_404_4e-16,
];

/// Sine and cosine of a reduced angle, as pairs.
#[inline(always)]
fn sin_cos((q, rest): Reduced) -> ((f64, f64), (f64, f64)) {
    let (sin, cos) = of_rest(rest);
    let (sin, cos) = (quick_sum(sin.0, sin.1), quick_sum(cos.0, cos.1));
    let swap = q & 1 != 0;
    let (s, c) = (
        (
            if swap { cos.0 } else { sin.0 },
            if swap { cos.1 } else { sin.1 },
        ),
        (
            if swap { sin.0 } else { cos.0 },
            if swap { sin.1 } else { cos.1 },
        ),
    );
    let next = q.wrapping_add(1);
    (
        (turned(s.0, q), turned(s.1, q)),
        (turned(c.0, next), turned(c.1, next)),
    )
}

/// sin(x) / x of |x| up to [`trig::NEAR`].
#[inline(always)]
pub(crate) fn sinc_near(x: f64) -> f64 {
    let (sin, _) = sin_cos(trig::reduce(x));
    let (high, low) = quotient(sin, (x, 0.0));
    if x.abs() < 1e-8 { 1.0 } else { high + low }
}

/// sin(x) / x of |x| above [`trig::NEAR`].
#[cold]
#[inline(never)]
pub(crate) fn sinc_far(x: f64) -> f64 {
    if x.abs() == f64::INFINITY {
        return 0.0;
    }
    // The quotient may be subnormal: it is scaled last.
    let down = power_of_two(-60.0);
    let (sin, _) = sin_cos(reduction::reduce(x));
    let (high, low) = quotient(sin, (x * down, 0.0));
    (high + low) * down
}

/// The slope of [`sinc_near`] of |x| up to [`trig::NEAR`].
#[inline(always)]
pub(crate) fn slope_near(x: f64) -> f64 {
    let (sin, cos) = sin_cos(trig::reduce(x));
    let sinc = quotient(sin, (x, 0.0));
    let (high, rest) = sum(cos.0, -sinc.0);
    let difference = quick_sum(high, rest + (cos.1 - sinc.1));
    let (high, low) = quotient(difference, (x, 0.0));
    let z = x * x;
    let (third, rest) = product(x, THIRD.0);
    let small = third + fma(x, fma(z, polynomial(z, &SLOPE), THIRD.1), rest);
    let small = if x == 0.0 { -x } else { small };
    if x.abs() < 1.0 { small } else { high + low }
}

/// The slope of [`sinc_far`] of |x| above [`trig::NEAR`].
#[cold]
#[inline(never)]
pub(crate) fn slope_far(x: f64) -> f64 {
    if x.abs() == f64::INFINITY {
        return 0.0;
    }
    let down = power_of_two(-60.0);
    let (sin, cos) = sin_cos(reduction::reduce(x));
    let scaled = x * down;
    let sinc = sin.0 / scaled * down;
    let (high, rest) = sum(cos.0, -sinc);
    let (high, low) = quotient((high, rest + cos.1), (scaled, 0.0));
    (high + low) * down
}
