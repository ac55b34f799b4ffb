//! Limits: how far an evaluation may go.

use crate::argument::given;
use crate::fault::{Fault, Place, answer, make};
use std::ffi::c_int;
use std::time::{Duration, Instant};

#[derive(Clone, Default)]
pub(crate) struct Limits {
    limits: dmci::Limits,
    /// From when they are used.
    time: Option<Duration>,
}

impl Limits {
    /// The limits of a call that begins now; those that there are anyway, if none are given.
    pub(crate) fn from_now(limits: Option<&Self>) -> dmci::Limits {
        let Some(Self { limits, time }) = limits else {
            return dmci::Limits::default();
        };
        let mut limits = *limits;
        // Later than the clock can say is never.
        limits.deadline = time.and_then(|time| Instant::now().checked_add(time));
        limits
    }
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_new(place: Place<'_, Limits>) -> c_int {
    make(place, || Ok(Limits::default()))
}

fn change(limits: Option<&mut Limits>, change: impl FnOnce(&mut Limits)) -> c_int {
    answer(|| {
        change(given(limits, "the limits")?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_fuel(limits: Option<&mut Limits>, applications: usize) -> c_int {
    change(limits, |limits| limits.limits.fuel = applications as u64)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_heap(limits: Option<&mut Limits>, bytes: usize) -> c_int {
    change(limits, |limits| limits.limits.heap_bytes = bytes)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_depth(limits: Option<&mut Limits>, procedures: usize) -> c_int {
    change(limits, |limits| limits.limits.depth = procedures)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_trace(limits: Option<&mut Limits>, bytes: usize) -> c_int {
    change(limits, |limits| limits.limits.trace_bytes = bytes)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_seconds(limits: Option<&mut Limits>, seconds: f64) -> c_int {
    answer(|| {
        let limits = given(limits, "the limits")?;
        if seconds.is_nan() || seconds < 0.0 {
            let message = format!("{seconds} is no number of seconds");
            return Err(Fault::usage(message));
        }
        // What no duration can hold is no limit.
        limits.time = Duration::try_from_secs_f64(seconds).ok();
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_limits_free(limits: Option<Box<Limits>>) {
    drop(limits);
}
