//! Derivatives: every numeric row of the primitive table and some thirty programs against central
//! differences, and what is agreed on at ties and poles.

use crate::random::{Random, base_seed};
use approx::assert_relative_eq;
use dmci::prim::{Domain, Kind, Prim};
use dmci::{Bindings, Error, Input, Interpreter, Mode, Model, Workspace, Wrt};

// ---- rows --------------------------------------------------------------------------------------

/// A point of a row's domain, not closer than a difference's width to its edge.
fn probe(domain: Domain, random: &mut Random) -> (f64, f64) {
    let mut real = || random.between(-3.0, 3.0);
    let away = |x: f64| x + f64::copysign(0.2, x);
    match domain {
        Domain::Real | Domain::Held => (real(), real()),
        Domain::Positive => (away(real().abs()), real()),
        Domain::Unit => (real() * 0.3, real() * 0.3),
        Domain::NonZero => (away(real()), away(real())),
        Domain::Base => (away(real().abs()), real().abs() + 1.2),
        Domain::Negative => (-away(real().abs()), real()),
        Domain::Share => (0.5 + real() * 0.13, real()),
        Domain::AboveOne => (1.0 + away(real().abs()), real()),
        Domain::Above => (away(real().abs()), away(real().abs())),
        Domain::Order => (2.0 + real().abs().round(), away(real().abs())),
        Domain::Whole => (real().round(), real().round()),
    }
}

/// The slope by central differences of two widths, the error of second order taken off; none where
/// the two are at odds, as they are next to a jump or a kink.
fn slope(f: &dyn Fn(f64) -> f64, x: f64) -> Option<f64> {
    let h = 1e-3;
    let difference = |h: f64| (f(x + h) - f(x - h)) / (2.0 * h);
    let (wide, narrow) = (difference(h), difference(h / 2.0));
    let smooth = (wide - narrow).abs() <= 1e-4 * (1.0 + wide.abs());
    smooth.then_some((4.0 * narrow - wide) / 3.0)
}

#[test]
fn every_row_has_the_derivative_of_its_values() {
    let mut random = Random::new(base_seed());
    for &prim in Prim::ALL {
        let spec = prim.spec();
        if !matches!(spec.kind, Kind::Numeric(_)) {
            assert_eq!(
                prim.vjp(1.5, 0.5, 1.0, 1.0),
                None,
                "{prim} is no numeric row"
            );
            continue;
        }
        let mut compared = 0;
        for _ in 0..200 {
            let (a, b) = probe(spec.domain, &mut random);
            let ct = random.between(-2.0, 2.0);
            let y = prim.forward(a, b);
            let [da, db] = prim.vjp(a, b, y, ct).unwrap_or_default();
            if matches!(spec.domain, Domain::Whole | Domain::Held) {
                let passed = if prim == Prim::StraightThrough {
                    ct
                } else {
                    0.0
                };
                assert_eq!([da, db], [0.0, passed], "{prim} holds its derivative");
                compared += 1;
                continue;
            }
            if spec.domain == Domain::Order {
                assert_eq!(da, 0.0, "{prim} has no derivative by its order");
                compared += 1;
            } else if let Some(expected) = slope(&|a| prim.forward(a, b), a) {
                assert_relative_eq!(da, ct * expected, epsilon = 1e-7, max_relative = 1e-6);
                compared += 1;
            }
            if prim.operands() == 1 {
                assert_eq!(db, 0.0, "{prim} has one argument");
            } else if let Some(expected) = slope(&|b| prim.forward(a, b), b) {
                assert_relative_eq!(db, ct * expected, epsilon = 1e-7, max_relative = 1e-6);
            }
        }
        assert!(compared > 150, "{prim}: only {compared} points are smooth");
    }
}

