//! Reading: the text of a file to a graph that passed the verifier.
//!
//! **Invariants**
//! - Rows are read one by one into flat tables; nothing recurses.
//! - Every index is checked before it is used, and the hash before anything is built.

use super::write::{io_error, sha256};
use super::{FORMAT, MAX_FILE, NcgError, VERSION, has_operands, immediates, op_from_name};
use crate::graph::verify::MAX_NODES;
use crate::graph::{Block, Function, Graph, GraphConstant, Node, NodeId, Op, SiteInfo, verify};
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ast::Constant;
use crate::syntax::{Constraint, Param};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use slotmap::SlotMap;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;
/// Reads the graph of a file.
///
/// # Errors
/// The file cannot be read ([`NcgError::Io`]), or its text is refused by [`read`].
pub fn load(path: impl AsRef<Path>) -> Result<Graph, NcgError> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| io_error(path, &error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(NcgError::NotNcg {
            message: format!("longer than {MAX_FILE} bytes"),
        });
    }
    match str::from_utf8(&bytes) {
        Ok(text) => read(text),
        Err(error) => {
            let (line, column) = place(&bytes[..error.valid_up_to()]);
            Err(NcgError::NotJson {
                line,
                column,
                message: "not UTF-8".into(),
            })
        }
    }
}

/// Reads and verifies the text of an `.ncg` file.
///
/// # Errors
/// Any text that [`write()`](super::write()) cannot have written, apart from white space and from the certificate that
/// may stand beside the graph.
pub fn read(text: &str) -> Result<Graph, NcgError> {
    let header: Header<'_> =
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => NcgError::NotNcg {
                message: bare_message(&error),
            },
            _ => NcgError::NotJson {
                line: error.line(),
                column: error.column(),
                message: bare_message(&error),
            },
        })?;
    let section = header.check()?.get();
    let mut graph = read_section(text, section)?;
    graph.certificate = header.certificate.map(|raw| raw.get().into());
    verify(&graph)?;
    Ok(graph)
}

/// Reads a file of the crate's own, as [`write()`](super::write()) has written it: tests hold it against its hash
/// and verify it, so that no process has to.
///
/// # Errors
/// What a text that was not written so is refused for, as far as that is looked at.
pub(crate) fn read_own(text: &str) -> Result<Graph, NcgError> {
    const KEY: &str = "\"graph\":";
    let section = text
        .trim_end()
        .strip_suffix('}')
        .and_then(|rest| Some(&rest[rest.find(KEY)? + KEY.len()..]));
    let section = section.ok_or_else(|| NcgError::NotNcg {
        message: "it has no \"graph\"".into(),
    })?;
    read_section(text, section)
}

/// What the JSON reader says, without the place it adds.
fn bare_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message,
    }
}

/// The line and column after some text, from 1.
fn place(before: &[u8]) -> (usize, usize) {
    before
        .iter()
        .fold((1, 1), |(line, column), byte| match byte {
            b'\n' => (line + 1, 1),
            _ => (line, column + 1),
        })
}

/// The keys of the top level, as far as they are there.
#[derive(Default)]
struct Header<'a> {
    format: Option<Cow<'a, str>>,
    version: Option<u64>,
    generator: Option<Cow<'a, str>>,
    hash: Option<Cow<'a, str>>,
    graph: Option<&'a RawValue>,
    certificate: Option<&'a RawValue>,
    unknown: Option<String>,
}

impl<'a> Header<'a> {
    /// Everything but the graph itself. A newer version is told before anything that it may have
    /// changed.
    fn check(&self) -> Result<&'a RawValue, NcgError> {
        let missing = |key: &str| NcgError::NotNcg {
            message: format!("it has no \"{key}\""),
        };
        match self.format.as_deref() {
            Some(FORMAT) => {}
            Some(other) => {
                let message = format!("its format is `{}`, not `{FORMAT}`", excerpt(other));
                return Err(NcgError::NotNcg { message });
            }
            None => return Err(missing("format")),
        }
        match self.version {
            Some(VERSION) => {}
            Some(found) if found > VERSION => {
                return Err(NcgError::NewerVersion {
                    found,
                    supported: VERSION,
                });
            }
            Some(found) => {
                let message = format!("there is no version {found} of the format");
                return Err(NcgError::NotNcg { message });
            }
            None => return Err(missing("version")),
        }
        if let Some(key) = &self.unknown {
            let message = format!("version {VERSION} has no key \"{}\"", excerpt(key));
            return Err(NcgError::NotNcg { message });
        }
        if self.generator.is_none() {
            return Err(missing("generator"));
        }
        let stated = self.hash.as_deref().ok_or_else(|| missing("hash"))?;
        let graph = self.graph.ok_or_else(|| missing("graph"))?;
        let computed = sha256(graph.get().as_bytes());
        if stated == computed {
            Ok(graph)
        } else {
            Err(NcgError::Damaged {
                stated: excerpt(stated),
                computed,
            })
        }
    }
}

