//! The second opinion: primitives, programs and gradients as dfdx alone has them.
//!
//! **Invariants**
//! - Every numeric row is judged, on seeded points of its domain.
//! - A judge that cannot fail is worth nothing: each rule is broken in turn, and must be noticed.
//! - Every public case runs on both engines; what does not is listed with its reason.

use crate::random::Random;
use dmci::dfdx::{prim::differentiate, reference};
use dmci::prim::{Domain, Kind, Prim};
use dmci::{
    Bindings, Error, Evaluation, Input, Interpreter, Item, Limits, Mode, Output, Workspace, Wrt,
};
use serde_json::{Map, Value};
use std::sync::LazyLock;

static INTERPRETER: LazyLock<Interpreter> = LazyLock::new(Interpreter::embedded);

const VALUES: f64 = 1e-12;
const GRADIENTS: f64 = 1e-10;

fn close(expected: f64, actual: f64, tolerance: f64) -> bool {
    expected == actual
        || (expected.is_nan() && actual.is_nan())
        || (expected - actual).abs() <= tolerance * expected.abs() + 1e-14
}

// ---------------------------------------------------------------- rows

type Rule<'a> = &'a dyn Fn(f64, f64, f64, f64) -> Option<[f64; 2]>;

fn numeric_rows() -> impl Iterator<Item = Prim> {
    let is_numeric = |prim: &Prim| matches!(prim.spec().kind, Kind::Numeric(_));
    Prim::ALL.iter().copied().filter(is_numeric)
}

fn point(domain: Domain, random: &mut Random) -> [f64; 2] {
    let scale = [1.0, 3.0, 12.0][random.below(3)];
    let mut real = || random.between(-scale, scale);
    let away_from_zero = |x: f64| if x.abs() < 0.05 { x + 0.1 } else { x };
    match domain {
        Domain::Real | Domain::Held => [real(), real()],
        Domain::Positive => [real().abs() + 0.01, real()],
        Domain::Unit => [real() / scale * 0.9999, real()],
        Domain::NonZero => [away_from_zero(real()), away_from_zero(real())],
        Domain::Base => [real().abs() + 0.05, real().abs() + 1.1],
        Domain::Negative => [-real().abs() - 0.01, real()],
        Domain::Share => [real().abs() / scale * 0.98 + 0.01, real()],
        Domain::AboveOne => [real().abs() + 1.01, real()],
        Domain::Above => [real().abs() + 0.05, real().abs() + 0.05],
        Domain::Order => [
            2.0 + (real().abs() / scale * 2.0).round(),
            real().abs() + 0.05,
        ],
        Domain::Whole => [(real() * 9.0).round(), (real() * 9.0).round()],
    }
}

/// Compares a rule with dfdx on seeded points; tells the first at which they differ.
fn judge(prim: Prim, rule: Rule<'_>) -> Result<(), String> {
    let mut random = Random::new(prim as u64 + 1);
    for _ in 0..200 {
        let [a, b] = point(prim.spec().domain, &mut random);
        let ct = random.between(0.5, 2.0);
        compare_at(prim, rule, [a, b], ct)?;
    }
    Ok(())
}

fn compare_at(prim: Prim, rule: Rule<'_>, [a, b]: [f64; 2], ct: f64) -> Result<(), String> {
    let y = prim.forward(a, b);
    let (value, gradient) = differentiate(prim, a, b).ok_or("dfdx has no opinion")?;
    if !close(y, value, VALUES) {
        return Err(format!("{prim} {a} {b} is {y}, in dfdx {value}"));
    }
    let cotangents = rule(a, b, y, ct).unwrap_or([0.0; 2]);
    for (index, (ours, theirs)) in cotangents.into_iter().zip(gradient).enumerate() {
        if index < prim.operands() && !close(ct * theirs, ours, GRADIENTS) {
            return Err(format!(
                "{prim} {a} {b}: cotangent {index} is {ours}, in dfdx {}",
                ct * theirs
            ));
        }
    }
    Ok(())
}

