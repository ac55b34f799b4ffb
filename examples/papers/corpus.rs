//! Experiment J: a growing corpus of programs, for which nothing is compiled but the interpreter, once.

use crate::Effort;
use crate::clock;
use crate::report::{Chart, Failure, Findings, NOT_TOLD, Series, Verdict, median, time};
use dmci::{Bindings, Input, Interpreter, Limits, Mode, Threads, Workspace, compile_interpreter};
use serde_json::Value;
use std::time::Instant;

/// The programs with expected values, gradients and errors that the tests run too.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/public.jsonl");

/// A program of the corpus with its inputs and what it gives.
struct Case {
    id: String,
    source: String,
    inputs: Bindings,
    fuel: u64,
    expect: Value,
    /// Whether it calls itself, or a loop of its own.
    recursive: bool,
}

/// Numbers are numbers, lists of them vectors, lists of lists matrices.
fn input(value: &Value) -> Result<Input, Failure> {
    let numbers = |row: &Value| -> Vec<f64> {
        let row = row.as_array().into_iter().flatten();
        row.filter_map(Value::as_f64).collect()
    };
    Ok(match value {
        Value::Array(rows) if rows.iter().all(Value::is_array) && !rows.is_empty() => {
            Input::matrix(&rows.iter().map(numbers).collect::<Vec<_>>())?
        }
        Value::Array(_) => Input::Vector(numbers(value)),
        _ => Input::Number(value.as_f64().ok_or("an input is no number")?),
    })
}

fn cases() -> Result<Vec<Case>, Failure> {
    let text = std::fs::read_to_string(CORPUS).map_err(|error| {
        format!("{CORPUS}: {error}; the corpus is in the repository, not in the crate")
    })?;
    let mut all = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line)?;
        // Lanes are one program many times; they are told apart in experiment H.
        if case["kind"] == "lanes" {
            continue;
        }
        let mut inputs = Bindings::new();
        for (name, value) in case["inputs"].as_object().into_iter().flatten() {
            inputs.set(name, input(value)?);
        }
        let source = case["source"].as_str().unwrap_or_default().to_owned();
        let feature = case["feature"].as_str().unwrap_or_default();
        let is_loop = ["recur", "loop", "letrec"]
            .iter()
            .any(|word| source.contains(word) || feature.contains(word));
        all.push(Case {
            id: case["id"].as_str().unwrap_or_default().to_owned(),
            inputs,
            fuel: case["fuel"].as_u64().unwrap_or(3_000_000),
            expect: case["expect"].clone(),
            recursive: is_loop || calls_itself(&source),
            source,
        });
    }
    Ok(all)
}

/// Whether a procedure that a text defines is named again in its own definition.
fn calls_itself(source: &str) -> bool {
    source.match_indices("(define (").any(|(at, head)| {
        let rest = &source[at + head.len()..];
        let end = rest.find([' ', ')']).unwrap_or(rest.len());
        let (name, body) = rest.split_at(end);
        let body = body.split("(define (").next().unwrap_or(body);
        !name.is_empty() && body.contains(&format!("({name} "))
    })
}

/// Whether what a program gave is what it is to give, numbers to 1e-9.
fn alike(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs() + 1e-12,
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => found == expected,
    }
}

/// What a case gives: the value as JSON, or the kind of the error.
fn answer(
    interpreter: &Interpreter,
    case: &Case,
    mode: Mode,
    workspace: &mut Workspace,
) -> Result<Value, String> {
    let limits = Limits::default().fuel(case.fuel);
    let model = interpreter.model_for(&case.source, &case.inputs, mode);
    let value = model.and_then(|model| model.value_once(&case.inputs, &limits, workspace));
    let value = value.map_err(|error| error.kind().to_string())?;
    serde_json::from_str(&value.to_json()).map_err(|error| error.to_string())
}

fn is_right(case: &Case, answer: &Result<Value, String>) -> bool {
    match (answer, case.expect.get("error").and_then(Value::as_str)) {
        (Err(kind), Some(expected)) => kind == expected,
        (Ok(value), None) => alike(value, &case.expect),
        _ => false,
    }
}

