//! Loops done: forwards, as long as their guards hold.

use super::super::routine::{File, Routine};
use super::super::{Ref, Trace, narrow};
use super::guards::{Asked, Counted};
use super::{Repeat, Repeated, TapedSteps};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// How many iterations are done between two questions whether to go on, about.
const UNASKED: u64 = 1 << 14;

/// How many numbers are kept of a loop at the most; few where that is tested.
const KEPT: usize = if cfg!(test) { 8 } else { 1 << 20 };

/// How many numbers that the way back reads are kept at the most, of all loops of a trace.
const TAPE: usize = if cfg!(test) { 1 << 10 } else { 1 << 22 };

/// What the way back reads of the first steps of a loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    /// What the steps are.
    pub(super) of: Option<Arc<TapedSteps>>,
    /// Step by step.
    numbers: Vec<f64>,
    /// Of how many steps.
    pub(super) steps: usize,
    /// How many numbers there may be.
    room: usize,
}

impl Tape {
    /// Begins anew, of steps that are these, with room for so many numbers.
    fn begin(&mut self, of: Option<Arc<TapedSteps>>, room: usize) {
        self.of = of;
        self.numbers.clear();
        self.steps = 0;
        self.room = room;
    }

    /// Makes room for so many numbers more; false where they are too many.
    fn grow(&mut self, width: usize) -> bool {
        let length = self.numbers.len();
        if length + width > self.room {
            return false;
        }
        if length + width > self.numbers.capacity() {
            let more = length.max(width).min(self.room - length);
            self.numbers.reserve_exact(more);
        }
        true
    }

    /// What is kept of a step.
    pub(super) fn of_step(&self, nth: usize) -> &[f64] {
        let width = self.of.as_ref().map_or(0, |steps| steps.of.width);
        &self.numbers[nth * width..][..width]
    }
}

/// The numbers carried on at the beginning of every few steps of a loop: of as many iterations as are written
/// out together.
#[derive(Clone, Debug, Default)]
pub(super) struct States {
    pub(super) tape: Tape,
    pub(super) numbers: Vec<f64>,
    /// How many steps apart they are.
    pub(super) spacing: usize,
    /// How many steps there are so far.
    pub(super) steps: usize,
}

impl States {
    /// Notes that a step begins with these numbers.
    pub(super) fn push(&mut self, carried: &[f64]) {
        if self.steps.is_multiple_of(self.spacing) {
            if self.numbers.len() + carried.len() > KEPT.max(2 * carried.len()) {
                self.halve(carried.len());
            }
            if self.steps.is_multiple_of(self.spacing) {
                self.numbers.extend_from_slice(carried);
            }
        }
        self.steps += 1;
    }

    /// Leaves every second out.
    fn halve(&mut self, length: usize) {
        let count = self.numbers.len() / length;
        for nth in 1..count.div_ceil(2) {
            let from = 2 * nth * length;
            self.numbers.copy_within(from..from + length, nth * length);
        }
        self.numbers.truncate(count.div_ceil(2) * length);
        self.spacing *= 2;
    }

    /// Those that an interval of steps begins with.
    pub(super) fn before(&self, interval: usize, length: usize) -> &[f64] {
        &self.numbers[interval * length..][..length]
    }

    /// Begins anew; nothing is noted before.
    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.tape.begin(None, 0);
        (self.spacing, self.steps) = (1, 0);
    }
}

/// What replays keep of loops, for a sweep that follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(super) loops: Vec<States>,
    /// Whether it is of the last replay.
    pub(super) is_there: bool,
}

impl Kept {
    /// There is nothing to be swept yet.
    pub(crate) fn forget(&mut self) {
        self.is_there = false;
    }

    /// The replay has come to its end.
    pub(in crate::trace) fn is_whole(&mut self) {
        self.is_there = true;
    }
}

/// A loop while it is done.
#[derive(Debug)]
pub(crate) struct Runner<'r> {
    of: &'r Repeat,
    /// What an iteration is given, as it has its inputs.
    numbers: Vec<f64>,
    /// The same for as many as are written out together, where that is another.
    wide: Vec<f64>,
    /// What is read in turn, iteration by iteration, and how many of these are behind.
    in_turn: Vec<f64>,
    done: usize,
    many: File,
    one: File,
    taped: File,
}

impl<'r> Runner<'r> {
    /// Of a loop whose first iteration is given `numbers`, and which reads others `in_turn`.
    pub(crate) fn new(of: &'r Repeat, numbers: Vec<f64>, in_turn: Vec<f64>) -> Self {
        debug_assert_eq!(numbers.len(), of.body.inputs as usize, "one an input");
        let wide = if of.in_turn == 0 {
            Vec::new()
        } else {
            of.widened(&numbers, &vec![0.0; of.in_turn * of.together])
        };
        Self {
            of,
            numbers,
            wide,
            in_turn,
            done: 0,
            many: File::default(),
            one: File::default(),
            taped: File::default(),
        }
    }

