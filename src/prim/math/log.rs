//! Logarithms: natural, of 1 + x, to bases, of odds and of 1 - e^x, and softplus.
//!
//! `x = 2^k m` with m between the roots of 1/2 and of 2, `f = m - 1` exactly, and with
//! `s = f / (2 + f)`: `log m = 2 artanh s = f - f²/2 + s (f²/2 + R)`, where `R` is a polynomial of s².
//! Powers and logarithms to a base use a longer form of the same, in pairs of doubles.
//!
//! **Invariants**
//! - `log 1` is +0, `log 0` is -inf, the log of a negative number is NaN.

use super::double::{
    ONE, clamp, falling, fma, power_of_two, product, quick_sum, quotient, remainder, scale, sum,
};
use super::exp::{LN2_HIGH, LN2_LOW, exp, less_one, pair};

/// (2 artanh(s) - 2 s) / s³ as a polynomial of s², |s| up to (√2 - 1) / (√2 + 1).
const ATANH: [f64; 7] = [
    0.666_666_666_666_673_4,
    0.399_999_999_994_156_7,
    0.285_714_287_422_569_6,
    0.222_221_985_775_787_03,
    0.181_835_645_515_729_45,
    0.153_140_335_797_859_5,
    0.147_962_275_699_009_22,
];

/// The next term of the same, ((2 artanh(s) - 2 s) / s³ - 2/3) / s², for pairs.
const ATANH_LONG: [f64; 8] = [
    0.399_999_999_999_999_74,
    0.285_714_285_714_459_45,
    0.222_222_222_173_675_96,
    0.181_818_188_881_222_67,
    0.153_845_558_009_018_75,
    0.133_363_543_681_517_62,
    0.116_741_353_835_723_32,
    0.119_942_562_710_744_29,
];

/// 2/3 as a pair.
const TWO_THIRDS: (f64, f64) = (2.0 / 3.0, f64::from_bits(0x3c85_5555_5555_5555));

/// `(k, m)` with `x = 2^k m` and m from √(1/2) to √2; of a positive finite number.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    const ROOT_OF_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const MANTISSA: u64 = (1 << 52) - 1;
    // With these bits above, the low bits of a double are a whole number.
    const COUNTS: u64 = 0x4330_0000_0000_0000;
    const COUNTS_BIAS: f64 = 4_503_599_627_371_519.0;
    let subnormal = x < f64::MIN_POSITIVE;
    let x = if subnormal { x * power_of_two(54.0) } else { x };
    let bits = x.to_bits().wrapping_add(ONE - ROOT_OF_HALF);
    let k = f64::from_bits((bits >> 52) | COUNTS) - COUNTS_BIAS;
    let m = f64::from_bits((bits & MANTISSA) + ROOT_OF_HALF);
    (if subnormal { k - 54.0 } else { k }, m)
}

/// `log(2^k (1 + f))` as a pair that is good for one rounding.
#[inline(always)]
fn from_parts(k: f64, f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let half = 0.5 * f * f;
    let tail = fma(s, fma(z, falling(z, &ATANH), half), -half);
    let (high, rest) = quick_sum(k * LN2_HIGH, f);
    (high, rest + fma(k, LN2_LOW, tail))
}

/// The logarithm where it is no ordinary number.
#[inline(always)]
pub(super) fn with_poles(x: f64, log: f64) -> f64 {
    let log = if x < f64::INFINITY { log } else { x };
    let pole = if x == 0.0 {
        f64::NEG_INFINITY
    } else {
        f64::NAN
    };
    if x > 0.0 { log } else { pole }
}

/// The natural logarithm.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    let (k, m) = split(x);
    let (high, low) = from_parts(k, m - 1.0);
    with_poles(x, high + low)
}

/// `log(1 + x + low)` as a pair, for x above -1 and a `low` below the last bit of x.
#[inline(always)]
pub(super) fn of_one_more(x: f64, low: f64) -> (f64, f64) {
    let (one_more, rest) = sum(1.0, x);
    let (k, m) = split(one_more);
    let near = k == 0.0;
    // Near 1, x itself is the exact f. Elsewhere what 1 + x rounds off is a small correction.
    let f = if near { x } else { m - 1.0 };
    let shrink = power_of_two(-clamp(k, -1000.0, 1000.0));
    let rest = if near { low } else { (rest + low) * shrink };
    let (high, tail) = from_parts(k, f);
    (high, tail + rest / m)
}

/// `log(1 + x)`.
#[inline(always)]
pub(crate) fn ln_1p(x: f64) -> f64 {
    let (high, low) = of_one_more(x, 0.0);
    let log = with_poles(1.0 + x, high + low);
    if x == 0.0 { x } else { log }
}

/// `log(1 + e^x)`, without overflow.
#[inline(always)]
pub(crate) fn softplus(x: f64) -> f64 {
    let (n, e) = pair(clamp(-x.abs(), -746.0, 0.0), 0.0);
    let (log, rest) = of_one_more(scale(e.0, n), scale(e.1, n));
    let (high, low) = sum(if x > 0.0 { x } else { 0.0 }, log);
    if x > 100.0 { x } else { high + (low + rest) }
}