#[test]
fn rules_are_linear_in_the_cotangent() {
    let mut random = Random::new(base_seed() + 1);
    for &prim in Prim::ALL {
        let (a, b) = probe(prim.spec().domain, &mut random);
        let y = prim.forward(a, b);
        let (Some(one), Some(four)) = (prim.vjp(a, b, y, 1.0), prim.vjp(a, b, y, -4.0)) else {
            continue;
        };
        assert_eq!(one.map(|ct| -4.0 * ct), four, "{prim} at {a} {b}");
    }
}

/// Name, arguments, and the derivatives agreed on; `inf` and `nan` where IEEE arithmetic says so.
const AGREED: [(Prim, f64, f64, [f64; 2]); 54] = [
    // A tie gives half to each side.
    (Prim::Min, 2.0, 2.0, [0.5, 0.5]),
    (Prim::Max, 2.0, 2.0, [0.5, 0.5]),
    (Prim::Max, 0.0, -0.0, [0.5, 0.5]),
    (Prim::Min, 1.0, 2.0, [1.0, 0.0]),
    (Prim::Max, 1.0, 2.0, [0.0, 1.0]),
    (Prim::Max, f64::INFINITY, f64::INFINITY, [0.5, 0.5]),
    // The middle of a kink.
    (Prim::Abs, 0.0, 0.0, [0.0, 0.0]),
    (Prim::Abs, -0.0, 0.0, [0.0, 0.0]),
    (Prim::Abs, -1e-300, 0.0, [-1.0, 0.0]),
    // Powers of nothing, and to nothing.
    (Prim::Pow, 0.0, 2.0, [0.0, 0.0]),
    (Prim::Pow, 0.0, 1.0, [1.0, 0.0]),
    (Prim::Pow, 0.0, 0.5, [f64::INFINITY, 0.0]),
    (Prim::Pow, 0.0, 0.0, [0.0, f64::NEG_INFINITY]),
    (Prim::Pow, 5.0, 0.0, [0.0, 1.609_437_912_434_100_3]),
    (Prim::Pow, -2.0, 3.0, [12.0, f64::NAN]),
    // Poles.
    (Prim::Sqrt, 0.0, 0.0, [f64::INFINITY, 0.0]),
    (Prim::Ln, 0.0, 0.0, [f64::INFINITY, 0.0]),
    (Prim::Div, 1.0, 0.0, [f64::INFINITY, f64::NEG_INFINITY]),
    (Prim::Asin, 1.0, 0.0, [f64::INFINITY, 0.0]),
    (Prim::Acos, -1.0, 0.0, [f64::NEG_INFINITY, 0.0]),
    (Prim::Atan2, 0.0, 0.0, [f64::NAN, f64::NAN]),
    (Prim::Atan2, 1.0, 0.0, [0.0, -1.0]),
    // Far out, where naive rules overflow.
    (Prim::Sigmoid, 800.0, 0.0, [0.0, 0.0]),
    (Prim::Sigmoid, -800.0, 0.0, [0.0, 0.0]),
    (Prim::Softplus, 800.0, 0.0, [1.0, 0.0]),
    (Prim::Softplus, -800.0, 0.0, [0.0, 0.0]),
    (Prim::Tanh, 800.0, 0.0, [0.0, 0.0]),
    // Angles, where squares over- or underflow.
    (Prim::Atan2, 1e200, 1e200, [5e-201, -5e-201]),
    (Prim::Atan2, f64::INFINITY, 1.0, [0.0, 0.0]),
    (Prim::Atan2, 1.0, f64::INFINITY, [0.0, 0.0]),
    // No value, no derivative.
    (Prim::Min, f64::NAN, 1.0, [f64::NAN, f64::NAN]),
    (Prim::Max, 1.0, f64::NAN, [f64::NAN, f64::NAN]),
    (Prim::Abs, f64::NAN, 0.0, [f64::NAN, 0.0]),
    (Prim::Ln, -1.0, 0.0, [f64::NAN, 0.0]),
    (Prim::LogBase, -1.0, 2.0, [f64::NAN, f64::NAN]),
    (Prim::Sqrt, -1.0, 0.0, [f64::NAN, 0.0]),
    (Prim::Acos, 2.0, 0.0, [f64::NAN, 0.0]),
    (Prim::Pow, -1.0, 0.5, [f64::NAN, f64::NAN]),
    (Prim::Remainder, 1.0, 0.0, [f64::NAN, f64::NAN]),
    (
        Prim::LogSigmoid,
        40.0,
        0.0,
        [4.248_354_255_291_589e-18, 0.0],
    ),
    (Prim::Expm1, -40.0, 0.0, [4.248_354_255_291_589e-18, 0.0]),
    (
        Prim::Log1mexp,
        -720.0,
        0.0,
        [-2.032_230_802_424_3e-313, 0.0],
    ),
    (Prim::LogNormalCdf, -1e5, 0.0, [100_000.000_01, 0.0]),
    (Prim::Mills, -1e8, 0.0, [-1.0, 0.0]),
    (Prim::Asinh, 1e200, 0.0, [1e-200, 0.0]),
    (Prim::Hypot, 3e200, 0.0, [1.0, 0.0]),
    (Prim::Hypot, 0.0, 0.0, [0.0, 0.0]),
    // Where there is no value there is no derivative.
    (Prim::Log1p, -2.0, 0.0, [f64::NAN, 0.0]),
    (Prim::Logit, 1.5, 0.0, [f64::NAN, 0.0]),
    (Prim::Atanh, 2.0, 0.0, [f64::NAN, 0.0]),
    (Prim::Digamma, -3.0, 0.0, [f64::NAN, 0.0]),
    (Prim::SincSlope, 0.0, 0.0, [-1.0 / 3.0, 0.0]),
    // Remainders: the whole part of the quotient is held.
    (Prim::Modulo, -7.0, 2.0, [1.0, 4.0]),
    (Prim::Remainder, -7.0, 2.0, [1.0, 3.0]),
];

