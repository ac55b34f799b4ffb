//! The interpreter: the compiled evaluator, and the way from text to a prepared program.
//!
//! Sources or a file go in; an [`Interpreter`] comes out, which prepares program text as a [`Model`].
//!
//! **Invariants**
//! - An [`Interpreter`] and a [`Model`] never change; both are cheap to clone, `Send` and `Sync`.
//! - All modes give the same values, gradients, fuel and errors, to the bit but for the reference
//!   engine's; they differ in cost.
//! - What a caller binds shadows primitives and forms of the same name.
//! - Preparing a program takes no more than the interpreter's limits: bytes of text and of what is made
//!   of it, and the deadline.

use super::callees::Callees;
use super::error::Error;
use super::registry::Registry;
use crate::anf::{Anf, normalize_within, tail_calls};
use crate::error::Kind;
use crate::graph::{self, Graph, Imports, NcgError, ncg};
use crate::meter::{Meter, Overrun};
use crate::model::Model;
use crate::model::bindings::Bindings;
use crate::paths::Workspace;
use crate::prim::Prim;
use crate::symbol::Symbols;
use crate::syntax::ast::Constant;
use crate::syntax::expand::Procedures;
#[cfg(feature = "cli")]
use crate::syntax::expand_leniently;
use crate::syntax::lexpr::from_lexpr;
use crate::syntax::{
    ExpandError, ExpandOptions, Goal, Program, ReadOptions, expand, expand_within, read,
    read_within,
};
use crate::walk::code::Code;
use crate::walk::layout::{CoreProgram, lay_out};
use crate::walk::weights::EVALUATE;
use crate::walk::{Limits, Output};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock};

const PRELUDE: &str = concat!(
    include_str!("../../bootstrap/prelude.scm"),
    include_str!("../../bootstrap/lists.scm"),
    include_str!("../../bootstrap/text.scm"),
    include_str!("../../bootstrap/densities.scm"),
    include_str!("../../bootstrap/roots.scm"),
);
const COMPILER: &str = include_str!("../../bootstrap/compiler.scm");
const EMBEDDED: &[u8] = include_bytes!("../../bootstrap/interpreter.ncg");

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// The compiled evaluator runs the program as data.
    #[default]
    Interpreter,
    /// The program is compiled to a graph of its own.
    Direct,
    /// The compiled evaluator runs the evaluator, as data, on the program.
    Nested,
    /// The program's own graph runs on dfdx's tensors, and dfdx's tape differentiates: the second
    /// opinion. Slow, for small programs; it records no trace.
    #[cfg(feature = "dfdx")]
    Reference,
}

/// What an interpreter's programs may call.
#[derive(Clone, Debug, Default)]
pub(crate) enum Callable {
    /// Nothing.
    #[default]
    Nothing,
    /// The models of a registry, as they are when a program is prepared.
    Live(Registry),
    /// Those that a program was linked with.
    Linked(Arc<Callees>),
}

impl Callable {
    /// The models of some names.
    fn callees(&self, names: &[Arc<str>]) -> Arc<Callees> {
        match self {
            Self::Linked(callees) => callees.clone(),
            Self::Live(registry) if !names.is_empty() => registry.callees(names),
            Self::Live(_) | Self::Nothing => Arc::default(),
        }
    }
}

/// The evaluator, compiled.
#[derive(Clone, Debug)]
pub struct Interpreter {
    pub(crate) inner: Arc<Inner>,
    /// What its programs may call.
    pub(super) callable: Callable,
    /// What preparing a program may take.
    pub(super) limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) graph: Graph,
    pub(crate) code: Code,
    pub(crate) evaluate: u32,
    pub(crate) prelude: Procedures,
    /// The evaluator's source for the inner level of nested mode.
    source: Cow<'static, str>,
    nested: OnceLock<Result<CoreProgram, Error>>,
}

/// Compiles `bootstrap/prelude.scm` and `bootstrap/compiler.scm` to the interpreter.
///
/// # Errors
/// None for the sources that the crate comes with.
pub fn compile_interpreter() -> Result<Interpreter, Error> {
    Interpreter::compile(COMPILER)
}

/// Writes an interpreter's graph to a file.
///
/// # Errors
/// When the file cannot be written; none is left half-written.
pub fn save_compiled(interpreter: &Interpreter, path: impl AsRef<FilePath>) -> Result<(), Error> {
    Ok(ncg::save(&interpreter.inner.graph, path.as_ref())?)
}

