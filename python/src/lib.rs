//! The extension module `dmci._dmci`: what the Python package `dmci` is made of.
//!
//! Python objects go in and come out; what is computed is the crate's.
//!
//! **Invariants**
//! - What cannot be answered is a `DmciError`, never a panic.
//! - No state but the evaluator, threads by their number, and what each object holds behind a lock: modules
//!   without the interpreter lock may use it.

mod answer;
mod calls;
mod certificate;
mod density;
mod error;
mod ffi;
mod fit;
mod inputs;
mod interpreter;
mod interrupt;
mod model;
mod options;
mod plan;
mod process;
mod registry;
mod table;

/// The module.
#[pyo3::pymodule(gil_used = false)]
mod _dmci {
    #[pymodule_export]
    use crate::certificate::verify;
    #[pymodule_export]
    use crate::density::LogDensity;
    #[pymodule_export]
    use crate::error::DmciError;
    #[pymodule_export]
    use crate::ffi::Kernel;
    #[pymodule_export]
    use crate::fit::{Fit, PyEstimates};
    #[pymodule_export]
    use crate::inputs::CoreArray;
    #[pymodule_export]
    use crate::interpreter::PyInterpreter;
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::process::after_fork;

    #[pymodule_export]
    use crate::registry::PyRegistry;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
