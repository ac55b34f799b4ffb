//! Zeros, poles, infinities, NaN and what C says of them.

use super::super as math;
use super::same;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, PI};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[test]
fn special_values_are_those_of_ieee_754() {
    type Special<'a> = (&'a str, fn(f64) -> f64, &'a [(f64, f64)]);
    let exact: [Special; 16] = [
        (
            "exp",
            math::exp,
            &[
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
            ],
        ),
        (
            "ln",
            math::ln,
            &[
                (0.0, -INF),
                (-0.0, -INF),
                (1.0, 0.0),
                (INF, INF),
                (-1.0, NAN),
                (-INF, NAN),
                (-5e-324, NAN),
            ],
        ),
        (
            "ln_1p",
            math::ln_1p,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (-1.0, -INF),
                (INF, INF),
                (-1.5, NAN),
                (-INF, NAN),
                (5e-324, 5e-324),
                (-1e-300, -1e-300),
            ],
        ),
        (
            "sin",
            math::sin,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, NAN),
                (-INF, NAN),
                (5e-324, 5e-324),
                (-1e-300, -1e-300),
                (1e-9, 1e-9),
            ],
        ),
        (
            "cos",
            math::cos,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (INF, NAN),
                (-INF, NAN),
                (5e-324, 1.0),
            ],
        ),
        (
            "tan",
            math::tan,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, NAN),
                (-INF, NAN),
                (5e-324, 5e-324),
                (-1e-300, -1e-300),
            ],
        ),
        (
            "asin",
            math::asin,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (1.0, FRAC_PI_2),
                (-1.0, -FRAC_PI_2),
                (1.5, NAN),
                (-INF, NAN),
                (5e-324, 5e-324),
            ],
        ),
        (
            "acos",
            math::acos,
            &[
                (1.0, 0.0),
                (-1.0, PI),
                (0.0, FRAC_PI_2),
                (-0.0, FRAC_PI_2),
                (1.0 + f64::EPSILON, NAN),
                (INF, NAN),
                (-INF, NAN),
            ],
        ),
        (
            "atan",
            math::atan,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, FRAC_PI_2),
                (-INF, -FRAC_PI_2),
                (1.0, FRAC_PI_4),
                (-1.0, -FRAC_PI_4),
                (f64::MAX, FRAC_PI_2),
                (5e-324, 5e-324),
                (-1e-300, -1e-300),
            ],
        ),
        (
            "sinh",
            math::sinh,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, INF),
                (-INF, -INF),
                (711.0, INF),
                (-1e300, -INF),
                (5e-324, 5e-324),
            ],
        ),
        (
            "cosh",
            math::cosh,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (INF, INF),
                (-INF, INF),
                (711.0, INF),
                (-1e300, INF),
                (5e-324, 1.0),
            ],
        ),
        (
            "tanh",
            math::tanh,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, 1.0),
                (-INF, -1.0),
                (20.0, 1.0),
                (-1e300, -1.0),
                (5e-324, 5e-324),
                (-1e-300, -1e-300),
            ],
        ),
        (
            "sigmoid",
            math::sigmoid,
            &[
                (0.0, 0.5),
                (-0.0, 0.5),
                (INF, 1.0),
                (-INF, 0.0),
                (40.0, 1.0),
                (-746.0, 0.0),
                (-745.0, 5e-324),
            ],
        ),
        (
            "softplus",
            math::softplus,
            &[
                (INF, INF),
                (-INF, 0.0),
                (800.0, 800.0),
                (f64::MAX, f64::MAX),
                (-746.0, 0.0),
                (-745.0, 5e-324),
                (0.0, LN_2),
            ],
        ),
        (
            "sine of both",
            |x| math::sin_cos(x).0,
            &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN)],
        ),
        (
            "cosine of both",
            |x| math::sin_cos(x).1,
            &[(0.0, 1.0), (INF, NAN)],
        ),
    ];
    for (name, f, values) in exact {
        for &(x, y) in values {
            assert!(same(f(x), y), "{name} of {x:e} is {:e}, not {y:e}", f(x));
        }
        assert!(f(NAN).is_nan() && f(-NAN).is_nan(), "{name} of NaN");
    }
}

#[test]
fn powers_have_the_special_cases_of_c() {
    let half = 0.5;
    let odd = 9_007_199_254_740_991.0;
    let values = [
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
        (-8.0, half, NAN),
        (-8.0, 1.0 / 3.0, NAN),
        (-2.0, 3.0, -8.0),
        (-2.0, 2.0, 4.0),
        (-2.0, -1.0, -half),
        (half, INF, 0.0),
        (half, -INF, INF),
        (2.0, INF, INF),
        (2.0, -INF, 0.0),
        (-2.0, INF, INF),
        (-half, INF, 0.0),
        (-half, -INF, INF),
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
        (-1.0, odd, -1.0),
        (-1.0, odd + 1.0, 1.0),
        (-1.0, 1e300, 1.0),
        (-1.0, half, NAN),
        (-2.0, 1e300, INF),
        (-2.0, odd, -INF),
        (-2.0, -odd, -0.0),
        (2.0, -1074.0, 5e-324),
        (2.0, -1075.0, 0.0),
        (2.0, 1023.0, 2.0_f64.powi(1023)),
        (2.0, 1024.0, INF),
        (2.0, 5e-324, 1.0),
        (10.0, 2.0, 100.0),
        (10.0, 22.0, 1e22),
        (3.0, 2.0, 9.0),
        (9.0, half, 3.0),
        (5.0, -1.0, 0.2),
        (7.25, 1.0, 7.25),
    ];
    for (x, y, power) in values {
        let ours = math::powf(x, y);
        assert!(
            same(ours, power),
            "{x:e} ^ {y:e} is {ours:e}, not {power:e}"
        );
    }
}

#[test]
fn angles_have_the_special_cases_of_c() {
    let three = 3.0 * FRAC_PI_4;
    let values = [
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
        (INF, -INF, three),
        (-INF, -INF, -three),
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
        (1.0, -1.0, three),
        (f64::MAX, f64::MAX, FRAC_PI_4),
        (5e-324, 5e-324, FRAC_PI_4),
        (5e-324, 1.0, 5e-324),
        (5e-324, -1.0, PI),
        (5e-324, f64::MAX, 0.0),
        (f64::MAX, 5e-324, FRAC_PI_2),
        (-5e-324, 2.0, -0.0),
    ];
    for (y, x, angle) in values {
        let ours = math::atan2(y, x);
        assert!(
            same(ours, angle),
            "the angle of ({x:e}, {y:e}) is {ours:e}, not {angle:e}"
        );
    }
    for (a, b, log) in [
        (1.0, 2.0, 0.0),
        (0.0, 2.0, -INF),
        (0.0, 0.5, INF),
        (8.0, 2.0, 3.0),
        (1000.0, 10.0, 3.0),
        (2.0, 1.0, INF),
        (1.0, 1.0, NAN),
        (-1.0, 2.0, NAN),
        (2.0, -1.0, NAN),
        (INF, 2.0, INF),
        (2.0, INF, 0.0),
        (2.0, 0.0, -0.0),
        (INF, INF, NAN),
        (NAN, 2.0, NAN),
        (2.0, NAN, NAN),
    ] {
        let ours = math::log_base(a, b);
        assert!(
            same(ours, log),
            "log of {a:e} to {b:e} is {ours:e}, not {log:e}"
        );
    }
}
