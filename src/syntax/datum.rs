//! Data: program text as trees of atoms and lists, before any meaning.
//!
//! The reader (or anything that builds programs) pushes nodes, leaves first; stages after it look
//! at them through [`Datum`], a borrowed view of one node, and at the place each came from.
//!
//! **Invariants**
//! - A node stands after all nodes inside it, so the arena has no cycles and nothing recurses:
//!   neither reading, nor printing, nor dropping.
//! - An `Int` is a finite whole number and never `-0`.
//! - A `Dotted` has at least one item before its tail.
//! - Printing and reading back gives the same data, apart from spans and from names with control
//!   characters, which the reader refuses.
//!
//! ```text
//! (f [1 2.5] . x)   Dotted([f, Bracket([Int 1, Float 2.5])], x)
//! 'x                List([quote, x])
//! ```

use super::reader::is_plain_symbol;
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use std::fmt::{self, Write};
use std::slice;

/// A node of [`Data`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatumId(u32);

impl DatumId {
    /// The index of this node; those of one [`Data`] count from 0 without gaps.
    pub const fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for DatumId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// A view of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// `#t` or `#f`.
    Bool(bool),
    /// A number written without point, exponent or slash.
    Int(f64),
    /// Any other number; `1/4` is 0.25.
    Float(f64),
    /// A character.
    Char(char),
    /// A symbol.
    Symbol(Sym),
    /// A string.
    String(&'a str),
    /// `(a b c)`, and `()`.
    List(&'a [DatumId]),
    /// `(a b . c)`, as written: the tail may itself be a list.
    Dotted(&'a [DatumId], DatumId),
    /// `[a b c]`.
    Bracket(&'a [DatumId]),
}

/// A run of bytes in [`Data::strings`] or of nodes in [`Data::items`].
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    len: u32,
}

impl Run {
    /// What was appended to a buffer whose length grew from `start` to `end`.
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: index(start),
            len: index(end - start),
        }
    }

    fn of<T>(self, items: &[T]) -> &[T] {
        &items[self.start as usize..][..self.len as usize]
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Bool(bool),
    Int(f64),
    Float(f64),
    Char(char),
    Symbol(Sym),
    String(Run),
    List(Run),
    /// The tail is the last of the run.
    Dotted(Run),
    Bracket(Run),
}

/// A sequence of data: the text of one program, say.
#[derive(Clone, Debug, Default)]
pub struct Data {
    nodes: Vec<Node>,
    spans: Vec<Span>,
    items: Vec<DatumId>,
    strings: String,
    roots: Vec<DatumId>,
}

impl Data {
    /// No data.
    pub fn new() -> Self {
        Self::default()
    }

    /// No data, with room for those of a text of so many bytes; for long ones less at first.
    pub(super) fn with_room(bytes: usize) -> Self {
        let nodes = (bytes / 2).min(1 << 10);
        Self {
            nodes: Vec::with_capacity(nodes),
            spans: Vec::with_capacity(nodes),
            items: Vec::with_capacity(nodes),
            ..Self::default()
        }
    }

    /// How many nodes there are, those under datum comments included.
    pub fn len(&self) -> u32 {
        index(self.nodes.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node `id`.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub fn get(&self, id: DatumId) -> Datum<'_> {
        match self.nodes[id.0 as usize] {
            Node::Bool(value) => Datum::Bool(value),
            Node::Int(value) => Datum::Int(value),
            Node::Float(value) => Datum::Float(value),
            Node::Char(value) => Datum::Char(value),
            Node::Symbol(sym) => Datum::Symbol(sym),
            Node::String(run) => {
                Datum::String(&self.strings[run.start as usize..][..run.len as usize])
            }
            Node::List(run) => Datum::List(run.of(&self.items)),
            Node::Dotted(run) => {
                let (&tail, items) = run
                    .of(&self.items)
                    .split_last()
                    .expect("a dotted list has a tail");
                Datum::Dotted(items, tail)
            }
            Node::Bracket(run) => Datum::Bracket(run.of(&self.items)),
        }
    }

    /// Where the node `id` stands in the text.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub fn span(&self, id: DatumId) -> Span {
        self.spans[id.0 as usize]
    }

    /// The data of the top level, in order.
    pub fn roots(&self) -> &[DatumId] {
        &self.roots
    }

    /// Adds a node, of atoms or of nodes that are there already.
    ///
    /// # Panics
    /// If an item is not of these data, a dotted list has no item before its tail, an `Int` is not
    /// a finite whole number, or the nodes are more than 2³².
    pub fn push(&mut self, datum: Datum<'_>, span: Span) -> DatumId {
        let node = match datum {
            Datum::Bool(value) => Node::Bool(value),
            Datum::Int(value) => {
                assert!(
                    value.is_finite() && value.trunc() == value,
                    "{value} is no integer"
                );
                // Turns -0 into 0.
                Node::Int(value + 0.0)
            }
            Datum::Float(value) => Node::Float(value),
            Datum::Char(value) => Node::Char(value),
            Datum::Symbol(sym) => Node::Symbol(sym),
            Datum::String(text) => {
                let start = self.strings.len();
                self.strings.push_str(text);
                Node::String(Run::new(start, self.strings.len()))
            }
            Datum::List(items) => Node::List(self.push_items(items, None)),
            Datum::Dotted(items, tail) => {
                assert!(
                    !items.is_empty(),
                    "a dotted list without an item before its tail"
                );
                Node::Dotted(self.push_items(items, Some(tail)))
            }
            Datum::Bracket(items) => Node::Bracket(self.push_items(items, None)),
        };
        let id = DatumId(self.len());
        self.nodes.push(node);
        self.spans.push(span);
        id
    }

    /// Adds a node to the top level.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub fn push_root(&mut self, id: DatumId) {
        assert!(id.0 < self.len(), "{id} is not of these data");
        self.roots.push(id);
    }

    fn push_items(&mut self, items: &[DatumId], tail: Option<DatumId>) -> Run {
        let end = self.len();
        let foreign = items.iter().chain(&tail).find(|id| id.0 >= end);
        assert!(foreign.is_none(), "{foreign:?} is not of these data");
        let start = self.items.len();
        self.items.extend_from_slice(items);
        self.items.extend(tail);
        Run::new(start, self.items.len())
    }

    /// Prints the node `id` as text that reads back the same.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub fn write(&self, id: DatumId, symbols: &Symbols, out: &mut String) {
        let mut open: Vec<Unwritten<'_>> = Vec::new();
        let mut next = Some(id);
        loop {
            if let Some(id) = next {
                match self.get(id) {
                    Datum::List(items) => open.push(Unwritten::new(items, None, ')')),
                    Datum::Dotted(items, tail) => {
                        open.push(Unwritten::new(items, Some(tail), ')'));
                    }
                    Datum::Bracket(items) => open.push(Unwritten::new(items, None, ']')),
                    atom => write_atom(atom, symbols, out),
                }
            }
            let Some(list) = open.last_mut() else { return };
            next = list.write_up_to_next(out);
            if next.is_none() {
                open.pop();
            }
        }
    }
}

