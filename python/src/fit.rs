//! `Fit`: a model's params fitted to a table, and what can be asked of that.
//!
//! A table's columns and options go in; estimates with errors come out, as the command line tells them.
//!
//! **Invariants**
//! - The numbers are those of [`dmci::fit::Fit`], to the bit.
//! - What is by column is an array where one column is observed, and a dict of arrays where several are.

use crate::answer::array;
use crate::error::{in_python, of_fit, request};
use crate::inputs::floats;
use crate::interrupt::interruptible;
use crate::model::Model;
use crate::options::{Range, Told, told};
use crate::process::threads;
use crate::table::table_of;
use dmci::fit::{
    Estimates, FitError, FitOptions, Missing, PredictedColumn, Table, TableOptions, fit_observed,
    predict, profile,
};
use dmci::{Limits, Threads};
use numpy::PyArrayMethods;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeWarning};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// A fitted model.
#[pyclass(frozen, module = "dmci", name = "Fit")]
pub(crate) struct Fit {
    model: Py<Model>,
    table: Table<'static>,
    options: FitOptions,
    fitted: dmci::fit::Fit,
}

/// What `dmci fit` wrote, for predictions.
#[pyclass(frozen, module = "dmci", name = "Estimates")]
pub(crate) struct PyEstimates {
    model: Py<Model>,
    /// What they were read from.
    json: String,
    estimates: Estimates,
}

/// How long a fit from one start may take here before a thread is made for it, so that Ctrl-C is seen
/// meanwhile: a thread takes longer than a small fit does.
const BRIEF: Duration = Duration::from_millis(5);

/// What a fit comes to, where it ends within some time.
fn within(
    time: Duration,
    fit: impl FnOnce(Duration) -> Result<dmci::fit::Fit, FitError>,
) -> Option<Result<dmci::fit::Fit, FitError>> {
    let begin = Instant::now();
    let fitted = fit(time);
    let is_cut = match &fitted {
        Ok(fitted) => fitted.interrupted,
        Err(_) => true,
    };
    // What was cut is done again, and so is what failed where the time was up.
    (!is_cut || begin.elapsed() < time).then_some(fitted)
}

