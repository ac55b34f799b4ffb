//! dmci in 300 lines: reader, expander, evaluator, trace, replay and sweep, each as small as it can be
//! and still work. Read it from the top; every part names the file that does the same in earnest.
//!
//! `cargo run --release --example three_hundred_lines`
//!
//! **Invariants**
//! - Value and gradient are those of `dmci::Interpreter`, and those that central differences see.
//! - The crate is used in the last part alone, as the judge.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use dmci::{Bindings, Interpreter, Workspace, Wrt};
use std::cell::RefCell;
use std::rc::Rc;
use std::slice;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

// ---- 1. The reader: text to data ----------------------------------------------------------------
//
// A program is at first a tree of numbers, names and lists, and means nothing yet.
//
// In earnest: src/syntax/reader.rs. It also remembers where in the text each datum stands, so that
// every error can point there.

#[derive(Clone)]
enum Datum {
    Number(f64),
    Name(String),
    List(Vec<Datum>),
}

fn read(text: &str) -> Result<Datum> {
    let text = text.replace('(', " ( ").replace(')', " ) ");
    let mut open = vec![Vec::new()];
    for word in text.split_whitespace() {
        let datum = match (word, word.parse()) {
            ("(", _) => {
                open.push(Vec::new());
                continue;
            }
            (")", _) => Datum::List(open.pop().unwrap_or_default()),
            (_, Ok(number)) => Datum::Number(number),
            (_, Err(_)) => Datum::Name(word.to_owned()),
        };
        open.last_mut().ok_or("a `)` too many")?.push(datum);
    }
    let datum = open.pop().filter(|_| open.is_empty());
    let datum = datum.ok_or("a `(` is never closed")?.pop();
    datum.ok_or_else(|| "no program".into())
}

/// The name that a form begins with.
fn head(items: &[Datum]) -> &str {
    match items {
        [Datum::Name(head), ..] => head,
        _ => "",
    }
}

// ---- 2. The expander: data to core forms --------------------------------------------------------
//
// People write many forms, the evaluator knows few. A derived form becomes an arrangement of others:
// `(let ((a 1)) body)` is a procedure applied at once, `((lambda (a) body) 1)`.
//
// In earnest: src/syntax/expand/. There scope decides whether `let` is the form or a variable that
// somebody called `let`; here it is always the form.

fn expand(datum: &Datum) -> Datum {
    let Datum::List(items) = datum else {
        return datum.clone();
    };
    let items: Vec<Datum> = items.iter().map(expand).collect();
    match (head(&items), &items[..]) {
        ("let", [_, Datum::List(bindings), body]) => {
            let (names, inits) = unzip(bindings);
            let lambda = Datum::Name("lambda".to_owned());
            let procedure = Datum::List(vec![lambda, Datum::List(names), body.clone()]);
            Datum::List([vec![procedure], inits].concat())
        }
        _ => Datum::List(items),
    }
}

/// `((a 1) (b 2))` to `a b` and `1 2`.
fn unzip(bindings: &[Datum]) -> (Vec<Datum>, Vec<Datum>) {
    let parts = bindings.iter().filter_map(|binding| match binding {
        Datum::List(parts) => Some((parts.first()?.clone(), parts.last()?.clone())),
        _ => None,
    });
    parts.unzip()
}

// ---- 3. The table: one row a primitive ----------------------------------------------------------
//
// What a primitive is called, its value, and its rule: from arguments, result and the cotangent of the
// result to the cotangents of the arguments. Nothing else here knows an operation.
//
// In earnest: src/prim/table.rs. Its rules are written over numbers and traces alike, so a gradient
// can be a trace too, to be compiled or differentiated again.

struct Row {
    name: &'static str,
    args: usize,
    forward: fn(f64, f64) -> f64,
    vjp: fn([f64; 2], f64, f64) -> [f64; 2],
}

