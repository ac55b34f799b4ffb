//! What `root` and `fixed-point` are made of: choices without guards, variables, slopes.
//!
//! **Invariants**
//! - A variable is a node whatever it depends on, so that what is computed from it is recorded, and its
//!   derivative too; the value of what a program computes does not depend on that.

use super::fork::{float, number};
use super::{Outcome, Walk};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::value::{Tag, Value};
use crate::trace::record::Number;

impl Walk<'_> {
    /// `(%pick test then otherwise)` on three staged arguments, a boolean and numbers.
    pub(super) fn picked(&mut self, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let [test, then, otherwise] = [0, 1, 2].map(|at| self.stack[top + at]);
        if test.tag != Tag::Bool {
            let message = format!("`pick` wants a boolean, got {}", test.kind());
            return self.fail(Kind::Type, site, message);
        }
        for value in [then, otherwise] {
            self.need_number(Prim::Pick, value, site)?;
        }
        let picked = self.pick(number(test), number(then), number(otherwise))?;
        Ok(float(picked))
    }

    /// `(%variable x)` on a staged number or vector.
    pub(super) fn variables(&mut self, site: u32) -> Outcome<Value> {
        let value = self.stack[self.at.top as usize];
        if value.tag != Tag::Vector {
            self.need_number(Prim::Variable, value, site)?;
            let variable = self.variable_of(number(value))?;
            return Ok(float(variable));
        }
        let shape = self.heap.shape(value);
        if let Shape::Matrix(..) = shape {
            return self.fail(Kind::Type, site, no_vector(shape));
        }
        let numbers = self.numbers_of(value);
        self.room(numbers.len())?;
        self.account(numbers.len(), site)?;
        let mut variables = Vec::with_capacity(numbers.len());
        for number in numbers {
            variables.push(float(self.variable_of(number)?));
        }
        Ok(self.heap.array(shape, variables.into_iter()))
    }

    fn variable_of(&mut self, number: Number) -> Outcome<Number> {
        let variable = self.recorder.variable(number);
        if !self.forks.open.is_empty() {
            self.spend(1)?;
        }
        Ok(variable)
    }

    /// `(%slope y x)` on two staged arguments.
    pub(super) fn slope(&mut self, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let [y, by] = [self.stack[top], self.stack[top + 1]];
        self.need_number(Prim::Slope, y, site)?;
        let variables = if by.tag == Tag::Vector {
            self.numbers_of(by)
        } else {
            self.need_number(Prim::Slope, by, site)?;
            vec![number(by)]
        };
        let (before, mut work) = (self.recorder.operations(), 0);
        let slopes = self.recorder.slopes(number(y), &variables, &mut work);
        if !self.forks.open.is_empty() {
            self.spend((self.recorder.operations() - before) as u64)?;
        }
        // What the program computes between is paid for once more.
        self.account_in_loop(work)?;
        if by.tag == Tag::Vector {
            self.room(slopes.len())?;
            let shape = Shape::Vector(slopes.len());
            return Ok(self.heap.array(shape, slopes.into_iter().map(float)));
        }
        Ok(float(slopes[0]))
    }
}

/// What is said of a matrix where a number or a vector is wanted.
pub(crate) fn no_vector(shape: Shape) -> String {
    format!("`fixed-point` wants a number or a vector, got {shape}")
}