#[pymethods]
impl Model {
    /// Fits the params to a table: a `DataFrame`, a dict of columns, a structured array, or the path of a CSV file.
    ///
    /// `target` is the column that the program's value predicts, where it observes none itself; `sigma` and
    /// `weights` name columns; `init` are initial values, of params or of free names, which are then fitted;
    /// `fix` holds names (None: at their initial values); `bounds` are (low, high), either of them None; `loss` is
    /// 'squares', 'huber', 'soft-l1', 'cauchy' or 'student-t'; `missing` is 'raise' or 'drop'; `timeout` is in seconds, and
    /// ends the fit with the best so far, as Ctrl-C does. `starts` are made here, on `threads`, or in lots by
    /// `executor`. Same seed, same result, to the bit, on any number of threads.
    ///
    /// Raises `DmciError` where program, table or options are at fault, or nothing was found; `KeyboardInterrupt`
    /// where Ctrl-C came before anything was.
    #[pyo3(signature = (data=None, target=None, sigma=None, init=None, starts=64, seed=0, threads=None,
        executor=None, *, weights=None, fix=None, bounds=None, loss="squares", loss_scale=None,
        minimize=false, soften=false, max_iterations=None, all_starts=false, missing="raise",
        timeout=None))]
    #[expect(clippy::too_many_arguments, reason = "each is an option by its name")]
    fn fit<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        data: Option<&Bound<'py, PyAny>>,
        target: Option<String>,
        sigma: Option<String>,
        init: Option<BTreeMap<String, f64>>,
        starts: usize,
        seed: u64,
        threads: Option<usize>,
        executor: Option<&Bound<'py, PyAny>>,
        weights: Option<String>,
        fix: Option<BTreeMap<String, Option<f64>>>,
        bounds: Option<BTreeMap<String, Range>>,
        loss: &str,
        loss_scale: Option<f64>,
        minimize: bool,
        soften: bool,
        max_iterations: Option<usize>,
        all_starts: bool,
        missing: &str,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let model = slf.get();
        let named = [&target, &sigma, &weights];
        let named: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        let given = table_of(py, model, data, &named, missing)?;
        let limits = model.options.limits;
        let with = Told {
            target,
            sigma,
            weights,
            init: init.unwrap_or_default(),
            fix: fix.unwrap_or_default(),
            bounds: bounds.unwrap_or_default(),
            loss: loss.to_owned(),
            loss_scale,
            minimize,
            soften,
            max_iterations,
            all_starts,
            starts,
            seed,
        };
        let threads = self::threads(threads.or(model.options.threads));
        let mut options = with.options(py, limits, threads)?;
        if let Some(executor) = executor.filter(|executor| !executor.is_none()) {
            let shared = PyModule::import(py, "dmci._executors")?;
            let best = shared.getattr("best_start")?;
            let found = best.call1((
                slf,
                data,
                executor,
                starts,
                seed,
                told(py, &options, missing)?,
            ))?;
            // The fit from the best of all starts is done here, and its result is the result.
            for (name, value) in found.extract::<BTreeMap<String, f64>>()? {
                options.init.retain(|(known, _)| *known != name);
                options.init.push((name, value));
            }
            options.starts = 1;
        }
        let limits = match timeout {
            None => options.limits,
            Some(seconds) => {
                let time = Duration::try_from_secs_f64(seconds);
                let time = time.map_err(|_| request(py, "`timeout` is seconds from 0 on"))?;
                options.limits.timeout(time)
            }
        };
        let fitted = |limits: Limits| {
            let mut options = options.clone();
            options.limits = limits;
            let observer = |_: &_| ControlFlow::Continue(());
            fit_observed(&model.model, &given.table, &options, &observer)
        };
        let brief = (options.starts == 1 && timeout.is_none())
            .then(|| py.detach(|| within(BRIEF, |time| fitted(limits.timeout(time)))))
            .flatten();
        let (fitted, is_interrupted) = match brief {
            Some(fitted) => (fitted, false),
            None => interruptible(py, |flag| fitted(limits.interrupt(flag)))?,
        };
        let fitted = match fitted {
            Ok(fitted) => fitted,
            Err(_) if is_interrupted => {
                return Err(PyKeyboardInterrupt::new_err("before any start gave a fit"));
            }
            Err(error) => return Err(given.raise(py, &error, model.model.text())),
        };
        if is_interrupted {
            let message = c"the fit was interrupted: this is the best that was found by then";
            PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), message, 1)?;
        }
        let fit = Fit {
            model: slf.clone().unbind(),
            table: given.table,
            options,
            fitted,
        };
        Ok(Bound::new(py, fit)?.into_any())
    }
}

/// What is by column: that of the only one, or of each by its name.
fn by_column<'py>(
    py: Python<'py>,
    columns: impl ExactSizeIterator<Item = (String, Bound<'py, PyAny>)>,
) -> PyResult<Bound<'py, PyAny>> {
    let is_one = columns.len() == 1;
    let all = PyDict::new(py);
    for (name, column) in columns {
        if is_one {
            return Ok(column);
        }
        all.set_item(name, column)?;
    }
    Ok(all.into_any())
}

/// Numbers by their names.
fn by_name<'py>(py: Python<'py>, pairs: &[(String, f64)]) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    for (name, value) in pairs {
        all.set_item(name, value)?;
    }
    Ok(all)
}

/// A square of numbers, (n, n); of NaN where there are others.
fn square<'py>(py: Python<'py>, n: usize, numbers: &[f64]) -> PyResult<Bound<'py, PyAny>> {
    if numbers.len() == n * n {
        return array(py, &[n, n], numbers.to_vec());
    }
    array(py, &[n, n], vec![f64::NAN; n * n])
}

fn numbers<'py>(py: Python<'py>, numbers: &[f64]) -> Bound<'py, PyAny> {
    numpy::PyArray1::from_slice(py, numbers).into_any()
}

