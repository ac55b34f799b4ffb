//! Zeros, poles, infinities, NaN and what C says of them.
//!
//! **Invariants**
//! - One `match`, no `_`: a row of `kernels!` whose special values are not stated does not compile in
//!   tests.
//! - The judge is judged: it has the same opinion of all that stands here.

use super::super::Kernel;
use super::exact::{Exact, Opinion, error, judge};
use super::same;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, PI};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Values of a kernel that hold to the bit.
enum Special {
    /// Of an argument; NaN gives NaN besides.
    One(&'static [(f64, f64)]),
    /// Of two arguments.
    Two(&'static [(f64, f64, f64)]),
}

use Special::{One, Two};

/// The special values of a kernel: those of zeros and infinities, and of what else is special to it.
fn special(kernel: Kernel) -> Special {
    match kernel {
        Kernel::Exp => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (710.0, INF),
            (1e300, INF),
            (-746.0, 0.0),
            (-1e300, 0.0),
            (5e-324, 1.0),
            (-745.0, 5e-324),
        ]),
        Kernel::Ln => One(&[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, 0.0),
            (INF, INF),
            (-1.0, NAN),
            (-INF, NAN),
            (-5e-324, NAN),
        ]),
        Kernel::SigmoidSlope => One(&[
            (0.0, 0.25),
            (-0.0, 0.25),
            (INF, 0.0),
            (-INF, 0.0),
            (5e-324, 0.25),
            (-745.0, 5e-324),
            (745.0, 5e-324),
            (746.0, 0.0),
            (-1e300, 0.0),
        ]),
        Kernel::Ln1p => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (-1.0, -INF),
            (INF, INF),
            (-1.5, NAN),
            (-INF, NAN),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Sin | Kernel::SinOfBoth => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, NAN),
            (-INF, NAN),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
            (1e-9, 1e-9),
        ]),
        Kernel::Cos | Kernel::CosOfBoth => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, NAN),
            (-INF, NAN),
            (5e-324, 1.0),
        ]),
        Kernel::Tan => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, NAN),
            (-INF, NAN),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Asin => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, FRAC_PI_2),
            (-1.0, -FRAC_PI_2),
            (1.5, NAN),
            (INF, NAN),
            (-INF, NAN),
            (5e-324, 5e-324),
        ]),
        Kernel::Acos => One(&[
            (1.0, 0.0),
            (-1.0, PI),
            (0.0, FRAC_PI_2),
            (-0.0, FRAC_PI_2),
            (1.0 + f64::EPSILON, NAN),
            (INF, NAN),
            (-INF, NAN),
        ]),
        Kernel::Atan => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, FRAC_PI_2),
            (-INF, -FRAC_PI_2),
            (1.0, FRAC_PI_4),
            (-1.0, -FRAC_PI_4),
            (f64::MAX, FRAC_PI_2),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Sinh => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, INF),
            (-INF, -INF),
            (711.0, INF),
            (-1e300, -INF),
            (5e-324, 5e-324),
        ]),
        Kernel::Cosh => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, INF),
            (711.0, INF),
            (-1e300, INF),
            (5e-324, 1.0),
        ]),
        Kernel::Tanh => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, 1.0),
            (-INF, -1.0),
            (20.0, 1.0),
            (-1e300, -1.0),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Sigmoid => One(&[
            (0.0, 0.5),
            (-0.0, 0.5),
            (INF, 1.0),
            (-INF, 0.0),
            (40.0, 1.0),
            (-746.0, 0.0),
            (-745.0, 5e-324),
        ]),
        Kernel::Softplus => One(&[
            (INF, INF),
            (-INF, 0.0),
            (800.0, 800.0),
            (f64::MAX, f64::MAX),
            (-746.0, 0.0),
            (-745.0, 5e-324),
            (0.0, LN_2),
            (-0.0, LN_2),
        ]),
        Kernel::Expm1 => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, INF),
            (-INF, -1.0),
            (710.0, INF),
            (1e300, INF),
            (-40.0, -1.0),
            (-1e300, -1.0),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Exp2 => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (10.0, 1024.0),
            (-3.0, 0.125),
            (1023.0, LARGEST_POWER),
            (1024.0, INF),
            (-1074.0, 5e-324),
            (-1022.0, f64::MIN_POSITIVE),
            (-1075.0, 0.0),
            (1e300, INF),
            (-1e300, 0.0),
            (5e-324, 1.0),
        ]),
        Kernel::Log2 => One(&[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, 0.0),
            (2.0, 1.0),
            (0.125, -3.0),
            (5e-324, -1074.0),
            (LARGEST_POWER, 1023.0),
            (INF, INF),
            (-1.0, NAN),
            (-INF, NAN),
        ]),
        Kernel::Log10 => One(&[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, 0.0),
            (10.0, 1.0),
            (1000.0, 3.0),
            (1e15, 15.0),
            (1e22, 22.0),
            (INF, INF),
            (-1.0, NAN),
            (-INF, NAN),
        ]),
        Kernel::Log1mexp => One(&[
            (0.0, -INF),
            (-0.0, -INF),
            (INF, NAN),
            (1e-300, NAN),
            (-INF, -0.0),
            (-746.0, -0.0),
            (-745.0, -5e-324),
        ]),
        Kernel::Logit => One(&[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, INF),
            (0.5, 0.0),
            (1.5, NAN),
            (-5e-324, NAN),
            (INF, NAN),
            (-INF, NAN),
        ]),
        Kernel::LogSigmoid => One(&[
            (0.0, -LN_2),
            (-0.0, -LN_2),
            (INF, -0.0),
            (-INF, -INF),
            (-800.0, -800.0),
            (745.0, -5e-324),
            (746.0, -0.0),
        ]),
        Kernel::Asinh => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, INF),
            (-INF, -INF),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Acosh => One(&[
            (1.0, 0.0),
            (0.0, NAN),
            (-0.0, NAN),
            (-1.0, NAN),
            (INF, INF),
            (-INF, NAN),
            (0.999_999_999_999, NAN),
        ]),
        Kernel::Atanh => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, INF),
            (-1.0, -INF),
            (1.5, NAN),
            (INF, NAN),
            (-INF, NAN),
            (5e-324, 5e-324),
            (-1e-300, -1e-300),
        ]),
        Kernel::Cbrt => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, INF),
            (-INF, -INF),
            (27.0, 3.0),
            (-8.0, -2.0),
            (1e-300, 1e-100),
            (0.125, 0.5),
            (LARGEST_CUBE, LARGEST_ROOT),
        ]),
        Kernel::Sinc => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, 0.0),
            (-INF, 0.0),
            (5e-324, 1.0),
            (-1e-300, 1.0),
        ]),
        Kernel::SincSlope => One(&[(0.0, -0.0), (-0.0, 0.0), (INF, 0.0), (-INF, 0.0)]),
        Kernel::Erf => One(&[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, 1.0),
            (-INF, -1.0),
            (6.0, 1.0),
            (1e300, 1.0),
            (-1e300, -1.0),
        ]),
        Kernel::Erfc => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, 0.0),
            (-INF, 2.0),
            (-6.0, 2.0),
            (28.0, 0.0),
            (1e300, 0.0),
            (-1e300, 2.0),
            (5e-324, 1.0),
        ]),
        Kernel::Gauss => One(&[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, 0.0),
            (-INF, 0.0),
            (1e300, 0.0),
            (1e-9, 1.0),
        ]),
        Kernel::LogNormalCdf => One(&[
            (0.0, -LN_2),
            (-0.0, -LN_2),
            (INF, -0.0),
            (-INF, -INF),
            (39.0, -0.0),
            (-1e200, -INF),
            (-1e100, -5e199),
        ]),
        Kernel::Mills => One(&[
            (0.0, ROOT_2_PER_PI),
            (-0.0, ROOT_2_PER_PI),
            (INF, 0.0),
            (-INF, INF),
            (40.0, 0.0),
            (-1e300, 1e300),
        ]),
        Kernel::MillsExcess => One(&[
            (0.0, ROOT_2_PER_PI),
            (-0.0, ROOT_2_PER_PI),
            (INF, INF),
            (-INF, 0.0),
            (40.0, 40.0),
            (-1e300, 1e-300),
            (1e300, 1e300),
        ]),
        Kernel::Lgamma => One(&[
            (0.0, INF),
            (-0.0, INF),
            (1.0, 0.0),
            (2.0, 0.0),
            (3.0, LN_2),
            (-1.0, INF),
            (-1e300, INF),
            (INF, INF),
            (-INF, INF),
            (f64::MAX, INF),
        ]),
        Kernel::Digamma => One(&[
            (0.0, -INF),
            (-0.0, INF),
            (1.0, -EULER_GAMMA),
            (-1.0, NAN),
            (-1e300, NAN),
            (INF, INF),
            (-INF, NAN),
        ]),
        Kernel::Trigamma => One(&[
            (0.0, INF),
            (-0.0, INF),
            (1.0, PI * PI / 6.0),
            (-2.0, INF),
            (-1e300, INF),
            (INF, 0.0),
            (-INF, NAN),
        ]),
        Kernel::Lbeta => Two(&[
            (0.0, 1.0, INF),
            (1.0, -0.0, INF),
            (-0.0, 2.0, INF),
            (3.0, 0.0, INF),
            (0.0, 0.0, INF),
            (INF, 1.0, -INF),
            (2.0, INF, -INF),
            (INF, INF, -INF),
            (0.0, INF, NAN),
            (INF, 0.0, NAN),
            (-1.0, 2.0, NAN),
            (2.0, -0.5, NAN),
            (-INF, 2.0, NAN),
            (2.0, -INF, NAN),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (2.0, 1.0, -LN_2),
        ]),
        Kernel::Polygamma => Two(&[
            (2.0, 0.0, NAN),
            (2.0, -0.0, NAN),
            (3.0, 0.0, INF),
            (3.0, -2.0, INF),
            (2.0, -2.0, NAN),
            (2.0, INF, -0.0),
            (3.0, INF, 0.0),
            (3.0, -INF, NAN),
            (3.0, NAN, NAN),
            (0.0, 1.0, NAN),
            (-0.0, 1.0, NAN),
            (INF, 1.0, NAN),
            (-INF, 1.0, NAN),
            (NAN, 1.0, NAN),
            (2.5, 1.0, NAN),
        ]),
        Kernel::Hypot => Two(&[
            (0.0, 0.0, 0.0),
            (-0.0, 0.0, 0.0),
            (0.0, -0.0, 0.0),
            (3.0, -4.0, 5.0),
            (-5.0, 12.0, 13.0),
            (INF, 1.0, INF),
            (1.0, -INF, INF),
            (-INF, NAN, INF),
            (NAN, INF, INF),
            (NAN, 0.0, NAN),
            (1.0, NAN, NAN),
            (f64::MAX, f64::MAX, INF),
            (f64::MAX, 1.0, f64::MAX),
            (5e-324, 0.0, 5e-324),
            (0.0, -1e-310, 1e-310),
        ]),
        Kernel::Atan2 => Two(&[
            (0.0, 0.0, 0.0),
            (-0.0, 0.0, -0.0),
            (0.0, -0.0, PI),
            (-0.0, -0.0, -PI),
            (0.0, 1.0, 0.0),
            (-0.0, 1.0, -0.0),
            (0.0, -1.0, PI),
            (-0.0, -1.0, -PI),
            (1.0, 0.0, FRAC_PI_2),
            (1.0, -0.0, FRAC_PI_2),
            (-1.0, 0.0, -FRAC_PI_2),
            (INF, INF, FRAC_PI_4),
            (-INF, INF, -FRAC_PI_4),
            (INF, -INF, THREE_FRAC_PI_4),
            (-INF, -INF, -THREE_FRAC_PI_4),
            (INF, 1.0, FRAC_PI_2),
            (-INF, -1.0, -FRAC_PI_2),
            (1.0, INF, 0.0),
            (-1.0, INF, -0.0),
            (1.0, -INF, PI),
            (-1.0, -INF, -PI),
            (0.0, INF, 0.0),
            (-0.0, -INF, -PI),
            (INF, 0.0, FRAC_PI_2),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (NAN, INF, NAN),
            (INF, NAN, NAN),
            (0.0, NAN, NAN),
            (1.0, 1.0, FRAC_PI_4),
            (1.0, -1.0, THREE_FRAC_PI_4),
            (f64::MAX, f64::MAX, FRAC_PI_4),
            (5e-324, 5e-324, FRAC_PI_4),
            (5e-324, 1.0, 5e-324),
            (5e-324, -1.0, PI),
            (5e-324, f64::MAX, 0.0),
            (f64::MAX, 5e-324, FRAC_PI_2),
            (-5e-324, 2.0, -0.0),
        ]),
        Kernel::LogBase => Two(&[
            (1.0, 2.0, 0.0),
            (0.0, 2.0, -INF),
            (0.0, 0.5, INF),
            (-0.0, 2.0, -INF),
            (8.0, 2.0, 3.0),
            (1000.0, 10.0, 3.0),
            (2.0, 1.0, INF),
            (1.0, 1.0, NAN),
            (-1.0, 2.0, NAN),
            (2.0, -1.0, NAN),
            (INF, 2.0, INF),
            (2.0, INF, 0.0),
            (2.0, 0.0, -0.0),
            (2.0, -0.0, -0.0),
            (-INF, 2.0, NAN),
            (2.0, -INF, NAN),
            (INF, INF, NAN),
            (NAN, 2.0, NAN),
            (2.0, NAN, NAN),
        ]),
        Kernel::Powf => Two(&[
            (0.0, 3.0, 0.0),
            (-0.0, 3.0, -0.0),
            (0.0, 2.5, 0.0),
            (-0.0, 2.5, 0.0),
            (-0.0, 2.0, 0.0),
            (0.0, -3.0, INF),
            (-0.0, -3.0, -INF),
            (-0.0, -2.5, INF),
            (-0.0, -2.0, INF),
            (0.0, -INF, INF),
            (-0.0, INF, 0.0),
            (-1.0, INF, 1.0),
            (-1.0, -INF, 1.0),
            (1.0, INF, 1.0),
            (1.0, NAN, 1.0),
            (1.0, -1e300, 1.0),
            (NAN, 0.0, 1.0),
            (NAN, -0.0, 1.0),
            (INF, 0.0, 1.0),
            (0.0, 0.0, 1.0),
            (-0.0, -0.0, 1.0),
            (-INF, 0.0, 1.0),
            (NAN, 1.0, NAN),
            (2.0, NAN, NAN),
            (-2.0, NAN, NAN),
            (-8.0, 0.5, NAN),
            (-8.0, 1.0 / 3.0, NAN),
            (-2.0, 3.0, -8.0),
            (-2.0, 2.0, 4.0),
            (-2.0, -1.0, -0.5),
            (0.5, INF, 0.0),
            (0.5, -INF, INF),
            (2.0, INF, INF),
            (2.0, -INF, 0.0),
            (-2.0, INF, INF),
            (-0.5, INF, 0.0),
            (-0.5, -INF, INF),
            (INF, 1.0, INF),
            (INF, 0.3, INF),
            (INF, -2.0, 0.0),
            (-INF, 3.0, -INF),
            (-INF, 2.0, INF),
            (-INF, 2.5, INF),
            (-INF, -3.0, -0.0),
            (-INF, -2.0, 0.0),
            (-INF, -2.5, 0.0),
            (-INF, INF, INF),
            (-INF, -INF, 0.0),
            (-1.0, ODD, -1.0),
            (-1.0, ODD + 1.0, 1.0),
            (-1.0, 1e300, 1.0),
            (-1.0, 0.5, NAN),
            (-2.0, 1e300, INF),
            (-2.0, ODD, -INF),
            (-2.0, -ODD, -0.0),
            (2.0, -1074.0, 5e-324),
            (2.0, -1075.0, 0.0),
            (2.0, 1023.0, LARGEST_POWER),
            (2.0, 1024.0, INF),
            (2.0, 5e-324, 1.0),
            (10.0, 2.0, 100.0),
            (10.0, 22.0, 1e22),
            (3.0, 2.0, 9.0),
            (9.0, 0.5, 3.0),
            (5.0, -1.0, 0.2),
            (7.25, 1.0, 7.25),
        ]),
    }
}

