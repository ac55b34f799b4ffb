//! Values of programs as Python has them.
//!
//! An [`Output`] goes in; numbers come out as floats, lists as lists, vectors and matrices as arrays.
//!
//! **Invariants**
//! - No recursion on the machine stack, however deep the value.

use dmci::{Item, Output};
use numpy::{PyArrayDyn, PyArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// How deep lists are nested at the most that are arrays where lanes are.
const DEEPEST: usize = 16;

/// An array of some axes.
pub(crate) fn array<'py>(
    py: Python<'py>,
    dims: &[usize],
    numbers: Vec<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(numpy::PyArray1::from_vec(py, numbers)
        .reshape(dims)?
        .into_any())
}

/// An array of zeros of some axes, and its numbers.
pub(crate) fn zeros(py: Python<'_>, dims: Vec<usize>) -> (Bound<'_, PyArrayDyn<f64>>, &mut [f64]) {
    let array = PyArrayDyn::<f64>::zeros(py, dims, false);
    let (first, len) = (array.data(), numpy::PyUntypedArrayMethods::len(&array));
    // SAFETY: the array was made here, in C order, and nobody else has it until it is given away; whoever
    // holds the numbers keeps the array beside them.
    let numbers = unsafe { std::slice::from_raw_parts_mut(first, len) };
    (array, numbers)
}

/// A list, or what else holds values, under way.
struct Open<'py> {
    what: What,
    left: u32,
    done: Vec<Bound<'py, PyAny>>,
}

enum What {
    List,
    Pair,
    Matrix,
    Opaque(std::sync::Arc<str>),
}

/// A value: a number is a float, a string or symbol a str, a pair a tuple of two, and a record, a promise or
/// several values a tuple of what it is called and a list of what is in it.
pub(crate) fn value<'py>(py: Python<'py>, output: &Output) -> PyResult<Bound<'py, PyAny>> {
    let mut open: Vec<Open<'py>> = Vec::new();
    let mut items = output.items().iter();
    while let Some(item) = items.next() {
        let mut numbers = |count: u32| -> Vec<f64> {
            let numbers = items.by_ref().take(count as usize).map(|item| match item {
                Item::Number { value, .. } => *value,
                _ => f64::NAN,
            });
            numbers.collect()
        };
        let mut done = match item {
            Item::Number { value, .. } => value.into_bound_py_any(py)?,
            Item::Bool(value) => value.into_bound_py_any(py)?,
            Item::Char(value) => value.into_bound_py_any(py)?,
            Item::Symbol(text) | Item::String(text) => (&**text).into_bound_py_any(py)?,
            Item::Procedure => "#<procedure>".into_bound_py_any(py)?,
            Item::Unspecified => py.None().into_bound(py),
            Item::Vector(count) => {
                let numbers = numbers(*count);
                array(py, &[numbers.len()], numbers)?
            }
            Item::List(count) | Item::Matrix(count) | Item::Opaque { count, .. } => {
                let what = match item {
                    Item::Matrix(_) => What::Matrix,
                    Item::Opaque { name, .. } => What::Opaque(name.clone()),
                    _ => What::List,
                };
                open.push(Open {
                    what,
                    left: *count,
                    done: Vec::with_capacity((*count as usize).min(1 << 16)),
                });
                if *count > 0 {
                    continue;
                }
                closed(py, open.pop())?
            }
            Item::Pair => {
                open.push(Open {
                    what: What::Pair,
                    left: 2,
                    done: Vec::with_capacity(2),
                });
                continue;
            }
        };
        loop {
            let Some(last) = open.last_mut() else {
                return Ok(done);
            };
            last.done.push(done);
            last.left -= 1;
            if last.left > 0 {
                break;
            }
            done = closed(py, open.pop())?;
        }
    }
    Ok(py.None().into_bound(py))
}

/// What is complete.
fn closed<'py>(py: Python<'py>, open: Option<Open<'py>>) -> PyResult<Bound<'py, PyAny>> {
    let Some(Open { what, done, .. }) = open else {
        return Ok(py.None().into_bound(py));
    };
    Ok(match what {
        What::List => PyList::new(py, done)?.into_any(),
        What::Pair => PyTuple::new(py, done)?.into_any(),
        What::Matrix => {
            let rows = done.iter().map(|row| row.cast::<numpy::PyArray1<f64>>());
            let rows: Result<Vec<_>, _> = rows.collect();
            let rows = rows?;
            let mut numbers = Vec::new();
            for row in &rows {
                numbers.extend(row.to_vec()?);
            }
            array(
                py,
                &[rows.len(), numbers.len() / rows.len().max(1)],
                numbers,
            )?
        }
        What::Opaque(name) => (&*name, PyList::new(py, done)?).into_bound_py_any(py)?,
    })
}

/// The axes of an array of a value's numbers: those of a vector or matrix, or of lists of one length; a
/// single axis of what is nested otherwise.
pub(crate) fn dims(output: &Output) -> Vec<usize> {
    let items = output.items();
    let mut dims: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let flat = || vec![output.numbers().count()];
    let mut deepest = None;
    for item in items {
        let count = match item {
            Item::List(count) | Item::Vector(count) | Item::Matrix(count) => *count as usize,
            Item::Number { .. } => {
                if *deepest.get_or_insert(open.len()) != open.len() {
                    return flat();
                }
                while let Some(left) = open.last_mut() {
                    *left -= 1;
                    if *left > 0 {
                        break;
                    }
                    open.pop();
                }
                continue;
            }
            _ => return flat(),
        };
        let depth = open.len();
        match dims.get(depth) {
            None if depth < DEEPEST => dims.push(count),
            Some(&known) if known == count => {}
            _ => return flat(),
        }
        if count == 0 {
            return if items.len() == 1 { vec![0] } else { flat() };
        }
        open.push(count);
    }
    dims
}
