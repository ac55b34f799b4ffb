//! Sums from the left, on one lane: several go on side by side, each in its own order.
//!
//! A sum waits for the one before it, some cycles long. Where several are to be done, their additions take
//! turns, so that all of them take as long as one.
//!
//! A flow and a plan of its groups go in, and the chains of additions come out that nothing but the next one
//! reads; or numbers that lie evenly in memory, and sums come out.
//!
//! **Invariants**
//! - Each sum has its terms in their order: the same bits as one addition after the other.
//! - What is taken away is added with the other sign, which is the same number.

use super::super::flow::{Class, Flow};
use super::super::simplify::FlowGuard;
use super::super::{Ref, narrow};
use super::groups::{ALONE, Plan};
use crate::prim::Prim;

/// The fewest terms that are a chain.
const FEWEST: usize = 8;

/// How many sums go on side by side at the most.
pub(super) const TOGETHER: usize = 8;

/// How the numbers of sums are gone through: whether from the last one on to the first, and whether they are
/// taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) is_backwards: bool,
    pub(super) is_less: bool,
}

/// Adds the numbers of rows that are equally long to the sums, side by side; `row` gives those of one.
pub(super) fn add_all<'a>(sums: &mut [f64], way: Way, mut row: impl FnMut(usize) -> &'a [f64]) {
    let mut done = 0;
    while done < sums.len() {
        let sums = &mut sums[done..];
        let first = done;
        let mut rows = |nth: usize| row(first + nth);
        done += match sums.len() {
            1 => add::<1>(sums, way, &mut rows),
            2 => add::<2>(sums, way, &mut rows),
            3 => add::<3>(sums, way, &mut rows),
            4 => add::<4>(sums, way, &mut rows),
            5 => add::<5>(sums, way, &mut rows),
            6 => add::<6>(sums, way, &mut rows),
            7 => add::<7>(sums, way, &mut rows),
            _ => add::<TOGETHER>(sums, way, &mut rows),
        };
    }
}

/// The same for the first `N`.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "what is in arrays is to stay in registers"
)]
fn add<'a, const N: usize>(
    sums: &mut [f64],
    way: Way,
    row: &mut impl FnMut(usize) -> &'a [f64],
) -> usize {
    let Some(sums) = sums.first_chunk_mut::<N>() else {
        return N;
    };
    let rows: [&[f64]; N] = std::array::from_fn(row);
    match (way.is_backwards, way.is_less) {
        (false, false) => add_rows(rows, sums, |at, _| at, |sum, x| sum + x),
        (false, true) => add_rows(rows, sums, |at, _| at, |sum, x| sum - x),
        (true, false) => add_rows(rows, sums, |at, count| count - 1 - at, |sum, x| sum + x),
        (true, true) => add_rows(rows, sums, |at, count| count - 1 - at, |sum, x| sum - x),
    }
    N
}

#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it is there for what it is called with"
)]
fn add_rows<const N: usize>(
    rows: [&[f64]; N],
    sums: &mut [f64; N],
    place: impl Fn(usize, usize) -> usize,
    add: impl Fn(f64, f64) -> f64,
) {
    let count = rows.first().map_or(0, |row| row.len());
    let rows = rows.map(|row| &row[..count]);
    let mut all = *sums;
    for at in 0..count {
        let at = place(at, count);
        for k in 0..N {
            all[k] = add(all[k], rows[k][at]);
        }
    }
    *sums = all;
}

/// A chain of additions: a number to begin with, and terms.
#[derive(Debug)]
pub(super) struct Chain {
    /// The node of the sum.
    pub(super) node: u32,
    pub(super) start: Ref,
    pub(super) terms: Vec<Ref>,
    /// Whether they are taken away.
    pub(super) is_less: bool,
}

/// Where an operation stands in the chains of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In none.
    None,
    /// In one, and done with it.
    Inner,
    /// It is the last one of those that are done here: their number.
    Last(u32),
}

/// Chains that are done side by side, and where each operation stands.
#[derive(Debug, Default)]
pub(super) struct Chains {
    pub(super) all: Vec<Vec<Chain>>,
    parts: Vec<Part>,
}

