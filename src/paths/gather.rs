//! Lanes gathered by the path they take.
//!
//! A range of lanes goes in; each is run on the path that its guards lead to, or walked.
//!
//! **Invariants**
//! - Lanes whose guards fail go to the path that the failing guard points to; each step gets them past a
//!   further guard, so that looking ends. Where there is none, one of them is walked, the first one.
//! - A path that does not hold up to the guard that led to it is none for a lane: that is walked alone.

use super::Path;
use super::batch::{Batch, Results, TaskScratch};
use super::tally::Refused;
use super::tree::Tree;
use crate::sorted;
use crate::trace::routine::Failed;
use crate::trace::routine::lanes::FailedLane;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Lanes that are to try a path.
struct Trial {
    path: Arc<Path>,
    /// Where it is kept, if it is.
    place: Option<usize>,
    /// The guard that they get past by it, if they come from another path: one that does not hold up
    /// to there is none for them.
    past: Option<u32>,
    /// All of the range where none are listed.
    lanes: Option<Vec<u32>>,
}

/// Where lanes leave a path.
#[derive(Clone)]
struct Clue {
    path: Arc<Path>,
    place: Option<usize>,
    failed: Failed,
}

impl Clue {
    /// The path that goes on from there.
    fn next(&self, known: &Tree) -> Option<usize> {
        match self.place {
            Some(place) => known.next_of(place, self.failed),
            None => known.next_of_any(&self.path, self.failed),
        }
    }
}

/// Lanes that no known path fits.
struct Unknown {
    /// What is known of their path: another one, and where they leave it.
    clue: Option<Clue>,
    /// The next one to be walked is the first; where all fail, each is looked at once.
    lanes: VecDeque<u32>,
    /// Whether they have been left by a path that others of them went through together.
    is_tried: bool,
}

/// Lanes of a range that are still to be run.
#[derive(Default)]
struct Worklist {
    /// By the paths to try.
    known: Vec<Trial>,
    unknown: Vec<Unknown>,
    /// Whether some of these have not been tried together.
    has_untried: bool,
    /// Those that a path did not fit which should have: each is walked.
    stray: Vec<u32>,
}

impl Worklist {
    fn push_untried(&mut self, clue: Option<Clue>, lanes: VecDeque<u32>) {
        self.unknown.push(Unknown {
            clue,
            lanes,
            is_tried: false,
        });
        self.has_untried = true;
    }
}

