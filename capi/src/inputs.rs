//! Inputs: what names are bound to.

use crate::argument::{given, items, text};
use crate::fault::{Fault, Place, answer, make};
use dmci::{Bindings, Input};
use std::ffi::{c_char, c_int};

#[derive(Default)]
pub(crate) struct Inputs {
    pub(crate) bindings: Bindings,
}

impl Inputs {
    /// The bindings of inputs that may be left out.
    pub(crate) fn or_none(inputs: Option<&Self>) -> Bindings {
        inputs.map_or_else(Bindings::new, |inputs| inputs.bindings.clone())
    }
}

#[unsafe(no_mangle)]
extern "C" fn dmci_inputs_new(place: Place<'_, Inputs>) -> c_int {
    make(place, || Ok(Inputs::default()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_inputs_number(
    inputs: Option<&mut Inputs>,
    name: *const c_char,
    number: f64,
) -> c_int {
    // SAFETY: the header asks for a text.
    unsafe { bind(inputs, name, || Ok(Input::Number(number))) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_inputs_list(
    inputs: Option<&mut Inputs>,
    name: *const c_char,
    numbers: *const f64,
    count: usize,
) -> c_int {
    // SAFETY: the header asks for a text, and for as many numbers.
    unsafe { bind(inputs, name, || Ok(Input::List(copy(numbers, count)?))) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_inputs_vector(
    inputs: Option<&mut Inputs>,
    name: *const c_char,
    numbers: *const f64,
    count: usize,
) -> c_int {
    let vector = || {
        at_least_one(count)?;
        // SAFETY: the header asks for as many numbers.
        Ok(Input::Vector(unsafe { copy(numbers, count) }?))
    };
    // SAFETY: the header asks for a text.
    unsafe { bind(inputs, name, vector) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_inputs_matrix(
    inputs: Option<&mut Inputs>,
    name: *const c_char,
    numbers: *const f64,
    rows: usize,
    columns: usize,
) -> c_int {
    let matrix = || {
        let count = rows.checked_mul(columns);
        let count = count.ok_or_else(|| Fault::usage("a matrix is larger than memory"))?;
        at_least_one(count)?;
        // SAFETY: the header asks for as many numbers.
        let numbers = unsafe { copy(numbers, count) }?;
        Ok(Input::Matrix {
            rows,
            columns,
            numbers,
        })
    };
    // SAFETY: the header asks for a text.
    unsafe { bind(inputs, name, matrix) }
}

#[unsafe(no_mangle)]
extern "C" fn dmci_inputs_free(inputs: Option<Box<Inputs>>) {
    drop(inputs);
}

fn at_least_one(count: usize) -> Result<(), Fault> {
    if count == 0 {
        return Err(Fault::usage("vectors and matrices have a number or more"));
    }
    Ok(())
}

/// # Safety
/// As for [`items`].
unsafe fn copy(numbers: *const f64, count: usize) -> Result<Vec<f64>, Fault> {
    // SAFETY: the caller's promise.
    Ok(unsafe { items(numbers, count, "the numbers") }?.to_vec())
}

/// # Safety
/// As for [`text`].
unsafe fn bind(
    inputs: Option<&mut Inputs>,
    name: *const c_char,
    input: impl FnOnce() -> Result<Input, Fault>,
) -> c_int {
    answer(|| {
        let inputs = given(inputs, "the inputs")?;
        // SAFETY: the caller's promise.
        let name = unsafe { text(name, "the name") }?;
        inputs.bindings.set(name, input()?);
        Ok(())
    })
}
