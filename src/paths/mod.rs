//! Paths: a recorded run is run again on other numbers, as long as its guards hold.
//!
//! A prepared program and numbers go in; the value, and its derivatives, come out of a replay where a
//! path fits, of a walk where none does, and that walk's path is kept.
//!
//! **Invariants**
//! - A path belongs to a key: which inputs are there, how long the lists are, which literals are
//!   inputs.
//! - Paths are a tree: those that agree on their first guards agree on all that comes before the
//!   next. So the guard that fails, and the number it meets, tell which paths are left; each step gets
//!   past a further guard, so that looking for a path ends.
//! - A replay obeys the caller's limits as the walk would: a path carries its counts, by the outcomes of
//!   the tests that no guard is on. A walk that met a limit in an arm leaves no path.
//! - A path that is run often is compiled; before, its trace is replayed as it is. The bits are the
//!   same.
//! - Readers never wait: the paths are swapped whole.

mod abreast;
pub(crate) mod batch;
mod compiled;
mod costs;
pub(crate) mod fuel;
mod gather;
mod ration;
mod reasons;
mod rolled;
mod room;
mod second;
mod single;
pub(crate) mod tally;
mod tree;
pub(crate) mod weighed;
mod workspace;

pub(crate) use reasons::Miss;
pub use workspace::Workspace;

use self::reasons::Direction;
use self::rolled::loops_cost;
use self::second::Seconds;
use self::tally::WeightKind;
use self::tree::{Kept, Tree};
use crate::error::Kind;
use crate::prim::linalg;
use crate::prim::relaxation::RelaxationKind;
use crate::source::Span;
use crate::threads::lock;
use crate::trace::replay::{Diverged, Ended};
use crate::trace::routine::seeds::Seeded;
use crate::trace::routine::weighed::Wishes;
use crate::trace::routine::{Failed, LATE, Routine};
use crate::trace::{MOST, Ref, Trace, narrow};
use crate::walk::cost::{Cost, Costs};
use crate::walk::monitor::Noted;
use crate::walk::{
    EvalError, ForkGivenUp, Job, Limits, Monitored, OUT_OF_TIME, Output, Stats, Uncompiled, Way,
    walk,
};
use arc_swap::ArcSwap;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// How many paths a model keeps unless it is told otherwise; further ones are walked each time.
const MAX_PATHS: usize = 256;

/// How many operations a trace that nobody asked a gradient of may have.
const UNASKED_OPERATIONS: usize = 1 << 20;

/// The guard of a replay that takes more than the fuel.
const OVER: u32 = LATE - 1;

/// How often a trace is replayed as it is before it is compiled, which takes as long as some tens of
/// replays.
const COMPILED_AFTER: u32 = 8;

/// How many operations, times rows of derivatives, a compiled path may have.
const MAX_COMPILED: usize = 1 << 21;

/// From how many of them on it has to be replayed oftener before that, and how often: compiling them takes
/// longer, and some hundred MiB for a while.
const LARGE: (usize, u32) = (1 << 20, 64);

/// From how many operations on loops are looked for.
const MIN_ROLLED: usize = 1 << 14;

/// How many operations an iteration of a loop may have where code without loops can be written: more are
/// those of vectors, mostly, which such code does many at a time.
const MAX_ITERATION: usize = 256;

/// In place of the bytes of code: there are no loops.
const LOOPLESS: usize = usize::MAX;

/// From how many operations on tangents are compiled: what lanes take to begin is more than the sweep
/// of a short trace.
const MIN_SEEDED: usize = 64;

/// From how many operations on loops are kept as one iteration, where a path is wanted for one lane.
pub(crate) const LONG: usize = 1 << 18;

/// For how many purposes a path is kept compiled.
const MAX_ROUTINES: usize = 16;

/// What an input is, apart from its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    Missing,
    Number,
    List(u32),
    Array(linalg::Shape),
}

/// What a path depends on beside numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathKey {
    /// One for each input.
    pub(crate) kinds: Vec<InputKind>,
    /// The literals that are inputs, after all others.
    pub(crate) literals: Vec<Span>,
    /// How soft choices relax, where there are any; their numbers are inputs after the literals.
    pub(crate) relaxation: Option<RelaxationKind>,
}

