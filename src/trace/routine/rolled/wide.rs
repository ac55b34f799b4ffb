//! Which loops are done many iterations at a time, and how: those that carry nothing but sums.
//!
//! What the steps of a loop read goes in; the order in which they are done for many iterations at a time,
//! and the sums that go on one iteration after the other, come out.
//!
//! **Invariants**
//! - Each step stands in the order after all that it reads, of whichever iteration, or belongs to a sum.
//! - Nothing in the loop but the next term reads a sum.

use super::super::code::Opcode;
use super::numbers::Reads;
use super::steps::Short;

/// How many numbers all iterations that are done at a time may have, so that they stay in the caches next
/// to the processor.
const NUMBERS: usize = 8192;

/// How many iterations are done at a time, at the least and at the most: what is done once for all of them
/// takes as long as some fifty of a short loop. Tests have loops of some hundreds.
const LENGTHS: [usize; 2] = if cfg!(test) { [32, 128] } else { [64, 512] };

/// How many steps an iteration may have.
const STEPS: usize = 512;

/// How a loop is done many iterations at a time.
#[derive(Clone, Debug)]
pub(super) struct Wide {
    /// The places in an iteration that are of no sum, in the order in which they are done.
    pub(super) order: Vec<usize>,
    /// The places of each sum in an iteration, and for each which operand the sum up to there is.
    pub(super) sums: Vec<Vec<(usize, usize)>>,
    /// For each place whether it belongs to a sum.
    pub(super) is_of_sum: Vec<bool>,
    /// Whether most of what it reads of elsewhere lies from the last iteration on to the first.
    pub(super) is_backwards: bool,
    /// How many iterations are done at a time.
    pub(super) length: usize,
}

/// What a step does to a sum: the first step on two of its operands, if it has one, and then terms: which
/// operand, or what the first step came to, and whether it is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) first: Option<Opcode>,
    pub(super) terms: &'static [(Term, bool)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Operand(usize),
    First,
}

/// What a step does where one of its operands is a sum; none where that is not adding to it.
pub(super) fn added(op: Opcode, sum: usize) -> Option<Added> {
    use Term::{First, Operand};
    let plain = |terms| Some(Added { first: None, terms });
    let with = |first, terms| {
        let first = Some(first);
        Some(Added { first, terms })
    };
    match (op, sum) {
        (Opcode::Add, 0) => plain(&[(Operand(1), false)]),
        (Opcode::Add, 1) => plain(&[(Operand(0), false)]),
        (Opcode::Sub, 0) => plain(&[(Operand(1), true)]),
        (Opcode::AddAdd, 0) => plain(&[(Operand(1), false), (Operand(2), false)]),
        (Opcode::AddAdd, 1) => plain(&[(Operand(0), false), (Operand(2), false)]),
        (Opcode::AddSub, 0) => plain(&[(Operand(1), false), (Operand(2), true)]),
        (Opcode::AddSub, 1) => plain(&[(Operand(0), false), (Operand(2), true)]),
        (Opcode::SubAdd, 0) => plain(&[(Operand(1), true), (Operand(2), false)]),
        (Opcode::SubSub, 0) => plain(&[(Operand(1), true), (Operand(2), true)]),
        (Opcode::AddAdd, 2) => with(Opcode::Add, &[(First, false)]),
        (Opcode::AddFrom, 2) => with(Opcode::Add, &[(First, true)]),
        (Opcode::SubAdd, 2) => with(Opcode::Sub, &[(First, false)]),
        (Opcode::SubFrom, 2) => with(Opcode::Sub, &[(First, true)]),
        (Opcode::MulAdd, 2) => with(Opcode::Mul, &[(First, false)]),
        (Opcode::MulFrom, 2) => with(Opcode::Mul, &[(First, true)]),
        _ => None,
    }
}

