//! `record`: what a walk computes with, written down as a [`Trace`].
//!
//! Numbers with their nodes go in, the node of each result comes out.
//!
//! **Invariants**
//! - An operation is recorded exactly if an operand is a node; constants are folded by the same
//!   kernels.
//! - The value of every node is kept, so that the first gradient needs no replay.
//! - Rewinding to a mark forgets operations, guards and arms made since; constants may stay.

use super::repeat::Repeat;
use super::{Arm, BlockOperation, Guard, Numbers, Operation, Ref, Trace};
use crate::prim::Prim;
use crate::prim::block::BlockKind;
use crate::prim::value::Node;
use std::sync::Arc;

/// A number and the node that computed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) node: Node,
}

impl Number {
    /// A number that nothing is recorded of.
    pub(crate) const fn constant(value: f64) -> Self {
        let node = Node::NONE;
        Self { value, node }
    }
}

/// Computes a block on numbers that nothing is recorded of.
pub(crate) fn compute(block: BlockKind, a: &[Number], b: &[Number]) -> Vec<Number> {
    let [a, b] = [a, b].map(|numbers| numbers.iter().map(|n| n.value).collect::<Vec<f64>>());
    let mut out = vec![0.0; block.outputs() + block.hidden()];
    block.forward(&a, &b, &mut out, &mut Vec::new());
    out.into_iter().map(Number::constant).collect()
}

/// From how many operations on a trace is not copied.
const LONG: usize = 1 << 14;

/// Where a [`Recorder`] stood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    operations: usize,
    guards: usize,
    arms: usize,
    blocks: usize,
    listed: usize,
    repeats: usize,
    constants: usize,
}

/// Writes a [`Trace`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) trace: Trace,
    /// The value of each node.
    pub(crate) values: Vec<f64>,
    scratch: Vec<f64>,
    /// How many operations to record; what comes after is computed and forgotten.
    pub(crate) limit: usize,
    overflowed: bool,
    /// From how many operations on loops are kept as one iteration, if they are at all.
    pub(crate) rolls: Option<usize>,
    /// For each of these, operations and guards of its iterations.
    left_out: Vec<[u64; 2]>,
    /// Whether a norm of zeros was recorded.
    norms_at_zero: bool,
    /// The place of the program that the next operation is of.
    pub(crate) place: u32,
    /// The place of each operation, for those who look into a run.
    places: Option<Vec<u32>>,
}

impl Recorder {
    /// Starts anew with the given inputs.
    pub(crate) fn reset(&mut self, inputs: &[f64]) {
        self.trace.operations.clear();
        self.trace.constants.clear();
        self.trace.guards.clear();
        self.trace.arms.clear();
        self.trace.joins.clear();
        self.trace.blocks.clear();
        self.trace.listed.clear();
        self.trace.repeats.clear();
        self.trace.inputs = inputs.len() as u32;
        self.values.clear();
        self.values.extend_from_slice(inputs);
        self.limit = usize::MAX;
        self.rolls = None;
        self.left_out.clear();
        self.overflowed = false;
        self.norms_at_zero = false;
        self.place = 0;
        if let Some(places) = &mut self.places {
            places.clear();
        }
    }

    /// Notes where in the program each operation is, until they are taken.
    pub(crate) fn note_places(&mut self) {
        self.places = Some(Vec::new());
    }

    /// The place of each operation, where they were noted.
    pub(crate) fn take_places(&mut self) -> Vec<u32> {
        self.places.take().unwrap_or_default()
    }

    /// The trace, as long as it is: a long one is given away, so that it is not there twice.
    pub(crate) fn take_trace(&mut self) -> Trace {
        if self.trace.operations.len() < LONG {
            return self.trace.clone();
        }
        let mut trace = std::mem::take(&mut self.trace);
        trace.shrink();
        trace
    }

    /// Whether operations were forgotten: the trace is then of no use.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    #[inline]
    pub(super) fn operand(&mut self, number: Number) -> Ref {
        if let Some(node) = number.node.index() {
            Ref::node(node)
        } else {
            self.trace.constants.push(number.value);
            Ref::constant(self.trace.constants.len() as u32 - 1)
        }
    }

