//! Limits: each stops an evaluation by its name, cold and warm; what is within them works.

use dmci::{Bindings, Error, Interpreter, Kind, Limits, Mode, Workspace, Wrt};
use std::time::{Duration, Instant};

const MODES: [Mode; 2] = [Mode::Interpreter, Mode::Direct];

fn evaluate(text: &str, mode: Mode, limits: &Limits) -> Result<String, Error> {
    let model = Interpreter::embedded().model_for(text, &Bindings::new(), mode)?;
    let mut workspace = Workspace::new();
    let evaluation = model.evaluate(&Bindings::new(), Wrt::Nothing, limits, &mut workspace)?;
    Ok(evaluation.value.to_scheme())
}

fn stops(text: &str, limits: &Limits, name: &str) {
    for mode in MODES {
        match evaluate(text, mode, limits) {
            Err(error) => {
                assert_eq!(error.kind(), Kind::Resource, "{mode:?} {text}: {error}");
                assert!(error.to_string().contains(name), "{mode:?} {text}: {error}");
            }
            Ok(value) => panic!("{mode:?} {text} gives {value}"),
        }
    }
}

#[test]
fn a_time_is_a_deadline_from_now_on() {
    let none = Limits::default().timeout(Duration::ZERO);
    stops("(let go ((i 0)) (go (+ i 1)))", &none, "out of time");
    let before = Instant::now();
    let hour = Limits::new().fuel(7).timeout(Duration::from_hours(1));
    let deadline = hour.deadline.expect("there is a clock");
    assert!(deadline >= before + Duration::from_hours(1));
    assert_eq!(hour.deadline(None), Limits::default().fuel(7));
    // A moment that no clock can tell is no deadline.
    assert_eq!(Limits::default().timeout(Duration::MAX), Limits::default());
}

#[test]
fn each_limit_stops_by_its_name() {
    let limits = Limits::default();
    let fuel = limits.fuel(1000);
    stops("(let go ((i 0)) (go (+ i 1)))", &fuel, "out of fuel: 1000");
    let heap = limits.heap_bytes(20 << 20);
    stops(
        "(define (f l) (f (cons 1 l))) (f '())",
        &heap,
        "out of heap",
    );
    stops("(define (f n) (+ 1 (f n))) (f 0)", &heap, "out of heap");
    stops("(length (iota 10000000))", &heap, "out of heap");
    let depth = limits.depth(10_000);
    stops("(define (f n) (+ 1 (f n))) (f 0)", &depth, "too deep");
    let began = Instant::now();
    let deadline = limits.deadline(began + Duration::from_millis(50));
    stops("(let go ((i 0)) (go (+ i 1)))", &deadline, "out of time");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_warm_model_obeys_the_limits_of_a_cold_one() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    let text = "(let go ((i 0) (s x)) (if (= i 100) s (go (+ i 1) (* s 1.01))))";
    let model = interpreter.model(text)?;
    let mut workspace = Workspace::new();
    let inputs = Bindings::from([("x", 2.0)]);
    let little = Limits::default().fuel(50);
    for _ in 0..2 {
        let warm = model.evaluate(&inputs, Wrt::All, &Limits::default(), &mut workspace)?;
        assert_eq!(warm.stats.applications, 402);
        let error = model.evaluate(&inputs, Wrt::All, &little, &mut workspace);
        assert!(error.is_err_and(|e| e.kind() == Kind::Resource));
    }
    Ok(())
}

#[test]
fn deep_and_long_programs_work() -> Result<(), Error> {
    let limits = Limits::default();
    for mode in MODES {
        let deep = "(define (d n) (if (= n 0) 0 (+ 1 (d (- n 1))))) (d 100000)";
        assert_eq!(evaluate(deep, mode, &limits)?, "100000");
        let list = "(apply + (map (lambda (x) 1) (iota 1000000)))";
        assert_eq!(evaluate(list, mode, &limits)?, "1000000");
        let nested = "(define (n k) (if (= k 0) '() (list (n (- k 1))))) (n 100000)";
        assert_eq!(evaluate(nested, mode, &limits)?.len(), 200_002);
    }
    Ok(())
}

#[test]
fn what_only_steers_is_told() -> Result<(), Error> {
    let model = Interpreter::embedded().model("(if (> x cut) (* a x) (* b x 2.0))")?;
    let inputs = Bindings::from([("x", 1.0), ("cut", 0.5), ("a", 2.0), ("b", 3.0)]);
    let names =
        model.only_steering(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())?;
    assert_eq!(names, ["cut"]);
    Ok(())
}

/// Runs on a thread with little stack: depth must not depend on it.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let handle = thread.spawn(run).expect("a thread");
    handle.join().expect("no panic, no overflow");
}

#[test]
fn deep_and_long_texts_are_run_or_refused() {
    on_small_stack(|| {
        let limits = Limits::default();
        let nest = |open: &str, inner: &str, close: &str, n: usize| {
            format!("{}{inner}{}", open.repeat(n), close.repeat(n))
        };
        for n in [9_000, 100_000] {
            let texts = [
                nest("(+ 1 ", "1", ")", n),
                nest("(if #t ", "1", " 2)", n),
                nest("(let ((x 1)) ", "x", ")", n),
                nest("((lambda (x) ", "1", ") 1)", n / 2),
                nest("(list ", "1", ")", n),
                nest("(define (f) ", "1", " 1)", n),
                nest("(define (f . r) (define a 1) ", "a", " (f))", n),
                nest("'", "1", "", n),
                nest("`(1 ,", "1", ")", n / 2),
                nest("(", "1", ")", n),
                nest("[", "1", "]", n),
            ];
            for text in texts {
                for mode in MODES {
                    if let Err(error) = evaluate(&text, mode, &limits) {
                        assert!(error.position(&text).is_some(), "{error}");
                    } else {
                        assert!(n < 100_000, "deeper than the reader's limit");
                    }
                }
            }
        }
        let long = 30_000;
        let texts = [
            format!("(let* ({}) x)", "(x 1) ".repeat(long)),
            format!("(cond {} (else 7))", "(#f 1) ".repeat(long)),
            format!("(and {} 7)", "#t ".repeat(long)),
            format!("(or {} 7)", "#f ".repeat(long)),
            format!("(begin {} 7)", "1 ".repeat(long)),
            format!("(length '({}))", "1 ".repeat(long)),
            format!("(+ {})", "1 ".repeat(long)),
            format!("(case 5 {} (else 7))", "((1) 2) ".repeat(long)),
        ];
        for text in texts {
            for mode in MODES {
                let value = evaluate(&text, mode, &limits);
                assert!(value.is_ok(), "{:.40} {mode:?} {:?}", text, value.err());
            }
        }
    });
}
