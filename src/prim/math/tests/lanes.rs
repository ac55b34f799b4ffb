//! Lanes against numbers to the bit on every processor that can be had.

use super::super::{self as math, Cpu, binary, kernel, sin_cos_lanes, unary};
use super::{Random, random, same};
use crate::prim::Prim;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Arguments of all kinds, special ones too.
fn mixed(random: &mut Random) -> f64 {
    const SPECIAL: [f64; 12] = [
        0.0,
        -0.0,
        INF,
        -INF,
        NAN,
        1.0,
        -1.0,
        f64::MAX,
        5e-324,
        1e300,
        -1e22,
        f64::MIN_POSITIVE,
    ];
    match random.below(6) {
        0 => SPECIAL[random.below(12) as usize],
        1 => f64::from_bits(random.bits()),
        _ => random.number(),
    }
}

#[test]
fn lanes_are_equal_to_numbers_to_the_bit() {
    let mut random = random();
    for length in 1..=70 {
        let a: Vec<f64> = (0..length).map(|_| mixed(&mut random)).collect();
        let b: Vec<f64> = (0..length).map(|_| mixed(&mut random)).collect();
        for cpu in Cpu::available() {
            let agree = |name: &str, f: &dyn Fn(f64, f64) -> f64, out: &[f64]| {
                for ((&a, &b), &lane) in a.iter().zip(&b).zip(out) {
                    let number = f(a, b);
                    assert!(
                        same(number, lane),
                        "{name} of {a:e}, {b:e} on {cpu:?} is {lane:e}, alone {number:e}"
                    );
                }
            };
            let mut out = vec![0.0; length];
            let mut other = vec![0.0; length];
            for (prim, fused, plain) in UNARY {
                unary(prim, cpu, &a, &mut out);
                agree(prim.name(), &|a, _| fused(a), &out);
                agree(prim.name(), &|a, _| plain(a), &out);
            }
            for (prim, fused, plain) in BINARY {
                binary(prim, cpu, &a, &b, &mut out);
                agree(prim.name(), &fused, &out);
                agree(prim.name(), &plain, &out);
            }
            sin_cos_lanes(cpu, &a, &mut out, &mut other);
            agree("sin", &|a, _| math::sin(a), &out);
            agree("cos", &|a, _| math::cos(a), &other);
            agree("sin of both", &|a, _| math::sin_cos(a).0, &out);
            agree("cos of both", &|a, _| kernel::sin_cos(a).1, &other);
        }
    }
}

type Unary = (Prim, fn(f64) -> f64, fn(f64) -> f64);
type Binary = (Prim, fn(f64, f64) -> f64, fn(f64, f64) -> f64);

/// Rows, their functions of numbers, and the same functions for the baseline.
const UNARY: [Unary; 13] = [
    (Prim::Exp, math::exp, kernel::exp),
    (Prim::Ln, math::ln, kernel::ln),
    (Prim::Sin, math::sin, kernel::sin),
    (Prim::Cos, math::cos, kernel::cos),
    (Prim::Tan, math::tan, kernel::tan),
    (Prim::Asin, math::asin, kernel::asin),
    (Prim::Acos, math::acos, kernel::acos),
    (Prim::Atan, math::atan, kernel::atan),
    (Prim::Sinh, math::sinh, kernel::sinh),
    (Prim::Cosh, math::cosh, kernel::cosh),
    (Prim::Tanh, math::tanh, kernel::tanh),
    (Prim::Sigmoid, math::sigmoid, kernel::sigmoid),
    (Prim::Softplus, math::softplus, kernel::softplus),
];

const BINARY: [Binary; 3] = [
    (Prim::Atan2, math::atan2, kernel::atan2),
    (Prim::LogBase, math::log_base, kernel::log_base),
    (Prim::Pow, math::powf, kernel::powf),
];
