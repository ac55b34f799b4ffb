//! What the gamma function's relatives should give.
//!
//! **Invariants**
//! - By Stirling's series, and Euler's and Maclaurin's formula, from 28 on, with the exact numbers of
//!   Bernoulli: 120 bits and more. Below 1 by reflection.

use super::{BITS, Beside, BigFloat, Exact, INF, Is, NAN, Near, Opinion, ROUND};
use super::{add, big, div, mul, sub};

/// Bernoulli's numbers B₂, B₄, … as fractions.
const BERNOULLI: [(f64, f64); 15] = [
    (1.0, 6.0),
    (-1.0, 30.0),
    (1.0, 42.0),
    (-1.0, 30.0),
    (5.0, 66.0),
    (-691.0, 2730.0),
    (7.0, 6.0),
    (-3617.0, 510.0),
    (43_867.0, 798.0),
    (-174_611.0, 330.0),
    (854_513.0, 138.0),
    (-236_364_091.0, 2730.0),
    (8_553_103.0, 6.0),
    (-23_749_461_029.0, 870.0),
    (8_615_841_276_005.0, 14_322.0),
];

/// From where the series are good enough.
const FAR: f64 = 28.0;

/// How many steps bring a number from 0 up there.
fn steps(x: f64) -> u32 {
    (FAR - x).ceil().max(0.0) as u32
}

fn ln(e: &mut Exact, x: &BigFloat) -> BigFloat {
    e.of(|c| x.ln(BITS, ROUND, c))
}

fn whole(k: u32) -> BigFloat {
    big(f64::from(k))
}

impl Exact {
    /// log Γ of a number above 0, given with the double next to it.
    fn log_gamma(&mut self, x: &BigFloat, about: f64) -> BigFloat {
        let mut between = big(1.0);
        let mut z = x.clone();
        for _ in 0..steps(about) {
            between = mul(&between, &z);
            z = add(&z, &big(1.0));
        }
        let log = ln(self, &z);
        let pi = self.of(|c| c.pi(BITS, ROUND));
        let constant = mul(&big(0.5), &ln(self, &mul(&big(2.0), &pi)));
        let mut value = sub(&mul(&sub(&z, &big(0.5)), &log), &sub(&z, &constant));
        let square = mul(&z, &z);
        let mut power = z;
        for (k, (above, below)) in (1_u32..).zip(BERNOULLI) {
            let factor = big(below * f64::from(2 * k * (2 * k - 1)));
            value = add(&value, &div(&big(above), &mul(&factor, &power)));
            power = mul(&power, &square);
        }
        sub(&value, &ln(self, &between))
    }

    /// ψ of a number above 0.
    fn psi(&mut self, x: &BigFloat, about: f64) -> BigFloat {
        let mut z = x.clone();
        let mut value = big(0.0);
        for _ in 0..steps(about) {
            value = sub(&value, &div(&big(1.0), &z));
            z = add(&z, &big(1.0));
        }
        value = add(&value, &ln(self, &z));
        value = sub(&value, &div(&big(0.5), &z));
        let square = mul(&z, &z);
        let mut power = square.clone();
        for (k, (above, below)) in (1_u32..).zip(BERNOULLI) {
            let factor = big(below * f64::from(2 * k));
            value = sub(&value, &div(&big(above), &mul(&factor, &power)));
            power = mul(&power, &square);
        }
        value
    }

    /// The sum of 1/(x + k)^s over k, of a number above 0 given with the double next to it.
    fn zeta(s: u32, x: &BigFloat, about: f64) -> BigFloat {
        let inverse_power = |z: &BigFloat, n: u32| {
            let inverse = div(&big(1.0), z);
            (1..n).fold(inverse.clone(), |power, _| mul(&power, &inverse))
        };
        let mut z = x.clone();
        let mut value = big(0.0);
        for _ in 0..steps(about) {
            value = add(&value, &inverse_power(&z, s));
            z = add(&z, &big(1.0));
        }
        value = add(&value, &div(&inverse_power(&z, s - 1), &whole(s - 1)));
        let first = inverse_power(&z, s);
        value = add(&value, &mul(&big(0.5), &first));
        // B₂ₖ/(2k)! s (s + 1) … (s + 2k - 2) / z^(s + 2k - 1).
        let square = mul(&z, &z);
        let mut factor = div(&mul(&whole(s), &div(&first, &z)), &big(2.0));
        for (k, (above, below)) in (1_u32..).zip(BERNOULLI) {
            value = add(&value, &mul(&factor, &div(&big(above), &big(below))));
            let up = mul(&whole(s + 2 * k - 1), &whole(s + 2 * k));
            let down = mul(&whole((2 * k + 1) * (2 * k + 2)), &square);
            factor = div(&mul(&factor, &up), &down);
        }
        value
    }

    /// Sine and cosine of πx; the argument is reduced first, which is exact.
    fn turn(&mut self, x: f64) -> (BigFloat, BigFloat) {
        let t = x - 2.0 * (0.5 * x).round_ties_even();
        let pi = self.of(|c| c.pi(BITS, ROUND));
        let angle = mul(&pi, &big(t));
        let sin = self.of(|c| angle.sin(BITS, ROUND, c));
        let cos = self.of(|c| angle.cos(BITS, ROUND, c));
        (sin, cos)
    }

    fn reflected(x: f64) -> BigFloat {
        sub(&big(1.0), &big(x))
    }

