//! What Hessians and lanes hold at once, by the allocator's own count: no more than they were given.
//!
//! **Invariants**
//! - A bound is the limit and a fixed part that does not depend on the program: 8 MB, and what the
//!   front end takes for the text.
//! - All is on one thread, which is the one that is counted.

use crate::accounting::peak_of;
use dmci::{Bindings, Error, Input, Interpreter, Limits, Mode, OnError, Threads, Workspace, Wrt};

const HEAP: usize = 8 << 20;
const FIXED: usize = 8 << 20;

fn limits() -> Limits {
    Limits::new()
        .fuel(50_000)
        .heap_bytes(HEAP)
        .output_bytes(4 << 20)
}

fn bindings() -> Bindings {
    let mut bindings = Bindings::from([("x", 1.5)]);
    bindings.set("v", Input::from(vec![1.5; 1000]));
    bindings
}

#[test]
fn second_derivatives_hold_what_they_may() -> Result<(), Error> {
    let names: Vec<String> = (0..500).map(|i| format!("i{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let inputs: Bindings = names.iter().map(|&name| (name, 1.5)).collect();
    let squares: Vec<String> = names.iter().map(|n| format!("(exp (* {n} i0))")).collect();
    let source = format!("(+ {})", squares.join(" "));
    let model = Interpreter::embedded()
        .model(&source)?
        .with_threads(Threads::ONE);
    let little = limits();
    let (peak, result) = peak_of(|| {
        model
            .hessian_within(&inputs, Wrt::All, &little, &mut Workspace::new())
            .map(drop)
    });
    assert!(peak <= HEAP + FIXED, "{} MB: {result:?}", peak >> 20);
    Ok(())
}

#[test]
fn lanes_hold_what_they_may() -> Result<(), Error> {
    let column: Vec<f64> = (0..50_000).map(f64::from).collect();
    let interpreter = Interpreter::embedded();
    let mut over = Vec::new();
    for source in [
        "(car x)",
        "(* x x)",
        "(ones 100)",
        "(iota (modulo x 100))",
        "(if (> (modulo x 7) 3) (sin x) (exp x))",
    ] {
        let model = interpreter.model_for(source, &bindings(), Mode::Interpreter)?;
        let model = model.with_threads(Threads::ONE);
        let columns = [("x", column.as_slice())];
        let (peak, result) = peak_of(|| {
            let workspace = &mut Workspace::new();
            model
                .value_and_grad_lanes(
                    &Bindings::new(),
                    &columns,
                    &[],
                    OnError::Collect,
                    &limits(),
                    workspace,
                )
                .map(drop)
        });
        if peak > HEAP + FIXED {
            over.push(format!(
                "{} MB: {source}: {:?}",
                peak >> 20,
                result.map_err(|e| e.to_string())
            ));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
    Ok(())
}
