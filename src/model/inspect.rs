//! Looking into a model's runs: traces, what steers, places of the text.
//!
//! **Invariants**
//! - Looking records paths as evaluating does, and changes nothing else.

use super::error::Error;
use super::{Asked, Model, Prepared, Want};
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::{Variable, columns};
use crate::model::hessian::Layout;
use crate::paths;
use crate::paths::Workspace;
use crate::prim::linalg::Shape;
use crate::source::Span;
use crate::trace::Ref;
use crate::walk::{InputValue, Limits, Stats, span_of};
use std::borrow::Cow;
use std::sync::Arc;

/// A recorded run.
pub(crate) struct Recorded {
    pub(crate) path: Arc<paths::Path>,
    /// The trace's inputs.
    pub(crate) numbers: Vec<f64>,
    /// The numbers asked for, in the order of the names.
    pub(crate) asked: Vec<AskedNumber>,
    pub(crate) stats: Stats,
}

/// A number that derivatives are asked for by.
#[derive(Clone, Debug)]
pub(crate) struct AskedNumber {
    /// Which of the names asked for it belongs to.
    pub(crate) name: usize,
    /// What it is called: `x`, `v[0]`, `m[0,1]`.
    pub(crate) label: String,
    /// Its place among the numbers of the name, and how many these are.
    pub(crate) at: usize,
    pub(crate) of: usize,
    /// The trace's input; none where the program has no use for it.
    pub(crate) column: Option<u32>,
}

/// What a model has recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathTotals {
    /// How many paths it keeps.
    pub paths: usize,
    /// The operations of all their traces.
    pub operations: usize,
    /// The bytes of all their traces and of what these are compiled to.
    pub bytes: usize,
}

impl Model {
    /// What the model, with all its clones, has recorded so far.
    pub fn path_totals(&self) -> PathTotals {
        let (paths, operations, bytes) = self.inner.paths.totals();
        PathTotals {
            paths,
            operations,
            bytes,
        }
    }

    /// Records the run on `bindings`, for those who look into traces. The value of every node is in
    /// `workspace.values` afterwards.
    ///
    /// # Errors
    /// As [`Model::evaluate`]; and when a name of `wrt` is a list.
    pub(crate) fn record(
        &self,
        bindings: &Bindings,
        wrt: &[&str],
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Recorded, Error> {
        let asked = self.ask(bindings, Wrt::Names(wrt), workspace)?;
        let numbers = workspace.inputs.clone();
        let run = self.run(&asked, Some(&[]), Want::Nodes, limits, workspace)?;
        let Some(path) = run.path.filter(|_| run.output.is_numeric()) else {
            return Err(self.not_numeric(run.stats).into());
        };
        let labels = Layout::new(&asked.wrt).labels();
        let numbers_of = |(name, (_, variable)): (usize, &(Cow<'_, str>, Variable))| {
            let (first, of) = match variable {
                Variable::Inputs(first, extent) => (Some(*first), extent.size()),
                Variable::Unused => (None, 1),
            };
            (0..of).map(move |at| (name, at, of, first.map(|first| first + at as u32)))
        };
        let all = asked.wrt.iter().enumerate().flat_map(numbers_of);
        let all = all
            .zip(labels)
            .map(|((name, at, of, column), label)| AskedNumber {
                name,
                label,
                at,
                of,
                column,
            });
        Ok(Recorded {
            asked: all.collect(),
            path,
            numbers,
            stats: run.stats,
        })
    }

    /// Where a place of a trace is in the text.
    pub(crate) fn span_of_place(&self, place: u32) -> Option<Span> {
        let spans = match &self.inner.prepared {
            Prepared::Direct(code) => code.spans(),
            Prepared::Core { program, .. } => program.spans(),
            #[cfg(feature = "dfdx")]
            Prepared::Reference(_) => return None,
        };
        span_of(spans, place)
    }

    /// The span of the float literal that `@line:column` names.
    pub(crate) fn span_of_literal(&self, name: &str) -> Option<Span> {
        let literal = self.literal(name).ok()?;
        Some(literal.span)
    }

    /// The names of `wrt` that only steer the run on `bindings`: they decide branches, indices or
    /// sizes, and nothing else, so their derivatives are 0.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn only_steering(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Vec<String>, Error> {
        let asked = self.ask(bindings, wrt, workspace)?;
        let run = self.run(&asked, Some(&[]), Want::Value, limits, workspace)?;
        let wrt = asked.wrt;
        let Some(path) = run.path else {
            return Ok(Vec::new());
        };
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        let steers = path.trace.only_steers(&outputs);
        let all_steer = |variable: &Variable| match variable {
            Variable::Inputs(first, extent) => {
                let range = *first as usize..*first as usize + extent.size();
                !range.is_empty() && steers[range].iter().all(|&s| s)
            }
            Variable::Unused => false,
        };
        let names = wrt.into_iter().filter(|(_, variable)| all_steer(variable));
        Ok(names.map(|(name, _)| name.into_owned()).collect())
    }

    /// The trace of the run on `bindings`, printed: what `show --stage trace` shows.
    ///
    /// # Errors
    /// When the program fails.
    pub fn print_trace(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<String, Error> {
        let asked = self.ask(bindings, Wrt::Nothing, workspace)?;
        self.run(&asked, None, Want::Nodes, limits, workspace)?;
        let names = self.trace_names(&asked);
        Ok(self.inner.paths.print(&asked.given.key, &names))
    }

    /// The gradient of the run on `bindings` by all inputs and params, as further operations of its
    /// trace, both simplified: what `show --stage gradient` shows.
    ///
    /// # Errors
    /// When the program fails or gives no number.
    pub fn print_gradient(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<String, Error> {
        let asked = self.ask(bindings, Wrt::All, workspace)?;
        let by = columns(&asked.wrt);
        let run = self.run(&asked, Some(&by), Want::Nodes, limits, workspace)?;
        let Some(path) = run.path.filter(|path| path.is_number()) else {
            return Err(Error::Request(
                "the stage gradient shows that of one number, and the value is something else"
                    .into(),
            ));
        };
        let names = self.trace_names(&asked);
        let Some(output) = path.leaves[0] else {
            return Ok(path.trace.print(&names, &[]));
        };
        let gradient = path.trace.gradient_trace(output, &by, false);
        Ok(gradient.trace.print(&names, &gradient.outputs))
    }

    /// What the inputs of a trace are called.
    pub(super) fn trace_names(&self, asked: &Asked<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for (name, input) in self.inner.names.iter().zip(&asked.given.inputs) {
            match input {
                InputValue::Number(..) => names.push(name.clone()),
                InputValue::List(items) => {
                    names.extend((0..items.len()).map(|i| format!("{name}[{i}]")));
                }
                InputValue::Array(Shape::Matrix(_, columns), items) => {
                    let places = (0..items.len()).map(|i| (i / columns, i % columns));
                    names.extend(places.map(|(i, j)| format!("{name}[{i},{j}]")));
                }
                InputValue::Array(_, items) => {
                    names.extend((0..items.len()).map(|i| format!("{name}[{i}]")));
                }
                InputValue::Missing => {}
            }
        }
        if self.inner.relaxed {
            names.extend(["(temperature)".into(), "(seed)".into()]);
        }
        names
    }
}
