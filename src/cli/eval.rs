//! `dmci eval --jsonl`: the machine interface, one JSON object a line.
//!
//! A request line goes in, an answer line comes out, in order.
//!
//! **Invariants**
//! - A bad line gets an answer with an error and never stops the rest.
//! - Numbers are written as the shortest text that reads back the same, so equal text means equal
//!   bits.

use super::cautions::cautions_of;
use super::fields::members;
use super::json::{self, Object};
use super::program::ModeArg;
use super::stats::{STATS, stats_of};
use crate::model::gradient::Extent;
use crate::model::json::JsonInput;
use crate::source::Position;
use crate::walk::output::json_number;
use crate::{
    Bindings, Error, Input, Interpreter, Kind, Limits, OnError, Registry, Relaxation, Stats,
    Threads, Workspace, Wrt,
};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How many applications a request may take unless it says otherwise.
const DEFAULT_FUEL: u64 = 3_000_000;

/// How many further mistakes an answer tells.
const ALSO: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(default)]
    inputs: BTreeMap<String, JsonInput>,
    #[serde(default)]
    lanes: Option<BTreeMap<String, Vec<JsonInput>>>,
    #[serde(default)]
    wrt: Option<Vec<String>>,
    #[serde(default)]
    mode: ModeArg,
    #[serde(default = "yes")]
    prelude: bool,
    fuel: Option<u64>,
    #[serde(default = "one")]
    temperature: f64,
    #[serde(default)]
    hard: bool,
    gumbel_seed: Option<u64>,
    #[serde(default)]
    stats: bool,
    /// Programs that the program may call, by their names.
    #[serde(default)]
    models: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

/// Answers one request line.
pub fn answer(interpreter: &Interpreter, line: &str) -> String {
    Answerer::new(interpreter.clone()).answer(line)
}

/// Answers request lines, with one workspace for all of them.
#[derive(Debug)]
pub struct Answerer {
    interpreter: Interpreter,
    threads: Threads,
    workspace: Workspace,
}

impl Answerer {
    /// Answers with the given interpreter.
    pub fn new(interpreter: Interpreter) -> Self {
        Self {
            interpreter,
            threads: Threads::ALL,
            workspace: Workspace::new(),
        }
    }

    /// The same with so many threads, or others, for lanes.
    #[must_use]
    pub fn threads(self, threads: impl Into<Threads>) -> Self {
        Self {
            threads: threads.into(),
            ..self
        }
    }

