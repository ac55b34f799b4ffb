//! `dmci eval --jsonl` under strangers, and what every command makes of limits and large numbers.
//!
//! **Invariants**
//! - Whatever a line holds, it is answered, and the next one is.
//! - No argument makes a command panic, abort or run without end.
#![cfg(feature = "cli")]

use crate::cli::{dmci, dmci_with};
use dmci::Interpreter;
use dmci::cli::eval;
use serde_json::{Value, json};

/// Answers to lines, each with the flags given.
fn answers(flags: &[&str], lines: &[&str]) -> Vec<Value> {
    let input = format!("{}\n", lines.join("\n"));
    let out = dmci_with(&[&["eval", "--jsonl"], flags].concat(), input.as_bytes()).ok();
    let answers = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    answers.collect()
}

/// The kind and message of the only answer.
#[track_caller]
fn refused(flags: &[&str], line: &str) -> (String, String) {
    let answers = answers(flags, &[line, r#"{"id":"next","source":"1"}"#]);
    assert_eq!(answers[1], json!({"id": "next", "value": 1.0}));
    let error = &answers[0]["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("message"))
}

#[test]
fn limits_of_a_request_are_told_by_name() {
    let endless = r#""source":"(let go ((i 0)) (go (+ i 1)))""#;
    let long = r#""source":"(iota 1000)""#;
    for (line, said) in [
        (format!("{{{endless}}}"), "out of fuel: 1000000"),
        (format!(r#"{{{endless},"fuel":5}}"#), "out of fuel: 5"),
        (format!(r#"{{{endless},"fuel":1e12,"timeout_ms":20}}"#), "out of time"),
        (format!(r#"{{{long},"output_bytes":100}}"#), "out of output: the value takes more than 100 bytes"),
        (format!(r#"{{{long},"text_bytes":3}}"#), "text"),
        (format!(r#"{{{long},"heap_bytes":100}}"#), "heap"),
        (
            r#"{"source":"(define (f n) (+ 1 (f n))) (f 1)","depth":100}"#.to_owned(),
            "100",
        ),
        (
            format!(r#"{{"source":"x","lanes":{{"x":[{}1]}},"output_bytes":500}}"#, "1,".repeat(200)),
            "out of output",
        ),
        (
            r#"{"source":"(* 2 x)","inputs":{"x":[1,2,3,4,5,6,7,8]},"wrt":["x"],"output_bytes":200}"#.to_owned(),
            "out of output",
        ),
    ] {
        let (kind, message) = refused(&[], &line);
        assert_eq!(kind, "resource", "{line}: {message}");
        assert!(message.contains(said), "{line}: {message}");
    }
    // Flags are for requests that name none, and cap those that ask for more.
    let (_, message) = refused(&["--fuel", "7"], &format!("{{{endless}}}"));
    assert!(message.contains("out of fuel: 7"), "{message}");
    let asks = format!(r#"{{{endless},"fuel":9}}"#);
    let (_, message) = refused(&["--fuel", "7"], &asks);
    assert!(message.contains("out of fuel: 9"), "{message}");
    let (kind, message) = refused(&["--fuel", "7", "--cap-limits"], &asks);
    assert_eq!(kind, "request");
    assert!(
        message.contains("`fuel` is 9, and 7 is the most"),
        "{message}"
    );
}

#[test]
fn answers_hold_no_more_than_they_need() {
    let long = "a".repeat(100_000);
    for line in [
        format!(r#"{{"source":"(error \"{long}\")"}}"#),
        format!(r#"{{"source":"{long}"}}"#),
        format!(r#"{{"{long}":1}}"#),
        format!(r#"{{"id":"{long}","source":"1"}}"#),
        format!(r#"{{"source":"1","inputs":{{"{long}":"{long}"}}}}"#),
        format!(r#"{{"source":"1","mode":"{long}"}}"#),
    ] {
        let out = dmci_with(&["eval", "--jsonl"], format!("{line}\n").as_bytes()).ok();
        assert!(
            out.len() < 5000 && out.contains("\"error\""),
            "{}",
            out.len()
        );
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_with_its_id() {
    let long = format!(r#"{{"id":7,"source":"{}"}}"#, "x".repeat(200_000));
    let lines = [
        r#"{"id":1,"source":"1"}"#,
        &long,
        r#"{"id":2,"source":"2"}"#,
    ];
    let answers = answers(&["--max-line", "100kB", "--threads", "2"], &lines);
    assert_eq!(answers[0], json!({"id": 1, "value": 1.0}));
    assert_eq!(answers[1]["id"], 7);
    assert_eq!(answers[1]["error"]["kind"], "request");
    let message = answers[1]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("100000 is the most"), "{message}");
    assert_eq!(answers[2], json!({"id": 2, "value": 2.0}));
}

#[test]
fn names_given_twice_are_refused_at_every_door() {
    let (kind, message) = refused(&[], r#"{"source":"x","inputs":{"x":1,"x":2}}"#);
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("request", "the input `x` is given twice; give it once")
    );
    let err = dmci(&["run", "-e", "x", "--inputs", r#"{"x":1,"x":2}"#]).fails(2);
    assert!(err.contains("the input `x` is given twice"), "{err}");
    let lanes = [
        "time",
        "-e",
        "x",
        "--wrt",
        "x",
        "--lane-inputs",
        r#"{"x":[1],"x":[2]}"#,
    ];
    let err = dmci(&lanes).fails(2);
    assert!(err.contains("the lane input `x` is given twice"), "{err}");
}

/// Fast answers are there while a slow line runs, and when a signal ends it.
#[test]
#[cfg(unix)]
fn finished_answers_are_written_before_a_slow_line_and_on_sigterm() {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_dmci"))
        .args(["eval", "--jsonl", "--threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dmci");
    let quick = "{\"source\":\"1\"}\n".repeat(40);
    let slow = r#"{"source":"(let go ((i 0)) (go (+ i 1)))","fuel":1e15}"#;
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    let expected = "{\"value\":1.0}\n";
    let mut read = |count: usize| {
        let mut answers = vec![0; count * expected.len()];
        stdout.read_exact(&mut answers).expect("answers");
        assert_eq!(answers, expected.repeat(count).into_bytes());
    };
    stdin.write_all(quick.as_bytes()).expect("a reader");
    read(40);
    let rest = format!("{}{slow}\n{}", &quick[..3 * 15], &quick);
    stdin.write_all(rest.as_bytes()).expect("a reader");
    read(3);
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.expect("kill").success());
    let status = child.wait().expect("an end");
    let mut left = String::new();
    stdout.read_to_string(&mut left).expect("text");
    assert_eq!(left, "");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
}

#[test]
fn every_number_of_every_command_is_met_with_a_result_or_a_message() {
    let folder = std::env::temp_dir().join(format!("dmci-numbers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (model, data) = (folder.join("m.scm"), folder.join("d.csv"));
    std::fs::write(&model, "(param k 1.0) (observe y (* k t))").expect("a file");
    std::fs::write(&data, "t,y\n1,2\n2,4\n3,6.1\n").expect("a file");
    let (model, data) = (
        model.to_str().expect("UTF-8"),
        data.to_str().expect("UTF-8"),
    );
    let limits = [
        "--fuel",
        "--heap",
        "--depth",
        "--timeout",
        "--text",
        "--output-bytes",
        "--trace-bytes",
    ];
    let of_all: Vec<&str> = limits.to_vec();
    let with = |more: &[&'static str]| [more, &of_all].concat();
    let out = folder.join("o.ncg");
    let out = out.to_str().expect("UTF-8");
    let fit = ["fit", model, data, "--quiet", "--max-iterations", "3"];
    let commands: [(&[&str], Vec<&str>); 9] = [
        (
            &["run", "-e", "(* x 2)", "-i", "x=1"],
            with(&["--temperature", "--gumbel-seed"]),
        ),
        (&["grad", "-e", "(* x 2)", "-i", "x=1"], of_all.clone()),
        (&fit, with(&["--starts", "--threads", "--seed"])),
        (
            &["fit", model, data, "--quiet", "--starts", "1"],
            vec!["--max-iterations"],
        ),
        (&["verify", "-e", "(* x 2)", "-i", "x=1"], of_all.clone()),
        (
            &["show", "-e", "(* x 2)", "-i", "x=1", "--stage", "trace"],
            of_all.clone(),
        ),
        (&["info", "-e", "(* x 2)"], of_all.clone()),
        (&["compile", "-e", "(* x 2)", "-o", out], of_all.clone()),
        (&["eval", "--jsonl"], with(&["--threads", "--max-line"])),
    ];
    let numbers = [
        "0",
        "18446744073709551615",
        "1000000000000",
        "-1",
        "nan",
        "inf",
        "1MB",
    ];
    for (command, flags) in &commands {
        for flag in flags {
            for number in numbers {
                let argument = format!("{flag}={number}");
                let args = [command, &[argument.as_str()][..]].concat();
                let run = dmci_with(&args, b"{\"source\":\"1\"}\n");
                let said = format!("{args:?}: {:?} {}", run.code, run.err);
                assert!(matches!(run.code, Some(0..=2)), "{said}");
                assert!(!run.err.contains("panicked"), "{said}");
                assert!(run.code == Some(0) || run.err.contains("error"), "{said}");
            }
        }
    }
    let err = dmci(&["fit", model, data, "--starts", "1000000"]).fails(2);
    assert!(err.contains("give 100000 or fewer"), "{err}");
    let err = dmci(&["fit", model, data, "--threads", "100000"]).fails(2);
    assert!(err.contains("give 1024 or fewer"), "{err}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn fits_and_traces_end_at_their_limits() {
    let folder = std::env::temp_dir().join(format!("dmci-endless-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (model, data) = (folder.join("m.scm"), folder.join("d.csv"));
    std::fs::write(
        &model,
        "(param k 1.0)(define (g n) (g (+ n 1)))(observe y (g k))",
    )
    .expect("a file");
    std::fs::write(&data, "y\n1\n2\n").expect("a file");
    let (model, data) = (
        model.to_str().expect("UTF-8"),
        data.to_str().expect("UTF-8"),
    );
    let err = dmci(&["fit", model, data, "--quiet", "--fuel", "1e4"]).fails(1);
    assert!(err.contains("evaluations together have 10000"), "{err}");
    let err = dmci(&["fit", model, data, "--quiet", "--timeout", "50ms"]).fails(1);
    assert!(err.contains("out of time"), "{err}");
    let show = [
        "show",
        "--stage",
        "trace",
        "-e",
        "(let go ((i 0)) (go (+ i 1)))",
        "-i",
        "x=1",
        "--fuel",
        "100",
    ];
    let err = dmci(&show).fails(1);
    assert!(err.contains("out of fuel: 100"), "{err}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn of_many_inputs_those_that_are_used_count() {
    let interpreter = Interpreter::embedded();
    let inputs: serde_json::Map<String, Value> =
        (0..3000).map(|i| (format!("x{i}"), json!(i))).collect();
    let mut inputs = inputs;
    inputs.insert("car".into(), json!(5));
    inputs.insert("x6".into(), json!({"list": [1, 2]}));
    for (source, wrt, answer) in [
        // What is not used has a derivative of 0, and what is shadows primitives.
        (
            "(* x7 car)",
            json!(["x7", "x8", "car"]),
            r#"{"value":35.0,"grad":{"x7":5.0,"x8":0.0,"car":7.0}}"#,
        ),
        (
            "(+ |x7| x9)",
            json!(["x7", "x8"]),
            r#"{"value":16.0,"grad":{"x7":1.0,"x8":0.0}}"#,
        ),
        (
            "`(7 ,@x6 ,x8)",
            json!(null),
            r#"{"value":[7.0,1.0,2.0,8.0]}"#,
        ),
        (
            "(let ((x7 1)) '(x9 ,x8))",
            json!(null),
            r#"{"value":[{"sym":"x9"},[{"sym":"unquote"},{"sym":"x8"}]]}"#,
        ),
    ] {
        for mode in ["interpreter", "direct"] {
            let line = json!({"source": source, "inputs": inputs, "wrt": wrt, "mode": mode});
            assert_eq!(
                eval::answer(&interpreter, &line.to_string()),
                answer,
                "{source}"
            );
        }
    }
}
