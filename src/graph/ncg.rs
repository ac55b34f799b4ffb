//! `.ncg`: a [`Graph`] as a file.
//!
//! [`write()`] and [`save`] turn a graph into text; [`read`] and [`load`] turn text into a graph that
//! passed [`verify`], or say what is wrong with it and where.
//!
//! **Invariants**
//! - The same graph is written as the same bytes, and writing what was read gives what was written.
//! - The hash is over the exact text of the graph section; what stands beside it cannot change the
//!   graph.
//! - A file is flat: reading never recurses, however deep the program.
//! - Nodes count from 0 in the order of the file: the floating ones, then block after block. Errors
//!   and [`Graph::print`] number them the same way.
//! - No text panics, and no graph is given out unverified.
//!
//! ```text
//! {"format":"dmci-ncg","version":1,"generator":"dmci 0.1.0","hash":"5c0e…","graph":{
//! "reserved":false,
//! "text":"(* 2.0 x)",
//! "inputs":["x"],
//! "params":[],
//! "constants":[["float",2.0,[3,6]]],
//! "functions":[["",0,false,0,0]],
//! "exports":[],
//! "sites":[[0,0,false],[0,9,true]],
//! "floating":2,
//! "blocks":[2],
//! "nodes":[
//! ["%constant",0],["%input",0],
//! ["*",[0,1],1],["%return",[2]]
//! ]}}
//! ```

use super::verify::{MAX_NODES, numbers};
use super::{Block, Function, Graph, GraphConstant, Node, NodeId, Op, SiteInfo, verify};
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ast::Constant;
use crate::syntax::{Constraint, Param};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use slotmap::SlotMap;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The version of the format that [`write()`] writes, the newest that [`read`] reads.
pub const VERSION: u64 = 1;

const FORMAT: &str = "dmci-ncg";
const GENERATOR: &str = concat!("dmci ", env!("CARGO_PKG_VERSION"));

/// The longest file that [`load`] reads, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Why a file is no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcgError {
    /// The text is no JSON, or ends too early.
    #[error(
        "no JSON at line {line}, column {column}: {message}; the file is damaged or cut short, \
         compile it again"
    )]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the JSON reader says.
        message: String,
    },
    /// JSON of another kind.
    #[error("no graph file: {message}; give a file that `dmci compile` wrote")]
    NotNcg {
        /// What is missing.
        message: String,
    },
    /// A file of a later version of this program.
    #[error(
        "the file has version {found} of the format, this program reads up to {supported}; \
         update dmci, or compile the file again"
    )]
    NewerVersion {
        /// The version of the file.
        found: u64,
        /// The newest version that can be read.
        supported: u64,
    },
    /// The graph section is not the one that was written.
    #[error(
        "damaged: the graph has hash {computed}, the file says {stated}; copy it again, or \
         compile it again"
    )]
    Damaged {
        /// The hash in the file.
        stated: String,
        /// The hash of the graph section.
        computed: String,
    },
    /// An operation that the primitive table lacks.
    #[error("node {node}: unknown operation `{name}`; update dmci, or compile the program again")]
    UnknownOperation {
        /// The operation.
        name: String,
        /// The node.
        node: u32,
    },
    /// An index of something that is not there.
    #[error("{place}: {what} {index} does not exist, there are {count}; compile the program again")]
    OutOfRange {
        /// What refers to it: "node 12".
        place: String,
        /// What is referred to: "constant".
        what: &'static str,
        /// The index.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A graph that breaks the rules a machine relies on.
    #[error("{place}: {message}; compile the program again")]
    Structure {
        /// Where: "node 12", "block 3".
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A graph that exports no evaluator.
    #[error("the graph holds no interpreter; give a file that `dmci compile --interpreter` wrote")]
    NoInterpreter,
    /// The file could not be read or written.
    #[error("{path}: {message}; check the path and its permissions")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        message: String,
    },
}

impl NcgError {
    /// What is said of a graph that was to be an interpreter.
    pub(crate) fn no_interpreter() -> Self {
        Self::NoInterpreter
    }
}

