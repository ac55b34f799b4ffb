//! Residuals of a program's predictions: what the search for a minimum asks of a model.
//!
//! A prepared model, what it predicts, and a table go in; residuals and their Jacobian come out.
//!
//! **Invariants**
//! - A problem is one thread's; what it shares with others never changes.
//! - Numbers of the data, and so residuals, stand in the order of [`Data`]: by observation and then by row.
//! - An error that has to do with one row names the row's line in the table's file, or the row where
//!   there is no file.

use super::declared::Place;
use super::noise::Row;
use super::objective::{Objective, sum_of_squares};
use super::observed::Data;
use super::outputs::{Layout, Unfit, in_row, layout, no_number};
use super::result::FittedColumn;
use super::scores::{Observed, Scoring, on_scale};
use crate::model::{Evaluator, Lane};
use crate::paths::tally::{Special, Values};
use crate::syntax::{Goal, Noise};
use crate::walk::Stats;
use std::borrow::Cow;

/// Residuals of a program's predictions, on one thread.
pub(super) struct Problem<'a> {
    run: Evaluator,
    data: &'a Data<'a>,
    /// Of the last evaluation, one for each number.
    predictions: Vec<f64>,
    /// Likewise the standard deviations that are predicted; empty where none is.
    sds: Vec<f64>,
    /// Where rows are predicted one by one: a column for each value of a row, then for each of them and
    /// each param its derivatives. Otherwise the numbers of the output in their order.
    columns: Vec<f64>,
    /// Where each value lies in the output of a program of series.
    layout: Vec<Layout>,
    /// The params that differ between rows, row by row.
    grouped: Vec<Vec<f64>>,
    scored: Vec<Row>,
    stats: Stats,
}

