//! `dmci time`, run as people run it: what it prints, and what it refuses.
//!
//! **Invariants**
//! - No test says how long anything takes.

use crate::cli::{directory, dmci, dmci_with, file};
use serde_json::{Value, json};

const DECAY: &str = "(* a (exp (* (- b) x)))";

/// `dmci time` of a program with few samples.
fn time(program: &str, more: &[&str]) -> crate::cli::Run {
    let all = ["time", "-e", program, "--repetitions", "2"];
    dmci(&[&all, more].concat())
}

fn is_time(value: &Value) -> bool {
    value.as_f64().is_some_and(|nanoseconds| nanoseconds > 0.0)
}

#[test]
fn json_holds_times_and_what_was_recorded() {
    let inputs = r#"{"a":2.5,"b":0.8,"x":1.5}"#;
    for mode in ["interpreter", "direct"] {
        let more = ["--inputs", inputs, "--wrt", "a,b", "--mode", mode, "--json"];
        let answer = time(DECAY, &more).json();
        let object = answer.as_object().expect("an object");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "bytes",
                "changed",
                "cold",
                "lanes",
                "operations",
                "paths",
                "threads",
                "value",
                "value_grad"
            ]
        );
        for key in ["cold", "value", "value_grad"] {
            assert!(is_time(&answer[key]), "{key}: {answer}");
        }
        assert_eq!(answer["lanes"], json!(1));
        assert_eq!(answer["threads"], json!(1));
        assert_eq!(answer["paths"], json!(1));
        assert_eq!(answer["operations"], json!(4));
        assert_eq!(answer["changed"], json!(["a", "b", "x"]));
        assert!(answer["bytes"].as_u64() > Some(0));
    }
}

