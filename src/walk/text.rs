//! Strings, characters and symbols, and their conversions.
//!
//! **Invariants**
//! - Strings never change; each is cells of its own on the heap, so what it takes is metered there.
//! - A text made of a number with a node is guarded: with another number it would be another text.
//! - A symbol made of a string is the program's own of that name, if it has one.

use super::checks::{in_message, in_short, written};
use super::fork::{float, number};
use super::layout::SITE_COUNTS;
use super::structure::MADE;
use super::{Outcome, Walk};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::value::{Tag, Value};
use crate::symbol::{Sym, Symbols};
use crate::syntax::read_number;
use crate::trace::record::Number;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The symbols that values name: those of the programs, and those that the run made of strings.
pub(super) struct Names<'a> {
    pub(super) symbols: &'a Symbols,
    made: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, Sym>,
    /// The bytes that the made ones take.
    pub(super) bytes: usize,
}

/// The bytes that a text takes for a character, and some more.
const TEXT_BYTES: usize = 8;

/// The bytes that a name takes for a character, in text, table and what they are copied from.
const NAME_BYTES: usize = 12;

/// What a name weighs, in elements, besides its characters.
pub(crate) const NAME_WORK: usize = 16;

/// What a character weighs, in elements, where it is put into another case.
pub(crate) const CASE_WORK: usize = 4;

/// What the digits of a number weigh, in elements, besides the characters that they come to: they are looked
/// for, and numbers that are not the same take paths of their own.
const DIGITS_WORK: usize = 64;

/// Whole numbers up to this are told apart by doubles.
pub(crate) const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A number as it is written in a base; none where that is for whole numbers alone.
pub(crate) fn number_text(value: f64, int: bool, base: u32) -> Option<String> {
    if base == 10 {
        return Some(written(value, int));
    }
    if value.is_nan() || value.fract() != 0.0 || value.abs() > LARGEST_WHOLE {
        return None;
    }
    let mut rest = value.abs() as u64;
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        let digit = (rest % u64::from(base)) as u32;
        digits.extend(char::from_digit(digit, base));
        rest /= u64::from(base);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    Some(sign.chars().chain(digits.into_iter().rev()).collect())
}

/// The number that a text is written as in a base, and whether it is an int; none if it is no number.
pub(crate) fn text_number(text: &str, base: u32) -> Option<(f64, bool)> {
    let prefix = match base {
        2 => "#b",
        8 => "#o",
        16 => "#x",
        _ => "",
    };
    if text.starts_with('#') {
        read_number(text)
    } else {
        read_number(&format!("{prefix}{text}"))
    }
}

/// Whether a character is of a class; none if there is no such class.
pub(crate) fn char_is(class: &str, c: char) -> Option<bool> {
    Some(match class {
        "alphabetic" => c.is_alphabetic(),
        "numeric" => digit(c).is_some() || c.is_numeric() && !c.is_alphabetic(),
        "whitespace" => c.is_whitespace(),
        "upper-case" => c.is_uppercase(),
        "lower-case" => c.is_lowercase(),
        _ => return None,
    })
}

/// The value of a decimal digit.
fn digit(c: char) -> Option<u32> {
    c.to_digit(10)
}

/// A character in another case, itself where that is no single character.
pub(crate) fn char_to(case: &str, c: char) -> Option<char> {
    let only = |mut all: Box<dyn Iterator<Item = char>>| match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    };
    Some(match case {
        "upcase" => only(Box::new(c.to_uppercase())),
        "downcase" | "foldcase" => only(Box::new(c.to_lowercase())),
        _ => return None,
    })
}

/// A text in another case, in which a character may be several; none if there is no such case.
pub(crate) fn text_to(case: &str, text: &str) -> Option<String> {
    Some(match case {
        "upcase" => text.to_uppercase(),
        "downcase" => text.to_lowercase(),
        // Of upper case first, so that what is written with other letters there becomes one.
        "foldcase" => {
            let upper = text.chars().flat_map(char::to_uppercase);
            upper.flat_map(char::to_lowercase).collect()
        }
        _ => return None,
    })
}

