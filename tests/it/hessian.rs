//! Second derivatives: against central differences of gradients, against each other, and what is
//! agreed on at branches, ties and poles.

use crate::random::{Random, base_seed};
use dmci::prim::{Domain, Kind, Prim};
use dmci::{Bindings, Error, Input, Interpreter, Mode, Model, Workspace, Wrt};

fn model(text: &str, inputs: &Bindings, mode: Mode) -> Model {
    let model = Interpreter::embedded().model_for(text, inputs, mode);
    model.unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matrix_of(text: &str, inputs: &Bindings, wrt: &[&str]) -> Vec<f64> {
    let model = model(text, inputs, Mode::Interpreter);
    let hessian = model.hessian(inputs, Wrt::Names(wrt), &mut Workspace::new());
    let hessian = hessian.unwrap_or_else(|error| panic!("{text}: {error}"));
    hessian.matrix().to_vec()
}

// ---- central differences -----------------------------------------------------------------------

/// The derivative of each result of `f`, by central differences whose errors of second and fourth
/// order are taken off, and how wrong it may be. Of several steps, the one that says the least; none
/// counts where shorter steps say something else, as they do on stairs that look straight from afar.
fn differences(f: &dyn Fn(f64) -> Option<Vec<f64>>, at: f64) -> Vec<(f64, f64)> {
    let mut best: Vec<(f64, f64)> = Vec::new();
    let mut lost: Vec<bool> = Vec::new();
    let mut levels: Vec<[Vec<f64>; 2]> = Vec::new();
    let scale = if at == 0.0 { 1.0 } else { at.abs() };
    for power in 4..28 {
        let h = scale * 0.5_f64.powi(power);
        let (above, below) = (at + h, at - h);
        let Some((up, down)) = f(above).zip(f(below)) else {
            levels.clear();
            continue;
        };
        let width = above - below;
        let extrapolate = |fine: &[f64], coarse: &[f64], factor: f64| -> Vec<f64> {
            let pairs = fine.iter().zip(coarse);
            pairs.map(|(f, c)| f + (f - c) / (factor - 1.0)).collect()
        };
        let second: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / width).collect();
        let mut fourth = second.clone();
        if let Some([coarse, other]) = levels.last() {
            fourth = extrapolate(&second, coarse, 4.0);
            if levels.len() > 1 {
                let sixth = extrapolate(&fourth, other, 16.0);
                best.resize(sixth.len(), (f64::NAN, f64::INFINITY));
                lost.resize(sixth.len(), false);
                for (index, &x) in sixth.iter().enumerate() {
                    let rounding = 1e-15 * (up[index].abs() + down[index].abs()) / h;
                    let error = (x - fourth[index]).abs() + rounding;
                    if error < best[index].1 {
                        best[index] = (x, error);
                        lost[index] = false;
                    } else {
                        let scale = 1.0 + best[index].0.abs();
                        let off = (x - best[index].0).abs() - 100.0 * rounding;
                        lost[index] |= off.is_nan() || off > 1e-3 * scale;
                    }
                }
            }
        }
        levels.push([second, fourth]);
    }
    for (best, lost) in best.iter_mut().zip(lost) {
        if lost {
            best.1 = f64::INFINITY;
        }
    }
    best
}

/// How many second derivatives the differences confirmed, and how many there are.
#[derive(Default)]
struct Tally {
    confirmed: usize,
    all: usize,
}

/// Compares a row of second derivatives with differences, where those can be trusted.
fn compare(found: &[f64], expected: &[(f64, f64)], tally: &mut Tally) -> Result<(), String> {
    tally.all += found.len();
    for (index, (&found, &(expected, error))) in found.iter().zip(expected).enumerate() {
        let scale = 1.0 + expected.abs();
        if error <= 1e-7 * scale {
            if (found - expected).abs() > 1e-6 * scale {
                return Err(format!(
                    "number {index}: {found}, by differences {expected} +- {error}"
                ));
            }
            tally.confirmed += 1;
        }
    }
    Ok(())
}

/// The inputs with a number of one of them moved.
fn moved(inputs: &Bindings, name: &str, index: usize, x: f64) -> Bindings {
    let mut inputs = inputs.clone();
    let mut input = inputs.get(name).cloned().unwrap_or(Input::Number(x));
    match &mut input {
        Input::Number(number) => *number = x,
        Input::List(numbers) | Input::Vector(numbers) | Input::Matrix { numbers, .. } => {
            numbers[index] = x;
        }
    }
    inputs.set(name, input);
    inputs
}

