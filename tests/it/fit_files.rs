//! `dmci fit` and `dmci predict` with people's files: how tables are written, what is missing in them,
//! what a fit writes, how it is stopped, and what is said of mistakes.
//!
//! **Invariants**
//! - The same numbers give the same fit, however the file is written.
//! - Every mistake names its cause and what to do.

use crate::cli::{directory, dmci, dmci_with, file};
use dmci::Interpreter;
use dmci::fit::{Estimates, Fit, FitError, FitOptions, Missing, Table, TableOptions, fit, predict};
use dmci::syntax::Constraint;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LINE: &str =
    "; a line\n(param a 1.0)   ; the slope\n(param b 0)\n(observe y (+ b (* a x)))\n";
const LINE_DATA: &str = "x,y\n0,1.02\n1,2.9\n2,5.1\n3,6.9\n4,9.2\n5,11.0\n";

fn estimate(fit: &Value, name: &str) -> f64 {
    let params = fit["params"].as_array().expect("a list");
    let mut found = params.iter().filter(|param| param["name"] == name);
    let param = found.next().unwrap_or_else(|| panic!("{name} in {fit}"));
    param["estimate"].as_f64().expect("a number")
}

fn near(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= tolerance * expected.abs(),
        "{found} for {expected}"
    );
}

fn fitted(model: &str, table: &Table<'_>, options: &FitOptions) -> Result<Fit, FitError> {
    fit(&Interpreter::embedded().model(model)?, table, options)
}

fn dropping(text: &str) -> Table<'static> {
    let options = TableOptions::default().missing(Missing::Drop);
    options
        .from_reader(text.as_bytes(), "data.csv")
        .expect("it is a table")
}

// ---- tables ----------------------------------------------------------------------------------

#[test]
fn a_table_is_the_same_however_it_is_written() {
    let directory = directory("fit-written");
    let model = file(&directory, "model.scm", LINE);
    let plain = file(&directory, "plain.csv", LINE_DATA);
    let fit = |data: &str, args: &[&str]| {
        dmci(&[&["fit", &model, data, "--starts", "2", "--json"], args].concat()).json()
    };
    let expected = fit(&plain, &[]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(LINE_DATA.as_bytes()).expect("it is memory");
    let gz = gz.finish().expect("it is memory");
    let european = LINE_DATA.replace(',', ";").replace('.', ",");
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        (
            "semicolons.csv",
            LINE_DATA.replace(',', ";").into(),
            &["--sep", ";"],
        ),
        ("european.csv", european.into(), &["--decimal", ","]),
        (
            "tabs.tsv",
            LINE_DATA.replace(',', "\t").into(),
            &["--sep", "tab"],
        ),
        (
            "spaces.dat",
            LINE_DATA.replace(',', "  ").into(),
            &["--sep", "space"],
        ),
        (
            "comments.csv",
            format!("# of May\n{LINE_DATA}#end\n").into(),
            &["--comment", "#"],
        ),
        ("plain.csv.gz", gz, &[]),
    ];
    for (name, bytes, args) in cases {
        let data = file(&directory, name, bytes);
        assert_eq!(fit(&data, args), expected, "{name}");
    }
    let args = ["fit", &model, "-", "--starts", "2", "--json"];
    assert_eq!(dmci_with(&args, LINE_DATA.as_bytes()).json(), expected);
}

