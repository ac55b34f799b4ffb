//! Models that call models: the composite is the program with the others written into it, to the bit;
//! swaps are seen by the next evaluation; what cannot be called is told by name.

#![cfg_attr(
    not(feature = "dfdx"),
    allow(unused_mut, reason = "modes without another")
)]

use dmci::fit::{FitOptions, Table, fit};
use dmci::verify::{Verdict, verify};
use dmci::{
    Bindings, Error, Evaluation, Handle, Input, Interpreter, Kind, Limits, Mode, Model, OnError,
    Registry, RegistryError, Workspace, Wrt,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

/// A registry with models of these texts, and the interpreter that calls them.
fn with(models: &[(&str, &str)]) -> (Registry, Interpreter) {
    let registry = Registry::new();
    let interpreter = Interpreter::embedded();
    for (name, text) in models {
        registry.insert(*name, interpreter.model(text).expect(text));
    }
    let calling = interpreter.with_models(&registry);
    (registry, calling)
}

fn all(model: &Model, inputs: &Bindings) -> Result<Evaluation, Error> {
    model.evaluate(inputs, Wrt::All, &Limits::default(), &mut Workspace::new())
}

/// Value and gradient of a composite are those of the program with all written into it.
fn same(models: &[(&str, &str)], text: &str, inlined: &str, inputs: &Bindings) {
    let (_, interpreter) = with(models);
    for mode in MODES {
        let composite = interpreter.model_for(text, inputs, mode).expect(text);
        let plain = interpreter.model_for(inlined, inputs, mode).expect(inlined);
        // Walked, replayed, and compiled.
        let mut workspace = Workspace::new();
        for _ in 0..12 {
            let mut run = |model: &Model| {
                let limits = Limits::default();
                let run = model.evaluate(inputs, Wrt::All, &limits, &mut workspace);
                run.unwrap_or_else(|error| panic!("{mode:?}: {}", error.render(model.text())))
            };
            let (a, b) = (run(&composite), run(&plain));
            let bits = |e: &Evaluation| e.value.numbers().map(f64::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(&a), bits(&b), "{mode:?}: {text}");
            for name in a.gradient.names() {
                let [a, b] = [&a, &b].map(|e| e.gradient.jacobian(name).map(<[f64]>::to_vec));
                let bits = |all: Option<Vec<f64>>| {
                    all.map(|all| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                };
                assert_eq!(bits(a), bits(b), "{mode:?}: {name} of {text}");
            }
            assert_eq!(
                a.stats.applications, b.stats.applications,
                "{mode:?}: {text}"
            );
        }
    }
}

#[test]
fn a_composite_is_the_program_with_the_callee_written_into_it() {
    let inputs = Bindings::from([("a", 2.5), ("x", 1.5)]);
    same(
        &[("decay", "(param k 0.8) (* a (exp (* (- k) x)))")],
        "(+ (model \"decay\" a (* x x)) (sin (model \"decay\" x a)))",
        "(define (decay a x) (* a (exp (* (- 0.8) x)))) (+ (decay a (* x x)) (sin (decay x a)))",
        &inputs,
    );
    // Lists, vectors, loops, macros, quoted data, definitions of its own, and the prelude.
    same(
        &[(
            "path",
            "(define-syntax twice (syntax-rules () ((_ e) (let ((x e)) (+ x x)))))
             (define (f x) (twice (* x 'x-is-quoted x)))
             (define (f x) (twice (* x (if (eq? 'a (car '(a (b 2)))) 1.0 2.0))))
             (loop ((i 0) (s '())) (if (< i n) (recur (+ i 1) (cons (f (+ i start)) s)) (reverse s)))",
        )],
        "(fold-left + 0.0 (map (lambda (y) (* y y)) (model \"path\" 3 x)))",
        "(define (path n start)
           (define-syntax twice (syntax-rules () ((_ e) (let ((x e)) (+ x x)))))
           (define (f x) (twice (* x (if (eq? 'a (car '(a (b 2)))) 1.0 2.0))))
           (loop ((i 0) (s '())) (if (< i n) (recur (+ i 1) (cons (f (+ i start)) s)) (reverse s))))
         (fold-left + 0.0 (map (lambda (y) (* y y)) (path 3 x)))",
        &inputs,
    );
    let mut inputs = Bindings::from([("x", 1.5)]);
    inputs.set("v", Input::Vector(vec![1.0, 2.0, 3.0]));
    same(
        &[("energy", "(* c (dot v v))")],
        "(model \"energy\" x (* 2.0 v))",
        "(define (energy c v) (* c (dot v v))) (energy x (* 2.0 v))",
        &inputs,
    );
}

#[test]
fn calls_nest_and_a_model_is_linked_once_however_many_call_it() {
    same(
        &[
            ("a", "(+ (model \"b\" x) (model \"c\" x))"),
            ("b", "(* 2.0 (model \"c\" (+ x 1.0)))"),
            ("c", "(param k 3.0) (sin (* k x))"),
        ],
        "(* (model \"a\" y) (model \"c\" y))",
        "(define (c x) (sin (* 3.0 x))) (define (b x) (* 2.0 (c (+ x 1.0))))
         (define (a x) (+ (b x) (c x))) (* (a y) (c y))",
        &Bindings::from([("y", 0.7)]),
    );
    // Each calls the next one twice: 2^40 texts, were they copied.
    let texts: Vec<(String, String)> = (0..40)
        .map(|i| {
            let call = format!("(model \"m{}\" x)", i + 1);
            let text = match i {
                39 => "(* 0.5 x)".to_owned(),
                _ => format!("(if (> x 100.0) {call} (- {call} 1.0))"),
            };
            (format!("m{i}"), text)
        })
        .collect();
    let models: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (&**n, &**t)).collect();
    let (_, interpreter) = with(&models);
    let model = interpreter.model("(model \"m0\" x)").expect("it links");
    let run = all(&model, &Bindings::from([("x", 2.0)])).expect("it runs");
    assert_eq!(run.value.number(), Some(1.0 - 39.0));
}

#[test]
fn names_of_callers_and_callees_do_not_meet() {
    // The caller's inputs, params, definitions and variables shadow nothing of the callee, and the other
    // way: what each means is what it means alone.
    let callee = "(define (square y) (* 10.0 y)) (define helper 7.0) (define-syntax two (syntax-rules () ((_ e) (let ((u e)) (* u u)))))
                  (+ (sin u) (square u) helper (fold-left + 0.0 (map (lambda (x) (* 2.0 x)) (list w))) (exp z) (two w))";
    let caller = "(param exp 1.25) (define (helper y) (* y 100.0)) (define (square y) (+ y 1.0))
                  (let ((u 5.0) (w 6.0) (cos 1.0) (map (lambda (f l) l)))
                    (+ sin fold-left exp u w cos (helper (square x)) CALL))";
    let inputs = Bindings::from([("sin", 2.0), ("fold-left", 3.0), ("x", 0.5), ("car", 4.0)]);
    let interpreter = Interpreter::embedded();
    let at = [0.25, 3.0, 0.5];
    let [u, w, z] = at;
    let alone = interpreter.model(callee).expect("a program");
    assert_eq!(alone.inputs(), ["u", "w", "z"]);
    let alone = all(&alone, &Bindings::from([("u", u), ("w", w), ("z", z)])).expect("it runs");
    let part = alone.value.number().expect("a number");
    let (_, calling) = with(&[("callee", callee)]);
    let mut modes = MODES.to_vec();
    #[cfg(feature = "dfdx")]
    modes.push(Mode::Reference);
    for mode in modes {
        let rest = caller.replace("CALL", "0.0");
        let rest = interpreter
            .model_for(&rest, &inputs, mode)
            .expect("a program");
        let rest = all(&rest, &inputs)
            .expect("it runs")
            .value
            .number()
            .expect("a number");
        let text = caller.replace("CALL", &format!("(model \"callee\" {u} {w} {z})"));
        let model = calling.model_for(&text, &inputs, mode).expect("it links");
        let run = all(&model, &inputs);
        let run = run.unwrap_or_else(|error| panic!("{mode:?}: {}", error.render(&text)));
        assert_eq!(run.value.number(), Some(rest + part), "{mode:?}");
        assert_eq!(run.gradient.get("sin"), Some(1.0), "{mode:?}");
        assert_eq!(run.gradient.get("x"), Some(100.0), "{mode:?}");
        assert_eq!(model.text(), text);
        let mut names: Vec<&str> = model.inputs().iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["car", "exp", "fold-left", "sin", "x"], "{mode:?}");
    }
    // `model` is a name like others.
    let value = |text: &str| {
        let inputs = Bindings::from([("x", 2.0)]);
        let model = interpreter.model(text)?;
        let value = all(&model, &inputs)?.value.number();
        Ok::<_, Error>(value.expect("a number"))
    };
    assert_eq!(
        value("(define (model n x) (* 3.0 x)) (model \"b\" x)").ok(),
        Some(6.0)
    );
    assert_eq!(
        value("(let ((model (lambda (n) n))) (model x))").ok(),
        Some(2.0)
    );
    let inputs = Bindings::from([("model", 2.0)]);
    let free = interpreter.model("(* model 2.0)").expect("a program");
    assert_eq!(
        all(&free, &inputs).expect("it runs").value.number(),
        Some(4.0)
    );
    for malformed in [
        "(model)",
        "(model decay x)",
        "(model 1 x)",
        "(model 'decay)",
    ] {
        let error = interpreter.model(malformed).expect_err(malformed);
        assert_eq!(error.kind(), Kind::Syntax, "{malformed}");
    }
}

#[test]
fn constants_of_a_callee_can_be_asked_for() -> Result<(), Error> {
    let (_, interpreter) = with(&[
        ("decay", "(param k 0.5)\n(* 3.0 (exp (* (- k) t)) k)"),
        ("outer", "(model \"decay\" (* 2.0 t))"),
    ]);
    for mode in MODES {
        let text = "(+ (* 1.5 t) (model \"outer\" t) (model \"decay\" t))";
        let model = interpreter.model_for(text, &Bindings::from([("t", 0.0)]), mode)?;
        let wrt = ["t", "decay/k", "decay@2:4", "outer@1:19", "@1:7"];
        let (inputs, mut workspace) = (Bindings::from([("t", 1.0)]), Workspace::new());
        let (y, by) = model.value_and_grad(&inputs, Wrt::Names(&wrt), &mut workspace)?;
        let (k, c) = (0.5_f64, 3.0);
        let f = |t: f64| c * (-k * t).exp() * k;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(y.number().unwrap(), 1.5 + f(2.0) + f(1.0)));
        let by = wrt.map(|name| by.get(name).expect(name));
        assert!(close(by[0], 1.5 - 2.0 * k * f(2.0) - k * f(1.0)), "{by:?}");
        let by_k = |t: f64| f(t) / k - t * f(t);
        assert!(close(by[1], by_k(2.0) + by_k(1.0)), "{by:?}");
        assert!(close(by[2], (f(2.0) + f(1.0)) / c), "{by:?}");
        assert!(close(by[3], -k * f(2.0)), "{by:?}");
        assert!(close(by[4], 1.0), "{by:?}");
        // Constants of the callee are neither inputs nor params, and no text of the caller's.
        assert_eq!((model.inputs().len(), model.params().len()), (1, 0));
        for unknown in ["decay/q", "k", "@2:4", "decay@9:9", "dec/k", "decay/"] {
            let error = model.value_and_grad(&inputs, Wrt::Names(&[unknown]), &mut workspace);
            assert_eq!(error.expect_err(unknown).kind(), Kind::Request, "{unknown}");
        }
    }
    Ok(())
}

#[test]
fn the_next_evaluation_calls_what_was_swapped_in() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    let registry = Registry::new();
    let caller = registry.insert("caller", interpreter.model("(+ 1.0 (model \"middle\" x))")?);
    let inputs = Bindings::from([("x", 3.0)]);
    let value = || {
        let model = registry.get(caller)?;
        Ok::<_, Error>(all(&model, &inputs)?.value.number().expect("a number"))
    };
    let unknown = value().expect_err("there is no `middle`");
    assert_eq!(unknown.kind(), Kind::Unbound);
    registry.insert("middle", interpreter.model("(* 2.0 (model \"leaf\" x))")?);
    assert!(
        value()
            .expect_err("there is no `leaf`")
            .to_string()
            .contains("`leaf`")
    );
    let leaf = registry.insert("leaf", interpreter.model("(* x x)")?);
    assert_eq!(value()?, 19.0);
    let held = registry.get(caller)?;
    registry.swap(leaf, interpreter.model("(param k 5.0) (+ k x)")?)?;
    assert_eq!(value()?, 17.0);
    // What was got goes on as it was, and paths are kept as long as nothing is swapped.
    assert_eq!(all(&held, &inputs)?.value.number(), Some(19.0));
    assert!(all(&registry.get(caller)?, &inputs)?.stats.replayed);
    registry.insert("other", interpreter.model("x")?);
    assert!(all(&registry.get(caller)?, &inputs)?.stats.replayed);
    // A newer one of the name, and without it the old one again.
    let newer = registry.insert("leaf", interpreter.model("0.25")?);
    let error = value().expect_err("another number of arguments");
    assert_eq!(error.kind(), Kind::Arity);
    assert_eq!(
        error.to_string(),
        "the model `leaf` takes 0 arguments, and gets 1 here, in the model `middle`"
    );
    registry.remove(newer)?;
    assert_eq!(value()?, 17.0);
    registry.remove(leaf)?;
    assert_eq!(value().expect_err("removed").kind(), Kind::Unbound);
    Ok(())
}

#[test]
fn eight_readers_see_no_mixture_while_callees_are_swapped() -> Result<(), Error> {
    const READERS: usize = 8;
    let swaps = 300;
    let interpreter = Interpreter::embedded();
    let registry = Registry::new();
    // Of the two, `first` is swapped first: a reader may see it one ahead, and never behind.
    let text = "(list (model \"first\") (model \"second\") (model \"first\"))";
    let caller = registry.insert("caller", interpreter.model(text)?);
    let numbered = |i: usize| interpreter.model(&format!("{i}.0"));
    let first = registry.insert("first", numbered(0)?);
    let second = registry.insert("second", numbered(0)?);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut workspace, mut last, mut reads) = (Workspace::new(), 0.0, 0_u64);
                    while !ended.load(Ordering::SeqCst) || reads == 0 {
                        let before = number(&registry, second, &mut workspace);
                        let model = registry.get(caller).expect("it is there");
                        let value = model
                            .value(&Bindings::new(), &mut workspace)
                            .expect("it runs");
                        let seen: Vec<f64> = value.numbers().collect();
                        assert_eq!(seen[0], seen[2]);
                        let ahead = seen[0] - seen[1];
                        assert!(ahead == 0.0 || ahead == 1.0, "{seen:?}");
                        assert!(
                            seen[1] >= last && seen[1] >= before,
                            "{seen:?} after {last}, {before}"
                        );
                        last = seen[1];
                        reads += 1;
                    }
                })
            })
            .collect();
        for i in 1..=swaps {
            registry
                .swap(first, numbered(i).expect("a program"))
                .expect("it is there");
            registry
                .swap(second, numbered(i).expect("a program"))
                .expect("it is there");
            let mut workspace = Workspace::new();
            let model = registry.get(caller).expect("it is there");
            let value = model
                .value(&Bindings::new(), &mut workspace)
                .expect("it runs");
            assert!(value.numbers().all(|x| x == i as f64), "{i}");
        }
        ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().expect("a reader");
        }
    });
    Ok(())
}

