//! Writing: a graph to the text of a file.
//!
//! **Invariants**
//! - The same graph gives the same bytes; floats are written as the shortest text that reads back.
//! - A file is there whole or not at all.

use super::whole;
use super::{FORMAT, GENERATOR, NcgError, VERSION, has_operands, immediates, op_name};
use crate::graph::verify::numbers;
use crate::graph::{Graph, GraphConstant, Node, NodeId, SiteInfo};
use crate::source::Span;
use crate::syntax::ast::Constant;
use crate::syntax::{Constraint, Param};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

/// A graph as the text of an `.ncg` file. A certificate that is no JSON is left out.
pub fn write(graph: &Graph) -> String {
    let section = write_section(graph);
    let is_json = |text: &&str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let certificate = match graph.certificate.as_deref().filter(is_json) {
        Some(text) => format!("\"certificate\":{text},\n"),
        None => String::new(),
    };
    format!(
        "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"generator\":{},\"hash\":\"{}\",\
         {certificate}\"graph\":{section}}}\n",
        Json(GENERATOR),
        sha256(section.as_bytes()),
    )
}

/// The hash that a graph's file states: SHA-256 of its section, in hexadecimal.
pub fn hash(graph: &Graph) -> String {
    sha256(write_section(graph).as_bytes())
}

/// Writes a graph to a file, whole or not at all.
///
/// # Errors
/// The directory does not take the file ([`NcgError::Io`]); nothing is left behind then.
pub fn save(graph: &Graph, path: impl AsRef<Path>) -> Result<(), NcgError> {
    let path = path.as_ref();
    let text = write(graph);
    whole::save(path, text.as_bytes()).map_err(|error| io_error(path, &error))
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> NcgError {
    NcgError::Io {
        path: path.display().to_string(),
        message: error.to_string(),
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
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
