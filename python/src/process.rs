//! What a process has one of: the evaluator, and threads by their number, which a fork leaves behind.
//!
//! **Invariants**
//! - Nothing is made before it is needed, so importing costs no more than loading the library.
//! - A process that was forked off has threads of its own: `dmci` tells of forks by [`after_fork`].

use dmci::{Interpreter, Threads};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many forks there were on the way to this process.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// This process was forked off.
#[pyfunction(name = "_after_fork")]
pub(crate) fn after_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The evaluator that comes with the library.
pub(crate) fn embedded() -> &'static Interpreter {
    static EMBEDDED: OnceLock<Interpreter> = OnceLock::new();
    EMBEDDED.get_or_init(Interpreter::embedded)
}

type Pools = (u64, BTreeMap<usize, Threads>);

/// So many threads, or as many as there are processors; those of one number are shared by all that ask.
pub(crate) fn threads(count: Option<usize>) -> Threads {
    static POOLS: Mutex<Pools> = Mutex::new((0, BTreeMap::new()));
    match count {
        None => Threads::ALL,
        Some(0 | 1) => Threads::ONE,
        Some(count) => {
            let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
            if pools.0 != generation() {
                // Their threads are not there to be ended.
                std::mem::forget(std::mem::take(&mut pools.1));
                pools.0 = generation();
            }
            let pool = pools.1.entry(count);
            pool.or_insert_with(|| Threads::of(count)).clone()
        }
    }
}
