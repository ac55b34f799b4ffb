//! Loops that carry on nothing but sums, and numbers that go up by as much each time: iterations are done many at
//! a time, as lanes, and only the sums go on in order.
//!
//! What a loop is begun with, and what it reads in turn, go in; what it has carried on to its end, and how
//! often it was done, come out. Cotangents of its sums go back to what its iterations read.
//!
//! **Invariants**
//! - The bits are those of one iteration after the other: a term of a sum reads no sum, so it can be had before
//!   those are; terms are added in order, and adjoints in the order of a sweep, each contribution for itself.
//! - Iterations after the one whose guards fail are done in vain, and count for nothing.

use super::super::adjoints::{Adjoints, UNTOUCHED};
use super::super::flow::Class;
use super::super::routine::folds::{Way, add_all};
use super::super::routine::lanes::{
    Columns, FailedLane, LaneFile, LaneInput, LaneJob, LaneResults, Sums, Which,
};
use super::super::routine::pullback::{Pullback, Seed};
use super::super::routine::{Routine, Wanted};
use super::super::{Operation, Ref, Trace, narrow};
use super::guards::WHOLE;
use super::{Repeat, Repeated};
use crate::prim::Prim;
use crate::prim::math::Cpu;
use crate::threads::lock;
use std::sync::{Arc, Mutex};

/// How many iterations are done at a time, and how many at first, as a loop may be short; few where that is tested.
const AT_ONCE: usize = if cfg!(test) { 16 } else { 512 };
const AT_FIRST: usize = if cfg!(test) { 8 } else { 64 };

/// How many times that is done between two questions whether to go on.
const UNASKED: usize = 1 << 5;

/// For how many patterns the way back is kept.
const PATTERNS: usize = 4;

/// A number of each of some iterations.
type Column = [f64; AT_ONCE];

/// What a number carried on is in the next iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Carried {
    /// Itself.
    Stays,
    /// The sum of itself and a constant.
    Counts { by: f64 },
    /// Itself and a term, or itself without it.
    Sums { is_less: bool },
}

/// An iteration of such a loop.
#[derive(Debug)]
pub(super) struct Folded {
    carried: Vec<Carried>,
    /// Its outputs are the terms of sums, those that are added first.
    terms: Routine,
    /// Which numbers carried on these are of, in the order of the terms; and how many of them are added.
    sums: Vec<usize>,
    added: usize,
    returns: Mutex<Vec<(Returned, Option<Arc<Return>>)>>,
}

/// Which way back is wanted: which inputs of an iteration derivatives flow through, and of which numbers carried
/// on a cotangent has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Returned {
    active: Vec<bool>,
    there: Vec<bool>,
}

/// A way back.
#[derive(Debug)]
struct Return {
    /// Its inputs are those of an iteration, once more for each time that derivatives flow back to one, and the
    /// cotangents; its outputs are contributions.
    pullback: Pullback,
    /// For each of the inputs besides which input of an iteration it is.
    uses: Vec<usize>,
    /// For each input that all iterations read which outputs are contributions to its adjoint: the last one of
    /// the last iteration is added first. Those with as many are beside each other.
    to_all: Vec<(usize, Vec<usize>)>,
    /// The same of what is read in turn: which number of an iteration's, and the output.
    to_turn: Vec<(usize, usize)>,
}

/// Memory for iterations.
#[derive(Default)]
struct Scratch {
    file: LaneFile,
    sums: Sums,
    failed: Vec<FailedLane>,
    /// The numbers carried on that count, and what comes out.
    counters: Vec<Column>,
    results: Vec<Column>,
}

