//! Programs as `lexpr` values: for people who build them as data, or want data as theirs.
//!
//! Values go in, are printed, and the text comes out with the data read from it; or a datum goes
//! in and a value comes out.
//!
//! **Invariants**
//! - Data come from reading the printed text, so every span points into that text.
//! - Nothing recurses here. `lexpr` itself drops, compares, copies and prints recursively, so no
//!   value is made with more than [`MAX_PAIRS`] pairs inside each other.
//!
//! ```text
//! Value::list([Value::symbol("+"), 1.into(), 2.5.into()])   <=>   "(+ 1 2.5)"
//! ```

use super::datum::{Data, Datum, DatumId};
use super::reader::{ReadOptions, read};
use super::unread::{ReadError, ReadErrorKind, fault};
use crate::source::Span;
use crate::symbol::Symbols;
use lexpr::{Number, Value};
use std::slice;

/// How many pairs may lie inside each other, by their heads or tails, in a value made here; a list
/// of n items is n pairs deep.
///
/// Unoptimized, `lexpr` takes 145 bytes of stack a pair to drop a value, 370 to compare, 405 to
/// copy and 660 to print it for debugging, so a thread of 2 MiB has room for all of these.
pub(crate) const MAX_PAIRS: u32 = 2_000;

/// The text of a program given as values, one datum a line, and the data read from it.
///
/// # Errors
/// A value that no datum is for (a vector, keyword, byte vector or `Nil`), or what the reader finds
/// wrong with the text; no values at all are an empty program. The span is empty, because there is
/// no text to point into.
pub(crate) fn from_lexpr(
    values: &[Value],
    symbols: &mut Symbols,
) -> Result<(String, Data), ReadError> {
    let mut data = Data::new();
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let id = push_value(&mut data, value, symbols).map_err(|message| {
            let message = format!("value {}: {message}", index + 1);
            fault(ReadErrorKind::Unsupported, Span::default(), message)
        })?;
        data.write(id, symbols, &mut text);
        text.push('\n');
    }
    let data = read(&text, symbols, ReadOptions::default()).map_err(|error| ReadError {
        span: Span::default(),
        ..error
    })?;
    Ok((text, data))
}

/// The value that a datum is.
///
/// `[a b]` becomes `(vec a b)`, a list after a dot continues the list before it, and an int past 64
/// bits becomes a float.
///
/// # Errors
/// More than [`MAX_PAIRS`] pairs inside each other, with the span of the list at fault.
///
/// # Panics
/// If `id` is not of these data.
pub(crate) fn to_lexpr(data: &Data, id: DatumId, symbols: &Symbols) -> Result<Value, ReadError> {
    let mut open: Vec<Unbuilt<'_>> = Vec::new();
    let mut built: Vec<Built> = Vec::new();
    let mut next = Some(id);
    loop {
        if let Some(id) = next {
            let first = built.len();
            match data.get(id) {
                Datum::List(items) => open.push(Unbuilt::new(id, items, None, first)),
                Datum::Dotted(items, tail) => {
                    open.push(Unbuilt::new(id, items, Some(tail), first));
                }
                Datum::Bracket(items) => {
                    built.push(Built::atom(Value::symbol("vec")));
                    open.push(Unbuilt::new(id, items, None, first));
                }
                atom => built.push(Built::atom(atom_value(atom, symbols))),
            }
        }
        let Some(list) = open.last_mut() else {
            let root = built.pop().expect("the root is built when nothing is open");
            return Ok(root.value);
        };
        next = list.items.next().copied().or_else(|| list.tail.take());
        if next.is_none() {
            let list = list.build(data, &mut built)?;
            built.push(list);
            open.pop();
        }
    }
}

/// A value and how many pairs lie inside each other in it.
struct Built {
    value: Value,
    depth: u32,
}

impl Built {
    fn atom(value: Value) -> Self {
        Self { value, depth: 0 }
    }
}

/// A list whose items are being built.
struct Unbuilt<'a> {
    id: DatumId,
    /// The items not begun yet.
    items: slice::Iter<'a, DatumId>,
    /// The tail, where there is one and it is not begun yet.
    tail: Option<DatumId>,
    dotted: bool,
    /// Where its items begin among the values built.
    first: usize,
}

impl<'a> Unbuilt<'a> {
    fn new(id: DatumId, items: &'a [DatumId], tail: Option<DatumId>, first: usize) -> Self {
        Self {
            id,
            items: items.iter(),
            tail,
            dotted: tail.is_some(),
            first,
        }
    }

