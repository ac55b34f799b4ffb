//! Paths whose long loops are kept as one iteration: which of them is run again, what it costs, and when
//! its loops are better written out.
//!
//! **Invariants**
//! - They are apart from other paths, and only those who ask for a value and its derivatives see them.
//! - Value, derivatives and costs are those of the loops written out.

use super::reasons::Miss;
use super::{LONG, MAX_COMPILED, Path, Paths, Query, Run, Workspace, replay_one_of};
use crate::trace::Trace;
use crate::walk::cost::Cost;
use std::sync::atomic::Ordering;

/// After how many replays that do its loops as often as each other a path is recorded with its loops written
/// out, if it is not large: code for all iterations at once is quicker, and takes long to be written.
const OUTGROWN: u32 = 64;

/// Bytes that an operation takes that is written out, with its code, about.
const WRITTEN_OUT: usize = 64;

/// What the loops of a trace cost, where its nodes have these numbers.
pub(super) fn loops_cost(trace: &Trace, values: &[f64]) -> Cost {
    let mut total = Cost::default();
    for repeated in trace.each_repeated() {
        let trips = values[repeated.trips()] as u64;
        let carried = &values[repeated.first..repeated.trips()];
        let [applications, work] = repeated.of.taken(trips, carried);
        total += Cost { applications, work };
    }
    total
}

impl Paths {
    /// The replay of a path with such loops, if one fits; else why not, which was `miss` without them.
    pub(super) fn replay_rolled(
        &self,
        query: &Query<'_>,
        miss: Miss,
        workspace: &mut Workspace,
    ) -> Result<Run, Miss> {
        let rolled = self.rolled.load();
        if rolled.is_empty() || self.are_outgrown(query) {
            return Err(miss);
        }
        match replay_one_of(&rolled, self, query, 0, workspace) {
            Err(Miss::Unknown) => Err(miss),
            replayed => replayed,
        }
    }

    /// Whether loops of a key that could be written out are better written out: they are done again and
    /// again, always as often.
    pub(super) fn are_outgrown(&self, query: &Query<'_>) -> bool {
        let rolled = self.rolled.load();
        let room = query.limits.trace_bytes;
        let room = room.saturating_sub(self.kept_bytes.load(Ordering::Relaxed));
        rolled
            .iter()
            .filter(|path| path.key == *query.key)
            .any(|path| {
                let operations = path.stats.operations as usize;
                path.alike.load(Ordering::Relaxed) >= OUTGROWN
                    && query.rolls == Some(LONG)
                    && operations <= MAX_COMPILED
                    && operations.saturating_mul(WRITTEN_OUT) <= room
                    && query.limits.deadline.is_none()
            })
    }
}

impl Path {
    /// Notes how often a replay has done its loops.
    pub(super) fn note_trips(&self, values: &[f64]) {
        let trips = self
            .trace
            .each_repeated()
            .map(|of| values[of.trips()] as u64);
        let trips = trips.fold(0, u64::wrapping_add);
        if self.trips.swap(trips, Ordering::Relaxed) == trips {
            self.alike.fetch_add(1, Ordering::Relaxed);
        } else {
            self.alike.store(0, Ordering::Relaxed);
        }
    }

    /// Whether long loops in it are kept as one iteration.
    pub(crate) fn is_rolled(&self) -> bool {
        !self.trace.repeats.is_empty()
    }
}
