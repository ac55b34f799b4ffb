//! Derivatives of many lanes weighted by cotangents, values of several numbers, and Hessians times
//! directions, all in the caller's buffers.
//!
//! Inputs, cotangents and directions go in as [`Lane`]s, borrowed; results go to [`LaneMut`]s. Each
//! derivative is summed over lanes or written lane by lane, as its buffer says.
//!
//! **Invariants**
//! - A lane that fails fails alone: it is told with its error, its places hold NaN, and sums are those
//!   of the others.
//! - Sums are trees over the lanes in their order: the same bits on any number of threads.
//! - On one thread, with one path for all lanes, a second call of the same form allocates nothing.
//! - Lengths that do not fit are errors, told before anything runs.

use super::error::Error;
use super::evaluator::{AskedOfLanes, Evaluator, Lane, wrong_count};
use crate::paths::tally::{Goals, Special, Specials, Target, Values, WeightKind, Weights};
use crate::trace::routine::lanes::{ColumnAt, LaneInput};
use crate::walk::Output;
use std::fmt;

/// Where what lanes come to goes: one or more of the numbers that each lane has.
#[derive(Debug, PartialEq)]
pub enum LaneMut<'a> {
    /// For as many numbers as there is room: the sum of each over all lanes.
    Sums(&'a mut [f64]),
    /// One number for each lane, of one.
    Each(&'a mut [f64]),
    /// Several numbers of each lane, one after the other, as in a matrix with a row for each lane:
    /// those of lane `i` are `width` numbers from `numbers[i * stride]` on.
    Rows {
        /// From the first lane's first number on.
        numbers: &'a mut [f64],
        /// How many numbers of a lane there are.
        width: usize,
        /// How far the first number of the next lane is, `width` at least.
        stride: usize,
    },
}

/// A lane that came to nothing, and why.
#[derive(Clone, Debug)]
pub struct LaneError {
    /// Which lane, from 0.
    pub lane: usize,
    /// What failed in it.
    pub error: Error,
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {}: {}", self.lane, self.error)
    }
}

impl std::error::Error for LaneError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl LaneMut<'_> {
    /// How many of a lane's numbers go here.
    fn width(&self) -> usize {
        match self {
            Self::Sums(sums) => sums.len(),
            Self::Each(_) => 1,
            Self::Rows { width, .. } => *width,
        }
    }

    /// For how many lanes there is room; none where they are summed.
    fn lanes(&self) -> Option<usize> {
        match self {
            Self::Sums(_) => None,
            Self::Each(column) => Some(column.len()),
            Self::Rows {
                numbers, stride, ..
            } => Some(numbers.len().div_ceil((*stride).max(1))),
        }
    }

    /// Fails unless there is room for so many lanes, and for no more.
    fn check(&self, lanes: usize, what: &str, place: usize) -> Result<(), Error> {
        if let Self::Rows {
            numbers,
            width,
            stride,
        } = self
        {
            if *width == 0 || stride < width {
                return Err(Error::Request(format!(
                    "{what} {place} has rows of {width} numbers, {stride} apart; rows have one or \
                     more, and do not overlap"
                )));
            }
            // The last row need not be followed by what lies between rows.
            let last = numbers.len().checked_rem(*stride);
            if last.is_some_and(|rest| rest != 0 && rest < *width) {
                return Err(Error::Request(format!(
                    "{what} {place} ends {} numbers into a row of {width}",
                    last.unwrap_or(0)
                )));
            }
        }
        match self.lanes() {
            Some(there) if there != lanes => Err(Error::Request(format!(
                "{what} {place} has room for {there} lanes, and there are {lanes}"
            ))),
            _ => Ok(()),
        }
    }

    fn sums(&mut self) -> &mut [f64] {
        match self {
            Self::Sums(sums) => sums,
            Self::Each(_) | Self::Rows { .. } => &mut [],
        }
    }

    /// Fills a lane's places.
    fn fill(&mut self, lane: usize, x: f64) {
        match self {
            Self::Sums(_) => {}
            Self::Each(column) => column[lane] = x,
            Self::Rows {
                numbers,
                width,
                stride,
            } => numbers[lane * *stride..][..*width].fill(x),
        }
    }
}

/// What is asked of lanes.
struct Question<'q, 'a, 'v, 'd> {
    inputs: &'q [Lane<'a>],
    kind: WeightKind,
    /// A cotangent for each number of a value, or the direction's number for each one of a gradient.
    weights: &'q [Lane<'a>],
    /// How many numbers a value has.
    count: usize,
    values: Option<&'q mut [LaneMut<'v>]>,
    derivatives: Option<&'q mut [LaneMut<'d>]>,
}

