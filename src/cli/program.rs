//! What the commands have in common: which program, which inputs, which machine.
//!
//! Arguments go in; a [`Prepared`] program with its inputs and what to warn of comes out.
//!
//! **Invariants**
//! - A file that cannot be had is told in one line that begins with its name.
//! - `--input` wins over `--inputs`.
//! - A file is taken for a compiled program when its name ends in `.ncg` or its text begins as
//!   those files do.

use super::report::{Caution, Failure, Source};
use crate::engine::Limits;
use crate::graph::{Graph, GraphConstant, ncg};
use crate::prim::Prim;
use crate::source::{Position, Span};
use crate::syntax::ast::{Constant, Expr};
use crate::syntax::{Goal, Program};
use crate::{Bindings, Interpreter, Mode, Model, nearest};
use clap::{Args, ValueEnum};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Which program.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct ProgramArgs {
    /// File with the program or, as `dmci compile` writes it, the compiled program; `-` for
    /// standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The program itself
    #[arg(
        short = 'e',
        long = "expr",
        value_name = "EXPR",
        allow_hyphen_values = true
    )]
    expression: Option<String>,
}

/// What the names of a program stand for.
#[derive(Args, Clone, Debug)]
pub(super) struct InputArgs {
    /// Give an input or param a value, such as a=2.5, x=1e-3, y=inf; may be repeated
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE", value_parser = assignment)]
    input: Vec<(String, f64)>,

    /// Give inputs as a JSON object, such as '{"a":2.5,"x":"inf"}', or as a file with one
    #[arg(long, value_name = "JSON|@FILE")]
    inputs: Option<String>,
}

/// What runs the program.
#[derive(Args, Clone, Debug)]
pub(super) struct MachineArgs {
    /// How to run it; values and gradients are the same in every mode
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<ModeArg>,

    /// Interpreter to run it with, as `dmci compile --interpreter` writes it
    #[arg(long, value_name = "FILE")]
    interpreter: Option<PathBuf>,
}

/// `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArg {
    /// The compiled interpreter runs the program (the default)
    Interpreter,
    /// The program is compiled to a graph of its own
    Direct,
    /// The interpreter runs itself, running the program
    Nested,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Interpreter => Self::Interpreter,
            ModeArg::Direct => Self::Direct,
            ModeArg::Nested => Self::Nested,
        }
    }
}

/// How far the program may go.
#[derive(Args, Clone, Debug)]
pub(super) struct LimitArgs {
    /// Stop the program after so many applications of procedures
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,
}

impl LimitArgs {
    pub(super) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            fuel: self.fuel.unwrap_or(defaults.fuel),
            ..defaults
        }
    }
}

/// A program as it is given.
#[derive(Debug)]
pub(super) enum Loaded {
    /// Text to be expanded.
    Text(Source),
    /// A graph, with the text it was compiled from.
    Compiled(Box<Graph>, Source),
}

impl ProgramArgs {
    /// The program of a file.
    pub(super) fn of(file: &Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            expression: None,
        }
    }

    /// Reads the program.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let file = match (&self.expression, &self.file) {
            (Some(text), _) => {
                return Ok(Loaded::Text(Source {
                    name: "<expression>".into(),
                    text: text.as_str().into(),
                }));
            }
            (None, Some(file)) => file,
            (None, None) => {
                let message = "give a FILE with the program, or the program itself with -e";
                return Err(Failure::Usage(message.into()));
            }
        };
        let (name, text) = if file.as_os_str() == "-" {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::Data(format!("standard input: {error}")))?;
            ("<stdin>".to_owned(), utf8("<stdin>", bytes)?)
        } else {
            (file.display().to_string(), read_text(file)?)
        };
        let named = file.extension().is_some_and(|extension| extension == "ncg");
        if named || text.starts_with("{\"format\":") {
            let graph =
                ncg::read(&text).map_err(|error| Failure::file(Path::new(&name), &error))?;
            let source = Source::of_compiled(&name, graph.text.clone());
            return Ok(Loaded::Compiled(Box::new(graph), source));
        }
        let text = text.into();
        Ok(Loaded::Text(Source { name, text }))
    }
}

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Err(Failure::Data(format!("{name}: a directory; give a file")));
    }
    match std::fs::read(path) {
        Ok(bytes) => utf8(&name, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::Data(format!("{name}: no such file")))
        }
        Err(error) => Err(Failure::Data(format!("{name}: cannot be read: {error}"))),
    }
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..valid];
        let line = before.split(|&byte| byte == b'\n').count();
        Failure::Data(format!("{name}:{line}: not UTF-8 text"))
    })
}

