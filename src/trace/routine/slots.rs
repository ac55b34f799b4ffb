//! `slots`: which operations are needed, in which pairs, and where their numbers are kept.
//!
//! A flow, its guards and the nodes that are results go in; code over slots comes out.
//!
//! **Invariants**
//! - A lane's slots are used again once nothing reads them any more; the shared file's are not, as
//!   lanes and what follows them read them later.
//! - An operation that one other alone reads may become a pair with that; so does each at most once.
//! - Guards keep their order.
//! - Slots are given out here alone, by counting: they are in range and apart, as the contract of
//!   [`super`] asks.

use super::super::flow::{Class, Flow, Work};
use super::super::runs::{Run, Runs};
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use super::chains::Chains;
use super::code::{BlockCode, Opcode, Part, SlotInstr};
use super::folds::{Fold, Terms};
use super::groups::{Group, Plan, is_table};
use super::many::Many;
use super::steps::steps;
use super::{Form, Place};
use crate::prim::Prim;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

const NOWHERE: u32 = u32::MAX;

/// What is done once: before the lanes and after them.
pub(super) struct Parts {
    pub(super) before: Vec<SlotInstr>,
    pub(super) after: Vec<SlotInstr>,
    pub(super) blocks: Vec<BlockCode>,
    pub(super) inputs: Vec<(u32, u32)>,
    pub(super) sums: Vec<u32>,
    /// How many of them are sums of lanes' numbers; the others products of matrices make.
    pub(super) vector_sums: u32,
    pub(super) count: Option<u32>,
    pub(super) slots: u32,
    /// How often each node is read, by live operations, guards, sums and as a result.
    pub(super) uses: Vec<u32>,
    /// The slot of each node in the shared file.
    places: Vec<u32>,
    /// For each sum of the flow its number, if anything reads it.
    pub(super) numbers: FxHashMap<u32, u32>,
    /// For the blocks whose cotangents of an operand nothing but sums over lanes read: that operand, and
    /// its first sum among those that products of matrices make.
    summed: FxHashMap<u32, (usize, u32)>,
    /// Operands of blocks that depend on nothing.
    fixed: FxHashMap<Runs, Arc<[f64]>>,
}

impl Parts {
    pub(super) fn new(flow: &Flow, guards: &[FlowGuard], results: &[Ref]) -> Self {
        let mut parts = Self {
            before: Vec::new(),
            after: Vec::new(),
            blocks: Vec::new(),
            inputs: Vec::new(),
            sums: Vec::new(),
            vector_sums: 0,
            count: None,
            slots: narrow(flow.constants.len()),
            uses: count_uses(flow, guards, results),
            places: vec![NOWHERE; flow.classes.len()],
            numbers: FxHashMap::default(),
            summed: FxHashMap::default(),
            fixed: FxHashMap::default(),
        };
        for input in 0..flow.inputs {
            if parts.uses[input as usize] > 0 && flow.classes[input as usize] == Class::Shared {
                let slot = parts.give(input);
                parts.inputs.push((input, slot));
            }
        }
        let outer = parts.outer_products(flow);
        let by_products: FxHashSet<u32> = outer.iter().flat_map(|o| &o.sums).copied().collect();
        for sum in &flow.sums {
            if parts.uses[sum.node as usize] > 0 && !by_products.contains(&sum.node) {
                let slot = parts.give(sum.node);
                if flow.constant_of(sum.of).is_some() {
                    parts.count = Some(slot);
                } else {
                    parts.numbers.insert(sum.node, narrow(parts.sums.len()));
                    parts.sums.push(slot);
                }
            }
        }
        parts.vector_sums = narrow(parts.sums.len());
        for outer in outer {
            let first = narrow(parts.sums.len()) - parts.vector_sums;
            parts.summed.insert(outer.block, (outer.operand, first));
            for sum in outer.sums {
                let slot = parts.give(sum);
                parts.sums.push(slot);
            }
        }
        parts.before = parts.code(flow, Class::Shared);
        parts.after = parts.code(flow, Class::Summed);
        parts
    }

    fn give(&mut self, node: u32) -> u32 {
        self.places[node as usize] = self.slots;
        self.slots += 1;
        self.slots - 1
    }

