//! `rolled`: code with loops, for traces that are long because something is done again and again.
//!
//! A long trace goes in; if it has loops, a routine comes out whose code is as long as one iteration,
//! forwards and backwards, and whose memory is what the way back reads of each iteration: the tape.
//!
//! How: the trace is [`abridged`](super::super::roll::abridge) and compiled with its gradient as any
//! other, once with a few iterations, and once more with one more for each group of loops. Loops are looked
//! for in the steps of these; if the steps are the same but for one iteration more in some of them, then
//! each further iteration adds one there too, and the code for all of them is written down.
//!
//! Where a loop carries nothing but sums, many iterations are done at a time ([`columns`]).
//!
//! **Invariants**
//! - The same operations on the same numbers in the same order as the code without loops: the same bits.
//! - Within a loop no slot is written twice in one run of its code; what an iteration reads of the one
//!   before is still there, as the code is at least one iteration longer than it reads back.
//! - A guard that fails tells the whole trace's number for the iteration that it failed in.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

mod columns;
#[cfg(test)]
mod fold_tests;
mod growth;
mod halve;
mod numbers;
mod reads;
mod steps;
#[cfg(test)]
mod tests;
mod wide;
mod write;
mod write_wide;

use super::super::roll::GROWTH;
use super::super::roll::abridge::Plan;
use super::super::{Ref, Trace};
use super::Routine;
use super::encode::Coded;
use super::scalar::{Failed, File};
use columns::{Around, Columns};
use growth::{Grown, align};
use reads::Planned;
use steps::Short;
use write::Writer;

/// How many iterations may be unlike the others at the ends of a loop.
const RAGGED: usize = 4;

/// How many instructions the code of a loop should have at least, so that what is done once for all of
/// them does not count.
const BODY: usize = 192;

/// How many iterations a loop's code has at the most.
const UNROLLED: usize = 32;

/// How many loops of longer steps may be no loops of shorter ones.
const AHEAD: usize = 4;

/// How many groups of loops there may be.
const GROUPS: usize = 16;

/// How often the clock is asked: after so many instructions.
const ASKED_AFTER: usize = 1 << 16;

/// The guard of a run that was told to give up.
pub(crate) const LATE: u32 = u32::MAX;

const TOO_LATE: Failed = Failed {
    guard: LATE,
    value: 0.0,
};

/// A stretch of code without loops, and the loop after it, if there is one.
#[derive(Debug)]
struct Segment {
    /// Slots that are filled from the tape first.
    loads: Vec<(u32, usize)>,
    code: Vec<Coded>,
    /// Slots that go to the tape afterwards.
    stores: Vec<(u32, usize)>,
    /// What the loop's first iteration finds as if another had left it: to, from.
    copies: Vec<(u32, u32)>,
    repeat: Repeat,
}

#[derive(Debug)]
enum Repeat {
    None,
    /// A loop that does one operation after the other.
    Code(Repeated),
    /// A loop that is done many iterations at a time.
    Columns(Columns),
}

/// A loop: its code, some iterations long, and how often it runs.
#[derive(Debug)]
struct Repeated {
    count: usize,
    code: Vec<Coded>,
    windows: Vec<Window>,
    feeds: Vec<Feed>,
    /// The first of the slots that go to the tape, how many there are, and where the first run's go.
    store: (u32, usize, usize),
}

/// A stretch of the tape that a run of a loop's code reads, which moves on from run to run.
#[derive(Debug)]
struct Window {
    slot: u32,
    from: i64,
    step: i64,
    length: usize,
}

/// Numbers of a stream that a run of a loop's code reads: one for each of some slots in a row.
#[derive(Debug)]
struct Feed {
    slot: u32,
    slots: usize,
    from: Fed,
    first: i64,
    stride: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fed {
    Inputs,
    /// A table of the routine.
    Table(usize),
    Tape,
}

/// Code with loops.
#[derive(Debug)]
pub(super) struct Rolled {
    segments: Vec<Segment>,
    /// For each guard of the code the trace's, in the first run of a loop, and how far it moves on.
    guards: Vec<(u32, u32)>,
    tables: Vec<Vec<f64>>,
    /// How many numbers the tape has.
    tape: usize,
}

impl Rolled {
    /// How many instructions there are.
    pub(super) fn len(&self) -> usize {
        let length = |segment: &Segment| {
            segment.code.len()
                + match &segment.repeat {
                    Repeat::None => 0,
                    Repeat::Code(repeat) => repeat.code.len(),
                    Repeat::Columns(columns) => columns.len(),
                }
        };
        self.segments.iter().map(length).sum()
    }

    /// The memory it takes, in bytes, the tape included.
    pub(super) fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(Vec::len).sum();
        let columns = self.segments.iter().map(|of| match &of.repeat {
            Repeat::Columns(columns) => columns.bytes(),
            _ => 0,
        });
        let columns: usize = columns.sum();
        self.len() * size_of::<Coded>() + columns + (tables + self.tape) * size_of::<f64>()
    }
}

