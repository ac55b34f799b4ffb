//! Operations of one lane that are done many at a time.
//!
//! A flow and which of its operations are to be done go in; out comes an order in which operations that do
//! the same to numbers that follow one another stand side by side, as [`Group`]s.
//!
//! An operation's level is how many stand before it, one on the other. Those of a level depend on none of
//! each other, so they may be done in any order; and whatever was written for each element of a vector or
//! list, forwards or backwards, has the same level for each. Within a level operations belong together that
//! have the same row, and whose operands are the same number, or follow one another: as inputs, as the
//! numbers of a block or as those of a group do. Numbers of the program may be any: they are written down in
//! a row.
//!
//! **Invariants**
//! - Each operation is in one group at the most, and comes after what it reads.
//! - The numbers of a group's operand follow one another, in slots too once they have some.
//! - Only the order of operations changes, never that of the terms of a sum: the bits stay.

use super::super::flow::{Class, Flow};
use super::super::runs::Runs;
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use crate::prim::Prim;
use crate::sorted;
use rustc_hash::FxHashMap;

/// The fewest operations that are a group.
const FEWEST: usize = 8;

/// How many operations a level has to have for groups to be looked for.
const WIDE: usize = 32;

/// What part of all operations, one in so many, has to be of such levels.
const PART: usize = 4;

/// Operations of one row on numbers that follow one another.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) prim: Prim,
    /// The nodes of the results, in order.
    pub(super) nodes: Vec<u32>,
    /// The operands: one for each operation, or one for all.
    pub(super) operands: [Vec<Ref>; 2],
}

/// Whether operands of a group are numbers of the program, each operation's own.
pub(super) fn is_table(operands: &[Ref]) -> bool {
    operands.len() > 1 && !operands[0].is_node()
}

/// The order in which operations are done.
pub(super) struct Plan {
    /// Operations, by their places in the flow.
    pub(super) order: Vec<u32>,
    /// For each guard how many of these stand before it.
    pub(super) guards: Vec<u32>,
    pub(super) groups: Vec<Group>,
    /// For each operation its group, if it has one.
    pub(super) group_of: Vec<u32>,
    /// Whether operations may become pairs.
    pub(super) has_pairs: bool,
}

/// That an operation has no group.
pub(super) const ALONE: u32 = u32::MAX;

impl Plan {
    /// The order that operations have.
    pub(super) fn as_it_is(flow: &Flow, guards: &[FlowGuard]) -> Self {
        Self {
            order: (0..narrow(flow.operations.len())).collect(),
            guards: guards.iter().map(|guard| guard.at).collect(),
            groups: Vec::new(),
            group_of: Vec::new(),
            has_pairs: true,
        }
    }

    /// An order with groups, if enough operations would be in some.
    pub(super) fn grouped(
        flow: &Flow,
        guards: &[FlowGuard],
        is_live: &dyn Fn(usize) -> bool,
    ) -> Option<Self> {
        let inputs = flow.inputs as usize;
        let levels = levels(flow, is_live);
        let highest = levels.iter().copied().max().unwrap_or(0) as usize;
        if highest == 0 {
            return None;
        }
        // How many operations each level has, then where in the order it begins.
        let mut starts = vec![0_u32; highest + 2];
        for index in 0..flow.operations.len() {
            starts[levels[inputs + index] as usize + 1] += 1;
        }
        let wide = starts[2..].iter().map(|&n| n as usize);
        let (all, wide) = wide.fold((0, 0), |(all, wide), n| {
            (all + n, if n >= WIDE { wide + n } else { wide })
        });
        if wide < WIDE || wide * PART < all {
            return None;
        }
        for level in 1..starts.len() {
            starts[level] += starts[level - 1];
        }
        let mut order = vec![0; flow.operations.len()];
        let mut next = starts.clone();
        for index in 0..flow.operations.len() {
            let next = &mut next[levels[inputs + index] as usize];
            order[*next as usize] = narrow(index);
            *next += 1;
        }
        let mut finder = Finder {
            flow,
            labels: vec![NONE; flow.classes.len()],
            next: 1,
            groups: Vec::new(),
            group_of: vec![ALONE; flow.operations.len()],
            counts: FxHashMap::default(),
            members: FxHashMap::default(),
        };
        finder.label_inputs();
        for level in 0..=highest {
            let range = starts[level] as usize..starts[level + 1] as usize;
            finder.level(&order[range], is_live);
        }
        let mut at = 0;
        let places = guards.iter().map(|guard| {
            // A guard stands before the operations of the level after its number's, and after the guards
            // before it.
            let level = guard.node.as_node().map_or(0, |node| levels[node as usize]);
            at = at.max(starts[level as usize + 1]);
            at
        });
        Some(Self {
            order,
            guards: places.collect(),
            groups: finder.groups,
            group_of: finder.group_of,
            has_pairs: true,
        })
    }
}

