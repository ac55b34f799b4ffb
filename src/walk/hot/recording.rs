//! What is known of an iteration while it is recorded: registers of what varies, and the code so far.
//!
//! **Invariants**
//! - What has no register is the same in every iteration: it follows from the program and from what is
//!   older than the iteration.
//! - Lists and environments made on the way are not made in code, unless something is to keep them.

use super::code::{Arms, At, End, Op, Took, Way, What};
use super::{Carried, Head, Operand, Shape, is_same};
use crate::prim::Prim;
use crate::prim::value::{Tag, Value};
use crate::walk::fork::{FirstArm, Fork as WalkFork};
use crate::walk::reasons::FORK_BUDGET;
use crate::walk::{WIDE, Walk};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// How many operations an iteration may have.
pub(super) const OPERATIONS: usize = 1024;

/// How many values of a list are made again for whoever keeps it.
const LISTED: usize = 32;

/// How many arguments a list of them may have where an iteration begins.
pub(super) const ARGUMENTS: usize = 16;

/// The register of something, or none.
pub(super) type Register = Option<u32>;

/// Something of the walk, and its register.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) value: Value,
    pub(super) register: Register,
}

/// Arguments, mostly few.
pub(super) type Few = SmallVec<[Seen; 4]>;

/// Where counts stood.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) operations: usize,
    pub(super) guards: usize,
    pub(super) work: u64,
    pub(super) rounded: u64,
    /// Where the walk is while it does the instruction that comes.
    pub(super) at: At,
}

/// A fork that the walk has under way.
pub(super) struct Fork {
    /// Where it stands among those that the walk lists, and among those of the code.
    pub(super) index: usize,
    pub(super) which: usize,
    pub(super) place: u32,
    pub(super) first: Option<FirstArm>,
    pub(super) taken_then: bool,
    /// The slot that its value goes to, if it is not the value of an arm around it.
    pub(super) slot: Option<usize>,
}

pub(super) struct Recording {
    pub(super) head: Head,
    site: u32,
    shape: Shape,
    carried: Vec<Carried>,
    /// The heap's cells from here on are made by the iteration.
    first_cell: usize,
    /// The cells of the list of arguments.
    arguments: Vec<u32>,
    base: usize,
    /// The registers of slots, from the frame's first on.
    slots: Vec<Register>,
    cells: FxHashMap<u32, u32>,
    /// The registers of pairs that code makes, too, by where the walk has made them: each is made once, so
    /// that one pair stays one.
    pairs: FxHashMap<u32, u32>,
    pub(super) code: Vec<Op>,
    operands: Vec<Operand>,
    constants: Vec<Value>,
    pub(super) forks: Vec<Fork>,
    arms: Vec<Arms>,
    /// Operations in arms that have not spent of the budget of forks, and might another time.
    unspent: u64,
    registers: u32,
    staged: usize,
    /// What primitives of the code have counted themselves.
    own_work: u64,
    own_rounded: u64,
    own_applications: u64,
    began: Took,
    entries: u64,
    explained: u64,
    pub(super) collections: u32,
}

