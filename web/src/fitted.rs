//! Fits, as pages ask for them.
//!
//! **Invariants**
//! - The result has the fields of `dmci fit --json`, with what it warns of.
//! - The host hears of each step, and ends a fit when it likes: the best so far is the result.

use crate::asked::{Answer, Refused, as_json};
use crate::{host, interpreter};
use dmci::fit::{self, Fit, FitError, FitOptions, Loss, Progress, Table, fit_observed};
use dmci::{Limits, Threads};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// What an evaluation of a fit may take.
fn limits() -> Limits {
    Limits::default().fuel(50_000_000).heap_bytes(512 << 20)
}

/// A fit.
#[derive(Deserialize)]
pub(crate) struct FitRequest {
    source: String,
    /// As CSV.
    table: String,
    starts: Option<usize>,
    seed: Option<u64>,
    max_iterations: Option<usize>,
    target: Option<String>,
    loss: Option<String>,
    #[serde(default)]
    all_starts: bool,
    #[serde(default)]
    minimize: bool,
    /// Params held at a value, and other initial values.
    #[serde(default)]
    fix: Vec<(String, f64)>,
    #[serde(default)]
    init: Vec<(String, f64)>,
}

impl FitRequest {
    fn options(&self) -> Result<FitOptions, Refused> {
        let mut options = FitOptions::default()
            .limits(limits())
            .threads(Threads::ONE)
            .all_starts(self.all_starts)
            .minimize(self.minimize);
        if let Some(starts) = self.starts {
            options = options.starts(starts);
        }
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        if let Some(steps) = self.max_iterations {
            options = options.max_iterations(steps);
        }
        if let Some(column) = &self.target {
            options = options.target(column);
        }
        if let Some(name) = &self.loss {
            let loss = Loss::from_name(name)
                .ok_or_else(|| Refused::Request(format!("there is no loss `{name}`")))?;
            options = options.loss(loss);
        }
        for (name, value) in &self.fix {
            options = options.fix(name, *value);
        }
        for (name, value) in &self.init {
            options = options.init(name, *value);
        }
        Ok(options)
    }

    fn refused(&self) -> impl Fn(FitError) -> Refused {
        |error| Refused::Fit(Box::new(error), self.source.clone())
    }

    fn table(&self) -> Result<Table<'static>, Refused> {
        read(&self.table)
    }
}

fn read(text: &str) -> Result<Table<'static>, Refused> {
    if text.trim().is_empty() {
        return Ok(Table::empty());
    }
    Table::from_text(text, "the table").map_err(|error| Refused::Request(error.to_string()))
}

/// A table as it is read: its columns by name, with null for what is no number.
pub(crate) fn table(text: &str) -> Answer {
    let table = read(text)?;
    let column = |name: &String| {
        let numbers = table.observed(name).map_err(|error| error.to_string());
        match numbers {
            Ok(numbers) => json!({"name": name, "numbers": numbers}),
            Err(message) => json!({"name": name, "error": message}),
        }
    };
    let columns: Vec<Value> = table.names().iter().map(column).collect();
    Ok(json!({"rows": table.rows(), "columns": columns}))
}

/// Fits.
pub(crate) fn fit(request: &FitRequest) -> Answer {
    let model = interpreter().within(&limits()).model(&request.source);
    let model = model.map_err(Refused::by(&request.source))?;
    let (options, table) = (request.options()?, request.table()?);
    let began = host::milliseconds();
    let until = |progress: &Progress| goes_on(host::goes_on(progress));
    let fitted = fit_observed(&model, &table, &options, &until);
    let fitted = fitted.map_err(request.refused())?;
    let seconds = (host::milliseconds() - began) / 1000.0;
    let warnings = fitted.warnings(&model, &options);
    let mut answer = as_json(&fitted)?;
    answer["seconds"] = json!(seconds);
    answer["warnings"] = json!(warnings);
    Ok(answer)
}

/// Where the search from the initial values is after each step: params and the sum of squares.
pub(crate) fn descent(request: &FitRequest, steps: usize) -> Answer {
    let model = interpreter().within(&limits()).model(&request.source);
    let model = model.map_err(Refused::by(&request.source))?;
    let (options, table) = (request.options()?.starts(1), request.table()?);
    let scored = options.clone().max_iterations(0);
    let mut fitted = fit::fit(&model, &table, &scored).map_err(request.refused())?;
    let mut places = vec![place(&fitted)];
    // Searches are deterministic, and each goes a step farther than the one before.
    for step in 1..=steps.min(200) {
        let until = |progress: &Progress| goes_on(progress.steps < step);
        fitted = fit_observed(&model, &table, &options, &until).map_err(request.refused())?;
        places.push(place(&fitted));
        if !fitted.interrupted {
            break;
        }
    }
    let names: Vec<&str> = model.params().iter().map(|p| p.name.as_str()).collect();
    Ok(json!({"names": names, "steps": places, "converged": fitted.converged}))
}

fn goes_on(goes_on: bool) -> ControlFlow<()> {
    if goes_on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// Where the first start of a fit ended.
fn place(fitted: &Fit) -> Value {
    let end = &fitted.ends[0];
    json!({"params": end.params, "sse": end.sse})
}
