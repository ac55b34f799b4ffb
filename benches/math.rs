//! What does a function of the table cost, one number at a time and over lanes?
//!
//! Every row that a kernel serves is measured because it is in the table.
//! Numbers come in sixty-fours; lanes are a program that calls the function on 4096 of them, too few
//! for a second thread; they are read and written besides. The throughput is in numbers.
//!
//! ```text
//! cargo bench --bench math
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dmci::prim::Prim;
use dmci::{Bindings, Interpreter, Lane, Limits};
use std::hint::black_box;

/// The rows that kernels serve, and what they are compared with.
fn rows() -> impl Iterator<Item = Prim> {
    let kernels = Prim::ALL.iter().copied().filter(|row| row.has_kernel());
    kernels.chain([Prim::Sqrt, Prim::Add])
}

fn numbers(c: &mut Criterion) {
    let first: Vec<f64> = (0..64).map(|i| 0.013 + f64::from(i) * 0.0147).collect();
    let second: Vec<f64> = (0..64).map(|i| 1.5 + f64::from(i) * 0.0347).collect();
    let mut group = c.benchmark_group("numbers");
    group.throughput(Throughput::Elements(64));
    for prim in rows() {
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| {
                let pairs = black_box(&first).iter().zip(black_box(&second));
                pairs.map(|(&x, &y)| prim.forward(x, y)).sum::<f64>()
            });
        });
    }
    group.finish();
}

fn lanes(c: &mut Criterion) {
    const COUNT: usize = 4096;
    let first: Vec<f64> = (0..COUNT).map(|i| 0.013 + i as f64 * 0.000_23).collect();
    let second: Vec<f64> = (0..COUNT).map(|i| 1.5 + i as f64 * 0.000_54).collect();
    let mut values = vec![0.0; COUNT];
    let mut group = c.benchmark_group("lanes");
    group.throughput(Throughput::Elements(COUNT as u64));
    for prim in rows() {
        // What programs call a row that they cannot name.
        let name = match prim {
            Prim::Ln | Prim::LogBase => "log",
            Prim::Atan | Prim::Atan2 => "atan",
            _ => prim.name(),
        };
        let arguments = if prim.operands() == 1 { "x" } else { "x y" };
        let program = format!("({name} {arguments})");
        let model = Interpreter::embedded().model(&program).expect("a program");
        let mut evaluator = model
            .evaluator(&Bindings::new(), &["x", "y"], &[], &Limits::default())
            .expect("its inputs are numbers");
        let inputs = [Lane::Each(&first), Lane::Each(&second)];
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| evaluator.lanes(black_box(&inputs), &mut values, &mut []));
        });
    }
    group.finish();
}

criterion_group!(benches, numbers, lanes);
criterion_main!(benches);