/// Why a number is no base of a text.
pub(crate) fn no_base(prim: Prim, base: f64) -> Option<String> {
    let known = [2.0, 8.0, 10.0, 16.0].contains(&base);
    (!known).then(|| format!("`{prim}` wants base 2, 8, 10 or 16, got {}", in_short(base)))
}

/// What is said of a number that is no character's.
pub(crate) fn no_character(code: f64) -> String {
    format!(
        "`integer->char` of {}, which is no character",
        in_short(code)
    )
}

/// What is said of a number that cannot be written in a base.
pub(crate) fn not_whole(value: f64, base: u32) -> String {
    format!(
        "`number->string` writes whole numbers alone in base {base}, got {}",
        in_message(value)
    )
}

impl<'a> Names<'a> {
    pub(super) fn of(symbols: &'a Symbols) -> Self {
        Self {
            symbols,
            made: Vec::new(),
            numbers: FxHashMap::default(),
            bytes: 0,
        }
    }

    /// The text of a symbol.
    pub(super) fn name(&self, sym: Sym) -> &str {
        match sym.index().checked_sub(self.symbols.len()) {
            None => self.symbols.name(sym),
            Some(made) => self.made.get(made as usize).map_or("?", |name| name),
        }
    }

    /// The symbol of a name that a program can spell.
    fn intern(&mut self, name: &str) -> Sym {
        let known = self.symbols.find(name);
        if let Some(sym) = known.or_else(|| self.numbers.get(name).copied()) {
            return sym;
        }
        let sym = Sym::new(self.symbols.len() + self.made.len() as u32);
        let name: Arc<str> = name.into();
        // Text, its two owners, and the entry of the table.
        self.bytes += name.len() + 64;
        self.made.push(name.clone());
        self.numbers.insert(name, sym);
        sym
    }
}