fn number(registry: &Registry, handle: Handle, workspace: &mut Workspace) -> f64 {
    let model = registry.get(handle).expect("it is there");
    let value = model.value(&Bindings::new(), workspace).expect("it runs");
    value.number().expect("a number")
}

#[test]
fn circles_are_refused_by_name() -> Result<(), Error> {
    let circle = [
        ("a", "(model \"b\" x)"),
        ("b", "(if (> x 0) 1.0 (model \"a\" x))"),
        ("d", "(model \"a\" x)"),
    ];
    let (registry, interpreter) = with(&circle);
    let text = "; main\n(+ x (model \"d\" x))";
    for mode in MODES {
        let error = interpreter.model_for(text, &Bindings::from([("x", 1.0)]), mode);
        let error = error.expect_err("a circle");
        assert_eq!(error.kind(), Kind::Unsupported);
        let message = error.to_string();
        assert!(
            message.starts_with("`a` calls `b` calls `a`, and"),
            "{message}"
        );
        assert_eq!(error.position(text).expect("a place").to_string(), "2:6");
    }
    let [a, b] = ["a", "b"].map(|name| registry.find(name).expect("it is there"));
    let why = |handle| match registry.get(handle) {
        Err(RegistryError::Unlinked { name, why }) => format!("{name}: {why}"),
        other => panic!("{other:?}"),
    };
    assert!(
        why(a).starts_with("a: `a` calls `b` calls `a`"),
        "{}",
        why(a)
    );
    assert!(
        why(b).starts_with("b: `b` calls `a` calls `b`"),
        "{}",
        why(b)
    );
    let alone = registry.insert("self", Interpreter::embedded().model("(model \"self\")")?);
    assert!(why(alone).starts_with("self: `self` calls `self`"));
    // Once it is broken up, all is well.
    registry.swap(b, Interpreter::embedded().model("(* 3.0 x)")?)?;
    let run = all(&interpreter.model(text)?, &Bindings::from([("x", 2.0)]))?;
    assert_eq!(run.value.number(), Some(8.0));
    assert_eq!(registry.get(a)?.calls().len(), 1);
    Ok(())
}

