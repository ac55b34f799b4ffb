//! Calibration: the constants of one candidate, and how far it is off.
//!
//! A candidate goes in; a [`Verdict`] comes out: its mean squared error where it was calibrated, where
//! programs are chosen, and what was found; or why there is none.
//!
//! **Invariants**
//! - A verdict depends on the candidate and the task alone, unless a deadline, the last resort, is met.
//! - Nothing that a candidate does ends the search, and nothing it asks for goes past the task's limits.
//! - No process is started, and a candidate that fails costs what its limits allow.

use super::candidate::{Candidate, Fitted, Shape};
use super::error::{Refusal, SearchError};
use super::pool::{Draws, Population};
use super::select::{NOISE, Rows, Split};
use super::task::{CalibrateTask, Runs, Task, Trend};
use super::tree::Tree;
use crate::fit::{Calibrated, FitContext, FitError, FitOptions, PreparedFit, Table};
use crate::prim::math;
use crate::{Interpreter, Limits, Mode, Threads};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is known of a candidate once it was calibrated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// The mean squared error of the rows calibrated on.
    pub(super) fit: f64,
    /// That of the rows that choose; none where there are none, or this is not worth it.
    pub(super) select: Option<f64>,
    /// Evaluations of the model at all rows.
    pub(super) evaluations: u64,
    /// Schwarz' criterion of the rows calibrated on: n log(mean squared error) + constants log n, where each
    /// group's own constants count; where they are of a population, minus twice the logarithm of the marginal
    /// likelihood, from the same zero, and the population's count.
    pub(super) bic: f64,
    /// Constants and params with what was found; of groups, the medians.
    pub(super) found: Vec<(String, f64)>,
}

/// What calibrates candidates.
pub(super) struct Judge {
    interpreter: Interpreter,
    shape: Shape,
    splits: Vec<Split>,
    forecast: Option<Forecast>,
    target: String,
    options: CalibrateTask,
    interrupt: Option<&'static AtomicBool>,
    mode: Mode,
}

/// Rows of inputs without targets, and what predictions there must be.
struct Forecast {
    table: Table<'static>,
    range: [f64; 2],
    trend: Option<Trend>,
}

/// How often draws of groups' constants are made anew for the population.
const ROUNDS: usize = 2;

/// Constants as one fit found them, with its sum of squares.
#[derive(Clone, Debug)]
struct Found {
    sse: f64,
    evaluations: u64,
    params: Vec<(String, f64)>,
    /// Of a group of a population: what its constants may be, with weights.
    draws: Option<(Vec<Vec<f64>>, Vec<f64>)>,
}

/// What calibrating on one split gave.
struct Calibration {
    all: Vec<Found>,
    /// Evaluations beside those of the last.
    before: u64,
    /// The criterion, where it is that of a population.
    bic: Option<f64>,
    /// The means of the population, where there is one.
    means: Option<Vec<(String, f64)>>,
}

