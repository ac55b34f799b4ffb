//! Iterations of loops cut in half, where both halves do the same.
//!
//! Loops of steps have two of the trace's iterations in each of theirs, as code may do every other one in
//! its own way. Where it does not, and where many iterations are done at a time, one in each is what is
//! wanted: numbers that follow one another are then those of one step.
//!
//! **Invariants**
//! - Loops that read each other are cut alike.
//! - Each half of an iteration does what the whole one did, in the same order.

use super::super::code::Opcode;
use super::numbers::{Number, Reads};
use super::reads::{LoopPlan, Planned};
use super::steps::Short;

/// A step and the same of the next half.
type Halves = [Reads; 2];

impl Planned<'_> {
    /// Cuts the iterations of those loops that can be done many at a time.
    pub(super) fn halve(&mut self) {
        let mut cut: Vec<bool> = self
            .loops
            .iter()
            .map(|of| of.wide.is_some() && of.period % 2 == 0)
            .collect();
        // Whether one can be cut may depend on whether another is.
        loop {
            let fits = |which: usize| self.halves(which, &cut).is_some();
            let fails = (0..cut.len()).find(|&which| cut[which] != (cut[which] && fits(which)));
            let uncut = |which: usize| {
                let mut reads = self.loops[which].reads.iter().flatten();
                reads
                    .any(|read| matches!(*read, Reads::Other(read, ..) if cut[read] && !cut[which]))
            };
            let by_uncut = (0..cut.len()).find(|&which| uncut(which));
            match (fails, by_uncut) {
                (Some(which), _) => cut[which] = false,
                (None, Some(reader)) => {
                    for read in self.loops[reader].reads.iter().flatten() {
                        if let Reads::Other(read, ..) = *read {
                            cut[read] = false;
                        }
                    }
                }
                (None, None) => break,
            }
        }
        let halves: Vec<Option<Vec<Vec<Reads>>>> = (0..cut.len())
            .map(|which| cut[which].then(|| self.halves(which, &cut)).flatten())
            .collect();
        for (of, reads) in self.loops.iter_mut().zip(halves) {
            if let Some(reads) = reads {
                of.is_cut = true;
                of.period /= 2;
                of.count *= 2;
                of.reads = reads;
                of.unroll();
            }
        }
        for which in 0..self.loops.len() {
            let mut reads = std::mem::take(&mut self.loops[which].reads);
            for read in reads.iter_mut().flatten() {
                if let Reads::Fixed(number) = read {
                    *number = self.placed(*number);
                }
            }
            self.loops[which].reads = reads;
        }
    }

    /// A number by the iterations of loops that are cut.
    pub(super) fn placed(&self, number: Number) -> Number {
        match number {
            Number::Loop(which, iteration, place, nth) => match self.loops.get(which) {
                Some(of) if of.is_cut => {
                    let later = usize::from(place >= of.period);
                    Number::Loop(which, 2 * iteration + later, place % of.period, nth)
                }
                _ => number,
            },
            _ => number,
        }
    }

    /// What each half of a loop's iteration reads, if both do the same.
    fn halves(&self, which: usize, cut: &[bool]) -> Option<Vec<Vec<Reads>>> {
        let of = &self.loops[which];
        let half = of.period / 2;
        let all = (0..half).map(|place| {
            if !is_even(self.short, of, place) {
                return None;
            }
            let (one, two) = (&of.reads[place], &of.reads[place + half]);
            if one.len() != two.len() {
                return None;
            }
            let both = one.iter().zip(two);
            both.map(|(&one, &two)| self.half([one, two], half, cut))
                .collect()
        });
        all.collect()
    }

    /// What one half reads, if the other reads the same half an iteration on.
    fn half(&self, halves: Halves, half: usize, cut: &[bool]) -> Option<Reads> {
        match halves {
            [Reads::Fixed(one), Reads::Fixed(two)] => (one == two).then_some(Reads::Fixed(one)),
            [Reads::Own(one, at, nth), Reads::Own(two, and_at, with)] => {
                let one = (2 * one).checked_sub(at / half)?;
                let two = (2 * two + 1).checked_sub(and_at / half)?;
                let is_same = (one, at % half, nth) == (two, and_at % half, with);
                is_same.then_some(Reads::Own(one, at % half, nth))
            }
            [Reads::Fed(one, first, step), Reads::Fed(two, then, by)] => {
                let is_same = one == two && step == by && step % 2 == 0 && then - first == step / 2;
                is_same.then_some(Reads::Fed(one, first, step / 2))
            }
            [
                Reads::Other(one, first, step, at, nth),
                Reads::Other(two, then, by, and_at, with),
            ] => {
                if one != two || step != by || nth != with || !cut[one] {
                    return None;
                }
                let half = self.loops[one].period / 2;
                let first = 2 * first + i64::from(at >= half);
                let then = 2 * then + i64::from(and_at >= half);
                let is_same = at % half == and_at % half && then - first == step;
                is_same.then_some(Reads::Other(one, first, step, at % half, nth))
            }
            _ => None,
        }
    }
}

/// Whether the steps at a place of both halves do the same; guards, at the same distance each time.
fn is_even(short: &Short, of: &LoopPlan, place: usize) -> bool {
    let half = of.period / 2;
    let [one, two, three] = [0, 1, 2].map(|at| &short.steps[of.start + place + at * half]);
    if one.op != two.op || one.op == Opcode::Block {
        return false;
    }
    let all = &short.abridged.guards;
    let [one, two, three] = [one, two, three].map(|step| step.number as usize);
    short.steps[of.start + place].op != Opcode::Guard
        || (all[two].wrapping_sub(all[one]) == all[three].wrapping_sub(all[two])
            && short.expected[one].to_bits() == short.expected[two].to_bits())
}