/// One recorded run.
#[derive(Debug)]
pub(crate) struct Path {
    key: PathKey,
    pub(crate) trace: Trace,
    output: Output,
    /// The node of each number and boolean of the output; none for a constant.
    pub(crate) leaves: Vec<Option<Ref>>,
    /// What the walk took.
    stats: Stats,
    /// What a walk takes by its tests' outcomes.
    costs: Costs,
    /// The limit that the walk had.
    heap_bytes: usize,
    /// The depth that the walk came to, in arms that were not taken too.
    reach: usize,
    pub(crate) given_up: Box<[ForkGivenUp]>,
    /// What monitors were given.
    noted: Box<[Noted]>,
    /// What the model keeps of all its paths, in bytes.
    kept_bytes: Arc<AtomicUsize>,
    /// How often the trace has been replayed as it is.
    replays: AtomicU32,
    routines: Mutex<Vec<(Purpose, Arc<Routine>)>>,
    /// What its code with loops takes, in bytes, or [`LOOPLESS`] where it has none; by the inputs that
    /// derivatives are by, once it was looked for.
    rolled_bytes: Mutex<Vec<(Vec<u32>, usize)>>,
    /// What it costs, compiled; by which inputs lanes share.
    cost_routines: Mutex<Vec<CostRoutine>>,
    seconds: Seconds,
    seeded: Mutex<Option<SeededBy>>,
    /// How often its loops were done the last time, and how often in a row that was the same.
    trips: AtomicU64,
    alike: AtomicU32,
}

/// What counts the costs of lanes, by which inputs they share; none for one lane.
type CostRoutine = (Option<Vec<bool>>, Arc<Routine>);

/// A path compiled with its tangents.
#[derive(Debug)]
struct SeededBy {
    by: Vec<u32>,
    /// None where it cannot be.
    seeded: Option<Arc<Seeded>>,
}

/// What a compiled path is compiled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// The inputs that derivatives are by.
    pub(crate) by: Vec<u32>,
    /// Which inputs lanes share; none for one lane.
    pub(crate) shared: Option<Vec<bool>>,
    /// Whether outputs are summed over lanes.
    pub(crate) summed: bool,
    /// What derivatives are weighted by, and what is wanted of lanes then.
    pub(crate) weighed: Option<(WeightKind, Wishes)>,
}

/// The paths of a program.
#[derive(Debug)]
pub(crate) struct Paths {
    known: ArcSwap<Tree>,
    /// Those whose long loops are kept as one iteration, for those who ask for value and derivatives alone.
    rolled: ArcSwap<Tree>,
    /// How many there are of both.
    count: AtomicU64,
    /// How many are kept.
    most: AtomicUsize,
    /// What they take, and what they are compiled to, in bytes.
    kept_bytes: Arc<AtomicUsize>,
    /// The place of the path that fitted last.
    last: AtomicUsize,
    /// Held while a batch walks a lane, so that no path is walked twice.
    walking: Mutex<()>,
}

/// What to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) key: &'a PathKey,
    /// The inputs of the trace that derivatives are by, if there are to be any.
    pub(crate) by: Option<&'a [u32]>,
    /// Whether the numbers of all nodes are wanted, in `workspace.values`.
    pub(crate) all_nodes: bool,
    /// From how many operations on loops may be kept as one iteration, where value and derivatives are all
    /// that is asked of the path.
    pub(crate) rolls: Option<usize>,
    pub(crate) limits: Limits,
}

/// A value with the trace it came by.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) output: Output,
    pub(crate) stats: Stats,
    /// None where nothing was recorded.
    pub(crate) path: Option<Arc<Path>>,
    /// Where it stands among the paths, if it is there.
    pub(crate) place: Option<usize>,
    /// What monitors tell; of a replay, where the numbers of all nodes were asked for.
    pub(crate) monitored: Vec<Monitored>,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            known: ArcSwap::default(),
            rolled: ArcSwap::default(),
            count: AtomicU64::new(0),
            most: AtomicUsize::new(MAX_PATHS),
            kept_bytes: Arc::default(),
            last: AtomicUsize::new(0),
            walking: Mutex::default(),
        }
    }
}

impl Paths {
    /// Keeps no more than so many from now on.
    pub(crate) fn keep_at_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Keeps as many as others do.
    pub(crate) fn keep_as(&self, others: &Self) {
        self.keep_at_most(others.most.load(Ordering::Relaxed));
    }

