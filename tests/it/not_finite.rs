//! Where NaN and infinity come from: the expression, its operands, the row; and what it costs nobody else.

use dmci::fit::{FitError, FitOptions, Table, fit, fit_traced};
use dmci::{
    Bindings, Error, Interpreter, Limits, Mode, NotFinite, Origin, OriginSort, Registry, Workspace,
    Wrt,
};
use std::ops::ControlFlow;

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

fn traced(text: &str, inputs: &[(&str, f64)]) -> NotFinite {
    let mut bindings = Bindings::new();
    for &(name, x) in inputs {
        bindings.set(name, x);
    }
    let interpreter = Interpreter::embedded();
    let look = |mode| {
        let model = interpreter.model_for(text, &bindings, mode).expect(text);
        let limits = Limits::default();
        let traced = model.trace_nan(&bindings, Wrt::All, &limits, &mut Workspace::new());
        assert_eq!(model.path_totals().paths, 0);
        traced.expect(text)
    };
    let [first, others @ ..] = MODES.map(look);
    for other in others {
        let [a, b] = [&first, &other].map(ToString::to_string);
        assert_eq!(a, b, "{text}");
    }
    first
}

/// `name(operands) at text`.
fn told(origin: Option<&Origin>) -> String {
    origin.map_or_else(String::new, |origin| {
        let operands: Vec<String> = origin.operands.iter().map(|x| format!("{x:?}")).collect();
        let text = origin.text.as_deref().unwrap_or("-");
        format!("{}({}) {text}", origin.name, operands.join(" "))
    })
}

#[test]
fn the_first_nan_is_told_with_its_operands_and_what_led_there() {
    let first = |text: &str, inputs: &[(&str, f64)], expected: &str, led: &str| {
        let traced = traced(text, inputs);
        assert_eq!(told(traced.first.as_ref()), expected, "{text}\n{traced}");
        assert_eq!(told(traced.led_by.as_ref()), led, "{text}\n{traced}");
        assert!(traced.is_whole);
        traced
    };
    // Of numbers that depend on inputs.
    first(
        "(+ 1 (sqrt (- x 1)) (log x))",
        &[("x", 0.5)],
        "sqrt(-0.5) (sqrt (- x 1))",
        "",
    );
    first(
        "(define (f a) (/ a x)) (* 2 (- (f 1) (f 3)))",
        &[("x", 0.0)],
        "-(inf inf) (- (f 1) (f 3))",
        "/(1.0 0.0) (/ a x)",
    );
    // Of the text's own: nothing of it is in a trace.
    first(
        "(+ x (- (log 0) (log 0)))",
        &[("x", 1.0)],
        "-(-inf -inf) (- (log 0) (log 0))",
        "log(0.0) (log 0)",
    );
    first("(define z 0) (list (/ 0 z))", &[], "/(0.0 0.0) (/ 0 z)", "");
    first(
        "(* 0 +inf.0)",
        &[],
        "*(0.0 inf) (* 0 +inf.0)",
        "+inf.0() +inf.0",
    );
    first("(+ 1 +nan.0)", &[], "+nan.0() +nan.0", "");
    // Inputs that are none themselves.
    first("(* 2 (exp x))", &[("x", f64::NAN)], "x() -", "");
    first(
        "(- x x)",
        &[("x", f64::INFINITY)],
        "-(inf inf) (- x x)",
        "x() -",
    );
    first("x", &[("x", f64::NAN)], "x() -", "");
    // Infinity alone; and neither.
    first("(+ 1 (/ 1 x))", &[("x", 0.0)], "/(1.0 0.0) (/ 1 x)", "");
    first(
        "(exp (exp x))",
        &[("x", 7.0)],
        "exp(1096.6331584284585) (exp (exp x))",
        "",
    );
    let clean = first("(sqrt (+ x 1))", &[("x", 7.0)], "", "");
    assert!(clean.is_clean() && clean.value.is_some());
    // In loops, the first time round; in the prelude, at the program's call.
    first(
        "(let go ((i 0) (s x)) (if (= i 5) s (go (+ i 1) (+ s (/ (- i 2) (- i 2))))))",
        &[("x", 1.0)],
        "/(0.0 0.0) (/ (- i 2) (- i 2))",
        "",
    );
    first(
        "(fold-left + 0 (map (lambda (y) (sqrt y)) (list 1 x)))",
        &[("x", -4.0)],
        "sqrt(-4.0) (sqrt y)",
        "",
    );
    // In an arm that is not taken, nothing is met.
    assert!(traced("(if (> x 0) (sqrt x) 0)", &[("x", -1.0)]).is_clean());
    assert!(
        traced(
            "(if (> x 0) x (begin (sqrt (- x 9)) (list x)))",
            &[("x", 1.0)]
        )
        .is_clean()
    );
    first(
        "(if (> x 0) (sqrt x) (sqrt (- x 1)))",
        &[("x", -1.0)],
        "sqrt(-2.0) (sqrt (- x 1))",
        "",
    );
    // Whatever the program makes of it, an error too.
    first(
        "(if (= (sqrt x) 1) 2 3)",
        &[("x", -1.0)],
        "sqrt(-1.0) (sqrt x)",
        "",
    );
    let failed = first(
        "(list-ref (list 1 2) (/ 0 x))",
        &[("x", 0.0)],
        "/(0.0 0.0) (/ 0 x)",
        "",
    );
    assert!(failed.error.is_some() && failed.value.is_none());
    // Vectors and matrices, small and large.
    first(
        "(vsum (/ [1 0 2] [1 x 2]))",
        &[("x", 0.0)],
        "/(0.0 0.0) (/ [1 0 2] [1 x 2])",
        "",
    );
    let large = traced(
        "(vsum (matmul (/ (ones 20 20) x) (zeros 20 20)))",
        &[("x", 0.0)],
    );
    let first = large.first.as_ref().expect("inf * 0");
    assert!(["matmul", "*"].contains(&&*first.name), "{large}");
    assert!(
        told(large.led_by.as_ref()).starts_with("/(1.0 0.0)"),
        "{large}"
    );
}