#[test]
fn unknown_names_and_wrong_counts_are_errors_where_they_are_met() -> Result<(), Error> {
    let (_, interpreter) = with(&[("decay", "(* a (exp (- x)))"), ("growth", "x")]);
    let fails = |text: &str, kind: Kind, message: &str, place: &str| {
        let mut modes = MODES.to_vec();
        #[cfg(feature = "dfdx")]
        modes.push(Mode::Reference);
        for mode in modes {
            let inputs = Bindings::from([("x", 1.0)]);
            let model = interpreter.model_for(text, &inputs, mode).expect(text);
            assert_eq!(model.warnings().len(), 1, "{text}");
            let error = all(&model, &inputs).expect_err(text);
            assert_eq!(
                (error.kind(), &*error.to_string()),
                (kind, message),
                "{mode:?}"
            );
            assert_eq!(
                error.position(text).expect("a place").to_string(),
                place,
                "{mode:?}"
            );
        }
    };
    fails(
        "(* x (model \"decoy\" x))",
        Kind::Unbound,
        "no model is called `decoy`; is it `decay`?",
        "1:6",
    );
    fails(
        "(* x\n (model \"z\"))",
        Kind::Unbound,
        "no model is called `z`; there are `decay` and `growth`",
        "2:2",
    );
    fails(
        "(* x (model \"decay\" x))",
        Kind::Arity,
        "the model `decay` takes 2 arguments (a, x), and gets 1 here",
        "1:6",
    );
    // Where they are not met, they are none.
    let model = interpreter.model("(if (> x 0) x (list (model \"z\") (model \"decay\")))")?;
    assert_eq!(
        all(&model, &Bindings::from([("x", 1.0)]))?.value.number(),
        Some(1.0)
    );
    // Without a registry there are no models.
    let model = Interpreter::embedded().model("(model \"decay\" x)")?;
    let error = all(&model, &Bindings::from([("x", 1.0)])).expect_err("no registry");
    assert!(
        error
            .to_string()
            .starts_with("no model is called `decay`, and there are no others")
    );
    Ok(())
}

