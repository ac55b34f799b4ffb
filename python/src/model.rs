//! `Model`: a program prepared once, called with numbers and arrays.
//!
//! Keyword arguments go in, broadcast against each other; values and derivatives come out, for each element
//! of the broadcast shape, in arrays.
//!
//! **Invariants**
//! - A model never changes but for the paths it records and the plans of its calls: threads may share it.

use crate::answer::{value, zeros};
use crate::calls::{Call, of_lane_at};
use crate::error::{DmciError, advised, of_program, request};
use crate::inputs::{Argument, Broadcast, Form, Weights, weights};
use crate::plan::{Asked, Plan, Plans};
use crate::process::{embedded, threads};
use dmci::export::{ExportOptions, Target, export};
use dmci::{Bindings, Error, Input, Interpreter, Lane, LaneMut, Limits, Mode, Wrt};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString, PyTuple};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How programs are run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) threads: Option<usize>,
    pub(crate) mode: Mode,
    /// How many axes of an array are a name's own.
    pub(crate) arrays: BTreeMap<String, usize>,
    /// Whether a lane that fails is NaN, and no error.
    pub(crate) nan: bool,
    pub(crate) limits: Limits,
    pub(crate) fuel: Option<u64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) gumbel_seed: Option<u64>,
}

/// A program prepared for evaluation: `Model(source)`.
///
/// `threads` is how many share the work of a call, None for as many as there are processors; `mode` is
/// 'interpreter', 'direct' or 'nested', which give the same bits; `arrays` says which names are vectors (1) or
/// matrices (2); `on_error` is 'raise', or 'nan' for NaN where an element fails; `fuel` is how many applications
/// all elements of a call have together, 10^9 unless it is given; `temperature` and `gumbel_seed` relax soft
/// choices; `interpreter` runs it, in place of the package's own.
///
/// Raises `DmciError` with line and column where the text is no program.
#[pyclass(frozen, module = "dmci", name = "Model")]
pub(crate) struct Model {
    #[expect(clippy::struct_field_names, reason = "it is the crate's model")]
    pub(crate) model: dmci::Model,
    pub(crate) options: Options,
    /// Whether its text alone makes it again.
    is_of_text: bool,
    plans: Mutex<Plans>,
}

type Numbers<'py> = (SmallVec<[Bound<'py, PyString>; 8]>, SmallVec<[f64; 8]>);

impl Model {
    pub(crate) fn of(model: dmci::Model, options: Options, is_of_text: bool) -> Self {
        Self {
            model,
            options,
            is_of_text,
            plans: Mutex::default(),
        }
    }

