//! Environments: the values of the evaluator's variables, found at once however far out they are.
//!
//! An environment is its ribs, the innermost first. A program's variables are places, which the layout
//! has put where their names stood: how many ribs out, and where in that rib.
//!
//! **Invariants**
//! - A value at distance n is found in a number of steps that grows with the logarithm of n.
//! - A rib is a list of few values, or values side by side; those that are still to come are empty,
//!   and each is filled once.
//! - The environment outside all others has the inputs, empty where they are not given.

use super::{Outcome, Walk};
use crate::error::Kind;
use crate::prim::value::{Tag, Value};
use crate::prim::{Prim, arity_in_words};

/// Environments of up to so many ribs know the one around them and no other.
pub(super) const SHALLOW: u32 = 8;

/// The values of a rib that is a list; longer ones lie side by side.
const LISTED: usize = 8;

impl Walk<'_> {
    /// An environment with one rib more. What has many ribs keeps, beside the environment around it,
    /// one farther out: of those around it each with twice the distance of another of its kind (Myers,
    /// *An applicative random-access stack*).
    fn extended(&mut self, environment: Value, rib: Value) -> Value {
        let ribs = match environment.tag {
            Tag::Env => environment.code() + 1,
            _ => 1,
        };
        let address = self.heap.len() as u32;
        self.heap.push(rib);
        self.heap.push(environment);
        if ribs > SHALLOW {
            let near = self.farther(environment);
            let far = self.farther(near);
            let distance = |from: Value, to: Value| from.code() - to.code();
            let even =
                distance(environment, near) == distance(near, far) && near.code() != far.code();
            self.heap.push(if even { far } else { environment });
        }
        Value::env(ribs, address)
    }

    /// The environment farther out that one keeps, or itself.
    fn farther(&self, environment: Value) -> Value {
        if environment.code() > SHALLOW {
            self.heap.get(environment.address() + 2)
        } else {
            environment
        }
    }

    /// The environment outside all others, of values that may be empty.
    pub(super) fn outermost(&mut self, values: impl ExactSizeIterator<Item = Value>) -> Value {
        let rib = self.heap.rib(values);
        self.extended(Value::NIL, rib)
    }

    /// `(%enter environment arguments count)`
    #[inline]
    pub(super) fn enter_rib(
        &mut self,
        environment: Value,
        list: Value,
        count: Value,
    ) -> Outcome<Value> {
        let length = self.heap.list_length(list).unwrap_or(0);
        if count.tag != Tag::Int || length as f64 != count.number() {
            return self.cannot_enter(Prim::Enter, count, length);
        }
        if !matches!(environment.tag, Tag::Env | Tag::Nil) {
            return self.misused(Prim::Enter);
        }
        let rib = self.rib_of(list, length)?;
        Ok(self.extended(environment, rib))
    }

    /// `(%enter-rest environment arguments count)`
    pub(super) fn enter_rest(
        &mut self,
        environment: Value,
        list: Value,
        count: Value,
    ) -> Outcome<Value> {
        let length = self.heap.list_length(list).unwrap_or(0);
        if count.tag != Tag::Int || (length as f64) < count.number() {
            return self.cannot_enter(Prim::EnterRest, count, length);
        }
        if !matches!(environment.tag, Tag::Env | Tag::Nil) {
            return self.misused(Prim::EnterRest);
        }
        let fixed = count.number() as usize;
        self.room(2 * length + 2 + fixed)?;
        let first = self.heap.len() as u32;
        let mut left = list;
        for index in 0..fixed as u32 {
            let (item, next) = (self.heap.car(left), Value::pair(first + 2 * (index + 1)));
            self.heap.cons(item, next);
            left = self.heap.cdr(left);
        }
        // A list of its own: what the procedure was applied to may be known elsewhere.
        let rest = match left.tag {
            Tag::Pair => Value::pair(first + 2 * (fixed as u32 + 1)),
            _ => Value::NIL,
        };
        self.heap.cons(rest, Value::NIL);
        while left.tag == Tag::Pair {
            let (item, next) = (self.heap.car(left), self.heap.cdr(left));
            let follows = Value::pair(self.heap.len() as u32 + 2);
            let tail = if next.tag == Tag::Pair {
                follows
            } else {
                Value::NIL
            };
            self.heap.cons(item, tail);
            left = next;
        }
        let rib = self.rib_of(Value::pair(first), fixed + 1)?;
        Ok(self.extended(environment, rib))
    }

    #[cold]
    fn cannot_enter(&mut self, prim: Prim, count: Value, length: usize) -> Outcome<Value> {
        if count.tag != Tag::Int {
            return self.misused(prim);
        }
        let required = count.number() as u32;
        let takes = arity_in_words(required, (prim == Prim::Enter).then_some(required));
        self.wrong_count(&self.called(0), &takes, length, 0)
    }

    /// A list as a rib.
    #[inline]
    fn rib_of(&mut self, list: Value, length: usize) -> Outcome<Value> {
        if length <= LISTED {
            return Ok(list);
        }
        self.room(length)?;
        Ok(self.heap.rib_of_list(list, length as u32))
    }

    /// `(%enter-empty environment count)`
    pub(super) fn enter_empty(&mut self, environment: Value, count: Value) -> Outcome<Value> {
        if count.tag != Tag::Int || !matches!(environment.tag, Tag::Env | Tag::Nil) {
            return self.misused(Prim::EnterEmpty);
        }
        let count = count.number() as u32 as usize;
        self.room(count)?;
        let rib = self.heap.rib(std::iter::repeat_n(Value::EMPTY, count));
        Ok(self.extended(environment, rib))
    }

    /// `(%fill environment index value)`
    pub(super) fn fill(
        &mut self,
        environment: Value,
        index: Value,
        value: Value,
    ) -> Outcome<Value> {
        if environment.tag != Tag::Env || index.tag != Tag::Int {
            return self.misused(Prim::Fill);
        }
        let rib = self.heap.get(environment.address());
        let index = index.number() as u32;
        if rib.tag != Tag::Rib || index >= rib.code() {
            return self.misused(Prim::Fill);
        }
        let cell = rib.address() + index;
        if self.heap.get(cell).tag != Tag::Empty {
            return self.misused(Prim::Fill);
        }
        self.leave_older(cell)?;
        self.heap.set(cell, value);
        Ok(Value::UNSPECIFIED)
    }

    /// `(%env-ref environment here)`
    #[inline]
    pub(super) fn env_ref(&self, environment: Value, here: Value) -> Outcome<Value> {
        if here.tag == Tag::Pair && environment.tag == Tag::Env {
            let place = self.heap.car(here);
            let value = self.variable(environment, place);
            if value.tag != Tag::Empty {
                return Ok(value);
            }
        }
        self.no_value(environment, here)
    }

    /// The value of the variable at a place; empty where there is none.
    #[inline]
    fn variable(&self, environment: Value, place: Value) -> Value {
        match self.cell_of_variable(environment, place) {
            Some(cell) => self.heap.get(cell),
            None => Value::EMPTY,
        }
    }

    /// The cell that holds that value.
    #[inline]
    pub(super) fn cell_of_variable(&self, environment: Value, place: Value) -> Option<u32> {
        let (distance, index) = (place.code(), place.address());
        if place.tag != Tag::Place || distance >= environment.code() {
            return None;
        }
        let inside = self.outward(environment, distance);
        let rib = self.heap.get(inside.address());
        if rib.tag == Tag::Rib {
            return (index < rib.code()).then(|| rib.address() + index);
        }
        let mut list = rib;
        for _ in 0..index.min(LISTED as u32) {
            if list.tag != Tag::Pair {
                return None;
            }
            list = self.heap.cdr(list);
        }
        (list.tag == Tag::Pair).then(|| list.address())
    }

    /// The environment so many ribs farther out.
    #[inline]
    fn outward(&self, environment: Value, distance: u32) -> Value {
        let mut inside = environment;
        let ribs = environment.code() - distance;
        while inside.code() > ribs {
            let around = self.heap.get(inside.address() + 1);
            inside = if around.code() <= ribs || inside.code() <= SHALLOW {
                around
            } else {
                match self.heap.get(inside.address() + 2) {
                    far if far.code() >= ribs => far,
                    _ => around,
                }
            };
        }
        inside
    }

    /// Why a variable has no value: nothing is bound to it yet, or nothing at all.
    #[cold]
    fn no_value(&self, environment: Value, here: Value) -> Outcome<Value> {
        if here.tag != Tag::Pair || environment.tag != Tag::Env {
            return self.misused(Prim::EnvRef);
        }
        let place = self.heap.car(here);
        let Some(name) = self.sites.name(here) else {
            return self.misused(Prim::EnvRef);
        };
        let name = self.names.name(name);
        let site = self.site_of(here);
        // Outside all others are the inputs.
        if place.code().checked_add(1) == Some(environment.code()) {
            return self.unbound(name, site);
        }
        let message = format!("`{name}` is used before its definition");
        self.fail(Kind::Unbound, site, message)
    }
}
