//! What does a lane cost: a program evaluated again, one set of numbers at a time or many?
//!
//! The shared workloads (`workloads.json`) go in; times come out, on 1, 1024 and 65,536 lanes: cold,
//! from the text, and warm, on other numbers each time; of the value, and of value and gradient. Three
//! workloads stand beside what a person would write in Rust. On one lane values and gradients are
//! checked before anything is timed.
//!
//! ```text
//! cargo bench --bench replay
//! cargo bench --bench replay -- 'W3_pendulum on 1024'
//! ```

mod workload;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use dmci::{Interpreter, Mode};
use std::hint::black_box;
use std::time::Duration;
use workload::by_hand::ByHand;
use workload::{Numbers, Outputs, Run, Workload};

const LANES: [usize; 3] = [1, 1024, 65_536];

/// What the two questions are called: without gradient, and with it.
const NAMES: [(&str, bool); 2] = [("value", false), ("value and gradient", true)];

fn workloads(c: &mut Criterion) {
    let interpreter = Interpreter::embedded();
    for workload in Workload::all() {
        for lanes in LANES.into_iter().filter(|&lanes| workload.takes(lanes)) {
            let name = format!("{} on {lanes}", workload.name);
            let mut group = c.benchmark_group(name);
            group.sampling_mode(SamplingMode::Flat);
            group.throughput(Throughput::Elements(lanes as u64));
            let numbers = Numbers::new(&workload, lanes);
            for (name, gradient) in NAMES {
                group.bench_function(format!("cold {name}"), |b| {
                    b.iter_batched(
                        || Outputs::new(&numbers),
                        |outputs| {
                            let model = workload.model(&interpreter, Mode::Interpreter);
                            let mut run = Run::new(&model, &numbers, outputs);
                            run.evaluate(gradient);
                            run.outputs
                        },
                        BatchSize::LargeInput,
                    );
                });
            }
            for (name, gradient) in NAMES {
                let mut run = None;
                group.bench_function(format!("warm {name}"), |b| {
                    // Only what is asked for is run at all.
                    let run = run.get_or_insert_with(|| {
                        let model = workload.model(&interpreter, Mode::Interpreter);
                        let mut run = Run::new(&model, &numbers, Outputs::new(&numbers));
                        run.check(&workload);
                        run
                    });
                    b.iter(|| run.evaluate(gradient));
                });
            }
            if let Some(mut by_hand) = ByHand::new(&workload, lanes) {
                group.bench_function("by hand value", |b| {
                    b.iter(|| black_box(&mut by_hand).evaluate::<false>());
                });
                group.bench_function("by hand value and gradient", |b| {
                    b.iter(|| black_box(&mut by_hand).evaluate::<true>());
                });
            }
            group.finish();
        }
    }
}

/// What does a cotangent for each lane cost beside the sum's, which are all 1?
fn cotangents(c: &mut Criterion) {
    const LANES: usize = 1_000_000;
    let interpreter = Interpreter::embedded();
    let ones = vec![1.0; LANES];
    for workload in Workload::named(&["W1_decay", "W2_coulomb", "W9_gmm", "W10_knee"]) {
        let mut group = c.benchmark_group(format!("{} on {LANES}, cotangents", workload.name));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(LANES as u64));
        let numbers = Numbers::new(&workload, LANES);
        let mut run = None;
        let mut made = || {
            let model = workload.model(&interpreter, Mode::Interpreter);
            let mut run = Run::new(&model, &numbers, Outputs::new(&numbers));
            run.evaluate_first();
            let expected = run.outputs.gradients.clone();
            run.evaluate(true);
            run.weigh(&ones);
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            assert!(run.outputs.gradients.iter().zip(&expected).all(near));
            run
        };
        group.bench_function("all 1: the sum", |b| {
            let run = run.get_or_insert_with(&mut made);
            b.iter(|| run.evaluate(true));
        });
        group.bench_function("one a lane: vjp", |b| {
            let run = run.get_or_insert_with(&mut made);
            b.iter(|| run.weigh(&ones));
        });
        group.finish();
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
}

criterion_group! {
    name = benches;
    config = short();
    targets = workloads, cotangents
}
criterion_main!(benches);
