//! Losses: programs whose value is to be low, without predictions.
//!
//! **Invariants**
//! - Minima are those that are known in closed form, or that the same model as predictions has.
//! - What only predictions have is refused where it stands.

use crate::cli::{directory, dmci, file};
use dmci::fit::{Ending, Fit, FitError, FitOptions, Loss, Table, fit, fit_observed};
use dmci::{Interpreter, Threads};
use std::ops::ControlFlow;

fn minimized_with(model: &str, table: &Table<'_>, options: &FitOptions) -> Result<Fit, FitError> {
    let model = Interpreter::embedded().model(model)?;
    fit(&model, table, options)
}

fn options() -> FitOptions {
    FitOptions::default().minimize(true).starts(16)
}

#[track_caller]
fn minimized(model: &str) -> Fit {
    let found = minimized_with(model, &Table::empty(), &options());
    found.unwrap_or_else(|error| panic!("{error}\n{model}"))
}

#[track_caller]
fn near(fit: &Fit, name: &str, expected: f64, tolerance: f64) {
    let found = fit.param(name).expect("a param").estimate;
    assert!(
        (found - expected).abs() <= tolerance,
        "{name}: {found} {expected}"
    );
}

const ROSENBROCK: &str = "\
(param x -1.2 (between -2 3))
(param y 1)
(+ (square (- 1 x)) (* 100 (square (- y (square x)))))
";

#[test]
fn a_loss_is_minimized_without_data() {
    let found = minimized(ROSENBROCK);
    assert!(found.converged && found.value < 1e-15, "{found:?}");
    near(&found, "x", 1.0, 1e-7);
    near(&found, "y", 1.0, 1e-7);
    assert!(found.agree >= 3 && found.optima.is_empty(), "{found:?}");
    assert!(found.loss.as_ref().expect("a loss").gradient_norm < 1e-6);
    // A loss says nothing of errors.
    assert!(found.params.iter().all(|param| param.std_err.is_nan()));
    assert!(found.columns.is_empty() && found.sse.is_nan());
    // One start leads there too, and threads change nothing.
    let alone = minimized_with(ROSENBROCK, &Table::empty(), &options().starts(1)).unwrap();
    near(&alone, "x", 1.0, 1e-7);
    let with = |threads| {
        let options = options().threads(threads);
        minimized_with(ROSENBROCK, &Table::empty(), &options).unwrap()
    };
    let (one, two) = (with(Threads::ONE), with(Threads::of(2)));
    let bits = |fit: &Fit| -> Vec<u64> {
        let ends = fit.ends.iter().flat_map(|end| end.params.clone());
        ends.map(f64::to_bits).collect()
    };
    assert_eq!(bits(&one), bits(&two));
    assert_eq!(one.evaluations, two.evaluations);
}

#[test]
fn bounds_are_closed_and_named() {
    // Within x <= 1/2 the lowest is on the wall, where y = x².
    let found = minimized(&ROSENBROCK.replace("between -2 3", "between -2 0.5"));
    assert!(found.converged, "{found:?}");
    assert_eq!(found.param("x").unwrap().estimate, 0.5);
    near(&found, "y", 0.25, 1e-7);
    assert_eq!(found.at_edge, ["x"]);
    let loss = found.loss.unwrap();
    assert!((loss.gradient[0] + 1.0).abs() < 1e-5, "{loss:?}");
    assert!(loss.gradient_norm < 1e-5, "{loss:?}");

    // An end that a logarithm never reaches is reached.
    let found = minimized("(param a 1 (> 0)) (param b 3 (< 9)) (+ a (square (- b 2)))");
    assert_eq!(found.param("a").unwrap().estimate, 0.0);
    near(&found, "b", 2.0, 1e-7);
    assert_eq!(
        (found.converged, &found.at_edge[..]),
        (true, &["a".to_owned()][..])
    );
    assert_eq!(found.loss.unwrap().gradient[0], 1.0);
    // Where there is no value on the end, it is not: x - log x is lowest at 1.
    let found = minimized("(param x 50 (> 0)) (- x (log x))");
    near(&found, "x", 1.0, 1e-7);
    assert!(found.at_edge.is_empty());
}