impl InputArgs {
    /// The inputs given.
    pub(super) fn bindings(&self) -> Result<Bindings, Failure> {
        let mut bindings = match &self.inputs {
            Some(json) => match json.strip_prefix('@') {
                Some(file) => {
                    let text = read_text(Path::new(file))?;
                    let said = |error| Failure::Data(format!("{file}: {error}"));
                    bindings_of(&text).map_err(said)?
                }
                None => bindings_of(json)
                    .map_err(|error| Failure::Usage(format!("--inputs: {error}")))?,
            },
            None => Bindings::new(),
        };
        for (index, (name, value)) in self.input.iter().enumerate() {
            if self.input[..index].iter().any(|(other, _)| other == name) {
                let message = format!("--input: `{name}` is given twice; give it once");
                return Err(Failure::Usage(message));
            }
            bindings.set(name, *value);
        }
        Ok(bindings)
    }
}

/// Inputs of a JSON object.
fn bindings_of(json: &str) -> Result<Bindings, String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)
        .map_err(|error| format!("{error}; write a JSON object such as {{\"a\":2.5}}"))?;
    let number = |(name, value): (String, serde_json::Value)| {
        let number = match &value {
            serde_json::Value::Number(number) => number.as_f64(),
            serde_json::Value::String(text) => match text.as_str() {
                "inf" => Some(f64::INFINITY),
                "-inf" => Some(f64::NEG_INFINITY),
                "nan" => Some(f64::NAN),
                _ => None,
            },
            _ => None,
        };
        number.map(|number| (name.clone(), number)).ok_or_else(|| {
            format!(
                "the input `{name}` is {value}; inputs are numbers, \"inf\", \"-inf\" or \"nan\""
            )
        })
    };
    object.into_iter().map(number).collect()
}

/// `name=value` of an argument.
pub(super) fn assignment(argument: &str) -> Result<(String, f64), String> {
    // A name may hold the sign, as `<=` does; a number cannot.
    let Some((name, value)) = argument.rsplit_once('=') else {
        return Err("write NAME=VALUE, such as a=2.5".into());
    };
    if name.is_empty() {
        return Err("there is no name before `=`; write NAME=VALUE, such as a=2.5".into());
    }
    let value = match value {
        "+inf.0" => f64::INFINITY,
        "-inf.0" => f64::NEG_INFINITY,
        "+nan.0" | "-nan.0" => f64::NAN,
        value => value.parse().map_err(|_| {
            format!("`{value}` is not a number; write NAME=VALUE, such as {name}=2.5, {name}=1e-3 or {name}=inf")
        })?,
    };
    Ok((name.into(), value))
}

impl MachineArgs {
    /// The interpreter asked for; else the one that the program comes with.
    pub(super) fn interpreter(&self) -> Result<Interpreter, Failure> {
        interpreter(self.interpreter.as_deref())
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode.map_or(Mode::default(), Mode::from)
    }

    /// Refuses what means nothing to a compiled program.
    pub(super) fn check_compiled(&self) -> Result<(), Failure> {
        if self.mode.is_some_and(|mode| mode != ModeArg::Direct) {
            let message = "a compiled program runs in mode direct alone; give its source instead, \
                           or leave --mode out";
            return Err(Failure::Usage(message.into()));
        }
        if self.interpreter.is_some() {
            let message = "a compiled program runs without interpreter; leave --interpreter out";
            return Err(Failure::Usage(message.into()));
        }
        Ok(())
    }
}

/// The interpreter of a file; without file, the one that the program comes with.
pub(super) fn interpreter(file: Option<&Path>) -> Result<Interpreter, Failure> {
    let Some(file) = file else {
        return Ok(Interpreter::embedded());
    };
    Interpreter::load(file).map_err(|error| match error {
        crate::Error::Ncg(error) => Failure::file(file, &error),
        error => Failure::Data(format!("{}: {error}", file.display())),
    })
}

/// A program ready to run.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) model: Model,
    pub(super) source: Source,
    pub(super) cautions: Vec<Caution>,
}

