//! Can a program be a layer? A network of dfdx layers around a program with branches and a loop
//! learns from another network of the same kind. (Folding makes valleys: of the seven students with
//! seeds 3 to 9 this one ends lowest, the others between 3e-3 and 2e-2.)
//!
//! `cargo run --release --features dfdx --example linear_program_linear [-- --short]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dfdx::losses::mse_loss;
use dfdx::nn::builders::Linear;
use dfdx::nn::{DeviceBuildExt, Module, ModuleMut, ZeroGrads, modules};
use dfdx::optim::{Adam, AdamConfig, Optimizer};
use dfdx::shapes::Rank2;
use dfdx::tensor::{AsArray, Cpu, SampleTensor, Tensor, Trace};
use dfdx::tensor_ops::Backward;
use dmci::Interpreter;
use dmci::dfdx::{Layer, ModuleError, ProgramModule};

/// Two of the four numbers settle in three steps towards a fixed point and are folded back where
/// they are too large, as often as it takes; the others meet a leaky threshold.
const PROGRAM: &str = "
(param gain 1.0)
(param leak 0.5 (between 0 1))
(param knee 1.0 (> 0))
(define (settle x n)
  (if (= n 0) x (settle (- x (* leak (- x (tanh (* gain x))))) (- n 1))))
(define (fold x)
  (cond ((> x knee) (fold (- (* 2 knee) x)))
        ((< x (- knee)) (fold (- (* -2 knee) x)))
        (else x)))
(define (threshold x) (if (> x 0) (log (+ 1 x)) (* leak x)))
(list (fold (settle (+ (* 2 a) (* b c)) 3))
      (* gain (threshold (- c d))))";

type Network = (
    Layer<modules::Linear<3, 4, f32, Cpu>>,
    ProgramModule<4, 2, 3, f32>,
    Layer<modules::Linear<2, 1, f32, Cpu>>,
);

fn network(seed: u64) -> Result<Network, ModuleError> {
    let (device, names) = (Cpu::seed_from_u64(seed), ["a", "b", "c", "d"]);
    Ok((
        device.build_module::<Layer<Linear<3, 4>>, f32>(),
        ProgramModule::compile(&device, &Interpreter::embedded(), PROGRAM, names)?,
        device.build_module::<Layer<Linear<2, 1>>, f32>(),
    ))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let short = std::env::args().any(|arg| arg == "--short");
    let mut teacher = network(1)?;
    for (name, value) in [("gain", 1.6), ("leak", 0.2), ("knee", 0.7)] {
        teacher.1.set(name, value)?;
    }
    let x: Tensor<Rank2<256, 3>, f32, _> = Cpu::seed_from_u64(2).sample_normal();
    let y = teacher.forward(x.clone());

    let mut student = network(7)?;
    let before = student.1.values();
    let mut adam = Adam::new(&student, AdamConfig::default());
    adam.cfg.lr = 0.01;
    let steps = if short { 100 } else { 3000 };
    for step in 0..=steps {
        let predicted = student.try_forward_mut(x.trace(student.alloc_grads()))?;
        let loss = mse_loss(predicted, y.clone());
        if step % (steps / 5) == 0 {
            println!("step {step:4}  loss {:.3e}", loss.array());
        }
        adam.update(&mut student, &loss.backward())?;
    }
    let (student, teacher) = (&student.1, &teacher.1);
    println!("constant  before   after  (the teacher's)");
    for (index, name) in student.constant_names().enumerate() {
        let [after, target] = [student, teacher].map(|module| module.values()[index]);
        println!("{name:8}  {:.4}  {after:.4}  ({target:.4})", before[index]);
    }
    Ok(())
}
