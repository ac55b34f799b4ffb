//! A request of `dmci eval --jsonl`: what one line asks for.
//!
//! A line goes in; a [`Request`] comes out, or the error to answer with and the line's id.
//!
//! **Invariants**
//! - A name stands once: among the members of a request, among inputs and lanes, and in one of these.
//! - An id is JSON that every reader takes, of [`ID`] bytes at the most: it is part of the answer.
//! - Reading takes memory in proportion to the line, and ends soon after the request's deadline: a long line
//!   is skimmed for that first.

use super::program::ModeArg;
use super::skim::{skim, time_of};
use crate::error::cut;
use crate::model::json::{Column, NamedColumns, NamedInputs, Wrong};
use crate::sorted;
use crate::walk::{Clock, Limits, OUT_OF_TIME};
use crate::{Bindings, Error, EvalError, Kind, Relaxation};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The longest id, in bytes.
const ID: usize = 1024;

/// From how many bytes on reading a line may take long: some ten milliseconds.
const LONG: usize = 1 << 18;

/// What a byte of a line takes to come in, in nanoseconds.
const COMING: u64 = 2;

/// What a line asks for.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// As it is written.
    pub(super) id: Option<&'a str>,
    pub(super) source: Cow<'a, str>,
    pub(super) inputs: Bindings,
    /// In alphabetical order.
    pub(super) lanes: Option<Vec<(String, Column)>>,
    pub(super) wrt: Option<Vec<String>>,
    pub(super) mode: ModeArg,
    pub(super) prelude: bool,
    pub(super) relaxation: Relaxation,
    pub(super) stats: bool,
    /// Programs that the program may call, by their names.
    pub(super) models: Vec<(String, String)>,
    asked: Asked,
    /// Since when it is read.
    begun: Clock,
}

/// The limits that a request names.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    fuel: Option<u64>,
    heap_bytes: Option<u64>,
    depth: Option<u64>,
    timeout: Option<Duration>,
    text_bytes: Option<u64>,
    output_bytes: Option<u64>,
    trace_bytes: Option<u64>,
}

/// A line that is no request.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    /// Its id, where it has one that can be answered with.
    pub(super) id: Option<&'a str>,
    pub(super) error: Error,
}

