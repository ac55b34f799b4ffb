//! Why a text cannot be read.
//!
//! **Invariants**
//! - An error has the place to point at, and says what to do.

use crate::source::Span;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// A parenthesis or bracket that is never closed.
    Unclosed,
    /// A closing character that closes nothing, or a brace.
    Stray,
    /// A closing character of the other kind than what it would close.
    Mismatched,
    /// A quote mark or `#;` with no datum after it.
    Dangling,
    /// A dot where none may be.
    Dot,
    /// A malformed number, character, string or `#` literal.
    BadLiteral,
    /// A symbol with characters that it may not have.
    BadSymbol,
    /// A string that is never closed.
    UnclosedString,
    /// A symbol between bars that is never closed.
    UnclosedSymbol,
    /// A block comment that is never closed.
    UnclosedComment,
    /// Nesting past the limit.
    TooDeep,
    /// More text, or a longer list, than can be handled.
    TooLong,
    /// No datum at all.
    Empty,
    /// A limit of the caller: the bytes of the text, of what is made of it, or the deadline.
    Limit,
    /// A `lexpr` value that the language has no datum for.
    Unsupported,
}

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ReadError {
    /// What is wrong and what to do about it.
    pub message: String,
    /// The text at fault.
    pub span: Span,
    /// The sort of fault.
    pub kind: ReadErrorKind,
}

/// Makes an error.
pub(super) fn fault(kind: ReadErrorKind, span: Span, message: impl Into<String>) -> ReadError {
    let message = message.into();
    ReadError {
        message,
        span,
        kind,
    }
}
