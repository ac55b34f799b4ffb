//! What a fit says at its end of how the data scatter, and how sure it is of params for that.
//!
//! A problem at its minimum goes in; the standard deviation of each column comes out, with the statistics
//! of the params and the likelihood.
//!
//! **Invariants**
//! - With one estimated standard deviation the statistics are those of least squares.
//! - Where all standard deviations are given, the size of the residuals has no part in any error.
//! - What cannot be told is NaN.
//!
//! A group of m numbers with the sum of squares S has the variance S / (m - h), where h is the group's
//! part of the trace of the hat matrix: what of its numbers went into the params. The covariance of the
//! params is the inverse of the sum of J^T J / s² over all groups. Censored numbers have no residuals: a
//! group with some keeps its likeliest standard deviation, whose doubt is part of the params'.

use super::noise::{
    Loss, Row, censored_log_probability, distance, median_sd, normal_log_density,
    poisson_log_probability, robust_sd,
};
use super::optima::MultiStart;
use super::problem::Problem;
use super::result::{FittedNoise, SdOrigin};
use super::scores::{Observed, Spread, on_scale};
use super::statistics::Statistics;
use crate::prim::math;
use crate::syntax::Noise;

/// What a fit says at its end.
pub(super) struct Concluded {
    pub(super) statistics: Statistics,
    /// The same with as many undetermined params held as leaves no other undetermined: what of these is
    /// determined together has its error here.
    pub(super) conditional: Option<Statistics>,
    pub(super) noise: Vec<FittedNoise>,
    pub(super) log_likelihood: f64,
    /// The sum of squared residuals: of all numbers that have one.
    pub(super) sse: f64,
}

/// The figures of a fit, from the scores and their Jacobian at its minimum. The problem's last evaluation
/// is at these params, with derivatives.
pub(super) fn conclude(problem: &mut Problem<'_>, best: &MultiStart) -> Concluded {
    let (params, held) = (&best.params[..], &best.held[..]);
    let scores_rows = problem.score(params).1.to_vec();
    let (numbers, scoring) = (problem.numbers(), problem.scoring());
    let n = params.len();
    let residuals: Vec<f64> = numbers
        .iter()
        .zip(problem.predictions())
        .map(|(number, &prediction)| scoring.residual(number, prediction))
        .collect();
    let seen = |pair: &(&Observed, &f64)| pair.0.censored.is_none();
    let sse = numbers.iter().zip(&residuals).filter(seen);
    let sse: f64 = sse.map(|(_, residual)| residual * residual).sum();
    let likeliest = scoring.likeliest(numbers, problem.predictions());
    let log_likelihood = log_likelihood(problem, &likeliest);

    let (statistics, conditional, sds) = if scoring.is_one_group() {
        let told = |held: &[usize]| Statistics::new(params, &best.scores, &best.jacobian, held);
        let statistics = told(held);
        let conditional = conditional(&statistics, held, told);
        let sd = statistics.residual_sd;
        (statistics, conditional, vec![sd])
    } else {
        let first: Vec<f64> = match scoring.loss {
            Loss::Squares => likeliest.clone(),
            _ => scoring.groups.iter().map(|group| group.scale).collect(),
        };
        let rows = unweighted(problem, &scores_rows, &residuals, &first);
        let basis = Basis::of(&problem.jacobian(&rows, n), rows.len());
        let sds = final_sds(problem, &residuals, &basis, &first);
        let rows = unweighted(problem, &scores_rows, &residuals, &sds);
        let jacobian = problem.jacobian(&rows, n);
        let extended = extended(problem, &rows, jacobian, &sds);
        let mut all = params.to_vec();
        all.resize(n + extended.groups, 0.0);
        let told = |held: &[usize]| {
            let mut statistics = Statistics::of_scores(
                &all,
                (extended.rows, &extended.jacobian),
                held,
                numbers.len() + extended.groups,
                scoring.is_estimated(),
            );
            statistics.keep(n);
            statistics.residual_sd = match statistics.degrees_of_freedom {
                0 => f64::NAN,
                freedom => (sse / freedom as f64).sqrt(),
            };
            statistics
        };
        let statistics = told(held);
        let conditional = conditional(&statistics, held, told);
        (statistics, conditional, sds)
    };
    Concluded {
        statistics,
        conditional,
        noise: noise(problem, &sds),
        log_likelihood,
        sse,
    }
}

