//! Register code: a graph flattened for walking.
//!
//! A verified [`Graph`] goes in; instructions, operand lists and constants come out.
//!
//! **Invariants**
//! - A frame's slots are parameters, captures, then one for each node that has a value.
//! - An operand at or above 0 is a slot, below 0 the constant `!operand`.
//! - Quoted data are laid out once, at the start of every heap.

use super::TAIL;
use super::layout::{Image, SITE_COUNTS};
use super::weights::{evaluators, work_of};
use crate::graph::{Function, Graph, GraphConstant, NodeId, Op};
use crate::meter::Meter;
use crate::prim::Prim;
use crate::prim::value::{FIRST_FUNCTION, Value};
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use crate::syntax::{ReadOptions, read};
use rustc_hash::FxHashMap;
use slotmap::SecondaryMap;
use smallvec::{SmallVec, smallvec};
use std::iter;
use std::sync::Arc;

/// A slot (at or above 0) or a constant (`!index`).
pub(super) type Operand = i32;

/// A run of operands in [`Code::operands`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Args {
    pub(super) start: u32,
    pub(super) count: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Instr {
    Prim1 {
        prim: Prim,
        dst: u32,
        a: Operand,
        site: u32,
    },
    Prim2 {
        prim: Prim,
        dst: u32,
        a: Operand,
        b: Operand,
        site: u32,
    },
    Prim {
        prim: Prim,
        dst: u32,
        args: Args,
        site: u32,
    },
    /// `%env-ref`.
    EnvRef {
        dst: u32,
        environment: Operand,
        here: Operand,
    },
    /// The same, and its value is the procedure's.
    ReturnEnvRef {
        environment: Operand,
        here: Operand,
    },
    /// `%enter`.
    Enter {
        dst: u32,
        environment: Operand,
        list: Operand,
        count: Operand,
    },
    Closure {
        dst: u32,
        function: u32,
        args: Args,
    },
    /// Operator first.
    Call {
        dst: u32,
        args: Args,
        site: u32,
    },
    TailCall {
        args: Args,
        site: u32,
    },
    /// Closure first.
    CallKnown {
        dst: u32,
        function: u32,
        args: Args,
        site: u32,
    },
    TailCallKnown {
        function: u32,
        args: Args,
        site: u32,
    },
    Again {
        args: Args,
        pc: u32,
        site: u32,
    },
    /// `dst` is [`TAIL`] in tail position.
    ApplyAt {
        dst: u32,
        here: Operand,
        f: Operand,
        args: Operand,
    },
    /// `%apply-at` of a list made for it, which is staged instead. Operator first; `dst` likewise.
    ApplyListAt {
        dst: u32,
        here: Operand,
        args: Args,
    },
    /// `join` is where a value is wanted, [`TAIL`] in tail position.
    If {
        test: Operand,
        otherwise: u32,
        join: u32,
        dst: u32,
        site: u32,
    },
    IfNull {
        a: Operand,
        otherwise: u32,
    },
    IfPair {
        a: Operand,
        otherwise: u32,
    },
    IfEq {
        a: Operand,
        b: Operand,
        otherwise: u32,
    },
    /// The end of an arm whose value goes to `dst`; control goes to `join`.
    Join {
        src: Operand,
        dst: u32,
        join: u32,
    },
    Return {
        a: Operand,
    },
}

/// How a function is entered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) pc: u32,
    /// Parameters, without the rest parameter.
    pub(super) required: u32,
    pub(super) rest: bool,
    /// Whether the list of further arguments goes into environments and nowhere else, so that it need not
    /// be the procedure's own.
    pub(super) shares: bool,
    pub(super) captures: u32,
    pub(super) slots: u32,
    /// What entering it weighs, in elements.
    pub(super) work: u32,
}

impl Entry {
    pub(super) fn params(&self) -> u32 {
        self.required + u32::from(self.rest)
    }
}

