//! Long loops: compiled to code with loops they have the bits that a walk has.
//!
//! **Invariants**
//! - What is expected is the first evaluation of a fresh model, which is walked and swept.
//! - What is compared ran as compiled code, and says so.

use dmci::{
    Bindings, Input, Interpreter, Kind, Limits, Mode, Model, Uncompiled, Way, Workspace, Wrt,
};
use std::time::{Duration, Instant};

/// A program, its inputs, and what derivatives are by.
struct Case {
    name: &'static str,
    text: String,
    inputs: Bindings,
    wrt: &'static [&'static str],
}

fn case(
    name: &'static str,
    text: impl Into<String>,
    inputs: Bindings,
    wrt: &'static [&'static str],
) -> Case {
    Case {
        name,
        text: text.into(),
        inputs,
        wrt,
    }
}

fn list(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i as f64 * 0.7).sin() + 0.1).collect()
}

fn cases() -> Vec<Case> {
    let n = 5_001;
    let with_list = |numbers: &[(&str, f64)]| {
        let mut inputs = numbers.iter().copied().collect::<Bindings>();
        inputs.set("xs", Input::Vector(list(n)));
        inputs
    };
    let pendulum = format!(
        "(loop ((i 0) (th 1.2) (om 0.0)) (if (= i {n}) th
           (let ((om2 (+ om (* 0.02 (- (* (- 0.0 gl) (sin th)) (* c om))))))
             (recur (+ i 1) (+ th (* 0.02 om2)) om2))))"
    );
    let swing = Bindings::from([("gl", 9.81), ("c", 1e-5)]);
    vec![
        case("a pendulum", pendulum, swing.clone(), &["gl", "c"]),
        case(
            "a filter",
            format!(
                "(loop ((k 0) (x 0.0) (p 1.0) (nll 0.0)) (if (= k {n}) nll
                   (let* ((pp (+ p q)) (s (+ pp r)) (e (- (ref xs k) x)) (kg (/ pp s)))
                     (recur (+ k 1) (+ x (* kg e)) (* (- 1.0 kg) pp)
                       (+ nll (* 0.5 (+ (log s) (/ (* e e) s))))))))"
            ),
            with_list(&[("q", 0.05), ("r", 0.1)]),
            &["q", "r"],
        ),
        case(
            "a fold",
            "(fold (lambda (x s) (let ((e (- (+ c0 (* x (+ c1 (* x c2)))) 0.5))) (+ s (* e e))))
               0.0 (vec->list xs))",
            with_list(&[("c0", 0.3), ("c1", -1.0), ("c2", 0.5)]),
            &["c0", "c1", "c2"],
        ),
        case(
            "a map and a fold",
            "(fold-left + 0 (map (lambda (x) (* a (exp (- (* b x))))) (vec->list xs)))",
            with_list(&[("a", 0.3), ("b", 1.5)]),
            &["a", "b"],
        ),
        case(
            "a map, reversed",
            "(fold-left (lambda (s y) (+ (* 0.9 s) (* y y))) 0
               (reverse (map (lambda (x) (sin (* a x))) (vec->list xs))))",
            with_list(&[("a", 0.3)]),
            &["a"],
        ),
        case(
            "two loops, one after the other",
            format!(
                "(let ((y (loop ((i 0) (y a)) (if (= i {n}) y (recur (+ i 1) (+ y (* 0.001 (cos y))))))))
                   (loop ((i 0) (z 0.5)) (if (= i {n}) (+ y z) (recur (+ i 1) (- z (* b (* z y)))))))"
            ),
            Bindings::from([("a", 0.2), ("b", 0.001)]),
            &["a", "b"],
        ),
        case(
            "a loop in a loop",
            "(loop ((i 0) (y a)) (if (= i 900) y
               (recur (+ i 1) (loop ((j 0) (z y)) (if (= j 7) (+ z (* b y))
                 (recur (+ j 1) (+ z (* 0.01 (sin (* b z))))))))))",
            Bindings::from([("a", 0.2), ("b", 0.3)]),
            &["a", "b"],
        ),
        case(
            "an end that inputs decide",
            "(loop ((i 0) (s x)) (if (< i n) (recur (+ i 1) (* r (* s (- 1.0 s)))) (* s s)))",
            Bindings::from([("x", 0.4), ("n", n as f64), ("r", 3.2)]),
            &["x", "r"],
        ),
        case(
            "two steps back",
            format!(
                "(loop ((i 0) (u a) (v b)) (if (= i {n}) (- u v)
                   (recur (+ i 1) v (+ (* 0.4 u) (* 0.5 (tanh v))))))"
            ),
            Bindings::from([("a", 0.2), ("b", 0.3)]),
            &["a", "b"],
        ),
        case(
            "tests that fork, in each iteration",
            format!(
                "(loop ((i 0) (u a)) (if (= i {n}) u
                   (recur (+ i 1) (if (> u b) (* u 0.9) (+ u (* 0.1 b))))))"
            ),
            Bindings::from([("a", 0.2), ("b", 0.3)]),
            &["a", "b"],
        ),
        case(
            "numbers of the program, and a counter",
            format!(
                "(define w (list 0.5 1.0 2.0 1.0 3.0))
                 (loop ((i 0) (s 0.0)) (if (= i {n}) s
                   (recur (+ i 1) (+ s (* (/ i 7) (exp (* a (sin (* 0.01 i)))))))))"
            ),
            Bindings::from([("a", 0.2)]),
            &["a"],
        ),
        case(
            "a recursion that is not a loop",
            "(define (sum l) (if (null? l) 0 (+ (* a (car l) (car l)) (* b (sum (cdr l))))))
             (sum (vec->list xs))",
            with_list(&[("a", 0.3), ("b", 0.9)]),
            &["a", "b"],
        ),
        case(
            "vectors that are carried",
            "(loop ((i 0) (u u0)) (if (= i 300) (dot u u) (recur (+ i 1) (+ u (scale a (matvec m u))))))",
            {
                let mut inputs = Bindings::from([("a", 0.01)]);
                inputs.set("u0", Input::Vector(list(6)));
                let rows: Vec<Vec<f64>> = (0..6).map(|row| list(6 + row)[row..].to_vec()).collect();
                inputs.set("m", Input::matrix(&rows).unwrap());
                inputs
            },
            &["a", "u0"],
        ),
    ]
}

