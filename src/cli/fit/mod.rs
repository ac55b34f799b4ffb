//! `dmci fit`: the params of a model that fit a table best.
//!
//! A model and a CSV file go in; a table of estimates comes out, or one JSON object, and files with
//! what else there is to tell.
//!
//! **Invariants**
//! - Standard output holds the result alone; progress goes to standard error, and to a terminal
//!   only.
//! - In JSON, what is not finite is written `"inf"`, `"-inf"`, `"nan"`.
//! - What ends the fit early, a deadline or Ctrl-C, ends no more than the search: what was found by then
//!   is told and written.

mod curves;
pub(super) mod figure;
mod fitted_text;
pub(super) mod interrupts;
mod page;
mod pictures;
mod told;
mod written;

use super::at_fit::{AtFit, VERIFIED};
use super::cautions::{cautions_of, shadowed_columns};
use super::data::{TableArgs, failure};
use super::fields::{lines, table};
use super::limits::{LimitArgs, time};
use super::program::{Loaded, MachineArgs, ProgramArgs, ThreadArgs, assignment, at_least_one};
use super::report::{self, Failure};
use crate::Bindings;
use crate::cli::bars::{ProgressBar, bar};
use crate::fit::warnings::{Door, Known, stays, warnings};
use crate::fit::{
    Estimates, Fit as Fitted, FitOptions, FittedLoss, Loss, MOST_STARTS, Progress, Table,
    fit_observed, fit_traced, profile,
};
use crate::syntax::{Constraint, Goal, Program};
use clap::Args;
use curves::Curves;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use told::{Beside, DERIVED, EFFORT, FIGURES, PARAMS, PROFILES};
use written::Results;

/// A number of starts.
fn starts_count(argument: &str) -> Result<usize, String> {
    match at_least_one(argument)? {
        count if count > MOST_STARTS => Err(format!("give {MOST_STARTS} or fewer")),
        count => Ok(count),
    }
}

/// `NAME` or `NAME=VALUE`.
fn held(argument: &str) -> Result<(String, Option<f64>), String> {
    match argument.contains('=') {
        true => assignment(argument).map(|(name, value)| (name, Some(value))),
        false if argument.is_empty() => Err("write NAME or NAME=VALUE, such as a or a=2.5".into()),
        false => Ok((argument.to_owned(), None)),
    }
}

/// `NAME>LO`, `NAME<HI` or `NAME=LO..HI`.
fn range(argument: &str) -> Result<(String, Constraint), String> {
    const USAGE: &str = "write 'k>0', 'k<5' or k=0..5";
    let number = |text: &str| {
        let number = text.trim().parse::<f64>().ok().filter(|x| !x.is_nan());
        number.ok_or_else(|| format!("`{}` is not a number; {USAGE}", text.trim()))
    };
    let named = |name: &str| match name.trim() {
        "" => Err(format!("there is no name; {USAGE}")),
        name => Ok(name.to_owned()),
    };
    // Ranges are closed where that makes a difference, so `>=` is `>`.
    let without_equals = |end: &str| number(end.strip_prefix('=').unwrap_or(end));
    if let Some((name, ends)) = argument.split_once('=')
        && let Some((low, high)) = ends.split_once("..")
        && !name.contains(['<', '>'])
    {
        let range = match (low.trim(), high.trim()) {
            ("", "") => Constraint::Free,
            (low, "") => Constraint::Above(number(low)?),
            ("", high) => Constraint::Below(number(high)?),
            (low, high) => Constraint::Between(number(low)?, number(high)?),
        };
        return Ok((named(name)?, range));
    }
    if let Some((name, low)) = argument.split_once('>') {
        return Ok((named(name)?, Constraint::Above(without_equals(low)?)));
    }
    if let Some((name, high)) = argument.split_once('<') {
        return Ok((named(name)?, Constraint::Below(without_equals(high)?)));
    }
    Err(USAGE.to_owned())
}

/// A time, in seconds unless it has a unit.
fn deadline(argument: &str) -> Result<Duration, String> {
    match argument.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| "give seconds, such as 10 or 0.5".to_owned()),
        Err(_) => time(argument),
    }
}

/// Refuses a name that a flag is given twice.
fn check_once<T>(flag: &str, given: &[(String, T)]) -> Result<(), Failure> {
    for (index, (name, _)) in given.iter().enumerate() {
        if given[..index].iter().any(|(other, _)| other == name) {
            let message = format!("{flag}: `{name}` is given twice; give it once");
            return Err(Failure::Usage(message));
        }
    }
    Ok(())
}

