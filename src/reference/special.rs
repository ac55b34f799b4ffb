//! The second opinion on functions that dfdx lacks: series and compositions of what it has.
//!
//! **Invariants**
//! - Written from definitions, not from the kernels; the branches are where a form would cancel.
//! - A number is read once, or through operations that give it a new identity, as in
//!   `prim` beside it.

use super::tape::{Number, constant, fresh, value, with_value};

/// `c₀ + x (c₁ + x (c₂ + …))` of coefficients from the first.
fn polynomial(x: &Number, coefficients: &[f64]) -> Number {
    let mut sum = constant(x, 0.0);
    for &c in coefficients.iter().rev() {
        sum = sum * fresh(x) + c;
    }
    sum
}

/// What a function is where it has no value: NaN, and so is its derivative.
fn nowhere(a: Number) -> Number {
    a * f64::NAN
}

/// A logarithm of a number above 0, times a factor.
pub(super) fn log(a: Number, factor: f64) -> Number {
    if value(&a) < 0.0 {
        return nowhere(a);
    }
    a.ln() * factor
}

/// log(1 + x); about 0 twice the area tangent of x / (2 + x), by its series.
pub(super) fn log1p(a: Number) -> Number {
    if value(&a).abs() > 0.25 {
        return log(a + 1.0, 1.0);
    }
    let below = a.clone() + 2.0;
    let s = a / below;
    let terms: Vec<f64> = (0..12).map(|k| 2.0 / f64::from(2 * k + 1)).collect();
    let series = polynomial(&s.clone().square(), &terms);
    s * series
}

/// e^x - 1, by its series about 0.
pub(super) fn expm1(a: Number) -> Number {
    if value(&a).abs() > 0.5 {
        return a.exp() - 1.0;
    }
    let mut series = constant(&a, 1.0);
    for k in (2..=18).rev() {
        series = series * (fresh(&a) / f64::from(k)) + 1.0;
    }
    a * series
}

/// log(1 - e^x).
pub(super) fn log1mexp(a: Number) -> Number {
    let x = value(&a);
    if x > 0.0 {
        nowhere(a)
    } else if x == 0.0 {
        (-a + 0.0).ln()
    } else if x > -0.7 {
        (-expm1(a)).ln()
    } else {
        log1p(-a.exp())
    }
}

/// log(p / (1 - p)).
pub(super) fn logit(a: Number) -> Number {
    if !(0.0..=1.0).contains(&value(&a)) {
        return nowhere(a);
    }
    let rest = -a.clone() + 1.0;
    if (value(&a) - 0.5).abs() < 0.1 {
        return log1p((a * 2.0 - 1.0) / rest);
    }
    a.ln() - rest.ln()
}

/// A function that changes sign with its argument, by what it is of magnitudes.
fn odd(a: Number, of_magnitude: fn(Number) -> Number) -> Number {
    if value(&a).is_sign_negative() {
        -of_magnitude(-a)
    } else {
        of_magnitude(a)
    }
}

/// Inverse hyperbolic sine: log(1 + x + x² / (1 + √(1 + x²))).
pub(super) fn asinh(a: Number) -> Number {
    odd(a, |a| {
        if value(&a) > 1e8 {
            return (a * 2.0).ln();
        }
        let square = a.clone().square();
        let root = (square.clone() + 1.0).sqrt() + 1.0;
        log1p(a + square / root)
    })
}

/// Inverse hyperbolic cosine: log(1 + d + √(d (x + 1))), with d = x - 1.
pub(super) fn acosh(a: Number) -> Number {
    if value(&a) > 1e8 {
        return (a * 2.0).ln();
    }
    if value(&a) < 1.0 {
        return nowhere(a);
    }
    let (d, sum) = (a.clone() - 1.0, a + 1.0);
    let root = fresh(&d).sqrt() * sum.sqrt();
    log1p(d + root)
}

/// Inverse hyperbolic tangent: log(1 + 2 x / (1 - x)) / 2.
pub(super) fn atanh(a: Number) -> Number {
    odd(a, |a| {
        let rest = -a.clone() + 1.0;
        match value(&a) {
            x if x > 1.0 => nowhere(a),
            1.0 => rest.ln() * -0.5,
            _ => log1p(a * 2.0 / rest) * 0.5,
        }
    })
}

/// Cube root, by dfdx's power.
pub(super) fn cbrt(a: Number) -> Number {
    odd(a, |a| {
        let x = value(&a);
        with_value(a.powf(1.0 / 3.0), x.cbrt())
    })
}

/// √(x² + y²), by the ratio of the sides.
pub(super) fn hypot(a: Number, b: Number) -> Number {
    let (x, y) = (value(&a).abs(), value(&b).abs());
    if x == 0.0 && y == 0.0 {
        return a * 0.0 + b * 0.0;
    }
    // dfdx squares what it divides by: away from over- and underflow.
    let factor = 2.0_f64.powf(-x.max(y).log2().floor().clamp(-1000.0, 1000.0));
    let (a, b) = (a * factor, b * factor);
    let (large, small) = if x > y { (a, b) } else { (b, a) };
    let ratio = small / large.clone();
    large.abs() * (ratio.square() + 1.0).sqrt() / factor
}

/// sin(x) / x, by its series about 0.
pub(super) fn sinc(a: Number) -> Number {
    if value(&a).is_infinite() {
        return with_value(a * 0.0, 0.0);
    }
    if value(&a).abs() > 1.0 {
        return a.clone().sin() / a;
    }
    let mut series = constant(&a, 1.0);
    let square = a.square();
    for k in (1..=10).rev() {
        let factor = f64::from(2 * k * (2 * k + 1));
        series = -(series * (fresh(&square) / factor)) + 1.0;
    }
    series
}

/// (cos(x) - sin(x) / x) / x, by the slope of the same series about 0.
pub(super) fn sinc_slope(a: Number) -> Number {
    if value(&a).is_infinite() {
        return with_value(a * 0.0, 0.0);
    }
    if value(&a).abs() > 1.0 {
        let sinc = a.clone().sin() / a.clone();
        return (a.clone().cos() - sinc) / a;
    }
    // The terms (-1)^k 2k x^(2k-1) / (2k + 1)!.
    let mut terms = Vec::new();
    let mut term = -1.0 / 3.0;
    for k in 1..=10_i32 {
        terms.push(term);
        let k = f64::from(k);
        term *= -(k + 1.0) / k / ((2.0 * k + 2.0) * (2.0 * k + 3.0));
    }
    let series = polynomial(&a.clone().square(), &terms);
    a * series
}
