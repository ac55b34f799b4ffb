//! What does a service take: `dmci eval --jsonl` on many lines, and a registry whose models are swapped?
//!
//! `cargo bench --bench service` sends 10^6 lines, one of a hundred of them meant to harm, to two threads
//! of `dmci eval --jsonl`; it prints lines a second, and the resident memory in each quarter. Then 8
//! threads evaluate a registry's model while it is swapped 10^5 times; it prints how long it takes from a
//! swap to the first value of the model that came.
//! `DMCI_LINES` and `DMCI_SWAPS` are other counts, `DMCI_BINARY` is another `dmci`.
//!
//! **Invariants**
//! - Every line gets its answer, in order, with its id; otherwise the bench fails.
//! - A reader takes a value for one of the models there have been, and never for a mixture of two.

#![allow(
    clippy::print_stdout,
    reason = "what was measured is told where it is asked for"
)]

use dmci::{Bindings, Interpreter, Registry, Workspace};
use serde_json::json;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Ordinary programs of `x`, as models are.
const ORDINARY: [&str; 6] = [
    "(* 2.5 (exp (* -0.8 x)))",
    "(if (< x 5) (- 1 (* 0.02 x)) (* x x))",
    "(/ (* 3 x) (+ x 0.5))",
    "(let go ((i 0) (s x)) (if (= i 9) s (go (+ i 1) (+ s (sin s)))))",
    "(define (f y) (* y y)) (+ (f x) (f (+ x 1)))",
    "(apply + (map (lambda (k) (* k x)) '(1 2 3)))",
];

/// Lines that mean harm; each is answered, by an error or a value.
fn hostile(number: usize) -> String {
    let source = match number % 8 {
        0 => "(let go ((i 0)) (go (+ i 1)))".to_owned(),
        1 => "(define (f l) (f (append l l))) (f (list 1))".to_owned(),
        2 => "(".repeat(500),
        3 => format!("(car {})", "'".repeat(200)),
        4 => "(iota 1000000000)".to_owned(),
        5 => "(define (f n) (+ 1 (f n))) (f 1)".to_owned(),
        6 => format!("(list {})", "unbound ".repeat(100)),
        _ => return format!("{{\"id\":{number},\"source\":{}", "[".repeat(300)),
    };
    let request = json!({"id": number, "source": source, "fuel": 10_000, "heap_bytes": 2 << 20});
    request.to_string()
}

fn line(number: usize) -> String {
    if number % 100 == 37 {
        return hostile(number);
    }
    let source = ORDINARY[number % ORDINARY.len()];
    let x = (number % 1000) as f64 / 100.0;
    json!({"id": number, "source": source, "inputs": {"x": x}, "wrt": ["x"]}).to_string()
}

fn number_from(name: &str, usual: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(usual, |text| text.parse().expect("a whole number"))
}

/// Bytes that a process has resident.
fn resident(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilo = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilo.unwrap_or(0_u64) << 10
}

fn lines() {
    let count = number_from("DMCI_LINES", 1_000_000);
    let binary = std::env::var("DMCI_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_dmci").into());
    let mut child = Command::new(binary)
        .args(["eval", "--jsonl", "--threads", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dmci starts");
    // What is sent is made before, so that its making takes no time of the two cores.
    let mut all = String::new();
    for number in 0..count {
        all.push_str(&line(number));
        all.push('\n');
    }
    let mut input = BufWriter::new(child.stdin.take().expect("a pipe"));
    let output = BufReader::with_capacity(1 << 16, child.stdout.take().expect("a pipe"));
    let began = Instant::now();
    let writer = thread::spawn(move || {
        input
            .write_all(all.as_bytes())
            .and_then(|()| input.flush())
            .expect("dmci reads");
    });
    // The most that was resident in each quarter.
    let mut quarters = [0; 4];
    let mut answers = 0;
    for answer in output.lines() {
        let answer = answer.expect("a line");
        // Where a line is no JSON its id may be unknown.
        let is_next = answer.starts_with(&format!("{{\"id\":{answers},"));
        assert!(
            is_next || answer.starts_with("{\"error\""),
            "{answers}: {answer:.200}"
        );
        if answers % 1000 == 999 {
            let quarter = (4 * answers / count).min(3);
            quarters[quarter] = resident(&child).max(quarters[quarter]);
        }
        answers += 1;
    }
    let took = began.elapsed();
    writer.join().expect("all lines are sent");
    assert_eq!(answers, count, "answers");
    child.wait().expect("dmci ends");
    let mega = quarters.map(|bytes| bytes as f64 / f64::from(1 << 20));
    println!(
        "{count} lines, 1 % hostile: {:.2} s, {:.0} lines a second; resident by quarters \
         {mega:.1?} MiB, the last {:+.1} % of the second",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        100.0 * (mega[3] / mega[1] - 1.0)
    );
}

/// Values of models that differ tell which one it was.
fn swaps() {
    let count = number_from("DMCI_SWAPS", 100_000);
    let interpreter = Interpreter::embedded();
    let made = |k: usize| {
        let model = interpreter.model(&format!("(+ {k}.0 (* 0.0 x))"));
        model.expect("it is a program")
    };
    let registry = Registry::new();
    let handle = registry.insert("swapped", made(0));
    let inputs = Bindings::from([("x", 1.0)]);
    let newest = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let mut taken = Vec::with_capacity(count);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut workspace = Workspace::new();
                while !is_over.load(Ordering::Relaxed) {
                    let model = registry.get(handle).expect("it is never removed");
                    let value = model.value(&inputs, &mut workspace).expect("a value");
                    let value = value.number().expect("a number");
                    let most = newest.load(Ordering::SeqCst) as f64;
                    assert!(
                        value.fract() == 0.0 && (0.0..=most + 1.0).contains(&value),
                        "{value}"
                    );
                }
            });
        }
        let mut workspace = Workspace::new();
        for k in 1..=count {
            let model = made(k);
            newest.store(k as u64, Ordering::SeqCst);
            let began = Instant::now();
            registry.swap(handle, model).expect("it is never removed");
            let model = registry.get(handle).expect("it is never removed");
            let value = model.value(&inputs, &mut workspace).expect("a value");
            taken.push(began.elapsed());
            assert_eq!(value.number(), Some(k as f64), "the model that came");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    taken.sort_unstable();
    let at = |part: f64| taken[((taken.len() - 1) as f64 * part) as usize];
    let within = taken.partition_point(|&took| took < Duration::from_micros(200));
    println!(
        "{count} swaps beside 8 readers, swap to first value: median {:?}, 99 % {:?}, most {:?}; \
         {:.2} % below 200 us",
        at(0.5),
        at(0.99),
        at(1.0),
        100.0 * within as f64 / taken.len() as f64
    );
}

fn main() {
    lines();
    swaps();
}
