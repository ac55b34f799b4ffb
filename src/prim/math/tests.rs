//! Kernels against correctly rounded values, special values, and lanes against numbers.

use super::{Cpu, binary, sin_cos_lanes, unary};
use crate::prim::Prim;
use std::hint::black_box;
use std::time::Instant;

const UNARY: [Prim; 13] = [
    Prim::Exp,
    Prim::Ln,
    Prim::Sin,
    Prim::Cos,
    Prim::Tan,
    Prim::Asin,
    Prim::Acos,
    Prim::Atan,
    Prim::Sinh,
    Prim::Cosh,
    Prim::Tanh,
    Prim::Sigmoid,
    Prim::Softplus,
];

#[test]
#[ignore = "a measurement"]
fn speed() {
    let x: Vec<f64> = (0..64).map(|i| 0.013 + f64::from(i) * 0.0147).collect();
    let y: Vec<f64> = (0..64).map(|i| 1.5 + f64::from(i) * 0.0347).collect();
    let mut out = vec![0.0; 64];
    let mut other = vec![0.0; 64];
    let best = |f: &mut dyn FnMut()| {
        let mut best = f64::INFINITY;
        for _ in 0..30 {
            let start = Instant::now();
            for _ in 0..1000 {
                f();
            }
            best = best.min(start.elapsed().as_secs_f64() / 64e3 * 1e9);
        }
        best
    };
    for prim in UNARY {
        print!("{:10}", prim.name());
        for cpu in Cpu::available() {
            let t = best(&mut || unary(prim, cpu, black_box(&x), black_box(&mut out)));
            print!(" {cpu:?} {t:6.2}");
        }
        let t = best(&mut || {
            for (o, &x) in out.iter_mut().zip(black_box(&x)) {
                *o = prim.forward(x, 0.0)
            }
        });
        println!(" forward {t:6.2}");
    }
    for prim in [Prim::Atan2, Prim::LogBase, Prim::Pow] {
        print!("{:10}", prim.name());
        for cpu in Cpu::available() {
            let t =
                best(&mut || binary(prim, cpu, black_box(&x), black_box(&y), black_box(&mut out)));
            print!(" {cpu:?} {t:6.2}");
        }
        let t = best(&mut || {
            for ((o, &x), &y) in out.iter_mut().zip(black_box(&x)).zip(&y) {
                *o = prim.forward(x, y)
            }
        });
        println!(" forward {t:6.2}");
    }
    print!("sin-cos   ");
    for cpu in Cpu::available() {
        let t = best(&mut || {
            sin_cos_lanes(
                cpu,
                black_box(&x),
                black_box(&mut out),
                black_box(&mut other),
            )
        });
        print!(" {cpu:?} {t:6.2}");
    }
    println!();
}
