//! The heap: cells that are written once, and the collector.
//!
//! **Invariants**
//! - Cells below `immortal` hold programs and quoted data; they never move and never point above.
//! - A pair is two cells, a closure's environment as many as it captures; a cell (in the sense of
//!   the evaluator) is a pair whose car may still be [`Value::EMPTY`].
//! - A vector or matrix is a cell with its shape (columns 0 for a vector), then its numbers; a string
//!   is a cell for each character, a rib one for each value.
//! - An environment is its innermost rib and the environment around it; one of many ribs keeps another
//!   environment besides.
//! - After a collection every address in a root is new; what the roots do not reach is gone.

use super::code::Entry;
use super::environment::SHALLOW;
use super::room::KEPT_BYTES;
use crate::prim::linalg::Shape;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};

#[derive(Clone, Debug, Default)]
pub(super) struct Heap {
    cells: Vec<Value>,
    spare: Vec<Value>,
    immortal: usize,
}

impl Heap {
    /// Empties it but for the given images, which become immortal.
    pub(super) fn reset<'a>(&mut self, images: impl Iterator<Item = &'a [Value]>) {
        if self.cells.capacity() > KEPT_BYTES / size_of::<Value>() {
            self.cells = Vec::new();
        }
        self.cells.clear();
        for image in images {
            self.cells.extend_from_slice(image);
        }
        self.immortal = self.cells.len();
    }

    /// Makes everything allocated so far immortal.
    pub(super) fn freeze(&mut self) {
        self.immortal = self.cells.len();
    }

    /// How many cells hold programs and quoted data.
    pub(super) fn immortal(&self) -> usize {
        self.immortal
    }

    pub(super) fn cells(&self) -> &[Value] {
        &self.cells
    }

    /// Makes room for so many cells more; false if there is no memory.
    pub(super) fn reserve(&mut self, more: usize) -> bool {
        self.cells.try_reserve_exact(more).is_ok()
    }

    /// The same for a copy of so many cells.
    pub(super) fn reserve_copy(&mut self, cells: usize) -> bool {
        self.spare.clear();
        self.spare.try_reserve_exact(cells).is_ok()
    }

    /// Gives the space to copy to back, if it is larger than so many bytes.
    pub(super) fn drop_copy(&mut self, bytes: usize) {
        if self.spare.capacity() > bytes / size_of::<Value>() {
            self.spare = Vec::new();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    #[inline]
    pub(super) fn get(&self, address: u32) -> Value {
        self.cells[address as usize]
    }

    pub(super) fn set(&mut self, address: u32, value: Value) {
        self.cells[address as usize] = value;
    }

    #[inline]
    pub(super) fn car(&self, pair: Value) -> Value {
        self.cells[pair.address() as usize]
    }

    #[inline]
    pub(super) fn cdr(&self, pair: Value) -> Value {
        self.cells[pair.address() as usize + 1]
    }

    #[inline]
    pub(super) fn cons(&mut self, car: Value, cdr: Value) -> Value {
        let address = self.cells.len() as u32;
        self.cells.push(car);
        self.cells.push(cdr);
        Value::pair(address)
    }

    #[inline]
    pub(super) fn push(&mut self, value: Value) {
        self.cells.push(value);
    }

    /// Puts numbers into a vector or matrix.
    pub(super) fn array(
        &mut self,
        shape: Shape,
        numbers: impl ExactSizeIterator<Item = Value>,
    ) -> Value {
        let address = self.cells.len() as u32;
        let size = numbers.len() as u32;
        let (rows, columns) = match shape {
            Shape::Vector(n) => (n, 0),
            Shape::Matrix(rows, columns) => (rows, columns),
        };
        let header = (rows as u64) << 32 | columns as u64;
        self.cells.push(Value::new(Tag::Shape, header));
        self.cells.extend(numbers);
        Value::array(address, size)
    }

    /// The shape of a vector or matrix.
    pub(super) fn shape(&self, array: Value) -> Shape {
        let header = self.cells[array.address() as usize].bits;
        match (header >> 32, header & 0xffff_ffff) {
            (n, 0) => Shape::Vector(n as usize),
            (rows, columns) => Shape::Matrix(rows as usize, columns as usize),
        }
    }

    /// The numbers of a vector or matrix.
    pub(super) fn numbers(&self, array: Value) -> &[Value] {
        self.slice(array.address() + 1, array.code())
    }

    /// Puts characters into a string.
    pub(super) fn string(&mut self, characters: impl Iterator<Item = char>) -> Value {
        let address = self.cells.len() as u32;
        self.cells.extend(characters.map(Value::char));
        Value::string(address, self.cells.len() as u32 - address)
    }

    /// The characters of a string.
    pub(super) fn characters(&self, string: Value) -> impl DoubleEndedIterator<Item = char> {
        let cells = self.slice(string.address(), string.code()).iter();
        cells.map(|cell| char::from_u32(cell.bits as u32).unwrap_or('?'))
    }

    /// Puts values side by side.
    pub(super) fn rib(&mut self, values: impl ExactSizeIterator<Item = Value>) -> Value {
        let address = self.cells.len() as u32;
        let length = values.len() as u32;
        self.cells.extend(values);
        Value::rib(address, length)
    }

    /// Puts the values of a list of so many side by side.
    pub(super) fn rib_of_list(&mut self, mut list: Value, length: u32) -> Value {
        let address = self.cells.len() as u32;
        for _ in 0..length {
            self.cells.push(self.car(list));
            list = self.cdr(list);
        }
        Value::rib(address, length)
    }

    /// The length of a list that ends in the empty list.
    pub(super) fn list_length(&self, mut list: Value) -> Option<usize> {
        let mut length = 0;
        while list.tag == Tag::Pair {
            length += 1;
            list = self.cdr(list);
        }
        list.is_nil().then_some(length)
    }

    pub(super) fn slice(&self, address: u32, count: u32) -> &[Value] {
        &self.cells[address as usize..(address + count) as usize]
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    /// Keeps what `roots` reach. The heap is emptied into a second one, breadth first.
    pub(super) fn collect(&mut self, roots: &mut [Value], entries: &[Entry]) {
        let mut to = std::mem::take(&mut self.spare);
        to.clear();
        to.extend_from_slice(&self.cells[..self.immortal]);
        for root in roots {
            *root = self.forward(*root, &mut to, entries);
        }
        let mut scan = self.immortal;
        while scan < to.len() {
            let value = to[scan];
            to[scan] = self.forward(value, &mut to, entries);
            scan += 1;
        }
        self.spare = std::mem::replace(&mut self.cells, to);
    }

    /// After a collection, and before anything else is done: where a value from before it is now, if it was
    /// kept.
    pub(super) fn moved(&self, value: Value, entries: &[Entry]) -> Option<Value> {
        let address = value.address() as usize;
        if Self::size_of(value, entries) == 0 || address < self.immortal {
            return Some(value);
        }
        let first = self.spare.get(address)?;
        (first.tag == Tag::Moved).then_some(Value {
            bits: value.bits & !0xffff_ffff | first.bits,
            ..value
        })
    }

    /// How many cells a value points to.
    #[inline]
    fn size_of(value: Value, entries: &[Entry]) -> usize {
        match value.tag {
            Tag::Vector => value.code() as usize + 1,
            Tag::String | Tag::Rib => value.code() as usize,
            Tag::Env if value.code() > SHALLOW => 3,
            Tag::Pair | Tag::Opaque | Tag::Env => 2,
            Tag::Closure if value.code() >= FIRST_FUNCTION => {
                entries[(value.code() - FIRST_FUNCTION) as usize].captures as usize
            }
            _ => 0,
        }
    }

    /// The new place of a value, moving what it points to if that has not been moved yet.
    fn forward(&mut self, value: Value, to: &mut Vec<Value>, entries: &[Entry]) -> Value {
        let size = Self::size_of(value, entries);
        let address = value.address() as usize;
        if address < self.immortal || size == 0 {
            return value;
        }
        let first = self.cells[address];
        let new = if first.tag == Tag::Moved {
            first.bits
        } else {
            let new = to.len() as u64;
            to.extend_from_slice(&self.cells[address..address + size]);
            self.cells[address] = Value::new(Tag::Moved, new);
            new
        };
        Value {
            bits: value.bits & !0xffff_ffff | new,
            ..value
        }
    }
}
