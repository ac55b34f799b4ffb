//! Programs of the register machine as entries.
//!
//! A distribution for each argument goes in, that of the result comes out.
//!
//! **Invariants**
//! - What a program is to whole numbers is the integer machine's, exactly.

use super::entry::{Entry, check};
use crate::dfdx::error::ModuleError;
use crate::machine::library::{Argument, Code, Frozen, LibraryError};

/// A frozen program of the register machine.
#[derive(Clone, Debug)]
pub struct MachineEntry(Frozen);

impl MachineEntry {
    /// A program of a library; see [`Frozen::new`].
    ///
    /// # Errors
    /// [`ModuleError::Request`] with what [`Frozen::new`] says.
    pub fn new(
        code: &Code,
        name: &str,
        arguments: &[Argument],
        steps: usize,
    ) -> Result<Self, ModuleError> {
        let frozen = Frozen::new(code, name, arguments, steps);
        frozen.map(Self).map_err(|error| refused(&error))
    }
}

fn refused(error: &LibraryError) -> ModuleError {
    ModuleError::Request(error.to_string())
}

impl Entry for MachineEntry {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn widths(&self) -> Vec<usize> {
        self.0.widths()
    }

    fn outputs(&self) -> usize {
        self.0.base()
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        check(self, rows, constants, out)?;
        out.fill(0.0);
        let outs = out.chunks_exact_mut(self.outputs());
        for (row, out) in rows.chunks_exact(self.row()).zip(outs) {
            self.0.run(row, out).map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        _: &mut [f64],
    ) -> Result<(), ModuleError> {
        check(self, rows, constants, by_out)?;
        let width = self.row();
        let rows = rows
            .chunks_exact(width)
            .zip(by_rows.chunks_exact_mut(width));
        for ((row, by_row), by_out) in rows.zip(by_out.chunks_exact(self.outputs())) {
            self.0
                .pull_back(row, by_out, by_row)
                .map_err(|error| refused(&error))?;
        }
        Ok(())
    }
}
