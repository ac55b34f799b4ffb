//! Results as serde writes them: the notation of the machine interface, and nothing left out.
//!
//! **Invariants**
//! - What JSON has no number for is `"inf"`, `"-inf"`, `"nan"`.
//! - What a result serializes as reads the same as what its own `to_json` writes.

use dmci::fit::{Fit, FitOptions, Table, fit};
use dmci::{Bindings, Input, Interpreter, Limits, Model, OnError, Workspace, Wrt};
use serde_json::{Value, json, to_value};

fn model(text: &str) -> Model {
    Interpreter::embedded()
        .model(text)
        .expect("it is a program")
}

/// What a text says.
#[track_caller]
fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[track_caller]
fn written(result: &impl serde::Serialize) -> Value {
    to_value(result).expect("it can be written")
}

#[test]
fn values_are_written_as_the_machine_interface_does() {
    for text in [
        "1",
        "2.5",
        "(/ 1.0 0.0)",
        "(list (/ -1.0 0.0) (/ 0.0 0.0) -0.0 1e-7)",
        "(list)",
        "'(1 (2 . x) (\"a\\\"b\" #\\c #t) ())",
        "(list car (if #f #f))",
        "[1.0 2.0]",
        "(mat [1 2] [3 4])",
        "(cons 1 (cons (list 2 (cons 3 4)) 5))",
    ] {
        let value = model(text).value(&Bindings::new(), &mut Workspace::new());
        let value = value.expect(text);
        assert_eq!(written(&value), read(&value.to_json()), "{text}");
    }
}

#[test]
fn values_nest_as_deep_as_can_be_read() {
    let nested = |depth: u32| {
        let text = format!("(let go ((i 0) (l '())) (if (= i {depth}) l (go (+ i 1) (list l))))");
        let value = model(&text).value(&Bindings::new(), &mut Workspace::new());
        let value = value.expect("it runs");
        let text = serde_json::to_string(&value);
        text.map(|text| assert_eq!(text, value.to_json()))
    };
    nested(9_999).expect("it can be written");
    let error = nested(500_000).expect_err("it is too deep");
    assert_eq!(error.to_string(), "the value nests more than 10000 deep");
}

