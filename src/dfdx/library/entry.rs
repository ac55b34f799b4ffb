//! The one interface of what a network calls.
//!
//! Rows of numbers go in, rows of numbers come out, and cotangents go back.
//!
//! **Invariants**
//! - A row has the numbers of each argument, in the order of [`Entry::widths`], one after the other.
//! - `pull_back` adds, and needs nothing of the run before it.

use crate::dfdx::error::ModuleError;
use std::fmt::Debug;
use std::sync::Arc;

/// What a network calls: frozen, exact where its inputs are, differentiable between.
pub trait Entry: Debug + Send + Sync {
    /// What it is called.
    fn name(&self) -> &str;

    /// How many numbers each argument has.
    fn widths(&self) -> Vec<usize>;

    /// How many numbers it gives.
    fn outputs(&self) -> usize;

    /// Its learnable constants, by name and initial coordinate; a coordinate is any real number.
    fn constants(&self) -> Vec<(String, f64)> {
        Vec::new()
    }

    /// The values that coordinates of the constants stand for.
    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        coordinates.to_vec()
    }

    /// Runs rows: every number of `out` is written.
    ///
    /// # Errors
    /// What a program fails with, and the row.
    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError>;

    /// Adds to the cotangents of rows and constants what those of the outputs come to.
    ///
    /// # Errors
    /// As [`Entry::run`].
    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError>;

    /// How many numbers a row has.
    fn row(&self) -> usize {
        self.widths().iter().sum()
    }
}

impl<T: Entry + ?Sized> Entry for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn widths(&self) -> Vec<usize> {
        (**self).widths()
    }

    fn outputs(&self) -> usize {
        (**self).outputs()
    }

    fn constants(&self) -> Vec<(String, f64)> {
        (**self).constants()
    }

    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        (**self).values(coordinates)
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        (**self).run(rows, constants, out)
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError> {
        (**self).pull_back(rows, constants, by_out, by_rows, by_constants)
    }
}

/// Refuses rows that are not whole, or for which there is another number of outputs or constants.
pub(super) fn check(
    entry: &dyn Entry,
    rows: &[f64],
    constants: &[f64],
    out: &[f64],
) -> Result<usize, ModuleError> {
    let (row, outputs) = (entry.row(), entry.outputs());
    let count = rows.len().checked_div(row).unwrap_or(0);
    let wanted = entry.constants().len();
    if count * row == rows.len() && out.len() == count * outputs && constants.len() == wanted {
        return Ok(count);
    }
    Err(ModuleError::Request(format!(
        "`{}` takes rows of {row} numbers to {outputs} with {wanted} constants, and is given {} \
         numbers, {} for its outputs and {} constants",
        entry.name(),
        rows.len(),
        out.len(),
        constants.len()
    )))
}
