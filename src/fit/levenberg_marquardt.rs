//! The Levenberg-Marquardt method: a minimum from one start, one trial step at a time.
//!
//! An [`Objective`] and a starting point go in; a local minimum of its value comes out, as far as the
//! steps taken so far have got.
//!
//! **Invariants**
//! - The value never grows, but for the last digits in [`Minimizer::polish`].
//! - A trial point where the model fails, or gives anything but finite numbers, is a rejected step:
//!   the method shortens the step and never panics.
//! - Equal problems, starts and numbers of steps give equal bits: nothing here depends on time,
//!   threads or chance.
//! - Units do not matter: a factor to the scores, or to a parameter that starts there, changes nothing but
//!   the exponents of numbers.
//! - A minimizer keeps n x n numbers; what takes m is a [`Desk`]'s, which all of a thread share.
//!
//! The method is Moré's ("The Levenberg-Marquardt algorithm: implementation and theory", 1978; the
//! one in MINPACK): a trust region `|D s| <= delta`, and the damping that puts the step on its edge. What
//! differs:
//!
//! - It works in the coordinates of [`Space`]. Where a step would go through a wall, it ends there along
//!   that coordinate, and the others are solved for anew: an active set.
//! - Parameters that the scores are linear in move as the linear model has them, and are solved for at each
//!   trial point where that is not enough (Golub and Pereyra's variable projection, 1973, with Kaufman's
//!   steps: what they take away is taken from the other columns too).
//! - `D` holds the largest norms of the Jacobian's columns, and after some steps it forgets, since a start
//!   may be in other units than the data.
//! - In place of column pivoting, the damping has a floor of 1e-11 of the Jacobian's size. That is
//!   below what the step can feel while the problem is determined, and where it is not it keeps the
//!   step short along the directions that do not matter.
//!
//! The linear algebra of a step is in `triangle`.

use super::desk::{Desk, Evaluations, StartError};
use super::objective::Objective;
use super::space::Space;
use super::triangle::{Step, Triangle, norm};

/// When a point counts as a minimum. All three are relative, with their MINPACK meanings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerances {
    /// Enough when a step lowers the value, and was expected to lower it, by at most this part of the
    /// scores' squares.
    pub(crate) reduction: f64,
    /// Enough when the trust region is at most this part of the parameters.
    pub(crate) step: f64,
    /// Enough when the cosine of the angle between the scores and each column of the Jacobian is
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
    /// Another step may lower the value.
    Running,
    /// A minimum: steps no longer lower the value.
    Reduction,
    /// A minimum: the steps left are too short to matter.
    Step,
    /// A minimum: the gradient is zero, or the scores are.
    Gradient,
    /// No step lowers the value although the gradient says so: the model fails all around, jumps, or its
    /// derivatives are not those of its values.
    Stuck,
}

impl Status {
    /// Whether the point is a minimum by one of the [`Tolerances`].
    pub(crate) fn converged(self) -> bool {
        matches!(self, Self::Reduction | Self::Step | Self::Gradient)
    }
}

/// The first trust region, in multiples of the parameters' magnitudes. Short, for MINPACK's range of
/// 0.1 to 100: it doubles with each good step, while a first step too long can end in a plain far
/// from the minimum, where nothing leads back.
const FIRST_RADIUS: f64 = 0.3;

/// The share of a predicted reduction that a step must bring to be accepted.
const ACCEPTED_GAIN: f64 = 1e-4;

/// What the worst of rejected steps leaves of the trust region's radius.
const REJECTED_SHRINK: f64 = 0.1;

/// For so many steps a column's largest norm is remembered, as Moré has it: that keeps the first steps
/// careful.
const CAREFUL: usize = 20;

/// How much of it is remembered from one accepted point to the next after that: a start that was 1e19 too
/// large is forgotten after some steps.
const REMEMBERED: f64 = 0.1;

/// Where linear parameters, moved as the linear model has them, lose no more than this share of what solving
/// for them would bring, they are left there, for the next step: that saves an evaluation.
const GOOD_SHARE: f64 = 0.5;

/// A linear parameter that comes out at less than this part of what it was has lost as many digits.
const TINY: f64 = 1e-4;

/// Where what is left of the scores' squares is less than this part, differences of numbers as large as the
/// scores have too few digits: what is solved for is solved for once more, from 0.
const LOST: f64 = 1e-20;

