//! A case: a request line, and what must be answered.

use serde_json::{Map, Value, json};

/// What must be answered.
pub(crate) enum Want {
    /// A value, as JSON.
    Value(&'static str),
    /// Any value.
    AnyValue,
    /// An error of one of these kinds.
    Kind(&'static [&'static str]),
    /// An error of a kind at a place.
    At(&'static str, u64, u64),
    /// A limit, whose message has one of these words.
    Limit(&'static [&'static str]),
    /// Whatever this says of the answer is right.
    Holds(fn(&Value) -> bool),
    /// An answer.
    Answer,
}

enum Line {
    Program {
        source: Box<dyn Fn() -> String + Send + Sync>,
        fields: Map<String, Value>,
    },
    Raw(Box<dyn Fn() -> Vec<u8> + Send + Sync>),
}

/// A request line, and what must be answered.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    line: Line,
    want: Want,
}

impl Case {
    /// A program without inputs.
    pub(crate) fn program(
        name: &'static str,
        source: impl Fn() -> String + Send + Sync + 'static,
        want: Want,
    ) -> Self {
        let line = Line::Program {
            source: Box::new(source),
            fields: Map::new(),
        };
        Self { name, line, want }
    }

    /// A line as it is.
    pub(crate) fn raw(
        name: &'static str,
        line: impl Fn() -> Vec<u8> + Send + Sync + 'static,
        want: Want,
    ) -> Self {
        let line = Line::Raw(Box::new(line));
        Self { name, line, want }
    }

    /// The same with further fields.
    pub(crate) fn with(mut self, more: Value) -> Self {
        if let (Line::Program { fields, .. }, Value::Object(more)) = (&mut self.line, more) {
            fields.extend(more);
        }
        self
    }

    /// Whether limits can be put into the request.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.line, Line::Program { .. })
    }

    /// The request's line, with fields more.
    pub(crate) fn line(&self, more: &Value) -> Vec<u8> {
        match &self.line {
            Line::Raw(line) => line(),
            Line::Program { source, fields } => {
                let mut object = fields.clone();
                object.extend(more.as_object().cloned().unwrap_or_default());
                if !super::process::all() {
                    // Tests are not optimized: a tenth of the work shows as much.
                    object.entry("fuel").or_insert(json!(100_000));
                }
                object.insert("source".into(), json!(source()));
                Value::Object(object).to_string().into_bytes()
            }
        }
    }

    /// Whether an answer is as it must be.
    pub(crate) fn judge(&self, answer: &str) -> Result<(), String> {
        let found: Value = serde_json::from_str(answer).unwrap_or_default();
        let error = &found["error"];
        let kind = error["kind"].as_str().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        let place = (error["line"].as_u64(), error["column"].as_u64());
        let right = match &self.want {
            Want::Value(value) => {
                let expected: Value = serde_json::from_str(value).expect("JSON");
                found["value"] == expected && error.is_null()
            }
            Want::AnyValue => error.is_null() && found.get("value").is_some(),
            Want::Kind(kinds) => kinds.contains(&kind),
            Want::At(expected, line, column) => {
                kind == *expected && place == (Some(*line), Some(*column))
            }
            Want::Limit(words) => {
                kind == "resource" && words.iter().any(|word| message.contains(word))
            }
            Want::Holds(holds) => holds(&found),
            Want::Answer => true,
        };
        if right {
            Ok(())
        } else {
            Err(format!("the answer is {answer:.400}"))
        }
    }

    /// What holds for every answer: an error of a program has a place in it, and none is huge.
    pub(crate) fn placed(&self, answer: &Value) -> Result<(), String> {
        let error = &answer["error"];
        if error.is_null() {
            return Ok(());
        }
        let kind = error["kind"].as_str().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        if message.is_empty() || message.len() > 20_000 {
            return Err(format!("a message of {} bytes", message.len()));
        }
        if kind == "internal" {
            return Err(format!("a panic: {message}"));
        }
        if matches!(kind, "resource" | "request") {
            return Ok(());
        }
        let place = (error["line"].as_u64(), error["column"].as_u64());
        match (place, &self.line) {
            ((Some(1..), Some(1..)), Line::Raw(_)) => Ok(()),
            ((Some(line @ 1..), Some(column @ 1..)), Line::Program { source, .. }) => {
                let source = source();
                let text = source.split('\n').nth(line as usize - 1);
                let inside = text.is_some_and(|text| column as usize <= text.chars().count() + 1);
                inside
                    .then_some(())
                    .ok_or_else(|| format!("{line}:{column} is no place of the text"))
            }
            _ => Err(format!("no place: {error}")),
        }
    }
}