impl Folded {
    /// Of an iteration that is one for it.
    pub(super) fn new(of: &Repeat) -> Option<Self> {
        let (body, next) = (&of.body, &of.next);
        let inputs = body.inputs as usize;
        let mut reads = vec![0; body.len()];
        let operands = body.operations.iter().flat_map(|op| {
            let others = (op.prim == Prim::Select).then_some(op.c);
            let second = (op.prim.operands() == 2 || op.prim == Prim::Select).then_some(op.b);
            [Some(op.a), second, others].into_iter().flatten()
        });
        let guards = body.guards.iter().map(|guard| guard.node);
        for r in operands.chain(guards).chain(next.iter().copied()) {
            if r.is_node() {
                reads[r.index()] += 1;
            }
        }
        let (mut carried, mut terms) = (Vec::new(), Vec::new());
        for (nth, &r) in next.iter().enumerate() {
            let own = Ref::node(narrow(nth));
            if r == own {
                carried.push(Carried::Stays);
                continue;
            }
            let op = body.operations[r.as_node()?.checked_sub(body.inputs)? as usize];
            let (other, is_less) = match op.prim {
                Prim::Add if op.a == own => (op.b, false),
                Prim::Add if op.b == own => (op.a, false),
                Prim::Sub if op.a == own => (op.b, true),
                _ => return None,
            };
            if !other.is_node() {
                let by = body.constants[other.index()];
                let by = if is_less { -by } else { by };
                carried.push(Carried::Counts { by });
                continue;
            }
            // No one else reads the sum, before or after.
            if reads[nth] != 1 || reads[r.index()] != 1 {
                return None;
            }
            carried.push(Carried::Sums { is_less });
            terms.push((is_less, nth, other));
        }
        if terms.is_empty() {
            return None;
        }
        terms.sort_unstable_by_key(|&(is_less, nth, _)| (is_less, nth));
        let outputs: Vec<Ref> = terms.iter().map(|&(.., term)| term).collect();
        let is_all = |input: usize| input >= of.read_in_turn().end;
        let shared: Vec<bool> = (0..inputs).map(is_all).collect();
        let terms_alone = Trace {
            inputs: body.inputs,
            operations: body.operations.clone(),
            constants: body.constants.clone(),
            guards: body.guards.clone(),
            ..Trace::default()
        };
        Some(Self {
            carried,
            terms: Routine::new(
                &terms_alone,
                &Wanted {
                    outputs: &outputs,
                    by: &[],
                    shared: &shared,
                    summed: false,
                    alone: false,
                },
            ),
            sums: terms.iter().map(|&(_, nth, _)| nth).collect(),
            added: terms.iter().filter(|(is_less, ..)| !is_less).count(),
            returns: Mutex::default(),
        })
    }

    /// The memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let returns = lock(&self.returns);
        let returns = returns.iter().filter_map(|(_, of)| of.as_ref());
        let returns: usize = returns.map(|of| of.pullback.routine.bytes()).sum();
        self.terms.bytes() + returns
    }

    /// Puts sums in their places among the numbers carried on.
    fn put(&self, sums: &[f64], numbers: &mut [f64]) {
        for (&nth, &sum) in self.sums.iter().zip(sums) {
            numbers[nth] = sum;
        }
    }

    /// The way back for a pattern, if there is one.
    fn returning(&self, of: &Repeat, returned: &Returned) -> Option<Arc<Return>> {
        let mut known = lock(&self.returns);
        if let Some((_, found)) = known.iter().find(|(key, _)| key == returned) {
            return found.clone();
        }
        if known.len() >= PATTERNS {
            known.remove(0);
        }
        let made = self.returned(of, returned).map(Arc::new);
        known.push((returned.clone(), made.clone()));
        made
    }

    fn returned(&self, of: &Repeat, Returned { active, there }: &Returned) -> Option<Return> {
        let body = &of.body;
        let inputs = body.inputs as usize;
        let is_sum = |nth: usize| matches!(self.carried[nth], Carried::Sums { .. });
        if (0..of.carried()).any(|nth| active[nth] && !is_sum(nth)) {
            return None;
        }
        // Each time that something is read counts for itself. A sweep comes to the last operation first, and
        // there to the first operand.
        let given = of.carried()..inputs;
        let is_read = |r: Ref| {
            let node = r.as_node().map(|node| node as usize);
            node.is_some_and(|node| given.contains(&node) && active[node])
        };
        let operands = |op: &Operation| match op.prim.operands() {
            1 => [None, Some(op.a)],
            _ => [Some(op.b), Some(op.a)],
        };
        let uses = body.operations.iter().flat_map(operands).flatten();
        let uses: Vec<usize> = uses.filter(|&r| is_read(r)).map(Ref::index).collect();
        let moved = |r: Ref| match r.as_node() {
            Some(node) if node >= body.inputs => Ref::node(node + narrow(uses.len())),
            _ => r,
        };
        let mut trace = Trace {
            inputs: body.inputs + narrow(uses.len()),
            constants: body.constants.clone(),
            ..Trace::default()
        };
        let mut place = body.inputs;
        for op in &body.operations {
            let [b, a] = operands(op).map(|r| {
                let r = r?;
                if !is_read(r) {
                    return Some(moved(r));
                }
                place += 1;
                Some(Ref::node(place - 1))
            });
            let (a, c) = (a.unwrap_or(op.a), moved(op.c));
            let b = b.unwrap_or(a);
            trace.operations.push(Operation { a, b, c, ..*op });
        }
        let class = |input: usize| {
            if input < of.read_in_turn().end {
                Class::Lane
            } else {
                Class::Shared
            }
        };
        let all = (0..inputs).chain(uses.iter().copied());
        let mut classes: Vec<Class> = all.map(class).collect();
        let mut seeds = Vec::new();
        for nth in (0..of.carried()).filter(|&nth| there[nth] && active[nth]) {
            seeds.push(Seed {
                node: moved(of.next[nth]),
                ct: narrow(classes.len()),
                holds: None,
            });
            classes.push(Class::Shared);
        }
        let by: Vec<u32> = (body.inputs..place).collect();
        let pullback = Pullback::new(&trace, &seeds, &classes, &by, false);
        let mut to_all: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut to_turn = Vec::new();
        let mut output = 0;
        for (&input, adjoint) in uses.iter().zip(&pullback.results[inputs..]) {
            let Some(adjoint) = adjoint else {
                continue;
            };
            // What arrives in some iterations alone is done one after the other.
            if adjoint.holds.is_some() {
                return None;
            }
            if input < of.read_in_turn().end {
                to_turn.push((input - of.carried(), output));
            } else if let Some((_, outputs)) = to_all.iter_mut().find(|(of, _)| *of == input) {
                outputs.push(output);
            } else {
                to_all.push((input, vec![output]));
            }
            output += 1;
        }
        to_all.sort_by_key(|(_, outputs)| outputs.len());
        Some(Return {
            pullback,
            uses,
            to_all,
            to_turn,
        })
    }
}