/// The beginning of a text that a stranger wrote, on one line.
pub(in crate::graph) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 64;
    let mut short = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == LENGTH {
            short.push('…');
            break;
        }
        if c.is_control() {
            short.extend(c.escape_debug());
        } else {
            short.push(c);
        }
    }
    short
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut header = Header::default();
        while let Some(Text(key)) = map.next_key()? {
            let repeated = match &*key {
                "format" => header
                    .format
                    .replace(map.next_value::<Text<'de>>()?.0)
                    .is_some(),
                "version" => header.version.replace(map.next_value()?).is_some(),
                "generator" => header
                    .generator
                    .replace(map.next_value::<Text<'de>>()?.0)
                    .is_some(),
                "hash" => header
                    .hash
                    .replace(map.next_value::<Text<'de>>()?.0)
                    .is_some(),
                "graph" => header.graph.replace(map.next_value()?).is_some(),
                "certificate" => header.certificate.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    header.unknown.get_or_insert(key.into_owned());
                    false
                }
            };
            if repeated {
                return Err(de::Error::custom("a key stands twice at top level"));
            }
        }
        Ok(header)
    }
}

/// A string, borrowed from the file where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A number, or a string for what JSON lacks.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Number)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"inf\", \"-inf\" or \"nan\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_i64<E>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<f64, E> {
        match value {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            "nan" => Ok(f64::NAN),
            _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
        }
    }
}

/// The graph section, as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section<'a> {
    reserved: bool,
    #[serde(borrow)]
    text: Cow<'a, str>,
    inputs: Vec<String>,
    params: Vec<ParamRow>,
    constants: Vec<ConstantRow>,
    functions: Vec<(String, u32, bool, u32, u32)>,
    exports: Vec<(String, u32)>,
    sites: Vec<(u32, u32, bool)>,
    floating: u32,
    blocks: Vec<u32>,
    nodes: Rows,
}

fn read_section(text: &str, section: &str) -> Result<Graph, NcgError> {
    let section_parsed: Section<'_> = serde_json::from_str(section).map_err(|error| {
        // The place in the section, which is a part of the text, to the place in the text.
        let start = section.as_ptr() as usize - text.as_ptr() as usize;
        let (line, column) = place(&text.as_bytes()[..start]);
        let column = match error.line() {
            1 => column + error.column() - 1,
            _ => error.column(),
        };
        NcgError::Structure {
            place: format!("line {}, column {column}", line + error.line() - 1),
            message: bare_message(&error),
        }
    })?;
    section_parsed.graph()
}

impl Section<'_> {
    fn graph(self) -> Result<Graph, NcgError> {
        let Rows {
            nodes: rows,
            operands,
            unknown,
        } = self.nodes;
        if let Some((name, node)) = unknown {
            return Err(NcgError::UnknownOperation { name, node });
        }
        let count = rows.len();
        let (nodes, ids) = make_nodes(rows, &operands)?;
        let mut lengths = std::iter::once(self.floating).chain(self.blocks.iter().copied());
        let all: u64 = lengths.clone().map(u64::from).sum();
        if all != count as u64 {
            return Err(NcgError::Structure {
                place: "nodes".into(),
                message: format!("{count} nodes, where the blocks and the floating ones are {all}"),
            });
        }
        let mut rest = &ids[..];
        let mut take = || {
            let length = lengths.next().map_or(0, |length| length as usize);
            let (taken, left) = rest.split_at(length);
            rest = left;
            taken.to_vec()
        };
        let floating = take();
        let blocks = self.blocks.iter().map(|_| Block { nodes: take() });
        let functions = self.functions.into_iter();
        let sites = self.sites.into_iter();
        Ok(Graph {
            certificate: None,
            nodes,
            floating,
            blocks: blocks.collect(),
            functions: functions
                .map(|(name, params, rest, captures, body)| Function {
                    name,
                    params,
                    rest,
                    captures,
                    body,
                })
                .collect(),
            constants: self.constants.into_iter().map(|row| row.0).collect(),
            inputs: self.inputs,
            params: self.params.into_iter().map(|row| row.0).collect(),
            exports: self.exports,
            sites: sites
                .map(|(start, end, counts)| SiteInfo {
                    span: Span::new(start, end),
                    counts,
                })
                .collect(),
            text: self.text.into(),
            reserved: self.reserved,
        })
    }
}

