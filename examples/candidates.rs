//! How many candidate programs does one core calibrate in a second?
//!
//! A search over programs proposes thousands of formulas, each another one, with constants that nobody has
//! fitted yet. Here 500 of them are made, and each is read, held against a table, and its constants, the
//! literals with a point, are fitted from one start with eight evaluations. Prints candidates per second of
//! processor time, for 20 rows and for 200.
//!
//! ```text
//! cargo run --release --example candidates [-- --short]
//! ```
#![allow(
    clippy::print_stdout,
    reason = "an example shows its results by printing them"
)]

#[path = "papers/clock.rs"]
mod clock;

use clock::seconds;
use dmci::fit::{FitContext, FitError, FitOptions, Table};
use dmci::{Interpreter, Threads};

/// A stream of numbers that is the same each time (xorshift64).
struct Stream(u64);

impl Stream {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// A constant between 0.5 and 3, as a literal.
    fn literal(&mut self) -> String {
        format!("{:.2}", 0.5 + self.below(250) as f64 / 100.0)
    }
}

/// A formula in `x`, of products and sums, with a constant at each of its ends.
fn formula(stream: &mut Stream, depth: u32) -> String {
    let inner = |stream: &mut Stream| match depth {
        0 => format!("(* {} x)", stream.literal()),
        _ => formula(stream, depth - 1),
    };
    match stream.below(8) {
        0 => format!("(+ {} {})", inner(stream), stream.literal()),
        1 => format!("(* {} (sin {}))", stream.literal(), inner(stream)),
        2 => format!("(* {} (exp (- (abs {}))))", stream.literal(), inner(stream)),
        3 => format!("(+ {} {})", inner(stream), inner(stream)),
        4 => format!("(/ {} (+ 1 (square {})))", stream.literal(), inner(stream)),
        5 => format!("(* {} (square x))", inner(stream)),
        6 => format!("(if (> x {}) {} 0)", stream.literal(), inner(stream)),
        _ => format!("(- {} (* {} x x))", inner(stream), stream.literal()),
    }
}

fn main() -> Result<(), FitError> {
    let short = std::env::args().any(|argument| argument == "--short");
    let long_enough = if short { 0.05 } else { 3.0 };
    let interpreter = Interpreter::embedded();
    let mut stream = Stream(0x9e37_79b9_7f4a_7c15);
    let candidates: Vec<String> = (0..500)
        .map(|_| {
            let depth = 1 + stream.below(2) as u32;
            formula(&mut stream, depth)
        })
        .collect();
    for rows in [20_u32, 200] {
        let x: Vec<f64> = (0..rows)
            .map(|row| 3.0 * f64::from(row) / f64::from(rows))
            .collect();
        let y: Vec<f64> = x
            .iter()
            .map(|x| 2.0 * (3.0 * x).sin() + 0.5 * x * x)
            .collect();
        let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
        let options = FitOptions::default()
            .target("y")
            .literals(true)
            .starts(1)
            .max_evaluations(8)
            .threads(Threads::ONE);
        let context = FitContext::new(&interpreter, &table, options);
        let (mut params, mut evaluations) = (0, 0);
        let mut once = |text: &str| -> Result<(), FitError> {
            let fit = context.calibrate(text)?;
            assert!(fit.sse.is_finite());
            params += fit.params.len();
            evaluations += fit.evaluations;
            Ok(())
        };
        let (start, mut count) = (seconds(), 0);
        while seconds() - start < long_enough {
            once(&candidates[count % candidates.len()])?;
            count += 1;
        }
        let rate = count as f64 / (seconds() - start);
        let mean = |all: usize| all as f64 / count as f64;
        println!(
            "{rate:.0} candidates a second with {rows} rows: {:.1} constants, {:.1} evaluations each",
            mean(params),
            mean(evaluations)
        );
    }
    Ok(())
}
