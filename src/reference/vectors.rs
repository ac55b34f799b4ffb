//! Vectors and matrices on dfdx's tensors: number by number, whatever their size.
//!
//! Cells go in; the algorithms of [`linalg`] run on them, so every number is a tensor of its own and
//! its derivative dfdx's affair. What the engine does to larger matrices as a whole is judged by it.

use super::cell::Cell;
use super::machine::{Machine, Outcome, Stop};
use crate::error::Kind;
use crate::prim::linalg::{self, Arithmetic, Array, Operand, Place, Shape, Trouble, locate};
use crate::prim::tagged::{Tagged, TypeTag};
use crate::prim::{self, Prim};
use crate::walk::{MADE, dearness, in_short};

/// The machine's arithmetic, for a primitive applied at a site.
struct AtSite<'w, 'a> {
    machine: &'w mut Machine<'a>,
    site: u32,
}

impl Arithmetic for AtSite<'_, '_> {
    type Number = Cell;
    type Stop = Stop;

    fn constant(&mut self, value: f64) -> Cell {
        self.machine.heap.constant(Tagged::float(value))
    }

    fn apply(&mut self, prim: Prim, a: &Cell, b: &Cell) -> Outcome<Cell> {
        let tag = match prim.spec().kind {
            prim::Kind::Predicate => TypeTag::Bool,
            _ => TypeTag::Float,
        };
        self.machine.operation(prim, [a, b], tag)
    }

    fn decide(&mut self, test: &Cell) -> Outcome<bool> {
        self.machine.guard(test)?;
        Ok(!test.is_false())
    }

    fn reserve(&mut self, operations: usize, numbers: usize) -> Outcome<()> {
        self.machine.account(operations.max(numbers), self.site)?;
        self.machine.make_room(operations, numbers)
    }

    fn value(&self, number: &Cell) -> f64 {
        number.payload(0)
    }

    fn index(&mut self, prim: Prim, number: &Cell) -> Outcome<usize> {
        self.machine.index(prim, number, self.site)
    }
}