impl<'a> Request<'a> {
    /// Reads a line, which may take so long unless it says otherwise.
    pub(super) fn read(line: &'a str, time: Option<Duration>) -> Result<Self, Refused<'a>> {
        let begun = Clock::start();
        let skimmed = (line.len() >= LONG).then(|| skim(line, time)).flatten();
        let id = skimmed.and_then(|skimmed| skimmed.id);
        if let Some(id) = id
            && id.len() > ID
            && let Err(message) = checked_id(id)
        {
            let error = Error::Request(message);
            return Err(Refused { id: None, error });
        }
        let time = skimmed.and_then(|skimmed| skimmed.timeout);
        // To come in took a long line some of its time.
        let came = Duration::from_nanos(COMING.saturating_mul(line.len() as u64));
        let time = time.map(|time| begun.left(time).saturating_sub(came));
        let deadline = time.and_then(|time| Limits::new().timeout(time).deadline);
        let wrong = Wrong::until(deadline);
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = deserializer.deserialize_map(Line(&wrong, begun));
        let read = read.and_then(|request| deserializer.end().map(|()| request));
        read.map_err(|error| {
            let id = match skimmed {
                // Reading it once more takes time as well.
                Some(_) => id.filter(|id| is_json(id) && checked_id(id).is_ok()),
                None => id_of(line),
            };
            let error = if wrong.is_late() {
                EvalError::new(Kind::Resource, OUT_OF_TIME.to_owned()).into()
            } else {
                let said = wrong.said();
                Error::Request(said.unwrap_or_else(|| format!("this line is no request: {error}")))
            };
            Refused { id, error }
        })
    }

    /// The names of inputs and lanes.
    pub(super) fn names(&self) -> Vec<&str> {
        let lanes = self.lanes.iter().flatten().map(|(name, _)| name.as_str());
        self.inputs.names().chain(lanes).collect()
    }

    /// What is left of a time: it began when the request's line was there.
    pub(super) fn left(&self, time: Duration) -> Duration {
        self.begun.left(time)
    }

    /// The limits that it names, the others as they are.
    pub(super) fn limits(&self, others: Limits) -> Limits {
        let asked = &self.asked;
        let bytes = |asked: Option<u64>, other: usize| {
            asked.map_or(other, |count| usize::try_from(count).unwrap_or(usize::MAX))
        };
        let limits = Limits {
            fuel: asked.fuel.unwrap_or(others.fuel),
            heap_bytes: bytes(asked.heap_bytes, others.heap_bytes),
            depth: bytes(asked.depth, others.depth),
            trace_bytes: bytes(asked.trace_bytes, others.trace_bytes),
            text_bytes: bytes(asked.text_bytes, others.text_bytes),
            output_bytes: bytes(asked.output_bytes, others.output_bytes),
            ..others
        };
        match asked.timeout {
            Some(time) => limits.timeout(self.left(time)),
            None => limits,
        }
    }

    /// The limits that it asks more of than there is to have.
    pub(super) fn beyond(&self, most: &Limits, time: Option<Duration>) -> Option<Error> {
        let asked = &self.asked;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let all = [
            ("fuel", asked.fuel, most.fuel),
            ("heap_bytes", asked.heap_bytes, most.heap_bytes as u64),
            ("depth", asked.depth, most.depth as u64),
            (
                "timeout_ms",
                asked.timeout.map(millis),
                time.map_or(u64::MAX, millis),
            ),
            ("text_bytes", asked.text_bytes, most.text_bytes as u64),
            ("output_bytes", asked.output_bytes, most.output_bytes as u64),
            ("trace_bytes", asked.trace_bytes, most.trace_bytes as u64),
        ];
        let (name, asked, most) = all
            .into_iter()
            .find(|(_, asked, most)| asked.is_some_and(|asked| asked > *most))?;
        let asked = asked.unwrap_or_default();
        Some(Error::Request(format!(
            "`{name}` is {asked}, and {most} is the most that may be asked for here"
        )))
    }
}

/// The members of a request.
const MEMBERS: [&str; 19] = [
    "id",
    "source",
    "inputs",
    "lanes",
    "wrt",
    "mode",
    "prelude",
    "fuel",
    "heap_bytes",
    "depth",
    "timeout_ms",
    "text_bytes",
    "output_bytes",
    "trace_bytes",
    "temperature",
    "hard",
    "gumbel_seed",
    "stats",
    "models",
];

/// A member's place among [`MEMBERS`], or what it is called.
struct Member(Result<usize, String>);

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                let known = MEMBERS.iter().position(|member| *member == name);
                Ok(Member(known.ok_or_else(|| cut(name))))
            }
        }
        from.deserialize_str(Name)
    }
}

/// A whole number that is not negative; 1e6 is one.
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, 0 or more")
            }

            fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }

            fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Count, E> {
                // The first that is no u64 is 2^64; `as` has the last for all above.
                if x >= 0.0 && x.fract() == 0.0 {
                    return Ok(Count(x as u64));
                }
                Err(E::invalid_value(serde::de::Unexpected::Float(x), &self))
            }
        }
        from.deserialize_u64(Whole)
    }
}

struct Line<'w>(&'w Wrong, Clock);