fn numbers(input: &Input) -> &[f64] {
    match input {
        Input::Number(x) => std::slice::from_ref(x),
        Input::List(numbers) | Input::Vector(numbers) | Input::Matrix { numbers, .. } => numbers,
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn flat_gradient(gradient: &dmci::Gradient, wrt: &[&str]) -> Vec<f64> {
    let numbers = wrt.iter().map(|name| gradient.jacobian(name));
    numbers
        .map(|numbers| numbers.expect("asked for"))
        .collect::<Vec<_>>()
        .concat()
}

/// All that holds of second derivatives everywhere: symmetric, the same bits in every mode, for the
/// first time and later, beside the gradient's own bits; the product with a direction is that of the
/// matrix, to 1e-12 of what is summed and of the numbers at hand, the derivatives and `largest`.
/// Gives the matrix.
fn identities(
    text: &str,
    inputs: &Bindings,
    wrt: &[&str],
    largest: f64,
) -> Result<Vec<f64>, String> {
    let say = |error: Error| error.to_string();
    let mut workspace = Workspace::new();
    let names = Wrt::Names(wrt);
    let one = model(text, inputs, Mode::Interpreter);
    let (value, gradient) = one
        .value_and_grad(inputs, names, &mut workspace)
        .map_err(say)?;
    let hessian = one.hessian(inputs, names, &mut workspace).map_err(say)?;
    let size = hessian.size();
    let matrix = hessian.matrix();
    if size != hessian.labels().len() || matrix.len() != size * size {
        return Err("the matrix has another size".into());
    }
    if !value.number().is_some_and(|x| same(x, hessian.value())) {
        return Err("the value is another".into());
    }
    let first = flat_gradient(&gradient, wrt);
    let along = flat_gradient(hessian.gradient(), wrt);
    if !first.iter().zip(&along).all(|(&a, &b)| same(a, b)) {
        return Err(format!("the gradient is another: {first:?} {along:?}"));
    }
    for row in 0..size {
        for column in 0..row {
            if !same(matrix[row * size + column], matrix[column * size + row]) {
                return Err(format!("not symmetric at {row} {column}"));
            }
        }
    }
    let direct = model(text, inputs, Mode::Direct);
    for (model, runs) in [(&one, 10), (&direct, 2)] {
        for _ in 0..runs {
            let again = model.hessian(inputs, names, &mut workspace).map_err(say)?;
            let pairs = matrix.iter().zip(again.matrix());
            if let Some((a, b)) = pairs.into_iter().find(|(a, b)| !same(**a, **b)) {
                return Err(format!("other bits later or in another mode: {a} {b}"));
            }
        }
    }
    let mut random = Random::new(base_seed());
    let mut bits: Option<Vec<f64>> = None;
    let direction: Vec<f64> = (0..size).map(|_| random.between(-1.0, 1.0)).collect();
    for run in 0..12 {
        // Other directions in between: one program serves them all.
        let other: Vec<f64> = direction.iter().map(|d| d * f64::from(run % 2)).collect();
        one.hvp(inputs, names, &other, &mut workspace)
            .map_err(say)?;
        let product = one
            .hvp(inputs, names, &direction, &mut workspace)
            .map_err(say)?;
        let product = product.product().to_vec();
        let before = bits.get_or_insert_with(|| product.clone());
        if !before.iter().zip(&product).all(|(&a, &b)| same(a, b)) {
            return Err("another product later".into());
        }
    }
    if matrix.iter().chain(&first).all(|x| x.is_finite()) {
        // What cancels has the rounding of what it came from.
        let all = matrix.iter().chain(&first);
        let largest = all.fold(largest, |m, x| m.max(x.abs()));
        for (row, product) in matrix.chunks(size.max(1)).zip(bits.unwrap_or_default()) {
            let terms = || row.iter().zip(&direction).map(|(h, d)| h * d);
            let expected: f64 = terms().sum();
            let scale: f64 = terms().map(f64::abs).sum::<f64>() + largest;
            if (product - expected).abs() > 1e-11 * scale {
                return Err(format!("the product has {product} for {expected}"));
            }
        }
    }
    Ok(matrix.to_vec())
}

/// The same, and central differences agree where they can be trusted.
fn check(
    text: &str,
    inputs: &Bindings,
    wrt: &[&str],
    largest: f64,
    tally: &mut Tally,
) -> Result<(), String> {
    let matrix = identities(text, inputs, wrt, largest)?;
    let size = matrix.len().isqrt();
    let one = model(text, inputs, Mode::Interpreter);
    let names = Wrt::Names(wrt);
    let mut row = 0;
    for name in wrt {
        let Some(input) = inputs.get(name) else {
            return Err(format!("{name} is not given"));
        };
        for (index, &at) in numbers(input).iter().enumerate() {
            let gradient = |x: f64| {
                let inputs = moved(inputs, name, index, x);
                let gradient = one.value_and_grad(&inputs, names, &mut Workspace::new());
                Some(flat_gradient(&gradient.ok()?.1, wrt))
            };
            let expected = differences(&gradient, at);
            let row_of = &matrix[row * size..][..size];
            compare(row_of, &expected, tally).map_err(|error| format!("row {row}, {error}"))?;
            row += 1;
        }
    }
    Ok(())
}

/// The same, and differences confirm second derivatives.
fn check_all(text: &str, inputs: &Bindings, wrt: &[&str]) {
    let mut tally = Tally::default();
    if let Err(error) = check(text, inputs, wrt, 0.0, &mut tally) {
        panic!("{text}\n{error}");
    }
    // One in fifty may be lost to rounding.
    assert!(
        tally.confirmed * 50 >= tally.all * 49,
        "{text}: differences confirm {} of {}",
        tally.confirmed,
        tally.all
    );
}

// ---- rows --------------------------------------------------------------------------------------

/// A program of a row alone; none of rows that soft choices or the rules of other rows alone use.
fn program_of(prim: Prim) -> Option<String> {
    let name = match prim {
        Prim::Neg => "-",
        Prim::Atan | Prim::Atan2 => "atan",
        Prim::Ln | Prim::LogBase => "log",
        prim if prim.is_internal() => return None,
        prim => prim.name(),
    };
    Some(match prim.operands() {
        1 => format!("({name} x)"),
        _ => format!("({name} x y)"),
    })
}

fn probe(domain: Domain, random: &mut Random) -> (f64, f64) {
    let mut real = || random.between(-3.0, 3.0);
    let away = |x: f64| x + f64::copysign(0.3, x);
    match domain {
        Domain::Real | Domain::Held => (real(), real()),
        Domain::Positive => (away(real().abs()), real()),
        Domain::Unit => (real() * 0.2, real() * 0.2),
        Domain::NonZero => (away(real()), away(real())),
        Domain::Base => (away(real().abs()), real().abs() + 1.3),
        Domain::Negative => (-away(real().abs()), real()),
        Domain::Share => (0.5 + real() * 0.13, real()),
        Domain::AboveOne => (1.0 + away(real().abs()), real()),
        Domain::Above => (away(real().abs()), away(real().abs())),
        Domain::Order => (2.0 + real().abs().round(), away(real().abs())),
        Domain::Whole => (real().round(), real().round()),
    }
}

#[test]
fn every_row_has_the_second_derivatives_of_its_rule() {
    let mut random = Random::new(base_seed());
    for &prim in Prim::ALL {
        let spec = prim.spec();
        let (Kind::Numeric(_), Some(text)) = (spec.kind, program_of(prim)) else {
            continue;
        };
        let both = Bindings::from([("x", 1.0), ("y", 1.0)]);
        let model = model(&text, &both, Mode::Interpreter);
        let wrt: &[&str] = if prim.operands() == 1 {
            &["x"]
        } else {
            &["x", "y"]
        };
        let mut tally = Tally::default();
        let mut workspace = Workspace::new();
        for _ in 0..60 {
            let (x, y) = probe(spec.domain, &mut random);
            let inputs = Bindings::from([("x", x), ("y", y)]);
            let hessian = model.hessian(&inputs, Wrt::Names(wrt), &mut workspace);
            let hessian = hessian.unwrap_or_else(|error| panic!("{text} at {x} {y}: {error}"));
            let rule = |x: f64, y: f64| {
                let cts = prim.vjp(x, y, prim.forward(x, y), 1.0).unwrap_or_default();
                Some(cts[..wrt.len()].to_vec())
            };
            if spec.domain == Domain::Whole {
                assert!(hessian.matrix().iter().all(|&h| h == 0.0), "{text}");
                tally.confirmed += 4;
                continue;
            }
            let mut rows = vec![differences(&|x| rule(x, y), x)];
            if wrt.len() > 1 {
                rows.push(differences(&|y| rule(x, y), y));
            }
            for (found, expected) in hessian.matrix().chunks(wrt.len()).zip(&rows) {
                if let Err(error) = compare(found, expected, &mut tally) {
                    panic!("{text} at {x} {y}: {error}");
                }
            }
        }
        assert!(
            tally.confirmed >= 40,
            "{text}: {} confirmed",
            tally.confirmed
        );
    }
}

// ---- programs ----------------------------------------------------------------------------------

/// A program, its inputs, and its second derivatives by them.
type Case<'a> = (&'a str, &'a [(&'a str, f64)], &'a [f64]);

