//! Fits: rows one by one against whole series, matrices of data, targets, and what is refused.
//!
//! **Invariants**
//! - A model written two ways gives the same fit, to 1e-10.
//! - Every refusal of a model or of data names a place: of the program, or of the file.

use approx::assert_relative_eq;
use dmci::fit::{Ending, Fit, FitError, FitOptions, Table, fit, fit_observed};
use dmci::{Bindings, Interpreter, Limits, Mode, Model, Relaxation};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn table(text: &str) -> Table<'static> {
    Table::from_reader(text.as_bytes(), "data.csv").expect("the table is well formed")
}

fn options() -> FitOptions {
    FitOptions::default().starts(8)
}

fn fit_with(model: &str, data: &str, options: &FitOptions) -> Result<Fit, FitError> {
    let model = Interpreter::embedded().model(model)?;
    fit(&model, &table(data), options)
}

#[track_caller]
fn fitted(model: &str, data: &str) -> Fit {
    fit_with(model, data, &options()).unwrap_or_else(|error| panic!("{error}\n{model}"))
}

/// A refusal: its message and its line and column.
#[track_caller]
fn refusal(model: &str, data: &str, target: Option<&str>) -> (String, Option<(u32, u32)>) {
    let mut options = options();
    options.target = target.map(str::to_owned);
    let error = fit_with(model, data, &options).expect_err(model);
    let position = error.span().map(|span| span.position(model));
    (error.to_string(), position.map(|p| (p.line, p.column)))
}

#[track_caller]
fn same(one: &Fit, other: &Fit) {
    assert!(one.converged && other.converged);
    for (a, b) in one.params.iter().zip(&other.params) {
        assert_eq!(a.name, b.name);
        assert_relative_eq!(a.estimate, b.estimate, max_relative = 1e-10);
        assert_relative_eq!(a.std_err, b.std_err, max_relative = 1e-10);
    }
    assert_relative_eq!(one.sse, other.sse, max_relative = 1e-10);
    assert_eq!(one.residuals, other.residuals);
}

/// Monomolecular adsorption, as NIST's Misra1a: y = b1 (1 - exp(-b2 x)).
const MISRA: &str = "\
y,x
10.07,77.6
14.73,114.9
17.94,141.1
23.93,190.8
29.61,239.9
35.18,289.0
40.02,332.8
44.82,378.4
50.76,434.8
55.05,477.3
61.01,536.8
66.40,593.1
75.47,689.1
81.78,760.0
";

const MISRA_PARAMS: &str = "(param b1 500) (param b2 0.0001 (> 0))\n";

#[test]
fn rows_one_by_one_are_the_series() {
    let by_row = format!("{MISRA_PARAMS}(observe y (* b1 (- 1 (exp (- (* b2 x))))))");
    let series = format!(
        "{MISRA_PARAMS}(observe-series (y) (map (lambda (x) (* b1 (- 1 (exp (- (* b2 x)))))) x))"
    );
    let one = fitted(&by_row, MISRA);
    same(&one, &fitted(&series, MISRA));
    // NIST's certified values.
    assert_relative_eq!(one.params[0].estimate, 238.942_129_18, max_relative = 1e-9);
    assert_relative_eq!(
        one.params[1].estimate,
        5.501_564_318_1e-4,
        max_relative = 1e-9
    );
    assert_relative_eq!(one.params[0].std_err, 2.707_007_524_1, max_relative = 1e-7);
    assert_relative_eq!(one.sse, 1.245_513_889_4e-1, max_relative = 1e-9);

    let through_names = format!(
        "{MISRA_PARAMS}(define exponent (* b2 x))
         (define (f) (* b1 (- 1 (exp (- exponent)))))
         (observe y (f) normal)"
    );
    same(&one, &fitted(&through_names, MISRA));
    for mode in [Mode::Direct, Mode::Nested] {
        let model = Interpreter::embedded().model_for(&by_row, &Bindings::new(), mode);
        let other = fit(&model.expect("it is a program"), &table(MISRA), &options());
        let other = other.expect("the mode fits");
        assert_eq!(one.params, other.params);
    }
}

