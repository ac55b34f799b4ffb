//! Predictions of a fitted model, with the uncertainty that its params leave them.
//!
//! A model, its estimates with their covariances, and a table of rows go in; for each observed column
//! the predictions of these rows come out, with 95 % bands of the mean.
//!
//! **Invariants**
//! - Rows need not be those that were fitted, and need not hold what is predicted, unless the program
//!   takes it.
//! - A band is of what is predicted, not of a measurement of it: noise is no part of it.
//! - Where a number that the program takes is missing, there is no prediction: NaN.
//!
//! ```text
//! var(f) = g C g'       g the derivatives of the prediction, C the covariances of the params
//! f -+ t(0.975, degrees of freedom) sqrt(var(f))      normal noise
//! f exp(-+ t sqrt(var(f)) / f)                        lognormal noise: the same in the logarithm
//! ```
//!
//! This holds for the model linearized at the estimates, as the standard errors do.

use super::declared::{Place, Unknowns};
use super::error::FitError;
use super::options::FitOptions;
use super::outputs::Unfit;
use super::prepared::{Asked, Known, Prepared, Purpose, Source};
use super::problem::Problem;
use super::result::Fit;
use super::statistics::student_t_end;
use super::table::Table;
use crate::model::Model;
use crate::prim::math;
use crate::source::Position;
use crate::syntax::{Noise, Param, Program};
use serde_json::Value;

/// What a fit found, as far as predictions need it.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{Estimates, FitOptions, Table, fit, predict};
///
/// let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 2.1, 2.9, 4.0]);
/// let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
/// let model = Interpreter::embedded().model("(param a 1) (param b 0) (observe y (+ b (* a x)))")?;
/// let options = FitOptions::default().starts(4);
/// let fitted = fit(&model, &table, &options)?;
///
/// let new = Table::from_columns([("x", vec![10.0])])?;
/// let predicted = predict(&model, &Estimates::from(&fitted), &new, &options)?;
/// let y = &predicted[0];
/// assert!((y.predictions[0] - 10.83).abs() < 1e-9);
/// assert!(y.low[0] < 10.83 && 10.83 < y.high[0]);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimates {
    /// The params that were fitted, in their order, and their estimates.
    pub params: Vec<(String, f64)>,
    /// What was held, each with its value.
    pub held: Vec<(String, f64)>,
    /// The covariances of the params, row-major, in their order.
    pub covariance: Vec<f64>,
    /// Of the residuals; 0 leaves no band.
    pub degrees_of_freedom: usize,
    /// The column that the program's value predicts, where it observes nothing itself.
    pub target: Option<String>,
}

impl From<&Fit> for Estimates {
    fn from(fit: &Fit) -> Self {
        let params = fit.params.iter();
        Self {
            params: params.map(|p| (p.name.clone(), p.estimate)).collect(),
            held: fit.held.clone(),
            covariance: fit.covariance.clone(),
            degrees_of_freedom: fit.degrees_of_freedom,
            target: None,
        }
    }
}

impl Estimates {
    /// The version of what `dmci fit` writes as JSON.
    pub const SCHEMA: u64 = 1;

