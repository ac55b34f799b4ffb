//! Are the derivatives right? Programs of a few kinds get certificates: the interpreter's answers
//! against direct compilation (the same bits), dfdx, dual numbers and central differences.
//!
//! `cargo run --release --example verify`
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::verify::{Status, Verdict, Way, verify};
use dmci::{Bindings, Interpreter};

/// A name, a program, and where it is verified.
type Case = (&'static str, &'static str, &'static [(&'static str, f64)]);

const PROGRAMS: [Case; 6] = [
    (
        "decay",
        "(* a (exp (* (- b) x)))",
        &[("a", 2.5), ("b", 0.8), ("x", 1.5)],
    ),
    (
        "guarded logarithm",
        "(if (> x 0) (* k (log x)) 0)",
        &[("k", 2.0), ("x", 0.3)],
    ),
    (
        "threshold",
        "(if (< x limit) (* x x) (* 2 x))",
        &[("x", 1.0), ("limit", 1.25)],
    ),
    (
        "continued fraction",
        "(define (cf n) (if (= n 0) a (+ a (/ b (cf (- n 1)))))) (cf 8)",
        &[("a", 1.5), ("b", 0.7)],
    ),
    (
        "Lotka-Volterra",
        "(define (step s) (let ((h (car s)) (l (cadr s)))
           (list (+ h (* 0.05 (- (* a h) (* b h l)))) (+ l (* 0.05 (- (* d h l) (* c l)))))))
         (let loop ((i 0) (s (list h0 2.0))) (if (= i 20) s (loop (+ i 1) (step s))))",
        &[("a", 1.1), ("b", 0.4), ("c", 0.4), ("d", 0.1), ("h0", 10.0)],
    ),
    (
        "soft choice",
        "(soft-choice ((sin x) (* x x) (exp x)) (list u v 0))",
        &[("x", 0.5), ("u", 0.2), ("v", -1.0)],
    ),
];

fn main() -> Result<(), dmci::Error> {
    let interpreter = Interpreter::embedded();
    println!("largest relative difference of a derivative (the paper's, to direct: 0)\n");
    println!(
        "program             direct   nested   dfdx     duals    central  second   nearest flip"
    );
    for (name, text, inputs) in PROGRAMS {
        let bindings: Bindings = inputs.iter().copied().collect();
        let certificate = verify(&interpreter, text, &bindings)?;
        assert_eq!(certificate.verdict, Verdict::Pass, "{name}");
        print!("{name:20}");
        for check in &certificate.checks {
            // Second derivatives are of values that are one number.
            if check.way == Way::Second && check.status == Status::Skipped {
                print!("{:<9}", "-");
                continue;
            }
            assert_eq!(check.status, Status::Pass, "{name}: {check:?}");
            let exact = matches!(check.way, Way::Direct | Way::Nested);
            assert!(!exact || check.gradient == 0.0, "{name}: {check:?}");
            print!("{:<9}", format!("{:.1e}", check.gradient));
        }
        match certificate.guards.first() {
            Some(guard) => println!("{} by {:+.2}", guard.constant, guard.by),
            None => println!("-"),
        }
        for constant in certificate.constants.iter().filter(|c| c.only_steers) {
            println!("  `{}` only steers: its derivative is 0", constant.name);
        }
    }
    Ok(())
}
