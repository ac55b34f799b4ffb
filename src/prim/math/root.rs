//! Cube roots, and the length of a hypotenuse.
//!
//! `x = 8^q a` with a from 0.35 to 2.83: the root of a is a polynomial's of its mantissa times a power of
//! the root of 2, one step of Halley's method makes it good to the last bit, and one of Newton's, with
//! the cube as a pair, rounds it.
//!
//! **Invariants**
//! - Roots of cubes are exact; signs of zeros are kept.
//! - Nothing over- or underflows before its result does: sides are scaled by a power of two.

use super::double::{
    fma, polynomial, power_of_two, product, remainder, scale, sum, whole, with_sign,
};
use super::log::split;

/// The cube root of 2 and of 1/2.
const CBRT_2: f64 = 1.259_921_049_894_873_2;
const CBRT_HALF: f64 = 0.793_700_525_984_099_8;

/// The cube root of m from √½ to √2, to 2^-19 of itself, interpolated at Chebyshev's points.
const CBRT: [f64; 6] = [
    0.422_624_132_163_582_4,
    1.051_195_773_044_963_7,
    -0.826_312_780_171_146_5,
    0.501_268_063_116_229_8,
    -0.174_820_885_805_002_19,
    0.026_044_950_601_170_725,
];

/// Cube root.
#[inline(always)]
pub(crate) fn cbrt(x: f64) -> f64 {
    let (k, m) = split(x.abs());
    let (q, _) = whole(k * (1.0 / 3.0));
    let rest = k - 3.0 * q;
    let up = rest > 0.5;
    let down = rest < -0.5;
    let factor = if up { 2.0 } else { 1.0 };
    let factor = if down { 0.5 } else { factor };
    let start = if up { CBRT_2 } else { 1.0 };
    let start = if down { CBRT_HALF } else { start };
    let a = m * factor;
    let y = start * polynomial(m, &CBRT);
    let cube = y * y * y;
    let y = fma(y, (a - cube) / fma(2.0, cube, a), y);
    // What the cube of y is short of a, exactly but for 2^-100.
    let (square, square_rest) = product(y, y);
    let (cube, cube_rest) = product(square, y);
    let missing = (a - cube) - fma(square_rest, y, cube_rest);
    let root = scale(y + missing / (3.0 * square), q);
    // Of zeros, infinities and NaN it is they themselves.
    let ordinary = x.abs() > 0.0 && x.abs() < f64::INFINITY;
    with_sign(if ordinary { root } else { x.abs() }, x)
}

/// √(x² + y²).
#[inline(always)]
pub(crate) fn hypot(x: f64, y: f64) -> f64 {
    let (x, y) = (x.abs(), y.abs());
    let largest = if x > y { x } else { y };
    let shrink = if largest > 1e150 {
        power_of_two(-600.0)
    } else {
        1.0
    };
    let factor = if largest < 1e-130 {
        power_of_two(600.0)
    } else {
        shrink
    };
    let (a, b) = (x * factor, y * factor);
    let (a_square, a_rest) = product(a, a);
    let (b_square, b_rest) = product(b, b);
    let (square, rest) = sum(a_square, b_square);
    let rest = rest + (a_rest + b_rest);
    let root = square.sqrt();
    let missing = (remainder(square, root, root) + rest) * 0.5 / root;
    let length = (root + if root > 0.0 { missing } else { 0.0 }) * (1.0 / factor);
    // An infinite side is infinitely long beside whatever other, NaN too.
    if x == f64::INFINITY || y == f64::INFINITY {
        f64::INFINITY
    } else {
        length
    }
}
