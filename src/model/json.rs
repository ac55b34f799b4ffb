//! Inputs as JSON: what `--inputs`, lines of requests and other languages send.
//!
//! Text goes in; [`Bindings`] come out, and columns of lanes, or what is wrong with which input.
//!
//! **Invariants**
//! - An array is a vector and an array of arrays a matrix, as they are in Rust; a list says that it is
//!   one.
//! - Reading takes memory in proportion to the text, and messages none to speak of; where there is a deadline
//!   it ends soon after that.
//! - A name stands once among inputs, and once among lanes.

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "columns are the command line's")
)]

use super::bindings::{Bindings, Input};
use super::error::Error;
use crate::error::cut;
use crate::sorted;
use crate::walk::OUT_OF_TIME;
use crate::walk::output::json_string;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Instant;

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
    /// [`Error::Request`] when the text is no JSON object, which of its members is no input, or which
    /// name stands twice.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let wrong = Wrong::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = NamedInputs(&wrong)
            .deserialize(&mut deserializer)
            .and_then(|bindings| deserializer.end().map(|()| bindings));
        read.map_err(|error| {
            let said = wrong.said().map(Error::Request);
            said.unwrap_or_else(|| {
                Error::Request(format!(
                    "{error}; write a JSON object such as {{\"a\":2.5}}"
                ))
            })
        })
    }
}

impl<'de> Deserialize<'de> for Input {
    /// As [`Bindings::from_json`] reads it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = Wrong::default();
        let read = OneInput(Place::Alone, &wrong).deserialize(from);
        read.map_err(|error| wrong.said().map_or(error, D::Error::custom))
    }
}

/// What inputs may be, as errors say it.
const INPUTS: &str = "inputs are numbers, \"inf\", \"-inf\" or \"nan\"; arrays of numbers, which \
are vectors; arrays of such arrays, which are matrices; and {\"list\":[1,2]}, which is a list";

/// What is wrong with an input, where serde's own words would not do; and until when there is time to read.
#[derive(Default)]
pub(crate) struct Wrong {
    said: RefCell<Option<String>>,
    deadline: Cell<Option<Instant>>,
    /// Elements read since the last look at the clock.
    unlooked: Cell<u32>,
    is_late: Cell<bool>,
}

impl Wrong {
    /// Reading ends at a deadline.
    #[cfg(feature = "cli")]
    pub(crate) fn until(deadline: Option<Instant>) -> Self {
        Self {
            deadline: Cell::new(deadline),
            ..Self::default()
        }
    }

    /// Whether it did.
    #[cfg(feature = "cli")]
    pub(crate) fn is_late(&self) -> bool {
        self.is_late.get()
    }

    /// Looks at the clock, once in a while: for each element that is read.
    #[inline]
    pub(crate) fn look<E: serde::de::Error>(&self) -> Result<(), E> {
        /// Elements between two looks: some tens of microseconds.
        const UNLOOKED: u32 = 256;
        let Some(deadline) = self.deadline.get() else {
            return Ok(());
        };
        let unlooked = self.unlooked.get() + 1;
        if unlooked < UNLOOKED {
            self.unlooked.set(unlooked);
            return Ok(());
        }
        self.unlooked.set(0);
        if Instant::now() >= deadline {
            self.is_late.set(true);
            return Err(E::custom(OUT_OF_TIME));
        }
        Ok(())
    }

    /// What was said, if anything was.
    pub(crate) fn said(&self) -> Option<String> {
        self.said.take()
    }

    /// Says it; the error is there to stop serde.
    pub(crate) fn say<E: serde::de::Error>(&self, message: String) -> E {
        *self.said.borrow_mut() = Some(message);
        E::custom("an input is wrong")
    }
}

/// Whose input it is.
#[derive(Clone, Copy)]
enum Place<'n> {
    Alone,
    Named(&'n str),
    Lane(&'n str, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone => f.write_str("this input"),
            Self::Named(name) => write!(f, "the input `{}`", cut(name)),
            Self::Lane(name, lane) => write!(f, "lane {lane} of the input `{}`", cut(name)),
        }
    }
}

/// Inputs by name.
pub(crate) struct NamedInputs<'w>(pub(crate) &'w Wrong);

impl<'de> DeserializeSeed<'de> for NamedInputs<'_> {
    type Value = Bindings;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Bindings, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NamedInputs<'_> {
    type Value = Bindings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an input for each name")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Bindings, M::Error> {
        let mut bindings = Bindings::new();
        while let Some(name) = map.next_key::<String>()? {
            self.0.look()?;
            let input = map.next_value_seed(OneInput(Place::Named(&name), self.0))?;
            if bindings.get(&name).is_some() {
                let message = format!("the input `{}` is given twice; give it once", cut(&name));
                return Err(self.0.say(message));
            }
            bindings.set(name, input);
        }
        Ok(bindings)
    }
}

