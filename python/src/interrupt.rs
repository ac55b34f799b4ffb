//! Ctrl-C while Rust works: the work ends early, and what it had found is given.
//!
//! **Invariants**
//! - Signals are looked at by the thread that called, which waits while another works.
//! - A flag is of one work at a time; flags live as long as the process, so there are as many as there was
//!   work at once.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often signals are looked at.
const EVERY: Duration = Duration::from_millis(20);

/// As much as the first thread of a process usually has.
const STACK: usize = 8 << 20;

static FREE: Mutex<Vec<&'static AtomicBool>> = Mutex::new(Vec::new());

/// A flag that nobody else uses.
pub(crate) struct Flag(&'static AtomicBool);

impl Flag {
    pub(crate) fn new() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let flag = free.unwrap_or_else(|| Box::leak(Box::new(AtomicBool::new(false))));
        flag.store(false, Ordering::Relaxed);
        Self(flag)
    }

    /// What limits are given, to end early where it is set.
    pub(crate) fn shared(&self) -> &'static AtomicBool {
        self.0
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        FREE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.0);
    }
}

/// Does work that ends early where its flag is set: by Ctrl-C, or by whatever a handler of signals raises.
/// What was raised, but for `KeyboardInterrupt`, is the result; the flag tells of that.
///
/// # Errors
/// What a handler of signals raised; when there is no thread to be had.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&'static AtomicBool) -> T + Send,
) -> PyResult<(T, bool)> {
    let flag = Flag::new();
    let (answer, raised) = watched(py, &flag, || work(flag.0))?;
    match raised {
        Some(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error),
        raised => Ok((answer, raised.is_some())),
    }
}

/// Does work that ends early where a flag is set, by whatever a handler of signals raises; and that.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    flag: &Flag,
    work: impl FnOnce() -> T + Send,
) -> PyResult<(T, Option<PyErr>)> {
    let set = flag.0;
    set.store(false, Ordering::Relaxed);
    let (answer, raised) = py.detach(|| {
        thread::scope(|scope| {
            let (done, is_done) = channel::<()>();
            let work = move || {
                // Dropped at the end, whatever that is.
                let _done = done;
                work()
            };
            let builder = thread::Builder::new().stack_size(STACK);
            let worker = builder.spawn_scoped(scope, work)?;
            let mut raised = None;
            while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(EVERY) {
                #[expect(
                    clippy::redundant_closure_for_method_calls,
                    reason = "the method's lifetime is not general enough"
                )]
                if raised.is_none()
                    && let Err(error) = Python::attach(|py| py.check_signals())
                {
                    set.store(true, Ordering::Relaxed);
                    raised = Some(error);
                }
            }
            match worker.join() {
                Ok(answer) => Ok::<_, std::io::Error>((answer, raised)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    })?;
    set.store(false, Ordering::Relaxed);
    Ok((answer, raised))
}
