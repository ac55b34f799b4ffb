//! The names of characters, and which of them show.
//!
//! **Invariants**
//! - A character has one written name at most, and that reads back.

/// The names of characters; the first of several is the one written.
const CHAR_NAMES: [(&str, char); 10] = [
    ("space", ' '),
    ("newline", '\n'),
    ("tab", '\t'),
    ("null", '\0'),
    ("nul", '\0'),
    ("return", '\r'),
    ("delete", '\x7f'),
    ("escape", '\x1b'),
    ("alarm", '\x07'),
    ("backspace", '\x08'),
];

/// The character that `#\name` stands for.
pub(super) fn named_char(name: &str) -> Option<char> {
    let mut names = CHAR_NAMES.iter();
    names.find(|(n, _)| *n == name).map(|&(_, c)| c)
}

pub(super) fn char_name(c: char) -> Option<&'static str> {
    let mut names = CHAR_NAMES.iter();
    names.find(|(_, n)| *n == c).map(|&(name, _)| name)
}

/// Whether a character does not show, or changes how its neighbors show.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}