impl<'a> Problem<'a> {
    pub(super) fn new(run: Evaluator, data: &'a Data<'a>) -> Self {
        Self {
            run,
            data,
            predictions: Vec::with_capacity(data.numbers.len()),
            sds: Vec::new(),
            columns: Vec::new(),
            layout: Vec::new(),
            grouped: Vec::new(),
            scored: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// What it runs, with the memory of its runs.
    pub(super) fn into_run(self) -> Evaluator {
        self.run
    }

    /// What the last evaluation took: of all rows together, where rows are evaluated one by one.
    pub(super) fn stats(&self) -> Stats {
        self.stats
    }

    /// The predictions of the last evaluation with the residuals that are observed, by column: one for
    /// each row of the data, of which `rows` are used, or all; NaN where there is none.
    pub(super) fn columns(&self, rows: Option<(&[usize], usize)>) -> Vec<FittedColumn> {
        let data = self.data;
        let count = rows.map_or(data.table.rows(), |(_, count)| count);
        let place = |row: usize| rows.map_or(row, |(used, _)| used[row]);
        let names = data.names.iter().enumerate();
        let mut columns: Vec<FittedColumn> = names
            .map(|(at, name)| FittedColumn {
                name: (*name).to_owned(),
                noise: data.scoring.columns[at].noise,
                used: 0,
                dropped: count,
                predictions: vec![f64::NAN; count],
                residuals: vec![f64::NAN; count],
            })
            .collect();
        self.each(|row, column, prediction, _| {
            columns[column].predictions[place(row)] = prediction;
        });
        for (number, &prediction) in data.numbers.iter().zip(&self.predictions) {
            let column = &mut columns[number.column as usize];
            let row = place(number.row as usize);
            column.predictions[row] = prediction;
            column.residuals[row] = data.scoring.residual(number, prediction);
            column.used += 1;
            column.dropped -= 1;
        }
        columns
    }

    /// Gives all predictions of the last evaluation, be they observed or not: the row, which of the
    /// observed columns, the number, and where the first of its derivatives stands.
    fn each(&self, mut give: impl FnMut(usize, usize, f64, usize)) {
        let data = self.data;
        if self.columns.is_empty() {
            return;
        }
        let mut first = 0;
        for observation in data.observations {
            for row in 0..data.table.rows() {
                for place in 0..observation.columns.len() {
                    let number = Observed {
                        value: f64::NAN,
                        sd: f64::NAN,
                        row: row as u32,
                        lane: row as u32,
                        column: (first + place) as u32,
                        place: place as u32,
                        censored: None,
                    };
                    let output = data.computed[first + place].prediction;
                    let (at, derivatives) = self.place(output, &number);
                    give(row, first + place, self.columns[at], derivatives);
                }
            }
            first += observation.columns.len();
        }
    }

    /// Gives all predictions at params, be they observed or not: the row, which of the observed columns,
    /// the number, and its derivatives by the params.
    pub(super) fn everything(
        &mut self,
        params: &[f64],
        mut give: impl FnMut(usize, usize, f64, &[f64]),
    ) -> Result<(), Unfit> {
        self.predict_with(params, true)?;
        let (derivatives, stride) = self.derivatives();
        let mut gradient = vec![0.0; params.len()];
        self.each(|row, column, prediction, first| {
            gradient.fill(0.0);
            for (param, place) in self.data.places.iter().enumerate() {
                gradient[place.unknown(row)] += derivatives[first + param * stride];
            }
            give(row, column, prediction, &gradient);
        });
        Ok(())
    }

    /// The derivatives of the last evaluation, and how far those of a value by two params are apart.
    fn derivatives(&self) -> (&[f64], usize) {
        let data = self.data;
        if data.rows.is_some() {
            let values = data.row_count * data.outputs();
            (&self.columns[values..], data.row_count)
        } else {
            (self.run.derivatives(), 1)
        }
    }

    /// The predictions of the last evaluation, one for each number.
    pub(super) fn predictions(&self) -> &[f64] {
        &self.predictions
    }

    /// The predicted standard deviations of the last evaluation, one for each number; none where none is.
    pub(super) fn sds(&self) -> &[f64] {
        &self.sds
    }

    /// A value that the program gives beside predictions, for a number; of the last evaluation.
    pub(super) fn computed(&self, output: usize, number: &Observed) -> f64 {
        let at = self.place(output, number).0;
        self.columns.get(at).copied().unwrap_or(f64::NAN)
    }

    /// Where a value of a number stands among the values and, of its derivatives, the first.
    fn place(&self, output: usize, number: &Observed) -> (usize, usize) {
        let data = self.data;
        if data.rows.is_some() {
            let rows = data.row_count;
            let at = output * rows + number.lane as usize;
            let first = output * data.places.len() * rows + number.lane as usize;
            return (at, first);
        }
        let at = self.layout[output].at(number);
        (at, at * data.places.len())
    }

    pub(super) fn predict(&mut self, params: &[f64]) -> Result<(), Unfit> {
        self.predict_with(params, false)
    }

    /// Makes the predictions and, where it is asked for, their derivatives.
    fn predict_with(&mut self, params: &[f64], derivatives: bool) -> Result<(), Unfit> {
        let predicted = self.predict_all(params, derivatives);
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
            && (numbers.is_empty() || !are_finite(numbers))
        {
            // Another thread may have been first.
            let _ = met.set(params.to_vec());
        }
    }

    fn predict_all(&mut self, params: &[f64], derivatives: bool) -> Result<(), Unfit> {
        let data = self.data;
        if let Some(columns) = &data.rows {
            self.predict_rows(params, columns, derivatives)?;
        } else {
            self.run
                .run_at(params, derivatives)
                .map_err(Unfit::Program)?;
            self.stats = self.run.stats();
            self.layout = layout(self.run.output(), data.observations, data.table.rows())?;
            self.columns.clear();
            self.columns.extend(self.run.output().numbers());
        }
        self.predictions.clear();
        if data.is_direct {
            self.predictions
                .extend_from_slice(&self.columns[..data.numbers.len()]);
            return Ok(());
        }
        self.sds.clear();
        let any_sd = data.computed.iter().any(|computed| computed.sd.is_some());
        for number in &data.numbers {
            let computed = data.computed[number.column as usize];
            let (at, _) = self.place(computed.prediction, number);
            self.predictions.push(self.columns[at]);
            if any_sd {
                let sd = computed.sd.map(|sd| self.columns[self.place(sd, number).0]);
                self.sds.push(sd.unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    fn predict_rows(
        &mut self,
        params: &[f64],
        columns: &[Cow<'_, [f64]>],
        derivatives: bool,
    ) -> Result<(), Unfit> {
        let data = self.data;
        let (rows, count) = (data.row_count, data.outputs());
        let derivatives = if derivatives { data.places.len() } else { 0 };
        let size = rows * count * (1 + derivatives);
        if self.columns.len() < size {
            self.columns.resize(size, 0.0);
        }
        self.grouped.resize(data.places.len(), Vec::new());
        for (grouped, place) in self.grouped.iter_mut().zip(&data.places) {
            if let Place::Grouped { of_row } = place {
                grouped.clear();
                grouped.extend(of_row.iter().map(|&unknown| params[unknown as usize]));
            }
        }
        let inputs = inputs(data, &self.grouped, params, columns, None);
        let form = match data.goal {
            Goal::Value => Values::Number,
            Goal::Observations | Goal::Derived => Values::List(count),
        };
        let (values, gradients) = self.columns[..size].split_at_mut(rows * count);
        let done = self.run.rows(&inputs, rows, form, values, gradients);
        let (stats, fault) = done.map_err(Unfit::Program)?;
        self.stats = stats;
        let of_table = |row: usize| data.taken.as_ref().map_or(row, |taken| taken[row]);
        let fault = fault.map(|(row, what)| (of_table(row), what));
        match fault {
            None => {
                if !are_finite(gradients) {
                    self.level(params, columns, form);
                }
                Ok(())
            }
            Some((row, Special::Failed(error))) => {
                Err(Unfit::Program(in_row(error.into(), &data.row(row))))
            }
            Some((row, Special::Output(output))) => Err(no_number(&output, data, row)),
        }
    }

    /// Sets slopes that are not finite to 0 where a value does not depend on the param at all: `(sqrt (* a x))`
    /// at x = 0 is an endless slope times nothing. That it does not is looked at on both sides of the param.
    fn level(&mut self, params: &[f64], columns: &[Cow<'_, [f64]>], form: Values) {
        let data = self.data;
        let (rows, of_params) = (data.row_count, data.places.len());
        let all = rows * data.outputs();
        let mut moved = vec![0.0; all];
        for param in 0..of_params {
            let slope = |at: usize| all + (at / rows * of_params + param) * rows + at % rows;
            let mut steep: Vec<usize> = (0..all)
                .filter(|&at| !self.columns[slope(at)].is_finite())
                .collect();
            for part in [ASIDE, -ASIDE] {
                if steep.is_empty() {
                    break;
                }
                let changed = match &data.places[param] {
                    Place::Shared(unknown) => vec![aside(params[*unknown], part)],
                    Place::Grouped { .. } => self.grouped[param]
                        .iter()
                        .map(|&x| aside(x, part))
                        .collect(),
                };
                let change = Some((param, &changed[..]));
                let inputs = inputs(data, &self.grouped, params, columns, change);
                match self.run.rows(&inputs, rows, form, &mut moved, &mut []) {
                    Ok((_, None)) => {}
                    _ => steep.clear(),
                }
                steep.retain(|&at| moved[at].to_bits() == self.columns[at].to_bits());
            }
            for at in steep {
                self.columns[slope(at)] = 0.0;
            }
        }
    }

    /// Writes the Jacobian of rows that have their slopes, by the derivatives of the last evaluation.
    fn fill(&self, rows: &[Row], jacobian: &mut [f64]) {
        let data = self.data;
        let m = rows.len();
        let (derivatives, stride) = self.derivatives();
        jacobian.fill(0.0);
        let numbers = data.numbers.iter().enumerate();
        let of_sd = data.scoring.with_sd.iter().enumerate();
        let of_sd = of_sd.map(|(at, &number)| (data.numbers.len() + at, &data.numbers[number]));
        for (at, number) in numbers.chain(of_sd) {
            let row = rows[at];
            let computed = data.computed[number.column as usize];
            let prediction = self.place(computed.prediction, number).1;
            let sd = computed.sd.map(|sd| self.place(sd, number).1);
            for (param, place) in data.places.iter().enumerate() {
                let mut slope = 0.0;
                // A slope of zero, of a number that is far beyond a limit, counts for nothing.
                if row.by_prediction != 0.0 {
                    slope += row.by_prediction * derivatives[prediction + param * stride];
                }
                if let Some(sd) = sd
                    && row.by_sd != 0.0
                {
                    slope += row.by_sd * derivatives[sd + param * stride];
                }
                jacobian[place.unknown(number.lane as usize) * m + at] = slope;
            }
        }
        let first = m - data.scoring.priors.len();
        for (at, prior) in data.scoring.priors.iter().enumerate() {
            jacobian[prior.unknown * m + first + at] = rows[first + at].by_prediction;
        }
    }

    /// Makes the predictions and their derivatives.
    pub(super) fn predict_with_derivatives(&mut self, params: &[f64]) -> Result<(), Unfit> {
        self.predict_with(params, true)
    }

    /// The Jacobian of rows that have their slopes, m x n and column-major; of the last evaluation, which
    /// was with derivatives.
    pub(super) fn jacobian(&self, rows: &[Row], n: usize) -> Vec<f64> {
        let mut jacobian = vec![0.0; rows.len() * n];
        self.fill(rows, &mut jacobian);
        jacobian
    }

    pub(super) fn numbers(&self) -> &'a [Observed] {
        &self.data.numbers
    }

    pub(super) fn scoring(&self) -> &'a Scoring {
        &self.data.scoring
    }

    /// The rows of scores of the last evaluation, and its value.
    pub(super) fn score(&mut self, params: &[f64]) -> (f64, &[Row]) {
        let data = self.data;
        let rows = data.scoring.rows(data.numbers.len());
        self.scored.resize(rows, Row::default());
        let value = data.scoring.score(
            &data.numbers,
            &self.predictions,
            &self.sds,
            params,
            &mut self.scored,
        );
        (value, &self.scored)
    }

    /// Whether the scores are the residuals as they are.
    fn is_plain(&self) -> bool {
        self.data.is_direct && self.data.scoring.is_plain()
    }

    /// The first prediction that gives no finite residual, or the first derivative that is not finite, in
    /// words to go on with. The params' names are in the order of their values.
    pub(super) fn not_finite(&mut self, params: &[f64], names: &[&str]) -> Option<String> {
        self.predict(params).ok()?;
        let (_, rows) = self.score(params);
        let wrong = rows.iter().position(|row| !row.score.is_finite());
        let data = self.data;
        if let Some((number, at)) = wrong.and_then(|at| Some((self.number_of(at)?, at))) {
            let (place, column) = (data.table.place(number.row as usize), data.column(&number));
            let at = self.index_of(at);
            let prediction = self.predictions[at];
            let sd = self.sds.get(at).copied().unwrap_or(f64::NAN);
            let about = match data.noise(&number) {
                _ if sd <= 0.0 || sd.is_infinite() => {
                    format!(" with noise of the standard deviation {sd}, which is to be above 0")
                }
                Noise::Normal => String::new(),
                noise => format!(" with {} noise", noise.name()),
            };
            return Some(format!(
                " (at the initial values `{column}` at {place} is predicted to be {prediction}{about})"
            ));
        }
        let rows = self.rows();
        let mut residuals = vec![0.0; rows];
        let mut jacobian = vec![0.0; rows * params.len()];
        self.linearize(params, &mut residuals, &mut jacobian).ok()?;
        let at = jacobian.iter().position(|entry| !entry.is_finite())?;
        let number = self.number_of(at % rows)?;
        Some(format!(
            " (at the initial values the derivative of `{}` at {} by `{}` is {}; `dmci grad` shows it, and \
             a test in the model can keep such rows from it)",
            data.column(&number),
            data.table.place(number.row as usize),
            names.get(at / rows).unwrap_or(&"?"),
            jacobian[at],
        ))
    }

    /// Which number a row of scores is of.
    fn index_of(&self, row: usize) -> usize {
        let count = self.data.numbers.len();
        match row.checked_sub(count) {
            None => row,
            Some(at) => self.data.scoring.with_sd.get(at).copied().unwrap_or(count),
        }
    }

    fn number_of(&self, row: usize) -> Option<Observed> {
        self.data.numbers.get(self.index_of(row)).copied()
    }
}

/// Whether all are finite: one whose exponent is all ones is not, and one more carries it into the sign.
fn are_finite(numbers: &[f64]) -> bool {
    const EXPONENT: u64 = 0x7ff << 52;
    let carried = numbers
        .iter()
        .fold(0, |all, x| all | ((x.to_bits() & EXPONENT) + (1 << 52)));
    carried >> 63 == 0
}

/// How far aside of a param is looked, as a part of it.
const ASIDE: f64 = 1e-3;

/// A number a part of itself away.
fn aside(x: f64, part: f64) -> f64 {
    x + part * if x == 0.0 { 1.0 } else { x.abs() }
}

/// What a program takes for all rows: params, of which one may be changed, then columns.
fn inputs<'b>(
    data: &Data<'_>,
    grouped: &'b [Vec<f64>],
    params: &[f64],
    columns: &'b [Cow<'_, [f64]>],
    change: Option<(usize, &'b [f64])>,
) -> Vec<Lane<'b>> {
    let places = data.places.iter().zip(grouped).enumerate();
    let of_params = places.map(|(param, (place, grouped))| match (place, change) {
        (Place::Shared(_), Some((changed, to))) if changed == param => Lane::Shared(to[0]),
        (Place::Grouped { .. }, Some((changed, to))) if changed == param => Lane::Each(to),
        (Place::Shared(unknown), _) => Lane::Shared(params[*unknown]),
        (Place::Grouped { .. }, _) => Lane::Each(grouped),
    });
    of_params
        .chain(columns.iter().map(|column| Lane::Each(column)))
        .collect()
}

impl Objective for Problem<'_> {
    type Error = Unfit;

    fn rows(&self) -> usize {
        self.data.scoring.rows(self.data.numbers.len())
    }

    fn value(&mut self, params: &[f64], scores: &mut [f64]) -> Result<f64, Unfit> {
        self.predict(params)?;
        let value = self.compare(params, scores);
        self.note(params, scores);
        Ok(value)
    }

    fn linearize(
        &mut self,
        params: &[f64],
        scores: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<f64, Unfit> {
        self.predict_with(params, true)?;
        let value = self.compare(params, scores);
        self.note(params, scores);
        if self.is_plain() {
            self.plain_jacobian(jacobian);
        } else {
            self.fill(&self.scored, jacobian);
        }
        self.note(params, jacobian);
        Ok(value)
    }

    fn rounding(&self) -> f64 {
        self.data.scoring.rounding
    }

    fn is_least_squares(&self) -> bool {
        self.data.scoring.is_least_squares()
    }
}

impl Problem<'_> {
    /// Writes the scores of the predictions; gives their value.
    fn compare(&mut self, params: &[f64], scores: &mut [f64]) -> f64 {
        if self.is_plain() {
            let pairs = self.predictions.iter().zip(&self.data.numbers);
            let pairs = scores.iter_mut().zip(pairs);
            if self.has_logarithms() {
                for (score, (&prediction, number)) in pairs {
                    *score = on_scale(self.data.noise(number), prediction) - number.value;
                }
            } else {
                for (score, (prediction, number)) in pairs {
                    *score = prediction - number.value;
                }
            }
            return sum_of_squares(scores);
        }
        let (value, rows) = self.score(params);
        for (score, row) in scores.iter_mut().zip(rows) {
            *score = row.score;
        }
        value
    }

    /// Whether any column is compared by its logarithms.
    fn has_logarithms(&self) -> bool {
        let mut columns = self.data.scoring.columns.iter();
        columns.any(|column| column.noise == Noise::Lognormal)
    }

    /// The derivatives of the residuals, where these are the scores.
    fn plain_jacobian(&self, jacobian: &mut [f64]) {
        let data = self.data;
        let m = data.numbers.len();
        let count = data.places.len();
        // The unknowns are the params in another order, if at all.
        let unknown = |param: usize| data.places[param].unknown(0);
        if data.rows.is_some() {
            let rows = data.row_count;
            // Of each prediction a column for each param.
            let derivatives = self.columns[m..m * (1 + count)].chunks_exact(rows.max(1));
            for (at, column) in derivatives.enumerate() {
                let start = unknown(at % count) * m + at / count * rows;
                jacobian[start..start + rows].copy_from_slice(column);
            }
        } else {
            let rows = self.run.derivatives().chunks_exact(count.max(1));
            for (at, row) in rows.enumerate() {
                for (param, &entry) in row.iter().enumerate() {
                    jacobian[unknown(param) * m + at] = entry;
                }
            }
        }
        if self.has_logarithms() {
            for column in jacobian.chunks_exact_mut(m.max(1)) {
                let predicted = self.predictions.iter().zip(&data.numbers);
                for (entry, (prediction, number)) in column.iter_mut().zip(predicted) {
                    if data.noise(number) == Noise::Lognormal {
                        *entry /= prediction;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::are_finite;

    #[test]
    fn numbers_that_are_not_finite_are_seen_wherever_they_stand() {
        let finite = [
            0.0,
            -0.0,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            1.0,
        ];
        assert!(are_finite(&finite) && are_finite(&[]));
        for wrong in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for place in 0..=finite.len() {
                let mut numbers = finite.to_vec();
                numbers.insert(place, wrong);
                assert!(!are_finite(&numbers), "{wrong} {place}");
            }
        }
    }
}
