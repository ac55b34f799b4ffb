//! Paths compiled, and kept so.
//!
//! A path and a purpose go in; code that runs it comes out, from memory where it was wanted before.
//!
//! **Invariants**
//! - The bits are those of the trace replayed as it is.

use super::reasons::Direction;
use super::room::chunk_fits;
use super::{
    LOOPLESS, MAX_COMPILED, MAX_ITERATION, MAX_ROUTINES, MIN_ROLLED, Path, Purpose, Query,
    SeededBy, Workspace,
};
use crate::threads::lock;
use crate::trace::Ref;
use crate::trace::roll::OUTPUTS;
use crate::trace::routine::seeds::Seeded;
use crate::trace::routine::{Failed, Routine, Wanted};
use crate::walk::Limits;
use std::sync::Arc;

impl Path {
    /// The path compiled for one lane, if that pays.
    pub(crate) fn routine_of_one(
        &self,
        by: Option<&[u32]>,
        limits: &Limits,
    ) -> Option<Arc<Routine>> {
        let by = by.unwrap_or(&[]);
        let backwards = self.direction_now(by) == Ok(Direction::Backwards);
        let routine = backwards.then(|| self.routine(by, None, false, limits));
        routine.flatten()
    }

    /// The path compiled with its tangents, if its operations allow that.
    pub(super) fn seeded_by(&self, by: &[u32], limits: &Limits) -> Option<Arc<Seeded>> {
        let mut seeded = lock(&self.seeded);
        if let Some(known) = seeded.as_ref().filter(|known| known.by == by) {
            return known.seeded.clone();
        }
        if !self.may_compile(self.trace.operations.len(), limits) {
            return None;
        }
        let outputs: Vec<Ref> = self.leaves.iter().copied().flatten().collect();
        let made = Seeded::new(&self.trace, &outputs, by).map(Arc::new);
        let size = |seeded: Option<&Arc<Seeded>>| seeded.map_or(0, |s| s.routine.bytes());
        let dropped = seeded
            .as_ref()
            .map_or(0, |known| size(known.seeded.as_ref()));
        self.note_code(size(made.as_ref()), dropped);
        *seeded = Some(SeededBy {
            by: by.to_vec(),
            seeded: made.clone(),
        });
        made
    }

    /// The path compiled for lanes, if it is not too large for that.
    pub(crate) fn routine_of_lanes(
        &self,
        by: &[u32],
        shared: &[bool],
        summed: bool,
        limits: &Limits,
    ) -> Option<Arc<Routine>> {
        if !by.is_empty() && !self.sweeps_backwards(by) {
            return None;
        }
        let rows = if by.is_empty() { 1 } else { self.leaves.len() };
        let size = self.trace.operations.len().saturating_mul(rows);
        let routine =
            (size <= MAX_COMPILED).then(|| self.routine(by, Some(shared), summed, limits));
        routine
            .flatten()
            .filter(|routine| chunk_fits(routine, limits))
    }

    /// The path compiled for one purpose.
    pub(super) fn routine(
        &self,
        by: &[u32],
        shared: Option<&[bool]>,
        summed: bool,
        limits: &Limits,
    ) -> Option<Arc<Routine>> {
        let mut routines = lock(&self.routines);
        let known = routines.iter().find(|(key, _)| {
            key.by == by
                && key.shared.as_deref() == shared
                && key.summed == summed
                && key.weighed.is_none()
        });
        if let Some((_, routine)) = known {
            return Some(routine.clone());
        }
        let outputs: Vec<Ref> = self.leaves.iter().copied().flatten().collect();
        let key = Purpose {
            by: by.to_vec(),
            shared: shared.map(<[bool]>::to_vec),
            summed,
            weighed: None,
        };
        if shared.is_none() && self.may_roll(by) && self.has_room_to_roll(by, limits) {
            let rolled = Routine::rolled(&self.trace, &outputs, by, self.longest_iteration());
            let bytes = rolled.as_ref().map_or(LOOPLESS, Routine::bytes);
            let mut known = lock(&self.rolled_bytes);
            known.retain(|(other, _)| other != by);
            known.push((by.to_vec(), bytes));
            drop(known);
            if let Some(routine) = rolled.filter(|_| self.has_room_to_roll(by, limits)) {
                let routine = Arc::new(routine);
                self.keep(&mut routines, key, &routine);
                return Some(routine);
            }
        }
        let rows = if by.is_empty() { 1 } else { self.leaves.len() };
        let size = self.trace.operations.len().saturating_mul(rows);
        if size > MAX_COMPILED || !self.may_compile(size, limits) {
            return None;
        }
        let none = vec![false; self.trace.inputs as usize];
        let routine = Arc::new(Routine::new(
            &self.trace,
            &Wanted {
                outputs: &outputs,
                by,
                shared: shared.unwrap_or(&none),
                summed,
                alone: shared.is_none(),
            },
        ));
        self.keep(&mut routines, key, &routine);
        Some(routine)
    }