#[test]
fn known_matrices() {
    let e = f64::exp;
    let cases: [Case<'_>; 10] = [
        ("(* x x)", &[("x", 3.0)], &[2.0]),
        ("(* x y)", &[("x", 3.0), ("y", 4.0)], &[0.0, 1.0, 1.0, 0.0]),
        (
            "(* x x y)",
            &[("x", 3.0), ("y", 5.0)],
            &[10.0, 6.0, 6.0, 0.0],
        ),
        ("(exp (* 2 x))", &[("x", 0.5)], &[4.0 * e(1.0)]),
        ("(+ x (* 3 y) 1)", &[("x", 3.0), ("y", 4.0)], &[0.0; 4]),
        ("7", &[("x", 3.0)], &[0.0]),
        (
            "(/ x y)",
            &[("x", 3.0), ("y", 2.0)],
            &[0.0, -0.25, -0.25, 0.75],
        ),
        ("(sqrt x)", &[("x", 4.0)], &[-1.0 / 32.0]),
        (
            "(+ (square (- 1 x)) (* 100 (square (- y (square x)))))",
            &[("x", 1.0), ("y", 1.0)],
            &[802.0, -400.0, -400.0, 200.0],
        ),
        // A loop: x to the power 2^3.
        (
            "(let loop ((i 0) (s x)) (if (= i 3) s (loop (+ i 1) (* s s))))",
            &[("x", 2.0)],
            &[56.0 * 64.0],
        ),
    ];
    for (text, point, expected) in cases {
        let inputs: Bindings = point.iter().copied().collect();
        let names: Vec<&str> = point.iter().map(|p| p.0).collect();
        let found = matrix_of(text, &inputs, &names);
        for (found, expected) in found.iter().zip(expected) {
            let close = (found - expected).abs() <= 1e-14 * expected.abs();
            assert!(close, "{text}: {found} for {expected}");
        }
    }
}

#[test]
fn branches_ties_and_poles_are_as_agreed() {
    let cases: [(&str, f64, f64); 25] = [
        ("(if (> x 0) (log x) 0)", 0.0, 0.0),
        ("(if (> x 0) (log x) 0)", -1.0, 0.0),
        ("(if (> x 0) (log x) 0)", 2.0, -0.25),
        ("(if (= x 0) 0 (/ 1 x))", 0.0, 0.0),
        ("(if (= x 0) 0 (/ 1 x))", 2.0, 0.25),
        ("(if (< x 1) (* x x) (sqrt (- x 1)))", 0.5, 2.0),
        ("(if (< x 1) (* x x) (sqrt (- x 1)))", -3.0, 2.0),
        // Behind an untaken branch the square root has an infinite slope, twice.
        ("(+ (* x x) (if (< x 1) 0 (sqrt (- x 1))))", 0.5, 2.0),
        ("(+ (* x x) (if (> x 0) (sqrt x) 0))", 0.0, 2.0),
        ("(* x (if (> x 0) (* x (log x)) x))", 0.0, 2.0),
        (
            "(* x (if (> x 0) (if (> x 1) (log (- x 1)) x) (/ x x)))",
            0.5,
            2.0,
        ),
        (
            "(let ((s (sqrt x))) (if (> x 0) (* s s s s) (* 3 x x)))",
            -1.0,
            6.0,
        ),
        (
            "(let ((s (sqrt x))) (if (> x 0) (* s s s s) (* 3 x x)))",
            0.0,
            6.0,
        ),
        // A guard, not a fork.
        (
            "(car (if (> x 0) (list (log x)) (list (* x x))))",
            -1.0,
            2.0,
        ),
        ("(pow x 2)", 0.0, 2.0),
        ("(pow x 3)", 0.0, 0.0),
        ("(pow x 1)", 0.0, 0.0),
        ("(pow x 0)", 0.0, 0.0),
        ("(pow x 2)", -3.0, 2.0),
        ("(square x)", 0.0, 2.0),
        ("(abs x)", 0.0, 0.0),
        ("(max (* x x) x)", 1.0, 1.0),
        ("(floor x)", 1.5, 0.0),
        ("(sqrt x)", 0.0, f64::NEG_INFINITY),
        ("(/ 1 x)", 0.0, f64::INFINITY),
    ];
    for (text, x, expected) in cases {
        let inputs = Bindings::from([("x", x)]);
        for mode in [Mode::Interpreter, Mode::Direct] {
            let model = model(text, &inputs, mode);
            let mut workspace = Workspace::new();
            for run in 0..12 {
                let hessian = model.hessian(&inputs, Wrt::All, &mut workspace);
                let found = hessian.expect("a number").matrix()[0];
                let as_agreed = (found - expected).abs() <= 1e-14 || found == expected;
                assert!(
                    as_agreed,
                    "{text} at {x}, run {run}: {found} for {expected}"
                );
                let product = model.hvp(&inputs, Wrt::All, &[2.0], &mut workspace);
                let product = product.expect("a number").product()[0];
                let as_agreed = (product - 2.0 * found).abs() <= 1e-13 || product == 2.0 * found;
                assert!(as_agreed, "{text} at {x}, run {run}: times 2 {product}");
            }
        }
    }
}