    /// Answers one request line.
    pub fn answer(&mut self, line: &str) -> String {
        let mut out = String::new();
        json::object(&mut out, |answer| {
            match serde_json::from_str::<Request<'_>>(line) {
                Ok(request) => self.answer_request(&request, answer),
                Err(error) => {
                    if let Some(id) = id_of(line) {
                        answer.raw("id", &id);
                    }
                    let error = wrong_input(line).unwrap_or_else(|| {
                        Error::Request(format!("this line is no request: {error}"))
                    });
                    write_error(&error, "", answer);
                }
            }
        });
        out
    }

    fn answer_request(&mut self, request: &Request<'_>, answer: &mut Object<'_>) {
        if let Some(id) = request.id {
            answer.raw("id", id.get());
        }
        let result = self.evaluate(request, answer);
        if let Err(error) = &result {
            write_error(error, &request.source, answer);
            let also = self.also(error, request);
            if !also.is_empty() {
                answer.objects("also", &also, |(kind, message, position), mistake| {
                    mistake.text("kind", kind);
                    mistake.text("message", message);
                    mistake.place(*position);
                });
            }
        }
        if request.stats {
            let stats = stats_of(result.as_ref().copied());
            answer.object("stats", |all| members(&STATS, &stats, all));
        }
    }

    /// The interpreter for programs that call some models, each a text.
    fn calling(&self, models: &BTreeMap<String, String>) -> Result<Interpreter, Error> {
        let registry = Registry::new();
        for (name, text) in models {
            let model = self.interpreter.model(text).map_err(|error| {
                let position = error.position(text);
                let place = position.map_or_else(String::new, |position| format!(" at {position}"));
                Error::Request(format!("the model `{name}`{place}: {error}"))
            })?;
            registry.insert(name, model);
        }
        Ok(self.interpreter.with_models(&registry))
    }

    /// What else is known to be wrong with a program that fails, in the order of its text: kind, message
    /// and place.
    fn also(&self, error: &Error, request: &Request<'_>) -> Vec<(&'static str, String, Position)> {
        if !matches!(error, Error::Expand(_) | Error::Eval(_)) {
            return Vec::new();
        }
        let text: &str = &request.source;
        let given = request.inputs.keys();
        let given = given.chain(request.lanes.iter().flat_map(BTreeMap::keys));
        let given: Vec<&str> = given.map(String::as_str).collect();
        let mut all: Vec<_> = error
            .also()
            .iter()
            .map(|mistake| (mistake.kind, mistake.message.clone(), mistake.span))
            .collect();
        if request.models.is_empty()
            && let Some(program) = self.interpreter.expand_leniently(text, &given)
        {
            let mut cautions = cautions_of(&program, &self.interpreter, &given);
            // Calls with a wrong number of arguments are among the errors of syntax.
            let is_expanded = matches!(error, Error::Eval(_));
            cautions.retain(|caution| {
                !caution.is_said_by(error) && (is_expanded || caution.name.is_some())
            });
            all.extend(cautions.into_iter().filter_map(|caution| {
                let kind = match caution.name {
                    Some(_) => Kind::Unbound,
                    None => Kind::Arity,
                };
                Some((kind, caution.message, caution.span?))
            }));
        }
        all.sort_by_key(|(_, _, span)| span.start);
        all.truncate(ALSO);
        let told = all.into_iter();
        told.map(|(kind, message, span)| (kind.name(), message, span.position(text)))
            .collect()
    }

    /// Writes what a request asks for, once nothing can fail any more; gives what it took.
    fn evaluate(&mut self, request: &Request<'_>, answer: &mut Object<'_>) -> Result<Stats, Error> {
        if !request.prelude {
            return Err(Error::Request(
                "programs without the prelude are not supported; leave `prelude` out".into(),
            ));
        }
        let mut bindings = Bindings::new();
        for (name, input) in &request.inputs {
            let input = input
                .input()
                .map_err(|error| Error::Request(format!("the input `{name}`: {error}")))?;
            bindings.set(name, input);
        }
        let limits = Limits {
            fuel: request.fuel.unwrap_or(DEFAULT_FUEL),
            ..Limits::default()
        };
        let lanes = request.lanes.as_ref();
        let mut names = bindings.clone();
        let mut columns: Vec<(&str, Vec<Input>)> = Vec::new();
        for (name, column) in lanes.into_iter().flatten() {
            let lane = |(lane, input): (usize, &JsonInput)| {
                input.input().map_err(|error| {
                    Error::Request(format!("lane {lane} of the input `{name}`: {error}"))
                })
            };
            let column: Vec<Input> = column
                .iter()
                .enumerate()
                .map(lane)
                .collect::<Result<_, _>>()?;
            names.set(name, column.first().cloned().unwrap_or(Input::Number(0.0)));
            columns.push((name, column));
        }
        let mode = request.mode.into();
        let model = match request.models.is_empty() {
            true => self.interpreter.model_for(&request.source, &names, mode)?,
            false => self
                .calling(&request.models)?
                .model_for(&request.source, &names, mode)?,
        };
        let model = model.with_relaxation(Relaxation {
            temperature: request.temperature,
            hard: request.hard,
            gumbel_seed: request.gumbel_seed,
        })?;
        let model = model.with_threads(self.threads.clone());
        let wrt: Option<Vec<&str>> = request
            .wrt
            .as_ref()
            .map(|wrt| wrt.iter().map(String::as_str).collect());
        let workspace = &mut self.workspace;
        if lanes.is_none() {
            let asked = wrt.as_deref().map_or(Wrt::Nothing, Wrt::Names);
            let evaluation = model.evaluate(&bindings, asked, &limits, workspace)?;
            answer.value(&evaluation.value);
            if let Some(wrt) = wrt {
                answer.grad(wrt, &evaluation);
            }
            return Ok(evaluation.stats);
        }
        let wrt = wrt.unwrap_or_default();
        let per_lane: Vec<(&str, &[Input])> =
            columns.iter().map(|(n, c)| (*n, c.as_slice())).collect();
        let on_error = OnError::Collect;
        let result = model
            .value_and_grad_lanes_of(&bindings, &per_lane, &wrt, on_error, &limits, workspace)?;
        json::list(
            &result.values,
            answer.member("values"),
            |value, out| match value {
                Ok(value) => out.push_str(&value.to_json()),
                Err(error) => json::object(out, |lane| write_error(error, model.text(), lane)),
            },
        );
        if !wrt.is_empty() {
            answer.object("grad", |grad| {
                for name in wrt {
                    lane_gradient(&result, name, &names, grad.member(name));
                }
            });
        }
        Ok(Stats::default())
    }
}

