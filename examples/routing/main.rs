//! Can a network learn from answers alone which program to call with which inputs?
//!
//! `cargo run --release --example routing -- [--short] [--json]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

mod minimal;
mod reader;
mod training;
mod transformer;

use dmci::dfdx::ModuleError;

fn main() -> Result<(), ModuleError> {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize, other: usize| args.get(at).and_then(|n| n.parse().ok()).unwrap_or(other);
    let steps = number(2, 1000);
    let started = std::time::Instant::now();
    for seed in 0..number(3, 1) as u64 {
        let all = &[1, 2, 3];
        match (number(1, 16), number(4, 0)) {
            (16, 0) => println!("{:?}", minimal::run::<16, 35, 36>(all, seed, steps)?),
            (16, 1) => println!("{:?}", minimal::run::<16, 35, 36>(&[3], seed, steps)?),
            (32, 0) => println!("{:?}", minimal::run::<32, 67, 68>(all, seed, steps)?),
            (32, 1) => println!("{:?}", minimal::run::<32, 67, 68>(&[3], seed, steps)?),
            (base, with) => {
                let mut sum = 0.0;
                let mut told = |step: usize, loss: f32| {
                    sum += loss;
                    if (step + 1) % 250 == 0 {
                        println!("{step} {:.3} {:.1}s", sum / 250.0, started.elapsed().as_secs_f64());
                        sum = 0.0;
                    }
                };
                let sizes = (steps, 1000);
                let found = if base == 32 {
                    transformer::run::<48, 74, 32>(with == 3, seed, sizes, &mut told)?
                } else {
                    transformer::run::<144, 266, 128>(with == 3, seed, sizes, &mut told)?
                };
                println!("{found:?} {} {}", found.arithmetic(), found.depth(3));
            }
        }
        println!("{seed} {:.1}s", started.elapsed().as_secs_f64());
    }
    Ok(())
}