/// What a Hessian is by all inputs, compiled after some runs too.
#[track_caller]
fn agreed(text: &str, point: &[(&str, f64)], expected: &[f64]) {
    let inputs: Bindings = point.iter().copied().collect();
    let names: Vec<&str> = point.iter().map(|p| p.0).collect();
    for mode in [Mode::Interpreter, Mode::Direct] {
        let model = model(text, &inputs, mode);
        let mut workspace = Workspace::new();
        for run in 0..12 {
            let hessian = model.hessian(&inputs, Wrt::Names(&names), &mut workspace);
            let hessian = hessian.unwrap_or_else(|error| panic!("{text}: {error}"));
            for (found, expected) in hessian.matrix().iter().zip(expected) {
                let close = (found - expected).abs() <= 1e-14 * expected.abs();
                let same = same(*found, *expected) || found == expected;
                assert!(
                    close || same,
                    "{text} at {point:?}, run {run}: {found} for {expected} in {:?}",
                    hessian.matrix()
                );
            }
        }
    }
}

#[test]
fn what_is_hidden_has_no_second_derivatives() {
    const NAN: f64 = f64::NAN;
    agreed("(sqrt (max 0 (- x 2)))", &[("x", 1.0)], &[0.0]);
    agreed("(sqrt (max 0 (- x 2)))", &[("x", 3.0)], &[-0.25]);
    agreed("(+ (* x x) (max 5 (sqrt x)))", &[("x", 0.0)], &[2.0]);
    agreed("(* x x (acos (min 1 (+ 2 x))))", &[("x", 3.0)], &[0.0]);
    agreed("(+ (* x x) (sqrt (abs x)))", &[("x", 0.0)], &[2.0]);
    agreed("(+ (* x x) (acos (expt x 0)))", &[("x", 3.0)], &[2.0]);
    agreed("(+ (* x x) (sqrt (expt 0 x)))", &[("x", 3.0)], &[2.0]);
    agreed("(+ (* x x) (acos (expt 1 x)))", &[("x", 3.0)], &[2.0]);
    // What does not depend on the exponent does so beside base 1.
    let point = [("x", 1.0), ("p", 2.0)];
    agreed("(expt x p)", &point, &[2.0, 1.0, 1.0, 0.0]);
    agreed("(abs (* x x))", &[("x", NAN)], &[NAN]);
    agreed("(max (* x x) 1)", &[("x", NAN)], &[NAN]);
    agreed("(log x)", &[("x", -2.0)], &[NAN]);
}

#[test]
fn slopes_do_not_cancel() {
    agreed("(sigmoid x)", &[("x", 40.0)], &[-4.248_354_255_291_589e-18]);
    agreed("(sigmoid x)", &[("x", -40.0)], &[4.248_354_255_291_589e-18]);
    agreed("(softplus x)", &[("x", 40.0)], &[4.248_354_255_291_589e-18]);
    agreed("(tanh x)", &[("x", 20.0)], &[-3.398_683_404_233_271e-17]);
    // -x/8 and -2x, to first order.
    agreed("(sigmoid x)", &[("x", 1e-9)], &[-1.25e-10]);
    agreed("(tanh x)", &[("x", 1e-9)], &[-2e-9]);
}

#[test]
fn norms_and_angles_of_large_and_small_numbers_have_second_derivatives() {
    let xy = |x: f64, y: f64| [("x", x), ("y", y)];
    for text in [
        "(square (norm [x y]))",
        "(let ((r (norm [x y]))) (* r r))",
        "(expt (norm [x y]) 2)",
    ] {
        agreed(text, &xy(0.0, 0.0), &[2.0, 0.0, 0.0, 2.0]);
    }
    agreed("(norm [x y])", &xy(0.0, 0.0), &[0.0; 4]);
    for scale in [1.0, 1e200, 1e-170] {
        let expected = [0.128, -0.096, -0.096, 0.072].map(|x| x / scale);
        agreed("(norm [x y])", &xy(3.0 * scale, 4.0 * scale), &expected);
    }
    let expected = [0.5, 0.0, 0.0, -0.5].map(|x| x / 1e100 / 1e100);
    agreed("(atan y x)", &xy(1e100, 1e100), &expected);
}

/// The determinant of a matrix of whole numbers, by its first row.
fn whole_det(n: usize, at: &dyn Fn(usize, usize) -> i64) -> i64 {
    if n == 0 {
        return 1;
    }
    let term = |j: usize| {
        let minor = whole_det(n - 1, &|i, k| at(i + 1, if k < j { k } else { k + 1 }));
        if j.is_multiple_of(2) {
            at(0, j) * minor
        } else {
            -at(0, j) * minor
        }
    };
    (0..n).map(term).sum()
}

