//! `SymPy`: a function whose arguments are symbols unless they are given.
//!
//! **Invariants**
//! - A branch is a `Piecewise`; there are no loops.

use super::code::{Atom, Code, Step};
use super::python::{answer, arithmetic, docstring, elements, numbers};
use super::words::{Form, Language, Said, Writer, binds};
use crate::Error;
use crate::prim::Prim;

struct Sympy;

impl Language for Sympy {
    fn name(&self) -> &'static str {
        "SymPy"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        let call = |name| Some(Form::Call(name));
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::NumEq => call("sp.Eq"),
            Prim::IsZero => text("sp.Eq({a}, 0)"),
            Prim::IsPositive => text("sp.Gt({a}, 0)"),
            Prim::IsNegative => text("sp.Lt({a}, 0)"),
            Prim::Lt => call("sp.Lt"),
            Prim::Gt => call("sp.Gt"),
            Prim::Le => call("sp.Le"),
            Prim::Ge => call("sp.Ge"),
            Prim::Not => call("sp.Not"),
            Prim::Both => call("sp.And"),
            Prim::Either => call("sp.Or"),
            Prim::Abs => call("sp.Abs"),
            Prim::Floor => call("sp.floor"),
            Prim::Ceiling => call("sp.ceiling"),
            Prim::Sin => call("sp.sin"),
            Prim::Cos => call("sp.cos"),
            Prim::Tan => call("sp.tan"),
            Prim::Asin => call("sp.asin"),
            Prim::Acos => call("sp.acos"),
            Prim::Atan => call("sp.atan"),
            Prim::Sinh => call("sp.sinh"),
            Prim::Cosh => call("sp.cosh"),
            Prim::Tanh => call("sp.tanh"),
            Prim::Exp => call("sp.exp"),
            Prim::Ln | Prim::LogBase => call("sp.log"),
            Prim::Sqrt | Prim::NormAtZero => call("sp.sqrt"),
            Prim::Square => text("({a}) ** 2"),
            Prim::Sigmoid => text("(1 / (1 + sp.exp(-({a}))))"),
            Prim::Softplus => text("sp.log(1 + sp.exp({a}))"),
            Prim::LogSigmoid => text("(-sp.log(1 + sp.exp(-({a}))))"),
            Prim::Log1p => text("sp.log(1 + ({a}))"),
            Prim::Expm1 => text("(sp.exp({a}) - 1)"),
            Prim::Log1mexp => text("sp.log(1 - sp.exp({a}))"),
            Prim::Logit => text("sp.log(({a}) / (1 - ({a})))"),
            Prim::Exp2 => text("2 ** ({a})"),
            Prim::Log2 => text("sp.log({a}, 2)"),
            Prim::Log10 => text("sp.log({a}, 10)"),
            Prim::Asinh => call("sp.asinh"),
            Prim::Acosh => call("sp.acosh"),
            Prim::Atanh => call("sp.atanh"),
            Prim::Cbrt => text("(sp.sign({a}) * sp.Abs({a}) ** sp.Rational(1, 3))"),
            Prim::Sinc => call("sp.sinc"),
            Prim::Erf => call("sp.erf"),
            Prim::Erfc => call("sp.erfc"),
            Prim::LogNormalCdf => text("sp.log(sp.erfc(-({a}) / sp.sqrt(2)) / 2)"),
            Prim::Lgamma => call("sp.loggamma"),
            Prim::Digamma => call("sp.digamma"),
            Prim::Trigamma => call("sp.trigamma"),
            Prim::Lbeta => {
                text("(sp.loggamma({a}) + sp.loggamma({b}) - sp.loggamma(({a}) + ({b})))")
            }
            Prim::Sign => call("sp.sign"),
            Prim::Detach | Prim::StraightThrough => text("({a})"),
            Prim::Min => call("sp.Min"),
            Prim::Max => call("sp.Max"),
            Prim::FloorQuotient => text("sp.floor(({a}) / ({b}))"),
            Prim::Modulo => call("sp.Mod"),
            Prim::Atan2 => call("sp.atan2"),
            Prim::Pow => text("({a}) ** ({b})"),
            Prim::Hypot => text("sp.sqrt(({a}) ** 2 + ({b}) ** 2)"),
            _ => arithmetic(prim),
        }
    }

    fn number(&self, x: f64) -> Said {
        // A whole number is exact, and reads better.
        if x.fract() == 0.0 && x.abs() < 1e15 && !(x == 0.0 && x.is_sign_negative()) {
            let tightness = if x < 0.0 { binds::SIGN } else { binds::WHOLE };
            return Said {
                binds: tightness,
                ..Said::whole(format!("sp.Integer({x})"))
            };
        }
        if x.is_infinite() {
            return Said::whole(if x > 0.0 { "sp.oo" } else { "(-sp.oo)" });
        }
        super::python::number(x, "sp")
    }

    fn bool(&self, holds: bool) -> Said {
        Said::whole(if holds { "sp.true" } else { "sp.false" })
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, is_bool: bool) -> Said {
        let text = if is_bool {
            format!("sp.ITE({}, {}, {})", test.text, then.text, otherwise.text)
        } else {
            format!(
                "sp.Piecewise(({}, {}), ({}, True))",
                then.text, test.text, otherwise.text
            )
        };
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let table = table.split('\0').next().unwrap_or_default();
        let text = format!(
            "sp.Piecewise(*((x, sp.Eq({}, i)) for i, x in enumerate({table})))",
            index.text
        );
        Said::of(text, binds::WHOLE, &[index])
    }
}

