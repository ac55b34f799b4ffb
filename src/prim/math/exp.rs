//! The exponential and what is made of it: e^x - 1, powers of 2, the logistic function and its slope.
//!
//! `x = n log 2 + r` with |r| at most half of log 2, and `e^x = 2^n (1 + r + tail)`, where the tail is
//! a polynomial. The subtraction of `n log 2` is exact but for a remainder that is kept.
//!
//! **Invariants**
//! - The scaling by 2^n is the last step and rounds once, so subnormal results are as good as others.

use super::double::{
    clamp, falling, fma, fma_below, fma_exact, fma_or_product, power_of_two, product, quick_sum,
    quotient, scale, sum, whole,
};

/// 1 / log 2.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// log 2 as a pair.
const LN2: f64 = std::f64::consts::LN_2;
const LN2_REST: f64 = f64::from_bits(0x3c7a_bc9e_3b39_803f);
/// The leading 41 bits of log 2, so that whole multiples up to 2^12 are exact.
pub(super) const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fefa_3000);
/// The rest of log 2.
pub(super) const LN2_LOW: f64 = f64::from_bits(0x3d53_de6a_f278_ece6);

/// (e^r - 1 - r - r²/2) / r³ for |r| up to half of log 2, interpolated at Chebyshev's points.
const TAIL: [f64; 10] = [
    0.166_666_666_666_666_69,
    0.041_666_666_666_666_664,
    0.008_333_333_333_330_051,
    0.001_388_888_888_888_654_5,
    0.000_198_412_698_631_059_68,
    2.480_158_731_718_188_6e-5,
    2.755_726_837_868_419_2e-6,
    2.755_728_291_148_268e-7,
    2.510_042_415_700_506_7e-8,
    2.091_126_423_919_608_3e-9,
];

/// `(n, r, tail)` with `e^(x + low) = 2^n (1 + r + tail)`, for |x| up to 800 and a `low` far below 1.
#[inline(always)]
fn parts(x: f64, low: f64) -> (f64, f64, f64) {
    let (n, _) = whole(x * LOG2_E);
    // n times the leading bits of log 2 has no more bits than a double.
    let exact = fma_exact(-n, LN2_HIGH, x);
    let (r, rest) = quick_sum(exact, fma_or_product(-n, LN2_LOW, low));
    (n, r, tail(r, rest))
}

/// `e^(r + rest) - 1 - r`.
#[inline(always)]
fn tail(r: f64, rest: f64) -> f64 {
    let square = r * r;
    let cubic = fma_below(r, falling(r, &TAIL), 0.5);
    fma(square, cubic, fma(rest, r, rest))
}

/// `(n, (high, low))` with `e^(x + low) = 2^n (high + low)` and `high` near 1.
#[inline(always)]
pub(super) fn pair(x: f64, low: f64) -> (f64, (f64, f64)) {
    let (n, r, tail) = parts(x, low);
    let (one, rest) = quick_sum(1.0, r);
    (n, quick_sum(one, rest + tail))
}

/// e^(x + low), for a `low` far below 1 that is 0 where |x| is above 710.
#[inline(always)]
pub(super) fn exp_pair(x: f64, low: f64) -> f64 {
    // Beyond the bounds the scaling over- or underflows as it should.
    let (n, r, tail) = parts(clamp(x, -746.0, 711.0), low);
    let (one, rest) = quick_sum(1.0, r);
    scale(one + (rest + tail), n)
}

/// e^x.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    exp_pair(x, 0.0)
}

/// 2^x: the power of the whole part is exact, so whole powers are.
#[inline(always)]
pub(crate) fn exp2(x: f64) -> f64 {
    // Beyond the bounds the scaling over- or underflows as it should.
    let x = clamp(x, -1080.0, 1025.0);
    let (n, _) = whole(x);
    let part = x - n;
    let (r, rest) = product(part, LN2);
    let rest = fma(part, LN2_REST, rest);
    let (one, low) = quick_sum(1.0, r);
    scale(one + (low + tail(r, rest)), n)
}

/// e^x - 1.
#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    let (high, low) = less_one(clamp(x, -60.0, 60.0));
    // From 50 on the 1 is nothing.
    let value = if x > 50.0 { exp(x) } else { high + low };
    if x == 0.0 { x } else { value }
}

/// e^x - 1 as a pair, for x from -60 to 60.
#[inline(always)]
pub(super) fn less_one(x: f64) -> (f64, f64) {
    let (n, r, tail) = parts(x, 0.0);
    let power = power_of_two(n);
    let (base, base_rest) = sum(-1.0, power);
    // With n = 0 the first term is 0; otherwise it is the larger.
    let (high, rest) = quick_sum(base, power * r);
    quick_sum(high, fma(power, tail, rest + base_rest))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f64) -> f64 {
    let (n, e) = pair(clamp(-x.abs(), -746.0, 0.0), 0.0);
    // What is below e^-60 is nothing next to 1.
    let power = power_of_two(if n < -100.0 { -100.0 } else { n });
    let (one, rest) = quick_sum(1.0, power * e.0);
    let below = (one, fma(power, e.1, rest));
    let positive = x >= 0.0;
    let above = if positive { 1.0 } else { e.0 };
    let above_rest = if positive { 0.0 } else { e.1 };
    let (high, low) = quotient((above, above_rest), below);
    scale(high + low, if positive { 0.0 } else { n })
}

/// e^-|x| / (1 + e^-|x|)², the slope of the logistic function.
#[inline(always)]
pub(crate) fn sigmoid_slope(x: f64) -> f64 {
    let (n, e) = pair(clamp(-x.abs(), -746.0, 0.0), 0.0);
    // What is below e^-60 is nothing next to 1.
    let power = power_of_two(if n < -100.0 { -100.0 } else { n });
    let (one, rest) = quick_sum(1.0, power * e.0);
    let rest = fma(power, e.1, rest);
    let (square, square_rest) = product(one, one);
    let below = (square, fma(2.0 * one, rest, square_rest));
    let (high, low) = quotient(e, below);
    scale(high + low, n)
}
