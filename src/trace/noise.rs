//! `noise`: how far rounding may have moved each number of a trace.
//!
//! The values of all nodes go in; an estimate of the error that rounding has left in each comes out.
//!
//! **Invariants**
//! - Inputs and constants are what they are: nothing is wrong with them.
//! - An operation passes on its operands' errors, weighted by its partial derivatives, and adds half a
//!   unit of the last place, a whole one where it is a function of mathematics. Errors are taken to be
//!   independent, so squares add up: bounds that add magnitudes grow with the length of a run until
//!   they say nothing.
//! - A block is taken to give the exact result for operands that are off by some units of the last
//!   place. What it makes of their errors is the largest of a few directions of random signs.

use super::{Ref, Trace};
use crate::prim::Prim;
use std::f64::consts::FRAC_1_SQRT_2;

/// In how many directions a block's operands are moved.
const DIRECTIONS: u64 = 4;

impl Trace {
    /// For each node how far rounding may have moved it, as a standard deviation.
    pub(crate) fn noise(&self, values: &[f64]) -> Vec<f64> {
        let mut noise = vec![0.0; self.inputs as usize];
        noise.reserve(self.operations.len());
        for (index, op) in self.operations.iter().enumerate() {
            match op.prim {
                Prim::Part => continue,
                Prim::Block => {
                    self.noise_of_block(index, values, &mut noise);
                    continue;
                }
                _ => {}
            }
            let of = |r: Ref| r.as_node().map_or(0.0, |node| noise[node as usize]);
            if op.prim == Prim::Select {
                let taken = if self.holds(op.c, values) { op.a } else { op.b };
                let passed = of(taken);
                noise.push(passed);
                continue;
            }
            if matches!(op.prim, Prim::Detach | Prim::StraightThrough) {
                // The number is the first operand's, whatever its derivative.
                let passed = of(op.a);
                noise.push(passed);
                continue;
            }
            let y = values[self.inputs as usize + index];
            let [a, b] = [op.a, op.b].map(|r| self.number(r, values));
            let [from_a, from_b] = op.prim.vjp(a, b, y, 1.0).unwrap_or_default();
            let mut sum = square(own(op.prim) * f64::EPSILON * y);
            sum += square(weighted(from_a, of(op.a)));
            if op.prim.operands() == 2 {
                sum += square(weighted(from_b, of(op.b)));
            }
            noise.push(sum.sqrt());
        }
        noise
    }

    fn noise_of_block(&self, index: usize, values: &[f64], noise: &mut Vec<f64>) {
        let block = self.block_at(index);
        let first = noise.len();
        let length = block.length as usize;
        let Some(kind) = block.block else {
            for r in self.refs_of(block.a) {
                noise.push(r.as_node().map_or(0.0, |node| noise[node as usize]));
            }
            return;
        };
        let terms = kind.operands().into_iter().max().unwrap_or(1).isqrt() as f64;
        let mut found = vec![0.0_f64; length];
        let mut moved = Vec::new();
        for direction in 0..DIRECTIONS {
            let tangent = |node: usize| {
                let own = terms.sqrt() * f64::EPSILON * values[node].abs();
                sign(direction, node as u64) * noise[node].hypot(own)
            };
            self.push_block(&block, values, &tangent, &mut moved);
            for (found, moved) in found.iter_mut().zip(&moved) {
                *found = found.max(moved.abs());
            }
        }
        let outputs = kind.outputs();
        for (at, found) in found.iter_mut().enumerate().take(outputs) {
            *found = found.hypot(f64::EPSILON * values[first + at]);
        }
        noise.append(&mut found);
    }
}

/// The units of the last place that an operation adds itself, as a standard deviation.
fn own(prim: Prim) -> f64 {
    match prim {
        Prim::Add | Prim::Sub | Prim::Mul | Prim::Div | Prim::Sqrt | Prim::Square => {
            0.5 * FRAC_1_SQRT_2
        }
        _ if prim.has_kernel() => 1.0,
        _ => 0.0,
    }
}

/// An error weighted by a partial derivative: none stays none, whatever the derivative.
fn weighted(partial: f64, noise: f64) -> f64 {
    if noise == 0.0 { 0.0 } else { partial * noise }
}

fn square(x: f64) -> f64 {
    x * x
}

/// 1 or -1, by the bits of a hash of two numbers.
fn sign(direction: u64, node: u64) -> f64 {
    let mixed = (node + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(direction.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if mixed >> 63 == 0 { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Operation;

    fn operation(prim: Prim, a: Ref, b: Ref) -> Operation {
        Operation { prim, a, b, c: a }
    }

    #[test]
    fn what_cancels_is_noisy_and_what_is_exact_is_not() {
        // exp x - 1 at a small x; and -x.
        let x = Ref::node(0);
        let trace = Trace {
            inputs: 1,
            constants: vec![1.0],
            operations: vec![
                operation(Prim::Exp, x, x),
                operation(Prim::Sub, Ref::node(1), Ref::constant(0)),
                operation(Prim::Neg, x, x),
            ],
            ..Trace::default()
        };
        let mut values = Vec::new();
        trace.replay(&[1e-12], &mut values).expect("no guards");
        let noise = trace.noise(&values);
        assert!(noise[2] > 1e-16 && noise[2] < 1e-15, "{noise:?}");
        assert_eq!((noise[0], noise[3]), (0.0, 0.0));
        let wrong = (values[2] - 1e-12).abs();
        assert!(wrong > 1e3 * f64::EPSILON * values[2] && wrong < 2.0 * noise[2]);
    }
}
