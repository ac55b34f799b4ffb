//! Batches with one row of derivatives, weighted by cotangents or a direction: the way of lanes that all
//! take one path.
//!
//! A path and where results go in the caller's buffers go in; columns are filled, and sums come out.
//!
//! **Invariants**
//! - On one thread nothing is allocated once memory has grown; several threads take some memory a task.
//! - A cotangent that is 0 contributes nothing, even where a derivative is infinite.

use super::batch::{Batch, TaskScratch};
use super::room::chunk_fits;
use super::tally::{Goals, Refused, WeightKind};
use super::{MAX_COMPILED, Path, Purpose};
use crate::threads::{in_tasks, lock, of_pool};
use crate::trace::routine::Routine;
use crate::trace::routine::lanes::{
    ColumnAt, Columns, LaneInput, LaneResults, Scattered, Sums, WIDTH, Which,
};
use crate::trace::routine::weighed::{Weighed, Wishes};
use crate::walk::Limits;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many lanes are run before it is asked whether all took the path: a power of two, and as many as
/// several of the chunks that sums are trees of.
const STRETCH: usize = 1 << 13;

/// Memory for batches that are weighted, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    inputs: Vec<LaneInput<'static>>,
    goals: Goals<'static>,
    pub(crate) wishes: Wishes,
    /// The sums asked for: of values first, then of derivatives.
    pub(crate) sums: Vec<f64>,
}

impl Clone for Scratch {
    /// New memory: what is in it is of use to nobody.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Scratch {
    /// Memory for inputs and goals; given back by [`Scratch::keep`].
    pub(crate) fn take<'a>(&mut self) -> (Vec<LaneInput<'a>>, Goals<'a>) {
        let inputs = emptied(std::mem::take(&mut self.inputs));
        let goals = std::mem::take(&mut self.goals);
        (inputs, emptied_goals(goals))
    }

    pub(crate) fn keep(&mut self, inputs: Vec<LaneInput<'_>>, goals: Goals<'_>) {
        self.inputs = emptied(inputs);
        self.goals = emptied_goals(goals);
    }
}

/// The memory of a vector, for borrows of another lifetime: the library collects in place what has the
/// same size, which a test of allocations holds it to.
fn emptied<T, U>(mut all: Vec<T>) -> Vec<U> {
    all.clear();
    all.into_iter().filter_map(|_| None).collect()
}

fn emptied_goals<'b>(goals: Goals<'_>) -> Goals<'b> {
    let Goals {
        buffers,
        mut strides,
        mut values,
        mut derivatives,
    } = goals;
    strides.clear();
    values.clear();
    derivatives.clear();
    Goals {
        buffers: emptied(buffers),
        strides,
        values,
        derivatives,
    }
}

impl Path {
    /// The path compiled for lanes with weights, if it is not too large for that.
    pub(crate) fn weighed(
        &self,
        kind: WeightKind,
        by: &[u32],
        wishes: &Wishes,
        limits: &Limits,
    ) -> Option<Arc<Routine>> {
        if self.trace.operations.len() > MAX_COMPILED {
            return None;
        }
        let is_it = |key: &Purpose| {
            let weighed = key.weighed.as_ref();
            key.by == by && weighed.is_some_and(|(k, w)| *k == kind && w == wishes)
        };
        let routines = lock(&self.routines);
        if let Some((_, known)) = routines.iter().find(|(key, _)| is_it(key)) {
            return Some(known.clone()).filter(|routine| chunk_fits(routine, limits));
        }
        drop(routines);
        if !self.may_compile(self.trace.operations.len(), limits) {
            return None;
        }
        let routine = Arc::new(self.compile_weighed(kind, by, wishes)?);
        let key = Purpose {
            by: by.to_vec(),
            shared: None,
            summed: false,
            weighed: Some((kind, wishes.clone())),
        };
        self.keep(&mut lock(&self.routines), key, &routine);
        Some(routine).filter(|routine| chunk_fits(routine, limits))
    }

