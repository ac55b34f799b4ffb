//! `sweep`: a trace swept backwards, operation by operation.
//!
//! The values of all nodes and a seed go in; the adjoint of every node comes out, the inputs' first.
//!
//! **Invariants**
//! - Each cotangent is computed by the row's VJP; a first contribution is assigned, not added to 0;
//!   flat rows pass none on, and to an argument that does not count ([`Prim::counts`]) nothing goes.
//! - A `Select` passes its cotangent to the arm taken and nothing at all to the other, so an untaken
//!   branch never contaminates a gradient: not even a zero gets there, which an infinite derivative
//!   would make NaN.

pub(crate) use super::adjoints::Adjoints;
use super::adjoints::UNTOUCHED;
use super::{Ref, Trace};
use crate::prim::Prim;
use std::ops::Range;

impl Trace {
    /// Sweeps the trace backwards from `seeds`: nodes and their cotangents. `values` are those of a
    /// replay or of the walk.
    pub(crate) fn sweep(&self, values: &[f64], seeds: &[(Ref, f64)], adjoints: &mut Adjoints) {
        self.sweep_until(values, seeds, adjoints, &|| false);
    }

    /// The same, given up where it is late, which is asked in loops: adjoints are of no use then.
    pub(crate) fn sweep_until(
        &self,
        values: &[f64],
        seeds: &[(Ref, f64)],
        adjoints: &mut Adjoints,
        late: &dyn Fn() -> bool,
    ) {
        adjoints.begin(self.len(), seeds);
        self.sweep_part(0..self.operations.len(), values, adjoints, late);
    }

    /// The same of some operations, when all that come after them have been swept.
    pub(super) fn sweep_part(
        &self,
        part: Range<usize>,
        values: &[f64],
        adjoints: &mut Adjoints,
        late: &dyn Fn() -> bool,
    ) {
        for index in part.rev() {
            self.sweep_at(index, values, adjoints, late);
        }
    }

    /// Passes the cotangent of one operation on, when all that read it have done so.
    #[inline]
    fn sweep_at(
        &self,
        index: usize,
        values: &[f64],
        adjoints: &mut Adjoints,
        late: &dyn Fn() -> bool,
    ) {
        let inputs = self.inputs as usize;
        match self.operations[index].prim {
            Prim::Part => return,
            Prim::Block => {
                let block = self.block_at(index);
                if block.repeats.is_some() {
                    self.sweep_repeated(&block, values, adjoints, late);
                } else {
                    self.sweep_block(&block, values, adjoints);
                }
                return;
            }
            _ => {}
        }
        let ct = adjoints.values[inputs + index];
        if ct.to_bits() == UNTOUCHED {
            return;
        }
        let op = self.operations[index];
        let a = self.number(op.a, values);
        let b = self.number(op.b, values);
        if op.prim == Prim::Select {
            // Nothing goes to the side not taken: even a zero would become NaN further down,
            // where a derivative is infinite.
            let taken = if self.holds(op.c, values) { op.a } else { op.b };
            if taken.is_node() {
                adjoints.add(taken.index(), ct);
            }
            return;
        }
        let Some(cts) = op.prim.vjp(a, b, values[inputs + index], ct) else {
            return;
        };
        let [to_a, to_b] = op.prim.counting(a, b);
        if op.a.is_node() && to_a {
            adjoints.add(op.a.index(), cts[0]);
        }
        if op.b.is_node() && to_b && op.prim.operands() == 2 {
            adjoints.add(op.b.index(), cts[1]);
        }
    }
}

/// Where a sweep's numbers cease to be finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spoiled {
    /// The operation whose rule does it: its own cotangent is finite.
    pub(crate) operation: usize,
    pub(crate) cotangent: f64,
    /// The operand whose adjoint is not, and what that is.
    pub(crate) operand: Ref,
    pub(crate) adjoint: f64,
}

