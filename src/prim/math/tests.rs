//! Kernels against exact values.
//!
//! Arguments are drawn by a seed, which is printed and may be given as `DMCI_SEED`; `DMCI_POINTS`
//! says how many a function gets.

mod exact;
mod lanes;
mod special;

use super::kernel;
use exact::{Exact, error_in_ulp};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// How many arguments a function gets.
const POINTS: u64 = 5_000;

/// The error that is allowed, in units of the last place.
const BOUND: f64 = 1.0;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    fn sign(&mut self) -> f64 {
        if self.bits() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// A magnitude between powers of two, its logarithm uniform.
    fn magnitude(&mut self, low: i32, high: i32) -> f64 {
        let exponent = low + self.below((high - low) as u64) as i32;
        self.between(1.0, 2.0) * 2.0_f64.powi(exponent / 2) * 2.0_f64.powi(exponent - exponent / 2)
    }

    /// A number a few last places beside another.
    fn beside(&mut self, x: f64) -> f64 {
        f64::from_bits(x.to_bits().wrapping_add(self.below(17)).wrapping_sub(8))
    }

    /// A finite number of some kind.
    fn number(&mut self) -> f64 {
        let sign = self.sign();
        sign * match self.below(10) {
            0 => self.magnitude(-1022, 1024),
            1 => self.magnitude(-60, 12),
            2 => self.unit(),
            3 => self.between(0.0, 4.0),
            4 => self.between(0.0, 40.0),
            5 => self.between(0.0, 760.0),
            6 => {
                let count = self.magnitude(0, 45).floor();
                self.beside(count * FRAC_PI_4)
            }
            7 => 1.0 + self.sign() * self.magnitude(-54, -1),
            8 => {
                let mark = [
                    0.5,
                    1.0,
                    2.0,
                    0.414_213_562_373_095,
                    0.707_106_781_186_547_5,
                    1.5,
                    22.0,
                    709.7,
                    745.13,
                ][self.below(9) as usize];
                self.beside(mark)
            }
            _ => f64::from_bits((self.bits() >> (12 + self.below(52))) | 1),
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[allow(clippy::print_stdout, reason = "a failure is found again by the seed")]
fn random() -> Random {
    let seed = setting("DMCI_SEED").unwrap_or(1);
    println!("DMCI_SEED={seed}");
    Random(seed)
}

/// A kernel, what it should give, and how any arguments are brought into its domain.
struct Judged {
    name: &'static str,
    kernel: fn(f64, f64) -> f64,
    arguments: fn(f64, f64) -> (f64, f64),
    exact: fn(&mut Exact, f64, f64) -> exact::Number,
}

/// Any number as one from -1 to 1.
fn within_one(x: f64) -> f64 {
    if x.abs() > 1.0 { 1.0 / x } else { x }
}

/// An exponent that leaves the power of `x` most often finite.
fn fitting(x: f64, y: f64) -> f64 {
    let log = x.ln().abs();
    let bound = 760.0 / log;
    if y.abs() > bound {
        (y % bound).abs() * y.signum()
    } else {
        y
    }
}

const JUDGED: [Judged; 17] = [
    Judged {
        name: "exp",
        kernel: |x, _| kernel::exp(x),
        arguments: |x, y| (x % 750.0, y),
        exact: |e, x, _| e.exp(x),
    },
    Judged {
        name: "ln",
        kernel: |x, _| kernel::ln(x),
        arguments: |x, y| (x.abs(), y),
        exact: |e, x, _| e.ln(x),
    },
    Judged {
        name: "ln_1p",
        kernel: |x, _| kernel::ln_1p(x),
        arguments: |x, y| (if x <= -1.0 { -x } else { x }, y),
        exact: |e, x, _| e.ln_1p(x),
    },
    Judged {
        name: "log_base",
        kernel: kernel::log_base,
        arguments: |x, y| (x.abs(), if y.abs() == 1.0 { 2.0 } else { y.abs() }),
        exact: Exact::log_base,
    },
    Judged {
        name: "powf",
        kernel: kernel::powf,
        arguments: |x, y| (x.abs(), fitting(x.abs(), y)),
        exact: Exact::powf,
    },
    Judged {
        name: "sigmoid",
        kernel: |x, _| kernel::sigmoid(x),
        arguments: |x, y| (x % 750.0, y),
        exact: |e, x, _| e.sigmoid(x),
    },
    Judged {
        name: "softplus",
        kernel: |x, _| kernel::softplus(x),
        arguments: |x, y| (x % 750.0, y),
        exact: |e, x, _| e.softplus(x),
    },
    Judged {
        name: "sin",
        kernel: |x, _| kernel::sin(x),
        arguments: |x, y| (x, y),
        exact: |e, x, _| e.sin(x),
    },
    Judged {
        name: "cos",
        kernel: |x, _| kernel::cos(x),
        arguments: |x, y| (x, y),
        exact: |e, x, _| e.cos(x),
    },
    Judged {
        name: "tan",
        kernel: |x, _| kernel::tan(x),
        arguments: |x, y| (x, y),
        exact: |e, x, _| e.tan(x),
    },
    Judged {
        name: "asin",
        kernel: |x, _| kernel::asin(x),
        arguments: |x, y| (within_one(x), y),
        exact: |e, x, _| e.asin(x),
    },
    Judged {
        name: "acos",
        kernel: |x, _| kernel::acos(x),
        arguments: |x, y| (within_one(x), y),
        exact: |e, x, _| e.acos(x),
    },
    Judged {
        name: "atan",
        kernel: |x, _| kernel::atan(x),
        arguments: |x, y| (x, y),
        exact: |e, x, _| e.atan(x),
    },
    Judged {
        name: "atan2",
        kernel: kernel::atan2,
        arguments: |x, y| (x, y),
        exact: Exact::atan2,
    },
    Judged {
        name: "sinh",
        kernel: |x, _| kernel::sinh(x),
        arguments: |x, y| (x % 711.0, y),
        exact: |e, x, _| e.sinh(x),
    },
    Judged {
        name: "cosh",
        kernel: |x, _| kernel::cosh(x),
        arguments: |x, y| (x % 711.0, y),
        exact: |e, x, _| e.cosh(x),
    },
    Judged {
        name: "tanh",
        kernel: |x, _| kernel::tanh(x),
        arguments: |x, y| (x, y),
        exact: |e, x, _| e.tanh(x),
    },
];

/// The largest error of a kernel over some arguments, and where it is.
fn worst(judged: &Judged, points: u64, random: &mut Random) -> (f64, f64, f64) {
    let mut exact = Exact::default();
    let mut worst = (0.0, 0.0, 0.0);
    for i in 0..points {
        let (a, b) = (random.number(), random.number());
        // Two numbers of like magnitude, every third time.
        let near = a * random.between(-4.0, 4.0);
        let b = if i % 3 == 0 && near != 0.0 && near.is_finite() {
            near
        } else {
            b
        };
        let (a, b) = (judged.arguments)(a, b);
        let error = error_in_ulp((judged.kernel)(a, b), &(judged.exact)(&mut exact, a, b));
        if error > worst.0 {
            worst = (error, a, b);
        }
    }
    worst
}

/// With `--nocapture` it prints the table of the page on kernels.
#[test]
#[allow(
    clippy::print_stdout,
    reason = "the errors are of interest where none is too large too"
)]
fn kernels_are_within_two_units_of_the_last_place() {
    let mut random = random();
    let points = setting("DMCI_POINTS").unwrap_or(POINTS);
    let mut complaints = Vec::new();
    for judged in &JUDGED {
        let (error, a, b) = worst(judged, points, &mut random);
        println!("{:10} {error:6.3} at {a:e}, {b:e}", judged.name);
        if error >= BOUND {
            complaints.push(format!("{} is off by {error} at {a:e}, {b:e}", judged.name));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Doubles that are as near as any to a multiple of a quarter turn, and others known to be hard.
#[test]
fn hard_cases_are_no_worse() {
    let nearest = 6_381_956_970_095_103.0 * 2.0_f64.powi(797);
    let angles = [
        nearest,
        -nearest,
        FRAC_PI_2,
        PI,
        3.0 * FRAC_PI_2,
        1e22,
        2.0_f64.powi(32),
        4_294_967_297.0,
        f64::MAX,
        2.0_f64.powi(1023),
        45_882.0,
        355.0,
        5_706_674_932_067_741.0 * 2.0_f64.powi(4),
    ];
    let mut exact = Exact::default();
    for judged in &JUDGED {
        let trigonometric = matches!(judged.name, "sin" | "cos" | "tan");
        for x in angles.into_iter().filter(|_| trigonometric) {
            let error = error_in_ulp((judged.kernel)(x, 0.0), &(judged.exact)(&mut exact, x, 0.0));
            assert!(error < BOUND, "{} is off by {error} at {x:e}", judged.name);
        }
    }
    for (x, y) in [
        (1.0 + f64::EPSILON, 3e18),
        (1.0 - f64::EPSILON / 2.0, 6e18),
        (2.0, -1074.0),
        (10.0, 308.0),
        (5e-324, 0.5),
        (f64::MAX, 0.999_999),
    ] {
        let error = error_in_ulp(kernel::powf(x, y), &exact.powf(x, y));
        assert!(error < BOUND, "powf is off by {error} at {x:e}, {y:e}");
    }
    for x in [
        709.782_712_893_383_9,
        709.782_712_893_384_1,
        -745.133_219_101_941_1,
        -745.133_219_101_941_2,
        -708.4,
    ] {
        let error = error_in_ulp(kernel::exp(x), &exact.exp(x));
        assert!(error < BOUND, "exp is off by {error} at {x:e}");
    }
}

/// Equal to the bit, or both NaN.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}
