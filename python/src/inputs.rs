//! What a caller gives for a name: numbers, arrays that broadcast, vectors, matrices and lists.
//!
//! Python objects go in; [`Argument`]s come out, whose numbers are borrowed where `NumPy` holds them as
//! float64 side by side or in even steps, and copied otherwise.
//!
//! **Invariants**
//! - An argument's numbers are those of its lanes in C order, each lane's side by side.
//! - What is borrowed is kept alive by its argument. Whoever writes to an array while a call reads it, from
//!   another thread, gets numbers from before or after, as with `NumPy` itself.

use crate::error::request;
use dmci::{Input, Lane};
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyList, PyString};
use std::slice;

/// An array whose last axes are one value of the program: a vector, or a matrix.
///
/// `dmci.vector` and `dmci.matrix` make it.
#[pyclass(frozen, module = "dmci", name = "Array")]
pub(crate) struct CoreArray {
    /// The numbers, as they were given.
    #[pyo3(get)]
    value: Py<PyAny>,
    /// How many axes are the value's: 1 or 2.
    #[pyo3(get)]
    rank: usize,
}

#[pymethods]
impl CoreArray {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let what = if self.rank == 1 { "vector" } else { "matrix" };
        Ok(format!("dmci.{what}({})", self.value.bind(py).repr()?))
    }

    #[new]
    fn new(value: Py<PyAny>, rank: usize) -> PyResult<Self> {
        Python::attach(|py| match rank {
            1 | 2 => Ok(Self { value, rank }),
            _ => Err(request(py, "the rank is 1 for a vector or 2 for a matrix")),
        })
    }

    fn __getnewargs__(&self, py: Python<'_>) -> (Py<PyAny>, usize) {
        (self.value.clone_ref(py), self.rank)
    }
}

/// What one lane's value of a name looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Number,
    List(usize),
    Vector(usize),
    Matrix(usize, usize),
}

impl Form {
    /// How many numbers there are in it.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Number => 1,
            Self::List(n) | Self::Vector(n) => n,
            Self::Matrix(rows, columns) => rows * columns,
        }
    }

    /// The axes of an array of it.
    pub(crate) fn dims(self) -> Vec<usize> {
        match self {
            Self::Number => Vec::new(),
            Self::List(n) | Self::Vector(n) => vec![n],
            Self::Matrix(rows, columns) => vec![rows, columns],
        }
    }

    /// It with these numbers.
    pub(crate) fn input(self, numbers: &[f64]) -> Input {
        let numbers = numbers.to_vec();
        match self {
            Self::Number => Input::Number(numbers.first().copied().unwrap_or(f64::NAN)),
            Self::List(_) => Input::List(numbers),
            Self::Vector(_) => Input::Vector(numbers),
            Self::Matrix(rows, columns) => Input::Matrix {
                rows,
                columns,
                numbers,
            },
        }
    }
}

/// Where an argument's numbers are.
enum Numbers<'py> {
    One([f64; 1]),
    Own(Vec<f64>),
    /// In an array, so many numbers apart.
    Borrowed {
        _array: Bound<'py, PyArrayDyn<f64>>,
        first: *const f64,
        len: usize,
        step: usize,
    },
}

/// What a name is given.
pub(crate) struct Argument<'py> {
    pub(crate) name: Bound<'py, PyString>,
    pub(crate) form: Form,
    /// The axes that broadcast.
    pub(crate) lead: Vec<usize>,
    numbers: Numbers<'py>,
}

impl<'py> Argument<'py> {
    /// A number for all lanes.
    pub(crate) fn number(name: Bound<'py, PyString>, x: f64) -> Self {
        Self {
            name,
            form: Form::Number,
            lead: Vec::new(),
            numbers: Numbers::One([x]),
        }
    }

    /// What an object means; with so many axes of an array being the value's own.
    pub(crate) fn of(
        name: Bound<'py, PyString>,
        value: &Bound<'py, PyAny>,
        rank: usize,
    ) -> PyResult<Self> {
        if let Some(x) = number(value)? {
            return Ok(Self::number(name, x));
        }
        if let Ok(list) = value.cast::<PyList>() {
            return Self::list(name, list);
        }
        if let Ok(array) = value.cast::<CoreArray>() {
            let array = array.get();
            return Self::array(name, array.value.bind(value.py()), array.rank);
        }
        Self::array(name, value, rank)
    }

