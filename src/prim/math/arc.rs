//! Inverse trigonometric functions.
//!
//! Arc sine: `x + x³ P(x²)` up to 1/2; beyond, with `s = √((1 - |x|)/2)`, `π/2 - 2 asin s`; arc cosine
//! by the same two pieces. Arc tangents of a quotient y/x of magnitudes: by eighths of a turn,
//! `atan(y/x)`, `π/4 + atan((y - x)/(y + x))` or `π/2 - atan(x/y)`, so that the argument of the
//! polynomial is at most `tan(π/8) = √2 - 1`.
//!
//! **Invariants**
//! - Signs of zeros are kept as in C; arc sine and cosine are NaN outside [-1, 1].

use super::double::{clamp, fma, polynomial, power_of_two, quick_sum, remainder, sum, with_sign};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// (asin(s)/s - 1) / s² as a polynomial of s², |s| up to 1/2.
const ASIN: [f64; 13] = [
    0.166_666_666_666_667_52,
    0.074_999_999_999_73,
    0.044_642_857_172_521_59,
    0.030_381_942_807_291_024,
    0.022_372_212_213_280_618,
    0.017_351_661_232_562_77,
    0.013_980_238_628_336_344,
    0.011_403_603_751_601_5,
    0.010_754_356_570_411_804,
    0.003_802_711_542_807_361,
    0.021_476_782_127_774_1,
    -0.020_677_713_524_087_22,
    0.032_430_770_357_312_94,
];

/// (atan(t)/t - 1) / t² as a polynomial of t², |t| up to √2 - 1.
const ATAN: [f64; 11] = [
    -0.333_333_333_333_331_87,
    0.199_999_999_999_508_6,
    -0.142_857_142_799_266_17,
    0.111_111_107_702_240_32,
    -0.090_908_973_845_299_58,
    0.076_920_537_023_827_92,
    -0.066_630_313_610_233_53,
    0.058_473_694_395_216_29,
    -0.050_369_998_776_300_62,
    0.038_006_885_734_020_56,
    -0.017_844_945_357_049_655,
];

/// What the double nearest to π/4 is short of it; twice and four times as much for π/2 and π.
const FRAC_PI_4_REST: f64 = f64::from_bits(0x3c81_a626_3314_5c07);
const FRAC_PI_2_REST: f64 = 2.0 * FRAC_PI_4_REST;
const PI_REST: f64 = 4.0 * FRAC_PI_4_REST;
/// 3π/4 as a pair.
const THREE_FRAC_PI_4: f64 = f64::from_bits(0x4002_d97c_7f33_21d2);
const THREE_FRAC_PI_4_REST: f64 = f64::from_bits(0x3c9a_7939_4c9e_8a0a);

/// `asin |x|` up to 1/2, else `2 asin √((1 - |x|)/2)`, as a pair.
#[inline(always)]
fn asin_piece(x: f64) -> (bool, (f64, f64)) {
    let x = x.abs();
    let small = x <= 0.5;
    let rest = 0.5 * (1.0 - x);
    let root = rest.sqrt();
    // What the root rounds off.
    let missing = remainder(rest, root, root) * 0.5 / root;
    let missing = if root == 0.0 { 0.0 } else { missing };
    let z = if small { x * x } else { rest };
    let s = if small { x } else { root };
    let tail = fma(
        s * z,
        polynomial(z, &ASIN),
        if small { 0.0 } else { missing },
    );
    let factor = if small { 1.0 } else { 2.0 };
    (small, (factor * s, factor * tail))
}

/// Arc sine; NaN outside [-1, 1].
#[inline(always)]
pub(crate) fn asin(x: f64) -> f64 {
    let (small, (piece, rest)) = asin_piece(x);
    let (high, low) = quick_sum(FRAC_PI_2, -piece);
    let beyond = high + (low + (FRAC_PI_2_REST - rest));
    with_sign(if small { piece + rest } else { beyond }, x)
}

