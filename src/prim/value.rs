//! Values: what a running program computes with.
//!
//! A [`Value`] is two 64-bit words: a tag with the trace node that computed it, and a payload.
//!
//! **Invariants**
//! - The ten tags of the language come first, in the order of their one-hot positions.
//! - Only numbers and booleans have a [`Node`].
//! - Addresses are indices into the heap; a closure's payload is its code and its environment.

use crate::prim::Prim;
use crate::symbol::Sym;
use std::num::NonZeroU32;

/// The type of a value; the first ten are the language's, in one-hot order.
/// Four bytes wide, so that a [`Value`] has no padding: what is moved in pieces is slow to read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub(crate) enum Tag {
    /// The empty list; with payload 1 the unspecified value.
    Nil,
    /// #t or #f.
    Bool,
    /// A number written or computed as an int; the payload is a double all the same.
    Int,
    /// A double.
    Float,
    /// A character.
    Char,
    /// An interned name.
    Symbol,
    /// A pair on the heap.
    Pair,
    /// A string.
    String,
    /// A procedure.
    Closure,
    /// A vector or matrix of numbers.
    Vector,
    /// The content of a cell that nothing has filled. Never a program's value.
    Empty,
    /// The first cell of a vector or matrix: rows and columns. Never a program's value.
    Shape,
    /// A record, a promise or several values: a pair on the heap of its type and its content, which
    /// programs do not see as one. The upper word of the payload is its [`Wrapped`].
    Opaque,
    /// Where a variable's value is: how many ribs out, in the upper word of the payload, and where in
    /// that rib. Stands in programs laid out for the evaluator. Never a program's value.
    Place,
    /// An environment of the evaluator's: how many ribs it has, and where the innermost is kept. Never a
    /// program's value.
    Env,
    /// Values of a rib, side by side: how many, and the address of the first. Never a program's value.
    Rib,
    /// Left behind by the collector: the payload is the new address. Never a program's value.
    Moved,
}

/// What a value is that has none of the ten types to itself; to the 14-number form it is a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Wrapped {
    /// Of a type that `define-record-type` made.
    Record,
    /// Of `delay` and its kin.
    Promise,
    /// What `values` gives, unless that is one.
    Values,
}

impl Wrapped {
    /// The kind of a number, as bootstrap files write it.
    pub(crate) const fn at(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Record),
            1 => Some(Self::Promise),
            2 => Some(Self::Values),
            _ => None,
        }
    }

    /// What errors call a value of this kind.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Record => "a record",
            Self::Promise => "a promise",
            Self::Values => "several values",
        }
    }
}

/// The node of the trace that computed a number, if one did: a constant has none. One word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Node(Option<NonZeroU32>);

impl Node {
    /// Of a constant.
    pub(crate) const NONE: Node = Node(None);

    /// The node at an index of the trace.
    ///
    /// # Panics
    /// If that is the largest index: a trace has fewer nodes.
    #[inline]
    pub(crate) const fn at(index: u32) -> Self {
        match NonZeroU32::new(index.wrapping_add(1)) {
            Some(index) => Self(Some(index)),
            None => panic!("a trace has fewer than 2^32 - 1 nodes"),
        }
    }

    /// Its index in the trace.
    #[inline]
    pub(crate) const fn index(self) -> Option<u32> {
        match self.0 {
            Some(next) => Some(next.get() - 1),
            None => None,
        }
    }

    #[inline]
    pub(crate) const fn is_some(self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Whether one of two numbers has a node: one test, in the walk's loop.
    #[inline]
    pub(crate) fn either(self, other: Self) -> bool {
        let word = |node: Self| node.0.map_or(0, NonZeroU32::get);
        word(self) | word(other) != 0
    }
}

/// A tagged value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) tag: Tag,
    pub(crate) node: Node,
    pub(crate) bits: u64,
}

/// The code of a procedure value: primitives first, then the functions of the graph.
pub(crate) const FIRST_FUNCTION: u32 = 256;

impl Value {
    pub(crate) const NIL: Value = Value::new(Tag::Nil, 0);
    pub(crate) const UNSPECIFIED: Value = Value::new(Tag::Nil, 1);
    pub(crate) const EMPTY: Value = Value::new(Tag::Empty, 0);

