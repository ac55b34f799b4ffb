//! Adjoints: what a sweep backwards adds up for each node.
//!
//! **Invariants**
//! - A first contribution is assigned, not added to 0; a node that nothing contributes to is known
//!   by its bits, which no arithmetic makes.

use super::repeat::Kept;
use super::{BlockScratch, Ref};
use std::ops::Range;

/// The bits of an adjoint that nothing has contributed to: a NaN that no arithmetic makes.
pub(super) const UNTOUCHED: u64 = 0x7ff4_dead_beef_0001;

/// The adjoints of a trace's nodes, in memory to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjoints {
    pub(super) values: Vec<f64>,
    pub(super) scratch: BlockScratch,
    /// What the replay before kept of its loops.
    pub(crate) kept: Kept,
    /// For each input whether its adjoint is wanted; empty for all.
    wanted: Vec<bool>,
}

impl Adjoints {
    /// Nothing has arrived at any of so many nodes but the seeds: nodes and their cotangents.
    pub(super) fn begin(&mut self, nodes: usize, seeds: &[(Ref, f64)]) {
        self.values.clear();
        self.values.resize(nodes, f64::from_bits(UNTOUCHED));
        for &(node, ct) in seeds {
            if node.is_node() {
                self.add(node.index(), ct);
            }
        }
    }

    /// Of so many inputs only the adjoints of these are wanted: loops may leave those of others out.
    pub(crate) fn want(&mut self, by: &[u32], inputs: u32) {
        self.wanted.clear();
        self.wanted.resize(inputs as usize, false);
        for &input in by {
            self.wanted[input as usize] = true;
        }
    }

    /// All adjoints are wanted.
    pub(crate) fn want_all(&mut self) {
        self.wanted.clear();
    }

    /// Whether anything that is wanted is at a node, or behind it.
    pub(super) fn is_wanted(&self, node: u32) -> bool {
        self.wanted.get(node as usize).is_none_or(|&is| is)
    }

    /// The same of any of some nodes.
    pub(super) fn is_some_wanted(&self, nodes: Range<usize>) -> bool {
        let wanted = self.wanted.get(nodes);
        wanted.is_none_or(|wanted| wanted.contains(&true))
    }

    /// The adjoint of an input; 0, never -0, where nothing depends on it.
    pub(crate) fn of(&self, input: usize) -> f64 {
        let adjoint = self.values[input];
        if adjoint.to_bits() == UNTOUCHED {
            0.0
        } else {
            adjoint + 0.0
        }
    }

    #[inline]
    pub(super) fn add(&mut self, node: usize, ct: f64) {
        let adjoint = &mut self.values[node];
        if adjoint.to_bits() == UNTOUCHED {
            *adjoint = ct;
        } else {
            *adjoint += ct;
        }
    }
}
