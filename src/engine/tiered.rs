//! Paths: a recorded run is run again on other numbers, as long as its guards hold.
//!
//! A prepared program and numbers go in; the value comes out of a replay where a path fits, of a
//! walk where none does, and that walk's path is kept.
//!
//! **Invariants**
//! - A path belongs to a key: which inputs are there, how long the lists are, which literals are
//!   inputs.
//! - A replay obeys the caller's limits as the walk would: a path carries its counts.
//! - Readers never wait: the paths are swapped whole.

use super::output::{Item, Output};
use super::walk::{InputValue, Job, Workspace, walk};
use super::{EvalError, Limits, Stats};
use crate::error::Kind;
use crate::prim::linalg;
use crate::relaxation::RelaxationKind;
use crate::source::Span;
use crate::trace::{Ref, Trace};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Instant;

/// How many paths a model keeps; further ones are walked each time.
pub(crate) const MAX_PATHS: usize = 256;

/// How many bytes of traces a model keeps; one path is kept in any case.
const MAX_PATH_BYTES: usize = 256 << 20;

/// How many operations a trace that nobody asked a gradient of may have.
const UNASKED_OPERATIONS: usize = 1 << 20;

/// What an input is, apart from its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Missing,
    Number,
    List(u32),
    Array(linalg::Shape),
}

/// What a path depends on beside numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathKey {
    /// One for each input.
    pub(crate) shapes: Vec<Shape>,
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
    stats: Stats,
}

/// The paths of a program.
#[derive(Debug, Default)]
pub(crate) struct Paths(ArcSwap<Vec<Arc<Path>>>);

/// A value with the trace it came by.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) output: Output,
    pub(crate) stats: Stats,
    /// None where nothing was recorded.
    pub(crate) path: Option<Arc<Path>>,
    /// Where it stands among the paths, if it was found there.
    pub(crate) place: Option<usize>,
}

impl Paths {
    pub(crate) fn len(&self) -> usize {
        self.0.load().len()
    }

    /// The trace of the last path of a key, printed.
    pub(crate) fn print(&self, key: &PathKey, names: &[String]) -> String {
        let paths = self.0.load();
        let Some(path) = paths.iter().rev().find(|path| path.key == *key) else {
            return String::new();
        };
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        path.trace.print(names, &outputs)
    }

    fn keep(&self, path: &Arc<Path>) {
        self.0.rcu(|paths| {
            let mut paths = Vec::clone(paths);
            let bytes: usize = paths.iter().map(|p| p.trace.bytes()).sum();
            if paths.is_empty()
                || (paths.len() < MAX_PATHS && bytes + path.trace.bytes() <= MAX_PATH_BYTES)
            {
                paths.push(path.clone());
            }
            paths
        });
    }
}

/// Runs a job on the numbers of `workspace.inputs`: by replay if a path fits, else by a walk.
/// Afterwards `workspace.values` holds the value of every node of the path. The path at the place
/// `likely` is tried first.
pub(crate) fn run(
    paths: &Paths,
    key: &PathKey,
    job: &Job<'_>,
    gradient: bool,
    likely: usize,
    workspace: &mut Workspace,
) -> Result<Run, Box<EvalError>> {
    if job.limits.deadline.is_some_and(|at| Instant::now() >= at) {
        return Err(Box::new(EvalError::new(
            Kind::Resource,
            "out of time: the deadline has passed",
        )));
    }
    let known = paths.0.load();
    let others = (0..known.len()).filter(|&place| place != likely);
    for place in std::iter::once(likely).chain(others) {
        let Some(path) = known.get(place) else {
            continue;
        };
        if path.key == *key && path.stays_within(&job.limits) {
            let Workspace { inputs, values, .. } = &mut *workspace;
            if path.trace.replay(inputs, values).is_ok() {
                let stats = Stats {
                    nodes: 0,
                    replayed: true,
                    paths: paths.len() as u64,
                    ..path.stats
                };
                return Ok(Run {
                    output: path.output_with(values),
                    stats,
                    path: Some(path.clone()),
                    place: Some(place),
                });
            }
        }
    }
    drop(known);
    let inputs = std::mem::take(&mut workspace.inputs);
    workspace.recorder.reset(&inputs);
    workspace.recorder.limit = if gradient {
        usize::MAX
    } else {
        UNASKED_OPERATIONS
    };
    workspace.inputs = inputs;
    let finished = walk(job, workspace)?;
    let (output, nodes) = finished.take()?;
    let mut stats = finished.stats;
    if workspace.recorder.overflowed() {
        return Ok(Run {
            output,
            stats,
            path: None,
            place: None,
        });
    }
    let leaves = nodes
        .into_iter()
        .map(|node| node.checked_sub(1).map(Ref::node))
        .collect();
    std::mem::swap(&mut workspace.values, &mut workspace.recorder.values);
    let path = Arc::new(Path {
        key: key.clone(),
        trace: workspace.recorder.trace.clone(),
        output,
        leaves,
        stats,
    });
    paths.keep(&path);
    stats.paths = paths.len() as u64;
    Ok(Run {
        output: path.output.clone(),
        stats,
        path: Some(path),
        place: None,
    })
}

/// Walks a job without recording, on numbers that are constants.
pub(crate) fn run_once(
    job: &Job<'_>,
    workspace: &mut Workspace,
) -> Result<(Output, Stats), Box<EvalError>> {
    workspace.recorder.reset(&[]);
    let finished = walk(job, workspace)?;
    Ok((finished.take()?.0, finished.stats))
}

impl Path {
    fn stays_within(&self, limits: &Limits) -> bool {
        self.stats.applications <= limits.fuel
            && self.stats.bytes as usize <= limits.heap_bytes
            && self.stats.depth as usize <= limits.depth
    }

    fn output_with(&self, values: &[f64]) -> Output {
        let mut output = self.output.clone();
        let mut leaves = self.leaves.iter();
        for item in &mut output.items {
            if !matches!(item, Item::Number { .. } | Item::Bool(_)) {
                continue;
            }
            let Some(&Some(node)) = leaves.next() else {
                continue;
            };
            let number = self.trace.number(node, values);
            match item {
                Item::Number { value, .. } => *value = number,
                Item::Bool(value) => *value = number != 0.0,
                _ => {}
            }
        }
        output
    }
}

impl InputValue {
    /// The input as a constant of the walk.
    pub(crate) fn without_nodes(self) -> Self {
        match self {
            Self::Number(x, _) => Self::Number(x, 0),
            Self::List(items) => Self::List(items.into_iter().map(|(x, _)| (x, 0)).collect()),
            Self::Array(shape, items) => {
                Self::Array(shape, items.into_iter().map(|(x, _)| (x, 0)).collect())
            }
            Self::Missing => Self::Missing,
        }
    }
}
