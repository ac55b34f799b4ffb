//! `Evaluator`: one model at many values of some of its inputs.
//!
//! A model and the names of some inputs go in; values and derivatives at many values of those inputs
//! come out, without looking anything up again: what training loops and batches run.
//!
//! **Invariants**
//! - One thread calls it; batches use the threads that they are told. Paths are the model's, shared with
//!   everyone who runs it.
//! - Nothing is kept from one call to the next but paths: every call computes from its inputs.

use super::error::Error;
use super::{Given, Model};
use crate::error::cut;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::{Variable, columns};
use crate::paths::Workspace;
use crate::paths::batch::{Batch, Terms};
use crate::paths::fuel::Fuel;
use crate::paths::tally::{Special, Tally, Target, Values, Weights};
use crate::paths::weighed::Scratch;
use crate::paths::{self, Miss, Query};
use crate::threads::Threads;
use crate::trace::record::Number;
use crate::trace::routine::lanes::LaneInput;
use crate::trace::routine::{Place, Routine};
use crate::walk::{Budget, EvalError, Limits, Output, Stats};
use crate::walk::{InputValue, RelaxationInputs};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Arc, Mutex};

/// One model at many values of some of its inputs.
///
/// ```
/// use dmci::{Bindings, Interpreter, Lane, Limits, Mode};
///
/// let interpreter = Interpreter::embedded();
/// let model = interpreter.model("(* a (exp (* (- b) x)))")?;
/// let mut decay = model.evaluator(&Bindings::new(), &["a", "b", "x"], &["a", "b"], &Limits::default())?;
///
/// let mut gradient = [0.0; 2];
/// let value = decay.value_and_grad(&[2.0, 0.5, 0.0], &mut gradient)?;
/// assert_eq!((value, gradient), (2.0, [1.0, 0.0]));
///
/// // The sum over many x, and its gradient by what they share.
/// let x = [0.0, 1.0, 2.0];
/// let inputs = [Lane::Shared(2.0), Lane::Shared(0.0), Lane::Each(&x)];
/// let sum = decay.sum(&inputs, &mut gradient)?;
/// assert_eq!((sum, gradient), (6.0, [3.0, -6.0]));
/// # Ok::<(), dmci::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    pub(super) model: Model,
    /// The inputs as the walk takes them; their numbers are those of `numbers`.
    pub(super) asked: Given,
    /// For each number of the varied names the trace's input; none where the program has no use for it.
    pub(super) varied: Vec<Option<u32>>,
    /// The trace's inputs that derivatives are by.
    pub(super) by: Vec<u32>,
    /// For each number of a gradient its place among `by`; none where it is 0.
    pub(super) gradient: Vec<Option<usize>>,
    pub(super) limits: Limits,
    pub(super) terms: Terms,
    /// What it has together with others.
    budget: Option<Budget>,
    /// Who shares the work of batches.
    pub(super) threads: Threads,
    pub(super) workspace: Workspace,
    /// The trace's inputs.
    pub(super) numbers: Vec<f64>,
    pub(super) place: usize,
    run: Option<paths::Run>,
    /// The path that fitted last, compiled for values alone and with derivatives.
    compiled: [Option<Compiled>; 2],
    pub(super) scratch: Scratch,
}

#[derive(Clone, Debug)]
struct Compiled {
    routine: Arc<Routine>,
    output: Place,
}

/// An input of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lane<'a> {
    /// The same for all lanes.
    Shared(f64),
    /// One number for each lane.
    Each(&'a [f64]),
    /// The same, so many numbers apart: a column of a matrix that is written row by row. That of lane
    /// `i` is `numbers[i * stride]`.
    Strided {
        /// From the first lane's number on.
        numbers: &'a [f64],
        /// How far the number of the next lane is.
        stride: usize,
    },
}

impl<'a> Lane<'a> {
    /// For how many lanes there are numbers; none where all share one.
    pub(super) fn lanes(&self) -> Option<usize> {
        match self {
            Self::Shared(_) => None,
            Self::Each(column) => Some(column.len()),
            Self::Strided { numbers, stride } => Some(numbers.len().div_ceil((*stride).max(1))),
        }
    }

