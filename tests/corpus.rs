//! The corpus: one named test for each case and mode, `public/p0031/direct`, `own/lists/reverse/nested`.
//!
//! In come `tests/corpus/public.jsonl` (the specification by example) and `tests/corpus/<area>/<name>.scm`
//! (our own programs); the program under test is [`dmci::cli::eval::answer`], one JSON request line in, one
//! JSON answer line out. Values are compared to 1e-9, gradients to 1e-8, both absolutely to 1e-12 near zero,
//! errors by kind and position.
//!
//! # Invariants
//!
//! - Every case has a test in each of its modes; nothing is left out silently: a file that no test would read
//!   is a fault, and a test asks for all public cases and for no fewer of our own than there have been.
//! - `…/agree` asks that interpreter and direct answer with the same bytes. Numbers are printed shortest
//!   round-trip, so equal text means equal bits.
//! - `…/nested` and `…/reference` run where the program takes fewer than [`NESTED_LIMIT`] and
//!   [`REFERENCE_LIMIT`] applications, as the interpreter's own count says, and report themselves as ignored
//!   elsewhere. They never run where fuel is to run out.
//! - With `DMCI_CORPUS_ANSWERED_BY`, a command line, another program answers too, and must give the same bytes:
//!   so is the library tested where tests have nowhere to print to, see `tests/wasm/node.mjs`.
//!
//! # A program of our own
//!
//! The comment lines at the top of a `.scm` file say what is expected; the whole file is the source, so positions count them.
//!
//! ```scheme
//! ;; modes: interpreter direct nested reference
//! ;; run:   x=3 y=1 => 9
//! ;; grad:  x=3 y=1 => x:6 y:0
//! ;; run:   x=3 y=-1 => -1
//! (if (> y 0) (* x x) y)
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `modes: m …` | the modes to run, all four if there is no such line |
//! | `relax: field=value …` | fields of all requests: `temperature=0.5 hard=true gumbel_seed=7` |
//! | `fuel: n` | the limit in applications for all lines, 3000000 if there is no such line |
//! | `run: inputs => value` | the value, as JSON in the notation of the public corpus: `[1,2]`, `{"sym":"a"}`, `"nan"` |
//! | `grad: inputs => name:derivative …` | the gradient by exactly these names, also params and literals: `@4:5:2.5` |
//! | `error: inputs => kind line:col` | the error; without `line:col` its position is not looked at; `wrt:x,y` among the inputs asks for a gradient |
//! | `lanes: shared \| per-lane => values` | `x=[1,2]` right of the bar gives each lane its own `x`; `{"error":kind}` for a failing lane |
//! | `lanes-grad: shared \| per-lane => name:derivative …` | gradients of lanes: sums for shared inputs, lists for the others |
//!
//! Inputs and derivatives are JSON without spaces. A file may have many such lines; a test runs them all, in order.
//! Leading `;;` lines that do not begin with a word and a colon are plain comments; so is everything after the first line of code.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use dmci::Interpreter;
use dmci::cli::eval;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::{Map, Value, json};

const PUBLIC_CASES: usize = 724;
/// A floor, so that the corpus cannot vanish unnoticed; a further program need not raise it.
const FEWEST_OWN_CASES: usize = 246;

const MODES: [&str; 4] = ["interpreter", "direct", "nested", "reference"];
/// The applications up to which the slow modes run a case.
const NESTED_LIMIT: u64 = 2_000;
const REFERENCE_LIMIT: u64 = 20_000;
const DEFAULT_FUEL: u64 = 3_000_000;

const VALUE_TOLERANCE: f64 = 1e-9;
const GRADIENT_TOLERANCE: f64 = 1e-8;
const NEAR_ZERO: f64 = 1e-12;

struct Case {
    name: String,
    source: String,
    modes: Vec<&'static str>,
    fuel: u64,
    /// Further fields of all requests.
    relaxation: Map<String, Value>,
    checks: Vec<Check>,
}

/// One request about the program of a case, and what its answer must say.
struct Check {
    inputs: Map<String, Value>,
    lanes: Option<Map<String, Value>>,
    wrt: Option<Vec<String>>,
    expected: Expected,
}

