//! Which parameters the scores are linear in: those need no search.
//!
//! A problem and points to look at go in; the parameters that the scores are affine in, all of them
//! together, come out.
//!
//! **Invariants**
//! - What is wrong here costs time and no digit: a search that solves for parameters accepts only what
//!   lowers the value, and its end is a minimum of all parameters.
//!
//! Affine means that the derivatives by these parameters do not depend on them. That is looked at where
//! every parameter has a derivative, at two points, because a model may be flat, or on one side of a test,
//! at one.

use super::desk::Desk;
use super::objective::Objective;
use crate::fit::bounds::Bound;
use crate::sorted;

/// Derivatives that differ by less than this part of the largest are the same.
const SAME: f64 = 1e-9;

/// Derivatives below this are none: that their digits are the same is not to be seen.
const LEAST: f64 = f64::MIN_POSITIVE / SAME;

/// How many points are tried to find one with all derivatives.
const TRIES: usize = 8;

/// What is linear.
#[derive(Debug, PartialEq)]
pub(super) struct Linear {
    /// A mark for each parameter that the scores are affine in.
    pub(super) marks: Vec<bool>,
    /// Whether every parameter changed something where that was looked at.
    pub(super) is_sure: bool,
}

/// The parameters that the scores are affine in; `point` gives points to look at, from 0.
pub(super) fn linear_params<P: Objective>(
    desk: &mut Desk<P>,
    bounds: &[Bound],
    point: impl Fn(usize) -> Vec<f64>,
) -> Linear {
    let n = bounds.len();
    let mut linear = Linear {
        marks: vec![false; n],
        is_sure: true,
    };
    if !desk.problem.is_least_squares() {
        return linear;
    }
    let mut bases: Vec<(usize, Base)> = Vec::new();
    for try_ in 0..TRIES {
        if let Some(base) = Base::at(desk, point(try_)) {
            bases.push((base.steep(), base));
        }
        // The second is there to confirm the first.
        if bases.iter().filter(|(steep, _)| *steep == n).count() == 2 {
            break;
        }
    }
    // Stable: earlier points first among equals.
    sorted::by_key(&mut bases, |(steep, _)| std::cmp::Reverse(*steep));
    bases.truncate(2);
    let mut candidates: Vec<usize> = (0..n).collect();
    linear.is_sure = bases.len() == 2 && bases[1].0 == n;
    if bases.is_empty() {
        return linear;
    }
    for (_, base) in &bases {
        let mut chosen = Vec::new();
        for j in candidates {
            chosen.push(j);
            if !base.is_affine(desk, bounds, &chosen) {
                chosen.pop();
            }
        }
        candidates = chosen;
    }
    for j in candidates {
        linear.marks[j] = true;
    }
    linear
}

/// A point with what the problem gives there.
struct Base {
    params: Vec<f64>,
    jacobian: Vec<f64>,
    /// The largest derivative by each parameter.
    sizes: Vec<f64>,
}

impl Base {
    fn at<P: Objective>(desk: &mut Desk<P>, params: Vec<f64>) -> Option<Self> {
        desk.fill(&params).ok()?;
        let (jacobian, _) = desk.filled(params.len());
        let sizes = columns(jacobian, params.len()).map(|column| largest(column.iter().copied()));
        let base = Self {
            sizes: sizes.collect(),
            jacobian: jacobian.to_vec(),
            params,
        };
        base.sizes
            .iter()
            .all(|size| size.is_finite())
            .then_some(base)
    }

    /// How many parameters change anything.
    fn steep(&self) -> usize {
        self.sizes.iter().filter(|&&size| size > LEAST).count()
    }

    /// Whether the derivatives by some parameters stay as they are where all of these change.
    fn is_affine<P: Objective>(
        &self,
        desk: &mut Desk<P>,
        bounds: &[Bound],
        some: &[usize],
    ) -> bool {
        if some.iter().any(|&j| self.sizes[j] <= LEAST) {
            return false;
        }
        let mut params = self.params.clone();
        for (k, &j) in some.iter().enumerate() {
            // Each by a part of its own, so that no product of two stays as it was.
            let part = 0.3 + 0.1 * k as f64;
            let by = part
                * if params[j] == 0.0 {
                    1.0
                } else {
                    params[j].abs()
                };
            let moved = |by: f64| bounds[j].contains(params[j] + by).then_some(params[j] + by);
            match moved(by)
                .or_else(|| moved(-by))
                .or_else(|| moved(-0.01 * by))
            {
                Some(moved) => params[j] = moved,
                None => return false,
            }
        }
        if desk.fill(&params).is_err() {
            return false;
        }
        let n = params.len();
        let (there, _) = desk.filled(n);
        let columns: Vec<_> = columns(&self.jacobian, n).zip(columns(there, n)).collect();
        some.iter().all(|&j| {
            let (here, there) = columns[j];
            let differences = here.iter().zip(there).map(|(a, b)| a - b);
            largest(differences) <= SAME * self.sizes[j]
        })
    }
}

fn columns(jacobian: &[f64], n: usize) -> std::slice::ChunksExact<'_, f64> {
    jacobian.chunks_exact((jacobian.len() / n.max(1)).max(1))
}

/// The largest magnitude; NaN where there is one.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(
        0.0,
        |most, x| if x.is_nan() { x } else { x.abs().max(most) },
    )
}

#[cfg(test)]
mod tests {
    use super::super::known_problems::Problem;
    use super::*;
    use crate::prim::math;

    #[test]
    fn amplitudes_and_offsets_are_linear_and_their_product_is_not() {
        // a exp(-b x) + c + a d x: linear in a and c, or in c and d beside b.
        let problem = Problem::new(9, |&[a, b, c, d], sink| {
            for i in 0..9 {
                let x = f64::from(i);
                sink(a * (b * -x).exp() + c + a * d * x - 1.0);
            }
        });
        let point = |k: usize| vec![1.0 + k as f64, 0.1, 0.3, 2.0];
        let linear = linear_params(&mut Desk::new(problem, 4), &[Bound::Free; 4], point);
        assert_eq!(linear.marks, [true, false, true, false]);
        assert!(linear.is_sure);
    }

    #[test]
    fn what_is_flat_here_is_looked_at_elsewhere() {
        let problem = Problem::new(5, |&[a, b], sink| {
            for i in 1..6 {
                sink(a * (b * -1000.0 * f64::from(i)).exp() - 1.0);
            }
        });
        let point = |k: usize| vec![1.0, math::exp(-2.0 * k as f64)];
        let linear = linear_params(&mut Desk::new(problem, 2), &[Bound::Free; 2], point);
        assert_eq!(linear.marks, [true, false]);
    }
}
