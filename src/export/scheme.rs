//! Scheme: a procedure of R7RS-small on numbers, which any implementation runs.
//!
//! **Invariants**
//! - Nothing of dmci's own is used: no vectors of numbers, no primitives beyond R7RS.

use super::code::{Answer, Atom, Block, Body, Code, End, Form as InputForm, Step, Var};
use super::words::{Form, Language, Said, Writer, binds, of_input, scheme_number};
use crate::Error;
use crate::prim::Prim;
use std::fmt::Write as _;

struct Scheme;

impl Language for Scheme {
    fn name(&self) -> &'static str {
        "R7RS Scheme"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::Add => text("(+ {a} {b})"),
            Prim::Sub => text("(- {a} {b})"),
            Prim::Mul => text("(* {a} {b})"),
            Prim::Div => text("(/ {a} {b})"),
            Prim::Neg => text("(- {a})"),
            Prim::NumEq => text("(= {a} {b})"),
            Prim::Lt => text("(< {a} {b})"),
            Prim::Gt => text("(> {a} {b})"),
            Prim::Le => text("(<= {a} {b})"),
            Prim::Ge => text("(>= {a} {b})"),
            Prim::IsZero => text("(zero? {a})"),
            Prim::IsPositive => text("(positive? {a})"),
            Prim::IsNegative => text("(negative? {a})"),
            Prim::Not => text("(not {a})"),
            Prim::Both => text("(and {a} {b})"),
            Prim::Either => text("(or {a} {b})"),
            Prim::IsEven => text("(even? {a})"),
            Prim::IsOdd => text("(odd? {a})"),
            Prim::IsInteger => text("(integer? {a})"),
            Prim::Abs => text("(abs {a})"),
            Prim::Floor => text("(floor {a})"),
            Prim::Ceiling => text("(ceiling {a})"),
            Prim::Round => text("(round {a})"),
            Prim::Truncate => text("(truncate {a})"),
            Prim::Sin => text("(sin {a})"),
            Prim::Cos => text("(cos {a})"),
            Prim::Tan => text("(tan {a})"),
            Prim::Asin => text("(asin {a})"),
            Prim::Acos => text("(acos {a})"),
            Prim::Atan => text("(atan {a})"),
            Prim::Exp => text("(exp {a})"),
            Prim::Ln => text("(log {a})"),
            Prim::Sqrt | Prim::NormAtZero => text("(sqrt {a})"),
            Prim::Square => text("(square {a})"),
            Prim::Exp2 => text("(expt 2.0 {a})"),
            Prim::Log2 => text("(log {a} 2.0)"),
            Prim::Log10 => text("(log {a} 10.0)"),
            Prim::LogBase => text("(log {a} {b})"),
            Prim::Min => text("(min {a} {b})"),
            Prim::Max => text("(max {a} {b})"),
            Prim::Quotient => text("(truncate (/ {a} {b}))"),
            Prim::FloorQuotient => text("(floor (/ {a} {b}))"),
            Prim::Remainder => text("(truncate-remainder {a} {b})"),
            Prim::Modulo => text("(floor-remainder {a} {b})"),
            Prim::Gcd => text("(gcd {a} {b})"),
            Prim::Lcm => text("(lcm {a} {b})"),
            Prim::Atan2 => text("(atan {a} {b})"),
            Prim::Pow => text("(expt {a} {b})"),
            Prim::Sinh => text("(program-sinh {a})"),
            Prim::Cosh => text("(program-cosh {a})"),
            Prim::Tanh => text("(program-tanh {a})"),
            Prim::Sigmoid => text("(program-sigmoid {a})"),
            Prim::Log1p => text("(program-log1p {a})"),
            Prim::Softplus => text("(program-softplus {a})"),
            Prim::Hypot => text("(sqrt (+ (square {a}) (square {b})))"),
            Prim::Detach | Prim::StraightThrough => text("{a}"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        Said::whole(scheme_number(x))
    }