/// Reads an interpreter's graph from a file; the same as [`Interpreter::load`].
///
/// # Errors
/// When the file cannot be read, is damaged, or holds no interpreter.
pub fn load_compiled(path: impl AsRef<FilePath>) -> Result<Interpreter, Error> {
    Interpreter::load(path)
}

/// Evaluates a program with the given inputs.
///
/// # Errors
/// Whatever is wrong with the program, with its place.
pub fn evaluate_program(
    interpreter: &Interpreter,
    text: &str,
    bindings: &Bindings,
) -> Result<Output, Error> {
    let model = interpreter.model_for(text, bindings, Mode::Interpreter)?;
    model.value_once(bindings, &Limits::default(), &mut Workspace::new())
}

/// Compiles a program to a graph of its own, whose inputs are its params and its other free names.
///
/// # Errors
/// Whatever is wrong with the program, with its place.
pub fn compile_program(interpreter: &Interpreter, text: &str) -> Result<Graph, Error> {
    interpreter.compile_program(text, &[])
}

/// Runs a compiled program.
///
/// # Errors
/// When the program fails.
pub fn evaluate(graph: &Graph, bindings: &Bindings) -> Result<Output, Error> {
    let model = Model::from_graph(graph)?;
    model.value_once(bindings, &Limits::default(), &mut Workspace::new())
}

/// Evaluates a program without inputs with the embedded interpreter.
///
/// # Errors
/// Whatever is wrong with the program, with its place.
pub fn run_scheme(text: &str) -> Result<Output, Error> {
    evaluate_program(&Interpreter::embedded(), text, &Bindings::new())
}

