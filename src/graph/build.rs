//! `build`: an [`Anf`] to a [`Graph`]: closures made explicit, names gone.
//!
//! **Invariants**
//! - A function's captures are listed in the order of the variables' numbers.
//! - Procedures of the prelude are copied from the graph that has them, once each.
//! - Closures that nothing uses are dropped.

use super::{Block, Function, Graph, GraphConstant, Node, NodeId, Op, SiteInfo};
use crate::anf::{self, Anf, Atom, BlockId, End, LambdaId, Site, Var};
use crate::meter::{Meter, Overrun};
use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, ExprId};
use crate::syntax::datum::Datum;
use rustc_hash::{FxHashMap, FxHashSet};
use slotmap::SecondaryMap;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::iter::once;
use std::sync::Arc;

/// Where a program finds what it does not define itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Imports<'a> {
    /// The prelude is the exports of a graph.
    Prelude(&'a Graph),
    /// The prelude is part of the program, which keeps no places: the interpreter itself.
    Own,
}

/// Builds the graph of a program whose inputs are `inputs`.
///
/// # Errors
/// When a limit is met.
pub(crate) fn build(
    anf: &Anf,
    program: &Program,
    inputs: &[String],
    imports: Imports<'_>,
    meter: &Meter,
) -> Result<Graph, Overrun> {
    let (captures, captured) = captures(anf, meter)?;
    // A closure's operands, and a node in the procedure for each.
    meter.hold(captured * (size_of::<Var>() + size_of::<NodeId>() + NODE))?;
    let names = inputs.iter().enumerate();
    let mut builder = Builder {
        anf,
        program,
        imports,
        captures,
        input_indices: names.map(|(i, name)| (name.clone(), i as u32)).collect(),
        exports: FxHashMap::default(),
        graph: Graph {
            inputs: inputs.to_vec(),
            params: program.params().to_vec(),
            sites: vec![SiteInfo::default()],
            ..Graph::default()
        },
        constants: FxHashMap::default(),
        inputs: FxHashMap::default(),
        function_nodes: FxHashMap::default(),
        imported: FxHashMap::default(),
        promised: FxHashMap::default(),
        imported_blocks: FxHashMap::default(),
        sites: FxHashMap::default(),
    };
    match imports {
        Imports::Prelude(_) => builder.graph.text = program.text().into(),
        Imports::Own => builder.graph.reserved = true,
    }
    for (index, lambda) in anf.lambdas.iter().enumerate() {
        let name = lambda.name.map_or("", |n| program.symbols.name(n));
        builder.graph.functions.push(Function {
            name: name.to_owned(),
            params: lambda.params.len() as u32,
            rest: lambda.rest,
            captures: builder.captures[index].len() as u32,
            body: 0,
        });
    }
    for _ in &anf.blocks {
        builder.graph.blocks.push(Block::default());
    }
    for index in 0..anf.lambdas.len() {
        builder.function(LambdaId(index as u32), meter)?;
    }
    if let Imports::Own = imports {
        for &(name, id) in &anf.top_level {
            let name = program.symbols.name(name).to_owned();
            builder.graph.exports.push((name, id.0));
        }
    }
    let mut graph = builder.graph;
    prune(&mut graph);
    meter.hold(graph.nodes.len() * NODE)?;
    Ok(graph)
}

/// The bytes of a node, its place in its block and what else is kept of it.
const NODE: usize = size_of::<Node>() + size_of::<NodeId>() + 8;

