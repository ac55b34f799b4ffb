//! Residuals of a program's predictions: what the search for a minimum asks of a model.
//!
//! A prepared model, what it predicts, and a table go in; residuals and their Jacobian come out.
//!
//! **Invariants**
//! - A problem is one thread's; what it shares with others never changes.
//! - Residuals stand in the order of [`Data`]: by observation and then by row.
//! - An error that has to do with one row names the row's line in the table's file, or the row where
//!   there is no file.

use super::declared::column_of;
use super::error::FitError;
use super::objective::{Objective, sum_of_squares};
use super::result::FittedColumn;
use super::table::Table;
use crate::error::Kind;
use crate::model::Error;
use crate::model::{Evaluator, Lane};
use crate::paths::tally::{Special, Values};
use crate::prim::math;
use crate::source::Span;
use crate::syntax::{Goal, Noise, Observation};
use crate::walk::{Item, Output, Stats};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// How far a prediction may be from a number that it is meant to be, as a part of that number: some
/// units in the last place, as a computation of some length has.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// What predictions are compared with.
pub(super) struct Data<'a> {
    table: &'a Table<'a>,
    observations: &'a [Observation],
    /// What the program is run for: a list of predictions, or the one prediction itself.
    goal: Goal,
    /// The columns that the program takes as numbers, where rows are predicted one by one.
    rows: Option<Vec<Cow<'a, [f64]>>>,
    /// How many rows there are.
    row_count: usize,
    /// Which of the table's those are, where they are not all.
    taken: Option<Vec<usize>>,
    /// One for each residual.
    observed: Vec<Observed<'a>>,
    /// The sum of squares that rounding alone may make of a perfect fit.
    rounding: f64,
    /// Which of all predictions those are of; none where no observation is missing.
    kept: Option<Vec<usize>>,
    /// Where the params of the first evaluation go that failed or was not finite, if anybody asks.
    met: Option<&'a OnceLock<Vec<f64>>>,
}

/// One number of the data.
#[derive(Clone)]
struct Observed<'a> {
    /// Its logarithm where the noise is lognormal.
    value: f64,
    noise: Noise,
    row: usize,
    column: &'a str,
}

impl<'a> Data<'a> {
    /// How many residuals there are.
    pub(super) fn residuals(&self) -> usize {
        self.observed.len()
    }

