//! Programs prepared once, to be evaluated often.
//!
//! A [`Program`] and a [`Mode`] go in; [`Model`] gives values and gradients for any inputs.
//!
//! **Invariants**
//! - A model never changes but for the paths it has recorded, which are swapped whole: it is cheap
//!   to clone, `Send` and `Sync`.
//! - Inputs that are not in `wrt` are inputs of the trace all the same.

pub(crate) mod bindings;
mod data;
mod error;
mod evaluator;
mod explain;
pub(crate) mod gradient;
pub(crate) mod hessian;
mod inspect;
pub(crate) mod interpreter;
pub(crate) mod lanes;
pub(crate) mod many;
pub(crate) mod registry;
mod second;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use evaluator::{Evaluator, Lane};
pub use explain::{Explanation, GuardReason};
pub use inspect::PathTotals;
pub(crate) use inspect::Recorded;

use crate::error::Kind;
use crate::graph::{Graph, GraphConstant, Op, verify};
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::{Evaluation, Extent, Gradient, Variable, by_name, columns};
use crate::model::interpreter::{Interpreter, Mode, input_names};
use crate::paths::Workspace;
use crate::paths::{self, InputKind, PathKey, Paths};
use crate::prim::Prim;
use crate::prim::relaxation::Relaxation;
use crate::prim::value::Node;
#[cfg(feature = "dfdx")]
use crate::reference;
use crate::source::{Position, Span};
use crate::symbol::{Sym, Symbols, nearest};
use crate::syntax::ast::{Constant, Expr};
use crate::syntax::{Param, Program, Warning};
use crate::threads::Threads;
use crate::trace::record::Number;
use crate::walk::code::Code;
use crate::walk::layout::{CoreProgram, lay_out};
use crate::walk::{EvalError, Limits, Output, Stats};
use crate::walk::{InputValue, Job, RelaxationInputs};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::mem::take;
use std::sync::Arc;

/// What a [`Relaxation`] matters to.
const SOFT: [Prim; 2] = [Prim::SoftChoice, Prim::SoftIf];

/// A program prepared for evaluation.
#[derive(Clone, Debug)]
pub struct Model {
    inner: Arc<ModelInner>,
    relaxation: Relaxation,
    threads: Threads,
}

#[derive(Debug)]
struct ModelInner {
    interpreter: Option<Interpreter>,
    text: Arc<str>,
    names: Vec<String>,
    /// Where each name stands among them.
    places: FxHashMap<String, usize>,
    /// How many of the names, from the first, every evaluation must give.
    required: usize,
    /// The initial value of each that is a param.
    initial: Vec<Option<f64>>,
    params: Vec<Param>,
    /// The names of the matrices of data.
    matrices: Vec<String>,
    warnings: Vec<Warning>,
    literals: Vec<Literal>,
    prepared: Prepared,
    /// Whether it has soft choices.
    relaxed: bool,
    /// Whether it has monitors.
    monitored: bool,
    paths: Paths,
}

#[derive(Clone, Copy, Debug)]
struct Literal {
    span: Span,
    value: f64,
}

#[derive(Debug)]
enum Prepared {
    Direct(Code),
    Core {
        program: CoreProgram,
        names: Vec<Sym>,
        nested: bool,
    },
    /// For the reference engine.
    #[cfg(feature = "dfdx")]
    Reference(Box<Graph>),
}

/// What a walk takes.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    inputs: Vec<InputValue>,
    pub(crate) key: PathKey,
    /// Literals that are inputs of the trace: place and index.
    literals: Vec<(Span, u32)>,
    relaxation: RelaxationInputs,
}

/// An evaluation about to begin, and what it is differentiated by.
pub(crate) struct Asked<'n> {
    pub(crate) given: Given,
    pub(crate) wrt: Vec<(Cow<'n, str>, Variable)>,
}

/// A path, and where it stands among those the model keeps, if it is there.
type RunPath = (Arc<paths::Path>, Option<usize>);

