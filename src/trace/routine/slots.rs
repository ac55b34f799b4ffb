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

use super::super::flow::{Class, Flow};
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use super::Place;
use super::code::{BlockCode, Opcode, SlotInstr};
use crate::prim::Prim;
use rustc_hash::FxHashMap;

const NOWHERE: u32 = u32::MAX;

/// What is done once: before the lanes and after them.
pub(super) struct Parts {
    pub(super) before: Vec<SlotInstr>,
    pub(super) after: Vec<SlotInstr>,
    pub(super) blocks: Vec<BlockCode>,
    pub(super) inputs: Vec<(u32, u32)>,
    pub(super) sums: Vec<u32>,
    pub(super) count: Option<u32>,
    pub(super) slots: u32,
    /// How often each node is read, by live operations, guards, sums and as a result.
    uses: Vec<u32>,
    /// The slot of each node in the shared file.
    places: Vec<u32>,
    /// For each sum of the flow its number, if anything reads it.
    numbers: FxHashMap<u32, u32>,
}

impl Parts {
    pub(super) fn new(flow: &Flow, guards: &[FlowGuard], results: &[Ref]) -> Self {
        let mut parts = Self {
            before: Vec::new(),
            after: Vec::new(),
            blocks: Vec::new(),
            inputs: Vec::new(),
            sums: Vec::new(),
            count: None,
            slots: narrow(flow.constants.len()),
            uses: count_uses(flow, guards, results),
            places: vec![NOWHERE; flow.classes.len()],
            numbers: FxHashMap::default(),
        };
        for input in 0..flow.inputs {
            if parts.uses[input as usize] > 0 && flow.classes[input as usize] == Class::Shared {
                let slot = parts.give(input);
                parts.inputs.push((input, slot));
            }
        }
        for sum in &flow.sums {
            if parts.uses[sum.node as usize] > 0 {
                let slot = parts.give(sum.node);
                if flow.constant_of(sum.of).is_some() {
                    parts.count = Some(slot);
                } else {
                    parts.numbers.insert(sum.node, narrow(parts.sums.len()));
                    parts.sums.push(slot);
                }
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
                    let operands = block.operands.iter().map(|&r| self.slot(r)).collect();
                    let results = numbers
                        .map(|n| (self.uses[n as usize] > 0).then(|| self.give(n)))
                        .collect();
                    let a = self.block(BlockCode {
                        work: block.work,
                        operands,
                        results,
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

    fn block(&mut self, block: BlockCode) -> u32 {
        let number = narrow(self.blocks.len());
        self.blocks.push(block);
        number
    }
}

/// Calls `see` for all that an operation reads.
fn each_operand(flow: &Flow, index: usize, see: &mut dyn FnMut(Ref)) {
    let op = &flow.operations[index];
    match op.prim {
        Prim::Part => {}
        Prim::Block => flow.blocks[op.c.index()]
            .operands
            .iter()
            .copied()
            .for_each(see),
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
        if live {
            each_operand(flow, index, &mut |r| note(r, &mut uses));
        }
    }
    uses
}

/// What each lane does.
pub(super) struct Body {
    pub(super) code: Vec<SlotInstr>,
    pub(super) imports: Vec<u32>,
    pub(super) inputs: Vec<(u32, u32)>,
    pub(super) slots: u32,
    /// Where each node is once the code has run.
    places: Vec<u32>,
    imported: FxHashMap<u32, u32>,
}

/// An instruction on nodes, its slots still to be given.
pub(super) struct NodeInstr {
    pub(super) op: Opcode,
    /// The node that it computes.
    pub(super) node: u32,
    pub(super) operands: [Ref; 3],
    /// A guard's or block's number, or the node of the cosine.
    pub(super) number: u32,
}

impl NodeInstr {
    fn of(op: Opcode, node: u32, operands: [Ref; 3]) -> Self {
        Self {
            op,
            node,
            operands,
            number: 0,
        }
    }
}

impl Body {
    pub(super) fn new(
        flow: &Flow,
        guards: &[FlowGuard],
        results: &[Ref],
        summed: bool,
        parts: &mut Parts,
    ) -> Self {
        let steps = steps(flow, guards, parts);
        let mut body = Self {
            code: Vec::with_capacity(steps.len()),
            imports: Vec::new(),
            inputs: Vec::new(),
            slots: 0,
            places: vec![NOWHERE; flow.classes.len()],
            imported: FxHashMap::default(),
        };
        // What lanes take from what they share has the first slots.
        let mut last = vec![NOWHERE; flow.classes.len()];
        let mut read = |r: Ref, at: u32, body: &mut Self| {
            if flow.class(r) == Class::Lane {
                last[r.index()] = at;
            } else {
                body.import(r, parts);
            }
        };
        for (at, step) in steps.iter().enumerate() {
            for &r in &step.operands[..step.op.reads()] {
                read(r, narrow(at), &mut body);
            }
            if step.op == Opcode::Block {
                let operands = &flow.blocks[step.number as usize].operands;
                for &r in operands {
                    read(r, narrow(at), &mut body);
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
        let mut give = |free: &mut Vec<u32>| {
            free.pop().unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        };
        for input in 0..flow.inputs {
            if flow.classes[input as usize] == Class::Lane && last[input as usize] != NOWHERE {
                let slot = give(&mut free);
                body.places[input as usize] = slot;
                body.inputs.push((input, slot));
            }
        }
        let mut freed = vec![false; flow.classes.len()];
        for (at, step) in steps.iter().enumerate() {
            let at = narrow(at);
            // A block's operands are not these.
            let slots = match step.op {
                Opcode::Block => [0; 3],
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
                    let operands = block.operands.iter().map(|&r| body.slot(r)).collect();
                    let mut results = Vec::with_capacity(block.length as usize);
                    for node in block.first..block.first + block.length {
                        results.push((last[node as usize] != NOWHERE).then(|| {
                            let slot = give(&mut free);
                            body.places[node as usize] = slot;
                            slot
                        }));
                    }
                    done.extend(&block.operands);
                    instr.a = parts.block(BlockCode {
                        work: block.work,
                        operands,
                        results,
                    });
                }
                Opcode::SinCos => {
                    instr.d = give(&mut free);
                    instr.b = give(&mut free);
                    body.places[step.node as usize] = instr.d;
                    body.places[step.number as usize] = instr.b;
                }
                _ => {
                    instr.d = give(&mut free);
                    body.places[step.node as usize] = instr.d;
                }
            }
            body.code.push(instr);
            done.extend(&step.operands[..step.op.reads()]);
            for r in done {
                if flow.class(r) == Class::Lane
                    && last[r.index()] == at
                    && !std::mem::replace(&mut freed[r.index()], true)
                {
                    free.push(body.places[r.index()]);
                }
            }
        }
        body.slots = next;
        body
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

/// What lanes do, in order and in pairs.
pub(super) fn steps(flow: &Flow, guards: &[FlowGuard], parts: &Parts) -> Vec<NodeInstr> {
    let inputs = flow.inputs as usize;
    let is_live = |node: usize| parts.uses[node] > 0 && flow.classes[node] == Class::Lane;
    // For each operation that ends a pair, whether its left operand begins it.
    let mut ends: Vec<Option<bool>> = vec![None; flow.operations.len()];
    let mut absorbed = vec![false; flow.operations.len()];
    for (index, op) in flow.operations.iter().enumerate() {
        if !is_live(inputs + index) || op.a == op.b {
            continue;
        }
        // A product first: a sum of products is the commonest pair.
        let mut best: Option<(bool, usize, bool)> = None;
        for (r, is_left) in [(op.a, true), (op.b, false)] {
            let Some(first) = r.as_node().and_then(|n| n.checked_sub(flow.inputs)) else {
                continue;
            };
            let first = first as usize;
            let before = &flow.operations[first];
            if is_live(inputs + first)
                && parts.uses[inputs + first] == 1
                && ends[first].is_none()
                && !absorbed[first]
                && Opcode::pair(before.prim, op.prim, is_left).is_some()
                && best.is_none_or(|(_, _, product)| !product)
            {
                best = Some((is_left, first, before.prim == Prim::Mul));
            }
        }
        if let Some((is_left, first, _)) = best {
            ends[index] = Some(is_left);
            absorbed[first] = true;
        }
    }
    // Sine and cosine of one angle are one instruction, where the first of them stands.
    let mut angles: FxHashMap<Ref, [Option<usize>; 2]> = FxHashMap::default();
    for (index, op) in flow.operations.iter().enumerate() {
        if is_live(inputs + index) && matches!(op.prim, Prim::Sin | Prim::Cos) {
            angles.entry(op.a).or_default()[usize::from(op.prim == Prim::Cos)] = Some(index);
        }
    }
    let mut sums: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for sum in &flow.sums {
        if let Some(&number) = parts.numbers.get(&sum.node)
            && let Some(node) = sum.of.as_node()
        {
            sums.entry(node).or_default().push(number);
        }
    }
    let mut steps = Vec::new();
    let add = |node: u32, steps: &mut Vec<NodeInstr>| {
        for &number in sums.get(&node).into_iter().flatten() {
            let r = Ref::node(node);
            let step = NodeInstr::of(Opcode::Sum, node, [r, r, r]);
            steps.push(NodeInstr { number, ..step });
        }
    };
    (0..flow.inputs).for_each(|input| add(input, &mut steps));
    let mut guards = guards.iter().peekable();
    for (index, op) in flow.operations.iter().enumerate() {
        while let Some(guard) = guards.next_if(|guard| guard.at as usize <= index) {
            steps.push(of_guard(guard));
        }
        let node = narrow(inputs + index);
        if op.prim == Prim::Block && flow.classes[node as usize] == Class::Lane {
            let block = &flow.blocks[op.c.index()];
            let numbers = block.first..block.first + block.length;
            if numbers.clone().any(|n| parts.uses[n as usize] > 0) {
                let step = NodeInstr::of(Opcode::Block, node, [op.a; 3]);
                let number = narrow(op.c.index());
                steps.push(NodeInstr { number, ..step });
                numbers.for_each(|n| add(n, &mut steps));
            }
            continue;
        }
        if !is_live(node as usize) || absorbed[index] || op.prim == Prim::Part {
            continue;
        }
        if let (Prim::Sin | Prim::Cos, Some(&[Some(sin), Some(cos)])) = (op.prim, angles.get(&op.a))
        {
            if index == sin.min(cos) {
                let of = |index: usize| narrow(inputs + index);
                let step = NodeInstr::of(Opcode::SinCos, of(sin), [op.a; 3]);
                let number = of(cos);
                steps.push(NodeInstr { number, ..step });
                add(of(sin), &mut steps);
                add(of(cos), &mut steps);
            }
            continue;
        }
        steps.push(match ends[index] {
            None => NodeInstr::of(Opcode::of(op.prim), node, [op.a, op.b, op.c]),
            Some(is_left) => {
                let (t, c) = if is_left { (op.a, op.b) } else { (op.b, op.a) };
                let first = flow.operations[t.index() - inputs];
                let pair = Opcode::pair(first.prim, op.prim, is_left);
                let pair = pair.expect("what ends a pair has one");
                NodeInstr::of(pair, node, [first.a, first.b, c])
            }
        });
        add(node, &mut steps);
    }
    steps.extend(guards.map(of_guard));
    steps
}

fn of_guard(guard: &FlowGuard) -> NodeInstr {
    NodeInstr {
        op: Opcode::Guard,
        node: 0,
        operands: [guard.node; 3],
        number: guard.index,
    }
}
