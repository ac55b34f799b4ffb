//! What all kernels are made of: fused multiply-add, whole numbers and powers of two by the bits of
//! doubles, and sums that keep what they round off.
//!
//! **Invariants**
//! - Nothing here branches, converts between integers and doubles or reads memory, so that a loop
//!   over lanes becomes vector instructions of every x86-64 level.
//! - A pair of doubles `(high, low)` means their exact sum.

pub(super) use super::sums::{quick_sum, sum};
use super::unfused;

/// 1.5 · 2^52: adding it rounds a double below 2^51 to a whole number, which the low bits then hold
/// in two's complement.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// The bits of 1.
pub(super) const ONE: u64 = 0x3ff0_0000_0000_0000;

/// Whether the target may have an instruction for `a * b + c`. WebAssembly has none, and what stands in for
/// it there is fifty times a multiplication.
const FUSED: bool = !cfg!(target_family = "wasm");

/// `a * b + c`, rounded once.
#[inline(always)]
pub(super) fn fma(a: f64, b: f64, c: f64) -> f64 {
    if FUSED {
        a.mul_add(b, c)
    } else {
        unfused::fma(a, b, c)
    }
}

/// The same where the product is no more than half of `c`, which is neither 0 nor near overflow: that takes
/// three quarters of the operations where there is no instruction. Among lanes there may be others, of
/// arguments that go another way: nobody takes what they come to.
#[inline(always)]
pub(super) fn fma_below(a: f64, b: f64, c: f64) -> f64 {
    if FUSED {
        a.mul_add(b, c)
    } else {
        unfused::fma_below(a, b, c)
    }
}

/// `a * b + c`, rounded once, where `a * b` is a double: a sum of its own has the same bits then, and comes
/// later where there is an instruction for both.
#[inline(always)]
pub(super) fn fma_exact(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `a * b + c`, rounded once, where `c` often is known to be 0: the product alone is rounded once without more
/// ado.
#[inline(always)]
pub(super) fn fma_or_product(a: f64, b: f64, c: f64) -> f64 {
    if !FUSED && c.to_bits() == 0 {
        a * b + 0.0
    } else {
        fma(a, b, c)
    }
}

/// `a - q * b`, rounded once, where `q` is `a / b` to a few units of its last place, `b` in no more than
/// as many below the half of `a`, or `q` is 0: `a` less the rounded product is exact then.
#[inline(always)]
pub(super) fn remainder(a: f64, q: f64, b: f64) -> f64 {
    if FUSED {
        fma(-q, b, a)
    } else {
        let (high, low) = product(q, b);
        (a - high) - low
    }
}

/// The nearest whole number of `x` below 2^51, and bits that hold it modulo 2^51.
#[inline(always)]
pub(super) fn whole(x: f64) -> (f64, u64) {
    let shifted = x + WHOLE;
    (shifted - WHOLE, shifted.to_bits())
}

/// 2^n of a whole number from -1022 to 1023.
#[inline(always)]
pub(super) fn power_of_two(n: f64) -> f64 {
    f64::from_bits(((n + WHOLE).to_bits() << 52).wrapping_add(ONE))
}

/// `y` · 2^n of a whole number from -2044 to 2046, rounded once if `y` is near 1.
#[inline(always)]
pub(super) fn scale(y: f64, n: f64) -> f64 {
    let (half, bits) = whole(n * 0.5);
    let first = f64::from_bits((bits << 52).wrapping_add(ONE));
    y * first * power_of_two(n - half)
}

/// `x` where it is between two bounds, else the nearer bound; NaN stays.
#[inline(always)]
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// A polynomial by one of the multiply-adds.
macro_rules! horner {
    (@ $fma:ident, $square:ident, $coefficients:ident, $last:ident, $before:ident, $i:ident,
        [$($step:literal)*]) => {$(
        if N >= $step {
            $i -= 2;
            $last = $fma($last, $square, $coefficients[$i + 1]);
            $before = $fma($before, $square, $coefficients[$i]);
        }
    )*};
    ($fma:ident, $x:ident, $coefficients:ident) => {{
        let square = $x * $x;
        let (mut last, mut before) = ($coefficients[N - 1], $coefficients[N - 2]);
        let mut i = N - 2;
        // Written out: where a multiply-add is forty operations, loops over them stay loops, and what has
        // loops in it becomes no vector instructions.
        horner!(@ $fma, square, $coefficients, last, before, i,
            [4 6 8 10 12 14 16 18 20 22 24 26 28 30 32]);
        const { assert!(N < 34, "the steps written out are too few") };
        if i == 1 {
            // An odd count: the constant stands alone.
            $fma($x, $fma(last, $x, before), $coefficients[0])
        } else {
            $fma(last, $x, before)
        }
    }};
}

/// The exact product of `a` and `b`, if it neither over- nor underflows.
#[inline(always)]
pub(super) fn product(a: f64, b: f64) -> (f64, f64) {
    if FUSED {
        let product = a * b;
        (product, fma(a, b, -product))
    } else {
        unfused::product(a, b)
    }
}

/// The quotient of two pairs as an unevaluated pair; `b` neither subnormal nor near overflow.
#[inline(always)]
pub(super) fn quotient(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let inverse = 1.0 / b.0;
    let quotient = a.0 * inverse;
    let rest = remainder(a.0, quotient, b.0) + fma(-quotient, b.1, a.1);
    (quotient, rest * inverse)
}

/// The polynomial of `x` with the given coefficients, the constant one first: the even terms and the
/// odd ones side by side, which halves the chain of operations that wait for each other.
#[inline(always)]
pub(super) fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    horner!(fma, x, coefficients)
}

/// The same where all that follows a coefficient is no more than half of it, for every `x` there is.
#[inline(always)]
pub(super) fn falling<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    horner!(fma_below, x, coefficients)
}

/// The magnitude of `x` with the sign of `sign`.
#[inline(always)]
pub(super) fn with_sign(x: f64, sign: f64) -> f64 {
    const SIGN: u64 = 1 << 63;
    f64::from_bits((x.to_bits() & !SIGN) | (sign.to_bits() & SIGN))
}

/// The product of two pairs as a pair, if nothing over- or underflows.
#[inline(always)]
pub(super) fn times(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let (high, low) = product(a.0, b.0);
    quick_sum(high, fma(a.0, b.1, fma(a.1, b.0, low)))
}

/// The sum of two pairs as a pair, relative to the larger.
#[inline(always)]
pub(super) fn plus(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let (high, low) = sum(a.0, b.0);
    quick_sum(high, low + (a.1 + b.1))
}
