//! `soft-choice` and `soft-if`: blends instead of branches, as operations of the trace.
//!
//! Numbers, weights and the caller's relaxation go in; a float comes out, whose derivatives are those
//! of the operations recorded.
//!
//! **Invariants**
//! - Shares come from exponents shifted by the largest, so none overflows and the largest is exact;
//!   the shift cancels, and no derivative passes it.
//! - Noise is drawn in the order of options, one number each, and never inside a fork: a trace of both
//!   arms would not know how many numbers were drawn before.

use super::fork::{float, number};
use super::reasons::Unjoined;
use super::{Outcome, Stop, Walk};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::value::{Tag, Value};
use crate::trace::record::Number;

impl Walk<'_> {
    /// `(soft-if a b then else)` on four staged arguments: s·then + (1-s)·else, where
    /// s = sigmoid((b - a) / temperature).
    pub(super) fn soft_if(&mut self, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        for at in top..top + 2 {
            self.need_number(Prim::SoftIf, self.stack[at], site)?;
        }
        let [a, b] = [0, 1].map(|i| number(self.stack[top + i]));
        let (shape, options) = self.options(Prim::SoftIf, top + 2, 2, site)?;
        let gap = self.operation(Prim::Sub, b, a)?;
        let steep = self.operation(Prim::Div, gap, self.relaxation.temperature)?;
        let share = self.operation(Prim::Sigmoid, steep, steep)?;
        let rest = self.operation(Prim::Sub, Number::constant(1.0), share)?;
        let blend = self.blend(&[share, rest], &options)?;
        self.shaped(shape, blend)
    }

    /// `(soft-choice (e1 e2 …) weights)` on staged options and, last, their weights: the sum of
    /// options by their shares, softmax(weights / temperature).
    pub(super) fn soft_choice(&mut self, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let count = count - 1;
        let (shape, options) = self.options(Prim::SoftChoice, top, count, site)?;
        let mut logits = self.weights(self.stack[top + count], count, site)?;
        for logit in &mut logits {
            if let Some(seed) = self.relaxation.gumbel_seed {
                if !self.forks.open.is_empty() {
                    // What is drawn later must not depend on an arm that a replay may not take.
                    return Err(Stop::fork(Unjoined::Noise, site));
                }
                let noise =
                    self.operation(Prim::Gumbel, seed, Number::constant(self.drawn as f64))?;
                self.drawn += 1;
                *logit = self.operation(Prim::Add, *logit, noise)?;
            }
            *logit = self.operation(Prim::Div, *logit, self.relaxation.temperature)?;
        }
        let (mut largest, mut chosen) = (logits[0], options[0].clone());
        for (&logit, option) in logits.iter().zip(&options).skip(1) {
            if self.relaxation.hard {
                let better = self.operation(Prim::Gt, logit, largest)?;
                for (chosen, &number) in chosen.iter_mut().zip(option) {
                    *chosen = self.pick(better, number, *chosen)?;
                }
            }
            largest = self.operation(Prim::Max, largest, logit)?;
        }
        let shift = self.operation(Prim::Detach, largest, largest)?;
        let mut total = None;
        for logit in &mut logits {
            let shifted = self.operation(Prim::Sub, *logit, shift)?;
            *logit = self.operation(Prim::Exp, shifted, shifted)?;
            total = Some(match total {
                Some(total) => self.operation(Prim::Add, total, *logit)?,
                None => *logit,
            });
        }
        let total = total.unwrap_or(Number::constant(1.0));
        for part in &mut logits {
            *part = self.operation(Prim::Div, *part, total)?;
        }
        let mut blend = self.blend(&logits, &options)?;
        if self.relaxation.hard {
            for (soft, chosen) in blend.iter_mut().zip(chosen) {
                let held = self.operation(Prim::Detach, chosen, chosen)?;
                *soft = self.operation(Prim::StraightThrough, held, *soft)?;
            }
        }
        self.shaped(shape, blend)
    }

    /// How many numbers of noise were drawn, or, set back to what an earlier call said, the same again.
    pub(super) fn drawn(&mut self, count: usize, site: u32) -> Outcome<Value> {
        if self.relaxation.gumbel_seed.is_none() {
            return Ok(Value::bool(false));
        }
        if count == 1 {
            let earlier = self.stack[self.at.top as usize];
            let is_count = earlier.tag == Tag::Int && number(earlier).node.is_none();
            // A file may say anything; what is drawn is counted up from here.
            if !is_count || !(0.0..=self.drawn as f64).contains(&earlier.number()) {
                return self.misused(Prim::Drawn);
            }
            let drawn = earlier.number() as u64;
            if drawn != self.drawn && !self.forks.open.is_empty() {
                // A fork that is given up does not undo it.
                return Err(Stop::fork(Unjoined::Noise, site));
            }
            self.drawn = drawn;
        }
        Ok(Value::int(self.drawn as f64))
    }

    /// The numbers of some staged options: all are numbers, or all arrays of one shape.
    fn options(
        &mut self,
        prim: Prim,
        from: usize,
        count: usize,
        site: u32,
    ) -> Outcome<(Option<Shape>, Vec<Vec<Number>>)> {
        let mut first = None;
        let mut options = Vec::with_capacity(count);
        for at in from..from + count {
            let option = self.stack[at];
            let shape = if option.tag == Tag::Vector {
                Some(self.heap.shape(option))
            } else {
                self.need_number(prim, option, site)?;
                None
            };
            let first = *first.get_or_insert(shape);
            if shape != first {
                return self.fail(Kind::Shape, site, differ(prim, first, shape));
            }
            let size = shape.map_or(1, Shape::size);
            self.account(size, site)?;
            self.room(size)?;
            options.push(match shape {
                Some(_) => self.numbers_of(option),
                None => vec![number(option)],
            });
        }
        Ok((first.flatten(), options))
    }

    /// The sums of the options' numbers by the shares.
    fn blend(&mut self, shares: &[Number], options: &[Vec<Number>]) -> Outcome<Vec<Number>> {
        let mut blend = Vec::with_capacity(options[0].len());
        for at in 0..options[0].len() {
            let mut sum = self.operation(Prim::Mul, shares[0], options[0][at])?;
            for (&share, option) in shares.iter().zip(options).skip(1) {
                let term = self.operation(Prim::Mul, share, option[at])?;
                sum = self.operation(Prim::Add, sum, term)?;
            }
            blend.push(sum);
        }
        Ok(blend)
    }

    fn shaped(&mut self, shape: Option<Shape>, numbers: Vec<Number>) -> Outcome<Value> {
        self.room(numbers.len())?;
        Ok(match shape {
            None => float(numbers[0]),
            Some(shape) => self.heap.array(shape, numbers.into_iter().map(float)),
        })
    }

    /// The numbers of a vector or list of weights, one an option.
    fn weights(&mut self, list: Value, options: usize, site: u32) -> Outcome<Vec<Number>> {
        if list.tag == Tag::Vector
            && let Shape::Vector(given) = self.heap.shape(list)
        {
            if given == options {
                return Ok(self.numbers_of(list));
            }
            return self.fail(Kind::Shape, site, counts(options, given));
        }
        let mut weights = Vec::with_capacity(options);
        let mut rest = list;
        while rest.tag == Tag::Pair && weights.len() < options {
            let weight = self.heap.car(rest);
            self.need_number(Prim::SoftChoice, weight, site)?;
            weights.push(number(weight));
            rest = self.heap.cdr(rest);
        }
        if weights.len() == options && rest.is_nil() {
            return Ok(weights);
        }
        let (kind, message) = match self.heap.list_length(list) {
            Some(given) => (Kind::Shape, counts(options, given)),
            None => (Kind::Type, wants_weights(list.kind())),
        };
        self.fail(kind, site, message)
    }

    /// The first of two numbers where a test holds, else the second: neither branch nor guard.
    pub(super) fn pick(
        &mut self,
        test: Number,
        then: Number,
        otherwise: Number,
    ) -> Outcome<Number> {
        if test.node.is_none() {
            return Ok(if test.value == 0.0 { otherwise } else { then });
        }
        let picked = self.recorder.select(test, then, otherwise, 0);
        if !self.forks.open.is_empty() {
            self.spend(1)?;
        }
        Ok(picked)
    }
}

/// What is said of options and weights that do not match.
pub(crate) fn counts(options: usize, weights: usize) -> String {
    format!("`soft-choice` has {options} options and {weights} weights; give one each")
}

/// What is said of options of different shapes; none is a number.
pub(crate) fn differ(prim: Prim, first: Option<Shape>, other: Option<Shape>) -> String {
    let text = |shape: Option<Shape>| shape.map_or("a number".to_owned(), |s| s.to_string());
    format!(
        "`{prim}` blends values of one shape, got {} and {}",
        text(first),
        text(other)
    )
}

/// What is said of weights that are none.
pub(crate) fn wants_weights(kind: &str) -> String {
    format!("`soft-choice` wants a vector or list of weights, got {kind}")
}
