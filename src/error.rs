//! What can go wrong with a program, in the one shape that every stage and tool shows.
//!
//! The stages' own errors go in ([`crate::syntax::ReadError`], [`crate::syntax::ExpandError`],
//! [`crate::walk::EvalError`], …); [`Error`] joins them at the crate's boundary.
//!
//! **Invariants**
//! - Every error has a kind and a message; those of a program's text have a span and a position.
//! - Messages are lower case, have no full stop, and name the thing and the number.

use crate::graph::NcgError;
use crate::model::registry::RegistryError;
use crate::source::{Position, Span};
use crate::syntax::{ExpandError, ReadError};
use crate::walk::EvalError;
use std::fmt;

/// The kinds of error a program can meet (LANGUAGE, Errors).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A malformed form, literal or parenthesis.
    Syntax,
    /// A form of Scheme that this language leaves out.
    Unsupported,
    /// A name that nothing defines, or that is used before its definition.
    Unbound,
    /// A wrong number of arguments.
    Arity,
    /// An argument of the wrong type.
    Type,
    /// Something applied that is no procedure.
    NotAFunction,
    /// An index outside a list or vector.
    Index,
    /// Vectors or matrices that do not fit each other.
    Shape,
    /// The program's own `(error …)`.
    User,
    /// A limit of the caller: fuel, heap, depth or deadline.
    Resource,
    /// The request itself: an unknown name in `wrt`, inputs of the wrong form.
    Request,
}

impl Kind {
    /// The name used in answers: `syntax`, `not-a-function`, ….
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Unsupported => "unsupported",
            Self::Unbound => "unbound",
            Self::Arity => "arity",
            Self::Type => "type",
            Self::NotAFunction => "not-a-function",
            Self::Index => "index",
            Self::Shape => "shape",
            Self::User => "user",
            Self::Resource => "resource",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One application that was under way when a run-time error happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operator as written: a name, or a shortened expression.
    pub name: String,
    /// The application in the program's text.
    pub span: Span,
    /// Line and column of the application.
    pub position: Position,
}

/// Any error of the crate that concerns a program, an interpreter file or a registry.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text could not be read as data.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The data are no program.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// The program failed while it ran.
    #[error("{0}")]
    Eval(Box<EvalError>),
    /// An interpreter or program file is damaged.
    #[error(transparent)]
    Ncg(#[from] NcgError),
    /// A handle gives no model.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The request does not fit the program.
    #[error("{0}")]
    Request(String),
}

impl From<EvalError> for Error {
    fn from(error: EvalError) -> Self {
        Self::Eval(Box::new(error))
    }
}

impl Error {
    /// The kind of error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(_) => Kind::Syntax,
            Self::Expand(e) => e.kind,
            Self::Eval(e) => e.kind,
            Self::Ncg(_) | Self::Registry(_) | Self::Request(_) => Kind::Request,
        }
    }

    /// The place in the program's text, where there is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Read(e) => Some(e.span),
            Self::Expand(e) => Some(e.span),
            Self::Eval(e) => e.span,
            Self::Ncg(_) | Self::Registry(_) | Self::Request(_) => None,
        }
    }

    /// Line and column in `text`, the program's text.
    pub fn position(&self, text: &str) -> Option<Position> {
        self.span().map(|span| span.position(text))
    }

    /// The applications under way, innermost first; empty but for run-time errors.
    pub fn calls(&self) -> &[Call] {
        match self {
            Self::Eval(e) => &e.calls,
            _ => &[],
        }
    }
}