#[test]
fn a_target_is_predicted_by_the_value() {
    let program = "(define (f x) (* b1 (- 1 (exp (- (* b2 x))))))\n(f x)";
    let declared = format!("{MISRA_PARAMS}{program}");
    let observed =
        format!("{MISRA_PARAMS}(define (f x) (* b1 (- 1 (exp (- (* b2 x)))))) (observe y (f x))");
    let target = |init: &[(&str, f64)]| {
        let options = options().target("y");
        init.iter()
            .fold(options, |options, &(name, x)| options.init(name, x))
    };
    let one = fit_with(&declared, MISRA, &target(&[])).expect("the value predicts");
    same(&one, &fitted(&observed, MISRA));
    // Without declarations the initial values make the params.
    let init = [("b1", 500.0), ("b2", 0.0001)];
    let other = fit_with(program, MISRA, &target(&init)).expect("the value predicts");
    assert_relative_eq!(other.sse, one.sse, max_relative = 1e-10);
}

/// Decay in two columns with noise of two sorts; 40 rows.
fn two_columns() -> String {
    let mut text = String::from("t,y,z,one\n");
    for row in 0..40 {
        let t = f64::from(row) * 0.1;
        let wiggle = 0.02 * (f64::from(row) * 1.7).sin();
        let y = 3.0 * (-0.8 * t).exp() * wiggle.exp();
        let z = 1.5 + 0.4 * t + wiggle;
        writeln!(text, "{t},{y},{z},1").expect("strings take text");
    }
    text
}

#[test]
fn several_columns_with_noise_of_their_own() {
    let params = "(param a 1 (> 0)) (param k 1 (> 0)) (param m 1) (param s 1)";
    let by_row = format!(
        "{params} (observe y (* a (exp (- (* k t)))) lognormal)
         (observe z (if (> t 2) (+ m (* s t)) (+ (* t s) m)))"
    );
    let series = format!(
        "{params} (observe-series (y) (map (lambda (t) (* a (exp (- (* k t))))) t) lognormal)
         (observe-series (z) (map (lambda (t) (+ m (* s t))) t))"
    );
    let one = fitted(&by_row, &two_columns());
    same(&one, &fitted(&series, &two_columns()));
    assert_eq!(one.residuals, 80);
    assert_relative_eq!(one.params[1].estimate, 0.8, max_relative = 0.01);
}

#[test]
fn rows_take_paths_of_their_own() {
    // A sum as long as the row says: a path for each length.
    let params = "(param a 0.5) (param b 1.0)";
    let sum = "(define (sum k s) (if (> (* 0.1 k) t) s (sum (+ k 1) (+ s (/ a (+ k 1))))))";
    let by_row = format!("{params} {sum} (observe z (+ b (sum 0 0)))");
    let sum = sum.replace("(sum k s)", "(sum k s t)");
    let sum = sum.replace("(+ k 1))))))", "(+ k 1))) t)))");
    let series =
        format!("{params} {sum} (observe-series (z) (map (lambda (t) (+ b (sum 0 0 t))) t))");
    let one = fitted(&by_row, &two_columns());
    same(&one, &fitted(&series, &two_columns()));
    assert!(one.stats.paths >= 40, "{:?}", one.stats);
    assert!(one.stats.replayed, "{:?}", one.stats);
}

#[test]
fn a_param_stands_before_a_column_of_its_name() {
    let one = fitted("(param z 1) (observe y (* z (exp (- t))))", &two_columns());
    assert_eq!(one.params[0].name, "z");
    assert!(one.params[0].std_err > 0.0);
    let series = "(param z 1) (observe-series (y) (map (lambda (t) (* z (exp (- t)))) t))";
    same(&one, &fitted(series, &two_columns()));
}

#[test]
fn data_matrices_are_linear_models() {
    let params = "(param m 0) (param s 0)";
    let matrix =
        format!("{params} (data-matrix obs (one t)) (observe-series (z) (matvec obs [m s]))");
    let by_row = format!("{params} (observe z (+ m (* s t)))");
    let one = fitted(&matrix, &two_columns());
    same(&one, &fitted(&by_row, &two_columns()));
    // Two columns at once, as a matrix of predictions.
    let both = "(param m 1) (param s 1) (param a 1) (param b 1) (data-matrix x (one t))
        (observe-series (z y) (matmul x (mat [m a] [s b])))";
    let both = fitted(both, &two_columns());
    assert_relative_eq!(
        both.params[1].estimate,
        one.params[1].estimate,
        max_relative = 1e-9
    );
}