/// What is still to be written of a list.
struct Unwritten<'a> {
    items: slice::Iter<'a, DatumId>,
    tail: Option<DatumId>,
    close: char,
    begun: bool,
}

impl<'a> Unwritten<'a> {
    fn new(items: &'a [DatumId], tail: Option<DatumId>, close: char) -> Self {
        Self {
            items: items.iter(),
            tail,
            close,
            begun: false,
        }
    }

    /// Writes what stands before the next item, and gives that; none after the end.
    fn write_up_to_next(&mut self, out: &mut String) -> Option<DatumId> {
        let separator = if self.begun {
            " "
        } else if self.close == ')' {
            "("
        } else {
            "["
        };
        let begun = std::mem::replace(&mut self.begun, true);
        if let Some(&item) = self.items.next() {
            out.push_str(separator);
            return Some(item);
        }
        if let Some(tail) = self.tail.take() {
            out.push_str(" . ");
            return Some(tail);
        }
        if !begun {
            out.push_str(separator);
        }
        out.push(self.close);
        None
    }
}

fn write_atom(atom: Datum<'_>, symbols: &Symbols, out: &mut String) {
    match atom {
        Datum::Bool(value) => out.push_str(if value { "#t" } else { "#f" }),
        // All digits, where the shortest text that reads back would end in zeros.
        Datum::Int(value) => format(out, format_args!("{value:.0}")),
        Datum::Float(value) => write_float(value, out),
        Datum::Char(value) => write_char(value, out),
        Datum::Symbol(sym) => write_symbol(sym, symbols, out),
        Datum::String(text) => write_quoted(text, '"', out),
        Datum::List(_) | Datum::Dotted(..) | Datum::Bracket(_) => {
            unreachable!("a list is no atom")
        }
    }
}