impl Chains {
    /// Where an operation stands.
    pub(super) fn part(&self, index: usize) -> Part {
        self.parts.get(index).copied().unwrap_or(Part::None)
    }

    /// The chains among operations that are in no group. `uses` says how often each node is read.
    pub(super) fn new(flow: &Flow, guards: &[FlowGuard], plan: &Plan, uses: &[u32]) -> Self {
        let inputs = flow.inputs as usize;
        let count = flow.operations.len();
        let is_alone = |index: usize| {
            let node = inputs + index;
            let group = plan.group_of.get(index).copied().unwrap_or(ALONE);
            group == ALONE && uses[node] > 0 && flow.classes[node] == Class::Lane
        };
        // How long the longest chain up to each operation is, and whether its left operand is in it.
        let mut lengths = vec![0_u32; count];
        let mut is_left = vec![true; count];
        for (index, op) in flow.operations.iter().enumerate() {
            if !matches!(op.prim, Prim::Add | Prim::Sub) || op.a == op.b || !is_alone(index) {
                continue;
            }
            let length = |r: Ref| {
                let before = r.as_node().and_then(|node| node.checked_sub(flow.inputs));
                before.map_or(0, |before| {
                    let before = before as usize;
                    let goes_on =
                        uses[inputs + before] == 1 && flow.operations[before].prim == op.prim;
                    if goes_on { lengths[before] } else { 0 }
                })
            };
            let (a, b) = (length(op.a), length(op.b));
            is_left[index] = op.prim == Prim::Sub || a >= b;
            lengths[index] = 1 + if is_left[index] { a } else { b };
        }
        let mut chains = Self {
            all: Vec::new(),
            parts: vec![Part::None; count],
        };
        let mut found: Vec<Option<Chain>> = Vec::new();
        found.resize_with(count, || None);
        for last in (0..count).rev() {
            if (lengths[last] as usize) < FEWEST || chains.parts[last] != Part::None {
                continue;
            }
            let mut terms = Vec::with_capacity(lengths[last] as usize);
            let mut index = last;
            let start = loop {
                let op = &flow.operations[index];
                let (start, term) = if is_left[index] {
                    (op.a, op.b)
                } else {
                    (op.b, op.a)
                };
                chains.parts[index] = Part::Inner;
                terms.push(term);
                if terms.len() == lengths[last] as usize {
                    break start;
                }
                index = start.index() - inputs;
            };
            terms.reverse();
            found[last] = Some(Chain {
                node: narrow(inputs + last),
                start,
                terms,
                is_less: flow.operations[last].prim == Prim::Sub,
            });
        }
        chains.join(flow, guards, plan, uses, found);
        chains
    }

    /// Puts those side by side between which nothing else is done.
    fn join(
        &mut self,
        flow: &Flow,
        guards: &[FlowGuard],
        plan: &Plan,
        uses: &[u32],
        mut found: Vec<Option<Chain>>,
    ) {
        let inputs = flow.inputs as usize;
        let mut together: Vec<Chain> = Vec::new();
        let mut last = 0;
        let mut next = 0;
        for (place, &index) in plan.order.iter().enumerate() {
            let index = index as usize;
            let mut is_between = false;
            while next < guards.len() && plan.guards[next] as usize <= place {
                is_between = true;
                next += 1;
            }
            let op = &flow.operations[index];
            is_between |= self.parts[index] == Part::None
                && (uses[inputs + index] > 0 || matches!(op.prim, Prim::Block | Prim::Part));
            let chain = found[index].take();
            let reads = |chain: &Chain| {
                let is_sum = |&r: &Ref| together.iter().any(|sum| Ref::node(sum.node) == r);
                is_sum(&chain.start) || chain.terms.iter().any(is_sum)
            };
            if is_between || chain.as_ref().is_some_and(reads) {
                self.close(&mut together, last);
            }
            if let Some(chain) = chain {
                together.push(chain);
                last = index;
            }
        }
        self.close(&mut together, last);
    }