impl Interpreter {
    /// The interpreter that the crate comes with.
    #[expect(
        clippy::missing_panics_doc,
        reason = "a test regenerates the embedded file byte for byte, so there is none"
    )]
    pub fn embedded() -> Self {
        let text = std::str::from_utf8(EMBEDDED).expect("the embedded interpreter is text");
        let graph = ncg::read_own(text).expect("the embedded interpreter is valid");
        Self::from_verified(graph).expect("the embedded interpreter is an interpreter")
    }

    /// Compiles an evaluator from its source, with the prelude that the crate comes with.
    ///
    /// # Errors
    /// Whatever is wrong with the source, with its place.
    pub fn compile(compiler: &str) -> Result<Self, Error> {
        let text = format!("{PRELUDE}\n{compiler}");
        let program = expand_bootstrap(&text, Symbols::new())?;
        let meter = Meter::default();
        let anf = tail_calls(normalize_within(&program, &|_| false, &meter)?);
        let mut graph = graph::build(&anf, &program, &[], Imports::Own, &meter)?;
        let prelude = expand_bootstrap(PRELUDE, Symbols::new())?;
        let names: Vec<String> = normalize_within(&prelude, &|_| false, &meter)?
            .top_level
            .iter()
            .map(|&(name, _)| prelude.symbols.name(name).to_owned())
            .collect();
        graph.exports.retain_mut(|(name, _)| {
            if name == "evaluate" {
                EVALUATE.clone_into(name);
                return true;
            }
            names.contains(name)
        });
        Self::from_verified(graph)
    }

    /// Reads the interpreter of a file: that file's evaluator is what runs.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds no interpreter.
    pub fn load(path: impl AsRef<FilePath>) -> Result<Self, Error> {
        Self::from_verified(ncg::load(path.as_ref())?)
    }

    /// Makes an interpreter of a graph that exports an evaluator.
    ///
    /// # Errors
    /// When the graph is damaged or exports none.
    pub fn from_graph(graph: Graph) -> Result<Self, Error> {
        graph::verify(&graph)?;
        Self::from_verified(graph)
    }

    fn from_verified(graph: Graph) -> Result<Self, Error> {
        let Some(evaluate) = graph.export(EVALUATE) else {
            return Err(NcgError::no_interpreter().into());
        };
        let takes_two = |f: &graph::Function| f.params == 2 && !f.rest && f.captures == 0;
        if !takes_two(&graph.functions[evaluate as usize]) {
            return Err(NcgError::no_interpreter().into());
        }
        // Names that most programs use are interned once, here.
        let mut symbols = Symbols::new();
        for name in Prim::names() {
            symbols.intern(name);
        }
        let code = Code::new(&graph, symbols);
        let spelled = |(name, _): &&(String, u32)| !name.starts_with('%');
        let prelude = graph.exports.iter().filter(spelled);
        let prelude = prelude.map(|(name, function)| (name.clone(), arity(&graph, *function)));
        let prelude = prelude.collect();
        Ok(Self {
            inner: Arc::new(Inner {
                graph,
                code,
                evaluate,
                prelude,
                source: Cow::Borrowed(COMPILER),
                nested: OnceLock::new(),
            }),
            callable: Callable::Nothing,
            limits: Limits::new(),
        })
    }

    /// The same interpreter, with another evaluator for the inner level of nested mode.
    ///
    /// # Errors
    /// Whatever is wrong with the source, with its place.
    pub fn with_inner_evaluator(&self, source: &str) -> Result<Self, Error> {
        let inner = Inner {
            graph: self.inner.graph.clone(),
            code: self.inner.code.clone(),
            evaluate: self.inner.evaluate,
            prelude: self.inner.prelude.clone(),
            source: Cow::Owned(source.to_owned()),
            nested: OnceLock::new(),
        };
        let interpreter = Self {
            inner: Arc::new(inner),
            callable: self.callable.clone(),
            limits: self.limits,
        };
        interpreter.inner_evaluator()?;
        Ok(interpreter)
    }

    /// The same interpreter, which takes no more than limits to prepare programs: [`Limits::text_bytes`] of
    /// text, [`Limits::heap_bytes`] of what is made of it, and the time until [`Limits::deadline`]. Models
    /// do not keep the limits; each evaluation is given its own.
    ///
    /// ```
    /// use dmci::{Interpreter, Kind, Limits};
    ///
    /// let limits = Limits::default().text_bytes(8);
    /// let error = Interpreter::embedded().within(&limits).model("(* x x x)").unwrap_err();
    /// assert_eq!(error.kind(), Kind::Resource);
    /// assert_eq!(error.to_string(), "a text of 9 bytes; the limit is 8");
    /// ```
    #[must_use]
    pub fn within(&self, limits: &Limits) -> Self {
        Self {
            limits: *limits,
            ..self.clone()
        }
    }

    /// A meter of the interpreter's limits.
    pub(super) fn meter(&self) -> Meter {
        let Limits {
            deadline,
            heap_bytes,
            text_bytes,
            ..
        } = self.limits;
        Meter::new(deadline, heap_bytes, text_bytes)
    }

    /// The interpreter's graph.
    pub fn graph(&self) -> &Graph {
        &self.inner.graph
    }

    /// Prepares a program; its inputs are its free names.
    ///
    /// # Errors
    /// Whatever is wrong with the program before it runs, with its place.
    pub fn model(&self, text: &str) -> Result<Model, Error> {
        self.model_for(text, &Bindings::new(), Mode::Interpreter)
    }

    /// Prepares a program for inputs of the given names, which shadow primitives and forms, and for
    /// a mode.
    ///
    /// # Errors
    /// Whatever is wrong with the program before it runs, with its place.
    pub fn model_for(&self, text: &str, bindings: &Bindings, mode: Mode) -> Result<Model, Error> {
        let mut names: Vec<&str> = bindings.names().collect();
        if names.len() > MANY_INPUTS {
            only_written(text, &mut names);
        }
        self.prepare(text, &names, mode, Goal::Value)
    }

    /// Prepares a program built as data, one value a top-level form. Places in errors are places in
    /// the text that the data print as: [`Model::text`].
    ///
    /// # Errors
    /// When the data hold what programs cannot (keywords, bytes, `#(…)`), and whatever is wrong with
    /// the program before it runs.
    pub fn model_from_data(
        &self,
        program: &[lexpr::Value],
        bindings: &Bindings,
        mode: Mode,
    ) -> Result<Model, Error> {
        // The symbols are read again with the program's own table.
        let (text, _) = from_lexpr(program, &mut Symbols::new())?;
        self.model_for(&text, bindings, mode)
    }

    pub(crate) fn prepare(
        &self,
        text: &str,
        names: &[&str],
        mode: Mode,
        goal: Goal,
    ) -> Result<Model, Error> {
        let program = self.expand_alone(text, names, mode, goal)?;
        if program.callees.is_empty() {
            return Model::new(&self.calling(Callable::Nothing), program, names, mode);
        }
        let callees = self.callable.callees(&program.called());
        self.prepare_linked(program, names, mode, callees, None)
    }

    /// Prepares a program that calls these models; it is called so itself.
    pub(super) fn prepare_with(
        &self,
        text: &str,
        names: &[&str],
        mode: Mode,
        callees: Arc<Callees>,
        name: Option<&str>,
    ) -> Result<Model, Error> {
        let program = self.expand_alone(text, names, mode, Goal::Value)?;
        self.prepare_linked(program, names, mode, callees, name)
    }

    fn prepare_linked(
        &self,
        program: Program,
        names: &[&str],
        mode: Mode,
        callees: Arc<Callees>,
        name: Option<&str>,
    ) -> Result<Model, Error> {
        let inputs = input_names(&program, names);
        let program = self.link(program, &inputs, mode, &callees, name)?;
        // What is prepared of the model again calls the same models. A registry is not kept: the model
        // may be in it.
        Model::new(
            &self.calling(Callable::Linked(callees)),
            program,
            names,
            mode,
        )
    }

    fn calling(&self, callable: Callable) -> Self {
        Self {
            callable,
            ..self.clone()
        }
    }

    /// Expands a program that is to be prepared for a mode.
    pub(crate) fn expand_for(
        &self,
        text: &str,
        names: &[&str],
        mode: Mode,
        goal: Goal,
    ) -> Result<Program, Error> {
        let program = self.expand_alone(text, names, mode, goal)?;
        if program.callees.is_empty() {
            return Ok(program);
        }
        let callees = self.callable.callees(&program.called());
        let inputs = input_names(&program, names);
        self.link(program, &inputs, mode, &callees, None)
    }

    /// Expands a program that is to be prepared for a mode, and links nothing to it.
    pub(super) fn expand_alone(
        &self,
        text: &str,
        names: &[&str],
        mode: Mode,
        goal: Goal,
    ) -> Result<Program, Error> {
        // In nested mode program and inner evaluator share a heap, and so a table of symbols.
        let symbols = match mode {
            Mode::Nested => &self.inner_evaluator()?.symbols,
            _ => &self.inner.code.symbols,
        };
        self.expand_on(symbols.clone(), text, names, goal)
    }

    /// Expands a program to core forms.
    ///
    /// # Errors
    /// Whatever is wrong with its syntax, with its place.
    pub fn expand(&self, text: &str, inputs: &[&str], goal: Goal) -> Result<Program, Error> {
        self.expand_for(text, inputs, Mode::Interpreter, goal)
    }

    fn expand_on(
        &self,
        symbols: Arc<Symbols>,
        text: &str,
        inputs: &[&str],
        goal: Goal,
    ) -> Result<Program, Error> {
        let mut symbols = Symbols::extending(symbols);
        let meter = self.meter();
        let data = read_within(text, &mut symbols, ReadOptions::default(), &meter)?;
        let options = self.options_for(inputs, goal);
        let program = expand_within(&text.into(), data, symbols, &options, &meter);
        Ok(program?)
    }

    /// What of a program can be expanded, for what is to be said of it beside its errors; none where it
    /// cannot be read.
    #[cfg(feature = "cli")]
    pub(crate) fn expand_leniently(&self, text: &str, inputs: &[&str]) -> Option<Program> {
        let mut symbols = Symbols::extending(self.inner.code.symbols.clone());
        let meter = self.meter();
        let data = read_within(text, &mut symbols, ReadOptions::default(), &meter).ok()?;
        let options = self.options_for(inputs, Goal::Value);
        Some(expand_leniently(&text.into(), data, symbols, &options, &meter).0)
    }

    fn options_for<'a>(&'a self, inputs: &'a [&'a str], goal: Goal) -> ExpandOptions<'a> {
        ExpandOptions {
            inputs,
            prelude: Some(&self.inner.prelude),
            goal,
            internal: false,
        }
    }

    /// Compiles a program to a graph of its own, whose inputs are `inputs`, which shadow primitives and
    /// forms, its params and its other free names.
    ///
    /// # Errors
    /// Whatever is wrong with the program, with its place.
    pub fn compile_program(&self, text: &str, inputs: &[&str]) -> Result<Graph, Error> {
        let program = self.expand(text, inputs, Goal::Value)?;
        Self::check_compiles(&program)?;
        self.build(&program, inputs)
    }

    /// Refuses programs that call models: a graph stands for one text.
    pub(crate) fn check_compiles(program: &Program) -> Result<(), Error> {
        let Some(callee) = program.callees.first() else {
            return Ok(());
        };
        let name = &callee.name;
        Err(Error::Expand(ExpandError {
            kind: Kind::Unsupported,
            message: format!(
                "a program that calls models is not compiled; define what `{name}` is in the program itself"
            ),
            span: callee.span,
            also: Vec::new(),
        }))
    }

    /// The normal form of a program with inputs of the given names, printed: what `show --stage anf`
    /// shows.
    ///
    /// # Errors
    /// Whatever is wrong with the program's syntax, with its place.
    pub fn print_anf(&self, text: &str, inputs: &[&str]) -> Result<String, Error> {
        let program = self.expand(text, inputs, Goal::Value)?;
        Ok(normal_form(&program, inputs, &self.meter())?
            .print(&program)
            .text)
    }

    /// Compiles an expanded program of this interpreter's to a graph of its own.
    ///
    /// # Errors
    /// When a limit is met.
    pub(crate) fn build(&self, program: &Program, inputs: &[&str]) -> Result<Graph, Error> {
        let meter = self.meter();
        meter.hold(program.bytes())?;
        let names = input_names(program, inputs);
        let anf = normal_form(program, inputs, &meter)?;
        let imports = Imports::Prelude(&self.inner.graph);
        Ok(graph::build(&anf, program, &names, imports, &meter)?)
    }

    pub(crate) fn inner_evaluator(&self) -> Result<&CoreProgram, Error> {
        let compile = || {
            // The evaluator as a program whose value is its answer for two inputs.
            let text = format!("{}\n(evaluate %here %env)", self.inner.source.as_ref());
            let mut symbols = Symbols::extending(self.inner.code.symbols.clone());
            let inputs = ["%here", "%env"].map(|name| symbols.reserve(name));
            let program = expand_bootstrap(&text, symbols)?;
            let symbols = program.symbols.clone();
            let below = &self.inner.code.image;
            Ok(lay_out(
                &program,
                symbols,
                &inputs,
                below,
                false,
                &Meter::default(),
            )?)
        };
        self.inner
            .nested
            .get_or_init(compile)
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// How few and how many arguments a function takes: its parameters, and as many more as it says itself
/// where it begins.
fn arity(graph: &Graph, function: u32) -> (u32, Option<u32>) {
    let function = &graph.functions[function as usize];
    if !function.rest {
        return (function.params, Some(function.params));
    }
    let min = function.params - 1;
    let nodes = graph.blocks[function.body as usize].nodes.iter();
    let limit = nodes
        .map(|&id| &graph.nodes[id])
        .find(|node| node.op == graph::Op::Prim(Prim::AtMost))
        .and_then(|node| node.args.get(2));
    let max = limit.and_then(|&id| match graph.nodes[id].op {
        graph::Op::Constant(index) => match graph.constants.get(index as usize)? {
            graph::GraphConstant::Value(Constant::Int(max), _) => Some(*max as u32),
            _ => None,
        },
        _ => None,
    });
    (min, max)
}

/// The normal form of a program whose caller gives inputs of the given names, and its params.
pub(super) fn normal_form(
    program: &Program,
    inputs: &[&str],
    meter: &Meter,
) -> Result<Anf, Overrun> {
    let params = program.params().iter().map(|p| p.name.as_str());
    let certain: FxHashSet<&str> = inputs.iter().copied().chain(params).collect();
    let anf = normalize_within(program, &|name| certain.contains(name), meter)?;
    Ok(tail_calls(anf))
}

/// The prelude in core forms: what exports follow a program's calls into.
///
/// # Errors
/// None for the sources that the crate comes with.
pub(crate) fn prelude() -> Result<Program, Error> {
    expand_bootstrap(PRELUDE, Symbols::new())
}

fn expand_bootstrap(text: &str, mut symbols: Symbols) -> Result<Program, Error> {
    let options = ReadOptions {
        reserved: true,
        ..ReadOptions::default()
    };
    let data = read(text, &mut symbols, options)?;
    let options = ExpandOptions {
        internal: true,
        ..ExpandOptions::default()
    };
    Ok(expand(&text.into(), data, symbols, &options)?)
}

/// Of more inputs than these a program knows those alone that stand in its text: each takes memory and time.
const MANY_INPUTS: usize = 1000;

/// Leaves out names that a text does not hold.
fn only_written(text: &str, names: &mut Vec<&str>) {
    // Between bars a name may be written in many ways.
    if text.contains('|') {
        return;
    }
    let ends_name = |c: char| c.is_whitespace() || "()[]{}\"';`,@".contains(c);
    let written: HashSet<&str> = text.split(ends_name).collect();
    names.retain(|name| name.contains(ends_name) || written.contains(name));
}

/// The names of a program's inputs: those given, the params, the other free names.
pub(crate) fn input_names(program: &Program, given: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = given.iter().map(|&n| n.to_owned()).collect();
    let params = program.params().iter().map(|p| p.name.as_str());
    let mut seen: FxHashSet<&str> = given.iter().copied().collect();
    for name in params.chain(program.free_names().map(|(name, _)| name)) {
        if seen.insert(name) {
            names.push(name.to_owned());
        }
    }
    names
}