    fn list(name: Bound<'py, PyString>, list: &Bound<'py, PyList>) -> PyResult<Self> {
        let mut numbers = Vec::with_capacity(list.len());
        for (place, item) in list.iter().enumerate() {
            let Some(x) = number(&item)?.or_else(|| item.extract().ok()) else {
                return Err(request(
                    list.py(),
                    format!(
                        "the list `{name}` holds {} at {place}; a list is of numbers: numpy.array(…) of \
                         it broadcasts, and dmci.vector(…) or dmci.matrix(…) is one value",
                        type_name(&item)
                    ),
                ));
            };
            numbers.push(x);
        }
        Ok(Self {
            name,
            form: Form::List(numbers.len()),
            lead: Vec::new(),
            numbers: Numbers::Own(numbers),
        })
    }

    fn array(name: Bound<'py, PyString>, value: &Bound<'py, PyAny>, rank: usize) -> PyResult<Self> {
        let array = floats(&format_args!("`{name}`"), value)?;
        let shape = array.shape();
        let Some(lead) = shape.len().checked_sub(rank) else {
            let what = if rank == 1 { "a vector" } else { "a matrix" };
            let message = format!(
                "`{name}` is to be {what}, whose last {rank} axes are its own, and has {} axes",
                shape.len()
            );
            return Err(request(value.py(), message));
        };
        let form = match shape[lead..] {
            [] => Form::Number,
            [n] => Form::Vector(n),
            [rows, columns, ..] => Form::Matrix(rows, columns),
        };
        let lead = shape[..lead].to_vec();
        let numbers = borrowed(array)?;
        Ok(Self {
            name,
            form,
            lead,
            numbers,
        })
    }

    /// Its numbers, and how far apart the lanes' are where each has one.
    pub(crate) fn numbers(&self) -> (&[f64], usize) {
        match &self.numbers {
            Numbers::One(x) => (x, 1),
            Numbers::Own(numbers) => (numbers, 1),
            &Numbers::Borrowed {
                first, len, step, ..
            } => {
                // SAFETY: `borrowed` took these from an array that is kept beside them.
                (unsafe { slice::from_raw_parts(first, len) }, step)
            }
        }
    }

    /// The first lane's value; none where there are no lanes.
    pub(crate) fn first(&self) -> Option<Input> {
        let (numbers, _) = self.numbers();
        Some(self.form.input(numbers.get(..self.form.width())?))
    }
}

/// What a Python number is, without asking `NumPy`.
fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    if let Ok(x) = value.cast::<PyFloat>() {
        return Ok(Some(x.value()));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Some(value.extract()?));
    }
    Ok(None)
}

/// What an object is called in a message.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map_or_else(|_| "an object".to_owned(), |name| format!("a `{name}`"))
}

/// `NumPy`'s functions of these names, imported once.
fn numpy<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || PyModule::import(py, "numpy").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// An object as an array of floats; anything but numbers is refused. What a masked array masks is NaN.
pub(crate) fn floats<'py>(
    name: &dyn std::fmt::Display,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let py = value.py();
    if let Ok(array) = value.cast::<PyArrayDyn<f64>>() {
        let is_exact = value.get_type().is(py.get_type::<PyUntypedArray>());
        if is_exact || !value.hasattr("filled")? {
            return Ok(array.clone());
        }
    }
    // It has a mask, and is left as it is.
    let is_masked = value.is_instance_of::<PyUntypedArray>() && value.hasattr("filled")?;
    let array = if is_masked {
        value.clone()
    } else {
        let array = numpy(py, "asarray")?.call1((value,));
        array.map_err(|error| request(py, format!("{name} is no array: {}", error.value(py))))?
    };
    let dtype = array.getattr("dtype")?;
    let kind: String = dtype.getattr("kind")?.extract()?;
    match kind.as_str() {
        "b" | "i" | "u" | "f" => {}
        // Fractions and the like are numbers too.
        "O" if array.getattr("ndim")?.extract::<usize>()? == 0 && value.hasattr("__float__")? => {}
        _ => {
            let what = type_name(value);
            let of = if value.hasattr("dtype")? {
                format!(" of {dtype}")
            } else {
                String::new()
            };
            let cure = match kind.as_str() {
                "O" if !of.is_empty() => {
                    "; where all of it is numbers, .astype(float) makes it one"
                }
                "c" => "; programs compute in real numbers",
                _ => "",
            };
            let message =
                format!("{name} is {what}{of}, and numbers or arrays of numbers are wanted{cure}");
            return Err(request(py, message));
        }
    }
    let mut array = array.call_method1("astype", (numpy(py, "float64")?,))?;
    if is_masked {
        array = array.call_method1("filled", (f64::NAN,))?;
    }
    Ok(array.cast_into::<PyArrayDyn<f64>>()?)
}