/// A loss by its name.
fn loss(argument: &str) -> Result<Loss, String> {
    Loss::from_name(argument).ok_or_else(|| {
        let names: Vec<&str> = Loss::ALL.iter().map(|loss| loss.name()).collect();
        format!("give one of {}", names.join(", "))
    })
}

/// Fit the params of a model to data
///
/// The model declares its params with `param` and says which columns of the data it predicts: with
/// `observe` row by row, where columns are numbers by their names, or with `observe-series` as a
/// whole, where columns are lists. A model that does neither predicts the column of `--target` by its
/// value, row by row. `data-matrix` makes one matrix of several columns. With `--minimize` its value is
/// the loss itself.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci fit model.scm data.csv
  dmci fit model.scm data.csv --init k=0.5 --starts 16 --json
  dmci fit decay.scm data.csv --target y --init k=1 --init y0=1
  dmci fit model.scm data.csv --verify
  dmci fit loss.scm data.csv --minimize
  dmci fit model.scm data.csv --out results --plot
  dmci fit model.scm data.csv --fix y0=2 --bound 'k<5' --deadline 10
  dmci fit model.scm meter.tsv --sep tab --decimal , --comment '#' --missing drop

model.scm:
  (param k 1.0 (> 0))
  (param y0 1.0)
  (observe y (* y0 (exp (- (* k t)))) normal)
the same with columns as lists:
  (observe-series (y) (map (lambda (t) (* y0 (exp (- (* k t))))) t) normal)
decay.scm:
  (* y0 (exp (- (* k t))))
loss.scm:
  (param m 1.0)
  (fold-left + 0 (map (lambda (y) (log (+ 1 (square (- y m))))) y))
data.csv, which gzip may have compressed; - is standard input:
  t,y
  0,2.1
  1,1.2
A column such as `time (s)` is written |time (s)| in a model:
  (observe y (* y0 (exp (- (* k |time (s)|)))))

Ctrl-C and --deadline end the search, not the program: the best so far is told and written.
Exit code 130 after Ctrl-C.

