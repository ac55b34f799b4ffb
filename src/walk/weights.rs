//! What entering a function weighs: a graph and a function go in, elements come out.
//!
//! **Invariants**
//! - It follows from the graph, and is the same for the prelude beside an evaluator and in a program.

use super::PRELUDE_WORK;
use crate::graph::{Graph, Node, Op};
use std::iter;

/// The name under which an interpreter's graph exports its evaluator.
pub(crate) const EVALUATE: &str = "%evaluate";

/// An environment of more values than these weighs as many elements where it is made or entered.
pub(super) const MANY_CAPTURES: u32 = 64;

/// The nodes of a function.
fn nodes_of(graph: &Graph, function: usize) -> impl Iterator<Item = &Node> {
    let mut open = vec![graph.functions[function].body];
    let blocks = iter::from_fn(move || {
        let block = open.pop()?;
        let nodes = &graph.blocks[block as usize].nodes;
        for &id in nodes {
            if let Op::Mux(a, b) | Op::Branch(a, b) = graph.nodes[id].op {
                open.extend([a, b]);
            }
        }
        Some(nodes)
    });
    blocks.flat_map(|nodes| nodes.iter().map(|&id| &graph.nodes[id]))
}

/// What entering a function weighs, in elements. Those of the prelude, whose applications have no place in
/// the program, weigh something where they apply others; environments cost what they have in them.
pub(crate) fn work_of(graph: &Graph, function: usize) -> u32 {
    let applies = |node: &Node| {
        let is_application = matches!(
            node.op,
            Op::Call | Op::TailCall | Op::CallKnown(_) | Op::TailCallKnown(_) | Op::Again
        );
        is_application && node.site == 0
    };
    let prelude = if nodes_of(graph, function).any(applies) {
        PRELUDE_WORK as u32
    } else {
        0
    };
    let captures = graph.functions[function].captures;
    prelude.saturating_add(if captures > MANY_CAPTURES {
        captures
    } else {
        0
    })
}

/// Which functions are the evaluator's: those it leads to. The prelude beside it is not among them.
pub(super) fn evaluators(graph: &Graph) -> Vec<bool> {
    let mut own = vec![false; graph.functions.len()];
    let mut open: Vec<u32> = graph.export(EVALUATE).into_iter().collect();
    while let Some(function) = open.pop() {
        if std::mem::replace(&mut own[function as usize], true) {
            continue;
        }
        for node in nodes_of(graph, function as usize) {
            if let Op::Closure(f) | Op::CallKnown(f) | Op::TailCallKnown(f) = node.op {
                open.push(f);
            }
            open.extend(
                node.args
                    .iter()
                    .filter_map(|&arg| match graph.nodes[arg].op {
                        Op::Function(f) => Some(f),
                        _ => None,
                    }),
            );
        }
    }
    own
}
