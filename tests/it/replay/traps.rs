//! Where a derivative is lost or infinite: untaken arms, poles, ties. Each program at each point, alone
//! and among lanes on both sides, whichever of them was walked first.

use super::sum_complaint;
use approx::relative_eq;
use dmci::{Bindings, Interpreter, Lanes, Limits, Mode, Model, OnError, Workspace, Wrt};

/// The value of `y` in all programs.
const Y: f64 = 3.0;

const LN_2: f64 = std::f64::consts::LN_2;

/// A value of `x`, the program's value there, its derivatives by `x` and by `y`.
type Expected = [f64; 4];

/// Programs with an arm whose value or derivative is no number where it is not taken.
const UNTAKEN: &[(&str, &[Expected])] = &[
    (
        "(if (= x 0) 0 (/ 1 x))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [2.0, 0.5, -0.25, 0.0],
            [-0.5, -2.0, -4.0, 0.0],
        ],
    ),
    (
        "(if (> x 0) (log x) 0)",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [2.0, LN_2, 0.5, 0.0],
        ],
    ),
    (
        "(if (> x 0) (sqrt x) 0)",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [4.0, 2.0, 0.25, 0.0],
        ],
    ),
    (
        "(let ((l (log x))) (if (> x 0) l 0))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [2.0, LN_2, 0.5, 0.0],
        ],
    ),
    // The test is the other way round, and what is not taken comes from outside both arms.
    (
        "(let ((l (* y (log x))) (r (/ y x))) (if (<= x 0) x (+ l r)))",
        &[
            [0.0, 0.0, 1.0, 0.0],
            [-1.0, -1.0, 1.0, 0.0],
            [1.0, 3.0, 0.0, 1.0],
        ],
    ),
    // Nested.
    (
        "(if (> x 0)
             (if (> x 1) (sqrt (- x 1)) (log x))
             (if (< x -1) (log (- x)) (* x x)))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [1.0, 0.0, 1.0, 0.0],
            [2.0, 1.0, 0.5, 0.0],
            [-1.0, 1.0, -2.0, 0.0],
            [-2.0, LN_2, -0.5, 0.0],
        ],
    ),
    (
        "(cond ((< x 0) 0) ((= x 0) y) (else (/ y x)))",
        &[
            [0.0, 3.0, 0.0, 1.0],
            [-1.0, 0.0, 0.0, 0.0],
            [2.0, 1.5, -0.75, 0.5],
        ],
    ),
    (
        "(if (and (> x 0) (< (log x) 1)) (* y (log x)) (* y x))",
        &[
            [0.0, 0.0, 3.0, 0.0],
            [-1.0, -3.0, 3.0, -1.0],
            [1.0, 0.0, 3.0, 0.0],
            [4.0, 12.0, 3.0, 4.0],
        ],
    ),
    // Used several times.
    (
        "(let ((s (if (> x 0) (sqrt x) 0))) (+ s (* s s) (* y s)))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [4.0, 12.0, 2.0, 2.0],
        ],
    ),
    (
        "(let* ((l (log x)) (s (if (> x 0) l 0))) (if (> x 0) (* l s) (+ s s)))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [2.0, LN_2 * LN_2, LN_2, 0.0],
        ],
    ),
    (
        "(let go ((i 0) (s 0)) (if (= i 3) s (go (+ i 1) (+ s (if (> x 0) (sqrt x) 0)))))",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [4.0, 6.0, 0.75, 0.0],
        ],
    ),
    (
        "(fold-left (lambda (s k) (+ s (if (> x k) (log (- x k)) (* k x)))) 0 '(0 1))",
        &[
            [0.0, 0.0, 1.0, 0.0],
            [-1.0, -1.0, 1.0, 0.0],
            [1.0, 1.0, 2.0, 0.0],
            [2.0, LN_2, 1.5, 0.0],
        ],
    ),
    // NaN and infinity meet other factors, in the arm that is not taken.
    (
        "(let ((a (/ 1 x)) (l (log x))) (* y (if (> x 0) (* a l) x)))",
        &[
            [0.0, 0.0, 3.0, 0.0],
            [-1.0, -3.0, 3.0, -1.0],
            [1.0, 0.0, 3.0, 0.0],
        ],
    ),
    (
        "(if (> x 0) (* y (log x)) (* y x))",
        &[
            [0.0, 0.0, 3.0, 0.0],
            [-1.0, -3.0, 3.0, -1.0],
            [1.0, 0.0, 3.0, 0.0],
        ],
    ),
    (
        "(* (if (= x 0) y (/ (sin x) x)) (if (> x 0) (exp (/ -1 x)) y))",
        &[[0.0, 9.0, 0.0, 6.0]],
    ),
    (
        "(vsum (if (> x 0) [(log x) (* y (sqrt x))] [0 (* y x)]))",
        &[
            [0.0, 0.0, 3.0, 0.0],
            [-1.0, -3.0, 3.0, -1.0],
            [1.0, 3.0, 2.5, 1.0],
        ],
    ),
    (
        "(let ((v (if (> x 0) (log [x y]) [0 x]))) (if (> x 0) (dot v [1 0]) (vsum v)))",
        &[
            [0.0, 0.0, 1.0, 0.0],
            [-1.0, -1.0, 1.0, 0.0],
            [1.0, 0.0, 1.0, 0.0],
        ],
    ),
];

