//! `verify`: whether a [`Graph`] keeps the rules that every machine relies on.
//!
//! A graph, perhaps of a file that a stranger made, goes in; the first broken rule comes out.
//!
//! **Invariants**: of a graph that passes,
//! - every node stands in one place: among the floating ones, or once in one block;
//! - every block belongs to one function, is entered from one place, and has its only end last;
//!   the arms of a mux give values and nothing else;
//! - operands are computed before their uses on every path, within one function;
//! - a function's body begins with all its parameters and then all its captures;
//! - `apply` and `%select` are no operations of nodes: the first is called as a value, the second
//!   belongs to traces;
//! - numbers of operands fit: primitives by their rows, calls of certain functions by their
//!   parameters, closures by their captures;
//! - a call of a certain function that captures something gets a closure of that very function, so
//!   captures can be read without a test at run time;
//! - indices are in range, spans fit the text, quoted data can be read, names are unique;
//! - a function has at most [`MAX_FRAME`] nodes.
//!
//! It says nothing about types or about termination: machines test tags and count steps. It takes
//! linear time and does not recurse.

use super::{Graph, GraphConstant, NcgError, Node, NodeId, Op};
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::Symbols;
use crate::syntax::ast::Constant;
use crate::syntax::{Constraint, ReadOptions, reader};
use slotmap::SecondaryMap;
use std::collections::HashSet;
use std::fmt::Display;

/// The largest number of nodes, and of entries of any other table.
pub(super) const MAX_NODES: usize = 10_000_000;

/// The largest number of nodes of one function, and of operands of one node.
pub(super) const MAX_FRAME: usize = 1 << 20;

/// The largest number of operands of all nodes together.
const MAX_OPERANDS: usize = 8 * MAX_NODES;

type Result<T = ()> = std::result::Result<T, NcgError>;

/// Verifies a graph.
///
/// # Errors
/// The first rule that the graph breaks, and where.
pub fn verify(graph: &Graph) -> Result {
    sizes(graph)?;
    tables(graph)?;
    let mut checker = Checker::new(graph)?;
    for function in 0..graph.functions.len() {
        checker.function(function as u32)?;
    }
    if let Some(block) = checker.used.iter().position(|used| !used) {
        return fail(format!("block {block}"), "no function leads to it");
    }
    Closures::new(&checker).check()
}

fn fail<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T> {
    Err(NcgError::Structure {
        place: place.into(),
        message: message.into(),
    })
}

fn in_range(place: impl Display, what: &'static str, index: u32, count: usize) -> Result {
    if (index as usize) < count {
        return Ok(());
    }
    Err(NcgError::OutOfRange {
        place: place.to_string(),
        what,
        index,
        count,
    })
}

/// The number of each node: its place in the file, the floating ones first.
pub(super) fn numbers(graph: &Graph) -> SecondaryMap<NodeId, u32> {
    let mut numbers = SecondaryMap::with_capacity(graph.nodes.capacity());
    let blocks = graph.blocks.iter().flat_map(|block| &block.nodes);
    for (number, &id) in graph.floating.iter().chain(blocks).enumerate() {
        numbers.insert(id, number as u32);
    }
    numbers
}

// ---- tables --------------------------------------------------------------------------------

fn sizes(graph: &Graph) -> Result {
    let lengths = [
        ("nodes", graph.nodes.len()),
        ("blocks", graph.blocks.len()),
        ("functions", graph.functions.len()),
        ("constants", graph.constants.len()),
        ("inputs", graph.inputs.len()),
        ("params", graph.params.len()),
        ("exports", graph.exports.len()),
        ("sites", graph.sites.len()),
    ];
    for (what, length) in lengths {
        if length > MAX_NODES {
            return fail(what, format!("{length} of them; the limit is {MAX_NODES}"));
        }
    }
    if graph.text.len() > u32::MAX as usize {
        return fail("text", "longer than 4 GiB");
    }
    Ok(())
}

fn tables(graph: &Graph) -> Result {
    match graph.functions.first() {
        None => return fail("functions", "none; function 0 is the program"),
        Some(program) => {
            if program.params != 0 || program.rest || program.captures != 0 {
                return fail(
                    "function 0",
                    "the program takes no parameters and captures nothing",
                );
            }
        }
    }
    for (index, function) in graph.functions.iter().enumerate() {
        let place = format_args!("function {index}");
        in_range(place, "block", function.body, graph.blocks.len())?;
        if function.rest && function.params == 0 {
            return fail(place.to_string(), "a rest parameter, but no parameters");
        }
    }
    unique("input", graph.inputs.iter())?;
    unique("export", graph.exports.iter().map(|(name, _)| name))?;
    unique("param", graph.params.iter().map(|param| &param.name))?;
    for (name, function) in &graph.exports {
        let place = format!("export `{}`", super::ncg::excerpt(name));
        in_range(&place, "function", *function, graph.functions.len())?;
        if graph.functions[*function as usize].captures != 0 {
            return fail(place, format!("function {function} needs an environment"));
        }
    }
    match graph.sites.first() {
        Some(site) if *site == super::SiteInfo::default() => {}
        _ => return fail("site 0", "it must be there and be no place"),
    }
    for (index, site) in graph.sites.iter().enumerate() {
        span_fits(format_args!("site {index}"), site.span, &graph.text)?;
    }
    params(graph)?;
    constants(graph)
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result {
    // Not the fast hash of other tables: a stranger chose the names.
    let mut seen = HashSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let name = super::ncg::excerpt(name);
            return fail(
                format!("{what} {index}"),
                format!("a second one with the name `{name}`"),
            );
        }
    }
    Ok(())
}

