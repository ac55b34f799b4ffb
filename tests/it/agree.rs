//! Generated programs mean the same everywhere: in every mode, on warm models and on fresh ones, in
//! lanes and alone, in any order; and their gradients are those of central differences.
//!
//! A failure names the seed of the program: `DMCI_SEED=<seed> DMCI_PROGRAMS=1 cargo test --test it agree`
//! runs that one alone. Longer runs are made with a larger `DMCI_PROGRAMS`.

use crate::generate::{Generated, INPUTS, generate, smooth_inputs, special_inputs, steep_inputs};
use crate::random::{Random, base_seed, programs};
use dmci::cli::eval::answer;
use dmci::{
    Bindings, Error, Evaluation, Interpreter, Limits, Mode, Model, OnError, Relaxation, Workspace,
    Wrt,
};
use serde_json::{Value, json};

/// Enough for nearly all programs, little enough that the rest fails soon.
const FUEL: u64 = 20_000;

/// How many applications a program may take to be run in nested mode too.
const NESTED: u64 = 300;

const LIMITS: Limits = Limits::new()
    .fuel(FUEL)
    .heap_bytes(1 << 30)
    .depth(100_000_000);

/// Runs a check on as many programs as asked for, and says which failed.
fn on_programs(usual: u64, check: impl Fn(&Generated, &mut Random) -> Result<(), String>) {
    on_programs_of(generate, usual, check);
}

/// Runs a check on as many programs of a kind as asked for, and says which failed.
pub(crate) fn on_programs_of(
    generate: impl Fn(u64, usize) -> Generated,
    usual: u64,
    check: impl Fn(&Generated, &mut Random) -> Result<(), String>,
) {
    let base = base_seed();
    let mut complaints = Vec::new();
    for seed in base..base + programs(usual) {
        let size = 8 + (seed as usize % 97) * 7 % 90;
        let program = generate(seed, size);
        if let Err(complaint) = check(&program, &mut Random::new(!seed)) {
            complaints.push((program.source.len(), program, complaint));
        }
    }
    complaints.sort_by_key(|(length, ..)| *length);
    if let Some((_, program, complaint)) = complaints.first() {
        panic!(
            "{} programs fail; the shortest is that of DMCI_SEED={} DMCI_PROGRAMS=1:\n{}\n{complaint}",
            complaints.len(),
            program.seed,
            program.source,
        );
    }
}

/// What is asked of a program: all inputs, params and literals.
fn wrt(program: &Generated) -> Vec<&str> {
    let inputs = INPUTS.iter().copied();
    let params = program.params.iter().map(String::as_str);
    let literals = program.literals.iter().map(String::as_str);
    inputs.chain(params).chain(literals).collect()
}

fn bindings(inputs: [f64; 3]) -> Bindings {
    INPUTS.into_iter().zip(inputs).collect()
}

/// A model for the names of all inputs.
fn model(interpreter: &Interpreter, source: &str, mode: Mode) -> Model {
    let model = interpreter.model_for(source, &bindings([0.0; 3]), mode);
    let model = model.unwrap_or_else(|error| panic!("not well formed: {error}\n{source}"));
    let relaxed = model.with_relaxation(relaxation(source));
    relaxed.expect("a relaxation as it should be")
}

/// One relaxation for each program, so that all kinds come up.
pub(crate) fn relaxation(source: &str) -> Relaxation {
    let length = source.len();
    Relaxation::default()
        .temperature([1.0, 0.4, 2.5][length % 3])
        .hard(length.is_multiple_of(4))
        .gumbel_seed((length % 5 < 2).then_some(length as u64))
}

// ---- modes -------------------------------------------------------------------------------------

/// An answer without the stats, and the applications they count.
fn split_stats(answer: &str) -> (String, u64) {
    let mut value: Value = serde_json::from_str(answer).expect("answers are JSON");
    let applications = value["stats"]["applications"].as_u64();
    value
        .as_object_mut()
        .expect("answers are objects")
        .remove("stats");
    let at = answer.find(",\"stats\":").unwrap_or(answer.len());
    (answer[..at].to_owned(), applications.unwrap_or_default())
}

