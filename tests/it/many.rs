//! Many programs at once: the same answers as one after the other.
//!
//! **Invariants**
//! - The order, values, gradients and errors are those of single evaluations, on any number of
//!   threads.

use dmci::{Bindings, Error, Evaluation, Interpreter, Limits, Mode, Request, Workspace, Wrt};

fn programs() -> Vec<String> {
    let mut programs: Vec<String> = (0..200)
        .map(|k| match k % 5 {
            0 => format!("(* a (exp (* x -{k}.5)))"),
            1 => format!("(let go ((i 0) (s a)) (if (= i {k}) s (go (+ i 1) (sin (+ s x)))))"),
            2 => format!("(if (> x {k}) (car '()) (list a (+ x {k})))"),
            3 => format!(
                "(define (f n) (if (= n 0) a (+ x (f (- n 1))))) (f {})",
                50 * k
            ),
            _ => format!("(vector-ref (vector a x) {k})"),
        })
        .collect();
    programs.push("(+ a".to_owned());
    programs.push("(unknown a)".to_owned());
    programs.push("(let go () (go))".to_owned());
    programs.push(String::new());
    // Deep in its text and in its calls.
    programs.push(format!("{}a{}", "(- ".repeat(20_000), ")".repeat(20_000)));
    programs
}

/// An answer whose numbers are told by their bits.
fn told(answer: &Result<Evaluation, Error>) -> String {
    match answer {
        Ok(evaluation) => {
            let bits = |x: f64| format!("{:x} ", x.to_bits());
            let numbers: String = evaluation.value.numbers().map(bits).collect();
            let names = evaluation.gradient.names();
            let rows = names.filter_map(|name| evaluation.gradient.jacobian(name));
            let gradient: String = rows.flatten().copied().map(bits).collect();
            let text = evaluation.value.to_scheme();
            format!("{text} {numbers}| {gradient}{:?}", evaluation.stats)
        }
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

#[test]
fn many_programs_answer_as_they_would_alone_on_any_number_of_threads() {
    let interpreter = Interpreter::embedded();
    let programs = programs();
    let bindings = Bindings::from([("a", 0.7), ("x", 12.25)]);
    let limits = Limits::default().fuel(100_000);
    for (mode, wrt) in [
        (Mode::Interpreter, Wrt::Names(&["a", "x"])),
        (Mode::Interpreter, Wrt::Nothing),
        (Mode::Direct, Wrt::Names(&["x"])),
    ] {
        let request = Request::default().wrt(wrt).mode(mode).limits(limits);
        let alone: Vec<String> = programs
            .iter()
            .map(|program| {
                let model = interpreter.model_for(program, &bindings, mode);
                let mut workspace = Workspace::new();
                told(&model.and_then(|m| m.evaluate(&bindings, wrt, &limits, &mut workspace)))
            })
            .collect();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads can be had");
            let many =
                pool.install(|| interpreter.evaluate_many_with(&programs, &bindings, &request));
            let many: Vec<String> = many.iter().map(told).collect();
            assert_eq!(many.len(), alone.len());
            for ((program, one), other) in programs.iter().zip(&alone).zip(&many) {
                assert_eq!(one, other, "{threads} threads: {program:.80}");
            }
        }
    }
}

#[test]
fn values_alone_are_the_same() {
    let interpreter = Interpreter::embedded();
    let programs: Vec<String> = programs()
        .into_iter()
        .filter(|program| !program.contains("(go)"))
        .collect();
    let bindings = Bindings::from([("a", 0.7), ("x", 12.25)]);
    let values = interpreter.evaluate_many(&programs, &bindings);
    let with = interpreter.evaluate_many_with(&programs, &bindings, &Request::default());
    assert!(values.iter().any(Result::is_ok) && values.iter().any(Result::is_err));
    for ((program, value), with) in programs.iter().zip(&values).zip(&with) {
        match (value, with) {
            (Ok(value), Ok(with)) => assert_eq!(*value, with.value, "{program:.80}"),
            (Err(error), Err(with)) => assert_eq!(error.to_string(), with.to_string()),
            _ => panic!("{program:.80}: {value:?} {with:?}"),
        }
    }
    let none: [&str; 0] = [];
    assert!(interpreter.evaluate_many(&none, &bindings).is_empty());
}