/// A point where no step helps is [`Status::Stuck`], not a minimum, if the cosine is above this
const STUCK_COSINE: f64 = 1e-6;

/// and the undamped step, in multiples of the parameters' magnitudes, is longer than this.
const STUCK_STEP: f64 = 1e-6;

/// A descent from one starting point, which [`Minimizer::step`] carries on.
#[derive(Clone, Debug)]
pub(crate) struct Minimizer<'a> {
    pub(super) space: &'a Space<'a>,
    pub(super) tolerances: Tolerances,
    pub(super) current: Point,
    /// The point of the last trial step.
    pub(super) trial: Point,
    /// The diagonal of `D`, by parameter: zero where a column always was.
    pub(super) scale: Vec<f64>,
    /// The linear model in the coordinates that are searched for.
    pub(super) model: Model,
    /// The largest cosine between the scores and a column of the Jacobian that may still move.
    pub(super) cosine: f64,
    /// The radius of the trust region, in the norm `|D s|`.
    pub(super) radius: f64,
    pub(super) damping: f64,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) evaluations: Evaluations,
    /// The lowest value of a point that was not moved to because its derivatives are not finite.
    pub(super) refused: f64,
}

/// A point and what the problem says of it.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) coordinates: Vec<f64>,
    pub(super) params: Vec<f64>,
    pub(super) value: f64,
    /// Of the Jacobian in the parameters themselves, in the order of the space.
    pub(super) triangle: Triangle,
}

/// The scaled triangle of some parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) params: Vec<usize>,
    pub(super) triangle: Triangle,
}

impl<'a> Minimizer<'a> {
    /// A minimizer at `params`, n values inside their bounds. Takes one evaluation of the value, unless the
    /// desk is small, and one of the Jacobian where it is finite; two where parameters are solved for.
    ///
    /// # Errors
    /// When the model fails at `params` or is not finite there.
    pub(crate) fn new<P: Objective>(
        desk: &mut Desk<P>,
        space: &'a Space<'a>,
        params: &[f64],
        tolerances: Tolerances,
    ) -> Result<Self, StartError<P::Error>> {
        desk.take_evaluations();
        let mut current = Point::at(desk, space, params)?;
        current.solve(desk, space, None, true);
        let mut minimizer = Self {
            space,
            tolerances,
            trial: current.clone(),
            scale: vec![0.0; params.len()],
            current,
            model: Model::default(),
            cosine: 0.0,
            radius: FIRST_RADIUS,
            damping: 0.0,
            status: Status::Running,
            iterations: 0,
            evaluations: desk.take_evaluations(),
            refused: f64::INFINITY,
        };
        minimizer.look();
        let size = minimizer.size();
        if size > 0.0 {
            minimizer.radius *= size;
        }
        Ok(minimizer)
    }

    /// Tries one step: one evaluation of the value, and one of the Jacobian if it is accepted; on a small desk
    /// one of the Jacobian; where parameters are solved for, one or two of it. Does nothing unless the status is
    /// [`Status::Running`].
    pub(crate) fn step<P: Objective>(&mut self, desk: &mut Desk<P>) -> Status {
        if self.status == Status::Running {
            desk.take_evaluations();
            self.status = self.attempt(desk);
            self.evaluations += desk.take_evaluations();
        }
        self.status
    }

    /// Takes up a descent that has ended, in another space of the same parameters and to end by other
    /// tolerances. One evaluation of the Jacobian.
    ///
    /// # Errors
    /// When the model fails where it gave numbers before.
    pub(crate) fn resume<P: Objective>(
        &mut self,
        desk: &mut Desk<P>,
        space: &'a Space<'a>,
        tolerances: Tolerances,
    ) -> Result<(), StartError<P::Error>> {
        let params = self.current.params.clone();
        let (value, triangle) = desk.linearize(&params, space.order())?;
        self.space = space;
        self.current.move_to(space, params, value, triangle);
        self.trial = self.current.clone();
        self.scale.fill(0.0);
        self.look();
        let size = self.size();
        self.radius = if size > 0.0 {
            FIRST_RADIUS * size
        } else {
            FIRST_RADIUS
        };
        self.damping = 0.0;
        self.tolerances = tolerances;
        self.status = Status::Running;
        Ok(())
    }