    /// As the batches take it.
    pub(super) fn input(self) -> LaneInput<'a> {
        match self {
            Self::Shared(x) => LaneInput::Shared(x),
            Self::Each(column) => LaneInput::Each(column),
            Self::Strided { numbers, stride } => LaneInput::Strided(numbers, stride.max(1)),
        }
    }

    /// Fails unless there are numbers for so many lanes.
    pub(super) fn check(&self, lanes: usize, what: &str, place: usize) -> Result<(), Error> {
        match self {
            Self::Strided { stride: 0, .. } => Err(Error::Request(format!(
                "{what} {place} has numbers 0 apart; lanes need numbers of their own"
            ))),
            lane => match lane.lanes() {
                Some(there) if there != lanes => Err(Error::Request(format!(
                    "{what} {place} has numbers for {there} lanes, others for {lanes}"
                ))),
                _ => Ok(()),
            },
        }
    }
}

impl Model {
    /// Prepares evaluations at many values of the inputs called `varied`, which are numbers, or lists and
    /// arrays where `fixed` says so, whose numbers are then one after the other; all others stay as in
    /// `fixed`. Gradients are by the names of `wrt`: numbers, or lists and arrays of
    /// `fixed`, whose numbers are then one after the other; or literals by their places.
    ///
    /// # Errors
    /// When an input is missing, a name of `wrt` is unknown, or the model is for the reference engine.
    pub fn evaluator(
        &self,
        fixed: &Bindings,
        varied: &[&str],
        wrt: &[&str],
        limits: &Limits,
    ) -> Result<Evaluator, Error> {
        let mut bindings = fixed.clone();
        let mut met = FxHashSet::default();
        for &name in varied {
            if !met.insert(name) {
                let name = cut(name);
                return Err(Error::Request(format!(
                    "`{name}` is varied twice; give it once"
                )));
            }
            if !matches!(fixed.get(name), Some(input) if !matches!(input, Input::Number(_))) {
                bindings.set(name, 0.0);
            }
        }
        let mut workspace = Workspace::new();
        let asked = self.ask(&bindings, Wrt::Names(wrt), &mut workspace)?;
        let mut next = 0;
        let mut gradient = Vec::new();
        for (_, variable) in &asked.wrt {
            match variable {
                Variable::Unused => gradient.push(None),
                Variable::Inputs(_, extent) => {
                    gradient.extend((next..next + extent.size()).map(Some));
                    next += extent.size();
                }
            }
        }
        let varied = varied.iter();
        let varied = varied.flat_map(|name| self.inputs_of(name, &bindings, &asked.given));
        Ok(Evaluator {
            varied: varied.collect(),
            by: columns(&asked.wrt),
            gradient,
            asked: asked.given,
            limits: *limits,
            terms: Terms::default(),
            budget: None,
            threads: self.threads.clone(),
            numbers: std::mem::take(&mut workspace.inputs),
            workspace,
            place: self.inner.paths.last(),
            run: None,
            compiled: [None, None],
            scratch: Scratch::default(),
            model: self.clone(),
        })
    }

    /// Walks the program on the trace's inputs in `workspace.inputs` and keeps its path.
    fn walk_at(
        &self,
        given: &Given,
        query: &Query<'_>,
        miss: Miss,
        workspace: &mut Workspace,
    ) -> Result<paths::Run, Box<EvalError>> {
        let given = given.at(&workspace.inputs);
        let paths = &self.inner.paths;
        self.with_walk(&given, &query.limits, |job| {
            paths::record(paths, query, job, miss, workspace)
        })
    }

    /// Does something with a batch of lanes.
    pub(crate) fn with_batch<T>(
        &self,
        asked: &AskedOfLanes<'_>,
        run: impl FnOnce(&Batch<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check_walks()?;
        if u32::try_from(asked.lanes).is_err() {
            return Err(Error::Request(format!(
                "{} lanes are more than the 2^32 of a batch",
                asked.lanes
            )));
        }
        let given = asked.given;
        let walk = |query: &Query<'_>, workspace: &mut Workspace| {
            self.walk_at(given, query, Miss::OfLanes, workspace)
        };
        run(&Batch {
            paths: &self.inner.paths,
            key: &given.key,
            inputs: asked.inputs,
            lanes: asked.lanes,
            by: asked.by,
            weights: asked.weights,
            limits: *asked.limits,
            walk: &walk,
            values: asked.values,
            threads: asked.threads,
            end: AtomicU32::new(u32::MAX),
            terms: asked.terms,
            fuel: if asked.terms.fuel_for_each {
                Fuel::default()
            } else {
                Fuel::of_lanes(asked.lanes, asked.inputs.len())
            },
            held: AtomicUsize::new(0),
            errors: Mutex::default(),
            late_error: Mutex::default(),
            fails: AtomicBool::new(false),
            alone: AtomicBool::new(false),
            not_numeric: &|stats| self.not_numeric(stats),
        })
    }
}