/// How many operations stand before each node, one on the other: 0 for inputs and for what is not done.
fn levels(flow: &Flow, is_live: &dyn Fn(usize) -> bool) -> Vec<u32> {
    let inputs = flow.inputs as usize;
    let mut levels = vec![0_u32; flow.classes.len()];
    for (index, op) in flow.operations.iter().enumerate() {
        let node = inputs + index;
        let of = |r: Ref| r.as_node().map_or(0, |node| levels[node as usize]);
        match op.prim {
            Prim::Part => {}
            Prim::Block => {
                let block = &flow.blocks[op.c.index()];
                let runs = block.operands.iter().flat_map(Runs::runs);
                let highest = runs.map(|run| {
                    let first = Ref::at_place(run.first);
                    if !first.is_node() || run.first + run.length <= flow.inputs {
                        return 0;
                    }
                    let places = run.places().map(Ref::at_place);
                    places.map(of).max().unwrap_or(0)
                });
                let level = 1 + highest.max().unwrap_or(0);
                levels[node..node + block.length as usize].fill(level);
            }
            _ if is_live(node) => {
                levels[node] = 1 + of(op.a).max(of(op.b)).max(of(op.c));
            }
            _ => {}
        }
    }
    levels
}

/// What a number follows: a list of numbers that follow one another, and its place there.
type Label = (u32, u32);

/// That it follows none.
const NONE: Label = (0, 0);

/// What operations of a group have in common: the row, and for each operand the list and how far its
/// places are ahead of the first vector operand's, or the number that is the same for all.
type Key = (Prim, Common, Common);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Common {
    Same(Ref),
    List(u32, u32),
    /// Numbers of the program.
    Table,
}

struct Finder<'f> {
    flow: &'f Flow,
    labels: Vec<Label>,
    /// The next list.
    next: u32,
    groups: Vec<Group>,
    group_of: Vec<u32>,
    counts: FxHashMap<Key, u32>,
    members: FxHashMap<Key, Vec<(u32, u32)>>,
}

