//! `Course`: what a step must not cross, if differences are to be those of the path taken.
//!
//! A trace with its values goes in; whether other numbers of the inputs keep to its course comes out,
//! and where they leave it.
//!
//! **Invariants**
//! - Tests count, guarded or joined; of `min`, `max` and `abs` which side won; of steps and remainders
//!   which whole number they came to.
//! - A tie keeps to the course, on either side: the derivative at a tie is the mean of both sides', and
//!   so is a central difference.
//! - Kinks and steps that the outputs do not depend on do not count.

use crate::prim::Prim;
use crate::trace::{Ref, Trace};
use std::cmp::Ordering;

/// The course of one run.
pub(super) struct Course<'a> {
    trace: &'a Trace,
    values: &'a [f64],
    /// The operations with kinks and steps that the outputs depend on.
    bends: Vec<u32>,
}

impl<'a> Course<'a> {
    /// The course by which `outputs` came about.
    pub(super) fn new(trace: &'a Trace, values: &'a [f64], outputs: &[Ref]) -> Self {
        let inputs = trace.inputs as usize;
        let mut reached = vec![false; trace.len()];
        let reach = |r: Ref, reached: &mut Vec<bool>| {
            if r.is_node() {
                reached[r.index()] = true;
            }
        };
        for &r in outputs {
            reach(r, &mut reached);
        }
        let mut bends = Vec::new();
        for (index, op) in trace.operations.iter().enumerate().rev() {
            let node = inputs + index;
            match op.prim {
                Prim::Part => {}
                Prim::Block => {
                    let block = trace.block_at(index);
                    let numbers = node..node + block.length as usize;
                    if reached[numbers].iter().any(|&r| r) {
                        for operand in [block.a, block.b] {
                            for r in trace.refs_of(operand) {
                                reach(r, &mut reached);
                            }
                        }
                    }
                }
                _ if reached[node] => {
                    reach(op.a, &mut reached);
                    reach(op.b, &mut reached);
                    if side(op.prim, 0.0, 0.0, 0.0).is_some() {
                        bends.push(index as u32);
                    }
                }
                _ => {}
            }
        }
        Self {
            trace,
            values,
            bends,
        }
    }

    /// Where `numbers` of the inputs leave the course: the place of the test, 0 for one without a place,
    /// a kink or a step; none if they keep to it. `values` is for the values on the way.
    pub(super) fn left_at(&self, numbers: &[f64], values: &mut Vec<f64>) -> Option<u32> {
        let trace = self.trace;
        if let Err(diverged) = trace.replay(numbers, values) {
            return Some(trace.guards[diverged.guard].place);
        }
        let flipped = trace.joins.iter().find(|&&(operation, _)| {
            let test = trace.operations[operation as usize].c;
            trace.number(test, values) != trace.number(test, self.values)
        });
        if let Some(&(_, place)) = flipped {
            return Some(place);
        }
        let crossed = |&index: &u32| {
            let [before, now] = [self.values, values].map(|values| self.side(index, values));
            match (before, now) {
                (Side::Sign(before), Side::Sign(now)) => before * now < 0,
                (Side::Whole(before), Side::Whole(now)) => {
                    before != now && !(before.is_nan() && now.is_nan())
                }
                _ => false,
            }
        };
        self.bends.iter().any(crossed).then_some(0)
    }

    fn side(&self, index: u32, values: &[f64]) -> Side {
        let op = self.trace.operations[index as usize];
        let [a, b] = [op.a, op.b].map(|r| self.trace.number(r, values));
        let y = values[(self.trace.inputs + index) as usize];
        side(op.prim, a, b, y).unwrap_or(Side::Sign(0))
    }
}

/// On which side of its kink, or on which step, an operation is.
#[derive(Clone, Copy)]
enum Side {
    /// Below, on it, above.
    Sign(i8),
    Whole(f64),
}

/// None of operations without kinks and steps.
fn side(prim: Prim, a: f64, b: f64, y: f64) -> Option<Side> {
    let sign = |a: f64, b: f64| match a.partial_cmp(&b) {
        Some(Ordering::Less) => -1,
        Some(Ordering::Greater) => 1,
        _ => 0,
    };
    Some(match prim {
        Prim::Abs => Side::Sign(sign(a, 0.0)),
        Prim::Min | Prim::Max => Side::Sign(sign(a, b)),
        Prim::Floor
        | Prim::Ceiling
        | Prim::Round
        | Prim::Truncate
        | Prim::Quotient
        | Prim::FloorQuotient
        | Prim::Gcd
        | Prim::Lcm => Side::Whole(y),
        Prim::Remainder | Prim::Modulo => Side::Whole(((a - y) / b).round()),
        _ => return None,
    })
}