/// What is asked of a batch of lanes.
pub(crate) struct AskedOfLanes<'a> {
    pub(crate) given: &'a Given,
    /// The trace's inputs.
    pub(crate) inputs: &'a [LaneInput<'a>],
    pub(crate) lanes: usize,
    /// The inputs that derivatives are by, if there are to be any.
    pub(crate) by: Option<&'a [u32]>,
    pub(crate) weights: Option<Weights<'a>>,
    pub(crate) limits: &'a Limits,
    pub(crate) values: Values,
    pub(crate) threads: &'a Threads,
    pub(crate) terms: Terms,
}

impl Given {
    /// The same with other numbers: those of the trace's inputs.
    fn at(&self, numbers: &[f64]) -> Self {
        let at = |x: Number| match x.node.index() {
            Some(index) => Number {
                value: numbers[index as usize],
                ..x
            },
            None => x,
        };
        let all = |items: &[Number]| items.iter().copied().map(at).collect();
        let inputs = self.inputs.iter().map(|input| match input {
            InputValue::Number(x) => InputValue::Number(at(*x)),
            InputValue::List(items) => InputValue::List(all(items)),
            InputValue::Array(shape, items) => InputValue::Array(*shape, all(items)),
            InputValue::Missing => InputValue::Missing,
        });
        Self {
            inputs: inputs.collect(),
            key: self.key.clone(),
            literals: self.literals.clone(),
            relaxation: RelaxationInputs {
                temperature: at(self.relaxation.temperature),
                gumbel_seed: self.relaxation.gumbel_seed.map(at),
                ..self.relaxation
            },
        }
    }
}

impl Evaluator {
    /// How many numbers a gradient has.
    pub fn gradient_len(&self) -> usize {
        self.gradient.len()
    }

    /// The value at the given numbers, in the order of the varied names.
    ///
    /// # Errors
    /// When the program fails or gives no number, or there are not as many numbers as the varied names
    /// have.
    #[inline]
    pub fn value(&mut self, inputs: &[f64]) -> Result<f64, Error> {
        self.number(inputs, None)
    }

    /// The value at the given numbers, in the order of the varied names, and its gradient, in the order
    /// of the names differentiated by.
    ///
    /// # Errors
    /// When the program fails or gives no number, or there are not as many numbers as the varied names
    /// have, or as [`Evaluator::gradient_len`].
    #[inline]
    pub fn value_and_grad(&mut self, inputs: &[f64], gradient: &mut [f64]) -> Result<f64, Error> {
        self.check_gradient(gradient.len())?;
        self.number(inputs, Some(gradient))
    }

    #[inline]
    fn number(&mut self, inputs: &[f64], gradient: Option<&mut [f64]>) -> Result<f64, Error> {
        self.set(inputs)?;
        let (file, limits) = (&mut self.workspace.file, &self.limits);
        if self.limits.deadline.is_none()
            && let Some(Compiled { routine, output }) =
                &self.compiled[usize::from(gradient.is_some())]
            && routine
                .run_until(&self.numbers, file, &|| limits.is_late())
                .is_ok()
        {
            if let Some(gradient) = gradient {
                for (entry, place) in gradient.iter_mut().zip(&self.gradient) {
                    *entry = place.map_or(0.0, |place| file.at(routine.derivatives[place]) + 0.0);
                }
            }
            return Ok(file.at(*output));
        }
        self.number_by_path(gradient)
    }

    /// The same by whatever path fits.
    fn number_by_path(&mut self, gradient: Option<&mut [f64]>) -> Result<f64, Error> {
        let with_gradient = gradient.is_some();
        self.run(self.place, with_gradient)?;
        let Some(run) = &self.run else {
            return Err(no_number());
        };
        let value = run.output.number().ok_or_else(no_number)?;
        if let Some(gradient) = gradient {
            for (entry, place) in gradient.iter_mut().zip(&self.gradient) {
                *entry = place.map_or(0.0, |place| self.workspace.derivatives[place]);
            }
        }
        if let Some(path) = &run.path
            && run.place.is_some()
            // Its code does not tell what it took.
            && self.budget.is_none()
            && path.stays_within(&self.limits)
            && path.constant().is_none()
        {
            let by = with_gradient.then_some(self.by.as_slice());
            let routine = path.routine_of_one(by, &self.limits);
            let compiled = routine.and_then(|routine| {
                let output = *routine.outputs.first()?;
                Some(Compiled { routine, output })
            });
            self.compiled[usize::from(with_gradient)] = compiled;
        }
        Ok(value)
    }

