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
use super::select::{Rows, Split};
use super::task::{CalibrateTask, Task};
use super::tree::Tree;
use crate::fit::{FitContext, FitError, FitOptions, PreparedFit, Table};
use crate::{Interpreter, Limits, Mode, Threads};
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
    /// Constants and params with what was found; of groups, the medians.
    pub(super) found: Vec<(String, f64)>,
}

/// What calibrates candidates.
pub(super) struct Judge {
    interpreter: Interpreter,
    shape: Shape,
    splits: Vec<Split>,
    forecast: Option<(Table<'static>, [f64; 2])>,
    target: String,
    options: CalibrateTask,
    interrupt: Option<&'static AtomicBool>,
    mode: Mode,
}

/// Constants as one fit found them, with its sum of squares.
struct Found {
    sse: f64,
    evaluations: u64,
    params: Vec<(String, f64)>,
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
            forecast: rows.forecast(task)?.map(|table| (table, range)),
            target: task.data.target.clone(),
            options: task.calibrate.clone(),
            interrupt,
            mode: Mode::Direct,
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
        let starts = if candidate.program.iter().all(is_plain) {
            1
        } else {
            self.options.starts
        };
        let options = self.options(&fitted, starts);
        let (mut verdict, all) = self.split(&self.splits[0], &fitted, &options)?;
        if verdict.fit <= bar {
            verdict.select = self.beyond(&self.splits[0], &fitted, &options, &all)?;
            if let Some(select) = &mut verdict.select
                && self.splits.len() > 1
            {
                let mut sum = *select;
                for split in &self.splits[1..] {
                    let (other, all) = self.split(split, &fitted, &options)?;
                    verdict.evaluations += other.evaluations;
                    sum += self
                        .beyond(split, &fitted, &options, &all)?
                        .unwrap_or(other.fit);
                }
                *select = sum / self.splits.len() as f64;
            }
        }
        candidate.put(&fitted, &verdict.found);
        if verdict.fit <= bar {
            self.foresee(candidate)?;
        }
        Ok(verdict)
    }

    /// Calibrates on one split.
    fn split(
        &self,
        split: &Split,
        fitted: &Fitted,
        options: &FitOptions,
    ) -> Result<(Verdict, Vec<Found>), Refusal> {
        let mut all = Vec::with_capacity(split.fit.len());
        for table in &split.fit {
            all.push(self.fit(table, fitted, options)?);
        }
        let sse: f64 = all.iter().map(|found| found.sse).sum();
        let fit = sse / split.fit_rows.max(1) as f64;
        if !fit.is_finite() {
            return Err(Refusal::new(
                "start",
                "the residuals are too large to be squared",
            ));
        }
        let verdict = Verdict {
            fit,
            select: None,
            evaluations: all.iter().map(|found| found.evaluations).sum(),
            found: medians(&all),
        };
        Ok((verdict, all))
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
        let names = prepared.params().map(|(name, _)| name.to_owned());
        Ok(Found {
            sse: found.sse,
            evaluations: found.evaluations as u64,
            params: names.zip(found.params.iter().copied()).collect(),
        })
    }

    /// The mean squared error beyond the rows calibrated on.
    fn beyond(
        &self,
        split: &Split,
        fitted: &Fitted,
        options: &FitOptions,
        all: &[Found],
    ) -> Result<Option<f64>, Refusal> {
        let Some(tables) = &split.beyond else {
            return Ok(None);
        };
        let mut sum = 0.0;
        for (table, found) in tables.iter().zip(all) {
            let context =
                FitContext::new(&self.interpreter, table, options.clone()).mode(self.mode);
            let refused = |error: FitError| refused(&error, &fitted.text);
            let prepared = context.prepare(&fitted.text).map_err(refused)?;
            sum += prepared
                .score(&in_order(&prepared, found))
                .map_err(refused)?;
        }
        let mean = sum / split.beyond_rows.max(1) as f64;
        if mean.is_finite() {
            Ok(Some(mean))
        } else {
            Err(Refusal::new(
                "start",
                "predictions beyond the calibrated rows are too large",
            ))
        }
    }

    /// Refuses a program whose forecasts are not finite or out of range.
    fn foresee(&self, candidate: &Candidate) -> Result<(), Refusal> {
        let Some((table, [low, high])) = &self.forecast else {
            return Ok(());
        };
        let fitted = self.shape.fitted(&candidate.program);
        let predictions = self.predictions(table, &fitted)?;
        match predictions.iter().find(|y| !(*low..=*high).contains(*y)) {
            None => Ok(()),
            Some(y) => {
                let message = format!("a forecast of {y}, which is not from {low} to {high}");
                Err(Refusal::new("range", message))
            }
        }
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
