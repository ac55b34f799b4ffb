//! Certificates: what they say of sound programs, and that wrong machines cannot get one.
//!
//! Wrong rules of primitives are judged where they can be broken, beside `src/cli/verify.rs`.

use approx::assert_relative_eq;
use dmci::fit::table::Table;
use dmci::graph::ncg;
use dmci::verify::{
    Certificate, Status, Verdict, VerifyOptions, Way, verify, verify_graph, verify_with,
};
use dmci::{Bindings, Error, Input, Interpreter, Relaxation, compile_program};

const COMPILER: &str = include_str!("../../bootstrap/compiler.scm");

fn certify(text: &str, inputs: &[(&str, f64)], wrt: &[&str]) -> Certificate {
    let options = VerifyOptions::default().wrt(wrt.iter().copied());
    let bindings: Bindings = inputs.iter().copied().collect();
    verify_with(&Interpreter::embedded(), text, &bindings, &options)
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn status(certificate: &Certificate, way: Way) -> Status {
    let found = certificate.checks.iter().find(|check| check.way == way);
    found.expect("every way has a check").status
}

#[test]
fn six_constants_of_lynx_and_hare_are_certified() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lynx_hare");
    let text = std::fs::read_to_string(format!("{folder}/model.scm")).unwrap();
    let table = Table::read(format!("{folder}/pelts.csv")).unwrap();
    let mut bindings = Bindings::new();
    let estimates = [
        0.540_159,
        0.027_165_4,
        0.796_386,
        0.023_694_6,
        34.6024,
        5.844_51,
    ];
    let names = ["alpha", "beta", "gamma", "delta", "hare0", "lynx0"];
    for (name, estimate) in names.into_iter().zip(estimates) {
        bindings.set(name, estimate);
    }
    // Half the years: the reference engine is slow.
    bindings.set(
        "hare",
        Input::List(table.column("hare").unwrap()[..8].to_vec()),
    );
    let certificate = verify(&Interpreter::embedded(), &text, &bindings).unwrap();
    assert_eq!(certificate.verdict, Verdict::Pass);
    // Second derivatives are of one number.
    for check in &certificate.checks {
        let expected = match check.way {
            Way::Second => Status::Skipped,
            _ => Status::Pass,
        };
        assert_eq!(check.status, expected, "{check:?}");
    }
    assert_eq!(certificate.outputs, 16);
    let found: Vec<&str> = certificate
        .constants
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(found, names);
    for constant in &certificate.constants {
        assert!(constant.largest_difference < 1e-8, "{constant:?}");
        assert!(constant.estimate < 1e-7, "{constant:?}");
        assert!(!constant.only_steers);
    }
}

#[test]
fn certificates_read_back_as_they_were() {
    let texts = [
        (
            "(* a (exp (* (- b) x)))",
            vec![("a", 2.0), ("b", 0.5), ("x", 1.0)],
        ),
        (
            "(if (< x limit) (log x) 0)",
            vec![("x", 0.0), ("limit", -1.0)],
        ),
        ("(list (sqrt x) (/ 1 x) (- x))", vec![("x", 0.0)]),
        ("(abs x)", vec![("x", 1e-300)]),
    ];
    for (text, inputs) in texts {
        let bindings: Bindings = inputs.into_iter().collect();
        let certificate = verify(&Interpreter::embedded(), text, &bindings).unwrap();
        let again = Certificate::from_json(&certificate.to_json()).unwrap();
        assert_eq!(certificate.to_json(), again.to_json(), "{text}");
        assert!(certificate.is_of(text) && !certificate.is_of("x"));
    }
    for wrong in ["", "{}", "[1]", "{\"version\":1}"] {
        assert!(matches!(
            Certificate::from_json(wrong),
            Err(Error::Request(_))
        ));
    }
}

