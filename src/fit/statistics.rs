//! What a least-squares fit says about its parameters: standard errors, intervals, correlations.
//!
//! The parameters at the minimum go in with the residuals and their Jacobian there, in the
//! parameters themselves; [`Statistics`] come out.
//!
//! **Invariants**
//! - Nothing here panics on numbers: what the data do not determine is infinite or NaN, and
//!   [`Statistics::undetermined`] lists it.
//! - Covariances come from the triangle of a QR factorization; `J^T J`, whose condition is the
//!   square of the Jacobian's, is never formed.
//!
//! ```text
//! s^2 = |r|^2 / (m - n)                     residual variance
//! C   = s^2 (J^T J)^-1 = s^2 R^-1 R^-T      covariance, with J = Q R
//! p_j -+ t(0.975, m - n) sqrt(C_jj)         95 % interval
//! ```
//!
//! These hold for the model linearized at the minimum and independent errors of one variance; see
//! Seber and Wild, "Nonlinear regression", section 2.1. An interval knows nothing of bounds and may
//! cross them; a parameter that is held at one has none, and the others' are those with it there. n is the
//! rank of the Jacobian: a parameter that the data do not determine takes no degree of freedom.

use super::factored;
use super::objective::sum_of_squares;
use super::triangle::Triangle;
use crate::prim::math;
use std::sync::OnceLock;

/// The precision of a fit's n parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    /// Residuals less the Jacobian's rank; zero when there are no more residuals than that.
    pub(crate) degrees_of_freedom: usize,
    /// The square root of the residual variance, in the unit of the residuals. NaN without degrees
    /// of freedom, and with it everything that is a multiple of it.
    pub(crate) residual_sd: f64,
    /// Half the width of a 95 % interval, in standard errors.
    pub(crate) half_width: f64,
    /// The standard error of each parameter, in its unit. Infinite where the data do not determine
    /// the parameter, NaN where it is held.
    pub(crate) std_err: Vec<f64>,
    /// The lower end of each parameter's 95 % interval.
    pub(crate) low: Vec<f64>,
    /// The upper end of each parameter's 95 % interval.
    pub(crate) high: Vec<f64>,
    /// The covariances, row-major n x n. In the rows and columns of undetermined parameters
    /// infinite on the diagonal and NaN beside it.
    pub(crate) covariance: Vec<f64>,
    /// The correlations, row-major n x n; they need no degrees of freedom. NaN in the rows and
    /// columns of undetermined parameters.
    pub(crate) correlation: Vec<f64>,
    /// The numerical rank of the Jacobian with its columns scaled to one length.
    pub(crate) rank: usize,
    /// The parameters that can change, alone or together with others, without changing any residual
    /// to first order; in ascending order.
    pub(crate) undetermined: Vec<usize>,
    /// Directions in which no residual changes, n numbers each, to first order.
    pub(crate) directions: Vec<Vec<f64>>,
}

/// A diagonal entry of `R` counts as zero below this part of the largest. Exact Jacobians of long
/// computations are good to about 1e-14; a fit worse conditioned than this determines nothing.
const RANK_TOLERANCE: f64 = 1e-12;

/// A parameter belongs to an undetermined direction if its share is above this part of the largest.
const SHARE_TOLERANCE: f64 = 1e-6;

/// The part of the probability inside an interval and below it.
const UPPER_END: f64 = 0.975;

/// The quantile of the normal distribution there.
const NORMAL_UPPER_END: f64 = 1.959_963_984_540_054;

impl Statistics {
    /// The statistics of a fit at its n `params`, with m `residuals` and the column-major m x n
    /// `jacobian` of these by the parameters, of which some are `held` at their bounds.
    ///
    /// # Panics
    /// When the Jacobian does not have m x n entries.
    pub(crate) fn new(params: &[f64], residuals: &[f64], jacobian: &[f64], held: &[usize]) -> Self {
        let m = residuals.len();
        let unscaled = Unscaled::of(jacobian, m, params.len(), held);
        let degrees_of_freedom = m.saturating_sub(unscaled.rank);
        let residual_sd = if degrees_of_freedom == 0 {
            f64::NAN
        } else {
            (sum_of_squares(residuals) / degrees_of_freedom as f64).sqrt()
        };
        let half_width = student_t_end(degrees_of_freedom);
        Self::of(
            params,
            held,
            unscaled,
            residual_sd,
            degrees_of_freedom,
            half_width,
        )
    }

