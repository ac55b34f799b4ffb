//! `Interpreter`: an evaluator from a file, and programs run by it once.

use crate::answer::value;
use crate::error::of_program;
use crate::model::{bindings, mode};
use crate::process::embedded;
use dmci::{Interpreter, Limits, Workspace};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// An evaluator: the compiled program that programs are run by.
#[pyclass(frozen, module = "dmci", name = "Interpreter")]
pub(crate) struct PyInterpreter {
    pub(crate) interpreter: Interpreter,
}

#[pymethods]
impl PyInterpreter {
    /// The one that comes with the package.
    #[new]
    fn new() -> Self {
        Self {
            interpreter: embedded().clone(),
        }
    }

    /// The one that a file holds.
    #[staticmethod]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are extracted to values"
    )]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        match py.detach(|| Interpreter::load(&path)) {
            Ok(interpreter) => Ok(Self { interpreter }),
            Err(error) => Err(of_program(py, &error, "")),
        }
    }

    /// Runs a program once.
    #[pyo3(signature = (source, /, *, mode="interpreter", **inputs))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        source: &str,
        mode: &str,
        inputs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let bindings = bindings(py, inputs)?;
        let mode = self::mode(py, mode)?;
        let output = py.detach(|| {
            let model = self.interpreter.model_for(source, &bindings, mode)?;
            model.value_once(&bindings, &Limits::default(), &mut Workspace::new())
        });
        match output {
            Ok(output) => value(py, &output),
            Err(error) => Err(of_program(py, &error, source)),
        }
    }
}
