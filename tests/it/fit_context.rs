//! Fits that are prepared once: contexts, scores, literals as params, and budgets of evaluations.
//!
//! **Invariants**
//! - A prepared fit has the bits of one from scratch, again and again.
//! - No budget is overdrawn, and what comes of it does not depend on threads.

use dmci::fit::{
    Estimates, Fit, FitContext, FitError, FitOptions, PreparedFit, Table, fit, fit_observed,
    predict,
};
use dmci::syntax::Constraint;
use dmci::{Bindings, Interpreter, Kind, Limits, Mode, Model, Threads};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WAVE: &str = "(param a 1.0) (param b 2.5) (param c 0.1)
    (observe y (+ (* a (sin (* b x))) (* c (square x))))";

/// The same with literals for params.
const WAVE_OF_LITERALS: &str = "(observe y (+ (* 1.0 (sin (* 2.5 x))) (* 0.1 (square x))))";

fn wave(rows: usize) -> Table<'static> {
    let x: Vec<f64> = (0..rows).map(|row| 0.15 * row as f64).collect();
    let y = x
        .iter()
        .map(|x| 2.0 * (3.0 * x).sin() + 0.5 * x * x + 0.01 * (17.0 * x).cos());
    Table::from_columns([("y", y.collect::<Vec<f64>>()), ("x", x.clone())]).unwrap()
}

fn model(text: &str) -> Model {
    Interpreter::embedded().model(text).unwrap()
}

/// All numbers of a fit but its time.
fn bits(fit: &Fit) -> String {
    let mut fit = fit.clone();
    fit.seconds = 0.0;
    format!("{fit:?}")
}

fn estimates(fit: &Fit) -> Vec<f64> {
    fit.params.iter().map(|param| param.estimate).collect()
}

#[test]
fn a_prepared_fit_has_the_bits_of_one_from_scratch() {
    let table = wave(25);
    for options in [
        FitOptions::default().starts(16),
        FitOptions::default().starts(1),
        FitOptions::default().starts(8).loss(dmci::fit::Loss::Huber),
    ] {
        let model = model(WAVE);
        let once = fit(&model, &table, &options).unwrap();
        let prepared = PreparedFit::new(&model, &table, &options).unwrap();
        for _ in 0..2 {
            assert_eq!(bits(&prepared.fit().unwrap()), bits(&once));
        }
        let init = [2.0, 3.0, 0.5];
        let started = options.clone().init("a", 2.0).init("b", 3.0).init("c", 0.5);
        let from_there = fit(&model, &table, &started).unwrap();
        assert_eq!(bits(&prepared.fit_from(&init).unwrap()), bits(&from_there));
    }
}

#[test]
fn a_score_is_the_sum_of_squares_there() {
    let table = wave(25);
    let prepared = PreparedFit::new(&model(WAVE), &table, &FitOptions::default()).unwrap();
    let (x, y) = (table.column("x").unwrap(), table.column("y").unwrap());
    for [a, b, c] in [[1.0, 2.5, 0.1], [2.0, 3.0, 0.5], [-1.0, 0.0, 2.0]] {
        let residuals = x
            .iter()
            .zip(y)
            .map(|(x, y)| a * (b * x).sin() + c * x * x - y);
        let expected: f64 = residuals.map(|r| r * r).sum();
        let score = prepared.score(&[a, b, c]).unwrap();
        assert!((score / expected - 1.0).abs() < 1e-13, "{score} {expected}");
    }
    let refused = |params: &[f64]| prepared.score(params).unwrap_err().to_string();
    assert!(refused(&[1.0]).contains("1 values are given for 3 params"));
    assert!(refused(&[1.0, f64::NAN, 0.0]).contains("`b` has an initial value of NaN"));
    // Of a loss it is the loss.
    let loss = model("(param m 1 (> 0)) (fold-left + 0 (map (lambda (y) (square (- y m))) y))");
    let options = FitOptions::default().minimize(true);
    let prepared = PreparedFit::new(&loss, &table, &options).unwrap();
    let expected: f64 = y.iter().map(|y| (y - 2.0).powi(2)).sum();
    assert!((prepared.score(&[2.0]).unwrap() / expected - 1.0).abs() < 1e-13);
    let outside = prepared.score(&[-2.0]).unwrap_err().to_string();
    assert!(
        outside.contains("outside the param's constraint, above 0"),
        "{outside}"
    );
}

