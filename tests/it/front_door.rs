//! The front door: every public function, with wrong lengths, names, shapes, NaN and nothing at all.
//! What cannot be answered is an error that says so; nothing ends in a panic.
//!
//! A test holds this file against the code: a public function that is not called here fails it.

use dmci::prim::{Prim, Real, arity_in_words};
use dmci::source::{Position, Span};
use dmci::syntax::{Constraint, Goal};
use dmci::walk::output::{json_number, json_string};
use dmci::{
    Bindings, Budget, Error, Evaluator, Input, Interpreter, Kind, Lane, LaneMut, Limits, Mode,
    Model, OnError, Output, Pause, Registry, Relaxation, Request, Tagged, Threads, TypeTag,
    Workspace, Wrt,
};
use std::fmt::Debug;

const NAN: f64 = f64::NAN;

/// Numbers that programs and callers rarely think of.
const ODD: [f64; 9] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    5e-324,
];

/// Texts that are no program, or none that runs.
const TEXTS: [&str; 9] = ["", "(", ")", "(+ 1", "'", "#", "(if)", "\"", "(lambda)"];

/// A request that cannot be answered: an error of that kind, with words.
fn refused<T>(what: &str, result: Result<T, Error>) {
    match result {
        Ok(_) => panic!("{what} is no error"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Request, "{what}: {error}");
            assert!(error.to_string().len() > 10, "{what}: {error}");
        }
    }
}

/// Any error at all.
fn fails<T, E: Debug + ToString>(what: &str, result: Result<T, E>) {
    let error = result.err().unwrap_or_else(|| panic!("{what} is no error"));
    assert!(!error.to_string().is_empty(), "{what}: {error:?}");
}

fn model(text: &str) -> Model {
    Interpreter::embedded().model(text).expect("a program")
}

fn at(x: f64) -> Bindings {
    Bindings::from([("x", x)])
}

/// An error shown in texts that it is not of.
fn shown(error: &Error) {
    for text in TEXTS {
        let rendered = error.render(text).named("").colored(true);
        assert!(!rendered.to_string().is_empty());
    }
}

// ---- coverage ----------------------------------------------------------------------------------

/// What is not called here, and why.
const NOT_HERE: [(&str, &str); 2] = [
    ("main", "it reads the arguments of the process"),
    ("evaluate_reference", "it is called by its public names"),
];

#[test]
fn every_public_function_is_walked() {
    let here = include_str!("front_door.rs").to_owned() + DFDX + MACHINES + LIBRARIES + SEARCHES;
    let mut missing = Vec::new();
    let mut open = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        for line in text.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or_default();
            let line = line.strip_prefix("const ").unwrap_or(line);
            let Some(rest) = line.strip_prefix("fn ") else {
                continue;
            };
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            seen += 1;
            let is_called = [format!("{name}("), format!("{name}::<")]
                .iter()
                .any(|call| here.contains(call));
            if !is_called && NOT_HERE.iter().all(|(other, _)| *other != name) {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(seen > 100, "{seen} public functions");
    assert!(
        missing.is_empty(),
        "call them here, with anything:\n{}",
        missing.join("\n")
    );
}

/// The calls that need dfdx.
const DFDX: &str = include_str!("front_door/networks.rs");

/// The calls of the register machine's libraries.
const LIBRARIES: &str = include_str!("front_door/libraries.rs");

/// The calls of the register machine.
const MACHINES: &str = include_str!("front_door/machines.rs");

/// The calls of the search.
const SEARCHES: &str = include_str!("front_door/searches.rs");

// ---- inputs ------------------------------------------------------------------------------------

#[test]
fn inputs_of_wrong_shapes() {
    for text in [
        "",
        "1",
        "[]",
        "{\"x\":null}",
        "{\"x\":[[1],[]]}",
        "{\"x\":{\"list\":[[]]}}",
    ] {
        let read = Bindings::from_json(text);
        shown(read.as_ref().unwrap_err());
        refused(text, read);
    }
    let none: [[f64; 0]; 0] = [];
    refused("a matrix of nothing", Input::matrix(&none));
    refused("a matrix of empty rows", Input::matrix(&[[0.0; 0]; 2]));
    let ragged = [vec![1.0], vec![1.0, 2.0]];
    refused("a ragged matrix", Input::matrix(&ragged));
    assert!(Input::matrix(&[[NAN]]).is_ok());
    let model = model("(* x 2)");
    let shapes = [(0, 0), (2, 1), (usize::MAX, 2), (usize::MAX, usize::MAX)];
    for (rows, columns) in shapes {
        let numbers = vec![1.0];
        let matrix = Input::Matrix {
            rows,
            columns,
            numbers,
        };
        let mut inputs = Bindings::new();
        inputs.set("x", matrix);
        let value = model.value(&inputs, &mut Workspace::new());
        refused("numbers that do not fill a matrix", value);
    }
    for input in [Input::Vector(Vec::new()), Input::List(Vec::new())] {
        let inputs = Bindings::from([("x", input)]);
        fails(
            "nothing, doubled",
            model.value(&inputs, &mut Workspace::new()),
        );
    }
    let mut odd = Bindings::from([("", 1.0), ("(", 2.0), ("%if", 3.0), ("if", NAN)]);
    assert!(odd.get("no").is_none());
    assert_eq!(odd.set("x", Input::List(ODD.to_vec())).names().count(), 5);
    for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
        let model = Interpreter::embedded().model_for("(* 2 (car x))", &odd, mode);
        let value = model.and_then(|m| m.value(&odd, &mut Workspace::new()));
        assert_eq!(
            value.expect("names are names").number(),
            Some(0.0),
            "{mode:?}"
        );
    }
}

// ---- interpreters and models ---------------------------------------------------------------------