#[test]
fn errors_in_a_callee_tell_its_name_and_place() -> Result<(), Error> {
    let (_, interpreter) = with(&[
        ("outer", "; outer\n(+ 1 (model \"inner\" l))"),
        ("inner", "(define (f l)\n  (car l))\n(* 2 (f l))"),
        ("typo", "(* x (sine x))"),
    ]);
    let text = "(+ 2\n (model \"outer\" x))";
    let mut modes = MODES.to_vec();
    #[cfg(feature = "dfdx")]
    modes.push(Mode::Reference);
    for mode in modes {
        let inputs = Bindings::from([("x", 1.0)]);
        let model = interpreter.model_for(text, &inputs, mode)?;
        let error = all(&model, &inputs).expect_err("a number has no car");
        assert_eq!(error.kind(), Kind::Type, "{mode:?}");
        assert!(
            error.to_string().ends_with(", in the model `inner`"),
            "{error}"
        );
        let callee = error.model().expect("it is in a model");
        assert_eq!(
            (&*callee.name, &*callee.text),
            ("inner", "(define (f l)\n  (car l))\n(* 2 (f l))")
        );
        assert_eq!(error.position(text).expect("a place").to_string(), "2:3");
        assert_eq!(error.span().expect("a place").text(&callee.text), "(car l)");
        let calls: Vec<_> = error
            .calls()
            .iter()
            .map(|call| {
                (
                    call.name.as_str(),
                    call.position.to_string(),
                    call.model.as_deref(),
                )
            })
            .collect();
        let calls: Vec<_> = calls.iter().map(|(n, p, m)| (*n, &**p, *m)).collect();
        assert_eq!(
            calls,
            [
                ("f", "3:6", Some("inner")),
                ("model \"inner\"", "2:6", Some("outer")),
                ("model \"outer\"", "2:2", None),
            ],
            "{mode:?}"
        );
        let shown = error.render(text).named("main.scm").to_string();
        assert!(
            shown.contains("<model inner>:2:3") && shown.contains("(car l)"),
            "{shown}"
        );
        assert!(
            shown.contains("in `model \"outer\"`, called at 2:2\n"),
            "{shown}"
        );
        assert!(
            shown.contains("called at 2:6 of the model `outer`"),
            "{shown}"
        );
    }
    // An unbound name of a callee is one more argument.
    let model = interpreter.model("(model \"typo\" x)")?;
    let error = all(&model, &Bindings::from([("x", 1.0)])).expect_err("`sine`");
    assert_eq!(
        error.to_string(),
        "the model `typo` takes 2 arguments (x, sine), and gets 1 here"
    );
    Ok(())
}