impl Finder<'_> {
    fn label_inputs(&mut self) {
        for input in 0..self.flow.inputs {
            if self.flow.classes[input as usize] == Class::Lane {
                self.labels[input as usize] = (self.next, input);
            }
        }
        self.next += 1;
    }

    fn label(&self, r: Ref) -> Label {
        r.as_node().map_or(NONE, |node| self.labels[node as usize])
    }

    /// The operands, those that may change places ordered by their lists.
    fn operands(&self, prim: Prim, a: Ref, b: Ref) -> [Ref; 2] {
        let is_turned = matches!(prim, Prim::Add | Prim::Mul) && self.label(a).0 > self.label(b).0;
        if is_turned { [b, a] } else { [a, b] }
    }

    /// The ways in which an operation may belong to others, and its place among them. Where no operand is
    /// one of a list, places are those in the flow.
    fn ways(&self, prim: Prim, [a, b]: [Ref; 2], index: u32) -> [Option<(Key, u32)>; 7] {
        let [(in_a, at_a), (in_b, at_b)] = [a, b].map(|r| self.label(r));
        let list = |list| Common::List(list, 0);
        if prim.operands() == 1 {
            let way = (in_a != 0).then(|| ((prim, list(in_a), list(in_a)), at_a));
            return [way, None, None, None, None, None, None];
        }
        let both = (in_a != 0 && in_b != 0).then(|| {
            let ahead = Common::List(in_b, at_b.wrapping_sub(at_a));
            ((prim, list(in_a), ahead), at_a)
        });
        // Numbers of the program, with one of a list each, or with the same for all.
        let [of_a, of_b] = [a, b].map(|r| !r.is_node());
        let tables = [
            (of_a && in_b != 0).then(|| ((prim, Common::Table, list(in_b)), at_b)),
            (of_b && in_a != 0).then(|| ((prim, list(in_a), Common::Table), at_a)),
            of_a.then_some(((prim, Common::Table, Common::Same(b)), index)),
            of_b.then_some(((prim, Common::Same(a), Common::Table), index)),
        ];
        let first = (in_a != 0).then(|| ((prim, list(in_a), Common::Same(b)), at_a));
        let second = (in_b != 0).then(|| ((prim, Common::Same(a), list(in_b)), at_b));
        // Of two as good, the last is taken.
        let [one, two, three, four] = tables;
        [one, two, three, four, both, first, second]
    }

    /// Finds the groups among operations of a level.
    fn level(&mut self, operations: &[u32], is_live: &dyn Fn(usize) -> bool) {
        let inputs = self.flow.inputs as usize;
        for &index in operations {
            let op = &self.flow.operations[index as usize];
            if op.prim == Prim::Block {
                let block = &self.flow.blocks[op.c.index()];
                for place in 0..block.length {
                    self.labels[(block.first + place) as usize] = (self.next, place);
                }
                self.next += 1;
            }
        }
        if operations.len() < FEWEST {
            return;
        }
        let flow = self.flow;
        let can_be = |index: &&u32| {
            let op = &flow.operations[**index as usize];
            let is_row = !matches!(op.prim, Prim::Block | Prim::Part | Prim::Select);
            is_row && is_live(inputs + **index as usize)
        };
        let candidates: Vec<u32> = operations.iter().filter(can_be).copied().collect();
        if candidates.len() < FEWEST {
            return;
        }
        self.counts.clear();
        let of = |finder: &Self, index: u32| {
            let op = &flow.operations[index as usize];
            let operands = finder.operands(op.prim, op.a, op.b);
            (op.prim, operands)
        };
        for &index in &candidates {
            let (prim, operands) = of(self, index);
            for (key, _) in self.ways(prim, operands, index).into_iter().flatten() {
                *self.counts.entry(key).or_default() += 1;
            }
        }
        let mut keys = Vec::new();
        for &index in &candidates {
            let (prim, operands) = of(self, index);
            let ways = self.ways(prim, operands, index).into_iter().flatten();
            let best = ways.max_by_key(|(key, _)| self.counts[key]);
            if let Some((key, place)) = best
                && self.counts[&key] as usize >= FEWEST
            {
                let members = self.members.entry(key).or_default();
                if members.is_empty() {
                    keys.push(key);
                }
                members.push((place, index));
            }
        }
        for key in keys {
            let mut members = self.members.remove(&key).unwrap_or_default();
            sorted::plainly(&mut members);
            let is_list = |common| matches!(common, Common::List(..));
            if ![key.1, key.2].into_iter().any(is_list) {
                for (place, member) in (0..).zip(&mut members) {
                    member.0 = place;
                }
            }
            for run in members.chunk_by(|before, after| before.0 + 1 == after.0) {
                if run.len() >= FEWEST {
                    self.add(key, run);
                }
            }
        }
    }

    fn add(&mut self, (prim, a, b): Key, members: &[(u32, u32)]) {
        let group = narrow(self.groups.len());
        let mut operands = [Vec::new(), Vec::new()];
        let mut nodes = Vec::with_capacity(members.len());
        for (place, &(_, index)) in (0..).zip(members) {
            let op = &self.flow.operations[index as usize];
            let both = self.operands(prim, op.a, op.b);
            for ((operands, r), common) in operands.iter_mut().zip(both).zip([a, b]) {
                if place == 0 || !matches!(common, Common::Same(_)) {
                    operands.push(r);
                }
            }
            let node = self.flow.inputs + index;
            self.labels[node as usize] = (self.next, place);
            self.group_of[index as usize] = group;
            nodes.push(node);
        }
        self.next += 1;
        self.groups.push(Group {
            prim,
            nodes,
            operands,
        });
    }
}
