//! A trace's cotangents sent back, and nothing else of it: what loops do in each iteration.
//!
//! A trace, and which of its nodes get cotangents from which inputs, go in; a [`Routine`] comes out that
//! gives the adjoints of inputs.
//!
//! **Invariants**
//! - Cotangents are added to nodes in the order given, before the sweep: the bits are those of
//!   [`Trace::sweep`] with these seeds.
//! - Guards are not looked at: the numbers are some that fit.

use super::{Form, Place, Routine, compile};
use crate::prim::Prim;
use crate::trace::flow::{Class, Flow};
use crate::trace::gradient::Gradient;
use crate::trace::simplify::{FlowGuard, simplify};
use crate::trace::{Operation, Ref, Trace};
use std::sync::Arc;

/// A cotangent that comes in: of which node, the input that it is, and the one that tells whether it is there
/// at all, unless it always is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    pub(crate) node: Ref,
    pub(crate) ct: u32,
    pub(crate) holds: Option<u32>,
}

/// Where an adjoint is, and the number that tells whether anything has arrived there, unless it always has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjoint {
    pub(crate) ct: Place,
    pub(crate) holds: Option<Place>,
}

/// A trace compiled so.
#[derive(Debug)]
pub(crate) struct Pullback {
    pub(crate) routine: Routine,
    /// For each input of the trace its adjoint; none where nothing arrives.
    pub(crate) results: Vec<Option<Adjoint>>,
}

/// A trace that is run forwards and backwards, with what the way back reads of the way there kept: it is not
/// computed again.
#[derive(Debug)]
pub(crate) struct Taped {
    /// The outputs of the trace, and after them what is kept.
    pub(crate) forward: Routine,
    /// Its inputs are those of a [`Pullback`] and, after them, what is kept; of the trace's own it reads those
    /// that stay alone.
    pub(crate) back: Arc<Pullback>,
    /// How many numbers are kept.
    pub(crate) width: usize,
}

/// A trace's cotangents sent back, as operations.
struct Written {
    flow: Flow,
    guards: Vec<FlowGuard>,
    nodes: Vec<Ref>,
    /// What arrives at each input, and what tells whether anything does.
    arrived: Vec<Option<(Ref, Option<Ref>)>>,
}

impl Written {
    fn new(trace: &Trace, seeds: &[Seed], classes: &[Class], by: &[u32]) -> Self {
        let mut flow = Flow::new(classes);
        let (nodes, guards) = simplify(trace, &mut flow);
        let mut gradient = Gradient::new(trace, &nodes, by, &mut flow);
        for seed in seeds {
            let ct = Ref::node(seed.ct);
            match seed.holds {
                None => gradient.seed(seed.node, ct, &mut flow),
                Some(holds) => gradient.seed_where(seed.node, ct, Ref::node(holds), &mut flow),
            }
        }
        gradient.sweep(&|_| true, &mut flow);
        let arrived = (0..trace.inputs)
            .map(|input| gradient.arrived(input))
            .collect();
        Self {
            flow,
            guards,
            nodes,
            arrived,
        }
    }

    /// What arrives, in order.
    fn adjoints(&self) -> impl Iterator<Item = Ref> {
        let adjoints = self.arrived.iter().flatten();
        adjoints.flat_map(|&(ct, holds)| std::iter::once(ct).chain(holds))
    }

    /// Compiled from a flow in which adjoints are these nodes.
    fn compiled(&self, flow: &Flow, adjoints: &[Ref], form: Form) -> Pullback {
        let routine = compile(flow, &[], [adjoints, &[]], form, 0);
        let mut places = routine.outputs.iter().copied();
        let results = self.arrived.iter().map(|arrived| {
            let (_, holds) = (*arrived)?;
            Some(Adjoint {
                ct: places.next()?,
                holds: holds.and_then(|_| places.next()),
            })
        });
        let results = results.collect();
        Pullback { routine, results }
    }
}