// ---- operations ----------------------------------------------------------------------------

/// What an operation is called in files and prints.
pub(super) fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Param(_) => "%param",
        Op::Capture(_) => "%capture",
        Op::Constant(_) => "%constant",
        Op::Input(_) => "%input",
        Op::Function(_) => "%function",
        Op::Prim(prim) => prim.name(),
        Op::Closure(_) => "%closure",
        Op::Call => "%call",
        Op::CallKnown(_) => "%call-known",
        Op::Mux(..) => "%mux",
        Op::Return => "%return",
        Op::TailCall => "%tail-call",
        Op::TailCallKnown(_) => "%tail-call-known",
        Op::Again => "%again",
        Op::Branch(..) => "%branch",
    }
}

/// The operation of a name, its numbers still 0.
fn op_from_name(name: &str) -> Option<Op> {
    if !name.starts_with('%') {
        return Prim::from_internal_name(name).map(Op::Prim);
    }
    Some(match name {
        "%param" => Op::Param(0),
        "%capture" => Op::Capture(0),
        "%constant" => Op::Constant(0),
        "%input" => Op::Input(0),
        "%function" => Op::Function(0),
        "%closure" => Op::Closure(0),
        "%call" => Op::Call,
        "%call-known" => Op::CallKnown(0),
        "%mux" => Op::Mux(0, 0),
        "%return" => Op::Return,
        "%tail-call" => Op::TailCall,
        "%tail-call-known" => Op::TailCallKnown(0),
        "%again" => Op::Again,
        "%branch" => Op::Branch(0, 0),
        _ => Op::Prim(Prim::from_internal_name(name)?),
    })
}

/// The numbers that an operation carries beside its operands.
fn immediates(op: &mut Op) -> SmallVec<[&mut u32; 2]> {
    match op {
        Op::Param(i)
        | Op::Capture(i)
        | Op::Constant(i)
        | Op::Input(i)
        | Op::Function(i)
        | Op::Closure(i)
        | Op::CallKnown(i)
        | Op::TailCallKnown(i) => SmallVec::from_iter([i]),
        Op::Mux(a, b) | Op::Branch(a, b) => SmallVec::from_iter([a, b]),
        Op::Prim(_) | Op::Call | Op::Return | Op::TailCall | Op::Again => SmallVec::new(),
    }
}

/// Whether nodes of the operation have operands.
fn has_operands(op: &Op) -> bool {
    !op.is_floating() && !matches!(op, Op::Param(_) | Op::Capture(_))
}

// ---- writing -------------------------------------------------------------------------------

/// A graph as the text of an `.ncg` file.
pub fn write(graph: &Graph) -> String {
    let section = write_section(graph);
    format!(
        "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"generator\":{},\"hash\":\"{}\",\
         \"graph\":{section}}}\n",
        Json(GENERATOR),
        hash(&section),
    )
}

/// Writes a graph to a file, whole or not at all.
///
/// # Errors
/// The directory does not take the file ([`NcgError::Io`]); nothing is left behind then.
pub fn save(graph: &Graph, path: impl AsRef<Path>) -> Result<(), NcgError> {
    let path = path.as_ref();
    let text = write(graph);
    let result = create_beside(path).and_then(|(mut file, temporary)| {
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        written
    });
    result.map_err(|error| io_error(path, &error))
}

/// Makes an empty file in the directory of `path`, on the same file system, so that it can be
/// renamed to it.
fn create_beside(path: &Path) -> io::Result<(fs::File, PathBuf)> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let mut attempt = 0;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        let mut options = fs::OpenOptions::new();
        match options.write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn io_error(path: &Path, error: &io::Error) -> NcgError {
    NcgError::Io {
        path: path.display().to_string(),
        message: error.to_string(),
    }
}

fn hash(section: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(section.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A string as JSON.
struct Json<'a>(&'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// A number as JSON: the shortest text that reads back the same, or a string for what JSON lacks.
struct JsonNumber(f64);

impl fmt::Display for JsonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            x if x.is_nan() => f.write_str("\"nan\""),
            f64::INFINITY => f.write_str("\"inf\""),
            f64::NEG_INFINITY => f.write_str("\"-inf\""),
            x => write!(f, "{x:?}"),
        }
    }
}