#[test]
fn constants_in_conditions_are_named_and_guards_say_how_far_they_are() {
    let text = "(define (grow n) (if (> n top) (list n) (cons n (grow (* 2 n)))))\n\
                (+ (if (< (* 2 x) limit) x 7) (length (grow x)))";
    let inputs = [("x", 1.0), ("limit", 2.5), ("top", 5.0)];
    let certificate = certify(text, &inputs, &["x", "limit", "top"]);
    assert_eq!(certificate.verdict, Verdict::Pass);
    let steers: Vec<bool> = certificate
        .constants
        .iter()
        .map(|c| c.only_steers)
        .collect();
    assert_eq!(steers, [false, true, true]);
    // 8 > 5 and 4 < 5: x flips the second comparison at 1.25, top at 4; limit is 0.5 off.
    let [first, second] = certificate.guards.as_slice() else {
        panic!("{:?}", certificate.guards);
    };
    let joined = [first.joined, second.joined];
    let (join, guard) = if joined[0] {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(joined.into_iter().filter(|&j| j).count(), 1);
    assert_eq!(
        (guard.constant.as_str(), guard.place),
        ("top", Some([1, 18]))
    );
    assert_relative_eq!(guard.by, -1.0);
    assert_relative_eq!(guard.relative, 0.2);
    assert_eq!(
        (join.constant.as_str(), join.place),
        ("limit", Some([2, 4]))
    );
    assert_relative_eq!(join.by, -0.5);
    assert!(
        join.text.starts_with("(if (< (* 2 x) limit)"),
        "{}",
        join.text
    );
}

#[test]
fn guards_of_steps_and_indices_are_found() {
    let text = "(list-ref (list 1.5 2.5 (* x 3)) (floor (+ x k)))";
    let certificate = certify(text, &[("x", 2.0), ("k", 0.25)], &["x", "k"]);
    assert_eq!(certificate.verdict, Verdict::Pass);
    let guard = &certificate.guards[0];
    assert_eq!((guard.constant.as_str(), guard.place), ("x", Some([1, 1])));
    assert_relative_eq!(guard.by, -0.25);
}

#[test]
fn literals_are_certified_by_programs_with_other_literals() {
    let text = "(* 2.5 (exp (* -0.5 x)))";
    let certificate = certify(text, &[("x", 1.0)], &["@1:4", "@1:16", "x"]);
    assert_eq!(certificate.verdict, Verdict::Pass);
    let derivatives: Vec<f64> = certificate.constants.iter().map(|c| c.derivative).collect();
    let e = (-0.5_f64).exp();
    for (found, expected) in derivatives.into_iter().zip([e, 2.5 * e, -1.25 * e]) {
        assert_relative_eq!(found, expected, max_relative = 1e-14);
    }
    assert_eq!(certificate.constants[1].value, -0.5);
}

#[test]
fn next_to_a_kink_differences_are_inconclusive_and_not_wrong() {
    let certificate = certify("(if (> x 1) (* 3 x) x)", &[("x", 1.0)], &["x"]);
    assert_eq!(status(&certificate, Way::Central), Status::Inconclusive);
    let certificate = certify("(sqrt x)", &[("x", 0.0)], &["x"]);
    assert_eq!(status(&certificate, Way::Central), Status::Inconclusive);
    assert_eq!(status(&certificate, Way::Reference), Status::Pass);
    // Half of each side at a tie is what differences give.
    let certificate = certify("(max x (* 2 x))", &[("x", 0.0)], &["x"]);
    assert_eq!(status(&certificate, Way::Central), Status::Pass);
    assert_eq!(certificate.constants[0].derivative, 1.5);
}

#[test]
fn every_number_of_vectors_and_matrices_is_certified() {
    let bindings = Bindings::from([
        ("k", Input::Number(0.5)),
        ("m", Input::from([[2.0, 1.0], [0.5, 3.0]])),
        ("v", Input::from([1.0, -2.0])),
    ]);
    let text = "(+ (* k (det m)) (dot v (solve m v)) (norm v))";
    let certificate = verify(&Interpreter::embedded(), text, &bindings).unwrap();
    assert!(certificate.checks.iter().all(|c| c.status == Status::Pass));
    let names: Vec<&str> = certificate.constants.iter().map(|c| &*c.name).collect();
    let expected = ["k", "m[0,0]", "m[0,1]", "m[1,0]", "m[1,1]", "v[0]", "v[1]"];
    assert_eq!(names, expected);
    assert_eq!(certificate.constants[0].derivative, 5.5);
    // Lists are data: they are constants where they are asked for, or where there is nothing else.
    let mut list = Bindings::from([("k", 2.0)]);
    list.set("xs", Input::List(vec![1.0, 3.0]));
    let text = "(* k (car xs) (car (cdr xs)))";
    let of = |wrt: &[&str]| {
        let options = VerifyOptions::default().wrt(wrt.iter().copied());
        let certificate = verify_with(&Interpreter::embedded(), text, &list, &options).unwrap();
        assert_eq!(certificate.verdict, Verdict::Pass);
        let derivatives = certificate.constants.iter().map(|c| c.derivative);
        derivatives.collect::<Vec<f64>>()
    };
    assert_eq!(of(&["xs"]), [6.0, 2.0]);
    let usual = verify(&Interpreter::embedded(), text, &list).unwrap();
    assert_eq!(usual.constants.len(), 1);
}

#[test]
fn steps_do_not_cross_kinks() {
    // The kinks are a hundredth of the steps away that smooth functions get.
    for (text, slope) in [
        ("(max x 0.999)", 1.0),
        ("(* 3 (min x 1.001))", 3.0),
        ("(abs (- x 1.0001))", -1.0),
        ("(modulo (* 10.01 x) 1)", 10.01),
    ] {
        let certificate = certify(text, &[("x", 1.0)], &["x"]);
        assert_eq!(status(&certificate, Way::Central), Status::Pass, "{text}");
        assert_eq!(certificate.constants[0].derivative, slope, "{text}");
        assert!(certificate.constants[0].step < 0.02, "{text}");
    }
}

#[test]
fn what_cancels_in_the_program_fails_nothing() {
    for (text, x) in [
        ("(- (exp x) 1)", 1e-12),
        ("(log (+ 1 x))", 1e-12),
        ("(- (sqrt (+ 1 x)) 1)", 1e-9),
        ("(- (+ x 1e8) 1e8)", 1.0),
        ("(/ (- 1 (cos x)) (* x x))", 1e-5),
        ("(sigmoid x)", 25.0),
        ("(tanh x)", 12.0),
    ] {
        let certificate = certify(text, &[("x", x)], &["x"]);
        assert_eq!(
            certificate.verdict,
            Verdict::Pass,
            "{text}: {certificate:?}"
        );
    }
}

#[test]
fn second_derivatives_are_held_against_differences() {
    let inputs = [("x", 0.7), ("y", 1.3)];
    for text in [
        "(* (sin x) (exp y))",
        "(+ (expt x y) (/ x y))",
        "(if (> x y) (* x x) (* x y y))",
        "(log (det (mat [(+ 3 x) 1 0 0 0] [1 (+ 3 y) 1 0 0] [0 1 3 x 0] [0 0 y 3 1] [0 0 0 1 4])))",
    ] {
        let certificate = certify(text, &inputs, &["x", "y"]);
        assert_eq!(status(&certificate, Way::Second), Status::Pass, "{text}");
    }
    let certificate = certify("(list x y)", &inputs, &["x"]);
    assert_eq!(status(&certificate, Way::Second), Status::Skipped);
}

#[test]
fn points_on_branches_and_thresholds_close_by_are_warned_of() {
    let certificate = certify("(if (= x 1) 1.0 (* x x))", &[("x", 1.0)], &["x"]);
    assert_eq!(certificate.verdict, Verdict::Pass);
    let [warning] = certificate.warnings.as_slice() else {
        panic!("{certificate:?}");
    };
    assert_eq!((warning.step, warning.place), (0.0, Some([1, 1])));
    assert!(warning.sides_agree() && warning.derivative == 0.0);
    assert_relative_eq!(warning.above, 2.0, max_relative = 1e-6);

    // A threshold that a small move flips: the value jumps there.
    let text = "(let loop ((t 15.0) (on 1) (k 0))\n  (if (= k 300) t\n    (let ((on (if (> t hi) 0 \
                (if (< t lo) 1 on))))\n      (loop (+ t (* 0.01 (- (* on 30) (* 0.5 (- t 10))))) on \
                (+ k 1)))))";
    let certificate = certify(text, &[("hi", 20.0), ("lo", 18.0)], &["hi", "lo"]);
    assert_eq!(certificate.verdict, Verdict::Pass);
    let warning = certificate.warnings.iter().find(|w| w.constant == "hi");
    let warning = warning.expect("the thermostat switches close by");
    assert!(warning.step > 0.0 && warning.step < 0.05 && warning.jump.abs() > 0.01);

    // Smooth across the branch, with the slope taken: nothing to warn of.
    for text in [
        "(if (> x 1) (* x x) (- (* 2 x) 1))",
        "(if (> x 5) 0 (* x x))",
    ] {
        let certificate = certify(text, &[("x", 1.0)], &["x"]);
        assert_eq!(certificate.warnings, [], "{text}");
    }
}

#[test]
fn large_programs_are_left_out_of_slow_ways_and_say_so() {
    let text = "(let loop ((i 0) (s 0.0)) (if (= i 600000) s (loop (+ i 1) (+ s (* a 1e-6)))))";
    let certificate = certify(text, &[("a", 2.0)], &["a"]);
    assert_eq!(status(&certificate, Way::Nested), Status::Skipped);
    assert_eq!(status(&certificate, Way::Direct), Status::Pass);
    let notes = certificate
        .checks
        .iter()
        .filter(|check| check.note.is_some());
    assert!(notes.count() >= 1);
    assert_eq!(certificate.verdict, Verdict::Pass);
}

#[test]
fn a_wrong_evaluator_gets_no_certificate() {
    let clause = "(if (%test-at here (test env)) (then env) (otherwise env))";
    let wrong = "(if (%test-at here (test env)) (otherwise env) (then env))";
    let compiler = COMPILER.replace(clause, wrong);
    let interpreter = Interpreter::compile(&compiler).unwrap();
    let bindings = Bindings::from([("x", 2.0)]);
    let text = "(if (< x 3) (* x x) x)";
    let options = VerifyOptions::default();
    let result = verify_with(&interpreter, text, &bindings, &options);
    if let Ok(certificate) = result {
        assert_eq!(certificate.verdict, Verdict::Fail);
        assert_eq!(status(&certificate, Way::Direct), Status::Fail);
    }
    // Wrong at the inner level only: all else agrees.
    let inner = Interpreter::embedded()
        .with_inner_evaluator(&compiler)
        .unwrap();
    let certificate = verify(&inner, text, &bindings).unwrap();
    assert_eq!(certificate.verdict, Verdict::Fail);
    assert_eq!(status(&certificate, Way::Direct), Status::Pass);
    assert_eq!(status(&certificate, Way::Nested), Status::Fail);
}

#[test]
fn compiled_programs_are_held_against_their_text_and_carry_their_certificate() {
    let interpreter = Interpreter::embedded();
    let mut graph = compile_program(&interpreter, "(* 2.5 x)").unwrap();
    let bindings = Bindings::from([("x", 3.0)]);
    let options = VerifyOptions::default();
    let certificate = verify_graph(&interpreter, &graph, &bindings, &options).unwrap();
    assert_eq!(certificate.verdict, Verdict::Pass);
    let mut tampered = compile_program(&interpreter, "(* 2.7 x)").unwrap();
    tampered.text = graph.text.clone();
    let wrong = verify_graph(&interpreter, &tampered, &bindings, &options).unwrap();
    assert_eq!(wrong.verdict, Verdict::Fail);
    assert_eq!(status(&wrong, Way::Direct), Status::Fail);

    certificate.attach(&mut graph).unwrap();
    let read = ncg::read(&ncg::write(&graph)).unwrap();
    assert_eq!(
        Certificate::of_graph(&read).unwrap(),
        Some(certificate.clone())
    );
    let mut other = compile_program(&interpreter, "(* 2.5 y)").unwrap();
    assert!(certificate.attach(&mut other).is_err());
    assert_eq!(Certificate::of_graph(&other).unwrap(), None);
    other.certificate = graph.certificate.clone();
    assert!(Certificate::of_graph(&other).is_err());
    other.certificate = Some("{\"version\":2}".into());
    assert!(Certificate::of_graph(&other).is_err());
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let interpreter = Interpreter::embedded();
    let refused = |text: &str, bindings: &Bindings, options: &VerifyOptions| {
        let error = verify_with(&interpreter, text, bindings, options).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error:?}");
        error.to_string()
    };
    let options = VerifyOptions::default();
    let none = Bindings::new();
    assert!(refused("(+ 1 2)", &none, &options).contains("nothing to differentiate by"));
    let hard = VerifyOptions::default().relaxation(Relaxation::default().hard(true));
    let x = Bindings::from([("x", 2.0)]);
    assert!(refused("(* x x)", &x, &hard).contains("hard"));
    let named = VerifyOptions::default().wrt(["y"]);
    assert!(refused("(* x x)", &x, &named).contains('y'));
    for failing in ["(car x)", "(list x 'a)", "(* x y)"] {
        let error = verify(&interpreter, failing, &x).unwrap_err();
        assert!(matches!(error, Error::Eval(_)), "{error:?}");
    }
}
