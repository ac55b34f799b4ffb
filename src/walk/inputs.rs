//! Inputs: how what a caller binds becomes values and constants of a walk.
//!
//! A job's inputs and literals go in; they stand on the heap, or among the constants of a program's code.
//!
//! **Invariants**
//! - A number's node is its index among the trace's inputs.
//! - An input that is not given is empty, and unbound where it is used.

use super::fork::float;
use super::heap::Heap;
use super::{Job, Walk};
use crate::prim::linalg::Shape;
use crate::prim::value::{Node, Value};
use crate::trace::record::Number;

/// An input as the walk sees it.
#[derive(Clone, Debug)]
pub(crate) enum InputValue {
    /// A number; its node is its index among the trace's inputs.
    Number(Number),
    /// A list of such.
    List(Vec<Number>),
    /// A vector or matrix of such.
    Array(Shape, Vec<Number>),
    /// Not given: unbound.
    Missing,
}

impl InputValue {
    /// The input as a constant of the walk.
    pub(crate) fn without_nodes(self) -> Self {
        let all = |items: Vec<Number>| {
            let constant = |item: Number| Number::constant(item.value);
            items.into_iter().map(constant).collect()
        };
        match self {
            Self::Number(x) => Self::Number(Number::constant(x.value)),
            Self::List(items) => Self::List(all(items)),
            Self::Array(shape, items) => Self::Array(shape, all(items)),
            Self::Missing => Self::Missing,
        }
    }
}

/// The constants of a program's own code, with inputs and literals in place.
pub(super) fn fill_constants(constants: &mut Vec<Value>, heap: &mut Heap, job: &Job<'_>) {
    constants.clear();
    constants.extend_from_slice(&job.code.constants);
    for &(constant, input) in &job.code.input_constants {
        let value = match job.inputs.get(input as usize) {
            Some(input) => put_input(heap, input),
            None => Value::EMPTY,
        };
        constants[constant as usize] = value;
    }
    for &(constant, span) in &job.code.literal_constants {
        if let Some(&(_, node)) = job.literals.iter().find(|l| l.0 == span) {
            constants[constant as usize].node = Node::at(node);
        }
    }
}

/// An input as a value.
pub(super) fn put_input(heap: &mut Heap, input: &InputValue) -> Value {
    let number = |number: &Number| float(*number);
    match input {
        InputValue::Number(x) => number(x),
        InputValue::List(items) => {
            let items = items.iter().rev();
            items.fold(Value::NIL, |list, item| heap.cons(number(item), list))
        }
        InputValue::Array(shape, items) => heap.array(*shape, items.iter().map(number)),
        InputValue::Missing => Value::EMPTY,
    }
}

impl<'a> Walk<'a> {
    /// Gives the literals among a program's data their nodes.
    pub(super) fn set_literals(&mut self, job: &Job<'a>) {
        let Some(program) = job.programs.last() else {
            return;
        };
        for &(cell, span) in &program.literals {
            if let Some(&(_, node)) = job.literals.iter().find(|l| l.0 == span) {
                let mut value = self.heap.get(cell);
                value.node = Node::at(node);
                self.heap.set(cell, value);
            }
        }
    }
}