fn write_float(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("+nan.0");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+inf.0" } else { "-inf.0" });
    } else {
        // `Debug` is the shortest text that reads back, with a point or an exponent.
        format(out, format_args!("{value:?}"));
    }
}

pub(crate) fn write_char(value: char, out: &mut String) {
    out.push_str("#\\");
    match char_name(value) {
        Some(name) => out.push_str(name),
        None if is_invisible(value) => format(out, format_args!("x{:x}", value as u32)),
        None => out.push(value),
    }
}

fn write_symbol(sym: Sym, symbols: &Symbols, out: &mut String) {
    let name = symbols.name(sym);
    // A bare `%if` may be read as a reserved name, so an ordinary one goes between bars.
    let ambiguous = name.starts_with('%') && !symbols.is_reserved(sym);
    if is_plain_symbol(name) && !ambiguous {
        out.push_str(name);
    } else {
        write_quoted(name, '|', out);
    }
}

/// Writes the name of an ordinary symbol, between bars where it needs them.
pub(crate) fn write_name(name: &str, out: &mut String) {
    if is_plain_symbol(name) {
        out.push_str(name);
    } else {
        write_quoted(name, '|', out);
    }
}

/// Writes a string, or a symbol between bars.
pub(crate) fn write_quoted(text: &str, quote: char, out: &mut String) {
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => format(out, format_args!("\\x{:x};", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
}

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

fn char_name(c: char) -> Option<&'static str> {
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

fn format(out: &mut String, arguments: fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("writing to a string succeeds");
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("data have at most 2^32 nodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(datum: Datum<'_>) -> String {
        let mut data = Data::new();
        let id = data.push(datum, Span::default());
        let mut out = String::new();
        data.write(id, &Symbols::new(), &mut out);
        out
    }

    #[test]
    fn numbers_keep_their_tag_in_print() {
        for (value, int, float) in [
            (0.0, "0", "0.0"),
            (-0.0, "0", "-0.0"),
            (-7.0, "-7", "-7.0"),
            (1e21, "1000000000000000000000", "1e21"),
        ] {
            assert_eq!(written(Datum::Int(value)), int);
            assert_eq!(written(Datum::Float(value)), float);
        }
        assert_eq!(written(Datum::Float(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(written(Datum::Float(5e-324)), "5e-324");
        assert_eq!(written(Datum::Float(-f64::NAN)), "+nan.0");
    }

    #[test]
    fn lists_of_every_kind_print() {
        let mut symbols = Symbols::new();
        let mut data = Data::new();
        let span = Span::default();
        let a = data.push(Datum::Symbol(symbols.intern("a b")), span);
        let r = data.push(Datum::Symbol(symbols.reserve("%if")), span);
        let o = data.push(Datum::Symbol(symbols.intern("%if")), span);
        let nil = data.push(Datum::List(&[]), span);
        let none = data.push(Datum::Bracket(&[]), span);
        let list = data.push(Datum::List(&[a, r, o]), span);
        let all = data.push(Datum::Dotted(&[list, nil, none], list), span);
        let mut out = String::new();
        data.write(all, &symbols, &mut out);
        assert_eq!(out, "((|a b| %if |%if|) () [] . (|a b| %if |%if|))");
        assert_eq!(all.to_string(), "d6");
    }

    #[test]
    #[should_panic(expected = "is not of these data")]
    fn a_node_of_other_data_is_refused() {
        let mut data = Data::new();
        let id = data.push(Datum::List(&[]), Span::default());
        Data::new().push(Datum::List(&[id]), Span::default());
    }
}
