//! Systems of equations whose matrix is triangular, number by number or as blocks.
//!
//! **Invariants**
//! - Only the triangle that is named is read: what stands in the other has derivative 0.
//! - A zero on the diagonal is an error, and is decided.

use super::{Arithmetic, Array, Context, Number, Operand, Outcome, SMALL, Shape, fail};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::block::BlockKind;

impl<A: Arithmetic> Context<'_, A> {
    pub(super) fn solve_triangular(
        &mut self,
        a: &Operand<Number<A>>,
        b: &Operand<Number<A>>,
        which: Option<&Operand<Number<A>>>,
    ) -> Outcome<A, Operand<Number<A>>> {
        let (n, a) = self.square(a)?;
        let (columns, b) = self.right_sides(n, b)?;
        let upper = match which {
            None => false,
            Some(Operand::Symbol(name)) if name == "lower" => false,
            Some(Operand::Symbol(name)) if name == "upper" => true,
            Some(Operand::Symbol(name)) => {
                let message = format!("`solve-triangular` reads 'lower or 'upper, not '{name}");
                return fail(Kind::Type, message);
            }
            Some(other) => return self.wants("'lower or 'upper last", other),
        };
        let numbers = self.substituted(n, a, columns, b.numbers.clone(), upper)?;
        let shape = b.shape;
        Ok(Operand::Array(Array { shape, numbers }))
    }

    pub(super) fn cholesky_solve(
        &mut self,
        l: &Operand<Number<A>>,
        b: &Operand<Number<A>>,
    ) -> Outcome<A, Operand<Number<A>>> {
        let (n, l) = self.square(l)?;
        let (columns, b) = self.right_sides(n, b)?;
        let half = self.substituted(n, l, columns, b.numbers.clone(), false)?;
        let places = (0..n * n).map(|at| at % n * n + at / n);
        let upper: Vec<Number<A>> = places.map(|at| l[at].clone()).collect();
        let numbers = self.substituted(n, &upper, columns, half, true)?;
        let shape = b.shape;
        Ok(Operand::Array(Array { shape, numbers }))
    }

    /// The columns of a right side, and itself.
    fn right_sides<'o>(
        &self,
        n: usize,
        b: &'o Operand<Number<A>>,
    ) -> Outcome<A, (usize, &'o Array<Number<A>>)> {
        let b = self.array(b)?;
        let (rows, columns) = match b.shape {
            Shape::Vector(rows) => (rows, 1),
            Shape::Matrix(rows, columns) => (rows, columns),
        };
        if rows != n {
            let message = format!("`{}` of a {n} x {n} matrix and {}", self.prim, b.shape);
            return fail(Kind::Shape, message);
        }
        Ok((columns, b))
    }

    /// X in T X = B, by substitution from the first row on or, where T is upper, from the last.
    fn substituted(
        &mut self,
        n: usize,
        t: &[Number<A>],
        m: usize,
        mut x: Vec<Number<A>>,
        upper: bool,
    ) -> Outcome<A, Vec<Number<A>>> {
        let operations = (n * n).saturating_mul(m);
        if n > SMALL {
            let block = BlockKind::Triangular {
                n: n as u32,
                m: m as u32,
                upper,
            };
            if let Some(numbers) = self.block(block, operations, t, &x)? {
                if !self.succeeds(block, &numbers)? {
                    return self.singular();
                }
                return Ok(numbers[..n * m].to_vec());
            }
        }
        self.arithmetic.reserve(operations, n.saturating_mul(m))?;
        for i in 0..n {
            let pivot = &t[i * n + i];
            let zero = self.op(Prim::IsZero, pivot, pivot)?;
            if self.arithmetic.decide(&zero)? {
                return self.singular();
            }
        }
        for step in 0..n {
            let i = if upper { n - 1 - step } else { step };
            let known = if upper { i + 1..n } else { 0..i };
            // The nearest row comes last.
            let mut rows: Vec<usize> = known.collect();
            if upper {
                rows.reverse();
            }
            for l in rows {
                for j in 0..m {
                    let term = self.op(Prim::Mul, &t[i * n + l], &x[l * m + j])?;
                    x[i * m + j] = self.op(Prim::Sub, &x[i * m + j], &term)?;
                }
            }
            for j in 0..m {
                x[i * m + j] = self.op(Prim::Div, &x[i * m + j], &t[i * n + i])?;
            }
        }
        Ok(x)
    }
}