/// A graph ready to be walked.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(super) instrs: Vec<Instr>,
    /// Where the evaluator's own instructions end; 0 without an evaluator.
    pub(super) own: u32,
    /// The most operands that an instruction has.
    pub(super) stage: u32,
    pub(super) operands: Vec<Operand>,
    pub(super) entries: Vec<Entry>,
    pub(super) constants: Vec<Value>,
    /// Which constants are inputs: constant, input.
    pub(super) input_constants: Vec<(u32, u32)>,
    /// Which constants are literals that `wrt` can name: constant, place.
    pub(super) literal_constants: Vec<(u32, Span)>,
    /// Quoted data and strings.
    pub(crate) image: Image,
    pub(super) spans: Vec<Span>,
    pub(crate) symbols: Arc<Symbols>,
    /// What the symbols mean as names of primitives and of what the graph exports, or #f: by their
    /// indices.
    pub(super) globals: Vec<Value>,
}

impl Code {
    /// Flattens a graph. Its symbols extend `symbols`, those of the interpreter.
    pub(crate) fn new(graph: &Graph, symbols: Symbols) -> Self {
        Compiler::new(graph, symbols).compile()
    }

    /// The spans of the sites.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }
}

struct Compiler<'a> {
    graph: &'a Graph,
    places: SecondaryMap<NodeId, Operand>,
    uses: SecondaryMap<NodeId, u32>,
    symbols: Symbols,
    code: Code,
}

/// Where the value of a block goes.
#[derive(Clone, Copy)]
struct Destination {
    dst: u32,
    /// Which of the function's joins control goes to, or none in tail position.
    join: Option<usize>,
}

/// What is to be told where the code of some nodes starts.
#[derive(Clone, Copy)]
enum Told {
    Nothing,
    /// The branch whose else arm they are.
    Branch(usize),
    /// All that go to a join.
    Join(usize),
}

/// Nodes of a block that wait to be compiled: all from one on.
#[derive(Clone, Copy)]
struct Stretch {
    block: u32,
    from: usize,
    to: Destination,
    told: Told,
}

/// A function while it is compiled.
struct Open<'a> {
    function: &'a Function,
    /// Where its code starts.
    pc: u32,
    /// How many slots are given out.
    slots: u32,
    /// For each multiplexer the instructions that go to where its arms join.
    joins: Vec<Vec<usize>>,
    /// What is left to do, the next last.
    waiting: Vec<Stretch>,
    /// The list of further arguments, and how often it goes into an environment.
    rest: Option<NodeId>,
    ribs: u32,
}

impl<'a> Compiler<'a> {
    fn new(graph: &'a Graph, symbols: Symbols) -> Self {
        let spans = graph.sites.iter().map(|s| s.span).collect();
        let mut uses = SecondaryMap::new();
        for node in graph.nodes.values() {
            for &arg in &node.args {
                *uses.entry(arg).expect("operands are nodes").or_insert(0) += 1;
            }
        }
        Self {
            graph,
            places: SecondaryMap::new(),
            uses,
            symbols,
            code: Code {
                instrs: Vec::new(),
                own: 0,
                stage: 0,
                operands: Vec::new(),
                entries: Vec::new(),
                constants: Vec::new(),
                input_constants: Vec::new(),
                literal_constants: Vec::new(),
                image: Image::new(0),
                spans,
                symbols: Arc::new(Symbols::new()),
                globals: Vec::new(),
            },
        }
    }

    fn compile(mut self) -> Code {
        for &id in &self.graph.floating {
            let constant = u32::try_from(self.code.constants.len()).expect("constants are nodes");
            let value = match self.graph.nodes[id].op {
                Op::Constant(index) => self.constant(index, constant),
                Op::Input(index) => {
                    self.code.input_constants.push((constant, index));
                    Value::EMPTY
                }
                Op::Function(function) => Value::closure(function + FIRST_FUNCTION, 0),
                ref op => unreachable!("{op:?} does not float"),
            };
            self.code.constants.push(value);
            self.places.insert(id, !(constant.cast_signed()));
        }
        let count = self.graph.functions.len();
        let own = evaluators(self.graph);
        self.code.entries = vec![Entry::default(); count];
        for index in (0..count).filter(|&index| own[index]) {
            self.function(index, 0);
        }
        self.code.own = self.here();
        for index in (0..count).filter(|&index| !own[index]) {
            let work = work_of(self.graph, index);
            self.function(index, work);
        }
        if !self.graph.exports.is_empty() {
            self.globals();
        }
        self.code.symbols = Arc::new(self.symbols);
        self.code
    }