    /// Reads what `dmci fit --json` prints, or writes as `fit.json`.
    ///
    /// # Errors
    /// [`FitError::Estimates`] when it is anything else.
    pub fn from_json(text: &str) -> Result<Self, FitError> {
        let wrong = |message: String| FitError::Estimates { message };
        let json: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("it is no JSON ({error})")))?;
        match json.get("schema").and_then(Value::as_u64) {
            Some(Self::SCHEMA) => {}
            Some(other) => {
                return Err(wrong(format!(
                    "its schema is {other}, and this version reads {}",
                    Self::SCHEMA
                )));
            }
            None => return Err(wrong("its member `schema` is missing".to_owned())),
        }
        let missing = |name: &str| wrong(format!("its member `{name}` is missing or malformed"));
        let params = json.get("params").and_then(Value::as_array);
        let params = params
            .ok_or_else(|| missing("params"))?
            .iter()
            .map(|param| {
                let name = param.get("name").and_then(Value::as_str)?;
                Some((name.to_owned(), number(param.get("estimate")?)?))
            });
        let params: Option<Vec<_>> = params.collect();
        let params = params.ok_or_else(|| missing("params"))?;
        let held = json.get("held").and_then(Value::as_object);
        let held = held.ok_or_else(|| missing("held"))?.iter();
        let held: Option<Vec<_>> = held
            .map(|(name, x)| Some((name.clone(), number(x)?)))
            .collect();
        let covariance = json.get("covariance").and_then(Value::as_array);
        let covariance: Option<Vec<f64>> =
            covariance.and_then(|all| all.iter().map(number).collect());
        let covariance = covariance
            .filter(|all| all.len() == params.len() * params.len())
            .ok_or_else(|| missing("covariance"))?;
        let degrees = json.get("degrees_of_freedom").and_then(Value::as_u64);
        let degrees = degrees.and_then(|count| usize::try_from(count).ok());
        Ok(Self {
            held: held.ok_or_else(|| missing("held"))?,
            degrees_of_freedom: degrees.ok_or_else(|| missing("degrees_of_freedom"))?,
            target: json
                .get("target")
                .and_then(Value::as_str)
                .map(str::to_owned),
            params,
            covariance,
        })
    }

    /// Whether float literals of the program were fitted.
    fn has_literals(&self) -> bool {
        let held = self.held.iter();
        let mut names = self.params.iter().chain(held).map(|(name, _)| name);
        names.any(|name| Position::of_literal(name).is_some())
    }

    /// The estimates as what a program takes for the rows of a table: a param that has a value for each
    /// number of a column has that of each row.
    fn unknowns(&self, program: &Program, table: &Table<'_>) -> Result<Unknowns, FitError> {
        let wrong = |message: String| FitError::Estimates { message };
        let mut unknowns = Unknowns {
            all: Vec::new(),
            names: Vec::new(),
            places: Vec::new(),
            held: self.held.clone(),
        };
        let mut used = vec![false; self.params.len()];
        for param in program.params() {
            if self.held.iter().any(|(held, _)| *held == param.name) {
                continue;
            }
            let place = match &param.by {
                None => self
                    .params
                    .iter()
                    .position(|(name, _)| *name == param.name)
                    .map(Place::Shared),
                Some(column) => self.groups(param, column, table)?,
            };
            let Some(place) = place else {
                return Err(wrong(format!(
                    "the program's param `{}` is not in it; predict with the model that was fitted",
                    param.name
                )));
            };
            let prefix = format!("{}[", param.name);
            for ((name, _), used) in self.params.iter().zip(&mut used) {
                *used |= *name == param.name || param.by.is_some() && name.starts_with(&prefix);
            }
            unknowns.names.push(param.name.clone());
            unknowns.places.push(place);
        }
        for (at, (name, _)) in self.params.iter().enumerate() {
            if used[at] {
                continue;
            }
            if program.free_names().all(|(free, _)| free != name) {
                return Err(wrong(format!(
                    "its param `{name}` is none of the program; predict with the model that was fitted"
                )));
            }
            unknowns.names.push(name.clone());
            unknowns.places.push(Place::Shared(at));
        }
        Ok(unknowns)
    }

    /// Which of a param's values each row has; none where there is none of them.
    fn groups(
        &self,
        param: &Param,
        column: &str,
        table: &Table<'_>,
    ) -> Result<Option<Place>, FitError> {
        let prefix = format!("{}[{column}=", param.name);
        let groups: Vec<(f64, u32)> = self
            .params
            .iter()
            .enumerate()
            .filter_map(|(at, (name, _))| {
                let number = name.strip_prefix(&prefix)?.strip_suffix(']')?;
                Some((number.parse().ok()?, at as u32))
            })
            .collect();
        if groups.is_empty() {
            return Ok(None);
        }
        let mut of_row = Vec::with_capacity(table.rows());
        for (row, &number) in table.observed(column)?.iter().enumerate() {
            let Some((_, at)) = groups.iter().find(|(group, _)| *group == number) else {
                return Err(FitError::Estimates {
                    message: format!(
                        "{}: the `{column}` {number} has no value of `{}`; predict those that were fitted",
                        table.place(row),
                        param.name
                    ),
                });
            };
            of_row.push(*at);
        }
        Ok(Some(Place::Grouped { of_row }))
    }

    /// The standard error of a prediction with such derivatives by the params.
    fn std_err(&self, gradient: &[f64]) -> f64 {
        let n = gradient.len();
        let mut variance = 0.0;
        for (i, gi) in gradient.iter().enumerate() {
            for (j, gj) in gradient.iter().enumerate() {
                // A param that a prediction does not depend on says nothing of it, determined or not.
                if *gi != 0.0 && *gj != 0.0 {
                    variance += gi * self.covariance[i * n + j] * gj;
                }
            }
        }
        // Rounding may leave a variance of zero below it.
        if variance.is_nan() {
            f64::INFINITY
        } else {
            variance.max(0.0).sqrt()
        }
    }
}

