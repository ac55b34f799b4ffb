//! Ways down a function: Adam by its gradient, and two that ask for values alone, Nelder and Mead's simplex
//! and differential evolution.
//!
//! A function and where to begin go in, the lowest place that was met comes out.
//!
//! **Invariants**
//! - Values that are not numbers count as infinitely high.
//! - Each does as many evaluations as it is told, or fewer where its points have become one.

use crate::report::Failure;
use dmci::Random;

/// Adam (Kingma, Ba 2015) for so many steps; `f` gives the value and leaves the gradient. The last value goes
/// with the place.
pub(crate) fn adam(
    mut f: impl FnMut(&[f64], &mut [f64]) -> Result<f64, Failure>,
    start: &[f64],
    rate: f64,
    steps: usize,
) -> Result<(Vec<f64>, f64), Failure> {
    const DECAY: [f64; 2] = [0.9, 0.999];
    let mut x = start.to_vec();
    let mut gradient = vec![0.0; x.len()];
    let mut moments = vec![[0.0; 2]; x.len()];
    let mut powers = [1.0; 2];
    for _ in 0..steps {
        f(&x, &mut gradient)?;
        powers = [powers[0] * DECAY[0], powers[1] * DECAY[1]];
        for ((x, slope), [mean, square]) in x.iter_mut().zip(&gradient).zip(&mut moments) {
            *mean = DECAY[0] * *mean + (1.0 - DECAY[0]) * slope;
            *square = DECAY[1] * *square + (1.0 - DECAY[1]) * slope * slope;
            let [mean, square] = [*mean / (1.0 - powers[0]), *square / (1.0 - powers[1])];
            *x -= rate * mean / (square.sqrt() + 1e-8);
        }
    }
    let value = f(&x, &mut gradient)?;
    Ok((x, value))
}

/// A value for comparisons.
fn height(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

/// The point at `share` of the way from `a` to `b`, and beyond.
fn between(a: &[f64], b: &[f64], share: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect()
}

/// Nelder and Mead's simplex, with the coefficients of Gao and Han (2012) for many dimensions; its first
/// corners are `size` away from the start.
pub(crate) fn nelder_mead(
    mut f: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    size: f64,
    evaluations: usize,
) -> (Vec<f64>, f64) {
    let d = start.len();
    let n = d.max(2) as f64;
    let [expand, contract, shrink] = [1.0 + 2.0 / n, 0.75 - 0.5 / n, 1.0 - 1.0 / n];
    let mut left = evaluations.saturating_sub(d + 1);
    let mut corners: Vec<(Vec<f64>, f64)> = (0..=d)
        .map(|corner| {
            let mut x = start.to_vec();
            if corner > 0 {
                x[corner - 1] += size;
            }
            let value = height(f(&x));
            (x, value)
        })
        .collect();
    loop {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (best, worst) = (corners[0].1, corners[d].1);
        if left < d + 2 || worst - best <= 1e-15 * best.abs() {
            return corners.swap_remove(0);
        }
        let mut center = vec![0.0; d];
        for (x, _) in &corners[..d] {
            for (center, x) in center.iter_mut().zip(x) {
                *center += x / d as f64;
            }
        }
        let mut ask = |share: f64| {
            left -= 1;
            let x = between(&center, &corners[d].0, -share);
            let value = height(f(&x));
            (x, value)
        };
        let reflected = ask(1.0);
        let second = corners[d - 1].1;
        let tried = if reflected.1 < best {
            let expanded = ask(expand);
            if expanded.1 < reflected.1 {
                expanded
            } else {
                reflected
            }
        } else if reflected.1 < second {
            reflected
        } else if reflected.1 < worst {
            let outside = ask(contract);
            if outside.1 < reflected.1 {
                outside
            } else {
                reflected
            }
        } else {
            ask(-contract)
        };
        if tried.1 < worst {
            corners[d] = tried;
            continue;
        }
        let (first, others) = corners.split_at_mut(1);
        for (x, value) in others {
            *x = between(&first[0].0, x, shrink);
            *value = height(f(x));
        }
        left -= d;
    }
}

/// Differential evolution (Storn, Price 1997; rand/1/bin) from a population around `start`, normally
/// distributed with deviation `size`.
pub(crate) fn differential_evolution(
    mut f: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    size: f64,
    evaluations: usize,
    random: &mut Random,
) -> (Vec<f64>, f64) {
    const WEIGHT: f64 = 0.6;
    const CROSSOVER: f64 = 0.9;
    let d = start.len();
    let members = (5 * d).clamp(20, 100);
    let mut all: Vec<(Vec<f64>, f64)> = (0..members)
        .map(|member| {
            let mut x = start.to_vec();
            if member > 0 {
                for x in &mut x {
                    *x += size * random.normal();
                }
            }
            let value = height(f(&x));
            (x, value)
        })
        .collect();
    for asked in members..evaluations {
        let member = asked % members;
        let mut other = || loop {
            let other = random.below(members);
            if other != member {
                return other;
            }
        };
        let [a, b, c] = [other(), other(), other()];
        let certain = random.below(d);
        let x: Vec<f64> = (0..d)
            .map(|i| {
                if i == certain || random.unit() < CROSSOVER {
                    all[a].0[i] + WEIGHT * (all[b].0[i] - all[c].0[i])
                } else {
                    all[member].0[i]
                }
            })
            .collect();
        let value = height(f(&x));
        if value <= all[member].1 {
            all[member] = (x, value);
        }
    }
    let best = all.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    best.unwrap_or_else(|| (start.to_vec(), f64::INFINITY))
}
