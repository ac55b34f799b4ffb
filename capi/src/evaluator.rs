//! Evaluators: one model at many values of some of its inputs.
//!
//! **Invariants**
//! - An evaluator that was in use when something panicked is not used again.
//! - A lane that fails leaves its neighbors the bits that they have without it.

use crate::argument::{given, items, length, room, texts};
use crate::fault::{Fault, OK, Place, answer, make};
use crate::inputs::Inputs;
use crate::limits::Limits;
use crate::model::Model;
use dmci::{Lane as LaneInput, LaneError, LaneMut, Threads};
use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;

pub(crate) struct Evaluator {
    /// None after a panic.
    inner: Option<dmci::Evaluator>,
    text: String,
    varied: usize,
    gradient: usize,
}

/// `dmci_lane`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Lane {
    each: *const f64,
    shared: f64,
}

impl Evaluator {
    /// Does something with the evaluator, which is gone for good if that panics.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut dmci::Evaluator) -> Result<T, dmci::Error>,
    ) -> Result<T, Fault> {
        let Some(mut evaluator) = self.inner.take() else {
            return Err(Fault::internal(
                "this evaluator failed before; make another",
            ));
        };
        let result = work(&mut evaluator);
        self.inner = Some(evaluator);
        result.map_err(|error| Fault::of(&error, &self.text))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluator_new(
    model: Option<&Model>,
    fixed: Option<&Inputs>,
    varied: *const *const c_char,
    varied_count: usize,
    wrt: *const *const c_char,
    wrt_count: usize,
    limits: Option<&Limits>,
    place: Place<'_, Evaluator>,
) -> c_int {
    make(place, || {
        let model = given(model, "the model")?;
        // SAFETY: the header asks for as many names.
        let (varied, wrt) = unsafe {
            (
                texts(varied, varied_count, "the varied names")?,
                texts(wrt, wrt_count, "wrt")?,
            )
        };
        if let Some(twice) = (1..varied.len()).find(|&i| varied[..i].contains(&varied[i])) {
            let message = format!("`{}` varies twice", varied[twice]);
            return Err(Fault::request(message));
        }
        let limits = Limits::from_now(limits);
        let evaluator = model
            .inner
            .evaluator(&Inputs::or_none(fixed), &varied, &wrt, &limits)
            .map_err(|error| model.fault(&error))?;
        Ok(Evaluator {
            text: model.inner.text().to_owned(),
            varied: varied.len(),
            gradient: evaluator.gradient_len(),
            inner: Some(evaluator),
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluator_gradient_length(evaluator: Option<&Evaluator>) -> usize {
    evaluator.map_or(0, |evaluator| evaluator.gradient)
}

/// How many threads a number of the header stands for.
pub(crate) fn threads_of(count: usize) -> Threads {
    match count {
        0 => Threads::ALL,
        _ => Threads::of(count),
    }
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluator_threads(evaluator: Option<&mut Evaluator>, threads: usize) -> c_int {
    answer(|| {
        let evaluator = given(evaluator, "the evaluator")?;
        let threads = threads_of(threads);
        evaluator.with(|evaluator| {
            *evaluator = evaluator.clone().threads(threads);
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluator_value(
    evaluator: Option<&mut Evaluator>,
    inputs: *const f64,
    inputs_count: usize,
    value: Option<&mut MaybeUninit<f64>>,
) -> c_int {
    answer(|| {
        let evaluator = given(evaluator, "the evaluator")?;
        let value = given(value, "the place of the value")?;
        length(inputs_count, evaluator.varied, "the inputs")?;
        // SAFETY: the header asks for as many numbers.
        let inputs = unsafe { items(inputs, inputs_count, "the inputs") }?;
        value.write(evaluator.with(|evaluator| evaluator.value(inputs))?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluator_value_and_gradient(
    evaluator: Option<&mut Evaluator>,
    inputs: *const f64,
    inputs_count: usize,
    value: Option<&mut MaybeUninit<f64>>,
    gradient: *mut f64,
    gradient_length: usize,
) -> c_int {
    answer(|| {
        let evaluator = given(evaluator, "the evaluator")?;
        let value = given(value, "the place of the value")?;
        length(inputs_count, evaluator.varied, "the inputs")?;
        length(gradient_length, evaluator.gradient, "the gradient")?;
        // SAFETY: the header asks for as many numbers, and for as much room.
        let (inputs, gradient) = unsafe {
            (
                items(inputs, inputs_count, "the inputs")?,
                room(gradient, gradient_length, "the gradient")?,
            )
        };
        value.write(evaluator.with(|evaluator| evaluator.value_and_grad(inputs, gradient))?);
        Ok(())
    })
}

/// What varies, in so many lanes.
///
/// # Safety
/// The pointer is NULL or points to as many inputs, and those that are not shared to a number for each
/// lane.
unsafe fn lane_inputs<'a>(
    evaluator: &Evaluator,
    inputs: *const Lane,
    inputs_count: usize,
    lanes: usize,
) -> Result<Vec<LaneInput<'a>>, Fault> {
    length(inputs_count, evaluator.varied, "the inputs")?;
    // SAFETY: the caller's promise.
    let inputs = unsafe { items(inputs, inputs_count, "the inputs") }?;
    let of = |input: &Lane| {
        if input.each.is_null() {
            return Ok(LaneInput::Shared(input.shared));
        }
        // SAFETY: the caller's promise.
        let each = unsafe { items(input.each, lanes, "a lane input") }?;
        Ok(LaneInput::Each(each))
    };
    inputs.iter().map(of).collect()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluator_lanes(
    evaluator: Option<&mut Evaluator>,
    inputs: *const Lane,
    inputs_count: usize,
    lanes: usize,
    values: *mut f64,
    gradients: *mut f64,
    gradients_length: usize,
    statuses: *mut c_int,
) -> c_int {
    answer(|| {
        let evaluator = given(evaluator, "the evaluator")?;
        if !gradients.is_null() || gradients_length > 0 {
            let needed = lanes.saturating_mul(evaluator.gradient);
            length(gradients_length, needed, "the gradients")?;
        }
        // SAFETY: the header asks for as many inputs, and for as much room.
        let (inputs, values, gradients) = unsafe {
            (
                lane_inputs(evaluator, inputs, inputs_count, lanes)?,
                room(values, lanes, "the values")?,
                room(gradients, gradients_length, "the gradients")?,
            )
        };
        let statuses = if statuses.is_null() {
            None
        } else {
            // SAFETY: the header asks for as much room.
            Some(unsafe { room(statuses, lanes, "the statuses") }?)
        };
        if lanes == 0 {
            return Ok(());
        }
        let failed = evaluator.with(|evaluator| {
            let mut values = [LaneMut::Each(values)];
            if gradients.is_empty() {
                return evaluator.values(&inputs, &mut values);
            }
            let columns = gradients.chunks_mut(lanes).map(LaneMut::Each);
            let mut columns: Vec<LaneMut<'_>> = columns.collect();
            evaluator.value_and_vjp(
                &inputs,
                &[LaneInput::Shared(1.0)],
                &mut values,
                &mut columns,
            )
        });
        let failed = match (failed, statuses) {
            (Ok(failed), Some(statuses)) => {
                statuses.fill(OK);
                for LaneError { lane, error } in &failed {
                    statuses[*lane] = Fault::of(error, &evaluator.text).status();
                }
                failed
            }
            (Ok(failed), None) => failed,
            (Err(fault), statuses) => {
                statuses.unwrap_or_default().fill(fault.status());
                return Err(fault);
            }
        };
        match failed.first() {
            Some(first) => Err(Fault::of(&first.error, &evaluator.text)),
            None => Ok(()),
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluator_sum(
    evaluator: Option<&mut Evaluator>,
    inputs: *const Lane,
    inputs_count: usize,
    lanes: usize,
    sum: Option<&mut MaybeUninit<f64>>,
    gradient: *mut f64,
    gradient_length: usize,
) -> c_int {
    answer(|| {
        let evaluator = given(evaluator, "the evaluator")?;
        let sum = given(sum, "the place of the sum")?;
        if !gradient.is_null() || gradient_length > 0 {
            length(gradient_length, evaluator.gradient, "the gradient")?;
        }
        // SAFETY: the header asks for as many inputs, and for as much room.
        let (inputs, gradient) = unsafe {
            (
                lane_inputs(evaluator, inputs, inputs_count, lanes)?,
                room(gradient, gradient_length, "the gradient")?,
            )
        };
        sum.write(evaluator.with(|evaluator| evaluator.sum(&inputs, gradient))?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluator_free(evaluator: Option<Box<Evaluator>>) {
    drop(evaluator);
}