#[test]
fn every_numeric_row_agrees_with_dfdx() {
    let mut rows = 0;
    for prim in numeric_rows() {
        judge(prim, &|a, b, y, ct| prim.vjp(a, b, y, ct)).unwrap();
        rows += 1;
    }
    assert!(rows >= 36, "only {rows} rows");
}

#[test]
fn every_predicate_agrees_with_dfdx() {
    let special = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, f64::INFINITY, f64::NAN];
    for &prim in Prim::ALL {
        match prim.spec().kind {
            Kind::Predicate => {}
            Kind::Numeric(_) => continue,
            Kind::Structural => {
                assert_eq!(differentiate(prim, 1.0, 1.0), None);
                continue;
            }
        }
        for a in special {
            for b in special {
                let truth = prim.forward(a, b);
                assert_eq!(differentiate(prim, a, b), Some((truth, [0.0; 2])), "{prim}");
            }
        }
    }
}

#[test]
fn conventions_at_ties_and_ends_are_the_same() {
    let inf = f64::INFINITY;
    let points = [
        (Prim::Abs, 0.0, 0.0),
        (Prim::Min, 2.0, 2.0),
        (Prim::Max, 2.0, 2.0),
        (Prim::Max, -3.0, 4.0),
        (Prim::Sqrt, 0.0, 0.0),
        (Prim::Ln, 0.0, 0.0),
        (Prim::Asin, 1.0, 0.0),
        (Prim::Asin, -1.0, 0.0),
        (Prim::Acos, 1.0, 0.0),
        (Prim::Acos, -1.0, 0.0),
        (Prim::Atan, inf, 0.0),
        (Prim::Atan, 1e200, 0.0),
        (Prim::Atan, 1e-200, 0.0),
        (Prim::Atan2, 1.0, 0.0),
        (Prim::Atan2, 0.0, -1.0),
        (Prim::Atan2, -2.0, -1e-9),
        (Prim::Pow, 0.0, 2.0),
        (Prim::Pow, 0.0, 0.5),
        (Prim::Pow, 0.0, 0.0),
        (Prim::Pow, 0.0, 1.0),
        (Prim::Pow, 3.0, 0.0),
        (Prim::Div, 1.0, 0.0),
        (Prim::Exp, 800.0, 0.0),
        (Prim::Exp, -800.0, 0.0),
        (Prim::Sigmoid, 40.0, 0.0),
        (Prim::Sigmoid, -40.0, 0.0),
        (Prim::Sigmoid, -800.0, 0.0),
        (Prim::Softplus, 800.0, 0.0),
        (Prim::Softplus, -30.0, 0.0),
        (Prim::Softplus, -800.0, 0.0),
        (Prim::Softplus, inf, 0.0),
        (Prim::Tanh, 30.0, 0.0),
        (Prim::Sinh, 1e-12, 0.0),
        (Prim::Sinh, 710.0, 0.0),
        (Prim::Sinh, -710.0, 0.0),
        (Prim::Cosh, -710.0, 0.0),
        (Prim::Modulo, -7.0, 3.0),
        (Prim::Modulo, 7.5, -2.0),
        // 1/0.1 rounds to 10, and 0.1 goes into 1 only 9 times.
        (Prim::Modulo, 1.0, 0.1),
        (Prim::Remainder, 1.0, 0.1),
        (Prim::Remainder, -7.0, 3.0),
        (Prim::Remainder, 1e17, 3.0),
    ];
    for (prim, a, b) in points {
        compare_at(prim, &|a, b, y, ct| prim.vjp(a, b, y, ct), [a, b], 1.0).unwrap();
    }
    // A base below 0 has no derivative by the exponent.
    let (value, gradient) = differentiate(Prim::Pow, -2.0, 3.0).unwrap();
    assert_eq!((value, gradient[0]), (-8.0, 12.0));
    assert!(gradient[1].is_nan());
    // NaN is not lost.
    for prim in [Prim::Min, Prim::Max] {
        assert!(differentiate(prim, f64::NAN, 1.0).unwrap().0.is_nan());
        assert!(differentiate(prim, 1.0, f64::NAN).unwrap().0.is_nan());
    }
}

