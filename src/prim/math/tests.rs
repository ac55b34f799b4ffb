//! Kernels against exact values, over all doubles.
//!
//! Arguments are drawn by a seed, a new one each time, which is printed and may be given as `DMCI_SEED`;
//! `DMCI_POINTS` says how many a function gets besides those that all get, and `DMCI_KERNEL=erf,erfc` that
//! errors are measured of these functions alone.
//!
//! **Invariants**
//! - Every test goes over `Kernel::ALL`: a row of `kernels!` is tested because it is there.
//! - Complaints name the kernel, the argument, the error and what to do.

mod exact;
mod lanes;
mod rows;
mod special;
mod unfused;

use super::Kernel;
use exact::{Exact, Opinion, error, judge, nearest};
use rayon::prelude::*;
use std::f64::consts::FRAC_PI_4;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How many arguments a function gets besides one of every sign and exponent, and those about marks.
const POINTS: u64 = 4_000;

/// The error that a row may allow, in units of the last place.
const MOST: f64 = 2.0;

/// Arguments about which IEEE 754 and C have something to say, and the ends of all kinds of doubles.
const SPECIAL: [f64; 15] = [
    0.0,
    -0.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1.0,
    -1.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    -f64::MIN_POSITIVE,
    2.225_073_858_507_201e-308,
    -2.225_073_858_507_201e-308,
    5e-324,
    -5e-324,
];

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

    /// A number of an exponent from -1074 to 1023; below -1022 it is subnormal.
    fn of_exponent(&mut self, exponent: i32) -> f64 {
        if exponent >= -1022 {
            return self.magnitude(exponent, exponent + 1);
        }
        let first = 1 << (exponent + 1074);
        f64::from_bits(first | self.below(first))
    }

    /// A number a few last places beside another.
    fn beside(&mut self, x: f64) -> f64 {
        f64::from_bits(x.to_bits().wrapping_add(self.below(17)).wrapping_sub(8))
    }

    /// A number near another.
    fn near(&mut self, x: f64) -> f64 {
        x + x * self.sign() * self.magnitude(-52, -3)
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
    std::env::var(name).ok()?.trim().parse().ok()
}

