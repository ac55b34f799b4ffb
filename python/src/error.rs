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

/// The arguments of `Model.fit` that the command line has as options.
const OPTIONS: [&str; 10] = [
    "target",
    "sigma",
    "weights",
    "init",
    "fix",
    "loss",
    "loss-scale",
    "minimize",
    "soften",
    "starts",
];

/// A message of the command line, with options as Python has them: `--init b=1` is `init={"b": 1}`.
pub(crate) fn in_python(message: &str) -> String {
    let mut told = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("--") {
        let after = &rest[at + 2..];
        let end = after.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let (option, behind) = after.split_at(end.unwrap_or(after.len()));
        let is_missing = option == "missing" && behind.starts_with(" drop");
        if !is_missing && !OPTIONS.contains(&option) {
            told.push_str(&rest[..at + 2]);
            rest = after;
            continue;
        }
        let before = &rest[..at];
        told.push_str(before);
        let name = option.replace('-', "_");
        let value = behind.strip_prefix(' ').unwrap_or_default();
        let value = value.split([' ', ',', ';', ')', '`', '\n']).next();
        let value = value.unwrap_or_default();
        let (said, used) = match value.split_once('=') {
            Some((key, number)) if !key.is_empty() => {
                (format!("{name}={{\"{key}\": {number}}}"), value.len() + 1)
            }
            _ if is_missing => ("missing=\"drop\"".to_owned(), value.len() + 1),
            _ if matches!(option, "minimize" | "soften") => (format!("{name}=True"), 0),
            _ => (name, 0),
        };
        if before.ends_with('`') {
            told.push_str(&said);
        } else {
            let _ = write!(told, "`{said}`");
        }
        rest = &behind[used..];
    }
    told.push_str(rest);
    told
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
        message: in_python(&error.to_string()),
        place: error.span().map(|span| {
            let at = span.position(text);
            (at.line, at.column)
        }),
        lane: None,
        shown: in_python(&error.render(text).to_string()),
    }
    .raise(py)
}

/// The same error with a line under what it shows, which says what to do.
pub(crate) fn advised(py: Python<'_>, error: PyErr, advice: &str) -> PyErr {
    let value = error.value(py);
    let shown = format!("{value}\n  {advice}");
    // Where that cannot be said, the error itself is.
    let _ = value.setattr("args", (shown,));
    error
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
