//! A program's value as a loss: its params where that is lowest.
//!
//! A model, a table whose columns the program takes as lists, and options go in; a [`Fit`] comes out
//! without residuals and without errors.
//!
//! **Invariants**
//! - Gradients are exact: reverse sweeps of the recorded trace.
//! - What only predictions have, be it in the program or in the options, is refused, not passed over.

use super::bounds::Bound;
use super::declared::{Unknowns, last_expression};
use super::derived::Derivation;
use super::error::FitError;
use super::fitting::{Fitting, check_starts, search_options};
use super::lbfgs::Smooth;
use super::loss_search::{Lowest, minimize, scored};
use super::observer::until_late;
use super::optima::symmetry;
use super::outputs::{Unfit, describe};
use super::result::{Ending, Fit, FittedLoss, FittedParam, Optimum, StartEnd};
use super::starts::StartsError;
use crate::model::Evaluator;
use crate::source::Span;
use crate::walk::{Clock, Item};

/// The program's value, on one thread.
struct Value {
    run: Evaluator,
}

impl Smooth for Value {
    type Error = Unfit;

    fn evaluate(&mut self, params: &[f64], gradient: &mut [f64]) -> Result<f64, Unfit> {
        let value = self.run.value_and_grad(params, gradient);
        value.map_err(Unfit::Program)
    }
}

/// Minimizes the value of a prepared program from initial values.
pub(super) fn fit_loss(fitting: &Fitting<'_>, init: &[f64]) -> Result<Fit, FitError> {
    let clock = Clock::start();
    let Fitting {
        ready,
        options,
        observer,
        ..
    } = *fitting;
    ready.check_init(init)?;
    let (prepared, first) = (&ready.prepared, &ready.first);
    let unknowns = &prepared.unknowns;
    check_starts(options, unknowns.all.len())?;
    let mut derivation = Derivation::new(&ready.source, prepared, options)?;
    let span = prepared.program.span(last_expression(&prepared.program));
    let bounds: Vec<Bound> = unknowns.all.iter().map(|u| u.constraint.into()).collect();
    let search = search_options(options, prepared);
    let limits = options.limits;
    let observer = until_late(limits, options.fuel.as_ref(), observer);
    let watch = search.watch(&observer);
    if !watch.goes_on() && !limits.is_late() {
        return Err(FitError::Interrupted);
    }
    // The first evaluation settles what no other numbers could mend.
    let at_init = loss_at(&mut first.clone(), init, span);
    let detail = match &at_init {
        Ok(value) => format!(" (at the initial values it is {value})"),
        Err(_) => String::new(),
    };
    if let Some(error) = at_init.err().and_then(Unfit::definite) {
        return Err(error);
    }
    if let Some(derivation) = &mut derivation {
        derivation.check(init)?;
    }
    let make = || Value { run: first.clone() };
    let found = if init.is_empty() || options.max_iterations == 0 {
        scored(&mut make(), init)
    } else {
        minimize(make, &bounds, init, &search, &watch)
    };
    let lowest = found.map_err(|error| match error {
        StartsError::NoStart {
            cause: Some(cause), ..
        } => cause.into_fit_error(),
        StartsError::NoStart { starts, .. } => FitError::NoLoss { starts, detail },
        // Past a deadline an evaluation says so.
        StartsError::Interrupted => match loss_at(&mut first.clone(), init, span) {
            Err(late) if !limits.is_interrupted() && limits.is_late() => late.into_fit_error(),
            _ => FitError::Interrupted,
        },
        StartsError::Bound(index) | StartsError::Outside(index) => {
            let name = &unknowns.all[index].name;
            FitError::Init(format!("`{name}` starts outside its constraint"))
        }
    })?;
    // What was found is told, late or not.
    let mut at_best = prepared.unhurried(&limits)?;
    let mut gradient = vec![f64::NAN; init.len()];
    at_best.value_and_grad(&lowest.params, &mut gradient)?;
    loss_at(&mut at_best, &lowest.params, span).map_err(Unfit::into_fit_error)?;
    let derived = derivation.map(|mut derivation| derivation.without_errors(&lowest.params));
    Ok(Fit {
        stats: at_best.stats(),
        derived: derived.unwrap_or_default(),
        rows: prepared.all_rows,
        rows_dropped: prepared.dropped(),
        seconds: clock.seconds(),
        ..told(unknowns, lowest, gradient)
    })
}

/// What there is to tell of a minimum.
fn told(unknowns: &Unknowns, lowest: Lowest, gradient: Vec<f64>) -> Fit {
    let n = lowest.params.len();
    let names: Vec<&str> = unknowns.names.iter().map(String::as_str).collect();
    let param = |(unknown, &estimate): (&super::declared::Unknown, &f64)| FittedParam {
        name: unknown.name.clone(),
        estimate,
        std_err: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
        group: None,
    };
    let free = gradient
        .iter()
        .zip(&lowest.held)
        .filter(|(_, held)| !**held);
    // Of none it is 0: the standard library's sum of nothing is -0.
    let gradient_norm = free.fold(0.0, |sum, (g, _)| sum + g * g).sqrt();
    let at_edge = names.iter().zip(&lowest.held).filter(|(_, held)| **held);
    let optima = lowest.others.iter().map(|other| Optimum {
        symmetry: symmetry(&names, &[], &lowest.params, &other.params),
        params: other.params.clone(),
        sse: other.value,
    });
    let dropped = |start: &&StartEnd| start.ending == Ending::Dropped;
    Fit {
        chi_squared: None,
        reduced_chi_squared: None,
        aic: f64::NAN,
        bic: f64::NAN,
        params: unknowns.all.iter().zip(&lowest.params).map(param).collect(),
        held: unknowns.held.clone(),
        rows: 0,
        rows_dropped: 0,
        covariance: vec![f64::NAN; n * n],
        correlation: vec![f64::NAN; n * n],
        sse: f64::NAN,
        value: lowest.value,
        log_likelihood: f64::NAN,
        residual_sd: f64::NAN,
        degrees_of_freedom: 0,
        residuals: 0,
        columns: Vec::new(),
        noise: Vec::new(),
        derived: Vec::new(),
        r_squared: f64::NAN,
        loss: Some(FittedLoss {
            gradient,
            gradient_norm,
        }),
        steering: Vec::new(),
        starts: lowest.starts.len(),
        agree: lowest.agree,
        as_good: lowest.as_low,
        optima: optima.collect(),
        dropped: lowest.starts.iter().filter(dropped).count(),
        at_edge: at_edge.map(|(name, _)| (*name).to_owned()).collect(),
        ends: lowest.starts,
        best: lowest.best,
        converged: lowest.converged,
        held_back: lowest.held_back,
        interrupted: lowest.interrupted,
        combinations: Vec::new(),
        undetermined: Vec::new(),
        evaluations: lowest.evaluations,
        stats: crate::walk::Stats::default(),
        seconds: 0.0,
    }
}

/// The loss at params, which has to be a number.
fn loss_at(run: &mut Evaluator, params: &[f64], span: Span) -> Result<f64, Unfit> {
    run.run_at(params, false).map_err(Unfit::Program)?;
    match run.output().items() {
        [Item::Number { value, .. }] => Ok(*value),
        items => Err(Unfit::Form {
            message: format!(
                "the program's value is {}; a loss to be minimized is one number, such as a sum",
                items.first().map_or("nothing", describe)
            ),
            span,
        }),
    }
}