/// The same, its lengths checked.
#[derive(Clone, Copy)]
struct Form {
    lanes: usize,
    kind: WeightKind,
    is_derived: bool,
    with_values: bool,
    count: usize,
}

impl Evaluator {
    /// The derivatives of many lanes, each lane's weighted by its cotangents: with `n` numbers
    /// `f[0] … f[n-1]` in the value of a lane and `x[j]` what derivatives are by,
    ///
    /// ```text
    /// g[j] = sum over k of cotangents[k] df[k]/dx[j]
    /// ```
    ///
    /// goes to `grads`, lane by lane or summed over all lanes. Where `x[j]` is shared by all lanes the
    /// sum is the gradient by it; where each lane has its own, the column is.
    ///
    /// A value is a number, or a list, vector or matrix, nested or not, of `n` numbers in the order
    /// they are written; there is a cotangent for each. `grads` have as many numbers of a lane as
    /// [`Evaluator::gradient_len`], in that order. It takes one sweep through the program whatever `n`
    /// is; on one thread, and where all lanes take one path, it allocates nothing from the second call
    /// on.
    ///
    /// A cotangent that is 0 contributes nothing at all, even where a derivative is infinite. With
    /// cotangents of 1 a lane's column has the bits of [`Evaluator::value_and_grad`].
    ///
    /// Gives the lanes that failed, in order: their places hold NaN, and sums leave them out.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Lane, LaneMut, Limits};
    ///
    /// let model = Interpreter::embedded().model("(list (* a x) (* x x))")?;
    /// let mut pair = model.evaluator(&Bindings::new(), &["a", "x"], &["a", "x"], &Limits::default())?;
    ///
    /// let x = [1.0, 2.0, 3.0];
    /// let inputs = [Lane::Shared(10.0), Lane::Each(&x)];
    /// // Those of a lane beside each other: of `(* a x)`, then of `(* x x)`.
    /// let ct = [1.0, 0.0, 1.0, 1.0, 0.0, 2.0];
    /// let cotangents = [0, 1].map(|k| Lane::Strided { numbers: &ct[k..], stride: 2 });
    ///
    /// let (mut by_a, mut by_x) = ([0.0], [0.0; 3]);
    /// let mut grads = [LaneMut::Sums(&mut by_a), LaneMut::Each(&mut by_x)];
    /// let failed = pair.vjp(&inputs, &cotangents, &mut grads)?;
    /// assert!(failed.is_empty());
    /// assert_eq!(by_a, [1.0 + 2.0]); // x where the first cotangent is 1
    /// assert_eq!(by_x, [10.0, 10.0 + 4.0, 2.0 * 6.0]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are not as many inputs as the varied names have numbers, or as many numbers in
    /// `grads` as in a gradient; when no input, cotangent or gradient has a number for each lane, or they have numbers
    /// for different lanes; when no lane's value has as many numbers as there are cotangents; when time
    /// runs out.
    pub fn vjp(
        &mut self,
        inputs: &[Lane<'_>],
        cotangents: &[Lane<'_>],
        grads: &mut [LaneMut<'_>],
    ) -> Result<Vec<LaneError>, Error> {
        self.answer(Question {
            inputs,
            kind: WeightKind::Cotangents,
            weights: cotangents,
            count: cotangents.len(),
            values: None,
            derivatives: Some(grads),
        })
    }

    /// As [`Evaluator::vjp`], and the numbers of the lanes' values besides, as
    /// [`Evaluator::values`] gives them: for cotangents that do not depend on values.
    ///
    /// # Errors
    /// As [`Evaluator::vjp`]; when `values` have not as many numbers of a lane as there are cotangents.
    pub fn value_and_vjp(
        &mut self,
        inputs: &[Lane<'_>],
        cotangents: &[Lane<'_>],
        values: &mut [LaneMut<'_>],
        grads: &mut [LaneMut<'_>],
    ) -> Result<Vec<LaneError>, Error> {
        let there: usize = total(values)?;
        if there != cotangents.len() {
            let cotangents = cotangents.len();
            return Err(wrong_count(
                there,
                "numbers of values",
                cotangents,
                "cotangents",
            ));
        }
        self.answer(Question {
            inputs,
            kind: WeightKind::Cotangents,
            weights: cotangents,
            count: there,
            values: Some(values),
            derivatives: Some(grads),
        })
    }

    /// The values of many lanes, each of as many numbers as there is room for in `values`: a number, or
    /// a list, vector or matrix, nested or not, in the order its numbers are written.
    ///
    /// Gives the lanes that failed, or had another value, in order: their places hold NaN, and sums
    /// leave them out.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Lane, LaneMut, Limits};
    ///
    /// let model = Interpreter::embedded().model("(if (< x 0) (error \"below\" x) (vec x (sqrt x)))")?;
    /// let mut roots = model.evaluator(&Bindings::new(), &["x"], &[], &Limits::default())?;
    /// let (x, mut matrix) = ([1.0, -1.0, 4.0], [0.0; 6]);
    /// let rows = LaneMut::Rows { numbers: &mut matrix, width: 2, stride: 2 };
    /// let failed = roots.values(&[Lane::Each(&x)], &mut [rows])?;
    /// assert_eq!((failed.len(), failed[0].lane), (1, 1));
    /// assert_eq!((&matrix[..2], &matrix[4..]), (&[1.0, 1.0][..], &[4.0, 2.0][..]));
    /// assert!(matrix[2].is_nan() && matrix[3].is_nan());
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are not as many inputs as the varied names have numbers; when neither an input nor
    /// `values` have a number for each lane, or they have numbers for different lanes; when no lane's value has as many
    /// numbers as there is room for; when time runs out.
    pub fn values(
        &mut self,
        inputs: &[Lane<'_>],
        values: &mut [LaneMut<'_>],
    ) -> Result<Vec<LaneError>, Error> {
        let count = total(values)?;
        self.answer(Question {
            inputs,
            kind: WeightKind::Cotangents,
            weights: &[],
            count,
            values: Some(values),
            derivatives: None,
        })
    }

    /// The Hessian of each lane's value, which is one number, times the lane's direction:
    ///
    /// ```text
    /// p[i] = sum over j of d²f/dx[i]dx[j] directions[j]
    /// ```
    ///
    /// goes to `products`, lane by lane or summed over all lanes. Where what lanes share is given one
    /// number as its direction and summed, and what lanes have each for itself a column of either, that
    /// is the Hessian of the sum of all lanes' values times the direction of all of these together.
    /// Directions and products have as many numbers of a lane as [`Evaluator::gradient_len`].
    ///
    /// It is as [`Model::hvp`](crate::Model::hvp) for each lane. Gives the lanes that failed, in order,
    /// as [`Evaluator::vjp`] does.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Lane, LaneMut, Limits};
    ///
    /// let model = Interpreter::embedded().model("(* a x x)")?;
    /// let mut product = model.evaluator(&Bindings::new(), &["a", "x"], &["a", "x"], &Limits::default())?;
    /// let x = [1.0, 2.0];
    /// let (mut by_a, mut by_x) = ([0.0], [0.0; 2]);
    /// product.hvp(
    ///     &[Lane::Shared(3.0), Lane::Each(&x)],
    ///     &[Lane::Shared(1.0), Lane::Each(&[0.0, 1.0])],
    ///     &mut [LaneMut::Sums(&mut by_a), LaneMut::Each(&mut by_x)],
    /// )?;
    /// assert_eq!(by_a, [2.0 * 2.0]); // d²f/dadx = 2x, of the lane whose x moves
    /// assert_eq!(by_x, [2.0, 4.0 + 2.0 * 3.0]); // and d²f/dx² = 2a
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are not as many inputs as the varied names have numbers, or as many directions or
    /// products as numbers of a gradient; when lanes differ in number as with [`Evaluator::vjp`]; when no lane's value is a
    /// number; when time runs out.
    pub fn hvp(
        &mut self,
        inputs: &[Lane<'_>],
        directions: &[Lane<'_>],
        products: &mut [LaneMut<'_>],
    ) -> Result<Vec<LaneError>, Error> {
        if directions.len() != self.gradient.len() {
            let of_what = "numbers of a gradient";
            let needed = self.gradient.len();
            return Err(wrong_count(directions.len(), "directions", needed, of_what));
        }
        self.answer(Question {
            inputs,
            kind: WeightKind::Direction,
            weights: directions,
            count: 1,
            values: None,
            derivatives: Some(products),
        })
    }

    fn answer(&mut self, question: Question<'_, '_, '_, '_>) -> Result<Vec<LaneError>, Error> {
        let lanes = self.check_question(&question)?;
        let Question {
            inputs,
            kind,
            weights,
            count,
            values,
            derivatives,
        } = question;
        let with_values = values.is_some();
        let values = values.unwrap_or_default();
        let derivatives = derivatives.unwrap_or_default();
        let is_derived = !derivatives.is_empty() && !self.by.is_empty();
        let mut failed = Vec::new();
        self.scratch.sums.clear();
        if lanes > 0 {
            let (mut all, mut goals) = self.scratch.take();
            self.collect_inputs(inputs, kind, weights, is_derived, &mut all);
            let mut number = |at: Option<ColumnAt>, _: &mut [f64]| goals.values.push(at);
            place(values, &mut goals.buffers, &mut goals.strides, &mut number);
            let mut places = self.gradient.iter();
            let mut number = |at: Option<ColumnAt>, buffer: &mut [f64]| match places.next() {
                Some(Some(_)) => goals.derivatives.push(at),
                _ => {
                    if let Some(at) = at {
                        let column = buffer.iter_mut().skip(at.first).step_by(at.stride);
                        column.for_each(|x| *x = 0.0);
                    }
                }
            };
            place(
                derivatives,
                &mut goals.buffers,
                &mut goals.strides,
                &mut number,
            );
            let form = Form {
                lanes,
                kind,
                is_derived,
                with_values,
                count,
            };
            let answer = self.run_lanes(form, &all, &mut goals);
            self.scratch.keep(all, goals);
            failed = answer?;
        }
        let mut sums = self.scratch.sums.iter().copied();
        for entry in values.iter_mut() {
            for sum in entry.sums() {
                *sum = sums.next().unwrap_or(0.0);
            }
        }
        let mut places = self.gradient.iter();
        for entry in derivatives.iter_mut() {
            let width = entry.width();
            let of_entry = places.by_ref().take(width);
            for (place, sum) in of_entry.zip(entry.sums()) {
                *sum = place.and_then(|_| sums.next()).unwrap_or(0.0);
            }
        }
        for LaneError { lane, .. } in &failed {
            for entry in values.iter_mut() {
                entry.fill(*lane, f64::NAN);
            }
            for entry in derivatives.iter_mut() {
                entry.fill(*lane, f64::NAN);
            }
        }
        Ok(failed)
    }

    /// How many lanes there are; fails where lengths do not fit.
    fn check_question(&self, question: &Question<'_, '_, '_, '_>) -> Result<usize, Error> {
        let Question {
            inputs,
            kind,
            weights,
            values,
            derivatives,
            ..
        } = question;
        self.check_inputs(inputs.len())?;
        let values = values.as_deref().unwrap_or_default();
        let with_derivatives = derivatives.is_some();
        let derivatives = derivatives.as_deref().unwrap_or_default();
        let lanes = inputs.iter().chain(*weights).find_map(Lane::lanes);
        let room = || {
            values
                .iter()
                .chain(derivatives.iter())
                .find_map(LaneMut::lanes)
        };
        let Some(lanes) = lanes.or_else(room) else {
            return Err(Error::Request("nothing has a number for each lane".into()));
        };
        self.check_lanes(inputs, lanes)?;
        let weight = match kind {
            WeightKind::Cotangents => "cotangent",
            WeightKind::Direction => "direction",
        };
        for (place, lane) in weights.iter().enumerate() {
            lane.check(lanes, weight, place)?;
        }
        for (place, entry) in values.iter().enumerate() {
            entry.check(lanes, "value", place)?;
        }
        for (place, entry) in derivatives.iter().enumerate() {
            entry.check(lanes, "derivative", place)?;
        }
        let (there, needed) = (total(derivatives)?, self.gradient.len());
        if with_derivatives && there != needed {
            let of_what = "numbers of a gradient";
            return Err(wrong_count(there, "derivatives", needed, of_what));
        }
        Ok(lanes)
    }

    /// The trace's inputs, and after them the weights that matter.
    fn collect_inputs<'a>(
        &self,
        inputs: &[Lane<'a>],
        kind: WeightKind,
        weights: &[Lane<'a>],
        is_derived: bool,
        all: &mut Vec<LaneInput<'a>>,
    ) {
        all.extend(self.numbers.iter().map(|&x| LaneInput::Shared(x)));
        self.put(inputs, all);
        match kind {
            _ if !is_derived => {}
            WeightKind::Cotangents => all.extend(weights.iter().map(|lane| lane.input())),
            WeightKind::Direction => {
                let used = self.gradient.iter().zip(weights);
                all.extend(used.filter_map(|(place, lane)| place.map(|_| lane.input())));
            }
        }
    }

    /// Runs lanes; sums are in `scratch.sums` afterwards.
    fn run_lanes(
        &mut self,
        form: Form,
        all: &[LaneInput<'_>],
        goals: &mut Goals<'_>,
    ) -> Result<Vec<LaneError>, Error> {
        let Form {
            lanes,
            kind,
            is_derived,
            with_values,
            count,
        } = form;
        let Self {
            model,
            asked,
            by,
            limits,
            threads,
            terms,
            workspace,
            numbers,
            place,
            scratch,
            ..
        } = self;
        let asked = AskedOfLanes {
            given: asked,
            inputs: &all[..numbers.len()],
            lanes,
            by: is_derived.then_some(by.as_slice()),
            weights: Some(Weights {
                kind,
                all,
                values: with_values,
            }),
            limits,
            values: Values::Flat(count),
            threads,
            terms: *terms,
        };
        let tasks = &mut workspace.tasks;
        let special = model.with_batch(&asked, |batch| {
            let (wishes, sums) = (&mut scratch.wishes, &mut scratch.sums);
            let known = batch.paths.load();
            let mut tried = None;
            if let Some(at) = known.first_of(batch.key, *place) {
                if batch.on_one_path(&known[at], goals, wishes, sums, tasks)? {
                    *place = at;
                    return Ok(Specials::default());
                }
                tried = Some(at);
            }
            drop(known);
            // All lanes may be on one path still, the first one's; where that fails, others may not.
            let first = batch.place_of(0).unwrap_or_default();
            if let Some(at) = first.filter(|_| first != tried) {
                let known = batch.paths.load();
                if batch.on_one_path(&known[at], goals, wishes, sums, tasks)? {
                    *place = at;
                    return Ok(Specials::default());
                }
            }
            let target = |goal: &Option<ColumnAt>| goal.map_or(Target::Sum, Target::At);
            let targets = goals.values.iter().chain(&goals.derivatives).map(target);
            let buffers = goals.buffers.iter_mut().zip(&goals.strides);
            let buffers = buffers.map(|(buffer, &stride)| (&mut **buffer, stride));
            let tally = batch.each(targets.collect(), buffers.collect(), tasks)?;
            sums.clear();
            let of_values = goals.values.iter().filter(|goal| goal.is_none()).count();
            // Derivatives are never -0.
            let zeros = (0..).map(|index| if index < of_values { -0.0 } else { 0.0 });
            sums.extend(tally.sums.iter().zip(zeros).map(|(sum, zero)| sum + zero));
            Ok(tally.special)
        })?;
        let all_differ = special.len() == lanes
            && special
                .runs()
                .all(|(_, special)| matches!(special, Special::Output(_)));
        let mut failed = Vec::with_capacity(special.len());
        for (lanes, special) in special.into_runs() {
            let error = match special {
                Special::Failed(error) => Error::from(error),
                Special::Output(output) => another_value(&output, kind, count),
            };
            if all_differ {
                return Err(error);
            }
            failed.extend(lanes.map(|lane| {
                let error = error.clone();
                LaneError { lane, error }
            }));
        }
        Ok(failed)
    }
}

/// How many numbers of a lane there is room for.
fn total(entries: &[LaneMut<'_>]) -> Result<usize, Error> {
    let widths = entries.iter().map(LaneMut::width);
    let total = widths.fold(0, usize::saturating_add);
    // Each number has a place of its own.
    if u32::try_from(total).is_err() {
        return Err(Error::Request(format!(
            "{total} numbers of a lane are too many"
        )));
    }
    Ok(total)
}

/// Puts entries among the buffers, and tells of each number of a lane where it goes, none where it is
/// summed, with the buffer.
fn place<'g>(
    entries: &'g mut [LaneMut<'_>],
    buffers: &mut Vec<&'g mut [f64]>,
    strides: &mut Vec<usize>,
    number: &mut dyn FnMut(Option<ColumnAt>, &mut [f64]),
) {
    for entry in entries {
        let (numbers, width, stride) = match entry {
            LaneMut::Sums(sums) => {
                (0..sums.len()).for_each(|_| number(None, &mut []));
                continue;
            }
            LaneMut::Each(column) => (&mut **column, 1, 1),
            LaneMut::Rows {
                numbers,
                width,
                stride,
            } => (&mut **numbers, *width, *stride),
        };
        let buffer = buffers.len();
        for first in 0..width {
            let at = ColumnAt {
                buffer,
                first,
                stride,
            };
            number(Some(at), numbers);
        }
        buffers.push(numbers);
        strides.push(stride);
    }
}

/// The error of a lane whose value is not what it is to be.
fn another_value(output: &Output, kind: WeightKind, count: usize) -> Error {
    let needed = match kind {
        WeightKind::Direction => "one number has second derivatives".to_owned(),
        WeightKind::Cotangents => format!("{count} are asked for"),
    };
    Error::Request(if output.is_numeric() {
        format!(
            "the program's value has {} numbers, and {needed}",
            output.numbers().count()
        )
    } else {
        format!("the program's value holds more than numbers, of which {needed}")
    })
}