    pub(super) fn new(
        table: &'a Table<'a>,
        observations: &'a [Observation],
        goal: Goal,
        rows: Option<Vec<&'a [f64]>>,
        met: Option<&'a OnceLock<Vec<f64>>>,
    ) -> Result<Self, FitError> {
        let mut observed = Vec::new();
        for observation in observations {
            let named = |name: &'a String| {
                // A target is no part of the text.
                let column = match goal {
                    Goal::Value => table.observed(name)?,
                    Goal::Observations => column_of(table, name, observation.span)?,
                };
                Ok::<_, FitError>((name.as_str(), column))
            };
            let columns = observation.columns.iter().map(named);
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            for row in 0..table.rows() {
                for &(column, numbers) in &columns {
                    let value = numbers[row];
                    let noise = observation.noise;
                    if noise == Noise::Lognormal && value <= 0.0 {
                        return Err(FitError::NotPositive {
                            place: table.place(row),
                            column: column.to_owned(),
                            value,
                        });
                    }
                    observed.push(Observed {
                        value: on_scale(noise, value),
                        noise,
                        row,
                        column,
                    });
                }
            }
        }
        let kept = kept(&mut observed);
        if observed.is_empty() {
            return Err(FitError::NothingMeasured);
        }
        // Each number is good to half a unit in its last place.
        let rounding = observed.iter().map(|o| (ROUNDING * o.value).powi(2)).sum();
        Ok(Self {
            table,
            observations,
            goal,
            rows: rows.map(|rows| rows.into_iter().map(Cow::Borrowed).collect()),
            row_count: table.rows(),
            taken: None,
            observed,
            kept,
            rounding,
            met,
        })
    }

    /// So many of the rows, evenly spread, where rows are predicted one by one and there are more.
    pub(super) fn sample(&self, count: usize) -> Option<Self> {
        let rows = self.rows.as_ref().filter(|_| self.row_count > count)?;
        let taken: Vec<usize> = (0..count).map(|k| k * self.row_count / count).collect();
        let columns = rows.iter();
        let columns = columns.map(|column| taken.iter().map(|&row| column[row]).collect());
        let (mut observed, mut kept) = (Vec::new(), Vec::new());
        for observation in 0..self.observations.len() {
            for (at, row) in taken.iter().enumerate() {
                let place = observation * self.row_count + row;
                let place = match &self.kept {
                    None => Some(place),
                    Some(kept) => kept.binary_search(&place).ok(),
                };
                if let Some(place) = place {
                    observed.push(self.observed[place].clone());
                    kept.push(observation * count + at);
                }
            }
        }
        if observed.is_empty() {
            return None;
        }
        let all = count * self.observations.len();
        Some(Self {
            rows: Some(columns.map(Cow::Owned).collect()),
            row_count: count,
            taken: Some(taken),
            rounding: self.rounding * observed.len() as f64 / self.observed.len() as f64,
            kept: (kept.len() < all).then_some(kept),
            observed,
            ..*self
        })
    }

    /// The sum of the squares around each column's mean, on the scale of its noise.
    pub(super) fn total_squares(&self) -> f64 {
        let mut total = 0.0;
        for column in self
            .observations
            .iter()
            .flat_map(|observation| &observation.columns)
        {
            let values = || self.observed.iter().filter(|o| o.column == column);
            let count = values().count();
            let mean = values().map(|o| o.value).sum::<f64>() / count.max(1) as f64;
            total += values().map(|o| (o.value - mean).powi(2)).sum::<f64>();
        }
        total
    }

    /// The same where nothing is compared with the predictions.
    pub(super) fn unobserved(
        table: &'a Table<'a>,
        observations: &'a [Observation],
        goal: Goal,
        rows: Option<Vec<&'a [f64]>>,
    ) -> Self {
        Self {
            table,
            observations,
            goal,
            rows: rows.map(|rows| rows.into_iter().map(Cow::Borrowed).collect()),
            row_count: table.rows(),
            taken: None,
            observed: Vec::new(),
            rounding: 0.0,
            kept: Some(Vec::new()),
            met: None,
        }
    }

    /// How many predictions there are, observed or not.
    fn predictions(&self) -> usize {
        let columns: usize = self.observations.iter().map(|one| one.columns.len()).sum();
        self.row_count * columns
    }

    /// A row, for people: `the row at data.csv:5`; without a file `row 4`.
    fn row(&self, row: usize) -> String {
        let place = self.table.place(row);
        match self.table.file() {
            Some(_) => format!("the row at {place}"),
            None => place,
        }
    }
}

/// Leaves out observations that are missing; gives the places of the others, if any is.
fn kept(observed: &mut Vec<Observed<'_>>) -> Option<Vec<usize>> {
    let is_there = |one: &Observed<'_>| !one.value.is_nan();
    if observed.iter().all(is_there) {
        return None;
    }
    let places = observed.iter().enumerate().filter(|(_, one)| is_there(one));
    let places = places.map(|(place, _)| place).collect();
    observed.retain(is_there);
    Some(places)
}

/// A number on the scale on which the noise is additive.
pub(super) fn on_scale(noise: Noise, number: f64) -> f64 {
    match noise {
        Noise::Normal => number,
        Noise::Lognormal => math::ln(number),
    }
}