/// The natural logarithm of a positive finite number as a pair, to about 2^-66 of itself.
#[inline(always)]
pub(super) fn ln_pair(x: f64) -> (f64, f64) {
    let (k, m) = split(x);
    let f = m - 1.0;
    // s = f / (2 + f), as a pair.
    let (below, below_rest) = sum(1.0, m);
    let inverse = 1.0 / below;
    let s = f * inverse;
    let s_rest = fma(-s, below_rest, remainder(f, s, below)) * inverse;
    // z = s², as a pair.
    let (z, z_rest) = product(s, s);
    let z_rest = fma(2.0 * s, s_rest, z_rest);
    // R = z (2/3 + z (2/5 + …)), as a pair; all after 2/3 is below it by 2^6.
    let later = z * falling(z, &ATANH_LONG);
    let (c, c_rest) = quick_sum(TWO_THIRDS.0, later);
    let c_rest = c_rest + TWO_THIRDS.1;
    let (r, r_rest) = product(z, c);
    let r_rest = r_rest + fma(z, c_rest, z_rest * c);
    // log m = 2 s + s R.
    let (t, t_rest) = product(s, r);
    let t_rest = t_rest + fma(s, r_rest, s_rest * r);
    let (log, rest) = quick_sum(2.0 * s, t);
    let rest = rest + fma(2.0, s_rest, t_rest);
    let (high, low) = quick_sum(k * LN2_HIGH, log);
    quick_sum(high, low + fma(k, LN2_LOW, rest))
}

/// The logarithm of `a` to the base `b`.
#[inline(always)]
pub(crate) fn log_base(a: f64, b: f64) -> f64 {
    let (above, above_rest) = ln_pair(a);
    let (below, below_rest) = ln_pair(b);
    let above = with_poles(a, above);
    let below = with_poles(b, below);
    let plain = above / below;
    let rest = remainder(above, plain, below) + fma(-plain, below_rest, above_rest);
    let fine = plain + rest / below;
    // At poles the correction is no number.
    if fine.abs() < f64::INFINITY {
        fine
    } else {
        plain
    }
}

/// `log(high + low)` as a pair good for one rounding; `high` positive, finite and the rounded sum.
#[inline(always)]
pub(super) fn of_pair(high: f64, low: f64) -> (f64, f64) {
    let (k, m) = split(high);
    let shrink = power_of_two(-clamp(k, -1000.0, 1000.0));
    let (log, tail) = from_parts(k, m - 1.0);
    (log, tail + low * shrink / m)
}

/// `log 2x` of a number above 1.
#[inline(always)]
pub(super) fn of_twice(x: f64) -> f64 {
    let (k, m) = split(x);
    let (high, low) = from_parts(k + 1.0, m - 1.0);
    if x < f64::INFINITY { high + low } else { x }
}

/// 1 / log 2 and 1 / log 10, each as a pair.
const PER_LN_2: (f64, f64) = (
    std::f64::consts::LOG2_E,
    f64::from_bits(0x3c77_77d0_ffda_0d24),
);
const PER_LN_10: (f64, f64) = (
    std::f64::consts::LOG10_E,
    f64::from_bits(0x3c69_5355_baaa_fad3),
);

/// The logarithm to the base 2; of a power of two it is exact.
#[inline(always)]
pub(crate) fn log2(x: f64) -> f64 {
    let (k, m) = split(x);
    let (log, tail) = from_parts(0.0, m - 1.0);
    let (high, low) = product(log, PER_LN_2.0);
    let low = fma(tail, PER_LN_2.0, fma(log, PER_LN_2.1, low));
    let (high, rest) = quick_sum(k, high);
    with_poles(x, high + (rest + low))
}

/// The logarithm to the base 10; of a power of ten it is exact.
#[inline(always)]
pub(crate) fn log10(x: f64) -> f64 {
    let (log, tail) = ln_pair(x);
    let (high, low) = product(log, PER_LN_10.0);
    let low = fma(tail, PER_LN_10.0, fma(log, PER_LN_10.1, low));
    with_poles(x, high + low)
}

/// `log(p / (1 - p))`: the logarithm of the odds.
#[inline(always)]
pub(crate) fn logit(p: f64) -> f64 {
    let inside = p > 0.0 && p < 1.0;
    let (high, low) = sum(1.0, -if inside { p } else { 0.5 });
    let odds = quotient((p, 0.0), (high, low));
    // About 1/2 the odds less 1 are (2 p - 1) / (1 - p), whose numerator is exact.
    let near = (p - 0.5).abs() < 0.08;
    let (less, less_rest) = quotient((2.0 * p - 1.0, 0.0), (high, low));
    let (k, m) = split(odds.0);
    let k = if near { 0.0 } else { k };
    let shrink = power_of_two(-clamp(k, -1000.0, 1000.0));
    let rest = if near { less_rest } else { odds.1 } * shrink;
    let (log, tail) = from_parts(k, if near { less } else { m - 1.0 });
    let value = log + (tail + rest / m);
    let end = if p == 1.0 { f64::INFINITY } else { f64::NAN };
    let end = if p == 0.0 { f64::NEG_INFINITY } else { end };
    if inside { value } else { end }
}

/// `log(sigmoid(x))`.
#[inline(always)]
pub(crate) fn log_sigmoid(x: f64) -> f64 {
    -softplus(-x)
}

/// `log(1 - e^x)`; NaN above 0.
#[inline(always)]
pub(crate) fn log1mexp(x: f64) -> f64 {
    let (high, low) = less_one(clamp(x, -60.0, 0.0));
    let (log, tail) = of_pair(-high, -low);
    // Below e^-36 two terms of the logarithm are all of it.
    let e = exp(x);
    let far = -fma(0.5 * e, e, e);
    let value = if x < -36.0 { far } else { log + tail };
    let end = if x == 0.0 {
        f64::NEG_INFINITY
    } else {
        f64::NAN
    };
    if x < 0.0 { value } else { end }
}
