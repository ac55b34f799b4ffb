//! `Graph`: a program frozen, as every machine runs it.
//!
//! `build` makes it of a program's normal form, [`ncg`] writes and reads it as a file, [`verify()`] checks
//! one that comes from outside; [`crate::walk`] runs it.
//!
//! **Invariants**
//! - A node's operands are nodes of its own function (or constants, which belong to none) that
//!   stand before it.
//! - A block ends in exactly one control node, and has no other.
//! - An `if` is a multiplexer: both arms are blocks, and where both give numbers both are numbers
//!   of the trace.
//! - A frozen graph never changes: it is `Sync`, and scratch lives with whoever runs it.

mod build;
pub mod ncg;
mod print;
mod verify;

pub(crate) use build::{Imports, build};
pub use ncg::NcgError;
pub use verify::verify;

use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::Param;
use crate::syntax::ast::Constant;
use slotmap::{SlotMap, new_key_type};
use smallvec::SmallVec;
use std::sync::Arc;

new_key_type! {
    /// A node of a [`Graph`].
    pub struct NodeId;
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The parameter of the function at a position.
    Param(u32),
    /// What the function's closure captured at a position.
    Capture(u32),
    /// A constant of the graph.
    Constant(u32),
    /// An input of the graph.
    Input(u32),
    /// A function of the graph as a value, without environment.
    Function(u32),
    /// A primitive.
    Prim(Prim),
    /// A closure of a function; the operands are captured.
    Closure(u32),
    /// A call: procedure, arguments.
    Call,
    /// A call of a function that is certain and takes that many arguments: closure, arguments.
    CallKnown(u32),
    /// The value of one of two blocks.
    Mux(u32, u32),
    /// Ends a block: its value.
    Return,
    /// Ends a block: a call that leaves the function.
    TailCall,
    /// Ends a block: a call of a certain function that leaves this one.
    TailCallKnown(u32),
    /// Ends a block: the function from its start with other arguments.
    Again,
    /// Ends a block: goes on in one of two.
    Branch(u32, u32),
}

impl Op {
    /// Whether the node ends a block.
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Op::Return | Op::TailCall | Op::TailCallKnown(_) | Op::Again | Op::Branch(..)
        )
    }

    /// Whether the node belongs to the whole graph instead of a block.
    pub fn is_floating(&self) -> bool {
        matches!(self, Op::Constant(_) | Op::Input(_) | Op::Function(_))
    }
}

/// A node: an operation, its operands, and the place in the program it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// On what.
    pub args: SmallVec<[NodeId; 4]>,
    /// An index into [`Graph::sites`]; 0 for none.
    pub site: u32,
}

/// A straight run of nodes with one end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// In order of evaluation; the last is the end.
    pub nodes: Vec<NodeId>,
}

/// A function of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// What it is called; may be empty.
    pub name: String,
    /// How many parameters it has, the rest parameter included.
    pub params: u32,
    /// Whether the last parameter takes all further arguments.
    pub rest: bool,
    /// How many values its closures capture.
    pub captures: u32,
    /// The block it starts in.
    pub body: u32,
}

/// A constant of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum GraphConstant {
    /// Something that stands for itself; a float literal of the code has its place.
    Value(Constant, Option<Span>),
    /// Quoted data, as text.
    Quote(String),
}

/// A place in the program's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SiteInfo {
    /// Where.
    pub span: Span,
    /// Whether it is an application by the program.
    pub counts: bool,
}

/// A frozen program.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All nodes.
    pub nodes: SlotMap<NodeId, Node>,
    /// The floating nodes: constants, inputs and functions as values.
    pub floating: Vec<NodeId>,
    /// All blocks.
    pub blocks: Vec<Block>,
    /// All functions; a program's own body is function 0.
    pub functions: Vec<Function>,
    /// Constants.
    pub constants: Vec<GraphConstant>,
    /// The names of the inputs, params included.
    pub inputs: Vec<String>,
    /// The params.
    pub params: Vec<Param>,
    /// The procedures that programs or the engine find by name.
    pub exports: Vec<(String, u32)>,
    /// Places that nodes stand for; entry 0 is no place.
    pub sites: Vec<SiteInfo>,
    /// The program's text, where nodes have places in it.
    pub text: Arc<str>,
    /// Whether quoted data may hold reserved symbols: the interpreter's own graph.
    pub reserved: bool,
    /// A certificate of the program as JSON text, which the hash does not cover: see
    /// [`Certificate::of_graph`](crate::verify::Certificate::of_graph).
    pub certificate: Option<Arc<str>>,
}

impl Graph {
    /// The function exported under a name.
    pub fn export(&self, name: &str) -> Option<u32> {
        let found = self.exports.iter().find(|(n, _)| n == name);
        found.map(|&(_, function)| function)
    }
}
