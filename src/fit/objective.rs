//! `Objective`: what the search for a minimum asks of a problem.
//!
//! Parameters go in; the value that is to be low comes out, with what it is made of: scores, and their
//! derivatives.
//!
//! **Invariants**
//! - What comes out depends on the parameters alone, bit for bit: the same point is asked for by
//!   different threads, after different others.
//!
//! For least squares the scores are the residuals and the value is the sum of their squares. For a
//! likelihood the value is -2 log L up to a constant, and scores and Jacobian are chosen so that
//! `J^T scores` is half its gradient and `J^T J` half its expected curvature (Fisher's scoring): the
//! same steps minimize both.

/// A value to be low, as a function of n parameters, with m scores.
pub(crate) trait Objective {
    /// Why a point has no value.
    type Error;

    /// The number of scores, m.
    fn rows(&self) -> usize;

    /// Writes the m scores at the n values of `params` to `scores`, and gives the value there.
    ///
    /// # Errors
    /// When the model fails at this point. Numbers that are not finite are no error.
    fn value(&mut self, params: &[f64], scores: &mut [f64]) -> Result<f64, Self::Error>;

    /// The same, and the derivatives to `jacobian`, m x n and column-major: `jacobian[j * m + i]` is the
    /// derivative of score i by parameter j.
    ///
    /// # Errors
    /// When the model fails at this point.
    fn linearize(
        &mut self,
        params: &[f64],
        scores: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<f64, Self::Error>;

    /// A sum of squares that is no more than the rounding of the data: at or below it, all values are
    /// the same. Zero where nothing is known.
    fn rounding(&self) -> f64 {
        0.0
    }

    /// Whether the value is the sum of the scores' squares; otherwise it is -2 log L.
    fn is_least_squares(&self) -> bool {
        true
    }
}

/// The sum of the squares.
pub(crate) fn sum_of_squares(scores: &[f64]) -> f64 {
    scores.iter().map(|r| r * r).sum()
}