impl Judge {
    pub(super) fn new(
        task: &Task,
        rows: &Rows,
        interrupt: Option<&'static AtomicBool>,
    ) -> Result<Self, SearchError> {
        let known = rows.known_targets();
        let [low, high] = known
            .iter()
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &y| {
                [low.min(y), high.max(y)]
            });
        let reach = high - low;
        let range = task.data.range.unwrap_or([low - reach, high + reach]);
        Ok(Self {
            interpreter: Interpreter::embedded(),
            shape: Shape::new(task),
            splits: rows.splits(task.calibrate.constants),
            forecast: rows.forecast(task)?.map(|table| Forecast {
                table,
                range,
                trend: task.data.trend,
            }),
            target: task.data.target.clone(),
            options: task.calibrate.clone(),
            interrupt,
            mode: match task.calibrate.mode {
                Runs::Direct => Mode::Direct,
                Runs::Interpreter => Mode::Interpreter,
            },
        })
    }

    /// The same with one split in place of those that choose.
    pub(super) fn on(mut self, split: Split) -> Self {
        self.splits = vec![split];
        self
    }

    fn limits(&self) -> Limits {
        let CalibrateTask {
            fuel,
            bytes,
            depth,
            seconds,
            ..
        } = self.options;
        let limits = Limits::default()
            .fuel(fuel)
            .heap_bytes(bytes)
            .depth(depth)
            .trace_bytes(bytes)
            .text_bytes(1 << 22)
            .timeout(Duration::from_secs_f64(seconds.min(1e9)));
        match self.interrupt {
            Some(flag) => limits.interrupt(flag),
            None => limits,
        }
    }

    fn options(&self, fitted: &Fitted, starts: usize) -> FitOptions {
        let options = FitOptions::default()
            .literals(true)
            .starts(starts)
            .max_evaluations(starts * self.options.evaluations)
            .limits(self.limits())
            .threads(Threads::ONE);
        if fitted.observes {
            options
        } else {
            options.target(self.target.clone())
        }
    }

    /// Calibrates a candidate, and puts what was found into it. Rows that choose are looked at where the
    /// candidate fits at least as well as `bar`.
    pub(super) fn judge(&self, candidate: &mut Candidate, bar: f64) -> Result<Verdict, Refusal> {
        let fitted = self.shape.fitted(&candidate.program);
        let options = self.options(&fitted, self.starts(candidate));
        let (mut verdict, all) = self.split(&self.splits[0], &fitted, &options, bar)?;
        if verdict.fit <= bar {
            verdict.select = self.beyond(&self.splits[0], &fitted, &options, &all)?;
            if let Some(select) = &mut verdict.select
                && self.splits.len() > 1
            {
                let mut sum = *select;
                for split in &self.splits[1..] {
                    let (other, all) = self.split(split, &fitted, &options, f64::INFINITY)?;
                    verdict.evaluations += other.evaluations;
                    sum += self
                        .beyond(split, &fitted, &options, &all)?
                        .unwrap_or(other.fit);
                }
                *select = sum / self.splits.len() as f64;
            }
            self.foresee(candidate, &fitted, &all)?;
        }
        candidate.put(&fitted, &verdict.found);
        Ok(verdict)
    }

    /// The mean squared error that a candidate is chosen by, of each group: none where groups have no
    /// constants of their own, so that they are not told apart.
    pub(super) fn by_group(&self, candidate: &Candidate) -> Option<BTreeMap<usize, f64>> {
        let fitted = self.shape.fitted(&candidate.program);
        let options = self.options(&fitted, self.starts(candidate));
        let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for split in self.splits.iter().filter(|split| split.beyond.is_some()) {
            if split.groups.len() < 2 {
                return None;
            }
            let (_, all) = self.split(split, &fitted, &options, f64::INFINITY).ok()?;
            let each = self.beyond_each(split, &fitted, &options, &all).ok()?;
            let tables = split.beyond.iter().flatten();
            for ((group, sse), table) in split.groups.iter().zip(each).zip(tables) {
                let sum = sums.entry(*group).or_default();
                sum.0 += sse / self.known(table).max(1) as f64;
                sum.1 += 1.0;
            }
        }
        let means = sums
            .into_iter()
            .map(|(group, (sum, count))| (group, sum / count));
        Some(means.collect())
    }

    fn starts(&self, candidate: &Candidate) -> usize {
        if candidate.program.iter().all(is_plain) {
            1
        } else {
            self.options.starts
        }
    }

    /// Calibrates on one split; of a population only as far as `bar` wants it.
    fn split(
        &self,
        split: &Split,
        fitted: &Fitted,
        options: &FitOptions,
        bar: f64,
    ) -> Result<(Verdict, Vec<Found>), Refusal> {
        let Calibration {
            all,
            before,
            bic,
            means,
        } = if let Some(together) = &split.together {
            self.pooled(split, together, fitted, options, bar)?
        } else {
            let mut all = Vec::with_capacity(split.fit.len());
            for table in &split.fit {
                all.push(self.fit(table, fitted, options)?);
            }
            Calibration {
                all,
                before: 0,
                bic: None,
                means: None,
            }
        };
        let sse: f64 = all.iter().map(|found| found.sse).sum();
        let rows = split.fit_rows.max(1) as f64;
        let fit = sse / rows;
        if !fit.is_finite() {
            return Err(Refusal::new(
                "start",
                "the residuals are too large to be squared",
            ));
        }
        let of_all = || {
            let constants: usize = all.iter().map(|found| found.params.len()).sum();
            let error = math::ln(fit.max(f64::MIN_POSITIVE));
            rows * error + (constants + 1) as f64 * math::ln(rows)
        };
        let verdict = Verdict {
            fit,
            select: None,
            evaluations: before + all.iter().map(|found| found.evaluations).sum::<u64>(),
            bic: bic.unwrap_or_else(of_all),
            found: means.unwrap_or_else(|| medians(&all)),
        };
        Ok((verdict, all))
    }

    /// Calibrates constants of groups that are of one population: first those that all share, from as many
    /// starts as there are; from there those of each group; then, where these are worth it, the population
    /// and what it says of each group, in turn.
    fn pooled(
        &self,
        split: &Split,
        together: &Table<'_>,
        fitted: &Fitted,
        options: &FitOptions,
        bar: f64,
    ) -> Result<Calibration, Refusal> {
        let refused = |error: FitError| refused(&error, &fitted.text);
        let shared = self.fit(together, fitted, options)?;
        let mut before = shared.evaluations;
        let names = || shared.params.iter().map(|(name, _)| name.clone());
        let named = |values: &[f64]| names().zip(values.iter().copied()).collect();
        let start: Vec<f64> = shared.params.iter().map(|(_, value)| *value).collect();
        let one = options
            .clone()
            .starts(1)
            .max_evaluations(self.options.evaluations);
        let known = one.clone().sigma(NOISE);
        let rows = split.fit_rows;
        let (mut prepared, mut all) = (Vec::new(), Vec::new());
        for table in &split.fit {
            let context = FitContext::new(&self.interpreter, table, known.clone()).mode(self.mode);
            let ready = context.prepare(&fitted.text).map_err(refused)?;
            let (found, _) = ready.calibrate_from(&start, &one, false).map_err(refused)?;
            all.push(Found {
                sse: found.sse,
                evaluations: found.evaluations as u64,
                params: named(&found.params),
                draws: None,
            });
            prepared.push(ready);
            // Others only add to it.
            let sse: f64 = all.iter().map(|found| found.sse).sum();
            if sse > bar * rows as f64 && all.len() < split.fit.len() {
                let seen: usize = split.fit[..all.len()]
                    .iter()
                    .map(|table| self.known(table))
                    .sum();
                let scale = rows as f64 / seen.max(1) as f64;
                for found in &mut all {
                    found.sse *= scale;
                }
                break;
            }
        }
        let sse: f64 = all.iter().map(|found| found.sse).sum();
        if start.is_empty() || all.len() < 2 || sse > bar * rows as f64 {
            return Ok(Calibration {
                all,
                before,
                bic: None,
                means: None,
            });
        }
        let values = |found: &Found| found.params.iter().map(|(_, value)| *value).collect();
        let mut at: Vec<Vec<f64>> = all.iter().map(values).collect();
        let mut population = Population::guess(&at, sse, rows);
        let mut drawn: Vec<Draws> = Vec::new();
        for _ in 0..ROUNDS {
            drawn.clear();
            let noise = population.noise.sqrt();
            let mut known = known.clone();
            for (place, name) in names().enumerate() {
                let [mean, sd] = [population.mean[place], population.sd[place]];
                // Rows have the standard deviation 1, in units of the noise.
                known = known.prior(name, mean, sd / noise);
            }
            for (group, ready) in prepared.iter().enumerate() {
                let (found, mut told) = ready
                    .calibrate_from(&at[group], &known, true)
                    .map_err(refused)?;
                for one in &mut told {
                    *one /= population.noise;
                }
                let draws = Draws::about(&found.params, &told, group);
                let Some(mut draws) = draws else {
                    return Err(Refusal::new(
                        "start",
                        "constants of a group may be anything",
                    ));
                };
                let (observed, predicted) =
                    ready.predictions_at(&draws.constants).map_err(refused)?;
                draws.rows = observed.len();
                draws.sse = predicted
                    .iter()
                    .map(|one| squares(one.as_deref(), &observed))
                    .collect();
                before += found.evaluations as u64 + draws.sse.len() as u64;
                drawn.push(draws);
                at[group] = found.params;
            }
            population.learn(&drawn);
        }
        let mut likelihood = 0.0;
        for (found, draws) in all.iter_mut().zip(drawn) {
            let Some((weights, of_group)) = population.weights(&draws) else {
                return Err(Refusal::new(
                    "start",
                    "no constants of a group are possible",
                ));
            };
            likelihood += of_group;
            let means = (0..start.len()).map(|place| draws.mean(&weights, place));
            let means: Vec<f64> = means.collect();
            let both = draws
                .sse
                .iter()
                .zip(&weights)
                .filter(|(_, weight)| **weight > 0.0);
            found.sse = both.map(|(sse, weight)| sse * weight).sum();
            found.params = named(&means);
            found.draws = Some((draws.constants, weights));
        }
        let n = rows as f64;
        let constants = (2 * start.len() + 1) as f64;
        let zero = n * (1.0 + math::ln(std::f64::consts::TAU));
        Ok(Calibration {
            all,
            before,
            bic: Some(-2.0 * likelihood - zero + constants * math::ln(n)),
            means: Some(named(&population.mean)),
        })
    }

    /// How many targets a table has.
    fn known(&self, table: &Table<'_>) -> usize {
        table.rows() - table.missing_in(&self.target)
    }

    fn fit(
        &self,
        table: &Table<'_>,
        fitted: &Fitted,
        options: &FitOptions,
    ) -> Result<Found, Refusal> {
        let context = FitContext::new(&self.interpreter, table, options.clone()).mode(self.mode);
        let refused = |error: FitError| refused(&error, &fitted.text);
        let prepared = context.prepare(&fitted.text).map_err(refused)?;
        let found = prepared.calibrate().map_err(refused)?;
        Ok(Found::of(&prepared, found))
    }

    /// The mean squared error beyond the rows calibrated on.
    fn beyond(
        &self,
        split: &Split,
        fitted: &Fitted,
        options: &FitOptions,
        all: &[Found],
    ) -> Result<Option<f64>, Refusal> {
        if split.beyond.is_none() {
            return Ok(None);
        }
        let each = self.beyond_each(split, fitted, options, all)?;
        let mean = each.iter().sum::<f64>() / split.beyond_rows.max(1) as f64;
        if mean.is_finite() {
            Ok(Some(mean))
        } else {
            Err(Refusal::new(
                "start",
                "predictions beyond the calibrated rows are too large",
            ))
        }
    }

    /// The sums of squares there, of each table.
    fn beyond_each(
        &self,
        split: &Split,
        fitted: &Fitted,
        options: &FitOptions,
        all: &[Found],
    ) -> Result<Vec<f64>, Refusal> {
        let mut sums = Vec::with_capacity(all.len());
        for (table, found) in split.beyond.iter().flatten().zip(all) {
            let context =
                FitContext::new(&self.interpreter, table, options.clone()).mode(self.mode);
            let refused = |error: FitError| refused(&error, &fitted.text);
            let prepared = context.prepare(&fitted.text).map_err(refused)?;
            sums.push(match &found.draws {
                None => prepared
                    .score(&in_order(&prepared, found))
                    .map_err(refused)?,
                Some((constants, weights)) => {
                    let told = prepared.predictions_at(constants).map_err(refused)?;
                    let expected = expected(&told.1, weights);
                    squares(expected.as_deref(), &told.0)
                }
            });
        }
        Ok(sums)
    }

    /// Refuses a program whose forecasts are not finite, out of range or against the trend: with the
    /// constants of each group.
    fn foresee(
        &self,
        candidate: &Candidate,
        fitted: &Fitted,
        all: &[Found],
    ) -> Result<(), Refusal> {
        let Some(forecast) = &self.forecast else {
            return Ok(());
        };
        let [low, high] = forecast.range;
        for found in all {
            let mut own = candidate.clone();
            own.put(fitted, &found.params);
            let fitted = self.shape.fitted(&own.program);
            let predictions = self.predictions(&forecast.table, &fitted)?;
            if let Some(y) = predictions.iter().find(|y| !(low..=high).contains(*y)) {
                let message = format!("a forecast of {y}, which is not from {low} to {high}");
                return Err(Refusal::new("range", message));
            }
            let mut pairs = predictions.iter().zip(predictions.iter().skip(1));
            let against = |(before, after): &(&f64, &f64)| match forecast.trend {
                None => false,
                Some(Trend::Falling) => after > before,
                Some(Trend::Rising) => after < before,
            };
            if let Some((before, after)) = pairs.find(against) {
                let message = format!("a forecast of {after} after {before}, against the trend");
                return Err(Refusal::new("range", message));
            }
        }
        Ok(())
    }

    /// What a program gives in the rows of a table, its constants as they are.
    fn predictions(&self, table: &Table<'_>, fitted: &Fitted) -> Result<Vec<f64>, Refusal> {
        let options = self.options(fitted, 1).literals(false).max_iterations(0);
        let context = FitContext::new(&self.interpreter, table, options).mode(self.mode);
        let fit = context.fit(&fitted.text);
        let fit = fit.map_err(|error| refused(&error, &fitted.text))?;
        let column = fit.columns.into_iter().next();
        Ok(column.map_or_else(Vec::new, |column| column.predictions))
    }

    /// A candidate's predictions at the rows of the first split, and those beyond it.
    pub(super) fn curve(&self, candidate: &Candidate) -> Vec<f64> {
        let fitted = self.shape.fitted(&candidate.program);
        let mut all = Vec::new();
        for table in &self.splits[0].fit {
            all.extend(self.predictions(table, &fitted).unwrap_or_default());
        }
        all
    }
}

