//! Programs that ask for time: what each unit of fuel buys, in every kind of procedure.

use super::case::Case;
use super::case::Want::{Answer, Limit};
use super::text::{numbered, repeat};
use serde_json::json;

const LIMITS: &[&str] = &["fuel", "heap"];

/// An endless loop over a list, a vector, a text or a number: name, definitions, expression of `x`.
const LOOPS: [(&str, &str, &str); 58] = [
    ("time/loop", "", "(+ x 1)"),
    ("time/length", "(define l (iota 100000))", "(length l)"),
    (
        "time/list-ref",
        "(define l (iota 100000))",
        "(list-ref l 99999)",
    ),
    (
        "time/list-tail",
        "(define l (iota 100000))",
        "(length (list-tail l 99999))",
    ),
    ("time/memv", "(define l (iota 100000))", "(memv 'a l)"),
    ("time/memq", "(define l (iota 100000))", "(memq 'a l)"),
    ("time/member", "(define l (iota 100000))", "(member 'a l)"),
    (
        "time/assv",
        "(define l (map (lambda (i) (cons i i)) (iota 50000)))",
        "(assv 'a l)",
    ),
    (
        "time/assoc",
        "(define l (map (lambda (i) (cons i i)) (iota 50000)))",
        "(assoc 'a l)",
    ),
    ("time/list?", "(define l (iota 100000))", "(list? l)"),
    (
        "time/equal?",
        "(define l (iota 100000)) (define m (iota 100000))",
        "(equal? l m)",
    ),
    (
        "time/equal-vectors",
        "(define l (ones 100000)) (define m (ones 100000))",
        "(equal? l m)",
    ),
    (
        "time/equal-strings",
        "(define l (make-string 100000 #\\a)) (define m (make-string 100000 #\\a))",
        "(equal? l m)",
    ),
    ("time/reverse", "(define l (iota 100000))", "(reverse l)"),
    ("time/append", "(define l (iota 100000))", "(append l l)"),
    ("time/apply", "(define l (iota 100000))", "(apply list l)"),
    ("time/apply-sum", "(define l (iota 100000))", "(apply + l)"),
    (
        "time/apply-max",
        "(define l (iota 100000))",
        "(apply max l)",
    ),
    (
        "time/apply-lambda",
        "(define l (iota 100000))",
        "(apply (lambda r 1) l)",
    ),
    (
        "time/list->vec",
        "(define l (iota 100000))",
        "(list->vec l)",
    ),
    (
        "time/vec->list",
        "(define v (ones 100000))",
        "(vec->list v)",
    ),
    ("time/norm", "(define v (ones 100000))", "(norm v)"),
    ("time/vsum", "(define v (ones 100000))", "(vsum v)"),
    ("time/dot", "(define v (ones 100000))", "(dot v v)"),
    ("time/elementwise", "(define v (ones 100000))", "(+ v v)"),
    ("time/exp", "(define v (ones 100000))", "(exp v)"),
    ("time/lgamma", "(define v (ones 100000))", "(lgamma v)"),
    (
        "time/digamma",
        "(define v (* -1.5 (ones 10000)))",
        "(digamma v)",
    ),
    (
        "time/sort-vector",
        "(define v (cumsum (ones 10000)))",
        "(sort v)",
    ),
    ("time/sort-list", "(define l (iota 10000))", "(sort l >)"),
    (
        "time/sort-nan",
        "(define l (map (lambda (i) +nan.0) (iota 10000)))",
        "(sort l)",
    ),
    ("time/softmax", "(define v (ones 100000))", "(softmax v)"),
    ("time/argmax", "(define v (ones 100000))", "(argmax v)"),
    ("time/variance", "(define l (iota 100000))", "(variance l)"),
    (
        "time/interp",
        "(define k (cumsum (ones 10000)))",
        "(interp k k k)",
    ),
    ("time/matmul", "(define m (ones 200 200))", "(matmul m m)"),
    (
        "time/matvec",
        "(define m (ones 500 500)) (define v (ones 500))",
        "(matvec m v)",
    ),
    (
        "time/transpose",
        "(define m (ones 500 500))",
        "(transpose m)",
    ),
    (
        "time/solve",
        "(define m (+ (eye 150) (ones 150 150))) (define v (ones 150))",
        "(solve m v)",
    ),
    (
        "time/cholesky",
        "(define m (+ (eye 150) (ones 150 150)))",
        "(cholesky m)",
    ),
    (
        "time/inv",
        "(define m (+ (eye 100) (ones 100 100)))",
        "(inv m)",
    ),
    (
        "time/eigh",
        "(define m (+ (eye 60) (ones 60 60)))",
        "(eigh m)",
    ),
    (
        "time/svd",
        "(define m (+ (eye 60) (ones 60 60)))",
        "(svd m)",
    ),
    ("time/expm", "(define m (* 1e6 (eye 60)))", "(expm m)"),
    ("time/outer", "(define v (ones 300))", "(outer v v)"),
    ("time/concat", "(define v (ones 100000))", "(concat v v)"),
    ("time/slice", "(define v (ones 100000))", "(slice v 1)"),
    (
        "time/reshape",
        "(define v (ones 100000))",
        "(reshape v 1000 100)",
    ),
    (
        "time/delete-duplicates",
        "(define l (iota 500))",
        "(delete-duplicates l)",
    ),
    ("time/last", "(define l (iota 100000))", "(last l)"),
    (
        "time/string-append",
        "(define s (make-string 100000 #\\a))",
        "(string-append s s)",
    ),
    (
        "time/string-length",
        "(define s (make-string 100000 #\\λ))",
        "(string-length s)",
    ),
    (
        "time/string-ref",
        "(define s (make-string 100000 #\\λ))",
        "(string-ref s 99999)",
    ),
    (
        "time/substring",
        "(define s (make-string 100000 #\\λ))",
        "(substring s 10 99999)",
    ),
    (
        "time/string-compare",
        "(define s (make-string 100000 #\\a)) (define t (make-string 100000 #\\a))",
        "(string<? s t)",
    ),
    (
        "time/string->number",
        "(define s (make-string 10000 #\\9))",
        "(string->number s)",
    ),
    (
        "time/string->symbol",
        "(define s (make-string 100000 #\\a))",
        "(string->symbol s)",
    ),
    ("time/gcd", "", "(gcd 1e308 3 6765e250 4181e250)"),
];