    /// The statistics of a fit whose m scores have the standard deviation 1, with the column-major m x n
    /// `jacobian` of these: the covariance is the inverse of `J^T J`. They are of so many `numbers`. Where
    /// the deviations are estimates, intervals are those of Student's t; otherwise of the normal
    /// distribution.
    ///
    /// # Panics
    /// When the Jacobian does not have m x n entries.
    pub(crate) fn of_scores(
        params: &[f64],
        (m, jacobian): (usize, &[f64]),
        held: &[usize],
        numbers: usize,
        are_estimated: bool,
    ) -> Self {
        let unscaled = Unscaled::of(jacobian, m, params.len(), held);
        let degrees_of_freedom = numbers.saturating_sub(unscaled.rank);
        let half_width = if are_estimated {
            student_t_end(degrees_of_freedom)
        } else {
            NORMAL_UPPER_END
        };
        Self::of(params, held, unscaled, 1.0, degrees_of_freedom, half_width)
    }

    fn of(
        params: &[f64],
        held: &[usize],
        unscaled: Unscaled,
        residual_sd: f64,
        degrees_of_freedom: usize,
        half_width: f64,
    ) -> Self {
        let n = params.len();
        let Unscaled {
            inverse,
            rank,
            undetermined,
            directions,
        } = unscaled;
        let is_free = |j: usize| undetermined.contains(&j);
        let is_held = |j: usize| held.contains(&j);
        let entry = |k: usize| (k / n, k % n, inverse[k]);
        let covariance = (0..n * n).map(entry).map(|(i, j, unscaled)| {
            if is_held(i) || is_held(j) {
                f64::NAN
            } else if is_free(i) || is_free(j) {
                if i == j { f64::INFINITY } else { f64::NAN }
            } else {
                residual_sd * residual_sd * unscaled
            }
        });
        let correlation = (0..n * n).map(entry).map(|(i, j, unscaled)| {
            if [i, j].into_iter().any(|j| is_held(j) || is_free(j)) {
                f64::NAN
            } else if i == j {
                1.0
            } else {
                unscaled / inverse[i * n + i].sqrt() / inverse[j * n + j].sqrt()
            }
        });
        let covariance: Vec<f64> = covariance.collect();
        let correlation: Vec<f64> = correlation.collect();
        let std_err: Vec<f64> = (0..n)
            .map(|j| match (is_held(j), is_free(j)) {
                (true, _) => f64::NAN,
                (false, true) => f64::INFINITY,
                (false, false) => residual_sd * inverse[j * n + j].sqrt(),
            })
            .collect();
        let ends = |sign: f64| -> Vec<f64> {
            let ends = params.iter().zip(&std_err);
            ends.map(|(p, error)| p + sign * half_width * error)
                .collect()
        };
        Self {
            degrees_of_freedom,
            residual_sd,
            half_width,
            low: ends(-1.0),
            high: ends(1.0),
            std_err,
            covariance,
            correlation,
            rank,
            undetermined,
            directions,
        }
    }
}

impl Statistics {
    /// Keeps what is said of the first parameters alone.
    pub(crate) fn keep(&mut self, count: usize) {
        let n = self.std_err.len();
        let kept = |matrix: &[f64]| -> Vec<f64> {
            let rows = matrix.chunks_exact(n.max(1)).take(count);
            rows.flat_map(|row| row[..count].iter().copied()).collect()
        };
        self.covariance = kept(&self.covariance);
        self.correlation = kept(&self.correlation);
        self.std_err.truncate(count);
        self.low.truncate(count);
        self.high.truncate(count);
        self.undetermined.retain(|&index| index < count);
        for direction in &mut self.directions {
            direction.truncate(count);
        }
    }
}

