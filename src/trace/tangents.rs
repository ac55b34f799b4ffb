//! `tangents`: a trace swept forwards, several inputs at a time.
//!
//! The values of all nodes and a list of inputs go in; the derivatives of chosen nodes by those
//! inputs come out. Cheaper than a backward sweep for each output where outputs outnumber inputs.
//!
//! **Invariants**
//! - A derivative flows along operations alone: where a node does not depend on an input, its
//!   tangent is 0, whatever the partial derivatives; where it does, NaN comes out as in a backward
//!   sweep. Nothing flows from an argument that does not count ([`Prim::counts`]).
//! - `Select` passes the tangent of the arm taken and nothing of the other.

use super::repeat::Repeated;
use super::{Ref, Trace};
use crate::prim::Prim;
use crate::prim::block::NOTHING;

/// How many inputs one pass carries.
const WIDTH: usize = 8;

/// How many iterations of a loop are done between two looks at the clock.
const UNASKED: u64 = 1 << 12;

/// Memory for forward sweeps, to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tangents {
    values: Vec<[f64; WIDTH]>,
    /// For each node, on which of the inputs carried it depends: one bit each.
    depends: Vec<u8>,
}

impl Trace {
    /// The derivatives of `outputs` by `inputs`, row-major: one row an output. Some of them, where it is
    /// late before all are there.
    pub(crate) fn jacobian(
        &self,
        values: &[f64],
        inputs: &[u32],
        outputs: &[Ref],
        late: &dyn Fn() -> bool,
        tangents: &mut Tangents,
        jacobian: &mut [f64],
    ) {
        let columns = inputs.len();
        for (pass, chunk) in inputs.chunks(WIDTH).enumerate() {
            if late() {
                return;
            }
            self.push_forward(values, chunk, late, tangents);
            for (row, output) in outputs.iter().enumerate() {
                let start = row * columns + pass * WIDTH;
                let row = &mut jacobian[start..start + chunk.len()];
                if output.is_node() {
                    // Never -0, as in a backward sweep.
                    for (entry, t) in row.iter_mut().zip(tangents.values[output.index()]) {
                        *entry = t + 0.0;
                    }
                } else {
                    row.fill(0.0);
                }
            }
        }
    }

    fn push_forward(
        &self,
        values: &[f64],
        seeds: &[u32],
        late: &dyn Fn() -> bool,
        tangents: &mut Tangents,
    ) {
        let Tangents { values: t, depends } = tangents;
        t.clear();
        t.resize(self.inputs as usize, [0.0; WIDTH]);
        depends.clear();
        depends.resize(self.inputs as usize, 0);
        for (lane, &input) in seeds.iter().enumerate() {
            t[input as usize][lane] = 1.0;
            depends[input as usize] = 1 << lane;
        }
        self.push_operations(values, late, tangents);
    }