    /// The operand of a block: where it is, gathered first unless it is a run. With `transposed`, a
    /// matrix of so many rows that is stored column by column is a run too.
    fn numbers(&mut self, numbers: &[Number], transposed: Option<usize>) -> (Numbers, bool) {
        let Some(first) = numbers.first() else {
            return (Numbers::Run(Ref::constant(0), 0), false);
        };
        let length = numbers.len() as u32;
        if numbers.iter().all(|number| number.node.is_none()) {
            let at = self.trace.constants.len() as u32;
            self.trace.constants.extend(numbers.iter().map(|n| n.value));
            return (Numbers::Run(Ref::constant(at), length), false);
        }
        if let Some(first) = first.node.index() {
            let run = |at: usize| Node::at(first + at as u32);
            if numbers.iter().enumerate().all(|(i, n)| n.node == run(i)) {
                return (Numbers::Run(Ref::node(first), length), false);
            }
            if let Some(rows) = transposed {
                let columns = numbers.len() / rows;
                let at = |i: usize| run(i % columns * rows + i / columns);
                if numbers.iter().enumerate().all(|(i, n)| n.node == at(i)) {
                    return (Numbers::Run(Ref::node(first), length), true);
                }
            }
        }
        let start = self.trace.listed.len() as u32;
        for &number in numbers {
            let operand = self.operand(number);
            self.trace.listed.push(operand);
        }
        let gathered = self.push_block(BlockOperation {
            first: 0,
            length,
            block: None,
            repeats: None,
            a: Numbers::Listed(start, length),
            b: Numbers::Listed(start, 0),
        });
        (Numbers::Run(Ref::node(gathered), length), false)
    }

    /// Records a block and computes it; gives the node of its first number.
    fn push_block(&mut self, block: BlockOperation) -> u32 {
        let node = self.trace.add_block(block);
        let first = node - self.trace.inputs;
        let block = BlockOperation { first, ..block };
        if let Some(places) = &mut self.places {
            places.resize(self.trace.operations.len(), self.place);
        }
        self.trace
            .run_block(&block, &mut self.values, &mut self.scratch);
        node
    }

    #[inline]
    pub(super) fn push(&mut self, operation: Operation, value: f64) -> Number {
        if self.trace.operations.len() >= self.limit {
            self.overflowed = true;
            return Number::constant(value);
        }
        self.trace.operations.push(operation);
        if let Some(places) = &mut self.places {
            places.push(self.place);
        }
        let node = Node::at(self.values.len() as u32);
        self.values.push(value);
        Number { value, node }
    }
}

impl Recorder {
    /// Computes a numeric row or a predicate on operands of which one has a node.
    #[inline]
    pub(crate) fn operation(&mut self, prim: Prim, a: Number, b: Number) -> Number {
        let value = prim.forward(a.value, b.value);
        let a = self.operand(a);
        let b = if prim.operands() == 1 {
            a
        } else {
            self.operand(b)
        };
        self.norms_at_zero |= prim == Prim::NormAtZero;
        let operation = Operation { prim, a, b, c: a };
        self.push(operation, value)
    }

    /// The sum of squares whose root, at 0, an operation squares: the square has its derivatives, which by
    /// way of the root would be 0, second ones too.
    #[inline]
    pub(crate) fn squared_norm(&self, prim: Prim, a: Number, b: Number) -> Option<Number> {
        if !self.norms_at_zero {
            return None;
        }
        let is_squared = match prim {
            Prim::Square => true,
            Prim::Mul => a.node == b.node,
            Prim::Pow => b.node.is_none() && b.value == 2.0,
            _ => false,
        };
        let at = a.node.index()?.checked_sub(self.trace.inputs)?;
        let root = self.trace.operations[at as usize];
        let node = root.a.as_node()?;
        (is_squared && root.prim == Prim::NormAtZero).then(|| Number {
            value: self.values[node as usize],
            node: Node::at(node),
        })
    }

    /// Computes a block on operands of which a number has a node: its numbers, the hidden ones too.
    pub(crate) fn block(&mut self, block: BlockKind, a: &[Number], b: &[Number]) -> Vec<Number> {
        if self.trace.operations.len() >= self.limit {
            self.overflowed = true;
            return compute(block, a, b);
        }
        let (block, a, b) = match block {
            BlockKind::Matmul { n, k, m, .. } => {
                let (a, ta) = self.numbers(a, Some(n as usize));
                let (b, tb) = self.numbers(b, Some(k as usize));
                (BlockKind::Matmul { n, k, m, ta, tb }, a, b)
            }
            block => (block, self.numbers(a, None).0, self.numbers(b, None).0),
        };
        let length = block.outputs() + block.hidden();
        let first = self.push_block(BlockOperation {
            first: 0,
            length: length as u32,
            block: Some(block),
            repeats: None,
            a,
            b,
        });
        let values = self.values[first as usize..].iter().zip(first..);
        let number = |(&value, node)| Number {
            value,
            node: Node::at(node),
        };
        values.map(number).collect()
    }