#[test]
fn linear_constants_are_solved_for_inside_the_model() {
    // For each k the best a comes out of the normal equations: the fit of k alone is that of both.
    let inside = "
        (param k 1 (> 0))
        (data-matrix obs (t y))
        (define shapes (list->vec (map (lambda (t) [(exp (- (* k t))) 1]) t)))
        (define ys (ref (transpose obs) 1))
        (define coefficients
          (solve (matmul (transpose shapes) shapes) (matvec (transpose shapes) ys)))
        (observe-series (y) (matvec shapes coefficients))";
    let outside = "(param k 1 (> 0)) (param a 1) (param c 0)
        (observe y (+ (* a (exp (- (* k t)))) c))";
    let inside = fitted(inside, &two_columns());
    let outside = fitted(outside, &two_columns());
    assert_relative_eq!(
        inside.params[0].estimate,
        outside.params[0].estimate,
        max_relative = 1e-8
    );
    assert_relative_eq!(inside.sse, outside.sse, max_relative = 1e-10);
}

#[test]
fn a_kalman_filter_predicts_rows_from_those_before() {
    // A level that wanders, seen with noise; the gain is what there is to know of both variances.
    let model = "
        (param gain 0.5 (between 0 1))
        (data-matrix obs (y z))
        (define (steps row level)
          (if (= row (rows obs)) '()
              (cons level (steps (+ row 1) (+ level (* gain (- (ref obs row) level)))))))
        (observe-series (y z) (steps 0 (ref obs 0)))";
    let one = fitted(model, &two_columns());
    assert!(one.converged && one.undetermined.is_empty());
    assert_eq!(one.residuals, 80);
    // Rows that change little from one to the next are best predicted by the last.
    assert!(one.params[0].estimate > 0.9, "{:?}", one.params);
}

#[test]
fn every_row_sees_the_whole_matrix() {
    let one = fitted(
        "(param a 1) (data-matrix obs (t z)) (observe z (* a (vsum obs)))",
        &two_columns(),
    );
    assert!(one.converged);
}

#[test]
fn refusals_name_their_place() {
    let data = "x,y,z,note\n1,2,-1,a\n\n2,3,4,b\n3,5,2,c\n";
    let place = |model: &str, target| refusal(model, data, target);
    let said = |model: &str, target, message: &str, position| {
        let (text, at) = place(model, target);
        assert!(text.contains(message), "{message} in {text}");
        assert_eq!(at, position, "{text}");
    };
    let p = "(param b 1)\n";
    let missing = "data.csv: no column `yy`; did you mean `y`?";
    said(
        &format!("{p}(observe yy (* b x))"),
        None,
        missing,
        Some((2, 1)),
    );
    said(
        &format!("{p} (observe-series (y yy) x)"),
        None,
        missing,
        Some((2, 2)),
    );
    let matrix = format!("{p}(data-matrix m (x yy)) (observe y b)");
    said(&matrix, None, missing, Some((2, 1)));
    said(&format!("{p}b"), Some("yy"), missing, None);
    said(
        &format!("{p}(observe y (* b xx))"),
        None,
        "`xx` is no column of data.csv, no param, and has no initial value; is it `x`?",
        Some((2, 17)),
    );
    said(
        &format!("{p}(observe y (sin (* b pi x)))"),
        None,
        "`pi` is no column of data.csv, no param, and has no initial value; write it out, `3.141592653589793`, \
         or `(acos -1)`",
        Some((2, 22)),
    );
    said(
        &format!("{p}(observe y (* b note))"),
        None,
        "data.csv:2: column `note`: `a` is not a number",
        None,
    );
    let twice = "the column `y` is observed already";
    said(
        &format!("{p}(observe y b) (observe y x)"),
        None,
        twice,
        Some((2, 15)),
    );
    let mixed = format!("{p}(observe y b)\n(observe-series (z) (list b b b))");
    said(
        &mixed,
        None,
        "write all observations with one of the two",
        Some((3, 1)),
    );
    said(
        &format!("{p}(observe z b)\n(observe y (if (> x 1.5) (list b) b))"),
        None,
        "the prediction of `y` at data.csv:4 is a list; `observe` needs a number",
        Some((3, 1)),
    );
    said(
        &format!("{p}(define q 2)\n(if (> x 2.5) #f b)"),
        Some("y"),
        "the prediction of `y` at data.csv:5 is a boolean; the target needs a number",
        Some((3, 1)),
    );
    said(
        &format!("{p}(observe y (if (> x 2.5) (car x) b))"),
        None,
        "`car` of a number, for the row at data.csv:5",
        Some((2, 26)),
    );
    said(
        &format!("{p}(observe z b lognormal)"),
        None,
        "data.csv:2: the column `z` holds -1; lognormal noise",
        None,
    );
    said(
        "(param b -1 (< 0))\n(observe y (log b))",
        None,
        "(at the initial values `y` at data.csv:2 is predicted to be NaN)",
        None,
    );
    said(&format!("{p}b"), None, "or give --target", None);
    let own = "the program says itself what it predicts";
    said(&format!("{p}(observe y b)"), Some("y"), own, Some((2, 1)));
    said(
        &format!("{p}(observe y (vsum m)) (data-matrix m (x))\n(observe z (ref m 4 0))"),
        None,
        "for the row at data.csv:2",
        Some((3, 12)),
    );
}