    /// How many there are, those whose long loops are kept as one iteration among them.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there may be room for another.
    pub(crate) fn has_room(&self) -> bool {
        self.len() < self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.load().len()
    }

    /// The place of the path that fitted last.
    pub(crate) fn last(&self) -> usize {
        self.last.load(Ordering::Relaxed)
    }

    /// The paths as they are now.
    pub(crate) fn load(&self) -> Arc<Tree> {
        self.known.load_full()
    }

    /// How many paths there are, their operations, and the bytes that they and what they are compiled
    /// to take.
    pub(crate) fn totals(&self) -> (usize, usize, usize) {
        let (known, rolled) = (self.known.load(), self.rolled.load());
        let all = || known.iter().chain(rolled.iter());
        let operations = all().map(|path| path.trace.operations.len()).sum();
        let bytes = all().map(|path| path.bytes()).sum();
        (all().count(), operations, bytes)
    }

    /// Keeps everyone else from walking a lane of a batch.
    pub(crate) fn while_walking(&self) -> MutexGuard<'_, ()> {
        lock(&self.walking)
    }

    /// The trace of the last path of a key, printed.
    pub(crate) fn print(&self, key: &PathKey, names: &[String]) -> String {
        let paths = self.known.load();
        let Some(path) = paths.iter().rev().find(|path| path.key == *key) else {
            return String::new();
        };
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        path.trace.print(names, &outputs)
    }

    /// Keeps a path, if there is room; gives its place.
    fn keep(&self, path: &Arc<Path>, limits: &Limits) -> Option<usize> {
        let is_rolled = path.is_rolled();
        let paths = if is_rolled { &self.rolled } else { &self.known };
        let most = self.most.load(Ordering::Relaxed);
        let place = loop {
            let room = self.kept_bytes.load(Ordering::Relaxed);
            let room = limits.trace_bytes.saturating_sub(room);
            let known = paths.load();
            match known.with(path, most, room) {
                Ok((tree, place)) => {
                    let before = paths.compare_and_swap(&known, Arc::new(tree));
                    if Arc::ptr_eq(&before, &known) {
                        let bytes = path.recorded_bytes();
                        self.kept_bytes.fetch_add(bytes, Ordering::Relaxed);
                        self.count.fetch_add(1, Ordering::Relaxed);
                        break place;
                    }
                }
                Err(Kept::There(place)) => break place,
                Err(Kept::Not) => return None,
            }
        };
        Some(place).filter(|_| !is_rolled)
    }
}

/// Runs a job on the numbers of `workspace.inputs`: by replay if a path fits, else by a walk. The path
/// at the place `likely` is tried first. Derivatives asked for are in `workspace.derivatives`
/// afterwards, row-major: one row a number of the output, if that holds nothing but numbers.
pub(crate) fn run(
    paths: &Paths,
    query: &Query<'_>,
    job: &Job<'_>,
    likely: usize,
    workspace: &mut Workspace,
) -> Result<Run, Box<EvalError>> {
    check_deadline(&query.limits)?;
    match replay(paths, query, likely, workspace) {
        Ok(run) => Ok(run),
        Err(miss) => record(paths, query, job, miss, workspace),
    }
}

/// The replay of a path that fits the numbers of `workspace.inputs`, if one does and stays within the
/// limits; else why not, and the walk is to be asked. Derivatives are left as with [`run`].
pub(crate) fn replay(
    paths: &Paths,
    query: &Query<'_>,
    likely: usize,
    workspace: &mut Workspace,
) -> Result<Run, Miss> {
    let known = paths.known.load();
    let replayed = replay_one_of(&known, paths, query, likely, workspace);
    match replayed {
        Err(miss @ (Miss::Unknown | Miss::Diverged { .. })) if query.rolls.is_some() => {
            paths.replay_rolled(query, miss, workspace)
        }
        replayed => replayed,
    }
}

