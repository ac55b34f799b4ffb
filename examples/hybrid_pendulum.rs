//! Does the program or the network get the credit? A pendulum's gravity is a program with one
//! constant; its damping is a program too, or a small network that sees the speed alone.
//!
//! `cargo run --release --features dfdx --example hybrid_pendulum [-- --short]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dfdx::nn::builders::{Linear, Tanh};
use dfdx::nn::{DeviceBuildExt, Module, TensorCollection, ZeroGrads};
use dfdx::optim::{Adam, AdamConfig, Optimizer};
use dfdx::tensor::{Cpu, OwnedTape, SampleTensor, SplitTape, Tensor, Trace, WithEmptyTape};
use dfdx::{losses::mse_loss, shapes::Rank2, tensor_ops::Backward};
use dmci::Interpreter;
use dmci::dfdx::{Layer, ModuleError, ProgramModule};

type Taped = Tensor<Rank2<128, 1>, f64, Cpu, OwnedTape<f64, Cpu>>;
type Numbers = Tensor<Rank2<128, 1>, f64, Cpu>;
type Constant = ProgramModule<1, 1, 1, f64>;
type Mlp = (Layer<Linear<1, 16>>, Layer<Tanh>, Layer<Linear<16, 1>>);

fn constant(text: &str) -> Constant {
    Constant::compile(&Cpu::default(), &Interpreter::embedded(), text, ["x"]).unwrap()
}

/// One second of angles and speeds, in midpoint steps; the data are made by the same.
fn swing<D>((gravity, damping): &(Constant, D), mut angle: Taped, mut speed: Taped) -> [Taped; 2]
where
    D: Module<Taped, Output = Taped, Error = ModuleError>,
{
    const H: f64 = 0.025;
    // Each number's tape goes on in one place; everywhere else goes a copy without it.
    let copy = Taped::with_empty_tape;
    let force = |angle, speed| gravity.forward(angle) + damping.forward(speed);
    for _ in 0..40 {
        let middle = copy(&speed) + force(copy(&angle), copy(&speed)) * (H / 2.0);
        let push = force(copy(&angle) + copy(&speed) * (H / 2.0), copy(&middle));
        (angle, speed) = (angle + middle * H, speed + push * H);
    }
    [angle, speed]
}

/// Fits gravity and damping to swings from `start` to `end`; gives g/L.
fn fit<D>(updates: i32, damping: D, start: &[Numbers; 2], end: &[Numbers; 2]) -> f64
where
    D: Module<Taped, Output = Taped, Error = ModuleError> + TensorCollection<f64, Cpu>,
{
    let gravity = constant("(param g/L 5.0 (> 0)) (* (- g/L) (sin x))");
    let mut parts = (gravity, damping);
    let mut adam = Adam::new(&parts, AdamConfig::default());
    for update in 0..updates {
        adam.cfg.lr = 0.05 * 0.01_f64.powf(f64::from(update) / f64::from(updates));
        let angle = start[0].trace(parts.alloc_grads());
        let [angle, speed] = swing(&parts, angle, start[1].leaky_trace());
        let loss = mse_loss(angle, end[0].clone()) + mse_loss(speed, end[1].clone());
        adam.update(&mut parts, &loss.backward()).unwrap();
    }
    parts.0.value("g/L").unwrap()
}

fn main() {
    let short = std::env::args().any(|arg| arg == "--short");
    let updates = if short { 120 } else { 1000 };
    let device = Cpu::seed_from_u64(1);
    let normal = || device.sample_normal::<Rank2<128, 1>>();
    let gravity = constant("(param g/L 9.81) (* (- g/L) (sin x))");
    let truth = (gravity, constant("(param b 0.25) (* (- b) x)"));
    let start = [normal(), normal()];
    let end = swing(&truth, start[0].leaky_trace(), start[1].leaky_trace());
    // All that is seen is noisy: 2 % of what angles and speeds vary at the start.
    let end = end.map(|x| x.split_tape().0 + normal() * 0.02);
    let start = start.map(|x| x + normal() * 0.02);
    let known = fit(updates, constant("(param b 1.0) (* (- b) x)"), &start, &end);
    let hybrid = fit(updates, device.build_module::<Mlp, f64>(), &start, &end);
    println!("damping     g/L  off by   (the paper's)");
    for (damping, found, paper) in [("program", known, 0.08), ("network", hybrid, 47.0)] {
        let error = (found / 0.0981 - 100.0).abs();
        println!("{damping}  {found:.4}  {error:.2} %  ({paper} %)");
    }
}