/// A decay with known noise, as a sum of squares and as predictions.
#[test]
fn a_sum_of_squares_has_the_minimum_of_its_predictions() {
    let t: Vec<f64> = (0..30).map(|i| 0.2 * f64::from(i)).collect();
    let wobble = |i: usize| 0.05 * (7.0 * i as f64).sin();
    let y = t.iter().enumerate();
    let y: Vec<f64> = y.map(|(i, t)| 2.0 * (-0.7 * t).exp() + wobble(i)).collect();
    let table = Table::from_columns([("t", &t[..]), ("y", &y[..])]).unwrap();
    let params = "(param a 1) (param k 1 (> 0))";
    let loss = format!(
        "{params} (define (miss t y) (square (- y (* a (exp (* (- k) t))))))
         (apply + (map miss t y))"
    );
    let predicted = format!("{params} (observe y (* a (exp (* (- k) t))))");
    let lowest = minimized_with(&loss, &table, &options()).unwrap();
    let expected = minimized_with(&predicted, &table, &options().minimize(false)).unwrap();
    assert!(lowest.converged);
    for param in &expected.params {
        near(&lowest, &param.name, param.estimate, 1e-7);
    }
    assert!((lowest.value / expected.sse - 1.0).abs() < 1e-12);
    assert_eq!((lowest.rows, lowest.residuals), (30, 0));
    // Its unit changes nothing.
    let small = loss.replace("(apply +", "(* 1e-30 (apply +") + ")";
    let small = minimized_with(&small, &table, &options()).unwrap();
    near(&small, "k", expected.param("k").unwrap().estimate, 1e-7);
    // What is held or bounded by the caller is.
    let held = options().fix("k", 0.7);
    let held = minimized_with(&loss, &table, &held).unwrap();
    assert_eq!(
        (held.params.len(), &held.held[..]),
        (1, &[("k".to_owned(), 0.7)][..])
    );
}

/// -log L of the exponential distribution is n log s + sum / s, lowest at the mean; with a derived rate.
#[test]
fn a_likelihood_is_a_loss() {
    let waits = [0.4, 1.9, 0.7, 3.2, 0.1, 1.1];
    let table = Table::from_columns([("wait", &waits[..])]).unwrap();
    let model = "(param s 30 (> 0)) (derive rate (/ 1 s))
                 (apply + (map (lambda (w) (+ (log s) (/ w s))) wait))";
    let found = minimized_with(model, &table, &options()).unwrap();
    let mean = waits.iter().sum::<f64>() / 6.0;
    near(&found, "s", mean, 1e-7);
    let rate = found.derived("rate").unwrap();
    assert!((rate.estimate - 1.0 / mean).abs() < 1e-7 && rate.std_err.is_nan());
}

#[test]
fn equal_minima_are_told_and_the_nearest_is_taken() {
    let found = minimized("(param x 0.3) (square (- (square x) 4))");
    near(&found, "x", 2.0, 1e-7);
    assert_eq!(found.optima.len(), 1, "{found:?}");
    assert!(
        found.optima[0]
            .symmetry
            .as_deref()
            .is_some_and(|s| s.contains("sign of `x`"))
    );
    // One that is no minimum of all: two wells, of which the first guess is in the shallower.
    let wells = "(param x 0.8) (+ (square (- (square x) 4)) x)";
    near(&minimized(wells), "x", -2.030_7, 1e-3);
}

#[test]
fn a_loss_without_a_minimum_does_not_converge() {
    let falling = minimized("(param x 1) (- x)");
    assert!(!falling.converged, "{falling:?}");
    // A kink is found, and not taken for a smooth minimum.
    let kink = minimized("(param x 5) (abs (- x 2))");
    near(&kink, "x", 2.0, 1e-5);
    assert!(kink.ends.iter().all(|end| end.ending != Ending::Failed));
}

