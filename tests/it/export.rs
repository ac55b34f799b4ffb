//! Exports: programs in other languages beside the interpreter. C is compiled and run where there is a compiler, Scheme
//! is run by the interpreter itself; the targets of Python are tested in `python/tests`.

use dmci::export::{ExportOptions, Target, export};
use dmci::{Bindings, Error, Input, Interpreter, Item, Kind, Limits, Model, Workspace, Wrt};
use std::fmt::Write as _;
use std::process::Command;

/// What values and derivatives may differ by, relative to their size or to 1.
const NEAR: f64 = 1e-12;

struct Case {
    name: String,
    model: Model,
    inputs: Bindings,
    options: ExportOptions,
}

fn near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= NEAR * a.abs().max(1.0)
}

fn model(text: &str) -> Model {
    Interpreter::embedded().model(text).expect("a program")
}

/// What an export is given of inputs: the sizes of what is no number.
fn options(inputs: &Bindings, name: &str) -> ExportOptions {
    let mut options = ExportOptions::default();
    name.clone_into(&mut options.name);
    for input in inputs.names() {
        match inputs.get(input) {
            Some(Input::Number(_)) | None => {}
            Some(array) => {
                options.inputs.set(input, array.clone());
            }
        }
    }
    options
}

/// The workloads, and the programs of the corpus and of the examples that have numbers as their values.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |name: String, text: &str, inputs: Bindings| {
        let Ok(model) = Interpreter::embedded().model(text) else {
            return;
        };
        let value = model.value(&inputs, &mut Workspace::new());
        let is_of_numbers = value.is_ok_and(|value| {
            let numeric = |item: &Item| {
                matches!(
                    item,
                    Item::Number { .. }
                        | Item::Bool(_)
                        | Item::Vector(_)
                        | Item::Matrix(_)
                        | Item::List(_)
                )
            };
            value.items().iter().all(numeric)
        });
        if is_of_numbers {
            let options = options(&inputs, &format!("program_{}", cases.len()));
            cases.push(Case {
                name,
                model,
                inputs,
                options,
            });
        }
    };
    let workloads: serde_json::Value =
        serde_json::from_str(include_str!("../../benches/workloads.json")).expect("JSON");
    for workload in workloads.as_array().expect("a list") {
        let inputs = Bindings::from_json(&workload["inputs"].to_string()).expect("inputs");
        let source = workload["source"].as_str().expect("a program");
        push(workload["name"].to_string(), source, inputs);
    }
    for line in include_str!("../corpus/public.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if case["kind"] == "value"
            && let Ok(inputs) = Bindings::from_json(&case["inputs"].to_string())
        {
            push(
                case["id"].to_string(),
                case["source"].as_str().expect("a program"),
                inputs,
            );
        }
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/nist");
    for entry in std::fs::read_dir(root).expect("the examples") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "scm") {
            let text = std::fs::read_to_string(&path).expect("a text");
            let Ok(model) = Interpreter::embedded().model(&text) else {
                continue;
            };
            let params: Vec<&str> = model
                .params()
                .iter()
                .map(|param| param.name.as_str())
                .collect();
            let free = model
                .inputs()
                .iter()
                .filter(|name| !params.contains(&name.as_str()));
            let inputs = free.map(|name| (name.as_str(), 1.25)).collect();
            push(path.display().to_string(), &text, inputs);
        }
    }
    // What the example asks these for: the next year.
    let earth = include_str!("../../examples/papers/earth.scm").to_owned() + "\nnext";
    let economy = include_str!("../../examples/papers/economy.scm").to_owned() + "\nnext";
    for (name, text) in [("earth", earth), ("economy", economy)] {
        let Ok(model) = Interpreter::embedded().model(&text) else {
            panic!("{name} is a program");
        };
        let sectors = [
            ("capitals", 2.0),
            ("labors", 1.0),
            ("prices", 1.1),
            ("as", 1.0),
            ("shares", 0.3),
            ("wears", 0.05),
            ("markups", 0.1),
            ("speeds", 0.2),
            ("quits", 0.02),
        ];
        let of = |name: &str| {
            let sector = sectors.iter().find(|(sector, _)| *sector == name);
            sector.map_or(Input::Number(1.25), |&(_, low)| {
                Input::List((0..7).map(|at| low + 0.01 * f64::from(at)).collect())
            })
        };
        let inputs = model.inputs().iter().map(|name| (name.as_str(), of(name)));
        let inputs = inputs.collect();
        push(name.into(), &text, inputs);
    }
    let lynx = include_str!("../../examples/lynx_hare/model.scm");
    let hare: Vec<f64> = (0..21).map(f64::from).collect();
    push(
        "lynx and hare".into(),
        lynx,
        [("hare", Input::List(hare))].into_iter().collect(),
    );
    cases
}