#[test]
fn a_matrix_of_data_takes_no_initial_value() {
    let options = options().init("m", 1.0);
    let model = "(param b 1) (data-matrix m (t)) (observe z (* b (vsum m)))";
    let error = fit_with(model, &two_columns(), &options).expect_err("no such param");
    assert!(error.to_string().contains("`m`"), "{error}");
}

#[test]
fn the_same_seed_gives_the_same_fit() {
    let model = "(param a 1 (> 0)) (param k 1 (> 0)) (observe y (* a (exp (- (* k t)))))";
    let (one, other) = (fitted(model, &two_columns()), fitted(model, &two_columns()));
    assert_eq!(one.params, other.params);
    assert_eq!(one.evaluations, other.evaluations);
}

#[test]
fn a_param_at_the_edge_of_its_range_is_named() {
    // The slope is 3, beyond the range; the offset lies well inside its own.
    let mut data = "x,y\n".to_owned();
    for i in 0..40 {
        let wiggle = if i % 2 == 0 { 0.01 } else { -0.01 };
        let _ = writeln!(data, "{i},{}", 3.0 * f64::from(i) + 5.0 + wiggle);
    }
    let model = |range: &str| {
        format!("(param k 1.0 {range})\n(param c 1.0 (> 0))\n(observe y (+ c (* k x)))")
    };
    let inside = fitted(&model("(between 0 10)"), &data);
    assert!(inside.at_edge.is_empty(), "{inside:?}");
    assert_relative_eq!(inside.params[0].estimate, 3.0, max_relative = 1e-3);
    for range in ["(< 2)", "(between 0 2)"] {
        let outside = fitted(&model(range), &data);
        assert_eq!(outside.at_edge, ["k"], "{outside:?}");
    }
}

#[test]
fn a_clamp_does_not_end_a_fit() {
    let data = "x,y\n-1,2.498091544796509\n-0.5,1.9823131728623846\n\
                0.5,1.1592794807274085\n1,0.6435011087932843\n2,0.0\n";
    for model in [
        "(param p 0.3) (observe y (acos (min 1 (* p x))))",
        "(param p 0.3) (observe-series (y) (map (lambda (x) (acos (min 1 (* p x)))) x))",
    ] {
        let fit = fitted(model, data);
        assert_relative_eq!(fit.params[0].estimate, 0.8, max_relative = 1e-9);
        assert!(fit.sse < 1e-20 && !fit.held_back, "{fit:?}");
    }
}

#[test]
fn a_fit_that_is_held_back_says_so() {
    // Beyond a half the root's slope at 0 is infinite, times 0; the values are nearly what the data are.
    let model = "(param p 0.3)
        (observe y (if (> p 0.5) (+ (* 0.01 p) (sqrt (square (* 0 p)))) (- 1 p)))";
    let options = FitOptions::default();
    let fit = fit_with(model, "x,y\n1,0\n2,0\n", &options).expect("it has a start");
    assert!(fit.held_back && fit.params[0].estimate < 0.5, "{fit:?}");
    let plain = fit_with(
        "(param p 0.3) (observe y (- 1 p))",
        "x,y\n1,0\n2,0\n",
        &options,
    );
    assert!(!plain.expect("it has a start").held_back);
}