#[test]
fn determinants_of_singular_matrices_have_second_derivatives() {
    let mut random = Random::new(base_seed() + 11);
    for (n, lost) in [(4, 0), (4, 1), (5, 1), (5, 2), (6, 1), (6, 2), (6, 3)] {
        let mut rows: Vec<Vec<i64>> = (0..n)
            .map(|_| {
                (0..n)
                    .map(|_| random.between(-4.0, 4.0).round() as i64)
                    .collect()
            })
            .collect();
        for (k, weight) in (0..lost).zip(0_i64..) {
            // A row that others make up.
            rows[k] = (0..n)
                .map(|j| rows[n - 1][j] + rows[n - 2][j] * weight)
                .collect();
        }
        let numbers: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| row.iter().map(|&x| x as f64).collect())
            .collect();
        let mut inputs = Bindings::new();
        inputs.set("m", Input::matrix(&numbers).expect("rows of one length"));
        let found = matrix_of("(det m)", &inputs, &["m"]);
        for at in 0..n * n {
            for other in 0..n * n {
                let ((i, j), (k, l)) = ((at / n, at % n), (other / n, other % n));
                let expected = if i == k || j == l {
                    0
                } else {
                    let skip = |x: usize, a: usize, b: usize| {
                        let (a, b) = (a.min(b), a.max(b));
                        let x = if x < a { x } else { x + 1 };
                        if x < b { x } else { x + 1 }
                    };
                    let minor = whole_det(n - 2, &|r, c| rows[skip(r, i, k)][skip(c, j, l)]);
                    let odd = (i + j + k + l) % 2 == 1;
                    if odd ^ (i > k) ^ (j > l) {
                        -minor
                    } else {
                        minor
                    }
                };
                let found = found[at * n * n + other];
                let close = (found - expected as f64).abs() <= 1e-11;
                assert!(
                    close,
                    "{rows:?} by {at} and {other}: {found} for {expected}"
                );
            }
        }
    }
    let text = "(det (mat [(+ 0.1 x) 0.2 0.3 0] [0.4 (+ 0.5 y) 0.6 0] [0.7 0.8 0.9 0] [0 0 0 1]))";
    let near = matrix_of(text, &Bindings::from([("x", 0.0), ("y", 0.0)]), &["x", "y"]);
    for (found, expected) in near.iter().zip([0.0, 0.9, 0.9, 0.0]) {
        assert!((found - expected).abs() < 1e-15, "{near:?}");
    }
}

#[test]
fn logarithms_of_singular_determinants_are_infinite_throughout() {
    const INF: f64 = f64::INFINITY;
    let expected = [-INF, INF, INF, -INF];
    let point = [("x", 1.0), ("y", 1.0)];
    agreed("(logdet (mat [x y] [y x]))", &point, &expected);
    agreed(
        "(logdet (mat [x y 0] [y x 0] [x y 2]))",
        &point,
        &[f64::NAN; 4],
    );
    agreed("(logdet (mat [x]))", &[("x", 0.0)], &[-INF]);
    agreed("(logdet (mat [x]))", &[("x", -2.0)], &[-0.25]);
}

#[test]
fn powers_of_nothing_and_to_nothing_have_second_derivatives() {
    let inputs = Bindings::from([("x", 0.0), ("p", 2.0)]);
    assert_eq!(
        matrix_of("(expt x p)", &inputs, &["x", "p"]),
        [2.0, 0.0, 0.0, 0.0]
    );
    // x^p at p = 0: by p it is log x, and that by x is 1 / x, in whichever order.
    let inputs = Bindings::from([("x", 2.0), ("p", 0.0)]);
    let l = 2.0_f64.ln();
    assert_eq!(
        matrix_of("(expt x p)", &inputs, &["x", "p"]),
        [0.0, 0.5, 0.5, l * l]
    );
    assert_eq!(
        matrix_of("(expt x p)", &inputs, &["p", "x"]),
        [l * l, 0.5, 0.5, 0.0]
    );
    check_all("(expt x (sin p))", &inputs, &["p", "x"]);
}

#[test]
fn paths_that_alternate_have_their_own_second_derivatives() -> Result<(), Error> {
    let text = "(if (> x 0) (vsum (* x [x 1])) (car (list (* 3 x x x))))";
    let model = model(text, &Bindings::from([("x", 1.0)]), Mode::Interpreter);
    let mut workspace = Workspace::new();
    for step in 0..40 {
        let x = if step % 3 == 0 { 1.5 } else { -0.5 } * (1.0 + f64::from(step));
        let hessian = model.hessian(&Bindings::from([("x", x)]), Wrt::All, &mut workspace)?;
        let expected = if x > 0.0 { 2.0 } else { 18.0 * x };
        assert!((hessian.matrix()[0] - expected).abs() < 1e-12 * expected.abs());
    }
    Ok(())
}

#[test]
fn smooth_programs_agree_with_differences_of_their_gradients() {
    let inputs = Bindings::from([("x", 0.7), ("y", 1.3), ("z", 0.4)]);
    for text in [
        "(+ (* x (exp (* (- y) z))) (sin (* x y z)))",
        "(* (tanh (* x y)) (softplus (- z x)) (sigmoid (+ x y z)))",
        "(/ (atan x y) (+ 1 (* z z)))",
        "(log (+ (exp x) (exp y) (exp z)))",
        "(let loop ((i 0) (a x) (b y)) (if (= i 9) (* a b) (loop (+ i 1) (+ (* 0.9 a) (* 0.1 (sin b))) (- b (* z a)))))",
        "(soft-if x y (* x z) (exp y))",
        "(soft-choice (x y z) (list (* x y) (sin z) (* 2 z z)))",
        "(fold-left + 0 (map (lambda (t) (square (- (* x (exp (* (- y) t))) z))) '(0.5 1.0 1.5)))",
        "(vsum (solve (mat [x y] [z 2]) [1 x]))",
        "(norm [x (* y z) z])",
        "(expt x y)",
        "(log x (+ 1 y))",
    ] {
        check_all(text, &inputs, &["x", "y", "z"]);
    }
}