#[test]
fn interpreters_and_programs() {
    let interpreter = Interpreter::embedded();
    let nothing = Bindings::new();
    for text in TEXTS {
        fails(text, interpreter.model(text));
        fails(text, interpreter.model_for(text, &nothing, Mode::Direct));
        fails(text, interpreter.expand(text, &["x", "x", ""], Goal::Value));
        fails(text, interpreter.print_anf(text, &["", ""]));
        fails(text, interpreter.stages(text, &["x", "x", ""]));
        fails(text, dmci::evaluate_program(&interpreter, text, &nothing));
        fails(text, dmci::compile_program(&interpreter, text));
        fails(text, dmci::run_scheme(text));
        if !text.is_empty() {
            fails(text, Interpreter::compile(text));
            // Something may be an evaluator, as a quote before it, and give nothing of use.
            if let Ok(other) = interpreter.with_inner_evaluator(text) {
                let model = other.model_for("(car 1)", &nothing, Mode::Nested);
                let _ = model.and_then(|model| model.value(&nothing, &mut Workspace::new()));
            }
        }
    }
    fails("no evaluator", Interpreter::compile(""));
    fails("a value of another kind", dmci::run_scheme("(car 1)"));
    let nowhere = "/no/such/folder/file";
    for path in ["", ".", nowhere] {
        fails(path, Interpreter::load(path));
        fails(path, dmci::load_compiled(path));
        fails(path, dmci::save_compiled(&interpreter, path));
    }
    assert!(dmci::compile_interpreter().is_ok());
    let empty = dmci::graph::Graph::default();
    fails("an empty graph", Interpreter::from_graph(empty.clone()));
    fails("an empty graph", Model::from_graph(&empty));
    fails("an empty graph", dmci::evaluate(&empty, &nothing));
    assert!(interpreter.graph().export("no such thing").is_none());
    assert!(empty.list().marks.is_empty());
    let data = [lexpr::Value::Nil, lexpr::Value::symbol("")];
    fails(
        "nil",
        interpreter.model_from_data(&data, &nothing, Mode::Direct),
    );
    fails(
        "no data",
        interpreter.model_from_data(&[], &nothing, Mode::Direct),
    );
    // Names given twice are one name.
    assert!(interpreter.expand("x", &["x", "x"], Goal::Value).is_ok());
    assert!(interpreter.print_anf("(lambda (x) x)", &["x", "x"]).is_ok());
    let programs = interpreter.evaluate_many(&TEXTS, &nothing);
    assert!(programs.iter().all(Result::is_err));
    let none: [&str; 0] = [];
    assert!(interpreter.evaluate_many(&none, &nothing).is_empty());
    let none = Budget::new(0);
    assert!(none.left() == 0 && !none.is_over() && none == none.clone());
    let request = Request::default()
        .wrt(Wrt::Names(&["no"]))
        .mode(Mode::Direct)
        .limits(Limits::default())
        .threads(0);
    let programs = interpreter.evaluate_many_with(&["x", "(", "1"], &at(1.0), &request);
    assert!(programs.iter().all(Result::is_err));
}

#[test]
fn programs_in_core_forms() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    let program = interpreter.expand("(param k 1.0) (car 1 k y)", &[], Goal::Value)?;
    let other = interpreter.expand("2.5", &[], Goal::Value)?;
    assert_eq!(program.text().len(), 25);
    assert_eq!(program.params().len(), 1);
    assert!(program.matrices().is_empty() && program.observations().is_empty());
    assert!(program.priors().is_empty() && program.derived().is_empty());
    assert!(program.free_names().count() > 0);
    assert!(!program.warnings().is_empty());
    let far = u32::MAX;
    for (line, column) in [(0, 0), (1, 0), (far, far), (1, far)] {
        assert!(program.literal_at(Position { line, column }).is_none());
    }
    let literal = other.literal_at(Position { line: 1, column: 1 });
    let literal = literal.expect("it is there");
    assert_eq!(other.span(literal).text("2.5"), "2.5");
    // An expression of another program is some place or none.
    let observed = "(observe y (+ 1 2 3 4 5 (* 2 x)) normal)";
    let observed = interpreter.expand(observed, &[], Goal::Observations)?;
    for observation in observed.observations() {
        let _ = other.span(observation.expr);
    }
    for x in ODD {
        let _ = Constraint::Between(x, NAN).admits(x);
        assert!(!Constraint::Above(NAN).admits(x));
    }
    Ok(())
}

#[test]
fn models_asked_for_what_they_do_not_have() -> Result<(), Error> {
    let mut workspace = Workspace::new();
    let workspace = &mut workspace;
    let interpreter = Interpreter::embedded();
    let model = interpreter.model_for("(list x (* x y))", &at(0.0), Mode::Interpreter)?;
    let nothing = Bindings::new();
    let limits = Limits::default();
    let wrong = [Wrt::Names(&["no"]), Wrt::Names(&[""]), Wrt::Names(&["@"])];
    let literals = ["@0:0", "@1", "@1:99999999999", "@-1:1"].map(|name| [name]);
    refused("no x", model.value(&nothing, workspace));
    refused("no x", model.value_once(&nothing, &limits, workspace));
    let both = Bindings::from([("x", NAN), ("y", 1.0)]);
    for wrt in wrong
        .into_iter()
        .chain(literals.each_ref().map(|l| Wrt::Names(l)))
    {
        refused("no such name", model.value_and_grad(&both, wrt, workspace));
        refused(
            "no such name",
            model.evaluate(&both, wrt, &limits, workspace),
        );
        refused("no such name", model.hessian(&both, wrt, workspace));
        refused(
            "no such name",
            model.hessian_within(&both, wrt, &limits, workspace),
        );
        refused("no such name", model.hvp(&both, wrt, &[1.0], workspace));
        refused(
            "no such name",
            model.hvp_within(&both, wrt, &[], &limits, workspace),
        );
        refused(
            "no such name",
            model.explain(&both, wrt, &limits, workspace),
        );
        refused(
            "no such name",
            model.only_steering(&both, wrt, &limits, workspace),
        );
    }
    fails(
        "a list has no Hessian",
        model.hessian(&both, Wrt::All, workspace),
    );
    refused("no x", model.recording(&nothing, &limits, workspace));
    let recording = model.recording(&both, &limits, workspace)?;
    assert!(recording.nodes.iter().all(|node| node.derivative.is_none()));
    assert!(model.paths().len() <= model.path_totals().paths);
    assert_eq!(model.mode(), Mode::Interpreter);
    for pause in [
        Pause::Applications(0),
        Pause::Entries(0),
        Pause::Entries(u32::MAX),
        Pause::Value,
    ] {
        refused("no x", model.paused(&nothing, pause, &limits, workspace));
        let paused = model.paused(&both, pause, &limits, workspace)?;
        assert!(paused.cells.iter().all(|cell| cell.numbers.len() == 14));
    }
    assert_eq!(TypeTag::Nil.name(), "nil");
    refused("no x", model.print_trace(&nothing, &limits, workspace));
    refused("no number", model.print_gradient(&both, &limits, workspace));
    for temperature in [0.0, -1.0, NAN, f64::INFINITY] {
        let relaxation = Relaxation::default().temperature(temperature).hard(true);
        refused("a temperature", model.with_relaxation(relaxation));
    }
    let seed = model.relaxation().gumbel_seed(u64::MAX);
    refused("a seed", model.with_relaxation(seed));
    assert_eq!(model.with_threads(0).threads().count(), 1);
    let before = model.path_totals().paths;
    model.keep_paths(0);
    let list = Bindings::from([
        ("x", Input::List(vec![NAN])),
        ("y", Input::List(Vec::new())),
    ]);
    fails("lists, multiplied", model.value(&list, workspace));
    assert_eq!(model.path_totals().paths, before);
    assert_eq!(model.inputs().len(), 2);
    assert!(model.params().is_empty() && model.warnings().is_empty());
    assert!(!model.text().is_empty());
    let number = interpreter.model("(* x x)")?;
    for direction in [&[][..], &[1.0, 2.0]] {
        refused(
            "a direction",
            number.hvp(&at(1.0), Wrt::All, direction, workspace),
        );
    }
    let (_, explanation) = number.explain(&at(NAN), Wrt::All, &limits, workspace)?;
    for (start, end) in [(5, 2), (0, u32::MAX), (u32::MAX, 0)] {
        assert_eq!(explanation.excerpt(Span::new(start, end)), "");
    }
    let _ = explanation.to_string();
    let forked = interpreter.model("(if (> x 0) (list x) 0)")?;
    forked.value(&at(1.0), workspace)?;
    let (_, explanation) = forked.explain(&at(NAN), Wrt::Nothing, &limits, workspace)?;
    if let dmci::Way::Diverged(guard) = explanation.way {
        let _ = (guard.path(), guard.guard(), guard.span(), guard.is_test());
        assert_ne!(guard.expected(), guard.found());
    }
    Ok(())
}

