//! `forward`: the tangents of a trace as further operations.
//!
//! A trace whose operations a [`Flow`] holds and a seed for each of some inputs go in; the operations
//! that compute the tangent of every node are appended to the flow. With seeds that differ from lane
//! to lane, one lane carries the derivatives by one input.
//!
//! **Invariants**
//! - Same contributions, same order as [`Trace::jacobian`], and the same bits wherever the tangents
//!   of the results are no NaN. A lane whose input a number does not depend on carries a 0 that the
//!   sweep leaves out: times an infinite derivative that is NaN, which no later operation hides but
//!   a `Select` that does not take it.
//! - Where a node depends on no seed there is no tangent, and no operation.

use super::flow::Flow;
use super::gradient::cotangents;
use super::{Ref, Trace};
use crate::prim::Prim;

/// The tangents of all nodes of a trace, each of which stands for one of `nodes`; none for those that
/// depend on no seed. None at all where the trace has operations on whole matrices.
pub(crate) fn forward(
    trace: &Trace,
    nodes: &[Ref],
    seeds: &[(u32, Ref)],
    flow: &mut Flow,
) -> Option<Vec<Option<Ref>>> {
    let mut tangents = vec![None; trace.inputs as usize];
    tangents.reserve(trace.operations.len());
    for &(input, seed) in seeds {
        tangents[input as usize] = Some(seed);
    }
    let zero = flow.constant(0.0);
    let one = flow.constant(1.0);
    for (index, op) in trace.operations.iter().enumerate() {
        if matches!(op.prim, Prim::Block | Prim::Part) {
            return None;
        }
        let of = |r: Ref| r.as_node().and_then(|node| tangents[node as usize]);
        let [a, b] = [of(op.a), of(op.b)];
        let is_binary = op.prim == Prim::Select || op.prim.operands() == 2;
        let b = b.filter(|_| is_binary);
        if a.is_none() && b.is_none() {
            tangents.push(None);
            continue;
        }
        let [x, y, z] = [op.a, op.b, op.c].map(|r| trace.in_flow(r, nodes, flow));
        let tangent = if op.prim == Prim::Select {
            let taken = flow.select(z, a.unwrap_or(zero), b.unwrap_or(zero));
            (taken != zero).then_some(taken)
        } else {
            let result = nodes[trace.inputs as usize + index];
            cotangents(op.prim, [x, y, result, one], false, flow).and_then(|partials| {
                let mut sum = None;
                for (tangent, partial) in [a, b].into_iter().zip(partials) {
                    let Some(tangent) = tangent else { continue };
                    let product = flow.operation(Prim::Mul, partial, tangent);
                    sum = Some(match sum {
                        None => product,
                        Some(sum) => flow.operation(Prim::Add, sum, product),
                    });
                }
                sum
            })
        };
        tangents.push(tangent);
    }
    Some(tangents)
}
