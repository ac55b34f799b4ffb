//! The Levenberg-Marquardt method: least squares from one start, one trial step at a time.
//!
//! Residuals with their exact Jacobian and a starting point go in; a local minimum of the sum of
//! squares comes out, as far as the steps taken so far have got.
//!
//! **Invariants**
//! - The sum of squares never grows, but for the last digits in [`Minimizer::polish`].
//! - A trial point where the model fails, or gives anything but finite numbers, is a rejected step:
//!   the method shortens the step and never panics.
//! - Equal problems, starts and numbers of steps give equal bits: nothing here depends on time,
//!   threads or chance.
//!
//! The method is Moré's ("The Levenberg-Marquardt algorithm: implementation and theory", 1978; the
//! one in MINPACK): a trust region `|D s| <= delta`, where `D` holds the largest column norms of the
//! Jacobian met so far, and the damping that puts the step on its edge. Two things differ:
//!
//! - It works in the unconstrained coordinates of [`Bound`], so bounds need no special steps. The
//!   first trust region and the step test measure a coordinate against [`Bound::magnitude`].
//! - In place of column pivoting, the damping has a floor of 1e-11 of the Jacobian's size. That is
//!   below what the step can feel while the problem is determined, and where it is not it keeps the
//!   step short along the directions that do not matter.
//!
//! The linear algebra of a step is in `triangle`.

use super::objective::Objective;
use super::triangle::{Step, Triangle, norm};
use crate::fit::bounds::Bound;
use faer::Mat;
use std::ops::AddAssign;

/// When a point counts as a minimum. All three are relative, with their MINPACK meanings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerances {
    /// Enough when a step lowers the sum of squares, and was expected to lower it, by at most this
    /// part.
    pub(crate) reduction: f64,
    /// Enough when the trust region is at most this part of the parameters.
    pub(crate) step: f64,
    /// Enough when the cosine of the angle between the residuals and each column of the Jacobian is
    /// at most this.
    pub(crate) gradient: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            reduction: 1e-14,
            step: 1e-12,
            gradient: 1e-12,
        }
    }
}

/// Where a minimizer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    /// Another step may lower the sum of squares.
    Running,
    /// A minimum: steps no longer lower the sum of squares.
    Reduction,
    /// A minimum: the steps left are too short to matter.
    Step,
    /// A minimum: the gradient is zero, or the residuals are.
    Gradient,
    /// No step lowers the sum of squares although the gradient says so: the model fails all around,
    /// jumps, or its derivatives are not those of its values.
    Stuck,
}

impl Status {
    /// Whether the point is a minimum by one of the [`Tolerances`].
    pub(crate) fn converged(self) -> bool {
        matches!(self, Self::Reduction | Self::Step | Self::Gradient)
    }
}

/// How often a problem was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evaluations {
    /// Calls of [`Objective::value`].
    pub(crate) residuals: usize,
    /// Calls of [`Objective::linearize`].
    pub(crate) jacobians: usize,
}

impl AddAssign for Evaluations {
    fn add_assign(&mut self, other: Self) {
        self.residuals += other.residuals;
        self.jacobians += other.jacobians;
    }
}

/// Why a minimizer cannot start at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartError<E> {
    /// The model fails there.
    Model(E),
    /// A residual, a derivative or the sum of squares is not finite there.
    NotFinite,
}

/// The first trust region, in multiples of the parameters' magnitudes. Short, for MINPACK's range of
/// 0.1 to 100: it doubles with each good step, while a first step too long can end in a plain far
/// from the minimum, where nothing leads back.
const FIRST_RADIUS: f64 = 0.3;

/// The share of a predicted reduction that a step must bring to be accepted.
const ACCEPTED_GAIN: f64 = 1e-4;

/// What the worst of rejected steps leaves of the trust region's radius.
const REJECTED_SHRINK: f64 = 0.1;

