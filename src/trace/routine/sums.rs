//! Sums over lanes.
//!
//! The sums of chunks of lanes go in, in the lanes' order; those of all lanes come out.
//!
//! **Invariants**
//! - Sums are a balanced binary tree over the lanes in their order, so their bits depend neither on how
//!   many lanes are done at a time, nor on threads.
//! - What a product of matrices sums over lanes has leaves of its own: the sums over
//!   [`CHUNK`](super::vectors::CHUNK) lanes, one after the other.

use super::vectors::{Vector, WIDTH, add};

/// How many levels a tree of sums has: more lanes than memory could hold.
const LEVELS: usize = 32;

/// Sums over lanes: for each a balanced tree, of which the finished branches are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// For each sum its branches, one of each size at most, the smallest first.
    branches: Vec<[Vector; LEVELS]>,
    /// How many chunks of lanes there were: its bits tell which branches there are.
    chunks: usize,
    /// The same for sums that come as one number for each [`CHUNK`](super::vectors::CHUNK) of lanes: for
    /// each size of branch its numbers, one a sum.
    levels: Vec<Vec<f64>>,
    /// How many such sums there are.
    numbers: usize,
    leaves: usize,
    carry: Vec<f64>,
}

impl Sums {
    /// No lanes yet.
    pub(crate) fn reset(&mut self, count: usize) {
        self.reset_with(count, 0);
    }

    /// No lanes yet, and after other sums so many that come as numbers.
    pub(super) fn reset_with(&mut self, count: usize, leaf_sums: usize) {
        self.branches.resize(count, [Vector::ZERO; LEVELS]);
        self.chunks = 0;
        self.numbers = leaf_sums;
        self.leaves = 0;
        self.levels.clear();
    }

    /// Adds the sums of as many lanes as before, those that come as numbers.
    pub(super) fn push_leaf(&mut self, numbers: &[f64]) {
        let merges = self.leaves.trailing_ones() as usize;
        self.carry.clear();
        self.carry.extend_from_slice(numbers);
        for level in &self.levels[..merges] {
            for (sum, &before) in self.carry.iter_mut().zip(level) {
                *sum += before;
            }
        }
        if self.levels.len() == merges {
            self.levels.push(Vec::new());
        }
        std::mem::swap(&mut self.levels[merges], &mut self.carry);
        self.leaves += 1;
    }

    /// Adds the sums of as many lanes as before.
    #[inline]
    pub(super) fn push(&mut self, sums: &[Vector]) {
        let merges = self.chunks.trailing_ones() as usize;
        for (branches, &sum) in self.branches.iter_mut().zip(sums) {
            let (before, rest) = branches.split_at_mut(merges);
            rest[0] = before.iter().fold(sum, |sum, &before| add(before, sum));
        }
        self.chunks += 1;
    }

    /// Adds other lanes' sums, each as if of as many lanes as these sums are used to.
    pub(crate) fn append(&mut self, other: &[[f64; WIDTH]]) {
        let sums: Vec<Vector> = other.iter().map(|&lanes| Vector(lanes)).collect();
        self.push(&sums);
    }

    /// The sums of all lanes so far, eight lanes each still apart.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = [f64; WIDTH]> {
        let numbers = self.leaf_totals().map(|sum| {
            let mut lanes = [0.0; WIDTH];
            lanes[0] = sum;
            lanes
        });
        self.branch_totals().chain(numbers)
    }

    fn branch_totals(&self) -> impl Iterator<Item = [f64; WIDTH]> {
        self.branches.iter().map(|branches| {
            let there = (0..LEVELS).filter(|level| self.chunks >> level & 1 == 1);
            let sum = there
                .map(|level| branches[level])
                .reduce(|sum, before| add(before, sum));
            sum.unwrap_or(Vector::ZERO).0
        })
    }

    /// The sums of all lanes that come as numbers; never -0, as with those of eight lanes apart.
    fn leaf_totals(&self) -> impl Iterator<Item = f64> {
        let there = (0..self.levels.len()).filter(|level| self.leaves >> level & 1 == 1);
        let there: Vec<&[f64]> = there.map(|level| self.levels[level].as_slice()).collect();
        (0..self.numbers).map(move |at| {
            let sums = there.iter().map(|sums| sums[at]);
            sums.reduce(|sum, before| before + sum).unwrap_or(0.0) + 0.0
        })
    }

    /// The sums of all lanes.
    pub(crate) fn totals(&self) -> impl Iterator<Item = f64> {
        let branches = self.branch_totals();
        let together =
            branches.map(|x| ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])));
        together.chain(self.leaf_totals())
    }
}

/// The sum of lanes' numbers, by the tree that [`Sums`] builds, eight lanes each still apart.
pub(crate) fn sum_of_lanes(numbers: &[f64]) -> [f64; WIDTH] {
    let mut sums = Sums::default();
    sums.reset(1);
    for chunk in numbers.chunks(WIDTH) {
        let mut lanes = [0.0; WIDTH];
        lanes[..chunk.len()].copy_from_slice(chunk);
        sums.push(&[Vector(lanes)]);
    }
    sums.vectors().next().unwrap_or_default()
}
