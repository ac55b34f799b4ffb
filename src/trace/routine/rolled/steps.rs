//! The steps of an abridged trace, and their loops.
//!
//! **Invariants**
//! - The steps are those that code without loops would have, pairs and all, or the same without pairs.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

use super::super::super::flow::{Class, Flow};
use super::super::super::roll::abridge::{Abridged, Origin};
use super::super::super::roll::{
    GROWTH, KEPT, Least, Listing, Loop, Move, Source, find, moved, place_in,
};
use super::super::super::runs::Runs;
use super::super::super::simplify::FlowGuard;
use super::super::super::{Ref, narrow};
use super::super::chains::Chains;
use super::super::code::Opcode;
use super::super::groups::Plan;
use super::super::slots::Parts;
use super::super::steps::{NodeInstr, steps};
use super::super::{Wanted, written};
use super::RAGGED;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hash;

/// An abridged trace, as steps.
pub(super) struct Short {
    pub(super) abridged: Abridged,
    pub(super) flow: Flow,
    pub(super) results: Vec<Ref>,
    pub(super) outputs: usize,
    pub(super) steps: Vec<NodeInstr>,
    /// For each node of the flow the step that computes it, and as which of its results.
    made: Vec<(u32, u32)>,
    /// For each input of the abridged trace what it is called as a source, and the other way round: those
    /// of different streams are so far apart that none goes on evenly with the other.
    outer: Vec<u32>,
    origins: FxHashMap<u32, Origin>,
    pub(super) expected: Vec<f64>,
    pub(super) loops: Vec<Loop>,
}

const NOWHERE: u32 = u32::MAX;

impl Short {
    /// `is_opaque`: whether nothing is to be folded with the cotangent that the way back begins with;
    /// `has_pairs`: whether steps may be pairs of operations.
    pub(super) fn new(mut abridged: Abridged, is_opaque: bool, has_pairs: bool) -> Self {
        let inputs = abridged.trace.inputs;
        if is_opaque {
            abridged.inputs.push(Origin::Number(1.0_f64.to_bits()));
        }
        let trace = &abridged.trace;
        let shared = vec![false; inputs as usize];
        let mut flow = Flow::new(&vec![Class::Lane; abridged.inputs.len()]);
        let one = if is_opaque {
            Ref::node(inputs)
        } else {
            flow.constant(1.0)
        };
        let (guards, outputs, derivatives) = written(
            trace,
            &Wanted {
                outputs: &abridged.outputs,
                by: &abridged.by,
                shared: &shared,
                summed: false,
                alone: false,
            },
            one,
            &mut flow,
        );
        let count = outputs.len();
        let results = [outputs, derivatives].concat();
        let parts = Parts::new(&flow, &guards, &results);
        let mut plan = Plan::as_it_is(&flow, &guards);
        plan.has_pairs = has_pairs;
        let plan = (&plan, &Chains::default());
        let steps = steps(&flow, &guards, plan, (&parts.uses, &parts.numbers));
        let mut made = vec![(NOWHERE, 0); flow.classes.len()];
        for (at, step) in steps.iter().enumerate() {
            let at = narrow(at);
            match step.op {
                Opcode::Guard | Opcode::Sum => {}
                Opcode::SinCos => {
                    made[step.node as usize] = (at, 0);
                    made[step.number as usize] = (at, 1);
                }
                Opcode::Block => {
                    let block = &flow.blocks[step.number as usize];
                    for nth in 0..block.length {
                        made[(block.first + nth) as usize] = (at, nth);
                    }
                }
                _ => made[step.node as usize] = (at, 0),
            }
        }
        let mut expected = vec![0.0; trace.guards.len()];
        let note = |guard: &FlowGuard| expected[guard.index as usize] = guard.expected;
        guards.iter().for_each(note);
        let outer = called(&abridged.inputs);
        let origins = outer.iter().copied().zip(abridged.inputs.iter().copied());
        let mut short = Self {
            origins: origins.collect(),
            outer,
            abridged,
            flow,
            results,
            outputs: count,
            steps,
            made,
            expected,
            loops: Vec::new(),
        };
        let least = Least {
            iterations: KEPT / GROWTH - RAGGED,
            most: KEPT + GROWTH + 2,
            items: 1,
            is_thorough: true,
            tables: false,
        };
        short.loops = find(&short, &least);
        short
    }

    pub(super) fn source(&self, r: Ref) -> Source {
        let Some(node) = r.as_node() else {
            return Source::Constant(self.flow.constants[r.index()].to_bits());
        };
        match self.made[node as usize] {
            (NOWHERE, _) => Source::Outer(self.outer[node as usize]),
            (step, nth) => Source::Item(step, nth),
        }
    }

    /// How many results a step has.
    pub(super) fn results_of(&self, step: usize) -> u32 {
        let of = &self.steps[step];
        match of.op {
            Opcode::Guard | Opcode::Sum => 0,
            Opcode::SinCos => 2,
            Opcode::Block => self.flow.blocks[of.number as usize].length,
            _ => 1,
        }
    }

    pub(super) fn sources(&self, step: usize) -> Vec<Source> {
        let mut sources = Vec::new();
        self.each_source(step, &mut |source| sources.push(source));
        sources
    }