#[test]
fn lanes_are_listed_or_spread_and_branch_as_they_like() {
    let program = "(if (< x 2) (* a x x) (* a (sqrt x)))";
    for (lanes, count) in [
        (r#"{"x":[0.5,1,2.5]}"#, 3),
        (r#"{"x":{"from":0,"to":5,"count":64}}"#, 64),
    ] {
        for wrt in ["a", "a,x"] {
            let more = [
                "--inputs",
                r#"{"a":2}"#,
                "--lane-inputs",
                lanes,
                "--wrt",
                wrt,
                "--json",
            ];
            let answer = time(program, &more).json();
            assert_eq!(answer["lanes"], json!(count));
            assert!(is_time(&answer["value_grad"]), "{answer}");
        }
    }
    let directory = directory("time-lanes");
    let lanes = file(&directory, "lanes.json", r#"{"x":[0.5,1]}"#);
    let program = file(&directory, "program.scm", program.as_bytes());
    let answer = dmci(&[
        "time",
        &program,
        "-i",
        "a=1",
        "--wrt",
        "a",
        "--lane-inputs",
        &format!("@{lanes}"),
        "--threads",
        "2",
        "--repetitions",
        "1",
        "--json",
    ]);
    let answer = answer.json();
    assert_eq!(answer["threads"], json!(2));
    assert_eq!(answer["lanes"], json!(2));
}

#[test]
fn lists_stay_and_params_have_the_values_declared() {
    let program = "(param k 0.5) (* k (dot v v) x)";
    let more = ["--inputs", r#"{"v":[1,2],"x":3}"#, "--wrt", "k", "--json"];
    assert_eq!(time(program, &more).json()["changed"], json!(["x", "k"]));
}

#[test]
fn a_name_may_stand_for_many_numbers() {
    let more = ["--inputs", r#"{"w":[1,2,3],"k":2}"#, "--wrt", "k,w"];
    for lanes in [&[][..], &["--lane-inputs", r#"{"k":[1,2,3,4]}"#]] {
        let more = [&more, lanes, &["--json"]].concat();
        let answer = time("(* k (dot w w))", &more).json();
        assert!(is_time(&answer["value_grad"]), "{answer}");
    }
}

#[test]
fn counts_stay_as_they_are() {
    let program = "(let go ((i 0) (s 0.0)) (if (= i n) s (go (+ i 1) (+ s (* a i)))))";
    let more = ["-i", "n=10", "-i", "a=0.5", "--wrt", "a"];
    let answer = time(program, &[&more[..], &["--json"]].concat()).json();
    assert_eq!(answer["changed"], json!(["a"]));
    assert_eq!(answer["paths"], json!(1));
    let run = time(program, &more);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("`n` stays as it is"), "{}", run.err);
}

#[test]
fn people_get_a_table_with_units() {
    let more = [
        "-i",
        "a=2",
        "-i",
        "b=1",
        "--lane-inputs",
        r#"{"x":[1,2]}"#,
        "--wrt",
        "a,b",
    ];
    let out = time(DECAY, &more).ok();
    for word in [
        "median",
        "fastest",
        "slowest",
        "a lane",
        "cold",
        "value and gradient",
        "trace operations",
        "paths",
        "bytes of paths",
        "lanes",
        "threads",
        " µs",
    ] {
        assert!(out.contains(word), "{word} in\n{out}");
    }
}

#[test]
fn compiled_programs_and_standard_input_are_timed_too() {
    let directory = directory("time-compiled");
    let program = file(&directory, "p.scm", DECAY);
    let compiled = directory.join("p.ncg");
    let compiled = compiled.to_str().expect("UTF-8");
    dmci(&["compile", &program, "-o", compiled]);
    let more = [
        "-i",
        "a=2",
        "-i",
        "b=1",
        "-i",
        "x=1",
        "--wrt",
        "a",
        "--repetitions",
        "1",
        "--json",
    ];
    let from_file = dmci(&[&["time", compiled], &more[..]].concat());
    assert!(is_time(&from_file.json()["cold"]));
    let from_stdin = dmci_with(&[&["time", "-"], &more[..]].concat(), DECAY.as_bytes());
    assert!(is_time(&from_stdin.json()["cold"]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let given = ["-i", "a=2", "-i", "b=1", "-i", "x=1"];
    for (more, code, said) in [
        (&["--wrt", "c"][..], 1, "`c`"),
        (&["--wrt", ""], 2, "--wrt"),
        (&[], 2, "--wrt"),
        (&["--wrt", "a", "--threads", "0"], 2, "1 or more"),
        (&["--wrt", "a", "--mode", "fast"], 2, "interpreter"),
        (
            &["--wrt", "a", "--lane-inputs", r#"{"x":[1,2],"y":[1]}"#],
            2,
            "`y` has 1 values, the first has 2",
        ),
        (&["--wrt", "a", "--lane-inputs", "{}"], 2, "no lanes"),
        (
            &["--wrt", "a", "--lane-inputs", r#"{"x":[]}"#],
            2,
            "no lanes",
        ),
        (
            &["--wrt", "a", "--lane-inputs", r#"{"x":1}"#],
            2,
            "`x` is 1",
        ),
        (
            &["--wrt", "a", "--lane-inputs", r#"{"x":{"from":1,"to":2}}"#],
            2,
            "\"count\":1024",
        ),
        (&["--wrt", "a", "--threads", "100000"], 2, "1024 or fewer"),
        (
            &["--wrt", "a", "--lane-inputs", "@no-such-file"],
            1,
            "no such file",
        ),
    ] {
        let err = time(DECAY, &[&given, more].concat()).fails(code);
        assert!(err.contains(said), "{said}: {err}");
    }
    let err = time(DECAY, &["-i", "a=1", "-i", "b=1", "--wrt", "a"]).fails(1);
    assert!(err.contains("error[unbound]"), "{err}");
    let err = time("(list a a)", &["-i", "a=1", "--wrt", "a"]).fails(1);
    assert!(err.contains("number"), "{err}");
    let err = time("v", &["--inputs", r#"{"v":[1,2]}"#, "--wrt", "v"]).fails(1);
    assert!(err.contains('v'), "{err}");
}

#[test]
fn a_lane_input_without_use_is_warned_of() {
    let more = [
        "-i",
        "a=2",
        "--lane-inputs",
        r#"{"z":[1,2]}"#,
        "--wrt",
        "a",
        "--json",
    ];
    let run = time("(* a a)", &more);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("`z`"), "{}", run.err);
}
