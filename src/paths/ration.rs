//! What lanes take of the fuel they have together, and how lanes are run where that may not be enough.
//!
//! Lanes and the fuel of a request go in; each lane's value comes out, or, from the lane on that has not
//! enough left, the error.
//!
//! **Invariants**
//! - Lanes draw on the fuel in their order: who goes without depends neither on which lane is run first, nor
//!   on threads, nor on which paths were known.
//! - All lanes together take no more time than a few times what the fuel allows, whatever they do.

use super::batch::{Batch, Results, TaskScratch};
use super::fuel::FAILED;
use super::tally::{Refused, Special};
use super::{Path, Query, Run};
use crate::error::Kind;
use crate::threads::lock;
use crate::trace::routine::lanes::{Columns, FailedLane, LaneFile, LaneResults, Sums, Which};
use crate::walk::cost::Cost;
use crate::walk::{EvalError, out_of_fuel};
use rustc_hash::{FxHashSet, FxHasher};
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// From how many operations on loops of lanes are kept as one iteration, where they are at all.
const SHORT: usize = 64;

/// What of all fuel a lane takes that is kept from being walked again; so the most of them that are kept,
/// but for those on other threads.
const MUCH: u64 = 64;

/// Whether an error is that of fuel that has run out.
fn has_run_out(error: &EvalError, fuel: u64) -> bool {
    error.kind == Kind::Resource && error.stats.fuel > fuel
}

/// Whether errors of two lanes say the same.
fn is_same(a: &EvalError, b: &EvalError) -> bool {
    let all = |e: &EvalError| (e.kind, e.span, e.position, e.stats);
    all(a) == all(b)
        && a.message == b.message
        && a.calls == b.calls
        && a.monitored.is_empty()
        && b.monitored.is_empty()
}

/// What an error takes.
fn bytes_of(error: &EvalError) -> usize {
    /// What an allocator takes besides, of each piece.
    const PIECE: usize = 16;
    /// What is written of it besides its message.
    const WRITTEN: usize = 96;
    let calls = error.calls.iter().map(|call| call.name.len() + PIECE);
    let monitored = size_of_val(error.monitored.as_slice());
    size_of::<EvalError>()
        + error.message.len()
        + size_of_val(error.calls.as_slice())
        + calls.sum::<usize>()
        + monitored
        + size_of::<(u32, Special)>()
        + 2 * PIECE
        + WRITTEN
}

