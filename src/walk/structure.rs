//! Structural primitives: pairs, lists, types, identity, and the evaluator's own.
//!
//! **Invariants**
//! - None recurses, whatever the depth of what it is given.
//! - Where an answer depends on a number with a node, the answer has a node (`eqv?`), or the number
//!   is guarded (`member`, `list-ref`).

use super::checks::in_short;
use super::fork::number;
use super::reasons::Unjoined;
use super::{Outcome, Stop, Walk};
use crate::error::Kind;
use crate::prim::value::{Tag, Value, Wrapped};
use crate::prim::{Prim, linalg, no_clause_in_words, values_in_words};

/// What an element of a list weighs that is made: it is written, and collected one day.
pub(crate) const MADE: usize = 3;

/// How many elements are gone through before they are accounted for, where their number is not known.
pub(crate) const STRETCH: usize = 1024;

/// The kind that an int of a bootstrap file means.
fn wrapped(kind: Value) -> Option<Wrapped> {
    if kind.tag == Tag::Int {
        Wrapped::at(kind.number() as u32)
    } else {
        None
    }
}

impl Walk<'_> {
    /// A primitive of one argument that accepts one. The commonest belong into the loop of the
    /// walk, so that their values are moved once; the rest is called.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a part of the walk's loop")]
    pub(super) fn primitive1(&mut self, prim: Prim, a: Value, site: u32) -> Outcome<Value> {
        match prim {
            Prim::Car if a.tag == Tag::Pair => Ok(self.heap.car(a)),
            Prim::Cdr if a.tag == Tag::Pair => Ok(self.heap.cdr(a)),
            Prim::IsNull => Ok(Value::bool(a.is_nil())),
            Prim::IsPair => Ok(Value::bool(a.tag == Tag::Pair)),
            Prim::List => Ok(self.heap.cons(a, Value::NIL)),
            Prim::Cadr if a.tag == Tag::Pair && self.heap.cdr(a).tag == Tag::Pair => {
                Ok(self.heap.car(self.heap.cdr(a)))
            }
            Prim::Cddr if a.tag == Tag::Pair && self.heap.cdr(a).tag == Tag::Pair => {
                Ok(self.heap.cdr(self.heap.cdr(a)))
            }
            Prim::IsSymbol => Ok(Value::bool(a.tag == Tag::Symbol)),
            _ => {
                let top = self.at.top as usize;
                self.stack[top] = a;
                self.primitive(prim, 1, site)
            }
        }
    }

    /// A primitive of two arguments that accepts two.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a part of the walk's loop")]
    pub(super) fn primitive2(
        &mut self,
        prim: Prim,
        a: Value,
        b: Value,
        site: u32,
    ) -> Outcome<Value> {
        if prim == Prim::Cons {
            return Ok(self.heap.cons(a, b));
        }
        if !a.node.either(b.node) && a.is_number() && b.is_number() {
            // Counters and indices: nothing is recorded of them.
            let (x, y) = (a.number(), b.number());
            let number = |value: f64| match (a.tag, b.tag) {
                (Tag::Int, Tag::Int) => Value::int(value),
                _ => Value::float(value),
            };
            match prim {
                Prim::Add => return Ok(number(Prim::Add.forward(x, y))),
                Prim::Sub => return Ok(number(Prim::Sub.forward(x, y))),
                Prim::Lt => return Ok(Value::bool(Prim::Lt.forward(x, y) != 0.0)),
                Prim::NumEq => return Ok(Value::bool(Prim::NumEq.forward(x, y) != 0.0)),
                _ => {}
            }
        }
        self.other2(prim, a, b, site)
    }

    #[inline(never)]
    fn other2(&mut self, prim: Prim, a: Value, b: Value, site: u32) -> Outcome<Value> {
        match prim {
            Prim::Add | Prim::Sub | Prim::Mul | Prim::Div | Prim::Pow => {
                self.numeric2(prim, a, b, site)
            }
            Prim::Lt | Prim::Gt | Prim::Le | Prim::Ge | Prim::NumEq => {
                self.compare(prim, a, b, site)
            }
            Prim::Both | Prim::Either if a.tag == Tag::Bool && b.tag == Tag::Bool => {
                self.boolean(prim, number(a), number(b))
            }
            Prim::IsEq => {
                let same = self.identical(a, b)?;
                Ok(same)
            }
            Prim::TestAt => {
                // Only what the next `if` forks or guards on is left for it.
                let place = self.site_of(a);
                if place != 0 {
                    let decides = b.tag == Tag::Bool && b.node.is_some();
                    self.place = if decides { place } else { 0 };
                }
                Ok(b)
            }
            Prim::CellRef => self.cell_ref(a, b, site),
            Prim::EnvRef => self.env_ref(a, b),
            Prim::EnterEmpty => self.enter_empty(a, b),
            Prim::Given if b.tag != Tag::Empty => Ok(b),
            Prim::Given => self.unbound(&self.text_of(a), site),
            Prim::CellFill if self.is_empty_cell(a) => {
                self.leave_older(a.address())?;
                self.heap.set(a.address(), b);
                Ok(Value::UNSPECIFIED)
            }
            Prim::CellFill => self.misused(prim),
            _ => {
                let top = self.at.top as usize;
                self.stack[top] = a;
                self.stack[top + 1] = b;
                self.primitive(prim, 2, site)
            }
        }
    }

    /// Any primitive on `count` staged arguments, a number it accepts. Control primitives
    /// (`apply`, `%apply-at`) are not among them.
    pub(super) fn primitive(&mut self, prim: Prim, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let arg = |i: usize| self.stack[top + i];
        if (prim as u8) < Prim::Select as u8 {
            return self.numeric(prim, count, site);
        }
        match prim {
            Prim::AtanAny if count == 1 => self.renamed1(prim, Prim::Atan, site),
            Prim::AtanAny => self.renamed2(prim, Prim::Atan2, site),
            Prim::LogAny if count == 1 => self.renamed1(prim, Prim::Ln, site),
            Prim::LogAny => self.renamed2(prim, Prim::LogBase, site),
            Prim::Exact | Prim::Inexact => {
                let a = arg(0);
                self.need_one_number(prim, a, site)?;
                let tag = if prim == Prim::Exact {
                    Tag::Int
                } else {
                    Tag::Float
                };
                Ok(Value { tag, ..a })
            }
            Prim::Cons => {
                let (a, b) = (arg(0), arg(1));
                Ok(self.heap.cons(a, b))
            }
            Prim::List => {
                self.room(2 * count)?;
                let mut list = Value::NIL;
                for at in (top..top + count).rev() {
                    list = self.heap.cons(self.stack[at], list);
                }
                Ok(list)
            }
            Prim::Length => {
                let list = arg(0);
                let items = self.heap.list_length(list);
                self.account(items.unwrap_or(0), site)?;
                match items {
                    Some(length) => Ok(Value::int(length as f64)),
                    None => self.not_a_list(prim, list, site),
                }
            }
            Prim::Append => self.append(count, site),
            Prim::Reverse => {
                let list = arg(0);
                let Some(length) = self.heap.list_length(list) else {
                    return self.not_a_list(prim, list, site);
                };
                self.room(2 * length)?;
                self.account(MADE * length, site)?;
                let mut rest = list;
                let mut reversed = Value::NIL;
                while rest.tag == Tag::Pair {
                    reversed = self.heap.cons(self.heap.car(rest), reversed);
                    rest = self.heap.cdr(rest);
                }
                Ok(reversed)
            }
            Prim::ListRef | Prim::ListTail => {
                let (list, index) = (arg(0), arg(1));
                self.list_at(prim, list, index, site)
            }
            Prim::Memq | Prim::Memv | Prim::Member | Prim::Assq | Prim::Assv | Prim::Assoc => {
                let (key, list) = (arg(0), arg(1));
                self.search(prim, key, list, site)
            }
            Prim::CaseMatch => {
                let (key, data) = (arg(0), arg(1));
                self.case_match(key, data, site)
            }
            Prim::SoftChoice => self.soft_choice(count, site),
            Prim::SoftIf => self.soft_if(site),
            Prim::Pick => self.picked(site),
            Prim::Variable => self.variables(site),
            Prim::Slope => self.slope(site),
            Prim::Drawn => self.drawn(count, site),
            Prim::IsEq | Prim::IsEqv => {
                let (a, b) = (arg(0), arg(1));
                self.identical(a, b)
            }
            Prim::IsEqual => {
                let (a, b) = (arg(0), arg(1));
                self.equal(a, b)
            }
            Prim::IsNumber => Ok(Value::bool(arg(0).is_number())),
            Prim::IsBoolean => Ok(Value::bool(arg(0).tag == Tag::Bool)),
            Prim::IsSymbol => Ok(Value::bool(arg(0).tag == Tag::Symbol)),
            Prim::IsPair => Ok(Value::bool(arg(0).tag == Tag::Pair)),
            Prim::IsNull => Ok(Value::bool(arg(0).is_nil())),
            Prim::IsList => {
                let items = self.heap.list_length(arg(0));
                self.account(items.unwrap_or(0), site)?;
                Ok(Value::bool(items.is_some()))
            }
            Prim::IsProcedure => Ok(Value::bool(arg(0).tag == Tag::Closure)),
            Prim::IsString => Ok(Value::bool(arg(0).tag == Tag::String)),
            Prim::IsChar => Ok(Value::bool(arg(0).tag == Tag::Char)),
            Prim::IsVector => Ok(Value::bool(arg(0).tag == Tag::Vector)),
            Prim::IsExact | Prim::IsInexact => {
                let a = arg(0);
                self.need_one_number(prim, a, site)?;
                Ok(Value::bool((a.tag == Tag::Int) == (prim == Prim::IsExact)))
            }
            Prim::Check => self.check(),
            Prim::Whole => self.whole(),
            Prim::AtMost => self.at_most(),
            Prim::Wants => self.wants(),
            Prim::Refuse => self.refuse(count),
            Prim::Spend => {
                let steps = arg(0);
                self.account_in_loop(steps.number() as usize)?;
                Ok(Value::UNSPECIFIED)
            }
            _ if (Prim::StringLength as u8..=Prim::CharTo as u8).contains(&(prim as u8)) => {
                self.text(prim, count, site)
            }
            Prim::Error => {
                let message = self.error_message(count);
                self.fail(Kind::User, site, message)
            }
            Prim::Monitor => self.monitor(site),
            Prim::TestAt
            | Prim::CellRef
            | Prim::EnvRef
            | Prim::EnterEmpty
            | Prim::Given
            | Prim::CellFill => {
                let (a, b) = (arg(0), arg(1));
                self.primitive2(prim, a, b, site)
            }
            Prim::IsFilled => {
                let cell = arg(0);
                if cell.tag != Tag::Pair {
                    return self.misused(prim);
                }
                Ok(Value::bool(!self.is_empty_cell(cell)))
            }
            Prim::Wrap => {
                let (kind, head, content) = (arg(0), arg(1), arg(2));
                let Some(wrapped) = wrapped(kind) else {
                    return self.misused(prim);
                };
                let pair = self.heap.cons(head, content);
                Ok(Value::opaque(wrapped, pair.address()))
            }
            Prim::IsWrapped => Ok(Value::bool(self.is_wrapped(arg(0), arg(1), arg(2)))),
            Prim::Unwrap => {
                let (kind, head, value, name) = (arg(0), arg(1), arg(2), arg(3));
                if self.is_wrapped(kind, head, value) {
                    return Ok(self.heap.cdr(value));
                }
                self.wants_record(head, value, name, site)
            }
            Prim::Received => self.received(arg(0), arg(1), arg(2), site),
            Prim::NoClause => {
                let count = arg(0);
                self.no_clause(count, site)
            }
            Prim::GlobalRef => {
                let name = arg(0);
                Ok(self.global(name))
            }
            Prim::FailAt => {
                let (here, kind, name) = (arg(0), arg(1), arg(2));
                self.fail_at(here, kind, name, site)
            }
            Prim::Cell => Ok(self.heap.cons(Value::EMPTY, Value::NIL)),
            Prim::IsPlace => Ok(Value::bool(arg(0).tag == Tag::Place)),
            Prim::Enter => {
                let (environment, list, required) = (arg(0), arg(1), arg(2));
                self.enter_rib(environment, list, required)
            }
            Prim::EnterRest => {
                let (environment, list, required) = (arg(0), arg(1), arg(2));
                self.enter_rest(environment, list, required)
            }
            Prim::Fill => {
                let (environment, index, value) = (arg(0), arg(1), arg(2));
                self.fill(environment, index, value)
            }
            Prim::Apply | Prim::ApplyAt | Prim::Select | Prim::Block | Prim::Part => {
                unreachable!("`{prim}` is control, or of traces alone")
            }
            _ if prim.is_linalg() => self.linalg(prim, count, site),
            _ => {
                assert!(prim.is_accessor(), "`{prim}` has no arm here");
                let pair = arg(0);
                self.accessor(prim, pair, site)
            }
        }
    }

    fn need_one_number(&self, prim: Prim, a: Value, site: u32) -> Outcome<()> {
        if a.is_number() {
            return Ok(());
        }
        let message = format!("`{prim}` wants a number, got {}", a.kind());
        self.fail(Kind::Type, site, message)
    }

    fn renamed1(&mut self, name: Prim, prim: Prim, site: u32) -> Outcome<Value> {
        let a = self.stack[self.at.top as usize];
        self.need_numbers(name, a, site)?;
        self.numeric1(prim, a, site)
    }

    fn renamed2(&mut self, name: Prim, prim: Prim, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let (a, b) = (self.stack[top], self.stack[top + 1]);
        for value in [a, b] {
            self.need_numbers(name, value, site)?;
        }
        self.numeric2(prim, a, b, site)
    }

    /// `car`, `cdr` and their compositions: the letters say the way, from the right.
    fn accessor(&mut self, prim: Prim, pair: Value, site: u32) -> Outcome<Value> {
        let name = prim.name().as_bytes();
        let mut value = pair;
        for &letter in name[1..name.len() - 1].iter().rev() {
            if value.tag != Tag::Pair {
                let message = if value.tag == Tag::Vector {
                    format!("`{prim}` wants a list, got {}", self.no_list(value))
                } else if name.len() == 3 {
                    format!("`{prim}` of {}", value.kind())
                } else {
                    format!("`{prim}` met {} where it needs a pair", value.kind())
                };
                return self.fail(Kind::Type, site, message);
            }
            value = if letter == b'a' {
                self.heap.car(value)
            } else {
                self.heap.cdr(value)
            };
        }
        Ok(value)
    }

    pub(super) fn is_list(&self, list: Value) -> bool {
        self.heap.list_length(list).is_some()
    }

    fn not_a_list<T>(&self, prim: Prim, value: Value, site: u32) -> Outcome<T> {
        let message = format!("`{prim}` wants a list, got {}", self.no_list(value));
        self.fail(Kind::Type, site, message)
    }

    /// What errors call a value where a list belongs.
    pub(super) fn no_list(&self, value: Value) -> String {
        match value.tag {
            Tag::Pair => "a list that does not end in the empty list".to_owned(),
            Tag::Vector => linalg::no_list(self.heap.shape(value)),
            _ => value.kind().to_owned(),
        }
    }

    fn append(&mut self, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        if count == 0 {
            return Ok(Value::NIL);
        }
        let mut result = self.stack[top + count - 1];
        for at in (top..top + count - 1).rev() {
            let list = self.stack[at];
            let Some(length) = self.heap.list_length(list) else {
                return self.not_a_list(Prim::Append, list, site);
            };
            if length == 0 {
                continue;
            }
            self.room(2 * length)?;
            self.account(MADE * length, site)?;
            let first = self.heap.len() as u32;
            let mut rest = list;
            for index in 0..length {
                let item = self.heap.car(rest);
                let next = if index + 1 == length {
                    result
                } else {
                    Value::pair(first + 2 * (index as u32 + 1))
                };
                self.heap.cons(item, next);
                rest = self.heap.cdr(rest);
            }
            result = Value::pair(first);
        }
        Ok(result)
    }

    fn list_at(&mut self, prim: Prim, list: Value, at: Value, site: u32) -> Outcome<Value> {
        let index = self.index(prim, at, site)?;
        let mut rest = list;
        let mut passed = 0;
        while passed < index && rest.tag == Tag::Pair {
            rest = self.heap.cdr(rest);
            passed += 1;
        }
        self.account(passed, site)?;
        let short = passed < index || (prim == Prim::ListRef && rest.is_nil());
        if short && rest.is_nil() && (list.tag == Tag::Pair || list.is_nil()) {
            let at = in_short(at.number());
            let message = format!("`{prim}` wants index {at} of a list of {passed}");
            return self.fail(Kind::Index, site, message);
        }
        if short || (prim == Prim::ListRef && rest.tag != Tag::Pair) {
            return self.not_a_list(prim, list, site);
        }
        if prim == Prim::ListRef {
            Ok(self.heap.car(rest))
        } else {
            Ok(rest)
        }
    }

    fn search(&mut self, prim: Prim, key: Value, list: Value, site: u32) -> Outcome<Value> {
        let pairs = matches!(prim, Prim::Assq | Prim::Assv | Prim::Assoc);
        let deep = matches!(prim, Prim::Member | Prim::Assoc);
        let mut rest = list;
        let mut passed = 0_usize;
        while rest.tag == Tag::Pair {
            passed += 1;
            if passed.is_multiple_of(STRETCH) {
                self.account_in_loop(STRETCH)?;
            }
            let item = self.heap.car(rest);
            let candidate = if pairs {
                if item.tag != Tag::Pair {
                    let message = format!("`{prim}` wants a list of pairs, met {}", item.kind());
                    return self.fail(Kind::Type, site, message);
                }
                self.heap.car(item)
            } else {
                item
            };
            let same = if deep {
                self.equal(key, candidate)?
            } else {
                self.identical(key, candidate)?
            };
            self.guard_for(same, site)?;
            if !same.is_false() {
                self.account_in_loop(passed % STRETCH)?;
                return Ok(if pairs { item } else { rest });
            }
            rest = self.heap.cdr(rest);
        }
        self.account_in_loop(passed % STRETCH)?;
        if rest.is_nil() {
            Ok(Value::bool(false))
        } else {
            self.not_a_list(prim, list, site)
        }
    }

    fn case_match(&mut self, key: Value, data: Value, site: u32) -> Outcome<Value> {
        let length = self.heap.list_length(data).unwrap_or(0);
        self.account(length, site)?;
        let mut result = Value::bool(false);
        let mut rest = data;
        while rest.tag == Tag::Pair {
            let same = self.identical(key, self.heap.car(rest))?;
            result = match (result.node.index(), same.node.index()) {
                (None, _) if result.is_false() => same,
                (_, None) if same.is_false() => result,
                _ => self.boolean(Prim::Either, number(result), number(same))?,
            };
            rest = self.heap.cdr(rest);
        }
        Ok(result)
    }

    /// `eqv?`, which is also `eq?`: numbers by value, the rest by identity.
    pub(super) fn identical(&mut self, a: Value, b: Value) -> Outcome<Value> {
        if a.is_number() && b.is_number() {
            return self.boolean(Prim::NumEq, number(a), number(b));
        }
        if a.tag == Tag::Bool && b.tag == Tag::Bool && a.node.either(b.node) {
            return self.boolean(Prim::NumEq, number(a), number(b));
        }
        if a.tag == Tag::String && b.tag == Tag::String && a.code() == b.code() {
            self.account_in_loop(a.code() as usize)?;
        }
        Ok(Value::bool(self.same(a, b)))
    }

    /// Identity of values that are not both numbers.
    #[inline]
    pub(super) fn same(&self, a: Value, b: Value) -> bool {
        if a.is_number() && b.is_number() {
            return a.number() == b.number();
        }
        if a.tag == Tag::String && b.tag == Tag::String {
            let characters = |string: Value| self.heap.characters(string);
            return a.code() == b.code() && characters(a).eq(characters(b));
        }
        a.tag == b.tag && a.bits == b.bits
    }

    /// `equal?`, without recursion. Numbers with nodes inside structures are guarded; two plain
    /// numbers give an answer with a node.
    fn equal(&mut self, a: Value, b: Value) -> Outcome<Value> {
        if a.tag != b.tag || !matches!(a.tag, Tag::Pair | Tag::Opaque) {
            return self.equal_but_for_pairs(a, b);
        }
        let mut open = vec![(a, b)];
        let mut steps = 0_usize;
        while let Some((a, b)) = open.pop() {
            steps += 1;
            if steps.is_multiple_of(STRETCH) {
                self.account_in_loop(STRETCH)?;
            }
            if a.tag == Tag::Pair && b.tag == Tag::Pair {
                if a.bits != b.bits {
                    open.push((self.heap.cdr(a), self.heap.cdr(b)));
                    open.push((self.heap.car(a), self.heap.car(b)));
                }
                continue;
            }
            if a.tag == Tag::Opaque && b.tag == Tag::Opaque {
                if a.bits == b.bits {
                    continue;
                }
                if !self.same_type(a, b) {
                    self.account_in_loop(steps % STRETCH)?;
                    return Ok(Value::bool(false));
                }
                open.push((self.heap.cdr(a), self.heap.cdr(b)));
                continue;
            }
            let same = self.equal_but_for_pairs(a, b)?;
            self.guard(same)?;
            if same.is_false() {
                self.account_in_loop(steps % STRETCH)?;
                return Ok(Value::bool(false));
            }
        }
        self.account_in_loop(steps % STRETCH)?;
        Ok(Value::bool(true))
    }

    /// `equal?` of two values that are not both pairs.
    fn equal_but_for_pairs(&mut self, a: Value, b: Value) -> Outcome<Value> {
        if a.tag == Tag::Vector && b.tag == Tag::Vector {
            return self.equal_arrays(a, b);
        }
        self.identical(a, b)
    }

    // ---- the evaluator's own -----------------------------------------------------------------

    /// Internal rows trust the evaluator that comes with the crate; that of a file is not trusted.
    #[cold]
    pub(super) fn misused<T>(&self, prim: Prim) -> Outcome<T> {
        let message = format!("the interpreter is damaged: it misuses `{prim}`");
        self.fail(Kind::Type, 0, message)
    }

    /// A fork undoes what its arms did, but not what they put into a cell that is older than they are:
    /// such an arm is walked alone.
    pub(super) fn leave_older(&self, address: u32) -> Outcome<()> {
        if self.forks.is_older(address) {
            return Err(Stop::fork(Unjoined::Promise, self.at.site));
        }
        Ok(())
    }

    /// Whether a value is of a kind and a type, which are one where they are the same object.
    fn is_wrapped(&self, kind: Value, head: Value, value: Value) -> bool {
        value.tag == Tag::Opaque
            && kind.tag == Tag::Int
            && value.code() == kind.number() as u32
            && self.same(self.heap.car(value), head)
    }

    /// Whether two wrapped values are of one type of those that `equal?` looks into.
    fn same_type(&self, a: Value, b: Value) -> bool {
        a.code() == b.code()
            && a.code() != Wrapped::Promise as u32
            && self.same(self.heap.car(a), self.heap.car(b))
    }

    /// The type of a record begins with its name.
    fn wants_record<T>(&self, head: Value, value: Value, name: Value, site: u32) -> Outcome<T> {
        if head.tag != Tag::Pair {
            return self.misused(Prim::Unwrap);
        }
        let wanted = self.text_of(self.heap.car(head));
        let got = match value.tag {
            Tag::Opaque if value.code() == Wrapped::Record as u32 => {
                format!("a record `{}`", self.type_name(value))
            }
            _ => value.kind().to_owned(),
        };
        let name = self.text_of(name);
        let message = format!("`{name}` wants a record `{wanted}`, got {got}");
        self.fail(Kind::Type, site, message)
    }

    /// What the type of a record is called.
    fn type_name(&self, record: Value) -> String {
        match self.heap.car(record) {
            head if head.tag == Tag::Pair => self.text_of(self.heap.car(head)),
            head => head.kind().to_owned(),
        }
    }

    /// The list of values, if there are so many of them; with `rest`, or more.
    fn received(
        &mut self,
        value: Value,
        required: Value,
        rest: Value,
        site: u32,
    ) -> Outcome<Value> {
        if required.tag != Tag::Int {
            return self.misused(Prim::Received);
        }
        let list = match value.tag {
            Tag::Opaque if value.code() == Wrapped::Values as u32 => self.heap.cdr(value),
            _ => self.heap.cons(value, Value::NIL),
        };
        let count = self.heap.list_length(list).unwrap_or(0);
        let required = required.number();
        if count as f64 == required || (count as f64 > required && !rest.is_false()) {
            return Ok(list);
        }
        let message = values_in_words(required as usize, !rest.is_false(), count);
        self.fail(Kind::Arity, site, message)
    }

    fn no_clause<T>(&self, count: Value, site: u32) -> Outcome<T> {
        let message = no_clause_in_words(count.number() as usize);
        self.fail(Kind::Arity, site, message)
    }

    fn is_empty_cell(&self, cell: Value) -> bool {
        cell.tag == Tag::Pair && self.heap.car(cell).tag == Tag::Empty
    }

    fn cell_ref(&mut self, here: Value, cell: Value, site: u32) -> Outcome<Value> {
        if cell.tag != Tag::Pair {
            return self.misused(Prim::CellRef);
        }
        let value = self.heap.get(cell.address());
        if value.tag != Tag::Empty {
            return Ok(value);
        }
        let (site, name) = self.named_place(here, site);
        self.fail(
            Kind::Unbound,
            site,
            format!("`{name}` is used before its definition"),
        )
    }

    /// Where a variable stands and what it is called: in direct code the name and the site are
    /// given, in the evaluator the pair whose car is the symbol.
    fn named_place(&self, here: Value, site: u32) -> (u32, String) {
        match here.tag {
            Tag::Pair => (self.site_of(here), self.name_of(self.heap.car(here))),
            _ => (site, self.text_of(here)),
        }
    }

    pub(super) fn text_of(&self, value: Value) -> String {
        match value.tag {
            Tag::Symbol => self.symbol_name(value).to_owned(),
            Tag::String => self.string(value).to_string(),
            _ => value.kind().to_owned(),
        }
    }

    /// The name of a variable as the program has it: one of several definitions of a name is told
    /// from the others by a number after it.
    fn name_of(&self, symbol: Value) -> String {
        let name = self.text_of(symbol);
        match name.rsplit_once('%') {
            Some((name, number))
                if !name.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                name.to_owned()
            }
            _ => name,
        }
    }

    fn fail_at(&mut self, here: Value, kind: Value, name: Value, site: u32) -> Outcome<Value> {
        let name = self.text_of(name);
        let site = match here.tag {
            Tag::Pair => self.site_of(here),
            _ => site,
        };
        match self.text_of(kind).as_str() {
            "undefined" => {
                let message = format!("`{name}` is used before its definition");
                self.fail(Kind::Unbound, site, message)
            }
            // Of calls of models; the message is all there.
            "model" => self.fail(Kind::Unbound, site, name),
            "arity" => self.fail(Kind::Arity, site, name),
            _ => self.unbound(&name, site),
        }
    }

    pub(super) fn unbound<T>(&self, name: &str, site: u32) -> Outcome<T> {
        let message = format!("`{name}` is not bound to anything");
        self.fail(Kind::Unbound, site, message)
    }
}
