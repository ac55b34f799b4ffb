//! What does it cost to come from text to numbers?
//!
//! The shared workloads (`workloads.json`) go in; times come out, from loading the interpreter to the
//! gradient of a program that has run before, and to the first value of one swapped in for another.
//! Values and gradients are checked before anything is timed.
//!
//! ```text
//! cargo bench --bench frontend
//! ```

mod workload;

use criterion::{Criterion, criterion_group, criterion_main};
use dmci::{
    Bindings, Gradient, Interpreter, Mode, Output, Registry, Workspace, Wrt, compile_interpreter,
};
use std::hint::black_box;
use std::time::Duration;
use workload::Workload;

/// From text to value and gradient, with nothing but the interpreter made before.
fn cold(
    workload: &Workload,
    interpreter: &Interpreter,
    mode: Mode,
    bindings: &Bindings,
    wrt: &[&str],
    workspace: &mut Workspace,
) -> (Output, Gradient) {
    interpreter
        .model_for(&workload.source, bindings, mode)
        .and_then(|model| model.value_and_grad(bindings, Wrt::Names(wrt), workspace))
        .expect("the workload runs")
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
            let (value, gradient) = cold(
                &workload,
                &interpreter,
                mode,
                &bindings,
                &wrt,
                &mut workspace,
            );
            workload.check(value.number(), |name| gradient.get(name));
            group.bench_function(format!("{} {}", workload.name, mode_name(mode)), |b| {
                b.iter(|| {
                    cold(
                        &workload,
                        &interpreter,
                        mode,
                        &bindings,
                        &wrt,
                        &mut workspace,
                    )
                });
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
        workload.check(value.number(), |name| gradient.get(name));
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
        workload.check_value(value.number());
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