impl Model {
    pub(crate) fn new(
        interpreter: &Interpreter,
        mut program: Program,
        given: &[&str],
        mode: Mode,
    ) -> Result<Self, Error> {
        let names = input_names(&program, given);
        let literals = program
            .literals
            .iter()
            .map(|&id| Literal {
                span: program.span(id),
                value: match program.expr(id) {
                    Expr::Constant(Constant::Float(x)) => *x,
                    _ => f64::NAN,
                },
            })
            .collect();
        let prepared = match mode {
            Mode::Direct => {
                let graph = interpreter.build(&program, given);
                Prepared::Direct(Code::new(&graph, take(&mut program.symbols)))
            }
            #[cfg(feature = "dfdx")]
            Mode::Reference => Prepared::Reference(Box::new(interpreter.build(&program, given))),
            Mode::Interpreter | Mode::Nested => {
                let nested = mode == Mode::Nested;
                let below = if nested {
                    &interpreter.inner_evaluator()?.image
                } else {
                    &interpreter.inner.code.image
                };
                let mut symbols = take(&mut program.symbols);
                let syms = names.iter().map(|name| symbols.intern(name)).collect();
                Prepared::Core {
                    program: lay_out(&program, symbols, below, true),
                    names: syms,
                    nested,
                }
            }
        };
        Ok(Self {
            inner: Arc::new(ModelInner {
                interpreter: Some(interpreter.clone()),
                relaxed: program.calls_any(&SOFT),
                monitored: program.calls_any(&[Prim::Monitor]),
                text: program.text,
                places: places(&names),
                required: given.len(),
                initial: initial(&names, &program.params),
                names,
                params: program.params,
                matrices: program.matrices.into_iter().map(|m| m.name).collect(),
                warnings: program.warnings,
                literals,
                prepared,
                paths: Paths::default(),
            }),
            relaxation: Relaxation::default(),
            threads: Threads::ALL,
        })
    }

    /// Wraps a compiled program, which brings its inputs, params and text along.
    ///
    /// # Errors
    /// When the graph is damaged.
    pub fn from_graph(graph: &Graph) -> Result<Self, Error> {
        verify(graph)?;
        let code = Code::new(graph, Symbols::new());
        let literals = graph.literals().collect();
        Ok(Self {
            inner: Arc::new(ModelInner {
                interpreter: None,
                text: graph.text.clone(),
                places: places(&graph.inputs),
                required: 0,
                initial: initial(&graph.inputs, &graph.params),
                names: graph.inputs.clone(),
                params: graph.params.clone(),
                matrices: Vec::new(),
                warnings: Vec::new(),
                literals,
                prepared: Prepared::Direct(code),
                relaxed: graph.calls_any(&SOFT),
                monitored: graph.calls_any(&[Prim::Monitor]),
                paths: Paths::default(),
            }),
            relaxation: Relaxation::default(),
            threads: Threads::ALL,
        })
    }

    /// The same model with soft choices relaxed another way. It shares all recorded paths.
    ///
    /// # Errors
    /// When the temperature is not above 0 and finite, or the seed is above 2^53.
    pub fn with_relaxation(&self, relaxation: Relaxation) -> Result<Self, Error> {
        relaxation.check().map_err(Error::Request)?;
        Ok(Self {
            relaxation,
            ..self.clone()
        })
    }

    /// The same model with so many threads, or others, for lanes: see [`Threads`]. It shares all
    /// recorded paths.
    ///
    /// ```
    /// use dmci::{Interpreter, Threads};
    ///
    /// let model = Interpreter::embedded().model("(* a x)")?.with_threads(2);
    /// assert_eq!(model.threads().count(), 2);
    /// let alone = model.with_threads(Threads::ONE);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    #[must_use]
    pub fn with_threads(&self, threads: impl Into<Threads>) -> Self {
        Self {
            threads: threads.into(),
            ..self.clone()
        }
    }

    /// Who shares the work of lanes.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Keeps no more paths than `most`, which is 256 unless this is called; those that are kept
    /// already stay. Numbers that take others are walked each time. It holds for all clones.
    pub fn keep_paths(&self, most: usize) {
        self.inner.paths.keep_at_most(most);
    }

