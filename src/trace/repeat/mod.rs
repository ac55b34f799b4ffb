//! `repeat`: a loop that a trace keeps as one iteration, however often it is done.
//!
//! The arithmetic of an iteration, and what each number that it carries on is in the next, go in; the
//! numbers carried on at the end come out, and cotangents of these go back. How often it is done is not
//! told: as long as the iteration's guards hold. So one trace is the path of every number of iterations;
//! what comes after the loop tells by its own guards whether the loop ended as it is to end.
//!
//! **Invariants**
//! - The bits are those of the iterations written out one after the other, values and derivatives:
//!   iterations are compiled, some at a time, from copies of one; adjoints of what all of them read go from
//!   one to the one before, and are added to there, as in a sweep.
//! - Numbers carried on are different nodes, and none of them is one that all iterations read: then no sum
//!   of a sweep goes through two of them in turns.
//! - An iteration has operations on single numbers.

mod run;
mod sweep;

use super::routine::pullback::{Pullback, Seed};
use super::routine::{Routine, Wanted};
use super::{BlockOperation, Guard, Numbers, Operation, Ref, Trace, narrow};
use crate::prim::Prim;
use crate::threads::lock;
pub(crate) use run::{Kept, Runner};
use std::sync::{Arc, Mutex};

/// How many operations are written out together, if iterations are shorter.
const OPERATIONS: usize = 192;

/// How many iterations are written out together at the most.
const ITERATIONS: usize = 32;

/// For how many patterns the way back is kept compiled.
const PATTERNS: usize = 16;

/// A loop.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// An iteration: its inputs are the numbers carried on, then those that all iterations read.
    body: Trace,
    /// What each number carried on is in the next iteration.
    next: Vec<Ref>,
    /// What an iteration takes: applications, and elements gone through.
    each: [u64; 2],
    /// Whether the last two numbers carried on are what was taken besides.
    counts: bool,
    /// How many iterations are written out together.
    together: usize,
    many: Routine,
    one: Routine,
    pullbacks: Mutex<Vec<(Pattern, Arc<Pullback>)>>,
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
    /// Whether an adjoint of an input has arrived before.
    before: Vec<Arrival>,
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
}

/// A loop and what it is begun with, as a trace has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeated<'t> {
    pub(crate) of: &'t Arc<Repeat>,
    /// The numbers that the first iteration carries on, then those that all read.
    pub(crate) operands: &'t [Ref],
    /// The node of its first number.
    pub(crate) first: usize,
    /// Which of the trace's loops it is.
    which: usize,
}

impl Repeated<'_> {
    /// The node that holds how often it is done.
    pub(crate) fn trips(&self) -> usize {
        self.first + self.of.next.len()
    }
}

impl Repeat {
    /// Of an iteration that takes so many applications, and elements gone through, and besides, where it
    /// `counts`, what the last two numbers carried on say; none where that is not one for it.
    pub(crate) fn new(body: Trace, next: Vec<Ref>, each: [u64; 2], counts: bool) -> Option<Self> {
        let carried = next.len();
        let is_plain = |op: &Operation| !matches!(op.prim, Prim::Block | Prim::Part);
        if body.guards.is_empty()
            || carried > body.inputs as usize
            || !body.operations.iter().all(is_plain)
            || !body.repeats.is_empty()
        {
            return None;
        }
        // See the invariants: what is carried on is a node of the iteration's own, and one alone.
        for (nth, &r) in next.iter().enumerate() {
            let is_given = r
                .as_node()
                .is_some_and(|node| (carried..body.inputs as usize).contains(&(node as usize)));
            let again = r.is_node() && next[..nth].contains(&r);
            if is_given || again {
                return None;
            }
        }
        let together = OPERATIONS / body.operations.len().max(1);
        let together = together.clamp(1, ITERATIONS);
        let routine = |times: usize| {
            let (trace, next) = written_out(&body, &next, times);
            Routine::new(
                &trace,
                &Wanted {
                    outputs: &next,
                    by: &[],
                    shared: &vec![false; trace.inputs as usize],
                    summed: false,
                    alone: true,
                },
            )
        };
        let (many, one) = (routine(together), routine(1));
        Some(Self {
            body,
            next,
            each,
            counts,
            together,
            many,
            one,
            pullbacks: Mutex::default(),
        })
    }

    /// An iteration: its inputs are the numbers carried on, then those that all iterations read.
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

    /// The same for derivatives.
    fn active(&self, operands: &[Ref]) -> Vec<bool> {
        let mut active: Vec<bool> = operands.iter().map(|r| r.is_node()).collect();
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

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let pullbacks: usize = lock(&self.pullbacks)
            .iter()
            .map(|(_, pullback)| pullback.routine.bytes())
            .sum();
        self.body.bytes() + self.many.bytes() + self.one.bytes() + pullbacks
    }

    /// The way back for a pattern.
    fn pullback(&self, pattern: &Pattern) -> Arc<Pullback> {
        let mut known = lock(&self.pullbacks);
        if let Some((_, pullback)) = known.iter().find(|(key, _)| key == pattern) {
            return pullback.clone();
        }
        let times = if pattern.is_many { self.together } else { 1 };
        let (trace, next) = written_out(&self.body, &self.next, times);
        let carried = self.carried();
        let mut inputs = trace.inputs;
        // In the order of a sweep: what has arrived at an input comes from what is read later.
        let befores = (0..trace.inputs).map(Ref::node).zip(&pattern.before);
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
        let by: Vec<u32> = (0..trace.inputs)
            .filter(|&input| pattern.active[input as usize])
            .collect();
        let pullback = Arc::new(Pullback::new(&trace, &seeds, inputs, &by));
        if known.len() >= PATTERNS {
            known.remove(0);
        }
        known.push((pattern.clone(), pullback.clone()));
        pullback
    }
}

/// So many iterations as one; and what each number carried on is after them.
fn written_out(body: &Trace, next: &[Ref], times: usize) -> (Trace, Vec<Ref>) {
    let inputs = body.inputs as usize;
    let mut out = Trace {
        inputs: body.inputs,
        constants: body.constants.clone(),
        ..Trace::default()
    };
    let mut carried: Vec<Ref> = (0..next.len()).map(|at| Ref::node(narrow(at))).collect();
    for _ in 0..times {
        let before = out.operations.len();
        let at = |r: Ref| match r.as_node() {
            None => r,
            Some(node) => match (node as usize).checked_sub(inputs) {
                Some(operation) => Ref::node(narrow(inputs + before + operation)),
                None => carried.get(node as usize).copied().unwrap_or(r),
            },
        };
        for guard in &body.guards {
            out.guards.push(Guard {
                at: guard.at + narrow(before),
                node: at(guard.node),
                ..*guard
            });
        }
        for op in &body.operations {
            let [a, b, c] = [op.a, op.b, op.c].map(at);
            out.operations.push(Operation { a, b, c, ..*op });
        }
        carried = next.iter().map(|&r| at(r)).collect();
    }
    (out, carried)
}

impl Trace {
    /// Adds a loop after all operations; gives the node of its first number.
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
        Some(Repeated {
            of: &self.repeats[which],
            which,
            operands: self.listed_of(block.a),
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
        Repeat::new(body, vec![Ref::node(3)], [1, 0], false).expect("it is an iteration")
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
