//! `gradient`: the gradient of a trace as further operations.
//!
//! A trace whose operations a [`Flow`] holds and cotangents of some of its nodes go in; the operations
//! that compute the adjoints of other nodes are appended to the flow.
//!
//! **Invariants**
//! - Same contributions, same order, same bits as [`Trace::sweep`]: the rules are the table's, a first
//!   contribution is assigned, and adjoints belong to the nodes of the trace, not to those of the
//!   flow, where equal operations are one.
//! - A `Select` passes its cotangent on under a [`Condition`]. Where numbers under different
//!   conditions meet, -0 stands in for one whose condition does not hold: it adds nothing. Where
//!   nothing has contributed, nothing flows on: not even a zero, which an infinite derivative would
//!   make NaN. So it is with arguments that do not count ([`Prim::counts`]); the zeros that rules
//!   give these are added as they are, which changes the sign of a zero at most.

use super::expressed::{Reads, reverse};
use super::flow::{Class, Flow, Work};
use super::{Numbers, Ref, Trace, narrow};
use crate::prim::{Prim, Real};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Under what a cotangent is there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Condition(u32);

impl Condition {
    const ALWAYS: Self = Self(0);
}

/// What a condition is: 1 where it holds, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    holds: Ref,
    /// A condition and a test that has to come out some way besides.
    from: Option<(Condition, Ref, bool)>,
}

/// A cotangent, under a condition.
#[derive(Clone, Copy, Debug)]
struct Cotangent {
    number: Ref,
    condition: Condition,
    /// Whether the number is a zero where the condition does not hold, so that it can be added all the
    /// same.
    quiet: bool,
}

/// The adjoints of a trace's nodes, as nodes of a flow.
pub(crate) struct Gradient<'t> {
    trace: &'t Trace,
    /// For each node of the trace its node in the flow.
    nodes: &'t [Ref],
    /// Whether a node depends on what derivatives are by.
    active: Vec<bool>,
    adjoints: Vec<Option<Cotangent>>,
    conditions: Vec<Known>,
    known: FxHashMap<(u32, Ref, bool), Condition>,
    /// Those that hold where one of two does, by what says so.
    either: FxHashMap<Ref, Condition>,
    /// Whether rules are written as operations whose derivatives are those of the rules.
    expressed: bool,
}

/// An operation of the flow that a rule computes with.
#[derive(Clone, Copy)]
struct Symbol<'f> {
    flow: &'f RefCell<Flow>,
    node: Ref,
}

impl Symbol<'_> {
    fn with(self, prim: Prim, b: Self) -> Self {
        let node = self.flow.borrow_mut().operation(prim, self.node, b.node);
        Self { node, ..self }
    }
}

impl Add for Symbol<'_> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(Prim::Add, other)
    }
}

impl Sub for Symbol<'_> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.with(Prim::Sub, other)
    }
}

impl Mul for Symbol<'_> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.with(Prim::Mul, other)
    }
}

impl Div for Symbol<'_> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        self.with(Prim::Div, other)
    }
}

impl Neg for Symbol<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.with(Prim::Neg, self)
    }
}

impl Real for Symbol<'_> {
    fn lift(self, x: f64) -> Self {
        let node = self.flow.borrow_mut().constant(x);
        Self { node, ..self }
    }

    fn apply(self, prim: Prim, other: Self) -> Self {
        self.with(prim, other)
    }

    fn select(self, then: Self, otherwise: Self) -> Self {
        let (test, mut flow) = (self.node, self.flow.borrow_mut());
        let node = flow.select(test, then.node, otherwise.node);
        Self { node, ..self }
    }
}

/// What a primitive's rule makes of arguments, result and cotangent, as operations of a flow; none
/// where it passes no derivatives. `again` where these are to be differentiated themselves.
pub(super) fn cotangents(
    prim: Prim,
    numbers: [Ref; 4],
    again: bool,
    flow: &mut Flow,
) -> Option<[Ref; 2]> {
    let shared = RefCell::new(std::mem::take(flow));
    let symbol = |node| Symbol {
        flow: &shared,
        node,
    };
    let [a, b, y, ct] = numbers.map(symbol);
    let cts = if again {
        prim.vjp_again(a, b, y, ct)
    } else {
        prim.vjp(a, b, y, ct)
    };
    let cts = cts.map(|cts| cts.map(|ct| ct.node));
    *flow = shared.into_inner();
    cts
}