impl Trace {
    /// The first operation of a sweep that makes an adjoint of what is finite that is not, among those
    /// that lead to inputs of `by` with such adjoints; none where all of these are finite. `values` are
    /// those of all nodes.
    pub(crate) fn first_spoiled(
        &self,
        values: &[f64],
        seed: Ref,
        by: &[u32],
        adjoints: &mut Adjoints,
    ) -> Option<Spoiled> {
        self.sweep(values, &[(seed, 1.0)], adjoints);
        let mut leads = vec![false; self.len()];
        for &input in by {
            leads[input as usize] = !adjoints.of(input as usize).is_finite();
        }
        if !leads.contains(&true) {
            return None;
        }
        let inputs = self.inputs as usize;
        for index in 0..self.operations.len() {
            let mut any = false;
            let length = self.each_read(index, &mut |read| any |= leads[read.index()]);
            leads[inputs + index..inputs + index + length].fill(any);
        }
        self.sweep(values, &[], adjoints);
        adjoints.add(seed.as_node()? as usize, 1.0);
        for index in (0..self.operations.len()).rev() {
            let length = self.each_read(index, &mut |_| {});
            let given = &adjoints.values[inputs + index..inputs + index + length];
            let mut given = given.iter().filter(|ct| ct.to_bits() != UNTOUCHED);
            let cotangent = given.clone().next().copied();
            let is_finite = given.all(|ct| ct.is_finite());
            self.sweep_at(index, values, adjoints, &|| false);
            let (Some(cotangent), true) = (cotangent, is_finite) else {
                continue;
            };
            let mut spoiled = None;
            self.each_read(index, &mut |operand| {
                let adjoint = adjoints.values[operand.index()];
                let is_spoiled = adjoint.to_bits() != UNTOUCHED && !adjoint.is_finite();
                if is_spoiled && leads[operand.index()] && spoiled.is_none() {
                    spoiled = Some(Spoiled {
                        operation: index,
                        cotangent,
                        operand,
                        adjoint,
                    });
                }
            });
            if spoiled.is_some() {
                return spoiled;
            }
        }
        None
    }

    /// The nodes that an operation reads, but for the test of a `Select`; gives how many numbers it makes.
    fn each_read(&self, index: usize, see: &mut dyn FnMut(Ref)) -> usize {
        let op = self.operations[index];
        match op.prim {
            Prim::Part => 0,
            Prim::Block => {
                let block = self.block_at(index);
                self.each_operand(&block, &mut |operand| {
                    if operand.is_node() {
                        see(operand);
                    }
                });
                block.length as usize
            }
            _ => {
                [op.a, op.b]
                    .into_iter()
                    .filter(|r| r.is_node())
                    .for_each(see);
                1
            }
        }
    }
}

impl Trace {
    /// For each node, whether derivatives can flow to it from `outputs`; for each input besides,
    /// whether the trace uses it at all. An input that is used, and that no derivative reaches, only
    /// steers: it decides branches, indices or sizes.
    pub(crate) fn only_steers(&self, outputs: &[Ref]) -> Vec<bool> {
        let inputs = self.inputs as usize;
        let mut reached = vec![false; self.len()];
        let mut used = vec![false; inputs];
        for output in outputs.iter().filter(|r| r.is_node()) {
            reached[output.index()] = true;
        }
        let mut note = |r: Ref| {
            if r.is_node() && r.index() < inputs {
                used[r.index()] = true;
            }
        };
        for guard in &self.guards {
            note(guard.node);
        }
        for (index, op) in self.operations.iter().enumerate().rev() {
            if op.prim == Prim::Part {
                continue;
            }
            if op.prim == Prim::Block {
                let block = self.block_at(index);
                let numbers = inputs + index..inputs + index + block.length as usize;
                if let Some(repeated) = self.repeated(&block) {
                    let carried = numbers.start..numbers.end - 1;
                    let reaches = repeated.of.reaches(&reached[carried]);
                    let in_turn = reaches[repeated.of.read_in_turn()].iter().cycle();
                    let others = repeated.others.iter().zip(in_turn);
                    for (&operand, &is_reached) in
                        repeated.operands.iter().zip(&reaches).chain(others)
                    {
                        note(operand);
                        if is_reached && operand.is_node() {
                            reached[operand.index()] = true;
                        }
                    }
                    continue;
                }
                let is_reached = reached[numbers].iter().any(|&r| r);
                self.each_operand(&block, &mut |operand| {
                    note(operand);
                    if is_reached && operand.is_node() {
                        reached[operand.index()] = true;
                    }
                });
                continue;
            }
            [op.a, op.b, op.c].into_iter().for_each(&mut note);
            if op.prim.passes_derivatives() && reached[inputs + index] {
                for operand in [op.a, op.b].into_iter().filter(|r| r.is_node()) {
                    reached[operand.index()] = true;
                }
            }
        }
        used.iter().zip(reached).map(|(&u, r)| u && !r).collect()
    }
}
