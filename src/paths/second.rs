//! Second derivatives along a path.
//!
//! A path, the inputs that derivatives are by and numbers that fit the path go in; the derivatives of
//! the gradient come out: a row for each of its numbers, or one row, the Hessian times a direction.
//!
//! **Invariants**
//! - A path keeps the traces of its gradients, and what these are compiled to once they are run often.
//!   The bits are the same.
//! - Numbers that fit the path fit its gradients: their guards are the same.

use super::Workspace;
use super::{COMPILED_AFTER, MAX_COMPILED, MAX_ROUTINES, Path, check_deadline};
use crate::error::Kind;
use crate::threads::lock;
use crate::trace::Ref;
use crate::trace::routine::{Routine, Wanted};
use crate::trace::second::GradientTrace;
use crate::walk::{EvalError, Limits};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How many operations a path may have that is differentiated twice: writing its gradient down takes
/// some hundred bytes for each.
const MAX_OPERATIONS: usize = 1 << 21;

/// The gradients of a path, those kept.
#[derive(Debug, Default)]
pub(crate) struct Seconds(Mutex<Vec<Arc<Second>>>);

/// A gradient of a path that is differentiated again.
#[derive(Debug)]
pub(super) struct Second {
    /// The inputs that derivatives are by, both times.
    by: Vec<u32>,
    /// Whether the derivatives are of the sum of the gradient's numbers, weighted by further inputs.
    directed: bool,
    pub(super) gradient: GradientTrace,
    /// How often the trace has been replayed as it is.
    replays: AtomicU32,
    routine: OnceLock<Routine>,
}

impl Seconds {
    /// The memory that they take, compiled forms included, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let seconds = lock(&self.0);
        seconds.iter().map(|second| second.bytes()).sum()
    }
}

impl Path {
    /// The derivatives of the derivatives of `output` by the inputs `by`, at the numbers of
    /// `workspace.inputs`, which fit the path: row-major, in `workspace.derivatives` afterwards. With a
    /// direction of a number for each input of `by`, one row: their sum, weighted by it.
    pub(crate) fn differentiate_twice(
        &self,
        output: Ref,
        by: &[u32],
        direction: Option<&[f64]>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<(), Box<EvalError>> {
        let operations = self.trace.operations.len();
        if operations > MAX_OPERATIONS {
            let message = format!(
                "the run has {operations} operations on numbers, more than the {MAX_OPERATIONS} \
                 that can be differentiated twice"
            );
            return Err(Box::new(EvalError::new(Kind::Resource, message)));
        }
        check_deadline(limits)?;
        if !self.has_second(by, direction.is_some()) {
            self.check_second(limits)?;
        }
        workspace.inputs.extend_from_slice(direction.unwrap_or(&[]));
        let second = self.second(output, by, direction.is_some());
        second.run(limits, workspace)
    }

    /// Whether the gradient is known already.
    fn has_second(&self, by: &[u32], directed: bool) -> bool {
        let seconds = lock(&self.seconds.0);
        let is_it = |second: &Arc<Second>| second.by == by && second.directed == directed;
        seconds.iter().any(is_it)
    }

    /// The gradient of the output, whose derivatives are wanted.
    pub(super) fn second(&self, output: Ref, by: &[u32], directed: bool) -> Arc<Second> {
        let mut seconds = lock(&self.seconds.0);
        let is_it = |second: &&Arc<Second>| second.by == by && second.directed == directed;
        if let Some(second) = seconds.iter().find(is_it) {
            return second.clone();
        }
        let second = Arc::new(Second {
            by: by.to_vec(),
            directed,
            gradient: self.trace.gradient_trace(output, by, directed),
            replays: AtomicU32::new(0),
            routine: OnceLock::new(),
        });
        let bytes = second.gradient.trace.bytes();
        if second.gradient.trace.operations.len() <= MAX_COMPILED {
            let mut dropped = 0;
            if seconds.len() >= MAX_ROUTINES {
                dropped = seconds.remove(0).bytes();
            }
            self.note_code(bytes, dropped);
            seconds.push(second.clone());
        }
        second
    }
}

impl Second {
    fn bytes(&self) -> usize {
        self.gradient.trace.bytes() + self.routine.get().map_or(0, Routine::bytes)
    }

    /// The trace compiled, if that pays.
    fn routine(&self) -> Option<&Routine> {
        let GradientTrace { trace, outputs } = &self.gradient;
        if trace.operations.len().saturating_mul(outputs.len()) > MAX_COMPILED {
            return None;
        }
        if self.replays.fetch_add(1, Ordering::Relaxed) < COMPILED_AFTER {
            return None;
        }
        let compile = || {
            let wanted = Wanted {
                outputs,
                by: &self.by,
                shared: &vec![false; trace.inputs as usize],
                summed: false,
                alone: true,
            };
            Routine::new(trace, &wanted)
        };
        Some(self.routine.get_or_init(compile))
    }

    fn run(&self, limits: &Limits, workspace: &mut Workspace) -> Result<(), Box<EvalError>> {
        const FITS: &str = "the same numbers take the same path";
        let Workspace {
            inputs,
            values,
            adjoints,
            file,
            derivatives,
            ..
        } = workspace;
        derivatives.clear();
        if let Some(routine) = self.routine() {
            routine.run(inputs, file).expect(FITS);
            let places = routine.derivatives.iter();
            derivatives.extend(places.map(|&place| file.at(place) + 0.0));
            return Ok(());
        }
        let GradientTrace { trace, outputs } = &self.gradient;
        trace.replay(inputs, values).expect(FITS);
        for &output in outputs {
            check_deadline(limits)?;
            trace.sweep(values, &[(output, 1.0)], adjoints);
            let by = self.by.iter();
            derivatives.extend(by.map(|&input| adjoints.of(input as usize)));
        }
        Ok(())
    }
}