/// A point where no step helps is [`Status::Stuck`], not a minimum, if the cosine is above this
const STUCK_COSINE: f64 = 1e-6;

/// and the undamped step, in multiples of the parameters' magnitudes, is longer than this.
const STUCK_STEP: f64 = 1e-6;

/// Growth of the sum of squares below this part counts as rounding while polishing.
const POLISH_ROUNDING: f64 = 1e-9;

/// The longest step while polishing, in multiples of the parameters' magnitudes.
const POLISH_STEP: f64 = 1e-3;

/// A descent from one starting point, which [`Minimizer::step`] carries on.
#[derive(Clone, Debug)]
pub(crate) struct Minimizer {
    bounds: Vec<Bound>,
    tolerances: Tolerances,
    current: Point,
    /// The point of the last trial step.
    trial: Point,
    /// The largest norm so far of each column of the Jacobian: the diagonal of `D`.
    scale: Vec<f64>,
    linear: Linear,
    /// The radius of the trust region, in the norm `|D s|`.
    radius: f64,
    damping: f64,
    status: Status,
    iterations: usize,
    evaluations: Evaluations,
    /// The lowest sum of squares of a point that was not moved to because its derivatives are not finite.
    refused: f64,
}

/// A point and what the problem says of it.
#[derive(Clone, Debug)]
struct Point {
    coordinates: Vec<f64>,
    params: Vec<f64>,
    residuals: Vec<f64>,
    jacobian: Vec<f64>,
    sse: f64,
}

/// The linear model of the residuals around a point: the triangle of its scaled Jacobian.
#[derive(Clone, Debug)]
struct Linear {
    triangle: Triangle,
    /// The largest cosine between the residuals and a column of the Jacobian.
    cosine: f64,
}

impl Minimizer {
    /// A minimizer of `problem` at `params`, n values inside their `bounds`. Takes one evaluation
    /// of the residuals, and one of the Jacobian where they are finite.
    ///
    /// # Errors
    /// When the model fails at `params` or is not finite there.
    ///
    /// # Panics
    /// When `params` and `bounds` differ in length.
    pub(crate) fn new<P: Objective>(
        problem: &mut P,
        bounds: &[Bound],
        params: &[f64],
        tolerances: Tolerances,
    ) -> Result<Self, StartError<P::Error>> {
        let (m, n) = (problem.rows(), params.len());
        assert_eq!(bounds.len(), n, "one bound for each parameter");
        let coordinates = bounds.iter().zip(params);
        let mut current = Point {
            coordinates: coordinates.map(|(b, &p)| b.coordinate(p)).collect(),
            params: params.to_vec(),
            residuals: vec![0.0; m],
            jacobian: vec![0.0; m * n],
            sse: f64::INFINITY,
        };
        // The residuals first: many a random start ends there, and they are the cheaper half.
        current.evaluate_residuals(problem)?;
        current.evaluate_jacobian(problem)?;
        let (linear, scale) =
            Linear::at(&current, bounds, &vec![0.0; n]).ok_or(StartError::NotFinite)?;
        let mut minimizer = Self {
            bounds: bounds.to_vec(),
            tolerances,
            trial: current.clone(),
            current,
            scale,
            linear,
            radius: FIRST_RADIUS,
            damping: 0.0,
            status: Status::Running,
            iterations: 0,
            evaluations: Evaluations {
                residuals: 1,
                jacobians: 1,
            },
            refused: f64::INFINITY,
        };
        let size = minimizer.size();
        if size > 0.0 {
            minimizer.radius *= size;
        }
        Ok(minimizer)
    }

    /// Tries one step: one evaluation of the residuals, and one of the Jacobian if it is accepted.
    /// Does nothing unless the status is [`Status::Running`].
    pub(crate) fn step<P: Objective>(&mut self, problem: &mut P) -> Status {
        if self.status == Status::Running {
            self.status = self.attempt(problem);
        }
        self.status
    }