    /// Takes the items off the values built and chains them.
    fn build(&self, data: &Data, built: &mut Vec<Built>) -> Result<Built, ReadError> {
        let mut items = built.split_off(self.first);
        let tail = items.pop_if(|_| self.dotted);
        let tail = tail.unwrap_or(Built::atom(Value::Null));
        let depth = items.iter().rev().fold(tail.depth, |depth, item| {
            depth.max(item.depth).saturating_add(1)
        });
        if depth > MAX_PAIRS {
            let message = format!(
                "a list of {} items that is {depth} pairs deep; a `lexpr` value has room for \
                 {MAX_PAIRS}",
                items.len()
            );
            let span = data.span(self.id);
            return Err(fault(ReadErrorKind::TooLong, span, message));
        }
        let value = Value::append(items.into_iter().map(|item| item.value), tail.value);
        Ok(Built { value, depth })
    }
}

fn atom_value(atom: Datum<'_>, symbols: &Symbols) -> Value {
    match atom {
        Datum::Bool(value) => Value::Bool(value),
        Datum::Int(value) => Value::Number(integer(value)),
        Datum::Float(value) => Value::Number(Number::from(value)),
        Datum::Char(value) => Value::Char(value),
        Datum::Symbol(sym) => Value::symbol(symbols.name(sym)),
        Datum::String(text) => Value::string(text),
        Datum::Numbers(numbers) => {
            let numbers = numbers.iter().map(|&x| Value::Number(Number::from(x)));
            Value::Vector(numbers.collect())
        }
        Datum::List(_) | Datum::Dotted(..) | Datum::Bracket(_) => {
            unreachable!("a list is no atom")
        }
    }
}

fn integer(value: f64) -> Number {
    const BITS_63: f64 = 9_223_372_036_854_775_808.0;
    if (-BITS_63..BITS_63).contains(&value) {
        Number::from(value as i64)
    } else if (0.0..2.0 * BITS_63).contains(&value) {
        Number::from(value as u64)
    } else {
        Number::from(value)
    }
}

/// Adds a value; what cannot be is told in words.
fn push_value(data: &mut Data, value: &Value, symbols: &mut Symbols) -> Result<DatumId, String> {
    // What is left of each open list, and where its items begin among the pending ones.
    let mut open: Vec<(&Value, usize)> = Vec::new();
    let mut pending: Vec<DatumId> = Vec::new();
    let mut next = value;
    loop {
        if let Value::Cons(_) = next {
            open.push((next, pending.len()));
        } else {
            pending.push(push_atom(data, next, symbols)?);
        }
        next = loop {
            let Some((rest, first)) = open.last_mut() else {
                return Ok(pending.pop().expect("the root is pending at the end"));
            };
            if let Value::Cons(pair) = *rest {
                *rest = pair.cdr();
                break pair.car();
            }
            let items = &pending[*first..];
            let list = match *rest {
                Value::Null => data.push(Datum::List(items), Span::default()),
                tail => {
                    let tail = push_atom(data, tail, symbols)?;
                    data.push(Datum::Dotted(items, tail), Span::default())
                }
            };
            pending.truncate(*first);
            pending.push(list);
            open.pop();
        };
    }
}

/// Adds a value that is no pair.
fn push_atom(data: &mut Data, value: &Value, symbols: &mut Symbols) -> Result<DatumId, String> {
    let datum = match value {
        Value::Null => Datum::List(&[]),
        Value::Bool(value) => Datum::Bool(*value),
        Value::Number(number) => number_datum(number),
        Value::Char(value) => Datum::Char(*value),
        Value::String(text) => Datum::String(text),
        Value::Symbol(name) => Datum::Symbol(symbols.intern(name)),
        Value::Keyword(name) => {
            return Err(format!(
                "a keyword, `{}`; write a symbol or a string",
                name.escape_debug()
            ));
        }
        Value::Vector(items) => {
            return Err(format!(
                "a vector of {} items; write a list that begins with the symbol `vec`",
                items.len()
            ));
        }
        Value::Bytes(bytes) => {
            return Err(format!(
                "a byte vector of length {}; write a list of numbers",
                bytes.len()
            ));
        }
        Value::Nil => return Err("`Nil`; write `Null` for the empty list".into()),
        Value::Cons(_) => unreachable!("pairs are taken apart"),
    };
    Ok(data.push(datum, Span::default()))
}