/// Residuals of a program's predictions, on one thread.
pub(super) struct Problem<'a> {
    run: Evaluator,
    data: &'a Data<'a>,
    /// Of the last evaluation, one for each residual.
    predictions: Vec<f64>,
    /// All of them, and their derivatives, where some are of observations that are missing.
    all: Vec<f64>,
    all_derivatives: Vec<f64>,
    /// Where rows are predicted one by one: a column for each prediction of a row, then for each of
    /// them and each param its derivatives.
    columns: Vec<f64>,
    stats: Stats,
}

/// A point at which there are no residuals.
#[derive(Debug)]
pub(super) enum Unfit {
    Program(Error),
    Form { message: String, span: Span },
}

impl Unfit {
    pub(super) fn into_fit_error(self) -> FitError {
        match self {
            Self::Program(error) => FitError::Program(error),
            Self::Form { message, span } => FitError::Form { message, span },
        }
    }

    /// The error, if other numbers would not mend it: all but what a program may do on purpose or
    /// by running away.
    pub(super) fn definite(self) -> Option<FitError> {
        match &self {
            Self::Program(error) if matches!(error.kind(), Kind::User | Kind::Resource) => None,
            _ => Some(self.into_fit_error()),
        }
    }
}

impl<'a> Problem<'a> {
    pub(super) fn new(run: Evaluator, data: &'a Data<'a>) -> Self {
        Self {
            run,
            data,
            predictions: Vec::with_capacity(data.observed.len()),
            all: Vec::new(),
            all_derivatives: Vec::new(),
            columns: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// What the last evaluation took: of all rows together, where rows are evaluated one by one.
    pub(super) fn stats(&self) -> Stats {
        self.stats
    }

    /// The predictions of the last evaluation with the residuals that are observed, by column: one for
    /// each row of the data, of which `rows` are used, or all; NaN where there is none.
    pub(super) fn columns(
        &self,
        residuals: &[f64],
        rows: Option<(&[usize], usize)>,
    ) -> Vec<FittedColumn> {
        let data = self.data;
        let of_rows = data.table.rows();
        let count = rows.map_or(of_rows, |(_, count)| count);
        let mut columns: Vec<FittedColumn> = Vec::new();
        for observation in data.observations {
            columns.extend(observation.columns.iter().map(|name| FittedColumn {
                name: name.clone(),
                noise: observation.noise,
                used: 0,
                dropped: count,
                predictions: vec![f64::NAN; count],
                residuals: vec![f64::NAN; count],
            }));
        }
        let place = |row: usize| rows.map_or(row, |(used, _)| used[row]);
        // A column is observed once, and its rows are in their order.
        let pairs = self.predictions.iter().zip(residuals);
        for (observed, (&prediction, &residual)) in data.observed.iter().zip(pairs) {
            let column = columns.iter_mut().find(|c| c.name == observed.column);
            if let Some(column) = column {
                let row = place(observed.row);
                column.predictions[row] = prediction;
                column.residuals[row] = residual;
                column.used += 1;
                column.dropped -= 1;
            }
        }
        if data.kept.is_some() {
            for (row, column, prediction) in self.placed(&self.all) {
                columns[column].predictions[place(row)] = prediction;
            }
        }
        columns
    }

    /// All predictions, each with its row and the number of its column.
    pub(super) fn placed<'p>(
        &'p self,
        predictions: &'p [f64],
    ) -> impl Iterator<Item = (usize, usize, f64)> + 'p {
        let data = self.data;
        let rows = data.table.rows();
        // For each column the first of its observation, and how many that has.
        let firsts = data.observations.iter().scan(0, move |first, one| {
            let at = *first;
            *first += one.columns.len();
            Some((at, one.columns.len()))
        });
        let places = firsts.flat_map(move |(first, count)| {
            (0..rows).flat_map(move |row| (first..first + count).map(move |column| (row, column)))
        });
        places
            .zip(predictions)
            .map(|((row, column), &prediction)| (row, column, prediction))
    }