    /// An error of this model's program.
    pub(crate) fn raise(&self, py: Python<'_>, error: &Error) -> PyErr {
        of_program(py, error, self.model.text())
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names and numbers of a call, where each is a Python float or a whole number.
    fn numbers<'py>(kwargs: Option<&Bound<'py, PyDict>>) -> Option<Numbers<'py>> {
        let mut names = SmallVec::new();
        let mut numbers = SmallVec::new();
        for (name, value) in kwargs.into_iter().flatten() {
            let number = match value.cast::<PyFloat>() {
                Ok(number) => number.value(),
                Err(_) if value.is_exact_instance_of::<pyo3::types::PyInt>() => {
                    value.extract().ok()?
                }
                Err(_) => return None,
            };
            names.push(name.cast_into::<PyString>().ok()?);
            numbers.push(number);
        }
        Some((names, numbers))
    }

    /// What a call gives.
    fn arguments<'py>(&self, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Vec<Argument<'py>>> {
        let arguments = kwargs.into_iter().flatten().map(|(name, value)| {
            let name = name.cast_into::<PyString>()?;
            let rank = if self.options.arrays.is_empty() {
                0
            } else {
                let rank = self.options.arrays.get(&*name.to_cow()?);
                rank.copied().unwrap_or(0)
            };
            Argument::of(name, &value, rank)
        });
        let arguments: PyResult<_> = arguments.collect();
        if arguments.is_err()
            && let Some(inputs) = kwargs
        {
            // What is no input at all is not what another kind of value would mend.
            for name in inputs.keys() {
                self.check_name(inputs.py(), &name.extract::<String>()?)?;
            }
        }
        arguments
    }

    /// Refuses what is no input.
    fn check_name(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        /// More inputs than these are not listed.
        const MOST: usize = 12;
        let known = self.model.inputs();
        if known.iter().any(|known| known == name) {
            return Ok(());
        }
        let near = dmci::nearest(name, known.iter().map(String::as_str));
        let more = match (near, name, known) {
            (Some(near), ..) => format!("; is it `{near}`?"),
            (None, "wrt" | "ct" | "direction", _) => {
                format!("; `{name}` is given first, without its name")
            }
            (None, _, []) => "; it has none".to_owned(),
            (None, _, known) => {
                let listed: Vec<String> = known
                    .iter()
                    .take(MOST)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let others = if known.len() > MOST { ", …" } else { "" };
                format!("; it has {}{others}", listed.join(", "))
            }
        };
        let message = format!("the program has no input `{name}`{more}");
        Err(request(py, message))
    }

    /// The error of a call with these arguments, with what to do where that is another way to give them.
    fn advised(&self, py: Python<'_>, error: PyErr, arguments: &[Argument<'_>]) -> PyErr {
        let advice = || -> PyResult<Option<String>> {
            let value = error.value(py);
            if !value.is_instance_of::<DmciError>() {
                return Ok(None);
            }
            let kind: String = value.getattr("kind")?.extract()?;
            let message: String = value.getattr("message")?.extract()?;
            let is = |argument: &&Argument<'_>, name: &str| {
                argument.name.to_cow().is_ok_and(|known| known == name)
            };
            Ok(match kind.as_str() {
                "unbound" => {
                    let name = message.split('`').nth(1).unwrap_or_default();
                    let is_input = self.model.inputs().iter().any(|known| known == name);
                    let is_given = arguments.iter().any(|argument| is(&argument, name));
                    (is_input && !is_given).then(|| {
                        format!(
                            "`{name}` is an input of the program, and the call does not give it"
                        )
                    })
                }
                "type" => {
                    let list = |argument: &&Argument<'_>| matches!(argument.form, Form::List(_));
                    let array = |argument: &&Argument<'_>| {
                        argument.form == Form::Number && !argument.lead.is_empty()
                    };
                    let wants_array = message.contains("vector") || message.contains("matrix");
                    if let Some(Argument { name, .. }) = arguments.iter().find(list) {
                        Some(format!(
                            "`{name}` is a Python list, which is a list of the program; numpy.array({name}) \
                             broadcasts, and dmci.vector({name}) is a vector"
                        ))
                    } else if let Some(Argument { name, .. }) = arguments.iter().find(array)
                        && wants_array
                    {
                        Some(format!(
                            "`{name}` broadcasts, so a run of the program gets one number of it; \
                             dmci.vector({name}) or dmci.matrix({name}) keeps its last axes together"
                        ))
                    } else {
                        None
                    }
                }
                _ => None,
            })
        };
        match advice() {
            Ok(Some(advice)) => advised(py, error, &advice),
            _ => error,
        }
    }

    /// Prepares calls with such arguments.
    fn plan(
        &self,
        py: Python<'_>,
        arguments: &[Argument<'_>],
        asked: &Asked<'_, '_>,
    ) -> PyResult<Box<Plan>> {
        if let Some(plan) = self.plans().take(|plan| plan.fits(py, arguments, asked)) {
            return Ok(plan);
        }
        for argument in arguments {
            self.check_name(py, &argument.name.to_cow()?)?;
        }
        let plan = Plan::new(
            &self.model,
            arguments,
            asked.read()?,
            asked.immutable(),
            &self.options.limits,
            threads(self.options.threads),
        );
        plan.map(Box::new).map_err(|error| self.raise(py, &error))
    }

    /// Value and derivatives, of lanes or of one.
    fn derivatives<'py>(
        &self,
        py: Python<'py>,
        asked: &Asked<'_, 'py>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        if let Some((names, numbers)) = Self::numbers(kwargs) {
            let plan = self
                .plans()
                .take(|plan| plan.fits_numbers(py, &names, asked));
            if let Some(mut plan) = plan {
                let mut gradient: SmallVec<[f64; 8]> = SmallVec::from_elem(0.0, plan.wrt.len());
                let value = if plan.other {
                    None
                } else {
                    plan.evaluator.value_and_grad(&numbers, &mut gradient).ok()
                };
                if let Some(value) = value {
                    let answer = if asked.is_bare() {
                        PyFloat::new(py, gradient[0]).into_any()
                    } else {
                        let all = PyDict::new(py);
                        for ((name, ..), x) in plan.wrt.iter().zip(&gradient) {
                            all.set_item(name, *x)?;
                        }
                        all.into_any()
                    };
                    self.plans().keep(plan);
                    return Ok((PyFloat::new(py, value).into_any(), answer));
                }
                plan.other = true;
                self.plans().keep(plan);
            }
        }
        let arguments = self.arguments(kwargs)?;
        let mut plan = self.plan(py, &arguments, asked)?;
        let broadcast = Broadcast::of(py, &arguments)?;
        let call = Call::new(&arguments, &broadcast);
        let answer = if call.is_lanes {
            self.jacobians(py, &mut plan, &call)
        } else {
            self.one(py, &plan, &of_lane_at(&arguments, &call.inputs, 0))
        };
        let answer =
            answer.and_then(|(value, all)| Ok((value, Self::by_name(py, &plan, asked, all)?)));
        self.plans().keep(plan);
        answer.map_err(|error| self.advised(py, error, &arguments))
    }
}

