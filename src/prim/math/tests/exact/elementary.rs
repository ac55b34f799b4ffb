//! What exponentials, logarithms, areas, roots and the sine over its angle should give.
//!
//! **Invariants**
//! - Written from the definitions, in 256 bits.

use super::{BEYOND, BITS, Beside, BigFloat, Exact, INF, Is, NAN, Near, Opinion, ROUND};
use super::{add, big, div, mul, series, sub};

impl Exact {
    /// `e^x - 1` of a number that is not 0.
    fn less_one(&mut self, x: f64) -> BigFloat {
        let x = big(x);
        if x.exponent().is_some_and(|e| e < -50) {
            let terms = [(1.0, 2.0), (1.0, 3.0), (1.0, 4.0), (1.0, 5.0), (1.0, 6.0)];
            series(&x, &terms)
        } else {
            sub(&self.e_to(&x), &big(1.0))
        }
    }

    pub(super) fn expm1(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x > BEYOND => Is(INF),
            _ if x < -BEYOND => Is(-1.0),
            _ if x.is_nan() => Is(NAN),
            _ => Near(self.less_one(x)),
        }
    }

    pub(super) fn exp2(&mut self, x: f64) -> Opinion {
        match x {
            _ if x > 1100.0 => Is(INF),
            _ if x < -1100.0 => Is(0.0),
            _ if x.is_nan() => Is(NAN),
            _ => {
                let ln_2 = self.of(|c| c.ln_2(BITS, ROUND));
                Near(self.e_to(&mul(&big(x), &ln_2)))
            }
        }
    }

    /// A logarithm to a base.
    fn log_to(&mut self, x: f64, base: f64) -> Opinion {
        match self.ln(x) {
            Near(log) => Near(div(&log, &self.log(base))),
            special => special,
        }
    }

    pub(super) fn log2(&mut self, x: f64) -> Opinion {
        self.log_to(x, 2.0)
    }

    pub(super) fn log10(&mut self, x: f64) -> Opinion {
        self.log_to(x, 10.0)
    }

    pub(super) fn log1mexp(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(-INF),
            _ if x < -BEYOND => Is(-0.0),
            _ if x < -1.0 => {
                let e = self.e_to(&big(x));
                Near(self.log_of_one_more(&e.neg()))
            }
            _ if x < 0.0 => {
                let less = self.less_one(x).neg();
                Near(self.of(|c| less.ln(BITS, ROUND, c)))
            }
            _ => Is(NAN),
        }
    }

    pub(super) fn logit(&mut self, p: f64) -> Opinion {
        match p {
            0.0 => Is(-INF),
            1.0 => Is(INF),
            0.5 => Is(0.0),
            _ if p > 0.0 && p < 1.0 => {
                let rest = self.log_of_one_more(&big(-p));
                Near(sub(&self.log(p), &rest))
            }
            _ => Is(NAN),
        }
    }

    pub(super) fn log_sigmoid(&mut self, x: f64) -> Opinion {
        match self.softplus(-x) {
            Near(value) => Near(value.neg()),
            Is(value) => Is(-value),
            beside @ Beside(..) => beside,
        }
    }

    pub(super) fn asinh(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_finite() => Near(self.of(|c| big(x).asinh(BITS, ROUND, c))),
            _ => Is(x),
        }
    }

    pub(super) fn acosh(&mut self, x: f64) -> Opinion {
        match x {
            1.0 => Is(0.0),
            INF => Is(INF),
            _ if x > 1.0 => Near(self.of(|c| big(x).acosh(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    pub(super) fn atanh(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.abs() == 1.0 => Is(INF.copysign(x)),
            _ if x.abs() < 1.0 => Near(self.of(|c| big(x).atanh(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    pub(super) fn cbrt(x: f64) -> Opinion {
        if x == 0.0 || !x.is_finite() {
            return Is(x);
        }
        Near(big(x).cbrt(BITS, ROUND))
    }

    pub(super) fn hypot(x: f64, y: f64) -> Opinion {
        if x.is_infinite() || y.is_infinite() {
            return Is(INF);
        }
        if x.is_nan() || y.is_nan() {
            return Is(NAN);
        }
        let (x, y) = (big(x), big(y));
        Near(add(&mul(&x, &x), &mul(&y, &y)).sqrt(BITS, ROUND))
    }

    pub(super) fn sinc(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(1.0),
            _ if x.is_infinite() => Is(0.0),
            _ => match self.sin(x) {
                Near(sin) => Near(div(&sin, &big(x))),
                special => special,
            },
        }
    }

    pub(super) fn sinc_slope(&mut self, x: f64) -> Opinion {
        let (Near(sin), Near(cos)) = (self.sin(x), self.cos(x)) else {
            return Is(if x.is_nan() {
                NAN
            } else if x == 0.0 {
                -x
            } else {
                0.0
            });
        };
        let at = big(x);
        if at.exponent().is_some_and(|e| e < -30) {
            // -x/3 (1 - x²/10 (1 - x²/28 (1 - x²/54 (…)))), by the square of x.
            let square = mul(&at, &at);
            let terms = [(-1.0, 28.0), (-1.0, 54.0), (-1.0, 88.0)];
            let rest = div(&series(&square, &terms), &big(10.0));
            return Near(div(&mul(&at.neg(), &sub(&big(1.0), &rest)), &big(3.0)));
        }
        let value = div(&sub(&cos, &div(&sin, &at)), &at);
        // A part of what the slope is between its zeros.
        Beside(value, (1.0 / x.abs()).min(1.0) / 64.0)
    }
}
