//! `Repeated`: what training loops run.
//!
//! A model and the names of some inputs go in; values and Jacobians at many values of those inputs
//! come out, without looking anything up again.
//!
//! **Invariants**
//! - One thread, one workspace; paths are the model's, shared with everyone who runs it.

use super::{Model, push_numbers};
use crate::bindings::Bindings;
use crate::engine::tiered::{self, PathKey};
use crate::engine::walk::{InputValue, RelaxationInputs};
use crate::engine::{Limits, Output, Stats, Workspace};
use crate::error::Error;
use crate::gradient::derivatives;

/// One model at many values of some of its inputs, on one thread: what training loops run.
#[derive(Clone)]
pub(crate) struct Repeated<'m> {
    model: &'m Model,
    inputs: Vec<InputValue>,
    key: PathKey,
    /// For each varied input: its place among the inputs, and among the trace's inputs.
    varied: Vec<(usize, u32)>,
    /// The trace's inputs that derivatives are by.
    columns: Vec<u32>,
    relaxation: RelaxationInputs,
    limits: Limits,
    workspace: Workspace,
    numbers: Vec<f64>,
    run: Option<tiered::Run>,
}

impl<'m> Repeated<'m> {
    /// Varies the inputs called `names`; all others stay as in `bindings`.
    pub(crate) fn new(
        model: &'m Model,
        bindings: &Bindings,
        names: &[&str],
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut bindings = bindings.clone();
        for &name in names {
            bindings.set(name, 0.0);
        }
        let (inputs, shapes) = model.resolve(&bindings)?;
        let mut numbers = Vec::new();
        push_numbers(&inputs, &mut numbers);
        let varied: Vec<(usize, u32)> = names
            .iter()
            .filter_map(|name| {
                let place = *model.inner.places.get(*name)?;
                match inputs[place] {
                    InputValue::Number(_, node) => Some((place, node - 1)),
                    _ => None,
                }
            })
            .collect();
        let relaxation = model.relaxation_inputs(Some(&mut numbers));
        Ok(Self {
            model,
            inputs,
            key: model.path_key(shapes, Vec::new()),
            relaxation,
            columns: varied.iter().map(|v| v.1).collect(),
            varied,
            limits,
            workspace: Workspace::new(),
            numbers,
            run: None,
        })
    }

    /// The same, with derivatives by the first `count` of the varied inputs alone.
    pub(crate) fn by_first(mut self, count: usize) -> Self {
        self.columns.truncate(count);
        self
    }

    /// Evaluates the model at the given values of the varied inputs.
    pub(crate) fn evaluate(&mut self, values: &[f64]) -> Result<(), Error> {
        self.evaluate_as(0, values).map(|_| ())
    }

    /// Evaluates the model at the given values, by the path of the place `likely` if that fits. Gives
    /// the place of the path that did, which is a good guess for values near these.
    pub(crate) fn evaluate_as(
        &mut self,
        likely: usize,
        values: &[f64],
    ) -> Result<Option<usize>, Error> {
        for (&(place, index), &value) in self.varied.iter().zip(values) {
            self.numbers[index as usize] = value;
            self.inputs[place] = InputValue::Number(value, index + 1);
        }
        self.workspace.inputs.clone_from(&self.numbers);
        let workspace = &mut self.workspace;
        let key = &self.key;
        let run = self
            .model
            .with_job(&self.inputs, &[], self.relaxation, &self.limits, |job| {
                let paths = &self.model.inner.paths;
                tiered::run(paths, key, job, true, likely, workspace)
            })?;
        let place = run.place;
        self.run = Some(run);
        Ok(place)
    }

    /// The output of the last evaluation.
    pub(crate) fn output(&self) -> &Output {
        static NOTHING: Output = Output { items: Vec::new() };
        self.run.as_ref().map_or(&NOTHING, |run| &run.output)
    }

    /// What the last evaluation took.
    pub(crate) fn stats(&self) -> Stats {
        self.run.as_ref().map(|run| run.stats).unwrap_or_default()
    }

    /// The derivatives of all numbers of the last output by the varied inputs, row-major.
    pub(crate) fn jacobian(&mut self, jacobian: &mut [f64]) {
        if let Some(path) = self.run.as_ref().and_then(|run| run.path.as_ref()) {
            derivatives(path, &self.columns, &mut self.workspace, jacobian);
        }
    }
}
