//! `abridge`: a long trace as a short one whose loops have few iterations.
//!
//! A trace goes in; one comes out in which iterations are left out of the middle of its loops, as many as
//! one likes, so that what is compiled of it has the same loops, only shorter.
//!
//! **Invariants**
//! - The abridged trace computes what the whole one would if its loops ended sooner: the same
//!   operations in the same order, on the same numbers but for those that follow the seam.
//! - What differs from iteration to iteration, inputs in a row and numbers of the program, are inputs of
//!   the abridged trace, one for each iteration that is left: nothing is folded that is no constant.
//! - Loops that read each other are abridged alike, where they read.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

use super::marks::marks;
use super::operations::{Operations, operands};
use super::{GROWTH, KEPT, Listing, Loop, Source, place_in};
use crate::prim::Prim;
use crate::sorted;
use crate::trace::{BlockOperation, Guard, Numbers, Operation, Ref, Trace, narrow};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// How many iterations back a loop may read its own results.
const FARTHEST: usize = 3;

/// How many loops there may be.
const LOOPS: usize = 64;

/// What an input of an abridged trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// An input of the whole trace.
    Input(u32),
    /// Of a stream, the number for an iteration.
    Stream(u32, u32),
    /// A number, by its bits, that nothing is to be folded with.
    Number(u64),
}

/// Numbers of which each iteration reads the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stream {
    /// Inputs, from one on, so many places apart.
    Inputs(u32, i64),
    /// Numbers of the program.
    Table(Vec<f64>),
}

/// A number of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Streamed {
    /// An input of the whole trace.
    Input(u32),
    Number(f64),
}

impl Stream {
    /// What an iteration reads.
    pub(crate) fn at(&self, iteration: i64) -> Streamed {
        match self {
            Self::Inputs(first, stride) => {
                Streamed::Input((i64::from(*first) + stride * iteration) as u32)
            }
            Self::Table(numbers) => Streamed::Number(numbers[iteration as usize]),
        }
    }
}

/// The loops of a trace, and how they hang together.
pub(crate) struct Plan<'t> {
    list: Operations<'t>,
    outputs: &'t [Ref],
    by: &'t [u32],
    loops: Vec<Loop>,
    /// For each loop those that read each other with it.
    groups: Vec<usize>,
    /// What loops read of others: who, whom, from which iteration on, and in which direction.
    links: Vec<Link>,
    /// The streams of all loops; by loop, operation of the iteration and which it reads.
    streams: Vec<Stream>,
    streams_at: FxHashMap<(usize, usize, usize), u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    reader: usize,
    read: usize,
    /// Which iteration the reader's first one reads.
    first: i64,
    is_forward: bool,
}

/// A trace with shorter loops.
pub(crate) struct Abridged {
    pub(crate) trace: Trace,
    pub(crate) inputs: Vec<Origin>,
    pub(crate) outputs: Vec<Ref>,
    pub(crate) by: Vec<u32>,
    /// For each guard the whole trace's.
    pub(crate) guards: Vec<u32>,
    /// For each operation the whole trace's.
    operations: Vec<u32>,
}

/// Why a trace cannot be abridged by a loop.
struct Unfit(usize);

impl<'t> Plan<'t> {
    /// The loops of a trace of which outputs, and derivatives by inputs, are wanted; none where there are
    /// none, or iterations of more than `longest` operations.
    pub(crate) fn new(
        trace: &'t Trace,
        outputs: &'t [Ref],
        by: &'t [u32],
        longest: usize,
    ) -> Option<Self> {
        let list = Operations::new(trace);
        let loops = list.loops();
        if loops.iter().any(|of| of.period > longest) {
            return None;
        }
        let mut plan = Self {
            list,
            outputs,
            by,
            loops,
            groups: Vec::new(),
            links: Vec::new(),
            streams: Vec::new(),
            streams_at: FxHashMap::default(),
        };
        loop {
            if plan.loops.len() > LOOPS || !plan.is_worth_it() {
                return None;
            }
            let tried = plan.connect().and_then(|()| {
                let dropped = plan.dropped();
                plan.shorten(&dropped).map(|_| ())
            });
            match tried {
                Ok(()) => return plan.is_regular().then_some(plan),
                Err(Unfit(which)) => {
                    plan.loops.remove(which);
                }
            }
        }
    }

