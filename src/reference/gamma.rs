//! The second opinion on the gamma function's relatives.
//!
//! **Invariants**
//! - By Stirling's series, and Euler's and Maclaurin's formula, of x + 16, less the terms between; at 0 and
//!   below by reflection; all of it operations of dfdx.

use super::special::log1p;
use super::tape::{Number, constant, fresh, value, with_value};
use std::f64::consts::PI;

/// Bernoulli's numbers B₂, B₄, ….
const BERNOULLI: [f64; 8] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
];

/// What brings a number to where the series are good: how many steps of 1.
fn steps(x: f64) -> u32 {
    (16.0 - x).ceil().max(0.0) as u32
}

/// log |Γ(x)|.
pub(super) fn lgamma(a: Number) -> Number {
    let x = value(&a);
    if x.is_nan() || x == f64::INFINITY {
        return a * f64::INFINITY;
    }
    if x == 0.0 {
        return with_value(a * (-1.0 / x), f64::INFINITY);
    }
    if x < 0.0 && x.floor() == x {
        return with_value(a * f64::NAN, f64::INFINITY);
    }
    if x < 0.0 {
        // log(π / |sin πx|) - log Γ(1 - x).
        let sin = (fresh(&a) * PI).sin().abs();
        return -lgamma(-a + 1.0) - sin.ln() + PI.ln();
    }
    let steps = steps(x);
    let mut between = constant(&a, 1.0);
    for k in 0..steps {
        between = between * (fresh(&a) + f64::from(k));
    }
    let z = a + f64::from(steps);
    let whole = (fresh(&z) - 0.5) * z.clone().ln() - z.clone();
    let mut value = whole + 0.5 * (2.0 * PI).ln() - between.ln();
    for (k, bernoulli) in (1..).zip(BERNOULLI) {
        let factor = bernoulli / f64::from(2 * k * (2 * k - 1));
        value = value + z.clone().powi(1 - 2 * k) * factor;
    }
    value
}

/// ψ(x).
pub(super) fn digamma(a: Number) -> Number {
    let x = value(&a);
    if x.is_nan() || x == f64::INFINITY {
        return a;
    }
    if x == 0.0 {
        return with_value(a * f64::INFINITY, -1.0 / x);
    }
    if x < 0.0 && x.floor() == x {
        return a * f64::NAN;
    }
    if x < 0.0 {
        // ψ(1 - x) - π cot πx.
        let angle = fresh(&a) * PI;
        let cot = angle.clone().cos() / angle.sin();
        return digamma(-a + 1.0) - cot * PI;
    }
    let steps = steps(x);
    let mut value = constant(&a, 0.0);
    for k in 0..steps {
        value = value - (fresh(&a) + f64::from(k)).recip();
    }
    let z = a + f64::from(steps);
    value = value + z.clone().ln() - z.clone().recip() * 0.5;
    for (k, bernoulli) in (1..).zip(BERNOULLI) {
        value = value - z.clone().powi(-2 * k) * (bernoulli / f64::from(2 * k));
    }
    value
}

/// The sum of 1/(x + k)^s over k, of a number above 0.
fn zeta(s: i32, a: Number) -> Number {
    let steps = steps(value(&a));
    let mut value = constant(&a, 0.0);
    for k in 0..steps {
        value = value + (fresh(&a) + f64::from(k)).powi(-s);
    }
    let z = a + f64::from(steps);
    value = value + z.clone().powi(1 - s) / f64::from(s - 1) + z.clone().powi(-s) * 0.5;
    let mut factor = f64::from(s) / 2.0;
    for (k, bernoulli) in (1..).zip(BERNOULLI) {
        value = value + z.clone().powi(1 - s - 2 * k) * (bernoulli * factor);
        factor *= f64::from((s + 2 * k - 1) * (s + 2 * k)) / f64::from((2 * k + 1) * (2 * k + 2));
    }
    value
}

/// ψ'(x).
pub(super) fn trigamma(a: Number) -> Number {
    let x = value(&a);
    if x.is_nan() || x == f64::NEG_INFINITY {
        return a * f64::NAN;
    }
    if x == f64::INFINITY {
        return with_value(a * 0.0, 0.0);
    }
    if x <= 0.0 && x.floor() == x {
        return with_value(a * f64::NAN, f64::INFINITY);
    }
    if x < 0.0 {
        let sin = (fresh(&a) * PI).sin();
        return (sin.recip() * PI).square() - trigamma(-a + 1.0);
    }
    zeta(2, a)
}

/// The derivative of an order of ψ, above 0.
pub(super) fn polygamma(order: f64, a: Number) -> Number {
    if value(&a) <= 0.0 || !(2.0..=20.0).contains(&order) {
        return a * f64::NAN;
    }
    let n = order as i32;
    let factorial: f64 = (1..=n).map(f64::from).product();
    zeta(n + 1, a) * if n % 2 == 1 { factorial } else { -factorial }
}

/// log B(a, b).
pub(super) fn lbeta(a: Number, b: Number) -> Number {
    let (x, y) = (value(&a), value(&b));
    if x < 0.0 || y < 0.0 || x.is_nan() || y.is_nan() {
        return (a + b) * f64::NAN;
    }
    if x.max(y) > 100.0 {
        return if x > y { far(a, b) } else { far(b, a) };
    }
    let both = a.clone() + b.clone();
    lgamma(a) + lgamma(b) - lgamma(both)
}

/// What Stirling's series leaves of the second and third term where the first number is large:
/// `(1/2 - a) log(1 + b/a) - b (log(a + b) - 1)`, and the first two terms of the series.
fn far(a: Number, b: Number) -> Number {
    let both = a.clone() + b.clone();
    let more = log1p(b.clone() / a.clone());
    let rest = (both.clone().ln() - 1.0) * b.clone();
    let tail = |z: Number| z.clone().recip() / 12.0 - z.powi(-3) / 360.0;
    let tails = tail(a.clone()) - tail(both);
    (-a + 0.5) * more - rest + tails + lgamma(b)
}