    pub(crate) const fn new(tag: Tag, bits: u64) -> Self {
        Self {
            tag,
            node: Node::NONE,
            bits,
        }
    }

    pub(crate) const fn bool(b: bool) -> Self {
        Self::new(Tag::Bool, b as u64)
    }

    pub(crate) const fn int(x: f64) -> Self {
        Self::new(Tag::Int, x.to_bits())
    }

    pub(crate) const fn float(x: f64) -> Self {
        Self::new(Tag::Float, x.to_bits())
    }

    pub(crate) const fn symbol(s: Sym) -> Self {
        Self::new(Tag::Symbol, s.index() as u64)
    }

    pub(crate) const fn char(c: char) -> Self {
        Self::new(Tag::Char, c as u64)
    }

    /// The string whose characters begin at an address.
    pub(crate) const fn string(address: u32, length: u32) -> Self {
        Self::new(Tag::String, (length as u64) << 32 | address as u64)
    }

    pub(crate) const fn pair(address: u32) -> Self {
        Self::new(Tag::Pair, address as u64)
    }

    /// The record, promise or values at an address.
    pub(crate) const fn opaque(wrapped: Wrapped, address: u32) -> Self {
        Self::new(Tag::Opaque, (wrapped as u64) << 32 | address as u64)
    }

    pub(crate) const fn closure(code: u32, environment: u32) -> Self {
        Self::new(Tag::Closure, (code as u64) << 32 | environment as u64)
    }

    pub(crate) const fn prim(prim: Prim) -> Self {
        Self::closure(prim as u32, 0)
    }

    /// The vector or matrix at an address, of so many numbers.
    pub(crate) const fn array(address: u32, size: u32) -> Self {
        Self::new(Tag::Vector, (size as u64) << 32 | address as u64)
    }

    /// The variable so many ribs out, at an index of that rib.
    pub(crate) const fn place(distance: u32, index: u32) -> Self {
        Self::new(Tag::Place, (distance as u64) << 32 | index as u64)
    }

    /// The environment of so many ribs whose innermost is kept at an address.
    pub(crate) const fn env(ribs: u32, address: u32) -> Self {
        Self::new(Tag::Env, (ribs as u64) << 32 | address as u64)
    }

    /// The rib of so many values from an address on.
    pub(crate) const fn rib(address: u32, length: u32) -> Self {
        Self::new(Tag::Rib, (length as u64) << 32 | address as u64)
    }

    pub(crate) const fn number(self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(crate) const fn address(self) -> u32 {
        self.bits as u32
    }

    pub(crate) const fn code(self) -> u32 {
        (self.bits >> 32) as u32
    }

    pub(crate) const fn is_number(self) -> bool {
        matches!(self.tag, Tag::Int | Tag::Float)
    }

    /// Whether it is a procedure of a graph, not a primitive.
    #[inline]
    pub(crate) const fn is_function(self) -> bool {
        matches!(self.tag, Tag::Closure) && self.code() >= FIRST_FUNCTION
    }

    pub(crate) const fn is_nil(self) -> bool {
        matches!(self.tag, Tag::Nil) && self.bits == 0
    }

    pub(crate) const fn is_false(self) -> bool {
        matches!(self.tag, Tag::Bool) && self.bits == 0
    }

    /// What errors call a value of this type.
    pub(crate) const fn kind(self) -> &'static str {
        match self.tag {
            Tag::Nil if self.bits == 0 => "the empty list",
            Tag::Nil => "no value",
            Tag::Bool => "a boolean",
            Tag::Int | Tag::Float => "a number",
            Tag::Char => "a character",
            Tag::Symbol => "a symbol",
            Tag::Pair => "a pair",
            Tag::String => "a string",
            Tag::Closure => "a procedure",
            Tag::Vector => "a vector",
            Tag::Opaque => match Wrapped::at(self.code()) {
                Some(wrapped) => wrapped.kind(),
                None => "an unknown value",
            },
            Tag::Place | Tag::Env | Tag::Rib => "a part of the evaluator",
            Tag::Empty | Tag::Shape | Tag::Moved => "an empty cell",
        }
    }
}