    fn globals(&mut self) {
        let exports = self.graph.exports.iter().map(|(name, function)| {
            let value = Value::closure(function + FIRST_FUNCTION, 0);
            // What the bootstrap files spell with a leading `%`, programs cannot.
            let sym = if name.starts_with('%') {
                self.symbols.reserve(name)
            } else {
                self.symbols.intern(name)
            };
            (sym, value)
        });
        let exports: FxHashMap<Sym, Value> = exports.collect();
        let globals = (0..self.symbols.len()).map(|index| {
            let sym = Sym::new(index);
            let exported = exports.get(&sym).copied();
            let prim = Prim::of_symbol(&self.symbols, sym).map(Value::prim);
            prim.or(exported).unwrap_or(Value::bool(false))
        });
        self.code.globals = globals.collect();
    }

    fn constant(&mut self, index: u32, constant: u32) -> Value {
        match &self.graph.constants[index as usize] {
            GraphConstant::Value(value, place) => {
                if let Some(span) = place {
                    self.code.literal_constants.push((constant, *span));
                }
                self.code.image.constant(value)
            }
            GraphConstant::Quote(text) => {
                let options = ReadOptions {
                    reserved: self.graph.reserved,
                    ..ReadOptions::default()
                };
                let data = read(text, &mut self.symbols, options).expect("quotes are verified");
                // What made the graph has counted it.
                let value = self
                    .code
                    .image
                    .datum(&data, data.roots()[0], &Meter::default());
                value.expect("there are no limits")
            }
        }
    }

    fn site(&self, site: u32) -> u32 {
        let counts = self.graph.sites[site as usize].counts;
        site | if counts { SITE_COUNTS } else { 0 }
    }

    fn function(&mut self, index: usize, work: u32) {
        let function = &self.graph.functions[index];
        let mut open = Open {
            function,
            pc: self.here(),
            slots: function.params + function.captures,
            joins: Vec::new(),
            waiting: vec![Stretch {
                block: function.body,
                from: 0,
                to: Destination { dst: 0, join: None },
                told: Told::Nothing,
            }],
            rest: None,
            ribs: 0,
        };
        while let Some(stretch) = open.waiting.pop() {
            match stretch.told {
                Told::Nothing => {}
                Told::Branch(at) => self.patch_otherwise(at),
                Told::Join(join) => {
                    for at in std::mem::take(&mut open.joins[join]) {
                        self.patch_join(at);
                    }
                }
            }
            self.stretch(stretch, &mut open);
        }
        self.code.entries[index] = Entry {
            pc: open.pc,
            required: function.params - u32::from(function.rest),
            rest: function.rest,
            shares: open
                .rest
                .is_none_or(|rest| self.uses.get(rest) == Some(&open.ribs)),
            captures: function.captures,
            slots: open.slots,
            work,
        };
    }

    /// Where the next instruction goes.
    fn here(&self) -> u32 {
        u32::try_from(self.code.instrs.len()).expect("a graph has fewer than 2^32 nodes")
    }

    /// Compiles nodes of a block, up to its end or to where arms come first.
    fn stretch(&mut self, stretch: Stretch, open: &mut Open<'_>) {
        let Stretch { block, to, .. } = stretch;
        let nodes = &self.graph.blocks[block as usize].nodes;
        for (index, &id) in nodes.iter().enumerate().skip(stretch.from) {
            match self.graph.nodes[id].op {
                Op::Mux(then, otherwise) => {
                    let rest = Stretch {
                        from: index + 1,
                        ..stretch
                    };
                    return self.multiplexer(id, [then, otherwise], rest, open);
                }
                Op::Branch(then, otherwise) => {
                    return self.arms(id, [then, otherwise], to, open);
                }
                Op::Prim(Prim::ApplyAt) => {
                    let next = &self.graph.nodes[nodes[index + 1]];
                    let is_last = next.op == Op::Return && next.args[0] == id && to.join.is_none();
                    self.apply_at(id, is_last, open);
                    if is_last {
                        return;
                    }
                }
                _ => self.node(id, to, open),
            }
        }
    }

    /// A branch whose arms join, and then the rest of its block.
    fn multiplexer(&mut self, id: NodeId, arms: [u32; 2], rest: Stretch, open: &mut Open<'_>) {
        let dst = self.give(id, open);
        let join = open.joins.len();
        open.joins.push(Vec::new());
        open.waiting.push(Stretch {
            told: Told::Join(join),
            ..rest
        });
        let to = Destination {
            dst,
            join: Some(join),
        };
        self.arms(id, arms, to, open);
    }

