//! What the prelude's procedures refuse, and in whose name: the walk's words, from tensors.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use crate::error::Kind;
use crate::prim::tagged::{Tagged, TypeTag};
use crate::prim::{Prim, arity_in_words};
use crate::walk::{in_words, kind_of, kind_without, no_count};

impl Machine<'_> {
    /// The rows by which the prelude refuses arguments.
    pub(super) fn checked(&mut self, prim: Prim, args: &[Cell]) -> Outcome<Cell> {
        match (prim, args) {
            (Prim::Check, [predicate, name, value]) => self.check(predicate, name, value),
            (Prim::Whole, [name, value]) => self.whole(name, value),
            (Prim::AtMost, [more, min, max, name]) => {
                let length = self.items(more).map_or(0, |items| items.len());
                let [min, max] = [min, max].map(|count| count.payload(0) as u32);
                let count = min as usize + length;
                if count <= max as usize {
                    return Ok(more.clone());
                }
                let name = format!("`{}`", self.text_of(name));
                self.wrong_count(&name, &arity_in_words(min, Some(max)), count, 0)
            }
            (Prim::Wants, [name, what, value]) => {
                let what = self.text_of(what);
                self.refused(Kind::Type, name, &what, value)
            }
            (Prim::Refuse, [kind, name, pieces @ ..]) => {
                let mut message = format!("`{}`", self.text_of(name));
                for piece in pieces {
                    message.push(' ');
                    if piece.is(TypeTag::Symbol) {
                        message.push_str(self.symbol(piece));
                    } else {
                        message.push_str(&self.shown(piece));
                    }
                }
                let kind = kind_of(&self.text_of(kind));
                self.fail(kind, 0, message)
            }
            (_, [steps, ..]) => {
                self.account_in_loop(steps.payload(0) as usize)?;
                Ok(self.heap.constant(Tagged::UNSPECIFIED))
            }
            (_, []) => Ok(self.heap.constant(Tagged::UNSPECIFIED)),
        }
    }

    fn check(&mut self, predicate: &Cell, name: &Cell, value: &Cell) -> Outcome<Cell> {
        let row = predicate.primitive();
        let Some((row, what)) = row.and_then(|row| Some((row, in_words(row)?))) else {
            return self.not_a_programs(Prim::Check);
        };
        let holds = match row {
            Prim::IsNumber => value.is_number(),
            Prim::IsBoolean => value.is(TypeTag::Bool),
            Prim::IsSymbol => value.is(TypeTag::Symbol),
            Prim::IsPair => value.is(TypeTag::Pair),
            Prim::IsProcedure => value.is(TypeTag::Closure),
            Prim::IsString => value.is(TypeTag::String),
            Prim::IsChar => value.is(TypeTag::Char),
            Prim::IsVector => value.is(TypeTag::Vector),
            _ => {
                let items = self.items(value);
                self.account_in_loop(items.as_ref().map_or(0, Vec::len))?;
                items.is_some()
            }
        };
        if holds {
            return Ok(value.clone());
        }
        self.refused(kind_without(row), name, what, value)
    }

    fn refused(&self, kind: Kind, name: &Cell, what: &str, value: &Cell) -> Outcome<Cell> {
        let got = if what.contains("list") {
            self.no_list(value)
        } else if what.contains("vector") {
            self.no_array(value).to_owned()
        } else {
            value.kind().to_owned()
        };
        let message = format!("`{}` wants {what}, got {got}", self.text_of(name));
        self.fail(kind, 0, message)
    }

    fn whole(&mut self, name: &Cell, value: &Cell) -> Outcome<Cell> {
        if !value.is_number() {
            return self.refused(Kind::Type, name, "a whole number", value);
        }
        let x = value.payload(0);
        if let Some((kind, message)) = no_count(&self.text_of(name), x) {
            return self.fail(kind, 0, message);
        }
        self.guard(value)?;
        Ok(self.heap.constant(Tagged::int(x)))
    }
}
