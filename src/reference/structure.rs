//! Primitives on tags and payloads: pairs, lists, types, identity; and values off the heap.
//!
//! **Invariants**
//! - Structure is read off the tensors: tags from the one-hot part, addresses from the payload.
//! - None recurses, whatever the depth of what it is given.
//! - What structure takes from a number that depends on inputs is guarded.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use crate::error::{Kind, own_words};
use crate::prim::linalg::{self, Shape};
use crate::prim::tagged::{Tagged, TypeTag};
use crate::prim::value::Wrapped;
use crate::prim::{self, Prim, TagRule, Variadic, no_clause_in_words, values_in_words};
use crate::symbol::Sym;
use crate::walk::monitor::wants_a_name;
use crate::walk::{EvalError, Item, LARGEST_WHOLE, MADE, Output, STRETCH, in_short};

/// How many pieces of an irritant an error message shows.
const SHOWN: usize = 40;

impl Machine<'_> {
    /// Any primitive but `apply`, on a number of arguments it accepts.
    pub(super) fn primitive(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        match prim.spec().kind {
            prim::Kind::Numeric(_) => self.numeric(prim, args, site),
            prim::Kind::Predicate => self.predicate(prim, args, site),
            prim::Kind::Structural => self.structural(prim, args, site),
        }
    }

    fn truth(&self, truth: bool) -> Cell {
        self.heap.constant(Tagged::bool(truth))
    }

    // ---- numbers -----------------------------------------------------------------------------

    pub(super) fn need_number(&self, prim: Prim, cell: &Cell, site: u32) -> Outcome<()> {
        if cell.is_number() {
            return Ok(());
        }
        let message = format!("`{prim}` wants numbers, got {}", cell.kind());
        self.fail(Kind::Type, site, message)
    }

    /// The same where a vector or matrix will do.
    fn need_numbers(&self, prim: Prim, cell: &Cell, site: u32) -> Outcome<()> {
        if cell.is(TypeTag::Vector) {
            return Ok(());
        }
        self.need_number(prim, cell, site)
    }

    /// A numeric row on the arguments its rule is written for; tags follow tags.
    fn row(&mut self, prim: Prim, args: [&Cell; 2], site: u32) -> Outcome<Cell> {
        let args = if prim.operands() == 1 {
            [args[0]; 2]
        } else {
            args
        };
        if args.iter().any(|arg| arg.is(TypeTag::Vector)) {
            return self.elementwise(prim, &args[..prim.operands()], site);
        }
        for arg in args {
            self.need_number(prim, arg, site)?;
        }
        if matches!(prim, Prim::Gcd | Prim::Lcm) {
            for arg in args {
                self.need_whole(prim, arg, site)?;
            }
        }
        let keeps = prim.spec().kind == prim::Kind::Numeric(TagRule::Same);
        let int = keeps && args.iter().all(|arg| arg.is(TypeTag::Int));
        let tag = if int { TypeTag::Int } else { TypeTag::Float };
        let result = self.operation(prim, args, tag)?;
        let size = result.payload(0).abs();
        if int && prim.operands() == 2 && size > LARGEST_WHOLE && size.is_finite() {
            self.rounded += 1;
        }
        Ok(result)
    }

    fn numeric(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        match (prim.variadic(), args) {
            (Variadic::Fold(unit), []) => Ok(self.heap.constant(Tagged::int(unit))),
            (Variadic::Inverse, [a]) if prim == Prim::Sub => {
                // The name people know is `-`.
                self.need_numbers(prim, a, site)?;
                self.row(Prim::Neg, [a; 2], site)
            }
            (Variadic::Inverse, [a]) => {
                let one = self.heap.constant(Tagged::int(1.0));
                self.row(prim, [&one, a], site)
            }
            (Variadic::Fold(_) | Variadic::Fold1, [a])
                if !matches!(prim, Prim::Gcd | Prim::Lcm) =>
            {
                self.need_numbers(prim, a, site)?;
                Ok(a.clone())
            }
            (_, [a]) => self.row(prim, [a; 2], site),
            (_, args) => {
                let mut result = args[0].clone();
                for arg in &args[1..] {
                    result = self.row(prim, [&result, arg], site)?;
                }
                Ok(result)
            }
        }
    }

    /// An operation that gives a boolean.
    pub(super) fn boolean(&mut self, prim: Prim, a: &Cell, b: &Cell) -> Outcome<Cell> {
        self.operation(prim, [a, b], TypeTag::Bool)
    }

    fn predicate(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        if prim.variadic() == Variadic::Chain {
            self.need_number(prim, &args[0], site)?;
            let mut all: Option<Cell> = None;
            for pair in args.windows(2) {
                self.need_number(prim, &pair[0], site)?;
                self.need_number(prim, &pair[1], site)?;
                let link = self.boolean(prim, &pair[0], &pair[1])?;
                all = Some(match all {
                    None => link,
                    Some(all) => self.boolean(Prim::Both, &all, &link)?,
                });
            }
            return Ok(all.unwrap_or_else(|| self.truth(true)));
        }
        if let (Prim::Both | Prim::Either, [a, b]) = (prim, args) {
            return self.boolean(prim, a, b);
        }
        let a = &args[0];
        match prim {
            Prim::Not if !a.is(TypeTag::Bool) => return Ok(self.truth(false)),
            Prim::IsInteger if !a.is_number() => return Ok(self.truth(false)),
            Prim::Not => {}
            _ => self.need_number(prim, a, site)?,
        }
        if matches!(prim, Prim::IsEven | Prim::IsOdd) {
            self.need_whole(prim, a, site)?;
        }
        self.boolean(prim, a, a)
    }

    /// Fails unless a number is whole.
    fn need_whole(&mut self, prim: Prim, a: &Cell, site: u32) -> Outcome<()> {
        if a.is(TypeTag::Int) && a.node.is_none() {
            return Ok(());
        }
        let whole = self.boolean(Prim::IsInteger, a, a)?;
        if whole.is_false() {
            let message = format!(
                "`{prim}` wants whole numbers, got {}",
                in_short(a.payload(0))
            );
            return self.fail(Kind::Type, site, message);
        }
        self.guard(&whole)
    }

    fn need_one_number(&self, prim: Prim, cell: &Cell, site: u32) -> Outcome<()> {
        if cell.is_number() {
            return Ok(());
        }
        let message = format!("`{prim}` wants a number, got {}", cell.kind());
        self.fail(Kind::Type, site, message)
    }

    pub(super) fn index(&mut self, prim: Prim, cell: &Cell, site: u32) -> Outcome<usize> {
        if !cell.is_number() {
            let message = format!("`{prim}` wants an index, got {}", cell.kind());
            return self.fail(Kind::Type, site, message);
        }
        let x = cell.payload(0);
        if !(x.is_finite() && x.fract() == 0.0) {
            let x = in_short(x);
            let message = format!("`{prim}` wants a whole number as index, got {x}");
            return self.fail(Kind::Type, site, message);
        }
        if x < 0.0 {
            let x = in_short(x);
            let message = format!("`{prim}` got the index {x}, and indices start at 0");
            return self.fail(Kind::Index, site, message);
        }
        self.guard(cell)?;
        Ok(x.min(1e15) as usize)
    }

    // ---- structure ---------------------------------------------------------------------------

    fn structural(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        match (prim, args) {
            (Prim::AtanAny | Prim::LogAny, _) => {
                for arg in args {
                    self.need_numbers(prim, arg, site)?;
                }
                match (prim, args) {
                    (Prim::AtanAny, [a]) => self.row(Prim::Atan, [a; 2], site),
                    (Prim::AtanAny, [a, b]) => self.row(Prim::Atan2, [a, b], site),
                    (_, [a]) => self.row(Prim::Ln, [a; 2], site),
                    (_, args) => self.row(Prim::LogBase, [&args[0], &args[1]], site),
                }
            }
            (Prim::Exact | Prim::Inexact, [a]) => {
                self.need_one_number(prim, a, site)?;
                let tag = if prim == Prim::Exact {
                    TypeTag::Int
                } else {
                    TypeTag::Float
                };
                Ok(self.retag(a, tag))
            }
            (Prim::Cons, [a, b]) => Ok(self.heap.cons(a.clone(), b.clone())),
            (Prim::List, _) => Ok(self.heap.list(args.iter().cloned())),
            (Prim::Length, [list]) => match self.items(list) {
                Some(items) => {
                    self.account(items.len(), site)?;
                    Ok(self.heap.constant(Tagged::int(items.len() as f64)))
                }
                None => self.not_a_list(prim, list, site),
            },
            (Prim::Append, _) => self.append(args, site),
            (Prim::Reverse, [list]) => match self.items(list) {
                Some(items) => {
                    self.account(MADE * items.len(), site)?;
                    Ok(self.heap.list(items.into_iter().rev()))
                }
                None => self.not_a_list(prim, list, site),
            },
            (Prim::ListRef | Prim::ListTail, [list, index]) => {
                self.list_at(prim, list, index, site)
            }
            (
                Prim::Memq | Prim::Memv | Prim::Member | Prim::Assq | Prim::Assv | Prim::Assoc,
                [key, list],
            ) => self.search(prim, key, list, site),
            (Prim::SoftChoice, _) => self.soft_choice(args, site),
            (Prim::SoftIf, _) => self.soft_if(args, site),
            (Prim::Pick, [test, then, otherwise]) => self.picked([test, then, otherwise], site),
            (Prim::Variable, [number]) => self.variables(number, site),
            (Prim::Slope, [y, by]) => self.slope(y, by, site),
            (Prim::Drawn, _) => self.drawn(args),
            _ if prim.is_linalg() => self.linalg(prim, args, site),
            (Prim::CaseMatch, [key, data]) => self.case_match(key, data, site),
            (Prim::IsEq | Prim::IsEqv, [a, b]) => self.identical(a, b),
            (Prim::IsEqual, [a, b]) => self.equal(a, b),
            (Prim::IsNumber, [a]) => Ok(self.truth(a.is_number())),
            (Prim::IsBoolean, [a]) => Ok(self.truth(a.is(TypeTag::Bool))),
            (Prim::IsSymbol, [a]) => Ok(self.truth(a.is(TypeTag::Symbol))),
            (Prim::IsPair, [a]) => Ok(self.truth(a.is(TypeTag::Pair))),
            (Prim::IsNull, [a]) => Ok(self.truth(a.is_nil())),
            (Prim::IsList, [a]) => {
                let items = self.items(a);
                self.account(items.as_ref().map_or(0, Vec::len), site)?;
                Ok(self.truth(items.is_some()))
            }
            (Prim::IsProcedure, [a]) => Ok(self.truth(a.is(TypeTag::Closure))),
            (Prim::IsString, [a]) => Ok(self.truth(a.is(TypeTag::String))),
            (Prim::IsChar, [a]) => Ok(self.truth(a.is(TypeTag::Char))),
            (Prim::IsVector, [a]) => Ok(self.truth(a.is(TypeTag::Vector))),
            (Prim::IsExact | Prim::IsInexact, [a]) => {
                self.need_one_number(prim, a, site)?;
                Ok(self.truth(a.is(TypeTag::Int) == (prim == Prim::IsExact)))
            }
            (
                Prim::Check | Prim::Whole | Prim::AtMost | Prim::Wants | Prim::Refuse | Prim::Spend,
                _,
            ) => self.checked(prim, args),
            _ if (Prim::StringLength as u8..=Prim::CharTo as u8).contains(&(prim as u8)) => {
                self.text(prim, args, site)
            }
            (Prim::Error, _) => {
                let message = self.error_message(args);
                self.fail(Kind::User, site, message)
            }
            (Prim::Monitor, [name, value]) => {
                if !name.is(TypeTag::String) {
                    return self.fail(Kind::Type, site, wants_a_name(name.kind()));
                }
                Ok(value.clone())
            }
            (Prim::Given, [_, value]) if !value.is_empty() => Ok(value.clone()),
            (Prim::Given, [name, _]) => self.unbound(&self.text_of(name), site),
            (Prim::FailAt, [_, kind, name]) => {
                let name = self.text_of(name);
                match self.text_of(kind).as_str() {
                    "undefined" => self.used_early(&name, site),
                    // Of calls of models; the message is all there.
                    "model" => self.fail(Kind::Unbound, site, name),
                    "arity" => self.fail(Kind::Arity, site, name),
                    _ => self.unbound(&name, site),
                }
            }
            (Prim::Cell, []) => Ok(self.heap.empty_pair()),
            (Prim::CellFill, [cell, value]) if cell.is(TypeTag::Pair) => {
                let address = cell.payload(0) as usize;
                self.leave_older(address)?;
                if self.heap.fill(address, value.clone()) {
                    Ok(self.heap.constant(Tagged::UNSPECIFIED))
                } else {
                    self.not_a_programs(prim)
                }
            }
            (Prim::CellRef, [name, cell]) if cell.is(TypeTag::Pair) => {
                let value = self.heap.car(cell);
                if value.is_empty() {
                    return self.used_early(&self.text_of(name), site);
                }
                Ok(value)
            }
            (Prim::IsFilled, [cell]) if cell.is(TypeTag::Pair) => {
                Ok(self.truth(!self.heap.car(cell).is_empty()))
            }
            (Prim::Wrap, [kind, head, content]) => match Wrapped::at(kind.payload(0) as u32) {
                Some(wrapped) => Ok(self.heap.wrap(wrapped, head.clone(), content.clone())),
                None => self.not_a_programs(prim),
            },
            (Prim::IsWrapped, [kind, head, value]) => {
                Ok(self.truth(self.is_wrapped(kind, head, value)))
            }
            (Prim::Unwrap, [kind, head, value, name]) => {
                if self.is_wrapped(kind, head, value) {
                    return Ok(self.heap.cdr(value));
                }
                let got = match value.wrapped() {
                    Some(Wrapped::Record) => format!("a record `{}`", self.type_name(value)),
                    _ => value.kind().to_owned(),
                };
                let wanted = self.text_of(&self.heap.car(head));
                let name = self.text_of(name);
                let message = format!("`{name}` wants a record `{wanted}`, got {got}");
                self.fail(Kind::Type, site, message)
            }
            (Prim::Received, [value, required, rest]) => {
                let list = match value.wrapped() {
                    Some(Wrapped::Values) => self.heap.cdr(value),
                    _ => self.heap.list(std::iter::once(value.clone())),
                };
                let count = self.items(&list).map_or(0, |items| items.len());
                let (required, or_more) = (required.payload(0) as usize, !rest.is_false());
                if count == required || (count > required && or_more) {
                    return Ok(list);
                }
                let message = values_in_words(required, or_more, count);
                self.fail(Kind::Arity, site, message)
            }
            (Prim::NoClause, [count]) => {
                let message = no_clause_in_words(count.payload(0) as usize);
                self.fail(Kind::Arity, site, message)
            }
            (_, [pair]) if is_accessor(prim) => self.accessor(prim, pair, site),
            _ => self.not_a_programs(prim),
        }
    }

    /// The rows that only the evaluator uses have no place in a program's own graph.
    pub(super) fn not_a_programs<T>(&self, prim: Prim) -> Outcome<T> {
        let message = format!("the reference engine runs programs, which do not use `{prim}`");
        self.fail(Kind::Type, 0, message)
    }

    /// Whether a value is of a kind and a type.
    fn is_wrapped(&self, kind: &Cell, head: &Cell, value: &Cell) -> bool {
        value
            .wrapped()
            .is_some_and(|wrapped| f64::from(wrapped as u32) == kind.payload(0))
            && self.heap.car(value).same_numbers(head)
    }

    /// What the type of a record is called.
    fn type_name(&self, record: &Cell) -> String {
        let head = self.heap.car(record);
        if head.is(TypeTag::Pair) {
            self.text_of(&self.heap.car(&head))
        } else {
            head.kind().to_owned()
        }
    }

    fn unbound<T>(&self, name: &str, site: u32) -> Outcome<T> {
        let message = format!("`{name}` is not bound to anything");
        self.fail(Kind::Unbound, site, message)
    }

    fn used_early<T>(&self, name: &str, site: u32) -> Outcome<T> {
        let message = format!("`{name}` is used before its definition");
        self.fail(Kind::Unbound, site, message)
    }

    fn not_a_list<T>(&self, prim: Prim, cell: &Cell, site: u32) -> Outcome<T> {
        let message = format!("`{prim}` wants a list, got {}", self.no_list(cell));
        self.fail(Kind::Type, site, message)
    }

    /// What errors call a value where a list belongs.
    pub(super) fn no_list(&self, cell: &Cell) -> String {
        match cell.tag() {
            Some(TypeTag::Pair) => "a list that does not end in the empty list".to_owned(),
            Some(TypeTag::Vector) => linalg::no_list(self.heap.array_of(cell).0),
            _ => cell.kind().to_owned(),
        }
    }

    /// The elements of a list that ends in the empty list.
    pub(super) fn items(&self, list: &Cell) -> Option<Vec<Cell>> {
        let mut items = Vec::new();
        let mut rest = list.clone();
        while rest.is(TypeTag::Pair) {
            items.push(self.heap.car(&rest));
            rest = self.heap.cdr(&rest);
        }
        rest.is_nil().then_some(items)
    }

    /// `car`, `cdr` and their compositions: the letters say the way, from the right.
    fn accessor(&mut self, prim: Prim, pair: &Cell, site: u32) -> Outcome<Cell> {
        let name = prim.name();
        let mut cell = pair.clone();
        for letter in name[1..name.len() - 1].chars().rev() {
            if !cell.is(TypeTag::Pair) {
                let message = if cell.is(TypeTag::Vector) {
                    format!("`{prim}` wants a list, got {}", self.no_list(&cell))
                } else if name.len() == 3 {
                    format!("`{prim}` of {}", cell.kind())
                } else {
                    format!("`{prim}` met {} where it needs a pair", cell.kind())
                };
                return self.fail(Kind::Type, site, message);
            }
            cell = if letter == 'a' {
                self.heap.car(&cell)
            } else {
                self.heap.cdr(&cell)
            };
        }
        Ok(cell)
    }

    fn append(&mut self, args: &[Cell], site: u32) -> Outcome<Cell> {
        let Some((last, lists)) = args.split_last() else {
            return Ok(self.heap.constant(Tagged::NIL));
        };
        let mut result = last.clone();
        for list in lists.iter().rev() {
            let Some(items) = self.items(list) else {
                return self.not_a_list(Prim::Append, list, site);
            };
            self.account(MADE * items.len(), site)?;
            for item in items.into_iter().rev() {
                result = self.heap.cons(item, result);
            }
        }
        Ok(result)
    }

    fn list_at(&mut self, prim: Prim, list: &Cell, at: &Cell, site: u32) -> Outcome<Cell> {
        let index = self.index(prim, at, site)?;
        let mut rest = list.clone();
        let mut passed = 0;
        while passed < index && rest.is(TypeTag::Pair) {
            rest = self.heap.cdr(&rest);
            passed += 1;
        }
        self.account(passed, site)?;
        let element = prim == Prim::ListRef;
        let short = passed < index || (element && rest.is_nil());
        if short && rest.is_nil() {
            let at = in_short(at.payload(0));
            let message = format!("`{prim}` wants index {at} of a list of {passed}");
            return self.fail(Kind::Index, site, message);
        }
        if short || (element && !rest.is(TypeTag::Pair)) {
            return self.not_a_list(prim, list, site);
        }
        Ok(if element { self.heap.car(&rest) } else { rest })
    }

    fn search(&mut self, prim: Prim, key: &Cell, list: &Cell, site: u32) -> Outcome<Cell> {
        let pairs = matches!(prim, Prim::Assq | Prim::Assv | Prim::Assoc);
        let deep = matches!(prim, Prim::Member | Prim::Assoc);
        let mut rest = list.clone();
        let mut passed = 0_usize;
        while rest.is(TypeTag::Pair) {
            passed += 1;
            if passed.is_multiple_of(STRETCH) {
                self.account_in_loop(STRETCH)?;
            }
            let item = self.heap.car(&rest);
            if pairs && !item.is(TypeTag::Pair) {
                let message = format!("`{prim}` wants a list of pairs, met {}", item.kind());
                return self.fail(Kind::Type, site, message);
            }
            let candidate = if pairs {
                self.heap.car(&item)
            } else {
                item.clone()
            };
            let same = if deep {
                self.equal(key, &candidate)?
            } else {
                self.identical(key, &candidate)?
            };
            self.guard(&same)?;
            if !same.is_false() {
                self.account_in_loop(passed % STRETCH)?;
                return Ok(if pairs { item } else { rest });
            }
            rest = self.heap.cdr(&rest);
        }
        self.account_in_loop(passed % STRETCH)?;
        if rest.is_nil() {
            Ok(self.truth(false))
        } else {
            self.not_a_list(prim, list, site)
        }
    }

    fn case_match(&mut self, key: &Cell, data: &Cell, site: u32) -> Outcome<Cell> {
        let mut result = self.truth(false);
        let data = self.items(data).unwrap_or_default();
        self.account(data.len(), site)?;
        for datum in data {
            let same = self.identical(key, &datum)?;
            result = if result.node.is_none() && result.is_false() {
                same
            } else if same.node.is_none() && same.is_false() {
                result
            } else {
                self.boolean(Prim::Either, &result, &same)?
            };
        }
        Ok(result)
    }

    /// `eqv?`, which is also `eq?`: numbers by value, the rest by identity.
    fn identical(&mut self, a: &Cell, b: &Cell) -> Outcome<Cell> {
        let booleans = a.is(TypeTag::Bool) && b.is(TypeTag::Bool);
        let depends = a.node.is_some() || b.node.is_some();
        if (a.is_number() && b.is_number()) || (booleans && depends) {
            return self.boolean(Prim::NumEq, a, b);
        }
        let same = if a.is(TypeTag::String) && b.is(TypeTag::String) {
            if a.payload(1) == b.payload(1) {
                self.account_in_loop(a.payload(1) as usize)?;
            }
            self.heap.string(a) == self.heap.string(b)
        } else {
            a.same_numbers(b)
        };
        Ok(self.truth(same))
    }

    /// `equal?`: two plain numbers give an answer that depends, inside structures they are guarded.
    fn equal(&mut self, a: &Cell, b: &Cell) -> Outcome<Cell> {
        let pairs = a.is(TypeTag::Pair) && b.is(TypeTag::Pair);
        if !pairs && (a.wrapped().is_none() || a.wrapped() != b.wrapped()) {
            return self.equal_but_for_pairs(a, b);
        }
        let mut open = vec![(a.clone(), b.clone())];
        let mut steps = 0_usize;
        while let Some((a, b)) = open.pop() {
            steps += 1;
            if steps.is_multiple_of(STRETCH) {
                self.account_in_loop(STRETCH)?;
            }
            if a.is(TypeTag::Pair) && b.is(TypeTag::Pair) {
                if !a.same_numbers(&b) {
                    open.push((self.heap.cdr(&a), self.heap.cdr(&b)));
                    open.push((self.heap.car(&a), self.heap.car(&b)));
                }
                continue;
            }
            if let (Some(wrapped), Some(other)) = (a.wrapped(), b.wrapped()) {
                if a.same_numbers(&b) {
                    continue;
                }
                let types = [self.heap.car(&a), self.heap.car(&b)];
                if wrapped != other
                    || wrapped == Wrapped::Promise
                    || !types[0].same_numbers(&types[1])
                {
                    return Ok(self.truth(false));
                }
                open.push((self.heap.cdr(&a), self.heap.cdr(&b)));
                continue;
            }
            let same = self.equal_but_for_pairs(&a, &b)?;
            self.guard(&same)?;
            if same.is_false() {
                return Ok(self.truth(false));
            }
        }
        Ok(self.truth(true))
    }

    /// `equal?` of two values that are not both pairs.
    fn equal_but_for_pairs(&mut self, a: &Cell, b: &Cell) -> Outcome<Cell> {
        if a.is(TypeTag::Vector) && b.is(TypeTag::Vector) {
            return self.equal_arrays(a, b);
        }
        self.identical(a, b)
    }

    // ---- off the heap ------------------------------------------------------------------------

    pub(super) fn text_of(&self, cell: &Cell) -> String {
        match cell.tag() {
            Some(TypeTag::Symbol) => self.symbol(cell).to_owned(),
            Some(TypeTag::String) => self.heap.string(cell).to_string(),
            _ => cell.kind().to_owned(),
        }
    }

    pub(super) fn symbol(&self, cell: &Cell) -> &str {
        self.symbols.name(Sym::new(cell.payload(0) as u32))
    }

    /// The value of the program as the caller gets it, and the cell of each of its numbers.
    ///
    /// # Errors
    /// When it is larger, written out, than the heap may be: what shares structure on the heap
    /// shares none outside.
    pub(super) fn result(&self, value: &Cell) -> Result<(Output, Vec<Cell>), Box<EvalError>> {
        let (output, numbers, whole) = self.take(value, self.heap_bytes() / size_of::<Item>());
        if whole {
            return Ok((output, numbers));
        }
        let message = format!("out of heap: {} bytes in use", self.heap_bytes());
        let mut error = EvalError::new(Kind::Resource, message);
        error.stats = self.stats();
        Err(Box::new(error))
    }

    /// The first `limit` pieces of a value, the cell of each number, and whether they are all.
    fn take(&self, value: &Cell, limit: usize) -> (Output, Vec<Cell>, bool) {
        /// What is still to be taken: a value, or the rest of a list known to be improper.
        enum Open {
            Value(Cell),
            Spine(Cell),
        }
        let mut items = Vec::new();
        let mut numbers = Vec::new();
        let mut open = vec![Open::Value(value.clone())];
        while let Some(next) = open.pop() {
            if items.len() + open.len() >= limit {
                return (Output { items }, numbers, false);
            }
            let (cell, elements) = match next {
                Open::Value(cell) => {
                    let elements = self.items(&cell);
                    (cell, elements)
                }
                Open::Spine(cell) => (cell, None),
            };
            if let Some(wrapped) = cell.wrapped() {
                let content = match wrapped {
                    Wrapped::Promise => Vec::new(),
                    _ => self.items(&self.heap.cdr(&cell)).unwrap_or_default(),
                };
                let name = match wrapped {
                    Wrapped::Record => self.type_name(&cell).into(),
                    Wrapped::Promise => "promise".into(),
                    Wrapped::Values => "values".into(),
                };
                let count = content.len() as u32;
                items.push(Item::Opaque { name, count });
                open.extend(content.into_iter().rev().map(Open::Value));
                continue;
            }
            if cell.is(TypeTag::Vector) {
                let (shape, cells) = self.heap.array_of(&cell);
                if items.len() + open.len() + 2 * cells.len() >= limit {
                    return (Output { items }, numbers, false);
                }
                let columns = match shape {
                    Shape::Vector(n) => n,
                    Shape::Matrix(rows, columns) => {
                        items.push(Item::Matrix(rows as u32));
                        columns
                    }
                };
                for row in cells.chunks(columns) {
                    items.push(Item::Vector(columns as u32));
                    items.extend(row.iter().map(|number| self.item(number)));
                }
                numbers.extend(cells);
            } else if !cell.is(TypeTag::Pair) {
                if cell.is_number() {
                    numbers.push(cell.clone());
                }
                items.push(self.item(&cell));
            } else if let Some(elements) = elements {
                items.push(Item::List(elements.len() as u32));
                open.extend(elements.into_iter().rev().map(Open::Value));
            } else {
                items.push(Item::Pair);
                open.push(Open::Spine(self.heap.cdr(&cell)));
                open.push(Open::Value(self.heap.car(&cell)));
            }
        }
        (Output { items }, numbers, true)
    }

    fn item(&self, cell: &Cell) -> Item {
        match cell.tag() {
            Some(TypeTag::Nil) if cell.is_nil() => Item::List(0),
            Some(TypeTag::Bool) => Item::Bool(!cell.is_false()),
            Some(TypeTag::Int | TypeTag::Float) => Item::Number {
                value: cell.payload(0),
                int: cell.is(TypeTag::Int),
            },
            Some(TypeTag::Char) => {
                Item::Char(char::from_u32(cell.payload(0) as u32).unwrap_or('?'))
            }
            Some(TypeTag::Symbol) => Item::Symbol(self.symbol(cell).into()),
            Some(TypeTag::String) => Item::String(self.heap.string(cell)),
            Some(TypeTag::Closure) => Item::Procedure,
            _ => Item::Unspecified,
        }
    }

    /// The message of `(error message irritant …)`.
    fn error_message(&self, args: &[Cell]) -> String {
        let mut message = String::new();
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                message.push(' ');
            }
            if index == 0 && arg.is(TypeTag::String) {
                message.push_str(&self.heap.string(arg));
                continue;
            }
            let (output, _, whole) = self.take(arg, SHOWN);
            message.push_str(&output.to_scheme());
            if !whole {
                message.push('…');
            }
        }
        own_words(message)
    }

    /// The first pieces of a value as Scheme writes them.
    pub(super) fn shown(&self, cell: &Cell) -> String {
        self.take(cell, SHOWN).0.to_scheme()
    }
}

/// Whether a row is `car`, `cdr` or a composition of them.
fn is_accessor(prim: Prim) -> bool {
    let inner = |name: &'static str| name.strip_prefix('c')?.strip_suffix('r');
    inner(prim.name()).is_some_and(|way| way.chars().all(|c| c == 'a' || c == 'd'))
}
