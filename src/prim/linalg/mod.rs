//! Vectors and matrices: what each primitive on them takes, and how it is computed from numbers.
//!
//! A row and its arguments go in; a number or an array comes out. The algorithms are written once,
//! over an [`Arithmetic`]: the walk's records operations, the reference engine's puts them on dfdx's
//! tape, so derivatives are those of the numbers' own rows.
//!
//! **Invariants**
//! - Larger products and factors are blocks where the arithmetic has them ([`Arithmetic::block`]), and
//!   number by number where not; fuel is the same either way.
//! - Arrays are row-major and never empty; their numbers are floats.
//! - Sums are folded from the left and begin with their first term.
//! - What depends on a comparison of numbers (a pivot, whether a matrix is singular) is decided by
//!   [`Arithmetic::decide`], so that it can be guarded.
//! - Types are checked before shapes, arguments from the left; a shape error names both shapes.

mod arrange;
mod decompose;
mod factors;
mod reduce;
mod spectral;
mod triangular;

use super::Prim;
use super::block::BlockKind;
use crate::error::Kind;
use std::fmt;

/// Sizes up to this are computed number by number, so that they simplify and run over lanes like
/// everything else; larger products and factors are blocks.
const SMALL: usize = 4;

/// 2^600: what numbers are multiplied with whose squares would underflow.
const UP: f64 = f64::from_bits((1023 + 600) << 52);

/// 2^-600: the same where squares would overflow.
const DOWN: f64 = f64::from_bits((1023 - 600) << 52);

/// The operations of eliminations.
fn cube(n: usize) -> usize {
    (n * n).saturating_mul(n)
}

/// How an array's numbers are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Vector(usize),
    Matrix(usize, usize),
}

impl Shape {
    /// How many numbers there are.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Vector(n) => n,
            Self::Matrix(rows, columns) => rows.saturating_mul(columns),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(n) => write!(f, "a vector of {n}"),
            Self::Matrix(rows, columns) => write!(f, "a {rows} x {columns} matrix"),
        }
    }
}

/// What errors call a list where an array belongs, and what to do.
pub(crate) const A_LIST: &str = "a list; `list->vec` makes a vector of it";

/// What errors say of an array where a list belongs: what it is, and what to do.
pub(crate) fn no_list(shape: Shape) -> String {
    let (items, them) = match shape {
        Shape::Vector(_) => ("it", "it"),
        Shape::Matrix(..) => ("its rows", "them"),
    };
    format!("{shape}; `vec->list` makes a list of {items}, and `vector-map` maps over {them}")
}

/// Numbers in a shape.
#[derive(Clone, Debug)]
pub(crate) struct Array<N> {
    pub(crate) shape: Shape,
    pub(crate) numbers: Vec<N>,
}

/// An argument or a result.
#[derive(Clone, Debug)]
pub(crate) enum Operand<N> {
    Number(N),
    Array(Array<N>),
    /// A list: an argument of rows that take lists of numbers, or a result of several parts.
    List(Vec<Operand<N>>),
    /// A symbol, by its name: which way a row that has several goes.
    Symbol(String),
    /// A result that is a whole number and has no derivative.
    Index(usize),
    /// A result that is the argument's numbers in this order.
    Order(Vec<usize>),
    /// Anything else, as errors call it.
    Other(&'static str),
}

impl<N> Operand<N> {
    /// What errors call it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) | Self::Index(_) => "a number",
            Self::Array(Array {
                shape: Shape::Vector(_),
                ..
            }) => "a vector",
            Self::Array(_) => "a matrix",
            Self::List(items) if items.is_empty() => "the empty list",
            Self::List(_) | Self::Order(_) => "a list",
            Self::Symbol(_) => "a symbol",
            Self::Other(kind) => kind,
        }
    }
}