impl Batch<'_> {
    /// What is left of the fuel, as far as is known.
    pub(super) fn fuel_left(&self) -> u64 {
        if self.terms.fuel_for_each {
            return self.limits.fuel;
        }
        self.limits.fuel.saturating_sub(self.fuel.spent())
    }

    /// Notes what lanes took.
    pub(super) fn take_fuel(&self, fuel: u64) -> Result<(), Refused> {
        if self.terms.fuel_for_each {
            return Ok(());
        }
        let before = self.fuel.spent.fetch_add(fuel, Ordering::Relaxed);
        if before.saturating_add(fuel) > self.limits.fuel {
            return Err(self.over());
        }
        Ok(())
    }

    pub(super) fn over(&self) -> Refused {
        self.fuel.over.store(true, Ordering::Relaxed);
        Refused::Over
    }

    /// Whether so many lanes may run on a path, whatever they take there.
    pub(super) fn may_run(&self, path: &Path, lanes: usize) -> bool {
        self.has_fuel_for(path, lanes) && path.fits(&self.limits)
    }

    /// The same as far as fuel goes.
    pub(super) fn has_fuel_for(&self, path: &Path, lanes: usize) -> bool {
        let most = path.most_fuel();
        let most = if self.terms.fuel_for_each {
            most
        } else {
            most.saturating_mul(lanes as u64)
        };
        most <= self.fuel_left()
    }

    /// Notes what lanes on a path took, those that failed there left out.
    pub(super) fn count_group(
        &self,
        path: &Path,
        which: Which<'_>,
        done: usize,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let TaskScratch {
            failed, cost_file, ..
        } = scratch;
        let lanes = (done - failed.len()) as u64;
        let is_exact = self.terms.counts || self.fuel.exact.load(Ordering::Relaxed);
        let (applications, fuel) = if is_exact && !path.has_fixed_cost() {
            self.counted(path, which, done, failed, cost_file)
        } else {
            let most = path.most();
            (lanes * most.applications, lanes.saturating_mul(most.fuel()))
        };
        let stats = path.stats_of_lanes(lanes, applications, fuel);
        range.tally.stats.add(&stats, 1);
        self.take_fuel(fuel)
    }

    /// The applications and the fuel that lanes on a path took, by the outcomes of their tests.
    fn counted(
        &self,
        path: &Path,
        which: Which<'_>,
        done: usize,
        failed: &[FailedLane],
        file: &mut LaneFile,
    ) -> (u64, u64) {
        let routine = path.routine_of_costs(Some(&self.shared()));
        let first = (0..done).map(|place| which.at(place)).min().unwrap_or(0);
        let last = (0..done).map(|place| which.at(place)).max().unwrap_or(0);
        let mut columns = [(); 2].map(|()| vec![0.0; last + 1 - first]);
        let (mut sums, mut others) = (Sums::default(), Vec::new());
        let [applications, work] = &mut columns;
        let mut results = LaneResults {
            columns: Columns {
                first,
                outputs: vec![applications, work],
                ..Columns::default()
            },
            sums: &mut sums,
            failed: &mut others,
        };
        if self.run_lanes_of(&routine, self.inputs, which, &mut results, file) < done {
            return (0, 0);
        }
        let [applications, work] = columns;
        let mut total = (0, 0_u64);
        let left_out: FxHashSet<u32> = failed.iter().map(|f| f.lane).collect();
        for lane in (0..done).map(|place| which.at(place)) {
            if !left_out.contains(&(lane as u32)) {
                let cost = Cost {
                    applications: applications[lane - first] as u64,
                    work: work[lane - first] as u64,
                };
                total.0 += cost.applications;
                total.1 = total.1.saturating_add(cost.fuel());
            }
        }
        total
    }

    /// What a lane that was walked within `fuel` came to, noted.
    pub(super) fn count_walk(
        &self,
        lane: u32,
        fuel: u64,
        result: Result<Run, Box<EvalError>>,
        range: &mut Results<'_>,
    ) -> Result<Result<Run, Box<EvalError>>, Refused> {
        let taken = match &result {
            Ok(run) => run.stats.fuel,
            Err(error) => error.stats.fuel,
        };
        if let Err(error) = &result
            && !self.terms.fuel_for_each
            && has_run_out(error, fuel)
        {
            if lane == 0 && fuel == self.limits.fuel.saturating_sub(self.fuel.ahead) {
                *lock(&self.fuel.first) = Some(error.clone());
            }
            return Err(self.over());
        }
        if let Err(error) = &result
            && !self.terms.fuel_for_each
            && taken > self.limits.fuel / MUCH
        {
            lock(&self.fuel.long).push((lane, error.clone()));
        }
        let besides = self.weight_of(&result, range);
        self.take_fuel(taken.saturating_add(besides))?;
        Ok(result)
    }

    /// What a lane weighs besides what its run took.
    fn weight_of(&self, result: &Result<Run, Box<EvalError>>, range: &mut Results<'_>) -> u64 {
        if result.is_ok() || self.terms.fuel_for_each {
            return 0;
        }
        range.tally.stats.fuel += FAILED;
        FAILED
    }

    /// The error that a lane is known to end with where it has so much fuel.
    fn known_error(&self, lane: u32, fuel: u64) -> Option<Box<EvalError>> {
        let first = lock(&self.fuel.first).clone().filter(|_| lane == 0);
        first.or_else(|| {
            let long = lock(&self.fuel.long);
            let (_, error) = long.iter().find(|(of, _)| *of == lane)?;
            (error.stats.fuel <= fuel).then(|| error.clone())
        })
    }

    /// Runs lanes one by one, in their order, as long as there is fuel.
    pub(super) fn run_in_order(
        &self,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        for lane in range.lanes.clone().map(|lane| lane as u32) {
            if !self.wants(lane) {
                return Ok(());
            }
            let none_left = lock(&self.fuel.none_left).clone();
            if let Some(error) = none_left {
                self.fail(lane, error, range)?;
                continue;
            }
            if self.is_late() {
                self.late(lane, range)?;
                continue;
            }
            let left = self.fuel_left();
            let result = match self.known_error(lane, left) {
                Some(error) => {
                    range.tally.walks += 1;
                    Err(error)
                }
                None => self.run_or_walk(lane, left, range, scratch),
            };
            match result {
                Ok(run) => {
                    self.fuel.spent.fetch_add(run.stats.fuel, Ordering::Relaxed);
                    self.store_run(lane, &run, &mut scratch.workspace, range)?;
                }
                Err(mut error) if has_run_out(&error, left) => {
                    error.message = out_of_fuel(self.limits.fuel);
                    let further = EvalError::new(Kind::Resource, error.message.clone());
                    *lock(&self.fuel.none_left) = Some(Arc::new(further));
                    self.fail(lane, error.into(), range)?;
                }
                Err(error) => {
                    let fuel = error.stats.fuel.saturating_add(FAILED);
                    range.tally.stats.fuel += FAILED;
                    self.fuel.spent.fetch_add(fuel, Ordering::Relaxed);
                    self.fail(lane, error.into(), range)?;
                }
            }
        }
        Ok(())
    }

    fn run_or_walk(
        &self,
        lane: u32,
        fuel: u64,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<Run, Box<EvalError>> {
        let workspace = &mut scratch.workspace;
        self.load(lane, workspace);
        let query = self.query_with(fuel);
        if let Ok(run) = super::replay(self.paths, &query, self.paths.last(), workspace) {
            Ok(run)
        } else {
            range.tally.walks += 1;
            (self.walk)(&query, workspace)
        }
    }

    /// Notes that there was no time for a lane; refuses the batch where lanes that are done are of no use
    /// then.
    pub(super) fn late(&self, lane: u32, range: &mut Results<'_>) -> Result<(), Refused> {
        self.all_late(std::iter::once(lane), range)
    }

    /// The same for several lanes.
    pub(super) fn all_late(
        &self,
        lanes: impl Iterator<Item = u32>,
        range: &mut Results<'_>,
    ) -> Result<(), Refused> {
        let mut lanes = lanes.peekable();
        if lanes.peek().is_none() {
            return Ok(());
        }
        if !self.terms.keeps_done {
            return Err(Refused::late());
        }
        let error = {
            let mut late = lock(&self.late_error);
            let late = late.get_or_insert_with(|| Arc::new(super::out_of_time()));
            late.clone()
        };
        for lane in lanes {
            self.end_at(lane);
            let special = Special::Failed(error.clone());
            range.tally.special.push(lane, special);
        }
        Ok(())
    }

    /// An error as it is kept of lanes that have the same.
    ///
    /// # Errors
    /// Where all errors and values of lanes take more than there is.
    pub(super) fn shared_error(&self, error: Arc<EvalError>) -> Result<Arc<EvalError>, Refused> {
        /// Lanes that fail alike do so in few ways.
        const WAYS: usize = 1024;
        let mut hasher = FxHasher::default();
        (&error.message, error.span, error.stats.fuel).hash(&mut hasher);
        let mut known = lock(&self.errors);
        let may_grow = known.len() < WAYS;
        Ok(match known.entry(hasher.finish()) {
            Entry::Occupied(other) if is_same(other.get(), &error) => other.get().clone(),
            Entry::Vacant(place) if may_grow => {
                self.hold(bytes_of(&error))?;
                place.insert(error).clone()
            }
            _ => {
                self.hold(bytes_of(&error))?;
                error
            }
        })
    }

    /// The query of one lane that is walked.
    pub(super) fn query_left(&self) -> Query<'_> {
        self.query_with(self.fuel_left())
    }

    /// The same with so much fuel.
    fn query_with(&self, fuel: u64) -> Query<'_> {
        let mut query = Query {
            rolls: self.rolls().then_some(SHORT),
            ..self.query()
        };
        query.limits.fuel = fuel;
        query
    }
}
