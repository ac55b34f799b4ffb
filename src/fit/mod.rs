//! Fitting: a model's params to data.
//!
//! A [`Model`] and a [`Table`] go in; a [`Fit`] comes out: estimates with standard errors and
//! intervals. `levenberg_marquardt`, `triangle`, `starts`, `points` and `statistics` are numerics that
//! know nothing of programs; `declared` holds the program against the table, `problem` gives its
//! residuals, and this file connects them all.
//!
//! **Invariants**
//! - Jacobians are exact: forward sweeps of the recorded trace.
//! - Same seed, same result, to the bit, on any number of threads, unless an observer interrupts.
//! - A free name of the program is a param, a data matrix, a column, or given an initial value by the
//!   caller; anything else is an error before the search starts.
//! - A column is one number where the program predicts row by row, and a list where it predicts
//!   series; no program does both.

mod amounts;
pub(crate) mod bounds;
mod combinations;
mod declared;
mod derived;
mod descents;
mod desk;
mod error;

#[cfg(test)]
mod known_problems;
mod lbfgs;
mod levenberg_marquardt;
mod loss;
mod loss_search;
mod mentions;
mod noise;
mod not_finite;
mod objective;
mod observed;
mod observer;
mod optima;
mod options;
mod outputs;
mod places;
mod points;
mod polish;
mod predictions;
mod problem;
mod profile;
mod ranges;
mod relaxed;
mod result;
mod scan;
mod scores;
mod separable;
mod soften;
mod space;
mod spread;
mod starts;
mod statistics;
pub mod table;
mod triangle;

pub(crate) use declared::{columns_used, usable_rows};
pub use error::FitError;
pub use noise::Loss;
pub use not_finite::FitNotFinite;
pub use observer::{Observer, Progress};
pub use options::FitOptions;
pub(crate) use options::MOST_STARTS;
pub use predictions::{Estimates, PredictedColumn, predict};
pub use profile::{Profile, ProfileEnd, ProfilePoint, profile};
pub use result::{
    Combination, Ending, Fit, FittedColumn, FittedDerived, FittedLoss, FittedNoise, FittedParam,
    GroupOf, Optimum, SdOrigin, StartEnd, Steering,
};
pub use table::{Missing, Table, TableError, TableOptions};

use crate::model::{Error, Model};
use crate::prim::math;
use crate::syntax::{Constraint, Goal};
use crate::threads::Threads;
use crate::walk::{Clock, Limits};
use amounts::Declared;
use bounds::Bound;
use combinations::combinations;
use declared::{Place, Unknowns, check_names, columns, matrices, observations, unknowns};
use derived::Derivation;
use descents::Options;
use objective::{Objective, sum_of_squares};
use observed::Data;
use observer::Watch;
use optima::{MultiStart, symmetry};
use outputs::Unfit;
use points::Range;
use problem::Problem;
use ranges::ranges;
use relaxed::relax;
use soften::{Compared, Softening};
use spread::{conclude, robust_scales};
use starts::{StartsError, minimize_from_starts};
use statistics::Statistics;
use std::ops::ControlFlow;
use std::sync::OnceLock;

/// More residuals than these are searched on a sample of so many: enough for minima to be where they are
/// with all.
const MANY_RESIDUALS: usize = 2000;

/// Fits the params of a model to the columns of a table, in the model's mode and with its relaxation.
/// What the program observes is predicted: its text is prepared anew for that, so what the model has
/// recorded of other runs is of no use here.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitOptions, Table, fit};
///
/// let minute = [0.0, 5.0, 10.0, 15.0, 20.0, 30.0];
/// let temp = [90.1, 66.4, 50.3, 40.8, 33.9, 26.8];
/// let table = Table::from_columns([("minute", &minute[..]), ("temp", &temp[..])])?;
/// let model = Interpreter::embedded().model(
///     "(param room 20 (between 0 40)) (param rate 0.1 (> 0)) (param start 80)
///      (observe temp (+ room (* (- start room) (exp (- (* rate minute))))))",
/// )?;
/// let fitted = fit(&model, &table, &FitOptions::default().starts(8))?;
/// assert!(fitted.converged);
/// assert!((fitted.param("rate").unwrap().estimate - 0.0848).abs() < 1e-3);
///
/// // What the curve misses of each observation.
/// let column = fitted.column("temp").unwrap();
/// assert_eq!(column.predictions[2] - temp[2], column.residuals[2]);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
///
/// # Errors
/// See [`FitError`]; and as [`Error::Request`] when the model is a compiled program, which does not
/// say what it predicts.
pub fn fit(model: &Model, table: &Table<'_>, options: &FitOptions) -> Result<Fit, FitError> {
    fit_observed(model, table, options, &|_| ControlFlow::Continue(()))
}