    fn close(&mut self, together: &mut Vec<Chain>, last: usize) {
        if !together.is_empty() {
            self.parts[last] = Part::Last(narrow(self.all.len()));
            self.all.push(std::mem::take(together));
        }
    }
}

/// A sum and its terms, in slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    /// The slot of the sum, and of what it begins with.
    pub(super) d: u32,
    pub(super) start: u32,
    pub(super) terms: Terms,
    pub(super) is_less: bool,
}

/// Where the terms of a sum are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    /// A first slot, how far one is from the next, and how many there are.
    Even(u32, i32, u32),
    Listed(Box<[u32]>),
}

impl Terms {
    /// Terms by their slots, of which there is one at least.
    pub(super) fn new(slots: Vec<u32>) -> Self {
        let step = |pair: &[u32]| i64::from(pair[1]) - i64::from(pair[0]);
        let first = slots.windows(2).next().map_or(1, step);
        match i32::try_from(first) {
            Ok(even) if slots.windows(2).all(|pair| step(pair) == first) => {
                Self::Even(slots[0], even, narrow(slots.len()))
            }
            _ => Self::Listed(slots.into()),
        }
    }

    /// All slots, in order.
    pub(super) fn slots(&self) -> Vec<u32> {
        match self {
            &Self::Even(first, step, count) => {
                let next = |&slot: &u32| Some(slot.wrapping_add_signed(step));
                let all = std::iter::successors(Some(first), next);
                all.take(count as usize).collect()
            }
            Self::Listed(slots) => slots.to_vec(),
        }
    }
}

impl Fold {
    /// How its terms are gone through, and how many there are, if they lie in a row.
    fn alike(&self) -> Option<(Way, u32)> {
        let Terms::Even(_, step @ (1 | -1), count) = self.terms else {
            return None;
        };
        let way = Way {
            is_backwards: step < 0,
            is_less: self.is_less,
        };
        Some((way, count))
    }

    /// The first slot of its terms, in the order of slots.
    fn lowest(&self) -> u32 {
        match self.terms {
            Terms::Even(first, -1, count) => first + 1 - count,
            Terms::Even(first, ..) => first,
            Terms::Listed(ref slots) => slots.first().copied().unwrap_or(0),
        }
    }

    /// Puts those next to each other that can go on side by side.
    pub(super) fn sort(folds: &mut [Self]) {
        folds.sort_by_key(Self::alike);
    }

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let listed = match &self.terms {
            Terms::Even(..) => 0,
            Terms::Listed(slots) => size_of_val(&**slots),
        };
        size_of::<Self>() + listed
    }
}

/// Does sums side by side; none of them is read by another.
pub(super) fn run(folds: &[Fold], file: &mut [f64]) {
    for alike in folds.chunk_by(|one, two| one.alike().is_some() && one.alike() == two.alike()) {
        let Some((way, count)) = alike[0].alike() else {
            let fold = &alike[0];
            let mut sum = file[fold.start as usize];
            let mut add = |slot: u32| {
                let x = file[slot as usize];
                sum = if fold.is_less { sum - x } else { sum + x };
            };
            match &fold.terms {
                &Terms::Even(first, step, count) => {
                    let mut slot = first;
                    for _ in 0..count {
                        add(slot);
                        slot = slot.wrapping_add_signed(step);
                    }
                }
                Terms::Listed(slots) => slots.iter().copied().for_each(add),
            }
            file[fold.d as usize] = sum;
            continue;
        };
        for folds in alike.chunks(TOGETHER) {
            let mut sums = [0.0; TOGETHER];
            for (sum, fold) in sums.iter_mut().zip(folds) {
                *sum = file[fold.start as usize];
            }
            let numbers = &*file;
            add_all(&mut sums[..folds.len()], way, |nth| {
                let first = folds[nth].lowest() as usize;
                &numbers[first..first + count as usize]
            });
            for (sum, fold) in sums.iter().zip(folds) {
                file[fold.d as usize] = *sum;
            }
        }
    }
}
