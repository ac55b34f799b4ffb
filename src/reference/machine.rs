//! The machine: one run through a graph, node by node, on tensors.
//!
//! A graph and the values of its inputs go in; the value of the program comes out, and the tape
//! holds what its numbers came from.
//!
//! **Invariants**
//! - Nothing recurses on the machine stack: procedures under way are [`Frame`]s in a vector.
//! - No flat code: each node is looked up in the graph whenever control comes to it.
//! - Fuel, positions and call chains are those of the engine: applications with a place in the
//!   program count, and set the place that errors take.
//! - A fork walks the arm taken on the tape, then the other with the tape paused; what cannot be
//!   joined takes the outermost fork back to its test, as in the engine and by the same budget.

use super::cell::{Cell, Heap};
use super::prim::{Meaning, counts, meaning};
use super::tape::{SharedTape, value};
use crate::error::{Call, Kind};
use crate::graph::{Graph, GraphConstant, NodeId, Op};
use crate::prim::linalg::Shape;
use crate::prim::relaxation::Relaxation;
use crate::prim::tagged::{NUMBERS, Tagged, TypeTag};
use crate::prim::value::FIRST_FUNCTION;
use crate::prim::{Prim, arity_in_words};
use crate::symbol::Symbols;
use crate::syntax::ast::Constant;
use crate::syntax::datum::{Data, Datum, DatumId};
use crate::syntax::{ReadOptions, read};
use crate::walk::{
    ARGUMENT_WORK, ELEMENTS, EvalError, Limits, MADE, OUT_OF_TIME, PRELUDE_WORK, Stats, WIDE,
    as_written, bounded, callee, operator_text, out_of_fuel, work_of,
};
use dfdx::prelude::Cpu;
use rustc_hash::{FxHashMap, FxHashSet};

/// How many trace operations and applications the arms of a fork may take: the engine's budget.
const FORK_BUDGET: u64 = 64;

/// How many applications an error's call chain lists.
const CHAIN: usize = 32;

/// The sizes that end a run of this machine, which collects nothing and is for small programs.
const MAX_CELLS: usize = 1 << 20;
const MAX_FRAMES: usize = 1 << 17;
const MAX_ENTRIES: usize = 1 << 18;

/// A procedure under way.
#[derive(Clone, Debug)]
struct Frame {
    function: u32,
    args: Vec<Cell>,
    environment: usize,
    values: FxHashMap<NodeId, Cell>,
    /// The blocks that control is in, inner ones last, and the next node of each.
    blocks: Vec<(u32, usize)>,
    /// The application by the program that the procedure serves.
    site: u32,
    /// The node of the frame below that waits for the value.
    target: NodeId,
    /// Whether it is the arm of a fork: its value is the arm's.
    arm: bool,
}

/// An `if` whose arms are walked one after the other.
struct Fork {
    /// Frames below the arm's.
    depth: usize,
    heap: usize,
    /// Applications, work and the most procedures under way so far.
    taken: (u64, u64, usize),
    entries: usize,
    /// Whether the fork stands in an arm that is not taken.
    paused: bool,
    test: bool,
    place: u32,
    then: u32,
    otherwise: u32,
    /// The node that waits for the value; none where the block's end does.
    join: Option<NodeId>,
    /// The value of the arm taken, and what had been taken at its end.
    first: Option<(Cell, (u64, u64, usize))>,
}

/// Why a run stops short.
pub(super) enum Stop {
    Fail(Box<Failure>),
    /// An arm cannot be joined.
    Fork,
}

pub(super) struct Failure {
    kind: Kind,
    message: String,
    site: u32,
    /// Whether it ends the run even inside an arm.
    is_final: bool,
}

pub(super) type Outcome<T> = Result<T, Stop>;

/// Where the value of an application goes.
#[derive(Clone, Copy)]
enum Target {
    Node(NodeId),
    Tail,
}

/// An input as the machine sees it.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Number(Cell),
    List(Vec<Cell>),
    Array(Shape, Vec<Cell>),
    Missing,
}

