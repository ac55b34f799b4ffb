//! What is told of paths: why none was run again, why one is not run as compiled code, what its
//! monitors were given.
//!
//! **Invariants**
//! - Reasons are read off what decides, by the code that decides: they cannot differ from it.

use super::{COMPILED_AFTER, LARGE, MAX_COMPILED, MIN_SEEDED, Path};
use crate::prim::{self, Prim};
use crate::trace::routine::Failed;
use crate::trace::{Guard, Ref, narrow};
use crate::walk::{Divergence, Job, Monitored, Uncompiled, Way};
use std::sync::atomic::Ordering;

/// Why no known path was run again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Miss {
    /// None is of the key.
    Unknown,
    /// A guard failed, and no other path goes on from there.
    Diverged {
        path: u32,
        failed: Failed,
        guard: Guard,
        is_test: bool,
    },
    /// The path that fits takes more than the limits allow.
    Limited,
    /// Time ran out while paths were tried.
    Late,
    /// Whoever runs lanes knows.
    OfLanes,
}

impl Miss {
    /// The same as a caller gets it.
    pub(super) fn way(self, job: &Job<'_>) -> Way {
        match self {
            Self::Unknown | Self::Late => Way::Walked,
            Self::Diverged {
                path,
                failed,
                guard,
                is_test,
            } => Way::Diverged(Divergence {
                path,
                guard: failed.guard,
                span: job.span_of_place(guard.place),
                is_test,
                expected: guard.expected.to_bits(),
                found: failed.value.to_bits(),
            }),
            Self::Limited => Way::Limited,
            Self::OfLanes => Way::Lanes,
        }
    }
}

/// Which way the derivatives of compiled code go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Backwards,
    Forwards,
}

impl Path {
    /// Which way derivatives of compiled code go, if the path is to be compiled for one lane, and why
    /// it is not otherwise.
    fn direction(&self, by: &[u32]) -> Result<Direction, Uncompiled> {
        let operations = self.trace.operations.len();
        let backwards = by.is_empty() || self.sweeps_backwards(by);
        if !by.is_empty() && !self.output.is_numeric() {
            return Err(Uncompiled::NotNumeric);
        }
        if self.is_rolled() {
            return Err(Uncompiled::Rolled);
        }
        if !backwards && operations < MIN_SEEDED {
            return Err(Uncompiled::Short {
                size: operations as u64,
                least: MIN_SEEDED as u64,
            });
        }
        let rows = match (backwards, by.is_empty()) {
            (true, false) => self.leaves.len(),
            _ => 1,
        };
        let size = operations.saturating_mul(rows);
        let may_roll = backwards && self.may_roll(by);
        if size > MAX_COMPILED && !may_roll {
            return Err(Uncompiled::Large {
                size: size as u64,
                most: MAX_COMPILED as u64,
            });
        }
        let replays = self.replays.load(Ordering::Relaxed);
        let needed = match size {
            // Code with loops is soon written.
            _ if may_roll => 1,
            size if size > LARGE.0 => LARGE.1,
            _ => COMPILED_AFTER,
        };
        if replays < needed {
            return Err(Uncompiled::Young { replays, needed });
        }
        Ok(if backwards {
            Direction::Backwards
        } else {
            Direction::Forwards
        })
    }

    /// The same for a replay that is about to be, which counts.
    pub(super) fn direction_now(&self, by: &[u32]) -> Result<Direction, Uncompiled> {
        self.direction(by).map_err(|why| match why {
            Uncompiled::Young { replays, needed } => {
                let replays = replays + 1;
                self.replays.store(replays, Ordering::Relaxed);
                Uncompiled::Young { replays, needed }
            }
            why => why,
        })
    }

    /// Why the next replay would not be one of compiled code, as far as that can be told.
    pub(crate) fn uncompiled(&self, by: &[u32]) -> Option<Uncompiled> {
        self.direction(by).err()
    }

    /// Why the path at a place was not run again, where one of its guards failed.
    pub(super) fn diverged(&self, place: usize, failed: Failed) -> Miss {
        let guard = self.trace.guards[failed.guard as usize];
        Miss::Diverged {
            path: narrow(place),
            failed,
            guard,
            is_test: self.is_test(guard.node),
        }
    }

    /// Whether a node of the trace is the outcome of a test.
    pub(crate) fn is_test(&self, node: Ref) -> bool {
        let mut node = node;
        loop {
            let Some(index) = node
                .as_node()
                .and_then(|n| n.checked_sub(self.trace.inputs))
            else {
                return false;
            };
            let operation = self.trace.operations[index as usize];
            match operation.prim {
                // A test that was joined is one on either side.
                Prim::Select if operation.a.is_node() => node = operation.a,
                Prim::Select => node = operation.b,
                prim => return prim.spec().kind == prim::Kind::Predicate,
            }
        }
    }

    /// What monitors tell where the nodes of the trace have these numbers.
    pub(super) fn monitored(&self, values: &[f64]) -> Vec<Monitored> {
        self.noted
            .iter()
            .filter_map(|noted| noted.at(values))
            .collect()
    }
}