    fn compile_weighed(&self, kind: WeightKind, by: &[u32], wishes: &Wishes) -> Option<Routine> {
        if kind == WeightKind::Direction
            && let Some(&Some(leaf)) = self.leaves.first()
        {
            let second = self.second(leaf, by, true);
            let trace = &second.gradient.trace;
            let output = *second.gradient.outputs.first()?;
            return (trace.operations.len() <= MAX_COMPILED).then(|| {
                let weighed = Weighed {
                    outputs: &[Ok(output)],
                    by,
                    wishes,
                };
                Routine::weighed(trace, &weighed)
            });
        }
        let leaves = self.leaves.iter().zip(self.constants());
        let outputs: Vec<_> = leaves.map(|(leaf, x)| leaf.ok_or(x)).collect();
        let weighed = Weighed {
            outputs: &outputs,
            by,
            wishes,
        };
        Some(Routine::weighed(&self.trace, &weighed))
    }
}

/// Lanes of a range, and the parts of the caller's buffers that are theirs.
struct Part<'a> {
    lanes: Range<usize>,
    scattered: Scattered<'a>,
}

impl Batch<'_> {
    /// Runs all lanes on a path, if they all take it and its value is what values are to be; tells
    /// whether that is so. Where it is not, what the caller's buffers hold is of no use.
    ///
    /// # Errors
    /// When time runs out.
    pub(crate) fn on_one_path(
        &self,
        path: &Path,
        goals: &mut Goals<'_>,
        wishes: &mut Wishes,
        sums: &mut Vec<f64>,
        pool: &mut Vec<TaskScratch>,
    ) -> Result<bool, Refused> {
        let Some(weights) = self.weights else {
            return Ok(false);
        };
        if !self.may_run(path, self.lanes) || !self.values.fit(path.output()) {
            return Ok(false);
        }
        let by = self.by.unwrap_or(&[]);
        let set = |to: &mut Vec<bool>, goals: &[Option<ColumnAt>]| {
            to.clear();
            to.extend(goals.iter().map(Option::is_none));
        };
        set(&mut wishes.outputs, &goals.values);
        set(&mut wishes.derivatives, &goals.derivatives);
        wishes.shared.clear();
        let shared = weights.all.iter().map(LaneInput::is_shared);
        wishes.shared.extend(shared);
        wishes.cotangents = weights.kind == WeightKind::Cotangents;
        wishes.exact = false;
        let Some(routine) = path.weighed(weights.kind, by, wishes, &self.limits) else {
            return Ok(false);
        };
        match self.run_all(&routine, goals, sums, pool)? {
            None => Ok(false),
            Some(true) if wishes.cotangents && !by.is_empty() && self.has_zero_weight() => {
                wishes.exact = true;
                let Some(routine) = path.weighed(weights.kind, by, wishes, &self.limits) else {
                    return Ok(false);
                };
                let done = self.run_all(&routine, goals, sums, pool)?;
                Ok(done.is_some())
            }
            Some(_) => Ok(true),
        }
    }

    fn has_zero_weight(&self) -> bool {
        self.weights().iter().any(|weight| match weight {
            LaneInput::Shared(x) => *x == 0.0,
            weight => (0..self.lanes).any(|lane| weight.at(lane) == 0.0),
        })
    }

    /// Runs all lanes; tells whether any derivative is NaN. None where a guard failed.
    fn run_all(
        &self,
        routine: &Routine,
        goals: &mut Goals<'_>,
        sums: &mut Vec<f64>,
        pool: &mut Vec<TaskScratch>,
    ) -> Result<Option<bool>, Refused> {
        let threads = self.threads_for_all();
        let size = self.task_size(threads);
        let mut nan = false;
        let mut total = Sums::default();
        let scratch = if threads.count() <= 1 || self.lanes <= size {
            let scratch = of_pool(pool);
            let mut part = Part {
                lanes: 0..self.lanes,
                scattered: Scattered {
                    buffers: std::mem::take(&mut goals.buffers),
                    outputs: std::mem::take(&mut goals.values),
                    derivatives: std::mem::take(&mut goals.derivatives),
                    nan,
                },
            };
            let holds = self.run_part(routine, &mut part, scratch);
            Scattered {
                buffers: goals.buffers,
                outputs: goals.values,
                derivatives: goals.derivatives,
                nan,
            } = part.scattered;
            if !holds? {
                return Ok(None);
            }
            std::mem::swap(&mut total, &mut scratch.sums);
            scratch
        } else {
            let diverged = AtomicBool::new(false);
            let run = |mut part: Part<'_>, scratch: &mut TaskScratch| {
                if diverged.load(Ordering::Relaxed) {
                    return Ok((Vec::new(), false));
                }
                if !self.run_part(routine, &mut part, scratch)? {
                    diverged.store(true, Ordering::Relaxed);
                }
                let sums: Vec<[f64; WIDTH]> = scratch.sums.vectors().collect();
                Ok((sums, part.scattered.nan))
            };
            let results = in_tasks(self.parts(goals, size), threads, pool, &run);
            total.reset(routine.sums.len());
            for result in results {
                let (part, is_nan) = result?;
                nan |= is_nan;
                total.append(&part);
            }
            if diverged.into_inner() {
                return Ok(None);
            }
            let scratch = of_pool(pool);
            routine.begin(self.all_inputs(), &mut scratch.file);
            scratch
        };
        routine.end(self.lanes, total.totals(), &mut scratch.file);
        sums.clear();
        let places = routine.outputs.iter().zip(&goals.values);
        let values = places.filter(|(_, goal)| goal.is_none());
        sums.extend(values.map(|(&place, _)| routine.common(place, &scratch.file)));
        let places = routine.derivatives.iter().zip(&goals.derivatives);
        for (&place, _) in places.filter(|(_, goal)| goal.is_none()) {
            let sum = routine.common(place, &scratch.file) + 0.0;
            nan |= sum.is_nan();
            sums.push(sum);
        }
        std::mem::swap(&mut total, &mut scratch.sums);
        Ok(Some(nan))
    }

    /// All lanes in parts of a size, with their parts of the buffers.
    fn parts<'g>(&self, goals: &'g mut Goals<'_>, size: usize) -> Vec<Part<'g>> {
        let starts = (0..self.lanes).step_by(size);
        let mut parts: Vec<Part<'g>> = starts
            .map(|start| Part {
                lanes: start..(start + size).min(self.lanes),
                scattered: Scattered {
                    buffers: Vec::with_capacity(goals.strides.len()),
                    outputs: goals.values.clone(),
                    derivatives: goals.derivatives.clone(),
                    nan: false,
                },
            })
            .collect();
        for (buffer, stride) in goals.buffers.iter_mut().zip(&goals.strides) {
            let chunks = buffer.chunks_mut(size.saturating_mul(*stride).max(1));
            for (part, chunk) in parts.iter_mut().zip(chunks) {
                part.scattered.buffers.push(chunk);
            }
        }
        parts
    }

    /// Runs lanes; tells whether all take the path.
    fn run_part(
        &self,
        routine: &Routine,
        part: &mut Part<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<bool, Refused> {
        let TaskScratch {
            file, sums, failed, ..
        } = scratch;
        failed.clear();
        routine.reset(sums);
        let mut results = LaneResults {
            columns: Columns {
                first: part.lanes.start,
                scattered: std::mem::take(&mut part.scattered),
                ..Columns::default()
            },
            sums,
            failed,
        };
        let mut is_late = false;
        // Where one takes another path, the others need not be run.
        for start in part.lanes.clone().step_by(STRETCH) {
            let which = Which::Range(start, STRETCH.min(part.lanes.end - start));
            is_late = self.run_routine(routine, which, &mut results, file) < which.len();
            if is_late || !results.failed.is_empty() {
                break;
            }
        }
        part.scattered = results.columns.scattered;
        if is_late {
            return Err(Refused::late());
        }
        Ok(failed.is_empty())
    }
}
