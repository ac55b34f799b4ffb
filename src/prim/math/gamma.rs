//! The logarithm of the gamma function above 0, its first two derivatives, and the logarithm of the beta
//! function.
//!
//! From 10 on Stirling's series; from 3 to 10 the same of x + 7, less the logarithm of what lies between,
//! x (x + 1) … (x + 6), all in pairs of doubles. Between 1 and 3 the zeros at 1 and 2 are factors,
//! `(x - 1) (x - 2) P(x)`, and below 1 it is that of x + 1, less log x. The derivatives likewise: the digamma
//! function's zero is a factor, and sums of reciprocals are fractions of pairs. The polynomials interpolate
//! at Chebyshev's points, in 300 bits; those of the series are in 1/z².
//!
//! **Invariants**
//! - Only what is above 0 is done here; [`super::reflection`] does the rest, one by one.
//! - Sums that cancel are sums of pairs.

use super::double::{fma, plus, polynomial, power_of_two, quick_sum, quotient, sum, times};
use super::log::ln_pair;

/// A number as an unevaluated sum.
pub(super) type Pair = (f64, f64);

/// log Γ(x) / ((x - 1) (x - 2)) from 1 to 2 as a polynomial of x - 3/2, the constant as a pair.
const LOW_FIRST: (f64, f64) = (
    0.483_128_950_540_980_9,
    f64::from_bits(0x3c73_ed46_9cc0_967d),
);
const LOW: [f64; 21] = [
    -0.145_959_895_914_306_08,
    0.062_911_401_074_564_39,
    -0.031_308_487_501_010_646,
    0.016_797_098_631_274_16,
    -0.009_425_622_448_525_798,
    0.005_446_457_839_126_065,
    -0.003_212_074_073_715_281_4,
    0.001_922_916_312_790_516_1,
    -0.001_164_414_584_731_012_4,
    0.000_711_519_067_515_296,
    -0.000_437_993_074_796_139_14,
    0.000_271_313_738_614_469_25,
    -0.000_168_917_821_552_489_8,
    0.000_105_355_124_837_855_91,
    -6.614_136_022_346_414e-5,
    4.302_768_149_765_03e-5,
    -2.720_167_302_550_475_2e-5,
    1.318_601_907_399_683_5e-5,
    -8.355_075_869_795_273e-6,
    1.214_000_808_397_340_7e-5,
    -7.760_660_152_513_446e-6,
];

/// The same from 2 to 3, of x - 5/2.
const HIGH_FIRST: (f64, f64) = (
    0.379_577_160_630_558_85,
    f64::from_bits(0x3c7f_e02e_0ce2_31e6),
);
const HIGH: [f64; 17] = [
    -0.074_663_574_154_499_42,
    0.019_905_154_304_743_18,
    -0.006_018_768_527_033_188,
    0.001_949_057_488_948_701_8,
    -0.000_658_639_706_773_979_5,
    0.000_229_053_637_399_277_05,
    -8.130_228_881_990_515e-5,
    2.929_928_431_244_959_2e-5,
    -1.068_232_933_262_124_1e-5,
    3.930_575_906_345_698e-6,
    -1.457_022_694_289_878e-6,
    5.436_564_684_414_454e-7,
    -2.038_001_071_917_337_2e-7,
    7.573_826_671_079_655e-8,
    -2.861_814_764_279_996_5e-8,
    1.296_689_107_897_311_3e-8,
    -4.934_519_518_036_778e-9,
];

/// z (log Γ(z) - (z - 1/2) log z + z - log √2π) as a polynomial of 1/z², z from 10 on.
const STIRLING_FIRST: (f64, f64) = (
    0.083_333_333_333_333_33,
    f64::from_bits(0x3c55_54d9_5880_6105),
);
const STIRLING: [f64; 7] = [
    -0.002_777_777_777_777_772_7,
    0.000_793_650_793_639_728_3,
    -0.000_595_238_086_335_974_3,
    0.000_841_747_311_346_252_8,
    -0.001_916_761_853_054_555,
    0.006_317_285_683_331_599,
    -0.023_489_406_946_994_133,
];

