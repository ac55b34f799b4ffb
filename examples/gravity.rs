//! Newton's gravity in three dimensions, on vectors: is G found in noisy forces, and beside a drag
//! that is unknown too? The last row leaves out of the program a drag that is in the forces.
//!
//! `cargo run --release --example gravity`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::fit::{Fit, FitError, FitOptions, Table, fit};
use dmci::{Bindings, Interpreter, Workspace};
use std::f64::consts::TAU;

/// The force on a mass m, moving at v, from a mass M that is r away.
const GRAVITY: &str = "
(param G 1.0)
(define (force m M r v) (scale (/ (* G (* m M)) (pow (norm r) 3)) r))";
const DRAGGED: &str = "
(param G 1.0) (param drag 1.0)
(define (force m M r v) (- (scale (/ (* G (* m M)) (pow (norm r) 3)) r) (scale drag v)))";
const SAMPLE: &str = "(force m M (- [qx qy qz] [px py pz]) [vx vy vz])";
const COLUMNS: &str = "m M px py pz qx qy qz vx vy vz";
const NOISE: f64 = 1.3e-3;

/// Splitmix64: a number from 0 up to 1.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Samples one law at G = 6.674 and drag = 0.3, with noise, and fits another to the samples.
fn recover(truth: &str, law: &str) -> Result<Fit, FitError> {
    let (interpreter, mut workspace, mut state) = (Interpreter::embedded(), Workspace::new(), 1);
    let truth = interpreter.model(&format!("{truth}\n{SAMPLE}"))?;
    let mut inputs = Bindings::from([("G", 6.674), ("drag", 0.3)]);
    let names: Vec<&str> = COLUMNS.split(' ').chain(["fx", "fy", "fz"]).collect();
    let mut columns = vec![Vec::with_capacity(2000); names.len()];
    for _ in 0..2000 {
        let mut row = Vec::with_capacity(names.len());
        for name in COLUMNS.split(' ') {
            // Masses and q are between 1.5 and 3.5, p is elsewhere, and speeds go both ways.
            let low = [("p", 0.0), ("v", -1.0)];
            let low = low.into_iter().find(|low| name.starts_with(low.0));
            let input = low.map_or(1.5, |low| low.1) + 2.0 * uniform(&mut state);
            inputs.set(name, input);
            row.push(input);
        }
        let force = truth.value(&inputs, &mut workspace)?;
        row.extend(force.numbers().map(|force| {
            // Normal noise, after Box and Muller.
            let radius = NOISE * (-2.0 * (1.0 - uniform(&mut state)).ln()).sqrt();
            force + radius * (TAU * uniform(&mut state)).cos()
        }));
        for (column, number) in columns.iter_mut().zip(row) {
            column.push(number);
        }
    }
    let table = Table::from_columns(names.into_iter().zip(columns))?;
    let forces = format!("(map (lambda ({COLUMNS}) {SAMPLE}) {COLUMNS})");
    let text = format!("{law}\n(observe-series (fx fy fz) {forces})");
    fit(&interpreter.model(&text)?, &table, &FitOptions::default())
}

fn main() -> Result<(), FitError> {
    println!("forces   program  MSE      constants with 95 % intervals");
    let laws = [("gravity", GRAVITY), ("dragged", DRAGGED)];
    for (truth, law) in [(0, 0), (1, 1), (1, 0)] {
        let fit = recover(laws[truth].1, laws[law].1)?;
        let mse = fit.sse / fit.residuals as f64;
        print!("{}  {}  {mse:.1e}", laws[truth].0, laws[law].0);
        for (found, truth) in fit.params.iter().zip([6.674, 0.3]) {
            let (estimate, half) = (found.estimate, (found.high - found.low) / 2.0);
            print!("  {} {estimate:.5} ± {half:.5}", found.name);
            assert!(mse > 1e-2 || (estimate / truth - 1.0).abs() < 1e-3);
        }
        println!();
        assert!((mse < 1.5 * NOISE.powi(2)) == (truth == law));
    }
    println!("True: G 6.674, drag 0.3. The paper: G 6.675, MSE 1.7e-6; a network's MSE is 4.16.");
    Ok(())
}
