//! What the commands have in common: which program, which inputs, which machine.
//!
//! Arguments go in; a [`Prepared`] program with its inputs and what to warn of comes out.
//!
//! **Invariants**
//! - A file that cannot be had is told in one line that begins with its name.
//! - `--input` wins over `--inputs`, and both over `--data`.
//! - A file is taken for a compiled program when its name ends in `.ncg` or its text begins as
//!   those files do.

use super::cautions::{Caution, cautions_of, missing_inputs, names_used, unused_inputs};
use super::data::bind_columns;
use super::report::{Failure, Source};
use crate::graph::{Graph, ncg};
use crate::syntax::Goal;
use crate::walk::Limits;
use crate::{Bindings, Interpreter, MachineError, Mode, Model, Registry, Relaxation, Threads};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
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

    /// Give inputs as a JSON object, such as '{"a":2.5,"v":[1,2]}', or as a file with one: [1,2] is a
    /// vector, [[1,2],[3,4]] a matrix, {"list":[1,2]} a list, and "inf", "-inf" and "nan" are numbers
    #[arg(long, value_name = "JSON|@FILE")]
    inputs: Option<String>,

    /// File with data: its columns are inputs by their names, lists and matrices, as `observe-series`
    /// and `data-matrix` have them
    #[arg(long, value_name = "DATA.csv")]
    data: Option<PathBuf>,
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

    #[command(flatten)]
    models: ModelArgs,

    #[command(flatten)]
    relaxation: RelaxationArgs,
}

/// What the program may call.
#[derive(Args, Clone, Debug)]
pub(super) struct ModelArgs {
    /// Let the program, and other models, call the program of a file as (model "NAME" argument …): its
    /// inputs are the arguments, in the order of their first use; may be repeated
    #[arg(long = "model", value_name = "NAME=FILE", value_parser = named_file)]
    called: Vec<(String, PathBuf)>,

    /// Let the program call the register machine's programs of a library of assembly, each behind a line
    /// `.program NAME`, as (machine "NAME" number …); may be repeated
    #[arg(long = "machines", value_name = "FILE")]
    machines: Vec<PathBuf>,
}

impl ModelArgs {
    /// The interpreter for programs that call these models.
    pub(super) fn with(&self, interpreter: Interpreter) -> Result<Interpreter, Failure> {
        if self.called.is_empty() && self.machines.is_empty() {
            return Ok(interpreter);
        }
        let registry = Registry::new();
        for file in &self.machines {
            let text = read_text(file)?;
            let source = Source {
                name: file.display().to_string(),
                text: text.as_str().into(),
            };
            let inserted = registry.insert_machines(&interpreter, &text);
            inserted.map_err(|error| match error {
                MachineError::Assembly(error) => Failure::assembly(source, error),
                error @ MachineError::Model { .. } => Failure::Data(error.to_string()),
            })?;
        }
        for (name, file) in &self.called {
            if registry.find(name).is_some() {
                let message = format!("--model: `{name}` is given twice; give it once");
                return Err(Failure::Usage(message));
            }
            let Loaded::Text(source) = ProgramArgs::of(file).load(&Limits::new())? else {
                let message = "a compiled program cannot be called; give its source";
                return Err(Failure::Data(format!("{}: {message}", file.display())));
            };
            let model = interpreter.model(&source.text);
            registry.insert(name, model.map_err(Failure::of(&source))?);
        }
        Ok(interpreter.with_models(&registry))
    }
}

/// `name=file` of an argument.
fn named_file(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("write NAME=FILE, such as decay=decay.scm".into()),
    }
}

/// Who shares the work.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ThreadArgs {
    /// How many threads share the work, 1 to 1024; as many as there are processors unless given.
    /// The results are the same
    #[arg(long, value_name = "N", value_parser = thread_count)]
    threads: Option<usize>,
}

impl ThreadArgs {
    pub(super) fn threads(self) -> Threads {
        match self.threads {
            Some(count) => Threads::of(count),
            None => Threads::ALL,
        }
    }

    /// How many they are, whether any was made or not.
    pub(super) fn count(self) -> usize {
        let named = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok();
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.threads
            .or_else(|| named().filter(|&count| count > 0))
            .unwrap_or_else(all)
    }
}

