//! What a replay costs, as the walk that it stands for would.
//!
//! A path, limits and numbers go in; whether it stays within the limits, and what it takes, comes out.
//!
//! **Invariants**
//! - Applications, fuel and depth are those of a walk on the same numbers. What is left of a walk's other
//!   counts is history: graph nodes, ints that were rounded, bytes as the recording walk came to them.
//! - Where it is not known whether a walk would stay within a limit, the walk is asked.

use super::Path;
use super::rolled::loops_cost;
use crate::threads::lock;
use crate::trace::routine::{File, Routine, Wanted};
use crate::trace::{Ref, Trace};
use crate::walk::cost::{Cost, sum_of_forks};
use crate::walk::{Limits, Stats, Way};
use std::sync::Arc;

/// How many times what a run took of the heap there has to be room for, so that its walk is the same
/// whatever the limit: collections come the later the more room there is.
const ROOM: usize = 4;

/// The same in bytes, besides.
const ROOM_BYTES: usize = 8 << 20;

impl Path {
    /// Whether a walk would stay within the limits on anything but fuel.
    pub(crate) fn fits(&self, limits: &Limits) -> bool {
        let bytes = self.stats.bytes as usize;
        let has_room = |limit: usize| limit / ROOM >= bytes.saturating_add(ROOM_BYTES / ROOM);
        let is_same = limits.heap_bytes == self.heap_bytes;
        // Where an arm would be too deep, a walk does not join it.
        self.reach <= limits.depth
            && bytes <= limits.heap_bytes
            && (is_same || (has_room(limits.heap_bytes) && has_room(self.heap_bytes)))
    }

    /// Whether it would, whatever its tests come to.
    pub(crate) fn stays_within(&self, limits: &Limits) -> bool {
        self.most_fuel() <= limits.fuel && self.fits(limits)
    }

    /// Whether it may, by what is known before the replay.
    pub(crate) fn may_stay_within(&self, limits: &Limits) -> bool {
        self.costs.base().fuel() <= limits.fuel && self.fits(limits)
    }

    /// No less than what it costs.
    pub(super) fn most(&self) -> Cost {
        self.costs.most()
    }

    /// No less than the fuel it takes.
    pub(crate) fn most_fuel(&self) -> u64 {
        self.costs.most().fuel()
    }

    /// Whether it takes the same fuel whatever its tests come to.
    pub(crate) fn has_fixed_cost(&self) -> bool {
        self.costs.is_fixed()
    }

    /// What it costs where the nodes have these numbers.
    pub(super) fn cost_at(&self, values: &[f64]) -> Cost {
        self.costs.at(|node| values[node as usize]) + loops_cost(&self.trace, values)
    }

    /// What it costs on inputs that fit it.
    pub(super) fn cost_on(&self, inputs: &[f64], file: &mut File) -> Cost {
        if self.costs.is_fixed() {
            return self.costs.base();
        }
        let routine = self.routine_of_costs(None);
        match routine.run(inputs, file) {
            Ok(()) => match routine.outputs[..] {
                [applications, work] => Cost {
                    applications: file.at(applications) as u64,
                    work: file.at(work) as u64,
                },
                _ => self.costs.most(),
            },
            // Inputs that fit it take no other path.
            Err(_) => self.costs.most(),
        }
    }

    /// What a replay takes.
    pub(crate) fn replay_stats(&self, cost: Cost) -> Stats {
        Stats {
            nodes: 0,
            rounded_ints: 0,
            applications: cost.applications,
            fuel: cost.fuel(),
            replayed: true,
            // Whoever replays one lane knows better.
            way: Way::Lanes,
            ..self.stats
        }
    }

    /// The same for as many lanes that cost so much together.
    pub(super) fn stats_of_lanes(&self, lanes: u64, applications: u64, fuel: u64) -> Stats {
        let mut stats = Stats::of_replays();
        stats.add(&self.replay_stats(Cost::default()), lanes);
        stats.applications = applications;
        stats.fuel = fuel;
        stats
    }

    /// What the recording walk took.
    pub(crate) fn recorded_stats(&self) -> Stats {
        self.replay_stats(Cost {
            applications: self.stats.applications,
            work: 0,
        })
    }

    /// The path compiled to what it costs: applications, and elements gone through; over lanes where it
    /// is told which inputs these share.
    pub(super) fn routine_of_costs(&self, shared: Option<&[bool]>) -> Arc<Routine> {
        let mut known = lock(&self.cost_routines);
        if let Some((_, routine)) = known.iter().find(|(key, _)| key.as_deref() == shared) {
            return routine.clone();
        }
        let (trace, outputs) = self.cost_trace();
        let none = vec![false; trace.inputs as usize];
        let wanted = Wanted {
            outputs: &outputs,
            by: &[],
            shared: shared.unwrap_or(&none),
            summed: false,
            alone: shared.is_none(),
        };
        let routine = Arc::new(Routine::new(&trace, &wanted));
        if known.len() >= super::MAX_ROUTINES {
            known.remove(0);
        }
        known.push((shared.map(<[bool]>::to_vec), routine.clone()));
        routine
    }

    /// The trace with what it costs as numbers of it.
    fn cost_trace(&self) -> (Trace, [Ref; 2]) {
        let mut trace = self.trace.clone();
        let outputs = [
            |cost: Cost| cost.applications as f64,
            |cost: Cost| cost.work as f64,
        ]
        .map(|part| sum_of_forks(&mut trace, self.costs.base(), self.costs.forks(), part));
        (trace, outputs)
    }
}