/// `(J^T J)^-1`, as far as it exists.
struct Unscaled {
    /// Row-major n x n; of no meaning in the rows and columns of undetermined and held parameters.
    inverse: Vec<f64>,
    rank: usize,
    undetermined: Vec<usize>,
    directions: Vec<Vec<f64>>,
}

impl Unscaled {
    fn of(jacobian: &[f64], m: usize, n: usize, held: &[usize]) -> Self {
        assert_eq!(jacobian.len(), m * n, "the Jacobian has m x n entries");
        let moving: Vec<usize> = (0..n).filter(|j| !held.contains(j)).collect();
        // Columns of one length make the rank independent of the parameters' units.
        let norms: Vec<f64> = (0..n)
            .map(|j| sum_of_squares(&jacobian[j * m..(j + 1) * m]).sqrt())
            .map(|norm| {
                if norm > 0.0 && norm.is_finite() {
                    norm
                } else {
                    1.0
                }
            })
            .collect();
        // The triangle has all that is asked for, and is small.
        let mut columns: Vec<f64> = Vec::with_capacity(m * (moving.len() + 1));
        for &j in &moving {
            columns.extend(jacobian[j * m..(j + 1) * m].iter().map(|x| x / norms[j]));
        }
        columns.extend(std::iter::repeat_n(0.0, m));
        let order: Vec<usize> = (0..moving.len()).collect();
        let triangle = Triangle::of(&columns, m, &order);
        drop(columns);
        let count = moving.len();
        let (entries, places) =
            factored::triangle(
                count,
                |i, j| {
                    if i <= j { triangle.entry(i, j) } else { 0.0 }
                },
            );
        // Column k of R belongs to parameter order[k].
        let order: Vec<usize> = places.into_iter().map(|k| moving[k]).collect();
        let r = |i: usize, k: usize| entries[i * count + k];
        let largest = if m > 0 && count > 0 {
            r(0, 0).abs()
        } else {
            0.0
        };
        let rank = (0..m.min(count))
            .take_while(|&k| r(k, k).abs() > RANK_TOLERANCE * largest)
            .count();

        // R11^-1, and the directions that change no residual: (-R11^-1 R12; I), column by column.
        let inverse: Vec<Vec<f64>> = (0..rank)
            .map(|j| solve_upper(r, rank, |i| if i == j { 1.0 } else { 0.0 }))
            .collect();
        let mut share = vec![0.0_f64; n];
        let mut directions = Vec::new();
        for j in rank..count {
            share[order[j]] = f64::INFINITY;
            let mut direction = vec![0.0; n];
            direction[order[j]] = 1.0 / norms[order[j]];
            let solved = solve_upper(r, rank, |i| r(i, j));
            for (k, value) in solved.into_iter().enumerate() {
                share[order[k]] = share[order[k]].max(value.abs());
                direction[order[k]] = -value / norms[order[k]];
            }
            directions.push(direction);
        }
        let undetermined = (0..n)
            .filter(|&j| share[j].is_nan() || share[j] > SHARE_TOLERANCE)
            .collect();

        let mut product = vec![f64::NAN; n * n];
        for a in 0..rank {
            for b in 0..=a {
                let dot: f64 = (a..rank).map(|k| inverse[k][a] * inverse[k][b]).sum();
                let entry = dot / norms[order[a]] / norms[order[b]];
                product[order[a] * n + order[b]] = entry;
                product[order[b] * n + order[a]] = entry;
            }
        }
        Self {
            inverse: product,
            rank,
            undetermined,
            directions,
        }
    }
}

/// Solves the leading n x n upper triangle of `r` for one right-hand side.
fn solve_upper(
    r: impl Fn(usize, usize) -> f64,
    n: usize,
    right: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| r(i, k) * x[k]).sum();
        x[i] = (right(i) - known) / r(i, i);
    }
    x
}