    /// Where a number that lanes share, or a constant, is.
    ///
    /// # Panics
    /// If nothing computes it before.
    fn slot(&self, r: Ref) -> u32 {
        let Some(node) = r.as_node() else {
            return narrow(r.index());
        };
        let slot = self.places[node as usize];
        assert!(slot != NOWHERE, "{r} is read where lanes do not share it");
        slot
    }

    fn code(&mut self, flow: &Flow, class: Class) -> Vec<SlotInstr> {
        let mut code = Vec::new();
        for (index, op) in flow.operations.iter().enumerate() {
            let node = flow.inputs + narrow(index);
            if flow.classes[node as usize] != class {
                continue;
            }
            match op.prim {
                Prim::Part => {}
                Prim::Block => {
                    let block = &flow.blocks[op.c.index()];
                    let numbers = block.first..block.first + block.length;
                    if numbers.clone().all(|n| self.uses[n as usize] == 0) {
                        continue;
                    }
                    let operands = block.operands.iter();
                    let operands = operands.map(|refs| {
                        self.fixed(flow, refs).unwrap_or_else(|| {
                            let slots = refs.iter().map(|r| self.slot(Ref::at_place(r)));
                            Part::Own(slots.collect())
                        })
                    });
                    let operands = operands.collect();
                    let first = self.slots;
                    let is_read = |&n: &u32| self.uses[n as usize] > 0;
                    let last = numbers.clone().rev().find(is_read);
                    let kept = last.map_or(0, |last| last + 1 - block.first);
                    for (slot, node) in (first..first + kept).zip(numbers) {
                        self.places[node as usize] = slot;
                    }
                    self.slots += kept;
                    let a = self.block(BlockCode {
                        work: block.work,
                        operands,
                        first,
                        kept,
                        length: block.length,
                        sums: [None; 2],
                    });
                    code.push(SlotInstr {
                        op: Opcode::Block,
                        d: 0,
                        a,
                        b: 0,
                        c: 0,
                    });
                }
                prim => {
                    if self.uses[node as usize] > 0 {
                        let [a, b, c] = [op.a, op.b, op.c].map(|r| self.slot(r));
                        let d = self.give(node);
                        let op = Opcode::of(prim);
                        code.push(SlotInstr { op, d, a, b, c });
                    }
                }
            }
        }
        code
    }

    /// An operand that depends on nothing.
    fn fixed(&mut self, flow: &Flow, refs: &Runs) -> Option<Part> {
        let is_constant = |run: &Run| !Ref::at_place(run.first).is_node();
        if refs.is_empty() || !refs.runs().iter().all(is_constant) {
            return None;
        }
        if let Some(known) = self.fixed.get(refs) {
            return Some(Part::Fixed(known.clone()));
        }
        let numbers = refs
            .iter()
            .map(|r| flow.constants[Ref::at_place(r).index()]);
        let numbers: Arc<[f64]> = numbers.collect();
        self.fixed.insert(refs.clone(), numbers.clone());
        Some(Part::Fixed(numbers))
    }

    /// The blocks whose cotangents of an operand are products of two vectors that nothing but sums over
    /// lanes read.
    fn outer_products(&self, flow: &Flow) -> Vec<Outer> {
        let mut sum_of = FxHashMap::default();
        for sum in &flow.sums {
            if let Some(node) = sum.of.as_node()
                && self.uses[sum.node as usize] > 0
            {
                sum_of.insert(node, sum.node);
            }
        }
        let mut outer = Vec::new();
        for (number, block) in flow.blocks.iter().enumerate() {
            let Work::Reverse {
                block: kind,
                to_a,
                to_b,
            } = block.work
            else {
                continue;
            };
            if flow.classes[block.first as usize] != Class::Lane {
                continue;
            }
            let [length_a, length_b] = kind.operands();
            let from_b = if to_a { length_a } else { 0 };
            let places = [(to_a, 0, length_a), (to_b, from_b, length_b)];
            for (operand, (to, from, length)) in places.into_iter().enumerate() {
                if !to || !kind.is_outer()[operand] {
                    continue;
                }
                let first = block.first + narrow(from);
                let sums = (first..first + narrow(length)).map(|node| {
                    let sum = sum_of.get(&node).copied();
                    sum.filter(|_| self.uses[node as usize] == 1)
                });
                if let Some(sums) = sums.collect() {
                    outer.push(Outer {
                        block: narrow(number),
                        operand,
                        sums,
                    });
                }
            }
        }
        outer
    }

