//! `repeat`: a loop that a trace keeps as one iteration, however often it is done.
//!
//! The arithmetic of an iteration, and what each number that it carries on is in the next, go in; the
//! numbers carried on at the end come out, and cotangents of these go back. How often it is done is not
//! told: as long as the iteration's guards hold. So one trace is the path of every number of iterations;
//! what comes after the loop tells by its own guards whether the loop ended as it is to end.
//!
//! An iteration may also read numbers in turn, others each time: elements of lists and vectors. Then it is
//! done as often as there are such numbers, at the most.
//!
//! **Invariants**
//! - The bits are those of the iterations written out one after the other, values and derivatives:
//!   iterations are compiled, some at a time, from copies of one; adjoints of what all of them read go from
//!   one to the one before, and are added to there, as in a sweep.
//! - Numbers carried on are different nodes, and none of them is one that all iterations read, or in turn:
//!   then no sum of a sweep goes through two of them in turns. Iterations written out together read
//!   different nodes in turn.
//! - Of a trace's operands of a loop the first are those of its first iteration, as the iteration has its
//!   inputs; then come the numbers that the second reads in turn, and so on.
//! - An iteration has operations on single numbers.

mod abreast;
mod folds;
mod guards;
mod run;
mod sweep;

use super::flow::Class;
use super::routine::pullback::{Pullback, Seed, Taped};
use super::routine::{Routine, Wanted};
use super::{BlockOperation, Guard, Numbers, Operation, Ref, Trace, narrow};
use crate::prim::Prim;
use crate::threads::lock;
use abreast::Wide;
pub(crate) use abreast::{Abreast, LANES};
use folds::Folded;
use guards::{Asked, asked};
pub(crate) use run::{Kept, Runner};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

/// How many operations are written out together, if iterations are shorter.
const OPERATIONS: usize = 192;

/// How many iterations are written out together at the most.
const ITERATIONS: usize = 32;

/// For how many patterns the way back is kept compiled.
const PATTERNS: usize = 16;

/// A loop.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// An iteration: its inputs are the numbers carried on, those read in turn, and those that all read.
    body: Trace,
    /// How many of its inputs are read in turn.
    in_turn: usize,
    /// What each number carried on is in the next iteration.
    next: Vec<Ref>,
    /// What an iteration takes: applications, and elements gone through.
    each: [u64; 2],
    /// Whether the last two numbers carried on are what was taken besides.
    counts: bool,
    /// How many iterations are written out together.
    together: usize,
    /// How each guard is asked there.
    asked: Vec<Asked>,
    many: Routine,
    one: Routine,
    /// The same for lanes, once there are some.
    wide: OnceLock<Wide>,
    /// An iteration for many at a time, where only sums are carried on.
    folded: OnceLock<Option<Box<Folded>>>,
    /// Ways back, for one lane or not.
    pullbacks: Mutex<Vec<(Pattern, bool, Arc<Pullback>)>>,
    /// The steps that are taken most, there and back.
    steps: Mutex<Steps>,
}

/// What steps do one after the other on the way back, where that is the same.
#[derive(Debug, Default)]
struct Steps {
    /// What they did the last time.
    pattern: Option<Pattern>,
    /// Compiled for one that they have done twice.
    taped: Option<Arc<TapedSteps>>,
}

/// A step there and back for a pattern.
#[derive(Debug)]
struct TapedSteps {
    pattern: Pattern,
    of: Taped,
}

/// A way back to be compiled.
struct Returning {
    /// As many iterations as a step is, and what is carried on after them.
    trace: Trace,
    next: Vec<Ref>,
    seeds: Vec<Seed>,
    /// How many inputs there are, cotangents among them.
    inputs: u32,
    by: Vec<u32>,
}

/// Which way back is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// Of several iterations, not of one.
    is_many: bool,
    /// Which inputs of an iteration derivatives flow through at all.
    active: Vec<bool>,
    /// Whether a cotangent of what is carried on has arrived.
    carried: Vec<Arrival>,
    /// Whether an adjoint of an input of an iteration has arrived before; what is read in turn is apart.
    before: Vec<Arrival>,
    /// The same for what is read in turn, iteration by iteration.
    in_turn: Vec<Arrival>,
}

/// Whether there is something at an adjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    Nothing,
    Always,
    /// Where a number that comes with it says so.
    Where,
}

impl Arrival {
    fn of(is_there: bool) -> Self {
        if is_there {
            Self::Always
        } else {
            Self::Nothing
        }
    }

    /// Whether there is, where this number came with it.
    fn is_there(self, holds: f64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Always => true,
            Self::Where => holds != 0.0,
        }
    }
}

