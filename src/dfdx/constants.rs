//! Learnable constants: what they are apart from their numbers, and how they are kept in files.
//!
//! Names, initial values and ranges go in; keys for dfdx's files come out, and a file of names and
//! values is written and read.
//!
//! **Invariants**
//! - A file that is read says a finite value inside its range for each constant by its name, and for
//!   nothing else; or it is refused, and nothing is changed.
//! - Files of whole networks hold coordinates, whose meaning is a matter of order and ranges: so a key says
//!   those, and a file of other constants has another.
//!
//! ```text
//! {"format":"dmci-constants","version":1,"constants":[
//!   {"name":"k","value":2.5,"coordinate":2.5},
//!   {"name":"tau","value":0.5,"above":0.0,"coordinate":-0.6931471805599453}]}
//! ```

use super::error::ModuleError;
use crate::fit::bounds::Bound;
use crate::syntax::Constraint;
use ::dfdx::shapes::Dtype;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;

/// What a file of constants begins with.
const FORMAT: &str = "dmci-constants";

/// The version of files written, and the only one read.
const VERSION: u32 = 1;

/// What a learnable constant is, apart from its number.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) init: f64,
    pub(super) bound: Bound,
}

impl Constant {
    pub(super) fn new(name: &str, init: f64, constraint: Constraint) -> Result<Self, ModuleError> {
        let bound = Bound::from(constraint);
        let constant = Self {
            name: name.to_owned(),
            init,
            bound,
        };
        if !bound.is_valid() {
            return Err(ModuleError::Request(format!(
                "the range of `{name}` has no inside"
            )));
        }
        constant.coordinate(init)?;
        Ok(constant)
    }

    /// The coordinate of a value.
    pub(super) fn coordinate(&self, value: f64) -> Result<f64, ModuleError> {
        if self.bound.contains(value) {
            return Ok(self.bound.coordinate(value));
        }
        Err(ModuleError::Request(format!(
            "{value} is outside the range of `{}`",
            self.name
        )))
    }

    /// What a tensor of its coordinate is called in dfdx's files: its name, and its range if it has one.
    pub(super) fn key(&self) -> String {
        let plain = |c: char| !c.is_whitespace() && !"()[],\"\\/".contains(c);
        let name = if self.name.chars().all(plain) {
            self.name.clone()
        } else {
            // So that no name is what another is with its range, and none is a path.
            format!("{:?}", self.name).replace('/', "\\u{2f}")
        };
        match self.bound {
            Bound::Free => name,
            Bound::Above(low) => format!("{name}({low:?},inf)"),
            Bound::Below(high) => format!("{name}(-inf,{high:?})"),
            Bound::Between(low, high) => format!("{name}({low:?},{high:?})"),
        }
    }
}

/// What a tensor of all their coordinates, in order, is called in dfdx's files.
pub(super) fn key_of_all(constants: &[Constant]) -> String {
    let mut key = "constants[".to_owned();
    for (index, constant) in constants.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(key, "{comma}{}", constant.key());
    }
    key + "]"
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    constants: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    value: f64,
    /// The range, for people: the value alone says what is loaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    above: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    below: Option<f64>,
    /// Its coordinate, so that every bit comes back where the range is the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    coordinate: Option<f64>,
}

/// Writes constants, with their coordinates in order, to a file.
pub(super) fn save<'c>(
    path: &Path,
    constants: impl Iterator<Item = (&'c Constant, f64)>,
) -> Result<(), ModuleError> {
    let fault = |reason: String| fault(path, reason);
    let mut entries = Vec::new();
    for (constant, coordinate) in constants {
        let Constant { name, bound, .. } = constant;
        let value = bound.value(coordinate);
        if !coordinate.is_finite() {
            let reason = format!("`{name}` is {coordinate}, which no file keeps");
            return Err(fault(reason));
        }
        let (above, below) = match *bound {
            Bound::Free => (None, None),
            Bound::Above(low) => (Some(low), None),
            Bound::Below(high) => (None, Some(high)),
            Bound::Between(low, high) => (Some(low), Some(high)),
        };
        entries.push(Entry {
            name: name.clone(),
            value,
            above,
            below,
            coordinate: Some(coordinate),
        });
    }
    let file = File {
        format: FORMAT.to_owned(),
        version: VERSION,
        constants: entries,
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| fault(error.to_string()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| fault(format!("cannot be written: {error}")))
}

/// Reads the coordinates of constants, in order, from a file that [`save`] wrote.
pub(super) fn load<E: Dtype>(path: &Path, constants: &[&Constant]) -> Result<Vec<E>, ModuleError> {
    let fault = |reason: String| fault(path, reason);
    let text =
        std::fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let File {
        format,
        version,
        constants: entries,
    } = serde_json::from_str(&text)
        .map_err(|error| fault(format!("is no file of constants: {error}")))?;
    if format != FORMAT {
        return Err(fault(format!("is no file of constants, but of {format:?}")));
    }
    if version != VERSION {
        return Err(fault(format!(
            "is of version {version}; version {VERSION} is read"
        )));
    }
    for (index, entry) in entries.iter().enumerate() {
        let name = &entry.name;
        if entries[..index].iter().any(|other| other.name == *name) {
            return Err(fault(format!("has `{name}` twice")));
        }
        if !constants.iter().any(|constant| constant.name == *name) {
            return Err(fault(format!("has `{name}`, which is no constant here")));
        }
    }
    let coordinate = |constant: &&Constant| {
        let Constant { name, bound, .. } = constant;
        let entry = entries.iter().find(|entry| entry.name == *name);
        let entry = entry.ok_or_else(|| fault(format!("has no `{name}`")))?;
        if !bound.contains(entry.value) {
            let reason = format!("{} is outside the range of `{name}`", entry.value);
            return Err(fault(format!("does not fit: {reason}")));
        }
        // The one written, if it means the value here as it did there.
        let same = |z: &f64| bound.value(widen(narrow::<E>(*z))).to_bits() == entry.value.to_bits();
        let written = entry.coordinate.filter(same);
        let coordinate = narrow::<E>(written.unwrap_or_else(|| bound.coordinate(entry.value)));
        if !widen(coordinate).is_finite() {
            let reason = format!("{} is too large for the tensor of `{name}`", entry.value);
            return Err(fault(format!("does not fit: {reason}")));
        }
        Ok(coordinate)
    };
    constants.iter().map(coordinate).collect()
}

pub(super) fn fault(path: &Path, reason: String) -> ModuleError {
    ModuleError::File {
        path: path.display().to_string(),
        reason,
    }
}

/// A tensor's number as a program computes with it.
pub(super) fn widen<E: Dtype>(x: E) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

/// A program's number as a tensor holds it.
///
/// # Panics
/// When `E` holds integers: dfdx's devices compute with floats alone.
pub(super) fn narrow<E: Dtype>(x: f64) -> E {
    E::from_f64(x).expect("floats hold any number, rounded")
}
