//! Limits: each stops an evaluation by its name, cold and warm; what is within them works.

use dmci::{
    Bindings, Error, Input, Interpreter, Kind, Limits, Mode, Model, OnError, Workspace, Wrt,
};
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

/// What goes through many elements, once for each application of `f`.
const OF_MANY: [(&str, &str); 21] = [
    ("(define l (iota 100000))", "(length l)"),
    ("(define l (iota 100000))", "(list? l)"),
    ("(define l (iota 100000))", "(reverse l)"),
    ("(define l (iota 100000))", "(list-ref l 99999)"),
    ("(define l (iota 100000))", "(list-tail l 99999)"),
    ("(define l (iota 100000))", "(memv -1 l)"),
    ("(define l (iota 100000))", "(append l '())"),
    ("(define l (iota 100000))", "(apply + l)"),
    ("(define l (iota 100000))", "(apply list l)"),
    ("(define l (iota 100000))", "(apply (lambda r 1) l)"),
    ("(define l (iota 100000))", "(list->vec l)"),
    ("(define l (iota 100000))", "(concatenate (list l '()))"),
    ("(define l (iota 100000))", "(fold-left + 0 l)"),
    ("(define v (ones 100000))", "(vec->list v)"),
    ("(define v (ones 100000))", "(norm v)"),
    ("(define v (ones 100000))", "(+ v 1)"),
    ("(define v (ones 100000))", "(slice v 0 1)"),
    ("(define m (+ (eye 60) (ones 60 60)))", "(cholesky m)"),
    ("(define m (+ (eye 60) (ones 60 60)))", "(eigh m)"),
    ("(define s (make-string 100000 #\\a))", "(string->symbol s)"),
    ("(define s (make-string 100000 #\\1))", "(string->number s)"),
];

/// The applications after which a program without inputs, called so, runs out of fuel.
fn until_out_of_fuel(model: &Model, limits: &Limits, called: &str) -> u64 {
    let bindings = Bindings::new();
    let result = model.evaluate(&bindings, Wrt::Nothing, limits, &mut Workspace::new());
    let Err(Error::Eval(error)) = result else {
        panic!("{called} ends");
    };
    assert!(error.message.contains("out of fuel"), "{called}: {error}");
    error.stats.applications
}

#[test]
fn elements_gone_through_cost_fuel() {
    let limits = Limits::default().fuel(30_000);
    for (definition, body) in OF_MANY {
        let text = format!("{definition} (define (f x) (f {body})) (f 1)");
        for mode in MODES {
            let model = Interpreter::embedded().model_for(&text, &Bindings::new(), mode);
            let model = model.expect("it is a program");
            let applications = until_out_of_fuel(&model, &limits, &format!("{mode:?} {text}"));
            assert!(applications < 120, "{mode:?} {text}: {applications}");
        }
    }
}

#[test]
fn fuel_is_the_same_in_every_mode() -> Result<(), Error> {
    let wide = format!(
        "(define (f . r) (length r)) (+ (f {0}) (length (list {0})) (+ {0}))",
        "1 ".repeat(30)
    );
    let programs = [
        "(let go ((i 0) (s 0)) (if (= i 100) s (go (+ i 1) (+ s (sin i)))))",
        "(map + (iota 10) (iota 10))",
        "(define (f n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (f 10)",
        "(length (append (iota 100) (reverse (iota 50))))",
        "(list (memv 5 (iota 1000)) (equal? (iota 3000) (iota 3000)))",
        "(apply + (apply list (iota 200)))",
        "(string-append (make-string 50 #\\a) (number->string 1e308))",
        "(norm (+ (ones 100) (list->vec (iota 100))))",
        "(case 7 ((1 2 3 4 5 6) 1) ((7 8 9) (sort '(3 1 2) <)) (else 3))",
        "(define-values (a . b) (values 1 2 3)) (force (delay (fold + a b)))",
        "(delete-duplicates (append (iota 20) (iota 30)))",
        "(eigh (+ (eye 3) (ones 3 3)))",
        &wide,
    ];
    for text in programs {
        let mut seen = Vec::new();
        for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
            let model = Interpreter::embedded().model_for(text, &Bindings::new(), mode)?;
            let mut workspace = Workspace::new();
            let limits = Limits::default();
            let run = model.evaluate(&Bindings::new(), Wrt::Nothing, &limits, &mut workspace)?;
            seen.push((run.stats.applications, run.stats.fuel));
        }
        assert!(
            seen.windows(2).all(|pair| pair[0] == pair[1]),
            "{text}: {seen:?}"
        );
    }
    Ok(())
}

