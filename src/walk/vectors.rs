//! Vectors and matrices: values on the heap for the algorithms of [`linalg`], and back.
//!
//! **Invariants**
//! - Each number of an array has a node of its own, or none: an element is what it was put in as.
//! - All numbers of arrays are floats, whatever they were made of.
//! - What a primitive will record and allocate is accounted for before it begins.

use super::checks::in_short;
use super::fork::{float, number};
use super::structure::MADE;
use super::{Outcome, Stop, Walk};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::block::BlockKind;
use crate::prim::linalg::{self, Arithmetic, Array, Operand, Place, Shape, Trouble, locate};
use crate::prim::value::{Tag, Value};
use crate::trace::Operation;
use crate::trace::record::{Number, compute};
use std::time::{Duration, Instant};

/// The walk's arithmetic, for a primitive applied at a site.
struct AtSite<'w, 'a> {
    walk: &'w mut Walk<'a>,
    site: u32,
    /// Whether a number among the arguments has a node.
    records: bool,
}

impl Arithmetic for AtSite<'_, '_> {
    type Number = Number;
    type Stop = Stop;

    fn constant(&mut self, value: f64) -> Number {
        Number::constant(value)
    }

    #[inline]
    fn apply(&mut self, prim: Prim, a: &Number, b: &Number) -> Outcome<Number> {
        self.walk.look_in_time(LOOKS)?;
        self.walk.operation(prim, *a, *b)
    }

    fn decide(&mut self, test: &Number) -> Outcome<bool> {
        let holds = test.value != 0.0;
        let test = Value {
            node: test.node,
            ..Value::bool(holds)
        };
        self.walk.guard_for(test, self.site)?;
        Ok(holds)
    }

    fn reserve(&mut self, operations: usize, numbers: usize) -> Outcome<()> {
        self.walk.room(numbers)?;
        let operations_kept = if self.records { operations } else { 0 };
        let bytes = operations_kept.saturating_mul(RECORDED);
        self.walk
            .need_bytes(bytes.saturating_add(numbers.saturating_mul(size_of::<Number>())))?;
        self.walk.account(operations.max(numbers), self.site)
    }

    fn block(
        &mut self,
        block: BlockKind,
        operations: usize,
        a: &[Number],
        b: &[Number],
    ) -> Option<Outcome<Vec<Number>>> {
        Some(self.recorded_block(block, operations, a, b))
    }

    fn value(&self, number: &Number) -> f64 {
        number.value
    }

    fn index(&mut self, prim: Prim, number: &Number) -> Outcome<usize> {
        self.walk.index(prim, float(*number), self.site)
    }
}

/// What an operation on numbers counts for until the clock is looked at, in elements.
const LOOKS: usize = 8;

/// The bytes that an operation takes in the trace, an operand that is a constant with it.
const RECORDED: usize = size_of::<(Operation, f64, f64)>();

/// What a block weighs, in elements: those of plain products and eliminations are much faster than numbers
/// one by one.
pub(crate) fn block_work(block: BlockKind, operations: usize) -> usize {
    match block {
        BlockKind::Eigh { .. } | BlockKind::Svd { .. } => operations,
        _ => operations / BLOCK_SPEED,
    }
}

/// How many operations of a fast block take the time of one on numbers.
const BLOCK_SPEED: usize = 16;

impl Walk<'_> {
    /// Fails if the deadline comes before a block can be done: nobody looks at the clock meanwhile.
    fn need_time_for(&self, block: BlockKind, operations: usize) -> Outcome<()> {
        let Some(deadline) = self.meter.limits.deadline else {
            return Ok(());
        };
        let nanoseconds = 2 * block_work(block, operations) as u64;
        if nanoseconds < 1_000_000 || Instant::now() + Duration::from_nanos(nanoseconds) < deadline
        {
            return Ok(());
        }
        Self::out_of_time()
    }

    /// Accounts for numbers of arguments, which are copied, and for as many in the result.
    fn account_numbers(&mut self, numbers: usize, site: u32) -> Outcome<()> {
        if numbers == 0 {
            return Ok(());
        }
        self.need_bytes(numbers.saturating_mul(2 * size_of::<Number>()))?;
        self.account(numbers, site)
    }
}

/// What the numeric rows that take long weigh for each number, in elements, beyond one.
pub(crate) fn dearness(prim: Prim) -> usize {
    match prim {
        // Of a negative number they take a tangent too.
        Prim::Digamma | Prim::Trigamma => 14,
        Prim::Lgamma | Prim::Lbeta | Prim::LogNormalCdf => 6,
        Prim::Pow | Prim::Erf | Prim::Erfc => 2,
        _ => 0,
    }
}

