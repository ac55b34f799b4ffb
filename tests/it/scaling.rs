//! A program twice as long takes about twice as long, whatever it is made of.
//!
//! **Invariants**
//! - Times are those of the thread on its processor, the least of several: four times the size may take
//!   nine times the time, where something quadratic takes sixteen.

use dmci::{Bindings, Error, Interpreter, Limits, Mode, Workspace, Wrt};
use std::fmt::Write;
use std::fs;
use std::time::Instant;

/// `text` for each number below `n`, with `#` and `@` standing for it and the one before it.
fn each(n: usize, text: &str) -> String {
    let mut all = String::new();
    for i in 0..n {
        let before = i.saturating_sub(1).to_string();
        let made = text.replace('#', &i.to_string()).replace('@', &before);
        let _ = write!(all, "{made} ");
    }
    all
}

/// A program of about `n` parts of one kind.
type Maker = fn(usize) -> String;

const KINDS: [(&str, Maker); 22] = [
    ("or", |n| format!("(define x #f) (or {}1)", each(n, "x"))),
    ("and", |n| format!("(define x 1) (and {})", each(n, "x"))),
    ("cond", |n| {
        format!("(define x #f) (cond {}(else 2))", each(n, "(x 1)"))
    }),
    ("cond of tests", |n| {
        format!("(define x #f) (cond {}(else 2))", each(n, "(x)"))
    }),
    ("cond with =>", |n| {
        format!("(define x #f) (cond {}(else 2))", each(n, "(x => car)"))
    }),
    ("case", |n| {
        format!("(case -1 {}(else 2))", each(n, "((#) #)"))
    }),
    ("let*", |n| {
        format!("(let* ((b 1) {}) (+ b 1))", each(n, "(a# b)"))
    }),
    ("let* in a chain", |n| {
        format!("(let* ((a0 1) {}) 1)", each(n, "(a# a0)"))
    }),
    ("let", |n| {
        format!(
            "(define x 1) (let ({}) (begin {}))",
            each(n, "(a# x)"),
            each(n, "a#")
        )
    }),
    ("nested let", |n| {
        let depth = 400;
        let one = format!("{}x{} ", "(let ((a x)) ".repeat(depth), ")".repeat(depth));
        format!("(define x 1) {}", one.repeat(n / depth))
    }),
    ("nested lambda", |n| {
        let depth = 400;
        let one = format!("{}x{} ", "(lambda (a) ".repeat(depth), ")".repeat(depth));
        format!("(define x 1) {}", one.repeat(n / depth))
    }),
    ("definitions", |n| {
        format!("(define far 1) {} 1", each(n, "(define v# far)"))
    }),
    ("definitions in a chain", |n| {
        format!("(define v0 1) {} 1", each(n, "(define w# v0)"))
    }),
    ("procedures in a ring", |n| {
        let ring = each(n, "(define (v# x) (if (= x 0) 0 (v@ (- x 1))))");
        format!("{ring} (v{} {})", n - 1, n - 2)
    }),
    ("internal definitions", |n| {
        format!("(define (f) {}(+ v0 v1)) (f)", each(n, "(define v# 1)"))
    }),
    ("arguments", |n| format!("(+ {})", each(n, "#"))),
    ("parameters", |n| {
        format!(
            "((lambda ({}) (begin {})) {})",
            each(n, "p#"),
            each(n, "p#"),
            each(n, "#")
        )
    }),
    ("quoted lists", |n| format!("(length '({}))", each(n, "#"))),
    ("quasi-quoted lists", |n| {
        format!("(define x 1) (length `({}))", each(n, ",x"))
    }),
    ("begin", |n| {
        format!("(define x 1) (begin {})", each(n, "x"))
    }),
    ("named let", |n| {
        each(n, "(let go ((i 0)) (if (= i 1) i (go (+ i 1))))")
    }),
    ("names of inputs", |n| {
        format!("(if #f (list {}) 1)", each(n, "q#"))
    }),
];

/// The seconds that this thread has been on a processor; where the system does not tell, the clock's.
fn seconds(since: Instant) -> f64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| since.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// How long it takes to prepare a program and to run it once.
fn cost(interpreter: &Interpreter, text: &str, mode: Mode) -> f64 {
    let since = Instant::now();
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let began = seconds(since);
        let none = Bindings::new();
        let run = interpreter.model_for(text, &none, mode).and_then(|model| {
            let limits = Limits::default().fuel(1_000_000);
            model.evaluate(&none, Wrt::Nothing, &limits, &mut Workspace::new())
        });
        if let Err(error) = run {
            panic!("{mode:?} {}: {error}", &text[..text.len().min(60)]);
        }
        least = least.min(seconds(since) - began);
    }
    least
}

fn grows_with_size(mode: Mode, small: usize) {
    let interpreter = Interpreter::embedded();
    for (name, make) in KINDS {
        let [few, many] = [small, 4 * small].map(|n| cost(&interpreter, &make(n), mode));
        assert!(
            many < 9.0 * few + 0.02,
            "{mode:?} {name}: {few} s, then {many} s"
        );
    }
}

#[test]
fn interpreted_programs_cost_what_they_are_long() {
    grows_with_size(Mode::Interpreter, 2000);
}

#[test]
fn nested_programs_cost_what_they_are_long() {
    grows_with_size(Mode::Nested, 400);
}

#[test]
fn a_procedure_is_charged_for_what_it_does_between_two_applications() {
    let interpreter = Interpreter::embedded();
    let none = Bindings::new();
    for body in ["(begin {} (f (+ i 1)))", "(if (or {}) 1 (f (+ i 1)))"] {
        let body = body.replace("{}", &each(4000, "x"));
        let text = format!("(define x #f) (define (f i) {body}) (f 0)");
        let taken = [Mode::Interpreter, Mode::Direct, Mode::Nested].map(|mode| {
            let model = interpreter
                .model_for(&text, &none, mode)
                .expect("it expands");
            let limits = Limits::default().fuel(400);
            match model.evaluate(&none, Wrt::Nothing, &limits, &mut Workspace::new()) {
                Err(Error::Eval(error)) => (error.message.clone(), error.stats.applications),
                other => panic!("{mode:?}: {other:?}"),
            }
        });
        let [(message, applications), ..] = &taken;
        assert_eq!(message, "out of fuel: 400 applications");
        assert!(*applications < 150, "{applications} applications");
        assert!(taken.iter().all(|one| one == &taken[0]), "{taken:?}");
    }
}
