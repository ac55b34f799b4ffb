//! Batches: one program on many lanes, gathered by the path they take.
//!
//! A program's paths, its inputs (shared, or one number a lane) and what to differentiate by go in;
//! values and derivatives of each lane, or their sums, come out.
//!
//! **Invariants**
//! - A lane has the value, derivatives and error that it would have alone, to the bit: nothing
//!   depends on which lanes are beside it, on threads, or on which paths were known before.
//! - A path is walked once: lanes whose guards fail go to the path that the failing guard points to,
//!   and where there is none, one of them is walked. Past the cap on paths, lanes are still right.
//! - Sums are trees over the lanes in their order; a lane that fails counts for nothing.
//! - Where lanes are to give numbers alone, the first lane in their order that does not is always
//!   told; those after it may be left out.

use super::tally::{Refused, Special, Tally, Target, Values};
use super::{Path, PathKey, Paths, Query, Run, Workspace};
use crate::prim::math::Cpu;
use crate::threads::{ALONE, Threads, in_tasks};
use crate::trace::routine::lanes::{
    Columns, FailedLane, LaneFile, LaneInput, LaneJob, LaneResults, Sums, WIDTH, Which,
    sum_of_lanes,
};
use crate::trace::routine::{Failed, Place, Routine};
use crate::walk::{EvalError, Limits, Output, Stats};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many lanes a task of one thread has at most: as many as give lanes of one path company.
const TASK: usize = 8192;

/// The same where several threads share the work, as long as that makes tasks enough.
const SHARED_TASKS: [usize; 2] = [1024, 4096];

/// How many tasks for each thread are enough.
const TASKS_A_THREAD: usize = 8;

/// How many operations of lanes, sweeps included, keep several threads busy: some tens of microseconds.
const WORTH_SPREADING: usize = 400_000;

/// From how many lanes on a path is compiled for them at once.
const FEW: usize = 16;

/// Walks a lane whose inputs are in the workspace and keeps its path.
pub(crate) type WalkLane<'a> =
    dyn Fn(&Query<'_>, &mut Workspace) -> Result<Run, Box<EvalError>> + Sync + 'a;

/// A batch of lanes.
pub(crate) struct Batch<'a> {
    pub(crate) paths: &'a Paths,
    pub(crate) key: &'a PathKey,
    /// The trace's inputs.
    pub(crate) inputs: &'a [LaneInput<'a>],
    pub(crate) lanes: usize,
    /// The inputs that derivatives are by, if there are to be any.
    pub(crate) by: Option<&'a [u32]>,
    pub(crate) limits: Limits,
    pub(crate) walk: &'a WalkLane<'a>,
    pub(crate) values: Values,
    /// The error of a lane whose value holds more than numbers and has no derivatives.
    pub(crate) not_numeric: &'a (dyn Fn(Stats) -> Box<EvalError> + Sync),
    /// Who shares the tasks.
    pub(crate) threads: &'a Threads,
    /// The first lane so far after which no other is of use.
    pub(crate) end: AtomicU32,
}

/// Memory for tasks, to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskScratch {
    workspace: Workspace,
    file: LaneFile,
    sums: Sums,
    failed: Vec<FailedLane>,
    columns: Vec<Vec<f64>>,
    outputs: Vec<Vec<f64>>,
}

/// Where the results of a range of lanes go.
struct Results<'a> {
    lanes: Range<usize>,
    /// A column for each number of a lane's value.
    values: Vec<&'a mut [f64]>,
    /// For each of them as many as derivatives are by; or none at all.
    derivatives: Vec<&'a mut [f64]>,
    tally: Tally,
}

/// Lanes on a path that is compiled for them.
#[derive(Clone, Copy)]
struct Group<'g> {
    path: &'g Path,
    routine: &'g Routine,
    which: Which<'g>,
}

/// Lanes that no known path fits.
struct Unknown {
    /// What is known of their path: another one, and where they leave it.
    clue: Option<(Arc<Path>, Failed)>,
    lanes: Vec<u32>,
}

