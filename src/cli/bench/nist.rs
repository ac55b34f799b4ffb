//! `dmci bench nist`: the problems of NIST's Statistical Reference Datasets, fitted from both starts.
//!
//! A folder with models, data and certified answers goes in; a row for each fit comes out, with the
//! digits that are right.
//!
//! **Invariants**
//! - Fits are those of `dmci fit`: its options where none is given here, and nothing but the initial
//!   values from NIST.
//! - A fit counts as good as its worst param.
//! - A fit that fails is a row without digits, and is told on standard error.

use crate::Interpreter;
use crate::cli::data;
use crate::cli::fields::{Content, Field, members, table};
use crate::cli::json;
use crate::cli::program::read_text;
use crate::cli::report::{self, Failure, Source};
use crate::fit::{Fit, FitError, FitOptions, FittedParam, MOST_STARTS, fit};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Certified values are written with so many digits.
const CERTIFIED_DIGITS: f64 = 11.0;

/// The digits of params and of standard errors that count as reached.
const REACHED: [f64; 2] = [6.0, 4.0];

/// Fit NIST's 27 problems of nonlinear regression, and count the digits that are right
///
/// Each problem is fitted from both of its starts. Digits are minus the logarithm of the relative
/// error of the worst param, at most 11, with which the answers are certified; those of standard
/// errors likewise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci bench nist
  dmci bench nist Misra1a MGH09 --starts 1
  dmci bench nist --seed 3 --json >nist.json")]
pub(super) struct Nist {
    /// Problems to fit, by name; all of them where none is named
    #[arg(value_name = "PROBLEM")]
    only: Vec<String>,

    /// How many starting points to fit from, NIST's the first of them
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().starts,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_STARTS as u64))]
    starts: usize,

    /// Seed of the starting points
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().seed)]
    seed: u64,

    /// Folder with certified.json and a model and data for each problem
    #[arg(long, value_name = "FOLDER", default_value = "examples/nist")]
    dir: PathBuf,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `certified.json` holds.
#[derive(Deserialize)]
struct Certified {
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    name: String,
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Param {
    name: String,
    starts: [f64; 2],
    certified: f64,
    std_err: f64,
}

/// What one fit reached.
struct Row {
    problem: String,
    /// From 1, as NIST counts.
    start: usize,
    digits: f64,
    std_err_digits: f64,
    evaluations: usize,
    seconds: f64,
}

const ROW: [Field<Row>; 6] = [
    Field::new("problem", "problem", |row| Content::Text(&row.problem)),
    Field::new("start", "start", |row| Content::Count(row.start as u64)),
    Field::new("digits", "digits", |row| Content::Number(row.digits, 3)),
    Field::new("of std. errors", "std_err_digits", |row| {
        Content::Number(row.std_err_digits, 3)
    }),
    Field::new("evaluations", "evaluations", |row| {
        Content::Count(row.evaluations as u64)
    }),
    Field::new("seconds", "seconds", |row| Content::Number(row.seconds, 3)),
];

impl Nist {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let interpreter = Interpreter::embedded();
        let mut rows = Vec::new();
        for problem in self.problems()? {
            rows.extend(self.fits(&problem, &interpreter)?);
        }
        report::print(&if self.json {
            json::line(|all| all.objects("rows", &rows, |row, one| members(&ROW, row, one)))
        } else {
            format!("{}\n{}\n", table(&ROW, &rows), summary(&rows))
        })
    }

