//! How long does a fit take: six constants of a Runge-Kutta integration, 64 starts; five constants of
//! a formula and 10,000 rows, one by one?
//!
//! Text and a table go in; a time comes out, from the text to estimates with standard errors.
//!
//! ```text
//! cargo bench --bench fit
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use dmci::Interpreter;
use dmci::fit::{Fit, FitOptions, Table, fit};
use std::fmt::Write as _;
use std::time::Duration;

const MODEL: &str = include_str!("../examples/lynx_hare/model.scm");
const PELTS: &str = include_str!("../examples/lynx_hare/pelts.csv");

/// How long does the lynx and hare fit take, with the options that `dmci fit` has by default?
fn lynx_hare(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let table = Table::from_reader(PELTS.as_bytes(), "pelts.csv").expect("the table is valid");
    let options = FitOptions::default();
    let run = || -> Fit {
        let model = interpreter.model(MODEL).expect("it is a program");
        fit(&model, &table, &options).expect("the model can be fitted")
    };
    let first = run();
    assert!(first.converged && first.undetermined.is_empty());
    c.bench_function("lynx_hare, 64 starts", |b| b.iter(run));
}

/// How long does it take to go through 10,000 rows with Jacobian? One start, whose evaluations are
/// printed: most of them have one.
fn rows(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut data = String::from("u,v,w,y\n");
    for row in 0..10_000 {
        let [u, v, w, noise] = [1.3, 1.7, 2.3, 97.1].map(|k| (k * f64::from(row)).sin());
        let y = 1.0 + 2.0 * u - v + (0.5 * w).exp() + 0.3 * (1.2 * u).sin() + 0.05 * noise;
        writeln!(data, "{u},{v},{w},{y}").expect("strings take text");
    }
    let table = Table::from_reader(data.as_bytes(), "rows.csv").expect("the table is valid");
    let model = "(param a 0.5) (param b 1.0) (param c 1.0) (param d 0.3) (param e 0.2)
        (observe y (+ a (* b u) (* c v) (exp (* d w)) (* e (sin (* 1.2 u)))))";
    let options = FitOptions::default().starts(1);
    let run = || -> Fit {
        let model = interpreter.model(model).expect("it is a program");
        fit(&model, &table, &options).expect("the model can be fitted")
    };
    let first = run();
    assert!(first.converged && first.undetermined.is_empty());
    let name = format!("10,000 rows, {} evaluations", first.evaluations);
    c.bench_function(&name, |b| b.iter(run));
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
}

criterion_group! {
    name = benches;
    config = short();
    targets = lynx_hare, rows
}
criterion_main!(benches);