    /// More that is read in turn.
    pub(crate) fn reads_on(&mut self, in_turn: impl Iterator<Item = f64>) {
        self.in_turn.extend(in_turn);
    }

    /// The numbers carried on, as they are now.
    pub(crate) fn carried(&self) -> &[f64] {
        &self.numbers[..self.of.carried()]
    }

    /// What the last step was given, or the next one is: one iteration, or as many as are written out together.
    pub(super) fn given(&self, is_many: bool) -> &[f64] {
        if is_many && self.of.in_turn > 0 {
            &self.wide
        } else {
            &self.numbers
        }
    }

    /// Goes to where so many iterations are behind, and the numbers carried on are these.
    pub(crate) fn go_to(&mut self, done: usize, carried: &[f64]) {
        self.numbers[..carried.len()].copy_from_slice(carried);
        self.done = done;
    }

    /// What so many iterations read in turn, with others behind them.
    pub(super) fn reads(&self, done: usize, iterations: usize) -> &[f64] {
        let each = self.of.in_turn;
        &self.in_turn[each * done..each * (done + iterations)]
    }

    /// Does up to so many iterations; gives how many it were: fewer where the loop has ended.
    pub(crate) fn run(&mut self, most: u64) -> u64 {
        let together = self.of.together as u64;
        let mut done = 0;
        while most - done >= together && self.do_many() {
            done += together;
        }
        while done < most && self.do_one() {
            done += 1;
        }
        done
    }

    /// Does as many iterations as are written out together, if all of them are to be done.
    pub(super) fn do_many(&mut self) -> bool {
        if self.of.in_turn == 0 {
            return step(&self.of.many, &mut self.numbers, &mut self.many) || self.do_singly();
        }
        if !self.read(true) {
            return false;
        }
        if !step(&self.of.many, &mut self.wide, &mut self.many) {
            return self.do_singly();
        }
        let carried = self.of.carried();
        self.numbers[..carried].copy_from_slice(&self.wide[..carried]);
        self.done += self.of.together;
        true
    }

    /// Does as many iterations as are written out together, and keeps what the way back reads of them; false
    /// where there is no room for that, or that is not the way to do them.
    fn do_on_tape(&mut self, tape: &mut Tape) -> bool {
        let width = tape.of.as_ref().map(|steps| steps.of.width);
        if !width.is_some_and(|width| tape.grow(width)) || !self.read(true) {
            return false;
        }
        let Some(steps) = &tape.of else {
            return false;
        };
        let forward = &steps.of.forward;
        let is_read = self.of.in_turn > 0;
        let given = if is_read { &self.wide } else { &self.numbers };
        if forward.run(given, &mut self.taped).is_err() {
            return false;
        }
        let (carried, kept) = forward.outputs.split_at(self.of.carried());
        for (number, &place) in self.numbers.iter_mut().zip(carried) {
            *number = self.taped.at(place);
        }
        let kept = kept.iter().map(|&place| self.taped.at(place));
        tape.numbers.extend(kept);
        tape.steps += 1;
        if is_read {
            self.done += self.of.together;
        }
        true
    }

    /// Does as many iterations one by one, if all of them are to be done: where a counter has gone past what
    /// it is never equal to.
    fn do_singly(&mut self) -> bool {
        let of = self.of;
        let counted = |asked: &Asked| match asked {
            Asked::Before(counted) => Some(*counted),
            _ => None,
        };
        let mut counted = of.asked.iter().filter_map(counted).peekable();
        let arrives = |of_it: Counted| of_it.arrives(&of.body, &self.numbers, of.together);
        if of.together == 1 || counted.peek().is_none() || counted.any(arrives) {
            return false;
        }
        let (before, done) = (self.numbers.clone(), self.done);
        let is_done = (0..of.together).all(|_| self.do_one());
        if !is_done {
            (self.numbers, self.done) = (before, done);
        }
        is_done
    }

    /// Does one iteration, if it is to be done.
    pub(super) fn do_one(&mut self) -> bool {
        let is_done = self.read(false) && step(&self.of.one, &mut self.numbers, &mut self.one);
        self.done += usize::from(is_done);
        is_done
    }

    /// Puts in place what one iteration, or several, are given; false where there is not so much to be read.
    pub(super) fn read(&mut self, is_many: bool) -> bool {
        let each = self.of.in_turn;
        if each == 0 {
            return true;
        }
        let count = each * if is_many { self.of.together } else { 1 };
        let Some(read) = self.in_turn.get(each * self.done..each * self.done + count) else {
            return false;
        };
        let carried = self.of.carried();
        if is_many {
            self.wide[..carried].copy_from_slice(&self.numbers[..carried]);
            self.wide[carried..carried + count].copy_from_slice(read);
        } else {
            self.numbers[carried..carried + count].copy_from_slice(read);
        }
        true
    }
}

