//! Errors of the crate as Python's: one exception, with kind and place.
//!
//! An [`Error`] or [`FitError`] and the program's text go in; a `DmciError` comes out, which is a
//! `ValueError` whose text is what the command line shows.
//!
//! **Invariants**
//! - Every error has `kind`, `message`, `line`, `column` and `lane`; what is not known of it is `None`.

use dmci::Error;
use dmci::fit::FitError;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::fmt::Write as _;

create_exception!(
    dmci,
    DmciError,
    PyValueError,
    "What a program, its inputs or its data are at fault for.

`str(error)` is the message with the place in the program and a caret under it; `kind` is the kind of
error, such as 'type' or 'unbound'; `message` the message alone; `line` and `column` the place, from 1;
`lane` which element of a broadcast call failed, in C order. What is not known is None."
);

/// What is told of an error.
struct Told {
    kind: &'static str,
    message: String,
    place: Option<(u32, u32)>,
    lane: Option<usize>,
    shown: String,
}

impl Told {
    fn raise(self, py: Python<'_>) -> PyErr {
        let error = DmciError::new_err(self.shown.trim_end().to_owned());
        let value = error.value(py);
        let (line, column) = self.place.unzip();
        let set = || -> PyResult<()> {
            value.setattr("kind", self.kind)?;
            value.setattr("message", self.message)?;
            value.setattr("line", line)?;
            value.setattr("column", column)?;
            value.setattr("lane", self.lane)
        };
        match set() {
            Ok(()) => error,
            Err(other) => other,
        }
    }
}

/// An error of a program with this text.
pub(crate) fn of_program(py: Python<'_>, error: &Error, text: &str) -> PyErr {
    of_lane(py, error, text, None)
}

/// The same in one of several lanes.
pub(crate) fn of_lane(py: Python<'_>, error: &Error, text: &str, lane: Option<usize>) -> PyErr {
    let mut shown = error.render(text).to_string();
    if let Some(lane) = lane {
        let _ = writeln!(shown, "  in lane {lane}");
    }
    Told {
        kind: error.kind().name(),
        message: error.to_string(),
        place: error.position(text).map(|at| (at.line, at.column)),
        lane,
        shown,
    }
    .raise(py)
}

/// An error of a fit of a program with this text.
pub(crate) fn of_fit(py: Python<'_>, error: &FitError, text: &str) -> PyErr {
    if let Some(error) = error.program_error() {
        return of_program(py, error, text);
    }
    let kind = match error {
        FitError::Table(_) | FitError::Column { .. } => "data",
        FitError::Interrupted => "interrupted",
        _ => "fit",
    };
    Told {
        kind,
        message: error.to_string(),
        place: error.span().map(|span| {
            let at = span.position(text);
            (at.line, at.column)
        }),
        lane: None,
        shown: error.render(text).to_string(),
    }
    .raise(py)
}

/// What a caller asks for and cannot have.
pub(crate) fn request(py: Python<'_>, message: impl Into<String>) -> PyErr {
    let message = message.into();
    Told {
        kind: "request",
        shown: message.clone(),
        message,
        place: None,
        lane: None,
    }
    .raise(py)
}
