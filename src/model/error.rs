//! Any error of the crate, in the one shape that every tool shows.
//!
//! The stages' own errors go in ([`ReadError`], [`ExpandError`], [`EvalError`], …); [`Error`] joins
//! them.
//!
//! **Invariants**
//! - Kind, place and calls are those of the stage's error.

use super::registry::RegistryError;
use crate::error::{Call, CalledModel, Kind};
use crate::graph::NcgError;
use crate::meter::Overrun;
use crate::paths;
use crate::paths::tally::Refused;
use crate::source::{Position, Span};
use crate::syntax::{ExpandError, ReadError, ReadErrorKind};
use crate::walk::EvalError;
use crate::walk::output::Unwritten;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

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
    Eval(Arc<EvalError>),
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

impl Serialize for Error {
    /// `{"kind":…,"message":…}`, with `line` and `column` where it knows them without the text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let position = match self {
            Self::Eval(error) => error.position,
            _ => None,
        };
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("kind", self.kind().name())?;
        members.serialize_entry("message", &self.to_string())?;
        if let Some(Position { line, column }) = position {
            members.serialize_entry("line", &line)?;
            members.serialize_entry("column", &column)?;
        }
        members.end()
    }
}

impl From<EvalError> for Error {
    fn from(error: EvalError) -> Self {
        Self::Eval(Arc::new(error))
    }
}

impl From<Box<EvalError>> for Error {
    fn from(error: Box<EvalError>) -> Self {
        Self::Eval(error.into())
    }
}

impl From<Unwritten> for Error {
    fn from(why: Unwritten) -> Self {
        Box::<EvalError>::from(why).into()
    }
}

impl From<Arc<EvalError>> for Error {
    fn from(error: Arc<EvalError>) -> Self {
        Self::Eval(error)
    }
}

impl From<Overrun> for Error {
    fn from(overrun: Overrun) -> Self {
        EvalError::new(Kind::Resource, overrun.to_string()).into()
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Ended(error) => error.into(),
            // Lanes are run in their order then.
            Refused::Over | Refused::Skipped => paths::out_of_time().into(),
            Refused::NotOneNumber => {
                Self::Request("gradients over lanes need a program whose value is a number".into())
            }
        }
    }
}

impl Error {
    /// The kind of error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(e) if e.kind == ReadErrorKind::Limit => Kind::Resource,
            Self::Read(_) => Kind::Syntax,
            Self::Expand(e) => e.kind,
            Self::Eval(e) => e.kind,
            Self::Ncg(_) | Self::Registry(_) | Self::Request(_) => Kind::Request,
        }
    }

    /// The place in the program's text, where there is one, or in that of [`Error::model`].
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Read(e) => Some(e.span),
            Self::Expand(e) => Some(e.span),
            Self::Eval(e) => e.span,
            Self::Ncg(_) | Self::Registry(_) | Self::Request(_) => None,
        }
    }

    /// Line and column in `text`, the program's text; of an error in a model that the program calls, in
    /// that model's.
    pub fn position(&self, text: &str) -> Option<Position> {
        let text = self.model().map_or(text, |model| &model.text);
        self.span().map(|span| span.position(text))
    }

    /// The model that the place is in, of those that the program calls by their names; none where it is
    /// in the program's own text.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Registry, Workspace};
    ///
    /// let registry = Registry::new();
    /// let interpreter = Interpreter::embedded().with_models(&registry);
    /// registry.insert("first", interpreter.model("; of a list\n(car l)")?);
    /// let text = "(model \"first\" x)";
    /// let model = interpreter.model(text)?;
    /// let inputs = Bindings::from([("x", 1.0)]);
    /// let error = model.value(&inputs, &mut Workspace::new()).unwrap_err();
    /// assert_eq!(&*error.model().unwrap().name, "first");
    /// assert_eq!(error.position(text).unwrap().to_string(), "2:1");
    /// assert_eq!(error.calls()[0].name, "model \"first\"");
    /// # Ok::<(), dmci::Error>(())
    /// ```
    pub fn model(&self) -> Option<&CalledModel> {
        match self {
            Self::Eval(error) => error.model.as_deref(),
            _ => None,
        }
    }

    /// What else is wrong with the program's syntax, in the order of its text.
    ///
    /// ```
    /// use dmci::Interpreter;
    ///
    /// let text = "(define (f x) (if))\n(f 1 2)\n(set! f 3)";
    /// let error = Interpreter::embedded().model(text).unwrap_err();
    /// let also: Vec<_> = error.also().iter().map(|e| e.kind.name()).collect();
    /// assert_eq!((error.kind().name(), &also[..]), ("syntax", &["arity", "unsupported"][..]));
    /// ```
    pub fn also(&self) -> &[ExpandError] {
        match self {
            Self::Expand(error) => &error.also,
            _ => &[],
        }
    }

    /// The applications under way, innermost first; empty but for run-time errors.
    pub fn calls(&self) -> &[Call] {
        match self {
            Self::Eval(e) => &e.calls,
            _ => &[],
        }
    }
}
