//! Programs and requests that mean harm, or were written without thought, one line each to
//! `dmci eval --jsonl` as it comes.
//!
//! In go the cases of `tests/hostile/`; a test a case and check comes out: that the line is answered
//! with the right kind of error, at a place of its text, within bounds of time and memory, and that
//! the next line is answered as if nothing had been.
//!
//! **Invariants**
//! - A case says what must be answered, and never what is answered today.
//! - Memory is the process's own (`VmHWM`), over that of a process that has answered one small line.
//! - `cargo test` asks for kind, place, next line, memory, and time with much to spare, and with a
//!   tenth of the fuel, because machines are shared and tests are not optimized. All bounds are asked for by
//!   `DMCI_HOSTILE=all DMCI_HOSTILE_BINARY=target/release/dmci cargo test --test hostile -- --test-threads=1`.
//!
//! | check | the request | the bound |
//! |---|---|---|
//! | `defaults` | as it is, under an address limit of 1 GiB | 2 s of CPU, 256 MB |
//! | `heap` | with 64 MB of heap, under the same limit | 80 MB |
//! | `deadline` | with 100 ms | 150 ms, the best of three |
//! | `fuel` | with 10^6 units | 2 s of CPU |
//! | `cost` | all of them | a unit of fuel takes at most 12 times the CPU that an application takes which is walked |
//! | `doubling` | generators, from 8,000 to 128,000 | 2.3 times for twice the size |

#![allow(
    clippy::format_collect,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was found is told, and inputs are spelled as they come"
)]

#[path = "hostile/case.rs"]
mod case;
#[path = "hostile/command.rs"]
mod command;
#[path = "hostile/data.rs"]
mod data;
#[path = "hostile/process.rs"]
mod process;
#[path = "hostile/requests.rs"]
mod requests;
#[path = "hostile/sizes.rs"]
mod sizes;
#[path = "hostile/text.rs"]
mod text;
#[path = "hostile/time.rs"]
mod time;

use case::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use process::{Outcome, all, ask, idle};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What the line after a case asks, and what it must get.
const NEXT: (&str, &str) = (
    r#"{"id":"next","source":"(* 6 x)","inputs":{"x":7}}"#,
    r#"{"id":"next","value":42.0}"#,
);

/// What a case may take.
struct Bounds {
    cpu: Duration,
    /// When to give up, in CPU time.
    longest: Duration,
    mega: u64,
}

/// Fewest cases there are.
const FEWEST: usize = 120;

/// What is walked, application by application: no loop of it is run as code, which takes less the more it
/// does again and again, and nothing of it goes through elements.
const WALKED: &str = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib 80)";

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for part in [text::cases, data::cases, time::cases, requests::cases] {
        cases.extend(part());
    }
    cases
}