#[test]
fn a_derivative_that_is_not_finite_anywhere_is_named() {
    let model = "(param a 0.5) (observe y (+ a (sqrt (* a x))))";
    let (message, _) = refusal(model, "x,y\n1,1\n0,0\n4,2\n", None);
    assert!(
        message.contains("the derivative of `y` at data.csv:3 by `a` is NaN"),
        "{message}"
    );
}

/// More rows than one task of a thread has, of paths of their own and with predictions that are
/// constants.
fn many_rows() -> String {
    let mut text = String::from("u,v,y,z,w\n");
    for row in 0..2500 {
        let [u, v] = [1.3, 1.7].map(|k| (k * f64::from(row)).sin());
        writeln!(text, "{u},{v},{},{},3", 1.0 + 2.0 * u, u - v).expect("strings take text");
    }
    text
}

#[test]
fn rows_have_the_same_bits_on_any_number_of_threads() {
    let model = "(param a 0.5) (param b 1.0) (param c 0.2)
        (observe y (+ a (* b u)))
        (observe z (if (> u 0.9) (* c v)
                     (* c (let go ((i 0) (s u)) (if (> i (* 3 v)) s (go (+ i 1) (- s v)))))))
        (observe w 3.0)";
    let data = many_rows();
    let run = |threads: usize, model: &str, starts: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let options = FitOptions::default().starts(starts);
        pool.expect("threads can be had")
            .install(|| fit_with(model, &data, &options).expect("the model fits"))
    };
    // The second has fewer params than predictions a row: its Jacobian is swept forwards.
    let second = "(param a 0.5) (observe y (* a u)) (observe z (exp (* a v))) (observe w (* a a))";
    for (model, starts) in [(model, 1), (model, 3), (second, 1)] {
        let (one, two) = (run(1, model, starts), run(2, model, starts));
        assert_eq!(one.params, two.params);
        assert_eq!(one.evaluations, two.evaluations);
        assert_eq!(one.stats, two.stats);
        assert!(one.stats.replayed, "{:?}", one.stats);
        assert!(one.stats.applications >= 2500 * 3, "{:?}", one.stats);
    }
}

#[test]
fn the_first_row_at_fault_is_named_and_ends_the_evaluation() {
    let data = many_rows();
    // Row 3, in the table's line 5, is the first whose u is below -0.6.
    let model = |fault: &str| format!("(param a 0.5) (observe y (if (< u -0.6) {fault} (* a u)))");
    let (message, place) = refusal(&model("(car '())"), &data, None);
    assert_eq!(
        message,
        "`car` of the empty list, for the row at data.csv:5"
    );
    assert_eq!(place, Some((1, 41)));
    let (message, _) = refusal(&model("(list a)"), &data, None);
    assert!(
        message.starts_with("the prediction of `y` at data.csv:5 is a list"),
        "{message}"
    );
    // Some 500 rows that run out of fuel one after the other would take their time.
    let options = FitOptions::default()
        .starts(1)
        .limits(Limits::default().fuel(20_000));
    let endless = model("(let go ((i 0)) (go (+ i 1)))");
    let error = fit_with(&endless, &data, &options).expect_err("it never ends");
    let message = error.to_string();
    assert!(message.ends_with("for the row at data.csv:5"), "{message}");
}

#[test]
fn all_starts_can_be_run_to_their_end() {
    let model = include_str!("../../examples/lynx_hare/model.scm");
    let data = include_str!("../../examples/lynx_hare/pelts.csv");
    let run = |all_starts| {
        let options = FitOptions::default().starts(16).all_starts(all_starts);
        fit_with(model, data, &options).expect("the model fits")
    };
    let (some, all) = (run(false), run(true));
    assert!(some.dropped > 0 && all.dropped == 0);
    assert!(all.evaluations > some.evaluations);
    assert!(all.agree >= some.agree && all.sse <= some.sse * (1.0 + 1e-12));
    assert!(all.converged);
}

/// The columns of [`MISRA`], y and x.
fn misra() -> [Vec<f64>; 2] {
    let table = table(MISRA);
    ["y", "x"].map(|name| table.column(name).expect("it is there").to_vec())
}

