//! Runs laid open: the numbers that a value came by, node by node, with their places in the text.
//!
//! Inputs of a run go in; a [`Recording`] comes out, for debuggers and pages to show. [`Model::paths`]
//! tells what a model has kept.
//!
//! **Invariants**
//! - A recording is a walk of its own: the model's paths stay as they are.
//! - Nodes, values and guards are those of the trace that evaluations replay; places are the same in
//!   every mode that walks.

use super::error::Error;
use super::{GuardReason, Model};
use crate::model::bindings::{Bindings, Wrt};
use crate::paths::{self, Miss, Paths, Query, Workspace};
use crate::prim::Prim;
use crate::source::Span;
use crate::trace::{Ref, Trace};
use crate::walk::serial::{number, optional};
use crate::walk::{Limits, Output, Stats};
use serde::Serialize;

/// What a node of a [`Recording`] was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operand {
    /// Another node, which stands before it.
    Node(usize),
    /// A number that depends on no input.
    Constant(#[serde(with = "number")] f64),
}

/// A number of a [`Recording`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecordedNode {
    /// The input's name, as `x`, `xs[0]` and `m[0,1]`; or the operation that computed it, as `dmci show
    /// --stage trace` names it: a primitive, `neg` for a minus of one argument, `select` for
    /// what joins the arms of an `if`, `part` for a further number of an operation on matrices.
    pub name: String,
    /// Whether it is an input.
    pub is_input: bool,
    /// What it was computed from, in the primitive's order; of a `select`: what it is where its test
    /// holds, what it is otherwise, the test. Of a `part`, the operation's first number.
    pub operands: Vec<Operand>,
    /// Its value in this run; 1 and 0 for the outcome of a test.
    #[serde(with = "number")]
    pub value: f64,
    /// The derivative of the program's value by it; none where that is not one number.
    #[serde(serialize_with = "optional")]
    pub derivative: Option<f64>,
    /// The application, or `if`, of the program's text; none for inputs.
    pub span: Option<Span>,
}

/// A number that a [`Recording`] relies on: other numbers take the same path if all of these hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecordedGuard {
    /// The node that decides.
    pub node: usize,
    /// How many nodes had been computed when it decided.
    pub nodes_before: usize,
    /// What it decides, and what it must be.
    pub reason: GuardReason,
}

/// A run laid open, by [`Model::recording`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Recording {
    /// The program's value.
    pub value: Output,
    /// For each number of the value what it is.
    pub outputs: Vec<Operand>,
    /// The inputs, then what was computed, in that order.
    pub nodes: Vec<RecordedNode>,
    /// What steered the run, in the order that happened.
    pub guards: Vec<RecordedGuard>,
    /// What the run took.
    pub stats: Stats,
}

/// A path that a model keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecordedPath {
    /// The operations of its trace.
    pub operations: usize,
    /// What it relies on, in the order it is checked.
    pub guards: Vec<GuardReason>,
    /// The applications that a run on it counts.
    pub applications: u64,
    /// The bytes of its trace and of what that is compiled to.
    pub bytes: usize,
}

