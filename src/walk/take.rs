//! Values off the heap: outputs, error messages, names.
//!
//! **Invariants**
//! - Linear in the size of what is taken, whatever its shape, without recursion.

use super::EvalError;
use super::heap::Heap;
use super::output::{Item, Output};
use super::text::Names;
use super::{Finished, Walk};
use crate::error::{Kind, own_words};
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::value::{Node, Tag, Value, Wrapped};
use crate::symbol::Sym;
use std::sync::Arc;

/// The bytes that a piece of a value takes while it is taken.
pub(super) const TAKEN_BYTES: usize =
    size_of::<Item>() + size_of::<Node>() + size_of::<Value>() + size_of::<u64>();

/// How many pieces of an irritant an error message shows.
const SHOWN: usize = 40;

struct Source<'a> {
    heap: &'a Heap,
    names: &'a Names<'a>,
}

impl Finished<'_> {
    /// The value, and the node of each of its numbers and booleans (none for a constant).
    ///
    /// # Errors
    /// When the value, written out, is larger than the heap may be: what shares structure on the heap
    /// shares none outside.
    pub(crate) fn take(&self) -> Result<(Output, Vec<Node>), Box<EvalError>> {
        let room = self.limits.heap_bytes;
        let room = room.saturating_sub(size_of_val(self.heap.cells()));
        let limit = room / TAKEN_BYTES;
        let source = Source {
            heap: self.heap,
            names: &self.names,
        };
        let (output, nodes, whole) = source.take(self.value, limit);
        if whole {
            return Ok((output, nodes));
        }
        let message = format!("out of heap: {} bytes in use", self.limits.heap_bytes);
        let mut error = EvalError::new(Kind::Resource, message);
        error.stats = self.stats;
        Err(Box::new(error))
    }
}

impl Source<'_> {
    /// The first `limit` pieces of a value, and whether they are all.
    fn take(&self, value: Value, limit: usize) -> (Output, Vec<Node>, bool) {
        enum Open {
            Value(Value),
            /// The rest of a list that is known to be improper.
            Spine(Value),
        }
        let mut items = Vec::new();
        let mut nodes = Vec::new();
        let mut open = vec![Open::Value(value)];
        while let Some(next) = open.pop() {
            if items.len() + open.len() >= limit {
                return (Output { items }, nodes, false);
            }
            let (value, spine) = match next {
                Open::Value(value) => (value, false),
                Open::Spine(value) => (value, true),
            };
            if value.tag == Tag::Vector {
                let numbers = self.heap.numbers(value);
                if items.len() + open.len() + 2 * numbers.len() >= limit {
                    return (Output { items }, nodes, false);
                }
                let columns = match self.heap.shape(value) {
                    Shape::Vector(n) => n,
                    Shape::Matrix(rows, columns) => {
                        items.push(Item::Matrix(rows as u32));
                        columns
                    }
                };
                for row in numbers.chunks(columns) {
                    items.push(Item::Vector(columns as u32));
                    items.extend(row.iter().map(|&number| self.item(number)));
                    nodes.extend(row.iter().map(|number| number.node));
                }
                continue;
            }
            if value.tag == Tag::Opaque {
                let (name, content) = self.opened(value);
                let mut rest = content;
                let start = open.len();
                while rest.tag == Tag::Pair {
                    open.push(Open::Value(self.heap.car(rest)));
                    rest = self.heap.cdr(rest);
                }
                open[start..].reverse();
                let count = (open.len() - start) as u32;
                items.push(Item::Opaque { name, count });
                continue;
            }
            if value.tag != Tag::Pair {
                if value.is_number() || value.tag == Tag::Bool {
                    nodes.push(value.node);
                }
                items.push(self.item(value));
                continue;
            }
            let length = if spine {
                None
            } else {
                self.heap.list_length(value)
            };
            let Some(length) = length else {
                items.push(Item::Pair);
                open.push(Open::Spine(self.heap.cdr(value)));
                open.push(Open::Value(self.heap.car(value)));
                continue;
            };
            items.push(Item::List(length as u32));
            let start = open.len();
            let mut rest = value;
            while rest.tag == Tag::Pair {
                open.push(Open::Value(self.heap.car(rest)));
                rest = self.heap.cdr(rest);
            }
            open[start..].reverse();
        }
        (Output { items }, nodes, true)
    }

    /// What a record, promise or several values are called, and the list of what is in them to be seen.
    fn opened(&self, value: Value) -> (Arc<str>, Value) {
        let content = self.heap.cdr(value);
        match Wrapped::at(value.code()) {
            Some(Wrapped::Values) => ("values".into(), content),
            Some(Wrapped::Record) => {
                let head = self.heap.car(value);
                let name = match head.tag {
                    Tag::Pair => self.heap.car(head),
                    _ => head,
                };
                let name = match name.tag {
                    Tag::String => string(self.heap, name),
                    _ => "record".into(),
                };
                (name, content)
            }
            _ => ("promise".into(), Value::NIL),
        }
    }

    fn item(&self, value: Value) -> Item {
        match value.tag {
            Tag::Nil if value.bits == 0 => Item::List(0),
            Tag::Bool => Item::Bool(!value.is_false()),
            Tag::Int | Tag::Float => Item::Number {
                value: value.number(),
                int: value.tag == Tag::Int,
            },
            Tag::Char => Item::Char(char::from_u32(value.bits as u32).unwrap_or('?')),
            Tag::Symbol => Item::Symbol(self.names.name(Sym::new(value.bits as u32)).into()),
            Tag::String => Item::String(string(self.heap, value)),
            Tag::Closure => Item::Procedure,
            _ => Item::Unspecified,
        }
    }
}

fn string(heap: &Heap, value: Value) -> Arc<str> {
    heap.characters(value).collect::<String>().into()
}

impl Walk<'_> {
    pub(super) fn string(&self, value: Value) -> Arc<str> {
        string(self.heap, value)
    }

    pub(super) fn symbol_name(&self, value: Value) -> &str {
        self.names.name(Sym::new(value.bits as u32))
    }

    /// The primitive or prelude procedure of a name, or #f.
    pub(super) fn global(&self, name: Value) -> Value {
        let sym = Sym::new(name.bits as u32);
        match self.code.globals.get(sym.index() as usize) {
            Some(&value) => value,
            // A symbol of the program alone.
            None => {
                Prim::of_symbol(self.names.symbols, sym).map_or(Value::bool(false), Value::prim)
            }
        }
    }

    /// The first `limit` pieces of a value with the nodes of its numbers and booleans, and whether they
    /// are all.
    pub(super) fn taken(&self, value: Value, limit: usize) -> (Output, Vec<Node>, bool) {
        let source = Source {
            heap: self.heap,
            names: &self.names,
        };
        source.take(value, limit)
    }

    /// The message of `(error message irritant …)`.
    pub(super) fn error_message(&self, count: usize) -> String {
        let top = self.at.top as usize;
        let mut message = String::new();
        for at in top..top + count {
            let value = self.stack[at];
            if at > top {
                message.push(' ');
            }
            match value.tag {
                Tag::String if at == top => message.push_str(&self.string(value)),
                _ => {
                    let (output, _, whole) = self.taken(value, SHOWN);
                    message.push_str(&output.to_scheme());
                    if !whole {
                        message.push('…');
                    }
                }
            }
        }
        own_words(message)
    }
}