/// Statistics with undetermined params held, one after the other, until those left are determined; none
/// where all are.
fn conditional(
    statistics: &Statistics,
    held: &[usize],
    told: impl Fn(&[usize]) -> Statistics,
) -> Option<Statistics> {
    let mut held = held.to_vec();
    let mut conditional = None;
    let mut last = statistics.undetermined.last().copied();
    while let Some(next) = last {
        held.push(next);
        let statistics = told(&held);
        last = statistics.undetermined.last().copied();
        conditional = Some(statistics);
    }
    conditional
}

/// The scale of each group's residuals for a robust loss.
pub(super) fn robust_scales(problem: &Problem<'_>) -> Vec<f64> {
    let (numbers, scoring) = (problem.numbers(), problem.scoring());
    (0..scoring.groups.len())
        .map(|group| {
            let of_group = numbers.iter().zip(problem.predictions());
            let of_group = of_group.filter(|(number, _)| scoring.group(number) == Some(group));
            let residuals = of_group.map(|(number, &p)| scoring.residual(number, p) / number.sd);
            // Where most are fitted exactly, what is left is rounding.
            median_sd(residuals).max(scoring.groups[group].rounding())
        })
        .collect()
}

/// Rows of scores with estimated or robust standard deviations in place of the weights they had while
/// they were minimized.
fn unweighted(problem: &Problem<'_>, scores: &[Row], residuals: &[f64], sds: &[f64]) -> Vec<Row> {
    let scoring = problem.scoring();
    let mut rows = scores.to_vec();
    for (at, number) in problem.numbers().iter().enumerate() {
        let sd = match scoring.group(number) {
            _ if number.censored.is_some() => continue,
            Some(group) => number.sd * sds[group],
            None if scoring.loss != Loss::Squares => number.sd,
            None => continue,
        };
        let scale = match scoring.columns[number.column as usize].noise {
            Noise::Lognormal => problem.predictions()[at],
            _ => 1.0,
        };
        rows[at] = Row {
            score: residuals[at] / sd,
            by_prediction: (sd * scale).recip(),
            by_sd: 0.0,
        };
    }
    rows
}

/// The standard deviation of each group, for those that the params were found with.
fn final_sds(problem: &Problem<'_>, residuals: &[f64], basis: &Basis, first: &[f64]) -> Vec<f64> {
    let (numbers, scoring) = (problem.numbers(), problem.scoring());
    let groups = scoring.groups.iter().enumerate();
    groups
        .map(|(index, group)| {
            // Their likeliest one is all there is.
            if group.censored > 0 {
                return first[index];
            }
            let of_group = || {
                let numbers = numbers.iter().enumerate();
                numbers.filter(move |(_, number)| scoring.group(number) == Some(index))
            };
            let spent: f64 = of_group().map(|(at, _)| basis.leverage(at)).sum();
            let scaled = of_group().map(|(at, number)| residuals[at] / number.sd);
            if scoring.loss != Loss::Squares {
                return robust_sd(scoring.loss, scaled, first[index], spent);
            }
            let sum: f64 = scaled.map(|residual| residual * residual).sum();
            let left = group.seen as f64 - spent;
            // What params use up to rounding leaves nothing.
            if left > 1e-9 * group.seen as f64 {
                (sum / left).sqrt().max(group.rounding())
            } else {
                f64::NAN
            }
        })
        .collect()
}

/// A Jacobian with a column and a row for the standard deviation of each group that has censored
/// numbers.
struct Extended {
    jacobian: Vec<f64>,
    rows: usize,
    groups: usize,
}

