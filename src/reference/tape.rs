//! The tape: one list of dfdx's backward operations that all tensors of a run share.
//!
//! Tensors of dfdx that carry a [`SharedTape`] write on it; [`SharedTape::gradients`] runs what one
//! number came from through dfdx's own backward pass.
//!
//! **Invariants**
//! - An entry is one operation of the program: the entries it read, and dfdx's backward operations
//!   that its tensors wrote. Entries read only earlier ones.
//! - Backward runs the entries that the number came from and no others: dfdx would send zeros
//!   through all of them, and 0 times infinity is NaN.
//! - A paused tape takes entries without operations: what is computed then is a constant.
//! - A tensor without tape is a constant.

use dfdx::prelude::{
    AsArray, Backward, Cpu, CpuError, Gradients, Merge, NoneTape, OwnedTape, PutTape, Rank0,
    SplitTape, Tape, Tensor, TensorFrom,
};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A number: a tensor of rank 0 that may write on the tape.
pub(super) type Number = Tensor<Rank0, f64, Cpu, SharedTape>;

type BackwardOperation = Box<dyn FnOnce(&mut Gradients<f64, Cpu>) -> Result<(), CpuError>>;

#[derive(Default)]
struct Entry {
    reads: Vec<usize>,
    operations: Vec<BackwardOperation>,
}

#[derive(Default)]
struct Record {
    entries: Vec<Entry>,
    /// Written since the last entry was made.
    pending: Vec<BackwardOperation>,
    paused: bool,
}

/// A handle on a run's tape, or none: dfdx's `OwnedTape` moves along one path of tensors, a program
/// branches and shares.
#[derive(Clone, Default)]
pub(super) struct SharedTape(Option<Rc<RefCell<Record>>>);

impl fmt::Debug for SharedTape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.0.as_ref().map(|record| record.borrow().entries.len());
        f.debug_tuple("SharedTape").field(&entries).finish()
    }
}

impl Tape<f64, Cpu> for SharedTape {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<f64, Cpu>) -> Result<(), CpuError>,
    {
        if let Some(record) = &self.0 {
            let mut record = record.borrow_mut();
            if !record.paused {
                record.pending.push(Box::new(operation));
            }
        }
    }
}

impl Merge<NoneTape> for SharedTape {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}

impl Merge<SharedTape> for SharedTape {
    fn merge(self, other: Self) -> Self {
        // All tapes of a run are one.
        if self.0.is_some() { self } else { other }
    }
}

impl SharedTape {
    /// An empty tape.
    pub(super) fn new() -> Self {
        Self(Some(Rc::default()))
    }

    fn record<T>(&self, use_it: impl FnOnce(&mut Record) -> T) -> T {
        let record = self.0.as_ref().expect("a run has a tape");
        use_it(&mut record.borrow_mut())
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.record(|record| record.entries.len())
    }

    /// Makes an entry of what has been written since the last one; `reads` are the entries it read.
    pub(super) fn entry(&self, reads: Vec<usize>) -> usize {
        self.record(|record| {
            let operations = std::mem::take(&mut record.pending);
            record.entries.push(Entry { reads, operations });
            record.entries.len() - 1
        })
    }

    /// Adds what has been written since the last entry to an entry: the same value in another form.
    pub(super) fn extend(&self, entry: usize) {
        self.record(|record| {
            let operations = std::mem::take(&mut record.pending);
            record.entries[entry].operations.extend(operations);
        });
    }

    /// Forgets all but the first `len` entries.
    pub(super) fn truncate(&self, len: usize) {
        self.record(|record| {
            record.entries.truncate(len);
            record.pending.clear();
        });
    }

    /// Stops or starts writing.
    pub(super) fn pause(&self, paused: bool) {
        self.record(|record| record.paused = paused);
    }

    /// Forgets what has been written since the last entry.
    pub(super) fn forget_pending(&self) {
        self.record(|record| record.pending.clear());
    }

    /// dfdx's gradients of a number that `entry` made, as far back as the entry `first`: what has been
    /// written since is used up, and what was written before is kept.
    pub(super) fn gradients_since(
        &self,
        number: Number,
        entry: usize,
        first: usize,
    ) -> Gradients<f64, Cpu> {
        let (mut entries, last) = self.record(|record| {
            let entries = record.entries[first..].iter_mut();
            let entries = entries.map(|entry| Entry {
                reads: entry.reads.clone(),
                operations: std::mem::take(&mut entry.operations),
            });
            let entries: Vec<Entry> = entries.collect();
            (entries, std::mem::take(&mut record.pending))
        });
        for entry in &mut entries {
            entry.reads.retain(|&read| read >= first);
            entry.reads.iter_mut().for_each(|read| *read -= first);
        }
        if entry < first {
            // It is older than the variable.
            entries.clear();
            entries.push(Entry::default());
        }
        Self::backward(number, entry.saturating_sub(first), entries, last)
    }