#[test]
fn limits_of_nothing() -> Result<(), Error> {
    static SET: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);
    let model = model("(let go ((i 0) (s x)) (if (= i 50) s (go (+ i 1) (* s s))))");
    let none = Limits::default()
        .fuel(0)
        .heap_bytes(0)
        .trace_bytes(1 << 20)
        .text_bytes(1 << 20)
        .output_bytes(1 << 20)
        .depth(0)
        .deadline(None);
    // Later than the clock can say is never.
    assert_eq!(
        Limits::new().timeout(std::time::Duration::MAX).deadline,
        None
    );
    // What interrupts may be set before anything begins.
    let interrupted = Limits::new().interrupt(&SET);
    assert!(interrupted.interrupt.expect("it is there").is_set());
    let stopped = model.evaluate(&at(1.0), Wrt::All, &interrupted, &mut Workspace::new());
    assert_eq!(stopped.expect_err("it is stopped").kind(), Kind::Resource);
    let workspace = &mut Workspace::new();
    for _ in 0..2 {
        let met = |result: Result<(), Error>| {
            assert_eq!(result.expect_err("a limit is met").kind(), Kind::Resource);
        };
        met(model
            .evaluate(&at(1.0), Wrt::All, &none, workspace)
            .map(drop));
        met(model.value_once(&at(1.0), &none, workspace).map(drop));
        met(model
            .hessian_within(&at(1.0), Wrt::All, &none, workspace)
            .map(drop));
        met(model
            .hvp_within(&at(1.0), Wrt::All, &[1.0], &none, workspace)
            .map(drop));
        // Paths that are known are held against limits as well.
        model.value_and_grad(&at(1.0), Wrt::All, workspace)?;
    }
    Ok(())
}

#[test]
fn gradients_and_values_of_each_other() -> Result<(), Error> {
    let workspace = &mut Workspace::new();
    let (number, gradient) = model("(* x x)").value_and_grad(&at(NAN), Wrt::All, workspace)?;
    let pair = model("(list x (vec x 1) (list))");
    let (list, jacobian) = pair.value_and_grad(&at(1.0), Wrt::All, workspace)?;
    assert!(gradient.get("no").is_none() && gradient.jacobian("").is_none());
    assert_eq!(gradient.names().count(), 1);
    for (value, gradient) in [(&number, &jacobian), (&list, &gradient)] {
        // The shape of another value.
        assert_eq!(gradient.to_json("x", value), None);
        assert_eq!(gradient.to_json("no", value), None);
    }
    assert!(jacobian.to_json("x", &list).is_some());
    for value in [&number, &list, &Output::default()] {
        let _ = (value.items(), value.number(), value.is_numeric());
        let _ = (value.numbers().count(), value.to_scheme(), value.to_json());
        let _ = value.to_json_with(&mut |_, _| {});
    }
    assert!(number.to_lexpr().is_ok());
    fails("nothing at all", Output::default().to_lexpr());
    let mut out = String::new();
    for x in ODD {
        json_number(x, &mut out);
    }
    json_string("\u{0}\"\\", &mut out);
    let hessian = model("(* x x)").hessian(&at(2.0), Wrt::All, workspace)?;
    assert!(hessian.get("x", "no").is_none() && hessian.block("", "x").is_none());
    assert_eq!((hessian.size(), hessian.matrix().len()), (1, 1));
    assert_eq!((hessian.names().count(), hessian.labels().len()), (1, 1));
    assert_eq!(
        (hessian.value(), hessian.gradient().get("x")),
        (4.0, Some(4.0))
    );
    assert!(!hessian.to_json().is_empty());
    let none = model("7").hessian(&Bindings::new(), Wrt::All, workspace)?;
    assert!(none.matrix().is_empty() && !none.to_json().is_empty());
    let product = model("(* x x)").hvp(&at(2.0), Wrt::All, &[NAN], workspace)?;
    assert!(product.product()[0].is_nan() && product.get("no").is_none());
    Ok(())
}

// ---- lanes -------------------------------------------------------------------------------------

fn evaluator(text: &str) -> Evaluator {
    let names = ["a", "x"];
    let evaluator = model(text).evaluator(&Bindings::new(), &names, &names, &Limits::default());
    evaluator.expect("its inputs are numbers")
}