    /// Takes up a descent that has ended, to end by other tolerances.
    pub(crate) fn resume(&mut self, tolerances: Tolerances) {
        self.tolerances = tolerances;
        self.status = Status::Running;
    }

    /// Carries a minimum on to the last digits the model gives.
    ///
    /// Near a minimum the sum of squares is flat, so its rounding hides half the digits of the
    /// parameters. The gradient is not: steps go on for as long as each at least halves it, at one
    /// Jacobian a step. Where the residuals' curvature matters too much for that, n more Jacobians
    /// give the second derivatives that turn the steps into Newton's. Does nothing unless the status
    /// says converged; leaves the status as it is. `goes_on` is asked before each step.
    pub(crate) fn polish<P: Objective>(&mut self, problem: &mut P, goes_on: impl Fn() -> bool) {
        let mut curvature = None;
        while self.status.converged() && self.linear.cosine > 0.0 && goes_on() {
            let step = match &curvature {
                None => Some(self.linear.triangle.floor_step()),
                Some(curvature) => self.linear.triangle.newton_step(curvature, &self.scale),
            };
            if step.is_some_and(|step| self.polish_by(problem, &step)) {
                continue;
            }
            if curvature.is_some() || self.linear.cosine <= self.tolerances.gradient {
                return;
            }
            curvature = self.curvature(problem);
            if curvature.is_none() {
                return;
            }
        }
    }

    /// The sum of squares at [`Minimizer::params`].
    pub(crate) fn sse(&self) -> f64 {
        self.current.sse
    }

    /// Forgets all but where it is and how it got there: it takes no further step.
    pub(crate) fn forget(&mut self) {
        self.current.residuals = Vec::new();
        self.current.jacobian = Vec::new();
        self.trial.residuals = Vec::new();
        self.trial.jacobian = Vec::new();
    }

    /// The n parameters, inside their bounds.
    pub(crate) fn params(&self) -> &[f64] {
        &self.current.params
    }

    /// The m residuals at [`Minimizer::params`].
    pub(crate) fn residuals(&self) -> &[f64] {
        &self.current.residuals
    }

    /// The Jacobian at [`Minimizer::params`] in the parameters themselves, column-major m x n.
    pub(crate) fn jacobian(&self) -> &[f64] {
        &self.current.jacobian
    }

    /// Whether no parameter changes the residuals, and they are not zero: a point that has nothing
    /// to go by.
    pub(crate) fn is_flat(&self) -> bool {
        self.sse() > 0.0 && self.current.jacobian.iter().all(|&d| d == 0.0)
    }

    /// Whether a point that fits better was met and not moved to, because its derivatives are not finite.
    pub(crate) fn is_held_back(&self) -> bool {
        self.refused < self.sse()
    }

    /// Where the minimizer stands.
    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// The number of steps tried.
    pub(crate) fn iterations(&self) -> usize {
        self.iterations
    }

    /// How often the problem was asked so far.
    pub(crate) fn evaluations(&self) -> Evaluations {
        self.evaluations
    }

    /// Takes a step if it is short and halves the gradient.
    fn polish_by<P: Objective>(&mut self, problem: &mut P, step: &Step) -> bool {
        // A long one only leads along directions that the residuals do not determine.
        if step.length > POLISH_STEP * self.size() {
            return false;
        }
        self.place_trial(step);
        self.evaluations.jacobians += 1;
        if self.trial.evaluate_jacobian(problem).is_err() {
            return false;
        }
        match Linear::at(&self.trial, &self.bounds, &self.scale) {
            Some((linear, scale))
                if linear.cosine <= 0.5 * self.linear.cosine
                    && self.trial.sse <= self.current.sse * (1.0 + POLISH_ROUNDING) =>
            {
                self.accept(linear, scale);
                true
            }
            _ => false,
        }
    }

