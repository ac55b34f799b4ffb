//! Runs laid open: nodes, places and derivatives, the same in every mode that walks.

use dmci::{Bindings, Input, Interpreter, Limits, Mode, Model, Operand, Recording, Workspace, Wrt};

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

fn model(text: &str, inputs: &Bindings, mode: Mode) -> Model {
    Interpreter::embedded()
        .model_for(text, inputs, mode)
        .unwrap()
}

fn recording(text: &str, inputs: &Bindings, mode: Mode) -> Recording {
    model(text, inputs, mode)
        .recording(inputs, &Limits::default(), &mut Workspace::new())
        .unwrap()
}

/// Name, text of the place, value.
fn shown<'a>(recording: &'a Recording, text: &'a str) -> Vec<(&'a str, &'a str, f64)> {
    let nodes = recording.nodes.iter();
    nodes
        .map(|node| {
            (
                &*node.name,
                node.span.map_or("", |span| span.text(text)),
                node.value,
            )
        })
        .collect()
}

#[test]
fn places_and_numbers_are_the_same_in_every_mode() {
    let text = "(define (f y) (if (> y 1) (* y y) (- y)))
        (fold-left + 0 (map (lambda (k) (* k (f x))) (list 1 2)))";
    let inputs = Bindings::from([("x", 3.0)]);
    let first = recording(text, &inputs, Mode::Interpreter);
    assert!(first.nodes.iter().any(|node| node.name == "select"));
    for node in &first.nodes {
        assert_eq!(node.span.is_none(), node.is_input, "{node:?}");
    }
    for mode in MODES {
        let other = recording(text, &inputs, mode);
        assert_eq!(other.nodes, first.nodes, "{mode:?}");
        assert_eq!(other.guards, first.guards, "{mode:?}");
        assert_eq!(other.outputs, first.outputs, "{mode:?}");
    }
    let squares = shown(&first, text)
        .into_iter()
        .filter(|(_, text, value)| *text == "(* y y)" && *value == 9.0);
    assert_eq!(squares.count(), 2);
}

#[test]
fn derivatives_by_inputs_are_the_gradient() {
    let text = "(param k 0.5) (+ (* k (exp x)) (dot v v))";
    let mut inputs = Bindings::from([("x", 0.25)]);
    inputs.set("v", Input::Vector(vec![1.0, -2.0]));
    for mode in MODES {
        let model = model(text, &inputs, mode);
        let mut workspace = Workspace::new();
        let recording = model
            .recording(&inputs, &Limits::default(), &mut workspace)
            .unwrap();
        let (_, gradient) = model
            .value_and_grad(&inputs, Wrt::All, &mut workspace)
            .unwrap();
        let by = |name: &str| {
            let node = recording
                .nodes
                .iter()
                .find(|node| node.name == name)
                .unwrap();
            assert!(node.is_input);
            node.derivative.unwrap()
        };
        assert_eq!(Some(by("k")), gradient.get("k"));
        assert_eq!(Some(by("x")), gradient.get("x"));
        assert_eq!(Some(&[by("v[0]"), by("v[1]")][..]), gradient.jacobian("v"));
    }
}

#[test]
fn operands_compute_the_values() {
    let text = "(* (+ a 2) (- b (max a b)))";
    let recording = recording(
        text,
        &Bindings::from([("a", 1.5), ("b", 4.0)]),
        Mode::Interpreter,
    );
    let number = |operand: &Operand| match operand {
        Operand::Node(index) => recording.nodes[*index].value,
        Operand::Constant(x) => *x,
    };
    for (index, node) in recording.nodes.iter().enumerate() {
        let x: Vec<f64> = node.operands.iter().map(number).collect();
        let expected = match (&*node.name, &x[..]) {
            ("+", [a, b]) => a + b,
            ("-", [a, b]) => a - b,
            ("*", [a, b]) => a * b,
            ("max", [a, b]) => a.max(*b),
            _ if node.is_input => continue,
            other => panic!("{other:?}"),
        };
        assert_eq!(expected, node.value);
        let before = |operand: &Operand| match operand {
            Operand::Node(other) => *other < index,
            Operand::Constant(_) => true,
        };
        assert!(node.operands.iter().all(before));
    }
    assert_eq!(
        number(&recording.outputs[0]),
        recording.value.number().unwrap()
    );
}

#[test]
fn matrices_and_guards_are_told() {
    let rows: Vec<Vec<f64>> = (0..6)
        .map(|i| {
            (0..6)
                .map(|j| if i == j { 2.0 + f64::from(i) } else { 0.0 })
                .collect()
        })
        .collect();
    let mut inputs = Bindings::from([("n", 2.0)]);
    inputs.set("m", Input::matrix(&rows).unwrap());
    let text = "(loop ((i 0) (s (det m))) (if (>= i n) s (recur (+ i 1) (* 0.5 s))))";
    let recording = recording(text, &inputs, Mode::Interpreter);
    let det = recording
        .nodes
        .iter()
        .find(|node| node.name == "det")
        .unwrap();
    assert_eq!(
        (det.value, det.span.unwrap().text(text)),
        (5040.0, "(det m)")
    );
    assert_eq!(det.operands.len(), 36);
    assert!(recording.nodes.iter().any(|node| node.name == "part"));
    let expected: Vec<f64> = recording
        .guards
        .iter()
        .map(|guard| guard.reason.expected)
        .collect();
    assert_eq!(expected, [0.0, 0.0, 1.0]);
    for guard in &recording.guards {
        assert!(guard.node < guard.nodes_before && guard.reason.is_test);
        let span = guard.reason.span.unwrap().text(text);
        assert!(span.starts_with("(if (>= i n)"), "{span}");
    }
}

#[test]
fn looking_leaves_the_models_paths_alone() {
    let text = "(if (> x 0) (list x) (list 0 x))";
    let inputs = Bindings::from([("x", 1.0)]);
    let model = model(text, &inputs, Mode::Interpreter);
    let mut workspace = Workspace::new();
    let recording = model
        .recording(&inputs, &Limits::default(), &mut workspace)
        .unwrap();
    assert_eq!(
        recording.nodes[0].derivative, None,
        "the value is no number"
    );
    assert!(model.paths().is_empty());
    model.value(&inputs, &mut workspace).unwrap();
    assert_eq!(model.paths().len(), 1);
    assert_eq!(model.paths()[0].guards[0], recording.guards[0].reason);
    let limits = Limits::default().fuel(1);
    let error = model
        .recording(&inputs, &limits, &mut workspace)
        .unwrap_err();
    assert_eq!(error.to_string(), "out of fuel: 1 applications");
}

#[test]
fn a_recording_is_serdes_to_write() {
    let recording = recording("(/ 1 x)", &Bindings::from([("x", 0.0)]), Mode::Interpreter);
    let json = serde_json::to_value(&recording).unwrap();
    let node = &json["nodes"][1];
    assert_eq!(
        (node["name"].as_str(), node["value"].as_str()),
        (Some("/"), Some("inf"))
    );
    assert_eq!(
        node["operands"],
        serde_json::json!([{"constant": 1.0}, {"node": 0}])
    );
    assert_eq!(node["span"], serde_json::json!({"start": 0, "end": 7}));
    assert_eq!(json["outputs"], serde_json::json!([{"node": 1}]));
}
