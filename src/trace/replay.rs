//! `replay`: a trace run forward on other numbers.
//!
//! A [`Trace`] and its inputs go in; the value of every node comes out, or the guard that failed.
//!
//! **Invariants**
//! - Same operations, same kernels, same order as the walk: same inputs give the same bits.
//! - A guard is checked before any operation recorded after it.

use super::repeat::Kept;
use super::{Guard, Ref, Trace};
use crate::prim::Prim;
use std::ops::Range;

/// A guard that other numbers do not satisfy: they take another path. No error: the caller walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Diverged {
    /// Which guard.
    pub(crate) guard: usize,
}

/// What loops are done with.
struct Loops<'l> {
    kept: Option<&'l mut Kept>,
    go_on: &'l mut dyn FnMut([u64; 2]) -> bool,
}

/// Why a replay has come to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Other numbers take another path.
    Diverged(Diverged),
    /// A loop was told to stop.
    Stopped,
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
        debug_assert!(self.repeats.is_empty(), "loops are to be bounded");
        match self.replay_while(inputs, values, None, &mut |_| true) {
            Ok(()) | Err(Ended::Stopped) => Ok(()),
            Err(Ended::Diverged(diverged)) => Err(diverged),
        }
    }

    /// The same for a trace with loops, of which `go_on` is asked now and then whether they may, with the
    /// applications and elements gone through since the last time. What a sweep needs of them is `kept`.
    ///
    /// # Errors
    /// As [`Trace::replay`]; and where a loop may not go on.
    pub(crate) fn replay_while(
        &self,
        inputs: &[f64],
        values: &mut Vec<f64>,
        kept: Option<&mut Kept>,
        go_on: &mut dyn FnMut([u64; 2]) -> bool,
    ) -> Result<(), Ended> {
        assert_eq!(inputs.len(), self.inputs as usize, "one number an input");
        values.clear();
        values.extend_from_slice(inputs);
        values.reserve(self.operations.len());
        let mut loops = Loops { kept, go_on };
        self.replay_part(0..self.operations.len(), values, &mut loops)?;
        if let Some(kept) = loops.kept {
            kept.is_whole();
        }
        Ok(())
    }

    /// The same of some operations without loops, behind all that come before them.
    pub(super) fn replay_between(&self, part: Range<usize>, values: &mut Vec<f64>) -> bool {
        let mut loops = Loops {
            kept: None,
            go_on: &mut |_| true,
        };
        self.replay_part(part, values, &mut loops).is_ok()
    }

    fn replay_part(
        &self,
        part: Range<usize>,
        values: &mut Vec<f64>,
        loops: &mut Loops<'_>,
    ) -> Result<(), Ended> {
        let mut done = part.start;
        let is_before = |guard: &Guard| (guard.at as usize) < part.start;
        let from = self.guards.partition_point(is_before);
        for (index, guard) in self.guards.iter().enumerate().skip(from) {
            if guard.at as usize > part.end {
                break;
            }
            self.run(done, guard.at as usize, values, loops)?;
            done = guard.at as usize;
            if self.number(guard.node, values) != guard.expected {
                return Err(Ended::Diverged(Diverged { guard: index }));
            }
        }
        self.run(done, part.end, values, loops)
    }

    fn run(
        &self,
        from: usize,
        to: usize,
        values: &mut Vec<f64>,
        loops: &mut Loops<'_>,
    ) -> Result<(), Ended> {
        let mut scratch = Vec::new();
        for (index, op) in self.operations[from..to].iter().enumerate() {
            match op.prim {
                // It has pushed all its parts.
                Prim::Part => continue,
                Prim::Block => {
                    let block = self.block_at(from + index);
                    if let Some(repeated) = self.repeated(&block) {
                        let kept = loops.kept.as_deref_mut();
                        if !self.run_repeated(&repeated, values, kept, loops.go_on) {
                            return Err(Ended::Stopped);
                        }
                    } else {
                        self.run_block(&block, values, &mut scratch);
                    }
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
        Ok(())
    }

    pub(super) fn holds(&self, test: Ref, values: &[f64]) -> bool {
        self.number(test, values) != 0.0
    }
}