/// ψ(x) / (x - x₀) from 1 to 2 as a polynomial of x - 3/2, x₀ its zero.
const DIGAMMA_FIRST: (f64, f64) = (
    0.951_055_876_031_832_8,
    f64::from_bits(0x3c88_be0c_5f9f_a98c),
);
const DIGAMMA: [f64; 23] = [
    -0.423_627_421_281_460_47,
    0.240_542_484_240_787_36,
    -0.148_404_923_053_917_61,
    0.094_988_724_452_83,
    -0.061_922_133_271_657_06,
    0.040_760_833_944_626_57,
    -0.026_975_796_844_275_36,
    0.017_907_248_195_969_127,
    -0.011_908_215_172_584_002,
    0.007_927_024_067_961_237,
    -0.005_280_017_820_898_74,
    0.003_518_080_075_106_669_4,
    -0.002_344_650_082_351_321,
    0.001_563_567_975_753_388_5,
    -0.001_042_261_556_504_223,
    0.000_689_971_780_116_684_1,
    -0.000_459_962_514_461_257_6,
    0.000_326_806_804_414_176_4,
    -0.000_217_868_214_550_145_1,
    9.173_383_289_174_792e-5,
    -6.115_542_617_507_51e-5,
    0.000_122_309_830_554_067_47,
    -8.153_978_973_309_418e-5,
];

/// z² (log z - ψ(z) - 1 / (2 z)) as a polynomial of 1/z², z from 10 on.
const DIGAMMA_TAIL_FIRST: (f64, f64) = (
    0.083_333_333_333_333_33,
    f64::from_bits(0x3c55_4d5d_0908_e727),
);
const DIGAMMA_TAIL: [f64; 7] = [
    -0.008_333_333_333_333_246,
    0.003_968_253_968_071_808,
    -0.004_166_666_520_024_721_5,
    0.007_575_699_357_598_426,
    -0.021_080_156_991_782_954,
    0.081_792_475_029_309_2,
    -0.342_131_858_484_154_9,
];

/// z³ (ψ'(z) - 1/z - 1 / (2 z²)) as a polynomial of 1/z², z from 10 on.
const TRIGAMMA_TAIL_FIRST: (f64, f64) = (
    0.166_666_666_666_666_66,
    f64::from_bits(0x3c65_1001_9b15_4e92),
);
const TRIGAMMA_TAIL: [f64; 7] = [
    -0.033_333_333_333_331_83,
    0.023_809_523_806_353_43,
    -0.033_333_330_779_398_276,
    0.075_756_560_669_482_68,
    -0.252_892_759_267_445_2,
    1.139_657_784_266_559,
    -5.307_066_329_276_469,
];

/// The zero of the digamma function above 0.
const ROOT: Pair = (
    1.461_632_144_968_362_2,
    f64::from_bits(0x3c9b_86a7_2219_7829),
);

/// log √2π, and that less 1/2.
const LOG_ROOT_2_PI: Pair = (
    0.918_938_533_204_672_8,
    f64::from_bits(0xbc86_5b5a_1b7f_f5df),
);
const LESS_HALF: Pair = (
    0.418_938_533_204_672_7,
    f64::from_bits(0x3c73_494b_c900_1442),
);

/// Whether a number is one for this file.
#[inline(always)]
pub(crate) fn is_above(x: f64) -> bool {
    x > 0.0
}

/// `x + k` of a pair.
#[inline(always)]
fn ahead(x: Pair, k: f64) -> Pair {
    let (high, low) = sum(x.0, k);
    quick_sum(high, low + x.1)
}

#[inline(always)]
fn minus(a: Pair, b: Pair) -> Pair {
    plus(a, (-b.0, -b.1))
}