    /// dfdx's gradients of a number that `entry` made. The tape is used up.
    pub(super) fn gradients(&self, number: Number, entry: usize) -> Gradients<f64, Cpu> {
        let (entries, last) = self.record(|record| {
            (
                std::mem::take(&mut record.entries),
                std::mem::take(&mut record.pending),
            )
        });
        Self::backward(number, entry, entries, last)
    }

    fn backward(
        number: Number,
        entry: usize,
        entries: Vec<Entry>,
        last: Vec<BackwardOperation>,
    ) -> Gradients<f64, Cpu> {
        let mut live = vec![false; entries.len()];
        live[entry] = true;
        for index in (0..entries.len()).rev() {
            if live[index] {
                for &read in &entries[index].reads {
                    live[read] = true;
                }
            }
        }
        let mut owned = OwnedTape::<f64, Cpu>::default();
        let operations = entries.into_iter().zip(live).filter(|(_, live)| *live);
        let operations = operations.flat_map(|(entry, _)| entry.operations);
        for operation in operations.chain(last) {
            owned.add_backward_op(operation);
        }
        let (number, _) = number.split_tape();
        number.put_tape(owned).backward()
    }
}

/// The value of a number.
pub(super) fn value(number: &Number) -> f64 {
    number.array()
}

/// A number that does not depend on anything.
pub(super) fn constant(like: &Number, value: f64) -> Number {
    like.device().tensor(value).put_tape(SharedTape::default())
}

/// The same number as another tensor, so that an operation may read it twice.
pub(super) fn fresh(number: &Number) -> Number {
    number.clone() * 1.0
}

/// Another value with the derivative of `number`: the identity in the backward pass. For functions
/// that dfdx can differentiate but not evaluate accurately.
pub(super) fn with_value(number: Number, value: f64) -> Number {
    let result = number.device().tensor(value);
    let (input, mut tape) = number.split_tape();
    let output = result.clone();
    tape.add_backward_op(move |gradients| {
        let cotangent = gradients.get_or_alloc_mut(&output)?[0];
        gradients.get_or_alloc_mut(&input)?[0] += cotangent;
        Ok(())
    });
    result.put_tape(tape)
}

/// The derivative by a number that stood at the start.
pub(super) fn derivative(gradients: &mut Gradients<f64, Cpu>, leaf: &Number) -> f64 {
    let adjoint = gradients.get_or_alloc_mut(leaf);
    adjoint.expect("one number fits into memory")[0]
}

/// A number to differentiate by.
pub(super) fn leaf(device: &Cpu, value: f64, tape: &SharedTape) -> Number {
    device.tensor(value).put_tape(tape.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_share_a_tape_and_leaves_nobody_used_have_zero() {
        let (device, tape) = (Cpu::default(), SharedTape::new());
        let [x, y, z] = [3.0, 5.0, 7.0].map(|x| leaf(&device, x, &tape));
        let leaves = tape.entry(Vec::new());
        let product = x.clone() * y.clone();
        let sum = product.clone().sin() + product * 2.0;
        let entry = tape.entry(vec![leaves]);
        let mut gradients = tape.gradients(sum, entry);
        let slope = 15.0_f64.cos() + 2.0;
        assert!((derivative(&mut gradients, &x) - 5.0 * slope).abs() < 1e-14);
        assert!((derivative(&mut gradients, &y) - 3.0 * slope).abs() < 1e-14);
        assert_eq!(derivative(&mut gradients, &z), 0.0);
    }

    #[test]
    fn only_what_the_number_came_from_is_run_backwards() {
        let (device, tape) = (Cpu::default(), SharedTape::new());
        let x = leaf(&device, 0.0, &tape);
        let start = tape.entry(Vec::new());
        // Its derivative at 0 is infinite.
        let _root = x.clone().sqrt();
        tape.entry(vec![start]);
        let twice = x.clone() * 2.0;
        let entry = tape.entry(vec![start]);
        let mut gradients = tape.gradients(twice, entry);
        assert_eq!(derivative(&mut gradients, &x), 2.0);
    }

    #[test]
    fn a_paused_tape_makes_constants_and_another_value_keeps_the_derivative() {
        let (device, tape) = (Cpu::default(), SharedTape::new());
        let x = leaf(&device, 0.5, &tape);
        let start = tape.entry(Vec::new());
        tape.pause(true);
        let still = x.clone() * 100.0;
        tape.entry(vec![start]);
        tape.pause(false);
        let moved = with_value(x.clone() * 3.0, f64::INFINITY);
        assert_eq!(value(&moved), f64::INFINITY);
        let sum = moved + still;
        let entry = tape.entry(vec![start]);
        let mut gradients = tape.gradients(sum, entry);
        assert_eq!(derivative(&mut gradients, &x), 3.0);
    }
}