pub(super) struct Machine<'a> {
    graph: &'a Graph,
    limits: Limits,
    pub(super) tape: SharedTape,
    pub(super) heap: Heap,
    pub(super) symbols: Symbols,
    floating: FxHashMap<NodeId, Cell>,
    frames: Vec<Frame>,
    forks: Vec<Fork>,
    closed: FxHashSet<u32>,
    /// What the arms of the outermost fork have taken of the budget.
    spent: u64,
    nodes: u64,
    applications: u64,
    operations: u64,
    guards: u64,
    peak: usize,
    /// The most procedures under way at once.
    deepest: usize,
    /// Elements that primitives have gone through for the program.
    work: u64,
    /// What entering each function weighs, in elements.
    entering: Vec<u32>,
    pub(super) relaxation: Relaxation,
    /// How many numbers of noise have been drawn.
    pub(super) drawn: u64,
    /// Ints that passed 2^53.
    pub(super) rounded: u64,
    /// Whether an application of the program entered a procedure last, and no procedure in between.
    applied_by_program: bool,
    /// The variables that slopes are by, by their entries.
    pub(super) variables: FxHashMap<usize, super::tape::Number>,
}

impl<'a> Machine<'a> {
    /// A machine before its run: constants and inputs in place. `literals` gives the float literals
    /// that are inputs.
    pub(super) fn new(
        graph: &'a Graph,
        device: &Cpu,
        tape: SharedTape,
        limits: &Limits,
        relaxation: Relaxation,
        inputs: Vec<Given>,
        literal: &dyn Fn(crate::source::Span) -> Option<Cell>,
    ) -> Self {
        let mut machine = Self {
            graph,
            limits: *limits,
            tape,
            heap: Heap::new(device.clone()),
            symbols: Symbols::new(),
            floating: FxHashMap::default(),
            frames: Vec::new(),
            forks: Vec::new(),
            closed: FxHashSet::default(),
            spent: 0,
            nodes: 0,
            applications: 0,
            operations: 0,
            guards: 0,
            peak: 0,
            deepest: 0,
            work: 0,
            entering: (0..graph.functions.len())
                .map(|f| work_of(graph, f))
                .collect(),
            relaxation,
            drawn: 0,
            rounded: 0,
            applied_by_program: false,
            variables: FxHashMap::default(),
        };
        let inputs: Vec<Cell> = inputs
            .into_iter()
            .map(|input| match input {
                Given::Number(cell) => cell,
                Given::List(items) => machine.heap.list(items.into_iter()),
                Given::Array(shape, items) => machine.heap.array(shape, items),
                Given::Missing => Cell::empty(device),
            })
            .collect();
        for &id in &graph.floating {
            let cell = match graph.nodes[id].op {
                Op::Input(input) => inputs[input as usize].clone(),
                Op::Function(function) => machine
                    .heap
                    .constant(Tagged::closure(function + FIRST_FUNCTION, 0)),
                Op::Constant(index) => match &graph.constants[index as usize] {
                    GraphConstant::Value(constant, place) => place
                        .and_then(literal)
                        .unwrap_or_else(|| machine.constant(constant)),
                    GraphConstant::Quote(text) => machine.quote(text),
                },
                ref op => unreachable!("{op:?} does not float"),
            };
            machine.floating.insert(id, cell);
        }
        machine
    }

    fn constant(&mut self, constant: &Constant) -> Cell {
        let value = match constant {
            Constant::Nil => Tagged::NIL,
            Constant::Unspecified => Tagged::UNSPECIFIED,
            Constant::Bool(b) => Tagged::bool(*b),
            Constant::Int(x) => Tagged::int(*x),
            Constant::Float(x) => Tagged::float(*x),
            Constant::Char(c) => Tagged::char(*c),
            Constant::String(text) => return self.heap.add_string(text.clone()),
            Constant::Primitive(prim) => Tagged::closure(*prim as u32, 0),
        };
        self.heap.constant(value)
    }

    fn quote(&mut self, text: &str) -> Cell {
        let options = ReadOptions {
            reserved: self.graph.reserved,
            ..ReadOptions::default()
        };
        let data = read(text, &mut self.symbols, options).expect("quotes are verified");
        self.datum(&data, data.roots()[0])
    }

