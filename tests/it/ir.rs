//! What the stages make of small programs: snapshots of normal form, graph and trace.
//!
//! A difference is shown by the failing test; `INSTA_UPDATE=always cargo test --test it ir` takes it.

use dmci::{Bindings, Error, Interpreter, Limits, Mode, Workspace, compile_program};

/// Name, program, and the inputs of its trace.
/// A name, a program, and its inputs.
type Case = (&'static str, &'static str, [(&'static str, f64); 2]);

const PROGRAMS: [Case; 6] = [
    ("decay", "(* a (exp (* -0.5 x)))", [("a", 2.0), ("x", 1.0)]),
    (
        "branch",
        "(if (> x 0) (log x) (* y y))",
        [("x", 2.0), ("y", 3.0)],
    ),
    (
        "loop",
        "(let go ((i 0) (s x))\n  (if (= i 3) s (go (+ i 1) (* s y))))",
        [("x", 2.0), ("y", 3.0)],
    ),
    (
        "closure",
        "(define (scale k) (lambda (v) (* k v)))\n(map (scale x) (list 1 y))",
        [("x", 2.0), ("y", 3.0)],
    ),
    (
        "recursion",
        "(define (f n) (if (= n 0) x (+ y (f (- n 1)))))\n(f 2)",
        [("x", 2.0), ("y", 3.0)],
    ),
    (
        "steering",
        "(cond ((< x 1) 'small) ((and (> y 0) (assv 1 `((,y . 2)))) => cdr) (else (list x)))",
        [("x", 2.0), ("y", 3.0)],
    ),
];

#[test]
fn normal_forms() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    for (name, text, inputs) in PROGRAMS {
        let inputs = inputs.map(|(name, _)| name);
        let anf = interpreter.print_anf(text, &inputs)?;
        insta::assert_snapshot!(format!("anf_{name}"), anf, text);
    }
    Ok(())
}

#[test]
fn graphs() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    for (name, text, _) in PROGRAMS {
        let graph = compile_program(&interpreter, text)?;
        insta::assert_snapshot!(format!("graph_{name}"), graph.print(), text);
    }
    Ok(())
}

#[test]
fn traces() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    for (name, text, inputs) in PROGRAMS {
        let inputs = Bindings::from(inputs);
        let trace = |mode| {
            let model = interpreter.model_for(text, &inputs, mode)?;
            model.print_trace(&inputs, &Limits::default(), &mut Workspace::new())
        };
        let usual = trace(Mode::Interpreter)?;
        assert_eq!(usual, trace(Mode::Direct)?, "{text}");
        assert_eq!(usual, trace(Mode::Nested)?, "{text}");
        insta::assert_snapshot!(format!("trace_{name}"), usual, text);
    }
    Ok(())
}