--fuel is for the whole fit, all rows, starts and steps together, and a fit that takes more fails. Without
it each row of each evaluation may take 10^9, however many there are.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Fit {
    /// File with the model
    #[arg(value_name = "MODEL.scm")]
    model: PathBuf,

    /// File with the data: a line of column names, then a line for each row; a loss may do without
    #[arg(value_name = "DATA.csv", required_unless_present = "minimize")]
    data: Option<PathBuf>,

    /// Start a param from this value instead of its own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    init: Vec<(String, f64)>,

    /// Predict this column by the model's value, row by row; for a model that observes nothing
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,

    /// Minimize the model's value: it is a loss, one number, with columns as lists; for a model that
    /// observes nothing. A loss has no standard errors
    #[arg(long, conflicts_with_all = ["target", "sigma", "weights", "loss_scale", "verify", "trace_nan",
        "plot"])]
    minimize: bool,

    /// Find params that only steer, such as x0 in (if (< x x0) lo hi): comparisons are relaxed, from wide to
    /// narrow; what is told is the fit of the model as it is
    #[arg(long, conflicts_with_all = ["minimize", "trace_nan"])]
    soften: bool,

    /// The column of the known standard deviations of the observed column's noise: they are absolute, so
    /// errors do not grow with the residuals
    #[arg(long, value_name = "COLUMN", conflicts_with = "weights")]
    sigma: Option<String>,

    /// The column of the weights that squared residuals have, such as 1/sd²: they are relative, so errors
    /// are scaled by the residuals
    #[arg(long, value_name = "COLUMN")]
    weights: Option<String>,

    /// What large residuals count for: squares, or less for outliers, huber, soft-l1, cauchy, student-t
    #[arg(long, value_name = "LOSS", default_value = Loss::Squares.name(), value_parser = loss)]
    loss: Loss,

    /// The size from which on a residual is large, in the unit of the column, or in standard deviations
    /// where these are given; else 1.4826 times the median size of the residuals
    #[arg(long, value_name = "X")]
    loss_scale: Option<f64>,

    /// How many starting points to fit from at most; of many data, or a loss, fewer where a quarter agree
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().starts,
        value_parser = starts_count)]
    starts: usize,

    /// Seed of the starting points; the same seed gives the same fit
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().seed)]
    seed: u64,

    /// How many steps to take from one starting point at most; with 0 nothing is fitted, and the figures are
    /// those of the initial values
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().max_iterations)]
    max_iterations: usize,

    /// How often to evaluate the model at most, all starts together; where that is little, fewer starts are
    /// made
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_evaluations: Option<usize>,

    /// Make every start and run it to the end: none is left out, or dropped as hopeless
    #[arg(long)]
    all_starts: bool,

    /// Hold a param at its initial value, or at this one, and fit the others; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = held)]
    fix: Vec<(String, Option<f64>)>,

    /// Fit the float literals of the model too, each from itself: their names are @line:column, as in
    /// --fix @2:10; ints are none
    #[arg(long)]
    literals: bool,

    /// Keep a param in a range instead of its own: 'k>0', 'k<5' or k=0..5; may be repeated
    #[arg(long, value_name = "RANGE", value_parser = range)]
    bound: Vec<(String, Constraint)>,

    /// Stop after so many seconds, or a time such as 500ms or 2min, with the best so far; as Ctrl-C does
    #[arg(long, value_name = "SECONDS", value_parser = deadline)]
    deadline: Option<Duration>,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    threads: ThreadArgs,

    /// Verify the derivatives at the estimates, as `dmci verify` does; of a model that predicts row by
    /// row, at some rows
    #[arg(long)]
    verify: bool,

    /// Tell on standard error where the first evaluation that was not finite came from: the row and its
    /// numbers, the params, the expression and its operands; with --json as the member `trace_nan`, or null
    #[arg(long)]
    trace_nan: bool,

    /// Write into this folder: fit.json, predictions.csv, model.fitted.scm, fit.svg, residuals.svg and
    /// report.html, which holds them all; each is there whole or not at all. A loss predicts nothing: of
    /// it these are fit.json, model.fitted.scm and report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Plot data, fit and residuals in characters
    #[arg(long)]
    plot: bool,

    /// Tell how many evaluations the fit took, and how many starts were dropped
    #[arg(long)]
    stats: bool,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    limits: LimitArgs,
}

/// Fit as `dmci fit` does, and tell how far each param can be from its estimate
///
/// A profile is the likelihood that is left where a param is held at a value and all others are fitted
/// anew. Its interval knows of curvature and of ranges, and says where the data set no end. All
/// arguments of `fit` are understood; --out writes profile.svg too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci profile model.scm data.csv
  dmci profile model.scm data.csv --param k --json
  dmci profile model.scm data.csv --out results")]
pub(super) struct Profiles {
    #[command(flatten)]
    fit: Fit,

    /// Profile this param; may be repeated; without it, all of them
    #[arg(long, value_name = "NAME")]
    param: Vec<String>,
}

impl Profiles {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.fit.run_with(Some(&self.param))
    }
}

