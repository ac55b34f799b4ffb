//! What a program gives back: its value, taken off the heap.
//!
//! **Invariants**
//! - Flat, in preorder: no nesting however deep the value, so printing and dropping never recurse.
//! - A list of `n` elements is [`Item::List`]`(n)` followed by them; a pair that ends no list is
//!   [`Item::Pair`] followed by two values; a vector is [`Item::Vector`] and its numbers, a matrix
//!   [`Item::Matrix`] and its rows; what has no type of its own is [`Item::Opaque`] and what is in it.

use super::Limits;
use crate::syntax::write::{write_char, write_name, write_quoted};
use std::fmt::Write;
use std::sync::Arc;

/// A piece of an [`Output`].
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A number; `int` is how its tag says to print it.
    Number {
        /// The number.
        value: f64,
        /// Whether it counts as an int.
        int: bool,
    },
    /// #t or #f.
    Bool(bool),
    /// A character.
    Char(char),
    /// A symbol's name.
    Symbol(Arc<str>),
    /// A string.
    String(Arc<str>),
    /// A procedure.
    Procedure,
    /// What an `if` without an else gives when its test is false, or a definition.
    Unspecified,
    /// A list of so many values, which follow.
    List(u32),
    /// A pair of the two values that follow.
    Pair,
    /// A vector of so many numbers, which follow.
    Vector(u32),
    /// A matrix of so many rows, which follow as vectors.
    Matrix(u32),
    /// A record, a promise or several values.
    Opaque {
        /// What it is: the name of a record's type, `promise` or `values`.
        name: Arc<str>,
        /// How many values are in it, which follow; none of a promise.
        count: u32,
    },
}

/// The value of a program.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Output {
    pub(crate) items: Vec<Item>,
}

impl Output {
    /// The pieces, in preorder.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// A float.
    pub(crate) fn of(value: f64) -> Self {
        let int = false;
        Self {
            items: vec![Item::Number { value, int }],
        }
    }

    /// Whether it is a number that counts as an int.
    pub(crate) fn is_int(&self) -> bool {
        matches!(self.items.as_slice(), [Item::Number { int: true, .. }])
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self.items.as_slice() {
            [Item::Number { value, .. }] => Some(*value),
            _ => None,
        }
    }