    /// The sum over the residuals of each times its second derivatives in the coordinates, n x n and
    /// symmetric: the part of the sum of squares' curvature that `J^T J` leaves out. By differences
    /// of the exact Jacobian; none where that is not finite.
    fn curvature<P: Objective>(&mut self, problem: &mut P) -> Option<Mat<f64>> {
        let n = self.scale.len();
        let here = self.current.gradient(&self.bounds, &self.current.residuals);
        let mut curvature = Mat::zeros(n, n);
        for j in 0..n {
            let (z, bound) = (self.current.coordinates[j], self.bounds[j]);
            // Far enough for digits, and near against both the parameter and its uncertainty.
            let uncertainty = self.current.sse.sqrt() / self.scale[j];
            let next = z + f64::max(1e-6 * bound.magnitude(z), 1e-4 * uncertainty);
            self.trial
                .coordinates
                .copy_from_slice(&self.current.coordinates);
            self.trial.params.copy_from_slice(&self.current.params);
            self.trial.coordinates[j] = next;
            self.trial.params[j] = bound.value(next);
            self.evaluations.jacobians += 1;
            self.trial.evaluate_jacobian(problem).ok()?;
            let there = self.trial.gradient(&self.bounds, &self.current.residuals);
            for i in 0..n {
                let entry = 0.5 * (there[i] - here[i]) / (next - z);
                curvature[(i, j)] += entry;
                curvature[(j, i)] += entry;
            }
        }
        Some(curvature)
    }

    fn attempt<P: Objective>(&mut self, problem: &mut P) -> Status {
        if self.linear.cosine <= self.tolerances.gradient {
            return Status::Gradient;
        }
        let step = self.linear.triangle.bounded_step(self.radius, self.damping);
        self.place_trial(&step);
        if self.iterations == 0 {
            self.radius = self.radius.min(step.length);
        }
        self.damping = step.damping;
        self.iterations += 1;

        self.evaluations.residuals += 1;
        let finite = self.trial.evaluate_residuals(problem).is_ok();
        let before = self.current.sse;
        let reduction = if finite && 0.01 * self.trial.sse < before {
            1.0 - self.trial.sse / before
        } else {
            -1.0
        };
        // |J s|^2 and lambda |D s|^2 as parts of the sum of squares.
        let linear = self.linear.triangle.image_norm(&step.scaled).powi(2) / before;
        let damped = step.damping * step.length.powi(2) / before;
        let predicted = linear + 2.0 * damped;
        let gain = reduction / predicted;
        self.resize(&step, gain, reduction, linear + damped);

        let accepted = gain >= ACCEPTED_GAIN && self.advance(problem);
        if gain >= ACCEPTED_GAIN && !accepted {
            self.radius = REJECTED_SHRINK * step.length;
        }
        self.judge(accepted, reduction, predicted)
    }

    /// Moves the trust region's radius by how well the linear model foretold the reduction: the
    /// rule of MINPACK's `lmder`.
    fn resize(&mut self, step: &Step, gain: f64, reduction: f64, slope: f64) {
        // A NaN gain counts as a bad one.
        if gain > 0.25 {
            if step.damping <= self.linear.triangle.damping_floor() || gain >= 0.75 {
                self.radius = 2.0 * step.length;
                self.damping *= 0.5;
            }
        } else {
            // The minimum of the parabola through both values and the slope along the step.
            let shrink = if reduction >= 0.0 {
                0.5
            } else {
                0.5 * slope / (slope - 0.5 * reduction)
            };
            let shrink = if shrink > REJECTED_SHRINK {
                shrink
            } else {
                REJECTED_SHRINK
            };
            self.radius = shrink * self.radius.min(10.0 * step.length);
            self.damping /= shrink;
        }
    }

    /// Moves to the trial point if the model has a Jacobian there.
    fn advance<P: Objective>(&mut self, problem: &mut P) -> bool {
        self.evaluations.jacobians += 1;
        if self.trial.evaluate_jacobian(problem).is_err() {
            return false;
        }
        let at = Linear::at(&self.trial, &self.bounds, &self.scale);
        if at.is_none() {
            self.refused = self.refused.min(self.trial.sse);
        }
        at.map(|(linear, scale)| self.accept(linear, scale))
            .is_some()
    }

