//! An iteration recorded while it is walked: which of what it does depends on what it is given.
//!
//! The walk stands where the iteration begins. Beside it, each slot of the stack and each cell of the heap
//! that the iteration writes has a register, if it holds what may differ from iteration to iteration, or
//! none, if it holds the same in each. What is done with the latter is done with; what is done with the
//! former is an operation.
//!
//! **Invariants**
//! - The walk does what it does without being recorded.
//! - A step that is not understood, or that collects the heap, ends the recording; the walk
//!   goes on.

use super::code::{At, Op, Took, Way, What};
use super::recording::{ARGUMENTS, Counts, Few, Fork, OPERATIONS, Recording, Register, Seen};
use super::{Head, Shape, is_same};
use crate::prim::Prim;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};
use crate::walk::code::{Args, Entry, Instr};
use crate::walk::fork::Fork as WalkFork;
use crate::walk::layout::SITE_COUNTS;
use crate::walk::{ARM, Outcome, TAIL, WIDE, Walk};
use smallvec::smallvec;

/// How many instructions of the walk an iteration may have.
const INSTRUCTIONS: usize = 1 << 15;

/// What a recording has come to.
pub(super) enum Recorded {
    /// The way that the iteration has gone.
    Way(Box<Way>),
    /// The procedure has given a value: that is no iteration.
    Left(Option<Value>),
    /// Nothing that code can be made of.
    Nothing,
    /// The heap was collected meanwhile.
    Interrupted,
}

/// Of an instruction, what is to be told of its value once it is done.
enum Then {
    /// Nothing.
    Nothing,
    /// A primitive has been applied; its value is in a slot.
    Primitive(Prim, Few, u32, u32),
    /// A slot holds what was somewhere before.
    Slot(u32, Register),
    /// An arm of a fork has come to something.
    Arm(Seen),
    /// A procedure was entered with arguments.
    Entered(Value, Few),
    /// An environment was made of a list; it is in a slot.
    Rib(Few, u32),
    /// A closure was made; it is in a slot.
    Closure(Few, u32),
    /// Something has been tested.
    Test(Op, Seen),
}

/// Whether an instruction may give the running procedure's value.
fn leaves(instr: Instr) -> bool {
    match instr {
        Instr::Return { .. } | Instr::ReturnEnvRef { .. } | Instr::TailCall { .. } => true,
        Instr::ApplyAt { dst, .. } | Instr::ApplyListAt { dst, .. } => dst == TAIL,
        _ => false,
    }
}

