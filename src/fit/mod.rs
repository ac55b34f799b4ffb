//! Fitting: a program's params to data.
//!
//! Program text and a [`Table`] go in; a [`Fit`] comes out: estimates with standard errors and
//! intervals. `levenberg_marquardt`, `starts` and `statistics` are numerics that know nothing of
//! programs; this file connects them.
//!
//! **Invariants**
//! - Jacobians are exact: forward sweeps of the recorded trace.
//! - Same seed, same result, to the bit, on any number of threads.
//! - A free name of the program is a column (as a list), a param, or given an initial value by the
//!   caller; anything else is an error before the search starts.

mod levenberg_marquardt;
mod starts;
mod statistics;
pub mod table;

use crate::bindings::{Bindings, Input};
use crate::bounds::Bound;
use crate::engine::{EvalError, Item, Limits, Output, Stats};
use crate::error::{Error, Kind};
use crate::interpreter::{Interpreter, Mode};
use crate::model::{Model, Repeated, nearest};
use crate::prim::Prim;
use crate::relaxation::Relaxation;
use crate::source::Span;
use crate::syntax::ast::Constraint;
use crate::syntax::{Goal, Noise, Observation, Program};
use levenberg_marquardt::Residuals;
use starts::{Options, StartsError, minimize_from_starts};
use statistics::Statistics;
use std::time::Instant;
use table::{Table, TableError};

/// How to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// The number of starts, the params' own initial values among them.
    pub starts: usize,
    /// The seed of the other starts.
    pub seed: u64,
    /// The most steps of one start.
    pub max_iterations: usize,
    /// Initial values: of params, in place of their own, or of free names, which are then fitted.
    pub init: Vec<(String, f64)>,
    /// How the program is run.
    pub mode: Mode,
    /// How its soft choices relax.
    pub relaxation: Relaxation,
    /// Limits of each evaluation.
    pub limits: Limits,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            starts: 64,
            seed: 0,
            max_iterations: 200,
            init: Vec::new(),
            mode: Mode::Interpreter,
            relaxation: Relaxation::default(),
            limits: Limits::default(),
        }
    }
}

/// An estimated constant.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedParam {
    /// The param's name.
    pub name: String,
    /// Where the sum of squares is lowest.
    pub estimate: f64,
    /// Standard error; infinite if the data do not determine it.
    pub std_err: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// The result of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// In the order of the program, then of [`FitOptions::init`].
    pub params: Vec<FittedParam>,
    /// Sum of squared residuals.
    pub sse: f64,
    /// Standard deviation of the residuals.
    pub residual_sd: f64,
    /// Residuals minus params.
    pub degrees_of_freedom: usize,
    /// How many residuals there are.
    pub residuals: usize,
    /// How many starts were made.
    pub starts: usize,
    /// How many of them found this minimum.
    pub agree: usize,
    /// Whether the best start converged.
    pub converged: bool,
    /// Params that the data do not determine.
    pub undetermined: Vec<String>,
    /// Evaluations of the residuals, with or without Jacobian.
    pub evaluations: usize,
    /// What the evaluation at the estimate took.
    pub stats: Stats,
    /// Seconds of wall time.
    pub seconds: f64,
}

/// Why a fit cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The program is at fault.
    #[error(transparent)]
    Program(#[from] Error),
    /// The data are at fault.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The program observes nothing.
    #[error(
        "the program observes nothing; say what its predictions are compared with: \
         `(observe-series (column …) rows)`"
    )]
    NothingObserved,
    /// There is nothing to fit.
    #[error("the program has no params; declare one with `(param name init)`")]
    NoParams,
    /// An initial value that the param's constraint excludes, or that nothing uses.
    #[error("{0}")]
    Init(String),
    /// The predictions do not have the form of the data.
    #[error("{message}")]
    Form {
        /// What was predicted and what the data need.
        message: String,
        /// The `observe-series` form.
        span: Span,
    },
    /// An observation that its noise model excludes.
    #[error(
        "{file}:{line}: the column `{column}` holds {value}; lognormal noise needs numbers above 0"
    )]
    NotPositive {
        /// The file.
        file: String,
        /// Its line.
        line: u64,
        /// The column.
        column: String,
        /// The number.
        value: f64,
    },
    /// No start gave finite residuals.
    #[error(
        "none of {starts} starts gave finite residuals; other initial values may: `(param name init)` \
         or `--init name=value`"
    )]
    NoStart {
        /// How many were tried.
        starts: usize,
    },
}

