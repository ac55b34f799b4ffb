//! Fitting: a model's params to data.
//!
//! A [`Model`] and a [`Table`] go in; a [`Fit`] comes out: estimates with standard errors and
//! intervals. `levenberg_marquardt`, `triangle`, `starts`, `points` and `statistics` are numerics that
//! know nothing of programs; `declared` and `prepared` hold the program against the table, `problem` gives
//! its residuals, `fitting` connects them all, and `context` keeps what many fits share.
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
mod context;
mod declared;
mod derived;
mod descents;
mod desk;
mod error;
mod factored;
mod fitting;

#[cfg(test)]
mod known_problems;
mod lbfgs;
mod levenberg_marquardt;
mod literals;
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
mod prepared;
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
mod turns;
pub(crate) mod warnings;
mod waves;

pub use context::{FitContext, PreparedFit};
#[cfg(feature = "cli")]
pub(crate) use declared::{columns_used, usable_rows};
pub use error::FitError;
pub use noise::Loss;
pub use not_finite::FitNotFinite;
pub use observer::{Observer, Progress};
pub use options::FitOptions;
#[cfg(feature = "cli")]
pub(crate) use options::MOST_STARTS;
pub use predictions::{Estimates, PredictedColumn, predict};
pub use profile::{Profile, ProfileEnd, ProfilePoint, profile};
pub use result::{
    Calibrated, Combination, Ending, Fit, FittedColumn, FittedDerived, FittedLoss, FittedNoise,
    FittedParam, GroupOf, Optimum, SdOrigin, StartEnd, Steering,
};
pub use table::{Missing, Table, TableError, TableOptions};

use crate::model::Model;
use std::ops::ControlFlow;
use std::sync::OnceLock;

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
/// See [`FitError`]; and as [`Error::Request`](crate::Error::Request) when the model is a compiled program, which does not
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
    PreparedFit::new(model, table, options)?.noting(observer, met)
}

/// A model is shared by all threads of a fit.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
    shared::<PreparedFit<'_>>();
};
