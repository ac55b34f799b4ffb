//! `Certificate`: what a verification found, as a value and as JSON.
//!
//! **Invariants**
//! - The text of a certificate reads back as the same certificate, to the bit; what JSON lacks is
//!   written `"inf"`, `"-inf"`, `"nan"`.
//! - It names the program by the hash of its text, so it cannot pass for another program's.

use crate::graph::Graph;
use crate::graph::ncg::sha256;
use crate::model::Error;
use crate::source::{Position, Span};
use crate::walk::serial::{number, to_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the form that certificates are written in.
const VERSION: u32 = 2;

/// What several independent ways to a program's gradient agreed on, at one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Certificate {
    /// The version of this form.
    pub version: u32,
    /// What verified: the name and version of this program.
    pub generator: String,
    /// SHA-256 of the program's text, in hexadecimal.
    pub program: String,
    /// SHA-256 of the interpreter's graph, as in its `.ncg` file.
    pub interpreter: String,
    /// The inputs given.
    pub inputs: BTreeMap<String, InputRecord>,
    /// The temperature of soft choices.
    #[serde(with = "number")]
    pub temperature: f64,
    /// The seed of their noise.
    pub gumbel_seed: Option<u64>,
    /// How many numbers the value has.
    pub outputs: usize,
    /// The number of largest magnitude among them.
    #[serde(with = "number")]
    pub largest: f64,
    /// One for each way that was compared.
    pub checks: Vec<Check>,
    /// One for each constant, in the order asked for.
    pub constants: Vec<ConstantRecord>,
    /// The tests that the smallest relative moves of a constant would flip, nearest first.
    pub guards: Vec<GuardRecord>,
    /// Where the derivative of the path taken is not the slope of the value close by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Whether nothing failed.
    pub verdict: Verdict,
}

/// An input, or what identifies it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum InputRecord {
    /// A number.
    Number(#[serde(with = "number")] f64),
    /// Numbers: how many, and the SHA-256 of their bytes, each little-endian.
    List {
        /// How many there are.
        length: usize,
        /// Their hash.
        sha256: String,
    },
}

/// One way that was compared with the interpreter's values and derivatives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Check {
    /// Which.
    pub way: Way,
    /// What came of it.
    pub status: Status,
    /// The largest difference of a value, relative to the largest value; 0 is the same bits.
    #[serde(with = "number")]
    pub value: f64,
    /// The largest difference of a derivative, relative to the largest by the same constant; 0 is
    /// the same bits.
    #[serde(with = "number")]
    pub gradient: f64,
    /// The largest differences allowed, of values and of derivatives; 0 asks for the same bits.
    /// Central differences are also allowed ten times their own estimate of their error.
    pub allowed: [f64; 2],
    /// What else there is to say: why it was left out, how much was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The ways to a gradient that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Way {
    /// The program's own graph, or the compiled file's.
    Direct,
    /// The evaluator evaluating itself.
    Nested,
    /// dfdx's tensors and tape.
    Reference,
    /// Dual numbers, swept forwards through the trace; the others sweep backwards.
    Forward,
    /// Differences of values, of walks that record nothing.
    Central,
    /// Second derivatives, against differences of first ones.
    Second,
}

impl Way {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nested => "nested",
            Self::Reference => "reference (dfdx)",
            Self::Forward => "forward duals",
            Self::Central => "central differences",
            Self::Second => "second derivatives",
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// It agrees.
    Pass,
    /// It does not.
    Fail,
    /// It could not tell: differences were too rough, as next to a jump.
    Inconclusive,
    /// It was left out; the note says why.
    Skipped,
}

impl Status {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        }
    }
}

/// Whether a certificate certifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No check failed.
    Pass,
    /// A check failed.
    Fail,
}

impl Verdict {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
        }
    }
}

/// A test or a kink that the derivative takes for granted, and that a small move of a constant flips.
///
/// The derivative is that of the path taken. Just outside of that path the value may have another
/// slope, or jump: the derivative is right, and does not say how the value moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Warning {
    /// The constant that moves.
    pub constant: String,
    /// The smallest move that was seen to flip it; 0 where the point lies exactly on it.
    #[serde(with = "number")]
    pub step: f64,
    /// Line and column of the test in the text, from 1; none of `min`, `max`, `abs` and steps.
    pub place: Option<[u32; 2]>,
    /// The expression there, shortened.
    pub text: String,
    /// The derivative of the path taken; of several numbers, of that which differs most.
    #[serde(with = "number")]
    pub derivative: f64,
    /// The slope of the value below the path, and above it; NaN where none can be told.
    #[serde(with = "number")]
    pub below: f64,
    /// The same above.
    #[serde(with = "number")]
    pub above: f64,
    /// By how much the value jumps, where it does.
    #[serde(with = "number")]
    pub jump: f64,
}