#[test]
fn evaluators_given_wrong_lengths() -> Result<(), Error> {
    let model = model("(* a x)");
    let limits = Limits::default();
    let one = |names: &[&str], wrt: &[&str]| model.evaluator(&Bindings::new(), names, wrt, &limits);
    refused("no such name", one(&["a", "x"], &["no"]));
    refused("a name twice", one(&["a", "x", "x"], &[]));
    assert!(one(&["a", "x", "", "no"], &[]).is_ok());
    fails("a name that is not given", one(&[], &[])?.value(&[]));
    let mut evaluator = evaluator("(* a x)").threads(0);
    assert_eq!(evaluator.gradient_len(), 2);
    for inputs in [&[][..], &[1.0], &[1.0; 3]] {
        refused("other inputs", evaluator.value(inputs));
        refused(
            "other inputs",
            evaluator.value_and_grad(inputs, &mut [0.0; 2]),
        );
    }
    for gradient in [&mut [][..], &mut [0.0], &mut [0.0; 3]] {
        refused(
            "another gradient",
            evaluator.value_and_grad(&[1.0; 2], gradient),
        );
    }
    let (two, three) = ([1.0; 2], [1.0; 3]);
    let wrong: [&[Lane<'_>]; 6] = [
        &[],
        &[Lane::Each(&two)],
        &[Lane::Each(&two), Lane::Each(&three)],
        &[Lane::Each(&two), Lane::Each(&[])],
        &[
            Lane::Each(&two),
            Lane::Strided {
                numbers: &three,
                stride: 0,
            },
        ],
        &[
            Lane::Each(&two),
            Lane::Strided {
                numbers: &three,
                stride: 1,
            },
        ],
    ];
    for inputs in wrong {
        refused("other lanes", evaluator.sum(inputs, &mut [0.0; 2]));
        refused(
            "other lanes",
            evaluator.lanes(inputs, &mut [0.0; 2], &mut []),
        );
        refused("other lanes", evaluator.lanes(inputs, &mut [], &mut []));
        let (ones, room) = ([Lane::Shared(1.0)], &mut [0.0; 2]);
        refused(
            "other lanes",
            evaluator.vjp(inputs, &ones, &mut [LaneMut::Sums(room)]),
        );
        refused(
            "other lanes",
            evaluator.values(inputs, &mut [LaneMut::Each(room)]),
        );
        let (ones, room) = ([Lane::Shared(1.0); 2], &mut [0.0; 2]);
        refused(
            "other lanes",
            evaluator.hvp(inputs, &ones, &mut [LaneMut::Sums(room)]),
        );
    }
    let shared = [Lane::Shared(1.0); 2];
    refused("no lanes", evaluator.sum(&shared, &mut [0.0; 2]));
    let each = [Lane::Each(&two), Lane::Shared(NAN)];
    refused("another gradient", evaluator.sum(&each, &mut [0.0; 3]));
    refused(
        "other gradients",
        evaluator.lanes(&each, &mut [0.0; 2], &mut [0.0; 3]),
    );
    assert!(evaluator.sum(&each, &mut [])?.is_nan());
    assert_eq!(
        evaluator.sum(&[Lane::Each(&[]), Lane::Shared(1.0)], &mut [0.0; 2])?,
        0.0
    );
    Ok(())
}

/// The reference engine records nothing, so what runs recorded paths refuses it.
#[cfg(feature = "dfdx")]
#[test]
fn models_that_record_nothing() -> Result<(), Error> {
    let (workspace, limits) = (&mut Workspace::new(), Limits::default());
    let inputs = Bindings::from([("a", 1.0), ("x", NAN)]);
    let model = Interpreter::embedded().model_for("(* a x)", &inputs, Mode::Reference)?;
    refused("a Hessian", model.hessian(&inputs, Wrt::All, workspace));
    refused(
        "a product",
        model.hvp(&inputs, Wrt::All, &[1.0; 2], workspace),
    );
    refused(
        "an account",
        model.explain(&inputs, Wrt::All, &limits, workspace),
    );
    refused(
        "steering",
        model.only_steering(&inputs, Wrt::All, &limits, workspace),
    );
    refused("a trace", model.print_trace(&inputs, &limits, workspace));
    refused(
        "a gradient",
        model.print_gradient(&inputs, &limits, workspace),
    );
    let names = ["a", "x"];
    let evaluator = model.evaluator(&Bindings::new(), &names, &names, &limits);
    if let Ok(mut evaluator) = evaluator {
        let (x, mut room) = ([1.0; 20], [0.0; 20]);
        let lanes = [Lane::Shared(1.0), Lane::Each(&x)];
        let (one, two) = ([Lane::Shared(1.0)], [Lane::Shared(1.0); 2]);
        refused("a value", evaluator.value(&[1.0; 2]));
        refused(
            "a gradient",
            evaluator.value_and_grad(&[1.0; 2], &mut [0.0; 2]),
        );
        refused("lanes", evaluator.lanes(&lanes, &mut room, &mut []));
        refused("a sum", evaluator.sum(&lanes, &mut []));
        refused(
            "values",
            evaluator.values(&lanes, &mut [LaneMut::Each(&mut room)]),
        );
        let sums = &mut room[..2];
        refused(
            "a vjp",
            evaluator.vjp(&lanes, &one, &mut [LaneMut::Sums(sums)]),
        );
        refused(
            "an hvp",
            evaluator.hvp(&lanes, &two, &mut [LaneMut::Sums(sums)]),
        );
    }
    Ok(())
}

#[test]
fn buffers_that_do_not_fit() -> Result<(), Error> {
    let mut evaluator = evaluator("(* a x)");
    let x = [1.0, NAN, 3.0];
    let inputs = [Lane::Shared(2.0), Lane::Each(&x)];
    let one = [Lane::Shared(1.0)];
    let mut wrong = |what: &str, grads: &mut [LaneMut<'_>]| {
        refused(what, evaluator.vjp(&inputs, &one, grads));
        refused(
            what,
            evaluator.value_and_vjp(&inputs, &one, &mut [LaneMut::Sums(&mut [0.0])], grads),
        );
        refused(what, evaluator.hvp(&inputs, &[Lane::Shared(1.0); 2], grads));
    };
    wrong("no gradients", &mut []);
    wrong("one of two", &mut [LaneMut::Sums(&mut [0.0])]);
    wrong("three of two", &mut [LaneMut::Sums(&mut [0.0; 3])]);
    wrong(
        "two lanes of three",
        &mut [LaneMut::Each(&mut [0.0; 2]), LaneMut::Each(&mut [0.0; 3])],
    );
    let shapes = [
        (6, 2, 1),
        (6, 2, 0),
        (6, 0, 2),
        (5, 2, 2),
        (7, 2, 2),
        (4, 2, 2),
        (8, 2, 2),
        (0, 2, 2),
        (6, usize::MAX, usize::MAX),
        (6, 2, usize::MAX),
    ];
    for (length, width, stride) in shapes {
        let mut numbers = vec![0.0; length];
        let what = format!("rows of {width}, {stride} apart, in {length}");
        let numbers = &mut numbers[..];
        wrong(
            &what,
            &mut [LaneMut::Rows {
                numbers,
                width,
                stride,
            }],
        );
    }
    let (mut sums, mut room) = ([0.0; 2], [0.0; 3]);
    for cotangents in [&[][..], &[Lane::Shared(NAN); 2], &[Lane::Each(&x[1..])]] {
        refused(
            "other cotangents",
            evaluator.vjp(&inputs, cotangents, &mut [LaneMut::Sums(&mut sums)]),
        );
    }
    for directions in [&[][..], &[Lane::Shared(NAN)], &[Lane::Each(&x[1..]); 2]] {
        refused(
            "other directions",
            evaluator.hvp(&inputs, directions, &mut [LaneMut::Sums(&mut sums)]),
        );
    }
    let both = &mut [LaneMut::Each(&mut room), LaneMut::Sums(&mut sums)];
    refused("values of others", evaluator.values(&inputs, both));
    refused("no values", evaluator.values(&inputs, &mut []));
    let values = &mut [LaneMut::Sums(&mut sums)];
    let grads = &mut [LaneMut::Sums(&mut [0.0; 2])];
    refused(
        "values of others",
        evaluator.value_and_vjp(&inputs, &one, values, grads),
    );
    let shared = [Lane::Shared(1.0); 2];
    refused(
        "no lanes",
        evaluator.vjp(&shared, &one, &mut [LaneMut::Sums(&mut sums)]),
    );
    // What is shared by all has a place for each lane that is asked for.
    assert!(
        evaluator
            .values(&shared, &mut [LaneMut::Each(&mut room)])?
            .is_empty()
    );
    assert_eq!(room, [1.0; 3]);
    Ok(())
}

#[test]
fn lanes_by_name() {
    let model = model("(* a x)");
    let limits = Limits::default();
    let workspace = &mut Workspace::new();
    let (two, three) = ([1.0, NAN], [1.0; 3]);
    let mut lanes = |per_lane: &[(&str, &[f64])], wrt: &[&str]| {
        let shared = Bindings::from([("a", 1.0)]);
        model.value_and_grad_lanes(&shared, per_lane, wrt, OnError::Collect, &limits, workspace)
    };
    refused("columns", lanes(&[("x", &two), ("a", &three)], &[]));
    refused("no such name", lanes(&[("x", &two)], &["no"]));
    assert!(lanes(&[], &["x"]).is_ok_and(|lanes| lanes.values.is_empty()));
    assert!(lanes(&[("x", &[])], &["a"]).is_ok_and(|lanes| lanes.values.is_empty()));
    refused("a name twice", lanes(&[("x", &two), ("x", &two)], &[]));
    assert!(lanes(&[("x", &two), ("y", &two), ("", &two)], &["a", "a"]).is_ok());

    let mut lanes = |per_lane: &[(&str, &[Input])], wrt: &[&str]| {
        let shared = Bindings::from([("a", 1.0)]);
        let collect = OnError::Collect;
        model.value_and_grad_lanes_of(&shared, per_lane, wrt, collect, &limits, workspace)
    };
    let forms = [Input::from([1.0, NAN]), Input::from(1.0)];
    let [vector, number] = &forms;
    refused("two forms", lanes(&[("x", &forms)], &[]));
    refused("columns", lanes(&[("x", &forms[..1]), ("y", &[])], &[]));
    refused("no such name", lanes(&[("x", &forms[..1])], &["no"]));
    let lengths = [vector.clone(), Input::from([1.0])];
    refused("two lengths", lanes(&[("x", &lengths)], &[]));
    let ragged = Input::from(vec![vec![1.0], vec![]]);
    refused("ragged rows", lanes(&[("x", &[ragged])], &[]));
    refused(
        "no numbers",
        lanes(&[("x", &[Input::Vector(Vec::new())])], &[]),
    );
    let none = [Input::List(Vec::new())];
    assert!(lanes(&[("unused", &none), ("x", &forms[1..])], &["unused", "x"]).is_ok());
    assert!(lanes(&[("x", &[])], &["x"]).is_ok_and(|lanes| lanes.values.is_empty()));
    // A vector times a number is a vector, and has no gradient over lanes.
    refused(
        "no number",
        lanes(&[("x", std::slice::from_ref(vector))], &["x"]),
    );
    assert!(lanes(&[("x", std::slice::from_ref(number))], &["x", "a"]).is_ok());
}

// ---- what stands beside models -----------------------------------------------------------------

#[test]
fn registries_and_stale_handles() {
    let (registry, other) = (Registry::new(), Registry::new());
    let handle = registry.insert("", model("1"));
    assert!(registry.find("no").is_none() && registry.find("").is_some());
    assert_eq!((registry.len(), registry.handles().len()), (1, 1));
    fails("another registry's", other.get(handle));
    fails("another registry's", other.swap(handle, model("2")));
    assert!(registry.remove(handle).is_ok() && registry.is_empty());
    fails("a stale handle", registry.get(handle));
    fails("a stale handle", registry.name(handle));
    fails("a stale handle", registry.remove(handle));
    let limits = Limits::default();
    let interpreter = Interpreter::embedded().within(&limits);
    let interpreter = interpreter.with_models(&registry);
    let caller = interpreter.model("(model \"no\" x)").expect("a program");
    assert_eq!(
        (caller.calls().len(), caller.linked_text()),
        (1, caller.text())
    );
    let error = caller.value(&at(1.0), &mut Workspace::new()).unwrap_err();
    assert!(error.model().is_none());
    let itself = registry.insert("", interpreter.model("(model \"\" x)").expect("a program"));
    fails("a circle", registry.get(itself));
    fails("a circle", interpreter.model("(model \"\")"));
    fails(
        "a compiled program of two texts",
        interpreter.compile_program("(model \"a\")", &[]),
    );
    for x in ODD {
        let traced = model("(/ (log x) x)").trace_nan(
            &at(x),
            Wrt::All,
            &Limits::default(),
            &mut Workspace::new(),
        );
        let traced = traced.expect("it runs");
        assert_eq!(
            traced.is_clean(),
            traced.first.is_none() && traced.derivative.is_none()
        );
        assert!(!traced.shown("\n", true).is_empty());
    }
    registry.swap(itself, model("x")).expect("it is there");
    fails("no constant", {
        let caller = interpreter.model("(model \"\" 1)").expect("a program");
        caller.value_and_grad(&at(1.0), Wrt::Names(&["/"]), &mut Workspace::new())
    });
}

#[test]
fn names_given_twice() {
    let model = model("(* a x)");
    let (limits, mut workspace) = (Limits::default(), Workspace::new());
    let column = [1.0, 2.0];
    let mut lanes = |shared: &Bindings, names: &[&str], wrt: &[&str], column: &[f64]| {
        let columns: Vec<(&str, &[f64])> = names.iter().map(|&name| (name, column)).collect();
        model.value_and_grad_lanes(
            shared,
            &columns,
            wrt,
            OnError::Collect,
            &limits,
            &mut workspace,
        )
    };
    let a = Bindings::from([("a", 2.0)]);
    assert!(lanes(&a, &["x"], &["a", "x"], &column).is_ok());
    refused("a lane name twice", lanes(&a, &["x", "x"], &[], &column));
    // A lane input stands before a shared one of its name.
    assert!(lanes(&a, &["x", "a"], &[], &column).is_ok());
    refused("an unknown name, no lanes", lanes(&a, &["x"], &["zz"], &[]));
    assert!(lanes(&a, &["x"], &["a", "x"], &[]).is_ok());
    let twice = model.evaluator(&Bindings::new(), &["a", "x", "a"], &["a"], &limits);
    refused("a varied name twice", twice);
}

#[test]
fn errors_of_other_texts() {
    let error = model("(car x)")
        .value(&at(1.0), &mut Workspace::new())
        .unwrap_err();
    assert!(error.span().is_some() && !error.kind().name().is_empty());
    for text in ["", "é", "\n\n"] {
        let _ = (
            error.position(text),
            error.calls().len(),
            error.also().len(),
        );
    }
    for (start, end) in [(0, 0), (1, 2), (3, 1), (u32::MAX, u32::MAX)] {
        let span = Span::new(start, end);
        let _ = (span.text("aé"), span.position("aé"), span.position(""));
    }
    for (line, column) in [(0, 0), (1, 1), (2, 9), (u32::MAX, u32::MAX)] {
        let _ = Position { line, column }.offset("aé\n");
        assert!(Position { line, column }.offset("").is_none());
    }
    assert_eq!(dmci::nearest("", ["", "a"].into_iter()), None);
}

#[test]
fn damaged_graphs() -> Result<(), Error> {
    use dmci::graph::{NcgError, Op, ncg, verify};
    let interpreter = Interpreter::embedded();
    let whole =
        dmci::compile_program(&interpreter, "(let go ((i 0)) (if (< i x) (go (+ i 1)) i))")?;
    let mut damaged = vec![dmci::graph::Graph::default()];
    let mut damage = |with: &dyn Fn(&mut dmci::graph::Graph)| {
        let mut graph = whole.clone();
        with(&mut graph);
        damaged.push(graph);
    };
    damage(&|graph| graph.functions[0].body = 99);
    damage(&|graph| graph.blocks.clear());
    damage(&|graph| graph.nodes.clear());
    damage(&|graph| graph.constants.clear());
    damage(&|graph| graph.inputs.clear());
    damage(&|graph| graph.functions.clear());
    damage(&|graph| graph.sites.clear());
    damage(&|graph| graph.exports.push(("x".into(), 99)));
    damage(&|graph| {
        let nodes = graph.nodes.values_mut();
        nodes.for_each(|node| node.op = Op::Branch(98, 99));
    });
    damage(&|graph| graph.nodes.values_mut().for_each(|node| node.args.clear()));
    for graph in &damaged {
        let is_whole = verify(graph).is_ok();
        let _ = (graph.print(), graph.to_dot(), graph.export("x"));
        let _ = (ncg::hash(graph), ncg::read(&ncg::write(graph)).is_ok());
        if !is_whole {
            fails("damaged", Model::from_graph(graph));
            fails("damaged", Interpreter::from_graph(graph.clone()));
            fails("damaged", dmci::evaluate(graph, &at(1.0)));
        }
        let options = dmci::verify::VerifyOptions::default();
        let verified = dmci::verify::verify_graph(&interpreter, graph, &at(1.0), &options);
        assert!(is_whole || verified.is_err());
        for node in graph.nodes.values() {
            let _ = (node.op.is_end(), node.op.is_floating());
        }
    }
    for text in ["", "{", "{}", "[]", "null", "{\"format\":\"ncg\"}"] {
        fails(text, ncg::read(text));
    }
    for path in ["", "/no/such/folder/file"] {
        let loaded: Result<_, NcgError> = ncg::load(path);
        fails(path, loaded);
        fails(path, ncg::save(&whole, path));
    }
    Ok(())
}

#[test]
fn primitives_of_anything() {
    for &prim in Prim::ALL {
        let spec = prim.spec();
        for count in [0, 1, 2, 300, usize::MAX] {
            let _ = spec.accepts(count);
        }
        assert!(!spec.arity().is_empty() && !prim.name().is_empty());
        assert_eq!(Prim::from_internal_name(prim.name()), Some(prim));
        let _ = (prim.has_kernel(), prim.is_internal(), prim.keeps_int());
        let _ = (prim.variadic(), prim.operands());
        for a in ODD {
            for b in ODD {
                let y = prim.forward(a, b);
                let _ = prim.vjp(a, b, y, NAN);
            }
        }
    }
    assert!(Prim::from_name("").is_none() && Prim::names().count() > 50);
    assert!(!arity_in_words(u32::MAX, Some(0)).is_empty());
    for x in ODD {
        let _ = (x.lift(NAN), x.select(1.0, 2.0), x.above(NAN), x.is_zero());
    }
}

#[test]
fn tagged_values_of_anything() {
    for tag in TypeTag::ALL {
        assert!(tag.position() < 10);
        let _ = tag.is_number();
    }
    let most = u32::MAX;
    let values = [
        Tagged::bool(true),
        Tagged::int(NAN),
        Tagged::float(f64::INFINITY),
        Tagged::char(char::MAX),
        Tagged::symbol(most),
        Tagged::pair(most, most),
        Tagged::string(most, most),
        Tagged::vector(most, most),
        Tagged::matrix(most, most, most),
        Tagged::closure(most, most),
    ];
    for value in values {
        let _ = (
            value.tag(),
            value.payload(),
            Tagged::from_array(value.to_array()),
        );
    }
    for x in ODD {
        fails("no one-hot tag", Tagged::from_array([x; 14]));
    }
}

#[test]
fn threads_of_any_number() {
    assert_eq!(Threads::of(0).count(), 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = std::sync::Arc::new(pool.expect("a thread"));
    assert_eq!(Threads::in_pool(pool).count(), 1);
}

// ---- fits and certificates ---------------------------------------------------------------------

#[test]
fn fits_that_cannot_be() {
    use dmci::fit::{
        Estimates, FitError, FitOptions, Missing, Progress, Table, TableOptions, fit, fit_observed,
        fit_traced, predict, profile,
    };
    use dmci::syntax::Constraint;
    use std::ops::ControlFlow;
    for path in ["", "/no/such/folder/file"] {
        fails(path, Table::read(path));
    }
    for text in [
        "",
        "\n",
        "a,a\n1,2\n",
        "a,b\n1\n",
        "a\n",
        "\u{0}",
        "a,b\n1,2,3\n",
    ] {
        fails(text, Table::from_reader(text.as_bytes(), ""));
        fails(text, Table::from_text(text, ""));
    }
    for c in ['\0', '"', 'é', '5', ';', ' '] {
        let odd = [
            TableOptions::default().separator(c),
            TableOptions::default().decimal(c).missing(Missing::Drop),
            TableOptions::default().comment(c).separator(c),
        ];
        for options in odd {
            let _ = options.from_reader("x;y\n1;2\n".as_bytes(), "");
            let _ = options.from_text("x;y\n1;2\n", "");
            fails("/no/such/file", options.read("/no/such/file"));
            fails("no columns", options.from_columns::<&str, &[f64]>([]));
        }
    }
    let table = Table::from_reader("x,y,s\n1,2,a\n3,4,b\n".as_bytes(), "").expect("a table");
    fails("a column of text", table.observed("s"));
    assert_eq!((table.missing_in("s"), table.missing_in("no")), (0, 0));
    assert_eq!(
        (table.rows(), table.names().len(), table.file()),
        (2, 3, Some(""))
    );
    assert!(table.line(usize::MAX).is_none() && !table.has_column(""));
    fails("no such column", table.column("no"));
    fails("a column of text", table.column("s"));
    let interpreter = Interpreter::embedded();
    let programs = [
        "(* 2 x)",
        "(param a 1.0) (observe no (* a x) normal)",
        "(param a 1.0) (observe s (* a x) normal)",
        "(param a 1.0) (observe y (* a no) normal)",
        "(param a 1.0) (observe y (list a x) normal)",
        "(param a 1.0) (observe y (log (- 0 1 (* a a x))) lognormal)",
        "(param a 1.0) (param a 2.0) (observe y a normal)",
        "(param a 1.0 (> 2)) (observe y a normal)",
    ];
    let options = FitOptions::default();
    let go_on = |_: &Progress| ControlFlow::Continue(());
    for &text in TEXTS.iter().chain(&programs) {
        let model = interpreter.model(text);
        let fitted = model.map(|model| fit(&model, &table, &options));
        fails(text, fitted.map_err(FitError::from).flatten());
    }
    let good = interpreter.model("(param a 1.0) (observe y (* a x) normal)");
    let good = good.expect("a program");
    let new = FitOptions::default;
    let odd = [
        new()
            .starts(0)
            .max_iterations(0)
            .minimize(false)
            .all_starts(true)
            .seed(u64::MAX),
        new().init("a", NAN).threads(0),
        new().init("no", 1.0).init("", 1.0),
        new().target("no"),
        new().sigma("no"),
        new().weights("s"),
        new().loss(dmci::fit::Loss::Huber).loss_scale(NAN),
        new().fix("a", NAN).fix("no", None),
        new().bound("a", Constraint::Above(NAN)),
        new().prior("a", NAN, 1.0),
        new().prior("no", 0.0, 1.0),
        new().prior("a", 0.0, 0.0),
        new().limits(Limits::default().fuel(0)),
        new().fuel(0),
    ];
    for (index, options) in odd.iter().enumerate() {
        let found = fit_observed(&good, &table, options, &go_on);
        // No start at all is one start.
        assert_eq!(found.is_ok(), index == 0, "{options:?}: {found:?}");
        match found {
            Ok(fitted) => {
                assert!(fitted.param("no").is_none() && fitted.column("").is_none());
                assert!(fitted.noise_of("no").is_none() && fitted.derived("").is_none());
                assert!(fitted.covariance_of("a", "no").is_none());
            }
            Err(error) => {
                let _ = (error.program_error().is_some(), error.span());
                // The text of another program will do.
                for text in TEXTS {
                    assert!(!error.render(text).to_string().is_empty());
                }
            }
        }
    }
    for text in TEXTS.iter().chain(&["{}", "{\"schema\":1}", "[1"]) {
        fails(text, Estimates::from_json(text));
    }
    let mut estimates = Estimates::from(&fit(&good, &table, &options).expect("a fit"));
    let predicted = predict(&good, &estimates, &table, &options).expect("predictions");
    assert_eq!(predicted.len(), 1);
    estimates.target = Some("no".into());
    fails("a target too", predict(&good, &estimates, &table, &options));
    let fitted = fit(&good, &table, &FitOptions::default()).expect("it is good");
    for name in ["a", "k", "", "\u{0}"] {
        if let Ok(profile) = profile(&good, &table, &FitOptions::default(), &fitted, name) {
            assert!(!profile.shape().is_empty() && !profile.low.value().is_nan());
        }
    }
    let (_, met) = fit_traced(&good, &table, &FitOptions::default(), &|_| {
        ControlFlow::Continue(())
    });
    let met = met.expect("it looks");
    assert!(met.is_none_or(|met| !met.shown("", true).is_empty()));
    let interrupted = fit_observed(&good, &table, &options, &|_| ControlFlow::Break(()));
    fails("interrupted at once", interrupted);
    let (two, one, odd) = ([1.0, 2.0], [1.0], [1.0, NAN]);
    let columns: [&[(&str, &[f64])]; 6] = [
        &[],
        &[("x", &[])],
        &[("x", &two), ("y", &one)],
        &[("x", &two), ("x", &two)],
        &[("x", &odd), ("y", &two)],
        &[("", &two)],
    ];
    for columns in columns {
        let table = Table::from_columns(columns.iter().copied());
        let fitted = table.map(|table| fit(&good, &table, &options));
        fails("columns", fitted.map_err(FitError::from).flatten());
    }
}

#[test]
fn contexts_that_cannot_be() {
    use dmci::fit::{FitContext, FitOptions, PreparedFit, Table};
    let interpreter = Interpreter::embedded();
    let table = Table::from_columns([("x", &[1.0, 2.0][..])]).expect("a table");
    let options = FitOptions::default().literals(true).max_evaluations(0);
    let context = FitContext::new(&interpreter, &table, options.clone().target("x"));
    assert_eq!(context.options().max_evaluations, Some(0));
    let context = context.mode(Mode::Nested);
    for text in TEXTS.iter().chain(&["(* 2.0 z)"]) {
        fails(text, context.fit(text));
        fails(text, context.prepare(text));
        fails(text, context.calibrate(text));
    }
    let odd = context.relaxation(Relaxation::default().temperature(f64::NAN));
    fails("no temperature", odd.fit("(* 2.0 x)"));
    let program = model("(param a 1.0) (observe x (* a 2.0))");
    let prepared = PreparedFit::new(&program, &table, &options).expect("it can be prepared");
    assert_eq!(prepared.params().count(), 2);
    for values in [&[][..], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0], &[1.0; 3]] {
        fails("no values", prepared.score(values));
        fails("no values", prepared.fit_from(values));
    }
    // An evaluation there is in any case.
    assert!(prepared.fit().is_ok_and(|fit| fit.sse.is_finite()));
    assert!(
        prepared
            .calibrate()
            .is_ok_and(|found| found.sse.is_finite())
    );
    let stop = |_: &dmci::fit::Progress| std::ops::ControlFlow::Break(());
    fails("interrupted", prepared.fit_observed(&stop));
}

#[test]
fn losses_that_cannot_be() {
    use dmci::fit::{FitError, FitOptions, Table, fit};
    let interpreter = Interpreter::embedded();
    let options = FitOptions::default().minimize(true).starts(2);
    let more = [
        "(param a 1) \"no\"",
        "(param a 1 (> 0)) (log (- a))",
        "(param a 1) (vec a)",
    ];
    for &text in TEXTS.iter().chain(&more) {
        let model = interpreter.model(text);
        let found = model.map(|model| fit(&model, &Table::empty(), &options));
        fails(text, found.map_err(FitError::from).flatten());
    }
    let table = Table::from_columns([("x", &[1.0, 2.0][..])]).expect("a table");
    let options = FitOptions::default().soften(true).starts(2);
    let more = [
        "(param a 1) (observe x (if (< a x) \"no\" a))",
        "(param a 1) (observe x (if (< a \"no\") 1 a))",
        "(param a 1) (define (f n) (if (< n a) (f (+ n 1)) n)) (observe x (f 0))",
    ];
    for &text in TEXTS.iter().chain(&more) {
        let model = interpreter.model(text);
        let found = model.map(|model| fit(&model, &table, &options));
        fails(text, found.map_err(FitError::from).flatten());
    }
}

#[cfg(feature = "dfdx")]
#[test]
fn certificates_of_nothing() -> Result<(), Error> {
    use dmci::verify::{
        Certificate, Status, Verdict, VerifyOptions, verify, verify_graph, verify_with,
    };
    let interpreter = Interpreter::embedded();
    let nothing = Bindings::new();
    for text in TEXTS {
        fails(text, verify(&interpreter, text, &nothing));
    }
    fails("no constants", verify(&interpreter, "7", &nothing));
    let options = VerifyOptions::default()
        .wrt(["no"])
        .relaxation(Relaxation::default())
        .limits(Limits::default());
    fails(
        "no such name",
        verify_with(&interpreter, "(* x x)", &at(1.0), &options),
    );
    let mut graph = dmci::graph::Graph::default();
    fails(
        "no graph",
        verify_graph(&interpreter, &graph, &at(1.0), &options),
    );
    let certificate = verify(&interpreter, "(* x x)", &at(2.0))?;
    assert_eq!(certificate.verdict, Verdict::Pass);
    assert!(!certificate.verdict.name().is_empty() && !Status::Pass.name().is_empty());
    assert!(!certificate.is_of("") && !certificate.to_json().is_empty());
    fails("of another program", certificate.attach(&mut graph));
    let kinked = verify(
        &interpreter,
        "(if (= x 0) 0.0 x)",
        &Bindings::from([("x", 0.0)]),
    )
    .unwrap();
    assert!(kinked.warnings[0].sides_agree());
    assert!(Certificate::of_graph(&graph).is_ok_and(|found| found.is_none()));
    graph.certificate = Some("{".into());
    fails("a damaged one", Certificate::of_graph(&graph));
    for text in ["", "{", "{}", "null"] {
        fails(text, Certificate::from_json(text));
    }
    Ok(())
}

#[cfg(feature = "cli")]
#[test]
fn lines_that_are_no_requests() {
    use dmci::cli::eval::{Answerer, answer};
    let interpreter = Interpreter::embedded();
    let mut answerer = Answerer::new(interpreter.clone()).threads(0);
    let lines = [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"source\":1}",
        "{\"source\":\"x\",\"inputs\":{\"x\":[[1],[1,2]]}}",
        "{\"source\":\"x\",\"lanes\":{\"x\":[1],\"y\":[1,2]}}",
        "{\"source\":\"x\",\"inputs\":{\"x\":1},\"wrt\":[\"no\"]}",
        "{\"source\":\"(soft-if 1 2 3)\",\"temperature\":-1}",
    ];
    for line in lines {
        assert!(answerer.answer(line).contains("\"error\""), "{line}");
        assert!(answer(&interpreter, line).contains("\"error\""), "{line}");
    }
}

#[test]
fn exports_of_what_has_no_other_form() {
    use dmci::export::{ExportOptions, Target, export};
    assert!(Target::from_name("").is_none() && Target::from_name("fortran").is_none());
    for target in Target::ALL {
        assert_eq!(Target::from_name(target.name()), Some(target));
        let mut options = ExportOptions::default();
        for text in [
            "(car x)",
            "(lambda (x) x)",
            "'a",
            "\"a\"",
            "(f x)",
            "(param a 1)",
        ] {
            fails(text, export(&model(text), target, &options));
        }
        for name in ["", "1", "a b", "a\"", "é", "x;"] {
            name.clone_into(&mut options.name);
            refused(name, export(&model("x"), target, &options));
        }
        let mut options = ExportOptions::default();
        options.values.push(("z".into(), 1.0));
        refused("another value", export(&model("x"), target, &options));
        let mut options = ExportOptions::default();
        options.inputs.set("x", Input::Vector(Vec::new()));
        refused("an empty vector", export(&model("x"), target, &options));
        for x in ODD {
            let mut options = ExportOptions::default();
            options.values.push(("x".into(), x));
            assert!(export(&model("(* 2 x)"), target, &options).is_ok());
        }
    }
}

mod libraries;
mod machines;
#[cfg(feature = "dfdx")]
mod networks;
#[cfg(feature = "cli")]
mod searches;