#[test]
fn ties_kinks_and_poles_are_as_agreed() {
    for (prim, a, b, expected) in AGREED {
        let y = prim.forward(a, b);
        let found = prim.vjp(a, b, y, 1.0).expect("a rule");
        for (found, expected) in found.into_iter().zip(expected) {
            let same = found == expected || found.is_nan() && expected.is_nan();
            assert!(same, "{prim} at {a} {b}: {found} instead of {expected}");
        }
    }
    for prim in [Prim::Floor, Prim::Ceiling, Prim::Round, Prim::Truncate] {
        assert_eq!(
            prim.vjp(0.5, 0.5, 0.0, 1.0),
            None,
            "{prim} passes nothing on"
        );
    }
}

/// Numbers at which rules have their conventions, and where arithmetic leaves the reals.
const SPECIAL: [f64; 17] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.0,
    3.0,
    40.0,
    -40.0,
    1e-170,
    -1e160,
    1e308,
    5e-324,
    9_007_199_254_740_993.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn what_has_no_value_has_no_finite_derivative() {
    for &prim in Prim::ALL {
        // Sums, products and quotients ask only what they are computed of.
        let plain = [Prim::Neg, Prim::Add, Prim::Sub, Prim::Mul, Prim::Div];
        // The order of a polygamma function is a constant of a rule.
        let passes = [Prim::StraightThrough, Prim::NotBelowZero, Prim::Polygamma];
        if plain.contains(&prim) || passes.contains(&prim) {
            continue;
        }
        for a in SPECIAL {
            for b in SPECIAL {
                let y = prim.forward(a, b);
                let Some([da, db]) = prim.vjp(a, b, y, 1.0) else {
                    continue;
                };
                // To the power 1 a number is itself, and an exponent that is lost next to 1 leaves -1.
                let itself = prim == Prim::Pow && [0.0, -1.0].contains(&(b - 1.0));
                if y.is_nan() && !itself {
                    let is_none = !da.is_finite() && (prim.operands() == 1 || !db.is_finite());
                    assert!(is_none, "{prim} at {a} {b}: {da} {db}");
                }
            }
        }
    }
}

