//! What each step of code with loops reads: of which loop and iteration, from which stream.
//!
//! The steps of an abridged trace and how they grow go in; for each loop its iterations, what these read,
//! and what goes to the tape come out.
//!
//! **Invariants**
//! - Iterations are counted as those of the whole trace's loops are.
//! - What loops read of each other, and what is read of iterations whose slots are written again, has a
//!   column on the tape.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

use super::super::super::narrow;
use super::super::super::roll::abridge::{Origin, Plan, Streamed};
use super::super::super::roll::{Move, Source, moved};
use super::super::code::Opcode;
use super::growth::{Grown, step_of_stream};
use super::numbers::{Number, Reads};
use super::steps::{Coordinate, Short};
use super::wide::Wide;
use super::{BODY, RAGGED, UNROLLED};
use crate::sorted;
use rustc_hash::{FxHashMap, FxHashSet};

/// A loop of the code to be written.
pub(super) struct LoopPlan {
    pub(super) start: usize,
    pub(super) period: usize,
    pub(super) count: usize,
    /// Whether an iteration is half of one that steps have.
    pub(super) is_cut: bool,
    /// How many iterations its code has, and how often that runs.
    pub(super) unrolled: usize,
    pub(super) runs: usize,
    /// For each step of an iteration what it reads.
    pub(super) reads: Vec<Vec<Reads>>,
    /// Its columns on the tape: place and result.
    pub(super) columns: Vec<(usize, u32)>,
    pub(super) column_of: FxHashMap<(usize, u32), usize>,
    /// The places whose results are read outside of it.
    pub(super) read_outside: FxHashSet<usize>,
    /// Where its part of the tape begins.
    pub(super) tape: usize,
    /// Whether there all iterations of a column follow one another, and not all columns of an iteration.
    pub(super) by_column: bool,
    /// The slots of results, by iteration of the code, place and which result.
    pub(super) slots: FxHashMap<(usize, usize, u32), u32>,
    /// How it is done many iterations at a time, if it is.
    pub(super) wide: Option<Wide>,
}

impl LoopPlan {
    /// Settles how many iterations its code has; gives how many back it reads its own results.
    pub(super) fn unroll(&mut self) -> usize {
        let back = self.reads.iter().flatten().map(|read| match *read {
            Reads::Own(back, ..) => back,
            _ => 0,
        });
        let back = back.max().unwrap_or(0);
        self.unrolled = BODY.div_ceil(self.period).clamp(2, UNROLLED).max(back + 1);
        self.runs = self.count / self.unrolled;
        back
    }

    /// How many iterations its code does; the others stand after it.
    pub(super) fn done(&self) -> usize {
        match self.wide {
            Some(_) => self.count,
            None => self.runs * self.unrolled,
        }
    }

    /// The first of those iterations whose results are in slots once it has run.
    pub(super) fn last(&self) -> usize {
        match &self.wide {
            Some(wide) => (self.count - 1) / wide.length * wide.length,
            None => (self.runs - 1) * self.unrolled,
        }
    }

    /// The slot of what one of the iterations from the last on came to.
    pub(super) fn slot(&self, iteration: usize, place: usize, nth: u32) -> Option<u32> {
        let at = iteration - self.last();
        let Some(wide) = &self.wide else {
            return self.slots.get(&(at, place, nth)).copied();
        };
        let first = *self.slots.get(&(0, place, nth))?;
        Some(if wide.is_of_sum[place] {
            first
        } else if wide.is_backwards {
            first + narrow(wide.length - 1 - at)
        } else {
            first + narrow(at)
        })
    }

    /// Where a column's number of the first iteration is on the tape, and how far on that of the next is.
    pub(super) fn of_column(&self, column: usize) -> (usize, i64) {
        if !self.by_column {
            return (self.tape + column, self.columns.len() as i64);
        }
        let start = self.tape + column * self.count;
        match &self.wide {
            Some(wide) if wide.is_backwards => (start + self.count - 1, -1),
            _ => (start, 1),
        }
    }

