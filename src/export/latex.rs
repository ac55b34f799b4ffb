//! LaTeX: the formulas of a program, one a line, the last that of its value.
//!
//! **Invariants**
//! - What is written needs the package amsmath alone.
//! - No two variables look the same.
//! - Places of arrays, lists and tables count from 1.
//! - A fraction, power or root is grouped by braces, everything else by parentheses, so that the text says in which
//!   order things are done.

use super::code::{Answer, Atom, Code, Form as InputForm, Step, Var};
use super::words::{Form, Language, Said, Writer, binds, flat_index, of_input};
use crate::Error;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use rustc_hash::FxHashSet;
use std::fmt::Write as _;

struct Latex {
    /// What each input is called and, if it is a matrix, its columns.
    inputs: Vec<(String, Option<usize>)>,
    /// What stands for variables so far.
    used: FxHashSet<String>,
}

impl Language for Latex {
    fn name(&self) -> &'static str {
        "LaTeX"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        let product = |text| Some(Form::Text(text, binds::PRODUCT));
        match prim {
            Prim::Add => Some(Form::Infix("+", binds::SUM, false)),
            Prim::Sub => Some(Form::Infix("-", binds::SUM, false)),
            Prim::Mul => Some(Form::Infix("\\,", binds::PRODUCT, false)),
            Prim::Neg => Some(Form::Prefix("-", binds::PRODUCT)),
            Prim::Div => product("\\frac{{a}}{{b}}"),
            Prim::NumEq => Some(Form::Infix("=", binds::SUM, true)),
            Prim::Lt => Some(Form::Infix("<", binds::SUM, true)),
            Prim::Gt => Some(Form::Infix(">", binds::SUM, true)),
            Prim::Le => Some(Form::Infix("\\le", binds::SUM, true)),
            Prim::Ge => Some(Form::Infix("\\ge", binds::SUM, true)),
            Prim::IsZero => text("\\left({a}\\right) = 0"),
            Prim::IsPositive => text("\\left({a}\\right) > 0"),
            Prim::IsNegative => text("\\left({a}\\right) < 0"),
            Prim::Not => text("\\lnot\\left({a}\\right)"),
            Prim::Both => text("\\left({a}\\right) \\land \\left({b}\\right)"),
            Prim::Either => text("\\left({a}\\right) \\lor \\left({b}\\right)"),
            Prim::Abs => text("\\left|{a}\\right|"),
            Prim::Floor => text("\\left\\lfloor {a}\\right\\rfloor"),
            Prim::Ceiling => text("\\left\\lceil {a}\\right\\rceil"),
            Prim::Exp => text("e^{{a}}"),
            Prim::Exp2 => text("2^{{a}}"),
            Prim::Sqrt | Prim::NormAtZero => text("\\sqrt{{a}}"),
            Prim::Cbrt => text("\\sqrt[3]{{a}}"),
            Prim::Square => text("\\left({a}\\right)^{2}"),
            Prim::Pow => text("\\left({a}\\right)^{{b}}"),
            Prim::Ln => text("\\ln\\left({a}\\right)"),
            Prim::Log2 => text("\\log_{2}\\left({a}\\right)"),
            Prim::Log10 => text("\\log_{10}\\left({a}\\right)"),
            Prim::LogBase => text("\\log_{{b}}\\left({a}\\right)"),
            Prim::Min => text("\\min\\left({a}, {b}\\right)"),
            Prim::Max => text("\\max\\left({a}, {b}\\right)"),
            Prim::Sin => text("\\sin\\left({a}\\right)"),
            Prim::Cos => text("\\cos\\left({a}\\right)"),
            Prim::Tan => text("\\tan\\left({a}\\right)"),
            Prim::Asin => text("\\arcsin\\left({a}\\right)"),
            Prim::Acos => text("\\arccos\\left({a}\\right)"),
            Prim::Atan => text("\\arctan\\left({a}\\right)"),
            Prim::Sinh => text("\\sinh\\left({a}\\right)"),
            Prim::Cosh => text("\\cosh\\left({a}\\right)"),
            Prim::Tanh => text("\\tanh\\left({a}\\right)"),
            Prim::Sigmoid => text("\\sigma\\left({a}\\right)"),
            Prim::Lgamma => text("\\ln\\left|\\Gamma\\left({a}\\right)\\right|"),
            Prim::Digamma => text("\\psi\\left({a}\\right)"),
            Prim::Trigamma => text("\\psi_{1}\\left({a}\\right)"),
            Prim::Log1p => text("\\ln\\left(1 + {a}\\right)"),
            Prim::Expm1 => text("\\left(e^{{a}} - 1\\right)"),
            Prim::Softplus => text("\\ln\\left(1 + e^{{a}}\\right)"),
            Prim::Hypot => text("\\sqrt{\\left({a}\\right)^{2} + \\left({b}\\right)^{2}}"),
            Prim::Atan2 => text("\\operatorname{atan2}\\left({a}, {b}\\right)"),
            Prim::Erf => text("\\operatorname{erf}\\left({a}\\right)"),
            Prim::Erfc => text("\\operatorname{erfc}\\left({a}\\right)"),
            Prim::Round => text("\\operatorname{round}\\left({a}\\right)"),
            Prim::Truncate => text("\\operatorname{trunc}\\left({a}\\right)"),
            Prim::Asinh => text("\\operatorname{arsinh}\\left({a}\\right)"),
            Prim::Acosh => text("\\operatorname{arcosh}\\left({a}\\right)"),
            Prim::Atanh => text("\\operatorname{artanh}\\left({a}\\right)"),
            Prim::Sinc => text("\\operatorname{sinc}\\left({a}\\right)"),
            Prim::Sign => text("\\operatorname{sgn}\\left({a}\\right)"),
            Prim::Gcd => text("\\gcd\\left({a}, {b}\\right)"),
            Prim::Lcm => text("\\operatorname{lcm}\\left({a}, {b}\\right)"),
            Prim::Modulo => text("\\left(\\left({a}\\right) \\bmod \\left({b}\\right)\\right)"),
            Prim::Remainder => text("\\operatorname{rem}\\left({a}, {b}\\right)"),
            Prim::Quotient => text("\\operatorname{trunc}\\left(\\frac{{a}}{{b}}\\right)"),
            Prim::FloorQuotient => text("\\left\\lfloor \\frac{{a}}{{b}}\\right\\rfloor"),
            Prim::Logit => text("\\operatorname{logit}\\left({a}\\right)"),
            Prim::LogSigmoid => text("\\ln\\left(\\sigma\\left({a}\\right)\\right)"),
            Prim::Log1mexp => text("\\ln\\left(1 - e^{{a}}\\right)"),
            Prim::LogNormalCdf => text("\\ln\\left(\\Phi\\left({a}\\right)\\right)"),
            Prim::Lbeta => text("\\ln\\left(\\mathrm{B}\\left({a}, {b}\\right)\\right)"),
            Prim::IsEven => text("2 \\mid \\left({a}\\right)"),
            Prim::IsOdd => text("2 \\nmid \\left({a}\\right)"),
            Prim::IsInteger => text("\\left({a}\\right) \\in \\mathbb{Z}"),
            Prim::Detach | Prim::StraightThrough => text("\\left({a}\\right)"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        let text = if x.is_nan() {
            "\\mathrm{undefined}".to_owned()
        } else if x.is_infinite() {
            if x < 0.0 {
                "-\\infty".into()
            } else {
                "\\infty".into()
            }
        } else {
            number(x)
        };
        let tightness = if x.is_sign_negative() {
            binds::SUM
        } else {
            binds::WHOLE
        };
        Said {
            binds: tightness,
            ..Said::whole(text)
        }
    }

    fn bool(&self, holds: bool) -> Said {
        Said::whole(if holds { "\\top" } else { "\\bot" })
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let text = cases(&test.text, &then.text, &otherwise.text);
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let text = match of_input(table) {
            Some((_, offset, stride, input)) => {
                let (name, columns) = &self.inputs[input];
                format!("{name}[{}]", place(index, offset, stride, *columns))
            }
            None => format!("{}[{}]", word(table), place(index, 0, 1, None)),
        };
        Said::of(text, binds::WHOLE, &[index])
    }
}

/// Where a number of an array stands that is so far behind the first, in all.
fn place(index: &Said, offset: usize, stride: usize, columns: Option<usize>) -> String {
    let times = |stride: usize| match stride {
        1 => index.within(binds::SUM),
        _ => format!("{stride} \\cdot {}", index.within(binds::PRODUCT)),
    };
    match columns {
        Some(columns) if stride.is_multiple_of(columns) => format!(
            "{} + {}, {}",
            times(stride / columns),
            offset / columns + 1,
            offset % columns + 1
        ),
        Some(columns) if stride == 1 && offset.is_multiple_of(columns) => {
            format!("{}, {} + 1", offset / columns + 1, times(1))
        }
        Some(columns) => {
            let flat = flat_index(offset, stride, &index.within(binds::PRODUCT));
            let flat = flat.replace('*', "\\cdot");
            format!(
                "\\left\\lfloor \\frac{{{flat}}}{{{columns}}}\\right\\rfloor + 1, \
                 \\left(\\left({flat}\\right) \\bmod {columns}\\right) + 1"
            )
        }
        None => format!("{} + {}", times(stride), offset + 1),
    }
}

fn cases(test: &str, then: &str, otherwise: &str) -> String {
    format!(
        "\\begin{{cases}} {then} & \\text{{if }} {test} \\\\ {otherwise} & \\text{{otherwise}} \\end{{cases}}"
    )
}

/// A number, with a power of ten where it is far from 1.
fn number(x: f64) -> String {
    if x != 0.0 && !(1e-4..1e7).contains(&x.abs()) {
        let text = format!("{x:e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{digits} \\cdot 10^{{{power}}}");
    }
    format!("{x}")
}

/// Letters that LaTeX has by their names.
const LETTERS: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega",
];