#[test]
fn a_fit_has_the_curvature_of_its_sum_of_squares() {
    // The model a e^(-b t) on data: the Hessian of the sum of squares by hand.
    let text = "(fold-left + 0 (map (lambda (t y) (square (- y (* a (exp (* (- b) t)))))) ts ys))";
    let (ts, ys) = ([0.0, 0.5, 1.0, 2.0], [2.1, 1.4, 1.1, 0.4]);
    let (a, b) = (2.0_f64, 0.8_f64);
    let mut inputs = Bindings::from([("a", a), ("b", b)]);
    let list = |numbers: &[f64]| Input::List(numbers.to_vec());
    inputs.set("ts", list(&ts)).set("ys", list(&ys));
    let [mut aa, mut ab, mut bb] = [0.0; 3];
    for (t, y) in ts.into_iter().zip(ys) {
        let e = (-b * t).exp();
        let r = y - a * e;
        aa += 2.0 * e * e;
        ab += 2.0 * (r * t * e - a * t * e * e);
        bb += 2.0 * (a * t * e * a * t * e - r * a * t * t * e);
    }
    let found = matrix_of(text, &inputs, &["a", "b"]);
    for (found, expected) in found.iter().zip([aa, ab, ab, bb]) {
        assert!((found - expected).abs() < 1e-13, "{found} for {expected}");
    }
    check_all(text, &inputs, &["b", "ys", "a", "ts"]);
}

#[test]
fn workloads_agree_with_differences_of_their_gradients() {
    let text = include_str!("../../benches/workloads.json");
    let all: serde_json::Value = serde_json::from_str(text).expect("the file is JSON");
    for workload in all.as_array().expect("an array") {
        let source = workload["source"].as_str().expect("a text");
        let inputs: Bindings = workload["inputs"]
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.clone(), input(value)))
            .collect();
        let wrt = workload["wrt"].as_array().expect("an array");
        let wrt: Vec<&str> = wrt.iter().filter_map(serde_json::Value::as_str).collect();
        check_all(source, &inputs, &wrt);
    }
}

fn input(value: &serde_json::Value) -> Input {
    let Some(rows) = value.as_array() else {
        return Input::Number(value.as_f64().expect("a number"));
    };
    let row = |row: &serde_json::Value| -> Vec<f64> {
        let numbers = row.as_array().expect("a row").iter();
        numbers.filter_map(serde_json::Value::as_f64).collect()
    };
    let rows: Vec<Vec<f64>> = rows.iter().map(row).collect();
    Input::matrix(&rows).expect("rows of one length")
}

#[cfg(feature = "cli")]
#[test]
fn generated_programs_agree_with_differences_of_their_gradients() {
    use crate::generate::{INPUTS, generate, smooth_inputs, steep_inputs};
    use crate::random::programs;
    /// How large numbers inside a program may be whose differences are left over.
    const INSIDE: f64 = 1e4;
    let mut tally = Tally::default();
    let base = base_seed();
    for seed in base..base + programs(250) {
        let program = generate(seed, 8 + seed as usize * 7 % 60);
        let limits = dmci::Limits::default().fuel(3_000);
        let mut random = Random::new(!seed);
        for smooth in [true, false] {
            let point = if smooth {
                smooth_inputs(&mut random)
            } else {
                steep_inputs(&mut random)
            };
            let inputs: Bindings = INPUTS.into_iter().zip(point).collect();
            let model = Interpreter::embedded().model_for(&program.source, &inputs, Mode::Direct);
            let first = model.and_then(|model| {
                model.evaluate(&inputs, Wrt::All, &limits, &mut Workspace::new())
            });
            // What fails or gives no number has no second derivatives.
            if !first.is_ok_and(|run| run.value.number().is_some_and(f64::is_finite)) {
                continue;
            }
            let checked = if smooth {
                check(&program.source, &inputs, &INPUTS, INSIDE, &mut tally)
            } else {
                identities(&program.source, &inputs, &INPUTS, INSIDE).map(|_| ())
            };
            if let Err(error) = checked {
                panic!(
                    "DMCI_SEED={seed} DMCI_PROGRAMS=1\n{}\nat {point:?}: {error}",
                    program.source
                );
            }
        }
    }
    if programs(250) >= 250 {
        assert!(
            tally.confirmed > tally.all * 8 / 10 && tally.all > 500,
            "differences confirm {} of {}",
            tally.confirmed,
            tally.all
        );
    }
}

// ---- matrices ----------------------------------------------------------------------------------

/// A matrix whose every block is smooth: symmetric and positive definite where it is square.
fn regular(rows: usize, columns: usize, random: &mut Random) -> Input {
    let numbers: Vec<f64> = (0..rows * columns)
        .map(|_| random.between(-0.5, 0.5))
        .collect();
    let at = |i: usize, j: usize| {
        if rows == columns {
            let diagonal = if i == j { 2.0 } else { 0.0 };
            diagonal + 0.5 * (numbers[i * columns + j] + numbers[j * columns + i])
        } else {
            numbers[i * columns + j]
        }
    };
    let rows: Vec<Vec<f64>> = (0..rows)
        .map(|i| (0..columns).map(|j| at(i, j)).collect())
        .collect();
    Input::matrix(&rows).expect("rows of one length")
}

