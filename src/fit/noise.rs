//! How far one number of the data is from its prediction, and which way leads nearer.
//!
//! A prediction, what was observed and the spread of the noise go in; a part of minus twice the
//! log-likelihood comes out, with rows of scores.
//!
//! **Invariants**
//! - A row's score times its slope is half the derivative of the part, and the product of its slopes is
//!   half the expected second derivative (Fisher's information, as the method of scoring takes it): so
//!   what minimizes sums of squares minimizes these too.
//! - Nothing here panics on numbers; what has no likelihood is NaN or infinite, and so no point to go to.
//!
//! ```text
//! normal, sd known       z^2              z = (f - y) / s
//! normal, sd predicted   z^2 + 2 ln s     two rows: one of f and one of s
//! poisson                2 (f - y + y ln(y / f))
//! censored at L          -2 ln Phi(u)     u = (L - f) / s below L, (f - L) / s above it
//! ```
//!
//! Lognormal noise is normal noise of logarithms. For scoring and the deviance see `McCullagh` and Nelder,
//! "Generalized linear models", chapter 2; for robust losses Huber and Ronchetti, "Robust statistics",
//! chapters 4 and 7; for censored numbers Tobin, "Estimation of relationships for limited dependent
//! variables", 1958.

use crate::prim::math;
use crate::sorted;
use crate::syntax::Side;
use serde::Serialize;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// One row of scores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) score: f64,
    /// Its slope by the prediction.
    pub(super) by_prediction: f64,
    /// Its slope by the standard deviation, where that is predicted.
    pub(super) by_sd: f64,
}

impl Row {
    fn of_prediction(score: f64, by_prediction: f64) -> Self {
        Self {
            score,
            by_prediction,
            by_sd: 0.0,
        }
    }
}

/// A normal number whose standard deviation is known.
pub(super) fn normal(prediction: f64, observed: f64, sd: f64) -> (f64, Row) {
    let z = (prediction - observed) / sd;
    (z * z, Row::of_prediction(z, sd.recip()))
}

/// A normal number whose standard deviation is predicted too.
pub(super) fn normal_with_sd(prediction: f64, observed: f64, sd: f64) -> (f64, [Row; 2]) {
    if sd.is_nan() || sd <= 0.0 {
        return (f64::NAN, [Row::default(); 2]);
    }
    let z = (prediction - observed) / sd;
    let of_sd = Row {
        score: (1.0 - z * z) * FRAC_1_SQRT_2,
        by_prediction: 0.0,
        by_sd: SQRT_2 / sd,
    };
    let value = z * z + 2.0 * math::ln(sd);
    (value, [Row::of_prediction(z, sd.recip()), of_sd])
}

/// A count whose mean is the prediction.
pub(super) fn poisson(prediction: f64, count: f64) -> (f64, Row) {
    if prediction.is_nan() || prediction <= 0.0 {
        return (f64::NAN, Row::default());
    }
    let excess = prediction - count;
    let log = if count > 0.0 {
        // The logarithm of y / f, which is near 1 where the fit is good.
        count * math::ln_1p(-excess / prediction)
    } else {
        0.0
    };
    let root = prediction.sqrt();
    let value = 2.0 * (excess + log);
    (
        value.max(0.0),
        Row::of_prediction(excess / root, root.recip()),
    )
}

/// A normal number of which no more is known than that it is at `limit` or beyond, on one side.
pub(super) fn censored(prediction: f64, limit: f64, sd: f64, side: Side) -> (f64, Row) {
    if sd.is_nan() || sd <= 0.0 {
        return (f64::NAN, Row::default());
    }
    let sign = sign(side);
    let u = sign * (limit - prediction) / sd;
    let (slope, excess) = (math::mills(u), math::mills_excess(u));
    let root = (slope * excess).sqrt();
    // Far inside, where the number is as good as certain to be beyond, all this is zero.
    let score = if slope > 0.0 {
        (slope / excess).sqrt()
    } else {
        0.0
    };
    let row = Row {
        score,
        by_prediction: sign * root / sd,
        by_sd: root * u / sd,
    };
    (-2.0 * math::log_normal_cdf(u), row)
}

/// 1 where what lies below is censored, -1 above.
fn sign(side: Side) -> f64 {
    match side {
        Side::Below => 1.0,
        Side::Above => -1.0,
    }
}