enum Expected {
    Answer {
        value: Option<Value>,
        grad: Option<Map<String, Value>>,
    },
    Error {
        kind: String,
        position: Option<(u64, u64)>,
    },
}

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let public = public_cases(&folder.join("public.jsonl"));
    let own = own_cases(&folder);

    let counts = [public.len(), own.len()];
    let mut trials = vec![
        Trial::test("harness/counts", move || check_counts(counts)),
        Trial::test("harness/wrong-answers-fail", wrong_answers_fail),
    ];
    for case in public.into_iter().chain(own) {
        trials.extend(trials_of(case));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn is_slow(mode: &str) -> bool {
    matches!(mode, "nested" | "reference")
}

fn trials_of(case: Case) -> Vec<Trial> {
    let case = Arc::new(case);
    let mut trials = Vec::new();
    for &mode in &case.modes {
        if is_slow(mode)
            && case
                .checks
                .iter()
                .all(|check| check.expects_error("resource"))
        {
            continue;
        }
        let shared = Arc::clone(&case);
        let name = format!("{}/{mode}", case.name);
        trials.push(Trial::ignorable_test(name, move || run(&shared, mode)));
    }
    if case.modes.contains(&"interpreter") && case.modes.contains(&"direct") {
        let shared = Arc::clone(&case);
        trials.push(Trial::test(format!("{}/agree", case.name), move || {
            agree(&shared)
        }));
    }
    trials
}

fn check_counts([public, own]: [usize; 2]) -> Result<(), Failed> {
    if public != PUBLIC_CASES {
        return Err(format!(
            "{public} public cases, not {PUBLIC_CASES}: public.jsonl is shared and not ours to change"
        )
        .into());
    }
    if own < FEWEST_OWN_CASES {
        return Err(format!(
            "{own} own cases, where there were {FEWEST_OWN_CASES}: if that is meant, lower \
             FEWEST_OWN_CASES in tests/corpus.rs"
        )
        .into());
    }
    Ok(())
}

impl Check {
    fn expects_error(&self, expected: &str) -> bool {
        matches!(&self.expected, Expected::Error { kind, .. } if kind == expected)
    }
}

// ---------------------------------------------------------------- asking

fn run(case: &Case, mode: &str) -> Result<Completion, Failed> {
    let mut skipped = None;
    let mut checked = 0;
    for check in &case.checks {
        if is_slow(mode) {
            if check.expects_error("resource") {
                continue;
            }
            let applications = applications(case, check)?;
            let limit = if mode == "nested" {
                NESTED_LIMIT
            } else {
                REFERENCE_LIMIT
            };
            if applications >= limit {
                skipped = Some(applications);
                continue;
            }
        }
        let request = request(case, check, mode, false);
        let answer = ask(&request)?;
        verdict(&check.expected, &answer)
            .map_err(|complaint| failed(&complaint, &request, &answer))?;
        checked += 1;
    }
    Ok(match skipped {
        Some(applications) if checked == 0 => {
            Completion::ignored_with(format!("{applications} applications"))
        }
        _ => Completion::Completed,
    })
}

fn agree(case: &Case) -> Result<(), Failed> {
    for check in &case.checks {
        let interpreter = text(&request(case, check, "interpreter", false));
        let direct = text(&request(case, check, "direct", false));
        if interpreter != direct {
            return Err(format!(
                "the modes differ for {}\n  interpreter: {interpreter}\n  direct:      {direct}",
                request(case, check, "…", false)
            )
            .into());
        }
    }
    Ok(())
}

/// How many applications the program makes, counted by the interpreter.
fn applications(case: &Case, check: &Check) -> Result<u64, Failed> {
    let request = request(case, check, "interpreter", true);
    let answer = ask(&request)?;
    answer["stats"]["applications"]
        .as_u64()
        .ok_or_else(|| failed("the answer has no stats.applications", &request, &answer))
}

fn request(case: &Case, check: &Check, mode: &str, stats: bool) -> Value {
    let mut request = json!({
        "id": case.name,
        "source": case.source,
        "inputs": check.inputs,
        "mode": mode,
        "prelude": true,
        "fuel": case.fuel,
    });
    if let Some(lanes) = &check.lanes {
        request["lanes"] = json!(lanes);
    }
    if let Some(wrt) = &check.wrt {
        request["wrt"] = json!(wrt);
    }
    for (field, value) in &case.relaxation {
        request[field] = value.clone();
    }
    if stats {
        request["stats"] = json!(true);
    }
    request
}

fn ask(request: &Value) -> Result<Value, Failed> {
    let text = text(request);
    let answer: Value = serde_json::from_str(&text)
        .map_err(|error| format!("not JSON ({error})\n  request: {request}\n  answer: {text}"))?;
    if answer["id"] != request["id"] {
        return Err(failed("the answer has another id", request, &answer));
    }
    Ok(answer)
}

/// The answer of the library; and of another program too, if one is named: both must be the same.
fn text(request: &Value) -> String {
    static OTHER: LazyLock<Option<Mutex<Other>>> = LazyLock::new(|| Other::start().map(Mutex::new));
    let line = request.to_string();
    let answer = eval::answer(&Interpreter::embedded(), &line);
    // How many bytes things take may differ from one machine to another.
    if let Some(other) = &*OTHER
        && request["stats"].is_null()
    {
        let mut other = other.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = other.ask(&line);
        assert_eq!(theirs, answer, "the other program answers {line} otherwise");
    }
    answer
}

/// A program that answers requests line by line, as `dmci eval --jsonl` does: the words of the
/// environment variable `DMCI_CORPUS_ANSWERED_BY`, run in the root of the repository.
struct Other {
    program: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Other {
    fn start() -> Option<Self> {
        let command = std::env::var("DMCI_CORPUS_ANSWERED_BY").ok()?;
        let mut words = command.split_whitespace();
        let mut program = Command::new(words.next()?);
        program.args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = program.spawn();
        let mut program = program.unwrap_or_else(|error| panic!("{command}: {error}"));
        let pipes = program.stdin.take().zip(program.stdout.take());
        let (requests, answers) = pipes.expect("they were asked for");
        Some(Self {
            program,
            requests,
            answers: BufReader::new(answers),
        })
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.requests, "{line}").expect("the other program reads");
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        let is_there = read.is_ok_and(|count| count > 0);
        assert!(
            is_there,
            "the other program has ended: {:?}",
            self.program.wait()
        );
        answer.trim_end_matches('\n').to_owned()
    }
}

fn failed(complaint: &str, request: &Value, answer: &Value) -> Failed {
    format!("{complaint}\n  request: {request}\n  answer: {answer}").into()
}

// ---------------------------------------------------------------- comparing

fn verdict(expected: &Expected, answer: &Value) -> Result<(), String> {
    match expected {
        Expected::Error { kind, position } => error_verdict(kind, *position, answer),
        Expected::Answer { .. } if !answer["error"].is_null() => {
            Err("an error instead of a value".to_owned())
        }
        Expected::Answer { value, grad } => {
            if let Some(expected) = value {
                let field = if answer.get("values").is_some() {
                    "values"
                } else {
                    "value"
                };
                let actual = answer.get(field).ok_or("the answer has no value")?;
                compare(field, expected, actual, VALUE_TOLERANCE)?;
            }
            grad.as_ref()
                .map_or(Ok(()), |grad| gradient_verdict(grad, answer))
        }
    }
}

fn error_verdict(kind: &str, position: Option<(u64, u64)>, answer: &Value) -> Result<(), String> {
    let error = &answer["error"];
    if error.is_null() {
        return Err(format!("no error where `{kind}` is expected"));
    }
    if error["kind"] != kind {
        return Err(format!("error kind {} instead of `{kind}`", error["kind"]));
    }
    if error["message"].as_str().is_none_or(str::is_empty) {
        return Err("the error has no message".to_owned());
    }
    match position {
        Some((line, column)) if error["line"] != line || error["column"] != column => Err(format!(
            "position {}:{} instead of {line}:{column}",
            error["line"], error["column"]
        )),
        _ => Ok(()),
    }
}

fn gradient_verdict(expected: &Map<String, Value>, answer: &Value) -> Result<(), String> {
    let actual = answer["grad"]
        .as_object()
        .ok_or("the answer has no gradient")?;
    let names = |grad: &Map<String, Value>| grad.keys().cloned().collect::<BTreeSet<_>>();
    if names(expected) != names(actual) {
        return Err(format!(
            "a gradient by {:?} instead of {:?}",
            names(actual),
            names(expected)
        ));
    }
    for (name, expected) in expected {
        compare(
            &format!("gradient by {name}"),
            expected,
            &actual[name],
            GRADIENT_TOLERANCE,
        )?;
    }
    Ok(())
}

/// Compares in the notation of the public corpus; `place` says where in the answer we are.
fn compare(place: &str, expected: &Value, actual: &Value, tolerance: f64) -> Result<(), String> {
    let same = match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) => {
            match (expected.as_f64(), actual.as_f64()) {
                (Some(expected), Some(actual)) => close(expected, actual, tolerance),
                _ => false,
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{place}[{index}]"), expected, actual, tolerance)?;
            }
            true
        }
        (Value::Object(expected), Value::Object(actual)) => {
            match (expected.get("pair"), expected.get("error")) {
                (Some(expected), _) if actual.len() == 1 => {
                    let actual = actual.get("pair").unwrap_or(&Value::Null);
                    return compare(&format!("{place}.pair"), expected, actual, tolerance);
                }
                (_, Some(kind)) => actual
                    .get("error")
                    .is_some_and(|error| error["kind"] == *kind),
                _ => expected == actual,
            }
        }
        _ => expected == actual,
    };
    if same {
        return Ok(());
    }
    Err(format!("{place} is {actual} instead of {expected}"))
}

