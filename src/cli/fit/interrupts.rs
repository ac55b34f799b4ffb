//! Ctrl-C: the end of the search, and not of the process.
//!
//! A signal goes in; a flag that limits look at comes out.
//!
//! **Invariants**
//! - The second signal ends the process as it would have without all this.
//! - Where the signal cannot be had, the first does.

use crate::Limits;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flag, once there is one.
static FLAG: OnceLock<&'static AtomicBool> = OnceLock::new();

/// The limits, with Ctrl-C among them.
pub(super) fn stopped_by_ctrl_c(limits: Limits) -> Limits {
    match FLAG.get_or_init(flag) {
        flag if cfg!(unix) => limits.interrupt(flag),
        _ => limits,
    }
}

/// The flag that Ctrl-C sets, where that can be had.
pub(in crate::cli) fn ctrl_c() -> Option<&'static AtomicBool> {
    cfg!(unix).then(|| *FLAG.get_or_init(flag))
}

/// Whether Ctrl-C was pressed.
pub(super) fn is_set() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

#[cfg(unix)]
fn flag() -> &'static AtomicBool {
    use signal_hook::consts::SIGINT;
    use std::sync::Arc;
    // It is looked at for as long as the process lives.
    let flag: &'static Arc<AtomicBool> = Box::leak(Box::default());
    // In this order: when the first signal comes, the flag is not set yet.
    let _ = signal_hook::flag::register_conditional_default(SIGINT, flag.clone());
    let _ = signal_hook::flag::register(SIGINT, flag.clone());
    flag
}

#[cfg(not(unix))]
fn flag() -> &'static AtomicBool {
    static NEVER: AtomicBool = AtomicBool::new(false);
    &NEVER
}