fn number_datum(number: &Number) -> Datum<'static> {
    let integer = number.as_i64().map(|value| value as f64);
    match integer.or_else(|| number.as_u64().map(|value| value as f64)) {
        Some(value) => Datum::Int(value),
        None => Datum::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        let mut symbols = Symbols::new();
        let data = read(text, &mut symbols, ReadOptions::default()).unwrap();
        let values: Vec<Value> = data
            .roots()
            .iter()
            .map(|&id| to_lexpr(&data, id, &symbols).unwrap())
            .collect();
        from_lexpr(&values, &mut symbols).unwrap().0
    }

    #[test]
    fn values_and_data_are_the_same_thing() {
        let same = "(a (1 2.0 -7 1e300) \"s\\n\" #\\x #\\space #t #f () (b . c) |a b| |%if|)\n";
        assert_eq!(round_trip(same), same);
        assert_eq!(round_trip("'x [1 [2]]"), "(quote x)\n(vec 1 (vec 2))\n");
        assert_eq!(round_trip("(- 5 . (2 . (3 . 4)))"), "(- 5 2 3 . 4)\n");
        assert_eq!(round_trip("(-inf.0 +nan.0)"), "(-inf.0 +nan.0)\n");
        let ints = "(9223372036854775808 -9223372036854775808 18446744073709549568)\n";
        assert_eq!(round_trip(ints), ints);
        assert_eq!(round_trip("100000000000000000000"), "1e20\n");
    }

    #[test]
    fn spans_point_into_the_printed_text() {
        let form = Value::list([Value::symbol("f"), Value::from(2.5)]);
        let mut symbols = Symbols::new();
        let (text, data) = from_lexpr(&[Value::from(1), form], &mut symbols).unwrap();
        assert_eq!(text, "1\n(f 2.5)\n");
        assert_eq!(data.span(data.roots()[1]).text(&text), "(f 2.5)");
    }

    #[test]
    fn what_has_no_datum_is_refused() {
        let list = |value| Value::list([Value::from(1), value]);
        for (value, words) in [
            (list(Value::vector([1, 2])), "a vector of 2 items"),
            (list(Value::keyword("k")), "a keyword, `k`"),
            (list(Value::bytes([1_u8])), "a byte vector of length 1"),
            (Value::cons(Value::from(1), Value::Nil), "`Nil`"),
        ] {
            let error = from_lexpr(&[Value::Null, value], &mut Symbols::new()).unwrap_err();
            assert_eq!(error.kind, ReadErrorKind::Unsupported);
            assert!(
                error.message.starts_with("value 2: ") && error.message.contains(words),
                "{error}"
            );
        }
        let error = from_lexpr(&[], &mut Symbols::new()).unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Empty);
        let odd = Value::symbol("a\0b");
        let error = from_lexpr(&[list(odd)], &mut Symbols::new()).unwrap_err();
        assert_eq!(
            (error.kind, error.span),
            (ReadErrorKind::BadSymbol, Span::default())
        );
    }

    /// Reads and converts; the length of the text that is too long for `lexpr`, or none.
    fn refused(text: &str) -> Option<u32> {
        let mut symbols = Symbols::new();
        let data = read(text, &mut symbols, ReadOptions::default()).unwrap();
        match to_lexpr(&data, data.roots()[0], &symbols) {
            Ok(value) => {
                assert_eq!(value, value.clone());
                assert!(!format!("{value:?}{value}").is_empty());
                None
            }
            Err(error) => {
                assert_eq!(error.kind, ReadErrorKind::TooLong);
                assert!(error.message.contains("2001 pairs deep"), "{error}");
                Some(error.span.end - error.span.start)
            }
        }
    }

    #[test]
    fn what_lexpr_could_not_drop_is_refused() {
        let limit = MAX_PAIRS as usize;
        let list = |n: usize| format!("({})", "1 ".repeat(n));
        assert_eq!(refused(&list(limit)), None);
        assert_eq!(refused(&list(limit + 1)), Some(4_004));
        let nested = |n: usize| format!("{}{}", "(".repeat(n), ")".repeat(n));
        assert_eq!(refused(&nested(limit + 1)), None);
        assert_eq!(refused(&format!("(1 {} 1)", nested(limit))), Some(4_006));
        let dotted = |n: usize| format!("{}2{}", "(1 . ".repeat(n), ")".repeat(n));
        assert_eq!(refused(&dotted(limit)), None);
        assert_eq!(refused(&dotted(limit + 1)), Some(12_007));
    }

    #[test]
    fn a_long_list_of_values_does_not_recurse_here() {
        let value = Value::list((0..200_000).map(Value::from));
        let (text, data) = from_lexpr(std::slice::from_ref(&value), &mut Symbols::new()).unwrap();
        assert_eq!(data.len(), 200_001);
        assert_eq!(text.lines().count(), 1);
        // Dropping so long a list would overflow the stack.
        std::mem::forget(value);
    }
}