    /// Whether loops are most of the trace: what is left is compiled, and looked through, a few times.
    fn is_worth_it(&self) -> bool {
        let saved = |of: &Loop| (of.count - KEPT) * of.period;
        let saved: usize = self.loops.iter().map(saved).sum();
        2 * saved > self.list.len()
    }

    /// Whether what comes of the loops' operations is the same in every [`GROWTH`]th iteration, but at the
    /// ends, where it is as in the abridged trace: then code for that tells how all code would go on.
    fn is_regular(&self) -> bool {
        let trace = self.list.trace;
        let Some(all) = marks(trace, self.outputs, self.by) else {
            return false;
        };
        let is_even = self.loops.iter().all(|of| {
            let from = of.start + KEPT / 4 * of.period;
            let to = of.end() - KEPT / 4 * of.period;
            let later = &all[from + GROWTH * of.period..to];
            later.iter().zip(&all[from..]).all(|(a, b)| a == b)
        });
        let dropped = self.dropped();
        let (true, Some(abridged)) = (is_even, self.abridged(&dropped)) else {
            return false;
        };
        let few = marks(&abridged.trace, &abridged.outputs, &abridged.by);
        let of = abridged
            .operations
            .iter()
            .map(|&operation| all[operation as usize]);
        few.is_some_and(|few| few.into_iter().eq(of))
    }