impl Wide {
    /// How a loop is done many iterations at a time, if it can be: its first step, and what its steps read.
    pub(super) fn new(short: &Short, start: usize, reads: &[Vec<Reads>]) -> Option<Self> {
        let period = reads.len();
        if period > STEPS || (0..period).any(|place| short.steps[start + place].op == Opcode::Block)
        {
            return None;
        }
        let own = |place: usize| {
            reads[place].iter().filter_map(|read| match *read {
                Reads::Own(back, place, _) => Some((place, back)),
                _ => None,
            })
        };
        // What waits for nothing that is not done.
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); period];
        let mut waits: Vec<usize> = vec![0; period];
        for (place, waits) in waits.iter_mut().enumerate() {
            for (of, _) in own(place) {
                readers[of].push(place);
                *waits += 1;
            }
        }
        let mut order: Vec<usize> = (0..period).filter(|&place| waits[place] == 0).collect();
        let mut next = 0;
        while let Some(&place) = order.get(next) {
            next += 1;
            for &reader in &readers[place] {
                waits[reader] -= 1;
                if waits[reader] == 0 {
                    order.push(reader);
                }
            }
        }
        let is_of_sum: Vec<bool> = waits.iter().map(|&waits| waits > 0).collect();
        let sums = sums(short, start, reads, &is_of_sum)?;
        let steps = order.len() + 2 * sums.iter().map(Vec::len).sum::<usize>();
        let outside: Vec<i64> = reads.iter().flatten().filter_map(direction).collect();
        let backwards = outside.iter().filter(|&&step| step < 0).count();
        let [least, most] = LENGTHS;
        Some(Self {
            order,
            sums,
            is_of_sum,
            is_backwards: 2 * backwards > outside.len(),
            length: (NUMBERS / steps.max(1))
                .next_power_of_two()
                .clamp(least, most),
        })
    }

    /// Whether a place is where a sum of an iteration is done.
    pub(super) fn ends_sum(&self, place: usize) -> bool {
        let mut sums = self.sums.iter();
        sums.any(|sum| sum.last().is_some_and(|&(last, _)| last == place))
    }
}

fn direction(read: &Reads) -> Option<i64> {
    match *read {
        Reads::Other(_, _, step, ..) | Reads::Fed(_, _, step) => Some(step),
        _ => None,
    }
}

/// The sums that all steps which wait for each other belong to; none where these are anything else.
fn sums(
    short: &Short,
    start: usize,
    reads: &[Vec<Reads>],
    is_of_sum: &[bool],
) -> Option<Vec<Vec<(usize, usize)>>> {
    // For each step of a sum the one that it adds to, how many iterations back, and as which operand.
    let mut before: Vec<Option<(usize, usize, usize)>> = vec![None; reads.len()];
    let mut after: Vec<Option<usize>> = vec![None; reads.len()];
    for place in (0..reads.len()).filter(|&place| is_of_sum[place]) {
        for (nth, read) in reads[place].iter().enumerate() {
            if let Reads::Own(back, of, _) = *read
                && is_of_sum[of]
                && (before[place].replace((of, back, nth)).is_some()
                    || after[of].replace(place).is_some())
            {
                return None;
            }
        }
        let (.., nth) = before[place]?;
        added(short.steps[start + place].op, nth)?;
    }
    // Each is before one and after one: they are rings, each of which has to be as long as an iteration.
    let mut sums = Vec::new();
    for first in 0..reads.len() {
        // It reads what the iteration before came to.
        let Some((last, 1, nth)) = before[first] else {
            continue;
        };
        let mut sum = vec![(first, nth)];
        let mut place = first;
        while place != last {
            place = after[place]?;
            let (_, back, nth) = before[place]?;
            if back != 0 {
                return None;
            }
            sum.push((place, nth));
        }
        sums.push(sum);
    }
    let known: usize = sums.iter().map(Vec::len).sum();
    (known == is_of_sum.iter().filter(|&&is| is).count()).then_some(sums)
}
