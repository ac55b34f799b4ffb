//! What evaluations hold at once, by the allocator's own count: no more than they were given.
//!
//! **Invariants**
//! - A bound is the limit and a fixed part that does not depend on the program: 8 MB, and what the
//!   front end takes for the text.
//! - All is on one thread, which is the one that is counted.

use crate::accounting::peak_of;
use dmci::{Bindings, Error, Input, Interpreter, Limits, Mode, OnError, Threads, Workspace, Wrt};

const HEAP: usize = 16 << 20;
const FIXED: usize = 8 << 20;

fn limits() -> Limits {
    Limits::new()
        .fuel(200_000)
        .heap_bytes(HEAP)
        .output_bytes(4 << 20)
}

fn bindings() -> Bindings {
    let mut bindings = Bindings::from([("x", 1.5)]);
    bindings.set("v", Input::from(vec![1.5; 1000]));
    bindings
}

/// What runs of a program held at most, and how each ended.
fn held(mode: Mode, source: &str, wrt: &[&str]) -> Result<(usize, String), Error> {
    let interpreter = Interpreter::embedded();
    let model = interpreter.model_for(source, &bindings(), mode)?;
    let model = model.with_threads(Threads::ONE);
    let mut ends = String::new();
    let (peak, ()) = peak_of(|| {
        let mut workspace = Workspace::new();
        // Once cold, and once warm.
        for _ in 0..2 {
            let result = model.evaluate(&bindings(), Wrt::Names(wrt), &limits(), &mut workspace);
            ends += &result.map_or_else(|error| format!("{error:.60}; "), |_| "a value; ".into());
        }
    });
    Ok((peak, ends))
}

const PROGRAMS: [(&str, &[&str]); 22] = [
    ("(define (f l) (f (append l l))) (f (list 1))", &[]),
    ("(define (f l) (f (cons 1 l))) (f '())", &[]),
    ("(define (f n) (+ 1 (f n))) (f 0)", &[]),
    (
        "(define (f l) (f (cons (zeros 1000000) l))) (f (list))",
        &[],
    ),
    (
        "(define v (ones 1000)) (list->vec (map (lambda (i) v) (iota 20000)))",
        &[],
    ),
    ("(iota 1000000000)", &[]),
    ("(zeros 1000000000)", &[]),
    ("(eye 100000)", &[]),
    ("(outer (ones 100000) (ones 100000))", &[]),
    ("(define (f v) (f (concat v v))) (f (ones 1))", &[]),
    (
        "(define m (ones 700 700)) (vsum (inv (+ m (eye 700))))",
        &[],
    ),
    ("(define m (ones 800 800)) (vsum (matmul m m))", &[]),
    (
        "(define m (+ (eye 350) (ones 350 350))) (ref (cadr (svd m)) 0)",
        &[],
    ),
    (
        "(define m (+ (eye 350) (ones 350 350))) (ref (car (eigh m)) 0)",
        &[],
    ),
    ("(define (f s) (f (string-append s s))) (f \"ab\")", &[]),
    (
        "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x)))) (f 40 '())",
        &[],
    ),
    ("(concat v v v v v v v v v v)", &["v"]),
    ("(outer v v)", &["v"]),
    (
        "(let go ((i 0) (s x)) (if (= i 40000) s (go (+ i 1) (sin s))))",
        &["x"],
    ),
    (
        "(define (f n) (if (= n 0) x (* x (f (- n 1))))) (f 30000)",
        &["x"],
    ),
    (
        "(let go ((i 0) (l '())) (if (= i 30000) (apply + l) (go (+ i 1) (cons (* x i) l))))",
        &["x"],
    ),
    (
        "(define m (+ (eye 150) (* x (ones 150 150)))) (vsum (inv m))",
        &["x"],
    ),
];

#[test]
fn evaluations_hold_what_they_may() {
    let mut over = Vec::new();
    for mode in [Mode::Interpreter, Mode::Direct] {
        for (source, wrt) in PROGRAMS {
            let (peak, ends) =
                held(mode, source, wrt).unwrap_or_else(|error| panic!("{source}: {error}"));
            if peak > HEAP + FIXED {
                over.push(format!("{} MB, {mode:?}: {source}: {ends}", peak >> 20));
            }
        }
    }
    assert!(
        over.is_empty(),
        "of {} MB:\n{}",
        HEAP >> 20,
        over.join("\n")
    );
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
