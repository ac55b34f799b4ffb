//! `NumPy`: a function whose arguments broadcast.
//!
//! **Invariants**
//! - Both arms of a branch are computed, and `np.where` takes of each what holds: elements go their own ways.
//! - A loop goes on until all elements have left it; those that have keep what they left with.

use super::code::{Atom, Body, Code, End, Step, Var};
use super::python::{
    answer, arithmetic, assigned, bool_, docstring, elements, is_array, numbers, signature,
};
use super::words::{Form, Language, Said, Writer, binds, flat_index, of_input};
use crate::Error;
use crate::prim::Prim;
use crate::prim::linalg::Shape;

struct Numpy;

impl Language for Numpy {
    fn name(&self) -> &'static str {
        "NumPy"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        if let Some(form) = arithmetic(prim) {
            return Some(form);
        }
        let call = |name| Some(Form::Call(name));
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::Abs => call("np.abs"),
            Prim::Floor => call("np.floor"),
            Prim::Ceiling => call("np.ceil"),
            Prim::Round => call("np.rint"),
            Prim::Truncate => call("np.trunc"),
            Prim::Sin => call("np.sin"),
            Prim::Cos => call("np.cos"),
            Prim::Tan => call("np.tan"),
            Prim::Asin => call("np.arcsin"),
            Prim::Acos => call("np.arccos"),
            Prim::Atan => call("np.arctan"),
            Prim::Sinh => call("np.sinh"),
            Prim::Cosh => call("np.cosh"),
            Prim::Tanh => call("np.tanh"),
            Prim::Exp => call("np.exp"),
            Prim::Ln => call("np.log"),
            Prim::Sqrt | Prim::NormAtZero => call("np.sqrt"),
            Prim::Square => call("np.square"),
            Prim::Sigmoid => call("special.expit"),
            Prim::SigmoidSlope => text("(special.expit({a}) * special.expit(-({a})))"),
            Prim::Softplus => text("np.logaddexp(0.0, {a})"),
            Prim::LogSigmoid => text("(-np.logaddexp(0.0, -({a})))"),
            Prim::NotBelowZero => text("np.where({a} < 0, np.nan, {a})"),
            Prim::Log1p => call("np.log1p"),
            Prim::Expm1 => call("np.expm1"),
            Prim::Log1mexp => text(
                "np.where(({a}) > -0.6931471805599453, np.log(-np.expm1({a})), np.log1p(-np.exp({a})))",
            ),
            Prim::Logit => call("special.logit"),
            Prim::Exp2 => call("np.exp2"),
            Prim::Log2 => call("np.log2"),
            Prim::Log10 => call("np.log10"),
            Prim::Asinh => call("np.arcsinh"),
            Prim::Acosh => call("np.arccosh"),
            Prim::Atanh => call("np.arctanh"),
            Prim::Cbrt => call("np.cbrt"),
            Prim::Sinc => text("np.sinc(({a}) / np.pi)"),
            Prim::Erf => call("special.erf"),
            Prim::Erfc => call("special.erfc"),
            Prim::LogNormalCdf => call("special.log_ndtr"),
            Prim::Lgamma => call("special.gammaln"),
            Prim::Digamma => call("special.digamma"),
            Prim::Trigamma => text("special.polygamma(1, {a})"),
            Prim::Lbeta => call("special.betaln"),
            Prim::Sign => call("np.sign"),
            Prim::Detach | Prim::StraightThrough => text("({a})"),
            Prim::Min => call("np.minimum"),
            Prim::Max => call("np.maximum"),
            Prim::Quotient => text("np.trunc(({a}) / ({b}))"),
            Prim::FloorQuotient => text("np.floor(({a}) / ({b}))"),
            Prim::Remainder => call("np.fmod"),
            Prim::Modulo => call("np.mod"),
            Prim::Atan2 => call("np.arctan2"),
            Prim::LogBase => text("(np.log({a}) / np.log({b}))"),
            Prim::Pow => call("np.power"),
            Prim::Hypot => call("np.hypot"),
            Prim::Gcd => text("np.gcd(np.asarray({a}, int), np.asarray({b}, int)).astype(float)"),
            Prim::Lcm => text("np.lcm(np.asarray({a}, int), np.asarray({b}, int)).astype(float)"),
            Prim::Not => call("np.logical_not"),
            Prim::Both => call("np.logical_and"),
            Prim::Either => call("np.logical_or"),
            Prim::IsEven => text("(np.fmod({a}, 2) == 0)"),
            Prim::IsOdd => text("(np.fmod({a}, 2) != 0)"),
            Prim::IsInteger => text("(np.isfinite({a}) & (({a}) == np.trunc({a})))"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        super::python::number(x, "np")
    }

