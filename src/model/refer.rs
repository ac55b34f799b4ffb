//! The one way from a model to the reference engine.
//!
//! **Invariants**
//! - Names, suggestions and shapes are the model's; the engine sees numbers and leaves alone.

use super::ask::Asked;
use super::bindings::{Bindings, Wrt};
use super::error::Error;
use super::gradient::{Evaluation, by_name, columns};
use super::{Model, Prepared};
use crate::graph::{Graph, verify};
use crate::paths::Workspace;
use crate::reference;
use crate::walk::Limits;

impl Model {
    /// The value, and the gradient of some of its numbers, by the reference engine: a model of
    /// another mode has none.
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
    pub(super) fn refer(
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
                relaxation: self.relaxation.gumbel_seed(self.noise()),
                limits,
            },
        );
        let answer = answer.map_err(|error| self.placed(self.with_advice(*error)))?;
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
    fn reference(graph: &Graph) -> Result<Self, Error> {
        verify(graph)?;
        let prepared = Prepared::Reference(Box::new(graph.clone()));
        Ok(Self::of_graph(graph, prepared))
    }

    /// Whether the reference engine evaluates it.
    pub(crate) fn is_reference(&self) -> bool {
        matches!(self.inner.prepared, Prepared::Reference(_))
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
pub fn evaluate_reference(
    graph: &Graph,
    bindings: &Bindings,
    wrt: Wrt<'_>,
    limits: &Limits,
) -> Result<Evaluation, Error> {
    let model = Model::reference(graph)?;
    model.evaluate(bindings, wrt, limits, &mut Workspace::new())
}