/// The numbers of an array, in C order.
fn borrowed(array: Bound<'_, PyArrayDyn<f64>>) -> PyResult<Numbers<'_>> {
    let len = array.len();
    if len == 0 {
        return Ok(Numbers::Own(Vec::new()));
    }
    let size = size_of::<f64>().cast_signed();
    let (first, aligned) = (array.data().cast_const(), array.is_aligned());
    if aligned && array.is_c_contiguous() {
        return Ok(Numbers::Borrowed {
            first,
            len,
            step: 1,
            _array: array,
        });
    }
    if let &[stride] = array.strides()
        && aligned
        && stride > 0
        && stride % size == 0
    {
        let step = (stride / size).cast_unsigned();
        return Ok(Numbers::Borrowed {
            first,
            len: (len - 1) * step + 1,
            step,
            _array: array,
        });
    }
    let py = array.py();
    let copy = numpy(py, "array")?.call((&array,), Some(&copied(py)?))?;
    let copy = copy.cast_into::<PyArrayDyn<f64>>()?;
    // SAFETY: nobody else has the copy.
    let numbers = unsafe { copy.as_slice() }.map(<[f64]>::to_vec);
    Ok(Numbers::Own(numbers.map_err(|error| {
        request(py, format!("an array cannot be read: {error}"))
    })?))
}

/// The arguments of a copy in C order.
fn copied(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyDict>> {
    let options = pyo3::types::PyDict::new(py);
    options.set_item("order", "C")?;
    options.set_item("copy", true)?;
    Ok(options)
}

/// Arguments that broadcast against each other.
pub(crate) struct Broadcast {
    /// The axes of the lanes; none where all arguments are one value each.
    pub(crate) shape: Vec<usize>,
    /// How many lanes there are.
    pub(crate) lanes: usize,
    /// For each argument its numbers for every lane, where it has them for some axes only.
    spread: Vec<Option<Vec<f64>>>,
}

/// How an argument takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All lanes share it.
    Shared,
    /// Each lane has its own.
    Each,
    /// It has some axes, and is the same along others.
    Some,
}

impl Broadcast {
    /// Broadcasts, as `NumPy` does.
    pub(crate) fn of(py: Python<'_>, arguments: &[Argument<'_>]) -> PyResult<Self> {
        let mut shape: Vec<usize> = Vec::new();
        for argument in arguments {
            join(&mut shape, &argument.lead).map_err(|()| {
                let name = &argument.name;
                let lead = &argument.lead;
                let message = format!(
                    "`{name}` has the shape {lead:?}, which does not broadcast with {shape:?}, that of \
                     the inputs before it"
                );
                request(py, message)
            })?;
        }
        let lanes = shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n));
        let lanes = lanes.filter(|&lanes| u32::try_from(lanes).is_ok());
        let Some(lanes) = lanes else {
            return Err(request(
                py,
                format!("the shape {shape:?} has too many elements"),
            ));
        };
        let spread = arguments.iter().map(|argument| {
            (part(&argument.lead, &shape) == Part::Some).then(|| {
                let (numbers, step) = argument.numbers();
                spread(numbers, step, &argument.lead, &shape, argument.form.width())
            })
        });
        let spread = spread.collect();
        Ok(Self {
            shape,
            lanes,
            spread,
        })
    }

    /// The arguments' numbers as the engine takes them.
    pub(crate) fn lanes<'a>(&'a self, arguments: &'a [Argument<'_>]) -> Vec<Lane<'a>> {
        let mut all = Vec::with_capacity(arguments.len());
        for (argument, spread) in arguments.iter().zip(&self.spread) {
            let width = argument.form.width();
            let (numbers, step) = argument.numbers();
            let part = part(&argument.lead, &self.shape);
            push(spread.as_deref(), numbers, step, width, part, &mut all);
        }
        all
    }
}

/// Puts a lane's numbers among the others.
fn push<'a>(
    spread: Option<&'a [f64]>,
    numbers: &'a [f64],
    step: usize,
    width: usize,
    part: Part,
    all: &mut Vec<Lane<'a>>,
) {
    match (part, spread) {
        (Part::Shared, _) => all.extend(numbers.iter().take(width).map(|&x| Lane::Shared(x))),
        (_, Some(spread)) => all.extend(columns(spread, width)),
        (_, None) if width == 1 && step > 1 => all.push(Lane::Strided {
            numbers,
            stride: step,
        }),
        (_, None) => all.extend(columns(numbers, width)),
    }
}

/// The columns of a matrix with a row for each lane.
pub(crate) fn columns(numbers: &[f64], width: usize) -> impl Iterator<Item = Lane<'_>> {
    (0..width).map(move |at| match width {
        1 => Lane::Each(numbers),
        _ => Lane::Strided {
            numbers: numbers.get(at..).unwrap_or_default(),
            stride: width,
        },
    })
}

