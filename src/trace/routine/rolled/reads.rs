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
use super::steps::{Coordinate, Short};
use super::{BODY, RAGGED, UNROLLED};
use crate::sorted;
use rustc_hash::FxHashMap;

/// A number of the code with loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// A result of a step between loops.
    Straight(usize, u32),
    /// A loop, its iteration, the place in it, and which result.
    Loop(usize, usize, usize, u32),
    Input(u32),
    Constant(u64),
}

/// What the steps of a loop read, in any iteration.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reads {
    /// The same number each time.
    Fixed(Number),
    /// Of the loop itself, so many iterations back; place and which result.
    Own(usize, usize, u32),
    /// Of another loop: which, its iteration for the first one, and where that moves; place and result.
    Other(usize, i64, i64, usize, u32),
    /// Of a stream: which, where it begins, where it moves.
    Fed(u32, i64, i64),
}

/// A loop of the code to be written.
pub(super) struct LoopPlan {
    pub(super) start: usize,
    pub(super) period: usize,
    pub(super) count: usize,
    /// How many iterations its code has, and how often that runs.
    pub(super) unrolled: usize,
    pub(super) runs: usize,
    /// For each step of an iteration what it reads.
    pub(super) reads: Vec<Vec<Reads>>,
    /// Its columns on the tape: place and result.
    pub(super) columns: Vec<(usize, u32)>,
    pub(super) column_of: FxHashMap<(usize, u32), usize>,
    /// Where its part of the tape begins.
    pub(super) tape: usize,
    /// The slots of results, by iteration of the code, place and which result.
    pub(super) slots: FxHashMap<(usize, usize, u32), u32>,
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
        planned.find_columns()?;
        for of in &mut planned.loops {
            of.tape = planned.tape;
            planned.tape += of.columns.len() * of.count;
        }
        Some(planned)
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
        let mut back = 0;
        let mut reads = Vec::with_capacity(of.period);
        for place in 0..of.period {
            let step = of.start + place;
            let first = self.short.sources(step);
            let then = self.short.sources(step + of.period);
            let mut all = Vec::with_capacity(first.len());
            for (nth, (&a, &b)) in first.iter().zip(&then).enumerate() {
                let longer = self.moves_with_end(step, nth);
                let read = self.reads(which, a, b, longer)?;
                if let Reads::Own(far, ..) = read {
                    back = back.max(far);
                }
                all.push(read);
            }
            reads.push(all);
        }
        let unrolled = BODY.div_ceil(of.period).clamp(2, UNROLLED).max(back + 1);
        if back > RAGGED || count < 2 * unrolled {
            return None;
        }
        Some(LoopPlan {
            start: of.start,
            period: of.period,
            count,
            unrolled,
            runs: count / unrolled,
            reads,
            columns: Vec::new(),
            column_of: FxHashMap::default(),
            tape: 0,
            slots: FxHashMap::default(),
        })
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
                Number::Loop(which, iteration + longer, place, nth)
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
    /// iterations whose slots are written again.
    fn find_columns(&mut self) -> Option<()> {
        let mut wanted: Vec<(usize, usize, u32)> = Vec::new();
        for of in &self.loops {
            for read in of.reads.iter().flatten() {
                match *read {
                    Reads::Other(which, _, _, place, nth) => wanted.push((which, place, nth)),
                    Reads::Fixed(Number::Loop(which, iteration, place, nth))
                        if !self.stays(which, iteration) =>
                    {
                        wanted.push((which, place, nth));
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
            if let Number::Loop(which, iteration, place, nth) = number?
                && !self.stays(which, iteration)
            {
                wanted.push((which, place, nth));
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
        for (which, place, nth) in wanted {
            let of = &mut self.loops[which];
            of.column_of.insert((place, nth), of.columns.len());
            of.columns.push((place, nth));
        }
        Some(())
    }

    /// Whether a loop's slots hold an iteration's results once it has run.
    fn stays(&self, which: usize, iteration: usize) -> bool {
        let of = &self.loops[which];
        iteration + of.unrolled >= of.runs * of.unrolled
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
        Some(of.tape + iteration * of.columns.len() + column)
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