/// The upper end of 95 % of Student's t distribution; of few degrees of freedom it is computed once.
pub(crate) fn student_t_end(dof: usize) -> f64 {
    const FEW: usize = 1024;
    static ENDS: [OnceLock<f64>; FEW] = [const { OnceLock::new() }; FEW];
    match ENDS.get(dof) {
        Some(end) => *end.get_or_init(|| student_t_quantile(UPPER_END, dof)),
        None => student_t_quantile(UPPER_END, dof),
    }
}

/// Which params a column-major m x n Jacobian leaves undetermined; some are held.
pub(crate) fn undetermined(jacobian: &[f64], m: usize, n: usize, held: &[usize]) -> Vec<usize> {
    Unscaled::of(jacobian, m, n, held).undetermined
}

/// The quantile of Student's t distribution: the value that a variable with `dof` degrees of freedom
/// is below with the given probability. Good to about twelve digits for probabilities from 0.6 to
/// 1 - 1e-12 and, as it is odd, for those from 1e-12 to 0.4; nearer to one half the error is absolute.
///
/// NaN without degrees of freedom and for a probability that is not between 0 and 1; infinite at 0
/// and 1.
pub(crate) fn student_t_quantile(probability: f64, dof: usize) -> f64 {
    if dof == 0 || !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    if probability < 0.5 {
        return -upper_quantile(probability, dof);
    }
    // An exact difference: the two are within a factor of two.
    upper_quantile(1.0 - probability, dof)
}

/// The value that is exceeded with probability `tail`, at most one half.
fn upper_quantile(tail: f64, dof: usize) -> f64 {
    if tail == 0.0 {
        return f64::INFINITY;
    }
    if tail == 0.5 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, dof).0 > tail {
        (low, high) = (high, 2.0 * high);
    }
    // Newton's method on the logarithm of the tail, kept inside what bisection knows.
    let mut t = 0.5 * (low + high);
    for _ in 0..100 {
        let (at, density) = upper_tail(t, dof);
        if at > tail {
            low = t;
        } else {
            high = t;
        }
        let newton = t + math::ln(at / tail) * at / density;
        let next = if low < newton && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - t).abs() <= 4.0 * f64::EPSILON * next {
            return next;
        }
        t = next;
    }
    t
}

/// The probability to exceed `t`, not negative, and the density there.
///
/// The first is half the regularized incomplete beta function at (dof / 2, 1 / 2), Abramowitz and
/// Stegun 26.7.1 and 26.5.27.
fn upper_tail(t: f64, dof: usize) -> (f64, f64) {
    let nu = dof as f64;
    let square = t * t;
    let (x, rest) = (nu / (nu + square), square / (nu + square));
    // x^(nu / 2); through ln_1p, because x is near one for many degrees of freedom.
    let power = math::exp(-0.5 * nu * math::ln_1p(square / nu));
    // 1 / B(nu / 2, 1 / 2).
    let constant = gamma_ratio(dof) / std::f64::consts::PI.sqrt();
    let density = constant / nu.sqrt() * power * x.sqrt();
    let front = constant * power * rest.sqrt();
    // Whichever of the two fractions converges quickly; the other gives the complement.
    let tail = if x * (nu + 5.0) < nu + 2.0 {
        front * beta_fraction(0.5 * nu, 0.5, x) / nu
    } else {
        0.5 - front * beta_fraction(0.5, 0.5 * nu, rest)
    };
    (tail, density)
}

/// The continued fraction of the incomplete beta function, Abramowitz and Stegun 26.5.8, by Lentz's
/// method. Needs x below (a + 1) / (a + b + 2).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for k in 1..10_000 {
        let k = f64::from(k);
        let even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        let odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            factor = c * d;
            value *= factor;
        }
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

