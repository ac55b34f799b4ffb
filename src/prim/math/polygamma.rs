//! The derivatives of the trigamma function, which the rules of its family name; one number at a time.
//!
//! Above 0, `ψₙ(x) = (-1)^(n+1) n! (1/x^(n+1) + 1/(x + 1)^(n+1) + …)`: terms up to 20, and the rest by Euler's
//! and Maclaurin's formula. All terms have one sign, so nothing cancels. Below, by the derivatives of the
//! cotangent, polynomials of the cotangent itself.
//!
//! **Invariants**
//! - Orders are whole numbers from 2 to [`LAST`]; others give NaN.
//! - At 0 and at negative whole numbers it is NaN for even orders, whose sides differ, and infinite for odd
//!   ones.

use super::double::{plus, quotient, sum, times};
use super::gamma::Pair;
use super::reflection::{PI, cotangent};

/// The largest order.
const LAST: f64 = 8.0;

/// Bernoulli's numbers over factorials, B₂/2!, B₄/4! and so on.
const EULER: [f64; 10] = [
    0.083_333_333_333_333_33,
    -0.001_388_888_888_888_889,
    3.306_878_306_878_307e-5,
    -8.267_195_767_195_768e-7,
    2.087_675_698_786_81e-8,
    -5.284_190_138_687_493e-10,
    1.338_253_653_068_467_9e-11,
    -3.389_680_296_322_582_7e-13,
    8.586_062_056_277_845e-15,
    -2.174_868_698_558_062e-16,
];

/// 1/z to a power.
fn power(z: Pair, exponent: u32) -> Pair {
    let inverse = quotient((1.0, 0.0), z);
    (1..exponent).fold(inverse, |power, _| times(power, inverse))
}

/// A number by a power of x, rounded once where the pairs have room.
fn over(number: f64, x: f64, exponent: u32) -> f64 {
    let rounded = (0..exponent).fold(number, |value, _| value / x);
    if !(1e-250..1e250).contains(&rounded.abs()) {
        return rounded;
    }
    let (high, low) = times(power((x, 0.0), exponent), (number, 0.0));
    high + low
}

/// The sum of `1/(x + k)^s` over all k from 0, of x from 1e-25 to 1e25.
fn zeta(s: u32, x: f64) -> Pair {
    let mut total = (0.0, 0.0);
    let mut k = 0.0;
    while x + k < 20.0 {
        total = plus(total, power(sum(x, k), s));
        k += 1.0;
    }
    let z = sum(x, k);
    let inverse = quotient((1.0, 0.0), z);
    let first = power(z, s);
    // The integral, half the first term, and Bernoulli's terms, small beside both.
    let integral = times(quotient(z, (f64::from(s - 1), 0.0)), first);
    let half = (0.5 * first.0, 0.5 * first.1);
    let mut factor = f64::from(s) * inverse.0 * first.0;
    let mut later = 0.0;
    let mut next = f64::from(s);
    for term in EULER {
        later += term * factor;
        factor *= (next + 1.0) * (next + 2.0) * inverse.0 * inverse.0;
        next += 2.0;
    }
    plus(plus(total, integral), plus(half, (later, 0.0)))
}

/// `n!` times [`zeta`] of order n.
fn above(n: u32, x: f64) -> Pair {
    let factorial = (1..=n).fold(1.0, |product, k| product * f64::from(k));
    times(zeta(n + 1, x), (factorial, 0.0))
}

/// `-π` times the n-th derivative of cot πx: `-π^(n+1) pₙ(cot πx)` with `p₀ = c`, `pₙ₊₁ = -(1 + c²) pₙ'`.
fn turn(n: u32, x: f64) -> Pair {
    let mut p = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; p.len() + 1];
        for (k, &coefficient) in p.iter().enumerate().skip(1) {
            let slope = k as f64 * coefficient;
            next[k - 1] -= slope;
            next[k + 1] -= slope;
        }
        p = next;
    }
    let c = cotangent(x);
    let horner = |sum, &coefficient: &f64| plus(times(sum, c), (coefficient, 0.0));
    let value = p.iter().rev().fold((0.0, 0.0), horner);
    let value = (0..=n).fold(value, |value, _| times(value, PI));
    (-value.0, -value.1)
}

/// The derivative of an order of the digamma function.
#[cold]
#[inline(never)]
pub(crate) fn polygamma(order: f64, x: f64) -> f64 {
    if !(2.0..=LAST).contains(&order) || order.floor() != order || x.is_nan() {
        return f64::NAN;
    }
    let n = order as u32;
    let odd = n % 2 == 1;
    let sign = if odd { 1.0 } else { -1.0 };
    if x == f64::NEG_INFINITY || (x <= 0.0 && x.floor() == x) {
        let pole = odd && x > f64::NEG_INFINITY;
        return if pole { f64::INFINITY } else { f64::NAN };
    }
    let factorial = |last: u32| (1..=last).fold(1.0, |product, k| product * f64::from(k));
    // Next to 0 the first term is all, next to infinity the integral.
    if x.abs() < 1e-25 {
        return sign * over(factorial(n), x, n + 1);
    }
    if x > 1e25 {
        return sign * over(factorial(n - 1), x, n);
    }
    if x > 0.0 {
        let (high, low) = above(n, x);
        return sign * (high + low);
    }
    // The argument 1 - x is large wherever its rounding counts little.
    let reflected = above(n, 1.0 - x);
    let (high, low) = plus(turn(n, x), (-reflected.0, -reflected.1));
    high + low
}
