//! What does a step of the register machine cost, forwards and backwards, beside JAX?
//!
//! Value and gradient by the weights of 256 lanes, base 8, 4 registers, 16 lines, 32 steps: the kernel on
//! one thread, `examples/register_machine/machine.scm` on this crate's engine, and the same arithmetic in
//! JAX (`benches/beside_jax.py`, by the Python of `DMCI_PYTHON` or `python3`; where that has no JAX it says
//! so). Times of all and their ratio to the kernel's come out, and how far apart their numbers are.
//!
//! **Invariants**
//! - All are given the same weights, states and wanted numbers, by a seed, in one run.
//! - JAX is told to use one thread, as the kernel does; compiling is not counted, and times are the
//!   processor's.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use dmci::Random;
use dmci::machine::{
    Definition, Example, Kernel, Loss, Number, Scratch, Shape, SoftState, State, Wanted, Weights,
};
use dmci::{Bindings, Input, Interpreter, Limits, Mode, OnError, Threads, Workspace};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const SHAPE: Shape = Shape {
    base: 8,
    registers: 4,
    lines: 16,
};
const STEPS: usize = 32;
const LANES: usize = 256;

struct Case {
    weights: Weights,
    examples: Vec<Example>,
    starts: Vec<SoftState>,
}

fn case(lanes: usize) -> Case {
    let mut random = Random::new(15);
    let weights = Weights::random(SHAPE, 1.0, 15);
    let examples: Vec<Example> = (0..lanes)
        .map(|_| {
            let mut start = State::of(SHAPE);
            start.memory.fill_with(|| random.below(SHAPE.base));
            let memory = (0..SHAPE.base)
                .map(|_| Some(random.below(SHAPE.base)))
                .collect();
            let registers = Vec::new();
            Example {
                start,
                wanted: Wanted { memory, registers },
            }
        })
        .collect();
    let starts = examples
        .iter()
        .map(|one| SoftState::of(SHAPE, &one.start))
        .collect();
    Case {
        weights,
        examples,
        starts,
    }
}

/// What this process has taken of the processor: other processes do not count.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Elsewhere, what has passed.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static BEGUN: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

/// The median of so many processor times.
fn median(times: usize, mut run: impl FnMut()) -> Duration {
    run();
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = processor_time();
            run();
            processor_time().saturating_sub(begun)
        })
        .collect();
    taken.sort_unstable();
    taken[times / 2]
}

fn kernel<T: Number>(case: &Case, times: usize) -> (Duration, f64, Vec<f64>) {
    let kernel = Kernel::<T>::new(SHAPE, Definition::default()).expect("a shape");
    let mut scratch = Scratch::default();
    let loss = Loss::default();
    let mut last = (0.0, Vec::new());
    let time = median(times, || {
        let pulled = kernel.pull_back(
            &case.weights,
            (&case.starts, false),
            STEPS,
            &|lane, end, by| loss.of(&case.examples[lane].wanted, end, by),
            &Threads::ONE,
            &mut scratch,
        );
        let pulled = pulled.expect("it fits");
        last = (pulled.value, pulled.weights);
    });
    (time, last.0, last.1)
}

fn rows(numbers: &[f64], columns: usize) -> Vec<Vec<f64>> {
    numbers.chunks_exact(columns).map(<[f64]>::to_vec).collect()
}

fn wanted(one: &Example) -> Vec<Vec<f64>> {
    let row = |wanted: &Option<usize>| {
        let hot = |v| f64::from(u8::from(*wanted == Some(v)));
        (0..SHAPE.base).map(hot).collect()
    };
    one.wanted.memory.iter().map(row).collect()
}

/// The definition in Scheme, over lanes.
fn scheme(case: &Case, times: usize) -> (Duration, f64, Vec<f64>) {
    let text = include_str!("../examples/register_machine/machine.scm");
    let mut shared = Bindings::from([("steps", STEPS as f64), ("loss-floor", 0.1)]);
    for (group, name) in Weights::GROUPS.into_iter().enumerate() {
        shared.set(
            name,
            Input::matrix(&case.weights.group(group)).expect("a matrix"),
        );
    }
    let matrix = |rows: Vec<Vec<f64>>| Input::matrix(&rows).expect("a matrix");
    let memory = case
        .starts
        .iter()
        .map(|start| matrix(rows(start.memory(), SHAPE.base)));
    let registers = case
        .starts
        .iter()
        .map(|start| matrix(rows(start.registers(), SHAPE.base)));
    let (memory, registers): (Vec<_>, Vec<_>) = (memory.collect(), registers.collect());
    let goals: Vec<Input> = case
        .examples
        .iter()
        .map(|one| matrix(wanted(one)))
        .collect();
    let lanes = [
        ("memory", &memory[..]),
        ("registers", &registers),
        ("wanted", &goals),
    ];
    // Inputs shadow what has their name: `second` is a primitive, too.
    let mut names = shared.clone();
    for (name, inputs) in lanes {
        names.set(name, inputs[0].clone());
    }
    let interpreter = Interpreter::embedded();
    let model = interpreter
        .model_for(text, &names, Mode::Interpreter)
        .expect("the definition");
    let mut workspace = Workspace::new();
    let mut last = (0.0, Vec::new());
    let time = median(times, || {
        let run = model.value_and_grad_lanes_of(
            &shared,
            &lanes,
            &Weights::GROUPS,
            OnError::Stop,
            &Limits::default(),
            &mut workspace,
        );
        let run = run.expect("it runs");
        let values = run.values.iter().map(|value| value.as_ref().ok()?.number());
        let by = |name: &str| run.shared_lists.iter().find(|(other, _)| other == name);
        let groups: Vec<&[f64]> = Weights::GROUPS
            .iter()
            .map(|name| &by(name).expect("it is asked for").1[..])
            .collect();
        last = (
            values.map(|value| value.expect("a number")).sum(),
            side_by_side(&groups),
        );
    });
    (time, last.0, last.1)
}

