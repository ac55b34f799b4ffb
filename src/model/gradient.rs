//! Gradients as callers get them: derivatives by name, in the shape of value and input.
//!
//! The derivatives of a value's numbers by a trace's inputs go in, a [`Gradient`] comes out.

use crate::prim::linalg::Shape;
use crate::walk::output::{Room, UNHURRIED, Unwritten, check_room, json_number};
use crate::walk::serial::{self, Number, Shaped};
use crate::walk::{Monitored, Output, Stats};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
#[cfg(feature = "cli")]
use std::collections::HashMap;

/// A value, and its gradient where one was asked for. It serializes as an object of its fields; the
/// derivatives by a name are as in [`Gradient::to_json`], in the shape of the value.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Evaluation {
    /// The program's value.
    pub value: Output,
    /// Its derivatives.
    pub gradient: Gradient,
    /// What it took.
    pub stats: Stats,
    /// What `monitor` was given, in order; the reference engine tells nothing.
    pub monitored: Vec<Monitored>,
}

/// The derivatives of a value's numbers by each name asked for. It serializes as an object with, for
/// each name, a list of the derivatives of each number of the value, nested as the input is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Gradient {
    entries: Vec<GradientEntry>,
}

#[derive(Clone, Debug, PartialEq)]
struct GradientEntry {
    name: String,
    /// The shape of the input.
    extent: Extent,
    /// Row-major: outputs x numbers of the input.
    jacobian: Vec<f64>,
}

/// How the numbers of an input are nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Number,
    /// A list or vector.
    List(usize),
    Matrix(usize, usize),
}

impl Extent {
    pub(crate) fn of(shape: Shape) -> Self {
        match shape {
            Shape::Vector(n) => Self::List(n),
            Shape::Matrix(rows, columns) => Self::Matrix(rows, columns),
        }
    }

    /// How many numbers there are.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Number => 1,
            Self::List(n) => n,
            Self::Matrix(rows, columns) => rows * columns,
        }
    }

    /// Numbers as JSON, nested as the input is.
    pub(crate) fn json(
        self,
        numbers: &[f64],
        out: &mut String,
        room: &Room,
    ) -> Result<(), Unwritten> {
        let mut written = 0;
        let mut list = |numbers: &[f64], out: &mut String| {
            out.push('[');
            for (index, &number) in numbers.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json_number(number, out);
                written += 1;
                if written % UNHURRIED == 0 {
                    check_room(out, 0, room.bytes)?;
                    room.check_time()?;
                }
            }
            out.push(']');
            Ok(())
        };
        match self {
            Self::Number => json_number(numbers.first().copied().unwrap_or(0.0), out),
            Self::List(_) => list(numbers, out)?,
            Self::Matrix(_, columns) => {
                out.push('[');
                for (index, row) in numbers.chunks(columns.max(1)).enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    list(row, out)?;
                }
                out.push(']');
            }
        }
        check_room(out, 0, room.bytes)
    }
}

impl Gradient {
    /// The names, in the order asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The derivative of a number by a number; the first of several.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.jacobian(name)?.first().copied()
    }

    /// The derivatives of all numbers of the value by all numbers of a name, row-major: one row a
    /// number of the value.
    pub fn jacobian(&self, name: &str) -> Option<&[f64]> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(&entry.jacobian)
    }

    /// The derivatives by a name as JSON, in the shape of the value: each number replaced by its
    /// derivative, or by its derivatives by all numbers of the input, nested as that is. None where
    /// the name was not asked for, or the value has other numbers than the one differentiated.
    pub fn to_json(&self, name: &str, value: &Output) -> Option<String> {
        let mut out = String::new();
        // Without a limit.
        let written = self.write_json(name, value, &mut out, &Room::of(usize::MAX));
        written.is_ok_and(|told| told).then_some(out)
    }

    /// Writes them, unless there is no room for the text; false where there are none.
    pub(crate) fn write_json(
        &self,
        name: &str,
        value: &Output,
        out: &mut String,
        room: &Room,
    ) -> Result<bool, Unwritten> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let count = || value.numbers().count();
        entry.map_or(Ok(false), |entry| entry.write(value, count(), out, room))
    }

    /// The derivatives by some names, written by a function of each name's derivatives, if there are any.
    #[cfg(feature = "cli")]
    pub(crate) fn each<'n, E>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        value: &Output,
        room: &Room,
        mut tell: impl FnMut(&'n str, &dyn Fn(&mut String) -> Result<bool, Unwritten>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Names may be many.
        let known: HashMap<&str, &GradientEntry> = self
            .entries
            .iter()
            .rev()
            .map(|entry| (entry.name.as_str(), entry))
            .collect();
        let count = value.numbers().count();
        names.into_iter().try_for_each(|name| {
            let entry = known.get(name);
            tell(name, &|out| {
                entry.map_or(Ok(false), |entry| entry.write(value, count, out, room))
            })
        })
    }
}

