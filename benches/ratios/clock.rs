//! Processor time of one thread.
//!
//! **Invariants**
//! - What other threads and other programs do is not counted, where the system can tell.

/// Seconds of processor time that this thread has taken.
#[cfg(unix)]
pub(crate) fn thread_seconds() -> f64 {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Seconds since this was first asked: what there is elsewhere.
#[cfg(not(unix))]
pub(crate) fn thread_seconds() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Samples of one thread's processor time, in nanoseconds an evaluation, for about half a second: as
/// many as `limit.cpp` takes at most, each of 20 milliseconds or one evaluation.
pub(crate) fn samples(mut evaluate: impl FnMut()) -> Vec<f64> {
    let mut timed = |count: usize| {
        let start = thread_seconds();
        for _ in 0..count {
            evaluate();
        }
        (thread_seconds() - start) / count as f64
    };
    // Grows until it is long beside the clock's own time.
    let mut count = 1;
    let mut once = timed(count);
    while once * (count as f64) < 1e-3 {
        count *= 4;
        once = timed(count);
    }
    let count = (0.02 / once).ceil().max(1.0);
    let samples = (0.5 / (once * count)).clamp(1.0, 11.0) as usize;
    (0..samples).map(|_| 1e9 * timed(count as usize)).collect()
}

pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    f64::midpoint(samples[(samples.len() - 1) / 2], samples[samples.len() / 2])
}
