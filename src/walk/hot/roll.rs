//! Long loops kept as one iteration: when the iterations of one way have become many, they are taken out of
//! the trace again, and what stands for them is a [`Repeat`], which is done as compiled code to its end.
//!
//! **Invariants**
//! - That is for iterations that compute with single numbers alone, and carry on nothing else that changes but
//!   structure that they go [`along`](super::along). What the code gives was held, to the bit, against what
//!   the iterations so far came to.
//! - Fuel, clock and counts are those of the iterations, one by one; where a limit is met, the walk goes on
//!   from the iteration before.
//! - Numbers carried on have nodes afterwards where they, or how often it was done, depend on nodes. Where
//!   it goes along structure it is always done as often.

use super::along::{Along, Reader};
use super::code::{Ended, Op, Way, What, value_of};
use super::is_same;
use crate::prim::Prim;
use crate::prim::value::{Node, Tag, Value};
use crate::trace::record::{Mark, Number, Recorder};
use crate::trace::repeat::{Repeat, Runner};
use crate::trace::{Operation, Ref, Trace};
use crate::walk::Walk;
use crate::walk::cost::{Cost, ForkCost, sum_of_forks};
use crate::walk::fork::number;
use crate::walk::text::LARGEST_WHOLE;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// How many iterations are done between two looks at what they take.
const CHUNK: u64 = 1 << 13;

/// How many numbers are read in turn by one loop, at the most.
const READ: usize = 1 << 21;

/// Where loops are kept as one iteration from fewer operations on, so that any number of iterations has a path
/// in common, those that read numbers in turn are not: each number of iterations is a path of its own.
const SHORT: usize = 1 << 14;

/// Where iterations of a way began.
pub(super) struct Began {
    registers: Vec<Value>,
    mark: Mark,
    done: [usize; 2],
    cells: usize,
    forks: usize,
    listed: Cost,
    cost: Cost,
    rounded: u64,
}

/// A loop, and what it is begun with.
struct Rolled {
    of: Arc<Repeat>,
    inputs: Inputs,
}

impl Rolled {
    /// What so many iterations have cost, which have come to these numbers.
    fn cost(&self, trips: u64, carried: &[f64]) -> Cost {
        let [applications, work] = self.of.taken(trips, carried);
        Cost { applications, work }
    }
}

/// What an iteration is given, as the inputs of a trace.
struct Inputs {
    /// The registers carried on.
    carried: Vec<u32>,
    /// How many numbers are read in turn.
    in_turn: usize,
    /// All numbers: those carried on, those read in turn, and those that all iterations read.
    numbers: Vec<Number>,
}

