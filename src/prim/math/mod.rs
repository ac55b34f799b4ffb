//! The functions of the table: one implementation of each for one lane and for many.
//!
//! A kernel is plain code over doubles without branches and tables; it is instantiated for numbers
//! ([`exp()`] …) and for lanes ([`unary`], [`binary`]), where loops over it become vector instructions.
//!
//! **Invariants**
//! - Results are equal to the bit on every processor and in every lane: kernels are made of IEEE
//!   operations, and fused multiply-adds stand where they are written and nowhere else.
//! - Results are at most 2 units of the last place off, NaN gives NaN, and zeros, poles and infinities
//!   are those of IEEE 754 and C.

#![allow(
    clippy::inline_always,
    reason = "kernels take on the instruction set of the function they are inlined into"
)]

mod arc;
mod double;
mod exp;
mod hyperbolic;
mod lanes;
mod log;
mod power;
mod reduction;
#[cfg(test)]
mod tests;
mod trig;

pub(crate) use lanes::{binary, has_binary, has_unary, sin_cos as sin_cos_lanes, unary};

use std::sync::OnceLock;

/// The kernels, to be inlined. Loops over them become vector instructions, but for sin, cos, tan and
/// `sin_cos`, which branch for huge angles: those have loops of their own in [`unary`] and
/// [`sin_cos_lanes`].
pub(crate) mod kernel {
    pub(crate) use super::arc::{acos, asin, atan, atan2};
    pub(crate) use super::exp::{exp, sigmoid};
    pub(crate) use super::hyperbolic::{cosh, sinh, tanh};
    pub(crate) use super::log::{ln, ln_1p, log_base, softplus};
    pub(crate) use super::power::powf;
    pub(crate) use super::trig::{cos, sin, sin_cos, tan};
}

/// The instructions that kernels are compiled for. A later one includes those before.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have the baseline alone")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cpu {
    /// Those of the target.
    Baseline,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, DQ, VL and BW as well.
    Avx512,
}

impl Cpu {
    /// What this processor has.
    #[inline]
    pub(crate) fn detect() -> Self {
        static DETECTED: OnceLock<Cpu> = OnceLock::new();
        *DETECTED.get_or_init(Self::probe)
    }

    /// All that can run on this processor.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        [Self::Baseline, Self::Avx2, Self::Avx512]
            .into_iter()
            .filter(|&cpu| cpu <= Self::detect())
            .collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn probe() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            _ => Self::Baseline,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn probe() -> Self {
        Self::Baseline
    }
}

/// Functions of numbers: the kernel, compiled for FMA where the processor has it.
macro_rules! scalars {
    ($($(#[doc = $doc:literal])+ $name:ident($($arg:ident),+) -> $result:ty;)*) => {$(
        $(#[doc = $doc])+
        #[inline]
        pub(crate) fn $name($($arg: f64),+) -> $result {
            #[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
            {
                #[target_feature(enable = "avx2,fma")]
                fn fused($($arg: f64),+) -> $result {
                    kernel::$name($($arg),+)
                }
                #[cold]
                #[inline(never)]
                fn plain($($arg: f64),+) -> $result {
                    kernel::$name($($arg),+)
                }
                if Cpu::detect() == Cpu::Baseline {
                    plain($($arg),+)
                } else {
                    // SAFETY: every level above the baseline has AVX2 and FMA.
                    unsafe { fused($($arg),+) }
                }
            }
            #[cfg(not(all(target_arch = "x86_64", not(target_feature = "fma"))))]
            kernel::$name($($arg),+)
        }
    )*};
}

scalars! {
    /// e^x.
    exp(x) -> f64;
    /// The natural logarithm.
    ln(x) -> f64;
    /// log(1 + x).
    ln_1p(x) -> f64;
    /// The logarithm of `a` to the base `b`.
    log_base(a, b) -> f64;
    /// 1 / (1 + e^-x).
    sigmoid(x) -> f64;
    /// log(1 + e^x), without overflow.
    softplus(x) -> f64;
    /// Sine of an angle in radians.
    sin(x) -> f64;
    /// Cosine of an angle in radians.
    cos(x) -> f64;
    /// Sine and cosine of an angle in radians.
    sin_cos(x) -> (f64, f64);
    /// Tangent of an angle in radians.
    tan(x) -> f64;
    /// Arc sine; NaN outside [-1, 1].
    asin(x) -> f64;
    /// Arc cosine; NaN outside [-1, 1].
    acos(x) -> f64;
    /// Arc tangent.
    atan(x) -> f64;
    /// The angle of the point (x, y).
    atan2(y, x) -> f64;
    /// Hyperbolic sine.
    sinh(x) -> f64;
    /// Hyperbolic cosine.
    cosh(x) -> f64;
    /// Hyperbolic tangent.
    tanh(x) -> f64;
    /// `x` to the power `y`, as C's pow.
    powf(x, y) -> f64;
}
