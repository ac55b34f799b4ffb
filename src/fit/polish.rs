//! The last digits of a minimum, and the ends that it ran off to.
//!
//! A converged [`Minimizer`] goes in; the same minimum comes out, to what the model's numbers are good for.
//!
//! **Invariants**
//! - The value does not grow by more than rounding, and the gradient at least halves with each step.

use super::desk::Desk;
use super::levenberg_marquardt::{Minimizer, Model, Point};
use super::objective::Objective;
use super::triangle::Step;

/// Growth of the value below this part of the scores' squares counts as rounding while polishing.
const POLISH_ROUNDING: f64 = 1e-9;

/// The longest step while polishing, in multiples of the parameters' magnitudes.
const POLISH_STEP: f64 = 1e-3;

/// A parameter whose whole distance from its end changes the scores by no more than this part of their
/// length may as well be there.
const NEGLIGIBLE: f64 = 1e-5;

impl Minimizer<'_> {
    /// Carries a minimum on to the last digits the model gives.
    ///
    /// Near a minimum the value is flat, so its rounding hides half the digits of the
    /// parameters. The gradient is not: steps go on for as long as each at least halves it, at one
    /// Jacobian a step. Where the scores' curvature matters too much for that, n more Jacobians
    /// give the second derivatives that turn the steps into Newton's. Does nothing unless the status
    /// says converged; leaves the status as it is. `goes_on` is asked before each step.
    pub(crate) fn polish<P: Objective>(&mut self, desk: &mut Desk<P>, goes_on: impl Fn() -> bool) {
        desk.take_evaluations();
        let mut curvature: Option<Vec<f64>> = None;
        while self.status.converged() && self.cosine > 0.0 && goes_on() {
            let model = self.model_from(0);
            let step = match &curvature {
                None => Some(model.triangle.floor_step()),
                Some(curvature) => model
                    .triangle
                    .newton_step(&self.of_model(curvature, &model)),
            };
            if step.is_some_and(|step| self.polish_by(desk, &model, &step)) {
                continue;
            }
            if curvature.is_some() || self.cosine <= self.tolerances.gradient {
                break;
            }
            curvature = self.curvature(desk);
            if curvature.is_none() {
                break;
            }
        }
        self.evaluations += desk.take_evaluations();
    }

    /// Puts parameters that ran off towards an end, with nothing more to gain on the way, on it; tells
    /// whether there were any.
    pub(crate) fn settle<P: Objective>(&mut self, desk: &mut Desk<P>) -> bool {
        let mut moved = false;
        desk.take_evaluations();
        for j in 0..self.space.len() {
            let (low, high) = self.space.bounds()[j].ends();
            let at = self.current.params[j];
            let k = self.place(j);
            let effect = self.current.triangle.column_norm(k);
            let little = NEGLIGIBLE * self.current.triangle.length();
            let near = |end: f64| end != at && effect * (at - end).abs() <= little;
            let down = self.current.triangle.gradient(0, k);
            let end = if near(low) && down >= 0.0 {
                low
            } else if near(high) && down <= 0.0 {
                high
            } else {
                continue;
            };
            let mut params = self.current.params.clone();
            params[j] = end;
            let rounding = POLISH_ROUNDING * self.spread();
            if let Ok((value, triangle)) = desk.linearize(&params, self.space.order())
                && value <= self.current.value + rounding
            {
                // Outwards it would go on.
                let down = triangle.gradient(0, k);
                if (end == low && down >= 0.0) || (end == high && down <= 0.0) {
                    self.current.move_to(self.space, params, value, triangle);
                    self.look();
                    moved = true;
                }
            }
        }
        self.evaluations += desk.take_evaluations();
        moved
    }

    /// Takes a step if it is short and halves the gradient.
    fn polish_by<P: Objective>(&mut self, desk: &mut Desk<P>, model: &Model, step: &Step) -> bool {
        // A long one only leads along directions that the scores do not determine.
        if step.length > POLISH_STEP * self.size_of(0) {
            return false;
        }
        self.place_trial(&model.params, &step.by);
        let Ok((value, triangle)) = desk.linearize(&self.trial.params, self.space.order()) else {
            return false;
        };
        if value > self.current.value + POLISH_ROUNDING * self.spread() {
            return false;
        }
        (self.trial.value, self.trial.triangle) = (value, triangle);
        let (cosine, scale) = (self.cosine, self.scale.clone());
        self.accept();
        if self.cosine <= 0.5 * cosine {
            return true;
        }
        std::mem::swap(&mut self.current, &mut self.trial);
        self.scale = scale;
        self.look();
        false
    }

    /// What the curvature of half the value in the coordinates has beyond `J^T J`, n x n: for least
    /// squares the sum over the scores of each times its second derivatives. By differences of the exact
    /// Jacobian; none where that is not finite.
    fn curvature<P: Objective>(&mut self, desk: &mut Desk<P>) -> Option<Vec<f64>> {
        let n = self.space.len();
        let least_squares = desk.problem.is_least_squares();
        desk.fill(&self.current.params).ok()?;
        let (jacobian, scores) = desk.filled(n);
        let scores = scores.to_vec();
        let jacobian = if least_squares {
            Vec::new()
        } else {
            jacobian.to_vec()
        };
        let slopes = |point: &Point| -> Vec<f64> {
            let coordinates = point.coordinates.iter().enumerate();
            coordinates.map(|(j, &z)| self.space.slope(j, z)).collect()
        };
        let product = |column: &[f64], scores: &[f64]| -> f64 {
            column.iter().zip(scores).map(|(d, r)| d * r).sum()
        };
        let rows = scores.len().max(1);
        let gradient = |jacobian: &[f64], slopes: &[f64]| -> Vec<f64> {
            let columns = jacobian.chunks_exact(rows).zip(slopes);
            columns
                .map(|(column, slope)| slope * product(column, &scores))
                .collect()
        };
        let slopes_here = slopes(&self.current);
        let here = gradient(desk.filled(n).0, &slopes_here);
        let mut curvature = vec![0.0; n * n];
        for j in 0..n {
            if self.is_held(j) || self.scale[j] == 0.0 {
                continue;
            }
            let z = self.current.coordinates[j];
            // Far enough for digits, and near against both the parameter and its uncertainty.
            let uncertainty = self.spread().sqrt() / self.scale[j];
            let step = f64::max(1e-6 * self.space.magnitude(j, z), 1e-4 * uncertainty);
            let mut there = self.current.clone();
            there.coordinates[j] = z + step;
            there.params[j] = self.space.value(j, z + step);
            if there.params[j] == self.current.params[j] {
                there.coordinates[j] = z - step;
                there.params[j] = self.space.value(j, z - step);
            }
            let by = there.coordinates[j] - z;
            desk.fill(&there.params).ok()?;
            let (jacobian_there, scores_there) = desk.filled(n);
            let gradient = gradient(jacobian_there, &slopes(&there));
            for i in 0..n {
                let mut entry = (gradient[i] - here[i]) / by;
                if !least_squares {
                    let change: Vec<f64> = scores_there
                        .iter()
                        .zip(&scores)
                        .map(|(a, b)| a - b)
                        .collect();
                    let column = &jacobian[i * rows..(i + 1) * rows];
                    let other = &jacobian[j * rows..(j + 1) * rows];
                    entry += slopes_here[i] * product(column, &change) / by
                        - slopes_here[i] * slopes_here[j] * product(column, other);
                }
                curvature[i * n + j] += 0.5 * entry;
                curvature[j * n + i] += 0.5 * entry;
            }
        }
        curvature.iter().all(|x| x.is_finite()).then_some(curvature)
    }

    /// A matrix by parameters, scaled and in the order of a model.
    fn of_model(&self, matrix: &[f64], model: &Model) -> Vec<f64> {
        let n = self.space.len();
        let params = &model.params;
        let entry = |&i: &usize, &j: &usize| matrix[i * n + j] / (self.scale[i] * self.scale[j]);
        params
            .iter()
            .flat_map(|i| params.iter().map(move |j| entry(i, j)))
            .collect()
    }
}
