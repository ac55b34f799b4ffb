//! `simplify`: a trace written into a [`Flow`], where equal operations become one.
//!
//! A trace goes in; for each of its nodes the node of the flow that has its number comes out, and the
//! guards, on nodes of the flow.
//!
//! **Invariants**
//! - Guards keep their order and numbers; those that cannot fail any more are left out.

use super::flow::{Flow, Work};
use super::runs::Runs;
use super::{Numbers, Ref, Trace, narrow};
use crate::prim::Prim;
use rustc_hash::FxHashSet;

/// A guard of a trace, on a node of a flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FlowGuard {
    /// Before which of the flow's operations it stands.
    pub(crate) at: u32,
    pub(crate) node: Ref,
    pub(crate) expected: f64,
    /// Which of the trace's guards it is.
    pub(crate) index: u32,
}

/// Writes a trace into a flow that has its inputs.
pub(crate) fn simplify(trace: &Trace, flow: &mut Flow) -> (Vec<Ref>, Vec<FlowGuard>) {
    let mut nodes: Vec<Ref> = (0..trace.inputs).map(Ref::node).collect();
    nodes.reserve(trace.operations.len());
    let mut guards = Vec::new();
    let mut holds = FxHashSet::default();
    let mut pending = trace.guards.iter().enumerate().peekable();
    for index in 0..=trace.operations.len() {
        while let Some((guard, of)) = pending.next_if(|(_, guard)| guard.at as usize <= index) {
            let node = trace.in_flow(of.node, &nodes, flow);
            let expected = of.expected;
            let cannot_fail = flow.constant_of(node) == Some(expected);
            if !cannot_fail && holds.insert((node, expected.to_bits())) {
                guards.push(FlowGuard {
                    at: narrow(flow.operations.len()),
                    node,
                    expected,
                    index: narrow(guard),
                });
            }
        }
        let Some(op) = trace.operations.get(index) else {
            break;
        };
        let node = match op.prim {
            Prim::Part => continue,
            Prim::Block => {
                let block = trace.block_at(index);
                match block.block {
                    None => {
                        for &r in trace.listed_of(block.a) {
                            nodes.push(trace.in_flow(r, &nodes, flow));
                        }
                    }
                    Some(kind) => {
                        let operands = [block.a, block.b];
                        let operands = operands.map(|r| trace.runs_in_flow(r, &nodes, flow));
                        let first = flow.block(Work::Forward(kind), block.length, operands.into());
                        nodes.extend((first..first + block.length).map(Ref::node));
                    }
                }
                continue;
            }
            Prim::Select => {
                let [a, b, c] = [op.a, op.b, op.c].map(|r| trace.in_flow(r, &nodes, flow));
                flow.select(c, a, b)
            }
            prim => {
                let [a, b] = [op.a, op.b].map(|r| trace.in_flow(r, &nodes, flow));
                flow.operation(prim, a, b)
            }
        };
        nodes.push(node);
    }
    (nodes, guards)
}

impl Trace {
    /// What stands for an operand of a block in a flow, as places of references.
    pub(super) fn runs_in_flow(&self, numbers: Numbers, nodes: &[Ref], flow: &mut Flow) -> Runs {
        if let Numbers::Run(first, length) = numbers
            && first.is_node()
            && first.index() + length as usize <= self.inputs as usize
        {
            // Inputs stand for themselves.
            return Runs::one(first.place(), length);
        }
        let refs = self.operands_of(numbers).into_iter();
        refs.map(|r| self.in_flow(r, nodes, flow).place()).collect()
    }

    /// What stands for an operand in a flow, where `nodes` stand for the trace's nodes.
    pub(super) fn in_flow(&self, r: Ref, nodes: &[Ref], flow: &mut Flow) -> Ref {
        if r.is_node() {
            nodes[r.index()]
        } else {
            flow.constant(self.constants[r.index()])
        }
    }
}
