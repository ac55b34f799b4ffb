//! What the host does for the engine.
//!
//! **Invariants**
//! - Values and derivatives depend on neither function: the clock times, and the other ends fits.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Milliseconds since some moment.
    safe fn now() -> f64;
    /// Hears how far a fit is: steps, starts that have ended, starts, the lowest sum of squares. Not 0 to go
    /// on.
    safe fn go_on(steps: u32, ended: u32, starts: u32, best: f64) -> u32;
}

/// Milliseconds since some moment.
pub(crate) fn milliseconds() -> f64 {
    now()
}

/// Whether a fit is to go on.
pub(crate) fn goes_on(progress: &dmci::fit::Progress) -> bool {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (steps, ended) = (count(progress.steps), count(progress.ended));
    go_on(steps, ended, count(progress.starts), progress.best) != 0
}