/// Fits as [`fit`] does, and tells `observer` how far it is, before each step of each start. Where
/// the observer breaks, no further step is taken: the best so far is the result, with
/// [`Fit::interrupted`] set.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitOptions, Table, fit_observed};
/// use std::ops::ControlFlow;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let x: Vec<f64> = (0..20).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| (0.3 * x).sin()).collect();
/// let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
/// let model = Interpreter::embedded().model("(param k 0.1) (observe y (sin (* k x)))")?;
///
/// // Another thread, or a handler of signals, may set it at any time.
/// let enough = AtomicBool::new(false);
/// let fitted = fit_observed(&model, &table, &FitOptions::default(), &|progress| {
///     if progress.best < 1.0 {
///         enough.store(true, Ordering::Relaxed);
///     }
///     match enough.load(Ordering::Relaxed) {
///         true => ControlFlow::Break(()),
///         false => ControlFlow::Continue(()),
///     }
/// })?;
/// assert!(fitted.interrupted && fitted.sse < 1.0);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
///
/// # Errors
/// As [`fit`]; and [`FitError::Interrupted`] where nothing was found by then.
pub fn fit_observed(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    observer: &Observer<'_>,
) -> Result<Fit, FitError> {
    fit_noting(model, table, options, observer, None)
}

/// Fits as [`fit_observed`] does, and tells where the first evaluation was not finite that was not: a
/// prediction, a residual or a derivative, or where the program failed; none where all was well. Starts are
/// done one after the other, so that the first is the same each time.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitOptions, Table, fit_traced};
/// use std::ops::ControlFlow;
///
/// let table = Table::from_columns([("x", &[0.0, 1.0, 2.0][..]), ("y", &[0.0, 1.0, 1.4][..])])?;
/// let model = Interpreter::embedded().model("(param k 0.0)\n(observe y (sqrt (* k x)))")?;
/// let options = FitOptions::default();
/// let (_, met) = fit_traced(&model, &table, &options, &|_| ControlFlow::Continue(()));
/// let met = met?.unwrap();
/// assert_eq!((met.row, &met.params[..]), (Some(0), &[("k".to_owned(), 0.0)][..]));
/// let derivative = met.run.derivative.unwrap();
/// assert_eq!((&*derivative.name, derivative.text.as_deref()), ("sqrt", Some("(sqrt (* k x))")));
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
///
/// # Errors
/// As [`fit_observed`]; looking itself fails where the program or the table is at fault.
pub fn fit_traced(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    observer: &Observer<'_>,
) -> (
    Result<Fit, FitError>,
    Result<Option<FitNotFinite>, FitError>,
) {
    if options.minimize {
        // A loss has no rows to look at.
        return (fit_observed(model, table, options, observer), Ok(None));
    }
    let met = OnceLock::new();
    let fitted = fit_noting(model, table, options, observer, Some(&met));
    let met = match met.get() {
        Some(params) => not_finite::look(model, table, options, params),
        None => Ok(None),
    };
    (fitted, met)
}

fn fit_noting(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    observer: &Observer<'_>,
    met: Option<&OnceLock<Vec<f64>>>,
) -> Result<Fit, FitError> {
    if options.minimize {
        return loss::fit_loss(model, table, options, observer);
    }
    if options.soften {
        return soften::fit_soft(model, table, options, observer);
    }
    fit_once(model, table, options, observer, met, None)
}

