//! The code of an iteration, and how it is run.
//!
//! Ways through iterations of a loop and what its procedure was given go in; the walk stands where an
//! iteration begins that none of them leads through.
//!
//! **Invariants**
//! - An iteration is done whole or not at all: what it did before something came out otherwise is taken
//!   back.
//! - Arithmetic on numbers is done here, all else by the walk's primitives; both record and count alike.

use super::{Carried, Loop, Operand, SETTLED, Shape, is_same};
use crate::prim::Prim;
use crate::prim::value::{Tag, Value};
use crate::trace::record::Mark;
use crate::walk::call::CLOCK_INTERVAL;
use crate::walk::cost::Cost;
use crate::walk::fork::number;
use crate::walk::room::SPARE_SLOTS;
use crate::walk::{Outcome, Walk};

/// A way through an iteration.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The application that the iteration begins with.
    pub(super) site: u32,
    pub(super) shape: Shape,
    pub(super) carried: Vec<Carried>,
    pub(super) code: Vec<Op>,
    /// Operands of operations that have many.
    pub(super) operands: Vec<Operand>,
    pub(super) constants: Vec<Value>,
    /// What the arms of forks cost.
    pub(super) forks: Vec<Arms>,
    pub(super) registers: usize,
    /// The most operands of one of them.
    pub(super) staged: usize,
    /// Where what is carried comes from.
    pub(super) moves: Vec<(u32, Operand)>,
    pub(super) took: Took,
    pub(super) end: End,
}

/// What the arms of a fork cost, the one that its test chooses first, without the listed forks in there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arms {
    pub(super) first: Cost,
    pub(super) second: Cost,
}

/// A fork under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Under {
    test: Value,
    index: usize,
    arm: Mark,
    guards: usize,
    work: u64,
    listed: Cost,
    /// The value of the first arm, and what it took.
    first: Option<(Value, Cost)>,
}

/// What an iteration takes, apart from what its primitives count themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Took {
    pub(super) nodes: u64,
    pub(super) applications: u64,
    pub(super) work: u64,
    pub(super) clock: u32,
    pub(super) made: u32,
    pub(super) rounded: u64,
}

/// How an iteration leaves the walk.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) site: u32,
    pub(super) place: u32,
    /// The place that operations are noted as of.
    pub(super) noted: u32,
    pub(super) applied_by_program: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    One,
    Two,
    /// Of two, what most of a loop is.
    Add,
    Sub,
    Mul,
    Div,
    NumEq,
    Lt,
    Gt,
    Le,
    Ge,
    /// Of `count` operands from `a` on.
    Many,
    /// A pair whose place is that of `cons`.
    Cons,
    Copy,
    /// Goes on if `a` is true, or false where it was; with `count`, a number with a node is guarded.
    IsTrue,
    IsFalse,
    /// Goes on if `a` is a pair, and so on.
    IsPair,
    IsNoPair,
    IsNull,
    IsNotNull,
    /// Forks on `a`, which is true with `count` and false without. Costs are those at `b`, here and below.
    Fork,
    /// The first arm has come to `a`.
    Arm,
    /// The second arm has come to `a`: the fork's value goes to `dst`.
    Join,
}

/// An operation of an iteration, and the walk's registers when it did it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) what: What,
    pub(super) prim: Prim,
    pub(super) dst: u32,
    pub(super) a: Operand,
    pub(super) b: Operand,
    pub(super) count: u32,
    pub(super) site: u32,
    pub(super) at: At,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At {
    pub(super) pc: u32,
    pub(super) site: u32,
    /// The place of the program that operations are noted as of; of a guard its own.
    pub(super) place: u32,
}

/// How a run of code ended.
pub(super) enum Ended {
    /// An iteration came out otherwise than recorded.
    Otherwise,
    /// Something is to be looked at, or a limit is near.
    Looks,
}

/// What an iteration is taken back to.
struct Before {
    mark: Mark,
    cells: usize,
    cost: Cost,
    rounded: u64,
    /// Forks that are listed, and what they took.
    forks: usize,
    listed: Cost,
    /// Whether clock and heap were looked at for the iteration.
    looked: bool,
}

