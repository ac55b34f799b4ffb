//! The judge: what each kernel should give, to 192 bits and more, and how far a double is from it.
//!
//! A kernel and any doubles go in; a number of 256 bits or, at zeros, poles and infinities, the very
//! double comes out.
//!
//! **Invariants**
//! - One `match`, no `_`: a row of `kernels!` without an opinion here does not compile in tests.
//! - Opinions are written from the definitions, not from the kernels, and hold for all doubles.
//! - Where a function is a difference or a sum whose parts differ by more bits than are kept, the
//!   first terms of its series stand in.
//! - `Beside` says that next to a zero a kernel is held to a scale other than its own value.

mod elementary;
mod gamma;
mod normal;
mod numbers;

use super::super::Kernel;
use astro_float::{BigFloat, Consts, RoundingMode, Sign};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

const BITS: usize = 256;
const ROUND: RoundingMode = RoundingMode::ToEven;
const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Where e^x is infinite or 0 for any double, with room.
const BEYOND: f64 = 800.0;

/// What a kernel should give.
pub(super) enum Opinion {
    /// The double nearest to this number, or one close by.
    Near(BigFloat),
    /// The same, but that the unit is that of the number here, where this is larger: next to zeros that no
    /// kernel of pairs of doubles resolves.
    Beside(BigFloat, f64),
    /// This double to the bit, or NaN.
    Is(f64),
}

use Opinion::{Beside, Is, Near};
use numbers::{add, big, div, mul, series, sub};

/// How a kernel is judged.
pub(super) struct Judge {
    /// What it should give of any arguments; a function of one ignores the second.
    pub(super) opinion: fn(&mut Exact, f64, f64) -> Opinion,
    /// Brings any arguments to where the result is an ordinary number: half of all points go through it.
    pub(super) inside: fn(f64, f64) -> (f64, f64),
    /// Where it is hard, or where the kernel changes its method: points are added close by.
    pub(super) marks: &'static [(f64, f64)],
}