fn write_span(span: Span, out: &mut String) {
    let _ = write!(out, "[{},{}]", span.start, span.end);
}

/// A named list, one line an item where there are many.
fn write_list<T>(
    name: &str,
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut item: impl FnMut(T, &mut String),
) {
    let _ = write!(out, "\"{name}\":[");
    for (index, i) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
            if index % 8 == 0 {
                out.push('\n');
            }
        }
        item(i, out);
    }
    out.push_str("],\n");
}

fn write_section(graph: &Graph) -> String {
    let mut out = String::with_capacity(1024 + 24 * graph.nodes.len());
    let _ = writeln!(out, "{{\n\"reserved\":{},", graph.reserved);
    let _ = writeln!(out, "\"text\":{},", Json(&graph.text));
    write_list("inputs", &graph.inputs, &mut out, |name, out| {
        let _ = write!(out, "{}", Json(name));
    });
    write_list("params", &graph.params, &mut out, write_param);
    write_list("constants", &graph.constants, &mut out, write_constant);
    write_list("functions", &graph.functions, &mut out, |f, out| {
        let (params, rest, captures, body) = (f.params, f.rest, f.captures, f.body);
        let name = Json(&f.name);
        let _ = write!(out, "[{name},{params},{rest},{captures},{body}]");
    });
    write_list("exports", &graph.exports, &mut out, |(name, f), out| {
        let _ = write!(out, "[{},{f}]", Json(name));
    });
    write_list("sites", &graph.sites, &mut out, |site, out| {
        let SiteInfo { span, counts } = site;
        let _ = write!(out, "[{},{},{counts}]", span.start, span.end);
    });
    let _ = writeln!(out, "\"floating\":{},", graph.floating.len());
    write_list("blocks", &graph.blocks, &mut out, |block, out| {
        let _ = write!(out, "{}", block.nodes.len());
    });
    let numbers = numbers(graph);
    out.push_str("\"nodes\":[");
    let blocks = graph.blocks.iter().map(|block| &block.nodes);
    let mut first = true;
    for nodes in std::iter::once(&graph.floating).chain(blocks) {
        for (index, &id) in nodes.iter().enumerate() {
            if !first {
                out.push(',');
            }
            first = false;
            if index == 0 {
                out.push('\n');
            }
            match graph.nodes.get(id) {
                Some(node) => write_node(node, |id| numbers.get(id).copied(), &mut out),
                // A node that is not there: no reader takes it.
                None => out.push_str("[\"%missing\"]"),
            }
        }
    }
    out.push_str("\n]}");
    out
}

fn write_node(node: &Node, number: impl Fn(NodeId) -> Option<u32>, out: &mut String) {
    let mut op = node.op.clone();
    let _ = write!(out, "[{}", Json(op_name(&op)));
    for immediate in immediates(&mut op) {
        let _ = write!(out, ",{immediate}");
    }
    if has_operands(&op) {
        out.push_str(",[");
        for (index, &arg) in node.args.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // No reader takes the number of an operand that is not there.
            let _ = write!(out, "{comma}{}", number(arg).unwrap_or(u32::MAX));
        }
        out.push(']');
    }
    if node.site != 0 {
        let _ = write!(out, ",{}", node.site);
    }
    out.push(']');
}

fn write_param(param: &Param, out: &mut String) {
    let _ = write!(out, "[{},{},", Json(&param.name), JsonNumber(param.init));
    let _ = match param.constraint {
        Constraint::Free => write!(out, "[\"free\"]"),
        Constraint::Above(lo) => write!(out, "[\"above\",{}]", JsonNumber(lo)),
        Constraint::Below(hi) => write!(out, "[\"below\",{}]", JsonNumber(hi)),
        Constraint::Between(lo, hi) => {
            write!(out, "[\"between\",{},{}]", JsonNumber(lo), JsonNumber(hi))
        }
    };
    out.push(',');
    write_span(param.span, out);
    out.push(']');
}