#[test]
fn matrices_agree_with_differences_of_their_gradients() {
    let mut random = Random::new(base_seed() + 7);
    for n in [5, 6] {
        let mut inputs = Bindings::new();
        inputs.set("m", regular(n, n, &mut random));
        inputs.set("k", regular(n, n, &mut random));
        inputs.set("w", regular(n, 2, &mut random));
        let vector = (0..n).map(|_| random.between(-1.0, 1.0)).collect();
        inputs.set("v", Input::Vector(vector));
        for (text, wrt) in [
            (
                "(trace (matmul (matmul m k) (matmul m k)))",
                &["m", "k"][..],
            ),
            ("(trace (matmul (transpose m) (matmul k m)))", &["m", "k"]),
            ("(dot v (matvec (matmul m m) v))", &["m", "v"]),
            ("(exp (dot v (matvec m v)))", &["m", "v"]),
            ("(dot v (solve m v))", &["m", "v"]),
            (
                "(let ((x (solve m v))) (* (dot x x) (dot x v)))",
                &["m", "v"],
            ),
            (
                "(let ((x (solve m w))) (trace (matmul (transpose x) x)))",
                &["m", "w"],
            ),
            ("(trace (matmul (inv m) (matmul k (inv m))))", &["m", "k"]),
            ("(det m)", &["m"]),
            ("(* (ref v 0) (det (matmul m k)))", &["v", "m"]),
            ("(logdet m)", &["m"]),
            ("(square (logdet (matmul m k)))", &["m", "k"]),
            ("(trace (matmul (cholesky m) k))", &["m", "k"]),
            (
                "(let ((l (cholesky m))) (dot (matvec l v) (matvec l v)))",
                &["m", "v"],
            ),
            (
                "(let ((z (solve (cholesky m) v))) (+ (dot z z) (logdet m)))",
                &["m", "v"],
            ),
            (
                "(let ((z (solve-triangular m v 'upper))) (* (dot z z) (dot z v)))",
                &["m", "v"],
            ),
            ("(dot v (cholesky-solve (cholesky m) v))", &["m", "v"]),
            ("(vsum (sin (expm (* 0.1 m))))", &["m"]),
            ("(logsumexp (matvec m v))", &["m", "v"]),
            ("(dot v (softmax (* (sum m) v)))", &["m", "v"]),
            ("(variance (* m m))", &["m"]),
            ("(let ((f (lu m))) (vsum (* (car f) (cadr f))))", &["m"]),
            ("(vsum (sin (car (qr m))))", &["m"]),
        ] {
            check_all(text, &inputs, wrt);
        }
    }
}

