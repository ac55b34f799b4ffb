//! `monitor`: values that a program names, told to whoever evaluates it.
//!
//! A name and a value go in; the value comes out as it is, and is noted with the nodes of its numbers
//! and the arms it stands in.
//!
//! **Invariants**
//! - The value, its nodes and its derivatives are what they would be without the monitor.
//! - What stands in an arm of a fork is told where that arm is taken: in the walk, and by the numbers of
//!   each replay.
//! - Notes count as heap.

use super::output::{Item, Output};
use super::serial::text;
use super::take::TAKEN_BYTES;
use super::{Outcome, Walk};
use crate::error::Kind;
use crate::prim::value::{Node, Tag, Value};
use crate::source::Span;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// How many nodes are shown of a value that has more numbers.
const SHOWN: usize = 8;

/// Notes stay with the path, and are told to the caller besides.
const TWICE: usize = 2;

/// What a piece of a noted value weighs, in elements.
const NOTED: usize = 8;

/// A value that `(monitor "name" value)` was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Monitored {
    /// The name.
    #[serde(serialize_with = "text")]
    pub name: Arc<str>,
    /// The call.
    pub span: Option<Span>,
    /// The value.
    pub value: Output,
    /// The node of the trace that each number and boolean of the value is, in order; none for what
    /// depends on no input.
    pub nodes: Vec<Option<u32>>,
}

impl fmt::Display for Monitored {
    /// `name = 2.5  (%3)`: the nodes are those of `dmci show --stage trace`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  (", self.name, self.value.to_scheme())?;
        if self.nodes.iter().all(Option::is_none) {
            return f.write_str("constant)");
        }
        for (index, node) in self.nodes.iter().take(SHOWN).enumerate() {
            let blank = if index == 0 { "" } else { " " };
            match node {
                Some(node) => write!(f, "{blank}%{node}")?,
                None => write!(f, "{blank}constant")?,
            }
        }
        f.write_str(if self.nodes.len() > SHOWN {
            " …)"
        } else {
            ")"
        })
    }
}

/// A value noted by a walk, which replays tell with other numbers.
#[derive(Debug)]
pub(crate) struct Noted {
    monitored: Monitored,
    /// The arms it stands in: the node of the test, and the outcome they belong to.
    arms: Box<[(u32, bool)]>,
    /// Whether the walk took all of them.
    is_taken: bool,
}

impl Noted {
    /// What the walk itself tells.
    pub(crate) fn as_walked(&self) -> Option<Monitored> {
        self.is_taken.then(|| self.monitored.clone())
    }

    /// What a replay tells, by the numbers of all nodes.
    pub(crate) fn at(&self, values: &[f64]) -> Option<Monitored> {
        let takes = |&(test, when): &(u32, bool)| (values[test as usize] != 0.0) == when;
        if !self.arms.iter().all(takes) {
            return None;
        }
        let mut monitored = self.monitored.clone();
        let mut nodes = self.monitored.nodes.iter();
        monitored.value.set_leaves(|constant| match nodes.next() {
            Some(Some(node)) => values[*node as usize],
            _ => constant,
        });
        Some(monitored)
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        /// What an allocator adds to a name, a value, its nodes and the arms.
        const BLOCKS: usize = 64;
        size_of::<Self>()
            + BLOCKS
            + self.monitored.name.len()
            + self.monitored.value.items.len() * size_of::<Item>()
            + self.monitored.nodes.len() * size_of::<Option<u32>>()
            + self.arms.len() * size_of::<(u32, bool)>()
    }
}

/// What a walk has noted so far.
#[derive(Default)]
pub(super) struct Notes {
    list: Vec<Noted>,
    /// The memory that they take.
    pub(super) bytes: usize,
}

impl Notes {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets all but the first so many.
    pub(super) fn truncate(&mut self, len: usize) {
        for noted in self.list.drain(len..) {
            self.bytes -= TWICE * noted.bytes();
        }
    }

    /// What the walk tells.
    pub(super) fn as_walked(&self) -> Vec<Monitored> {
        self.list.iter().filter_map(Noted::as_walked).collect()
    }

    pub(super) fn into_list(self) -> Vec<Noted> {
        self.list
    }
}

impl Walk<'_> {
    /// `(monitor name value)` on two staged arguments.
    pub(super) fn monitor(&mut self, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let (name, value) = (self.stack[top], self.stack[top + 1]);
        if name.tag != Tag::String {
            return self.fail(Kind::Type, site, wants_a_name(name.kind()));
        }
        if self.meter.pauses_at_value {
            self.meter.given = Some(value);
            return Self::out_of_time();
        }
        let limit = self.meter.limits.heap_bytes;
        let room = limit.saturating_sub(self.bytes()) / TAKEN_BYTES;
        let (mut output, nodes, whole) = self.taken(value, room);
        output.items.shrink_to_fit();
        self.account(NOTED * output.items.len(), site)?;
        let arms = self.forks.open.iter().map(|fork| {
            let then = !fork.test.is_false();
            // The arm that the test chose comes first.
            let when = then == fork.first.is_none();
            (fork.test.node.index(), when)
        });
        let arms = arms.map(|(test, when)| (test.expect("a fork's test has a node"), when));
        let noted = Noted {
            monitored: Monitored {
                name: self.string(name),
                span: self.sites.span(site).or(self.sites.span(self.at.site)),
                value: output,
                nodes: nodes.into_iter().map(Node::index).collect(),
            },
            arms: arms.collect(),
            is_taken: self.forks.open.iter().all(|fork| fork.first.is_none()),
        };
        self.notes.bytes += TWICE * noted.bytes();
        self.notes.list.push(noted);
        if !whole || self.notes.bytes > limit {
            return self.out_of_heap();
        }
        Ok(value)
    }
}

/// What is said of a name that is no string.
pub(crate) fn wants_a_name(kind: &str) -> String {
    format!("`monitor` wants a string first, got {kind}")
}