fn close(expected: f64, actual: f64, tolerance: f64) -> bool {
    (expected - actual).abs() <= NEAR_ZERO.max(tolerance * expected.abs())
}

/// Rows of kind, what is expected, an answer that is right and one that is wrong.
const RIGHT_AND_WRONG: &str = r#"
["value", 2.0, {"value":2}, {"value":2.0000001}]
["value", 1e-20, {"value":0}, {"value":1e-11}]
["value", 0, {"value":0.0}, {"value":false}]
["value", "nan", {"value":"nan"}, {"value":null}]
["value", "inf", {"value":"inf"}, {"value":"-inf"}]
["value", null, {"value":null}, {"value":0}]
["value", null, {"value":null}, {}]
["value", [], {"value":[]}, {"value":null}]
["value", [1,2], {"value":[1,2]}, {"value":[1,2,3]}]
["value", [[1],2], {"value":[[1.0],2]}, {"value":[[2],2]}]
["value", {"sym":"a"}, {"value":{"sym":"a"}}, {"value":{"str":"a"}}]
["value", {"pair":[1,2]}, {"value":{"pair":[1.0,2]}}, {"value":{"pair":[1,3]}}]
["value", {"pair":[1,2]}, {"value":{"pair":[1,2]}}, {"value":[1,2]}]
["value", 1, {"value":1}, {"error":{"kind":"user","message":"m","line":1,"column":1}}]
["value", [1,{"error":"user"}], {"values":[1,{"error":{"kind":"user"}}]}, {"values":[1,{"error":{"kind":"type"}}]}]
["value", [1,{"error":"user"}], {"values":[1,{"error":{"kind":"user"}}]}, {"values":[1,2]}]
["grad", {"x":3}, {"value":1,"grad":{"x":3}}, {"value":1,"grad":{"x":3.000001}}]
["grad", {"x":3}, {"grad":{"x":3}}, {"grad":{"x":3,"y":0}}]
["grad", {"x":3}, {"grad":{"x":3}}, {"grad":{}}]
["grad", {"x":3}, {"grad":{"x":3}}, {"value":1}]
["grad", {"x":[1,null]}, {"grad":{"x":[1,null]}}, {"grad":{"x":[1,0]}}]
["error", "type 1:2", {"error":{"kind":"type","message":"m","line":1,"column":2}}, {"value":1}]
["error", "type 1:2", {"error":{"kind":"type","message":"m","line":1,"column":2}}, {"error":{"kind":"user","message":"m","line":1,"column":2}}]
["error", "type 1:2", {"error":{"kind":"type","message":"m","line":1,"column":2}}, {"error":{"kind":"type","message":"m","line":1,"column":3}}]
["error", "type 1:2", {"error":{"kind":"type","message":"m","line":1,"column":2}}, {"error":{"kind":"type","message":"m"}}]
["error", "resource", {"error":{"kind":"resource","message":"m"}}, {"error":{"kind":"resource"}}]
"#;