#[test]
fn derivatives_that_are_not_finite_are_told_by_their_rule() {
    let spoiled = |text: &str, inputs: &[(&str, f64)]| {
        let traced = traced(text, inputs);
        let told = told(traced.derivative.as_ref());
        let ct = traced
            .derivative
            .as_ref()
            .map(|d| (d.sort, d.cotangent.unwrap(), d.by));
        (told, ct)
    };
    let rule = OriginSort::Derivative;
    assert_eq!(
        spoiled("(* 3 (sqrt (* x x y)))", &[("x", 0.0), ("y", 1.0)]),
        (
            "sqrt(0.0) (sqrt (* x x y))".into(),
            Some((rule, 3.0, Some(0)))
        )
    );
    assert_eq!(
        spoiled("(exp (- (/ 1 x)))", &[("x", 0.0)]).0,
        "/(1.0 0.0) (/ 1 x)"
    );
    assert_eq!(spoiled("(if (> x 0) (log x) 0)", &[("x", 0.0)]).0, "");
    assert_eq!(
        spoiled("(list 1 x (log (* x x)))", &[("x", 0.0)]).0,
        "log(0.0) (log (* x x))"
    );
    // One that no input asked for depends on is none of theirs.
    let model = Interpreter::embedded()
        .model("(+ y (sqrt x))")
        .expect("a program");
    let inputs = Bindings::from([("x", 0.0), ("y", 1.0)]);
    let of = |names: &[&str]| {
        let limits = Limits::default();
        let traced = model.trace_nan(&inputs, Wrt::Names(names), &limits, &mut Workspace::new());
        traced.expect("it runs").derivative
    };
    assert!(of(&["y"]).is_none() && of(&["x", "y"]).is_some());
    assert!(
        model
            .trace_nan(
                &inputs,
                Wrt::Names(&["z"]),
                &Limits::default(),
                &mut Workspace::new()
            )
            .is_err()
    );
}

#[test]
fn the_account_shows_places_and_those_of_models_that_are_called() -> Result<(), Error> {
    let registry = Registry::new();
    let interpreter = Interpreter::embedded().with_models(&registry);
    registry.insert("ratio", interpreter.model("; of two\n(/ a b)")?);
    let text = "(+ 1\n   (model \"ratio\" x x))";
    let model = interpreter.model(text)?;
    let inputs = Bindings::from([("x", 0.0)]);
    let traced = model.trace_nan(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())?;
    let first = traced.first.as_ref().expect("0/0");
    assert_eq!(first.model.as_deref(), Some("ratio"));
    assert_eq!(first.position.expect("a place").to_string(), "2:1");
    let shown = traced.shown("main.scm", false);
    assert!(
        shown.starts_with("the first NaN: `/` of 0.0 and 0.0\n"),
        "{shown}"
    );
    assert!(shown.contains("<model ratio>:2:1"), "{shown}");
    let json = serde_json::to_value(&traced).expect("JSON");
    assert_eq!(json["first"]["value"], "nan");
    assert_eq!(json["first"]["position"]["line"], 2);
    let model = interpreter.model("(list\n (* x (log y)))")?;
    let inputs = Bindings::from([("x", 0.0), ("y", 0.0)]);
    let traced = model.trace_nan(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())?;
    let shown = traced.shown("main.scm", false);
    assert!(
        shown.contains("main.scm:2:2") && shown.contains("led to by -inf: `log` of 0.0"),
        "{shown}"
    );
    assert!(shown.contains("main.scm:2:7"), "{shown}");
    Ok(())
}