/// Predictions of a table's rows.
fn predicted<'py>(
    py: Python<'py>,
    model: &Model,
    estimates: &Estimates,
    data: &Bound<'py, PyAny>,
    options: &FitOptions,
    interval: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let given = table_of(py, model, Some(data), &[], "drop")?;
    let columns = py.detach(|| predict(&model.model, estimates, &given.table, options));
    let columns = columns.map_err(|error| given.raise(py, &error, model.model.text()))?;
    let columns: PyResult<Vec<(String, Bound<'py, PyAny>)>> = columns
        .into_iter()
        .map(|column: PredictedColumn| {
            let mean = numbers(py, &column.predictions);
            let told = if interval {
                let ends = (mean, numbers(py, &column.low), numbers(py, &column.high));
                ends.into_bound_py_any(py)?
            } else {
                mean
            };
            Ok((column.name, told))
        })
        .collect();
    by_column(py, columns?.into_iter())
}

impl Fit {
    fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::from(&self.fitted);
        estimates.target.clone_from(&self.options.target);
        estimates
    }

    /// A number of each param by its name.
    fn by_param<'py, T: IntoPyObject<'py>>(
        &self,
        py: Python<'py>,
        of: impl Fn(&dmci::fit::FittedParam) -> T,
    ) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        for param in &self.fitted.params {
            all.set_item(&param.name, of(param))?;
        }
        Ok(all)
    }

    /// What there is to be wary of.
    fn doubts(&self) -> Vec<String> {
        let warnings = self.fitted.warnings(&self.model.get().model, &self.options);
        warnings.iter().map(|one| in_python(one)).collect()
    }
}

