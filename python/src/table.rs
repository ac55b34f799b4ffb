//! Tables of data: what Python calls one goes in, columns of numbers for a fit or for predictions come out.
//!
//! **Invariants**
//! - An error of what is done with a table says what of the table is at fault, where that is known.

use crate::error::{advised, of_fit, request};
use crate::inputs::floats;
use crate::model::Model;
use dmci::fit::{FitError, Missing, Table, TableError, TableOptions};
use numpy::PyArrayMethods;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::path::PathBuf;

/// A table, and what is told of it where a fit or prediction fails.
pub(crate) struct Given {
    pub(crate) table: Table<'static>,
    /// Columns that hold no numbers, with what they hold.
    left_out: Vec<(String, String)>,
    /// Whether rows with gaps may still be left out.
    may_drop: bool,
}

impl Given {
    fn of(table: Table<'static>) -> Self {
        Self {
            table,
            left_out: Vec::new(),
            may_drop: false,
        }
    }

    /// The error of what was done with it, with what of the table is at fault.
    pub(crate) fn raise(&self, py: Python<'_>, error: &FitError, text: &str) -> PyErr {
        let raised = of_fit(py, error, text);
        let message = error.to_string();
        let asked = message.split('`').nth(1).unwrap_or_default();
        let is_column = |name: &&(String, String)| name.0 == asked;
        let advice = if let Some((name, what)) = self.left_out.iter().find(is_column) {
            format!("the table's column `{name}` holds no numbers: it is of the type {what}")
        } else if matches!(
            error,
            FitError::Table(TableError::NotFiniteInRow { value, .. }) if value.is_nan()
        ) && self.may_drop
        {
            "missing=\"drop\" leaves out what is NaN".to_owned()
        } else if message.contains("is no column of the table") {
            let names = self.table.names();
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("the table's columns of numbers are {}", names.join(", "))
        } else {
            return raised;
        };
        advised(py, raised, &advice)
    }
}

/// A table: of a CSV file, or of anything that has columns.
pub(crate) fn table_of(
    py: Python<'_>,
    model: &Model,
    data: Option<&Bound<'_, PyAny>>,
    named: &[&str],
    missing: &str,
) -> PyResult<Given> {
    let text = model.model.text();
    let may_drop = missing == "raise";
    let given = |left_out| Given {
        table: Table::empty(),
        left_out,
        may_drop,
    };
    let fails = |error| given(Vec::new()).raise(py, &FitError::Table(error), text);
    let missing = match missing {
        "raise" => Missing::Refuse,
        "drop" => Missing::Drop,
        _ => return Err(request(py, "`missing` is 'raise' or 'drop'")),
    };
    let options = TableOptions::default().missing(missing);
    let Some(data) = data.filter(|data| !data.is_none()) else {
        return Ok(Given::of(Table::empty()));
    };
    if data.is_instance_of::<PyString>() || data.hasattr("__fspath__")? {
        let path: PathBuf = data.extract()?;
        return options.read(path).map(Given::of).map_err(fails);
    }
    let tables = PyModule::import(py, "dmci._tables")?;
    let others = PyDict::new(py);
    let columns = tables.getattr("columns")?.call1((data, &others))?;
    let left_out: Vec<(String, String)> = others
        .iter()
        .map(|(name, what)| Ok((name.extract()?, what.extract()?)))
        .collect::<PyResult<_>>()?;
    let columns = columns.cast_into::<PyDict>()?;
    let mut all: Vec<(String, Vec<f64>)> = Vec::with_capacity(columns.len());
    for (name, column) in columns {
        let name: String = name.extract()?;
        let numbers = floats(&format_args!("the column `{name}`"), &column)?;
        let numbers = numbers.to_vec().or_else(|_| {
            let copy = numbers.call_method0("copy")?;
            let copy = copy.cast_into::<numpy::PyArrayDyn<f64>>()?;
            copy.to_vec().map_err(PyErr::from)
        })?;
        // A gap in a column that nothing asks for is no fault.
        let is_used = text.contains(&name) || named.contains(&name.as_str());
        if is_used || numbers.iter().all(|x| x.is_finite()) {
            all.push((name, numbers));
        }
    }
    if all.is_empty() {
        return Err(request(py, "the table has no column of numbers"));
    }
    let table = options.from_columns(all).map_err(fails)?;
    Ok(Given {
        table,
        ..given(left_out)
    })
}