    /// A branch, and its arms for later: the one taken where the test holds comes first.
    fn arms(
        &mut self,
        id: NodeId,
        [then, otherwise]: [u32; 2],
        to: Destination,
        open: &mut Open<'_>,
    ) {
        let at = self.branch(id, to, open);
        let arm = |block, told| Stretch {
            block,
            from: 0,
            to,
            told,
        };
        open.waiting.push(arm(otherwise, Told::Branch(at)));
        open.waiting.push(arm(then, Told::Nothing));
    }

    /// An application by the evaluator, of a list of arguments; that is staged instead where it was
    /// made for it.
    fn apply_at(&mut self, id: NodeId, is_last: bool, open: &mut Open<'_>) {
        let node = &self.graph.nodes[id];
        let [here, f, args] = [0, 1, 2].map(|i| self.places[node.args[i]]);
        let list = self.list_just_made(node.args[2]);
        let dst = if is_last { TAIL } else { self.give(id, open) };
        let instr = if let Some(list) = list {
            self.code.instrs.pop();
            let operands: SmallVec<[Operand; 3]> = iter::once(f).chain(list).collect();
            let args = self.args(&operands);
            Instr::ApplyListAt { dst, here, args }
        } else {
            Instr::ApplyAt { dst, here, f, args }
        };
        self.code.instrs.push(instr);
    }

    /// A node that neither branches nor may leave the rest of its block out.
    fn node(&mut self, id: NodeId, to: Destination, open: &mut Open<'_>) {
        let node = &self.graph.nodes[id];
        let site = self.site(node.site);
        let instr = match node.op {
            Op::Param(i) => {
                if open.function.rest && i + 1 == open.function.params {
                    open.rest = Some(id);
                }
                self.places.insert(id, i.cast_signed());
                return;
            }
            Op::Capture(i) => {
                let slot = open.function.params + i;
                self.places.insert(id, slot.cast_signed());
                return;
            }
            Op::Return => {
                let src = self.places[node.args[0]];
                let Some(join) = to.join else {
                    return self.end(src);
                };
                open.joins[join].push(self.code.instrs.len());
                Instr::Join {
                    src,
                    dst: to.dst,
                    join: 0,
                }
            }
            Op::Prim(prim) => self.primitive(id, prim, open),
            Op::Closure(function) => Instr::Closure {
                args: self.operands_of(id),
                dst: self.give(id, open),
                function,
            },
            Op::Call => Instr::Call {
                args: self.operands_of(id),
                dst: self.give(id, open),
                site,
            },
            Op::CallKnown(function) => Instr::CallKnown {
                args: self.operands_of(id),
                dst: self.give(id, open),
                function,
                site,
            },
            Op::TailCall => Instr::TailCall {
                args: self.operands_of(id),
                site,
            },
            Op::TailCallKnown(function) => Instr::TailCallKnown {
                args: self.operands_of(id),
                function,
                site,
            },
            Op::Again => Instr::Again {
                args: self.operands_of(id),
                pc: open.pc,
                site,
            },
            Op::Mux(..) | Op::Branch(..) => unreachable!("what branches has its own way"),
            Op::Constant(_) | Op::Input(_) | Op::Function(_) => {
                unreachable!("floating nodes stand in no block")
            }
        };
        self.code.instrs.push(instr);
    }

    fn primitive(&mut self, id: NodeId, prim: Prim, open: &mut Open<'_>) -> Instr {
        let node = &self.graph.nodes[id];
        let site = self.site(node.site);
        let operands: Vec<Operand> = node.args.iter().map(|&a| self.places[a]).collect();
        if matches!(prim, Prim::Enter | Prim::EnterRest) && node.args.get(1).copied() == open.rest {
            open.ribs += 1;
        }
        let dst = self.give(id, open);
        match *operands.as_slice() {
            [a] => Instr::Prim1 { prim, dst, a, site },
            [environment, here] if prim == Prim::EnvRef => Instr::EnvRef {
                dst,
                environment,
                here,
            },
            [environment, list, count] if prim == Prim::Enter => Instr::Enter {
                dst,
                environment,
                list,
                count,
            },
            [a, b] => Instr::Prim2 {
                prim,
                dst,
                a,
                b,
                site,
            },
            _ => Instr::Prim {
                prim,
                dst,
                args: self.args(&operands),
                site,
            },
        }
    }

