//! The targets, one test each.

use crate::change::changed;
use crate::random::Random;
use crate::{Outcome, fuzz};
use dmci::cli::eval::Answerer;
use dmci::fit::{FitOptions, Missing, TableOptions, fit};
use dmci::graph::ncg;
use dmci::{Bindings, Interpreter, Limits, Mode, Model, Threads, Workspace, Wrt, compile_program};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const HEAP: usize = 16 << 20;
const NAMES: [&str; 4] = ["x", "y", "a", "b"];

fn limits() -> Limits {
    let limits = Limits::new().fuel(20_000).heap_bytes(HEAP).depth(20_000);
    limits
        .output_bytes(1 << 20)
        .timeout(Duration::from_millis(500))
}

/// What an input may hold: the heap, what is printed, and the front end's part for its text.
fn memory(bytes: usize) -> usize {
    HEAP + (24 << 20) + 600 * bytes
}

/// All programs of the corpus.
fn programs() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let public = std::fs::read_to_string(folder.join("public.jsonl")).expect("the corpus is there");
    let mut programs: Vec<String> = public
        .lines()
        .filter_map(|line| {
            let case: Value = serde_json::from_str(line).ok()?;
            Some(case["source"].as_str()?.to_owned())
        })
        .collect();
    let mut own = Vec::new();
    for area in std::fs::read_dir(&folder)
        .expect("the corpus is there")
        .flatten()
    {
        for file in std::fs::read_dir(area.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            own.push(file.path());
        }
    }
    own.sort();
    programs.extend(
        own.iter()
            .filter_map(|path| std::fs::read_to_string(path).ok()),
    );
    programs.retain(|program| program.len() < 5000);
    assert!(programs.len() > 500, "the corpus is there");
    programs
}

fn bindings() -> Bindings {
    NAMES.into_iter().zip([1.5, -0.25, 2.0, 0.5]).collect()
}

#[test]
fn text() {
    let programs = programs();
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let pick = |random: &mut Random| programs[random.below(programs.len())].clone();
    fuzz(
        "text",
        400,
        memory,
        |random| {
            let (one, other) = (pick(random), pick(random));
            changed(&one, &other, false, random).into_bytes()
        },
        |input| {
            let text = std::str::from_utf8(input).expect("texts are changed by characters");
            let mode = [Mode::Interpreter, Mode::Direct][input.len() % 2];
            let inputs = bindings();
            let model = match interpreter.model_for(text, &inputs, mode) {
                Ok(model) => model.with_threads(Threads::ONE),
                Err(error) => return placed(&error, text),
            };
            match model.evaluate(&inputs, Wrt::All, &limits(), &mut workspace) {
                Ok(_) => Outcome::Ran,
                Err(error) => match placed(&error, text) {
                    Outcome::Refused => Outcome::Ran,
                    other => other,
                },
            }
        },
    );
}

/// An error has words, and a place that is in the text.
fn placed(error: &dmci::Error, text: &str) -> Outcome {
    let message = error.to_string();
    if message.is_empty() || message.len() > 100_000 {
        return Outcome::Wrong(format!("a message of {} bytes", message.len()));
    }
    match error.position(text) {
        Some(at) if at.line as usize > text.split('\n').count() => {
            Outcome::Wrong(format!("{at} is no place: {message}"))
        }
        _ => Outcome::Refused,
    }
}

#[test]
fn lines() {
    let programs = programs();
    let mut answerer = Answerer::new(Interpreter::embedded()).threads(Threads::ONE);
    let pick =
        |random: &mut Random| request(&programs[random.below(programs.len())], random).to_string();
    fuzz(
        "lines",
        400,
        |bytes| memory(bytes) + (128 << 20),
        |random| {
            let (one, other) = (pick(random), pick(random));
            let line = changed(&one, &other, true, random);
            line.replace(['\n', '\r'], " ").into_bytes()
        },
        |input| {
            let line = std::str::from_utf8(input).expect("texts are changed by characters");
            // Who asks for more than there is by default gets it, and may wait.
            let asks_for_more = |name: &str, most: f64| {
                let request = serde_json::from_str::<Value>(line).ok();
                let asked = request.and_then(|request| request.get(name)?.as_f64());
                asked.is_some_and(|asked| asked > most)
            };
            if asks_for_more("fuel", 1e6) || asks_for_more("heap_bytes", 128e6) {
                return Outcome::Refused;
            }
            let answer = answerer.answer(line);
            // Read by its members: a value may be a list in a list as deep as the program likes.
            match serde_json::from_str::<Answer>(&answer) {
                Ok(Answer { error: None }) => Outcome::Ran,
                Ok(Answer { error: Some(error) }) => match error.kind.as_str() {
                    "request" => Outcome::Refused,
                    "internal" => Outcome::Wrong(answer),
                    _ => Outcome::Ran,
                },
                Err(error) => Outcome::Wrong(format!("the answer is {error}: {answer:.300}")),
            }
        },
    );
}