    /// The value at [`Minimizer::params`].
    pub(crate) fn value(&self) -> f64 {
        self.current.value
    }

    /// The sum of the scores' squares there: what changes of the value are small against.
    pub(crate) fn spread(&self) -> f64 {
        self.current.triangle.length().powi(2)
    }

    /// What the linear model says the value can fall by, of the current point and with no bounds.
    pub(crate) fn promised(&self) -> f64 {
        let triangle = &self.current.triangle;
        self.spread() - triangle.rest(triangle.len()).powi(2)
    }

    /// How far other parameters are from these, by how much the scores would change in all: the square of
    /// the length, by the linear model.
    pub(crate) fn distance(&self, params: &[f64]) -> f64 {
        let order = self.space.order().iter();
        let by: Vec<f64> = order.map(|&j| params[j] - self.current.params[j]).collect();
        self.current.triangle.image_norm(&by).powi(2)
    }

    /// Where it moves.
    pub(super) fn space(&self) -> &'a Space<'a> {
        self.space
    }

    /// The n parameters, inside their bounds.
    pub(crate) fn params(&self) -> &[f64] {
        &self.current.params
    }

    /// Whether no parameter changes the scores, and they are not zero: a point that has nothing
    /// to go by.
    pub(crate) fn is_flat(&self) -> bool {
        self.spread() > 0.0 && self.scale.iter().all(|&d| d == 0.0)
    }

    /// The parameters that are at an end and would go on if they could.
    pub(crate) fn held(&self) -> Vec<usize> {
        (0..self.space.len()).filter(|&j| self.is_held(j)).collect()
    }