/// Programs around each kink and pole, of two inputs.
fn around() -> impl Iterator<Item = String> {
    let hides = [
        "(max # y)",
        "(min y #)",
        "(abs #)",
        "(expt # 0)",
        "(expt 0 #)",
        "(max y (min # 1))",
        "(+ x (max 0 #))",
        "(if (> x y) # y)",
        "(norm [# y])",
        "(expt # y)",
        "(* y (abs #))",
    ];
    let outer = [
        "(sqrt #)",
        "(log #)",
        "(acos #)",
        "(/ 1 #)",
        "(atan # x)",
        "(square #)",
        "(sigmoid #)",
    ];
    let inner = [
        "x", "(sqrt x)", "(log x)", "(- x y)", "(/ x y)", "(* x x)", "(tanh x)",
    ];
    let hides = hides.into_iter();
    hides.flat_map(move |hides| {
        outer.into_iter().flat_map(move |outer| {
            inner
                .into_iter()
                .map(move |inner| outer.replace('#', &hides.replace('#', inner)))
        })
    })
}

#[test]
fn kinks_and_poles_are_the_same_forwards_and_backwards() -> Result<(), Error> {
    // Alone a number is swept backwards; beside others, forwards and by one input.
    let mut workspace = Workspace::new();
    for text in around() {
        let inputs = Bindings::from([("x", 0.5), ("y", 0.25)]);
        let alone = model(&text, &inputs, Mode::Direct)?;
        let beside = model(&format!("(list {text} {text} x)"), &inputs, Mode::Direct)?;
        // Over- and underflow and cancellation are no kinks: there the ways differ as roundings do.
        let is_ordinary = |x: &f64| *x == 0.0 || x.is_nan() || (1e-100..1e10).contains(&x.abs());
        for x in SPECIAL.into_iter().filter(is_ordinary) {
            for y in [0.0, 1.0, -2.0, x] {
                let inputs = Bindings::from([("x", x), ("y", y)]);
                for name in ["x", "y"] {
                    let wrt = &[name];
                    let [alone, beside] = [&alone, &beside].map(|model| {
                        let run = model.value_and_grad(&inputs, Wrt::Names(wrt), &mut workspace);
                        let (_, gradient) = run.expect("it runs");
                        gradient.jacobian(name).expect("asked for")[0]
                    });
                    let both_lost = !alone.is_finite() && !beside.is_finite();
                    let close = (alone - beside).abs() <= 1e-12 * (1.0 + alone.abs());
                    assert!(
                        both_lost || close,
                        "{text} by {name} at {x} {y}: {alone} alone, {beside} in a list"
                    );
                }
            }
        }
    }
    Ok(())
}

// ---- programs ----------------------------------------------------------------------------------