impl Recording {
    /// Of the iteration that begins where the walk is.
    pub(super) fn begin(walk: &Walk<'_>, head: Head) -> Option<Self> {
        let shape = walk.shape(head)?;
        let mut given = Vec::new();
        if !walk.given(&shape, &mut given) {
            return None;
        }
        let carried: Vec<Carried> = given.iter().map(|&value| carried(value)).collect();
        let base = walk.at.base as usize;
        let mut slots = vec![None; walk.at.top as usize - base];
        let mut cells = FxHashMap::default();
        let mut arguments = Vec::new();
        let register = |position: usize| match carried[position] {
            Carried::Register => Some(position as u32),
            Carried::Same(_) => None,
        };
        let params = shape.singles();
        for (position, slot) in slots[..params].iter_mut().enumerate() {
            *slot = register(position);
        }
        if let Some(length) = shape.list {
            let mut list = walk.stack[base + params];
            for position in params..params + length {
                arguments.push(list.address());
                if let Some(register) = register(position) {
                    cells.insert(list.address(), register);
                }
                list = walk.heap.cdr(list);
            }
        }
        Some(Self {
            head,
            site: walk.at.site,
            shape,
            registers: given.len() as u32,
            carried,
            first_cell: walk.heap.len(),
            arguments,
            base,
            slots,
            cells,
            pairs: FxHashMap::default(),
            code: Vec::new(),
            operands: Vec::new(),
            constants: Vec::new(),
            staged: 0,
            own_work: 0,
            own_rounded: 0,
            own_applications: 0,
            forks: Vec::new(),
            arms: Vec::new(),
            unspent: 0,
            began: walk.took(),
            entries: walk.meter.entries,
            explained: walk.meter.explained(),
            collections: walk.hot.collections,
        })
    }

    pub(super) fn slot(&self, at: usize) -> Register {
        self.slots
            .get(at.checked_sub(self.base)?)
            .copied()
            .flatten()
    }

    pub(super) fn set(&mut self, at: usize, register: Register) {
        let at = at - self.base;
        if at >= self.slots.len() {
            self.slots.resize(at + 16, None);
        }
        self.slots[at] = register;
    }

    pub(super) fn set_cell(&mut self, address: u32, register: Register) {
        match register {
            Some(register) => self.cells.insert(address, register),
            None => self.cells.remove(&address),
        };
    }

    pub(super) fn cell(&self, address: u32) -> Register {
        self.cells.get(&address).copied()
    }

    /// Whether something was made by the iteration, or for it.
    pub(super) fn is_new(&self, value: Value, walk: &Walk<'_>) -> bool {
        if walk.points(value) {
            return value.address() as usize >= self.first_cell
                || self.arguments.contains(&value.address());
        }
        // A procedure without environment has a number, which says when it was made.
        let made = walk.made.wrapping_sub(self.began.made);
        value.is_function()
            && value
                .address()
                .wrapping_sub(self.began.made)
                .wrapping_sub(1)
                < made
    }

    pub(super) fn give(&mut self) -> u32 {
        self.registers += 1;
        self.registers - 1
    }

    pub(super) fn constant(&mut self, value: Value) -> Operand {
        let known = self.constants.iter().position(|&c| is_same(c, value));
        let at = known.unwrap_or_else(|| {
            self.constants.push(value);
            self.constants.len() - 1
        });
        !(at as u32).cast_signed()
    }

    /// Something as an operand; a list that the iteration has made is made by code, too.
    pub(super) fn operand(&mut self, seen: Seen, walk: &Walk<'_>) -> Option<Operand> {
        let mut pairs = Vec::new();
        let mut rest = seen;
        while rest.register.is_none()
            && rest.value.tag == Tag::Pair
            && self.is_new(rest.value, walk)
        {
            let address = rest.value.address();
            if let Some(&made) = self.pairs.get(&address) {
                rest.register = Some(made);
                break;
            }
            if pairs.len() == LISTED {
                return None;
            }
            pairs.push(address);
            rest = self.at_cell(address + 1, walk);
        }
        let mut tail = self.plain(rest, walk)?;
        // From the end of the list on.
        for address in pairs.into_iter().rev() {
            // Lists in lists are not looked into.
            let head = self.plain(self.at_cell(address, walk), walk)?;
            let dst = self.give();
            self.code.push(Op {
                what: What::Cons,
                a: head,
                b: tail,
                ..Op::copy(dst, 0)
            });
            self.pairs.insert(address, dst);
            tail = dst.cast_signed();
        }
        Some(tail)
    }

