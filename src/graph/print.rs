//! How a [`Graph`] reads: the text and the drawing of `show --stage graph`.
//!
//! A graph goes in; [`Graph::print`] gives indented text, [`Graph::to_dot`] a drawing for Graphviz.
//!
//! **Invariants**
//! - Nodes are numbered as in the graph's file, and as errors number them.
//! - Any graph prints, verified or not, without recursion and in linear time: a block is printed
//!   once, and indentation is bounded.
//!
//! ```text
//! n0 = 2.0 @1:4
//! n1 = input x
//! f0 (0)
//!   n2 = * n0 n1 @1:1
//!   return n2
//! ```

use super::ncg::{excerpt, op_name};
use super::verify::numbers;
use super::{Graph, GraphConstant, Node, NodeId, Op};
use crate::sorted;
use crate::source::{Listing, Mark, Position, Span};
use crate::syntax::ast::Constant;
use rustc_hash::FxHashMap;
use slotmap::SecondaryMap;
use std::fmt::Write;

/// Blocks deeper than this are not indented further.
const MAX_INDENT: usize = 24;

impl Graph {
    /// Prints the constants, inputs and exports, then all functions, each arm of an `if` below it.
    pub fn print(&self) -> String {
        self.list().text
    }

    /// The same with the places that nodes and literals stand for.
    pub fn list(&self) -> Listing {
        let mut printer = Printer::new(self);
        for &id in &self.floating {
            printer.floating(id);
        }
        for (name, function) in &self.exports {
            let _ = writeln!(printer.out, "export {} f{function}", excerpt(name));
        }
        for index in 0..self.functions.len() {
            printer.function(index);
        }
        Listing {
            text: printer.out,
            marks: printer.marks,
        }
    }

    /// Draws the graph in the language of Graphviz: a cluster for each function, solid edges for
    /// values, dashed ones from an `if` to the beginnings of its arms.
    pub fn to_dot(&self) -> String {
        let mut printer = Printer::new(self);
        let head = "digraph \"graph\" {\n  node [shape=box, fontname=monospace];\n";
        printer.out.push_str(head);
        for index in 0..self.functions.len() {
            printer.cluster(index);
        }
        printer.out.push_str("}\n");
        printer.out
    }
}

/// What is still to be printed of a function.
enum Open {
    /// A block from its beginning.
    Block {
        title: &'static str,
        block: u32,
        depth: usize,
    },
    /// The nodes of a block from one on.
    Nodes {
        block: u32,
        next: usize,
        depth: usize,
    },
}

struct Printer<'a> {
    graph: &'a Graph,
    numbers: SecondaryMap<NodeId, u32>,
    /// Lines and columns by offsets in the text.
    positions: FxHashMap<u32, Position>,
    /// Whether a block has been printed.
    seen: Vec<bool>,
    out: String,
    /// The lines that come from somewhere.
    marks: Vec<Mark>,
}