/// Programs, and points away from their jumps and kinks.
const PROGRAMS: [(&str, &[(&str, f64)]); 32] = [
    ("(* x x)", &[("x", 1.3)]),
    (
        "(+ (* a (exp (* (- b) x))) c)",
        &[("a", 2.5), ("b", 0.8), ("x", 1.5), ("c", 0.1)],
    ),
    ("(/ (sin x) (+ 1 (cos y)))", &[("x", 0.4), ("y", 0.9)]),
    ("(expt x y)", &[("x", 1.7), ("y", -0.6)]),
    ("(log x b)", &[("x", 2.2), ("b", 3.1)]),
    ("(atan y x)", &[("x", -1.1), ("y", 0.7)]),
    (
        "(sqrt (+ (square x) (square y)))",
        &[("x", 3.0), ("y", -4.0)],
    ),
    (
        "(- (tanh x) (sigmoid y) (softplus (* x y)))",
        &[("x", 0.3), ("y", -0.2)],
    ),
    ("(modulo (* 3 x) 2)", &[("x", 1.1)]),
    ("(max (* 2 x) y 0.5)", &[("x", 0.9), ("y", 1.2)]),
    ("(if (> x 0) (log x) (* x y))", &[("x", 0.7), ("y", 2.0)]),
    ("(if (> x 0) (log x) (* x y))", &[("x", -0.7), ("y", 2.0)]),
    (
        "(cond ((< x 0) (- x)) ((< x 1) (* x x x)) (else (sqrt x)))",
        &[("x", 0.6)],
    ),
    (
        "(case (round x) ((0) (* 2 x)) ((1 2) (* x x)) (else 0))",
        &[("x", 1.2)],
    ),
    (
        "(* (or (and (> x 0) (sin x)) 3) (if (and (> x 0) (< y 0)) y x))",
        &[("x", 0.5), ("y", -0.4)],
    ),
    (
        "(let loop ((i 0) (s x)) (if (= i 20) s (loop (+ i 1) (+ s (* 0.1 (sin s))))))",
        &[("x", 0.8)],
    ),
    (
        "(do ((i 0 (+ i 1)) (s 1 (* s x)) (t 0 (+ t s))) ((= i 6) (- t y)))",
        &[("x", 0.9), ("y", 0.2)],
    ),
    (
        "(let newton ((z 1.0)) (if (< (abs (- (* z z) x)) 1e-14) z (newton (/ (+ z (/ x z)) 2))))",
        &[("x", 2.0)],
    ),
    (
        "(loop ((v x) (n 0)) (if (> v 10) (* v n) (recur (* v y) (+ n 1))))",
        &[("x", 1.1), ("y", 1.7)],
    ),
    (
        "(define (f n) (if (= n 0) x (+ y (* 0.5 (f (- n 1)))))) (f 9)",
        &[("x", 1.0), ("y", 2.0)],
    ),
    (
        "(define (even n z) (if (= n 0) z (odd (- n 1) (sin z)))) (define (odd n z) (if (= n 0) z (even (- n 1) (* 1.1 z)))) (even 7 x)",
        &[("x", 1.0)],
    ),
    (
        "(fold-left + 0 (map (lambda (t) (* a (exp (* b t)))) '(0.5 1.0 1.5)))",
        &[("a", 2.0), ("b", -0.3)],
    ),
    (
        "(fold-right (lambda (c s) (+ c (* x s))) 0 (list a 2.0 b 1.0))",
        &[("a", 1.0), ("b", -2.0), ("x", 0.7)],
    ),
    (
        "(apply * (filter (lambda (v) (> v 0.5)) (list x y (* x y) 3.0)))",
        &[("x", 0.9), ("y", 0.4)],
    ),
    (
        "(reduce max 0 (map (lambda (p q) (* p q)) (list x y 1.0) (list 2.0 x y)))",
        &[("x", 0.9), ("y", 0.7)],
    ),
    (
        "(let* ((table (list (cons 'a x) (cons 'b (* x y))))) (* 2 (cdr (assq 'b table))))",
        &[("x", 0.3), ("y", 0.6)],
    ),
    (
        "(let ((f (lambda (k) (lambda (v) (* k v v))))) (+ ((f x) y) ((f y) x)))",
        &[("x", 1.5), ("y", 0.5)],
    ),
    (
        "(car (reverse `(1 ,x ,@(map (lambda (v) (* v y)) (iota 4)))))",
        &[("x", 1.0), ("y", 0.3)],
    ),
    (
        "(letrec ((ev? (lambda (n) (if (< n 1) x (od? (- n 1))))) (od? (lambda (n) (* y (ev? (- n 1)))))) (ev? 6))",
        &[("x", 1.5), ("y", 0.9)],
    ),
    (
        "(if (> x 0) (if (> y 0) (* x y) (sqrt (- y))) (log (- x)))",
        &[("x", 0.5), ("y", -0.25)],
    ),
    (
        "(param k 1.5 (> 0)) (* k (exp (- (/ (square (- x 1.0)) (* 2 k k)))))",
        &[("x", 0.2), ("k", 1.5)],
    ),
    (
        "(* (sin (+ x 1.0)) (if (< (sin x) 2) (/ x (+ 1 (* x x))) 0))",
        &[("x", 0.3)],
    ),
];

