//! `verify`: a program's gradient held against what else computes it.

use crate::error::{of_program, request};
use crate::model::{Model, bindings};
use crate::process::embedded;
use dmci::verify::{VerifyOptions, verify_with};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Verifies the gradient of a model, or of a program's text, at some inputs.
#[pyfunction]
#[pyo3(signature = (model, /, wrt=None, **inputs))]
pub(crate) fn verify<'py>(
    py: Python<'py>,
    model: &Bound<'py, PyAny>,
    wrt: Option<Vec<String>>,
    inputs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut options = VerifyOptions::default();
    options.wrt = wrt;
    let text = match model.cast::<Model>() {
        Ok(model) => {
            let model = model.get();
            options.limits = model.options.limits;
            options.relaxation = model.model.relaxation();
            model.model.text().to_owned()
        }
        Err(_) => model
            .extract::<String>()
            .map_err(|_| request(py, "what is verified is a Model, or a program's text"))?,
    };
    let bindings = bindings(py, inputs)?;
    let certificate = py.detach(|| verify_with(embedded(), &text, &bindings, &options));
    let certificate = certificate.map_err(|error| of_program(py, &error, &text))?;
    let warnings: Vec<String> = certificate
        .warnings
        .iter()
        .map(|warning| {
            let place = warning
                .place
                .map_or(String::new(), |[line, column]| format!("{line}:{column}: "));
            let dmci::verify::Warning {
                text,
                constant,
                step,
                ..
            } = warning;
            format!("{place}`{text}`: another path where {constant} moves by {step}")
        })
        .collect();
    let differences = certificate.constants.iter();
    let differences = differences.map(|constant| constant.largest_difference);
    let difference = differences.fold(0.0, f64::max);
    let record = PyModule::import(py, "json")?.call_method1("loads", (certificate.to_json(),))?;
    PyModule::import(py, "dmci._results")?
        .getattr("Certificate")?
        .call1((certificate.verdict.name(), difference, warnings, record))
}
