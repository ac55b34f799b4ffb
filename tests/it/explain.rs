//! Reasons: why forks are given up, which guard diverged, why a path is not compiled; and their words.
//!
//! **Invariants**
//! - Each reason there is has a small program that provokes it, and is told with its place.
//! - Reasons are the same in every mode that walks.

use crate::cli::dmci;
use dmci::source::Span;
use dmci::{
    Bindings, Divergence, Error, Evaluation, Explanation, Input, Interpreter, Limits, Mode, Model,
    Relaxation, Uncompiled, Way, Workspace, Wrt,
};
use serde_json::Value;

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

fn bindings(inputs: &[(&str, f64)]) -> Bindings {
    inputs.iter().copied().collect()
}

fn explain(model: &Model, inputs: &Bindings, wrt: Wrt<'_>) -> (Evaluation, Explanation) {
    let limits = Limits::default();
    let explained = model.explain(inputs, wrt, &limits, &mut Workspace::new());
    explained.unwrap_or_else(|error| panic!("{}: {error}", model.text()))
}

/// A model that has run once.
fn walked(program: &str, inputs: &[(&str, f64)]) -> Model {
    let model = Interpreter::embedded().model(program).expect(program);
    let (_, explanation) = explain(&model, &bindings(inputs), Wrt::Nothing);
    assert_eq!(explanation.way, Way::Walked, "{program}");
    model
}

fn text(program: &str, span: Option<Span>) -> &str {
    span.map_or("", |span| span.text(program))
}

/// The guard that diverges when a model that has run is run on other numbers.
#[track_caller]
fn divergence(model: &Model, inputs: &[(&str, f64)]) -> Divergence {
    match explain(model, &bindings(inputs), Wrt::Nothing).1.way {
        Way::Diverged(divergence) => divergence,
        way => panic!("{}: {way}", model.text()),
    }
}

// ---- forks ---------------------------------------------------------------------------------

/// The forks that a program gives up, in every mode: the first word of each with its reason, and where
/// that was met.
#[track_caller]
fn given_up(program: &str, inputs: &[(&str, f64)], relaxation: Relaxation) -> Vec<String> {
    let inputs = bindings(inputs);
    let mut seen: Option<(String, Vec<String>)> = None;
    for mode in MODES {
        let model = Interpreter::embedded().model_for(program, &inputs, mode);
        let model = model.and_then(|model| model.with_relaxation(relaxation));
        let (evaluation, explanation) = explain(&model.expect(program), &inputs, Wrt::Nothing);
        let forks = explanation.forks_given_up.iter();
        let forks: Vec<String> = forks
            .map(|fork| {
                let (at, met) = (text(program, fork.span), text(program, fork.at));
                format!("{at} | {} | {met}", fork.why)
            })
            .collect();
        assert_eq!(evaluation.stats.forks_given_up as usize, forks.len());
        let now = (explanation.to_string(), forks);
        assert_eq!(*seen.get_or_insert_with(|| now.clone()), now, "{mode:?}");
    }
    seen.expect("there are modes").1
}

#[test]
fn each_reason_to_give_up_a_fork_is_told_with_its_place() {
    let plain = Relaxation::default();
    let x = &[("x", 1.0), ("k", 1.0)];
    for (program, fork, why, met) in [
        (
            "(+ 1 (if (> x 0) (list-ref (list 1 2) k) 0))",
            "(if (> x 0) (list-ref (list 1 2) k) 0)",
            "an arm needs a guard",
            "(list-ref (list 1 2) k)",
        ),
        (
            "(if (> x 0) (if (memv k '(1 2)) x 0) 0)",
            "(if (> x 0) (if (memv k '(1 2)) x 0) 0)",
            "an arm needs a guard",
            "(memv k '(1 2))",
        ),
        (
            "(if (> x 0) (list x) 0)",
            "(if (> x 0) (list x) 0)",
            "an arm comes to a pair, not to a number or boolean",
            "",
        ),
        (
            "(if (> x 2) 0 [x 1])",
            "(if (> x 2) 0 [x 1])",
            "an arm comes to a vector, not to a number or boolean",
            "",
        ),
        (
            "(if (> x 0) x #t)",
            "(if (> x 0) x #t)",
            "one arm comes to a number, the other to a boolean",
            "",
        ),
        (
            "(define (f n y) (if (= n 0) y (f (- n 1) (* y y)))) (if (> x 0) (f 30 x) x)",
            "(if (> x 0) (f 30 x) x)",
            "the arms take more than 64 operations and applications",
            "(f (- n 1) (* y y))",
        ),
        (
            "(if (> x 0) x (car '()))",
            "(if (> x 0) x (car '()))",
            "an arm fails: `car` of the empty list",
            "(car '())",
        ),
    ] {
        assert_eq!(
            given_up(program, x, plain),
            [format!("{fork} | {why} | {met}")],
            "{program}"
        );
    }
    let noisy = plain.gumbel_seed(7);
    let program = "(if (> x 0) (soft-choice (1.0 2.0) (list x 0)) 0)";
    assert_eq!(given_up(program, &[("x", 1.0)], plain), [""; 0]);
    let choice = "(soft-choice (1.0 2.0) (list x 0))";
    assert_eq!(
        given_up(program, &[("x", 1.0)], noisy),
        [format!("{program} | an arm draws noise | {choice}")]
    );
}