    /// Quoted data on the heap: pairs are allocated empty, then filled.
    fn datum(&mut self, data: &Data, root: DatumId) -> Cell {
        let top = self.heap.empty_pair();
        let mut open = vec![(root, top.payload(0))];
        while let Some((id, place)) = open.pop() {
            let cell = match data.get(id) {
                Datum::Bool(b) => self.heap.constant(Tagged::bool(b)),
                Datum::Int(x) => self.heap.constant(Tagged::int(x)),
                Datum::Float(x) => self.heap.constant(Tagged::float(x)),
                Datum::Char(c) => self.heap.constant(Tagged::char(c)),
                Datum::Symbol(sym) => self.heap.constant(Tagged::symbol(sym.index())),
                Datum::String(text) => self.heap.add_string(text.into()),
                Datum::Numbers(numbers) => {
                    let cells = numbers
                        .iter()
                        .map(|&x| self.heap.constant(Tagged::float(x)));
                    let cells = cells.collect();
                    self.heap.array(Shape::Vector(numbers.len()), cells)
                }
                Datum::List([]) => self.heap.constant(Tagged::NIL),
                Datum::List(items) | Datum::Bracket(items) | Datum::Dotted(items, _) => {
                    let tail = match data.get(id) {
                        Datum::Dotted(_, tail) => Some(tail),
                        _ => None,
                    };
                    let mut first = None;
                    let mut before: Option<Cell> = None;
                    for &item in items {
                        let pair = self.heap.empty_pair();
                        open.push((item, pair.payload(0)));
                        if let Some(before) = before {
                            let address = before.payload(1) as usize;
                            self.heap.fill(address, pair.clone());
                        }
                        first.get_or_insert(pair.clone());
                        before = Some(pair);
                    }
                    let nil = self.heap.constant(Tagged::NIL);
                    if let Some(last) = before {
                        match tail {
                            Some(tail) => open.push((tail, last.payload(1))),
                            None => _ = self.heap.fill(last.payload(1) as usize, nil.clone()),
                        }
                    }
                    first.unwrap_or(nil)
                }
            };
            self.heap.fill(place as usize, cell);
        }
        self.heap.car(&top)
    }

    // ---- errors ------------------------------------------------------------------------------

    fn site(&self) -> u32 {
        self.frames.last().map_or(0, |frame| frame.site)
    }

    pub(super) fn fail<T>(&self, kind: Kind, site: u32, message: impl Into<String>) -> Outcome<T> {
        Err(Stop::Fail(Box::new(Failure {
            kind,
            message: message.into(),
            is_final: false,
            site: match (kind, site) {
                (Kind::Resource, _) => 0,
                (_, 0) => self.site(),
                (_, site) => site,
            },
        })))
    }

    fn fail_for_good<T>(message: String) -> Outcome<T> {
        Err(Stop::Fail(Box::new(Failure {
            kind: Kind::Resource,
            message,
            site: 0,
            is_final: true,
        })))
    }

    fn error(&self, failure: Failure) -> EvalError {
        let graph = self.graph;
        let span = (failure.site != 0).then(|| graph.sites[failure.site as usize].span);
        let mut calls = Vec::new();
        let mut last = failure.site;
        for site in self.frames.iter().rev().map(|frame| frame.site) {
            if site == 0 || site == last {
                continue;
            }
            last = site;
            let span = graph.sites[site as usize].span;
            calls.push(Call {
                name: operator_text(span.text(&graph.text)),
                span,
                position: span.position(&graph.text),
                model: None,
            });
            if calls.len() == CHAIN {
                break;
            }
        }
        EvalError {
            span,
            position: span.map(|span| span.position(&graph.text)),
            calls,
            stats: self.stats(),
            ..EvalError::new(
                failure.kind,
                bounded(as_written(
                    failure.message,
                    span.map(|span| span.text(&graph.text)),
                )),
            )
        }
    }

