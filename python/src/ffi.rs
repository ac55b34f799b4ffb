//! Programs called from code that XLA compiled: handlers of its foreign function interface, against its C structures.
//!
//! A call frame's buffers of float64 go in, with the number of a [`Kernel`] as an attribute; values, or derivatives
//! weighted by cotangents, go to its result buffers. No compiler for C is needed, and nothing of JAX is linked.
//!
//! **Invariants**
//! - Structures are those of version 0.1 and later of the interface, as far as they are read: fields that later versions
//!   add stand behind.
//! - Nothing unwinds into XLA: what fails is an error of the frame, with the words of the interpreter.
//! - A kernel lives as long as its object of Python.

use crate::error::request;
use crate::model::Model;
use crate::process::threads;
use dmci::{Bindings, Error, Evaluator, Lane, LaneError, LaneMut};
use pyo3::prelude::*;
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::slice;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

// ---- what XLA hands over -------------------------------------------------------------------------

const F64: c_int = 12;
const S64: c_int = 5;
const EXECUTE: c_int = 3;
const METADATA: c_int = 1;
const SCALAR: c_int = 3;
const INVALID_ARGUMENT: c_int = 3;

#[repr(C)]
struct Extension {
    struct_size: usize,
    kind: c_int,
    next: *mut Extension,
}

#[repr(C)]
struct Version {
    struct_size: usize,
    extension: *mut Extension,
    major: c_int,
    minor: c_int,
}

#[repr(C)]
struct Metadata {
    struct_size: usize,
    version: Version,
    traits: u32,
}

#[repr(C)]
struct MetadataExtension {
    base: Extension,
    metadata: *mut Metadata,
}

#[repr(C)]
struct ErrorArgs {
    struct_size: usize,
    extension: *mut Extension,
    message: *const c_char,
    code: c_int,
}

#[repr(C)]
struct Api {
    struct_size: usize,
    extension: *mut Extension,
    version: Version,
    internal: *const c_void,
    error_create: extern "C" fn(*mut ErrorArgs) -> *mut c_void,
}

#[repr(C)]
struct Buffer {
    struct_size: usize,
    extension: *mut Extension,
    dtype: c_int,
    data: *mut c_void,
    rank: i64,
    dims: *const i64,
}

#[repr(C)]
struct Buffers {
    struct_size: usize,
    extension: *mut Extension,
    size: i64,
    types: *const c_int,
    all: *const *const Buffer,
}

#[repr(C)]
struct Text {
    at: *const c_char,
    len: usize,
}

#[repr(C)]
struct Scalar {
    dtype: c_int,
    value: *const c_void,
}

#[repr(C)]
struct Attributes {
    struct_size: usize,
    extension: *mut Extension,
    size: i64,
    types: *const c_int,
    names: *const *const Text,
    all: *const *const c_void,
}

#[repr(C)]
struct Frame {
    struct_size: usize,
    extension: *mut Extension,
    api: *const Api,
    context: *mut c_void,
    stage: c_int,
    args: Buffers,
    results: Buffers,
    attributes: Attributes,
}

// ---- kernels -------------------------------------------------------------------------------------

/// A program of numbers, prepared for calls by XLA.
struct Prepared {
    /// Those that no call uses.
    free: Mutex<Vec<Evaluator>>,
    first: Evaluator,
    is_nan: bool,
}

static KERNELS: RwLock<Option<HashMap<i64, Arc<Prepared>>>> = RwLock::new(None);
static NEXT: AtomicI64 = AtomicI64::new(1);

/// A program of numbers as XLA calls it: `Kernel(model, names)`.
///
/// `id` is what calls have as their attribute `kernel`, while this object lives.
#[pyclass(frozen, module = "dmci", name = "_Kernel")]
pub(crate) struct Kernel {
    #[pyo3(get)]
    id: i64,
}

