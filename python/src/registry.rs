//! `Registry`: models by their names, swapped while they run.
//!
//! **Invariants**
//! - A model of a registry calls what the registry holds when it is called, not when it was made.

use crate::error::{of_program, request};
use crate::model::{Model, Options, mode, prepared};
use crate::process::embedded;
use dmci::{Error, Handle, Interpreter, Limits, RegistryError};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Models by their names.
#[pyclass(frozen, mapping, module = "dmci", name = "Registry")]
pub(crate) struct PyRegistry {
    registry: dmci::Registry,
    interpreter: Interpreter,
    held: Mutex<BTreeMap<String, (Handle, Options)>>,
}

impl PyRegistry {
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, (Handle, Options)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, name: &str) -> PyResult<(Handle, Options)> {
        let held = self.held();
        let held = held.get(name).cloned();
        held.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }
}

fn fails(py: Python<'_>, error: RegistryError) -> PyErr {
    of_program(py, &Error::from(error), "")
}

#[pymethods]
impl PyRegistry {
    #[new]
    fn new() -> Self {
        let registry = dmci::Registry::new();
        Self {
            interpreter: embedded().with_models(&registry),
            registry,
            held: Mutex::default(),
        }
    }

    /// A model that may call those of the registry by their names, as `(model "name" …)`.
    #[pyo3(signature = (source, *, threads=None, mode="interpreter"))]
    fn model(
        &self,
        py: Python<'_>,
        source: &str,
        threads: Option<usize>,
        mode: &str,
    ) -> PyResult<Model> {
        let options = Options {
            threads,
            mode: self::mode(py, mode)?,
            arrays: BTreeMap::new(),
            nan: false,
            limits: Limits::default(),
            fuel: None,
            temperature: None,
            gumbel_seed: None,
        };
        let model = prepared(py, &self.interpreter, source, &options)?;
        Ok(Model::of(model, options, false))
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Model> {
        let (handle, options) = self.handle(name)?;
        let model = self
            .registry
            .get(handle)
            .map_err(|error| fails(py, error))?;
        Ok(Model::of(model, options, false))
    }

    /// Puts a model under a name, in place of the one before.
    fn __setitem__(&self, py: Python<'_>, name: String, model: &Bound<'_, Model>) -> PyResult<()> {
        if name.is_empty() {
            return Err(request(py, "a model's name has a character or more"));
        }
        let model = model.get();
        let options = model.options.clone();
        let model = model.model.clone();
        let mut held = self.held();
        let handle = match held.get(&name) {
            Some(&(handle, _)) => {
                let swapped = self.registry.swap(handle, model);
                swapped.map_err(|error| fails(py, error))?;
                handle
            }
            None => self.registry.insert(name.as_str(), model),
        };
        held.insert(name, (handle, options));
        Ok(())
    }

    fn __delitem__(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let (handle, _) = self.handle(name)?;
        self.registry
            .remove(handle)
            .map_err(|error| fails(py, error))?;
        self.held().remove(name);
        Ok(())
    }

    fn __contains__(&self, name: &str) -> bool {
        self.held().contains_key(name)
    }

    fn __len__(&self) -> usize {
        self.held().len()
    }

    /// The names, in order.
    fn keys(&self) -> Vec<String> {
        self.held().keys().cloned().collect()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        use pyo3::IntoPyObjectExt;
        self.keys().into_bound_py_any(py)?.call_method0("__iter__")
    }
}
