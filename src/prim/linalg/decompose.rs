//! Factors of matrices and the exponential, number by number: derivatives are those of the
//! algorithms.
//!
//! **Invariants**
//! - Pivots, signs, whether a column is zero and how often a matrix is halved are decided.
//! - Where a factor is not determined, because a pivot or a column is zero, its numbers have a value
//!   all the same and NaN for derivatives ([`Context::undetermined`]).

use super::{Arithmetic, Array, Context, Number, Operand, Outcome, Shape, cube};
use crate::prim::Prim;

/// What one norm may be for the approximant of degree 7, and of degree 13, to have the accuracy of
/// doubles (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005).
const FEW: f64 = 0.950_417_899_616_293_2;
const MANY: f64 = 5.371_920_351_148_152;

/// The coefficients of the numerator of e^x's diagonal Padé approximant: each follows from the one
/// before by (q - j) / ((2 q - j) (j + 1)).
fn pade(degree: usize) -> Vec<f64> {
    let mut coefficients = vec![1.0];
    for j in 0..degree {
        let last = coefficients[j];
        let ratio = (degree - j) as f64 / ((2 * degree - j) * (j + 1)) as f64;
        coefficients.push(last * ratio);
    }
    coefficients
}

/// I - v vᵀ / size, on the rows from one on.
struct Reflection<N> {
    from: usize,
    v: Vec<N>,
    size: N,
}