#[test]
fn long_texts_without_applications_cost_fuel() {
    let limits = Limits::default().fuel(20_000);
    for each in ["1 ", "(if #f 1 2) ", "(let ((a 1)) a) "] {
        let text = format!("(define (f) {} (f)) (f)", each.repeat(1000));
        let model = Interpreter::embedded()
            .model(&text)
            .expect("it is a program");
        let applications = until_out_of_fuel(&model, &limits, each);
        assert!(applications < 4_000, "{each}: {applications}");
    }
}

#[test]
fn a_deadline_is_seen_by_what_takes_long() {
    let programs = [
        "(define l (iota 100000)) (define (f x) (f (apply list l))) (f 1)",
        "(define v (ones 100000)) (define (f x) (f (norm (* v x)))) (f 1)",
        "(define m (+ (eye 300) (ones 300 300))) (define (f x) (f (eigh m))) (f 1)",
        "(define (g n a) (if (= n 0) a (g (- n 1) (list a a)))) (equal? (g 40 '(1)) (g 40 '(1)))",
    ];
    for text in programs {
        let model = Interpreter::embedded()
            .model(text)
            .expect("it is a program");
        let began = Instant::now();
        let limits = Limits::default().timeout(Duration::from_millis(100));
        let result = model.evaluate(
            &Bindings::new(),
            Wrt::Nothing,
            &limits,
            &mut Workspace::new(),
        );
        let error = result.map(|_| ()).expect_err("it does not end");
        assert!(error.to_string().contains("out of time"), "{text}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{text}");
    }
}

#[test]
fn what_would_be_too_large_is_refused_before_it_is_made() {
    let limits = Limits::default().heap_bytes(64 << 20);
    let programs = [
        "(iota 1000000000)",
        "(zeros 1000000000)",
        "(make-list 1000000000 0)",
        "(define (f l) (f (append l l))) (f (list 1))",
        "(define (f l) (f (cons (zeros 1000000) l))) (f (list))",
        "(define v (ones 1000)) (define (f l n) (if (= n 0) l (f (cons v l) (- n 1))))
         (list->vec (f (list) 100000))",
        "(define (f s) (f (string-append s s))) (f \"a\")",
        "(eye 100000)",
        "(outer (ones 100000) (ones 100000))",
    ];
    for text in programs {
        stops(text, &limits, "out of heap: 67108864 bytes");
    }
}

#[test]
fn garbage_is_collected_before_a_large_value_is_refused() -> Result<(), Error> {
    let limits = Limits::default().heap_bytes(64 << 20);
    let programs = [
        "(let go ((i 0) (v (zeros 300000))) (if (= i 9) (ref v 0) (go (+ i 1) (+ v 1))))",
        "(let go ((i 0) (v 0)) (if (= i 9) (length v) (go (+ i 1) (iota 150000))))",
        "(let go ((i 0) (v 0)) (if (= i 12) (vlen v) (go (+ i 1) (list->vec (iota 100000)))))",
        "(define (g . r) (length r)) (define l (iota 100000))
         (let go ((i 0) (v 0)) (if (= i 20) v (go (+ i 1) (apply g l))))",
    ];
    for text in programs {
        for mode in MODES {
            evaluate(text, mode, &limits)?;
        }
    }
    Ok(())
}

