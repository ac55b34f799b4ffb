//! Inputs that nobody wrote, by seed: texts, graphs, tables, request lines, lanes and histories.
//!
//! Programs of the corpus and their requests go in, changed at random; every one of them must be
//! answered, in time, within the memory it was given, and lanes as if each were alone.
//!
//! **Invariants**
//! - Equal seeds give equal inputs; a failure names the seed that gives it as the first input.
//! - Nothing is retried and nothing ignored: a panic, an overrun of time or memory, and a
//!   difference fail; an input that takes two minutes ends the process and says which it was.
//!
//! | | |
//! |---|---|
//! | `cargo test --test fuzz` | a few hundred inputs for each target |
//! | `DMCI_FUZZ=1000000 cargo test --release --test fuzz -- --nocapture` | so many for each |
//! | `DMCI_FUZZ_SECONDS=600 DMCI_SEED=$RANDOM cargo test --release --test fuzz -- --nocapture --test-threads=1` | an hour, 10 minutes a target |

#![allow(
    clippy::match_same_arms,
    clippy::needless_range_loop,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was found is told, and inputs are spelled as they come"
)]

#[path = "oracle/accounting.rs"]
mod accounting;
#[path = "fuzz/change.rs"]
mod change;
#[allow(
    dead_code,
    unused_imports,
    reason = "other tests take more of its programs"
)]
#[path = "it/generate/mod.rs"]
mod generate;
#[path = "fuzz/held.rs"]
mod held;
#[path = "fuzz/histories.rs"]
mod histories;
#[allow(dead_code, reason = "the generator of programs uses all of it")]
#[path = "it/random.rs"]
mod random;
#[path = "fuzz/refused.rs"]
mod refused;
#[path = "fuzz/targets.rs"]
mod targets;

use accounting::{Accounting, peak_of};
use random::{Random, base_seed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Accounting = Accounting;

/// What came of an input.
pub(crate) enum Outcome {
    /// It was taken and run, whatever came of that.
    Ran,
    /// It was refused before it ran.
    Refused,
    /// Something is wrong.
    Wrong(String),
}

/// How long an input may take, and when to give up.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) {
    10_000
} else {
    2_000
});
const NEVER: Duration = Duration::from_mins(2);

/// CPU time of this thread, so that what else runs on the machine is not held against an input; where
/// no clock tells that, time since then.
#[cfg_attr(unix, allow(unused_variables, reason = "for other systems"))]
fn cpu(since: Instant) -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    since.elapsed()
}

fn number_from(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a whole number, not `{text}`")))
}

/// Runs a target on as many inputs as asked for: an input of so many bytes may hold `memory(bytes)`
/// at once.
pub(crate) fn fuzz(
    target: &'static str,
    usual: u64,
    memory: impl Fn(usize) -> usize,
    make: impl Fn(&mut Random) -> Vec<u8>,
    mut run: impl FnMut(&[u8]) -> Outcome,
) {
    let seconds = number_from("DMCI_FUZZ_SECONDS");
    let count =
        number_from("DMCI_FUZZ").unwrap_or(if seconds.is_some() { u64::MAX } else { usual });
    let first = base_seed();
    let began = Instant::now();
    let now = watch(target, began);
    let (mut ran, mut done) = (0_u64, 0_u64);
    let (mut slowest, mut largest) = ((Duration::ZERO, 0), (0, 0));
    for seed in first..first.saturating_add(count) {
        if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
            break;
        }
        let input = make(&mut Random::new(seed));
        now[0].store(seed, Ordering::Relaxed);
        now[1].store(began.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
        let start = cpu(began);
        let (peak, outcome) = peak_of(|| catch_unwind(AssertUnwindSafe(|| run(&input))));
        let took = cpu(began).saturating_sub(start);
        now[1].store(0, Ordering::Relaxed);
        let tell = |what: String| {
            let text = String::from_utf8_lossy(&input);
            panic!("DMCI_SEED={seed} DMCI_FUZZ=1, {target}: {what}, of\n{text:.3000}")
        };
        match outcome {
            Err(_) => tell("a panic".into()),
            Ok(Outcome::Wrong(what)) => tell(what),
            Ok(Outcome::Ran) => ran += 1,
            Ok(Outcome::Refused) => {}
        }
        if took > LONGEST {
            tell(format!("{took:?}"));
        }
        if peak > memory(input.len()) {
            tell(format!("{peak} bytes held for {} of input", input.len()));
        }
        done += 1;
        slowest = slowest.max((took, seed));
        largest = largest.max((peak, seed));
    }
    now[2].store(1, Ordering::Relaxed);
    println!(
        "{target}: {done} inputs from seed {first} in {:.1} s, {ran} ran; the slowest took {:.3} s (seed {}), \
         the largest {:.1} MB (seed {})",
        began.elapsed().as_secs_f64(),
        slowest.0.as_secs_f64(),
        slowest.1,
        largest.0 as f64 / 1e6,
        largest.1
    );
    assert!(ran > 0 || done < 20, "nothing ran");
}

/// A thread that ends the process when an input never ends: seed, milliseconds, and whether it is over.
fn watch(target: &'static str, began: Instant) -> Arc<[AtomicU64; 3]> {
    let now = Arc::new([const { AtomicU64::new(0) }; 3]);
    let seen = Arc::clone(&now);
    std::thread::spawn(move || {
        while seen[2].load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(250));
            let (seed, start) = (&seen[0], seen[1].load(Ordering::Relaxed));
            let elapsed = began.elapsed().as_millis() as u64;
            if start > 0 && elapsed.saturating_sub(start) > NEVER.as_millis() as u64 {
                let seed = seed.load(Ordering::Relaxed);
                eprintln!("DMCI_SEED={seed} DMCI_FUZZ=1, {target}: no end in {NEVER:?}");
                std::process::abort();
            }
        }
    });
    now
}