    fn bool(&self, holds: bool) -> Said {
        bool_(holds)
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let text = format!("np.where({}, {}, {})", test.text, then.text, otherwise.text);
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let text = match of_input(table) {
            Some((name, offset, stride, _)) if table.contains('\0') => {
                format!(
                    "_at(_flat_{name}, {})",
                    flat_index(offset, stride, &index.within(binds::PRODUCT))
                )
            }
            _ => format!("_at({table}, {})", index.text),
        };
        Said::of(text, binds::WHOLE, &[index])
    }
}

/// Names that the text has of its own.
const OWN: &[&str] = &["_at", "_array", "go"];

/// The function.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    let reserved = super::python::reserved(OWN, name);
    let mut writer = Writer::new(Numpy, code, &reserved, source);
    let signature = signature(code, &writer.inputs);
    writer.line(format!("def {name}({signature}):"));
    writer.indent = 4;
    docstring(
        &mut writer,
        "A program as dmci exports it: arguments broadcast, for arrays over their last axes.",
    );
    let start = writer.out.len();
    elements(&mut writer, "..., ");
    steps(&mut writer, &code.steps, &code.answer.atoms(), None)?;
    let back = answer(&mut writer, &code.answer, &|numbers, shape| {
        format!("_array({numbers}, {shape})")
    })?;
    let body = writer.out.split_off(start);
    let all = format!("{body}{back}");
    let whole = |what: &str| all.contains(what);
    // Python's own floats raise where others are infinite, and a choice of scalars is an array of no axis.
    let divides = whole(" / ")
        || whole("np.where")
        || whole("for _")
        || whole("while ")
        || whole("np.logical");
    let mut converted = Vec::new();
    for (given, input) in code.given.iter().zip(&writer.inputs.clone()) {
        if is_array(given) || divides {
            converted.push(input.clone());
        }
    }
    if !converted.is_empty() {
        let values: Vec<String> = converted
            .iter()
            .map(|name| format!("np.asarray({name}, float)"))
            .collect();
        for (name, value) in converted.iter().zip(&values) {
            writer.line(format!("{name} = {value}"));
        }
    }
    for (given, input) in code.given.iter().zip(&writer.inputs.clone()) {
        if body.contains(&format!("_flat_{input},")) || back.contains(&format!("_flat_{input},")) {
            let axes = if matches!(given.form, super::code::Form::Array(Shape::Matrix(..))) {
                2
            } else {
                1
            };
            writer.line(format!(
                "_flat_{input} = {input}.reshape({input}.shape[:-{axes}] + (-1,))"
            ));
        }
    }
    for (table, all) in writer.tables.clone() {
        writer.line(format!("{table} = np.array({})", numbers(&all)));
    }
    let is_list = matches!(code.answer, super::code::Answer::List(_));
    let back = if divides && !is_list {
        format!("np.asarray({back})[()]")
    } else {
        back
    };
    let errors = divides || whole("np.log") || whole("np.power") || whole("special.");
    if errors {
        writer.line("with np.errstate(all=\"ignore\"):");
        for line in body.lines() {
            let line = if line.is_empty() {
                String::new()
            } else {
                format!("    {line}")
            };
            writer.out.push_str(&line);
            writer.out.push('\n');
        }
        writer.line(format!("    return {back}"));
    } else {
        writer.out.push_str(&body);
        writer.line(format!("return {back}"));
    }
    let mut head = "import numpy as np\n".to_owned();
    if writer.out.contains("special.") {
        head.push_str("from scipy import special\n");
    }
    if writer.out.contains("_at(") {
        head.push_str("\n\ndef _at(table, index):\n    return np.take(table, np.asarray(index, int), axis=-1, mode=\"clip\")\n");
    }
    if writer.out.contains("_array(") {
        head.push_str(
            "\n\ndef _array(numbers, shape):\n    numbers = np.broadcast_arrays(*numbers)\n    \
             return np.stack(numbers, axis=-1).reshape(numbers[0].shape + shape)\n",
        );
    }
    Ok(format!("{head}\n\n{}", writer.out))
}

type W<'a> = Writer<'a, Numpy>;

/// Steps, one a line; `mask` says which elements come here.
fn steps(
    writer: &mut W<'_>,
    all: &[Step],
    results: &[Atom],
    mask: Option<&str>,
) -> Result<(), Error> {
    writer.steps(all, results, &mut |writer, step| {
        control(writer, step, mask)
    })
}

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

fn and(mask: Option<&str>, test: &str) -> String {
    match mask {
        Some(mask) => format!("np.logical_and({mask}, {test})"),
        None => test.to_owned(),
    }
}