/// Whether a row takes lists or symbols among its arguments.
pub(crate) fn takes_lists(prim: Prim) -> bool {
    matches!(
        prim,
        Prim::Sum
            | Prim::Prod
            | Prim::Mean
            | Prim::Variance
            | Prim::Argmax
            | Prim::Cumsum
            | Prim::Sort
            | Prim::Interp
            | Prim::Logsumexp
            | Prim::Softmax
            | Prim::Concat
            | Prim::Hstack
            | Prim::Vstack
            | Prim::SolveTriangular
    )
}

/// How many there are of something an array has: its numbers or rows (`vlen`), `rows`, `cols`. The
/// error otherwise.
pub(crate) fn extent(prim: Prim, shape: Option<Shape>, kind: &str) -> Result<usize, String> {
    match (prim, shape) {
        (Prim::Vlen, Some(Shape::Vector(n) | Shape::Matrix(n, _)))
        | (Prim::Rows, Some(Shape::Matrix(n, _)))
        | (Prim::Cols, Some(Shape::Matrix(_, n))) => Ok(n),
        (Prim::Vlen, None) => Err(format!("`{prim}` wants a vector or matrix, got {kind}")),
        (_, Some(_)) => Err(format!("`{prim}` wants a matrix, got a vector")),
        (_, None) => Err(format!("`{prim}` wants a matrix, got {kind}")),
    }
}

/// Why a primitive has no value.
#[derive(Debug)]
pub(crate) enum Trouble<S> {
    /// An error of the program.
    Fail(Kind, String),
    /// The arithmetic stops for reasons of its own.
    Stop(S),
}

impl<S> From<S> for Trouble<S> {
    fn from(stop: S) -> Self {
        Self::Stop(stop)
    }
}

/// Operations on numbers, by whoever keeps track of them.
pub(crate) trait Arithmetic {
    type Number: Clone;
    type Stop;

    /// A number that depends on nothing.
    fn constant(&mut self, value: f64) -> Self::Number;

    /// A numeric row or a predicate on numbers.
    fn apply(
        &mut self,
        prim: Prim,
        a: &Self::Number,
        b: &Self::Number,
    ) -> Result<Self::Number, Self::Stop>;

    /// Relies on the outcome of a test, and gives it.
    fn decide(&mut self, test: &Self::Number) -> Result<bool, Self::Stop>;

    /// Makes sure that there is room and time for so many operations and numbers.
    fn reserve(&mut self, operations: usize, numbers: usize) -> Result<(), Self::Stop>;

    /// The numbers of a block, the hidden ones too, where blocks are done as a whole; `operations` is
    /// what it would take number by number.
    fn block(
        &mut self,
        _block: BlockKind,
        _operations: usize,
        _a: &[Self::Number],
        _b: &[Self::Number],
    ) -> Option<Result<Vec<Self::Number>, Self::Stop>> {
        None
    }

    /// The value of a number.
    fn value(&self, number: &Self::Number) -> f64;

    /// A whole number at least 0 that structure depends on: an index or a size.
    fn index(&mut self, prim: Prim, number: &Self::Number) -> Result<usize, Self::Stop>;
}

type Outcome<A, T> = Result<T, Trouble<<A as Arithmetic>::Stop>>;

type Number<A> = <A as Arithmetic>::Number;

fn fail<T, S>(kind: Kind, message: String) -> Result<T, Trouble<S>> {
    Err(Trouble::Fail(kind, message))
}

/// A number, vector or matrix from others. `prim` is a row that works on arrays, or a numeric row
/// with an array among its arguments.
pub(crate) fn evaluate<A: Arithmetic>(
    arithmetic: &mut A,
    prim: Prim,
    args: &[Operand<Number<A>>],
) -> Outcome<A, Operand<Number<A>>> {
    let mut context = Context { arithmetic, prim };
    context.evaluate(args)
}

/// What `ref` finds.
pub(crate) enum Place {
    /// The number at an offset.
    Number(usize),
    /// So many numbers from an offset on.
    Row(usize, usize),
}

