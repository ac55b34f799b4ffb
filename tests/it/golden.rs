//! Golden files: graphs that earlier versions wrote stay readable and mean the same; workloads give what
//! they state.

use dmci::graph::ncg;
use dmci::{Bindings, Input, Interpreter, Mode, Workspace, Wrt, evaluate};

#[test]
fn a_file_of_version_1_reads_and_runs() {
    let text = include_str!("../ncg/version-1.ncg");
    let graph = ncg::read(text).expect("the file is valid");
    let value = evaluate(&graph, &Bindings::from([("x", 2.0)])).expect("it runs");
    assert_eq!(
        value.to_scheme(),
        r#"(0.84375 0.6931471805599453 (a "b" -0.0))"#
    );
}

/// An input of a workload.
fn input(value: &serde_json::Value) -> Input {
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    match value.as_array() {
        None => Input::Number(number(value)),
        Some(rows) => {
            let row = |row: &serde_json::Value| -> Vec<f64> {
                row.as_array().expect("a row").iter().map(number).collect()
            };
            Input::matrix(&rows.iter().map(row).collect::<Vec<_>>()).expect("a matrix")
        }
    }
}

#[test]
fn workloads_have_the_values_and_gradients_stated() {
    let text = include_str!("../../benches/workloads.json");
    let workloads: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
    let interpreter = Interpreter::embedded();
    for workload in workloads.as_array().expect("a list") {
        let source = workload["source"].as_str().expect("a program");
        let inputs = workload["inputs"].as_object().expect("inputs");
        let bindings: Bindings = inputs.iter().map(|(n, v)| (n.clone(), input(v))).collect();
        let grad = workload["grad"].as_object().expect("a gradient");
        let names: Vec<&str> = grad.keys().map(String::as_str).collect();
        for mode in [Mode::Interpreter, Mode::Direct] {
            let model = interpreter
                .model_for(source, &bindings, mode)
                .expect("it compiles");
            let (value, gradient) = model
                .value_and_grad(&bindings, Wrt::Names(&names), &mut Workspace::new())
                .expect("it runs");
            let close = |found: Option<f64>, stated: &serde_json::Value| {
                let (found, stated) = (found.expect("a number"), stated.as_f64().expect("one"));
                assert!(
                    (found - stated).abs() <= 1e-12 * stated.abs(),
                    "{}: {found} instead of {stated}",
                    workload["name"]
                );
            };
            close(value.number(), &workload["value"]);
            for (name, stated) in grad {
                close(gradient.get(name), stated);
            }
        }
    }
}