/// The nodes of a file, and their ids in its order.
fn make_nodes(
    rows: Vec<Row>,
    operands: &[u32],
) -> Result<(SlotMap<NodeId, Node>, Vec<NodeId>), NcgError> {
    let count = rows.len();
    let mut nodes = SlotMap::with_capacity_and_key(count);
    let mut ends = Vec::with_capacity(count);
    let mut ids = Vec::with_capacity(count);
    for row in rows {
        ends.push(row.operands_end as usize);
        ids.push(nodes.insert(Node {
            op: row.op,
            args: SmallVec::new(),
            site: row.site,
        }));
    }
    // An operand may stand later in the file: arms come before the block that leads to them.
    let mut start = 0;
    for (number, (&id, end)) in ids.iter().zip(ends).enumerate() {
        let operands = &operands[start..end];
        if let Some(&index) = operands.iter().find(|&&o| o as usize >= count) {
            return Err(NcgError::OutOfRange {
                place: format!("node {number}"),
                what: "node",
                index,
                count,
            });
        }
        let node: &mut Node = &mut nodes[id];
        for &operand in operands {
            node.args.push(ids[operand as usize]);
        }
        start = end;
    }
    Ok((nodes, ids))
}

/// The rows of the nodes; their operands stand one after the other.
#[derive(Default)]
struct Rows {
    nodes: Vec<Row>,
    operands: Vec<u32>,
    /// The first operation that is not in the table.
    unknown: Option<(String, u32)>,
}

struct Row {
    op: Op,
    site: u32,
    operands_end: u32,
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while seq.next_element_seed(RowSeed(&mut rows))?.is_some() {
            if rows.nodes.len() > MAX_NODES {
                let message = format!("more than {MAX_NODES} nodes");
                return Err(de::Error::custom(message));
            }
        }
        Ok(rows)
    }
}

struct RowSeed<'r>(&'r mut Rows);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node: an array that begins with an operation")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let rows = self.0;
        let number = rows.nodes.len() as u32;
        let short = |what: &str| de::Error::custom(format!("node {number} has no {what}"));
        let name: OpName = seq.next_element()?.ok_or_else(|| short("operation"))?;
        let mut op = match name {
            OpName::Known(op) => op,
            OpName::Unknown(name) => {
                rows.unknown.get_or_insert((name, number));
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                // Refused in the end, but the other nodes keep their numbers.
                Op::Return
            }
        };
        if rows.unknown.is_none() {
            for immediate in immediates(&mut op) {
                *immediate = seq.next_element()?.ok_or_else(|| short("number"))?;
            }
            if has_operands(&op) {
                seq.next_element_seed(OperandsSeed(&mut rows.operands))?
                    .ok_or_else(|| short("operands"))?;
            }
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        let site = seq.next_element()?.unwrap_or(0);
        if seq.next_element::<IgnoredAny>()?.is_some() {
            let message = format!("node {number} goes on after its site");
            return Err(de::Error::custom(message));
        }
        rows.nodes.push(Row {
            op,
            site,
            operands_end: rows.operands.len() as u32,
        });
        Ok(())
    }
}

struct OperandsSeed<'r>(&'r mut Vec<u32>);

impl<'de> DeserializeSeed<'de> for OperandsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OperandsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of operands")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(operand) = seq.next_element()? {
            self.0.push(operand);
        }
        Ok(())
    }
}