    fn bool(&self, holds: bool) -> Said {
        Said::whole(if holds { "#t" } else { "#f" })
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let text = format!("(if {} {} {})", test.text, then.text, otherwise.text);
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let text = match of_input(table) {
            Some((name, offset, stride, _)) if table.contains('\0') => {
                let at = match (offset, stride) {
                    (0, 1) => index.text.clone(),
                    _ => format!("(+ {offset} (* {stride} {}))", index.text),
                };
                format!("(list-ref {name} (exact {at}))")
            }
            _ => format!("(list-ref {table} (exact {}))", index.text),
        };
        Said::of(text, binds::WHOLE, &[index])
    }
}

/// Words that no variable may have.
const RESERVED: &[&str] = &[
    "if", "let", "lambda", "define", "quote", "begin", "cond", "case", "and", "or", "do", "loop",
    "recur", "delay", "list", "values", "exp", "log", "sin", "cos", "tan", "abs", "min", "max",
    "floor", "round", "sqrt", "square", "expt", "gcd", "lcm", "exact", "atan", "asin", "acos",
    "truncate", "ceiling", "not", "vec", "mat", "ref", "param", "observe", "force", "sum", "prod",
    "mean", "sort", "row", "col", "rows", "cols", "dot", "norm", "scale", "trace", "det", "inv",
    "eye", "lu", "qr", "sign", "clamp", "diag", "slice", "model", "machine", "derive", "prior",
    "unless", "when", "else", "map", "fold",
];

const HELPERS: &[(&str, &str)] = &[
    (
        "(program-sinh",
        "(define (program-sinh x) (/ (- (exp x) (exp (- x))) 2.0))\n",
    ),
    (
        "(program-cosh",
        "(define (program-cosh x) (/ (+ (exp x) (exp (- x))) 2.0))\n",
    ),
    (
        "(program-tanh",
        "(define (program-tanh x)\n  (if (< (abs x) 20.0)\n      (let ((e (exp (* -2.0 x)))) (/ (- 1.0 e) (+ 1.0 e)))\n      (if (> x 0) 1.0 -1.0)))\n",
    ),
    (
        "(program-sigmoid",
        "(define (program-sigmoid x) (/ 1.0 (+ 1.0 (exp (- x)))))\n",
    ),
    (
        "(program-softplus",
        "(define (program-softplus x) (+ (max x 0.0) (program-log1p (exp (- (abs x))))))\n",
    ),
    (
        "(program-log1p",
        "(define (program-log1p x)\n  (let ((y (+ 1.0 x)))\n    (if (= y 1.0) x (- (log y) (/ (- (- y 1.0) x) y)))))\n",
    ),
];

/// The procedure.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    let mut writer = Writer::new(Scheme, code, RESERVED, source);
    for at in 0..code.given.len() {
        let given = &code.given[at];
        if given.form != InputForm::Number {
            for (place, &var) in given.vars.iter().enumerate() {
                let text = format!("(list-ref {} {place})", writer.inputs[at]);
                writer.element(var, text);
            }
        }
    }
    let atoms = code.answer.atoms();
    let answer = code.answer.clone();
    let body = block(&mut writer, &code.steps, &atoms, 2, &mut |writer| {
        answer_text(writer, &answer)
    })?;
    let mut out = String::from("; A program as dmci exports it: R7RS-small, on inexact numbers.\n");
    for (given, input) in code.given.iter().zip(&writer.inputs) {
        if given.form != InputForm::Number {
            let _ = writeln!(
                out,
                "; {input}: a list of {} numbers, row by row.",
                given.form.len()
            );
        }
    }
    for note in &code.notes {
        let _ = writeln!(out, "; {}.", super::python::clean(note));
    }
    for (table, numbers) in &writer.tables {
        let numbers: Vec<String> = numbers.iter().map(|&x| scheme_number(x)).collect();
        let _ = writeln!(out, "(define {table} '({}))", numbers.join(" "));
    }
    let mut needed = body.clone();
    let mut helpers = String::new();
    for (key, text) in HELPERS {
        if needed.contains(key) {
            helpers.push_str(text);
            needed.push_str(text);
        }
    }
    out.push_str(&helpers);
    let arguments = writer.inputs.join(" ");
    let blank = if arguments.is_empty() { "" } else { " " };
    let has_defaults = code.given.iter().any(|given| given.default.is_some());
    let whole = if has_defaults {
        format!("{name}-of")
    } else {
        name.to_owned()
    };
    let _ = writeln!(out, "(define ({whole}{blank}{arguments})\n  {body})");
    if has_defaults {
        let inputs: Vec<&str> = code
            .given
            .iter()
            .zip(&writer.inputs)
            .filter(|(given, _)| given.default.is_none())
            .map(|(_, input)| input.as_str())
            .collect();
        let all: Vec<String> = code
            .given
            .iter()
            .zip(&writer.inputs)
            .map(|(given, input)| given.default.map_or_else(|| input.clone(), scheme_number))
            .collect();
        let blank = if inputs.is_empty() { "" } else { " " };
        let _ = writeln!(out, "; With the params as they are.");
        let _ = writeln!(
            out,
            "(define ({name}{blank}{})\n  ({whole} {}))",
            inputs.join(" "),
            all.join(" ")
        );
    }
    Ok(out)
}