/// Puts what counts where some iterations find it, which begin with these numbers; they have gone on by so
/// many iterations afterwards.
fn count_on(carried: &[Carried], numbers: &mut [f64], columns: &mut [Column], iterations: usize) {
    for ((carried, number), column) in carried.iter().zip(numbers).zip(columns) {
        let by = match *carried {
            Carried::Counts { by } => by,
            Carried::Stays => {
                column.fill(*number);
                continue;
            }
            Carried::Sums { .. } => continue,
        };
        let way = by * iterations as f64;
        let last = *number + way;
        let is_whole = |x: f64| x.fract() == 0.0 && x.abs() < WHOLE;
        let is_minus_zero = *number == 0.0 && number.is_sign_negative();
        if !is_minus_zero && [*number, by, way, last].into_iter().all(is_whole) {
            // All that it comes to are whole numbers, and so exact.
            for (at, nth) in column[..iterations].iter_mut().zip(0_i32..) {
                *at = *number + by * f64::from(nth);
            }
            *number = last;
            continue;
        }
        for at in &mut column[..iterations] {
            *at = *number;
            *number += by;
        }
    }
}

/// What iterations are given, on from one of them: as an iteration has its inputs.
fn given<'a>(
    of: &Repeat,
    folded: &Folded,
    numbers: &'a [f64],
    counters: &'a [Column],
    in_turn: &'a [f64],
) -> Vec<LaneInput<'a>> {
    let each = of.in_turn;
    let carried = folded.carried.iter().zip(counters);
    let carried = carried.map(|(carried, column)| match carried {
        // No one reads it.
        Carried::Sums { .. } => LaneInput::Shared(0.0),
        _ => LaneInput::Each(column),
    });
    let turn = (0..each).map(|nth| match each {
        1 => LaneInput::Each(in_turn),
        _ => LaneInput::Strided(in_turn.get(nth..).unwrap_or_default(), each),
    });
    let all = numbers[of.read_in_turn().end..].iter();
    let all = all.map(|&x| LaneInput::Shared(x));
    carried.chain(turn).chain(all).collect()
}

impl Scratch {
    fn new(folded: &Folded, outputs: usize) -> Self {
        Self {
            counters: vec![[0.0; AT_ONCE]; folded.carried.len()],
            results: vec![[0.0; AT_ONCE]; outputs],
            ..Self::default()
        }
    }
}