/// The lanes of an input.
#[derive(Debug)]
pub(crate) enum Column {
    /// A number each: eight bytes a lane.
    Numbers(Vec<f64>),
    /// Anything.
    Inputs(Vec<Input>),
}

impl Column {
    /// How many lanes it is for.
    #[cfg(feature = "cli")]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Inputs(inputs) => inputs.len(),
        }
    }
}

/// Columns by name.
pub(crate) struct NamedColumns<'w>(pub(crate) &'w Wrong);

impl<'de> DeserializeSeed<'de> for NamedColumns<'_> {
    type Value = Vec<(String, Column)>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NamedColumns<'_> {
    type Value = Vec<(String, Column)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an array for each name, of an input a lane")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut columns = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            self.0.look()?;
            let column = map.next_value_seed(OneColumn(&name, self.0))?;
            columns.push((name, column));
        }
        sorted::by(&mut columns, |(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = columns.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let message = format!(
                "the lane input `{}` is given twice; give it once",
                cut(&pair[0].0)
            );
            return Err(self.0.say(message));
        }
        Ok(columns)
    }
}

struct OneColumn<'w>(&'w str, &'w Wrong);

impl OneColumn<'_> {
    fn wrong<E: serde::de::Error>(&self, what: impl fmt::Display) -> E {
        let name = cut(self.0);
        self.1.say(format!(
            "the lane input `{name}` is {what}; give an array with an input a lane"
        ))
    }
}

