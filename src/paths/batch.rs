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

use super::fuel::Fuel;
use super::room::out_of_heap;
use super::tally::{Refused, Special, Tally, Target, Values, WeightKind, Weights};
use super::{Path, PathKey, Paths, Query, Run, Workspace};
use crate::prim::math::Cpu;
use crate::threads::{ALONE, Threads, in_tasks, of_pool};
use crate::trace::repeat::Abreast;
use crate::trace::routine::lanes::{
    ColumnAt, Columns, FailedLane, LaneFile, LaneInput, LaneJob, LaneResults, Sums, WIDTH, Which,
    sum_of_lanes,
};
use crate::trace::routine::weighed::Wishes;
use crate::trace::routine::{Place, Routine};
use crate::walk::{EvalError, Limits, Output, Stats};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

/// What limits mean to a batch of lanes, and what is told of it.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Terms {
    /// Whether each lane has the fuel for itself, and not all of them together.
    pub(crate) fuel_for_each: bool,
    /// Whether it is told what lanes took.
    pub(crate) counts: bool,
    /// Whether lanes that are done are of use where time runs out for others.
    pub(crate) keeps_done: bool,
    /// Whether values are to be written in time too.
    pub(crate) is_written: bool,
}

/// A batch of lanes.
pub(crate) struct Batch<'a> {
    pub(crate) paths: &'a Paths,
    pub(crate) key: &'a PathKey,
    /// The trace's inputs.
    pub(crate) inputs: &'a [LaneInput<'a>],
    pub(crate) lanes: usize,
    /// The inputs that derivatives are by, if there are to be any.
    pub(crate) by: Option<&'a [u32]>,
    /// By what derivatives are weighted, where there is one row of them and not one a number.
    pub(crate) weights: Option<Weights<'a>>,
    pub(crate) limits: Limits,
    pub(crate) walk: &'a WalkLane<'a>,
    pub(crate) values: Values,
    /// The error of a lane whose value holds more than numbers and has no derivatives.
    pub(crate) not_numeric: &'a (dyn Fn(Stats) -> Box<EvalError> + Sync),
    /// Who shares the tasks.
    pub(crate) threads: &'a Threads,
    /// The first lane so far after which no other is of use.
    pub(crate) end: AtomicU32,
    pub(crate) terms: Terms,
    pub(crate) fuel: Fuel,
    /// The bytes of values that are told by themselves.
    pub(crate) held: AtomicUsize,
    /// Errors of lanes, by what they say.
    pub(crate) errors: Mutex<FxHashMap<u64, Arc<EvalError>>>,
    /// The error of all lanes that there was no time for.
    pub(crate) late_error: Mutex<Option<Arc<EvalError>>>,
    /// Whether the last lane that was walked has failed.
    pub(crate) fails: AtomicBool,
    /// Whether lanes have loops that they do not go through together: each is done alone.
    pub(crate) alone: AtomicBool,
}

/// Memory for tasks, to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskScratch {
    pub(super) workspace: Workspace,
    pub(super) file: LaneFile,
    /// Of what lanes cost.
    pub(super) cost_file: LaneFile,
    pub(super) sums: Sums,
    pub(super) failed: Vec<FailedLane>,
    /// Of those that go through loops together.
    pub(super) abreast: Abreast,
    columns: Vec<Vec<f64>>,
    outputs: Vec<Vec<f64>>,
}

/// Where the results of a range of lanes go.
pub(super) struct Results<'a> {
    pub(super) lanes: Range<usize>,
    /// A column for each number of a lane's value.
    pub(super) values: Vec<&'a mut [f64]>,
    /// For each of them as many as derivatives are by; with weights one row of them, or none at all.
    pub(super) derivatives: Vec<&'a mut [f64]>,
    pub(super) tally: Tally,
}

/// What a task comes to, and the vectors of its sums.
type Done = (Tally, Vec<[f64; WIDTH]>);

