//! Vectors and matrices taken apart and put together: the same numbers in another shape.
//!
//! **Invariants**
//! - Numbers keep their nodes: nothing is recorded but the sums of `outer-sum`.
//! - What would be empty is an error, because no array is.

use super::{Arithmetic, Array, Context, Number, Operand, Outcome, Shape, fail};
use crate::error::Kind;
use crate::prim::Prim;
use std::borrow::Cow;

impl<A: Arithmetic> Context<'_, A> {
    fn made(shape: Shape, numbers: Vec<Number<A>>) -> Operand<Number<A>> {
        Operand::Array(Array { shape, numbers })
    }

    pub(super) fn diag(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let array = self.array(a)?;
        let numbers = &array.numbers;
        match array.shape {
            Shape::Vector(n) => {
                self.arithmetic.reserve(0, n.saturating_mul(n))?;
                let mut matrix = vec![self.arithmetic.constant(0.0); n * n];
                for (to, from) in matrix.iter_mut().step_by(n + 1).zip(numbers) {
                    to.clone_from(from);
                }
                Ok(Self::made(Shape::Matrix(n, n), matrix))
            }
            Shape::Matrix(rows, columns) => {
                let n = rows.min(columns);
                self.arithmetic.reserve(0, n)?;
                let diagonal = numbers.iter().step_by(columns + 1).take(n);
                Ok(Self::made(Shape::Vector(n), diagonal.cloned().collect()))
            }
        }
    }

    pub(super) fn slice(
        &mut self,
        a: &Operand<Number<A>>,
        bounds: &[Operand<Number<A>>],
    ) -> Outcome<A, Operand<Number<A>>> {
        let array = self.array(a)?;
        let (length, width) = match array.shape {
            Shape::Vector(n) => (n, 1),
            Shape::Matrix(rows, columns) => (rows, columns),
        };
        let mut range = [0, length];
        for (bound, given) in range.iter_mut().zip(bounds) {
            let number = self.number(given)?;
            *bound = self.arithmetic.index(self.prim, &number)?;
        }
        let [from, to] = range;
        if from.max(to) > length {
            let message = format!("`slice` wants {from} up to {to} of {}", array.shape);
            return fail(Kind::Index, message);
        }
        if from >= to {
            let message = format!("`slice` from {from} up to {to} is empty; arrays are not");
            return fail(Kind::Shape, message);
        }
        let count = (to - from) * width;
        self.arithmetic.reserve(0, count)?;
        let numbers = array.numbers[from * width..to * width].to_vec();
        let shape = match array.shape {
            Shape::Vector(_) => Shape::Vector(to - from),
            Shape::Matrix(..) => Shape::Matrix(to - from, width),
        };
        Ok(Self::made(shape, numbers))
    }

    /// `concat`, `hstack`, `vstack`; of one list, its items.
    pub(super) fn joined(&mut self, args: &[Operand<Number<A>>]) -> Outcome<A, Operand<Number<A>>> {
        let parts = match args {
            [Operand::List(items)] => items,
            parts => parts,
        };
        if parts.is_empty() {
            let message = format!("`{}` wants an array or more, got none", self.prim);
            return fail(Kind::Shape, message);
        }
        let mut arrays = Vec::with_capacity(parts.len());
        for part in parts {
            arrays.push(match part {
                Operand::Array(array) => Cow::Borrowed(array),
                Operand::Number(number) => Cow::Owned(Array {
                    shape: Shape::Vector(1),
                    numbers: vec![number.clone()],
                }),
                other => return self.wants("vectors, matrices or numbers", other),
            });
        }
        let is_matrix =
            |array: &Cow<'_, Array<Number<A>>>| matches!(array.shape, Shape::Matrix(..));
        let total = arrays.iter().map(|array| array.numbers.len()).sum();
        self.arithmetic.reserve(0, total)?;
        let first = &*arrays[0];
        match self.prim {
            Prim::Vstack => {
                // Of a vector, the one row.
                let size = |array: &Array<Number<A>>| match array.shape {
                    Shape::Vector(n) => [1, n],
                    Shape::Matrix(rows, columns) => [rows, columns],
                };
                let [_, columns] = size(first);
                for array in &arrays {
                    if size(array)[1] != columns {
                        return self.mismatch(first, array);
                    }
                }
                let numbers = arrays
                    .iter()
                    .flat_map(|array| array.numbers.iter().cloned());
                let shape = Shape::Matrix(total / columns, columns);
                Ok(Self::made(shape, numbers.collect()))
            }
            Prim::Hstack if arrays.iter().any(is_matrix) => {
                let size = |array: &Array<Number<A>>| match array.shape {
                    Shape::Vector(n) => [n, 1],
                    Shape::Matrix(rows, columns) => [rows, columns],
                };
                let [rows, _] = size(first);
                for array in &arrays {
                    if size(array)[0] != rows {
                        return self.mismatch(first, array);
                    }
                }
                let mut numbers = Vec::with_capacity(total);
                for row in 0..rows {
                    for array in &arrays {
                        let columns = size(array)[1];
                        numbers.extend_from_slice(&array.numbers[row * columns..][..columns]);
                    }
                }
                Ok(Self::made(Shape::Matrix(rows, total / rows), numbers))
            }
            _ => {
                let at = arrays.iter().position(is_matrix);
                if let Some(at) = at {
                    return self.wants("vectors or numbers", &parts[at]);
                }
                let mut numbers = Vec::with_capacity(total);
                for array in &arrays {
                    numbers.extend_from_slice(&array.numbers);
                }
                Ok(Self::made(Shape::Vector(total), numbers))
            }
        }
    }

    fn mismatch<T>(&self, a: &Array<Number<A>>, b: &Array<Number<A>>) -> Outcome<A, T> {
        let message = format!("`{}` of {} and {}", self.prim, a.shape, b.shape);
        fail(Kind::Shape, message)
    }

    /// `row`, `col`.
    pub(super) fn line(
        &mut self,
        a: &Operand<Number<A>>,
        index: &Operand<Number<A>>,
    ) -> Outcome<A, Operand<Number<A>>> {
        let (rows, columns, numbers) = self.matrix(a)?;
        let index = self.number(index)?;
        let index = self.arithmetic.index(self.prim, &index)?;
        let is_row = self.prim == Prim::Row;
        let (there, length) = if is_row {
            (rows, columns)
        } else {
            (columns, rows)
        };
        if index >= there {
            let shape = Shape::Matrix(rows, columns);
            let message = format!("`{}` wants index {index} of {shape}", self.prim);
            return fail(Kind::Index, message);
        }
        self.arithmetic.reserve(0, length)?;
        let numbers = if is_row {
            numbers[index * columns..][..columns].to_vec()
        } else {
            let column = numbers.iter().skip(index).step_by(columns);
            column.cloned().collect()
        };
        Ok(Self::made(Shape::Vector(length), numbers))
    }

    pub(super) fn reshape(
        &mut self,
        a: &Operand<Number<A>>,
        sizes: &[Operand<Number<A>>],
    ) -> Outcome<A, Operand<Number<A>>> {
        let array = self.array(a)?;
        let sizes: Outcome<A, Vec<usize>> = sizes.iter().map(|size| self.size(size)).collect();
        let shape = match *sizes? {
            [rows, columns] => Shape::Matrix(rows, columns),
            [n, ..] => Shape::Vector(n),
            [] => array.shape,
        };
        if shape.size() != array.numbers.len() {
            let message = format!("`reshape` of {} to {shape}", array.shape);
            return fail(Kind::Shape, message);
        }
        self.arithmetic.reserve(0, shape.size())?;
        Ok(Self::made(shape, array.numbers.clone()))
    }

    pub(super) fn outer_sum(
        &mut self,
        a: &Operand<Number<A>>,
        b: &Operand<Number<A>>,
    ) -> Outcome<A, Operand<Number<A>>> {
        let (a, b) = (self.vector(a)?, self.vector(b)?);
        let (n, m) = (a.numbers.len(), b.numbers.len());
        let size = n.saturating_mul(m);
        self.arithmetic.reserve(size, size)?;
        let mut numbers = Vec::with_capacity(size);
        for x in &a.numbers {
            for y in &b.numbers {
                numbers.push(self.op(Prim::Add, x, y)?);
            }
        }
        Ok(Self::made(Shape::Matrix(n, m), numbers))
    }
}
