//! `monitor`: what it tells, in which runs, and that it changes nothing.
//!
//! **Invariants**
//! - A program with monitors has the value and the derivatives it has without.

use crate::cli::dmci;
use dmci::{
    Bindings, Error, Evaluation, Interpreter, Kind, Lane, Limits, Mode, Model, Monitored, OnError,
    Uncompiled, Way, Workspace, Wrt,
};

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

fn model(program: &str) -> Model {
    Interpreter::embedded().model(program).expect(program)
}

fn run(model: &Model, inputs: &[(&str, f64)]) -> Evaluation {
    let inputs: Bindings = inputs.iter().copied().collect();
    let limits = Limits::default();
    let found = model.evaluate(&inputs, Wrt::All, &limits, &mut Workspace::new());
    found.unwrap_or_else(|error| panic!("{}: {error}", model.text()))
}

fn lines(monitored: &[Monitored]) -> Vec<String> {
    monitored.iter().map(ToString::to_string).collect()
}

/// Names and values, without nodes.
fn told(evaluation: &Evaluation) -> Vec<(&str, String)> {
    let told = evaluation.monitored.iter();
    told.map(|one| (&*one.name, one.value.to_scheme()))
        .collect()
}

#[test]
fn every_mode_that_walks_tells_the_same() {
    let program = "(define (f y) (monitor \"twice\" (* 2 y)))
        (+ (f (monitor \"x\" x)) (vsum (monitor \"vector\" [x 1 a])) (monitor \"three\" 3))";
    let inputs = Bindings::from([("a", 0.5), ("x", 4.0)]);
    for mode in MODES {
        let model = Interpreter::embedded().model_for(program, &inputs, mode);
        let found = run(&model.expect(program), &[("a", 0.5), ("x", 4.0)]);
        assert_eq!(
            lines(&found.monitored),
            [
                "x = 4.0  (%1)",
                "twice = 8.0  (%2)",
                "vector = [4.0 1.0 0.5]  (%1 constant %0)",
                "three = 3  (constant)",
            ],
            "{mode:?}"
        );
        let calls = found.monitored.iter().map(|one| one.span.expect("a place"));
        let calls: Vec<&str> = calls.map(|span| span.text(program)).collect();
        assert_eq!(calls[1], "(monitor \"twice\" (* 2 y))", "{mode:?}");
        assert_eq!(found.value.number(), Some(16.5));
        assert_eq!(found.gradient.get("x"), Some(3.0));
    }
    #[cfg(feature = "dfdx")]
    {
        let model = Interpreter::embedded().model_for(program, &inputs, Mode::Reference);
        let found = run(&model.expect(program), &[("a", 0.5), ("x", 4.0)]);
        assert_eq!(
            (found.value.number(), found.gradient.get("x")),
            (Some(16.5), Some(3.0))
        );
        assert!(found.monitored.is_empty(), "it records nothing");
    }
}

#[test]
fn replays_tell_their_own_numbers() {
    let model = model("(* a (exp (monitor \"exponent\" (* -1.0 x))))");
    for step in 0..12 {
        let x = f64::from(step);
        let found = run(&model, &[("a", 2.0), ("x", x)]);
        assert_eq!(found.stats.replayed, step > 0);
        let way = found.stats.way;
        assert!(
            step == 0 || way == Way::Recorded(Uncompiled::Nodes),
            "{way}"
        );
        assert_eq!(
            lines(&found.monitored),
            [format!("exponent = {:?}  (%2)", -x)]
        );
        let value = found.value.number().expect("a number");
        assert_eq!(found.gradient.get("x"), Some(-value));
    }
}

#[test]
fn an_arm_tells_where_it_is_taken() {
    let program = "(+ (if (> x 0)
                          (if (> x 2) (monitor \"large\" (* 2 x)) (monitor \"small\" x))
                          (monitor \"below\" (- x)))
                      (monitor \"after\" x))";
    let replayed = model(program);
    run(&replayed, &[("x", 1.0)]);
    for (x, name, value) in [
        (1.5, "small", "1.5"),
        (3.0, "large", "6.0"),
        (-1.0, "below", "1.0"),
    ] {
        let after = ("after", format!("{x:?}"));
        let expected = [(name, value.to_owned()), after];
        let found = run(&replayed, &[("x", x)]);
        assert!(found.stats.replayed && found.stats.forks_joined == 2);
        assert_eq!(told(&found), expected);
        assert_eq!(told(&run(&model(program), &[("x", x)])), expected, "walked");
    }
}

#[test]
fn a_fork_that_is_given_up_tells_once() {
    for x in [1.0, -1.0] {
        let model =
            model("(if (monitor \"test\" (> x 0)) (list (monitor \"in\" x)) (monitor \"out\" 0))");
        let found = run(&model, &[("x", x)]);
        assert_eq!(found.stats.forks_given_up, 1);
        let (test, arm) = if x > 0.0 {
            ("#t", ("in", "1.0"))
        } else {
            ("#f", ("out", "0"))
        };
        assert_eq!(
            told(&found),
            [("test", test.to_owned()), (arm.0, arm.1.to_owned())]
        );
    }
}

#[test]
fn a_run_that_fails_has_told_what_came_before() {
    let program = "(+ (monitor \"x\" x) (car (monitor \"number\" (* x x))))";
    let inputs = Bindings::from([("x", 3.0)]);
    let found = model(program).value(&inputs, &mut Workspace::new());
    let Err(Error::Eval(error)) = found else {
        panic!("a number has no car");
    };
    assert_eq!(
        lines(&error.monitored),
        ["x = 3.0  (%0)", "number = 9.0  (%1)"]
    );
}

#[test]
fn notes_count_as_heap() {
    let model = model("(let go ((i 0)) (monitor \"i\" i) (go (+ i 1)))");
    let limits = Limits::default().heap_bytes(1 << 20);
    let found = model.evaluate(
        &Bindings::new(),
        Wrt::Nothing,
        &limits,
        &mut Workspace::new(),
    );
    let error = found.expect_err("it never ends");
    assert_eq!(error.kind(), Kind::Resource);
    assert!(error.to_string().contains("out of heap"), "{error}");
}

#[test]
fn lanes_and_evaluators_run_as_without_monitors() {
    let monitored = "(* k (if (> x 0) (monitor \"above\" (log x)) (monitor \"below\" x)))";
    let plain = "(* k (if (> x 0) (log x) x))";
    let xs: Vec<f64> = (-20..20).map(f64::from).collect();
    let results = [monitored, plain].map(|program| {
        let model = model(program);
        let fixed = Bindings::from([("k", 2.0)]);
        let limits = Limits::default();
        let evaluator = model.evaluator(&fixed, &["x"], &["k", "x"], &limits);
        let mut evaluator = evaluator.expect(program);
        let mut values = vec![0.0; xs.len()];
        let mut gradients = vec![0.0; 2 * xs.len()];
        let lanes = evaluator.lanes(&[Lane::Each(&xs)], &mut values, &mut gradients);
        lanes.expect(program);
        let mut gradient = [0.0; 2];
        for &x in &xs {
            let value = evaluator
                .value_and_grad(&[x], &mut gradient)
                .expect(program);
            values.push(value);
            values.extend(gradient);
        }
        let columns = [("x", xs.as_slice())];
        let lanes = model.value_and_grad_lanes(
            &fixed,
            &columns,
            &["k"],
            OnError::Collect,
            &limits,
            &mut Workspace::new(),
        );
        let lanes = lanes.expect(program).values;
        let lanes = lanes.into_iter().map(|lane| lane.expect(program).number());
        values.extend(lanes.map(|lane| lane.expect("a number")));
        let bits = |xs: Vec<f64>| xs.into_iter().map(f64::to_bits).collect::<Vec<u64>>();
        (bits(values), bits(gradients))
    });
    assert_eq!(results[0], results[1]);
}

#[test]
fn a_monitor_is_a_value_and_survives_a_graph_file() {
    let model = model("(map monitor (list \"a\" \"b\") (list x 2))");
    let found = run(&model, &[("x", 1.0)]);
    assert_eq!(
        lines(&found.monitored),
        ["a = 1.0  (%0)", "b = 2  (constant)"]
    );
    let interpreter = Interpreter::embedded();
    for program in ["(monitor \"a\" x)", "(map monitor (list \"a\") (list x))"] {
        let graph = dmci::compile_program(&interpreter, program).expect(program);
        let model = Model::from_graph(&graph).expect(program);
        let found = run(&model, &[("x", 1.0)]);
        assert_eq!(lines(&found.monitored), ["a = 1.0  (%0)"], "{program}");
    }
}

#[test]
fn the_command_line_tells_on_standard_error() {
    let program = "(exp (monitor \"exponent\" (* -0.5 x)))";
    let run = dmci(&["run", "-e", program, "--input", "x=2"]);
    assert_eq!(run.code, Some(0));
    let page = include_str!("../../src/docs/replay.md");
    let shown = format!(
        "$ dmci run -e '{program}' --input x=2\n{}{}```",
        run.err, run.out
    );
    assert!(page.contains(&shown), "{shown}");
    let grad = dmci(&["grad", "-e", program, "--input", "x=2", "--json"]);
    assert_eq!((grad.code, &grad.err), (Some(0), &run.err));
    let failed = dmci(&["run", "-e", "(car (monitor \"x\\n\" x))", "--input", "x=2"]).fails(1);
    assert!(
        failed.starts_with("x\\n = 2.0  (%0)\nerror[type]"),
        "{failed}"
    );
    let explained = dmci(&["run", "-e", program, "--input", "x=2", "--explain"]);
    let why = "not compiled: the numbers of all its nodes are asked for";
    assert!(
        explained.err.starts_with(&run.err) && explained.err.contains(why),
        "{}",
        explained.err
    );
}