impl Found {
    fn of(prepared: &PreparedFit<'_>, found: Calibrated) -> Self {
        let names = prepared.params().map(|(name, _)| name.to_owned());
        Self {
            sse: found.sse,
            evaluations: found.evaluations as u64,
            params: names.zip(found.params).collect(),
            draws: None,
        }
    }
}

/// The sum of squared residuals; infinite where there are no predictions.
fn squares(predicted: Option<&[f64]>, observed: &[f64]) -> f64 {
    predicted.map_or(f64::INFINITY, |predicted| {
        let both = predicted.iter().zip(observed);
        both.map(|(predicted, y)| (predicted - y).powi(2)).sum()
    })
}

/// What is expected by weights: the mean of the predictions that there are.
fn expected(all: &[Option<Vec<f64>>], weights: &[f64]) -> Option<Vec<f64>> {
    let known = all.iter().zip(weights);
    let known: Vec<(&Vec<f64>, f64)> = known
        .filter(|(_, weight)| **weight > 0.0)
        .filter_map(|(one, weight)| Some((one.as_ref()?, *weight)))
        .collect();
    let whole: f64 = known.iter().map(|(_, weight)| weight).sum();
    let rows = known.first()?.0.len();
    let of_row = |row: usize| {
        let each = known.iter().map(|(one, weight)| one[row] * weight);
        each.sum::<f64>() / whole
    };
    Some((0..rows).map(of_row).collect())
}

