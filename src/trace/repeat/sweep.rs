//! Loops swept: cotangents of what they carried on at the end go back through all iterations.
//!
//! **Invariants**
//! - What the way back reads is computed again from the numbers carried on, which are kept for every few
//!   iterations, or less often where these would be many: memory does not grow with their number.

use super::super::adjoints::{Adjoints, UNTOUCHED};
use super::super::routine::pullback::Pullback;
use super::super::routine::{File, Place};
use super::super::{BlockOperation, Ref, Trace};
use super::run::{States, Tape};
use super::{Arrival, Pattern, Repeat, Runner};
use std::ops::Range;
use std::sync::Arc;

/// How many steps are taken between two looks at the clock.
const UNASKED: usize = 1 << 10;

/// Of how many steps what they read is kept the next time; few where that is tested.
const LONG: usize = if cfg!(test) { 2 } else { 8 };

/// Cotangents on their way back through a loop.
struct Back<'r> {
    of: &'r Repeat,
    /// What it reads in turn, and the adjoints of all nodes.
    in_turn: Vec<Ref>,
    adjoints: &'r mut [f64],
    pattern: Pattern,
    /// Of the numbers carried on, with what tells whether they are there.
    cts: Vec<[f64; 2]>,
    /// What has arrived at each input before.
    before: Vec<[f64; 2]>,
    current: Option<(Pattern, Arc<Pullback>)>,
    /// Where what a step has come to is read by the next one, while that has the same pattern.
    steady: Option<Vec<(usize, Place)>>,
    /// Whether steps read what the way there has kept for them.
    is_taped: bool,
    file: File,
    inputs: Vec<f64>,
}

impl Trace {
    /// Passes the cotangents of a loop's numbers to what it was begun with; some of them where it is late.
    pub(in crate::trace) fn sweep_repeated(
        &self,
        block: &BlockOperation,
        values: &[f64],
        adjoints: &mut Adjoints,
        late: &dyn Fn() -> bool,
    ) {
        let Some(repeated) = self.repeated(block) else {
            return;
        };
        let (of, operands) = (repeated.of, repeated.operands);
        let carried = of.carried();
        let cts = adjoints.values[repeated.first..repeated.first + carried].to_vec();
        let there = |ct: &f64| ct.to_bits() != UNTOUCHED;
        if !cts.iter().any(there) {
            return;
        }
        let trips = values[repeated.trips()] as u64;
        if trips == 0 {
            // What it came to is what it was begun with.
            for (at, operand) in (repeated.first..repeated.trips()).zip(operands) {
                let ct = adjoints.values[at];
                if let Some(node) = operand.as_node().filter(|_| there(&ct)) {
                    adjoints.add(node as usize, ct);
                }
            }
            return;
        }
        let runner = self.runner(&repeated, values);
        let befores: Vec<Option<f64>> = operands
            .iter()
            .map(|r| r.as_node().map(|node| adjoints.values[node as usize]))
            .collect();
        let mut flows: Vec<bool> = operands
            .iter()
            .map(|r| r.as_node().is_some_and(|node| adjoints.is_wanted(node)))
            .collect();
        let reads = of.read_in_turn();
        let row = repeated.row();
        let is_of_no_use = row.is_some_and(|row| !adjoints.is_some_wanted(row));
        let later = repeated.in_turn_parts()[1];
        let later = if is_of_no_use { &[] } else { later };
        for iteration in later.chunks(reads.len().max(1)) {
            for (flows, r) in flows[reads.clone()].iter_mut().zip(iteration) {
                *flows |= r.as_node().is_some_and(|node| adjoints.is_wanted(node));
            }
        }
        let active = of.active(flows);
        if let Some(folded) = of.folded()
            && self.sweep_folded(&repeated, folded, values, &active, adjoints, late)
        {
            return;
        }
        let before = |nth: usize| befores[nth].filter(|ct| there(ct) && active[nth]);
        let inputs = operands.len();
        let first = (0..carried).map(|nth| Arrival::of(before(nth).is_some()));
        let first: Vec<Arrival> = first.collect();
        let kept = &mut adjoints.kept;
        let states = kept.loops.get_mut(repeated.which).filter(|_| kept.is_there);
        let mut states = states.map(std::mem::take);
        let mut back = Back {
            of,
            in_turn: repeated.in_turn_parts().concat(),
            pattern: Pattern {
                is_many: false,
                carried: cts.iter().map(|ct| Arrival::of(there(ct))).collect(),
                // Those of the numbers that are carried on are added to in the first iteration alone.
                before: (0..inputs)
                    .map(|nth| Arrival::of(nth >= carried && before(nth).is_some()))
                    .collect(),
                in_turn: Vec::new(),
                active: active.clone(),
            },
            cts: cts.iter().map(|&ct| [ct, 1.0]).collect(),
            before: (0..inputs)
                .map(|nth| [before(nth).unwrap_or(0.0), 1.0])
                .collect(),
            current: None,
            steady: None,
            is_taped: false,
            file: File::default(),
            inputs: Vec::new(),
            adjoints: &mut adjoints.values,
        };
        for nth in of.read_in_turn() {
            back.pattern.before[nth] = Arrival::Nothing;
        }
        let is_whole = back.sweep(trips, runner, &first, &mut states, late);
        let Back {
            pattern,
            cts,
            before,
            ..
        } = back;
        if let (Some(states), Some(place)) = (states, adjoints.kept.loops.get_mut(repeated.which)) {
            *place = states;
        }
        if !is_whole {
            return;
        }
        for (nth, operand) in operands.iter().enumerate() {
            if of.read_in_turn().contains(&nth) {
                continue;
            }
            let (arrival, [ct, holds]) = if nth < carried {
                (pattern.carried[nth], cts[nth])
            } else {
                (pattern.before[nth], before[nth])
            };
            let is_there = arrival.is_there(holds);
            if let Some(node) = operand.as_node().filter(|_| is_there && active[nth]) {
                adjoints.values[node as usize] = ct;
            }
        }
    }
}

