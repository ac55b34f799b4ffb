//! Places in a program's text: byte spans, and the lines and columns that people read.
//!
//! A [`Span`] goes in with the text it belongs to; a [`Position`] comes out.
//!
//! **Invariants**
//! - Lines and columns count from 1; every character is one column, a tab too.
//! - A line ends after its LF, so CRLF is one line end.

use serde::Serialize;
use std::fmt;

/// How many lines end in a piece of text.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

/// A half-open range of bytes in a program's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to `end`, in bytes.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The text the span covers; empty when it does not fit `text`.
    pub fn text(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or("")
    }

    /// Line and column of the first character.
    pub fn position(self, text: &str) -> Position {
        let before = &text.as_bytes()[..(self.start as usize).min(text.len())];
        let line_start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |i| i + 1);
        let line = line_ends(before) + 1;
        // Continuation bytes of UTF-8 are 10xxxxxx; all others begin a character.
        let column = before[line_start..]
            .iter()
            .filter(|&&b| b & 0xC0 != 0x80)
            .count()
            + 1;
        Position {
            line: line as u32,
            column: column as u32,
        }
    }
}

/// A text that was made of a program, and where in the program parts of it come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// The text.
    pub text: String,
    /// Which of its parts come from where; what holds another comes after it.
    pub marks: Vec<Mark>,
}

/// A part of a [`Listing`] that comes from a part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mark {
    /// The part, in bytes of the listing.
    pub part: Span,
    /// Where it comes from, in bytes of the program.
    pub from: Span,
}

impl Listing {
    /// Notes that the text from an offset to its end comes from somewhere.
    pub(crate) fn mark(&mut self, start: usize, from: Span) {
        let part = Span::new(start as u32, self.text.trim_end().len() as u32);
        if from.start < from.end && part.start < part.end {
            self.marks.push(Mark { part, from });
        }
    }
}

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The place in the name of a literal, `@line:column`; none if it is no such name.
    pub(crate) fn of_literal(name: &str) -> Option<Self> {
        let number = |digits: &str| {
            let are_digits = digits.bytes().all(|b| b.is_ascii_digit());
            are_digits.then(|| digits.parse().ok()).flatten()
        };
        let (line, column) = name.strip_prefix('@')?.split_once(':')?;
        Some(Self {
            line: number(line)?,
            column: number(column)?,
        })
    }

    /// The offset of the character at this position, in bytes.
    pub fn offset(self, text: &str) -> Option<u32> {
        let before = self.line.checked_sub(1)? as usize;
        let start = match before {
            0 => 0,
            _ => text.match_indices('\n').nth(before - 1)?.0 + 1,
        };
        let column = self.column.checked_sub(1)? as usize;
        let line = text[start..].split('\n').next()?;
        let (offset, _) = line.char_indices().nth(column)?;
        Some((start + offset) as u32)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_crlf_and_wide_characters_are_one_column_each() {
        let text = "a\r\n\té(";
        let open = text.find('(').unwrap() as u32;
        let position = Span::new(open, open + 1).position(text);
        assert_eq!((position.line, position.column), (2, 3));
        assert_eq!(position.offset(text), Some(open));
        let beyond = Position { line: 3, column: 1 };
        assert_eq!(beyond.offset(text), None);
    }
}