/// Prepares a program for inputs.
pub(super) fn prepare(
    program: &ProgramArgs,
    bindings: &Bindings,
    machine: &MachineArgs,
) -> Result<Prepared, Failure> {
    match program.load()? {
        Loaded::Text(source) => {
            let interpreter = machine.interpreter()?;
            let names: Vec<&str> = bindings.names().collect();
            let expanded = interpreter
                .expand(&source.text, &names, Goal::Value)
                .map_err(Failure::of(&source))?;
            let model = interpreter
                .model_for(&source.text, bindings, machine.mode())
                .map_err(Failure::of(&source))?;
            let mut cautions = unused_inputs(bindings, &names_used(&expanded));
            cautions.extend(cautions_of(&expanded, &interpreter, &names));
            Ok(Prepared {
                model,
                source,
                cautions,
            })
        }
        Loaded::Compiled(graph, source) => {
            machine.check_compiled()?;
            check_program(&graph, &source)?;
            let used: Vec<&str> = graph.inputs.iter().map(String::as_str).collect();
            let mut cautions = unused_inputs(bindings, &used);
            cautions.extend(missing_inputs(&graph, bindings));
            Ok(Prepared {
                model: Model::from_graph(&graph).map_err(Failure::of(&source))?,
                source,
                cautions,
            })
        }
    }
}

/// Refuses an interpreter where a program should be.
fn check_program(graph: &Graph, source: &Source) -> Result<(), Failure> {
    if Interpreter::from_graph(graph.clone()).is_ok() {
        let file = source.file();
        let message = format!("{file}: an interpreter, not a program; give it with --interpreter");
        return Err(Failure::Data(message));
    }
    Ok(())
}

/// The inputs of a compiled program that have no value.
fn missing_inputs(graph: &Graph, bindings: &Bindings) -> Vec<Caution> {
    let has_value = |name: &str| {
        bindings.get(name).is_some() || graph.params.iter().any(|param| param.name == name)
    };
    let missing = graph.inputs.iter().filter(|name| !has_value(name));
    let caution = |name: &String| Caution {
        message: format!("the input `{name}` has no value"),
        span: None,
        name: Some(name.clone()),
        help: Some(help_with_input(name)),
    };
    missing.map(caution).collect()
}

fn help_with_input(name: &str) -> String {
    format!("if `{name}` is an input, give its value: --input {name}=1.5")
}

/// The inputs that a program's text uses.
fn names_used(program: &Program) -> Vec<&str> {
    let params = program.params().iter().map(|param| param.name.as_str());
    program
        .free_names()
        .map(|(name, _)| name)
        .chain(params)
        .collect()
}

fn unused_inputs(bindings: &Bindings, used: &[&str]) -> Vec<Caution> {
    let unused = bindings.names().filter(|name| !used.contains(name));
    let caution = |name: &str| {
        let free = used
            .iter()
            .copied()
            .filter(|other| bindings.get(other).is_none());
        let near = near(name, free);
        let hint = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
        Caution {
            message: format!("the program does not use the input `{name}`{hint}"),
            span: None,
            name: None,
            help: None,
        }
    };
    unused.map(caution).collect()
}

/// What may go wrong with a program: wrong numbers of arguments, names that nothing defines.
pub(super) fn cautions_of(
    program: &Program,
    interpreter: &Interpreter,
    given: &[&str],
) -> Vec<Caution> {
    let warnings = program.warnings().iter().map(|warning| Caution {
        message: warning.message.clone(),
        span: Some(warning.span),
        name: None,
        help: None,
    });
    let mut cautions: Vec<Caution> = warnings.collect();
    for (name, span) in program.free_names() {
        let is_param = program.params().iter().any(|param| param.name == name);
        if is_param || given.contains(&name) {
            continue;
        }
        let (message, help) = match misspelt(name, program, interpreter) {
            Some(near) => (format!("`{name}` is not defined; is it `{near}`?"), None),
            None => (
                format!("`{name}` is not defined"),
                Some(format!(
                    "if it is an input, give its value: --input {name}=1.5"
                )),
            ),
        };
        cautions.push(Caution {
            message,
            span: Some(span),
            name: Some(name.to_owned()),
            help,
        });
    }
    cautions
}

