//! How soon does a running simulation go by another program? A worker steps a pendulum without a
//! pause while its laws are swapped for others, given as text.
//!
//! `cargo run --release --example hot_swap`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::{Bindings, Error, Handle, Interpreter, Registry, RegistryError, Workspace};
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

/// Laws of motion: a name, and a program from angle and speed to those one step later.
const LAWS: [(&str, &str); 3] = [
    ("pendulum", "(* -9.81 (sin angle))"),
    ("spring", "(* -9.81 angle)"),
    ("damped", "(- (* -9.81 (sin angle)) (* 0.25 speed))"),
];
const SWAPS: usize = 600;

fn text(force: &str) -> String {
    format!("(let ((v (+ speed (* h {force})))) (list (+ angle (* h v)) v))")
}

/// Steps by whatever model is there until there is none: how often by each text, and why it ended.
fn simulate(registry: &Registry, handle: Handle) -> (HashMap<String, u64>, RegistryError) {
    let mut workspace = Workspace::new();
    let mut state = Bindings::from([("angle", 1.0), ("speed", 0.0), ("h", 1e-3)]);
    let mut served = HashMap::new();
    loop {
        let model = match registry.get(handle) {
            Ok(model) => model,
            Err(error) => return (served, error),
        };
        let next = model.value(&state, &mut workspace).expect("a law runs");
        for (name, number) in ["angle", "speed"].into_iter().zip(next.numbers()) {
            state.set(name, number);
        }
        match served.get_mut(model.text()) {
            Some(count) => *count += 1,
            None => _ = served.insert(model.text().to_owned(), 1),
        }
    }
}

fn main() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    let registry = Registry::new();
    let h = registry.insert("pendulum", interpreter.model(&text(LAWS[0].1))?);
    let worker = thread::spawn({
        let registry = registry.clone();
        move || simulate(&registry, h)
    });

    let inputs = Bindings::from([("angle", 1.0), ("speed", 0.0), ("h", 1e-3)]);
    let mut workspace = Workspace::new();
    let mut micros = Vec::with_capacity(SWAPS);
    for (_, force) in LAWS.iter().cycle().take(SWAPS) {
        let text = text(force);
        let began = Instant::now();
        registry.swap(h, interpreter.model(&text)?)?;
        registry.get(h)?.value(&inputs, &mut workspace)?;
        micros.push(began.elapsed().as_secs_f64() * 1e6);
        thread::sleep(Duration::from_millis(2));
    }
    registry.remove(h)?;
    let (served, error) = worker.join().expect("the worker ends by itself");

    for (name, force) in LAWS {
        let count = served.get(&text(force)).unwrap_or(&0);
        println!("{name:8} {count:8} steps");
    }
    micros.sort_by(f64::total_cmp);
    let (median, worst) = (micros[SWAPS / 2], micros[SWAPS - 1]);
    println!("text to first value: {median:.1} us (median of {SWAPS} swaps, worst {worst:.1})");
    println!("the paper: 20 to 35 ms reported; 6.8 ms measured on its artefact");
    println!("the worker ended: {error}");
    Ok(())
}