/// Whether nodes are one after the other, from one on.
fn follow(nodes: &[Ref], first: u32) -> bool {
    /// So many are compared before it is asked whether they do.
    const SOME: usize = 128;
    let mut starts = (first..).step_by(SOME);
    nodes.chunks(SOME).zip(&mut starts).all(|(some, start)| {
        let places = (start..).zip(some);
        places.fold(true, |so, (at, &r)| so & (r == Ref::node(at)))
    })
}

fn step(routine: &Routine, numbers: &mut [f64], file: &mut File) -> bool {
    if routine.run(numbers, file).is_err() {
        return false;
    }
    for (number, &place) in numbers.iter_mut().zip(&routine.outputs) {
        *number = file.at(place);
    }
    true
}

impl Repeated<'_> {
    /// The nodes that it reads in turn, if they follow one another, as the elements of an input do.
    pub(super) fn row(&self) -> Option<Range<usize>> {
        let [ours, others] = self.in_turn_parts();
        let first = ours.first()?.as_node()?;
        let so = follow(ours, first) && follow(others, first + narrow(ours.len()));
        so.then(|| first as usize..first as usize + ours.len() + others.len())
    }
}

impl Trace {
    /// A loop that is about to begin.
    pub(super) fn runner<'t>(&self, repeated: &Repeated<'t>, values: &[f64]) -> Runner<'t> {
        let number = |r: Ref| self.number(r, values);
        let numbers = repeated.operands.iter().copied().map(number).collect();
        let in_turn = self.read_in_turn(repeated, values).into_owned();
        Runner::new(repeated.of, numbers, in_turn)
    }

    /// The numbers that a loop reads in turn.
    pub(super) fn read_in_turn<'v>(
        &self,
        repeated: &Repeated<'_>,
        values: &'v [f64],
    ) -> Cow<'v, [f64]> {
        if let Some(row) = repeated.row() {
            return Cow::Borrowed(&values[row]);
        }
        let parts = repeated.in_turn_parts();
        let mut in_turn = Vec::with_capacity(parts.map(<[Ref]>::len).iter().sum());
        for part in parts {
            match part.first().and_then(|r| r.as_node()) {
                Some(first) if follow(part, first) => {
                    in_turn.extend_from_slice(&values[first as usize..][..part.len()]);
                }
                _ => in_turn.extend(part.iter().map(|&r| self.number(r, values))),
            }
        }
        Cow::Owned(in_turn)
    }

    /// Does a loop whose numbers come after those in `values`: what it has carried on to its end, and how
    /// often it was done. Asks `go_on` now and then, with what iterations have taken since the last time;
    /// false where that says no, and the numbers are of no use.
    pub(in crate::trace) fn run_repeated(
        &self,
        repeated: &Repeated<'_>,
        values: &mut Vec<f64>,
        kept: Option<&mut Kept>,
        go_on: &mut dyn FnMut([u64; 2]) -> bool,
    ) -> bool {
        let of = repeated.of;
        let mut taken = 0_usize;
        let mut states = kept.map(|kept| {
            if kept.loops.len() < self.repeats.len() {
                kept.loops.resize_with(self.repeats.len(), States::default);
            }
            let others = kept.loops.iter().enumerate();
            let others = others.filter(|(which, _)| *which != repeated.which);
            taken = others
                .map(|(_, states)| states.tape.numbers.capacity())
                .sum();
            let states = &mut kept.loops[repeated.which];
            // What is there is another loop's, or of other numbers.
            states.clear();
            states
        });
        if let Some(folded) = of.folded() {
            return self.run_folded(repeated, folded, values, go_on);
        }
        let mut runner = self.runner(repeated, values);
        if let Some(states) = &mut states {
            let room = TAPE.saturating_sub(taken);
            states.tape.begin(of.taped_steps(), room);
        }
        let mut is_taping = states.is_some();
        let together = of.together as u64;
        let asked_after = UNASKED.div_ceil(together);
        let (mut steps, mut told) = (0, [0; 2]);
        loop {
            if let Some(states) = &mut states {
                states.push(runner.carried());
            }
            is_taping = is_taping
                && (states.as_mut()).is_some_and(|states| runner.do_on_tape(&mut states.tape));
            if !is_taping && !runner.do_many() {
                break;
            }
            steps += 1;
            if steps % asked_after == 0 {
                let taken = of.taken(steps * together, runner.carried());
                let since = [taken[0] - told[0], taken[1] - told[1]];
                told = taken;
                if !go_on(since) {
                    return false;
                }
            }
        }
        let trips = steps * together + runner.run(together);
        values.extend_from_slice(runner.carried());
        values.push(trips as f64);
        true
    }
}