/// A loop and what it is begun with, as a trace has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeated<'t> {
    pub(crate) of: &'t Arc<Repeat>,
    /// What the first iteration is given, as that has its inputs.
    pub(crate) operands: &'t [Ref],
    /// What those after it read in turn.
    pub(crate) others: &'t [Ref],
    /// The node of its first number.
    pub(crate) first: usize,
    /// Which of the trace's loops it is.
    which: usize,
}

impl<'t> Repeated<'t> {
    /// The node that holds how often it is done.
    pub(crate) fn trips(&self) -> usize {
        self.first + self.of.next.len()
    }

    /// What is read in turn, iteration by iteration.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = Ref> + 't {
        self.in_turn_parts().into_iter().flatten().copied()
    }

    /// The same: that of the first iteration, and that of the others.
    pub(super) fn in_turn_parts(&self) -> [&'t [Ref]; 2] {
        [&self.operands[self.of.read_in_turn()], self.others]
    }
}

impl Repeat {
    /// Of an iteration that takes so many applications, and elements gone through, and besides, where it
    /// `counts`, what the last two numbers carried on say; so many of its inputs are read in turn. None where
    /// that is not one for it.
    pub(crate) fn new(
        body: Trace,
        next: Vec<Ref>,
        in_turn: usize,
        each: [u64; 2],
        counts: bool,
    ) -> Option<Self> {
        let carried = next.len();
        let is_plain = |op: &Operation| !matches!(op.prim, Prim::Block | Prim::Part);
        let is_endless = body.guards.is_empty() && in_turn == 0;
        if is_endless
            || carried + in_turn > body.inputs as usize
            || !body.operations.iter().all(is_plain)
            || !body.repeats.is_empty()
        {
            return None;
        }
        // See the invariants: what is carried on is a node of the iteration's own, and one alone.
        for (nth, &r) in next.iter().enumerate() {
            let given = carried..body.inputs as usize;
            let is_given = r
                .as_node()
                .is_some_and(|node| given.contains(&(node as usize)));
            let again = r.is_node() && next[..nth].contains(&r);
            if is_given || again {
                return None;
            }
        }
        let together = OPERATIONS / body.operations.len().max(1);
        let together = together.clamp(1, ITERATIONS);
        Some(Self::of_so_many(
            body,
            next,
            in_turn,
            (each, counts),
            together,
        ))
    }

    /// Of so many iterations written out together.
    fn of_so_many(
        body: Trace,
        next: Vec<Ref>,
        in_turn: usize,
        (each, counts): ([u64; 2], bool),
        together: usize,
    ) -> Self {
        let asked = asked(&body, &next, in_turn);
        let routine = |times: usize| {
            let written = written_out(&body, &next, in_turn, times, &asked);
            compiled(&written, true)
        };
        let many = routine(together);
        let one = routine(1);
        Self {
            body,
            in_turn,
            next,
            each,
            counts,
            together,
            asked,
            many,
            one,
            wide: OnceLock::new(),
            folded: OnceLock::new(),
            pullbacks: Mutex::default(),
            steps: Mutex::default(),
        }
    }

    /// The same, no two iterations written out together: where one node is read by several in turn.
    pub(crate) fn one_by_one(&self) -> Self {
        let (body, next) = (self.body.clone(), self.next.clone());
        Self::of_so_many(body, next, self.in_turn, (self.each, self.counts), 1)
    }

    /// Which inputs of an iteration are read in turn.
    pub(crate) fn read_in_turn(&self) -> Range<usize> {
        self.next.len()..self.next.len() + self.in_turn
    }

    /// An iteration: its inputs are the numbers carried on, those read in turn, and those that all read.
    pub(super) fn body(&self) -> &Trace {
        &self.body
    }

    /// What each number carried on is in the next iteration.
    pub(super) fn next(&self) -> &[Ref] {
        &self.next
    }

    /// What so many iterations have taken, which have come to these numbers: applications, and elements gone
    /// through.
    pub(crate) fn taken(&self, trips: u64, carried: &[f64]) -> [u64; 2] {
        let mut taken = self.each.map(|each| each.saturating_mul(trips));
        if let ([.., applications, work], true) = (carried, self.counts) {
            taken[0] = taken[0].saturating_add(*applications as u64);
            taken[1] = taken[1].saturating_add(*work as u64);
        }
        taken
    }

    /// How many numbers are carried on.
    pub(crate) fn carried(&self) -> usize {
        self.next.len()
    }