    /// Takes predictions from residuals, where there is no time to make them again.
    pub(super) fn recall(&mut self, residuals: &[f64]) {
        let pairs = residuals.iter().zip(&self.data.observed);
        let predictions = pairs.map(|(residual, observed)| match observed.noise {
            Noise::Normal => residual + observed.value,
            Noise::Lognormal => math::exp(residual + observed.value),
        });
        self.predictions = predictions.collect();
        self.all.clear();
    }

    pub(super) fn predict(&mut self, params: &[f64]) -> Result<(), Unfit> {
        self.predict_with(params, None)
    }

    /// Makes the predictions and, where it is asked for, their Jacobian.
    fn predict_with(&mut self, params: &[f64], jac: Option<&mut [f64]>) -> Result<(), Unfit> {
        let predicted = self.predict_all(params, jac);
        if predicted.is_err() {
            self.note(params, &[]);
        }
        predicted
    }

    /// Keeps the params of the first evaluation that failed, where no numbers are given, or whose numbers
    /// are not finite.
    fn note(&self, params: &[f64], numbers: &[f64]) {
        if let Some(met) = self.data.met
            && met.get().is_none()
            && (numbers.is_empty() || numbers.iter().any(|x| !x.is_finite()))
        {
            // Another thread may have been first.
            let _ = met.set(params.to_vec());
        }
    }

    fn predict_all(&mut self, params: &[f64], jac: Option<&mut [f64]>) -> Result<(), Unfit> {
        let data = self.data;
        let Some(kept) = &data.kept else {
            return self.predict_each(params, jac);
        };
        let mut all = std::mem::take(&mut self.all_derivatives);
        all.resize(data.predictions() * params.len(), 0.0);
        let predicted = self.predict_each(params, jac.is_some().then_some(&mut all[..]));
        std::mem::swap(&mut self.all, &mut self.predictions);
        self.predictions.clear();
        if predicted.is_ok() {
            self.predictions
                .extend(kept.iter().map(|&place| self.all[place]));
            if let Some(jac) = jac {
                let columns = all.chunks_exact(data.predictions().max(1));
                for (entry, from) in jac
                    .iter_mut()
                    .zip(columns.flat_map(|column| kept.iter().map(move |&place| column[place])))
                {
                    *entry = from;
                }
            }
        }
        self.all_derivatives = all;
        predicted
    }

