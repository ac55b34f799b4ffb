//! The options of a fit, as Python has them and as the crate does.
//!
//! Keyword arguments go in; [`FitOptions`] come out, and the other way round where a fit travels.

use crate::error::request;
use dmci::fit::{FitOptions, Loss};
use dmci::syntax::Constraint;
use dmci::{Limits, Threads};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

/// A range of a param: (low, high), either of which may be None or infinite.
fn constraint(low: Option<f64>, high: Option<f64>) -> Constraint {
    match (
        low.filter(|x| *x > f64::NEG_INFINITY),
        high.filter(|x| *x < f64::INFINITY),
    ) {
        (None, None) => Constraint::Free,
        (Some(low), None) => Constraint::Above(low),
        (None, Some(high)) => Constraint::Below(high),
        (Some(low), Some(high)) => Constraint::Between(low, high),
    }
}

/// The ends of a range.
pub(crate) type Range = (Option<f64>, Option<f64>);

/// Options as Python tells them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Told {
    pub(crate) target: Option<String>,
    pub(crate) sigma: Option<String>,
    pub(crate) weights: Option<String>,
    pub(crate) init: BTreeMap<String, f64>,
    pub(crate) fix: BTreeMap<String, Option<f64>>,
    pub(crate) bounds: BTreeMap<String, Range>,
    pub(crate) loss: String,
    pub(crate) loss_scale: Option<f64>,
    pub(crate) minimize: bool,
    pub(crate) soften: bool,
    pub(crate) max_iterations: Option<usize>,
    pub(crate) all_starts: bool,
    pub(crate) starts: usize,
    pub(crate) seed: u64,
}

impl Told {
    /// The same for the crate.
    pub(crate) fn options(
        self,
        py: Python<'_>,
        limits: Limits,
        threads: Threads,
    ) -> PyResult<FitOptions> {
        let Some(loss) = Loss::from_name(&self.loss) else {
            let names: Vec<&str> = Loss::ALL.iter().map(|loss| loss.name()).collect();
            let message = format!(
                "there is no loss `{}`; give one of {}",
                self.loss,
                names.join(", ")
            );
            return Err(request(py, message));
        };
        let mut options = FitOptions::default()
            .starts(self.starts.max(1))
            .seed(self.seed)
            .all_starts(self.all_starts)
            .minimize(self.minimize)
            .soften(self.soften)
            .threads(threads);
        options.target = self.target;
        options.sigma = self.sigma;
        options.weights = self.weights;
        options.loss = loss;
        options.loss_scale = self.loss_scale;
        options.init = self.init.into_iter().collect();
        options.fix = self.fix.into_iter().collect();
        let bounds = self.bounds.into_iter();
        let bounds = bounds.map(|(name, (low, high))| (name, constraint(low, high)));
        options.bounds = bounds.collect();
        if let Some(steps) = self.max_iterations {
            options = options.max_iterations(steps);
        }
        options.limits = limits;
        Ok(options)
    }
}

/// Options as keyword arguments, but for starts, seed and threads.
pub(crate) fn told<'py>(
    py: Python<'py>,
    options: &FitOptions,
    missing: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("target", &options.target)?;
    all.set_item("sigma", &options.sigma)?;
    all.set_item("weights", &options.weights)?;
    all.set_item(
        "init",
        options.init.iter().cloned().collect::<BTreeMap<_, _>>(),
    )?;
    all.set_item(
        "fix",
        options.fix.iter().cloned().collect::<BTreeMap<_, _>>(),
    )?;
    let bounds = options.bounds.iter().map(|(name, range)| {
        let range: Range = match *range {
            Constraint::Free => (None, None),
            Constraint::Above(low) => (Some(low), None),
            Constraint::Below(high) => (None, Some(high)),
            Constraint::Between(low, high) => (Some(low), Some(high)),
        };
        (name.clone(), range)
    });
    all.set_item("bounds", bounds.collect::<BTreeMap<_, _>>())?;
    all.set_item("loss", options.loss.name())?;
    all.set_item("loss_scale", options.loss_scale)?;
    all.set_item("minimize", options.minimize)?;
    all.set_item("soften", options.soften)?;
    all.set_item("max_iterations", options.max_iterations)?;
    all.set_item("all_starts", options.all_starts)?;
    all.set_item("missing", missing)?;
    Ok(all)
}
