//! Partial pooling: constants of groups that are drawn from one population.
//!
//! What each group tells of its constants goes in; the population comes out, which is what is known of a
//! group's constants before its rows are looked at, and how likely each constant is then.
//!
//! The populations are normal and independent. Their means and variances, and that of the noise, are those
//! of the greatest marginal likelihood, found by expectation and maximization; what is expected of a group is
//! the mean of draws about its best constants, by their importance (Wei, Tanner 1990). So a group that does
//! not tell a constant takes it from the others, all that is told counts, such as that a knee was not seen
//! yet, and a constant that does not vary between groups is shared by them.
//!
//! **Invariants**
//! - Draws depend on the group's place and the number of constants alone.
//! - Standard deviations are above zero and finite wherever what goes in is finite.

use crate::Random;
use crate::prim::math;

/// What is known of constants before a group's rows are looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Population {
    pub(super) mean: Vec<f64>,
    pub(super) sd: Vec<f64>,
    /// The variance of the noise.
    pub(super) noise: f64,
}

/// Constants that a group may have, drawn about its best.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub(super) constants: Vec<Vec<f64>>,
    /// The logarithms of the densities that they were drawn by, but for a power of 2 pi.
    densities: Vec<f64>,
    /// The sums of squares there, of so many rows; infinite where the program fails.
    pub(super) sse: Vec<f64>,
    pub(super) rows: usize,
}

/// Draws of a group.
pub(super) const DRAWS: usize = 64;
/// How much wider than the linear model of a group they are: tails are to be seen.
const WIDER: f64 = 1.3;
/// The least standard deviation of a population, in units of its mean: below it a constant is shared.
const LEAST: f64 = 1e-3;
/// Rounds of expectation and maximization.
const ROUNDS: usize = 40;

impl Draws {
    /// Draws about a place, as the information there, a matrix row by row, has it. None where that is none.
    pub(super) fn about(place: &[f64], information: &[f64], group: usize) -> Option<Self> {
        let n = place.len();
        let triangle = cholesky(information, n)?;
        let mut random = Random::at(&[0x9001, group as u64, n as u64]);
        let size: f64 = (0..n).map(|i| math::ln(triangle[i * n + i])).sum();
        let (mut constants, mut densities) = (Vec::new(), Vec::new());
        for _ in 0..DRAWS {
            let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
            densities.push(
                size - 0.5 * z.iter().map(|z| z * z).sum::<f64>() - n as f64 * math::ln(WIDER),
            );
            // The covariance is the inverse of the information.
            let mut away = z;
            for i in (0..n).rev() {
                let below: f64 = (i + 1..n).map(|j| triangle[j * n + i] * away[j]).sum();
                away[i] = (away[i] - below) / triangle[i * n + i];
            }
            let moved = place.iter().zip(&away).map(|(x, away)| x + WIDER * away);
            constants.push(moved.collect());
        }
        Some(Self {
            constants,
            densities,
            sse: Vec::new(),
            rows: 0,
        })
    }

    /// The mean of numbers of each draw, by weights.
    pub(super) fn mean(&self, weights: &[f64], place: usize) -> f64 {
        let both = self.constants.iter().zip(weights);
        both.map(|(constants, weight)| constants[place] * weight)
            .sum()
    }
}

impl Population {
    /// A first guess: that of constants that each group has for itself, by medians, since those of groups
    /// that tell nothing may be anywhere. It is wide: what is too wide becomes narrow, but not the other way.
    pub(super) fn guess(all: &[Vec<f64>], sse: f64, rows: usize) -> Self {
        let count = all.first().map_or(0, Vec::len);
        let mut guess = Self {
            mean: Vec::with_capacity(count),
            sd: Vec::with_capacity(count),
            noise: noise(sse, (rows as f64 - (count * all.len()) as f64).max(1.0)),
        };
        for place in 0..count {
            let mean = median(all.iter().map(|one| one[place]).collect());
            let away = all.iter().map(|one| (one[place] - mean).abs());
            // Of normal numbers the median distance is that part of the standard deviation.
            let sd = 1.4826 * median(away.collect());
            guess.mean.push(mean);
            guess.sd.push(at_least(sd.max(0.3 * mean.abs()), mean));
        }
        guess
    }

    /// The weights of a group's draws, which sum to one, and the logarithm of the group's likelihood. None
    /// where no draw is possible.
    pub(super) fn weights(&self, draws: &Draws) -> Option<(Vec<f64>, f64)> {
        let noise = 0.5 * draws.rows as f64 * math::ln(std::f64::consts::TAU * self.noise);
        let places = self.mean.iter().zip(&self.sd);
        let places: Vec<(f64, f64)> = places.map(|(mean, sd)| (*mean, *sd)).collect();
        let width: f64 = places.iter().map(|(_, sd)| math::ln(*sd)).sum();
        let all = draws.constants.iter().zip(&draws.densities).zip(&draws.sse);
        let logs: Vec<f64> = all
            .map(|((constants, density), sse)| {
                let away = constants.iter().zip(&places);
                let away: f64 = away.map(|(x, (mean, sd))| ((x - mean) / sd).powi(2)).sum();
                -0.5 * sse / self.noise - noise - 0.5 * away - width - density
            })
            .collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() {
            return None;
        }
        let mut weights: Vec<f64> = logs.iter().map(|log| math::exp(log - most)).collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Some((weights, most + math::ln(sum / logs.len() as f64)))
    }

