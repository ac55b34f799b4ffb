//! Calls: what runs where each element of the broadcast shape is a lane.
//!
//! Arguments that broadcast go in, with a plan; arrays of values and derivatives come out.
//!
//! **Invariants**
//! - The interpreter lock is not held while many lanes run.
//! - Arguments that share a lane's number get the sum of its derivatives; those with a number for each lane
//!   get each one's own.
//! - What is answered does not depend on earlier calls.

use crate::answer::{array, dims, value, zeros};
use crate::error::{of_lane, request};
use crate::inputs::{Argument, Broadcast, Form, Part, gathered, part};
use crate::interrupt::interruptible;
use crate::model::Model;
use crate::plan::{Asked, Plan, Watch};
use dmci::{Bindings, Error, Item, Kind, Lane, LaneError, LaneMut, Limits, Workspace, Wrt};
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};
use smallvec::SmallVec;

/// From so many lanes on the interpreter lock is given up.
const MANY: usize = 64;

impl Model {
    /// One evaluation of anything.
    pub(crate) fn evaluate(
        &self,
        py: Python<'_>,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        lane: Option<usize>,
    ) -> PyResult<dmci::Evaluation> {
        let evaluation = self.once(py, bindings, wrt, &self.options.limits);
        evaluation.map_err(|error| of_lane(py, &error, self.model.text(), lane))
    }

    fn once(
        &self,
        py: Python<'_>,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
    ) -> Result<dmci::Evaluation, Error> {
        py.detach(|| {
            self.model
                .evaluate(bindings, wrt, limits, &mut Workspace::new())
        })
    }

    /// The axes of a lane's value; none where it holds more than numbers.
    fn dims(&self, py: Python<'_>, call: &Call<'_, '_>) -> PyResult<Option<Vec<usize>>> {
        let mut left = self.options.limits;
        for lane in 0..call.count() {
            let bindings = of_lane_at(call.arguments, &call.inputs, lane);
            // How long one takes is not known yet.
            let (answer, is_interrupted) = interruptible(py, |flag| {
                let limits = left.interrupt(flag);
                self.model
                    .evaluate(&bindings, Wrt::Nothing, &limits, &mut Workspace::new())
            })?;
            if is_interrupted {
                return Err(PyKeyboardInterrupt::new_err(()));
            }
            match answer {
                Ok(evaluation) if evaluation.value.is_numeric() => {
                    return Ok(Some(dims(&evaluation.value)));
                }
                Ok(_) => return Ok(None),
                Err(error) if !self.options.nan => {
                    return Err(of_lane(py, &error, self.model.text(), Some(lane)));
                }
                Err(Error::Eval(error)) => {
                    left = left.fuel(left.fuel.saturating_sub(error.stats.fuel));
                }
                Err(_) => {}
            }
            py.check_signals()?;
            if left.fuel == 0 {
                break;
            }
        }
        // No lane: nobody knows. No lane works: NaN for each.
        Ok(Some(Vec::new()))
    }

    /// Lanes that failed, as an error, unless they are to be NaN.
    pub(crate) fn check(
        &self,
        py: Python<'_>,
        failed: &[LaneError],
        is_lanes: bool,
    ) -> PyResult<()> {
        match failed.first() {
            Some(LaneError { lane, error }) if !self.options.nan => {
                let lane = is_lanes.then_some(*lane);
                Err(of_lane(py, error, self.model.text(), lane))
            }
            _ => Ok(()),
        }
    }

    /// Does something with a call's lanes, with the axes that a lane's value has, which are looked at again
    /// where values turn out to be others: what is answered does not depend on earlier calls.
    pub(crate) fn with_dims<T>(
        &self,
        py: Python<'_>,
        plan: &mut Plan,
        call: &Call<'_, '_>,
        mut run: impl FnMut(&mut Plan, &[usize]) -> Result<(T, Vec<LaneError>), Error>,
    ) -> PyResult<(T, Vec<LaneError>)> {
        let mut is_old = true;
        loop {
            let dims = if let Some(dims) = plan.dims.take() {
                dims
            } else {
                is_old = false;
                self.dims(py, call)?.ok_or_else(|| not_numbers(py))?
            };
            let answer = run(plan, &dims);
            plan.watch.check()?;
            match answer {
                Ok((_, failed)) if is_old && failed.iter().any(|lane| is_request(&lane.error)) => {}
                Ok(answer) => {
                    plan.dims = Some(dims);
                    return Ok(answer);
                }
                Err(error) if is_old && is_request(&error) => {}
                Err(error) => return Err(self.raise(py, &error)),
            }
        }
    }

