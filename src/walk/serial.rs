//! Results as serde writes them: numbers that JSON lacks, values with what is nested in them.
//!
//! A value goes in; a serializer hears of it in the notation of the machine interface, which
//! [`Output::to_json`] writes too.
//!
//! **Invariants**
//! - What is not finite is `"inf"`, `"-inf"`, `"nan"` in forms that people read, as JSON is; in others
//!   it is a number like all.
//! - Values nest at most [`DEEPEST`] deep: serializers, and those who read what they write, call
//!   themselves for each level.

use super::output::{Item, Output};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

/// How deep a value may nest.
const DEEPEST: usize = 10_000;

// ---- numbers ---------------------------------------------------------------------------------

/// A number that JSON may lack.
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(x) = *self;
        if x.is_finite() || !serializer.is_human_readable() {
            return serializer.serialize_f64(x);
        }
        serializer.serialize_str(match x {
            x if x.is_nan() => "nan",
            x if x > 0.0 => "inf",
            _ => "-inf",
        })
    }
}

/// For fields that hold a number.
pub(crate) mod number {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer, de};

    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes what it writes by reference"
    )]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Number(*value).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        if !deserializer.is_human_readable() {
            return f64::deserialize(deserializer);
        }
        match Written::deserialize(deserializer)? {
            Written::Number(x) => Ok(x),
            Written::Text(text) => match text.as_str() {
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                "nan" => Ok(f64::NAN),
                other => Err(de::Error::custom(format!("`{other}` is no number"))),
            },
        }
    }
}

/// For fields that may hold a number.
#[expect(
    clippy::ref_option,
    reason = "serde passes what it writes by reference"
)]
pub(crate) fn optional<S: Serializer>(
    value: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.map(Number).serialize(serializer)
}

/// For fields that hold numbers by their names: an object.
pub(crate) fn pairs<S: Serializer>(
    pairs: &[(String, f64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, x)| (name, Number(*x))))
}

/// For fields that hold several numbers.
pub(crate) fn numbers<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(|&x| Number(x)))
}

/// Reads what [`numbers`] writes.
pub(crate) fn read_numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<f64>, D::Error> {
    let all = Vec::<Read>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Read(x)| x).collect())
}

/// Reads what [`pairs`] writes, in the order of names.
pub(crate) fn read_pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, f64)>, D::Error> {
    let all = BTreeMap::<String, Read>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|(name, Read(x))| (name, x)).collect())
}

/// A number as [`Number`] writes it.
#[derive(Deserialize)]
struct Read(#[serde(with = "number")] f64);

/// For fields that are told in words.
pub(crate) fn text<T: Display + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// As JSON, with numbers as [`json_number`](super::output::json_number) writes them.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    struct Exact;
    impl serde_json::ser::Formatter for Exact {
        fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, x: f64) -> io::Result<()> {
            write!(writer, "{x:?}")
        }
    }
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Exact))?;
    String::from_utf8(out).map_err(serde_json::Error::custom)
}

// ---- values ----------------------------------------------------------------------------------

/// A value with something else in place of each number: what a function makes of its place among
/// the numbers, and of itself.
pub(crate) struct Shaped<'o, F> {
    value: &'o Output,
    number: F,
}

impl<'o, F> Shaped<'o, F> {
    pub(crate) fn new(value: &'o Output, number: F) -> Self {
        Self { value, number }
    }
}

impl Serialize for Output {
    /// As [`Output::to_json`] writes it. Fails for values that nest more than 10,000 deep.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shaped::new(self, |_, x| Number(x)).serialize(serializer)
    }
}

impl<T: Serialize, F: Fn(usize, f64) -> T> Serialize for Shaped<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = Cursor {
            items: self.value.items(),
            number: &self.number,
            at: Cell::new(0),
            numbers: Cell::new(0),
        };
        let depth = 0;
        let next = Next {
            cursor: &cursor,
            depth,
        };
        next.serialize(serializer)
    }
}

/// Where in a value its writing has got to.
struct Cursor<'c, F> {
    items: &'c [Item],
    number: &'c F,
    at: Cell<usize>,
    /// How many numbers were met.
    numbers: Cell<usize>,
}

/// The value that comes next.
struct Next<'c, F> {
    cursor: &'c Cursor<'c, F>,
    depth: usize,
}

/// So many values that come next.
struct Several<'c, F> {
    next: Next<'c, F>,
    count: u32,
}

impl<T: Serialize, F: Fn(usize, f64) -> T> Serialize for Next<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.cursor;
        let at = cursor.at.replace(cursor.at.get() + 1);
        match cursor.items.get(at) {
            Some(Item::Number { value, .. }) => {
                let place = cursor.numbers.replace(cursor.numbers.get() + 1);
                (cursor.number)(place, *value).serialize(serializer)
            }
            Some(Item::Bool(truth)) => serializer.serialize_bool(*truth),
            Some(Item::Char(c)) => entry(serializer, "char", c),
            Some(Item::Symbol(name)) => entry(serializer, "sym", &**name),
            Some(Item::String(text)) => entry(serializer, "str", &**text),
            Some(Item::Procedure) => entry(serializer, "procedure", &true),
            Some(Item::List(count) | Item::Vector(count) | Item::Matrix(count)) => {
                self.several(*count).serialize(serializer)
            }
            Some(Item::Pair) => entry(serializer, "pair", &self.several(2)),
            Some(Item::Opaque { name, count }) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("opaque", &**name)?;
                map.serialize_entry("of", &self.several(*count))?;
                map.end()
            }
            Some(Item::Unspecified) | None => serializer.serialize_unit(),
        }
    }
}

impl<F> Next<'_, F> {
    fn several(&self, count: u32) -> Several<'_, F> {
        let next = Next {
            cursor: self.cursor,
            depth: self.depth + 1,
        };
        Several { next, count }
    }
}

impl<T: Serialize, F: Fn(usize, f64) -> T> Serialize for Several<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.next.depth > DEEPEST {
            let message = format!("the value nests more than {DEEPEST} deep");
            return Err(S::Error::custom(message));
        }
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            let mut all = serializer.serialize_seq(Some(self.count as usize))?;
            for _ in 0..self.count {
                all.serialize_element(&self.next)?;
            }
            all.end()
        })
    }
}

/// An object of one member.
fn entry<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    name: &str,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}
