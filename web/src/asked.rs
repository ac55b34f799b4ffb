//! What pages ask beside values and gradients, and how they are answered.
//!
//! A request, `{"do":…}`, goes in; an object comes out: `{"ok":…}`, or `{"error":…}` with kind, message,
//! place and the drawing of it with a caret.
//!
//! **Invariants**
//! - Any text gets an answer.
//! - Places are bytes of the program's text.

use crate::{fitted, shown, timed};
use dmci::Error;
use dmci::fit::FitError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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

/// A part of what is asked, by its name.
fn taken<T: DeserializeOwned>(asked: &mut Value, name: &str) -> Result<T, Refused> {
    match asked.get_mut(name) {
        Some(part) => read(part.take()),
        None => Err(Refused::Request(format!("missing field `{name}`"))),
    }
}

/// The same where it may be missing.
fn taken_if_there<T: DeserializeOwned>(
    asked: &mut Value,
    name: &str,
) -> Result<Option<T>, Refused> {
    match asked.get_mut(name) {
        Some(part) => read(part.take()),
        None => Ok(None),
    }
}

fn read<T: DeserializeOwned>(asked: Value) -> Result<T, Refused> {
    serde_json::from_value(asked).map_err(|error| Refused::Request(error.to_string()))
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

/// Parts are taken one by one: what serde makes of a tagged enum with flattened parts is twice as long as all
/// it reads.
fn answer_asked(mut asked: Value) -> Answer {
    let what: String = taken(&mut asked, "do")?;
    let asked = &mut asked;
    match what.as_str() {
        // What the engine is: version, names for editors, the evaluator's own text and graph.
        "about" => shown::about(),
        // What a program takes: the names of its inputs, and its params with their initial values.
        "names" => shown::names(&read(asked.take())?),
        // A program stage by stage.
        "stages" => shown::stages(&read(asked.take())?),
        // A run laid open.
        "recording" => shown::recording(&read(asked.take())?),
        // A run up to a pause.
        "paused" => {
            let at = taken(asked, "at")?;
            shown::paused(&read(asked.take())?, at)
        }
        // Where a run is at each pause, without cells.
        "steps" => {
            let (by, most) = (taken(asked, "by")?, taken(asked, "most")?);
            shown::steps(&read(asked.take())?, by, most)
        }
        // Values and paths on a grid of two inputs.
        "plane" => {
            let (x, y) = (taken(asked, "x")?, taken(asked, "y")?);
            shown::plane(&read(asked.take())?, &x, &y)
        }
        // A table as it is read.
        "table" => fitted::table(&taken::<String>(asked, "table")?),
        // A fit.
        "fit" => fitted::fit(&read(asked.take())?),
        // The first so many steps of a fit from its initial values, one after the other.
        "descent" => {
            let steps = taken(asked, "steps")?;
            fitted::descent(&read(asked.take())?, steps)
        }
        // How long things take.
        "time" => {
            let lane = taken_if_there(asked, "lane")?;
            let milliseconds = taken_if_there(asked, "milliseconds")?;
            timed::time(&read(asked.take())?, lane, milliseconds.unwrap_or(100.0))
        }
        _ => Err(Refused::Request(format!("nothing is done as `{what}`"))),
    }
}