    /// The values of lanes.
    pub(crate) fn values<'py>(
        &self,
        py: Python<'py>,
        plan: &mut Plan,
        call: &Call<'_, '_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if plan.dims.is_none() && call.count() > 0 {
            match self.dims(py, call)? {
                Some(dims) => plan.dims = Some(dims),
                None => return self.truths(py, call),
            }
        }
        let (values, failed) = self.with_dims(py, plan, call, |plan, dims| {
            let (values, numbers) = zeros(py, call.shaped(dims, &[]));
            let width = dims.iter().product();
            if numbers.is_empty() {
                return Ok((values, Vec::new()));
            }
            let mut rows = [rows(numbers, width, width)];
            let Plan {
                evaluator, watch, ..
            } = plan;
            let inputs = &call.inputs;
            let failed = call.outside(py, watch, || evaluator.values(inputs, &mut rows))?;
            Ok((values, failed))
        })?;
        self.check(py, &failed, true)?;
        Ok(values.into_any())
    }

    /// The values of lanes that are #t or #f.
    fn truths<'py>(&self, py: Python<'py>, call: &Call<'_, '_>) -> PyResult<Bound<'py, PyAny>> {
        let mut truths = Vec::with_capacity(call.count());
        let mut left = self.options.limits;
        for lane in 0..call.count() {
            let bindings = of_lane_at(call.arguments, &call.inputs, lane);
            let evaluation = self.once(py, &bindings, Wrt::Nothing, &left);
            let evaluation =
                evaluation.map_err(|error| of_lane(py, &error, self.model.text(), Some(lane)))?;
            left = left.fuel(left.fuel.saturating_sub(evaluation.stats.fuel));
            if lane % 64 == 63 {
                py.check_signals()?;
            }
            match evaluation.value.items() {
                [Item::Bool(truth)] => truths.push(*truth),
                _ => return Err(not_numbers(py)),
            }
        }
        let truths = PyArray1::from_vec(py, truths);
        Ok(truths.reshape(&call.broadcast.shape[..])?.into_any())
    }

    /// The values of lanes and the derivatives of each number of each.
    pub(crate) fn jacobians<'py>(
        &self,
        py: Python<'py>,
        plan: &mut Plan,
        call: &Call<'_, '_>,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>)> {
        let ((values, all), failed) = self.with_dims(py, plan, call, |plan, dims| {
            let count: usize = dims.iter().product();
            let (values, numbers) = zeros(py, call.shaped(dims, &[]));
            let mut all = Vec::with_capacity(plan.wrt.len());
            let mut rest = Vec::with_capacity(plan.wrt.len());
            for (_, form, _) in &plan.wrt {
                let (array, numbers) = zeros(py, call.shaped(dims, &form.dims()));
                all.push(array.into_any());
                rest.push((numbers, form.width()));
            }
            if numbers.is_empty() {
                return Ok(((values, all), Vec::new()));
            }
            let Plan {
                evaluator, watch, ..
            } = plan;
            let inputs = &call.inputs;
            let failed = call.outside(py, watch, || {
                let mut failed = Vec::new();
                let mut cotangents = vec![Lane::Shared(0.0); count];
                for at in 0..count {
                    cotangents[at] = Lane::Shared(1.0);
                    let mut grads: SmallVec<[LaneMut<'_>; 8]> = rest
                        .iter_mut()
                        .filter(|(_, width)| *width > 0)
                        .map(|(numbers, width)| {
                            rows(&mut numbers[at * *width..], *width, count * *width)
                        })
                        .collect();
                    if at == 0 {
                        let values = &mut [rows(numbers, count, count)];
                        failed =
                            evaluator.value_and_vjp(inputs, &cotangents, values, &mut grads)?;
                    } else {
                        evaluator.vjp(inputs, &cotangents, &mut grads)?;
                    }
                    cotangents[at] = Lane::Shared(0.0);
                }
                Ok::<_, Error>(failed)
            })?;
            Ok(((values, all), failed))
        })?;
        self.check(py, &failed, call.is_lanes)?;
        Ok((values.into_any(), all))
    }

    /// What is summed over lanes for arguments that share it, in the arguments' shapes: derivatives weighted
    /// by cotangents, or second derivatives times a direction.
    pub(crate) fn products<'py>(
        &self,
        py: Python<'py>,
        plan: &mut Plan,
        call: &Call<'_, '_>,
        run: impl FnMut(&mut Plan, &[usize], &mut [LaneMut<'_>]) -> Result<Vec<LaneError>, Error>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut run = run;
        let shape = &call.broadcast.shape;
        let (goals, failed) = self.with_dims(py, plan, call, |plan, dims| {
            let mut goals: Vec<Goal<'py>> = plan
                .wrt
                .iter()
                .map(|(_, form, at)| Goal::of(py, call, *form, *at))
                .collect();
            if call.count() == 0 {
                return Ok((goals, Vec::new()));
            }
            let mut grads: Vec<LaneMut<'_>> = goals
                .iter_mut()
                .filter(|goal| goal.width > 0)
                .map(|goal| match (&mut goal.spread, goal.part) {
                    (Some(spread), _) => rows(spread, goal.width, goal.width),
                    (None, Part::Each) => rows(goal.numbers, goal.width, goal.width),
                    (None, _) => LaneMut::Sums(goal.numbers),
                })
                .collect();
            let failed = run(plan, dims, &mut grads)?;
            Ok((goals, failed))
        })?;
        self.check(py, &failed, call.is_lanes)?;
        Ok(goals
            .into_iter()
            .map(|mut goal| {
                if let Some(spread) = goal.spread.take() {
                    // A lane that failed is left out, as of other sums.
                    let spread: Vec<f64> = if failed.is_empty() {
                        spread
                    } else {
                        let mut spread = spread;
                        for LaneError { lane, .. } in &failed {
                            spread[lane * goal.width..][..goal.width].fill(0.0);
                        }
                        spread
                    };
                    gathered(&spread, &goal.lead, shape, goal.width, goal.numbers);
                }
                goal.answer(py)
            })
            .collect())
    }

    /// Answers by names, or without where one name was asked for.
    pub(crate) fn by_name<'py>(
        py: Python<'py>,
        plan: &Plan,
        asked: &Asked<'_, '_>,
        answers: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if asked.is_bare()
            && let [answer] = &answers[..]
        {
            return Ok(answer.clone());
        }
        let all = PyDict::new(py);
        for ((name, _, _), answer) in plan.wrt.iter().zip(answers) {
            all.set_item(name, answer)?;
        }
        Ok(all.into_any())
    }

    /// Value and derivatives of one lane of anything.
    pub(crate) fn one<'py>(
        &self,
        py: Python<'py>,
        plan: &Plan,
        bindings: &Bindings,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>)> {
        let names: Vec<&str> = plan.wrt.iter().map(|(name, ..)| name.as_str()).collect();
        let wrt = if names.is_empty() {
            Wrt::Nothing
        } else {
            Wrt::Names(&names)
        };
        let evaluation = self.evaluate(py, bindings, wrt, None)?;
        let of_value = dims(&evaluation.value);
        let derivatives = plan.wrt.iter().map(|(name, form, _)| {
            let numbers = evaluation.gradient.jacobian(name).unwrap_or_default();
            let shape = [of_value.clone(), form.dims()].concat();
            match (&shape[..], numbers) {
                ([], [x]) => Ok(PyFloat::new(py, *x).into_any()),
                _ => array(py, &shape, numbers.to_vec()),
            }
        });
        let derivatives: Vec<_> = derivatives.collect::<PyResult<_>>()?;
        Ok((value(py, &evaluation.value)?, derivatives))
    }
}