/// The judge of a kernel.
pub(super) fn judge(kernel: Kernel) -> Judge {
    match kernel {
        Kernel::Exp => Judge {
            opinion: |e, x, _| e.exp(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[
                (709.782_712_893_384, 0.0),
                (-745.133_219_101_941_1, 0.0),
                (-708.396_418_532_264_1, 0.0),
                (0.346_573_590_279_972_64, 0.0),
                (-0.346_573_590_279_972_64, 0.0),
            ],
        },
        Kernel::Ln => Judge {
            opinion: |e, x, _| e.ln(x),
            inside: |x, y| (x.abs(), y),
            marks: &[(1.0, 0.0), (FRAC_1_SQRT_2, 0.0), (SQRT_2, 0.0)],
        },
        Kernel::Ln1p => Judge {
            opinion: |e, x, _| e.ln_1p(x),
            inside: |x, y| (if x <= -1.0 { -x } else { x }, y),
            marks: &[(-1.0, 0.0), (FRAC_1_SQRT_2 - 1.0, 0.0), (SQRT_2 - 1.0, 0.0)],
        },
        Kernel::Sigmoid => Judge {
            opinion: |e, x, _| e.sigmoid(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[(36.7, 0.0), (-708.4, 0.0), (-745.133_219_101_941_1, 0.0)],
        },
        Kernel::SigmoidSlope => Judge {
            opinion: |e, x, _| e.sigmoid_slope(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[(36.7, 0.0), (-708.4, 0.0), (745.133_219_101_941_1, 0.0)],
        },
        Kernel::Softplus => Judge {
            opinion: |e, x, _| e.softplus(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[
                (-0.881_373_587_019_543, 0.0),
                (100.0, 0.0),
                (-708.4, 0.0),
                (-745.133_219_101_941_1, 0.0),
            ],
        },
        Kernel::Sin | Kernel::SinOfBoth => Judge {
            opinion: |e, x, _| e.sin(x),
            inside: anywhere,
            marks: ANGLES,
        },
        Kernel::Cos | Kernel::CosOfBoth => Judge {
            opinion: |e, x, _| e.cos(x),
            inside: anywhere,
            marks: ANGLES,
        },
        Kernel::Tan => Judge {
            opinion: |e, x, _| e.tan(x),
            inside: anywhere,
            marks: ANGLES,
        },
        Kernel::Asin => Judge {
            opinion: |e, x, _| e.asin(x),
            inside: |x, y| (within_one(x), y),
            marks: &[(0.5, 0.0), (1.0, 0.0), (-0.5, 0.0), (-1.0, 0.0)],
        },
        Kernel::Acos => Judge {
            opinion: |e, x, _| e.acos(x),
            inside: |x, y| (within_one(x), y),
            marks: &[(0.5, 0.0), (1.0, 0.0), (-0.5, 0.0), (-1.0, 0.0)],
        },
        Kernel::Atan => Judge {
            opinion: |e, x, _| e.atan(x),
            inside: anywhere,
            marks: &[
                (TAN_PI_8, 0.0),
                (1.0 / TAN_PI_8, 0.0),
                (1e16, 0.0),
                (1e30, 0.0),
            ],
        },
        Kernel::Sinh => Judge {
            opinion: |e, x, _| e.sinh(x),
            inside: |x, y| (x % 711.0, y),
            marks: &[(1.0, 0.0), (-1.0, 0.0), (710.475_860_073_943_9, 0.0)],
        },
        Kernel::Cosh => Judge {
            opinion: |e, x, _| e.cosh(x),
            inside: |x, y| (x % 711.0, y),
            marks: &[
                (0.346_573_590_279_972_64, 0.0),
                (710.475_860_073_943_9, 0.0),
            ],
        },
        Kernel::Tanh => Judge {
            opinion: |e, x, _| e.tanh(x),
            inside: |x, y| (x % 25.0, y),
            marks: &[(0.173_286_795_139_986_32, 0.0), (19.061, 0.0), (22.0, 0.0)],
        },
        Kernel::Expm1 => Judge {
            opinion: |e, x, _| e.expm1(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[
                (709.782_712_893_384, 0.0),
                (0.346_573_590_279_972_64, 0.0),
                (-0.346_573_590_279_972_64, 0.0),
                (50.0, 0.0),
                (-37.0, 0.0),
                (-60.0, 0.0),
            ],
        },
        Kernel::Exp2 => Judge {
            opinion: |e, x, _| e.exp2(x),
            inside: |x, y| (x % 1080.0, y),
            marks: &[
                (0.5, 0.0),
                (-0.5, 0.0),
                (1023.5, 0.0),
                (-1022.0, 0.0),
                (-1074.5, 0.0),
            ],
        },
        Kernel::Log2 => Judge {
            opinion: |e, x, _| e.log2(x),
            inside: |x, y| (x.abs(), y),
            marks: &[(1.0, 0.0), (FRAC_1_SQRT_2, 0.0), (SQRT_2, 0.0), (8.0, 0.0)],
        },
        Kernel::Log10 => Judge {
            opinion: |e, x, _| e.log10(x),
            inside: |x, y| (x.abs(), y),
            marks: &[(1.0, 0.0), (FRAC_1_SQRT_2, 0.0), (10.0, 0.0), (1e22, 0.0)],
        },
        Kernel::Log1mexp => Judge {
            opinion: |e, x, _| e.log1mexp(x),
            inside: |x, y| (-x.abs() % 750.0, y),
            marks: &[
                (-std::f64::consts::LN_2, 0.0),
                (-0.346_573_590_279_972_64, 0.0),
                (-36.7, 0.0),
                (-40.0, 0.0),
                (-708.4, 0.0),
                (-745.133_219_101_941_1, 0.0),
            ],
        },
        Kernel::Logit => Judge {
            opinion: |e, p, _| e.logit(p),
            inside: |x, y| (within_one(x).abs(), y),
            marks: &[(0.5, 0.0), (0.42, 0.0), (0.58, 0.0), (1.0, 0.0)],
        },
        Kernel::LogSigmoid => Judge {
            opinion: |e, x, _| e.log_sigmoid(x),
            inside: |x, y| (x % 750.0, y),
            marks: &[
                (0.881_373_587_019_543, 0.0),
                (-100.0, 0.0),
                (708.4, 0.0),
                (745.133_219_101_941_1, 0.0),
            ],
        },
        Kernel::Asinh => Judge {
            opinion: |e, x, _| e.asinh(x),
            inside: anywhere,
            marks: &[
                (1_073_741_824.0, 0.0),
                (0.34, 0.0),
                (1.0, 0.0),
                (1e154, 0.0),
            ],
        },
        Kernel::Acosh => Judge {
            opinion: |e, x, _| e.acosh(x),
            inside: |x, y| {
                (
                    if x.abs() < 1.0 {
                        1.0 / x.abs()
                    } else {
                        x.abs()
                    },
                    y,
                )
            },
            marks: &[(1.0, 0.0), (1.06, 0.0), (2.0, 0.0), (1_073_741_824.0, 0.0)],
        },
        Kernel::Atanh => Judge {
            opinion: |e, x, _| e.atanh(x),
            inside: |x, y| (within_one(x), y),
            marks: &[(1.0, 0.0), (-1.0, 0.0), (0.17, 0.0), (0.33, 0.0)],
        },
        Kernel::Cbrt => Judge {
            opinion: |_, x, _| Exact::cbrt(x),
            inside: anywhere,
            marks: &[
                (SQRT_2, 0.0),
                (2.0 * SQRT_2, 0.0),
                (FRAC_1_SQRT_2, 0.0),
                (27.0, 0.0),
            ],
        },
        Kernel::Sinc => Judge {
            opinion: |e, x, _| e.sinc(x),
            inside: anywhere,
            marks: ANGLES,
        },
        Kernel::SincSlope => Judge {
            opinion: |e, x, _| e.sinc_slope(x),
            inside: anywhere,
            marks: ANGLES,
        },
        Kernel::Erf => Judge {
            opinion: |e, x, _| e.erf(x),
            inside: |x, y| (x % 6.0, y),
            marks: &[(1.0, 0.0), (-1.0, 0.0), (5.92, 0.0)],
        },
        Kernel::Erfc => Judge {
            opinion: |e, x, _| e.erfc(x),
            inside: |x, y| (x % 28.0, y),
            marks: &[
                (1.0, 0.0),
                (4.0, 0.0),
                (26.543, 0.0),
                (27.2, 0.0),
                (28.0, 0.0),
            ],
        },
        Kernel::Gauss => Judge {
            opinion: |e, x, _| e.gauss(x),
            inside: |x, y| (x % 28.0, y),
            marks: &[(0.588_7, 0.0), (26.615, 0.0), (27.29, 0.0)],
        },
        Kernel::LogNormalCdf => Judge {
            opinion: |e, x, _| e.log_normal_cdf(x),
            inside: |x, y| (x % 40.0, y),
            marks: &[
                (4.0, 0.0),
                (-4.0, 0.0),
                (9.0, 0.0),
                (38.0, 0.0),
                (-1e10, 0.0),
                (-1e100, 0.0),
            ],
        },
        Kernel::Mills => Judge {
            opinion: |e, x, _| e.mills(x),
            inside: |x, y| (x % 40.0, y),
            marks: &[
                (4.0, 0.0),
                (-4.0, 0.0),
                (37.6, 0.0),
                (38.5, 0.0),
                (-1e10, 0.0),
            ],
        },
        Kernel::MillsExcess => Judge {
            opinion: |e, x, _| e.mills_excess(x),
            inside: |x, y| (x % 40.0, y),
            marks: &[(4.0, 0.0), (-4.0, 0.0), (37.6, 0.0), (-1e10, 0.0)],
        },
        Kernel::Lgamma => Judge {
            opinion: |e, x, _| e.lgamma(x),
            inside: |x, y| (x % 60.0, y),
            marks: &[
                (1.0, 0.0),
                (2.0, 0.0),
                (3.0, 0.0),
                (10.0, 0.0),
                (2.556_348e305, 0.0),
                (-2.457_024_738_220_801, 0.0),
                (-2.747_682_646_727_413, 0.0),
                (-3.143_580_888_349_98, 0.0),
                (-3.955_294_284_858_598, 0.0),
                (-4.991_544_640_560_048, 0.0),
                (-7.000_198_333_407_324, 0.0),
                (-12.0, 0.0),
                (-16.0, 0.0),
                (-17.000_000_000_000_004, 0.0),
                (-40.5, 0.0),
            ],
        },
        Kernel::Digamma => Judge {
            opinion: |e, x, _| e.digamma(x),
            inside: |x, y| (x % 60.0, y),
            marks: &[
                (1.461_632_144_968_362_2, 0.0),
                (1.0, 0.0),
                (2.0, 0.0),
                (10.0, 0.0),
                (1e-20, 0.0),
                (1e30, 0.0),
                (-0.504_083_008_264_455_4, 0.0),
                (-10.702_1, 0.0),
            ],
        },
        Kernel::Trigamma => Judge {
            opinion: |e, x, _| e.trigamma(x),
            inside: |x, y| (x % 60.0, y),
            marks: &[
                (1.0, 0.0),
                (10.0, 0.0),
                (1e-30, 0.0),
                (1e30, 0.0),
                (1e-154, 0.0),
                (-0.5, 0.0),
                (-9.5, 0.0),
            ],
        },
        Kernel::Lbeta => Judge {
            opinion: Exact::lbeta,
            inside: |a, b| (a.abs(), b.abs()),
            marks: &[
                (1.0, 1.0),
                (2.0, 0.618_033_988_749_895),
                (10.0, 10.0),
                (10.0, 0.1),
                (1e10, 1e-10),
                (1e10, 3.0),
                (1e300, 1e300),
                (1e-300, 1e-300),
            ],
        },
        Kernel::Polygamma => Judge {
            opinion: Exact::polygamma,
            inside: |a, b| (2.0 + (a.abs() % 4.0).floor(), b % 60.0),
            marks: &[
                (2.0, 1.0),
                (3.0, 20.0),
                (2.0, 1e25),
                (3.0, 1e-25),
                (2.0, -2.5),
            ],
        },
        Kernel::Hypot => Judge {
            opinion: |_, x, y| Exact::hypot(x, y),
            inside: anywhere,
            marks: &[
                (3.0, 4.0),
                (1e150, 1e150),
                (1e-130, 1e-130),
                (f64::MAX, 1e300),
                (1.2e308, 1.2e308),
                (5e-324, 5e-324),
                (1e-310, 1e-310),
            ],
        },
        Kernel::Atan2 => Judge {
            opinion: Exact::atan2,
            inside: anywhere,
            marks: &[
                (TAN_PI_8, 1.0),
                (1.0, TAN_PI_8),
                (-1.0, -1.0),
                (1e300, 1e300),
                (1e-280, 1e-280),
                (1e-10, 1.0),
                (5e-324, 1e-300),
                (f64::MAX, 5e-324),
            ],
        },
        Kernel::LogBase => Judge {
            opinion: Exact::log_base,
            inside: |a, b| (a.abs(), if b.abs() == 1.0 { 2.0 } else { b.abs() }),
            marks: &[
                (1.0, 2.0),
                (2.0, 1.0),
                (8.0, 2.0),
                (f64::MAX, 5e-324),
                (1.0, 1.0),
            ],
        },
        Kernel::Powf => Judge {
            opinion: Exact::powf,
            inside: |x, y| (x.abs(), fitting(x.abs(), y)),
            marks: &[
                (1.0 + f64::EPSILON, 3e18),
                (1.0 - f64::EPSILON / 2.0, 6e18),
                (2.0, -1074.0),
                (2.0, 1024.0),
                (10.0, 308.0),
                (5e-324, 0.5),
                (f64::MAX, 0.999_999),
                (-3.0, 3.0),
            ],
        },
    }
}

const SQRT_2: f64 = std::f64::consts::SQRT_2;
const FRAC_1_SQRT_2: f64 = std::f64::consts::FRAC_1_SQRT_2;
const TAN_PI_8: f64 = 0.414_213_562_373_095_03;

/// As near as any double to a multiple of a quarter turn, where the reduction changes, and others known
/// to be hard.
const ANGLES: &[(f64, f64)] = &[
    (5.319_372_648_326_541e255, 0.0),
    (-5.319_372_648_326_541e255, 0.0),
    (FRAC_PI_4, 0.0),
    (FRAC_PI_2, 0.0),
    (PI, 0.0),
    (3.0 * FRAC_PI_2, 0.0),
    (355.0, 0.0),
    (45_882.0, 0.0),
    (4_294_967_296.0, 0.0),
    (-4_294_967_296.0, 0.0),
    (91_307_198_913_088_656.0, 0.0),
    (1e22, 0.0),
    (f64::MAX, 0.0),
];

/// Results are ordinary wherever arguments are.
fn anywhere(x: f64, y: f64) -> (f64, f64) {
    (x, y)
}

/// Any number as one from -1 to 1.
fn within_one(x: f64) -> f64 {
    if x.abs() > 1.0 { 1.0 / x } else { x }
}

/// An exponent that leaves the power of `x` most often finite.
fn fitting(x: f64, y: f64) -> f64 {
    let bound = 760.0 / x.ln().abs();
    if y.abs() > bound { y % bound } else { y }
}

pub(super) struct Exact(Consts);

impl Default for Exact {
    fn default() -> Self {
        Self(Consts::new().expect("there is memory"))
    }
}

impl Exact {
    fn of(&mut self, f: impl FnOnce(&mut Consts) -> BigFloat) -> BigFloat {
        f(&mut self.0)
    }

    fn e_to(&mut self, x: &BigFloat) -> BigFloat {
        self.of(|c| x.exp(BITS, ROUND, c))
    }

    fn log(&mut self, x: f64) -> BigFloat {
        self.of(|c| big(x).ln(BITS, ROUND, c))
    }

    fn log_of_one_more(&mut self, x: &BigFloat) -> BigFloat {
        if x.exponent().is_some_and(|e| e < -50) {
            series(x, &[(-1.0, 2.0), (-2.0, 3.0), (-3.0, 4.0), (-4.0, 5.0)])
        } else {
            let one_more = add(&big(1.0), x);
            self.of(|c| one_more.ln(BITS, ROUND, c))
        }
    }

    fn exp(&mut self, x: f64) -> Opinion {
        match x {
            _ if x > BEYOND => Is(INF),
            _ if x < -BEYOND => Is(0.0),
            _ if x.is_nan() => Is(NAN),
            _ => Near(self.e_to(&big(x))),
        }
    }

    fn ln(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(-INF),
            1.0 => Is(0.0),
            INF => Is(INF),
            _ if x > 0.0 => Near(self.log(x)),
            _ => Is(NAN),
        }
    }

    fn ln_1p(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            -1.0 => Is(-INF),
            INF => Is(INF),
            _ if x > -1.0 => Near(self.log_of_one_more(&big(x))),
            _ => Is(NAN),
        }
    }

    fn log_base(&mut self, a: f64, b: f64) -> Opinion {
        match (self.ln(a), self.ln(b)) {
            // A zero, an infinity or NaN is among them: any number of the same sign stands for the other.
            (Is(a), Is(b)) => Is(a / b),
            (Is(a), Near(b) | Beside(b, _)) => Is(a / sign(&b)),
            (Near(a) | Beside(a, _), Is(b)) => Is(sign(&a) / b),
            (Near(a) | Beside(a, _), Near(b) | Beside(b, _)) => Near(div(&a, &b)),
        }
    }

    fn sigmoid(&mut self, x: f64) -> Opinion {
        match self.exp(-x) {
            Near(e) | Beside(e, _) => Near(div(&big(1.0), &add(&big(1.0), &e))),
            Is(e) => Is(1.0 / (1.0 + e)),
        }
    }

    fn sigmoid_slope(&mut self, x: f64) -> Opinion {
        match self.exp(-x.abs()) {
            Near(e) | Beside(e, _) => {
                let below = add(&big(1.0), &e);
                Near(div(&div(&e, &below), &below))
            }
            Is(e) => Is(e / ((1.0 + e) * (1.0 + e))),
        }
    }

    fn softplus(&mut self, x: f64) -> Opinion {
        match self.exp(-x.abs()) {
            Near(e) | Beside(e, _) => Near(add(&big(x.max(0.0)), &self.log_of_one_more(&e))),
            Is(e) => Is(if x < 0.0 { e } else { x }),
        }
    }

    fn sin(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_finite() => Near(self.of(|c| big(x).sin(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    fn cos(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(1.0),
            _ if x.is_finite() => Near(self.of(|c| big(x).cos(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    fn tan(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_finite() => Near(self.of(|c| big(x).tan(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    fn asin(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.abs() <= 1.0 => Near(self.of(|c| big(x).asin(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    fn acos(&mut self, x: f64) -> Opinion {
        match x {
            1.0 => Is(0.0),
            _ if x.abs() <= 1.0 => Near(self.of(|c| big(x).acos(BITS, ROUND, c))),
            _ => Is(NAN),
        }
    }

    fn atan(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_nan() => Is(NAN),
            _ if x.is_infinite() => Is(FRAC_PI_2.copysign(x)),
            _ => Near(self.of(|c| big(x).atan(BITS, ROUND, c))),
        }
    }

    fn atan2(&mut self, y: f64, x: f64) -> Opinion {
        if x.is_nan() || y.is_nan() {
            return Is(NAN);
        }
        let left = x.is_sign_negative();
        let along = if left { PI } else { 0.0 };
        let diagonal = if left { 3.0 * FRAC_PI_4 } else { FRAC_PI_4 };
        let angle = match (y.abs(), x.abs()) {
            (INF, INF) => diagonal,
            (0.0, _) | (_, INF) => along,
            (_, 0.0) | (INF, _) => FRAC_PI_2,
            _ => {
                let ratio = div(&big(y), &big(x));
                let angle = self.of(|c| ratio.atan(BITS, ROUND, c));
                let pi = self.of(|c| c.pi(BITS, ROUND));
                return Near(match (left, y > 0.0) {
                    (false, _) => angle,
                    (true, true) => add(&angle, &pi),
                    (true, false) => sub(&angle, &pi),
                });
            }
        };
        Is(angle.copysign(y))
    }

    fn powf(&mut self, x: f64, y: f64) -> Opinion {
        if y == 0.0 || x == 1.0 {
            return Is(1.0);
        }
        let base = x.abs();
        let (is_whole, is_odd) = (y.trunc() == y, (y % 2.0).abs() == 1.0);
        if x.is_nan() || y.is_nan() || (x < 0.0 && base < INF && !is_whole && y.is_finite()) {
            return Is(NAN);
        }
        let sign = if x.is_sign_negative() && is_odd {
            -1.0
        } else {
            1.0
        };
        if base == 1.0 {
            return Is(sign);
        }
        let grows = (base > 1.0) == (y > 0.0);
        let extreme = Is(sign * if grows { INF } else { 0.0 });
        if base == 0.0 || base == INF || y.is_infinite() {
            return extreme;
        }
        let power = mul(&self.log(base), &big(y));
        // 2^12 is beyond all doubles.
        if power.exponent().is_some_and(|e| e > 12) {
            return extreme;
        }
        Near(mul(&big(sign), &self.e_to(&power)))
    }

    fn sinh(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_nan() => Is(NAN),
            _ if x.abs() > BEYOND => Is(INF.copysign(x)),
            _ => Near(self.of(|c| big(x).sinh(BITS, ROUND, c))),
        }
    }

    fn cosh(&mut self, x: f64) -> Opinion {
        match x {
            _ if x.is_nan() => Is(NAN),
            _ if x.abs() > BEYOND => Is(INF),
            _ => Near(self.of(|c| big(x).cosh(BITS, ROUND, c))),
        }
    }

    fn tanh(&mut self, x: f64) -> Opinion {
        match x {
            0.0 => Is(x),
            _ if x.is_nan() => Is(NAN),
            _ if x.abs() > BEYOND => Is(1.0_f64.copysign(x)),
            _ => Near(self.of(|c| big(x).tanh(BITS, ROUND, c))),
        }
    }
}

/// 1 with the sign of a number.
fn sign(x: &BigFloat) -> f64 {
    if x.is_negative() { -1.0 } else { 1.0 }
}

/// How many units of the last place `ours` is off; infinitely many where the very double is wanted and
/// another comes.
pub(super) fn error(ours: f64, opinion: &Opinion) -> f64 {
    match opinion {
        Near(exact) => error_in_ulp(ours, exact),
        Beside(exact, scale) => error_beside(ours, exact, *scale),
        Is(double) if super::same(ours, *double) => 0.0,
        Is(_) => INF,
    }
}

/// The double that an opinion amounts to.
pub(super) fn nearest(opinion: &Opinion) -> f64 {
    match opinion {
        Is(double) => *double,
        Near(exact) | Beside(exact, _) => exact.to_string().parse().expect("a number"),
    }
}

/// How many units of the last place `ours` is off, where a unit is at least that of `scale`.
fn error_beside(ours: f64, exact: &BigFloat, scale: f64) -> f64 {
    if ours.is_nan() || sub(exact, &big(0.0)).abs() >= big(scale) {
        return error_in_ulp(ours, exact);
    }
    let off = sub(exact, &big(ours)).abs();
    let unit = f64::from_bits(scale.to_bits() + 1) - scale;
    div(&off, &big(unit)).to_string().parse().expect("a number")
}

/// How many units of the last place `ours` is off. A unit is that of the double the exact number
/// rounds to; infinity counts as 2^1024.
fn error_in_ulp(ours: f64, exact: &BigFloat) -> f64 {
    if exact.is_zero() {
        return if ours == 0.0 { 0.0 } else { f64::INFINITY };
    }
    let (words, _, sign, exponent, _) = exact.as_raw_parts().expect("an exact number is one");
    let ours = if sign == Sign::Neg { -ours } else { ours };
    // Not NaN, and of the same sign, a zero too.
    if ours.is_nan() || ours.is_sign_negative() {
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
