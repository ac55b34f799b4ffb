//! Programs that ask for memory: lists, shared structure, vectors, texts, derivatives, lanes.

use super::case::Case;
use super::case::Want::{Answer, AnyValue, Kind, Limit, Value};
use super::text::{numbered, repeat};
use serde_json::json;

const LIMITS: &[&str] = &["heap", "fuel", "output", "depth"];

pub(crate) fn cases() -> Vec<Case> {
    let fixed = |name, source: &'static str, want| Case::program(name, move || source.into(), want);
    let made = |name, source: fn() -> String, want| Case::program(name, source, want);
    let asked = |name, source: &'static str, names: &'static [&'static str], want| {
        let inputs = |n: f64| json!({"x": n, "v": vec![n; 1000]});
        Case::program(name, move || source.into(), want)
            .with(json!({"inputs": inputs(1.5), "wrt": names}))
    };
    let laughs = |last: &str| {
        String::from("(define a `(1 1 1 1 1 1 1 1 1 1))")
            + &(0..9)
                .map(|i| {
                    let (a, b) = (char::from(b'a' + i), char::from(b'b' + i));
                    format!("(define {b} `({}))", format!(",@{a} ").repeat(10))
                })
                .collect::<String>()
            + last
    };
    let mut cases = vec![
        // Lists.
        fixed(
            "data/append-doubling",
            "(define (f l) (f (append l l))) (f (list 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/append-one",
            "(define (f l) (f (append l '(1)))) (f '(1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/kept-zeros",
            "(define (f l) (f (cons (zeros 1000000) l))) (f (list))",
            Limit(LIMITS),
        ),
        fixed(
            "data/shared-rows",
            "(define v (ones 1000)) (define (f l n) (if (= n 0) l (f (cons v l) (- n 1)))) (list->vec (f (list) 100000))",
            Limit(LIMITS),
        ),
        fixed(
            "data/shared-rows-20000",
            "(define v (ones 1000)) (list->vec (map (lambda (i) v) (iota 20000)))",
            Limit(LIMITS),
        ),
        fixed("data/iota-10^9", "(iota 1000000000)", Limit(LIMITS)),
        fixed("data/iota-10^9-nested", "(iota 1000000000)", Limit(LIMITS))
            .with(json!({"mode": "nested"})),
        fixed("data/iota-10^9-direct", "(iota 1000000000)", Limit(LIMITS))
            .with(json!({"mode": "direct"})),
        fixed(
            "data/iota-10^300",
            "(iota 1e300)",
            Kind(&["resource", "type", "index"]),
        ),
        fixed(
            "data/make-list-10^9",
            "(length (make-list 1000000000 'a))",
            Limit(LIMITS),
        ),
        fixed(
            "data/list-tabulate",
            "(list-tabulate 1000000000 (lambda (i) i))",
            Limit(LIMITS),
        ),
        fixed(
            "data/unfold-forever",
            "(unfold (lambda (i) #f) (lambda (i) i) (lambda (i) (+ i 1)) 0)",
            Limit(LIMITS),
        ),
        fixed(
            "data/cons-forever",
            "(define (f l) (f (cons 1 l))) (f '())",
            Limit(LIMITS),
        ),
        fixed(
            "data/recursion-forever",
            "(define (f n) (+ 1 (f n))) (f 0)",
            Limit(LIMITS),
        ),
        fixed(
            "data/mutual-recursion",
            "(define (f n) (cons n (g n))) (define (g n) (list (f (+ n 1)))) (f 0)",
            Limit(LIMITS),
        ),
        fixed(
            "data/closures-forever",
            "(define (f g) (f (lambda () (g)))) (f (lambda () 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/promises-forever",
            "(define (f p) (f (delay (force p)))) (f (delay 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/delay-force-forever",
            "(define (loop) (delay-force (loop))) (force (loop))",
            Limit(LIMITS),
        ),
        fixed(
            "data/stream",
            "(define (ints n) (cons n (delay (ints (+ n 1))))) (define (go s) (go (force (cdr s)))) (go (ints 0))",
            Limit(LIMITS),
        ),
        fixed(
            "data/stream-kept",
            "(define (ints n) (cons n (delay (ints (+ n 1))))) (define s (ints 0)) (define (go s) (go (force (cdr s)))) (go s)",
            Limit(LIMITS),
        ),
        fixed(
            "data/records-forever",
            "(define-record-type node (node a b) node? (a na) (b nb)) (define (f r) (f (node r r))) (f 1)",
            Limit(LIMITS),
        ),
        fixed(
            "data/values-forever",
            "(define (f . r) (call-with-values (lambda () (apply values 1 r)) f)) (f)",
            Limit(LIMITS),
        ),
        fixed(
            "data/rest-growing",
            "(define (f . r) (apply f 1 r)) (f)",
            Limit(LIMITS),
        ),
        fixed(
            "data/omega",
            "((lambda (x) (x x)) (lambda (x) (x x)))",
            Limit(LIMITS),
        ),
        fixed(
            "data/omega-growing",
            "((lambda (x) (cons 1 (x x))) (lambda (x) (cons 1 (x x))))",
            Limit(LIMITS),
        ),
        fixed(
            "data/append-map",
            "(define (f l) (f (append-map (lambda (v) (list v v)) l))) (f '(1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/apply-append",
            "(define xs (iota 10000)) (length (apply append (map (lambda (i) xs) (iota 10000))))",
            Limit(LIMITS),
        ),
        fixed(
            "data/zip",
            "(define (f l) (f (zip l l l))) (f '(1))",
            Limit(LIMITS),
        ),
        // Shared structure, written out.
        made(
            "data/let-doubling",
            || {
                format!(
                    "(let* ((a (list 1 1)) {}) a)",
                    repeat("(a (list a a)) ", 30)
                )
            },
            Limit(LIMITS),
        ),
        made(
            "data/let-doubling-quasi",
            || format!("(let* ((a '(1 1)) {}) a)", repeat("(a `(,a ,a)) ", 30)),
            Limit(LIMITS),
        ),
        fixed(
            "data/dag-output",
            "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x)))) (f 40 '())",
            Limit(LIMITS),
        ),
        fixed(
            "data/dag-equal",
            "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x)))) (equal? (f 34 1) (f 34 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/dag-member",
            "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x)))) (member (f 34 1) (list (f 34 1)))",
            Limit(LIMITS),
        ),
        fixed(
            "data/dag-of-records",
            "(define-record-type node (node a b) node? (a na) (b nb)) (define (f n x) (if (= n 0) x (f (- n 1) (node x x)))) (equal? (f 34 1) (f 34 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/deep-output",
            "(define (f n x) (if (= n 0) x (f (- n 1) (list x)))) (f 100000 1)",
            Answer,
        ),
        fixed(
            "data/closure-output",
            "(define (f n x) (if (= n 0) (lambda () x) (f (- n 1) (cons x x)))) (f 40 1)",
            AnyValue,
        ),
        Case::program("data/laughs", move || laughs("(length j)"), Limit(LIMITS)),
        made(
            "data/laughs-shared",
            || {
                String::from("(define a `(1 1 1 1 1 1 1 1 1 1))")
                    + &numbered(9, |i| {
                        let (a, b) = (char::from(b'a' + i as u8), char::from(b'b' + i as u8));
                        format!("(define {b} `({}))", format!(",{a} ").repeat(10))
                    })
                    + "j"
            },
            Limit(LIMITS),
        ),
        // Vectors and matrices.
        fixed("data/zeros-10^7", "(zeros 10000000)", Limit(LIMITS)),
        fixed("data/zeros-10^12", "(zeros 1000000000000)", Limit(LIMITS)),
        fixed(
            "data/zeros-product",
            "(zeros 4294967296 4294967296)",
            Kind(&["resource", "shape", "type", "index"]),
        ),
        fixed("data/eye-10^5", "(eye 100000)", Limit(LIMITS)),
        fixed(
            "data/outer-loop",
            "(define (f v) (f (vsum (outer (ones 3000) (ones 3000))))) (f 1)",
            Limit(LIMITS),
        ),
        fixed(
            "data/outer-large",
            "(outer (ones 100000) (ones 100000))",
            Limit(LIMITS),
        ),
        fixed(
            "data/outer-sum",
            "(outer-sum (ones 100000) (ones 100000))",
            Limit(LIMITS),
        ),
        fixed(
            "data/concat-doubling",
            "(define (f v) (f (concat v v))) (f (ones 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/vstack-doubling",
            "(define (f v) (f (vstack v v))) (f (ones 2 2))",
            Limit(LIMITS),
        ),
        fixed(
            "data/hstack-doubling",
            "(define (f v) (f (hstack v v))) (f (ones 2 2))",
            Limit(LIMITS),
        ),
        fixed("data/diag-large", "(diag (ones 100000))", Limit(LIMITS)),
        fixed(
            "data/matmul-large",
            "(define m (ones 3000 3000)) (vsum (matmul m m))",
            Limit(LIMITS),
        ),
        fixed(
            "data/matmul-tall",
            "(vsum (matmul (ones 20000 1) (ones 1 20000)))",
            Limit(LIMITS),
        ),
        fixed(
            "data/vec-list-loop",
            "(define l (iota 100000)) (define (f v) (f (list->vec l))) (f 1)",
            Limit(LIMITS),
        ),
        fixed(
            "data/vector-map",
            "(define v (ones 1000000)) (define (f w) (f (vector-map (lambda (a) (* a 2)) w))) (f v)",
            Limit(LIMITS),
        ),
        fixed(
            "data/inv-500",
            "(define m (+ (eye 500) (ones 500 500))) (ref (inv m) 0 0)",
            Answer,
        ),
        fixed(
            "data/inv-loop",
            "(define m (+ (eye 300) (ones 300 300))) (define (f m) (f (inv m))) (f m)",
            Limit(LIMITS),
        ),
        fixed(
            "data/eigh-500",
            "(define m (+ (eye 500) (ones 500 500))) (ref (car (eigh m)) 0)",
            Answer,
        ),
        fixed(
            "data/eigh-loop",
            "(define m (+ (eye 200) (ones 200 200))) (define (f l) (f (eigh m))) (f 1)",
            Limit(LIMITS),
        ),
        fixed(
            "data/svd-500",
            "(define m (+ (eye 500) (ones 500 500))) (ref (cadr (svd m)) 0)",
            Answer,
        ),
        fixed("data/svd-nan", "(svd (mat [1 +nan.0] [+inf.0 2]))", Answer),
        fixed(
            "data/eigh-nan",
            "(eigh (mat [1 +nan.0] [+nan.0 2]))",
            Answer,
        ),
        fixed("data/eigh-inf", "(eigh (* 1e308 (ones 30 30)))", Answer),
        fixed("data/expm-huge", "(expm (* 1e300 (ones 20 20)))", Answer),
        fixed(
            "data/expm-500",
            "(ref (expm (/ (ones 500 500) 1000)) 0 0)",
            Answer,
        ),
        fixed(
            "data/lu-qr-500",
            "(define m (+ (eye 500) (ones 500 500))) (list (ref (car (lu m)) 0 0) (ref (cadr (qr m)) 0 0))",
            Answer,
        ),
        fixed(
            "data/det-loop",
            "(define m (ones 300 300)) (define (f d) (f (+ d (det m)))) (f 0)",
            Limit(LIMITS),
        ),
        fixed(
            "data/cumsum-loop",
            "(define v (ones 1000000)) (define (f v) (f (cumsum v))) (f v)",
            Limit(LIMITS),
        ),
        // Texts.
        fixed(
            "data/string-doubling",
            "(define (f s) (f (string-append s s))) (f \"ab\")",
            Limit(LIMITS),
        ),
        fixed(
            "data/make-string",
            "(string-length (make-string 1000000000 #\\a))",
            Limit(LIMITS),
        ),
        fixed(
            "data/string-copies",
            "(define s (make-string 1000000 #\\λ)) (define (f l) (f (cons (string-copy s) l))) (f '())",
            Limit(LIMITS),
        ),
        fixed(
            "data/string-list",
            "(define s (make-string 100000 #\\a)) (define (f l) (f (string->list s))) (f '())",
            Limit(LIMITS),
        ),
        fixed(
            "data/string-upcase",
            "(define (f s) (f (string-append (string-upcase s) s))) (f \"ß\")",
            Limit(LIMITS),
        ),
        fixed(
            "data/string-map",
            "(define s (make-string 100000 #\\a)) (define (f s) (f (string-map char-upcase s))) (f s)",
            Limit(LIMITS),
        ),
        fixed(
            "data/number-string",
            "(define (f n l) (f (+ n 1) (cons (number->string n) l))) (f 0 '())",
            Limit(LIMITS),
        ),
        fixed(
            "data/string-escapes",
            "(make-string 10000000 (integer->char 1))",
            Limit(LIMITS),
        ),
        fixed(
            "data/surrogate-made",
            "(integer->char 55296)",
            Kind(&["type", "index", "user"]),
        ),
        fixed(
            "data/monitor-loop",
            "(define (f n) (if (= n 0) 0 (f (- n (monitor \"n\" 1))))) (f 1000000)",
            Limit(&["fuel", "heap", "monitor", "output"]),
        ),
        fixed(
            "data/monitor-large",
            "(define v (ones 100000)) (define (f n) (if (= n 0) 0 (begin (monitor \"v\" v) (f (- n 1))))) (f 10000)",
            Answer,
        ),
        // Derivatives.
        asked(
            "data/jacobian-10^4-by-10^3",
            "(concat v v v v v v v v v v)",
            &["v"],
            Answer,
        ),
        asked(
            "data/jacobian-list",
            "(append (vec->list v) (vec->list (* v v)) (vec->list (exp v)))",
            &["v"],
            Answer,
        ),
        asked("data/jacobian-outer", "(outer v v)", &["v"], Limit(LIMITS)),
        asked(
            "data/jacobian-long-loop",
            "(let go ((i 0) (s x)) (if (= i 200000) s (go (+ i 1) (sin s))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-list-loop",
            "(let go ((i 0) (l '())) (if (= i 100000) (apply + l) (go (+ i 1) (cons (* x i) l))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-growing-list",
            "(let go ((i 0) (l (list x))) (if (= i 100000) l (go (+ i 1) (cons (* x (car l)) l))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-recursion",
            "(define (f n) (if (= n 0) x (* x (f (- n 1))))) (f 100000)",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-matrices",
            "(define m (* x (ones 300 300))) (let go ((i 0) (m m)) (if (= i 50) (vsum m) (go (+ i 1) (matmul m m))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-inv",
            "(define m (+ (eye 300) (* x (ones 300 300)))) (vsum (inv m))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-svd",
            "(define m (+ (eye 200) (outer (* x (ones 200)) (ones 200)))) (vsum (cadr (svd m)))",
            &["x"],
            Answer,
        ),
        asked(
            "data/gradient-of-sort",
            "(let go ((i 0) (v v)) (if (= i 300) (vsum v) (go (+ i 1) (sort (* v x)))))",
            &["v", "x"],
            Answer,
        ),
        asked(
            "data/gradient-of-root",
            "(let go ((i 0) (s 0)) (if (= i 5000) s (go (+ i 1) (+ s (root (lambda (u) (- (exp u) (+ x i))) -50 50)))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/fixed-point-never",
            "(fixed-point (lambda (u) (- x u)) 0.1)",
            &["x"],
            Kind(&["user", "resource"]),
        ),
        asked(
            "data/root-discontinuous",
            "(root (lambda (u) (if (> u 0.3) 1 -1)) -1 1)",
            &["x"],
            Answer,
        ),
        asked(
            "data/soft-choices",
            "(let go ((i 0) (s x)) (if (= i 30000) s (go (+ i 1) (soft-choice (s (sin s) (cos s)) (list s 1 x)))))",
            &["x"],
            Answer,
        ),
        asked(
            "data/forks",
            "(let go ((i 0) (s x)) (if (= i 30000) s (go (+ i 1) (if (> (sin s) 0) (+ s x) (- s 0.1)))))",
            &["x"],
            Answer,
        ),
        // Lanes.
        Case::program(
            "data/lanes-endless",
            || "(let go ((i 0)) (go (+ i 1)))".into(),
            Answer,
        )
        .with(json!({"lanes": {"x": (0..1000).collect::<Vec<_>>()}})),
        Case::program("data/lanes-10^6-errors", || "(car x)".into(), Answer)
            .with(json!({"lanes": {"x": vec![1; 1_000_000]}})),
        Case::program(
            "data/lanes-10^6-errors-long",
            || "(error \"the same words once for each lane\" x x x x)".into(),
            Answer,
        )
        .with(json!({"lanes": {"x": vec![1; 300_000]}})),
        Case::program(
            "data/lanes-of-errors-of-their-own",
            || "(error \"x\" x)".into(),
            Answer,
        )
        .with(json!({"lanes": {"x": (0..200_000).collect::<Vec<_>>()}})),
        Case::program(
            "data/lanes-of-paths",
            || "(let go ((i 0) (s x)) (if (> i x) s (go (+ i 1) (* s 1.01))))".into(),
            Answer,
        )
        .with(json!({"lanes": {"x": (0..3000).collect::<Vec<_>>()}, "wrt": ["x"]})),
        Case::program("data/lanes-of-texts", || "(number->string x)".into(), Answer)
            .with(json!({"lanes": {"x": (0..150_000).collect::<Vec<_>>()}})),
        Case::program("data/lanes-of-a-table", || "(ref v x)".into(), Answer)
            .with(json!({"inputs": {"v": vec![1; 100_000]}, "lanes": {"x": (0..100_000).collect::<Vec<_>>()}})),
        Case::program("data/lanes-of-a-small-table", || "(ref v x)".into(), Answer)
            .with(json!({"inputs": {"v": vec![1; 10_000]}, "lanes": {"x": (0..30_000).map(|i| i % 10_000).collect::<Vec<_>>()}})),
        Case::program("data/lanes-wide", || "(zeros 1000)".into(), Answer)
            .with(json!({"lanes": {"x": vec![1; 100_000]}})),
        Case::program("data/lanes-of-lists", || "(iota x)".into(), Answer)
            .with(json!({"lanes": {"x": (0..2000).collect::<Vec<_>>()}})),
        Case::program(
            "data/lanes-growing",
            || "(define (f l) (f (append l l))) (f (list x))".into(),
            Answer,
        )
        .with(json!({"lanes": {"x": vec![1; 100]}})),
        Case::program("data/lanes-jacobian", || "(* x (ones 1000))".into(), Answer)
            .with(json!({"lanes": {"x": vec![1; 1000]}, "wrt": ["x"]})),
        // Many inputs.
        Case::program("data/input-10^6", || "(vsum v)".into(), Value("1000000.0"))
            .with(json!({"inputs": {"v": vec![1; 1_000_000]}})),
        Case::program("data/input-matrix", || "(vsum (matmul m m))".into(), Answer)
            .with(json!({"inputs": {"m": vec![vec![1; 700]; 700]}, "wrt": ["m"]})),
    ];
    let many = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("i{i}")).collect();
        let inputs: serde_json::Map<_, _> = names.iter().map(|n| (n.clone(), json!(1.5))).collect();
        (names, inputs)
    };
    let (names, inputs) = many(20_000);
    let few = Case::program(
        "data/gradient-by-20000-names",
        || "(+ i0 i1)".into(),
        Answer,
    );
    cases.push(few.with(json!({"inputs": inputs, "wrt": names})));
    let (_, inputs) = many(200_000);
    let few = Case::program("data/inputs-200000", || "i7".into(), Value("1.5"));
    cases.push(few.with(json!({"inputs": inputs})));
    let (names, _) = many(3000);
    let lanes = names.iter().map(|n| (n.clone(), json!(vec![1; 100])));
    let lanes: serde_json::Map<_, _> = lanes.collect();
    let few = Case::program("data/lanes-by-3000-names", || "(+ i0 i1)".into(), Answer);
    cases.push(few.with(json!({"lanes": lanes, "wrt": names})));
    let (names, inputs) = many(1000);
    let all = names.join(" ");
    let sum = all.clone();
    cases.push(
        Case::program(
            "data/gradient-by-1000-names",
            move || format!("(+ {sum})"),
            AnyValue,
        )
        .with(json!({"inputs": inputs, "wrt": names})),
    );
    let (names, inputs) = many(1000);
    cases.push(
        Case::program(
            "data/jacobian-by-1000-names",
            move || format!("(map sin (list {all}))"),
            Answer,
        )
        .with(json!({"inputs": inputs, "wrt": names})),
    );
    cases
}