    fn block(&mut self, block: BlockCode) -> u32 {
        let number = narrow(self.blocks.len());
        self.blocks.push(block);
        number
    }
}

/// A block whose cotangents of an operand products of matrices sum over lanes.
struct Outer {
    block: u32,
    operand: usize,
    /// Their sums among the flow's nodes.
    sums: Vec<u32>,
}

/// From how many inputs on that lie side by side, and that a block reads, their slots are never used for
/// anything else: they need not be looked at one by one, block by block.
const HELD: u32 = 64;

/// Whether a run of references is of inputs that keep their slots.
fn is_held(flow: &Flow, run: &Run) -> bool {
    run.length >= HELD && run.step == 1 && run.first + run.length <= flow.inputs
}

/// Calls `see` for all that an operation reads.
fn each_operand(flow: &Flow, index: usize, see: &mut dyn FnMut(Ref)) {
    let op = &flow.operations[index];
    match op.prim {
        Prim::Part => {}
        Prim::Block => flow.blocks[op.c.index()].reads().for_each(see),
        Prim::Select => [op.a, op.b, op.c].into_iter().for_each(see),
        prim if prim.operands() == 1 => see(op.a),
        _ => [op.a, op.b].into_iter().for_each(see),
    }
}

fn count_uses(flow: &Flow, guards: &[FlowGuard], results: &[Ref]) -> Vec<u32> {
    let mut uses = vec![0_u32; flow.classes.len()];
    let note = |r: Ref, uses: &mut Vec<u32>| {
        if r.is_node() {
            uses[r.index()] += 1;
        }
    };
    for r in results.iter().chain(guards.iter().map(|guard| &guard.node)) {
        note(*r, &mut uses);
    }
    let mut sums = flow.sums.iter().rev().peekable();
    let mut held = FxHashSet::default();
    for index in (0..flow.operations.len()).rev() {
        let op = &flow.operations[index];
        let node = flow.inputs as usize + index;
        if let Some(sum) = sums.next_if(|sum| sum.node as usize == node) {
            if uses[node] > 0 {
                note(sum.of, &mut uses);
            }
            continue;
        }
        let live = match op.prim {
            Prim::Block => {
                let block = &flow.blocks[op.c.index()];
                uses[node..node + block.length as usize]
                    .iter()
                    .any(|&n| n > 0)
            }
            _ => uses[node] > 0,
        };
        if live && op.prim == Prim::Block {
            let operands = flow.blocks[op.c.index()].operands.iter();
            for run in operands.flat_map(Runs::runs) {
                if is_held(flow, run) {
                    if held.insert(*run) {
                        // They are read again and again, for all that anyone cares.
                        run.places().for_each(|place| uses[place as usize] += 2);
                    }
                } else {
                    let refs = run.places().map(Ref::at_place);
                    refs.for_each(|r| note(r, &mut uses));
                }
            }
        } else if live {
            each_operand(flow, index, &mut |r| note(r, &mut uses));
        }
    }
    uses
}

/// What each lane does.
pub(super) struct Body {
    pub(super) code: Vec<SlotInstr>,
    pub(super) many: Vec<Many>,
    pub(super) folds: Vec<Vec<Fold>>,
    pub(super) imports: Vec<u32>,
    pub(super) inputs: Vec<(u32, u32)>,
    pub(super) slots: u32,
    /// Where each node is once the code has run.
    places: Vec<u32>,
    imported: FxHashMap<u32, u32>,
    /// Where numbers of the program that are read in a row begin.
    tables: FxHashMap<Vec<Ref>, u32>,
}