/// Fits once; with comparisons relaxed where that is asked for, and then tells which params are compared.
fn fit_once(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    observer: &Observer<'_>,
    met: Option<&OnceLock<Vec<f64>>>,
    soft: Option<(Softening, &mut Vec<Compared>)>,
) -> Result<Fit, FitError> {
    let clock = Clock::start();
    let goal = match options.target {
        Some(_) => Goal::Value,
        None => Goal::Observations,
    };
    let Some(interpreter) = model.interpreter() else {
        let message = "a compiled program does not say what it predicts; fit the model of its text";
        return Err(Error::Request(message.into()).into());
    };
    let mode = model.mode();
    let program = interpreter.expand_for(model.text(), &model.given(), mode, goal)?;
    let observations = observations(&program, options.target.as_deref())?;
    let more = options.noise_columns();
    let usable = usable_rows(&program, &observations, table, &more)?;
    let all_rows = table.rows();
    let less = usable.as_ref().map(|rows| table.only(rows));
    let table = less.as_ref().unwrap_or(table);
    let unknowns = unknowns(&program, table, options)?;
    check_names(&program, table, &unknowns)?;
    check_loss(options)?;
    let by_row = observations.iter().any(|observation| observation.by_row);
    let (mut bindings, rows) = if by_row {
        (matrices(&program, table)?, columns(&program, table)?)
    } else {
        (columns_used(&program, table)?, Vec::new())
    };
    let ranges = ranges(&program, table, &unknowns.all);
    for (name, value) in &unknowns.held {
        bindings.set(name, *value);
    }
    // What varies: the unknowns, and where rows are predicted one by one, their numbers.
    let names = unknowns.names.iter().cloned();
    let names: Vec<String> = names
        .chain(rows.iter().map(|row| row.0.to_owned()))
        .collect();
    let rows = by_row.then(|| rows.iter().map(|row| row.1).collect());
    let varied: Vec<&str> = names.iter().map(String::as_str).collect();
    let inputs: Vec<&str> = bindings.names().chain(varied.iter().copied()).collect();
    let expanded = program.clone();
    let mut relaxation = model.relaxation();
    let program = match soft {
        None => program,
        Some((softening, compared)) => {
            relaxation = relaxation.temperature(softening.temperature);
            let widths = widths(&unknowns, &ranges);
            let relaxed = relax(program, &unknowns.names, &widths)?;
            compared.extend(relaxed.compared.iter().map(|&at| Compared {
                name: unknowns.names[at].clone(),
                width: widths[at],
            }));
            relaxed.program
        }
    };
    let prepared = Model::new(interpreter, program, &inputs, mode)?;
    let prepared = prepared.with_relaxation(relaxation)?;
    let wrt = &varied[..unknowns.names.len()];
    // Starts are more work at a time than rows.
    let share_rows = options.starts <= 1;
    let first = prepared
        .evaluator(&bindings, &varied, wrt, &options.limits)?
        .fuel_for_each()
        .threads(if share_rows {
            options.threads.clone()
        } else {
            Threads::ONE
        });
    let places = unknowns.places.clone();
    let mut data = Data::new(table, &observations, goal, rows, places, met)?;
    let all = &unknowns.all;
    check_starts(options, all.len())?;
    let init: Vec<f64> = all.iter().map(|u| u.init).collect();
    let bounds: Vec<Bound> = all.iter().map(|u| Bound::from(u.constraint)).collect();
    let mut derivation =
        Derivation::new(model, &expanded, table, &unknowns, by_row, &options.limits)?;
    let search = Options {
        starts: options.starts,
        seed: options.seed,
        max_iterations: options.max_iterations,
        all_starts: options.all_starts,
        // Which evaluation is the first must not depend on who is quicker.
        threads: if met.is_some() {
            Threads::ONE
        } else {
            options.threads.clone()
        },
        ranges,
        ..Options::default()
    };
    // Once it is late no evaluation is done any more, so there is nothing to go on for.
    let limits = options.limits;
    let observer = |progress: &Progress| {
        if limits.is_late() {
            return ControlFlow::Break(());
        }
        observer(progress)
    };
    let watch = search.watch(&observer);
    if !watch.goes_on() && !limits.is_late() {
        return Err(FitError::Interrupted);
    }
    // The first evaluation settles what no other numbers could mend, and what noise is made of.
    let declared = Declared {
        program: &expanded,
        table,
        observations: &observations,
        unknowns: all,
        names: &unknowns.names,
        options,
    };
    let mut at_init = Problem::new(first.clone(), &data);
    if let Err(error) = at_init.predict(&init) {
        if declared.needs_values() {
            return Err(error.into_fit_error());
        }
        if let Some(error) = error.definite() {
            return Err(error);
        }
    }
    let amounts = if declared.needs_values() {
        let numbers = data.numbers().to_vec();
        declared.settle(numbers, &|output, number| at_init.computed(output, number))?
    } else {
        drop(at_init);
        declared.settle(data.take_numbers(), &|_, _| f64::NAN)?
    };
    data.settle(amounts);
    if let Some(derivation) = &mut derivation {
        derivation.check(&init)?;
    }
    let unknown_names: Vec<&str> = all.iter().map(|unknown| unknown.name.as_str()).collect();
    let minimize = |data: &Data<'_>, init: &[f64], search: &Options, watch: &Watch<'_>| {
        let problem = || Problem::new(first.clone(), data);
        // With one start there is nothing to save.
        let sample = if search.starts > 1 && data.residuals() > MANY_RESIDUALS {
            data.sample(MANY_RESIDUALS / observations.len())
        } else {
            None
        };
        let of_sample = || Problem::new(first.clone(), sample.as_ref().unwrap_or(data));
        let sampled = sample.is_some().then_some(&of_sample);
        let found = minimize_from_starts(problem, sampled, &bounds, init, search, watch);
        found.map_err(|e| match e {
            StartsError::NoStart {
                cause: Some(cause), ..
            } => cause.into_fit_error(),
            StartsError::NoStart { starts, .. } => FitError::NoStart {
                starts,
                detail: problem()
                    .not_finite(init, &unknown_names)
                    .unwrap_or_default(),
            },
            // Past a deadline an evaluation says so.
            StartsError::Interrupted => match problem().predict(init) {
                Err(late) if !limits.is_interrupted() && limits.is_late() => late.into_fit_error(),
                _ => FitError::Interrupted,
            },
            StartsError::Bound(index) | StartsError::Outside(index) => {
                let name = &all[index].name;
                FitError::Init(format!("`{name}` starts outside its constraint"))
            }
        })
    };
    let best = if data.scoring().needs_scales() {
        let rescale = |data: &mut Data<'_>, params: &[f64]| -> Result<f64, FitError> {
            let mut problem = Problem::new(first.clone(), data);
            problem.predict(params).map_err(Unfit::into_fit_error)?;
            let scales = robust_scales(&problem);
            Ok(data.scoring_mut().rescale(&scales))
        };
        // By squares first; from there with the scale of their residuals, from many starts once more, and
        // until the scale is that of the residuals it leads to.
        let loss = data.scoring().loss;
        data.scoring_mut().loss_is(Loss::Squares);
        let mut best = minimize(&data, &init, &search, &watch)?;
        let again = Options {
            starts: 1,
            ..search.clone()
        };
        for pass in 0..MOST_PASSES {
            data.scoring_mut().loss_is(loss);
            let moved = rescale(&mut data, &best.params)?;
            if pass > 0 && moved <= SAME_SCALE || best.interrupted {
                break;
            }
            let search = if pass == 0 { &search } else { &again };
            let watch = search.watch(&observer);
            let next = minimize(&data, &best.params, search, &watch)?;
            best = if pass == 0 {
                next
            } else {
                carried_on(best, next)
            };
        }
        best
    } else {
        minimize(&data, &init, &search, &watch)?
    };
    // What was found is told, late or not: that takes one evaluation more.
    let mut at_best = if limits.is_late() {
        let unhurried = Limits {
            deadline: None,
            interrupt: None,
            ..options.limits
        };
        let unhurried = prepared.evaluator(&bindings, &varied, wrt, &unhurried)?;
        Problem::new(unhurried.fuel_for_each().threads(Threads::ONE), &data)
    } else {
        Problem::new(first.clone(), &data)
    };
    at_best
        .predict_with_derivatives(&best.params)
        .map_err(Unfit::into_fit_error)?;
    let concluded = conclude(&mut at_best, &best);
    let statistics = &concluded.statistics;
    let derived = derivation.map(|mut derivation| derivation.at(&best.params, &concluded));
    let params = all
        .iter()
        .enumerate()
        .map(|(index, unknown)| FittedParam {
            name: unknown.name.clone(),
            estimate: best.params[index],
            std_err: statistics.std_err[index],
            low: statistics.low[index],
            high: statistics.high[index],
            group: unknown.group.clone(),
        })
        .collect();
    let used = usable.as_deref().map(|rows| (rows, all_rows));
    let dropped = |start: &&StartEnd| start.ending == Ending::Dropped;
    let names = &unknown_names;
    let (columns, stats) = (at_best.columns(used), at_best.stats());
    let origins = || concluded.noise.iter().map(|noise| noise.origin);
    let are_given = origins().all(|origin| origin == SdOrigin::Given);
    let chi_squared = are_given.then_some(best.value);
    let freedom = statistics.degrees_of_freedom as f64;
    let mut groups: Vec<usize> = concluded.noise.iter().filter_map(|one| one.group).collect();
    groups.dedup();
    let determined = (statistics.rank + groups.len()) as f64;
    let combined = combined(&mut at_best, &best, statistics, names);
    let optima = best.others.iter().map(|other| Optimum {
        params: other.params.clone(),
        sse: other.value,
        symmetry: symmetry(names, &best.params, &other.params),
    });
    Ok(Fit {
        params,
        covariance: statistics.covariance.clone(),
        correlation: statistics.correlation.clone(),
        sse: concluded.sse,
        value: best.value,
        log_likelihood: concluded.log_likelihood,
        chi_squared,
        reduced_chi_squared: chi_squared
            .map(|all| all / freedom)
            .filter(|x| x.is_finite()),
        aic: 2.0 * determined - 2.0 * concluded.log_likelihood,
        bic: determined * math::ln(data.residuals() as f64) - 2.0 * concluded.log_likelihood,
        residual_sd: statistics.residual_sd,
        degrees_of_freedom: statistics.degrees_of_freedom,
        residuals: data.residuals(),
        columns,
        noise: concluded.noise,
        derived: derived.unwrap_or_default(),
        held: unknowns.held.clone(),
        rows: all_rows,
        rows_dropped: usable.as_ref().map_or(0, |rows| all_rows - rows.len()),
        loss: None,
        steering: Vec::new(),
        starts: best.starts.len(),
        agree: best.agree,
        as_good: best.as_low,
        optima: optima.collect(),
        r_squared: 1.0 - concluded.sse / data.total_squares(),
        combinations: combined,
        dropped: best.starts.iter().filter(dropped).count(),
        ends: best.starts,
        best: best.best,
        converged: best.converged,
        held_back: best.held_back,
        interrupted: best.interrupted,
        undetermined: statistics
            .undetermined
            .iter()
            .map(|&index| all[index].name.clone())
            .collect(),
        at_edge: all
            .iter()
            .zip(best.params.iter().zip(&statistics.std_err))
            .enumerate()
            .filter(|(index, (unknown, (x, std_err)))| {
                best.held.contains(index) || is_at_edge(unknown.constraint, **x, **std_err)
            })
            .map(|(_, (unknown, _))| unknown.name.clone())
            .collect(),
        evaluations: best.evaluations.residuals + best.evaluations.jacobians,
        stats,
        seconds: clock.seconds(),
    })
}

