//! What does a function of the table cost, one number at a time?
//!
//! Each benchmark takes 64 numbers; the throughput is in numbers. The same functions over lanes are
//! timed by an ignored test, because they have no public door.
//!
//! ```text
//! cargo bench --bench math
//! cargo test --release --lib math::tests::lanes::speeds -- --ignored --nocapture
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dmci::prim::Prim;
use std::hint::black_box;

const FUNCTIONS: [Prim; 18] = [
    Prim::Exp,
    Prim::Ln,
    Prim::Sin,
    Prim::Cos,
    Prim::Tan,
    Prim::Asin,
    Prim::Acos,
    Prim::Atan,
    Prim::Sinh,
    Prim::Cosh,
    Prim::Tanh,
    Prim::Sigmoid,
    Prim::Softplus,
    Prim::Atan2,
    Prim::LogBase,
    Prim::Pow,
    // What the others are compared with.
    Prim::Sqrt,
    Prim::Add,
];

fn numbers(c: &mut Criterion) {
    let first: Vec<f64> = (0..64).map(|i| 0.013 + f64::from(i) * 0.0147).collect();
    let second: Vec<f64> = (0..64).map(|i| 1.5 + f64::from(i) * 0.0347).collect();
    let mut group = c.benchmark_group("numbers");
    group.throughput(Throughput::Elements(64));
    for prim in FUNCTIONS {
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| {
                let pairs = black_box(&first).iter().zip(black_box(&second));
                pairs.map(|(&x, &y)| prim.forward(x, y)).sum::<f64>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, numbers);
criterion_main!(benches);