fn lane_gradient(lanes: &crate::Lanes, name: &str, bindings: &Bindings, out: &mut String) {
    if let Some((_, sum)) = lanes.shared.iter().find(|(n, _)| n == name) {
        return json_number(*sum, out);
    }
    let shape = bindings.get(name).map(Input::shape);
    let nested = |numbers: &[f64], out: &mut String| match shape {
        Some(Ok(Some(shape))) => Extent::of(shape).json(numbers, out),
        _ => Extent::List(numbers.len()).json(numbers, out),
    };
    if let Some((_, sums)) = lanes.shared_lists.iter().find(|(n, _)| n == name) {
        return nested(sums, out);
    }
    if let Some((_, rows)) = lanes.per_lane_lists.iter().find(|(n, _)| n == name) {
        return json::list(rows, out, |row, out| match row {
            Some(row) => nested(row, out),
            None => out.push_str("null"),
        });
    }
    let column = lanes.per_lane.iter().find(|(n, _)| n == name);
    let column = column.map(|(_, column)| column);
    json::list(
        column.into_iter().flatten(),
        out,
        |number, out| match number {
            Some(number) => json_number(*number, out),
            None => out.push_str("null"),
        },
    );
}

/// `"error":{…}` for a program's error.
fn write_error(error: &Error, text: &str, answer: &mut Object<'_>) {
    answer.object("error", |fault| {
        fault.text("kind", error.kind().name());
        fault.text("message", &error.to_string());
        if error.kind() != Kind::Resource
            && let Some(position) = error.position(text)
        {
            fault.place(position);
            if let Some(model) = error.model() {
                fault.text("model", &model.name);
            }
        }
        if !error.calls().is_empty() {
            fault.objects("calls", error.calls(), |call, frame| {
                frame.text("name", &call.name);
                frame.place(call.position);
                if let Some(model) = &call.model {
                    frame.text("model", model);
                }
            });
        }
    });
}

/// What is wrong with which input of a line that is no request, if that is what is wrong.
fn wrong_input(line: &str) -> Option<Error> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if let Some(inputs) = line.get("inputs").and_then(|inputs| inputs.as_object())
        && let Err(error) = Bindings::from_object(inputs)
    {
        return Some(error);
    }
    for (name, column) in line.get("lanes")?.as_object()? {
        let Some(column) = column.as_array() else {
            return Some(Error::Request(format!(
                "the lane input `{name}` is {column}; give an array with an input a lane"
            )));
        };
        for (lane, input) in column.iter().enumerate() {
            if let Err(error) = JsonInput::named(input) {
                let error = format!("lane {lane} of the input `{name}` {error}");
                return Some(Error::Request(error));
            }
        }
    }
    None
}

/// The id of a line that is no request but an object all the same.
fn id_of(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct OnlyId<'a> {
        #[serde(borrow)]
        id: &'a serde_json::value::RawValue,
    }
    let only: OnlyId<'_> = serde_json::from_str(line).ok()?;
    Some(only.id.get().to_owned())
}
