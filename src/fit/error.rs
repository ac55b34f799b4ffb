//! `FitError`: why a fit cannot be done, with its place in the program or in the data.

use super::table::TableError;
use crate::model::Error;
use crate::model::render::Rendered;
use crate::source::Span;

/// Why a fit cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The program is at fault.
    #[error(transparent)]
    Program(#[from] Error),
    /// The data are at fault.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A form of the program asks for a column that is not there.
    #[error("{error}")]
    Column {
        /// Which, and the name most like it.
        error: TableError,
        /// The form.
        span: Span,
    },
    /// The program observes nothing, and no target is given.
    #[error(
        "the program observes nothing; declare what its predictions are compared with, \
         `(observe column prediction)` or `(observe-series (column …) rows)`, or give --target, \
         the column that its value predicts"
    )]
    NothingObserved,
    /// The program says what it predicts, and a target is given all the same.
    #[error("the program says itself what it predicts; leave out --target, or this form")]
    TargetAndObservations {
        /// The first observation.
        span: Span,
    },
    /// Every number of the observed columns is missing.
    #[error("every number of the observed columns is missing; there is nothing to fit")]
    NothingMeasured,
    /// An initial value that the param's constraint excludes, or that nothing uses.
    #[error("{0}")]
    Init(String),
    /// The predictions do not have the form of the data.
    #[error("{message}")]
    Form {
        /// What was predicted and what the data need.
        message: String,
        /// The form that observes; the program's last expression where a target is given.
        span: Span,
    },
    /// An observation that its noise model excludes.
    #[error("{place}: the column `{column}` holds {value}; lognormal noise needs numbers above 0")]
    NotPositive {
        /// The row: `data.csv:5`, or `row 4` without a file.
        place: String,
        /// The column.
        column: String,
        /// The number.
        value: f64,
    },
    /// An observation that is no count.
    #[error(
        "{place}: the column `{column}` holds {value}; poisson noise needs whole numbers from 0 on"
    )]
    NotCount {
        /// The row: `data.csv:5`, or `row 4` without a file.
        place: String,
        /// The column.
        column: String,
        /// The number.
        value: f64,
    },
    /// How numbers scatter is not said, or said twice, or cannot be.
    #[error("{0}")]
    Noise(String),
    /// What should be the result of a fit is none, or that of another program.
    #[error("the result of the fit cannot be used: {message}")]
    Estimates {
        /// What is wrong with it.
        message: String,
    },
    /// More starts than there may be.
    #[error("{starts} starts are too many; {most} is the most{why}")]
    TooManyStarts {
        /// How many were asked for.
        starts: usize,
        /// How many there may be.
        most: usize,
        /// What bounds them; empty where that is the same for all.
        why: String,
    },
    /// No start gave finite residuals.
    #[error(
        "none of {starts} starts gave finite residuals{detail}; --trace-nan shows the operation at fault, \
         and other initial values may avoid it: `(param name init)` or `--init name=value`"
    )]
    NoStart {
        /// How many were tried.
        starts: usize,
        /// Which prediction or derivative is at fault at the initial values; empty if none is.
        detail: String,
    },
    /// Comparisons are to be relaxed, and there are none.
    #[error("{0}")]
    Soften(String),
    /// What a caller asks for with a loss, and a loss has none of.
    #[error("{0}")]
    Loss(String),
    /// No start gave a finite loss.
    #[error(
        "the loss is finite at none of {starts} starts{detail}; other initial values may avoid it: \
         `(param name init)` or `--init name=value`"
    )]
    NoLoss {
        /// How many were tried.
        starts: usize,
        /// What it is at the initial values.
        detail: String,
    },
    /// The observer stopped the fit before any start gave anything.
    #[error("the fit was interrupted before any start gave finite residuals")]
    Interrupted,
}

impl FitError {
    /// The program's error, where it is one.
    pub fn program_error(&self) -> Option<&Error> {
        match self {
            Self::Program(error) => Some(error),
            _ => None,
        }
    }

    /// The error as the command line shows it: with its place in `text`, which is the program's, if it
    /// has one; see [`Error::render`].
    pub fn render<'a>(&'a self, text: &'a str) -> Rendered<'a> {
        match self.program_error() {
            Some(error) => error.render(text),
            None => Rendered::of(self.to_string(), self.span(), text),
        }
    }

    /// The place in the program, where there is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Program(error) => error.span(),
            Self::Form { span, .. }
            | Self::Column { span, .. }
            | Self::TargetAndObservations { span } => Some(*span),
            _ => None,
        }
    }
}