#[pymethods]
impl Kernel {
    #[new]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are extracted to values"
    )]
    fn new(py: Python<'_>, model: &Bound<'_, Model>, names: Vec<String>) -> PyResult<Self> {
        let model = model.get();
        for name in &names {
            if !model.model.inputs().contains(name) {
                return Err(request(py, format!("the program has no input `{name}`")));
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let evaluator =
            model
                .model
                .evaluator(&Bindings::new(), &names, &names, &model.options.limits);
        let evaluator = evaluator.map_err(|error| model.raise(py, &error))?;
        let prepared = Prepared {
            free: Mutex::default(),
            first: evaluator.threads(threads(model.options.threads)),
            is_nan: model.options.nan,
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut kernels = KERNELS.write().unwrap_or_else(PoisonError::into_inner);
        kernels
            .get_or_insert_with(HashMap::new)
            .insert(id, Arc::new(prepared));
        Ok(Self { id })
    }

    /// The addresses of the handlers: of values, and of derivatives weighted by cotangents.
    #[staticmethod]
    fn handlers() -> (usize, usize) {
        (
            value as extern "C" fn(*mut Frame) -> *mut c_void as usize,
            vjp as extern "C" fn(*mut Frame) -> *mut c_void as usize,
        )
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let mut kernels = KERNELS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = kernels.as_mut() {
            kernels.remove(&self.id);
        }
    }
}

/// Where a call has its numbers.
struct Call<'a> {
    args: Vec<&'a [f64]>,
    results: Vec<&'a mut [f64]>,
    kernel: Arc<Prepared>,
}

/// The numbers of buffers.
///
/// # Safety
/// They are XLA's, and live as long as the call.
unsafe fn numbers(buffers: &Buffers) -> Result<Vec<(*mut f64, usize)>, String> {
    let count = usize::try_from(buffers.size).unwrap_or(0);
    let mut all = Vec::with_capacity(count);
    for at in 0..count {
        // SAFETY: there are so many, and each has as many dimensions as its rank says.
        let buffer = unsafe { &**buffers.all.add(at) };
        if buffer.dtype != F64 {
            return Err("programs compute in float64: set jax_enable_x64".to_owned());
        }
        let rank = usize::try_from(buffer.rank).unwrap_or(0);
        let dims = if rank == 0 {
            &[][..]
        } else {
            // SAFETY: as above.
            unsafe { slice::from_raw_parts(buffer.dims, rank) }
        };
        let len = dims
            .iter()
            .map(|&n| usize::try_from(n).unwrap_or(0))
            .product();
        all.push((buffer.data.cast::<f64>(), len));
    }
    Ok(all)
}

impl<'a> Call<'a> {
    /// # Safety
    /// The frame is XLA's, of a call under way, whose results nobody else writes to.
    unsafe fn of(frame: &'a Frame) -> Result<Self, String> {
        // SAFETY: as above.
        let (args, results) = unsafe { (numbers(&frame.args)?, numbers(&frame.results)?) };
        let args = args.into_iter().map(|(at, len)| {
            if len == 0 {
                return &[][..];
            }
            // SAFETY: as above.
            unsafe { slice::from_raw_parts(at, len) }
        });
        let results = results.into_iter().map(|(at, len)| {
            if len == 0 {
                return &mut [][..];
            }
            // SAFETY: as above.
            unsafe { slice::from_raw_parts_mut(at, len) }
        });
        let mut id = None;
        for at in 0..usize::try_from(frame.attributes.size).unwrap_or(0) {
            // SAFETY: there are so many, of these kinds.
            unsafe {
                let name = &**frame.attributes.names.add(at);
                let name = slice::from_raw_parts(name.at.cast::<u8>(), name.len);
                if name == b"kernel" && *frame.attributes.types.add(at) == SCALAR {
                    let scalar = &*(*frame.attributes.all.add(at)).cast::<Scalar>();
                    if scalar.dtype == S64 {
                        id = Some(*scalar.value.cast::<i64>());
                    }
                }
            }
        }
        let kernels = KERNELS.read().unwrap_or_else(PoisonError::into_inner);
        let kernel = id.and_then(|id| kernels.as_ref()?.get(&id).cloned());
        Ok(Self {
            args: args.collect(),
            results: results.collect(),
            kernel: kernel.ok_or("the function of this program is gone")?,
        })
    }
}

/// Numbers for each lane, of an argument that has them for blocks of lanes.
fn spread(numbers: &[f64], lanes: usize) -> Vec<f64> {
    let block = lanes / numbers.len().max(1);
    numbers
        .iter()
        .flat_map(|&x| std::iter::repeat_n(x, block))
        .collect()
}

/// An argument's lanes, where it need not be spread.
fn lane<'a>(numbers: &'a [f64], spread: Option<&'a Vec<f64>>) -> Lane<'a> {
    match (numbers, spread) {
        (_, Some(spread)) => Lane::Each(spread),
        (&[x], None) => Lane::Shared(x),
        (all, None) => Lane::Each(all),
    }
}

/// For each argument its numbers for all lanes, where it has them for some.
fn all_spread(args: &[&[f64]], lanes: usize) -> Result<Vec<Option<Vec<f64>>>, String> {
    args.iter()
        .map(|numbers| match numbers.len() {
            1 => Ok(None),
            len if len == lanes => Ok(None),
            len if len > 0 && lanes.is_multiple_of(len) => Ok(Some(spread(numbers, lanes))),
            len => Err(format!("an argument of {len} numbers for {lanes} elements")),
        })
        .collect()
}

fn check(kernel: &Prepared, failed: &[LaneError]) -> Result<(), String> {
    match failed.first() {
        Some(LaneError { lane, error }) if !kernel.is_nan => {
            Err(format!("{error}, in lane {lane}"))
        }
        _ => Ok(()),
    }
}

fn of_values(call: Call<'_>, evaluator: &mut Evaluator) -> Result<(), String> {
    let told = |error: Error| error.to_string();
    let Call {
        args,
        mut results,
        kernel,
    } = call;
    let [out] = &mut results[..] else {
        return Err("a value is one array".to_owned());
    };
    if let [out] = &mut out[..]
        && args.iter().all(|numbers| numbers.len() == 1)
    {
        let numbers: Vec<f64> = args.iter().map(|numbers| numbers[0]).collect();
        match evaluator.value(&numbers) {
            Ok(value) => *out = value,
            Err(_) if kernel.is_nan => *out = f64::NAN,
            Err(error) => return Err(told(error)),
        }
        return Ok(());
    }
    let lanes = out.len();
    if lanes == 0 {
        return Ok(());
    }
    let spread = all_spread(&args, lanes)?;
    let inputs = args.iter().zip(&spread);
    let inputs: Vec<Lane<'_>> = inputs
        .map(|(all, spread)| lane(all, spread.as_ref()))
        .collect();
    let failed = evaluator.values(&inputs, &mut [LaneMut::Each(out)]);
    check(&kernel, &failed.map_err(told)?)
}

fn of_vjp(call: Call<'_>, evaluator: &mut Evaluator) -> Result<(), String> {
    let told = |error: Error| error.to_string();
    let Call {
        args,
        mut results,
        kernel,
    } = call;
    let Some((ct, args)) = args.split_first() else {
        return Err("there is no cotangent".to_owned());
    };
    if let [weight] = ct
        && args.iter().all(|numbers| numbers.len() == 1)
        && results.iter().all(|result| result.len() == 1)
    {
        let numbers: Vec<f64> = args.iter().map(|numbers| numbers[0]).collect();
        let mut gradient = vec![0.0; results.len()];
        match evaluator.value_and_grad(&numbers, &mut gradient) {
            Ok(_) => {}
            Err(_) if kernel.is_nan => gradient.fill(f64::NAN),
            Err(error) => return Err(told(error)),
        }
        for (result, slope) in results.iter_mut().zip(gradient) {
            result[0] = weight * slope;
        }
        return Ok(());
    }
    let lanes = ct.len();
    if lanes == 0 {
        for result in &mut results {
            result.fill(0.0);
        }
        return Ok(());
    }
    let spread = all_spread(args, lanes)?;
    let inputs = args.iter().zip(&spread);
    let inputs: Vec<Lane<'_>> = inputs
        .map(|(all, spread)| lane(all, spread.as_ref()))
        .collect();
    let mut own: Vec<Option<Vec<f64>>> = spread
        .iter()
        .map(|spread| spread.as_ref().map(|_| vec![0.0; lanes]))
        .collect();
    let mut grads: Vec<LaneMut<'_>> = own
        .iter_mut()
        .zip(&mut results)
        .map(|(own, result)| match own {
            Some(own) => LaneMut::Each(own),
            None if result.len() == 1 && lanes > 1 => LaneMut::Sums(result),
            None => LaneMut::Each(result),
        })
        .collect();
    let failed = evaluator.vjp(&inputs, &[Lane::Each(ct)], &mut grads);
    check(&kernel, &failed.map_err(told)?)?;
    for (own, result) in own.iter().zip(&mut results) {
        if let Some(own) = own {
            let block = lanes / result.len().max(1);
            for (sum, block) in result.iter_mut().zip(own.chunks(block.max(1))) {
                *sum = block.iter().sum();
            }
        }
    }
    Ok(())
}

/// Answers a frame.
fn handled(
    frame: *mut Frame,
    run: fn(Call<'_>, &mut Evaluator) -> Result<(), String>,
) -> *mut c_void {
    if frame.is_null() {
        return null_mut();
    }
    // SAFETY: XLA calls with a frame of its own, which lives until this returns.
    let frame = unsafe { &*frame };
    let mut extension = frame.extension;
    while !extension.is_null() {
        // SAFETY: extensions are a list that ends in null; that of metadata has room for them.
        unsafe {
            if (*extension).kind == METADATA {
                let metadata = (*extension.cast::<MetadataExtension>()).metadata;
                (*metadata).version.major = 0;
                (*metadata).version.minor = 1;
                (*metadata).traits = 0;
                return null_mut();
            }
            extension = (*extension).next;
        }
    }
    if frame.stage != EXECUTE {
        return null_mut();
    }
    let answer = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as above.
        let call = unsafe { Call::of(frame) }?;
        let kernel = call.kernel.clone();
        let lock = || kernel.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let mut evaluator = free.unwrap_or_else(|| kernel.first.clone());
        let answer = run(call, &mut evaluator);
        lock().push(evaluator);
        answer
    }));
    let message = match answer {
        Ok(Ok(())) => return null_mut(),
        Ok(Err(message)) => message,
        Err(_) => "the program could not be run".to_owned(),
    };
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    let mut args = ErrorArgs {
        struct_size: size_of::<ErrorArgs>(),
        extension: null_mut(),
        message: message.as_ptr(),
        code: INVALID_ARGUMENT,
    };
    // SAFETY: the frame has XLA's functions; this one copies the message.
    unsafe { ((*frame.api).error_create)(&raw mut args) }
}

extern "C" fn value(frame: *mut Frame) -> *mut c_void {
    handled(frame, of_values)
}

extern "C" fn vjp(frame: *mut Frame) -> *mut c_void {
    handled(frame, of_vjp)
}