/// Joins the axes of one array to those of others.
pub(crate) fn join(shape: &mut Vec<usize>, other: &[usize]) -> Result<(), ()> {
    if other.len() > shape.len() {
        let more = other.len() - shape.len();
        shape.splice(0..0, std::iter::repeat_n(1, more));
    }
    let first = shape.len() - other.len();
    for (axis, &n) in shape[first..].iter_mut().zip(other) {
        match (*axis, n) {
            (a, b) if a == b => {}
            (1, n) => *axis = n,
            (_, 1) => {}
            _ => return Err(()),
        }
    }
    Ok(())
}

/// How what has some axes takes part in a broadcast to others.
pub(crate) fn part(lead: &[usize], shape: &[usize]) -> Part {
    if lead.iter().all(|&n| n == 1) {
        // One lane of one is that lane's own.
        return if !lead.is_empty() && shape.iter().all(|&n| n == 1) {
            Part::Each
        } else {
            Part::Shared
        };
    }
    let extra = shape.len() - lead.len();
    if shape[..extra].iter().all(|&n| n == 1) && shape[extra..] == *lead {
        Part::Each
    } else {
        Part::Some
    }
}

/// For each lane of a broadcast which lane of one array it is.
fn places<'s>(lead: &'s [usize], shape: &'s [usize]) -> impl Iterator<Item = usize> + 's {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1;
    for (axis, &n) in lead.iter().enumerate().rev() {
        let at = shape.len() - lead.len() + axis;
        strides[at] = if n == 1 { 0 } else { stride };
        stride *= n;
    }
    let lanes: usize = shape.iter().product();
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    (0..lanes).map(move |_| {
        let here = at;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * index[axis];
            index[axis] = 0;
        }
        here
    })
}

/// An array's numbers for every lane.
fn spread(numbers: &[f64], step: usize, lead: &[usize], shape: &[usize], width: usize) -> Vec<f64> {
    let mut all = Vec::with_capacity(shape.iter().product::<usize>() * width);
    for place in places(lead, shape) {
        if width == 1 {
            all.push(numbers[place * step]);
        } else {
            all.extend_from_slice(&numbers[place * width..][..width]);
        }
    }
    all
}

/// Numbers for every lane, summed to those that an array has.
pub(crate) fn gathered(
    numbers: &[f64],
    lead: &[usize],
    shape: &[usize],
    width: usize,
    sums: &mut [f64],
) {
    sums.fill(0.0);
    for (lane, place) in places(lead, shape).enumerate() {
        let of_lane = &numbers[lane * width..][..width];
        for (sum, x) in sums[place * width..][..width].iter_mut().zip(of_lane) {
            *sum += x;
        }
    }
}

/// Cotangents, directions and the like: an array broadcast to lanes of so many numbers.
pub(crate) fn weights(
    py: Python<'_>,
    what: &str,
    value: &Bound<'_, PyAny>,
    shape: &[usize],
) -> PyResult<Weights> {
    if let Some(x) = number(value)? {
        return Ok(Weights::All(x));
    }
    let array = floats(&what, value)?;
    let given = array.shape().to_vec();
    let mut joined = shape.to_vec();
    if given.len() > shape.len() || join(&mut joined, &given).is_err() || joined != shape {
        return Err(request(
            py,
            format!("{what} has the shape {given:?}, which does not broadcast to {shape:?}"),
        ));
    }
    let numbers = match borrowed(array)? {
        Numbers::One([x]) => return Ok(Weights::All(x)),
        Numbers::Own(numbers) => numbers,
        Numbers::Borrowed {
            first,
            len,
            step,
            _array: array,
        } => {
            if part(&given, shape) == Part::Each && step == 1 {
                return Ok(Weights::Borrowed {
                    _array: array.unbind(),
                    first,
                    len,
                });
            }
            // SAFETY: `borrowed` took these from the array, which is alive.
            let numbers = unsafe { slice::from_raw_parts(first, len) };
            numbers.iter().step_by(step).copied().collect()
        }
    };
    if given.iter().all(|&n| n == 1) && !shape.is_empty() {
        return Ok(Weights::All(numbers.first().copied().unwrap_or(0.0)));
    }
    Ok(Weights::Own(spread(&numbers, 1, &given, shape, 1)))
}

/// Numbers for every lane and every number of it.
pub(crate) enum Weights {
    All(f64),
    Own(Vec<f64>),
    Borrowed {
        _array: Py<PyArrayDyn<f64>>,
        first: *const f64,
        len: usize,
    },
}

impl Weights {
    /// As the engine takes them.
    pub(crate) fn lanes(&self, width: usize) -> Vec<Lane<'_>> {
        match self {
            Self::All(x) => vec![Lane::Shared(*x); width],
            Self::Own(numbers) => columns(numbers, width).collect(),
            &Self::Borrowed { first, len, .. } => {
                // SAFETY: the array that they were taken from is kept beside them.
                let numbers = unsafe { slice::from_raw_parts(first, len) };
                columns(numbers, width).collect()
            }
        }
    }
}