/// What is wrong with a program whose free names are all inputs: names that look misspelt are told,
/// others not.
pub(super) fn cautions_without_inputs(
    program: &Program,
    interpreter: &Interpreter,
) -> Vec<Caution> {
    let mut cautions = cautions_of(program, interpreter, &[]);
    cautions.retain(|caution| caution.help.is_none());
    cautions
}

/// The closest spelling; a name of one or two letters is close to everything.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() < 3 {
        return None;
    }
    nearest(name, names)
}

/// The primitive, procedure or variable whose spelling is closest to a name that nothing defines.
fn misspelt(name: &str, program: &Program, interpreter: &Interpreter) -> Option<String> {
    let mut known: Vec<&str> = Prim::names().collect();
    let exports = interpreter.graph().exports.iter();
    known.extend(
        exports
            .map(|(name, _)| name.as_str())
            .filter(|name| !name.starts_with('%')),
    );
    let variables = program.vars.iter().map(|var| var.name);
    let visible = variables.filter(|&name| !program.symbols.is_reserved(name));
    known.extend(visible.map(|name| program.symbols.name(name)));
    near(name, known.into_iter().filter(|known| *known != name)).map(str::to_owned)
}

/// The float literals of a program: where `wrt` can name them, and their values.
pub(super) fn literals_of(program: &Program) -> Vec<(Position, f64)> {
    let literals = program.literals.iter();
    let literals = literals.filter_map(|&id| match program.expr(id) {
        Expr::Constant(Constant::Float(value)) => Some((program.span(id), *value)),
        _ => None,
    });
    placed(literals.collect(), program.text())
}

/// The float literals of a compiled program.
pub(super) fn literals_of_graph(graph: &Graph) -> Vec<(Position, f64)> {
    let literals = graph.constants.iter();
    let literals = literals.filter_map(|constant| match constant {
        GraphConstant::Value(Constant::Float(value), Some(span)) => Some((*span, *value)),
        _ => None,
    });
    placed(literals.collect(), &graph.text)
}

/// Positions for spans, in the order of the text, in one pass over it.
fn placed(mut literals: Vec<(Span, f64)>, text: &str) -> Vec<(Position, f64)> {
    literals.sort_by_key(|(span, _)| span.start);
    let mut position = Position { line: 1, column: 1 };
    let mut chars = text.char_indices().peekable();
    let place = |(span, value): (Span, f64)| {
        while let Some((_, c)) = chars.next_if(|&(at, _)| at < span.start as usize) {
            if c == '\n' {
                position.line += 1;
                position.column = 1;
            } else {
                position.column += 1;
            }
        }
        (position, value)
    };
    literals.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_split_at_the_last_sign() {
        assert_eq!(assignment("a=2.5"), Ok(("a".into(), 2.5)));
        assert_eq!(assignment("<==1e-3"), Ok(("<=".into(), 1e-3)));
        assert_eq!(assignment("x=-inf"), Ok(("x".into(), f64::NEG_INFINITY)));
        assert!(assignment("x=nan").is_ok_and(|(_, x)| x.is_nan()));
        for malformed in ["a", "=1", "a=", "a=b", "a=1,5", ""] {
            let message = assignment(malformed).expect_err(malformed);
            assert!(message.contains("NAME=VALUE"), "{message}");
        }
    }

    #[test]
    fn literals_are_placed_in_one_pass() {
        let text = "(é\r\n 1.5\t2.5)";
        let at = |part| Span::new(text.find(part).unwrap() as u32, 0);
        let literals = vec![(at("2.5"), 2.5), (at("1.5"), 1.5)];
        let expected = [("1.5", 1.5), ("2.5", 2.5)].map(|(p, x)| (at(p).position(text), x));
        assert_eq!(placed(literals, text), expected);
    }

    #[test]
    fn inputs_of_json_are_numbers() {
        let bindings = bindings_of(r#"{"a":1,"b":"-inf"}"#).unwrap();
        assert_eq!(
            bindings,
            Bindings::from([("a", 1.0), ("b", f64::NEG_INFINITY)])
        );
        for malformed in [
            "",
            "[1]",
            "{\"a\":[1]}",
            "{\"a\":\"x\"}",
            "{\"a\":null}",
            "{",
        ] {
            assert!(bindings_of(malformed).is_err(), "{malformed}");
        }
    }
}
