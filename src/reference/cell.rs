//! Values as tensors of 14 numbers, and the heap of them.
//!
//! A [`Tagged`] or a number of the tape goes in; a [`Cell`] comes out.
//!
//! **Invariants**
//! - A cell's tensor is the 14-number form and nothing beside it; only payload 0 of a number has a
//!   derivative.
//! - A cell depends on inputs exactly if an entry of the tape made it.
//! - The heap is written once: what is allocated empty is filled at most once, and nothing is ever
//!   changed or collected.

use super::tape::{Number, SharedTape};
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::tagged::{NUMBERS, TAGS, Tagged, TypeTag};
use crate::prim::value::{FIRST_FUNCTION, Wrapped};
use dfdx::prelude::{
    AsArray, BroadcastTo, ChooseFrom, Cpu, PutTape, Rank0, Rank1, SelectTo, SplitTape, Tensor,
    TensorFrom,
};
use std::sync::Arc;

type Fourteen = Tensor<Rank1<NUMBERS>, f64, Cpu, SharedTape>;

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    tensor: Fourteen,
    /// The entry of the tape that made it; none for a constant.
    pub(super) node: Option<usize>,
}

impl Cell {
    /// A constant.
    pub(super) fn new(device: &Cpu, value: Tagged) -> Self {
        Self::of_array(device, value.to_array())
    }

    fn of_array(device: &Cpu, numbers: [f64; NUMBERS]) -> Self {
        Self {
            tensor: device.tensor(numbers).put_tape(SharedTape::default()),
            node: None,
        }
    }

    /// What a cell of the heap holds before it is filled: no tag at all.
    pub(super) fn empty(device: &Cpu) -> Self {
        Self::of_array(device, [0.0; NUMBERS])
    }

    /// A number of the tape in payload 0 of an int or a float.
    pub(super) fn of_number(number: Number, tag: TypeTag) -> Self {
        let device = number.device().clone();
        let form = device.tensor(Tagged::of_number(tag, 0.0).to_array());
        let mut mask = [false; NUMBERS];
        mask[TAGS] = true;
        // A product with the mask would turn infinity elsewhere into NaN.
        let tensor = device
            .tensor(mask)
            .choose(number.broadcast(), form.put_tape(SharedTape::default()));
        Self { tensor, node: None }
    }

    /// The same cell, made by an entry of the tape.
    pub(super) fn with_node(mut self, node: Option<usize>) -> Self {
        self.node = node;
        self
    }

    fn numbers(&self) -> [f64; NUMBERS] {
        self.tensor.array()
    }

    /// The type; none for what is empty.
    pub(super) fn tag(&self) -> Option<TypeTag> {
        let numbers = self.numbers();
        let tag = TypeTag::ALL
            .iter()
            .find(|tag| numbers[tag.position()] == 1.0);
        tag.copied()
    }

    /// A payload number.
    pub(super) fn payload(&self, index: usize) -> f64 {
        self.numbers()[TAGS + index]
    }

    /// Payload 0 on the tape, for an operation to read.
    pub(super) fn number(&self) -> Number {
        let index = self.tensor.device().tensor(TAGS);
        self.tensor.clone().select::<Rank0, Rank0>(index)
    }

    /// Whether it is of a type to programs: what is wrapped is a pair to the 14 numbers alone.
    pub(super) fn is(&self, tag: TypeTag) -> bool {
        self.tag() == Some(tag) && (tag != TypeTag::Pair || self.wrapped().is_none())
    }