#[pymethods]
impl Fit {
    /// The model that was fitted.
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    /// The estimates by name.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.estimates().params)
    }

    /// The standard errors by name; infinite where the data do not determine a param.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_param(py, |param| param.std_err)
    }

    /// The 95 % intervals by name, each (low, high).
    #[getter]
    fn intervals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_param(py, |param| (param.low, param.high))
    }

    /// The covariances of the params, (n, n), in the order of `params`.
    #[getter]
    fn covar<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        square(py, self.fitted.params.len(), &self.fitted.covariance)
    }

    /// Their correlations, likewise.
    #[getter]
    fn correlation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        square(py, self.fitted.params.len(), &self.fitted.correlation)
    }

    /// What was held, by name.
    #[getter]
    fn held<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.fitted.held)
    }

    /// The derived quantities by name, each (estimate, standard error).
    #[getter]
    fn derived<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let derived = PyDict::new(py);
        for one in &self.fitted.derived {
            derived.set_item(&one.name, (one.estimate, one.std_err))?;
        }
        Ok(derived)
    }

    /// Prediction less observation of every row, (rows,); a dict by column where several are observed.
    #[getter]
    fn residuals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = self.fitted.columns.iter();
        by_column(
            py,
            columns.map(|column| (column.name.clone(), numbers(py, &column.residuals))),
        )
    }

    /// The prediction of every row, likewise.
    #[getter]
    fn fitted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = self.fitted.columns.iter();
        by_column(
            py,
            columns.map(|column| (column.name.clone(), numbers(py, &column.predictions))),
        )
    }

    /// The names of the observed columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        let columns = self.fitted.columns.iter();
        columns.map(|column| column.name.clone()).collect()
    }

    /// The column of the data of this name, (rows,).
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.table.observed(name) {
            Ok(column) => Ok(numbers(py, column)),
            Err(error) => Err(of_fit(py, &FitError::Table(error), "")),
        }
    }

    /// The names of all columns of the data.
    #[getter]
    fn data_columns(&self) -> Vec<String> {
        self.table.names().to_vec()
    }

    #[getter]
    fn sse(&self) -> f64 {
        self.fitted.sse
    }

    #[getter]
    fn value(&self) -> f64 {
        self.fitted.value
    }

    #[getter]
    fn aic(&self) -> f64 {
        self.fitted.aic
    }

    #[getter]
    fn bic(&self) -> f64 {
        self.fitted.bic
    }

    #[getter]
    fn log_likelihood(&self) -> f64 {
        self.fitted.log_likelihood
    }

    #[getter]
    fn r_squared(&self) -> f64 {
        self.fitted.r_squared
    }

    #[getter]
    fn residual_sd(&self) -> f64 {
        self.fitted.residual_sd
    }

    #[getter]
    fn degrees_of_freedom(&self) -> usize {
        self.fitted.degrees_of_freedom
    }

    #[getter]
    fn converged(&self) -> bool {
        self.fitted.converged
    }

    #[getter]
    fn interrupted(&self) -> bool {
        self.fitted.interrupted
    }

    #[getter]
    fn undetermined(&self) -> Vec<String> {
        self.fitted.undetermined.clone()
    }

    #[getter]
    fn starts(&self) -> usize {
        self.fitted.starts
    }

    #[getter]
    fn agree(&self) -> usize {
        self.fitted.agree
    }

    #[getter]
    fn evaluations(&self) -> usize {
        self.fitted.evaluations
    }

    #[getter]
    fn seconds(&self) -> f64 {
        self.fitted.seconds
    }

    /// The other minima that fit equally well, each a dict of params.
    #[getter]
    fn optima<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let optima = self.fitted.optima.iter();
        let optima = optima.map(|optimum| {
            let all = PyDict::new(py);
            for (param, x) in self.fitted.params.iter().zip(&optimum.params) {
                all.set_item(&param.name, x)?;
            }
            Ok(all)
        });
        optima.collect()
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.doubts()
    }

    /// Predictions of the rows of another table, (rows,); a dict by column where several are observed. With
    /// `interval` each is (mean, low, high), the 95 % band of the mean.
    ///
    /// Raises `DmciError` where the table lacks a column or the program fails.
    #[pyo3(signature = (data, *, interval=false))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        interval: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let model = self.model.get();
        predicted(py, model, &self.estimates(), data, &self.options, interval)
    }

    /// The profile of the likelihood along a param, a `dmci.Profile`; of each, by name, without one.
    ///
    /// Raises `DmciError` where there is none: the param was not fitted, or no likelihood is known.
    #[pyo3(signature = (name=None))]
    fn profile<'py>(&self, py: Python<'py>, name: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let model = &self.model.get().model;
        let class = PyModule::import(py, "dmci._results")?.getattr("Profile")?;
        let one = |name: &str| {
            let (profile, is_interrupted) = interruptible(py, |flag| {
                let mut options = self.options.clone();
                options.limits = options.limits.interrupt(flag);
                profile(model, &self.table, &options, &self.fitted, name)
            })?;
            if is_interrupted {
                return Err(PyKeyboardInterrupt::new_err(()));
            }
            let profile = profile.map_err(|error| of_fit(py, &error, model.text()))?;
            let open = |end, side: f64| match end {
                dmci::fit::ProfileEnd::Open(_) => side * f64::INFINITY,
                end => end.value(),
            };
            let values: Vec<f64> = profile.points.iter().map(|point| point.value).collect();
            let deviances: Vec<f64> = profile.points.iter().map(|point| point.deviance).collect();
            class.call1((
                &profile.name,
                profile.estimate,
                open(profile.low, -1.0),
                open(profile.high, 1.0),
                profile.shape(),
                profile.bound,
                numbers(py, &values),
                numbers(py, &deviances),
            ))
        };
        if let Some(name) = name {
            return one(name);
        }
        let all = PyDict::new(py);
        for param in &self.fitted.params {
            all.set_item(&param.name, one(&param.name)?)?;
        }
        Ok(all.into_any())
    }

    /// All of it as JSON, which `dmci predict` and `dmci.Estimates.from_json` read.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let fails = |error: serde_json::Error| request(py, error.to_string());
        let mut all = serde_json::to_value(&self.fitted).map_err(fails)?;
        if let Value::Object(all) = &mut all {
            all.insert("schema".to_owned(), json!(Estimates::SCHEMA));
            all.insert("target".to_owned(), json!(self.options.target));
            let warnings = self.fitted.warnings(&self.model.get().model, &self.options);
            all.insert("warnings".to_owned(), json!(warnings));
        }
        serde_json::to_string(&all).map_err(fails)
    }

    /// What predicts, and travels: it can be pickled.
    #[getter(estimates)]
    fn told_estimates(&self, py: Python<'_>) -> PyResult<PyEstimates> {
        Ok(PyEstimates {
            model: self.model.clone_ref(py),
            json: self.to_json(py)?,
            estimates: self.estimates(),
        })
    }

    /// The program as the text of a function in another language, as `Model.export` gives it, with the estimates as
    /// the params' values.
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
        let params = self.fitted.params.iter();
        let params = params.map(|param| (param.name.clone(), param.estimate));
        let values = params.chain(self.fitted.held.iter().cloned()).collect();
        self.model.get().exported(py, to, name, values, inputs)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>, py: Python<'py>) -> PyResult<Restored<'py>> {
        let this = slf.get();
        let fails = |error: serde_json::Error| request(py, error.to_string());
        let columns = PyDict::new(py);
        for name in this.table.names() {
            if let Ok(column) = this.table.observed(name) {
                columns.set_item(name, numbers(py, column))?;
            }
        }
        let options = told(py, &this.options, "drop")?;
        options.set_item("starts", this.options.starts)?;
        options.set_item("seed", this.options.seed)?;
        let json = serde_json::to_string(&this.fitted).map_err(fails)?;
        let make = slf.get_type().getattr("_restored")?;
        Ok((make, (this.model.clone_ref(py), json, columns, options)))
    }

    /// What was pickled.
    #[staticmethod]
    fn _restored(
        py: Python<'_>,
        model: Py<Model>,
        json: &str,
        columns: &Bound<'_, PyDict>,
        options: Told,
    ) -> PyResult<Self> {
        let fails = |error: &dyn std::fmt::Display| {
            request(py, format!("this is no fit that was pickled: {error}"))
        };
        let fitted: dmci::fit::Fit = serde_json::from_str(json).map_err(|error| fails(&error))?;
        let mut all: Vec<(String, Vec<f64>)> = Vec::with_capacity(columns.len());
        for (name, column) in columns {
            let numbers = floats(&"a column", &column)?
                .to_vec()
                .map_err(|error| fails(&error))?;
            all.push((name.extract()?, numbers));
        }
        let table = if all.is_empty() {
            Table::empty()
        } else {
            let table = TableOptions::default()
                .missing(Missing::Drop)
                .from_columns(all);
            table.map_err(|error| fails(&error))?
        };
        let limits = model.get().options.limits;
        let options = options.options(py, limits, threads(model.get().options.threads))?;
        Ok(Self {
            model,
            table,
            options,
            fitted,
        })
    }

    /// Observations and predictions against the column `x`, or the first that is not observed, in a figure of
    /// matplotlib. Raises `ImportError` without it.
    #[pyo3(signature = (x=None))]
    fn plot<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        x: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        PyModule::import(py, "dmci.plot")?.call_method1("fit", (slf, x))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyModule::import(py, "dmci._html")?.call_method1("fit", (slf,))
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyModule::import(py, "dmci._html")?.call_method1("fit_text", (slf,))
    }
}

