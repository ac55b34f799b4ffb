//! Why a search does not go on, and why a candidate is refused.
//!
//! **Invariants**
//! - A candidate's faults are data of the search, and never end it.

use crate::fit::{FitError, TableError};
use std::path::{Path, PathBuf};

/// Why there is no search, or why one cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The task file says something that cannot be done.
    #[error("{0}")]
    Task(String),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A journal or transcript is not what a search wrote.
    #[error("{}:{line}: {message}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The data cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A program that the search itself writes cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A proposer cannot be asked.
    #[error("{0}")]
    Proposer(String),
}

impl SearchError {
    /// The failure of a file.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

/// Why a candidate is no candidate, or has no loss.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    /// A kind of error, as the language names them, or `size`, `range`, `start`.
    pub(super) kind: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
        }
    }
}
