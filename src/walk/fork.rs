//! Forks: an `if` on a number that depends on the inputs, walked both ways.
//!
//! The test goes in; if both arms come back as numbers or booleans soon and quietly, one select is
//! recorded; if not, a guard.
//!
//! **Invariants**
//! - An arm runs in a copy of the frame, above a frame of its own that marks where it returns to.
//! - All open forks share one budget of trace operations and applications.
//! - What cannot be joined takes the outermost fork back to where it began, and its place is not tried
//!   again in this walk. Which forks are joined is decided by the run before them and by both arms,
//!   never by which arm the numbers take: what is met in an arm closes no other place, and counts that
//!   the outcome does not show are taken back.
//! - Fuel does not end an arm: what is taken of it is known where the outermost fork is joined.

use super::cost::{Cost, ForkCost};
use super::layout::SITE_COUNTS;
use super::reasons::{FORK_BUDGET, ForkGivenUp, Unjoined};
use super::{ARM, Frame, Outcome, Registers, Step, Stop, TAIL, Taken, Walk};
use crate::prim::value::{Tag, Value};
use crate::trace::record::{Mark, Number};
use rustc_hash::FxHashSet;

/// What the first walk of an arm gave.
#[derive(Clone, Copy)]
pub(super) struct FirstArm {
    pub(super) value: Value,
    /// What it took, and of that what is not of listed forks in it.
    pub(super) total: Cost,
    pub(super) own: Cost,
}

/// An `if` whose arms are walked one after the other.
pub(super) struct Fork {
    /// Frames below the one that marks the arm.
    pub(super) depth: usize,
    /// Control and frame at the test, about to enter the consequent.
    pub(super) at: Registers,
    pub(super) heap: usize,
    notes: usize,
    /// What had been taken.
    taken: Taken,
    /// What of that was of listed forks.
    listed: Cost,
    /// Where the fork stands among those listed.
    pub(super) index: usize,
    /// Where the fork began, and where its current arm did.
    mark: Mark,
    arm: Mark,
    pub(super) test: Value,
    pub(super) place: u32,
    otherwise: u32,
    pub(super) join: u32,
    pub(super) dst: u32,
    pub(super) first: Option<FirstArm>,
}

/// The forks under way, the outermost first.
#[derive(Default)]
pub(super) struct Forks {
    pub(super) open: Vec<Fork>,
    /// What all of them have spent of their budget, or the last ones had.
    pub(super) spent: u64,
    /// The highest stack slot used since the outermost began.
    pub(super) high: u32,
    /// Places that are not tried again in this walk.
    closed: FxHashSet<u32>,
    /// What is told of them.
    pub(super) given_up: Vec<ForkGivenUp>,
    /// Those that are joined, or open, in the order they began: those whose arms cost the same are left
    /// out as soon as that is known.
    pub(super) costs: Vec<ForkCost>,
    /// What has been taken of the fuel in arms of those.
    pub(super) listed: Cost,
    /// Whether an arm met a limit of the caller's: other limits might have led to another trace.
    pub(super) is_limited: bool,
}

impl Forks {
    /// Lists a fork on a test; gives its place. The fork around it: its place, its test, and whether its first
    /// arm is under way, which is the one that the test chose.
    pub(super) fn list(&mut self, test: Value, around: Option<(usize, Value, bool)>) -> usize {
        self.costs.push(ForkCost {
            test: test.node.index().unwrap_or(0),
            around: around
                .map(|(index, test, is_first)| (index as u32, test.is_false() != is_first)),
            then: Cost::default(),
            otherwise: Cost::default(),
        });
        self.costs.len() - 1
    }

    /// Notes what the arms of a fork cost, the one taken first, and what that took in all; a fork whose arms
    /// cost the same is not listed, unless one in them is.
    pub(super) fn settle(
        &mut self,
        index: usize,
        taken_then: bool,
        [taken, other]: [Cost; 2],
        total: Cost,
    ) {
        if self.costs.len() == index + 1 && taken == other {
            self.costs.pop();
            return;
        }
        let cost = &mut self.costs[index];
        (cost.then, cost.otherwise) = if taken_then {
            (taken, other)
        } else {
            (other, taken)
        };
        self.listed += total;
    }

