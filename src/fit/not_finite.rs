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
use super::literals;
use super::options::FitOptions;
use super::scores::on_scale;
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
    let mut program = interpreter.expand_for(model.text(), &model.given(), mode, goal)?;
    if options.literals {
        literals::declare(&mut program);
    }
    let observations = observations(&program, options.target.as_deref())?;
    let less = usable_rows(&program, &observations, table, &options.noise_columns())?
        .map(|rows| table.only(&rows));
    let table = less.as_ref().unwrap_or(table);
    let unknowns = unknowns(&program, table, options)?;
    let by_row = observations.iter().any(|observation| observation.by_row);
    let (mut bindings, rows) = if by_row {
        (matrices(&program, table)?, columns(&program, table)?)
    } else {
        (columns_used(&program, table)?, Vec::new())
    };
    let rows: Vec<(String, &[f64])> = rows.into_iter().map(|(n, c)| (n.to_owned(), c)).collect();
    let names: Vec<&str> = unknowns.names.iter().map(String::as_str).collect();
    let values = params;
    let params: Vec<(String, f64)> = unknowns
        .all
        .iter()
        .map(|unknown| unknown.name.clone())
        .zip(params.iter().copied())
        .collect();
    for (name, column) in &rows {
        bindings.set(name, column.first().copied().unwrap_or(0.0));
    }
    for (&name, place) in names.iter().zip(&unknowns.places) {
        bindings.set(name, values[place.unknown(0)]);
    }
    for (name, x) in &unknowns.held {
        bindings.set(name, *x);
    }
    let inputs: Vec<&str> = bindings.names().collect();
    let prepared = Model::new(interpreter, program, &inputs, mode)?;
    let prepared = prepared.with_relaxation(model.relaxation())?;
    // What each number of a prediction is of: column and noise, or none for what noise is made of.
    let predicted = |row: Option<usize>| {
        let mut all = Vec::new();
        for observation in &observations {
            let rows = if row.is_some() { 1 } else { table.rows() };
            for _ in 0..rows {
                all.extend(observation.columns.iter().map(|column| Number {
                    column,
                    noise: Some(observation.noise),
                }));
            }
            let amounts = observation.expressions().count() - 1;
            if row.is_none() && amounts > 0 {
                // How many numbers these are, a series alone knows.
                return all;
            }
            all.extend((0..amounts).map(|_| Number {
                column: &observation.columns[0],
                noise: None,
            }));
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
        for (&name, place) in names.iter().zip(&unknowns.places).filter(|_| by_row) {
            bindings.set(name, values[place.unknown(run)]);
        }
        let wrt = Wrt::Names(&names);
        let limits = &options.limits;
        let evaluation = prepared.evaluate(&bindings, wrt, limits, &mut workspace);
        let observed = predicted(row);
        let what = match &evaluation {
            Err(error) => Some(failed(error)),
            Ok(evaluation) => wrong(evaluation, &observed, &names),
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

/// What a number of a prediction is of.
struct Number<'a> {
    column: &'a str,
    /// None for what the noise of that column is made of.
    noise: Option<Noise>,
}

/// The first number of a prediction, residual or derivative that is not finite, in words.
fn wrong(evaluation: &Evaluation, observed: &[Number<'_>], names: &[&str]) -> Option<String> {
    let predictions: Vec<f64> = evaluation.value.numbers().collect();
    for (at, &prediction) in predictions.iter().enumerate() {
        let Some(&Number { column, noise }) = observed.get(at) else {
            if prediction.is_finite() {
                continue;
            }
            return Some(format!("what noise is made of is {prediction:?}"));
        };
        let wrong = match noise {
            None if prediction.is_finite() && prediction > 0.0 => continue,
            None => format!("what the noise of `{column}` is made of is {prediction:?}"),
            Some(_) if !prediction.is_finite() => {
                format!("the prediction of `{column}` is {prediction:?}")
            }
            Some(Noise::Poisson) if prediction <= 0.0 => format!(
                "the prediction of `{column}` is {prediction:?}, and poisson noise needs numbers above 0"
            ),
            Some(noise) if !on_scale(noise, prediction).is_finite() => format!(
                "the prediction of `{column}` is {prediction:?}, and lognormal noise needs numbers above 0"
            ),
            Some(_) => continue,
        };
        return Some(wrong);
    }
    for &name in names {
        let derivatives = evaluation.gradient.jacobian(name).unwrap_or_default();
        let of = derivatives.iter().zip(observed);
        if let Some((x, number)) = { of }.find(|(x, _)| !x.is_finite()) {
            let column = number.column;
            return Some(format!("the derivative of `{column}` by `{name}` is {x:?}"));
        }
    }
    None
}
