//! The functions of mathematics: one implementation of each for one number and for many lanes.
//!
//! A row of [`kernels!`] goes in; its function of numbers ([`exp()`] …), its loop over lanes
//! ([`unary`], [`binary`]) and, in test builds, a variant of `Kernel` come out, which the tests judge.
//!
//! A row reads `Variant = name(arguments) serves Row, within ulp { kernel }`, where `serves` names the
//! row of the primitive table that has its values from it, if there is one. A kernel is plain code over
//! doubles without branches and tables, so that a loop over it becomes vector instructions. Where some
//! arguments need another method, `{ if near { first } else { second } }`: all lanes go through the
//! first kernel, and those that are not near then one by one through the second.
//!
//! **Invariants**
//! - One kernel, one row: no other list of kernels exists.
//! - Results are equal to the bit on every processor and in every lane: kernels are made of IEEE
//!   operations, and fused multiply-adds stand where they are written and nowhere else.
//! - Results are less than `within` units of the last place off, at most 2, wherever the argument is;
//!   NaN gives NaN, and zeros, poles and infinities are those of IEEE 754 and C.

#![allow(
    clippy::inline_always,
    reason = "kernels take on the instruction set of the function they are inlined into"
)]
#![cfg_attr(
    target_family = "wasm",
    allow(
        dead_code,
        reason = "there, most kernels are used as `called` has them"
    )
)]

mod arc;
mod area;
#[cfg(target_family = "wasm")]
mod called;
mod cpu;
mod double;
mod exp;
mod gamma;
mod hyperbolic;
#[macro_use]
mod lanes;
mod log;
mod normal;
mod polygamma;
mod power;
mod reduction;
mod reflection;
mod root;
mod sinc;
mod sums;
#[cfg(test)]
mod tests;
mod trig;
mod unfused;

pub(crate) use cpu::Cpu;
pub(crate) use over_lanes::sin_cos as sin_cos_lanes;

use super::Prim;

/// A loop over lanes of one input.
pub(crate) type Unary = fn(Cpu, &[f64], &mut [f64]);

/// A loop over lanes of two inputs.
pub(crate) type Binary = fn(Cpu, &[f64], &[f64], &mut [f64]);

/// What a row computes of numbers.
macro_rules! value {
    (($x:ident) { if $near:path { $first:path } else { $second:path } }) => {
        if $near($x) { $first($x) } else { $second($x) }
    };
    (($($x:ident),+) { $kernel:path }) => {
        $kernel($($x),+)
    };
}

