//! How steps grow with the loops of their trace.
//!
//! The steps of an abridged trace, and those of the same with one group of loops longer, go in; which
//! loops the steps have, how long these are in the end, and what moves with their ends, come out.
//!
//! **Invariants**
//! - Only what is the same in all but for that is accepted: what is not understood has no loops.

use super::super::super::roll::abridge::Origin;
use super::super::super::roll::{GROWTH, Listing, Loop, Source, moved};
use super::AHEAD;
use super::steps::{Coordinate, Short};
use rustc_hash::FxHashMap;

/// How steps of an abridged trace change as its loops get longer.
pub(super) struct Grown {
    /// For each loop of the steps how many iterations it has in the end.
    pub(super) counts: Vec<usize>,
    /// What is counted from the end of a loop, or stream: step and which it reads.
    pub(super) from_end: FxHashMap<(usize, usize), usize>,
    /// The same of results.
    pub(super) results: Vec<usize>,
}

impl Grown {
    /// Compares steps with those of each group's loops one iteration longer; none where these are not
    /// the same but for that.
    pub(super) fn new(short: &Short, longer: &[Short], dropped: &[usize]) -> Option<Self> {
        let mut grown = Self {
            counts: short.loops.iter().map(|of| of.count).collect(),
            from_end: FxHashMap::default(),
            results: vec![0; short.results.len()],
        };
        for (other, &drop) in longer.iter().zip(dropped) {
            grown.compare(short, other, drop)?;
        }
        Some(grown)
    }

    fn compare(&mut self, short: &Short, other: &Short, drop: usize) -> Option<()> {
        if short.loops.len() != other.loops.len() || short.results.len() != other.results.len() {
            return None;
        }
        for (which, (of, then)) in short.loops.iter().zip(&other.loops).enumerate() {
            let grew = then.count.checked_sub(of.count)?;
            if of.period != then.period || grew > 1 {
                return None;
            }
            self.counts[which] += grew * (drop / GROWTH);
        }
        let pairs = pairs(short, other)?;
        for (step, then) in pairs {
            if !short.alike(step, other, then) {
                return None;
            }
            let sources = short.sources(step);
            let others = other.sources(then);
            if sources.len() != others.len() {
                return None;
            }
            for (nth, (&a, &b)) in sources.iter().zip(&others).enumerate() {
                let grew = Self::grew(short, other, a, b)?;
                *self.from_end.entry((step, nth)).or_insert(0) += grew * (drop / GROWTH);
            }
            // What moves on does so alike.
            if let Some((which, 0, _)) = short.loop_of(step) {
                let next = short.sources(step + short.loops[which].period);
                let others_next = other.sources(then + other.loops[which].period);
                let all = sources
                    .iter()
                    .zip(&next)
                    .zip(others.iter().zip(&others_next));
                for ((&a, &b), (&c, &d)) in all {
                    let alike = match (a, c) {
                        (Source::Outer(_), Source::Outer(_)) => {
                            step_of_stream(short, a, b)? == step_of_stream(other, c, d)?
                        }
                        _ => moved(a, b) == moved(c, d),
                    };
                    if !alike {
                        return None;
                    }
                }
            }
        }
        for (nth, (&a, &b)) in short.results.iter().zip(&other.results).enumerate() {
            let grew = Self::grew(short, other, short.source(a), other.source(b))?;
            self.results[nth] += grew * (drop / GROWTH);
        }
        Some(())
    }

    /// How far what is read has moved, with the end of its loop or not at all; none where it is not the
    /// same.
    fn grew(short: &Short, other: &Short, a: Source, b: Source) -> Option<usize> {
        if let (Source::Item(_, x), Source::Item(_, y)) = (a, b)
            && x != y
        {
            return None;
        }
        let (moved, may_move) = match (short.coordinate(a), other.coordinate(b)) {
            (Coordinate::Loop(q, i, p), Coordinate::Loop(r, j, s)) if (q, p) == (r, s) => {
                let grew = other.loops[q].count - short.loops[q].count;
                (j.checked_sub(i)?, grew)
            }
            (Coordinate::Input(Origin::Stream(q, i)), Coordinate::Input(Origin::Stream(r, j)))
                if q == r =>
            {
                (j.checked_sub(i)? as usize, GROWTH)
            }
            (one, two) => return (one == two).then_some(0),
        };
        (moved == 0 || moved == may_move).then_some(moved)
    }
}

/// Keeps those loops that grow with those of the trace, and has each of their iterations be of [`GROWTH`]
/// iterations of the trace's.
pub(super) fn align(short: &mut Short, longer: &mut [Short]) {
    let mut kept: Vec<Vec<Option<usize>>> = vec![Vec::new(); short.loops.len()];
    for other in longer.iter() {
        let mut next = 0;
        for (of, kept) in short.loops.iter().zip(&mut kept) {
            let fits = |then: &Loop| {
                let grew = then.count.wrapping_sub(of.count);
                then.period == of.period && grew <= GROWTH
            };
            let found =
                (next..other.loops.len().min(next + AHEAD)).find(|&at| fits(&other.loops[at]));
            next = found.map_or(next, |at| at + 1);
            kept.push(found);
        }
    }
    let mut loops = Vec::new();
    let mut others: Vec<Vec<Loop>> = vec![Vec::new(); longer.len()];
    for (of, kept) in short.loops.iter().zip(&kept) {
        let Some(then) = kept
            .iter()
            .zip(longer.iter())
            .map(|(&at, other)| Some(other.loops[at?]))
            .collect::<Option<Vec<Loop>>>()
        else {
            continue;
        };
        let grew = then.iter().map(|then| then.count - of.count).max();
        let merged = |of: Loop| match grew {
            Some(GROWTH) => Some(of.merged()),
            Some(0) | None => None,
            Some(_) => Some(of),
        };
        let Some(of) = merged(*of) else {
            continue;
        };
        loops.push(of);
        for (others, then) in others.iter_mut().zip(then) {
            others.extend(merged(then));
        }
    }
    short.loops = loops;
    short.trim();
    for (other, loops) in longer.iter_mut().zip(others) {
        other.loops = loops;
        other.trim();
    }
}

/// How far a stream moves on from one iteration to the next; 0 for what is no stream.
pub(super) fn step_of_stream(short: &Short, a: Source, b: Source) -> Option<i64> {
    match (short.coordinate(a), short.coordinate(b)) {
        (Coordinate::Input(Origin::Stream(q, i)), Coordinate::Input(Origin::Stream(r, j)))
            if q == r =>
        {
            Some(i64::from(j) - i64::from(i))
        }
        (a, b) => (a == b).then_some(0),
    }
}

/// The steps of one and the other that stand for each other: those between loops, and those of loops'
/// first iterations. None where there are not as many.
fn pairs(short: &Short, other: &Short) -> Option<Vec<(usize, usize)>> {
    let mut pairs = Vec::new();
    let (mut from, mut then) = (0, 0);
    let end = |short: &Short| Loop {
        start: short.steps.len(),
        period: 0,
        count: 0,
    };
    let loops = short.loops.iter().copied().chain([end(short)]);
    let others = other.loops.iter().copied().chain([end(other)]);
    for (of, with) in loops.zip(others) {
        if of.start.checked_sub(from)? != with.start.checked_sub(then)? {
            return None;
        }
        pairs.extend((from..of.start).zip(then..with.start));
        pairs.extend((0..of.period).map(|place| (of.start + place, with.start + place)));
        (from, then) = (of.end(), with.end());
    }
    Some(pairs)
}