/// A harness that cannot fail is worth nothing.
fn wrong_answers_fail() -> Result<(), Failed> {
    let mut complaints = String::new();
    for row in RIGHT_AND_WRONG.lines().filter(|row| !row.is_empty()) {
        let row: Value = serde_json::from_str(row)?;
        let expected = match row[0].as_str() {
            Some("value") => Expected::Answer {
                value: Some(row[1].clone()),
                grad: None,
            },
            Some("grad") => Expected::Answer {
                value: None,
                grad: row[1].as_object().cloned(),
            },
            _ => expected_error(&string(&row[1]))?,
        };
        if let Err(complaint) = verdict(&expected, &row[2]) {
            _ = writeln!(complaints, "a right answer is refused, {complaint}: {row}");
        }
        if verdict(&expected, &row[3]).is_ok() {
            _ = writeln!(complaints, "a wrong answer passes: {row}");
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.into())
    }
}

// ---------------------------------------------------------------- reading cases

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn public_cases(path: &Path) -> Vec<Case> {
    let parse = |line: &str| {
        let case: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        public_case(&case)
    };
    read(path).lines().map(parse).collect()
}

fn public_case(case: &Value) -> Case {
    let text = |field: &str| {
        case[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field}: {case}"))
    };
    let object = |field: &str| case[field].as_object().cloned();
    let inputs = object("inputs").unwrap_or_default();
    let lanes = object("lanes");
    let grad = object("grad");
    let named = case["wrt"]
        .as_array()
        .map(|names| names.iter().map(string).collect());
    let all = || {
        let names = inputs.keys().chain(lanes.iter().flat_map(Map::keys));
        names.cloned().collect()
    };
    let wrt = grad.is_some().then(|| named.unwrap_or_else(all));
    let expect = &case["expect"];
    let expected = match text("kind") {
        "error" => Expected::Error {
            kind: string(&expect["error"]),
            position: expect["line"].as_u64().zip(expect["col"].as_u64()),
        },
        _ => Expected::Answer {
            value: Some(expect.clone()),
            grad,
        },
    };
    Case {
        name: format!("public/{}", text("id")),
        source: text("source").to_owned(),
        modes: MODES.to_vec(),
        fuel: case["fuel"].as_u64().unwrap_or(DEFAULT_FUEL),
        relaxation: Map::new(),
        checks: vec![Check {
            inputs,
            lanes,
            wrt,
            expected,
        }],
    }
}