/// Params in the order of a program that was prepared anew.
fn in_order(prepared: &PreparedFit<'_>, found: &Found) -> Vec<f64> {
    let of = |name: &str| found.params.iter().find(|(other, _)| other == name);
    let params = prepared.params();
    params
        .map(|(name, init)| of(name).map_or(init, |(_, value)| *value))
        .collect()
}

/// The median over groups of each param.
fn medians(all: &[Found]) -> Vec<(String, f64)> {
    let Some(first) = all.first() else {
        return Vec::new();
    };
    if all.len() == 1 {
        return first.params.clone();
    }
    let params = first.params.iter().map(|(name, _)| {
        let of = |found: &Found| {
            let mut params = found.params.iter();
            params
                .find(|(other, _)| other == name)
                .map(|(_, value)| *value)
        };
        let mut values: Vec<f64> = all.iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        (name.clone(), values[values.len() / 2])
    });
    params.collect()
}

fn refused(error: &FitError, text: &str) -> Refusal {
    let kind = match error {
        FitError::NoStart { .. } => "start",
        error => error
            .program_error()
            .map_or("data", |error| error.kind().name()),
    };
    let mut message = error.render(text).to_string();
    // A journal is read by people too.
    if message.len() > 400 {
        let end = (0..=400).rev().find(|&at| message.is_char_boundary(at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    Refusal::new(kind, message)
}

/// Whether all constants of a tree are coefficients and terms: then the sum of squares has one minimum.
fn is_plain(tree: &Tree) -> bool {
    match tree.head() {
        _ if tree.constants() == 0 => true,
        None => matches!(tree, Tree::Constant(_)),
        Some("+" | "-") => tree.arguments().iter().all(is_plain),
        Some("*") => {
            let with = tree.arguments().iter().filter(|one| one.constants() > 0);
            with.clone().count() <= 1 && with.clone().all(is_plain)
        }
        Some("/") => {
            let arguments = tree.arguments();
            arguments.iter().skip(1).all(|one| one.constants() == 0)
                && arguments.first().is_some_and(is_plain)
        }
        Some(_) => false,
    }
}