/// What is looked at of an answer.
#[derive(Deserialize)]
struct Answer {
    error: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    kind: String,
}

/// A request that is sound.
fn request(source: &str, random: &mut Random) -> Value {
    let mut request = json!({"source": source, "fuel": 20_000, "inputs": {"x": 1.5, "y": -0.25}});
    if random.percent(40) {
        request["wrt"] = json!(["x"]);
    }
    if random.percent(30) {
        request["lanes"] = json!({"x": [1, -1.5, 0, "nan"]});
        request["inputs"] = json!({"y": 2});
    }
    if random.percent(30) {
        request["mode"] = json!(random.pick(&["direct", "nested", "interpreter"]));
    }
    if random.percent(30) {
        let limit = random.pick(&[
            "heap_bytes",
            "depth",
            "timeout_ms",
            "output_bytes",
            "text_bytes",
            "trace_bytes",
        ]);
        request[limit] = json!(random.below(1 << 20));
    }
    if random.percent(20) {
        request["stats"] = json!(true);
        request["id"] = json!(random.below(100));
    }
    request
}

#[test]
fn lanes() {
    let programs = programs();
    let interpreter = Interpreter::embedded();
    let column = |random: &mut Random| -> Vec<f64> {
        const STEEP: [f64; 14] = [
            0.0,
            1.0,
            -1.0,
            0.5,
            2.0,
            3.0,
            -2.5,
            100.0,
            1e-3,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            1e308,
            -7.0,
        ];
        let length = 1 + random.below(9);
        (0..length)
            .map(|_| {
                if random.percent(60) {
                    STEEP[random.below(STEEP.len())]
                } else {
                    random.between(-4.0, 4.0)
                }
            })
            .collect()
    };
    fuzz(
        "lanes",
        200,
        |bytes| 2 * memory(bytes),
        |random| {
            let mut source = programs[random.below(programs.len())].clone();
            if random.percent(50) {
                let other = &programs[random.below(programs.len())];
                source = changed(&source, other, false, random);
            }
            let mut input = String::new();
            for x in column(random) {
                let _ = write!(input, "{x} ");
            }
            (input + "\n" + &source).into_bytes()
        },
        |input| {
            let text = std::str::from_utf8(input).expect("texts are changed by characters");
            let (column, source) = text.split_once('\n').expect("numbers come first");
            let column: Vec<f64> = column
                .split_whitespace()
                .map(|x| x.parse().expect("a number"))
                .collect();
            same_alone(&interpreter, source, &column)
        },
    );
}

/// A batch gives what each lane gives to a model of its own.
fn same_alone(interpreter: &Interpreter, source: &str, column: &[f64]) -> Outcome {
    // Enough for each lane alone and for all together, or nothing is compared.
    let limits = limits().timeout(Duration::from_secs(5));
    let model = || {
        let model = interpreter.model_for(source, &bindings(), Mode::Interpreter)?;
        Ok::<Model, dmci::Error>(model.with_threads(Threads::ONE))
    };
    let Ok(together) = model() else {
        return Outcome::Refused;
    };
    let shared: Bindings = NAMES[1..].iter().copied().zip([-0.25, 2.0, 0.5]).collect();
    let lanes = together.value_and_grad_lanes(
        &shared,
        &[("x", column)],
        &[],
        dmci::OnError::Collect,
        &limits.fuel(20_000 * column.len() as u64),
        &mut Workspace::new(),
    );
    let Ok(lanes) = lanes else {
        return Outcome::Refused;
    };
    for (lane, (&x, found)) in column.iter().zip(&lanes.values).enumerate() {
        let mut inputs = bindings();
        inputs.set("x", x);
        let alone = model().and_then(|model| {
            model.evaluate(&inputs, Wrt::Nothing, &limits, &mut Workspace::new())
        });
        let (found, expected) = match (found, alone) {
            (Ok(found), Ok(alone)) => (found.to_json(), alone.value.to_json()),
            (Err(found), Err(alone)) => {
                let kinds = [found.kind(), alone.kind()];
                if kinds.contains(&dmci::Kind::Resource) {
                    continue;
                }
                (
                    format!("{:?} {:?}", found.kind(), found.position(source)),
                    format!("{:?} {:?}", alone.kind(), alone.position(source)),
                )
            }
            // What is enough for one is not known to be enough for another.
            (Err(error), Ok(_)) if error.kind() == dmci::Kind::Resource => continue,
            (Ok(_), Err(error)) if error.kind() == dmci::Kind::Resource => continue,
            (found, alone) => (
                found
                    .as_ref()
                    .map_or_else(|e| format!("error {e}"), dmci::Output::to_json),
                alone.map_or_else(|e| format!("error {e}"), |e| e.value.to_json()),
            ),
        };
        if found != expected {
            return Outcome::Wrong(format!(
                "lane {lane}, {x}: {found:.300}, alone {expected:.300}"
            ));
        }
    }
    Outcome::Ran
}

