//! What is refused, and in whose name: the arguments of the prelude's procedures, and counts of arguments.
//!
//! An argument goes in and comes out, or an error that names the procedure the program called.
//!
//! **Invariants**
//! - An error of a procedure of the prelude is the program's call of it.
//! - The prelude has its words as symbols, which take no cells of the heap that every run begins with.
//! - A procedure is called what the program calls it where it is applied; names that procedures were
//!   defined by are not kept at run time.
//! - The words are the reference engine's too: they are made here, from what any machine knows.

use super::layout::SITE_COUNTS;
use super::output::{Item, Output};
use super::{Outcome, Walk, operator_text};
use crate::error::Kind;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};
use crate::prim::{Prim, arity_in_words};
use std::fmt::Write as _;

/// What a predicate holds of, as errors ask for it; none for a row that is no such predicate.
pub(crate) fn in_words(predicate: Prim) -> Option<&'static str> {
    Some(match predicate {
        Prim::IsNumber => "a number",
        Prim::IsBoolean => "a boolean",
        Prim::IsSymbol => "a symbol",
        Prim::IsPair => "a pair",
        Prim::IsList => "a list",
        Prim::IsProcedure => "a procedure",
        Prim::IsString => "a string",
        Prim::IsChar => "a character",
        Prim::IsVector => "a vector",
        _ => return None,
    })
}

/// The kind of error where a predicate does not hold of what a procedure is given.
pub(crate) fn kind_without(predicate: Prim) -> Kind {
    match predicate {
        Prim::IsProcedure => Kind::NotAFunction,
        _ => Kind::Type,
    }
}

/// Why a number is no count of things.
pub(crate) fn no_count(name: &str, x: f64) -> Option<(Kind, String)> {
    let whole = x.is_finite() && x.fract() == 0.0;
    if !whole {
        let message = format!("`{name}` wants a whole number, got {}", in_message(x));
        return Some((Kind::Type, message));
    }
    let message = || format!("`{name}` wants 0 or more, got {}", in_short(x));
    (x < 0.0).then(|| (Kind::Index, message()))
}

/// The kind of an error, by the name that the prelude has for it.
pub(crate) fn kind_of(name: &str) -> Kind {
    match name {
        "index" => Kind::Index,
        "shape" => Kind::Shape,
        "arity" => Kind::Arity,
        "user" => Kind::User,
        _ => Kind::Type,
    }
}

/// A number in an error message: short, however large or small it is.
pub(crate) fn in_short(x: f64) -> String {
    let size = x.abs();
    if x.is_finite() && x != 0.0 && !(1e-6..1e17).contains(&size) {
        format!("{x:e}")
    } else {
        format!("{x}")
    }
}

/// The same as the program writes floats, unless that is long.
pub(crate) fn in_message(x: f64) -> String {
    let text = in_short(x);
    if text.contains('e') {
        text
    } else {
        written(x, false)
    }
}

/// How many characters of a message are told.
const TOLD: usize = 1000;

/// A message as it is told: of a long one its beginning, and how long it is.
pub(crate) fn bounded(message: String) -> String {
    // No character takes less than a byte.
    if message.len() <= TOLD {
        return message;
    }
    let count = message.chars().count();
    if count <= TOLD {
        return message;
    }
    let mut told: String = message.chars().take(TOLD).collect();
    let _ = write!(told, "… ({count} characters)");
    told
}

/// A number as it is written.
pub(crate) fn written(value: f64, int: bool) -> String {
    let items = vec![Item::Number { value, int }];
    Output { items }.to_scheme()
}

/// What an error calls a procedure that takes another number of arguments: by the text of the
/// application that it belongs to, if there is one, and whether that applies it or a procedure in between does.
pub(crate) fn callee(application: Option<&str>, directly: bool) -> String {
    match application.map(operator_text) {
        Some(name) if name == "a procedure" => "the procedure".to_owned(),
        Some(name) if directly => format!("`{name}`"),
        Some(name) => format!("the procedure that `{name}` applies"),
        None => "the procedure".to_owned(),
    }
}

/// A message as it is told where a primitive has the name of an application's operator and another: it
/// begins with the one that the program uses.
pub(crate) fn as_written(message: String, application: Option<&str>) -> String {
    let Some(application) = application else {
        return message;
    };
    let name = operator_text(application);
    let Some(prim) = Prim::from_name(&name) else {
        return message;
    };
    match message.strip_prefix(&format!("`{prim}`")) {
        Some(rest) if prim.name() != name => format!("`{name}`{rest}"),
        _ => message,
    }
}