    /// How many groups of loops that read each other there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups.iter().max().map_or(0, |last| last + 1)
    }

    /// For each group how many iterations there are more than are left.
    pub(crate) fn dropped(&self) -> Vec<usize> {
        let mut dropped = vec![usize::MAX; self.groups()];
        for (of, &group) in self.loops.iter().zip(&self.groups) {
            dropped[group] = dropped[group].min((of.count - KEPT) / GROWTH * GROWTH);
        }
        dropped
    }

    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    fn loop_of(&self, operation: usize) -> Option<(usize, usize, usize)> {
        place_in(&self.loops, operation)
    }

    /// Finds out what loops read: streams, and each other.
    fn connect(&mut self) -> Result<(), Unfit> {
        self.links.clear();
        self.streams.clear();
        self.streams_at.clear();
        let mut inputs: FxHashMap<(usize, u32, i64), u32> = FxHashMap::default();
        for which in 0..self.loops.len() {
            let Loop {
                start,
                period,
                count,
            } = self.loops[which];
            for place in 0..period {
                let at = start + place;
                let sources = self.sources(at);
                let then = self.sources(at + period);
                for (nth, (&source, &then)) in sources.iter().zip(&then).enumerate() {
                    match (source, then) {
                        (Source::Item(a, _), Source::Item(b, _)) if a != b => {
                            let last = self.sources(at + period * (count - 1))[nth];
                            self.link(which, (a, b), last)?;
                        }
                        (Source::Outer(a), Source::Outer(b)) if a != b => {
                            if self.list.trace.operations[at].prim == Prim::Block {
                                return Err(Unfit(which));
                            }
                            let stride = i64::from(b) - i64::from(a);
                            let streams = &mut self.streams;
                            let stream = *inputs.entry((which, a, stride)).or_insert_with(|| {
                                streams.push(Stream::Inputs(a, stride));
                                narrow(streams.len() - 1)
                            });
                            let end = i64::from(a) + stride * (count as i64 - 1);
                            let (low, high) = (i64::from(a).min(end), i64::from(a).max(end));
                            let is_by = |&input: &u32| (low..=high).contains(&i64::from(input));
                            if self.by.iter().any(is_by) {
                                return Err(Unfit(which));
                            }
                            self.streams_at.insert((which, place, nth), stream);
                        }
                        (Source::Constant(_), Source::Constant(_)) => {
                            let numbers: Vec<u64> = (0..count)
                                .map(|iteration| self.bits(at + period * iteration, nth))
                                .collect();
                            if numbers.iter().all(|&bits| bits == numbers[0]) {
                                continue;
                            }
                            let numbers = numbers.into_iter().map(f64::from_bits).collect();
                            self.streams.push(Stream::Table(numbers));
                            let stream = narrow(self.streams.len() - 1);
                            self.streams_at.insert((which, place, nth), stream);
                        }
                        _ => {}
                    }
                }
            }
        }
        self.group();
        Ok(())
    }

    fn sources(&self, operation: usize) -> Vec<Source> {
        let mut sources = Vec::with_capacity(4);
        self.list
            .each_source(operation, &mut |source| sources.push(source));
        sources
    }

    /// The number that an operation reads, where that is a constant.
    fn bits(&self, operation: usize, nth: usize) -> u64 {
        let (mut at, mut bits) = (0, 0);
        self.list.each_source(operation, &mut |source| {
            if let (Source::Constant(number), true) = (source, at == nth) {
                bits = number;
            }
            at += 1;
        });
        bits
    }

    /// Notes what a loop reads in its first two iterations, and in the last.
    fn link(&mut self, reader: usize, (a, b): (u32, u32), last: Source) -> Result<(), Unfit> {
        let period = self.loops[reader].period as i64;
        let by = i64::from(b) - i64::from(a);
        let start = self.loops[reader].start;
        if by == period && a as usize + FARTHEST * period as usize >= start {
            // Of the loop itself, some iterations back.
            return Ok(());
        }
        let begins = self.loop_of(a as usize);
        let (Some((read, first, _)), Source::Item(end, _)) = (begins, last) else {
            return Err(Unfit(reader));
        };
        let step = self.loops[read].period as i64;
        let ends_there = self.loop_of(end as usize).map(|(read, ..)| read) == Some(read);
        if read == reader || !ends_there || by.abs() != step {
            return Err(Unfit(reader));
        }
        let link = Link {
            reader,
            read,
            first: first as i64,
            is_forward: by > 0,
        };
        if !self.links.contains(&link) {
            self.links.push(link);
        }
        Ok(())
    }

    fn group(&mut self) {
        let mut groups: Vec<usize> = (0..self.loops.len()).collect();
        for link in &self.links {
            let (one, other) = (groups[link.reader], groups[link.read]);
            for group in &mut groups {
                if *group == one {
                    *group = other;
                }
            }
        }
        let mut numbers: FxHashMap<usize, usize> = FxHashMap::default();
        for group in &mut groups {
            let next = numbers.len();
            *group = *numbers.entry(*group).or_insert(next);
        }
        self.groups = groups;
    }

    /// For each loop how many iterations are left before those that are dropped.
    fn heads(&self, dropped: &[usize]) -> Result<Vec<usize>, Unfit> {
        let mut heads: Vec<Option<i64>> = vec![None; self.loops.len()];
        for root in 0..self.loops.len() {
            if heads[root].is_some() {
                continue;
            }
            let drop = dropped[self.groups[root]] as i64;
            // As with the fewest that are left, so that the head is the same however many are.
            heads[root] = Some(KEPT as i64 / 2);
            let mut is_settled = false;
            while !is_settled {
                is_settled = true;
                for link in &self.links {
                    let then = |from: i64| {
                        if link.is_forward {
                            from + link.first
                        } else {
                            link.first + 1 - drop - from
                        }
                    };
                    match (heads[link.reader], heads[link.read]) {
                        (Some(reader), Some(read)) if then(reader) != read => {
                            return Err(Unfit(link.reader));
                        }
                        (Some(reader), None) => {
                            heads[link.read] = Some(then(reader));
                            is_settled = false;
                        }
                        (None, Some(read)) => {
                            heads[link.reader] = Some(if link.is_forward {
                                read - link.first
                            } else {
                                link.first + 1 - drop - read
                            });
                            is_settled = false;
                        }
                        _ => {}
                    }
                }
            }
        }
        let loops = self.loops.iter().zip(&self.groups);
        let checked = heads.iter().zip(loops).enumerate();
        let checked = checked.map(|(which, (&head, (of, &group)))| {
            let kept = (of.count - dropped[group]) as i64;
            match head {
                Some(head) if head >= 2 && head <= kept - 2 => Ok(head as usize),
                _ => Err(Unfit(which)),
            }
        });
        checked.collect()
    }

    /// The trace with so many iterations of each group left out; none where that cannot be.
    pub(crate) fn abridged(&self, dropped: &[usize]) -> Option<Abridged> {
        self.shorten(dropped).ok()
    }

    fn shorten(&self, dropped: &[usize]) -> Result<Abridged, Unfit> {
        let heads = self.heads(dropped)?;
        let writer = Writer {
            plan: self,
            dropped,
            heads,
            out: Trace::default(),
            nodes: FxHashMap::default(),
            inputs: Vec::new(),
            known_inputs: FxHashMap::default(),
            starts: Vec::new(),
            guards: Vec::new(),
            operations: Vec::new(),
        };
        writer.write()
    }
}