// ---------------------------------------------------------------- mutants

type Mutant = fn(f64, f64, f64, f64) -> [f64; 2];

/// Rules with a term missing or a sign, a factor or an operand wrong, as they are written wrongly.
const MUTANTS: &[(Prim, Mutant)] = &[
    (Prim::Abs, |_, _, _, ct| [ct, 0.0]),
    (Prim::Sin, |a, _, _, ct| [ct * a.sin(), 0.0]),
    (Prim::Cos, |a, _, _, ct| [ct * a.sin(), 0.0]),
    (Prim::Tan, |_, _, y, ct| [ct * (1.0 + y), 0.0]),
    (Prim::Tan, |_, _, _, ct| [ct, 0.0]),
    (Prim::Asin, |a, _, _, ct| [ct / (1.0 - a).sqrt(), 0.0]),
    (Prim::Acos, |a, _, _, ct| [ct / (1.0 - a * a).sqrt(), 0.0]),
    (Prim::Atan, |a, _, _, ct| [ct / (1.0 + a), 0.0]),
    (Prim::Sinh, |a, _, _, ct| [ct * a.sinh(), 0.0]),
    (Prim::Cosh, |a, _, _, ct| [-ct * a.sinh(), 0.0]),
    (Prim::Tanh, |_, _, y, ct| [ct * (1.0 - y), 0.0]),
    (Prim::Exp, |a, _, _, ct| [ct * a, 0.0]),
    (Prim::Sqrt, |_, _, y, ct| [ct / y, 0.0]),
    (Prim::Square, |a, _, _, ct| [ct * a, 0.0]),
    (Prim::Sigmoid, |_, _, y, ct| [ct * y, 0.0]),
    (Prim::Sigmoid, |a, _, _, ct| [ct * a * (1.0 - a), 0.0]),
    (Prim::Softplus, |_, _, y, ct| [ct * y * (1.0 - y), 0.0]),
    (Prim::Log1p, |a, _, _, ct| [ct / a, 0.0]),
    (Prim::Expm1, |_, _, y, ct| [ct * y, 0.0]),
    (Prim::Log1mexp, |_, _, y, ct| [ct * y.exp(), 0.0]),
    (Prim::Logit, |a, _, _, ct| [ct / a, 0.0]),
    (Prim::LogSigmoid, |_, _, y, ct| [ct * y.exp(), 0.0]),
    (Prim::Exp2, |_, _, y, ct| [ct * y, 0.0]),
    (Prim::Log2, |a, _, _, ct| [ct / a, 0.0]),
    (Prim::Asinh, |a, _, _, ct| [ct / (1.0 + a * a), 0.0]),
    (Prim::Acosh, |a, _, _, ct| [ct / (a * a - 1.0), 0.0]),
    (Prim::Atanh, |a, _, _, ct| [ct / (1.0 + a * a), 0.0]),
    (Prim::Cbrt, |_, _, y, ct| [ct / (3.0 * y), 0.0]),
    (Prim::Sinc, |a, _, _, ct| [ct * a.cos(), 0.0]),
    (Prim::Erf, |a, _, _, ct| [ct * (-a * a).exp(), 0.0]),
    (Prim::Erfc, |a, _, _, ct| {
        [ct * (-a * a).exp() * std::f64::consts::FRAC_2_SQRT_PI, 0.0]
    }),
    (Prim::LogNormalCdf, |_, _, y, ct| [ct * (-y).exp(), 0.0]),
    (Prim::Lgamma, |a, _, _, ct| [ct * a.ln(), 0.0]),
    (Prim::Hypot, |a, b, _, ct| [ct * a, ct * b]),
    (Prim::Lbeta, |a, b, _, ct| {
        [
            ct * Prim::Digamma.forward(a, a),
            ct * Prim::Digamma.forward(b, b),
        ]
    }),
    (Prim::Sub, |_, _, _, ct| [ct, ct]),
    (Prim::Mul, |a, b, _, ct| [ct * a, ct * b]),
    (Prim::Div, |_, b, _, ct| [ct / b, -(ct / b)]),
    (Prim::Div, |_, b, y, ct| [ct / b, -(ct * y)]),
    (Prim::Min, |_, _, _, ct| [0.5 * ct, 0.5 * ct]),
    (
        Prim::Max,
        |a, b, _, ct| if a < b { [ct, 0.0] } else { [0.0, ct] },
    ),
    (Prim::Remainder, |_, _, _, ct| [ct, 0.0]),
    (Prim::Remainder, |a, b, _, ct| [ct, -(ct * (a / b).floor())]),
    (Prim::Modulo, |a, b, _, ct| [ct, -(ct * (a / b).trunc())]),
    (Prim::Modulo, |a, b, _, ct| [ct, -(ct * (a / b))]),
    (Prim::Atan2, |a, b, _, ct| {
        let r = (a * a + b * b).sqrt();
        [ct * b / r, -(ct * a / r)]
    }),
    (Prim::LogBase, |a, b, _, ct| [ct / a, -(ct / b)]),
    (Prim::LogBase, |a, b, y, ct| {
        [ct / (a * b.ln()), -(ct * y / b)]
    }),
    (Prim::Pow, |a, b, _, ct| [ct * b * a.powf(b - 1.0), 0.0]),
    (Prim::Pow, |a, b, y, ct| {
        [ct * a.powf(b - 1.0), ct * y * a.ln()]
    }),
    (Prim::Pow, |a, b, y, ct| {
        [ct * b * a.powf(b), ct * y * a.ln()]
    }),
];