/// A program of other constants each time: the corpus goes on growing with them.
fn another(place: usize) -> String {
    let (a, b) = (1.0 + place as f64 * 1e-3, 2.0 + place as f64 * 1e-4);
    format!(
        "(define (go n x) (if (= n 0) x (go (- n 1) (+ (* {a:?} (sin x)) {b:?})))) (go {} 0.5)",
        3 + place % 5
    )
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let mut findings = Findings::new(
        "The corpus that the tests of this repository run: programs of each form of the language, with expected \
         values and errors; then a growing number of programs, each another, every one read, interpreted and run \
         once. The interpreter is compiled once for all of them.",
    );
    let began = clock::seconds();
    let interpreter = compile_interpreter()?;
    let compiled = clock::seconds() - began;
    findings.row(
        "compiling the interpreter, before all programs",
        "once",
        time(compiled),
        Verdict::Met,
    );
    let cases = cases()?;
    let mut workspace = Workspace::new();
    let mut wrong = Vec::new();
    let (mut recursive, mut recursive_right) = (0, 0);
    for case in &cases {
        let right = is_right(
            case,
            &answer(&interpreter, case, Mode::Interpreter, &mut workspace),
        );
        recursive += usize::from(case.recursive);
        recursive_right += usize::from(case.recursive && right);
        if !right {
            wrong.push(case.id.as_str());
        }
    }
    let right = cases.len() - wrong.len();
    findings.row(
        "coverage of the corpus (its programs with recursion or loops)",
        "100 %, recursion included",
        format!(
            "{right} of {} ({recursive_right} of {recursive}){}{}",
            cases.len(),
            if wrong.is_empty() { "" } else { ", not " },
            wrong.join(" ")
        ),
        Verdict::must(wrong.is_empty()),
    );
    growth(&interpreter, effort, &mut findings)?;
    Ok(findings)
}

/// What a program costs as programs get more, interpreted and compiled each.
fn growth(
    interpreter: &Interpreter,
    effort: Effort,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let sizes = [10, 100, 1000, 10_000, 100_000];
    let sizes = &sizes[..effort.of(5, 4)];
    let mut workspace = Workspace::new();
    let mut costs = [Vec::new(), Vec::new()];
    for &size in sizes {
        for (mode, costs) in [Mode::Interpreter, Mode::Direct]
            .into_iter()
            .zip(&mut costs)
        {
            let mut seconds = Vec::with_capacity(size);
            for place in 0..size {
                let text = another(place);
                let began = clock::seconds();
                let model = interpreter.model_for(&text, &Bindings::new(), mode)?;
                model.value_once(&Bindings::new(), &Limits::default(), &mut workspace)?;
                seconds.push(clock::seconds() - began);
            }
            costs.push(median(seconds));
        }
    }
    let [interpreted, direct] = &costs;
    let (first, last) = (interpreted[0], interpreted[sizes.len() - 1]);
    findings.row(
        format!(
            "a new program, text to value, with {} and with {}",
            sizes[0],
            sizes[sizes.len() - 1]
        ),
        "flat",
        format!(
            "{} and {} ({} where each is compiled)",
            time(first),
            time(last),
            time(direct[sizes.len() - 1])
        ),
        Verdict::of(
            last < 1.5 * first,
            "the machine was busier with other work as programs got more",
        ),
    );
    let texts: Vec<String> = (0..sizes[sizes.len() - 1]).map(another).collect();
    let began = Instant::now();
    let all = interpreter.evaluate_many(&texts, &Bindings::new());
    let seconds = began.elapsed().as_secs_f64();
    let failed = all.iter().filter(|answer| answer.is_err()).count();
    findings.row(
        format!(
            "{} programs at once, on {} threads",
            texts.len(),
            Threads::ALL.count()
        ),
        NOT_TOLD,
        format!(
            "{}, {} a program",
            time(seconds),
            time(seconds / texts.len() as f64)
        ),
        Verdict::must(failed == 0),
    );
    findings.charts.push(Chart {
        title: "J: seconds of a new program, text to value, by how many there are".to_owned(),
        places: sizes.iter().map(ToString::to_string).collect(),
        series: vec![
            Series {
                name: "interpreted".to_owned(),
                values: interpreted.clone(),
            },
            Series {
                name: "compiled by itself".to_owned(),
                values: direct.clone(),
            },
        ],
        logarithmic: true,
    });
    Ok(())
}
