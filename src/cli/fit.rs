//! `dmci fit`: the params of a model that fit a table best.
//!
//! A model and a CSV file go in; a table of estimates comes out, or one JSON object.
//!
//! **Invariants**
//! - Standard output holds the result alone; progress goes to standard error, and to a terminal
//!   only.
//! - In JSON, what is not finite is written `"inf"`, `"-inf"`, `"nan"`.

use super::at_fit::{AtFit, VERIFIED};
use super::cautions::cautions_of;
use super::data::{self, failure};
use super::fields::{Content, Field, lines, members, table};
use super::json;
use super::limits::LimitArgs;
use super::program::{Loaded, MachineArgs, ProgramArgs, ThreadArgs, assignment, at_least_one};
use super::report::{self, Failure, significant};
use crate::Bindings;
use crate::fit::{
    Fit as Fitted, FitError, FitNotFinite, FitOptions, FittedParam, Loss, MOST_STARTS, Progress,
    fit_observed, fit_traced,
};
use crate::syntax::Goal;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of starts.
fn starts_count(argument: &str) -> Result<usize, String> {
    match at_least_one(argument)? {
        count if count > MOST_STARTS => Err(format!("give {MOST_STARTS} or fewer")),
        count => Ok(count),
    }
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
/// value, row by row. `data-matrix` makes one matrix of several columns.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci fit model.scm data.csv
  dmci fit model.scm data.csv --init k=0.5 --starts 16 --json
  dmci fit decay.scm data.csv --target y --init k=1 --init y0=1
  dmci fit model.scm data.csv --verify

model.scm:
  (param k 1.0 (> 0))
  (param y0 1.0)
  (observe y (* y0 (exp (- (* k t)))) normal)
the same with columns as lists:
  (observe-series (y) (map (lambda (t) (* y0 (exp (- (* k t))))) t) normal)
decay.scm:
  (* y0 (exp (- (* k t))))
data.csv:
  t,y
  0,2.1
  1,1.2")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Fit {
    /// File with the model
    #[arg(value_name = "MODEL.scm")]
    model: PathBuf,

    /// File with the data: a line of column names, then a line for each row
    #[arg(value_name = "DATA.csv")]
    data: PathBuf,

    /// Start a param from this value instead of its own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    init: Vec<(String, f64)>,

    /// Predict this column by the model's value, row by row; for a model that observes nothing
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,

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

    /// How many starting points to fit from
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().starts,
        value_parser = starts_count)]
    starts: usize,

    /// Seed of the starting points; the same seed gives the same fit
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().seed)]
    seed: u64,

    /// How many steps to take from one starting point at most
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().max_iterations,
        value_parser = at_least_one)]
    max_iterations: usize,

    /// Run every start to the end: none is dropped as hopeless
    #[arg(long)]
    all_starts: bool,

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

