//! What the rows of the table are written with: values and rules that take more than a line.
//!
//! **Invariants**
//! - Over [`Real`], so that a rule means the same for numbers and for the operations of a trace: choices
//!   are `select`.
//! - What a rule gives an argument that does not count is -0: added to any number, it changes nothing.

use super::real::Real;
use super::{Prim, math};

impl Prim {
    /// [`Prim::vjp`], for a rule that is differentiated itself, by all it reads. The same numbers, where
    /// these are finite.
    pub(crate) fn vjp_again<R: Real>(self, a: R, b: R, y: R, ct: R) -> Option<[R; 2]> {
        let plain = self.vjp(a, b, y, ct);
        if self != Prim::Pow {
            return plain;
        }
        // The derivative by the base is 0 at exponent 0, but does not stay 0 where that moves; nor does
        // that by the exponent at base 1.
        let slope = ct * (b * a.pow(b - one(b)));
        let held = a.is_zero().select(nothing(b), slope);
        let to_b = is_nothing(a, b).select(nothing(a), ct * (y * a.ln()));
        Some([b.is_zero().select(held, slope), to_b])
    }

    /// [`Prim::counts`] for that rule.
    pub(crate) fn counts_again<R: Real>(self, a: R, b: R) -> Option<[R; 2]> {
        let plain = self.counts(a, b);
        if self != Prim::Pow {
            return plain;
        }
        Some([a.apply(Prim::Either, b), is_nothing(a, b).is_zero()])
    }
}

/// The smaller of two numbers; NaN if one is, and -0 below +0.
///
/// Without branches, so that it is done for many lanes at once wherever it is inlined.
#[inline]
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    let is_below = (a < b) | a.is_nan() | ((a == b) & a.is_sign_negative());
    if is_below { a } else { b }
}

pub(super) fn not_below_zero(a: f64) -> f64 {
    if a < 0.0 { f64::NAN } else { a }
}

/// 1 with the sign of a number; zeros and NaN stay.
#[inline]
pub(super) fn sign(a: f64) -> f64 {
    let below = if a < 0.0 { -1.0 } else { a };
    if a > 0.0 { 1.0 } else { below }
}

pub(super) fn zero<R: Real>(like: R) -> R {
    like.lift(0.0)
}

pub(super) fn one<R: Real>(like: R) -> R {
    like.lift(1.0)
}

/// Whether a power of nothing stays nothing: base 0 and an exponent above 0.
pub(super) fn is_nothing<R: Real>(a: R, b: R) -> R {
    a.is_zero().both(b.above(zero(b)))
}

/// Whether a power does not depend on its exponent.
pub(super) fn is_fixed<R: Real>(a: R, b: R) -> R {
    is_nothing(a, b).apply(Prim::Either, a.equals(one(a)))
}

/// What an argument that does not count is given: added to any number, it changes nothing.
pub(super) fn nothing<R: Real>(like: R) -> R {
    like.lift(-0.0)
}

/// A slope, or NaN where a function has no value.
pub(super) fn valued<R: Real>(y: R, slope: R) -> R {
    y.equals(y).select(slope, y)
}

/// A cotangent to the side that won, and to both what is given where none did.
pub(super) fn split<R: Real>(first: R, second: R, neither: R, ct: R) -> [R; 2] {
    let nothing = nothing(ct);
    [
        first.select(ct, second.select(nothing, neither)),
        first.select(nothing, second.select(ct, neither)),
    ]
}

/// The cotangents of an angle's sides a / (a² + b²), by the quotient of the smaller by the larger: their
/// squares would over- or underflow.
pub(super) fn turned<R: Real>(a: R, b: R, ct: R) -> [R; 2] {
    let steep = a.abs().above(b.abs());
    let large = steep.select(a, b);
    let small = steep.select(b, a);
    let ratio = small / large;
    let by_small = ct / (one(ct) + ratio * ratio) / large;
    let by_large = by_small * ratio;
    [
        steep.select(by_large, by_small),
        -steep.select(by_small, by_large),
    ]
}

pub(super) fn modulo(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// Euclid's algorithm: at most about 1,500 steps for doubles.
pub(super) fn gcd(a: f64, b: f64) -> f64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0.0 && !b.is_nan() {
        (a, b) = (b, a % b);
    }
    if b.is_nan() { b } else { a }
}

/// Splitmix64's finalizer.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A standard Gumbel number, -log(-log u): u is uniform in (0, 1) by a hash of seed and position.
pub(super) fn gumbel(seed: f64, position: f64) -> f64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let key = mix((seed as u64).wrapping_add(STEP));
    let bits = mix(key.wrapping_add((position as u64).wrapping_add(1).wrapping_mul(STEP)));
    // The middle of one of 2^52 intervals: neither 0 nor 1.
    let u = ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -math::ln(-math::ln(u))
}