/// The reciprocal standard deviation that makes numbers most likely, of which some are censored: the sum
/// of the others' squared residuals and their count, and the signed distance of each censored one's limit
/// from its prediction, positive where the prediction is beyond it.
///
/// The likelihood is log-concave in the reciprocal (Olsen, "Note on the uniqueness of the maximum
/// likelihood estimator for the Tobit model", 1978), so Newton's steps, kept positive, end at its maximum.
pub(super) fn precision(sum_of_squares: f64, count: usize, distances: &[f64]) -> f64 {
    let count = count as f64;
    let mut precision = (count / sum_of_squares).sqrt();
    if !precision.is_finite() || precision == 0.0 {
        return f64::NAN;
    }
    for _ in 0..200 {
        let mut slope = precision * sum_of_squares - count / precision;
        let mut curvature = sum_of_squares + count / precision / precision;
        for &distance in distances {
            let u = precision * distance;
            slope -= math::mills(u) * distance;
            curvature += math::mills(u) * math::mills_excess(u) * distance * distance;
        }
        let next = precision - slope / curvature;
        let next = next.clamp(0.2 * precision, 5.0 * precision);
        if next.is_nan() {
            return f64::NAN;
        }
        let moved = (next - precision).abs();
        precision = next;
        if moved <= 4.0 * f64::EPSILON * precision {
            break;
        }
    }
    precision
}

/// The distance that [`precision`] takes of a censored number.
pub(super) fn distance(prediction: f64, limit: f64, side: Side) -> f64 {
    sign(side) * (limit - prediction)
}

/// What large residuals count for. Squares make one that is ten times another count a hundred times as
/// much; the others bound what one number may do to the fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Loss {
    /// The square: least squares.
    #[default]
    Squares,
    /// The square up to the scale, from there on a straight line.
    Huber,
    /// A smooth curve between the two: 2 (√(1 + z²) - 1).
    SoftL1,
    /// ln(1 + z²): what is far off counts next to nothing.
    Cauchy,
    /// That of Student's t with four degrees of freedom: 5 ln(1 + z² / 4).
    StudentT,
}

/// The degrees of freedom of Student's t, of the loss of that name.
const T_FREEDOM: f64 = 4.0;

impl Loss {
    /// All that there are.
    pub const ALL: [Self; 5] = [
        Self::Squares,
        Self::Huber,
        Self::SoftL1,
        Self::Cauchy,
        Self::StudentT,
    ];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Squares => "squares",
            Self::Huber => "huber",
            Self::SoftL1 => "soft-l1",
            Self::Cauchy => "cauchy",
            Self::StudentT => "student-t",
        }
    }

    /// The loss of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|loss| loss.name() == name)
    }

    /// The loss of a squared residual in units of the scale, and its first two derivatives by that square.
    pub(super) fn at(self, square: f64) -> [f64; 3] {
        match self {
            Self::Squares => [square, 1.0, 0.0],
            Self::Huber if square <= 1.0 => [square, 1.0, 0.0],
            Self::Huber => {
                let z = square.sqrt();
                [2.0 * z - 1.0, z.recip(), -0.5 / (square * z)]
            }
            Self::SoftL1 => {
                let root = (1.0 + square).sqrt();
                let value = 2.0 * square / (1.0 + root);
                [value, root.recip(), -0.5 / ((1.0 + square) * root)]
            }
            Self::Cauchy => {
                let slope = (1.0 + square).recip();
                [math::ln_1p(square), slope, -slope * slope]
            }
            Self::StudentT => {
                let slope = (T_FREEDOM + 1.0) / (T_FREEDOM + square);
                let value = (T_FREEDOM + 1.0) * math::ln_1p(square / T_FREEDOM);
                [value, slope, -slope / (T_FREEDOM + square)]
            }
        }
    }
}

/// A residual under a robust loss; its scale is in the residual's unit.
pub(super) fn robust(loss: Loss, prediction: f64, observed: f64, scale: f64) -> (f64, Row) {
    let z = (prediction - observed) / scale;
    let [value, slope, _] = loss.at(z * z);
    let root = slope.sqrt();
    (value, Row::of_prediction(root * z, root / scale))
}