/// A name as one word.
fn word(name: &str) -> String {
    format!("\\mathit{{{}}}", name.replace('_', "\\_"))
}

/// A variable's name: a letter, a letter with an index, or a word.
fn symbol(name: &str) -> String {
    let (stem, index) = match name.rsplit_once('_') {
        Some((stem, index)) if !stem.is_empty() && !index.is_empty() => (stem, index),
        _ => {
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            name.split_at(name.len() - digits)
        }
    };
    let spelled = |part: &str| {
        if LETTERS.contains(&part) {
            format!("\\{part}")
        } else if part.len() == 1 && part != "e" {
            part.to_owned()
        } else {
            word(part)
        }
    };
    if index.is_empty() {
        spelled(stem)
    } else {
        format!("{}_{{{}}}", spelled(stem), index.replace('_', "\\_"))
    }
}

impl Latex {
    /// What stands for a variable: a name as it is, where what it should look like is another's.
    fn symbol(&mut self, name: &str) -> String {
        let mut text = symbol(name);
        if !self.used.insert(text.clone()) {
            text = word(name);
            self.used.insert(text.clone());
        }
        text
    }
}

/// The formulas.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    super::formula::check(code, "LaTeX", source)?;
    let latex = Latex {
        inputs: Vec::new(),
        used: FxHashSet::default(),
    };
    let mut writer = Writer::new(latex, code, &[name], source);
    let function = writer.language.symbol(name);
    let mut arguments: Vec<String> = Vec::new();
    for (given, name) in code.given.iter().zip(&writer.inputs) {
        let argument = writer.language.symbol(name);
        let columns = match given.form {
            InputForm::Array(Shape::Matrix(_, columns)) => Some(columns),
            InputForm::Number | InputForm::Array(Shape::Vector(_)) | InputForm::List(_) => None,
        };
        writer.language.inputs.push((argument.clone(), columns));
        arguments.push(argument);
    }
    for (given, argument) in code.given.iter().zip(&arguments) {
        for (place, &var) in given.vars.iter().enumerate() {
            let text = match given.form {
                InputForm::Number => argument.clone(),
                InputForm::Array(Shape::Vector(_)) | InputForm::List(_) => {
                    format!("{argument}[{}]", place + 1)
                }
                InputForm::Array(Shape::Matrix(_, columns)) => format!(
                    "{argument}[{}, {}]",
                    place / columns + 1,
                    place % columns + 1
                ),
            };
            writer.element(var, text);
        }
    }
    let mut lines = Vec::new();
    steps(&mut writer, &code.steps, &code.answer.atoms(), &mut lines)?;
    let value = answer(&mut writer, &code.answer);
    for (table, numbers) in writer.tables.iter().rev() {
        let numbers = numbers.iter().map(|&x| writer.language.number(x).text);
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        let line = format!("{} &= \\left({numbers}\\right)", word(table));
        lines.insert(0, line);
    }
    let head = format!("{function}\\left({}\\right)", arguments.join(", "));
    lines.push(format!("{head} &= {value}"));
    let defaults: Vec<String> = code
        .given
        .iter()
        .zip(&arguments)
        .filter_map(|(given, name)| {
            let default = writer.language.number(given.default?);
            Some(format!("{name} = {}", default.text))
        })
        .collect();
    if !defaults.is_empty() {
        lines.push(format!(
            "&\\phantom{{=}} \\text{{with }} {}",
            defaults.join(",\\; ")
        ));
    }
    let mut out = String::new();
    for note in &code.notes {
        let _ = writeln!(out, "% {}", super::python::clean(note));
    }
    out.push_str("\\begin{aligned}\n");
    out.push_str(&lines.join(" \\\\\n"));
    out.push_str("\n\\end{aligned}\n");
    Ok(out)
}