    /// The next slot, for the value of a node.
    fn give(&mut self, id: NodeId, open: &mut Open<'_>) -> u32 {
        let slot = open.slots;
        open.slots += 1;
        self.places.insert(id, slot.cast_signed());
        slot
    }

    /// Emits the branch of a multiplexer or an end, and returns what to patch with the else arm.
    fn branch(&mut self, id: NodeId, to: Destination, open: &mut Open<'_>) -> usize {
        let node = &self.graph.nodes[id];
        let (test, site) = (node.args[0], self.site(node.site));
        let at = self.code.instrs.len();
        // A test that was computed just before and steers nothing else is fused with the branch.
        if let Some(&last) = self.code.instrs.last()
            && site == 0
            && self.places[test] >= 0
        {
            let place = self.places[test] as u32;
            let otherwise = 0;
            let fused = match last {
                Instr::Prim1 {
                    prim: Prim::IsNull,
                    dst,
                    a,
                    ..
                } if dst == place => Some(Instr::IfNull { a, otherwise }),
                Instr::Prim1 {
                    prim: Prim::IsPair,
                    dst,
                    a,
                    ..
                } if dst == place => Some(Instr::IfPair { a, otherwise }),
                Instr::Prim2 {
                    prim: Prim::IsEq,
                    dst,
                    a,
                    b,
                    ..
                } if dst == place => Some(Instr::IfEq { a, b, otherwise }),
                _ => None,
            };
            if let Some(fused) = fused
                && self.uses[test] == 1
            {
                self.code.instrs[at - 1] = fused;
                return at - 1;
            }
        }
        if let Some(join) = to.join {
            open.joins[join].push(at);
        }
        self.code.instrs.push(Instr::If {
            test: self.places[test],
            otherwise: 0,
            join: TAIL,
            dst: to.dst,
            site,
        });
        at
    }

    /// Emits the end of a procedure.
    fn end(&mut self, a: Operand) {
        let instrs = &mut self.code.instrs;
        match instrs.last().copied() {
            Some(Instr::EnvRef {
                dst,
                environment,
                here,
            }) if dst.cast_signed() == a => {
                instrs.pop();
                instrs.push(Instr::ReturnEnvRef { environment, here });
            }
            _ => instrs.push(Instr::Return { a }),
        }
    }

    /// The elements of a list that was made just before, for one use.
    fn list_just_made(&self, list: NodeId) -> Option<SmallVec<[Operand; 2]>> {
        let place = u32::try_from(self.places[list]).ok()?;
        let is_free = |site: u32| site & SITE_COUNTS == 0;
        let elements = match *self.code.instrs.last()? {
            Instr::Prim1 {
                prim: Prim::List,
                dst,
                a,
                site,
            } if dst == place && is_free(site) => smallvec![a],
            Instr::Prim2 {
                prim: Prim::List,
                dst,
                a,
                b,
                site,
            } if dst == place && is_free(site) => smallvec![a, b],
            _ => return None,
        };
        (self.uses[list] == 1).then_some(elements)
    }

    fn patch_otherwise(&mut self, at: usize) {
        let pc = self.here();
        match &mut self.code.instrs[at] {
            Instr::If { otherwise, .. }
            | Instr::IfNull { otherwise, .. }
            | Instr::IfPair { otherwise, .. }
            | Instr::IfEq { otherwise, .. } => *otherwise = pc,
            other => unreachable!("{other:?} has no arms"),
        }
    }

    fn patch_join(&mut self, at: usize) {
        let pc = self.here();
        match &mut self.code.instrs[at] {
            Instr::If { join, .. } | Instr::Join { join, .. } => *join = pc,
            other => unreachable!("{other:?} does not join"),
        }
    }

    fn operands_of(&mut self, id: NodeId) -> Args {
        let operands: Vec<Operand> = self.graph.nodes[id]
            .args
            .iter()
            .map(|&a| self.places[a])
            .collect();
        self.args(&operands)
    }

    fn args(&mut self, operands: &[Operand]) -> Args {
        let of = |count| u32::try_from(count).expect("a graph has fewer than 2^32 operands");
        let (start, count) = (of(self.code.operands.len()), of(operands.len()));
        self.code.operands.extend_from_slice(operands);
        self.code.stage = self.code.stage.max(count);
        Args { start, count }
    }
}