impl Batch<'_> {
    pub(super) fn run_range(
        &self,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let known = self.paths.load();
        let mut work = Worklist::default();
        match known.first_of(self.key, self.paths.last()) {
            Some(place) => work.known.push(Trial {
                path: known[place].clone(),
                place: Some(place),
                past: None,
                lanes: None,
            }),
            None => work.push_untried(None, range.lanes.clone().map(|lane| lane as u32).collect()),
        }
        drop(known);
        loop {
            if let Some(trial) = work.known.pop() {
                self.run_group(&trial.path, trial.lanes.as_deref(), range, scratch)?;
                self.distribute(&trial, &scratch.failed, &mut work);
                continue;
            }
            if work.has_untried && self.rolls() {
                self.run_unknown_abreast(&mut work, range, scratch)?;
            }
            if let Some(unknown) = work.unknown.pop() {
                self.explore(unknown, &mut work, range, scratch)?;
            } else if let Some(lane) = work.stray.pop() {
                self.walk_alone(lane, range, scratch)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Sends lanes whose guards failed to where these point.
    fn distribute(&self, trial: &Trial, failed: &[FailedLane], work: &mut Worklist) {
        if failed.is_empty() {
            return;
        }
        let mut groups: FxHashMap<(u32, u64), Vec<u32>> = FxHashMap::default();
        for FailedLane { lane, failed } in failed {
            let key = (failed.guard, failed.value.to_bits());
            groups.entry(key).or_default().push(*lane);
        }
        let known = self.paths.load();
        for ((guard, bits), lanes) in groups {
            if trial.past.is_some_and(|past| guard <= past) {
                work.stray.extend(lanes);
                continue;
            }
            let clue = Clue {
                path: trial.path.clone(),
                place: trial.place,
                failed: Failed {
                    guard,
                    value: f64::from_bits(bits),
                },
            };
            if let Some(place) = clue.next(&known) {
                work.known.push(Trial {
                    path: known[place].clone(),
                    place: Some(place),
                    past: Some(guard),
                    lanes: Some(lanes),
                });
            } else {
                let clue = Some(clue);
                work.push_untried(clue, lanes.into());
            }
        }
    }

    /// Runs all lanes that no known path fits on one whose loops are kept as one iteration, several at a time;
    /// those that are left are done one after the other.
    fn run_unknown_abreast(
        &self,
        work: &mut Worklist,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let Some(path) = self.path_abreast() else {
            return Ok(());
        };
        work.has_untried = false;
        let mut untried: Vec<&mut Unknown> = work.unknown.iter_mut().collect();
        untried.retain(|unknown| !unknown.is_tried);
        // Those that leave paths one after the other go round loops about as often as each other; those that
        // do so soonest may not come to the loop at all.
        let leaves_at = |unknown: &&mut Unknown| {
            let clue = unknown.clue.as_ref();
            Reverse(clue.map_or(0, |clue| clue.failed.guard))
        };
        sorted::by_key(&mut untried, leaves_at);
        let lanes = untried.iter().flat_map(|unknown| &unknown.lanes).copied();
        let lanes: Vec<u32> = lanes.filter(|&lane| self.wants(lane)).collect();
        let left = self.run_abreast(&path, &lanes, range, scratch)?;
        for unknown in untried {
            unknown.is_tried = true;
            unknown.lanes.retain(|lane| left.contains(lane));
        }
        Ok(())
    }

    /// Walks one of the lanes that no known path fits; the others follow it as far as they can.
    fn explore(
        &self,
        unknown: Unknown,
        work: &mut Worklist,
        range: &mut Results<'_>,
        scratch: &mut TaskScratch,
    ) -> Result<(), Refused> {
        let Unknown {
            clue,
            mut lanes,
            is_tried,
        } = unknown;
        let again = |clue, lanes| Unknown {
            clue,
            lanes,
            is_tried,
        };
        let is_wanted = |lane: &u32| self.wants(*lane);
        while lanes.pop_front_if(|lane| !is_wanted(lane)).is_some() {}
        if lanes.is_empty() {
            return Ok(());
        }
        if self.is_late() {
            return self.all_late(lanes.into_iter().filter(is_wanted), range);
        }
        if self.rolls() {
            // One after the other, up to the first that none of these paths fits.
            while let Some(&lane) = lanes.front() {
                if self.wants(lane) && !self.run_rolled(lane, range, scratch)? {
                    break;
                }
                lanes.pop_front();
            }
            if lanes.is_empty() {
                return Ok(());
            }
        }
        // Where there is no room for further paths, there is nothing to wait for; nor behind lanes that fail,
        // as these leave none. If two walk the same path then, one of them is kept.
        let waits = self.paths.has_room() && !self.fails.load(Ordering::Relaxed);
        let walking = waits.then(|| self.paths.while_walking());
        let known = self.paths.load();
        let found = match &clue {
            None => known.first_of(self.key, self.paths.last()),
            Some(clue) => clue.next(&known),
        };
        let past = clue.as_ref().map(|clue| clue.failed.guard);
        if let Some(place) = found {
            work.known.push(Trial {
                path: known[place].clone(),
                place: Some(place),
                past,
                lanes: Some(lanes.into_iter().filter(is_wanted).collect()),
            });
            return Ok(());
        }
        drop(known);
        // The first one: where it fails, the others may be of no use.
        let Some(lane) = lanes.pop_front() else {
            return Ok(());
        };
        let result = self.walk_counted(lane, range, scratch);
        drop(walking);
        let result = result?;
        self.fails.store(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(run) => {
                self.store_run(lane, &run, &mut scratch.workspace, range)?;
                if lanes.is_empty() {
                    return Ok(());
                }
                match (run.path, run.place) {
                    (Some(path), _) if path.is_rolled() => {
                        work.unknown.push(again(clue, lanes));
                    }
                    (Some(_), Some(place)) => work.known.push(Trial {
                        path: self.paths.load()[place].clone(),
                        place: Some(place),
                        past,
                        lanes: Some(lanes.into_iter().filter(is_wanted).collect()),
                    }),
                    (Some(path), None) => {
                        // It is not kept, so compiling it does not pay.
                        scratch.failed.clear();
                        for &lane in &lanes {
                            if self.is_late() {
                                self.late(lane, range)?;
                                continue;
                            }
                            self.run_one(&path, lane, range, scratch)?;
                        }
                        let trial = Trial {
                            path,
                            place: None,
                            past,
                            lanes: None,
                        };
                        self.distribute(&trial, &scratch.failed, work);
                    }
                    (None, _) => work.unknown.push(again(clue, lanes)),
                }
            }
            Err(error) => {
                self.fail(lane, error.into(), range)?;
                if !lanes.is_empty() {
                    work.unknown.push(again(clue, lanes));
                }
            }
        }
        Ok(())
    }
}