/// What a robust loss makes of residuals of a scale: the standard deviation by which the covariance of
/// what is fitted is that of least squares with it, for m residuals of which h are spent on params
/// (Huber and Ronchetti, section 7.6).
pub(super) fn robust_sd(
    loss: Loss,
    residuals: impl Iterator<Item = f64>,
    scale: f64,
    spent: f64,
) -> f64 {
    let (mut count, mut squares, mut slopes) = (0.0, 0.0, 0.0);
    for residual in residuals {
        let square = (residual / scale) * (residual / scale);
        let [_, first, second] = loss.at(square);
        count += 1.0;
        squares += first * first * square;
        slopes += first + 2.0 * second * square;
    }
    let slope = slopes / count;
    if count > spent && slope > 0.0 {
        scale * (squares / (count - spent)).sqrt() / slope
    } else {
        f64::NAN
    }
}

/// What of normal numbers is their standard deviation, of the median of their sizes.
const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// The standard deviation of residuals by the median of their sizes, which few of them cannot move.
pub(super) fn median_sd(residuals: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = residuals.map(f64::abs).collect();
    if sizes.is_empty() {
        return f64::NAN;
    }
    sorted::by(&mut sizes, f64::total_cmp);
    let middle = sizes.len() / 2;
    let median = if sizes.len() % 2 == 1 {
        sizes[middle]
    } else {
        0.5 * (sizes[middle - 1] + sizes[middle])
    };
    MAD_TO_SD * median
}

/// The logarithm of the probability of a count.
pub(super) fn poisson_log_probability(mean: f64, count: f64) -> f64 {
    let log = if count > 0.0 {
        count * math::ln(mean)
    } else {
        0.0
    };
    log - mean - math::lgamma(count + 1.0)
}

/// The logarithm of the density of a normal number, from its part of the value.
pub(super) fn normal_log_density(z: f64, sd: f64) -> f64 {
    -0.5 * z * z - math::ln(sd) - 0.918_938_533_204_672_8
}