/// The first of two pairs or the second.
#[inline(always)]
fn choose(which: bool, a: Pair, b: Pair) -> Pair {
    (if which { a.0 } else { b.0 }, if which { a.1 } else { b.1 })
}

/// `first + u P(u)` as a pair.
#[inline(always)]
fn about<const N: usize>(u: f64, first: Pair, more: &[f64; N]) -> Pair {
    let (high, low) = quick_sum(first.0, u * polynomial(u, more));
    (high, low + first.1)
}

/// `log` of a pair, as a pair.
#[inline(always)]
pub(super) fn log_of(x: Pair) -> Pair {
    let (high, low) = ln_pair(x.0);
    quick_sum(high, low + x.1 / x.0)
}

/// 1/x as a pair.
#[inline(always)]
fn inverse(x: Pair) -> Pair {
    quotient((1.0, 0.0), x)
}

/// What is left of Stirling's series, for z from 10 on.
#[inline(always)]
fn stirling_tail(z: f64) -> f64 {
    let inverse = 1.0 / z;
    let w = inverse * inverse;
    fma(w, polynomial(w, &STIRLING), STIRLING_FIRST.0) * inverse
}

/// log Γ(z) by Stirling's series, for z from 10 on, with the logarithm of z: `(z - 1/2) (log z - 1)` and
/// what is small beside it. It is infinite where that is.
#[inline(always)]
pub(super) fn stirling(z: Pair, log: Pair) -> Pair {
    let slope = ahead(log, -1.0);
    let factor = ahead(z, -0.5);
    let whole = plus(
        times(factor, slope),
        (LESS_HALF.0, LESS_HALF.1 + stirling_tail(z.0)),
    );
    let plain = factor.0 * slope.0;
    choose(plain < f64::INFINITY, whole, (plain, 0.0))
}

/// `(x + 1) (x + 2) … (x + 6)`.
#[inline(always)]
fn six(x: Pair) -> Pair {
    let first = times(ahead(x, 1.0), ahead(x, 2.0));
    let second = times(ahead(x, 3.0), ahead(x, 4.0));
    times(times(first, second), times(ahead(x, 5.0), ahead(x, 6.0)))
}

/// `(x + 1) (x + 2) … (x + 9)`.
#[inline(always)]
pub(super) fn nine(x: Pair) -> Pair {
    let last = times(times(ahead(x, 7.0), ahead(x, 8.0)), ahead(x, 9.0));
    times(six(x), last)
}

/// log Γ(x) above 0.
#[inline(always)]
pub(crate) fn lgamma_above(x: f64) -> f64 {
    let below_1 = x < 1.0;
    let below_10 = x < 10.0;
    // Up to 3.
    let low = about(if below_1 { x - 0.5 } else { x - 1.5 }, LOW_FIRST, &LOW);
    let high = about(x - 2.5, HIGH_FIRST, &HIGH);
    let smooth = choose(x < 2.0, low, high);
    let first = if below_1 { x } else { x - 1.0 };
    let second = choose(below_1, sum(x, -1.0), (x - 2.0, 0.0));
    let near = times(times((first, 0.0), second), smooth);
    // From 3 on.
    let z = choose(below_10, sum(x, 7.0), (x, 0.0));
    let log = log_of(choose(below_1, (x, 0.0), z));
    let far = stirling(z, log);
    let between = log_of(times((x, 0.0), six((x, 0.0))));
    let far = choose(below_10, minus(far, between), far);
    let near = choose(below_1, minus(near, log), near);
    let (high, low) = choose(x < 3.0, near, far);
    let value = high + low;
    if x == f64::INFINITY || high == f64::INFINITY {
        f64::INFINITY
    } else {
        value
    }
}