/// Extends a Jacobian, so that its `J^T J` is the observed information of params and logarithms of
/// standard deviations, but for the curvature of predictions.
fn extended(problem: &Problem<'_>, rows: &[Row], jacobian: Vec<f64>, sds: &[f64]) -> Extended {
    let scoring = problem.scoring();
    let m = rows.len();
    let groups: Vec<usize> = (0..scoring.groups.len())
        .filter(|&group| scoring.groups[group].censored > 0)
        .collect();
    let as_it_is = |jacobian| Extended {
        jacobian,
        rows: m,
        groups: 0,
    };
    if groups.is_empty() {
        return as_it_is(jacobian);
    }
    let basis = Basis::of(&jacobian, m);
    // What a param's information shares with that of ln s is J^T q; the part of q that no param moves
    // has no share in that, and is left out, so that the rest of the information of ln s is positive.
    let mut columns = Vec::new();
    let mut left = vec![0.0; groups.len() * groups.len()];
    for (index, &group) in groups.iter().enumerate() {
        let (shared, own) = of_ln_sd(problem, rows, group, sds[group]);
        columns.push(basis.project(&shared));
        left[index * groups.len() + index] = own;
    }
    let k = groups.len();
    for a in 0..k {
        for b in 0..k {
            let dot: f64 = columns[a].iter().zip(&columns[b]).map(|(x, y)| x * y).sum();
            left[a * k + b] -= dot;
        }
    }
    let Some(root) = cholesky(left, k) else {
        return as_it_is(jacobian);
    };
    let n = jacobian.len() / m.max(1);
    let mut all = Vec::with_capacity((m + k) * (n + k));
    for column in jacobian.chunks_exact(m) {
        all.extend_from_slice(column);
        all.extend(std::iter::repeat_n(0.0, k));
    }
    for (index, column) in columns.iter().enumerate() {
        all.extend_from_slice(column);
        // Column `index` of the transposed root.
        all.extend((0..k).map(|row| root[index * k + row]));
    }
    Extended {
        jacobian: all,
        rows: m + k,
        groups: k,
    }
}

/// For each row what its information shares with that of the logarithm of its group's standard
/// deviation, divided by the row's slope; and that of the logarithm itself.
fn of_ln_sd(problem: &Problem<'_>, rows: &[Row], group: usize, sd: f64) -> (Vec<f64>, f64) {
    let scoring = problem.scoring();
    let mut shared = vec![0.0; rows.len()];
    let mut own = 0.0;
    for (at, number) in problem.numbers().iter().enumerate() {
        if scoring.group(number) != Some(group) {
            continue;
        }
        let Some(side) = number.censored else {
            let z = rows[at].score;
            shared[at] = -2.0 * z;
            own += 2.0 * z * z;
            continue;
        };
        let noise = scoring.columns[number.column as usize].noise;
        let prediction = on_scale(noise, problem.predictions()[at]);
        let u = distance(prediction, number.value, side) / (number.sd * sd);
        let (slope, excess) = (math::mills(u), math::mills_excess(u));
        if slope > 0.0 {
            shared[at] = (slope / excess).sqrt() * (u * excess - 1.0);
            own += slope * u * (excess * u - 1.0);
        }
    }
    (shared, own)
}

/// The lower triangle L of a symmetric matrix L L^T, row-major; none where it has none.
fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                matrix[i * n + j] = rest.sqrt();
            } else {
                matrix[i * n + j] = rest / matrix[j * n + j];
            }
        }
        for i in 0..j {
            matrix[i * n + j] = 0.0;
        }
    }
    Some(matrix)
}

/// Orthonormal columns that span those of a Jacobian.
struct Basis {
    rows: usize,
    columns: Vec<f64>,
}

/// A column counts as a combination of others if less than this part of it is left without them.
const DEPENDENT: f64 = 1e-12;