/// The numbers of the interpreter's value, and the derivatives of their sum, input by input.
fn expected(case: &Case, by: &[String]) -> (Vec<f64>, Option<Vec<f64>>) {
    let workspace = &mut Workspace::new();
    let value = case.model.value(&case.inputs, workspace).expect("a value");
    let numbers: Vec<f64> = value
        .items()
        .iter()
        .filter_map(|item| match item {
            Item::Number { value, .. } => Some(*value),
            Item::Bool(holds) => Some(f64::from(u8::from(*holds))),
            _ => None,
        })
        .collect();
    if value
        .items()
        .iter()
        .any(|item| matches!(item, Item::Bool(_)))
        || numbers.is_empty()
    {
        return (numbers, None);
    }
    let names: Vec<&str> = by.iter().map(String::as_str).collect();
    let run = case.model.evaluate(
        &case.inputs,
        Wrt::Names(&names),
        &Limits::default(),
        workspace,
    );
    let Ok(run) = run else {
        return (numbers, None);
    };
    let mut all = Vec::new();
    for name in by {
        let Some(jacobian) = run.gradient.jacobian(name) else {
            return (numbers, None);
        };
        let width = jacobian.len() / numbers.len();
        all.extend(
            (0..width).map(|at| jacobian.iter().skip(at).step_by(width.max(1)).sum::<f64>()),
        );
    }
    (numbers, Some(all))
}

/// An input as C writes it, and its derivative's count.
fn given(case: &Case, setup: &mut String, shown: &mut String, name: &str) {
    let c = |x: f64| {
        if x.is_finite() {
            format!("{x:?}")
        } else {
            format!("({x:?})").replace("inf", "INFINITY")
        }
    };
    let field: String = name
        .chars()
        .map(|ch| if ch.is_ascii_alphanumeric() { ch } else { '_' })
        .collect();
    match case.inputs.get(name) {
        Some(Input::Number(x)) => {
            let _ = writeln!(setup, "    in.{field} = {};", c(*x));
            let _ = writeln!(shown, "    printf(\" %.17g\", grad.{field});");
        }
        Some(Input::List(all) | Input::Vector(all) | Input::Matrix { numbers: all, .. }) => {
            let numbers: Vec<String> = all.iter().map(|&x| c(x)).collect();
            let _ = writeln!(
                setup,
                "    static const double of_{field}[] = {{{}}};",
                numbers.join(", ")
            );
            let _ = writeln!(setup, "    in.{field} = of_{field};");
            let count = all.len();
            let _ = writeln!(
                shown,
                "    for (int i = 0; i < {count}; i++) printf(\" %.17g\", grad.{field}[i]);"
            );
        }
        None => {
            let _ = writeln!(shown, "    printf(\" %.17g\", grad.{field});");
        }
    }
}

/// Names that C has as they are, so that the test need not know what others are called.
fn is_plain(name: &str) -> bool {
    const TAKEN: [&str; 14] = [
        "in", "out", "ct", "grad", "div", "index", "log", "gamma", "y0", "y1", "int", "double",
        "for", "if",
    ];
    name.chars().all(|c| c.is_ascii_alphanumeric())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !TAKEN.contains(&name)
}