    /// All predictions, be they observed or not, in the order of the residuals; and their derivatives,
    /// column-major: one for each prediction by the first param, then by the second.
    pub(super) fn everything(&mut self, params: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Unfit> {
        let mut derivatives = vec![0.0; self.data.predictions() * params.len()];
        self.predict_each(params, Some(&mut derivatives))?;
        Ok((std::mem::take(&mut self.predictions), derivatives))
    }

    /// Makes all predictions, be they observed or not.
    fn predict_each(&mut self, params: &[f64], jac: Option<&mut [f64]>) -> Result<(), Unfit> {
        self.predictions.clear();
        let data = self.data;
        if let Some(columns) = &data.rows {
            return self.predict_rows(params, columns, jac);
        }
        self.run
            .run_at(params, jac.is_some())
            .map_err(Unfit::Program)?;
        self.stats = self.run.stats();
        self.check_series(self.run.output())?;
        self.predictions.extend(self.run.output().numbers());
        if let Some(jac) = jac {
            let (m, n) = (self.predictions.len(), params.len());
            for (i, row) in self.run.derivatives().chunks_exact(n.max(1)).enumerate() {
                for (j, &entry) in row.iter().enumerate() {
                    jac[j * m + i] = entry;
                }
            }
        }
        Ok(())
    }

    fn predict_rows(
        &mut self,
        params: &[f64],
        columns: &[Cow<'_, [f64]>],
        jac: Option<&mut [f64]>,
    ) -> Result<(), Unfit> {
        let data = self.data;
        let (rows, count) = (data.row_count, data.observations.len());
        let derivatives = if jac.is_some() { params.len() } else { 0 };
        let size = rows * count * (1 + derivatives);
        if self.columns.len() < size {
            self.columns.resize(size, 0.0);
        }
        let (values, gradients) = self.columns[..size].split_at_mut(rows * count);
        let params = params.iter().map(|&x| Lane::Shared(x));
        let columns = columns.iter().map(|column| Lane::Each(column));
        let inputs: Vec<Lane<'_>> = params.chain(columns).collect();
        let form = match data.goal {
            Goal::Value => Values::Number,
            Goal::Observations => Values::List(count),
        };
        let done = self.run.rows(&inputs, rows, form, values, gradients);
        let (stats, fault) = done.map_err(Unfit::Program)?;
        self.stats = stats;
        let of_table = |row: usize| data.taken.as_ref().map_or(row, |taken| taken[row]);
        let fault = fault.map(|(row, what)| (of_table(row), what));
        match fault {
            None => {}
            Some((row, Special::Failed(error))) => {
                return Err(Unfit::Program(in_row(error.into(), &data.row(row))));
            }
            Some((row, Special::Output(output))) => return Err(no_number(&output, data, row)),
        }
        self.predictions.extend_from_slice(values);
        if let Some(jac) = jac {
            // Of each prediction a column for each param.
            for (at, column) in gradients.chunks_exact(rows.max(1)).enumerate() {
                let (observation, param) = (at / derivatives, at % derivatives);
                let start = (param * count + observation) * rows;
                jac[start..start + rows].copy_from_slice(column);
            }
        }
        Ok(())
    }

    /// Checks that the output is, for each observation, as many rows as the table has, each of as
    /// many numbers as there are columns (or, for one column, a number): lists, vectors or a matrix.
    fn check_series(&self, output: &Output) -> Result<(), Unfit> {
        let expected = self.data.table.rows();
        let mut items = output.items().iter();
        items.next();
        for observation in self.data.observations {
            let wrong = |what: String| Unfit::Form {
                message: format!(
                    "{what}; `observe-series` needs a list of {expected} rows of {} numbers",
                    observation.columns.len()
                ),
                span: observation.span,
            };
            match items.next() {
                Some(Item::List(rows) | Item::Vector(rows) | Item::Matrix(rows)) => {
                    if *rows as usize != expected {
                        return Err(wrong(format!("the program predicts {rows} rows")));
                    }
                }
                _ => return Err(wrong("the prediction is no list".to_owned())),
            }
            for row in 1..=expected {
                match items.next() {
                    Some(Item::Number { .. }) if observation.columns.len() == 1 => {}
                    Some(Item::List(numbers) | Item::Vector(numbers))
                        if *numbers as usize == observation.columns.len() =>
                    {
                        for _ in 0..*numbers {
                            if !matches!(items.next(), Some(Item::Number { .. })) {
                                return Err(wrong(format!("row {row} holds more than numbers")));
                            }
                        }
                    }
                    Some(Item::List(numbers) | Item::Vector(numbers)) => {
                        return Err(wrong(format!("row {row} holds {numbers} values")));
                    }
                    _ => return Err(wrong(format!("row {row} is no list of numbers"))),
                }
            }
        }
        Ok(())
    }

    /// The first prediction that gives no finite residual, or the first derivative that is not finite, in
    /// words to go on with. The params' names are in the order of their values.
    pub(super) fn not_finite(&mut self, params: &[f64], names: &[&str]) -> Option<String> {
        self.predict(params).ok()?;
        let mut all = self.predictions.iter().zip(&self.data.observed);
        let wrong = all.find(|&(&prediction, observed)| {
            !(on_scale(observed.noise, prediction) - observed.value).is_finite()
        });
        if let Some((prediction, observed)) = wrong {
            let noise = match observed.noise {
                Noise::Normal => "",
                Noise::Lognormal => " with lognormal noise",
            };
            return Some(format!(
                " (at the initial values `{}` at {} is predicted to be {prediction}{noise})",
                observed.column,
                self.data.table.place(observed.row),
            ));
        }
        let rows = self.rows();
        let mut residuals = vec![0.0; rows];
        let mut jacobian = vec![0.0; rows * params.len()];
        self.linearize(params, &mut residuals, &mut jacobian).ok()?;
        let at = jacobian.iter().position(|entry| !entry.is_finite())?;
        let observed = &self.data.observed[at % rows];
        Some(format!(
            " (at the initial values the derivative of `{}` at {} by `{}` is {}; `dmci grad` shows it, and \
             a test in the model can keep such rows from it)",
            observed.column,
            self.data.table.place(observed.row),
            names.get(at / rows).unwrap_or(&"?"),
            jacobian[at],
        ))
    }
}

/// Which prediction of a row is no number.
fn no_number(output: &Output, data: &Data<'_>, row: usize) -> Unfit {
    let items = output.items();
    // The list of the predictions comes first; a target has one prediction, as it is.
    let items = &items[usize::from(data.goal == Goal::Observations)..];
    let is_number = |item: &Item| matches!(item, Item::Number { .. });
    // Those before it are numbers, one item each.
    let place = items.iter().position(|item| !is_number(item));
    let place = place.unwrap_or_default();
    let observation = &data.observations[place];
    let form = match data.goal {
        Goal::Value => "the target",
        Goal::Observations => "`observe`",
    };
    Unfit::Form {
        message: format!(
            "the prediction of `{}` at {} is {}; {form} needs a number for each row",
            observation.columns[0],
            data.table.place(row),
            describe(&items[place])
        ),
        span: observation.span,
    }
}

fn describe(item: &Item) -> &'static str {
    match item {
        Item::Number { .. } => "a number",
        Item::Bool(_) => "a boolean",
        Item::Char(_) => "a character",
        Item::Symbol(_) => "a symbol",
        Item::String(_) => "a string",
        Item::Procedure => "a procedure",
        Item::Unspecified => "unspecified",
        Item::List(_) => "a list",
        Item::Pair => "a pair",
        Item::Vector(_) => "a vector",
        Item::Matrix(_) => "a matrix",
        Item::Opaque { .. } => "no number",
    }
}

/// The error of an evaluation, with the row that it was for.
fn in_row(error: Error, row: &str) -> Error {
    match error {
        Error::Eval(mut error) => {
            let message = format!("{}, for {row}", error.message);
            Arc::make_mut(&mut error).message = message;
            Error::Eval(error)
        }
        error => error,
    }
}

impl Objective for Problem<'_> {
    type Error = Unfit;

