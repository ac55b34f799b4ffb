//! What the error function and the normal distribution should give.
//!
//! **Invariants**
//! - Up to 2.5 the series of the error function with positive terms, beyond Laplace's continued fraction,
//!   both to 100 bits and more.

use super::{BITS, BigFloat, Exact, INF, Is, NAN, Near, Opinion, ROUND};
use super::{add, big, div, mul, sub};

/// Where the series gives way to the fraction.
const SERIES: f64 = 2.5;

impl Exact {
    fn root(x: &BigFloat) -> BigFloat {
        x.sqrt(BITS, ROUND)
    }

    fn pi(&mut self) -> BigFloat {
        self.of(|c| c.pi(BITS, ROUND))
    }

    /// `e^(-x²)` of a number.
    fn gauss_of(&mut self, x: &BigFloat) -> BigFloat {
        let square = mul(x, x).neg();
        self.e_to(&square)
    }

    /// `1 / (t + 2 / (t + 3 / (t + …)))`: what the normal density over its tail is above t, a number from 2.5 up.
    fn fraction(t: f64) -> BigFloat {
        let steps = 14 + ((40.0 / t) * (40.0 / t)) as u32;
        let t = big(t);
        let mut below = big(0.0);
        for k in (1..=steps).rev() {
            below = div(&big(f64::from(k)), &add(&t, &below));
        }
        below
    }

    /// `erf z` of a number from 0 to 3.
    fn erf_series(&mut self, z: &BigFloat) -> BigFloat {
        let twice = mul(&big(2.0), &mul(z, z));
        let (mut term, mut total) = (z.clone(), z.clone());
        for k in 1..70 {
            term = div(&mul(&term, &twice), &big(f64::from(2 * k + 1)));
            total = add(&total, &term);
        }
        let factor = div(&big(2.0), &Self::root(&self.pi()));
        mul(&mul(&factor, &self.gauss_of(z)), &total)
    }

    /// `erfc z` of a number from 0 up.
    fn complement(&mut self, z: f64) -> BigFloat {
        if z < SERIES {
            return sub(&big(1.0), &self.erf_series(&big(z)));
        }
        // e^(-z²)/√π over z + (1/2) / (z + (2/2) / (z + …)).
        let steps = 14 + ((28.0 / z) * (28.0 / z)) as u32;
        let z = big(z);
        let mut below = big(0.0);
        for k in (1..=steps).rev() {
            below = div(&big(0.5 * f64::from(k)), &add(&z, &below));
        }
        let root = Self::root(&self.pi());
        div(&self.gauss_of(&z), &mul(&root, &add(&z, &below)))
    }

    pub(super) fn erf(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_nan() => Is(NAN),
            _ if x.abs() > 40.0 => Is(1.0_f64.copysign(x)),
            _ => {
                let value = if x.abs() < SERIES {
                    self.erf_series(&big(x.abs()))
                } else {
                    sub(&big(1.0), &self.complement(x.abs()))
                };
                Near(if x < 0.0 { value.neg() } else { value })
            }
        }
    }

    pub(super) fn erfc(&mut self, x: f64) -> Opinion {
        match x {
            _ if x.is_nan() => Is(NAN),
            _ if x > 40.0 => Is(0.0),
            _ if x < -40.0 => Is(2.0),
            _ if x < 0.0 => Near(sub(&big(2.0), &self.complement(-x))),
            _ => Near(self.complement(x)),
        }
    }

    pub(super) fn gauss(&mut self, x: f64) -> Opinion {
        match x {
            _ if x.is_nan() => Is(NAN),
            _ if x.abs() > 40.0 => Is(0.0),
            _ => Near(self.gauss_of(&big(x))),
        }
    }

    /// The standard normal density.
    fn density(&mut self, x: f64) -> BigFloat {
        let half = big(0.5);
        let exponent = mul(&half, &mul(&big(x), &big(x))).neg();
        let root = Self::root(&mul(&big(2.0), &self.pi()));
        div(&self.e_to(&exponent), &root)
    }

    /// The standard normal distribution function at -t, for t from 0 up.
    fn tail(&mut self, t: f64) -> BigFloat {
        if t >= SERIES {
            return div(&self.density(t), &add(&big(t), &Self::fraction(t)));
        }
        let z = div(&big(t), &Self::root(&big(2.0)));
        mul(&big(0.5), &sub(&big(1.0), &self.erf_series(&z)))
    }

    pub(super) fn log_normal_cdf(&mut self, x: f64) -> Opinion {
        match x {
            _ if x.is_nan() => Is(NAN),
            _ if x > 50.0 => Is(-0.0),
            _ if x < -1e160 => Is(-INF),
            _ if x > 0.0 => {
                let tail = self.tail(x).neg();
                Near(self.log_of_one_more(&tail))
            }
            _ if x > -SERIES => {
                let tail = self.tail(-x);
                Near(self.of(|c| tail.ln(BITS, ROUND, c)))
            }
            _ => {
                let square = mul(&big(0.5), &mul(&big(x), &big(x)));
                let below = add(&big(-x), &Self::fraction(-x));
                let below = mul(&below, &Self::root(&mul(&big(2.0), &self.pi())));
                let log = self.of(|c| below.ln(BITS, ROUND, c));
                Near(add(&square, &log).neg())
            }
        }
    }

    pub(super) fn mills(&mut self, x: f64) -> Opinion {
        match x {
            _ if x.is_nan() => Is(NAN),
            _ if x > 50.0 => Is(0.0),
            _ if x == -INF => Is(INF),
            _ if x <= -SERIES => Near(add(&big(-x), &Self::fraction(-x))),
            _ => {
                let tail = self.tail(x.abs());
                let below = if x > 0.0 { sub(&big(1.0), &tail) } else { tail };
                Near(div(&self.density(x), &below))
            }
        }
    }

    pub(super) fn mills_excess(&mut self, x: f64) -> Opinion {
        match self.mills(x) {
            _ if x == -INF => Is(0.0),
            _ if x <= -SERIES => Near(Self::fraction(-x)),
            Near(slope) => Near(add(&big(x), &slope)),
            Is(slope) => Is(x + slope),
            beside @ super::Beside(..) => beside,
        }
    }
}
