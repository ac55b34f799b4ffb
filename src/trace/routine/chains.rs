//! Chains of additions, of which each adds to the one before, and nothing else reads that.
//!
//! A flow and the plan of its groups go in; the chains come out, and which of them are done side by side.
//!
//! **Invariants**
//! - Each chain has its terms in their order.
//! - Those that are done side by side do not read each other, and nothing else is done between them.

use super::super::flow::{Class, Flow};
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use super::groups::{ALONE, Plan};
use crate::prim::Prim;

/// The fewest terms that are a chain.
const FEWEST: usize = 8;

/// A chain of additions: a number to begin with, and terms.
#[derive(Debug)]
pub(super) struct Chain {
    /// The node of the sum.
    pub(super) node: u32,
    pub(super) start: Ref,
    pub(super) terms: Vec<Ref>,
    /// Whether they are taken away.
    pub(super) is_less: bool,
}

/// Where an operation stands in the chains of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In none.
    None,
    /// In one, and done with it.
    Inner,
    /// It is the last one of those that are done here: their number.
    Last(u32),
}

/// Chains that are done side by side, and where each operation stands.
#[derive(Debug, Default)]
pub(super) struct Chains {
    pub(super) all: Vec<Vec<Chain>>,
    parts: Vec<Part>,
}

impl Chains {
    /// Where an operation stands.
    pub(super) fn part(&self, index: usize) -> Part {
        self.parts.get(index).copied().unwrap_or(Part::None)
    }

    /// The chains among operations that are in no group. `uses` says how often each node is read.
    pub(super) fn new(flow: &Flow, guards: &[FlowGuard], plan: &Plan, uses: &[u32]) -> Self {
        let inputs = flow.inputs as usize;
        let count = flow.operations.len();
        let is_alone = |index: usize| {
            let node = inputs + index;
            let group = plan.group_of.get(index).copied().unwrap_or(ALONE);
            group == ALONE && uses[node] > 0 && flow.classes[node] == Class::Lane
        };
        // How long the longest chain up to each operation is, and whether its left operand is in it.
        let mut lengths = vec![0_u32; count];
        let mut is_left = vec![true; count];
        for (index, op) in flow.operations.iter().enumerate() {
            if !matches!(op.prim, Prim::Add | Prim::Sub) || op.a == op.b || !is_alone(index) {
                continue;
            }
            let length = |r: Ref| {
                let before = r.as_node().and_then(|node| node.checked_sub(flow.inputs));
                before.map_or(0, |before| {
                    let before = before as usize;
                    let goes_on =
                        uses[inputs + before] == 1 && flow.operations[before].prim == op.prim;
                    if goes_on { lengths[before] } else { 0 }
                })
            };
            let (a, b) = (length(op.a), length(op.b));
            is_left[index] = op.prim == Prim::Sub || a >= b;
            lengths[index] = 1 + if is_left[index] { a } else { b };
        }
        let mut chains = Self {
            all: Vec::new(),
            parts: vec![Part::None; count],
        };
        let mut found: Vec<Option<Chain>> = Vec::new();
        found.resize_with(count, || None);
        for last in (0..count).rev() {
            if (lengths[last] as usize) < FEWEST || chains.parts[last] != Part::None {
                continue;
            }
            let mut terms = Vec::with_capacity(lengths[last] as usize);
            let mut index = last;
            let start = loop {
                let op = &flow.operations[index];
                let (start, term) = if is_left[index] {
                    (op.a, op.b)
                } else {
                    (op.b, op.a)
                };
                chains.parts[index] = Part::Inner;
                terms.push(term);
                if terms.len() == lengths[last] as usize {
                    break start;
                }
                index = start.index() - inputs;
            };
            terms.reverse();
            found[last] = Some(Chain {
                node: narrow(inputs + last),
                start,
                terms,
                is_less: flow.operations[last].prim == Prim::Sub,
            });
        }
        chains.join(flow, guards, plan, uses, found);
        chains
    }

    /// Puts those side by side between which nothing else is done.
    fn join(
        &mut self,
        flow: &Flow,
        guards: &[FlowGuard],
        plan: &Plan,
        uses: &[u32],
        mut found: Vec<Option<Chain>>,
    ) {
        let inputs = flow.inputs as usize;
        let mut together: Vec<Chain> = Vec::new();
        let mut last = 0;
        let mut next = 0;
        for (place, &index) in plan.order.iter().enumerate() {
            let index = index as usize;
            let mut is_between = false;
            while next < guards.len() && plan.guards[next] as usize <= place {
                is_between = true;
                next += 1;
            }
            let op = &flow.operations[index];
            is_between |= self.parts[index] == Part::None
                && (uses[inputs + index] > 0 || matches!(op.prim, Prim::Block | Prim::Part));
            let chain = found[index].take();
            let reads = |chain: &Chain| {
                let is_sum = |&r: &Ref| together.iter().any(|sum| Ref::node(sum.node) == r);
                is_sum(&chain.start) || chain.terms.iter().any(is_sum)
            };
            if is_between || chain.as_ref().is_some_and(reads) {
                self.close(&mut together, last);
            }
            if let Some(chain) = chain {
                together.push(chain);
                last = index;
            }
        }
        self.close(&mut together, last);
    }

    fn close(&mut self, together: &mut Vec<Chain>, last: usize) {
        if !together.is_empty() {
            self.parts[last] = Part::Last(narrow(self.all.len()));
            self.all.push(std::mem::take(together));
        }
    }
}
