//! `dmci eval --jsonl`: the machine interface, one JSON object a line.
//!
//! A request line goes in, an answer line comes out, in order.
//!
//! **Invariants**
//! - A bad line gets an answer with an error and never stops the rest.
//! - Numbers are written as the shortest text that reads back the same, so equal text means equal
//!   bits.

use crate::model::gradient::Extent;
use crate::walk::output::{json_number, json_string};
use crate::{
    Bindings, Error, Input, Interpreter, Kind, Limits, Mode, Model, OnError, Relaxation, Stats,
    Workspace, Wrt,
};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many applications a request may take unless it says otherwise.
const DEFAULT_FUEL: u64 = 3_000_000;

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
    lanes: Option<BTreeMap<String, Vec<JsonNumber>>>,
    #[serde(default)]
    wrt: Option<Vec<String>>,
    #[serde(default)]
    mode: JsonMode,
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
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum JsonMode {
    #[default]
    Interpreter,
    Direct,
    Nested,
    #[cfg(feature = "dfdx")]
    Reference,
}

/// A number, or `"inf"`, `"-inf"`, `"nan"`.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(super) enum JsonNumber {
    Number(f64),
    Name(NumberName),
}

#[derive(Deserialize, Clone)]
pub(super) enum NumberName {
    #[serde(rename = "inf")]
    Inf,
    #[serde(rename = "-inf")]
    NegInf,
    #[serde(rename = "nan")]
    Nan,
}

impl JsonNumber {
    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Number(x) => *x,
            Self::Name(NumberName::Inf) => f64::INFINITY,
            Self::Name(NumberName::NegInf) => f64::NEG_INFINITY,
            Self::Name(NumberName::Nan) => f64::NAN,
        }
    }
}

/// A number, a list of numbers for a vector, or a list of such lists for a matrix.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum JsonInput {
    Number(JsonNumber),
    Vector(Vec<JsonNumber>),
    Matrix(Vec<Vec<JsonNumber>>),
}

impl JsonInput {
    /// What it binds; an error for rows of different lengths.
    pub(super) fn input(&self) -> Result<Input, Error> {
        let numbers = |row: &Vec<JsonNumber>| row.iter().map(JsonNumber::value).collect();
        match self {
            Self::Number(x) => Ok(Input::Number(x.value())),
            Self::Vector(row) => Ok(Input::Vector(numbers(row))),
            Self::Matrix(rows) => {
                let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
                Input::matrix(&rows)
            }
        }
    }
}

/// Answers one request line.
pub fn answer(interpreter: &Interpreter, line: &str) -> String {
    Answerer::new(interpreter.clone()).answer(line)
}

/// Answers request lines, with one workspace for all of them.
#[derive(Debug)]
pub struct Answerer {
    interpreter: Interpreter,
    workspace: Workspace,
}

impl Answerer {
    /// Answers with the given interpreter.
    pub fn new(interpreter: Interpreter) -> Self {
        Self {
            interpreter,
            workspace: Workspace::new(),
        }
    }

