//! The instructions that kernels are compiled for, and which of them this processor has.
//!
//! **Invariants**
//! - A level says no more than what was found on the processor, so code for it may be called.

use std::sync::OnceLock;

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