impl<'de> Visitor<'de> for Line<'_> {
    type Value = Request<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"id\":1,\"source\":\"(+ 1 2)\"}")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Request<'de>, M::Error> {
        let Self(wrong, begun) = self;
        let mut seen = 0_u32;
        let mut source = None;
        let mut request = Request {
            id: None,
            source: Cow::Borrowed(""),
            inputs: Bindings::new(),
            lanes: None,
            wrt: None,
            mode: ModeArg::default(),
            prelude: true,
            relaxation: Relaxation::default(),
            stats: false,
            models: Vec::new(),
            asked: Asked::default(),
            begun,
        };
        while let Some(Member(member)) = map.next_key()? {
            let member = member.map_err(|name| {
                let known = MEMBERS.join(", ");
                wrong.say(format!(
                    "`{name}` is no member of a request; those are {known}"
                ))
            })?;
            let name = MEMBERS[member];
            if seen & 1 << member != 0 {
                let message = format!("`{name}` is given twice in this request; give it once");
                return Err(wrong.say(message));
            }
            seen |= 1 << member;
            let asked = &mut request.asked;
            let read = match name {
                "id" => {
                    let id: &RawValue = map.next_value()?;
                    let id = checked_id(id.get()).map_err(|message| wrong.say(message))?;
                    request.id = Some(id);
                    Ok(())
                }
                "source" => map.next_value().map(|Text(text)| source = Some(text)),
                "inputs" => map
                    .next_value_seed(NamedInputs(wrong))
                    .map(|inputs| request.inputs = inputs),
                "lanes" => map
                    .next_value_seed(Maybe(NamedColumns(wrong)))
                    .map(|lanes| request.lanes = lanes),
                "wrt" => map
                    .next_value_seed(Maybe(Names(wrong)))
                    .map(|wrt| request.wrt = wrt),
                "mode" => map.next_value().map(|mode| request.mode = mode),
                "prelude" => map.next_value().map(|prelude| request.prelude = prelude),
                "temperature" => map
                    .next_value()
                    .map(|temperature| request.relaxation.temperature = temperature),
                "hard" => map.next_value().map(|hard| request.relaxation.hard = hard),
                "gumbel_seed" => map
                    .next_value()
                    .map(|seed| request.relaxation.gumbel_seed = seed),
                "stats" => map.next_value().map(|stats| request.stats = stats),
                "models" => map.next_value_seed(NamedTexts(wrong)).map(|models| {
                    request.models = models;
                }),
                "timeout_ms" => map.next_value().and_then(|millis: Option<f64>| {
                    if millis.is_some_and(|millis| millis < 0.0) {
                        return Err(M::Error::custom("give milliseconds, 0 or more"));
                    }
                    asked.timeout = millis.map(time_of);
                    Ok(())
                }),
                _ => map.next_value().map(|count: Option<Count>| {
                    let limit = match name {
                        "fuel" => &mut asked.fuel,
                        "heap_bytes" => &mut asked.heap_bytes,
                        "depth" => &mut asked.depth,
                        "text_bytes" => &mut asked.text_bytes,
                        "output_bytes" => &mut asked.output_bytes,
                        _ => &mut asked.trace_bytes,
                    };
                    *limit = count.map(|Count(count)| count);
                }),
            };
            read.map_err(|error: M::Error| M::Error::custom(format_args!("`{name}`: {error}")))?;
        }
        let Some(source) = source else {
            let message = "this line is no request: it has no `source`, the program to evaluate";
            return Err(wrong.say(message.into()));
        };
        request.source = source;
        let lanes = request.lanes.iter().flatten();
        if let Some((name, _)) = { lanes }.find(|(name, _)| request.inputs.get(name).is_some()) {
            return Err(wrong.say(format!(
                "`{}` is among the inputs and among the lanes; give it in one of them",
                cut(name)
            )));
        }
        Ok(request)
    }
}

/// Programs by name.
struct NamedTexts<'w>(&'w Wrong);

impl<'de> DeserializeSeed<'de> for NamedTexts<'_> {
    type Value = Vec<(String, String)>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NamedTexts<'_> {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a program for each name")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut texts: Vec<(String, String)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            self.0.look()?;
            texts.push(entry);
        }
        sorted::by(&mut texts, |(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = texts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let message = format!(
                "the model `{}` is given twice; give it once",
                cut(&pair[0].0)
            );
            return Err(self.0.say(message));
        }
        Ok(texts)
    }
}

/// Names in an array.
struct Names<'w>(&'w Wrong);

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As serde says it of a `Vec`.
        f.write_str("a sequence")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        let mut names = Vec::new();
        while let Some(name) = elements.next_element()? {
            self.0.look()?;
            names.push(name);
        }
        Ok(names)
    }
}

/// A text, borrowed where it can be.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Any)
    }
}

/// What may be `null`.
struct Maybe<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Maybe<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Maybe<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(from).map(Some)
    }
}

/// An id that can be answered with; else why not.
fn checked_id(id: &str) -> Result<&str, String> {
    if id.len() > ID {
        return Err(format!(
            "the id has {} bytes; {ID} is the most that one may have",
            id.len()
        ));
    }
    // What every reader of JSON takes as it is: most ids.
    let digits = id.len() <= 15 && id.bytes().all(|byte| byte.is_ascii_digit());
    let plain = id.starts_with('"') && !id.contains('\\');
    if digits || plain {
        return Ok(id);
    }
    match serde_json::from_str::<serde_json::Value>(id) {
        Ok(_) => Ok(id),
        Err(error) => Err(format!(
            "the id is nothing that every reader of JSON takes: {error}"
        )),
    }
}

/// Whether a text is one JSON value.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The id of a line that is no request but an object all the same, if it can be answered with.
pub(super) fn id_of(line: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct OnlyId<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let only: OnlyId<'_> = serde_json::from_str(line).ok()?;
    checked_id(only.id.get()).ok()
}