    /// Something as an operand, if that is not to be made first.
    fn plain(&mut self, seen: Seen, walk: &Walk<'_>) -> Option<Operand> {
        if let Some(register) = seen.register {
            return Some(register.cast_signed());
        }
        if !self.is_new(seen.value, walk) {
            return Some(self.constant(seen.value));
        }
        let made = self.pairs.get(&seen.value.address());
        made.filter(|_| seen.value.tag == Tag::Pair)
            .map(|&register| register.cast_signed())
    }

    pub(super) fn at_cell(&self, address: u32, walk: &Walk<'_>) -> Seen {
        Seen {
            value: walk.heap.get(address),
            register: self.cell(address),
        }
    }

    /// The values of a list, none of which is a register itself.
    pub(super) fn list(&self, list: Seen, walk: &Walk<'_>) -> Option<Few> {
        if list.register.is_some() {
            return None;
        }
        let (mut items, mut rest) = (Few::new(), list.value);
        while rest.tag == Tag::Pair {
            items.push(self.at_cell(rest.address(), walk));
            let next = self.at_cell(rest.address() + 1, walk);
            if next.register.is_some() || items.len() > WIDE {
                return None;
            }
            rest = next.value;
        }
        rest.is_nil().then_some(items)
    }

    /// What a primitive has come to: its register, or none where it is the same in every iteration.
    pub(super) fn primitive(
        &mut self,
        walk: &Walk<'_>,
        prim: Prim,
        arguments: &[Seen],
        site: u32,
        result: Value,
        before: Counts,
    ) -> Option<Register> {
        let now = walk.counts();
        let is_recorded = (now.operations, now.guards) != (before.operations, before.guards);
        let varies = arguments.iter().any(|seen| seen.register.is_some());
        // A vector is made anew in each iteration, whatever it is made of.
        let is_vector = prim.is_linalg() && walk.points(result);
        if !varies && !is_recorded && !is_vector {
            if let Some(register) = self.structure(walk, prim, arguments, result)? {
                return Some(register);
            }
            let has_new = arguments.iter().any(|seen| self.is_new(seen.value, walk));
            if !has_new {
                return (!is_told(prim)).then_some(None);
            }
        } else if varies && let Some(register) = self.structure(walk, prim, arguments, result)? {
            return Some(register);
        }
        if !is_operation(prim) || self.code.len() >= OPERATIONS || arguments.len() > WIDE {
            return None;
        }
        let mut operands: SmallVec<[Operand; 4]> = SmallVec::new();
        for &seen in arguments {
            operands.push(self.operand(seen, walk)?);
        }
        if !self.forks.is_empty() {
            // What is gone through in an arm counts where that is taken.
            (now.work == before.work).then_some(())?;
            self.unspent += u64::from(now.operations == before.operations);
        }
        self.own_work += now.work - before.work;
        self.own_rounded += now.rounded - before.rounded;
        let dst = self.give();
        let mut op = Op {
            prim,
            site,
            at: At {
                place: walk.recorder.place,
                ..before.at
            },
            ..Op::copy(dst, 0)
        };
        match *operands.as_slice() {
            [a] => (op.what, op.a) = (What::One, a),
            [a, b] => (op.what, op.a, op.b) = (What::two(prim), a, b),
            _ => {
                op.what = What::Many;
                op.a = (self.operands.len() as u32).cast_signed();
                op.count = operands.len() as u32;
                self.staged = self.staged.max(operands.len());
                self.operands.extend(operands);
            }
        }
        self.code.push(op);
        Some(Some(dst))
    }