/// `(n, d)` with n/d the sum of those and 1/f.
#[inline(always)]
fn with((n, d): (Pair, Pair), f: Pair) -> (Pair, Pair) {
    (plus(times(n, f), d), times(d, f))
}

/// The digamma function from 10 on.
#[inline(always)]
pub(crate) fn digamma_far(z: Pair) -> Pair {
    let inverse = inverse(z);
    let w = inverse.0 * inverse.0;
    let tail = w * fma(w, polynomial(w, &DIGAMMA_TAIL), DIGAMMA_TAIL_FIRST.0);
    let less = (0.5 * inverse.0, fma(0.5, inverse.1, tail));
    minus(log_of(z), quick_sum(less.0, less.1))
}

/// 1/x + 1/(x + 1) + … + 1/(x + 7), x from 1 to 10.
#[inline(always)]
pub(super) fn reciprocals(x: Pair) -> Pair {
    let start = ((1.0, 0.0), x);
    let four = with(
        with(with(start, ahead(x, 1.0)), ahead(x, 2.0)),
        ahead(x, 3.0),
    );
    let six = with(with(four, ahead(x, 4.0)), ahead(x, 5.0));
    let (n, d) = with(with(six, ahead(x, 6.0)), ahead(x, 7.0));
    quotient(n, d)
}

/// The digamma function above 0.
#[inline(always)]
pub(crate) fn digamma_above(x: f64) -> f64 {
    let below_1 = x < 1.0;
    let below_10 = x < 10.0;
    // Up to 2, of x + 1 below 1.
    let at = if below_1 { x - 0.5 } else { x - 1.5 };
    let y = choose(below_1, sum(1.0, x), (x, 0.0));
    let (distance, rest) = sum(y.0, -ROOT.0);
    let distance = quick_sum(distance, rest + (y.1 - ROOT.1));
    let near = times(distance, about(at, DIGAMMA_FIRST, &DIGAMMA));
    let near = choose(below_1, minus(near, inverse((x, 0.0))), near);
    // From 2 on.
    let z = choose(below_10, sum(x, 8.0), (x, 0.0));
    let far = digamma_far(z);
    let far = choose(below_10, minus(far, reciprocals((x, 0.0))), far);
    let (high, low) = choose(x < 2.0, near, far);
    let value = high + low;
    // Next to 0 it is -1/x, and next to infinity log x, to the last bit.
    let value = if x < 1e-30 { -1.0 / x } else { value };
    let (log, rest) = ln_pair(x);
    let large = if x < f64::INFINITY { log + rest } else { x };
    if x > 1e30 { large } else { value }
}

/// The trigamma function from 10 on.
#[inline(always)]
pub(crate) fn trigamma_far(z: Pair) -> Pair {
    let inverse = inverse(z);
    let w = inverse.0 * inverse.0;
    let tail = w * inverse.0 * fma(w, polynomial(w, &TRIGAMMA_TAIL), TRIGAMMA_TAIL_FIRST.0);
    quick_sum(inverse.0, inverse.1 + fma(0.5, w, tail))
}

/// 1/(x + 1)² + … + 1/(x + 9)², x from 0 to 10.
#[inline(always)]
pub(super) fn squares(x: Pair) -> Pair {
    let square = |k: f64| {
        let f = ahead(x, k);
        times(f, f)
    };
    let start = ((1.0, 0.0), square(1.0));
    let four = with(with(with(start, square(2.0)), square(3.0)), square(4.0));
    let seven = with(with(with(four, square(5.0)), square(6.0)), square(7.0));
    let (n, d) = with(with(seven, square(8.0)), square(9.0));
    quotient(n, d)
}

/// 1/x², good to the last bit however small the number.
#[inline(always)]
pub(super) fn inverse_square(x: f64) -> f64 {
    let up = if x.abs() < 1e-100 {
        power_of_two(600.0)
    } else {
        1.0
    };
    let r = inverse((x * up, 0.0));
    let (high, low) = times(r, r);
    (high + low) * up * up
}