#[test]
fn gradients_are_nested_as_inputs_are() {
    let mut inputs = Bindings::from([("a", 2.0)]);
    inputs.set("xs", Input::Vector(vec![1.0, 3.0]));
    inputs.set(
        "m",
        Input::matrix(&[vec![1.0, 2.0], vec![0.0, 1.0]]).expect("rows"),
    );
    let text = "(list (* a (vsum xs)) (list (vsum m) (log (- a 2))))";
    let evaluation = model(text)
        .evaluate(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())
        .expect("it runs");
    assert_eq!(
        written(&evaluation.gradient),
        json!({
            "a": [4.0, 0.0, "inf"],
            "m": [[[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]],
            "xs": [[2.0, 2.0], [0.0, 0.0], [0.0, 0.0]],
        })
    );
    // Beside its value a gradient has the value's shape.
    let all = written(&evaluation);
    assert_eq!(all["value"], json!([8.0, [4.0, "-inf"]]));
    for name in ["a", "m", "xs"] {
        let shaped = evaluation.gradient.to_json(name, &evaluation.value);
        assert_eq!(all["gradient"][name], read(&shaped.expect("a name")));
    }
    assert_eq!(all["gradient"]["a"], json!([4.0, [0.0, "inf"]]));
    assert_eq!(all["stats"]["operations"], evaluation.stats.operations);
    assert_eq!(all["stats"]["replayed"], false);
    assert_eq!(
        all["stats"]["way"],
        "walked: no path was known for these inputs"
    );
    assert_eq!(all["monitored"], json!([]));

    let monitored = model("(monitor \"twice\" (* 2 a))")
        .evaluate(
            &inputs,
            Wrt::Nothing,
            &Limits::default(),
            &mut Workspace::new(),
        )
        .expect("it runs");
    let told = &written(&monitored)["monitored"][0];
    assert_eq!(
        (&told["name"], &told["value"]),
        (&json!("twice"), &json!(4.0))
    );
    assert_eq!(told["span"], json!({"start": 0, "end": 25}));
}

#[test]
fn second_derivatives_have_their_labels() {
    let mut inputs = Bindings::from([("a", 2.0)]);
    inputs.set("xs", Input::Vector(vec![1.0, 3.0]));
    let model = model("(* a a (vsum xs))");
    let mut workspace = Workspace::new();
    let wrt = ["a", "xs"];
    let hessian = model
        .hessian(&inputs, Wrt::Names(&wrt), &mut workspace)
        .expect("it is smooth");
    let expected = json!({
        "names": ["a", "xs[0]", "xs[1]"],
        "matrix": [[8.0, 4.0, 4.0], [4.0, 0.0, 0.0], [4.0, 0.0, 0.0]],
    });
    assert_eq!(written(&hessian), expected);
    assert_eq!(
        hessian.to_json(),
        "{\"names\":[\"a\",\"xs[0]\",\"xs[1]\"],\"matrix\":[[8.0,4.0,4.0],[4.0,0.0,0.0],[4.0,0.0,0.0]]}"
    );
    let product = model
        .hvp(&inputs, Wrt::Names(&wrt), &[1.0, 0.5, 0.0], &mut workspace)
        .expect("it is smooth");
    assert_eq!(
        written(&product),
        json!({"names": ["a", "xs[0]", "xs[1]"], "product": [10.0, 4.0, 4.0]})
    );
}

#[test]
fn lanes_tell_of_those_that_failed() {
    let columns: [(&str, &[f64]); 1] = [("x", &[1.0, -1.0, 3.0])];
    let shared = Bindings::from([("a", 2.0)]);
    let lanes = model("(if (< x 0) (error \"below\") (* a x))").value_and_grad_lanes(
        &shared,
        &columns,
        &["a", "x"],
        OnError::Collect,
        &Limits::default(),
        &mut Workspace::new(),
    );
    let lanes = written(&lanes.expect("the others go on"));
    assert_eq!(lanes["values"][0], 2.0);
    let error = &lanes["values"][1]["error"];
    assert_eq!(
        (&error["kind"], &error["line"]),
        (&json!("user"), &json!(1))
    );
    assert_eq!(error["column"], 13);
    assert_eq!(lanes["shared"], json!({"a": 4.0}));
    assert_eq!(lanes["per_lane"], json!({"x": [2.0, null, 2.0]}));
    assert_eq!(lanes["shared_lists"], json!({}));
    assert_eq!(lanes["per_lane_lists"], json!({}));

    let vectors = [[1.0, 2.0], [-5.0, 2.0]].map(Input::from);
    let lanes = model("(if (< (vsum x) 0) (error \"below\") (dot x x))").value_and_grad_lanes_of(
        &Bindings::new(),
        &[("x", &vectors)],
        &["x"],
        OnError::Collect,
        &Limits::default(),
        &mut Workspace::new(),
    );
    let lanes = written(&lanes.expect("the other goes on"));
    assert_eq!(lanes["per_lane_lists"], json!({"x": [[2.0, 4.0], null]}));
}

#[test]
fn a_fit_is_written_whole() {
    let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 2.1, 2.9, 4.2]);
    let table = Table::from_columns([("x", &x[..]), ("y", &y[..])]).expect("they are columns");
    let fitted = |text: &str| -> Fit {
        let options = FitOptions::default().starts(3);
        fit(&model(text), &table, &options).expect("it fits")
    };
    let one = fitted("(param a 1) (param idle 2) (observe y (+ 1 (* a x) (* 0 idle)))");
    let all = written(&one);
    assert_eq!(all["params"][0]["name"], "a");
    assert_eq!(all["params"][0]["estimate"], one.params[0].estimate);
    assert_eq!(all["params"][1]["std_err"], "inf");
    assert_eq!(all["covariance"][0], one.covariance[0]);
    assert_eq!(all["covariance"][1], "nan");
    assert_eq!(all["covariance"][3], "inf");
    assert_eq!(all["undetermined"], json!(["idle"]));
    assert_eq!(all["columns"][0]["noise"], "normal");
    assert_eq!(
        all["columns"][0]["residuals"][2],
        one.columns[0].residuals[2]
    );
    assert_eq!(all["ends"][one.best]["ending"], "converged");
    assert_eq!(all["ends"][one.best]["sse"], one.sse);
    assert_eq!(all["stats"]["paths"], one.stats.paths);
    assert_eq!((&all["starts"], &all["residuals"]), (&json!(3), &json!(4)));
    assert_eq!(all["interrupted"], false);

    // Starts that failed have no sum of squares.
    let one = fitted("(param a 1) (observe y (log (- a 2)))");
    assert_eq!(written(&one)["ends"][0]["sse"], "inf");
    assert_eq!(written(&one)["ends"][0]["ending"], "failed");
}

#[cfg(feature = "cli")]
#[test]
fn the_command_line_tells_a_part_of_a_fit() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lynx_hare");
    let files = ["model.scm", "pelts.csv"].map(|name| format!("{folder}/{name}"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dmci"))
        .args(["fit", &files[0], &files[1], "--json", "--starts", "4"])
        .output()
        .expect("dmci starts");
    let told = read(&String::from_utf8_lossy(&output.stdout));
    let text = std::fs::read_to_string(&files[0]).expect("it is there");
    let table = Table::read(&files[1]).expect("it is a table");
    let options = FitOptions::default().starts(4);
    let all = written(&fit(&model(&text), &table, &options).expect("it fits"));
    let told = told.as_object().expect("it is an object");
    assert!(told.len() > 10, "{told:?}");
    // What is told of the file, the warnings and the arguments is no part of the fit itself.
    let beside = ["schema", "warnings", "target"];
    for (name, value) in told
        .iter()
        .filter(|(name, _)| !beside.contains(&name.as_str()))
    {
        assert!(is_part(value, &all[name]), "{name}: {value}");
    }
}

/// Whether a value is another's, but for members that it leaves out.
#[cfg(feature = "cli")]
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|all| is_part(value, all))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(a, b)| is_part(a, b))
        }
        _ => part == whole,
    }
}
