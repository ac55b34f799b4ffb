//! Where the numbers of a fit cease to be finite: the row, its numbers and the params, and the operation.
//!
//! A model, a table and the params of one evaluation go in; the first row whose prediction, residual or
//! derivatives are not finite comes out, with what [`Model::trace_nan`] tells of it.
//!
//! **Invariants**
//! - Rows are looked at in their order, each in a run of its own.
//! - Nothing of the fit depends on whether it is looked at.

use super::declared::{columns, columns_used, matrices, observations, unknowns, usable_rows};
use super::error::FitError;
use super::options::FitOptions;
use super::problem::on_scale;
use super::table::Table;
use crate::model::bindings::Wrt;
use crate::model::{Error, Model, NotFinite};
use crate::paths::Workspace;
use crate::syntax::{Goal, Noise};
use crate::walk::serial::pairs;
use crate::{Evaluation, Mode};
use serde::Serialize;
use std::fmt::Write;

/// Where an evaluation of a fit was not finite; by [`fit_traced`](super::fit_traced).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FitNotFinite {
    /// What is not finite, or what failed, in words.
    pub what: String,
    /// The row of the data, from 0; none where the program predicts series.
    pub row: Option<usize>,
    /// Where that row is: `data.csv:5`, or `row 4` without a file.
    pub place: Option<String>,
    /// The params, and what else was fitted, at that evaluation.
    #[serde(serialize_with = "pairs")]
    pub params: Vec<(String, f64)>,
    /// The numbers of the row that the program takes.
    #[serde(serialize_with = "pairs")]
    pub columns: Vec<(String, f64)>,
    /// What the run of that row met.
    pub run: NotFinite,
}

impl FitNotFinite {
    /// The account as the command line shows it; the program's text is called `name`.
    pub fn shown(&self, name: &str, colors: bool) -> String {
        let list = |all: &[(String, f64)]| {
            let all: Vec<String> = all
                .iter()
                .map(|(name, x)| format!("{name} = {x:?}"))
                .collect();
            all.join(", ")
        };
        let mut out = self.what.clone();
        if let Some(place) = &self.place {
            let _ = write!(out, ", at {place}");
            if !self.columns.is_empty() {
                let _ = write!(out, " ({})", list(&self.columns));
            }
        }
        let _ = writeln!(out, ", with {}", list(&self.params));
        if !self.run.is_clean() {
            out.push_str(&self.run.shown(name, colors));
        }
        out
    }
}

/// Looks for the first row that is not finite at some params, in the order of the unknowns.
pub(super) fn look(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    params: &[f64],
) -> Result<Option<FitNotFinite>, FitError> {
    let Some(interpreter) = model.interpreter() else {
        return Ok(None);
    };
    let goal = match options.target {
        Some(_) => Goal::Value,
        None => Goal::Observations,
    };
    // All modes compute with the same numbers; of this one all are known.
    let mode = Mode::Interpreter;
    let program = interpreter.expand_for(model.text(), &model.given(), mode, goal)?;
    let observations = observations(&program, options.target.as_deref())?;
    let (unknowns, held) = unknowns(&program, table, options)?;
    let less = usable_rows(&program, &observations, table)?.map(|rows| table.only(&rows));
    let table = less.as_ref().unwrap_or(table);
    let by_row = observations.iter().any(|observation| observation.by_row);
    let (mut bindings, rows) = if by_row {
        (matrices(&program, table)?, columns(&program, table)?)
    } else {
        (columns_used(&program, table)?, Vec::new())
    };
    let rows: Vec<(String, &[f64])> = rows.into_iter().map(|(n, c)| (n.to_owned(), c)).collect();
    let names: Vec<&str> = unknowns
        .iter()
        .map(|unknown| unknown.name.as_str())
        .collect();
    let params: Vec<(String, f64)> = names
        .iter()
        .map(|&n| n.to_owned())
        .zip(params.iter().copied())
        .collect();
    for (name, column) in &rows {
        bindings.set(name, column.first().copied().unwrap_or(0.0));
    }
    for (name, x) in params.iter().chain(&held) {
        bindings.set(name, *x);
    }
    let inputs: Vec<&str> = bindings.names().collect();
    let prepared = Model::new(interpreter, program, &inputs, mode)?;
    let prepared = prepared.with_relaxation(model.relaxation())?;
    // What each number of a prediction is compared with: column, noise, row.
    let predicted = |row: Option<usize>| {
        let mut all = Vec::new();
        for observation in &observations {
            let rows = row.map_or(0..table.rows(), |row| row..row + 1);
            for row in rows {
                all.extend(
                    observation
                        .columns
                        .iter()
                        .map(|c| (c.as_str(), observation.noise, row)),
                );
            }
        }
        all
    };
    let mut workspace = Workspace::new();
    let runs = if by_row { table.rows() } else { 1 };
    for run in 0..runs {
        let row = by_row.then_some(run);
        for (name, column) in rows.iter().filter(|_| by_row) {
            bindings.set(name, column[run]);
        }
        let wrt = Wrt::Names(&names);
        let limits = &options.limits;
        let evaluation = prepared.evaluate(&bindings, wrt, limits, &mut workspace);
        let observed = predicted(row);
        let what = match &evaluation {
            Err(error) => Some(failed(error)),
            Ok(evaluation) => wrong(evaluation, &observed, table, &names)?,
        };
        let Some(what) = what else {
            continue;
        };
        let traced = prepared.looked_into(&bindings, wrt, limits, &mut workspace)?;
        let columns = rows
            .iter()
            .map(|(name, column)| (name.clone(), column[run]));
        return Ok(Some(FitNotFinite {
            what,
            row,
            place: row.map(|row| table.place(row)),
            params,
            columns: columns.collect(),
            run: traced,
        }));
    }
    Ok(None)
}

fn failed(error: &Error) -> String {
    format!("the program fails ({error})")
}

/// The first number of a prediction, residual or derivative that is not finite, in words.
fn wrong(
    evaluation: &Evaluation,
    observed: &[(&str, Noise, usize)],
    table: &Table<'_>,
    names: &[&str],
) -> Result<Option<String>, FitError> {
    let predictions: Vec<f64> = evaluation.value.numbers().collect();
    for (&prediction, &(column, noise, row)) in predictions.iter().zip(observed) {
        let number = table.observed(column)?[row];
        if !prediction.is_finite() {
            return Ok(Some(format!(
                "the prediction of `{column}` is {prediction:?}"
            )));
        }
        if !number.is_nan() && !(on_scale(noise, prediction) - on_scale(noise, number)).is_finite()
        {
            return Ok(Some(format!(
                "the prediction of `{column}` is {prediction:?}, and lognormal noise needs numbers above 0"
            )));
        }
    }
    for &name in names {
        let derivatives = evaluation.gradient.jacobian(name).unwrap_or_default();
        let of = derivatives.iter().zip(observed);
        if let Some((x, (column, ..))) = { of }.find(|(x, _)| !x.is_finite()) {
            return Ok(Some(format!(
                "the derivative of `{column}` by `{name}` is {x:?}"
            )));
        }
    }
    Ok(None)
}
