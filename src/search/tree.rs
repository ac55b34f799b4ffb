//! Trees: programs as data that can be changed, the owned form of what the reader gives.
//!
//! A text goes in and trees come out, or trees go in and their text comes out.
//!
//! **Invariants**
//! - What is read is of bounded size and depth, so everything that recurses over trees may.
//! - Writing and reading back gives the same trees, to the bit of each number.
//! - Constants are written in the order in which a walk over the tree meets them.
//!
//! ```text
//! (* 1.5 x)    List([Name *, Constant 1.5, Name x])
//! ```

use super::error::Refusal;
use crate::prim::{Kind, Prim};
use crate::symbol::Symbols;
use crate::syntax::datum::{Data, Datum, DatumId};
use crate::syntax::write::write_name;
use crate::syntax::{ReadOptions, read};
use std::fmt::Write as _;
use std::sync::Arc;

/// How deep a candidate's text may nest.
const DEEPEST: u32 = 120;

/// What a recurrence calls the state before.
pub(super) const STATE: &str = "state";

/// The form of a recurrence in programs: its start, and the next state.
pub(super) const RECURRENCE: &str = "recurrence";

/// One datum of a program, with all that is in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// A float literal: what is calibrated.
    Constant(f64),
    /// A whole number: part of the structure.
    Int(f64),
    Name(Arc<str>),
    List(Vec<Tree>),
    /// Anything else, as it is written.
    Other(Arc<str>),
}

impl Tree {
    pub(super) fn name(text: &str) -> Self {
        Self::Name(text.into())
    }

    /// A call of a name.
    pub(super) fn call(name: &str, arguments: impl IntoIterator<Item = Tree>) -> Self {
        let mut items = vec![Self::name(name)];
        items.extend(arguments);
        Self::List(items)
    }

    /// What the list begins with, if that is a name.
    pub(super) fn head(&self) -> Option<&str> {
        match self {
            Self::List(items) => match items.first() {
                Some(Self::Name(name)) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// What stands behind the head.
    pub(super) fn arguments(&self) -> &[Tree] {
        match self {
            Self::List(items) => items.get(1..).unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Tree::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether a name stands anywhere in it.
    pub(super) fn mentions(&self, is_meant: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Name(name) => is_meant(name),
            Self::List(items) => items.iter().any(|item| item.mentions(is_meant)),
            _ => false,
        }
    }

    /// How many constants it has.
    pub(super) fn constants(&self) -> usize {
        match self {
            Self::Constant(_) => 1,
            Self::List(items) => items.iter().map(Tree::constants).sum(),
            _ => 0,
        }
    }

    /// Gives each constant, in the order of the text, to be changed.
    pub(super) fn each_constant(&mut self, change: &mut dyn FnMut(&mut f64)) {
        match self {
            Self::Constant(value) => change(value),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_constant(change)),
            _ => {}
        }
    }

    /// Writes it; the places of the constants, in bytes of `out`, are added to `places`.
    pub(super) fn write(&self, out: &mut String, places: &mut Vec<usize>) {
        match self {
            Self::Constant(value) => {
                places.push(out.len());
                let _ = write!(out, "{value:?}");
            }
            Self::Int(value) => {
                let _ = write!(out, "{value:.0}");
            }
            Self::Name(name) => write_name(name, out),
            Self::Other(text) => out.push_str(text),
            Self::List(items) => {
                out.push('(');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(' ');
                    }
                    item.write(out, places);
                }
                out.push(')');
            }
        }
    }
}

/// Whether a primitive makes a number of numbers. `log` and `atan`, which take one argument or two, have rows
/// of their own that choose.
pub(super) fn gives_number(prim: Prim) -> bool {
    matches!(prim.spec().kind, Kind::Numeric(_)) || matches!(prim, Prim::LogAny | Prim::AtanAny)
}

/// The text of a program on one line, and where in it the constants stand.
pub(super) fn written(program: &[Tree]) -> (String, Vec<usize>) {
    let (mut out, mut places) = (String::new(), Vec::new());
    for (place, tree) in program.iter().enumerate() {
        if place > 0 {
            out.push(' ');
        }
        tree.write(&mut out, &mut places);
    }
    (out, places)
}

/// Reads a program of at most so many data.
///
/// # Errors
/// What is wrong with the text, with line, column and a caret.
pub(super) fn read_program(text: &str, most: usize) -> Result<Vec<Tree>, Refusal> {
    // A datum that is worth keeping is seldom longer; long texts need not be read to be refused.
    let bytes = most.saturating_mul(64);
    if text.len() > bytes {
        let message = format!(
            "a program of {} bytes; a candidate has at most {bytes}, {most} data",
            text.len()
        );
        return Err(Refusal::new("size", message));
    }
    let mut symbols = Symbols::new();
    let options = ReadOptions {
        max_depth: DEEPEST,
        ..ReadOptions::default()
    };
    let data = read(text, &mut symbols, options).map_err(|error| {
        let error = crate::Error::from(error);
        Refusal::new(error.kind().name(), error.render(text).to_string())
    })?;
    if data.len() as usize > most {
        let message = format!(
            "a program of {} data; a candidate has at most {most}: `[grammar] most_nodes`",
            data.len()
        );
        return Err(Refusal::new("size", message));
    }
    let roots = data.roots().iter();
    Ok(roots.map(|&root| of_datum(&data, root, &symbols)).collect())
}

fn of_datum(data: &Data, id: DatumId, symbols: &Symbols) -> Tree {
    match data.get(id) {
        Datum::Int(value) => Tree::Int(value),
        Datum::Float(value) if value.is_finite() => Tree::Constant(value),
        Datum::Symbol(sym) => Tree::name(symbols.name(sym)),
        Datum::List(items) | Datum::Bracket(items) => {
            let items = items.iter().map(|&item| of_datum(data, item, symbols));
            Tree::List(items.collect())
        }
        _ => {
            let mut text = String::new();
            data.write(id, symbols, &mut text);
            Tree::Other(text.into())
        }
    }
}

/// The name of the literal at a place of a text on one line, as fits call it.
pub(super) fn literal_name(text: &str, place: usize) -> String {
    format!("@1:{}", 1 + text[..place].chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_back_as_they_were_written() {
        for text in [
            "(* 1.5 (sin (* -2.25e-7 x)))",
            "(define (f a) (+ a 1)) (f 0.1)",
            "(if (< x 0) \"a b\" #\\a) |a b| [list 1 2] #t (a . b) 'c -0.0",
        ] {
            let program = read_program(text, 100).unwrap();
            let (once, places) = written(&program);
            let again = read_program(&once, 100).unwrap();
            assert_eq!(program, again);
            assert_eq!(written(&again).0, once);
            let constants: usize = program.iter().map(Tree::constants).sum();
            assert_eq!(places.len(), constants);
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = format!("(+ {})", "1 ".repeat(500));
        assert!(
            read_program(&long, 100)
                .unwrap_err()
                .message
                .contains("100")
        );
        let deep = "(".repeat(500) + &")".repeat(500);
        assert!(read_program(&deep, 1000).is_err());
        assert!(read_program(&"x".repeat(1 << 20), 100).is_err());
        assert!(
            read_program("(+ 1", 100)
                .unwrap_err()
                .message
                .contains("1:1")
        );
    }
}
