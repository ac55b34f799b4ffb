//! Programs as text in other languages: LaTeX, `SymPy`, `NumPy`, `PyTorch`, JAX, C and plain Scheme.
//!
//! A model, a target and what its inputs look like go in; the text of a function comes out, whose arguments are the
//! inputs by name, and whose params have their values as defaults.
//!
//! `partial` follows the program without its inputs' numbers and writes down what is left as `code`: arithmetic,
//! branches and loops; each target then says that in its own words.
//!
//! **Invariants**
//! - What is exported computes what the program computes, or the program is refused, with the reason and the place.
//! - Work is bounded, whatever the program does.
//!
//! ```
//! use dmci::Interpreter;
//! use dmci::export::{ExportOptions, Target, export};
//!
//! let model = Interpreter::embedded().model("(param a 2.5) (param b 0.8) (* a (exp (* (- b) x)))")?;
//! let text = export(&model, Target::Numpy, &ExportOptions::default())?;
//! assert!(text.contains("def program(x, a=2.5, b=0.8):"));
//! assert!(text.contains("return a * np.exp(-b * x)"));
//! # Ok::<(), dmci::Error>(())
//! ```

mod adjoint;
mod arrays;
mod branches;
mod c;
mod code;
mod count;
mod formula;
mod jax;
mod latex;
mod loops;
mod names;
mod numpy;
mod partial;
mod python;
mod scheme;
mod structure;
mod sympy;
#[cfg(test)]
mod tests;
mod tidy;
mod torch;
mod value;
mod words;

use self::code::{Answer, Atom, Code, Form, Given};
use self::partial::{Partial, Stop};
use self::value::Val;
use crate::model::bindings::{Bindings, Input};
use crate::model::interpreter::{input_names, prelude};
use crate::syntax::{ExpandError, Goal};
use crate::{Error, EvalError, Kind, Model};
use std::rc::Rc;
use std::sync::Arc;

/// A language that programs are exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Formulas, for papers.
    Latex,
    /// Expressions of `SymPy`.
    Sympy,
    /// A function of `NumPy`, whose arguments broadcast.
    Numpy,
    /// A function of `PyTorch`.
    Torch,
    /// A function of JAX.
    Jax,
    /// A function of C99, and its vector-Jacobian product.
    C,
    /// A procedure of R7RS-small.
    Scheme,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Latex,
        Self::Sympy,
        Self::Numpy,
        Self::Torch,
        Self::Jax,
        Self::C,
        Self::Scheme,
    ];

    /// What it is called, on the command line too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latex => "latex",
            Self::Sympy => "sympy",
            Self::Numpy => "numpy",
            Self::Torch => "torch",
            Self::Jax => "jax",
            Self::C => "c",
            Self::Scheme => "scheme",
        }
    }

    /// The target of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Whether it has loops.
    fn has_loops(self) -> bool {
        !matches!(self, Self::Latex | Self::Sympy)
    }
}

/// What is exported of a program.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// What the function is called.
    pub name: String,
    /// What inputs look like that are no numbers: a vector, matrix or list of the size that they have.
    pub inputs: Bindings,
    /// Values of params and inputs, such as a fit's estimates: the defaults of the function's arguments.
    pub values: Vec<(String, f64)>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            name: "program".into(),
            inputs: Bindings::new(),
            values: Vec::new(),
        }
    }
}

/// The text of a program in another language.
///
/// # Errors
/// [`Error::Expand`] with the kind `unsupported`, the reason and the place, where the program cannot be said in the
/// target; [`Error::Eval`] where it fails whatever its inputs are; [`Error::Request`] where options name what the
/// program has not, or the model has no text.
pub fn export(model: &Model, target: Target, options: &ExportOptions) -> Result<String, Error> {
    check_name(&options.name)?;
    let code = code_of(model, target.has_loops(), options)?;
    let name = &options.name;
    match target {
        Target::Latex => latex::text(&code, name, model.text()),
        Target::Sympy => sympy::text(&code, name, model.text()),
        Target::Numpy => numpy::text(&code, name, model.text()),
        Target::Torch => torch::text(&code, name, model.text()),
        Target::Jax => jax::text(&code, name, model.text()),
        Target::C => c::text(
            &code,
            name,
            model.text(),
            &adjoint::body(&code, name, model.text())?,
        ),
        Target::Scheme => scheme::text(&code, name, model.text()),
    }
}

fn request<T>(message: String) -> Result<T, Error> {
    Err(Error::Request(message))
}

fn check_name(name: &str) -> Result<(), Error> {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.len() <= 60
    {
        return Ok(());
    }
    request(format!(
        "`{}` is no name of a function: letters, digits and _ make one, of 60 at most",
        crate::error::cut(name)
    ))
}