/// Lanes too few to be compiled for are done one after the other, each longer than what is done between two
/// looks at the clock, and too short for code that looks at it itself: once time is up, those that are left
/// are not begun.
#[test]
fn lanes_that_are_done_singly_look_at_the_clock() -> Result<(), Error> {
    let text = "(let go ((i 0) (s x)) (if (= i 5000) s (go (+ i 1) (+ (* 0.5 s) (sin s)))))";
    let model = Interpreter::embedded().model(text)?;
    let mut workspace = Workspace::new();
    let x: Vec<f64> = (0..15).map(|lane| f64::from(lane) / 16.0).collect();
    let mut run = |limits: &Limits| {
        let lanes = [("x", x.as_slice())];
        let (none, collect) = (Bindings::new(), OnError::Collect);
        model.value_and_grad_lanes(&none, &lanes, &[], collect, limits, &mut workspace)
    };
    // Once to walk, and often enough that it is as fast as it will be.
    for _ in 0..2 {
        run(&Limits::default())?;
    }
    for attempt in 0.. {
        let began = Instant::now();
        let all = run(&Limits::default())?;
        assert!(all.values.iter().all(Result::is_ok));
        assert_eq!(all.walks, 0);
        let some = run(&Limits::default().timeout(began.elapsed() / 3))?;
        // On a machine that is busy all of them may be late.
        if some.values[0].is_err() && attempt < 20 {
            continue;
        }
        assert!(some.values[0].is_ok());
        let last = some.values[14]
            .as_ref()
            .expect_err("there was no time for it");
        assert_eq!(last.to_string(), "out of time: the deadline has passed");
        break;
    }
    Ok(())
}

/// What lanes weigh besides their applications follows from what they are given and whether they fail: it is
/// the same cold, warm and on any number of threads.
#[test]
fn lanes_weigh_what_they_are_given_and_that_they_fail() -> Result<(), Error> {
    let lanes: Vec<f64> = (0..3000).map(f64::from).collect();
    let table = Input::Vector(vec![1.5; 3000]);
    // Of 3001 numbers each: 11 units.
    let given = Bindings::from([("v", table)]);
    let run = |model: &Model, bindings: &Bindings, fuel: u64| {
        let limits = Limits::default().fuel(fuel);
        let (collect, column) = (OnError::Collect, [("x", lanes.as_slice())]);
        let mut workspace = Workspace::new();
        let of_lanes =
            model.value_and_grad_lanes(bindings, &column, &[], collect, &limits, &mut workspace)?;
        let error = |lane: &Result<_, Error>| lane.as_ref().err().map(ToString::to_string);
        let errors: Vec<_> = of_lanes.values.iter().map(error).collect();
        Ok::<_, Error>((of_lanes.stats.fuel, errors))
    };
    for threads in [1, 3] {
        let model = |text| -> Result<Model, Error> {
            Ok(Interpreter::embedded().model(text)?.with_threads(threads))
        };
        let failing = model("(if (< x 2990) (car x) x)")?;
        for fuel in [1_000_000, 1000, 1_000_000, 1000] {
            let (took, errors) = run(&failing, &Bindings::new(), fuel)?;
            let own = errors
                .iter()
                .flatten()
                .filter(|error| error.contains("car"))
                .count();
            let done = errors.iter().filter(|error| error.is_none()).count();
            // Two applications and four of failing each; where not all are left, the two are enough.
            let expected = if fuel > 1000 { (2990, 10) } else { (167, 0) };
            assert_eq!((own, done), expected, "{fuel}");
            if fuel > 1000 {
                assert_eq!(took, 2990 * 6 + 10);
            }
        }
        let reading = model("(+ (ref v 7) x)")?;
        for _ in 0..2 {
            let (took, errors) = run(&reading, &given, 1_000_000)?;
            assert_eq!(took, 3000 * (2 + 11));
            assert!(errors.iter().all(Option::is_none));
            // What they are given is taken first.
            let (_, errors) = run(&reading, &given, 3000 * 11 + 20)?;
            let done = errors.iter().take_while(|error| error.is_none()).count();
            assert_eq!(done, 10);
            assert!(errors[10..].iter().all(Option::is_some));
        }
    }
    Ok(())
}