    /// What it is, if it is a record, a promise or several values.
    pub(super) fn wrapped(&self) -> Option<Wrapped> {
        match (self.tag(), self.payload(2) as u32) {
            (Some(TypeTag::Pair), mark @ 1..) => Wrapped::at(mark - 1),
            _ => None,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        self.tag().is_some_and(TypeTag::is_number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tag().is_none()
    }

    pub(super) fn is_nil(&self) -> bool {
        self.is(TypeTag::Nil) && self.payload(0) == 0.0
    }

    pub(super) fn is_false(&self) -> bool {
        self.is(TypeTag::Bool) && self.payload(0) == 0.0
    }

    /// Whether all fourteen numbers are the same.
    pub(super) fn same_numbers(&self, other: &Cell) -> bool {
        self.numbers() == other.numbers()
    }

    /// The primitive of a procedure that is one.
    pub(super) fn primitive(&self) -> Option<Prim> {
        let code = self.payload(0);
        (code < f64::from(FIRST_FUNCTION)).then(|| Prim::ALL[code as usize])
    }

    /// What errors call a value of this type.
    pub(super) fn kind(&self) -> &'static str {
        match self.tag() {
            Some(TypeTag::Nil) if self.payload(0) == 0.0 => "the empty list",
            Some(TypeTag::Nil) => "no value",
            Some(TypeTag::Bool) => "a boolean",
            Some(TypeTag::Int | TypeTag::Float) => "a number",
            Some(TypeTag::Char) => "a character",
            Some(TypeTag::Symbol) => "a symbol",
            Some(TypeTag::Pair) => self.wrapped().map_or("a pair", Wrapped::kind),
            Some(TypeTag::String) => "a string",
            Some(TypeTag::Closure) => "a procedure",
            Some(TypeTag::Vector) => "a vector",
            None => "an empty cell",
        }
    }

    /// The multiplexer of two values of one type: sel·then + (1-sel)·else on all fourteen numbers,
    /// where sel is 1 if the first was taken.
    ///
    /// The arm not taken comes in as a constant, off the tape. If it is infinite or NaN, zeros stand
    /// in for it: 0 times infinity would be NaN. A zero may lose its sign in the sum.
    pub(super) fn multiplexer(test: bool, then: &Cell, otherwise: &Cell) -> Cell {
        let device = then.tensor.device().clone();
        let sel = device.tensor(if test { 1.0 } else { 0.0 });
        let off_tape = |arm: &Cell| {
            let finite = arm.payload(0).is_finite();
            let numbers = if finite {
                arm.numbers()
            } else {
                [0.0; NUMBERS]
            };
            Self::of_array(&device, numbers).tensor
        };
        let (then, otherwise) = if test {
            (then.tensor.clone(), off_tape(otherwise))
        } else {
            (off_tape(then), otherwise.tensor.clone())
        };
        let other_sel = -sel.clone() + 1.0;
        Cell {
            tensor: then * sel.broadcast::<Rank1<NUMBERS>, _>()
                + otherwise * other_sel.broadcast::<Rank1<NUMBERS>, _>(),
            node: None,
        }
    }

    /// The number or boolean without its tape.
    pub(super) fn off_tape(&self) -> Cell {
        let (tensor, _) = self.tensor.clone().split_tape();
        Cell {
            tensor: tensor.put_tape(SharedTape::default()),
            node: None,
        }
    }
}

impl Tagged {
    fn of_number(tag: TypeTag, value: f64) -> Self {
        match tag {
            TypeTag::Int => Self::int(value),
            _ => Self::float(value),
        }
    }
}

/// The heap.
#[derive(Debug)]
pub(super) struct Heap {
    device: Cpu,
    cells: Vec<Cell>,
    strings: Vec<Arc<str>>,
    /// The bytes of all strings.
    characters: usize,
}

impl Heap {
    pub(super) fn new(device: Cpu) -> Self {
        Self {
            device,
            cells: Vec::new(),
            strings: Vec::new(),
            characters: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The bytes of all strings, which lie beside the cells.
    pub(super) fn characters(&self) -> usize {
        self.characters
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    pub(super) fn constant(&self, value: Tagged) -> Cell {
        Cell::new(&self.device, value)
    }

    pub(super) fn push(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    pub(super) fn get(&self, address: usize) -> Cell {
        self.cells[address].clone()
    }

    /// Fills an empty cell; whether it was empty.
    pub(super) fn fill(&mut self, address: usize, cell: Cell) -> bool {
        let was_empty = self.cells[address].is_empty();
        if was_empty {
            self.cells[address] = cell;
        }
        was_empty
    }

    pub(super) fn cons(&mut self, car: Cell, cdr: Cell) -> Cell {
        let address = self.cells.len() as u32;
        self.cells.push(car);
        self.cells.push(cdr);
        self.constant(Tagged::pair(address, address + 1))
    }

    /// A record, a promise or several values.
    pub(super) fn wrap(&mut self, wrapped: Wrapped, head: Cell, content: Cell) -> Cell {
        let address = self.cells.len() as u32;
        self.cells.push(head);
        self.cells.push(content);
        self.constant(Tagged::opaque(wrapped, address, address + 1))
    }

    pub(super) fn empty_pair(&mut self) -> Cell {
        let empty = Cell::empty(&self.device);
        self.cons(empty.clone(), empty)
    }

    pub(super) fn car(&self, pair: &Cell) -> Cell {
        self.get(pair.payload(0) as usize)
    }

    pub(super) fn cdr(&self, pair: &Cell) -> Cell {
        self.get(pair.payload(1) as usize)
    }

    pub(super) fn list(&mut self, items: impl DoubleEndedIterator<Item = Cell>) -> Cell {
        let nil = self.constant(Tagged::NIL);
        items.rev().fold(nil, |rest, item| self.cons(item, rest))
    }

    /// A vector or matrix: its cells one after the other.
    pub(super) fn array(&mut self, shape: Shape, numbers: Vec<Cell>) -> Cell {
        let address = self.cells.len() as u32;
        let tagged = match shape {
            Shape::Vector(n) => Tagged::vector(address, n as u32),
            Shape::Matrix(rows, columns) => Tagged::matrix(address, rows as u32, columns as u32),
        };
        self.cells.extend(numbers);
        self.constant(tagged)
    }

    /// The shape and the numbers of a vector or matrix.
    pub(super) fn array_of(&self, cell: &Cell) -> (Shape, Vec<Cell>) {
        let [address, size, rank, rows] = [0, 1, 2, 3].map(|i| cell.payload(i) as usize);
        let shape = if rank == 1 {
            Shape::Vector(size)
        } else {
            Shape::Matrix(rows, size / rows)
        };
        (shape, self.cells[address..address + size].to_vec())
    }

    pub(super) fn add_string(&mut self, text: Arc<str>) -> Cell {
        let length = text.chars().count() as u32;
        self.characters += text.len();
        self.strings.push(text);
        self.constant(Tagged::string(self.strings.len() as u32 - 1, length))
    }

    pub(super) fn string(&self, cell: &Cell) -> Arc<str> {
        self.strings[cell.payload(0) as usize].clone()
    }
}
