//! Models, and evaluations one at a time.
//!
//! **Invariants**
//! - A model may be used by several threads at once: each call takes a workspace of its own from those
//!   the model keeps. One that was in use when something panicked does not come back.

use crate::argument::{given, room, text, texts};
use crate::fault::{Fault, Place, answer, c_text, make};
use crate::inputs::Inputs;
use crate::interpreter::Interpreter;
use crate::limits::Limits;
use dmci::{Evaluation as Evaluated, Mode, Workspace, Wrt};
use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) struct Model {
    pub(crate) inner: dmci::Model,
    inputs: Vec<CString>,
    params: Vec<(CString, f64)>,
    workspaces: Mutex<Vec<Workspace>>,
}

impl Model {
    pub(crate) fn fault(&self, error: &dmci::Error) -> Fault {
        Fault::of(error, self.inner.text())
    }

    fn evaluate(
        &self,
        inputs: Option<&Inputs>,
        wrt: &[&str],
        limits: Option<&Limits>,
    ) -> Result<Evaluated, Fault> {
        let workspaces = || {
            self.workspaces
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let workspace = workspaces().pop();
        let mut workspace = workspace.unwrap_or_default();
        let asked = if wrt.is_empty() {
            Wrt::Nothing
        } else {
            Wrt::Names(wrt)
        };
        let none = Inputs::default();
        let bindings = &inputs.unwrap_or(&none).bindings;
        let limits = Limits::from_now(limits);
        let result = self
            .inner
            .evaluate(bindings, asked, &limits, &mut workspace);
        workspaces().push(workspace);
        result.map_err(|error| self.fault(&error))
    }
}

/// The mode that a number of the header stands for.
pub(crate) fn mode_of(number: c_int) -> Result<Mode, Fault> {
    match number {
        0 => Ok(Mode::Interpreter),
        1 => Ok(Mode::Direct),
        2 => Ok(Mode::Nested),
        _ => Err(Fault::usage(format!("{number} is no mode"))),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_model_new(
    interpreter: Option<&Interpreter>,
    program: *const c_char,
    inputs: Option<&Inputs>,
    mode: c_int,
    place: Place<'_, Model>,
) -> c_int {
    make(place, || {
        let interpreter = &given(interpreter, "the interpreter")?.interpreter;
        // SAFETY: the header asks for a text.
        let program = unsafe { text(program, "the program") }?;
        let mode = mode_of(mode)?;
        let model = interpreter
            .model_for(program, &Inputs::or_none(inputs), mode)
            .map_err(|error| Fault::of(&error, program))?;
        let params = model.params().iter();
        Ok(Model {
            inputs: model.inputs().iter().map(|name| c_text(name)).collect(),
            params: params.map(|p| (c_text(&p.name), p.init)).collect(),
            workspaces: Mutex::default(),
            inner: model,
        })
    })
}

/// A name of a list, NULL past its end.
fn name(names: Option<&[CString]>, index: usize) -> *const c_char {
    let name = names.and_then(|names| names.get(index));
    name.map_or(ptr::null(), |name| name.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_input_count(model: Option<&Model>) -> usize {
    model.map_or(0, |model| model.inputs.len())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_input_name(model: Option<&Model>, index: usize) -> *const c_char {
    name(model.map(|model| model.inputs.as_slice()), index)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_param_count(model: Option<&Model>) -> usize {
    model.map_or(0, |model| model.params.len())
}

fn param(model: Option<&Model>, index: usize) -> Option<&(CString, f64)> {
    model.and_then(|model| model.params.get(index))
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_param_name(model: Option<&Model>, index: usize) -> *const c_char {
    param(model, index).map_or(ptr::null(), |(name, _)| name.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_param_initial(model: Option<&Model>, index: usize) -> f64 {
    param(model, index).map_or(f64::NAN, |(_, initial)| *initial)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_model_free(model: Option<Box<Model>>) {
    drop(model);
}

// ---- evaluations -----------------------------------------------------------------------------

pub(crate) struct Evaluation {
    inner: Evaluated,
    numbers: usize,
    text: OnceLock<CString>,
}

/// The number that a value is.
fn number(evaluation: &Evaluated) -> Result<f64, Fault> {
    let number = evaluation.value.number();
    number.ok_or_else(|| Fault::request("the program's value is no number; use dmci_evaluate"))
}

#[unsafe(no_mangle)]
extern "C" fn dmci_value(
    model: Option<&Model>,
    inputs: Option<&Inputs>,
    limits: Option<&Limits>,
    value: Option<&mut MaybeUninit<f64>>,
) -> c_int {
    answer(|| {
        let model = given(model, "the model")?;
        let value = given(value, "the place of the value")?;
        value.write(number(&model.evaluate(inputs, &[], limits)?)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_value_and_gradient(
    model: Option<&Model>,
    inputs: Option<&Inputs>,
    wrt: *const *const c_char,
    wrt_count: usize,
    limits: Option<&Limits>,
    value: Option<&mut MaybeUninit<f64>>,
    gradient: *mut f64,
    gradient_length: usize,
) -> c_int {
    answer(|| {
        let model = given(model, "the model")?;
        let value = given(value, "the place of the value")?;
        // SAFETY: the header asks for as many names, and for as much room.
        let (wrt, gradient) = unsafe {
            (
                texts(wrt, wrt_count, "wrt")?,
                room(gradient, gradient_length, "the gradient")?,
            )
        };
        let evaluation = model.evaluate(inputs, &wrt, limits)?;
        let number = number(&evaluation)?;
        let derivatives = || {
            let of = |name| evaluation.gradient.jacobian(name).unwrap_or_default();
            wrt.iter().flat_map(move |name| of(name)).copied()
        };
        crate::argument::length(gradient_length, derivatives().count(), "the gradient")?;
        value.write(number);
        for (entry, derivative) in gradient.iter_mut().zip(derivatives()) {
            *entry = derivative;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluate(
    model: Option<&Model>,
    inputs: Option<&Inputs>,
    wrt: *const *const c_char,
    wrt_count: usize,
    limits: Option<&Limits>,
    place: Place<'_, Evaluation>,
) -> c_int {
    make(place, || {
        let model = given(model, "the model")?;
        // SAFETY: the header asks for as many names.
        let wrt = unsafe { texts(wrt, wrt_count, "wrt") }?;
        let evaluation = model.evaluate(inputs, &wrt, limits)?;
        Ok(Evaluation {
            numbers: evaluation.value.numbers().count(),
            inner: evaluation,
            text: OnceLock::new(),
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluation_count(evaluation: Option<&Evaluation>) -> usize {
    evaluation.map_or(0, |evaluation| evaluation.numbers)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluation_numbers(
    evaluation: Option<&Evaluation>,
    numbers: *mut f64,
    capacity: usize,
) -> c_int {
    answer(|| {
        let evaluation = given(evaluation, "the evaluation")?;
        // SAFETY: the header asks for as much room.
        let room = unsafe { fitting(numbers, capacity, evaluation.numbers) }?;
        for (entry, number) in room.iter_mut().zip(evaluation.inner.value.numbers()) {
            *entry = number;
        }
        Ok(())
    })
}

/// The derivatives by a name, which may be none of those asked for.
///
/// # Safety
/// As for [`text`].
unsafe fn derivatives(evaluation: &Evaluation, name: *const c_char) -> Result<&[f64], Fault> {
    // SAFETY: the caller's promise.
    let name = unsafe { text(name, "the name") }?;
    let gradient = &evaluation.inner.gradient;
    let known = || gradient.names().collect::<Vec<_>>().join(", ");
    gradient.jacobian(name).ok_or_else(|| {
        Fault::request(format!(
            "`{name}` is none of the names that were differentiated by: {}",
            known()
        ))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluation_width(
    evaluation: Option<&Evaluation>,
    name: *const c_char,
) -> usize {
    let Some(evaluation) = evaluation else {
        return 0;
    };
    // SAFETY: the header asks for a text.
    let derivatives = unsafe { derivatives(evaluation, name) }.unwrap_or_default();
    derivatives.len() / evaluation.numbers.max(1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_evaluation_derivatives(
    evaluation: Option<&Evaluation>,
    name: *const c_char,
    numbers: *mut f64,
    capacity: usize,
) -> c_int {
    answer(|| {
        let evaluation = given(evaluation, "the evaluation")?;
        // SAFETY: the header asks for a text.
        let derivatives = unsafe { derivatives(evaluation, name) }?;
        // SAFETY: the header asks for as much room.
        let room = unsafe { fitting(numbers, capacity, derivatives.len()) }?;
        room.copy_from_slice(derivatives);
        Ok(())
    })
}

/// Room for so many numbers, of a capacity that is no smaller.
///
/// # Safety
/// As for [`room`], for the capacity.
unsafe fn fitting<'a>(
    numbers: *mut f64,
    capacity: usize,
    needed: usize,
) -> Result<&'a mut [f64], Fault> {
    if capacity < needed {
        return Err(Fault::usage(format!(
            "there is room for {capacity} numbers, and there are {needed}"
        )));
    }
    // SAFETY: no more is used than the caller promises.
    unsafe { room(numbers, needed, "the place of the numbers") }
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluation_text(
    evaluation: Option<&Evaluation>,
    place: Place<'_, c_char>,
) -> c_int {
    answer(|| {
        let place = given(place, "the place of the text")?;
        place.write(ptr::null_mut());
        let evaluation = given(evaluation, "the evaluation")?;
        let written = || c_text(&evaluation.inner.value.to_scheme());
        place.write(evaluation.text.get_or_init(written).as_ptr().cast_mut());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_evaluation_free(evaluation: Option<Box<Evaluation>>) {
    drop(evaluation);
}
