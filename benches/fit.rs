//! How long does a fit take: six constants of a Runge-Kutta integration, 64 starts?
//!
//! The example `lynx_hare` goes in, text and table; a time comes out, from the text to estimates with
//! standard errors.
//!
//! ```text
//! cargo bench --bench fit
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use dmci::Interpreter;
use dmci::fit::table::Table;
use dmci::fit::{Fit, FitOptions, fit};
use std::time::Duration;

const MODEL: &str = include_str!("../examples/lynx_hare/model.scm");
const PELTS: &str = include_str!("../examples/lynx_hare/pelts.csv");

/// How long does the lynx and hare fit take, with the options that `dmci fit` has by default?
fn lynx_hare(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let table = Table::from_reader(PELTS.as_bytes(), "pelts.csv").expect("the table is valid");
    let options = FitOptions::default();
    let run = || -> Fit {
        fit(&interpreter, MODEL, &table, &options, &|_, _| {}).expect("the model can be fitted")
    };
    let first = run();
    assert!(first.converged && first.undetermined.is_empty());
    c.bench_function("lynx_hare, 64 starts", |b| b.iter(run));
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
    targets = lynx_hare
}
criterion_main!(benches);