/// A call's arguments, broadcast.
pub(crate) struct Call<'a, 'py> {
    arguments: &'a [Argument<'py>],
    broadcast: &'a Broadcast,
    pub(crate) inputs: Vec<Lane<'a>>,
    /// Whether the answer has an axis.
    pub(crate) is_lanes: bool,
}

impl<'a, 'py> Call<'a, 'py> {
    pub(crate) fn new(arguments: &'a [Argument<'py>], broadcast: &'a Broadcast) -> Self {
        Self {
            arguments,
            broadcast,
            inputs: broadcast.lanes(arguments),
            is_lanes: !broadcast.shape.is_empty(),
        }
    }

    fn count(&self) -> usize {
        self.broadcast.lanes
    }

    /// The axes of lanes, then others.
    pub(crate) fn shaped(&self, dims: &[usize], more: &[usize]) -> Vec<usize> {
        [&self.broadcast.shape, dims, more].concat()
    }

    /// Runs something without the interpreter lock, where that is worth it.
    pub(crate) fn outside<T: Send>(
        &self,
        py: Python<'_>,
        watch: &mut Watch,
        run: impl FnOnce() -> T + Send,
    ) -> T {
        if self.count() < MANY {
            run()
        } else {
            watch.run(py, self.count(), run)
        }
    }
}