/// How many numbers the arrays among some values have.
fn numbers_among(values: &[Value]) -> usize {
    let arrays = values.iter().filter(|value| value.tag == Tag::Vector);
    arrays.fold(0, |all, array| all.saturating_add(array.code() as usize))
}

impl AtSite<'_, '_> {
    fn recorded_block(
        &mut self,
        block: BlockKind,
        operations: usize,
        a: &[Number],
        b: &[Number],
    ) -> Outcome<Vec<Number>> {
        let records = a.iter().chain(b).any(|number| number.node.is_some());
        let length = block.outputs().saturating_add(block.hidden());
        self.walk.room(block.outputs())?;
        // What it reads may have to be gathered.
        let length = length.saturating_add(a.len() + b.len());
        let each = if records { RECORDED } else { 0 } + 2 * size_of::<Number>();
        self.walk.need_bytes(length.saturating_mul(each))?;
        self.walk
            .account(block_work(block, operations).max(length), self.site)?;
        self.walk.need_time_for(block, operations)?;
        if !records {
            return Ok(compute(block, a, b));
        }
        if !self.walk.forks.open.is_empty() {
            self.walk.spend(length as u64)?;
        }
        Ok(self.walk.recorder.block(block, a, b))
    }
}

impl Walk<'_> {
    /// A primitive on vectors and matrices, on `count` staged arguments.
    pub(super) fn linalg(&mut self, prim: Prim, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let first = self.stack[top];
        match prim {
            Prim::Ref if first.tag == Tag::Vector => {
                let mut indices = [0; 2];
                for (at, index) in indices.iter_mut().enumerate().take(count - 1) {
                    let value = self.stack[top + 1 + at];
                    *index = self.index(prim, value, site)?;
                }
                // The slot after the last is there, whatever is in it.
                let given = [1, 2].map(|at| self.stack[top + at].number());
                self.element(first, &indices[..count - 1], given, site)
            }
            Prim::Vlen | Prim::Rows | Prim::Cols => {
                let shape = (first.tag == Tag::Vector).then(|| self.heap.shape(first));
                match linalg::extent(prim, shape, self.no_array(first)) {
                    Ok(extent) => Ok(Value::int(extent as f64)),
                    Err(message) => self.fail(Kind::Type, site, message),
                }
            }
            Prim::ListToVec => self.list_to_array(first, site),
            Prim::VecToList if first.tag == Tag::Vector => self.array_to_list(first, site),
            Prim::VecToList => {
                let message = format!(
                    "`{prim}` wants a vector or matrix, got {}",
                    self.no_array(first)
                );
                self.fail(Kind::Type, site, message)
            }
            _ if linalg::takes_lists(prim) => {
                let mut operands = Vec::with_capacity(count);
                for at in top..top + count {
                    operands.push(self.listed_operand(self.stack[at], site)?);
                }
                if matches!(prim, Prim::Sum | Prim::Prod | Prim::Cumsum | Prim::Sort) {
                    self.on_numbers(prim, &operands, site)
                } else {
                    self.evaluate(prim, &operands, site)
                }
            }
            _ => {
                self.account_numbers(numbers_among(&self.stack[top..top + count]), site)?;
                let operands = (top..top + count).map(|at| self.array_operand(self.stack[at]));
                let operands: Vec<Operand<Number>> = operands.collect();
                self.evaluate(prim, &operands, site)
            }
        }
    }

    /// A numeric row on each number of arrays.
    #[cold]
    pub(super) fn elementwise(&mut self, prim: Prim, args: &[Value], site: u32) -> Outcome<Value> {
        self.account_numbers(numbers_among(args), site)?;
        self.account(dearness(prim) * numbers_among(args), site)?;
        let operands = args.iter().map(|&arg| self.array_operand(arg));
        let operands: Vec<Operand<Number>> = operands.collect();
        if matches!(prim, Prim::Gcd | Prim::Lcm) {
            let message = format!("`{prim}` wants numbers, got a vector");
            return self.fail(Kind::Type, site, message);
        }
        self.evaluate(prim, &operands, site)
    }

    fn evaluate(&mut self, prim: Prim, operands: &[Operand<Number>], site: u32) -> Outcome<Value> {
        let result = self.evaluated(prim, operands, site)?;
        self.array_value(prim, result)
    }

    fn evaluated(
        &mut self,
        prim: Prim,
        operands: &[Operand<Number>],
        site: u32,
    ) -> Outcome<Operand<Number>> {
        fn has_node(operand: &Operand<Number>) -> bool {
            match operand {
                Operand::Number(number) => number.node.is_some(),
                Operand::Array(array) => array.numbers.iter().any(|number| number.node.is_some()),
                Operand::List(items) => items.iter().any(has_node),
                _ => false,
            }
        }
        let mut arithmetic = AtSite {
            records: operands.iter().any(has_node),
            walk: self,
            site,
        };
        match linalg::evaluate(&mut arithmetic, prim, operands) {
            Ok(result) => Ok(result),
            Err(Trouble::Fail(kind, message)) => self.fail(kind, site, message),
            Err(Trouble::Stop(stop)) => Err(stop),
        }
    }

    /// What a primitive gives, on the heap.
    fn array_value(&mut self, prim: Prim, result: Operand<Number>) -> Outcome<Value> {
        match result {
            Operand::Number(number) => Ok(float(number)),
            Operand::Index(index) => Ok(Value::int(index as f64)),
            Operand::Array(array) => {
                let numbers = array.numbers.into_iter().map(float);
                Ok(self.heap.array(array.shape, numbers))
            }
            Operand::List(items) => {
                self.room(2 * items.len())?;
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.array_value(prim, item)?);
                }
                Ok(self.list_of(&values))
            }
            Operand::Order(_) | Operand::Symbol(_) | Operand::Other(_) => {
                unreachable!("`{prim}` gives numbers")
            }
        }
    }

    fn list_of(&mut self, values: &[Value]) -> Value {
        let items = values.iter().rev();
        items.fold(Value::NIL, |list, &item| self.heap.cons(item, list))
    }

    /// A primitive on a list or vector of numbers, which keeps what a list's numbers are: of ints it
    /// gives ints, where sums and products of ints are.
    fn on_numbers(
        &mut self,
        prim: Prim,
        operands: &[Operand<Number>],
        site: u32,
    ) -> Outcome<Value> {
        let given = self.stack[self.at.top as usize];
        let items = match given.tag {
            Tag::Pair => self.items(given),
            Tag::Vector if prim == Prim::Sort => self.heap.numbers(given).to_vec(),
            _ => Vec::new(),
        };
        let order = match prim {
            Prim::Sort => Some(self.evaluated(prim, operands, site)?),
            _ => None,
        };
        if let Some(Operand::Order(order)) = order {
            let sorted: Vec<Value> = order.into_iter().map(|at| items[at]).collect();
            return Ok(match given.tag {
                Tag::Vector => {
                    let shape = Shape::Vector(sorted.len());
                    self.heap.array(shape, sorted.into_iter())
                }
                _ => self.list_of(&sorted),
            });
        }
        let result = self.evaluate(prim, operands, site)?;
        let whole = given.is_nil() || given.tag == Tag::Pair;
        if !whole || items.iter().any(|item| item.tag != Tag::Int) {
            return Ok(result);
        }
        if result.is_number() {
            return Ok(Value {
                tag: Tag::Int,
                ..result
            });
        }
        let sums: Vec<Value> = self.items(result);
        let sums = sums.into_iter().map(|sum| Value {
            tag: Tag::Int,
            ..sum
        });
        let sums: Vec<Value> = sums.collect();
        self.room(2 * sums.len())?;
        Ok(self.list_of(&sums))
    }

    fn items(&self, mut list: Value) -> Vec<Value> {
        let mut items = Vec::new();
        while list.tag == Tag::Pair {
            items.push(self.heap.car(list));
            list = self.heap.cdr(list);
        }
        items
    }

    /// An argument of a row that takes lists: a list of numbers or arrays is taken apart.
    fn listed_operand(&mut self, value: Value, site: u32) -> Outcome<Operand<Number>> {
        match value.tag {
            Tag::Symbol => Ok(Operand::Symbol(self.symbol_name(value).to_owned())),
            Tag::Pair | Tag::Nil if self.is_list(value) => {
                let length = self.heap.list_length(value).unwrap_or(0);
                self.room(2 * length)?;
                self.account(length, site)?;
                self.need_bytes(length.saturating_mul(size_of::<Operand<Number>>()))?;
                self.account_numbers(self.numbers_in(value), site)?;
                let items = self.items(value).into_iter();
                let items = items.map(|item| self.array_operand(item));
                Ok(Operand::List(items.collect()))
            }
            _ => {
                self.account_numbers(numbers_among(&[value]), site)?;
                Ok(self.array_operand(value))
            }
        }
    }

    /// How many numbers the arrays in a list have.
    fn numbers_in(&self, mut list: Value) -> usize {
        let mut numbers = 0_usize;
        while list.tag == Tag::Pair {
            let item = self.heap.car(list);
            if item.tag == Tag::Vector {
                numbers = numbers.saturating_add(item.code() as usize);
            }
            list = self.heap.cdr(list);
        }
        numbers
    }

    /// The numbers of a vector or matrix as the recorder sees them.
    pub(super) fn numbers_of(&self, array: Value) -> Vec<Number> {
        let numbers = self.heap.numbers(array).iter();
        numbers.copied().map(number).collect()
    }

    fn array_operand(&self, value: Value) -> Operand<Number> {
        match value.tag {
            Tag::Int | Tag::Float => Operand::Number(number(value)),
            Tag::Vector => Operand::Array(Array {
                shape: self.heap.shape(value),
                numbers: self.numbers_of(value),
            }),
            _ => Operand::Other(self.no_array(value)),
        }
    }

    /// What errors call a value where a vector or matrix belongs.
    pub(super) fn no_array(&self, value: Value) -> &'static str {
        if value.tag == Tag::Pair && self.is_list(value) {
            linalg::A_LIST
        } else {
            value.kind()
        }
    }

    /// What is at some indices, which are told in errors as they were given.
    fn element(
        &mut self,
        array: Value,
        indices: &[usize],
        given: [f64; 2],
        site: u32,
    ) -> Outcome<Value> {
        match locate(self.heap.shape(array), indices, |at| in_short(given[at])) {
            Ok(Place::Number(at)) => Ok(self.heap.numbers(array)[at]),
            Ok(Place::Row(from, length)) => {
                self.room(length)?;
                self.account(length, site)?;
                let row = self.heap.numbers(array)[from..from + length].to_vec();
                Ok(self.heap.array(Shape::Vector(length), row.into_iter()))
            }
            Err((kind, message)) => self.fail(kind, site, message),
        }
    }

    /// The vector of a list of numbers, or the matrix of a list of vectors.
    fn list_to_array(&mut self, list: Value, site: u32) -> Outcome<Value> {
        let Some(length) = self.heap.list_length(list) else {
            let message = format!("`list->vec` wants a list, got {}", list.kind());
            return self.fail(Kind::Type, site, message);
        };
        if length == 0 {
            let message = "`list->vec` of the empty list; vectors have a number or more";
            return self.fail(Kind::Shape, site, message);
        }
        let numbers = self.numbers_in(list);
        self.room(length.max(numbers))?;
        self.need_bytes(
            length
                .saturating_mul(size_of::<Operand<Number>>())
                .saturating_add(numbers.saturating_mul(2 * size_of::<Number>())),
        )?;
        self.account(MADE * length.saturating_add(numbers), site)?;
        let mut operands = Vec::with_capacity(length);
        let mut rest = list;
        while rest.tag == Tag::Pair {
            operands.push(self.array_operand(self.heap.car(rest)));
            rest = self.heap.cdr(rest);
        }
        let prim = match operands[0] {
            Operand::Array(_) => Prim::Mat,
            _ => Prim::Vec,
        };
        self.evaluate(prim, &operands, site)
    }

    /// The list of a vector's numbers, or of a matrix's rows.
    fn array_to_list(&mut self, array: Value, site: u32) -> Outcome<Value> {
        let shape = self.heap.shape(array);
        self.room(3 * shape.size())?;
        self.account(MADE * shape.size(), site)?;
        let items: Vec<Value> = match shape {
            Shape::Vector(_) => self.heap.numbers(array).to_vec(),
            Shape::Matrix(rows, _) => {
                let rows = (0..rows).map(|row| self.element(array, &[row], [0.0; 2], site));
                rows.collect::<Outcome<_>>()?
            }
        };
        let items = items.into_iter().rev();
        Ok(items.fold(Value::NIL, |list, item| self.heap.cons(item, list)))
    }

    /// Whether two arrays have the same shape and equal numbers; all comparisons are guarded.
    pub(super) fn equal_arrays(&mut self, a: Value, b: Value) -> Outcome<Value> {
        if self.heap.shape(a) != self.heap.shape(b) {
            return Ok(Value::bool(false));
        }
        let pairs = self.heap.numbers(a).iter().zip(self.heap.numbers(b));
        let pairs: Vec<(Value, Value)> = pairs.map(|(&a, &b)| (a, b)).collect();
        self.account_in_loop(pairs.len())?;
        for (a, b) in pairs {
            let same = self.boolean(Prim::NumEq, number(a), number(b))?;
            self.guard(same)?;
            if same.is_false() {
                return Ok(Value::bool(false));
            }
        }
        Ok(Value::bool(true))
    }
}
