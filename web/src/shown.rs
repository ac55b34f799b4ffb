//! Programs and runs laid open: stages, recordings, runs that pause, and a plane of two inputs.
//!
//! **Invariants**
//! - All runs obey [`limits`]: a program that never ends, ends by fuel.

use crate::asked::{Answer, Refused, as_json};
use crate::interpreter;
use dmci::prim::Prim;
use dmci::{Bindings, Input, Limits, Mode, Model, Pause, Relaxation, Workspace};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a run may take that a page shows.
pub(crate) fn limits() -> Limits {
    Limits::default().fuel(2_000_000).heap_bytes(256 << 20)
}

/// A program with inputs of some names.
#[derive(Deserialize)]
pub(crate) struct Program {
    source: String,
    #[serde(default)]
    inputs: Vec<String>,
}

/// A run of a program.
#[derive(Deserialize)]
pub(crate) struct Run {
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, Input>,
    #[serde(default)]
    mode: ModeName,
    temperature: Option<f64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ModeName {
    #[default]
    Interpreter,
    Direct,
    Nested,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Interpreter => Mode::Interpreter,
            ModeName::Direct => Mode::Direct,
            ModeName::Nested => Mode::Nested,
        }
    }
}

impl Run {
    pub(crate) fn bindings(&self) -> Bindings {
        let mut bindings = Bindings::new();
        for (name, input) in &self.inputs {
            bindings.set(name, input.clone());
        }
        bindings
    }

    pub(crate) fn model(&self, bindings: &Bindings) -> Result<Model, Refused> {
        let interpreter = interpreter().within(&limits());
        let model = interpreter.model_for(&self.source, bindings, self.mode.into());
        let relaxation = Relaxation::default().temperature(self.temperature.unwrap_or(1.0));
        model
            .and_then(|model| model.with_relaxation(relaxation))
            .map_err(Refused::by(&self.source))
    }
}

/// Where a run pauses.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum At {
    Applications(u64),
    Entries(u32),
    Value,
}

/// What pauses are counted by.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    Applications,
    Entries,
}

/// What the engine is.
#[allow(clippy::unnecessary_wraps, reason = "it is asked as all others are")]
pub(crate) fn about() -> Answer {
    let interpreter = interpreter();
    let graph = interpreter.graph();
    let functions: Vec<Value> = (graph.functions.iter())
        .map(|f| json!({"name": f.name, "params": f.params, "captures": f.captures}))
        .collect();
    let primitives: Vec<&str> = Prim::names().collect();
    let exports: Vec<&str> = graph
        .exports
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "graph": graph.print(),
        "functions": functions,
        "primitives": primitives,
        "exports": exports,
    }))
}

/// What a program takes.
pub(crate) fn names(program: &Program) -> Answer {
    let model = interpreter().within(&limits()).model(&program.source);
    let model = model.map_err(Refused::by(&program.source))?;
    let params: Vec<Value> = (model.params().iter())
        .map(|param| json!({"name": param.name, "init": param.init}))
        .collect();
    let is_param = |name: &String| model.params().iter().any(|param| param.name == *name);
    let inputs: Vec<&String> = model.inputs().iter().filter(|n| !is_param(n)).collect();
    Ok(json!({"inputs": inputs, "params": params}))
}

/// A program stage by stage.
pub(crate) fn stages(program: &Program) -> Answer {
    let names: Vec<&str> = program.inputs.iter().map(String::as_str).collect();
    let stages = interpreter()
        .within(&limits())
        .stages(&program.source, &names);
    as_json(&stages.map_err(Refused::by(&program.source))?)
}

/// A run laid open.
pub(crate) fn recording(run: &Run) -> Answer {
    let bindings = run.bindings();
    let model = run.model(&bindings)?;
    let recording = model.recording(&bindings, &limits(), &mut Workspace::new());
    as_json(&recording.map_err(Refused::by(&run.source))?)
}

/// A run up to a pause.
pub(crate) fn paused(run: &Run, at: At) -> Answer {
    let bindings = run.bindings();
    let model = run.model(&bindings)?;
    let pause = match at {
        At::Applications(most) => Pause::Applications(most),
        At::Entries(most) => Pause::Entries(most),
        At::Value => Pause::Value,
    };
    let paused = model.paused(&bindings, pause, &limits(), &mut Workspace::new());
    as_json(&paused.map_err(Refused::by(&run.source))?)
}

/// Where a run is at each pause up to its end, or to the `most`th.
pub(crate) fn steps(run: &Run, by: By, most: u32) -> Answer {
    let bindings = run.bindings();
    let model = run.model(&bindings)?;
    let mut workspace = Workspace::new();
    let mut steps = Vec::new();
    // Walks are deterministic, and each is one step longer than the one before.
    for count in 1..=most.min(4000) {
        let pause = match by {
            By::Applications => Pause::Applications(u64::from(count) - 1),
            By::Entries => Pause::Entries(count),
        };
        let paused = model
            .paused(&bindings, pause, &limits(), &mut workspace)
            .map_err(Refused::by(&run.source))?;
        let ended = paused.value.is_some();
        steps.push(json!({
            "name": paused.name,
            "function": paused.function,
            "span": paused.span,
            "depth": paused.depth,
            "first": paused.first,
            "cells": paused.cells.len(),
            "value": paused.value.map(|value| value.to_scheme()),
        }));
        if ended {
            break;
        }
    }
    Ok(json!(steps))
}

/// An axis of a plane: an input from one number to another.
#[derive(Deserialize)]
pub(crate) struct Axis {
    name: String,
    low: f64,
    high: f64,
    count: usize,
}

impl Axis {
    fn at(&self, index: usize) -> f64 {
        let last = self.count.max(2) - 1;
        self.low + (self.high - self.low) * index as f64 / last as f64
    }
}

/// The most points of a grid.
const MOST_POINTS: usize = 40_000;

/// The value at each point, row by row from the lowest, and the number of its path: points on one path
/// passed the same guards with the same outcomes.
pub(crate) fn plane(run: &Run, x: &Axis, y: &Axis) -> Answer {
    if x.count.saturating_mul(y.count) > MOST_POINTS {
        let message = format!("a plane has {MOST_POINTS} points at the most");
        return Err(Refused::Request(message));
    }
    let mut bindings = run.bindings();
    bindings.set(x.name.as_str(), x.low);
    bindings.set(y.name.as_str(), y.low);
    let model = run.model(&bindings)?;
    let mut workspace = Workspace::new();
    let (mut values, mut paths) = (Vec::new(), Vec::new());
    // A path by its guards: where each is, and what it expects.
    let mut known: Vec<Vec<Value>> = Vec::new();
    for row in 0..y.count {
        bindings.set(y.name.as_str(), y.at(row));
        for column in 0..x.count {
            bindings.set(x.name.as_str(), x.at(column));
            let Ok(recording) = model.recording(&bindings, &limits(), &mut workspace) else {
                values.push(None);
                paths.push(None);
                continue;
            };
            let guards = recording.guards.iter().map(|guard| json!(guard.reason));
            let guards: Vec<Value> = guards.collect();
            let path = known.iter().position(|path| *path == guards);
            let path = path.unwrap_or_else(|| {
                known.push(guards);
                known.len() - 1
            });
            values.push(recording.value.number().filter(|value| value.is_finite()));
            paths.push(Some(path));
        }
    }
    Ok(json!({"values": values, "paths": paths, "guards": known}))
}