/// The operation at the head of a row.
enum OpName {
    Known(Op),
    Unknown(String),
}

impl<'de> Deserialize<'de> for OpName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OpNameVisitor)
    }
}

struct OpNameVisitor;

impl Visitor<'_> for OpNameVisitor {
    type Value = OpName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an operation")
    }

    fn visit_str<E>(self, name: &str) -> Result<OpName, E> {
        Ok(match op_from_name(name) {
            Some(op) => OpName::Known(op),
            None => OpName::Unknown(excerpt(name)),
        })
    }
}

/// `[name, init, constraint, [start, end]]`.
struct ParamRow(Param);

impl<'de> Deserialize<'de> for ParamRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = <(String, Number, ConstraintRow, (u32, u32))>::deserialize(deserializer)?;
        let (name, Number(init), ConstraintRow(constraint), (start, end)) = row;
        Ok(Self(Param {
            name,
            init,
            constraint,
            by: None,
            span: Span::new(start, end),
        }))
    }
}

/// `["between", lo, hi]`.
struct ConstraintRow(Constraint);

impl<'de> Deserialize<'de> for ConstraintRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ConstraintVisitor).map(Self)
    }
}

struct ConstraintVisitor;

impl<'de> Visitor<'de> for ConstraintVisitor {
    type Value = Constraint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a constraint: [\"free\"], [\"above\",lo], [\"below\",hi], [\"between\",lo,hi]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Constraint, A::Error> {
        let kind: String = required(&mut seq, "a constraint has a kind")?;
        let mut bound = || required(&mut seq, "a constraint lacks a number").map(|Number(x)| x);
        let constraint = match kind.as_str() {
            "free" => Constraint::Free,
            "above" => Constraint::Above(bound()?),
            "below" => Constraint::Below(bound()?),
            "between" => Constraint::Between(bound()?, bound()?),
            other => {
                let message = format!("unknown constraint `{}`", excerpt(other));
                return Err(de::Error::custom(message));
            }
        };
        finish(&mut seq, "a constraint")?;
        Ok(constraint)
    }
}

fn required<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    seq: &mut A,
    missing: &str,
) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| de::Error::custom(missing))
}

fn finish<'de, A: SeqAccess<'de>>(seq: &mut A, what: &str) -> Result<(), A::Error> {
    match seq.next_element::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(de::Error::custom(format!("{what} is too long"))),
    }
}

/// `[kind, value, [start, end]]`.
struct ConstantRow(GraphConstant);

impl<'de> Deserialize<'de> for ConstantRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ConstantVisitor).map(Self)
    }
}

struct ConstantVisitor;

impl<'de> Visitor<'de> for ConstantVisitor {
    type Value = GraphConstant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a constant: an array that begins with its kind")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<GraphConstant, A::Error> {
        const VALUE: &str = "a constant has no value";
        let Text(kind) = required(&mut seq, "a constant has no kind")?;
        let value = match &*kind {
            "quote" => {
                let text = required(&mut seq, VALUE)?;
                finish(&mut seq, "a quote")?;
                return Ok(GraphConstant::Quote(text));
            }
            "nil" => Constant::Nil,
            "unspecified" => Constant::Unspecified,
            "bool" => Constant::Bool(required(&mut seq, VALUE)?),
            "int" => Constant::Int(required::<Number, _>(&mut seq, VALUE)?.0),
            "float" => Constant::Float(required::<Number, _>(&mut seq, VALUE)?.0),
            "char" => Constant::Char(required(&mut seq, VALUE)?),
            "string" => Constant::String(required::<Text<'de>, _>(&mut seq, VALUE)?.0.into()),
            "prim" => {
                let Text(name) = required(&mut seq, VALUE)?;
                let prim = Prim::from_internal_name(&name).ok_or_else(|| {
                    de::Error::custom(format!("unknown primitive `{}`", excerpt(&name)))
                })?;
                Constant::Primitive(prim)
            }
            other => {
                let message = format!("unknown kind of constant `{}`", excerpt(other));
                return Err(de::Error::custom(message));
            }
        };
        let span = seq.next_element::<(u32, u32)>()?;
        finish(&mut seq, "a constant")?;
        let span = span.map(|(start, end)| Span::new(start, end));
        Ok(GraphConstant::Value(value, span))
    }
}
