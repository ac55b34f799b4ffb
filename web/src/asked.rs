//! What pages ask beside values and gradients, and how they are answered.
//!
//! A request, `{"do":…}`, goes in; an object comes out: `{"ok":…}`, or `{"error":…}` with kind, message,
//! place and the drawing of it with a caret.
//!
//! **Invariants**
//! - Any text gets an answer.
//! - Places are bytes of the program's text.

use crate::fitted::{self, FitRequest};
use crate::shown::{self, Plane, Program, Run};
use crate::timed::{self, Timing};
use dmci::Error;
use dmci::fit::FitError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be asked.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Asked {
    /// What the engine is: version, names for editors, the evaluator's own text and graph.
    About,
    /// What a program takes: the names of its inputs, and its params with their initial values.
    Names(Program),
    /// A program stage by stage.
    Stages(Program),
    /// A run laid open.
    Recording(Run),
    /// A run up to a pause.
    Paused {
        #[serde(flatten)]
        run: Run,
        at: shown::At,
    },
    /// Where a run is at each pause, without cells.
    Steps {
        #[serde(flatten)]
        run: Run,
        by: shown::By,
        most: u32,
    },
    /// Values and paths on a grid of two inputs.
    Plane(Plane),
    /// A table as it is read.
    Table { table: String },
    /// A fit.
    Fit(FitRequest),
    /// The first so many steps of a fit from its initial values, one after the other.
    Descent {
        #[serde(flatten)]
        fit: FitRequest,
        steps: usize,
    },
    /// How long things take.
    Time(Timing),
}

/// Why there is no answer.
pub(crate) enum Refused {
    Program(Box<Error>, String),
    Fit(Box<FitError>, String),
    Request(String),
}

impl Refused {
    /// A program's error, with its text.
    pub(crate) fn by(text: &str) -> impl Fn(Error) -> Self {
        move |error| Self::Program(Box::new(error), text.to_owned())
    }

    fn to_json(&self) -> Value {
        let (kind, message, span, shown) = match self {
            Self::Program(error, text) => (
                error.kind().name(),
                error.to_string(),
                error.span(),
                error.render(text).to_string(),
            ),
            Self::Fit(error, text) => (
                error
                    .program_error()
                    .map_or("fit", |error| error.kind().name()),
                error.to_string(),
                error.span(),
                error.render(text).to_string(),
            ),
            Self::Request(message) => ("request", message.clone(), None, message.clone()),
        };
        json!({"kind": kind, "message": message, "span": span, "shown": shown})
    }
}

/// The answer as JSON.
pub(crate) type Answer = Result<Value, Refused>;

/// What something serializes as.
pub(crate) fn as_json(what: &impl Serialize) -> Answer {
    serde_json::to_value(what).map_err(|error| Refused::Request(error.to_string()))
}

/// Answers a request.
pub(crate) fn answer(request: &str) -> String {
    let answer = match serde_json::from_str(request) {
        Ok(asked) => answer_asked(asked),
        Err(error) => Err(Refused::Request(error.to_string())),
    };
    let answer = match answer {
        Ok(answer) => json!({"ok": answer}),
        Err(refused) => json!({"error": refused.to_json()}),
    };
    answer.to_string()
}

fn answer_asked(asked: Asked) -> Answer {
    match asked {
        Asked::About => shown::about(),
        Asked::Names(program) => shown::names(&program),
        Asked::Stages(program) => shown::stages(&program),
        Asked::Recording(run) => shown::recording(&run),
        Asked::Paused { run, at } => shown::paused(&run, at),
        Asked::Steps { run, by, most } => shown::steps(&run, by, most),
        Asked::Plane(plane) => shown::plane(&plane),
        Asked::Table { table } => fitted::table(&table),
        Asked::Fit(request) => fitted::fit(&request),
        Asked::Descent { fit, steps } => fitted::descent(&fit, steps),
        Asked::Time(timing) => timed::time(&timing),
    }
}