fn answer_text(writer: &mut Writer<'_, Scheme>, answer: &Answer) -> String {
    match answer {
        Answer::Number(atom) => writer.atom(*atom).text,
        Answer::Bool(atom) => writer.atom_as(*atom, true).text,
        Answer::Array(shape, atoms) => {
            let numbers: Vec<String> = atoms.iter().map(|&atom| writer.atom(atom).text).collect();
            match shape {
                crate::prim::linalg::Shape::Vector(_) => format!("(list {})", numbers.join(" ")),
                crate::prim::linalg::Shape::Matrix(_, columns) => {
                    let rows = numbers
                        .chunks(*columns)
                        .map(|row| format!("(list {})", row.join(" ")));
                    format!("(list {})", rows.collect::<Vec<_>>().join(" "))
                }
            }
        }
        Answer::List(items) if items.is_empty() => "'()".into(),
        Answer::List(items) => {
            let items = items
                .iter()
                .map(|item| super::value::deeper(|| answer_text(writer, item)));
            format!("(list {})", items.collect::<Vec<_>>().join(" "))
        }
    }
}

type W<'a> = Writer<'a, Scheme>;

fn values(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) -> Vec<String> {
    let said = |writer: &mut W<'_>, (&var, &atom): (&Var, &Atom)| {
        let is_bool = writer.is_bool(var);
        writer.atom_as(atom, is_bool).text
    };
    vars.iter()
        .zip(atoms)
        .map(|pair| said(writer, pair))
        .collect()
}

/// One value, or several.
fn several(texts: &[String]) -> String {
    match texts {
        [one] => one.clone(),
        all => format!("(values {})", all.join(" ")),
    }
}