impl<A: Arithmetic> Context<'_, A> {
    pub(super) fn parts(
        parts: impl IntoIterator<Item = (Shape, Vec<Number<A>>)>,
    ) -> Operand<Number<A>> {
        let part = |(shape, numbers)| Operand::Array(Array { shape, numbers });
        Operand::List(parts.into_iter().map(part).collect())
    }

    /// A number that has a value by convention, where it depends on another in no definite way: its
    /// derivative is NaN.
    pub(super) fn undetermined(&mut self, value: f64, by: &Number<A>) -> Outcome<A, Number<A>> {
        let [value, nan] = [value, f64::NAN].map(|x| self.arithmetic.constant(x));
        let slope = self.op(Prim::Mul, by, &nan)?;
        self.op(Prim::StraightThrough, &value, &slope)
    }

    fn decides(&mut self, test: Prim, number: &Number<A>) -> Outcome<A, bool> {
        let zero = self.arithmetic.constant(0.0);
        let test = self.op(test, number, &zero)?;
        Ok(self.arithmetic.decide(&test)?)
    }

    /// 0 - x, which has no negative zeros.
    fn negated(&mut self, number: &Number<A>) -> Outcome<A, Number<A>> {
        let zero = self.arithmetic.constant(0.0);
        self.op(Prim::Sub, &zero, number)
    }

    // ---- P A = L U ---------------------------------------------------------------------------

    pub(super) fn lu(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let (m, n, a) = self.matrix(a)?;
        let k = m.min(n);
        let size = m.saturating_mul(n);
        self.arithmetic
            .reserve(size.saturating_mul(k), 3 * size + m.saturating_mul(m))?;
        let mut work = a.to_vec();
        let mut order: Vec<usize> = (0..m).collect();
        for t in 0..k {
            let mut pivot = t;
            let mut largest = self.op(Prim::Abs, &work[t * n + t], &work[t * n + t])?;
            for i in t + 1..m {
                let size = self.op(Prim::Abs, &work[i * n + t], &work[i * n + t])?;
                let larger = self.op(Prim::Gt, &size, &largest)?;
                if self.arithmetic.decide(&larger)? {
                    (pivot, largest) = (i, size);
                }
            }
            if pivot != t {
                for j in 0..n {
                    work.swap(t * n + j, pivot * n + j);
                }
                order.swap(t, pivot);
            }
            let is_zero = t + 1 < m && self.decides(Prim::NumEq, &largest)?;
            for i in t + 1..m {
                let below = work[i * n + t].clone();
                if is_zero {
                    work[i * n + t] = self.undetermined(0.0, &below)?;
                    continue;
                }
                let factor = self.op(Prim::Div, &below, &work[t * n + t])?;
                for j in t + 1..n {
                    let term = self.op(Prim::Mul, &factor, &work[t * n + j])?;
                    work[i * n + j] = self.op(Prim::Sub, &work[i * n + j], &term)?;
                }
                work[i * n + t] = factor;
            }
        }
        let [zero, one] = [0.0, 1.0].map(|x| self.arithmetic.constant(x));
        let l = (0..m * k).map(|at| match (at / k, at % k) {
            (i, j) if i == j => one.clone(),
            (i, j) if i > j => work[i * n + j].clone(),
            _ => zero.clone(),
        });
        let u = (0..k * n).map(|at| match (at / n, at % n) {
            (i, j) if i <= j => work[at].clone(),
            _ => zero.clone(),
        });
        let p = (0..m * m).map(|at| {
            if order[at / m] == at % m {
                one.clone()
            } else {
                zero.clone()
            }
        });
        Ok(Self::parts([
            (Shape::Matrix(m, k), l.collect()),
            (Shape::Matrix(k, n), u.collect()),
            (Shape::Matrix(m, m), p.collect()),
        ]))
    }

    // ---- A = Q R -----------------------------------------------------------------------------

    /// By reflections, each away from its column so that nothing cancels; the signs that this gives
    /// R's diagonal are turned afterwards.
    pub(super) fn qr(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let (m, n, a) = self.matrix(a)?;
        let k = m.min(n);
        let size = m.saturating_mul(n);
        self.arithmetic
            .reserve(size.saturating_mul(6 * k), 3 * size)?;
        let [zero, one] = [0.0, 1.0].map(|x| self.arithmetic.constant(x));
        let mut r = a.to_vec();
        let mut reflections = Vec::with_capacity(k);
        let mut signs = Vec::with_capacity(k);
        for t in 0..k {
            let column: Vec<Number<A>> = (t..m).map(|i| r[i * n + t].clone()).collect();
            let length = match &column[..] {
                [x] => self.op(Prim::Abs, x, x)?,
                _ => self.norm(&column, Prim::Sqrt)?,
            };
            if self.decides(Prim::NumEq, &length)? {
                signs.push(self.undetermined(1.0, &column[0])?);
                continue;
            }
            let positive = self.decides(Prim::Ge, &column[0])?;
            if column.len() == 1 {
                let sign = if positive { 1.0 } else { -1.0 };
                signs.push(self.arithmetic.constant(sign));
                continue;
            }
            let toward = if positive { Prim::Add } else { Prim::Sub };
            let head = self.op(toward, &column[0], &length)?;
            let size = self.op(Prim::Mul, &length, &head)?;
            let size = if positive { size } else { self.negated(&size)? };
            let mut v = column;
            v[0] = head;
            let reflection = Reflection { from: t, v, size };
            for j in t + 1..n {
                self.reflect(&reflection, n, j, &mut r)?;
            }
            let end = if positive {
                self.negated(&length)?
            } else {
                length
            };
            r[t * n + t] = end;
            let sign = if positive { -1.0 } else { 1.0 };
            signs.push(self.arithmetic.constant(sign));
            reflections.push(reflection);
        }
        let mut q = vec![zero.clone(); m * k];
        for t in 0..k {
            q[t * k + t] = one.clone();
        }
        for reflection in reflections.iter().rev() {
            for j in reflection.from..k {
                self.reflect(reflection, k, j, &mut q)?;
            }
        }
        for (t, sign) in signs.iter().enumerate() {
            for i in 0..m {
                q[i * k + t] = self.turned(&q[i * k + t], sign)?;
            }
            for j in t..n {
                r[t * n + j] = self.turned(&r[t * n + j], sign)?;
            }
        }
        let r = (0..k * n).map(|at| {
            if at / n <= at % n {
                r[at].clone()
            } else {
                zero.clone()
            }
        });
        Ok(Self::parts([
            (Shape::Matrix(m, k), q),
            (Shape::Matrix(k, n), r.collect()),
        ]))
    }

    /// Reflects a column of a matrix that has so many.
    fn reflect(
        &mut self,
        reflection: &Reflection<Number<A>>,
        columns: usize,
        j: usize,
        matrix: &mut [Number<A>],
    ) -> Outcome<A, ()> {
        let Reflection { from, v, size } = reflection;
        let rows = (*from..).zip(v);
        let mut sum: Option<Number<A>> = None;
        for (i, v) in rows.clone() {
            let term = self.op(Prim::Mul, v, &matrix[i * columns + j])?;
            sum = Some(match sum {
                None => term,
                Some(sum) => self.op(Prim::Add, &sum, &term)?,
            });
        }
        let Some(sum) = sum else { return Ok(()) };
        let weight = self.op(Prim::Div, &sum, size)?;
        for (i, v) in rows {
            let at = i * columns + j;
            let term = self.op(Prim::Mul, v, &weight)?;
            matrix[at] = self.op(Prim::Sub, &matrix[at], &term)?;
        }
        Ok(())
    }

    /// A number times 1 or -1.
    fn turned(&mut self, number: &Number<A>, sign: &Number<A>) -> Outcome<A, Number<A>> {
        if self.arithmetic.value(sign) < 0.0 {
            return self.negated(number);
        }
        self.op(Prim::Mul, number, sign)
    }

    // ---- e^A ---------------------------------------------------------------------------------

    /// Scaling and squaring: the matrix is halved until an approximant is accurate, and the result
    /// squared as often.
    pub(super) fn expm(&mut self, a: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let (n, a) = self.square(a)?;
        let shape = Shape::Matrix(n, n);
        let array = |numbers| Ok(Operand::Array(Array { shape, numbers }));
        if n == 1 {
            return array(vec![self.op(Prim::Exp, &a[0], &a[0])?]);
        }
        self.arithmetic
            .reserve((n * n).saturating_mul(24), (n * n).saturating_mul(2))?;
        let norm = self.largest_column(n, a)?;
        let infinity = self.arithmetic.constant(f64::INFINITY);
        let finite = self.op(Prim::Lt, &norm, &infinity)?;
        if !self.arithmetic.decide(&finite)? {
            let nan = self.arithmetic.constant(f64::NAN);
            let entry = self.op(Prim::Mul, &norm, &nan)?;
            return array(vec![entry; n * n]);
        }
        if self.is_within(&norm, FEW)? {
            return array(self.approximant(n, a, 7)?);
        }
        let mut bound = MANY;
        let mut halvings = 0;
        while !self.is_within(&norm, bound)? {
            bound *= 2.0;
            halvings += 1;
        }
        let mut scaled = a.to_vec();
        if halvings > 0 {
            // One factor would be below the smallest double for the largest matrices.
            let half = self.arithmetic.constant(0.5);
            let eighth = self.arithmetic.constant(0.125);
            let mut left = halvings;
            while left > 0 {
                let (factor, step) = if left >= 3 { (&eighth, 3) } else { (&half, 1) };
                self.arithmetic.reserve(n * n, 0)?;
                for entry in &mut scaled {
                    *entry = self.op(Prim::Mul, entry, factor)?;
                }
                left -= step;
            }
        }
        let mut result = self.approximant(n, &scaled, 13)?;
        for _ in 0..halvings {
            result = self.product([n, n, n], &result, &result)?;
        }
        array(result)
    }

    fn is_within(&mut self, norm: &Number<A>, bound: f64) -> Outcome<A, bool> {
        let bound = self.arithmetic.constant(bound);
        let within = self.op(Prim::Le, norm, &bound)?;
        Ok(self.arithmetic.decide(&within)?)
    }

    /// The largest sum of a column's magnitudes.
    fn largest_column(&mut self, n: usize, a: &[Number<A>]) -> Outcome<A, Number<A>> {
        let mut largest: Option<Number<A>> = None;
        for j in 0..n {
            let mut sum: Option<Number<A>> = None;
            for i in 0..n {
                let size = self.op(Prim::Abs, &a[i * n + j], &a[i * n + j])?;
                sum = Some(match sum {
                    None => size,
                    Some(sum) => self.op(Prim::Add, &sum, &size)?,
                });
            }
            largest = match (largest, sum) {
                (Some(largest), Some(sum)) => Some(self.op(Prim::Max, &largest, &sum)?),
                (largest, sum) => largest.or(sum),
            };
        }
        Ok(largest.unwrap_or_else(|| self.arithmetic.constant(0.0)))
    }

    /// (V - U)⁻¹ (V + U), where V is the even and U the odd part of the approximant's numerator.
    fn approximant(
        &mut self,
        n: usize,
        a: &[Number<A>],
        degree: usize,
    ) -> Outcome<A, Vec<Number<A>>> {
        self.arithmetic.reserve(cube(n), 0)?;
        let b = pade(degree);
        let square = self.product([n, n, n], a, a)?;
        let fourth = self.product([n, n, n], &square, &square)?;
        let sixth = self.product([n, n, n], &fourth, &square)?;
        let powers = [&square, &fourth, &sixth];
        let mut halves = Vec::with_capacity(2);
        for parity in [1, 0] {
            let mut sum = self.combined(n, powers, Some(b[parity]), |i| b[parity + 2 * i])?;
            if degree == 13 {
                let high = self.combined(n, powers, None, |i| b[parity + 6 + 2 * i])?;
                let high = self.product([n, n, n], &sixth, &high)?;
                sum = self.paired(Prim::Add, &high, &sum)?;
            }
            halves.push(sum);
        }
        let (Some(even), Some(odd)) = (halves.pop(), halves.pop()) else {
            unreachable!("two parities")
        };
        let odd = self.product([n, n, n], a, &odd)?;
        let (below, above) = (
            self.paired(Prim::Sub, &even, &odd)?,
            self.paired(Prim::Add, &even, &odd)?,
        );
        self.solve(n, &below, n, &above)
    }

    /// The sum of matrices times their coefficients, numbered from 1, and of the identity times one.
    fn combined(
        &mut self,
        n: usize,
        powers: [&Vec<Number<A>>; 3],
        identity: Option<f64>,
        coefficient: impl Fn(usize) -> f64,
    ) -> Outcome<A, Vec<Number<A>>> {
        let coefficients = [1, 2, 3].map(|i| self.arithmetic.constant(coefficient(i)));
        let mut sum = Vec::with_capacity(n * n);
        let [first, second, third] = powers;
        for (at, ((first, second), third)) in first.iter().zip(second).zip(third).enumerate() {
            let mut entry = self.op(Prim::Mul, &coefficients[2], third)?;
            for (coefficient, power) in [(&coefficients[1], second), (&coefficients[0], first)] {
                let term = self.op(Prim::Mul, coefficient, power)?;
                entry = self.op(Prim::Add, &entry, &term)?;
            }
            if let (Some(identity), true) = (identity, at % (n + 1) == 0) {
                let identity = self.arithmetic.constant(identity);
                entry = self.op(Prim::Add, &entry, &identity)?;
            }
            sum.push(entry);
        }
        Ok(sum)
    }

    fn paired(
        &mut self,
        prim: Prim,
        a: &[Number<A>],
        b: &[Number<A>],
    ) -> Outcome<A, Vec<Number<A>>> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| self.op(prim, a, b)).collect()
    }
}
