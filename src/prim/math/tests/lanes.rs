//! Lanes against numbers to the bit on every processor that can be had, and how long they take.

use super::super::{self as math, Cpu, binary, kernel, sin_cos_lanes, unary};
use super::{Random, random, same};
use crate::prim::Prim;
use std::hint::black_box;
use std::time::Instant;

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

/// Nanoseconds a lane, the best of many runs over 64.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..30 {
        let start = Instant::now();
        for _ in 0..1000 {
            run();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    best / 64e3 * 1e9
}

#[test]
#[ignore = "prints the table of speeds; only an optimized build says anything"]
#[allow(clippy::print_stdout, reason = "that is what it is for")]
fn speeds() {
    let x: Vec<f64> = (0..64).map(|i| 0.013 + f64::from(i) * 0.0147).collect();
    let y: Vec<f64> = (0..64).map(|i| 1.5 + f64::from(i) * 0.0347).collect();
    let mut out = vec![0.0; 64];
    let mut other = vec![0.0; 64];
    let cpus = Cpu::available();
    println!("ns a lane on {cpus:?}, and of the function of numbers");
    let print = |name: &str, times: &[f64]| {
        let times: Vec<String> = times.iter().map(|t| format!("{t:7.2}")).collect();
        println!("{name:10}{}", times.concat());
    };
    for (prim, number, _) in UNARY {
        let mut times: Vec<f64> = cpus
            .iter()
            .map(|&cpu| nanoseconds(|| unary(prim, cpu, black_box(&x), black_box(&mut out))))
            .collect();
        times.push(nanoseconds(|| {
            for (out, &x) in out.iter_mut().zip(black_box(&x)) {
                *out = number(x);
            }
        }));
        print(prim.name(), &times);
    }
    for (prim, number, _) in BINARY {
        let mut times: Vec<f64> = cpus
            .iter()
            .map(|&cpu| {
                nanoseconds(|| binary(prim, cpu, black_box(&x), black_box(&y), black_box(&mut out)))
            })
            .collect();
        times.push(nanoseconds(|| {
            for ((out, &x), &y) in out.iter_mut().zip(black_box(&x)).zip(black_box(&y)) {
                *out = number(x, y);
            }
        }));
        print(prim.name(), &times);
    }
    let times: Vec<f64> = cpus
        .iter()
        .map(|&cpu| {
            nanoseconds(|| {
                sin_cos_lanes(
                    cpu,
                    black_box(&x),
                    black_box(&mut out),
                    black_box(&mut other),
                );
            })
        })
        .collect();
    print("both", &times);
}
