//! Eigenvalues and singular values with their vectors.
//!
//! Where the arithmetic has blocks, one gives values and vectors as constants, and what is recorded
//! is how they move when the matrix does: perturbation theory to second order around the matrix as
//! it is, which is exact for first and second derivatives. Where it has none, Jacobi's rotations are
//! recorded themselves, and their derivatives are the second opinion on these formulas.
//!
//! **Invariants**
//! - A perturbation is a number minus itself without derivatives, so its value is 0: results are
//!   those of the block to the bit.
//! - Only the lower triangle of a symmetric matrix is read.
//! - Where values are equal, or a singular value is 0, as far as doubles can tell, vectors are not
//!   determined and have NaN for derivatives. The values' first derivatives are those along the
//!   vectors found: right for all that is symmetric in equal values. Their second ones are not
//!   finite. A singular value 0 has derivative 0, as `abs` has there.

use super::{Arithmetic, Context, Number, Operand, Outcome, Shape};
use crate::prim::Prim;
use crate::prim::block::{BlockKind, spectral::ALIKE};
use crate::sorted;

/// How far values and vectors move.
struct Moved<N> {
    /// X in V = V₀ (I + X).
    x: Vec<N>,
    /// What is added to each value.
    shifts: Vec<N>,
}

/// How many rounds of rotations are recorded: after the round in which values have settled one more
/// settles first derivatives.
const SETTLING: usize = 2;

