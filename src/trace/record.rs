//! `record`: the number domain of a walk that writes a [`Trace`].
//!
//! Numbers with their nodes go in, the node of each result comes out.
//!
//! **Invariants**
//! - An operation is recorded exactly if an operand is a node; constants are folded by the same
//!   kernels.
//! - The value of every node is kept, so that the first gradient needs no replay.
//! - Rewinding to a mark forgets operations, guards and arms made since; constants may stay.

use super::{Arm, Guard, Operation, Ref, Trace};
use crate::prim::Prim;

/// A number and the node that computed it; node 0 is none, `k + 1` is node `k`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) node: u32,
}

/// The numbers of a walk: what it computes with, and what it must remember.
pub(crate) trait Domain {
    /// A point to rewind to.
    type Mark: Copy;

    /// Computes a numeric row or a predicate on operands of which one has a node.
    fn operation(&mut self, prim: Prim, a: Number, b: Number) -> Number;

    /// Chooses one of two numbers: joins the results of a fork, where `place` is not 0.
    fn select(&mut self, test: Number, then: Number, otherwise: Number, place: u32) -> Number;

    /// Relies on a number being what it is, at a place of the program.
    fn guard(&mut self, number: Number, place: u32);

    /// Declares the operations since a mark to be an arm.
    fn arm(&mut self, since: Self::Mark, test: Number, when: bool);

    /// Where the record stands.
    fn mark(&self) -> Self::Mark;

    /// Forgets what came after a mark.
    fn rewind(&mut self, mark: Self::Mark);

    /// How many operations there are.
    fn operations(&self) -> usize;

    /// How many guards there are.
    fn guards(&self) -> usize;
}

/// Where a [`Recorder`] stood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    operations: usize,
    guards: usize,
    arms: usize,
}

/// Writes a [`Trace`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) trace: Trace,
    /// The value of each node.
    pub(crate) values: Vec<f64>,
    /// How many operations to record; what comes after is computed and forgotten.
    pub(crate) limit: usize,
    overflowed: bool,
}

impl Recorder {
    /// Starts anew with the given inputs.
    pub(crate) fn reset(&mut self, inputs: &[f64]) {
        self.trace.operations.clear();
        self.trace.constants.clear();
        self.trace.guards.clear();
        self.trace.arms.clear();
        self.trace.joins.clear();
        self.trace.inputs = inputs.len() as u32;
        self.values.clear();
        self.values.extend_from_slice(inputs);
        self.limit = usize::MAX;
        self.overflowed = false;
    }

    /// Whether operations were forgotten: the trace is then of no use.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    #[inline]
    fn operand(&mut self, number: Number) -> Ref {
        if number.node == 0 {
            self.trace.constants.push(number.value);
            Ref::constant(self.trace.constants.len() as u32 - 1)
        } else {
            Ref::node(number.node - 1)
        }
    }

    #[inline]
    fn push(&mut self, operation: Operation, value: f64) -> Number {
        if self.trace.operations.len() >= self.limit {
            self.overflowed = true;
            return Number { value, node: 0 };
        }
        self.trace.operations.push(operation);
        self.values.push(value);
        Number {
            value,
            node: self.values.len() as u32,
        }
    }
}

impl Domain for Recorder {
    type Mark = Mark;

    #[inline]
    fn operation(&mut self, prim: Prim, a: Number, b: Number) -> Number {
        let value = prim.forward(a.value, b.value);
        let a = self.operand(a);
        let b = if prim.operands() == 1 {
            a
        } else {
            self.operand(b)
        };
        let operation = Operation { prim, a, b, c: a };
        self.push(operation, value)
    }

    fn select(&mut self, test: Number, then: Number, otherwise: Number, place: u32) -> Number {
        if place != 0 {
            let operation = self.trace.operations.len() as u32;
            self.trace.joins.push((operation, place));
        }
        let value = if test.value == 0.0 {
            otherwise.value
        } else {
            then.value
        };
        let a = self.operand(then);
        let b = self.operand(otherwise);
        let c = self.operand(test);
        let operation = Operation {
            prim: Prim::Select,
            a,
            b,
            c,
        };
        self.push(operation, value)
    }

    fn guard(&mut self, number: Number, place: u32) {
        if number.node != 0 {
            self.trace.guards.push(Guard {
                at: self.trace.operations.len() as u32,
                node: Ref::node(number.node - 1),
                expected: number.value,
                place,
            });
        }
    }

    fn arm(&mut self, since: Mark, test: Number, when: bool) {
        let end = self.trace.operations.len() as u32;
        if since.operations as u32 == end {
            return;
        }
        let test = self.operand(test);
        self.trace.arms.push(Arm {
            start: since.operations as u32,
            end,
            test,
            when,
        });
    }

    fn mark(&self) -> Mark {
        Mark {
            operations: self.trace.operations.len(),
            guards: self.trace.guards.len(),
            arms: self.trace.arms.len(),
        }
    }

    fn rewind(&mut self, mark: Mark) {
        self.trace.operations.truncate(mark.operations);
        self.trace.guards.truncate(mark.guards);
        self.trace.arms.truncate(mark.arms);
        let kept = |join: &(u32, u32)| (join.0 as usize) < mark.operations;
        while self.trace.joins.pop_if(|join| !kept(join)).is_some() {}
        self.values
            .truncate(self.trace.inputs as usize + mark.operations);
    }

    fn operations(&self) -> usize {
        self.trace.operations.len()
    }

    fn guards(&self) -> usize {
        self.trace.guards.len()
    }
}