/// The tests of where the arguments of a primitive count, as operations of a flow; none where they
/// always do.
fn counts(prim: Prim, numbers: [Ref; 2], again: bool, flow: &mut Flow) -> Option<[Ref; 2]> {
    if !prim.is_selective() {
        return None;
    }
    let shared = RefCell::new(std::mem::take(flow));
    let symbol = |node| Symbol {
        flow: &shared,
        node,
    };
    let [a, b] = numbers.map(symbol);
    let tests = if again {
        prim.counts_again(a, b)
    } else {
        prim.counts(a, b)
    };
    let tests = tests.map(|tests| tests.map(|test| test.node));
    *flow = shared.into_inner();
    tests
}

/// The rule of a block as tests break it.
#[cfg(test)]
fn broken(
    kind: crate::prim::block::BlockKind,
    cts: [Option<Vec<Ref>>; 2],
    flow: &mut Flow,
) -> [Option<Vec<Ref>>; 2] {
    use crate::prim::broken::{Sweep, WrongBlock, of_block};
    let Some(WrongBlock::Scaled(factor)) = of_block(kind, Sweep::Expressed) else {
        return cts;
    };
    let factor = flow.constant(factor);
    cts.map(|cts| {
        let scaled = |ct| flow.operation(Prim::Mul, factor, ct);
        cts.map(|cts| cts.into_iter().map(scaled).collect())
    })
}

impl<'t> Gradient<'t> {
    /// No adjoints yet of a trace, each of whose nodes stands for one of `nodes`; derivatives are by
    /// the inputs `by`.
    pub(crate) fn new(trace: &'t Trace, nodes: &'t [Ref], by: &[u32], flow: &mut Flow) -> Self {
        let always = Known {
            holds: flow.constant(1.0),
            from: None,
        };
        Self {
            trace,
            nodes,
            active: trace.active(by),
            adjoints: vec![None; trace.len()],
            conditions: vec![always],
            known: FxHashMap::default(),
            either: FxHashMap::default(),
            expressed: false,
        }
    }

    /// The same, to be differentiated again.
    pub(crate) fn expressed(self) -> Self {
        Self {
            expressed: true,
            ..self
        }
    }

    /// Adds a cotangent to a node's adjoint.
    pub(crate) fn seed(&mut self, node: Ref, ct: Ref, flow: &mut Flow) {
        self.add(node, ct, Condition::ALWAYS, flow);
    }

    /// The same where the cotangent is not 0: where it is, nothing flows from it, not even a zero.
    pub(crate) fn seed_unless_zero(&mut self, node: Ref, ct: Ref, flow: &mut Flow) {
        if let Some(condition) = self.and(Condition::ALWAYS, ct, true, flow) {
            self.add(node, ct, condition, flow);
        }
    }

    /// Sweeps the operations backwards, those alone whose class is wanted.
    pub(crate) fn sweep(&mut self, wanted: &dyn Fn(Class) -> bool, flow: &mut Flow) {
        let inputs = self.trace.inputs as usize;
        for index in (0..self.trace.operations.len()).rev() {
            let op = self.trace.operations[index];
            match op.prim {
                Prim::Part => continue,
                Prim::Block => {
                    if wanted(flow.class(self.nodes[inputs + index])) {
                        self.sweep_block(index, flow);
                    }
                    continue;
                }
                _ => {}
            }
            let Some(ct) = self.adjoints[inputs + index] else {
                continue;
            };
            let y = self.nodes[inputs + index];
            if !wanted(flow.class(y)) {
                continue;
            }
            if op.prim == Prim::Select {
                let test = self.node(op.c, flow);
                let [then, otherwise] = [op.a, op.b].map(|r| self.node(r, flow));
                // Where both arms are one number the test decides nothing, and may be of a lane where all
                // lanes share the number.
                if then == otherwise {
                    self.contribute(op.a, ct, flow);
                    continue;
                }
                for (taken, when) in [(op.a, true), (op.b, false)] {
                    if self.is_active(taken)
                        && let Some(under) = self.and(ct.condition, test, when, flow)
                    {
                        self.add(taken, ct.number, under, flow);
                    }
                }
                continue;
            }
            if !self.is_active(op.a) && !self.is_active(op.b) {
                continue;
            }
            let [a, b] = [op.a, op.b].map(|r| self.node(r, flow));
            // What is constant needs no rule that holds where it moves.
            let moves = |r: Ref| flow.constant_of(r).is_none();
            let again = self.expressed && moves(a) && moves(b);
            let cts = cotangents(op.prim, [a, b, y, ct.number], again, flow);
            let Some([to_a, to_b]) = cts else {
                continue;
            };
            let tests = counts(op.prim, [a, b], again, flow);
            // What is zero stays zero in these.
            let quiet = ct.quiet && matches!(op.prim, Prim::Add | Prim::Sub | Prim::Neg);
            let operands = [(op.a, to_a), (op.b, to_b)];
            for (at, (operand, number)) in operands.into_iter().enumerate() {
                if at < op.prim.operands() && self.is_active(operand) {
                    let test = tests.map(|tests| tests[at]);
                    let given = Cotangent {
                        number,
                        quiet,
                        ..ct
                    };
                    if let Some(given) = self.where_it_counts(given, test, flow) {
                        self.contribute(operand, given, flow);
                    }
                }
            }
        }
    }

