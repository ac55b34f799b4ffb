//! `LogDensity`: a program as what samplers ask for, the logarithm of a density and its gradient.
//!
//! A model, the names of what is sampled and data go in; a function of an array comes out, for Python, and as a
//! pointer for samplers that call C.
//!
//! **Invariants**
//! - Any number of threads may ask at once, each with an evaluator of its own.
//! - What a sampler may walk into, a program that fails or a number that is not finite, is a status of the call
//!   and no exception; nothing unwinds into C.

use crate::answer::array;
use crate::error::{of_program, request};
use crate::inputs::{Argument, Broadcast, floats};
use crate::model::Model;
use crate::process::threads;
use dmci::{Bindings, Error, Evaluator, Input, Lane, Limits};
use numpy::{PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::{Mutex, PoisonError};

/// The logarithm of a density: the sum of a program's values over the elements of its data.
#[pyclass(frozen, module = "dmci", name = "LogDensity")]
pub(crate) struct LogDensity {
    /// Boxed, so that its address stays what C was told.
    inner: Box<Density>,
}

struct Density {
    size: usize,
    names: Vec<String>,
    text: String,
    terms: Vec<Term>,
}

/// A program whose values are summed.
struct Term {
    /// Those that nobody uses.
    free: Mutex<Vec<Evaluator>>,
    first: Evaluator,
    /// After what is sampled: the data.
    data: Vec<Data>,
    is_lanes: bool,
}

enum Data {
    Shared(f64),
    Each(Vec<f64>),
}

impl Term {
    fn new(
        py: Python<'_>,
        model: &Model,
        names: &[String],
        data: &[Argument<'_>],
    ) -> PyResult<Self> {
        let broadcast = Broadcast::of(py, data)?;
        let inputs = broadcast.lanes(data);
        let owned = inputs.iter().map(|lane| match *lane {
            Lane::Shared(x) => Data::Shared(x),
            Lane::Each(numbers) => Data::Each(numbers.to_vec()),
            Lane::Strided { numbers, stride } => {
                Data::Each(numbers.iter().step_by(stride).copied().collect())
            }
        });
        let owned: Vec<Data> = owned.collect();
        let mut fixed = Bindings::new();
        let mut varied: Vec<String> = names.to_vec();
        for argument in data {
            let name = argument.name.to_string();
            match argument.first() {
                Some(Input::Number(_)) => {}
                Some(input) => {
                    fixed.set(name.as_str(), input);
                }
                None => return Err(request(py, format!("`{name}` has no elements"))),
            }
            varied.push(name);
        }
        if let Some(unknown) = varied
            .iter()
            .find(|name| !model.model.inputs().contains(name))
        {
            return Err(request(py, format!("the program has no input `{unknown}`")));
        }
        let varied: Vec<&str> = varied.iter().map(String::as_str).collect();
        let by: Vec<&str> = names.iter().map(String::as_str).collect();
        // Each call has its fuel, however often it is asked.
        let limits: Limits = model.options.limits;
        let evaluator = model.model.evaluator(&fixed, &varied, &by, &limits);
        let evaluator = evaluator.map_err(|error| model.raise(py, &error))?;
        Ok(Self {
            free: Mutex::default(),
            first: evaluator.threads(threads(model.options.threads)),
            data: owned,
            is_lanes: !broadcast.shape.is_empty(),
        })
    }

    /// The sum at a point, whose gradient is added.
    fn add(&self, at: &[f64], gradient: &mut [f64]) -> Result<f64, Error> {
        let lock = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let mut evaluator = free.unwrap_or_else(|| self.first.clone());
        let mut own = vec![0.0; at.len()];
        let answer = if self.is_lanes {
            let lanes = at.iter().map(|&x| Lane::Shared(x));
            let data = self.data.iter().map(|data| match data {
                Data::Shared(x) => Lane::Shared(*x),
                Data::Each(numbers) => Lane::Each(numbers),
            });
            let lanes: Vec<Lane<'_>> = lanes.chain(data).collect();
            evaluator.sum(&lanes, &mut own)
        } else {
            let data = self.data.iter().map(|data| match data {
                Data::Shared(x) => *x,
                Data::Each(numbers) => numbers.first().copied().unwrap_or(f64::NAN),
            });
            let numbers: Vec<f64> = at.iter().copied().chain(data).collect();
            evaluator.value_and_grad(&numbers, &mut own)
        };
        lock().push(evaluator);
        let value = answer?;
        for (sum, x) in gradient.iter_mut().zip(own) {
            *sum += x;
        }
        Ok(value)
    }
}

impl Density {
    fn at(&self, at: &[f64], gradient: &mut [f64]) -> Result<f64, Error> {
        gradient.fill(0.0);
        let mut sum = 0.0;
        for term in &self.terms {
            sum += term.add(at, gradient)?;
        }
        Ok(sum)
    }
}

/// What samplers call: `size` numbers at `at`; the value and as many derivatives go to `value` and `gradient`.
/// 0 where that went well, 1 where the program fails there or is not finite, -1 where arguments do not fit.
extern "C" fn log_density(
    size: i64,
    at: *const f64,
    gradient: *mut f64,
    value: *mut f64,
    data: *const c_void,
) -> i64 {
    if at.is_null() || gradient.is_null() || value.is_null() || data.is_null() {
        return -1;
    }
    // SAFETY: the caller gives what `LogDensity.user_data` is, and keeps its object.
    let density = unsafe { &*data.cast::<Density>() };
    if usize::try_from(size) != Ok(density.size) {
        return -1;
    }
    // SAFETY: the caller gives so many numbers, and room for so many that is nobody else's.
    let (at, gradient, value) = unsafe {
        (
            slice::from_raw_parts(at, density.size),
            slice::from_raw_parts_mut(gradient, density.size),
            &mut *value,
        )
    };
    match catch_unwind(AssertUnwindSafe(|| density.at(at, gradient))) {
        Ok(Ok(sum)) => {
            *value = sum;
            i64::from(!(sum.is_finite() && gradient.iter().all(|x| x.is_finite())))
        }
        _ => 1,
    }
}

#[pymethods]
impl LogDensity {
    /// The density of `names`, in their order: the sum of `model`'s values over all elements that `data`
    /// broadcast to, and of `prior`'s, once, where one is given.
    #[new]
    #[pyo3(signature = (model, names, /, *, prior=None, **data))]
    fn new(
        py: Python<'_>,
        model: &Bound<'_, Model>,
        names: Vec<String>,
        prior: Option<&Bound<'_, Model>>,
        data: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = model.get();
        let arguments = data.into_iter().flatten().map(|(name, value)| {
            let name = name.cast_into::<PyString>()?;
            let rank = model.options.arrays.get(&*name.to_cow()?).copied();
            Argument::of(name, &value, rank.unwrap_or(0))
        });
        let arguments: Vec<Argument<'_>> = arguments.collect::<PyResult<_>>()?;
        let mut terms = vec![Term::new(py, model, &names, &arguments)?];
        if let Some(prior) = prior {
            let prior = prior.get();
            terms.push(Term::new(py, prior, &names, &[])?);
        }
        Ok(Self {
            inner: Box::new(Density {
                size: names.len(),
                names,
                text: model.model.text().to_owned(),
                terms,
            }),
        })
    }

    /// What is sampled, in the order of the point.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.inner.names.clone()
    }

    /// The address of a C function: `int64_t f(int64_t n, const double *x, double *gradient, double *value,
    /// const void *user_data)`, which gives 0, or 1 where there is no density at x, or -1 for arguments that do
    /// not fit. Any thread may call it, without the interpreter lock, while this object lives.
    #[getter]
    #[expect(clippy::unused_self, reason = "it is a property to Python")]
    fn address(&self) -> usize {
        log_density as *const () as usize
    }

    /// What that function takes last.
    #[getter]
    fn user_data(&self) -> usize {
        std::ptr::from_ref::<Density>(&self.inner) as usize
    }

    /// The logarithm of the density at a point, (n,), and its gradient, (n,).
    ///
    /// Raises `DmciError` where the program fails there.
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        let point = floats(&"x", x)?;
        if point.shape() != [self.inner.size] {
            let (shape, size) = (point.shape(), self.inner.size);
            return Err(request(
                py,
                format!("the point has the shape {shape:?}, and ({size},) is wanted"),
            ));
        }
        let point: Vec<f64> = point.to_owned_array().into_iter().collect();
        let mut gradient = vec![0.0; point.len()];
        let value = py.detach(|| self.inner.at(&point, &mut gradient));
        let value = value.map_err(|error| of_program(py, &error, &self.inner.text))?;
        Ok((value, array(py, &[gradient.len()], gradient)?))
    }
}