    /// For each input of an iteration whether it depends on what one of `operands` does, where the loop
    /// is begun with these: in the first iteration or in a later one.
    pub(crate) fn depends(&self, operands: &[Ref]) -> Vec<bool> {
        let mut depends: Vec<bool> = operands.iter().map(|r| r.is_node()).collect();
        self.settle(&mut depends, Trace::reached_from);
        depends
    }

    /// For each input of an iteration whether derivatives flow through it, if they do through these of the
    /// first one.
    fn active(&self, mut active: Vec<bool>) -> Vec<bool> {
        self.settle(&mut active, |body, active| {
            let by: Vec<u32> = (0..body.inputs)
                .filter(|&input| active[input as usize])
                .collect();
            body.active(&by)
        });
        active
    }

    /// Goes from one iteration to the next until nothing is added.
    fn settle(&self, inputs: &mut [bool], flow: impl Fn(&Trace, &[bool]) -> Vec<bool>) {
        loop {
            let nodes = flow(&self.body, inputs);
            let mut is_settled = true;
            for (input, next) in inputs.iter_mut().zip(&self.next) {
                let is = next.is_node() && nodes[next.index()];
                is_settled &= *input || !is;
                *input |= is;
            }
            if is_settled {
                return;
            }
        }
    }

    /// Whether how often it is done depends on what it is begun with.
    pub(crate) fn ends_by_operands(&self, depends: &[bool]) -> bool {
        let nodes = self.body.reached_from(depends);
        let mut guards = self.body.guards.iter().map(|guard| guard.node);
        guards.any(|r| r.is_node() && nodes[r.index()])
    }

    /// Which inputs of an iteration derivatives flow to from the numbers carried on that `from` says.
    pub(super) fn reaches(&self, from: &[bool]) -> Vec<bool> {
        let inputs = self.body.inputs as usize;
        let mut reached = vec![false; inputs];
        reached[..from.len()].copy_from_slice(from);
        loop {
            let mut nodes = vec![false; self.body.len()];
            for (next, _) in self.next.iter().zip(&reached).filter(|(_, is)| **is) {
                if next.is_node() {
                    nodes[next.index()] = true;
                }
            }
            for (index, op) in self.body.operations.iter().enumerate().rev() {
                if nodes[inputs + index] && op.prim.passes_derivatives() {
                    for operand in [op.a, op.b].into_iter().filter(|r| r.is_node()) {
                        nodes[operand.index()] = true;
                    }
                }
            }
            let mut is_settled = true;
            for (is, node) in reached.iter_mut().zip(nodes) {
                is_settled &= *is || !node;
                *is |= node;
            }
            if is_settled {
                return reached;
            }
        }
    }

    /// An iteration for many at a time, if only sums are carried on.
    fn folded(&self) -> Option<&Folded> {
        let made = || Folded::new(self).map(Box::new);
        self.folded.get_or_init(made).as_deref()
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let pullbacks: usize = lock(&self.pullbacks)
            .iter()
            .map(|(.., pullback)| pullback.routine.bytes())
            .sum();
        let wide = self.wide.get().map_or(0, Wide::bytes);
        let folded = self.folded.get().and_then(Option::as_deref);
        let folded = folded.map_or(0, Folded::bytes);
        let taped = lock(&self.steps).taped.as_ref().map_or(0, |steps| {
            steps.of.forward.bytes() + steps.of.back.routine.bytes()
        });
        self.body.bytes() + self.many.bytes() + self.one.bytes() + wide + folded + taped + pullbacks
    }

    /// What is told of an iteration's inputs, told of those of several that are written out together.
    fn widened<T: Copy>(&self, of_one: &[T], in_turn: &[T]) -> Vec<T> {
        let (carried, all) = of_one.split_at(self.read_in_turn().start);
        [carried, in_turn, &all[self.in_turn..]].concat()
    }

    /// The way back for a pattern, of one lane `alone` or of several.
    fn pullback(&self, pattern: &Pattern, alone: bool) -> Arc<Pullback> {
        let mut known = lock(&self.pullbacks);
        let mut all = known.iter();
        if let Some((.., pullback)) = all.find(|(key, of, _)| *of == alone && key == pattern) {
            return pullback.clone();
        }
        let way = self.returning(pattern);
        let classes = vec![Class::Lane; way.inputs as usize];
        let pullback = Pullback::new(&way.trace, &way.seeds, &classes, &way.by, alone);
        let pullback = Arc::new(pullback);
        if known.len() >= PATTERNS {
            known.remove(0);
        }
        known.push((pattern.clone(), alone, pullback.clone()));
        pullback
    }

