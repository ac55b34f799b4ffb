//! The loop of the walk: instructions, done one by one.
//!
//! Control stands at an instruction; it is done, and the next one, until the program has its value.
//!
//! **Invariants**
//! - An instruction is looked at once; what it is asked for most often is done here, the rest is called.
//! - Where a procedure is entered by a tail call, an iteration of a loop may begin: see [`hot`](super::hot).

use super::code::{Args, Instr, Operand};
use super::weights::MANY_CAPTURES;
use super::{ARGUMENT_WORK, ARM, Outcome, PRELUDE_WORK, Step, Stop, TAIL, WIDE, Walk};
use crate::prim::Prim;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};

impl Walk<'_> {
    #[inline]
    pub(super) fn operand(&self, operand: Operand) -> Value {
        if operand >= 0 {
            self.stack[(self.at.base + operand as u32) as usize]
        } else {
            self.constants[!operand as usize]
        }
    }

    #[inline]
    pub(super) fn set(&mut self, dst: u32, value: Value) {
        self.stack[(self.at.base + dst) as usize] = value;
    }

    /// Copies operands to the stage above the frame.
    #[inline]
    pub(super) fn stage(&mut self, args: Args) {
        let top = self.at.top as usize;
        self.forks.high = self.forks.high.max(self.at.top + args.count);
        if args.count as usize > WIDE {
            self.meter.work += u64::from(args.count) * ARGUMENT_WORK as u64;
        }
        for index in 0..args.count as usize {
            let operand = self.code.operands[args.start as usize + index];
            self.stack[top + index] = self.operand(operand);
        }
    }

    /// The site of the expression in the car of a pair; 0 if that is not the user's.
    #[inline]
    pub(super) fn site_of(&self, here: Value) -> u32 {
        if here.tag != Tag::Pair {
            return 0;
        }
        let offset = here.address().wrapping_sub(self.sites.base) as usize / 2;
        self.sites.table.get(offset).copied().unwrap_or(0)
    }

    pub(super) fn steps(&mut self) -> Outcome<Value> {
        loop {
            let instr = self.code.instrs[self.at.pc as usize];
            if let Some(value) = self.step(instr)? {
                return Ok(value);
            }
        }
    }

    /// The same, called.
    #[inline(never)]
    pub(super) fn step_once(&mut self, instr: Instr) -> Outcome<Option<Value>> {
        self.step(instr)
    }

    /// Does the instruction at the registers' place; gives the program's value where that comes to it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the walk's loop")]
    fn step(&mut self, instr: Instr) -> Outcome<Option<Value>> {
        self.at.pc += 1;
        self.meter.nodes += 1;
        match instr {
            Instr::Prim1 { prim, dst, a, site } => {
                let value = self.operand(a);
                self.tick(site)?;
                let value = match self.primitive1(prim, value, site) {
                    Ok(value) => value,
                    Err(stop) => self.again_with_room(stop, prim, &[a], site)?,
                };
                self.set(dst, value);
            }
            Instr::Prim2 {
                prim,
                dst,
                a,
                b,
                site,
            } => {
                let (left, right) = (self.operand(a), self.operand(b));
                self.tick(site)?;
                let value = match self.primitive2(prim, left, right, site) {
                    Ok(value) => value,
                    Err(stop) => self.again_with_room(stop, prim, &[a, b], site)?,
                };
                self.set(dst, value);
            }
            Instr::Prim {
                prim,
                dst,
                args,
                site,
            } => {
                self.stage(args);
                self.tick(site)?;
                let count = args.count as usize;
                let value = match self.primitive(prim, count, site) {
                    Ok(value) => value,
                    Err(stop) => {
                        let code = self.code;
                        let operands = args.start as usize..args.start as usize + count;
                        self.again_with_room(stop, prim, &code.operands[operands], site)?
                    }
                };
                self.set(dst, value);
            }
            Instr::EnvRef {
                dst,
                environment,
                here,
            } => {
                let value = self.env_ref(self.operand(environment), self.operand(here))?;
                self.set(dst, value);
            }
            Instr::Enter {
                dst,
                environment,
                list,
                count,
            } => {
                let [environment, list, count] =
                    [environment, list, count].map(|operand| self.operand(operand));
                let value = self.enter_rib(environment, list, count)?;
                self.set(dst, value);
            }
            Instr::ReturnEnvRef { environment, here } => {
                let value = self.env_ref(self.operand(environment), self.operand(here))?;
                if let Step::Done(value) = self.give(value)? {
                    return Ok(Some(value));
                }
            }
            Instr::Closure {
                dst,
                function,
                args,
            } => {
                // One that captures nothing has no environment: a number tells it from what
                // other evaluations of the same lambda made.
                let address = match args.count {
                    0 => {
                        self.made = self.made.wrapping_add(1);
                        self.made
                    }
                    _ => self.heap.len() as u32,
                };
                if args.count > MANY_CAPTURES {
                    self.meter.work += u64::from(args.count);
                }
                for index in args.start..args.start + args.count {
                    let value = self.operand(self.code.operands[index as usize]);
                    self.heap.push(value);
                }
                self.set(dst, Value::closure(function + FIRST_FUNCTION, address));
            }
            Instr::Call { dst, args, site } => {
                if let Step::Done(value) = self.call(args, dst, site)? {
                    return Ok(Some(value));
                }
            }
            Instr::TailCall { args, site } => {
                let f = self.operand(self.code.operands[args.start as usize]);
                let is_own = self.at.pc <= self.code.own;
                if let Step::Done(value) = self.call(args, TAIL, site)? {
                    return Ok(Some(value));
                }
                if !is_own && f.is_function() {
                    return self.entered(f.bits);
                }
            }
            Instr::CallKnown {
                dst,
                function,
                args,
                site,
            } => {
                self.tick(site)?;
                let closure = self.stage_operator(args);
                self.enter_known(function, closure, dst, site)?;
            }
            Instr::TailCallKnown {
                function,
                args,
                site,
            } => {
                self.tick(site)?;
                let closure = self.stage_operator(args);
                let is_own = self.at.pc <= self.code.own;
                self.enter_known(function, closure, TAIL, site)?;
                if !is_own {
                    let code = function + FIRST_FUNCTION;
                    return self.entered(Value::closure(code, closure.address()).bits);
                }
            }
            Instr::Again { args, pc, site } => {
                self.tick(site)?;
                self.stage(args);
                let (top, base) = (self.at.top as usize, self.at.base as usize);
                self.stack.copy_within(top..top + args.count as usize, base);
                if site != 0 {
                    self.at.site = site;
                } else if self.at.pc > self.code.own {
                    self.meter.work += PRELUDE_WORK;
                }
                let is_own = self.at.pc <= self.code.own;
                self.at.pc = pc;
                self.check_limits()?;
                if !is_own {
                    return self.entered(u64::from(pc));
                }
            }
            Instr::ApplyAt { dst, here, f, args } => {
                let (here, f, list) = (self.operand(here), self.operand(f), self.operand(args));
                let site = self.site_of(here);
                self.count_arguments(list, site)?;
                self.stack[self.at.top as usize] = list;
                if let Step::Done(value) = self.apply(f, 1, true, dst, site)? {
                    return Ok(Some(value));
                }
                if dst == TAIL && f.is_function() {
                    return self.entered(f.bits);
                }
            }
            Instr::ApplyListAt { dst, here, args } => {
                let site = self.site_of(self.operand(here));
                let f = self.stage_operator(args);
                if let Step::Done(value) =
                    self.apply(f, args.count as usize - 1, false, dst, site)?
                {
                    return Ok(Some(value));
                }
                if dst == TAIL && f.is_function() {
                    return self.entered(f.bits);
                }
            }
            Instr::If {
                test,
                otherwise,
                join,
                dst,
                site,
            } => {
                let test = self.operand(test);
                if test.tag == Tag::Bool && test.node.is_some() {
                    self.branch(test, otherwise, join, dst, site)?;
                } else if test.is_false() {
                    self.at.pc = otherwise;
                }
            }
            Instr::IfNull { a, otherwise } => {
                if !self.operand(a).is_nil() {
                    self.at.pc = otherwise;
                }
            }
            Instr::IfPair { a, otherwise } => {
                if self.operand(a).tag != Tag::Pair {
                    self.at.pc = otherwise;
                }
            }
            Instr::IfEq { a, b, otherwise } => {
                let (a, b) = (self.operand(a), self.operand(b));
                // Most often two symbols, of which nothing is recorded.
                let same = if a.tag == Tag::Symbol {
                    b.tag == Tag::Symbol && a.bits == b.bits
                } else {
                    let same = self.identical(a, b)?;
                    self.guard(same)?;
                    !same.is_false()
                };
                if !same {
                    self.at.pc = otherwise;
                }
            }
            Instr::Join { src, dst, join } => {
                let value = self.operand(src);
                if let Some(fork) = self.forks.open.last()
                    && fork.join == join
                    && fork.depth + 1 == self.frames.len()
                {
                    if let Step::Done(value) = self.end_arm(value)? {
                        return Ok(Some(value));
                    }
                } else {
                    self.set(dst, value);
                    self.at.pc = join;
                }
            }
            Instr::Return { a } => {
                let value = self.operand(a);
                if let Step::Done(value) = self.give(value)? {
                    return Ok(Some(value));
                }
            }
        }
        Ok(None)
    }

    /// A primitive that stopped: once more, if that was for want of room and a collection makes some.
    #[cold]
    fn again_with_room(
        &mut self,
        stop: Stop,
        prim: Prim,
        operands: &[Operand],
        site: u32,
    ) -> Outcome<Value> {
        if !self.found_room(0) {
            return Err(stop);
        }
        let top = self.at.top as usize;
        for (index, &operand) in operands.iter().enumerate() {
            self.stack[top + index] = self.operand(operand);
        }
        self.primitive_of(prim, operands.len(), site)
    }

    /// Any primitive but control on staged arguments, by the shortest way.
    pub(super) fn primitive_of(&mut self, prim: Prim, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        match count {
            1 => self.primitive1(prim, self.stack[top], site),
            2 => self.primitive2(prim, self.stack[top], self.stack[top + 1], site),
            _ => self.primitive(prim, count, site),
        }
    }

    /// Gives a value to whoever waits for the running procedure; returns the program's own.
    #[inline]
    pub(super) fn give(&mut self, value: Value) -> Outcome<Step> {
        let Some(&frame) = self.frames.last() else {
            unreachable!("the first frame is popped last");
        };
        if frame.dst == ARM {
            return self.end_arm(value);
        }
        if self.frames.len() == 1 {
            return Ok(Step::Done(value));
        }
        self.frames.pop();
        self.at.top = self.at.base;
        self.at.base = frame.base;
        self.at.pc = frame.pc;
        self.at.site = frame.site;
        self.set(frame.dst, value);
        Ok(Step::Next)
    }
}
