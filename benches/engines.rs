//! What does a walk cost: an iteration, an application, a level of recursion, a level of evaluators?
//!
//! Each program runs in the interpreter and compiled directly; the body is the same for both. Nothing
//! here is replayed: these are the costs of numbers that no path fits.
//!
//! ```text
//! cargo bench --bench engines
//! ```

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use dmci::{Bindings, Interpreter, Limits, Mode, Workspace, Wrt};
use std::time::Duration;

/// 100,000 iterations of a loop.
const LOOP: &str = "(loop ((i 0) (sum 0.0))
  (if (= i 100000) sum (recur (+ i 1) (+ sum (* a i)))))";

/// 100,000 calls that wait for each other.
const RECURSION: &str = "(letrec ((count (lambda (n) (if (= n 0) 0 (+ 1 (count (- n 1)))))))
  (count 100000))";

const DECAY: &str = "(* a (exp (* (- 0 b) x)))";

/// Times the value alone, unrecorded. The throughput is in applications by the program.
fn value(group: &mut BenchmarkGroup<'_, WallTime>, text: &str, bindings: &Bindings, expected: f64) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    for (name, mode) in [("interpreter", Mode::Interpreter), ("direct", Mode::Direct)] {
        let model = interpreter
            .model_for(text, bindings, mode)
            .expect("the program can be prepared");
        let evaluation = model
            .evaluate(bindings, Wrt::Nothing, &Limits::default(), &mut workspace)
            .expect("the program runs");
        assert_eq!(evaluation.value.number(), Some(expected));
        group.throughput(Throughput::Elements(evaluation.stats.applications));
        group.bench_function(name, |b| {
            b.iter(|| model.value_once(bindings, &Limits::default(), &mut workspace));
        });
    }
}

/// What does an iteration cost? There are 10^5, so a millisecond here is 10 ns an iteration; an
/// iteration is five applications.
fn loop_value(c: &mut Criterion) {
    let mut group = c.benchmark_group("loop of 10^5 iterations");
    group.sampling_mode(SamplingMode::Flat);
    value(
        &mut group,
        LOOP,
        &Bindings::from([("a", 1.0)]),
        4_999_950_000.0,
    );
    group.finish();
}

/// What does a call cost that waits for another, 10^5 deep?
fn deep_recursion(c: &mut Criterion) {
    let mut group = c.benchmark_group("recursion 10^5 deep");
    group.sampling_mode(SamplingMode::Flat);
    value(&mut group, RECURSION, &Bindings::new(), 100_000.0);
    group.finish();
}

/// What does the evaluator cost when it is evaluated itself: text to value and gradient?
fn nested(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let bindings = Bindings::from([("a", 2.5), ("b", 0.8), ("x", 1.5)]);
    let mut cold = || {
        interpreter
            .model_for(DECAY, &bindings, Mode::Nested)
            .and_then(|m| m.value_and_grad(&bindings, Wrt::Names(&["a", "b"]), &mut workspace))
            .expect("the program runs")
    };
    let (value, gradient) = cold();
    assert!((value.number().unwrap_or(0.0) - 0.752_985_529_780_505).abs() < 1e-12);
    assert!((gradient.get("b").unwrap_or(0.0) + 1.129_478_294_670_757_6).abs() < 1e-12);
    c.bench_function("nested W1_decay, cold value and gradient", |b| {
        b.iter(&mut cold);
    });
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = short();
    targets = loop_value, deep_recursion, nested
}
criterion_main!(benches);