fn misra_model() -> Model {
    let text = format!("{MISRA_PARAMS}(observe y (* b1 (- 1 (exp (- (* b2 x))))))");
    Interpreter::embedded()
        .model(&text)
        .expect("it is a program")
}

#[test]
fn columns_of_a_caller_fit_as_those_of_a_file() {
    let [y, x] = misra();
    let columns = Table::from_columns([("y", &y), ("x", &x)]).expect("they are columns");
    let (one, mut other) = (
        fit(&misra_model(), &columns, &options()).expect("it fits"),
        fit(&misra_model(), &table(MISRA), &options()).expect("it fits"),
    );
    other.seconds = one.seconds;
    assert_eq!(one, other);
}

#[test]
fn what_is_wrong_with_columns_of_a_caller_names_the_row() {
    let (x, y) = ([1.0, 2.0, 3.0], [2.0, -1.0, 4.0]);
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).expect("they are columns");
    for (model, message) in [
        (
            "(param b 1) (observe y b lognormal)",
            "row 2: the column `y` holds -1; lognormal noise needs numbers above 0",
        ),
        (
            "(param b 1) (observe y (if (> x 2.5) (car x) b))",
            "`car` of a number, for row 3",
        ),
        (
            "(param b 1) (observe y (if (> x 1.5) #f b))",
            "the prediction of `y` at row 2 is a boolean; `observe` needs a number for each row",
        ),
        (
            "(param b 1) (observe y (* b xx))",
            "`xx` is no column of the table, no param, and has no initial value; is it `x`?",
        ),
        (
            "(param b 1) (observe z (* b x))",
            "no column `z`; the columns are `x`, `y`",
        ),
        (
            "(param b -1 (< 0)) (observe y (log b))",
            "none of 8 starts gave finite residuals (at the initial values `y` at row 1 is predicted \
             to be NaN); --trace-nan shows the operation at fault, and other initial values may avoid \
             it: `(param name init)` or `--init name=value`",
        ),
    ] {
        let prepared = Interpreter::embedded().model(model).expect(model);
        let error = fit(&prepared, &table, &options()).expect_err(model);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn covariances_stand_in_the_order_of_the_params() {
    let one = fit(&misra_model(), &table(MISRA), &options()).expect("it fits");
    assert_eq!((one.covariance.len(), one.correlation.len()), (4, 4));
    for (k, param) in one.params.iter().enumerate() {
        let variance = one.covariance_of(&param.name, &param.name);
        assert_eq!(variance, Some(one.covariance[3 * k]));
        assert_relative_eq!(
            variance.unwrap_or_default().sqrt(),
            param.std_err,
            max_relative = 1e-12
        );
        assert_eq!(one.correlation[3 * k], 1.0);
    }
    let [both, there, back] = [("b1", "b2"), ("b1", "b2"), ("b2", "b1")]
        .map(|(a, b)| one.covariance_of(a, b).expect("both are params"));
    assert_eq!((both, both), (there, back));
    let product = one.params[0].std_err * one.params[1].std_err;
    assert_relative_eq!(both / product, one.correlation[1], max_relative = 1e-12);
    assert!(one.correlation[1] < -0.99, "{:?}", one.correlation);
    assert_eq!(one.covariance_of("b1", "b3"), None);

    let idle = "(param a 1) (param idle 2) (observe y (+ a (* 0 idle)))";
    let idle = fitted(idle, MISRA);
    assert_eq!(idle.undetermined, ["idle"]);
    assert_eq!(idle.covariance_of("idle", "idle"), Some(f64::INFINITY));
    assert!(idle.covariance_of("a", "idle").is_some_and(f64::is_nan));
    assert!(idle.correlation[3].is_nan() && idle.covariance[0] > 0.0);
}

#[test]
fn predictions_and_residuals_are_those_of_the_rows() {
    let params = "(param a 1 (> 0)) (param k 1 (> 0)) (param m 1) (param s 1)";
    let by_row =
        format!("{params} (observe y (* a (exp (- (* k t)))) lognormal) (observe z (+ m (* s t)))");
    let series = format!(
        "{params} (observe-series (z) (map (lambda (t) (+ m (* s t))) t))
         (observe-series (y) (map (lambda (t) (* a (exp (- (* k t))))) t) lognormal)"
    );
    let data = two_columns();
    let (one, other) = (fitted(&by_row, &data), fitted(&series, &data));
    let names = |fit: &Fit| -> Vec<String> { fit.columns.iter().map(|c| c.name.clone()).collect() };
    assert_eq!(names(&one), ["y", "z"]);
    assert_eq!(names(&other), ["z", "y"]);
    let estimate = |name| one.param(name).expect("a param").estimate;
    let table = table(&data);
    let [t, y, z] = ["t", "y", "z"].map(|name| table.column(name).expect("it is there"));
    for row in 0..40 {
        let expected = [
            estimate("a") * (-estimate("k") * t[row]).exp(),
            estimate("m") + estimate("s") * t[row],
        ];
        for (name, expected) in ["y", "z"].into_iter().zip(expected) {
            let [of_one, of_other] =
                [&one, &other].map(|fit| fit.column(name).expect("it is observed"));
            assert_relative_eq!(of_one.predictions[row], expected, max_relative = 1e-13);
            assert_relative_eq!(of_other.predictions[row], expected, max_relative = 1e-9);
            let residual = match name {
                "y" => (expected / y[row]).ln(),
                _ => expected - z[row],
            };
            assert_relative_eq!(of_one.residuals[row], residual, epsilon = 1e-13);
            assert_relative_eq!(of_other.residuals[row], residual, epsilon = 1e-9);
        }
    }
    for fit in [&one, &other] {
        assert_eq!(fit.residuals, 80);
        let all = fit.columns.iter().flat_map(|column| &column.residuals);
        let sse: f64 = all.map(|r| r * r).sum();
        assert_relative_eq!(sse, fit.sse, max_relative = 1e-12);
    }
    // Two columns of one series stand apart.
    let both = "(param m 1) (param s 1) (param a 1) (param b 1) (data-matrix x (one t))
        (observe-series (z y) (matmul x (mat [m a] [s b])))";
    let both = fitted(both, &data);
    let line = |row: usize| both.params[0].estimate + both.params[1].estimate * t[row];
    assert_relative_eq!(
        both.columns[0].predictions[39],
        line(39),
        max_relative = 1e-12
    );
    assert_eq!(both.columns[1].name, "y");
    assert_eq!(both.columns[1].residuals.len(), 40);
}

#[test]
fn every_start_tells_where_it_ended() {
    let model = include_str!("../../examples/lynx_hare/model.scm");
    let data = include_str!("../../examples/lynx_hare/pelts.csv");
    let one = fit_with(model, data, &FitOptions::default().starts(16)).expect("it fits");
    assert_eq!((one.ends.len(), one.starts), (16, 16));
    let estimates: Vec<f64> = one.params.iter().map(|param| param.estimate).collect();
    let best = &one.ends[one.best];
    assert_eq!((&best.params, best.sse), (&estimates, one.sse));
    assert_eq!(best.ending, Ending::Converged);
    assert!(one.ends.iter().all(|end| end.sse >= one.sse));
    let count = |ending| one.ends.iter().filter(|end| end.ending == ending).count();
    assert_eq!(count(Ending::Dropped), one.dropped);
    assert!(one.dropped > 0 && count(Ending::Converged) >= one.agree);
    assert!(one.ends.iter().all(|end| end.iterations <= 6 * 200));
    assert!(!one.interrupted);

    // Alone, a start runs out of the steps that it has.
    let short = FitOptions::default().starts(1).max_iterations(1);
    let short = fit_with(model, data, &short).expect("it fits");
    assert_eq!(short.ends[0].ending, Ending::Exhausted);
    assert!(!short.converged && !short.interrupted);
}

#[test]
fn an_observer_hears_of_steps_and_interrupts() {
    let (model, table) = (misra_model(), table(MISRA));
    let calls = AtomicUsize::new(0);
    let interrupted = |after: usize| {
        calls.store(0, Ordering::Relaxed);
        let options = options().threads(1);
        fit_observed(&model, &table, &options, &|progress| {
            calls.fetch_add(1, Ordering::Relaxed);
            assert_eq!(progress.starts, 8);
            assert!(progress.steps <= progress.most_steps);
            if progress.steps < after {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        })
    };
    let whole = interrupted(usize::MAX).expect("it fits");
    assert!(whole.converged && !whole.interrupted);
    let steps: usize = whole.ends.iter().map(|end| end.iterations).sum();
    assert!(calls.load(Ordering::Relaxed) > steps);
    for after in [1, 2, steps / 2] {
        let part = interrupted(after).expect("there is a best so far");
        assert!(part.interrupted && !part.converged, "{part:?}");
        let steps: usize = part.ends.iter().map(|end| end.iterations).sum();
        assert_eq!(steps, after);
        assert!(part.sse >= whole.sse * (1.0 - 1e-12) && part.sse.is_finite());
        assert_eq!(part.columns[0].predictions.len(), 14);
        assert_eq!(part.ends[part.best].ending, Ending::Interrupted);
    }
    let error = interrupted(0).expect_err("nothing was found");
    assert!(matches!(error, FitError::Interrupted), "{error}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn an_interrupt_from_another_thread_is_heard_at_the_next_step() {
    // A sum of 3000 terms for each row: some milliseconds a step, minutes for all of them.
    let model = "(param a 0.5) (param b 1)
        (observe y (let go ((i 0) (s b)) (if (= i 3000) s (go (+ i 1) (sin (+ s (* a x)))))))";
    let model = Interpreter::embedded()
        .model(model)
        .expect("it is a program");
    let [y, x] = misra();
    let table = Table::from_columns([("x", x), ("y", y)]).expect("they are columns");
    let options = FitOptions::default()
        .starts(500)
        .max_iterations(10_000)
        .all_starts(true);
    let (flag, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    let (fitted, waited) = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let fitted = fit_observed(&model, &table, &options, &|progress| {
                begun.fetch_or(progress.best.is_finite(), Ordering::Relaxed);
                if flag.load(Ordering::Relaxed) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            (fitted, Instant::now())
        });
        while !begun.load(Ordering::Relaxed) && !run.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let set = Instant::now();
        flag.store(true, Ordering::Relaxed);
        let (fitted, ended) = run.join().expect("nothing panics");
        (fitted.expect("there is a best so far"), ended - set)
    });
    assert!(fitted.interrupted && !fitted.converged);
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[test]
fn the_model_says_how_it_is_run_and_what_shadows() {
    let interpreter = Interpreter::embedded();
    let [y, x] = misra();
    // A column that is named like a procedure, for a model that was told so.
    let table = Table::from_columns([("y", &y), ("list", &x)]).expect("they are columns");
    let text = format!("{MISRA_PARAMS}(observe y (* b1 (- 1 (exp (- (* b2 list))))))");
    let given = Bindings::from([("list", 1.0)]);
    let shadowed = interpreter.model_for(&text, &given, Mode::Interpreter);
    let shadowed = shadowed.expect("it is a program");
    let one = fit(&shadowed, &table, &options()).expect("it fits");
    assert_eq!(one.params[0].estimate, fitted_misra().params[0].estimate);
    let plain = interpreter.model(&text).expect("it is a program");
    assert!(fit(&plain, &table, &options()).is_err());

    // How sharp a choice is, is the model's own.
    let soft = "(param w 0.5) (observe y (soft-choice ((* 0.2 x) 0) (list w 0)))";
    let soft = interpreter.model(soft).expect("it is a program");
    let table = Table::from_columns([("y", &y), ("x", &x)]).expect("they are columns");
    let at = |temperature| {
        let model = soft.with_relaxation(Relaxation::default().temperature(temperature));
        let fit = fit(&model.expect("it is above 0"), &table, &options()).expect("it fits");
        fit.params[0].estimate
    };
    assert_relative_eq!(at(2.0), 2.0 * at(1.0), max_relative = 1e-6);

    let graph = dmci::compile_program(&interpreter, &text).expect("it is a program");
    let compiled = Model::from_graph(&graph).expect("it is whole");
    let error = fit(&compiled, &table, &options()).expect_err("it says nothing of data");
    assert_eq!(
        error.to_string(),
        "a compiled program does not say what it predicts; fit the model of its text"
    );
}

fn fitted_misra() -> Fit {
    fit(&misra_model(), &table(MISRA), &options()).expect("it fits")
}