impl Pullback {
    /// Of a trace of single numbers: cotangents come in as inputs after the trace's own, and whether lanes share
    /// each of these inputs; adjoints are those of the inputs `by`, one or two outputs each: for one lane
    /// `alone` or for several.
    pub(crate) fn new(
        trace: &Trace,
        seeds: &[Seed],
        classes: &[Class],
        by: &[u32],
        alone: bool,
    ) -> Self {
        let written = Written::new(trace, seeds, classes, by);
        let adjoints: Vec<Ref> = written.adjoints().collect();
        let summed = false;
        written.compiled(&written.flow, &adjoints, Form { summed, alone })
    }
}

impl Taped {
    /// Of a trace as for a [`Pullback`], for one lane; its first inputs are others each time, so many.
    pub(crate) fn new(
        trace: &Trace,
        outputs: &[Ref],
        changing: usize,
        seeds: &[Seed],
        inputs: u32,
        by: &[u32],
    ) -> Self {
        let classes = vec![Class::Lane; inputs as usize];
        let mut written = Written::new(trace, seeds, &classes, by);
        let outputs = outputs.iter();
        let outputs =
            outputs.map(|&output| trace.in_flow(output, &written.nodes, &mut written.flow));
        let outputs: Vec<Ref> = outputs.collect();
        let flow = &written.flow;
        let (mut changes, mut returns) = (Vec::new(), Vec::new());
        for input in 0..flow.inputs as usize {
            changes.push(input < changing);
            returns.push(input >= trace.inputs as usize);
        }
        for operation in &flow.operations {
            let of = |which: &[bool]| {
                let operands = [operation.a, operation.b, operation.c];
                operands.iter().any(|r| r.is_node() && which[r.index()])
            };
            let (does_change, does_return) = (of(&changes), of(&returns));
            changes.push(does_change);
            returns.push(does_return);
        }
        // What the way back computes itself: what cotangents are in, and what is the same each time.
        let mut again: Vec<bool> = changes
            .iter()
            .zip(&returns)
            .map(|(changes, returns)| *returns || !changes)
            .collect();
        let each = || (flow.inputs as usize..).zip(&flow.operations);
        let operands = |operation: &Operation| [operation.a, operation.b, operation.c];
        let mut is_read = vec![false; again.len()];
        let later = each().filter(|(at, _)| again[*at]);
        let reads = later.flat_map(|(_, operation)| operands(operation));
        for r in reads.chain(written.adjoints()).filter(|r| r.is_node()) {
            is_read[r.index()] = !again[r.index()];
        }
        // And what it takes no longer to compute than to read, from what it has.
        let is_cheap = |prim| matches!(prim, Prim::Add | Prim::Sub | Prim::Mul | Prim::Neg);
        for (at, operation) in each() {
            let has = |r: Ref| !r.is_node() || again[r.index()] || is_read[r.index()];
            if is_read[at] && is_cheap(operation.prim) && operands(operation).into_iter().all(has) {
                is_read[at] = false;
                again[at] = true;
            }
        }
        let kept = (0..).zip(&is_read).filter(|(_, is)| **is);
        let kept: Vec<Ref> = kept.map(|(at, _)| Ref::node(at)).collect();
        let form = Form {
            summed: false,
            alone: true,
        };
        let count = trace.guards.len();
        let results = [outputs.as_slice(), &kept].concat();
        let forward = compile(flow, &written.guards, [&results, &[]], form, count);
        let (mut part, places) = flow.part(&again, &kept);
        let adjoints = written.adjoints().map(|r| {
            let there = r.as_node().and_then(|node| places[node as usize]);
            there.unwrap_or_else(|| part.constant(flow.constants[r.index()]))
        });
        let adjoints: Vec<Ref> = adjoints.collect();
        Self {
            forward,
            back: Arc::new(written.compiled(&part, &adjoints, form)),
            width: kept.len(),
        }
    }
}