    #[inline]
    fn set(&mut self, inputs: &[f64]) -> Result<(), Error> {
        self.check_inputs(inputs.len())?;
        for (place, &x) in self.varied.iter().zip(inputs) {
            if let Some(index) = place {
                self.numbers[*index as usize] = x;
            }
        }
        Ok(())
    }

    /// Puts what varies over lanes in its places among the trace's inputs.
    pub(super) fn put<'a>(&self, inputs: &[Lane<'a>], all: &mut [LaneInput<'a>]) {
        for (place, input) in self.varied.iter().zip(inputs) {
            if let Some(index) = place {
                all[*index as usize] = input.input();
            }
        }
    }

    #[inline]
    pub(super) fn check_inputs(&self, given: usize) -> Result<(), Error> {
        if given == self.varied.len() {
            Ok(())
        } else {
            Err(wrong_count(
                given,
                "inputs",
                self.varied.len(),
                "numbers of the varied names",
            ))
        }
    }

    #[inline]
    fn check_gradient(&self, given: usize) -> Result<(), Error> {
        if given == self.gradient.len() {
            Ok(())
        } else {
            Err(wrong_count(
                given,
                "numbers",
                self.gradient.len(),
                "numbers of a gradient",
            ))
        }
    }

    /// Runs the model on `numbers`, by the path at the place `likely` if that fits.
    fn run(&mut self, likely: usize, derivatives: bool) -> Result<(), Error> {
        let Self {
            model,
            asked: given,
            by,
            limits,
            budget,
            workspace,
            numbers,
            ..
        } = self;
        workspace.inputs.clone_from(numbers);
        let mut limits = *limits;
        if let Some(budget) = budget {
            limits.fuel = limits.fuel.min(left_of(budget)?);
        }
        let query = Query {
            key: &given.key,
            by: derivatives.then_some(by.as_slice()),
            all_nodes: false,
            rolls: Some(paths::LONG),
            limits,
        };
        model.check_walks()?;
        paths::check_deadline(&limits)?;
        let run = match paths::replay(&model.inner.paths, &query, likely, workspace) {
            Ok(run) => Ok(run),
            Err(miss) => model.walk_at(given, &query, miss, workspace),
        };
        if let Some(budget) = budget {
            match &run {
                Ok(run) => budget.take(run.stats.fuel),
                Err(error) => {
                    budget.take(error.stats.fuel);
                    budget.note(error, &limits);
                }
            }
        }
        let run = run?;
        self.place = run.place.unwrap_or(self.place);
        self.run = Some(run);
        Ok(())
    }

    /// Runs the model at the given numbers.
    pub(crate) fn run_at(&mut self, inputs: &[f64], derivatives: bool) -> Result<(), Error> {
        self.set(inputs)?;
        self.run(self.place, derivatives)
    }

    /// The output of the last run.
    pub(crate) fn output(&self) -> &Output {
        static NOTHING: Output = Output { items: Vec::new() };
        self.run.as_ref().map_or(&NOTHING, |run| &run.output)
    }

    /// The derivatives of all numbers of the last run's output, row-major.
    pub(crate) fn derivatives(&self) -> &[f64] {
        &self.workspace.derivatives
    }

    /// What the last run took.
    pub(crate) fn stats(&self) -> Stats {
        self.run.as_ref().map(|run| run.stats).unwrap_or_default()
    }

    /// Evaluates many lanes: the value of each goes to `values`, and its gradient to `gradients`, one
    /// column of as many numbers for each number of a gradient; or no gradients, if that is empty.
    ///
    /// # Errors
    /// When a lane fails or gives no number: the first one's error; when there are not as many inputs
    /// as the varied names have numbers, or columns have other lengths than `values`.
    pub fn lanes(
        &mut self,
        inputs: &[Lane<'_>],
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Result<(), Error> {
        let lanes = values.len();
        let needed = lanes.saturating_mul(self.gradient.len());
        if !gradients.is_empty() && gradients.len() != needed {
            return Err(wrong_count(
                gradients.len(),
                "numbers",
                needed,
                "derivatives of all lanes",
            ));
        }
        numbers_alone(self.each(inputs, lanes, Values::Number, values, gradients)?).map(|_| ())
    }

    /// Evaluates many lanes that each predict several numbers: `values` takes a column of as many
    /// numbers as there are lanes for each of them, `gradients` for each of them as many columns as
    /// [`Evaluator::gradient_len`]; or no gradients, if that is empty. Gives what it took, and the
    /// first lane whose value is not what it is to be, or whose program fails: what columns hold is
    /// of no use then.
    pub(crate) fn rows(
        &mut self,
        inputs: &[Lane<'_>],
        lanes: usize,
        form: Values,
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Result<(Stats, Option<(usize, Special)>), Error> {
        let tally = self.each(inputs, lanes, form, values, gradients)?;
        Ok((tally.stats, tally.special.into_first()))
    }

    /// The same evaluator with so many threads, or others, for its batches; it begins with those of
    /// its model. One lane is always done by the thread that asks.
    #[must_use]
    pub fn threads(mut self, threads: impl Into<Threads>) -> Self {
        self.threads = threads.into();
        self
    }

    /// The same evaluator with the fuel of its limits for each lane of a batch, and not for all of them
    /// together; what lanes took is told.
    pub(crate) fn fuel_for_each(mut self) -> Self {
        self.terms.fuel_for_each = true;
        self.terms.counts = true;
        self
    }

    /// The same evaluator within what it has together with others, if there is such a thing: in place of the
    /// fuel of each lane, and beside that of one evaluation.
    pub(crate) fn drawing_on(mut self, budget: Option<&Budget>) -> Self {
        self.budget = budget.cloned();
        self.terms.fuel_for_each &= budget.is_none();
        self
    }

    /// Runs lanes, whose numbers and derivatives go to columns.
    fn each(
        &mut self,
        inputs: &[Lane<'_>],
        lanes: usize,
        form: Values,
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Result<Tally, Error> {
        if lanes == 0 {
            self.check_lanes(inputs, lanes)?;
            return Ok(Tally::default());
        }
        let with_gradients = !gradients.is_empty();
        let mut targets: Vec<Target<'_>> = values.chunks_mut(lanes).map(Target::Each).collect();
        if with_gradients {
            let (first, by) = (targets.len(), self.by.len());
            targets.extend((0..first * by).map(|_| Target::Each(&mut [])));
            let mut columns = gradients.chunks_mut(lanes);
            for value in 0..first {
                for place in &self.gradient {
                    match (place, columns.next()) {
                        (Some(place), Some(column)) => {
                            targets[first + value * by + place] = Target::Each(column);
                        }
                        (None, Some(column)) => column.fill(0.0),
                        (_, None) => {}
                    }
                }
            }
        }
        let usual = self.limits;
        if let Some(budget) = &self.budget {
            self.limits.fuel = left_of(budget)?;
        }
        let within = self.limits;
        let tally = self.batch(inputs, lanes, with_gradients, form, |batch, workspace| {
            Ok(batch.each(targets, Vec::new(), &mut workspace.tasks)?)
        });
        self.limits = usual;
        if let (Some(budget), Ok(tally)) = (&self.budget, &tally) {
            budget.take(tally.stats.fuel);
            for (_, special) in tally.special.runs() {
                if let Special::Failed(error) = special {
                    budget.note(error, &within);
                }
            }
        }
        tally
    }

    /// The sum of many lanes' values, and its gradient by names that lanes share; by a name that they
    /// do not, the sum of all lanes' derivatives. Or no gradient, if that is empty. One lane is its own sum.
    ///
    /// # Errors
    /// When a lane fails or gives no number: the first one's error; when no input has a number for
    /// each lane; when there are not as many inputs as the varied names have numbers, or columns have
    /// different lengths.
    pub fn sum(&mut self, inputs: &[Lane<'_>], gradient: &mut [f64]) -> Result<f64, Error> {
        let Some(lanes) = inputs.iter().find_map(Lane::lanes) else {
            return Err(Error::Request("no input has a number for each lane".into()));
        };
        let with_gradient = !gradient.is_empty();
        if with_gradient {
            self.check_gradient(gradient.len())?;
        }
        // One lane is its own sum; where it has none, the error is that of lanes. A budget would count it twice.
        let has_one = |lane: &Lane<'_>| lane.check(1, "input", 0).is_ok();
        if lanes == 1 && self.budget.is_none() && inputs.iter().all(has_one) {
            let one = inputs.iter().map(|lane| lane.input().at(0));
            let one: SmallVec<[f64; 16]> = one.collect();
            let gradient = with_gradient.then_some(&mut *gradient);
            if let Ok(total) = self.number(&one, gradient) {
                return Ok(total + 0.0);
            }
        }
        let mut sums: SmallVec<[f64; 16]> = SmallVec::from_elem(0.0, self.by.len());
        let place = self.place;
        // Derivatives by what lanes do not share are no sums of the quick way.
        let mut own = self.varied.iter().zip(inputs);
        let quick = !with_gradient
            || own.all(|(place, lane)| {
                lane.lanes().is_none() || place.is_none_or(|input| !self.by.contains(&input))
            });
        let number = Values::Number;
        let (total, place) =
            self.batch(inputs, lanes, with_gradient, number, |batch, workspace| {
                let tasks = &mut workspace.tasks;
                let paths = batch.paths;
                if quick && lanes > 0 {
                    let known = paths.load();
                    let mut tried = None;
                    if let Some(place) = known.first_of(batch.key, place) {
                        if let Some(total) = batch.sums_on(&known[place], &mut sums, tasks) {
                            return Ok((total, Some(place)));
                        }
                        tried = Some(place);
                    }
                    drop(known);
                    // All lanes may be on one path still, the first one's.
                    let first = batch.place_of(0)?;
                    if let Some(place) = first.filter(|_| first != tried) {
                        let known = paths.load();
                        if let Some(total) = batch.sums_on(&known[place], &mut sums, tasks) {
                            return Ok((total, Some(place)));
                        }
                    }
                }
                let count = if with_gradient { sums.len() } else { 0 };
                let targets = (0..=count).map(|_| Target::Sum).collect();
                let tally = batch.each(targets, Vec::new(), tasks)?;
                let totals = numbers_alone(tally)?;
                for (sum, &total) in sums.iter_mut().zip(&totals[1..]) {
                    *sum = total + 0.0;
                }
                Ok((totals[0], None))
            })?;
        self.place = place.unwrap_or(self.place);
        if with_gradient {
            for (entry, place) in gradient.iter_mut().zip(&self.gradient) {
                *entry = place.map_or(0.0, |place| sums[place]);
            }
        }
        Ok(total)
    }

    /// Does something with a batch of the given lanes.
    fn batch<T>(
        &mut self,
        inputs: &[Lane<'_>],
        lanes: usize,
        with_derivatives: bool,
        values: Values,
        run: impl FnOnce(&Batch<'_>, &mut Workspace) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check_lanes(inputs, lanes)?;
        let numbers = self.numbers.iter().map(|&x| LaneInput::Shared(x));
        let mut all: SmallVec<[LaneInput<'_>; 16]> = numbers.collect();
        self.put(inputs, &mut all);
        let Self {
            model,
            asked,
            by,
            limits,
            threads,
            terms,
            workspace,
            ..
        } = self;
        let asked = AskedOfLanes {
            terms: *terms,
            given: asked,
            inputs: &all,
            lanes,
            by: with_derivatives.then_some(by.as_slice()),
            weights: None,
            limits,
            values,
            threads,
        };
        model.with_batch(&asked, |batch| run(batch, workspace))
    }

    /// Fails unless there is an input for each varied name, and numbers for so many lanes.
    pub(super) fn check_lanes(&self, inputs: &[Lane<'_>], lanes: usize) -> Result<(), Error> {
        self.check_inputs(inputs.len())?;
        let mut inputs = inputs.iter().enumerate();
        inputs.try_for_each(|(place, input)| input.check(lanes, "input", place))
    }
}

/// The error of a request that has too many of something, or too few.
#[cold]
pub(super) fn wrong_count(given: usize, what: &str, needed: usize, of_what: &str) -> Error {
    Error::Request(format!(
        "as many {what} are wanted as {of_what}: {needed}, not {given}"
    ))
}

/// What is left of what an evaluator has together with others.
fn left_of(budget: &Budget) -> Result<u64, Error> {
    if budget.is_over() {
        return Err(budget.error().into());
    }
    Ok(budget.left())
}

/// The sums of lanes that all gave numbers.
fn numbers_alone(tally: Tally) -> Result<Vec<f64>, Error> {
    match tally.special.into_first() {
        None => Ok(tally.sums),
        Some((_, Special::Failed(error))) => Err(error.into()),
        Some((_, Special::Output(_))) => Err(no_number()),
    }
}

pub(super) fn no_number() -> Error {
    Error::Request("the program's value is no number".into())
}