/// A mode by its name.
pub(crate) fn mode(py: Python<'_>, name: &str) -> PyResult<Mode> {
    match name {
        "interpreter" => Ok(Mode::Interpreter),
        "direct" => Ok(Mode::Direct),
        "nested" => Ok(Mode::Nested),
        _ => Err(request(
            py,
            format!("there is no mode `{name}`; give interpreter, direct or nested"),
        )),
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Direct => "direct",
        Mode::Nested => "nested",
        _ => "interpreter",
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (source, *, threads=None, mode="interpreter", arrays=None, on_error="raise",
        fuel=None, temperature=None, gumbel_seed=None, interpreter=None))]
    #[expect(clippy::too_many_arguments, reason = "each is an option by its name")]
    fn new(
        py: Python<'_>,
        source: &str,
        threads: Option<usize>,
        mode: &str,
        arrays: Option<BTreeMap<String, usize>>,
        on_error: &str,
        fuel: Option<u64>,
        temperature: Option<f64>,
        gumbel_seed: Option<u64>,
        interpreter: Option<&Bound<'_, crate::interpreter::PyInterpreter>>,
    ) -> PyResult<Self> {
        let options = Options {
            threads,
            mode: self::mode(py, mode)?,
            arrays: arrays.unwrap_or_default(),
            nan: match on_error {
                "raise" => false,
                "nan" => true,
                _ => return Err(request(py, "`on_error` is 'raise' or 'nan'")),
            },
            limits: fuel.map_or_else(Limits::default, |fuel| Limits::default().fuel(fuel)),
            fuel,
            temperature,
            gumbel_seed,
        };
        if let Some((name, rank)) = options.arrays.iter().find(|(_, rank)| **rank > 2) {
            let message = format!("`arrays` gives `{name}` {rank} axes; it has 1 or 2");
            return Err(request(py, message));
        }
        let path = std::path::Path::new(source);
        let is_word = !source.contains(['(', ' ', '\n']);
        if is_word && path.extension().is_some_and(|end| end == "scm") && path.exists() {
            let message = format!(
                "`{source}` is a file's name, and the text of a program is wanted: \
                 dmci.Model(open({source:?}).read())"
            );
            return Err(request(py, message));
        }
        let own = interpreter.map(|interpreter| interpreter.get().interpreter.clone());
        let interpreter = own.as_ref().unwrap_or_else(|| embedded());
        let model = prepared(py, interpreter, source, &options)?;
        Ok(Self::of(model, options, own.is_none()))
    }

    /// The program's text.
    #[getter]
    fn source(&self) -> &str {
        self.model.text()
    }

    /// The names of the inputs: params, and other free names.
    #[getter]
    fn inputs(&self) -> Vec<String> {
        self.model.inputs().to_vec()
    }

    /// The params and their initial values, in the order written.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let params = PyDict::new(py);
        for param in self.model.params() {
            params.set_item(&param.name, param.init)?;
        }
        Ok(params)
    }

    /// Calls that would fail if they were reached, each with its line and column.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        let text = self.model.text();
        let warnings = self.model.warnings().iter();
        let warnings = warnings.map(|one| format!("{}: {}", one.span.position(text), one.message));
        warnings.collect()
    }

    /// The options it was made with.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Options {
            threads,
            mode,
            arrays,
            nan,
            limits: _,
            fuel,
            temperature,
            gumbel_seed,
        } = &self.options;
        let options = PyDict::new(py);
        options.set_item("threads", threads)?;
        options.set_item("mode", mode_name(*mode))?;
        options.set_item("arrays", arrays.clone())?;
        options.set_item("on_error", if *nan { "nan" } else { "raise" })?;
        options.set_item("fuel", fuel)?;
        options.set_item("temperature", temperature)?;
        options.set_item("gumbel_seed", gumbel_seed)?;
        Ok(options)
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        if !self.is_of_text {
            let message = "this model is more than its text: it was made by an interpreter or registry of its own";
            return Err(request(py, message));
        }
        Ok((PyTuple::new(py, [self.model.text()])?, self.options(py)?))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.get();
            let key = |model: &Self| format!("{:?}", model.options);
            std::ptr::eq(self, other)
                || self.is_of_text
                    && other.is_of_text
                    && self.model.text() == other.model.text()
                    && key(self) == key(other)
        })
    }

    fn __repr__(&self) -> String {
        let text = self.model.text();
        let mut first: String = text.chars().take(60).collect();
        if first.len() < text.len() {
            first.push('…');
        }
        format!("dmci.Model({first:?})")
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyModule::import(py, "dmci._html")?.call_method1("model", (slf,))
    }

    /// The program as the text of a function in another language: 'latex', 'sympy', 'numpy', 'torch', 'jax', 'c' or
    /// 'scheme'.
    ///
    /// `name` is what the function is called. `inputs` holds numbers, which become the defaults of arguments, and
    /// vectors, matrices and lists, of whose sizes the function's arguments then are.
    ///
    /// Raises `DmciError` with line and column where the program cannot be said in that language.
    #[pyo3(signature = (to, /, *, name="program", inputs=None))]
    fn export(
        &self,
        py: Python<'_>,
        to: &str,
        name: &str,
        inputs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        self.exported(py, to, name, Vec::new(), inputs)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        self.model.text().hash(&mut hasher);
        hasher.finish()
    }

    /// The value, for each element of the shape that the inputs broadcast to.
    ///
    /// Numbers and arrays broadcast; `dmci.vector(x)` and `dmci.matrix(x)` keep their last axis or last two as
    /// the program's value, and a list is a list of the program. Without an axis to broadcast along, a number is a
    /// float, and a list, vector or matrix of the program a list or an array. With axes the result is an array of
    /// that shape, followed by the axes of the value.
    ///
    /// Raises `DmciError` where the program fails, an input is missing, unknown or of another kind, or shapes do
    /// not broadcast.
    #[pyo3(signature = (**inputs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let asked = Asked::nothing();
        if let Some((names, numbers)) = Self::numbers(inputs) {
            let plan = self
                .plans()
                .take(|plan| plan.fits_numbers(py, &names, &asked));
            if let Some(mut plan) = plan {
                if !plan.other
                    && let Ok(value) = plan.evaluator.value(&numbers)
                {
                    self.plans().keep(plan);
                    return Ok(PyFloat::new(py, value).into_any());
                }
                plan.other = true;
                self.plans().keep(plan);
            }
        }
        let arguments = self.arguments(inputs)?;
        let mut plan = self.plan(py, &arguments, &asked)?;
        let broadcast = Broadcast::of(py, &arguments)?;
        let call = Call::new(&arguments, &broadcast);
        let answer = if call.is_lanes {
            self.values(py, &mut plan, &call)
        } else {
            let bindings = of_lane_at(&arguments, &call.inputs, 0);
            let evaluation = self.evaluate(py, &bindings, Wrt::Nothing, None);
            evaluation.and_then(|evaluation| value(py, &evaluation.value))
        };
        self.plans().keep(plan);
        answer.map_err(|error| self.advised(py, error, &arguments))
    }

    /// The value, as a call gives it, and its derivatives by `wrt`, element by element.
    ///
    /// `wrt` is a name, whose derivatives are given alone; several names, for a dict in their order; or None for
    /// all inputs given and all params. Derivatives have the broadcast shape, then the axes of the value, then
    /// those of one input: shape + value + input.
    ///
    /// Raises `DmciError` as a call does, and where `wrt` names nothing or the value holds more than numbers.
    #[pyo3(signature = (wrt=None, /, **inputs))]
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        wrt: Option<&Bound<'py, PyAny>>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let none = py.None().into_bound(py);
        self.derivatives(py, &Asked::of(wrt.unwrap_or(&none)), inputs)
    }

    /// The derivatives alone, as `value_and_grad` gives them.
    #[pyo3(signature = (wrt=None, /, **inputs))]
    fn jacobian<'py>(
        &self,
        py: Python<'py>,
        wrt: Option<&Bound<'py, PyAny>>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.value_and_grad(py, wrt, inputs)?.1)
    }

    /// Derivatives weighted by a cotangent and summed, in the shape of each input.
    ///
    /// `ct` broadcasts to the shape of the value. By each name it is the sum over all elements, and over all
    /// numbers of the value, of the cotangent times the derivative, but for the axes that the input itself has.
    /// One sweep, whatever the number of numbers in the value. `wrt` is as that of `value_and_grad`.
    ///
    /// Raises `DmciError` as `value_and_grad` does, and where the cotangent does not broadcast.
    #[pyo3(signature = (ct, wrt=None, /, **inputs))]
    fn vjp<'py>(
        &self,
        py: Python<'py>,
        ct: &Bound<'py, PyAny>,
        wrt: Option<&Bound<'py, PyAny>>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let none = py.None().into_bound(py);
        let asked = Asked::of(wrt.unwrap_or(&none));
        let arguments = self.arguments(inputs)?;
        let mut plan = self.plan(py, &arguments, &asked)?;
        let broadcast = Broadcast::of(py, &arguments)?;
        let call = Call::new(&arguments, &broadcast);
        let mut refused = None;
        let answers = self.products(py, &mut plan, &call, |plan, dims, grads| {
            let width = dims.iter().product();
            let cotangents = match weights(py, "the cotangent", ct, &call.shaped(dims, &[])) {
                Ok(cotangents) => cotangents,
                Err(error) => {
                    let message = error.to_string();
                    refused = Some(error);
                    return Err(Error::Request(message));
                }
            };
            let cotangents = cotangents.lanes(width);
            let Plan {
                evaluator, watch, ..
            } = plan;
            call.outside(py, watch, || {
                evaluator.vjp(&call.inputs, &cotangents, grads)
            })
        });
        let answer = answers
            .map_err(|error| refused.unwrap_or(error))
            .and_then(|answers| Self::by_name(py, &plan, &asked, answers));
        self.plans().keep(plan);
        answer.map_err(|error| self.advised(py, error, &arguments))
    }

    /// Hessians times a direction, in the shape of each input: a dict.
    ///
    /// `direction` gives a number or an array for each name that is to move, which broadcasts to that of all
    /// elements. By each of these names it is the product with the Hessian of the sum of all elements.
    ///
    /// Raises `DmciError` as `value_and_grad` does; the value is one number.
    #[pyo3(signature = (direction, /, **inputs))]
    fn hvp<'py>(
        &self,
        py: Python<'py>,
        direction: &Bound<'py, PyDict>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let names = direction.keys().extract::<Vec<String>>()?;
        let asked = Asked::names(names);
        let arguments = self.arguments(inputs)?;
        let mut plan = self.plan(py, &arguments, &asked)?;
        let broadcast = Broadcast::of(py, &arguments)?;
        let call = Call::new(&arguments, &broadcast);
        let of_names = plan.wrt.iter().zip(direction.values().iter());
        let of_names = of_names.map(|((name, form, _), value)| {
            let shape = call.shaped(&form.dims(), &[]);
            let what = format!("the direction of `{name}`");
            Ok((weights(py, &what, &value, &shape)?, form.width()))
        });
        let directions: PyResult<Vec<(Weights, usize)>> = of_names.collect();
        let answer = directions.and_then(|directions| {
            let directions: Vec<Lane<'_>> = directions
                .iter()
                .flat_map(|(weights, width)| weights.lanes(*width))
                .collect();
            let answers = self.products(py, &mut plan, &call, |plan, _, products| {
                let Plan {
                    evaluator, watch, ..
                } = plan;
                call.outside(py, watch, || {
                    evaluator.hvp(&call.inputs, &directions, products)
                })
            })?;
            Self::by_name(py, &plan, &asked, answers)
        });
        self.plans().keep(plan);
        answer.map_err(|error| self.advised(py, error, &arguments))
    }

    /// The Hessian of each element: the broadcast shape, then (n, n) for the n numbers of all names of `wrt`, in
    /// their order.
    ///
    /// Raises `DmciError` as `value_and_grad` does; the value is one number.
    #[pyo3(signature = (wrt=None, /, **inputs))]
    fn hessian<'py>(
        &self,
        py: Python<'py>,
        wrt: Option<&Bound<'py, PyAny>>,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let none = py.None().into_bound(py);
        let asked = Asked::of(wrt.unwrap_or(&none));
        let arguments = self.arguments(inputs)?;
        let mut plan = self.plan(py, &arguments, &asked)?;
        let broadcast = Broadcast::of(py, &arguments)?;
        let call = Call::new(&arguments, &broadcast);
        let answer = self.with_dims(py, &mut plan, &call, |plan, _| {
            let Plan {
                evaluator, watch, ..
            } = plan;
            let size = evaluator.gradient_len();
            let (array, numbers) = zeros(py, call.shaped(&[size, size], &[]));
            if numbers.is_empty() {
                return Ok((array, Vec::new()));
            }
            let failed = call.outside(py, watch, || {
                let mut failed = Vec::new();
                let mut directions = vec![Lane::Shared(0.0); size];
                for at in 0..size {
                    directions[at] = Lane::Shared(1.0);
                    let mut products = [LaneMut::Rows {
                        numbers: &mut numbers[at * size..],
                        width: size,
                        stride: size * size,
                    }];
                    failed = evaluator.hvp(&call.inputs, &directions, &mut products)?;
                    directions[at] = Lane::Shared(0.0);
                }
                Ok::<_, Error>(failed)
            })?;
            Ok((array, failed))
        });
        let answer = answer.and_then(|(array, failed)| {
            self.check(py, &failed, call.is_lanes)?;
            Ok(array.into_any())
        });
        self.plans().keep(plan);
        answer.map_err(|error| self.advised(py, error, &arguments))
    }
}