#[rustfmt::skip]
static TABLE: [Row; 7] = [
    Row { name: "+", args: 2, forward: |a, b| a + b, vjp: |_, _, ct| [ct, ct] },
    Row { name: "-", args: 2, forward: |a, b| a - b, vjp: |_, _, ct| [ct, -ct] },
    Row { name: "*", args: 2, forward: |a, b| a * b, vjp: |[a, b], _, ct| [ct * b, ct * a] },
    Row { name: "/", args: 2, forward: |a, b| a / b, vjp: |[_, b], y, ct| [ct / b, -(ct * y / b)] },
    Row { name: "exp", args: 1, forward: |a, _| a.exp(), vjp: |_, y, ct| [ct * y, 0.0] },
    Row { name: "log", args: 1, forward: |a, _| a.ln(), vjp: |[a, _], _, ct| [ct / a, 0.0] },
    Row { name: "<", args: 2, forward: |a, b| f64::from(a < b), vjp: |_, _, _| [0.0, 0.0] },
];

// ---- 4. The trace: the arithmetic of one run ----------------------------------------------------
//
// A number that depends on an input has a node: the step of the trace that computed it. Arithmetic on
// numbers without one leaves nothing behind, so a loop that counts to a literal vanishes. Where a
// number with a node decides an `if`, its outcome is a guard: the trace holds while its guards hold.
//
// In earnest: src/trace/, and src/walk/fork.rs, which records both arms of an `if` where it can, and
// then needs no guard.

#[derive(Clone, Copy)]
struct Number {
    value: f64,
    node: Option<usize>,
}

impl Number {
    /// The number in another run, of which the values of all steps are known.
    fn of(self, values: &[f64]) -> f64 {
        self.node.map_or(self.value, |node| values[node])
    }
}

enum Step {
    Input,
    Apply(&'static Row, [Number; 2]),
    Guard(Number, bool),
}

struct Trace(Vec<Step>);

impl Trace {
    fn apply(&mut self, row: &'static Row, args: [Number; 2]) -> Number {
        let value = (row.forward)(args[0].value, args[1].value);
        let has_node = args.iter().any(|arg| arg.node.is_some());
        let node = has_node.then_some(self.0.len());
        self.0.extend(has_node.then_some(Step::Apply(row, args)));
        Number { value, node }
    }

    fn decide(&mut self, test: Number) -> bool {
        let holds = test.value != 0.0;
        self.0.extend(test.node.map(|_| Step::Guard(test, holds)));
        holds
    }

    /// The values of all steps on other inputs, or nothing where a guard fails: there the program has
    /// to be walked again. In earnest: src/trace/replay.rs and, compiled, src/trace/routine/.
    fn replay(&self, inputs: &[f64]) -> Option<Vec<f64>> {
        let mut values = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            values.push(match step {
                Step::Input => inputs[values.len()],
                Step::Apply(row, [a, b]) => (row.forward)(a.of(&values), b.of(&values)),
                Step::Guard(test, holds) if (test.of(&values) != 0.0) == *holds => 0.0,
                Step::Guard(..) => return None,
            });
        }
        Some(values)
    }

    /// The derivatives of one step by all before it. Backwards, each step hands its adjoint on to its
    /// arguments, as its row says. In earnest: src/trace/sweep.rs.
    fn sweep(&self, values: &[f64], from: usize) -> Vec<f64> {
        let mut adjoints = vec![0.0; values.len()];
        adjoints[from] = 1.0;
        for (at, step) in self.0.iter().enumerate().rev() {
            if let Step::Apply(row, args) = step {
                let cotangents = (row.vjp)(args.map(|a| a.of(values)), values[at], adjoints[at]);
                for (arg, cotangent) in args.iter().zip(cotangents) {
                    if let Some(node) = arg.node {
                        adjoints[node] += cotangent;
                    }
                }
            }
        }
        adjoints
    }
}

// ---- 5. The evaluator: core forms to procedures, once -------------------------------------------
//
// An expression becomes a procedure from an environment to its value; running the program is calling
// that. Scope and environment are lists of ribs in the same shape, one of names and one of values, so
// a variable is a depth and an index, known before the run. (For `if`, 0 is false here; in Scheme #f
// alone is.)
//
// In earnest: bootstrap/compiler.scm, the same functions by the same names, in Scheme: the evaluator
// is itself a program, compiled to a graph that src/walk/ runs. Only there are tail calls proper.