impl Model {
    /// Runs the program on `bindings` and lays the run open: every number that depends on an input, an
    /// initial value of a param included, with its place in the text, its value and the derivative by
    /// it.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Limits, Operand, Workspace};
    ///
    /// let text = "(* a (exp (- x)))";
    /// let model = Interpreter::embedded().model(text)?;
    /// let inputs = Bindings::from([("a", 2.0), ("x", 0.0)]);
    /// let recording = model.recording(&inputs, &Limits::default(), &mut Workspace::new())?;
    /// let shown: Vec<_> = recording
    ///     .nodes
    ///     .iter()
    ///     .map(|node| (&*node.name, node.span.map_or("", |span| span.text(text)), node.value))
    ///     .collect();
    /// assert_eq!(
    ///     shown,
    ///     [
    ///         ("a", "", 2.0),
    ///         ("x", "", 0.0),
    ///         ("neg", "(- x)", -0.0),
    ///         ("exp", "(exp (- x))", 1.0),
    ///         ("*", text, 2.0),
    ///     ]
    /// );
    /// assert_eq!(recording.nodes[3].derivative, Some(2.0));
    /// assert_eq!(recording.outputs, [Operand::Node(4)]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the program fails or a limit is met; when the model is for the reference engine, or the
    /// run has more operations than a trace can hold.
    pub fn recording(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Recording, Error> {
        let asked = self.ask(bindings, Wrt::Nothing, workspace)?;
        let query = Query {
            key: &asked.given.key,
            // So that the trace is kept however long it is.
            by: Some(&[]),
            all_nodes: true,
            rolls: None,
            limits: *limits,
        };
        let own = Paths::default();
        workspace.recorder.note_places();
        let run = self.with_job(&asked.given, limits, |job| {
            paths::record(&own, &query, job, Miss::Unknown, workspace)
        });
        let places = workspace.recorder.take_places();
        let run = run?;
        let Some(path) = &run.path else {
            return Err(Error::Request("the run could not be recorded".into()));
        };
        let values = &workspace.values;
        let derivatives = match path.leaves.as_slice() {
            [Some(leaf)] if path.is_number() => {
                path.trace
                    .sweep(values, &[(*leaf, 1.0)], &mut workspace.adjoints);
                Some(&workspace.adjoints)
            }
            _ => None,
        };
        let names = self.trace_names(&asked);
        let nodes = values.iter().enumerate().map(|(index, &value)| {
            let operation = index.checked_sub(path.trace.inputs as usize);
            let (name, operands) = match operation {
                None => (names.get(index).cloned().unwrap_or_default(), Vec::new()),
                Some(operation) => described(&path.trace, operation),
            };
            let place = operation.and_then(|operation| places.get(operation));
            RecordedNode {
                name,
                is_input: operation.is_none(),
                operands,
                value,
                derivative: derivatives.map(|adjoints| adjoints.of(index)),
                span: place.and_then(|&place| self.span_of_place(place)),
            }
        });
        let inputs = path.trace.inputs as usize;
        let guards = path.trace.guards.iter().map(|guard| RecordedGuard {
            node: guard.node.index(),
            nodes_before: inputs + guard.at as usize,
            reason: self.reason(path, guard),
        });
        let leaves = path.leaves.iter().zip(path.constants());
        let outputs = leaves.map(|(leaf, constant)| match leaf {
            Some(leaf) => operand(&path.trace, *leaf),
            None => Operand::Constant(constant),
        });
        Ok(Recording {
            outputs: outputs.collect(),
            nodes: nodes.collect(),
            guards: guards.collect(),
            value: run.output,
            stats: run.stats,
        })
    }

    /// The paths that the model, with all its clones, keeps, in the order they were recorded.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Workspace};
    ///
    /// let text = "(if (> x 0) (list x) (list 0 x))";
    /// let model = Interpreter::embedded().model(text)?;
    /// for x in [1.0, 2.0, -1.0] {
    ///     model.value(&Bindings::from([("x", x)]), &mut Workspace::new())?;
    /// }
    /// let paths = model.paths();
    /// let expected: Vec<f64> = paths.iter().map(|path| path.guards[0].expected).collect();
    /// assert_eq!(expected, [1.0, 0.0]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    pub fn paths(&self) -> Vec<RecordedPath> {
        let known = self.inner.paths.load();
        let paths = known.iter().map(|path| RecordedPath {
            operations: path.trace.operations.len(),
            guards: path
                .trace
                .guards
                .iter()
                .map(|guard| self.reason(path, guard))
                .collect(),
            applications: path.recorded_stats().applications,
            bytes: path.bytes(),
        });
        paths.collect()
    }
}

/// The name of an operation, and what it was computed from.
fn described(trace: &Trace, operation: usize) -> (String, Vec<Operand>) {
    let of = |refs: &[Ref]| refs.iter().map(|&r| operand(trace, r)).collect();
    let op = trace.operations[operation];
    match op.prim {
        Prim::Block => {
            let block = trace.block_at(operation);
            let name = block
                .block
                .map_or("gather".into(), |kind| kind.name().to_owned());
            let refs = [trace.refs_of(block.a), trace.refs_of(block.b)].concat();
            (name, of(&refs))
        }
        Prim::Part => {
            let first = trace.inputs as usize + trace.block_at(operation).first as usize;
            ("part".into(), vec![Operand::Node(first)])
        }
        Prim::Select => ("select".into(), of(&[op.a, op.b, op.c])),
        prim if prim.operands() == 1 => (prim.to_string(), of(&[op.a])),
        prim => (prim.to_string(), of(&[op.a, op.b])),
    }
}

fn operand(trace: &Trace, reference: Ref) -> Operand {
    if reference.is_node() {
        Operand::Node(reference.index())
    } else {
        Operand::Constant(trace.constants[reference.index()])
    }
}
