//! How well does a heat equation's diffusivity come out of solutions from fifty starts? And with a
//! source of heat that is unknown too, learned by a small network? In brackets, the paper's figures.
//!
//! `cargo run --release --features dfdx --example heat_equation [-- --short]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;
use dmci::{Bindings, Error, Input, Interpreter, Workspace, Wrt, dfdx::ProgramModule};

/// An explicit step of many rods, a row each; dx = dt = 0.1, and beyond both ends u is 0.
const STEP: &str = "
(param alpha 0.02 (> 0))
(define (row i) (list->vec (map (lambda (j) (ref [-2 1 0 0 0 0 0 0 0 0] (abs (- i j)))) (iota 10))))
(define laplacian (list->vec (map row (iota 10))))
(define (step u) (+ u (* 0.1 (/ alpha (square 0.1)) (matmul u laplacian))))";

type States = Tensor<Rank2<50, 10>, f64, Cpu>;
type Taped<S> = Tensor<S, f64, Cpu, OwnedTape<f64, Cpu>>;
type Step = ProgramModule<10, 10, 1, f64>;
type Source = (Linear<1, 16>, Tanh, Linear<16, 1>);

/// Five steps; `heat` is what the source gives each point in a unit of time.
fn steps(step: &Step, u: &States, heat: Taped<Rank2<10, 1>>) -> Taped<Rank2<50, 10>> {
    let heat = heat.reshape::<Rank1<10>>().broadcast() * 0.1;
    let (heat, tape): (States, _) = heat.split_tape();
    let u = u.clone().put_tape(tape);
    (0..5).fold(u, |u, _| step.forward(u) + heat.clone())
}

/// Alpha and the mean squared error, by Gauss's and Newton's method.
fn by_least_squares(starts: &States, ends: &States) -> Result<[f64; 2], Error> {
    let text = format!("{STEP}\n(- (step (step (step (step (step start))))) end)");
    let model = Interpreter::embedded().model(&text)?;
    let [start, end] = [starts, ends].map(|states| Input::matrix(&states.array()));
    let mut inputs = Bindings::from([("start", start?), ("end", end?)]);
    let (mut alpha, mut mse, mut workspace) = (0.02, f64::INFINITY, Workspace::new());
    for _ in 0..10 {
        let (at, wrt) = (inputs.set("alpha", alpha), Wrt::Names(&["alpha"]));
        let (off, gradient) = model.value_and_grad(at, wrt, &mut workspace)?;
        let slopes = gradient.jacobian("alpha").expect("it is a param");
        let products = off.numbers().zip(slopes).map(|(off, slope)| off * slope);
        alpha -= products.sum::<f64>() / slopes.iter().map(|slope| slope * slope).sum::<f64>();
        mse = off.numbers().map(|off| off * off).sum::<f64>() / 500.0;
    }
    Ok([alpha, mse])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (updates, within) = if short { (1000, 0.02) } else { (5000, 2e-4) };
    let text = format!("{STEP}\n(ref (step (mat [a b c d e f g h i j])) 0)");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let step = Step::compile(&Cpu::default(), &Interpreter::embedded(), &text, names)?;
    let mut truth = step.clone();
    truth.set("alpha", 0.01)?;
    let device = Cpu::seed_from_u64(1);
    let starts: States = device.sample_normal();
    let places = device.tensor([-9, -7, -5, -3, -1, 1, 3, 5, 7, 9].map(|x| [f64::from(x) / 10.0]));
    let heat = (places.clone() * 3.0).sin();
    let data = |heat: &Tensor<_, _, _>| steps(&truth, &starts, heat.leaky_trace()).split_tape().0;
    let [alpha, mse] = by_least_squares(&starts, &data(&(heat.clone() * 0.0)))?;
    println!("no source: alpha {alpha:.15}, MSE {mse:.1e} (3.7e-15; a PINN's alpha 92.7 % off)");
    assert!((alpha / 0.01 - 1.0).abs() < 1e-9 && mse < 1e-15);
    let ends = data(&heat);
    let mut parts = (step, device.build_module::<Source, f64>());
    let mut adam = Adam::new(&parts, AdamConfig::default());
    for update in 0..updates {
        adam.cfg.lr = 0.05 * 0.001_f64.powf(f64::from(update) / f64::from(updates));
        let found = parts.1.forward(places.trace(parts.alloc_grads()));
        let loss = mse_loss(steps(&parts.0, &starts, found), ends.clone());
        adam.update(&mut parts, &loss.backward())?;
    }
    let (alpha, found) = (parts.0.values()[0], parts.1.forward(places));
    let off = mse_loss(found, heat).array().sqrt();
    println!("with one unknown: alpha {alpha:.7} (0.00958), the source off by {off:.1e} (rms)");
    assert!((alpha / 0.01 - 1.0).abs() < within);
    Ok(())
}
