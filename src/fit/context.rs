//! `PreparedFit` and `FitContext`: what fits have in common, made once.
//!
//! A model and a table, or an interpreter and a table for many programs, go in; fits come out.
//!
//! **Invariants**
//! - A fit of a prepared model has the bits of one that was prepared anew.
//! - A prepared fit changes nothing that others see: it may be shared by threads.

use super::error::FitError;
use super::fitting::Fitting;
use super::observer::{Observer, Progress};
use super::options::FitOptions;
use super::prepared::{Known, Ready, Source};
#[cfg(feature = "search")]
use super::result::Predicted;
use super::result::{Calibrated, Fit};
use super::table::Table;
use super::{loss, soften};
use crate::model::{Error, Model};
use crate::prim::relaxation::Relaxation;
use crate::{Interpreter, Mode};
use std::ops::ControlFlow;
use std::sync::OnceLock;

/// An interpreter, a table and options: what a search over programs fits each of its candidates with.
///
/// Each program is read, held against the table and fitted, in this process and within the limits of the
/// options: fuel, bytes and a deadline of each evaluation; [`FitOptions::max_evaluations`] of each fit, and
/// [`FitOptions::fuel`] of all fits together.
/// With [`FitOptions::literals`] the float literals of a program are its constants; without steps
/// ([`FitOptions::max_iterations`]) a program is scored as it is.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitContext, FitOptions, Table};
///
/// let x: Vec<f64> = (0..20).map(|row| 0.1 * f64::from(row)).collect();
/// let y: Vec<f64> = x.iter().map(|x| 2.0 * (3.0 * x).sin()).collect();
/// let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
/// let options = FitOptions::default().target("y").literals(true).starts(1);
/// let context = FitContext::new(&Interpreter::embedded(), &table, options);
///
/// let mut best = (f64::INFINITY, "");
/// for candidate in ["(* 1.5 (sin (* 2.8 x)))", "(+ 0.5 (* 1.0 x))"] {
///     let found = context.calibrate(candidate)?;
///     if found.sse < best.0 {
///         best = (found.sse, candidate);
///     }
/// }
/// assert_eq!(best.1, "(* 1.5 (sin (* 2.8 x)))");
/// let fit = context.fit(best.1)?;
/// assert_eq!(fit.params[0].name, "@1:4");
/// assert!((fit.params[0].estimate - 2.0).abs() < 1e-9);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FitContext<'t> {
    interpreter: Interpreter,
    table: &'t Table<'t>,
    options: FitOptions,
    mode: Mode,
    relaxation: Relaxation,
}

impl<'t> FitContext<'t> {
    /// A context for programs that run in [`Mode::Direct`]: one is run a few hundred times, and another one
    /// follows.
    pub fn new(interpreter: &Interpreter, table: &'t Table<'t>, options: FitOptions) -> Self {
        Self {
            interpreter: interpreter.within(&options.limits),
            table,
            options,
            mode: Mode::Direct,
            relaxation: Relaxation::default(),
        }
    }

    /// The same in another mode.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same with another relaxation of soft choices.
    #[must_use]
    pub fn relaxation(mut self, relaxation: Relaxation) -> Self {
        self.relaxation = relaxation;
        self
    }

    /// The options.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// Reads a program and holds it against the table.
    ///
    /// # Errors
    /// What is wrong with the program, or keeps it from being fitted, with its place.
    pub fn prepare(&self, text: &str) -> Result<PreparedFit<'t>, FitError> {
        self.relaxation.check().map_err(Error::Request)?;
        let source = Source {
            interpreter: self.interpreter.clone(),
            text: text.into(),
            given: Vec::new(),
            mode: self.mode,
            relaxation: self.relaxation,
        };
        PreparedFit::of(source, self.table, &self.options)
    }

    /// Fits a program, and tells where that ended alone: as [`PreparedFit::calibrate`].
    ///
    /// # Errors
    /// As [`FitContext::prepare`] and [`PreparedFit::calibrate`].
    pub fn calibrate(&self, text: &str) -> Result<Calibrated, FitError> {
        self.prepare(text)?.calibrate()
    }

    /// Fits a program.
    ///
    /// # Errors
    /// As [`FitContext::prepare`] and [`PreparedFit::fit`].
    pub fn fit(&self, text: &str) -> Result<Fit, FitError> {
        self.prepare(text)?.fit()
    }
}

/// A model held against a table, to be fitted again and again.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitOptions, PreparedFit, Table};
///
/// let (t, y) = ([0.0, 1.0, 2.0, 3.0], [4.0, 2.4, 1.5, 0.9]);
/// let table = Table::from_columns([("t", &t[..]), ("y", &y[..])])?;
/// let model = Interpreter::embedded().model(
///     "(param a 1) (param k 1) (observe y (* a (exp (- (* k t)))))",
/// )?;
/// let prepared = PreparedFit::new(&model, &table, &FitOptions::default().starts(4))?;
/// let params: Vec<(&str, f64)> = prepared.params().collect();
/// assert_eq!(params, [("a", 1.0), ("k", 1.0)]);
///
/// let fit = prepared.fit()?;
/// let best = [fit.params[0].estimate, fit.params[1].estimate];
/// assert!((prepared.score(&best)? - fit.sse).abs() < 1e-12);
/// assert!(prepared.score(&[4.0, 0.4])? > fit.sse);
/// // From another point.
/// assert!(prepared.fit_from(&[10.0, 0.1])?.converged);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
#[derive(Debug)]
pub struct PreparedFit<'t> {
    ready: Ready<'t>,
    options: FitOptions,
}