    /// The same for what makes structure and takes it apart, where that is known; `Some(None)` where it is
    /// not such.
    #[allow(clippy::option_option, reason = "no register is an answer, too")]
    pub(super) fn structure(
        &mut self,
        walk: &Walk<'_>,
        prim: Prim,
        arguments: &[Seen],
        result: Value,
    ) -> Option<Option<Register>> {
        let known = |register: Register| Some(Some(register));
        match (prim, arguments) {
            (Prim::TestAt | Prim::Given, [_, value]) => known(value.register),
            (Prim::Cons | Prim::List, _) => {
                let mut items = arguments.iter();
                if prim == Prim::Cons {
                    let [head, tail] = arguments else { return None };
                    self.set_cell(result.address(), head.register);
                    self.set_cell(result.address() + 1, tail.register);
                    items = [].iter();
                }
                let mut list = result;
                for item in items {
                    self.set_cell(list.address(), item.register);
                    list = walk.heap.cdr(list);
                }
                known(None)
            }
            (Prim::Cell | Prim::EnterEmpty, _) => known(None),
            (Prim::EnterRest, [environment, list, count])
                if environment.register.is_none() && count.register.is_none() =>
            {
                let items = self.list(*list, walk)?;
                let fixed = count.value.number() as usize;
                self.enter_rest(walk, result, &items, fixed);
                known(None)
            }
            (Prim::CellFill, [cell, value]) if cell.register.is_none() => {
                self.fill(cell.value.address(), value.register)
            }
            (Prim::Fill, [environment, index, value])
                if environment.register.is_none() && index.register.is_none() =>
            {
                let rib = walk.heap.get(environment.value.address());
                self.fill(rib.address() + index.value.number() as u32, value.register)
            }
            (Prim::Check, [predicate, _, value]) if value.register.is_none() => {
                let is_list = predicate.value.bits == Value::prim(Prim::IsList).bits;
                if is_list && self.list(*value, walk).is_none() {
                    return Some(None);
                }
                known(None)
            }
            (Prim::IsEq | Prim::IsEqv, [a, b])
                if [a, b]
                    .iter()
                    .all(|of| of.register.is_none() && of.value.node.is_none()) =>
            {
                known(None)
            }
            (Prim::AtMost, [more, ..]) if self.list(*more, walk).is_some() => known(None),
            (Prim::CellRef, [cell, _]) if cell.register.is_none() => {
                known(self.cell(cell.value.address()))
            }
            (
                Prim::IsNull
                | Prim::IsPair
                | Prim::IsSymbol
                | Prim::IsProcedure
                | Prim::IsString
                | Prim::IsVector
                | Prim::IsNumber
                | Prim::IsBoolean
                | Prim::IsChar,
                [of],
            ) if of.register.is_none() => known(None),
            (_, [of]) if prim.is_accessor() && of.register.is_none() => {
                let name = prim.name().as_bytes();
                let mut seen = *of;
                for &letter in name[1..name.len() - 1].iter().rev() {
                    if seen.register.is_some() {
                        return None;
                    }
                    let address = seen.value.address() + u32::from(letter == b'd');
                    seen = self.at_cell(address, walk);
                }
                known(seen.register)
            }
            _ => Some(None),
        }
    }

    /// An environment has been made of arguments, of which all after some are a list.
    fn enter_rest(&mut self, walk: &Walk<'_>, environment: Value, items: &[Seen], fixed: usize) {
        let rib = walk.heap.get(environment.address());
        let mut rest = rib;
        for (nth, item) in items.iter().take(fixed).enumerate() {
            let address = match rib.tag {
                Tag::Rib => rib.address() + nth as u32,
                _ => rest.address(),
            };
            self.set_cell(address, item.register);
            if rib.tag != Tag::Rib {
                rest = walk.heap.cdr(rest);
            }
        }
        let mut list = match rib.tag {
            Tag::Rib => walk.heap.get(rib.address() + fixed as u32),
            _ => walk.heap.car(rest),
        };
        for item in items.iter().skip(fixed) {
            self.set_cell(list.address(), item.register);
            list = walk.heap.cdr(list);
        }
    }

    /// A cell is filled: one of the iteration's own.
    #[allow(clippy::option_option, reason = "no register is an answer, too")]
    pub(super) fn fill(&mut self, address: u32, register: Register) -> Option<Option<Register>> {
        if (address as usize) < self.first_cell {
            return None;
        }
        self.set_cell(address, register);
        Some(Some(None))
    }

