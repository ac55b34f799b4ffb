//! What does a filter's likelihood cost, with its gradient? Kalman filters of 80 steps as programs:
//! a scalar one over a list, and one of 2 x 2 matrices, checked against the figures stated with them.
//!
//! `cargo run --release --example kalman`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::{Bindings, Error, Input, Interpreter, Workspace, Wrt};
use serde_json::Value;
use std::time::Instant;

/// Programs, inputs, values and gradients; the benches time them too.
const WORKLOADS: &str = include_str!("../benches/workloads.json");

fn input(value: &Value) -> Result<Input, Error> {
    let numbers = |row: &Value| -> Vec<f64> {
        let row = row.as_array().into_iter().flatten();
        row.filter_map(Value::as_f64).collect()
    };
    match value.as_array() {
        None => Ok(value.as_f64().expect("it is a number").into()),
        Some(rows) => Input::matrix(&rows.iter().map(numbers).collect::<Vec<_>>()),
    }
}

fn main() -> Result<(), Error> {
    let workloads: Value = serde_json::from_str(WORKLOADS).expect("it is valid JSON");
    let (interpreter, mut workspace) = (Interpreter::embedded(), Workspace::new());
    println!("filter       first       again     off by   value, gradient");
    for name in ["W6_kalman1", "W6b_kalman2"] {
        let mut all = workloads.as_array().into_iter().flatten();
        let workload = all.find(|w| w["name"] == name).expect("it is a workload");
        let mut inputs = Bindings::new();
        for (name, value) in workload["inputs"].as_object().into_iter().flatten() {
            inputs.set(name, input(value)?);
        }
        let source = workload["source"].as_str().expect("it is text");
        let began = Instant::now();
        let model = interpreter.model(source)?;
        let wrt = Wrt::Names(&["q", "r"]);
        let (value, gradient) = model.value_and_grad(&inputs, wrt, &mut workspace)?;
        let first = began.elapsed().as_secs_f64() * 1e6;
        // Again, and each time at other numbers: the first run's record is replayed.
        let mut micros: Vec<f64> = Vec::new();
        for run in 1..=1000 {
            inputs.set("q", 0.05 + 1e-5 * f64::from(run));
            let began = Instant::now();
            model.value_and_grad(&inputs, wrt, &mut workspace)?;
            micros.push(began.elapsed().as_secs_f64() * 1e6);
        }
        micros.sort_by(f64::total_cmp);
        let mut off = 0.0_f64;
        let found = [value.number(), gradient.get("q"), gradient.get("r")];
        let stated = &workload["grad"];
        let stated = [&workload["value"], &stated["q"], &stated["r"]];
        for (found, stated) in found.iter().zip(stated) {
            let [found, stated] = [*found, stated.as_f64()].map(Option::unwrap);
            off = off.max((found / stated - 1.0).abs());
        }
        let [value, q, r] = found.map(Option::unwrap);
        let again = micros[micros.len() / 2];
        println!(
            "{name:11}  {first:5.0} us  {again:5.1} us  {off:8.1e}  {value:.6}, ({q:.6}, {r:.6})"
        );
        assert!(off < 1e-12, "{name} is off by {off:e}");
    }
    Ok(())
}