/// Programs whose derivative at a point is a convention.
const CONVENTIONS: &[(&str, &[Expected])] = &[
    (
        "(pow x 2)",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [3.0, 9.0, 6.0, 0.0],
            [-2.0, 4.0, -4.0, 0.0],
        ],
    ),
    ("(pow x 1)", &[[0.0, 0.0, 1.0, 0.0], [-2.0, -2.0, 1.0, 0.0]]),
    ("(pow x 0)", &[[0.0, 1.0, 0.0, 0.0], [-2.0, 1.0, 0.0, 0.0]]),
    (
        "(* y (expt x 3))",
        &[[0.0, 0.0, 0.0, 0.0], [-2.0, -24.0, 36.0, -8.0]],
    ),
    (
        "(min x y)",
        &[
            [3.0, 3.0, 0.5, 0.5],
            [1.0, 1.0, 1.0, 0.0],
            [5.0, 3.0, 0.0, 1.0],
        ],
    ),
    (
        "(max x y)",
        &[
            [3.0, 3.0, 0.5, 0.5],
            [1.0, 3.0, 0.0, 1.0],
            [5.0, 5.0, 1.0, 0.0],
        ],
    ),
    (
        "(max (* 2 x) 0)",
        &[
            [0.0, 0.0, 1.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [1.0, 2.0, 2.0, 0.0],
        ],
    ),
    ("(min x x)", &[[0.0, 0.0, 1.0, 0.0], [2.0, 2.0, 1.0, 0.0]]),
    (
        "(abs x)",
        &[
            [0.0, 0.0, 0.0, 0.0],
            [-2.0, 2.0, -1.0, 0.0],
            [2.0, 2.0, 1.0, 0.0],
        ],
    ),
    (
        "(if (> x 0) (max x (log x)) (* y (min x 0)))",
        &[
            [0.0, 0.0, 1.5, 0.0],
            [-1.0, -3.0, 3.0, -1.0],
            [2.0, 2.0, 1.0, 0.0],
        ],
    ),
    (
        "(vsum (max [x y] [y x]))",
        &[[3.0, 6.0, 1.0, 1.0], [1.0, 6.0, 0.0, 2.0]],
    ),
];

fn model(source: &str, mode: Mode) -> Model {
    let inputs = Bindings::from([("x", 0.0), ("y", 0.0)]);
    let model = Interpreter::embedded().model_for(source, &inputs, mode);
    model.unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn close(found: f64, expected: f64) -> bool {
    found == expected || relative_eq!(found, expected, max_relative = 1e-14)
}

fn check(source: &str, points: &[Expected], lanes: &Lanes, context: &str) {
    let mut by_y = Vec::new();
    for (lane, &[x, value, by_x, one_by_y]) in points.iter().enumerate() {
        let context = format!(
            "{source} at {x}, {context}, lane {lane} of {}",
            points.len()
        );
        let found = lanes.values[lane].as_ref().expect(&context);
        let found = found.number().expect(&context);
        assert!(close(found, value), "{context}: {found}, not {value}");
        for (name, column) in &lanes.per_lane {
            let expected = if name == "x" { by_x } else { one_by_y };
            let found = column[lane].expect(&context);
            assert!(
                close(found, expected),
                "{context}: d/d{name} is {found}, not {expected}"
            );
        }
        by_y.push(one_by_y);
    }
    for (name, sum) in &lanes.shared {
        let complaint = sum_complaint(*sum, &by_y);
        assert_eq!(complaint, None, "{source}, {context}: d/d{name}");
    }
}

#[test]
fn untaken_arms_poles_and_ties_leave_no_mark() {
    let limits = Limits::default();
    for &(source, points) in UNTAKEN.iter().chain(CONVENTIONS) {
        for mode in [Mode::Interpreter, Mode::Direct] {
            for (first, &[x, value, by_x, by_y]) in points.iter().enumerate() {
                let context = format!("{source} at {x} alone");
                let inputs = Bindings::from([("x", x), ("y", Y)]);
                let workspace = &mut Workspace::new();
                let alone = model(source, mode);
                let alone = alone.value_and_grad(&inputs, Wrt::Names(&["x", "y"]), workspace);
                let (found, gradient) = alone.expect(&context);
                let found = [found.number(), gradient.get("x"), gradient.get("y")];
                for (found, expected) in found.into_iter().zip([value, by_x, by_y]) {
                    let found = found.expect(&context);
                    assert!(close(found, expected), "{context}: {found}, not {expected}");
                }
                // The first lane is the one that is walked.
                for size in [1, points.len(), 150] {
                    let lanes: Vec<Expected> = (0..size)
                        .map(|lane| points[(first + lane) % points.len()])
                        .collect();
                    let xs: Vec<f64> = lanes.iter().map(|lane| lane[0]).collect();
                    let ys = vec![Y; size];
                    for columns in [&[("x", &*xs)][..], &[("y", &*ys), ("x", &*xs)]] {
                        let model = model(source, mode);
                        for run in ["cold", "warm"] {
                            let found = model.value_and_grad_lanes(
                                &Bindings::from([("y", Y)]),
                                columns,
                                &["x", "y"],
                                OnError::Stop,
                                &limits,
                                workspace,
                            );
                            let found = found.unwrap_or_else(|e| panic!("{source}: {e}"));
                            check(source, &lanes, &found, run);
                        }
                    }
                }
            }
        }
    }
}
