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
use super::limits::LimitArgs;
use super::request::{Refused, Request};
use super::stats::{STATS, stats_of};
use crate::model::gradient::Extent;
use crate::model::json::Column;
use crate::model::lanes::{LaneValue, Place, Told};
use crate::sorted;
use crate::source::Position;
use crate::walk::output::{Room, Unwritten, check_room, json_number};
use crate::{
    Bindings, Error, EvalError, Input, Interpreter, Kind, Limits, Registry, Stats, Threads,
    Workspace, Wrt,
};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a request may take unless it, or who answers it, says otherwise.
const LIMITS: Limits = Limits::new()
    .fuel(1_000_000)
    .heap_bytes(128 << 20)
    .output_bytes(16 << 20);

/// How many further mistakes an answer tells.
const ALSO: usize = 20;

/// The longest text of which an answer tells more mistakes than the first, which takes expanding it once
/// more.
const ALSO_BYTES: usize = 1 << 18;

/// How much of a message is told, and of a name, in bytes.
const MESSAGE: usize = 2000;
const NAME: usize = 200;

/// Answers one request line.
pub fn answer(interpreter: &Interpreter, line: &str) -> String {
    Answerer::new(interpreter.clone()).answer(line)
}

/// Answers request lines, with one workspace for all of them.
#[derive(Debug)]
pub struct Answerer {
    interpreter: Interpreter,
    threads: Threads,
    limits: Limits,
    /// How long an answer may take.
    time: Option<Duration>,
    /// Whether a request may not raise the limits.
    capped: bool,
    workspace: Workspace,
}

