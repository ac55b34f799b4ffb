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

use super::tiered::{self, Asked, Path, PathKey, Paths, Run};
use super::walk::Workspace;
use super::{Limits, Output, Stats};
use crate::error::Error;
use crate::trace::program::lanes::{
    Columns, FailedLane, LaneFile, LaneInput, Sums, WIDTH, Which, sum_of_lanes,
};
use crate::trace::program::{Failed, Place};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many lanes a task of one thread has at most: as many as give lanes of one path company.
const TASK: usize = 8192;

/// The same where several threads share the work, as long as that makes tasks enough.
const SHARED_TASKS: [usize; 2] = [1024, 4096];

/// How many tasks for each thread are enough.
const TASKS_A_THREAD: usize = 8;

/// From how many lanes on a path is compiled for them at once.
const FEW: usize = 16;

/// Walks a lane whose inputs are in the workspace and keeps its path.
pub(crate) type WalkLane<'a> = dyn Fn(&Asked<'_>, &mut Workspace) -> Result<Run, Error> + Sync + 'a;

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
    /// Whether lanes whose value is an int are told apart.
    pub(crate) keeps_ints: bool,
    /// The error of a lane whose value holds more than numbers and has no derivatives.
    pub(crate) not_numeric: &'a (dyn Fn(Stats) -> Error + Sync),
}

/// A lane whose result is no number, or an int where those are told apart.
#[derive(Debug)]
pub(crate) enum Special {
    Output(Output),
    Failed(Error),
}

/// What a batch came to besides the numbers it wrote.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// In the order of lanes.
    pub(crate) special: Vec<(u32, Special)>,
    /// The sums asked for: of values first, then of derivatives.
    pub(crate) sums: Vec<f64>,
    /// How many lanes were walked.
    pub(crate) walks: u64,
}

/// Where a column of results goes.
pub(crate) enum Target<'a> {
    /// One number for each lane.
    Each(&'a mut [f64]),
    /// The sum of all lanes' numbers.
    Sum,
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
    first: usize,
    values: &'a mut [f64],
    derivatives: Vec<&'a mut [f64]>,
    outcome: Outcome,
}

/// Lanes that no known path fits, and what is known of theirs.
type Unknown = (Option<(Arc<Path>, Failed)>, Vec<u32>);