#[test]
fn without_steps_or_params_a_fit_is_a_score() {
    let table = wave(25);
    let zero = FitOptions::default().max_iterations(0);
    let scored = fit(&model(WAVE), &table, &zero).unwrap();
    assert_eq!(estimates(&scored), [1.0, 2.5, 0.1]);
    assert!(!scored.converged && scored.evaluations == 1);
    let plain = model("(observe y (+ (* 1.0 (sin (* 2.5 x))) (* 0.1 (square x))))");
    let of_none = fit(&plain, &table, &FitOptions::default()).unwrap();
    assert!(of_none.params.is_empty() && of_none.converged);
    assert_eq!(of_none.sse.to_bits(), scored.sse.to_bits());
    assert_eq!(of_none.degrees_of_freedom, 25);
    let held = zero.fix("a", None).fix("b", None).fix("c", None);
    let of_held = fit(&model(WAVE), &table, &held).unwrap();
    assert_eq!(of_held.sse.to_bits(), scored.sse.to_bits());
    // A loss, too.
    let value = |text: &str, options: FitOptions| {
        let fit = fit(&model(text), &Table::empty(), &options.minimize(true)).unwrap();
        (fit.value, fit.params.len())
    };
    assert_eq!(value("(square 3)", FitOptions::default()), (9.0, 0));
    let steps = FitOptions::default().max_iterations(0);
    assert_eq!(value("(param k 3) (square k)", steps), (9.0, 1));
    let failing = model("(observe y (log (- x 100)))");
    let error = fit(&failing, &table, &FitOptions::default()).unwrap_err();
    assert!(
        matches!(error, FitError::NoStart { starts: 1, .. }),
        "{error}"
    );
}

#[test]
fn literals_are_fitted_as_params_would_be() {
    let table = wave(25);
    let options = FitOptions::default().starts(16);
    let with_params = fit(&model(WAVE), &table, &options).unwrap();
    for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
        let interpreter = Interpreter::embedded();
        let of_literals = interpreter
            .model_for(WAVE_OF_LITERALS, &Bindings::new(), mode)
            .unwrap();
        let found = fit(&of_literals, &table, &options.clone().literals(true)).unwrap();
        let names: Vec<&str> = found.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["@1:18", "@1:30", "@1:42"]);
        assert_eq!(estimates(&found), estimates(&with_params), "{mode:?}");
        assert_eq!(found.covariance, with_params.covariance);
        // What was found can be predicted with.
        let rows = predict(&of_literals, &Estimates::from(&found), &table, &options).unwrap();
        assert_eq!(rows[0].predictions, found.columns[0].predictions);
        assert!(rows[0].low[3] < rows[0].predictions[3]);
    }
}