/// Inputs a little further on, the numbers that derivatives are by alone.
fn moved(inputs: &Bindings, wrt: &[&str], by: f64) -> Bindings {
    let mut moved = inputs.clone();
    for &name in wrt {
        if let Some(Input::Number(x)) = inputs.get(name) {
            moved.set(name, Input::Number(x + by));
        }
    }
    moved
}

/// The bits of the value and its derivatives, and how they came.
fn bits(
    model: &Model,
    inputs: &Bindings,
    wrt: Wrt<'_>,
    workspace: &mut Workspace,
) -> (Vec<u64>, Way) {
    let evaluation = model.evaluate(inputs, wrt, &LIMITS, workspace).unwrap();
    let value = evaluation.value.numbers().map(f64::to_bits);
    let mut numbers: Vec<u64> = value.collect();
    for name in evaluation.gradient.names() {
        let row = evaluation.gradient.jacobian(name).unwrap();
        // One derivative, whatever its sign where it is 0.
        numbers.extend(row.iter().map(|x| (x + 0.0).to_bits()));
    }
    (numbers, evaluation.stats.way)
}

const LIMITS: Limits = Limits::new().fuel(1 << 40).trace_bytes(1 << 40);

fn model(case: &Case, mode: Mode) -> Model {
    Interpreter::embedded()
        .model_for(&case.text, &case.inputs, mode)
        .unwrap()
}

/// What a warm model comes to as compiled code, beside fresh ones.
fn compare(case: &Case, mode: Mode, wrt: Wrt<'_>) {
    let warm = model(case, mode);
    let mut workspace = Workspace::new();
    for round in 0..3 {
        let inputs = moved(&case.inputs, case.wrt, 1e-6 * f64::from(round));
        let (found, way) = bits(&warm, &inputs, wrt, &mut workspace);
        let (expected, _) = bits(&model(case, mode), &inputs, wrt, &mut Workspace::new());
        let name = case.name;
        assert_eq!(found, expected, "{name}, {mode:?}, {wrt:?}, round {round}");
        if round > 1 {
            assert_eq!(way, Way::Compiled, "{name}, {mode:?}, {wrt:?}");
        }
    }
}

#[test]
fn loops_have_the_bits_of_walks() {
    for case in cases() {
        compare(&case, Mode::Direct, Wrt::Names(case.wrt));
    }
    for case in cases().iter().step_by(3) {
        compare(case, Mode::Direct, Wrt::Nothing);
        compare(case, Mode::Interpreter, Wrt::Names(case.wrt));
    }
}

