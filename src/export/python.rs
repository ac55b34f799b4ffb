//! What the targets in Python have in common: words, signatures, and values given back.
//!
//! **Invariants**
//! - A line of a docstring holds nothing that ends it.

use super::code::{Answer, Code, Form as InputForm, Given};
use super::words::{Form, Language, Said, Writer, binds};
use crate::Error;
use crate::prim::Prim;
use crate::prim::linalg::Shape;

/// Words that no variable may have: Python's, those of the modules, and a function's own.
pub(super) fn reserved<'n>(own: &[&'static str], name: &'n str) -> Vec<&'n str> {
    RESERVED.iter().chain(own).copied().chain([name]).collect()
}

const RESERVED: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield", "np", "jnp", "jax", "lax", "torch", "special", "float", "int", "range",
    "bool", "list", "print", "self", "state", "last",
];

/// A number in Python.
pub(super) fn number(x: f64, module: &str) -> Said {
    let text = if x.is_nan() {
        format!("{module}.nan")
    } else if x.is_infinite() {
        let sign = if x < 0.0 { "-" } else { "" };
        format!("{sign}{module}.inf")
    } else {
        format!("{x:?}")
    };
    let tightness = if x.is_sign_negative() && !x.is_nan() {
        binds::SIGN
    } else {
        binds::WHOLE
    };
    Said {
        binds: tightness,
        ..Said::whole(text)
    }
}

pub(super) fn bool_(holds: bool) -> Said {
    Said::whole(if holds { "True" } else { "False" })
}

/// What all of them say alike.
pub(super) fn arithmetic(prim: Prim) -> Option<Form> {
    Some(match prim {
        Prim::Add => Form::Infix("+", binds::SUM, false),
        Prim::Sub => Form::Infix("-", binds::SUM, false),
        Prim::Mul => Form::Infix("*", binds::PRODUCT, false),
        Prim::Div => Form::Infix("/", binds::PRODUCT, false),
        Prim::Neg => Form::Prefix("-", binds::SIGN),
        Prim::IsZero => Form::Text("({a}) == 0", binds::COMPARISON),
        Prim::IsPositive => Form::Text("({a}) > 0", binds::COMPARISON),
        Prim::IsNegative => Form::Text("({a}) < 0", binds::COMPARISON),
        Prim::NumEq => Form::Infix("==", binds::SUM, true),
        Prim::Lt => Form::Infix("<", binds::SUM, true),
        Prim::Gt => Form::Infix(">", binds::SUM, true),
        Prim::Le => Form::Infix("<=", binds::SUM, true),
        Prim::Ge => Form::Infix(">=", binds::SUM, true),
        _ => return None,
    })
}

/// `name, name=value`, and what is called how.
pub(super) fn signature(code: &Code, inputs: &[String]) -> String {
    let argument = |(given, name): (&Given, &String)| match given.default {
        Some(x) if x.is_finite() => format!("{name}={x:?}"),
        Some(x) => format!("{name}=float(\"{x}\")"),
        None => name.clone(),
    };
    code.given
        .iter()
        .zip(inputs)
        .map(argument)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The docstring: what it is, what was renamed, what arrays look like, what holds only sometimes.
pub(super) fn docstring<L: Language>(writer: &mut Writer<'_, L>, what: &str) {
    let mut lines = Vec::new();
    for (given, name) in writer.code.given.iter().zip(&writer.inputs) {
        let form = match &given.form {
            InputForm::Number => String::new(),
            InputForm::Array(shape) => format!(": {shape}"),
            InputForm::List(len) => format!(": a list of {len}, as an array"),
        };
        let renamed = given.name != *name;
        if renamed || !form.is_empty() {
            let of = if renamed {
                format!(" (`{}` in the program)", clean(&given.name))
            } else {
                String::new()
            };
            lines.push(format!("{name}{of}{form}."));
        }
    }
    lines.extend(
        writer
            .code
            .notes
            .iter()
            .map(|note| format!("{}.", clean(note))),
    );
    if lines.is_empty() {
        writer.line(format!("\"\"\"{what}\"\"\""));
        return;
    }
    writer.line(format!("\"\"\"{what}"));
    writer.line("");
    for line in lines {
        writer.line(line);
    }
    writer.line("\"\"\"");
}

/// Text that ends no docstring or comment, and escapes nothing.
pub(super) fn clean(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || c == '\\' || c == '"' {
            '\''
        } else {
            c
        }
    };
    text.chars()
        .map(plain)
        .collect::<String>()
        .replace("*/", "* /")
}

/// Calls numbers of arrays by their places.
pub(super) fn elements<L: Language>(writer: &mut Writer<'_, L>, lead: &str) {
    for at in 0..writer.code.given.len() {
        let given = &writer.code.given[at];
        let name = writer.inputs[at].clone();
        let columns = match given.form {
            InputForm::Number => continue,
            InputForm::Array(Shape::Matrix(_, columns)) => Some(columns),
            InputForm::Array(Shape::Vector(_)) | InputForm::List(_) => None,
        };
        for (place, &var) in given.vars.clone().iter().enumerate() {
            let text = match columns {
                Some(columns) => format!("{name}[{lead}{}, {}]", place / columns, place % columns),
                None => format!("{name}[{lead}{place}]"),
            };
            writer.element(var, text);
        }
    }
}

/// Whether an input is an array.
pub(super) fn is_array(given: &Given) -> bool {
    given.form != InputForm::Number
}

/// What a function gives back: `array` makes an array of numbers and a shape.
pub(super) fn answer<L: Language>(
    writer: &mut Writer<'_, L>,
    answer: &Answer,
    array: &dyn Fn(&str, &str) -> String,
) -> Result<String, Error> {
    Ok(match answer {
        Answer::Number(atom) => writer.atom(*atom).text,
        Answer::Bool(atom) => writer.atom_as(*atom, true).text,
        Answer::Array(shape, atoms) => {
            let numbers: Vec<String> = atoms.iter().map(|&atom| writer.atom(atom).text).collect();
            let shape = match shape {
                Shape::Vector(n) => format!("({n},)"),
                Shape::Matrix(rows, columns) => format!("({rows}, {columns})"),
            };
            array(&format!("[{}]", numbers.join(", ")), &shape)
        }
        Answer::List(items) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                all.push(super::value::deeper(|| self::answer(writer, item, array))?);
            }
            format!("[{}]", all.join(", "))
        }
    })
}

/// `a, b = x, y`.
pub(super) fn assigned(names: &[String], values: &[String]) -> String {
    format!("{} = {}", names.join(", "), values.join(", "))
}

/// A list of numbers, for a table.
pub(super) fn numbers(all: &[f64]) -> String {
    let all: Vec<String> = all
        .iter()
        .map(|&x| {
            if x.is_finite() {
                format!("{x:?}")
            } else {
                format!("float(\"{x}\")")
            }
        })
        .collect();
    format!("[{}]", all.join(", "))
}