#[test]
fn an_observer_ends_the_search() {
    let model = Interpreter::embedded().model(ROSENBROCK).unwrap();
    let stopped = fit_observed(&model, &Table::empty(), &options(), &|progress| {
        if progress.steps > 5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let stopped = stopped.unwrap();
    assert!(stopped.interrupted && !stopped.converged && stopped.value.is_finite());
}

#[test]
fn what_a_loss_has_no_use_for_is_refused() {
    let table = Table::from_columns([("x", &[1.0, 2.0][..]), ("y", &[1.0, 3.0][..])]).unwrap();
    let refusal = |model: &str, options: &FitOptions| {
        let error = minimized_with(model, &table, options).expect_err(model);
        let column = error.span().map(|span| span.position(model).column);
        (error.to_string(), column)
    };
    let cases = [
        (
            "(param a 1) (observe y (* a x))",
            "says what it predicts",
            Some(13),
        ),
        (
            "(param a 1) (prior a 0 1) (square a)",
            "a prior adds to a likelihood",
            Some(13),
        ),
        (
            "(param a 1 by x) (square a)",
            "a value for each group",
            Some(1),
        ),
        (
            "(param a 1) (list a a)",
            "the program's value is a list",
            Some(13),
        ),
        (
            "(param a 1) (map square x)",
            "one number, such as a sum",
            Some(13),
        ),
        ("(param a 1) (* a z)", "`z` is no column", Some(18)),
        (
            "(param a -1) (log a)",
            "finite at none of 1 starts (at the initial values it is NaN)",
            None,
        ),
    ];
    for (model, expected, column) in cases {
        let (message, found) = refusal(model, &options().starts(1));
        assert!(message.contains(expected), "{model}: {message}");
        if column.is_some() {
            assert_eq!(found, column, "{model}: {message}");
        }
    }
    let options = [
        (options().target("y"), "--target"),
        (options().sigma("y"), "--sigma"),
        (options().weights("y"), "--weights"),
        (options().loss(Loss::Huber), "--loss"),
    ];
    for (options, flag) in options {
        let (message, _) = refusal("(param a 1) (square a)", &options);
        assert!(
            message.starts_with(flag) && message.contains("leave out"),
            "{message}"
        );
    }
    let no_data = minimized_with("(param a 1) (apply + y)", &Table::empty(), &self::options());
    let message = no_data.expect_err("no data").to_string();
    assert!(message.contains("no data are given"), "{message}");
}

#[test]
fn losses_are_minimized_on_the_command_line() {
    let directory = directory("fit-loss");
    let model = file(&directory, "rosenbrock.scm", ROSENBROCK);
    let out = dmci(&["fit", &model, "--minimize", "--stats"]).ok();
    let line = |name: &str| {
        let line = out.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} in {out}")).to_owned()
    };
    assert!(line("x ").contains("1.00000"), "{out}");
    assert!(line("standard errors").contains("none: a loss"), "{out}");
    line("gradient norm");
    line("evaluations");
    let json = dmci(&["fit", &model, "--minimize", "--json", "--quiet"]).json();
    assert_eq!(json["params"][0]["std_err"], "nan");
    assert_eq!(json["converged"], true);
    assert!(
        json["loss"]["gradient_norm"]
            .as_f64()
            .is_some_and(|norm| norm < 1e-6),
        "{json}"
    );

    let loss = "(param m 1.0) (apply + (map (lambda (y) (log (+ 1 (square (- y m))))) y))";
    let loss = file(&directory, "loss.scm", loss);
    let data = file(&directory, "data.csv", "y\n1\n2\n3\n50\n");
    let json = dmci(&["fit", &loss, &data, "--minimize", "--json"]).json();
    // Where sum 2 (m - y) / (1 + (m - y)²) is 0, by hand to four digits.
    let m = json["params"][0]["estimate"].as_f64().expect("a number");
    let slope = |y: f64| 2.0 * (m - y) / (1.0 + (m - y) * (m - y));
    let total: f64 = [1.0, 2.0, 3.0, 50.0].map(slope).iter().sum();
    assert!((1.9..2.3).contains(&m) && total.abs() < 1e-7, "{json}");

    dmci(&["fit", &loss]).fails(2);
    let err = dmci(&["fit", &loss, &data, "--minimize", "--target", "y"]).fails(2);
    assert!(err.contains("--target"), "{err}");
    let falling = file(&directory, "falling.scm", "(param x 1) (- x)");
    let run = dmci(&["fit", &falling, "--minimize"]);
    assert!(run.err.contains("no lower bound"), "{}", run.err);
}

#[test]
fn a_loss_writes_what_there_is_of_it() {
    let directory = directory("fit-loss-files");
    let files = |out: &std::path::Path| -> Vec<String> {
        let all = std::fs::read_dir(out).expect("a folder");
        let names = all.map(|file| file.expect("a file").file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    // Of params alone.
    let text = "; a valley\n(param x -1.2 (between -2 0.5))\n(param y 1)\n(param z 3)\n(derive sum (+ x y))\n\
                (+ (square (- 1 x)) (* 100 (square (- y (square x)))) (* z z))\n";
    let model = file(&directory, "valley.scm", text);
    let out = directory.join("alone");
    let folder = out.to_str().expect("a path");
    let run = dmci(&[
        "fit",
        &model,
        "--minimize",
        "--json",
        "--fix",
        "z=2",
        "--out",
        folder,
    ]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("report.html"), "{}", run.err);
    assert_eq!(files(&out), ["fit.json", "model.fitted.scm", "report.html"]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    assert_eq!(read("fit.json").trim(), run.out.trim());
    let json: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let y = json["params"][1]["estimate"].as_f64().expect("a number");
    assert!((y - 0.25).abs() < 1e-7, "{y}");
    let expected = text
        .replace("(param x -1.2", "(param x 0.5")
        .replace("(param y 1)", &format!("(param y {y:?})"))
        .replace("(param z 3)", "(param z 2.0)");
    assert_eq!(read("model.fitted.scm"), expected);
    let page = read("report.html");
    for part in [
        "<title>Minimum of valley.scm</title>",
        "<th>at a bound</th>",
        "<td>x</td><td>0.500000</td>",
        "<td>yes</td>",
        "Derived quantities",
        "<i>z</i> = 2.00000",
        "<td>loss</td>",
        "gradient norm",
        "none: a loss does not say",
        "; a valley",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for part in ["Correlations", "residual", "95 %", "<svg", "<h2>Data"] {
        assert!(!page.contains(part), "{part} in {page}");
    }
    // The minimum of what was written is where it begins.
    let fitted = out.join("model.fitted.scm");
    let fitted = fitted.to_str().expect("a path");
    let again = dmci(&["fit", fitted, "--minimize", "--json", "--fix", "z"]);
    let again: serde_json::Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!(again["value"], json["value"], "{again}");

    // With data.
    let loss = "(param m 1.0) (apply + (map (lambda (y) (log (+ 1 (square (- y m))))) y))";
    let loss = file(&directory, "loss.scm", loss);
    let data = file(&directory, "readings.csv", "y\n1\n2\n3\n50\n");
    let out = directory.join("data");
    let folder = out.to_str().expect("a path");
    let run = dmci(&["fit", &loss, &data, "--minimize", "--out", folder]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(files(&out), ["fit.json", "model.fitted.scm", "report.html"]);
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(
        page.contains("<title>Minimum of loss.scm with readings.csv</title>"),
        "{page}"
    );
    // There is nothing to predict or to draw.
    let fit = out.join("fit.json");
    let run = dmci(&["predict", &loss, fit.to_str().expect("a path"), &data]);
    assert!(
        run.code == Some(1) && !run.err.contains("panicked"),
        "{}",
        run.err
    );
    dmci(&["fit", &loss, &data, "--minimize", "--plot"]).fails(2);
}
