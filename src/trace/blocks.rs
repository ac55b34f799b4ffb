//! Blocks: operations on whole matrices, replayed and swept with everything around them.
//!
//! **Invariants**
//! - A block's operands stand before it, as a run of nodes or constants, or gathered into one.
//! - A cotangent goes to every number of an operand, as the block's rule gives it; what was gathered
//!   passes on what it has got, and nothing where it has got nothing.

use super::adjoints::{Adjoints, UNTOUCHED};
use super::{BlockOperation, BlockScratch, Numbers, Operation, Ref, Trace, narrow};

impl Trace {
    /// Adds a block after all operations; gives the node of its first number.
    pub(super) fn add_block(&mut self, block: BlockOperation) -> u32 {
        let first = narrow(self.operations.len());
        let which = Ref::constant(narrow(self.blocks.len()));
        self.blocks.push(BlockOperation { first, ..block });
        self.operations
            .extend(Operation::of_block(which, block.length));
        self.inputs + first
    }

    /// The block that an operation begins.
    pub(crate) fn block_at(&self, operation: usize) -> BlockOperation {
        self.blocks[self.operations[operation].c.index()]
    }

    /// The references that an operand of a block stands for, in order.
    pub(crate) fn refs_of(&self, numbers: Numbers) -> Vec<Ref> {
        match numbers {
            Numbers::Listed(..) => self.listed_of(numbers).to_vec(),
            Numbers::Run(first, length) => {
                let at = narrow(first.index());
                let all = at..at + length;
                all.map(|index| match first.as_node() {
                    Some(_) => Ref::node(index),
                    None => Ref::constant(index),
                })
                .collect()
            }
        }
    }

    /// The numbers of an operand, which is a run.
    fn run_of<'v>(&'v self, numbers: Numbers, values: &'v [f64]) -> &'v [f64] {
        match numbers {
            Numbers::Run(first, length) => {
                let range = first.index()..first.index() + length as usize;
                if first.is_node() {
                    &values[range]
                } else {
                    &self.constants[range]
                }
            }
            Numbers::Listed(..) => &[],
        }
    }

    pub(super) fn listed_of(&self, numbers: Numbers) -> &[Ref] {
        match numbers {
            Numbers::Listed(first, length) => {
                &self.listed[first as usize..(first + length) as usize]
            }
            Numbers::Run(..) => &[],
        }
    }

    /// Every reference that a block reads.
    pub(super) fn each_operand(&self, block: &BlockOperation, see: &mut dyn FnMut(Ref)) {
        for numbers in [block.a, block.b] {
            match numbers {
                Numbers::Run(first, length) if first.is_node() => {
                    (0..length).for_each(|i| see(Ref::node(narrow(first.index()) + i)));
                }
                Numbers::Run(..) => {}
                Numbers::Listed(..) => self.listed_of(numbers).iter().copied().for_each(&mut *see),
            }
        }
    }

    /// Computes a block's numbers, which go after those in `values`.
    pub(crate) fn run_block(
        &self,
        block: &BlockOperation,
        values: &mut Vec<f64>,
        scratch: &mut Vec<f64>,
    ) {
        let start = values.len();
        let Some(kind) = block.block else {
            for &number in self.listed_of(block.a) {
                values.push(self.number(number, values));
            }
            return;
        };
        values.resize(start + block.length as usize, 0.0);
        let (before, out) = values.split_at_mut(start);
        let [a, b] = [block.a, block.b].map(|numbers| self.run_of(numbers, before));
        kind.forward(a, b, out, scratch);
    }

    /// Passes the cotangents of a block's numbers to what it read.
    pub(super) fn sweep_block(
        &self,
        block: &BlockOperation,
        values: &[f64],
        adjoints: &mut Adjoints,
    ) {
        let first = self.inputs as usize + block.first as usize;
        let Some(kind) = block.block else {
            for (index, number) in self.listed_of(block.a).iter().enumerate() {
                let ct = adjoints.values[first + index];
                if number.is_node() && ct.to_bits() != UNTOUCHED {
                    adjoints.add(number.index(), ct);
                }
            }
            return;
        };
        if kind.is_flat() {
            return;
        }
        let outputs = kind.outputs();
        let given = &adjoints.values[first..first + outputs];
        if given.iter().all(|ct| ct.to_bits() == UNTOUCHED) {
            return;
        }
        let mut scratch = std::mem::take(&mut adjoints.scratch);
        let BlockScratch {
            kernel,
            cts,
            operands: [da, db],
        } = &mut scratch;
        cts.clear();
        cts.extend(given.iter().map(|ct| match ct.to_bits() {
            UNTOUCHED => 0.0,
            _ => *ct,
        }));
        let [a, b] = [block.a, block.b].map(|numbers| self.run_of(numbers, values));
        let out = &values[first..first + block.length as usize];
        let wanted = |numbers: Numbers| match numbers {
            Numbers::Run(first, length) if first.is_node() => Some((first.index(), length)),
            _ => None,
        };
        let [to_a, to_b] = [block.a, block.b].map(wanted);
        da.clear();
        da.resize(a.len(), 0.0);
        db.clear();
        db.resize(b.len(), 0.0);
        kind.vjp(
            a,
            b,
            out,
            cts,
            to_a.map(|_| da.as_mut_slice()),
            to_b.map(|_| db.as_mut_slice()),
            kernel,
        );
        for (to, cotangents) in [(to_a, &*da), (to_b, &*db)] {
            if let Some((node, _)) = to {
                for (index, &ct) in cotangents.iter().enumerate() {
                    adjoints.add(node + index, ct);
                }
            }
        }
        adjoints.scratch = scratch;
    }

    /// The tangents of a block's numbers in one direction, the hidden ones' 0: `tangent` gives those of
    /// nodes. What is gathered is not computed, and is left at 0.
    pub(super) fn push_block(
        &self,
        block: &BlockOperation,
        values: &[f64],
        tangent: &dyn Fn(usize) -> f64,
        out: &mut Vec<f64>,
    ) {
        out.clear();
        out.resize(block.length as usize, 0.0);
        let Some(kind) = block.block else {
            return;
        };
        if kind.is_flat() {
            return;
        }
        let first = self.inputs as usize + block.first as usize;
        let [a, b] = [block.a, block.b].map(|numbers| self.run_of(numbers, values));
        let tangents = |numbers: Numbers| -> Option<Vec<f64>> {
            match numbers {
                Numbers::Run(first, length) if first.is_node() => {
                    let from = first.index();
                    Some((from..from + length as usize).map(tangent).collect())
                }
                _ => None,
            }
        };
        let [ta, tb] = [block.a, block.b].map(tangents);
        let y = &values[first..first + block.length as usize];
        let outputs = kind.outputs();
        let mut scratch = Vec::new();
        kind.jvp(
            a,
            b,
            y,
            ta.as_deref(),
            tb.as_deref(),
            &mut out[..outputs],
            &mut scratch,
        );
    }
}