#[test]
fn modes_answer_with_the_same_bytes() {
    let interpreter = Interpreter::embedded();
    on_programs(400, |program, random| {
        let [x, y, z] = steep_inputs(random);
        let relaxation = relaxation(&program.source);
        // A value that no gradient can be asked of is an error with one; ask without it too.
        for wrt in [Some(wrt(program)), None] {
            let ask = |mode: &str| {
                let inputs = json!({"x": x, "y": y, "z": z});
                let line = json!({"id": 1, "source": program.source, "inputs": inputs, "wrt": wrt,
                    "mode": mode, "fuel": FUEL, "stats": true, "temperature": relaxation.temperature,
                    "hard": relaxation.hard, "gumbel_seed": relaxation.gumbel_seed});
                split_stats(&answer(&interpreter, &line.to_string()))
            };
            let usual = ask("interpreter");
            let direct = ask("direct");
            if usual != direct {
                return Err(format!(
                    "at {x} {y} {z}\ninterpreter {usual:?}\ndirect      {direct:?}"
                ));
            }
            if usual.1 <= NESTED {
                let nested = ask("nested");
                if usual != nested {
                    return Err(format!(
                        "at {x} {y} {z}\ninterpreter {usual:?}\nnested      {nested:?}"
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn modes_record_the_same_trace() {
    let interpreter = Interpreter::embedded();
    on_programs(300, |program, random| {
        let inputs = bindings(steep_inputs(random));
        let trace = |mode| {
            let model = model(&interpreter, &program.source, mode);
            let workspace = &mut Workspace::new();
            let evaluated = model.evaluate(&inputs, Wrt::All, &LIMITS, workspace);
            evaluated.ok()?;
            model
                .print_trace(&inputs, &Limits::default(), workspace)
                .ok()
        };
        let (usual, direct) = (trace(Mode::Interpreter), trace(Mode::Direct));
        if usual == direct {
            return Ok(());
        }
        Err(format!(
            "at {inputs:?}\ninterpreter\n{}direct\n{}",
            usual.unwrap_or_default(),
            direct.unwrap_or_default()
        ))
    });
}

// ---- warm and fresh ----------------------------------------------------------------------------

/// Value, gradient or error as text; equal text means equal bits.
fn text(model: &Model, result: Result<Evaluation, Error>, wrt: &[&str]) -> String {
    match result {
        Ok(evaluation) => {
            let mut out = evaluation.value.to_json();
            out.push(' ');
            out += &evaluation.value.to_scheme();
            for name in wrt {
                let derivatives = evaluation.gradient.to_json(name, &evaluation.value);
                out.push_str(&[" ", name, ":", &derivatives.unwrap_or_default()].concat());
            }
            out
        }
        Err(error) => error_text(model, &error),
    }
}

fn error_text(model: &Model, error: &Error) -> String {
    let position = error.position(model.text());
    format!(
        "{:?} {error} {position:?} {:?}",
        error.kind(),
        error.calls()
    )
}

/// An error without its words: numbers that a fork joined are floats there.
fn place_text(model: &Model, error: &Error) -> String {
    let position = error.position(model.text());
    format!("{:?} {position:?} {:?}", error.kind(), error.calls())
}

/// The points at which a model is evaluated, some of them twice.
fn points(random: &mut Random) -> Vec<[f64; 3]> {
    let mut points: Vec<_> = (0..6).map(|_| steep_inputs(random)).collect();
    points.extend((0..3).map(|_| special_inputs(random)));
    points.extend_from_within(..2);
    points
}

/// What may be asked of a program whose value is `numeric` or not.
fn askable<'a>(names: &'a [&'a str], numeric: bool) -> &'a [&'a str] {
    if numeric { names } else { &[] }
}

fn asked<'a>(names: &'a [&'a str]) -> Wrt<'a> {
    if names.is_empty() {
        Wrt::Nothing
    } else {
        Wrt::Names(names)
    }
}

#[test]
fn a_warm_model_answers_like_a_fresh_one() {
    let interpreter = Interpreter::embedded();
    on_programs(250, |program, random| {
        let mode = [Mode::Interpreter, Mode::Direct][random.below(2)];
        let fresh_model = || model(&interpreter, &program.source, mode);
        let points = points(random);
        for names in [wrt(program), vec!["x"], Vec::new()] {
            let fresh: Vec<String> = points
                .iter()
                .map(|&point| {
                    let model = fresh_model();
                    let result = model.evaluate(
                        &bindings(point),
                        asked(&names),
                        &LIMITS,
                        &mut Workspace::new(),
                    );
                    text(&model, result, &names)
                })
                .collect();
            let warm = fresh_model();
            let mut workspace = Workspace::new();
            let mut order: Vec<usize> = (0..points.len()).collect();
            for _ in 0..2 {
                random.shuffle(&mut order);
                for &index in &order {
                    let inputs = bindings(points[index]);
                    let result = warm.evaluate(&inputs, asked(&names), &LIMITS, &mut workspace);
                    let answer = text(&warm, result, &names);
                    if answer != fresh[index] {
                        return Err(format!(
                            "{mode:?}, wrt {names:?}, at {:?}\nfresh {}\nwarm  {answer}",
                            points[index], fresh[index]
                        ));
                    }
                }
            }
        }
        Ok(())
    });
}

#[test]
fn value_once_is_the_value() {
    let interpreter = Interpreter::embedded();
    on_programs(200, |program, random| {
        for mode in [Mode::Interpreter, Mode::Direct] {
            let model = model(&interpreter, &program.source, mode);
            let mut workspace = Workspace::new();
            for point in points(random) {
                let inputs = bindings(point);
                let value = model.evaluate(&inputs, Wrt::Nothing, &LIMITS, &mut workspace);
                let value = value.map(|evaluation| evaluation.value);
                let once = model.value_once(&inputs, &LIMITS, &mut workspace);
                let [value, once] = [value, once].map(|result| match result {
                    Ok(output) => output.to_json(),
                    Err(error) => place_text(&model, &error),
                });
                if value != once {
                    return Err(format!(
                        "{mode:?} at {point:?}\nvalue      {value}\nvalue_once {once}"
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_lane_is_a_single_evaluation() {
    let interpreter = Interpreter::embedded();
    on_programs(200, |program, random| {
        let [_, y, z] = steep_inputs(random);
        let mut column: Vec<f64> = (0..7).map(|_| steep_inputs(random)[0]).collect();
        column.extend(special_inputs(random));
        let shared = Bindings::from([("y", y), ("z", z)]);
        let singles: Vec<_> = column
            .iter()
            .map(|&x| {
                let model = model(&interpreter, &program.source, Mode::Interpreter);
                let result = model.evaluate(
                    &bindings([x, y, z]),
                    Wrt::Nothing,
                    &LIMITS,
                    &mut Workspace::new(),
                );
                let numeric = result.as_ref().is_ok_and(|e| e.value.number().is_some());
                (numeric, model, result)
            })
            .collect();
        // Lanes have the fuel of one evaluation together.
        let fuel = singles.iter().map(|(_, _, result)| match result {
            Ok(evaluation) => evaluation.stats.fuel,
            Err(Error::Eval(error)) => error.stats.fuel,
            Err(_) => 0,
        });
        if fuel.sum::<u64>() > FUEL {
            return Ok(());
        }
        // Gradients over lanes are those of a sum of numbers.
        let all_numbers = singles
            .iter()
            .all(|(numeric, _, result)| *numeric || result.is_err());
        let names = wrt(program);
        let names = askable(&names, all_numbers);
        let model = model(&interpreter, &program.source, Mode::Interpreter);
        let lanes = model
            .value_and_grad_lanes(
                &shared,
                &[("x", &column)],
                names,
                OnError::Collect,
                &LIMITS,
                &mut Workspace::new(),
            )
            .map_err(|error| format!("lanes fail: {error}"))?;
        let mut sums = vec![(0.0, 0.0); names.len()];
        for (lane, (_, single, result)) in singles.into_iter().enumerate() {
            // Literals in `wrt` are inputs of the trace, so forks may differ, and with them tags.
            let expected = match result {
                Ok(evaluation) => evaluation.value.to_json(),
                Err(error) => place_text(&single, &error),
            };
            let found = match &lanes.values[lane] {
                Ok(value) => value.to_json(),
                Err(error) => place_text(&model, error),
            };
            if expected != found {
                return Err(format!(
                    "lane {lane} of {column:?}, y {y}, z {z}\nsingle {expected}\nlane   {found}"
                ));
            }
            if names.is_empty() || lanes.values[lane].is_err() {
                continue;
            }
            let evaluation = single
                .evaluate(
                    &bindings([column[lane], y, z]),
                    Wrt::Names(names),
                    &LIMITS,
                    &mut Workspace::new(),
                )
                .map_err(|error| format!("the gradient fails: {error}"))?;
            for ((sum, size), &name) in sums.iter_mut().zip(names) {
                let derivative = evaluation.gradient.get(name).expect("asked for");
                *sum += derivative;
                *size += derivative.abs();
            }
            let own = evaluation.gradient.get("x");
            let found = lanes.per_lane[0].1[lane];
            if own.map(f64::to_bits) != found.map(f64::to_bits) && !own.is_some_and(f64::is_nan) {
                return Err(format!(
                    "lane {lane} of {column:?}, y {y}, z {z}: d/dx is {own:?} alone, {found:?} in lanes"
                ));
            }
        }
        let sums = &sums[names.len().min(1)..];
        for ((name, found), (expected, size)) in lanes.shared.iter().zip(sums) {
            // The sum is a tree, so it may differ in the last bits.
            if (found - expected).abs() > 1e-12 * size && !(found.is_nan() && expected.is_nan()) {
                return Err(format!(
                    "the sum over lanes of d/d{name} is {expected}, the lanes say {found}"
                ));
            }
        }
        Ok(())
    });
}

// ---- derivatives -------------------------------------------------------------------------------

/// The derivative by differences of several widths, where they agree: no kink, no pole near.
fn difference(f: &dyn Fn(f64) -> Option<f64>, x: f64) -> Option<f64> {
    let middle = f(x)?;
    let mut slopes = Vec::new();
    for h in [1e-4, 3e-5] {
        let (right, left) = (f(x + h)?, f(x - h)?);
        slopes.push((right - left) / (2.0 * h));
        slopes.push((right - middle) / h);
        slopes.push((middle - left) / h);
    }
    let slope = (4.0 * slopes[3] * (1e-4_f64 / 3e-5).powi(2) / 4.0 - slopes[0])
        / ((1e-4_f64 / 3e-5).powi(2) - 1.0);
    // Where no width moves it and a wide one does, the number has lost the digits that would: 1 - sigmoid at 37.
    if slopes.iter().all(|&slope| slope == 0.0)
        && (f(x + 1e-2)? != middle || f(x - 1e-2)? != middle)
    {
        return None;
    }
    let scale = slope.abs().max(1.0) + middle.abs();
    let smooth = slopes.iter().all(|s| (s - slope).abs() < 1e-2 * scale);
    (slope.is_finite() && smooth).then_some(slope)
}

#[test]
fn gradients_are_those_of_differences() {
    let interpreter = Interpreter::embedded();
    on_programs(250, |program, random| {
        // The derivatives of hard choices are by design not those of their values.
        let soft = relaxation(&program.source).hard(false);
        let model = model(&interpreter, &program.source, Mode::Direct)
            .with_relaxation(soft)
            .map_err(|error| error.to_string())?;
        let inputs = smooth_inputs(random);
        let mut workspace = Workspace::new();
        let evaluation = model.evaluate(
            &bindings(inputs),
            Wrt::Names(&INPUTS),
            &LIMITS,
            &mut workspace,
        );
        let Ok(evaluation) = evaluation else {
            return Ok(());
        };
        let Some(value) = evaluation.value.number() else {
            return Ok(());
        };
        for (place, name) in INPUTS.into_iter().enumerate() {
            let f = |x: f64| {
                let mut inputs = inputs;
                inputs[place] = x;
                let value = model.value_once(&bindings(inputs), &LIMITS, &mut Workspace::new());
                value.ok()?.number()
            };
            let Some(expected) = difference(&f, inputs[place]) else {
                continue;
            };
            let found = evaluation.gradient.get(name).expect("asked for");
            let tolerance = 1e-3 * (expected.abs().max(1.0) + value.abs());
            // Of a fine sawtooth wide differences have the slope of its means.
            let is_fine = || {
                let h = 1e-9;
                let slope = (f(inputs[place] + h)? - f(inputs[place] - h)?) / (2.0 * h);
                let rounding = 8.0 * f64::EPSILON * value.abs() / h;
                Some((found - slope).abs() <= 1e-2 * found.abs() + rounding)
            };
            // A derivative may be NaN where values are not: an infinite slope times zero.
            if !found.is_nan() && (found - expected).abs() > tolerance && is_fine() != Some(true) {
                return Err(format!(
                    "at {inputs:?}: d/d{name} is {found}, by differences {expected}"
                ));
            }
        }
        Ok(())
    });
}

/// Whether derivatives differ by no more than either sweep's own do when inputs move by a few units in their
/// last places: there large terms cancel.
fn is_noise(
    model: &Model,
    at: [f64; 3],
    all: &[&str],
    name: &str,
    forward: &[f64],
    backward: &[f64],
) -> bool {
    let around: Vec<Vec<f64>> = (-4..=4)
        .flat_map(|k| {
            let inputs = bindings(at.map(|x| x * (1.0 + f64::from(k) * f64::EPSILON)));
            let of = |names: &[&str]| {
                let evaluation =
                    model.evaluate(&inputs, Wrt::Names(names), &LIMITS, &mut Workspace::new());
                evaluation
                    .ok()?
                    .gradient
                    .jacobian(name)
                    .map(<[f64]>::to_vec)
            };
            [of(&[name]), of(all)]
        })
        .flatten()
        .filter(|one| one.len() == forward.len())
        .collect();
    (0..forward.len()).all(|k| {
        let least = around
            .iter()
            .map(|one| one[k])
            .fold(f64::INFINITY, f64::min);
        let most = around
            .iter()
            .map(|one| one[k])
            .fold(f64::NEG_INFINITY, f64::max);
        (forward[k] - backward[k]).abs() <= 3.0 * (most - least)
    })
}

#[test]
fn sweeps_agree_forwards_and_backwards() {
    let interpreter = Interpreter::embedded();
    let compared = std::cell::Cell::new(0);
    on_programs(200, |program, random| {
        // Three outputs by one name are swept forwards, by three and more names backwards.
        let source = program.source.clone();
        let model = model(&interpreter, &source, Mode::Direct);
        let at = steep_inputs(random);
        let inputs = bindings(at);
        let mut workspace = Workspace::new();
        let all = wrt(program);
        let Ok(backward) = model.evaluate(&inputs, Wrt::Names(&all), &LIMITS, &mut workspace)
        else {
            return Ok(());
        };
        let outputs = backward.value.numbers().count();
        if outputs < 2 || outputs > all.len() {
            return Ok(());
        }
        compared.set(compared.get() + 1);
        let size = backward
            .value
            .numbers()
            .fold(1.0_f64, |m, x| m.max(x.abs()));
        for &name in &all {
            let forward = model
                .evaluate(&inputs, Wrt::Names(&[name]), &LIMITS, &mut workspace)
                .map_err(|error| error.to_string())?;
            let [forward, backward] =
                [&forward, &backward].map(|e| e.gradient.jacobian(name).expect("asked for"));
            // Where a partial derivative is infinite, one way may meet infinity times zero and the
            // other not.
            let same = forward.iter().zip(backward).all(|(a, b)| {
                let scale = a.abs().max(b.abs());
                // Terms as large as the value may cancel.
                let noise = 1e-12 * scale + 1e-14 * size;
                (a - b).abs() <= noise || !scale.is_finite() || (a + b).is_nan()
            });
            if !same && !is_noise(&model, at, &all, name, forward, backward) {
                return Err(format!(
                    "at {inputs:?}: d/d{name} is {forward:?} forwards, {backward:?} backwards"
                ));
            }
        }
        Ok(())
    });
    assert!(
        compared.get() > 0 || programs(200) < 200,
        "nothing was compared"
    );
}