    /// Whether an iteration's result at a place is of a sum, and no longer there when the loop has run.
    fn is_gone(&self, iteration: Option<usize>, place: usize) -> bool {
        self.wide.as_ref().is_some_and(|wide| {
            wide.is_of_sum[place]
                && !(wide.ends_sum(place) && iteration.is_some_and(|it| it + 1 == self.count))
        })
    }
}

/// The loops of the code to be written.
pub(super) struct Planned<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) short: &'a Short,
    grown: &'a Grown,
    pub(super) loops: Vec<LoopPlan>,
    /// How many numbers the tape has.
    pub(super) tape: usize,
}

impl<'a> Planned<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, short: &'a Short, grown: &'a Grown) -> Option<Self> {
        let mut planned = Self {
            plan,
            short,
            grown,
            loops: Vec::new(),
            tape: 0,
        };
        for which in 0..short.loops.len() {
            let of = planned.plan_loop(which)?;
            planned.loops.push(of);
        }
        planned.halve();
        for of in &mut planned.loops {
            of.wide = Wide::new(short, of.start, &of.reads);
        }
        // One whose sums are read in between is none to be done many iterations at a time.
        while let Err(which) = planned.find_columns()? {
            planned.loops[which].wide = None;
        }
        for which in 0..planned.loops.len() {
            let reads = |of: &LoopPlan| {
                let mut reads = of.reads.iter().flatten();
                reads.any(|read| matches!(*read, Reads::Other(read, ..) if read == which))
            };
            let is_wide = planned.loops[which].wide.is_some();
            let all_wide = planned
                .loops
                .iter()
                .filter(|of| reads(of))
                .all(|of| of.wide.is_some());
            planned.loops[which].by_column = is_wide && all_wide;
        }
        for of in &mut planned.loops {
            of.tape = planned.tape;
            planned.tape += of.columns.len() * of.count;
        }
        Some(planned)
    }

    /// Whether all loops are done many iterations at a time.
    pub(super) fn is_wide(&self) -> bool {
        self.loops.iter().all(|of| of.wide.is_some())
    }

    /// The number of a result.
    pub(super) fn result(&self, nth: usize) -> Option<Number> {
        let source = self.short.source(self.short.results[nth]);
        self.number(source, self.grown.results[nth])
    }

    /// What a loop's steps read, and how many iterations its code has.
    fn plan_loop(&self, which: usize) -> Option<LoopPlan> {
        let of = self.short.loops[which];
        let count = self.grown.counts[which];
        let mut reads = Vec::with_capacity(of.period);
        for place in 0..of.period {
            let step = of.start + place;
            let first = self.short.sources(step);
            let then = self.short.sources(step + of.period);
            let mut all = Vec::with_capacity(first.len());
            for (nth, (&a, &b)) in first.iter().zip(&then).enumerate() {
                let longer = self.moves_with_end(step, nth);
                all.push(self.reads(which, a, b, longer)?);
            }
            reads.push(all);
        }
        let wide = Wide::new(self.short, of.start, &reads);
        let mut plan = LoopPlan {
            start: of.start,
            period: of.period,
            count,
            is_cut: false,
            unrolled: 0,
            runs: 0,
            reads,
            columns: Vec::new(),
            column_of: FxHashMap::default(),
            read_outside: FxHashSet::default(),
            tape: 0,
            by_column: false,
            slots: FxHashMap::default(),
            wide,
        };
        let back = plan.unroll();
        (back <= RAGGED && plan.runs >= 2).then_some(plan)
    }

    /// How far what a step reads moves with the ends of loops.
    pub(super) fn moves_with_end(&self, step: usize, nth: usize) -> usize {
        self.grown.from_end.get(&(step, nth)).copied().unwrap_or(0)
    }

    /// What an operand is, given the first two iterations', and how far the first's moves with the ends of
    /// loops.
    fn reads(&self, which: usize, a: Source, b: Source, longer: usize) -> Option<Reads> {
        let of = self.short.loops[which];
        let (step, nth) = match a {
            Source::Constant(_) => return Some(Reads::Fixed(self.number(a, 0)?)),
            Source::Outer(_) => {
                let Coordinate::Input(origin) = self.short.coordinate(a) else {
                    return None;
                };
                let by = step_of_stream(self.short, a, b)?;
                return Some(match origin {
                    Origin::Stream(stream, first) if by != 0 => {
                        Reads::Fed(stream, i64::from(first) + longer as i64, by)
                    }
                    _ => Reads::Fixed(self.number(a, longer)?),
                });
            }
            Source::Item(step, nth) => (step as usize, nth),
        };
        let Some(Move::By(by)) = moved(a, b) else {
            return None;
        };
        if by == 0 {
            return Some(Reads::Fixed(self.number(a, longer)?));
        }
        if by == of.period as i64 && step + RAGGED * of.period >= of.start {
            let back = of.start.saturating_sub(step).div_ceil(of.period);
            let place = step + back * of.period - of.start;
            return Some(Reads::Own(back, place, nth));
        }
        let (read, iteration, place) = self.short.loop_of(step)?;
        let period = self.short.loops[read].period as i64;
        if read == which || by % period != 0 {
            return None;
        }
        let first = (iteration + longer) as i64;
        let step = by / period;
        let last = first + step * (self.grown.counts[which] as i64 - 1);
        let is_there = |iteration| (0..self.grown.counts[read] as i64).contains(&iteration);
        (is_there(first) && is_there(last) && step.abs() == 1)
            .then_some(Reads::Other(read, first, step, place, nth))
    }

    /// A number that is read once, or the same each time.
    pub(super) fn number(&self, source: Source, longer: usize) -> Option<Number> {
        let nth = match source {
            Source::Item(_, nth) => nth,
            _ => 0,
        };
        Some(match self.short.coordinate(source) {
            Coordinate::Straight(..) => match source {
                Source::Item(step, nth) => Number::Straight(step as usize, nth),
                _ => return None,
            },
            Coordinate::Loop(which, iteration, place) => {
                self.placed(Number::Loop(which, iteration + longer, place, nth))
            }
            Coordinate::Input(origin) => match origin {
                Origin::Input(input) => Number::Input(input),
                Origin::Number(bits) => Number::Constant(bits),
                Origin::Stream(stream, at) => self.streamed(stream, i64::from(at) + longer as i64),
            },
            Coordinate::Constant(bits) => Number::Constant(bits),
        })
    }

    fn streamed(&self, stream: u32, iteration: i64) -> Number {
        match self.plan.streams()[stream as usize].at(iteration) {
            Streamed::Input(input) => Number::Input(input),
            Streamed::Number(x) => Number::Constant(x.to_bits()),
        }
    }

    /// Which results of loops go to the tape: those that other loops read, and those that are read of
    /// iterations whose slots are written again. A loop that is done many iterations at a time, of which what
    /// is gone is read, comes back as an error.
    fn find_columns(&mut self) -> Option<Result<(), usize>> {
        let mut wanted: Vec<(usize, usize, u32)> = Vec::new();
        let mut outside: Vec<(usize, usize)> = Vec::new();
        for of in &self.loops {
            for read in of.reads.iter().flatten() {
                match *read {
                    Reads::Other(which, _, _, place, nth) => {
                        if self.loops[which].is_gone(None, place) {
                            return Some(Err(which));
                        }
                        wanted.push((which, place, nth));
                    }
                    Reads::Fixed(Number::Loop(which, iteration, place, nth)) => {
                        if self.loops[which].is_gone(Some(iteration), place) {
                            return Some(Err(which));
                        }
                        outside.push((which, place));
                        if !self.stays(which, iteration) {
                            wanted.push((which, place, nth));
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut read: Vec<Option<Number>> = Vec::new();
        for step in 0..self.short.steps.len() {
            if self.short.loop_of(step).is_none() {
                let sources = self.short.sources(step).into_iter().enumerate();
                read.extend(
                    sources
                        .map(|(nth, source)| self.number(source, self.moves_with_end(step, nth))),
                );
            }
        }
        // What the first iterations read of those before the loop.
        for (which, of) in self.loops.iter().enumerate() {
            for &reads in of.reads.iter().flatten() {
                if let Reads::Own(back, ..) = reads {
                    read.extend((0..back).map(|iteration| self.number_in(which, iteration, reads)));
                }
            }
        }
        read.extend((0..self.short.results.len()).map(|nth| self.result(nth)));
        for number in read {
            if let Number::Loop(which, iteration, place, nth) = number? {
                if self.loops[which].is_gone(Some(iteration), place) {
                    return Some(Err(which));
                }
                outside.push((which, place));
                if !self.stays(which, iteration) {
                    wanted.push((which, place, nth));
                }
            }
        }
        // What goes to the tape of a block is all of it, in a row.
        let short = self.short;
        let of_block = |&(which, place, nth): &(usize, usize, u32)| {
            let step = self.loops[which].start + place;
            match short.steps[step].op {
                Opcode::Block => (0..short.results_of(step))
                    .map(move |nth| (which, place, nth))
                    .collect(),
                _ => vec![(which, place, nth)],
            }
        };
        let mut wanted: Vec<(usize, usize, u32)> = wanted.iter().flat_map(of_block).collect();
        sorted::plainly(&mut wanted);
        wanted.dedup();
        for (which, place) in outside {
            self.loops[which].read_outside.insert(place);
        }
        for (which, place, nth) in wanted {
            let of = &mut self.loops[which];
            of.column_of.insert((place, nth), of.columns.len());
            of.columns.push((place, nth));
        }
        Some(Ok(()))
    }

    /// Whether a loop's slots hold an iteration's results once it has run.
    fn stays(&self, which: usize, iteration: usize) -> bool {
        iteration >= self.loops[which].last()
    }

    pub(super) fn on_tape(
        &self,
        which: usize,
        iteration: usize,
        place: usize,
        nth: u32,
    ) -> Option<usize> {
        let of = &self.loops[which];
        let column = *of.column_of.get(&(place, nth))?;
        let (first, gap) = of.of_column(column);
        Some((first as i64 + gap * iteration as i64) as usize)
    }

    /// What an iteration reads.
    pub(super) fn number_in(&self, which: usize, iteration: usize, read: Reads) -> Option<Number> {
        Some(match read {
            Reads::Fixed(number) => number,
            Reads::Own(back, place, nth) => {
                if let Some(iteration) = iteration.checked_sub(back) {
                    Number::Loop(which, iteration, place, nth)
                } else {
                    // What stands in the place of an iteration before the first.
                    let of = &self.loops[which];
                    let missing = back - iteration;
                    let step = (of.start + place).checked_sub(missing * of.period)?;
                    let source = Source::Item(narrow(step), nth);
                    return self.number(source, self.before(which, step)?);
                }
            }
            Reads::Other(read, first, step, place, nth) => {
                let at = usize::try_from(first + step * iteration as i64).ok()?;
                Number::Loop(read, at, place, nth)
            }
            Reads::Fed(stream, first, step) => {
                self.streamed(stream, first + step * iteration as i64)
            }
        })
    }

    /// How far a step before a loop moves with the end of the loop that it is in, if it is in one.
    fn before(&self, which: usize, step: usize) -> Option<usize> {
        let Some((read, iteration, _)) = self.short.loop_of(step) else {
            return Some(0);
        };
        // Only the last iterations of a loop can be those before another one.
        let counts = (self.short.loops[read].count, self.grown.counts[read]);
        (read < which && iteration + RAGGED >= counts.0).then_some(counts.1 - counts.0)
    }
}
