//! Kernels over lanes: loops, compiled once for each kind of processor.
//!
//! The right side of a row of `kernels!` goes in, and the loop over lanes comes out.
//!
//! **Invariants**
//! - A lane's result is that of the scalar function, to the bit, whatever the other lanes hold.
//! - Only what a row sends to its second kernel leaves the loop: all lanes go through the first, then
//!   those few are done again.

/// A loop over a kernel. The kernel is called by name, not passed: only so is it surely inlined, and
/// takes on the instructions of the function around it.
macro_rules! map {
    ($kernel:path, ($x:ident), ($out:ident)) => {
        for (out, &x) in $out.iter_mut().zip($x) {
            *out = $kernel(x);
        }
    };
    ($kernel:path, ($a:ident, $b:ident), ($out:ident)) => {
        for ((out, &a), &b) in $out.iter_mut().zip($a).zip($b) {
            *out = $kernel(a, b);
        }
    };
    ($kernel:path, ($x:ident), ($first:ident, $second:ident)) => {
        for ((first, second), &x) in $first.iter_mut().zip($second).zip($x) {
            (*first, *second) = $kernel(x);
        }
    };
}

/// The same where there are no fused multiply-adds: eight lanes at a time, so that they become vector
/// instructions without a copy of the kernel for what is left over; that, and the lanes of kernels that are
/// too long to stand there twice, are done as numbers are.
#[cfg(target_family = "wasm")]
macro_rules! with_instructions {
    ($cpu:ident, $name:ident, $kernel:path, ($x:ident), ($out:ident)) => {{
        let _ = $cpu;
        let (chunks, rest) = $x.as_chunks::<EIGHT>();
        let (outs, rest_out) = $out.as_chunks_mut::<EIGHT>();
        for (out, x) in outs.iter_mut().zip(chunks) {
            if const { lanes::is_inlined(stringify!($name)) } {
                for lane in 0..EIGHT {
                    out[lane] = $kernel(x[lane]);
                }
            } else {
                map!(super::$name, (x), (out));
            }
        }
        map!(super::$name, (rest), (rest_out));
    }};
    ($cpu:ident, $name:ident, $kernel:path, ($a:ident, $b:ident), ($out:ident)) => {{
        let _ = $cpu;
        map!(super::$name, ($a, $b), ($out));
    }};
    ($cpu:ident, $name:ident, $kernel:path, ($x:ident), ($first:ident, $second:ident)) => {{
        let _ = $cpu;
        let (chunks, rest) = $x.as_chunks::<EIGHT>();
        let (firsts, first_rest) = $first.as_chunks_mut::<EIGHT>();
        let (seconds, second_rest) = $second.as_chunks_mut::<EIGHT>();
        for ((first, second), x) in firsts.iter_mut().zip(seconds).zip(chunks) {
            for lane in 0..EIGHT {
                (first[lane], second[lane]) = $kernel(x[lane]);
            }
        }
        map!(super::$name, (rest), (first_rest, second_rest));
    }};
}

/// How many lanes stand together.
#[cfg(target_family = "wasm")]
pub(super) const EIGHT: usize = 8;

/// Whether the loop over lanes of a kernel of one argument has it inlined.
#[cfg(target_family = "wasm")]
pub(super) const fn is_inlined(name: &str) -> bool {
    const INLINED: [&str; 7] = ["exp", "ln", "sin", "cos", "tanh", "sigmoid", "softplus"];
    let mut index = 0;
    while index < INLINED.len() {
        let (known, name) = (INLINED[index].as_bytes(), name.as_bytes());
        let mut at = 0;
        while at < known.len() && at < name.len() && known[at] == name[at] {
            at += 1;
        }
        if at == known.len() && at == name.len() {
            return true;
        }
        index += 1;
    }
    false
}

/// Does the loop over a kernel with the instructions that the processor has.
#[cfg(not(target_family = "wasm"))]
macro_rules! with_instructions {
    ($cpu:ident, $name:ident, $kernel:path, ($($input:ident),+), ($($output:ident),+)) => {{
        #[inline(always)]
        fn body($($input: &[f64],)+ $($output: &mut [f64]),+) {
            map!($kernel, ($($input),+), ($($output),+));
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
        fn avx512($($input: &[f64],)+ $($output: &mut [f64]),+) {
            body($($input,)+ $($output),+);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($input: &[f64],)+ $($output: &mut [f64]),+) {
            body($($input,)+ $($output),+);
        }

        match $cpu.min(Cpu::detect()) {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was found to have these features.
            Cpu::Avx512 => unsafe { avx512($($input,)+ $($output),+) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was found to have these features.
            Cpu::Avx2 => unsafe { avx2($($input,)+ $($output),+) },
            _ => body($($input,)+ $($output),+),
        }
    }};
}

/// The second kernel of a row for one number; where numbers have their own copies of kernels, theirs.
macro_rules! beyond {
    ($name:ident, $second:path, $x:ident) => {{
        #[cfg(target_family = "wasm")]
        let result = super::$name($x);
        #[cfg(not(target_family = "wasm"))]
        let result = $second($x);
        result
    }};
}

/// The function of a row over lanes: it takes the processor, inputs and outputs.
macro_rules! over_lanes {
    ($name:ident($x:ident; $($output:ident),+) { if $near:path { $first:path } else { $second:path } }) => {
        pub(crate) fn $name(cpu: Cpu, $x: &[f64], $($output: &mut [f64]),+) {
            with_instructions!(cpu, $name, $first, ($x), ($($output),+));
            for (lane, x) in lanes::beyond($x, $near) {
                ($($output[lane]),+) = beyond!($name, $second, x);
            }
        }
    };
    ($name:ident($($input:ident),+; $($output:ident),+) { $kernel:path }) => {
        pub(crate) fn $name(cpu: Cpu, $($input: &[f64],)+ $($output: &mut [f64]),+) {
            with_instructions!(cpu, $name, $kernel, ($($input),+), ($($output),+));
        }
    };
}

/// The lanes that are not for the first of two kernels.
#[inline]
pub(super) fn beyond(x: &[f64], near: impl Fn(f64) -> bool) -> impl Iterator<Item = (usize, f64)> {
    let any = x.iter().fold(false, |any, &x| any | !near(x));
    let x = if any { x } else { &[] };
    let lanes = x.iter().copied().enumerate();
    lanes.filter(move |&(_, x)| !near(x))
}
