//! `Routine`: a path compiled for replay, as straight code over slots.
//!
//! A [`Trace`], what to compute of it and how its inputs come go in; code for three parts comes out:
//! what all lanes share, what each lane does, what follows from sums over lanes.
//!
//! **Invariants**
//! - Never changes once compiled; scratch is the caller's.
//! - The same bits as replaying the trace and sweeping it backwards, lane by lane. Sums over lanes
//!   may take uniform factors out.
//!
//! # The contract of unchecked accesses
//! Replay reads and writes slots without asking whether they are there, on one lane ([`scalar`]) and on
//! many ([`lanes`]). What makes that sound; each `SAFETY` comment names the points that it needs:
//! 1. *In range.* [`slots`] alone gives slots out, by counting: code before and after lanes names slots
//!    below `shared_slots`, code of lanes slots below `lane_slots`. [`encode`] changes none.
//! 2. *Long enough.* Files have as many slots as that: [`File::prepare`], [`Routine::begin`] and
//!    `Routine::prepare` make them so before any code runs on them. A file knows whose it is by an id that
//!    no other routine has, and a routine never changes.
//! 3. *Of one width.* The first slots of a lane's file, the imports, hold what lanes share: on many lanes
//!    one vector each, where other slots have one for every eight lanes. Code never writes them. What
//!    kernels take as slices, the operands of `One` and `SinCos`, is never one of them: an operation on
//!    what lanes share alone is not done for each lane.
//! 4. *Apart.* An instruction writes no slot that it reads, and the results of one are different slots.
//!    Those of a block follow one another, and are the lanes' own.
//! 5. *Filled and aligned.* Files are vectors of numbers, filled when they are made, so any slot can be
//!    read at any time; on many lanes they are vectors of [`lanes`]' eight numbers, and pointers move by
//!    whole ones.
//! 6. *Instructions.* Code compiled for a kind of processor runs where [`Cpu::detect`] has found it.
//!
//! A borrow of the file while code runs keeps everyone else away. In debug builds every access asserts
//! its points, and every compilation is looked through by [`check`].
//!
//! [`Cpu::detect`]: crate::prim::math::Cpu::detect

mod blocks;
mod chains;
mod check;
mod code;
mod encode;
pub(crate) mod folds;
mod groups;
pub(crate) mod lanes;
mod many;
#[cfg(test)]
mod many_tests;
pub(crate) mod pullback;
mod rolled;
mod scalar;
pub(crate) mod seeds;
mod slots;
mod steps;
mod sums;
#[cfg(test)]
mod tests;
mod vectors;
pub(crate) mod weighed;

use code::{BlockCode, Opcode, SlotInstr};
pub(crate) use rolled::LATE;
pub(crate) use scalar::{Failed, File};

use super::Ref;
use super::Trace;
use super::flow::{Class, Flow};
use super::gradient::Gradient;
use super::simplify::{FlowGuard, simplify};
use encode::{Coded, encode};
use folds::Fold;
use many::Many;
use slots::{Body, Parts};
use std::sync::Arc;
use sums::Sums;

/// How many sums over lanes, for each input that derivatives are by, may stand in for a sweep through
/// what lanes share; past that the sweep is done for each lane.
const SUMS_AN_INPUT: usize = 4;

/// As many more of them in any case.
const SUMS: usize = 16;

/// How many sums over lanes there may be at the most.
fn most_sums(by: &[u32]) -> usize {
    SUMS_AN_INPUT * by.len() + SUMS
}

/// What to compute of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Its outputs.
    pub(crate) outputs: &'a [Ref],
    /// The inputs that derivatives are by.
    pub(crate) by: &'a [u32],
    /// For each input whether lanes share it.
    pub(crate) shared: &'a [bool],
    /// Whether outputs, and derivatives by what lanes share, are summed over lanes.
    pub(crate) summed: bool,
    /// Whether it is for one lane at a time.
    pub(crate) alone: bool,
}

/// Where a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the numbers of each lane.
    Lane(u32),
    /// Among those that lanes share.
    Shared(u32),
}

