//! A trace as a list in which loops are looked for: its operations, each with the guards before it.
//!
//! **Invariants**
//! - What a block reads is one item's results in a row; what it gathers makes it like no other.

use super::{KEPT, Least, Listing, Loop, Source, find};
use crate::prim::Prim;
use crate::trace::{Guard, Numbers, Operation, Ref, Trace, narrow};
use rustc_hash::FxHasher;
use std::hash::Hash;

/// From how many iterations on, and operations together, a stretch of a trace is a loop.
const LOOPS: Least = Least {
    iterations: 2 * KEPT,
    most: usize::MAX,
    is_thorough: false,
    items: 512,
    tables: true,
};

/// A trace as a list: its operations, each with the guards that stand before it.
pub(super) struct Operations<'t> {
    pub(super) trace: &'t Trace,
    /// For each operation, and the end, its first guard.
    pub(super) guards: Vec<u32>,
}

impl<'t> Operations<'t> {
    pub(super) fn new(trace: &'t Trace) -> Self {
        let mut guards = Vec::with_capacity(trace.operations.len() + 1);
        let mut next = 0;
        for operation in 0..=trace.operations.len() {
            while next < trace.guards.len() && (trace.guards[next].at as usize) < operation {
                next += 1;
            }
            guards.push(narrow(next));
        }
        Self { trace, guards }
    }

    pub(super) fn guards_at(&self, operation: usize) -> &'t [Guard] {
        let first = self.guards[operation] as usize;
        let end = match self.guards.get(operation + 1) {
            Some(&end) => end as usize,
            None => self.trace.guards.len(),
        };
        &self.trace.guards[first..end]
    }

    /// The loops.
    pub(super) fn loops(&self) -> Vec<Loop> {
        find(self, &LOOPS)
    }

    /// Whether two blocks do the same, on as many numbers, and on the same ones where these are constants.
    fn is_block_alike(&self, operation: usize, other: &Self, as_operation: usize) -> bool {
        let block = self.trace.block_at(operation);
        let with = other.trace.block_at(as_operation);
        let are_alike = |(one, two): (Numbers, Numbers)| match (one, two) {
            (Numbers::Run(a, n), Numbers::Run(b, m)) if a.is_node() && b.is_node() => n == m,
            (Numbers::Run(a, n), Numbers::Run(b, m)) if !a.is_node() && !b.is_node() => {
                let numbers = &self.trace.constants[a.index()..][..n as usize];
                let others = &other.trace.constants[b.index()..][..m as usize];
                let bits =
                    |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                bits(numbers) == bits(others)
            }
            // What is gathered is like nothing else.
            _ => false,
        };
        (block.block, block.length) == (with.block, with.length)
            && [(block.a, with.a), (block.b, with.b)]
                .into_iter()
                .all(are_alike)
    }

    fn source(&self, r: Ref) -> Source {
        match r.as_node() {
            None => Source::Constant(self.trace.constants[r.index()].to_bits()),
            Some(node) => match node.checked_sub(self.trace.inputs) {
                None => Source::Outer(node),
                Some(operation) => Source::Item(operation, 0),
            },
        }
    }
}

/// The operands of a plain operation.
pub(super) fn operands(op: &Operation) -> impl Iterator<Item = Ref> {
    let count = match op.prim {
        Prim::Select => 3,
        prim => prim.operands(),
    };
    [op.a, op.b, op.c].into_iter().take(count)
}

impl Listing for Operations<'_> {
    fn len(&self) -> usize {
        self.trace.operations.len()
    }

    fn key(&self, item: usize, state: &mut FxHasher) {
        let op = &self.trace.operations[item];
        op.prim.hash(state);
        for guard in self.guards_at(item) {
            guard.expected.to_bits().hash(state);
            guard.place.hash(state);
        }
        if op.prim == Prim::Block {
            let block = self.trace.block_at(item);
            block.length.hash(state);
            format!("{:?}", block.block).hash(state);
            for numbers in [block.a, block.b] {
                match numbers {
                    Numbers::Run(first, length) if first.is_node() => length.hash(state),
                    Numbers::Run(first, length) => {
                        let from = first.index();
                        let constants = &self.trace.constants[from..from + length as usize];
                        for x in constants {
                            x.to_bits().hash(state);
                        }
                    }
                    // No other is like it.
                    Numbers::Listed(start, length) => (start, length).hash(state),
                }
            }
        } else if op.prim != Prim::Part {
            for r in operands(op) {
                r.is_node().hash(state);
            }
        }
    }

    fn alike(&self, item: usize, other: &Self, as_item: usize) -> bool {
        let [a, b] = [(self, item), (other, as_item)];
        let (op, with) = (&a.0.trace.operations[a.1], &b.0.trace.operations[b.1]);
        let [guards, others] = [a, b].map(|(list, item)| list.guards_at(item));
        let are_alike = |(a, b): (&Guard, &Guard)| {
            a.place == b.place && a.expected.to_bits() == b.expected.to_bits()
        };
        let is_alike = match op.prim {
            Prim::Part => true,
            Prim::Block if with.prim == Prim::Block => a.0.is_block_alike(a.1, b.0, b.1),
            _ => operands(op)
                .zip(operands(with))
                .all(|(a, b)| a.is_node() == b.is_node()),
        };
        op.prim == with.prim
            && guards.len() == others.len()
            && guards.iter().zip(others).all(are_alike)
            && is_alike
    }

    fn each_source(&self, item: usize, see: &mut dyn FnMut(Source)) {
        for guard in self.guards_at(item) {
            see(self.source(guard.node));
        }
        let op = &self.trace.operations[item];
        match op.prim {
            Prim::Part => {}
            Prim::Block => {
                let block = self.trace.block_at(item);
                for numbers in [block.a, block.b] {
                    if let Numbers::Run(first, _) = numbers
                        && first.is_node()
                    {
                        see(self.source(first));
                    }
                }
            }
            _ => operands(op).for_each(|r| see(self.source(r))),
        }
    }
}

/// The loops of a trace, by its operations.
pub(crate) fn loops(trace: &Trace) -> Vec<Loop> {
    if trace.operations.len() < LOOPS.items {
        return Vec::new();
    }
    Operations::new(trace).loops()
}