#[derive(Clone)]
enum Value {
    Number(Number),
    Procedure(Procedure),
}

/// The values of the innermost rib, and the environment around it.
struct Env {
    rib: RefCell<Vec<Value>>,
    outer: Option<Rc<Env>>,
}

fn extend(outer: Option<&Rc<Env>>, rib: Vec<Value>) -> Rc<Env> {
    let (rib, outer) = (RefCell::new(rib), outer.cloned());
    Rc::new(Env { rib, outer })
}

type Procedure = Rc<dyn Fn(&[Value], &mut Trace) -> Result<Value>>;
type Code = Rc<dyn Fn(&Rc<Env>, &mut Trace) -> Result<Value>>;

fn analyze(form: &Datum, scope: &[Vec<Datum>]) -> Result<Code> {
    let items = match form {
        Datum::Name(name) => return analyze_name(name, scope),
        &Datum::Number(value) => {
            let number = Number { value, node: None };
            return Ok(Rc::new(move |_, _| Ok(Value::Number(number))));
        }
        Datum::List(items) => items,
    };
    match (head(items), &items[..]) {
        ("if", [_, test, then, otherwise]) => {
            let [test, then, otherwise] = [test, then, otherwise].map(|part| analyze(part, scope));
            let (test, then, otherwise) = (test?, then?, otherwise?);
            Ok(Rc::new(move |env, trace| match test(env, trace)? {
                Value::Number(number) if !trace.decide(number) => otherwise(env, trace),
                _ => then(env, trace),
            }))
        }
        ("lambda", [_, Datum::List(names), body]) => {
            let body = analyze(body, &[scope, slice::from_ref(names)].concat())?;
            Ok(Rc::new(move |env, _| {
                let (body, env) = (body.clone(), env.clone());
                Ok(Value::Procedure(Rc::new(move |args, trace| {
                    body(&extend(Some(&env), args.to_vec()), trace)
                })))
            }))
        }
        ("letrec", [_, Datum::List(bindings), body]) => {
            let (names, inits) = unzip(bindings);
            let scope = [scope, &[names]].concat();
            let (inits, body) = (analyze_list(&inits, &scope)?, analyze(body, &scope)?);
            Ok(Rc::new(move |env, trace| {
                let env = extend(Some(env), Vec::new());
                for init in &inits {
                    let value = init(&env, trace)?;
                    env.rib.borrow_mut().push(value);
                }
                body(&env, trace)
            }))
        }
        _ => {
            let parts = analyze_list(items, scope)?;
            Ok(Rc::new(move |env, trace| {
                let values = parts.iter().map(|part| part(env, trace));
                match &values.collect::<Result<Vec<Value>>>()?[..] {
                    [Value::Procedure(procedure), args @ ..] => procedure(args, trace),
                    _ => Err("what is applied is no procedure".into()),
                }
            }))
        }
    }
}

fn analyze_list(forms: &[Datum], scope: &[Vec<Datum>]) -> Result<Vec<Code>> {
    forms.iter().map(|form| analyze(form, scope)).collect()
}

/// A variable, by its place, or a primitive.
fn analyze_name(name: &str, scope: &[Vec<Datum>]) -> Result<Code> {
    for (depth, names) in scope.iter().rev().enumerate() {
        let here = |bound: &Datum| matches!(bound, Datum::Name(bound) if bound == name);
        if let Some(index) = names.iter().position(here) {
            return Ok(Rc::new(move |env, _| {
                let mut env = env;
                for _ in 0..depth {
                    env = env
                        .outer
                        .as_ref()
                        .ok_or("an environment of another scope")?;
                }
                let value = env.rib.borrow().get(index).cloned();
                value.ok_or_else(|| "a variable is used before it has a value".into())
            }));
        }
    }
    let row = TABLE.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| format!("nothing binds `{name}`"))?;
    let primitive = Value::Procedure(Rc::new(move |args, trace| match args {
        [Value::Number(a)] if row.args == 1 => Ok(Value::Number(trace.apply(row, [*a, *a]))),
        [Value::Number(a), Value::Number(b)] if row.args == 2 => {
            Ok(Value::Number(trace.apply(row, [*a, *b])))
        }
        _ => Err(format!("`{name}` wants {} numbers", row.args, name = row.name).into()),
    }));
    Ok(Rc::new(move |_, _| Ok(primitive.clone())))
}

