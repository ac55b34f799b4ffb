//! What every stage's error is made of: its kind, and the calls under way.
//!
//! **Invariants**
//! - This file knows no stage: each defines its own errors, and [`dmci::Error`](crate::Error) joins
//!   them at the crate's boundary.
//! - Every error has a kind and a message; those of a program's text have a span and a position.
//! - Messages are lower case, have no full stop, and name the thing and the number.

use crate::source::{Position, Span};
use std::fmt;
use std::sync::Arc;

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
#[non_exhaustive]
pub struct Call {
    /// The operator as written: a name, or a shortened expression.
    pub name: String,
    /// The application in the program's text.
    pub span: Span,
    /// Line and column of the application.
    pub position: Position,
    /// The model whose text that is, of those that the program calls; none where it is the program's own.
    pub model: Option<Arc<str>>,
}

/// A model that a program calls by its name, with the text that places in it are of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CalledModel {
    /// What it is called.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}