#[test]
fn code_is_as_long_as_an_iteration_however_often_that_is_done() {
    for case in cases() {
        let sizes = [1, 2].map(|times| {
            let mut case = Case {
                text: case.text.replace("5001", &(5_001 * times).to_string()),
                inputs: case.inputs.clone(),
                ..case
            };
            if let Some(Input::Vector(numbers)) = case.inputs.get("xs") {
                let longer = numbers.iter().cycle().take(5_001 * times).copied();
                let longer = Input::Vector(longer.collect());
                case.inputs.set("xs", longer);
            }
            let model = model(&case, Mode::Direct);
            let mut workspace = Workspace::new();
            let recorded = [0, 1].map(|_| {
                bits(&model, &case.inputs, Wrt::Names(case.wrt), &mut workspace);
                model.paths()[0].bytes
            });
            (model.paths()[0].operations, recorded[1] - recorded[0])
        });
        // A few numbers an operation at the most, where code without loops takes 48 bytes.
        for (operations, bytes) in sizes {
            assert!(bytes < 60_000 + 24 * operations, "{}: {sizes:?}", case.name);
        }
    }
}

#[test]
fn what_has_no_loops_by_some_inputs_has_them_by_others() {
    // By the list's own elements each iteration has a derivative of its own.
    let case = cases().remove(2);
    let model = model(&case, Mode::Direct);
    let mut workspace = Workspace::new();
    let mut way = |wrt| {
        (0..3).for_each(|_| drop(bits(&model, &case.inputs, wrt, &mut workspace)));
        bits(&model, &case.inputs, wrt, &mut workspace).1
    };
    assert_ne!(way(Wrt::Names(&["xs"])), Way::Compiled);
    assert_eq!(way(Wrt::Names(case.wrt)), Way::Compiled);
    assert_eq!(way(Wrt::Nothing), Way::Compiled);
}

/// The pendulum, warm: evaluated twice, so that its code has loops.
fn warm_pendulum(workspace: &mut Workspace) -> (Case, Model) {
    let case = cases().remove(0);
    let model = model(&case, Mode::Direct);
    for _ in 0..3 {
        bits(&model, &case.inputs, Wrt::Names(case.wrt), workspace);
    }
    (case, model)
}

#[test]
fn limits_hold_for_loops_as_for_walks() {
    let mut workspace = Workspace::new();
    let (case, warm) = warm_pendulum(&mut workspace);
    let wrt = Wrt::Names(case.wrt);
    let needed = warm
        .evaluate(&case.inputs, wrt, &LIMITS, &mut workspace)
        .unwrap()
        .stats
        .fuel;
    for fuel in [0, needed / 2, needed - 1] {
        let limits = LIMITS.fuel(fuel);
        let found = warm.evaluate(&case.inputs, wrt, &limits, &mut workspace);
        let fresh = model(&case, Mode::Direct);
        let expected = fresh.evaluate(&case.inputs, wrt, &limits, &mut Workspace::new());
        let [found, expected] = [found, expected].map(|result| result.unwrap_err().to_string());
        assert_eq!(found, expected);
    }
    let enough = LIMITS.fuel(needed);
    let found = warm.evaluate(&case.inputs, wrt, &enough, &mut workspace);
    assert_eq!(found.unwrap().stats.way, Way::Compiled);
}

#[test]
fn a_loop_is_left_where_it_is_late() {
    let mut workspace = Workspace::new();
    let (mut case, _) = warm_pendulum(&mut workspace);
    case.text = case.text.replace("5001", "200000");
    let model = model(&case, Mode::Direct);
    let wrt = Wrt::Names(case.wrt);
    for _ in 0..3 {
        bits(&model, &case.inputs, wrt, &mut workspace);
    }
    let limits = LIMITS.deadline(Instant::now() + Duration::from_micros(200));
    let error = model
        .evaluate(&case.inputs, wrt, &limits, &mut workspace)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Resource, "{error}");
    // Nothing of it is left behind.
    let (found, way) = bits(&model, &case.inputs, wrt, &mut workspace);
    let fresh = self::model(&case, Mode::Direct);
    let (expected, _) = bits(&fresh, &case.inputs, wrt, &mut Workspace::new());
    assert_eq!((found, way), (expected, Way::Recorded(Uncompiled::Rolled)));
}

#[test]
fn without_room_for_the_tape_the_trace_is_run_as_it_is() {
    let mut workspace = Workspace::new();
    let case = cases().remove(0);
    let warm = model(&case, Mode::Direct);
    let wrt = Wrt::Names(case.wrt);
    let mut trace_bytes = usize::MAX;
    for round in 0..4 {
        let limits = LIMITS.trace_bytes(trace_bytes);
        let evaluation = warm
            .evaluate(&case.inputs, wrt, &limits, &mut workspace)
            .unwrap();
        let fresh = model(&case, Mode::Direct);
        let (expected, _) = bits(&fresh, &case.inputs, wrt, &mut Workspace::new());
        let value = evaluation.value.number().unwrap();
        assert_eq!(value.to_bits(), expected[0], "round {round}");
        assert_ne!(evaluation.stats.way, Way::Compiled, "round {round}");
        // As much as the trace takes, and no more.
        trace_bytes = warm.paths()[0].bytes;
    }
}