// ---- 6. A walk, and its judges ------------------------------------------------------------------
//
// In earnest: src/model/, which keeps the traces of all paths that its program has taken, and
// src/verify/, which certifies derivatives.

/// Runs a program on inputs: the step that computed its value, and the trace of the run.
fn walk(program: &str, names: &[&str], inputs: &[f64]) -> Result<(usize, Trace)> {
    let names = names.iter().map(|&name| Datum::Name(name.to_owned()));
    let code = analyze(&expand(&read(program)?), &[names.collect()])?;
    let mut trace = Trace(inputs.iter().map(|_| Step::Input).collect());
    let number = |(at, &value)| Number {
        value,
        node: Some(at),
    };
    let numbers = inputs.iter().enumerate().map(number);
    let env = extend(None, numbers.map(Value::Number).collect());
    match code(&env, &mut trace)? {
        Value::Number(number) => Ok((number.node.ok_or("it depends on no input")?, trace)),
        Value::Procedure(_) => Err("the value is a procedure".into()),
    }
}

/// Three terms of a decay, summed; the sum is bent where it leaves a limit.
const PROGRAM: &str = "
(let ((decay (lambda (rate) (lambda (t) (* a (exp (- 0 (* rate t))))))))
  (letrec ((sum (lambda (t s) (if (< t 3) (sum (+ t 1) (+ s ((decay b) t))) s))))
    (let ((s (sum 0 0)))
      (if (< s limit) s (* limit (+ 1 (log (/ s limit))))))))";

fn main() -> Result<()> {
    let (names, inputs) = (["a", "b", "limit"], [2.0, 0.5, 3.0]);
    let (last, trace) = walk(PROGRAM, &names, &inputs)?;
    let values = trace.replay(&inputs).ok_or("its own guards hold")?;
    let gradient = trace.sweep(&values, last);

    let model = Interpreter::embedded().model(PROGRAM)?;
    let bindings = Bindings::from([("a", 2.0), ("b", 0.5), ("limit", 3.0)]);
    let (value, judge) = model.value_and_grad(&bindings, Wrt::All, &mut Workspace::new())?;
    let (y, whole) = (values[last], value.number().ok_or("a number")?);
    println!(
        "{:>6} {:>20} {:>20} {:>14}",
        "", "here", "dmci", "differences"
    );
    println!("{:>6} {y:>20} {whole:>20}", "value");
    assert!((y - whole).abs() < 1e-14);
    for (at, name) in names.into_iter().enumerate() {
        // The trace again, on both sides of the input.
        let [left, right] = [-1e-6, 1e-6].map(|step| {
            let mut inputs = inputs;
            inputs[at] += step;
            let values = trace.replay(&inputs);
            values.map_or(f64::NAN, |values| values[last])
        });
        let (by_sweep, by_differences) = (gradient[at], (right - left) / 2e-6);
        let by_dmci = judge.get(name).ok_or("an input")?;
        println!("{name:>6} {by_sweep:>20} {by_dmci:>20} {by_differences:>14.8}");
        assert!((by_sweep - by_dmci).abs() < 1e-14 && (by_sweep - by_differences).abs() < 1e-8);
    }

    // Below the limit the program goes another way: a guard fails, and a walk records that path.
    let below = [0.5, 0.5, 3.0];
    assert!(trace.replay(&below).is_none());
    let (_, other) = walk(PROGRAM, &names, &below)?;
    let [above, below] = [trace, other].map(|trace| trace.0.len());
    println!("{above} steps above the limit, {below} below");
    Ok(())
}