    /// Whether evaluations tell what monitors are given.
    #[cfg(feature = "cli")]
    pub(crate) fn is_monitored(&self) -> bool {
        self.inner.monitored
    }

    /// How soft choices relax.
    pub fn relaxation(&self) -> Relaxation {
        self.relaxation
    }

    /// The names of the inputs: those the model was prepared for, params, other free names.
    pub fn inputs(&self) -> &[String] {
        &self.inner.names
    }

    /// The params, in the order written.
    pub fn params(&self) -> &[Param] {
        &self.inner.params
    }

    /// Calls that would fail if they were reached.
    pub fn warnings(&self) -> &[Warning] {
        &self.inner.warnings
    }

    /// The program's text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The program's value. Nothing is recorded: for programs that are run once.
    ///
    /// # Errors
    /// When the program fails.
    pub fn value_once(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Output, Error> {
        #[cfg(feature = "dfdx")]
        if let Prepared::Reference(graph) = &self.inner.prepared {
            return Ok(self
                .refer(graph, bindings, Wrt::Nothing, None, limits)?
                .value);
        }
        let inputs = self.resolve(bindings)?.0;
        let given = Given {
            inputs: inputs.into_iter().map(InputValue::without_nodes).collect(),
            key: self.path_key(Vec::new(), Vec::new()),
            literals: Vec::new(),
            relaxation: self.relaxation_inputs(None),
        };
        let (output, _) = self.with_job(&given, limits, |job| paths::run_once(job, workspace))?;
        Ok(output)
    }

    /// The program's value.
    ///
    /// # Errors
    /// When the program fails.
    pub fn value(&self, bindings: &Bindings, workspace: &mut Workspace) -> Result<Output, Error> {
        let evaluation = self.evaluate(bindings, Wrt::Nothing, &Limits::default(), workspace)?;
        Ok(evaluation.value)
    }

    /// The program's value and its gradient; of a list, the Jacobian.
    ///
    /// # Errors
    /// When the program fails, `wrt` names nothing, or the value holds anything but numbers.
    pub fn value_and_grad(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        workspace: &mut Workspace,
    ) -> Result<(Output, Gradient), Error> {
        let evaluation = self.evaluate(bindings, wrt, &Limits::default(), workspace)?;
        Ok((evaluation.value, evaluation.gradient))
    }

    /// The program's value, its gradient by `wrt`, and what it took, within `limits`.
    ///
    /// # Errors
    /// When the program fails, a limit is met, `wrt` names nothing, or a gradient is asked for of a
    /// value that holds anything but numbers.
    pub fn evaluate(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Evaluation, Error> {
        #[cfg(feature = "dfdx")]
        if let Prepared::Reference(graph) = &self.inner.prepared {
            return self.refer(graph, bindings, wrt, None, limits);
        }
        Ok(self.evaluate_on_path(bindings, wrt, limits, workspace)?.0)
    }

    /// The same, and the run that it came from with the inputs of its trace that derivatives are by.
    fn evaluate_on_path(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<(Evaluation, Option<RunPath>, Vec<u32>), Error> {
        let asked = self.ask(bindings, wrt, workspace)?;
        let columns = columns(&asked.wrt);
        let by = (!asked.wrt.is_empty()).then_some(columns.as_slice());
        let run = self.run(&asked, by, self.inner.monitored, limits, workspace)?;
        let wrt = asked.wrt;
        let gradient = match (&run.path, wrt.is_empty()) {
            (_, true) | (None, _) => Gradient::default(),
            (Some(path), false) => {
                if !run.output.is_numeric() {
                    return Err(self.not_numeric(run.stats).into());
                }
                by_name(
                    wrt,
                    path.leaves.len(),
                    columns.len(),
                    &workspace.derivatives,
                )
            }
        };
        let evaluation = Evaluation {
            value: run.output,
            gradient,
            stats: run.stats,
            monitored: run.monitored,
        };
        Ok((evaluation, run.path.map(|path| (path, run.place)), columns))
    }

    /// What an evaluation takes; the numbers of its trace's inputs are in `workspace.inputs`.
    pub(crate) fn ask<'n>(
        &'n self,
        bindings: &'n Bindings,
        wrt: Wrt<'n>,
        workspace: &mut Workspace,
    ) -> Result<Asked<'n>, Error> {
        let (inputs, kinds) = self.resolve(bindings)?;
        let mut numbers = std::mem::take(&mut workspace.inputs);
        numbers.clear();
        push_numbers(&inputs, &mut numbers);
        let mut literals = Vec::new();
        let wrt = self.wrt(wrt, bindings, &inputs, &mut numbers, &mut literals)?;
        let relaxation = self.relaxation_inputs(Some(&mut numbers));
        workspace.inputs = numbers;
        let given = Given {
            inputs,
            key: self.path_key(kinds, literals.iter().map(|l| l.0).collect()),
            literals,
            relaxation,
        };
        Ok(Asked { given, wrt })
    }

    fn run(
        &self,
        asked: &Asked<'_>,
        by: Option<&[u32]>,
        all_nodes: bool,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<paths::Run, Error> {
        let paths = &self.inner.paths;
        let query = paths::Query {
            key: &asked.given.key,
            by,
            all_nodes,
            limits: *limits,
        };
        self.with_job(&asked.given, limits, |job| {
            paths::run(paths, &query, job, paths.last(), workspace)
        })
    }

    fn path_key(&self, kinds: Vec<InputKind>, literals: Vec<Span>) -> PathKey {
        PathKey {
            kinds,
            literals,
            relaxation: self.inner.relaxed.then(|| self.relaxation.kind()),
        }
    }

    /// The relaxation as the walk sees it: inputs of the trace, after all others, if the program has
    /// a use for them and `numbers` takes them.
    fn relaxation_inputs(&self, numbers: Option<&mut Vec<f64>>) -> RelaxationInputs {
        let mut numbers = numbers.filter(|_| self.inner.relaxed);
        let mut input = |value| Number {
            value,
            node: match &mut numbers {
                Some(numbers) => {
                    numbers.push(value);
                    Node::at(numbers.len() as u32 - 1)
                }
                None => Node::NONE,
            },
        };
        RelaxationInputs {
            temperature: input(self.relaxation.temperature),
            hard: self.relaxation.hard,
            gumbel_seed: self.relaxation.gumbel_seed.map(|seed| input(seed as f64)),
        }
    }

    /// The value, and the gradient of some of its numbers, by the reference engine: a model of
    /// another mode has none.
    #[cfg(feature = "dfdx")]
    pub(crate) fn reference_rows(
        &self,
        bindings: &Bindings,
        wrt: &[&str],
        rows: &[usize],
        limits: &Limits,
    ) -> Result<Evaluation, Error> {
        match &self.inner.prepared {
            Prepared::Reference(graph) => {
                self.refer(graph, bindings, Wrt::Names(wrt), Some(rows), limits)
            }
            _ => Err(Error::Request("no model for the reference engine".into())),
        }
    }

    /// Evaluates with the reference engine.
    #[cfg(feature = "dfdx")]
    fn refer(
        &self,
        graph: &Graph,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        rows: Option<&[usize]>,
        limits: &Limits,
    ) -> Result<Evaluation, Error> {
        let mut workspace = Workspace::new();
        let Asked { given, wrt } = self.ask(bindings, wrt, &mut workspace)?;
        let by = columns(&wrt);
        let answer = reference::run(
            graph,
            &reference::Question {
                inputs: &given.inputs,
                literals: &given.literals,
                numbers: &workspace.inputs,
                by: (!wrt.is_empty()).then_some(by.as_slice()),
                rows,
                relaxation: self.relaxation,
                limits,
            },
        );
        let answer = answer.map_err(|error| self.with_spelling(*error))?;
        if !wrt.is_empty() && !answer.value.is_numeric() {
            return Err(self.not_numeric(answer.stats).into());
        }
        Ok(Evaluation {
            gradient: by_name(wrt, answer.rows, by.len(), &answer.derivatives),
            value: answer.value,
            stats: answer.stats,
            monitored: Vec::new(),
        })
    }

    /// A model of a compiled program that the reference engine evaluates.
    ///
    /// # Errors
    /// When the graph is damaged.
    #[cfg(feature = "dfdx")]
    fn reference(graph: &Graph) -> Result<Self, Error> {
        let mut model = Self::from_graph(graph)?;
        if let Some(inner) = Arc::get_mut(&mut model.inner) {
            inner.prepared = Prepared::Reference(Box::new(graph.clone()));
        }
        Ok(model)
    }

    /// The trace's input of a name that is bound to a number.
    pub(crate) fn number_input(&self, name: &str, given: &Given) -> Option<u32> {
        match given.inputs[*self.inner.places.get(name)?] {
            InputValue::Number(x) => x.node.index(),
            _ => None,
        }
    }

    /// Whether the reference engine evaluates it.
    #[cfg(feature = "dfdx")]
    pub(crate) fn is_reference(&self) -> bool {
        matches!(self.inner.prepared, Prepared::Reference(_))
    }

    fn not_numeric(&self, stats: Stats) -> Box<EvalError> {
        let whole = Span::new(0, self.inner.text.len() as u32);
        let mut error = EvalError::new(
            Kind::Type,
            "only numbers, in lists, vectors and matrices too, have a gradient, and the value holds more",
        );
        error.span = Some(whole);
        error.position = Some(whole.position(&self.inner.text));
        error.stats = stats;
        Box::new(error)
    }

    /// The inputs in order, with their places among the trace's inputs, and what each is.
    fn resolve(&self, bindings: &Bindings) -> Result<(Vec<InputValue>, Vec<InputKind>), Error> {
        let mut inputs = Vec::with_capacity(self.inner.names.len());
        let mut kinds = Vec::with_capacity(self.inner.names.len());
        let mut nodes = (0..).map(Node::at);
        let mut number = |value| Number {
            value,
            node: nodes.next().expect("indices do not end"),
        };
        for (index, name) in self.inner.names.iter().enumerate() {
            match (bindings.get(name), self.inner.initial[index]) {
                (Some(&Input::Number(x)), _) | (None, Some(x)) => {
                    inputs.push(InputValue::Number(number(x)));
                    kinds.push(InputKind::Number);
                }
                (Some(input), _) => {
                    let numbers = input.numbers().iter();
                    let numbers: Vec<Number> = numbers.map(|&x| number(x)).collect();
                    let shape = input
                        .shape()
                        .map_err(|error| Error::Request(format!("the input `{name}`: {error}")))?;
                    kinds.push(
                        shape.map_or(InputKind::List(numbers.len() as u32), InputKind::Array),
                    );
                    inputs.push(match shape {
                        Some(shape) => InputValue::Array(shape, numbers),
                        None => InputValue::List(numbers),
                    });
                }
                (None, None) if index < self.inner.required => {
                    return Err(Error::Request(format!(
                        "the model was prepared for an input `{name}`, which is not given"
                    )));
                }
                (None, None) => {
                    inputs.push(InputValue::Missing);
                    kinds.push(InputKind::Missing);
                }
            }
        }
        Ok((inputs, kinds))
    }

    /// Resolves `wrt`; literals become inputs of the trace after all others.
    fn wrt<'n>(
        &'n self,
        wrt: Wrt<'n>,
        bindings: &'n Bindings,
        inputs: &[InputValue],
        numbers: &mut Vec<f64>,
        literals: &mut Vec<(Span, u32)>,
    ) -> Result<Vec<(Cow<'n, str>, Variable)>, Error> {
        let names: Vec<&str> = match wrt {
            Wrt::Nothing => Vec::new(),
            Wrt::Names(names) => names.to_vec(),
            Wrt::All => {
                let names = self.inner.names.iter().zip(&self.inner.initial);
                let given = names
                    .filter(|(name, initial)| bindings.get(name).is_some() || initial.is_some());
                given.map(|(name, _)| name.as_str()).collect()
            }
        };
        let first = |items: &[Number], extent| {
            let first = items.first().and_then(|item| item.node.index());
            Variable::Inputs(first.unwrap_or(0), extent)
        };
        let mut variables = Vec::with_capacity(names.len());
        for name in names {
            let variable = if let Some(place) = name.strip_prefix('@') {
                let literal = self.literal(name, place)?;
                let found = literals.iter().find(|l| l.0 == literal.span);
                let index = if let Some(&(_, index)) = found {
                    index
                } else {
                    numbers.push(literal.value);
                    let index = numbers.len() as u32 - 1;
                    literals.push((literal.span, index));
                    index
                };
                Variable::Inputs(index, Extent::Number)
            } else if let Some(position) = self.inner.places.get(name).copied() {
                match &inputs[position] {
                    InputValue::Number(x) => first(std::slice::from_ref(x), Extent::Number),
                    InputValue::List(items) => first(items, Extent::List(items.len())),
                    InputValue::Array(shape, items) => first(items, Extent::of(*shape)),
                    InputValue::Missing => Variable::Unused,
                }
            } else if bindings.get(name).is_some() {
                Variable::Unused
            } else {
                return Err(self.no_such_name(name));
            };
            variables.push((Cow::Borrowed(name), variable));
        }
        Ok(variables)
    }

    fn literal(&self, name: &str, place: &str) -> Result<Literal, Error> {
        let start = place.split_once(':').and_then(|(line, column)| {
            let position = Position {
                line: line.parse().ok()?,
                column: column.parse().ok()?,
            };
            position.offset(&self.inner.text)
        });
        let literals = self.inner.literals.iter();
        let found = literals.clone().find(|l| Some(l.span.start) == start);
        found.copied().ok_or_else(|| {
            Error::Request(format!(
                "`{name}` in wrt: no float literal of the code starts there; \
                 write `@line:column` of a number with a point or exponent"
            ))
        })
    }

    fn no_such_name(&self, name: &str) -> Error {
        let names = self.inner.names.iter().map(String::as_str);
        let hint = match nearest(name, names) {
            Some(near) => format!("; is it `{near}`?"),
            None => String::new(),
        };
        Error::Request(format!(
            "`{name}` in wrt names no input, param or literal of the program{hint}"
        ))
    }

    /// Does something with what a walk takes.
    fn with_job<T>(
        &self,
        given: &Given,
        limits: &Limits,
        run: impl FnOnce(&Job<'_>) -> Result<T, Box<EvalError>>,
    ) -> Result<T, Error> {
        self.check_walks()?;
        Ok(self.with_walk(given, limits, run)?)
    }

    /// Refuses models that the walk does not run.
    fn check_walks(&self) -> Result<(), Error> {
        match &self.inner.prepared {
            #[cfg(feature = "dfdx")]
            Prepared::Reference(_) => Err(Error::Request(
                "the reference engine records no trace; use another mode".into(),
            )),
            Prepared::Direct(_) | Prepared::Core { .. } => Ok(()),
        }
    }

    /// As [`Model::with_job`], for a model that walks.
    fn with_walk<T>(
        &self,
        given: &Given,
        limits: &Limits,
        run: impl FnOnce(&Job<'_>) -> Result<T, Box<EvalError>>,
    ) -> Result<T, Box<EvalError>> {
        let inner = &*self.inner;
        let job = |code| Job {
            code,
            programs: &[],
            function: 0,
            inputs: &given.inputs,
            names: &[],
            literals: &given.literals,
            relaxation: given.relaxation,
            limits: *limits,
            text: &inner.text,
        };
        let result = match (&inner.prepared, &inner.interpreter) {
            (Prepared::Direct(code), _) => run(&job(code)),
            (
                Prepared::Core {
                    program,
                    names,
                    nested,
                },
                Some(interpreter),
            ) => {
                let evaluator;
                let programs: &[&CoreProgram] = if *nested {
                    let Ok(outer) = interpreter.inner_evaluator() else {
                        unreachable!("a nested model was prepared with it");
                    };
                    evaluator = [outer, program];
                    &evaluator
                } else {
                    &[program]
                };
                run(&Job {
                    programs,
                    function: interpreter.inner.evaluate,
                    names,
                    ..job(&interpreter.inner.code)
                })
            }
            (Prepared::Core { .. }, None) => {
                unreachable!("core programs come with their interpreter")
            }
            #[cfg(feature = "dfdx")]
            (Prepared::Reference(_), _) => unreachable!("it was checked that the model walks"),
        };
        result.map_err(|error| Box::new(self.with_spelling(*error)))
    }

    /// Adds to an unbound name the spelling that may have been meant.
    fn with_spelling(&self, mut error: EvalError) -> EvalError {
        let name = error.message.split('`').nth(1).map(str::to_owned);
        if error.kind == Kind::Unbound
            && error.message.ends_with("is not bound to anything")
            && let Some(name) = name
        {
            if self.inner.matrices.contains(&name) {
                error.message = format!("{}: it is a matrix of data", error.message);
                return error;
            }
            let mut known: Vec<&str> = Prim::names().collect();
            known.extend(self.inner.names.iter().map(String::as_str));
            if let Some(interpreter) = &self.inner.interpreter {
                known.extend(interpreter.inner.prelude.iter().map(String::as_str));
            }
            let others = known.into_iter().filter(|known| *known != name);
            if let Some(near) = nearest(&name, others) {
                error.message = format!("{}; is it `{near}`?", error.message);
            }
        }
        error
    }
}

impl Graph {
    /// Whether it has one of some primitives, called or as a value.
    fn calls_any(&self, prims: &[Prim]) -> bool {
        let called = self.nodes.values().any(|node| match node.op {
            Op::Prim(prim) => prims.contains(&prim),
            _ => false,
        });
        let is_one = |constant: &GraphConstant| match constant {
            GraphConstant::Value(Constant::Primitive(prim), _) => prims.contains(prim),
            _ => false,
        };
        called || self.constants.iter().any(is_one)
    }

    fn literals(&self) -> impl Iterator<Item = Literal> {
        self.constants.iter().filter_map(|constant| match constant {
            GraphConstant::Value(Constant::Float(value), Some(span)) => Some(Literal {
                span: *span,
                value: *value,
            }),
            _ => None,
        })
    }
}

fn places(names: &[String]) -> FxHashMap<String, usize> {
    let names = names.iter().cloned();
    names.enumerate().map(|(i, name)| (name, i)).collect()
}

fn initial(names: &[String], params: &[Param]) -> Vec<Option<f64>> {
    let params: FxHashMap<&str, f64> = params.iter().map(|p| (p.name.as_str(), p.init)).collect();
    let initial = names.iter().map(|name| params.get(name.as_str()).copied());
    initial.collect()
}

fn push_numbers(inputs: &[InputValue], numbers: &mut Vec<f64>) {
    for input in inputs {
        match input {
            InputValue::Number(x) => numbers.push(x.value),
            InputValue::List(items) | InputValue::Array(_, items) => {
                numbers.extend(items.iter().map(|item| item.value));
            }
            InputValue::Missing => {}
        }
    }
}

/// Evaluates a program's own graph by the reference engine, and differentiates its value by `wrt`.
///
/// ```
/// use dmci::{Bindings, Interpreter, Limits, Wrt, compile_program, dfdx::reference};
///
/// let graph = compile_program(&Interpreter::embedded(), "(if (> x 0) (* x (log x)) 0)")?;
/// let inputs = Bindings::from([("x", 1.0)]);
/// let answer = reference::evaluate(&graph, &inputs, Wrt::Names(&["x"]), &Limits::default())?;
/// assert_eq!(answer.gradient.get("x"), Some(1.0));
/// # Ok::<(), dmci::Error>(())
/// ```
///
/// # Errors
/// When the graph is damaged, the program fails, a limit is met, `wrt` names nothing, or a gradient
/// is asked for of a value that holds anything but numbers.
#[cfg(feature = "dfdx")]
pub fn evaluate_reference(
    graph: &Graph,
    bindings: &Bindings,
    wrt: Wrt<'_>,
    limits: &Limits,
) -> Result<Evaluation, Error> {
    let model = Model::reference(graph)?;
    model.evaluate(bindings, wrt, limits, &mut Workspace::new())
}