impl Walk<'_> {
    /// Notes where iterations begin.
    pub(super) fn began(&self, registers: &[Value]) -> Began {
        Began {
            registers: registers.to_vec(),
            mark: self.recorder.mark(),
            done: [self.recorder.operations(), self.recorder.guards()],
            cells: self.heap.len(),
            forks: self.forks.costs.len(),
            listed: self.forks.listed,
            cost: self.meter.cost(),
            rounded: self.meter.rounded,
        }
    }

    /// Whether so many iterations are to be kept as one.
    #[inline]
    pub(super) fn is_long(&self, began: &Began, runs: u64) -> bool {
        let long = self.recorder.rolls.unwrap_or(usize::MAX).min(self.hot.long);
        // What of it is worth it is at least one iteration.
        runs > 0 && (self.recorder.operations() - began.done[0] >= long || runs >= long as u64)
    }

    /// Keeps the iterations of a way since they began as one, and goes on to the end of the loop. Gives how
    /// many iterations that were, and why it is at its end; none, and nothing has changed, where it cannot be.
    pub(super) fn roll(
        &mut self,
        way: &Way,
        registers: &mut [Value],
        began: &Began,
        runs: u64,
    ) -> Option<(u64, Ended)> {
        let is_simple = way.took.rounded == 0
            && self.heap.len() == began.cells
            && self.meter.rounded == began.rounded;
        if !is_simple {
            return None;
        }
        let along = Along::of(way, registers)?;
        let is_short = self.recorder.rolls.is_some_and(|from| from < SHORT);
        if is_short && !along.in_turn.is_empty() {
            return None;
        }
        let mut code = way.code.iter().enumerate();
        if !code.all(|(index, op)| along.has(index) || is_plain(op)) {
            return None;
        }
        let mut reader = along.reader(&began.registers);
        if reader.each() == 0 {
            // Nothing would tell where structure ends.
            if along.goes_on(way, registers) {
                return None;
            }
        } else if self.read(way, &mut reader, runs) != runs
            || !reader
                .carried()
                .all(|(at, value)| is_same(value, registers[at as usize]))
        {
            return None;
        }
        let mut rolled = self.iteration(way, began, (&along, registers), &reader.numbers)?;
        let inputs = &rolled.inputs;
        let begin = inputs.numbers.iter().map(|x| x.value).collect();
        let read = reader.numbers.iter().map(|x| x.value).collect();
        let of = rolled.of.clone();
        let mut runner = Runner::new(&of, begin, read);
        let is_same = |(&at, &x): (&u32, &f64)| {
            let walked = registers[at as usize].number();
            walked.to_bits() == x.to_bits() || (walked.is_nan() && x.is_nan())
        };
        if !are_distinct(inputs, &reader.numbers, reader.each())
            || runner.run(runs) != runs
            || !inputs.carried.iter().zip(runner.carried()).all(is_same)
            || rolled.cost(runs, runner.carried()) != self.meter.cost() - began.cost
        {
            return None;
        }
        let done = [self.recorder.operations(), self.recorder.guards()];
        let mut each = [0; 2];
        for (each, (done, began)) in each.iter_mut().zip(done.into_iter().zip(began.done)) {
            let count = (done - began) as u64;
            if !count.is_multiple_of(runs) {
                return None;
            }
            *each = count / runs;
        }
        let is_int = |at: &u32| began.registers[*at as usize].tag == Tag::Int;
        let ints: Vec<bool> = inputs.carried.iter().map(is_int).collect();
        let is_rounded = |runner: &Runner<'_>| {
            let mut all = runner.carried().iter().zip(&ints);
            all.any(|(x, &is_int)| is_int && (x.abs() > LARGEST_WHOLE || x.is_nan()))
        };
        if is_rounded(&runner) {
            return None;
        }
        let mut trips = runs;
        let mut start = runner.carried().to_vec();
        let ended = loop {
            let stands = reader.stands();
            if reader.each() > 0 {
                if reader.numbers.len() > READ {
                    break Ended::Looks;
                }
                self.read(way, &mut reader, CHUNK);
                let read = &reader.numbers[stands.1..];
                if !are_distinct(inputs, read, reader.each()) {
                    reader.go_back(stands);
                    break Ended::Looks;
                }
                runner.reads_on(read.iter().map(|x| x.value));
            }
            let done = runner.run(CHUNK);
            if reader.each() > 0 && (trips + done) as usize != reader.iterations() {
                reader.go_back(stands.clone());
                self.read(way, &mut reader, done);
            }
            let before = rolled.cost(trips, &start);
            let cost = rolled.cost(trips + done, runner.carried()) - before;
            // Ints that are rounded are counted, one by one; limits are met by the walk.
            if is_rounded(&runner) || !self.count(way, done, cost) {
                runner.go_to(trips as usize, &start);
                reader.go_back(stands);
                break Ended::Looks;
            }
            trips += done;
            if done < CHUNK {
                break Ended::Otherwise;
            }
            start.clear();
            start.extend_from_slice(runner.carried());
        };
        if !are_distinct(inputs, &reader.numbers, reader.numbers.len()) {
            rolled.of = Arc::new(of.one_by_one());
        }
        if reader.each() > 0 {
            for (at, value) in reader.carried() {
                registers[at as usize] = value;
            }
        }
        self.keep_rolled(&rolled, (&runner, &reader), registers, (began, each), trips);
        Some((trips, ended))
    }

    /// Puts a loop in the place of iterations, and what it came to into registers.
    fn keep_rolled(
        &mut self,
        rolled: &Rolled,
        (runner, reader): (&Runner<'_>, &Reader<'_>),
        registers: &mut [Value],
        (began, each): (&Began, [u64; 2]),
        trips: u64,
    ) {
        let Rolled { of, inputs } = rolled;
        let refs = inputs.numbers.iter().map(|x| match x.node.index() {
            Some(node) => Ref::node(node),
            None => Ref::constant(0),
        });
        let refs: Vec<Ref> = refs.collect();
        let depends = of.depends(&refs);
        let ends_by = of.ends_by_operands(&depends);
        // What is there of structure is what so many iterations have left: then it was so many, always.
        let is_counted = reader.each() > 0 && ends_by;
        let is_constant = !ends_by && !depends.contains(&true);
        let first = if is_constant {
            self.recorder.rewind(began.mark);
            None
        } else {
            let others = reader.numbers.get(reader.each()..).unwrap_or_default();
            let first = self.recorder.repeat(
                of.clone(),
                [&inputs.numbers, others],
                (runner.carried(), trips),
                each.map(|count| count.saturating_mul(trips)),
                began.mark,
            );
            if is_counted {
                let trips = Number {
                    value: trips as f64,
                    node: Node::at(first + of.carried() as u32),
                };
                self.recorder.guard(trips, self.recorder.place);
            }
            Some(first)
        };
        // What its forks cost is told by what it carries on.
        self.forks.costs.truncate(began.forks);
        self.forks.listed = began.listed;
        for (nth, (&at, &x)) in inputs.carried.iter().zip(runner.carried()).enumerate() {
            let has_node = (ends_by && !is_counted) || depends[nth];
            registers[at as usize] = Value {
                bits: x.to_bits(),
                node: match first.filter(|_| has_node) {
                    Some(first) => Node::at(first + nth as u32),
                    None => Node::NONE,
                },
                ..began.registers[at as usize]
            };
        }
    }

    /// The iteration as a trace of its own, recorded by doing it once more; none where it is not one that
    /// can be kept so.
    fn iteration(
        &mut self,
        way: &Way,
        began: &Began,
        (along, last): (&Along, &[Value]),
        read: &[Number],
    ) -> Option<Rolled> {
        let mut own = way.clone();
        for &index in &along.always {
            // It is what it was.
            let dst = own.code[index].dst;
            own.code[index] = Op::copy(dst, own.constant(last[dst as usize]));
        }
        let read = &read[..along.in_turn.len()];
        let mut inputs = inputs(&own, &began.registers, along, read)?;
        // What had no node has one now.
        for op in &mut own.code {
            if matches!(op.what, What::IsTrue | What::IsFalse) {
                op.count = 1;
            }
        }
        let mut registers = began.registers.clone();
        let count = inputs.carried.len();
        let node_of = |node: Node| {
            let all = count + read.len();
            let place = inputs.numbers[all..].iter().position(|x| x.node == node);
            place.map_or(Node::NONE, |place| Node::at((all + place) as u32))
        };
        for value in registers.iter_mut().chain(&mut own.constants) {
            if value.node.is_some() {
                value.node = node_of(value.node);
            }
        }
        for (nth, &at) in inputs.carried.iter().enumerate() {
            registers[at as usize].node = Node::at(nth as u32);
        }
        for &(index, nth) in &along.readers {
            let dst = own.code[index].dst;
            let now = Value {
                bits: read[nth].value.to_bits(),
                node: Node::at((count + nth) as u32),
                ..last[dst as usize]
            };
            own.code[index] = Op::copy(dst, own.constant(now));
        }
        let mut recorder = Recorder::default();
        let numbers: Vec<f64> = inputs.numbers.iter().map(|x| x.value).collect();
        recorder.reset(&numbers);
        let (cost, rounded) = (self.meter.cost(), self.meter.rounded);
        let (first_fork, listed) = (self.forks.costs.len(), self.forks.listed);
        std::mem::swap(self.recorder, &mut recorder);
        let is_done = self.run_code(&own, &mut registers);
        std::mem::swap(self.recorder, &mut recorder);
        self.hot.under.clear();
        let is_even = self.meter.rounded == rounded;
        let forks: Vec<ForkCost> = self.forks.costs.drain(first_fork..).collect();
        let in_arms = self.forks.listed - listed;
        let took = self.meter.cost() - cost - in_arms;
        self.forks.listed = listed;
        self.meter.set_cost(cost);
        self.meter.rounded = rounded;
        self.meter.wanted = 0;
        if !is_done || !is_even || self.heap.len() != began.cells {
            return None;
        }
        // A numeric row of vectors gives a vector. Ints that are made of products might be rounded in
        // between.
        let is_number = |(index, op): (usize, &Op)| {
            if !op.what.gives() {
                return true;
            }
            let value = registers[op.dst as usize];
            let keeps = matches!(
                op.prim,
                Prim::Add | Prim::Sub | Prim::Neg | Prim::Abs | Prim::Min | Prim::Max
            );
            match value.tag {
                Tag::Float | Tag::Bool => true,
                Tag::Int => keeps || op.what == What::Copy || value.node.is_none(),
                _ => along.has(index),
            }
        };
        if !own.code.iter().enumerate().all(is_number) {
            return None;
        }
        let mut body = std::mem::take(&mut recorder.trace);
        let mut next = Vec::with_capacity(inputs.carried.len());
        for &at in &inputs.carried {
            let (_, from) = way.moves.iter().find(|(to, _)| *to == at)?;
            let value = *value_of(*from, &registers, &own.constants);
            if value.tag != began.registers[at as usize].tag {
                return None;
            }
            next.push(if let Some(node) = value.node.index() {
                Ref::node(node)
            } else {
                body.constants.push(value.number());
                Ref::constant(body.constants.len() as u32 - 1)
            });
        }
        let each = took
            + Cost {
                applications: way.took.applications,
                work: way.took.work,
            };
        let counts = !forks.is_empty();
        if counts {
            let carried = inputs.carried.len();
            inputs
                .numbers
                .splice(carried..carried, [Number::constant(0.0); 2]);
            count_forks(&mut body, &mut next, &forks, first_fork);
        }
        let each = [each.applications, each.work];
        let of = Repeat::new(body, next, read.len(), each, counts)?;
        Some(Rolled {
            of: Arc::new(of),
            inputs,
        })
    }

    /// Counts iterations that cost so much together as if they were done one by one, unless limits or clock
    /// are in the way.
    fn count(&mut self, way: &Way, done: u64, cost: Cost) -> bool {
        let took = &way.took;
        let meter = &mut self.meter;
        let before = (meter.cost(), meter.clock, meter.entries);
        meter.set_cost(meter.cost() + cost);
        let mut is_allowed = meter.fuel() <= meter.limits.fuel;
        let mut left = done;
        while is_allowed && left > 0 {
            if self.meter.clock <= took.clock && !self.looks(way) {
                is_allowed = false;
                break;
            }
            let undue = u64::from(self.meter.clock - 1).checked_div(u64::from(took.clock));
            let counted = undue.map_or(left, |undue| undue.min(left));
            self.meter.clock -= (counted * u64::from(took.clock)) as u32;
            left -= counted;
        }
        let meter = &mut self.meter;
        if !is_allowed {
            meter.set_cost(before.0);
            (meter.clock, meter.entries) = (before.1, before.2);
            return false;
        }
        meter.nodes += done * took.nodes;
        self.made = self
            .made
            .wrapping_add((done as u32).wrapping_mul(took.made));
        true
    }
}