fn control(writer: &mut W<'_>, step: &Step, mask: Option<&str>) -> Result<(), Error> {
    match step {
        Step::If {
            vars,
            test,
            then,
            otherwise,
        } => {
            let said = writer.atom_as(*test, true);
            let test = writer.names.fresh("test");
            writer.line(format!("{test} = {}", said.text));
            let has_loop = |steps: &[Step]| steps.iter().any(is_loop);
            let loops = has_loop(&then.steps) || has_loop(&otherwise.steps);
            let masks = if loops {
                let names = [writer.names.fresh("here"), writer.names.fresh("there")];
                writer.line(format!("{} = {}", names[0], and(mask, &test)));
                writer.line(format!(
                    "{} = {}",
                    names[1],
                    and(mask, &format!("np.logical_not({test})"))
                ));
                names.map(Some)
            } else {
                [None, None]
            };
            steps(writer, &then.steps, &then.results, masks[0].as_deref())?;
            let first = values(writer, vars, &then.results);
            // What is written in place must be written before the other arm.
            steps(
                writer,
                &otherwise.steps,
                &otherwise.results,
                masks[1].as_deref(),
            )?;
            let second = values(writer, vars, &otherwise.results);
            for ((name, a), b) in writer.named(vars).into_iter().zip(first).zip(second) {
                writer.line(format!("{name} = np.where({test}, {a}, {b})"));
            }
        }
        Step::Repeat {
            vars,
            inits,
            body,
            passes,
        } => {
            let first = values(writer, vars, inits);
            let names = writer.named(vars);
            if names.is_empty() {
                return Ok(());
            }
            writer.line(assigned(&names, &first));
            writer.line(format!("for _ in range({passes}):"));
            writer.indent += 4;
            steps(writer, &body.steps, &body.results, mask)?;
            let next = values(writer, vars, &body.results);
            writer.line(assigned(&names, &next));
            writer.indent -= 4;
        }
        Step::Loop {
            vars,
            inits,
            body,
            outs,
        } => {
            let first = values(writer, vars, inits);
            let (names, out_names) = (writer.named(vars), writer.named(outs));
            if !names.is_empty() {
                writer.line(assigned(&names, &first));
            }
            for name in &out_names {
                writer.line(format!("{name} = np.nan"));
            }
            let go = writer.names.fresh("go");
            writer.line(format!("{go} = {}", mask.unwrap_or("True")));
            writer.line(format!("while np.any({go}):"));
            writer.indent += 4;
            let mut ends = Ends {
                next: Vec::new(),
                outs: Vec::new(),
                stays: Vec::new(),
            };
            passes(writer, body, &go.clone(), (vars, outs), &mut ends)?;
            for (mask, values) in &ends.outs {
                for (name, value) in out_names.iter().zip(values) {
                    writer.line(format!("{name} = np.where({mask}, {value}, {name})"));
                }
            }
            let mut next = names.clone();
            for (mask, values) in &ends.next {
                for (next, value) in next.iter_mut().zip(values) {
                    *next = format!("np.where({mask}, {value}, {next})");
                }
            }
            if !names.is_empty() {
                writer.line(assigned(&names, &next));
            }
            let stays = match &ends.stays[..] {
                [] => "False".to_owned(),
                [first, rest @ ..] => rest.iter().fold(first.clone(), |all, next| {
                    format!("np.logical_or({all}, {next})")
                }),
            };
            writer.line(format!("{go} = {stays}"));
            writer.indent -= 4;
        }
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {}
    }
    Ok(())
}

fn is_loop(step: &Step) -> bool {
    match step {
        Step::Loop { .. } => true,
        Step::Repeat { body, .. } => body.steps.iter().any(is_loop),
        Step::If {
            then, otherwise, ..
        } => then.steps.iter().chain(&otherwise.steps).any(is_loop),
        _ => false,
    }
}

/// What the ends of a loop's pass are, each with which elements come there.
struct Ends {
    next: Vec<(String, Vec<String>)>,
    outs: Vec<(String, Vec<String>)>,
    stays: Vec<String>,
}

fn passes(
    writer: &mut W<'_>,
    body: &Body,
    mask: &str,
    vars: (&[Var], &[Var]),
    ends: &mut Ends,
) -> Result<(), Error> {
    match &body.end {
        End::Exit(atoms) => {
            steps(writer, &body.steps, atoms, Some(mask))?;
            let values = values(writer, vars.1, atoms);
            ends.outs.push((mask.to_owned(), values));
        }
        End::Again(atoms) => {
            steps(writer, &body.steps, atoms, Some(mask))?;
            let values = values(writer, vars.0, atoms);
            ends.next.push((mask.to_owned(), values));
            ends.stays.push(mask.to_owned());
        }
        End::If(test, then, otherwise) => {
            steps(writer, &body.steps, &[*test], Some(mask))?;
            let said = writer.atom_as(*test, true);
            let [here, there] = [writer.names.fresh("here"), writer.names.fresh("there")];
            writer.line(format!("{here} = np.logical_and({mask}, {})", said.text));
            writer.line(format!(
                "{there} = np.logical_and({mask}, np.logical_not({here}))"
            ));
            passes(writer, then, &here, vars, ends)?;
            passes(writer, otherwise, &there, vars, ends)?;
        }
    }
    Ok(())
}