#[test]
fn limits_are_those_of_the_whole() -> Result<(), Error> {
    let (_, interpreter) = with(&[("count", "(let go ((i 0)) (if (< i n) (go (+ i 1)) i))")]);
    for mode in MODES {
        let text = "(+ (model \"count\" 100) (model \"count\" 100))";
        let model = interpreter.model_for(text, &Bindings::new(), mode)?;
        let none = Bindings::new();
        let run = |fuel| {
            let limits = Limits::default().fuel(fuel);
            model.evaluate(&none, Wrt::Nothing, &limits, &mut Workspace::new())
        };
        let taken = run(10_000)?.stats.applications;
        assert!(taken > 600, "{taken}");
        assert_eq!(run(taken)?.value.number(), Some(200.0));
        let error = run(taken - 1).expect_err("one too few");
        assert_eq!(error.kind(), Kind::Resource);
    }
    Ok(())
}

#[test]
fn lanes_second_derivatives_and_certificates_go_through_calls() -> Result<(), Error> {
    let models = [(
        "well",
        "(if (> x 1.0) (* k (square (- x 1.0))) (* k (sin x)))",
    )];
    let (_, interpreter) = with(&models);
    let text = "(* x (model \"well\" x a))";
    let inlined = "(define (well x k) (if (> x 1.0) (* k (square (- x 1.0))) (* k (sin x)))) (* x (well x a))";
    let xs: Vec<f64> = (0..200).map(|i| f64::from(i) * 0.013).collect();
    for mode in MODES {
        let names = Bindings::from([("a", 0.0), ("x", 0.0)]);
        let [composite, plain] =
            [text, inlined].map(|text| interpreter.model_for(text, &names, mode).expect(text));
        let shared = Bindings::from([("a", 1.5)]);
        let lanes = |model: &Model| {
            let lanes = model.value_and_grad_lanes(
                &shared,
                &[("x", &xs)],
                &["a", "x"],
                OnError::Stop,
                &Limits::default(),
                &mut Workspace::new(),
            );
            let mut lanes = lanes.expect("they run");
            // The names in a text take memory.
            lanes.stats.bytes = 0;
            format!("{lanes:?}")
        };
        assert_eq!(lanes(&composite), lanes(&plain), "{mode:?}");
        let at = Bindings::from([("a", 1.5), ("x", 1.75)]);
        let hessian = |model: &Model| {
            let hessian = model.hessian(&at, Wrt::Names(&["a", "x"]), &mut Workspace::new());
            hessian.expect("it has one").to_json()
        };
        assert_eq!(hessian(&composite), hessian(&plain), "{mode:?}");
    }
    let at = Bindings::from([("a", 1.5), ("x", 1.75)]);
    let certificate = verify(&interpreter, text, &at)?;
    assert_eq!(certificate.verdict, Verdict::Pass, "{certificate:?}");
    Ok(())
}

#[test]
fn a_fit_goes_through_calls_and_leaves_the_callees_params_alone() {
    let t: Vec<f64> = (0..12).map(f64::from).collect();
    let y: Vec<f64> = t.iter().map(|t| 4.0 * (-0.5 * t).exp() + 1.0).collect();
    let table = Table::from_columns([("t", &t[..]), ("y", &y[..])]).expect("a table");
    let (_, interpreter) = with(&[("decay", "(param rate 0.5) (exp (* (- rate) t))")]);
    for mode in MODES {
        let text = "(param a 1.0) (param c 0.0) (observe y (+ c (* a (model \"decay\" t))))";
        let model = interpreter
            .model_for(text, &Bindings::new(), mode)
            .expect("it links");
        let fitted = fit(&model, &table, &FitOptions::default()).expect("it fits");
        assert_eq!(fitted.params.len(), 2);
        let near = |name: &str, x: f64| (fitted.param(name).expect(name).estimate - x).abs() < 1e-6;
        assert!(near("a", 4.0) && near("c", 1.0), "{fitted:?}");
    }
}