impl Routine {
    /// Compiles a trace for one lane to code with loops, if it has some that are worth it.
    /// None has iterations of more than `longest` operations.
    pub(crate) fn rolled(
        trace: &Trace,
        outputs: &[Ref],
        by: &[u32],
        longest: usize,
    ) -> Option<Self> {
        let plan = Plan::new(trace, outputs, by, longest)?;
        if plan.groups() > GROUPS {
            return None;
        }
        // The powers of a constant that an output is taken back by are other constants in each
        // iteration: then nothing is folded.
        let ways = [false, true]
            .into_iter()
            .take(if by.is_empty() { 1 } else { 2 });
        ways.map(|is_opaque| Self::rolled_by(&plan, by, is_opaque))
            .find(Option::is_some)?
    }

    fn rolled_by(plan: &Plan<'_>, by: &[u32], is_opaque: bool) -> Option<Self> {
        let (short, grown) = Self::grown(plan, is_opaque, true)?;
        let planned = Planned::new(plan, &short, &grown)?;
        // Pairs of operations may go from one iteration to the next.
        if planned.is_wide()
            && let Some((short, grown)) = Self::grown(plan, is_opaque, false)
            && let Some(planned) = Planned::new(plan, &short, &grown).filter(Planned::is_wide)
            && let Some(routine) = Writer::new(planned).write(by.len())
        {
            return Some(routine);
        }
        Writer::new(planned).write(by.len())
    }

    /// The steps of a plan's abridged trace, in pairs or not, and how they grow.
    fn grown(plan: &Plan<'_>, is_opaque: bool, has_pairs: bool) -> Option<(Short, Grown)> {
        let dropped = plan.dropped();
        let mut short = Short::new(plan.abridged(&dropped)?, is_opaque, has_pairs);
        let longer = (0..plan.groups()).map(|group| {
            let mut dropped = dropped.clone();
            dropped[group] = dropped[group].checked_sub(GROWTH)?;
            Some(Short::new(plan.abridged(&dropped)?, is_opaque, has_pairs))
        });
        let mut longer: Vec<Short> = longer.collect::<Option<_>>()?;
        align(&mut short, &mut longer);
        let grown = Grown::new(&short, &longer, &dropped)?;
        Some((short, grown))
    }

    /// Runs code with loops.
    pub(super) fn run_rolled(
        &self,
        rolled: &Rolled,
        inputs: &[f64],
        file: &mut File,
        late: &dyn Fn() -> bool,
    ) -> Result<(), Failed> {
        let (lane, tape, scratch) = file.with_tape(rolled.tape);
        for segment in &rolled.segments {
            for &(slot, from) in &segment.loads {
                lane[slot as usize] = tape[from];
            }
            self.run_code(&segment.code, lane, &[], scratch)
                .map_err(|failed| rolled.failed(failed, 0))?;
            for &(slot, to) in &segment.stores {
                tape[to] = lane[slot as usize];
            }
            for &(to, from) in &segment.copies {
                lane[to as usize] = lane[from as usize];
            }
            if let Repeat::Columns(columns) = &segment.repeat {
                let mut around = Around {
                    lane: &mut *lane,
                    tape: &mut *tape,
                    inputs,
                    tables: &rolled.tables,
                };
                let ran = columns.run(&mut around, &self.expected, late);
                ran.map_err(|failed| {
                    failed.map_or(TOO_LATE, |(failed, at)| rolled.failed(failed, at))
                })?;
            }
            let Repeat::Code(repeat) = &segment.repeat else {
                continue;
            };
            let asked_after = (ASKED_AFTER / repeat.code.len().max(1)).max(1);
            for run in 0..repeat.count {
                if run % asked_after == asked_after - 1 && late() {
                    return Err(TOO_LATE);
                }
                for window in &repeat.windows {
                    let from = (window.from + window.step * run as i64) as usize;
                    let slot = window.slot as usize;
                    lane[slot..slot + window.length]
                        .copy_from_slice(&tape[from..from + window.length]);
                }
                for feed in &repeat.feeds {
                    let numbers = match feed.from {
                        Fed::Inputs => inputs,
                        Fed::Table(which) => &rolled.tables[which],
                        Fed::Tape => &*tape,
                    };
                    let slots = feed.slot as usize..feed.slot as usize + feed.slots;
                    let mut at = feed.first + feed.stride * (run * feed.slots) as i64;
                    for slot in &mut lane[slots] {
                        *slot = numbers[at as usize];
                        at += feed.stride;
                    }
                }
                self.run_code(&repeat.code, lane, &[], scratch)
                    .map_err(|failed| rolled.failed(failed, run))?;
                let (slot, length, to) = repeat.store;
                let to = to + run * length;
                let slot = slot as usize;
                tape[to..to + length].copy_from_slice(&lane[slot..slot + length]);
            }
        }
        Ok(())
    }
}

impl Rolled {
    /// A guard that failed in a run of a loop's code, by the trace's numbers.
    fn failed(&self, failed: Failed, run: usize) -> Failed {
        let (first, step) = self.guards[failed.guard as usize];
        Failed {
            guard: first + step * run as u32,
            ..failed
        }
    }
}