impl Fit {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.run_with(None)
    }

    /// Fits, and profiles some params, or all where none is named.
    fn run_with(&self, profiled: Option<&[String]>) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let Loaded::Text(source) = ProgramArgs::of(&self.model).load(&limits)? else {
            let message = "a compiled program does not say what it predicts; give its source";
            return Err(Failure::Data(format!(
                "{}: {message}",
                self.model.display()
            )));
        };
        self.check_files()?;
        let data = match &self.data {
            Some(path) => self.table.read(path)?,
            None => Table::empty(),
        };
        let limits = interrupts::stopped_by_ctrl_c(match self.deadline {
            Some(time) if self.limits.time().is_none_or(|timeout| time < timeout) => {
                limits.timeout(time)
            }
            _ => limits,
        });
        let interpreter = self.machine.interpreter()?.within(&limits);
        let goal = match self.target {
            None if !self.minimize => Goal::Observations,
            _ => Goal::Value,
        };
        let mut warnings = Vec::new();
        let program = interpreter.expand(&source.text, &[], goal).ok();
        if let Some(program) = &program {
            let mut cautions = cautions_of(program, &interpreter, &[]);
            // A name that is no column is for the fit to refuse.
            cautions.retain(|caution| caution.name.is_none());
            cautions.extend(shadowed_columns(program, &data));
            warnings.extend(cautions.iter().map(|caution| caution.message.clone()));
            report::cautions(&cautions, &source);
        }
        check_once("--init", &self.init)?;
        check_once("--fix", &self.fix)?;
        check_once("--bound", &self.bound)?;
        let options = FitOptions {
            starts: self.starts,
            seed: self.seed,
            max_iterations: self.max_iterations,
            all_starts: self.all_starts,
            sigma: self.sigma.clone(),
            weights: self.weights.clone(),
            loss: self.loss,
            loss_scale: self.loss_scale,
            init: self.init.clone(),
            fix: self.fix.clone(),
            bounds: self.bound.clone(),
            priors: Vec::new(),
            max_evaluations: self.max_evaluations,
            literals: self.literals,
            target: self.target.clone(),
            minimize: self.minimize,
            soften: self.soften,
            limits,
            fuel: self.limits.budget(),
            threads: self.threads.threads(),
        };
        let bar = self.progress();
        // Starts end on several threads, and may be told out of order.
        let ended = AtomicUsize::new(0);
        let observer = |progress: &Progress| {
            if ended.fetch_max(progress.ended, Ordering::Relaxed) < progress.ended {
                bar.set_position(progress.ended as u64);
            }
            ControlFlow::Continue(())
        };
        let mut traced = None;
        let model = interpreter
            .model_for(&source.text, &Bindings::new(), self.machine.mode())
            .and_then(|model| model.with_relaxation(self.machine.relaxation()))
            .map_err(Failure::of(&source))?;
        let result = if self.trace_nan {
            let (fitted, met) = fit_traced(&model, &data, &options, &observer);
            traced = Some(met.map_err(|error| failure(&error, &source))?);
            fitted
        } else {
            fit_observed(&model, &data, &options, &observer)
        };
        bar.finish_and_clear();
        if let Some(met) = traced.as_ref().filter(|_| !self.json || result.is_err()) {
            report::aside(&match met {
                Some(met) => met.shown(&source.name, report::has_colors()),
                None => "all evaluations were finite\n".to_owned(),
            });
        }
        let fitted = result.map_err(|error| failure(&error, &source))?;
        let of_fit = self.warnings(&fitted, program.as_ref());
        for text in &of_fit {
            report::warn(text);
        }
        warnings.extend(of_fit);
        // What follows is done in any case; a second Ctrl-C ends the process.
        let limits = self.limits.limits().deadline(None);
        let fuel = options.fuel.clone();
        let options = FitOptions {
            limits,
            fuel: None,
            ..options
        };
        let mut profiles = None;
        if let Some(names) = profiled.filter(|_| !fitted.interrupted) {
            let all: Vec<String> = fitted.params.iter().map(|p| p.name.clone()).collect();
            let names = if names.is_empty() { &all } else { names };
            let options = FitOptions {
                limits: interrupts::stopped_by_ctrl_c(limits),
                fuel,
                ..options.clone()
            };
            let made = names
                .iter()
                .map(|name| profile(&model, &data, &options, &fitted, name))
                .collect::<Result<Vec<_>, _>>();
            profiles = Some(made.map_err(|error| failure(&error, &source))?);
        }
        let mut verified = None;
        if self.verify {
            let relaxation = self.machine.relaxation();
            let at_fit = AtFit::new(&fitted, &data, &interpreter, relaxation, &limits, &source)?;
            for text in at_fit.warnings() {
                report::warn(&text);
                warnings.push(text);
            }
            verified = Some(at_fit);
        }
        let json = told::json(
            &fitted,
            &Beside {
                verified: verified.as_ref(),
                traced: traced.as_ref(),
                warnings: &warnings,
                target: self.target.as_deref(),
                profiles: profiles.as_deref(),
            },
        );
        if self.json {
            report::print(&json)?;
        } else {
            report::print(&self.summary(&fitted, verified.as_ref()))?;
            if let Some(profiles) = &profiles {
                report::print(&format!("\n{}", table(&PROFILES, profiles)))?;
            }
        }
        if let Some(program) = program.filter(|_| self.out.is_some() || self.plot) {
            let mut estimates = Estimates::from(&fitted);
            estimates.target.clone_from(&self.target);
            // A loss predicts nothing.
            let curves = match &fitted.loss {
                Some(_) => None,
                None => Some(
                    Curves::new(&model, &program, &fitted, &estimates, &data, &options)
                        .map_err(|error| failure(&error, &source))?,
                ),
            };
            if let Some(curves) = curves.as_ref().filter(|_| self.plot) {
                let plot = pictures::plot(curves);
                if self.json {
                    report::aside(&plot);
                } else {
                    report::print(&plot)?;
                }
            }
            if let Some(folder) = &self.out {
                let all = Results {
                    fitted: &fitted,
                    curves: curves.as_ref(),
                    source: &source,
                    program: &program,
                    data: self.data.as_deref(),
                    json: &json,
                    warnings: &warnings,
                    verified: verified.as_ref(),
                    profiles: profiles.as_deref(),
                };
                written::write(folder, &all)?;
            }
        }
        if fitted.interrupted && interrupts::is_set() {
            return Err(Failure::Interrupted);
        }
        match verified.and_then(|at_fit| at_fit.failure()) {
            None => Ok(()),
            Some((certificate, failure)) => {
                if !self.json {
                    report::print(&format!("\n{certificate}"))?;
                }
                Err(failure)
            }
        }
    }

    /// Refuses a model and data that are each other's, and standard input for both.
    fn check_files(&self) -> Result<(), Failure> {
        let ends = |path: &Path, ends: &[&str]| {
            let name = path.to_string_lossy().to_lowercase();
            ends.iter().any(|end| name.ends_with(end))
        };
        let tables = [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".dat"];
        let Some(data) = &self.data else {
            return Ok(());
        };
        let message = if self.model == Path::new("-") && data == Path::new("-") {
            "standard input can be the model or the data, not both"
        } else if ends(data, &[".scm"]) && ends(&self.model, &tables) {
            "the arguments are swapped: the model comes first, then the data"
        } else {
            return Ok(());
        };
        Err(Failure::Usage(message.to_owned()))
    }

    fn progress(&self) -> ProgressBar {
        let template = "{bar:32} {pos} of {len} starts, {eta} left";
        bar(self.starts as u64, template, self.quiet)
    }

    fn warnings(&self, fitted: &Fitted, program: Option<&Program>) -> Vec<String> {
        let is_used = |name: &str| {
            program.is_none_or(|program| program.free_names().any(|(free, _)| free == name))
        };
        let unused = fitted.params.iter().map(|param| param.name.clone());
        let unused: Vec<String> = unused.filter(|name| !is_used(name)).collect();
        let of_program = program.map(|program| program.params().iter());
        let of_program = of_program.into_iter().flatten();
        let initial = |name: &str| {
            let given = self.init.iter().find(|(given, _)| given == name);
            given
                .map(|&(_, x)| x)
                .or_else(|| of_program.clone().find(|p| p.name == name).map(|p| p.init))
        };
        let known = Known {
            unused: &unused,
            stayed: fitted
                .params
                .iter()
                .all(|param| initial(&param.name).is_some_and(|x| stays(x, param.estimate))),
            max_iterations: self.max_iterations,
            max_evaluations: self.max_evaluations,
        };
        warnings(fitted, &known, Door::CommandLine)
    }

    fn summary(&self, fitted: &Fitted, verified: Option<&AtFit>) -> String {
        if let Some(loss) = &fitted.loss {
            return self.summary_of_loss(fitted, loss);
        }
        let mut out = table(&PARAMS, &fitted.params);
        if !fitted.derived.is_empty() {
            out.push('\n');
            out.push_str(&table(&DERIVED, &fitted.derived));
        }
        out.push('\n');
        lines(&FIGURES, fitted, [18, 0], &mut out);
        for (label, text) in told::particulars(fitted) {
            let _ = writeln!(out, "{label:<18}  {text}");
        }
        for column in fitted.columns.iter().filter(|column| column.dropped > 0) {
            let label = format!("rows of {}", column.name);
            let (used, dropped) = (column.used, column.dropped);
            let _ = writeln!(out, "{label:<18}  {used} used, {dropped} dropped");
        }
        told::steering(fitted, &mut out);
        told::held(fitted, &mut out);
        if self.stats {
            lines(&EFFORT, fitted, [18, 0], &mut out);
        }
        if let Some(at_fit) = verified {
            lines(&VERIFIED, at_fit, [18, 0], &mut out);
        }
        out
    }

    fn summary_of_loss(&self, fitted: &Fitted, loss: &FittedLoss) -> String {
        let mut out = told::minimized(fitted, loss);
        if self.stats {
            lines(&EFFORT, fitted, [18, 0], &mut out);
        }
        out
    }
}
