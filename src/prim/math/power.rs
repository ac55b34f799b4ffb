//! Powers: `e^(y log x)` with the logarithm and the product in pairs of doubles.
//!
//! **Invariants**
//! - Special cases are those of C's `pow`: `x^0` and `1^y` are 1 even of NaN, a negative base takes
//!   whole exponents alone, odd ones keep its sign.

use super::double::{clamp, fma, product};
use super::exp::exp_pair;
use super::log::ln_pair;

/// `x` to the power `y`.
#[inline(always)]
pub(crate) fn powf(x: f64, y: f64) -> f64 {
    let base = x.abs();
    let (log, log_rest) = ln_pair(base);
    // No base but 1 has a logarithm below 2^-54: beyond, all powers are 0 or infinite.
    let exponent = clamp(y, -1e25, 1e25);
    let (high, low) = product(exponent, log);
    let low = fma(exponent, log_rest, low);
    let power = exp_pair(high, if high.abs() < 800.0 { low } else { 0.0 });

    // The powers of 0 and of infinity are 0 or infinite.
    let grows = (y > 0.0) == (base > 1.0);
    let extreme = if grows { f64::INFINITY } else { 0.0 };
    let power = if base == 0.0 || base == f64::INFINITY {
        extreme
    } else {
        power
    };

    // A negative base, -0 included: odd exponents keep the sign, broken ones have no power.
    let whole = y.floor() == y;
    let half = y * 0.5;
    let odd = whole && half.floor() != half;
    let negative = x.is_sign_negative();
    let power = if negative && odd { -power } else { power };
    let broken = x < 0.0 && !whole && base < f64::INFINITY;
    let power = if broken || x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        power
    };
    if y == 0.0 || x == 1.0 { 1.0 } else { power }
}
