//! `dmci predict`: what a fitted model says of other rows.
//!
//! A model, the result of its fit and a CSV file go in; CSV comes out.
//!
//! **Invariants**
//! - The columns of numbers of the file come first, as they are; then, for each column that the model
//!   predicts, its prediction and the 95 % band of its mean.
//! - A file that is written is there whole or as it was before.

use super::data::{TableArgs, csv_text, failure};
use super::limits::LimitArgs;
use super::program::{Loaded, MachineArgs, ProgramArgs, ThreadArgs, read_text};
use super::report::{self, Failure};
use crate::Bindings;
use crate::fit::{Estimates, FitError, FitOptions, predict};
use crate::graph::ncg::whole;
use clap::Args;
use std::path::{Path, PathBuf};

/// Predict rows with a fitted model
///
/// The model is the one that was fitted, and the result of its fit what `dmci fit --json` printed or
/// `dmci fit --out` wrote as fit.json. The rows hold the columns that the model takes; what it predicts
/// they need not hold. A band is the 95 % interval of the mean, by the covariances of the params: single
/// measurements scatter more widely.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci fit model.scm data.csv --out results
  dmci predict model.scm results/fit.json new.csv
  dmci predict model.scm results/fit.json new.csv --out predicted.csv")]
pub(super) struct Predict {
    /// File with the model that was fitted
    #[arg(value_name = "MODEL.scm")]
    model: PathBuf,

    /// File with the result of the fit
    #[arg(value_name = "FIT.json")]
    fit: PathBuf,

    /// File with the rows: a line of column names, then a line for each row; `-` for standard input
    #[arg(value_name = "DATA.csv")]
    data: PathBuf,

    /// Write here instead of to standard output
    #[arg(short, long, value_name = "FILE.csv")]
    out: Option<PathBuf>,

    #[command(flatten)]
    table: TableArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

impl Predict {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let Loaded::Text(source) = ProgramArgs::of(&self.model).load(&limits)? else {
            let message = "a compiled program does not say what it predicts; give its source";
            return Err(Failure::Data(format!(
                "{}: {message}",
                self.model.display()
            )));
        };
        let estimates = estimates(&self.fit)?;
        let table = self.table.read(&self.data)?;
        let model = self
            .machine
            .interpreter()?
            .within(&limits)
            .model_for(&source.text, &Bindings::new(), self.machine.mode())
            .and_then(|model| model.with_relaxation(self.machine.relaxation()))
            .map_err(Failure::of(&source))?;
        let options = FitOptions {
            fuel: self.limits.budget(),
            ..FitOptions::default()
                .limits(limits)
                .threads(self.threads.threads())
        };
        let predicted =
            predict(&model, &estimates, &table, &options).map_err(|error| match error {
                FitError::Estimates { message } => self.wrong_fit(&message),
                error => failure(&error, &source),
            })?;
        let mut columns: Vec<(String, &[f64])> = Vec::new();
        for name in table.names() {
            if let Ok(numbers) = table.observed(name) {
                columns.push((name.clone(), numbers));
            }
        }
        for column in &predicted {
            let name = &column.name;
            columns.push((format!("{name} fit"), &column.predictions));
            columns.push((format!("{name} low"), &column.low));
            columns.push((format!("{name} high"), &column.high));
        }
        let text = csv_text(&columns)?;
        match &self.out {
            None => report::print(&text),
            Some(path) => whole::save(path, text.as_bytes()).map_err(|error| {
                Failure::Data(format!("{}: cannot be written: {error}", path.display()))
            }),
        }
    }

    fn wrong_fit(&self, message: &str) -> Failure {
        Failure::Data(format!("{}: {message}", self.fit.display()))
    }
}

/// Reads the result of a fit.
pub(super) fn estimates(path: &Path) -> Result<Estimates, Failure> {
    let wrong = |message: String| Failure::Data(format!("{}: {message}", path.display()));
    Estimates::from_json(&read_text(path)?).map_err(|error| match error {
        FitError::Estimates { message } => wrong(format!(
            "{message}; give what `dmci fit --json` printed or `dmci fit --out` wrote as fit.json"
        )),
        error => wrong(error.to_string()),
    })
}