/// Where the results of a task go.
#[derive(Default)]
struct TaskTargets<'a> {
    /// The caller's columns; none where a column is summed, or scattered.
    columns: Vec<Option<&'a mut [f64]>>,
    buffers: Vec<&'a mut [f64]>,
    /// Which columns are scattered, and where to.
    scattered: Vec<(usize, ColumnAt)>,
}

/// Lanes on a path that is compiled for them.
#[derive(Clone, Copy)]
struct Group<'g> {
    path: &'g Path,
    routine: &'g Routine,
    which: Which<'g>,
}

impl Batch<'_> {
    /// Runs all lanes. There is a target for each number of a lane's value; after those come, for each
    /// of them, as many as derivatives are by, if there are to be any. With weights, values have
    /// targets where they are wanted, and derivatives one row of them. Columns may lie in `buffers`,
    /// of which each has so many numbers a lane.
    ///
    /// # Errors
    /// Where derivatives are asked for of what is no number, and lanes may have any value; when time
    /// runs out.
    pub(crate) fn each(
        &self,
        targets: Vec<Target<'_>>,
        buffers: Vec<(&mut [f64], usize)>,
        pool: &mut Vec<TaskScratch>,
    ) -> Result<Tally, Refused> {
        let threads = self.threads_for_all();
        let size = self.task_size(threads);
        let is_sum: Vec<bool> = targets.iter().map(|t| matches!(t, Target::Sum)).collect();
        let count = self.lanes.div_ceil(size);
        let mut tasks: Vec<TaskTargets<'_>> = (0..count).map(|_| TaskTargets::default()).collect();
        for target in targets {
            match target {
                Target::Sum => tasks.iter_mut().for_each(|task| task.columns.push(None)),
                Target::At(at) => {
                    for task in &mut tasks {
                        task.scattered.push((task.columns.len(), at));
                        task.columns.push(None);
                    }
                }
                Target::Each(column) => {
                    for (task, part) in tasks.iter_mut().zip(column.chunks_mut(size)) {
                        task.columns.push(Some(part));
                    }
                }
            }
        }
        for (buffer, stride) in buffers {
            let parts = buffer.chunks_mut(size.saturating_mul(stride.max(1)));
            for (task, part) in tasks.iter_mut().zip(parts) {
                task.buffers.push(part);
            }
        }
        let lanes_of = |task: usize| task * size..((task + 1) * size).min(self.lanes);
        let results = in_tasks(
            tasks.iter_mut().enumerate().collect(),
            threads,
            pool,
            &|(task, targets): (usize, &mut TaskTargets<'_>), scratch: &mut TaskScratch| {
                if self.fuel.is_over() {
                    return Err(Refused::Skipped);
                }
                self.task(lanes_of(task), targets, false, scratch)
            },
        );
        // Whether lanes before the one with another value left it fuel is told in their order too.
        let no_number =
            |result: &Result<Done, Refused>| matches!(result, Err(Refused::NotOneNumber));
        let is_open = !self.terms.fuel_for_each && results.iter().any(no_number);
        let results = if self.fuel.is_over() || is_open {
            self.each_in_order(&mut tasks, &lanes_of, results, pool)
        } else {
            results
        };
        let mut tally = Tally {
            stats: Stats::of_replays(),
            ..Tally::default()
        };
        let mut sums = Sums::default();
        sums.reset(is_sum.iter().filter(|&&is| is).count());
        for result in results {
            let (part, parts) = result?;
            tally.special.append(part.special);
            tally.walks += part.walks;
            tally.stats.add(&part.stats, 1);
            sums.append(&parts);
        }
        tally.stats.paths = self.paths.count();
        if !self.terms.fuel_for_each {
            tally.stats.fuel = tally.stats.fuel.saturating_add(self.fuel.ahead);
        }
        tally.sums = sums.totals().collect();
        Ok(tally)
    }

    /// Runs tasks again, one after the other, where lanes may take more fuel than there is: a task at once
    /// if what is left is enough for it, lane by lane otherwise.
    fn each_in_order(
        &self,
        tasks: &mut [TaskTargets<'_>],
        lanes_of: &dyn Fn(usize) -> Range<usize>,
        results: Vec<Result<Done, Refused>>,
        pool: &mut Vec<TaskScratch>,
    ) -> Vec<Result<Done, Refused>> {
        let scratch = of_pool(pool);
        self.fuel.begin_again();
        self.held.store(0, Ordering::Relaxed);
        // What ended the lanes is told by this run, too.
        self.end.store(u32::MAX, Ordering::Relaxed);
        let one_by_one = |done: &Result<Done, Refused>| {
            matches!(done, Err(Refused::Over | Refused::NotOneNumber))
        };
        // What lanes came to is counted anew, so none of it is kept.
        let known: Vec<bool> = results.iter().map(one_by_one).collect();
        drop(results);
        let mut in_order = Vec::with_capacity(tasks.len());
        for (task, (targets, is_known)) in tasks.iter_mut().zip(known).enumerate() {
            let before = self.fuel.spent();
            let held = self.held.load(Ordering::Relaxed);
            let end = self.end.load(Ordering::Relaxed);
            let lanes = lanes_of(task);
            if !is_known && before < self.limits.fuel {
                let done = self.task(lanes.clone(), targets, false, scratch);
                if one_by_one(&done) {
                    self.fuel.reset(before);
                    self.held.store(held, Ordering::Relaxed);
                    self.end.store(end, Ordering::Relaxed);
                } else {
                    in_order.push(done);
                    continue;
                }
            }
            let done = self.task(lanes, targets, true, scratch);
            let is_refused = matches!(done, Err(Refused::NotOneNumber));
            in_order.push(done);
            if is_refused {
                break;
            }
        }
        in_order
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
        if !self.may_run(path, self.lanes) || !path.is_number() {
            return None;
        }
        let routine = path.routine_of_lanes(by, &shared, true, &self.limits)?;
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
            routine.reset(sums);
            let which = Which::Range(first, (self.lanes - first).min(size));
            let mut results = LaneResults {
                columns: Columns::default(),
                sums,
                failed,
            };
            let done = self.run_routine(&routine, which, &mut results, file);
            if done < which.len() || !failed.is_empty() {
                diverged.store(true, Ordering::Relaxed);
            }
        };
        let count = self.lanes.div_ceil(size);
        let mut total = Sums::default();
        if count == 1 {
            run(0, of_pool(pool));
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
        let TaskScratch { file, sums, .. } = of_pool(pool);
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
    pub(super) fn threads_for_all(&self) -> &Threads {
        let known = self.paths.load();
        let path = known.first_of(self.key, self.paths.last());
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
    pub(super) fn end_at(&self, lane: u32) {
        if self.values.end_early() {
            self.end.fetch_min(lane, Ordering::Relaxed);
        }
    }

    /// Whether a lane is of use still.
    pub(super) fn wants(&self, lane: u32) -> bool {
        lane < self.end.load(Ordering::Relaxed)
    }

    pub(super) fn task_size(&self, threads: &Threads) -> usize {
        let count = threads.count();
        if count <= 1 {
            return TASK;
        }
        let [least, most] = SHARED_TASKS;
        let size = self.lanes / (count * TASKS_A_THREAD);
        // A power of two, so that the tree of sums is the same whatever the size.
        (size.clamp(least, most) / least).next_power_of_two() * least
    }

    pub(super) fn shared(&self) -> Vec<bool> {
        self.inputs.iter().map(LaneInput::is_shared).collect()
    }

    /// The trace's inputs, and the weights.
    pub(super) fn all_inputs(&self) -> &[LaneInput<'_>] {
        self.weights.map_or(self.inputs, |weights| weights.all)
    }

    /// The weights alone.
    pub(super) fn weights(&self) -> &[LaneInput<'_>] {
        &self.all_inputs()[self.inputs.len()..]
    }

    pub(super) fn is_late(&self) -> bool {
        /// What it takes to write a byte of a value that is kept, in nanoseconds.
        const WRITING: u64 = 2;
        let mut limits = self.limits;
        if self.terms.is_written {
            let held = self.held.load(Ordering::Relaxed) as u64;
            let writing = Duration::from_nanos(held.saturating_mul(WRITING));
            limits.deadline = limits.deadline.and_then(|at| at.checked_sub(writing));
        }
        limits.is_late()
    }

    pub(super) fn query(&self) -> Query<'_> {
        let weights = self.weights.filter(|_| self.by.is_some());
        Query {
            key: self.key,
            // What is weighted is made of the numbers of all nodes.
            by: if weights.is_some() {
                Some(&[])
            } else {
                self.by
            },
            all_nodes: weights.is_some_and(|weights| weights.kind == WeightKind::Cotangents),
            rolls: None,
            limits: self.limits,
        }
    }

    /// Runs a range of lanes, one by one if they are to be run in their order; targets that are none, and
    /// do not lie in buffers, are summed.
    fn task(
        &self,
        lanes: Range<usize>,
        targets: &mut TaskTargets<'_>,
        in_order: bool,
        scratch: &mut TaskScratch,
    ) -> Result<Done, Refused> {
        let TaskTargets {
            columns,
            buffers,
            scattered,
        } = targets;
        let mut local = std::mem::take(&mut scratch.columns);
        local.resize(columns.len(), Vec::new());
        let mut is_summed: Vec<bool> = columns.iter().map(Option::is_none).collect();
        for &(column, _) in scattered.iter() {
            is_summed[column] = false;
        }
        let mut columns = columns
            .iter_mut()
            .zip(&mut local)
            .map(|(target, own)| {
                if let Some(target) = target {
                    &mut **target
                } else {
                    own.clear();
                    own.resize(lanes.len(), 0.0);
                    own.as_mut_slice()
                }
            })
            .collect::<Vec<_>>()
            .into_iter();
        let mut range = Results {
            lanes: lanes.clone(),
            values: columns.by_ref().take(self.value_columns()).collect(),
            derivatives: columns.collect(),
            tally: Tally {
                stats: Stats::of_replays(),
                ..Tally::default()
            },
        };
        let run = if in_order {
            self.run_in_order(&mut range, scratch)
        } else {
            self.run_range(&mut range, scratch)
        };
        let mut tally = range.tally;
        if let Err(refused) = run {
            scratch.columns = local;
            return Err(refused);
        }
        tally.special.sort();
        for &mut (column, at) in scattered {
            let to = buffers[at.buffer].iter_mut().skip(at.first);
            for (to, &x) in to.step_by(at.stride).zip(&local[column]) {
                *to = x;
            }
        }
        let summed: Vec<usize> = (0..local.len())
            .filter(|&column| is_summed.get(column) == Some(&true))
            .collect();
        // A lane that fails counts for nothing.
        let only_numbers = matches!(self.values, Values::Flat(_));
        for (run, special) in tally.special.runs() {
            if only_numbers || matches!(special, Special::Failed(_)) {
                let run = run.start - lanes.start..run.end - lanes.start;
                for &column in &summed {
                    local[column][run.clone()].fill(0.0);
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

    /// How many columns of values there are.
    fn value_columns(&self) -> usize {
        match self.weights {
            Some(weights) if !weights.values => 0,
            _ => self.values.count(),
        }
    }

    /// Runs lanes on a path, all of the range where none are listed; those that fail are in
    /// `scratch.failed` afterwards.
    pub(super) fn run_group(
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
        if !self.terms.fuel_for_each && !self.has_fuel_for(path, which.len()) {
            return Err(self.over());
        }
        let fits = self.values.fit(path.output());
        let pays = which.len() >= FEW
            && self.may_run(path, which.len())
            && (fits || (self.by.is_none() && self.values == Values::Any));
        let routine = pays.then(|| self.routine(path));
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

    /// A path compiled for lanes, each with results of its own.
    fn routine(&self, path: &Path) -> Option<Arc<Routine>> {
        let by = self.by.unwrap_or(&[]);
        let Some(weights) = self.weights else {
            return path.routine_of_lanes(by, &self.shared(), false, &self.limits);
        };
        let wishes = Wishes {
            shared: weights.all.iter().map(LaneInput::is_shared).collect(),
            cotangents: weights.kind == WeightKind::Cotangents,
            outputs: vec![false; self.value_columns()],
            derivatives: vec![false; by.len()],
            exact: true,
        };
        path.weighed(weights.kind, by, &wishes, &self.limits)
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
        let values = if self.weights.is_some() {
            // Constants are outputs like others, and there is one row of derivatives.
            let values = range.values.iter_mut();
            columns.outputs.extend(values.map(|column| &mut **column));
            let derivatives = derivatives.by_ref();
            columns.derivatives.extend(derivatives.map(|c| &mut **c));
            [].iter_mut()
        } else {
            range.values.iter_mut()
        };
        for (column, (leaf, x)) in values.zip(leaves) {
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
        let done = self.run_routine(group.routine, which, &mut results, file);
        for (x, column) in constants {
            if column.is_empty() {
                continue;
            }
            // Lanes that fail are done again.
            for place in 0..which.len() {
                column[which.at(place) - first] = x;
            }
        }
        if self.values == Values::Any && path.is_int() {
            for lane in which.others(failed, done) {
                let output = path.output_with(&[range.values[0][lane as usize - first]]);
                self.tell(lane, output, range)?;
            }
        }
        self.count_group(path, which, done, range, scratch)?;
        self.late_from(which, done, range)
    }

    /// Keeps a value that no column has; all of them together are within the limit.
    pub(super) fn tell(
        &self,
        lane: u32,
        output: Output,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        self.hold(size_of::<(u32, Special)>() + size_of_val(output.items()))?;
        range.tally.special.push(lane, Special::Output(output));
        Ok(())
    }

    /// Notes that so many bytes more are held to be told.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), Refused> {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limits.heap_bytes {
            return Err(Refused::Ended(Box::new(out_of_heap(&self.limits))));
        }
        Ok(())
    }

    /// Notes that there was no time for lanes from a place on.
    pub(super) fn late_from(
        &self,
        which: Which<'_>,
        done: usize,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        let late = (done..which.len()).map(|place| which.at(place) as u32);
        self.all_late(late, range)
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
            ..Columns::default()
        };
        let mut results = LaneResults {
            columns,
            sums,
            failed,
        };
        let done = self.run_routine(routine, which, &mut results, file);
        let mut leaves = Vec::new();
        for lane in which.others(failed, done) {
            leaves.clear();
            let mut columns = outputs.iter();
            for (leaf, constant) in path.leaves.iter().zip(path.constants()) {
                leaves.push(match leaf {
                    None => constant,
                    Some(_) => columns.next().map_or(0.0, |c| c[lane as usize - first]),
                });
            }
            let output = path.output_with(&leaves);
            self.tell(lane, output, range)?;
        }
        self.count_group(path, which, done, range, scratch)?;
        self.late_from(which, done, range)
    }

    /// Runs a compiled path on lanes, as far as the deadline allows; tells how many were done.
    pub(super) fn run_routine(
        &self,
        routine: &Routine,
        which: Which<'_>,
        results: &mut LaneResults<'_, '_>,
        file: &mut LaneFile,
    ) -> usize {
        self.run_lanes_of(routine, self.all_inputs(), which, results, file)
    }

    /// The same on other inputs.
    pub(super) fn run_lanes_of(
        &self,
        routine: &Routine,
        inputs: &[LaneInput<'_>],
        which: Which<'_>,
        results: &mut LaneResults<'_, '_>,
        file: &mut LaneFile,
    ) -> usize {
        routine.begin(inputs, file);
        let job = LaneJob {
            inputs,
            which,
            cpu: Cpu::detect(),
            late: &|| self.is_late(),
        };
        routine.run_lanes(&job, results, file)
    }
}