#[test]
fn literals_are_held_bounded_and_derived_from() {
    let table = wave(25);
    let text = "; two lines
        (define-syntax twice (syntax-rules () ((_ e) (+ e e))))
        (param a 1.0)
        (define (wave x) (sin (* 2.5 x)))
        (define unused 7.5)
        (observe y (+ (* a (wave x)) (* (twice 0.05) (square x)) '0.0))
        (derive period (/ 6.283185307179586 (car (list 2.0 a))))";
    let options = FitOptions::default().starts(16).literals(true);
    let names = |fit: &Fit| -> Vec<String> { fit.params.iter().map(|p| p.name.clone()).collect() };
    let found = fit(&model(text), &table, &options).unwrap();
    // One for what a macro doubles; none for what is quoted, unused or only derived from.
    assert_eq!(names(&found), ["a", "@4:34", "@6:48"]);
    assert!((found.params[1].estimate - 3.0).abs() < 0.01);
    assert!((found.params[2].estimate - 0.25).abs() < 0.01);
    assert!((found.derived[0].estimate - std::f64::consts::PI).abs() < 1e-12);
    let held = options
        .clone()
        .fix("@4:34", 3.0)
        .bound("@6:48", Constraint::Below(0.2));
    let held = fit(&model(text), &table, &held).unwrap();
    assert_eq!(names(&held), ["a", "@6:48"]);
    assert_eq!(held.held, [("@4:34".to_owned(), 3.0)]);
    assert_eq!(
        (held.params[1].estimate, &*held.at_edge),
        (0.2, &["@6:48".to_owned()][..])
    );
    let wrong = fit(&model(text), &table, &options.init("@4:35", 1.0)).unwrap_err();
    assert!(wrong.to_string().contains("is it `@4:34`?"), "{wrong}");
}

#[test]
fn a_derived_quantity_has_the_values_of_what_is_held() {
    let table = wave(25);
    let text = format!("{WAVE} (derive twice (* 2 b))");
    let held = fit(&model(&text), &table, &FitOptions::default().fix("b", 3.0)).unwrap();
    assert_eq!(
        (held.derived[0].estimate, held.derived[0].std_err),
        (6.0, 0.0)
    );
}

#[test]
fn no_budget_is_overdrawn() {
    let table = wave(25);
    for evaluations in [1, 2, 3, 8, 20, 50, 100, 400, 2000] {
        for starts in [1, 4, 64] {
            let options = FitOptions::default()
                .starts(starts)
                .max_evaluations(evaluations);
            let mut told = Vec::new();
            for threads in [Threads::ONE, Threads::from(2)] {
                let fit = fit(&model(WAVE), &table, &options.clone().threads(threads)).unwrap();
                assert!(fit.sse.is_finite());
                // One or two for the figures of the best.
                let most = evaluations + 2;
                assert!(
                    fit.evaluations <= most,
                    "{} of {evaluations}, {starts} starts",
                    fit.evaluations
                );
                told.push(bits(&fit));
            }
            assert_eq!(
                told[0], told[1],
                "{evaluations} evaluations, {starts} starts"
            );
        }
    }
    // What is never reached changes nothing.
    let free = fit(&model(WAVE), &table, &FitOptions::default()).unwrap();
    let ample = FitOptions::default().max_evaluations(1_000_000);
    assert_eq!(
        bits(&fit(&model(WAVE), &table, &ample).unwrap()),
        bits(&free)
    );
    let little = FitOptions::default().starts(1).max_evaluations(8);
    let prepared = PreparedFit::new(&model(WAVE), &table, &little).unwrap();
    let (fit, found) = (prepared.fit().unwrap(), prepared.calibrate().unwrap());
    assert!(fit.sse < 1.0 && fit.evaluations > 4, "{}", fit.sse);
    assert_eq!(
        (found.params, found.sse.to_bits()),
        (estimates(&fit), fit.sse.to_bits())
    );
}

#[test]
fn a_context_fits_one_program_after_the_other() {
    let table = wave(20);
    let options = FitOptions::default()
        .target("y")
        .literals(true)
        .starts(1)
        .limits(Limits::default().fuel(20_000));
    let context = FitContext::new(&Interpreter::embedded(), &table, options.clone());
    for text in [
        "(* 1.5 (sin (* 2.8 x)))",
        "(+ 0.5 (* 1.0 x))",
        "(if (> x 1.0) (* 2.0 x) 0.5)",
    ] {
        let interpreter = Interpreter::embedded();
        let model = interpreter
            .model_for(text, &Bindings::new(), Mode::Direct)
            .unwrap();
        let alone = fit(&model, &table, &options).unwrap();
        assert_eq!(bits(&context.fit(text).unwrap()), bits(&alone), "{text}");
        let as_evaluated = context.clone().mode(Mode::Interpreter).fit(text).unwrap();
        assert_eq!(estimates(&as_evaluated), estimates(&alone), "{text}");
    }
    let error = context.fit("(+ 0.5 (* 1.0 z))").unwrap_err();
    assert!(error.to_string().contains("`z` is no column"), "{error}");
    let endless = "(let go ((i 0)) (if (> (* 0.5 i) x) 1.0 (go (- i 1))))";
    assert!(context.fit(endless).is_err());
}

#[test]
fn an_interrupted_fit_has_its_errors() {
    let table = wave(25);
    let steps = AtomicUsize::new(0);
    let stop = |_: &dmci::fit::Progress| match steps.fetch_add(1, Ordering::Relaxed) {
        400.. => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    // As many starts as it takes to be interrupted; what they found is sorted in no time.
    let options = FitOptions::default().starts(20_000).all_starts(true);
    let fit = fit_observed(&model(WAVE), &table, &options, &stop).unwrap();
    assert!(fit.interrupted);
    assert!(
        fit.params.iter().all(|param| param.std_err.is_finite()),
        "{fit:?}"
    );
    // Each step takes a while, so that no machine is done before the deadline.
    let wait = |_: &dmci::fit::Progress| {
        std::thread::sleep(Duration::from_millis(1));
        ControlFlow::Continue(())
    };
    let late = options.limits(Limits::default().timeout(Duration::from_millis(1500)));
    let start = Instant::now();
    let fit = fit_observed(&model(WAVE), &table, &late, &wait).unwrap();
    assert!(fit.interrupted && start.elapsed().as_secs() < 20);
    assert!(
        fit.params.iter().all(|param| param.std_err.is_finite()),
        "{fit:?}"
    );
    assert_eq!(fit.degrees_of_freedom, 22);
}

#[test]
fn a_search_on_a_sample_is_interrupted_at_any_time() {
    let table = wave(20_000);
    let steps = [0, 1, 5, 20, 60, 200, 600, 1000, 1500];
    for most in steps {
        let steps = AtomicUsize::new(0);
        let stop = |_: &dmci::fit::Progress| match steps.fetch_add(1, Ordering::Relaxed) {
            step if step >= most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let options = FitOptions::default().starts(64).all_starts(true);
        match fit_observed(&model(WAVE), &table, &options, &stop) {
            Ok(fit) => {
                assert!(fit.value.is_finite(), "{most}");
                assert_eq!(fit.value.to_bits(), fit.sse.to_bits(), "{most}");
                assert!(fit.params.iter().all(|param| param.std_err > 0.0), "{most}");
            }
            // Once the initial values were evaluated, they are the best so far.
            Err(error) => assert!(
                most == 0 && matches!(error, FitError::Interrupted),
                "{most}: {error}"
            ),
        }
    }
}

#[test]
fn a_row_that_a_sample_leaves_out_may_fail() {
    let x: Vec<f64> = (0..5000)
        .map(|row| if row == 3 { -1.0 } else { 1.0 })
        .collect();
    let y = vec![0.5; 5000];
    let table = Table::from_columns([("x", x), ("y", y)]).unwrap();
    let options = FitOptions::default().starts(4);
    let error = fit(
        &model("(param a 1) (observe y (* a (log x)))"),
        &table,
        &options,
    );
    assert!(matches!(error, Err(FitError::NoStart { .. })), "{error:?}");
    let error = fit(
        &model("(param a 1) (observe y (* a (if (< x 0) (error \"no\") x)))"),
        &table,
        &options,
    );
    assert!(error.unwrap_err().to_string().contains("no"));
}

#[test]
fn an_interrupted_calibration_tells_the_sum_of_all_rows() {
    // All starts search on a sample of the rows, each to its end: no machine is done before the deadline. A
    // busy one may not have begun by then, and gets more time.
    let table = wave(20_000);
    let model = model(WAVE);
    let interrupted = |seconds: f64| {
        let options = FitOptions::default()
            .starts(90_000)
            .all_starts(true)
            .limits(Limits::default().timeout(Duration::from_secs_f64(seconds)));
        PreparedFit::new(&model, &table, &options).and_then(|prepared| prepared.calibrate())
    };
    let found = [1.5, 6.0, 24.0, 96.0]
        .into_iter()
        .find_map(|seconds| match interrupted(seconds) {
            Ok(found) => Some(found),
            Err(error) => {
                assert!(error.to_string().contains("time"), "{error}");
                None
            }
        });
    let found = found.expect("a start");
    assert!(found.interrupted && !found.converged);
    let unhurried = PreparedFit::new(&model, &table, &FitOptions::default()).unwrap();
    let sse = unhurried.score(&found.params).unwrap();
    assert!((found.sse / sse - 1.0).abs() < 1e-9, "{} {sse}", found.sse);
}

#[test]
fn a_budget_bounds_a_loss_too() {
    let model = model(
        "(param x -1.2) (param y 1.0) (param z 2.0 (> 0))
         (+ (square (- 1 x)) (* 100 (square (- y (square x)))) (* z z))",
    );
    let table = Table::empty();
    for evaluations in [1, 2, 3, 5, 8, 20, 50, 100, 400] {
        for starts in [1, 4, 64] {
            let options = FitOptions::default()
                .minimize(true)
                .starts(starts)
                .max_evaluations(evaluations);
            let fit = fit(&model, &table, &options).unwrap();
            assert!(fit.value.is_finite());
            // Each start begins with one; the others are for the figures of the best.
            assert!(
                fit.evaluations <= evaluations + 2,
                "{} of {evaluations}, {starts} starts",
                fit.evaluations
            );
        }
    }
}

/// How much fuel a fit takes, by halving.
fn least_fuel(takes: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0_u64, 1_u64 << 24);
    assert!(takes(high));
    while low + 1 < high {
        let middle = low.midpoint(high);
        if takes(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[test]
fn fuel_is_that_of_all_rows_starts_and_steps() {
    let program = model("(param a 1) (param b 1) (observe y (* a (exp (- (* b x)))))");
    let fitted = |rows: usize, options: &FitOptions| {
        let x: Vec<f64> = (0..rows).map(|row| 0.1 * row as f64).collect();
        let y: Vec<f64> = x.iter().map(|x| 3.0 * (-2.0 * x).exp()).collect();
        let table = Table::from_columns([("x", x), ("y", y)]).unwrap();
        fit(&program, &table, options)
    };
    let options = || FitOptions::default().starts(3).max_iterations(30);
    let least = |rows: usize, threads: usize| {
        let options = options().threads(Threads::of(threads));
        least_fuel(|fuel| fitted(rows, &options.clone().fuel(fuel)).is_ok())
    };
    // What is enough does not depend on threads, and all rows count.
    let (few, many) = (least(20, 1), least(200, 1));
    assert_eq!(few, least(20, 2));
    assert!(many > 5 * few, "{few} {many}");
    // With as much the result is that of a fit without a bound.
    let unbound = fitted(20, &options()).unwrap();
    let bound = fitted(20, &options().fuel(few)).unwrap();
    assert_eq!(bound.params, unbound.params);
    assert!(few >= 20 * unbound.evaluations as u64);
    let error = fitted(20, &options().fuel(few - 1)).unwrap_err();
    assert_eq!(error.program_error().unwrap().kind(), Kind::Resource);
    assert!(error.to_string().contains(&format!("{}; raise", few - 1)));
    // Options and their clones draw on the same.
    let twice = options().fuel(2 * few);
    assert!(fitted(20, &twice).is_ok());
    assert!(fitted(20, &twice.clone()).is_ok());
    assert!(fitted(20, &twice).is_err());
}

#[test]
fn fuel_ends_a_fit_of_what_does_not_end() {
    let table = wave(1000);
    for text in [
        "(param k 1.0) (define (g n) (g (+ n 1))) (observe y (g k))",
        // From some rows on, and at other params.
        "(param k 1.0) (define (g n) (if (> n 1e300) n (g (+ n 1)))) (observe y (if (> x 3) (g k) k))",
        "(param k 1.0) (define (g n) (g (+ n 1))) (observe y (* x (if (= k 1.0) k (g k))))",
        "(param k 1.0) (define (g n) (g (+ n 1))) (observe-series (y) (map (lambda (x) (g k)) x))",
    ] {
        let model = model(text);
        for starts in [1, 8] {
            let options = FitOptions::default().starts(starts).fuel(200_000);
            let error = fit(&model, &table, &options).unwrap_err();
            assert!(error.to_string().starts_with("out of fuel"), "{error}");
            let prepared = PreparedFit::new(&model, &table, &options).unwrap();
            for error in [
                prepared.calibrate().unwrap_err(),
                prepared.score(&[1.0]).unwrap_err(),
            ] {
                assert!(error.to_string().starts_with("out of fuel"), "{error}");
            }
        }
    }
}