    fn accept(&mut self, linear: Linear, scale: Vec<f64>) {
        std::mem::swap(&mut self.current, &mut self.trial);
        self.linear = linear;
        self.scale = scale;
    }

    fn judge(&self, accepted: bool, reduction: f64, predicted: f64) -> Status {
        let Tolerances {
            reduction: least,
            step,
            gradient,
        } = self.tolerances;
        if self.linear.cosine <= gradient {
            return Status::Gradient;
        }
        // A reduction far above the predicted one is a lucky step, not the last one.
        if reduction.abs() <= least && predicted <= least && reduction <= 2.0 * predicted {
            return Status::Reduction;
        }
        let size = self.size();
        // Below rounding no step moves the parameters at all, whatever the tolerance.
        if self.radius > step.max(f64::EPSILON) * size {
            Status::Running
        } else if accepted
            || self.linear.cosine <= STUCK_COSINE
            || self.linear.triangle.floor_step().length <= STUCK_STEP * size
        {
            Status::Step
        } else {
            Status::Stuck
        }
    }

    /// The length `|D z|` of the parameters' magnitudes.
    fn size(&self) -> f64 {
        let magnitudes = self.bounds.iter().zip(&self.current.coordinates);
        let scaled = magnitudes.zip(&self.scale);
        norm(scaled.map(|((bound, &z), d)| d * bound.magnitude(z)))
    }

    /// Puts the trial point a step from the current one.
    fn place_trial(&mut self, step: &Step) {
        for (j, bound) in self.bounds.iter().enumerate() {
            let coordinate = self.current.coordinates[j] + step.scaled[j] / self.scale[j];
            self.trial.params[j] = bound.value(coordinate);
            self.trial.coordinates[j] = coordinate;
        }
    }
}

impl Point {
    fn evaluate_residuals<P: Objective>(
        &mut self,
        problem: &mut P,
    ) -> Result<(), StartError<P::Error>> {
        self.finite_coordinates()?;
        self.sse = problem
            .value(&self.params, &mut self.residuals)
            .map_err(StartError::Model)?;
        self.finite_value()
    }

    fn evaluate_jacobian<P: Objective>(
        &mut self,
        problem: &mut P,
    ) -> Result<(), StartError<P::Error>> {
        self.finite_coordinates()?;
        self.sse = problem
            .linearize(&self.params, &mut self.residuals, &mut self.jacobian)
            .map_err(StartError::Model)?;
        self.finite_value()
    }

    /// The Jacobian in the coordinates, transposed, times `residuals`.
    fn gradient(&self, bounds: &[Bound], residuals: &[f64]) -> Vec<f64> {
        let m = residuals.len();
        let product = |j: usize| -> f64 {
            let column = self.jacobian[j * m..(j + 1) * m].iter();
            column.zip(residuals).map(|(d, r)| d * r).sum()
        };
        let slopes = self.slopes(bounds).enumerate();
        slopes.map(|(j, slope)| slope * product(j)).collect()
    }

    /// The derivative of each parameter by its coordinate.
    fn slopes(&self, bounds: &[Bound]) -> impl Iterator<Item = f64> {
        let coordinates = bounds.iter().zip(&self.coordinates);
        coordinates.map(|(bound, &z)| bound.slope(z))
    }

    fn finite_coordinates<E>(&self) -> Result<(), StartError<E>> {
        let finite = self.coordinates.iter().all(|z| z.is_finite());
        if finite {
            Ok(())
        } else {
            Err(StartError::NotFinite)
        }
    }

    fn finite_value<E>(&self) -> Result<(), StartError<E>> {
        if self.sse.is_finite() {
            Ok(())
        } else {
            Err(StartError::NotFinite)
        }
    }
}

