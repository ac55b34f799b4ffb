//! `PyTorch`: a function whose derivatives are autograd's.
//!
//! **Invariants**
//! - A branch both of whose arms have finite derivatives everywhere is a `torch.where`, and its elements go their
//!   own ways; any other is an `if` of Python, for numbers alone, so that the arm not taken has no part in the
//!   derivative.

use super::code::{Atom, Block, Body, Code, End, Step, Var};
use super::python::{
    answer, arithmetic, assigned, bool_, docstring, elements, numbers, reserved, signature,
};
use super::words::{Form, Language, Said, Writer, binds, flat_index, of_input};
use crate::Error;
use crate::prim::Prim;

struct Torch;

impl Language for Torch {
    fn name(&self) -> &'static str {
        "PyTorch"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        if let Some(form) = arithmetic(prim) {
            return Some(form);
        }
        let call = |name| Some(Form::Call(name));
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::Abs => call("torch.abs"),
            Prim::Floor => call("torch.floor"),
            Prim::Ceiling => call("torch.ceil"),
            Prim::Round => call("torch.round"),
            Prim::Truncate => call("torch.trunc"),
            Prim::Sin => call("torch.sin"),
            Prim::Cos => call("torch.cos"),
            Prim::Tan => call("torch.tan"),
            Prim::Asin => call("torch.asin"),
            Prim::Acos => call("torch.acos"),
            Prim::Atan => call("torch.atan"),
            Prim::Sinh => call("torch.sinh"),
            Prim::Cosh => call("torch.cosh"),
            Prim::Tanh => call("torch.tanh"),
            Prim::Exp => call("torch.exp"),
            Prim::Ln => call("torch.log"),
            Prim::Sqrt => call("torch.sqrt"),
            Prim::NormAtZero => text("torch.sqrt({a}).detach()"),
            Prim::Square => call("torch.square"),
            Prim::Sigmoid => call("torch.sigmoid"),
            Prim::SigmoidSlope => text("(torch.sigmoid({a}) * torch.sigmoid(-({a})))"),
            Prim::Softplus => text("torch.logaddexp(_number(0.0), {a})"),
            Prim::LogSigmoid => text("(-torch.logaddexp(_number(0.0), -({a})))"),
            Prim::NotBelowZero => text("torch.where({a} < 0, torch.nan, {a})"),
            Prim::Log1p => call("torch.log1p"),
            Prim::Expm1 => call("torch.expm1"),
            Prim::Log1mexp => call("_log1mexp"),
            Prim::Logit => call("torch.logit"),
            Prim::Exp2 => call("torch.exp2"),
            Prim::Log2 => call("torch.log2"),
            Prim::Log10 => call("torch.log10"),
            Prim::Asinh => call("torch.asinh"),
            Prim::Acosh => call("torch.acosh"),
            Prim::Atanh => call("torch.atanh"),
            Prim::Cbrt => text("(torch.sign({a}) * torch.abs({a}) ** (1.0 / 3.0))"),
            Prim::Sinc => text("torch.sinc(({a}) / torch.pi)"),
            Prim::Erf => call("torch.erf"),
            Prim::Erfc => call("torch.erfc"),
            Prim::LogNormalCdf => call("torch.special.log_ndtr"),
            Prim::Lgamma => call("torch.lgamma"),
            Prim::Digamma => call("torch.digamma"),
            Prim::Trigamma => text("torch.polygamma(1, {a})"),
            Prim::Lbeta => {
                text("(torch.lgamma({a}) + torch.lgamma({b}) - torch.lgamma(({a}) + ({b})))")
            }
            Prim::Sign => call("torch.sign"),
            Prim::Detach => text("({a}).detach()"),
            Prim::StraightThrough => text("(({b}) + (({a}) - ({b})).detach())"),
            Prim::Min => call("torch.minimum"),
            Prim::Max => call("torch.maximum"),
            Prim::Quotient => text("torch.trunc(({a}) / ({b}))"),
            Prim::FloorQuotient => text("torch.floor(({a}) / ({b}))"),
            Prim::Remainder => call("torch.fmod"),
            Prim::Modulo => call("torch.remainder"),
            Prim::Atan2 => call("torch.atan2"),
            Prim::LogBase => text("(torch.log({a}) / torch.log({b}))"),
            Prim::Pow => call("torch.pow"),
            Prim::Hypot => call("torch.hypot"),
            Prim::Not => call("torch.logical_not"),
            Prim::Both => call("torch.logical_and"),
            Prim::Either => call("torch.logical_or"),
            Prim::IsEven => text("(torch.fmod({a}, 2) == 0)"),
            Prim::IsOdd => text("(torch.fmod({a}, 2) != 0)"),
            Prim::IsInteger => text("(torch.isfinite({a}) & (({a}) == torch.trunc({a})))"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        super::python::number(x, "torch")
    }