const THREE_FRAC_PI_4: f64 = 3.0 * FRAC_PI_4;

/// Euler's constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// √(2/π).
const ROOT_2_PER_PI: f64 = 0.797_884_560_802_865_4;

/// 2^1023, the largest power of two.
const LARGEST_POWER: f64 = f64::from_bits(0x7fe0_0000_0000_0000);

/// 2^1023 and its cube root, 2^341.
const LARGEST_CUBE: f64 = LARGEST_POWER;
const LARGEST_ROOT: f64 = f64::from_bits(0x5540_0000_0000_0000);

/// The largest odd number.
const ODD: f64 = 9_007_199_254_740_991.0;

/// What every kernel has to say something about, as each argument.
const WANTED: [f64; 5] = [0.0, -0.0, INF, -INF, NAN];

#[test]
fn special_values_are_those_of_ieee_754_and_c() {
    let mut exact = Exact::default();
    let mut complaints = Vec::new();
    for &kernel in Kernel::ALL {
        let name = kernel.name();
        let (values, wanted): (Vec<_>, &[f64]) = match special(kernel) {
            One(values) => {
                let values = values.iter().map(|&(x, y)| (x, 0.0, y));
                (
                    values.chain([(NAN, 0.0, NAN), (-NAN, 0.0, NAN)]).collect(),
                    &[],
                )
            }
            Two(values) => (values.to_vec(), &WANTED),
        };
        for &(a, b, value) in &values {
            let ours = kernel.number(a, b);
            if !same(ours, value) {
                complaints.push(format!(
                    "`{name}` of {a:e}, {b:e} is {ours:e}, not {value:e}: mend the kernel, or its values in \
                     src/prim/math/tests/special.rs"
                ));
            }
            let opinion = (judge(kernel).opinion)(&mut exact, a, b);
            let agrees = match opinion {
                Opinion::Is(double) => same(double, value),
                Opinion::Near(_) | Opinion::Beside(..) => error(value, &opinion) < 1.0,
            };
            if !agrees {
                complaints.push(format!(
                    "the judge of `{name}` does not take {value:e} for its value of {a:e}, {b:e}: mend \
                     src/prim/math/tests/exact.rs or special.rs beside it"
                ));
            }
        }
        for &special in &WANTED {
            let first = values.iter().any(|&(a, _, _)| same(a, special));
            let second = wanted.is_empty() || values.iter().any(|&(_, b, _)| same(b, special));
            if !first || !second {
                complaints.push(format!(
                    "nothing is said of `{name}` at {special:e}: add its value in \
                     src/prim/math/tests/special.rs, with {special:e} as each argument"
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