    /// All numbers in it, in order.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.items.iter().filter_map(|item| match item {
            Item::Number { value, .. } => Some(*value),
            _ => None,
        })
    }

    /// All numbers and booleans in it, in order; truth is 1.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = f64> {
        self.items.iter().filter_map(|item| match item {
            Item::Number { value, .. } => Some(*value),
            Item::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        })
    }

    /// Puts other numbers and booleans at its leaves: each is given, and what comes back takes its
    /// place.
    pub(crate) fn set_leaves(&mut self, mut other: impl FnMut(f64) -> f64) {
        for item in &mut self.items {
            match item {
                Item::Number { value, .. } => *value = other(*value),
                Item::Bool(value) => *value = other(f64::from(u8::from(*value))) != 0.0,
                _ => {}
            }
        }
    }

    /// Whether it is a number, or lists of nothing but numbers: what can be differentiated.
    pub fn is_numeric(&self) -> bool {
        let numeric = |item: &Item| {
            matches!(
                item,
                Item::Number { .. } | Item::List(_) | Item::Vector(_) | Item::Matrix(_)
            )
        };
        self.items.iter().all(numeric)
    }

    /// As Scheme writes it: `(1 2.5 (a . "b"))`.
    pub fn to_scheme(&self) -> String {
        let mut out = String::new();
        // Without a limit.
        let _ = self.write_scheme(&mut out, usize::MAX);
        out
    }

    /// Writes it as Scheme does, unless the text would then be longer than so many bytes.
    pub(crate) fn write_scheme(&self, out: &mut String, most: usize) -> Result<(), Unwritten> {
        let atom = &mut |item: &Item, out: &mut String| scheme_atom(item, out);
        self.write(out, &Room::of(most), &Scheme, atom)
    }

    /// As JSON, in the notation of the machine interface: `[1.0,2.5,{"sym":"a"}]`.
    pub fn to_json(&self) -> String {
        self.to_json_with(&mut |value, out| json_number(value, out))
    }

    /// Writes it as JSON, unless there is no room for the text.
    #[cfg(feature = "cli")]
    pub(crate) fn write_json(&self, out: &mut String, room: &Room) -> Result<(), Unwritten> {
        self.write_json_with(&mut |value, out| json_number(value, out), out, room)
    }

    /// As JSON with something else in place of each number, in order.
    pub fn to_json_with(&self, number: &mut dyn FnMut(f64, &mut String)) -> String {
        let mut out = String::new();
        // Without a limit.
        let _ = self.write_json_with(number, &mut out, &Room::of(usize::MAX));
        out
    }

    /// The same within a limit.
    pub(crate) fn write_json_with(
        &self,
        number: &mut dyn FnMut(f64, &mut String),
        out: &mut String,
        room: &Room,
    ) -> Result<(), Unwritten> {
        self.write(out, room, &Json, &mut |item, out| match item {
            Item::Number { value, .. } => number(*value, out),
            Item::Bool(b) => {
                let _ = write!(out, "{b}");
            }
            Item::Char(c) => json_object("char", &c.to_string(), out),
            Item::Symbol(name) => json_object("sym", name, out),
            Item::String(text) => json_object("str", text, out),
            Item::Procedure => out.push_str(r#"{"procedure":true}"#),
            _ => out.push_str("null"),
        })
    }

    fn write(
        &self,
        out: &mut String,
        room: &Room,
        style: &dyn Style,
        atom: &mut dyn FnMut(&Item, &mut String),
    ) -> Result<(), Unwritten> {
        let most = room.bytes;
        // None has fewer than two: its own, and what parts it from the next.
        if self.items.len() > most.saturating_sub(out.len()) / 2 + 1 {
            return Err(Unwritten::TooLong(most));
        }
        // What is open: how many values are still to come, and what closes it.
        let mut open: Vec<(u32, Nest)> = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            if index % UNHURRIED == UNHURRIED - 1 {
                room.check_time()?;
            }
            make_room(out, item, most)?;
            // A pair behind a pair's dot is written as a list goes on.
            let mut goes_on = false;
            if let Some((left, nest)) = open.last_mut() {
                let first = *left & FIRST != 0;
                *left = (*left & !FIRST) - 1;
                goes_on = !first
                    && style.is_flat()
                    && matches!(nest, Nest::Pair | Nest::Rest)
                    && matches!(item, Item::Pair);
                if goes_on {
                    out.push_str(style.between(Nest::List));
                } else if !first {
                    out.push_str(style.between(*nest));
                }
            }
            let opens = match item {
                Item::List(count) => Some((*count, Nest::List)),
                Item::Pair if goes_on => Some((2, Nest::Rest)),
                Item::Pair => Some((2, Nest::Pair)),
                Item::Vector(count) => Some((*count, Nest::Vector)),
                Item::Matrix(rows) => Some((*rows, Nest::Matrix)),
                Item::Opaque { name, count } => {
                    style.name(name, *count, out);
                    Some((*count, Nest::Opaque))
                }
                _ => None,
            };
            match opens {
                Some((count, nest)) => {
                    out.push_str(style.open(nest));
                    open.push((count | FIRST, nest));
                }
                None => atom(item, out),
            }
            while let Some(&(left, nest)) = open.last()
                && left & !FIRST == 0
            {
                out.push_str(style.close(nest));
                open.pop();
            }
        }
        if out.len() > most {
            return Err(Unwritten::TooLong(most));
        }
        Ok(())
    }
}

/// How many pieces are written before the time is looked at.
pub(crate) const UNHURRIED: usize = 1024;

/// What writing may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of the whole text.
    pub(crate) bytes: usize,
    /// Whose deadline it has.
    limits: Option<Limits>,
}

impl Room {
    /// So many bytes, and all the time.
    pub(crate) fn of(bytes: usize) -> Self {
        let limits = None;
        Self { bytes, limits }
    }

