//! Data: program text as trees of atoms and lists, before any meaning.
//!
//! The reader (or anything that builds programs) pushes nodes, leaves first; stages after it look
//! at them through [`Datum`], a borrowed view of one node, and at the place each came from.
//!
//! **Invariants**
//! - A node stands after all nodes inside it, so the arena has no cycles and nothing recurses:
//!   neither reading, nor printing, nor dropping.
//! - An `Int` is a finite whole number and never `-0`.
//! - A `Dotted` has at least one item before its tail.
//! - Printing and reading back gives the same data, apart from spans and from names with control
//!   characters, which the reader refuses.
//!
//! ```text
//! (f [1 2.5] . x)   Dotted([f, Bracket([Int 1, Float 2.5])], x)
//! 'x                List([quote, x])
//! ```

use crate::source::Span;
use crate::symbol::Sym;
use std::fmt;

/// A node of [`Data`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DatumId(u32);

impl DatumId {
    /// The node at an index.
    pub(super) const fn at(index: u32) -> Self {
        Self(index)
    }

    pub(super) const fn index(self) -> u32 {
        self.0
    }

    /// The node so many further on.
    pub(super) const fn later(self, by: u32) -> Self {
        Self(self.0 + by)
    }
}

impl fmt::Display for DatumId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// A view of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Datum<'a> {
    /// `#t` or `#f`.
    Bool(bool),
    /// A number written without point, exponent or slash.
    Int(f64),
    /// Any other number; `1/4` is 0.25.
    Float(f64),
    /// A character.
    Char(char),
    /// A symbol.
    Symbol(Sym),
    /// A string.
    String(&'a str),
    /// `(a b c)`, and `()`.
    List(&'a [DatumId]),
    /// `(a b . c)`, as written: the tail may itself be a list.
    Dotted(&'a [DatumId], DatumId),
    /// `[a b c]`.
    Bracket(&'a [DatumId]),
    /// `#(1 2 3)`: a vector of numbers, one or more.
    Numbers(&'a [f64]),
}

/// A run of bytes in [`Data::strings`], of nodes in [`Data::items`] or of [`Data::numbers`].
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    len: u32,
}

impl Run {
    /// What was appended to a buffer whose length grew from `start` to `end`.
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: index(start),
            len: index(end - start),
        }
    }

    fn of<T>(self, items: &[T]) -> &[T] {
        &items[self.start as usize..][..self.len as usize]
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Bool(bool),
    Int(f64),
    Float(f64),
    Char(char),
    Symbol(Sym),
    String(Run),
    List(Run),
    /// The tail is the last of the run.
    Dotted(Run),
    Bracket(Run),
    Numbers(Run),
}

/// A sequence of data: the text of one program, say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data {
    nodes: Vec<Node>,
    spans: Vec<Span>,
    items: Vec<DatumId>,
    strings: String,
    numbers: Vec<f64>,
    roots: Vec<DatumId>,
}

impl Data {
    /// No data.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// No data, with room for those of a text of so many bytes; for long ones less at first.
    pub(super) fn with_room(bytes: usize) -> Self {
        let nodes = (bytes / 2).min(1 << 10);
        Self {
            nodes: Vec::with_capacity(nodes),
            spans: Vec::with_capacity(nodes),
            items: Vec::with_capacity(nodes),
            ..Self::default()
        }
    }

    /// How many nodes there are, those under datum comments included.
    pub(crate) fn len(&self) -> u32 {
        index(self.nodes.len())
    }

    /// The bytes that they take, room to grow aside.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.nodes[..])
            + size_of_val(&self.spans[..])
            + size_of_val(&self.items[..])
            + self.strings.len()
            + size_of_val(&self.numbers[..])
            + size_of_val(&self.roots[..])
    }

    /// The node `id`.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(crate) fn get(&self, id: DatumId) -> Datum<'_> {
        match self.nodes[id.0 as usize] {
            Node::Bool(value) => Datum::Bool(value),
            Node::Int(value) => Datum::Int(value),
            Node::Float(value) => Datum::Float(value),
            Node::Char(value) => Datum::Char(value),
            Node::Symbol(sym) => Datum::Symbol(sym),
            Node::String(run) => {
                Datum::String(&self.strings[run.start as usize..][..run.len as usize])
            }
            Node::List(run) => Datum::List(run.of(&self.items)),
            Node::Dotted(run) => {
                let (&tail, items) = run
                    .of(&self.items)
                    .split_last()
                    .expect("a dotted list has a tail");
                Datum::Dotted(items, tail)
            }
            Node::Bracket(run) => Datum::Bracket(run.of(&self.items)),
            Node::Numbers(run) => Datum::Numbers(run.of(&self.numbers)),
        }
    }

    /// Where the node `id` stands in the text.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(crate) fn span(&self, id: DatumId) -> Span {
        self.spans[id.0 as usize]
    }

    /// The data of the top level, in order.
    pub(crate) fn roots(&self) -> &[DatumId] {
        &self.roots
    }

    /// Adds a node, of atoms or of nodes that are there already.
    ///
    /// # Panics
    /// If an item is not of these data, a dotted list has no item before its tail, an `Int` is not
    /// a finite whole number, or the nodes are more than 2³².
    pub(crate) fn push(&mut self, datum: Datum<'_>, span: Span) -> DatumId {
        let node = match datum {
            Datum::Bool(value) => Node::Bool(value),
            Datum::Int(value) => {
                assert!(
                    value.is_finite() && value.trunc() == value,
                    "{value} is no integer"
                );
                // Turns -0 into 0.
                Node::Int(value + 0.0)
            }
            Datum::Float(value) => Node::Float(value),
            Datum::Char(value) => Node::Char(value),
            Datum::Symbol(sym) => Node::Symbol(sym),
            Datum::String(text) => {
                let start = self.strings.len();
                self.strings.push_str(text);
                Node::String(Run::new(start, self.strings.len()))
            }
            Datum::List(items) => Node::List(self.push_items(items, None)),
            Datum::Dotted(items, tail) => {
                assert!(
                    !items.is_empty(),
                    "a dotted list without an item before its tail"
                );
                Node::Dotted(self.push_items(items, Some(tail)))
            }
            Datum::Bracket(items) => Node::Bracket(self.push_items(items, None)),
            Datum::Numbers(numbers) => {
                let start = self.numbers.len();
                self.numbers.extend_from_slice(numbers);
                Node::Numbers(Run::new(start, self.numbers.len()))
            }
        };
        let id = DatumId(self.len());
        self.nodes.push(node);
        self.spans.push(span);
        id
    }

    /// Adds a node to the top level.
    ///
    /// # Panics
    /// If `id` is not of these data.
    pub(crate) fn push_root(&mut self, id: DatumId) {
        assert!(id.0 < self.len(), "{id} is not of these data");
        self.roots.push(id);
    }

    /// Adds all nodes of other data, none of them to the top level, with other symbols and with spans
    /// that begin so many bytes later. Gives how far their numbers are moved.
    pub(super) fn append(
        &mut self,
        other: &Data,
        bytes: u32,
        mut symbol: impl FnMut(Sym) -> Sym,
    ) -> u32 {
        let by = self.len();
        let moved = |id: &DatumId| DatumId(id.0 + by);
        for (node, span) in other.nodes.iter().zip(&other.spans) {
            let span = Span::new(span.start + bytes, span.end + bytes);
            let moved = |run: Run| run.of(&other.items).iter().map(moved).collect::<Vec<_>>();
            let node = match *node {
                Node::Symbol(sym) => Node::Symbol(symbol(sym)),
                Node::String(run) => {
                    let start = self.strings.len();
                    let text = &other.strings[run.start as usize..][..run.len as usize];
                    self.strings.push_str(text);
                    Node::String(Run::new(start, self.strings.len()))
                }
                Node::List(run) => Node::List(self.push_moved(&moved(run))),
                Node::Dotted(run) => Node::Dotted(self.push_moved(&moved(run))),
                Node::Bracket(run) => Node::Bracket(self.push_moved(&moved(run))),
                Node::Numbers(run) => {
                    let start = self.numbers.len();
                    self.numbers.extend_from_slice(run.of(&other.numbers));
                    Node::Numbers(Run::new(start, self.numbers.len()))
                }
                atom => atom,
            };
            self.nodes.push(node);
            self.spans.push(span);
        }
        by
    }

    fn push_moved(&mut self, items: &[DatumId]) -> Run {
        let start = self.items.len();
        self.items.extend_from_slice(items);
        Run::new(start, self.items.len())
    }

    fn push_items(&mut self, items: &[DatumId], tail: Option<DatumId>) -> Run {
        let end = self.len();
        let foreign = items.iter().chain(&tail).find(|id| id.0 >= end);
        assert!(foreign.is_none(), "{foreign:?} is not of these data");
        let start = self.items.len();
        self.items.extend_from_slice(items);
        self.items.extend(tail);
        Run::new(start, self.items.len())
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("data have at most 2^32 nodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "is not of these data")]
    fn a_node_of_other_data_is_refused() {
        let mut data = Data::new();
        let id = data.push(Datum::List(&[]), Span::default());
        Data::new().push(Datum::List(&[id]), Span::default());
    }
}
