//! Threads: locks that a panic elsewhere does not close, and tasks with memory of their own.
//!
//! **Invariants**
//! - Results are in the order of the tasks, on any number of threads.
//! - There is never more memory than tasks under way at once; each serves one task after the other.

use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; what it holds is whole whoever panicked, because it is changed in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does tasks, on several threads if they are to be spread, with memory from `pool`, to which it goes
/// back.
pub(crate) fn in_tasks<T: Send, S: Default + Send, R: Send>(
    tasks: Vec<T>,
    spread: bool,
    pool: &mut Vec<S>,
    run: &(dyn Fn(T, &mut S) -> R + Sync),
) -> Vec<R> {
    if tasks.len() <= 1 || !spread {
        let mut scratch = pool.pop().unwrap_or_default();
        let results = tasks.into_iter().map(|task| run(task, &mut scratch));
        let results = results.collect();
        pool.push(scratch);
        return results;
    }
    let shared = Mutex::new(std::mem::take(pool));
    let results = tasks
        .into_par_iter()
        // One may take a million times as long as another.
        .with_max_len(1)
        .map(|task| {
            let scratch = lock(&shared).pop();
            let mut scratch = scratch.unwrap_or_default();
            let result = run(task, &mut scratch);
            lock(&shared).push(scratch);
            result
        })
        .collect();
    *pool = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    results
}