    /// Whether a point with a lower value was met and not moved to, because its derivatives are not
    /// finite.
    pub(crate) fn is_held_back(&self) -> bool {
        self.refused < self.value()
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

    fn attempt<P: Objective>(&mut self, desk: &mut Desk<P>) -> Status {
        let no_noise =
            desk.problem.is_least_squares() && self.current.value <= desk.problem.rounding();
        if self.cosine <= self.tolerances.gradient || no_noise {
            return Status::Gradient;
        }
        if self.model.params.is_empty() {
            // What is left is linear, and was solved for.
            return Status::Reduction;
        }
        let step = self.boxed_step();
        let params = std::mem::take(&mut self.model.params);
        self.place_trial(&params, &step.by);
        self.model.params = params;
        if self.space.solved() > 0 {
            self.place_linear();
        }
        if self.iterations == 0 {
            self.radius = self.radius.min(step.length);
        }
        self.damping = step.damping;
        self.iterations += 1;

        let spread = self.spread();
        let along: f64 = (step.by.iter().enumerate())
            .map(|(k, by)| by * self.model.triangle.gradient(0, k))
            .sum();
        let slope = -along / spread;
        let predicted = 2.0 * slope - self.model.triangle.image_norm(&step.by).powi(2) / spread;
        let solved = self.space.solved() > 0;
        let (mut linearized, mut refused) = (solved, false);
        let value = if solved {
            self.solve_trial(desk)
        } else if desk.is_small() {
            // Most steps are accepted, and an evaluation costs the more for being one.
            match desk.linearize(&self.trial.params, self.space.order()) {
                Ok((value, triangle)) => {
                    (self.trial.value, self.trial.triangle) = (value, triangle);
                    linearized = true;
                    Some(value)
                }
                Err(StartError::Model(_)) => None,
                Err(StartError::NotFinite) => {
                    refused = true;
                    let value = desk.value(&self.trial.params).ok();
                    self.refused = self.refused.min(value.unwrap_or(f64::INFINITY));
                    value
                }
            }
        } else {
            desk.value(&self.trial.params).ok()
        };
        let reduction = match value.map(|value| (self.current.value - value) / spread) {
            Some(reduction) if reduction > -99.0 => reduction,
            _ => -1.0,
        };
        let gain = reduction / predicted;
        self.resize(&step, gain, reduction, slope);

        let accepted =
            gain >= ACCEPTED_GAIN && !refused && (linearized || self.linearize_trial(desk));
        if gain >= ACCEPTED_GAIN && !accepted {
            self.radius = REJECTED_SHRINK * step.length;
        }
        if accepted {
            self.accept();
        }
        self.judge(accepted, reduction, predicted)
    }

    /// A step of the model within the trust region and the walls.
    fn boxed_step(&self) -> Step {
        let room = |&j: &usize| {
            let (down, up) = self.space.room(j, self.current.coordinates[j]);
            (down * self.scale[j], up * self.scale[j])
        };
        let room: Vec<(f64, f64)> = self.model.params.iter().map(room).collect();
        let mut step = self.model.triangle.bounded_step(self.radius, self.damping);
        let mut fixed: Vec<Option<f64>> = vec![None; room.len()];
        loop {
            let mut more = false;
            for (k, &(down, up)) in room.iter().enumerate() {
                if fixed[k].is_none() && (step.by[k] < down || step.by[k] > up) {
                    fixed[k] = Some(step.by[k].clamp(down, up));
                    more = true;
                }
            }
            if !more {
                return step;
            }
            let free: Vec<usize> = (0..room.len()).filter(|&k| fixed[k].is_none()).collect();
            let part = self.model.triangle.part(
                0,
                free.iter().map(|&k| (k, 1.0)),
                fixed
                    .iter()
                    .enumerate()
                    .filter_map(|(k, by)| Some((k, (*by)?))),
            );
            let inner = part.bounded_step(self.radius, self.damping);
            for (k, by) in fixed.iter().enumerate() {
                step.by[k] = by.unwrap_or_default();
            }
            for (&k, by) in free.iter().zip(&inner.by) {
                step.by[k] = *by;
            }
            step.damping = inner.damping;
            step.length = norm(step.by.iter().copied());
        }
    }

    /// Linearizes at the trial point; solves for the linear parameters where that lowers the value, and by
    /// enough, and linearizes there. Gives the value.
    fn solve_trial<P: Objective>(&mut self, desk: &mut Desk<P>) -> Option<f64> {
        let (value, triangle) = self.linearized(desk)?;
        (self.trial.value, self.trial.triangle) = (value, triangle);
        let (params, left) = self.trial.solved(self.space)?;
        if desk.problem.is_least_squares() {
            if left >= self.current.value {
                return Some(left);
            }
            if value - left <= GOOD_SHARE * (self.current.value - left) {
                return Some(value);
            }
        }
        self.trial
            .solve(desk, self.space, Some((params, left)), true);
        Some(self.trial.value)
    }

    /// Moves the linear parameters of the trial point to where the linear model has them.
    fn place_linear(&mut self) {
        let current = &self.current;
        let solved = self.space.solved();
        let by = |k: usize| {
            let j = self.space.order()[k];
            (k, self.trial.params[j] - current.params[j])
        };
        let moved: Vec<(usize, f64)> = (solved..self.space.len()).map(by).collect();
        if let Some((params, _)) = current.solved_beside(self.space, &moved) {
            for &j in &self.space.order()[..solved] {
                self.trial.params[j] = params[j];
                self.trial.coordinates[j] = self.space.coordinate(j, params[j]);
            }
        }
    }

    fn linearized<P: Objective>(&mut self, desk: &mut Desk<P>) -> Option<(f64, Triangle)> {
        match desk.linearize(&self.trial.params, self.space.order()) {
            Ok(point) => Some(point),
            Err(StartError::Model(_)) => None,
            Err(StartError::NotFinite) => {
                // The value may be finite, and only the derivatives are not.
                if let Ok(value) = desk.value(&self.trial.params) {
                    self.refused = self.refused.min(value);
                }
                None
            }
        }
    }

    /// Looks at the trial point's derivatives; whether it has any.
    fn linearize_trial<P: Objective>(&mut self, desk: &mut Desk<P>) -> bool {
        match self.linearized(desk) {
            Some((value, triangle)) => {
                (self.trial.value, self.trial.triangle) = (value, triangle);
                true
            }
            None => false,
        }
    }

    /// Moves the trust region's radius by how well the linear model foretold the reduction: the
    /// rule of MINPACK's `lmder`.
    fn resize(&mut self, step: &Step, gain: f64, reduction: f64, slope: f64) {
        // A NaN gain counts as a bad one.
        if gain > 0.25 {
            if step.damping <= self.model.triangle.damping_floor() || gain >= 0.75 {
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

    pub(super) fn accept(&mut self) {
        std::mem::swap(&mut self.current, &mut self.trial);
        self.look();
    }

    /// Takes in what the current point says: the scale, the model and the cosine.
    pub(super) fn look(&mut self) {
        let length = self.current.triangle.length();
        self.cosine = 0.0;
        let remembered = if self.iterations <= CAREFUL {
            1.0
        } else {
            REMEMBERED
        };
        for (k, &j) in self.space.order().iter().enumerate() {
            let norm = self.current.triangle.column_norm(k);
            let slope = self.space.slope(j, self.current.coordinates[j]);
            self.scale[j] = f64::max(norm * slope, remembered * self.scale[j]);
            if norm > 0.0 && length > 0.0 && !self.is_held(j) {
                let cosine = self.current.triangle.gradient(0, k) / (norm * length);
                self.cosine = self.cosine.max(cosine.abs());
            }
        }
        self.model = self.model_from(self.space.solved());
    }

    /// The model of the parameters from a place of the order on.
    pub(super) fn model_from(&self, from: usize) -> Model {
        let order = self.space.order();
        let moves = |k: &usize| self.scale[order[*k]] > 0.0 && !self.is_held(order[*k]);
        let places: Vec<usize> = (from..order.len()).filter(moves).collect();
        let factor = |&k: &usize| {
            let j = order[k];
            (
                k,
                self.space.slope(j, self.current.coordinates[j]) / self.scale[j],
            )
        };
        let none = std::iter::empty();
        Model {
            triangle: self
                .current
                .triangle
                .part(from, places.iter().map(factor), none),
            params: places.iter().map(|&k| order[k]).collect(),
        }
    }

    /// Whether a parameter is at an end and would go on if it could.
    pub(super) fn is_held(&self, j: usize) -> bool {
        let (low, high) = self.space.bounds()[j].ends();
        let at = self.current.params[j];
        if at != low && at != high {
            return false;
        }
        let down = self.current.triangle.gradient(0, self.place(j));
        (at == low && down >= 0.0) || (at == high && down <= 0.0)
    }

    /// The place of a parameter in the order.
    pub(super) fn place(&self, j: usize) -> usize {
        self.space
            .order()
            .iter()
            .position(|&i| i == j)
            .unwrap_or_default()
    }

    fn judge(&self, accepted: bool, reduction: f64, predicted: f64) -> Status {
        let Tolerances {
            reduction: least,
            step,
            gradient,
        } = self.tolerances;
        if self.cosine <= gradient {
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
            || self.cosine <= STUCK_COSINE
            || self.model.triangle.floor_step().length <= STUCK_STEP * size
        {
            Status::Step
        } else {
            Status::Stuck
        }
    }

    /// The length `|D z|` of the magnitudes of what is searched for.
    fn size(&self) -> f64 {
        self.size_of(self.space.solved())
    }

    pub(super) fn size_of(&self, from: usize) -> f64 {
        norm(self.space.order()[from..].iter().map(|&j| {
            let magnitude = self.space.magnitude(j, self.current.coordinates[j]);
            // At an end that a logarithm is taken from there is no scale.
            if self.scale[j] > 0.0 {
                self.scale[j] * magnitude
            } else {
                0.0
            }
        }))
    }

    /// Puts the trial point a step of some parameters from the current one.
    pub(super) fn place_trial(&mut self, params: &[usize], by: &[f64]) {
        self.trial
            .coordinates
            .copy_from_slice(&self.current.coordinates);
        self.trial.params.copy_from_slice(&self.current.params);
        for (&j, by) in params.iter().zip(by) {
            let coordinate = self.current.coordinates[j] + by / self.scale[j];
            self.trial.params[j] = self.space.value(j, coordinate);
            self.trial.coordinates[j] = coordinate;
        }
    }
}

/// The value where a minimizer would begin, and the parameters there: those that are solved for may be
/// elsewhere. Its last evaluation is without derivatives, if it can be.
///
/// # Errors
/// When the model fails at `params` or is not finite there.
pub(super) fn beginning<P: Objective>(
    desk: &mut Desk<P>,
    space: &Space<'_>,
    params: &[f64],
) -> Result<(f64, Vec<f64>), StartError<P::Error>> {
    let mut point = Point::at(desk, space, params)?;
    point.solve(desk, space, None, false);
    Ok((point.value, point.params))
}

impl Point {
    fn at<P: Objective>(
        desk: &mut Desk<P>,
        space: &Space<'_>,
        params: &[f64],
    ) -> Result<Self, StartError<P::Error>> {
        // The value first: many a random start ends there, and it is the cheaper half.
        if !desk.is_small() {
            desk.value(params)?;
        }
        let (value, triangle) = desk.linearize(params, space.order())?;
        let coordinate = |(j, &p)| space.coordinate(j, p);
        Ok(Self {
            coordinates: params.iter().enumerate().map(coordinate).collect(),
            params: params.to_vec(),
            value,
            triangle,
        })
    }

    pub(super) fn move_to(
        &mut self,
        space: &Space<'_>,
        params: Vec<f64>,
        value: f64,
        triangle: Triangle,
    ) {
        for (j, &p) in params.iter().enumerate() {
            self.coordinates[j] = space.coordinate(j, p);
        }
        (self.params, self.value, self.triangle) = (params, value, triangle);
    }

    /// Moves to where the linear parameters are solved for, as long as that lowers the value; `solution` is
    /// what [`Point::solved`] gives here, where that is known. Unless it is `linearized`, the triangle in the
    /// end is not that of the point.
    fn solve<P: Objective>(
        &mut self,
        desk: &mut Desk<P>,
        space: &Space<'_>,
        mut solution: Option<(Vec<f64>, f64)>,
        linearized: bool,
    ) {
        /// Each time numbers that were far too large give their place to 0, where no digit is lost.
        const TIMES: usize = 3;
        for _ in 0..TIMES {
            if space.solved() == 0 {
                return;
            }
            let solution = solution.take().or_else(|| self.solved(space));
            let Some((mut params, left)) = solution else {
                return;
            };
            let is_lost = left < LOST * self.triangle.length().powi(2);
            let mut again = false;
            for &j in &space.order()[..space.solved()] {
                let (low, high) = space.bounds()[j].ends();
                let at = self.params[j].abs();
                if (is_lost && at > 0.0 || params[j].abs() < TINY * at) && low < 0.0 && 0.0 < high {
                    params[j] = 0.0;
                    again = true;
                }
            }
            let there = if linearized || again {
                desk.linearize(&params, space.order())
            } else {
                desk.value(&params)
                    .map(|value| (value, Triangle::default()))
            };
            match there {
                Ok((value, triangle)) if value < self.value || again && value <= self.value => {
                    self.move_to(space, params, value, triangle);
                }
                _ => return,
            }
            if !again {
                return;
            }
        }
    }

    /// The parameters with the linear ones solved for, within their bounds, and the sum of the scores'
    /// squares that is left by then. None where numbers are not finite.
    fn solved(&self, space: &Space<'_>) -> Option<(Vec<f64>, f64)> {
        self.solved_beside(space, &[])
    }

    /// The same where others move by so much, each a place of the order and its step.
    fn solved_beside(&self, space: &Space<'_>, moved: &[(usize, f64)]) -> Option<(Vec<f64>, f64)> {
        let mut params = self.params.clone();
        let mut fixed: Vec<Option<f64>> = vec![None; space.solved()];
        loop {
            let norm = |k: &usize| self.triangle.column_norm(*k);
            let free = |k: &usize| fixed[*k].is_none() && norm(k) > 0.0;
            let free: Vec<usize> = (0..fixed.len()).filter(free).collect();
            let part = self.triangle.part(
                0,
                free.iter().map(|k| (*k, 1.0 / norm(k))),
                fixed
                    .iter()
                    .enumerate()
                    .filter_map(|(k, by)| Some((k, (*by)?)))
                    .chain(moved.iter().copied()),
            );
            let step = part.floor_step();
            let mut more = false;
            for (k, by) in free.iter().zip(&step.by) {
                let j = space.order()[*k];
                let (low, high) = space.bounds()[j].ends();
                let to = self.params[j] + by / norm(k);
                if !to.is_finite() {
                    return None;
                }
                params[j] = to.clamp(low, high);
                if params[j] != to {
                    fixed[*k] = Some(params[j] - self.params[j]);
                    more = true;
                }
            }
            if !more {
                return Some((params, part.rest(part.len()).powi(2)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::known_problems::*;
    use super::*;
    use crate::fit::bounds::Bound;

    /// Where a descent ended.
    struct End {
        status: Status,
        params: Vec<f64>,
        value: f64,
        held: Vec<usize>,
        is_flat: bool,
    }

    fn descend<P: Objective>(problem: P, bounds: &[Bound], params: &[f64]) -> End {
        descend_in(problem, &Space::new(bounds), params)
    }

    fn descend_in<P: Objective>(problem: P, space: &Space<'_>, params: &[f64]) -> End {
        let mut desk = Desk::new(problem, params.len());
        let start = Minimizer::new(&mut desk, space, params, Tolerances::default());
        let mut minimizer = start.ok().expect("a start");
        while minimizer.iterations() < 1000 && minimizer.step(&mut desk) == Status::Running {}
        minimizer.polish(&mut desk, || true);
        minimizer.settle(&mut desk);
        End {
            status: minimizer.status(),
            params: minimizer.params().to_vec(),
            value: minimizer.value(),
            held: minimizer.held(),
            is_flat: minimizer.is_flat(),
        }
    }

    fn reaches_the_certified_minimum<const N: usize>(nist: &Nist<N>) {
        for start in nist.starts {
            let minimizer = descend(nist.problem(), &[Bound::Free; N], &start);
            assert!(
                minimizer.status.converged(),
                "{start:?}: {:?}",
                minimizer.status
            );
            // Eleven digits are certified.
            assert!(
                (minimizer.value / nist.sse - 1.0).abs() < 1e-10,
                "{start:?}"
            );
            for (estimate, certified) in minimizer.params.iter().zip(nist.params) {
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
        let minimizer = descend(MISRA1A.problem(), &bounds, &MISRA1A.starts[1]);
        for (estimate, certified) in minimizer.params.iter().zip(MISRA1A.params) {
            assert!((estimate / certified - 1.0).abs() < 1e-10);
        }
    }

    #[test]
    fn a_minimum_beyond_a_bound_ends_on_it() {
        for bound in [Bound::Below(5e-4), Bound::Between(4e-4, 5e-4)] {
            for linear in [false, true] {
                // MISRA1A is linear in its first parameter.
                let bounds = [Bound::Above(0.0), bound];
                let space = Space::with_linear(&bounds, vec![linear, false]);
                let minimizer = descend_in(MISRA1A.problem(), &space, &[250.0, 4e-4]);
                assert!(minimizer.status.converged());
                assert_eq!((minimizer.params[1], &minimizer.held[..]), (5e-4, &[1][..]));
                // The best of the first beside it.
                let free = Space::with_linear(&[Bound::Free; 2], vec![true, false]);
                let mut desk = Desk::new(MISRA1A.problem(), 2);
                let best = Minimizer::new(&mut desk, &free, &[1.0, 5e-4], Tolerances::default());
                let best = best.unwrap_or_else(|_| panic!("a start")).params()[0];
                assert!((minimizer.params[0] / best - 1.0).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn a_start_on_a_wall_leads_inside() {
        for linear in [false, true] {
            let bounds = [Bound::Between(0.0, 240.0), Bound::Between(1e-4, 1.0)];
            let space = Space::with_linear(&bounds, vec![linear, false]);
            let minimizer = descend_in(MISRA1A.problem(), &space, &[240.0, 1e-4]);
            for (estimate, certified) in minimizer.params.iter().zip(MISRA1A.params) {
                assert!(
                    (estimate / certified - 1.0).abs() < 1e-10,
                    "{linear}: {estimate}"
                );
            }
            assert!(minimizer.held.is_empty());
        }
    }

    #[test]
    fn units_change_nothing_but_exponents() {
        // Eckerle's peak in other units, its height from 1.
        for power in [-100, -44, -19, 0, 12, 23, 100] {
            let unit = 10.0_f64.powi(power);
            let problem = Problem::new(9, move |&[height, mean, sd], sink| {
                let heights = [0.02, 0.05, 0.25, 0.79, 1.22, 0.80, 0.24, 0.04, -0.01];
                for (i, y) in heights.into_iter().enumerate() {
                    let z = (mean * -1.0 + (1.0 + 0.1 * i as f64)) / sd;
                    sink(height * (z * z * -0.5).exp() - y * unit);
                }
            });
            let bounds = [Bound::Free; 3];
            let space = Space::with_linear(&bounds, vec![true, false, false]);
            let minimizer = descend_in(problem, &space, &[1.0, 1.5, 0.2]);
            let [height, mean, sd] = minimizer.params[..] else {
                unreachable!()
            };
            let expected = [1.207_930_9, 1.400_145_5, 0.111_196_72];
            for (found, expected) in [height / unit, mean, sd].into_iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-6, "1e{power}: {found}");
            }
        }
    }

    #[test]
    fn failures_on_the_way_are_rejected_steps() {
        // The full step from 3 overshoots to below zero, where the model fails or is NaN.
        for failure in [
            Err("below zero"),
            Ok((f64::NAN, f64::NAN)),
            Ok((f64::INFINITY, 1.0)),
        ] {
            let problem = Line(|x: f64| {
                if x < 0.0 {
                    failure
                } else {
                    Ok((x.sqrt().atan() - 0.1, 0.5 / x.sqrt() / (1.0 + x)))
                }
            });
            let minimizer = descend(problem, &[Bound::Free], &[3.0]);
            assert!(minimizer.status.converged());
            assert!((minimizer.params[0] - 0.1_f64.tan().powi(2)).abs() < 1e-12);
        }
    }

    #[test]
    fn a_start_that_fails_says_why() {
        let space = Space::new(&[Bound::Free]);
        let mut fails = Desk::new(Line(|_| Err("always")), 1);
        let start = Minimizer::new(&mut fails, &space, &[1.0], Tolerances::default());
        assert_eq!(start.err(), Some(StartError::Model("always")));
        for values in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (1e200, 1.0)] {
            let mut desk = Desk::new(Line(|_| Ok(values)), 1);
            let start = Minimizer::new(&mut desk, &space, &[1.0], Tolerances::default());
            assert_eq!(start.err(), Some(StartError::NotFinite));
        }
    }

    #[test]
    fn a_wrong_derivative_is_stuck_and_no_minimum() {
        let problem = Line(|x: f64| Ok((1.0 + x * x, -1.0)));
        let minimizer = descend(problem, &[Bound::Free], &[1.0]);
        assert_eq!(minimizer.status, Status::Stuck);
    }

    #[test]
    fn exact_data_end_at_zero_residuals() {
        let problem = Line(|x: f64| Ok((x.exp() - 2.0, x.exp())));
        let minimizer = descend(problem, &[Bound::Free], &[0.0]);
        assert!(minimizer.status.converged());
        assert!((minimizer.params[0] - std::f64::consts::LN_2).abs() < 1e-15);
    }

    #[test]
    fn a_flat_direction_neither_fails_nor_wanders() {
        let product = Problem::new(2, |&[a, b], sink| {
            sink(a * b - 6.0);
            sink(a * b - 7.0);
        });
        let minimizer = descend(product, &[Bound::Free; 2], &[2.0, 1.0]);
        let params = minimizer.params;
        assert!(minimizer.status.converged());
        assert!((params[0] * params[1] - 6.5).abs() < 1e-12);
        assert!(params[0].abs() < 10.0 && params[1].abs() < 10.0);
    }

    #[test]
    fn fewer_residuals_than_parameters_are_met_exactly() {
        let sum = Problem::new(1, |&[a, b, c], sink| sink(a + b * 2.0 + c.exp() - 4.0));
        let minimizer = descend(sum, &[Bound::Free; 3], &[0.0; 3]);
        assert!(minimizer.status.converged() && minimizer.value < 1e-28);
    }

    #[test]
    fn nothing_to_fit_is_a_minimum() {
        /// Residuals of one that no parameter changes.
        fn ones<const N: usize>(m: usize) -> Problem<N> {
            Problem::new(m, move |_, sink| (0..m).for_each(|_| sink(1.0.into())))
        }
        assert_eq!(descend(ones::<0>(3), &[], &[]).status, Status::Gradient);
        let free = [Bound::Free];
        assert_eq!(
            descend(ones::<1>(0), &free, &[1.0]).status,
            Status::Gradient
        );
        let flat = descend(ones::<1>(3), &free, &[1.0]);
        assert!(flat.is_flat && flat.value == 3.0);
    }
}
