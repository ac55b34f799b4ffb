//! Determinants, linear systems and factors of square matrices, number by number or as blocks.
//!
//! **Invariants**
//! - What depends on a comparison is decided, so that it can be guarded: pivots, whether a matrix is
//!   singular, whether a 2 x 2 matrix may go by its determinant.

use super::{Arithmetic, Context, Number, Outcome, SMALL, cube, fail};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::block::BlockKind;

impl<A: Arithmetic> Context<'_, A> {
    /// a d - b c.
    fn det2(&mut self, a: [&Number<A>; 4]) -> Outcome<A, Number<A>> {
        let first = self.op(Prim::Mul, a[0], a[3])?;
        let second = self.op(Prim::Mul, a[1], a[2])?;
        self.op(Prim::Sub, &first, &second)
    }

    pub(super) fn det(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Number<A>> {
        match n {
            1 => Ok(a[0].clone()),
            2 => self.det2([&a[0], &a[1], &a[2], &a[3]]),
            3 => {
                let mut det = None;
                for (j, (k, l)) in [(1, 2), (2, 0), (0, 1)].into_iter().enumerate() {
                    let minor = self.det2([&a[3 + k], &a[3 + l], &a[6 + k], &a[6 + l]])?;
                    let term = self.op(Prim::Mul, &a[j], &minor)?;
                    det = Some(match det {
                        None => term,
                        Some(det) => self.op(Prim::Add, &det, &term)?,
                    });
                }
                det.map_or_else(|| Ok(self.arithmetic.constant(1.0)), Ok)
            }
            _ => {
                let block = BlockKind::Det { n: n as u32 };
                if let Some(numbers) = self.block(block, cube(n), a, &[])? {
                    return Ok(numbers[0].clone());
                }
                let mut lu = self.factorize(n, a)?;
                let mut det = lu.numbers[0].clone();
                for i in 1..n {
                    det = self.op(Prim::Mul, &det, &lu.numbers[i * n + i])?;
                }
                if std::mem::take(&mut lu.odd) {
                    det = self.op(Prim::Neg, &det, &det)?;
                }
                Ok(det)
            }
        }
    }

    /// log|det|: the sum of the logarithms of the pivots, which neither over- nor underflows.
    pub(super) fn logdet(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Number<A>> {
        if n == 1 {
            if self.is_zero(&a[0])? {
                return self.logdet_of_singular(n, a);
            }
            let size = self.op(Prim::Abs, &a[0], &a[0])?;
            return self.op(Prim::Ln, &size, &size);
        }
        if n == 2 {
            let (_, size) = self.small_det(a)?;
            if self.is_ordinary(&size)? {
                return self.op(Prim::Ln, &size, &size);
            }
        }
        if n > 2 {
            let block = BlockKind::Logdet { n: n as u32 };
            if let Some(numbers) = self.block(block, cube(n), a, &[])? {
                return Ok(numbers[0].clone());
            }
        }
        let lu = self.factorize(n, a)?;
        if lu.singular {
            return self.logdet_of_singular(n, a);
        }
        let mut logs = Vec::with_capacity(n);
        for i in 0..n {
            let size = self.op(Prim::Abs, &lu.numbers[i * n + i], &lu.numbers[i * n + i])?;
            logs.push(self.op(Prim::Ln, &size, &size)?);
        }
        self.sum(&logs)
    }

    /// -inf, with the cofactors divided by 0 for derivatives.
    fn logdet_of_singular(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Number<A>> {
        let block = BlockKind::Logdet { n: n as u32 };
        if let Some(numbers) = self.block(block, cube(n), a, &[])? {
            return Ok(numbers[0].clone());
        }
        // Number by number, the logarithm of the determinant to first order. What is larger has paid
        // for its elimination, in place of the block's.
        if n <= 2 {
            self.arithmetic.reserve(cube(n), 0)?;
        }
        let values: Vec<f64> = a.iter().map(|x| self.arithmetic.value(x)).collect();
        let cofactors = BlockKind::Cofactors { n: n as u32 };
        let mut slopes = vec![0.0; cofactors.outputs() + cofactors.hidden()];
        cofactors.forward(&values, &[], &mut slopes, &mut Vec::new());
        let mut det = self.arithmetic.constant(0.0);
        for ((x, value), slope) in a.iter().zip(values).zip(slopes) {
            let [value, slope] = [value, slope].map(|number| self.arithmetic.constant(number));
            let moved = self.op(Prim::Sub, x, &value)?;
            let term = self.op(Prim::Mul, &slope, &moved)?;
            det = self.op(Prim::Add, &det, &term)?;
        }
        self.op(Prim::Ln, &det, &det)
    }

    /// The determinant of a 2 x 2 matrix and its magnitude.
    fn small_det(&mut self, a: &[Number<A>]) -> Outcome<A, (Number<A>, Number<A>)> {
        let det = self.det2([&a[0], &a[1], &a[2], &a[3]])?;
        let size = self.op(Prim::Abs, &det, &det)?;
        Ok((det, size))
    }

    /// Whether a determinant is far from over- and underflow, so that formulas in it are accurate.
    fn is_ordinary(&mut self, size: &Number<A>) -> Outcome<A, bool> {
        self.is_between(size, 1e-250, 1e250)
    }

    pub(super) fn block(
        &mut self,
        block: BlockKind,
        operations: usize,
        a: &[Number<A>],
        b: &[Number<A>],
    ) -> Outcome<A, Option<Vec<Number<A>>>> {
        Ok(self.arithmetic.block(block, operations, a, b).transpose()?)
    }

    /// Whether a block that may fail has not.
    pub(super) fn succeeds(&mut self, block: BlockKind, numbers: &[Number<A>]) -> Outcome<A, bool> {
        match block.flag() {
            Some(flag) => Ok(self.arithmetic.decide(&numbers[flag])?),
            None => Ok(true),
        }
    }

    pub(super) fn indefinite<T>() -> Outcome<A, T> {
        let message = "`cholesky` of a matrix that is not positive definite".into();
        fail(Kind::Type, message)
    }

    pub(super) fn singular<T>(&self) -> Outcome<A, T> {
        let message = format!("`{}` of a singular matrix; it has no inverse", self.prim);
        fail(Kind::Type, message)
    }

    /// X in A X = B, for m right sides.
    pub(super) fn solve(
        &mut self,
        n: usize,
        a: &[Number<A>],
        m: usize,
        b: &[Number<A>],
    ) -> Outcome<A, Vec<Number<A>>> {
        if n == 1 {
            if self.is_zero(&a[0])? {
                return self.singular();
            }
            return b.iter().map(|b| self.op(Prim::Div, b, &a[0])).collect();
        }
        if n == 2 && self.prim == Prim::Inv {
            let (det, size) = self.small_det(a)?;
            if self.is_ordinary(&size)? {
                let first = self.op(Prim::Div, &a[3], &det)?;
                let minus_b = self.op(Prim::Neg, &a[1], &a[1])?;
                let minus_c = self.op(Prim::Neg, &a[2], &a[2])?;
                let second = self.op(Prim::Div, &minus_b, &det)?;
                let third = self.op(Prim::Div, &minus_c, &det)?;
                let fourth = self.op(Prim::Div, &a[0], &det)?;
                return Ok(vec![first, second, third, fourth]);
            }
        }
        let operations = (2 * n * n).saturating_mul(m);
        if n > 2 {
            let block = match self.prim {
                Prim::Inv => BlockKind::Inverse { n: n as u32 },
                _ => BlockKind::Solve {
                    n: n as u32,
                    m: m as u32,
                },
            };
            let b = if self.prim == Prim::Inv { &[] } else { b };
            let operations = operations.saturating_add(cube(n));
            if let Some(numbers) = self.block(block, operations, a, b)? {
                if !self.succeeds(block, &numbers)? {
                    return self.singular();
                }
                return Ok(numbers[..n * m].to_vec());
            }
        }
        let lu = self.factorize(n, a)?;
        if lu.singular {
            return self.singular();
        }
        self.arithmetic.reserve(operations, n.saturating_mul(m))?;
        let mut x: Vec<Number<A>> = lu
            .order
            .iter()
            .flat_map(|&row| b[row * m..(row + 1) * m].iter().cloned())
            .collect();
        for i in 0..n {
            for l in 0..i {
                self.subtract_row(&lu.numbers[i * n + l], l, i, m, &mut x)?;
            }
        }
        for i in (0..n).rev() {
            for l in i + 1..n {
                self.subtract_row(&lu.numbers[i * n + l], l, i, m, &mut x)?;
            }
            for j in 0..m {
                x[i * m + j] = self.op(Prim::Div, &x[i * m + j], &lu.numbers[i * n + i])?;
            }
        }
        Ok(x)
    }

    /// Takes a multiple of one row off another.
    fn subtract_row(
        &mut self,
        factor: &Number<A>,
        from: usize,
        to: usize,
        m: usize,
        x: &mut [Number<A>],
    ) -> Outcome<A, ()> {
        for j in 0..m {
            let term = self.op(Prim::Mul, factor, &x[from * m + j])?;
            x[to * m + j] = self.op(Prim::Sub, &x[to * m + j], &term)?;
        }
        Ok(())
    }

    pub(super) fn is_zero(&mut self, number: &Number<A>) -> Outcome<A, bool> {
        let zero = self.op(Prim::IsZero, number, number)?;
        Ok(self.arithmetic.decide(&zero)?)
    }

    /// Gaussian elimination with partial pivoting: the largest number of a column, the first of
    /// several, is its pivot.
    fn factorize(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Factors<Number<A>>> {
        self.arithmetic.reserve(cube(n), n * n)?;
        let mut lu = Factors {
            numbers: a.to_vec(),
            order: (0..n).collect(),
            odd: false,
            singular: false,
        };
        for k in 0..n {
            let mut pivot = k;
            let mut largest = self.magnitude(&lu.numbers[k * n + k])?;
            for i in k + 1..n {
                let size = self.magnitude(&lu.numbers[i * n + k])?;
                let larger = self.op(Prim::Gt, &size, &largest)?;
                if self.arithmetic.decide(&larger)? {
                    (pivot, largest) = (i, size);
                }
            }
            if pivot != k {
                for j in 0..n {
                    lu.numbers.swap(k * n + j, pivot * n + j);
                }
                lu.order.swap(k, pivot);
                lu.odd = !lu.odd;
            }
            if self.is_zero(&lu.numbers[k * n + k])? {
                // Nothing below it is there to be taken away.
                lu.singular = true;
                continue;
            }
            for i in k + 1..n {
                let pivot = lu.numbers[k * n + k].clone();
                let factor = self.op(Prim::Div, &lu.numbers[i * n + k], &pivot)?;
                for j in k + 1..n {
                    let term = self.op(Prim::Mul, &factor, &lu.numbers[k * n + j])?;
                    lu.numbers[i * n + j] = self.op(Prim::Sub, &lu.numbers[i * n + j], &term)?;
                }
                lu.numbers[i * n + k] = factor;
            }
        }
        Ok(lu)
    }

    fn magnitude(&mut self, number: &Number<A>) -> Outcome<A, Number<A>> {
        self.op(Prim::Abs, number, number)
    }

    /// The lower triangular factor L of A = L Lᵀ; only the lower triangle of A is read.
    pub(super) fn cholesky(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Vec<Number<A>>> {
        if n > SMALL {
            let block = BlockKind::Cholesky { n: n as u32 };
            if let Some(numbers) = self.block(block, cube(n), a, &[])? {
                if !self.succeeds(block, &numbers)? {
                    return Self::indefinite();
                }
                return Ok(numbers[..n * n].to_vec());
            }
        }
        self.arithmetic.reserve(cube(n), n * n)?;
        let mut l = vec![self.arithmetic.constant(0.0); n * n];
        for i in 0..n {
            for j in 0..=i {
                let mut rest = a[i * n + j].clone();
                for k in 0..j {
                    let term = self.op(Prim::Mul, &l[i * n + k], &l[j * n + k])?;
                    rest = self.op(Prim::Sub, &rest, &term)?;
                }
                if i != j {
                    l[i * n + j] = self.op(Prim::Div, &rest, &l[j * n + j])?;
                    continue;
                }
                let zero = self.arithmetic.constant(0.0);
                let wrong = self.op(Prim::Le, &rest, &zero)?;
                if self.arithmetic.decide(&wrong)? {
                    return Self::indefinite();
                }
                l[i * n + i] = self.op(Prim::Sqrt, &rest, &rest)?;
            }
        }
        Ok(l)
    }
}

/// P A = L U, in one matrix, the ones of L's diagonal left out.
struct Factors<N> {
    numbers: Vec<N>,
    /// Which row of A stands where.
    order: Vec<usize>,
    /// Whether the rows' order is an odd permutation.
    odd: bool,
    /// Whether a pivot is 0.
    singular: bool,
}