    /// The population that the groups' draws tell.
    pub(super) fn learn(&mut self, all: &[Draws]) {
        let rows: usize = all.iter().map(|draws| draws.rows).sum();
        for _ in 0..ROUNDS {
            let weighed = all
                .iter()
                .filter_map(|draws| Some((draws, self.weights(draws)?.0)));
            let weighed: Vec<(&Draws, Vec<f64>)> = weighed.collect();
            if weighed.is_empty() {
                return;
            }
            let groups = weighed.len() as f64;
            for place in 0..self.mean.len() {
                let means = weighed
                    .iter()
                    .map(|(draws, weights)| draws.mean(weights, place));
                let mean = means.sum::<f64>() / groups;
                let squares = weighed.iter().map(|(draws, weights)| {
                    let both = draws.constants.iter().zip(weights);
                    both.map(|(constants, weight)| weight * (constants[place] - mean).powi(2))
                        .sum::<f64>()
                });
                let variance = squares.sum::<f64>() / groups;
                self.mean[place] = mean;
                self.sd[place] = at_least(variance.sqrt(), mean);
            }
            let squares = weighed.iter().map(|(draws, weights)| {
                let both = draws.sse.iter().zip(weights);
                both.filter(|(_, weight)| **weight > 0.0)
                    .map(|(sse, weight)| sse * weight)
                    .sum::<f64>()
            });
            self.noise = noise(squares.sum(), rows as f64);
        }
    }
}

/// The lower triangle L with L Lᵀ = A, row by row.
fn cholesky(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let before: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = a[i * n + j] - before;
            l[i * n + j] = if i > j {
                rest / l[j * n + j]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

fn at_least(sd: f64, mean: f64) -> f64 {
    sd.max(LEAST * mean.abs()).max(1e-12)
}

/// The variance of the noise; not zero where everything is explained.
fn noise(sse: f64, rows: f64) -> f64 {
    (sse / rows).max(1e-30)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let half = all.len() / 2;
    match all.len() {
        0 => 0.0,
        length if length % 2 == 1 => all[half],
        _ => f64::midpoint(all[half - 1], all[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means of ten numbers each: the model whose population is known in closed form.
    fn groups(count: usize, sd: f64) -> Vec<Vec<f64>> {
        let mut random = Random::new(11);
        let one = |random: &mut Random| {
            let mean = 3.0 + sd * random.normal();
            (0..10).map(|_| mean + random.normal()).collect()
        };
        (0..count).map(|_| one(&mut random)).collect()
    }

    fn draws(rows: &[f64], population: &Population, group: usize) -> Draws {
        let n = rows.len() as f64;
        let information = n / population.noise + population.sd[0].powi(-2);
        let mean = (rows.iter().sum::<f64>() / population.noise
            + population.mean[0] * population.sd[0].powi(-2))
            / information;
        let mut draws = Draws::about(&[mean], &[information], group).unwrap();
        let sse = |at: &Vec<f64>| rows.iter().map(|y| (y - at[0]).powi(2)).sum();
        draws.sse = draws.constants.iter().map(sse).collect();
        draws.rows = rows.len();
        draws
    }

    #[test]
    fn the_population_of_means_is_found() {
        let groups = groups(300, 0.5);
        let own = |rows: &Vec<f64>| rows.iter().sum::<f64>() / rows.len() as f64;
        let alone: Vec<Vec<f64>> = groups.iter().map(|rows| vec![own(rows)]).collect();
        let mut population = Population::guess(&alone, 2700.0, 3000);
        for _ in 0..2 {
            let drawn = groups.iter().enumerate();
            let drawn: Vec<Draws> = drawn.map(|(g, rows)| draws(rows, &population, g)).collect();
            population.learn(&drawn);
        }
        assert!((population.mean[0] - 3.0).abs() < 0.1, "{population:?}");
        assert!((population.sd[0] - 0.5).abs() < 0.08, "{population:?}");
        assert!((population.noise - 1.0).abs() < 0.06, "{population:?}");
    }

    #[test]
    fn the_likelihood_of_a_group_is_that_of_its_mean() {
        let rows = [2.5, 3.5, 4.0];
        let population = Population {
            mean: vec![3.0],
            sd: vec![0.5],
            noise: 1.0,
        };
        let drawn: Vec<f64> = (0..50)
            .map(|g| population.weights(&draws(&rows, &population, g)).unwrap().1)
            .collect();
        let found = drawn.iter().sum::<f64>() / 50.0;
        // Three normal numbers with variance 1 + 0.25 and covariance 0.25.
        let away: Vec<f64> = rows.iter().map(|y| y - 3.0).collect();
        let (squares, sum): (f64, f64) = (away.iter().map(|d| d * d).sum(), away.iter().sum());
        let determinant: f64 = 1.0 + 3.0 * 0.25;
        let expected = -0.5 * (squares - 0.25 * sum * sum / determinant)
            - 0.5 * determinant.ln()
            - 1.5 * std::f64::consts::TAU.ln();
        assert!((found - expected).abs() < 0.02, "{found} {expected}");
    }

    #[test]
    fn what_does_not_vary_is_shared() {
        let groups = groups(40, 0.0);
        let mut population = Population::guess(&vec![vec![3.0]; 40], 360.0, 400);
        for _ in 0..3 {
            let drawn = groups.iter().enumerate();
            let drawn: Vec<Draws> = drawn.map(|(g, rows)| draws(rows, &population, g)).collect();
            population.learn(&drawn);
        }
        assert!(population.sd[0] < 0.15, "{population:?}");
    }
}