impl Body {
    pub(super) fn new(
        flow: &Flow,
        guards: &[FlowGuard],
        results: &[Ref],
        form: Form,
        parts: &mut Parts,
    ) -> Self {
        let Form { summed, alone } = form;
        let is_live = |node: usize| parts.uses[node] > 0 && flow.classes[node] == Class::Lane;
        let plan = alone
            .then(|| Plan::grouped(flow, guards, &is_live))
            .flatten();
        let chains = plan.as_ref();
        let chains = chains.map(|plan| Chains::new(flow, guards, plan, &parts.uses));
        let chains = chains.unwrap_or_default();
        let plan = plan.unwrap_or_else(|| Plan::as_it_is(flow, guards));
        let uses = (&parts.uses[..], &parts.numbers);
        let steps = steps(flow, guards, (&plan, &chains), uses);
        let mut body = Self {
            code: Vec::with_capacity(steps.len()),
            many: Vec::new(),
            folds: Vec::new(),
            imports: Vec::new(),
            inputs: Vec::new(),
            slots: 0,
            places: vec![NOWHERE; flow.classes.len()],
            imported: FxHashMap::default(),
            tables: FxHashMap::default(),
        };
        // What lanes take from what they share has the first slots.
        let mut last = vec![NOWHERE; flow.classes.len()];
        let mut held = FxHashSet::default();
        let mut read = |r: Ref, at: u32, body: &mut Self| {
            if flow.class(r) == Class::Lane {
                let last = &mut last[r.index()];
                if *last == NOWHERE || *last < at {
                    *last = at;
                }
            } else {
                body.import(r, parts);
            }
        };
        for (at, step) in steps.iter().enumerate() {
            for &r in &step.operands[..step.op.reads()] {
                read(r, narrow(at), &mut body);
            }
            if step.op == Opcode::Many {
                for all in &plan.groups[step.number as usize].operands {
                    if is_table(all) {
                        body.import_table(all, parts);
                    } else {
                        for &r in all {
                            read(r, narrow(at), &mut body);
                        }
                    }
                }
            }
            if step.op == Opcode::Fold {
                for chain in &chains.all[step.number as usize] {
                    let operands = chain.terms.iter().chain([&chain.start]);
                    operands.for_each(|&r| read(r, narrow(at), &mut body));
                }
            }
            if step.op == Opcode::Block {
                let operands = flow.blocks[step.number as usize].operands.iter();
                let own = operands.filter(|refs| is_own(flow, refs));
                for run in own.flat_map(Runs::runs) {
                    if is_held(flow, run) {
                        if held.insert(*run) {
                            (run.places()).for_each(|place| {
                                read(Ref::node(place), narrow(steps.len()), &mut body);
                            });
                        }
                    } else {
                        let refs = run.places().map(Ref::at_place);
                        refs.for_each(|r| read(r, narrow(at), &mut body));
                    }
                }
            }
        }
        for &r in results {
            match flow.class(r) {
                Class::Lane => last[r.index()] = narrow(steps.len()),
                // Lanes give back what they share too, unless everything is summed.
                Class::Shared if !summed => {
                    body.import(r, parts);
                }
                _ => {}
            }
        }
        let mut free: Vec<u32> = Vec::new();
        let mut next = narrow(body.imports.len());
        let give = |free: &mut Vec<u32>, next: &mut u32| {
            free.pop().unwrap_or_else(|| {
                *next += 1;
                *next - 1
            })
        };
        let mut runs = RunSlots::default();
        for input in 0..flow.inputs {
            if flow.classes[input as usize] == Class::Lane && last[input as usize] != NOWHERE {
                let slot = give(&mut free, &mut next);
                body.places[input as usize] = slot;
                body.inputs.push((input, slot));
            }
        }
        let mut freed = vec![false; flow.classes.len()];
        for (at, step) in steps.iter().enumerate() {
            let at = narrow(at);
            // A block's operands are not these.
            let slots = match step.op {
                Opcode::Block | Opcode::Many | Opcode::Fold => [0; 3],
                _ => step.operands.map(|r| body.slot(r)),
            };
            // Results get their slots before those of operands are free: no instruction writes what
            // it reads.
            let mut instr = SlotInstr {
                op: step.op,
                d: 0,
                a: slots[0],
                b: slots[1],
                c: slots[2],
            };
            let mut done: Vec<Ref> = Vec::new();
            match step.op {
                Opcode::Guard | Opcode::Sum => instr.b = step.number,
                Opcode::Block => {
                    let block = &flow.blocks[step.number as usize];
                    let operands = block.operands.iter();
                    let operands = operands.map(|refs| body.part(flow, refs, parts)).collect();
                    let summed = parts.summed.get(&step.number).copied();
                    // What is summed comes first, or last.
                    let lengths = match block.work {
                        Work::Reverse { block, .. } => block.operands().map(narrow),
                        Work::Forward(_) => [0; 2],
                    };
                    let mut numbers = block.first..block.first + block.length;
                    let mut sums = [None; 2];
                    if let Some((operand, sum)) = summed {
                        sums[operand] = Some(sum);
                        match operand {
                            0 => numbers.start += lengths[0],
                            _ => numbers.end -= lengths[1],
                        }
                    }
                    let is_read = |&n: &u32| last[n as usize] != NOWHERE;
                    let kept = numbers.clone().rev().find(is_read);
                    let kept = kept.map_or(0, |last| last + 1 - numbers.start);
                    let first = runs.give(kept, &mut next);
                    for (slot, node) in (first..first + kept).zip(numbers.clone()) {
                        body.places[node as usize] = slot;
                        if last[node as usize] != NOWHERE {
                            runs.note(slot, first);
                        }
                    }
                    let own = block.operands.iter().filter(|refs| is_own(flow, refs));
                    let own = own.flat_map(Runs::runs).filter(|run| !is_held(flow, run));
                    done.extend(own.flat_map(|run| run.places()).map(Ref::at_place));
                    instr.a = parts.block(BlockCode {
                        work: block.work,
                        operands,
                        first,
                        kept,
                        length: narrow(numbers.len()),
                        sums,
                    });
                }
                Opcode::Many => {
                    let group = &plan.groups[step.number as usize];
                    let many = body.many(group, &mut runs, &last, &mut next);
                    done.extend(group.operands.iter().flatten());
                    let is_joined = matches!(body.code.last(), Some(before) if before.op == Opcode::Many)
                        && body
                            .many
                            .last_mut()
                            .is_some_and(|before| before.join(&many));
                    if !is_joined {
                        instr.a = narrow(body.many.len());
                        body.many.push(many);
                        body.code.push(instr);
                    }
                }
                Opcode::Fold => {
                    let chains = &chains.all[step.number as usize];
                    let folds = chains.iter().map(|chain| {
                        done.extend(chain.terms.iter().chain([&chain.start]));
                        let slots = chain.terms.iter().map(|&r| body.slot(r));
                        Fold {
                            d: give(&mut free, &mut next),
                            start: body.slot(chain.start),
                            terms: Terms::new(slots.collect()),
                            is_less: chain.is_less,
                        }
                    });
                    let mut folds: Vec<Fold> = folds.collect();
                    for (chain, fold) in chains.iter().zip(&folds) {
                        body.places[chain.node as usize] = fold.d;
                    }
                    Fold::sort(&mut folds);
                    instr.a = narrow(body.folds.len());
                    body.folds.push(folds);
                }
                Opcode::SinCos => {
                    instr.d = give(&mut free, &mut next);
                    instr.b = give(&mut free, &mut next);
                    body.places[step.node as usize] = instr.d;
                    body.places[step.number as usize] = instr.b;
                }
                _ => {
                    instr.d = give(&mut free, &mut next);
                    body.places[step.node as usize] = instr.d;
                }
            }
            if step.op != Opcode::Many {
                body.code.push(instr);
            }
            done.extend(&step.operands[..step.op.reads()]);
            for r in done {
                if flow.class(r) == Class::Lane
                    && last[r.index()] == at
                    && !std::mem::replace(&mut freed[r.index()], true)
                {
                    runs.free(body.places[r.index()], &mut free);
                }
            }
        }
        body.slots = next;
        body
    }