    /// Puts a loop in the place of iterations, which were `counts` operations and guards, and forgets all
    /// that came after a mark: they began there, with what the first of them is given and what the others read
    /// in turn, and came to `values` and so many `trips`. Gives the node of its first number.
    pub(crate) fn repeat(
        &mut self,
        of: Arc<Repeat>,
        operands: [&[Number]; 2],
        (values, trips): (&[f64], u64),
        counts: [u64; 2],
        mark: Mark,
    ) -> u32 {
        self.rewind(mark);
        // What came after it had the constants.
        self.trace.constants.truncate(mark.constants);
        let operands = operands.into_iter().flatten();
        let operands: Vec<Ref> = operands.map(|&x| self.operand(x)).collect();
        let first = self.trace.add_repeat(of, &operands);
        self.left_out.push(counts);
        self.values.extend_from_slice(values);
        self.values.push(trips as f64);
        first
    }

    /// Chooses one of two numbers: joins the results of a fork, where `place` is not 0.
    pub(crate) fn select(
        &mut self,
        test: Number,
        then: Number,
        otherwise: Number,
        place: u32,
    ) -> Number {
        if place != 0 {
            let operation = self.trace.operations.len() as u32;
            self.trace.joins.push((operation, place));
            self.place = place;
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

    /// Relies on a number being what it is, at a place of the program.
    pub(crate) fn guard(&mut self, number: Number, place: u32) {
        if let Some(node) = number.node.index() {
            self.trace.guards.push(Guard {
                at: self.trace.operations.len() as u32,
                node: Ref::node(node),
                expected: number.value,
                place,
            });
        }
    }

    /// Declares the operations since a mark to be an arm.
    pub(crate) fn arm(&mut self, since: Mark, test: Number, when: bool) {
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

    /// Where the record stands.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            operations: self.trace.operations.len(),
            guards: self.trace.guards.len(),
            arms: self.trace.arms.len(),
            blocks: self.trace.blocks.len(),
            listed: self.trace.listed.len(),
            repeats: self.trace.repeats.len(),
            constants: self.trace.constants.len(),
        }
    }

    /// Forgets what came after a mark.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.trace.operations.truncate(mark.operations);
        if let Some(places) = &mut self.places {
            places.truncate(mark.operations);
        }
        self.trace.guards.truncate(mark.guards);
        self.trace.arms.truncate(mark.arms);
        self.trace.blocks.truncate(mark.blocks);
        self.trace.listed.truncate(mark.listed);
        self.trace.repeats.truncate(mark.repeats);
        self.left_out.truncate(mark.repeats);
        let kept = |join: &(u32, u32)| (join.0 as usize) < mark.operations;
        while self.trace.joins.pop_if(|join| !kept(join)).is_some() {}
        self.values
            .truncate(self.trace.inputs as usize + mark.operations);
    }

    /// The memory that the record takes, in bytes, by what is in it.
    pub(crate) fn bytes(&self) -> usize {
        let trace = &self.trace;
        size_of_val(trace.operations.as_slice())
            + size_of_val(self.values.as_slice())
            + size_of_val(trace.constants.as_slice())
            + size_of_val(trace.guards.as_slice())
            + size_of_val(trace.arms.as_slice())
            + size_of_val(trace.joins.as_slice())
            + size_of_val(trace.blocks.as_slice())
            + size_of_val(trace.listed.as_slice())
    }

    /// How many operations and guards there are, with all iterations of loops.
    pub(crate) fn done(&self) -> [u64; 2] {
        let own = self.trace.each_repeated().map(|of| of.of.carried() + 1);
        let own = own.sum::<usize>();
        let mut done = [self.operations() - own, self.guards()].map(|count| count as u64);
        for of in &self.left_out {
            for (done, count) in done.iter_mut().zip(of) {
                *done = done.saturating_add(*count);
            }
        }
        done
    }

    /// How many operations there are.
    pub(crate) fn operations(&self) -> usize {
        self.trace.operations.len()
    }

    /// How many guards there are.
    pub(crate) fn guards(&self) -> usize {
        self.trace.guards.len()
    }
}
