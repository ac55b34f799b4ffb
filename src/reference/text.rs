//! Strings, characters and symbols: the walk's conversions, from tensors.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::tagged::{Tagged, TypeTag};
use crate::walk::{
    CASE_WORK, MADE, NAME_WORK, char_is, char_to, no_base, no_character, not_whole, number_text,
    text_number, text_to,
};

impl Machine<'_> {
    /// A primitive on text.
    pub(super) fn text(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        match (prim, args) {
            (Prim::StringLength, [text]) => {
                self.need(prim, TypeTag::String, text, site)?;
                Ok(self.heap.constant(Tagged::int(text.payload(1))))
            }
            (Prim::StringToList, [text]) => {
                self.need(prim, TypeTag::String, text, site)?;
                let characters: Vec<char> = self.heap.string(text).chars().collect();
                self.account_in_loop(MADE * characters.len())?;
                let cells = characters.into_iter().map(Tagged::char);
                let cells: Vec<Cell> = cells.map(|c| self.heap.constant(c)).collect();
                Ok(self.heap.list(cells.into_iter()))
            }
            (Prim::ListToString, [list]) => {
                let Some(items) = self.items(list) else {
                    let message =
                        format!("`list->string` wants a list, got {}", self.no_list(list));
                    return self.fail(Kind::Type, site, message);
                };
                self.account_in_loop(MADE * items.len())?;
                let mut text = String::new();
                for item in &items {
                    if !item.is(TypeTag::Char) {
                        let message =
                            format!("`list->string` wants characters, met {}", item.kind());
                        return self.fail(Kind::Type, site, message);
                    }
                    text.extend(char::from_u32(item.payload(0) as u32));
                }
                self.new_string(&text)
            }
            (Prim::NumberToString, [number, base @ ..]) => {
                self.need(prim, TypeTag::Float, number, site)?;
                let base = self.base(prim, base, site)?;
                let (value, int) = (number.payload(0), number.is(TypeTag::Int));
                let Some(text) = number_text(value, int, base) else {
                    return self.fail(Kind::Type, site, not_whole(value, base));
                };
                self.account_in_loop(text.len())?;
                self.guard(number)?;
                if value == 0.0 && number.node.is_some() {
                    let one = self.heap.constant(Tagged::float(1.0));
                    let inverse = self.operation(Prim::Div, [&one, number], TypeTag::Float)?;
                    self.guard(&inverse)?;
                }
                self.new_string(&text)
            }
            (Prim::StringToNumber, [text, base @ ..]) => {
                self.need(prim, TypeTag::String, text, site)?;
                let base = self.base(prim, base, site)?;
                self.account_in_loop(text.payload(1) as usize)?;
                let number = text_number(&self.heap.string(text), base);
                Ok(self.heap.constant(match number {
                    Some((value, true)) => Tagged::int(value),
                    Some((value, false)) => Tagged::float(value),
                    None => Tagged::bool(false),
                }))
            }
            (Prim::SymbolToString, [symbol]) => {
                self.need(prim, TypeTag::Symbol, symbol, site)?;
                let name = self.symbol(symbol).to_owned();
                self.account_in_loop(name.len())?;
                self.new_string(&name)
            }
            (Prim::StringToSymbol, [text]) => {
                self.need(prim, TypeTag::String, text, site)?;
                self.account_in_loop(NAME_WORK + text.payload(1) as usize)?;
                let name = self.heap.string(text);
                let symbol = self.symbols.intern(&name);
                Ok(self.heap.constant(Tagged::symbol(symbol.index())))
            }
            (Prim::CharToInteger, [c]) => {
                self.need(prim, TypeTag::Char, c, site)?;
                Ok(self.heap.constant(Tagged::int(c.payload(0))))
            }
            (Prim::IntegerToChar, [code]) => {
                let index = self.index(prim, code, site)?;
                match u32::try_from(index).ok().and_then(char::from_u32) {
                    Some(c) => Ok(self.heap.constant(Tagged::char(c))),
                    None => self.fail(Kind::Index, site, no_character(code.payload(0))),
                }
            }
            (Prim::CharTo, [name, text]) if text.is(TypeTag::String) => {
                self.account_in_loop(CASE_WORK * text.payload(1) as usize)?;
                match text_to(&self.text_of(name), &self.heap.string(text)) {
                    Some(text) => self.new_string(&text),
                    None => self.not_a_programs(prim),
                }
            }
            (_, [name, c]) => {
                self.need(prim, TypeTag::Char, c, site)?;
                let character = char::from_u32(c.payload(0) as u32).unwrap_or('?');
                let name = self.text_of(name);
                let value = match prim {
                    Prim::CharIs => char_is(&name, character).map(Tagged::bool),
                    _ => char_to(&name, character).map(Tagged::char),
                };
                match value {
                    Some(value) => Ok(self.heap.constant(value)),
                    None => self.not_a_programs(prim),
                }
            }
            _ => self.not_a_programs(prim),
        }
    }

    /// Fails unless a value is of a type; a number may be int or float.
    fn need(&self, prim: Prim, tag: TypeTag, cell: &Cell, site: u32) -> Outcome<()> {
        if cell.is(tag) || (tag == TypeTag::Float && cell.is_number()) {
            return Ok(());
        }
        let what = match tag {
            TypeTag::String => "a string",
            TypeTag::Symbol => "a symbol",
            TypeTag::Char => "a character",
            _ => "a number",
        };
        let message = format!("`{prim}` wants {what}, got {}", cell.kind());
        self.fail(Kind::Type, site, message)
    }

    fn base(&mut self, prim: Prim, given: &[Cell], site: u32) -> Outcome<u32> {
        let Some(base) = given.first() else {
            return Ok(10);
        };
        self.need(prim, TypeTag::Float, base, site)?;
        if let Some(message) = no_base(prim, base.payload(0)) {
            return self.fail(Kind::Type, site, message);
        }
        self.guard(base)?;
        Ok(base.payload(0) as u32)
    }

    fn new_string(&mut self, text: &str) -> Outcome<Cell> {
        self.make_room(0, self.heap.characters() + text.len())?;
        Ok(self.heap.add_string(text.into()))
    }
}