/// A number as JSON has it, or `"inf"`, `"-inf"`, `"nan"`.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some("nan") => Some(f64::NAN),
        Some(_) => None,
        None => value.as_f64(),
    }
}

/// An observed column as a fitted model predicts it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PredictedColumn {
    /// The column's name.
    pub name: String,
    /// How its numbers scatter around their predictions.
    pub noise: Noise,
    /// One for each row, in the unit of the column; NaN where the program takes a number that is missing.
    pub predictions: Vec<f64>,
    /// The lower ends of the 95 % band of the mean, likewise; NaN without degrees of freedom, and infinite
    /// where the data did not determine a param that the prediction depends on.
    pub low: Vec<f64>,
    /// The upper ends, likewise.
    pub high: Vec<f64>,
}

/// Predicts the rows of a table, in the model's mode and with its relaxation. Of the options, limits,
/// fuel and threads are used, and the target where the estimates name none.
///
/// # Errors
/// When the program fails, takes a name that is neither a column nor estimated, or was not the one that
/// was fitted; and as [`Error::Request`](crate::Error::Request) when the model is a compiled program.
pub fn predict(
    model: &Model,
    estimates: &Estimates,
    table: &Table<'_>,
    options: &FitOptions,
) -> Result<Vec<PredictedColumn>, FitError> {
    let source = Source::of(model)?;
    let target = estimates.target.as_deref().or(options.target.as_deref());
    let asked = Asked {
        purpose: Purpose::Predictions(target),
        literals: estimates.has_literals(),
        more: Vec::new(),
    };
    let estimated = |program: &Program, table: &Table<'_>| estimates.unknowns(program, table);
    let unchanged = |program, _: &Known<'_>| Ok((program, source.relaxation));
    let prepared = Prepared::new(&source, table, &asked, estimated, unchanged)?;
    let run = prepared
        .evaluator(&options.limits, options.threads.clone())?
        .drawing_on(options.fuel.as_ref());
    let data = prepared.unobserved()?;
    let mut problem = Problem::new(run, &data);
    let params: Vec<f64> = estimates.params.iter().map(|&(_, x)| x).collect();
    let nothing = || vec![f64::NAN; prepared.all_rows];
    let mut predicted: Vec<PredictedColumn> = Vec::new();
    for observation in &prepared.observations {
        predicted.extend(observation.columns.iter().map(|name| PredictedColumn {
            name: name.clone(),
            noise: observation.noise,
            predictions: nothing(),
            low: nothing(),
            high: nothing(),
        }));
    }
    let half = student_t_end(estimates.degrees_of_freedom);
    let predicting = problem.everything(&params, |row, column, prediction, gradient| {
        let row = prepared.usable.as_ref().map_or(row, |rows| rows[row]);
        let column = &mut predicted[column];
        let width = half * estimates.std_err(gradient);
        column.predictions[row] = prediction;
        (column.low[row], column.high[row]) = if column.noise == Noise::Lognormal {
            let factor = math::exp(width / prediction.abs());
            (prediction / factor, prediction * factor)
        } else {
            (prediction - width, prediction + width)
        };
    });
    predicting.map_err(Unfit::into_fit_error)?;
    Ok(predicted)
}