    /// A group's operations on slots; its results get theirs.
    fn many(&mut self, group: &Group, runs: &mut RunSlots, last: &[u32], next: &mut u32) -> Many {
        let length = narrow(group.nodes.len());
        let operands = [0, 1].map(|at| {
            let all = &group.operands[at];
            let step = u32::from(all.len() > 1);
            if let Some(&first) = self.tables.get(all) {
                return Run {
                    first,
                    length,
                    step,
                };
            }
            let first = self.slot(all[0]);
            debug_assert!(
                (0..)
                    .zip(all)
                    .all(|(place, &r)| self.slot(r) == first + place),
                "operands of a group follow one another"
            );
            Run {
                first,
                length,
                step,
            }
        });
        let first = runs.give(length, next);
        for (slot, &node) in (first..).zip(&group.nodes) {
            self.places[node as usize] = slot;
            if last[node as usize] != NOWHERE {
                runs.note(slot, first);
            }
        }
        Many {
            prim: group.prim,
            first,
            length,
            operands,
        }
    }

    /// Where an operand of a block is.
    fn part(&self, flow: &Flow, refs: &Runs, parts: &mut Parts) -> Part {
        if let Some(fixed) = parts.fixed(flow, refs) {
            return fixed;
        }
        if !is_own(flow, refs) {
            let slots = refs.iter().map(|r| parts.slot(Ref::at_place(r)));
            return Part::Shared(slots.collect());
        }
        if let [run] = refs.runs()
            && is_held(flow, run)
        {
            // Inputs have their slots one after the other.
            let [first, last] = [run.first, run.first + run.length - 1];
            let [first, last] = [first, last].map(|node| self.places[node as usize]);
            if last.wrapping_sub(first) == run.length - 1 {
                return Part::Own(Runs::one(first, run.length));
            }
        }
        let slots = refs.iter().map(|r| self.slot(Ref::at_place(r)));
        Part::Own(slots.collect())
    }