impl Batch<'_> {
    /// Runs all lanes.
    ///
    /// # Errors
    /// Where derivatives are asked for of what is no number.
    pub(crate) fn each(
        &self,
        values: Target<'_>,
        derivatives: Vec<Target<'_>>,
        pool: &mut Vec<TaskScratch>,
    ) -> Result<Outcome, Error> {
        let size = self.task_size();
        let mut targets = vec![values];
        targets.extend(derivatives);
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
        let results = in_tasks(tasks, pool, &|(task, targets), scratch| {
            let first = task * size;
            let lanes = first..(first + size).min(self.lanes);
            self.task(lanes, targets, scratch)
        });
        let mut outcome = Outcome::default();
        let mut sums = Sums::default();
        sums.reset(is_sum.iter().filter(|&&is| is).count());
        for result in results {
            let (part, parts) = result?;
            outcome.special.extend(part.special);
            outcome.walks += part.walks;
            sums.append(&parts);
        }
        outcome.sums = sums.totals().collect();
        Ok(outcome)
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
        let program = path.program_of_lanes(by, &shared, true)?;
        let size = self.task_size();
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
            sums.reset(program.sums.len());
            program.begin(self.inputs, file);
            let which = Which::Range(first, (self.lanes - first).min(size));
            let mut columns = Columns::default();
            let done = program.run_lanes(
                self.inputs,
                which,
                &mut columns,
                sums,
                failed,
                &|| self.is_late(),
                file,
            );
            if !done || !failed.is_empty() {
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
            total.reset(program.sums.len());
            let parts = in_tasks((0..count).collect(), pool, &|task, scratch| {
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
            program.end(self.lanes, sums.totals(), file);
        } else {
            program.begin(self.inputs, file);
            program.end(self.lanes, total.totals(), file);
        }
        let result = |place: Place| file.shared_result(place);
        for (entry, &place) in derivatives.iter_mut().zip(&program.derivatives) {
            *entry = result(place)? + 0.0;
        }
        match program.outputs.first() {
            Some(&place) => result(place),
            None => path.constant().map(|x| x * self.lanes as f64),
        }
    }

    fn task_size(&self) -> usize {
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return TASK;
        }
        let [least, most] = SHARED_TASKS;
        let size = self.lanes / (threads * TASKS_A_THREAD);
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
        tiered::check_deadline(&self.limits).is_err()
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
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
    ) -> Result<(Outcome, Vec<[f64; WIDTH]>), Error> {
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
            first: lanes.start,
            values: columns.next().unwrap_or_default(),
            derivatives: columns.collect(),
            outcome: Outcome::default(),
        };
        self.run_range(lanes.clone(), &mut range, scratch)?;
        let mut outcome = range.outcome;
        let special = &mut outcome.special;
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
        Ok((outcome, sums))
    }

    fn run_range(
        &self,
        lanes: Range<usize>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Error> {
        let known = self.paths.load();
        let mut queue: Vec<(Arc<Path>, Option<Vec<u32>>)> = Vec::new();
        let mut unknown: Vec<Unknown> = Vec::new();
        match tiered::first_of(&known, self.key, self.paths.last()) {
            Some(place) => queue.push((known[place].clone(), None)),
            None => unknown.push((None, lanes.clone().map(|lane| lane as u32).collect())),
        }
        drop(known);
        loop {
            if let Some((path, listed)) = queue.pop() {
                self.run_group(&path, lanes.clone(), listed.as_deref(), range, scratch)?;
                self.distribute(&path, &scratch.failed, &mut queue, &mut unknown);
            } else if let Some((clue, listed)) = unknown.pop() {
                self.explore(clue, listed, &mut queue, &mut unknown, range, scratch)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Sends lanes whose guards failed to where these point.
    fn distribute(
        &self,
        path: &Arc<Path>,
        failed: &[FailedLane],
        queue: &mut Vec<(Arc<Path>, Option<Vec<u32>>)>,
        unknown: &mut Vec<Unknown>,
    ) {
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
            match tiered::next_of(&known, path, failed) {
                Some(place) => queue.push((known[place].clone(), Some(lanes))),
                None => unknown.push((Some((path.clone(), failed)), lanes)),
            }
        }
    }

    /// Walks one of the lanes that no known path fits; the others follow it as far as they can.
    fn explore(
        &self,
        clue: Option<(Arc<Path>, Failed)>,
        mut lanes: Vec<u32>,
        queue: &mut Vec<(Arc<Path>, Option<Vec<u32>>)>,
        unknown: &mut Vec<Unknown>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Error> {
        if self.is_late() {
            return Err(tiered::out_of_time().into());
        }
        // Where there is no room for further paths, there is nothing to wait for.
        let walking = (self.paths.len() < tiered::MAX_PATHS).then(|| self.paths.while_walking());
        let known = self.paths.load();
        let found = match &clue {
            None => tiered::first_of(&known, self.key, self.paths.last()),
            Some((path, failed)) => tiered::next_of(&known, path, *failed),
        };
        if let Some(place) = found {
            queue.push((known[place].clone(), Some(lanes)));
            return Ok(());
        }
        drop(known);
        let lane = lanes.swap_remove(0);
        let result = self.walk_lane(lane, &mut scratch.workspace);
        range.outcome.walks += 1;
        drop(walking);
        match result {
            Ok(run) => {
                self.store(lane, &run.output, run.stats, &scratch.workspace, range)?;
                match run.path {
                    Some(path) if run.place.is_some() => queue.push((path, Some(lanes))),
                    Some(path) => {
                        // It is not kept, so compiling it does not pay.
                        scratch.failed.clear();
                        for &lane in &lanes {
                            self.run_one(&path, lane, range, scratch)?;
                        }
                        self.distribute(&path, &scratch.failed, queue, unknown);
                    }
                    None => unknown.push((clue, lanes)),
                }
            }
            Err(error @ Error::Eval(_)) => {
                range.outcome.special.push((lane, Special::Failed(error)));
                unknown.push((clue, lanes));
            }
            Err(error) => return Err(error),
        }
        unknown.retain(|(_, lanes)| !lanes.is_empty());
        queue.retain(|(_, lanes)| lanes.as_ref().is_none_or(|lanes| !lanes.is_empty()));
        Ok(())
    }

    /// The place of the path that a lane takes; it is walked if none is known.
    pub(crate) fn place_of(&self, lane: u32) -> Result<Option<usize>, Error> {
        let mut workspace = Workspace::new();
        self.load(lane, &mut workspace);
        let asked = Asked {
            by: None,
            ..self.asked()
        };
        let known = self.paths.load();
        let mut candidate = tiered::first_of(&known, self.key, self.paths.last());
        while let Some(place) = candidate {
            match known[place].replay(&asked, &mut workspace) {
                Ok(()) => return Ok(Some(place)),
                Err(failed) => candidate = tiered::next_of(&known, &known[place], failed),
            }
        }
        Ok(self.walk_lane(lane, &mut workspace)?.place)
    }

    fn walk_lane(&self, lane: u32, workspace: &mut Workspace) -> Result<Run, Error> {
        self.load(lane, workspace);
        (self.walk)(&self.asked(), workspace)
    }

    fn load(&self, lane: u32, workspace: &mut Workspace) {
        workspace.inputs.clear();
        let inputs = self.inputs.iter();
        workspace
            .inputs
            .extend(inputs.map(|input| input.at(lane as usize)));
    }

    /// Runs lanes on a path; those that fail are in `scratch.failed` afterwards.
    fn run_group(
        &self,
        path: &Path,
        all: Range<usize>,
        listed: Option<&[u32]>,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Error> {
        scratch.failed.clear();
        let which = match listed {
            None => Which::Range(all.start, all.len()),
            Some(listed) => Which::Listed(listed),
        };
        let count = which.len();
        let by = self.by.unwrap_or(&[]);
        let is_number = path.is_number();
        let program = if count >= FEW
            && path.stays_within(&self.limits)
            && (is_number || self.by.is_none())
        {
            path.program_of_lanes(by, &self.shared(), false)
        } else {
            None
        };
        let Some(program) = program else {
            for place in 0..count {
                if self.is_late() {
                    return Err(tiered::out_of_time().into());
                }
                self.run_one(path, which.at(place) as u32, range, scratch)?;
            }
            return Ok(());
        };
        let TaskScratch {
            file,
            sums,
            failed,
            outputs,
            ..
        } = &mut *scratch;
        program.begin(self.inputs, file);
        let first = range.first;
        if is_number {
            let mut columns = Columns {
                first,
                outputs: Vec::new(),
                derivatives: Vec::new(),
            };
            if path.constant().is_none() {
                columns.outputs.push(&mut *range.values);
                let derivatives = range.derivatives.iter_mut();
                columns.derivatives.extend(derivatives.map(|c| &mut **c));
            }
            let done = program.run_lanes(
                self.inputs,
                which,
                &mut columns,
                sums,
                failed,
                &|| self.is_late(),
                file,
            );
            if !done {
                return Err(tiered::out_of_time().into());
            }
            if let Some(x) = path.constant() {
                // Lanes that fail are done again.
                for place in 0..count {
                    let at = which.at(place) - first;
                    range.values[at] = x;
                    for column in range.derivatives.iter_mut().filter(|c| !c.is_empty()) {
                        column[at] = 0.0;
                    }
                }
            }
            if self.keeps_ints && path.is_int() {
                for lane in which.others(failed) {
                    let output = path.output_with(&[range.values[lane as usize - first]]);
                    range.outcome.special.push((lane, Special::Output(output)));
                }
            }
            return Ok(());
        }
        outputs.resize(program.outputs.len().max(outputs.len()), Vec::new());
        for column in outputs.iter_mut() {
            column.clear();
            column.resize(all.len(), 0.0);
        }
        let mut columns = Columns {
            first,
            outputs: outputs[..program.outputs.len()]
                .iter_mut()
                .map(Vec::as_mut_slice)
                .collect(),
            derivatives: Vec::new(),
        };
        let done = program.run_lanes(
            self.inputs,
            which,
            &mut columns,
            sums,
            failed,
            &|| self.is_late(),
            file,
        );
        if !done {
            return Err(tiered::out_of_time().into());
        }
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
            range.outcome.special.push((lane, Special::Output(output)));
        }
        Ok(())
    }

    /// Runs one lane on a path, by itself.
    fn run_one(
        &self,
        path: &Path,
        lane: u32,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Error> {
        self.load(lane, &mut scratch.workspace);
        match path.replay(&self.asked(), &mut scratch.workspace) {
            Ok(()) if path.stays_within(&self.limits) => {
                let output = path.output_with(&scratch.workspace.leaves);
                self.store(lane, &output, path.stats(), &scratch.workspace, range)
            }
            // The walk meets the limit.
            Ok(()) => match self.walk_lane(lane, &mut scratch.workspace) {
                Ok(run) => self.store(lane, &run.output, run.stats, &scratch.workspace, range),
                Err(error @ Error::Eval(_)) => {
                    range.outcome.special.push((lane, Special::Failed(error)));
                    Ok(())
                }
                Err(error) => Err(error),
            },
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
    ) -> Result<(), Error> {
        let at = lane as usize - range.first;
        match output.number() {
            Some(x) => {
                range.values[at] = x;
                if self.keeps_ints && output.is_int() {
                    let special = Special::Output(output.clone());
                    range.outcome.special.push((lane, special));
                }
                let columns = range.derivatives.iter_mut();
                for (column, &x) in columns.zip(&workspace.derivatives) {
                    if !column.is_empty() {
                        column[at] = x;
                    }
                }
                Ok(())
            }
            None if self.by.is_some() && output.is_numeric() => Err(Error::Request(
                "gradients over lanes need a program whose value is a number".into(),
            )),
            None if self.by.is_some() => {
                let error = (self.not_numeric)(stats);
                range.outcome.special.push((lane, Special::Failed(error)));
                Ok(())
            }
            None => {
                let special = Special::Output(output.clone());
                range.outcome.special.push((lane, special));
                Ok(())
            }
        }
    }
}

/// Does tasks, on several threads if there are any; the results are in the order of the tasks.
fn in_tasks<T: Send, R: Send>(
    tasks: Vec<T>,
    pool: &mut Vec<TaskScratch>,
    run: &(dyn Fn(T, &mut TaskScratch) -> R + Sync),
) -> Vec<R> {
    if tasks.len() <= 1 || rayon::current_num_threads() == 1 {
        let mut scratch = pool.pop().unwrap_or_default();
        let results = tasks.into_iter().map(|task| run(task, &mut scratch));
        let results = results.collect();
        pool.push(scratch);
        return results;
    }
    let shared = Mutex::new(std::mem::take(pool));
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let results = tasks
        .into_par_iter()
        .map(|task| {
            let scratch = lock().pop();
            let mut scratch = scratch.unwrap_or_default();
            let result = run(task, &mut scratch);
            lock().push(scratch);
            result
        })
        .collect();
    *pool = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    results
}