impl Walk<'_> {
    /// What the procedure that was just entered takes.
    pub(super) fn shape(&self, head: Head) -> Option<Shape> {
        let is_known = head.what >> 32 != 0;
        let entry = if is_known {
            let code = (head.what >> 32) as u32;
            self.code.entries[(code - FIRST_FUNCTION) as usize]
        } else {
            let pc = head.what as u32;
            *self.code.entries.iter().find(|entry| entry.pc == pc)?
        };
        let base = self.at.base as usize;
        let params = entry.params() as usize;
        let captured = if is_known {
            Vec::new()
        } else {
            let from = base + params;
            self.stack[from..from + entry.captures as usize].to_vec()
        };
        let list = if entry.rest {
            let list = self.stack[base + params - 1];
            let length = self.heap.list_length(list)?;
            Some(length).filter(|&length| length <= ARGUMENTS)?.into()
        } else {
            None
        };
        Some(Shape {
            params,
            list,
            captured,
        })
    }

    pub(super) fn took(&self) -> Took {
        Took {
            nodes: self.meter.nodes,
            applications: self.meter.applications,
            work: self.meter.work,
            clock: self.meter.clock,
            made: self.made,
            rounded: self.meter.rounded,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            operations: self.recorder.operations(),
            guards: self.recorder.guards(),
            work: self.meter.work,
            rounded: self.meter.rounded,
            at: At {
                pc: self.at.pc + 1,
                site: self.at.site,
                place: 0,
            },
        }
    }

    /// Whether a value is an address of a cell that may move.
    pub(super) fn points(&self, value: Value) -> bool {
        match value.tag {
            Tag::Pair | Tag::Opaque | Tag::Env | Tag::Vector | Tag::String | Tag::Rib => true,
            Tag::Closure if value.code() >= FIRST_FUNCTION => {
                self.code.entries[(value.code() - FIRST_FUNCTION) as usize].captures > 0
            }
            _ => false,
        }
    }

    /// Walks to the end of the iteration, or until nothing can be made of it.
    pub(super) fn walk_recorded(&mut self, mut recording: Recording) -> Outcome<Recorded> {
        for _ in 0..INSTRUCTIONS {
            let instr = self.code.instrs[self.at.pc as usize];
            let Some(then) = self.before(&recording, instr) else {
                let leaves = self.frames.len() <= recording.head.depth && leaves(instr);
                return Ok(if leaves {
                    Recorded::Left(None)
                } else {
                    Recorded::Nothing
                });
            };
            let again = self.is_again(instr, &then, recording.head);
            let before = self.counts();
            if let Some(value) = self.step_once(instr)? {
                return Ok(Recorded::Left(Some(value)));
            }
            if recording.collections != self.hot.collections {
                return Ok(Recorded::Interrupted);
            }
            if self.after(&mut recording, then, before).is_none() {
                return Ok(Recorded::Nothing);
            }
            if again {
                return Ok(match recording.end(self) {
                    Some(way) => Recorded::Way(Box::new(way)),
                    None => Recorded::Nothing,
                });
            }
        }
        Ok(Recorded::Nothing)
    }

    /// Whether an instruction brings the walk back to where iterations begin.
    fn is_again(&self, instr: Instr, then: &Then, head: Head) -> bool {
        let is_tail = match instr {
            Instr::TailCall { .. } | Instr::TailCallKnown { .. } => true,
            Instr::ApplyAt { dst, .. } | Instr::ApplyListAt { dst, .. } => dst == TAIL,
            Instr::Again { pc, .. } => {
                return u64::from(pc) == head.what && self.frames.len() == head.depth;
            }
            _ => false,
        };
        let Then::Entered(f, _) = then else {
            return false;
        };
        is_tail && f.bits == head.what && self.frames.len() == head.depth
    }

    fn seen(&self, recording: &Recording, operand: i32) -> Seen {
        let register = if operand >= 0 {
            recording.slot(self.at.base as usize + operand as usize)
        } else {
            None
        };
        Seen {
            value: self.operand(operand),
            register,
        }
    }

    fn seen_all(&self, recording: &Recording, args: Args) -> Few {
        let range = args.start as usize..(args.start + args.count) as usize;
        let operands = self.code.operands[range].iter();
        operands
            .map(|&operand| self.seen(recording, operand))
            .collect()
    }

    /// What an instruction is about to do; none where that is not for code.
    fn before(&self, recording: &Recording, instr: Instr) -> Option<Then> {
        let base = self.at.base as usize;
        let at = |dst: u32| (base + dst as usize) as u32;
        let seen = |operand| self.seen(recording, operand);
        Some(match instr {
            Instr::Prim1 { prim, dst, a, site } => {
                Then::Primitive(prim, smallvec![seen(a)], at(dst), site)
            }
            Instr::Prim2 {
                prim,
                dst,
                a,
                b,
                site,
            } => Then::Primitive(prim, smallvec![seen(a), seen(b)], at(dst), site),
            Instr::Prim {
                prim,
                dst,
                args,
                site,
            } => Then::Primitive(prim, self.seen_all(recording, args), at(dst), site),
            Instr::EnvRef {
                dst,
                environment,
                here,
            } => Then::Slot(at(dst), self.variable_seen(recording, environment, here)?),
            Instr::ReturnEnvRef { environment, here } => {
                let register = self.variable_seen(recording, environment, here)?;
                match self.waiting(recording)? {
                    ARM => {
                        let (environment, here) = (self.operand(environment), self.operand(here));
                        let value = self.env_ref(environment, here).ok()?;
                        Then::Arm(Seen { value, register })
                    }
                    slot => Then::Slot(slot, register),
                }
            }
            Instr::Enter {
                dst,
                environment,
                list,
                count,
            } => {
                let are_known = [environment, count]
                    .into_iter()
                    .all(|operand| seen(operand).register.is_none());
                are_known.then_some(())?;
                Then::Rib(recording.list(seen(list), self)?, at(dst))
            }
            Instr::Closure { dst, args, .. } => {
                Then::Closure(self.seen_all(recording, args), at(dst))
            }
            Instr::Call { dst, args, site } => self.applied(recording, args, dst, site)?,
            Instr::TailCall { args, site } => self.applied(recording, args, TAIL, site)?,
            Instr::ApplyListAt { dst, here, args } => {
                seen(here).register.is_none().then_some(())?;
                let site = self.site_of(self.operand(here));
                self.applied(recording, args, dst, site)?
            }
            Instr::ApplyAt { dst, here, f, args } => {
                seen(here).register.is_none().then_some(())?;
                let site = self.site_of(self.operand(here));
                let items = recording.list(seen(args), self)?;
                let f = seen(f);
                let entry = self.entry_of(f.value);
                let shares = entry.is_some_and(|e| e.rest && e.shares && e.required == 0);
                if shares && f.register.is_none() {
                    // The list itself is the parameter.
                    return Some(Then::Entered(f.value, smallvec![seen(args)]));
                }
                self.applied_to(recording, f, items, dst, site)?
            }
            Instr::CallKnown { args, .. } | Instr::TailCallKnown { args, .. } => {
                let mut all = self.seen_all(recording, args);
                let f = all.remove(0);
                f.register.is_none().then_some(())?;
                // A function that captures nothing has no closure.
                let (Instr::CallKnown { function, .. } | Instr::TailCallKnown { function, .. }) =
                    instr
                else {
                    return None;
                };
                let code = function + FIRST_FUNCTION;
                Then::Entered(Value::closure(code, f.value.address()), all)
            }
            Instr::Again { args, pc, .. } => {
                let all = self.seen_all(recording, args);
                let function = self.code.entries.iter().position(|entry| entry.pc == pc)?;
                // What it has captured stays where it is.
                Then::Entered(
                    Value::closure(function as u32 + FIRST_FUNCTION, u32::MAX),
                    all,
                )
            }
            Instr::If { test, site, .. } => {
                let test = seen(test);
                if test.register.is_none() && test.value.node.is_none() {
                    return Some(Then::Nothing);
                }
                let place = match site {
                    0 => self.place,
                    site => site,
                } & !SITE_COUNTS;
                let place = match place {
                    0 => self.at.site & !SITE_COUNTS,
                    place => place,
                };
                let what = if test.value.is_false() {
                    What::IsFalse
                } else {
                    What::IsTrue
                };
                let is_guarded = test.value.tag == Tag::Bool && test.value.node.is_some();
                let mut op = Op::test(what, u32::from(is_guarded));
                op.at.place = place;
                Then::Test(op, test)
            }
            Instr::IfNull { a, .. } | Instr::IfPair { a, .. } => {
                let of = seen(a);
                if of.register.is_none() {
                    return Some(Then::Nothing);
                }
                let is_pair = of.value.tag == Tag::Pair;
                let what = match (instr, is_pair, of.value.is_nil()) {
                    (Instr::IfPair { .. }, true, _) => What::IsPair,
                    (Instr::IfPair { .. }, false, _) => What::IsNoPair,
                    (_, _, true) => What::IsNull,
                    (_, _, false) => What::IsNotNull,
                };
                Then::Test(Op::test(what, 0), of)
            }
            Instr::IfEq { a, b, .. } => {
                let constant = |seen: Seen| seen.register.is_none() && seen.value.node.is_none();
                (constant(seen(a)) && constant(seen(b))).then_some(())?;
                Then::Nothing
            }
            Instr::Join { src, dst, join } => {
                let ends =
                    self.forks.open.last().is_some_and(|fork| {
                        fork.join == join && fork.depth + 1 == self.frames.len()
                    });
                if ends {
                    Then::Arm(seen(src))
                } else {
                    Then::Slot(at(dst), seen(src).register)
                }
            }
            Instr::Return { a } => match self.waiting(recording)? {
                ARM => Then::Arm(seen(a)),
                slot => Then::Slot(slot, seen(a).register),
            },
        })
    }

    /// The slot that waits for the value of the running procedure, if that was called by the iteration;
    /// [`ARM`] where an arm of a fork does.
    fn waiting(&self, recording: &Recording) -> Option<u32> {
        if self.frames.len() <= recording.head.depth {
            return None;
        }
        let frame = self.frames.last()?;
        Some(match frame.dst {
            ARM => ARM,
            dst => frame.base + dst,
        })
    }

    fn variable_seen(
        &self,
        recording: &Recording,
        environment: i32,
        here: i32,
    ) -> Option<Register> {
        let (environment, here) = (
            self.seen(recording, environment),
            self.seen(recording, here),
        );
        if environment.register.is_some()
            || here.register.is_some()
            || here.value.tag != Tag::Pair
            || environment.value.tag != Tag::Env
        {
            return None;
        }
        let place = self.heap.car(here.value);
        let cell = self.cell_of_variable(environment.value, place)?;
        Some(recording.cell(cell))
    }

    fn entry_of(&self, f: Value) -> Option<Entry> {
        (f.tag == Tag::Closure && f.code() >= FIRST_FUNCTION)
            .then(|| self.code.entries[(f.code() - FIRST_FUNCTION) as usize])
    }

    fn applied(&self, recording: &Recording, args: Args, dst: u32, site: u32) -> Option<Then> {
        let mut all = self.seen_all(recording, args);
        let f = all.remove(0);
        self.applied_to(recording, f, all, dst, site)
    }

    fn applied_to(
        &self,
        recording: &Recording,
        f: Seen,
        arguments: Few,
        dst: u32,
        site: u32,
    ) -> Option<Then> {
        if f.register.is_some() || f.value.tag != Tag::Closure {
            return None;
        }
        if f.value.code() >= FIRST_FUNCTION {
            return Some(Then::Entered(f.value, arguments));
        }
        let prim = Prim::ALL[f.value.code() as usize];
        if matches!(prim, Prim::Apply | Prim::ApplyAt) || arguments.len() > WIDE {
            return None;
        }
        let slot = match dst {
            TAIL => self.waiting(recording)?,
            dst => self.at.base + dst,
        };
        Some(Then::Primitive(prim, arguments, slot, site))
    }

    /// Tells the recording what an instruction has done; none where that is not for code.
    fn after(&self, recording: &mut Recording, then: Then, before: Counts) -> Option<()> {
        let now = self.counts();
        let is_recorded = (now.operations, now.guards) != (before.operations, before.guards);
        if self.forks.open.len() > recording.forks.len() {
            let (Then::Test(_, test), Some(fork)) = (then, self.forks.open.last()) else {
                return None;
            };
            if recording.code.len() >= OPERATIONS {
                return None;
            }
            let slot = match fork.join {
                TAIL => self.waits_at(fork.depth, recording)?,
                _ => Some((fork.at.base + fork.dst) as usize),
            };
            recording.fork(test, fork, slot);
            return Some(());
        }
        match then {
            Then::Arm(value) => return self.arm_ended(recording, value),
            Then::Primitive(prim, arguments, ARM, site) => {
                // Numbers are counted by nothing but the cost of the arm, which has been settled.
                let are_numbers = arguments.iter().all(|of| of.value.is_number());
                (are_numbers && (prim as u8) < Prim::Select as u8).then_some(())?;
                let before = Counts {
                    work: now.work,
                    ..before
                };
                let value = Value::NIL;
                let register = recording.primitive(self, prim, &arguments, site, value, before)?;
                register?;
                return self.arm_ended(recording, Seen { value, register });
            }
            _ if self.forks.open.len() != recording.forks.len() => return None,
            Then::Primitive(prim, arguments, slot, site) => {
                let result = self.stack[slot as usize];
                let register = recording.primitive(self, prim, &arguments, site, result, before)?;
                recording.set(slot as usize, register);
                return Some(());
            }
            Then::Test(mut op, of) => {
                if recording.code.len() >= OPERATIONS {
                    return None;
                }
                op.a = match of.register {
                    Some(register) => register.cast_signed(),
                    None => recording.constant(of.value),
                };
                let guards = usize::from(op.count > 0);
                if (now.operations, now.guards) != (before.operations, before.guards + guards) {
                    return None;
                }
                recording.code.push(op);
                return Some(());
            }
            Then::Nothing => {}
            Then::Slot(slot, register) => recording.set(slot as usize, register),
            Then::Entered(f, arguments) => self.set_frame(recording, f, &arguments)?,
            Then::Rib(items, slot) => {
                let environment = self.stack[slot as usize];
                let rib = self.heap.get(environment.address());
                if rib.tag == Tag::Rib {
                    for (at, item) in (rib.address()..).zip(&items) {
                        recording.set_cell(at, item.register);
                    }
                }
                recording.set(slot as usize, None);
            }
            Then::Closure(captured, slot) => {
                let closure = self.stack[slot as usize];
                for (at, of) in (closure.address()..).zip(&captured) {
                    recording.set_cell(at, of.register);
                }
                recording.set(slot as usize, None);
            }
        }
        (!is_recorded).then_some(())
    }

    /// The slot that waits where so many procedures are under way; none inside where an arm does.
    #[allow(clippy::option_option, reason = "an arm is an answer, too")]
    fn waits_at(&self, depth: usize, recording: &Recording) -> Option<Option<usize>> {
        if depth <= recording.head.depth {
            return None;
        }
        let frame = self.frames.get(depth.checked_sub(1)?)?;
        Some((frame.dst != ARM).then_some((frame.base.wrapping_add(frame.dst)) as usize))
    }

    /// Arms have ended, each with the value of the one in it.
    fn arm_ended(&self, recording: &mut Recording, mut value: Seen) -> Option<()> {
        while recording.forks.len() > self.forks.open.len() {
            let (fork, register) = recording.end_second(self, value)?;
            value = Seen {
                value: Value::NIL,
                register: Some(register),
            };
            if recording.forks.len() > self.forks.open.len() {
                continue;
            }
            let begins = |of: &Fork| of.first.is_none();
            let has_first = |of: &WalkFork| of.first.is_some();
            if recording.forks.last().is_some_and(begins)
                && self.forks.open.last().is_some_and(has_first)
            {
                break;
            }
            recording.set(fork.slot?, Some(register));
            return Some(());
        }
        recording.end_first(self, value, self.forks.open.last()?)
    }

    /// The registers of the frame of a procedure that has been entered.
    fn set_frame(&self, recording: &mut Recording, f: Value, arguments: &[Seen]) -> Option<()> {
        let entry = self.entry_of(f)?;
        let base = self.at.base as usize;
        let (params, required) = (entry.params() as usize, entry.required as usize);
        let stays = f.address() == u32::MAX;
        if entry.rest {
            let list = self.stack[base + required];
            let is_itself = match arguments {
                [.., last] => arguments.len() == required + 1 && is_same(last.value, list),
                [] => false,
            };
            if is_itself {
                // Made for the application, and shared.
                recording.set(base + required, arguments[required].register);
            } else {
                let mut rest = list;
                for item in arguments.get(required..)? {
                    recording.set_cell(rest.address(), item.register);
                    rest = self.heap.cdr(rest);
                }
                recording.set(base + required, None);
            }
        }
        for (nth, argument) in arguments.iter().take(required).enumerate() {
            recording.set(base + nth, argument.register);
        }
        if stays {
            return Some(());
        }
        for nth in 0..entry.captures {
            let register = recording.cell(f.address() + nth);
            recording.set(base + params + nth as usize, register);
        }
        for at in base + params + entry.captures as usize..self.at.top as usize {
            recording.set(at, None);
        }
        Some(())
    }
}