impl Model {
    /// The text of a function in another language, whose params have these values.
    pub(crate) fn exported(
        &self,
        py: Python<'_>,
        to: &str,
        name: &str,
        values: Vec<(String, f64)>,
        inputs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        let Some(target) = Target::from_name(to) else {
            let names = Target::ALL.map(Target::name).join(", ");
            return Err(request(
                py,
                format!("there is no target `{to}`; give one of {names}"),
            ));
        };
        let given = bindings(py, inputs)?;
        let mut options = ExportOptions::default();
        name.clone_into(&mut options.name);
        options.values = values;
        for name in given.names() {
            match given.get(name) {
                Some(Input::Number(x)) => options.values.push((name.to_owned(), *x)),
                Some(array) => {
                    options.inputs.set(name, array.clone());
                }
                None => {}
            }
        }
        let text = py.detach(|| export(&self.model, target, &options));
        text.map_err(|error| self.raise(py, &error))
    }
}

/// A model of a text.
pub(crate) fn prepared(
    py: Python<'_>,
    interpreter: &Interpreter,
    source: &str,
    options: &Options,
) -> PyResult<dmci::Model> {
    let model = py.detach(|| -> Result<dmci::Model, Error> {
        let model = interpreter.model_for(source, &Bindings::new(), options.mode)?;
        if options.temperature.is_none() && options.gumbel_seed.is_none() {
            return Ok(model);
        }
        let mut relaxation = model.relaxation();
        if let Some(temperature) = options.temperature {
            relaxation = relaxation.temperature(temperature);
        }
        if let Some(seed) = options.gumbel_seed {
            relaxation = relaxation.gumbel_seed(seed);
        }
        model.with_relaxation(relaxation)
    });
    model.map_err(|error| of_program(py, &error, source))
}

/// Inputs by keyword as bindings, each one value.
pub(crate) fn bindings(py: Python<'_>, inputs: Option<&Bound<'_, PyDict>>) -> PyResult<Bindings> {
    let mut bindings = Bindings::new();
    for (name, value) in inputs.into_iter().flatten() {
        let name = name.cast_into::<PyString>()?;
        let argument = Argument::of(name.clone(), &value, 0)?;
        let input = match &argument.lead[..] {
            [] => argument.first(),
            // An array is what it looks like, where nothing broadcasts.
            [_] => Argument::of(name.clone(), &value, 1)?.first(),
            [_, _] => Argument::of(name.clone(), &value, 2)?.first(),
            _ => None,
        };
        let Some(input) = input else {
            let message = format!("`{name}` is to be a number, a list, a vector or a matrix");
            return Err(request(py, message));
        };
        let input: Input = input;
        bindings.set(name.to_cow()?, input);
    }
    Ok(bindings)
}