    fn bool(&self, holds: bool) -> Said {
        bool_(holds)
    }

    fn argument(&self, said: &Said) -> String {
        if said.constant.is_some() {
            format!("_number({})", said.text)
        } else {
            said.text.clone()
        }
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let [a, b] = [then, otherwise].map(|said| match said.text.as_str() {
            "True" | "False" => format!("torch.tensor({})", said.text),
            _ => self.argument(said),
        });
        Said::of(
            format!("torch.where({}, {a}, {b})", test.text),
            binds::WHOLE,
            &[test, then, otherwise],
        )
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let text = match of_input(table) {
            Some((name, offset, stride, _)) if table.contains('\0') => {
                format!(
                    "{name}.reshape(-1)[int({})]",
                    flat_index(offset, stride, &index.within(binds::PRODUCT))
                )
            }
            _ => format!("_number({table}[int({})])", index.text),
        };
        Said::of(text, binds::WHOLE, &[index])
    }
}

const OWN: &[&str] = &["_number", "_array", "_log1mexp"];

/// The function.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    let reserved = reserved(OWN, name);
    let mut writer = Writer::new(Torch, code, &reserved, source);
    let signature = signature(code, &writer.inputs);
    writer.line(format!("def {name}({signature}):"));
    writer.indent = 4;
    docstring(
        &mut writer,
        "A program as dmci exports it, in float64; derivatives are autograd's.",
    );
    for input in writer.inputs.clone() {
        writer.line(format!("{input} = _number({input})"));
    }
    let start = writer.out.len();
    elements(&mut writer, "");
    steps(&mut writer, &code.steps, &code.answer.atoms())?;
    let back = answer(&mut writer, &code.answer, &|numbers, shape| {
        format!("_array({numbers}, {shape})")
    })?;
    // A constant is a tensor too.
    let is_constant = || code.answer.atoms()[0].var().is_none();
    let back = match code.answer {
        super::code::Answer::Number(_) if is_constant() => format!("_number({back})"),
        super::code::Answer::Bool(_) if is_constant() => format!("torch.tensor({back})"),
        _ => back,
    };
    let body = writer.out.split_off(start);
    for (table, all) in writer.tables.clone() {
        writer.line(format!("{table} = {}", numbers(&all)));
    }
    writer.out.push_str(&body);
    writer.line(format!("return {back}"));
    let mut head =
        "import torch\n\n\ndef _number(x):\n    return torch.as_tensor(x, dtype=torch.float64)\n"
            .to_owned();
    if writer.out.contains("_array(") {
        head.push_str(
            "\n\ndef _array(numbers, shape):\n    numbers = torch.broadcast_tensors(*map(_number, numbers))\n    \
             return torch.stack(numbers, dim=-1).reshape(numbers[0].shape + shape)\n",
        );
    }
    if writer.out.contains("_log1mexp(") {
        head.push_str(
            "\n\ndef _log1mexp(x):\n    near = x > -0.6931471805599453\n    \
             a, b = torch.where(near, x, _number(-1.0)), torch.where(near, _number(-1.0), x)\n    \
             return torch.where(near, torch.log(-torch.expm1(a)), torch.log1p(-torch.exp(b)))\n",
        );
    }
    Ok(format!("{head}\n\n{}", writer.out))
}

type W<'a> = Writer<'a, Torch>;

fn steps(writer: &mut W<'_>, all: &[Step], results: &[Atom]) -> Result<(), Error> {
    writer.steps(all, results, &mut |writer, step| control(writer, step))
}

fn values(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) -> Vec<String> {
    let said = |writer: &mut W<'_>, (&var, &atom): (&Var, &Atom)| {
        let is_bool = writer.is_bool(var);
        let said = writer.atom_as(atom, is_bool);
        match (atom.constant(), is_bool) {
            (Some(_), true) => format!("torch.tensor({})", said.text),
            (Some(_), false) => format!("_number({})", said.text),
            (None, _) => said.text,
        }
    };
    vars.iter()
        .zip(atoms)
        .map(|pair| said(writer, pair))
        .collect()
}