/// What tells a routine from all others, so that scratch knows whose numbers it holds.
///
/// Scratch keeps it, and for as long as anyone does its address is no other routine's: a counter for
/// the whole process would do no more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity(Arc<()>);

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A compiled path.
#[derive(Debug)]
pub(crate) struct Routine {
    identity: Identity,
    /// Over the shared file: before the lanes, and after them.
    before: Vec<Coded>,
    after: Vec<Coded>,
    /// Over the file of a lane.
    body: Vec<SlotInstr>,
    /// The same for one lane alone, where lanes share nothing.
    one: Vec<Coded>,
    pub(crate) blocks: Vec<BlockCode>,
    /// What one lane does many at a time.
    many: Vec<Many>,
    /// Sums that it does side by side.
    folds: Vec<Vec<Fold>>,
    /// What each guard of the body expects, by the trace's numbers.
    pub(crate) expected: Vec<f64>,
    /// The first slots of the shared file.
    pub(crate) constants: Vec<f64>,
    /// Shared inputs and their slots there.
    pub(crate) shared_inputs: Vec<(u32, u32)>,
    pub(crate) shared_slots: u32,
    /// The shared slots that lanes read: the first slots of a lane's file.
    pub(crate) imports: Vec<u32>,
    /// Inputs of lanes and their slots in a lane's file.
    pub(crate) lane_inputs: Vec<(u32, u32)>,
    /// The same as runs: the first input and slot, and how many there are.
    input_runs: Vec<(u32, u32, u32)>,
    pub(crate) lane_slots: u32,
    /// The shared slot of each sum over lanes, and of their number. Behind those of lanes' numbers come
    /// those that products of matrices make.
    pub(crate) sums: Vec<u32>,
    vector_sums: u32,
    pub(crate) count: Option<u32>,
    /// Where the outputs are.
    pub(crate) outputs: Vec<Place>,
    /// Where the derivatives are: for each output one for each input that they are by.
    pub(crate) derivatives: Vec<Place>,
    /// Code with loops, in place of all other code.
    rolled: Option<Box<rolled::Rolled>>,
}

impl Routine {
    /// Compiles a trace.
    pub(crate) fn new(trace: &Trace, wanted: &Wanted<'_>) -> Self {
        let class = |&shared: &bool| if shared { Class::Shared } else { Class::Lane };
        let classes: Vec<Class> = wanted.shared.iter().map(class).collect();
        let mut flow = Flow::new(&classes);
        let one = flow.constant(1.0);
        let (guards, outputs, derivatives) = written(trace, wanted, one, &mut flow);
        compile(
            &flow,
            &guards,
            [&outputs, &derivatives],
            Form {
                summed: wanted.summed,
                alone: wanted.alone,
            },
            trace.guards.len(),
        )
    }

    /// How many instructions there are.
    pub(crate) fn len(&self) -> usize {
        let rolled = self.rolled.as_ref().map_or(0, |rolled| rolled.len());
        self.before.len() + self.body.len() + self.after.len() + rolled
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * size_of::<SlotInstr>()
            + (self.constants.len() + self.expected.len()) * 8
            + self.imports.len() * 4
            + self.rolled.as_ref().map_or(0, |rolled| rolled.bytes())
            + self.many.len() * size_of::<Many>()
            + self.folds.iter().flatten().map(Fold::bytes).sum::<usize>()
            + self.blocks.iter().map(BlockCode::bytes).sum::<usize>()
    }

    /// How many sums products of matrices make.
    fn leaf_sums(&self) -> usize {
        self.sums.len() - self.vector_sums as usize
    }

    /// Makes sums over its lanes ready.
    pub(crate) fn reset(&self, sums: &mut Sums) {
        sums.reset_with(self.vector_sums as usize, self.leaf_sums());
    }
}

/// Inputs and their slots as runs of such as follow one another.
fn runs_of(inputs: &[(u32, u32)]) -> Vec<(u32, u32, u32)> {
    let mut runs: Vec<(u32, u32, u32)> = Vec::new();
    for &(input, slot) in inputs {
        match runs.last_mut() {
            Some((first, at, count)) if (*first + *count, *at + *count) == (input, slot) => {
                *count += 1;
            }
            _ => runs.push((input, slot, 1)),
        }
    }
    runs
}

