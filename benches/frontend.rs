//! What does it cost to come from text to numbers?
//!
//! The shared workloads (`workloads.json`) go in; times come out, from loading the interpreter to the
//! gradient of a program that has run before, and to the first value of one swapped in for another.
//! Values and gradients are checked before anything is timed.
//!
//! ```text
//! cargo bench --bench frontend
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use dmci::{
    Bindings, Gradient, Input, Interpreter, Mode, Output, Registry, Workspace, Wrt,
    compile_interpreter,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

/// A program with its inputs, and what it must give for them.
#[derive(Deserialize)]
struct Workload {
    name: String,
    source: String,
    inputs: BTreeMap<String, serde_json::Value>,
    wrt: Vec<String>,
    value: f64,
    grad: BTreeMap<String, f64>,
}

impl Workload {
    fn all() -> Vec<Self> {
        let text = include_str!("workloads.json");
        serde_json::from_str(text).expect("workloads.json is valid")
    }

    /// The workloads of those names.
    fn named(names: &[&str]) -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|workload| names.contains(&workload.name.as_str()));
        assert_eq!(all.len(), names.len(), "every name is a workload");
        all
    }

    /// The inputs, each multiplied by `factor`.
    fn bindings(&self, factor: f64) -> Bindings {
        let number = |value: &serde_json::Value| factor * value.as_f64().expect("a number");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().map(number).collect()
        };
        let input = |value: &serde_json::Value| match value.as_array() {
            None => Input::Number(number(value)),
            Some(rows) => {
                let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
                Input::matrix(&rows).expect("arrays are matrices")
            }
        };
        let inputs = self.inputs.iter();
        inputs
            .map(|(name, value)| (name.as_str(), input(value)))
            .collect()
    }

    fn wrt(&self) -> Vec<&str> {
        self.wrt.iter().map(String::as_str).collect()
    }

    /// From text to value and gradient, with nothing but the interpreter made before.
    fn cold(
        &self,
        interpreter: &Interpreter,
        mode: Mode,
        bindings: &Bindings,
        wrt: &[&str],
        workspace: &mut Workspace,
    ) -> (Output, Gradient) {
        interpreter
            .model_for(&self.source, bindings, mode)
            .and_then(|model| model.value_and_grad(bindings, Wrt::Names(wrt), workspace))
            .expect("the workload runs")
    }

    fn check(&self, value: &Output, gradient: &Gradient) {
        let close = |got: Option<f64>, want: f64, what: &str| {
            let got = got.unwrap_or(f64::NAN);
            let near = (got - want).abs() <= 1e-9 * (1.0 + want.abs());
            assert!(near, "{}: {what} is {got}, not {want}", self.name);
        };
        close(value.number(), self.value, "the value");
        for (name, &want) in &self.grad {
            close(gradient.get(name), want, name);
        }
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Interpreter => "interpreter",
        Mode::Direct => "direct",
        Mode::Nested => "nested",
        _ => "another mode",
    }
}

/// How long before the first program can be prepared?
fn load_interpreter(c: &mut Criterion) {
    c.bench_function("load the embedded interpreter", |b| {
        b.iter(Interpreter::embedded);
    });
}

/// How long does it take to compile the evaluator and the prelude?
fn compile(c: &mut Criterion) {
    c.bench_function("compile_interpreter", |b| {
        b.iter(|| compile_interpreter().expect("the interpreter compiles"));
    });
}

/// How long from text to a program laid out as data: read, expand, lay out?
fn prepare(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut group = c.benchmark_group("prepare");
    for workload in Workload::named(&["W1_decay"]) {
        let bindings = workload.bindings(1.0);
        group.bench_function(&workload.name, |b| {
            b.iter(|| {
                interpreter.model_for(black_box(&workload.source), &bindings, Mode::Interpreter)
            });
        });
    }
    group.finish();
}

/// How long from text to the first value and gradient, the interpreter being loaded?
fn cold_value_and_gradient(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let mut group = c.benchmark_group("cold value and gradient");
    for workload in Workload::named(&["W1_decay", "W3_pendulum", "W9_gmm"]) {
        let (bindings, wrt) = (workload.bindings(1.0), workload.wrt());
        for mode in [Mode::Interpreter, Mode::Direct] {
            let (value, gradient) =
                workload.cold(&interpreter, mode, &bindings, &wrt, &mut workspace);
            workload.check(&value, &gradient);
            group.bench_function(format!("{} {}", workload.name, mode_name(mode)), |b| {
                b.iter(|| workload.cold(&interpreter, mode, &bindings, &wrt, &mut workspace));
            });
        }
    }
    group.finish();
}

/// What does a program cost that has run before, on other numbers that take the same path?
fn warm_value_and_gradient(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let mut group = c.benchmark_group("warm value and gradient");
    for workload in Workload::all() {
        let wrt = workload.wrt();
        // Inputs alternate, so that nothing but the path can be kept from one run to the next.
        let inputs = [workload.bindings(1.0), workload.bindings(1.001)];
        let model = interpreter
            .model_for(&workload.source, &inputs[0], Mode::Interpreter)
            .expect("the workload is a program");
        let (value, gradient) = model
            .value_and_grad(&inputs[0], Wrt::Names(&wrt), &mut workspace)
            .expect("the workload runs");
        workload.check(&value, &gradient);
        let mut runs = 0;
        group.bench_function(&workload.name, |b| {
            b.iter(|| {
                runs += 1;
                model.value_and_grad(&inputs[runs % 2], Wrt::Names(&wrt), &mut workspace)
            });
        });
    }
    group.finish();
}

/// How long until a registry's handle gives another program's first value, from that program's text?
/// And what does a handle cost that is asked before each evaluation?
fn hot_swap(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let mut group = c.benchmark_group("hot_swap");
    for workload in Workload::named(&["W1_decay", "W3_pendulum"]) {
        let bindings = workload.bindings(1.0);
        let prepare = |text: &str| interpreter.model(text).expect("the workload is a program");
        let registry = Registry::new();
        let handle = registry.insert(&workload.name, prepare("0.0"));
        let mut swap = || {
            let old = registry.swap(handle, prepare(black_box(&workload.source)));
            let new = registry.get(handle);
            let value = new.map(|new| new.value(&bindings, &mut workspace));
            (old, value.expect("the handle is live").expect("it runs"))
        };
        let (_, value) = swap();
        let near = (value.number().unwrap_or(f64::NAN) - workload.value).abs() <= 1e-9;
        assert!(
            near,
            "{}: the value is {}",
            workload.name,
            value.to_scheme()
        );
        group.bench_function(format!("{} text to first value", workload.name), |b| {
            b.iter(&mut swap);
        });
    }
    // Models beside it: a swap must not get slower for them.
    let registry = Registry::new();
    let model = interpreter.model("1.0").expect("it is a program");
    let handles: Vec<_> = (0..1000)
        .map(|i| registry.insert(i.to_string(), model.clone()))
        .collect();
    group.bench_function("get, of 1000", |b| b.iter(|| registry.get(handles[500])));
    group.bench_function("swap, of 1000", |b| {
        b.iter(|| registry.swap(handles[500], model.clone()));
    });
    group.bench_function("insert and remove, of 1000", |b| {
        b.iter(|| registry.remove(registry.insert("", model.clone())));
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = load_interpreter, compile, prepare, cold_value_and_gradient, warm_value_and_gradient,
        hot_swap
}
criterion_main!(benches);