impl FitError {
    /// The program's error, where it is one.
    pub fn program_error(&self) -> Option<&Error> {
        match self {
            Self::Program(error) => Some(error),
            _ => None,
        }
    }

    /// The place in the program, where there is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Program(error) => error.span(),
            Self::Form { span, .. } => Some(*span),
            _ => None,
        }
    }
}

/// Fits the params of a program to the columns of a table. `progress` is told how many steps of the
/// starts are done, and of how many at most.
///
/// # Errors
/// See [`FitError`].
pub fn fit(
    interpreter: &Interpreter,
    text: &str,
    table: &Table,
    options: &FitOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Fit, FitError> {
    let began = Instant::now();
    let program = interpreter.expand(text, &[], Goal::Observations)?;
    if program.observations().is_empty() {
        return Err(FitError::NothingObserved);
    }
    let unknowns = unknowns(&program, table, options)?;
    let bindings = columns(&program, table, &unknowns)?;
    let observed = observed(&program, table)?;
    let names: Vec<&str> = unknowns.iter().map(|u| u.name.as_str()).collect();
    let inputs: Vec<&str> = bindings.names().chain(names.iter().copied()).collect();
    let model = interpreter.prepare(text, &inputs, options.mode, Goal::Observations)?;
    let model = model.with_relaxation(options.relaxation)?;
    let first = Repeated::new(&model, &bindings, &names, options.limits)?;
    let problem = || Problem {
        run: first.clone(),
        observations: program.observations(),
        observed: &observed,
        rows: table.rows(),
    };
    let init: Vec<f64> = unknowns.iter().map(|u| u.init).collect();
    let bounds: Vec<Bound> = unknowns.iter().map(|u| Bound::from(u.constraint)).collect();
    // The first evaluation settles what no other numbers could mend.
    if let Err(error) = problem().predict(&init)
        && let Some(error) = error.definite()
    {
        return Err(error);
    }
    let search = Options {
        starts: options.starts,
        seed: options.seed,
        max_iterations: options.max_iterations,
        ..Options::default()
    };
    let best =
        minimize_from_starts(problem, &bounds, &init, &search, progress).map_err(|e| match e {
            StartsError::NoStart {
                cause: Some(cause), ..
            } => cause.into_fit_error(),
            StartsError::NoStart { starts, .. } => FitError::NoStart { starts },
            StartsError::Bound(index) | StartsError::Outside(index) => {
                let name = &unknowns[index].name;
                FitError::Init(format!("`{name}` starts outside its constraint"))
            }
        })?;
    let statistics = Statistics::new(&best.params, &best.residuals, &best.jacobian);
    let params = unknowns
        .iter()
        .enumerate()
        .map(|(index, unknown)| FittedParam {
            name: unknown.name.clone(),
            estimate: best.params[index],
            std_err: statistics.std_err[index],
            low: statistics.low[index],
            high: statistics.high[index],
        })
        .collect();
    let mut at_best = problem();
    let stats = match at_best.predict(&best.params) {
        Ok(()) => at_best.run.stats(),
        Err(error) => return Err(error.into_fit_error()),
    };
    Ok(Fit {
        params,
        sse: best.sse,
        residual_sd: statistics.residual_sd,
        degrees_of_freedom: statistics.degrees_of_freedom,
        residuals: best.residuals.len(),
        starts: best.starts.len(),
        agree: best.agree,
        converged: best.converged,
        undetermined: statistics
            .undetermined
            .iter()
            .map(|&index| unknowns[index].name.clone())
            .collect(),
        evaluations: best.evaluations.residuals + best.evaluations.jacobians,
        stats,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// A constant to be estimated.
struct Unknown {
    name: String,
    init: f64,
    constraint: Constraint,
}

fn unknowns(
    program: &Program,
    table: &Table,
    options: &FitOptions,
) -> Result<Vec<Unknown>, FitError> {
    let mut unknowns: Vec<Unknown> = program
        .params()
        .iter()
        .map(|param| Unknown {
            name: param.name.clone(),
            init: param.init,
            constraint: param.constraint,
        })
        .collect();
    for (name, init) in &options.init {
        if let Some(unknown) = unknowns.iter_mut().find(|u| u.name == *name) {
            if !unknown.constraint.admits(*init) || !init.is_finite() {
                return Err(FitError::Init(format!(
                    "the initial value {init} of `{name}` is outside the param's constraint"
                )));
            }
            unknown.init = *init;
        } else if program.free_names().any(|(free, _)| free == name) && !table.has_column(name) {
            if !init.is_finite() {
                return Err(FitError::Init(format!(
                    "the initial value {init} of `{name}` is no finite number"
                )));
            }
            unknowns.push(Unknown {
                name: name.clone(),
                init: *init,
                constraint: Constraint::Free,
            });
        } else {
            let params = program.params().iter().map(|p| p.name.as_str());
            let free = program.free_names().map(|(free, _)| free);
            let hint = nearest(name, params.chain(free))
                .map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(FitError::Init(format!(
                "`{name}` has an initial value, and is neither a param nor a free name of the \
                 program{hint}"
            )));
        }
    }
    if unknowns.is_empty() {
        return Err(FitError::NoParams);
    }
    Ok(unknowns)
}

/// The columns of a table that a program has a use for, as lists by their names.
///
/// # Errors
/// See [`Table::column`].
pub(crate) fn columns_used(program: &Program, table: &Table) -> Result<Bindings, TableError> {
    let mut bindings = Bindings::new();
    for (name, _) in program.free_names() {
        if table.has_column(name) {
            bindings.set(name, Input::List(table.column(name)?.to_vec()));
        }
    }
    Ok(bindings)
}

/// Binds the free names that are columns.
fn columns(program: &Program, table: &Table, unknowns: &[Unknown]) -> Result<Bindings, FitError> {
    let bindings = columns_used(program, table)?;
    for (name, span) in program.free_names() {
        if table.has_column(name) || unknowns.iter().any(|u| u.name == name) {
            continue;
        }
        let mut known: Vec<&str> = Prim::names().collect();
        known.extend(unknowns.iter().map(|u| u.name.as_str()));
        known.extend(table.names().iter().map(String::as_str));
        let hint = nearest(name, known.into_iter())
            .map_or(String::new(), |near| format!("; is it `{near}`?"));
        let mut error = EvalError::new(
            Kind::Unbound,
            format!(
                "`{name}` is no column of {}, no param, and has no initial value{hint}",
                table.file()
            ),
        );
        error.span = Some(span);
        error.position = Some(span.position(program.text()));
        return Err(FitError::Program(error.into()));
    }
    Ok(bindings)
}

/// The observed numbers, in the order of the residuals; logarithms where the noise is lognormal.
fn observed(program: &Program, table: &Table) -> Result<Vec<f64>, FitError> {
    let mut observed = Vec::new();
    for observation in program.observations() {
        let columns: Result<Vec<&[f64]>, TableError> = observation
            .columns
            .iter()
            .map(|name| table.column(name))
            .collect();
        let columns = columns?;
        for row in 0..table.rows() {
            for (column, name) in columns.iter().zip(&observation.columns) {
                let value = column[row];
                if observation.noise == Noise::Lognormal {
                    if value <= 0.0 {
                        return Err(FitError::NotPositive {
                            file: table.file().to_owned(),
                            line: table.line(row).unwrap_or(0),
                            column: name.clone(),
                            value,
                        });
                    }
                    observed.push(value.ln());
                } else {
                    observed.push(value);
                }
            }
        }
    }
    Ok(observed)
}

/// Residuals of a program's predictions, on one thread.
struct Problem<'a> {
    run: Repeated<'a>,
    observations: &'a [Observation],
    observed: &'a [f64],
    rows: usize,
}

/// A point at which there are no residuals.
#[derive(Debug)]
enum Unfit {
    Program(Error),
    Form { message: String, span: Span },
}

impl Unfit {
    fn into_fit_error(self) -> FitError {
        match self {
            Self::Program(error) => FitError::Program(error),
            Self::Form { message, span } => FitError::Form { message, span },
        }
    }

    /// The error, if other numbers would not mend it: all but what a program may do on purpose or
    /// by running away.
    fn definite(self) -> Option<FitError> {
        match &self {
            Self::Program(error) if matches!(error.kind(), Kind::User | Kind::Resource) => None,
            _ => Some(self.into_fit_error()),
        }
    }
}

impl Problem<'_> {
    fn predict(&mut self, params: &[f64]) -> Result<(), Unfit> {
        self.run.evaluate(params).map_err(Unfit::Program)?;
        self.check_form(self.run.output())
    }

    /// Checks that the output is, for each observation, a list of as many rows as the table has,
    /// each a list of as many numbers as there are columns (or, for one column, a number).
    fn check_form(&self, output: &Output) -> Result<(), Unfit> {
        let mut items = output.items().iter();
        items.next();
        for observation in self.observations {
            let wrong = |what: String| Unfit::Form {
                message: format!(
                    "{what}; `observe-series` needs a list of {} rows of {} numbers",
                    self.rows,
                    observation.columns.len()
                ),
                span: observation.span,
            };
            match items.next() {
                Some(Item::List(rows)) if *rows as usize == self.rows => {}
                Some(Item::List(rows)) => {
                    return Err(wrong(format!("the program predicts {rows} rows")));
                }
                _ => return Err(wrong("the prediction is no list".to_owned())),
            }
            for row in 1..=self.rows {
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

    /// Calls `each` with the index, prediction and noise of every residual.
    fn each_prediction(&self, mut each: impl FnMut(usize, f64, Noise)) {
        let mut numbers = self.run.output().numbers();
        let mut index = 0;
        for observation in self.observations {
            for _ in 0..self.rows * observation.columns.len() {
                each(index, numbers.next().unwrap_or(f64::NAN), observation.noise);
                index += 1;
            }
        }
    }
}

impl Residuals for Problem<'_> {
    type Error = Unfit;

    fn len(&self) -> usize {
        self.observed.len()
    }

    fn residuals(&mut self, params: &[f64], r: &mut [f64]) -> Result<(), Unfit> {
        self.predict(params)?;
        self.each_prediction(|index, prediction, noise| {
            r[index] = match noise {
                Noise::Normal => prediction,
                Noise::Lognormal => prediction.ln(),
            } - self.observed[index];
        });
        Ok(())
    }

    fn jacobian(&mut self, params: &[f64], r: &mut [f64], jac: &mut [f64]) -> Result<(), Unfit> {
        self.residuals(params, r)?;
        self.run.jacobian(jac);
        let columns = params.len();
        self.each_prediction(|index, prediction, noise| {
            if noise == Noise::Lognormal {
                for entry in &mut jac[index * columns..(index + 1) * columns] {
                    *entry /= prediction;
                }
            }
        });
        Ok(())
    }
}

/// A model is shared by all threads of a fit.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
};
