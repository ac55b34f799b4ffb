//! Vectors and matrices: each primitive's derivatives against dfdx and central differences on random
//! shapes, what shapes are refused, and values against what they must satisfy.

use crate::random::{Random, base_seed};
use approx::assert_relative_eq;
use dmci::{
    Bindings, Error, Evaluation, Input, Interpreter, Kind, Limits, Mode, Model, OnError, Workspace,
    Wrt,
};

pub(crate) fn interpreter() -> Interpreter {
    Interpreter::embedded()
}

fn evaluate(model: &Model, bindings: &Bindings, wrt: Wrt<'_>) -> Result<Evaluation, Error> {
    model.evaluate(bindings, wrt, &Limits::default(), &mut Workspace::new())
}

pub(crate) fn vector(n: usize, random: &mut Random) -> Input {
    Input::Vector((0..n).map(|_| random.between(-2.0, 2.0)).collect())
}

pub(crate) fn matrix(rows: usize, columns: usize, random: &mut Random) -> Input {
    let numbers = (0..rows * columns).map(|_| random.between(-2.0, 2.0));
    Input::Matrix {
        rows,
        columns,
        numbers: numbers.collect(),
    }
}

/// A matrix far from singular.
pub(crate) fn regular(n: usize, random: &mut Random) -> Input {
    let mut input = matrix(n, n, random);
    if let Input::Matrix { numbers, .. } = &mut input {
        for i in 0..n {
            numbers[i * n + i] += 4.0 * n as f64;
        }
    }
    input
}

fn numbers_mut(input: &mut Input) -> &mut [f64] {
    match input {
        Input::Number(x) => std::slice::from_mut(x),
        Input::List(numbers) | Input::Vector(numbers) | Input::Matrix { numbers, .. } => numbers,
    }
}

/// Differentiates a program by all inputs: modes agree to the bit, and with dfdx and differences.
pub(crate) fn check(text: &str, inputs: &[(&str, Input)]) {
    let bindings: Bindings = inputs.iter().cloned().collect();
    let model = |mode| interpreter().model_for(text, &bindings, mode).unwrap();
    let [usual, direct] = [Mode::Interpreter, Mode::Direct]
        .map(|mode| evaluate(&model(mode), &bindings, Wrt::All).unwrap());
    assert_eq!(usual.value, direct.value, "{text}");
    assert_eq!(usual.gradient, direct.gradient, "{text}");
    #[cfg(feature = "dfdx")]
    {
        let reference = evaluate(&model(Mode::Reference), &bindings, Wrt::All).unwrap();
        for (a, b) in usual.value.numbers().zip(reference.value.numbers()) {
            assert_relative_eq!(a, b, max_relative = 1e-11, epsilon = 1e-13);
        }
        for (name, _) in inputs {
            let [a, b] = [&usual, &reference].map(|e| e.gradient.jacobian(name).unwrap());
            assert_eq!(a.len(), b.len(), "{text}");
            let scale = a.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
            for (a, b) in a.iter().zip(b) {
                assert!(
                    (a - b).abs() <= 1e-10 * scale,
                    "{text} by {name}: {a} in dfdx {b}"
                );
            }
        }
    }
    let plain = model(Mode::Direct);
    let value = |bindings: &Bindings| -> Vec<f64> {
        let limits = Limits::default();
        let value = plain.value_once(bindings, &limits, &mut Workspace::new());
        value.unwrap().numbers().collect()
    };
    for (name, input) in inputs {
        let mut input = input.clone();
        let count = numbers_mut(&mut input).len();
        for column in 0..count {
            let at = numbers_mut(&mut input)[column];
            let mut shifted = |h: f64| {
                numbers_mut(&mut input)[column] = at + h;
                let mut bindings = bindings.clone();
                bindings.set(*name, input.clone());
                value(&bindings)
            };
            let h = 1e-3;
            let [a, b, c, d] = [-2.0 * h, -h, h, 2.0 * h].map(&mut shifted);
            numbers_mut(&mut input)[column] = at;
            let jacobian = usual.gradient.jacobian(name).unwrap();
            for row in 0..a.len() {
                let slope = (a[row] - 8.0 * b[row] + 8.0 * c[row] - d[row]) / (12.0 * h);
                let found = jacobian[row * count + column];
                assert!(
                    (found - slope).abs() <= 1e-7 * (1.0 + slope.abs()),
                    "{text}: d/d{name}[{column}] of {row} is {found}, by differences {slope}"
                );
            }
        }
    }
}