    /// What the run has taken. Bytes are those of the 14 numbers of each cell of the heap.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            nodes: self.nodes,
            applications: self.applications,
            fuel: self.fuel(),
            operations: self.operations,
            guards: self.guards,
            paths: 0,
            depth: self.deepest as u64,
            bytes: self.peak.max(self.bytes()) as u64,
            rounded_ints: self.rounded,
            ..Stats::default()
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.limits.heap_bytes
    }

    fn bytes(&self) -> usize {
        self.heap.len() * size_of::<[f64; NUMBERS]>()
    }

    // ---- the loop ----------------------------------------------------------------------------

    /// Runs the program.
    pub(super) fn run(&mut self) -> Result<Cell, Box<EvalError>> {
        self.frames.push(Frame {
            function: 0,
            args: Vec::new(),
            environment: 0,
            values: FxHashMap::default(),
            blocks: vec![(self.graph.functions[0].body, 0)],
            site: 0,
            target: NodeId::default(),
            arm: false,
        });
        loop {
            match self.step() {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
                Err(Stop::Fail(failure)) if self.forks.is_empty() || failure.is_final => {
                    return Err(Box::new(self.error(*failure)));
                }
                Err(_) => self.abandon_forks(),
            }
        }
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a run has a frame")
    }

    fn set(&mut self, node: NodeId, value: Cell) {
        self.top().values.insert(node, value);
    }

    fn operand(&mut self, node: NodeId) -> Cell {
        let floating = self.floating.get(&node).cloned();
        floating.unwrap_or_else(|| self.top().values[&node].clone())
    }

    fn operands(&mut self, nodes: &[NodeId]) -> Vec<Cell> {
        nodes.iter().map(|&node| self.operand(node)).collect()
    }

    /// Does one node; returns the program's value after the last.
    fn step(&mut self) -> Outcome<Option<Cell>> {
        let graph = self.graph;
        let frame = self.top();
        let (block, index) = frame.blocks.last_mut().expect("control is in a block");
        let id = graph.blocks[*block as usize].nodes[*index];
        *index += 1;
        self.nodes += 1;
        let node = &graph.nodes[id];
        let args = self.operands(&node.args);
        let site = node.site;
        self.count_arguments(&node.op, args.len());
        match node.op {
            Op::Param(index) => {
                let value = self.top().args[index as usize].clone();
                self.set(id, value);
            }
            Op::Capture(index) => {
                let address = self.top().environment + index as usize;
                let value = self.heap.get(address);
                self.set(id, value);
            }
            Op::Prim(prim) => {
                self.tick(site)?;
                let value = self.primitive(prim, &args, site)?;
                self.set(id, value);
            }
            Op::Closure(function) => {
                let environment = self.heap.len() as u32;
                if args.is_empty() {
                    // Two evaluations of a lambda are two procedures: the address tells them apart.
                    let nothing = self.heap.constant(Tagged::NIL);
                    self.heap.push(nothing);
                }
                for captured in args {
                    self.heap.push(captured);
                }
                let code = function + FIRST_FUNCTION;
                let value = self.heap.constant(Tagged::closure(code, environment));
                self.set(id, value);
            }
            Op::Call => return self.apply(args, Target::Node(id), site),
            Op::TailCall => return self.apply(args, Target::Tail, site),
            Op::CallKnown(function) | Op::TailCallKnown(function) => {
                self.tick(site)?;
                let mut args = args;
                let closure = args.remove(0);
                let target = match node.op {
                    Op::CallKnown(_) => Target::Node(id),
                    _ => Target::Tail,
                };
                self.enter(function, &closure, args, target, site)?;
            }
            Op::Again => {
                self.tick(site)?;
                let frame = self.top();
                let body = graph.functions[frame.function as usize].body;
                frame.args = args;
                frame.values.clear();
                frame.blocks = vec![(body, 0)];
                if site == 0 {
                    self.work += PRELUDE_WORK;
                } else {
                    frame.site = site;
                }
                self.meter()?;
            }
            Op::Mux(then, otherwise) => {
                self.decide(&args[0], [then, otherwise], Some(id), site)?;
            }
            Op::Branch(then, otherwise) => {
                self.decide(&args[0], [then, otherwise], None, site)?;
            }
            Op::Return => {
                let [value] = <[Cell; 1]>::try_from(args).expect("a return has one operand");
                return self.give(value);
            }
            Op::Constant(_) | Op::Input(_) | Op::Function(_) => {
                unreachable!("floating nodes stand in no block")
            }
        }
        Ok(None)
    }

    /// The value of the innermost block goes to whoever waits for it.
    fn give(&mut self, value: Cell) -> Outcome<Option<Cell>> {
        let graph = self.graph;
        let frame = self.top();
        frame.blocks.pop();
        if let Some(&(block, next)) = frame.blocks.last() {
            let node = graph.blocks[block as usize].nodes[next - 1];
            frame.values.insert(node, value);
            return Ok(None);
        }
        if frame.arm {
            return self.end_arm(value);
        }
        let Some(done) = self.frames.pop() else {
            unreachable!("the frame was there just now");
        };
        if self.frames.is_empty() {
            return Ok(Some(value));
        }
        self.set(done.target, value);
        Ok(None)
    }

    // ---- calls -------------------------------------------------------------------------------

    /// Counts an application by the program.
    fn tick(&mut self, site: u32) -> Outcome<()> {
        if !self.graph.sites[site as usize].counts {
            return Ok(());
        }
        self.applications += 1;
        if self.forks.is_empty() {
            return self.need_fuel();
        }
        self.spend(1)
    }

    /// Counts the arguments of an application that has many.
    fn count_arguments(&mut self, op: &Op, operands: usize) {
        let count = match op {
            Op::Prim(_) | Op::Again => operands,
            Op::Call | Op::CallKnown(_) | Op::TailCall | Op::TailCallKnown(_) => operands - 1,
            _ => 0,
        };
        if count > WIDE {
            self.work += (count * ARGUMENT_WORK) as u64;
        }
    }

    /// What has been taken of the fuel.
    fn fuel(&self) -> u64 {
        self.applications + self.work / ELEMENTS
    }

    fn need_fuel(&self) -> Outcome<()> {
        if self.fuel() <= self.limits.fuel {
            return Ok(());
        }
        self.fail(Kind::Resource, 0, out_of_fuel(self.limits.fuel))
    }

    /// Accounts for a primitive that goes through `steps` elements.
    pub(super) fn account(&mut self, steps: usize, _site: u32) -> Outcome<()> {
        self.account_in_loop(steps)
    }

    /// The same, whoever's the primitive is, for a loop whose end is not known before.
    pub(super) fn account_in_loop(&mut self, steps: usize) -> Outcome<()> {
        self.work = self.work.saturating_add(steps as u64);
        if self.forks.is_empty() {
            return self.need_fuel();
        }
        self.spend(steps as u64 / ELEMENTS)
    }

    /// Applies the first of the values to the others.
    fn apply(&mut self, mut values: Vec<Cell>, target: Target, site: u32) -> Outcome<Option<Cell>> {
        let mut between = false;
        loop {
            self.tick(site)?;
            let f = values.remove(0);
            if !f.is(TypeTag::Closure) {
                let message = format!("{} cannot be applied; only procedures can", f.kind());
                return self.fail(Kind::NotAFunction, site, message);
            }
            let Some(prim) = f.primitive() else {
                let function = f.payload(0) as u32 - FIRST_FUNCTION;
                self.applied_by_program = site != 0 && !between;
                let args = self.arguments(function, values, target, site)?;
                self.enter(function, &f, args, target, site)?;
                return Ok(None);
            };
            if !prim.spec().accepts(values.len()) {
                let name = format!("`{prim}`");
                return self.wrong_count(&name, &prim.spec().arity(), values.len(), site);
            }
            if prim == Prim::Apply {
                let list = values.pop().expect("`apply` has two arguments or more");
                let Some(items) = self.items(&list) else {
                    let message = format!("`apply` wants a list last, got {}", self.no_list(&list));
                    return self.fail(Kind::Type, site, message);
                };
                self.account_in_loop(MADE * items.len())?;
                values.extend(items);
                between = true;
                continue;
            }
            let value = self.primitive(prim, &values, site)?;
            return match target {
                Target::Node(node) => {
                    self.set(node, value);
                    Ok(None)
                }
                Target::Tail => self.give_tail(value),
            };
        }
    }

    /// The value of a call in tail position: the function's.
    fn give_tail(&mut self, value: Cell) -> Outcome<Option<Cell>> {
        self.top().blocks.truncate(1);
        self.give(value)
    }

    pub(super) fn wrong_count<T>(
        &self,
        name: &str,
        takes: &str,
        count: usize,
        site: u32,
    ) -> Outcome<T> {
        let message = format!("{name} takes {takes}, got {count}");
        self.fail(Kind::Arity, site, message)
    }

    /// The arguments as the function's parameters: the rest as a list.
    fn arguments(
        &mut self,
        function: u32,
        mut args: Vec<Cell>,
        target: Target,
        site: u32,
    ) -> Outcome<Vec<Cell>> {
        let function = &self.graph.functions[function as usize];
        let required = function.params as usize - usize::from(function.rest);
        if args.len() < required || (!function.rest && args.len() > required) {
            if matches!(target, Target::Tail) && site != 0 {
                // The call has been made: what it replaces is not under way any more.
                self.top().site = site;
            }
            let max = (!function.rest).then_some(required as u32);
            let takes = arity_in_words(required as u32, max);
            let at = if site == 0 { self.site() } else { site };
            let text = (at != 0).then(|| self.graph.sites[at as usize].span.text(&self.graph.text));
            let name = callee(text, self.applied_by_program);
            return self.wrong_count(&name, &takes, args.len(), site);
        }
        if function.rest {
            let rest = args.split_off(required);
            let rest = self.heap.list(rest.into_iter());
            args.push(rest);
        }
        Ok(args)
    }

    fn enter(
        &mut self,
        function: u32,
        closure: &Cell,
        args: Vec<Cell>,
        target: Target,
        site: u32,
    ) -> Outcome<()> {
        let caller = self.top();
        let mut frame = Frame {
            function,
            args,
            environment: closure.payload(1) as usize,
            values: FxHashMap::default(),
            blocks: Vec::new(),
            site: if site == 0 { caller.site } else { site },
            target: caller.target,
            arm: false,
        };
        match target {
            Target::Node(node) => frame.target = node,
            Target::Tail => {
                frame.arm = caller.arm;
                self.frames.pop();
            }
        }
        self.work += u64::from(self.entering[function as usize]);
        let body = self.graph.functions[function as usize].body;
        frame.blocks.push((body, 0));
        self.frames.push(frame);
        if let Target::Node(_) = target {
            self.deepest = self.deepest.max(self.frames.len());
        }
        self.meter()
    }

    /// The one check of sizes, depth and deadline, where procedures are entered.
    fn meter(&mut self) -> Outcome<()> {
        if self.limits.is_late() {
            return Self::fail_for_good(OUT_OF_TIME.to_owned());
        }
        if self.frames.len() > self.limits.depth {
            let message = format!("too deep: {} procedures under way", self.limits.depth);
            return self.fail(Kind::Resource, 0, message);
        }
        self.peak = self.peak.max(self.bytes());
        if self.bytes() > self.limits.heap_bytes {
            let message = format!("out of heap: {} bytes in use", self.limits.heap_bytes);
            return self.fail(Kind::Resource, 0, message);
        }
        Self::stay_small(self.heap.len(), MAX_CELLS, "cells of heap")?;
        Self::stay_small(self.frames.len(), MAX_FRAMES, "procedures under way")?;
        Self::stay_small(self.tape.len(), MAX_ENTRIES, "operations on the tape")
    }

    /// Makes sure that so many operations and cells fit.
    pub(super) fn make_room(&self, operations: usize, cells: usize) -> Outcome<()> {
        let cells = self.heap.len().saturating_add(cells);
        Self::stay_small(cells, MAX_CELLS, "cells of heap")?;
        let entries = self.tape.len().saturating_add(operations);
        Self::stay_small(entries, MAX_ENTRIES, "operations on the tape")
    }

    fn stay_small(size: usize, limit: usize, what: &str) -> Outcome<()> {
        if size <= limit {
            return Ok(());
        }
        Self::fail_for_good(format!(
            "too large for the reference engine: {limit} {what} are its limit"
        ))
    }

    // ---- numbers -----------------------------------------------------------------------------

    /// One operation on numbers or booleans; on the tape if one of them depends on inputs.
    pub(super) fn operation(
        &mut self,
        prim: Prim,
        args: [&Cell; 2],
        tag: TypeTag,
    ) -> Outcome<Cell> {
        let operands = &args[..prim.operands()];
        let constant = operands.iter().all(|cell| cell.node.is_none());
        let numbers = args.map(Cell::number);
        let counts = counts(prim, value(&numbers[0]), value(&numbers[1]));
        let reads = operands.iter().zip(counts).filter(|(_, counts)| *counts);
        let reads: Vec<usize> = reads.filter_map(|(cell, _)| cell.node).collect();
        let result = match meaning(prim, numbers) {
            Meaning::Number(number) => (Cell::of_number(number, tag), reads),
            Meaning::Step(x) if tag == TypeTag::Int => (self.heap.constant(Tagged::int(x)), vec![]),
            Meaning::Step(x) => (self.heap.constant(Tagged::float(x)), vec![]),
            Meaning::Truth(truth) => (self.heap.constant(Tagged::bool(truth)), vec![]),
            Meaning::Structure => unreachable!("`{prim}` is no operation on numbers"),
        };
        if constant {
            return Ok(result.0);
        }
        let (cell, reads) = result;
        self.record(cell, reads, 1)
    }

    /// A cell computed just now from entries of the tape, as so many operations.
    pub(super) fn record(
        &mut self,
        cell: Cell,
        reads: Vec<usize>,
        operations: u64,
    ) -> Outcome<Cell> {
        let node = self.tape.entry(reads);
        self.operations += operations;
        if !self.forks.is_empty() {
            self.spend(operations)?;
        }
        Ok(cell.with_node(Some(node)))
    }

    /// The same number with another tag.
    pub(super) fn retag(&mut self, number: &Cell, tag: TypeTag) -> Cell {
        let cell = Cell::of_number(number.number(), tag);
        if let Some(node) = number.node {
            self.tape.extend(node);
        }
        cell.with_node(number.node)
    }

    /// Relies on a number or boolean being what it is; inside an arm nothing may be relied on.
    pub(super) fn guard(&mut self, cell: &Cell) -> Outcome<()> {
        if cell.node.is_none() {
            return Ok(());
        }
        if !self.forks.is_empty() {
            return Err(Stop::Fork);
        }
        self.guards += 1;
        Ok(())
    }

    // ---- conditionals ------------------------------------------------------------------------

    /// Fails inside an arm: what is done now cannot be joined.
    pub(super) fn leave_arms(&self) -> Outcome<()> {
        if self.forks.is_empty() {
            return Ok(());
        }
        Err(Stop::Fork)
    }

    /// Fails inside an arm that is younger than a cell: what is put there cannot be undone.
    pub(super) fn leave_older(&self, address: usize) -> Outcome<()> {
        match self.forks.last() {
            Some(fork) if address < fork.heap => Err(Stop::Fork),
            _ => Ok(()),
        }
    }

    /// Takes from the budget that all open forks share.
    fn spend(&mut self, amount: u64) -> Outcome<()> {
        self.spent += amount;
        if self.spent > FORK_BUDGET {
            return Err(Stop::Fork);
        }
        Ok(())
    }

    /// An `if`: control goes into one of two blocks, or a fork into one after the other.
    fn decide(
        &mut self,
        test: &Cell,
        [then, otherwise]: [u32; 2],
        join: Option<NodeId>,
        site: u32,
    ) -> Outcome<()> {
        let holds = !test.is_false();
        let depends = test.is(TypeTag::Bool) && test.node.is_some();
        if !depends || site == 0 || self.closed.contains(&site) {
            if depends {
                self.guard(test)?;
            }
            self.go(if holds { then } else { otherwise }, join);
            return Ok(());
        }
        let paused = self.forks.last().is_some_and(Fork::is_paused);
        if self.forks.is_empty() {
            self.spent = 0;
        }
        self.forks.push(Fork {
            depth: self.frames.len(),
            heap: self.heap.len(),
            taken: (self.applications, self.work, self.deepest),
            entries: self.tape.len(),
            paused,
            test: holds,
            place: site,
            then,
            otherwise,
            join,
            first: None,
        });
        self.begin_arm();
        Ok(())
    }

    /// Control into the block of a conditional.
    fn go(&mut self, block: u32, join: Option<NodeId>) {
        let frame = self.top();
        if join.is_none() {
            frame.blocks.pop();
        }
        frame.blocks.push((block, 0));
    }

    /// Starts the next arm of the innermost fork in a copy of the frame.
    fn begin_arm(&mut self) {
        let Some(fork) = self.forks.last() else {
            unreachable!("an arm belongs to a fork");
        };
        let block = if fork.test == fork.first.is_none() {
            fork.then
        } else {
            fork.otherwise
        };
        let mut frame = self.frames[fork.depth - 1].clone();
        frame.blocks = vec![(block, 0)];
        frame.arm = true;
        self.tape.pause(fork.is_paused());
        self.frames.push(frame);
    }

    /// An arm has come to its value.
    fn end_arm(&mut self, value: Cell) -> Outcome<Option<Cell>> {
        if !value.is_number() && !value.is(TypeTag::Bool) {
            return Err(Stop::Fork);
        }
        let Some(fork) = self.forks.last_mut() else {
            unreachable!("an arm belongs to a fork");
        };
        self.heap.truncate(fork.heap);
        self.frames.truncate(fork.depth);
        let Some((first, taken)) = fork.first.clone() else {
            fork.first = Some((value, (self.applications, self.work, self.deepest)));
            (self.applications, self.work, self.deepest) = fork.taken;
            self.begin_arm();
            return Ok(None);
        };
        let (test, join, paused) = (fork.test, fork.join, fork.paused);
        self.tape.pause(paused);
        let joined = self.join(test, &first, &value)?;
        let fork = self.forks.pop();
        (self.applications, self.work, self.deepest) = taken;
        if self.forks.is_empty() && self.fuel() > self.limits.fuel {
            // It runs out in the arm taken, as it is found without the fork.
            self.forks.extend(fork);
            return Err(Stop::Fork);
        }
        if !self.forks.is_empty() {
            // The multiplexer counts as an operation of the arm around it.
            self.spend(1)?;
        }
        match join {
            Some(node) => {
                self.set(node, joined);
                Ok(None)
            }
            None => self.give(joined),
        }
    }

    /// The value of a fork: the multiplexer of both arms.
    fn join(&mut self, test: bool, taken: &Cell, other: &Cell) -> Outcome<Cell> {
        let (taken, other) = match (taken.tag(), other.tag()) {
            (a, b) if a == b => (taken.clone(), other.clone()),
            (Some(TypeTag::Int), Some(TypeTag::Float)) => {
                (self.retag(taken, TypeTag::Float), other.clone())
            }
            (Some(TypeTag::Float), Some(TypeTag::Int)) => {
                (taken.clone(), self.retag(&other.off_tape(), TypeTag::Float))
            }
            _ => return Err(Stop::Fork),
        };
        let same_constant =
            taken.node.is_none() && other.node.is_none() && taken.same_numbers(&other);
        if same_constant || (taken.node.is_some() && taken.node == other.node) {
            return Ok(taken);
        }
        let (then, otherwise) = if test {
            (&taken, &other)
        } else {
            (&other, &taken)
        };
        let joined = Cell::multiplexer(test, then, otherwise);
        self.operations += 1;
        let node = self.tape.entry(taken.node.into_iter().collect());
        Ok(joined.with_node(Some(node)))
    }

    /// Takes the outermost fork back to its test, and guards it instead.
    fn abandon_forks(&mut self) {
        self.closed
            .extend(self.forks.first().map(|fork| fork.place));
        let Some(fork) = self.forks.drain(..).next() else {
            unreachable!("only forks are abandoned");
        };
        self.heap.truncate(fork.heap);
        self.frames.truncate(fork.depth);
        self.operations -= (self.tape.len() - fork.entries) as u64;
        self.tape.truncate(fork.entries);
        self.tape.pause(false);
        (self.applications, self.work, self.deepest) = fork.taken;
        self.guards += 1;
        let block = if fork.test { fork.then } else { fork.otherwise };
        self.go(block, fork.join);
    }
}

impl Fork {
    /// Whether the arm that is walked is not taken.
    fn is_paused(&self) -> bool {
        self.paused || self.first.is_some()
    }
}