    /// What limits allow.
    #[cfg(feature = "cli")]
    pub(crate) fn within(limits: &Limits) -> Self {
        Self {
            bytes: limits.output_bytes,
            limits: Some(*limits),
        }
    }

    /// An error where time is up.
    pub(crate) fn check_time(&self) -> Result<(), Unwritten> {
        match &self.limits {
            Some(limits) if limits.is_late() => Err(Unwritten::Late),
            _ => Ok(()),
        }
    }
}

/// Why a value is not written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unwritten {
    /// Time is up.
    Late,
    /// It takes more bytes than are allowed.
    TooLong(usize),
    /// There is no memory for the text.
    NoMemory,
}

/// An error where so many bytes more are too many.
pub(crate) fn check_room(out: &str, bytes: usize, most: usize) -> Result<(), Unwritten> {
    if out.len().saturating_add(bytes) > most {
        return Err(Unwritten::TooLong(most));
    }
    Ok(())
}

/// Makes room for a piece, if there may be as much.
fn make_room(out: &mut String, item: &Item, most: usize) -> Result<(), Unwritten> {
    let text = match item {
        Item::Symbol(text) | Item::String(text) | Item::Opaque { name: text, .. } => &**text,
        _ => "",
    };
    check_room(out, text.len(), most)?;
    let escaped = text
        .bytes()
        .filter(|&byte| byte < b' ' || b"\"\\|".contains(&byte));
    // One takes six at the most, five more than it has.
    let room = NUMBER + text.len() + 5 * escaped.count();
    if out.capacity() - out.len() < room {
        // As a string grows, but no further than is allowed.
        let more = room.max(out.len().min(most - out.len()));
        out.try_reserve_exact(more)
            .or_else(|_| out.try_reserve_exact(room))
            .map_err(|_| Unwritten::NoMemory)?;
    }
    Ok(())
}

/// More than any number takes with what parts it from others.
const NUMBER: usize = 400;

/// Marks a list of which nothing has been written yet.
const FIRST: u32 = 1 << 31;

/// What holds further values.
#[derive(Clone, Copy, PartialEq)]
enum Nest {
    List,
    Pair,
    /// The pair behind a pair's dot, where that is not written.
    Rest,
    Vector,
    Matrix,
    Opaque,
}

trait Style {
    /// Whether the rest of a list stands in the parentheses of its beginning: `(1 2 . 3)`.
    fn is_flat(&self) -> bool;
    /// What stands before the values of what is called so.
    fn name(&self, name: &str, count: u32, out: &mut String);
    fn open(&self, nest: Nest) -> &'static str;
    fn between(&self, nest: Nest) -> &'static str;
    fn close(&self, nest: Nest) -> &'static str;
}

struct Scheme;

impl Style for Scheme {
    fn is_flat(&self) -> bool {
        true
    }
    fn name(&self, name: &str, count: u32, out: &mut String) {
        out.push_str("#<");
        write_name(name, out);
        if count > 0 {
            out.push(' ');
        }
    }
    fn open(&self, nest: Nest) -> &'static str {
        match nest {
            Nest::List | Nest::Pair => "(",
            Nest::Vector => "[",
            Nest::Matrix => "(mat ",
            Nest::Opaque | Nest::Rest => "",
        }
    }
    fn between(&self, nest: Nest) -> &'static str {
        match nest {
            Nest::Pair | Nest::Rest => " . ",
            _ => " ",
        }
    }
    fn close(&self, nest: Nest) -> &'static str {
        match nest {
            Nest::Vector => "]",
            Nest::Opaque => ">",
            Nest::Rest => "",
            _ => ")",
        }
    }
}

struct Json;

impl Style for Json {
    fn is_flat(&self) -> bool {
        false
    }
    fn name(&self, name: &str, _: u32, out: &mut String) {
        out.push_str(r#"{"opaque":"#);
        json_string(name, out);
    }
    fn open(&self, nest: Nest) -> &'static str {
        match nest {
            Nest::Pair => r#"{"pair":["#,
            Nest::Opaque => r#","of":["#,
            _ => "[",
        }
    }
    fn between(&self, _: Nest) -> &'static str {
        ","
    }
    fn close(&self, nest: Nest) -> &'static str {
        match nest {
            Nest::Pair | Nest::Opaque => "]}",
            _ => "]",
        }
    }
}

