//! `tangents`: a trace swept forwards, several inputs at a time.
//!
//! The values of all nodes and a list of inputs go in; the derivatives of chosen nodes by those
//! inputs come out. Cheaper than a backward sweep for each output where outputs outnumber inputs.
//!
//! **Invariants**
//! - A tangent that is zero stays zero, even where a partial derivative is infinite.
//! - `Select` passes the tangent of the arm taken and nothing of the other.

use super::{Ref, Trace};
use crate::prim::Prim;

/// How many inputs one pass carries.
const WIDTH: usize = 8;

/// Memory for forward sweeps, to be used again.
#[derive(Clone, Debug, Default)]
pub struct Tangents {
    values: Vec<[f64; WIDTH]>,
}

impl Trace {
    /// The derivatives of `outputs` by `inputs`, row-major: one row an output.
    pub fn jacobian(
        &self,
        values: &[f64],
        inputs: &[u32],
        outputs: &[Ref],
        tangents: &mut Tangents,
        jacobian: &mut [f64],
    ) {
        let columns = inputs.len();
        for (pass, chunk) in inputs.chunks(WIDTH).enumerate() {
            self.push_forward(values, chunk, tangents);
            for (row, output) in outputs.iter().enumerate() {
                let start = row * columns + pass * WIDTH;
                let row = &mut jacobian[start..start + chunk.len()];
                if output.is_node() {
                    row.copy_from_slice(&tangents.values[output.index()][..chunk.len()]);
                } else {
                    row.fill(0.0);
                }
            }
        }
    }

    fn push_forward(&self, values: &[f64], seeds: &[u32], tangents: &mut Tangents) {
        let t = &mut tangents.values;
        t.clear();
        t.resize(self.inputs as usize, [0.0; WIDTH]);
        for (lane, &input) in seeds.iter().enumerate() {
            t[input as usize][lane] = 1.0;
        }
        t.reserve(self.operations.len());
        for op in &self.operations {
            let y = values[t.len()];
            let tangent = if op.prim == Prim::Select {
                let taken = if self.holds(op.c, values) { op.a } else { op.b };
                if taken.is_node() {
                    t[taken.index()]
                } else {
                    [0.0; WIDTH]
                }
            } else {
                let a = self.number(op.a, values);
                let b = self.number(op.b, values);
                match op.prim.vjp(a, b, y, 1.0) {
                    None => [0.0; WIDTH],
                    Some([pa, pb]) => {
                        let mut sum = [0.0; WIDTH];
                        if op.a.is_node() {
                            accumulate(&mut sum, pa, &t[op.a.index()]);
                        }
                        if op.b.is_node() && op.prim.operands() == 2 {
                            accumulate(&mut sum, pb, &t[op.b.index()]);
                        }
                        sum
                    }
                }
            };
            t.push(tangent);
        }
    }
}

#[inline]
fn accumulate(sum: &mut [f64; WIDTH], partial: f64, tangent: &[f64; WIDTH]) {
    for (s, &t) in sum.iter_mut().zip(tangent) {
        *s += if t == 0.0 { 0.0 } else { partial * t };
    }
}
