//! Fitting: a program's params to data.
//!
//! Program text and a [`Table`] go in; a [`Fit`] comes out: estimates with standard errors and
//! intervals. `levenberg_marquardt`, `triangle`, `starts`, `points` and `statistics` are numerics that
//! know nothing of programs; `problem` gives them a program's residuals, and this file connects them
//! all.
//!
//! **Invariants**
//! - Jacobians are exact: forward sweeps of the recorded trace.
//! - Same seed, same result, to the bit, on any number of threads.
//! - A free name of the program is a param, a data matrix, a column, or given an initial value by the
//!   caller; anything else is an error before the search starts.
//! - A column is one number where the program predicts row by row, and a list where it predicts
//!   series; no program does both.

pub(crate) mod bounds;
#[cfg(test)]
mod known_problems;
mod levenberg_marquardt;
mod options;
mod points;
mod problem;
mod starts;
mod statistics;
pub mod table;
mod triangle;

pub use options::FitOptions;

use crate::error::Kind;
use crate::model::Error;
use crate::model::Model;
use crate::model::bindings::{Bindings, Input};
use crate::model::interpreter::Interpreter;
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::nearest;
use crate::syntax::ast::{Constraint, Expr, ExprId};
use crate::syntax::{Goal, Noise, Observation, Program};
use crate::threads::Threads;
use crate::walk::{Clock, EvalError, Stats};
use bounds::Bound;
use problem::{Data, Problem};
use starts::{Ending, Options, StartsError, minimize_from_starts};
use statistics::Statistics;
use table::{Table, TableError};

/// An estimated constant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// How many of them were dropped as hopeless.
    pub dropped: usize,
    /// Whether the best start converged.
    pub converged: bool,
    /// Params that the data do not determine.
    pub undetermined: Vec<String>,
    /// Params that ended at an edge of their range, within a thousandth of their standard error: the
    /// minimum may be beyond it, and their intervals, which know nothing of ranges, say little.
    pub at_edge: Vec<String>,
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
    /// A form of the program asks for a column that is not there.
    #[error("{error}")]
    Column {
        /// Which, and the name most like it.
        error: TableError,
        /// The form.
        span: Span,
    },
    /// The program observes nothing, and no target is given.
    #[error(
        "the program observes nothing; declare what its predictions are compared with, \
         `(observe column prediction)` or `(observe-series (column …) rows)`, or give --target, \
         the column that its value predicts"
    )]
    NothingObserved,
    /// The program says what it predicts, and a target is given all the same.
    #[error("the program says itself what it predicts; leave out --target, or this form")]
    TargetAndObservations {
        /// The first observation.
        span: Span,
    },
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
        /// The form that observes; the program's last expression where a target is given.
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
        "none of {starts} starts gave finite residuals{detail}; other initial values may: \
         `(param name init)` or `--init name=value`"
    )]
    NoStart {
        /// How many were tried.
        starts: usize,
        /// Which prediction is at fault at the initial values; empty if none is.
        detail: String,
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
            Self::Form { span, .. }
            | Self::Column { span, .. }
            | Self::TargetAndObservations { span } => Some(*span),
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
    let clock = Clock::start();
    let goal = match options.target {
        Some(_) => Goal::Value,
        None => Goal::Observations,
    };
    let program = interpreter.expand(text, &[], goal)?;
    let observations = observations(&program, options.target.as_deref())?;
    let unknowns = unknowns(&program, table, options)?;
    check_names(&program, table, &unknowns)?;
    let by_row = observations.iter().any(|observation| observation.by_row);
    let (bindings, rows) = if by_row {
        (matrices(&program, table)?, columns(&program, table)?)
    } else {
        (columns_used(&program, table)?, Vec::new())
    };
    // What varies: the unknowns, and where rows are predicted one by one, their numbers.
    let mut varied: Vec<&str> = unknowns.iter().map(|u| u.name.as_str()).collect();
    varied.extend(rows.iter().map(|row| row.0));
    let inputs: Vec<&str> = bindings.names().chain(varied.iter().copied()).collect();
    let model = interpreter.prepare(text, &inputs, options.mode, goal)?;
    let model = model.with_relaxation(options.relaxation)?;
    let wrt = &varied[..unknowns.len()];
    // Starts are more work at a time than rows.
    let share_rows = options.starts <= 1;
    let first = model
        .evaluator(&bindings, &varied, wrt, &options.limits)?
        .threads(if share_rows {
            options.threads.clone()
        } else {
            Threads::ONE
        });
    let rows = by_row.then(|| rows.iter().map(|row| row.1).collect());
    let data = Data::new(table, &observations, goal, rows)?;
    let problem = || Problem::new(first.clone(), &data);
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
        all_starts: options.all_starts,
        threads: options.threads.clone(),
        ..Options::default()
    };
    let best =
        minimize_from_starts(problem, &bounds, &init, &search, progress).map_err(|e| match e {
            StartsError::NoStart {
                cause: Some(cause), ..
            } => cause.into_fit_error(),
            StartsError::NoStart { starts, .. } => FitError::NoStart {
                starts,
                detail: problem().not_finite(&init).unwrap_or_default(),
            },
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
        Ok(()) => at_best.stats(),
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
        dropped: best
            .starts
            .iter()
            .filter(|start| start.ending == Ending::Dropped)
            .count(),
        converged: best.converged,
        undetermined: statistics
            .undetermined
            .iter()
            .map(|&index| unknowns[index].name.clone())
            .collect(),
        at_edge: unknowns
            .iter()
            .zip(best.params.iter().zip(&statistics.std_err))
            .filter(|(unknown, (x, std_err))| is_at_edge(unknown.constraint, **x, **std_err))
            .map(|(unknown, _)| unknown.name.clone())
            .collect(),
        evaluations: best.evaluations.residuals + best.evaluations.jacobians,
        stats,
        seconds: clock.seconds(),
    })
}