#[test]
fn a_fork_around_one_that_is_given_up_is_given_up_too() {
    let program = "(if (> x 0) (+ 1 (if (> x 1) (list x) 2)) 3)";
    let inner = "(if (> x 1) (list x) 2)";
    assert_eq!(
        given_up(program, &[("x", 0.5)], Relaxation::default()),
        [
            format!("{program} | a fork inside an arm cannot be joined | {inner}"),
            format!("{inner} | an arm comes to a pair, not to a number or boolean | "),
        ]
    );
    // A reason that is not about a value holds for both.
    let program = "(if (> x 0) (+ 1 (if (> x 1) (list-ref '(1 2) x) 2)) 3)";
    let inner = "(if (> x 1) (list-ref '(1 2) x) 2)";
    let met = "an arm fails: `list-ref` wants a whole number as index, got 0.5";
    let call = "(list-ref '(1 2) x)";
    assert_eq!(
        given_up(program, &[("x", 0.5)], Relaxation::default()),
        [program, inner].map(|fork| format!("{fork} | {met} | {call}"))
    );
}

#[test]
fn a_recursive_fork_is_told_once() {
    let program = "(define (f n) (if (< n 1) n (f (- n 1)))) (f x)";
    let fork = "(if (< n 1) n (f (- n 1)))";
    let found = given_up(program, &[("x", 40.5)], Relaxation::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{fork} | the arms take more than 64")));
}

#[test]
fn forks_that_join_are_counted() {
    let model = walked("(+ (if (> x 0) x 1) (if (> x 1) 2 x))", &[("x", 2.0)]);
    let (evaluation, explanation) = explain(&model, &bindings(&[("x", 3.0)]), Wrt::Nothing);
    assert_eq!(evaluation.stats.forks_joined, 2);
    assert_eq!(evaluation.stats.forks_given_up, 0);
    let joined = explanation.forks_joined.iter();
    let joined: Vec<&str> = joined.map(|&span| text(model.text(), span)).collect();
    assert_eq!(joined, ["(if (> x 0) x 1)", "(if (> x 1) 2 x)"]);
    assert!(
        explanation
            .to_string()
            .contains("no guard: it fits all numbers")
    );
}

// ---- guards --------------------------------------------------------------------------------

const STEERED: &str = "(list (if (> x 0) (list x) 0) (list-ref (list 1 2 3) k))";

#[test]
fn the_guard_that_diverged_is_named_with_what_it_expects_and_met() {
    let model = walked(STEERED, &[("x", 1.0), ("k", 2.0)]);
    let told = |inputs: [f64; 2]| {
        let found = divergence(&model, &[("x", inputs[0]), ("k", inputs[1])]);
        let place = text(STEERED, found.span()).to_owned();
        (
            found.path(),
            found.guard(),
            place,
            found.expected(),
            found.found(),
            found.is_test(),
        )
    };
    let index = "(list-ref (list 1 2 3) k)".to_owned();
    let branch = "(if (> x 0) (list x) 0)".to_owned();
    assert_eq!(told([1.0, 1.0]), (1, 2, index.clone(), 2.0, 1.0, false));
    assert_eq!(told([-1.0, 2.0]), (2, 1, branch, 1.0, 0.0, true));
    // Tried first is the path that was walked last; its first guard leads to the first path.
    assert_eq!(told([2.0, 0.0]), (1, 2, index, 2.0, 0.0, false));
    assert_eq!(model.path_totals().paths, 4);
}

#[test]
fn code_that_is_compiled_diverges_at_the_same_guard() {
    let model = walked(STEERED, &[("x", 1.0), ("k", 2.0)]);
    for round in 1..=9 {
        let inputs = bindings(&[("x", f64::from(round)), ("k", 2.0)]);
        let (_, explanation) = explain(&model, &inputs, Wrt::Nothing);
        let needed = 8;
        let young = |replays| Uncompiled::Young { replays, needed };
        if round <= 8 {
            assert_eq!(explanation.way, Way::Recorded(young(round)));
        } else {
            assert_eq!(
                (explanation.way, explanation.uncompiled),
                (Way::Compiled, None)
            );
        }
    }
    let found = divergence(&model, &[("x", 1.0), ("k", 0.0)]);
    assert_eq!((found.path(), found.guard()), (1, 2));
    assert_eq!((found.expected(), found.found()), (2.0, 0.0));
    assert_eq!(text(STEERED, found.span()), "(list-ref (list 1 2 3) k)");
}

#[test]
fn a_path_beyond_the_limits_is_told() {
    let model = walked("(* x x x)", &[("x", 2.0)]);
    let limits = Limits::default().fuel(0);
    let inputs = bindings(&[("x", 2.0)]);
    let found = model.explain(&inputs, Wrt::Nothing, &limits, &mut Workspace::new());
    let Err(Error::Eval(error)) = found else {
        panic!("no fuel is left");
    };
    assert_eq!(error.stats.way, Way::Limited);
}

#[test]
fn the_path_of_a_run_says_whether_it_is_kept() {
    let model = walked("(if (> x 0) (list x) 0)", &[("x", 2.0)]);
    model.keep_paths(1);
    let (_, explanation) = explain(&model, &bindings(&[("x", -2.0)]), Wrt::Nothing);
    assert_eq!((explanation.is_recorded, explanation.path), (true, None));
    assert!(
        explanation.to_string().contains("not kept"),
        "{explanation}"
    );
    // More operations than are recorded where nobody asks for a gradient.
    let program = "(let go ((i 0) (w v)) (if (= i 1030) (vsum w) (go (+ i 1) (* w w))))";
    let mut inputs = Bindings::new();
    inputs.set("v", Input::Vector(vec![1.0; 1024]));
    let model = Interpreter::embedded().model(program).expect(program);
    let (_, explanation) = explain(&model, &inputs, Wrt::Nothing);
    assert!(!explanation.is_recorded);
    assert!(
        explanation.to_string().contains("not recorded"),
        "{explanation}"
    );
}

// ---- compiled or not -----------------------------------------------------------------------

/// Why the tenth replay by `wrt` is not one of compiled code.
#[track_caller]
fn uncompiled(program: &str, inputs: &Bindings, wrt: &[&str]) -> Uncompiled {
    let model = Interpreter::embedded().model(program).expect(program);
    for _ in 0..10 {
        explain(&model, inputs, Wrt::Names(wrt));
    }
    match explain(&model, inputs, Wrt::Names(wrt)).1.way {
        Way::Recorded(why) => why,
        way => panic!("{program}: {way}"),
    }
}

#[test]
fn each_reason_not_to_compile_a_path_is_told() {
    let x = bindings(&[("x", 0.5)]);
    assert_eq!(
        uncompiled("(list x (* x x) (exp x))", &x, &["x"]),
        Uncompiled::Short { size: 2, least: 64 }
    );
    let sines = "(let go ((i 0) (y x)) (if (= i 70) (list y (sqrt x)) (go (+ i 1) (sin y))))";
    let negative = bindings(&[("x", -1.0)]);
    assert_eq!(uncompiled(sines, &negative, &["x"]), Uncompiled::NotANumber);
    let model = Interpreter::embedded().model(sines).expect(sines);
    let ways: Vec<Way> = (0..10)
        .map(|_| explain(&model, &x, Wrt::Names(&["x"])).1.way)
        .collect();
    assert_eq!(ways[9], Way::Compiled);
    let mut matrix = bindings(&[("s", 2.0)]);
    let rows: Vec<[f64; 8]> = (0..8_u8).map(|i| [f64::from(i); 8]).collect();
    matrix.set("a", Input::matrix(&rows).expect("it has a shape"));
    assert_eq!(
        uncompiled("(matmul a (scale s a))", &matrix, &["s"]),
        Uncompiled::Blocks
    );
    let squares = "(let go ((i 0) (w v)) (if (= i 700) w (go (+ i 1) (* w w))))";
    let mut vector = Bindings::new();
    vector.set("v", Input::Vector(vec![1.0; 60]));
    assert_eq!(
        uncompiled(squares, &vector, &["v"]),
        Uncompiled::Large {
            size: 60 * 60 * 700,
            most: 1 << 21
        }
    );
    let model = walked("(list x #t)", &[("x", 0.5)]);
    let found = model.evaluate(&x, Wrt::All, &Limits::default(), &mut Workspace::new());
    let Err(Error::Eval(error)) = found else {
        panic!("a boolean has no derivative");
    };
    assert_eq!(error.stats.way, Way::Recorded(Uncompiled::NotNumeric));
}

// ---- the command line ----------------------------------------------------------------------

const BRANCH: &str = "(if (> x 0) (list x) 0)";

#[test]
fn the_page_on_replay_shows_what_is_printed() {
    let page = include_str!("../../src/docs/replay.md");
    let (_, block) = page.split_once("```text\n$ dmci run").expect("an example");
    let (block, _) = block.split_once("```").expect("it ends");
    let (command, shown) = block.split_once('\n').expect("a command and its output");
    let again = ["--again", "x=3", "--again", "x=-1"];
    let quoted = format!(" -e '{BRANCH}' --input x=2 --explain {}", again.join(" "));
    assert_eq!(command, quoted);
    let mut args = vec!["run", "-e", BRANCH, "--input", "x=2", "--explain"];
    args.extend(again);
    let run = dmci(&args);
    assert_eq!(run.code, Some(0));
    // A terminal shows both streams; values stand before their accounts.
    let mut values = run.out.lines().peekable();
    let rest = shown
        .lines()
        .filter(|line| values.next_if_eq(line).is_none());
    assert_eq!(
        rest.collect::<Vec<_>>(),
        run.err.lines().collect::<Vec<_>>()
    );
    assert_eq!(values.next(), None, "{shown}");
}

#[test]
fn accounts_as_json_stand_beside_the_values() {
    let args = ["run", "-e", BRANCH, "--input", "x=2", "--explain", "--json"];
    let found = dmci(&args).json();
    assert_eq!(found["value"], serde_json::json!([2.0]));
    assert!(found.get("again").is_none(), "{found}");
    let account = &found["explanation"];
    assert_eq!(
        (&account["way"], &account["path"]),
        (&"walked".into(), &1.into())
    );
    let at = serde_json::json!({"line": 1, "column": 1, "text": BRANCH});
    assert_eq!(
        account["guards"],
        serde_json::json!([{"at": at, "expected": true}])
    );
    assert_eq!(account["forks_given_up"][0]["at"], at);
    let mut more = args.to_vec();
    more.extend(["--again", "x=-1", "--again", "x=5"]);
    let found = dmci(&more).json();
    let again = found["again"].as_array().expect("two runs more");
    assert_eq!(again.len(), 2);
    let diverged = &again[0]["explanation"]["diverged"];
    assert_eq!(diverged["at"], at);
    assert_eq!(
        (&diverged["expected"], &diverged["found"]),
        (&true.into(), &false.into())
    );
    assert_eq!(again[1]["explanation"]["way"], "recorded");
    assert_eq!(again[1]["explanation"]["diverged"], Value::Null);
}

#[test]
fn faults_of_the_arguments_are_told() {
    let run = |args: &[&str]| {
        let mut all = vec!["run", "-e", BRANCH, "--input", "x=2"];
        all.extend(args);
        dmci(&all)
    };
    let unknown = run(&["--explain", "--again", "y=1"]).fails(2);
    assert!(
        unknown.contains("`y` is no input of the program"),
        "{unknown}"
    );
    run(&["--again", "x=1"]).fails(2);
    run(&["--explain", "--again", "x"]).fails(2);
    #[cfg(feature = "dfdx")]
    {
        let refused = run(&["--explain", "--mode", "reference"]).fails(1);
        assert!(refused.contains("records no trace"), "{refused}");
    }
}

#[test]
fn a_run_that_fails_tells_why_it_was_walked() {
    let program = "(if (> x 0) (list x) (car x))";
    let args = [
        "run",
        "-e",
        program,
        "--input",
        "x=2",
        "--explain",
        "--again",
        "x=-1",
    ];
    let run = dmci(&args);
    assert_eq!((run.code, run.out.as_str()), (Some(1), "(2.0)\n"));
    let told = "walked: guard 1 of path 1 expects #t and met #f";
    assert!(
        run.err.contains(told) && run.err.contains("`car` of a number"),
        "{}",
        run.err
    );
}