    /// What the way back for a pattern is compiled from.
    fn returning(&self, pattern: &Pattern) -> Returning {
        let times = if pattern.is_many { self.together } else { 1 };
        let (trace, next) = written_out(&self.body, &self.next, self.in_turn, times, &self.asked);
        let carried = self.carried();
        let mut inputs = trace.inputs;
        // In the order of a sweep: what has arrived at an input comes from what is read later.
        let before = self.widened(&pattern.before, &pattern.in_turn);
        let befores = (0..trace.inputs).map(Ref::node).zip(&before);
        let carries = next.iter().zip(&pattern.active[..carried]);
        let carries = carries
            .zip(&pattern.carried)
            .filter(|((_, active), _)| **active);
        let carries = carries.map(|((&node, _), arrival)| (node, arrival));
        let mut seeds = Vec::new();
        for (node, &arrival) in befores.chain(carries) {
            if arrival == Arrival::Nothing {
                continue;
            }
            let ct = inputs;
            inputs += 1;
            let holds = (arrival == Arrival::Where).then_some(inputs);
            inputs += u32::from(holds.is_some());
            seeds.push(Seed { node, ct, holds });
        }
        let in_turn = &pattern.active[self.read_in_turn()];
        let active = self.widened(&pattern.active, &in_turn.repeat(times));
        let by: Vec<u32> = (0..trace.inputs)
            .filter(|&input| active[input as usize])
            .collect();
        Returning {
            trace,
            next,
            seeds,
            inputs,
            by,
        }
    }

    /// Steps that keep what the way back reads, if there have been such.
    fn taped_steps(&self) -> Option<Arc<TapedSteps>> {
        lock(&self.steps).taped.clone()
    }

    /// Notes what steps did one after the other on the way back.
    fn note_steps(&self, pattern: &Pattern) {
        let mut steps = lock(&self.steps);
        let is_pattern = |of: &Arc<TapedSteps>| of.pattern == *pattern;
        if steps.taped.as_ref().is_some_and(is_pattern) {
            return;
        }
        if steps.pattern.as_ref() != Some(pattern) {
            steps.pattern = Some(pattern.clone());
            return;
        }
        let way = self.returning(pattern);
        let changing = self.carried() + self.in_turn * self.together;
        let (trace, next) = (&way.trace, &way.next);
        steps.taped = Some(Arc::new(TapedSteps {
            pattern: pattern.clone(),
            of: Taped::new(trace, next, changing, &way.seeds, way.inputs, &way.by),
        }));
    }
}

/// Iterations written out, and what each number carried on is after them, compiled: for one lane `alone` or for
/// several.
fn compiled((trace, next): &(Trace, Vec<Ref>), alone: bool) -> Routine {
    Routine::new(
        trace,
        &Wanted {
            outputs: next,
            by: &[],
            shared: &vec![false; trace.inputs as usize],
            summed: false,
            alone,
        },
    )
}

/// So many iterations as one, which read so many numbers each in turn; and what each number carried on is
/// after them. Of several, guards are asked as is told.
fn written_out(
    body: &Trace,
    next: &[Ref],
    in_turn: usize,
    times: usize,
    asked: &[Asked],
) -> (Trace, Vec<Ref>) {
    let mut out = Trace {
        inputs: body.inputs + narrow(in_turn * (times - 1)),
        constants: body.constants.clone(),
        ..Trace::default()
    };
    let mut carried: Vec<Ref> = (0..next.len()).map(|at| Ref::node(narrow(at))).collect();
    for time in 0..times {
        let before = out.operations.len();
        let at = |r: Ref| {
            let Some(node) = r.as_node() else {
                return r;
            };
            let node = node as usize;
            if node < next.len() {
                return carried[node];
            }
            let moved = if node < next.len() + in_turn {
                in_turn * time
            } else if node < body.inputs as usize {
                in_turn * (times - 1)
            } else {
                in_turn * (times - 1) + before
            };
            Ref::node(narrow(node + moved))
        };
        let is_last = time + 1 == times;
        for (guard, asked) in body.guards.iter().zip(asked) {
            let is_asked = match asked {
                Asked::Each => true,
                Asked::Last => is_last,
                Asked::Before(_) => times == 1,
            };
            if is_asked {
                out.guards.push(Guard {
                    at: guard.at + narrow(before),
                    node: at(guard.node),
                    ..*guard
                });
            }
        }
        for op in &body.operations {
            let [a, b, c] = [op.a, op.b, op.c].map(at);
            out.operations.push(Operation { a, b, c, ..*op });
        }
        for asked in asked {
            if let (Asked::Before(of), true) = (asked, is_last && times > 1) {
                let [a, b] = [of.counter, of.limit].map(at);
                out.guards.push(Guard {
                    at: narrow(out.operations.len() + 1),
                    node: Ref::node(out.inputs + narrow(out.operations.len())),
                    expected: 1.0,
                    place: 0,
                });
                let prim = of.before();
                out.operations.push(Operation { prim, a, b, c: a });
            }
        }
        carried = next.iter().map(|&r| at(r)).collect();
    }
    (out, carried)
}

