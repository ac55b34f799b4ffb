//! Generators by size: twice the text, or twice the data, takes at most 2.3 times the CPU.
//!
//! **Invariants**
//! - What is measured is CPU time of one line, the least of several times, so what else the machine does
//!   counts for little; and the whole range of sizes at once, so one odd measurement does too.
//! - Sizes that take too little to be measured are passed over.
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

/// What one of a size takes, the best of several; none where it is stopped by a limit.
fn cpu(generator: Generator, size: usize, times: usize) -> Result<Option<Duration>, String> {
    let line = json!({"source": generator(size), "fuel": 100_000_000}).to_string();
    let mut best = Duration::MAX;
    for _ in 0..times {
        // The first line makes what any line needs.
        let lines: [&[u8]; 2] = [br#"{"source":"(+ 1 1)"}"#, line.as_bytes()];
        let outcome = ask(&lines, Duration::from_mins(1))?;
        let answer = outcome.answers.last().map_or("", |answer| answer);
        if answer.contains("\"resource\"") {
            return Ok(None);
        }
        if answer.contains("\"internal\"") {
            return Err(answer.to_owned());
        }
        best = best.min(outcome.last);
    }
    Ok(Some(best))
}

/// That twice the size takes at most so much more, from the smallest size to the largest.
pub(crate) fn doubling(name: &str, generator: Generator) -> Result<(), String> {
    // Less than this is not told from the rest of a line.
    const LEAST: Duration = Duration::from_millis(2);
    // With unoptimized code on a shared machine: half as much again.
    let (sizes, most): (&[usize], f64) = if all() {
        (&[8_000, 16_000, 32_000, 64_000, 128_000], 2.3)
    } else {
        (&[8_000, 32_000], 2.8)
    };
    let mut measured: Vec<(usize, Duration)> = Vec::new();
    for &size in sizes {
        let Some(took) = cpu(generator, size, if all() { 5 } else { 2 })? else {
            break;
        };
        if took >= LEAST {
            measured.push((size, took));
        }
    }
    let (Some(&(small, before)), Some(&(large, after))) = (measured.first(), measured.last())
    else {
        return Ok(());
    };
    let doublings = (large as f64 / small as f64).log2();
    if doublings == 0.0 {
        return Ok(());
    }
    let factor = (after.as_secs_f64() / before.as_secs_f64()).powf(1.0 / doublings);
    if all() {
        eprintln!("{factor:5.2} for twice the size: {name}, {measured:.1?}");
    }
    (factor <= most)
        .then_some(())
        .ok_or_else(|| format!("{factor:.2} times for twice the size: {measured:.1?}"))
}
