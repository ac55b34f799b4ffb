//! `Trace`: the arithmetic of one run, on the numbers it depends on and on nothing else.
//!
//! Structure is discrete, numbers are differentiable. A walk [`record`]s which operations its
//! inputs went through. As it is, a trace is run again on other numbers ([`replay`]) and swept
//! backwards ([`sweep`]) or forwards ([`tangents`]). Compiled, it is written into a `flow`, joined by
//! its `gradient`, and becomes a `routine`.
//!
//! **Invariants**
//! - Static single assignment: node `k` is input `k`, or operation `k - inputs`; operands come
//!   before.
//! - What steered the run is a [`Guard`]: other numbers take the same path exactly if all guards
//!   hold.
//! - Both arms of a fork are there, side by side, joined by a `Select`; an [`Arm`] is a range of
//!   operations, and arms nest.
//! - Operations on larger matrices are blocks: several nodes computed at once.
//! - Knows primitives only, nothing of Scheme.

mod adjoints;
mod blocks;
mod expressed;
pub(crate) mod flow;
pub(crate) mod forward;
mod gradient;
mod noise;
mod print;
pub(crate) mod record;
pub(crate) mod repeat;
pub(crate) mod replay;
pub(crate) mod roll;
pub(crate) mod routine;
pub(crate) mod runs;
pub(crate) mod second;
pub(crate) mod simplify;
mod slope;
pub(crate) mod sweep;
pub(crate) mod tangents;

use crate::prim::Prim;
use crate::prim::block::BlockKind;
use repeat::Repeat;
use std::fmt;
use std::sync::Arc;

/// An operand: a node of the trace, or one of its constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ref(u32);

impl Ref {
    const CONSTANT: u32 = 1 << 31;

    /// Node `index`, which is below 2^31.
    pub(crate) const fn node(index: u32) -> Self {
        debug_assert!(index < Self::CONSTANT, "references have 31 bits");
        Self(index)
    }

    /// Constant `index`, which is below 2^31.
    pub(crate) const fn constant(index: u32) -> Self {
        debug_assert!(index < Self::CONSTANT, "references have 31 bits");
        Self(index | Self::CONSTANT)
    }

    /// The node, unless it is a constant.
    pub(crate) const fn as_node(self) -> Option<u32> {
        if self.0 & Self::CONSTANT == 0 {
            Some(self.0)
        } else {
            None
        }
    }

    /// As a place among all references.
    pub(crate) const fn place(self) -> u32 {
        self.0
    }

    /// The reference at a place that [`Ref::place`] gave.
    pub(crate) const fn at_place(place: u32) -> Self {
        Self(place)
    }

    pub(crate) const fn is_node(self) -> bool {
        self.0 & Self::CONSTANT == 0
    }

    pub(crate) const fn index(self) -> usize {
        (self.0 & !Self::CONSTANT) as usize
    }
}

/// How many nodes, constants or guards there may be at the most.
pub(crate) const MOST: usize = Ref::CONSTANT as usize - 1;

/// A count, or a place, as references and code hold it.
///
/// # Panics
/// If it is more than [`MOST`]. Traces that a walk recorded are refused before.
#[inline]
#[track_caller]
pub(crate) fn narrow(count: usize) -> u32 {
    assert!(
        count <= MOST,
        "{count} are more than the {MOST} there may be"
    );
    count as u32
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_node() {
            write!(f, "%{}", self.index())
        } else {
            write!(f, "c{}", self.index())
        }
    }
}

/// One operation. Rows of one argument repeat `a` as `b`; only `Select` reads `c`:
/// `a` where `c` holds, `b` otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// A numeric or predicate row, or `Select`.
    pub(crate) prim: Prim,
    /// The first operand.
    pub(crate) a: Ref,
    /// The second operand.
    pub(crate) b: Ref,
    /// The test of a `Select`.
    pub(crate) c: Ref,
}

impl Operation {
    /// What stands for the block of a number among operations: one for each of its numbers.
    fn of_block(which: Ref, length: u32) -> impl Iterator<Item = Self> {
        (0..length).map(move |index| Self {
            prim: if index == 0 { Prim::Block } else { Prim::Part },
            a: which,
            b: which,
            c: which,
        })
    }
}

/// A number that the path relies on: a branch outcome (1 or 0), an index, a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Guard {
    /// How many operations stand before it.
    pub(crate) at: u32,
    /// The number.
    pub(crate) node: Ref,
    /// What it must be.
    pub(crate) expected: f64,
    /// Where in the program: an index into the places of whoever recorded; 0 for nowhere.
    pub(crate) place: u32,
}

/// One side of a fork: operations that count only where its test came out its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arm {
    /// The first operation.
    pub(crate) start: u32,
    /// One past the last operation.
    pub(crate) end: u32,
    /// What decided.
    pub(crate) test: Ref,
    /// Which outcome the arm belongs to.
    pub(crate) when: bool,
}