impl Answerer {
    /// Answers with the given interpreter.
    pub fn new(interpreter: Interpreter) -> Self {
        Self {
            interpreter,
            threads: Threads::ALL,
            limits: LIMITS,
            time: None,
            capped: false,
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

    /// The same within other limits, which requests may lower, and raise unless they are capped.
    pub(super) fn within(self, limits: &LimitArgs, capped: bool) -> Self {
        let time = limits.time();
        // A time begins with each request.
        let limits = limits.within(self.limits).deadline(None);
        Self {
            limits,
            time,
            capped,
            ..self
        }
    }

    /// Answers one request line.
    pub fn answer(&mut self, line: &str) -> String {
        let mut out = String::new();
        json::object(&mut out, |answer| match Request::read(line, self.time) {
            Ok(request) => self.answer_request(&request, answer),
            Err(Refused { id, error }) => {
                if let Some(id) = id {
                    answer.raw("id", id);
                }
                write_error(&error, "", answer);
            }
        });
        out
    }

    fn answer_request(&mut self, request: &Request<'_>, answer: &mut Object<'_>) {
        if let Some(id) = request.id {
            answer.raw("id", id);
        }
        let beginning = answer.mark();
        let result = self.evaluate(request, answer);
        if let Err(error) = &result {
            // What was written by then is no answer.
            answer.back_to(beginning);
            write_error(error, &request.source, answer);
            let also = self.also(error, request);
            if !also.is_empty() {
                answer.objects("also", &also, |(kind, message, position), mistake| {
                    mistake.text("kind", kind);
                    mistake.text("message", &cut(message, MESSAGE));
                    mistake.place(*position);
                });
            }
        }
        if request.stats {
            let stats = stats_of(result.as_ref().copied());
            answer.object("stats", |all| {
                members(&STATS, &stats, all);
                all.plain("fuel", stats.fuel);
            });
        }
    }

    /// The interpreter for programs that call some models, each a text.
    fn calling(&self, models: &[(String, String)], limits: &Limits) -> Result<Interpreter, Error> {
        let registry = Registry::new();
        let interpreter = self.interpreter.within(limits);
        for (name, text) in models {
            let model = interpreter.model(text).map_err(|error| {
                if error.kind() == Kind::Resource {
                    return error;
                }
                let position = error.position(text);
                let place = position.map_or_else(String::new, |position| format!(" at {position}"));
                Error::Request(format!("the model `{name}`{place}: {error}"))
            })?;
            registry.insert(name, model);
        }
        Ok(interpreter.with_models(&registry))
    }

    /// What else is known to be wrong with a program that fails, in the order of its text: kind, message
    /// and place.
    fn also(&self, error: &Error, request: &Request<'_>) -> Vec<(&'static str, String, Position)> {
        if !matches!(error, Error::Expand(_) | Error::Eval(_)) || error.kind() == Kind::Resource {
            return Vec::new();
        }
        let text: &str = &request.source;
        let given = request.names();
        let mut all: Vec<_> = error
            .also()
            .iter()
            .map(|mistake| (mistake.kind, mistake.message.clone(), mistake.span))
            .collect();
        if request.models.is_empty()
            && text.len() <= ALSO_BYTES
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
        sorted::by_key(&mut all, |(_, _, span)| span.start);
        all.truncate(ALSO);
        let told = all.into_iter();
        told.map(|(kind, message, span)| (kind.name(), message, span.position(text)))
            .collect()
    }

    /// Writes what a request asks for; gives what it took. What it has written when it fails is no answer.
    fn evaluate(&mut self, request: &Request<'_>, answer: &mut Object<'_>) -> Result<Stats, Error> {
        if !request.prelude {
            return Err(Error::Request(
                "programs without the prelude are not supported; leave `prelude` out".into(),
            ));
        }
        if self.capped
            && let Some(error) = request.beyond(&self.limits, self.time)
        {
            return Err(error);
        }
        let limits = match self.time {
            Some(time) => self.limits.timeout(request.left(time)),
            None => self.limits,
        };
        let mut limits = request.limits(limits);
        let room = Room::within(&limits);
        let bindings = &request.inputs;
        let mut numbers: Vec<(&str, &[f64])> = Vec::new();
        let mut inputs: Vec<(&str, &[Input])> = Vec::new();
        let mut names = Cow::Borrowed(bindings);
        for (name, column) in request.lanes.iter().flatten() {
            let first = match column {
                Column::Numbers(column) => {
                    numbers.push((name, column));
                    Input::Number(column.first().copied().unwrap_or(0.0))
                }
                Column::Inputs(column) => {
                    inputs.push((name, column));
                    column.first().cloned().unwrap_or(Input::Number(0.0))
                }
            };
            names.to_mut().set(name, first);
        }
        let mode = request.mode.into();
        let model = match request.models.as_slice() {
            [] => self.interpreter.within(&limits),
            models => self.calling(models, &limits)?,
        };
        let model = model.model_for(&request.source, &names, mode)?;
        let model = model.with_relaxation(request.relaxation)?;
        let model = model.with_threads(self.threads.clone());
        let wrt: Option<Vec<&str>> = request
            .wrt
            .as_ref()
            .map(|wrt| wrt.iter().map(String::as_str).collect());
        let workspace = &mut self.workspace;
        if request.lanes.is_none() {
            let asked = wrt.as_deref().map_or(Wrt::Nothing, Wrt::Names);
            let evaluation = model.evaluate(bindings, asked, &limits, workspace)?;
            answer.value(&evaluation.value, &room)?;
            if let Some(wrt) = wrt {
                answer.grad(wrt, &evaluation, &room)?;
            }
            return Ok(evaluation.stats);
        }
        let wrt = wrt.unwrap_or_default();
        let lanes = request.lanes.iter().flatten().map(|(_, column)| column);
        let lanes = lanes.map(Column::len).max().unwrap_or(0);
        leave_time(&mut limits, lanes.saturating_mul(1 + wrt.len()));
        let result = model
            .value_and_grad_lanes_of_both(bindings, &numbers, &inputs, &wrt, &limits, workspace)?;
        // The least that a lane takes.
        check_room(answer.member("values"), 4 * result.count(), room.bytes)?;
        write_lanes(&result, model.text(), wrt.is_empty(), answer.out(), &room)?;
        let result = result.lanes;
        if !wrt.is_empty() {
            let places = result.places(|_| 0);
            answer.object("grad", |grad| {
                wrt.iter().try_for_each(|name| {
                    let place = places.get(*name).copied();
                    lane_gradient(&result, name, place, &names, grad.member(name), &room)
                })
            })?;
        }
        Ok(result.stats)
    }
}

/// Leaves time to write so many numbers: a part of what there is, at most half of it.
fn leave_time(limits: &mut Limits, numbers: usize) {
    /// For one, in nanoseconds.
    const NUMBER: u64 = 100;
    let needed = Duration::from_nanos(NUMBER.saturating_mul(numbers as u64));
    if let Some(deadline) = limits.deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        limits.deadline = deadline.checked_sub(needed.min(left / 2));
    }
}

/// Looks at the time at some of many lanes.
fn look_at(room: &Room, lane: usize) -> Result<(), Unwritten> {
    if lane % 256 == 255 {
        room.check_time()?;
    }
    Ok(())
}

/// Writes what lanes came to. Where time runs out meanwhile, those that are not written have that error if
/// lanes stand for themselves; else there is no answer.
fn write_lanes(
    told: &Told,
    text: &str,
    for_themselves: bool,
    out: &mut String,
    room: &Room,
) -> Result<(), Unwritten> {
    let mut late = None;
    // The error that was written last, and where: lanes that fail alike share it.
    let mut last: Option<(*const EvalError, Range<usize>)> = None;
    json::try_list(told.values().enumerate(), out, |(lane, value), out| {
        let start = out.len();
        let is_late = late.is_some();
        let written = match value {
            _ if is_late => Err(Unwritten::Late),
            LaneValue::Failed(error) => {
                let known = last.as_ref().filter(|known| known.0 == Arc::as_ptr(error));
                if let Some((_, known)) = known {
                    out.extend_from_within(known.clone());
                } else {
                    let error = Error::Eval(error.clone());
                    json::object(out, |lane| write_error(&error, text, lane));
                }
                last = Some((Arc::as_ptr(error), start..out.len()));
                check_room(out, 0, room.bytes)
            }
            LaneValue::Refused(error) => {
                json::object(out, |lane| write_error(error, text, lane));
                check_room(out, 0, room.bytes)
            }
            LaneValue::Number(x) => {
                json_number(x, out);
                check_room(out, 0, room.bytes)
            }
            LaneValue::Output(value) => value.write_json(out, room),
        };
        match written.and_then(|()| look_at(room, lane)) {
            Err(Unwritten::Late) if for_themselves => {
                out.truncate(start);
                let error = late.get_or_insert_with(|| {
                    let mut text = String::new();
                    let error = Error::from(Unwritten::Late);
                    json::object(&mut text, |lane| write_error(&error, "", lane));
                    text
                });
                out.push_str(error);
                check_room(out, 0, room.bytes)
            }
            written => written,
        }
    })
}

fn lane_gradient(
    lanes: &crate::Lanes,
    name: &str,
    place: Option<Place>,
    bindings: &Bindings,
    out: &mut String,
    room: &Room,
) -> Result<(), Unwritten> {
    let most = room.bytes;
    if let Some(Place::Shared(at)) = place {
        json_number(lanes.shared[at].1, out);
        return Ok(());
    }
    let shape = bindings.get(name).map(Input::shape);
    let nested = |numbers: &[f64], out: &mut String| {
        // None has fewer than four bytes, as `0.0,`.
        check_room(out, 4 * numbers.len(), most)?;
        match shape {
            Some(Ok(Some(shape))) => Extent::of(shape).json(numbers, out, room),
            _ => Extent::List(numbers.len()).json(numbers, out, room),
        }
    };
    if let Some(Place::SharedList(at)) = place {
        return nested(&lanes.shared_lists[at].1, out);
    }
    if let Some(Place::EachList(at, _)) = place {
        let rows = &lanes.per_lane_lists[at].1;
        return json::try_list(rows.iter().enumerate(), out, |(lane, row), out| {
            look_at(room, lane)?;
            if let Some(row) = row {
                nested(row, out)
            } else {
                out.push_str("null");
                Ok(())
            }
        });
    }
    let column: &[Option<f64>] = match place {
        Some(Place::Each(at)) => &lanes.per_lane[at].1,
        _ => &[],
    };
    check_room(out, 4 * column.len(), most)?;
    json::try_list(column.iter().enumerate(), out, |(lane, number), out| {
        look_at(room, lane)?;
        if let Some(number) = number {
            json_number(*number, out);
            check_room(out, 0, most)
        } else {
            out.push_str("null");
            Ok(())
        }
    })
}

/// `"error":{…}` for a program's error.
fn write_error(error: &Error, text: &str, answer: &mut Object<'_>) {
    answer.object("error", |fault| {
        fault.text("kind", error.kind().name());
        fault.text("message", &cut(&error.to_string(), MESSAGE));
        if error.kind() != Kind::Resource
            && let Some(position) = error.position(text)
        {
            fault.place(position);
            if let Some(model) = error.model() {
                fault.text("model", &cut(&model.name, NAME));
            }
        }
        if !error.calls().is_empty() {
            fault.objects("calls", error.calls(), |call, frame| {
                frame.text("name", &cut(&call.name, NAME));
                frame.place(call.position);
                if let Some(model) = &call.model {
                    frame.text("model", &cut(model, NAME));
                }
            });
        }
    });
}

/// A text of so many bytes at the most: its beginning, and how much more there was.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}… ({} bytes in all)", &text[..end], text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of lanes when time is up from the start.
    fn late(text: &str, for_themselves: bool) -> (String, bool) {
        let model = Interpreter::embedded().model(text).expect("a program");
        let column: Vec<f64> = (0..1000).map(f64::from).collect();
        let told = model.value_and_grad_lanes_of_both(
            &Bindings::new(),
            &[("x", &column)],
            &[],
            &[],
            &Limits::new(),
            &mut Workspace::new(),
        );
        let room = Room::within(&Limits::new().timeout(Duration::ZERO));
        let mut out = String::new();
        let told = told.expect("lanes");
        let written = write_lanes(&told, text, for_themselves, &mut out, &room);
        (out, written.is_ok())
    }

