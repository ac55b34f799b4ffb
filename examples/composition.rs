//! What is lost when operations are chained? Eight operations, six of them defined here in Scheme,
//! make nine chains, each a program. Values are compared, bit by bit, with the operations one by one,
//! where networks would be trained and on four times that range; slopes with the chain rule by hand.
//!
//! `cargo run --release --example composition [-- --short]`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::prim::Prim;
use dmci::{Bindings, Error, Interpreter, Mode, Model, Workspace, Wrt};

/// The language has `sin` and `exp` of its own.
const LIBRARY: &str = "
(define (square x) (* x x))     (define (cube x) (* x x x))
(define (add_one x) (+ x 1))    (define (negate x) (- x))
(define (double x) (* 2 x))     (define (sqrt_abs x) (sqrt (abs x)))";

/// The outermost operation stands first. Some overflow, and the sine of infinity is NaN.
const CHAINS: &str = "sin square, exp cube, sin exp square, sqrt_abs add_one cube, \
    sin exp exp square, cube sin double negate, exp negate square add_one cube, \
    sqrt_abs add_one sin exp negate double, exp square exp double add_one negate";

/// An operation's value and derivative, by definition; `sin` and `exp` are the language's own.
fn by_hand(operation: &str, x: f64) -> [f64; 2] {
    match operation {
        "square" => [x * x, 2.0 * x],
        "cube" => [x * x * x, 3.0 * x * x],
        "sin" => [Prim::Sin, Prim::Cos].map(|f| f.forward(x, x)),
        "exp" => [Prim::Exp; 2].map(|f| f.forward(x, x)),
        "add_one" => [x + 1.0, 1.0],
        "negate" => [-x, -1.0],
        "double" => [2.0 * x, 2.0],
        "sqrt_abs" => [x.abs().sqrt(), x.signum() / (2.0 * x.abs().sqrt())],
        _ => unreachable!("no operation is called {operation}"),
    }
}

fn by_program(model: &Model, x: f64, workspace: &mut Workspace) -> Result<[f64; 2], Error> {
    let (y, slope) = model.value_and_grad(&Bindings::from([("x", x)]), Wrt::All, workspace)?;
    Ok([y.number(), slope.get("x")].map(|number| number.expect("it is a number")))
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn main() -> Result<(), Error> {
    let short = std::env::args().any(|arg| arg == "--short");
    let steps = if short { 50 } else { 500 };
    let (interpreter, mut workspace) = (Interpreter::embedded(), Workspace::new());
    println!("depth  values off on ±2, on ±8  slopes off by  chain");
    for chain in CHAINS.split(", ") {
        let (depth, chain_rule) = (chain.split(' ').count(), chain.rsplit(' '));
        let text = format!("({} x{}", chain.replace(' ', " ("), ")".repeat(depth));
        let (program, x) = (format!("{LIBRARY}\n{text}"), Bindings::from([("x", 0.0)]));
        let interpreted = interpreter.model_for(&program, &x, Mode::Interpreter)?;
        let direct = interpreter.model_for(&program, &x, Mode::Direct)?;
        let (mut off, mut slopes_off) = ([0, 0], 0.0_f64);
        for (range, end) in [2.0, 8.0].into_iter().enumerate() {
            for x in (-steps..=steps).map(|step| end * f64::from(step) / f64::from(steps)) {
                let [y, slope] = chain_rule.clone().fold([x, 1.0], |[x, slope], operation| {
                    let [y, derivative] = by_hand(operation, x);
                    [y, slope * derivative]
                });
                let found = by_program(&interpreted, x, &mut workspace)?;
                let again = by_program(&direct, x, &mut workspace)?;
                assert!((0..2).all(|i| same(found[i], again[i])), "{text} at {x}");
                off[range] += usize::from(!same(found[0], y));
                // Where factors overflow or underflow, their product depends on its order.
                if slope.is_normal() {
                    slopes_off = slopes_off.max((found[1] / slope - 1.0).abs());
                }
            }
        }
        let [near, far] = off;
        println!("{depth:5}  {near:16}  {far:5}  {slopes_off:13.1e}  {text}");
        assert!(off == [0, 0] && slopes_off < 1e-14, "{text}");
    }
    println!("No value differs, in either mode. (The paper: programs 0, networks up to 5.9e9.)");
    Ok(())
}