impl Walk<'_> {
    /// A primitive on text, on `count` staged arguments.
    pub(super) fn text(&mut self, prim: Prim, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let (a, b) = (self.stack[top], self.stack[top + 1]);
        match prim {
            Prim::StringLength => {
                self.need(prim, Tag::String, a, site)?;
                Ok(Value::int(f64::from(a.code())))
            }
            Prim::StringToList => {
                self.need(prim, Tag::String, a, site)?;
                let length = a.code() as usize;
                self.room(2 * length)?;
                self.account(MADE * length, SITE_COUNTS)?;
                let mut list = Value::NIL;
                for at in (a.address()..a.address() + a.code()).rev() {
                    let character = self.heap.get(at);
                    list = self.heap.cons(character, list);
                }
                Ok(list)
            }
            Prim::ListToString => self.list_to_string(a, site),
            Prim::NumberToString | Prim::StringToNumber => {
                let tag = match prim {
                    Prim::NumberToString => Tag::Float,
                    _ => Tag::String,
                };
                self.need(prim, tag, a, site)?;
                let base = match count {
                    1 => 10,
                    _ => self.base(prim, b, site)?,
                };
                if prim == Prim::NumberToString {
                    self.number_to_string(a, base, site)
                } else {
                    self.account(a.code() as usize, SITE_COUNTS)?;
                    let number = text_number(&self.string(a), base);
                    Ok(match number {
                        Some((value, true)) => Value::int(value),
                        Some((value, false)) => Value::float(value),
                        None => Value::bool(false),
                    })
                }
            }
            Prim::SymbolToString => {
                self.need(prim, Tag::Symbol, a, site)?;
                let name = self.symbol_name(a).to_owned();
                self.account(name.len(), SITE_COUNTS)?;
                self.new_string(&name)
            }
            Prim::StringToSymbol => {
                self.need(prim, Tag::String, a, site)?;
                let length = a.code() as usize;
                self.need_bytes(NAME_BYTES * length)?;
                self.account(NAME_WORK + length, SITE_COUNTS)?;
                let name = self.string(a);
                let sym = self.names.intern(&name);
                Ok(Value::symbol(sym))
            }
            Prim::CharToInteger => {
                self.need(prim, Tag::Char, a, site)?;
                Ok(Value::int(a.bits as f64))
            }
            Prim::IntegerToChar => {
                let code = self.index(prim, a, site)?;
                match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(c) => Ok(Value::char(c)),
                    None => self.fail(Kind::Index, site, no_character(a.number())),
                }
            }
            Prim::CharTo if b.tag == Tag::String => {
                let length = b.code() as usize;
                self.need_bytes(TEXT_BYTES * length)?;
                self.account(CASE_WORK * length, SITE_COUNTS)?;
                let text = text_to(&self.text_of(a), &self.string(b));
                match text {
                    Some(text) => self.new_string(&text),
                    None => self.misused(prim),
                }
            }
            _ => {
                self.need(prim, Tag::Char, b, site)?;
                let c = char::from_u32(b.bits as u32).unwrap_or('?');
                let name = self.text_of(a);
                let value = match prim {
                    Prim::CharIs => char_is(&name, c).map(Value::bool),
                    _ => char_to(&name, c).map(Value::char),
                };
                match value {
                    Some(value) => Ok(value),
                    None => self.misused(prim),
                }
            }
        }
    }

    /// Fails unless a value is of a type; a number may be int or float.
    fn need(&self, prim: Prim, tag: Tag, value: Value, site: u32) -> Outcome<()> {
        if value.tag == tag || (tag == Tag::Float && value.is_number()) {
            return Ok(());
        }
        let what = Value::new(tag, 0).kind();
        let message = format!("`{prim}` wants {what}, got {}", value.kind());
        self.fail(Kind::Type, site, message)
    }

    fn base(&mut self, prim: Prim, value: Value, site: u32) -> Outcome<u32> {
        self.need(prim, Tag::Float, value, site)?;
        if let Some(message) = no_base(prim, value.number()) {
            return self.fail(Kind::Type, site, message);
        }
        self.guard_for(value, site)?;
        Ok(value.number() as u32)
    }

    fn new_string(&mut self, text: &str) -> Outcome<Value> {
        self.room(text.len())?;
        Ok(self.heap.string(text.chars()))
    }

    fn list_to_string(&mut self, list: Value, site: u32) -> Outcome<Value> {
        let Some(length) = self.heap.list_length(list) else {
            let message = format!("`list->string` wants a list, got {}", self.no_list(list));
            return self.fail(Kind::Type, site, message);
        };
        self.room(length)?;
        self.need_bytes(TEXT_BYTES * length)?;
        self.account(MADE * length, SITE_COUNTS)?;
        let mut rest = list;
        let mut text = String::with_capacity(length);
        while rest.tag == Tag::Pair {
            let item = self.heap.car(rest);
            if item.tag != Tag::Char {
                let message = format!("`list->string` wants characters, met {}", item.kind());
                return self.fail(Kind::Type, site, message);
            }
            text.extend(char::from_u32(item.bits as u32));
            rest = self.heap.cdr(rest);
        }
        Ok(self.heap.string(text.chars()))
    }

    fn number_to_string(&mut self, a: Value, base: u32, site: u32) -> Outcome<Value> {
        let value = a.number();
        let Some(text) = number_text(value, a.tag == Tag::Int, base) else {
            return self.fail(Kind::Type, site, not_whole(value, base));
        };
        self.account(DIGITS_WORK + text.len(), SITE_COUNTS)?;
        self.guard_for(a, site)?;
        if value == 0.0 && a.node.is_some() {
            // Zeros of both signs are equal, and are written differently.
            let inverse = self.operation(Prim::Div, Number::constant(1.0), number(a))?;
            self.guard_for(float(inverse), site)?;
        }
        self.new_string(&text)
    }
}