fn scheme_atom(item: &Item, out: &mut String) {
    let _ = match item {
        // An int has no sign at zero: -0.0 + 0.0 is 0.0.
        Item::Number { value, int: true } if value.is_finite() => write!(out, "{}", value + 0.0),
        Item::Number { value, .. } if value.is_nan() => write!(out, "+nan.0"),
        Item::Number { value, .. } if value.is_infinite() => {
            write!(out, "{}", if *value > 0.0 { "+inf.0" } else { "-inf.0" })
        }
        Item::Number { value, .. } => write!(out, "{value:?}"),
        Item::Bool(b) => write!(out, "{}", if *b { "#t" } else { "#f" }),
        Item::Char(c) => {
            write_char(*c, out);
            Ok(())
        }
        Item::Symbol(name) => {
            write_name(name, out);
            Ok(())
        }
        Item::String(text) => {
            write_quoted(text, '"', out);
            Ok(())
        }
        Item::Procedure => write!(out, "#<procedure>"),
        _ => write!(out, "#<unspecified>"),
    };
}

/// A number in JSON: shortest text that reads back the same; `"inf"`, `"-inf"`, `"nan"`.
pub fn json_number(value: f64, out: &mut String) {
    /// Below it whole numbers are written with all of their digits.
    const WHOLE: f64 = 1e15;
    let whole = value as i64;
    if whole as f64 == value && value.abs() < WHOLE && (whole != 0 || value.is_sign_positive()) {
        whole_number(whole, out);
        return;
    }
    let _ = if value.is_nan() {
        write!(out, r#""nan""#)
    } else if value.is_infinite() {
        write!(
            out,
            "{}",
            if value > 0.0 { r#""inf""# } else { r#""-inf""# }
        )
    } else {
        write!(out, "{value:?}")
    };
}

/// The same of one that is whole: `7.0`.
fn whole_number(whole: i64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let (mut at, mut left) = (digits.len(), whole.unsigned_abs());
    while left > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    if whole < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
    out.push_str(".0");
}

/// A string in JSON.
pub fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            '\r' => write!(out, "\\r"),
            c if (c as u32) < 0x20 => write!(out, "\\u{:04x}", c as u32),
            c => {
                out.push(c);
                Ok(())
            }
        };
    }
    out.push('"');
}

fn json_object(key: &str, text: &str, out: &mut String) {
    let _ = write!(out, "{{\"{key}\":");
    json_string(text, out);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_shortest_text_that_reads_back() {
        let mut numbers = vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            10.0,
            99.0,
            -100.0,
            0.5,
            1e-7,
            f64::MAX,
        ];
        numbers.extend((0..20).flat_map(|power| {
            let x = 10_f64.powi(power);
            [x, -x, x - 1.0, x + 0.5, 1.0 / x]
        }));
        for x in numbers {
            let mut text = String::new();
            json_number(x, &mut text);
            assert_eq!(text, format!("{x:?}"));
        }
    }

    #[test]
    fn nested_lists_and_pairs_close_in_order() {
        let number = |value| Item::Number { value, int: false };
        let output = Output {
            items: vec![
                Item::List(3),
                number(1.0),
                Item::List(0),
                Item::Pair,
                Item::Symbol("a".into()),
                Item::List(1),
                number(f64::NAN),
            ],
        };
        assert_eq!(output.to_scheme(), "(1.0 () (a . (+nan.0)))");
        let int = |value| Item::Number { value, int: true };
        let improper = Output {
            items: vec![Item::Pair, int(1.0), Item::Pair, int(-0.0), number(-0.0)],
        };
        assert_eq!(improper.to_scheme(), "(1 0 . -0.0)");
        assert_eq!(improper.to_json(), r#"{"pair":[1.0,{"pair":[-0.0,-0.0]}]}"#);
        assert_eq!(
            output.to_json(),
            r#"[1.0,[],{"pair":[{"sym":"a"},["nan"]]}]"#
        );
    }
}