#[test]
fn elementwise_rows_on_vectors_and_matrices() {
    let mut random = Random::new(base_seed());
    for n in [1, 2, 3, 5, 7] {
        let (v, w) = (vector(n, &mut random), vector(n, &mut random));
        for text in [
            "(+ v w)",
            "(- v w)",
            "(* v w 2)",
            "(- v)",
            "(+ v)",
            "(max v w)",
            "(* 3 v)",
            "(- 1 v)",
            "(sin v)",
            "(exp (* v w))",
            "(square v)",
            "(tanh v)",
            "(sigmoid v)",
            "(abs v)",
            "(atan v)",
            "(log (exp v))",
            "(/ v (+ 5 w))",
            "(expt (+ 3 v) w)",
            "(scale 2.5 v)",
            "(list (+ v w 1) (floor v))",
        ] {
            let inputs: Vec<(&str, Input)> = [("v", &v), ("w", &w)]
                .into_iter()
                .map(|(name, input)| (name, input.clone()))
                .collect();
            check(text, &inputs);
        }
    }
    for (rows, columns) in [(1, 1), (1, 4), (3, 2), (5, 5)] {
        let (a, b) = (
            matrix(rows, columns, &mut random),
            matrix(rows, columns, &mut random),
        );
        for text in ["(+ a b)", "(* a b)", "(cos a)", "(* 2 (- a) b)", "(/ a 4)"] {
            check(text, &[("a", a.clone()), ("b", b.clone())]);
        }
    }
}

#[test]
fn products_and_sums() {
    let mut random = Random::new(base_seed() + 1);
    for (n, k, m) in [
        (1, 1, 1),
        (1, 3, 2),
        (2, 2, 2),
        (3, 4, 2),
        (4, 4, 4),
        (5, 6, 7),
        (8, 3, 6),
    ] {
        let (a, b) = (matrix(n, k, &mut random), matrix(k, m, &mut random));
        let (x, y) = (vector(k, &mut random), vector(n, &mut random));
        check("(matmul a b)", &[("a", a.clone()), ("b", b.clone())]);
        check("(matvec a x)", &[("a", a.clone()), ("x", x.clone())]);
        check(
            "(matmul (transpose b) (transpose a))",
            &[("a", a.clone()), ("b", b.clone())],
        );
        check("(outer x y)", &[("x", x.clone()), ("y", y.clone())]);
        check("(dot x x)", &[("x", x.clone())]);
        check(
            "(list (norm x) (vsum x) (norm a) (vsum a))",
            &[("x", x.clone()), ("a", a.clone())],
        );
        check("(normalize x)", &[("x", x.clone())]);
        check("(vec->list (ref a 0))", &[("a", a.clone())]);
        check(
            "(list->vec (list (vsum x) (ref y 0) 2))",
            &[("x", x), ("y", y)],
        );
        check("(list->vec (vec->list (transpose a)))", &[("a", a.clone())]);
        check("(mat (ref a 0) (ref a 0))", &[("a", a)]);
    }
    let (v, w) = (vector(3, &mut random), vector(3, &mut random));
    check("(cross v w)", &[("v", v), ("w", w)]);
}