fn write_constant(constant: &GraphConstant, out: &mut String) {
    let (value, span) = match constant {
        GraphConstant::Quote(text) => {
            let _ = write!(out, "[\"quote\",{}]", Json(text));
            return;
        }
        GraphConstant::Value(value, span) => (value, *span),
    };
    let _ = match value {
        Constant::Nil => write!(out, "[\"nil\""),
        Constant::Unspecified => write!(out, "[\"unspecified\""),
        Constant::Bool(value) => write!(out, "[\"bool\",{value}"),
        Constant::Int(value) => write!(out, "[\"int\",{}", JsonNumber(*value)),
        Constant::Float(value) => write!(out, "[\"float\",{}", JsonNumber(*value)),
        Constant::Char(value) => {
            write!(out, "[\"char\",{}", Json(value.encode_utf8(&mut [0; 4])))
        }
        Constant::String(value) => write!(out, "[\"string\",{}", Json(value)),
        Constant::Primitive(prim) => write!(out, "[\"prim\",{}", Json(prim.name())),
    };
    if let Some(span) = span {
        out.push(',');
        write_span(span, out);
    }
    out.push(']');
}

// ---- reading -------------------------------------------------------------------------------

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
/// Any text that [`write()`] cannot have written, apart from white space and from the certificate that
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
    let graph = read_section(text, section)?;
    verify(&graph)?;
    Ok(graph)
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
        let computed = hash(graph.get());
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
pub(super) fn excerpt(text: &str) -> String {
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

/// Graphs for the tests of this module and its neighbours.
#[cfg(test)]
pub(super) mod samples {
    use crate::anf::{normalize, tail_calls};
    use crate::graph::{Graph, Imports, build};
    use crate::symbol::Symbols;
    use crate::syntax::{ExpandOptions, ReadOptions, expand, read};

    const PRELUDE: &str = "
        (define (map1 f l) (if (null? l) '() (cons (f (car l)) (map1 f (cdr l)))))
        (define (map f l . more) (if (null? more) (map1 f l) (%fail-at '() \"type\" \"map\")))
        (define (fold-left f acc l) (if (null? l) acc (fold-left f (f acc (car l)) (cdr l))))
        (define (filter keep l)
          (cond ((null? l) '())
                ((keep (car l)) (cons (car l) (filter keep (cdr l))))
                (else (filter keep (cdr l)))))
        (define (compose f g) (lambda (x) (f (g x))))
        (define (tree) '(%if (a . 1) \"s\" #\\x 2.5 -0.0))
        (define (is-even n) (if (= n 0) #t (is-odd (- n 1))))
        (define (is-odd n) (if (= n 0) #f (is-even (- n 1))))
        (map1 car '())";

    pub(in crate::graph) const PROGRAMS: [&str; 24] = [
        "42",
        "(* a (exp (* (- b) x)))",
        "(if (> x 0) (log x) 0)",
        "(let loop ((i 0) (acc 1.5)) (if (< i 10) (loop (+ i 1) (* acc x)) acc))",
        "(define (fact n) (if (= n 0) 1 (* n (fact (- n 1))))) (fact 5)",
        "(map (lambda (y) (* y k)) (list 1 2 x))",
        "(define (make n) (lambda (m) (+ n m x))) ((make 1) 2)",
        "(letrec ((even? (lambda (n) (if (= n 0) #t (odd? (- n 1)))))
                  (odd? (lambda (n) (if (= n 0) #f (even? (- n 1)))))) (even? 10))",
        "(let ((s x)) (letrec ((f (lambda (n) (if (= n 0) s (g (- n 1)))))
                               (g (lambda (n) (if (= n 0) (- s) (f (- n 1)))))) (f 3)))",
        "(define y x) (define (f n) (if (< n 1) y (+ y (f (- n 1))))) (+ (f 3) (f 4))",
        "(param k 2.5 (> 0)) (param q 0.5 (between 0 1)) (param r -1e300) (* k q r x)",
        "'(1 (2.5 . \"three\") #t #\\a sym |odd name| ())",
        "(cond ((< x 0) 'neg) ((= x 0) 'zero) ((< x 1) 'small) ((< x 2) 'middle) (else 'big))",
        "(define (f . args) (apply + args)) (f 1 2 3)",
        "(+ 1 (if x (if y 1 2) (let ((z (* y y))) (if z z 3))))",
        "(fold-left + 0 (filter (lambda (v) (> v t)) (list 1 2 3)))",
        "((compose sin cos) (tree))",
        "(is-odd 7)",
        "(do ((i 0 (+ i 1)) (s 0 (+ s i))) ((= i 5) s))",
        "(list +inf.0 -inf.0 +nan.0 -0.0 0.1 1e-320 1.7976931348623157e308 123456789012345678)",
        "(define (f) (g)) (define (g) (h)) (define h (lambda () (* x (k2)))) (f)",
        "(letrec ((a (lambda () (b))) (b 1)) (a))",
        "(let* ((é \"tab\\tquote\\\"\") (λ (lambda (n) (list é n)))) (λ x))",
        "(let ((f (lambda (n) (* n x)))) (+ (f 1) (f 2) (if (f 3) (f 4) (undefined-thing 5))))",
    ];

    pub(in crate::graph) fn compile(text: &str, prelude: Option<&Graph>) -> Graph {
        try_compile(text, prelude).expect("it is a program")
    }

    /// The graph of a text, if it is a program.
    pub(in crate::graph) fn try_compile(text: &str, prelude: Option<&Graph>) -> Option<Graph> {
        let mut symbols = Symbols::new();
        let options = ReadOptions {
            reserved: prelude.is_none(),
            ..ReadOptions::default()
        };
        let data = read(text, &mut symbols, options).ok()?;
        let names = prelude.map_or(Vec::new(), |graph| {
            graph
                .exports
                .iter()
                .map(|(name, _)| name.as_str())
                .collect()
        });
        let options = ExpandOptions {
            prelude: &names,
            internal: prelude.is_none(),
            ..ExpandOptions::default()
        };
        let program = expand(&text.into(), data, symbols, &options).ok()?;
        let mut inputs: Vec<String> = program.params().iter().map(|p| p.name.clone()).collect();
        for (name, _) in program.free_names() {
            if name != "undefined-thing" && !inputs.iter().any(|i| i == name) {
                inputs.push(name.to_owned());
            }
        }
        let anf = normalize(&program, &|name| inputs.iter().any(|i| i == name));
        let imports = prelude.map_or(Imports::Own, Imports::Prelude);
        Some(build(&tail_calls(anf), &program, &inputs, imports))
    }

    /// A graph that brings its own prelude, as the interpreter's does.
    pub(in crate::graph) fn prelude() -> Graph {
        compile(PRELUDE, None)
    }

    pub(in crate::graph) fn program(text: &str) -> Graph {
        compile(text, Some(&prelude()))
    }

    /// All of them.
    pub(in crate::graph) fn graphs() -> Vec<(&'static str, Graph)> {
        let prelude = prelude();
        let mut graphs: Vec<_> = PROGRAMS
            .into_iter()
            .map(|text| (text, compile(text, Some(&prelude))))
            .collect();
        graphs.push((PRELUDE, prelude));
        graphs
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{graphs, prelude, program};
    use super::*;
    use proptest::prelude::*;

    /// The file with the hash of its graph section made right.
    fn rehash(text: &str) -> Option<String> {
        let at = text.find("\"graph\":")? + "\"graph\":".len();
        let section = text[at..].trim_end().strip_suffix('}')?;
        let start = text.find("\"hash\":\"")? + "\"hash\":\"".len();
        let old = text.get(start..start + 64)?;
        Some(text.replace(old, &hash(section)))
    }

    fn tampered(from: &str, to: &str) -> NcgError {
        let text = write(&program("(+ 1 (* x 2.0))"));
        assert!(text.contains(from), "{text}");
        let text = rehash(&text.replacen(from, to, 1)).unwrap();
        let error = read(&text).expect_err(&text);
        let message = error.to_string();
        assert_eq!(message, message.trim_end_matches('.'));
        error
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for (source, graph) in graphs() {
            let text = write(&graph);
            assert_eq!(text, write(&graph.clone()), "{source}");
            let back = read(&text).unwrap_or_else(|e| panic!("{source}: {e}\n{text}"));
            assert_eq!(write(&back), text, "{source}");
            assert_eq!(back.print(), graph.print(), "{source}");
            assert_eq!(back.functions, graph.functions);
            assert_eq!(back.exports, graph.exports);
            assert_eq!(back.inputs, graph.inputs);
            assert_eq!(back.sites, graph.sites);
            assert_eq!(back.text, graph.text);
        }
    }

    #[test]
    fn floats_keep_their_bits() {
        let graph = program(
            "(list 0.1 -0.0 5e-324 1.7976931348623157e308 +inf.0 -inf.0 +nan.0 3.141592653589793)",
        );
        let back = read(&write(&graph)).unwrap();
        let bits = |graph: &Graph| -> Vec<u64> {
            let floats = graph.constants.iter().filter_map(|c| match c {
                GraphConstant::Value(Constant::Float(x), _) => Some(x.to_bits()),
                _ => None,
            });
            floats.collect()
        };
        assert_eq!(bits(&graph).len(), 8);
        assert_eq!(bits(&graph), bits(&back));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let text = write(&program("(* 2.0 x)"));
        let (head, section) = text.split_once("\"graph\":").unwrap();
        assert!(head.starts_with("{\"format\":\"dmci-ncg\",\"version\":1,\"generator\":\"dmci "));
        let expected = concat!(
            "{\n\"reserved\":false,\n\"text\":\"(* 2.0 x)\",\n\"inputs\":[\"x\"],\n\"params\":[],\n",
            "\"constants\":[[\"float\",2.0,[3,6]]],\n\"functions\":[[\"\",0,false,0,0]],\n",
            "\"exports\":[],\n\"sites\":[[0,0,false],[0,9,true]],\n\"floating\":2,\n",
            "\"blocks\":[2],\n\"nodes\":[\n[\"%constant\",0],[\"%input\",0],\n",
            "[\"*\",[0,1],1],[\"%return\",[2]]\n]}}\n",
        );
        assert_eq!(section, expected);
    }

    #[test]
    fn control_operations_are_no_primitives() {
        let graphs = graphs();
        let ops = graphs.iter().flat_map(|(_, graph)| graph.nodes.values());
        for node in ops {
            let prim = Prim::from_internal_name(op_name(&node.op));
            assert_eq!(prim.is_some(), matches!(node.op, Op::Prim(_)));
        }
    }

    #[test]
    fn every_program_of_the_corpus_passes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/public.jsonl");
        let cases = fs::read_to_string(path).unwrap();
        let prelude = prelude();
        let mut count = 0;
        for line in cases.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let source = case["source"].as_str().unwrap();
            let Some(graph) = super::samples::try_compile(source, Some(&prelude)) else {
                continue;
            };
            count += 1;
            let text = write(&graph);
            let back = read(&text).unwrap_or_else(|e| panic!("{source}: {e}\n{}", graph.print()));
            assert_eq!(write(&back), text, "{source}");
        }
        assert!(count > 500, "{count}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        for (_, graph) in graphs() {
            let text = write(&graph);
            for end in (0..text.trim_end().len()).filter(|&end| text.is_char_boundary(end)) {
                let error = read(&text[..end]).expect_err("it is cut short");
                assert!(matches!(error, NcgError::NotJson { .. }), "{end}: {error}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let text = write(&program(
            "(param k 2.5 (> 0)) (if (> x 0) (f (* k x)) '(a 1.5))",
        ));
        let generator = text.find("\"dmci ").unwrap()..text.find("\",\"hash").unwrap();
        for at in 0..text.len() - 1 {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(flipped) = str::from_utf8(&bytes) else {
                    continue;
                };
                match read(flipped) {
                    Err(_) => {}
                    // Who wrote the file is told to people only.
                    Ok(graph) => {
                        assert!(generator.contains(&at), "bit {bit} of byte {at}");
                        assert_eq!(write(&graph), text);
                    }
                }
            }
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        use NcgError as E;
        let text = write(&program("(* x 2.0)"));
        let message = |text: &str| read(text).expect_err(text).to_string();
        let newer = text.replace("\"version\":1", "\"version\":7");
        assert!(message(&newer).contains("version 7 of the format, this program reads up to 1"));
        let newer = "{\"format\":\"dmci-ncg\",\"version\":2,\"graph\":17,\"more\":[]}";
        assert!(matches!(read(newer), Err(E::NewerVersion { found: 2, .. })));
        for other in [
            "{}",
            "[]",
            "17",
            "null",
            "{\"format\":\"png\"}",
            "{\"format\":3}",
        ] {
            assert!(matches!(read(other), Err(E::NotNcg { .. })), "{other}");
        }
        assert!(message("{}").contains("no \"format\""));
        for broken in ["", "{", "(* x 2)", "\u{feff}{}", "{} {}"] {
            assert!(matches!(read(broken), Err(E::NotJson { .. })), "{broken}");
        }
        let damaged = text.replace("[\"*\",", "[\"+\",");
        assert!(matches!(read(&damaged), Err(E::Damaged { .. })));
        assert!(message(&damaged).starts_with("damaged: "));
        let crlf = text.replace('\n', "\r\n");
        assert!(matches!(read(&crlf), Err(E::Damaged { .. })));
        match tampered("[\"*\",", "[\"frobnicate\",") {
            E::UnknownOperation { name, node } => assert_eq!((&*name, node), ("frobnicate", 3)),
            other => panic!("{other}"),
        }
        let error = tampered("[\"*\",[0,1]", "[\"*\",[0,99]");
        assert!(
            error
                .to_string()
                .starts_with("node 3: node 99 does not exist, there are 6"),
            "{error}"
        );
        let error = tampered("[\"*\",[0,1]", "[\"*\",[0,-2]");
        let E::Structure { place, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(place, "line 14, column 10", "{error}");
        assert!(matches!(
            tampered("\"floating\":3", "\"floating\":4294967295"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\",7]"),
            E::OutOfRange { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\"]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\",0,0,0]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("\"reserved\"", "\"extra\":1,\"reserved\""),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"int\",1.0", "[\"int\",1.5"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"int\",1.0", "[\"int\",1e999"),
            E::Structure { .. }
        ));
    }

    #[test]
    fn a_certificate_beside_the_graph_is_allowed_and_nothing_else() {
        let text = write(&program("x"));
        let with = |key: &str| text.replacen("\"hash\"", &format!("\"{key}\":[{{}}],\"hash\""), 1);
        assert!(read(&with("certificate")).is_ok());
        assert!(matches!(read(&with("other")), Err(NcgError::NotNcg { .. })));
        let twice = text.replacen("\"hash\"", "\"generator\":\"x\",\"hash\"", 1);
        assert!(matches!(read(&twice), Err(NcgError::NotNcg { .. })));
    }

    #[test]
    fn deep_files_do_not_overflow_the_stack() {
        let deep = "[".repeat(1_000_000);
        assert!(matches!(
            read(&deep),
            Err(NcgError::NotNcg { .. } | NcgError::NotJson { .. })
        ));
        let certificate = format!("{{\"certificate\":{deep}");
        assert!(matches!(read(&certificate), Err(NcgError::NotJson { .. })));
        let text = write(&program("x"));
        let closed = format!("{deep}{}", "]".repeat(deep.len()));
        let inside = text.replacen("[\"%input\",0]", &format!("[\"no\",{closed}]"), 1);
        let error = read(&rehash(&inside).unwrap()).unwrap_err();
        assert!(
            matches!(error, NcgError::UnknownOperation { .. }),
            "{error}"
        );
        let quotes = "(".repeat(20_000) + &")".repeat(20_000);
        let text = write(&program("'q")).replacen("\"q\"", &format!("\"{quotes}\""), 1);
        let error = read(&rehash(&text).unwrap()).unwrap_err();
        assert!(error.to_string().contains("nesting deeper than"), "{error}");
        let mut nested = String::from("x");
        for _ in 0..3000 {
            nested = format!("(if x (+ 1 {nested}) 2)");
        }
        let graph = program(&nested);
        let text = write(&graph);
        assert_eq!(write(&read(&text).unwrap()), text);
    }

    #[test]
    fn files_are_written_whole_or_not_at_all() {
        let directory = std::env::temp_dir().join(format!("dmci-ncg-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("a.ncg");
        let graph = program("(* 2 x)");
        save(&graph, &path).unwrap();
        save(&graph, &path).unwrap();
        assert_eq!(write(&load(&path).unwrap()), write(&graph));
        // A directory cannot be replaced by a file.
        let taken = directory.join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        let error = save(&graph, &taken).unwrap_err();
        assert!(matches!(error, NcgError::Io { .. }) && error.to_string().contains("taken"));
        let missing = directory.join("none").join("a.ncg");
        assert!(matches!(save(&graph, &missing), Err(NcgError::Io { .. })));
        assert!(matches!(load(&missing), Err(NcgError::Io { .. })));
        assert!(matches!(load(&directory), Err(NcgError::Io { .. })));
        fs::write(&path, b"{\xff").unwrap();
        assert!(matches!(
            load(&path),
            Err(NcgError::NotJson { column: 2, .. })
        ));
        let mut left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["a.ncg", "taken"]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn graphs_that_no_pass_makes_are_written_but_not_read() {
        let mut graph = program("(+ x 1)");
        let id = graph.blocks[0].nodes[0];
        graph.nodes.remove(id);
        assert!(matches!(
            read(&write(&graph)),
            Err(NcgError::UnknownOperation { .. })
        ));
        let mut graph = program("(+ x 1)");
        graph.blocks[0].nodes.remove(0);
        assert!(matches!(
            read(&write(&graph)),
            Err(NcgError::OutOfRange { .. })
        ));
    }

    proptest! {
        /// Tokens of a file exchanged, the hash made right again: never a panic, and what passes is
        /// a graph like any other.
        #[test]
        fn hostile_files_do_no_harm(
            which in 0..samples::PROGRAMS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..4),
        ) {
            let mut text = write(&program(samples::PROGRAMS[which]));
            let head = text.find("\"graph\":").unwrap() + 8;
            for (from, to, copy) in changes {
                let tokens: Vec<(usize, usize)> = tokens(&text).filter(|t| t.0 > head).collect();
                let (a, b) = (tokens[from.index(tokens.len())], tokens[to.index(tokens.len())]);
                let new = if copy { text[b.0..b.1].to_owned() } else { "4294967295".into() };
                text.replace_range(a.0..a.1, &new);
            }
            if let Some(text) = rehash(&text)
                && let Ok(graph) = read(&text)
            {
                let again = write(&graph);
                prop_assert_eq!(write(&read(&again).unwrap()), again);
                let _ = (graph.print(), graph.to_dot());
            }
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:a-z0-9.\\-\n]{0,60}") {
            prop_assert!(read(&text).is_err());
        }
    }

    /// Numbers and strings of a JSON text.
    fn tokens(text: &str) -> impl Iterator<Item = (usize, usize)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let bytes = text.as_bytes();
            while at < bytes.len()
                && matches!(bytes[at], b'[' | b']' | b'{' | b'}' | b',' | b':' | b'\n')
            {
                at += 1;
            }
            let start = at;
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                at = (at + 1).min(bytes.len());
            } else {
                while at < bytes.len()
                    && !matches!(bytes[at], b'[' | b']' | b'{' | b'}' | b',' | b':' | b'\n')
                {
                    at += 1;
                }
            }
            (at > start).then_some((start, at))
        })
    }
}