#[test]
fn every_broken_rule_is_noticed() {
    let mut broken = 0;
    let mut survives = |prim: Prim, what: &str, rule: Rule<'_>| {
        broken += 1;
        assert!(judge(prim, rule).is_err(), "{prim}: {what} is not noticed");
    };
    for prim in numeric_rows() {
        if prim.vjp(0.5, 2.5, prim.forward(0.5, 2.5), 1.0).is_none() {
            survives(prim, "a slope where there is none", &|_, _, _, ct| {
                Some([ct, 0.0])
            });
            continue;
        }
        survives(prim, "no rule", &|_, _, _, _| None);
        for operand in 0..prim.operands() {
            let with = |factor: f64| {
                move |a: f64, b: f64, y: f64, ct: f64| {
                    let mut cts = prim.vjp(a, b, y, ct)?;
                    cts[operand] *= factor;
                    Some(cts)
                }
            };
            // The first operand of these has no term to break.
            let none = [Prim::StraightThrough, Prim::Polygamma].contains(&prim) && operand == 0;
            if !none {
                survives(prim, "a wrong sign", &with(-1.0));
                survives(prim, "a wrong factor", &with(1.0 + 1e-8));
                survives(prim, "a missing term", &with(0.0));
            }
            survives(prim, "an additional term", &|a, b, y, ct| {
                let mut cts = prim.vjp(a, b, y, ct)?;
                cts[operand] += 1e-6 * ct;
                Some(cts)
            });
        }
        survives(prim, "a cotangent left out", &|a, b, y, _| {
            prim.vjp(a, b, y, 1.0)
        });
        if prim.operands() == 2 && prim != Prim::Add {
            survives(prim, "operands exchanged", &|a, b, y, ct| {
                let [first, second] = prim.vjp(a, b, y, ct)?;
                Some([second, first])
            });
        }
    }
    for &(prim, mutant) in MUTANTS {
        survives(prim, "a mutant", &|a, b, y, ct| Some(mutant(a, b, y, ct)));
    }
    assert!(broken > 250, "only {broken} rules were broken");
}

// ---------------------------------------------------------------- programs

type Answer = Result<Evaluation, Error>;

