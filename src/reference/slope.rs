//! What `root` and `fixed-point` are made of, on dfdx's tensors.
//!
//! **Invariants**
//! - A slope is dfdx's own derivative, by a backward pass over what the tape has got since the variable
//!   was made. That part of the tape is used up: nothing else is to depend on the variable.
//! - A slope is a constant.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use super::tape::{derivative, leaf, value};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::tagged::{Tagged, TypeTag};
use crate::walk::slope::no_vector;

impl Machine<'_> {
    /// One of two numbers, by a boolean.
    pub(super) fn picked(
        &mut self,
        [test, then, otherwise]: [&Cell; 3],
        site: u32,
    ) -> Outcome<Cell> {
        if !test.is(TypeTag::Bool) {
            let message = format!("`pick` wants a boolean, got {}", test.kind());
            return self.fail(Kind::Type, site, message);
        }
        for number in [then, otherwise] {
            self.need_number(Prim::Pick, number, site)?;
        }
        let picked = if test.is_false() { otherwise } else { then };
        let picked = self.retag(picked, TypeTag::Float);
        // It depends on what decided, as far as tests go.
        if picked.node.is_some() || test.node.is_none() {
            return Ok(picked);
        }
        self.record(picked, Vec::new(), 1)
    }

    /// A number or vector as variables.
    pub(super) fn variables(&mut self, number: &Cell, site: u32) -> Outcome<Cell> {
        if !number.is(TypeTag::Vector) {
            self.need_number(Prim::Variable, number, site)?;
            return self.variable_of(number);
        }
        let (shape, numbers) = self.heap.array_of(number);
        if let Shape::Matrix(..) = shape {
            return self.fail(Kind::Type, site, no_vector(shape));
        }
        let mut variables = Vec::with_capacity(numbers.len());
        for number in &numbers {
            variables.push(self.variable_of(number)?);
        }
        Ok(self.heap.array(shape, variables))
    }

    fn variable_of(&mut self, cell: &Cell) -> Outcome<Cell> {
        let number = cell.number();
        let variable = leaf(number.device(), value(&number), &self.tape);
        // Reading the number left nothing that is to be kept.
        self.tape.forget_pending();
        let cell = Cell::of_number(variable.clone(), TypeTag::Float);
        let cell = self.record(cell, Vec::new(), 1)?;
        if let Some(node) = cell.node {
            self.variables.insert(node, variable);
        }
        Ok(cell)
    }

    /// The derivatives of a number by variables.
    pub(super) fn slope(&mut self, y: &Cell, by: &Cell, site: u32) -> Outcome<Cell> {
        self.need_number(Prim::Slope, y, site)?;
        if !by.is(TypeTag::Vector) {
            self.need_number(Prim::Slope, by, site)?;
            let slopes = self.slopes(y, std::slice::from_ref(by));
            return Ok(self.heap.constant(Tagged::float(slopes[0])));
        }
        let (_, numbers) = self.heap.array_of(by);
        let slopes = self.slopes(y, &numbers);
        let cells = slopes.iter().map(|&x| self.heap.constant(Tagged::float(x)));
        let cells = cells.collect();
        Ok(self.heap.array(Shape::Vector(slopes.len()), cells))
    }

    fn slopes(&mut self, y: &Cell, by: &[Cell]) -> Vec<f64> {
        let first = by.iter().filter_map(|variable| variable.node).min();
        let (Some(entry), Some(first)) = (y.node, first) else {
            return vec![0.0; by.len()];
        };
        let mut gradients = self.tape.gradients_since(y.number(), entry, first);
        let slope = |variable: &Cell| {
            let leaf = variable.node.and_then(|node| self.variables.get(&node));
            leaf.map_or(0.0, |leaf| derivative(&mut gradients, leaf))
        };
        by.iter().map(slope).collect()
    }
}
