//! Programs prepared once, to be evaluated often.
//!
//! A [`Program`] and a [`Mode`] go in; [`Model`] gives values and gradients for any inputs.
//!
//! **Invariants**
//! - A model never changes but for the paths it has recorded, which are swapped whole: it is cheap
//!   to clone, `Send` and `Sync`.
//! - Inputs that are not in `wrt` are inputs of the trace all the same.

mod ask;
pub(crate) mod bindings;
mod callees;
#[cfg(test)]
mod chain_tests;
mod data;
mod error;
mod evaluator;
mod explain;
pub(crate) mod gradient;
pub(crate) mod hessian;
mod inspect;
pub(crate) mod interpreter;
pub(crate) mod json;
pub(crate) mod lanes;
mod link;
#[cfg(test)]
mod loops_tests;
mod machines;
pub(crate) mod many;
mod not_finite;
mod recording;
#[cfg(feature = "dfdx")]
mod refer;
pub(crate) mod registry;
pub(crate) mod render;
#[cfg(test)]
mod rolled_tests;
mod second;
mod stages;
#[cfg(test)]
mod tests;
mod vjp;

pub(crate) use ask::{Asked, Given};
pub use error::Error;
pub use evaluator::{Evaluator, Lane};
pub use explain::{Explanation, GuardReason};
pub use inspect::PathTotals;
pub(crate) use inspect::{AskedNumber, Recorded};
pub use machines::MachineError;
pub use not_finite::{NotFinite, Origin, OriginSort};
pub use recording::{Operand, RecordedGuard, RecordedNode, RecordedPath, Recording};
#[cfg(feature = "dfdx")]
pub use refer::evaluate_reference;
pub use stages::Stages;
pub use vjp::{LaneError, LaneMut};

use crate::error::Kind;
use crate::graph::{Graph, GraphConstant, Op, verify};
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::{Evaluation, Gradient, by_name, columns};
use crate::model::interpreter::{Interpreter, Mode, input_names};
use crate::paths::Workspace;
use crate::paths::{self, Paths};
use crate::prim::Prim;
use crate::prim::relaxation::Relaxation;
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use crate::syntax::ast::{Constant, Expr, Part};
use crate::syntax::{Param, Program, Warning, hints};
use crate::threads::Threads;
use crate::walk::code::Code;
use crate::walk::layout::{CoreProgram, lay_out};
use crate::walk::{EvalError, Limits, Output, Stats};
use crate::walk::{InputValue, Job};
use rustc_hash::{FxHashMap, FxHashSet};
use std::mem::take;
use std::sync::{Arc, Mutex};

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
    /// The text, and behind it that of the models linked to it; spans are of this one.
    whole: Arc<str>,
    /// Which parts of it are whose.
    parts: Arc<[Part]>,
    /// The models that it calls itself.
    calls: Vec<Arc<str>>,
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
    /// The message that advice was looked for last, its place, and the message with it: lanes often
    /// fail alike.
    advised: Mutex<Option<(String, Option<Span>, String)>>,
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
        nested: bool,
    },
    /// For the reference engine.
    #[cfg(feature = "dfdx")]
    Reference(Box<Graph>),
}

/// A path, and where it stands among those the model keeps, if it is there.
type RunPath = (Arc<paths::Path>, Option<usize>);

/// What is wanted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// The numbers of all nodes.
    Nodes,
    /// Its path with all loops written out.
    Path,
    /// Its value and derivatives alone.
    Value,
}