/// The answers of the engine, compiled directly, and of the reference.
fn both(source: &str, bindings: &Bindings, wrt: &[&str], fuel: u64) -> (Answer, Answer) {
    let limits = Limits::default().fuel(fuel);
    let names: Vec<&str> = bindings.names().collect();
    let wrt = Wrt::Names(wrt);
    let direct = INTERPRETER
        .model_for(source, bindings, Mode::Direct)
        .and_then(|model| model.evaluate(bindings, wrt, &limits, &mut Workspace::new()));
    let reference = INTERPRETER
        .compile_program(source, &names)
        .and_then(|graph| reference::evaluate(&graph, bindings, wrt, &limits));
    (direct, reference)
}

/// Where two answers differ: in value, gradient, counts; or in an error's kind, message, place or
/// calls.
fn difference(direct: &Answer, reference: &Answer) -> Option<String> {
    let report = |what: &str| Some(format!("{what}: {direct:?}\n   reference: {reference:?}"));
    match (direct, reference) {
        (Ok(a), Ok(b)) => {
            // How deep arms went that were joined, each engine counts by its own frames.
            let joined = a.stats.forks_joined > 0;
            let counts = |e: &Evaluation| {
                let stats = e.stats;
                [
                    stats.applications,
                    stats.operations,
                    stats.guards,
                    if joined { 0 } else { stats.depth },
                ]
            };
            if !same_output(&a.value, &b.value) {
                return report("value");
            }
            if !a.gradient.names().eq(b.gradient.names()) {
                return report("names of the gradient");
            }
            for name in a.gradient.names() {
                let rows = [a, b].map(|e| e.gradient.jacobian(name).unwrap_or_default());
                let same = |(x, y): (&f64, &f64)| close(*x, *y, GRADIENTS);
                if rows[0].len() != rows[1].len() || !rows[0].iter().zip(rows[1]).all(same) {
                    return report(&format!("gradient by {name}"));
                }
            }
            if counts(a) != counts(b) {
                return report("applications, operations, guards, depth");
            }
            None
        }
        (Err(a), Err(b)) => {
            // The model knows the prelude's names too, and may suggest one.
            let said = |e: &Error| {
                let message = e.to_string();
                let plain = message.split("; is it").next().map(str::to_owned);
                (e.kind(), plain, e.span())
            };
            if said(a) != said(b) {
                return report("error");
            }
            if a.calls() != b.calls() {
                return report("calls");
            }
            None
        }
        _ => report("one fails"),
    }
}

fn same_output(a: &Output, b: &Output) -> bool {
    let same = |(a, b): (&Item, &Item)| match (a, b) {
        (Item::Number { value: x, int: i }, Item::Number { value: y, int: j }) => {
            i == j && close(*x, *y, VALUES)
        }
        (a, b) => a == b,
    };
    a.items().len() == b.items().len() && a.items().iter().zip(b.items()).all(same)
}