#[test]
fn wrong_options_and_wrong_files_say_what_to_do() {
    let directory = directory("fit-wrong-files");
    let model = file(&directory, "model.scm", LINE);
    let fails = |text: &[u8], args: &[&str]| {
        let data = file(&directory, "data.csv", text);
        dmci(&[&["fit", &model, &data, "--starts", "2"], args].concat()).fails(1)
    };
    for (text, said) in [
        (
            &b"x;y\n0;1\n1;3\n2;5\n"[..],
            "cells look parted by semicolons: try --sep ';'",
        ),
        (b"x;y\n0;1,5\n1;3,5\n", "try --sep ';' --decimal ,"),
        (b"x\ty\n0\t1\n1\t3\n", "try --sep tab"),
        (
            b"x,y\n0,NA\n1,3\n",
            "`NA` where a number should be, as in 1 of 2 rows; --missing drop",
        ),
        (b"x,y\n0,\n1,3\n", "empty where a number should be"),
        (b"X,y\n0,1\n1,3\n", "is it `X`?"),
        (b"x (mm),y\n0,1\n1,3\n", "is it `|x (mm)|`?"),
        (
            b"x,y\n0,1\n1,\xe9\n",
            "not UTF-8 text; if it is LATIN1, `iconv",
        ),
    ] {
        let err = fails(text, &[]);
        assert!(err.contains(said), "{said} in {err}");
    }
    let err = fails(b"x;y\n0;1,5\n", &["--sep", ";"]);
    assert!(err.contains("--decimal ,"), "{err}");
    let data = file(&directory, "data.csv", LINE_DATA);
    for (args, said) in [
        (vec!["fit", &data, &model], "the arguments are swapped"),
        (
            vec!["fit", "-", "-"],
            "standard input can be the model or the data",
        ),
        (vec!["fit", &model, &data, "--sep", "::"], "one character"),
        (
            vec!["fit", &model, &data, "--decimal", ",", "--sep", ","],
            "cannot both",
        ),
        (vec!["fit", &model, &data, "--bound", "a"], "k=0..5"),
        (
            vec!["fit", &model, &data, "--bound", "a>x"],
            "`x` is not a number",
        ),
        (
            vec!["fit", &model, &data, "--fix", "a=x"],
            "`x` is not a number",
        ),
        (
            vec!["fit", &model, &data, "--fix", "a", "--fix", "a=1"],
            "given twice",
        ),
        (
            vec!["fit", &model, &data, "--deadline", "nan"],
            "give seconds",
        ),
    ] {
        let err = dmci(&args).fails(2);
        assert!(err.contains(said), "{said} in {err}");
    }
    // Names with blanks can be written, and are shown as a program writes them.
    let spaced = LINE.replace("(* a x)", "(* a |x (mm)|)");
    let model = file(&directory, "spaced.scm", spaced);
    let data = file(&directory, "data.csv", LINE_DATA.replace('x', "x (mm)"));
    let fit = dmci(&["fit", &model, &data, "--json"]).json();
    near(estimate(&fit, "a"), 2.0, 0.02);
}

// ---- missing numbers -------------------------------------------------------------------------

#[test]
fn each_observed_column_does_without_its_own() {
    // Parent and metabolite, each measured at its own times and with a deviation of its own; the minimum
    // of 5 ln SSE(p) + 5 ln SSE(m) by SciPy's `minimize`.
    let model = "(param d 9 (> 0)) (param k 0.4 (> 0)) (param q 0.1 (> 0))
        (observe p (* d (exp (- (* k t)))))
        (observe m (* (/ (* d k) (- q k)) (- (exp (- (* k t))) (exp (- (* q t))))))";
    let data = "t,p,m\n0.5,8.13,1.98\n1.0,6.39,NA\n2.0,4.09,5.44\n3.0,2.68,\n4.0,1.7,6.7\n6.0,NA,6.74\n\
        8.0,null,6.12\n";
    let options = FitOptions::default().starts(8);
    let fit = fitted(model, &dropping(data), &options).expect("it can be fitted");
    for (name, expected) in [
        ("d", 10.057_288_9),
        ("k", 0.444_645_01),
        ("q", 0.080_839_47),
    ] {
        near(fit.param(name).expect(name).estimate, expected, 1e-6);
    }
    near(fit.sse, 0.029_640_155_9, 1e-6);
    assert_eq!((fit.residuals, fit.rows, fit.rows_dropped), (10, 7, 0));
    let (p, m) = (fit.column("p").expect("p"), fit.column("m").expect("m"));
    assert_eq!((p.used, p.dropped, m.used, m.dropped), (5, 2, 5, 2));
    // What was not measured is predicted all the same.
    assert!(p.residuals[5].is_nan() && p.predictions[5].is_finite());
    let k = fit.param("k").expect("k").estimate;
    near(
        p.predictions[5],
        fit.params[0].estimate * (-6.0 * k).exp(),
        1e-9,
    );
    assert!(
        p.residuals
            .iter()
            .zip(&m.residuals)
            .all(|(p, m)| !(p.is_nan() && m.is_nan()))
    );

    let refused = Table::from_reader(data.as_bytes(), "data.csv").expect("it is a table");
    let error = fitted(model, &refused, &options).unwrap_err().to_string();
    assert!(
        error.contains("data.csv:7") && error.contains("--missing drop"),
        "{error}"
    );
}