    /// Whether a fork is under way that began after the cell at an address was made.
    pub(super) fn is_older(&self, address: u32) -> bool {
        self.open
            .last()
            .is_some_and(|fork| (address as usize) < fork.heap)
    }
}

impl Walk<'_> {
    /// Takes from the budget that all open forks share.
    pub(super) fn spend(&mut self, amount: u64) -> Outcome<()> {
        self.forks.spent += amount;
        if self.forks.spent > FORK_BUDGET {
            return Err(Stop::fork(Unjoined::Budget, self.at.site));
        }
        Ok(())
    }

    /// Decides an `if` whose test is a boolean with a node.
    pub(super) fn branch(
        &mut self,
        test: Value,
        otherwise: u32,
        join: u32,
        dst: u32,
        site: u32,
    ) -> Outcome<()> {
        // The evaluator's own `if` serves all of the user's: the test said where it stands.
        let place = match site {
            0 => std::mem::take(&mut self.place),
            site => site,
        } & !SITE_COUNTS;
        if place == 0 || self.forks.closed.contains(&place) {
            self.guard_for(test, place)?;
            if test.is_false() {
                self.at.pc = otherwise;
            }
            return Ok(());
        }
        if self.forks.open.is_empty() {
            self.forks.spent = 0;
            self.forks.high = self.at.top;
        }
        let mark = self.recorder.mark();
        let around = self.forks.open.last();
        let around = around.map(|fork| (fork.index, fork.test, fork.first.is_none()));
        let index = self.forks.list(test, around);
        self.forks.open.push(Fork {
            depth: self.frames.len(),
            at: self.at,
            heap: self.heap.len(),
            notes: self.notes.len(),
            taken: self.meter.taken(),
            listed: self.forks.listed,
            index,
            mark,
            arm: mark,
            test,
            place,
            otherwise,
            join,
            dst,
            first: None,
        });
        self.frames.push(Frame {
            pc: self.at.pc,
            base: self.at.base,
            dst: ARM,
            site: self.at.site,
        });
        self.meter.reach = self.meter.reach.max(self.frames.len());
        self.begin_arm(!test.is_false())
    }

    /// Copies the frame of the innermost fork and sends control into one of its arms.
    fn begin_arm(&mut self, then: bool) -> Outcome<()> {
        let Some(fork) = self.forks.open.last_mut() else {
            unreachable!("an arm belongs to a fork");
        };
        fork.arm = self.recorder.mark();
        let Registers {
            pc,
            base,
            top,
            site,
        } = fork.at;
        self.at = Registers {
            pc: if then { pc } else { fork.otherwise },
            base: top,
            top: top + (top - base),
            site,
        };
        self.reserve_stack()?;
        self.stack
            .copy_within(base as usize..top as usize, top as usize);
        self.forks.high = self.forks.high.max(self.at.top);
        Ok(())
    }

    /// An arm has come to its value.
    pub(super) fn end_arm(&mut self, value: Value) -> Outcome<Step> {
        if !value.is_number() && value.tag != Tag::Bool {
            return Err(Stop::fork(Unjoined::Structure(value.kind()), 0));
        }
        let Some(fork) = self.forks.open.last_mut() else {
            unreachable!("an arm belongs to a fork");
        };
        let taken_then = !fork.test.is_false();
        let test = number(fork.test);
        self.heap.truncate(fork.heap);
        self.frames.truncate(fork.depth + 1);
        let total = self.meter.cost() - fork.taken.cost;
        let own = total - (self.forks.listed - fork.listed);
        let Some(first) = fork.first else {
            fork.first = Some(FirstArm { value, total, own });
            let since = fork.arm;
            self.meter.set_cost(fork.taken.cost);
            self.forks.listed = fork.listed;
            self.recorder.arm(since, test, taken_then);
            self.begin_arm(!taken_then)?;
            return Ok(Step::Next);
        };
        let since = fork.arm;
        let Some(fork) = self.forks.open.pop() else {
            unreachable!("the fork was there just now");
        };
        self.recorder.arm(since, test, !taken_then);
        let joined = self.join(test, taken_then, first.value, value, fork.place);
        let Some(joined) = joined else {
            self.forks.open.push(fork);
            return Err(Stop::fork(Unjoined::Tags, 0));
        };
        self.forks.listed = fork.listed;
        self.forks
            .settle(fork.index, taken_then, [first.own, own], first.total);
        self.meter.set_cost(fork.taken.cost + first.total);
        if self.forks.open.is_empty() && self.meter.fuel() > self.meter.limits.fuel {
            // It runs out in the arm taken, as it is found without the fork.
            self.forks.open.push(fork);
            return Err(Stop::fork(Unjoined::Budget, 0));
        }
        self.frames.truncate(fork.depth);
        self.at = fork.at;
        self.forget_above();
        if !self.forks.open.is_empty() {
            // The select counts as an operation of the arm around it.
            self.spend(1)?;
        }
        if fork.join == TAIL {
            self.give(joined)
        } else if let Some(outer) = self.forks.open.last()
            && outer.join == fork.join
            && outer.depth + 1 == self.frames.len()
        {
            // The value of the inner `if` is the value of the outer arm.
            self.end_arm(joined)
        } else {
            self.set(fork.dst, joined);
            self.at.pc = fork.join;
            Ok(Step::Next)
        }
    }

    /// The value of a fork: the value of the arm taken, as computed from both.
    pub(super) fn join(
        &mut self,
        test: Number,
        then: bool,
        taken: Value,
        other: Value,
        place: u32,
    ) -> Option<Value> {
        let tag = match (taken.tag, other.tag) {
            (a, b) if a == b => a,
            (Tag::Int, Tag::Float) | (Tag::Float, Tag::Int) => Tag::Float,
            _ => return None,
        };
        let same_constant = !taken.node.either(other.node) && taken.bits == other.bits;
        if same_constant || (taken.node.is_some() && taken.node == other.node) {
            return Some(Value { tag, ..taken });
        }
        let (yes, no) = if then { (taken, other) } else { (other, taken) };
        let joined = self.recorder.select(test, number(yes), number(no), place);
        Some(Value {
            tag,
            node: joined.node,
            bits: taken.bits,
        })
    }

    /// Clears the stack above the frame, which an arm may have used: its addresses are void.
    fn forget_above(&mut self) {
        let (from, to) = (self.at.top as usize, self.forks.high as usize + 8);
        let to = to.min(self.stack.len());
        if from < to {
            self.stack[from..to].fill(Value::NIL);
        }
    }

    /// Closes the place of the outermost fork, and notes why.
    fn note_given_up(&mut self, why: &Unjoined, site: u32) {
        let Forks {
            open,
            closed,
            given_up,
            ..
        } = &mut self.forks;
        let (Some(fork), Some(inner)) = (open.first(), open.last()) else {
            unreachable!("only forks are abandoned");
        };
        if !closed.insert(fork.place) {
            return;
        }
        let span = self.sites.span(fork.place);
        given_up.push(if why.is_of_values() && inner.place != fork.place {
            ForkGivenUp {
                span,
                why: Unjoined::Inner,
                at: self.sites.span(inner.place),
            }
        } else {
            ForkGivenUp {
                span,
                why: why.clone(),
                at: self.sites.span(site),
            }
        });
    }

    /// Takes the outermost fork back to its test, and guards it instead. The reason was met at a
    /// site, or at none.
    pub(super) fn abandon_forks(&mut self, why: &Unjoined, site: u32) {
        self.note_given_up(why, site);
        let Some(fork) = self.forks.open.drain(..).next() else {
            unreachable!("only forks are abandoned");
        };
        self.heap.truncate(fork.heap);
        self.frames.truncate(fork.depth);
        self.recorder.rewind(fork.mark);
        self.notes.truncate(fork.notes);
        self.meter.take_back(fork.taken);
        self.forks.listed = fork.listed;
        self.forks.costs.truncate(fork.index);
        self.at = fork.at;
        self.place = 0;
        self.forget_above();
        self.recorder.guard(number(fork.test), fork.place);
        if fork.test.is_false() {
            self.at.pc = fork.otherwise;
        }
    }
}

/// A number as a float.
pub(super) fn float(number: Number) -> Value {
    Value {
        tag: Tag::Float,
        node: number.node,
        bits: number.value.to_bits(),
    }
}

/// A number or boolean as the recorder sees it.
pub(super) fn number(value: Value) -> Number {
    Number {
        value: if value.tag == Tag::Bool {
            value.bits as f64
        } else {
            value.number()
        },
        node: value.node,
    }
}
