//! `replay`: a trace run forward on other numbers.
//!
//! A [`Trace`] and its inputs go in; the value of every node comes out, or the guard that failed.
//!
//! **Invariants**
//! - Same operations, same kernels, same order as the walk: same inputs give the same bits.
//! - A guard is checked before any operation recorded after it.

use super::{Ref, Trace};
use crate::prim::Prim;

/// A guard that other numbers do not satisfy: they take another path. No error: the caller walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Diverged {
    /// Which guard.
    pub(crate) guard: usize,
}

impl Trace {
    /// Computes all nodes for `inputs` into `values`.
    ///
    /// # Errors
    /// [`Diverged`] if the inputs take another path; `values` is then of no use.
    ///
    /// # Panics
    /// If there are not as many inputs as the trace has.
    pub(crate) fn replay(&self, inputs: &[f64], values: &mut Vec<f64>) -> Result<(), Diverged> {
        assert_eq!(inputs.len(), self.inputs as usize, "one number an input");
        values.clear();
        values.extend_from_slice(inputs);
        values.reserve(self.operations.len());
        let mut done = 0;
        for (index, guard) in self.guards.iter().enumerate() {
            self.run(done, guard.at as usize, values);
            done = guard.at as usize;
            if self.number(guard.node, values) != guard.expected {
                return Err(Diverged { guard: index });
            }
        }
        self.run(done, self.operations.len(), values);
        Ok(())
    }

    fn run(&self, from: usize, to: usize, values: &mut Vec<f64>) {
        let mut scratch = Vec::new();
        for (index, op) in self.operations[from..to].iter().enumerate() {
            match op.prim {
                // It has pushed all its parts.
                Prim::Part => continue,
                Prim::Block => {
                    self.run_block(&self.block_at(from + index), values, &mut scratch);
                    continue;
                }
                _ => {}
            }
            let a = self.number(op.a, values);
            let b = self.number(op.b, values);
            let value = if op.prim == Prim::Select {
                if self.holds(op.c, values) { a } else { b }
            } else {
                op.prim.forward(a, b)
            };
            values.push(value);
        }
    }

    pub(super) fn holds(&self, test: Ref, values: &[f64]) -> bool {
        self.number(test, values) != 0.0
    }
}