/// Where an operation of the whole trace stands.
#[derive(Clone, Copy)]
struct At {
    operation: usize,
    /// Its loop, the iteration there and among those that are left, and the place in the iteration.
    within: Option<(usize, usize, usize, usize)>,
}

struct Writer<'p, 't> {
    plan: &'p Plan<'t>,
    dropped: &'p [usize],
    heads: Vec<usize>,
    out: Trace,
    /// For operations outside loops their operations in the abridged trace.
    nodes: FxHashMap<u32, u32>,
    inputs: Vec<Origin>,
    known_inputs: FxHashMap<Origin, u32>,
    /// Where each loop begins in the abridged trace.
    starts: Vec<u32>,
    guards: Vec<u32>,
    operations: Vec<u32>,
}

/// Until all are known, inputs are counted from here on, in place of nodes.
const INPUTS: u32 = 1 << 30;

impl Writer<'_, '_> {
    fn write(mut self) -> Result<Abridged, Unfit> {
        let plan = self.plan;
        let trace = plan.list.trace;
        // What blocks read in a row has to stay in a row.
        let mut rows: Vec<u32> = Vec::new();
        for block in &trace.blocks {
            for numbers in [block.a, block.b] {
                if let Numbers::Run(first, length) = numbers
                    && let Some(first) = first.as_node().filter(|&first| first < trace.inputs)
                {
                    rows.extend(first..first + length);
                }
            }
        }
        sorted::plainly(&mut rows);
        rows.dedup();
        for &input in rows.iter().chain(plan.by) {
            self.input(Origin::Input(input));
        }
        let mut next = 0;
        for (which, of) in plan.loops.iter().enumerate() {
            for operation in next..of.start {
                self.operation(At {
                    operation,
                    within: None,
                })?;
            }
            self.starts.push(narrow(self.out.operations.len()));
            let drop = self.dropped[plan.groups[which]];
            let head = self.heads[which];
            for left in 0..of.count - drop {
                let iteration = if left < head { left } else { left + drop };
                for place in 0..of.period {
                    self.operation(At {
                        operation: of.start + iteration * of.period + place,
                        within: Some((which, iteration, left, place)),
                    })?;
                }
            }
            next = of.end();
        }
        for operation in next..trace.operations.len() {
            self.operation(At {
                operation,
                within: None,
            })?;
        }
        self.guards_at(At {
            operation: trace.operations.len(),
            within: None,
        })?;
        let outputs = plan.outputs.iter().map(|&r| self.outside(r));
        let outputs = outputs.collect::<Result<Vec<Ref>, Unfit>>()?;
        Ok(self.finish(outputs))
    }