/// The variables that each procedure's closure captures, in order, and how many all are together.
fn captures(anf: &Anf, meter: &Meter) -> Result<(Vec<Vec<Var>>, usize), Overrun> {
    let count = anf.lambdas.len();
    let mut owner: Vec<u32> = vec![u32::MAX; anf.names.len()];
    let mut uses: Vec<BTreeSet<Var>> = vec![BTreeSet::new(); count];
    let mut nested: Vec<Vec<LambdaId>> = vec![Vec::new(); count];
    for index in 0..count {
        let id = LambdaId(index as u32);
        meter.step(1)?;
        let used = &mut uses[index];
        let mut note = |atom: &Atom| {
            if let Atom::Var(var) = atom {
                used.insert(*var);
            }
        };
        for &param in &anf.lambda(id).params {
            owner[param.0 as usize] = id.0;
        }
        for block in anf::blocks_of(anf, id) {
            let block = anf.block(block);
            meter.step(1 + block.steps.len())?;
            for step in &block.steps {
                owner[step.var.0 as usize] = id.0;
                match &step.op {
                    anf::Op::Prim(_, args) => args.iter().for_each(&mut note),
                    anf::Op::Call { operator, args, .. } => {
                        note(operator);
                        args.iter().for_each(&mut note);
                    }
                    anf::Op::Lambda(inner) => nested[index].push(*inner),
                    anf::Op::If { test, .. } => note(test),
                }
            }
            match &block.end {
                End::Return(atom) | End::If { test: atom, .. } => note(atom),
                End::TailCall { operator, args, .. } => {
                    note(operator);
                    args.iter().for_each(&mut note);
                }
                End::Again { args, .. } => args.iter().for_each(&mut note),
            }
        }
    }
    // Inner procedures first: what they capture is used by the procedure that makes them.
    let mut done = vec![false; count];
    let mut result: Vec<Vec<Var>> = vec![Vec::new(); count];
    let mut captured = 0;
    for root in 0..count {
        let mut open = vec![(root, false)];
        while let Some((index, ready)) = open.pop() {
            if done[index] {
                continue;
            }
            if !ready {
                open.push((index, true));
                let waiting = nested[index].iter().map(|l| l.0 as usize);
                open.extend(waiting.filter(|&i| !done[i]).map(|i| (i, false)));
                continue;
            }
            let mut all = std::mem::take(&mut uses[index]);
            for inner in &nested[index] {
                meter.step(1 + result[inner.0 as usize].len())?;
                all.extend(result[inner.0 as usize].iter().copied());
            }
            all.retain(|var| owner[var.0 as usize] != index as u32);
            captured += all.len();
            meter.check(captured * size_of::<Var>())?;
            result[index] = all.into_iter().collect();
            done[index] = true;
        }
    }
    Ok((result, captured))
}

/// What makes two constants one. Numbers are one where their bits are: `0.0` and `-0.0` are two, and
/// so are `1` and `1.0`.
#[derive(PartialEq, Eq, Hash)]
enum ConstantKey {
    Nil,
    Unspecified,
    Bool(bool),
    Int(u64),
    Float(u64),
    Char(char),
    String(Arc<str>),
    Primitive(Prim),
    /// A quoted symbol, as text.
    Symbol(String),
    /// A literal that `wrt` can name, or quoted data, stays apart from equal ones elsewhere.
    Literal(ExprId),
    /// A constant of the graph that the prelude is copied from, by its number there.
    Imported(u32),
}

impl ConstantKey {
    /// The key of a constant that nothing tells from an equal one.
    fn of(constant: &Constant) -> Self {
        match constant {
            Constant::Nil => Self::Nil,
            Constant::Unspecified => Self::Unspecified,
            Constant::Bool(b) => Self::Bool(*b),
            Constant::Int(x) => Self::Int(x.to_bits()),
            Constant::Float(x) => Self::Float(x.to_bits()),
            Constant::Char(c) => Self::Char(*c),
            Constant::String(text) => Self::String(text.clone()),
            Constant::Primitive(prim) => Self::Primitive(*prim),
        }
    }
}

struct Builder<'a> {
    anf: &'a Anf,
    program: &'a Program,
    imports: Imports<'a>,
    captures: Vec<Vec<Var>>,
    input_indices: FxHashMap<String, u32>,
    /// The functions of the prelude by their names.
    exports: FxHashMap<Sym, u32>,
    graph: Graph,
    constants: FxHashMap<ConstantKey, NodeId>,
    inputs: FxHashMap<Sym, NodeId>,
    function_nodes: FxHashMap<u32, NodeId>,
    imported: FxHashMap<u32, u32>,
    /// Numbers given out before the function is copied.
    promised: FxHashMap<u32, u32>,
    imported_blocks: FxHashMap<u32, u32>,
    sites: FxHashMap<(ExprId, bool), u32>,
}

