//! `dmci fit --verify`: certificates of the derivatives that a fit ends at.
//!
//! A fitted model and its table go in; a certificate for each run that was verified comes out.
//!
//! **Invariants**
//! - A model of series is verified as a whole; one that predicts row by row at some rows, evenly over all.
//! - The constants are the params that were fitted, at their estimates.

use super::data::failure;
use super::fields::{Content, Field};
use super::report::{Failure, Source};
use super::verify;
use crate::fit::table::Table;
use crate::fit::{Fit, FitError, FittedParam, columns_used, usable_rows};
use crate::prim::relaxation::Relaxation;
use crate::syntax::Goal;
use crate::verify::{Certificate, Verdict, VerifyOptions, verify_with};
use crate::{Bindings, Input, Interpreter, Limits};

/// How many rows are verified at the most.
const ROWS: usize = 8;

/// What was verified.
pub(super) struct AtFit {
    certificates: Vec<Certificate>,
    /// How many runs there are to verify: one, or one a row.
    runs: usize,
}

impl AtFit {
    /// Verifies the derivatives at the estimates.
    pub(super) fn new(
        fitted: &Fit,
        table: &Table<'_>,
        interpreter: &Interpreter,
        relaxation: Relaxation,
        limits: &Limits,
        source: &Source,
    ) -> Result<Self, Failure> {
        let program = interpreter
            .expand(&source.text, &[], Goal::Value)
            .map_err(Failure::of(source))?;
        let refused = |error: FitError| failure(&error, source);
        let observed = program.observations();
        let less = usable_rows(&program, observed, table, &[]);
        let less = less.map_err(|error| refused(error.into()))?;
        let less = less.map(|rows| table.only(&rows));
        let table = less.as_ref().unwrap_or(table);
        let mut whole = columns_used(&program, table).map_err(refused)?;
        for param in fitted.params.iter().filter(|param| param.group.is_none()) {
            whole.set(&param.name, param.estimate);
        }
        for (name, value) in &fitted.held {
            whole.set(name, *value);
        }
        let by_row = observed.is_empty() || observed.iter().any(|one| one.by_row);
        let runs = if by_row { table.rows() } else { 1 };
        let mut names: Vec<&str> = fitted.params.iter().map(program_name).collect();
        names.dedup();
        let options = VerifyOptions::default()
            .wrt(names)
            .relaxation(relaxation)
            .limits(*limits);
        let count = runs.min(ROWS);
        let mut certificates = Vec::with_capacity(count);
        for at in 0..count {
            let bindings = if by_row {
                let row = at * runs / count;
                let mut bindings = row_of(&whole, row);
                set_groups(&mut bindings, fitted, table, row).map_err(refused)?;
                bindings
            } else {
                whole.clone()
            };
            let certificate = verify_with(interpreter, &source.text, &bindings, &options);
            certificates.push(certificate.map_err(Failure::of(source))?);
        }
        Ok(Self { certificates, runs })
    }

    /// The first certificate that does not hold.
    fn failed(&self) -> Option<&Certificate> {
        let mut all = self.certificates.iter();
        all.find(|certificate| certificate.verdict == Verdict::Fail)
    }

    /// What is to be warned of, each once.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut told = Vec::new();
        for warning in self.certificates.iter().flat_map(|c| &c.warnings) {
            let text = format!("at the estimates: {}", verify::warning_text(warning));
            if !told.contains(&text) {
                told.push(text);
            }
        }
        told
    }

    /// The certificate that does not hold, for people, and what is at fault.
    pub(super) fn failure(&self) -> Option<(String, Failure)> {
        let certificate = self.failed()?;
        let message = format!("at the estimates, {}", verify::disagreement(certificate));
        Some((verify::text(certificate), Failure::Data(message)))
    }
}

/// The inputs of one row: its numbers in place of columns.
fn row_of(whole: &Bindings, row: usize) -> Bindings {
    let mut bindings = whole.clone();
    for name in whole.names() {
        if let Some(Input::List(column)) = whole.get(name)
            && let Some(&number) = column.get(row)
        {
            bindings.set(name, number);
        }
    }
    bindings
}

/// What the program calls a param.
fn program_name(param: &FittedParam) -> &str {
    let group = param.group.as_ref();
    group.map_or(&param.name, |group| &group.param)
}

/// Gives params with a value for each group those of a row's.
fn set_groups(
    bindings: &mut Bindings,
    fitted: &Fit,
    table: &Table<'_>,
    row: usize,
) -> Result<(), FitError> {
    for param in &fitted.params {
        if let Some(group) = &param.group
            && table.column(&group.column)?[row] == group.number
        {
            bindings.set(&group.param, param.estimate);
        }
    }
    Ok(())
}

/// What people and machines are told of it.
pub(super) const VERIFIED: [Field<AtFit>; 2] = [
    Field::new("derivatives", "verdict", |all| {
        let verdict = if all.failed().is_some() {
            Verdict::Fail
        } else {
            Verdict::Pass
        };
        Content::Text(verdict.name())
    }),
    Field::new("runs verified", "verified", |all| {
        Content::Share(all.certificates.len(), all.runs)
    }),
];