pub(crate) fn cases() -> Vec<Case> {
    let fixed = |name, source: &'static str, want| Case::program(name, move || source.into(), want);
    let made = |name, source: fn() -> String, want| Case::program(name, source, want);
    let mut cases: Vec<Case> = LOOPS
        .iter()
        .map(|(name, before, each)| {
            let source = move || format!("{before} (define (f x) (f {each})) (f 1)");
            Case::program(name, source, Limit(LIMITS))
        })
        .collect();
    cases.extend([
        made("time/or-16000", || format!("(or {})", repeat("x ", 16_000)), Answer)
            .with(json!({"inputs": {"x": 1}})),
        made("time/or-of-false", || format!("(or {} 7)", repeat("#f ", 100_000)), Answer),
        made("time/and-100000", || format!("(and {})", repeat("1 ", 100_000)), Answer),
        made("time/cond-100000", || format!("(cond {} (else 7))", repeat("(#f 1) ", 100_000)), Answer),
        made("time/case-loop", || {
            format!("(define (f x) (f (case x {} (else 7)))) (f 7)", numbered(5000, |i| format!("((k{i}) {i})")))
        }, Limit(LIMITS)),
        made("time/cond-loop", || {
            format!("(define (f x) (f (cond {} (else 7)))) (f 7)", numbered(5000, |i| format!("((eq? x 'k{i}) {i})")))
        }, Limit(LIMITS)),
        made("time/or-loop", || {
            format!("(define (f x) (f (or {} 7))) (f 7)", repeat("#f ", 5000))
        }, Limit(LIMITS)),
        made("time/definitions-3000", || {
            numbered(3000, |i| format!("(define (v{i} x) (v{} x))", (i + 1) % 3000)) + "(v0 1)"
        }, Limit(LIMITS)),
        made("time/definitions-20000", || {
            numbered(20_000, |i| format!("(define (v{i} x) (v{} x))", (i + 1) % 20_000)) + "(v0 1)"
        }, Limit(LIMITS)),
        made("time/let-deep", || {
            let deep = 1000;
            format!("(define (f x) {} (f a0) {}) (f 1)", numbered(deep, |i| format!("(let ((a{i} x))")), ")".repeat(deep))
        }, Limit(LIMITS)),
        made("time/wide-frame", || {
            format!("(define (f {}) (f {})) (f {})", numbered(1000, |i| format!("a{i}")), numbered(1000, |i| format!("a{}", 999 - i)), repeat("1 ", 1000))
        }, Limit(LIMITS)),
        made("time/long-quotes", || {
            format!("(define (f x) (f '({}))) (f 1)", repeat("1 ", 100_000))
        }, Limit(LIMITS)),
        made("time/quasi-loop", || {
            format!("(define (f x) (f `({} ,x))) (f 1)", repeat("1 ", 10_000))
        }, Limit(LIMITS)),
        fixed("time/splice-loop", "(define l (iota 100000)) (define (f x) (f `(,@l ,x))) (f 1)", Limit(LIMITS)),
        fixed("time/busy-beaver", "(define (a m n) (cond ((= m 0) (+ n 1)) ((= n 0) (a (- m 1) 1)) (else (a (- m 1) (a m (- n 1)))))) (a 4 2)", Limit(LIMITS)),
        fixed("time/fib", "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib 80)", Limit(LIMITS)),
        fixed("time/church", "(define (t f) (lambda (x) (f (f x)))) ((((((t t) t) t) t) (lambda (x) (+ x 1))) 0)", Limit(LIMITS)),
        fixed("time/y", "(define (y f) ((lambda (x) (f (lambda (v) ((x x) v)))) (lambda (x) (f (lambda (v) ((x x) v)))))) ((y (lambda (g) (lambda (n) (g (+ n 1))))) 0)", Limit(LIMITS)),
        fixed("time/collatz", "(let outer ((n 1)) (outer (let go ((k n)) (if (= k 1) (+ n 1) (go (if (even? k) (/ k 2) (+ 1 (* 3 k))))))))", Limit(LIMITS)),
        fixed("time/records", "(define-record-type p (mk a) p? (a pa)) (define (f r) (f (mk (+ 1 (pa r))))) (f (mk 0))", Limit(LIMITS)),
        fixed("time/case-lambda", "(define f (case-lambda ((a) (f a 1)) ((a b) (f a b 1)) ((a b . c) (f a)))) (f 1)", Limit(LIMITS)),
        fixed("time/values", "(define (f a b) (call-with-values (lambda () (values b a)) f)) (f 1 2)", Limit(LIMITS)),
        fixed("time/root-loop", "(define (f x) (f (root (lambda (u) (- (exp u) 2)) -1 3))) (f 1)", Limit(LIMITS)),
        fixed("time/fixed-point-loop", "(define (f x) (f (fixed-point (lambda (u) (cos u)) 0.5))) (f 1)", Limit(LIMITS)),
        fixed("time/density-loop", "(define (f x) (f (normal-lpdf x 0 1))) (f 1)", Limit(LIMITS)),
        fixed("time/folds", "(define l (iota 100000)) (define (f x) (f (fold + 0 l))) (f 1)", Limit(LIMITS)),
        fixed("time/filter", "(define l (iota 100000)) (define (f x) (f (filter even? l))) (f 1)", Limit(LIMITS)),
        fixed("time/map-car", "(define l (map list (iota 10000))) (define (f x) (f (map car l))) (f 1)", Limit(LIMITS)),
        fixed("time/error-late", "(define (f n) (if (= n 0) (car 1) (+ 1 (f (- n 1))))) (f 100000)", Answer),
        fixed("time/warm-inputs", "(let go ((i 0) (s x)) (if (= i 100000) s (go (+ i 1) (+ s (if (> x 0) x (sin x))))))", Answer)
            .with(json!({"inputs": {"x": 1.5}, "wrt": ["x"]})),
        fixed("time/loop-direct", "(let go ((i 0)) (go (+ i 1)))", Limit(LIMITS)).with(json!({"mode": "direct"})),
        fixed("time/loop-nested", "(let go ((i 0)) (go (+ i 1)))", Limit(LIMITS)).with(json!({"mode": "nested"})),
        fixed("time/loop-by-x", "(let go ((i 0) (s x)) (go (+ i 1) (* s 1.000001)))", Limit(LIMITS))
            .with(json!({"inputs": {"x": 1.5}, "wrt": ["x"]})),
        fixed("time/cycle-of-paths", "(let go ((i 0) (s x)) (if (>= i 8) sqrt (go (+ i x) (if (> s b) (* s a) (+ s x)))))", Answer)
            .with(json!({"inputs": {"x": 0.678, "a": 0.5, "b": 0.4}, "mode": "direct"})),
    ]);
    cases
}