impl Walk<'_> {
    /// Runs iterations on whatever way leads through each.
    pub(super) fn run_ways(&mut self, of: &Loop, registers: &mut Vec<Value>) -> Ended {
        let at = self.at;
        let staged = of.ways.iter().map(|way| way.staged).fold(0, usize::max);
        let slots = at.top as usize + staged + SPARE_SLOTS;
        if self.stack.len() < slots && self.grow_stack(slots).is_err() {
            return Ended::Looks;
        }
        let mut last: Option<&Way> = None;
        let mut first = 0;
        let ended = 'iterations: loop {
            let count = of.ways.len();
            for nth in 0..count {
                let which = (first + nth) % count;
                let way = &of.ways[which];
                let site = last.map_or(at.site, |last| last.end.site);
                if way.site != site {
                    continue;
                }
                let fits = match last {
                    None => self.load(way, registers),
                    Some(last) => way.follows(last, registers),
                };
                if !fits {
                    continue;
                }
                let (runs, ended) = self.run_way(way, registers);
                self.hot.iterations += runs;
                if runs > 0 {
                    last = Some(way);
                    first = which;
                    if let Ended::Looks = ended {
                        break 'iterations ended;
                    }
                    // It may be another one that leads on; this one is tried last.
                    first += 1;
                    continue 'iterations;
                }
                if let Ended::Looks = ended {
                    break 'iterations ended;
                }
            }
            break Ended::Otherwise;
        };
        self.at = at;
        if let Some(way) = last {
            self.leave(way, registers);
        }
        ended
    }

    /// Runs iterations of one way, as many as go it; gives how many that were.
    fn run_way(&mut self, way: &Way, registers: &mut [Value]) -> (u64, Ended) {
        let mut runs = 0;
        let mut began = None;
        loop {
            let is_due = self.meter.clock <= way.took.clock;
            if self.heap.len() >= self.meter.collect_at || (is_due && !self.looks(way)) {
                return (runs, Ended::Looks);
            }
            let before = Before {
                mark: self.recorder.mark(),
                cells: self.heap.len(),
                cost: self.meter.cost(),
                rounded: self.meter.rounded,
                forks: self.forks.costs.len(),
                listed: self.forks.listed,
                looked: is_due,
            };
            if !self.run_code(way, registers) {
                self.take_back(way, &before);
                return (runs, Ended::Otherwise);
            }
            let meter = &mut self.meter;
            meter.work = meter.work.saturating_add(way.took.work);
            meter.applications += way.took.applications;
            if meter.fuel() > meter.limits.fuel {
                // The walk finds where.
                self.take_back(way, &before);
                return (runs, Ended::Looks);
            }
            meter.nodes += way.took.nodes;
            meter.clock -= way.took.clock;
            meter.rounded += way.took.rounded;
            self.made = self.made.wrapping_add(way.took.made);
            for &(to, from) in &way.moves {
                registers[to as usize] = *value_of(from, registers, &way.constants);
            }
            runs += 1;
            if runs == SETTLED && self.recorder.rolls.is_some() {
                began = Some(self.began(registers));
            }
            if began
                .as_ref()
                .is_some_and(|began| self.is_long(began, runs - SETTLED))
                && let Some(began) = began.take()
                && let Some((rolled, ended)) = self.roll(way, registers, &began, runs - SETTLED)
            {
                return (SETTLED + rolled, ended);
            }
        }
    }

    /// Looks at clock and heap, as the walk would within the iteration that comes; false if it finds
    /// something, which the walk is to find then.
    #[cold]
    pub(super) fn looks(&mut self, way: &Way) -> bool {
        let entries = self.meter.entries + u64::from(CLOCK_INTERVAL);
        if way.took.clock >= CLOCK_INTERVAL
            || entries > self.meter.explained()
            || self.need_time().is_err()
            || self.wants_room()
        {
            return false;
        }
        self.meter.peak = self.meter.peak.max(self.bytes());
        self.meter.entries = entries;
        self.meter.clock += CLOCK_INTERVAL;
        true
    }

    fn take_back(&mut self, way: &Way, before: &Before) {
        self.recorder.rewind(before.mark);
        if self.heap.len() > before.cells {
            self.heap.truncate(before.cells);
            // What was staged there may be an address that is void now.
            let top = self.at.top as usize;
            let end = (top + way.staged + SPARE_SLOTS).min(self.stack.len());
            self.stack[top..end].fill(Value::NIL);
        }
        self.meter.set_cost(before.cost);
        self.meter.rounded = before.rounded;
        self.forks.costs.truncate(before.forks);
        self.forks.listed = before.listed;
        self.hot.under.clear();
        // The walk asks for it once more, and looks at the clock itself.
        self.meter.wanted = 0;
        if before.looked {
            self.meter.entries -= u64::from(CLOCK_INTERVAL);
            self.meter.clock -= CLOCK_INTERVAL;
        }
    }

    /// Does what an iteration does; false if something comes out otherwise.
    #[inline]
    pub(super) fn run_code(&mut self, way: &Way, registers: &mut [Value]) -> bool {
        macro_rules! arithmetic {
            ($op:ident, $prim:ident) => {{
                let (a, b) = (
                    value_of($op.a, registers, &way.constants),
                    value_of($op.b, registers, &way.constants),
                );
                if a.is_number() && b.is_number() {
                    self.recorder.place = $op.at.place;
                    self.of_two(Prim::$prim, a, b)
                } else {
                    let (a, b) = (*a, *b);
                    self.be_at($op.at);
                    match self.primitive2(Prim::$prim, a, b, $op.site) {
                        Ok(value) => value,
                        Err(_) => return false,
                    }
                }
            }};
        }
        for op in &way.code {
            let a = |registers: &[Value]| *value_of(op.a, registers, &way.constants);
            let value = match op.what {
                What::Add => arithmetic!(op, Add),
                What::Sub => arithmetic!(op, Sub),
                What::Mul => arithmetic!(op, Mul),
                What::Div => arithmetic!(op, Div),
                What::NumEq => arithmetic!(op, NumEq),
                What::Lt => arithmetic!(op, Lt),
                What::Gt => arithmetic!(op, Gt),
                What::Le => arithmetic!(op, Le),
                What::Ge => arithmetic!(op, Ge),
                What::IsTrue | What::IsFalse => {
                    let test = value_of(op.a, registers, &way.constants);
                    if !op.what.holds(test) {
                        return false;
                    }
                    if test.node.is_some() {
                        if op.count == 0 {
                            return false;
                        }
                        self.recorder.guard(number(*test), op.at.place);
                    }
                    continue;
                }
                What::IsPair | What::IsNoPair | What::IsNull | What::IsNotNull => {
                    if !op.what.holds(value_of(op.a, registers, &way.constants)) {
                        return false;
                    }
                    continue;
                }
                What::Cons => {
                    let b = *value_of(op.b, registers, &way.constants);
                    self.heap.cons(a(registers), b)
                }
                What::Copy => a(registers),
                What::Fork | What::Arm => {
                    let of = a(registers);
                    let is_done = if op.what == What::Fork {
                        self.fork(of, op.count != 0)
                    } else {
                        self.end_first(of, way.forks[op.b as usize])
                    };
                    if !is_done {
                        return false;
                    }
                    continue;
                }
                What::Join => {
                    let second = a(registers);
                    match self.end_second(second, way.forks[op.b as usize], op.at.place) {
                        Some(value) => value,
                        None => return false,
                    }
                }
                What::One | What::Two | What::Many => {
                    let result = match op.what {
                        What::One => {
                            self.be_at(op.at);
                            self.primitive1(op.prim, a(registers), op.site)
                        }
                        What::Two => {
                            let b = *value_of(op.b, registers, &way.constants);
                            self.be_at(op.at);
                            self.primitive2(op.prim, a(registers), b, op.site)
                        }
                        _ => self.of_many(op, way, registers),
                    };
                    match result {
                        Ok(value) => value,
                        Err(_) => return false,
                    }
                }
            };
            registers[op.dst as usize] = value;
        }
        true
    }

    /// Begins a fork, as [`branch`](Walk::branch) does, if its test comes out as it did.
    fn fork(&mut self, test: Value, then: bool) -> bool {
        if test.tag != Tag::Bool || test.node.is_none() || test.is_false() == then {
            return false;
        }
        let around = self.hot.under.last();
        let around = around.map(|fork| (fork.index, fork.test, fork.first.is_none()));
        let index = self.forks.list(test, around);
        self.hot.under.push(Under {
            test,
            index,
            arm: self.recorder.mark(),
            guards: self.recorder.guards(),
            work: self.meter.work,
            listed: self.forks.listed,
            first: None,
        });
        true
    }

    /// The first arm of the innermost fork has come to its value; false if it is not to be joined.
    fn end_first(&mut self, value: Value, arms: Arms) -> bool {
        let listed = self.forks.listed;
        let Some(fork) = self.hot.under.last_mut() else {
            return false;
        };
        if !fork.joins(value, self.recorder.guards(), self.meter.work) {
            return false;
        }
        fork.first = Some((value, arms.first + (listed - fork.listed)));
        self.forks.listed = fork.listed;
        let taken_then = !fork.test.is_false();
        self.recorder.arm(fork.arm, number(fork.test), taken_then);
        fork.arm = self.recorder.mark();
        true
    }

    /// The second one has: the fork's value, if they are joined.
    fn end_second(&mut self, second: Value, arms: Arms, place: u32) -> Option<Value> {
        let fork = self.hot.under.pop()?;
        let (first, total) = fork.first?;
        if !fork.joins(second, self.recorder.guards(), self.meter.work) {
            return None;
        }
        let taken_then = !fork.test.is_false();
        let test = number(fork.test);
        self.recorder.arm(fork.arm, test, !taken_then);
        let joined = self.join(test, taken_then, first, second, place)?;
        self.forks.listed = fork.listed;
        self.forks
            .settle(fork.index, taken_then, [arms.first, arms.second], total);
        if self.hot.under.is_empty() {
            let cost = self.meter.cost() + total;
            self.meter.set_cost(cost);
        }
        Some(joined)
    }

    fn of_many(&mut self, op: &Op, way: &Way, registers: &[Value]) -> Outcome<Value> {
        self.be_at(op.at);
        let first = op.a as usize;
        let operands = &way.operands[first..first + op.count as usize];
        let top = self.at.top as usize;
        for (nth, &operand) in operands.iter().enumerate() {
            self.stack[top + nth] = *value_of(operand, registers, &way.constants);
        }
        self.primitive(op.prim, operands.len(), op.site)
    }

    #[inline]
    pub(super) fn be_at(&mut self, at: At) {
        self.at.pc = at.pc;
        self.at.site = at.site;
        self.recorder.place = at.place;
    }

    /// What the procedure just entered was given, if it has that shape.
    pub(super) fn given(&self, shape: &Shape, into: &mut Vec<Value>) -> bool {
        let base = self.at.base as usize;
        let params = &self.stack[base..base + shape.params];
        let captured = &self.stack[base + shape.params..];
        let mut pairs = shape.captured.iter().zip(captured);
        if !pairs.all(|(a, b)| is_same(*a, *b)) {
            return false;
        }
        into.clear();
        let Some(length) = shape.list else {
            into.extend_from_slice(params);
            return true;
        };
        let [params @ .., list] = params else {
            return false;
        };
        into.extend_from_slice(params);
        let mut list = *list;
        for _ in 0..length {
            if list.tag != Tag::Pair {
                return false;
            }
            into.push(self.heap.car(list));
            list = self.heap.cdr(list);
        }
        list.is_nil()
    }

    /// Puts what the procedure just entered was given into registers, if the way is for such.
    fn load(&self, way: &Way, registers: &mut Vec<Value>) -> bool {
        if !self.given(&way.shape, registers) || !way.takes(registers) {
            return false;
        }
        registers.resize(way.registers, Value::NIL);
        true
    }

    /// Leaves the frame as the walk of the last iteration would have.
    fn leave(&mut self, way: &Way, registers: &[Value]) {
        let base = self.at.base as usize;
        let params = way.shape.singles();
        self.stack[base..base + params].copy_from_slice(&registers[..params]);
        if let Some(length) = way.shape.list {
            let mut list = Value::NIL;
            for &value in registers[params..params + length].iter().rev() {
                list = self.heap.cons(value, list);
            }
            self.stack[base + params] = list;
        }
        self.at.site = way.end.site;
        self.place = way.end.place;
        self.recorder.place = way.end.noted;
        self.applied_by_program = way.end.applied_by_program;
    }
}

