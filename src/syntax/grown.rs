//! `Grown`: the data of a program, and what the expansion of macros adds to them.
//!
//! Data go in, borrowed; nodes are added behind a shared reference, so that views of earlier ones stay
//! good while more are made. In the end the added nodes are handed over, to be appended to the data
//! under the same ids.
//!
//! **Invariants**
//! - A node stands after all nodes inside it, as in [`Data`].
//! - Nodes are never changed, nor moved while they are looked at: each level of the table is twice as
//!   long as the one before it and stays where it is.
//! - An added node knows how deep it nests; what stands in the text counts as flat, because the reader
//!   bounds it.

use super::datum::{Data, Datum, DatumId};
use crate::source::Span;
use crate::symbol::Sym;
use std::cell::{Cell, OnceCell};

/// A node that owns what is in it.
#[derive(Clone, Debug)]
enum Owned {
    Bool(bool),
    Int(f64),
    Float(f64),
    Char(char),
    Symbol(Sym),
    String(Box<str>),
    List(Box<[DatumId]>),
    Dotted(Box<[DatumId]>, DatumId),
    Bracket(Box<[DatumId]>),
    Numbers(Box<[f64]>),
}

#[derive(Clone, Debug)]
struct Added {
    node: Owned,
    span: Span,
    depth: u32,
}

impl Added {
    fn view(&self) -> Datum<'_> {
        match &self.node {
            Owned::Bool(value) => Datum::Bool(*value),
            Owned::Int(value) => Datum::Int(*value),
            Owned::Float(value) => Datum::Float(*value),
            Owned::Char(value) => Datum::Char(*value),
            Owned::Symbol(sym) => Datum::Symbol(*sym),
            Owned::String(text) => Datum::String(text),
            Owned::List(items) => Datum::List(items),
            Owned::Dotted(items, tail) => Datum::Dotted(items, *tail),
            Owned::Bracket(items) => Datum::Bracket(items),
            Owned::Numbers(numbers) => Datum::Numbers(numbers),
        }
    }
}

/// Levels of the table: enough for all ids there are.
const LEVELS: usize = 32;

/// The data of a program, growing.
pub(super) struct Grown<'d> {
    data: &'d Data,
    base: u32,
    levels: [OnceCell<Box<[OnceCell<Added>]>>; LEVELS],
    len: Cell<u32>,
    /// Nodes and items.
    weight: Cell<u64>,
}

/// The nodes that were added, in order.
pub(super) struct AddedNodes(Vec<Added>);

impl<'d> Grown<'d> {
    pub(super) fn new(data: &'d Data) -> Self {
        Self {
            data,
            base: data.len(),
            levels: [const { OnceCell::new() }; LEVELS],
            len: Cell::new(0),
            weight: Cell::new(0),
        }
    }

    /// The data of the top level of the text, in order.
    pub(super) fn roots(&self) -> &'d [DatumId] {
        self.data.roots()
    }

    /// The nodes of the text, in the order in which they were made.
    pub(super) fn ids_of_text(&self) -> impl Iterator<Item = DatumId> + use<> {
        (0..self.base).map(DatumId::at)
    }

    /// How many nodes the text has.
    pub(super) fn text_len(&self) -> usize {
        self.base as usize
    }

    /// How many nodes were added, and items of lists in them.
    pub(super) fn weight(&self) -> u64 {
        self.weight.get()
    }

    /// Whether a node was added, and does not stand in the text.
    pub(super) fn is_added(&self, id: DatumId) -> bool {
        id.index() >= self.base
    }

    /// How deep a node nests in nodes that were added.
    pub(super) fn depth(&self, id: DatumId) -> u32 {
        self.find(id).map_or(0, |added| added.depth)
    }

    fn find(&self, id: DatumId) -> Option<&Added> {
        let index = id.index().checked_sub(self.base)?;
        let (level, offset) = place(index);
        self.levels[level].get()?.get(offset)?.get()
    }

    /// The node `id`.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(super) fn get(&self, id: DatumId) -> Datum<'_> {
        if id.index() < self.base {
            return self.data.get(id);
        }
        self.find(id).expect("an id is of a node").view()
    }

    /// Where the node `id` stands in the text, or the use of the macro that made it.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(super) fn span(&self, id: DatumId) -> Span {
        if id.index() < self.base {
            return self.data.span(id);
        }
        self.find(id).expect("an id is of a node").span
    }

    /// Adds a node, of atoms or of nodes that are there already.
    pub(super) fn push(&self, datum: Datum<'_>, span: Span) -> DatumId {
        let deepest = |items: &[DatumId]| items.iter().map(|&id| self.depth(id)).max();
        let mut depth = 0;
        let node = match datum {
            Datum::Bool(value) => Owned::Bool(value),
            Datum::Int(value) => Owned::Int(value),
            Datum::Float(value) => Owned::Float(value),
            Datum::Char(value) => Owned::Char(value),
            Datum::Symbol(sym) => Owned::Symbol(sym),
            Datum::String(text) => Owned::String(text.into()),
            Datum::Numbers(numbers) => Owned::Numbers(numbers.into()),
            Datum::List(items) => {
                depth = deepest(items).unwrap_or(0) + 1;
                Owned::List(items.into())
            }
            Datum::Dotted(items, tail) => {
                depth = deepest(items).unwrap_or(0).max(self.depth(tail)) + 1;
                Owned::Dotted(items.into(), tail)
            }
            Datum::Bracket(items) => {
                depth = deepest(items).unwrap_or(0) + 1;
                Owned::Bracket(items.into())
            }
        };
        let items = match &node {
            Owned::List(items) | Owned::Dotted(items, _) | Owned::Bracket(items) => items.len(),
            Owned::Numbers(numbers) => numbers.len(),
            _ => 0,
        };
        self.weight.set(self.weight.get() + 1 + items as u64);
        let index = self.len.replace(self.len.get() + 1);
        let (level, offset) = place(index);
        let level = self.levels[level]
            .get_or_init(|| (0..1_usize << level).map(|_| OnceCell::new()).collect());
        let added = Added { node, span, depth };
        let fresh = level[offset].set(added).is_ok();
        assert!(fresh, "each place is taken once");
        DatumId::at(self.base + index)
    }

    /// What was added, to be appended to the data.
    pub(super) fn finish(self) -> AddedNodes {
        let nodes = (0..self.len.get()).filter_map(|index| {
            let id = DatumId::at(self.base + index);
            self.find(id).cloned()
        });
        AddedNodes(nodes.collect())
    }
}

impl AddedNodes {
    /// Appends the nodes to the data that they were added to.
    pub(super) fn append(self, data: &mut Data) {
        for added in &self.0 {
            data.push(added.view(), added.span);
        }
    }
}

/// Level and offset of a place of the table.
fn place(index: u32) -> (usize, usize) {
    let level = (index + 1).ilog2();
    (level as usize, (index + 1 - (1 << level)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_keeps_its_ids() {
        let mut data = Data::new();
        let one = data.push(Datum::Int(1.0), Span::new(0, 1));
        let grown = Grown::new(&data);
        let mut ids = vec![one];
        for depth in 0..100 {
            let before = grown.get(ids[depth]);
            ids.push(grown.push(Datum::List(&ids.clone()), Span::new(0, 1)));
            assert_eq!(grown.get(ids[depth]), before);
        }
        assert_eq!((grown.weight(), grown.depth(ids[100])), (100 + 5050, 100));
        grown.finish().append(&mut data);
        assert_eq!(data.get(ids[100]), Datum::List(&ids[..100]));
    }
}