#[test]
fn square_matrices() {
    let mut random = Random::new(base_seed() + 2);
    for n in [1, 2, 3, 4, 5, 6, 9] {
        let a = regular(n, &mut random);
        let (b, x) = (matrix(n, 3, &mut random), vector(n, &mut random));
        check("(trace a)", &[("a", a.clone())]);
        check("(logdet a)", &[("a", a.clone())]);
        check("(inv a)", &[("a", a.clone())]);
        check("(solve a b)", &[("a", a.clone()), ("b", b)]);
        check("(solve a x)", &[("a", a.clone()), ("x", x)]);
        check("(cholesky (matmul a (transpose a)))", &[("a", a)]);
        // Not dominated by its diagonal: rows are exchanged.
        let a = matrix(n, n, &mut random);
        check("(det a)", &[("a", a)]);
    }
}

#[test]
fn inverses_and_factors_are_what_they_should_be() {
    let mut random = Random::new(base_seed() + 3);
    for n in [1, 2, 3, 4, 7, 20, 40] {
        let a = matrix(n, n, &mut random);
        let bindings = Bindings::from([("a", a)]);
        for (text, tolerance) in [
            ("(norm (- (matmul a (inv a)) (eye (rows a))))", 1e-9),
            (
                "(norm (- (matmul a (solve a (transpose a))) (transpose a)))",
                1e-9,
            ),
            (
                "(let* ((s (+ (matmul a (transpose a)) (eye (rows a)))) (l (cholesky s)))
               (norm (- (matmul l (transpose l)) s)))",
                1e-10,
            ),
            ("(- (logdet a) (log (abs (det a))))", 1e-9),
            ("(+ (logdet a) (logdet (inv a)))", 1e-8),
        ] {
            let model = interpreter()
                .model_for(text, &bindings, Mode::Interpreter)
                .unwrap();
            let value = evaluate(&model, &bindings, Wrt::Nothing).unwrap().value;
            let value = value.number().unwrap();
            assert!(
                value.abs() <= tolerance * n as f64,
                "{text} at {n} is {value}"
            );
        }
    }
}

#[test]
fn determinants_that_over_and_underflow_have_logarithms() {
    let text = "(logdet (scale s (eye n)))";
    for (s, n) in [
        (1e-200, 2.0),
        (1e200, 2.0),
        (1e-30, 40.0),
        (1e30, 40.0),
        (0.01, 3.0),
    ] {
        let bindings = Bindings::from([("s", s), ("n", n)]);
        let model = interpreter()
            .model_for(text, &bindings, Mode::Interpreter)
            .unwrap();
        let found = evaluate(&model, &bindings, Wrt::Names(&["s"])).unwrap();
        assert_relative_eq!(
            found.value.number().unwrap(),
            n * s.ln(),
            max_relative = 1e-13
        );
        let slope = found.gradient.get("s").unwrap();
        assert_relative_eq!(slope, n / s, max_relative = 1e-12);
    }
    let text = "(inv (scale s (mat [1 2] [3 4])))";
    let bindings = Bindings::from([("s", 1e-200)]);
    let model = interpreter()
        .model_for(text, &bindings, Mode::Interpreter)
        .unwrap();
    let found = evaluate(&model, &bindings, Wrt::Nothing).unwrap().value;
    let found: Vec<f64> = found.numbers().map(|x| x * 1e-200).collect();
    for (found, expected) in found.into_iter().zip([-2.0, 1.0, 1.5, -0.5]) {
        assert_relative_eq!(found, expected, max_relative = 1e-13);
    }
}