fn span_fits(place: impl Display, span: Span, text: &str) -> Result {
    let Span { start, end } = span;
    match text.get(start as usize..end as usize) {
        Some(_) => Ok(()),
        None => fail(
            place.to_string(),
            format!(
                "bytes {start} to {end} are no part of the text of {} bytes",
                text.len()
            ),
        ),
    }
}

fn params(graph: &Graph) -> Result {
    let inputs: HashSet<&String> = graph.inputs.iter().collect();
    for (index, param) in graph.params.iter().enumerate() {
        let place = format!("param {index}");
        span_fits(&place, param.span, &graph.text)?;
        if !inputs.contains(&param.name) {
            let name = super::ncg::excerpt(&param.name);
            return fail(place, format!("`{name}` is no input"));
        }
        let ordered = match param.constraint {
            Constraint::Free => true,
            Constraint::Above(x) | Constraint::Below(x) => !x.is_nan(),
            Constraint::Between(lo, hi) => lo < hi,
        };
        if !ordered || !param.init.is_finite() || !param.constraint.admits(param.init) {
            let message = format!("it starts at {}, outside its constraint", param.init);
            return fail(place, message);
        }
    }
    Ok(())
}

fn constants(graph: &Graph) -> Result {
    let mut symbols = Symbols::new();
    for (index, constant) in graph.constants.iter().enumerate() {
        let place = format_args!("constant {index}");
        match constant {
            GraphConstant::Quote(text) => {
                let options = ReadOptions {
                    reserved: graph.reserved,
                    ..ReadOptions::default()
                };
                match reader::read(text, &mut symbols, options) {
                    Ok(data) if data.roots().len() == 1 => {}
                    Ok(data) => {
                        let message = format!("{} quoted data, not one", data.roots().len());
                        return fail(place.to_string(), message);
                    }
                    Err(error) => {
                        return fail(place.to_string(), format!("its quoted data: {error}"));
                    }
                }
            }
            GraphConstant::Value(value, span) => {
                if let Some(span) = span {
                    span_fits(place, *span, &graph.text)?;
                }
                match value {
                    Constant::Int(x) if !x.is_finite() || x.fract() != 0.0 => {
                        return fail(place.to_string(), format!("{x} is no int"));
                    }
                    Constant::Primitive(prim) if prim.is_of_traces() => {
                        return fail(
                            place.to_string(),
                            format!("`{prim}` belongs to traces alone"),
                        );
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

// ---- nodes and blocks ----------------------------------------------------------------------

const NONE: u32 = u32::MAX;

struct Checker<'a> {
    graph: &'a Graph,
    /// All nodes in the order of their numbers.
    nodes: Vec<&'a Node>,
    /// The numbers of all operands, node after node.
    operands: Vec<u32>,
    /// Where each node's operands begin; the last entry is the end.
    operand_starts: Vec<u32>,
    /// The number of each block's first node; the last entry is the end.
    starts: Vec<u32>,
    /// Whether something leads to a block.
    used: Vec<bool>,
    /// The function that each node belongs to; [`NONE`] for floating ones.
    owner: Vec<u32>,
    /// Whether a node has been computed at the place that is looked at.
    available: Vec<bool>,
}

/// All nodes in the order of their numbers, each in one place.
fn placed(graph: &Graph) -> Result<(Vec<&Node>, SecondaryMap<NodeId, u32>)> {
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    let mut numbers = SecondaryMap::with_capacity(graph.nodes.capacity());
    let blocks = graph.blocks.iter().flat_map(|block| &block.nodes);
    for &id in graph.floating.iter().chain(blocks) {
        let number = nodes.len();
        let Some(node) = graph.nodes.get(id) else {
            return fail(format!("node {number}"), "it is not in the graph");
        };
        if let Some(other) = numbers.insert(id, number as u32) {
            return fail(format!("node {number}"), format!("it is node {other} too"));
        }
        nodes.push(node);
    }
    if nodes.len() < graph.nodes.len() {
        let lost = graph.nodes.len() - nodes.len();
        return fail("nodes", format!("{lost} of them stand in no block"));
    }
    Ok((nodes, numbers))
}

/// A block under way.
struct Open {
    /// The next node, and the end.
    at: u32,
    end: u32,
    /// How many nodes were available when it was entered.
    outside: usize,
    /// Whether it is inside an arm of a mux: it gives a value.
    gives: bool,
    /// The mux whose arms are looked at.
    mux: Option<u32>,
}

impl<'a> Checker<'a> {
    fn new(graph: &'a Graph) -> Result<Self> {
        let (nodes, numbers) = placed(graph)?;
        let mut checker = Self {
            graph,
            operands: Vec::with_capacity(2 * nodes.len()),
            operand_starts: Vec::with_capacity(nodes.len() + 1),
            starts: Vec::with_capacity(graph.blocks.len() + 1),
            used: vec![false; graph.blocks.len()],
            owner: vec![NONE; nodes.len()],
            available: vec![false; nodes.len()],
            nodes,
        };
        checker.find_operands(&numbers)?;
        for number in 0..graph.floating.len() {
            checker.floating(number as u32)?;
            checker.available[number] = true;
        }
        let mut start = graph.floating.len();
        for (index, block) in graph.blocks.iter().enumerate() {
            checker.starts.push(start as u32);
            if block.nodes.is_empty() {
                return fail(format!("block {index}"), "it has no end");
            }
            start += block.nodes.len();
        }
        checker.starts.push(start as u32);
        Ok(checker)
    }

    /// The operands as numbers.
    fn find_operands(&mut self, numbers: &SecondaryMap<NodeId, u32>) -> Result {
        for (number, node) in self.nodes.iter().enumerate() {
            self.operand_starts.push(self.operands.len() as u32);
            if node.args.len() > MAX_FRAME {
                let message = format!("more than {MAX_FRAME} operands");
                return fail(format!("node {number}"), message);
            }
            for &arg in &node.args {
                let Some(&operand) = numbers.get(arg) else {
                    return fail(format!("node {number}"), "an operand is not in the graph");
                };
                self.operands.push(operand);
            }
            if self.operands.len() > MAX_OPERANDS {
                return fail("nodes", format!("more than {MAX_OPERANDS} operands"));
            }
        }
        self.operand_starts.push(self.operands.len() as u32);
        Ok(())
    }

    fn operands_of(&self, number: u32) -> &[u32] {
        let number = number as usize;
        let (start, end) = (self.operand_starts[number], self.operand_starts[number + 1]);
        &self.operands[start as usize..end as usize]
    }

    fn floating(&self, number: u32) -> Result {
        let place = format_args!("node {number}");
        let node = self.nodes[number as usize];
        let graph = self.graph;
        match node.op {
            Op::Constant(i) => in_range(place, "constant", i, graph.constants.len())?,
            Op::Input(i) => in_range(place, "input", i, graph.inputs.len())?,
            Op::Function(i) => {
                in_range(place, "function", i, graph.functions.len())?;
                if graph.functions[i as usize].captures != 0 {
                    let message = format!("function {i} as a value needs an environment");
                    return fail(place.to_string(), message);
                }
            }
            _ => return fail(place.to_string(), "it belongs in a block"),
        }
        if !node.args.is_empty() {
            return fail(place.to_string(), "it takes no operands");
        }
        in_range(place, "site", node.site, graph.sites.len())
    }

    /// Checks all blocks of a function, in the order of evaluation.
    fn function(&mut self, index: u32) -> Result {
        let function = &self.graph.functions[index as usize];
        let mut size = 0;
        let mut trail: Vec<u32> = Vec::new();
        let mut stack =
            vec![self.enter(function.body, false, 0, format_args!("function {index}"))?];
        self.head(index)?;
        while let Some(open) = stack.last_mut() {
            // Back from the arms of a mux: its value is there now.
            if let Some(mux) = open.mux.take() {
                self.available[mux as usize] = true;
                trail.push(mux);
            }
            if open.at == open.end {
                for number in trail.drain(open.outside..) {
                    self.available[number as usize] = false;
                }
                stack.pop();
                continue;
            }
            let number = open.at;
            open.at += 1;
            size += 1;
            if size > MAX_FRAME {
                let message = format!("more than {MAX_FRAME} nodes");
                return fail(format!("function {index}"), message);
            }
            let (last, gives) = (open.at == open.end, open.gives);
            self.owner[number as usize] = index;
            let node = self.nodes[number as usize];
            self.operands(number, node)?;
            if node.op.is_end() != last {
                let message = if last {
                    "a block stops here without an end"
                } else {
                    "it ends the block, but more nodes follow"
                };
                return fail(format!("node {number}"), message);
            }
            self.node(number, node, index, gives)?;
            match node.op {
                Op::Mux(then, otherwise) => {
                    open.mux = Some(number);
                    let place = format_args!("node {number}");
                    let outside = trail.len();
                    stack.push(self.enter(otherwise, true, outside, place)?);
                    stack.push(self.enter(then, true, outside, place)?);
                }
                Op::Branch(then, otherwise) => {
                    let place = format_args!("node {number}");
                    let outside = trail.len();
                    stack.push(self.enter(otherwise, gives, outside, place)?);
                    stack.push(self.enter(then, gives, outside, place)?);
                }
                _ => {
                    self.available[number as usize] = true;
                    trail.push(number);
                }
            }
        }
        Ok(())
    }

    /// Takes a block for the one place that leads to it.
    fn enter(
        &mut self,
        block: u32,
        gives: bool,
        outside: usize,
        place: impl Display,
    ) -> Result<Open> {
        in_range(&place, "block", block, self.used.len())?;
        if std::mem::replace(&mut self.used[block as usize], true) {
            let message = format!("block {block} is used twice");
            return fail(place.to_string(), message);
        }
        Ok(Open {
            at: self.starts[block as usize],
            end: self.starts[block as usize + 1],
            outside,
            gives,
            mux: None,
        })
    }

    /// A function's body begins with its parameters and captures.
    fn head(&self, index: u32) -> Result {
        let function = &self.graph.functions[index as usize];
        let (params, captures) = (function.params, function.captures);
        let start = self.starts[function.body as usize];
        let length = self.starts[function.body as usize + 1] - start;
        if u64::from(params) + u64::from(captures) >= u64::from(length) {
            let message = format!(
                "its body of {length} nodes has no room for {params} parameters and {captures} captures"
            );
            return fail(format!("function {index}"), message);
        }
        let ops = (0..params)
            .map(Op::Param)
            .chain((0..captures).map(Op::Capture));
        for (number, op) in (start..).zip(ops) {
            if self.nodes[number as usize].op != op {
                let message = format!("function {index} must have its {op:?} here");
                return fail(format!("node {number}"), message);
            }
        }
        Ok(())
    }

    /// Whether operands are there before their use.
    fn operands(&self, number: u32, node: &Node) -> Result {
        for &operand in self.operands_of(number) {
            if !self.available[operand as usize] {
                let message =
                    format!("its operand, node {operand}, is not computed before it on every path");
                return fail(format!("node {number}"), message);
            }
        }
        let sites = self.graph.sites.len();
        in_range(format_args!("node {number}"), "site", node.site, sites)
    }

    fn node(&self, number: u32, node: &Node, index: u32, gives: bool) -> Result {
        let place = || format!("node {number}");
        let functions = &self.graph.functions;
        let function = &functions[index as usize];
        let count = node.args.len();
        let exists = |target: u32| {
            let place = format_args!("node {number}");
            in_range(place, "function", target, functions.len())
        };
        // Of a function whose number stands in the node.
        let known = |target: u32| -> Result<usize> {
            exists(target)?;
            let target_function = &functions[target as usize];
            if target_function.rest {
                let message = format!("function {target} takes any number of arguments");
                return fail(place(), message);
            }
            Ok(1 + target_function.params as usize)
        };
        let expected = match node.op {
            Op::Constant(_) | Op::Input(_) | Op::Function(_) => {
                return fail(place(), "it belongs to no block");
            }
            Op::Param(_) | Op::Capture(_) => {
                let start = self.starts[function.body as usize];
                let position = number.checked_sub(start);
                if position.is_none_or(|at| at >= function.params + function.captures) {
                    let message = "a parameter or capture stands behind the head of the function";
                    return fail(place(), message);
                }
                0
            }
            Op::Prim(prim) if prim.is_of_traces() => {
                return fail(place(), format!("`{prim}` belongs to traces alone"));
            }
            Op::Prim(Prim::Apply) => {
                let message = "`apply` is no operation; call it as a value";
                return fail(place(), message);
            }
            Op::Prim(prim) => {
                let spec = prim.spec();
                if !spec.accepts(count) {
                    let message = format!("`{prim}` takes {}, not {count}", spec.arity());
                    return fail(place(), message);
                }
                count
            }
            Op::Closure(target) => {
                exists(target)?;
                functions[target as usize].captures as usize
            }
            Op::Call | Op::TailCall => count.max(1),
            Op::CallKnown(target) | Op::TailCallKnown(target) => known(target)?,
            Op::Mux(..) | Op::Branch(..) | Op::Return => 1,
            Op::Again => {
                if function.rest {
                    let message = "a function that takes any number of arguments cannot loop";
                    return fail(place(), message);
                }
                function.params as usize
            }
        };
        if count != expected {
            let name = super::ncg::op_name(&node.op);
            return fail(
                place(),
                format!("`{name}` takes {expected} operands here, not {count}"),
            );
        }
        if gives && matches!(node.op, Op::TailCall | Op::TailCallKnown(_) | Op::Again) {
            return fail(
                place(),
                "it leaves the function inside an arm that gives a value",
            );
        }
        Ok(())
    }
}

// ---- calls of certain functions ------------------------------------------------------------

/// Where values come from, as far as calls of certain functions need it: through captures, and
/// through cells that only the function around them can reach.
struct Closures<'c, 'a> {
    checker: &'c Checker<'a>,
    /// Whether a function can run at all: it captures nothing, or code that can run makes closures
    /// of it.
    live: Vec<bool>,
    /// The only closure node of each function in live code; [`NONE`] without, [`MANY`] with several.
    made_at: Vec<u32>,
    /// The node that a capture stands for; [`NONE`] where that is not one node.
    origin: Vec<u32>,
    /// For each cell node, the function whose closures fill it; [`NONE`] while nothing does,
    /// [`MANY`] where anything may.
    filled: Vec<u32>,
}

const MANY: u32 = u32::MAX - 1;
/// An origin that is being looked for.
const PENDING: u32 = u32::MAX - 1;

impl<'c, 'a> Closures<'c, 'a> {
    fn new(checker: &'c Checker<'a>) -> Self {
        let functions = &checker.graph.functions;
        let mut made_in: Vec<Vec<u32>> = vec![Vec::new(); functions.len()];
        for (number, node) in checker.nodes.iter().enumerate() {
            if let Op::Closure(_) = node.op {
                made_in[checker.owner[number] as usize].push(number as u32);
            }
        }
        let mut live: Vec<bool> = functions.iter().map(|f| f.captures == 0).collect();
        let mut made_at = vec![NONE; functions.len()];
        let mut open: Vec<usize> = (0..functions.len()).filter(|&f| live[f]).collect();
        while let Some(function) = open.pop() {
            for &number in &made_in[function] {
                if let Op::Closure(target) = checker.nodes[number as usize].op {
                    let target = target as usize;
                    let first = made_at[target] == NONE;
                    made_at[target] = if first { number } else { MANY };
                    if !std::mem::replace(&mut live[target], true) {
                        open.push(target);
                    }
                }
            }
        }
        let count = checker.nodes.len();
        let mut closures = Self {
            checker,
            live,
            made_at,
            origin: (0..count as u32).collect(),
            filled: vec![NONE; count],
        };
        closures.find_origins();
        closures.find_fills();
        closures
    }

    fn operand(&self, number: u32, position: usize) -> u32 {
        self.checker.operands_of(number)[position]
    }

    /// Follows captures outwards, each once.
    fn find_origins(&mut self) {
        let checker = self.checker;
        let mut done = vec![false; checker.nodes.len()];
        let mut path = Vec::new();
        for start in 0..checker.nodes.len() as u32 {
            let mut number = start;
            let found = loop {
                if done[number as usize] {
                    break self.origin[number as usize];
                }
                let Op::Capture(position) = checker.nodes[number as usize].op else {
                    break number;
                };
                if self.origin[number as usize] == PENDING {
                    break NONE;
                }
                path.push(number);
                let at = self.made_at[checker.owner[number as usize] as usize];
                if at == NONE || at == MANY {
                    break NONE;
                }
                self.origin[number as usize] = PENDING;
                number = self.operand(at, position as usize);
            };
            for number in path.drain(..) {
                self.origin[number as usize] = found;
                done[number as usize] = true;
            }
        }
    }

    fn origin_op(&self, number: u32) -> Option<(u32, &'a Op)> {
        let origin = self.origin[number as usize];
        let node = self.checker.nodes.get(origin as usize)?;
        Some((origin, &node.op))
    }

    /// What fills each cell. A cell that goes anywhere but into cell operations and closures may be
    /// filled with anything.
    fn find_fills(&mut self) {
        let checker = self.checker;
        for (number, node) in checker.nodes.iter().enumerate() {
            if !self.can_run(number) {
                continue;
            }
            let number = number as u32;
            for (position, &operand) in checker.operands_of(number).iter().enumerate() {
                let Some((cell, Op::Prim(Prim::Cell))) = self.origin_op(operand) else {
                    continue;
                };
                let filled = match (&node.op, position) {
                    (Op::Prim(Prim::CellFill), 0) => {
                        match self.origin_op(self.operand(number, 1)) {
                            Some((_, &Op::Closure(target))) => target,
                            _ => MANY,
                        }
                    }
                    (Op::Prim(Prim::CellRef), 1) => continue,
                    (&Op::Closure(target), _) if self.made_at[target as usize] != MANY => continue,
                    _ => MANY,
                };
                let entry = &mut self.filled[cell as usize];
                *entry = match *entry {
                    NONE => filled,
                    same if same == filled => same,
                    _ => MANY,
                };
            }
        }
    }

    /// Whether calls of certain functions get closures of those functions.
    fn check(&self) -> Result {
        for (number, node) in self.checker.nodes.iter().enumerate() {
            let (Op::CallKnown(target) | Op::TailCallKnown(target)) = node.op else {
                continue;
            };
            // Without captures nothing is read from the closure.
            let function = &self.checker.graph.functions[target as usize];
            if function.captures == 0 || !self.can_run(number) {
                continue;
            }
            let certain = match self.origin_op(self.operand(number as u32, 0)) {
                Some((_, &Op::Closure(made))) => made == target,
                Some((cell_ref, Op::Prim(Prim::CellRef))) => {
                    let cell = self.operand(cell_ref, 1);
                    match self.origin_op(cell) {
                        Some((cell, Op::Prim(Prim::Cell))) => {
                            let filled = self.filled[cell as usize];
                            // An empty cell fails before the call.
                            filled == target || filled == NONE
                        }
                        _ => false,
                    }
                }
                Some((_, Op::Prim(Prim::FailAt))) => true,
                _ => false,
            };
            if !certain {
                let message = format!("its operand is not certain to be function {target}");
                return fail(format!("node {number}"), message);
            }
        }
        Ok(())
    }

    fn can_run(&self, number: usize) -> bool {
        self.live
            .get(self.checker.owner[number] as usize)
            .is_some_and(|&live| live)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ncg::{samples, write};
    use super::super::{Block, Function};
    use super::*;
    use crate::syntax::Param;
    use proptest::prelude::*;

    /// The error after a change to a program's graph.
    #[track_caller]
    fn refused(source: &str, change: impl FnOnce(&mut Graph)) -> String {
        let mut graph = samples::program(source);
        verify(&graph).unwrap();
        change(&mut graph);
        let error = verify(&graph).expect_err(&graph.print());
        // Whatever it is, it can be looked at.
        let _ = (write(&graph), graph.to_dot());
        error.to_string()
    }

    /// The first node with an operation.
    fn find(graph: &Graph, is: impl Fn(&Op) -> bool) -> NodeId {
        let found = graph.nodes.iter().find(|(_, node)| is(&node.op));
        found.expect("the program has such a node").0
    }

    fn prim(graph: &Graph, prim: Prim) -> NodeId {
        find(graph, |op| *op == Op::Prim(prim))
    }

    const CLOSURE: &str = "(define (make n) (lambda (m) (+ n m x))) ((make 1) 2)";
    const LOOP: &str = "(let loop ((i 0) (acc 1.5)) (if (< i 10) (loop (+ i 1) (* acc x)) acc))";
    const MUX: &str = "(+ 1 (if x (* x 2) (* x 3)))";
    const CELLS: &str =
        "(let ((s (* x 2))) (letrec ((f (lambda (n) (if (= n 0) s (+ 1 (g (- n 1))))))
        (g (lambda (n) (if (= n 0) (- s) (+ 1 (f (- n 1))))))) (f 3)))";
    const TWO_CELLS: &str =
        "(let ((s (* x 2))) (letrec ((f (lambda (n) (if (= n 0) s (+ 1 (g n) (h n)))))
        (g (lambda (n) (if (= n 0) (- s) (+ 1 (f (- n 1)))))) (h (lambda (n) (* s n)))) (f 3)))";

    #[test]
    fn what_the_passes_make_passes() {
        for (source, graph) in samples::graphs() {
            verify(&graph).unwrap_or_else(|e| panic!("{source}: {e}\n{}", graph.print()));
        }
    }

    #[test]
    fn blocks_are_trees_with_one_end_each() {
        let message = refused(MUX, |g| {
            g.blocks.push(Block::default());
        });
        assert!(message.contains("it has no end"), "{message}");
        refused(MUX, |g| {
            let id = g.nodes.insert(Node {
                op: Op::Return,
                args: [g.floating[0]].into_iter().collect(),
                site: 0,
            });
            g.blocks.push(Block { nodes: vec![id] });
        });
        refused(MUX, |g| {
            let id = find(g, |op| matches!(op, Op::Mux(..)));
            let Op::Mux(a, _) = g.nodes[id].op else {
                unreachable!()
            };
            g.nodes[id].op = Op::Mux(a, a);
        });
        for block in [0, 2, u32::MAX] {
            refused(MUX, |g| {
                let id = find(g, |op| matches!(op, Op::Mux(..)));
                g.nodes[id].op = Op::Mux(0, block);
            });
        }
        refused(LOOP, |g| {
            let body = g.functions[1].body;
            let id = find(g, |op| matches!(op, Op::Branch(..)));
            g.nodes[id].op = Op::Branch(body, body);
        });
        refused(MUX, |g| {
            let nodes = &mut g.blocks.last_mut().unwrap().nodes;
            nodes.pop();
        });
        refused(MUX, |g| {
            let nodes = &mut g.blocks.last_mut().unwrap().nodes;
            let end = nodes.pop().unwrap();
            nodes.insert(0, end);
        });
        refused(MUX, |g| {
            let nodes = &mut g.blocks.last_mut().unwrap().nodes;
            nodes.push(*nodes.last().unwrap());
        });
        refused(MUX, |g| {
            g.blocks[0].nodes.clear();
        });
        refused(MUX, |g| {
            let id = g.floating[0];
            g.blocks[0].nodes.insert(0, id);
        });
        refused(MUX, |g| {
            let id = g.blocks[0].nodes[0];
            g.floating.push(id);
        });
        refused(MUX, |g| {
            let id = g.floating[0];
            g.floating.push(id);
        });
        refused(MUX, |g| {
            let id = g.blocks[0].nodes[0];
            g.nodes.remove(id);
        });
        refused(MUX, |g| g.floating.clear());
        refused(LOOP, |g| g.functions[1].body = g.functions[0].body);
        refused(LOOP, |g| g.functions[1].body = 1 << 31);
    }

    #[test]
    fn only_a_tail_leaves_the_function() {
        let call = "(define (f n) (if (< n 1) n (f (- n 1)))) (+ 1 (if x (f 1) (f 2)))";
        for op in [Op::TailCallKnown(1), Op::TailCall, Op::Again] {
            let message = refused(call, |g| {
                for block in &g.blocks {
                    let [.., before, end] = block.nodes[..] else {
                        continue;
                    };
                    if let Op::CallKnown(_) = g.nodes[before].op
                        && g.nodes[end].args[0] == before
                    {
                        let args = match op {
                            Op::Again => smallvec::SmallVec::new(),
                            _ => g.nodes[before].args.clone(),
                        };
                        g.nodes[end].args = args;
                        g.nodes[end].op = op.clone();
                        return;
                    }
                }
                unreachable!();
            });
            assert!(
                message.contains("inside an arm that gives a value"),
                "{message}"
            );
        }
    }

    #[test]
    fn operands_are_computed_before_their_uses() {
        // One arm of a mux from the other, from after it, and from itself.
        for (use_at, operand) in [(3.0, 2.0), (2.0, 3.0)] {
            refused("(+ 1 (if x (* x 2.0) (* x 3.0)))", |g| {
                let times = |g: &Graph, factor: f64| {
                    let factor = GraphConstant::Value(Constant::Float(factor), None);
                    let is = |c: &GraphConstant| match (c, &factor) {
                        (GraphConstant::Value(a, _), GraphConstant::Value(b, _)) => a == b,
                        _ => false,
                    };
                    let index = g.constants.iter().position(is).unwrap() as u32;
                    let constant = find(g, |op| *op == Op::Constant(index));
                    let found = g.nodes.iter().find(|(_, n)| n.args.contains(&constant));
                    found.unwrap().0
                };
                let (user, operand) = (times(g, use_at), times(g, operand));
                g.nodes[user].args[0] = operand;
            });
        }
        refused(MUX, |g| {
            let mux = find(g, |op| matches!(op, Op::Mux(..)));
            let product = prim(g, Prim::Mul);
            g.nodes[product].args[0] = mux;
        });
        refused(MUX, |g| {
            let mux = find(g, |op| matches!(op, Op::Mux(..)));
            g.nodes[mux].args[0] = mux;
        });
        refused(MUX, |g| {
            let (sum, product) = (prim(g, Prim::Add), prim(g, Prim::Mul));
            g.nodes[sum].args[0] = product;
        });
        // Another function's.
        refused(CLOSURE, |g| {
            let param = g.blocks[g.functions[1].body as usize].nodes[0];
            let sum = prim(g, Prim::Add);
            g.nodes[sum].args[0] = param;
        });
        refused(CLOSURE, |g| {
            let sum = prim(g, Prim::Add);
            g.nodes[sum].args[0] = NodeId::default();
        });
    }

    #[test]
    fn heads_are_complete() {
        refused(LOOP, |g| {
            let body = g.functions[1].body as usize;
            g.blocks[body].nodes.swap(0, 1);
        });
        refused(LOOP, |g| g.functions[1].params = 3);
        refused(LOOP, |g| g.functions[1].params = 1);
        refused(LOOP, |g| g.functions[1].captures = u32::MAX);
        refused(LOOP, |g| g.functions[0].params = 1);
        refused(LOOP, |g| g.functions[0].rest = true);
        refused(LOOP, |g| g.functions.clear());
        refused(CLOSURE, |g| g.functions[2].captures = 0);
        refused(CLOSURE, |g| {
            let sum = prim(g, Prim::Add);
            g.nodes[sum].op = Op::Param(0);
            g.nodes[sum].args.clear();
        });
        refused("x", |g| {
            g.functions.push(Function {
                rest: true,
                ..g.functions[0].clone()
            });
        });
    }

    #[test]
    fn numbers_of_operands_fit() {
        let cut = |source: &str, is: &dyn Fn(&Op) -> bool| {
            refused(source, |g| {
                let id = find(g, is);
                g.nodes[id].args.pop();
            });
            refused(source, |g| {
                let id = find(g, is);
                let more = g.floating[0];
                g.nodes[id].args.push(more);
            });
        };
        cut("(cons x 1)", &|op| *op == Op::Prim(Prim::Cons));
        cut(LOOP, &|op| *op == Op::Again);
        cut(LOOP, &|op| {
            matches!(op, Op::CallKnown(_) | Op::TailCallKnown(_))
        });
        cut(MUX, &|op| matches!(op, Op::Mux(..)));
        cut(LOOP, &|op| matches!(op, Op::Branch(..)));
        cut(LOOP, &|op| *op == Op::Return);
        cut(CLOSURE, &|op| matches!(op, Op::Closure(_)));
        refused("(x)", |g| {
            let id = find(g, |op| *op == Op::TailCall);
            g.nodes[id].args.clear();
        });
        refused("(+ x 1)", |g| {
            let id = find(g, Op::is_floating);
            let other = g.floating[1];
            g.nodes[id].args.push(other);
        });
        refused("(+ (if x 1 2) 1)", |g| {
            let id = prim(g, Prim::Add);
            let x = g.floating[0];
            g.nodes[id].op = Op::Prim(Prim::Select);
            g.nodes[id].args.push(x);
        });
        refused("(+ x 1)", |g| {
            let id = prim(g, Prim::Add);
            g.nodes[id].op = Op::Prim(Prim::Apply);
        });
    }

    #[test]
    fn calls_of_certain_functions_are_certain() {
        let known = |op: &Op| matches!(op, Op::CallKnown(_) | Op::TailCallKnown(_));
        for source in [CELLS, CLOSURE, LOOP] {
            for function in [3, u32::MAX] {
                refused(source, |g| {
                    let id = find(g, known);
                    g.nodes[id].op = Op::TailCallKnown(function);
                });
            }
        }
        // The closure exchanged for anything else.
        let message = refused(CELLS, |g| {
            let id = g
                .nodes
                .iter()
                .find(|(_, n)| known(&n.op) && !g.nodes[n.args[0]].op.is_floating())
                .unwrap()
                .0;
            g.nodes[id].args[0] = g.floating[0];
        });
        assert!(message.contains("not certain to be function"), "{message}");
        // The cell filled with something else, or out of sight.
        refused(CELLS, |g| {
            let fill = prim(g, Prim::CellFill);
            g.nodes[fill].args[1] = g.floating[0];
        });
        refused(CELLS, |g| {
            let fill = prim(g, Prim::CellFill);
            g.nodes[fill].op = Op::Prim(Prim::Cons);
        });
        refused(TWO_CELLS, |g| {
            let fills: Vec<NodeId> = g
                .nodes
                .iter()
                .filter(|(_, n)| n.op == Op::Prim(Prim::CellFill))
                .map(|(id, _)| id)
                .collect();
            let value = g.nodes[fills[1]].args[0];
            g.nodes[fills[0]].args[0] = value;
        });
        refused("(define (f . l) l) (f 1)", |g| {
            let id = find(g, |op| *op == Op::TailCall);
            g.nodes[id].op = Op::TailCallKnown(1);
        });
    }

    #[test]
    fn code_that_cannot_run_is_not_asked_for_certainty() {
        // Nothing uses `f`, so its closure is dropped, and with it what `g` would have captured.
        let mut graph = samples::program(
            "(let* ((s x)
                    (f (lambda (n) (let ((h (lambda () (+ n s)))) (lambda () (+ 1 (h)))))))
               5)",
        );
        verify(&graph).unwrap();
        graph.exports.push(("main".into(), 0));
        verify(&graph).unwrap();
    }

    type Change = fn(&mut Param);

    #[test]
    fn tables_are_in_order() {
        let source = "(param k 0.5 (between 0 1)) (+ k x 'q 1 (f 2.5))";
        refused(source, |g| g.inputs.push(g.inputs[0].clone()));
        refused(source, |g| g.inputs.retain(|name| name != "k"));
        refused(source, |g| g.inputs.clear());
        refused(source, |g| g.constants.clear());
        refused(source, |g| g.sites.clear());
        refused(source, |g| g.sites.truncate(1));
        refused(source, |g| g.sites[0].counts = true);
        refused(source, |g| g.sites[1].span.end = 1000);
        refused(source, |g| g.sites[1].span.start = g.sites[1].span.end + 1);
        refused("'é", |g| {
            g.sites.push(super::super::SiteInfo {
                span: Span::new(2, 3),
                counts: false,
            });
        });
        refused(source, |g| g.text = "".into());
        refused(source, |g| g.params.push(g.params[0].clone()));
        refused(source, |g| g.exports = vec![("f".into(), 1)]);
        refused(source, |g| {
            g.exports = vec![("f".into(), 0), ("f".into(), 0)];
        });
        refused(CLOSURE, |g| g.exports.push(("f".into(), 2)));
        refused(CLOSURE, |g| {
            let id = g.floating[0];
            g.nodes[id].op = Op::Function(2);
        });
        let changes: [Change; 6] = [
            |p| p.init = f64::NAN,
            |p| p.init = 2.0,
            |p| p.constraint = Constraint::Between(f64::NAN, 1.0),
            |p| p.constraint = Constraint::Below(f64::NEG_INFINITY),
            |p| p.span.end = 1000,
            |p| p.name.push('k'),
        ];
        for change in changes {
            refused(source, |g| change(&mut g.params[0]));
        }
        for text in ["", "a b", "(a", "#;a", "{", &"(".repeat(20_000)] {
            refused(source, |g| {
                let is_quote = |c: &&mut GraphConstant| matches!(c, GraphConstant::Quote(_));
                let quote = g.constants.iter_mut().find(is_quote).unwrap();
                *quote = GraphConstant::Quote(text.into());
            });
        }
        for value in [
            Constant::Int(1.5),
            Constant::Int(f64::INFINITY),
            Constant::Primitive(Prim::Select),
        ] {
            refused(source, |g| {
                g.constants[0] = GraphConstant::Value(value, None);
            });
        }
        refused(source, |g| {
            g.constants[0] = GraphConstant::Value(Constant::Nil, Some(Span::new(0, 1000)));
        });
    }

    proptest! {
        /// Any operation anywhere, with any operands: refused or harmless, never a panic.
        #[test]
        fn changed_nodes_do_no_harm(
            which in 0..samples::PROGRAMS.len(),
            changes in prop::collection::vec((any::<[prop::sample::Index; 3]>(), 0..20_u32, 0..6_u32), 1..4),
        ) {
            let mut graph = samples::program(samples::PROGRAMS[which]);
            let ids: Vec<NodeId> = graph.nodes.keys().collect();
            for (indices, kind, number) in changes {
                let [at, other, position] = indices;
                let id = ids[at.index(ids.len())];
                let other = ids[other.index(ids.len())];
                let op = match kind {
                    0 => Some(Op::Param(number)),
                    1 => Some(Op::Capture(number)),
                    2 => Some(Op::Function(number)),
                    3 => Some(Op::Closure(number)),
                    4 => Some(Op::CallKnown(number)),
                    5 => Some(Op::Mux(number, number + 1)),
                    6 => Some(Op::TailCallKnown(number)),
                    7 => Some(Op::Again),
                    8 => Some(Op::Branch(number, number + 1)),
                    9 => Some(Op::Return),
                    10 => Some(graph.nodes[other].op.clone()),
                    _ => None,
                };
                if let Some(op) = op {
                    graph.nodes[id].op = op;
                } else if kind < 13 {
                    graph.nodes[id].args.push(other);
                } else {
                    let args = &mut graph.nodes[id].args;
                    if !args.is_empty() {
                        let position = position.index(args.len());
                        args[position] = other;
                    }
                }
            }
            let text = write(&graph);
            if verify(&graph).is_ok() {
                prop_assert!(super::super::ncg::read(&text).is_ok());
            }
            let _ = (graph.print(), graph.to_dot());
        }
    }
}