    fn import(&mut self, r: Ref, parts: &Parts) {
        let slot = parts.slot(r);
        let next = narrow(self.imports.len());
        if let std::collections::hash_map::Entry::Vacant(entry) = self.imported.entry(slot) {
            entry.insert(next);
            self.imports.push(slot);
        }
        if r.is_node() {
            self.places[r.index()] = self.imported[&slot];
        }
    }

    /// Gives numbers of the program slots in a row.
    fn import_table(&mut self, all: &[Ref], parts: &Parts) {
        if !self.tables.contains_key(all) {
            self.tables.insert(all.to_vec(), narrow(self.imports.len()));
            self.imports.extend(all.iter().map(|&r| parts.slot(r)));
        }
    }

    /// Where a number is in a lane's file.
    ///
    /// # Panics
    /// If it is neither computed before nor imported.
    fn slot(&self, r: Ref) -> u32 {
        let Some(node) = r.as_node() else {
            let imported = self.imported.get(&narrow(r.index()));
            return *imported.expect("constants that are read are imported");
        };
        let slot = self.places[node as usize];
        assert!(slot != NOWHERE, "{r} is read before anything computes it");
        slot
    }

    /// Where results are once everything has run.
    pub(super) fn places(
        &self,
        flow: &Flow,
        results: &[Ref],
        summed: bool,
        parts: &Parts,
    ) -> Vec<Place> {
        let place = |&r: &Ref| match flow.class(r) {
            Class::Lane => Place::Lane(self.slot(r)),
            Class::Shared if !summed => Place::Lane(self.slot(r)),
            _ => Place::Shared(parts.slot(r)),
        };
        results.iter().map(place).collect()
    }
}

/// Whether an operand of a block is of lanes' own.
fn is_own(flow: &Flow, refs: &Runs) -> bool {
    let mut runs = refs.runs().iter();
    runs.any(|run| flow.class_of(run) == Class::Lane)
}

/// Slots that follow one another, given out as one and used again as one.
#[derive(Default)]
struct RunSlots {
    /// Those that nothing reads any more, by how many they are.
    free: FxHashMap<u32, Vec<u32>>,
    /// For each slot of a run that is read where the run begins.
    starts: FxHashMap<u32, u32>,
    /// For each run by its first slot how many it has, and how many of them are still to be read.
    runs: FxHashMap<u32, (u32, u32)>,
}

impl RunSlots {
    fn give(&mut self, count: u32, next: &mut u32) -> u32 {
        let known = self.free.get_mut(&count).and_then(Vec::pop);
        let first = known.unwrap_or_else(|| {
            *next += count;
            *next - count
        });
        self.runs.insert(first, (count, 0));
        first
    }

    /// Notes that a slot of a run will be read.
    fn note(&mut self, slot: u32, first: u32) {
        self.starts.insert(slot, first);
        if let Some((_, live)) = self.runs.get_mut(&first) {
            *live += 1;
        }
    }

    /// Notes that nothing reads a slot any more. One that belongs to no run goes to `singles`.
    fn free(&mut self, slot: u32, singles: &mut Vec<u32>) {
        let Some(first) = self.starts.remove(&slot) else {
            singles.push(slot);
            return;
        };
        if let Some((count, live)) = self.runs.get_mut(&first) {
            *live -= 1;
            if *live == 0 {
                self.free.entry(*count).or_default().push(first);
            }
        }
    }
}
