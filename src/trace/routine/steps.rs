//! `steps`: what lanes do, in order and in pairs.
//!
//! A flow and a [`Plan`] go in; instructions on nodes come out, whose slots are still to be given.
//!
//! **Invariants**
//! - What nothing needs is not there.
//! - An operation that one other alone reads may become a pair with that; so does each at most once, and
//!   none that is in a group or chain.
//! - Guards keep their order.

use super::super::flow::{Class, Flow};
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use super::chains::{Chains, Part};
use super::code::Opcode;
use super::groups::{ALONE, Plan};
use crate::prim::Prim;
use rustc_hash::FxHashMap;

/// An instruction on nodes, its slots still to be given.
pub(super) struct NodeInstr {
    pub(super) op: Opcode,
    /// The node that it computes.
    pub(super) node: u32,
    pub(super) operands: [Ref; 3],
    /// A guard's, block's or group's number, or that of sums side by side.
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

/// What lanes do, in order and in pairs.
///
/// `uses` says how often each node is read, and `numbers` which number each sum of the flow has.
pub(super) fn steps(
    flow: &Flow,
    guards: &[FlowGuard],
    (plan, chains): (&Plan, &Chains),
    (uses, numbers): (&[u32], &FxHashMap<u32, u32>),
) -> Vec<NodeInstr> {
    let inputs = flow.inputs as usize;
    let is_live = |node: usize| uses[node] > 0 && flow.classes[node] == Class::Lane;
    let group_of = |index: usize| plan.group_of.get(index).copied().unwrap_or(ALONE);
    let is_alone = |index: usize| group_of(index) == ALONE && chains.part(index) == Part::None;
    // For each operation that ends a pair, whether its left operand begins it.
    let mut ends: Vec<Option<bool>> = vec![None; flow.operations.len()];
    let mut absorbed = vec![false; flow.operations.len()];
    for (index, op) in flow.operations.iter().enumerate() {
        if !is_live(inputs + index) || op.a == op.b || !is_alone(index) || !plan.has_pairs {
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
                && uses[inputs + first] == 1
                && is_alone(first)
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
        if is_live(inputs + index)
            && matches!(op.prim, Prim::Sin | Prim::Cos)
            && group_of(index) == ALONE
        {
            angles.entry(op.a).or_default()[usize::from(op.prim == Prim::Cos)] = Some(index);
        }
    }
    let mut sums: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for sum in &flow.sums {
        if let Some(&number) = numbers.get(&sum.node)
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
    let mut guards = guards.iter().zip(&plan.guards).peekable();
    let mut done = vec![false; plan.groups.len()];
    for (place, &index) in plan.order.iter().enumerate() {
        let index = index as usize;
        let op = &flow.operations[index];
        while let Some((guard, _)) = guards.next_if(|(_, at)| **at as usize <= place) {
            steps.push(of_guard(guard));
        }
        let group = group_of(index);
        if group != ALONE {
            if !std::mem::replace(&mut done[group as usize], true) {
                let r = Ref::node(narrow(inputs + index));
                let step = NodeInstr::of(Opcode::Many, narrow(inputs + index), [r; 3]);
                steps.push(NodeInstr {
                    number: group,
                    ..step
                });
            }
            continue;
        }
        match chains.part(index) {
            Part::None => {}
            Part::Inner => continue,
            Part::Last(number) => {
                let node = narrow(inputs + index);
                let step = NodeInstr::of(Opcode::Fold, node, [Ref::node(node); 3]);
                steps.push(NodeInstr { number, ..step });
                continue;
            }
        }
        let node = narrow(inputs + index);
        if op.prim == Prim::Block && flow.classes[node as usize] == Class::Lane {
            let block = &flow.blocks[op.c.index()];
            let numbers = block.first..block.first + block.length;
            if numbers.clone().any(|n| uses[n as usize] > 0) {
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
            // They are of one level.
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
    steps.extend(guards.map(|(guard, _)| of_guard(guard)));
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
