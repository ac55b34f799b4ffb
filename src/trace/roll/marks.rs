//! `marks`: which operations of a trace anything comes of.
//!
//! A trace, its outputs and the inputs that derivatives are by go in; for each operation marks come out:
//! whether its number is needed, whether derivatives by the inputs flow to it, and from which outputs
//! they flow back.
//!
//! **Invariants**
//! - Operations with the same marks that do the same are compiled alike: code leaves out what is not
//!   marked, and nothing else by where it stands.

use super::OUTPUTS;
use crate::prim::Prim;
use crate::trace::{Ref, Trace};

const NEEDED: u8 = 1;
const ACTIVE: u8 = 2;
/// Of the first output.
const REACHED: u8 = 4;

/// The marks of all nodes; none where there are too many outputs.
pub(super) fn marks(trace: &Trace, outputs: &[Ref], by: &[u32]) -> Option<Vec<u8>> {
    if outputs.len() > OUTPUTS && !by.is_empty() {
        return None;
    }
    let inputs = trace.inputs as usize;
    let active = trace.active(by);
    let mut marks: Vec<u8> = active
        .into_iter()
        .map(|is| if is { ACTIVE } else { 0 })
        .collect();
    for guard in trace.guards.iter().filter(|guard| guard.node.is_node()) {
        marks[guard.node.index()] |= NEEDED;
    }
    for (nth, output) in outputs.iter().enumerate().filter(|(_, r)| r.is_node()) {
        let reached = if by.is_empty() { 0 } else { REACHED << nth };
        marks[output.index()] |= NEEDED | reached;
    }
    for (index, op) in trace.operations.iter().enumerate().rev() {
        match op.prim {
            Prim::Part => {}
            Prim::Block => {
                let block = trace.block_at(index);
                let numbers = inputs + index..inputs + index + block.length as usize;
                let mut given = marks[numbers].iter().fold(0, |all, &mark| all | mark) & !ACTIVE;
                if block.is_flat() {
                    given &= NEEDED;
                }
                trace.each_operand(&block, &mut |r| {
                    if r.is_node() {
                        marks[r.index()] |= given;
                    }
                });
            }
            prim => {
                let given = marks[inputs + index] & !ACTIVE;
                let passed = if prim.passes_derivatives() {
                    given
                } else {
                    given & NEEDED
                };
                for r in [op.a, op.b].into_iter().filter(|r| r.is_node()) {
                    marks[r.index()] |= passed;
                }
                if op.c.is_node() {
                    marks[op.c.index()] |= given & NEEDED;
                }
            }
        }
    }
    Some(marks.split_off(inputs))
}
