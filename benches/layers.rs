//! What does a step of a program as a layer cost, of wide inputs and of batches?
//!
//! A module over a vector of 1000 numbers and a batch go in; the time of a step, forward and backward,
//! comes out, and how many numbers go through it a second.
//!
//! ```text
//! cargo bench --bench layers
//! ```

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dfdx::nn::Module;
use dfdx::shapes::{Const, Rank0};
use dfdx::tensor::{Cpu, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, SumTo};
use dmci::Interpreter;
use dmci::dfdx::{ProgramModule, RowInputs};
use std::time::Duration;

const WIDTH: usize = 1000;

const PROGRAMS: [(&str, &str); 2] = [
    ("dot", "(param k 0.5) (* k (dot v v))"),
    ("tanh", "(param k 0.5) (vsum (tanh (* k v)))"),
];

fn steps(c: &mut Criterion) {
    let device = Cpu::default();
    let interpreter = Interpreter::embedded();
    let mut group = c.benchmark_group("step");
    for (name, text) in PROGRAMS {
        let module: ProgramModule<WIDTH, 1, 1, f32> =
            ProgramModule::compile(&device, &interpreter, text, RowInputs::Vector("v"))
                .expect("the program is a module");
        for batch in [1, 64, 4096] {
            let number = |i: usize| ((i * 7919) % 1000) as f32 / 500.0 - 1.0;
            let numbers = (0..batch * WIDTH).map(number).collect();
            let x = device.tensor_from_vec(numbers, (batch, Const::<WIDTH>));
            group.throughput(Throughput::Elements((batch * WIDTH) as u64));
            group.bench_function(BenchmarkId::new(name, batch), |b| {
                b.iter_batched(
                    || x.leaky_trace(),
                    |x| module.forward(x).sum::<Rank0, _>().backward(),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = short();
    targets = steps
}
criterion_main!(benches);
