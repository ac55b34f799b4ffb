//! The paths that a model keeps, as a tree: by which guard each leaves an earlier one.
//!
//! A path and the guard that failed go in; the path that goes on from there comes out, if one is known.
//!
//! **Invariants**
//! - A path leaves the one it stands below at its first guard that expects another number; all guards
//!   before that are the same. So looking a path up takes a step for each level, not for each path.
//! - Paths are never taken out: a place stays a path's.
//! - No two paths have the same guards, and none's are the first ones of another's.
//! - Of several paths that may go on, the one with the most guards is looked at first: what it does not fit
//!   leaves it where its own path does. So a chain of tests takes two steps, however many paths end it.

use super::{Path, PathKey};
use crate::trace::Guard;
use crate::trace::routine::Failed;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Where a path leaves another.
#[derive(Clone, Copy, Debug)]
struct Branch {
    /// The other one's place.
    from: u32,
    guard: u32,
}

/// Paths, in the order they were recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    paths: Vec<Arc<Path>>,
    branches: Vec<Option<Branch>>,
    /// By path, guard, and the number met there: the path that goes on.
    children: FxHashMap<(u32, u32, u64), u32>,
    /// Of each path, which of it and those below it has the most guards.
    deepest: Vec<u32>,
    /// The first path of each key.
    roots: Vec<u32>,
}

/// Why a path is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is there already.
    There(usize),
    /// There is no room, or it fits nowhere.
    Not,
}

impl std::ops::Deref for Tree {
    type Target = [Arc<Path>];

    fn deref(&self) -> &[Arc<Path>] {
        &self.paths
    }
}

/// What tells numbers that guards expect apart: 0 has one sign.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

fn same(a: f64, b: f64) -> bool {
    bits(a) == bits(b)
}

impl Tree {
    /// The path to try first for a key: the likely one, or any.
    pub(crate) fn first_of(&self, key: &PathKey, likely: usize) -> Option<usize> {
        if self.get(likely).is_some_and(|path| path.key == *key) {
            return Some(likely);
        }
        self.root(key)
    }

    fn root(&self, key: &PathKey) -> Option<usize> {
        let roots = self.roots.iter().map(|&root| root as usize);
        roots.into_iter().find(|&root| self.paths[root].key == *key)
    }

    /// A path that agrees with the one at a place until a guard fails, and there expects what the number
    /// was.
    pub(crate) fn next_of(&self, place: usize, failed: Failed) -> Option<usize> {
        let (mut owner, guard) = (place, failed.guard);
        // Up to a guard it shares all with what it stands below.
        while let Some(branch) = self.branches[owner].filter(|branch| guard <= branch.guard) {
            owner = branch.from as usize;
        }
        let next = if self.expects(owner, guard, failed.value) {
            Some(self.deepest_past(owner, guard))
        } else {
            let child = self.child(owner, guard, failed.value);
            child.map(|child| self.deepest[child] as usize)
        };
        next.filter(|&next| next != place)
    }

    /// Of a path and those that leave it after a guard, one with many guards.
    fn deepest_past(&self, owner: usize, guard: u32) -> usize {
        let deepest = self.deepest[owner] as usize;
        let mut at = deepest;
        while let Some(branch) = self.branches[at] {
            if branch.from as usize == owner {
                return if branch.guard > guard { deepest } else { owner };
            }
            at = branch.from as usize;
        }
        owner
    }

    /// The same for a path that may not be kept.
    pub(crate) fn next_of_any(&self, path: &Path, failed: Failed) -> Option<usize> {
        let mine = &path.trace.guards[..failed.guard as usize];
        let mut at = self.root(&path.key)?;
        let mut from = 0;
        while let Some(guard) = self.parting(at, from, mine) {
            at = self.child(at, guard as u32, mine[guard].expected)?;
            from = guard + 1;
        }
        if self.expects(at, failed.guard, failed.value) {
            return Some(at);
        }
        self.child(at, failed.guard, failed.value)
    }

    fn expects(&self, place: usize, guard: u32, number: f64) -> bool {
        let guard = self.paths[place].trace.guards.get(guard as usize);
        guard.is_some_and(|guard| same(guard.expected, number))
    }

    fn child(&self, place: usize, guard: u32, number: f64) -> Option<usize> {
        let child = self.children.get(&(place as u32, guard, bits(number)));
        child.map(|&child| child as usize)
    }

    /// The first guard, from one on, at which the path at a place expects something else, or that it
    /// has not.
    fn parting(&self, place: usize, from: usize, guards: &[Guard]) -> Option<usize> {
        let known = &self.paths[place].trace.guards;
        (from..guards.len()).find(|&at| {
            let known = known.get(at);
            known.is_none_or(|known| !same(known.expected, guards[at].expected))
        })
    }

    /// Where a path would leave others, if there are fewer than `most` and there is `room` in bytes; none
    /// where it would be the first of its key.
    fn branch_of(&self, path: &Path, most: usize, room: usize) -> Result<Option<Branch>, Kept> {
        let branch = match self.root(&path.key) {
            None => None,
            Some(mut at) => {
                let mine = &path.trace.guards;
                let mut from = 0;
                loop {
                    let Some(guard) = self.parting(at, from, mine) else {
                        let is_it = self.paths[at].trace.guards.len() == mine.len();
                        return Err(if is_it { Kept::There(at) } else { Kept::Not });
                    };
                    if guard >= self.paths[at].trace.guards.len() {
                        return Err(Kept::Not);
                    }
                    match self.child(at, guard as u32, mine[guard].expected) {
                        Some(child) => (at, from) = (child, guard + 1),
                        None => {
                            break Some(Branch {
                                from: at as u32,
                                guard: guard as u32,
                            });
                        }
                    }
                }
            }
        };
        if self.paths.len() >= most || path.recorded_bytes() > room {
            return Err(Kept::Not);
        }
        Ok(branch)
    }

    /// The tree with one path more, and its place, if there are fewer than `most` and there is `room` in
    /// bytes. Nothing is copied where there is not: readers on many threads hold all paths.
    pub(super) fn with(
        &self,
        path: &Arc<Path>,
        most: usize,
        room: usize,
    ) -> Result<(Self, usize), Kept> {
        let branch = self.branch_of(path, most, room)?;
        let mut tree = self.clone();
        let place = tree.add(path, branch);
        Ok((tree, place))
    }

    fn add(&mut self, path: &Arc<Path>, branch: Option<Branch>) -> usize {
        let place = self.paths.len();
        match branch {
            None => self.roots.push(place as u32),
            Some(Branch { from, guard }) => {
                let number = path.trace.guards[guard as usize].expected;
                self.children
                    .insert((from, guard, bits(number)), place as u32);
            }
        }
        self.paths.push(path.clone());
        self.branches.push(branch);
        self.deepest.push(place as u32);
        let mut above = branch;
        while let Some(Branch { from, .. }) = above {
            let from = from as usize;
            let guards = |at: u32| self.paths[at as usize].trace.guards.len();
            if guards(self.deepest[from]) >= guards(place as u32) {
                break;
            }
            self.deepest[from] = place as u32;
            above = self.branches[from];
        }
        place
    }
}