/// The same of some paths.
fn replay_one_of(
    known: &Tree,
    paths: &Paths,
    query: &Query<'_>,
    likely: usize,
    workspace: &mut Workspace,
) -> Result<Run, Miss> {
    let mut diverged: Option<(usize, Failed)> = None;
    let mut candidate = known.first_of(query.key, likely);
    while let Some(place) = candidate {
        let path = &known[place];
        let limits = &query.limits;
        if !path.may_stay_within(limits) || !path.derivatives_fit(query.by, limits) {
            // The walk meets the limit, or finds another path.
            return Err(Miss::Limited);
        }
        match path.replay(query, workspace) {
            Ok(uncompiled) => {
                let cost = match uncompiled {
                    Some(_) => path.cost_at(&workspace.values),
                    None => path.cost_on(&workspace.inputs, &mut workspace.file),
                };
                if cost.fuel() > query.limits.fuel {
                    // The walk meets the limit.
                    return Err(Miss::Limited);
                }
                if query.by.is_some() && limits.is_late() {
                    return Err(Miss::Late);
                }
                let place = Some(place).filter(|_| !path.is_rolled());
                if let Some(place) = place {
                    paths.last.store(place, Ordering::Relaxed);
                } else {
                    path.note_trips(&workspace.values);
                }
                let stats = Stats {
                    paths: paths.count(),
                    way: uncompiled.map_or(Way::Compiled, Way::Recorded),
                    ..path.replay_stats(cost)
                };
                return Ok(Run {
                    output: path.output_with(&workspace.leaves),
                    stats,
                    path: Some(path.clone()),
                    place,
                    monitored: if query.all_nodes {
                        path.monitored(&workspace.values)
                    } else {
                        Vec::new()
                    },
                });
            }
            Err(failed) if failed.guard == LATE => return Err(Miss::Late),
            Err(failed) if failed.guard == OVER => return Err(Miss::Limited),
            Err(failed) => {
                // What goes on from a guard gets past it.
                let is_further = diverged.is_none_or(|(_, last)| failed.guard > last.guard);
                candidate = known.next_of(place, failed).filter(|_| is_further);
                diverged = Some((place, failed));
            }
        }
        if candidate.is_some() && query.limits.is_late() {
            return Err(Miss::Late);
        }
    }
    Err(diverged.map_or(Miss::Unknown, |(place, failed)| {
        known[place].diverged(place, failed)
    }))
}

/// Fails once the deadline has passed.
pub(crate) fn check_deadline(limits: &Limits) -> Result<(), Box<EvalError>> {
    if limits.is_late() {
        return Err(Box::new(out_of_time()));
    }
    Ok(())
}

pub(crate) fn out_of_time() -> EvalError {
    EvalError::new(Kind::Resource, OUT_OF_TIME)
}

/// Walks a job, as no known path was run again, and keeps its path. Derivatives are left as with
/// [`run`].
pub(crate) fn record(
    paths: &Paths,
    query: &Query<'_>,
    job: &Job<'_>,
    miss: Miss,
    workspace: &mut Workspace,
) -> Result<Run, Box<EvalError>> {
    if let Miss::Late = miss {
        return Err(Box::new(out_of_time()));
    }
    let way = miss.way(job);
    walk_and_keep(paths, query, job, way, workspace).map_err(|mut error| {
        error.stats.way = way;
        error
    })
}

