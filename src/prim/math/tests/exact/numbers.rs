//! Arithmetic of the numbers of 256 bits that judge kernels.

use super::{BITS, ROUND};
use astro_float::BigFloat;

pub(super) fn big(x: f64) -> BigFloat {
    // The crate takes normal numbers alone.
    if x == 0.0 || x.abs() > 1e-290 {
        return BigFloat::from_f64(x, BITS);
    }
    let mut big = BigFloat::from_f64(x * 2.0_f64.powi(200), BITS);
    let exponent = big.exponent().expect("it is finite");
    big.set_exponent(exponent - 200);
    big
}

pub(super) fn add(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.add(b, BITS, ROUND)
}

pub(super) fn sub(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.sub(b, BITS, ROUND)
}

pub(super) fn mul(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.mul(b, BITS, ROUND)
}

pub(super) fn div(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.div(b, BITS, ROUND)
}

/// `x (1 + x c₁ (1 + x c₂ (…)))` of ratios `c`.
pub(super) fn series(x: &BigFloat, ratios: &[(f64, f64)]) -> BigFloat {
    let one = big(1.0);
    let mut value = one.clone();
    for &(above, below) in ratios.iter().rev() {
        value = add(&one, &mul(&mul(x, &div(&big(above), &big(below))), &value));
    }
    mul(x, &value)
}
