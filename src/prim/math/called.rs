//! The kernels once more, for numbers one by one where the target has no fused multiply-add: it is a
//! procedure here that is called, forty operations once instead of everywhere.
//!
//! **Invariants**
//! - The same files, so the same bits: what differs is whether [`unfused::fma`] and
//!   [`unfused::fma_below`] are inlined.

#![allow(
    clippy::duplicate_mod,
    reason = "the same kernels around another multiply-add"
)]
#![allow(
    dead_code,
    reason = "what loops over lanes alone want is in the other copy"
)]

#[path = "arc.rs"]
pub(super) mod arc;
#[path = "area.rs"]
pub(super) mod area;
#[path = "double.rs"]
pub(super) mod double;
#[path = "exp.rs"]
pub(super) mod exp;
#[path = "gamma.rs"]
pub(super) mod gamma;
#[path = "hyperbolic.rs"]
pub(super) mod hyperbolic;
#[path = "log.rs"]
pub(super) mod log;
#[path = "normal.rs"]
pub(super) mod normal;
#[path = "polygamma.rs"]
pub(super) mod polygamma;
#[path = "power.rs"]
pub(super) mod power;
#[path = "reduction.rs"]
pub(super) mod reduction;
#[path = "reflection.rs"]
pub(super) mod reflection;
#[path = "root.rs"]
pub(super) mod root;
#[path = "sinc.rs"]
pub(super) mod sinc;
#[path = "sums.rs"]
mod sums;
#[path = "trig.rs"]
pub(super) mod trig;

mod unfused {
    pub(super) use super::super::unfused::product;

    /// `a * b + c`, rounded once.
    #[inline(never)]
    pub(super) fn fma(a: f64, b: f64, c: f64) -> f64 {
        super::super::unfused::fma(a, b, c)
    }

    /// The same where the product is no more than half of `c`.
    #[inline(never)]
    pub(super) fn fma_below(a: f64, b: f64, c: f64) -> f64 {
        super::super::unfused::fma_below(a, b, c)
    }
}