#[test]
fn what_does_not_fit_is_told_with_both_shapes() {
    let cases = [
        (
            "(+ [1 2] [1 2 3])",
            Kind::Shape,
            "`+` of a vector of 2 and a vector of 3",
        ),
        (
            "(* (mat [1 2]) [1 2])",
            Kind::Shape,
            "a 1 x 2 matrix and a vector of 2",
        ),
        (
            "(matmul (mat [1 2]) (mat [1 2]))",
            Kind::Shape,
            "`matmul` of 1 x 2 and 1 x 2 matrices",
        ),
        (
            "(matvec (mat [1 2]) [1])",
            Kind::Shape,
            "a 1 x 2 matrix and a vector of 1",
        ),
        (
            "(solve (eye 2) [1 2 3])",
            Kind::Shape,
            "a 2 x 2 matrix and a vector of 3",
        ),
        (
            "(det (mat [1 2]))",
            Kind::Shape,
            "wants a square matrix, got a 1 x 2 matrix",
        ),
        (
            "(cross [1 2 3] [1 2])",
            Kind::Shape,
            "got a vector of 3 and a vector of 2",
        ),
        (
            "(mat [1 2] [1 2 3])",
            Kind::Shape,
            "a vector of 2 and a vector of 3",
        ),
        ("(zeros 0)", Kind::Shape, "sizes of 1 and more"),
        ("(eye -1)", Kind::Shape, "sizes of 1 and more"),
        ("(zeros 2 0.5)", Kind::Type, "whole number"),
        ("(list->vec '())", Kind::Shape, "empty"),
        ("[]", Kind::Arity, "at least 1 argument"),
        (
            "(inv (zeros 2 2))",
            Kind::Type,
            "`inv` of a singular matrix",
        ),
        (
            "(inv (mat [1 2 3] [2 4 6] [1 1 1]))",
            Kind::Type,
            "singular",
        ),
        (
            "(solve (zeros 5 5) (ones 5))",
            Kind::Type,
            "`solve` of a singular matrix",
        ),
        (
            "(cholesky (mat [1 2] [2 1]))",
            Kind::Type,
            "not positive definite",
        ),
        (
            "(cholesky (scale -1 (eye 6)))",
            Kind::Type,
            "not positive definite",
        ),
        ("(ref [1 2] 2)", Kind::Index, "index 2 of a vector of 2"),
        (
            "(ref (eye 2) 0 2)",
            Kind::Index,
            "index 2 of a 2 x 2 matrix",
        ),
        ("(ref [1 2] 0 0)", Kind::Shape, "takes one index"),
        ("(vec [1] 2)", Kind::Type, "wants numbers, got a vector"),
        ("(mat 1 2)", Kind::Type, "wants a vector, got a number"),
        (
            "(matmul [1] [2])",
            Kind::Type,
            "wants a matrix, got a vector",
        ),
        (
            "(dot (eye 2) [1 2])",
            Kind::Type,
            "wants a vector, got a matrix",
        ),
        ("(scale 2 3)", Kind::Type, "got a number and a number"),
        ("(< [1] [2])", Kind::Type, "wants numbers, got a vector"),
        ("(gcd [1] 2)", Kind::Type, "wants numbers"),
        ("(rows [1])", Kind::Type, "wants a matrix"),
        ("(vec->list '(1))", Kind::Type, "wants a vector or matrix"),
        ("(+ [1] 'a)", Kind::Type, "a symbol"),
    ];
    for (text, kind, said) in cases {
        for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
            let model = interpreter()
                .model_for(text, &Bindings::new(), mode)
                .unwrap();
            let error = evaluate(&model, &Bindings::new(), Wrt::Nothing).unwrap_err();
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(error.to_string().contains(said), "{text}: {error}");
            let position = error.position(text).unwrap();
            assert_eq!((position.line, position.column), (1, 1), "{text}");
        }
    }
}