    /// A fork has begun: its arm runs in a copy of the frame.
    pub(super) fn fork(&mut self, test: Seen, fork: &WalkFork, slot: Option<usize>) {
        let a = match test.register {
            Some(register) => register.cast_signed(),
            None => self.constant(test.value),
        };
        let which = self.arms.len();
        if self.forks.is_empty() {
            self.unspent = 0;
        }
        self.arms.push(Arms::default());
        self.forks.push(Fork {
            index: fork.index,
            which,
            place: fork.place,
            first: None,
            taken_then: !test.value.is_false(),
            slot,
        });
        self.code.push(Op {
            what: What::Fork,
            a,
            b: (which as u32).cast_signed(),
            count: u32::from(!test.value.is_false()),
            ..Op::copy(0, 0)
        });
        self.copy_frame(fork);
    }

    /// The first arm of the innermost fork has come to a value, and the second one begins.
    pub(super) fn end_first(
        &mut self,
        walk: &Walk<'_>,
        value: Seen,
        fork: &WalkFork,
    ) -> Option<()> {
        let a = self.plain(value, walk)?;
        let of = self.forks.last_mut()?;
        let first = fork.first?;
        if of.first.replace(first).is_some() {
            return None;
        }
        let which = of.which;
        self.arms[which].first = first.own;
        self.code.push(Op {
            what: What::Arm,
            a,
            b: (which as u32).cast_signed(),
            ..Op::copy(0, 0)
        });
        self.forget(fork.heap);
        self.copy_frame(fork);
        Some(())
    }

    /// The second arm of the innermost fork has come to a value, and they have been joined: the register of
    /// the fork's.
    pub(super) fn end_second(&mut self, walk: &Walk<'_>, value: Seen) -> Option<(Fork, u32)> {
        let a = self.plain(value, walk)?;
        let of = self.forks.pop()?;
        let first = of.first?;
        self.arms[of.which].second = match walk.forks.costs.get(of.index) {
            Some(cost) if of.taken_then => cost.otherwise,
            Some(cost) => cost.then,
            // It is not listed, since both cost the same.
            None => first.own,
        };
        if self.forks.is_empty() {
            self.own_applications += first.total.applications;
            self.own_work += first.total.work;
            if walk.forks.spent + self.unspent > FORK_BUDGET {
                return None;
            }
        }
        let dst = self.give();
        self.code.push(Op {
            what: What::Join,
            a,
            b: (of.which as u32).cast_signed(),
            at: At {
                place: of.place,
                ..At::default()
            },
            ..Op::copy(dst, 0)
        });
        Some((of, dst))
    }

    fn copy_frame(&mut self, fork: &WalkFork) {
        let (base, top) = (fork.at.base as usize, fork.at.top as usize);
        for at in base..top {
            let register = self.slot(at);
            self.set(at - base + top, register);
        }
    }

    /// Cells from one on are given back.
    fn forget(&mut self, cells: usize) {
        self.cells.retain(|&address, _| (address as usize) < cells);
        self.pairs.retain(|&address, _| (address as usize) < cells);
    }

