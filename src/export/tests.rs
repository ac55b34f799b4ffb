//! What is written down computes what the program computes: a code is run here, number by number, beside the
//! interpreter.

use super::code::{Atom, Block, Body, Code, End, Step, Table, Var};
use super::{ExportOptions, Target, code_of, export};
use crate::{Bindings, Interpreter, Model, Output, Workspace};
use rustc_hash::FxHashMap;

struct Run<'a> {
    code: &'a Code,
    numbers: Vec<Vec<f64>>,
    known: FxHashMap<Var, f64>,
}

impl Run<'_> {
    fn atom(&self, atom: Atom) -> f64 {
        match atom {
            Atom::Constant(x) => x,
            Atom::Var(var) => self.known[&var],
        }
    }

    fn atoms(&self, atoms: &[Atom]) -> Vec<f64> {
        atoms.iter().map(|&atom| self.atom(atom)).collect()
    }

    fn set(&mut self, vars: &[Var], values: Vec<f64>) {
        self.known.extend(vars.iter().copied().zip(values));
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Op { var, prim, args } => {
                    let value = prim.forward(self.atom(args[0]), self.atom(args[1]));
                    self.known.insert(*var, value);
                }
                Step::Select {
                    var,
                    test,
                    then,
                    otherwise,
                } => {
                    let arm = if self.atom(*test) == 0.0 {
                        otherwise
                    } else {
                        then
                    };
                    self.known.insert(*var, self.atom(*arm));
                }
                Step::Look { var, table, index } => {
                    let index = self.atom(*index) as usize;
                    let value = match table {
                        Table::Constants(numbers) => numbers.get(index).copied(),
                        Table::Input {
                            input,
                            offset,
                            stride,
                        } => self.numbers[*input].get(offset + stride * index).copied(),
                    };
                    self.known.insert(*var, value.unwrap_or(f64::NAN));
                }
                Step::If {
                    vars,
                    test,
                    then,
                    otherwise,
                } => {
                    let arm = if self.atom(*test) == 0.0 {
                        otherwise
                    } else {
                        then
                    };
                    let values = self.block(arm);
                    self.set(vars, values);
                }
                Step::Repeat {
                    vars,
                    inits,
                    body,
                    passes,
                } => {
                    self.set(vars, self.atoms(inits));
                    for _ in 0..*passes {
                        let values = self.block(body);
                        self.set(vars, values);
                    }
                }
                Step::Loop {
                    vars,
                    inits,
                    body,
                    outs,
                } => {
                    self.set(vars, self.atoms(inits));
                    while !self.pass(body, vars, outs) {}
                }
            }
        }
    }

    fn block(&mut self, block: &Block) -> Vec<f64> {
        self.steps(&block.steps);
        self.atoms(&block.results)
    }

    fn pass(&mut self, body: &Body, vars: &[Var], outs: &[Var]) -> bool {
        self.steps(&body.steps);
        match &body.end {
            End::Exit(atoms) => {
                self.set(outs, self.atoms(atoms));
                true
            }
            End::Again(atoms) => {
                self.set(vars, self.atoms(atoms));
                false
            }
            End::If(test, then, otherwise) => {
                let arm = if self.atom(*test) == 0.0 {
                    otherwise
                } else {
                    then
                };
                self.pass(arm, vars, outs)
            }
        }
    }
}

/// What a code gives for inputs.
fn run(code: &Code, inputs: &Bindings) -> Vec<f64> {
    let numbers: Vec<Vec<f64>> = code
        .given
        .iter()
        .map(|given| match (inputs.get(&given.name), given.default) {
            (Some(input), _) => input.numbers().to_vec(),
            (None, Some(x)) => vec![x],
            // A name that nothing reads when it runs.
            (None, None) => vec![f64::NAN; given.form.len()],
        })
        .collect();
    let mut run = Run {
        code,
        numbers,
        known: FxHashMap::default(),
    };
    for (given, numbers) in run.code.given.iter().zip(run.numbers.clone()) {
        run.set(&given.vars, numbers);
    }
    run.steps(&code.steps);
    run.atoms(&code.answer.atoms())
}

fn model(text: &str) -> Model {
    Interpreter::embedded().model(text).expect("a program")
}

fn numbers_of(output: &Output) -> Vec<f64> {
    output
        .items()
        .iter()
        .filter_map(|item| match item {
            crate::Item::Number { value, .. } => Some(*value),
            crate::Item::Bool(holds) => Some(f64::from(u8::from(*holds))),
            _ => None,
        })
        .collect()
}