impl Trace {
    /// Adds a loop after all operations, which is begun with some operands, those that later iterations read
    /// in turn behind them; gives the node of its first number.
    pub(super) fn add_repeat(&mut self, of: Arc<Repeat>, operands: &[Ref]) -> u32 {
        let start = narrow(self.listed.len());
        self.listed.extend_from_slice(operands);
        let length = narrow(of.carried() + 1);
        let which = narrow(self.repeats.len());
        self.repeats.push(of);
        self.add_block(BlockOperation {
            first: 0,
            length,
            block: None,
            repeats: Some(which),
            a: Numbers::Listed(start, narrow(operands.len())),
            b: Numbers::Listed(start, 0),
        })
    }

    /// The loop that a block is, if it is one.
    pub(crate) fn repeated(&self, block: &BlockOperation) -> Option<Repeated<'_>> {
        let which = block.repeats? as usize;
        let of = &self.repeats[which];
        let operands = self.listed_of(block.a);
        let (operands, others) = operands.split_at(of.body.inputs as usize);
        Some(Repeated {
            of,
            which,
            operands,
            others,
            first: self.inputs as usize + block.first as usize,
        })
    }

    /// The loops, in order.
    pub(crate) fn each_repeated(&self) -> impl Iterator<Item = Repeated<'_>> {
        self.blocks.iter().filter_map(|block| self.repeated(block))
    }

    /// For each node of a trace without blocks, whether it depends on some of the inputs.
    fn reached_from(&self, inputs: &[bool]) -> Vec<bool> {
        let mut reached = inputs.to_vec();
        for op in &self.operations {
            let is = |r: Ref| r.is_node() && reached[r.index()];
            let any = is(op.a) || is(op.b) || is(op.c);
            reached.push(any);
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::Repeat;
    use crate::prim::Prim;
    use crate::trace::sweep::Adjoints;
    use crate::trace::{Guard, Operation, Ref, Trace};
    use std::sync::Arc;

    fn operation(prim: Prim, a: Ref, b: Ref) -> Operation {
        Operation { prim, a, b, c: a }
    }

    /// x is multiplied by g as long as it is less than 100.
    fn multiplied() -> Repeat {
        let [x, g] = [0, 1].map(Ref::node);
        let body = Trace {
            inputs: 2,
            operations: vec![
                operation(Prim::Lt, x, Ref::constant(0)),
                operation(Prim::Mul, x, g),
            ],
            constants: vec![100.0],
            guards: vec![Guard {
                at: 1,
                node: Ref::node(2),
                expected: 1.0,
                place: 0,
            }],
            ..Trace::default()
        };
        Repeat::new(body, vec![Ref::node(3)], 0, [1, 0], false).expect("it is an iteration")
    }

    #[test]
    fn what_a_loop_begins_with_may_be_read_by_what_follows() {
        // (x g^n + x) g
        let [x, g] = [0, 1].map(Ref::node);
        let mut trace = Trace {
            inputs: 2,
            ..Trace::default()
        };
        let end = Ref::node(trace.add_repeat(Arc::new(multiplied()), &[x, g]));
        for (prim, a, b) in [(Prim::Add, end, x), (Prim::Mul, Ref::node(4), g)] {
            trace.operations.push(operation(prim, a, b));
        }
        for (x, g, n) in [
            (1.5, 1.01, 423),
            (1.5, 1.5, 11),
            (100.0, 7.0, 0),
            (99.0, 2.0, 1),
        ] {
            let mut values = Vec::new();
            let ran = trace.replay_while(&[x, g], &mut values, None, &mut |_| true);
            assert_eq!(ran, Ok(()));
            let mut power = x;
            for _ in 0..n {
                power *= g;
            }
            assert_eq!(
                values[2..],
                [power, f64::from(n), power + x, (power + x) * g]
            );
            let mut adjoints = Adjoints::default();
            trace.sweep(&values, &[(Ref::node(5), 1.0)], &mut adjoints);
            let by_x = g * (power / x + 1.0);
            let by_g = power + x + g * f64::from(n) * power / g;
            for (input, expected) in [by_x, by_g].into_iter().enumerate() {
                let found = adjoints.of(input);
                let error = (found - expected).abs() / expected;
                assert!(error < 1e-12, "{x} {g}: {found} is not {expected}");
            }
        }
    }
}