impl Back<'_> {
    /// Goes back through so many iterations, of a loop that is about to begin; what has arrived before at
    /// the numbers that its first one carries on is added where `first` says so. False where it is late.
    fn sweep(
        &mut self,
        trips: u64,
        mut runner: Runner<'_>,
        first: &[Arrival],
        states: &mut Option<States>,
        late: &dyn Fn() -> bool,
    ) -> bool {
        let of = self.of;
        let carried = of.carried();
        let steps = usize::try_from(trips / of.together as u64).unwrap_or(usize::MAX);
        let rest = (trips % of.together as u64) as usize;
        let states = states.get_or_insert_with(States::default);
        // What a replay has kept goes up to the step that was not whole, where iterations are done singly.
        if states.steps == steps + 1 {
            self.to_the_rest(&mut runner, states, steps);
        } else {
            states.clear();
            for step in 0..=steps {
                states.push(runner.carried());
                let is_late = step % UNASKED == UNASKED - 1 && late();
                if is_late || (step < steps && !runner.do_many()) {
                    return false;
                }
            }
        }
        let mut singles = Vec::with_capacity(rest * carried);
        for _ in 0..rest {
            singles.extend_from_slice(runner.carried());
            if !runner.do_one() {
                return false;
            }
        }
        self.pattern.is_many = false;
        for nth in (0..rest).rev() {
            let is_first = steps == 0 && nth == 0;
            let begin = &singles[nth * carried..][..carried];
            let at = steps * of.together + nth;
            if is_first || !self.step_steadily(&runner, at, begin) {
                self.step(&mut runner, (at, begin), first, is_first);
            }
        }
        self.settle();
        // Some of these are not like the others.
        let is_long = steps >= LONG;
        self.pattern.is_many = true;
        let spacing = states.spacing;
        let mut between = Vec::new();
        for interval in (0..steps.div_ceil(spacing)).rev() {
            let from = interval * spacing;
            let count = spacing.min(steps - from);
            let start = states.before(interval, carried);
            between.clear();
            between.extend_from_slice(start);
            // Those that are on the tape begin with nothing else.
            let is_kept = self.is_taped && from + count <= states.tape.steps;
            if count > 1 && !is_kept {
                runner.go_to(from * of.together, start);
                for _ in 1..count {
                    runner.do_many();
                    between.extend_from_slice(runner.carried());
                }
            }
            for nth in (0..count).rev() {
                let is_first = from + nth == 0;
                let at = (from + nth) * of.together;
                if is_first || !self.step_on_tape(&states.tape, from + nth) {
                    let begin = &between[nth * carried..][..carried];
                    if is_first || !self.step_steadily(&runner, at, begin) {
                        self.step(&mut runner, (at, begin), first, is_first);
                        if is_long
                            && let (Some(_), Some((pattern, _))) = (&self.steady, &self.current)
                        {
                            of.note_steps(pattern);
                        }
                    }
                }
                if (from + nth) % UNASKED == UNASKED - 1 && late() {
                    return false;
                }
            }
        }
        true
    }

    /// Brings a loop to where its last iterations are done singly, after so many steps.
    fn to_the_rest(&self, runner: &mut Runner<'_>, states: &States, steps: usize) {
        let interval = steps / states.spacing;
        let from = interval * states.spacing;
        let start = states.before(interval, self.of.carried());
        runner.go_to(from * self.of.together, start);
        for _ in from..steps {
            runner.do_many();
        }
    }

    /// The same as [`step`](Self::step) after one that had the same pattern, if it had: all that was found out
    /// for that holds.
    fn step_steadily(&mut self, runner: &Runner<'_>, at: usize, carried: &[f64]) -> bool {
        let (Some(_), Some((_, pullback))) = (&self.steady, &self.current) else {
            return false;
        };
        let in_turn = runner.reads(at, self.times());
        let (now, rest) = self.inputs.split_at_mut(carried.len());
        now.copy_from_slice(carried);
        rest[..in_turn.len()].copy_from_slice(in_turn);
        // There are no guards in it.
        let _ = pullback.routine.run(&self.inputs, &mut self.file);
        self.pass_on();
        true
    }

    /// The same, with what the way there has kept of the step: nothing of it is computed again.
    fn step_on_tape(&mut self, tape: &Tape, nth: usize) -> bool {
        let Some(steps) = tape.of.as_ref().filter(|_| nth < tape.steps) else {
            return false;
        };
        if !self.is_taped {
            let (Some(_), Some((pattern, current))) = (&self.steady, &mut self.current) else {
                return false;
            };
            if *pattern != steps.pattern {
                return false;
            }
            *current = Arc::clone(&steps.of.back);
            // What cotangents are is read where it was, and is somewhere else afterwards.
            self.steady = self.moves(&steps.of.back, self.of.in_turn * self.of.together);
            self.inputs.resize(self.inputs.len() + steps.of.width, 0.0);
            self.is_taped = true;
        }
        let kept = self.inputs.len() - steps.of.width;
        self.inputs[kept..].copy_from_slice(tape.of_step(nth));
        // There are no guards in it.
        let _ = steps.of.back.routine.run(&self.inputs, &mut self.file);
        self.pass_on();
        true
    }

    /// How many iterations a step is.
    fn times(&self) -> usize {
        if self.pattern.is_many {
            self.of.together
        } else {
            1
        }
    }

    /// Notes what steps have come to of which each was like the one before.
    fn settle(&mut self) {
        if self.steady.take().is_some() {
            self.arrive(0..0);
        }
        if std::mem::take(&mut self.is_taped) {
            self.current = None;
        }
    }

    /// Puts what a step has come to where the next one reads it.
    fn pass_on(&mut self) {
        for &(input, place) in self.steady.iter().flatten() {
            self.inputs[input] = self.file.at(place);
        }
    }

    /// Goes back through one iteration, or as many as are written out together, which carried on these
    /// numbers from the one before, with so many behind them.
    fn step(
        &mut self,
        runner: &mut Runner<'_>,
        (at, carried): (usize, &[f64]),
        first: &[Arrival],
        is_first: bool,
    ) {
        let is_many = self.pattern.is_many;
        self.settle();
        runner.go_to(at, carried);
        runner.read(is_many);
        let count = carried.len();
        if is_first {
            self.pattern.before[..count].copy_from_slice(first);
        }
        let times = self.times();
        let each = self.of.in_turn;
        let turn = each * at..each * (at + times);
        let reads = self.of.read_in_turn();
        let is_active = |nth: usize| self.pattern.active[reads.start + nth % each];
        self.pattern.in_turn.clear();
        let arrivals = self.in_turn[turn.clone()].iter().enumerate();
        self.pattern.in_turn.extend(arrivals.map(|(nth, r)| {
            let node = r.as_node().filter(|_| is_active(nth));
            Arrival::of(
                node.is_some_and(|node| self.adjoints[node as usize].to_bits() != UNTOUCHED),
            )
        }));
        if !self
            .current
            .as_ref()
            .is_some_and(|(pattern, _)| *pattern == self.pattern)
        {
            let pullback = self.of.pullback(&self.pattern, true);
            self.current = Some((self.pattern.clone(), pullback));
        }
        let Some((_, pullback)) = &self.current else {
            return;
        };
        let pullback = Arc::clone(pullback);
        self.inputs.clear();
        self.inputs.extend_from_slice(runner.given(is_many));
        // As the pattern has them.
        let [before_carried, before_all] = [0..count, reads.end..self.before.len()].map(|range| {
            let befores = self.before[range.clone()].iter().copied();
            befores.zip(&self.pattern.before[range])
        });
        let in_turn = self.in_turn[turn.clone()].iter().zip(&self.pattern.in_turn);
        let in_turn = in_turn.map(|(r, arrival)| {
            let there = *arrival != Arrival::Nothing;
            let node = r.as_node().filter(|_| there);
            let ct = node.map_or(0.0, |node| self.adjoints[node as usize]);
            ([ct, 1.0], arrival)
        });
        let carries = self.cts.iter().copied().zip(&self.pattern.carried);
        let carries = carries
            .zip(&self.pattern.active)
            .filter(|(_, active)| **active)
            .map(|(carry, _)| carry);
        let all = before_carried
            .chain(in_turn)
            .chain(before_all)
            .chain(carries);
        for ([ct, holds], arrival) in all {
            match arrival {
                Arrival::Nothing => {}
                Arrival::Always => self.inputs.push(ct),
                Arrival::Where => self.inputs.extend([ct, holds]),
            }
        }
        // There are no guards in it.
        let _ = pullback.routine.run(&self.inputs, &mut self.file);
        self.arrive(turn);
        let is_read = |nth: usize| self.pattern.active[nth];
        if !is_first && !reads.clone().any(is_read) {
            self.steady = self.moves(&pullback, each * times);
            self.pass_on();
        }
    }

    /// Where the next step reads what this one, which read so many numbers in turn, has come to; none where
    /// that is to have another pattern.
    fn moves(&self, pullback: &Pullback, width: usize) -> Option<Vec<(usize, Place)>> {
        let (pattern, _) = self.current.as_ref()?;
        if *pattern != self.pattern {
            return None;
        }
        let carried = self.of.carried();
        let all = self.of.read_in_turn().end..pattern.before.len();
        let befores = all.map(|nth| (pattern.before[nth], nth - self.of.in_turn + width));
        let active = (0..carried).filter(|&nth| pattern.active[nth]);
        let carries = active.map(|nth| (pattern.carried[nth], nth));
        let mut input = carried + width + self.before.len() - self.of.read_in_turn().end;
        let mut moves = Vec::new();
        for (arrival, nth) in befores.chain(carries) {
            if arrival == Arrival::Nothing {
                continue;
            }
            let result = pullback.results[nth]?;
            for place in std::iter::once(result.ct).chain(result.holds) {
                moves.push((input, place));
                input += 1;
            }
        }
        debug_assert_eq!(input, self.inputs.len(), "each input is read by one");
        Some(moves)
    }

    /// Notes what a step, which read these numbers in turn, has come to.
    fn arrive(&mut self, turn: Range<usize>) {
        let Some((_, pullback)) = &self.current else {
            return;
        };
        let reads = self.of.read_in_turn();
        let count = reads.start;
        // Those read in turn are told one by one.
        let width = pullback.results.len() + reads.end - count - self.before.len();
        let results = pullback.results.iter().map(|result| {
            let holds = result.and_then(|result| result.holds);
            let arrival = match (result, holds) {
                (None, _) => Arrival::Nothing,
                (Some(_), None) => Arrival::Always,
                (Some(_), Some(_)) => Arrival::Where,
            };
            let ct = result.map_or(0.0, |result| self.file.at(result.ct));
            (
                arrival,
                [ct, holds.map_or(1.0, |holds| self.file.at(holds))],
            )
        });
        for (nth, (arrival, adjoint)) in results.enumerate() {
            if nth < count {
                (self.pattern.carried[nth], self.cts[nth]) = (arrival, adjoint);
            } else if let Some(nth) = (nth - count).checked_sub(width) {
                let nth = reads.end + nth;
                (self.pattern.before[nth], self.before[nth]) = (arrival, adjoint);
            } else if let Some(r) = self.in_turn[turn.clone()].get(nth - count)
                && let Some(node) = r.as_node()
                && arrival.is_there(adjoint[1])
            {
                self.adjoints[node as usize] = adjoint[0];
            }
        }
    }
}