/// Arc cosine; NaN outside [-1, 1].
#[inline(always)]
pub(crate) fn acos(x: f64) -> f64 {
    let (small, (piece, rest)) = asin_piece(x);
    let negative = x < 0.0;
    let start = if small {
        FRAC_PI_2
    } else if negative {
        PI
    } else {
        0.0
    };
    let start_rest = if small {
        FRAC_PI_2_REST
    } else if negative {
        PI_REST
    } else {
        0.0
    };
    let add = small == negative;
    let piece = if add { piece } else { -piece };
    let rest = if add { rest } else { -rest };
    let (high, low) = quick_sum(start, piece);
    high + (low + (start_rest + rest))
}

/// The angle of a point with coordinates of these magnitudes, in the upper half plane, by whether it
/// is to the left; neither infinite, not both 0.
#[inline(always)]
fn angle(y: f64, x: f64, left: bool) -> f64 {
    const TAN_PI_8: f64 = 0.414_213_562_373_095_03;
    let first = y <= TAN_PI_8 * x;
    let third = TAN_PI_8 * y > x;
    let (difference, difference_rest) = sum(y, -x);
    let (total, total_rest) = sum(y, x);
    let above = if first { y } else { difference };
    let above = if third { -x } else { above };
    let below = if first { x } else { total };
    let below = if third { y } else { below };
    let middle = !first && !third;
    let inverse = 1.0 / below;
    let t = above * inverse;
    let missing = remainder(above, t, below);
    let more = fma(-t, total_rest, difference_rest);
    let missing = if middle { missing + more } else { missing };
    let z = t * t;
    let tail = fma(t * z, polynomial(z, &ATAN), missing * inverse);

    let start = if left { PI } else { 0.0 };
    let start_rest = if left { PI_REST } else { 0.0 };
    let diagonal = if left { THREE_FRAC_PI_4 } else { FRAC_PI_4 };
    let diagonal_rest = if left {
        THREE_FRAC_PI_4_REST
    } else {
        FRAC_PI_4_REST
    };
    let start = if middle { diagonal } else { start };
    let start_rest = if middle { diagonal_rest } else { start_rest };
    let start = if third { FRAC_PI_2 } else { start };
    let start_rest = if third { FRAC_PI_2_REST } else { start_rest };
    let t = if left { -t } else { t };
    let tail = if left { -tail } else { tail };
    let (high, low) = quick_sum(start, t);
    high + (low + (start_rest + tail))
}

/// Arc tangent.
#[inline(always)]
pub(crate) fn atan(x: f64) -> f64 {
    // From here on it is π/2 to the last bit.
    with_sign(angle(clamp(x.abs(), 0.0, 1e30), 1.0, false), x)
}

/// The angle of the point (x, y).
#[inline(always)]
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    let left = x.is_sign_negative();
    let (above, below) = (y.abs(), x.abs());
    // An infinite coordinate makes finite ones zero, and is one.
    let infinite = above == f64::INFINITY || below == f64::INFINITY;
    let at_infinity = |v: f64| if v == f64::INFINITY { 1.0 } else { 0.0 };
    let up = if infinite { at_infinity(above) } else { above };
    let right = if infinite { at_infinity(below) } else { below };
    // Away from overflow and from subnormals.
    let largest = if up > right { up } else { right };
    let shrink = if largest > 1e300 {
        power_of_two(-60.0)
    } else {
        1.0
    };
    let factor = if largest < 1e-280 {
        power_of_two(120.0)
    } else {
        shrink
    };
    let (up, right) = (up * factor, right * factor);
    // At the origin the angle is that of the axis.
    let origin = largest == 0.0;
    let turn = angle(up, if origin { 1.0 } else { right }, left);
    // Where the angle is the quotient to the last bit, it may be subnormal and is rounded once.
    let quotient = above / below;
    let flat = !left && !infinite && quotient < 1e-10;
    let turn = if flat { quotient } else { turn };
    let turn = if x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        turn
    };
    with_sign(turn, y)
}