impl Way {
    /// A constant more, as an operand.
    pub(super) fn constant(&mut self, value: Value) -> Operand {
        let place = self.constants.len() as u32;
        self.constants.push(value);
        !place.cast_signed()
    }

    /// Whether a register that has a value gets the same from there.
    pub(super) fn keeps(&self, value: Value, from: Operand) -> bool {
        from < 0 && is_same(self.constants[!from as usize], value)
    }

    /// Whether it is for what is carried in the first registers.
    fn takes(&self, registers: &[Value]) -> bool {
        let mut pairs = self.carried.iter().zip(registers);
        self.carried.len() <= registers.len()
            && pairs.all(|(carried, &value)| match *carried {
                Carried::Register => true,
                Carried::Same(same) => is_same(same, value),
            })
    }

    /// Makes what the way before has left in registers this one's, if it is for such.
    fn follows(&self, last: &Self, registers: &mut Vec<Value>) -> bool {
        let (shape, before) = (&self.shape, &last.shape);
        let mut captured = shape.captured.iter().zip(&before.captured);
        if (shape.params, shape.list) != (before.params, before.list)
            || !captured.all(|(a, b)| is_same(*a, *b))
            || !self.takes(registers)
        {
            return false;
        }
        if registers.len() < self.registers {
            registers.resize(self.registers, Value::NIL);
        }
        true
    }
}