fn main() {
    let arguments = Arguments::from_args();
    let cases: Vec<Arc<Case>> = cases().into_iter().map(Arc::new).collect();
    let count = cases.len();
    let mut trials = vec![Trial::test("counts", move || {
        assert!(count >= FEWEST, "{count} cases");
        Ok(())
    })];
    for case in &cases {
        let mut add = |check: &'static str, run: fn(&Case) -> Result<(), String>| {
            let (name, case) = (format!("{}/{check}", case.name), Arc::clone(case));
            trials.push(tried(name, move || run(&case)));
        };
        add("defaults", defaults);
        if case.is_program() {
            add("heap", heap);
            if all() {
                add("deadline", deadline);
                add("fuel", fuel);
            }
        }
    }
    if all() {
        trials.push(tried("cost".into(), move || cost(&cases)));
    }
    for (name, run) in command::TRIALS {
        trials.push(tried(format!("command/{name}"), run));
    }
    for (name, source) in sizes::GENERATORS {
        trials.push(tried(format!("doubling/{name}"), move || {
            sizes::doubling(name, source)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn tried(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

// ---- checks of one case ------------------------------------------------------------------------

fn defaults(case: &Case) -> Result<(), String> {
    let bounds = Bounds {
        cpu: generous(Duration::from_secs(2)),
        longest: Duration::from_secs(40),
        mega: 256,
    };
    let outcome = check(case, &case.line(&json!({})), &bounds)?;
    case.judge(&outcome.answers[0])
}

fn heap(case: &Case) -> Result<(), String> {
    let bounds = Bounds {
        cpu: generous(Duration::from_secs(2)),
        longest: Duration::from_secs(40),
        // What an allocator keeps beside is not the same everywhere.
        mega: if all() { 80 } else { 96 },
    };
    let line = case.line(&json!({"heap_bytes": 64 << 20}));
    check(case, &line, &bounds).map(drop)
}

fn fuel(case: &Case) -> Result<(), String> {
    let bounds = Bounds {
        cpu: Duration::from_secs(2),
        longest: Duration::from_secs(40),
        mega: 1100,
    };
    check(case, &case.line(&json!({"fuel": 1_000_000})), &bounds).map(drop)
}

fn deadline(case: &Case) -> Result<(), String> {
    let line = case.line(&json!({"timeout_ms": 100, "fuel": 1_000_000_000_u64}));
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let outcome = ask(&[&line], Duration::from_secs(30))?;
        best = best.min(outcome.first);
    }
    let bound = Duration::from_millis(150);
    (best <= bound)
        .then_some(())
        .ok_or_else(|| format!("answered after {best:?}"))
}

/// The bound where all is asked for; ten times it for a build that is not optimized.
fn generous(bound: Duration) -> Duration {
    if all() { bound } else { 15 * bound }
}

/// Answers to a line and to the next, within bounds.
fn check(case: &Case, line: &[u8], bounds: &Bounds) -> Result<Outcome, String> {
    let outcome = ask(&[line, NEXT.0.as_bytes()], bounds.longest)?;
    let [answer, next] = outcome.answers.as_slice() else {
        return Err(format!("{} answers to two lines", outcome.answers.len()));
    };
    if next != NEXT.1 {
        return Err(format!("the next line gets {next:.300}"));
    }
    match serde_json::from_str::<Value>(answer) {
        Ok(parsed) => case.placed(&parsed)?,
        // Values may nest deeper than this reader goes: then every bracket has its other half.
        Err(error) if error.to_string().contains("recursion limit") && is_balanced(answer) => {}
        Err(error) => return Err(format!("the answer is no JSON: {error}: {answer:.100}")),
    }
    if outcome.cpu > bounds.cpu {
        return Err(format!("{:?} of CPU; {answer:.200}", outcome.cpu));
    }
    let mega = outcome.memory.saturating_sub(idle()) >> 20;
    if mega > bounds.mega {
        return Err(format!("{mega} MB over idle; {answer:.200}"));
    }
    Ok(outcome)
}

/// Whether the brackets of an answer without strings close each other.
fn is_balanced(answer: &str) -> bool {
    let mut open = Vec::new();
    let closes = |open: &mut Vec<char>, c| match c {
        '[' | '{' => {
            open.push(c);
            true
        }
        ']' => open.pop() == Some('['),
        '}' => open.pop() == Some('{'),
        _ => true,
    };
    answer.chars().all(|c| closes(&mut open, c)) && open.is_empty()
}

/// CPU per unit of fuel in the usual mode, over all cases that take enough of it to be measured, of which
/// there are so many. Fuel is the same in all modes, and time is not.
///
/// What is measured against is an application that is walked, in the same run. Units may take as little as
/// they like: a loop that is run as code does in 5 ns what a walk takes 120 for, and what such a loop does
/// with what never changes it does once.
fn cost(cases: &[Arc<Case>]) -> Result<(), String> {
    let nanos_of = |line: &[u8]| {
        // The first line makes what any line needs.
        let outcome = ask(&[NEXT.0.as_bytes(), line], Duration::from_mins(1)).ok()?;
        let answer: Value = serde_json::from_str(&outcome.answers[1]).unwrap_or_default();
        let fuel = answer["stats"]["fuel"].as_u64().unwrap_or_default();
        // What takes less is more of reading and writing than of running; what takes much more than it was
        // given was refused before it was done.
        let is_told = (100_000..1_010_000).contains(&fuel);
        is_told.then(|| (outcome.last.as_nanos() as f64 / fuel as f64, fuel))
    };
    let more = json!({"fuel": 1_000_000, "stats": true, "mode": "interpreter"});
    let walked = Case::program("walked", || WALKED.into(), case::Want::Answer);
    let line = walked.line(&more);
    let walked = (0..3).filter_map(|_| nanos_of(&line)).map(|told| told.0);
    let walked = walked.fold(f64::INFINITY, f64::min);
    let mut rates: Vec<(f64, &str, u64)> = Vec::new();
    for case in cases.iter().filter(|case| case.is_program()) {
        if let Some((nanos, fuel)) = nanos_of(&case.line(&more)) {
            rates.push((nanos, case.name, fuel));
        }
    }
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = rates.len();
    assert!(count >= 60, "{count} cases tell what they took");
    for (nanos, name, fuel) in &rates {
        eprintln!("{nanos:9.1} ns a unit of fuel, of {fuel:8}: {name}");
    }
    let ratio = rates.last().map_or(1.0, |most| most.0) / walked;
    eprintln!(
        "an application that is walked takes {walked:.1} ns, the dearest unit {ratio:.1} times that"
    );
    (ratio <= 12.0)
        .then_some(())
        .ok_or_else(|| format!("the dearest unit takes {ratio:.1} times what an application does"))
}