/// Gamma((dof + 1) / 2) / Gamma(dof / 2).
///
/// The asymptotic series of Tricomi and Erdélyi ("The asymptotic expansion of a ratio of gamma
/// functions", 1951) from 100 degrees of freedom on, where its first term left out is below rounding;
/// from fewer upwards by ratio(dof) = ratio(dof + 2) dof / (dof + 1).
fn gamma_ratio(dof: usize) -> f64 {
    let mut factor = 1.0;
    let mut nu = dof as f64;
    while nu < 100.0 {
        factor *= nu / (nu + 1.0);
        nu += 2.0;
    }
    let inverse = 1.0 / nu;
    // Coefficients of powers of 1 / nu, from the highest.
    let series = [
        -399.0 / 8192.0,
        -21.0 / 2048.0,
        5.0 / 128.0,
        1.0 / 32.0,
        -0.25,
        1.0,
    ];
    let sum = series
        .iter()
        .fold(0.0, |sum, coefficient| sum * inverse + coefficient);
    factor * (0.5 * nu).sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_quantiles_are_the_tables() {
        // Degrees of freedom; quantiles at 0.975, 0.9 and 0.9995, computed with 40 digits.
        let table = [
            (
                1,
                [
                    12.706_204_736_174_705,
                    3.077_683_537_175_253_4,
                    636.619_248_768_719_6,
                ],
            ),
            (
                2,
                [
                    4.302_652_729_749_464,
                    1.885_618_083_164_126_7,
                    31.599_054_576_443_62,
                ],
            ),
            (
                3,
                [
                    3.182_446_305_283_709_6,
                    1.637_744_353_696_210_1,
                    12.923_978_636_687_483,
                ],
            ),
            (
                4,
                [
                    2.776_445_105_197_794_4,
                    1.533_206_274_058_943_9,
                    8.610_301_581_379_275,
                ],
            ),
            (
                7,
                [
                    2.364_624_251_592_785,
                    1.414_923_927_650_508_5,
                    5.407_882_520_861_725,
                ],
            ),
            (
                10,
                [
                    2.228_138_851_986_275,
                    1.372_183_641_110_335_6,
                    4.586_893_858_702_636,
                ],
            ),
            (
                36,
                [
                    2.028_094_000_980_451,
                    1.305_513_885_536_249,
                    3.582_149_701_456_433_6,
                ],
            ),
            (
                60,
                [
                    2.000_297_822_014_260_5,
                    1.295_821_093_515_730_8,
                    3.460_200_469_196_356,
                ],
            ),
            (
                199,
                [
                    1.971_956_544_251_753_8,
                    1.285_820_209_259_409,
                    3.340_086_556_161_431,
                ],
            ),
            (
                1000,
                [
                    1.962_339_080_826_408_5,
                    1.282_398_721_460_924_4,
                    3.300_282_648_423_913,
                ],
            ),
            (
                100_000,
                [
                    1.959_987_707_534_609_6,
                    1.281_560_031_449_361,
                    3.290_624_031_411_882_7,
                ],
            ),
        ];
        for (dof, quantiles) in table {
            for (probability, quantile) in [0.975, 0.9, 0.9995].into_iter().zip(quantiles) {
                let t = student_t_quantile(probability, dof);
                // The probability's own rounding moves the quantile by up to a few 1e-13.
                assert!(
                    (t / quantile - 1.0).abs() < 2e-12,
                    "{probability} {dof}: {t} {quantile}"
                );
                let mirrored = student_t_quantile(1.0 - probability, dof);
                assert!((mirrored + t).abs() < 1e-11 * t, "{probability} {dof}");
            }
        }
    }

    #[test]
    fn t_quantiles_at_the_ends() {
        assert!(student_t_quantile(0.975, 0).is_nan());
        assert!(student_t_quantile(1.5, 3).is_nan());
        assert!(student_t_quantile(f64::NAN, 3).is_nan());
        assert_eq!(student_t_quantile(0.5, 3), 0.0);
        assert_eq!(student_t_quantile(1.0, 3), f64::INFINITY);
        assert_eq!(student_t_quantile(0.0, 3), f64::NEG_INFINITY);
        // One degree of freedom is the Cauchy distribution.
        let tail: f64 = 1e-10;
        let cauchy = math::tan(std::f64::consts::PI * tail).recip();
        assert!((student_t_quantile(tail, 1) / -cauchy - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_line_has_its_textbook_errors() {
        // y = a + b x at x = 1..5 with residuals that are orthogonal to both columns.
        let residuals = [1.0, -2.0, 1.0, 0.0, 0.0].map(|r| r * 0.5);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        let jacobian: Vec<f64> = x.iter().map(|_| 1.0).chain(x).collect();
        let fit = Statistics::new(&[2.0, 3.0], &residuals, &jacobian, &[]);
        // Sxx = 10, the mean of x is 3.
        let s: f64 = (1.5_f64 / 3.0).sqrt();
        assert_eq!((fit.degrees_of_freedom, fit.rank), (3, 2));
        assert!((fit.residual_sd - s).abs() < 1e-15);
        assert!((fit.std_err[0] - s * (0.2 + 0.9_f64).sqrt()).abs() < 1e-14);
        assert!((fit.std_err[1] - s * 0.1_f64.sqrt()).abs() < 1e-14);
        assert!((fit.covariance[1] + s * s * 0.3).abs() < 1e-14);
        assert!((fit.correlation[1] + 0.3 / (1.1 * 0.1_f64).sqrt()).abs() < 1e-14);
        let half_width = 3.182_446_305_283_709_6 * fit.std_err[1];
        assert!((fit.low[1] - (3.0 - half_width)).abs() < 1e-12);
        assert!((fit.high[1] - (3.0 + half_width)).abs() < 1e-12);
    }

    #[test]
    fn a_product_of_two_parameters_is_undetermined_and_the_third_is_not() {
        // r = a b + c x: a and b only by their product.
        let (a, b) = (2.0, 3.0);
        let x = [-2.0, -1.0, 0.5, 1.0, 3.0];
        let jacobian: Vec<f64> = [[b; 5], [a; 5], x].concat();
        let fit = Statistics::new(&[a, b, 1.0], &[0.1, -0.2, 0.1, 0.0, 0.1], &jacobian, &[]);
        assert_eq!((fit.rank, &fit.undetermined[..]), (2, &[0, 1][..]));
        assert_eq!(fit.std_err[0], f64::INFINITY);
        assert_eq!(
            (fit.low[1], fit.high[1]),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        // The third has the error it would have beside one constant.
        let pair: Vec<f64> = [[1.0; 5], x].concat();
        let simple = Statistics::new(&[6.0, 1.0], &[0.1, -0.2, 0.1, 0.0, 0.1], &pair, &[]);
        let ratio = fit.std_err[2] / fit.residual_sd / (simple.std_err[1] / simple.residual_sd);
        assert!((ratio - 1.0).abs() < 1e-12);
        assert!(fit.correlation[1].is_nan() && fit.covariance[2].is_nan());
    }

    #[test]
    fn degenerate_fits_do_not_panic() {
        let none = Statistics::new(&[], &[], &[], &[]);
        assert_eq!((none.degrees_of_freedom, none.rank), (0, 0));
        let no_data = Statistics::new(&[1.0], &[], &[], &[]);
        assert_eq!(no_data.undetermined, [0]);
        let flat = Statistics::new(&[1.0, 2.0], &[1.0, 2.0, 3.0], &[0.0; 6], &[]);
        assert_eq!((flat.rank, &flat.undetermined[..]), (0, &[0, 1][..]));
        let short = Statistics::new(&[1.0, 2.0], &[1.0], &[1.0, 2.0], &[]);
        assert_eq!((short.degrees_of_freedom, short.rank), (0, 1));
        assert!(short.residual_sd.is_nan());
        let exact = Statistics::new(&[1.0], &[0.5], &[2.0], &[]);
        assert!(exact.std_err[0].is_nan() && exact.correlation[0] == 1.0);
        let broken = Statistics::new(&[1.0, 2.0], &[1.0; 3], &[f64::NAN; 6], &[]);
        assert_eq!(broken.std_err.len(), 2);
    }
}
