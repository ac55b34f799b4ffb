//! What does a function of the table cost, one number at a time and over lanes?
//!
//! Every row that a kernel serves is measured because it is in the table.
//! Numbers come in sixty-fours; lanes are a program that calls the function on 4096 of them, too few
//! for a second thread; they are read and written besides. The system's C library goes over as many numbers
//! in a loop, where it has the function. The throughput is in numbers.
//!
//! ```text
//! cargo bench --bench math
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dmci::prim::Prim;
use dmci::{Bindings, Interpreter, Lane, Limits};
use std::hint::black_box;

/// The rows that kernels serve, and what they are compared with.
fn rows() -> impl Iterator<Item = Prim> {
    let kernels = Prim::ALL.iter().copied().filter(|row| row.has_kernel());
    kernels.chain([Prim::Sqrt, Prim::Add])
}

fn numbers(c: &mut Criterion) {
    let first: Vec<f64> = (0..64).map(|i| 0.013 + f64::from(i) * 0.0147).collect();
    let second: Vec<f64> = (0..64).map(|i| 1.5 + f64::from(i) * 0.0347).collect();
    let mut group = c.benchmark_group("numbers");
    group.throughput(Throughput::Elements(64));
    for prim in rows() {
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| {
                let pairs = black_box(&first).iter().zip(black_box(&second));
                pairs.map(|(&x, &y)| prim.forward(x, y)).sum::<f64>()
            });
        });
    }
    group.finish();
}

/// A function of the system's C library.
enum OfC {
    One(unsafe extern "C" fn(f64) -> f64),
    Two(unsafe extern "C" fn(f64, f64) -> f64),
}

macro_rules! of_c {
    ($($one:ident = $name:ident)* ; $($two:ident = $pair:ident)*) => {
        mod c {
            unsafe extern "C" {
                $(pub(super) fn $name(x: f64) -> f64;)*
                $(pub(super) fn $pair(x: f64, y: f64) -> f64;)*
            }
        }

        /// What the system has for a row.
        fn of_c(prim: Prim) -> Option<OfC> {
            match prim {
                $(Prim::$one => Some(OfC::One(c::$name)),)*
                $(Prim::$two => Some(OfC::Two(c::$pair)),)*
                _ => None,
            }
        }
    };
}

of_c! {
    Exp = exp Ln = log Sin = sin Cos = cos Tan = tan Asin = asin Acos = acos Atan = atan Sinh = sinh
    Cosh = cosh Tanh = tanh Log1p = log1p Expm1 = expm1 Exp2 = exp2 Log2 = log2 Log10 = log10
    Asinh = asinh Acosh = acosh Atanh = atanh Cbrt = cbrt Erf = erf Erfc = erfc Lgamma = lgamma;
    Atan2 = atan2 Pow = pow Hypot = hypot
}

/// Arguments of a row: about 1, and where the function has values.
fn arguments(prim: Prim, count: usize) -> [Vec<f64>; 2] {
    let (shift, sign) = match prim {
        Prim::Acosh => (1.0, 1.0),
        Prim::Log1mexp => (0.0, -1.0),
        _ => (0.0, 1.0),
    };
    let first = |i: usize| sign * (0.013 + shift + i as f64 * 0.000_23);
    let second = |i: usize| 1.5 + i as f64 * 0.000_54;
    [
        (0..count).map(first).collect(),
        (0..count).map(second).collect(),
    ]
}

/// How many lanes are done at once.
const COUNT: usize = 4096;

fn system(c: &mut Criterion) {
    let mut values = vec![0.0; COUNT];
    let mut group = c.benchmark_group("system");
    group.throughput(Throughput::Elements(COUNT as u64));
    for prim in rows() {
        let [first, second] = arguments(prim, COUNT);
        let Some(function) = of_c(prim) else { continue };
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| {
                let pairs = black_box(&first).iter().zip(black_box(&second));
                for (value, (&x, &y)) in values.iter_mut().zip(pairs) {
                    // SAFETY: functions of numbers, which are the library's of these names and types.
                    *value = unsafe {
                        match function {
                            OfC::One(f) => f(x),
                            OfC::Two(f) => f(x, y),
                        }
                    };
                }
            });
        });
    }
    group.finish();
}

fn lanes(c: &mut Criterion) {
    let mut values = vec![0.0; COUNT];
    let mut group = c.benchmark_group("lanes");
    group.throughput(Throughput::Elements(COUNT as u64));
    for prim in rows() {
        let [first, second] = arguments(prim, COUNT);
        // What programs call a row that they cannot name.
        let name = match prim {
            Prim::Ln | Prim::LogBase => "log",
            Prim::Atan | Prim::Atan2 => "atan",
            // Those that only rules name are in no program.
            _ if prim.is_internal() => continue,
            _ => prim.name(),
        };
        let arguments = if prim.operands() == 1 { "x" } else { "x y" };
        let program = format!("({name} {arguments})");
        let model = Interpreter::embedded().model(&program).expect("a program");
        let mut evaluator = model
            .evaluator(&Bindings::new(), &["x", "y"], &[], &Limits::default())
            .expect("its inputs are numbers");
        let inputs = [Lane::Each(&first), Lane::Each(&second)];
        group.bench_function(prim.to_string(), |b| {
            b.iter(|| evaluator.lanes(black_box(&inputs), &mut values, &mut []));
        });
    }
    group.finish();
}

criterion_group!(benches, numbers, lanes, system);
criterion_main!(benches);