    pub(super) fn lgamma(&mut self, x: f64) -> Opinion {
        match x {
            1.0 | 2.0 => Is(0.0),
            _ if x.is_nan() => Is(NAN),
            _ if x.is_infinite() || (x <= 0.0 && x.floor() == x) => Is(INF),
            _ if x > 0.0 => Near(self.log_gamma(&big(x), x)),
            _ => {
                let (sin, _) = self.turn(x);
                let pi = self.of(|c| c.pi(BITS, ROUND));
                let log = ln(self, &div(&pi, &sin.abs()));
                let other = self.log_gamma(&Self::reflected(x), 1.0 - x);
                Near(sub(&log, &other))
            }
        }
    }

    pub(super) fn digamma(&mut self, x: f64) -> Opinion {
        match x {
            INF => Is(INF),
            0.0 => Is(-1.0 / x),
            _ if x.is_nan() || (x < 0.0 && x.floor() == x) => Is(NAN),
            _ if x > 0.0 => Near(self.psi(&big(x), x)),
            _ => {
                let (sin, cos) = self.turn(x);
                let pi = self.of(|c| c.pi(BITS, ROUND));
                let cot = mul(&pi, &div(&cos, &sin));
                let other = self.psi(&Self::reflected(x), 1.0 - x);
                // Next to a zero, a part of what the terms are.
                let scale = (1.0 + x.abs()).ln().max(1.0) / 32.0;
                Beside(sub(&other, &cot), scale)
            }
        }
    }

    pub(super) fn trigamma(&mut self, x: f64) -> Opinion {
        match x {
            INF => Is(0.0),
            0.0 => Is(INF),
            _ if x.is_nan() || x == -INF => Is(NAN),
            _ if x < 0.0 && x.floor() == x => Is(INF),
            _ if x > 0.0 => Near(Self::zeta(2, &big(x), x)),
            _ => {
                let (sin, _) = self.turn(x);
                let pi = self.of(|c| c.pi(BITS, ROUND));
                let turn = div(&pi, &sin);
                let other = Self::zeta(2, &Self::reflected(x), 1.0 - x);
                Near(sub(&mul(&turn, &turn), &other))
            }
        }
    }

    pub(super) fn polygamma(&mut self, order: f64, x: f64) -> Opinion {
        if !(2.0..=8.0).contains(&order) || order.floor() != order || x.is_nan() {
            return Is(NAN);
        }
        let n = order as u32;
        let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
        if x == INF {
            return Is(sign * 0.0);
        }
        if x == -INF || (x <= 0.0 && x.floor() == x) {
            return Is(if sign > 0.0 && x > -INF { INF } else { NAN });
        }
        let factorial = (1..=n).fold(big(1.0), |product, k| mul(&product, &whole(k)));
        if x > 0.0 {
            let value = mul(&factorial, &Self::zeta(n + 1, &big(x), x));
            return Near(mul(&big(sign), &value));
        }
        // The derivatives of the cotangent: c' = -π (1 + c²).
        let (sin, cos) = self.turn(x);
        let cot = div(&cos, &sin);
        let pi = self.of(|c| c.pi(BITS, ROUND));
        let mut p = vec![0.0, 1.0];
        for _ in 0..n {
            let mut next = vec![0.0; p.len() + 1];
            for (k, coefficient) in p.iter().enumerate() {
                let slope = k as f64 * coefficient;
                if k > 0 {
                    next[k - 1] -= slope;
                }
                next[k + 1] -= slope;
            }
            p = next;
        }
        let turn = p
            .iter()
            .rev()
            .fold(big(0.0), |sum, &c| add(&mul(&sum, &cot), &big(c)));
        let turn = (0..=n).fold(turn, |value, _| mul(&value, &pi)).neg();
        let other = mul(&factorial, &Self::zeta(n + 1, &Self::reflected(x), 1.0 - x));
        let value = sub(&turn, &other);
        // Of even order the turning term is 0 halfway between poles, where it is steep: the unit is that of
        // the other term there.
        let scale = (1..=n).map(f64::from).product();
        Beside(value, if sign > 0.0 { 1e-300 } else { scale })
    }

    pub(super) fn lbeta(&mut self, a: f64, b: f64) -> Opinion {
        let (low, high) = (a.min(b), a.max(b));
        if a.is_nan() || b.is_nan() || low < 0.0 || (low == 0.0 && high == INF) {
            return Is(NAN);
        }
        if low == 0.0 || high == INF {
            return Is(if low == 0.0 { INF } else { -INF });
        }
        let (x, y) = (big(a), big(b));
        let both = add(&x, &y);
        // The terms of huge numbers cancel by more than is kept.
        let value = if high > 1e30 {
            self.far_beta(high, low)
        } else {
            let first = add(&self.log_gamma(&x, a), &self.log_gamma(&y, b));
            sub(&first, &self.log_gamma(&both, a + b))
        };
        Beside(value, 1.0 / 16.0)
    }

    /// The same where one number is huge, so that its series has no terms left.
    fn far_beta(&mut self, a: f64, b: f64) -> BigFloat {
        let (x, y) = (big(a), big(b));
        let more = self.log_of_one_more(&div(&y, &x));
        let log = self.log(a);
        let difference = mul(&sub(&x, &big(0.5)), &more);
        let log_both = add(&log, &more);
        let rest = mul(&y, &sub(&log_both, &big(1.0)));
        let of_b = self.log_gamma(&y, b);
        sub(&sub(&of_b, &difference), &rest)
    }
}