/// Runs code for some iterations; gives how many there are up to the first whose guards fail.
fn run(
    routine: &Routine,
    inputs: &[LaneInput<'_>],
    iterations: usize,
    results: &mut [Column],
    (file, sums, failed): (&mut LaneFile, &mut Sums, &mut Vec<FailedLane>),
) -> usize {
    failed.clear();
    let outputs = results.iter_mut().map(|column| &mut column[..iterations]);
    let mut results = LaneResults {
        columns: Columns {
            outputs: outputs.collect(),
            ..Columns::default()
        },
        sums,
        failed,
    };
    let job = LaneJob {
        inputs,
        which: Which::Range(0, iterations),
        cpu: Cpu::detect(),
        late: &|| false,
    };
    routine.run_lanes(&job, &mut results, file);
    let lanes = failed.iter().map(|failed| failed.lane as usize);
    lanes.min().unwrap_or(iterations)
}

impl Trace {
    /// Does such a loop, as [`run_repeated`](Self::run_repeated) does others.
    pub(super) fn run_folded(
        &self,
        repeated: &Repeated<'_>,
        folded: &Folded,
        values: &mut Vec<f64>,
        go_on: &mut dyn FnMut([u64; 2]) -> bool,
    ) -> bool {
        let of = repeated.of;
        let operands = repeated.operands.iter();
        let mut numbers: Vec<f64> = operands.map(|&r| self.number(r, values)).collect();
        let in_turn = self.read_in_turn(repeated, values);
        let most = in_turn.len().checked_div(of.in_turn);
        let mut sums: Vec<f64> = folded.sums.iter().map(|&nth| numbers[nth]).collect();
        let mut scratch = Scratch::new(folded, sums.len());
        let (mut trips, mut times, mut told) = (0, 0, [0; 2]);
        let is_whole = loop {
            let at_once = if times == 0 { AT_FIRST } else { AT_ONCE };
            let count = most.map_or(at_once, |most| at_once.min(most - trips));
            if count == 0 {
                break true;
            }
            count_on(&folded.carried, &mut numbers, &mut scratch.counters, count);
            let read = in_turn.get(trips * of.in_turn..).unwrap_or_default();
            let inputs = given(of, folded, &numbers, &scratch.counters, read);
            if times == 0 {
                folded.terms.begin(&inputs, &mut scratch.file);
            }
            let memory = (&mut scratch.file, &mut scratch.sums, &mut scratch.failed);
            let done = run(&folded.terms, &inputs, count, &mut scratch.results, memory);
            let (added, taken) = sums.split_at_mut(folded.added);
            for (sums, is_less) in [(added, false), (taken, true)] {
                let first = if is_less { folded.added } else { 0 };
                let way = Way {
                    is_backwards: false,
                    is_less,
                };
                add_all(sums, way, |nth| &scratch.results[first + nth][..done]);
            }
            trips += done;
            times += 1;
            if done < count {
                for (nth, carried) in folded.carried.iter().enumerate() {
                    if !matches!(carried, Carried::Sums { .. }) {
                        numbers[nth] = scratch.counters[nth][done];
                    }
                }
                break true;
            }
            if times % UNASKED == 0 {
                folded.put(&sums, &mut numbers);
                let taken = of.taken(trips as u64, &numbers[..of.carried()]);
                let since = [taken[0] - told[0], taken[1] - told[1]];
                told = taken;
                if !go_on(since) {
                    break false;
                }
            }
        };
        drop(in_turn);
        if is_whole {
            folded.put(&sums, &mut numbers);
            values.extend_from_slice(&numbers[..of.carried()]);
            values.push(trips as f64);
        }
        is_whole
    }

    /// Sends the cotangents of such a loop's numbers to what it was begun with; false where that is to be done
    /// one iteration after the other. Only some of them arrive where it is late.
    pub(super) fn sweep_folded(
        &self,
        repeated: &Repeated<'_>,
        folded: &Folded,
        values: &[f64],
        active: &[bool],
        adjoints: &mut Adjoints,
        late: &dyn Fn() -> bool,
    ) -> bool {
        let of = repeated.of;
        let carried = of.carried();
        let cts = adjoints.values[repeated.first..repeated.first + carried].to_vec();
        let returned = Returned {
            active: active.to_vec(),
            there: cts.iter().map(|ct| ct.to_bits() != UNTOUCHED).collect(),
        };
        let Some(back) = folded.returning(of, &returned) else {
            return false;
        };
        let routine = &back.pullback.routine;
        let operands = repeated.operands.iter();
        let mut numbers: Vec<f64> = operands.map(|&r| self.number(r, values)).collect();
        let in_turn = self.read_in_turn(repeated, values);
        let trips = values[repeated.trips()] as usize;
        let mut scratch = Scratch::new(folded, routine.outputs.len());
        let is_counted = routine
            .lane_inputs
            .iter()
            .any(|&(input, _)| (input as usize) < carried);
        // What counts is where some iterations begin.
        let mut starts = Vec::new();
        if is_counted {
            for _ in 0..trips.div_ceil(AT_ONCE) {
                starts.extend_from_slice(&numbers[..carried]);
                count_on(
                    &folded.carried,
                    &mut numbers,
                    &mut scratch.counters,
                    AT_ONCE,
                );
            }
        }
        let node_of = |input: usize| repeated.operands[input].as_node().map(|node| node as usize);
        let adjoint_of = |input: usize, adjoints: &Adjoints| {
            let adjoint = node_of(input).map_or(-0.0, |node| adjoints.values[node]);
            // To add to this changes nothing.
            if adjoint.to_bits() == UNTOUCHED {
                -0.0
            } else {
                adjoint
            }
        };
        let all = back.to_all.iter();
        let mut sums: Vec<f64> = all.map(|(input, _)| adjoint_of(*input, adjoints)).collect();
        let mut rows: Vec<Vec<f64>> = Vec::new();
        let parts = repeated.in_turn_parts();
        for block in (0..trips.div_ceil(AT_ONCE)).rev() {
            let first = block * AT_ONCE;
            let count = AT_ONCE.min(trips - first);
            if is_counted {
                numbers[..carried].copy_from_slice(&starts[block * carried..][..carried]);
                count_on(&folded.carried, &mut numbers, &mut scratch.counters, count);
            }
            let read = in_turn.get(first * of.in_turn..).unwrap_or_default();
            let mut inputs = given(of, folded, &numbers, &scratch.counters, read);
            for &input in &back.uses {
                inputs.push(inputs[input]);
            }
            let seeds = cts.iter().zip(&returned.there).zip(active);
            let seeds = seeds.filter(|((_, there), active)| **there && **active);
            inputs.extend(seeds.map(|((&ct, _), _)| LaneInput::Shared(ct)));
            if first + count == trips {
                routine.begin(&inputs, &mut scratch.file);
            }
            let memory = (&mut scratch.file, &mut scratch.sums, &mut scratch.failed);
            // There are no guards in it.
            run(routine, &inputs, count, &mut scratch.results, memory);
            let results = &scratch.results;
            let mut at = 0;
            for alike in back.to_all.chunk_by(|(_, a), (_, b)| a.len() == b.len()) {
                let sums = &mut sums[at..at + alike.len()];
                at += alike.len();
                let way = Way {
                    is_backwards: true,
                    is_less: false,
                };
                if let [(_, one), ..] = alike
                    && one.len() == 1
                {
                    add_all(sums, way, |nth| &results[alike[nth].1[0]][..count]);
                    continue;
                }
                rows.resize(rows.len().max(alike.len()), Vec::new());
                for (row, (_, outputs)) in rows.iter_mut().zip(alike) {
                    row.clear();
                    let each =
                        (0..count).flat_map(|at| outputs.iter().map(move |&of| results[of][at]));
                    row.extend(each);
                }
                add_all(sums, way, |nth| &rows[nth]);
            }
            if !back.to_turn.is_empty() {
                for iteration in (first..first + count).rev() {
                    for &(nth, output) in back.to_turn.iter().rev() {
                        let place = iteration * of.in_turn + nth;
                        let later = || parts[1].get(place - parts[0].len());
                        let r = parts[0].get(place).or_else(later);
                        if let Some(node) = r.and_then(|r| r.as_node()) {
                            adjoints.add(node as usize, results[output][iteration - first]);
                        }
                    }
                }
            }
            if block % UNASKED == UNASKED - 1 && late() {
                return true;
            }
        }
        for ((input, _), sum) in back.to_all.iter().zip(sums) {
            if let Some(node) = node_of(*input) {
                adjoints.values[node] = sum;
            }
        }
        for nth in (0..carried).filter(|&nth| returned.there[nth] && active[nth]) {
            if let Some(node) = node_of(nth) {
                adjoints.add(node, cts[nth]);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Carried, count_on};

    #[test]
    fn counters_have_the_bits_of_one_addition_after_the_other() {
        let largest = 9_007_199_254_740_990.0;
        let starts = [
            0.0,
            -0.0,
            1.0,
            -3.0,
            0.1,
            largest,
            -largest,
            1e300,
            f64::NAN,
        ];
        let steps = [
            1.0,
            -1.0,
            -0.0,
            0.0,
            0.1,
            1_125_899_906_842_625.0,
            3e14,
            f64::INFINITY,
        ];
        for (start, by) in starts
            .into_iter()
            .flat_map(|start| steps.map(|by| (start, by)))
        {
            let (mut numbers, mut columns) = ([start], [[0.0; AT_ONCE]]);
            count_on(
                &[Carried::Counts { by }],
                &mut numbers,
                &mut columns,
                AT_ONCE,
            );
            let mut x = start;
            let told = columns[0].into_iter().chain(numbers);
            for (nth, told) in told.enumerate() {
                assert_eq!(told.to_bits(), x.to_bits(), "{start} by {by}, {nth}");
                x += by;
            }
        }
    }
}