fn walk_and_keep(
    paths: &Paths,
    query: &Query<'_>,
    job: &Job<'_>,
    way: Way,
    workspace: &mut Workspace,
) -> Result<Run, Box<EvalError>> {
    workspace.recorder.reset(&workspace.inputs);
    workspace.recorder.rolls = query.rolls.filter(|_| !paths.are_outgrown(query));
    workspace.recorder.limit = if query.by.is_some() {
        usize::MAX
    } else {
        UNASKED_OPERATIONS
    };
    let finished = walk(job, &mut workspace.memory, &mut workspace.recorder)?;
    let (output, nodes) = finished.take()?;
    let mut stats = Stats {
        way,
        ..finished.stats
    };
    let given_up = finished.given_up.into_boxed_slice();
    let (mut costs, is_limited) = (finished.costs, finished.is_limited);
    let reach = finished.reach;
    let noted = finished.noted.into_boxed_slice();
    let monitored = noted.iter().filter_map(Noted::as_walked).collect();
    let trace = &workspace.recorder.trace;
    let length = trace.longest().max(workspace.inputs.len());
    if length > MOST {
        let message = format!(
            "the run has {length} operations, constants or guards, more than the {MOST} of a trace"
        );
        return Err(Box::new(EvalError {
            stats,
            ..EvalError::new(Kind::Resource, message)
        }));
    }
    if workspace.recorder.overflowed() {
        return Ok(Run {
            output,
            stats,
            path: None,
            place: None,
            monitored,
        });
    }
    let leaves = nodes
        .into_iter()
        .map(|node| node.index().map(Ref::node))
        .collect();
    std::mem::swap(&mut workspace.values, &mut workspace.recorder.values);
    // What is left is what it costs apart from its loops.
    costs.leave_out(loops_cost(trace, &workspace.values));
    let path = Arc::new(Path {
        key: query.key.clone(),
        trace: workspace.recorder.take_trace(),
        kept_bytes: paths.kept_bytes.clone(),
        output,
        leaves,
        stats,
        costs,
        heap_bytes: query.limits.heap_bytes,
        reach,
        given_up,
        noted,
        replays: AtomicU32::new(0),
        routines: Mutex::default(),
        rolled_bytes: Mutex::default(),
        cost_routines: Mutex::default(),
        seconds: Seconds::default(),
        seeded: Mutex::default(),
        trips: AtomicU64::new(0),
        alike: AtomicU32::new(0),
    });
    // Under other limits a walk might come to another trace.
    let place = (!is_limited).then(|| paths.keep(&path, &query.limits));
    let place = place.flatten();
    if let Some(place) = place {
        paths.last.store(place, Ordering::Relaxed);
    }
    path.check_derivatives(query.by, &query.limits)?;
    workspace.adjoints.kept.forget();
    path.differentiate(query.by, &query.limits, workspace);
    if query.by.is_some() {
        check_deadline(&query.limits)?;
    }
    stats.paths = paths.count();
    Ok(Run {
        output: path.output.clone(),
        stats,
        path: Some(path),
        place,
        monitored,
    })
}

/// Walks a job without recording, on numbers that are constants.
pub(crate) fn run_once(
    job: &Job<'_>,
    workspace: &mut Workspace,
) -> Result<(Output, Stats), Box<EvalError>> {
    workspace.recorder.reset(&[]);
    workspace.recorder.rolls = Some(LONG);
    let finished = walk(job, &mut workspace.memory, &mut workspace.recorder)?;
    Ok((finished.take()?.0, finished.stats))
}

impl Path {
    /// The memory that what was recorded takes, in bytes.
    fn recorded_bytes(&self) -> usize {
        let noted: usize = self.noted.iter().map(Noted::bytes).sum();
        self.trace.bytes() + noted + self.costs.bytes()
    }