impl Linear {
    /// The linear model at `point` and the scale it is in, the larger of `scale` and the norms of
    /// the Jacobian's columns. None when the Jacobian is not finite.
    fn at(point: &Point, bounds: &[Bound], scale: &[f64]) -> Option<(Self, Vec<f64>)> {
        let Point {
            residuals,
            jacobian,
            sse,
            ..
        } = point;
        let slopes: Vec<f64> = point.slopes(bounds).collect();
        let (m, n) = (residuals.len(), slopes.len());
        let norms: Vec<f64> = (0..n)
            .map(|j| norm(jacobian[j * m..(j + 1) * m].iter().map(|d| d * slopes[j])))
            .collect();
        if norms.iter().any(|norm| !norm.is_finite()) {
            return None;
        }
        let scale: Vec<f64> = scale
            .iter()
            .zip(&norms)
            .map(|(&old, &norm)| old.max(norm))
            // A column that was always zero is not scaled, as in MINPACK.
            .map(|d| if d > 0.0 { d } else { 1.0 })
            .collect();
        let triangle = Triangle::of(&Mat::from_fn(m, n + 1, |i, j| {
            if j == n {
                residuals[i]
            } else {
                jacobian[j * m + i] * slopes[j] / scale[j]
            }
        }));
        let length = sse.sqrt();
        let cosine = (0..n)
            .filter(|&j| norms[j] > 0.0 && length > 0.0)
            .map(|j| (triangle.gradient(j) * (scale[j] / norms[j]) / length).abs())
            .fold(0.0, f64::max);
        Some((Self { triangle, cosine }, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::super::known_problems::*;
    use super::*;

    fn descend<P: Objective>(problem: &mut P, bounds: &[Bound], params: &[f64]) -> Minimizer {
        let start = Minimizer::new(problem, bounds, params, Tolerances::default());
        let mut minimizer = start.ok().expect("a start");
        while minimizer.iterations() < 1000 && minimizer.step(problem) == Status::Running {}
        minimizer.polish(problem, || true);
        minimizer
    }

    fn reaches_the_certified_minimum<const N: usize>(nist: &Nist<N>) {
        for start in nist.starts {
            let minimizer = descend(&mut nist.problem(), &[Bound::Free; N], &start);
            assert!(
                minimizer.status().converged(),
                "{start:?}: {:?}",
                minimizer.status()
            );
            // Eleven digits are certified.
            assert!(
                (minimizer.sse() / nist.sse - 1.0).abs() < 1e-10,
                "{start:?}"
            );
            for (estimate, certified) in minimizer.params().iter().zip(nist.params) {
                assert!(
                    (estimate / certified - 1.0).abs() < 1e-10,
                    "{start:?}: {estimate}"
                );
            }
        }
    }

    #[test]
    fn nist_problems_are_solved_from_both_their_starts() {
        reaches_the_certified_minimum(&MISRA1A);
        reaches_the_certified_minimum(&THURBER);
        reaches_the_certified_minimum(&MGH09);
        reaches_the_certified_minimum(&ECKERLE4);
        reaches_the_certified_minimum(&RAT43);
    }

    #[test]
    fn bounds_do_not_move_a_minimum_inside_them() {
        let bounds = [Bound::Above(0.0), Bound::Between(0.0, 1.0)];
        let minimizer = descend(&mut MISRA1A.problem(), &bounds, &MISRA1A.starts[1]);
        for (estimate, certified) in minimizer.params().iter().zip(MISRA1A.params) {
            assert!((estimate / certified - 1.0).abs() < 1e-10);
        }
    }

    #[test]
    fn a_minimum_beyond_a_bound_ends_next_to_it() {
        let bounds = [Bound::Above(0.0), Bound::Below(5e-4)];
        let minimizer = descend(&mut MISRA1A.problem(), &bounds, &[250.0, 4e-4]);
        assert!(minimizer.status().converged());
        assert!(minimizer.params()[1] < 5e-4 && minimizer.params()[1] > 5e-4 - 1e-9);
    }

    #[test]
    fn failures_on_the_way_are_rejected_steps() {
        // The full step from 3 overshoots to below zero, where the model fails or is NaN.
        for failure in [
            Err("below zero"),
            Ok((f64::NAN, f64::NAN)),
            Ok((f64::INFINITY, 1.0)),
        ] {
            let mut problem = Line(|x: f64| {
                if x < 0.0 {
                    failure
                } else {
                    Ok((x.sqrt().atan() - 0.1, 0.5 / x.sqrt() / (1.0 + x)))
                }
            });
            let minimizer = descend(&mut problem, &[Bound::Free], &[3.0]);
            assert!(minimizer.status().converged());
            assert!((minimizer.params()[0] - 0.1_f64.tan().powi(2)).abs() < 1e-12);
        }
    }

    #[test]
    fn a_start_that_fails_says_why() {
        let mut fails = Line(|_| Err("always"));
        let start = Minimizer::new(&mut fails, &[Bound::Free], &[1.0], Tolerances::default());
        assert_eq!(start.err(), Some(StartError::Model("always")));
        for values in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (1e200, 1.0)] {
            let mut problem = Line(|_| Ok(values));
            let start = Minimizer::new(&mut problem, &[Bound::Free], &[1.0], Tolerances::default());
            assert_eq!(start.err(), Some(StartError::NotFinite));
        }
    }

    #[test]
    fn a_wrong_derivative_is_stuck_and_no_minimum() {
        let mut problem = Line(|x: f64| Ok((1.0 + x * x, -1.0)));
        let minimizer = descend(&mut problem, &[Bound::Free], &[1.0]);
        assert_eq!(minimizer.status(), Status::Stuck);
    }

    #[test]
    fn exact_data_end_at_zero_residuals() {
        let mut problem = Line(|x: f64| Ok((x.exp() - 2.0, x.exp())));
        let minimizer = descend(&mut problem, &[Bound::Free], &[0.0]);
        assert!(minimizer.status().converged());
        assert!((minimizer.params()[0] - std::f64::consts::LN_2).abs() < 1e-15);
    }

    #[test]
    fn a_flat_direction_neither_fails_nor_wanders() {
        let mut product = Problem::new(2, |&[a, b], sink| {
            sink(a * b - 6.0);
            sink(a * b - 7.0);
        });
        let minimizer = descend(&mut product, &[Bound::Free; 2], &[2.0, 1.0]);
        let params = minimizer.params();
        assert!(minimizer.status().converged());
        assert!((params[0] * params[1] - 6.5).abs() < 1e-12);
        assert!(params[0].abs() < 10.0 && params[1].abs() < 10.0);
    }

    #[test]
    fn fewer_residuals_than_parameters_are_met_exactly() {
        let mut sum = Problem::new(1, |&[a, b, c], sink| sink(a + b * 2.0 + c.exp() - 4.0));
        let minimizer = descend(&mut sum, &[Bound::Free; 3], &[0.0; 3]);
        assert!(minimizer.status().converged() && minimizer.sse() < 1e-28);
    }

    #[test]
    fn nothing_to_fit_is_a_minimum() {
        /// Residuals of one that no parameter changes.
        fn ones<const N: usize>(m: usize) -> Problem<N> {
            Problem::new(m, move |_, sink| (0..m).for_each(|_| sink(1.0.into())))
        }
        assert_eq!(
            descend(&mut ones::<0>(3), &[], &[]).status(),
            Status::Gradient
        );
        let free = [Bound::Free];
        assert_eq!(
            descend(&mut ones::<1>(0), &free, &[1.0]).status(),
            Status::Gradient
        );
        let flat = descend(&mut ones::<1>(3), &free, &[1.0]);
        assert!(flat.is_flat() && flat.sse() == 3.0);
    }
}
