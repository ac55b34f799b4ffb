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

/// How many characters messages repeat of a name, or of what else a stranger wrote.
const WORD: usize = 60;

/// A stranger's text as messages repeat it: its beginning, where it is long.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(WORD) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A message that a stranger's text went into, cut to what a person reads: of each word its beginning,
/// and of the whole.
pub(crate) fn bounded(message: String) -> String {
    const WHOLE: usize = 1000;
    if message.len() <= WORD {
        return message;
    }
    let mut short = String::with_capacity(message.len().min(4 * WHOLE));
    let (mut word, mut whole) = (0, 0);
    for c in message.chars() {
        word = if c.is_whitespace() { 0 } else { word + 1 };
        // What ends a name stays, so that what stands after it is told from it.
        if word > WORD && c != '`' {
            if word == WORD + 1 {
                short.push('…');
            }
            continue;
        }
        whole += 1;
        if whole > WHOLE {
            short.push('…');
            break;
        }
        short.push(c);
        if c == '`' {
            word = 0;
        }
    }
    short
}

/// The message of an error that a program raised itself, which may have said nothing.
pub(crate) fn own_words(message: String) -> String {
    if message.trim().is_empty() {
        return "the program calls `error` without a message; give it one, as in (error \"what is wrong\")"
            .to_owned();
    }
    message
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

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn messages_keep_the_beginning_of_long_names() {
        let short =
            "`x` is not bound to anything, and this is a message of more than sixty characters";
        assert_eq!(bounded(short.to_owned()), short);
        let long = format!("`{}` is a form; write `y`", "a".repeat(1_000_000));
        let expected = format!("`{}…` is a form; write `y`", "a".repeat(60));
        assert_eq!(bounded(long), expected);
        let blanks = bounded(format!("`{}`", "a b ".repeat(1_000_000)));
        assert_eq!(blanks.chars().count(), 1001);
    }
}