impl Model {
    pub(crate) fn new(
        interpreter: &Interpreter,
        mut program: Program,
        given: &[&str],
        mode: Mode,
    ) -> Result<Self, Error> {
        let names = input_names(&program, given);
        // One that a macro puts in several places is one literal.
        let mut met = FxHashSet::default();
        let literals = program
            .literals
            .iter()
            .filter(|&&id| met.insert(program.span(id)))
            .map(|&id| Literal {
                span: program.span(id),
                value: match program.expr(id) {
                    Expr::Constant(Constant::Float(x)) => *x,
                    _ => f64::NAN,
                },
            })
            .collect();
        let meter = interpreter.meter();
        let prepared = match mode {
            Mode::Direct => {
                let graph = interpreter.build(&program, given)?;
                Prepared::Direct(Code::new(&graph, take(&mut program.symbols)))
            }
            #[cfg(feature = "dfdx")]
            Mode::Reference => Prepared::Reference(Box::new(interpreter.build(&program, given)?)),
            Mode::Interpreter | Mode::Nested => {
                let nested = mode == Mode::Nested;
                let below = if nested {
                    &interpreter.inner_evaluator()?.image
                } else {
                    &interpreter.inner.code.image
                };
                let mut symbols = take(&mut program.symbols);
                let renamed = &program.linked.renamed;
                let inputs = names.iter().map(|name| {
                    let alias = renamed.iter().find(|(renamed, _)| renamed == name);
                    alias.map_or_else(|| symbols.intern(name), |&(_, alias)| alias)
                });
                let inputs: Vec<Sym> = inputs.collect();
                Prepared::Core {
                    program: {
                        meter.hold(program.bytes())?;
                        lay_out(&program, symbols, &inputs, below, true, &meter)?
                    },
                    nested,
                }
            }
        };
        let whole = program.text.clone();
        let text = if program.linked.parts.is_empty() {
            whole.clone()
        } else {
            whole[..program.linked.own_len(&whole)].into()
        };
        Ok(Self {
            inner: Arc::new(ModelInner {
                interpreter: Some(interpreter.within(&Limits::new())),
                relaxed: program.calls_any(&SOFT),
                monitored: program.calls_any(&[Prim::Monitor]),
                text,
                whole,
                calls: program.called(),
                parts: program.linked.parts.into(),
                advised: Mutex::default(),
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
        Ok(Self::of_graph(graph, Prepared::Direct(code)))
    }

    /// A compiled program, prepared one way or another.
    fn of_graph(graph: &Graph, prepared: Prepared) -> Self {
        Self {
            inner: Arc::new(ModelInner {
                interpreter: None,
                text: graph.text.clone(),
                whole: graph.text.clone(),
                parts: Arc::default(),
                calls: Vec::new(),
                places: places(&graph.inputs),
                required: 0,
                initial: initial(&graph.inputs, &graph.params),
                names: graph.inputs.clone(),
                params: graph.params.clone(),
                matrices: Vec::new(),
                warnings: Vec::new(),
                literals: graph.literals().collect(),
                prepared,
                relaxed: graph.calls_any(&SOFT),
                monitored: graph.calls_any(&[Prim::Monitor]),
                advised: Mutex::default(),
                paths: Paths::default(),
            }),
            relaxation: Relaxation::default(),
            threads: Threads::ALL,
        }
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

    /// How the program is run; a compiled one as [`Mode::Direct`].
    pub fn mode(&self) -> Mode {
        match &self.inner.prepared {
            Prepared::Direct(_) => Mode::Direct,
            Prepared::Core { nested: true, .. } => Mode::Nested,
            Prepared::Core { nested: false, .. } => Mode::Interpreter,
            #[cfg(feature = "dfdx")]
            Prepared::Reference(_) => Mode::Reference,
        }
    }

    /// The interpreter it was prepared by; none for a compiled program.
    pub(crate) fn interpreter(&self) -> Option<&Interpreter> {
        self.inner.interpreter.as_ref()
    }

    /// The names it was prepared for, which shadow primitives and forms.
    pub(crate) fn given(&self) -> Vec<&str> {
        let given = self.inner.names.iter().take(self.inner.required);
        given.map(String::as_str).collect()
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

    /// The text that the spans of explanations, recordings and paths are of: the program's, and behind it
    /// those of the models that it calls.
    ///
    /// ```
    /// use dmci::{Interpreter, Registry};
    ///
    /// let registry = Registry::new();
    /// let interpreter = Interpreter::embedded().with_models(&registry);
    /// registry.insert("half", interpreter.model("(/ x 2.0)")?);
    /// let model = interpreter.model("(model \"half\" y)")?;
    /// assert_eq!(model.text(), "(model \"half\" y)");
    /// assert_eq!(model.linked_text(), "(model \"half\" y)\n(/ x 2.0)");
    /// # Ok::<(), dmci::Error>(())
    /// ```
    pub fn linked_text(&self) -> &str {
        &self.inner.whole
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
        Ok(self.run_once(bindings, limits, workspace)?.0)
    }

    /// The program's value and what it took, with nothing recorded.
    pub(crate) fn run_once(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<(Output, Stats), Error> {
        #[cfg(feature = "dfdx")]
        if let Prepared::Reference(graph) = &self.inner.prepared {
            let evaluation = self.refer(graph, bindings, Wrt::Nothing, None, limits)?;
            return Ok((evaluation.value, evaluation.stats));
        }
        let given = self.given_once(bindings)?;
        self.with_job(&given, limits, |job| paths::run_once(job, workspace))
    }

    /// What a run is given of which nothing is recorded: all numbers are constants.
    fn given_once(&self, bindings: &Bindings) -> Result<Given, Error> {
        let inputs = self.resolve(bindings)?.0;
        Ok(Given {
            inputs: inputs.into_iter().map(InputValue::without_nodes).collect(),
            key: self.path_key(Vec::new(), Vec::new()),
            literals: Vec::new(),
            relaxation: self.relaxation_inputs(None),
        })
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
        Ok(self
            .evaluate_on_path(bindings, wrt, Want::Value, limits, workspace)?
            .0)
    }

    /// The same, and the run that it came from with the inputs of its trace that derivatives are by. Of
    /// a program with monitors the numbers of all nodes are wanted in any case.
    fn evaluate_on_path(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        want: Want,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<(Evaluation, Option<RunPath>, Vec<u32>), Error> {
        let asked = self.ask(bindings, wrt, workspace)?;
        let columns = columns(&asked.wrt);
        let by = (!asked.wrt.is_empty()).then_some(columns.as_slice());
        let want = if self.inner.monitored {
            Want::Nodes
        } else {
            want
        };
        let run = self.run(&asked, by, want, limits, workspace)?;
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

    fn run(
        &self,
        asked: &Asked<'_>,
        by: Option<&[u32]>,
        want: Want,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<paths::Run, Error> {
        let paths = &self.inner.paths;
        let query = paths::Query {
            key: &asked.given.key,
            by,
            all_nodes: want == Want::Nodes,
            rolls: (want == Want::Value).then_some(paths::LONG),
            limits: *limits,
        };
        self.with_job(&asked.given, limits, |job| {
            paths::run(paths, &query, job, paths.last(), workspace)
        })
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
    #[cfg_attr(
        not(feature = "dfdx"),
        expect(clippy::unnecessary_wraps, reason = "all models walk without dfdx")
    )]
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
            literals: &given.literals,
            relaxation: given.relaxation,
            limits: *limits,
            text: &inner.whole,
        };
        let result = match (&inner.prepared, &inner.interpreter) {
            (Prepared::Direct(code), _) => run(&job(code)),
            (Prepared::Core { program, nested }, Some(interpreter)) => {
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
                    ..job(&interpreter.inner.code)
                })
            }
            (Prepared::Core { .. }, None) => {
                unreachable!("core programs come with their interpreter")
            }
            #[cfg(feature = "dfdx")]
            (Prepared::Reference(_), _) => unreachable!("it was checked that the model walks"),
        };
        result.map_err(|error| Box::new(self.placed(self.with_advice(*error))))
    }

    /// Adds what may have been meant: by a name that nothing binds, or by an application of a number.
    fn with_advice(&self, mut error: EvalError) -> EvalError {
        if !matches!(error.kind, Kind::NotAFunction | Kind::Unbound) {
            return error;
        }
        if let Ok(last) = self.inner.advised.lock()
            && let Some((message, span, advised)) = last.as_ref()
            && (message, span) == (&error.message, &error.span)
        {
            error.message.clone_from(advised);
            return error;
        }
        let (message, span) = (error.message.clone(), error.span);
        let error = self.advise(error);
        if let Ok(mut last) = self.inner.advised.lock() {
            *last = Some((message, span, error.message.clone()));
        }
        error
    }

    fn advise(&self, mut error: EvalError) -> EvalError {
        if error.kind == Kind::NotAFunction
            && let Some(span) = error.span
            && let Some(prefix) = hints::operator_first(span.text(&self.inner.whole))
        {
            error.message = format!("{}; operator first: `{prefix}`", error.message);
            return error;
        }
        if error.kind == Kind::NotAFunction
            && let Some(span) = error.span
            && let Some(meant) = hints::name_outside(&self.inner.whole, span.start as usize)
        {
            error.message = format!("{}; the name goes inside: `{meant}`", error.message);
            return error;
        }
        let name = error.message.split('`').nth(1).map(str::to_owned);
        if error.kind == Kind::Unbound
            && error.message.ends_with("is not bound to anything")
            && let Some(name) = name
        {
            if self.inner.matrices.contains(&name) {
                error.message = format!("{}: it is a matrix of data", error.message);
                return error;
            }
            let place = error.span.map_or(0, |span| span.start as usize);
            let application = hints::application_at(&self.inner.whole, place);
            if let Some(prefix) = application.and_then(hints::operator_first) {
                error.message = format!("{}; operator first: `{prefix}`", error.message);
                return error;
            }
            let before = self.inner.whole.get(..place).unwrap_or_default();
            let applied = before.trim_end().ends_with('(');
            if applied
                && let Some(meant) =
                    hints::name_outside(&self.inner.whole, before.trim_end().len() - 1)
            {
                error.message = format!("{}; the name goes inside: `{meant}`", error.message);
                return error;
            }
            if let Some(advice) = hints::instead_of(&name, applied) {
                error.message = format!("{}; {advice}", error.message);
                return error;
            }
            let mut known: Vec<&str> = Prim::names().collect();
            known.extend(self.inner.names.iter().map(String::as_str));
            if let Some(interpreter) = &self.inner.interpreter {
                known.extend(interpreter.inner.prelude.keys().map(String::as_str));
            }
            let others = known.into_iter().filter(|known| *known != name);
            if let Some(near) = hints::misspelt(&name, others) {
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
