//! Proposers: who writes the programs.
//!
//! The state of a search goes in; programs to be calibrated come out.
//!
//! **Invariants**
//! - What is proposed is a function of the seed, the island, the step and the state, or is written down
//!   (`transcript`) before it is used, so a run can be done again.

#[cfg(not(target_family = "wasm"))]
mod answers;
pub(super) mod command;
pub(super) mod genetic;
pub(super) mod library;
#[cfg(not(target_family = "wasm"))]
pub(super) mod openai;
pub(super) mod replay;

use super::candidate::{Candidate, Shape};
use super::error::{Refusal, SearchError};
use super::grammar::Grammar;
use super::islands::State;
use super::task::Task;
use rustc_hash::FxHashSet;
use std::fmt::Write as _;

/// What a proposer is told.
pub(super) struct Ask<'a> {
    pub(super) task: &'a Task,
    pub(super) grammar: &'a Grammar,
    pub(super) shape: &'a Shape,
    pub(super) state: &'a State,
    pub(super) island: usize,
    pub(super) step: u64,
    /// How many programs are wanted.
    pub(super) count: usize,
    /// What the best program misses, told on demand.
    #[cfg_attr(
        target_family = "wasm",
        expect(
            dead_code,
            reason = "language models alone ask, and have no network there"
        )
    )]
    pub(super) residuals: &'a dyn Fn() -> String,
}

/// A program that is proposed, or a text that is none.
pub(super) struct Proposal {
    pub(super) by: String,
    pub(super) parents: Vec<u64>,
    pub(super) what: Result<Candidate, (String, Refusal)>,
}

/// The programs of one step, and what was not worth calibrating.
#[derive(Default)]
pub(super) struct Proposed {
    pub(super) programs: Vec<Proposal>,
    /// Programs made, those included that were known.
    pub(super) made: u64,
    pub(super) repeated: u64,
    /// The keys of the programs of this step.
    keys: FxHashSet<u64>,
}

impl Proposed {
    /// Takes a candidate that is not known; says whether it was taken.
    pub(super) fn take(
        &mut self,
        state: &State,
        by: &str,
        parents: Vec<u64>,
        candidate: Candidate,
    ) -> bool {
        self.made += 1;
        if state.seen.contains(&candidate.key) || !self.keys.insert(candidate.key) {
            self.repeated += 1;
            return false;
        }
        self.programs.push(Proposal {
            by: by.to_owned(),
            parents,
            what: Ok(candidate),
        });
        true
    }

    /// Takes a text, which may be no program.
    pub(super) fn take_text(&mut self, ask: &Ask<'_>, by: &str, parents: Vec<u64>, text: &str) {
        match ask.shape.read(text, ask.grammar) {
            Ok(candidate) => {
                self.take(ask.state, by, parents, candidate);
            }
            Err(refusal) => {
                self.made += 1;
                // A journal is no place for a megabyte of anything.
                let end = (0..=text.len().min(2000))
                    .rev()
                    .find(|&at| text.is_char_boundary(at));
                let text = text[..end.unwrap_or(0)].to_owned();
                self.programs.push(Proposal {
                    by: by.to_owned(),
                    parents,
                    what: Err((text, refusal)),
                });
            }
        }
    }
}

/// Who proposes.
pub(super) trait Propose {
    /// Adds programs for one island and step.
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError>;

    /// Whether no more may be spent.
    fn is_spent(&self) -> bool {
        false
    }

    /// Whether nothing comes at a step or after it.
    fn is_finished(&self, _step: u64) -> bool {
        false
    }
}

/// What the best program misses, by its place along an axis.
pub(super) fn pattern([x, y, predicted]: &[Vec<f64>; 3]) -> String {
    const PARTS: usize = 8;
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut out = String::new();
    for rows in order.chunks(order.len().div_ceil(PARTS).max(1)) {
        let mean = rows.iter().map(|&row| y[row] - predicted[row]).sum::<f64>() / rows.len() as f64;
        let (low, high) = (x[rows[0]], x[rows[rows.len() - 1]]);
        let _ = writeln!(out, "{low:.4} to {high:.4}: {mean:+.3e}");
    }
    out
}