    fn rows(&self) -> usize {
        self.data.observed.len()
    }

    fn value(&mut self, params: &[f64], r: &mut [f64]) -> Result<f64, Unfit> {
        self.predict(params)?;
        self.compare(r);
        self.note(params, r);
        Ok(sum_of_squares(r))
    }

    fn linearize(&mut self, params: &[f64], r: &mut [f64], jac: &mut [f64]) -> Result<f64, Unfit> {
        self.predict_with(params, Some(&mut *jac))?;
        self.compare(r);
        self.note(params, r);
        for column in jac.chunks_exact_mut(r.len().max(1)) {
            let predicted = self.predictions.iter().zip(&self.data.observed);
            for (entry, (prediction, observed)) in column.iter_mut().zip(predicted) {
                if observed.noise == Noise::Lognormal {
                    *entry /= prediction;
                }
            }
        }
        self.note(params, jac);
        Ok(sum_of_squares(r))
    }

    fn rounding(&self) -> f64 {
        self.data.rounding
    }
}

impl Problem<'_> {
    /// Writes the residuals of the predictions to `r`.
    fn compare(&self, r: &mut [f64]) {
        let pairs = self.predictions.iter().zip(&self.data.observed);
        for (r, (&prediction, observed)) in r.iter_mut().zip(pairs) {
            *r = on_scale(observed.noise, prediction) - observed.value;
        }
    }
}
