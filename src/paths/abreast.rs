//! Lanes of a batch that go through the loops of a path together, each as often as it goes round.
//!
//! Lanes that no path fits without such loops go in; those that this path fits are done, in their order. The
//! others are left to be done one by one.
//!
//! **Invariants**
//! - A lane has the value, derivatives, costs and error that it would have alone.

use super::Path;
use super::batch::{Batch, Results, TaskScratch};
use super::tally::{Refused, WeightKind, Weights};
use crate::trace::repeat::{Abreast, LANES};
use crate::walk::{Stats, Way};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Fewer lanes are done one by one.
const FEW: usize = 4;

/// Nodes of a trace at the most: each lane has all of them, and their adjoints.
const NODES: usize = 4096;

/// What lanes abreast keep from one batch to the next at the most, in bytes.
const KEPT_BYTES: usize = 1 << 20;

impl Batch<'_> {
    /// Runs lanes together on a path whose loops are kept as one iteration; gives those that are left to be done
    /// one by one.
    pub(super) fn run_abreast(
        &self,
        path: &Arc<Path>,
        lanes: &[u32],
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<FxHashSet<u32>, Refused> {
        let mut abreast = std::mem::take(&mut scratch.abreast);
        let mut left = FxHashSet::default();
        let mut groups = lanes.chunks(LANES);
        let mut is_first = true;
        for group in &mut groups {
            if group.len() < FEW || !self.run_group_abreast(path, group, &mut abreast) {
                left.extend(group);
                break;
            }
            self.store_abreast(path, group, &mut abreast, range, scratch)?;
            let places = (0..group.len()).filter(|&place| abreast.there >> place & 1 == 0);
            let before = left.len();
            left.extend(places.map(|place| group[place]));
            if left.len() - before > group.len() / 2 {
                // If not even the first ones fit, none are tried again.
                self.alone.fetch_or(is_first, Ordering::Relaxed);
                break;
            }
            is_first = false;
        }
        left.extend(groups.flatten());
        if abreast.bytes() > KEPT_BYTES {
            abreast = Abreast::default();
        }
        scratch.abreast = abreast;
        Ok(left)
    }

    /// The path that lanes may go through abreast.
    pub(super) fn path_abreast(&self) -> Option<Arc<Path>> {
        let is_direction = |weights: Weights<'_>| weights.kind == WeightKind::Direction;
        if self.weights.is_some_and(is_direction) || self.alone.load(Ordering::Relaxed) {
            return None;
        }
        let rolled = self.paths.rolled.load();
        let path = &rolled[rolled.first_of(self.key, 0)?];
        let limits = &self.limits;
        let is_one_number = path.is_number() && matches!(path.leaves[..], [Some(_)]);
        let may = is_one_number
            && path.trace.len() <= NODES
            && path.trace.goes_abreast()
            && path.may_stay_within(limits)
            && path.derivatives_fit(self.by, limits);
        may.then(|| path.clone())
    }

    /// Replays and sweeps lanes; those that are there afterwards have come through. False where it is late.
    fn run_group_abreast(&self, path: &Path, group: &[u32], abreast: &mut Abreast) -> bool {
        let values = &mut abreast.values;
        values.resize_with(values.len().max(group.len()), Vec::new);
        for (values, &lane) in values.iter_mut().zip(group) {
            values.clear();
            values.extend(self.inputs.iter().map(|input| input.at(lane as usize)));
        }
        abreast.there = u64::MAX >> (LANES - group.len());
        let late = || self.is_late();
        if !path.trace.replay_abreast(abreast, &late) {
            return false;
        }
        match (self.by, &path.leaves[..]) {
            (Some(by), &[Some(output)]) if !by.is_empty() => {
                let seed = |place: usize| match self.weights().first() {
                    None => 1.0,
                    Some(weight) => weight.at(group[place] as usize),
                };
                path.trace.sweep_abreast(abreast, output, &seed, by, &late)
            }
            _ => true,
        }
    }

    /// Keeps what lanes came to that are there; those that there is not enough fuel for are there no longer.
    fn store_abreast(
        &self,
        path: &Arc<Path>,
        group: &[u32],
        abreast: &mut Abreast,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        for place in abreast.each() {
            let values = &abreast.values[place];
            let cost = path.cost_at(values);
            if cost.fuel() > self.fuel_left() {
                // The walk meets the limit.
                abreast.there &= !(1 << place);
                continue;
            }
            self.take_fuel(cost.fuel())?;
            let &[Some(leaf)] = &path.leaves[..] else {
                continue;
            };
            let output = path.output_with(&[path.trace.number(leaf, values)]);
            let stats = Stats {
                paths: self.paths.count(),
                way: Way::Lanes,
                ..path.replay_stats(cost)
            };
            let workspace = &mut scratch.workspace;
            workspace.derivatives.clear();
            let by = self.by.unwrap_or(&[]).iter();
            let derivatives = by.map(|&input| abreast.adjoint(place, input as usize));
            workspace.derivatives.extend(derivatives);
            self.store(group[place], &output, stats, workspace, range)?;
        }
        Ok(())
    }
}