    #[test]
    fn lanes_that_are_not_written_in_time_say_so_and_keep_no_other_from_it() {
        for text in ["(* x 1.5)", "(list x (if (> x 99) (car x) 1))"] {
            let (out, is_whole) = late(text, true);
            assert!(is_whole);
            let all: Vec<serde_json::Value> = serde_json::from_str(&out).expect("JSON");
            assert_eq!(all.len(), 1000);
            for (lane, value) in all.iter().enumerate() {
                let message = value["error"]["message"].as_str().unwrap_or_default();
                let is_late = lane >= 255;
                let fails = lane > 99 && text.contains("car");
                assert_eq!(
                    message.starts_with("out of time"),
                    is_late,
                    "{lane}: {value}"
                );
                assert_eq!(
                    message.contains("car"),
                    fails && !is_late,
                    "{lane}: {value}"
                );
                assert!(is_late || fails || value.is_number() || value.is_array());
            }
            assert!(!late(text, false).1);
        }
    }

    #[test]
    fn half_of_the_time_is_for_writing_at_the_most() {
        let usual = Limits::new().timeout(Duration::from_secs(1000));
        let left = |numbers: usize| {
            let mut limits = usual;
            leave_time(&mut limits, numbers);
            usual.deadline.expect("one") - limits.deadline.expect("one")
        };
        assert_eq!(left(0), Duration::ZERO);
        assert_eq!(left(1000), Duration::from_micros(100));
        assert!((499..=500).contains(&left(usize::MAX).as_secs()));
        let mut none = Limits::new();
        leave_time(&mut none, 1000);
        assert_eq!(none, Limits::new());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ab", 2), "ab");
        assert_eq!(cut("aéb", 2), "a… (4 bytes in all)");
    }
}