    /// What a rule gives an argument, under the condition that the argument counts besides; nothing where
    /// it cannot.
    fn where_it_counts(
        &mut self,
        given: Cotangent,
        test: Option<Ref>,
        flow: &mut Flow,
    ) -> Option<Cotangent> {
        let Some(test) = test else {
            return Some(given);
        };
        let condition = self.and(given.condition, test, true, flow)?;
        Some(Cotangent {
            condition,
            // The rule's zero, where nothing but the test can fail.
            quiet: given.condition == Condition::ALWAYS,
            ..given
        })
    }

    /// Replaces the adjoints of all nodes that lanes share by their sums over lanes.
    pub(crate) fn sum_over_lanes(&mut self, flow: &mut Flow) {
        for index in 0..self.adjoints.len() {
            if flow.class(self.nodes[index]) != Class::Shared {
                continue;
            }
            let Some(ct) = self.adjoints[index].take() else {
                continue;
            };
            let zero = flow.constant(0.0);
            let number = self.where_it_holds(ct, zero, flow);
            let number = flow.sum(number);
            let condition = if ct.condition == Condition::ALWAYS {
                Condition::ALWAYS
            } else {
                let one = flow.constant(1.0);
                let holds = self.conditions[ct.condition.0 as usize].holds;
                let holds = flow.select(holds, one, zero);
                let holds = flow.sum(holds);
                self.condition(Known { holds, from: None })
            };
            let quiet = false;
            self.adjoints[index] = Some(Cotangent {
                number,
                condition,
                quiet,
            });
        }
    }

    /// How many nodes that lanes share have an adjoint.
    pub(crate) fn shared_adjoints(&self, flow: &Flow) -> usize {
        let of = self.adjoints.iter().zip(self.nodes);
        of.filter(|(ct, node)| ct.is_some() && flow.class(**node) == Class::Shared)
            .count()
    }

    /// Adds a cotangent that is there where a number is not 0.
    pub(crate) fn seed_where(&mut self, node: Ref, ct: Ref, holds: Ref, flow: &mut Flow) {
        if let Some(condition) = self.and(Condition::ALWAYS, holds, true, flow) {
            self.add(node, ct, condition, flow);
        }
    }

    /// What has arrived at the adjoint of an input, and the number that tells whether it is there at all,
    /// unless it always is; none where nothing has.
    pub(crate) fn arrived(&self, input: u32) -> Option<(Ref, Option<Ref>)> {
        let ct = self.adjoints[input as usize]?;
        let holds = self.conditions[ct.condition.0 as usize].holds;
        Some((
            ct.number,
            (ct.condition != Condition::ALWAYS).then_some(holds),
        ))
    }

    /// The adjoint of an input; 0 where nothing has contributed.
    pub(crate) fn of(&mut self, input: u32, flow: &mut Flow) -> Ref {
        let zero = flow.constant(0.0);
        match self.adjoints[input as usize] {
            None => zero,
            Some(ct) => self.where_it_holds(ct, zero, flow),
        }
    }

    fn is_active(&self, r: Ref) -> bool {
        r.is_node() && self.active[r.index()]
    }

    /// An operand's node in the flow.
    fn node(&self, r: Ref, flow: &mut Flow) -> Ref {
        self.trace.in_flow(r, self.nodes, flow)
    }

