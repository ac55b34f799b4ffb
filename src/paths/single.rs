//! One lane of a batch, by itself: on a path that is not compiled for lanes, or walked.
//!
//! **Invariants**
//! - The numbers are those that the same lane has beside others.

use super::batch::{Batch, Results, TaskScratch};
use super::tally::{Refused, Special, Values, WeightKind, Weights};
use super::{Miss, Path, Query, Run, Workspace};
use crate::trace::Ref;
use crate::trace::routine::lanes::{FailedLane, Which};
use crate::walk::{EvalError, Output, Stats, Way};
use smallvec::SmallVec;
use std::sync::Arc;

/// How many operations are done between two looks at the clock, or as many as a path has: tens of
/// microseconds. A look costs as much as some twenty operations.
const UNLOOKED: usize = 4096;

impl Batch<'_> {
    /// The place of the path that a lane takes; it is walked if none is known.
    pub(crate) fn place_of(&self, lane: u32) -> Result<Option<usize>, Box<EvalError>> {
        let mut workspace = Workspace::new();
        self.load(lane, &mut workspace);
        let query = Query {
            by: None,
            all_nodes: false,
            ..self.query()
        };
        if let Ok(run) = super::replay(self.paths, &query, self.paths.last(), &mut workspace) {
            return Ok(run.place);
        }
        Ok(self.walk_lane(lane, &mut workspace)?.place)
    }

    pub(super) fn walk_lane(
        &self,
        lane: u32,
        workspace: &mut Workspace,
    ) -> Result<Run, Box<EvalError>> {
        self.load(lane, workspace);
        (self.walk)(&self.query_left(), workspace)
    }

    /// The same, counted.
    pub(super) fn walk_counted(
        &self,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<Result<Run, Box<EvalError>>, Refused> {
        let fuel = self.fuel_left();
        let result = self.walk_lane(lane, &mut scratch.workspace);
        range.tally.walks += 1;
        self.count_walk(lane, fuel, result, range)
    }

    pub(super) fn load(&self, lane: u32, workspace: &mut Workspace) {
        workspace.inputs.clear();
        let inputs = self.inputs.iter();
        workspace
            .inputs
            .extend(inputs.map(|input| input.at(lane as usize)));
    }

    /// Runs lanes on a path, one after the other.
    pub(super) fn run_singly(
        &self,
        path: &Path,
        which: Which<'_>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let mut unlooked = UNLOOKED;
        for place in 0..which.len() {
            let lane = which.at(place) as u32;
            if !self.wants(lane) {
                continue;
            }
            unlooked += 1 + path.trace.len();
            if unlooked > UNLOOKED {
                unlooked = 0;
                if self.is_late() {
                    return self.late_from(which, place, range);
                }
            }
            self.run_one(path, lane, range, scratch)?;
        }
        Ok(())
    }

    /// Runs one lane on a path, by itself.
    pub(super) fn run_one(
        &self,
        path: &Path,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        self.load(lane, &mut scratch.workspace);
        let workspace = &mut scratch.workspace;
        let replayed = path.replay(&self.query(), workspace).map(|uncompiled| {
            let cost = match uncompiled {
                Some(_) => path.cost_at(&workspace.values),
                None => path.cost_on(&workspace.inputs, &mut workspace.file),
            };
            path.replay_stats(cost)
        });
        let is_long = path.trace.len() > UNLOOKED;
        if self.by.is_some() && is_long && self.is_late() {
            return self.late(lane, range);
        }
        match replayed {
            Ok(stats) if stats.fuel <= self.fuel_left() && path.fits(&self.limits) => {
                self.take_fuel(stats.fuel)?;
                let output = path.output_with(&scratch.workspace.leaves);
                if let Err(error) = self.weigh(path, &output, lane, &mut scratch.workspace) {
                    self.fail(lane, error.into(), range)?;
                    return Ok(());
                }
                self.store(lane, &output, stats, &scratch.workspace, range)
            }
            // Where lanes have fuel together, whether there is enough is told in their order.
            Ok(stats) if !self.terms.fuel_for_each && stats.fuel > self.fuel_left() => {
                Err(self.over())
            }
            // The walk meets the limit.
            Ok(_) => self.walk_alone(lane, range, scratch),
            Err(failed) => {
                scratch.failed.push(FailedLane { lane, failed });
                Ok(())
            }
        }
    }

    /// Whether lanes that no known path fits are done with loops kept as one iteration: no more paths are
    /// kept, so each of them would be walked.
    pub(super) fn rolls(&self) -> bool {
        let is_direction = |weights: Weights<'_>| weights.kind == WeightKind::Direction;
        !self.paths.has_room() && !self.weights.is_some_and(is_direction)
    }

    /// Runs one lane so, if a path with such loops fits; whether one did, or it is late.
    pub(super) fn run_rolled(
        &self,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<bool, Refused> {
        let workspace = &mut scratch.workspace;
        self.load(lane, workspace);
        let query = self.query_left();
        match self.paths.replay_rolled(&query, Miss::OfLanes, workspace) {
            Ok(run) => {
                self.take_fuel(run.stats.fuel)?;
                let stats = Stats {
                    way: Way::Lanes,
                    ..run.stats
                };
                let run = Run { stats, ..run };
                self.store_run(lane, &run, &mut scratch.workspace, range)?;
                Ok(true)
            }
            Err(Miss::Late) => self.late(lane, range).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// Walks one lane, for itself alone.
    pub(super) fn walk_alone(
        &self,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        match self.walk_counted(lane, range, scratch)? {
            Ok(run) => self.store_run(lane, &run, &mut scratch.workspace, range),
            Err(error) => {
                self.fail(lane, error.into(), range)?;
                Ok(())
            }
        }
    }

    /// Notes that a lane has failed.
    pub(super) fn fail(
        &self,
        lane: u32,
        error: Arc<EvalError>,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        self.end_at(lane);
        range.tally.stats.add(&error.stats, 1);
        let error = self.shared_error(error)?;
        range.tally.special.push(lane, Special::Failed(error));
        Ok(())
    }

    /// Keeps what a lane that was walked came to.
    pub(super) fn store_run(
        &self,
        lane: u32,
        run: &Run,
        workspace: &mut Workspace,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        if let Some(path) = &run.path
            && let Err(error) = self.weigh(path, &run.output, lane, workspace)
        {
            return self.fail(lane, error.into(), range);
        }
        self.store(lane, &run.output, run.stats, workspace, range)
    }

    /// Keeps what a lane alone came to.
    pub(super) fn store(
        &self,
        lane: u32,
        output: &Output,
        stats: Stats,
        workspace: &Workspace,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        let at = lane as usize - range.lanes.start;
        range.tally.stats.add(&stats, 1);
        if self.values.fit(output) {
            for (column, x) in range.values.iter_mut().zip(output.numbers()) {
                column[at] = x;
            }
            if self.values == Values::Any && output.is_int() {
                self.tell(lane, output.clone(), range)?;
            }
            let columns = range.derivatives.iter_mut();
            for (column, &x) in columns.zip(&workspace.derivatives) {
                if !column.is_empty() {
                    column[at] = x;
                }
            }
            return Ok(());
        }
        if self.by.is_some() && self.values == Values::Any {
            if output.is_numeric() {
                return Err(Refused::NotOneNumber);
            }
            let error = (self.not_numeric)(stats);
            let error = self.shared_error(error.into())?;
            range.tally.special.push(lane, Special::Failed(error));
            return Ok(());
        }
        self.end_at(lane);
        self.tell(lane, output.clone(), range)
    }

    /// What a lane's derivatives come to by the weights, after it has run on a path, where its value is
    /// what it is to be.
    fn weigh(
        &self,
        path: &Path,
        output: &Output,
        lane: u32,
        workspace: &mut Workspace,
    ) -> Result<(), Box<EvalError>> {
        let (Some(weights), Some(by)) = (self.weights, self.by) else {
            return Ok(());
        };
        if by.is_empty() || !self.values.fit(output) {
            return Ok(());
        }
        let numbers = self.weights().iter().map(|input| input.at(lane as usize));
        let numbers: SmallVec<[f64; 16]> = numbers.collect();
        match weights.kind {
            WeightKind::Cotangents => {
                let seeds = path.leaves.iter().zip(&numbers);
                // What is 0 contributes nothing, even where a derivative is infinite.
                let seeds = seeds.filter(|(_, ct)| **ct != 0.0);
                let seeds: SmallVec<[(Ref, f64); 16]> = seeds
                    .filter_map(|(leaf, &ct)| Some(((*leaf)?, ct)))
                    .collect();
                let Workspace {
                    values,
                    adjoints,
                    derivatives,
                    ..
                } = workspace;
                path.trace.sweep(values, &seeds, adjoints);
                derivatives.clear();
                derivatives.extend(by.iter().map(|&input| adjoints.of(input as usize)));
                Ok(())
            }
            WeightKind::Direction => {
                if let Some(&Some(leaf)) = path.leaves.first() {
                    let direction = Some(numbers.as_slice());
                    return path.differentiate_twice(leaf, by, direction, &self.limits, workspace);
                }
                workspace.derivatives.clear();
                workspace.derivatives.resize(by.len(), 0.0);
                Ok(())
            }
        }
    }
}
