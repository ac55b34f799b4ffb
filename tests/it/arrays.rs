//! Reductions, arrangements and factors: each against the modes, dfdx and differences, and by what
//! defines it.
//!
//! **Invariants**
//! - Every primitive is differentiated by all numbers of its arguments, in sizes done number by number
//!   and in sizes done as a whole.

use crate::random::{Random, base_seed};
use crate::vectors::{check, interpreter, matrix, regular, vector};
use dmci::{Bindings, Error, Input, Limits, Mode, Workspace, Wrt};

#[test]
fn reductions_of_vectors_lists_and_matrices() {
    let mut random = Random::new(base_seed());
    for n in [2, 3, 7] {
        let v = vector(n, &mut random);
        for text in [
            "(list (sum v) (prod v) (mean v) (variance v) (logsumexp v))",
            "(list (cumsum v) (softmax v) (sort v))",
            "(let ((l (vec->list v))) (list (sum l) (prod l) (mean l) (variance l) (logsumexp l)))",
            "(let ((l (vec->list v))) (append (cumsum l) (softmax l) (sort l) (sort l >)))",
            "(* (ref v 0) (argmax v))",
        ] {
            check(text, &[("v", v.clone())]);
        }
        let a = matrix(n, 2, &mut random);
        let text = "(list (sum a) (prod a) (mean a) (variance a) (logsumexp a))";
        check(text, &[("a", a)]);
    }
}

#[test]
fn interpolation_by_points_knots_and_values() {
    let knots = Input::List(vec![-1.0, 0.25, 1.0, 4.0]);
    let values = Input::Vector(vec![2.0, -1.0, 0.5, 3.0]);
    for x in [-2.0, -0.5, 0.5, 3.0, 6.0] {
        for text in ["(interp x k v)", "(interp x k v 'linear)"] {
            let inputs = [
                ("x", Input::Number(x)),
                ("k", knots.clone()),
                ("v", values.clone()),
            ];
            check(text, &inputs);
        }
    }
    let points = Input::Vector(vec![-2.0, 0.5, 3.0]);
    check(
        "(interp x k v)",
        &[("x", points), ("k", knots), ("v", values)],
    );
}

#[test]
fn arrangements() {
    let mut random = Random::new(base_seed() + 1);
    for (rows, columns) in [(1, 1), (2, 3), (3, 2)] {
        let (a, b) = (
            matrix(rows, columns, &mut random),
            vector(rows, &mut random),
        );
        let c = vector(columns, &mut random);
        for text in [
            "(list (diag a) (diag b) (row a 0) (col a 0))",
            "(list (hstack a b) (vstack a c) (concat b 2 c) (hstack b c) (vstack c c) (hstack a a))",
            "(list (slice a 0 1) (slice b 0) (reshape a (* (rows a) (cols a))) (outer-sum b c))",
        ] {
            check(
                text,
                &[("a", a.clone()), ("b", b.clone()), ("c", c.clone())],
            );
        }
    }
}

#[test]
fn triangular_systems() {
    let mut random = Random::new(base_seed() + 2);
    for n in [1, 2, 4, 5, 9] {
        let a = regular(n, &mut random);
        let (x, b) = (vector(n, &mut random), matrix(n, 3, &mut random));
        for text in [
            "(list (solve-triangular a x) (solve-triangular a b))",
            "(list (solve-triangular a x 'upper) (solve-triangular a b 'upper))",
            "(list (cholesky-solve a x) (cholesky-solve a b))",
        ] {
            check(
                text,
                &[("a", a.clone()), ("x", x.clone()), ("b", b.clone())],
            );
        }
    }
}

#[test]
fn factors_number_by_number() {
    let mut random = Random::new(base_seed() + 3);
    for (rows, columns) in [(1, 1), (2, 2), (3, 3), (4, 2), (2, 4), (5, 5)] {
        let a = if rows == columns {
            regular(rows, &mut random)
        } else {
            matrix(rows, columns, &mut random)
        };
        check("(lu a)", &[("a", a.clone())]);
        check("(qr a)", &[("a", a)]);
    }
    for n in [1, 2, 3, 5] {
        let a = matrix(n, n, &mut random);
        check("(expm (* 0.1 a))", &[("a", a.clone())]);
        check("(expm a)", &[("a", a)]);
    }
}