fn string(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}

fn own_cases(folder: &Path) -> Vec<Case> {
    let entries = |folder: &Path| {
        let entries =
            fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        paths
    };
    let mut cases = Vec::new();
    for area in entries(folder).iter().filter(|path| path.is_dir()) {
        for path in entries(area) {
            if path.extension().is_some_and(|extension| extension == "scm") {
                let name = |path: &Path| {
                    path.file_stem()
                        .map(|stem| stem.to_string_lossy().into_owned())
                };
                let name = [name(area), name(&path)]
                    .map(Option::unwrap_or_default)
                    .join("/");
                cases.push(own_case(&format!("own/{name}"), read(&path)));
            } else {
                // Notes may stand beside programs.
                assert!(
                    path.extension().is_some_and(|extension| extension == "md"),
                    "{}: not a `.scm` file, so nothing would run it",
                    path.display()
                );
            }
        }
    }
    cases
}

fn own_case(name: &str, source: String) -> Case {
    let mut case = Case {
        name: name.to_owned(),
        source: String::new(),
        modes: MODES.to_vec(),
        fuel: DEFAULT_FUEL,
        relaxation: Map::new(),
        checks: Vec::new(),
    };
    for line in source.lines().map_while(|line| line.strip_prefix(";;")) {
        header_line(&mut case, line)
            .unwrap_or_else(|complaint| panic!("{name}: {complaint}: {line}"));
    }
    assert!(
        !case.checks.is_empty(),
        "{name}: the file says nothing that could be checked"
    );
    case.source = source;
    case
}

