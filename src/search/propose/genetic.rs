//! The proposer `genetic`: programs at random, then children of those that were good.
//!
//! **Invariants**
//! - Randomness is of (seed, island, step) alone.

use super::{Ask, Propose, Proposed};
use crate::Random;
use crate::search::candidate::Candidate;
use crate::search::error::SearchError;
use crate::search::mutate::child;
use crate::search::simplify::simplify;

/// How often one more is made in place of one that is known.
const TRIES: usize = 10;

/// Changes, grafts, and some programs at random.
#[derive(Debug)]
pub(in crate::search) struct Genetic;

impl Propose for Genetic {
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError> {
        let seed = ask.task.search.seed;
        let mut random = Random::at(&[seed, ask.island as u64, ask.step]);
        for _ in 0..ask.count {
            for _ in 0..TRIES {
                let (by, parents, candidate) = one(ask, &mut random);
                if proposed.take(ask.state, by, parents, candidate) {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn one(ask: &Ask<'_>, random: &mut Random) -> (&'static str, Vec<u64>, Candidate) {
    let (state, grammar) = (ask.state, ask.grammar);
    let island = &state.islands[ask.island];
    let fresh = if island.len() < 20 { 3 } else { 20 };
    let front = state.front.members();
    // One of the front now and then, whichever island it is of.
    let parent = if !front.is_empty() && random.below(4) == 0 {
        Some(&front[random.below(front.len())])
    } else {
        island.parent(random)
    };
    let parent = parent.filter(|_| random.below(fresh) > 0);
    let Some(parent) = parent else {
        let depth = 1 + random.below(4);
        let mut program = grammar.program(depth, random);
        program.iter_mut().for_each(simplify);
        return ("random", Vec::new(), Candidate::of(program, grammar));
    };
    let other = island.parent(random);
    let program = child(
        grammar,
        &parent.program,
        other.map(|other| &other.program[..]),
        random,
    );
    let mut parents = vec![parent.n];
    parents.extend(other.map(|other| other.n).filter(|n| *n != parent.n));
    ("child", parents, Candidate::of(program, grammar))
}