/// Numbers far enough from each other for differences to be accurate.
const APART: &str = "(define d (diag (slice [3 9 16 24 33 43] 0 n)))";

#[test]
fn eigenvalues_and_singular_values() {
    let mut random = Random::new(base_seed() + 4);
    for n in [2, 3, 5] {
        let a = matrix(n, n, &mut random);
        let text = format!("(define n {n}) {APART} (eigh (+ d a))");
        check(&text, &[("a", a.clone())]);
        let text = format!("(define n {n}) {APART} (svd (+ d a))");
        check(&text, &[("a", a.clone())]);
        let b = matrix(2, n, &mut random);
        let text = format!("(define n {n}) {APART} (svd (vstack d b))");
        check(&text, &[("b", b.clone())]);
        let text = format!("(define n {n}) {APART} (svd (transpose (vstack d b)))");
        check(&text, &[("b", b)]);
    }
}

/// Programs whose value is zero, at random matrices.
#[test]
fn factors_multiply_to_what_they_are_of() -> Result<(), Error> {
    let mut random = Random::new(base_seed() + 5);
    let mut workspace = Workspace::new();
    for (rows, columns) in [(1, 1), (2, 2), (5, 3), (3, 5), (8, 8), (20, 12), (12, 20)] {
        let a = matrix(rows, columns, &mut random);
        for text in [
            "(let ((f (lu a))) (- (matmul (caddr f) a) (matmul (car f) (cadr f))))",
            "(let ((f (qr a))) (- a (matmul (car f) (cadr f))))",
            "(let ((q (car (qr a)))) (- (eye (cols q)) (matmul (transpose q) q)))",
            "(let ((f (svd a))) (- a (matmul (matmul (car f) (diag (cadr f))) (transpose (caddr f)))))",
            "(let ((u (car (svd a)))) (- (eye (cols u)) (matmul (transpose u) u)))",
            "(let ((v (caddr (svd a)))) (- (eye (cols v)) (matmul (transpose v) v)))",
            "(let* ((s (matmul a (transpose a))) (f (eigh s)))
               (- s (matmul (matmul (cadr f) (diag (car f))) (transpose (cadr f)))))",
            "(let* ((s (/ (matmul a (transpose a)) (rows a))))
               (- (eye (rows a)) (matmul (expm s) (expm (- s)))))",
        ] {
            let bindings = Bindings::from([("a", a.clone())]);
            let model = interpreter().model_for(text, &bindings, Mode::Interpreter)?;
            let limits = Limits::default();
            let value = model.value_once(&bindings, &limits, &mut workspace)?;
            let tolerance = if text.contains("expm") { 1e-6 } else { 1e-12 };
            for x in value.numbers() {
                assert!(x.abs() < tolerance, "{text} of {rows} x {columns}: {x}");
            }
        }
    }
    Ok(())
}

/// What would take more memory than there is fails, and says so.
#[test]
fn sizes_meet_the_limits() {
    for text in [
        "(diag (zeros 100000))",
        "(outer-sum (zeros 100000) (zeros 100000))",
        "(+ (sum (iota 5000)) (trace (eye 1e15)))",
        "(map eye '(1e15))",
        "(eigh (+ x (zeros 2000 2000)))",
        "(svd (+ x (zeros 2000 2000)))",
        "(qr (+ x (zeros 1000 1000)))",
        "(lu (+ x (zeros 1000 1000)))",
        "(expm (+ x (zeros 3000 3000)))",
    ] {
        let bindings = Bindings::from([("x", 1.0)]);
        let limits = Limits::default().fuel(1_000_000).heap_bytes(64 << 20);
        let model = interpreter()
            .model_for(text, &bindings, Mode::Interpreter)
            .unwrap();
        let error = model.evaluate(&bindings, Wrt::All, &limits, &mut Workspace::new());
        let error = error.expect_err(text).to_string();
        assert!(error.contains("out of"), "{text}: {error}");
    }
}