/// What is said is the same in every mode, and in the reference engine.
#[test]
fn a_list_procedure_that_is_given_a_vector_says_what_to_do() {
    let vector = "a vector of 3; `vec->list` makes a list of it, and `vector-map` maps over it";
    let matrix =
        "a 2 x 2 matrix; `vec->list` makes a list of its rows, and `vector-map` maps over them";
    let lists = |name: &str, what: &str| format!("`{name}` wants lists, got {what}");
    let wants = |name: &str, what: &str| format!("`{name}` wants a list, got {what}");
    let cases = [
        ("(car v)", wants("car", vector)),
        ("(caddr v)", wants("caddr", vector)),
        ("(cadr m)", wants("cadr", matrix)),
        ("(map f v)", lists("map", vector)),
        ("(map f m)", lists("map", matrix)),
        ("(map car (list v))", wants("car", vector)),
        ("(map + '(1) v)", lists("map", vector)),
        ("(for-each f v)", lists("for-each", vector)),
        ("(filter f v)", wants("filter", vector)),
        ("(fold-left f 0 v)", lists("fold-left", vector)),
        ("(fold f 0 v)", lists("fold", vector)),
        ("(reduce f 0 v)", wants("reduce", vector)),
        ("(fold-right f 0 v)", wants("fold-right", vector)),
        ("(length v)", wants("length", vector)),
        ("(length m)", wants("length", matrix)),
        ("(append v '(1))", wants("append", vector)),
        ("(reverse v)", wants("reverse", vector)),
        ("(list-ref v 1)", wants("list-ref", vector)),
        ("(list-tail v 1)", wants("list-tail", vector)),
        ("(member 1 v)", wants("member", vector)),
        ("(assq 1 v)", wants("assq", vector)),
        (
            "(apply f v)",
            format!("`apply` wants a list last, got {vector}"),
        ),
    ];
    let modes = [
        Mode::Interpreter,
        Mode::Direct,
        Mode::Nested,
        #[cfg(feature = "dfdx")]
        Mode::Reference,
    ];
    let bindings = Bindings::from([
        ("v", Input::from([1.0, 2.0, 3.0])),
        ("m", Input::from([[1.0, 2.0], [3.0, 4.0]])),
    ]);
    for (call, said) in cases {
        let text = format!("(define (f . all) 1)\n(list {call})");
        for mode in modes {
            let model = interpreter().model_for(&text, &bindings, mode).unwrap();
            let error = evaluate(&model, &bindings, Wrt::Nothing).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string()),
                (Kind::Type, said.clone())
            );
            let position = error.position(&text).unwrap();
            assert_eq!((position.line, position.column), (2, 7), "{call} {mode:?}");
        }
    }
}