impl Warning {
    /// Whether the slopes on both sides agree with each other: the value is smooth there, and the path
    /// taken misses how it moves.
    pub fn sides_agree(&self) -> bool {
        let apart = (self.above - self.below).abs();
        apart <= Self::ALIKE * self.above.abs().max(self.below.abs())
    }

    /// Slopes closer than this, relatively, are taken to be the same.
    pub(super) const ALIKE: f64 = 1e-3;
}

/// What was found of one constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConstantRecord {
    /// Its name: an input, a param, or a literal as `@line:column`; of a number of a list, vector or
    /// matrix, `v[0]` or `m[0,1]`.
    pub name: String,
    /// Its value.
    #[serde(with = "number")]
    pub value: f64,
    /// The derivative of largest magnitude by it; of one number's value, the derivative.
    #[serde(with = "number")]
    pub derivative: f64,
    /// Whether it only decides branches, indices or sizes: its derivative is 0 by nature.
    pub only_steers: bool,
    /// The largest relative difference in each check that was made, by the way; of second derivatives,
    /// relative to the largest of them.
    pub differences: Vec<Difference>,
    /// The largest of them.
    #[serde(with = "number")]
    pub largest_difference: f64,
    /// The step that central differences took.
    #[serde(with = "number")]
    pub step: f64,
    /// Their own estimate of their error, relative as the differences.
    #[serde(with = "number")]
    pub estimate: f64,
}

/// How far one way is from the interpreter's derivatives by one constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Difference {
    /// Which way.
    pub way: Way,
    /// The largest difference, relative to the largest derivative by the constant.
    #[serde(with = "number")]
    pub relative: f64,
}

/// A test that a constant could flip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GuardRecord {
    /// Line and column in the text, from 1; none if it is not known.
    pub place: Option<[u32; 2]>,
    /// The expression there, shortened.
    pub text: String,
    /// The constant that needs the smallest relative move.
    pub constant: String,
    /// How far it would have to move, to first order.
    #[serde(with = "number")]
    pub by: f64,
    /// The same relative to its magnitude; of a constant that is 0, the move itself.
    #[serde(with = "number")]
    pub relative: f64,
    /// Whether both arms were recorded, so that other outcomes need no other path.
    pub joined: bool,
}

impl Certificate {
    pub(super) const fn version() -> u32 {
        VERSION
    }

    /// The certificate as one JSON object.
    pub fn to_json(&self) -> String {
        to_json(self).unwrap_or_default()
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// When the text is no certificate of this version.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let certificate: Self = serde_json::from_str(text)
            .map_err(|error| Error::Request(format!("this is no certificate: {error}")))?;
        if certificate.version == VERSION {
            return Ok(certificate);
        }
        Err(Error::Request(format!(
            "the certificate has version {}, this program reads {VERSION}; verify again",
            certificate.version
        )))
    }

    /// Whether it speaks of this text.
    pub fn is_of(&self, text: &str) -> bool {
        self.program == sha256(text.as_bytes())
    }

    /// The certificate that a compiled program carries, if it carries one.
    ///
    /// # Errors
    /// When what it carries is no certificate, or one of another program.
    pub fn of_graph(graph: &Graph) -> Result<Option<Self>, Error> {
        let Some(text) = &graph.certificate else {
            return Ok(None);
        };
        let certificate = Self::from_json(text)?;
        if certificate.is_of(&graph.text) {
            return Ok(Some(certificate));
        }
        Err(Error::Request(
            "the certificate is of another program; verify this one".into(),
        ))
    }

    /// Lets a compiled program carry the certificate.
    ///
    /// # Errors
    /// When it is of another program.
    pub fn attach(&self, graph: &mut Graph) -> Result<(), Error> {
        if !self.is_of(&graph.text) {
            return Err(Error::Request(
                "the certificate is of another program; verify this one".into(),
            ));
        }
        graph.certificate = Some(self.to_json().into());
        Ok(())
    }
}

impl GuardRecord {
    /// A place and its text for people.
    pub(super) fn at(text: &str, span: Option<Span>) -> (Option<[u32; 2]>, String) {
        const SHOWN: usize = 60;
        let Some(span) = span else {
            return (None, String::new());
        };
        let Position { line, column } = span.position(text);
        let words: Vec<&str> = span.text(text).split_whitespace().collect();
        let mut short = words.join(" ");
        if short.chars().count() > SHOWN {
            short = short.chars().take(SHOWN - 1).collect();
            short.push('…');
        }
        (Some([line, column]), short)
    }
}
