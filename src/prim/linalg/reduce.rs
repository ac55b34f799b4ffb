//! Lists, vectors and matrices to a number, and along them: sums, means, order, soft maxima,
//! interpolation.
//!
//! **Invariants**
//! - A list of numbers counts as a vector and may be empty; what goes along it gives a list.
//! - Which number is largest, how numbers are ordered and between which knots a number lies is
//!   decided, so that it is guarded. Which test comes next follows from the outcomes before alone: a
//!   path whose guard fails leads to the path that goes on with the other outcome.
//! - Exponents are shifted by a number that no derivative passes, so derivatives are those of the
//!   unshifted formula.

use super::{Arithmetic, Array, Context, Number, Operand, Outcome, Shape, fail};
use crate::error::Kind;
use crate::prim::Prim;

/// e^x for numbers x, shifted by their largest; or what stands in its way.
enum Exponentials<N> {
    Ordinary {
        shift: N,
        terms: Vec<N>,
    },
    /// All are -inf.
    Vanishing,
    /// Some are +inf: which.
    Exploding(Vec<bool>),
}

impl<A: Arithmetic> Context<'_, A> {
    /// The numbers of a list, vector or matrix.
    fn numbers_of(&self, arg: &Operand<Number<A>>) -> Outcome<A, Vec<Number<A>>> {
        match arg {
            Operand::Array(array) => Ok(array.numbers.clone()),
            Operand::List(items) => items.iter().map(|item| self.number(item)).collect(),
            other => self.wants("a list or vector of numbers", other),
        }
    }

    /// The numbers of a list or vector.
    fn row_of(&self, arg: &Operand<Number<A>>) -> Outcome<A, Vec<Number<A>>> {
        match arg {
            Operand::Array(array) if matches!(array.shape, Shape::Matrix(..)) => {
                self.wants("a list or vector of numbers", arg)
            }
            other => self.numbers_of(other),
        }
    }

    /// Numbers in the form that an argument has: a list, or an array of its shape.
    fn as_given(like: &Operand<Number<A>>, numbers: Vec<Number<A>>) -> Operand<Number<A>> {
        match like {
            Operand::Array(array) => Operand::Array(Array {
                shape: array.shape,
                numbers,
            }),
            _ => Operand::List(numbers.into_iter().map(Operand::Number).collect()),
        }
    }

    fn at_least(&self, least: usize, count: usize) -> Outcome<A, ()> {
        if count >= least {
            return Ok(());
        }
        let wanted = ["", "a number", "two numbers"][least];
        let got = ["none", "one"][count];
        let message = format!("`{}` wants {wanted} or more, got {got}", self.prim);
        fail(Kind::Shape, message)
    }

    /// `sum`, `prod`, `mean`, `variance`, `logsumexp`.
    pub(super) fn reduction(&mut self, arg: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let numbers = self.numbers_of(arg)?;
        let count = numbers.len();
        match self.prim {
            Prim::Mean => self.at_least(1, count)?,
            Prim::Variance => self.at_least(2, count)?,
            _ => {}
        }
        let operations = match self.prim {
            Prim::Variance => 4,
            Prim::Logsumexp => 12,
            _ => 1,
        };
        self.arithmetic
            .reserve(count.saturating_mul(operations), 0)?;
        let number = match self.prim {
            Prim::Sum | Prim::Prod if count == 0 => {
                let empty = if self.prim == Prim::Sum { 0.0 } else { 1.0 };
                self.arithmetic.constant(empty)
            }
            Prim::Sum => self.sum(&numbers)?,
            Prim::Prod => self.fold(Prim::Mul, &numbers)?,
            Prim::Mean => self.mean(&numbers)?,
            Prim::Variance => {
                let mean = self.mean(&numbers)?;
                let mut squares = Vec::with_capacity(count);
                for number in &numbers {
                    let deviation = self.op(Prim::Sub, number, &mean)?;
                    squares.push(self.op(Prim::Mul, &deviation, &deviation)?);
                }
                let sum = self.sum(&squares)?;
                let freedom = self.arithmetic.constant((count - 1) as f64);
                self.op(Prim::Div, &sum, &freedom)?
            }
            _ => self.logsumexp(&numbers)?,
        };
        Ok(Operand::Number(number))
    }

    fn fold(&mut self, prim: Prim, numbers: &[Number<A>]) -> Outcome<A, Number<A>> {
        let mut result = numbers[0].clone();
        for number in &numbers[1..] {
            result = self.op(prim, &result, number)?;
        }
        Ok(result)
    }

    fn mean(&mut self, numbers: &[Number<A>]) -> Outcome<A, Number<A>> {
        let sum = self.sum(numbers)?;
        let count = self.arithmetic.constant(numbers.len() as f64);
        self.op(Prim::Div, &sum, &count)
    }

    /// `argmax`, `cumsum`, `sort`, `softmax`.
    pub(super) fn along(&mut self, arg: &Operand<Number<A>>) -> Outcome<A, Operand<Number<A>>> {
        let numbers = self.row_of(arg)?;
        let count = numbers.len();
        match self.prim {
            Prim::Argmax => {
                self.at_least(1, count)?;
                self.arithmetic.reserve(2 * count, 0)?;
                Ok(Operand::Index(self.largest(&numbers)?))
            }
            Prim::Sort => {
                let comparisons = count.saturating_mul(count.max(1).ilog2() as usize + 1);
                self.arithmetic.reserve(comparisons, 2 * count)?;
                Ok(Operand::Order(self.order(&numbers)?))
            }
            Prim::Cumsum => {
                self.arithmetic.reserve(count, 2 * count)?;
                let mut sums: Vec<Number<A>> = Vec::with_capacity(count);
                for number in &numbers {
                    let next = match sums.last() {
                        None => number.clone(),
                        Some(sum) => self.op(Prim::Add, sum, number)?,
                    };
                    sums.push(next);
                }
                Ok(Self::as_given(arg, sums))
            }
            _ => {
                self.arithmetic
                    .reserve(count.saturating_mul(5), 2 * count)?;
                let shares = self.softmax(&numbers)?;
                Ok(Self::as_given(arg, shares))
            }
        }
    }

    // ---- order -------------------------------------------------------------------------------

    fn holds(&mut self, test: Prim, a: &Number<A>, b: &Number<A>) -> Outcome<A, bool> {
        let test = self.op(test, a, b)?;
        Ok(self.arithmetic.decide(&test)?)
    }

    fn is_nan(&mut self, number: &Number<A>) -> Outcome<A, bool> {
        Ok(!self.holds(Prim::NumEq, number, number)?)
    }

    /// The index of the first largest number; the first NaN if there is one.
    fn largest(&mut self, numbers: &[Number<A>]) -> Outcome<A, usize> {
        let mut at = 0;
        if self.is_nan(&numbers[0])? {
            return Ok(0);
        }
        for (index, number) in numbers.iter().enumerate().skip(1) {
            // The largest so far is a number, so a test that fails means larger or NaN.
            if self.holds(Prim::Le, number, &numbers[at])? {
                continue;
            }
            at = index;
            if self.is_nan(number)? {
                break;
            }
        }
        Ok(at)
    }

    /// The order in which numbers ascend; equal ones keep theirs, NaN comes last. Runs are merged, and
    /// each test follows from the outcomes before it, as paths want it.
    fn order(&mut self, numbers: &[Number<A>]) -> Outcome<A, Vec<usize>> {
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        let mut run = 1;
        while run < order.len() {
            let mut merged = Vec::with_capacity(order.len());
            for pair in order.chunks(2 * run) {
                let (mut left, mut right) = pair.split_at(run.min(pair.len()));
                while let (&[i, ref after_i @ ..], &[j, ref after_j @ ..]) = (left, right) {
                    if self.stays_before(&numbers[i], &numbers[j])? {
                        merged.push(i);
                        left = after_i;
                    } else {
                        merged.push(j);
                        right = after_j;
                    }
                }
                merged.extend_from_slice(left);
                merged.extend_from_slice(right);
            }
            order = merged;
            run *= 2;
        }
        Ok(order)
    }

    /// Whether a number stays before one that comes after it.
    fn stays_before(&mut self, a: &Number<A>, b: &Number<A>) -> Outcome<A, bool> {
        if self.holds(Prim::Le, a, b)? {
            return Ok(true);
        }
        if self.holds(Prim::Lt, b, a)? {
            return Ok(false);
        }
        // One is NaN: the first goes behind the second, unless that is NaN, too.
        Ok(!self.is_nan(a)? || self.is_nan(b)?)
    }

    // ---- soft maxima -------------------------------------------------------------------------

    fn exponentials(&mut self, numbers: &[Number<A>]) -> Outcome<A, Exponentials<Number<A>>> {
        let largest = self.fold(Prim::Max, numbers)?;
        let size = self.op(Prim::Abs, &largest, &largest)?;
        let infinity = self.arithmetic.constant(f64::INFINITY);
        if self.holds(Prim::NumEq, &size, &infinity)? {
            if !self.holds(Prim::NumEq, &largest, &infinity)? {
                return Ok(Exponentials::Vanishing);
            }
            let which: Outcome<A, Vec<bool>> = numbers
                .iter()
                .map(|number| self.holds(Prim::NumEq, number, &infinity))
                .collect();
            return Ok(Exponentials::Exploding(which?));
        }
        let shift = self.op(Prim::Detach, &largest, &largest)?;
        let mut terms = Vec::with_capacity(numbers.len());
        for number in numbers {
            let exponent = self.op(Prim::Sub, number, &shift)?;
            terms.push(self.op(Prim::Exp, &exponent, &exponent)?);
        }
        Ok(Exponentials::Ordinary { shift, terms })
    }

    fn logsumexp(&mut self, numbers: &[Number<A>]) -> Outcome<A, Number<A>> {
        match numbers {
            [] => return Ok(self.arithmetic.constant(f64::NEG_INFINITY)),
            [number] => return Ok(number.clone()),
            _ => {}
        }
        match self.exponentials(numbers)? {
            Exponentials::Vanishing => Ok(self.arithmetic.constant(f64::NEG_INFINITY)),
            Exponentials::Exploding(which) => {
                let exploding = numbers.iter().zip(which).filter(|(_, is)| *is);
                let exploding: Vec<Number<A>> = exploding.map(|(n, _)| n.clone()).collect();
                self.mean(&exploding)
            }
            Exponentials::Ordinary { shift, terms } => {
                let (sum, lost) = self.exact_sum(&terms)?;
                // log(sum + lost) = log sum + lost / sum, as far as a double can tell: where one term
                // is far above the others, all of these may be in what was lost.
                let lost = self.op(Prim::Div, &lost, &sum)?;
                let lost = self.op(Prim::Detach, &lost, &lost)?;
                let log = self.op(Prim::Ln, &sum, &sum)?;
                let log = self.op(Prim::Add, &log, &lost)?;
                self.op(Prim::Add, &log, &shift)
            }
        }
    }

    /// A sum as [`Context::sum`] gives it, and what its roundings have lost: the error of each
    /// addition is a double, which six operations find (Knuth, The Art of Computer Programming, 4.2.2).
    fn exact_sum(&mut self, terms: &[Number<A>]) -> Outcome<A, (Number<A>, Number<A>)> {
        let mut sum = terms[0].clone();
        let mut lost = self.arithmetic.constant(0.0);
        for term in &terms[1..] {
            let next = self.op(Prim::Add, &sum, term)?;
            let taken = self.op(Prim::Sub, &next, &sum)?;
            let kept = self.op(Prim::Sub, &next, &taken)?;
            let of_sum = self.op(Prim::Sub, &sum, &kept)?;
            let of_term = self.op(Prim::Sub, term, &taken)?;
            let error = self.op(Prim::Add, &of_sum, &of_term)?;
            lost = self.op(Prim::Add, &lost, &error)?;
            sum = next;
        }
        Ok((sum, lost))
    }

    fn softmax(&mut self, numbers: &[Number<A>]) -> Outcome<A, Vec<Number<A>>> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        match self.exponentials(numbers)? {
            Exponentials::Vanishing => {
                // NaN, and so are the derivatives.
                let nan = self.arithmetic.constant(f64::NAN);
                let sum = self.sum(numbers)?;
                let share = self.op(Prim::Mul, &sum, &nan)?;
                Ok(vec![share; numbers.len()])
            }
            Exponentials::Exploding(which) => {
                let count = which.iter().filter(|is| **is).count();
                let [share, zero] = [1.0 / count as f64, 0.0].map(|x| self.arithmetic.constant(x));
                let shares = which.into_iter();
                Ok(shares
                    .map(|is| if is { share.clone() } else { zero.clone() })
                    .collect())
            }
            Exponentials::Ordinary { terms, .. } => {
                let sum = self.sum(&terms)?;
                let shares = terms.iter().map(|term| self.op(Prim::Div, term, &sum));
                shares.collect()
            }
        }
    }

    // ---- interpolation -----------------------------------------------------------------------

    pub(super) fn interp(
        &mut self,
        x: &Operand<Number<A>>,
        knots: &Operand<Number<A>>,
        values: &Operand<Number<A>>,
        beyond: Option<&Operand<Number<A>>>,
    ) -> Outcome<A, Operand<Number<A>>> {
        let points = match x {
            Operand::Number(number) => vec![number.clone()],
            Operand::Array(_) | Operand::List(_) => self.numbers_of(x)?,
            other => return self.wants("a number, list or vector first", other),
        };
        let (knots, values) = (self.row_of(knots)?, self.row_of(values)?);
        let linear = match beyond {
            None => false,
            Some(Operand::Symbol(name)) if name == "constant" => false,
            Some(Operand::Symbol(name)) if name == "linear" => true,
            Some(Operand::Symbol(name)) => {
                let message = format!("`interp` goes on 'constant or 'linear, not '{name}");
                return fail(Kind::Type, message);
            }
            Some(other) => return self.wants("'constant or 'linear last", other),
        };
        if knots.len() != values.len() {
            let message = format!(
                "`interp` wants a value for each knot, got {} knots and {} values",
                knots.len(),
                values.len()
            );
            return fail(Kind::Shape, message);
        }
        let least = if linear { 2 } else { 1 };
        if knots.len() < least {
            let wanted = ["", "a knot", "two knots"][least];
            let message = format!("`interp` wants {wanted} or more, got {}", knots.len());
            return fail(Kind::Shape, message);
        }
        let steps = points
            .len()
            .saturating_mul(12 + knots.len().ilog2() as usize);
        self.arithmetic
            .reserve(steps.saturating_add(knots.len()), 2 * points.len())?;
        for pair in knots.windows(2) {
            if !self.holds(Prim::Lt, &pair[0], &pair[1])? {
                let [first, second] = [0, 1].map(|i| self.arithmetic.value(&pair[i]));
                let message =
                    format!("`interp` wants knots that increase, got {second} after {first}");
                return fail(Kind::Type, message);
            }
        }
        let found: Outcome<A, Vec<Number<A>>> = points
            .iter()
            .map(|point| self.interpolated(point, &knots, &values, linear))
            .collect();
        let mut found = found?;
        Ok(match (x, found.pop()) {
            (Operand::Number(_), Some(number)) => Operand::Number(number),
            (_, last) => {
                found.extend(last);
                Self::as_given(x, found)
            }
        })
    }

    /// A piece reaches from its knot up to the next, which is not part of it.
    fn interpolated(
        &mut self,
        x: &Number<A>,
        knots: &[Number<A>],
        values: &[Number<A>],
        linear: bool,
    ) -> Outcome<A, Number<A>> {
        let last = knots.len() - 1;
        // Among how many knots below or at x the number of those is, halved by each test.
        let (mut below, mut most) = (0, knots.len());
        while below < most {
            let middle = usize::midpoint(below, most);
            if self.holds(Prim::Le, &knots[middle], x)? {
                below = middle + 1;
            } else {
                most = middle;
            }
        }
        if below == 0 && self.is_nan(x)? {
            let nan = self.arithmetic.constant(f64::NAN);
            return self.op(Prim::Mul, x, &nan);
        }
        // The knot that the line is counted from, and the piece that gives its slope.
        let (base, piece) = match below {
            0 => (0, 0),
            n if n > last => (last, last.saturating_sub(1)),
            n => (n - 1, n - 1),
        };
        if (below == 0 || below > last) && !linear {
            return Ok(values[base].clone());
        }
        let rise = self.op(Prim::Sub, &values[piece + 1], &values[piece])?;
        let run = self.op(Prim::Sub, &knots[piece + 1], &knots[piece])?;
        let slope = self.op(Prim::Div, &rise, &run)?;
        let distance = self.op(Prim::Sub, x, &knots[base])?;
        let step = self.op(Prim::Mul, &slope, &distance)?;
        self.op(Prim::Add, &values[base], &step)
    }
}