#[test]
fn a_row_that_misses_an_input_is_left_out() {
    let with_gaps =
        "x,y,z\n0,1.02,\nNA,3,1\n1,2.9,1\n2,5.1,1\n3,6.9,NA\n,100,1\n4,9.2,1\n5,11.0,1\n";
    let options = FitOptions::default().starts(2);
    let gaps = fitted(LINE, &dropping(with_gaps), &options).expect("it can be fitted");
    let whole = dropping(LINE_DATA);
    let whole = fitted(LINE, &whole, &options).expect("it can be fitted");
    assert_eq!(gaps.params, whole.params);
    assert_eq!((gaps.rows, gaps.rows_dropped), (8, 2));
    let y = gaps.column("y").expect("y");
    assert_eq!((y.used, y.dropped), (6, 2));
    assert!(y.predictions[1].is_nan() && y.predictions[5].is_nan() && y.residuals[5].is_nan());
    assert_eq!(y.residuals[7], whole.columns[0].residuals[5]);
    let none = fitted(LINE, &dropping("x,y\nNA,1\n2,NA\n"), &options).unwrap_err();
    assert!(matches!(none, FitError::NothingMeasured), "{none}");
    // The same rows are verified.
    let directory = directory("fit-missing");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", with_gaps);
    let run = dmci(&[
        "fit",
        &model,
        &data,
        "--missing",
        "drop",
        "--verify",
        "--stats",
    ])
    .ok();
    assert!(
        run.contains("rows of y") && run.contains("6 used, 2 dropped"),
        "{run}"
    );
}

#[test]
fn a_series_sees_all_rows_and_is_compared_with_those_measured() {
    let model = "(param a 1) (param k 0.5 (> 0))
        (observe-series (y w)
          (map (lambda (i) (list (* a (exp (- (* k i)))) (* 2 a i))) (iota (length y))))";
    let row = |i: usize| (3.0 * (-0.7 * i as f64).exp(), 6.0 * i as f64);
    let write = |skip: &[usize]| {
        let rows = (0..8).map(|i| {
            if skip.contains(&i) {
                format!("NA,{}\n", row(i).1)
            } else {
                format!("{},{}\n", row(i).0, row(i).1)
            }
        });
        format!("y,w\n{}", rows.collect::<String>())
    };
    let options = FitOptions::default().starts(4);
    let fit = fitted(model, &dropping(&write(&[2, 5])), &options).expect("it can be fitted");
    near(fit.param("k").expect("k").estimate, 0.7, 1e-8);
    near(fit.param("a").expect("a").estimate, 3.0, 1e-8);
    assert_eq!((fit.residuals, fit.rows_dropped), (14, 0));
    let y = fit.column("y").expect("y");
    assert_eq!((y.used, y.dropped), (6, 2));
    near(y.predictions[5], row(5).0, 1e-7);
}

// ---- params that are held or bounded ---------------------------------------------------------

