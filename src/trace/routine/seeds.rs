//! A Jacobian by one run: each lane carries the tangents by one input.
//!
//! A trace goes in once, compiled to what all lanes share, its numbers, and what each lane does, its
//! tangents; inputs go in then, and outputs and their derivatives come out.
//!
//! **Invariants**
//! - The bits of replaying the trace and sweeping it forwards; where that cannot be told, the caller
//!   is to do so.

use super::lanes::{Columns, LaneFile, LaneInput, LaneJob, LaneResults, Sums, Which};
use super::{Failed, Form, Routine, compile};
use crate::prim::math::Cpu;
use crate::trace::flow::{Class, Flow};
use crate::trace::forward::forward;
use crate::trace::simplify::simplify;
use crate::trace::{Ref, Trace};

/// A path compiled with its tangents.
#[derive(Debug)]
pub(crate) struct Seeded {
    pub(crate) routine: Routine,
    /// How many inputs derivatives are by.
    seeds: usize,
    /// A column for each of them: 1 in its own lane, 0 in others.
    units: Vec<f64>,
}

impl Seeded {
    /// Compiles a trace; none where it has operations on whole matrices.
    pub(crate) fn new(trace: &Trace, outputs: &[Ref], by: &[u32]) -> Option<Self> {
        let seeds = by.len();
        let mut classes = vec![Class::Shared; trace.inputs as usize];
        classes.resize(classes.len() + seeds, Class::Lane);
        let mut flow = Flow::new(&classes);
        let (nodes, guards) = simplify(trace, &mut flow);
        let own = (trace.inputs..).map(Ref::node);
        let own: Vec<(u32, Ref)> = by.iter().copied().zip(own).collect();
        let tangents = forward(trace, &nodes, &own, &mut flow)?;
        let zero = flow.constant(0.0);
        let [mut values, mut derivatives] = [Vec::new(), Vec::new()];
        for output in outputs {
            let tangent = output.as_node().and_then(|node| tangents[node as usize]);
            values.push(trace.in_flow(*output, &nodes, &mut flow));
            derivatives.push(tangent.unwrap_or(zero));
        }
        let results = [values.as_slice(), &derivatives];
        let routine = compile(&flow, &guards, results, Form::default(), trace.guards.len());
        let mut units = vec![0.0; seeds * seeds];
        units.iter_mut().step_by(seeds + 1).for_each(|x| *x = 1.0);
        Some(Self {
            routine,
            seeds,
            units,
        })
    }

    /// Runs the path: its outputs go to `outputs`, and to the rows of `jacobian` their derivatives.
    /// Tells whether these are what a sweep gives.
    ///
    /// # Errors
    /// When a guard fails.
    pub(crate) fn run(
        &self,
        inputs: &[f64],
        outputs: &mut Vec<f64>,
        jacobian: Vec<&mut [f64]>,
        file: &mut LaneFile,
    ) -> Result<bool, Failed> {
        let shared = inputs.iter().map(|&x| LaneInput::Shared(x));
        let own = self.units.chunks(self.seeds).map(LaneInput::Each);
        let inputs: Vec<LaneInput<'_>> = shared.chain(own).collect();
        let routine = &self.routine;
        routine.begin(&inputs, file);
        let job = LaneJob {
            inputs: &inputs,
            which: Which::Range(0, self.seeds),
            cpu: Cpu::detect(),
            late: &|| false,
        };
        let columns = Columns {
            first: 0,
            outputs: routine.outputs.iter().map(|_| Default::default()).collect(),
            derivatives: jacobian,
            ..Columns::default()
        };
        let (mut sums, mut failed) = (Sums::default(), Vec::new());
        let mut results = LaneResults {
            columns,
            sums: &mut sums,
            failed: &mut failed,
        };
        routine.run_lanes(&job, &mut results, file);
        let columns = results.columns;
        // Guards are on numbers that lanes share.
        if let Some(lane) = failed.first() {
            return Err(lane.failed);
        }
        outputs.clear();
        outputs.extend(routine.outputs.iter().map(|&place| file.at(place)));
        let mut all = columns.derivatives.iter().flat_map(|row| row.iter());
        Ok(all.all(|x| !x.is_nan()))
    }
}
