//! Constants that only steer: where a step is, found through relaxed comparisons.
//!
//! **Invariants**
//! - What is told is the fit of the model as it is, and the estimate the middle of where nothing changes.

use crate::cli::{directory, dmci, file};
use dmci::Interpreter;
use dmci::fit::{Fit, FitError, FitOptions, Table, fit, fit_observed};
use std::ops::ControlFlow;

fn fitted_with(model: &str, table: &Table<'_>, options: &FitOptions) -> Result<Fit, FitError> {
    let model = Interpreter::embedded().model(model)?;
    fit(&model, table, options)
}

fn soft() -> FitOptions {
    FitOptions::default().starts(16).soften(true)
}

/// x from 0 to 15 in 60 rows, and noise that a congruence makes: uniform, with the standard deviation
/// given.
fn rows(sd: f64, of: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..60).map(|i| 15.0 * f64::from(i) / 59.0).collect();
    let mut state = 12345_u64;
    let y = x.iter().map(|&x| {
        state = state * 1_103_515_245 % 2_147_483_648 + 12345;
        let uniform = (state % 65_536) as f64 / 65_536.0 - 0.5;
        of(x) + sd * 12.0_f64.sqrt() * uniform
    });
    let y = y.collect();
    (x, y)
}

const STEP: &str = "(param x0 3) (param lo 0) (param hi 1)\n(observe y (if (< x x0) lo hi))";

fn step() -> (Vec<f64>, Vec<f64>) {
    rows(0.3, |x| if x < 7.3 { 1.0 } else { 3.0 })
}

#[track_caller]
fn near(fit: &Fit, name: &str, expected: f64, part: f64) {
    let found = fit.param(name).expect("a param").estimate;
    assert!(
        (found / expected - 1.0).abs() <= part,
        "{name}: {found} {expected}"
    );
}

#[test]
fn a_step_is_found() {
    let (x, y) = step();
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let found = fitted_with(STEP, &table, &soft()).unwrap();
    near(&found, "x0", 7.3, 0.01);
    near(&found, "lo", 1.0, 0.1);
    near(&found, "hi", 3.0, 0.1);
    // The figures are those of the step itself, which the mean on either side fits best.
    let mean = |keep: &dyn Fn(f64) -> bool| {
        let kept: Vec<f64> = x
            .iter()
            .zip(&y)
            .filter(|(x, _)| keep(**x))
            .map(|(_, y)| *y)
            .collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        (mean, kept.iter().map(|y| (y - mean).powi(2)).sum::<f64>())
    };
    let ((lo, below), (hi, above)) = (mean(&|x| x < 7.3), mean(&|x| x >= 7.3));
    near(&found, "lo", lo, 1e-9);
    near(&found, "hi", hi, 1e-9);
    assert!((found.sse / (below + above) - 1.0).abs() < 1e-9);
    // Between two rows nothing changes; the estimate is the middle.
    let [below, above] = [x[28], x[29]];
    let middle = 0.5 * (below + above);
    let [steering] = &found.steering[..] else {
        panic!("{:?}", found.steering);
    };
    assert!((steering.low - below).abs() < 1e-4 && (steering.high - above).abs() < 1e-4);
    near(&found, "x0", middle, 1e-4);
    assert!(found.agree >= 3, "{}", found.agree);
    // From the user's own start it is not found without.
    let hard = fitted_with(STEP, &table, &FitOptions::default().starts(1)).unwrap();
    assert!((hard.param("x0").unwrap().estimate / 7.3 - 1.0).abs() > 0.01);
    // However the test is written.
    let other = STEP.replace("(if (< x x0) lo hi)", "(cond ((>= x x0) hi) (else lo))");
    near(
        &fitted_with(&other, &table, &soft()).unwrap(),
        "x0",
        middle,
        1e-4,
    );
    let series = "(param x0 3) (param lo 0) (param hi 1)
        (observe-series (y) (map (lambda (x) (if (> x0 x) lo hi)) x))";
    near(
        &fitted_with(series, &table, &soft()).unwrap(),
        "x0",
        middle,
        1e-4,
    );
}