/// What makes a fit again, and its arguments.
type Restored<'py> = (
    Bound<'py, PyAny>,
    (Py<Model>, String, Bound<'py, PyDict>, Bound<'py, PyDict>),
);

/// What makes an object again, and its arguments.
type Reduced<'py> = (Bound<'py, PyAny>, (String, Py<Model>));

#[pymethods]
impl PyEstimates {
    /// Reads what `Fit.to_json`, or `dmci fit --json`, wrote.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str, model: Py<Model>) -> PyResult<Self> {
        let estimates = Estimates::from_json(text)
            .map_err(|error| of_fit(py, &error, model.get().model.text()))?;
        let json = text.to_owned();
        Ok(Self {
            model,
            json,
            estimates,
        })
    }

    fn to_json(&self) -> &str {
        &self.json
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let make = slf.get_type().getattr("from_json")?;
        let this = slf.get();
        Ok((make, (this.json.clone(), this.model.clone_ref(py))))
    }

    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.estimates.params)
    }

    #[getter]
    fn covar<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        square(py, self.estimates.params.len(), &self.estimates.covariance)
    }

    #[pyo3(signature = (data, *, interval=false))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        interval: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let limits = Limits::default();
        let options = FitOptions::default().limits(limits).threads(Threads::ALL);
        predicted(
            py,
            self.model.get(),
            &self.estimates,
            data,
            &options,
            interval,
        )
    }
}