/// Whether a value is, compared with its standard error, at an edge of its range.
fn is_at_edge(constraint: Constraint, x: f64, std_err: f64) -> bool {
    let near = |edge: f64| std_err.is_finite() && (x - edge).abs() <= 1e-3 * std_err;
    match constraint {
        Constraint::Free => false,
        Constraint::Above(edge) | Constraint::Below(edge) => near(edge),
        Constraint::Between(low, high) => near(low) || near(high),
    }
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
        } else if program.free_names().any(|(free, _)| free == name)
            && !table.has_column(name)
            && !is_declared(program, name)
        {
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

/// What the program, or its caller, says of data.
fn observations(program: &Program, target: Option<&str>) -> Result<Vec<Observation>, FitError> {
    match (target, program.observations()) {
        (None, []) => Err(FitError::NothingObserved),
        (None, all) => Ok(all.to_vec()),
        (Some(_), [first, ..]) => Err(FitError::TargetAndObservations { span: first.span }),
        (Some(target), []) => Ok(vec![Observation {
            columns: vec![target.to_owned()],
            by_row: true,
            expr: program.root,
            noise: Noise::Normal,
            span: program.span(last_expression(program)),
        }]),
    }
}

/// The expression whose value is the program's.
fn last_expression(program: &Program) -> ExprId {
    let mut id = program.root;
    loop {
        id = match program.expr(id) {
            Expr::Letrec { body, .. } if id == program.root => *body,
            Expr::Begin(all) if program.span(id) == program.span(program.root) => {
                *all.last().expect("a sequence has an expression")
            }
            _ => return id,
        };
    }
}

/// A column of a table that a form of the program asks for.
fn column_of<'t>(table: &'t Table, name: &str, span: Span) -> Result<&'t [f64], FitError> {
    table.column(name).map_err(|error| match error {
        TableError::MissingColumn { .. } => FitError::Column { error, span },
        // The fault is the file's, and the error says where.
        error => FitError::Table(error),
    })
}

/// The program's matrices of data, those that it has a use for.
fn matrices(program: &Program, table: &Table) -> Result<Bindings, FitError> {
    let mut bindings = Bindings::new();
    for matrix in program.matrices() {
        let columns = matrix.columns.iter();
        let columns = columns.map(|name| column_of(table, name, matrix.span));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if program.free_names().all(|(name, _)| name != matrix.name) {
            continue;
        }
        let rows = 0..table.rows();
        let numbers = rows.flat_map(|row| columns.iter().map(move |column| column[row]));
        let input = Input::Matrix {
            rows: table.rows(),
            columns: columns.len(),
            numbers: numbers.collect(),
        };
        bindings.set(&matrix.name, input);
    }
    Ok(bindings)
}

/// The columns of a table that the program names.
fn columns<'p, 't>(
    program: &'p Program,
    table: &'t Table,
) -> Result<Vec<(&'p str, &'t [f64])>, TableError> {
    let names = program.free_names().map(|(name, _)| name);
    let columns = names.filter(|name| table.has_column(name) && !is_declared(program, name));
    columns
        .map(|name| Ok((name, table.column(name)?)))
        .collect()
}

/// Whether the program declares what a free name is, so that it is no column of that name.
fn is_declared(program: &Program, name: &str) -> bool {
    program.params().iter().any(|param| param.name == name)
        || program.matrices().iter().any(|matrix| matrix.name == name)
}

/// What a program that predicts series has a use for of a table, by name: columns as lists, and the
/// matrices that it declares.
///
/// # Errors
/// When a column is not there, or holds anything but numbers.
pub(crate) fn columns_used(program: &Program, table: &Table) -> Result<Bindings, FitError> {
    let mut bindings = matrices(program, table)?;
    for (name, column) in columns(program, table)? {
        bindings.set(name, Input::List(column.to_vec()));
    }
    Ok(bindings)
}

/// Checks that every free name is a column, declared or fitted.
fn check_names(program: &Program, table: &Table, unknowns: &[Unknown]) -> Result<(), FitError> {
    for (name, span) in program.free_names() {
        if table.has_column(name)
            || is_declared(program, name)
            || unknowns.iter().any(|u| u.name == name)
        {
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
    Ok(())
}

/// A model is shared by all threads of a fit.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
};