impl<'a> Printer<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            numbers: numbers(graph),
            positions: positions(graph),
            seen: vec![false; graph.blocks.len()],
            out: String::new(),
            marks: Vec::new(),
        }
    }

    // ---- text ------------------------------------------------------------------------------

    fn floating(&mut self, id: NodeId) {
        let start = self.out.len();
        let mut from = Span::default();
        let mut line = format!("{} = {}", self.name(id), self.value(id));
        match self.graph.nodes.get(id).map(|node| &node.op) {
            Some(&Op::Function(index)) => {
                if let Some(function) = self.graph.functions.get(index as usize) {
                    let _ = write!(line, " {}", excerpt(&function.name));
                }
            }
            Some(&Op::Constant(index)) => {
                if let Some(GraphConstant::Value(_, Some(span))) =
                    self.graph.constants.get(index as usize)
                {
                    line.push_str(&self.place(span.start));
                    from = *span;
                }
            }
            _ => {}
        }
        let _ = writeln!(self.out, "{}", line.trim_end());
        self.mark(start, from);
    }

    fn function(&mut self, index: usize) {
        let title = self.title(index);
        let _ = writeln!(self.out, "{title}");
        let mut stack = vec![Open::Block {
            title: "",
            block: self.graph.functions[index].body,
            depth: 1,
        }];
        while let Some(open) = stack.pop() {
            match open {
                Open::Block {
                    title,
                    block,
                    depth,
                } => self.block(title, block, depth, &mut stack),
                Open::Nodes { block, next, depth } => self.node(block, next, depth, &mut stack),
            }
        }
    }

    fn block(&mut self, title: &str, block: u32, depth: usize, stack: &mut Vec<Open>) {
        let first = self.first_time(block);
        let note = if first { "" } else { " elsewhere" };
        if !title.is_empty() {
            let _ = writeln!(self.out, "{}{title} b{block}:{note}", indent(depth));
        }
        if first {
            let depth = depth + usize::from(!title.is_empty());
            let next = 0;
            stack.push(Open::Nodes { block, next, depth });
        }
    }

    /// Prints a node; its arms and what follows it wait on the stack.
    fn node(&mut self, block: u32, next: usize, depth: usize, stack: &mut Vec<Open>) {
        let graph = self.graph;
        let Some(&id) = graph.blocks[block as usize].nodes.get(next) else {
            return;
        };
        let next = next + 1;
        stack.push(Open::Nodes { block, next, depth });
        let Some(node) = graph.nodes.get(id) else {
            return;
        };
        self.out.push_str(indent(depth));
        let start = self.out.len();
        if !node.op.is_end() {
            let _ = write!(self.out, "{} = ", self.name(id));
        }
        self.out.push_str(&operation(&node.op));
        for &arg in &node.args {
            let _ = write!(self.out, " {}", self.name(arg));
        }
        let _ = writeln!(self.out, "{}", self.site(node));
        if let Some(site) = graph.sites.get(node.site as usize) {
            self.mark(start, site.span);
        }
        if let Op::Mux(then, otherwise) | Op::Branch(then, otherwise) = node.op {
            for (title, block) in [("else", otherwise), ("then", then)] {
                stack.push(Open::Block {
                    title,
                    block,
                    depth,
                });
            }
        }
    }

    fn first_time(&mut self, block: u32) -> bool {
        match self.seen.get_mut(block as usize) {
            Some(seen) => !std::mem::replace(seen, true),
            None => false,
        }
    }

    /// Notes where the line comes from that began at an offset and was written last.
    fn mark(&mut self, start: usize, from: Span) {
        let part = Span::new(start as u32, self.out.trim_end().len() as u32);
        if from.start < from.end {
            self.marks.push(Mark { part, from });
        }
    }

    // ---- drawing ---------------------------------------------------------------------------

    fn cluster(&mut self, index: usize) {
        let graph = self.graph;
        let title = dot_escaped(&self.title(index));
        let _ = write!(
            self.out,
            "  subgraph cluster_{index} {{\n    label=\"{title}\";\n"
        );
        let mut edges = String::new();
        let mut stack = vec![graph.functions[index].body];
        while let Some(block) = stack.pop() {
            if !self.first_time(block) {
                continue;
            }
            for &id in &graph.blocks[block as usize].nodes {
                let Some(node) = graph.nodes.get(id) else {
                    continue;
                };
                self.dot_node(id, node, &mut edges);
                if let Op::Mux(then, otherwise) | Op::Branch(then, otherwise) = node.op {
                    stack.extend([otherwise, then]);
                }
            }
        }
        self.out.push_str("  }\n");
        self.out.push_str(&edges);
    }

    fn dot_node(&mut self, id: NodeId, node: &Node, edges: &mut String) {
        let name = self.name(id);
        let mut label = operation(&node.op);
        for &arg in &node.args {
            let operand = self.graph.nodes.get(arg);
            let text = match operand {
                Some(node) if node.op.is_floating() => self.value(arg),
                _ => self.name(arg),
            };
            let _ = write!(label, " {text}");
            if operand.is_some_and(|node| !node.op.is_floating()) {
                let _ = writeln!(edges, "  \"{}\" -> \"{name}\";", self.name(arg));
            }
        }
        label.push_str(&self.site(node));
        if !node.op.is_end() {
            label.insert_str(0, &format!("{name} = "));
        }
        let label = dot_escaped(&label);
        let _ = writeln!(self.out, "    \"{name}\" [label=\"{label}\"];");
        if let Op::Mux(then, otherwise) | Op::Branch(then, otherwise) = node.op {
            for (title, arm) in [("then", then), ("else", otherwise)] {
                let block = self.graph.blocks.get(arm as usize);
                if let Some(&first) = block.and_then(|block| block.nodes.first()) {
                    let _ = writeln!(
                        edges,
                        "  \"{name}\" -> \"{}\" [style=dashed, label=\"{title} b{arm}\"];",
                        self.name(first)
                    );
                }
            }
        }
    }

    // ---- pieces ----------------------------------------------------------------------------

    /// `f3 map (2+, captures 1)`: the plus is a rest parameter.
    fn title(&self, index: usize) -> String {
        let function = &self.graph.functions[index];
        let mut title = format!("f{index}");
        if !function.name.is_empty() {
            let _ = write!(title, " {}", excerpt(&function.name));
        }
        let rest = if function.rest { "+" } else { "" };
        let _ = write!(title, " ({}{rest}", function.params);
        if function.captures > 0 {
            let _ = write!(title, ", captures {}", function.captures);
        }
        title.push(')');
        title
    }

    fn name(&self, id: NodeId) -> String {
        match self.numbers.get(id) {
            Some(number) => format!("n{number}"),
            None => "n?".into(),
        }
    }

    /// What a floating node stands for.
    fn value(&self, id: NodeId) -> String {
        let graph = self.graph;
        match graph.nodes.get(id).map(|node| &node.op) {
            Some(&Op::Constant(index)) => match graph.constants.get(index as usize) {
                Some(constant) => constant_text(constant),
                None => format!("constant {index}"),
            },
            Some(&Op::Input(index)) => match graph.inputs.get(index as usize) {
                Some(name) => format!("input {}", excerpt(name)),
                None => format!("input {index}"),
            },
            Some(&Op::Function(index)) => format!("f{index}"),
            _ => self.name(id),
        }
    }

    fn site(&self, node: &Node) -> String {
        match self.graph.sites.get(node.site as usize) {
            Some(site) if node.site != 0 => self.place(site.span.start),
            _ => String::new(),
        }
    }

    fn place(&self, offset: u32) -> String {
        match self.positions.get(&offset) {
            Some(position) => format!(" @{position}"),
            None => String::new(),
        }
    }
}

