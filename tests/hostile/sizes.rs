//! Generators by size: twice the text, or twice the data, takes at most 2.3 times the CPU.
//!
//! **Invariants**
//! - What a small line takes is subtracted, and sizes that take too little to be measured are passed
//!   over.
//! - A generator that is stopped by a limit need not grow.

use super::process::{all, ask};
use super::text::{numbered, repeat};
use serde_json::json;
use std::time::Duration;

type Generator = fn(usize) -> String;

pub(crate) const GENERATORS: [(&str, Generator); 30] = [
    ("ones", |n| repeat("1 ", n)),
    ("quoted-list", |n| {
        format!("(length '({}))", repeat("1 ", n))
    }),
    ("quoted-symbols", |n| {
        format!("(length '({}))", numbered(n, |i| format!("s{i}")))
    }),
    ("strings", |n| {
        format!("(length '({}))", repeat("\"ab\" ", n))
    }),
    ("sum", |n| format!("(+ {})", repeat("1 ", n))),
    ("list", |n| format!("(length (list {}))", repeat("1 ", n))),
    ("vector", |n| format!("(vlen [{}])", repeat("1 ", n))),
    ("name", |n| "a".repeat(10 * n)),
    ("unbound-names", |n| {
        numbered(n, |i| format!("(define (g{i}) u{i})")) + "\n1"
    }),
    ("near-names", |n| {
        numbered(n, |i| format!("(define body-{i} 1)")) + "\n(list bodi-1 bodi-2)"
    }),
    ("chain-of-defines", |n| {
        String::from("(define x0 1)\n")
            + &numbered(n, |i| format!("(define x{} (+ x{i} 1))", i + 1))
    }),
    ("procedures", |n| {
        numbered(n, |i| format!("(define (f{i} x) (* x {i}))")) + "\n(f7 1)"
    }),
    ("mutual-procedures", |n| {
        numbered(n, |i| {
            format!("(define (f{i} x) (if x (f{} x) 0))", i * 7 % n)
        }) + "\n(f5 #f)"
    }),
    ("inner-defines", |n| {
        format!(
            "(define (f) {} 7) (f)",
            numbered(n, |i| format!("(define x{i} {i})"))
        )
    }),
    ("let", |n| {
        format!("(let ({}) v7)", numbered(n, |i| format!("(v{i} {i})")))
    }),
    ("let-star", |n| {
        format!("(let* ({}) v7)", numbered(n, |i| format!("(v{i} {i})")))
    }),
    ("letrec", |n| {
        format!(
            "(letrec ({}) (v7))",
            numbered(n, |i| format!("(v{i} (lambda () {i}))"))
        )
    }),
    ("parameters", |n| {
        format!(
            "((lambda ({}) p7) {})",
            numbered(n, |i| format!("p{i}")),
            repeat("1 ", n)
        )
    }),
    ("or", |n| format!("(or {} 7)", repeat("#f ", n))),
    ("and", |n| format!("(and {} 7)", repeat("#t ", n))),
    ("cond", |n| {
        format!("(cond {} (else 7))", repeat("(#f 1) ", n))
    }),
    ("case", |n| {
        format!(
            "(case 5 {} (else 7))",
            numbered(n, |i| format!("((a{i}) {i})"))
        )
    }),
    ("begin", |n| format!("(begin {} 7)", repeat("1 ", n))),
    ("quasi", |n| format!("(length `({}))", repeat(",1 ", n))),
    ("macro-use", |n| {
        format!(
            "(define-syntax m (syntax-rules () ((_ a ...) (+ a ...)))) (m {})",
            repeat("1 ", n)
        )
    }),
    ("macro-uses", |n| {
        format!(
            "(define-syntax m (syntax-rules () ((_ a) (+ a 1)))) (list {})",
            repeat("(m 1) ", n / 4)
        )
    }),
    ("params", |n| {
        numbered(n, |i| format!("(param p{i} 1.0)")) + "\np7"
    }),
    ("iota", |n| {
        format!("(apply + (map (lambda (i) (* i i)) (iota {n})))")
    }),
    ("recursion", |n| {
        format!("(define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (f {n})")
    }),
    ("sort", |n| {
        format!(
            "(ref (list->vec (sort (map (lambda (i) (modulo (* i 7919) 10007)) (iota {n})) <)) 0)"
        )
    }),
];

fn cpu(source: &str) -> Result<(Duration, String), String> {
    let line = json!({"source": source, "fuel": 100_000_000}).to_string();
    let outcome = ask(&[line.as_bytes()], Duration::from_mins(1))?;
    let answer = outcome.answers.into_iter().next().unwrap_or_default();
    Ok((outcome.cpu, answer))
}

/// That twice the size takes at most so much more.
pub(crate) fn doubling(generator: Generator) -> Result<(), String> {
    // Less time than this is not told from none.
    let least = Duration::from_millis(100);
    // Two doublings at once where machines are shared and nothing is optimized.
    let (sizes, factor): (&[usize], f64) = if all() {
        (&[8_000, 16_000, 32_000, 64_000, 128_000], 2.3)
    } else {
        (&[8_000, 32_000], 8.0)
    };
    let (idle, _) = cpu("1")?;
    let mut before: Option<Duration> = None;
    for &size in sizes {
        let source = generator(size);
        let mut best = Duration::MAX;
        for _ in 0..if all() { 3 } else { 1 } {
            let (cpu, answer) = cpu(&source)?;
            if answer.contains("\"resource\"") || answer.contains("\"internal\"") {
                return if answer.contains("\"resource\"") {
                    Ok(())
                } else {
                    Err(answer)
                };
            }
            best = best.min(cpu.saturating_sub(idle));
        }
        if let Some(before) = before
            && best.as_secs_f64() > factor * before.max(least / 2).as_secs_f64()
        {
            return Err(format!("{before:?}, and with size {size} {best:?}"));
        }
        before = Some(best);
    }
    Ok(())
}