    /// Gives inputs their places before all operations.
    fn finish(mut self, outputs: Vec<Ref>) -> Abridged {
        let inputs = narrow(self.inputs.len());
        let placed = |r: Ref| match r.as_node() {
            Some(node) if node >= INPUTS => Ref::node(node - INPUTS),
            Some(node) => Ref::node(node + inputs),
            None => r,
        };
        for op in &mut self.out.operations {
            if !matches!(op.prim, Prim::Block | Prim::Part) {
                [op.a, op.b, op.c] = [op.a, op.b, op.c].map(placed);
            }
        }
        for block in &mut self.out.blocks {
            for numbers in [&mut block.a, &mut block.b] {
                if let Numbers::Run(first, _) = numbers {
                    *first = placed(*first);
                }
            }
        }
        for r in &mut self.out.listed {
            *r = placed(*r);
        }
        for guard in &mut self.out.guards {
            guard.node = placed(guard.node);
        }
        self.out.inputs = inputs;
        let by = self.plan.by.iter();
        let by = by.map(|&input| self.known_inputs[&Origin::Input(input)]);
        Abridged {
            by: by.collect(),
            trace: self.out,
            inputs: self.inputs,
            outputs: outputs.into_iter().map(placed).collect(),
            guards: self.guards,
            operations: self.operations,
        }
    }

    fn input(&mut self, origin: Origin) -> Ref {
        let inputs = &mut self.inputs;
        let index = *self.known_inputs.entry(origin).or_insert_with(|| {
            inputs.push(origin);
            narrow(inputs.len() - 1)
        });
        Ref::node(INPUTS + index)
    }

    fn constant(&mut self, x: f64) -> Ref {
        self.out.constants.push(x);
        Ref::constant(narrow(self.out.constants.len() - 1))
    }

    /// What stands for a number that is read outside loops, or the same by all iterations.
    fn outside(&mut self, r: Ref) -> Result<Ref, Unfit> {
        let trace = self.plan.list.trace;
        let Some(node) = r.as_node() else {
            return Ok(self.constant(trace.constants[r.index()]));
        };
        let Some(operation) = node.checked_sub(trace.inputs) else {
            return Ok(self.input(Origin::Input(node)));
        };
        if let Some(&operation) = self.nodes.get(&operation) {
            return Ok(Ref::node(operation));
        }
        match self.plan.loop_of(operation as usize) {
            Some((which, iteration, place)) => {
                let drop = self.dropped[self.plan.groups[which]];
                let head = self.heads[which];
                let left = if iteration < head {
                    iteration
                } else if iteration >= head + drop {
                    iteration - drop
                } else {
                    return Err(Unfit(which));
                };
                Ok(self.of_loop(which, left, place))
            }
            // It comes later: no operand does.
            None => Err(Unfit(0)),
        }
    }

    fn of_loop(&self, which: usize, left: usize, place: usize) -> Ref {
        let period = self.plan.loops[which].period;
        Ref::node(self.starts[which] + narrow(left * period + place))
    }

    /// What stands for a number that an operation reads, as the nth of those it does.
    fn operand(&mut self, at: At, nth: usize, r: Ref) -> Result<Ref, Unfit> {
        let Some((which, iteration, left, place)) = at.within else {
            return self.outside(r);
        };
        if let Some(&stream) = self.plan.streams_at.get(&(which, place, nth)) {
            return Ok(self.input(Origin::Stream(stream, narrow(left))));
        }
        let trace = self.plan.list.trace;
        let operation = r.as_node().and_then(|node| node.checked_sub(trace.inputs));
        let Some(operation) = operation else {
            return self.outside(r);
        };
        let of = self.plan.loops[which];
        if (operation as usize) < of.start {
            return self.outside(r);
        }
        let from_start = operation as usize - of.start;
        let back = iteration - from_start / of.period;
        match left.checked_sub(back) {
            Some(left) => Ok(self.of_loop(which, left, from_start % of.period)),
            None => Err(Unfit(which)),
        }
    }