const GROWTH: &str = "\
(param t0 3) (param slow 1) (param fast 1)
(define (grow t level)
  (if (>= t x)
      level
      (grow (+ t 0.2) (+ level (* 0.2 (if (< t t0) slow fast))))))
(observe y (grow 0 0))";

#[test]
fn a_threshold_on_a_counter_in_a_recursion_is_found() {
    let (x, y) = rows(0.05, |x| {
        let (mut t, mut level) = (0.0, 0.0);
        while t < x {
            level += 0.2 * if t < 7.3 { 0.2 } else { 1.0 };
            t += 0.2;
        }
        level
    });
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let found = fitted_with(GROWTH, &table, &soft().starts(4)).unwrap();
    near(&found, "t0", 7.3, 0.01);
    near(&found, "slow", 0.2, 0.05);
    near(&found, "fast", 1.0, 0.05);
    assert_eq!(found.steering.len(), 1);
    let hard = fitted_with(GROWTH, &table, &FitOptions::default().starts(1)).unwrap();
    assert!((hard.param("t0").unwrap().estimate / 7.3 - 1.0).abs() > 0.01);
}

/// A window: 3 from 4.1 to 9.7, and 1 beside it.
fn window() -> (Vec<f64>, Vec<f64>) {
    rows(0.3, |x| if x > 4.1 && x < 9.7 { 3.0 } else { 1.0 })
}

/// The middles between the rows on both sides of the window's ends.
fn ends_of_window(x: &[f64]) -> [f64; 2] {
    [4.1, 9.7].map(|end| {
        let above = x.iter().position(|&x| x > end).expect("a row");
        0.5 * (x[above - 1] + x[above])
    })
}

#[test]
fn a_window_is_found_however_its_test_is_made() {
    let (x, y) = window();
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let [low, high] = ends_of_window(&x);
    // The figures are those of the window as it is: the means in it and beside it.
    let inside = |x: f64| x > 4.1 && x < 9.7;
    let squares = |keep: &dyn Fn(f64) -> bool| {
        let pairs = x.iter().zip(&y).filter(|(x, _)| keep(**x));
        let kept: Vec<f64> = pairs.map(|(_, y)| *y).collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        kept.iter().map(|y| (y - mean).powi(2)).sum::<f64>()
    };
    let sse = squares(&inside) + squares(&|x| !inside(x));
    for test in [
        "(and (> x lo) (< x hi))",
        "(< lo x hi)",
        "(>= hi x lo)",
        "(not (or (<= x lo) (>= x hi)))",
        "(if (> x lo) (< x hi) #f)",
        "(and (> x lo) (< -1 x 100) (not (> x hi)))",
        "(and (< x 1000) (> x lo) (or (< x hi) (< x -5)))",
    ] {
        let choices = [
            "(if TEST a b)",
            "(cond ((not TEST) b) (else a))",
            "(cond (TEST a) ((not TEST) b))",
        ];
        let count = if test.starts_with("(and (> x lo) (< x hi") {
            3
        } else {
            1
        };
        for choice in &choices[..count] {
            let choice = choice.replace("TEST", test);
            let text =
                format!("(param lo 3) (param hi 11) (param a 2) (param b 0)\n(observe y {choice})");
            let found = fitted_with(&text, &table, &soft())
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            for (name, expected) in [("lo", low), ("hi", high)] {
                let at = found.param(name).expect("a param").estimate;
                assert!(
                    (at - expected).abs() < 1e-3,
                    "{name} {at} {expected}\n{text}"
                );
            }
            assert!(
                (found.sse / sse - 1.0).abs() < 1e-9,
                "{} {sse}\n{text}",
                found.sse
            );
            let names: Vec<&str> = found.steering.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["lo", "hi"], "{text}");
        }
    }
    // From the user's own start it is not found without.
    let text = "(param lo 3) (param hi 11) (param a 2) (param b 0)
        (observe y (if (and (> x lo) (< x hi)) a b))";
    let hard = fitted_with(text, &table, &FitOptions::default().starts(1)).unwrap();
    assert!(hard.sse > 1.2 * sse, "{} {sse}", hard.sse);
}