/// A trace written into a flow: its guards, outputs and derivatives there. `one` is the cotangent of
/// each output: 1.
fn written(
    trace: &Trace,
    wanted: &Wanted<'_>,
    one: Ref,
    flow: &mut Flow,
) -> (Vec<FlowGuard>, Vec<Ref>, Vec<Ref>) {
    let (nodes, guards) = simplify(trace, flow);
    let outputs = wanted.outputs.iter();
    let mut outputs: Vec<Ref> = outputs.map(|&r| trace.in_flow(r, &nodes, flow)).collect();
    let mut derivatives = Vec::new();
    for &output in wanted.outputs {
        if wanted.by.is_empty() {
            break;
        }
        let sums = if wanted.summed {
            summed(trace, &nodes, [output, one], wanted.by, flow)
        } else {
            None
        };
        derivatives.extend(match sums {
            Some(derivatives) => derivatives,
            None => gradient(trace, &nodes, [output, one], wanted, flow),
        });
    }
    if wanted.summed {
        for output in &mut outputs {
            *output = flow.sum(*output);
        }
    }
    (guards, outputs, derivatives)
}

/// The derivatives of an output, lane by lane; where they are wanted as sums, those by what lanes
/// share are summed.
fn gradient(
    trace: &Trace,
    nodes: &[Ref],
    [output, one]: [Ref; 2],
    wanted: &Wanted<'_>,
    flow: &mut Flow,
) -> Vec<Ref> {
    let mut gradient = Gradient::new(trace, nodes, wanted.by, flow);
    gradient.seed(output, one, flow);
    gradient.sweep(&|_| true, flow);
    let by = wanted.by.iter().map(|&input| {
        let derivative = gradient.of(input, flow);
        if wanted.summed && flow.class(Ref::node(input)) == Class::Shared {
            flow.sum(derivative)
        } else {
            derivative
        }
    });
    by.collect()
}

/// The same for sums, with the sweep through what lanes share done once; none where that would need
/// too many sums.
fn summed(
    trace: &Trace,
    nodes: &[Ref],
    [output, one]: [Ref; 2],
    by: &[u32],
    flow: &mut Flow,
) -> Option<Vec<Ref>> {
    let mut gradient = Gradient::new(trace, nodes, by, flow);
    gradient.seed(output, one, flow);
    gradient.sweep(&|class| class == Class::Lane, flow);
    if gradient.shared_adjoints(flow) > most_sums(by) {
        return None;
    }
    gradient.sum_over_lanes(flow);
    gradient.sweep(&|class| class == Class::Shared, flow);
    let by = by.iter().map(|&input| gradient.of(input, flow));
    Some(by.collect())
}

/// What code is for.
#[derive(Clone, Copy, Debug, Default)]
struct Form {
    /// Whether outputs are summed over lanes.
    summed: bool,
    /// Whether it is for one lane at a time.
    alone: bool,
}

/// Code for what the outputs, derivatives and guards need, and for nothing else.
fn compile(
    flow: &Flow,
    guards: &[FlowGuard],
    [outputs, derivatives]: [&[Ref]; 2],
    form: Form,
    guard_count: usize,
) -> Routine {
    let results = [outputs, derivatives].concat();
    let mut parts = Parts::new(flow, guards, &results);
    let Form { summed, .. } = form;
    let body = Body::new(flow, guards, &results, form, &mut parts);
    let mut expected = vec![0.0; guard_count];
    for guard in guards {
        expected[guard.index as usize] = guard.expected;
    }
    let mut places = body.places(flow, &results, summed, &parts);
    let derivatives = places.split_off(outputs.len());
    let routine = Routine {
        identity: Identity::default(),
        before: encode(&parts.before),
        after: encode(&parts.after),
        one: if parts.inputs.is_empty() && parts.sums.is_empty() && !summed {
            encode(&body.code)
        } else {
            Vec::new()
        },
        body: body.code,
        blocks: parts.blocks,
        many: body.many,
        folds: body.folds,
        expected,
        constants: flow.constants.clone(),
        shared_inputs: parts.inputs,
        shared_slots: parts.slots,
        imports: body.imports,
        input_runs: runs_of(&body.inputs),
        lane_inputs: body.inputs,
        lane_slots: body.slots,
        sums: parts.sums,
        vector_sums: parts.vector_sums,
        count: parts.count,
        outputs: places,
        derivatives,
        rolled: None,
    };
    debug_assert_eq!(
        check::check(&routine, [&parts.before, &parts.after]),
        Ok(())
    );
    routine
}
