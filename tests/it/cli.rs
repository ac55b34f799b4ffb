//! The command line, run as people run it: arguments, standard streams, exit codes.
//!
//! **Invariants**
//! - Every command is run at least once as it is meant to be, and once with each kind of fault.
//! - A run that succeeds and warns of nothing leaves standard error empty.
#![cfg(feature = "cli")]

use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Standard output of a run that went well and had nothing to add.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.out
        );
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }

    /// Standard error of a run that failed with a code and printed no data.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(
            (self.code, self.out.as_str()),
            (Some(code), ""),
            "{}",
            self.err
        );
        assert!(self.err.contains("error"), "{}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dmci"))
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dmci starts")
}

pub(crate) fn dmci_with(args: &[&str], input: &[u8]) -> Run {
    let mut child = start(args);
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // On a thread of its own, because both pipes can fill up.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("dmci ends");
    writer.join().expect("writing does not panic");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

pub(crate) fn dmci(args: &[&str]) -> Run {
    dmci_with(args, b"")
}

/// An empty directory for one test.
pub(crate) fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the directory for tests takes another");
    path
}

/// Writes a file, and gives its path as an argument.
pub(crate) fn file(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    fs::write(&path, content).expect("the directory takes files");
    path.to_str().expect("UTF-8").to_owned()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

// ---- run -----------------------------------------------------------------------------------

#[test]
fn run_prints_the_value() {
    assert_eq!(dmci(&["run", "-e", "(+ 1 2)"]).ok(), "3\n");
    assert_eq!(dmci(&["run", "-e", "-1.5"]).ok(), "-1.5\n");
    assert_eq!(
        dmci(&["run", "-e", "(list 1 2.5 'a \"b\" #t)"]).ok(),
        "(1 2.5 a \"b\" #t)\n"
    );
    let value = dmci(&["run", "-e", "(list 1 2.5 'a (/ 0 0.))", "--json"]).json();
    assert_eq!(value, json!({"value": [1.0, 2.5, {"sym": "a"}, "nan"]}));
}

#[test]
fn run_takes_a_file_or_standard_input() {
    let directory = directory("run-takes-a-file");
    let program = file(&directory, "p.scm", "(* 2 21)");
    assert_eq!(dmci(&["run", &program]).ok(), "42\n");
    assert_eq!(dmci_with(&["run", "-"], b"(* 2 21)").ok(), "42\n");
}

#[test]
fn inputs_come_one_by_one_or_as_json() {
    let program = ["run", "-e", "(list a x)"];
    let with = |args: &[&str]| dmci(&[&program, args].concat());
    assert_eq!(
        with(&["--input", "a=-1e-3", "--input", "x=inf"]).ok(),
        "(-0.001 +inf.0)\n"
    );
    assert_eq!(
        with(&["-i", "a=nan", "-i", "x=+inf.0"]).ok(),
        "(+nan.0 +inf.0)\n"
    );
    assert_eq!(
        with(&["--inputs", r#"{"a":1,"x":"-inf"}"#]).ok(),
        "(1.0 -inf.0)\n"
    );
    let both = with(&["--inputs", r#"{"a":1,"x":2}"#, "--input", "x=3"]);
    assert_eq!(both.ok(), "(1.0 3.0)\n");
    let directory = directory("inputs-as-json");
    let inputs = file(&directory, "inputs.json", r#"{"a":1,"x":2}"#);
    assert_eq!(
        with(&["--inputs", &format!("@{inputs}")]).ok(),
        "(1.0 2.0)\n"
    );
}

#[test]
fn malformed_inputs_are_told_what_to_write() {
    for input in ["a", "a=", "=1", "a=b", "a=1,5"] {
        let err = dmci(&["run", "-e", "a", "--input", input]).fails(2);
        assert!(err.contains("NAME=VALUE"), "{err}");
    }
    let twice = dmci(&["run", "-e", "a", "--input", "a=1", "--input", "a=2"]).fails(2);
    assert!(twice.contains("`a` is given twice"), "{twice}");
    for inputs in ["", "[1]", r#"{"a":["y"]}"#, r#"{"a":"x"}"#, r#"{"a":1"#] {
        let err = dmci(&["run", "-e", "a", "--inputs", inputs]).fails(2);
        assert!(err.contains("--inputs: "), "{err}");
    }
    let directory = directory("malformed-inputs");
    let inputs = file(&directory, "inputs.json", "a=1");
    let err = dmci(&["run", "-e", "a", "--inputs", &format!("@{inputs}")]).fails(1);
    assert!(err.contains("inputs.json: "), "{err}");
    let err = dmci(&["run", "-e", "a", "--inputs", "@no-such-file"]).fails(1);
    assert_eq!(err, "error: no-such-file: no such file\n");
}

#[test]
fn modes_agree() {
    let program = "(define (f n) (if (= n 0) x (* 1.5 (f (- n 1))))) (f 3)";
    for mode in ["interpreter", "direct", "nested"] {
        let args = [
            "grad", "-e", program, "--input", "x=2", "--mode", mode, "--json",
        ];
        assert_eq!(
            dmci(&args).json(),
            json!({"value": 6.75, "grad": {"x": 3.375}})
        );
    }
    assert!(
        dmci(&["run", "-e", "1", "--mode", "fast"])
            .fails(2)
            .contains("interpreter")
    );
}

#[test]
fn stats_go_to_standard_error() {
    let run = dmci(&["run", "-e", "(* a a)", "--input", "a=2", "--stats"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "4.0\n"));
    let line = |name: &str| {
        let line = run.err.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line[name.len()..].trim().parse::<u64>().ok())
    };
    assert_eq!(line("applications"), Some(1));
    assert_eq!(line("trace operations"), Some(1));
    assert!(
        line("nodes walked") > Some(0) && line("paths") == Some(1),
        "{}",
        run.err
    );
    let failed = dmci(&["run", "-e", "(car (+ 1 2))", "--stats"]).fails(1);
    assert!(failed.contains("applications"), "{failed}");
}

// ---- faults of programs --------------------------------------------------------------------

#[test]
fn a_report_shows_kind_message_place_and_calls() {
    let program = "(define (f x)\r\n\t(car x))\r\n(define (g é) (+ 1 (f é)))\r\n(g 3)";
    let err = dmci(&["run", "-e", program]).fails(1);
    insta::assert_snapshot!(err.replace(' ', "·"), @r"
    error[type]:·`car`·of·a·number
    ···╭─[·<expression>:2:2·]
    ···│
    ·2·│·········(car·x))
    ···│·········───┬───··
    ···│············╰─────·here
    ───╯
    ··in·`f`,·called·at·3:20
    ··in·`g`,·called·at·4:1
    ");
}

#[test]
fn every_stage_points_at_its_error() {
    for (program, kind, place) in [
        ("(+ 1\n  (* 2 3)", "syntax", "1:1"),
        ("(list 1\n  (if))", "syntax", "2:3"),
        ("(let ((é 1))\n\t(set! é 2))", "unsupported", "2:2"),
        ("(+ 1\r\n   (sine 3))", "unbound", "2:5"),
        ("(list \"日本\" (car 1))", "type", "1:12"),
        ("((lambda (x) x))", "arity", "1:1"),
        ("(begin 1 (2 3))", "not-a-function", "1:10"),
        ("(list-ref '(1 2) 2)", "index", "1:1"),
        ("(error \"no\" 1)", "user", "1:1"),
    ] {
        let err = dmci(&["run", "-e", program]).fails(1);
        assert!(err.starts_with(&format!("error[{kind}]: ")), "{err}");
        assert!(err.contains(&format!("[ <expression>:{place} ]")), "{err}");
        assert!(err.contains('┬'), "{err}");
    }
    let err = dmci(&["run", "-e", "(let f () (f))", "--fuel", "100"]).fails(1);
    assert!(
        err.starts_with("error[resource]: ") && err.contains("100"),
        "{err}"
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let err = dmci(&["run", "-e", "(error \"a\u{1b}[31m\nb\")"]).fails(1);
    assert!(err.starts_with("error[user]: a\\u{1b}[31m\\nb"), "{err}");
    assert!(!err.contains('\u{1b}'));
}

#[test]
fn what_may_go_wrong_is_a_warning() {
    let program = "(if #t 1 (list (sine 2) (car 1 2)))";
    let run = dmci(&["run", "-e", program]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "1\n"));
    assert!(
        run.err
            .contains("warning: `car` takes 1 argument, and gets 2 here"),
        "{}",
        run.err
    );
    assert!(
        run.err
            .contains("warning: `sine` is not defined; is it `sin`?"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains(":1:17 ]") && run.err.contains(":1:25 ]"),
        "{}",
        run.err
    );
    // What happens is told once.
    let err = dmci(&["run", "-e", "(* rate 2)"]).fails(1);
    assert!(
        err.contains("--input rate=1.5") && !err.contains("warning"),
        "{err}"
    );
}

#[test]
fn inputs_that_are_not_used_are_told() {
    let run = dmci(&["run", "-e", "(if #f rate 0)", "--input", "raet=2"]);
    assert_eq!(run.code, Some(0));
    let expected = "warning: the program does not use the input `raet`; is it `rate`?\n";
    assert!(run.err.contains(expected), "{}", run.err);
}

#[test]
fn files_that_cannot_be_had_are_one_line() {
    let directory = directory("files-that-cannot-be-had");
    let broken = file(&directory, "broken.scm", b"(+ 1\n\xff)");
    for (path, said) in [
        ("no-such-file", "no-such-file: no such file"),
        (directory.to_str().unwrap(), "a directory; give a file"),
        (&broken, "broken.scm:2: not UTF-8 text"),
    ] {
        let err = dmci(&["run", path]).fails(1);
        assert!(err.contains(said) && err.lines().count() == 1, "{err}");
    }
}

#[test]
fn usage_is_its_own_exit_code() {
    for args in [
        &["run"][..],
        &["run", "-e", "1", "file"],
        &["run", "-e", "1", "--fuel", "-1"],
        &["grad", "-e", "1", "--wrt", ""],
        &["show", "-e", "1"],
        &["show", "-e", "1", "--stage", "core", "--dot"],
        &["compile", "-o", "x.ncg"],
        &["fit", "model.scm"],
        &["fit", "model.scm", "data.csv", "--starts", "0"],
        &["eval"],
        &["walk"],
    ] {
        dmci(args).fails(2);
    }
    assert_eq!(dmci(&[]).code, Some(2));
    assert!(dmci(&["--help"]).ok().contains("Exit codes"));
    assert!(dmci(&["grad", "--help"]).ok().contains("@1:9"));
    assert!(dmci(&["--version"]).ok().starts_with("dmci "));
}

// ---- grad ----------------------------------------------------------------------------------

#[test]
fn grad_prints_value_and_derivatives() {
    let out = dmci(&["grad", "-e", "(* a x)", "--input", "a=2", "--input", "x=3"]).ok();
    insta::assert_snapshot!(out, @r"
    value  6.0

    name  derivative
    a            3.0
    x            2.0
    ");
    let out = dmci(&[
        "grad",
        "-e",
        "(param k 2.0) (list x (* k x))",
        "--input",
        "x=3",
    ])
    .ok();
    assert!(out.contains("k      [0.0,3.0]\n"), "{out}");
}

#[test]
fn grad_prints_second_derivatives() {
    let args = [
        "grad",
        "-e",
        "(* x x y)",
        "--input",
        "x=3",
        "--input",
        "y=5",
        "--hessian",
    ];
    let out = dmci(&args).ok();
    let expected = [
        "second     x    y",
        "x       10.0  6.0",
        "y        6.0  0.0",
    ];
    assert!(
        expected
            .iter()
            .all(|line| out.lines().any(|l| l.trim_end() == *line)),
        "{out}"
    );
    let json = dmci(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(
        json["hessian"],
        json!({"names": ["x", "y"], "matrix": [[10.0, 6.0], [6.0, 0.0]]})
    );
    assert_eq!(json["grad"], json!({"x": 30.0, "y": 9.0}));
    let list = dmci(&["grad", "-e", "(list x)", "--input", "x=3", "--hessian"]);
    assert!(list.fails(1).contains("second derivatives"));
}

#[test]
fn grad_names_inputs_params_and_literals() {
    let args = ["grad", "-e", "(exp (* 2.0 x))", "--input", "x=0"];
    let out = dmci(&[&args[..], &["--wrt", "@1:9,x,x", "--json"]].concat()).ok();
    assert_eq!(out, "{\"value\":1.0,\"grad\":{\"@1:9\":0.0,\"x\":2.0}}\n");
    for wrt in ["y", "@1:8", "@", "x,,@1:9"] {
        let run = dmci(&[&args[..], &["--wrt", wrt]].concat());
        assert!(
            matches!(run.code, Some(1 | 2)) && run.out.is_empty(),
            "{run:?}"
        );
    }
    let err = dmci(&["grad", "-e", "'a", "--wrt", "x", "--input", "x=1"]);
    assert_eq!(err.code, Some(1), "{err:?}");
    let nothing = dmci(&["grad", "-e", "(* 2 3)"]);
    assert_eq!(
        (nothing.code, nothing.out.as_str()),
        (Some(0), "value  6\n")
    );
    assert!(nothing.err.contains("--wrt @1:4"), "{}", nothing.err);
}

// ---- fit -----------------------------------------------------------------------------------

const MODEL: &str = "\
(param k 1.0 (> 0))
(param y0 1.0)
(observe-series (y) (map (lambda (t) (list (* y0 (exp (- (* k t)))))) t) normal)
";
const DATA: &str = "t,y\n0,2.1\n1,1.2\n2,0.8\n3,0.41\n";

#[test]
fn fit_prints_estimates() {
    let directory = directory("fit");
    let model = file(&directory, "model.scm", MODEL);
    let data = file(&directory, "data.csv", DATA);
    let fit = |args: &[&str]| dmci(&[&["fit", &model, &data, "--starts", "4"], args].concat());
    let out = fit(&["--stats"]).ok();
    let row = |name: &str| {
        let row = out.lines().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("{name} in {out}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        row("k "),
        ["k", "0.520261", "0.0289", "0.396013", "0.644508"]
    );
    assert_eq!(
        row("y0 "),
        ["y0", "2.09042", "0.0547", "1.85512", "2.32571"]
    );
    assert_eq!(
        row("sum of squares"),
        ["sum", "of", "squares", "0.0065169593"]
    );
    assert_eq!(row("residual sd"), ["residual", "sd", "0.057083"]);
    assert_eq!(row("degrees of freedom")[3], "2");
    assert_eq!(row("starts that agree")[4..], ["of", "4"]);
    assert!(row("starts dropped")[2].parse::<u64>().is_ok());
    let evaluations = |row: &[&str]| row[1].parse::<u64>().expect("a number");
    let some = evaluations(&row("evaluations"));
    let all = fit(&["--json", "--all-starts"]).json();
    assert_eq!(all["dropped"], 0);
    assert!(all["evaluations"].as_u64().unwrap() >= some, "{all}");

    let json = fit(&["--json", "--seed", "1", "--init", "k=0.5", "--quiet"]).json();
    assert_eq!(json["params"][0]["name"], "k");
    assert!((json["params"][0]["estimate"].as_f64().unwrap() - 0.520_261).abs() < 1e-6);
    for key in ["std_err", "low", "high"] {
        assert!(json["params"][1][key].is_f64(), "{json}");
    }
    for key in ["sse", "residual_sd"] {
        assert!(json[key].is_f64(), "{json}");
    }
    assert_eq!(json["degrees_of_freedom"], 2);
    assert_eq!(
        (&json["residuals"], &json["starts"]),
        (&json!(4), &json!(4))
    );
    assert!(
        json["agree"].as_u64().unwrap() >= 1 && json["converged"] == true,
        "{json}"
    );
}

#[test]
fn fit_tells_what_is_wrong_with_model_and_data() {
    let directory = directory("fit-faults");
    let model = file(&directory, "model.scm", MODEL);
    let data = file(&directory, "data.csv", DATA);
    let fit = |model: &str, data: &str, args: &[&str]| {
        dmci(&[&["fit", model, data, "--starts", "2"], args].concat()).fails(1)
    };
    assert!(fit(&model, "no-such.csv", &[]).contains("no-such.csv: no such file"));
    assert!(fit("no-such.scm", &data, &[]).contains("no-such.scm: no such file"));
    let ragged = file(&directory, "ragged.csv", "t,y\n0,2.1\n1\n");
    assert!(fit(&model, &ragged, &[]).contains("ragged.csv:3: "));
    let other = file(&directory, "other.csv", "t,z\n0,2.1\n1,1.2\n2,0.8\n");
    assert!(fit(&model, &other, &[]).contains("`y`"));
    assert!(fit(&model, &data, &["--init", "k=-1"]).contains("constraint"));
    assert!(fit(&model, &data, &["--init", "q=1"]).contains("`q`"));
    let failing = file(
        &directory,
        "failing.scm",
        MODEL.replace("(* k t)", "(car t)"),
    );
    let err = fit(&failing, &data, &[]);
    assert!(
        err.starts_with("error[type]: ") && err.contains("failing.scm:3:"),
        "{err}"
    );
    let blind = file(&directory, "blind.scm", "(param k 1.0)\nk");
    assert!(fit(&blind, &data, &[]).contains("observe-series"));
    let twice = dmci(&["fit", &model, &data, "--init", "k=1", "--init", "k=2"]).fails(2);
    assert!(twice.contains("given twice"), "{twice}");
}

#[test]
fn fit_predicts_row_by_row() {
    let directory = directory("fit-rows");
    let data = file(&directory, "data.csv", DATA);
    let series = file(&directory, "series.scm", MODEL);
    let rows = file(
        &directory,
        "rows.scm",
        "(param k 1.0 (> 0))\n(param y0 1.0)\n(observe y (* y0 (exp (- (* k t)))))",
    );
    let value = file(&directory, "value.scm", "(* y0 (exp (- (* k t))))");
    let fit = |model: &str, args: &[&str]| {
        dmci(&[&["fit", model, &data, "--starts", "4", "--json"], args].concat()).json()
    };
    let target = ["--target", "y", "--init", "k=1", "--init", "y0=1"];
    let expected = fit(&series, &[]);
    for other in [fit(&rows, &[]), fit(&value, &target)] {
        for index in 0..2 {
            let estimate = |fit: &Value, name: &str| {
                let params = fit["params"].as_array().expect("a list").iter();
                let mut found = params.filter(|param| param["name"] == *name);
                found.next().expect(name)["estimate"].as_f64().expect(name)
            };
            let name = ["k", "y0"][index];
            let difference = estimate(&other, name) - estimate(&expected, name);
            assert!(difference.abs() < 1e-9, "{name}: {difference}");
        }
    }
    let refused = |model: &str, args: &[&str]| {
        dmci(&[&["fit", model, &data, "--starts", "2"], args].concat()).fails(1)
    };
    let err = refused(&rows, &["--target", "y"]);
    assert!(
        err.contains("--target") && err.contains("rows.scm:3:1"),
        "{err}"
    );
    let err = refused(&value, &target[2..]);
    assert!(err.contains("--target"), "{err}");
    let err = refused(
        &value,
        &["--target", "yy", "--init", "k=1", "--init", "y0=1"],
    );
    assert!(err.contains("did you mean `y`?"), "{err}");

    // One row's numbers make a plain run of it.
    let run = dmci(&["run", &rows, "-i", "t=0", "-i", "y0=2"]).ok();
    assert_eq!(run, "2.0\n");
    let err = dmci(&["verify", &rows, "--data", &data]).fails(1);
    assert!(
        err.contains("row by row") && err.contains("--input"),
        "{err}"
    );
}

#[test]
fn data_matrices_are_inputs_of_runs() {
    let directory = directory("data-matrix");
    let text = "(param a 1)\n(data-matrix obs (x y))\n(observe-series (z) (matvec obs [a 2]))";
    let model = file(&directory, "model.scm", text);
    let data = file(&directory, "data.csv", "x,y,z\n1,2,7.1\n2,1,8\n-1,1,-1\n");
    let fit = dmci(&["fit", &model, &data, "--json"]).json();
    let estimate = fit["params"][0]["estimate"].as_f64().expect("a number");
    assert!((estimate - 3.0).abs() < 0.1, "{fit}");
    let inputs = ["--inputs", "{\"obs\":[[1,2],[3,4]]}"];
    let value = dmci(&[&["run", &model, "--json"][..], &inputs].concat()).json();
    assert_eq!(value, json!({"value": [5.0, 11.0]}));
    let err = dmci(&["run", &model]).fails(1);
    assert!(
        err.starts_with("error[unbound]: ") && err.contains("--inputs"),
        "{err}"
    );
    assert!(!err.contains("abs"), "{err}");
    let info = dmci(&["info", &model, "--json"]).json();
    let expected = json!([{"name": "obs", "columns": ["x", "y"]}]);
    assert_eq!(info["program"]["matrices"], expected);
    let info = dmci(&["info", &model]).ok();
    assert!(info.contains("  data matrices\n    obs = x, y\n"), "{info}");
    let verified = dmci(&["verify", &model, "--data", &data, "--json"]);
    assert_eq!(verified.json()["verdict"], "pass");
}

// ---- show ----------------------------------------------------------------------------------

#[test]
fn show_prints_every_stage() {
    let show = |program: &str, args: &[&str]| dmci(&[&["show", "-e", program], args].concat()).ok();
    assert_eq!(
        show("(a ; b\n . (c))\n[1 'x]", &["--stage", "datum"]),
        "(a . (c))\n[1 (quote x)]\n"
    );
    assert!(show("(* a 2)", &["--stage", "anf"]).contains("input:a"));
    assert!(show("(* a 2)", &["--stage", "graph"]).contains("input a"));
    let dot = show("(* a 2)", &["--stage", "graph", "--dot"]);
    assert!(
        dot.starts_with("digraph ") && dot.trim_end().ends_with('}'),
        "{dot}"
    );
    let program = "(if (> x 0) (log x) 0)";
    let gradient = show(
        "(* a (exp x))",
        &["--stage", "gradient", "--input", "a=2", "--input", "x=0"],
    );
    // The exponential is the derivative by a, and the value the one by x.
    assert_eq!(
        gradient,
        "%0 = input a\n%1 = input x\n%2 = exp %1\n%3 = * %0 %2\nreturn %2 %3\n"
    );
    let trace = show(program, &["--stage", "trace", "--input", "x=2"]);
    assert!(
        trace.contains("input x") && trace.contains("return %"),
        "{trace}"
    );
    // An input shadows the primitive of its name.
    let anf = show("(list list)", &["--stage", "anf", "--input", "list=1"]);
    assert!(anf.contains("input:list"), "{anf}");
    let err = dmci(&[
        "show",
        "-e",
        "(+ x (car x))",
        "--stage",
        "trace",
        "--input",
        "x=1",
    ]);
    assert!(err.fails(1).contains("<expression>:1:6 ]"));
}

#[test]
fn core_forms_read_as_the_evaluator_sees_them() {
    let program = "\
(define (f a . rest) (let loop ((i 0) (acc '())) (cond ((= i 10) => (lambda (x) acc)) \
((or (even? i) (> i 7)) (loop (+ i 1) (cons (* i 2.5) acc))) (else (loop (+ i 1) acc)))))
(define car 3)
(case (f 1 2 #\\a \"x\") ((1 2) 3) (else `(1 ,car)))";
    let core = dmci(&["show", "-e", program, "--stage", "core"]).ok();
    insta::assert_snapshot!(core, @r##"
    (letrec ((f
               (lambda (a . rest)
                 ((letrec ((loop
                             (lambda (i acc)
                               (let ((%test (= i 10)))
                                 (if %test
                                     ((lambda (x) acc) %test)
                                     (if (let ((%test (even? i)))
                                           (if %test %test (> i 7)))
                                         (loop (+ i 1) (cons (* i 2.5) acc))
                                         (loop (+ i 1) acc)))))))
                    loop)
                   0
                   '())))
             (car%1 3))
      (let ((%key (f 1 2 #\a "x")))
        (if (%case-match %key '(1 2)) 3 (%cons 1 (%cons car%1 '())))))
    "##);
    // Without recursion, and linear in the program.
    let depth = 5000;
    let deep = format!("{}x{}", "(let ((x 1)) ".repeat(depth), ")".repeat(depth));
    let core = dmci_with(&["show", "-", "--stage", "core"], deep.as_bytes()).ok();
    assert!(core.len() < 40 * depth, "{}", core.len());
}

// ---- info ----------------------------------------------------------------------------------

#[test]
fn info_suggests_root_for_a_search_by_tests() {
    let program = "(define (f y) (- (exp y) x))\n(define (bisect lo hi n)\n  (let ((m (/ (+ lo hi) 2)))\n    \
                   (cond ((= n 0) m) ((> (f m) 0) (bisect lo m (- n 1))) (else (bisect m hi (- n 1))))))\n\
                   (bisect 0 4 50)";
    let text = dmci(&["info", "-e", program]).ok();
    assert!(
        text.contains("  suggestions\n    2:1: `bisect` searches by halving"),
        "{text}"
    );
    let info = dmci(&["info", "-e", program, "--json"]).json();
    let suggestions = &info["program"]["suggestions"];
    assert_eq!(suggestions[0]["line"], 2);
    let message = suggestions[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("`(root f lo hi)`"), "{info}");
    let direct = "(root (lambda (y) (- (exp y) x)) 0 4)";
    let info = dmci(&["info", "-e", direct, "--json"]).json();
    assert_eq!(info["program"]["suggestions"], json!([]));
}

#[test]
fn info_tells_of_interpreter_and_program() {
    let out = dmci(&["info"]).ok();
    assert!(out.contains("interpreter") && out.contains("nodes") && !out.contains("inputs"));
    let program =
        "(define (f x) (* x 2.5))\n(param k 0.5 (between 0 1))\n(+ k rate\n   (siin 3) (f 1 2))";
    let info = dmci(&["info", "-e", program, "--json"]).json();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["interpreter"]["hash"].as_str().map(str::len), Some(64));
    for key in ["nodes", "functions", "bytes"] {
        assert!(info["interpreter"][key].as_u64() > Some(0), "{info}");
    }
    let program_info = &info["program"];
    assert_eq!(program_info["inputs"], json!(["rate", "siin"]));
    let k = json!([{"name": "k", "init": 0.5, "above": 0.0, "below": 1.0}]);
    assert_eq!(program_info["params"], k);
    assert_eq!(
        program_info["literals"],
        json!([{"name": "@1:20", "value": 2.5}])
    );
    let warnings = program_info["warnings"].as_array().expect("a list");
    let place = |w: &Value| (w["line"].as_u64().unwrap(), w["column"].as_u64().unwrap());
    assert_eq!(
        warnings.iter().map(place).collect::<Vec<_>>(),
        [(4, 13), (4, 5)]
    );
    let text = dmci(&["info", "-e", program]).ok();
    for line in [
        "    rate",
        "    k = 0.5, between 0 and 1",
        "    @1:20 = 2.5",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    assert!(
        text.contains("4:5: `siin` is not defined; is it `sin`?"),
        "{text}"
    );
    let observed = dmci_with(&["info", "-", "--json"], MODEL.as_bytes()).json();
    let expected =
        json!([{"columns": ["y"], "by_row": false, "noise": "normal", "line": 3, "column": 1}]);
    assert_eq!(observed["program"]["observations"], expected);
}

// ---- compile -------------------------------------------------------------------------------

#[test]
fn compiled_programs_run_as_their_source() {
    let directory = directory("compiled-programs");
    let source = file(
        &directory,
        "p.scm",
        "(param k 0.5)\n(define (f x) (* k x 1.5))\n(f x)",
    );
    let compiled = directory.join("p.ncg");
    let compiled = compiled.to_str().unwrap();
    assert_eq!(dmci(&["compile", &source, "-o", compiled]).ok(), "");
    for command in ["run", "grad"] {
        let with = |file: &str| dmci(&[command, file, "--input", "x=2", "--json"]).ok();
        assert_eq!(with(compiled), with(&source));
    }
    let wrt = ["--input", "x=2", "--wrt", "@2:22,k", "--json"];
    let expected = dmci(&[&["grad", &source][..], &wrt].concat()).ok();
    assert_eq!(
        dmci(&[&["grad", compiled][..], &wrt].concat()).ok(),
        expected
    );
    let literals =
        |file: &str| dmci(&["info", file, "--json"]).json()["program"]["literals"].clone();
    assert_eq!(literals(compiled), literals(&source));
    let graph = |file: &str| dmci(&["show", file, "--stage", "graph"]).ok();
    assert_eq!(graph(compiled), graph(&source));
    // The same bytes, to a file and to standard output, and from one.
    let text = fs::read_to_string(compiled).unwrap();
    assert_eq!(dmci(&["compile", &source, "-o", "-"]).ok(), text);
    assert_eq!(
        dmci_with(&["run", "-", "--input", "x=2"], text.as_bytes()).ok(),
        "1.5\n"
    );

    let err = dmci(&["run", compiled, "--mode", "nested"]).fails(2);
    assert!(err.contains("mode direct alone"), "{err}");
    let err = dmci(&["show", compiled, "--stage", "anf"]).fails(1);
    assert!(err.contains("graph, trace and gradient"), "{err}");
    let err = dmci(&["run", compiled]).fails(1);
    assert!(
        err.contains("<program of ") && err.contains(":3:4 ]"),
        "{err}"
    );
    assert!(err.contains("--input x=1.5"), "{err}");
}

#[test]
fn the_interpreter_compiles_and_runs() {
    let directory = directory("interpreter");
    let interpreter = directory.join("i.ncg");
    let interpreter = interpreter.to_str().unwrap();
    assert_eq!(
        dmci(&["compile", "--interpreter", "-o", interpreter]).ok(),
        ""
    );
    let with = ["--interpreter", interpreter];
    assert_eq!(
        dmci(&[&["run", "-e", "(+ 1 2)"][..], &with].concat()).ok(),
        "3\n"
    );
    let request = b"{\"id\":1,\"source\":\"(+ 1 2)\"}\n";
    let answer = dmci_with(&[&["eval", "--jsonl"][..], &with].concat(), request).ok();
    assert_eq!(answer, "{\"id\":1,\"value\":3.0}\n");
    let info =
        |args: &[&str]| dmci(&[&["info", "--json"], args].concat()).json()["interpreter"].clone();
    assert_eq!(info(&[interpreter]), info(&with));
    let err = dmci(&["run", interpreter]).fails(1);
    assert!(err.contains("give it with --interpreter"), "{err}");

    let program = directory.join("p.ncg");
    dmci(&["compile", "-e", "1", "-o", program.to_str().unwrap()]).ok();
    let err = dmci(&["run", "-e", "1", "--interpreter", program.to_str().unwrap()]).fails(1);
    assert!(err.contains("p.ncg: "), "{err}");
    let text = fs::read_to_string(interpreter).unwrap();
    let cut = file(&directory, "cut.ncg", &text[..text.len() / 2]);
    for args in [
        &["run", &cut][..],
        &["run", "-e", "1", "--interpreter", &cut],
        &["info", &cut],
    ] {
        let err = dmci(args).fails(1);
        assert!(
            err.contains("cut.ncg: ") && err.lines().count() == 1,
            "{err}"
        );
    }
}

#[test]
fn nothing_is_left_of_a_file_that_is_not_written() {
    let directory = directory("nothing-is-left");
    let source = file(&directory, "p.scm", "(+ 1 (if))");
    let kept = file(&directory, "kept.ncg", "kept");
    dmci(&["compile", &source, "-o", &kept]).fails(1);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    let path = directory.to_str().unwrap();
    let err = dmci(&["compile", "-e", "1", "-o", path]).fails(1);
    assert!(err.contains("a directory"), "{err}");
    dmci(&["compile", "-e", "1", "-o", &format!("{path}/none/x.ncg")]).fails(1);
    assert_eq!(names(&directory), ["kept.ncg", "p.scm"]);
    dmci(&["compile", "-e", "1", "-o", &kept]).ok();
    assert!(fs::read_to_string(&kept).unwrap().starts_with('{'));
    assert_eq!(names(&directory), ["kept.ncg", "p.scm"]);
}

// ---- eval ----------------------------------------------------------------------------------

#[test]
fn eval_answers_every_line_in_order() {
    let input = b"{\"id\":1,\"source\":\"(* a x)\",\"inputs\":{\"a\":2,\"x\":3},\"wrt\":[\"a\"]}\n\
        nonsense\n\n   \r\n\
        {\"id\":\"\xc3\xa9\",\"source\":\"\xff\"}\n\
        \xff\xfe\n\
        [1,2]\n\
        {\"id\":2,\"source\":\"(car 1)\"}\r\n\
        {\"id\":3,\"source\":\"1\",\"bogus\":1}\n\
        {\"id\":4,\"source\":\"7\"}";
    let out = dmci_with(&["eval", "--jsonl"], input).ok();
    let answers: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<Value> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(
        json!(ids),
        json!([1, null, "é", null, null, 2, 3, 4]),
        "{out}"
    );
    assert_eq!(
        answers[0],
        json!({"id": 1, "value": 6.0, "grad": {"a": 3.0}})
    );
    for answer in [
        &answers[1],
        &answers[2],
        &answers[3],
        &answers[4],
        &answers[6],
    ] {
        assert_eq!(answer["error"]["kind"], "request", "{answer}");
    }
    assert_eq!(answers[5]["error"]["kind"], "type");
    assert_eq!(answers[7], json!({"id": 4, "value": 7.0}));
}

#[test]
fn eval_answers_before_it_waits() {
    let mut child = start(&["eval", "--jsonl"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    for id in 0..3 {
        writeln!(stdin, "{{\"id\":{id},\"source\":\"1\"}}").unwrap();
        let expected = format!("{{\"id\":{id},\"value\":1.0}}\n");
        let mut answer = vec![0; expected.len()];
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(answer, expected.as_bytes());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

// ---- pipes ---------------------------------------------------------------------------------

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let many = "{\"source\":\"(iota 1000)\"}\n".repeat(2000);
    let shows = ["show", "-", "--stage", "datum"];
    let program = "(list 1 2 3)\n".repeat(20_000);
    for (args, input) in [(&["eval", "--jsonl"][..], many), (&shows, program)] {
        let mut child = start(args);
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 5]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dmci"))
        .args(["run", "-e", "1"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

// ---- verify --------------------------------------------------------------------------------

const DECAY: &str = "(param a 2.5) (* a (exp (* (- b) x)))";

#[test]
fn verify_prints_a_certificate() {
    let run = dmci(&["verify", "-e", DECAY, "-i", "b=0.8", "-i", "x=1.5"]);
    let out = run.ok();
    assert!(
        out.starts_with("value of 1 number by 3 constants\n"),
        "{out}"
    );
    assert!(out.ends_with("\nverdict  pass\n"), "{out}");
    for line in [
        "direct ",
        "nested ",
        "forward duals ",
        "central differences ",
    ] {
        assert!(
            out.lines()
                .any(|l| l.starts_with(line) && l.ends_with("pass")),
            "{out}"
        );
    }
    let json = dmci(&[
        "verify", "-e", DECAY, "-i", "b=0.8", "-i", "x=1.5", "--json",
    ])
    .json();
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["constants"][0]["name"], "a");
    assert_eq!(json["inputs"], json!({"b": 0.8, "x": 1.5}));
}

#[test]
fn verify_writes_compiled_programs_with_their_certificate() {
    let directory = directory("verify-writes");
    let output = directory.join("decay.ncg");
    let output = output.to_str().expect("UTF-8");
    dmci(&[
        "verify", "-e", DECAY, "-i", "b=0.8", "-i", "x=1.5", "-o", output,
    ])
    .ok();
    let info = dmci(&["info", output]);
    let info = info.ok();
    assert!(info.contains("certificate\n    pass, by dmci "), "{info}");
    assert!(info.contains("derivatives by a, b, x"), "{info}");
    let json = dmci(&["info", output, "--json"]).json();
    assert_eq!(json["program"]["certificate"]["verdict"], "pass");
    dmci(&["verify", output, "-i", "b=0.3", "-i", "x=1"]).ok();
    assert_eq!(names(&directory), ["decay.ncg"]);
}

#[test]
fn verify_takes_columns_of_data() {
    let directory = directory("verify-data");
    let model = "(param k 0.5 (> 0)) (observe-series (y) (map (lambda (t) (exp (- (* k t)))) t))";
    let model = file(&directory, "model.scm", model);
    let data = file(&directory, "data.csv", "t,y\n0,1\n1,0.6\n2,0.4\n");
    let json = dmci(&["verify", &model, "--data", &data, "--json"]).json();
    assert_eq!(json["outputs"], 3);
    assert_eq!(json["inputs"]["t"]["length"], 3);
    assert_eq!(json["constants"].as_array().map(Vec::len), Some(1));
    let run = dmci(&["verify", &model, "--data", "missing.csv"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("missing.csv"), "{}", run.err);
}

#[test]
fn fits_are_verified_where_they_end() {
    let directory = directory("fit-verify");
    let data = file(&directory, "data.csv", "t,y\n0,1\n1,0.6\n2,0.4\n3,0.2\n");
    let rows = "(param k 0.5 (> 0)) (observe y (exp (- (* k t))))";
    let rows = file(&directory, "rows.scm", rows);
    let series = "(param k 0.5 (> 0)) (observe-series (y) (map (lambda (t) (exp (- (* k t)))) t))";
    let series = file(&directory, "series.scm", series);
    for (model, runs) in [(&rows, "4 of 4"), (&series, "1 of 1")] {
        let out = dmci(&["fit", model, &data, "--verify"]).ok();
        assert!(out.contains("derivatives         pass\n"), "{out}");
        assert!(
            out.contains(&format!("runs verified       {runs}\n")),
            "{out}"
        );
        let json = dmci(&["fit", model, &data, "--verify", "--json"]).json();
        assert_eq!(json["verdict"], "pass");
        assert_eq!(
            dmci(&["fit", model, &data, "--json"]).json()["verdict"],
            json!(null)
        );
    }
    // The threshold is where the fit ends: the derivative is that of one side.
    let step = "(param k 1.0) (param c 2.0) (observe y (if (< t 1.5) k (* c (if (= c c) 1 2))))";
    let step = file(&directory, "step.scm", step);
    let run = dmci(&["fit", &step, &data, "--verify"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
}

#[test]
fn runs_and_gradients_take_columns_of_data() {
    let directory = directory("run-data");
    let text = "(param k 0.5 (> 0))\n(observe-series (y) (map (lambda (t) (* k t)) t))";
    let model = file(&directory, "model.scm", text);
    let data = file(&directory, "data.csv", "t,y\n0,1\n1,0.6\n2,0.4\n");
    assert_eq!(
        dmci(&["run", &model, "--data", &data]).ok(),
        "(0.0 0.5 1.0)\n"
    );
    let run = dmci(&["run", &model, "--data", &data, "-i", "k=2", "--json"]);
    assert_eq!(run.json(), json!({"value": [0.0, 2.0, 4.0]}));
    // What is given wins over the data.
    let given = ["--inputs", "{\"t\":{\"list\":[10]}}"];
    let run = dmci(&[&["run", &model, "--data", &data][..], &given].concat());
    assert_eq!(run.ok(), "(5.0)\n");
    let grad = dmci(&["grad", &model, "--data", &data, "--json"]).json();
    let expected = json!({"value": [0.0, 0.5, 1.0], "grad": {"k": [0.0, 1.0, 2.0]}});
    assert_eq!(grad, expected);
    let grad = dmci(&["grad", &model, "--data", &data, "--wrt", "t", "--json"]).json();
    assert_eq!(grad["grad"]["t"][1], json!([0.0, 0.5, 0.0]));
    let compiled = directory.join("model.ncg");
    let compiled = compiled.to_str().expect("UTF-8");
    dmci(&["compile", &model, "-o", compiled]).ok();
    let run = dmci(&["run", compiled, "--data", &data]);
    assert_eq!(run.ok(), "(0.0 0.5 1.0)\n");
    let sum = [
        "-e",
        "(* k (fold-left + 0 y))",
        "-i",
        "k=1",
        "--data",
        &data,
    ];
    let time = ["time", "--wrt", "k", "--repetitions", "1", "--json"];
    assert_eq!(dmci(&[&time[..], &sum].concat()).json()["paths"], 1);
    let trace = dmci(&["show", &model, "--stage", "trace", "--data", &data]).ok();
    assert!(trace.contains("t[2]") || trace.contains('k'), "{trace}");

    // Without data, what is missing says where it would come from.
    let err = dmci(&["run", &model]).fails(1);
    assert!(
        err.starts_with("error[unbound]: `t`") && err.contains("--data DATA.csv"),
        "{err}"
    );
    let text = "(observe-series (y) (map (lambda (v) (* 2 v)) y))";
    let own = file(&directory, "own.scm", text);
    let err = dmci(&["grad", &own]).fails(1);
    assert!(
        err.starts_with("error[unbound]: `y`") && err.contains("give the data: --data DATA.csv"),
        "{err}"
    );
    let err = dmci(&["run", "-e", "(* 2 t)"]).fails(1);
    assert!(
        err.contains("--input t=") && !err.contains("--data"),
        "{err}"
    );
    let rows = file(&directory, "rows.scm", "(param k 1) (observe y (* k t))");
    let err = dmci(&["run", &rows, "--data", &data]).fails(1);
    assert!(err.contains("row by row"), "{err}");
    let err = dmci(&["run", &model, "--data", "missing.csv"]).fails(1);
    assert!(err.contains("missing.csv"), "{err}");
}

#[test]
fn the_pelts_run_on_their_own_data() {
    let example = |name: &str| format!("{}/examples/lynx_hare/{name}", env!("CARGO_MANIFEST_DIR"));
    let (model, data) = (example("model.scm"), example("pelts.csv"));
    let value = dmci(&["run", &model, "--data", &data, "--json"]).json();
    let rows = value["value"].as_array().expect("a list of states");
    assert_eq!(rows.len(), 21);
    // All constants start at 1, where nothing changes.
    assert!(rows.iter().all(|row| *row == json!([1.0, 1.0])), "{value}");
}

#[test]
fn verify_tells_what_it_cannot_do() {
    let run = dmci(&["verify", "-e", "(car 1)", "-i", "x=1"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("error[type]"), "{}", run.err);
    for (arguments, said) in [
        (["-e", "(+ 1 2)", "--wrt", "x"], "names no input"),
        (["-e", "(* 2 x)", "-i", "x=1"], ""),
        (["-e", "(* 2 x)", "-i", "y=1"], "not bound"),
    ] {
        let run = dmci(&[&["verify"], &arguments[..]].concat());
        let expected = if said.is_empty() {
            Some(0)
        } else {
            run.code.filter(|&c| c != 0)
        };
        assert_eq!(run.code, expected, "{}", run.err);
        assert!(run.err.contains(said), "{}", run.err);
    }
    let run = dmci(&["verify", "-e", "(* 2 x)", "-i", "x=1", "--hard"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    let run = dmci(&["run", "-e", "1", "--temperature", "0"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("above 0 and finite"), "{}", run.err);
}

// ---- soft choices --------------------------------------------------------------------------

#[test]
fn soft_choices_relax_as_the_arguments_say() {
    let program = "(soft-choice (1 10) (list w 0))";
    let value = |more: &[&str]| {
        let all = [&["run", "-e", program, "-i", "w=1", "--json"], more].concat();
        dmci(&all).json()["value"].as_f64().expect("a number")
    };
    assert_eq!(value(&["--hard"]), 1.0);
    assert!(value(&["--temperature", "0.1"]) < value(&[]));
    assert_eq!(
        value(&["--gumbel-seed", "3"]),
        value(&["--gumbel-seed", "3", "--mode", "direct"])
    );
    assert_ne!(
        value(&["--gumbel-seed", "3"]),
        value(&["--gumbel-seed", "4"])
    );
    let line =
        r#"{"source":"(soft-if 0 x 1 0)","inputs":{"x":2},"temperature":0.5,"mode":"nested"}"#;
    let answer = dmci_with(&["eval", "--jsonl"], format!("{line}\n").as_bytes()).json();
    let expected = 1.0 / (1.0 + (-4.0_f64).exp());
    assert!((answer["value"].as_f64().unwrap() - expected).abs() < 1e-15);
}

// ---- completions, man ------------------------------------------------------------------------

/// The commands that `dmci --help` lists, `help` but not.
fn commands() -> Vec<String> {
    let help = dmci(&["--help"]).ok();
    let (_, list) = help.split_once("Commands:\n").expect("a list");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    names.into_iter().filter(|name| name != "help").collect()
}

#[test]
fn completions_know_every_command_and_flag() {
    let commands = commands();
    assert!(commands.len() >= 11, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = dmci(&["completions", shell]).ok();
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("max-iterations"), "{shell}");
    }
    let script = dmci(&["completions", "bash"]).ok();
    let file = file(&directory("completions"), "dmci.bash", script);
    // The shell reads it, and its function offers what may follow.
    let asked = format!(
        ". '{file}'; COMP_WORDS=(dmci ver); COMP_CWORD=1; _dmci dmci ver dmci; echo \"${{COMPREPLY[@]}}\""
    );
    if let Ok(bash) = Command::new("bash").args(["-c", &asked]).output() {
        assert_eq!(
            String::from_utf8_lossy(&bash.stdout),
            "verify\n",
            "{bash:?}"
        );
    }
    let err = dmci(&["completions", "cmd"]).fails(2);
    assert!(err.contains("bash"), "{err}");
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let page = dmci(&["man"]).ok();
    assert!(page.contains("\n.TH dmci 1"), "{page}");
    let folder = directory("man");
    let all = ["man", "--all", folder.to_str().unwrap()];
    assert_eq!(dmci(&all).ok(), "");
    for command in commands() {
        let name = format!("dmci\\-{command}(1)");
        assert!(page.contains(&name), "no {name}: {page}");
        let one = dmci(&["man", &command]).ok();
        let name = format!("\n.TH dmci-{command} 1");
        assert!(one.contains(&name), "no {name}: {one}");
        let written = fs::read_to_string(folder.join(format!("dmci-{command}.1")));
        assert_eq!(written.expect("a page"), one);
    }
    let written = fs::read_to_string(folder.join("dmci.1"));
    assert_eq!(written.expect("a page"), page);
    assert!(
        dmci(&["man", "fti"])
            .fails(2)
            .contains("`fti` is no command")
    );
    let new = folder.join("new/man1");
    assert_eq!(dmci(&["man", "--all", new.to_str().unwrap()]).ok(), "");
    assert!(new.join("dmci-fit.1").is_file());
    let in_a_file = folder.join("dmci.1/man1");
    let err = dmci(&["man", "--all", in_a_file.to_str().unwrap()]).fails(1);
    assert!(err.contains("dmci.1/man1"), "{err}");
}

#[test]
fn programs_call_models_of_files_and_of_requests() {
    let directory = directory("models");
    let decay = file(
        &directory,
        "decay.scm",
        "(param k 0.5)\n(* a (exp (* (- k) t)))",
    );
    let main = file(&directory, "main.scm", "(+ 1.0 (model \"decay\" 2.0 t))");
    let model = format!("decay={decay}");
    for mode in ["interpreter", "direct", "nested"] {
        let run = [
            "run", &main, "--model", &model, "--input", "t=0", "--mode", mode,
        ];
        assert_eq!(dmci(&run).ok(), "3.0\n");
    }
    let grad = [
        "grad",
        &main,
        "--model",
        &model,
        "--input",
        "t=0",
        "--wrt",
        "t,decay/k",
        "--json",
    ];
    assert_eq!(
        dmci(&grad).json(),
        json!({"value": 3.0, "grad": {"t": -1.0, "decay/k": 0.0}})
    );
    let verify = dmci(&["verify", &main, "--model", &model, "--input", "t=1"]);
    assert_eq!(verify.code, Some(0), "{}{}", verify.out, verify.err);
    let observed = file(
        &directory,
        "fit.scm",
        "(param b 1.0) (param c 0.0) (observe y (+ c (model \"decay\" b t)))",
    );
    let data = file(
        &directory,
        "data.csv",
        "t,y\n0,5\n2,2.4715177646857693\n4,1.541341132946451\n",
    );
    let fit = dmci(&[
        "fit", &observed, &data, "--model", &model, "--json", "--verify",
    ])
    .json();
    let estimates: Vec<f64> = (0..2)
        .map(|i| fit["params"][i]["estimate"].as_f64().unwrap())
        .collect();
    assert!(
        (estimates[0] - 4.0).abs() < 1e-6 && (estimates[1] - 1.0).abs() < 1e-6,
        "{estimates:?}"
    );

    let wrong = dmci(&["run", &main, "--model", "decay"]);
    assert_eq!(wrong.code, Some(2));
    let twice = dmci(&["run", &main, "--model", &model, "--model", &model]);
    assert_eq!(twice.code, Some(2));
    let unknown = dmci(&["run", &main, "--input", "t=1"]);
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.err.contains("no model is called `decay`"),
        "{}",
        unknown.err
    );
    let car = file(&directory, "car.scm", "; two arguments\n(list a (car t))");
    let failed = dmci(&[
        "run",
        &main,
        "--model",
        &format!("decay={car}"),
        "--input",
        "t=1",
    ]);
    assert!(failed.err.contains("<model decay>:2:9"), "{}", failed.err);
    let spoiled = file(&directory, "spoiled.scm", "(* a t");
    let failed = dmci(&["run", &main, "--model", &format!("decay={spoiled}")]);
    assert!(failed.err.contains("spoiled.scm:1:"), "{}", failed.err);
    let output = directory.join("main.ncg").display().to_string();
    let compiled = dmci(&["compile", &main, "-o", &output]);
    assert!(compiled.err.contains("is not compiled"), "{}", compiled.err);

    let answers = dmci_with(
        &["eval", "--jsonl"],
        concat!(
            r#"{"id":1,"source":"(model \"f\" x)","inputs":{"x":3},"wrt":["x","f/k"],"models":{"f":"(param k 2.0) (* k (model \"g\" y))","g":"(* z z)"}}"#,
            "\n",
            r#"{"id":2,"source":"(model \"f\" x)","inputs":{"x":3},"models":{"f":"(car y)"}}"#,
            "\n",
            r#"{"id":3,"source":"(model \"f\" x)","inputs":{"x":3},"models":{"f":"(car"}}"#,
            "\n",
            r#"{"id":4,"source":"(model \"f\" x)","inputs":{"x":3},"models":{"f":"(model \"f\" y)"}}"#,
            "\n",
            r#"{"id":5,"source":"(model \"f\" x)","lanes":{"x":[1,2]},"wrt":["x"],"models":{"f":"(* y y)"}}"#,
            "\n",
        )
        .as_bytes(),
    )
    .ok();
    let answers: Vec<serde_json::Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        answers[0],
        json!({"id": 1, "value": 18.0, "grad": {"x": 12.0, "f/k": 9.0}})
    );
    assert_eq!(answers[1]["error"]["model"], json!("f"));
    assert_eq!(answers[1]["error"]["column"], json!(1));
    assert_eq!(
        answers[1]["error"]["calls"][0]["name"],
        json!("model \"f\"")
    );
    assert!(
        answers[2]["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("the model `f` at 1:1: ")
    );
    assert_eq!(answers[3]["error"]["kind"], json!("unsupported"));
    assert_eq!(answers[4]["values"], json!([1.0, 4.0]));
}

#[test]
fn nan_is_traced_to_its_expression_and_row() {
    let run = dmci(&[
        "run",
        "-e",
        "(+ 1 (- (log x) (log 0)))",
        "--input",
        "x=0",
        "--trace-nan",
    ]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "+nan.0\n"));
    assert!(
        run.err.contains("the first NaN: `-` of -inf and -inf"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("<expression>:1:6") && run.err.contains("(- (log x) (log 0))"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("led to by -inf: `log` of 0.0"),
        "{}",
        run.err
    );
    let json = dmci(&[
        "run",
        "-e",
        "(sqrt x)",
        "--input",
        "x=0",
        "--trace-nan",
        "--json",
    ])
    .json();
    assert_eq!(json["trace_nan"]["first"], Value::Null);
    assert_eq!(json["trace_nan"]["derivative"]["name"], "sqrt");
    let failed = dmci(&[
        "run",
        "-e",
        "(ref [1 2] (/ 0 x))",
        "--input",
        "x=0",
        "--trace-nan",
    ]);
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.err.contains("the first NaN: `/` of 0.0 and 0.0"),
        "{}",
        failed.err
    );

    let directory = directory("nan");
    let model = file(
        &directory,
        "m.scm",
        "(param k 4.0)\n(observe y (+ k (sqrt (* k x))))",
    );
    let data = file(&directory, "d.csv", "x,y\n1,2\n2,2.8\n0,0\n");
    let fit = dmci(&["fit", &model, &data, "--trace-nan"]);
    assert!(
        fit.err.contains("d.csv:4 (x = 0.0), with k = 4.0"),
        "{}",
        fit.err
    );
    assert!(
        fit.err.contains("the derivative of `sqrt` of 0.0"),
        "{}",
        fit.err
    );
    let model = file(&directory, "line.scm", "(param k 4.0)\n(observe y (* k x))");
    let good = file(&directory, "good.csv", "x,y\n1,2\n2,2.8\n3,3.5\n");
    let fit = dmci(&["fit", &model, &good, "--trace-nan"]);
    assert_eq!(
        (fit.code, fit.err.as_str()),
        (Some(0), "all evaluations were finite\n")
    );
    let fit = dmci(&["fit", &model, &good, "--trace-nan", "--json"]).json();
    assert_eq!(fit["trace_nan"], Value::Null);
}