    /// The memory that it takes, compiled forms included, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let routines = lock(&self.routines);
        let costs = lock(&self.cost_routines);
        let costs = costs.iter().map(|(_, routine)| routine.bytes());
        let compiled = routines.iter().map(|(_, routine)| routine.bytes());
        let compiled: usize = compiled.chain(costs).sum();
        let seeded = lock(&self.seeded);
        let seeded = seeded.as_ref().and_then(|known| known.seeded.as_ref());
        self.recorded_bytes()
            + compiled
            + self.seconds.bytes()
            + seeded.map_or(0, |seeded| seeded.routine.bytes())
    }

    /// Whether the output is one number.
    pub(crate) fn is_number(&self) -> bool {
        self.output.number().is_some()
    }

    /// The output as it was when it was recorded.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Whether it is one that counts as an int.
    pub(crate) fn is_int(&self) -> bool {
        self.output.is_int()
    }

    /// The number, where the output is one that depends on no input.
    pub(crate) fn constant(&self) -> Option<f64> {
        match (self.output.number(), self.leaves.as_slice()) {
            (number, [None]) => number,
            _ => None,
        }
    }

    /// The output's leaves as they were when it was recorded.
    pub(crate) fn constants(&self) -> impl Iterator<Item = f64> {
        self.output.leaves()
    }

    /// The output with other numbers at its leaves.
    pub(crate) fn output_with(&self, leaves: &[f64]) -> Output {
        let mut output = self.output.clone();
        let mut leaves = leaves.iter();
        output.set_leaves(|_| leaves.next().copied().unwrap_or(f64::NAN));
        output
    }

    /// Runs the path on `workspace.inputs`; `workspace.leaves` and `workspace.derivatives` hold the
    /// numbers of the output and its derivatives afterwards. Tells why it did not run as compiled
    /// code, where it did not.
    pub(super) fn replay(
        &self,
        query: &Query<'_>,
        workspace: &mut Workspace,
    ) -> Result<Option<Uncompiled>, Failed> {
        let direction = if query.all_nodes {
            Err(Uncompiled::Nodes)
        } else {
            self.direction_now(query.by.unwrap_or(&[]))
        };
        let limits = &query.limits;
        let routine = match direction {
            Ok(Direction::Backwards) => self.routine(query.by.unwrap_or(&[]), None, false, limits),
            _ => None,
        };
        if let Some(routine) = routine {
            self.run_compiled(&routine, query, workspace)?;
            return Ok(None);
        }
        let why = match (direction, query.by) {
            (Err(why), _) => why,
            // Now that there are no loops in it, it may be too large.
            (Ok(Direction::Backwards), by) => match self.uncompiled(by.unwrap_or(&[])) {
                Some(large @ Uncompiled::Large { .. }) => large,
                _ => Uncompiled::Limited,
            },
            (Ok(Direction::Forwards), by) => {
                let by = by.unwrap_or(&[]);
                match self.seeded_by(by, limits) {
                    None => Uncompiled::Blocks,
                    Some(seeded) => {
                        if self.replay_seeded(&seeded, by.len(), workspace)? {
                            return Ok(None);
                        }
                        Uncompiled::NotANumber
                    }
                }
            }
        };
        let Workspace {
            inputs,
            values,
            adjoints,
            ..
        } = &mut *workspace;
        adjoints.kept.forget();
        let kept = query.by.is_some().then_some(&mut adjoints.kept);
        let mut taken = self.costs.base();
        let replayed =
            self.trace
                .replay_while(inputs, values, kept, &mut |[applications, work]| {
                    taken += Cost { applications, work };
                    taken.fuel() <= limits.fuel && !limits.is_late()
                });
        match replayed {
            Ok(()) => {}
            Err(Ended::Diverged(Diverged { guard })) => {
                let value = self.trace.number(self.trace.guards[guard].node, values);
                return Err(Failed {
                    guard: narrow(guard),
                    value,
                });
            }
            Err(Ended::Stopped) => {
                let guard = if limits.is_late() { LATE } else { OVER };
                return Err(Failed { guard, value: 0.0 });
            }
        }
        let constants = self.output.leaves();
        let numbers = self.leaves.iter().zip(constants);
        workspace.leaves.clear();
        workspace.leaves.extend(numbers.map(|(leaf, constant)| {
            leaf.map_or(constant, |leaf| self.trace.number(leaf, &workspace.values))
        }));
        self.differentiate(query.by, limits, workspace);
        Ok(Some(why))
    }

    /// Whether derivatives are swept backwards, not forwards.
    fn sweeps_backwards(&self, by: &[u32]) -> bool {
        by.len() >= self.leaves.len()
    }

    /// The derivatives of the output's numbers at `workspace.values`, by sweeps through the trace; some of
    /// them, where it is late.
    fn differentiate(&self, by: Option<&[u32]>, limits: &Limits, workspace: &mut Workspace) {
        let Workspace {
            values,
            adjoints,
            tangents,
            derivatives,
            ..
        } = workspace;
        derivatives.clear();
        let Some(by) = by.filter(|by| !by.is_empty() && self.output.is_numeric()) else {
            return;
        };
        derivatives.resize(self.leaves.len() * by.len(), 0.0);
        // An output that is a constant has no node; what stands in for it is any constant.
        let outputs = self.leaves.iter();
        let outputs: SmallVec<[Ref; 4]> = outputs
            .map(|leaf| leaf.unwrap_or(Ref::constant(0)))
            .collect();
        if !self.sweeps_backwards(by) {
            self.trace.jacobian(
                values,
                by,
                &outputs,
                &|| limits.is_late(),
                tangents,
                derivatives,
            );
            return;
        }
        if self.is_rolled() {
            adjoints.want(by, self.trace.inputs);
        }
        for (output, row) in outputs.iter().zip(derivatives.chunks_mut(by.len())) {
            if limits.is_late() {
                break;
            }
            let seeds = [(*output, 1.0)];
            self.trace
                .sweep_until(values, &seeds, adjoints, &|| limits.is_late());
            for (entry, &column) in row.iter_mut().zip(by) {
                *entry = adjoints.of(column as usize);
            }
        }
        adjoints.want_all();
    }
}