#[test]
#[expect(clippy::print_stdout, reason = "why a test does nothing is told")]
fn c_agrees_with_the_interpreter() {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: no compiler for C here");
        return;
    }
    let (mut text, mut body, mut expectations) = (String::new(), String::new(), Vec::new());
    let mut refused = Vec::new();
    for case in cases() {
        let exported = match export(&case.model, Target::C, &case.options) {
            Ok(exported) => exported,
            Err(error) => {
                refused.push(format!("{}: {error}", case.name));
                continue;
            }
        };
        let by = case.model.inputs().to_vec();
        if !by.iter().all(|name| is_plain(name)) {
            continue;
        }
        let (numbers, gradient) = expected(&case, &by);
        let name = &case.options.name;
        let (mut setup, mut shown) = (String::new(), String::new());
        for input in &by {
            given(&case, &mut setup, &mut shown, input);
        }
        let defaults = if case.model.params().is_empty() {
            "0".to_owned()
        } else {
            format!("{}_DEFAULTS", name.to_uppercase())
        };
        let count = numbers.len().max(1);
        let _ = write!(
            body,
            "{{\n    {name}_in in = {{{defaults}}};\n{setup}    double out[{count}], ct[{count}];\n    {name}_grad grad;\n    \
             for (int i = 0; i < {count}; i++) ct[i] = 1.0;\n    {name}(&in, out);\n    \
             for (int i = 0; i < {count}; i++) printf(\" %.17g\", out[i]);\n    printf(\" |\");\n    \
             if ({name}_vjp(&in, ct, out, &grad)) return 1;\n{shown}    printf(\"\\n\");\n    }}\n    "
        );
        text.push_str(&exported);
        text.push('\n');
        expectations.push((case.name, numbers, gradient));
    }
    let count = expectations.len();
    assert!(count >= 212, "{count} exported; refused: {refused:#?}");
    let folder = std::env::temp_dir().join(format!("dmci-export-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (source, program) = (folder.join("all.c"), folder.join("all"));
    let _ = write!(
        text,
        "#include <stdio.h>\nint main(void) {{\n    {body}return 0;\n}}\n"
    );
    std::fs::write(&source, &text).expect("a file");
    let compiled = Command::new("cc")
        .args([
            "-std=c99",
            "-O1",
            "-Wall",
            "-Wno-unused",
            "-ffp-contract=off",
            "-o",
        ])
        .args([program.as_os_str(), source.as_os_str()])
        .arg("-lm")
        .output()
        .expect("the compiler runs");
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let told = Command::new(&program).output().expect("the program runs");
    assert!(told.status.success());
    let told = String::from_utf8(told.stdout).expect("text");
    std::fs::remove_dir_all(&folder).expect("the folder is gone");
    let mut differ = Vec::new();
    let mut gradients = 0;
    for (line, (name, numbers, gradient)) in told.lines().zip(&expectations) {
        let (values, derivatives) = line.split_once('|').expect("both");
        let parse = |text: &str| -> Vec<f64> {
            text.split_whitespace()
                .map(|x| x.parse().expect("a number"))
                .collect()
        };
        let (values, derivatives) = (parse(values), parse(derivatives));
        if !numbers.iter().zip(&values).all(|(a, b)| near(*a, *b)) {
            differ.push(format!("{name}: {values:?} in place of {numbers:?}"));
        }
        if let Some(gradient) = gradient {
            gradients += 1;
            if gradient.len() != derivatives.len()
                || !gradient.iter().zip(&derivatives).all(|(a, b)| near(*a, *b))
            {
                differ.push(format!(
                    "{name}: derivatives {derivatives:?} in place of {gradient:?}"
                ));
            }
        }
    }
    assert_eq!(told.lines().count(), expectations.len());
    assert!(gradients >= 100, "{gradients} with derivatives");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn scheme_agrees_with_the_interpreter() {
    let mut count = 0;
    for case in cases() {
        let Ok(exported) = export(&case.model, Target::Scheme, &case.options) else {
            continue;
        };
        let by = case.model.inputs();
        let params = case.model.params();
        let mut given = Vec::new();
        // Arrays that the program has no use for are arguments all the same, behind its own.
        let own = by.iter().map(String::as_str);
        let others = case.options.inputs.names();
        let others = others.filter(|name| by.iter().all(|own| own != name));
        let is_param = |name: &str| params.iter().any(|param| param.name == name);
        for name in own.chain(others).filter(|name| !is_param(name)) {
            let written = |all: &[f64]| {
                let all: Vec<String> = all.iter().map(|x| scheme(*x)).collect();
                format!("(list {})", all.join(" "))
            };
            given.push(match case.inputs.get(name) {
                Some(Input::Number(x)) => scheme(*x),
                Some(
                    Input::List(all) | Input::Vector(all) | Input::Matrix { numbers: all, .. },
                ) => written(all),
                // A name that no run reads.
                None => "0.0".into(),
            });
        }
        let (numbers, _) = expected(&case, &[]);
        let text = format!("{exported}\n({} {})", case.options.name, given.join(" "));
        let value = Interpreter::embedded()
            .model(&text)
            .and_then(|m| m.value(&Bindings::new(), &mut Workspace::new()));
        let value = value.unwrap_or_else(|error| panic!("{}: {error}\n{text}", case.name));
        let found = value.items().iter().filter_map(|item| match item {
            Item::Number { value, .. } => Some(*value),
            Item::Bool(holds) => Some(f64::from(u8::from(*holds))),
            _ => None,
        });
        let found: Vec<f64> = found.collect();
        assert!(
            found.len() == numbers.len() && found.iter().zip(&numbers).all(|(a, b)| near(*a, *b)),
            "{}: {found:?} in place of {numbers:?}\n{text}",
            case.name
        );
        count += 1;
    }
    assert!(count >= 212, "{count}");
}

fn scheme(x: f64) -> String {
    if x.is_finite() {
        format!("{x:?}")
    } else {
        if x.is_nan() {
            "+nan.0"
        } else if x > 0.0 {
            "+inf.0"
        } else {
            "-inf.0"
        }
        .into()
    }
}

#[test]
fn formulas_and_loops_read_as_they_are() {
    let decay = model("(param a 2.5) (param b 0.8) (* a (exp (* (- b) x)))");
    let text = |model: &Model, target| {
        export(model, target, &ExportOptions::default()).expect("an export")
    };
    let latex = text(&decay, Target::Latex);
    assert!(
        latex.contains("a \\, e^{-b \\, x}") && latex.contains("a = 2.5"),
        "{latex}"
    );
    let sympy = text(&decay, Target::Sympy);
    assert!(sympy.contains("return a * sp.exp(-b * x)"), "{sympy}");
    let counted =
        model("(let go ((i 0) (th th)) (if (= i 50) th (go (+ i 1) (+ th (* h (sin th))))))");
    for (target, word) in [
        (Target::Numpy, "for _ in range(50):"),
        (Target::Torch, "for _ in range(50):"),
        (Target::Jax, "length=50"),
        (Target::C, "< 50;"),
        (Target::Scheme, "(let again ((left 50)"),
    ] {
        let text = text(&counted, target);
        assert!(text.contains(word), "{text}");
    }
    let open = model("(let go ((x x)) (if (< x 1) x (go (/ x 2))))");
    for (target, word) in [
        (Target::Numpy, "while np.any("),
        (Target::Torch, "while True:"),
        (Target::Jax, "lax.while_loop"),
        (Target::C, "for (;;)"),
    ] {
        let text = text(&open, target);
        assert!(text.contains(word), "{text}");
    }
    let options = ExportOptions {
        values: vec![("b".into(), 0.25)],
        ..ExportOptions::default()
    };
    let fitted = export(&decay, Target::Numpy, &options).expect("an export");
    assert!(fitted.contains("a=2.5, b=0.25"), "{fitted}");
}

#[test]
fn what_cannot_be_exported_says_why_and_where() {
    for (text, target, word, column) in [
        (
            "(define (f n) (if (< n 1) 0 (+ 1 (f (- n 1)))))\n(f x)",
            Target::C,
            "depth",
            0,
        ),
        ("(if (> x 0) '(1 2) '(1))", Target::Numpy, "arms", 1),
        (
            "(let go ((x x)) (if (< x 1) x (go (/ x 2))))",
            Target::Sympy,
            "passes",
            0,
        ),
        (
            "(list-ref '(1 2 3) (string-length \"ab\"))",
            Target::Jax,
            "texts",
            20,
        ),
        ("(lambda (x) x)", Target::Jax, "procedure", 1),
        ("(+ 1 (gcd x 4))", Target::Sympy, "`gcd`", 6),
    ] {
        let error = export(&model(text), target, &ExportOptions::default()).expect_err(text);
        assert_eq!(error.kind(), Kind::Unsupported, "{text}: {error}");
        assert!(error.to_string().contains(word), "{text}: {error}");
        let place = error.position(text).expect("a place");
        assert!(
            column == 0 || place.column == column,
            "{text}: {error} at {place}"
        );
    }
    let error =
        export(&model("(car x)"), Target::C, &ExportOptions::default()).expect_err("an error");
    assert_eq!(error.kind(), Kind::Type, "{error}");
    let unknown = ExportOptions {
        values: vec![("z".into(), 1.0)],
        ..ExportOptions::default()
    };
    let error = export(&model("(* a x)"), Target::C, &unknown).expect_err("an error");
    assert!(
        matches!(error, Error::Request(_)) && error.to_string().contains('z'),
        "{error}"
    );
}

#[test]
fn all_ways_that_tests_may_go_are_written_down() {
    // Some are gone by no numbers: a largest that is infinite, and none that is.
    for target in Target::ALL {
        for text in ["(logsumexp [0 x])", "(softmax [0 x y])"] {
            let model = Interpreter::embedded().model(text).unwrap();
            let exported = export(&model, target, &ExportOptions::default());
            assert!(exported.is_ok_and(|text| !text.is_empty()), "{text}");
        }
    }
}
