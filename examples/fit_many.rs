//! How many small fits does one core do in a second?
//!
//! A damped oscillation with four unknown constants is fitted to 200 rows, from one start, again and
//! again to other data: what a search over models does all day. Prints fits per second of processor
//! time, and the median number of evaluations that a fit took.
//!
//! ```text
//! cargo run --release --example fit_many [-- --short]
//! ```
#![allow(
    clippy::print_stdout,
    reason = "an example shows its results by printing them"
)]

#[path = "papers/clock.rs"]
mod clock;

use clock::seconds;
use dmci::fit::{FitError, FitOptions, Table, fit};
use dmci::{Interpreter, Threads};

const MODEL: &str = "
    (param a 1.0) (param b 0.5) (param c 1.8) (param d 0.1)
    (observe y (+ d (* a (exp (- (* b x))) (cos (* c x)))))";

/// What the data are made of, in the order of the model; `benches/beside_scipy.py` makes the same.
const TRUTH: [f64; 4] = [2.5, 0.8, 2.0, 0.3];

const ROWS: usize = 200;
const TABLES: usize = 50;

/// The observations of one table, with noise that is the same each time.
fn observed(table: usize, x: &[f64]) -> Vec<f64> {
    let [a, b, c, d] = TRUTH;
    let noise = |row: usize| 0.05 * (97.1 * (row + ROWS * table) as f64).sin();
    let y = |(row, x): (usize, &f64)| d + a * (-b * x).exp() * (c * x).cos() + noise(row);
    x.iter().enumerate().map(y).collect()
}

fn main() -> Result<(), FitError> {
    let short = std::env::args().any(|argument| argument == "--short");
    let long_enough = if short { 0.05 } else { 3.0 };
    let x: Vec<f64> = (0..ROWS).map(|row| row as f64 / 40.0).collect();
    let tables: Vec<Vec<f64>> = (0..TABLES).map(|table| observed(table, &x)).collect();
    let model = Interpreter::embedded().model(MODEL)?;
    let options = FitOptions::default().starts(1).threads(Threads::ONE);
    let mut evaluations = Vec::new();
    let mut once = |index: usize| -> Result<(), FitError> {
        let y = &tables[index % TABLES];
        let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
        let fitted = fit(&model, &table, &options)?;
        for (param, truth) in fitted.params.iter().zip(TRUTH) {
            assert!((param.estimate / truth - 1.0).abs() < 0.1, "{param:?}");
        }
        evaluations.push(fitted.evaluations);
        Ok(())
    };
    // The first table is fitted once before the clock starts.
    once(0)?;
    let (start, mut count) = (seconds(), 0);
    while seconds() - start < long_enough {
        once(count)?;
        count += 1;
    }
    let rate = count as f64 / (seconds() - start);
    evaluations.sort_unstable();
    let median = evaluations[evaluations.len() / 2];
    println!("{rate:.0} fits a second of {ROWS} rows and 4 params, {median} evaluations each");
    Ok(())
}
