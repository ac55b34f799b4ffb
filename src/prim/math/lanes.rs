//! Kernels over lanes: loops, compiled once for each kind of processor.
//!
//! **Invariants**
//! - A lane's result is that of the scalar function, to the bit, whatever the other lanes hold.
//! - Only huge angles leave the loop: all lanes go through the fast path, then those few are done again.

use super::{Cpu, arc, exp, hyperbolic, log, power, trig};
use crate::prim::Prim;

/// A loop over a kernel. The kernel is called by name, not passed: only so is it surely inlined, and
/// takes on the instructions of the function around it.
macro_rules! map {
    ($kernel:path, $x:ident, $out:ident) => {
        for (out, &x) in $out.iter_mut().zip($x) {
            *out = $kernel(x);
        }
    };
    ($kernel:path, $a:ident, $b:ident, $out:ident) => {
        for ((out, &a), &b) in $out.iter_mut().zip($a).zip($b) {
            *out = $kernel(a, b);
        }
    };
}

/// Loops over a kernel: the public one takes the processor, the others are its instantiations.
macro_rules! loops {
    ($(fn $name:ident($($input:ident),+; $($output:ident),+) $body:block)*) => {$(
        fn $name(cpu: Cpu, $($input: &[f64],)+ $($output: &mut [f64]),+) {
            #[inline(always)]
            fn body($($input: &[f64],)+ $($output: &mut [f64]),+) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
                fn avx512($($input: &[f64],)+ $($output: &mut [f64]),+) {
                    body($($input,)+ $($output),+);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($input: &[f64],)+ $($output: &mut [f64]),+) {
                    body($($input,)+ $($output),+);
                }
                match cpu.min(Cpu::detect()) {
                    // SAFETY: the processor was found to have these features.
                    Cpu::Avx512 => return unsafe { avx512($($input,)+ $($output),+) },
                    // SAFETY: the processor was found to have these features.
                    Cpu::Avx2 => return unsafe { avx2($($input,)+ $($output),+) },
                    Cpu::Baseline => {}
                }
            }
            let _ = cpu;
            body($($input,)+ $($output),+);
        }
    )*};
}

loops! {
    fn exp_of(x; out) { map!(exp::exp, x, out); }
    fn ln_of(x; out) { map!(log::ln, x, out); }
    fn sigmoid_of(x; out) { map!(exp::sigmoid, x, out); }
    fn softplus_of(x; out) { map!(log::softplus, x, out); }
    fn sin_near(x; out) { map!(trig::sin_near, x, out); }
    fn cos_near(x; out) { map!(trig::cos_near, x, out); }
    fn tan_near(x; out) { map!(trig::tan_near, x, out); }
    fn sin_cos_near(x; sin, cos) {
        for ((sin, cos), &x) in sin.iter_mut().zip(cos).zip(x) {
            (*sin, *cos) = trig::sin_cos_near(x);
        }
    }
    fn asin_of(x; out) { map!(arc::asin, x, out); }
    fn acos_of(x; out) { map!(arc::acos, x, out); }
    fn atan_of(x; out) { map!(arc::atan, x, out); }
    fn sinh_of(x; out) { map!(hyperbolic::sinh, x, out); }
    fn cosh_of(x; out) { map!(hyperbolic::cosh, x, out); }
    fn tanh_of(x; out) { map!(hyperbolic::tanh, x, out); }
    fn atan2_of(y, x; out) { map!(arc::atan2, y, x, out); }
    fn log_base_of(a, b; out) { map!(log::log_base, a, b, out); }
    fn powf_of(x, y; out) { map!(power::powf, x, y, out); }
}

/// The lanes whose angle is too large for the fast path.
fn far(x: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    let any = x.iter().fold(false, |any, &x| any | !trig::is_near(x));
    let x = if any { x } else { &[] };
    x.iter()
        .copied()
        .enumerate()
        .filter(|&(_, x)| !trig::is_near(x))
}

/// Whether [`unary`] has the row.
pub(crate) fn has_unary(prim: Prim) -> bool {
    use Prim::{Acos, Asin, Atan, Cos, Cosh, Exp, Ln, Sigmoid, Sin, Sinh, Softplus, Tan, Tanh};
    matches!(
        prim,
        Exp | Ln | Sigmoid | Softplus | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Tanh
    )
}

/// Whether [`binary`] has the row.
pub(crate) fn has_binary(prim: Prim) -> bool {
    matches!(prim, Prim::Atan2 | Prim::LogBase | Prim::Pow)
}

/// A mathematical row of one argument, lane by lane.
///
/// # Panics
///
/// If the row is not among them.
pub(crate) fn unary(prim: Prim, cpu: Cpu, x: &[f64], out: &mut [f64]) {
    match prim {
        Prim::Exp => exp_of(cpu, x, out),
        Prim::Ln => ln_of(cpu, x, out),
        Prim::Sigmoid => sigmoid_of(cpu, x, out),
        Prim::Softplus => softplus_of(cpu, x, out),
        Prim::Sin => {
            sin_near(cpu, x, out);
            far(x).for_each(|(i, x)| out[i] = trig::sin_cos_far(x).0);
        }
        Prim::Cos => {
            cos_near(cpu, x, out);
            far(x).for_each(|(i, x)| out[i] = trig::sin_cos_far(x).1);
        }
        Prim::Tan => {
            tan_near(cpu, x, out);
            far(x).for_each(|(i, x)| out[i] = trig::tan_far(x));
        }
        Prim::Asin => asin_of(cpu, x, out),
        Prim::Acos => acos_of(cpu, x, out),
        Prim::Atan => atan_of(cpu, x, out),
        Prim::Sinh => sinh_of(cpu, x, out),
        Prim::Cosh => cosh_of(cpu, x, out),
        Prim::Tanh => tanh_of(cpu, x, out),
        _ => panic!("`{prim}` has no kernel of one argument"),
    }
}

/// A mathematical row of two arguments, lane by lane.
///
/// # Panics
///
/// If the row is not among them.
pub(crate) fn binary(prim: Prim, cpu: Cpu, a: &[f64], b: &[f64], out: &mut [f64]) {
    match prim {
        Prim::Atan2 => atan2_of(cpu, a, b, out),
        Prim::LogBase => log_base_of(cpu, a, b, out),
        Prim::Pow => powf_of(cpu, a, b, out),
        _ => panic!("`{prim}` has no kernel of two arguments"),
    }
}

/// Sines and cosines, lane by lane.
pub(crate) fn sin_cos(cpu: Cpu, x: &[f64], sin: &mut [f64], cos: &mut [f64]) {
    sin_cos_near(cpu, x, sin, cos);
    far(x).for_each(|(i, x)| (sin[i], cos[i]) = trig::sin_cos_far(x));
}
