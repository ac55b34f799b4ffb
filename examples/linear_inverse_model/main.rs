//! A linear inverse model: x' = F x + noise, seen through more noise; the likelihood is a Kalman
//! filter on matrices. What does its gradient by all of F and the variances cost, and how near to
//! the truth does it bring F's spectral radius? (The mean of five data sets.)
//!
//! `cargo run --release --example linear_inverse_model [-- --short]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

mod numerics;

use dmci::{Bindings, Error, Input, Interpreter, Limits, Workspace, Wrt};
use numerics::{add, dot, minimize, noise};
use std::time::Instant;

const RADIUS: &str = include_str!("radius.scm");

fn run(text: &str, inputs: &Bindings) -> Result<Vec<f64>, Error> {
    let model = Interpreter::embedded().model(text)?;
    let value = model.value_once(inputs, &Limits::default(), &mut Workspace::new())?;
    Ok(value.numbers().collect())
}

/// Milliseconds of the first value and gradient and of others, what the gradient is off by, and the
/// spectral radius by regression and by the fit.
fn study(d: usize, steps: usize, mut state: u64) -> Result<[f64; 5], Error> {
    let matrix = |numbers: &[f64]| Input::matrix(&numbers.chunks(d).collect::<Vec<_>>());
    let radius = |f: &[f64]| Ok::<_, Error>(run(RADIUS, &[("F", matrix(f)?)].into())?[0]);
    let f = noise(d * d, &mut state);
    let f = add(&vec![0.0; d * d], 0.9 / radius(&f)?, &f);
    let [w, v] = [(); 2].map(|()| matrix(&noise(steps * d, &mut state)));
    let mut inputs = Bindings::from([("F", matrix(&f)?), ("w", w?), ("v", v?)]);
    let obs = run(include_str!("simulation.scm"), &inputs)?;
    inputs.set("obs", matrix(&obs)?);
    let mut x = run(include_str!("regression.scm"), &inputs)?;
    let regression = radius(&x)?;
    x.resize(d * d + 2 * d, -1.0);

    let began = Instant::now();
    let model = Interpreter::embedded().model(include_str!("likelihood.scm"))?;
    let (names, mut memory) = (["F", "q", "r"], Workspace::new());
    let mut likelihood = |x: &[f64]| {
        let [q, r] = [d * d, d * d + d].map(|i| Input::Vector(x[i..i + d].to_vec()));
        let f = matrix(&x[..d * d])?;
        inputs.set("F", f).set("q", q).set("r", r);
        let (value, gradient) = model.value_and_grad(&inputs, Wrt::Names(&names), &mut memory)?;
        let gradient = names.iter().filter_map(|name| gradient.jacobian(name));
        let gradient: Vec<f64> = gradient.flatten().copied().collect();
        Ok::<_, Error>((value.number().expect("it is a number"), gradient))
    };
    let (_, gradient) = likelihood(&x)?;
    let first = began.elapsed().as_secs_f64() * 1e3;
    let (began, mut off) = (Instant::now(), 0.0_f64);
    for _ in 0..4 {
        let direction = noise(x.len(), &mut state);
        let [ahead, behind] = [1e-5, -1e-5].map(|h| likelihood(&add(&x, h, &direction)));
        let slope = (ahead?.0 - behind?.0) / 2e-5;
        off = off.max((slope / dot(&gradient, &direction) - 1.0).abs());
    }
    let again = began.elapsed().as_secs_f64() * 1e3 / 8.0;
    let fitted = minimize(&mut likelihood, x, 40)?;
    Ok([first, again, off, regression, radius(&fitted[..d * d])?])
}

fn main() -> Result<(), Error> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (dimensions, steps, sets) = if short { (1, 60, 1) } else { (3, 360, 5) };
    println!("dimension  first      again     off by   spectral radius (0.9): regression, fit");
    for &d in &[6, 10, 20][..dimensions] {
        let mut mean = vec![0.0; 5];
        for seed in 1..=sets {
            mean = add(&mean, 1.0 / sets as f64, &study(d, steps, seed)?);
        }
        print!("{d:9}  {:6.1} ms  {:5.1} ms", mean[0], mean[1]);
        println!("  {:.1e}  {:33.4}  {:.4}", mean[2], mean[3], mean[4]);
        assert!(mean[2] < 1e-6 && (short || (mean[4] / 0.9 - 1.0).abs() < 0.02));
    }
    Ok(())
}