#[test]
fn arrays_of_rust_are_vectors_and_matrices() {
    let vector = Input::Vector(vec![1.0, 2.0]);
    let numbers = vec![1.0, 2.0];
    assert_eq!(Input::from(numbers.as_slice()), vector);
    assert_eq!(Input::from(&numbers), vector);
    assert_eq!(Input::from(numbers), vector);
    assert_eq!(Input::from([1.0, 2.0]), vector);
    assert_eq!(Input::from(&[1.0, 2.0]), vector);
    let matrix = Input::matrix(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
    assert_eq!(Input::from([[1.0, 2.0], [3.0, 4.0]]), matrix);
    assert_eq!(Input::from(vec![vec![1.0, 2.0], vec![3.0, 4.0]]), matrix);
    // As many numbers as a 3 x 2 matrix has, in rows that make none.
    let ragged = Input::from(vec![vec![1.0, 2.0], vec![3.0], vec![4.0, 5.0, 6.0]]);
    for input in [ragged, Input::from(vec![vec![]; 2]), Input::from([0.0; 0])] {
        let bindings = Bindings::from([("a", input)]);
        let model = interpreter().model("a").unwrap();
        let error = evaluate(&model, &bindings, Wrt::Nothing).unwrap_err();
        assert_eq!(error.kind(), Kind::Request, "{error}");
    }
}

#[test]
fn inputs_of_a_wrong_shape_are_refused() {
    let wrong = Input::Matrix {
        rows: 2,
        columns: 2,
        numbers: vec![1.0; 3],
    };
    for (input, said) in [
        (wrong, "3 numbers are given for a 2 x 2 matrix"),
        (Input::Vector(Vec::new()), "a number or more"),
    ] {
        let bindings = Bindings::from([("a", input)]);
        let model = interpreter()
            .model_for("a", &bindings, Mode::Direct)
            .unwrap();
        let error = evaluate(&model, &bindings, Wrt::Nothing).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(Input::matrix(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    let nothing: [&[f64]; 0] = [];
    assert!(Input::matrix(&nothing).is_err());
}

#[test]
fn a_pivot_that_changes_is_another_path_and_a_singular_lane_an_error() {
    let text = "(vsum (inv (mat [a 1 0] [1 b 2] [0 3 1])))";
    let bindings = Bindings::from([("a", 0.5), ("b", 2.0)]);
    let model = interpreter()
        .model_for(text, &bindings, Mode::Interpreter)
        .unwrap();
    let column = [0.5, 3.0, -2.0, 0.0, 0.25, -0.25];
    let mut workspace = Workspace::new();
    let lanes = model.value_and_grad_lanes(
        &bindings,
        &[("a", &column)],
        &["a", "b"],
        OnError::Collect,
        &Limits::default(),
        &mut workspace,
    );
    let lanes = lanes.unwrap();
    for (lane, a) in column.into_iter().enumerate() {
        let bindings = Bindings::from([("a", a), ("b", 2.0)]);
        let fresh = interpreter()
            .model_for(text, &bindings, Mode::Direct)
            .unwrap();
        match (
            evaluate(&fresh, &bindings, Wrt::Names(&["a"])),
            &lanes.values[lane],
        ) {
            (Ok(fresh), Ok(found)) => {
                assert_eq!(found, &fresh.value);
                assert_eq!(lanes.per_lane[0].1[lane], fresh.gradient.get("a"));
            }
            (Err(fresh), Err(found)) => assert_eq!(found.to_string(), fresh.to_string()),
            (fresh, found) => panic!("at {a}: {fresh:?} and {found:?}"),
        }
    }
    // a (b - 6) = 1 is where it is singular.
    assert!(lanes.values[5].is_err());
}

#[test]
fn lanes_of_arrays_and_lists_are_as_each_alone() {
    let text = "(define l (map (lambda (x) (* x x)) items))
        (if (> (vsum v) 5) (error \"large\" (car l)) (* (fold-left + a l) (dot v (matvec m v))))";
    let items = |x: f64| Input::List(vec![x, 0.5, -x]);
    let vector = |x: f64| Input::from([x, 1.0]);
    let matrix = |x: f64| Input::from([[x, 2.0], [-1.0, 0.25 * x]]);
    let lanes: Vec<f64> = (0..70).map(|lane| f64::from(lane) * 0.1 - 1.5).collect();
    let column = |input: &dyn Fn(f64) -> Input| lanes.iter().map(|&x| input(x)).collect::<Vec<_>>();
    let columns = [column(&items), column(&vector), column(&matrix)];
    let wrt = ["a", "items", "v", "m"];
    let modes = [
        Mode::Interpreter,
        Mode::Direct,
        Mode::Nested,
        #[cfg(feature = "dfdx")]
        Mode::Reference,
    ];
    for mode in modes {
        let given = |lane: usize| {
            Bindings::from([
                ("a", Input::from(3.0)),
                ("items", columns[0][lane].clone()),
                ("v", columns[1][lane].clone()),
                ("m", columns[2][lane].clone()),
            ])
        };
        let model = interpreter().model_for(text, &given(0), mode).unwrap();
        let found = model
            .value_and_grad_lanes_of(
                &Bindings::from([("a", 3.0)]),
                &[
                    ("items", &columns[0]),
                    ("v", &columns[1]),
                    ("m", &columns[2]),
                ],
                &wrt,
                OnError::Collect,
                &Limits::default(),
                &mut Workspace::new(),
            )
            .unwrap();
        let mut by_a = 0.0;
        for lane in 0..lanes.len() {
            let alone = evaluate(&model, &given(lane), Wrt::Names(&wrt));
            let (Ok(alone), Ok(value)) = (&alone, &found.values[lane]) else {
                let errors = (alone.unwrap_err(), found.values[lane].as_ref().unwrap_err());
                assert_eq!(errors.0.to_string(), errors.1.to_string());
                assert!(
                    found
                        .per_lane_lists
                        .iter()
                        .all(|(_, rows)| rows[lane].is_none())
                );
                continue;
            };
            assert_eq!(value, &alone.value, "{mode:?} {lane}");
            by_a += alone.gradient.get("a").unwrap();
            for (name, rows) in &found.per_lane_lists {
                let row = rows[lane].as_deref().unwrap();
                let expected = alone.gradient.jacobian(name).unwrap();
                assert_eq!(row, expected, "{mode:?} {name} {lane}");
            }
        }
        let sum = found.shared[0].1;
        assert!((sum - by_a).abs() <= 1e-12 * by_a.abs(), "{sum} {by_a}");
        assert!(found.values.iter().any(Result::is_err) && found.per_lane_lists.len() == 3);
    }
}

#[test]
fn vectors_survive_collections() {
    let text = "(define (grow n v acc)
          (if (= n 0) (vsum (+ v (car acc))) (grow (- n 1) (+ v 1) (list (scale 0.5 v)))))
        (grow 200000 [1 2 3] (list [0 0 0]))";
    let model = interpreter().model(text).unwrap();
    let value = model
        .value(&Bindings::new(), &mut Workspace::new())
        .unwrap();
    // v ends at 200000 + (1 2 3); the list holds half of what came before.
    let expected = 1.5 * (3.0 * 200_000.0 + 6.0) - 1.5;
    assert_eq!(value.number(), Some(expected));
}

#[test]
fn what_is_too_large_meets_a_limit() {
    for text in [
        "(zeros 1e9)",
        "(eye 1e5)",
        "(let ((v (zeros 100000))) (outer v v))",
        "(let ((a (zeros 3000 3000))) (matmul a a))",
        "(zeros 1e9 1e9)",
    ] {
        let model = interpreter().model(text).unwrap();
        let limits = Limits::default().fuel(1_000_000).heap_bytes(1 << 28);
        let result = model.value_once(&Bindings::new(), &limits, &mut Workspace::new());
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Resource, "{text}: {error}");
    }
}

#[test]
fn values_are_written_as_they_can_be_read() {
    for (text, scheme, json) in [
        ("[1 2.5]", "[1.0 2.5]", "[1.0,2.5]"),
        (
            "(mat [1 2] [3 4])",
            "(mat [1.0 2.0] [3.0 4.0])",
            "[[1.0,2.0],[3.0,4.0]]",
        ),
        (
            "(list [1] (zeros 1 1) 2)",
            "([1.0] (mat [0.0]) 2)",
            "[[1.0],[[0.0]],2.0]",
        ),
        ("(list (vlen [1 2]) (rows (eye 3)))", "(2 3)", "[2.0,3.0]"),
    ] {
        let model = interpreter().model(text).unwrap();
        let value = model
            .value(&Bindings::new(), &mut Workspace::new())
            .unwrap();
        assert_eq!(value.to_scheme(), scheme);
        assert_eq!(value.to_json(), json);
    }
}

#[test]
fn a_replay_of_larger_matrices_is_the_walk_to_the_bit() {
    // Runs, transposed runs, gathered and constant operands; failures that are guarded.
    let text = "(define s (+ (matmul a (transpose a)) (eye (rows a))))
        (define mixed (mat (ref a 0) (ref a 1) (scale 2 (ref a 2)) [1 0 2 0 3] (ref s 0)))
        (define l (cholesky s))
        (list (matmul (transpose mixed) s) (solve s (matvec mixed x)) (logdet mixed)
              (det mixed) (vsum (inv s)) (matvec (matmul l (transpose l)) x)
              (matmul (mat [1 2 3 4 5] [5 4 3 2 1]) a))";
    let mut random = Random::new(base_seed() + 5);
    let mut draw = || {
        Bindings::from([
            ("a", matrix(5, 5, &mut random)),
            ("x", vector(5, &mut random)),
        ])
    };
    let first = draw();
    let model = interpreter()
        .model_for(text, &first, Mode::Interpreter)
        .unwrap();
    let mut workspace = Workspace::new();
    let limits = Limits::default();
    for round in 0..20 {
        let bindings = if round == 0 { first.clone() } else { draw() };
        let warm = model
            .evaluate(&bindings, Wrt::All, &limits, &mut workspace)
            .unwrap();
        assert_eq!(warm.stats.replayed, round > 0);
        let fresh = interpreter()
            .model_for(text, &bindings, Mode::Direct)
            .unwrap();
        let fresh = evaluate(&fresh, &bindings, Wrt::All).unwrap();
        assert_eq!(warm.value, fresh.value);
        assert_eq!(warm.gradient, fresh.gradient);
        // Forwards, as there are more outputs than one name has numbers.
        let forward = model.evaluate(&bindings, Wrt::Names(&["x"]), &limits, &mut workspace);
        let forward = forward.unwrap();
        let [a, b] = [&warm, &forward].map(|e| e.gradient.jacobian("x").unwrap());
        let scale = a.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!(
                (a - b).abs() <= 1e-12 * scale,
                "backwards {a}, forwards {b}"
            );
        }
    }
    // A singular matrix takes the recorded path no further.
    let text = "(vsum (solve a [1 2 3 4 5]))";
    let model = interpreter()
        .model_for(text, &first, Mode::Interpreter)
        .unwrap();
    model
        .evaluate(&first, Wrt::All, &limits, &mut workspace)
        .unwrap();
    let mut singular = first.clone();
    singular.set("a", Input::matrix(&[[1.0; 5]; 5]).unwrap());
    let error = model
        .evaluate(&singular, Wrt::All, &limits, &mut workspace)
        .unwrap_err();
    assert!(error.to_string().contains("singular"), "{error}");
}

#[test]
fn ill_conditioned_matrices_are_as_accurate_as_they_can_be() {
    for n in [2, 3, 4, 6, 8] {
        let entry = |i: usize, j: usize| 1.0 / (i + j + 1) as f64;
        let rows: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..n).map(|j| entry(i, j)).collect())
            .collect();
        // Hilbert's matrix: its condition grows by a factor of about 30 with each row.
        let condition = 33.0_f64.powf(n as f64 - 1.0);
        let right: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
        let bindings = Bindings::from([
            ("h", Input::matrix(&rows).unwrap()),
            ("b", Input::Vector(right)),
        ]);
        for text in ["(solve h b)", "(matvec (inv h) b)"] {
            let model = interpreter()
                .model_for(text, &bindings, Mode::Interpreter)
                .unwrap();
            let found = evaluate(&model, &bindings, Wrt::Names(&["b"])).unwrap();
            for x in found.value.numbers() {
                let allowed = 1e-15 * condition * n as f64;
                assert!((x - 1.0).abs() <= allowed, "{text} at {n}: {x}");
            }
            // The derivative by the right side is the inverse, whose entries are known whole numbers.
            let corner = found.gradient.jacobian("b").unwrap()[0];
            let exact = (n * n) as f64;
            assert_relative_eq!(corner, exact, max_relative = 1e-15 * condition * n as f64);
        }
        let model = interpreter()
            .model_for(
                "(list (logdet h) (logdet (inv h)))",
                &bindings,
                Mode::Direct,
            )
            .unwrap();
        let found = evaluate(&model, &bindings, Wrt::Nothing).unwrap().value;
        let found: Vec<f64> = found.numbers().collect();
        let allowed = 1e-14 * condition;
        assert!((found[0] + found[1]).abs() <= allowed, "{found:?} at {n}");
    }
}