/// The logarithm of the probability to be beyond a limit.
pub(super) fn censored_log_probability(prediction: f64, limit: f64, sd: f64, side: Side) -> f64 {
    math::log_normal_cdf(distance(prediction, limit, side) / sd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(number: f64, expected: f64) {
        let scale = expected.abs().max(1e-12);
        assert!(
            (number - expected).abs() <= 1e-12 * scale,
            "{number:e} {expected:e}"
        );
    }

    /// Value, and half its derivatives by prediction and sd, of rows.
    fn half_gradient(rows: &[Row]) -> [f64; 2] {
        rows.iter().fold([0.0; 2], |[f, s], row| {
            [f + row.score * row.by_prediction, s + row.score * row.by_sd]
        })
    }

    #[test]
    fn censored_numbers_have_the_slopes_of_their_probability() {
        // Prediction; value, half its slopes by prediction and sd, half its curvature, by mpmath with 40
        // digits. The limit is 0.5.
        let table = [
            (
                1.3,
                0.7,
                [
                    4.134_252_107_581_55,
                    2.343_864_915_235_34,
                    -2.678_702_760_268_96,
                    1.666_984_511_915_51,
                ],
            ),
            (
                0.2,
                0.7,
                [
                    0.813_284_313_809_654,
                    0.780_782_882_575_143,
                    0.334_621_235_389_347,
                    1.087_652_245_992_85,
                ],
            ),
            (
                9.0,
                0.2,
                [
                    1_815.587_990_956_33,
                    212.617_517_151_314,
                    -9_036.244_478_930_85,
                    24.986_204_935_102_1,
                ],
            ),
            (
                40.0,
                0.2,
                [
                    39_018.659_405_505_6,
                    987.525_315_157_791,
                    -195_036.249_743_664,
                    24.999_359_175_637_7,
                ],
            ),
            (-30.0, 0.2, [0.0; 4]),
        ];
        for (prediction, sd, [value, by_prediction, by_sd, curvature]) in table {
            let (found, row) = censored(prediction, 0.5, sd, Side::Below);
            let [f, s] = half_gradient(&[row]);
            near(found, value);
            near(f, by_prediction);
            near(s, by_sd);
            near(row.by_prediction * row.by_prediction, curvature);
            // The other side is the mirror image.
            let (other, mirrored) = censored(-prediction, -0.5, sd, Side::Above);
            let [g, t] = half_gradient(&[mirrored]);
            assert_eq!((other, g, t), (found, -f, s));
        }
    }

    #[test]
    fn counts_have_their_deviance() {
        // Prediction and count; deviance, half its slope, logarithm of the probability, by mpmath.
        let table = [
            (
                3.2,
                5.0,
                [0.862_871_026_284_195, -0.5625, -2.171_737_693_753_64],
            ),
            (0.7, 0.0, [1.4, 1.0, -0.7]),
            (
                250.5,
                250.0,
                [
                    9.986_686_634_718_71e-4,
                    1.996_007_984_031_936e-3,
                    -3.680_501_659_623_09,
                ],
            ),
            (
                1e-3,
                2.0,
                [26.405_609_838_168_3, -1999.0, -14.509_657_738_524_2],
            ),
        ];
        for (prediction, count, [value, slope, log]) in table {
            let (found, row) = poisson(prediction, count);
            assert!((found - value).abs() <= 1e-13 * value.max(1.0), "{found}");
            near(half_gradient(&[row])[0], slope);
            near(row.by_prediction * row.by_prediction, 1.0 / prediction);
            near(poisson_log_probability(prediction, count), log);
        }
        assert!(poisson(0.0, 0.0).0.is_nan() && poisson(-1.0, 2.0).0.is_nan());
    }

    #[test]
    fn a_predicted_sd_has_a_row_of_its_own() {
        let (f, y, s) = (1.3, 0.9, 0.25);
        let (value, rows) = normal_with_sd(f, y, s);
        let z = (f - y) / s;
        near(value, z * z + 2.0 * s.ln());
        let [by_f, by_s] = half_gradient(&rows);
        near(by_f, z / s);
        near(by_s, (1.0 - z * z) / s);
        near(normal(f, y, s).0, z * z);
        near(half_gradient(&[normal(f, y, s).1])[0], z / s);
        assert!(normal_with_sd(f, y, 0.0).0.is_nan());
    }

    #[test]
    fn the_precision_is_the_likeliest() {
        // Residuals 0.1, -0.2, 0.3; by mpmath's root of the derivative.
        let distances = [0.5, -0.1, 0.02];
        near(precision(0.14, 3, &distances), 4.365_782_889_033_22);
        near(precision(0.14, 3, &[]), (3.0_f64 / 0.14).sqrt());
        assert!(precision(0.0, 0, &distances).is_nan());
        // A limit far from all predictions, on either side.
        for far in [1e3, -1e3] {
            let found = precision(0.14, 3, &[far]);
            assert!(found.is_finite() && found > 0.0, "{found}");
        }
    }

    #[test]
    fn losses_have_their_slopes() {
        for loss in Loss::ALL {
            assert_eq!(Loss::from_name(loss.name()), Some(loss));
            for square in [1e-6, 0.3, 0.999, 1.5, 40.0, 1e6] {
                let h = 1e-5 * square;
                let [
                    [below, slope_below, _],
                    [_, slope, second],
                    [above, slope_above, _],
                ] = [square - h, square, square + h].map(|q| loss.at(q));
                let difference = (above - below) / (2.0 * h);
                assert!(
                    (difference - slope).abs() <= 1e-5 * slope,
                    "{loss:?} {square}"
                );
                let difference = (slope_above - slope_below) / (2.0 * h);
                assert!(
                    (difference - second).abs() <= 1e-4 * second.abs() + 1e-6,
                    "{loss:?} {square}"
                );
            }
            // Small residuals are squared, large ones count for less than their square.
            let [small, ..] = loss.at(1e-8);
            assert!((0.9e-8..1.3e-8).contains(&small));
            assert!(loss == Loss::Squares || loss.at(1e4)[0] < 250.0);
        }
    }

    #[test]
    fn few_outliers_do_not_move_a_median() {
        let residuals = [-0.5, 0.3, 1e9, -0.1, 0.4];
        near(
            median_sd(residuals.into_iter()),
            0.5 * MAD_TO_SD * 0.8 + 0.0,
        );
        assert!(median_sd([].into_iter()).is_nan());
        let squares = robust_sd(Loss::Squares, [1.0, -1.0, 1.0, -1.0].into_iter(), 3.0, 1.0);
        near(squares, (4.0_f64 / 3.0).sqrt());
    }
}