impl<A: Arithmetic> Context<'_, A> {
    // ---- symmetric matrices ------------------------------------------------------------------

    pub(super) fn eigh(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let (n, a) = self.square(a)?;
        let shapes = [Shape::Vector(n), Shape::Matrix(n, n)];
        if n == 1 {
            let one = self.arithmetic.constant(1.0);
            return Ok(Self::parts([
                (shapes[0], a.to_vec()),
                (shapes[1], vec![one]),
            ]));
        }
        let size = n.saturating_mul(n);
        self.arithmetic.reserve(0, 2 * size)?;
        let entries = (0..size).map(|at| (at / n).max(at % n) * n + (at / n).min(at % n));
        let a: Vec<Number<A>> = entries.map(|at| a[at].clone()).collect();
        let block = BlockKind::Eigh { n: n as u32 };
        let Some(found) = self.block(block, size.saturating_mul(12 * n), &a, &[])? else {
            let [values, vectors] = self.rotated(n, &a)?;
            return Ok(Self::parts([(shapes[0], values), (shapes[1], vectors)]));
        };
        let (values, rest) = found.split_at(n);
        let (vectors, rest) = rest.split_at(size);
        let (gaps, count) = rest.split_at(size);
        let ties = !self.is(Prim::IsZero, &count[0])?;
        self.arithmetic.reserve(size.saturating_mul(12), 0)?;
        let half = self.multiplied(ties, [n, n, n], &a, vectors)?;
        let matrix = self.multiplied(ties, [n, n, n], &Self::turned_over(n, n, vectors), &half)?;
        let d = self.perturbations(&matrix)?;
        let moved = self.moved(n, &d, gaps, ties)?;
        let values = self.added(values, &moved.shifts)?;
        let change = self.multiplied(ties, [n, n, n], vectors, &moved.x)?;
        let vectors = self.added(vectors, &change)?;
        Ok(Self::parts([(shapes[0], values), (shapes[1], vectors)]))
    }

    /// By the perturbation D of a diagonal matrix, whose reciprocal gaps G are known: the eigenvalues
    /// move by `D[i,i] + Σ D[i,j]² G[j,i]`. X is `G[j,i] D[j,i]` to first order; to second come
    /// `G[j,i] ((D X)[j,i] - X[j,i] D[i,i])` and, on the diagonal, `-½ Σ X[k,i]²`.
    fn moved(
        &mut self,
        n: usize,
        d: &[Number<A>],
        gaps: &[Number<A>],
        ties: bool,
    ) -> Outcome<A, Moved<Number<A>>> {
        let zero = self.arithmetic.constant(0.0);
        let mut tied = vec![false; n * n];
        let mut first = vec![zero; n * n];
        for at in (0..n * n).filter(|at| at % (n + 1) != 0) {
            tied[at] = ties && !self.is_a_number(&gaps[at])?;
            first[at] = if tied[at] {
                self.undetermined(0.0, &d[at])?
            } else {
                self.op(Prim::Mul, &gaps[at], &d[at])?
            };
        }
        let mut shifts = Vec::with_capacity(n);
        for i in 0..n {
            let mut shift = d[i * n + i].clone();
            for j in (0..n).filter(|&j| j != i) {
                let term = if tied[j * n + i] {
                    // It has derivative 0 and no second one.
                    let power = self.arithmetic.constant(1.5);
                    let size = self.op(Prim::Abs, &d[i * n + j], &d[i * n + j])?;
                    let size = self.op(Prim::Detach, &size, &size)?;
                    let base = self.op(Prim::StraightThrough, &size, &d[i * n + j])?;
                    self.op(Prim::Pow, &base, &power)?
                } else {
                    self.op(Prim::Mul, &d[i * n + j], &first[j * n + i])?
                };
                shift = self.op(Prim::Add, &shift, &term)?;
            }
            shifts.push(shift);
        }
        let product = self.multiplied(ties, [n, n, n], d, &first)?;
        let half = self.arithmetic.constant(-0.5);
        let mut x = Vec::with_capacity(n * n);
        for j in 0..n {
            for i in 0..n {
                let at = j * n + i;
                x.push(if i == j {
                    let mut sum: Option<Number<A>> = None;
                    for k in (0..n).filter(|&k| k != i) {
                        let square = self.op(Prim::Mul, &first[k * n + i], &first[k * n + i])?;
                        sum = Some(match sum {
                            None => square,
                            Some(sum) => self.op(Prim::Add, &sum, &square)?,
                        });
                    }
                    let sum = sum.unwrap_or_else(|| self.arithmetic.constant(0.0));
                    self.op(Prim::Mul, &half, &sum)?
                } else if tied[at] {
                    first[at].clone()
                } else {
                    let own = self.op(Prim::Mul, &first[at], &d[i * n + i])?;
                    let rest = self.op(Prim::Sub, &product[at], &own)?;
                    let second = self.op(Prim::Mul, &gaps[at], &rest)?;
                    self.op(Prim::Add, &first[at], &second)?
                });
            }
        }
        Ok(Moved { x, shifts })
    }

    // ---- singular values ---------------------------------------------------------------------

    pub(super) fn svd(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let (rows, columns, a) = self.matrix(a)?;
        let wide = rows < columns;
        self.arithmetic
            .reserve(0, rows.saturating_mul(columns).saturating_mul(2))?;
        let [m, n] = [rows.max(columns), rows.min(columns)];
        let [long, values, short] = if wide {
            self.tall_svd([m, n], &Self::turned_over(rows, columns, a), true)?
        } else {
            self.tall_svd([m, n], a, false)?
        };
        let (long, short) = ((Shape::Matrix(m, n), long), (Shape::Matrix(n, n), short));
        let (left, right) = if wide { (short, long) } else { (long, short) };
        Ok(Self::parts([left, (Shape::Vector(n), values), right]))
    }

    /// U, s and V of a matrix with at least as many rows as columns.
    ///
    /// With P = Uᵀ A V = S + dP and R what U does not reach of A V, Aᵀ A is, between the right
    /// vectors, `PᵀP + RᵀR = S² + D`: its eigenvalues and vectors move as those of a symmetric matrix,
    /// s by the root of the eigenvalues, and U is A V / s. Everything is counted from S, so small
    /// singular values lose nothing to the squares.
    fn tall_svd(
        &mut self,
        [m, n]: [usize; 2],
        a: &[Number<A>],
        by_right: bool,
    ) -> Outcome<A, [Vec<Number<A>>; 3]> {
        let block = BlockKind::Svd {
            m: m as u32,
            n: n as u32,
            by_right,
        };
        let size = m.saturating_mul(n);
        let Some(found) = self.block(block, size.saturating_mul(12 * n), a, &[])? else {
            return self.orthogonalized([m, n], a, by_right);
        };
        let (s, rest) = found.split_at(n);
        let (u, rest) = rest.split_at(m * n);
        let (v, rest) = rest.split_at(n * n);
        let (gaps, rest) = rest.split_at(n * n);
        let (halves, count) = rest.split_at(n);
        let ties = !self.is(Prim::IsZero, &count[0])?;
        self.arithmetic.reserve(size.saturating_mul(30), 0)?;
        let av = self.multiplied(ties, [m, n, n], a, v)?;
        let p = self.multiplied(ties, [n, m, n], &Self::turned_over(m, n, u), &av)?;
        let dp = self.perturbations(&p)?;
        // D = S dP + dPᵀ S + dPᵀ dP + Rᵀ R.
        let mut d = Vec::with_capacity(n * n);
        for i in 0..n {
            for j in 0..n {
                let one = self.op(Prim::Mul, &s[i], &dp[i * n + j])?;
                let other = self.op(Prim::Mul, &s[j], &dp[j * n + i])?;
                d.push(self.op(Prim::Add, &one, &other)?);
            }
        }
        let square = self.multiplied(ties, [n, n, n], &Self::turned_over(n, n, &dp), &dp)?;
        let mut d = self.added(&d, &square)?;
        let mut beyond = None;
        if m > n {
            let reached = self.multiplied(ties, [m, n, n], u, &p)?;
            let mut rest = Vec::with_capacity(m * n);
            for (x, y) in av.iter().zip(&reached) {
                rest.push(self.op(Prim::Sub, x, y)?);
            }
            let r = self.perturbations(&rest)?;
            let square = self.multiplied(ties, [n, m, n], &Self::turned_over(m, n, &r), &r)?;
            d = self.added(&d, &square)?;
            beyond = Some(r);
        }
        let moved = self.moved(n, &d, gaps, ties)?;
        let (values, vanishing) = self.roots(s, &moved.shifts, halves, ties)?;
        let change = self.multiplied(ties, [n, n, n], v, &moved.x)?;
        let right = self.added(v, &change)?;
        // (S + dP) (I + X) / s
        let product = self.multiplied(ties, [n, n, n], &dp, &moved.x)?;
        let mut turn = Vec::with_capacity(n * n);
        for (j, own) in s.iter().enumerate() {
            for i in 0..n {
                let at = j * n + i;
                if vanishing[i] {
                    let value = if i == j { 1.0 } else { 0.0 };
                    turn.push(self.undetermined(value, &dp[at])?);
                    continue;
                }
                let stretched = self.op(Prim::Mul, own, &moved.x[at])?;
                let mut entry = self.op(Prim::Add, &dp[at], &stretched)?;
                entry = self.op(Prim::Add, &entry, &product[at])?;
                if i == j {
                    entry = self.op(Prim::Add, own, &entry)?;
                }
                turn.push(self.op(Prim::Div, &entry, &values[i])?);
            }
        }
        let mut left = self.multiplied(ties, [m, n, n], u, &turn)?;
        if let Some(r) = beyond {
            // R (I + X) / s
            let change = self.multiplied(ties, [m, n, n], &r, &moved.x)?;
            let moved = self.added(&r, &change)?;
            for (at, (entry, part)) in left.iter_mut().zip(&moved).enumerate() {
                let i = at % n;
                if !vanishing[i] {
                    let part = self.op(Prim::Div, part, &values[i])?;
                    *entry = self.op(Prim::Add, entry, &part)?;
                }
            }
        }
        Ok([left, values, right])
    }

    /// The roots of s² + δ around s, to second order: s + h δ - h³ δ², where h = 1 / 2 s; and which s
    /// are 0.
    fn roots(
        &mut self,
        s: &[Number<A>],
        shifts: &[Number<A>],
        halves: &[Number<A>],
        ties: bool,
    ) -> Outcome<A, (Vec<Number<A>>, Vec<bool>)> {
        let mut values = Vec::with_capacity(s.len());
        let mut vanishing = Vec::with_capacity(s.len());
        for ((s, shift), half) in s.iter().zip(shifts).zip(halves) {
            let is_zero = ties && !self.is_a_number(half)?;
            vanishing.push(is_zero);
            if is_zero {
                values.push(s.clone());
                continue;
            }
            let step = self.op(Prim::Mul, half, shift)?;
            let square = self.op(Prim::Mul, &step, &step)?;
            let curve = self.op(Prim::Mul, half, &square)?;
            let step = self.op(Prim::Sub, &step, &curve)?;
            values.push(self.op(Prim::Add, s, &step)?);
        }
        Ok((values, vanishing))
    }

    // ---- parts -------------------------------------------------------------------------------

    fn is(&mut self, test: Prim, number: &Number<A>) -> Outcome<A, bool> {
        let test = self.op(test, number, number)?;
        Ok(self.arithmetic.decide(&test)?)
    }

    /// Whether a number equals itself: it is not NaN.
    fn is_a_number(&mut self, number: &Number<A>) -> Outcome<A, bool> {
        self.is(Prim::NumEq, number)
    }

    /// The columns of a matrix as rows.
    fn turned_over(rows: usize, columns: usize, matrix: &[Number<A>]) -> Vec<Number<A>> {
        let places = (0..rows * columns).map(|at| at % rows * columns + at / rows);
        places.map(|place| matrix[place].clone()).collect()
    }

    fn added(&mut self, a: &[Number<A>], b: &[Number<A>]) -> Outcome<A, Vec<Number<A>>> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| self.op(Prim::Add, a, b)).collect()
    }

    /// Numbers minus themselves without derivatives.
    fn perturbations(&mut self, numbers: &[Number<A>]) -> Outcome<A, Vec<Number<A>>> {
        let mut differences = Vec::with_capacity(numbers.len());
        for number in numbers {
            let held = self.op(Prim::Detach, number, number)?;
            differences.push(self.op(Prim::Sub, number, &held)?);
        }
        Ok(differences)
    }

    /// A product; number by number where some of them have NaN for derivatives, which a product as a
    /// whole would spread to all.
    fn multiplied(
        &mut self,
        apart: bool,
        [n, k, m]: [usize; 3],
        a: &[Number<A>],
        b: &[Number<A>],
    ) -> Outcome<A, Vec<Number<A>>> {
        if apart {
            self.product_apart([n, k, m], a, b)
        } else {
            self.product([n, k, m], a, b)
        }
    }

    // ---- recorded rotations ------------------------------------------------------------------

    /// The rotation (c, s) and its tangent t that makes the off-diagonal number of a symmetric 2 x 2
    /// matrix 0; none where it is a multiple of the identity already. With d = q - p and e twice that
    /// number, t = e / (d ± √(d² + e²)), which is smooth where e is 0.
    fn rotation(
        &mut self,
        p: &Number<A>,
        q: &Number<A>,
        off: &Number<A>,
    ) -> Outcome<A, Option<[Number<A>; 3]>> {
        let d = self.op(Prim::Sub, q, p)?;
        let e = self.op(Prim::Add, off, off)?;
        if self.arithmetic.value(&d) == 0.0 && self.arithmetic.value(&e) == 0.0 {
            return Ok(None);
        }
        let length = self.norm(&[d.clone(), e.clone()], Prim::Sqrt)?;
        let down = self.arithmetic.value(&d) < 0.0;
        let toward = if down { Prim::Sub } else { Prim::Add };
        let denominator = self.op(toward, &d, &length)?;
        let t = self.op(Prim::Div, &e, &denominator)?;
        let one = self.arithmetic.constant(1.0);
        let hypotenuse = self.norm(&[one.clone(), t.clone()], Prim::Sqrt)?;
        let c = self.op(Prim::Div, &one, &hypotenuse)?;
        let s = self.op(Prim::Mul, &t, &c)?;
        Ok(Some([c, s, t]))
    }

    /// Columns p and q of a matrix that has `n`, turned.
    fn turn_columns(
        &mut self,
        matrix: &mut [Number<A>],
        n: usize,
        [p, q]: [usize; 2],
        [c, s]: [&Number<A>; 2],
    ) -> Outcome<A, ()> {
        for row in matrix.chunks_exact_mut(n) {
            let products = [
                self.op(Prim::Mul, c, &row[p])?,
                self.op(Prim::Mul, s, &row[q])?,
                self.op(Prim::Mul, s, &row[p])?,
                self.op(Prim::Mul, c, &row[q])?,
            ];
            row[p] = self.op(Prim::Sub, &products[0], &products[1])?;
            row[q] = self.op(Prim::Add, &products[2], &products[3])?;
        }
        Ok(())
    }

    /// Eigenvalues and vectors of a symmetric matrix by rotations.
    fn rotated(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, [Vec<Number<A>>; 2]> {
        let mut work = a.to_vec();
        let mut vectors = self.identity(n);
        let mut settled = 0;
        for _ in 0..40 {
            self.arithmetic.reserve((n * n).saturating_mul(12 * n), 0)?;
            let value = |at: usize| self.arithmetic.value(&work[at]).abs();
            let size = (0..n * n).map(value).fold(0.0, f64::max);
            let off = (0..n * n).filter(|at| at % (n + 1) != 0);
            let off = off.map(value).fold(0.0, f64::max);
            settled += usize::from(off <= f64::EPSILON * size);
            if settled > SETTLING || !size.is_finite() {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    let places = [p * n + p, q * n + q, p * n + q].map(|at| work[at].clone());
                    let [app, aqq, apq] = &places;
                    let Some([c, s, t]) = self.rotation(app, aqq, apq)? else {
                        continue;
                    };
                    self.turn_columns(&mut work, n, [p, q], [&c, &s])?;
                    let mut over = Self::turned_over(n, n, &work);
                    self.turn_columns(&mut over, n, [p, q], [&c, &s])?;
                    work = over;
                    let step = self.op(Prim::Mul, &t, apq)?;
                    work[p * n + p] = self.op(Prim::Sub, app, &step)?;
                    work[q * n + q] = self.op(Prim::Add, aqq, &step)?;
                    work[p * n + q] = self.arithmetic.constant(0.0);
                    work[q * n + p] = self.arithmetic.constant(0.0);
                    self.turn_columns(&mut vectors, n, [p, q], [&c, &s])?;
                }
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        let value = |i: usize| self.arithmetic.value(&work[i * n + i]);
        sorted::by(&mut order, |&i, &j| value(i).total_cmp(&value(j)));
        let values = order.iter().map(|&i| work[i * n + i].clone()).collect();
        let mut columns = Self::turned_over(n, n, &vectors);
        for vector in columns.chunks_exact_mut(n) {
            if self.points_down(vector) {
                self.turn(vector)?;
            }
        }
        let chosen = (0..n * n).map(|at| columns[order[at % n] * n + at / n].clone());
        Ok([values, chosen.collect()])
    }

    /// U, s and V of a tall matrix by rotations of its columns.
    fn orthogonalized(
        &mut self,
        [m, n]: [usize; 2],
        a: &[Number<A>],
        by_right: bool,
    ) -> Outcome<A, [Vec<Number<A>>; 3]> {
        let mut work = a.to_vec();
        let mut vectors = self.identity(n);
        let mut settled = 0;
        for _ in 0..40 {
            self.arithmetic.reserve((m * n).saturating_mul(12 * n), 0)?;
            let mut widest = 0.0_f64;
            for p in 0..n {
                for q in p + 1..n {
                    let [x, y] = [p, q].map(|j| {
                        let column = work.iter().skip(j).step_by(n);
                        column.cloned().collect::<Vec<Number<A>>>()
                    });
                    let products = [self.dot(&x, &x)?, self.dot(&y, &y)?, self.dot(&x, &y)?];
                    let [alpha, beta, gamma] = products;
                    let [first, second, cosine] =
                        [&alpha, &beta, &gamma].map(|x| self.arithmetic.value(x));
                    let size = first.sqrt() * second.sqrt();
                    if size > 0.0 {
                        widest = widest.max(cosine.abs() / size);
                    }
                    let Some([c, s, _]) = self.rotation(&alpha, &beta, &gamma)? else {
                        continue;
                    };
                    self.turn_columns(&mut work, n, [p, q], [&c, &s])?;
                    self.turn_columns(&mut vectors, n, [p, q], [&c, &s])?;
                }
            }
            settled += usize::from(widest <= 8.0 * f64::EPSILON);
            if settled > SETTLING || widest.is_nan() {
                break;
            }
        }
        let mut left = Self::turned_over(m, n, &work);
        let mut right = Self::turned_over(n, n, &vectors);
        let mut lengths = Vec::with_capacity(n);
        for column in left.chunks_exact_mut(m) {
            let length = self.norm(column, Prim::Sqrt)?;
            for x in column {
                *x = self.op(Prim::Div, x, &length)?;
            }
            lengths.push(length);
        }
        for (u, v) in left.chunks_exact_mut(m).zip(right.chunks_exact_mut(n)) {
            if self.points_down(if by_right { v } else { u }) {
                self.turn(u)?;
                self.turn(v)?;
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        let value = |i: usize| self.arithmetic.value(&lengths[i]);
        sorted::by(&mut order, |&i, &j| value(j).total_cmp(&value(i)));
        let u = (0..m * n).map(|at| left[order[at % n] * m + at / n].clone());
        let v = (0..n * n).map(|at| right[order[at % n] * n + at / n].clone());
        let s = order.iter().map(|&i| lengths[i].clone());
        Ok([u.collect(), s.collect(), v.collect()])
    }

    /// Whether the first of a vector's largest numbers is below 0.
    fn points_down(&self, vector: &[Number<A>]) -> bool {
        let value = |x: &Number<A>| self.arithmetic.value(x);
        let largest = vector.iter().map(|x| value(x).abs()).fold(0.0, f64::max);
        let first = vector.iter().map(value);
        let mut first = first.filter(|x| x.abs() >= largest * ALIKE);
        first.next().is_some_and(|x| x < 0.0)
    }

    fn turn(&mut self, vector: &mut [Number<A>]) -> Outcome<A, ()> {
        let zero = self.arithmetic.constant(0.0);
        for x in vector {
            *x = self.op(Prim::Sub, &zero, x)?;
        }
        Ok(())
    }
}