fn header_line(case: &mut Case, line: &str) -> Result<(), String> {
    let Some((key, rest)) = line.trim().split_once(':') else {
        return Ok(());
    };
    if key.contains(char::is_whitespace) {
        return Ok(());
    }
    match key {
        "modes" => {
            case.modes = rest
                .split_whitespace()
                .map(mode_named)
                .collect::<Result<_, _>>()?;
        }
        "fuel" => case.fuel = rest.trim().parse().map_err(|_| "fuel is a number")?,
        "relax" => case.relaxation = named_values(rest, |pair| pair.split_once('='))?,
        "run" | "grad" | "error" | "lanes" | "lanes-grad" => case.checks.push(check(key, rest)?),
        _ => return Err(format!("`{key}` is no header")),
    }
    Ok(())
}

fn mode_named(name: &str) -> Result<&'static str, String> {
    let found = MODES.into_iter().find(|&mode| mode == name);
    found.ok_or_else(|| format!("`{name}` is no mode"))
}

fn check(key: &str, rest: &str) -> Result<Check, String> {
    let (inputs, expected) = rest.split_once("=>").ok_or("no `=>`")?;
    let (inputs, lanes) = match inputs.split_once('|') {
        Some((shared, lanes)) => (
            shared,
            Some(named_values(lanes, |pair| pair.split_once('='))?),
        ),
        None => (inputs, None),
    };
    if lanes.is_some() != key.starts_with("lanes") {
        return Err("lanes, and lanes alone, stand after a `|`".to_owned());
    }
    let mut wrt = None;
    let expected = match key {
        "error" => expected_error(expected)?,
        "run" | "lanes" => {
            let value = Some(json_value(expected.trim())?);
            Expected::Answer { value, grad: None }
        }
        _ => {
            let grad = named_values(expected, |pair| pair.rsplit_once(':'))?;
            wrt = Some(grad.keys().cloned().collect());
            Expected::Answer {
                value: None,
                grad: Some(grad),
            }
        }
    };
    let (asked, inputs): (Vec<_>, Vec<_>) = inputs
        .split_whitespace()
        .partition(|word| word.starts_with("wrt:"));
    for names in asked {
        wrt = Some(
            names["wrt:".len()..]
                .split(',')
                .map(str::to_owned)
                .collect(),
        );
    }
    let inputs = named_values(&inputs.join(" "), |pair| pair.split_once('='))?;
    Ok(Check {
        inputs,
        lanes,
        wrt,
        expected,
    })
}

fn named_values(
    text: &str,
    split: impl Fn(&str) -> Option<(&str, &str)>,
) -> Result<Map<String, Value>, String> {
    let entry = |pair| {
        let (name, value) =
            split(pair).ok_or_else(|| format!("`{pair}` has no name or no value"))?;
        Ok((name.to_owned(), json_value(value)?))
    };
    text.split_whitespace().map(entry).collect()
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("`{text}`: {error}"))
}

/// `kind` or `kind line:col`.
fn expected_error(text: &str) -> Result<Expected, String> {
    let mut words = text.split_whitespace();
    let kind = words.next().ok_or("no kind of error")?.to_owned();
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("`{text}` is no number"))
    };
    let position = match words.next() {
        Some(place) => {
            let (line, column) = place.split_once(':').ok_or("a position is line:col")?;
            Some((number(line)?, number(column)?))
        }
        None => None,
    };
    Ok(Expected::Error { kind, position })
}