#[allow(clippy::print_stdout, reason = "a failure is found again by the seed")]
fn random() -> Random {
    let seed = setting("DMCI_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("DMCI_SEED={seed}");
    Random(seed)
}

/// Arguments of a kernel all over its domain and beyond: special ones, those about marks and whole
/// numbers, one of every sign and exponent, and so many others. What a kernel of one argument ignores is
/// there too.
fn points(kernel: Kernel, count: u64, random: &mut Random) -> Vec<(f64, f64)> {
    let judge = judge(kernel);
    let mut points = Vec::new();
    for a in SPECIAL {
        if kernel.arguments() == 1 {
            points.push((a, 0.0));
        } else {
            points.extend(SPECIAL.map(|b| (a, b)));
        }
    }
    for &(a, b) in judge.marks {
        points.push((a, b));
        for _ in 0..8 {
            points.push((random.beside(a), random.beside(b)));
            points.push((random.near(a), random.near(b)));
        }
    }
    for half in -60..=60 {
        let whole = 0.5 * f64::from(half);
        points.push((whole, random.number()));
        points.push((random.beside(whole), random.number()));
        points.push((random.number(), whole));
    }
    for exponent in -1074..1024 {
        for sign in [1.0, -1.0] {
            let number = sign * random.of_exponent(exponent);
            points.push((number, random.number()));
            if kernel.arguments() == 2 {
                points.push((random.number(), number));
            }
        }
    }
    for i in 0..count {
        let (a, b) = (random.number(), random.number());
        // Two numbers of like magnitude, every third time.
        let near = a * random.between(-4.0, 4.0);
        let b = if i % 3 == 0 && near != 0.0 && near.is_finite() {
            near
        } else {
            b
        };
        points.push(if i % 2 == 0 {
            (judge.inside)(a, b)
        } else {
            (a, b)
        });
    }
    points
}

/// How far a kernel is off at its worst.
struct Worst {
    kernel: Kernel,
    error: f64,
    at: (f64, f64),
    ours: f64,
    /// The double nearest to the exact value.
    nearest: f64,
    /// At how many points it is off by more than its row says, and of how many.
    beyond: usize,
    points: usize,
}

impl Worst {
    fn of(kernel: Kernel, random: &mut Random) -> Self {
        let points = points(kernel, setting("DMCI_POINTS").unwrap_or(POINTS), random);
        let mut exact = Exact::default();
        let mut opinion_at = |(a, b)| (judge(kernel).opinion)(&mut exact, a, b);
        let (mut worst, mut at, mut beyond) = (-1.0, (0.0, 0.0), 0);
        for &(a, b) in &points {
            let error = error(kernel.number(a, b), &opinion_at((a, b)));
            beyond += usize::from(error >= kernel.within());
            if error > worst {
                (worst, at) = (error, (a, b));
            }
        }
        Self {
            kernel,
            error: worst,
            at,
            ours: kernel.number(at.0, at.1),
            nearest: nearest(&opinion_at(at)),
            beyond,
            points: points.len(),
        }
    }

    fn arguments(&self) -> String {
        match (self.kernel.arguments(), self.at) {
            (1, (a, _)) => format!("{a:e} ({:#018x})", a.to_bits()),
            (_, (a, b)) => format!(
                "{a:e}, {b:e} ({:#018x}, {:#018x})",
                a.to_bits(),
                b.to_bits()
            ),
        }
    }

    /// What is wrong, if something is, and what to do.
    fn complaint(&self) -> Option<String> {
        let (name, within) = (self.kernel.name(), self.kernel.within());
        (self.beyond > 0).then(|| {
            format!(
                "`{name}` is off by {:.3} units of the last place at {}: it gives {:e}, and {:e} is nearest \
                 to the exact value; at {} of {} arguments it is not less than {within} off, as its row in \
                 `kernels!` in src/prim/math/mod.rs says: mend the kernel or, up to {MOST}, the row; if the \
                 exact value is wrong, mend its judge in src/prim/math/tests/exact.rs",
                self.error,
                self.arguments(),
                self.ours,
                self.nearest,
                self.beyond,
                self.points
            )
        })
    }
}

/// With `--nocapture` it prints the table of the page on kernels.
#[test]
#[allow(
    clippy::print_stdout,
    reason = "the errors are of interest where none is too large too"
)]
fn kernels_are_as_close_as_their_rows_say() {
    let mut random = random();
    let named = std::env::var("DMCI_KERNEL").ok();
    let asked = |k: &&Kernel| {
        named
            .as_ref()
            .is_none_or(|n| n.split(',').any(|n| n == k.name()))
    };
    let seeds: Vec<(Kernel, u64)> = Kernel::ALL
        .iter()
        .filter(asked)
        .map(|&k| (k, random.bits()))
        .collect();
    let judged: Vec<Worst> = seeds
        .into_par_iter()
        .map(|(kernel, seed)| Worst::of(kernel, &mut Random(seed)))
        .collect();
    for worst in &judged {
        println!(
            "{:10} {:6.3} at {}",
            worst.kernel.name(),
            worst.error,
            worst.arguments()
        );
    }
    let complaints: Vec<String> = judged.iter().filter_map(Worst::complaint).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The judges are judged: what is as many places off as any row may allow, and as many more as the kernel
/// itself may be, is too much.
#[test]
fn three_places_off_is_too_much() {
    let mut random = random();
    let mut exact = Exact::default();
    for &kernel in Kernel::ALL {
        let mut points = points(kernel, 100, &mut random);
        points.retain(|&(a, b)| {
            let number = kernel.number(a, b);
            // Below a power of two places are half as wide.
            number.is_finite() && number.to_bits() % 8 == 4
        });
        for (a, b) in points.into_iter().take(200) {
            let bits = kernel.number(a, b).to_bits();
            let opinion = (judge(kernel).opinion)(&mut exact, a, b);
            if matches!(&opinion, Opinion::Beside(_, scale) if f64::from_bits(bits).abs() < *scale)
            {
                continue;
            }
            let places = (MOST + kernel.within()).ceil() as u64;
            for wrong in [bits - places, bits + places].map(f64::from_bits) {
                let error = error(wrong, &opinion);
                assert!(
                    error > MOST,
                    "the judge of `{}` takes {wrong:e} for its value at {a:e}, {b:e}, {places} places off: \
                     mend src/prim/math/tests/exact.rs",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn rows_allow_two_units_of_the_last_place_at_most() {
    for kernel in Kernel::ALL {
        let (name, within) = (kernel.name(), kernel.within());
        assert!(
            (0.5..=MOST).contains(&within),
            "the row of `{name}` in `kernels!` in src/prim/math/mod.rs allows {within} units of the last \
             place: at least 0.5, which is correct rounding, and at most {MOST}"
        );
    }
}

/// Equal to the bit, or both NaN.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}