#[test]
fn limits_and_long_runs_are_no_matter() {
    let model = Interpreter::embedded()
        .model("(let go ((i 0) (s x)) (if (= i 1000000) s (go (+ i 1) (/ s s))))")
        .expect("a program");
    let inputs = Bindings::from([("x", 0.0)]);
    let limits = Limits::default().fuel(1000);
    let traced = model.trace_nan(&inputs, Wrt::All, &limits, &mut Workspace::new());
    let traced = traced.expect("that it fails is told");
    assert!(traced.error.is_some());
    assert_eq!(told(traced.first.as_ref()), "/(0.0 0.0) (/ s s)");
}

#[test]
fn a_fit_tells_the_row_its_numbers_and_the_params() -> Result<(), FitError> {
    let x = [1.0, 2.0, 0.0, 4.0];
    let y = [2.0, 2.8, 0.0, 4.0];
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
    let goes_on = |_: &dmci::fit::Progress| ControlFlow::Continue(());
    let options = FitOptions::default();
    for mode in MODES {
        let look = |text: &str| {
            let model = Interpreter::embedded().model_for(text, &Bindings::new(), mode);
            let model = model.expect(text);
            let (fitted, met) = fit_traced(&model, &table, &options, &goes_on);
            let plain = fit(&model, &table, &options);
            assert_eq!(
                fitted
                    .as_ref()
                    .map(|f| f.sse.to_bits())
                    .map_err(ToString::to_string),
                plain.map(|f| f.sse.to_bits()).map_err(|e| e.to_string())
            );
            (fitted, met.expect(text))
        };
        // The prediction is finite, and its derivative is not.
        let (_, met) = look("(param k 4.0)\n(observe y (+ k (sqrt (* k x))))");
        let met = met.expect("the derivative at 0");
        assert_eq!((met.row, met.place.as_deref()), (Some(2), Some("row 3")));
        assert_eq!(met.columns, [("x".to_owned(), 0.0)]);
        assert_eq!(met.params, [("k".to_owned(), 4.0)]);
        assert_eq!(
            told(met.run.derivative.as_ref()),
            "sqrt(0.0) (sqrt (* k x))"
        );
        let shown = met.shown("m.scm", false);
        assert!(
            shown.starts_with(
                "the derivative of `y` by `k` is NaN, at row 3 (x = 0.0), with k = 4.0\n"
            ) || shown.starts_with(
                "the derivative of `y` by `k` is inf, at row 3 (x = 0.0), with k = 4.0\n"
            ),
            "{shown}"
        );
        // The prediction is not.
        let (fitted, met) = look("(param k 1.0)\n(observe y (/ k (- x x)))");
        assert!(fitted.is_err());
        let met = met.expect("a division by 0");
        assert_eq!(
            (met.row, told(met.run.first.as_ref())),
            (Some(0), "/(1.0 0.0) (/ k (- x x))".into())
        );
        // Series.
        let (fitted, met) =
            look("(param k 1.0) (observe-series (y) (map (lambda (x) (log (* -1 k x))) x))");
        assert!(fitted.is_err());
        let met = met.expect("logarithms of negative numbers");
        assert_eq!(
            (met.row, told(met.run.first.as_ref())),
            (None, "log(-1.0) (log (* -1 k x))".into())
        );
        // The program's own error, and nothing at all.
        let (fitted, met) = look("(param k 1.0) (observe y (if (> x 3) (car x) (* k x)))");
        assert!(fitted.is_err());
        assert_eq!(met.expect("it fails").row, Some(3));
        let (fitted, met) = look("(param k 1.0) (observe y (* k x))");
        assert!(fitted.is_ok() && met.is_none());
    }
    Ok(())
}
