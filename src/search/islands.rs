//! The state of a search: islands, the front, what was seen, and what was counted.
//!
//! The records of a journal go in, one by one; what the next step needs comes out.
//!
//! **Invariants**
//! - The state is a function of the records: a search that is resumed has the state it had.

use super::archive::{Elite, Front, Island};
use super::candidate::{Candidate, Shape};
use super::grammar::Grammar;
use super::journal::Record;
use super::task::Task;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// Elites that an island gives to the next.
const MIGRANTS: usize = 3;

/// Steps without a candidate after which nothing more is to be had.
const MOST_IDLE: u64 = 300;

/// Steps after which a program that is good enough is not expected to become shorter.
const PATIENCE: u64 = 25;

/// What a search knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) islands: Vec<Island>,
    pub(super) front: Front,
    pub(super) seen: FxHashSet<u64>,
    /// The variance of the known targets: what losses are held against.
    pub(super) scale: f64,
    pub(super) step: u64,
    pub(super) candidates: u64,
    pub(super) calibrated: u64,
    pub(super) evaluations: u64,
    pub(super) proposed: u64,
    pub(super) repeated: u64,
    /// How many candidates were refused, by kind of error.
    pub(super) errors: BTreeMap<String, u64>,
    /// The last refusals, for those who propose.
    pub(super) last_errors: Vec<(String, String)>,
    /// The shortest program whose loss is as low as asked for, and the step since when it is that.
    done: Option<(u64, u64)>,
    done_loss: f64,
    idle: u64,
    migrate: u64,
    has_select: bool,
}

impl State {
    pub(super) fn new(task: &Task, targets: &[f64], has_select: bool) -> Self {
        let n = targets.len().max(1) as f64;
        let mean = targets.iter().sum::<f64>() / n;
        let done = task.search.done;
        let variance = targets.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
        let scale = if variance > 0.0 { variance } else { 1.0 };
        Self {
            islands: vec![Island::default(); task.search.islands],
            front: Front::default(),
            seen: FxHashSet::default(),
            scale,
            step: 0,
            candidates: 0,
            calibrated: 0,
            evaluations: 0,
            proposed: 0,
            repeated: 0,
            errors: BTreeMap::new(),
            last_errors: Vec::new(),
            done: None,
            done_loss: done * scale,
            idle: 0,
            migrate: task.search.migrate,
            has_select,
        }
    }

    /// Takes a record.
    pub(super) fn take(&mut self, record: &Record, shape: &Shape, grammar: &Grammar) {
        match record {
            Record::Task { .. } => {}
            Record::Candidate {
                n,
                island,
                program,
                key,
                complexity,
                fit,
                select,
                evaluations,
                ..
            } => {
                self.idle = 0;
                self.candidates += 1;
                self.calibrated += 1;
                self.evaluations += evaluations;
                self.seen
                    .insert(u64::from_str_radix(key, 16).unwrap_or_default());
                let loss = select.unwrap_or(*fit);
                let on_front =
                    (select.is_some() || !self.has_select) && self.front.admits(*complexity, loss);
                // What is far off is not worth its memory.
                if !on_front && loss.max(*fit) > 2.0 * self.scale {
                    return;
                }
                let Ok(Candidate { program, .. }) = shape.read(program, grammar) else {
                    return;
                };
                let elite = Elite {
                    n: *n,
                    program,
                    complexity: *complexity,
                    loss,
                    fit: *fit,
                };
                if on_front {
                    self.front.put(elite.clone());
                }
                let count = self.islands.len();
                self.islands[island % count].put(elite, self.scale);
            }
            Record::Refused {
                key,
                error,
                program,
                message,
                ..
            } => {
                self.idle = 0;
                self.candidates += 1;
                // Nobody knows what it took; where all fail the budget must end, too.
                self.evaluations += 1;
                if let Some(key) = key {
                    self.seen
                        .insert(u64::from_str_radix(key, 16).unwrap_or_default());
                }
                *self.errors.entry(error.clone()).or_default() += 1;
                self.last_errors.push((program.clone(), message.clone()));
                if self.last_errors.len() > 4 {
                    self.last_errors.remove(0);
                }
            }
            Record::Step {
                step,
                proposed,
                repeated,
            } => {
                self.idle += 1;
                self.step = step + 1;
                self.proposed += proposed;
                self.repeated += repeated;
                let shortest = self.front.shortest(self.done_loss).map(|elite| elite.n);
                if self.done.map(|(n, _)| n) != shortest {
                    self.done = shortest.map(|n| (n, self.step));
                }
                if self.step.is_multiple_of(self.migrate) {
                    self.migrate();
                }
            }
        }
    }

    /// Whether nothing more is proposed that is not known.
    pub(super) fn is_exhausted(&self) -> bool {
        self.idle >= MOST_IDLE
    }

    /// Whether the loss is as low as asked for, and nothing shorter was found for a while.
    pub(super) fn is_done(&self) -> bool {
        self.done
            .is_some_and(|(_, since)| self.step >= since + PATIENCE)
    }

    fn migrate(&mut self) {
        let count = self.islands.len();
        if count < 2 {
            return;
        }
        let leaving: Vec<Vec<Elite>> = self
            .islands
            .iter()
            .map(|island| island.best(MIGRANTS, self.scale))
            .collect();
        for (place, elites) in leaving.into_iter().enumerate() {
            for elite in elites {
                self.islands[(place + 1) % count].put(elite, self.scale);
            }
        }
    }
}
