//! `Desk`: a problem with room for what it gives at a point.
//!
//! An [`Objective`] goes in; its value, scores and derivatives at points come out, and the triangle of
//! these, made where they stand.
//!
//! **Invariants**
//! - A desk is one thread's, and all that takes m numbers is on it.
//! - Numbers that are not finite are no result.

use super::objective::Objective;
use super::triangle::{Lanes, Triangle};
use std::ops::AddAssign;

/// How often a problem was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evaluations {
    /// Calls of [`Objective::value`].
    pub(crate) residuals: usize,
    /// Calls of [`Objective::linearize`].
    pub(crate) jacobians: usize,
}

impl Evaluations {
    /// Of either kind.
    pub(crate) fn all(self) -> usize {
        self.residuals + self.jacobians
    }
}

impl AddAssign for Evaluations {
    fn add_assign(&mut self, other: Self) {
        self.residuals += other.residuals;
        self.jacobians += other.jacobians;
    }
}

/// Whether a Jacobian and scores of so many numbers are small.
pub(super) fn are_few(numbers: usize) -> bool {
    numbers <= 2048
}

/// Why a minimizer cannot start at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartError<E> {
    /// The model fails there.
    Model(E),
    /// A score, a derivative or the value is not finite there.
    NotFinite,
}

/// A problem, with room for what it gives at a point.
pub(crate) struct Desk<P> {
    pub(crate) problem: P,
    /// The Jacobian, column-major, then the scores.
    numbers: Vec<f64>,
    /// Room for the rows of a triangle.
    block: Vec<Lanes>,
    rows: usize,
    evaluations: Evaluations,
}

impl<P: Objective> Desk<P> {
    /// A desk for n parameters.
    pub(crate) fn new(problem: P, n: usize) -> Self {
        let rows = problem.rows();
        Self {
            problem,
            numbers: vec![0.0; rows * (n + 1)],
            block: Vec::new(),
            rows,
            evaluations: Evaluations::default(),
        }
    }

    /// Whether derivatives are hardly more work than a call.
    pub(super) fn is_small(&self) -> bool {
        are_few(self.numbers.len())
    }

    pub(super) fn value(&mut self, params: &[f64]) -> Result<f64, StartError<P::Error>> {
        let scores = &mut self.numbers[params.len() * self.rows..];
        self.evaluations.residuals += 1;
        let value = self
            .problem
            .value(params, scores)
            .map_err(StartError::Model)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(StartError::NotFinite)
        }
    }

    /// Fills in the Jacobian and the scores at a point, and gives the value.
    pub(crate) fn fill(&mut self, params: &[f64]) -> Result<f64, StartError<P::Error>> {
        let (jacobian, scores) = self.numbers.split_at_mut(params.len() * self.rows);
        self.evaluations.jacobians += 1;
        let value = self.problem.linearize(params, scores, jacobian);
        let value = value.map_err(StartError::Model)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(StartError::NotFinite)
        }
    }

    /// Whether the value at a point is at most so much.
    pub(super) fn is_as_low(&mut self, params: &[f64], limit: f64) -> bool {
        self.value(params).is_ok_and(|value| value <= limit)
    }

    /// The Jacobian of n parameters and the scores that [`Desk::fill`] left.
    pub(crate) fn filled(&self, n: usize) -> (&[f64], &[f64]) {
        self.numbers.split_at(n * self.rows)
    }

    /// The value at a point, and the triangle of the Jacobian beside the scores.
    pub(crate) fn linearize(
        &mut self,
        params: &[f64],
        order: &[usize],
    ) -> Result<(f64, Triangle), StartError<P::Error>> {
        let value = self.fill(params)?;
        let triangle = Triangle::of_blocks(&self.numbers, self.rows, order, &mut self.block);
        if triangle.is_finite() {
            Ok((value, triangle))
        } else {
            Err(StartError::NotFinite)
        }
    }

    /// What was asked since it was last taken.
    pub(crate) fn evaluations(&self) -> Evaluations {
        self.evaluations
    }

    /// What was asked since this was last asked.
    pub(crate) fn take_evaluations(&mut self) -> Evaluations {
        std::mem::take(&mut self.evaluations)
    }
}