/// Nobody is told, and nobody interrupts.
fn unobserved(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl<'t> PreparedFit<'t> {
    /// Holds a model against a table, with options for all of its fits.
    ///
    /// # Errors
    /// What keeps the model from being fitted, as [`fit`](super::fit) says it.
    pub fn new(
        model: &Model,
        table: &'t Table<'t>,
        options: &FitOptions,
    ) -> Result<Self, FitError> {
        Self::of(Source::of(model)?, table, options)
    }

    fn of(source: Source, table: &'t Table<'t>, options: &FitOptions) -> Result<Self, FitError> {
        let relaxation = source.relaxation;
        let unchanged = |program, _: &Known<'_>| Ok((program, relaxation));
        Ok(Self {
            ready: Ready::new(source, table, options, unchanged)?,
            options: options.clone(),
        })
    }

    /// The params, in their order, and their initial values.
    pub fn params(&self) -> impl Iterator<Item = (&str, f64)> {
        let all = self.ready.prepared.unknowns.all.iter();
        all.map(|unknown| (unknown.name.as_str(), unknown.init))
    }

    /// The sum of the squared residuals at values of the params, in their order; of a program that is
    /// minimized its value. Nothing is searched for.
    ///
    /// # Errors
    /// When there are not as many values as params, the program fails, or gives no finite residuals.
    pub fn score(&self, params: &[f64]) -> Result<f64, FitError> {
        if self.options.minimize {
            let options = self.options.clone().max_iterations(0);
            return Ok(self.run(params, &options, &unobserved, None)?.value);
        }
        let score = self.fitting(&self.options, &unobserved, None).score(params);
        self.within_fuel(score)
    }

    /// Fits from other initial values with other options of the search; and what the data and priors tell of
    /// the params where that ended: the Jacobian of the scores, multiplied by itself, row-major.
    #[cfg(feature = "search")]
    pub(crate) fn calibrate_from(
        &self,
        init: &[f64],
        options: &FitOptions,
        is_told: bool,
    ) -> Result<(Calibrated, Vec<f64>), FitError> {
        let fitting = self.fitting(options, &unobserved, None);
        let found = self.within_fuel(fitting.calibrated(init))?;
        let told = if is_told {
            self.within_fuel(fitting.information(&found.params))?
        } else {
            Vec::new()
        };
        Ok((found, told))
    }

    /// The numbers that were observed, and their predictions at each of several values of the params; none
    /// where the program fails there.
    #[cfg(feature = "search")]
    pub(crate) fn predictions_at(
        &self,
        all: &[Vec<f64>],
    ) -> Result<(Vec<f64>, Predicted), FitError> {
        let fitting = self.fitting(&self.options, &unobserved, None);
        self.within_fuel(fitting.predictions_at(all))
    }

    /// A result that there was fuel for.
    fn within_fuel<T>(&self, result: Result<T, FitError>) -> Result<T, FitError> {
        match &self.options.fuel {
            Some(fuel) if fuel.is_over() => Err(Error::from(fuel.error()).into()),
            _ => result,
        }
    }

    /// Fits from the initial values, and tells where that ended alone: the estimates without their errors, for
    /// those who throw most fits away.
    ///
    /// # Errors
    /// As [`fit`](super::fit).
    pub fn calibrate(&self) -> Result<Calibrated, FitError> {
        let options = &self.options;
        if options.soften || options.minimize {
            return self.fit().map(Calibrated::from);
        }
        let fitting = self.fitting(options, &unobserved, None);
        self.within_fuel(fitting.calibrated(&self.init()))
    }

    /// Fits from the initial values.
    ///
    /// # Errors
    /// As [`fit`](super::fit).
    pub fn fit(&self) -> Result<Fit, FitError> {
        self.fit_observed(&unobserved)
    }

    /// Fits from other initial values of the params, in their order.
    ///
    /// # Errors
    /// As [`fit`](super::fit); and when there are not as many values as params, or one is outside its range.
    pub fn fit_from(&self, init: &[f64]) -> Result<Fit, FitError> {
        self.run(init, &self.options, &unobserved, None)
    }

    /// Fits, and tells an observer how far it is, as [`fit_observed`](super::fit_observed) does.
    ///
    /// # Errors
    /// As [`fit_observed`](super::fit_observed).
    pub fn fit_observed(&self, observer: &Observer<'_>) -> Result<Fit, FitError> {
        self.noting(observer, None)
    }

    /// Fits from the initial values; `met` gets the params of the first evaluation that is not finite.
    pub(super) fn noting(
        &self,
        observer: &Observer<'_>,
        met: Option<&OnceLock<Vec<f64>>>,
    ) -> Result<Fit, FitError> {
        self.run(&self.init(), &self.options, observer, met)
    }

    fn init(&self) -> Vec<f64> {
        self.params().map(|param| param.1).collect()
    }

    fn fitting<'a>(
        &'a self,
        options: &'a FitOptions,
        observer: &'a Observer<'a>,
        met: Option<&'a OnceLock<Vec<f64>>>,
    ) -> Fitting<'a> {
        Fitting {
            ready: &self.ready,
            options,
            observer,
            met,
        }
    }

    fn run(
        &self,
        init: &[f64],
        options: &FitOptions,
        observer: &Observer<'_>,
        met: Option<&OnceLock<Vec<f64>>>,
    ) -> Result<Fit, FitError> {
        let fitting = self.fitting(options, observer, met);
        self.within_fuel(if options.minimize {
            loss::fit_loss(&fitting, init)
        } else if options.soften {
            soften::fit_soft(&fitting, init)
        } else {
            fitting.run(init)
        })
    }
}