/// Has an iteration carry on what its forks cost.
fn count_forks(body: &mut Trace, next: &mut Vec<Ref>, forks: &[ForkCost], first: usize) {
    let carried = next.len() as u32;
    body.inputs += 2;
    // Behind the numbers carried on.
    let moved = |r: Ref| match r.as_node() {
        Some(node) if node >= carried => Ref::node(node + 2),
        _ => r,
    };
    for op in &mut body.operations {
        [op.a, op.b, op.c] = [op.a, op.b, op.c].map(moved);
    }
    for guard in &mut body.guards {
        guard.node = moved(guard.node);
    }
    for r in &mut *next {
        *r = moved(*r);
    }
    let forks: Vec<ForkCost> = forks
        .iter()
        .map(|fork| ForkCost {
            test: moved(Ref::node(fork.test)).index() as u32,
            around: fork.around.map(|(at, then)| (at - first as u32, then)),
            ..*fork
        })
        .collect();
    let parts = [
        |cost: Cost| cost.applications as f64,
        |cost: Cost| cost.work as f64,
    ];
    for (nth, part) in (carried..).zip(parts) {
        let each = sum_of_forks(body, Cost::default(), &forks, part);
        let so_far = Ref::node(nth);
        body.operations.push(Operation {
            prim: Prim::Add,
            a: so_far,
            b: each,
            c: so_far,
        });
        next.push(Ref::node(body.len() as u32 - 1));
    }
}