fn answer(writer: &mut Writer<'_, Latex>, answer: &Answer) -> String {
    match answer {
        Answer::Number(atom) => writer.atom(*atom).text,
        Answer::Bool(atom) => writer.atom_as(*atom, true).text,
        Answer::Array(shape, atoms) => {
            let columns = match shape {
                Shape::Vector(_) => 1,
                Shape::Matrix(_, columns) => *columns,
            };
            let rows: Vec<String> = atoms
                .chunks(columns)
                .map(|row| {
                    let row: Vec<String> = row.iter().map(|&atom| writer.atom(atom).text).collect();
                    row.join(" & ")
                })
                .collect();
            format!(
                "\\begin{{pmatrix}} {} \\end{{pmatrix}}",
                rows.join(" \\\\ ")
            )
        }
        Answer::List(items) => {
            let items = items
                .iter()
                .map(|item| super::value::deeper(|| self::answer(writer, item)));
            format!("\\left({}\\right)", items.collect::<Vec<_>>().join(", "))
        }
    }
}

fn named(writer: &mut Writer<'_, Latex>, var: Var) -> String {
    let name = writer.name(var);
    let name = writer.language.symbol(&name);
    writer.element(var, name.clone());
    name
}

fn steps(
    writer: &mut Writer<'_, Latex>,
    all: &[Step],
    results: &[Atom],
    lines: &mut Vec<String>,
) -> Result<(), Error> {
    let nested = writer.nested(all, results);
    for step in all {
        if let Some((var, said)) = writer.said(step)? {
            if let Some(said) = writer.keep(var, said, &nested) {
                let name = named(writer, var);
                lines.push(format!("{name} &= {}", said.text));
            }
            continue;
        }
        let Step::If {
            vars,
            test,
            then,
            otherwise,
        } = step
        else {
            continue;
        };
        let test = writer.atom_as(*test, true).text;
        let mut arms = Vec::new();
        for arm in [then, otherwise] {
            steps(writer, &arm.steps, &arm.results, lines)?;
            let values: Vec<String> = vars
                .iter()
                .zip(&arm.results)
                .map(|(&var, &atom)| {
                    let is_bool = writer.is_bool(var);
                    writer.atom_as(atom, is_bool).text
                })
                .collect();
            arms.push(values);
        }
        for (at, &var) in vars.iter().enumerate() {
            let name = named(writer, var);
            lines.push(format!(
                "{name} &= {}",
                cases(&test, &arms[0][at], &arms[1][at])
            ));
        }
    }
    Ok(())
}