    /// The problems that are asked for, in the order of the file.
    fn problems(&self) -> Result<Vec<Problem>, Failure> {
        let path = self.dir.join("certified.json");
        if !path.is_file() {
            let message = "not there; give the folder `examples/nist` of dmci's sources with --dir";
            return Err(Failure::Data(format!("{}: {message}", path.display())));
        }
        let Certified { mut problems } = serde_json::from_str(&read_text(&path)?)
            .map_err(|error| Failure::Data(format!("{}: {error}", path.display())))?;
        let is = |name: &str, problem: &Problem| problem.name.eq_ignore_ascii_case(name);
        for name in &self.only {
            if !problems.iter().any(|problem| is(name, problem)) {
                let names: Vec<&str> = problems.iter().map(|p| &*p.name).collect();
                return Err(Failure::Usage(format!(
                    "`{name}` is no problem of {}, which has {}",
                    path.display(),
                    names.join(", ")
                )));
            }
        }
        problems.retain(|problem| {
            self.only.is_empty() || self.only.iter().any(|name| is(name, problem))
        });
        Ok(problems)
    }

    /// A problem from both starts.
    fn fits(&self, problem: &Problem, interpreter: &Interpreter) -> Result<[Row; 2], Failure> {
        let file = |extension: &str| self.dir.join(format!("{}.{extension}", problem.name));
        let source = source(&file("scm"))?;
        let data = data::table(&file("csv"))?;
        let model = interpreter
            .model(&source.text)
            .map_err(Failure::of(&source))?;
        let row = |start: usize| {
            let mut options = FitOptions::default().starts(self.starts).seed(self.seed);
            for param in &problem.params {
                options = options.init(&*param.name, param.starts[start]);
            }
            problem.row(start + 1, &fit(&model, &data, &options))
        };
        Ok([row(0), row(1)])
    }
}

impl Problem {
    /// What a fit from a start reached.
    fn row(&self, start: usize, fitted: &Result<Fit, FitError>) -> Row {
        if let Err(error) = fitted {
            report::warn(&format!("{} from start {start}: {error}", self.name));
        }
        let fitted = fitted.as_ref().ok();
        let worst = |of: fn(&FittedParam, &Param) -> f64| {
            let of = |param: &Param| Some(of(fitted?.param(&param.name)?, param));
            let params = self.params.iter().map(|param| of(param).unwrap_or(0.0));
            params.fold(CERTIFIED_DIGITS, f64::min)
        };
        Row {
            problem: self.name.clone(),
            start,
            digits: worst(|found, param| digits(found.estimate, param.certified)),
            std_err_digits: worst(|found, param| digits(found.std_err, param.std_err)),
            evaluations: fitted.map_or(0, |fitted| fitted.evaluations),
            seconds: fitted.map_or(0.0, |fitted| fitted.seconds),
        }
    }
}

fn source(path: &Path) -> Result<Source, Failure> {
    Ok(Source {
        name: path.display().to_string(),
        text: read_text(path)?.into(),
    })
}

/// How many digits of a number are right: at least 0, and at most those that are certified.
fn digits(found: f64, certified: f64) -> f64 {
    let off = ((found - certified) / certified).abs();
    if off.is_nan() {
        return 0.0;
    }
    (-off.log10()).clamp(0.0, CERTIFIED_DIGITS)
}

/// All rows in a line.
fn summary(rows: &[Row]) -> String {
    let reached = |of: fn(&Row) -> f64, least: f64| rows.iter().filter(|r| of(r) >= least).count();
    let [params, errors] = REACHED;
    format!(
        "of {} fits {} have {params} digits in every param, {} have {errors} in every standard error; {} \
         evaluations, {} s",
        rows.len(),
        reached(|row| row.digits, params),
        reached(|row| row.std_err_digits, errors),
        rows.iter().map(|row| row.evaluations).sum::<usize>(),
        report::significant(rows.iter().map(|row| row.seconds).sum(), 3),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_between_none_and_those_certified() {
        for (found, certified, expected) in [
            (2.0, 2.0, 11.0),
            (2.000_002, 2.0, 6.0),
            (-1e-9 * 1.01, -1e-9, 2.0),
            (-2.0, 2.0, 0.0),
            (f64::INFINITY, 2.0, 0.0),
            (f64::NAN, 2.0, 0.0),
            (0.0, 0.0, 0.0),
        ] {
            let counted = digits(found, certified);
            assert!((counted - expected).abs() < 1e-6, "{found}: {counted}");
        }
    }
}