/// Steps as bindings around what they end with.
fn block(
    writer: &mut W<'_>,
    steps: &[Step],
    results: &[Atom],
    indent: usize,
    end: &mut dyn FnMut(&mut W<'_>) -> String,
) -> Result<String, Error> {
    let nested = writer.nested(steps, results);
    // Each a list of names, and an expression.
    let mut bindings: Vec<(Vec<String>, String)> = Vec::new();
    for step in steps {
        if let Some((var, said)) = writer.said(step)? {
            if let Some(said) = writer.keep(var, said, &nested) {
                let name = writer.name(var);
                bindings.push((vec![name], said.text));
            }
            continue;
        }
        bindings.push(control(writer, step, indent + 6)?);
    }
    let end = end(writer);
    if bindings.is_empty() {
        return Ok(end);
    }
    let plain = bindings.iter().all(|(names, _)| names.len() == 1);
    let pad = " ".repeat(indent);
    let inner = " ".repeat(indent + if plain { 6 } else { 13 });
    let lines: Vec<String> = bindings
        .into_iter()
        .map(|(names, text)| {
            if plain {
                format!("({} {text})", names[0])
            } else {
                format!("(({}) {text})", names.join(" "))
            }
        })
        .collect();
    let form = if plain { "let*" } else { "let*-values" };
    Ok(format!(
        "({form} ({})\n{pad}  {end})",
        lines.join(&format!("\n{inner}"))
    ))
}

fn arm(writer: &mut W<'_>, block: &Block, vars: &[Var], indent: usize) -> Result<String, Error> {
    self::block(
        writer,
        &block.steps,
        &block.results,
        indent,
        &mut |writer| several(&values(writer, vars, &block.results)),
    )
}

fn control(writer: &mut W<'_>, step: &Step, indent: usize) -> Result<(Vec<String>, String), Error> {
    let pad = " ".repeat(indent);
    match step {
        Step::If {
            vars,
            test,
            then,
            otherwise,
        } => {
            let test = writer.atom_as(*test, true).text;
            let then = arm(writer, then, vars, indent + 4)?;
            let otherwise = arm(writer, otherwise, vars, indent + 4)?;
            let names = vars.iter().map(|&var| writer.name(var)).collect();
            Ok((
                names,
                format!("(if {test}\n{pad}    {then}\n{pad}    {otherwise})"),
            ))
        }
        Step::Repeat {
            vars,
            inits,
            body,
            passes,
        } => {
            let first = values(writer, vars, inits);
            let names: Vec<String> = vars.iter().map(|&var| writer.name(var)).collect();
            let [again, left] = ["again", "left"].map(|word| writer.names.fresh(word));
            let next = block(
                writer,
                &body.steps,
                &body.results,
                indent + 6,
                &mut |writer| {
                    let next = values(writer, vars, &body.results);
                    format!("({again} (- {left} 1) {})", next.join(" "))
                },
            )?;
            let given: Vec<String> = names
                .iter()
                .zip(&first)
                .map(|(name, x)| format!("({name} {x})"))
                .collect();
            let text = format!(
                "(let {again} (({left} {passes}) {})\n{pad}  (if (= {left} 0)\n{pad}      {}\n{pad}      {next}))",
                given.join(" "),
                several(&names)
            );
            Ok((names, text))
        }
        Step::Loop {
            vars,
            inits,
            body,
            outs,
        } => {
            let first = values(writer, vars, inits);
            let names: Vec<String> = vars.iter().map(|&var| writer.name(var)).collect();
            let again = writer.names.fresh("again");
            let pass = pass(writer, body, (vars, outs), &again, indent + 2)?;
            let given: Vec<String> = names
                .iter()
                .zip(&first)
                .map(|(name, x)| format!("({name} {x})"))
                .collect();
            let outs = outs.iter().map(|&var| writer.name(var)).collect();
            Ok((
                outs,
                format!("(let {again} ({})\n{pad}  {pass})", given.join(" ")),
            ))
        }
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {
            Ok((Vec::new(), String::new()))
        }
    }
}

fn pass(
    writer: &mut W<'_>,
    body: &Body,
    vars: (&[Var], &[Var]),
    again: &str,
    indent: usize,
) -> Result<String, Error> {
    match &body.end {
        End::Exit(atoms) => block(writer, &body.steps, atoms, indent, &mut |writer| {
            several(&values(writer, vars.1, atoms))
        }),
        End::Again(atoms) => block(writer, &body.steps, atoms, indent, &mut |writer| {
            let next = values(writer, vars.0, atoms);
            format!("({again} {})", next.join(" "))
        }),
        End::If(test, then, otherwise) => {
            let pad = " ".repeat(indent + 2);
            let mut trouble = None;
            let text = block(writer, &body.steps, &[*test], indent, &mut |writer| {
                let test = writer.atom_as(*test, true).text;
                let mut arms =
                    [then, otherwise].map(|arm| pass(writer, arm, vars, again, indent + 6));
                for arm in &mut arms {
                    if let Err(error) = arm {
                        trouble.get_or_insert(error.clone());
                    }
                }
                let [then, otherwise] = arms.map(Result::unwrap_or_default);
                format!("(if {test}\n{pad}    {then}\n{pad}    {otherwise})")
            })?;
            match trouble {
                Some(error) => Err(error),
                None => Ok(text),
            }
        }
    }
}