/// Where the element at some indices is; otherwise the error of the program, in which each index is told
/// as it was given.
pub(crate) fn locate(
    shape: Shape,
    indices: &[usize],
    told: impl Fn(usize) -> String,
) -> Result<Place, (Kind, String)> {
    let beyond = |which: usize| {
        let message = format!("`ref` wants index {} of {shape}", told(which));
        Err((Kind::Index, message))
    };
    match (shape, indices) {
        (Shape::Vector(n), &[i]) if i < n => Ok(Place::Number(i)),
        (Shape::Matrix(rows, columns), &[i]) if i < rows => Ok(Place::Row(i * columns, columns)),
        (Shape::Matrix(rows, columns), &[i, j]) if i < rows && j < columns => {
            Ok(Place::Number(i * columns + j))
        }
        (Shape::Matrix(rows, _), &[i, _]) if i < rows => beyond(1),
        (Shape::Vector(_), [_, _, ..]) => {
            let message = format!("`ref` of {shape} takes one index, got {}", indices.len());
            Err((Kind::Shape, message))
        }
        _ => beyond(0),
    }
}

struct Context<'a, A: Arithmetic> {
    arithmetic: &'a mut A,
    prim: Prim,
}

impl<A: Arithmetic> Context<'_, A> {
    fn evaluate(&mut self, args: &[Operand<Number<A>>]) -> Outcome<A, Operand<Number<A>>> {
        let array = |shape, numbers| Ok(Operand::Array(Array { shape, numbers }));
        match (self.prim, args) {
            (Prim::Vec, _) => {
                let numbers: Result<Vec<_>, _> = args.iter().map(|a| self.number(a)).collect();
                array(Shape::Vector(args.len()), numbers?)
            }
            (Prim::Mat, _) => self.stack(args),
            (Prim::Dot, [a, b]) => {
                let (a, b) = (self.vector(a)?, self.vector(b)?);
                self.same_shape(a, b)?;
                Ok(Operand::Number(self.dot(&a.numbers, &b.numbers)?))
            }
            (Prim::Cross, [a, b]) => {
                let (a, b) = (self.vector(a)?, self.vector(b)?);
                if a.numbers.len() != 3 || b.numbers.len() != 3 {
                    let message = format!(
                        "`cross` wants two vectors of 3, got {} and {}",
                        a.shape, b.shape
                    );
                    return fail(Kind::Shape, message);
                }
                let mut numbers = Vec::with_capacity(3);
                for (i, j) in [(1, 2), (2, 0), (0, 1)] {
                    let first = self.op(Prim::Mul, &a.numbers[i], &b.numbers[j])?;
                    let second = self.op(Prim::Mul, &a.numbers[j], &b.numbers[i])?;
                    numbers.push(self.op(Prim::Sub, &first, &second)?);
                }
                array(Shape::Vector(3), numbers)
            }
            (Prim::Norm, [a]) => {
                let a = self.array(a)?;
                let norm = self.norm(&a.numbers, Prim::NormAtZero)?;
                Ok(Operand::Number(norm))
            }
            (Prim::Normalize, [a]) => {
                let a = self.array(a)?;
                // Zeros have no direction.
                let norm = self.norm(&a.numbers, Prim::Sqrt)?;
                let numbers: Result<Vec<_>, _> = a
                    .numbers
                    .iter()
                    .map(|x| self.op(Prim::Div, x, &norm))
                    .collect();
                array(a.shape, numbers?)
            }
            (Prim::Vsum, [a]) => {
                let a = self.array(a)?;
                self.arithmetic.reserve(a.numbers.len(), 0)?;
                Ok(Operand::Number(self.sum(&a.numbers)?))
            }
            (
                Prim::Scale,
                [Operand::Number(_), Operand::Array(_)] | [Operand::Array(_), Operand::Number(_)],
            ) => self.elementwise(Prim::Mul, args),
            (Prim::Scale, [a, b]) => {
                let message = format!(
                    "`scale` wants a number and a vector or matrix, got {} and {}",
                    a.kind(),
                    b.kind()
                );
                fail(Kind::Type, message)
            }
            (Prim::Matmul, [a, b]) => {
                let (n, k, a) = self.matrix(a)?;
                let (k2, m, b) = self.matrix(b)?;
                if k != k2 {
                    let message = format!("`matmul` of {n} x {k} and {k2} x {m} matrices");
                    return fail(Kind::Shape, message);
                }
                array(Shape::Matrix(n, m), self.product([n, k, m], a, b)?)
            }
            (Prim::Matvec, [a, b]) => {
                let (n, k, a) = self.matrix(a)?;
                let b = self.vector(b)?;
                if b.numbers.len() != k {
                    let message = format!("`matvec` of a {n} x {k} matrix and {}", b.shape);
                    return fail(Kind::Shape, message);
                }
                array(Shape::Vector(n), self.product([n, k, 1], a, &b.numbers)?)
            }
            (Prim::Transpose, [a]) => {
                let (n, m, a) = self.matrix(a)?;
                let order = (0..m).flat_map(|j| (0..n).map(move |i| i * m + j));
                array(Shape::Matrix(m, n), order.map(|at| a[at].clone()).collect())
            }
            (Prim::Trace, [a]) => {
                let (n, a) = self.square(a)?;
                let diagonal: Vec<_> = (0..n).map(|i| a[i * n + i].clone()).collect();
                Ok(Operand::Number(self.sum(&diagonal)?))
            }
            (Prim::Det | Prim::Logdet, [a]) => {
                let (n, a) = self.square(a)?;
                let number = if self.prim == Prim::Det {
                    self.det(n, a)?
                } else {
                    self.logdet(n, a)?
                };
                Ok(Operand::Number(number))
            }
            (Prim::Inv, [a]) => {
                let (n, a) = self.square(a)?;
                let identity = self.identity(n);
                array(Shape::Matrix(n, n), self.solve(n, a, n, &identity)?)
            }
            (Prim::Solve, [a, b]) => {
                let (n, a) = self.square(a)?;
                let b = self.array(b)?;
                let (rows, columns) = match b.shape {
                    Shape::Vector(rows) => (rows, 1),
                    Shape::Matrix(rows, columns) => (rows, columns),
                };
                if rows != n {
                    let message = format!("`solve` of a {n} x {n} matrix and {}", b.shape);
                    return fail(Kind::Shape, message);
                }
                array(b.shape, self.solve(n, a, columns, &b.numbers)?)
            }
            (Prim::Cholesky, [a]) => {
                let (n, a) = self.square(a)?;
                array(Shape::Matrix(n, n), self.cholesky(n, a)?)
            }
            (Prim::Outer, [a, b]) => {
                let (a, b) = (self.vector(a)?, self.vector(b)?);
                let (n, m) = (a.numbers.len(), b.numbers.len());
                self.arithmetic
                    .reserve(n.saturating_mul(m), n.saturating_mul(m))?;
                let mut numbers = Vec::with_capacity(n * m);
                for x in &a.numbers {
                    for y in &b.numbers {
                        numbers.push(self.op(Prim::Mul, x, y)?);
                    }
                }
                array(Shape::Matrix(n, m), numbers)
            }
            (Prim::Eye, [n]) => {
                let n = self.size(n)?;
                self.arithmetic.reserve(0, n.saturating_mul(n))?;
                array(Shape::Matrix(n, n), self.identity(n))
            }
            (Prim::Zeros | Prim::Ones, _) => {
                let sizes: Result<Vec<usize>, _> = args.iter().map(|n| self.size(n)).collect();
                let shape = match *sizes? {
                    [rows, columns] => Shape::Matrix(rows, columns),
                    [n, ..] => Shape::Vector(n),
                    [] => Shape::Vector(1),
                };
                let value = if self.prim == Prim::Zeros { 0.0 } else { 1.0 };
                let size = match shape {
                    Shape::Vector(n) => n,
                    Shape::Matrix(rows, columns) => rows.saturating_mul(columns),
                };
                self.arithmetic.reserve(0, size)?;
                let number = self.arithmetic.constant(value);
                array(shape, vec![number; size])
            }
            (Prim::Ref, [a, indices @ ..]) => self.element(a, indices),
            (Prim::Sum | Prim::Prod | Prim::Mean | Prim::Variance | Prim::Logsumexp, [a]) => {
                self.reduction(a)
            }
            (Prim::Argmax | Prim::Cumsum | Prim::Sort | Prim::Softmax, [a]) => self.along(a),
            (Prim::Interp, [x, knots, values, beyond @ ..]) => {
                self.interp(x, knots, values, beyond.first())
            }
            (Prim::Diag, [a]) => self.diag(a),
            (Prim::Slice, [a, bounds @ ..]) => self.slice(a, bounds),
            (Prim::Concat | Prim::Hstack | Prim::Vstack, _) => self.joined(args),
            (Prim::Col | Prim::Row, [a, index]) => self.line(a, index),
            (Prim::Reshape, [a, sizes @ ..]) => self.reshape(a, sizes),
            (Prim::OuterSum, [a, b]) => self.outer_sum(a, b),
            (Prim::SolveTriangular, [a, b, which @ ..]) => {
                self.solve_triangular(a, b, which.first())
            }
            (Prim::CholeskySolve, [a, b]) => self.cholesky_solve(a, b),
            (Prim::Lu, [a]) => self.lu(a),
            (Prim::Qr, [a]) => self.qr(a),
            (Prim::Expm, [a]) => self.expm(a),
            (Prim::Eigh, [a]) => self.eigh(a),
            (Prim::Svd, [a]) => self.svd(a),
            (prim, _) => self.elementwise(prim, args),
        }
    }

    // ---- what arguments must be --------------------------------------------------------------

    fn wants<T>(&self, what: &str, found: &Operand<Number<A>>) -> Outcome<A, T> {
        let message = format!("`{}` wants {what}, got {}", self.prim, found.kind());
        fail(Kind::Type, message)
    }

    fn number(&self, arg: &Operand<Number<A>>) -> Outcome<A, Number<A>> {
        match arg {
            Operand::Number(number) => Ok(number.clone()),
            other => self.wants("numbers", other),
        }
    }

    fn array<'o>(&self, arg: &'o Operand<Number<A>>) -> Outcome<A, &'o Array<Number<A>>> {
        match arg {
            Operand::Array(array) => Ok(array),
            other => self.wants("a vector or matrix", other),
        }
    }

    fn vector<'o>(&self, arg: &'o Operand<Number<A>>) -> Outcome<A, &'o Array<Number<A>>> {
        match arg {
            Operand::Array(array) if matches!(array.shape, Shape::Vector(_)) => Ok(array),
            other => self.wants("a vector", other),
        }
    }

    fn matrix<'o>(
        &self,
        arg: &'o Operand<Number<A>>,
    ) -> Outcome<A, (usize, usize, &'o [Number<A>])> {
        match arg {
            Operand::Array(array) => match array.shape {
                Shape::Matrix(rows, columns) => Ok((rows, columns, &array.numbers)),
                Shape::Vector(_) => self.wants("a matrix", arg),
            },
            other => self.wants("a matrix", other),
        }
    }

    fn square<'o>(&self, arg: &'o Operand<Number<A>>) -> Outcome<A, (usize, &'o [Number<A>])> {
        let (rows, columns, numbers) = self.matrix(arg)?;
        if rows == columns {
            return Ok((rows, numbers));
        }
        let message = format!(
            "`{}` wants a square matrix, got a {rows} x {columns} matrix",
            self.prim
        );
        fail(Kind::Shape, message)
    }

    fn same_shape(&self, a: &Array<Number<A>>, b: &Array<Number<A>>) -> Outcome<A, ()> {
        if a.shape == b.shape {
            return Ok(());
        }
        let message = format!("`{}` of {} and {}", self.prim, a.shape, b.shape);
        fail(Kind::Shape, message)
    }

    /// A size of at least 1.
    fn size(&mut self, arg: &Operand<Number<A>>) -> Outcome<A, usize> {
        let number = self.number(arg)?;
        if self.arithmetic.value(&number) > -1.0 {
            let size = self.arithmetic.index(self.prim, &number)?;
            if size > 0 {
                return Ok(size);
            }
        }
        let message = format!("`{}` wants sizes of 1 and more", self.prim);
        fail(Kind::Shape, message)
    }

    // ---- parts -------------------------------------------------------------------------------

    /// The matrix of some rows.
    fn stack(&mut self, rows: &[Operand<Number<A>>]) -> Outcome<A, Operand<Number<A>>> {
        let mut numbers = Vec::new();
        let mut first: Option<&Array<Number<A>>> = None;
        for row in rows {
            let row = self.vector(row)?;
            let first = *first.get_or_insert(row);
            self.same_shape(first, row)?;
            numbers.extend_from_slice(&row.numbers);
        }
        let shape = Shape::Matrix(rows.len(), numbers.len() / rows.len());
        Ok(Operand::Array(Array { shape, numbers }))
    }

    fn element(
        &mut self,
        array: &Operand<Number<A>>,
        indices: &[Operand<Number<A>>],
    ) -> Outcome<A, Operand<Number<A>>> {
        let array = self.array(array)?;
        let mut at = Vec::with_capacity(2);
        for index in indices {
            let number = self.number(index)?;
            at.push(self.arithmetic.index(self.prim, &number)?);
        }
        match locate(array.shape, &at, |which| at[which].to_string()) {
            Ok(Place::Number(at)) => Ok(Operand::Number(array.numbers[at].clone())),
            Ok(Place::Row(from, length)) => Ok(Operand::Array(Array {
                shape: Shape::Vector(length),
                numbers: array.numbers[from..from + length].to_vec(),
            })),
            Err((kind, message)) => fail(kind, message),
        }
    }

    /// A numeric row on each number; a number goes with every number of an array.
    fn elementwise(
        &mut self,
        prim: Prim,
        args: &[Operand<Number<A>>],
    ) -> Outcome<A, Operand<Number<A>>> {
        for arg in args {
            if !matches!(arg, Operand::Number(_) | Operand::Array(_)) {
                return self.wants("numbers, vectors or matrices", arg);
            }
        }
        let mut shape: Option<&Array<Number<A>>> = None;
        for arg in args {
            if let Operand::Array(array) = arg {
                let first = *shape.get_or_insert(array);
                self.same_shape(first, array)?;
            }
        }
        let Some(&Array { shape, .. }) = shape else {
            return fail(Kind::Type, format!("`{}` wants vectors", self.prim));
        };
        self.arithmetic.reserve(shape.size(), shape.size())?;
        let at = |arg: &Operand<Number<A>>, index: usize| match arg {
            Operand::Array(array) => array.numbers[index].clone(),
            Operand::Number(number) => number.clone(),
            _ => unreachable!("checked above"),
        };
        let mut numbers = Vec::with_capacity(shape.size());
        for index in 0..shape.size() {
            let a = at(&args[0], index);
            let b = args.get(1).map_or_else(|| a.clone(), |b| at(b, index));
            numbers.push(self.op(prim, &a, &b)?);
        }
        Ok(Operand::Array(Array { shape, numbers }))
    }

    // ---- arithmetic --------------------------------------------------------------------------

    fn op(&mut self, prim: Prim, a: &Number<A>, b: &Number<A>) -> Outcome<A, Number<A>> {
        Ok(self.arithmetic.apply(prim, a, b)?)
    }

    fn sum(&mut self, numbers: &[Number<A>]) -> Outcome<A, Number<A>> {
        // Whoever follows all ways that tests may go meets some that no numbers go: a sum of nothing.
        let Some((first, others)) = numbers.split_first() else {
            return Ok(self.arithmetic.constant(0.0));
        };
        let mut sum = first.clone();
        for number in others {
            sum = self.op(Prim::Add, &sum, number)?;
        }
        Ok(sum)
    }

    fn dot(&mut self, a: &[Number<A>], b: &[Number<A>]) -> Outcome<A, Number<A>> {
        self.arithmetic.reserve(2 * a.len(), 0)?;
        let mut sum = self.op(Prim::Mul, &a[0], &b[0])?;
        for (x, y) in a.iter().zip(b).skip(1) {
            let term = self.op(Prim::Mul, x, y)?;
            sum = self.op(Prim::Add, &sum, &term)?;
        }
        Ok(sum)
    }

    /// The root of the sum of squares. Where the sum, or what derivatives make of it, might over- or
    /// underflow, it is taken of the numbers times a power of two; and where all are 0, it is what
    /// `at_zero` makes of the sum.
    fn norm(&mut self, numbers: &[Number<A>], at_zero: Prim) -> Outcome<A, Number<A>> {
        let squares = self.dot(numbers, numbers)?;
        if self.is_between(&squares, 1e-200, 1e200)? {
            return self.op(Prim::Sqrt, &squares, &squares);
        }
        let high = self.arithmetic.constant(1e200);
        let large = self.op(Prim::Ge, &squares, &high)?;
        let large = self.arithmetic.decide(&large)?;
        let [to, back] = if large { [DOWN, UP] } else { [UP, DOWN] };
        let [to, back] = [to, back].map(|scale| self.arithmetic.constant(scale));
        self.arithmetic.reserve(numbers.len(), 0)?;
        let scaled = numbers.iter().map(|x| self.op(Prim::Mul, x, &to));
        let scaled: Vec<Number<A>> = scaled.collect::<Result<_, _>>()?;
        let sum = self.dot(&scaled, &scaled)?;
        if !large && self.is_zero(&sum)? {
            return self.op(at_zero, &squares, &squares);
        }
        let root = self.op(Prim::Sqrt, &sum, &sum)?;
        self.op(Prim::Mul, &root, &back)
    }

    /// Whether a number is above one and below another.
    fn is_between(&mut self, number: &Number<A>, low: f64, high: f64) -> Outcome<A, bool> {
        let [low, high] = [low, high].map(|bound| self.arithmetic.constant(bound));
        let above = self.op(Prim::Gt, number, &low)?;
        let below = self.op(Prim::Lt, number, &high)?;
        let both = self.op(Prim::Both, &above, &below)?;
        Ok(self.arithmetic.decide(&both)?)
    }

    fn identity(&mut self, n: usize) -> Vec<Number<A>> {
        let (zero, one) = (self.arithmetic.constant(0.0), self.arithmetic.constant(1.0));
        let mut numbers = vec![zero; n * n];
        for i in 0..n {
            numbers[i * n + i] = one.clone();
        }
        numbers
    }

    /// The product of an n x k and a k x m matrix.
    fn product(
        &mut self,
        [n, k, m]: [usize; 3],
        a: &[Number<A>],
        b: &[Number<A>],
    ) -> Outcome<A, Vec<Number<A>>> {
        let operations = n.saturating_mul(m).saturating_mul(2 * k);
        if n.max(k).max(m) > SMALL && n.saturating_mul(k).saturating_mul(m) > SMALL.pow(3) {
            let [rows, terms, columns] = [n, k, m].map(|size| size as u32);
            let block = BlockKind::Matmul {
                n: rows,
                k: terms,
                m: columns,
                ta: false,
                tb: false,
            };
            if let Some(numbers) = self.block(block, operations, a, b)? {
                return Ok(numbers);
            }
        }
        self.product_apart([n, k, m], a, b)
    }

    /// The same, number by number.
    fn product_apart(
        &mut self,
        [n, k, m]: [usize; 3],
        a: &[Number<A>],
        b: &[Number<A>],
    ) -> Outcome<A, Vec<Number<A>>> {
        let operations = n.saturating_mul(m).saturating_mul(2 * k);
        self.arithmetic.reserve(operations, n * m)?;
        let mut numbers = Vec::with_capacity(n * m);
        for i in 0..n {
            for j in 0..m {
                let mut sum = self.op(Prim::Mul, &a[i * k], &b[j])?;
                for l in 1..k {
                    let term = self.op(Prim::Mul, &a[i * k + l], &b[l * m + j])?;
                    sum = self.op(Prim::Add, &sum, &term)?;
                }
                numbers.push(sum);
            }
        }
        Ok(numbers)
    }
}
