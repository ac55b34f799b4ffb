//! Multiply-adds out of multiplications and additions, against the instruction.
//!
//! **Invariants**
//! - Where the product neither over- nor underflows, they have the same bits.

use super::super::unfused::{fma, fma_below, product};
use proptest::prelude::*;

/// Doubles of all signs and mantissas, with exponents of so much at the most.
fn doubles(most: i32) -> impl Strategy<Value = f64> {
    (any::<bool>(), -most..=most, 0..1_u64 << 52).prop_map(|(negative, exponent, mantissa)| {
        let bits = ((1023 + i64::from(exponent)) as u64) << 52 | mantissa;
        let x = f64::from_bits(bits);
        if negative { -x } else { x }
    })
}

#[test]
fn zeros_and_infinities_are_those_of_the_instruction() {
    let all = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        3.5,
        1e300,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    for a in all {
        for b in all {
            for c in all {
                if (a * b).is_infinite() && a.is_finite() && b.is_finite() {
                    continue;
                }
                let (ours, theirs) = (fma(a, b, c), a.mul_add(b, c));
                let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
                assert!(same, "{a} * {b} + {c} is {ours}, not {theirs}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn sums_are_rounded_once(a in doubles(400), b in doubles(400), c in doubles(800), near in -110..60_i32) {
        for c in [c, 0.0, -(a * b), a * b * f64::powi(2.0, near), -a * b * f64::powi(2.0, near)] {
            prop_assert_eq!(fma(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{:e} {:e} {:e}", a, b, c);
        }
    }

    #[test]
    fn sums_with_a_larger_term_are_rounded_once(a in doubles(300), b in doubles(300), mantissa in 1.0..2.0_f64, near in 2..120_i32) {
        for c in [mantissa, -mantissa] {
            let c = a * b * c * f64::powi(2.0, near);
            prop_assert_eq!(fma_below(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{:e} {:e} {:e}", a, b, c);
        }
        let c = mantissa;
        for b in [0.0, -0.0] {
            prop_assert_eq!(fma_below(a, b, c).to_bits(), c.to_bits());
        }
    }

    #[test]
    fn few_bits_meet_ties(a in -4096..4096_i64, b in -4096..4096_i64, c in -4096..4096_i64, up in 0..80_i32, down in 0..120_i32) {
        let (a, b) = (a as f64, b as f64 * f64::powi(2.0, -down));
        let c = c as f64 * f64::powi(2.0, up - 40);
        prop_assert_eq!(fma(a, b, c).to_bits(), a.mul_add(b, c).to_bits());
    }

    #[test]
    fn products_are_exact(a in doubles(480), b in doubles(400)) {
        let (high, low) = product(a, b);
        prop_assert_eq!((high, low), (a * b, a.mul_add(b, -high)));
    }
}