    fn guards_at(&mut self, at: At) -> Result<usize, Unfit> {
        let list = &self.plan.list;
        let first = list.guards[at.operation];
        let guards = list.guards_at(at.operation);
        for (nth, guard) in guards.iter().enumerate() {
            let node = self.operand(at, nth, guard.node)?;
            self.guards.push(first + narrow(nth));
            self.out.guards.push(Guard {
                at: narrow(self.out.operations.len()),
                node,
                ..*guard
            });
        }
        Ok(guards.len())
    }

    fn operation(&mut self, at: At) -> Result<(), Unfit> {
        let mut nth = self.guards_at(at)?;
        let trace = self.plan.list.trace;
        let op = trace.operations[at.operation];
        self.operations.push(narrow(at.operation));
        if at.within.is_none() {
            let place = narrow(self.out.operations.len());
            self.nodes.insert(narrow(at.operation), place);
        }
        match op.prim {
            // It came with its block.
            Prim::Part => {
                let which = Ref::constant(narrow(self.out.blocks.len() - 1));
                self.out.operations.push(Operation {
                    a: which,
                    b: which,
                    c: which,
                    ..op
                });
            }
            Prim::Block => {
                let block = trace.block_at(at.operation);
                let mut numbers = [block.a, block.b];
                for numbers in &mut numbers {
                    *numbers = self.numbers(at, &mut nth, *numbers)?;
                }
                let which = Ref::constant(narrow(self.out.blocks.len()));
                let [a, b] = numbers;
                self.out.blocks.push(BlockOperation {
                    first: narrow(self.out.operations.len()),
                    a,
                    b,
                    ..block
                });
                self.out.operations.push(Operation {
                    a: which,
                    b: which,
                    c: which,
                    ..op
                });
            }
            _ => {
                let mut refs = [None; 3];
                for (to, r) in refs.iter_mut().zip(operands(&op)) {
                    *to = Some(self.operand(at, nth, r)?);
                    nth += 1;
                }
                let a = refs[0].unwrap_or(Ref::constant(0));
                self.out.operations.push(Operation {
                    prim: op.prim,
                    a,
                    b: refs[1].unwrap_or(a),
                    c: refs[2].unwrap_or(a),
                });
            }
        }
        Ok(())
    }

    fn numbers(&mut self, at: At, nth: &mut usize, numbers: Numbers) -> Result<Numbers, Unfit> {
        let trace = self.plan.list.trace;
        let unfit = Unfit(at.within.map_or(0, |(which, ..)| which));
        match numbers {
            Numbers::Run(first, length) if first.is_node() => {
                let start = self.operand(at, *nth, first)?;
                // All of them have to lie in a row still.
                for i in 1..length {
                    let there = self.operand(at, *nth, Ref::node(first.index() as u32 + i))?;
                    if there.index() != start.index() + i as usize {
                        return Err(unfit);
                    }
                }
                *nth += 1;
                Ok(Numbers::Run(start, length))
            }
            Numbers::Run(first, length) => {
                let from = narrow(self.out.constants.len());
                let constants = first.index()..first.index() + length as usize;
                self.out
                    .constants
                    .extend_from_slice(&trace.constants[constants]);
                Ok(Numbers::Run(Ref::constant(from), length))
            }
            Numbers::Listed(start, length) => {
                let listed = &trace.listed[start as usize..(start + length) as usize];
                let from = narrow(self.out.listed.len());
                for &r in listed {
                    let r = self.outside(r)?;
                    self.out.listed.push(r);
                }
                Ok(Numbers::Listed(from, length))
            }
        }
    }
}