#[test]
fn tables() {
    let model = Interpreter::embedded()
        .model("(param k 1.0)\n(observe y (* k x))")
        .expect("it compiles");
    fuzz(
        "tables",
        400,
        |bytes| memory(bytes) + (32 << 20),
        |random| {
            let mut table = String::from("x,y,z\n");
            for row in 0..random.below(12) {
                let _ = writeln!(table, "{row},{},{}", 2 * row, random.below(100));
            }
            for _ in 0..random.below(4) {
                let (at, piece) = (random.below(table.len() + 1), random.below(16));
                let pieces = [
                    ",", "\n", "\"", "\r\n", "\"\"", "1e999", "nan", "-inf", "", ",,,,", "x",
                    "\u{feff}", "\0", "é", "\t", "0x10",
                ];
                let at = (0..=at)
                    .rev()
                    .find(|&at| table.is_char_boundary(at))
                    .unwrap_or(0);
                table.insert_str(at, pieces[piece]);
            }
            let mut bytes = table.into_bytes();
            if random.percent(20) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            if random.percent(10) {
                let wide = ",c".repeat(random.below(3000));
                bytes.splice(0..0, wide.into_bytes());
            }
            bytes
        },
        |input| {
            // How it is read is made of the input too.
            let sum = input.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
            let options = match sum % 5 {
                0 => TableOptions::default().separator(';').decimal(','),
                1 => TableOptions::default().separator(' ').comment('#'),
                2 => TableOptions::default().missing(Missing::Drop),
                _ => TableOptions::default(),
            };
            let Ok(table) = options.from_reader(input, "random.csv") else {
                return Outcome::Refused;
            };
            let options = FitOptions::default().starts(1);
            match fit(&model, &table, &options) {
                Ok(_) => Outcome::Ran,
                Err(error) if error.to_string().is_empty() => {
                    Outcome::Wrong("an error without words".into())
                }
                Err(_) => Outcome::Ran,
            }
        },
    );
}

/// Numbers and strings of a JSON text, from a place on.
fn tokens(text: &str, from: usize) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    let mut found = Vec::new();
    while at < bytes.len() {
        let start = at;
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += 1 + usize::from(bytes[at] == b'\\');
            }
            at = (at + 1).min(bytes.len());
        } else {
            while at < bytes.len()
                && (bytes[at].is_ascii_alphanumeric() || b"+-.".contains(&bytes[at]))
            {
                at += 1;
            }
        }
        if at == start {
            at += 1;
        } else {
            found.push((start, at));
        }
    }
    found
}

#[test]
fn graphs() {
    let interpreter = Interpreter::embedded();
    let files: Vec<String> = programs()
        .iter()
        .filter(|program| program.len() < 800)
        .filter_map(|program| compile_program(&interpreter, program).ok())
        .map(|graph| ncg::write(&graph))
        .collect();
    fuzz(
        "graphs",
        400,
        |bytes| memory(bytes) + (8 << 20),
        |random| {
            let mut text = files[random.below(files.len())].clone();
            let head = text.find("\"graph\":").expect("there is one") + 8;
            for _ in 0..=random.below(3) {
                let all = tokens(&text, head);
                let (from, to) = all[random.below(all.len())];
                let (a, b) = all[random.below(all.len())];
                let new = match random.below(4) {
                    0 => random.below(40).to_string(),
                    1 => random
                        .pick(&[
                            "0",
                            "1",
                            "4294967295",
                            "-1",
                            "1e300",
                            "true",
                            "false",
                            "null",
                        ])
                        .to_owned(),
                    _ => text[a..b].to_owned(),
                };
                text.replace_range(from..to, &new);
            }
            // The hash is right, so it is the reader's checks that are tried.
            let section = text[head..]
                .trim_end()
                .strip_suffix('}')
                .unwrap_or_default();
            let hash: String =
                Sha256::digest(section)
                    .iter()
                    .fold(String::new(), |mut hash, byte| {
                        let _ = write!(hash, "{byte:02x}");
                        hash
                    });
            let start = text.find("\"hash\":\"").expect("there is one") + 8;
            text.replace_range(start..start + 64, &hash);
            text.into_bytes()
        },
        |input| {
            let text = std::str::from_utf8(input).expect("files are changed by tokens");
            let Ok(graph) = ncg::read(text) else {
                return Outcome::Refused;
            };
            let Ok(model) = Model::from_graph(&graph) else {
                return Outcome::Refused;
            };
            let model = model.with_threads(Threads::ONE);
            let mut workspace = Workspace::new();
            for x in [1.5, f64::NAN] {
                let mut inputs = bindings();
                inputs.set("x", x);
                let _ = model.evaluate(&inputs, Wrt::All, &limits(), &mut workspace);
            }
            Outcome::Ran
        },
    );
}