impl Builder<'_> {
    fn node(&mut self, op: Op, args: SmallVec<[NodeId; 4]>, site: u32) -> NodeId {
        self.graph.nodes.insert(Node { op, args, site })
    }

    fn floating(&mut self, op: Op) -> NodeId {
        let node = self.node(op, SmallVec::new(), 0);
        self.graph.floating.push(node);
        node
    }

    fn site(&mut self, site: Site) -> u32 {
        let (Some(expr), Imports::Prelude(_)) = (site.expr, self.imports) else {
            return 0;
        };
        let sites = &mut self.graph.sites;
        let span = self.program.span(expr);
        let counts = site.counts;
        *self.sites.entry((expr, counts)).or_insert_with(|| {
            sites.push(SiteInfo { span, counts });
            (sites.len() - 1) as u32
        })
    }

    fn function(&mut self, id: LambdaId, meter: &Meter) -> Result<(), Overrun> {
        let lambda = self.anf.lambda(id);
        let mut nodes: FxHashMap<Var, NodeId> = FxHashMap::default();
        let mut head = Vec::new();
        for (index, &param) in lambda.params.iter().enumerate() {
            let node = self.node(Op::Param(index as u32), SmallVec::new(), 0);
            nodes.insert(param, node);
            head.push(node);
        }
        for (index, var) in self.captures[id.0 as usize].clone().into_iter().enumerate() {
            let node = self.node(Op::Capture(index as u32), SmallVec::new(), 0);
            nodes.insert(var, node);
            head.push(node);
        }
        self.graph.functions[id.0 as usize].body = lambda.body.0;
        self.graph.blocks[lambda.body.0 as usize].nodes = head;
        // Blocks in the order of control, so that a variable's node is there when it is used; an
        // arm waits on the stack with nothing but its number.
        let mut open = vec![lambda.body];
        while let Some(block) = open.pop() {
            if meter.is_due(1 + self.anf.block(block).steps.len()) {
                meter.check(self.graph.nodes.len() * NODE)?;
            }
            self.block(block, &mut nodes, &mut open);
        }
        Ok(())
    }

    fn block(&mut self, id: BlockId, nodes: &mut FxHashMap<Var, NodeId>, open: &mut Vec<BlockId>) {
        let block = self.anf.block(id);
        for step in &block.steps {
            let site = self.site(step.site);
            let node = match &step.op {
                anf::Op::Prim(prim, args) => {
                    let args = self.operands(args, nodes);
                    self.node(Op::Prim(*prim), args, site)
                }
                anf::Op::Call {
                    operator,
                    args,
                    known,
                } => {
                    let op = known.map_or(Op::Call, |id| Op::CallKnown(id.0));
                    let operands = self.operands(once(operator).chain(args), nodes);
                    self.node(op, operands, site)
                }
                anf::Op::Lambda(inner) => {
                    let captured = &self.captures[inner.0 as usize];
                    let operands = captured.iter().map(|var| nodes[var]).collect();
                    self.node(Op::Closure(inner.0), operands, site)
                }
                anf::Op::If {
                    test,
                    then,
                    otherwise,
                } => {
                    let test = self.operand(test, nodes);
                    open.extend([*otherwise, *then]);
                    self.node(
                        Op::Mux(then.0, otherwise.0),
                        SmallVec::from_slice(&[test]),
                        site,
                    )
                }
            };
            nodes.insert(step.var, node);
            self.graph.blocks[id.0 as usize].nodes.push(node);
        }
        let end = match &block.end {
            End::Return(atom) => {
                let value = self.operand(atom, nodes);
                self.node(Op::Return, SmallVec::from_slice(&[value]), 0)
            }
            End::TailCall {
                operator,
                args,
                known,
                site,
            } => {
                let site = self.site(*site);
                let op = known.map_or(Op::TailCall, |id| Op::TailCallKnown(id.0));
                let operands = self.operands(once(operator).chain(args), nodes);
                self.node(op, operands, site)
            }
            End::Again { args, site } => {
                let site = self.site(*site);
                let args = self.operands(args, nodes);
                self.node(Op::Again, args, site)
            }
            End::If {
                test,
                then,
                otherwise,
                site,
            } => {
                let site = self.site(*site);
                let test = self.operand(test, nodes);
                open.extend([*otherwise, *then]);
                self.node(
                    Op::Branch(then.0, otherwise.0),
                    SmallVec::from_slice(&[test]),
                    site,
                )
            }
        };
        self.graph.blocks[id.0 as usize].nodes.push(end);
    }

    fn operands<'a>(
        &mut self,
        atoms: impl IntoIterator<Item = &'a Atom>,
        nodes: &FxHashMap<Var, NodeId>,
    ) -> SmallVec<[NodeId; 4]> {
        let atoms = atoms.into_iter();
        atoms.map(|atom| self.operand(atom, nodes)).collect()
    }

    fn operand(&mut self, atom: &Atom, nodes: &FxHashMap<Var, NodeId>) -> NodeId {
        match atom {
            Atom::Var(var) => nodes[var],
            Atom::Constant(constant, expr) => self.constant(constant, *expr),
            Atom::Quote(datum, expr) => {
                let mut text = String::new();
                let program = self.program;
                program.data.write(*datum, &program.symbols, &mut text);
                let key = match program.data.get(*datum) {
                    Datum::Symbol(_) => ConstantKey::Symbol(text.clone()),
                    _ => ConstantKey::Literal(*expr),
                };
                self.shared_constant(key, || GraphConstant::Quote(text))
            }
            Atom::Input(name) => {
                if let Some(&node) = self.inputs.get(name) {
                    return node;
                }
                let text = self.program.symbols.name(*name);
                let index = self.input_indices.get(text).copied().unwrap_or_else(|| {
                    self.graph.inputs.push(text.to_owned());
                    self.graph.inputs.len() as u32 - 1
                });
                let node = self.floating(Op::Input(index));
                self.inputs.insert(*name, node);
                node
            }
            Atom::Prim(prim) => {
                let constant = Constant::Primitive(*prim);
                self.shared_constant(ConstantKey::of(&constant), || {
                    GraphConstant::Value(constant, None)
                })
            }
            Atom::Function(id) => self.function_node(id.0),
            Atom::Prelude(name) => {
                let Imports::Prelude(graph) = self.imports else {
                    unreachable!("the bootstrap program defines its prelude itself");
                };
                let program = self.program;
                let function = *self.exports.entry(*name).or_insert_with(|| {
                    let function = graph.export(program.symbols.name(*name));
                    function.expect("the expander knows the prelude")
                });
                let function = self.import(graph, function);
                self.function_node(function)
            }
        }
    }

    fn function_node(&mut self, function: u32) -> NodeId {
        if let Some(&node) = self.function_nodes.get(&function) {
            return node;
        }
        let node = self.floating(Op::Function(function));
        self.function_nodes.insert(function, node);
        node
    }

    fn constant(&mut self, constant: &Constant, expr: ExprId) -> NodeId {
        let span = self
            .program
            .literals
            .binary_search(&expr)
            .ok()
            .filter(|_| matches!(self.imports, Imports::Prelude(_)))
            .map(|_| self.program.span(expr));
        let key = span.map_or_else(|| ConstantKey::of(constant), |_| ConstantKey::Literal(expr));
        self.shared_constant(key, || GraphConstant::Value(constant.clone(), span))
    }

    fn shared_constant(
        &mut self,
        key: ConstantKey,
        constant: impl FnOnce() -> GraphConstant,
    ) -> NodeId {
        if let Some(&node) = self.constants.get(&key) {
            return node;
        }
        self.graph.constants.push(constant());
        let node = self.floating(Op::Constant(self.graph.constants.len() as u32 - 1));
        self.constants.insert(key, node);
        node
    }

    /// Copies a function of another graph, and all it leads to.
    fn import(&mut self, from: &Graph, root: u32) -> u32 {
        let mut open = vec![root];
        while let Some(function) = open.pop() {
            if self.imported.contains_key(&function) {
                continue;
            }
            let mut copy = from.functions[function as usize].clone();
            let mut blocks = vec![copy.body];
            let mut nodes: FxHashMap<NodeId, NodeId> = FxHashMap::default();
            copy.body = self.imported_block(copy.body);
            let number = if let Some(number) = self.promised.get(&function).copied() {
                self.graph.functions[number as usize] = copy;
                number
            } else {
                self.graph.functions.push(copy);
                self.graph.functions.len() as u32 - 1
            };
            self.imported.insert(function, number);
            let mut seen = FxHashSet::default();
            while let Some(block) = blocks.pop() {
                if !seen.insert(block) {
                    continue;
                }
                let target = self.imported_block(block);
                for &id in &from.blocks[block as usize].nodes {
                    let node = &from.nodes[id];
                    let args = node
                        .args
                        .iter()
                        .map(|arg| match nodes.get(arg) {
                            Some(&copied) => copied,
                            None => self.import_floating(from, *arg, &mut open),
                        })
                        .collect();
                    let op = match node.op {
                        Op::Mux(a, b) => {
                            blocks.extend([b, a]);
                            Op::Mux(self.imported_block(a), self.imported_block(b))
                        }
                        Op::Branch(a, b) => {
                            blocks.extend([b, a]);
                            Op::Branch(self.imported_block(a), self.imported_block(b))
                        }
                        Op::Closure(f) => Op::Closure(self.imported_function(f, &mut open)),
                        Op::CallKnown(f) => Op::CallKnown(self.imported_function(f, &mut open)),
                        Op::TailCallKnown(f) => {
                            Op::TailCallKnown(self.imported_function(f, &mut open))
                        }
                        ref op => op.clone(),
                    };
                    let copied = self.node(op, args, 0);
                    nodes.insert(id, copied);
                    self.graph.blocks[target as usize].nodes.push(copied);
                }
            }
        }
        self.imported[&root]
    }

    fn imported_block(&mut self, block: u32) -> u32 {
        let blocks = &mut self.graph.blocks;
        *self.imported_blocks.entry(block).or_insert_with(|| {
            blocks.push(Block::default());
            blocks.len() as u32 - 1
        })
    }

    /// The number a function of the other graph has here, perhaps before it is copied.
    fn imported_function(&mut self, function: u32, open: &mut Vec<u32>) -> u32 {
        if let Some(&number) = self.imported.get(&function) {
            return number;
        }
        if let Some(number) = self.promised.get(&function).copied() {
            return number;
        }
        open.push(function);
        self.graph.functions.push(Function {
            name: String::new(),
            params: 0,
            rest: false,
            captures: 0,
            body: 0,
        });
        let number = self.graph.functions.len() as u32 - 1;
        self.promised.insert(function, number);
        number
    }

    fn import_floating(&mut self, from: &Graph, id: NodeId, open: &mut Vec<u32>) -> NodeId {
        match from.nodes[id].op {
            Op::Constant(index) => {
                let constant = &from.constants[index as usize];
                self.shared_constant(ConstantKey::Imported(index), || constant.clone())
            }
            Op::Function(function) => {
                let function = self.imported_function(function, open);
                self.function_node(function)
            }
            ref op => unreachable!("the prelude has no {op:?}"),
        }
    }
}

/// Drops closures that nothing uses, until all are used.
fn prune(graph: &mut Graph) {
    let mut uses: SecondaryMap<NodeId, u32> = SecondaryMap::new();
    for node in graph.nodes.values() {
        for &arg in &node.args {
            *uses.entry(arg).expect("operands are nodes").or_insert(0) += 1;
        }
    }
    let is_closure = |node: &Node| matches!(node.op, Op::Closure(_));
    let unused = graph.nodes.iter();
    let unused = unused.filter(|&(id, node)| is_closure(node) && !uses.contains_key(id));
    let mut open: Vec<NodeId> = unused.map(|(id, _)| id).collect();
    if open.is_empty() {
        return;
    }
    let mut dead: FxHashSet<NodeId> = FxHashSet::default();
    while let Some(id) = open.pop() {
        dead.insert(id);
        let Some(node) = graph.nodes.remove(id) else {
            continue;
        };
        for arg in node.args {
            if let Some(count) = uses.get_mut(arg) {
                *count -= 1;
                if *count == 0 && graph.nodes.get(arg).is_some_and(is_closure) {
                    open.push(arg);
                }
            }
        }
    }
    for block in &mut graph.blocks {
        block.nodes.retain(|id| !dead.contains(id));
    }
}
