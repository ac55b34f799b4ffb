//! Data as text that reads back the same.
//!
//! A node of [`Data`] goes in, text comes out.
//!
//! **Invariants**
//! - Nothing recurses: nesting is a vector of lists that are begun.
//! - Names that would read as something else stand between bars.

use super::chars::{char_name, is_invisible};
use super::datum::{Data, Datum, DatumId};
use super::reader::is_plain_symbol;
use crate::source::{Listing, Mark, Span};
use crate::symbol::{Sym, Symbols};
use std::fmt::{self, Write};
use std::slice;

impl Data {
    /// Prints the node `id` as text that reads back the same.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(crate) fn write(&self, id: DatumId, symbols: &Symbols, out: &mut String) {
        self.write_noting(id, symbols, out, |_, _, _| {});
    }

    /// Prints all data of the top level, one a line, each part with its place in the text.
    pub(crate) fn list(&self, symbols: &Symbols) -> Listing {
        let mut listing = Listing::default();
        for &root in self.roots() {
            let Listing { text, marks } = &mut listing;
            self.write_noting(root, symbols, text, |id, start, end| {
                let part = Span::new(start as u32, end as u32);
                let from = self.span(id);
                marks.push(Mark { part, from });
            });
            listing.text.push('\n');
        }
        listing
    }

    /// As [`Data::write`]; tells of each node where in `out` it begins and ends, of a list after its items.
    fn write_noting(
        &self,
        id: DatumId,
        symbols: &Symbols,
        out: &mut String,
        mut note: impl FnMut(DatumId, usize, usize),
    ) {
        let mut open: Vec<(DatumId, usize, Unwritten<'_>)> = Vec::new();
        let mut next = Some(id);
        loop {
            if let Some(id) = next {
                let start = out.len();
                let mut begin = |list| open.push((id, start, list));
                match self.get(id) {
                    Datum::List(items) => begin(Unwritten::new(items, None, ')')),
                    Datum::Dotted(items, tail) => begin(Unwritten::new(items, Some(tail), ')')),
                    Datum::Bracket(items) => begin(Unwritten::new(items, None, ']')),
                    atom => {
                        write_atom(atom, symbols, out);
                        note(id, start, out.len());
                    }
                }
            }
            let Some((id, start, list)) = open.last_mut() else {
                return;
            };
            next = list.write_up_to_next(out);
            if next.is_none() {
                note(*id, *start, out.len());
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
        Datum::Numbers(numbers) => {
            for (index, &number) in numbers.iter().enumerate() {
                out.push_str(if index == 0 { "#(" } else { " " });
                write_float(number, out);
            }
            out.push(')');
        }
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

fn format(out: &mut String, arguments: fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("writing to a string succeeds");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

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
}