    /// The condition that a test comes out some way where another holds; none where it cannot.
    fn and(
        &mut self,
        condition: Condition,
        test: Ref,
        when: bool,
        flow: &mut Flow,
    ) -> Option<Condition> {
        if let Some(outcome) = flow.constant_of(test) {
            return ((outcome != 0.0) == when).then_some(condition);
        }
        let from = Some((condition, test, when));
        let key = (condition.0, test, when);
        if let Some(&known) = self.known.get(&key) {
            return Some(known);
        }
        let holds = if when {
            test
        } else {
            flow.operation(Prim::IsZero, test, test)
        };
        let holds = if condition == Condition::ALWAYS {
            holds
        } else {
            let before = self.conditions[condition.0 as usize].holds;
            flow.operation(Prim::Both, before, holds)
        };
        let condition = self.condition(Known { holds, from });
        self.known.insert(key, condition);
        Some(condition)
    }

    fn condition(&mut self, known: Known) -> Condition {
        let condition = Condition(narrow(self.conditions.len()));
        self.conditions.push(known);
        condition
    }

    /// The number where its condition holds, another where it does not.
    fn where_it_holds(&self, ct: Cotangent, otherwise: Ref, flow: &mut Flow) -> Ref {
        if ct.quiet {
            return ct.number;
        }
        let holds = self.conditions[ct.condition.0 as usize].holds;
        flow.select(holds, ct.number, otherwise)
    }

    fn add(&mut self, node: Ref, number: Ref, condition: Condition, flow: &mut Flow) {
        let quiet = false;
        let new = Cotangent {
            number,
            condition,
            quiet,
        };
        self.contribute(node, new, flow);
    }

    fn contribute(&mut self, node: Ref, new: Cotangent, flow: &mut Flow) {
        if !self.is_active(node) {
            return;
        }
        let sum = match self.adjoints[node.index()] {
            None => new,
            Some(old) => self.join(old, new, flow),
        };
        self.adjoints[node.index()] = Some(sum);
    }

    fn join(&mut self, old: Cotangent, new: Cotangent, flow: &mut Flow) -> Cotangent {
        if old.condition == new.condition {
            return Cotangent {
                number: flow.operation(Prim::Add, old.number, new.number),
                condition: old.condition,
                quiet: old.quiet && new.quiet,
            };
        }
        let [known_old, known_new] =
            [old, new].map(|ct| self.conditions[ct.condition.0 as usize].from);
        if let (Some((under, test, when)), Some((other, its_test, its_when))) =
            (known_old, known_new)
            && (under, test) == (other, its_test)
            && when != its_when
        {
            // Exactly one of the two is there.
            let (then, otherwise) = if when { (old, new) } else { (new, old) };
            return Cotangent {
                number: flow.select(test, then.number, otherwise.number),
                condition: under,
                quiet: false,
            };
        }
        let nothing = flow.constant(-0.0);
        let numbers = [old, new].map(|ct| self.where_it_holds(ct, nothing, flow));
        let condition = self.or(old.condition, new.condition, flow);
        Cotangent {
            number: flow.operation(Prim::Add, numbers[0], numbers[1]),
            condition,
            quiet: old.quiet && new.quiet,
        }
    }

