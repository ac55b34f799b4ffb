//! Loops swept: cotangents of what they carried on at the end go back through all iterations.
//!
//! **Invariants**
//! - What the way back reads is computed again from the numbers carried on, which are kept for every few
//!   iterations, or less often where these would be many: memory does not grow with their number.

use super::super::adjoints::{Adjoints, UNTOUCHED};
use super::super::routine::File;
use super::super::routine::pullback::Pullback;
use super::super::{BlockOperation, Trace};
use super::run::States;
use super::{Arrival, Pattern, Repeat, Runner};
use std::sync::Arc;

/// How many steps are taken between two looks at the clock.
const UNASKED: usize = 1 << 10;

/// Cotangents on their way back through a loop.
struct Back<'r> {
    of: &'r Repeat,
    pattern: Pattern,
    /// Of the numbers carried on, with what tells whether they are there.
    cts: Vec<[f64; 2]>,
    /// What has arrived at each input before.
    before: Vec<[f64; 2]>,
    current: Option<(Pattern, Arc<Pullback>)>,
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
        let cts = &adjoints.values[repeated.first..repeated.first + carried];
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
        let numbers: Vec<f64> = operands.iter().map(|&r| self.number(r, values)).collect();
        let befores: Vec<Option<f64>> = operands
            .iter()
            .map(|r| r.as_node().map(|node| adjoints.values[node as usize]))
            .collect();
        let active = of.active(operands);
        let before = |nth: usize| befores[nth].filter(|ct| there(ct) && active[nth]);
        let inputs = operands.len();
        let mut back = Back {
            of,
            pattern: Pattern {
                is_many: false,
                carried: cts.iter().map(|ct| Arrival::of(there(ct))).collect(),
                // Those of the numbers that are carried on are added to in the first iteration alone.
                before: (0..inputs)
                    .map(|nth| Arrival::of(nth >= carried && before(nth).is_some()))
                    .collect(),
                active: active.clone(),
            },
            cts: cts.iter().map(|&ct| [ct, 1.0]).collect(),
            before: (0..inputs)
                .map(|nth| [before(nth).unwrap_or(0.0), 1.0])
                .collect(),
            current: None,
            file: File::default(),
            inputs: Vec::new(),
        };
        let first = (0..carried).map(|nth| Arrival::of(before(nth).is_some()));
        let first: Vec<Arrival> = first.collect();
        let kept = &mut adjoints.kept;
        let states = kept.loops.get_mut(repeated.which).filter(|_| kept.is_there);
        let mut states = states.map(std::mem::take);
        let is_whole = back.sweep(trips, &numbers, &first, &mut states, late);
        if let (Some(states), Some(place)) = (states, adjoints.kept.loops.get_mut(repeated.which)) {
            *place = states;
        }
        if !is_whole {
            return;
        }
        for (nth, operand) in operands.iter().enumerate() {
            let (arrival, [ct, holds]) = if nth < carried {
                (back.pattern.carried[nth], back.cts[nth])
            } else {
                (back.pattern.before[nth], back.before[nth])
            };
            let is_there = match arrival {
                Arrival::Nothing => false,
                Arrival::Always => true,
                Arrival::Where => holds != 0.0,
            };
            if let Some(node) = operand.as_node().filter(|_| is_there && active[nth]) {
                adjoints.values[node as usize] = ct;
            }
        }
    }
}

impl Back<'_> {
    /// Goes back through so many iterations, the first of which was given `numbers`; what has arrived
    /// before at the numbers that it carries on is added where `first` says so. False where it is late.
    fn sweep(
        &mut self,
        trips: u64,
        numbers: &[f64],
        first: &[Arrival],
        states: &mut Option<States>,
        late: &dyn Fn() -> bool,
    ) -> bool {
        let of = self.of;
        let carried = of.carried();
        let steps = usize::try_from(trips / of.together as u64).unwrap_or(usize::MAX);
        let rest = (trips % of.together as u64) as usize;
        let mut runner = Runner::new(of, numbers.to_vec());
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
            self.step(&mut runner, begin, first, is_first);
        }
        self.pattern.is_many = true;
        let spacing = states.spacing;
        let mut between = Vec::new();
        for interval in (0..steps.div_ceil(spacing)).rev() {
            let from = interval * spacing;
            let count = spacing.min(steps - from);
            let start = states.before(interval, carried);
            between.clear();
            between.extend_from_slice(start);
            if count > 1 {
                runner.go_to(start);
                for _ in 1..count {
                    runner.do_many();
                    between.extend_from_slice(runner.carried());
                }
            }
            for nth in (0..count).rev() {
                let is_first = from + nth == 0;
                let begin = &between[nth * carried..][..carried];
                self.step(&mut runner, begin, first, is_first);
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
        runner.go_to(states.before(interval, self.of.carried()));
        for _ in interval * states.spacing..steps {
            runner.do_many();
        }
    }

    /// Goes back through one iteration, or as many as are written out together, which carried on these
    /// numbers from the one before.
    fn step(
        &mut self,
        runner: &mut Runner<'_>,
        carried: &[f64],
        first: &[Arrival],
        is_first: bool,
    ) {
        runner.go_to(carried);
        let count = carried.len();
        if is_first {
            self.pattern.before[..count].copy_from_slice(first);
        }
        if !self
            .current
            .as_ref()
            .is_some_and(|(pattern, _)| *pattern == self.pattern)
        {
            let pullback = self.of.pullback(&self.pattern);
            self.current = Some((self.pattern.clone(), pullback));
        }
        let Some((_, pullback)) = &self.current else {
            return;
        };
        self.inputs.clear();
        self.inputs.extend_from_slice(&runner.numbers);
        let befores = self.before.iter().zip(&self.pattern.before);
        let carries = self.cts.iter().zip(&self.pattern.carried);
        let carries = carries
            .zip(&self.pattern.active)
            .filter(|(_, active)| **active);
        for ([ct, holds], arrival) in befores.chain(carries.map(|(carry, _)| carry)) {
            match arrival {
                Arrival::Nothing => {}
                Arrival::Always => self.inputs.push(*ct),
                Arrival::Where => self.inputs.extend([*ct, *holds]),
            }
        }
        // There are no guards in it.
        let _ = pullback.routine.run(&self.inputs, &mut self.file);
        for (nth, result) in pullback.results.iter().enumerate() {
            let holds = result.and_then(|result| result.holds);
            let arrival = match (result, holds) {
                (None, _) => Arrival::Nothing,
                (Some(_), None) => Arrival::Always,
                (Some(_), Some(_)) => Arrival::Where,
            };
            let ct = result.map_or(0.0, |result| self.file.at(result.ct));
            let holds = holds.map_or(1.0, |holds| self.file.at(holds));
            let (arrivals, cts) = if nth < count {
                (&mut self.pattern.carried, &mut self.cts)
            } else {
                (&mut self.pattern.before, &mut self.before)
            };
            (arrivals[nth], cts[nth]) = (arrival, [ct, holds]);
        }
    }
}