/// How soft choices relax.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct RelaxationArgs {
    /// What soft-choice and soft-if divide weights by; towards 0 choices become sharp
    #[arg(
        long,
        value_name = "T",
        default_value_t = 1.0,
        hide_default_value = true
    )]
    temperature: f64,

    /// Let soft-choice have the value of its heaviest option, with the gradient of the blend
    #[arg(long)]
    hard: bool,

    /// Add Gumbel noise of this seed to the weights of soft-choice
    #[arg(long, value_name = "SEED")]
    gumbel_seed: Option<u64>,
}

/// `--mode`, and the mode of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeArg {
    /// The compiled interpreter runs the program (the default)
    #[default]
    Interpreter,
    /// The program is compiled to a graph of its own
    Direct,
    /// The interpreter runs itself, running the program
    Nested,
    /// dfdx's tensors and its tape run and differentiate the program, slowly: the second opinion
    #[cfg(feature = "dfdx")]
    Reference,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Interpreter => Self::Interpreter,
            ModeArg::Direct => Self::Direct,
            ModeArg::Nested => Self::Nested,
            #[cfg(feature = "dfdx")]
            ModeArg::Reference => Self::Reference,
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

impl Loaded {
    /// The text, that of a compiled program too.
    pub(super) fn source(&self) -> &Source {
        match self {
            Self::Text(source) | Self::Compiled(_, source) => source,
        }
    }
}

impl ProgramArgs {
    /// The program of a file.
    pub(super) fn of(file: &Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            expression: None,
        }
    }

    /// Reads the program, of which there may be so much.
    pub(super) fn load(&self, limits: &Limits) -> Result<Loaded, Failure> {
        let most = limits.text_bytes;
        let file = match (&self.expression, &self.file) {
            (Some(text), _) => {
                if text.len() > most {
                    return Err(too_long("<expression>", most));
                }
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
            let text = read_all("<stdin>", io::stdin().lock(), most)?;
            ("<stdin>".to_owned(), text)
        } else {
            (file.display().to_string(), read_text_within(file, most)?)
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
    read_text_within(path, usize::MAX)
}

/// Reads a text file of so many bytes at the most.
fn read_text_within(path: &Path, most: usize) -> Result<String, Failure> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Err(Failure::Data(format!("{name}: a directory; give a file")));
    }
    match File::open(path) {
        Ok(file) => read_all(&name, file, most),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::Data(format!("{name}: no such file")))
        }
        Err(error) => Err(Failure::Data(format!("{name}: cannot be read: {error}"))),
    }
}

/// Reads a text to its end, or until it is too long: what is read may have no end.
fn read_all(name: &str, from: impl Read, most: usize) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = from
        .take((most as u64).saturating_add(1))
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::Data(format!("{name}: cannot be read: {error}")))?;
    if bytes.len() > most {
        return Err(too_long(name, most));
    }
    utf8(name, bytes)
}