fn model(text: &str, names: &Bindings, mode: Mode) -> Result<Model, Error> {
    Interpreter::embedded().model_for(text, names, mode)
}

#[test]
fn programs_have_the_derivatives_of_their_values() -> Result<(), Error> {
    for (text, point) in PROGRAMS {
        let inputs: Bindings = point.iter().copied().collect();
        let model = model(text, &inputs, Mode::Interpreter)?;
        let mut workspace = Workspace::new();
        let (_, gradient) = model.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
        for &(name, at) in point {
            let f = |x: f64| {
                let mut inputs = inputs.clone();
                inputs.set(name, x);
                let value =
                    model.value_once(&inputs, &dmci::Limits::default(), &mut Workspace::new());
                value.expect("it runs").number().expect("a number")
            };
            let expected = slope(&f, at);
            let expected = expected.unwrap_or_else(|| panic!("{text}: no slope by {name} at {at}"));
            let found = gradient.get(name).expect("asked for");
            assert!(
                (found - expected).abs() <= 1e-7 * (1.0 + expected.abs()),
                "{text}: by {name} {found}, by differences {expected}"
            );
        }
    }
    Ok(())
}

/// A Jacobian as rows of columns, by the names asked for at once or one by one.
fn jacobian(
    model: &Model,
    inputs: &Bindings,
    names: &[&str],
    apart: bool,
) -> Result<Vec<f64>, Error> {
    let mut workspace = Workspace::new();
    let mut columns = Vec::new();
    let mut gradients = Vec::new();
    if apart {
        for name in names {
            let asked = &[*name];
            gradients.push(
                model
                    .value_and_grad(inputs, Wrt::Names(asked), &mut workspace)?
                    .1,
            );
        }
    } else {
        gradients.push(
            model
                .value_and_grad(inputs, Wrt::Names(names), &mut workspace)?
                .1,
        );
    }
    for (place, name) in names.iter().enumerate() {
        let gradient = &gradients[if apart { place } else { 0 }];
        columns.push(gradient.jacobian(name).expect("asked for"));
    }
    let rows = columns[0].len();
    Ok((0..rows)
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect())
}

#[test]
fn a_jacobian_is_the_same_forwards_and_backwards() -> Result<(), Error> {
    // More names than outputs are swept backwards, one name for several outputs forwards.
    let cases = [
        "(list (* x y z) (sin (/ x z)))",
        "(let loop ((i 0) (a x) (b y)) (if (= i 9) (list a b (* a b)) (loop (+ i 1) (+ (* 0.9 a) (* 0.1 (sin b))) (- b (* z a)))))",
        "(map (lambda (t) (if (> (* t x) 1) (* x (exp (* t y))) (max z (* t y)))) '(0.5 1.0 2.0))",
        "(list (list x (* x x)) (if (> x 0) (sqrt y) (log (- x))))",
    ];
    let inputs = Bindings::from([("x", 0.7), ("y", 1.3), ("z", 0.4)]);
    for text in cases {
        for mode in [Mode::Interpreter, Mode::Direct] {
            let model = model(text, &inputs, mode)?;
            let names = ["x", "y", "z"];
            let forward = jacobian(&model, &inputs, &names, true)?;
            let backward = jacobian(&model, &inputs, &names, false)?;
            assert!(forward.iter().any(|d| *d != 0.0), "{text}");
            for (forward, backward) in forward.iter().zip(&backward) {
                assert_relative_eq!(*forward, *backward, max_relative = 1e-12);
            }
        }
    }
    Ok(())
}