#[test]
fn forks_join_as_in_the_engine() {
    let programs = [
        // Joined: a multiplexer.
        "(if (> x 0) (* x x) y)",
        "(if (> x 0) (log x) 0)",
        "(if (> x 0) (sqrt x) (/ y x))",
        "(* y (if (> x 0) 1 2.5))",
        "(if (> x 0) 1 1)",
        "(if (if (> x 0) (> y 0) #f) x y)",
        "(let ((s (> x y))) (if s (if s (if s x y) 1.0) (* 2 y)))",
        "(let ((m (if (> x y) x y))) (* m m))",
        "(define (f a) (if (< a 0) (- a) (* 3 a))) (+ (f x) (f y) (f (- x)))",
        "(define (f a n) (if (= n 0) a (f (* a y) (- n 1)))) (if (> x 0) (f x 3) (f y 2))",
        "(cond ((> x 2) 1.0) ((> x 0) x) ((> x -1) (* x x)) (else y))",
        "(list (if (> x 0) (exp x) 0) (if (< x 0) (exp x) 0))",
        "(and (> x 0) (> y 0))",
        "(let ((r (/ 1 x))) (if (> x 1) r 0.5))",
        "(let ((l (log x))) (if (> x 0) l 0.0))",
        "(let ((l (log x))) (if (> x 0) (* 2 l) 0.0))",
        "(log (if (> x 0) x 0.0))",
        "(let ((m (if (> x 0) x 0.0))) (list m (log m) (* 2 m)))",
        "(case (floor x) ((0 1) y) ((2) (* 2 y)) (else 0.0))",
        "(case (floor x) ((a b) y) ((0 -1) (* y y)) (else x))",
        // Guarded: structure, calls beyond the budget, errors, other tags.
        "(if (> x 0) (list x) y)",
        "(if (> x 0) x #f)",
        "(car (if (> x 0) (list x y) (list y x)))",
        "(define (count n a) (if (= n 0) a (count (- n 1) (+ a x)))) (if (> x 0) (count 40 y) x)",
        "(if (> x 0) y (car 5))",
        "(if (> x 0) (list-ref (list 1 2 3) (floor y)) 0)",
        "(define (newton a n) (if (< (abs (- (* a a) y)) 1e-9) a \
           (if (= n 0) a (newton (/ (+ a (/ y a)) 2) (- n 1))))) (newton 1.0 20)",
        "(let loop ((i 0) (s 0.0)) (if (< i y) (loop (+ i 1) (+ s (* x i))) s))",
        "(if (member x (list 1.0 0.5)) y x)",
        "(if (equal? (list x) (list 0.5)) y x)",
        "(if (even? (floor y)) x (* x y))",
        "(map (lambda (a) (if (> a 0) (* a x) y)) (list x y 0.25))",
        "(fold-left (lambda (s a) (if (> a s) a s)) 0 (list x y (* x y)))",
        "(do ((i 0 (+ i 1)) (s x (if (> s 1) (/ s 2) (* s 3)))) ((= i 5) s))",
    ];
    let points = [
        (0.5, 2.0),
        (-0.5, 2.0),
        (0.0, 1.0),
        (3.0, 3.0),
        (-2.0, -1.0),
        (2.5, 0.25),
    ];
    for program in programs {
        for (x, y) in points {
            let bindings = Bindings::from([("x", x), ("y", y)]);
            let (direct, reference) = both(program, &bindings, &["x", "y"], 100_000);
            let (direct, reference) = match direct {
                // Only numbers have gradients.
                Err(Error::Eval(e)) if e.message.starts_with("only numbers") => {
                    assert!(reference.is_err(), "{program}");
                    both(program, &bindings, &[], 100_000)
                }
                _ => (direct, reference),
            };
            if let Some(difference) = difference(&direct, &reference) {
                panic!("{program} at {x} {y}\n   {difference}");
            }
        }
    }
}

#[test]
fn the_untaken_arm_never_contaminates() {
    let programs = [
        "(if (> x 0) (log x) 0)",
        "(let ((l (log x))) (if (> x 0) l 0.0))",
        "(let ((l (sqrt x)) (z (* 0 y))) (if (> x 0) (* l y) z))",
        "(if (> x 0) (if (> y 0) (/ y x) (log x)) (* 0 y))",
        "(let ((r (/ 1 x))) (if (= x 0) 0.0 r))",
    ];
    for program in programs {
        let graph = dmci::compile_program(&INTERPRETER, program).unwrap();
        let bindings = Bindings::from([("x", 0.0), ("y", 3.0)]);
        let answer =
            reference::evaluate(&graph, &bindings, Wrt::Names(&["x"]), &Limits::default()).unwrap();
        assert_eq!(answer.value.number(), Some(0.0), "{program}");
        assert_eq!(answer.gradient.get("x"), Some(0.0), "{program}");
    }
}

