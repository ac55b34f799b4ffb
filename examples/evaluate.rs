//! How do I evaluate text from Rust, with inputs, gradients and errors that say where?
//!
//! ```text
//! cargo run --example evaluate
//! ```
#![allow(
    clippy::print_stdout,
    reason = "an example shows its results by printing them"
)]

use dmci::{Bindings, Interpreter, Workspace, Wrt};

/// Steps of Newton's method towards the square root of `a`.
const NEWTON: &str = "
(loop ((y 1.0) (k 0))
  (if (= k 20)
      y
      (recur (* 0.5 (+ y (/ a y))) (+ k 1))))";

const BROKEN: &str = "
(define (total prices)
  (fold-left + 0 (map car prices)))

(total '((1.5 apple) (2.5 pear) 4))";

fn main() -> Result<(), dmci::Error> {
    // Once in a program: the evaluator, compiled. Once a thread: memory to work in.
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();

    // Text without inputs.
    let model = interpreter.model("(map (lambda (x) (* x x)) '(1 2 3))")?;
    let squares = model.value(&Bindings::new(), &mut workspace)?;
    println!("squares: {}", squares.to_scheme());

    // One program, many inputs: the first run is recorded, the others run that record.
    let model = interpreter.model(NEWTON)?;
    for a in [2.0, 9.0, 16.0] {
        let inputs = Bindings::from([("a", a)]);
        let (root, gradient) = model.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
        println!(
            "the root of {a}: {}, its derivative: {:.6}",
            root.to_scheme(),
            gradient.get("a").unwrap_or(f64::NAN)
        );
    }

    // Constants in the text have derivatives too, by line and column.
    let model = interpreter.model("(* 2.0 x)")?;
    let inputs = Bindings::from([("x", 1.5)]);
    let (_, gradient) = model.value_and_grad(&inputs, Wrt::Names(&["@1:4"]), &mut workspace)?;
    println!("by the 2.0 in `(* 2.0 x)`: {:?}", gradient.get("@1:4"));

    // An error says what, where, and under which calls.
    let model = interpreter.model(BROKEN)?;
    if let Err(error) = model.value(&Bindings::new(), &mut workspace) {
        println!("{}: {error}", error.kind());
        if let (Some(place), Some(span)) = (error.position(BROKEN), error.span()) {
            println!("  at {place}: {}", span.text(BROKEN));
        }
        for call in error.calls() {
            println!("  in `{}`, called at {}", call.name, call.position);
        }
    }
    Ok(())
}