    /// How many operations an iteration of a loop of its code may have.
    fn longest_iteration(&self) -> usize {
        if self.trace.operations.len() > MAX_COMPILED {
            usize::MAX
        } else {
            MAX_ITERATION
        }
    }

    /// Whether its code may have loops: those of whole vectors are quicker without, many operations at a
    /// time, as long as such code can be written.
    pub(super) fn may_roll(&self, by: &[u32]) -> bool {
        let operations = self.trace.operations.len();
        let is_scalar = self.trace.blocks.is_empty() || operations > MAX_COMPILED;
        operations >= MIN_ROLLED
            && is_scalar
            && (by.is_empty() || self.leaves.len() <= OUTPUTS)
            && self.rolled_bytes(by) != LOOPLESS
    }

    /// What code with loops takes, in bytes: 0 before it was looked for.
    pub(super) fn rolled_bytes(&self, by: &[u32]) -> usize {
        let known = lock(&self.rolled_bytes);
        let known = known.iter().find(|(other, _)| other == by);
        known.map_or(0, |(_, bytes)| *bytes)
    }

    /// Keeps it compiled for a purpose.
    pub(super) fn keep(
        &self,
        routines: &mut Vec<(Purpose, Arc<Routine>)>,
        key: Purpose,
        routine: &Arc<Routine>,
    ) {
        let mut dropped = 0;
        if routines.len() >= MAX_ROUTINES {
            dropped = routines.remove(0).1.bytes();
        }
        self.note_code(routine.bytes(), dropped);
        routines.push((key, routine.clone()));
    }

    /// Runs its code on `workspace.inputs`, as [`replay`](Self::replay) does.
    pub(super) fn run_compiled(
        &self,
        routine: &Routine,
        query: &Query<'_>,
        workspace: &mut Workspace,
    ) -> Result<(), Failed> {
        let Workspace {
            inputs,
            file,
            leaves,
            derivatives,
            ..
        } = workspace;
        routine.run_until(inputs, file, &|| query.limits.is_late())?;
        leaves.clear();
        let mut outputs = routine.outputs.iter();
        let constants = self.output.leaves();
        leaves.extend(self.leaves.iter().zip(constants).map(|(leaf, constant)| {
            match (leaf, outputs.next_if_some(leaf.is_some())) {
                (Some(_), Some(&place)) => file.at(place),
                _ => constant,
            }
        }));
        derivatives.clear();
        if let Some(by) = query.by {
            let mut rows = routine.derivatives.chunks(by.len().max(1));
            for leaf in &self.leaves {
                match (leaf, rows.next_if_some(leaf.is_some())) {
                    (Some(_), Some(row)) => {
                        derivatives.extend(row.iter().map(|&place| file.at(place) + 0.0));
                    }
                    _ => derivatives.extend(by.iter().map(|_| 0.0)),
                }
            }
        }
        Ok(())
    }

    /// The same compiled with tangents; tells whether the derivatives are those of a sweep.
    pub(super) fn replay_seeded(
        &self,
        seeded: &Seeded,
        seeds: usize,
        workspace: &mut Workspace,
    ) -> Result<bool, Failed> {
        let Workspace {
            inputs,
            leaves,
            derivatives,
            seeds: file,
            numbers,
            ..
        } = workspace;
        derivatives.clear();
        derivatives.resize(self.leaves.len() * seeds, 0.0);
        let rows = derivatives.chunks_mut(seeds).zip(&self.leaves);
        let rows = rows.filter_map(|(row, leaf)| leaf.is_some().then_some(row));
        let is_exact = seeded.run(inputs, numbers, rows.collect(), file)?;
        let mut numbers = numbers.iter();
        let constants = self.output.leaves();
        leaves.clear();
        leaves.extend(self.leaves.iter().zip(constants).map(|(leaf, constant)| {
            let number = numbers.next_if_some(leaf.is_some());
            number.copied().unwrap_or(constant)
        }));
        Ok(is_exact)
    }
}

/// An iterator that moves on only where there is something to take.
trait NextIfSome: Iterator {
    fn next_if_some(&mut self, is_some: bool) -> Option<Self::Item> {
        if is_some { self.next() } else { None }
    }
}

impl<I: Iterator> NextIfSome for I {}