impl Under {
    /// Whether an arm that comes to a value is joined: nothing was relied on in it, nor gone through.
    fn joins(&self, value: Value, guards: usize, work: u64) -> bool {
        (value.is_number() || value.tag == Tag::Bool) && (guards, work) == (self.guards, self.work)
    }
}

#[inline]
pub(super) fn value_of<'r>(
    operand: Operand,
    registers: &'r [Value],
    constants: &'r [Value],
) -> &'r Value {
    if operand >= 0 {
        &registers[operand as usize]
    } else {
        &constants[!operand as usize]
    }
}

impl Op {
    pub(super) fn copy(dst: u32, a: Operand) -> Self {
        Self {
            what: What::Copy,
            prim: Prim::Cons,
            dst,
            a,
            b: 0,
            count: 0,
            site: 0,
            at: At::default(),
        }
    }

    /// What it reads.
    pub(super) fn operands(&self, way: &Way) -> Vec<Operand> {
        match self.what {
            What::Many => way.operands[self.a as usize..][..self.count as usize].to_vec(),
            What::One
            | What::Copy
            | What::IsTrue
            | What::IsFalse
            | What::IsPair
            | What::IsNoPair
            | What::IsNull
            | What::IsNotNull
            | What::Fork
            | What::Arm
            | What::Join => vec![self.a],
            _ => vec![self.a, self.b],
        }
    }

