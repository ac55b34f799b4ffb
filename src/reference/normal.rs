//! The second opinion on the error function and the normal distribution.
//!
//! **Invariants**
//! - By the error function's series and the continued fraction of its complement, as operations of dfdx.

use super::special::log1p;
use super::tape::{Number, constant, fresh, value, with_value};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// erf(z) of a number from -3 to 3: 2/√π e^(-z²) z (1 + 2 z²/3 (1 + 2 z²/5 (1 + …))).
fn series(z: Number) -> Number {
    let square = z.clone().square();
    let mut sum = constant(&z, 1.0);
    for k in (1..=60).rev() {
        sum = sum * (fresh(&square) * (2.0 / f64::from(2 * k + 1))) + 1.0;
    }
    z * (-square).exp() * FRAC_2_SQRT_PI * sum
}

/// What the normal density over its tail is above t, for t from 1 up: 1 / (t + 2 / (t + 3 / (t + …))).
fn fraction(t: &Number) -> Number {
    let mut below = constant(t, 0.0);
    for k in (1..=200).rev() {
        below = (below + fresh(t)).recip() * f64::from(k);
    }
    below
}

/// The standard normal density.
fn density(x: Number) -> Number {
    if value(&x).is_infinite() {
        return with_value(x * 0.0, 0.0);
    }
    (x.square() * -0.5).exp() / (2.0 * PI).sqrt()
}

/// The standard normal distribution function at -t, for t from 0 up.
fn tail(t: Number) -> Number {
    if value(&t).is_infinite() {
        return with_value(t * 0.0, 0.0);
    }
    if value(&t) < 2.0 {
        return -series(t * FRAC_1_SQRT_2) * 0.5 + 0.5;
    }
    let below = fraction(&t) + fresh(&t);
    density(t) / below
}

/// The error function.
pub(super) fn erf(a: Number) -> Number {
    let x = value(&a);
    if x.abs() < 1.5 {
        series(a)
    } else if x < 0.0 {
        tail(-a * std::f64::consts::SQRT_2) * 2.0 - 1.0
    } else {
        -(tail(a * std::f64::consts::SQRT_2) * 2.0) + 1.0
    }
}

/// Its complement.
pub(super) fn erfc(a: Number) -> Number {
    let x = value(&a);
    if x > 0.5 {
        tail(a * std::f64::consts::SQRT_2) * 2.0
    } else {
        -erf(a) + 1.0
    }
}

/// The logarithm of the standard normal distribution function.
pub(super) fn log_normal_cdf(a: Number) -> Number {
    let x = value(&a);
    if x > 0.0 {
        log1p(-tail(a))
    } else if x > -2.0 {
        tail(-a).ln()
    } else {
        let below = mills(a.clone());
        a.square() * -0.5 - (2.0 * PI).sqrt().ln() - below.ln()
    }
}

/// Its slope: the density over the distribution function.
pub(super) fn mills(a: Number) -> Number {
    let x = value(&a);
    if x < -2.0 {
        let t = -a;
        return fraction(&t) + t;
    }
    let below = if x > 0.0 {
        -tail(a.clone()) + 1.0
    } else {
        tail(-a.clone())
    };
    density(a) / below
}

/// What that is above -x.
pub(super) fn mills_excess(a: Number) -> Number {
    if value(&a) < -2.0 {
        return fraction(&-a);
    }
    mills(a.clone()) + a
}