/// The function.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    super::formula::check(code, "SymPy", source)?;
    let reserved = super::python::reserved(&["sp", "x_"], name);
    let mut writer = Writer::new(Sympy, code, &reserved, source);
    let argument = |(given, name): (&super::code::Given, &String)| match given.default {
        Some(x) if x.is_finite() => format!("{name}={x:?}"),
        Some(x) => format!("{name}=sp.Float(\"{x}\")"),
        None if given.form == super::code::Form::Number => {
            format!("{name}=sp.Symbol(\"{name}\", real=True)")
        }
        None => name.clone(),
    };
    // Python wants arguments without defaults first.
    let mut given: Vec<_> = code.given.iter().zip(&writer.inputs).collect();
    given.sort_by_key(|(given, _)| given.form == super::code::Form::Number);
    let signature: Vec<String> = given.into_iter().map(argument).collect();
    writer.line(format!("def {name}({}):", signature.join(", ")));
    writer.indent = 4;
    docstring(
        &mut writer,
        "A program as dmci exports it: an expression of its arguments, symbols or numbers.",
    );
    let start = writer.out.len();
    elements(&mut writer, "");
    steps(&mut writer, &code.steps, &code.answer.atoms())?;
    let back = answer(
        &mut writer,
        &code.answer,
        &|numbers, shape| match shape.split_once(", ") {
            Some((rows, columns)) => {
                let (rows, columns) = (rows.trim_start_matches('('), columns.trim_end_matches(')'));
                format!("sp.Matrix({rows}, {columns}, {numbers})")
            }
            None => format!("sp.Matrix({numbers})"),
        },
    )?;
    let body = writer.out.split_off(start);
    for (table, all) in writer.tables.clone() {
        writer.line(format!("{table} = {}", numbers(&all)));
    }
    writer.out.push_str(&body);
    writer.line(format!("return {back}"));
    Ok(format!("import sympy as sp\n\n\n{}", writer.out))
}

fn steps(writer: &mut Writer<'_, Sympy>, all: &[Step], results: &[Atom]) -> Result<(), Error> {
    writer.steps(all, results, &mut branch)
}

/// An `if`, as arms and what is chosen of them; nothing else is no single expression.
fn branch(writer: &mut Writer<'_, Sympy>, step: &Step) -> Result<(), Error> {
    let Step::If {
        vars,
        test,
        then,
        otherwise,
    } = step
    else {
        return Ok(());
    };
    let said = writer.atom_as(*test, true);
    let test = writer.names.fresh("test");
    writer.line(format!("{test} = {}", said.text));
    let mut arms = Vec::new();
    for arm in [then, otherwise] {
        steps(writer, &arm.steps, &arm.results)?;
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
        let is_bool = writer.is_bool(var);
        let parts = [&test, &arms[0][at], &arms[1][at]].map(|text| Said::whole(text.clone()));
        let said = writer
            .language
            .select(&parts[0], &parts[1], &parts[2], is_bool);
        let name = writer.name(var);
        writer.line(format!("{name} = {}", said.text));
    }
    Ok(())
}