impl Basis {
    /// By Gram and Schmidt's method, twice, of the column-major Jacobian.
    fn of(jacobian: &[f64], rows: usize) -> Self {
        let mut columns: Vec<f64> = Vec::with_capacity(jacobian.len());
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        for column in jacobian.chunks_exact(rows.max(1)) {
            let largest = column.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            if largest == 0.0 || !largest.is_finite() {
                continue;
            }
            let mut column: Vec<f64> = column.iter().map(|x| x / largest).collect();
            let before = dot(&column, &column).sqrt();
            for _ in 0..2 {
                for other in columns.chunks_exact(rows) {
                    let share = dot(other, &column);
                    for (x, y) in column.iter_mut().zip(other) {
                        *x -= share * y;
                    }
                }
            }
            let length = dot(&column, &column).sqrt();
            if length > DEPENDENT * before {
                columns.extend(column.iter().map(|x| x / length));
            }
        }
        Self { rows, columns }
    }

    /// An entry of the diagonal of the hat matrix: how much of a row's number went into params.
    fn leverage(&self, row: usize) -> f64 {
        let columns = self.columns.chunks_exact(self.rows.max(1));
        columns.map(|column| column[row] * column[row]).sum()
    }

    /// The part of a vector that lies in the span.
    fn project(&self, vector: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; vector.len()];
        for column in self.columns.chunks_exact(self.rows.max(1)) {
            let share: f64 = column.iter().zip(vector).map(|(x, y)| x * y).sum();
            for (x, y) in out.iter_mut().zip(column) {
                *x += share * y;
            }
        }
        out
    }
}

/// The logarithm of the likelihood, with the likeliest standard deviations where they are estimated. A
/// robust loss has none.
fn log_likelihood(problem: &Problem<'_>, likeliest: &[f64]) -> f64 {
    let scoring = problem.scoring();
    if scoring.loss != Loss::Squares {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for (at, number) in problem.numbers().iter().enumerate() {
        let column = &scoring.columns[number.column as usize];
        let prediction = on_scale(column.noise, problem.predictions()[at]);
        let sd = match column.spread {
            Spread::Counts => {
                sum += poisson_log_probability(prediction, number.value);
                continue;
            }
            Spread::Known => number.sd,
            Spread::Predicted => problem.sds()[at],
            Spread::Group(group) => number.sd * likeliest[group],
        };
        sum += if let Some(side) = number.censored {
            censored_log_probability(prediction, number.value, sd, side)
        } else {
            // The density of a number is that of its logarithm over the number.
            let unit = match column.noise {
                Noise::Lognormal => number.value,
                Noise::Normal | Noise::Poisson => 0.0,
            };
            normal_log_density((prediction - number.value) / sd, sd) - unit
        };
    }
    sum
}

/// How each column scatters.
fn noise(problem: &Problem<'_>, sds: &[f64]) -> Vec<FittedNoise> {
    let (numbers, scoring) = (problem.numbers(), problem.scoring());
    let columns = scoring.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let own = || {
                let numbers = numbers.iter().enumerate();
                numbers.filter(move |(_, number)| number.column as usize == index)
            };
            let weighted = own().any(|(_, number)| number.sd != 1.0);
            let (sd, origin, group) = match column.spread {
                Spread::Counts => (f64::NAN, SdOrigin::Counts, None),
                Spread::Known => (
                    of_all(own().map(|(_, number)| number.sd)),
                    SdOrigin::Given,
                    None,
                ),
                Spread::Predicted => (
                    of_all(own().map(|(at, _)| problem.sds()[at])),
                    SdOrigin::Predicted,
                    None,
                ),
                Spread::Group(group) if weighted => (sds[group], SdOrigin::Weighted, Some(group)),
                Spread::Group(group) => (sds[group], SdOrigin::Estimated, Some(group)),
            };
            FittedNoise {
                column: column.name.clone(),
                noise: column.noise,
                sd,
                origin,
                group,
                censored: own().filter(|(_, n)| n.censored.is_some()).count(),
            }
        })
        .collect()
}

/// The number that all are; NaN where they differ, or there is none.
fn of_all(mut numbers: impl Iterator<Item = f64>) -> f64 {
    let first = numbers.next().unwrap_or(f64::NAN);
    if numbers.all(|number| number == first) {
        first
    } else {
        f64::NAN
    }
}