/// The id that a line begins with, as far as it is there.
pub(super) fn first_id(beginning: &str) -> Option<&str> {
    let rest = beginning.trim_start().strip_prefix('{')?;
    let rest = rest.trim_start().strip_prefix("\"id\"")?;
    let rest = rest.trim_start().strip_prefix(':')?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    let id = values.next()?.ok()?;
    // Of a number that is cut there is no telling.
    let is_whole = rest.trim_start().len() > id.get().len();
    checked_id(id.get()).ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> (Option<&str>, String) {
        let refused = Request::read(line, None).expect_err(line);
        (refused.id, refused.error.to_string())
    }

    #[test]
    fn names_stand_once() {
        for (line, part) in [
            (
                r#"{"id":1,"source":"x","inputs":{"x":1,"x":2}}"#,
                "the input `x` is given twice",
            ),
            (
                r#"{"id":1,"source":"x","lanes":{"x":[1],"y":[1],"x":[2,3]}}"#,
                "the lane input `x` is given twice",
            ),
            (
                r#"{"id":1,"source":"x","lanes":{"x":[1]},"inputs":{"x":1}}"#,
                "among the lanes",
            ),
            (
                r#"{"id":1,"source":"x","source":"y"}"#,
                "`source` is given twice",
            ),
            (
                r#"{"id":1,"source":"x","bogus":2}"#,
                "`bogus` is no member of a request; those are id, source",
            ),
        ] {
            let (id, message) = refused(line);
            assert_eq!(id, Some("1"), "{line}");
            assert!(message.contains(part), "{message}");
        }
        // Which of two would it be?
        let (id, message) = refused(r#"{"id":1,"source":"x","id":2}"#);
        assert_eq!(id, None);
        assert!(message.contains("`id` is given twice"), "{message}");
    }

    #[test]
    fn what_is_no_input_is_named() {
        for (line, said) in [
            (
                r#"{"source":"x","inputs":{"x":"1"}}"#,
                "the input `x` is \"1\"; inputs are numbers",
            ),
            (
                r#"{"source":"x","inputs":{"x":null}}"#,
                "the input `x` is null; inputs are",
            ),
            (
                r#"{"source":"x","inputs":{"x":[1,"b"]}}"#,
                "the input `x` holds \"b\"; inputs are",
            ),
            (
                r#"{"source":"x","inputs":{"x":[[1],[1,2]]}}"#,
                "the input `x`: row 1 of a matrix has 2",
            ),
            (
                r#"{"source":"x","inputs":{"x":{"list":[1],"n":1}}}"#,
                "the input `x` is a list with \"n\"",
            ),
            (
                r#"{"source":"x","inputs":{"x":{"n":1}}}"#,
                "the input `x` is an object with \"n\"",
            ),
            (
                r#"{"source":"x","lanes":{"x":[1,true]}}"#,
                "lane 1 of the input `x` is true; inputs are",
            ),
            (
                r#"{"source":"x","lanes":{"x":3}}"#,
                "the lane input `x` is 3; give an array",
            ),
            (
                r#"{"source":"x","fuel":-1}"#,
                "this line is no request: `fuel`: ",
            ),
            (r#"{"source":"x","fuel":1.5}"#, "a whole number, 0 or more"),
            (
                r#"{"source":"x","timeout_ms":-1}"#,
                "`timeout_ms`: give milliseconds",
            ),
            (r#"{"source":7}"#, "`source`: invalid type"),
            (r#"{"id":2}"#, "it has no `source`"),
            ("[1]", "an object such as"),
        ] {
            let (_, message) = refused(line);
            assert!(message.contains(said), "{message}");
        }
        let long = format!(
            r#"{{"source":"x","inputs":{{"{}":"{}"}}}}"#,
            "n".repeat(9999),
            "v".repeat(9999)
        );
        assert!(refused(&long).1.len() < 600);
    }

    #[test]
    fn ids_are_json_that_every_reader_takes() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for id in [
            "1e4001",
            r#""\ud800""#,
            &deep,
            &format!("\"{}\"", "a".repeat(1023)),
        ] {
            let line = format!(r#"{{"id":{id},"source":"1"}}"#);
            let (kept, message) = refused(&line);
            assert_eq!(kept, None);
            assert!(
                message.starts_with("the id ") && message.len() < 200,
                "{message}"
            );
        }
        for id in [
            "1",
            "-1.5e3",
            r#""a\nb""#,
            "null",
            r#"{"a":[1]}"#,
            "123456789012345678901",
        ] {
            let line = format!(r#"{{"source":"1","id":{id}}}"#);
            assert_eq!(Request::read(&line, None).expect("a request").id, Some(id));
        }
    }

    #[test]
    fn limits_are_those_of_the_request() {
        let line = r#"{"source":"1","fuel":1e3,"heap_bytes":5,"depth":6,"text_bytes":7,
            "output_bytes":8,"trace_bytes":9,"timeout_ms":1e300}"#;
        let request = Request::read(line, None).expect("a request");
        let limits = request.limits(Limits::new());
        let expected = Limits::new()
            .fuel(1000)
            .heap_bytes(5)
            .depth(6)
            .text_bytes(7);
        let expected = expected.output_bytes(8).trace_bytes(9);
        assert_eq!(limits.deadline(None), expected);
        let most = Limits::new().fuel(999);
        let beyond = request.beyond(&most, None).expect("too much").to_string();
        assert_eq!(
            beyond,
            "`fuel` is 1000, and 999 is the most that may be asked for here"
        );
        assert!(request.beyond(&Limits::new(), None).is_none());
    }

    #[test]
    fn a_line_that_is_cut_may_have_an_id() {
        assert_eq!(first_id(r#" {"id": "a", "source":"((("#), Some("\"a\""));
        assert_eq!(first_id(r#"{"id":12"#), None);
        assert_eq!(first_id(r#"{"id":"12"#), None);
        assert_eq!(first_id(r#"{"source":"1","id":1"#), None);
    }

    #[test]
    fn a_long_line_is_read_until_its_deadline_and_answered_by_its_id() {
        let many = |unit: &str| vec![unit; (LONG + 1000) / unit.len()].join(",");
        let members = [
            format!(r#""lanes":{{"x":[{}]}}"#, many("1")),
            format!(r#""lanes":{{"x":[{}]}}"#, many("[1,2]")),
            format!(r#""lanes":{{"x":[{}]}}"#, many(r#"{"list":[1,2]}"#)),
            format!(r#""inputs":{{"x":[{}]}}"#, many("1")),
            format!(r#""inputs":{{"x":[{}]}}"#, many("[1]")),
            format!(r#""inputs":{{"x":[[{}]]}}"#, many("1")),
            format!(r#""inputs":{{"x":{{"list":[{}]}}}}"#, many("1")),
            format!(r#""wrt":[{}]"#, many(r#""x""#)),
            format!(r#""inputs":{{{}}}"#, {
                let all: Vec<String> = (0..LONG / 8).map(|i| format!(r#""i{i}":1"#)).collect();
                all.join(",")
            }),
        ];
        let late = OUT_OF_TIME;
        for member in &members {
            // Wherever the time stands; the line's own goes before what is given.
            for (line, time) in [
                (
                    format!(r#"{{"id":"a","source":"1","timeout_ms":0,{member}}}"#),
                    None,
                ),
                (
                    format!(r#"{{"source":"1",{member},"timeout_ms":0,"id":"a"}}"#),
                    Some(u64::MAX),
                ),
                (format!(r#"{{"source":"1",{member},"id":"a"}}"#), Some(0)),
            ] {
                let time = time.map(Duration::from_millis);
                let refused = Request::read(&line, time).expect_err("it is late");
                assert_eq!(
                    (refused.id, refused.error.to_string().as_str()),
                    (Some("\"a\""), late)
                );
                assert_eq!(refused.error.kind(), Kind::Resource);
            }
            for line in [
                format!(r#"{{"source":"1",{member},"timeout_ms":1e9}}"#),
                format!(r#"{{"source":"1",{member}}}"#),
            ] {
                let time = line.contains("timeout_ms").then_some(Duration::ZERO);
                assert!(Request::read(&line, time).is_ok());
            }
        }
        let huge = format!(r#"{{"id":[{}],"source":"1","timeout_ms":1e9}}"#, many("1"));
        let refused = Request::read(&huge, None).expect_err("its id is too long");
        assert_eq!(refused.id, None);
        assert!(refused.error.to_string().starts_with("the id has "));
        let broken = format!(
            r#"{{"id":1 2,"source":"1","timeout_ms":1e9,"wrt":[{}]}}"#,
            many("1")
        );
        let refused = Request::read(&broken, None).expect_err("it is no JSON");
        assert_eq!((refused.id, refused.error.kind()), (None, Kind::Request));
    }
}