/// Where an operand of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// So many nodes, or constants, from one on.
    Run(Ref, u32),
    /// References of the trace's list, from one on.
    Listed(u32, u32),
}

impl Numbers {
    /// How many there are.
    pub(crate) fn length(self) -> u32 {
        match self {
            Self::Run(_, length) | Self::Listed(_, length) => length,
        }
    }
}

/// An operation on whole matrices, or numbers gathered from elsewhere: its results, the hidden ones
/// too, are as many nodes from [`BlockOperation::first`] on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlockOperation {
    /// The operation whose node is its first number.
    pub(crate) first: u32,
    /// How many numbers there are.
    pub(crate) length: u32,
    /// What it does; none gathers its first operand.
    pub(crate) block: Option<BlockKind>,
    /// Which of the trace's loops it is, if it is one: then its first operand is what that is begun with,
    /// and its numbers are those carried on at the end, and how often it was done.
    pub(crate) repeats: Option<u32>,
    pub(crate) a: Numbers,
    pub(crate) b: Numbers,
}

impl BlockOperation {
    /// Whether its numbers count as constants where derivatives are taken.
    pub(crate) fn is_flat(&self) -> bool {
        self.block.is_some_and(BlockKind::is_flat)
    }
}

/// Memory for blocks, to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockScratch {
    kernel: Vec<f64>,
    cts: Vec<f64>,
    operands: [Vec<f64>; 2],
}

/// The arithmetic of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// How many inputs there are: the first nodes.
    pub(crate) inputs: u32,
    /// In the order they were done.
    pub(crate) operations: Vec<Operation>,
    /// Numbers that the inputs do not change.
    pub(crate) constants: Vec<f64>,
    /// In the order they were met.
    pub(crate) guards: Vec<Guard>,
    /// Inner arms come before the outer ones that hold them.
    pub(crate) arms: Vec<Arm>,
    /// Where in the program forks were joined: the `Select` among the operations, and the place as
    /// with guards.
    pub(crate) joins: Vec<(u32, u32)>,
    /// Operations on whole matrices, in order. Among the operations each has a `Block`, whose `c`
    /// says which it is, and a `Part` for every further number.
    pub(crate) blocks: Vec<BlockOperation>,
    /// What blocks gather.
    pub(crate) listed: Vec<Ref>,
    /// Loops kept as one iteration, in order: only walks that are told to leave them so.
    pub(crate) repeats: Vec<Arc<Repeat>>,
}

impl Trace {
    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.inputs as usize + self.operations.len()
    }

    /// How many nodes, constants or whatever else there are, of that of which there are most: past
    /// [`MOST`] references do not mean what they say.
    pub(crate) fn longest(&self) -> usize {
        let lists = [
            self.len(),
            self.constants.len(),
            self.guards.len(),
            self.arms.len(),
            self.joins.len(),
            self.listed.len(),
        ];
        lists.into_iter().fold(0, usize::max)
    }

    /// The number of an operand, given those of all nodes.
    #[inline]
    pub(crate) fn number(&self, r: Ref, values: &[f64]) -> f64 {
        if r.is_node() {
            values[r.index()]
        } else {
            self.constants[r.index()]
        }
    }

    /// Gives back memory that is not used.
    pub(crate) fn shrink(&mut self) {
        self.operations.shrink_to_fit();
        self.constants.shrink_to_fit();
        self.guards.shrink_to_fit();
        self.arms.shrink_to_fit();
        self.joins.shrink_to_fit();
        self.blocks.shrink_to_fit();
        self.listed.shrink_to_fit();
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.operations.capacity() * size_of::<Operation>()
            + self.constants.capacity() * size_of::<f64>()
            + self.guards.capacity() * size_of::<Guard>()
            + self.arms.capacity() * size_of::<Arm>()
            + self.joins.capacity() * size_of::<(u32, u32)>()
            + self.blocks.capacity() * size_of::<BlockOperation>()
            + self.listed.capacity() * size_of::<Ref>()
            + self.repeats.iter().map(|of| of.bytes()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Ref, Trace, narrow};

    #[test]
    fn what_references_hold_is_narrowed() {
        assert_eq!(narrow(MOST), (1 << 31) - 1);
        assert_eq!(Ref::constant(narrow(MOST)).as_node(), None);
        let empty = Trace::default();
        assert_eq!(empty.longest(), 0);
        let inputs = 1 << 31;
        assert!(Trace { inputs, ..empty }.longest() > MOST);
    }

    #[test]
    #[should_panic(expected = "more than")]
    fn what_they_do_not_hold_is_no_count() {
        narrow(MOST + 1);
    }
}
