//! Inputs as JSON: what `--inputs`, lines of requests and other languages send.
//!
//! Text goes in; [`Bindings`] come out, or what is wrong with which input.
//!
//! **Invariants**
//! - An array is a vector and an array of arrays a matrix, as they are in Rust; a list says that it is
//!   one.

use super::bindings::{Bindings, Input};
use super::error::Error;
use serde::{Deserialize, Deserializer};

impl Bindings {
    /// The inputs of a JSON object: numbers, `"inf"`, `"-inf"` and `"nan"`; `[1,2]` for a vector,
    /// `[[1,2],[3,4]]` for a matrix, `{"list":[1,2]}` for a list.
    ///
    /// ```
    /// use dmci::{Bindings, Input};
    ///
    /// let inputs = Bindings::from_json(r#"{"a":2.5,"b":"inf","v":[1,2],"items":{"list":[3]}}"#)?;
    /// assert_eq!(inputs.get("b"), Some(&Input::Number(f64::INFINITY)));
    /// assert_eq!(inputs.get("v"), Some(&Input::Vector(vec![1.0, 2.0])));
    /// assert_eq!(inputs.get("items"), Some(&Input::List(vec![3.0])));
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Request`] when the text is no JSON object, or which of its members is no input.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let object = serde_json::from_str(text).map_err(|error| {
            Error::Request(format!(
                "{error}; write a JSON object such as {{\"a\":2.5}}"
            ))
        })?;
        Self::from_object(&object)
    }

    /// The same of an object that is read already.
    pub(crate) fn from_object(
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, Error> {
        let input = |(name, value): (&String, &serde_json::Value)| {
            let read = JsonInput::named(value)
                .map_err(|error| Error::Request(format!("the input `{name}` {error}")))?;
            match read.input() {
                Ok(input) => Ok((name.clone(), input)),
                Err(error) => Err(Error::Request(format!("the input `{name}`: {error}"))),
            }
        };
        object.iter().map(input).collect()
    }
}

impl<'de> Deserialize<'de> for Input {
    /// As [`Bindings::from_json`] reads it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = JsonInput::deserialize(from)?;
        read.input().map_err(serde::de::Error::custom)
    }
}

/// A number, or `"inf"`, `"-inf"`, `"nan"`.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(crate) enum JsonNumber {
    Number(f64),
    Name(NumberName),
}

#[derive(Deserialize, Clone)]
pub(crate) enum NumberName {
    #[serde(rename = "inf")]
    Inf,
    #[serde(rename = "-inf")]
    NegInf,
    #[serde(rename = "nan")]
    Nan,
}

impl JsonNumber {
    pub(crate) fn value(&self) -> f64 {
        match self {
            Self::Number(x) => *x,
            Self::Name(name) => name.value(),
        }
    }
}

impl NumberName {
    fn value(&self) -> f64 {
        match self {
            Self::Inf => f64::INFINITY,
            Self::NegInf => f64::NEG_INFINITY,
            Self::Nan => f64::NAN,
        }
    }
}

/// What inputs may be, as errors say it.
const INPUTS: &str = "inputs are numbers, \"inf\", \"-inf\" or \"nan\"; arrays of numbers, which \
are vectors; arrays of such arrays, which are matrices; and {\"list\":[1,2]}, which is a list";

/// A number, an array of numbers for a vector, an array of such arrays for a matrix, or
/// `{"list":[…]}`. A number is first and no enum of its own: lanes have very many.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "this is no input: write a number, [1,2] for a vector, [[1,2],[3,4]] for a \
matrix, or {\"list\":[1,2]} for a list"
)]
pub(crate) enum JsonInput {
    Number(f64),
    Name(NumberName),
    Vector(Vec<JsonNumber>),
    Matrix(Vec<Vec<JsonNumber>>),
    List(JsonList),
}

/// A list, said to be one: an array alone is a vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonList {
    list: Vec<JsonNumber>,
}

impl JsonInput {
    /// What a value is as an input; else what is wrong with it, to be put after its name.
    pub(crate) fn named(value: &serde_json::Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|_| format!("is {value}; {INPUTS}"))
    }

    /// What it binds; an error for rows of different lengths.
    pub(crate) fn input(&self) -> Result<Input, Error> {
        let numbers = |row: &Vec<JsonNumber>| row.iter().map(JsonNumber::value).collect();
        match self {
            Self::Number(x) => Ok(Input::Number(*x)),
            Self::Name(name) => Ok(Input::Number(name.value())),
            Self::Vector(row) => Ok(Input::Vector(numbers(row))),
            Self::List(JsonList { list }) => Ok(Input::List(numbers(list))),
            Self::Matrix(rows) => {
                let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
                Input::matrix(&rows)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_json_are_numbers_vectors_matrices_and_lists() {
        let bindings = Bindings::from_json(r#"{"a":1,"b":"-inf"}"#).unwrap();
        assert_eq!(
            bindings,
            Bindings::from([("a", 1.0), ("b", f64::NEG_INFINITY)])
        );
        let bindings = Bindings::from_json(r#"{"v":[1,"inf"],"A":[[1,2],[3,4]]}"#).unwrap();
        let vector = Input::Vector(vec![1.0, f64::INFINITY]);
        assert_eq!(bindings.get("v"), Some(&vector));
        let matrix = Input::matrix(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
        assert_eq!(bindings.get("A"), Some(&matrix));
        let bindings =
            Bindings::from_json(r#"{"l":{"list":[1,"nan"]},"none":{"list":[]}}"#).unwrap();
        let list = |name| match bindings.get(name) {
            Some(Input::List(items)) => items.clone(),
            other => panic!("{other:?}"),
        };
        assert!(matches!(list("l")[..], [1.0, x] if x.is_nan()));
        assert!(list("none").is_empty());
        for malformed in [
            "",
            "[1]",
            "{\"a\":[\"y\"]}",
            "{\"a\":[[1],[1,2]]}",
            "{\"a\":[[[1]]]}",
            "{\"a\":[1,[2]]}",
            "{\"a\":\"x\"}",
            "{\"a\":null}",
            "{\"a\":{\"list\":1}}",
            "{\"a\":{\"list\":[[1]]}}",
            "{\"a\":{\"list\":[1],\"x\":1}}",
            "{\"a\":{\"vector\":[1]}}",
            "{\"a\":{}}",
            "{",
        ] {
            assert!(Bindings::from_json(malformed).is_err(), "{malformed}");
        }
    }
}