    fn sweep_block(&mut self, index: usize, flow: &mut Flow) {
        let trace = self.trace;
        let block = trace.block_at(index);
        let first = trace.inputs as usize + index;
        let Some(kind) = block.block else {
            for (at, &number) in trace.listed_of(block.a).iter().enumerate() {
                if let Some(ct) = self.adjoints[first + at] {
                    self.add(number, ct.number, ct.condition, flow);
                }
            }
            return;
        };
        let outputs = kind.outputs();
        let given: Vec<Option<Cotangent>> = self.adjoints[first..first + outputs].to_vec();
        let mut there = given.iter().flatten();
        let Some(&one) = there.next() else {
            return;
        };
        let zero = flow.constant(0.0);
        // All under one condition: what it is where that does not hold, nobody sees.
        let same = given
            .iter()
            .flatten()
            .all(|ct| ct.condition == one.condition);
        let mut condition = one.condition;
        if !same {
            for ct in there {
                condition = self.or(condition, ct.condition, flow);
            }
        }
        let cts: Vec<Ref> = given
            .iter()
            .map(|ct| match ct {
                None => zero,
                Some(ct) if same => ct.number,
                Some(ct) => self.where_it_holds(*ct, zero, flow),
            })
            .collect();
        let to = [block.a, block.b].map(|numbers| self.is_any_active(numbers));
        if to == [false; 2] {
            return;
        }
        let own = &self.nodes[first..first + block.length as usize];
        let [da, db] = if self.expressed {
            let [ra, rb] = [block.a, block.b].map(|numbers| {
                let refs = trace.operands_of(numbers).into_iter();
                refs.map(|r| self.node(r, flow)).collect::<Vec<Ref>>()
            });
            let reads = Reads {
                a: &ra,
                b: &rb,
                y: &own[..outputs],
                ct: &cts,
            };
            let cts = reverse(kind, reads, to, flow);
            #[cfg(test)]
            let cts = broken(kind, cts, flow);
            cts
        } else {
            let [reads_a, reads_b, reads_own] = kind.reads(to);
            let [ra, rb] = [(block.a, reads_a), (block.b, reads_b)].map(|(numbers, is_read)| {
                let runs = is_read.then(|| trace.runs_in_flow(numbers, self.nodes, flow));
                runs.unwrap_or_default()
            });
            let own = own.iter().filter(|_| reads_own);
            let own = own.map(|r| r.place()).collect();
            let cts = cts.iter().map(|r| r.place()).collect();
            let lengths = [block.a, block.b].map(Numbers::length);
            let length = (0..2).filter(|&at| to[at]).map(|at| lengths[at]).sum();
            let work = Work::Reverse {
                block: kind,
                to_a: to[0],
                to_b: to[1],
            };
            let mut next = flow.block(work, length, vec![ra, rb, own, cts]);
            [0, 1].map(|at| {
                to[at].then(|| {
                    let numbers = next..next + lengths[at];
                    next = numbers.end;
                    numbers.map(Ref::node).collect()
                })
            })
        };
        let operands = [(da, block.a), (db, block.b)];
        for (cts, numbers) in operands {
            let Some(cts) = cts else { continue };
            let refs = trace.operands_of(numbers);
            for (&r, ct) in refs.iter().zip(cts) {
                self.add(r, ct, condition, flow);
            }
        }
    }

    /// Whether derivatives flow to any number of a block's operand.
    fn is_any_active(&self, numbers: Numbers) -> bool {
        match numbers {
            Numbers::Run(first, length) if first.is_node() => {
                self.active[first.index()..][..length as usize].contains(&true)
            }
            _ => false,
        }
    }

    fn or(&mut self, a: Condition, b: Condition, flow: &mut Flow) -> Condition {
        if a == b {
            return a;
        }
        if a == Condition::ALWAYS || b == Condition::ALWAYS {
            return Condition::ALWAYS;
        }
        let [a, b] = [a, b].map(|condition| self.conditions[condition.0 as usize].holds);
        let holds = flow.operation(Prim::Either, a, b);
        if let Some(&known) = self.either.get(&holds) {
            return known;
        }
        let condition = self.condition(Known { holds, from: None });
        self.either.insert(holds, condition);
        condition
    }
}

impl Trace {
    /// For each node, whether derivatives by some inputs flow to it.
    pub(super) fn active(&self, by: &[u32]) -> Vec<bool> {
        let mut active = vec![false; self.len()];
        for &input in by {
            active[input as usize] = true;
        }
        for (index, op) in self.operations.iter().enumerate() {
            let node = self.inputs as usize + index;
            let is = |r: Ref| r.is_node() && active[r.index()];
            match op.prim {
                Prim::Part => {}
                Prim::Block => {
                    let block = self.block_at(index);
                    let mut any = false;
                    if !block.is_flat() {
                        self.each_operand(&block, &mut |r| any |= is(r));
                    }
                    active[node..node + block.length as usize].fill(any);
                }
                prim => {
                    active[node] = (is(op.a) || is(op.b)) && prim.passes_derivatives();
                }
            }
        }
        active
    }

    /// The references of a block's operand.
    pub(super) fn operands_of(&self, numbers: Numbers) -> Vec<Ref> {
        match numbers {
            Numbers::Run(first, length) => {
                let at = |i| {
                    let index = narrow(first.index()) + i;
                    if first.is_node() {
                        Ref::node(index)
                    } else {
                        Ref::constant(index)
                    }
                };
                (0..length).map(at).collect()
            }
            Numbers::Listed(..) => self.listed_of(numbers).to_vec(),
        }
    }
}