fn too_long(name: &str, most: usize) -> Failure {
    Failure::Data(format!(
        "{name}: the text has more than {most} bytes; --text allows more"
    ))
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
    /// The inputs of a program: those given, and columns of data.
    pub(super) fn bindings(
        &self,
        program: &Loaded,
        machine: &MachineArgs,
    ) -> Result<Bindings, Failure> {
        self.with_data(self.given()?, program.source(), || machine.interpreter())
    }

    /// Some inputs, and beside them the columns of data that the program has a use for.
    pub(super) fn with_data(
        &self,
        mut bindings: Bindings,
        source: &Source,
        interpreter: impl FnOnce() -> Result<Interpreter, Failure>,
    ) -> Result<Bindings, Failure> {
        if let Some(path) = &self.data {
            bind_columns(&mut bindings, path, &interpreter()?, source)?;
        }
        Ok(bindings)
    }

    /// The inputs given one by one.
    pub(super) fn given(&self) -> Result<Bindings, Failure> {
        let mut bindings = match &self.inputs {
            Some(json) => of_json_or_file("--inputs", json, |json| {
                Bindings::from_json(json).map_err(|error| error.to_string())
            })?,
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

/// What the `JSON|@FILE` of an option says; the arguments are at fault where it is wrong, or the file.
pub(super) fn of_json_or_file<T>(
    option: &str,
    argument: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    match argument.strip_prefix('@') {
        Some(file) => parse(&read_text(Path::new(file))?)
            .map_err(|error| Failure::Data(format!("{file}: {error}"))),
        None => parse(argument).map_err(|error| Failure::Usage(format!("{option}: {error}"))),
    }
}

/// The names in the order given, each once.
pub(super) fn distinct<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// A count of an argument.
pub(super) fn at_least_one(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(0) => Err("give 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("give a whole number, 1 or more".into()),
    }
}

/// A number of threads.
pub(super) fn thread_count(argument: &str) -> Result<usize, String> {
    match at_least_one(argument)? {
        1025.. => Err("give 1024 or fewer".into()),
        number => Ok(number),
    }
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
        self.models.with(interpreter(self.interpreter.as_deref())?)
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode.map_or(Mode::default(), Mode::from)
    }

    /// How soft choices relax.
    pub(super) fn relaxation(&self) -> Relaxation {
        self.relaxation.relaxation()
    }

    /// The model with soft choices as asked.
    fn relax(&self, model: &Model) -> Result<Model, Failure> {
        let relaxed = model.with_relaxation(self.relaxation());
        relaxed.map_err(|error| Failure::Usage(error.to_string()))
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

impl RelaxationArgs {
    pub(super) fn relaxation(self) -> Relaxation {
        Relaxation {
            temperature: self.temperature,
            hard: self.hard,
            gumbel_seed: self.gumbel_seed,
        }
    }
}

/// The interpreter of a file; without file, the one that the program comes with.
pub(super) fn interpreter(file: Option<&Path>) -> Result<Interpreter, Failure> {
    let Some(file) = file else {
        let interpreter = Interpreter::embedded();
        // The process ends before it could be of use to take it apart.
        std::mem::forget(interpreter.clone());
        return Ok(interpreter);
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

/// Prepares a program for inputs, within limits.
pub(super) fn prepare(
    program: &Loaded,
    bindings: &Bindings,
    machine: &MachineArgs,
    limits: &Limits,
) -> Result<Prepared, Failure> {
    match program {
        Loaded::Text(source) => {
            let interpreter = machine.interpreter()?.within(limits);
            let names: Vec<&str> = bindings.names().collect();
            let expanded = interpreter
                .expand(&source.text, &names, Goal::Value)
                .map_err(|error| {
                    let partly = interpreter.expand_leniently(&source.text, &names);
                    let cautions = partly.map_or(Vec::new(), |partly| {
                        let mut cautions = cautions_of(&partly, &interpreter, &names);
                        // Calls with a wrong number of arguments are among the errors.
                        cautions.retain(|caution| caution.name.is_some());
                        cautions
                    });
                    Failure::of(source)(error).with_cautions(cautions)
                })?;
            let model = interpreter
                .model_for(&source.text, bindings, machine.mode())
                .map_err(Failure::of(source))?;
            let mut cautions = unused_inputs(bindings, &names_used(&expanded));
            cautions.extend(cautions_of(&expanded, &interpreter, &names));
            Ok(Prepared {
                model: machine.relax(&model)?,
                source: source.clone(),
                cautions,
            })
        }
        Loaded::Compiled(graph, source) => {
            machine.check_compiled()?;
            check_program(graph, source)?;
            let used: Vec<&str> = graph.inputs.iter().map(String::as_str).collect();
            let mut cautions = unused_inputs(bindings, &used);
            cautions.extend(missing_inputs(graph, bindings));
            let model = Model::from_graph(graph).map_err(Failure::of(source))?;
            Ok(Prepared {
                model: machine.relax(&model)?,
                source: source.clone(),
                cautions,
            })
        }
    }
}

/// Refuses an interpreter where a program should be.
pub(super) fn check_program(graph: &Graph, source: &Source) -> Result<(), Failure> {
    if Interpreter::from_graph(graph.clone()).is_ok() {
        let file = source.file();
        let message = format!("{file}: an interpreter, not a program; give it with --interpreter");
        return Err(Failure::Data(message));
    }
    Ok(())
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
}