impl Walk<'_> {
    fn staged(&self, index: usize) -> Value {
        self.stack[self.at.top as usize + index]
    }

    /// `(%check predicate name value)`
    pub(super) fn check(&mut self) -> Outcome<Value> {
        let [predicate, name, value] = [0, 1, 2].map(|index| self.staged(index));
        let row = (predicate.tag == Tag::Closure && predicate.code() < FIRST_FUNCTION)
            .then(|| Prim::ALL[predicate.code() as usize]);
        let Some((row, what)) = row.and_then(|row| Some((row, in_words(row)?))) else {
            return self.misused(Prim::Check);
        };
        let holds = match row {
            Prim::IsNumber => value.is_number(),
            Prim::IsBoolean => value.tag == Tag::Bool,
            Prim::IsSymbol => value.tag == Tag::Symbol,
            Prim::IsPair => value.tag == Tag::Pair,
            Prim::IsProcedure => value.tag == Tag::Closure,
            Prim::IsString => value.tag == Tag::String,
            Prim::IsChar => value.tag == Tag::Char,
            Prim::IsVector => value.tag == Tag::Vector,
            _ => {
                let length = self.heap.list_length(value);
                self.account(length.unwrap_or(0), SITE_COUNTS)?;
                length.is_some()
            }
        };
        if holds {
            return Ok(value);
        }
        let (name, got) = (self.text_of(name), self.got(what, value));
        let message = format!("`{name}` wants {what}, got {got}");
        self.fail(kind_without(row), 0, message)
    }

    /// What an error calls the value that a procedure got instead.
    fn got(&self, what: &str, value: Value) -> String {
        if what.contains("list") {
            self.no_list(value)
        } else if what.contains("vector") {
            self.no_array(value).to_owned()
        } else {
            value.kind().to_owned()
        }
    }

    /// `(%whole name value)`: structure depends on it, so that a number with a node is guarded.
    pub(super) fn whole(&mut self) -> Outcome<Value> {
        let [name, value] = [0, 1].map(|index| self.staged(index));
        if !value.is_number() {
            let message = format!(
                "`{}` wants a whole number, got {}",
                self.text_of(name),
                value.kind()
            );
            return self.fail(Kind::Type, 0, message);
        }
        let x = value.number();
        if let Some((kind, message)) = no_count(&self.text_of(name), x) {
            return self.fail(kind, 0, message);
        }
        self.guard(value)?;
        Ok(Value::int(x))
    }

    /// `(%at-most more min max name)`
    pub(super) fn at_most(&mut self) -> Outcome<Value> {
        let [more, min, max, name] = [0, 1, 2, 3].map(|index| self.staged(index));
        let Some(length) = self.heap.list_length(more) else {
            return self.misused(Prim::AtMost);
        };
        let [min, max] = [min, max].map(|count| count.number() as u32);
        let count = min as usize + length;
        if count <= max as usize {
            return Ok(more);
        }
        let name = format!("`{}`", self.text_of(name));
        self.wrong_count(&name, &arity_in_words(min, Some(max)), count, 0)
    }

    /// `(%wants name what value)`
    pub(super) fn wants(&mut self) -> Outcome<Value> {
        let [name, what, value] = [0, 1, 2].map(|index| self.staged(index));
        let what = self.text_of(what);
        let (name, got) = (self.text_of(name), self.got(&what, value));
        let message = format!("`{name}` wants {what}, got {got}");
        self.fail(Kind::Type, 0, message)
    }

    /// `(%refuse kind name piece …)`
    pub(super) fn refuse(&mut self, count: usize) -> Outcome<Value> {
        let [kind, name] = [0, 1].map(|index| self.staged(index));
        let mut message = format!("`{}`", self.text_of(name));
        for index in 2..count {
            let piece = self.staged(index);
            message.push(' ');
            match piece.tag {
                Tag::Symbol => message.push_str(self.symbol_name(piece)),
                _ => message.push_str(&self.taken(piece, SHOWN).0.to_scheme()),
            }
        }
        self.fail(kind_of(&self.text_of(kind)), 0, message)
    }

    /// What errors call the procedure that was entered last, or is being entered at a site.
    #[cold]
    pub(super) fn called(&self, site: u32) -> String {
        let site = if site == 0 { self.at.site } else { site };
        let span = self.sites.span(site);
        callee(
            span.map(|span| span.text(self.sites.text)),
            self.applied_by_program,
        )
    }
}

/// How many pieces of a value an error message shows.
const SHOWN: usize = 40;
