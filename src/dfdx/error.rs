//! Why a program is no layer of a network, or fails as one.
//!
//! **Invariants**
//! - Failures of rows name the row, and the place in the program's text where there is one.

use crate::model::Error;
use crate::source::Position;
use ::dfdx::tensor::CpuError;
use std::fmt;

/// Why a module could not be made or could not be applied.
///
/// `Debug` writes what `Display` does, because that is what dfdx's `forward` panics with.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The program is wrong before it runs.
    #[error("{error}{}", at(*.position))]
    Program {
        /// What is wrong.
        error: Error,
        /// Where in the program's text.
        position: Option<Position>,
    },
    /// The program failed on a row.
    #[error("row {row}: {error}{}", at(*.position))]
    Row {
        /// Which row, from 0.
        row: usize,
        /// How it failed.
        error: Error,
        /// Where in the program's text.
        position: Option<Position>,
    },
    /// The program's value is not what the module's type says.
    #[error("row {row}: the program's value is {found}, and the module gives {expected}")]
    Output {
        /// Which row, from 0.
        row: usize,
        /// What the value is.
        found: String,
        /// What the module gives.
        expected: String,
    },
    /// Names or values do not fit the program.
    #[error("{0}")]
    Request(String),
    /// A file of constants cannot be written or read, or is of other constants.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The module was built without a program, by `BuildModule::build`.
    #[error("the module has no program; make it with `ProgramModule::new`")]
    NoProgram,
    /// dfdx could not get memory.
    #[error("{0}")]
    Device(#[from] CpuError),
}

impl fmt::Debug for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn at(position: Option<Position>) -> String {
    position.map_or(String::new(), |position| format!(" at {position}"))
}