/// How wide a step is to each param of the program.
fn widths(unknowns: &Unknowns, ranges: &[Option<Range>]) -> Vec<f64> {
    let width = |place: &Place| {
        let first = place.unknown(0);
        let init = unknowns.all[first].init.abs();
        match ranges.get(first).copied().flatten() {
            Some(range) => soften::OF_RANGE * (range.high - range.low),
            None if init > 0.0 => soften::OF_INIT * init,
            None => soften::OF_INIT,
        }
    };
    unknowns.places.iter().map(width).collect()
}

/// How often the scale of a robust loss is taken anew.
const MOST_PASSES: usize = 50;

/// Scales that differ by less than this part are the same.
const SAME_SCALE: f64 = 1e-6;

/// A search carried on by a single start from its best.
fn carried_on(before: MultiStart, next: MultiStart) -> MultiStart {
    let mut starts = before.starts;
    if let (Some(end), Some(further)) = (starts.get_mut(before.best), next.starts.first()) {
        let iterations = end.iterations + further.iterations;
        *end = StartEnd {
            iterations,
            ..further.clone()
        };
    }
    let mut evaluations = before.evaluations;
    evaluations += next.evaluations;
    MultiStart {
        starts,
        best: before.best,
        agree: before.agree,
        evaluations,
        ..next
    }
}