impl GradientEntry {
    /// Writes them, for a value of so many numbers, unless there is no room for the text; false where they
    /// are not those of such a value.
    fn write(
        &self,
        value: &Output,
        numbers: usize,
        out: &mut String,
        room: &Room,
    ) -> Result<bool, Unwritten> {
        let width = self.extent.size();
        let count = self.jacobian.len();
        if numbers.checked_mul(width) != Some(count) {
            return Ok(false);
        }
        // None has fewer than four bytes, as `0.0,`.
        check_room(out, count.saturating_mul(4), room.bytes)?;
        let mut rows = self.jacobian.chunks(width.max(1));
        let mut all = Ok(());
        let number = &mut |_, out: &mut String| {
            // After the first that has no room nothing is written.
            if all.is_ok() {
                all = self.extent.json(rows.next().unwrap_or_default(), out, room);
            }
        };
        value.write_json_with(number, out, room)?;
        all.map(|()| true)
    }
}

/// Numbers, nested as an input is.
pub(crate) struct Nested<'n>(pub(crate) Extent, pub(crate) &'n [f64]);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(extent, numbers) = *self;
        match extent {
            Extent::Number => Number(numbers.first().copied().unwrap_or(0.0)).serialize(serializer),
            Extent::List(_) => serial::numbers(numbers, serializer),
            Extent::Matrix(_, columns) => {
                let rows = numbers.chunks(columns.max(1));
                serializer.collect_seq(rows.map(|row| Nested(Extent::List(row.len()), row)))
            }
        }
    }
}

impl GradientEntry {
    /// The derivatives of a number of the value.
    fn row(&self, row: usize) -> Nested<'_> {
        let width = self.extent.size();
        let numbers = self.jacobian.get(row * width..(row + 1) * width);
        Nested(self.extent, numbers.unwrap_or_default())
    }

    /// How many numbers the value has; none can be told apart for an input without numbers.
    fn rows(&self) -> usize {
        self.jacobian
            .len()
            .checked_div(self.extent.size())
            .unwrap_or(0)
    }
}

impl Serialize for Gradient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Rows<'g>(&'g GradientEntry);
        impl Serialize for Rows<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..self.0.rows()).map(|row| self.0.row(row)))
            }
        }
        serializer.collect_map(self.entries.iter().map(|entry| (&entry.name, Rows(entry))))
    }
}

impl Serialize for Evaluation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Derivatives<'e>(&'e Evaluation);
        impl Serialize for Derivatives<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Evaluation {
                    value, gradient, ..
                } = self.0;
                let shaped =
                    |entry| Shaped::new(value, move |row, _| GradientEntry::row(entry, row));
                serializer.collect_map(gradient.entries.iter().map(|e| (&e.name, shaped(e))))
            }
        }
        let mut fields = serializer.serialize_struct("Evaluation", 4)?;
        fields.serialize_field("value", &self.value)?;
        fields.serialize_field("gradient", &Derivatives(self))?;
        fields.serialize_field("stats", &self.stats)?;
        fields.serialize_field("monitored", &self.monitored)?;
        fields.end()
    }
}

/// A name of `wrt`, resolved.
pub(crate) enum Variable {
    /// Trace inputs from an index on.
    Inputs(u32, Extent),
    /// Bound to nothing that the program could use.
    Unused,
}

/// The trace's inputs that `wrt` names, in order.
pub(crate) fn columns(wrt: &[(Cow<'_, str>, Variable)]) -> Vec<u32> {
    let mut columns = Vec::new();
    for (_, variable) in wrt {
        if let Variable::Inputs(first, extent) = variable {
            columns.extend((0..extent.size() as u32).map(|i| first + i));
        }
    }
    columns
}

/// Derivatives by [`columns`], row-major, by name.
pub(crate) fn by_name(
    wrt: Vec<(Cow<'_, str>, Variable)>,
    outputs: usize,
    columns: usize,
    derivatives: &[f64],
) -> Gradient {
    let mut first = 0;
    let entries = wrt
        .into_iter()
        .map(|(name, variable)| {
            let (extent, used) = match variable {
                Variable::Inputs(_, extent) => (extent, true),
                Variable::Unused => (Extent::Number, false),
            };
            let width = extent.size();
            let jacobian = if used {
                let rows = derivatives.chunks(columns.max(1)).take(outputs);
                rows.flat_map(|row| row[first..first + width].iter().copied())
                    .collect()
            } else {
                vec![0.0; outputs]
            };
            if used {
                first += width;
            }
            GradientEntry {
                name: name.into_owned(),
                extent,
                jacobian,
            }
        })
        .collect();
    Gradient { entries }
}