/// The trigamma function above 0.
#[inline(always)]
pub(crate) fn trigamma_above(x: f64) -> f64 {
    let below_10 = x < 10.0;
    let z = choose(below_10, sum(x, 10.0), (x, 0.0));
    let far = trigamma_far(z);
    let r = inverse((x, 0.0));
    let near = plus(plus(squares((x, 0.0)), far), times(r, r));
    let (high, low) = choose(below_10, near, far);
    // Next to 0 it is 1/x², and next to infinity 1/x, to the last bit.
    let value = if x < 1e-30 {
        inverse_square(x)
    } else {
        high + low
    };
    if x > 1e30 { 1.0 / x } else { value }
}

/// log B(a, b) of numbers from 0 up; NaN elsewhere.
///
/// With a the larger and s = a + b: where a is below 10, by Stirling's series of all three and 10 more, less
/// the logarithm of what lies between; from there on by what is left of the series' difference when its
/// large terms have met, `(a - 1/2) log(1 + b/a)` and `b log s`.
#[inline(always)]
pub(crate) fn lbeta(a: f64, b: f64) -> f64 {
    let (x, y) = (a, b);
    let a = if x > y { x } else { y };
    let b = if x > y { y } else { x };
    let (small, both) = (a < 10.0, b >= 10.0);
    // b/a and a/s, of numbers away from subnormals and from overflow.
    let up = if a < 1e-280 { power_of_two(600.0) } else { 1.0 };
    let factor = if a > 1e280 { power_of_two(-600.0) } else { up };
    let (a_scaled, b_scaled) = (a * factor, b * factor);
    let ratio = quotient((b_scaled, 0.0), (a_scaled, 0.0));
    let (more, rest) = quick_sum(1.0, ratio.0);
    let more = (more, rest + ratio.1);
    let share = inverse(more);

    let s = sum(a, b);
    let (za, zb, zs) = (sum(a, 10.0), sum(b, 10.0), ahead(s, 10.0));
    let below = nine((b, 0.0));
    let between = quotient(times(nine((a, 0.0)), below), nine(s));
    let between = choose(small, times(share, between), below);

    let log_zb = log_of(zb);
    let log_b = log_of((b, 0.0));
    let log_between = log_of(between);
    let log_a = log_of(choose(small, za, (a, 0.0)));
    let log_more = log_of(choose(small, zs, more));

    // Γ(b) or, where both are small, what has the same terms.
    let of_b = minus(minus(stirling(zb, log_zb), log_b), log_between);
    let smalls = minus(plus(stirling(za, log_a), of_b), stirling(zs, log_more));

    let difference = times(ahead((a, 0.0), -0.5), log_more);
    let log_s = plus(log_a, log_more);
    let one = minus(minus(of_b, difference), times((b, 0.0), ahead(log_s, -1.0)));
    let tails = stirling_tail(a) - stirling_tail(s.0);
    let one = plus(one, (tails, 0.0));

    let half = (0.5 * log_b.0, 0.5 * log_b.1);
    let constant = plus(minus(LOG_ROOT_2_PI, half), (tails + stirling_tail(b), 0.0));
    let large = times((b, 0.0), minus(log_b, log_s));
    let two = plus(constant, minus(large, difference));

    let (high, low) = choose(small, smalls, choose(both, two, one));
    let value = high + low;
    // Beyond all doubles, and ends.
    let beyond = both && large.0 - difference.0 == f64::NEG_INFINITY;
    let ends = if a == f64::INFINITY || beyond {
        f64::NEG_INFINITY
    } else {
        value
    };
    let at_0 = if a == f64::INFINITY {
        f64::NAN
    } else {
        f64::INFINITY
    };
    let value = if b > 0.0 { ends } else { at_0 };
    if x >= 0.0 && y >= 0.0 {
        value
    } else {
        f64::NAN
    }
}