/// An operation with its own numbers, without operands.
fn operation(op: &Op) -> String {
    match op {
        Op::Prim(prim) => prim.to_string(),
        Op::Param(i) | Op::Capture(i) | Op::Constant(i) | Op::Input(i) => {
            format!("{} {i}", op_name(op).trim_start_matches('%'))
        }
        Op::Function(f) | Op::Closure(f) | Op::CallKnown(f) | Op::TailCallKnown(f) => {
            format!("{} f{f}", op_name(op).trim_start_matches('%'))
        }
        _ => op_name(op).trim_start_matches('%').to_owned(),
    }
}

fn indent(depth: usize) -> &'static str {
    const SPACES: &str = "                                                ";
    &SPACES[..2 * depth.min(MAX_INDENT)]
}

fn constant_text(constant: &GraphConstant) -> String {
    match constant {
        GraphConstant::Quote(text) => format!("'{}", excerpt(text)),
        GraphConstant::Value(value, _) => match value {
            Constant::Nil => "'()".into(),
            Constant::Unspecified => "unspecified".into(),
            Constant::Bool(true) => "#t".into(),
            Constant::Bool(false) => "#f".into(),
            Constant::Int(x) => format!("{x}"),
            Constant::Float(x) => format!("{x:?}"),
            Constant::Char(c) => format!("#\\{}", c.escape_debug()),
            Constant::String(text) => format!("\"{}\"", excerpt(text)),
            Constant::Primitive(prim) => format!("prim:{prim}"),
        },
    }
}

/// Text between the double quotes of a label.
fn dot_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The lines and columns of all places in the text, in one pass over it.
fn positions(graph: &Graph) -> FxHashMap<u32, Position> {
    let sites = graph.sites.iter().map(|site| site.span);
    let literals = graph
        .constants
        .iter()
        .filter_map(|constant| match constant {
            GraphConstant::Value(_, span) => *span,
            GraphConstant::Quote(_) => None,
        });
    let mut offsets: Vec<u32> = sites.chain(literals).map(|span| span.start).collect();
    sorted::plainly(&mut offsets);
    offsets.dedup();
    let mut positions = FxHashMap::default();
    let (mut line, mut column) = (1, 1);
    let mut chars = graph.text.char_indices().peekable();
    for offset in offsets {
        while let Some((_, c)) = chars.next_if(|&(at, _)| at < offset as usize) {
            (line, column) = match c {
                '\n' => (line + 1, 1),
                _ => (line, column + 1),
            };
        }
        positions.insert(offset, Position { line, column });
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::super::Block;
    use super::super::ncg::samples;

    #[test]
    fn arms_stand_below_their_mux_and_literals_have_places() {
        let source = "(define (f n)\n  (if (< n 1) x (f (- n 0.5))))\n(+ 1 (if x (f 2) 'a))";
        let expected = "\
n0 = input x
n1 = 1
n2 = f1 f
n3 = 2
n4 = 'a
n5 = 0.5 @2:25
f0 (0)
  n15 = mux n0 @3:6
  then b3:
    n12 = call-known f1 n2 n3 @3:12
    return n12
  else b4:
    return n4
  n16 = + n1 n15 @3:1
  return n16
f1 f (1)
  n9 = param 0
  n10 = < n9 n1 @2:7
  branch n10 @2:3
  then b0:
    return n0
  else b1:
    n7 = - n9 n5 @2:20
    again n7 @2:17
";
        assert_eq!(samples::program(source).print(), expected);
    }

    #[test]
    fn drawings_escape_their_labels() {
        let graph = samples::program(
            "(define (|a \"b\\\\| n) (if n (list \"q\\\"\\n\" 'b) '|x \"|)) (|a \"b\\\\| 1)",
        );
        let drawing = graph.to_dot();
        assert_eq!(drawing.matches("subgraph").count(), graph.functions.len());
        for line in drawing.lines() {
            let quotes = line
                .replace("\\\\", "")
                .replace("\\\"", "")
                .matches('"')
                .count();
            assert_eq!(quotes % 2, 0, "{line}");
        }
    }

    #[test]
    fn any_graph_prints() {
        let mut graph = samples::program("(+ 1 (if x 2 3))");
        graph.floating.clear();
        graph.blocks.push(Block::default());
        graph.functions.push(graph.functions[0].clone());
        graph.functions[0].body = 99;
        graph.constants.clear();
        graph.sites.clear();
        let _ = (graph.print(), graph.to_dot());
        for (_, graph) in samples::graphs() {
            let (text, drawing) = (graph.print(), graph.to_dot());
            assert!(text.contains("f0 (0)") && drawing.ends_with("}\n"));
        }
    }
}
