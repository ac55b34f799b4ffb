//! Sine, cosine and tangent.
//!
//! `x = q π/2 + r` with |r| at most about π/4 and r as a pair of doubles, then polynomials for the
//! sine and the cosine of r; the low bits of q choose between them and the sign. Up to 2^32 three
//! parts of π/2 are subtracted; beyond, [`super::reduction`] multiplies by the bits of 2/π.
//!
//! **Invariants**
//! - The `near` functions hold for |x| up to [`NEAR`] and give NaN or nonsense beyond.
//! - The sign of 0 is kept by sine and tangent; at infinities all are NaN.

use super::double::{falling, fma, product, quick_sum, quotient, remainder, sum, whole};
use super::reduction::{self, HALF_PI, Reduced};

/// The largest argument of the `near` functions.
pub(super) const NEAR: f64 = 4_294_967_296.0;

/// (sin(r)/r - 1) / r² as a polynomial of r², |r| up to π/4.
const SIN: [f64; 6] = [
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_309,
    -0.000_198_412_698_297_202_56,
    2.755_731_366_045_003e-6,
    -2.505_075_302_745_483_4e-8,
    1.589_649_193_839_381_5e-10,
];

/// (cos(r) - 1 + r²/2) / r⁴ as a polynomial of r², |r| up to π/4.
const COS: [f64; 6] = [
    0.041_666_666_666_666_595,
    -0.001_388_888_888_887_332_7,
    2.480_158_728_903_664e-5,
    -2.755_731_423_435_436e-7,
    2.087_570_832_054_531_6e-9,
    -1.135_891_679_184_293_6e-11,
];

/// An angle up to [`NEAR`] reduced.
#[inline(always)]
pub(super) fn reduce(x: f64) -> Reduced {
    let (q, bits) = whole(x * std::f64::consts::FRAC_2_PI);
    // Exact: below 1 and a multiple of the smaller of 2^-52 and x's last bit.
    let first = remainder(x, q, HALF_PI[0]);
    let (second, second_rest) = product(q, HALF_PI[1]);
    let (r, rest) = sum(first, -second);
    (bits, (r, fma(-q, HALF_PI[2], rest - second_rest)))
}

/// The sine and the cosine of a reduced rest, as pairs.
#[inline(always)]
pub(super) fn of_rest((r, rest): (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let z = r * r;
    let half = -0.5 * r;
    let near_one = fma(half, r, 1.0);
    let near_one_rest = remainder(1.0 - near_one, -half, r);
    let sin = fma(z * r, falling(z, &SIN), rest * near_one);
    let cos = fma(z * z, falling(z, &COS), fma(-r, rest, near_one_rest));
    ((r, sin), (near_one, cos))
}

/// Changes the sign for the third and fourth quarter turn.
#[inline(always)]
pub(super) fn turned(x: f64, quarters: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ ((quarters & 2) << 62))
}

#[inline(always)]
fn sin_cos_of((q, rest): Reduced) -> (f64, f64) {
    let (sin, cos) = of_rest(rest);
    let (sin, cos) = (sin.0 + sin.1, cos.0 + cos.1);
    let swap = q & 1 != 0;
    let (s, c) = (if swap { cos } else { sin }, if swap { sin } else { cos });
    (turned(s, q), turned(c, q.wrapping_add(1)))
}

#[inline(always)]
fn tan_of((q, rest): Reduced) -> f64 {
    let (sin, cos) = of_rest(rest);
    let sin = quick_sum(sin.0, sin.1);
    let cos = quick_sum(cos.0, cos.1);
    // A quarter turn on, the tangent is -cos / sin.
    let swap = q & 1 != 0;
    let above = if swap { cos.0 } else { sin.0 };
    let above_rest = if swap { cos.1 } else { sin.1 };
    let below = if swap { -sin.0 } else { cos.0 };
    let below_rest = if swap { -sin.1 } else { cos.1 };
    let (high, low) = quotient((above, above_rest), (below, below_rest));
    high + low
}

/// Sine and cosine of |x| up to [`NEAR`].
#[inline(always)]
pub(crate) fn sin_cos_near(x: f64) -> (f64, f64) {
    let (sin, cos) = sin_cos_of(reduce(x));
    (if x == 0.0 { x } else { sin }, cos)
}

/// Sine of |x| up to [`NEAR`].
#[inline(always)]
pub(crate) fn sin_near(x: f64) -> f64 {
    sin_cos_near(x).0
}

/// Cosine of |x| up to [`NEAR`].
#[inline(always)]
pub(crate) fn cos_near(x: f64) -> f64 {
    sin_cos_near(x).1
}

/// Tangent of |x| up to [`NEAR`].
#[inline(always)]
pub(crate) fn tan_near(x: f64) -> f64 {
    let tan = tan_of(reduce(x));
    if x == 0.0 { x } else { tan }
}

/// Sine and cosine of |x| above [`NEAR`]. A search that goes through decades of frequencies is there often:
/// without the instruction each fused multiply-add is a call.
#[cold]
#[inline(never)]
pub(crate) fn sin_cos_far(x: f64) -> (f64, f64) {
    #[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
    {
        use crate::prim::math::Cpu;

        #[target_feature(enable = "avx2,fma")]
        fn fused(x: f64) -> (f64, f64) {
            sin_cos_of(reduction::reduce(x))
        }
        if Cpu::detect() != Cpu::Baseline {
            // SAFETY: every level above the baseline has AVX2 and FMA.
            return unsafe { fused(x) };
        }
    }
    sin_cos_of(reduction::reduce(x))
}

/// Sine of |x| above [`NEAR`].
#[inline(always)]
pub(crate) fn sin_far(x: f64) -> f64 {
    sin_cos_far(x).0
}

/// Cosine of |x| above [`NEAR`].
#[inline(always)]
pub(crate) fn cos_far(x: f64) -> f64 {
    sin_cos_far(x).1
}

/// Tangent of |x| above [`NEAR`].
#[cold]
#[inline(never)]
pub(crate) fn tan_far(x: f64) -> f64 {
    tan_of(reduction::reduce(x))
}

/// Whether the `near` functions hold; they also give the NaN of NaN.
#[inline(always)]
pub(crate) fn is_near(x: f64) -> bool {
    x.abs() <= NEAR
}