/// The function of a row for numbers: the kernel, compiled for FMA where the processor has it. Where no
/// processor has it kernels are long, and stand in one place.
macro_rules! number {
    ($(#[doc = $doc:literal])+ $name:ident($($x:ident),+) -> $result:tt $kernel:tt) => {
        $(#[doc = $doc])+
        #[cfg_attr(target_family = "wasm", inline(never))]
        #[cfg_attr(not(target_family = "wasm"), inline)]
        pub(crate) fn $name($($x: f64),+) -> $result {
            #[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
            {
                #[target_feature(enable = "avx2,fma")]
                fn fused($($x: f64),+) -> $result {
                    value!(($($x),+) $kernel)
                }
                #[cold]
                #[inline(never)]
                fn plain($($x: f64),+) -> $result {
                    value!(($($x),+) $kernel)
                }
                if Cpu::detect() == Cpu::Baseline {
                    plain($($x),+)
                } else {
                    // SAFETY: every level above the baseline has AVX2 and FMA.
                    unsafe { fused($($x),+) }
                }
            }
            #[cfg(not(all(target_arch = "x86_64", not(target_feature = "fma"))))]
            value!(($($x),+) $kernel)
        }
    };
}

macro_rules! kernels {
    (
        unary { $($(#[doc = $udoc:literal])+ $U:ident = $uname:ident($ux:ident) $(serves $urow:ident)?,
            within $uwithin:literal $ukernel:tt)* }
        binary { $($(#[doc = $bdoc:literal])+ $B:ident = $bname:ident($bx:ident, $by:ident) $(serves $brow:ident)?,
            within $bwithin:literal $bkernel:tt)* }
        pair { $($(#[doc = $pdoc:literal])+ $P:ident, $Q:ident = $pname:ident($px:ident),
            within $pwithin:literal $pkernel:tt)* }
    ) => {
        /// The rows' functions of numbers.
        mod of_numbers {
            #[cfg(target_family = "wasm")]
            #[allow(
                clippy::wildcard_imports,
                reason = "rows name kernels from where the table stands"
            )]
            use super::called::*;
            #[cfg(not(target_family = "wasm"))]
            #[allow(
                clippy::wildcard_imports,
                reason = "rows name kernels from where the table stands"
            )]
            use super::*;

            $(number! { $(#[doc = $udoc])+ $uname($ux) -> f64 $ukernel })*
            $(number! { $(#[doc = $bdoc])+ $bname($bx, $by) -> f64 $bkernel })*
            $(number! { $(#[doc = $pdoc])+ $pname($px) -> (f64, f64) $pkernel })*
        }

        pub(crate) use of_numbers::{$($uname,)* $($bname,)* $($pname),*};

        /// The rows' loops over lanes.
        #[cfg_attr(
            not(test),
            allow(dead_code, reason = "a kernel that serves no row is for numbers alone")
        )]
        mod over_lanes {
            #[allow(
                clippy::wildcard_imports,
                reason = "rows name kernels from where the table stands"
            )]
            use super::*;
            #[cfg(target_family = "wasm")]
            use lanes::EIGHT;

            $(over_lanes! { $uname($ux; out) $ukernel })*
            $(over_lanes! { $bname($bx, $by; out) $bkernel })*
            $(over_lanes! { $pname($px; first, second) $pkernel })*
        }

        /// The loop over lanes of a row of the primitive table with one argument, if a kernel serves it.
        #[inline]
        pub(crate) fn unary(row: Prim) -> Option<Unary> {
            match row {
                $($(Prim::$urow => Some(over_lanes::$uname),)?)*
                _ => None,
            }
        }

        /// The loop over lanes of a row of the primitive table with two arguments, if a kernel serves it.
        #[inline]
        pub(crate) fn binary(row: Prim) -> Option<Binary> {
            match row {
                $($(Prim::$brow => Some(over_lanes::$bname),)?)*
                _ => None,
            }
        }

        /// A row, for those who judge it. A kernel that gives two numbers is two of them.
        #[cfg(test)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kernel {
            $($(#[doc = $udoc])+ $U,)*
            $($(#[doc = $bdoc])+ $B,)*
            $($(#[doc = $pdoc])+ $P, $(#[doc = $pdoc])+ $Q,)*
        }

        #[cfg(test)]
        impl Kernel {
            /// All rows, in the order of the table.
            pub(crate) const ALL: &'static [Self] =
                &[$(Self::$U,)* $(Self::$B,)* $(Self::$P, Self::$Q,)*];

            /// The function's name.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$U => stringify!($uname),)*
                    $(Self::$B => stringify!($bname),)*
                    $(Self::$P | Self::$Q => stringify!($pname),)*
                }
            }

            /// How many arguments it takes.
            pub(crate) fn arguments(self) -> usize {
                match self {
                    $(Self::$B => 2,)*
                    _ => 1,
                }
            }

            /// The row of the primitive table that it serves.
            pub(crate) fn serves(self) -> Option<Prim> {
                match self {
                    $($(Self::$U => Some(Prim::$urow),)?)*
                    $($(Self::$B => Some(Prim::$brow),)?)*
                    _ => None,
                }
            }

            /// How many units of the last place it may be off.
            pub(crate) fn within(self) -> f64 {
                match self {
                    $(Self::$U => $uwithin,)*
                    $(Self::$B => $bwithin,)*
                    $(Self::$P | Self::$Q => $pwithin,)*
                }
            }

            /// The function of numbers; one of one argument ignores the second.
            pub(crate) fn number(self, a: f64, b: f64) -> f64 {
                match self {
                    $(Self::$U => $uname(a),)*
                    $(Self::$B => $bname(a, b),)*
                    $(Self::$P => $pname(a).0, Self::$Q => $pname(a).1,)*
                }
            }

            /// The same by the target's instructions alone.
            pub(crate) fn plain(self, a: f64, b: f64) -> f64 {
                match self {
                    $(Self::$U => value!((a) $ukernel),)*
                    $(Self::$B => value!((a, b) $bkernel),)*
                    $(Self::$P => value!((a) $pkernel).0, Self::$Q => value!((a) $pkernel).1,)*
                }
            }

            /// The function over lanes.
            pub(crate) fn lanes(self, cpu: Cpu, a: &[f64], b: &[f64]) -> Vec<f64> {
                let mut out = vec![0.0; a.len()];
                match self {
                    $(Self::$U => over_lanes::$uname(cpu, a, &mut out),)*
                    $(Self::$B => over_lanes::$bname(cpu, a, b, &mut out),)*
                    $(
                        Self::$P => over_lanes::$pname(cpu, a, &mut out, &mut vec![0.0; a.len()]),
                        Self::$Q => over_lanes::$pname(cpu, a, &mut vec![0.0; a.len()], &mut out),
                    )*
                }
                out
            }
        }
    };
}

#[rustfmt::skip]
kernels! {
    unary {
        /// e^x.
        Exp = exp(x) serves Exp, within 1.0 { exp::exp }
        /// The natural logarithm.
        Ln = ln(x) serves Ln, within 1.0 { log::ln }
        /// log(1 + x).
        Ln1p = ln_1p(x) serves Log1p, within 1.0 { log::ln_1p }
        /// 1 / (1 + e^-x).
        Sigmoid = sigmoid(x) serves Sigmoid, within 1.0 { exp::sigmoid }
        /// The slope of 1 / (1 + e^-x).
        SigmoidSlope = sigmoid_slope(x) serves SigmoidSlope, within 1.0 { exp::sigmoid_slope }
        /// log(1 + e^x), without overflow.
        Softplus = softplus(x) serves Softplus, within 1.0 { log::softplus }
        /// Sine of an angle in radians.
        Sin = sin(x) serves Sin, within 1.0 { if trig::is_near { trig::sin_near } else { trig::sin_far } }
        /// Cosine of an angle in radians.
        Cos = cos(x) serves Cos, within 1.0 { if trig::is_near { trig::cos_near } else { trig::cos_far } }
        /// Tangent of an angle in radians.
        Tan = tan(x) serves Tan, within 1.0 { if trig::is_near { trig::tan_near } else { trig::tan_far } }
        /// Arc sine; NaN outside [-1, 1].
        Asin = asin(x) serves Asin, within 1.0 { arc::asin }
        /// Arc cosine; NaN outside [-1, 1].
        Acos = acos(x) serves Acos, within 1.0 { arc::acos }
        /// Arc tangent.
        Atan = atan(x) serves Atan, within 1.0 { arc::atan }
        /// Hyperbolic sine.
        Sinh = sinh(x) serves Sinh, within 1.0 { hyperbolic::sinh }
        /// Hyperbolic cosine.
        Cosh = cosh(x) serves Cosh, within 1.0 { hyperbolic::cosh }
        /// Hyperbolic tangent.
        Tanh = tanh(x) serves Tanh, within 1.0 { hyperbolic::tanh }
        /// e^x - 1.
        Expm1 = expm1(x) serves Expm1, within 1.0 { exp::expm1 }
        /// 2^x.
        Exp2 = exp2(x) serves Exp2, within 1.0 { exp::exp2 }
        /// The logarithm to the base 2.
        Log2 = log2(x) serves Log2, within 1.0 { log::log2 }
        /// The logarithm to the base 10.
        Log10 = log10(x) serves Log10, within 1.0 { log::log10 }
        /// log(1 - e^x); NaN above 0.
        Log1mexp = log1mexp(x) serves Log1mexp, within 1.5 { log::log1mexp }
        /// log(p / (1 - p)); NaN outside [0, 1].
        Logit = logit(p) serves Logit, within 1.0 { log::logit }
        /// log(1 / (1 + e^-x)).
        LogSigmoid = log_sigmoid(x) serves LogSigmoid, within 1.5 { log::log_sigmoid }
        /// Inverse hyperbolic sine.
        Asinh = asinh(x) serves Asinh, within 1.5 { area::asinh }
        /// Inverse hyperbolic cosine; NaN below 1.
        Acosh = acosh(x) serves Acosh, within 1.5 { area::acosh }
        /// Inverse hyperbolic tangent; NaN outside [-1, 1].
        Atanh = atanh(x) serves Atanh, within 1.5 { area::atanh }
        /// Cube root.
        Cbrt = cbrt(x) serves Cbrt, within 1.0 { root::cbrt }
        /// sin(x) / x; 1 at 0.
        Sinc = sinc(x) serves Sinc, within 1.0 { if trig::is_near { sinc::sinc_near } else { sinc::sinc_far } }
        /// The derivative of sin(x) / x.
        SincSlope = sinc_slope(x) serves SincSlope, within 1.5 { if trig::is_near { sinc::slope_near } else { sinc::slope_far } }
        /// The error function.
        Erf = erf(x) serves Erf, within 1.0 { normal::erf }
        /// 1 less the error function, without cancellation.
        Erfc = erfc(x) serves Erfc, within 1.5 { normal::erfc }
        /// e^(-x²).
        Gauss = gauss(x) serves Gauss, within 1.0 { normal::gauss }
        /// The logarithm of the standard normal distribution function.
        LogNormalCdf = log_normal_cdf(x) serves LogNormalCdf, within 1.5 { normal::log_normal_cdf }
        /// The slope of that.
        Mills = mills(x) serves Mills, within 1.5 { normal::mills }
        /// What the slope is above -x.
        MillsExcess = mills_excess(x) serves MillsExcess, within 2.0 { normal::mills_excess }
        /// log |Γ(x)|.
        Lgamma = lgamma(x) serves Lgamma, within 1.5 { if gamma::is_above { gamma::lgamma_above } else { reflection::lgamma_below } }
        /// The derivative of that.
        Digamma = digamma(x) serves Digamma, within 1.5 { if gamma::is_above { gamma::digamma_above } else { reflection::digamma_below } }
        /// The derivative of that.
        Trigamma = trigamma(x) serves Trigamma, within 1.5 { if gamma::is_above { gamma::trigamma_above } else { reflection::trigamma_below } }
    }
    binary {
        /// The angle of the point (x, y).
        Atan2 = atan2(y, x) serves Atan2, within 1.0 { arc::atan2 }
        /// The logarithm of `a` to the base `b`.
        LogBase = log_base(a, b) serves LogBase, within 1.0 { log::log_base }
        /// `x` to the power `y`, as C's pow.
        Powf = powf(x, y) serves Pow, within 1.0 { power::powf }
        /// √(x² + y²), without overflow.
        Hypot = hypot(x, y) serves Hypot, within 1.0 { root::hypot }
        /// log B(a, b); NaN below 0.
        Lbeta = lbeta(a, b) serves Lbeta, within 2.0 { gamma::lbeta }
        /// The derivative of an order of the digamma function.
        Polygamma = polygamma(n, x) serves Polygamma, within 2.0 { polygamma::polygamma }
    }
    pair {
        /// Sine and cosine of an angle in radians.
        SinOfBoth, CosOfBoth = sin_cos(x), within 1.0 { if trig::is_near { trig::sin_cos_near } else { trig::sin_cos_far } }
    }
}