/// Where derivatives in an argument's shape go.
struct Goal<'py> {
    array: Bound<'py, PyArrayDyn<f64>>,
    numbers: &'py mut [f64],
    /// Those of every lane, where the argument has some axes only.
    spread: Option<Vec<f64>>,
    lead: Vec<usize>,
    part: Part,
    width: usize,
}

impl<'py> Goal<'py> {
    fn of(py: Python<'py>, call: &Call<'_, '_>, form: Form, at: Option<usize>) -> Self {
        let lead = at.map_or_else(Vec::new, |at| call.arguments[at].lead.clone());
        let width = form.width();
        let (array, numbers) = zeros(py, [lead.clone(), form.dims()].concat());
        let part = match part(&lead, &call.broadcast.shape) {
            // Alone, it is its own lane.
            Part::Shared if !call.is_lanes => Part::Each,
            part => part,
        };
        let spread = (part == Part::Some).then(|| vec![0.0; call.count() * width]);
        Self {
            array,
            numbers,
            spread,
            lead,
            part,
            width,
        }
    }

    /// A float, or the array.
    fn answer(self, py: Python<'py>) -> Bound<'py, PyAny> {
        let is_number = self.lead.is_empty() && self.array.ndim() == 0;
        match (is_number, &*self.numbers) {
            (true, [x]) => PyFloat::new(py, *x).into_any(),
            _ => self.array.into_any(),
        }
    }
}

/// The error of what only numbers can be asked.
fn not_numbers(py: Python<'_>) -> PyErr {
    request(
        py,
        "the program's value holds more than numbers, and arrays and derivatives are of numbers; \
         call it with one value for each input",
    )
}

/// The inputs of one lane.
pub(crate) fn of_lane_at(arguments: &[Argument<'_>], lanes: &[Lane<'_>], lane: usize) -> Bindings {
    let mut lanes = lanes.iter();
    let mut bindings = Bindings::new();
    for argument in arguments {
        let numbers: Vec<f64> = lanes
            .by_ref()
            .take(argument.form.width())
            .map(|input| match *input {
                Lane::Shared(x) => x,
                Lane::Each(numbers) => numbers[lane],
                Lane::Strided { numbers, stride } => numbers[lane * stride],
            })
            .collect();
        bindings.set(argument.name.to_string(), argument.form.input(&numbers));
    }
    bindings
}

/// Whether values are not what was asked for.
fn is_request(error: &Error) -> bool {
    error.kind() == Kind::Request
}

/// Room for so many numbers of each lane.
fn rows(numbers: &mut [f64], width: usize, stride: usize) -> LaneMut<'_> {
    match (width, stride) {
        (1, 1) => LaneMut::Each(numbers),
        _ => LaneMut::Rows {
            numbers,
            width,
            stride,
        },
    }
}
