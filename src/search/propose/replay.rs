//! The proposer `replay`: the answers of an earlier run, once more.
//!
//! **Invariants**
//! - Nobody is asked, and nothing is spent.

use super::{Ask, Propose, Proposed};
use crate::search::error::SearchError;
use crate::search::transcript::Transcript;

/// The answers of a transcript, at their steps and islands.
#[derive(Debug)]
pub(in crate::search) struct Replay(pub(in crate::search) Transcript);

impl Propose for Replay {
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError> {
        // Islands that this run does not have are the last's.
        let last = ask.task.search.islands - 1;
        let others = if ask.island == last {
            1000
        } else {
            ask.island + 1
        };
        for island in ask.island..others {
            if let Some(answer) = self.0.answer(ask.step, island) {
                for text in &answer.programs {
                    proposed.take_text(ask, "replay", Vec::new(), text);
                }
            }
        }
        Ok(())
    }

    fn is_finished(&self, step: u64) -> bool {
        self.0.last_step().is_none_or(|last| step > last)
    }
}