/// What a program computes of numbers.
fn code_of(model: &Model, keeps_loops: bool, options: &ExportOptions) -> Result<Code, Error> {
    let Some(interpreter) = model.interpreter() else {
        return request("a compiled program is not exported; give its source".into());
    };
    let relaxation = model.relaxation();
    if relaxation.hard || relaxation.gumbel_seed.is_some() {
        return request(
            "choices that are hard or noisy are not exported; only the temperature is".into(),
        );
    }
    let mut given = model.given();
    for name in options.inputs.names() {
        if !given.contains(&name) {
            given.push(name);
        }
    }
    let program = interpreter.expand_for(model.text(), &given, model.mode(), Goal::Value)?;
    let names = input_names(&program, &given);
    for name in options
        .inputs
        .names()
        .chain(options.values.iter().map(|(name, _)| name.as_str()))
    {
        if !names.iter().any(|known| known == name) {
            let known = if names.is_empty() {
                "it has none".into()
            } else {
                format!("it has {}", names.join(", "))
            };
            return request(format!(
                "the program has no input or param `{}`; {known}",
                crate::error::cut(name)
            ));
        }
    }
    let error = |stop| error_of(stop, model.text());
    let prelude = prelude()?;
    let mut partial = Partial::new(&program, &prelude, keeps_loops).map_err(error)?;
    partial.temperature = relaxation.temperature;
    let mut all = Vec::new();
    for name in names {
        let param = program.params().iter().find(|param| param.name == name);
        let value = options
            .values
            .iter()
            .rev()
            .find(|(other, _)| *other == name);
        let default = value
            .map(|(_, value)| *value)
            .or(param.map(|param| param.init));
        let form = match options.inputs.get(&name) {
            None | Some(Input::Number(_)) => Form::Number,
            Some(Input::List(items)) => Form::List(items.len()),
            Some(array) => match array.shape()? {
                Some(shape) => Form::Array(shape),
                None => Form::Number,
            },
        };
        if form != Form::Number && default.is_some() {
            return request(format!(
                "`{name}` has a number as its value, and is given as no number"
            ));
        }
        if form.len() > 1_000_000 {
            return request(format!(
                "`{name}` has {} numbers; each is written down, so there are too many",
                form.len()
            ));
        }
        all.push(Given {
            name,
            form,
            vars: Vec::new(),
            default,
        });
    }
    // Those that have values come last, as languages want it; else the order is the program's.
    let place = |name: &str| model.inputs().iter().position(|own| own == name);
    all.sort_by_key(|given| {
        (
            given.default.is_some(),
            place(&given.name).unwrap_or(usize::MAX),
        )
    });
    for (input, given) in all.iter_mut().enumerate() {
        for place in 0..given.form.len() {
            let var = partial.builder.var(false);
            partial.of_input.insert(var.0, (input, place));
            given.vars.push(var);
        }
        let atoms = given.vars.iter().map(|&var| Atom::Var(var));
        let value = match given.form {
            Form::Number => Val::float(Atom::Var(given.vars[0])),
            Form::Array(shape) => Val::Array(Rc::new((shape, atoms.collect()))),
            Form::List(_) => Val::list(atoms.map(Val::float).collect::<Vec<_>>()),
        };
        partial.inputs.insert(given.name.clone(), value);
    }
    let value = partial.run_program().map_err(error)?;
    let whole = program.span(program.root);
    let answer = answer_of(&value).map_err(|what| {
        error(Stop::Export(
            format!("the program's value is or holds {what}, and only numbers are exported"),
            whole,
        ))
    })?;
    let notes = std::mem::take(&mut partial.notes);
    let (steps, vars) = partial.builder.finish();
    let mut code = Code {
        given: all,
        steps,
        answer,
        vars,
        notes,
    };
    tidy::tidy(&mut code);
    Ok(code)
}

fn error_of(stop: Stop, text: &str) -> Error {
    match stop {
        Stop::Export(message, span) => Error::Expand(ExpandError {
            kind: Kind::Unsupported,
            message,
            span,
            also: Vec::new(),
        }),
        Stop::Program(kind, message, span) => {
            let mut error = EvalError::new(kind, message);
            error.span = Some(span);
            error.position = Some(span.position(text));
            Error::Eval(Arc::new(error))
        }
    }
}

/// What a value is made of; what it holds that is no number otherwise.
fn answer_of(value: &Val) -> Result<Answer, String> {
    match value {
        Val::Number(atom, _) => Ok(Answer::Number(*atom)),
        Val::Bool(atom) => Ok(Answer::Bool(*atom)),
        Val::Array(array) => Ok(Answer::Array(array.0, array.1.clone())),
        Val::Nil | Val::Pair(_) => match value.items() {
            Some(items) => {
                let items = items.iter().map(|item| value::deeper(|| answer_of(item)));
                Ok(Answer::List(items.collect::<Result<_, _>>()?))
            }
            None => Err(value.kind()),
        },
        other => Err(other.kind()),
    }
}
