//! The interpreter is what runs: its file, its source, and what happens when one clause changes.

use dmci::graph::ncg;
use dmci::{
    Bindings, Error, Interpreter, Limits, Mode, Workspace, Wrt, compile_interpreter, save_compiled,
};

const COMPILER: &str = include_str!("../../bootstrap/compiler.scm");
const EMBEDDED: &str = include_str!("../../bootstrap/interpreter.ncg");

/// The value of a program as text, or the message of its error.
fn run(interpreter: &Interpreter, text: &str, mode: Mode) -> String {
    let result = interpreter
        .model_for(text, &Bindings::new(), mode)
        .and_then(|model| model.value(&Bindings::new(), &mut Workspace::new()));
    match result {
        Ok(value) => value.to_scheme(),
        Err(error) => error.to_string(),
    }
}

/// The evaluator with the branches of `if` swapped.
fn swapped() -> String {
    let clause = "(if (%test-at here (test env)) (then env) (otherwise env))";
    let wrong = "(if (%test-at here (test env)) (otherwise env) (then env))";
    assert_eq!(COMPILER.matches(clause).count(), 1, "the clause of `if`");
    COMPILER.replace(clause, wrong)
}

#[test]
fn the_embedded_file_is_what_the_sources_compile_to() {
    let compiled = compile_interpreter().expect("the sources compile");
    assert!(
        ncg::write(compiled.graph()) == EMBEDDED,
        "bootstrap/interpreter.ncg is out of date; run \
         `cargo run -- compile --interpreter -o bootstrap/interpreter.ncg`"
    );
    assert!(EMBEDDED.len() < 285_000, "{} bytes", EMBEDDED.len());
}

#[test]
fn the_embedded_file_passes_what_a_file_of_others_has_to() {
    // A process takes it as it is: its hash and its graph are looked at here.
    let read = ncg::read(EMBEDDED).expect("it is whole, and verified");
    assert!(ncg::write(&read) == EMBEDDED);
    assert!(ncg::write(Interpreter::embedded().graph()) == EMBEDDED);
}

#[test]
fn a_clause_changed_in_the_evaluator_changes_what_interprets_and_not_what_compiles() {
    let text = "(if (< 1 2) 'yes 'no)";
    let right = Interpreter::embedded();
    let wrong = Interpreter::compile(&swapped()).expect("the edited source compiles");
    for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
        assert_eq!(run(&right, text, mode), "yes", "{mode:?}");
    }
    assert_eq!(run(&wrong, text, Mode::Interpreter), "no");
    assert_eq!(run(&wrong, text, Mode::Direct), "yes");
    // The outer level is wrong about the inner evaluator's own `if`s: whatever comes, not this.
    assert_ne!(run(&wrong, text, Mode::Nested), "yes");
}

#[test]
fn a_clause_changed_at_the_inner_level_shows_in_nested_mode_alone() {
    let text = "(if (< 1 2) 'yes 'no)";
    let inner = Interpreter::embedded()
        .with_inner_evaluator(&swapped())
        .expect("the edited source compiles");
    assert_eq!(run(&inner, text, Mode::Interpreter), "yes");
    assert_eq!(run(&inner, text, Mode::Direct), "yes");
    assert_eq!(run(&inner, text, Mode::Nested), "no");
}

#[test]
fn a_loaded_file_is_the_evaluator_that_runs() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("dmci-selfhost-{}.ncg", std::process::id()));
    save_compiled(&Interpreter::compile(&swapped())?, &path)?;
    let loaded = Interpreter::load(&path);
    let _ = std::fs::remove_file(&path);
    assert_eq!(run(&loaded?, "(if #t 1 2)", Mode::Interpreter), "2");
    Ok(())
}

/// The names of the calls under way when a program fails, innermost first, with their places.
fn chain(text: &str, mode: Mode) -> (String, Vec<String>) {
    let model = Interpreter::embedded()
        .model_for(text, &Bindings::new(), mode)
        .expect("the program expands");
    let error = model
        .value(&Bindings::new(), &mut Workspace::new())
        .expect_err("the program fails");
    let place = error.position(text).expect("the failure has a place");
    let calls = error.calls().iter();
    (
        format!("{} {place}", error.kind()),
        calls
            .map(|c| format!("{} {}", c.name, c.position))
            .collect(),
    )
}

#[test]
fn errors_carry_place_and_call_chain_through_closures_lambdas_and_levels() {
    let cases: [(&str, &str, &[&str]); 4] = [
        (
            "(define (make n)\n  (lambda (x)\n    (+ n (car x))))\n(* 2 ((make 3) 4))",
            "type 3:10",
            &["a procedure 4:6"],
        ),
        (
            "(define (f v) (+ 1 (cadr v)))\n(length\n  (map (lambda (p)\n         (* 2 (f p)))\n       '((1 2) (3))))",
            "type 1:20",
            &["f 4:15", "map 3:3"],
        ),
        (
            "(define (down n) (if (= n 0) (oops) (+ 1 (down (- n 1)))))\n(down 3)",
            "unbound 1:31",
            &["down 1:42", "down 2:1"],
        ),
        (
            "(define (tail n) (if (= n 0) (car n) (tail (- n 1))))\n(list (tail 5))",
            "type 1:30",
            &["tail 1:38"],
        ),
    ];
    for (text, place, calls) in cases {
        for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
            let (found, chain) = chain(text, mode);
            assert_eq!(found, place, "{mode:?} {text}");
            assert_eq!(chain, calls, "{mode:?} {text}");
        }
    }
}

/// Nodes walked and applications of a program.
fn cost(text: &str) -> (u64, u64) {
    let model = Interpreter::embedded().model(text).expect("it expands");
    let stats = model
        .evaluate(
            &Bindings::new(),
            Wrt::Nothing,
            &Limits::default(),
            &mut Workspace::new(),
        )
        .expect("it runs")
        .stats;
    (stats.nodes, stats.applications)
}

#[test]
fn the_evaluator_is_cheap_in_loops_and_in_analysis() {
    let text =
        |n: u32| format!("(let go ((i 0) (s 1.5)) (if (= i {n}) s (go (+ i 1) (* s 0.99))))");
    let (few, many) = (cost(&text(100)), cost(&text(1100)));
    let per_application = (many.0 - few.0) as f64 / (many.1 - few.1) as f64;
    assert!(per_application <= 30.0, "{per_application} nodes");
    // Fifty more expressions of three forms each, none of which runs: what is left is analysis. It
    // does not grow with the names in scope.
    for names in ["", "(a 0) (b 0) (c 0) (d 0) (e 0) (f 0) (g 0) (h 0)"] {
        let text = |n: usize| format!("(let ({names}) (if #t 1 (list {})))", "(* x 2)".repeat(n));
        let (few, many) = (cost(&text(50)), cost(&text(100)));
        let per_form = (many.0 - few.0) as f64 / (50.0 * 4.0);
        assert!(per_form <= 20.0, "{per_form} nodes");
    }
}