    /// The tangents of all operations, behind those of the inputs.
    fn push_operations(&self, values: &[f64], late: &dyn Fn() -> bool, tangents: &mut Tangents) {
        let Tangents { values: t, depends } = tangents;
        t.reserve(self.operations.len());
        depends.reserve(self.operations.len());
        let mut out = Vec::new();
        for (index, op) in self.operations.iter().enumerate() {
            if op.prim == Prim::Part {
                continue;
            }
            if op.prim == Prim::Block {
                let block = self.block_at(index);
                if let Some(repeated) = self.repeated(&block) {
                    let tangents_of = |rs: &mut dyn Iterator<Item = Ref>| {
                        let mut of = Tangents::default();
                        for node in rs.map(|r| r.as_node().map(|node| node as usize)) {
                            of.values.push(node.map_or([0.0; WIDTH], |node| t[node]));
                            of.depends.push(node.map_or(0, |node| depends[node]));
                        }
                        of
                    };
                    let mut inside = tangents_of(&mut repeated.operands.iter().copied());
                    let in_turn = tangents_of(&mut repeated.in_turn());
                    self.push_repeated(&repeated, values, late, (&in_turn, &mut inside));
                    t.append(&mut inside.values);
                    depends.append(&mut inside.depends);
                    continue;
                }
                if block.block.is_none() {
                    // What is gathered is what it was.
                    for &number in self.listed_of(block.a) {
                        let node = number.as_node().map(|node| node as usize);
                        t.push(node.map_or([0.0; WIDTH], |node| t[node]));
                        depends.push(node.map_or(0, |node| depends[node]));
                    }
                    continue;
                }
                let mut mask = 0;
                self.each_operand(&block, &mut |operand| {
                    if operand.is_node() && !block.is_flat() {
                        mask |= depends[operand.index()];
                    }
                });
                let start = t.len();
                t.resize(start + block.length as usize, [0.0; WIDTH]);
                depends.resize(start + block.length as usize, mask);
                for lane in (0..WIDTH).filter(|lane| mask >> lane & 1 == 1) {
                    let tangent = |node: usize| {
                        if depends[node] >> lane & 1 == 1 {
                            t[node][lane] + 0.0
                        } else {
                            NOTHING
                        }
                    };
                    self.push_block(&block, values, &tangent, &mut out);
                    for (slot, &number) in t[start..].iter_mut().zip(&out) {
                        slot[lane] = number;
                    }
                }
                continue;
            }
            let y = values[t.len()];
            let mut tangent = [0.0; WIDTH];
            let mut mask = 0;
            if op.prim == Prim::Select {
                let taken = if self.holds(op.c, values) { op.a } else { op.b };
                if taken.is_node() {
                    mask = depends[taken.index()];
                    tangent = t[taken.index()];
                }
            } else {
                let a = self.number(op.a, values);
                let b = self.number(op.b, values);
                if let Some([pa, pb]) = op.prim.vjp(a, b, y, 1.0) {
                    let [first, second] = op.prim.counting(a, b);
                    let first = first && op.a.is_node();
                    let second = second && op.b.is_node() && op.prim.operands() == 2;
                    for (operand, partial, counts) in [(op.a, pa, first), (op.b, pb, second)] {
                        if counts {
                            let from = depends[operand.index()];
                            accumulate(&mut tangent, partial, &t[operand.index()], from);
                            mask |= from;
                        }
                    }
                }
            }
            t.push(tangent);
            depends.push(mask);
        }
    }
}

impl Trace {
    /// The tangents of a loop's numbers in place of those of what it was begun with, iteration after
    /// iteration, each with those of what it reads in turn; of no use where it is late.
    fn push_repeated(
        &self,
        repeated: &Repeated<'_>,
        values: &[f64],
        late: &dyn Fn() -> bool,
        (in_turn, tangents): (&Tangents, &mut Tangents),
    ) {
        let of = repeated.of;
        let (carried, body) = (of.carried(), of.body());
        let operands = repeated.operands.iter();
        let mut inputs: Vec<f64> = operands.map(|&r| self.number(r, values)).collect();
        let read: Vec<f64> = repeated.in_turn().map(|r| self.number(r, values)).collect();
        let reads = of.read_in_turn();
        let mut nodes = Vec::new();
        let trips = values[repeated.trips()] as u64;
        for trip in 0..trips {
            if trip % UNASKED == UNASKED - 1 && late() {
                break;
            }
            let now = trip as usize * reads.len()..(trip as usize + 1) * reads.len();
            inputs[reads.clone()].copy_from_slice(&read[now.clone()]);
            tangents.values[reads.clone()].copy_from_slice(&in_turn.values[now.clone()]);
            tangents.depends[reads.clone()].copy_from_slice(&in_turn.depends[now]);
            // Its guards hold.
            let _ = body.replay(&inputs, &mut nodes);
            body.push_operations(&nodes, late, tangents);
            let next = of.next().iter().map(|&r| {
                let (number, node) = (body.number(r, &nodes), r.as_node().map(|n| n as usize));
                let tangent = node.map_or([0.0; WIDTH], |node| tangents.values[node]);
                (
                    number,
                    tangent,
                    node.map_or(0, |node| tangents.depends[node]),
                )
            });
            let next: Vec<_> = next.collect();
            for (nth, (number, tangent, depends)) in next.into_iter().enumerate() {
                inputs[nth] = number;
                tangents.values[nth] = tangent;
                tangents.depends[nth] = depends;
            }
            tangents.values.truncate(inputs.len());
            tangents.depends.truncate(inputs.len());
        }
        tangents.values.truncate(carried);
        tangents.depends.truncate(carried);
        // How often it was done has no derivative.
        tangents.values.push([0.0; WIDTH]);
        tangents.depends.push(0);
    }
}

#[inline]
fn accumulate(sum: &mut [f64; WIDTH], partial: f64, tangent: &[f64; WIDTH], from: u8) {
    for (lane, (s, &t)) in sum.iter_mut().zip(tangent).enumerate() {
        *s += if from >> lane & 1 == 1 {
            partial * t
        } else {
            0.0
        };
    }
}