#[test]
fn matrices_of_few_numbers_agree_with_differences_of_their_gradients() {
    // A Gaussian process: the likelihood by its kernel's scales and the noise.
    let text = "
        (define ts '(0.0 0.4 1.1 1.5 2.3 3.0))
        (define k (mat . (map (lambda (s)
          (apply vec (map (lambda (t)
            (+ (* (square a) (exp (- (square (/ (- s t) l))))) (if (= s t) (square e) 0))) ts))) ts)))
        (define y [0.1 0.5 0.9 1.0 0.6 0.2])
        (+ (dot y (solve k y)) (logdet k))";
    let text = text.replace("(mat . (map", "(apply mat (map");
    let inputs = Bindings::from([("a", 0.9), ("l", 1.2), ("e", 0.3)]);
    check_all(&text, &inputs, &["a", "l", "e"]);
}

#[test]
fn eigenvalues_and_singular_values_agree_with_differences_of_their_gradients() {
    let mut random = Random::new(17);
    for n in [2, 3, 5] {
        let mut inputs = Bindings::new();
        inputs.set("m", regular(n, n, &mut random));
        inputs.set("w", regular(n, 2, &mut random));
        let apart = "(let ((a (+ m (diag (slice [0 20 45 70 100] 0 (rows m))))))";
        for text in [
            "(vsum (sin (car (eigh a))))",
            "(vsum (sin (cadr (eigh a))))",
            "(vsum (sin (cadr (svd a))))",
            "(vsum (sin (car (svd (hstack a w)))))",
            "(vsum (sin (caddr (svd (hstack a w)))))",
            "(vsum (sin (car (svd (vstack a (transpose w))))))",
            "(let ((e (eigh a))) (vsum (matmul (cadr e) (matmul (diag (sqrt (car e))) (transpose (cadr e))))))",
        ] {
            check_all(&format!("{apart} {text})"), &inputs, &["m", "w"]);
        }
    }
}

#[test]
fn second_derivatives_of_equal_eigenvalues_are_not_finite() {
    // Of the smaller of two that cross, there is no second derivative; of their sum there would be.
    let text = "(ref (car (eigh (mat [x y] [y 1]))) 0)";
    let at = |x: f64| matrix_of(text, &Bindings::from([("x", x), ("y", 0.0)]), &["x", "y"]);
    assert!((at(3.0)[3] + 1.0).abs() < 1e-12, "{:?}", at(3.0));
    assert!(!at(1.0)[3].is_finite(), "{:?}", at(1.0));
}

#[test]
fn blocks_behind_branches_contaminate_nothing() {
    // The matrix is singular where the branch is not taken.
    let text = "(let ((m (+ (* x (eye 5)) (outer [x 0 0 0 0] [1 0 0 0 0])))) \
                (+ (* x x x) (if (> x 0) (logdet m) 0)))";
    let at = |x: f64| matrix_of(text, &Bindings::from([("x", x)]), &["x"])[0];
    assert_eq!(at(0.0), 0.0);
    let found = at(2.0);
    assert!((found - (12.0 - 5.0 / 4.0)).abs() < 1e-12, "{found}");
}

// ---- requests ----------------------------------------------------------------------------------

#[test]
fn names_literals_and_params_are_rows_in_the_order_asked_for() -> Result<(), Error> {
    let text = "(param k 3.0 (> 0)) (* 2.0 k k (vsum (* v v)) (car xs) (ref m 1 0))";
    let mut inputs = Bindings::from([("unused", 1.0)]);
    inputs.set("v", Input::Vector(vec![1.0, 2.0]));
    inputs.set("xs", Input::List(vec![5.0, 7.0]));
    inputs.set("m", Input::matrix(&[[1.0, 2.0], [4.0, 8.0]])?);
    let model = model(text, &inputs, Mode::Interpreter);
    let wrt = ["xs", "k", "unused", "@1:24", "m", "v"];
    let mut workspace = Workspace::new();
    let hessian = model.hessian(&inputs, Wrt::Names(&wrt), &mut workspace)?;
    assert_eq!(hessian.names().collect::<Vec<_>>(), wrt);
    assert_eq!(
        hessian.labels(),
        [
            "xs[0]", "xs[1]", "k", "unused", "@1:24", "m[0,0]", "m[0,1]", "m[1,0]", "m[1,1]",
            "v[0]", "v[1]"
        ]
    );
    assert_eq!((hessian.size(), hessian.value()), (11, 1800.0));
    assert_eq!(hessian.get("k", "k"), Some(400.0));
    assert_eq!(hessian.get("k", "@1:24"), Some(600.0));
    assert_eq!(hessian.get("@1:24", "@1:24"), Some(0.0));
    assert_eq!(hessian.get("k", "unused"), Some(0.0));
    assert_eq!(hessian.get("k", "nobody"), None);
    assert_eq!(hessian.block("k", "xs"), Some(vec![240.0, 0.0]));
    assert_eq!(hessian.block("v", "xs"), Some(vec![144.0, 0.0, 288.0, 0.0]));
    assert_eq!(hessian.block("v", "v"), Some(vec![720.0, 0.0, 0.0, 720.0]));
    assert_eq!(hessian.block("m", "k"), Some(vec![0.0, 0.0, 300.0, 0.0]));
    assert_eq!(hessian.gradient().get("k"), Some(1200.0));
    let mut direction = [0.0; 11];
    direction[2] = 1.0;
    direction[3] = 9.0;
    let product = model.hvp(&inputs, Wrt::Names(&wrt), &direction, &mut workspace)?;
    let row: Vec<f64> = hessian.matrix().chunks(11).map(|row| row[2]).collect();
    assert_eq!(product.product(), row);
    assert_eq!(product.get("xs"), Some(&[240.0, 0.0][..]));
    assert_eq!(product.labels(), hessian.labels());
    assert_eq!(product.gradient(), hessian.gradient());
    // A name asked for twice has two rows.
    let twice = model.hessian(&inputs, Wrt::Names(&["k", "k"]), &mut workspace)?;
    assert_eq!(twice.matrix(), [400.0; 4]);
    let none = model.hessian(&inputs, Wrt::Nothing, &mut workspace)?;
    assert_eq!((none.value(), none.size()), (1800.0, 0));
    assert_eq!(none.to_json(), "{\"names\":[],\"matrix\":[]}");
    Ok(())
}

#[test]
fn what_has_no_second_derivatives_is_an_error() {
    let inputs = Bindings::from([("x", 1.0)]);
    let mut workspace = Workspace::new();
    for text in ["(list x x)", "(> x 0)", "'a", "[x 1]"] {
        let model = model(text, &inputs, Mode::Interpreter);
        for _ in 0..2 {
            let hessian = model.hessian(&inputs, Wrt::All, &mut workspace);
            let error = hessian.expect_err("no number");
            assert_eq!(error.kind(), dmci::Kind::Type, "{text}");
            assert!(error.to_string().contains("second derivatives"), "{error}");
            let product = model.hvp(&inputs, Wrt::All, &[1.0], &mut workspace);
            assert_eq!(product.expect_err("no number").kind(), dmci::Kind::Type);
        }
    }
    let model = model("(* x x)", &inputs, Mode::Interpreter);
    let unknown = model.hessian(&inputs, Wrt::Names(&["y"]), &mut workspace);
    assert_eq!(unknown.expect_err("a name").kind(), dmci::Kind::Request);
    let longer = model.hvp(&inputs, Wrt::All, &[1.0, 2.0], &mut workspace);
    let error = longer.expect_err("too long").to_string();
    assert_eq!(error, "the direction has 2 numbers, and wrt 1");
    let fails = self::model("(car x)", &inputs, Mode::Interpreter);
    let fails = fails.hessian(&inputs, Wrt::All, &mut workspace);
    assert_eq!(fails.expect_err("no pair").kind(), dmci::Kind::Type);
}

#[test]
fn what_is_kept_counts_as_memory() -> Result<(), Error> {
    let inputs = Bindings::from([("x", 1.0), ("y", 2.0)]);
    let model = model("(* x x (sin y))", &inputs, Mode::Interpreter);
    let mut workspace = Workspace::new();
    model.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
    let before = model.path_totals().bytes;
    model.hessian(&inputs, Wrt::All, &mut workspace)?;
    let once = model.path_totals().bytes;
    assert!(once > before);
    model.hessian(&inputs, Wrt::All, &mut workspace)?;
    assert_eq!(model.path_totals().bytes, once);
    Ok(())
}

/// A matrix that is too large is refused before the program runs; fuel and the deadline hold on the way.
#[test]
fn limits_hold_for_second_derivatives() -> Result<(), Error> {
    use dmci::Limits;
    let numbers = Input::Vector((0..200).map(f64::from).collect());
    let inputs = Bindings::from([("w", numbers)]);
    let model = model("(dot w (* w w))", &inputs, Mode::Interpreter);
    let mut workspace = Workspace::new();
    // The matrix takes 320 kB, and as much again while it is made.
    let tight = Limits::default().heap_bytes(600_000);
    let direction = vec![1.0; 200];
    for _ in 0..2 {
        let hessian = model.hessian_within(&inputs, Wrt::All, &tight, &mut workspace);
        let error = hessian.expect_err("too large");
        assert_eq!(error.kind(), dmci::Kind::Resource);
        assert!(error.to_string().contains("640000 bytes"), "{error}");
        let product = model.hvp_within(&inputs, Wrt::All, &direction, &tight, &mut workspace)?;
        assert_eq!(product.product()[2], 6.0 * 2.0);
        let hessian =
            model.hessian_within(&inputs, Wrt::All, &Limits::default(), &mut workspace)?;
        assert_eq!(hessian.matrix()[2 * 200 + 2], 6.0 * 2.0);
    }
    let late = Limits::default().deadline(std::time::Instant::now());
    let starved = Limits::default().fuel(1);
    for limits in [late, starved] {
        let hessian = model.hessian_within(&inputs, Wrt::All, &limits, &mut workspace);
        assert_eq!(hessian.expect_err("a limit").kind(), dmci::Kind::Resource);
        let product = model.hvp_within(&inputs, Wrt::All, &direction, &limits, &mut workspace);
        assert_eq!(product.expect_err("a limit").kind(), dmci::Kind::Resource);
    }
    Ok(())
}