/// Whether an operation computes with numbers, or tests.
fn is_plain(op: &Op) -> bool {
    match op.what {
        What::One | What::Two | What::Many => {
            (op.prim as u8) < Prim::Select as u8
                || matches!(op.prim, Prim::LogAny | Prim::AtanAny | Prim::Inexact)
        }
        What::Cons => false,
        _ => true,
    }
}

/// What iterations carry on, what they read in turn, and what all of them read that has a node; none where
/// they carry on anything but numbers and structure, or one number twice.
fn inputs(way: &Way, registers: &[Value], along: &Along, read: &[Number]) -> Option<Inputs> {
    let mut carried = Vec::new();
    let mut numbers: Vec<Number> = Vec::new();
    for &(to, from) in &way.moves {
        let value = registers[to as usize];
        if value.is_number() {
            carried.push(to);
            numbers.push(number(value));
        } else if !along.carries(to) && !way.keeps(value, from) {
            return None;
        }
    }
    let count = numbers.len();
    let others = (0..way.carried.len() as u32).filter(|at| !carried.contains(at));
    let others = others.map(|at| registers[at as usize]);
    for value in others.chain(way.constants.iter().copied()) {
        let is_known = numbers[count..].iter().any(|x| x.node == value.node);
        if value.node.is_some() && !is_known {
            numbers.push(number(value));
        }
    }
    let mut nodes: Vec<Node> = numbers.iter().map(|x| x.node).collect();
    if !all_differ(&mut nodes) {
        return None;
    }
    numbers.splice(count..count, read.iter().copied());
    Some(Inputs {
        carried,
        in_turn: read.len(),
        numbers,
    })
}

/// Whether so many numbers in a row that are read in turn are always nodes that differ from each other, and
/// from all else that the loop is given.
fn are_distinct(inputs: &Inputs, read: &[Number], row: usize) -> bool {
    let (carried, rest) = inputs.numbers.split_at(inputs.carried.len());
    let given = carried.iter().chain(&rest[inputs.in_turn..]);
    let given = given.map(|x| x.node).filter(|node| node.is_some());
    let given: FxHashSet<Node> = given.collect();
    let mut nodes = Vec::new();
    read.chunks(row.max(1)).all(|read| {
        nodes.clear();
        nodes.extend(read.iter().map(|x| x.node));
        all_differ(&mut nodes) && !nodes.iter().any(|node| given.contains(node))
    })
}

/// Whether all of them that there are differ.
fn all_differ(nodes: &mut Vec<Node>) -> bool {
    nodes.retain(|node| node.is_some());
    nodes.sort_unstable_by_key(|node| node.index());
    nodes.windows(2).all(|pair| pair[0] != pair[1])
}
