//! Calls: how procedures are applied, entered and metered.
//!
//! A procedure and staged arguments go in; a frame is made, or a primitive's value given.
//!
//! **Invariants**
//! - Arguments are staged above the frame; a frame begins where they stand, so nothing is copied
//!   but in tail calls.
//! - `apply` and `%apply-at` use no stack, also as values.
//! - Heap, depth and deadline are checked wherever a procedure is entered or restarted.

use super::code::{Args, Entry};
use super::layout::SITE_COUNTS;
use super::structure::MADE;
use super::{ARGUMENT_WORK, ELEMENTS, Failure, Frame, Outcome, Step, Stop, TAIL, WIDE, Walk};
use crate::error::Kind;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};
use crate::prim::{Prim, arity_in_words};

/// Procedures entered between two looks at the clock.
pub(super) const CLOCK_INTERVAL: u32 = 4096;

/// Elements gone through between two looks at the clock.
const CLOCK_ELEMENTS: usize = 1 << 18;

/// How many procedures are entered for an application at the most, unless it weighs more. In nested mode
/// each of those is entered by another evaluator, by so many procedures again.
pub(super) const ENTRIES: u64 = 32;

impl Walk<'_> {
    #[inline]
    pub(super) fn tick(&mut self, site: u32) -> Outcome<()> {
        if site & SITE_COUNTS != 0 {
            self.recorder.place = site & !SITE_COUNTS;
            self.meter.applications += 1;
            if !self.forks.open.is_empty() {
                return self.spend(1);
            }
            if self.meter.fuel() > self.meter.limits.fuel {
                return self.out_of_fuel();
            }
        }
        Ok(())
    }

    /// Applies the first of some operands to the others; gives the value of the program.
    #[inline]
    pub(super) fn call(&mut self, args: Args, dst: u32, site: u32) -> Outcome<Step> {
        let f = self.stage_operator(args);
        let count = args.count - 1;
        if f.tag == Tag::Closure && f.code() >= FIRST_FUNCTION {
            let entry = self.code.entries[(f.code() - FIRST_FUNCTION) as usize];
            if entry.required == count && !entry.rest {
                self.tick(site)?;
                return self.enter_frame(entry, f, dst, site).map(|()| Step::Next);
            }
        }
        self.apply(f, count as usize, false, dst, site)
    }

    #[inline]
    pub(super) fn stage_operator(&mut self, args: Args) -> Value {
        let f = self.operand(self.code.operands[args.start as usize]);
        self.stage(Args {
            start: args.start + 1,
            count: args.count - 1,
        });
        f
    }

    /// Applies a value to `count` staged arguments; with `packed`, the last of them is a list of
    /// further ones. The value of a primitive goes to `dst`.
    pub(super) fn apply(
        &mut self,
        mut f: Value,
        mut count: usize,
        mut packed: bool,
        dst: u32,
        mut site: u32,
    ) -> Outcome<Step> {
        let mut between = false;
        loop {
            self.tick(site)?;
            if f.tag != Tag::Closure {
                let message = format!("{} cannot be applied; only procedures can", f.kind());
                return self.fail(Kind::NotAFunction, site, message);
            }
            if f.code() >= FIRST_FUNCTION {
                self.applied_by_program = site != 0 && !between;
                return self.enter(f, count, packed, dst, site).map(|()| Step::Next);
            }
            if packed {
                count = self.spread(count, site)?;
            }
            let prim = Prim::ALL[f.code() as usize];
            if !prim.spec().accepts(count) {
                return self.wrong_count(&format!("`{prim}`"), &prim.spec().arity(), count, site);
            }
            let top = self.at.top as usize;
            match prim {
                Prim::Apply => {
                    f = self.stack[top];
                    self.stack.copy_within(top + 1..top + count, top);
                    count -= 1;
                    packed = true;
                    between = true;
                    let list = self.stack[top + count - 1];
                    let Some(length) = self.heap.list_length(list) else {
                        let message =
                            format!("`apply` wants a list last, got {}", self.no_list(list));
                        return self.fail(Kind::Type, site, message);
                    };
                    self.account(MADE * length, site)?;
                    self.pass()?;
                }
                Prim::ApplyAt => {
                    let here = self.site_of(self.stack[top]);
                    f = self.stack[top + 1];
                    self.stack[top] = self.stack[top + 2];
                    count = 1;
                    packed = true;
                    self.count_arguments(self.stack[top], here)?;
                    self.pass()?;
                    // Not the user's: whoever applies it inherits the place, and pays nothing.
                    site = here;
                }
                _ => {
                    let value = match count {
                        1 => self.primitive1(prim, self.stack[top], site),
                        2 => self.primitive2(prim, self.stack[top], self.stack[top + 1], site),
                        _ => self.primitive(prim, count, site),
                    };
                    let value = match value {
                        Ok(value) => value,
                        Err(_) if self.found_room(count) => self.primitive_of(prim, count, site)?,
                        Err(stop) => return Err(stop),
                    };
                    if dst == TAIL {
                        return self.give(value);
                    }
                    self.set(dst, value);
                    return Ok(Step::Next);
                }
            }
        }
    }

    pub(super) fn wrong_count<T>(
        &self,
        name: &str,
        takes: &str,
        count: usize,
        site: u32,
    ) -> Outcome<T> {
        self.fail(
            Kind::Arity,
            site,
            format!("{name} takes {takes}, got {count}"),
        )
    }

    /// Unpacks the list that is the last of `count` staged arguments; returns how many there are.
    pub(super) fn spread(&mut self, count: usize, site: u32) -> Outcome<usize> {
        let mut at = self.at.top as usize + count - 1;
        let mut list = self.stack[at];
        while list.tag == Tag::Pair {
            if at + 8 >= self.stack.len() {
                self.grow_stack(at + 8)?;
            }
            self.stack[at] = self.heap.car(list);
            list = self.heap.cdr(list);
            at += 1;
        }
        if !list.is_nil() {
            let message = format!("arguments must be a list, got {}", list.kind());
            return self.fail(Kind::Type, site, message);
        }
        self.forks.high = self.forks.high.max(at as u32);
        Ok(at - self.at.top as usize)
    }

    /// Enters a closure with staged arguments.
    pub(super) fn enter(
        &mut self,
        f: Value,
        mut count: usize,
        packed: bool,
        dst: u32,
        site: u32,
    ) -> Outcome<()> {
        let index = (f.code() - FIRST_FUNCTION) as usize;
        let entry = self.code.entries[index];
        let required = entry.required as usize;
        let ready = packed && entry.rest && entry.shares && count == required + 1;
        if !ready {
            if packed {
                count = self.spread(count, site)?;
            }
            if count < required || (!entry.rest && count > required) {
                if dst == TAIL && site != 0 {
                    // The call has been made: what it replaces is not under way any more.
                    self.at.site = site;
                }
                let max = (!entry.rest).then_some(entry.required);
                let takes = arity_in_words(entry.required, max);
                return self.wrong_count(&self.called(site), &takes, count, site);
            }
            if entry.rest {
                let top = self.at.top as usize;
                self.room(2 * (count - required))?;
                let mut list = Value::NIL;
                for at in (top + required..top + count).rev() {
                    list = self.heap.cons(self.stack[at], list);
                }
                self.stack[top + required] = list;
            }
        }
        self.enter_frame(entry, f, dst, site)
    }

    #[inline]
    pub(super) fn enter_known(
        &mut self,
        function: u32,
        f: Value,
        dst: u32,
        site: u32,
    ) -> Outcome<()> {
        let entry = self.code.entries[function as usize];
        self.enter_frame(entry, f, dst, site)
    }

    /// Makes the frame of a procedure whose parameters are staged.
    #[inline]
    pub(super) fn enter_frame(
        &mut self,
        entry: Entry,
        f: Value,
        dst: u32,
        site: u32,
    ) -> Outcome<()> {
        let params = entry.params();
        if dst == TAIL {
            let top = self.at.top as usize;
            let base = self.at.base as usize;
            // A call of `memmove` costs more than what there mostly is to move.
            match params {
                1 => self.stack[base] = self.stack[top],
                2 => {
                    [self.stack[base], self.stack[base + 1]] =
                        [self.stack[top], self.stack[top + 1]];
                }
                _ => self.stack.copy_within(top..top + params as usize, base),
            }
        } else {
            self.frames.push(Frame {
                pc: self.at.pc,
                base: self.at.base,
                dst,
                site: self.at.site,
            });
            self.at.base = self.at.top;
            self.meter.deepest = self.meter.deepest.max(self.frames.len());
            self.meter.reach = self.meter.reach.max(self.frames.len());
        }
        if site != 0 {
            self.at.site = site;
        }
        self.at.top = self.at.base + entry.slots;
        self.reserve_stack()?;
        if entry.captures > 0 {
            let to = (self.at.base + params) as usize;
            let captured = self.heap.slice(f.address(), entry.captures);
            let to = &mut self.stack[to..to + captured.len()];
            match (to, captured) {
                ([to], &[a]) => *to = a,
                ([to, next], &[a, b]) => (*to, *next) = (a, b),
                ([to, next, last], &[a, b, c]) => (*to, *next, *last) = (a, b, c),
                (to, captured) => to.copy_from_slice(captured),
            }
        }
        self.forks.high = self.forks.high.max(self.at.top);
        self.at.pc = entry.pc;
        self.meter.work += u64::from(entry.work);
        self.check_limits()
    }

    /// The one check of heap, depth and deadline, where procedures are entered.
    #[inline]
    pub(super) fn check_limits(&mut self) -> Outcome<()> {
        self.meter.clock -= 1;
        if self.meter.clock == 0
            || self.heap.len() >= self.meter.collect_at
            || self.frames.len() > self.meter.frames
        {
            self.check_limits_closely()
        } else {
            Ok(())
        }
    }

    /// Counts a procedure that is applied without being entered.
    fn pass(&mut self) -> Outcome<()> {
        self.meter.clock -= 1;
        if self.meter.clock > 0 {
            return Ok(());
        }
        self.look_at_clock()
    }

    fn look_at_clock(&mut self) -> Outcome<()> {
        if self.meter.pauses {
            return Self::out_of_time();
        }
        self.meter.clock = CLOCK_INTERVAL;
        self.meter.entries += u64::from(CLOCK_INTERVAL);
        self.need_time()?;
        if !self.forks.open.is_empty() {
            return Ok(());
        }
        self.count_entries();
        self.need_fuel()
    }

    #[cold]
    pub(super) fn check_limits_closely(&mut self) -> Outcome<()> {
        if self.meter.clock == 0 {
            self.look_at_clock()?;
        }
        self.make_room()
    }

    /// Accounts for a primitive that goes through `steps` elements. The evaluator's own do not count:
    /// they have no site, and stand before what the user's program and the prelude are.
    pub(super) fn account(&mut self, steps: usize, site: u32) -> Outcome<()> {
        if site == 0 && self.at.pc <= self.code.own {
            return self.look_in_time(steps);
        }
        self.account_in_loop(steps)
    }

    /// The same for what is done for the user's program whoever does it: a loop whose end is not known
    /// before, called now and then.
    pub(super) fn account_in_loop(&mut self, steps: usize) -> Outcome<()> {
        self.look_in_time(steps)?;
        self.meter.work = self.meter.work.saturating_add(steps as u64);
        if !self.forks.open.is_empty() {
            return self.spend(steps as u64 / ELEMENTS);
        }
        self.need_fuel()
    }

    /// Accounts for the arguments of an application that has many, as a list.
    #[inline]
    pub(super) fn count_arguments(&mut self, list: Value, site: u32) -> Outcome<()> {
        if site == 0 {
            return Ok(());
        }
        let mut rest = list;
        for _ in 0..WIDE {
            if rest.tag != Tag::Pair {
                return Ok(());
            }
            rest = self.heap.cdr(rest);
        }
        if rest.tag != Tag::Pair {
            return Ok(());
        }
        let more = self.heap.list_length(rest).unwrap_or(0);
        self.account_in_loop((WIDE + more) * ARGUMENT_WORK)
    }

    /// Looks at the clock after so many elements that it is time.
    #[inline]
    pub(super) fn look_in_time(&mut self, steps: usize) -> Outcome<()> {
        self.meter.unseen = self.meter.unseen.saturating_add(steps);
        if self.meter.unseen < CLOCK_ELEMENTS {
            return Ok(());
        }
        // Where that is late it stays due: an iteration of a hot loop is taken back, and the walk of it is to
        // find the same.
        self.need_time()?;
        self.meter.unseen = 0;
        Ok(())
    }

    /// Fails if the deadline has passed.
    pub(super) fn need_time(&self) -> Outcome<()> {
        if self.meter.limits.is_late() {
            return Self::out_of_time();
        }
        Ok(())
    }

    pub(super) fn need_fuel(&self) -> Outcome<()> {
        if self.meter.fuel() > self.meter.limits.fuel {
            return self.out_of_fuel();
        }
        Ok(())
    }

    /// What remains to be counted when the program has its value.
    pub(super) fn end(&mut self) -> Outcome<()> {
        self.meter.entries += u64::from(CLOCK_INTERVAL.saturating_sub(self.meter.clock));
        self.meter.clock = CLOCK_INTERVAL;
        self.count_entries();
        self.need_fuel()
    }

    /// Procedures are entered for applications, a few for each; where there are many more (a program of
    /// long texts without applications, a file whose applications do not count), so many weigh as one.
    fn count_entries(&mut self) {
        let meter = &mut self.meter;
        let idle = meter.entries.saturating_sub(meter.explained()) / meter.entries_each;
        meter.work = meter.work.saturating_add(idle.saturating_mul(ELEMENTS));
    }

    fn out_of_fuel<T>(&self) -> Outcome<T> {
        self.fail(
            Kind::Resource,
            0,
            super::out_of_fuel(self.meter.limits.fuel),
        )
    }

    pub(super) fn out_of_time<T>() -> Outcome<T> {
        Err(Stop::fail(Failure {
            kind: Kind::Resource,
            message: super::OUT_OF_TIME.to_owned(),
            site: 0,
            is_final: true,
        }))
    }
}