    /// Answers one request line.
    pub fn answer(&mut self, line: &str) -> String {
        let request: Request<'_> = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let error = Error::Request(format!("this line is no request: {error}"));
                return finish(id_of(line).as_deref(), &error_json(&error, ""), None);
            }
        };
        let id = request.id.map(serde_json::value::RawValue::get);
        match self.evaluate(&request) {
            Ok((body, stats)) => finish(id, &body, request.stats.then_some(stats).as_ref()),
            Err(error) => {
                let stats = match &error {
                    Error::Eval(e) => e.stats,
                    _ => Stats::default(),
                };
                let body = error_json(&error, &request.source);
                finish(id, &body, request.stats.then_some(stats).as_ref())
            }
        }
    }

    fn evaluate(&mut self, request: &Request<'_>) -> Result<(String, Stats), Error> {
        let mode = match request.mode {
            JsonMode::Interpreter => Mode::Interpreter,
            JsonMode::Direct => Mode::Direct,
            JsonMode::Nested => Mode::Nested,
            #[cfg(feature = "dfdx")]
            JsonMode::Reference => Mode::Reference,
        };
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
        for name in lanes.into_iter().flat_map(BTreeMap::keys) {
            names.set(name, 0.0);
        }
        let model = self.interpreter.model_for(&request.source, &names, mode)?;
        let model = model.with_relaxation(Relaxation {
            temperature: request.temperature,
            hard: request.hard,
            gumbel_seed: request.gumbel_seed,
        })?;
        let wrt: Vec<&str> = request.wrt.iter().flatten().map(String::as_str).collect();
        match lanes {
            Some(lanes) => self.lanes(&model, &bindings, lanes, &wrt, &limits),
            None => self.single(&model, &bindings, &wrt, request.wrt.is_some(), &limits),
        }
    }

    fn single(
        &mut self,
        model: &Model,
        bindings: &Bindings,
        wrt: &[&str],
        gradient: bool,
        limits: &Limits,
    ) -> Result<(String, Stats), Error> {
        let asked = if gradient {
            Wrt::Names(wrt)
        } else {
            Wrt::Nothing
        };
        let evaluation = model.evaluate(bindings, asked, limits, &mut self.workspace)?;
        let mut body = format!("\"value\":{}", evaluation.value.to_json());
        if gradient {
            body.push_str(",\"grad\":{");
            for (index, name) in wrt.iter().enumerate() {
                if index > 0 {
                    body.push(',');
                }
                json_string(name, &mut body);
                body.push(':');
                let derivatives = evaluation.gradient.to_json(name, &evaluation.value);
                body.push_str(derivatives.as_deref().unwrap_or("null"));
            }
            body.push('}');
        }
        Ok((body, evaluation.stats))
    }

    fn lanes(
        &mut self,
        model: &Model,
        bindings: &Bindings,
        lanes: &BTreeMap<String, Vec<JsonNumber>>,
        wrt: &[&str],
        limits: &Limits,
    ) -> Result<(String, Stats), Error> {
        let columns: Vec<(&str, Vec<f64>)> = lanes
            .iter()
            .map(|(name, column)| {
                let numbers = column.iter().map(JsonNumber::value).collect();
                (name.as_str(), numbers)
            })
            .collect();
        let columns: Vec<(&str, &[f64])> =
            columns.iter().map(|(n, c)| (*n, c.as_slice())).collect();
        let result = model.value_and_grad_lanes(
            bindings,
            &columns,
            wrt,
            OnError::Collect,
            limits,
            &mut self.workspace,
        )?;
        let mut body = String::from("\"values\":[");
        for (index, value) in result.values.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            match value {
                Ok(value) => body.push_str(&value.to_json()),
                Err(error) => {
                    let _ = write!(body, "{{{}}}", error_json(error, model.text()));
                }
            }
        }
        body.push(']');
        if !wrt.is_empty() {
            body.push_str(",\"grad\":{");
            for (index, name) in wrt.iter().enumerate() {
                if index > 0 {
                    body.push(',');
                }
                json_string(name, &mut body);
                body.push(':');
                lane_gradient(&result, name, bindings, &mut body);
            }
            body.push('}');
        }
        Ok((body, Stats::default()))
    }
}

fn lane_gradient(lanes: &crate::Lanes, name: &str, bindings: &Bindings, out: &mut String) {
    if let Some((_, sum)) = lanes.shared.iter().find(|(n, _)| n == name) {
        return json_number(*sum, out);
    }
    if let Some((_, sums)) = lanes.shared_lists.iter().find(|(n, _)| n == name) {
        let extent = match bindings.get(name).map(Input::shape) {
            Some(Ok(Some(shape))) => Extent::of(shape),
            _ => Extent::List(sums.len()),
        };
        return extent.json(sums, out);
    }
    let column = lanes.per_lane.iter().find(|(n, _)| n == name);
    let column = column.map(|(_, column)| column.clone());
    out.push('[');
    for (index, number) in column.into_iter().flatten().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match number {
            Some(number) => json_number(number, out),
            None => out.push_str("null"),
        }
    }
    out.push(']');
}

fn finish(id: Option<&str>, body: &str, stats: Option<&Stats>) -> String {
    let mut line = String::from("{");
    if let Some(id) = id {
        let _ = write!(line, "\"id\":{id},");
    }
    line.push_str(body);
    if let Some(stats) = stats {
        let _ = write!(
            line,
            ",\"stats\":{{\"nodes\":{},\"applications\":{},\"operations\":{},\"guards\":{},\"paths\":{},\"bytes\":{}}}",
            stats.nodes,
            stats.applications,
            stats.operations,
            stats.guards,
            stats.paths,
            stats.bytes
        );
    }
    line.push('}');
    line
}

/// `"error":{…}` for a program's error.
fn error_json(error: &Error, text: &str) -> String {
    let mut out = String::from("\"error\":{\"kind\":");
    json_string(error.kind().name(), &mut out);
    out.push_str(",\"message\":");
    json_string(&error.to_string(), &mut out);
    if error.kind() != Kind::Resource
        && let Some(position) = error.position(text)
    {
        let _ = write!(
            out,
            ",\"line\":{},\"column\":{}",
            position.line, position.column
        );
    }
    if !error.calls().is_empty() {
        out.push_str(",\"calls\":[");
        for (index, call) in error.calls().iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str("{\"name\":");
            json_string(&call.name, &mut out);
            let _ = write!(
                out,
                ",\"line\":{},\"column\":{}}}",
                call.position.line, call.position.column
            );
        }
        out.push(']');
    }
    out.push('}');
    out
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