    /// The way that the iteration has gone, if it ends as it began.
    pub(super) fn end(mut self, walk: &Walk<'_>) -> Option<Way> {
        if !self.forks.is_empty() {
            return None;
        }
        let mut ends = Vec::new();
        let base = walk.at.base as usize;
        let params = self.shape.singles();
        for at in base..base + params {
            ends.push(Seen {
                value: walk.stack[at],
                register: self.slot(at),
            });
        }
        if let Some(length) = self.shape.list {
            let list = Seen {
                value: walk.stack[base + params],
                register: self.slot(base + params),
            };
            let items = self.list(list, walk)?;
            if items.len() != length {
                return None;
            }
            ends.extend(items);
        }
        for (at, &captured) in (base + self.shape.params..).zip(&self.shape.captured) {
            if self.slot(at).is_some() || !is_same(captured, walk.stack[at]) {
                return None;
            }
        }
        let mut moves = Vec::new();
        for (position, end) in ends.into_iter().enumerate() {
            match self.carried[position] {
                Carried::Same(same) => {
                    if end.register.is_some() || !is_same(same, end.value) {
                        return None;
                    }
                }
                Carried::Register if end.register == Some(position as u32) => {}
                Carried::Register => {
                    let mut from = self.operand(end, walk)?;
                    if from >= 0 && (from as usize) < self.carried.len() {
                        // It may have been written to by then.
                        let dst = self.give();
                        self.code.push(Op::copy(dst, from));
                        from = dst.cast_signed();
                    }
                    moves.push((position as u32, from));
                }
            }
        }
        let now = walk.took();
        // What was entered in excess would weigh something, as of the last look at it.
        if walk.meter.entries > self.explained {
            return None;
        }
        let entered = walk.meter.entries - self.entries + u64::from(self.began.clock);
        let clock = u32::try_from(entered - u64::from(now.clock)).ok()?;
        let took = Took {
            nodes: now.nodes - self.began.nodes,
            applications: now.applications - self.began.applications - self.own_applications,
            work: now.work - self.began.work - self.own_work,
            clock,
            made: now.made.wrapping_sub(self.began.made),
            rounded: now.rounded - self.began.rounded - self.own_rounded,
        };
        Some(Way {
            site: self.site,
            shape: self.shape,
            carried: self.carried,
            code: self.code,
            operands: self.operands,
            constants: self.constants,
            forks: self.arms,
            registers: self.registers as usize,
            staged: self.staged,
            moves,
            took,
            end: End {
                site: walk.at.site,
                place: walk.place,
                noted: walk.recorder.place,
                applied_by_program: walk.applied_by_program,
            },
        })
    }
}

/// How a value carries on: procedures and what is no list stay what they are.
fn carried(value: Value) -> Carried {
    match value.tag {
        Tag::Closure | Tag::Env | Tag::Rib | Tag::Empty | Tag::Place => Carried::Same(value),
        _ => Carried::Register,
    }
}

/// Whether code may apply a primitive: it computes with what it is given, and does nothing else.
fn is_operation(prim: Prim) -> bool {
    (prim as u8) < Prim::Select as u8
        || prim.is_accessor()
        || prim.is_linalg()
        || matches!(
            prim,
            Prim::AtanAny
                | Prim::LogAny
                | Prim::Exact
                | Prim::Inexact
                | Prim::Length
                | Prim::Append
                | Prim::Reverse
                | Prim::ListRef
                | Prim::ListTail
                | Prim::Memq
                | Prim::Memv
                | Prim::Member
                | Prim::Assq
                | Prim::Assv
                | Prim::Assoc
                | Prim::CaseMatch
                | Prim::IsEq
                | Prim::IsEqv
                | Prim::IsEqual
                | Prim::IsNumber
                | Prim::IsBoolean
                | Prim::IsSymbol
                | Prim::IsPair
                | Prim::IsNull
                | Prim::IsList
                | Prim::IsProcedure
                | Prim::IsString
                | Prim::IsChar
                | Prim::IsVector
                | Prim::IsExact
                | Prim::IsInexact
                | Prim::Check
                | Prim::Whole
                | Prim::AtMost
        )
}

/// Whether a primitive does something that is told, drawn or found otherwise another time.
fn is_told(prim: Prim) -> bool {
    matches!(
        prim,
        Prim::Monitor
            | Prim::Drawn
            | Prim::SoftChoice
            | Prim::SoftIf
            | Prim::Pick
            | Prim::Variable
            | Prim::Slope
            | Prim::IsFilled
    )
}