impl Fit {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let Loaded::Text(source) = ProgramArgs::of(&self.model).load(&limits)? else {
            let message = "a compiled program does not say what it predicts; give its source";
            return Err(Failure::Data(format!(
                "{}: {message}",
                self.model.display()
            )));
        };
        let data = data::table(&self.data)?;
        let interpreter = self.machine.interpreter()?.within(&limits);
        if let Ok(program) = interpreter.expand(&source.text, &[], Goal::Observations) {
            let mut cautions = cautions_of(&program, &interpreter, &[]);
            // A name that is no column is for the fit to refuse.
            cautions.retain(|caution| caution.name.is_none());
            report::cautions(&cautions, &source);
        }
        for (index, (name, _)) in self.init.iter().enumerate() {
            if self.init[..index].iter().any(|(other, _)| other == name) {
                let message = format!("--init: `{name}` is given twice; give it once");
                return Err(Failure::Usage(message));
            }
        }
        let options = FitOptions {
            starts: self.starts,
            seed: self.seed,
            max_iterations: self.max_iterations,
            all_starts: self.all_starts,
            init: self.init.clone(),
            target: self.target.clone(),
            sigma: self.sigma.clone(),
            weights: self.weights.clone(),
            loss: self.loss,
            loss_scale: self.loss_scale,
            limits,
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
        let result = interpreter
            .model_for(&source.text, &Bindings::new(), self.machine.mode())
            .and_then(|model| model.with_relaxation(self.machine.relaxation()))
            .map_err(FitError::from)
            .and_then(|model| {
                if !self.trace_nan {
                    return fit_observed(&model, &data, &options, &observer);
                }
                let (fitted, met) = fit_traced(&model, &data, &options, &observer);
                traced = Some(met?);
                fitted
            });
        bar.finish_and_clear();
        if let Some(met) = traced.as_ref().filter(|_| !self.json || result.is_err()) {
            report::aside(&match met {
                Some(met) => met.shown(&source.name, report::has_colors()),
                None => "all evaluations were finite\n".to_owned(),
            });
        }
        let fitted = result.map_err(|error| failure(&error, &source))?;
        self.warn(&fitted);
        let mut verified = None;
        if self.verify {
            let relaxation = self.machine.relaxation();
            let at_fit = AtFit::new(&fitted, &data, &interpreter, relaxation, &limits, &source)?;
            at_fit.warnings().iter().for_each(|text| report::warn(text));
            verified = Some(at_fit);
        }
        report::print(&if self.json {
            json(&fitted, verified.as_ref(), traced.as_ref())
        } else {
            self.summary(&fitted, verified.as_ref())
        })?;
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

    fn progress(&self) -> ProgressBar {
        let target = if self.quiet {
            ProgressDrawTarget::hidden()
        } else {
            // Draws on a terminal only.
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template("{bar:32} {pos} of {len} starts, {eta} left")
            .expect("the template is well formed");
        ProgressBar::with_draw_target(Some(self.starts as u64), target).with_style(style)
    }

    fn warn(&self, fitted: &Fitted) {
        if !fitted.undetermined.is_empty() {
            let names: Vec<String> = fitted
                .undetermined
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            let determined: Vec<String> = fitted
                .combinations
                .iter()
                .map(|one| format!("`{}` = {}", one.text, significant(one.value, 6)))
                .collect();
            let but = match &determined[..] {
                [] => String::new(),
                all => format!("; they do determine {}", all.join(", ")),
            };
            report::warn(&format!(
                "the data do not determine {}{but}",
                names.join(", ")
            ));
        }
        if !fitted.optima.is_empty() {
            report::warn(&format!(
                "{} optima fit equally well; this is the nearest to the initial values{}",
                fitted.optima.len() + 1,
                others(fitted),
            ));
        }
        if fitted.starts >= FEW && fitted.as_good < FEW && fitted.converged && !fitted.interrupted {
            report::warn(&format!(
                "{} of {} starts got here: there may be a better minimum; try other initial values, \
                 bounds, or more --starts",
                fitted.as_good, fitted.starts
            ));
        }
        for name in &fitted.at_edge {
            report::warn(&format!(
                "`{name}` ended at an edge of its range: the minimum may be beyond it, and the errors of the \
                 others hold with `{name}` there"
            ));
        }
        if fitted.held_back {
            report::warn(
                "points that fit better were not moved to, because derivatives are infinite or NaN there: \
                 this may be no minimum; `dmci grad` at nearby values shows which derivative it is",
            );
        }
        if !fitted.converged {
            report::warn(&format!(
                "no start converged within {} steps; raise --max-iterations, or give better \
                 values with --init",
                self.max_iterations
            ));
        }
    }

    fn summary(&self, fitted: &Fitted, verified: Option<&AtFit>) -> String {
        let mut out = table(&PARAMS, &fitted.params);
        out.push('\n');
        lines(&FIGURES, fitted, [18, 0], &mut out);
        if self.stats {
            lines(&EFFORT, fitted, [18, 0], &mut out);
        }
        if let Some(at_fit) = verified {
            lines(&VERIFIED, at_fit, [18, 0], &mut out);
        }
        out
    }
}

/// Fewer starts that agree than this leave a doubt.
const FEW: usize = 3;

/// How many other optima are told.
const OTHERS: usize = 3;

/// The other optima, in words to go on with.
fn others(fitted: &Fitted) -> String {
    let mut told = String::new();
    for optimum in fitted.optima.iter().take(OTHERS) {
        told.push_str("; another ");
        match &optimum.symmetry {
            Some(symmetry) => told.push_str(&format!("has {symmetry}")),
            None => {
                let params = fitted.params.iter().zip(&optimum.params);
                let each = params.map(|(p, x)| format!("{} = {}", p.name, significant(*x, 4)));
                told.push_str(&format!("is at {}", each.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    if fitted.optima.len() > OTHERS {
        told.push_str("; …");
    }
    told
}

/// Of each param.
const PARAMS: [Field<FittedParam>; 5] = [
    Field::new("param", "name", |p| Content::Text(&p.name)),
    Field::new("estimate", "estimate", |p| Content::Number(p.estimate, 6)),
    Field::new("std. error", "std_err", |p| Content::Number(p.std_err, 3)),
    Field::new("95 % from", "low", |p| Content::Number(p.low, 6)),
    Field::new("to", "high", |p| Content::Number(p.high, 6)),
];

/// Of the whole fit.
const FIGURES: [Field<Fitted>; 7] = [
    Field::new("sum of squares", "sse", |f| Content::Number(f.sse, 8)),
    Field::new("residual sd", "residual_sd", |f| {
        Content::Number(f.residual_sd, 5)
    }),
    Field::new("degrees of freedom", "degrees_of_freedom", |f| {
        count(f.degrees_of_freedom)
    }),
    Field::new("R squared", "r_squared", |f| {
        Content::Number(f.r_squared, 6)
    }),
    Field::untold("residuals", |f| count(f.residuals)),
    Field::untold("starts", |f| count(f.starts)),
    Field::new("starts that agree", "agree", |f| {
        Content::Share(f.agree, f.starts)
    }),
];

/// What it took, which people are told with `--stats`.
const EFFORT: [Field<Fitted>; 2] = [
    Field::new("starts dropped", "dropped", |f| count(f.dropped)),
    Field::new("evaluations", "evaluations", |f| count(f.evaluations)),
];

/// What people are warned of.
const DOUBTS: [Field<Fitted>; 4] = [
    Field::untold("converged", |f| Content::Flag(f.converged)),
    Field::untold("held_back", |f| Content::Flag(f.held_back)),
    Field::untold("undetermined", |f| Content::Texts(&f.undetermined)),
    Field::untold("at_edge", |f| Content::Texts(&f.at_edge)),
];

fn count(n: usize) -> Content<'static> {
    Content::Count(n as u64)
}

fn json(
    fitted: &Fitted,
    verified: Option<&AtFit>,
    traced: Option<&Option<FitNotFinite>>,
) -> String {
    json::line(|all| {
        all.objects("params", &fitted.params, |param, one| {
            members(&PARAMS, param, one);
        });
        members(&FIGURES, fitted, all);
        members(&EFFORT, fitted, all);
        members(&DOUBTS, fitted, all);
        if let Some(at_fit) = verified {
            members(&VERIFIED, at_fit, all);
        }
        if let Some(traced) = traced {
            all.serialized("trace_nan", traced);
        }
    })
}