/// Refuses a scale that is none.
fn check_loss(options: &FitOptions) -> Result<(), FitError> {
    let message = match options.loss_scale {
        None => return Ok(()),
        Some(_) if options.loss == Loss::Squares => {
            "the scale of a loss (--loss-scale) is for a robust one; give one, such as --loss huber"
                .to_owned()
        }
        Some(scale) if scale.is_finite() && scale > 0.0 => return Ok(()),
        Some(scale) => format!(
            "the scale of the loss (--loss-scale) is {scale}; give a number above 0, in the unit of the \
             residuals"
        ),
    };
    Err(FitError::Noise(message))
}

/// The combinations of params that are determined at a minimum where the params are not.
fn combined(
    problem: &mut Problem<'_>,
    best: &MultiStart,
    statistics: &Statistics,
    names: &[&str],
) -> Vec<Combination> {
    /// Scores that have changed by less than this part of how far one param alone would change them.
    const SAME: f64 = 1e-5;
    let rows = best.scores.len();
    if rows == 0 {
        return Vec::new();
    }
    let mut scores = vec![0.0; rows];
    let mut all: Vec<Combination> = Vec::new();
    for direction in &statistics.directions {
        let stays = |params: &[f64]| {
            if problem.value(params, &mut scores).is_err() {
                return false;
            }
            let changes = scores
                .iter()
                .zip(&best.scores)
                .map(|(a, b)| (a - b).powi(2));
            let changed = changes.sum::<f64>().sqrt();
            let alone = (0..params.len()).map(|j| {
                let column = &best.jacobian[j * rows..(j + 1) * rows];
                sum_of_squares(column).sqrt() * (params[j] - best.params[j]).abs()
            });
            changed <= SAME * alone.fold(0.0, f64::max)
        };
        let found = combinations(&best.params, names, direction, stays);
        all.extend(found.into_iter().map(|one| Combination {
            text: one.text,
            value: one.value,
        }));
    }
    all
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

/// A model is shared by all threads of a fit.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
};

/// Refuses more starts than have room: each keeps some triangles of as many rows as there are params.
fn check_starts(options: &FitOptions, params: usize) -> Result<(), FitError> {
    let starts = options.starts;
    let too_many = |most, why| Err(FitError::TooManyStarts { starts, most, why });
    if starts > MOST_STARTS {
        return too_many(MOST_STARTS, String::new());
    }
    let each = 64 * (params + 4).saturating_mul(params + 4);
    let bytes = options.limits.heap_bytes;
    // Those of the default are begun with any model.
    let most = (bytes / each).max(FitOptions::default().starts);
    if starts > most {
        let why = format!(" with {params} params that {bytes} bytes hold");
        return too_many(most, why);
    }
    Ok(())
}