impl<'de> DeserializeSeed<'de> for OneColumn<'_> {
    type Value = Column;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Column, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneColumn<'_> {
    type Value = Column;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array with an input a lane")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut lanes: S) -> Result<Column, S::Error> {
        let Self(name, wrong) = self;
        let mut numbers = Vec::new();
        let other = loop {
            wrong.look()?;
            let place = Place::Lane(name, numbers.len());
            match lanes.next_element_seed(OneInput(place, wrong))? {
                Some(Input::Number(x)) => numbers.push(x),
                Some(input) => break input,
                None => return Ok(Column::Numbers(numbers)),
            }
        };
        let mut inputs: Vec<Input> = numbers.into_iter().map(Input::Number).collect();
        inputs.push(other);
        loop {
            wrong.look()?;
            let place = Place::Lane(name, inputs.len());
            match lanes.next_element_seed(OneInput(place, wrong))? {
                Some(input) => inputs.push(input),
                None => return Ok(Column::Inputs(inputs)),
            }
        }
    }

    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Column, E> {
        Err(self.wrong(x))
    }

    fn visit_u64<E: serde::de::Error>(self, x: u64) -> Result<Column, E> {
        Err(self.wrong(x))
    }

    fn visit_i64<E: serde::de::Error>(self, x: i64) -> Result<Column, E> {
        Err(self.wrong(x))
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Column, E> {
        Err(self.wrong(truth))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Column, E> {
        Err(self.wrong("null"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Column, E> {
        Err(self.wrong(quoted(text)))
    }

    fn visit_map<M: MapAccess<'de>>(self, _: M) -> Result<Column, M::Error> {
        Err(self.wrong("an object"))
    }
}

/// A string as JSON has it, its beginning where it is long.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    json_string(&cut(text), &mut out);
    out
}

/// The number that a string stands for.
fn named(text: &str) -> Option<f64> {
    match text {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}

/// An input, with the place it has in errors.
struct OneInput<'w>(Place<'w>, &'w Wrong);

impl OneInput<'_> {
    fn is<E: serde::de::Error>(&self, what: impl fmt::Display) -> E {
        self.1.say(format!("{} is {what}; {INPUTS}", self.0))
    }

    fn holds<E: serde::de::Error>(&self, what: impl fmt::Display) -> E {
        self.1.say(format!("{} holds {what}; {INPUTS}", self.0))
    }

    /// The array of numbers that an element of an array is.
    fn row<E: serde::de::Error>(&self, element: Element) -> Result<Vec<f64>, E> {
        match element {
            Element::Row(numbers) => Ok(numbers),
            Element::Number(_) => Err(self.holds("numbers beside arrays")),
            Element::Other(what) => Err(self.holds(what)),
        }
    }

    fn number<E: serde::de::Error>(&self, element: Element) -> Result<f64, E> {
        match element {
            Element::Number(x) => Ok(x),
            Element::Row(_) => Err(self.holds("numbers beside arrays")),
            Element::Other(what) => Err(self.holds(what)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for OneInput<'_> {
    type Value = Input;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Input, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneInput<'_> {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an input")
    }

    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Input, E> {
        Ok(Input::Number(x))
    }

    fn visit_u64<E: serde::de::Error>(self, x: u64) -> Result<Input, E> {
        Ok(Input::Number(x as f64))
    }

    fn visit_i64<E: serde::de::Error>(self, x: i64) -> Result<Input, E> {
        Ok(Input::Number(x as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Input, E> {
        match named(text) {
            Some(x) => Ok(Input::Number(x)),
            None => Err(self.is(quoted(text))),
        }
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Input, E> {
        Err(self.is(truth))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Input, E> {
        Err(self.is("null"))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Input, S::Error> {
        let element = || OneElement(self.1);
        let mut numbers = match elements.next_element_seed(element())? {
            None => return Ok(Input::Vector(Vec::new())),
            Some(Element::Row(first)) => {
                let (columns, mut rows, mut numbers) = (first.len(), 1, first);
                while let Some(element) = elements.next_element_seed(element())? {
                    self.1.look()?;
                    let row = self.row(element)?;
                    if row.len() != columns {
                        let (place, count) = (self.0, row.len());
                        return Err(self.1.say(format!(
                            "{place}: row {rows} of a matrix has {count} numbers, and row 0 has {columns}"
                        )));
                    }
                    numbers.extend(row);
                    rows += 1;
                }
                let input = Input::Matrix {
                    rows,
                    columns,
                    numbers,
                };
                return match input.shape() {
                    Ok(_) => Ok(input),
                    Err(error) => Err(self.1.say(format!("{}: {error}", self.0))),
                };
            }
            Some(element) => vec![self.number(element)?],
        };
        while let Some(element) = elements.next_element_seed(element())? {
            self.1.look()?;
            numbers.push(self.number(element)?);
        }
        Ok(Input::Vector(numbers))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Input, M::Error> {
        match map.next_key::<String>()? {
            Some(key) if key == "list" => {}
            Some(key) => return Err(self.is(format_args!("an object with {}", quoted(&key)))),
            None => return Err(self.is("an object")),
        }
        let numbers = match map.next_value_seed(OneElement(self.1))? {
            Element::Row(numbers) => numbers,
            Element::Number(_) => return Err(self.is("a list of no array")),
            Element::Other(what) => return Err(self.holds(what)),
        };
        match map.next_key::<String>()? {
            None => Ok(Input::List(numbers)),
            Some(key) => Err(self.is(format_args!("a list with {}", quoted(&key)))),
        }
    }
}

/// What stands in an array.
enum Element {
    Number(f64),
    Row(Vec<f64>),
    /// What is no input, in words.
    Other(String),
}

struct OneElement<'w>(&'w Wrong);

impl<'de> DeserializeSeed<'de> for OneElement<'_> {
    type Value = Element;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Element, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneElement<'_> {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or an array of numbers")
    }

    fn visit_f64<E>(self, x: f64) -> Result<Element, E> {
        Ok(Element::Number(x))
    }

    fn visit_u64<E>(self, x: u64) -> Result<Element, E> {
        Ok(Element::Number(x as f64))
    }

    fn visit_i64<E>(self, x: i64) -> Result<Element, E> {
        Ok(Element::Number(x as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(match named(text) {
            Some(x) => Element::Number(x),
            None => Element::Other(quoted(text)),
        })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Element, E> {
        Ok(Element::Other(truth.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Other("null".into()))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Element, S::Error> {
        let mut numbers = Vec::new();
        let mut other = None;
        while let Some(element) = elements.next_element::<JsonNumber>()? {
            self.0.look()?;
            match element {
                JsonNumber::Number(x) => numbers.push(x),
                // The rest has to be read all the same.
                JsonNumber::Other(what) => other = other.or(Some(what)),
            }
        }
        Ok(other.map_or(Element::Row(numbers), Element::Other))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Element, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            self.0.look()?;
        }
        Ok(Element::Other("an object".into()))
    }
}

/// A number, or `"inf"`, `"-inf"`, `"nan"`; or what else stands in its place.
pub(crate) enum JsonNumber {
    Number(f64),
    Other(String),
}

impl JsonNumber {
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Other(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for JsonNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = JsonNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"inf\", \"-inf\" or \"nan\"")
            }

            fn visit_f64<E>(self, x: f64) -> Result<JsonNumber, E> {
                Ok(JsonNumber::Number(x))
            }

            fn visit_u64<E>(self, x: u64) -> Result<JsonNumber, E> {
                Ok(JsonNumber::Number(x as f64))
            }

            fn visit_i64<E>(self, x: i64) -> Result<JsonNumber, E> {
                Ok(JsonNumber::Number(x as f64))
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonNumber, E> {
                Ok(match named(text) {
                    Some(x) => JsonNumber::Number(x),
                    None => JsonNumber::Other(quoted(text)),
                })
            }

            fn visit_bool<E>(self, truth: bool) -> Result<JsonNumber, E> {
                Ok(JsonNumber::Other(truth.to_string()))
            }

            fn visit_unit<E>(self) -> Result<JsonNumber, E> {
                Ok(JsonNumber::Other("null".into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<JsonNumber, S::Error> {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(JsonNumber::Other("arrays in arrays in arrays".into()))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<JsonNumber, M::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(JsonNumber::Other("an object".into()))
            }
        }
        from.deserialize_any(Any)
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