#[test]
fn what_a_number_depends_on_does_not_depend_on_its_neighbours() -> Result<(), Error> {
    // Alone it is swept backwards, in a list forwards: infinite partials times zero tell the two apart.
    let inputs = Bindings::from([("x", 1.0)]);
    for text in [
        "(sqrt (* 0 x))",
        "(* 0 (sqrt (* 0 x)))",
        "(if (> x 5) (log (- x 1)) (sqrt (- x 1)))",
    ] {
        let alone = model(text, &inputs, Mode::Interpreter)?;
        let beside = model(
            &format!("(list {text} {text} 1)"),
            &inputs,
            Mode::Interpreter,
        )?;
        let mut workspace = Workspace::new();
        let (_, alone) = alone.value_and_grad(&inputs, Wrt::Names(&["x"]), &mut workspace)?;
        let (_, beside) = beside.value_and_grad(&inputs, Wrt::Names(&["x"]), &mut workspace)?;
        let (alone, beside) = (
            alone.get("x").expect("asked"),
            beside.get("x").expect("asked"),
        );
        let same = alone == beside || alone.is_nan() && beside.is_nan();
        assert!(same, "{text}: d/dx is {alone} alone, {beside} in a list");
    }
    Ok(())
}

#[test]
fn lists_have_a_column_for_each_of_their_numbers() -> Result<(), Error> {
    let mut inputs = Bindings::from([("x", 2.0)]);
    inputs.set("xs", Input::List(vec![1.0, 2.0, 3.0]));
    for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
        let model = model("(map (lambda (v) (* x v v)) xs)", &inputs, mode)?;
        let mut workspace = Workspace::new();
        let (value, gradient) = model.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
        assert_eq!(value.to_json(), "[2.0,8.0,18.0]");
        assert_eq!(gradient.jacobian("x"), Some([1.0, 4.0, 9.0].as_slice()));
        let square = [4.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 12.0];
        assert_eq!(gradient.jacobian("xs"), Some(square.as_slice()));
    }
    Ok(())
}

#[test]
fn noise_is_the_same_in_each_call_that_a_root_or_fixed_point_makes() -> Result<(), Error> {
    let names = Bindings::from([("x", 0.0)]);
    let noise = "(soft-choice (x 1.0 -2.0) (list x 0.5 0.0))";
    let texts = [
        format!("(root (lambda (v) (- (+ v (* 0.5 (sin v))) {noise})) -9 9)"),
        format!("(fixed-point (lambda (v) (+ (* 0.5 (cos v)) (* 0.2 {noise}))) 0)"),
        format!("(ref (fixed-point (lambda (v) (+ (* 0.5 (cos v)) (* 0.2 {noise}))) [0.0 1]) 1)"),
    ];
    let interpreter = Interpreter::embedded();
    for text in &texts {
        // What comes after draws on: not what a search of more steps would have drawn.
        let text = format!("(let ((found {text})) (+ found {noise}))");
        let mut seen = Vec::new();
        for mode in [
            Mode::Interpreter,
            Mode::Direct,
            #[cfg(feature = "dfdx")]
            Mode::Reference,
        ] {
            let model = interpreter.model_for(&text, &names, mode)?;
            let noisy = dmci::Relaxation::default().gumbel_seed(5);
            let model = model.with_relaxation(noisy)?;
            let at = |x: f64| {
                let workspace = &mut Workspace::new();
                model.value_and_grad(&Bindings::from([("x", x)]), Wrt::All, workspace)
            };
            let number = |(value, _): (dmci::Output, dmci::Gradient)| value.number();
            let [left, right] = [0.6, 0.6 + 2e-6].map(|x| at(x).map(number));
            let (value, gradient) = at(0.6 + 1e-6)?;
            let (left, right) = (left?.expect("a number"), right?.expect("a number"));
            let slope = gradient.get("x").expect("asked for");
            assert_relative_eq!(slope, (right - left) / 2e-6, max_relative = 1e-6);
            seen.push((value.number().expect("a number"), slope));
        }
        for (value, slope) in &seen {
            assert_relative_eq!(*value, seen[0].0, max_relative = 1e-12);
            assert_relative_eq!(*slope, seen[0].1, max_relative = 1e-9);
        }
    }
    Ok(())
}