impl Machine<'_> {
    /// A primitive on vectors and matrices.
    pub(super) fn linalg(&mut self, prim: Prim, args: &[Cell], site: u32) -> Outcome<Cell> {
        let is_array = args[0].is(TypeTag::Vector);
        match prim {
            Prim::Ref if is_array => {
                let mut indices = Vec::with_capacity(2);
                for index in &args[1..] {
                    indices.push(self.index(prim, index, site)?);
                }
                self.element(&args[0], &indices, &args[1..], site)
            }
            Prim::Vlen | Prim::Rows | Prim::Cols => {
                let shape = is_array.then(|| self.heap.array_of(&args[0]).0);
                match linalg::extent(prim, shape, self.no_array(&args[0])) {
                    Ok(extent) => Ok(self.heap.constant(Tagged::int(extent as f64))),
                    Err(message) => self.fail(Kind::Type, site, message),
                }
            }
            Prim::ListToVec => self.list_to_array(&args[0], site),
            Prim::VecToList if is_array => {
                let (shape, numbers) = self.heap.array_of(&args[0]);
                self.account(MADE * shape.size(), site)?;
                let items = match shape {
                    Shape::Vector(_) => numbers,
                    Shape::Matrix(rows, _) => {
                        let rows = (0..rows).map(|row| self.element(&args[0], &[row], &[], site));
                        rows.collect::<Outcome<_>>()?
                    }
                };
                Ok(self.heap.list(items.into_iter()))
            }
            Prim::VecToList => {
                let message = format!(
                    "`{prim}` wants a vector or matrix, got {}",
                    self.no_array(&args[0])
                );
                self.fail(Kind::Type, site, message)
            }
            _ if linalg::takes_lists(prim) => {
                let mut operands = Vec::with_capacity(args.len());
                for arg in args {
                    operands.push(self.listed_operand(arg, site)?);
                }
                let result = self.evaluated(prim, &operands, site)?;
                match (&result, &operands[0]) {
                    (Operand::Order(order), Operand::Array(array)) => {
                        let sorted = order.iter().map(|&at| array.numbers[at].clone());
                        let sorted = sorted.collect();
                        Ok(self.heap.array(array.shape, sorted))
                    }
                    (Operand::Order(order), _) => {
                        let items = self.items(&args[0]).unwrap_or_default();
                        let sorted: Vec<Cell> = order.iter().map(|&at| items[at].clone()).collect();
                        Ok(self.heap.list(sorted.into_iter()))
                    }
                    _ => self.array_value(prim, result, self.sums_of_ints(prim, &args[0])),
                }
            }
            _ => {
                let arrays: Vec<&Cell> = args.iter().collect();
                self.account(Self::numbers_among(&arrays), site)?;
                let operands: Vec<Operand<Cell>> =
                    args.iter().map(|arg| self.array_operand(arg)).collect();
                self.evaluate(prim, &operands, site)
            }
        }
    }

    /// A numeric row on each number of arrays.
    pub(super) fn elementwise(&mut self, prim: Prim, args: &[&Cell], site: u32) -> Outcome<Cell> {
        if matches!(prim, Prim::Gcd | Prim::Lcm) {
            let message = format!("`{prim}` wants numbers, got a vector");
            return self.fail(Kind::Type, site, message);
        }
        self.account((1 + dearness(prim)) * Self::numbers_among(args), site)?;
        let operands: Vec<Operand<Cell>> = args.iter().map(|arg| self.array_operand(arg)).collect();
        self.evaluate(prim, &operands, site)
    }

    fn evaluate(&mut self, prim: Prim, operands: &[Operand<Cell>], site: u32) -> Outcome<Cell> {
        let result = self.evaluated(prim, operands, site)?;
        self.array_value(prim, result, TypeTag::Float)
    }

    fn evaluated(
        &mut self,
        prim: Prim,
        operands: &[Operand<Cell>],
        site: u32,
    ) -> Outcome<Operand<Cell>> {
        let mut arithmetic = AtSite {
            machine: self,
            site,
        };
        match linalg::evaluate(&mut arithmetic, prim, operands) {
            Ok(result) => Ok(result),
            Err(Trouble::Fail(kind, message)) => self.fail(kind, site, message),
            Err(Trouble::Stop(stop)) => Err(stop),
        }
    }

    /// What a primitive gives, on the heap; numbers that are not in arrays are of a type.
    fn array_value(&mut self, prim: Prim, result: Operand<Cell>, tag: TypeTag) -> Outcome<Cell> {
        match result {
            Operand::Number(number) if number.is(tag) => Ok(number),
            Operand::Number(number) => Ok(self.retag(&number, tag)),
            Operand::Index(index) => Ok(self.heap.constant(Tagged::int(index as f64))),
            Operand::Array(array) => {
                let numbers = array.numbers.iter().map(|number| self.float(number));
                let numbers = numbers.collect();
                Ok(self.heap.array(array.shape, numbers))
            }
            Operand::List(items) => {
                let mut cells = Vec::with_capacity(items.len());
                for item in items {
                    cells.push(self.array_value(prim, item, tag)?);
                }
                Ok(self.heap.list(cells.into_iter()))
            }
            Operand::Order(_) | Operand::Symbol(_) | Operand::Other(_) => {
                unreachable!("`{prim}` gives numbers")
            }
        }
    }

    /// The type of sums and products: ints of a list of ints.
    fn sums_of_ints(&self, prim: Prim, list: &Cell) -> TypeTag {
        let items = match prim {
            Prim::Sum | Prim::Prod | Prim::Cumsum => self.items(list),
            _ => None,
        };
        match items {
            Some(items) if items.iter().all(|item| item.is(TypeTag::Int)) => TypeTag::Int,
            _ => TypeTag::Float,
        }
    }

    /// An argument of a row that takes lists: a list of numbers or arrays is taken apart.
    fn listed_operand(&mut self, cell: &Cell, site: u32) -> Outcome<Operand<Cell>> {
        if cell.is(TypeTag::Symbol) {
            return Ok(Operand::Symbol(self.symbol(cell).to_owned()));
        }
        if !cell.is(TypeTag::Pair) && !cell.is_nil() {
            self.account(Self::numbers_among(&[cell]), site)?;
            return Ok(self.array_operand(cell));
        }
        let Some(items) = self.items(cell) else {
            return Ok(self.array_operand(cell));
        };
        let among: Vec<&Cell> = items.iter().collect();
        self.account(items.len() + Self::numbers_among(&among), site)?;
        let items = items.iter().map(|item| self.array_operand(item));
        Ok(Operand::List(items.collect()))
    }

    /// How many numbers the arrays among some values have.
    fn numbers_among(cells: &[&Cell]) -> usize {
        let arrays = cells.iter().filter(|cell| cell.is(TypeTag::Vector));
        arrays.map(|array| array.payload(1) as usize).sum()
    }

    /// The numbers of arrays are floats.
    fn float(&mut self, number: &Cell) -> Cell {
        if number.is(TypeTag::Float) {
            return number.clone();
        }
        self.retag(number, TypeTag::Float)
    }

    fn array_operand(&self, cell: &Cell) -> Operand<Cell> {
        if cell.is_number() {
            return Operand::Number(cell.clone());
        }
        if !cell.is(TypeTag::Vector) {
            return Operand::Other(self.no_array(cell));
        }
        let (shape, numbers) = self.heap.array_of(cell);
        Operand::Array(Array { shape, numbers })
    }

    /// What errors call a value where a vector or matrix belongs.
    pub(super) fn no_array(&self, cell: &Cell) -> &'static str {
        if cell.is(TypeTag::Pair) && self.items(cell).is_some() {
            linalg::A_LIST
        } else {
            cell.kind()
        }
    }

    /// What is at some indices, which are told in errors as they were given.
    fn element(
        &mut self,
        array: &Cell,
        indices: &[usize],
        given: &[Cell],
        site: u32,
    ) -> Outcome<Cell> {
        let (shape, numbers) = self.heap.array_of(array);
        let told = |at: usize| {
            given
                .get(at)
                .map_or(String::new(), |cell| in_short(cell.payload(0)))
        };
        match locate(shape, indices, told) {
            Ok(Place::Number(at)) => Ok(numbers[at].clone()),
            Ok(Place::Row(from, length)) => {
                self.account(length, site)?;
                let row = numbers[from..from + length].to_vec();
                Ok(self.heap.array(Shape::Vector(length), row))
            }
            Err((kind, message)) => self.fail(kind, site, message),
        }
    }

    fn list_to_array(&mut self, list: &Cell, site: u32) -> Outcome<Cell> {
        let Some(items) = self.items(list) else {
            let message = format!("`list->vec` wants a list, got {}", list.kind());
            return self.fail(Kind::Type, site, message);
        };
        if items.is_empty() {
            let message = "`list->vec` of the empty list; vectors have a number or more";
            return self.fail(Kind::Shape, site, message);
        }
        let among: Vec<&Cell> = items.iter().collect();
        self.account(MADE * (items.len() + Self::numbers_among(&among)), site)?;
        let operands: Vec<Operand<Cell>> =
            items.iter().map(|item| self.array_operand(item)).collect();
        let prim = match operands[0] {
            Operand::Array(_) => Prim::Mat,
            _ => Prim::Vec,
        };
        self.evaluate(prim, &operands, site)
    }

    /// Whether two arrays have the same shape and equal numbers.
    pub(super) fn equal_arrays(&mut self, a: &Cell, b: &Cell) -> Outcome<Cell> {
        let ((first, x), (second, y)) = (self.heap.array_of(a), self.heap.array_of(b));
        let mut same = first == second;
        if same {
            self.account_in_loop(x.len())?;
            for (x, y) in x.iter().zip(&y) {
                let equal = self.boolean(Prim::NumEq, x, y)?;
                self.guard(&equal)?;
                same = !equal.is_false();
                if !same {
                    break;
                }
            }
        }
        Ok(self.heap.constant(Tagged::bool(same)))
    }
}