#[test]
fn params_are_held_and_bounded() {
    let table = dropping(LINE_DATA);
    let options = || FitOptions::default().starts(2);
    // With the intercept held at 1 the slope is the sum of x (y - 1) over the sum of x x.
    let held = fitted(LINE, &table, &options().fix("b", 1.0)).expect("it can be fitted");
    let (x, y) = (table.column("x").expect("x"), table.column("y").expect("y"));
    let above: f64 = x.iter().zip(y).map(|(x, y)| x * (y - 1.0)).sum();
    let below: f64 = x.iter().map(|x| x * x).sum();
    near(held.param("a").expect("a").estimate, above / below, 1e-9);
    assert_eq!(held.held, [("b".to_owned(), 1.0)]);
    assert_eq!((held.params.len(), held.degrees_of_freedom), (1, 5));
    let initial = fitted(LINE, &table, &options().fix("b", None)).expect("it can be fitted");
    assert_eq!(initial.held, [("b".to_owned(), 0.0)]);
    let free = "(observe y (+ b (* a x)))";
    let named = options().init("a", 1.0).fix("b", 1.0);
    let named = fitted(free, &table, &named).expect("it can be fitted");
    near(named.params[0].estimate, above / below, 1e-9);

    let bounded = options().bound("a", Constraint::Below(1.5));
    let bounded = fitted(LINE, &table, &bounded).expect("it can be fitted");
    let a = bounded.param("a").expect("a").estimate;
    assert!(a <= 1.5 && a > 1.4, "{a}");
    for (options, said) in [
        (
            options().fix("q", 1.0),
            "`q` has a value to be held at, and is neither a param",
        ),
        (options().fix("q", None), "neither a param"),
        (options().fix("a", f64::NAN), "no finite number"),
        (options().bound("q", Constraint::Free), "`q` has a bound"),
        (
            options().bound("a", Constraint::Between(5.0, 2.0)),
            "reversed: 5 is above 2; write a=2..5",
        ),
        (
            options().bound("a", Constraint::Between(2.0, 2.0)),
            "--fix a=2",
        ),
        (
            options().bound("a", Constraint::Above(f64::NAN)),
            "no finite number",
        ),
        (
            options().bound("a", Constraint::Above(2.0)),
            "outside the param's constraint, above 2",
        ),
    ] {
        let error = fitted(LINE, &table, &options).unwrap_err().to_string();
        assert!(error.contains(said), "{said} in {error}");
    }

    let directory = directory("fit-held");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", LINE_DATA);
    let fit = |args: &[&str]| {
        dmci(&[&["fit", &model, &data, "--starts", "2", "--json"], args].concat()).json()
    };
    let warned = |args: &[&str]| -> Value {
        let run = dmci(&[&["fit", &model, &data, "--json"], args].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
        serde_json::from_str(&run.out).expect("JSON")
    };
    let json = warned(&["--fix", "b", "--fix", "a=2"]);
    assert_eq!(json["params"], serde_json::json!([]));
    assert!(json["warnings"].to_string().contains("every param is held"));
    let residuals = x.iter().zip(y).map(|(x, y)| 2.0 * x - y);
    let sum = residuals.map(|r| r * r).sum();
    near(json["sse"].as_f64().expect("a number"), sum, 1e-12);
    let json = warned(&["--max-iterations", "0"]);
    assert_eq!((estimate(&json, "a"), estimate(&json, "b")), (1.0, 0.0));
    assert!(json["warnings"].to_string().contains("no step was taken"));
    let json = fit(&["--fix", "b=1"]);
    assert_eq!(json["held"]["b"], 1.0);
    near(estimate(&json, "a"), above / below, 1e-9);
    for range in [
        "a>0",
        "a>=0",
        "a<9",
        "a=0..9",
        "a=0..",
        "a=-1e3..1e3",
        " a < 9",
    ] {
        near(estimate(&fit(&["--bound", range]), "a"), 2.017_143, 1e-5);
    }
}

// ---- the best so far -------------------------------------------------------------------------

/// A model whose evaluations take a while, and whose search never ends by itself in a test's time.
const SLOW: &str = "(param k 0.3)\n(param a 1)
(define (spin n s) (if (= n 0) s (spin (- n 1) (+ s (* 1e-9 (sin (* k n)))))))
(observe y (+ (spin 300 0) (* a (exp (- (* k t))))))";

fn slow_data() -> String {
    let rows = (0..20).map(|t| format!("{t},{}\n", 2.0 * (-0.5 * f64::from(t)).exp()));
    format!("t,y\n{}", rows.collect::<String>())
}

#[test]
fn files_have_the_same_bytes_on_any_number_of_threads() {
    let directory = directory("fit-threads");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", LINE_DATA);
    let written = |threads: &str| -> Vec<Vec<u8>> {
        let out = directory.join(threads);
        let folder = out.to_str().expect("a path");
        let run = dmci(&["fit", &model, &data, "--threads", threads, "--out", folder]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let files = fs::read_dir(&out).expect("a folder");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        assert_eq!(paths.len(), 6, "{paths:?}");
        let read = paths
            .iter()
            .map(|path| fs::read(path).expect("it can be read"));
        read.collect()
    };
    assert_eq!(written("1"), written("2"));
}

#[test]
fn a_deadline_ends_the_search_and_not_the_fit() {
    let directory = directory("fit-deadline");
    let model = file(&directory, "model.scm", SLOW);
    let data = file(&directory, "data.csv", slow_data());
    let start = Instant::now();
    let endless = ["--starts", "90000", "--all-starts", "--json", "--quiet"];
    let run = dmci(&[&["fit", &model, &data, "--deadline", "3"], &endless[..]].concat());
    let seconds = start.elapsed().as_secs_f64();
    assert!((2.9..30.0).contains(&seconds), "{seconds}");
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("stopped before it was done"),
        "{}",
        run.err
    );
    let json: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(json["interrupted"], true);
    let warnings = json["warnings"].to_string();
    assert!(
        warnings.contains("stopped before it was done"),
        "{warnings}"
    );
    // One evaluation that takes longer than there is time: nothing was found.
    let endless = file(&directory, "endless.scm", SLOW.replace("300", "1e12"));
    let start = Instant::now();
    let err = dmci(&["fit", &endless, &data, "--deadline", "300ms"]).fails(1);
    assert!(err.contains("deadline"), "{err}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn literals_are_fitted_and_written() {
    let directory = directory("fit-literals");
    let model = file(
        &directory,
        "model.scm",
        "; a line\n(observe y (+ 0.0 (* 1.0 x)))\n",
    );
    let data = file(&directory, "data.csv", LINE_DATA);
    let out = directory.join("out");
    let folder = out.to_str().expect("a path");
    let run = [
        "fit",
        &model,
        &data,
        "--literals",
        "--json",
        "--quiet",
        "--out",
        folder,
    ];
    let json: Value = serde_json::from_str(&dmci(&run).out).expect("JSON");
    let slope = estimate(&json, "@2:22");
    near(slope, 2.017_143, 1e-5);
    let written = fs::read_to_string(out.join("model.fitted.scm")).expect("it is written");
    let offset = estimate(&json, "@2:15");
    let expected = format!("; a line\n(observe y (+ {offset:?} (* {slope:?} x)))\n");
    assert_eq!(written, expected);
    // What was written predicts what was fitted, with params and as it is.
    let fit = out.join("fit.json");
    let told = dmci(&["predict", &model, fit.to_str().expect("a path"), &data]).ok();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 7, "{told:?}");
    let fitted = out.join("model.fitted.scm");
    let again = dmci(&[
        "fit",
        fitted.to_str().expect("a path"),
        &data,
        "--json",
        "--quiet",
    ]);
    let again: Value = serde_json::from_str(&again.out).expect("JSON");
    near(
        again["sse"].as_f64().expect("a number"),
        json["sse"].as_f64().expect("a number"),
        1e-12,
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_tells_the_best_so_far() {
    let directory = directory("fit-ctrl-c");
    let model = file(&directory, "model.scm", SLOW);
    let data = file(&directory, "data.csv", slow_data());
    let out = directory.join("out");
    let child = Command::new(env!("CARGO_BIN_EXE_dmci"))
        .args([
            "fit",
            &model,
            &data,
            "--starts",
            "90000",
            "--all-starts",
            "--out",
        ])
        .arg(&out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dmci starts");
    std::thread::sleep(Duration::from_secs(3));
    let start = Instant::now();
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("`kill` can be run").success());
    let output = child.wait_with_output().expect("dmci ends");
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    let (out_text, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(out_text.contains("sum of squares"), "{out_text}");
    assert!(err.contains("stopped before it was done"), "{err}");
    assert!(!err.contains("determine"), "{err}");
    let report = fs::read_to_string(out.join("report.html")).expect("it is written");
    assert!(report.contains("stopped before it was done") && report.ends_with("</html>\n"));
}

// ---- files -----------------------------------------------------------------------------------

#[test]
fn a_fit_writes_its_files() {
    let directory = directory("fit-out");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", LINE_DATA.replace("2.9", "NA"));
    let out = directory.join("new/results");
    let results = out.to_str().expect("UTF-8");
    let args = [
        "fit",
        &model,
        &data,
        "--starts",
        "2",
        "--missing",
        "drop",
        "--json",
        "--out",
        results,
    ];
    for _ in 0..2 {
        let run = dmci(&args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let read = |name: &str| fs::read_to_string(out.join(name)).expect(name);
        let mut names: Vec<String> = fs::read_dir(&out)
            .expect("it is there")
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "fit.json",
            "fit.svg",
            "model.fitted.scm",
            "predictions.csv",
            "report.html",
            "residuals.svg",
        ];
        assert_eq!(names, expected);
        assert_eq!(read("fit.json"), run.out);
        let json: Value = serde_json::from_str(&run.out).expect("JSON");
        assert_eq!((&json["schema"], &json["rows"]), (&1.into(), &6.into()));
        assert_eq!(json["columns"][0]["used"], 5);

        let text = read("predictions.csv");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("x,y,y fit,y residual,y low,y high"));
        let second = lines.nth(1).expect("a second row");
        assert!(
            second.starts_with("1.0,NA,") && second.matches("NA").count() == 2,
            "{second}"
        );

        // The program is as it was but for its numbers, and is where the fit ended.
        let (a, b) = (estimate(&json, "a"), estimate(&json, "b"));
        let text = LINE.replace("(param a 1.0)", &format!("(param a {a:?})"));
        assert_eq!(
            read("model.fitted.scm"),
            text.replace("(param b 0)", &format!("(param b {b:?})"))
        );
        let again = out.join("model.fitted.scm");
        let args = [
            "fit",
            again.to_str().unwrap(),
            &data,
            "--starts",
            "1",
            "--missing",
            "drop",
            "--json",
        ];
        let again = dmci(&args).json();
        near(
            again["sse"].as_f64().unwrap(),
            json["sse"].as_f64().unwrap(),
            1e-12,
        );

        for name in ["fit.svg", "residuals.svg"] {
            let svg = read(name);
            assert!(
                svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
                "{svg}"
            );
            assert!(
                svg.contains(">x</text>") && svg.matches("<circle").count() >= 5,
                "{svg}"
            );
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(read("report.html").contains(svg.trim()));
        }
        let report = read("report.html");
        assert!(report.contains("; the slope") && !report.contains("http-equiv"));
        for foreign in ["src=", "href=", "@import", "<script"] {
            assert!(!report.contains(foreign), "{foreign}");
        }
    }
    let blocked = file(&directory, "file", "");
    let args = [
        "fit",
        &model,
        &data,
        "--starts",
        "2",
        "--missing",
        "drop",
        "--out",
        &blocked,
    ];
    let run = dmci(&args);
    assert!(
        run.code == Some(1) && run.err.contains("cannot be written"),
        "{}",
        run.err
    );
}

#[test]
fn a_program_without_declarations_gets_them() {
    let directory = directory("fit-out-target");
    let model = file(&directory, "value.scm", "; y\n(+ b (* a x))\n");
    let data = file(&directory, "data.csv", LINE_DATA);
    let out = directory.join("out");
    let args = [
        "fit", &model, &data, "--target", "y", "--init", "a=1", "--fix", "b=1.5", "--starts", "1",
    ];
    let run = dmci(&[&args[..], &["--out", out.to_str().unwrap()]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let text = fs::read_to_string(out.join("model.fitted.scm")).expect("it is written");
    assert!(
        text.starts_with("(param a 1.8") && text.contains("(param b 1.5)\n; y\n"),
        "{text}"
    );
    // The same prediction, and the estimates know the target.
    let json = out.join("fit.json");
    let predicted = dmci(&["predict", &model, json.to_str().unwrap(), &data]).ok();
    assert!(
        predicted.starts_with("x,y,y fit,y low,y high\n0.0,1.02,1.5,1.5,1.5\n"),
        "{predicted}"
    );
}

#[test]
fn data_fit_and_residuals_are_plotted_in_characters() {
    let directory = directory("fit-plot");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", LINE_DATA);
    let out = dmci(&["fit", &model, &data, "--starts", "2", "--plot"]).ok();
    let plot = out.split("\ny   o observed   · fit\n").nth(1).expect(&out);
    assert!(
        plot.matches('o').count() >= 6 && plot.matches('·').count() > 40,
        "{plot}"
    );
    assert!(
        plot.contains("residuals of y") && plot.contains(" 0.000 "),
        "{plot}"
    );
    assert!(
        plot.lines().all(|line| line.chars().count() <= 90),
        "{plot}"
    );
}

// ---- predictions -----------------------------------------------------------------------------

#[test]
fn bands_are_those_of_a_line() {
    let table = dropping(LINE_DATA);
    let model = Interpreter::embedded().model(LINE).expect("a program");
    let options = FitOptions::default().starts(2);
    let fit = fit(&model, &table, &options).expect("it can be fitted");
    let new = dropping("x,other\n2.5,1\nNA,2\n10,3\n");
    let estimates = Estimates::from(&fit);
    let predicted = predict(&model, &estimates, &new, &options).expect("it predicts");
    let y = &predicted[0];
    // Any textbook: the variance of the mean at x is s^2 (1/n + (x - mean)^2 / Sxx). Student's t for four
    // degrees of freedom is 2.776 445 105.
    let mean = 2.5;
    let sxx: f64 = (0..6).map(|x| (f64::from(x) - mean).powi(2)).sum();
    for (row, x) in [(0, 2.5), (2, 10.0)] {
        let line = fit.params[0].estimate * x + fit.params[1].estimate;
        near(y.predictions[row], line, 1e-12);
        let spread: f64 = 1.0 / 6.0 + (x - mean).powi(2) / sxx;
        let half = 2.776_445_105 * fit.residual_sd * spread.sqrt();
        near(y.high[row] - line, half, 1e-8);
        near(line - y.low[row], half, 1e-8);
    }
    assert!(y.predictions[1].is_nan() && y.low[1].is_nan());

    // Lognormal: the band is that of the logarithm, and so above zero.
    let decay = "(param a 1 (> 0)) (param k 0.1) (observe y (* a (exp (- (* k x)))) lognormal)";
    let falling = dropping("x,y\n0,5\n1,2\n2,1.6\n3,0.4\n4,0.5\n");
    let model = Interpreter::embedded().model(decay).expect("a program");
    let fit = dmci::fit::fit(&model, &falling, &options).expect("it can be fitted");
    let predicted = predict(
        &model,
        &Estimates::from(&fit),
        &dropping("x\n20\n"),
        &options,
    );
    let y = &predicted.expect("it predicts")[0];
    let f = y.predictions[0];
    assert!(0.0 < y.low[0] && y.low[0] < f && f < y.high[0]);
    near(f / y.low[0], y.high[0] / f, 1e-9);
}

#[test]
fn new_rows_are_predicted_on_the_command_line() {
    let directory = directory("predict");
    let model = file(&directory, "model.scm", LINE);
    let data = file(&directory, "data.csv", LINE_DATA);
    let fit = dmci(&["fit", &model, &data, "--starts", "2", "--json"]).ok();
    let fit = file(&directory, "fit.json", fit);
    let new = file(&directory, "new.csv", "note,x\nfar,100\n");
    let out = dmci(&["predict", &model, &fit, &new]).ok();
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("x,y fit,y low,y high"));
    let row: Vec<f64> = lines
        .next()
        .unwrap()
        .split(',')
        .map(|x| x.parse().unwrap())
        .collect();
    assert!(
        row[0] == 100.0 && row[2] < row[1] && row[1] < row[3],
        "{out}"
    );
    let path = directory.join("predicted.csv");
    let quiet = dmci(&[
        "predict",
        &model,
        &fit,
        &new,
        "--out",
        path.to_str().unwrap(),
    ])
    .ok();
    assert_eq!(
        (quiet.as_str(), fs::read_to_string(path).expect("written")),
        ("", out)
    );

    let other = file(&directory, "other.scm", "(param q 1) (observe y (* q x))");
    let bad = file(&directory, "bad.json", "{\"schema\":7}");
    let none = file(&directory, "none.csv", "z\n1\n");
    for (args, said) in [
        ([&other, &fit, &new], "the program's param `q` is not in it"),
        (
            [&model, &bad, &new],
            "its schema is 7, and this version reads 1",
        ),
        ([&model, &data, &new], "it is no JSON"),
        ([&model, &fit, &none], "`x` is no column"),
    ] {
        let err = dmci(&["predict", args[0], args[1], args[2]]).fails(1);
        assert!(err.contains(said), "{said} in {err}");
    }
    for (json, said) in [
        ("[]", "`schema`"),
        ("{\"schema\":1}", "`params`"),
        ("{\"schema\":1,\"params\":[{\"name\":\"a\"}]}", "`params`"),
        (
            "{\"schema\":1,\"params\":[],\"held\":{},\"covariance\":[1]}",
            "`covariance`",
        ),
    ] {
        let error = Estimates::from_json(json).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

// ---- messages --------------------------------------------------------------------------------

#[test]
fn fits_that_say_little_say_why() {
    let directory = directory("fit-doubts");
    let run = |model: &str, data: &str| {
        let model = file(&directory, "model.scm", model);
        let data = file(&directory, "data.csv", data);
        dmci(&["fit", &model, &data, "--json"])
    };
    let rows = "x,y\n1,1\n2,1.4\n4,2\n";
    for (model, data, said) in [
        // More params than numbers, as many, and one that nothing depends on.
        (
            "(param a 1) (param b 1) (param c 1) (observe y (+ (* a (exp (- (* b x)))) c))",
            "x,y\n1,1\n2,1.4\n",
            "2 numbers cannot determine 3 params",
        ),
        (
            "(param a 1) (param b 1) (observe y (+ (* a x) b))",
            "x,y\n1,1\n2,1.4\n",
            "leave no degree of freedom",
        ),
        (
            "(param a 1) (param extra 1) (observe y (* a x))",
            rows,
            "no prediction depends on `extra`; leave it out",
        ),
        // A start that is NaN, where others are not.
        (
            "(param a -1) (observe y (sqrt (* a x)))",
            rows,
            "the model's own initial values give no finite residuals",
        ),
        // Names of the program's own that hide columns.
        (
            "(param a 1) (define x 2) (observe y (* a x))",
            rows,
            "the column `x` of the data is not used: the program's definition of that name is",
        ),
        (
            "(param x 1) (observe y (* x 2))",
            rows,
            "the program's param of that name is",
        ),
    ] {
        let run = run(model, data);
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert!(run.err.contains(said), "{said} in {}", run.err);
        // Machines are told the same.
        let json: Value = serde_json::from_str(&run.out).expect("JSON");
        assert!(
            json["warnings"].to_string().contains(said),
            "{said} in {json}"
        );
    }
    // A prediction may be called what it is compared with.
    let same = run(
        "(param a 1) (define y (lambda (x) (* a x))) (observe y (y x))",
        rows,
    );
    assert_eq!(same.err, "");
    for (model, data, said) in [
        (
            "(param a 3) (observe y (* a (log x)))",
            "x,y\n0,1\n2,1.4\n",
            "`y` at {}data.csv:2 is predicted to be -inf); --trace-nan shows the operation at fault",
        ),
        (
            "(param a 0.2 (between 0.1 0.5)) (observe y (log (* a -1 x)))",
            rows,
            "is predicted to be NaN",
        ),
        (
            "(param a 3 (between 5 2)) (observe y (* a x))",
            rows,
            "lo below hi",
        ),
    ] {
        let err = run(model, data).fails(1);
        let said = said.replace("{}", &format!("{}/", directory.display()));
        assert!(err.contains(&said), "{said} in {err}");
    }
    // From where nothing leads down.
    let model = file(
        &directory,
        "far.scm",
        "(param a 1) (param c 1) (observe y (* a (exp (- (* c x)))))",
    );
    let data = file(
        &directory,
        "far.csv",
        "x,y\n400,111\n990,60\n1580,38\n2170,15\n",
    );
    let run = dmci(&["fit", &model, &data, "--starts", "1"]);
    assert!(
        run.err
            .contains("no step from the initial values led to a better fit"),
        "{}",
        run.err
    );
}

#[test]
fn the_picture_of_the_readme_is_what_the_fit_writes() {
    let directory = directory("fit-picture");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lynx_hare");
    let [model, data, kept] =
        ["model.scm", "pelts.csv", "fit.svg"].map(|name| format!("{root}/{name}"));
    let out = directory.join("out");
    let out = out.to_str().expect("a path of letters");
    let run = dmci(&["fit", &model, &data, "--out", out]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    // Numbers apart: the last digits of estimates differ between kinds of processors.
    let parts = |path: &str| {
        let text = fs::read_to_string(path).expect("it is there");
        let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
        let words: Vec<String> = text.split(is_of_number).map(str::to_owned).collect();
        let numbers = text.split(|c| !is_of_number(c));
        let numbers: Vec<f64> = numbers.filter_map(|word| word.parse().ok()).collect();
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
        (words, numbers)
    };
    let (written, kept) = (parts(&format!("{out}/fit.svg")), parts(&kept));
    let told = "make examples/lynx_hare/fit.svg anew: `dmci fit examples/lynx_hare/model.scm \
                examples/lynx_hare/pelts.csv --out DIR`, and copy fit.svg from there";
    assert_eq!(written.0, kept.0, "{told}");
    assert!(
        written.1.len() == kept.1.len(),
        "{told}: {} numbers, {} kept",
        written.1.len(),
        kept.1.len()
    );
    for (found, expected) in written.1.iter().zip(&kept.1) {
        assert!(
            (found - expected).abs() < 0.3,
            "{told}: {found}, {expected} kept"
        );
    }
}