fn agrees(text: &str, inputs: &Bindings, keeps_loops: bool) -> Result<Code, crate::Error> {
    let model = model(text);
    let options = ExportOptions {
        inputs: inputs.clone(),
        ..ExportOptions::default()
    };
    let code = code_of(&model, keeps_loops, &options)?;
    let expected = numbers_of(&model.value(inputs, &mut Workspace::new()).expect("a value"));
    let found = run(&code, inputs);
    assert_eq!(
        found.len(),
        expected.len(),
        "{text}\n{found:?}\n{expected:?}"
    );
    for (found, expected) in found.iter().zip(&expected) {
        let near = (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
        assert!(
            near || found == expected || found.is_nan() && expected.is_nan(),
            "{text}: {found} {expected}"
        );
    }
    Ok(code)
}

#[test]
fn loops_are_kept() {
    let at = |pairs: &[(&str, f64)]| {
        pairs
            .iter()
            .map(|&(name, x)| (name, x))
            .collect::<Bindings>()
    };
    let repeats = |code: &Code| {
        code.steps
            .iter()
            .any(|step| matches!(step, Step::Repeat { .. }))
    };
    let loops = |code: &Code| {
        code.steps
            .iter()
            .any(|step| matches!(step, Step::Loop { .. }))
    };
    let counted = "(let go ((i 0) (x x)) (if (= i 10) x (go (+ i 1) (sin x))))";
    assert!(repeats(&agrees(counted, &at(&[("x", 0.3)]), true).unwrap()));
    let open = "(let go ((x x) (n 0)) (if (< x 1) n (go (/ x 2) (+ n 1))))";
    assert!(loops(&agrees(open, &at(&[("x", 300.0)]), true).unwrap()));
    let folded = "(fold-left (lambda (sum y) (+ sum (square (- y m)))) 0 '(1.0 2.5 4.0 7.0))";
    assert!(repeats(&agrees(folded, &at(&[("m", 2.0)]), true).unwrap()));
    let nested = "(let outer ((i 0) (s 0.0)) (if (= i 4) s
        (let inner ((j 0) (s s)) (if (= j 3) (outer (+ i 1) s) (inner (+ j 1) (+ s (* a i j)))))))";
    agrees(nested, &at(&[("a", 1.5)]), true).unwrap();
    agrees(nested, &at(&[("a", 1.5)]), false).unwrap();
    let searching = "(let go ((x x)) (if (< x 0) (- x) (if (> x 10) (* 2 x) (go (+ x step)))))";
    agrees(searching, &at(&[("x", 1.0), ("step", 2.5)]), true).unwrap();
    agrees(searching, &at(&[("x", 1.0), ("step", -2.5)]), true).unwrap();
}

#[test]
fn the_workloads_and_the_corpus_agree() {
    let text = include_str!("../../benches/workloads.json");
    let workloads: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut steps = Vec::new();
    for workload in workloads.as_array().unwrap() {
        let inputs = Bindings::from_json(&workload["inputs"].to_string()).unwrap();
        let code = agrees(workload["source"].as_str().unwrap(), &inputs, true);
        let code = code.unwrap_or_else(|error| panic!("{}: {error}", workload["name"]));
        steps.push((workload["name"].clone(), code.steps.len()));
    }
    // A loop is a step, however many passes it has.
    for (name, count) in &steps {
        let is_loop = ["W3", "W4", "W5", "W6", "W7"]
            .iter()
            .any(|loops| name.to_string().contains(loops));
        assert!(!is_loop || *count <= 2, "{name}: {count} steps");
    }
    let text = include_str!("../../tests/corpus/public.jsonl");
    let (mut exported, mut refused) = (0, FxHashMap::<String, u32>::default());
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        if case["kind"] != "value" {
            continue;
        }
        let Ok(inputs) = Bindings::from_json(&case["inputs"].to_string()) else {
            continue;
        };
        let source = case["source"].as_str().unwrap();
        if Interpreter::embedded().model(source).is_err() {
            continue;
        }
        match agrees(source, &inputs, true) {
            Ok(_) => exported += 1,
            Err(error) => *refused.entry(error.to_string()).or_default() += 1,
        }
    }
    assert!(
        exported >= 200,
        "{exported} exported; refused: {refused:#?}"
    );
}

#[test]
fn every_target_has_the_decay() {
    let model = model("(param a 2.5) (param b 0.8) (* a (exp (* (- b) x)))");
    for target in Target::ALL {
        let text = export(&model, target, &ExportOptions::default()).unwrap();
        assert!(text.contains("2.5") && text.contains("0.8"), "{text}");
    }
}