    /// A test whose operand is still to be said.
    pub(super) fn test(what: What, count: u32) -> Self {
        Self {
            what,
            count,
            ..Self::copy(0, 0)
        }
    }
}

impl What {
    /// Whether a value is what a test goes on with; what is no test always does.
    #[inline]
    pub(super) fn holds(self, of: &Value) -> bool {
        match self {
            Self::IsTrue => !of.is_false(),
            Self::IsFalse => of.is_false(),
            Self::IsPair => of.tag == Tag::Pair,
            Self::IsNoPair => of.tag != Tag::Pair,
            Self::IsNull => of.is_nil(),
            Self::IsNotNull => !of.is_nil(),
            _ => true,
        }
    }

    /// Whether it gives a value.
    pub(super) fn gives(self) -> bool {
        !matches!(
            self,
            Self::IsTrue
                | Self::IsFalse
                | Self::IsPair
                | Self::IsNoPair
                | Self::IsNull
                | Self::IsNotNull
                | Self::Fork
                | Self::Arm
        )
    }

    /// A primitive of two arguments.
    pub(super) fn two(prim: Prim) -> Self {
        match prim {
            Prim::Add => Self::Add,
            Prim::Sub => Self::Sub,
            Prim::Mul => Self::Mul,
            Prim::Div => Self::Div,
            Prim::NumEq => Self::NumEq,
            Prim::Lt => Self::Lt,
            Prim::Gt => Self::Gt,
            Prim::Le => Self::Le,
            Prim::Ge => Self::Ge,
            _ => Self::Two,
        }
    }
}
