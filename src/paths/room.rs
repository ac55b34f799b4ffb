//! What paths, their code and derivatives take, held against the caller's limits before it is taken.
//!
//! A path, what is asked of it and limits go in; whether there is room, and time, comes out.
//!
//! **Invariants**
//! - Whether derivatives fit depends on the path and on what is asked alone: a replay is refused where a
//!   walk is, with the same words.
//! - Where there is no room for code, or no time to write it, the trace is run as it is: the bits are the
//!   same.

use super::Path;
use crate::error::Kind;
use crate::trace::routine::Routine;
use crate::walk::{EvalError, Limits};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of code for an operation, about.
const CODE: usize = 48;

/// Nanoseconds that an operation takes to compile, about.
const COMPILE: u64 = 400;

/// Nanoseconds that loops take to be found, for each operation, about, and to be written.
const ROLL: (u64, Duration) = (100, Duration::from_millis(5));

/// Bytes that an operation takes while its gradient is written down, about, and nanoseconds.
const WRITTEN: (usize, u64) = (400, 400);

/// Up to how many operations the clock is not asked.
const SHORT: usize = 1 << 10;

/// How many bytes of a forward sweep a node has.
const TANGENTS: usize = 65;

fn nanoseconds(operations: usize, each: u64) -> Duration {
    Duration::from_nanos((operations as u64).saturating_mul(each))
}

impl Path {
    /// Whether code for so many operations may be written and kept.
    pub(super) fn may_compile(&self, operations: usize, limits: &Limits) -> bool {
        let code = operations.saturating_mul(CODE);
        let kept = self.kept_bytes.load(Ordering::Relaxed);
        kept.saturating_add(code) <= limits.trace_bytes
            && (operations <= SHORT || limits.has_time(nanoseconds(operations, COMPILE)))
    }

    /// Whether there is time to look for loops and to write code that has some, and room for that and its
    /// tape, as far as it is known what they take.
    pub(super) fn has_room_to_roll(&self, by: &[u32], limits: &Limits) -> bool {
        let (each, written) = ROLL;
        let kept = self.kept_bytes.load(Ordering::Relaxed);
        let needed = self.rolled_bytes(by);
        kept.saturating_add(needed) <= limits.trace_bytes
            && limits.has_time(nanoseconds(self.trace.operations.len(), each) + written)
    }

    /// Notes code that is kept from now on, and code that is not any more.
    pub(super) fn note_code(&self, kept: usize, dropped: usize) {
        self.kept_bytes.fetch_add(kept, Ordering::Relaxed);
        let less = |bytes: usize| Some(bytes.saturating_sub(dropped));
        let _ = self
            .kept_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// What the derivatives of the value by some inputs take, all that they are computed in included.
    fn derivative_bytes(&self, by: Option<&[u32]>) -> usize {
        let Some(by) = by.filter(|by| !by.is_empty() && self.output.is_numeric()) else {
            return 0;
        };
        let number = size_of::<f64>();
        let nodes = self.trace.len();
        let sweep = if self.sweeps_backwards(by) {
            number
        } else {
            TANGENTS
        };
        // As they are computed, and as the caller gets them.
        let table = self.leaves.len().saturating_mul(by.len() * 2 * number);
        table.saturating_add(nodes.saturating_mul(sweep + 4 * number))
    }

    /// Whether derivatives fit.
    pub(super) fn derivatives_fit(&self, by: Option<&[u32]>, limits: &Limits) -> bool {
        self.derivative_bytes(by) <= limits.heap_bytes
    }

    /// Fails unless derivatives fit.
    pub(super) fn check_derivatives(
        &self,
        by: Option<&[u32]>,
        limits: &Limits,
    ) -> Result<(), Box<EvalError>> {
        if self.derivatives_fit(by, limits) {
            return Ok(());
        }
        let message = format!(
            "out of heap: the derivatives of {} numbers by {} take {} bytes, and the limit is {}",
            self.leaves.len(),
            by.map_or(0, <[u32]>::len),
            self.derivative_bytes(by),
            limits.heap_bytes
        );
        let mut error = EvalError::new(Kind::Resource, message);
        error.stats = self.stats;
        Err(Box::new(error))
    }

    /// Fails unless there is room, and time, to write the gradient down.
    pub(super) fn check_second(&self, limits: &Limits) -> Result<(), Box<EvalError>> {
        let operations = self.trace.operations.len();
        let bytes = operations.saturating_mul(WRITTEN.0);
        if bytes > limits.heap_bytes {
            let message = format!(
                "out of heap: differentiating a run of {operations} operations twice takes about \
                 {bytes} bytes, and the limit is {}",
                limits.heap_bytes
            );
            return Err(Box::new(EvalError::new(Kind::Resource, message)));
        }
        if operations > SHORT && !limits.has_time(nanoseconds(operations, WRITTEN.1)) {
            return Err(Box::new(super::out_of_time()));
        }
        Ok(())
    }
}

/// The error of lanes whose values take too much together.
pub(super) fn out_of_heap(limits: &Limits) -> EvalError {
    let message = format!(
        "out of heap: the values of all lanes take more than {} bytes; ask for fewer lanes at once",
        limits.heap_bytes
    );
    EvalError::new(Kind::Resource, message)
}

/// Whether the numbers of a chunk of lanes fit.
pub(super) fn chunk_fits(routine: &Routine, limits: &Limits) -> bool {
    routine.chunk_bytes() <= limits.heap_bytes
}