    /// The loop that a step is in, its iteration and its place there.
    pub(super) fn loop_of(&self, step: usize) -> Option<(usize, usize, usize)> {
        place_in(&self.loops, step)
    }

    /// Takes from the ends of loops what reads outside of the loop that the rest reads.
    pub(super) fn trim(&mut self) {
        for which in 0..self.loops.len() {
            while self.loops[which].count > 2 {
                let last = self.loops[which].count - 1;
                let fits = [0, last].map(|iteration| self.reads_loops(which, iteration));
                let of = &mut self.loops[which];
                match fits {
                    [true, true] => break,
                    [false, _] => of.start += of.period,
                    _ => {}
                }
                of.count -= 1;
            }
        }
        self.loops.retain(|of| of.count > 2);
    }

    /// Whether what an iteration of a loop reads evenly of other loops is in these.
    fn reads_loops(&self, which: usize, iteration: usize) -> bool {
        let of = self.loops[which];
        (0..of.period).all(|place| {
            let first = self.sources(of.start + place);
            let then = self.sources(of.start + of.period + place);
            let now = self.sources(of.start + iteration * of.period + place);
            first.iter().zip(&then).zip(&now).all(|((&a, &b), &now)| {
                let (Source::Item(first, _), Some(Move::By(by))) = (a, moved(a, b)) else {
                    return true;
                };
                let is_own =
                    by == of.period as i64 && first as usize + RAGGED * of.period >= of.start;
                if by == 0 || is_own {
                    return true;
                }
                let middle = i64::from(first) + by * (of.count as i64 / 2);
                let middle = self.loop_of(middle as usize).map(|(read, ..)| read);
                match now {
                    Source::Item(now, _) => {
                        middle.is_some()
                            && self.loop_of(now as usize).map(|(read, ..)| read) == middle
                    }
                    _ => false,
                }
            })
        })
    }
}

impl Listing for Short {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn key(&self, item: usize, state: &mut FxHasher) {
        let step = &self.steps[item];
        std::mem::discriminant(&step.op).hash(state);
        match step.op {
            Opcode::One(prim) | Opcode::Two(prim) => prim.hash(state),
            Opcode::Guard => self.expected[step.number as usize].to_bits().hash(state),
            Opcode::Block => {
                let block = &self.flow.blocks[step.number as usize];
                format!("{:?}", block.work).hash(state);
            }
            _ => {}
        }
        self.each_source(item, &mut |source| {
            std::mem::discriminant(&source).hash(state);
        });
    }

    fn alike(&self, item: usize, other: &Self, as_item: usize) -> bool {
        let (step, with) = (&self.steps[item], &other.steps[as_item]);
        let (one, two) = (step.number as usize, with.number as usize);
        step.op == with.op
            && match step.op {
                Opcode::Guard => self.expected[one].to_bits() == other.expected[two].to_bits(),
                Opcode::Block => {
                    let (block, with) = (&self.flow.blocks[one], &other.flow.blocks[two]);
                    (block.work, block.length) == (with.work, with.length)
                }
                _ => true,
            }
    }

    fn each_source(&self, item: usize, see: &mut dyn FnMut(Source)) {
        let step = &self.steps[item];
        if step.op == Opcode::Block {
            let operands = &self.flow.blocks[step.number as usize].operands;
            for place in operands.iter().flat_map(Runs::iter) {
                see(self.source(Ref::at_place(place)));
            }
            return;
        }
        for &r in &step.operands[..step.op.reads()] {
            see(self.source(r));
        }
    }
}

/// How far streams are apart at the least.
const APART: u32 = 1 << 12;

/// What inputs are called as sources.
fn called(inputs: &[Origin]) -> Vec<u32> {
    let mut lengths: Vec<u32> = Vec::new();
    for origin in inputs {
        if let Origin::Stream(stream, at) = *origin {
            let stream = stream as usize;
            lengths.resize(lengths.len().max(stream + 1), 0);
            lengths[stream] = lengths[stream].max(at + 1);
        }
    }
    let mut next = 0;
    let begins: Vec<u32> = lengths
        .iter()
        .map(|length| {
            next += length + APART;
            next - length
        })
        .collect();
    let mut single = next;
    let called = inputs.iter().map(|origin| {
        if let Origin::Stream(stream, at) = *origin {
            return begins[stream as usize] + at;
        }
        single += 1;
        single
    });
    called.collect()
}

/// Where a number comes from, in an abridged trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coordinate {
    /// A step between loops: after how many of them, and the how manieth there.
    Straight(usize, usize),
    /// A loop, its iteration and the place in it.
    Loop(usize, usize, usize),
    Input(Origin),
    Constant(u64),
}

impl Short {
    pub(super) fn coordinate_of(&self, step: usize) -> Coordinate {
        if let Some((which, iteration, place)) = self.loop_of(step) {
            return Coordinate::Loop(which, iteration, place);
        }
        let after = self.loops.partition_point(|of| of.start <= step);
        let from = after
            .checked_sub(1)
            .map_or(0, |last| self.loops[last].end());
        Coordinate::Straight(after, step - from)
    }

    pub(super) fn coordinate(&self, source: Source) -> Coordinate {
        match source {
            Source::Item(step, _) => self.coordinate_of(step as usize),
            Source::Outer(called) => Coordinate::Input(self.origins[&called]),
            Source::Constant(bits) => Coordinate::Constant(bits),
        }
    }
}
