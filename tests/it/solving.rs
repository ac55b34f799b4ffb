//! `root` and `fixed-point`: solutions to the last digits, and derivatives of every order and sweep.

use approx::assert_relative_eq;
use dmci::{Bindings, Error, Interpreter, Kind, Limits, Mode, OnError, Workspace, Wrt};

const TIGHT: f64 = 1e-13;

/// Value, first and second derivative by `x`.
fn jet(text: &str, x: f64) -> [f64; 3] {
    let model = Interpreter::embedded().model(text).unwrap();
    let bindings = Bindings::from([("x", x)]);
    let hessian = model
        .hessian(&bindings, Wrt::All, &mut Workspace::new())
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    let slope = hessian.gradient().get("x").unwrap();
    [hessian.value(), slope, hessian.matrix()[0]]
}

#[test]
fn inverse_functions_have_their_derivatives() {
    type Case = (&'static str, f64, [f64; 3]);
    let e = std::f64::consts::E;
    let cases: [Case; 6] = [
        ("(root (lambda (y) (- (* y y) x)) 0 4)", 2.0, {
            let r = 2.0_f64.sqrt();
            [r, 0.5 / r, -0.25 / (r * r * r)]
        }),
        (
            "(root (lambda (y) (- (exp y) x)) -50 50)",
            e,
            [1.0, 1.0 / e, -1.0 / (e * e)],
        ),
        (
            "(root (lambda (y) (- (* y y y) x)) -1e6 1e6)",
            8.0,
            [2.0, 1.0 / 12.0, -1.0 / 144.0],
        ),
        // Far from where the search begins, and small.
        (
            "(root (lambda (y) (- (/ 1 y) x)) 1e-300 1e9)",
            1e7,
            [1e-7, -1e-14, 2e-21],
        ),
        ("(root (lambda (y) (- (atan y) x)) -1e9 1e9)", 0.5, {
            let t = 0.5_f64.tan();
            let first = 1.0 + t * t;
            [t, first, 2.0 * t * first]
        }),
        (
            "(fixed-point (lambda (y) (* 0.5 (+ y (/ x y)))) 1)",
            9.0,
            [3.0, 1.0 / 6.0, -1.0 / 108.0],
        ),
    ];
    for (text, x, expected) in cases {
        for (found, expected) in jet(text, x).into_iter().zip(expected) {
            assert_relative_eq!(found, expected, max_relative = TIGHT);
        }
    }
}

#[test]
fn slow_and_linear_iterations_settle() {
    // y = c y + x has the fixed point x / (1 - c); the derivative is 1 / (1 - c), the second 0.
    for c in [0.5, -0.9, 0.99] {
        let text = format!("(fixed-point (lambda (y) (+ (* {c} y) x)) 0)");
        let [value, slope, second] = jet(&text, 1.5);
        assert_relative_eq!(value, 1.5 / (1.0 - c), max_relative = 1e-11);
        assert_relative_eq!(slope, 1.0 / (1.0 - c), max_relative = 1e-11);
        assert!(second.abs() < 1e-11, "{second}");
    }
}

#[test]
fn where_there_is_no_implicit_function_derivatives_are_not_finite() {
    let [value, slope, _] = jet("(root (lambda (y) (- (* y y y) x)) -1 1)", 0.0);
    assert_eq!(value, 0.0);
    assert!(!slope.is_finite(), "{slope}");
}

#[test]
fn both_sweeps_replays_and_lanes_agree() {
    let interpreter = Interpreter::embedded();
    let text = "(list (root (lambda (y) (- (+ (* a y) (exp y)) b)) -9 9) a)";
    let model = interpreter.model(text).unwrap();
    let mut workspace = Workspace::new();
    let mut replayed = 0;
    for step in 0..40 {
        let (a, b) = (1.0 + 0.01 * f64::from(step), 2.0);
        let bindings = Bindings::from([("a", a), ("b", b)]);
        let limits = Limits::default();
        let run = model
            .evaluate(&bindings, Wrt::All, &limits, &mut workspace)
            .unwrap();
        replayed += u32::from(run.stats.replayed);
        let y = run.value.numbers().next().unwrap();
        assert_relative_eq!(a * y + y.exp(), b, max_relative = 1e-14);
        let slope = a + y.exp();
        let by = |name: &str| run.gradient.jacobian(name).unwrap()[0];
        assert_relative_eq!(by("a"), -y / slope, max_relative = TIGHT);
        assert_relative_eq!(by("b"), 1.0 / slope, max_relative = TIGHT);
        // A model of its own walks, and has the same bits.
        let fresh = interpreter
            .model_for(text, &bindings, Mode::Direct)
            .unwrap();
        let fresh = fresh
            .evaluate(&bindings, Wrt::All, &limits, &mut Workspace::new())
            .unwrap();
        assert_eq!(fresh.value, run.value);
        assert_eq!(fresh.gradient, run.gradient);
    }
    // Other inputs take as many steps, mostly.
    assert!(replayed > 20, "{replayed} of 40 were replayed");

    let text = "(root (lambda (y) (- (+ (* a y) (exp y)) b)) -9 9)";
    let model = interpreter.model(text).unwrap();
    let a: Vec<f64> = (0..100).map(|i| 0.5 + 0.02 * f64::from(i)).collect();
    let lanes = model
        .value_and_grad_lanes(
            &Bindings::from([("b", 2.0)]),
            &[("a", &a)],
            &["a", "b"],
            OnError::Stop,
            &Limits::default(),
            &mut workspace,
        )
        .unwrap();
    let mut sum = 0.0;
    for (lane, &a) in a.iter().enumerate() {
        let y = lanes.values[lane].as_ref().unwrap().number().unwrap();
        assert_relative_eq!(a * y + y.exp(), 2.0, max_relative = 1e-14);
        let by_a = lanes.per_lane[0].1[lane].unwrap();
        assert_relative_eq!(by_a, -y / (a + y.exp()), max_relative = TIGHT);
        sum += 1.0 / (a + y.exp());
    }
    assert_relative_eq!(lanes.shared[0].1, sum, max_relative = TIGHT);
    // A walk for each number of steps, not for each lane.
    assert!(lanes.walks < 20, "{} walks", lanes.walks);
}

#[test]
#[cfg(feature = "dfdx")]
fn vectors_have_fixed_points() {
    let text =
        "(vsum (fixed-point (lambda (v) (+ b (scale 0.2 (matvec m (vector-map sin v))))) b))";
    let model = Interpreter::embedded().model(text).unwrap();
    let bindings = Bindings::from([
        ("b", dmci::Input::from([0.3, -0.5, 0.9])),
        (
            "m",
            dmci::Input::from([[1.0, 0.5, 0.0], [0.2, -1.0, 0.3], [0.0, 0.4, 0.6]]),
        ),
    ]);
    let certificate = dmci::verify::verify(&Interpreter::embedded(), text, &bindings).unwrap();
    assert!(certificate.warnings.is_empty());
    for check in certificate.checks {
        assert_eq!(check.status, dmci::verify::Status::Pass, "{check:?}");
    }
    assert!(model.value(&bindings, &mut Workspace::new()).is_ok());
}

#[test]
fn searches_are_metered() {
    let model = Interpreter::embedded()
        .model("(fixed-point (lambda (y) (+ 1 (* x y))) 0.25)")
        .unwrap();
    let bindings = Bindings::from([("x", -1.0)]);
    let limits = Limits::default().fuel(100);
    let error = model
        .evaluate(&bindings, Wrt::All, &limits, &mut Workspace::new())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Resource);
    let error = model.value(&bindings, &mut Workspace::new()).unwrap_err();
    assert!(matches!(error, Error::Eval(_)) && error.kind() == Kind::User);
}
