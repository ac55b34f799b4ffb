//! The heap: nothing is lost in collections, whatever ran before and however a fork was left.

use dmci::cli::eval::Answerer;
use dmci::{Bindings, Interpreter, Kind, Limits, Mode, Workspace, Wrt};

fn answer(answerer: &mut Answerer, source: &str, mode: &str) -> String {
    let request = serde_json::json!({
        "source": source, "mode": mode, "inputs": {"x": 1.0}, "fuel": 10_000_000
    });
    answerer.answer(&request.to_string())
}

const BUILD: &str = "(define (build n acc) (if (= n 0) acc (build (- n 1) (cons n acc))))
(define (sum l s) (if (null? l) s (sum (cdr l) (+ s (car l)))))\n";

#[test]
fn a_reused_workspace_remembers_nothing_of_the_run_before() {
    let before = format!(
        "{BUILD}(define (f n l) (if (= n 0) (length l) (+ 1 (f (- n 1) (cons n l)))))
         (f 200 (build 300000 '()))"
    );
    let after = "(define (g n)
           (if (= n 0)
               (length (let b ((i 70000) (l '())) (if (= i 0) l (b (- i 1) (cons i l)))))
               (+ 1 (car (list (g (- n 1)))))))
         (g 100)";
    for mode in ["interpreter", "direct"] {
        let mut answerer = Answerer::new(Interpreter::embedded());
        assert_eq!(
            answer(&mut answerer, &before, mode),
            r#"{"value":300400.0}"#
        );
        assert_eq!(answer(&mut answerer, after, mode), r#"{"value":70100.0}"#);
    }
}

#[test]
fn what_an_arm_staged_is_forgotten_with_it() {
    let repeat = |each: &dyn Fn(usize) -> String, n: usize| (0..n).map(each).collect::<String>();
    let source = format!(
        "{BUILD}(define (arms y) (if (> y 0) (+ y (length (list {}))) (* y 2)))
         (define (wide l i) (let* ((z (sum (build 90000 '()) 0)) {}) (+ z (sum l 0) {})))
         (let* ((c ((lambda (q) (lambda () q)) 1)) (a (arms x)) (l (build 60000 '())))
           (+ a (wide l 1) (c) (sum l 0)))",
        repeat(&|i| format!("(list {i}) "), 40),
        repeat(&|i| format!("(v{i} (+ i {i}))"), 170),
        repeat(&|i| format!("v{i} "), 170),
    );
    // x + 40, the sums of 1..90000 and twice of 1..60000, 170 + (0 + … + 169), 1.
    let expected = 41.0 + 4_050_045_000.0 + 2.0 * 1_800_030_000.0 + 170.0 + 14_365.0 + 1.0;
    for mode in [Mode::Interpreter, Mode::Direct] {
        let inputs = Bindings::from([("x", 1.0)]);
        let model = Interpreter::embedded().model_for(&source, &inputs, mode);
        let value = model.and_then(|m| {
            let (value, _) = m.value_and_grad(&inputs, Wrt::All, &mut Workspace::new())?;
            Ok(value)
        });
        assert_eq!(value.expect("it runs").number(), Some(expected), "{mode:?}");
    }
}

#[test]
fn primitives_that_build_or_compare_much_are_metered() {
    let limits = Limits::default().heap_bytes(64 << 20).fuel(10_000);
    let doubled = "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x))))";
    let programs = [
        "(define xs (iota 100000)) (length (apply append (map (lambda (i) xs) (iota 10000))))"
            .to_owned(),
        format!("{doubled} (equal? (f 34 1) (f 34 1))"),
        format!("{doubled} (member (f 34 1) (list (f 34 1)))"),
        format!("{doubled} (f 40 '())"),
        "(define xs (iota 300000)) (define (g i) (if (= i 0) 0 (+ (length xs) (g (- i 1)))))
         (g 20000)"
            .to_owned(),
    ];
    for program in programs {
        for mode in [Mode::Interpreter, Mode::Direct] {
            let model = Interpreter::embedded().model_for(&program, &Bindings::new(), mode);
            let result = model.and_then(|m| {
                m.evaluate(
                    &Bindings::new(),
                    Wrt::Nothing,
                    &limits,
                    &mut Workspace::new(),
                )
            });
            let kind = result.map_err(|e| e.kind()).expect_err(&program);
            assert_eq!(kind, Kind::Resource, "{mode:?} {program}");
        }
    }
}