/// Matrices side by side, row by row.
fn side_by_side(groups: &[&[f64]]) -> Vec<f64> {
    let mut all = Vec::new();
    for line in 0..SHAPE.lines {
        for group in groups {
            let columns = group.len() / SHAPE.lines;
            all.extend_from_slice(&group[line * columns..(line + 1) * columns]);
        }
    }
    all
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    let most = b.iter().fold(1e-300, |most: f64, x| most.max(x.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0, |apart: f64, (a, b)| apart.max((a - b).abs() / most))
}

fn jax(case: &Case) -> Result<serde_json::Value, String> {
    let groups: Vec<Vec<Vec<f64>>> = (0..Weights::GROUPS.len())
        .map(|group| {
            case.weights
                .group(group)
                .into_iter()
                .map(<[f64]>::to_vec)
                .collect()
        })
        .collect();
    let lanes = |of: &dyn Fn(usize) -> Vec<Vec<f64>>| (0..LANES).map(of).collect::<Vec<_>>();
    let input = json!({
        "weights": groups,
        "registers": lanes(&|lane| rows(case.starts[lane].registers(), SHAPE.base)),
        "memory": lanes(&|lane| rows(case.starts[lane].memory(), SHAPE.base)),
        "wanted": lanes(&|lane| wanted(&case.examples[lane])),
        "steps": STEPS,
        "floor": 0.1,
    });
    let file = std::env::temp_dir().join(format!("dmci-machine-{}.json", std::process::id()));
    std::fs::write(&file, input.to_string()).map_err(|error| error.to_string())?;
    let python = std::env::var("DMCI_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/beside_jax.py");
    let run = Command::new(&python).arg(script).arg(&file).output();
    let _ = std::fs::remove_file(&file);
    let run = run.map_err(|error| format!("{python}: {error}"))?;
    let (out, errors) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    let answer: serde_json::Value = serde_json::from_str(&out).map_err(|_| {
        format!(
            "{python} answered nothing: {}",
            errors.lines().last().unwrap_or("")
        )
    })?;
    match answer.get("skipped") {
        Some(reason) => Err(reason.to_string()),
        None => Ok(answer),
    }
}

fn main() {
    let case = case(LANES);
    let ms = |time: Duration| 1e3 * time.as_secs_f64();
    let (double, value, gradient) = kernel::<f64>(&case, 21);
    let (single, ..) = kernel::<f32>(&case, 41);
    println!(
        "base 8, 4 registers, 16 lines, {STEPS} steps, {LANES} lanes, one thread; value and gradient"
    );
    let told = |name: &str, time: Duration, apart: f64| {
        let times = ms(time) / ms(single);
        println!(
            "{name:<28} {:8.2} ms  {times:6.2} x the kernel in f32  apart {apart:.1e}",
            ms(time)
        );
    };
    let (_, _, by_single) = kernel::<f32>(&case, 1);
    told("kernel, f32", single, apart(&by_single, &gradient));
    told("kernel, f64", double, 0.0);
    match jax(&case) {
        Err(reason) => println!("JAX: skipped: {reason}"),
        Ok(answer) => {
            for kind in ["f32", "f64"] {
                let time =
                    Duration::from_secs_f64(answer[kind]["seconds"].as_f64().expect("a time"));
                let by: Vec<f64> =
                    serde_json::from_value(answer[kind]["gradient"].clone()).expect("a gradient");
                told(&format!("JAX, {kind}"), time, apart(&by, &gradient));
            }
        }
    }
    let (time, by_scheme, by) = scheme(&case, 5);
    told("machine.scm on the engine", time, apart(&by, &gradient));
    assert!(
        (by_scheme - value).abs() < 1e-10 * value.abs(),
        "{by_scheme} {value}"
    );
    let many = self::case(16 * LANES);
    let (time, ..) = kernel::<f32>(&many, 5);
    let ratio = ms(time) / ms(single);
    println!("kernel, f32, 16 times the lanes: {ratio:.1} times as long");
}