/// Lanes of a range that are still to be run.
#[derive(Default)]
struct Worklist {
    /// By the paths to try; all lanes of the range where none are listed.
    known: Vec<(Arc<Path>, Option<Vec<u32>>)>,
    unknown: Vec<Unknown>,
}

impl Batch<'_> {
    /// Runs all lanes. There is a target for each number of a lane's value; after those come, for each
    /// of them, as many as derivatives are by, if there are to be any.
    ///
    /// # Errors
    /// Where derivatives are asked for of what is no number, and lanes may have any value; when time
    /// runs out.
    pub(crate) fn each(
        &self,
        targets: Vec<Target<'_>>,
        pool: &mut Vec<TaskScratch>,
    ) -> Result<Tally, Refused> {
        assert!(
            u32::try_from(self.lanes).is_ok(),
            "{} lanes are more than 2^32",
            self.lanes
        );
        let threads = self.threads_for_all();
        let size = self.task_size(threads);
        let is_sum: Vec<bool> = targets.iter().map(|t| matches!(t, Target::Sum)).collect();
        let count = self.lanes.div_ceil(size);
        let mut tasks: Vec<Vec<Option<&mut [f64]>>> = (0..count).map(|_| Vec::new()).collect();
        for target in targets {
            match target {
                Target::Sum => tasks.iter_mut().for_each(|task| task.push(None)),
                Target::Each(column) => {
                    for (task, part) in tasks.iter_mut().zip(column.chunks_mut(size)) {
                        task.push(Some(part));
                    }
                }
            }
        }
        let tasks: Vec<_> = tasks.into_iter().enumerate().collect();
        let results = in_tasks(
            tasks,
            threads,
            pool,
            &|(task, targets), scratch: &mut TaskScratch| {
                let first = task * size;
                let lanes = first..(first + size).min(self.lanes);
                self.task(lanes, targets, scratch)
            },
        );
        let mut tally = Tally {
            stats: Stats::of_replays(),
            ..Tally::default()
        };
        let mut sums = Sums::default();
        sums.reset(is_sum.iter().filter(|&&is| is).count());
        for result in results {
            let (part, parts) = result?;
            tally.special.extend(part.special);
            tally.walks += part.walks;
            tally.stats.add(&part.stats, 1);
            sums.append(&parts);
        }
        tally.stats.paths = self.paths.len() as u64;
        tally.sums = sums.totals().collect();
        Ok(tally)
    }

    /// The sums of all lanes' values and of their derivatives, if all lanes take the path at a place
    /// and that path gives a number.
    pub(crate) fn sums_on(
        &self,
        path: &Path,
        derivatives: &mut [f64],
        pool: &mut Vec<TaskScratch>,
    ) -> Option<f64> {
        let by = self.by.unwrap_or(&[]);
        let shared: Vec<bool> = self.shared();
        if !path.stays_within(&self.limits) || !path.is_number() {
            return None;
        }
        let routine = path.routine_of_lanes(by, &shared, true)?;
        let threads = self.threads_for_all();
        let size = self.task_size(threads);
        let diverged = AtomicBool::new(false);
        let run = |task: usize, scratch: &mut TaskScratch| {
            if diverged.load(Ordering::Relaxed) {
                return;
            }
            let first = task * size;
            let TaskScratch {
                file, sums, failed, ..
            } = scratch;
            failed.clear();
            sums.reset(routine.sums.len());
            let which = Which::Range(first, (self.lanes - first).min(size));
            let mut results = LaneResults {
                columns: Columns::default(),
                sums,
                failed,
            };
            if self
                .run_routine(&routine, which, &mut results, file)
                .is_err()
                || !failed.is_empty()
            {
                diverged.store(true, Ordering::Relaxed);
            }
        };
        let count = self.lanes.div_ceil(size);
        let mut total = Sums::default();
        if count == 1 {
            let mut scratch = pool.pop().unwrap_or_default();
            run(0, &mut scratch);
            pool.push(scratch);
        } else {
            total.reset(routine.sums.len());
            let tasks = (0..count).collect();
            let parts = in_tasks(tasks, threads, pool, &|task, scratch: &mut TaskScratch| {
                run(task, scratch);
                scratch.sums.vectors().collect::<Vec<[f64; WIDTH]>>()
            });
            for part in &parts {
                total.append(part);
            }
        }
        if diverged.into_inner() {
            return None;
        }
        let scratch = pool.last_mut()?;
        let TaskScratch { file, sums, .. } = scratch;
        if count == 1 {
            routine.end(self.lanes, sums.totals(), file);
        } else {
            routine.begin(self.inputs, file);
            routine.end(self.lanes, total.totals(), file);
        }
        let result = |place: Place| file.shared_result(place);
        for (entry, &place) in derivatives.iter_mut().zip(&routine.derivatives) {
            *entry = result(place)? + 0.0;
        }
        match routine.outputs.first() {
            Some(&place) => result(place),
            None => path.constant().map(|x| x * self.lanes as f64),
        }
    }

    /// Who shares the work: waking a thread costs some microseconds.
    fn threads_for_all(&self) -> &Threads {
        let known = self.paths.load();
        let path = super::first_of(&known, self.key, self.paths.last());
        // A walk takes long enough in any case.
        let work = path.map_or(usize::MAX, |place| {
            let operations = known[place].trace.operations.len().max(1);
            let sweeps = if self.by.is_some() { 3 } else { 1 };
            operations.saturating_mul(sweeps * self.lanes)
        });
        if work >= WORTH_SPREADING {
            self.threads
        } else {
            &ALONE
        }
    }

    /// Notes that a lane's value is not what it is to be.
    fn end_at(&self, lane: u32) {
        if self.values != Values::Any {
            self.end.fetch_min(lane, Ordering::Relaxed);
        }
    }

    /// Whether a lane is of use still.
    fn wants(&self, lane: u32) -> bool {
        lane < self.end.load(Ordering::Relaxed)
    }

    fn task_size(&self, threads: &Threads) -> usize {
        let count = threads.count();
        if count <= 1 {
            return TASK;
        }
        let [least, most] = SHARED_TASKS;
        let size = self.lanes / (count * TASKS_A_THREAD);
        // A power of two, so that the tree of sums is the same whatever the size.
        (size.clamp(least, most) / least).next_power_of_two() * least
    }

    fn shared(&self) -> Vec<bool> {
        let inputs = self.inputs.iter();
        inputs
            .map(|input| matches!(input, LaneInput::Shared(_)))
            .collect()
    }

    fn is_late(&self) -> bool {
        super::check_deadline(&self.limits).is_err()
    }

    fn query(&self) -> Query<'_> {
        Query {
            key: self.key,
            by: self.by,
            all_nodes: false,
            limits: self.limits,
        }
    }

    /// Runs a range of lanes; targets that are none are summed.
    fn task(
        &self,
        lanes: Range<usize>,
        targets: Vec<Option<&mut [f64]>>,
        scratch: &mut TaskScratch,
    ) -> Result<(Tally, Vec<[f64; WIDTH]>), Refused> {
        let mut local = std::mem::take(&mut scratch.columns);
        local.resize(targets.len(), Vec::new());
        let mut summed = Vec::new();
        let mut columns = targets
            .into_iter()
            .zip(&mut local)
            .enumerate()
            .map(|(index, (target, own))| {
                target.unwrap_or_else(|| {
                    summed.push(index);
                    own.clear();
                    own.resize(lanes.len(), 0.0);
                    own
                })
            })
            .collect::<Vec<_>>()
            .into_iter();
        let mut range = Results {
            lanes: lanes.clone(),
            values: columns.by_ref().take(self.values.count()).collect(),
            derivatives: columns.collect(),
            tally: Tally {
                stats: Stats::of_replays(),
                ..Tally::default()
            },
        };
        self.run_range(&mut range, scratch)?;
        let mut tally = range.tally;
        let special = &mut tally.special;
        special.sort_by_key(|(lane, _)| *lane);
        // A lane that fails counts for nothing.
        for (lane, special) in special.iter() {
            if matches!(special, Special::Failed(_)) {
                for &column in &summed {
                    local[column][*lane as usize - lanes.start] = 0.0;
                }
            }
        }
        let sums = summed
            .into_iter()
            .map(|column| sum_of_lanes(&local[column]))
            .collect();
        scratch.columns = local;
        Ok((tally, sums))
    }

    fn run_range(&self, range: &mut Results<'_>, scratch: &mut TaskScratch) -> Result<(), Refused> {
        let known = self.paths.load();
        let mut work = Worklist::default();
        match super::first_of(&known, self.key, self.paths.last()) {
            Some(place) => work.known.push((known[place].clone(), None)),
            None => work.unknown.push(Unknown {
                clue: None,
                lanes: range.lanes.clone().map(|lane| lane as u32).collect(),
            }),
        }
        drop(known);
        loop {
            if let Some((path, listed)) = work.known.pop() {
                self.run_group(&path, listed.as_deref(), range, scratch)?;
                self.distribute(&path, &scratch.failed, &mut work);
            } else if let Some(unknown) = work.unknown.pop() {
                self.explore(unknown, &mut work, range, scratch)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Sends lanes whose guards failed to where these point.
    fn distribute(&self, path: &Arc<Path>, failed: &[FailedLane], work: &mut Worklist) {
        if failed.is_empty() {
            return;
        }
        let mut groups: FxHashMap<(u32, u64), Vec<u32>> = FxHashMap::default();
        for FailedLane { lane, failed } in failed {
            let key = (failed.guard, failed.value.to_bits());
            groups.entry(key).or_default().push(*lane);
        }
        let known = self.paths.load();
        for ((guard, bits), lanes) in groups {
            let value = f64::from_bits(bits);
            let failed = Failed { guard, value };
            match super::next_of(&known, path, failed) {
                Some(place) => work.known.push((known[place].clone(), Some(lanes))),
                None => work.unknown.push(Unknown {
                    clue: Some((path.clone(), failed)),
                    lanes,
                }),
            }
        }
    }

    /// Walks one of the lanes that no known path fits; the others follow it as far as they can.
    fn explore(
        &self,
        unknown: Unknown,
        work: &mut Worklist,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let Unknown { clue, mut lanes } = unknown;
        lanes.retain(|&lane| self.wants(lane));
        if lanes.is_empty() {
            return Ok(());
        }
        if self.is_late() {
            return Err(Refused::late());
        }
        // Where there is no room for further paths, there is nothing to wait for.
        let walking = self.paths.has_room().then(|| self.paths.while_walking());
        let known = self.paths.load();
        let found = match &clue {
            None => super::first_of(&known, self.key, self.paths.last()),
            Some((path, failed)) => super::next_of(&known, path, *failed),
        };
        if let Some(place) = found {
            work.known.push((known[place].clone(), Some(lanes)));
            return Ok(());
        }
        drop(known);
        // The first one: where it fails, the others may be of no use.
        let lane = lanes.remove(0);
        let result = self.walk_lane(lane, &mut scratch.workspace);
        range.tally.walks += 1;
        drop(walking);
        match result {
            Ok(run) => {
                self.store(lane, &run.output, run.stats, &scratch.workspace, range)?;
                match run.path {
                    Some(path) if run.place.is_some() => work.known.push((path, Some(lanes))),
                    Some(path) => {
                        // It is not kept, so compiling it does not pay.
                        scratch.failed.clear();
                        for &lane in &lanes {
                            self.run_one(&path, lane, range, scratch)?;
                        }
                        self.distribute(&path, &scratch.failed, work);
                    }
                    None => work.unknown.push(Unknown { clue, lanes }),
                }
            }
            Err(error) => {
                self.end_at(lane);
                range.tally.special.push((lane, Special::Failed(error)));
                work.unknown.push(Unknown { clue, lanes });
            }
        }
        let any_left = |lanes: &Option<Vec<u32>>| lanes.as_ref().is_none_or(|l| !l.is_empty());
        work.unknown.retain(|unknown| !unknown.lanes.is_empty());
        work.known.retain(|(_, lanes)| any_left(lanes));
        Ok(())
    }

    /// The place of the path that a lane takes; it is walked if none is known.
    pub(crate) fn place_of(&self, lane: u32) -> Result<Option<usize>, Box<EvalError>> {
        let mut workspace = Workspace::new();
        self.load(lane, &mut workspace);
        let query = Query {
            by: None,
            ..self.query()
        };
        if let Ok(run) = super::replay(self.paths, &query, self.paths.last(), &mut workspace) {
            return Ok(run.place);
        }
        Ok(self.walk_lane(lane, &mut workspace)?.place)
    }

    fn walk_lane(&self, lane: u32, workspace: &mut Workspace) -> Result<Run, Box<EvalError>> {
        self.load(lane, workspace);
        (self.walk)(&self.query(), workspace)
    }

    fn load(&self, lane: u32, workspace: &mut Workspace) {
        workspace.inputs.clear();
        let inputs = self.inputs.iter();
        workspace
            .inputs
            .extend(inputs.map(|input| input.at(lane as usize)));
    }

    /// Runs lanes on a path, all of the range where none are listed; those that fail are in
    /// `scratch.failed` afterwards.
    fn run_group(
        &self,
        path: &Path,
        listed: Option<&[u32]>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        scratch.failed.clear();
        let which = match listed {
            None => Which::Range(range.lanes.start, range.lanes.len()),
            Some(listed) => Which::Listed(listed),
        };
        let fits = self.values.fit(path.output());
        let pays = which.len() >= FEW
            && path.stays_within(&self.limits)
            && (fits || (self.by.is_none() && self.values == Values::Any));
        let by = self.by.unwrap_or(&[]);
        let routine = pays.then(|| path.routine_of_lanes(by, &self.shared(), false));
        let Some(routine) = routine.flatten() else {
            return self.run_singly(path, which, range, scratch);
        };
        let group = Group {
            path,
            routine: &routine,
            which,
        };
        if fits {
            self.run_into_columns(group, range, scratch)
        } else {
            self.run_into_outputs(group, range, scratch)
        }
    }

    /// Runs lanes on a path, one after the other.
    fn run_singly(
        &self,
        path: &Path,
        which: Which<'_>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        for lane in (0..which.len()).map(|place| which.at(place) as u32) {
            if !self.wants(lane) {
                continue;
            }
            if self.is_late() {
                return Err(Refused::late());
            }
            self.run_one(path, lane, range, scratch)?;
        }
        Ok(())
    }

    /// Runs lanes whose values are what they are to be: their numbers go to the columns at once.
    fn run_into_columns(
        &self,
        group: Group<'_>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let Group { path, which, .. } = group;
        let by = self.by.unwrap_or(&[]).len();
        let first = range.lanes.start;
        let mut columns = Columns {
            first,
            ..Columns::default()
        };
        let mut constants = Vec::new();
        let mut derivatives = range.derivatives.iter_mut();
        let leaves = path.leaves.iter().zip(path.constants());
        for (column, (leaf, x)) in range.values.iter_mut().zip(leaves) {
            let derivatives = derivatives.by_ref().take(by).map(|c| &mut **c);
            if leaf.is_some() {
                columns.outputs.push(&mut **column);
                columns.derivatives.extend(derivatives);
            } else {
                constants.push((x, &mut **column));
                constants.extend(derivatives.map(|column| (0.0, column)));
            }
        }
        let TaskScratch {
            file, sums, failed, ..
        } = scratch;
        let mut results = LaneResults {
            columns,
            sums,
            failed,
        };
        self.run_routine(group.routine, which, &mut results, file)?;
        for (x, column) in constants {
            if column.is_empty() {
                continue;
            }
            // Lanes that fail are done again.
            for place in 0..which.len() {
                column[which.at(place) - first] = x;
            }
        }
        let done = (which.len() - failed.len()) as u64;
        range.tally.stats.add(&path.replay_stats(), done);
        if self.values == Values::Any && path.is_int() {
            for lane in which.others(failed) {
                let output = path.output_with(&[range.values[0][lane as usize - first]]);
                range.tally.special.push((lane, Special::Output(output)));
            }
        }
        Ok(())
    }

    /// Runs lanes whose values hold something else than one number: each is put together from its
    /// numbers and told by itself.
    fn run_into_outputs(
        &self,
        group: Group<'_>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let Group {
            path,
            routine,
            which,
        } = group;
        let first = range.lanes.start;
        let TaskScratch {
            file,
            sums,
            failed,
            outputs,
            ..
        } = scratch;
        outputs.resize(routine.outputs.len().max(outputs.len()), Vec::new());
        for column in outputs.iter_mut() {
            column.clear();
            column.resize(range.lanes.len(), 0.0);
        }
        let columns = outputs[..routine.outputs.len()].iter_mut();
        let columns = Columns {
            first,
            outputs: columns.map(Vec::as_mut_slice).collect(),
            derivatives: Vec::new(),
        };
        let mut results = LaneResults {
            columns,
            sums,
            failed,
        };
        self.run_routine(routine, which, &mut results, file)?;
        let mut leaves = Vec::new();
        for lane in which.others(failed) {
            leaves.clear();
            let mut columns = outputs.iter();
            for (leaf, constant) in path.leaves.iter().zip(path.constants()) {
                leaves.push(match leaf {
                    None => constant,
                    Some(_) => columns.next().map_or(0.0, |c| c[lane as usize - first]),
                });
            }
            let output = path.output_with(&leaves);
            range.tally.special.push((lane, Special::Output(output)));
        }
        Ok(())
    }

    /// Runs a compiled path on lanes, as far as the deadline allows.
    fn run_routine(
        &self,
        routine: &Routine,
        which: Which<'_>,
        results: &mut LaneResults<'_, '_>,
        file: &mut LaneFile,
    ) -> Result<(), Refused> {
        routine.begin(self.inputs, file);
        let job = LaneJob {
            inputs: self.inputs,
            which,
            cpu: Cpu::detect(),
            late: &|| self.is_late(),
        };
        if routine.run_lanes(&job, results, file) {
            Ok(())
        } else {
            Err(Refused::late())
        }
    }

    /// Runs one lane on a path, by itself.
    fn run_one(
        &self,
        path: &Path,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        self.load(lane, &mut scratch.workspace);
        match path.replay(&self.query(), &mut scratch.workspace) {
            Ok(_) if path.stays_within(&self.limits) => {
                let output = path.output_with(&scratch.workspace.leaves);
                let stats = path.replay_stats();
                self.store(lane, &output, stats, &scratch.workspace, range)
            }
            // The walk meets the limit.
            Ok(_) => {
                range.tally.walks += 1;
                match self.walk_lane(lane, &mut scratch.workspace) {
                    Ok(run) => self.store(lane, &run.output, run.stats, &scratch.workspace, range),
                    Err(error) => {
                        self.end_at(lane);
                        range.tally.special.push((lane, Special::Failed(error)));
                        Ok(())
                    }
                }
            }
            Err(failed) => {
                scratch.failed.push(FailedLane { lane, failed });
                Ok(())
            }
        }
    }

    /// Keeps what a lane alone came to.
    fn store(
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
                let special = Special::Output(output.clone());
                range.tally.special.push((lane, special));
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
            range.tally.special.push((lane, Special::Failed(error)));
            return Ok(());
        }
        self.end_at(lane);
        let special = Special::Output(output.clone());
        range.tally.special.push((lane, special));
        Ok(())
    }
}