fn assign(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) {
    let values = values(writer, vars, atoms);
    let names = writer.named(vars);
    if !names.is_empty() {
        writer.line(assigned(&names, &values));
    }
}

/// Whether an arm's derivatives are finite wherever its numbers are.
fn is_tame(block: &Block) -> bool {
    block
        .results
        .iter()
        .all(|atom| atom.constant().is_none_or(f64::is_finite))
        && block.steps.iter().all(|step| match step {
            Step::Op { prim, .. } => matches!(
                prim,
                Prim::Add
                    | Prim::Sub
                    | Prim::Mul
                    | Prim::Neg
                    | Prim::Square
                    | Prim::Sin
                    | Prim::Cos
                    | Prim::Tanh
                    | Prim::Sigmoid
                    | Prim::Atan
                    | Prim::Abs
                    | Prim::Min
                    | Prim::Max
                    | Prim::Not
                    | Prim::Both
                    | Prim::Either
                    | Prim::Lt
                    | Prim::Gt
                    | Prim::Le
                    | Prim::Ge
                    | Prim::NumEq
            ),
            Step::Select { .. } => true,
            Step::If {
                then, otherwise, ..
            } => is_tame(then) && is_tame(otherwise),
            Step::Look { .. } | Step::Repeat { .. } | Step::Loop { .. } => false,
        })
}

fn control(writer: &mut W<'_>, step: &Step) -> Result<(), Error> {
    match step {
        Step::If {
            vars,
            test,
            then,
            otherwise,
        } if is_tame(then) && is_tame(otherwise) => {
            let said = writer.atom_as(*test, true);
            let test = writer.names.fresh("test");
            writer.line(format!("{test} = {}", said.text));
            steps(writer, &then.steps, &then.results)?;
            let first = values(writer, vars, &then.results);
            steps(writer, &otherwise.steps, &otherwise.results)?;
            let second = values(writer, vars, &otherwise.results);
            for ((name, a), b) in writer.named(vars).into_iter().zip(first).zip(second) {
                writer.line(format!("{name} = torch.where({test}, {a}, {b})"));
            }
        }
        Step::If {
            vars,
            test,
            then,
            otherwise,
        } => {
            let test = writer.atom_as(*test, true);
            writer.line(format!("if {}:", test.text));
            writer.indent += 4;
            steps(writer, &then.steps, &then.results)?;
            assign(writer, vars, &then.results);
            writer.indent -= 4;
            writer.line("else:");
            writer.indent += 4;
            steps(writer, &otherwise.steps, &otherwise.results)?;
            assign(writer, vars, &otherwise.results);
            writer.indent -= 4;
        }
        Step::Repeat {
            vars,
            inits,
            body,
            passes,
        } => {
            assign(writer, vars, inits);
            writer.line(format!("for _ in range({passes}):"));
            writer.indent += 4;
            steps(writer, &body.steps, &body.results)?;
            assign(writer, vars, &body.results);
            writer.indent -= 4;
        }
        Step::Loop {
            vars,
            inits,
            body,
            outs,
        } => {
            assign(writer, vars, inits);
            writer.line("while True:");
            writer.indent += 4;
            passes(writer, body, (vars, outs))?;
            writer.indent -= 4;
        }
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {}
    }
    Ok(())
}

fn passes(writer: &mut W<'_>, body: &Body, vars: (&[Var], &[Var])) -> Result<(), Error> {
    match &body.end {
        End::Exit(atoms) => {
            steps(writer, &body.steps, atoms)?;
            assign(writer, vars.1, atoms);
            writer.line("break");
        }
        End::Again(atoms) => {
            steps(writer, &body.steps, atoms)?;
            assign(writer, vars.0, atoms);
            writer.line("continue");
        }
        End::If(test, then, otherwise) => {
            steps(writer, &body.steps, &[*test])?;
            let test = writer.atom_as(*test, true);
            writer.line(format!("if {}:", test.text));
            writer.indent += 4;
            passes(writer, then, vars)?;
            writer.indent -= 4;
            passes(writer, otherwise, vars)?;
        }
    }
    Ok(())
}
