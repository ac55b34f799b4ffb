//! Functions to 192 bits and more, and the distance of a double from them.
//!
//! **Invariants**
//! - Where a function is a difference or a sum whose parts differ by more bits than are kept, the
//!   first terms of its series stand in.

use astro_float::{BigFloat, Consts, RoundingMode, Sign};

const BITS: usize = 256;
const ROUND: RoundingMode = RoundingMode::ToEven;

pub(super) type Number = BigFloat;

pub(super) struct Exact(Consts);

impl Default for Exact {
    fn default() -> Self {
        Self(Consts::new().expect("there is memory"))
    }
}

fn big(x: f64) -> BigFloat {
    // The crate takes normal numbers alone.
    if x == 0.0 || x.abs() > 1e-290 {
        return BigFloat::from_f64(x, BITS);
    }
    let mut big = BigFloat::from_f64(x * 2.0_f64.powi(200), BITS);
    let exponent = big.exponent().expect("it is finite");
    big.set_exponent(exponent - 200);
    big
}

fn add(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.add(b, BITS, ROUND)
}

fn sub(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.sub(b, BITS, ROUND)
}

fn mul(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.mul(b, BITS, ROUND)
}

fn div(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.div(b, BITS, ROUND)
}

/// `x (1 + x c₁ (1 + x c₂ (…)))` of ratios `c`.
fn series(x: &BigFloat, ratios: &[(f64, f64)]) -> BigFloat {
    let one = big(1.0);
    let mut value = one.clone();
    for &(above, below) in ratios.iter().rev() {
        value = add(&one, &mul(&mul(x, &div(&big(above), &big(below))), &value));
    }
    mul(x, &value)
}

impl Exact {
    fn of(&mut self, f: impl FnOnce(&mut Consts) -> BigFloat) -> BigFloat {
        f(&mut self.0)
    }

    pub(super) fn exp(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).exp(BITS, ROUND, c))
    }

    pub(super) fn ln(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).ln(BITS, ROUND, c))
    }

    fn ln_of_one_more(&mut self, x: &BigFloat) -> BigFloat {
        if x.exponent().is_some_and(|e| e < -50) {
            series(x, &[(-1.0, 2.0), (-2.0, 3.0), (-3.0, 4.0), (-4.0, 5.0)])
        } else {
            let one_more = add(&big(1.0), x);
            self.of(|c| one_more.ln(BITS, ROUND, c))
        }
    }

    pub(super) fn ln_1p(&mut self, x: f64) -> BigFloat {
        self.ln_of_one_more(&big(x))
    }

    pub(super) fn log_base(&mut self, a: f64, b: f64) -> BigFloat {
        div(&self.ln(a), &self.ln(b))
    }

    pub(super) fn powf(&mut self, x: f64, y: f64) -> BigFloat {
        let power = mul(&self.ln(x), &big(y));
        self.of(|c| power.exp(BITS, ROUND, c))
    }

    pub(super) fn sigmoid(&mut self, x: f64) -> BigFloat {
        let e = self.exp(-x);
        div(&big(1.0), &add(&big(1.0), &e))
    }

    pub(super) fn softplus(&mut self, x: f64) -> BigFloat {
        let e = self.exp(-x.abs());
        let log = self.ln_of_one_more(&e);
        add(&big(x.max(0.0)), &log)
    }

    pub(super) fn sin(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).sin(BITS, ROUND, c))
    }

    pub(super) fn cos(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).cos(BITS, ROUND, c))
    }

    pub(super) fn tan(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).tan(BITS, ROUND, c))
    }

    pub(super) fn asin(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).asin(BITS, ROUND, c))
    }

    pub(super) fn acos(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).acos(BITS, ROUND, c))
    }

    pub(super) fn atan(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).atan(BITS, ROUND, c))
    }

    pub(super) fn atan2(&mut self, y: f64, x: f64) -> BigFloat {
        let ratio = div(&big(y), &big(x));
        let angle = self.of(|c| ratio.atan(BITS, ROUND, c));
        if x > 0.0 {
            return angle;
        }
        let pi = self.of(|c| c.pi(BITS, ROUND));
        if y.is_sign_negative() {
            sub(&angle, &pi)
        } else {
            add(&angle, &pi)
        }
    }

    pub(super) fn sinh(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).sinh(BITS, ROUND, c))
    }

    pub(super) fn cosh(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).cosh(BITS, ROUND, c))
    }

    pub(super) fn tanh(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).tanh(BITS, ROUND, c))
    }
}

/// How many units of the last place `ours` is off. A unit is that of the double the exact number
/// rounds to; infinity counts as 2^1024.
pub(super) fn error_in_ulp(ours: f64, exact: &BigFloat) -> f64 {
    if exact.is_zero() {
        return if ours == 0.0 { 0.0 } else { f64::INFINITY };
    }
    let (words, _, sign, exponent, _) = exact.as_raw_parts().expect("an exact number is one");
    let ours = if sign == Sign::Neg { -ours } else { ours };
    // Not NaN, and of the same sign or 0.
    if ours.is_nan() || ours < 0.0 {
        return f64::INFINITY;
    }
    // The exact number is 0.words · 2^exponent.
    let last = words.len() - 1;
    let top = (u128::from(words[last]) << 64) | u128::from(words[last - 1]);
    if exponent > 1024 {
        return if ours == f64::INFINITY {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let unit = (exponent - 53).max(-1074);
    let kept = exponent - unit;
    if kept <= 0 {
        let units = top as f64 * 2.0_f64.powi(-128) * 2.0_f64.powi(kept.max(-200));
        return (ours / f64::from_bits(1) - units).abs();
    }
    // Whole units of the exact number and of ours, and the fraction of the former.
    let whole = (top >> (128 - kept)) as i64;
    let fraction = (top << kept) as f64 * 2.0_f64.powi(-128);
    let units = if ours == f64::INFINITY {
        1 << 53
    } else {
        let half = unit / 2;
        (ours * 2.0_f64.powi(-half) * 2.0_f64.powi(half - unit)) as i64
    };
    ((units - whole) as f64 - fraction).abs()
}