#[test]
fn limits_and_errors_are_told() {
    let endless = "(define (f n) (+ 1 (f n))) (f 1)";
    let graph = dmci::compile_program(&INTERPRETER, endless).unwrap();
    let run = |limits: Limits| {
        let error = reference::evaluate(&graph, &Bindings::new(), Wrt::Nothing, &limits);
        error.unwrap_err().to_string()
    };
    let message = run(Limits::default().fuel(100));
    assert_eq!(message, "out of fuel: 100 applications");
    let message = run(Limits::default().depth(50));
    assert_eq!(message, "too deep: 50 procedures under way");
    let message = run(Limits::default().deadline(std::time::Instant::now()));
    assert_eq!(message, "out of time: the deadline has passed");
    let message = run(Limits::default());
    assert!(
        message.starts_with("too large for the reference engine"),
        "{message}"
    );
    let (direct, reference) = both("(* x 1.5)", &Bindings::from([("x", 2.0)]), &["xx"], 10);
    assert_eq!(difference(&direct, &reference), None);
    let (direct, reference) = both("(* x 1.5)", &Bindings::from([("x", 2.0)]), &["@1:3"], 10);
    assert_eq!(difference(&direct, &reference), None);
    let (direct, reference) = both("(list x 'a)", &Bindings::from([("x", 2.0)]), &["x"], 10);
    assert_eq!(difference(&direct, &reference), None);
}

#[test]
fn lists_are_differentiated_number_by_number() {
    let mut bindings = Bindings::from([("x", 2.0)]);
    bindings.set("ys", Input::List(vec![1.0, 3.0, 5.0]));
    let source = "(cons x (map (lambda (y) (* x (square y) 0.5)) ys))";
    let literal = format!("@1:{}", source.find("0.5").unwrap() + 1);
    let (direct, reference) = both(source, &bindings, &["x", "ys", &literal], 1000);
    assert_eq!(difference(&direct, &reference), None);
    let gradient = reference.unwrap().gradient;
    assert_eq!(
        gradient.jacobian("x"),
        Some([1.0, 0.5, 4.5, 12.5].as_slice())
    );
    assert_eq!(gradient.jacobian("ys").map(<[f64]>::len), Some(12));
}

// ---------------------------------------------------------------- generated programs

/// An expression of numbers, conditionals, bindings and calls.
fn expression(random: &mut Random, depth: usize, variables: usize) -> String {
    if depth == 0 {
        let constants = ["0.5", "2", "-1.25", "3.0", "1"];
        return match random.below(4) {
            0 => constants[random.below(constants.len())].to_owned(),
            _ => format!("v{}", random.below(variables)),
        };
    }
    let kind = random.below(14);
    let mut inner = || expression(random, depth - 1, variables);
    match kind {
        0 | 1 => {
            let (a, b, c, d) = (inner(), inner(), inner(), inner());
            format!("(if (< {a} {b}) {c} {d})")
        }
        2 => {
            let (a, b, c, d) = (inner(), inner(), inner(), inner());
            format!("(if (and (> {a} {b}) (<= {b} {c})) {d} {a})")
        }
        3 => {
            let (a, b) = (inner(), expression(random, depth - 1, variables + 1));
            format!("(let ((v{variables} {a})) {b})")
        }
        4 => {
            let (a, b) = (inner(), inner());
            format!("((lambda (a b) (+ (* 0.5 a) (sin b) (* a b))) {a} {b})")
        }
        5 => {
            let (a, b, c) = (inner(), inner(), inner());
            format!(
                "(fold-left (lambda (s a) (if (> a s) (+ s (* 0.25 a)) (- s 0.5))) 0 (list {a} {b} {c}))"
            )
        }
        6..=9 => {
            let a = inner();
            let names = "sin cos tanh atan square abs sigmoid softplus floor";
            let names: Vec<&str> = names.split(' ').collect();
            format!("({} {a})", names[random.below(names.len())])
        }
        _ => {
            let (a, b) = (inner(), inner());
            let names = ["+", "-", "*", "min", "max", "*", "+"];
            format!("({} {a} {b})", names[random.below(names.len())])
        }
    }
}