#[test]
fn what_a_test_keeps_away_stays_away() {
    // The square root of a number below 0 is none; the first part of the test keeps it from being taken.
    let (x, y) = rows(0.1, |x| {
        if x - 3.0 >= 0.0 && (x - 3.0).sqrt() > 2.2 {
            2.0
        } else {
            1.0
        }
    });
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let text = "(param edge 1) (param a 1) (param b 0)
        (observe y (if (and (>= x 3) (> (sqrt (- x 3)) edge)) a b))";
    let found = fitted_with(text, &table, &soft()).unwrap();
    near(&found, "edge", 2.2, 0.02);
    near(&found, "a", 2.0, 0.05);
    near(&found, "b", 1.0, 0.05);
}

#[test]
fn what_has_a_slope_is_fitted_as_ever() {
    let (x, y) = rows(0.1, |x| if x < 7.3 { x } else { 7.3 + 0.2 * (x - 7.3) });
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let knee = "(param x0 3) (param a 2) (param b 0)
        (observe y (if (< x x0) (* a x) (+ (* a x0) (* b (- x x0)))))";
    let found = fitted_with(knee, &table, &soft()).unwrap();
    let hard = fitted_with(knee, &table, &FitOptions::default()).unwrap();
    assert!(found.steering.is_empty(), "{:?}", found.steering);
    near(&found, "x0", hard.param("x0").unwrap().estimate, 1e-7);
    let errors = [&found, &hard].map(|fit| fit.param("x0").unwrap().std_err);
    assert!((errors[0] / errors[1] - 1.0).abs() < 1e-6, "{errors:?}");
}

#[test]
fn what_cannot_be_relaxed_is_refused_where_it_stands() {
    let (x, y) = step();
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let refusal = |model: &str, options: &FitOptions| {
        let error = fitted_with(model, &table, options).expect_err(model);
        let position = error.span().map(|span| span.position(model));
        (error.to_string(), position.map(|p| (p.line, p.column)))
    };
    let exit = "(param n0 3)\n(define (count n)\n  (if (> n n0) n (count (+ n 1))))\n(observe y (count 0))";
    let (message, position) = refusal(exit, &soft());
    assert!(
        message.contains("the recursion would have no end"),
        "{message}"
    );
    assert_eq!(position, Some((3, 3)));
    let (message, _) = refusal("(param a 1) (observe y (* a x))", &soft());
    assert!(message.contains("nothing to soften"), "{message}");
    let (message, _) = refusal("(param a 1) (square a)", &soft().minimize(true));
    assert!(message.starts_with("--soften"), "{message}");
}

#[test]
fn an_interrupted_search_tells_the_best_so_far() {
    let (x, y) = step();
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).unwrap();
    let model = Interpreter::embedded().model(STEP).unwrap();
    for most in [3, 40] {
        let found = fit_observed(&model, &table, &soft(), &|progress| match progress.steps {
            steps if steps > most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let found = found.unwrap();
        assert!(found.interrupted && found.sse.is_finite());
        assert!(found.steering.is_empty());
    }
}

#[test]
fn steps_are_found_on_the_command_line() {
    let directory = directory("fit-soften");
    let (x, y) = step();
    let lines = x.iter().zip(&y).map(|(x, y)| format!("{x},{y}\n"));
    let data = file(
        &directory,
        "step.csv",
        format!("x,y\n{}", lines.collect::<String>()),
    );
    let model = file(&directory, "step.scm", STEP);
    let run = dmci(&["fit", &model, &data, "--soften", "--starts", "16"]);
    assert!(run.out.contains("x0 only steers"), "{}", run.out);
    assert!(
        run.out.contains("the estimate is the middle"),
        "{}",
        run.out
    );
    assert!(!run.err.contains("do not determine"), "{}", run.err);
    let json = dmci(&["fit", &model, &data, "--soften", "--starts", "16", "--json"]).json();
    assert_eq!(json["steering"][0]["name"], "x0");
    assert!(json["steering"][0]["low"].is_f64(), "{json}");
    assert_eq!(json["undetermined"][0], "x0");
}
