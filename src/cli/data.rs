//! `--data`: the columns of a table as inputs, as a program declares them.
//!
//! A program's text and a file go in; its columns are bound to names, and what is wrong with either is
//! told at its place.
//!
//! **Invariants**
//! - A column is bound where the program has a use for it and no input of its name is given.
//! - Columns are what they are in a fit of series: lists, and matrices where `data-matrix` says so.

use super::report::{Failure, Fault, Source};
use crate::fit::table::Table;
use crate::fit::{FitError, columns_used};
use crate::syntax::Goal;
use crate::{Bindings, Interpreter};
use std::path::Path;

/// Reads a table.
pub(super) fn table(path: &Path) -> Result<Table<'static>, Failure> {
    Table::read(path).map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => Failure::Data(format!("{error}: {cause}")),
        None => Failure::Data(error.to_string()),
    })
}

/// Binds the columns of a file that a program has a use for, where no input of the name is given.
pub(super) fn bind_columns(
    bindings: &mut Bindings,
    path: &Path,
    interpreter: &Interpreter,
    source: &Source,
) -> Result<(), Failure> {
    let table = table(path)?;
    let program = interpreter
        .expand(&source.text, &[], Goal::Value)
        .map_err(Failure::of(source))?;
    if program.observations().iter().any(|other| other.by_row) {
        let message = "the model predicts row by row; instead of --data, give the numbers of one \
                       row with --input";
        return Err(Failure::Data(format!("{}: {message}", source.file())));
    }
    let columns = columns_used(&program, &table).map_err(|error| failure(&error, source))?;
    for name in columns.names() {
        if bindings.get(name).is_none()
            && let Some(column) = columns.get(name)
        {
            bindings.set(name, column.clone());
        }
    }
    Ok(())
}

/// What is wrong, at its place in the program if it has one.
pub(super) fn failure(error: &FitError, source: &Source) -> Failure {
    if let Some(error) = error.program_error() {
        return Failure::of(source)(error.clone());
    }
    match error.span() {
        Some(span) => Failure::Program(Box::new(Fault {
            kind: None,
            message: error.to_string(),
            span: Some(span),
            calls: Vec::new(),
            model: None,
            help: None,
            also: Vec::new(),
            cautions: Vec::new(),
            source: source.clone(),
        })),
        None => Failure::Data(error.to_string()),
    }
}