#[test]
fn generated_programs_agree() {
    let mut random = Random::new(2024);
    let mut multiplexers = 0;
    for _ in 0..400 {
        let source = expression(&mut random, 4, 3);
        for _ in 0..3 {
            let value = |random: &mut Random| random.between(-2.0, 2.0);
            let bindings = Bindings::from([
                ("v0", value(&mut random)),
                ("v1", value(&mut random)),
                ("v2", value(&mut random)),
            ]);
            let (direct, reference) = both(&source, &bindings, &["v0", "v1", "v2"], 10_000);
            if let Some(difference) = difference(&direct, &reference) {
                panic!("{source}\n   at {bindings:?}\n   {difference}");
            }
            let stats = direct.unwrap().stats;
            multiplexers += u64::from(stats.guards == 0 && source.contains("(if"));
        }
    }
    assert!(multiplexers > 300, "only {multiplexers} runs were joined");
}

// ---------------------------------------------------------------- the public corpus

/// The most applications of a program that the reference runs here.
const SMALL: u64 = 500_000;

/// Cases whose operations are not counted: the engine does larger matrices as a whole, the reference
/// number by number.
const BLOCKS: &[&str] = &["p0344"];

/// Cases that are not compared, and why.
const EXCLUDED: &[(&str, &str)] = &[];

/// The bindings of a case; of lanes, one for each lane.
fn bindings_of(case: &Value) -> Vec<Bindings> {
    let empty = Map::new();
    let object = |field: &str| case[field].as_object().unwrap_or(&empty).clone();
    let number = |value: &Value| match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(_) => f64::NAN,
        None => value.as_f64().unwrap(),
    };
    let list = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect::<Vec<f64>>()
    };
    let input = |value: &Value| match value.as_array() {
        None => Input::Number(number(value)),
        Some(rows) if rows.iter().all(Value::is_array) => {
            Input::matrix(&rows.iter().map(list).collect::<Vec<_>>()).unwrap()
        }
        Some(_) => Input::Vector(list(value)),
    };
    let shared: Bindings = object("inputs")
        .iter()
        .map(|(name, value)| (name.clone(), input(value)))
        .collect();
    let lanes = object("lanes");
    let count = lanes
        .values()
        .next()
        .map_or(0, |lane| lane.as_array().unwrap().len());
    if count == 0 {
        return vec![shared];
    }
    (0..count)
        .map(|lane| {
            let mut bindings = shared.clone();
            for (name, values) in &lanes {
                bindings.set(name.clone(), number(&values[lane]));
            }
            bindings
        })
        .collect()
}

#[test]
fn the_public_corpus_agrees() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/public.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut core, mut compared, mut differences) = (0, 0, Vec::new());
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        core += 1;
        let id = case["id"].as_str().unwrap();
        if EXCLUDED.iter().any(|excluded| excluded.0 == id) {
            continue;
        }
        let source = case["source"].as_str().unwrap();
        let fuel = case["fuel"].as_u64().unwrap_or(3_000_000).min(SMALL);
        for bindings in bindings_of(&case) {
            let named: Option<Vec<&str>> = case["wrt"]
                .as_array()
                .map(|names| names.iter().filter_map(Value::as_str).collect());
            let all = || bindings.names().collect();
            let wrt: Vec<&str> = match case["grad"] {
                Value::Null => Vec::new(),
                _ => named.unwrap_or_else(all),
            };
            let (direct, mut reference) = both(source, &bindings, &wrt, fuel);
            if BLOCKS.contains(&id)
                && let (Ok(direct), Ok(reference)) = (&direct, &mut reference)
            {
                reference.stats = direct.stats;
            }
            if let Some(difference) = difference(&direct, &reference) {
                differences.push(format!("{id} {source}\n   {difference}"));
            }
            if fuel == SMALL
                && let Err(Error::Eval(error)) = &direct
                && error.message.starts_with("out of fuel")
                && case["expect"]["error"] != "resource"
            {
                differences.push(format!("{id} takes more than {SMALL} applications"));
            }
        }
        compared += 1;
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(core > 700, "only {core} cases");
    assert!(
        (core - compared) * 20 <= core,
        "{compared} of {core} cases are compared"
    );
}
