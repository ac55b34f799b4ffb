//! `roll`: stretches of a list that repeat, found and shortened.
//!
//! A list of items, each with what it reads, goes in; the loops that it is made of come out. A long
//! trace is so [`abridged`](abridge), compiled short, and the loops of the code found once more.
//!
//! **Invariants**
//! - In a loop, each item does the same in every iteration, and what it reads moves on evenly: it is the
//!   same each time, of the same or an earlier iteration, or so many places further in something else.
//! - Loops do not overlap, and come in order.

pub(crate) mod abridge;
mod marks;
pub(crate) mod operations;

use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::mem::{swap, take};
use std::ops::Range;

/// How many iterations of the shortest loop are left, or one more.
pub(crate) const KEPT: usize = 16;

/// By how many iterations loops grow at a time: code may do every other one in its own way.
pub(crate) const GROWTH: usize = 2;

/// How many outputs a trace with loops may have where derivatives are wanted.
pub(crate) const OUTPUTS: usize = 6;

/// What an item reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A result of another item, which stands before it.
    Item(u32, u32),
    /// Something from outside the list.
    Outer(u32),
    /// A number, by its bits.
    Constant(u64),
}

/// A list in which to look for loops.
pub(crate) trait Listing {
    /// How many items there are.
    fn len(&self) -> usize;

    /// What those have in common that do the same, whatever they read.
    fn key(&self, item: usize, state: &mut FxHasher);

    /// Whether an item, and one of another list or of this, do the same, whatever they read.
    fn alike(&self, item: usize, other: &Self, as_item: usize) -> bool;

    /// Calls `see` with each source of one item, in order.
    fn each_source(&self, item: usize, see: &mut dyn FnMut(Source));
}

/// A stretch that repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// Its first item.
    pub(crate) start: usize,
    /// How many items an iteration has.
    pub(crate) period: usize,
    /// How many iterations there are.
    pub(crate) count: usize,
}

impl Loop {
    /// One past its last item.
    pub(crate) fn end(&self) -> usize {
        self.start + self.period * self.count
    }

    /// The same with two iterations to one, without the last one if that is left over.
    pub(crate) fn merged(self) -> Self {
        Self {
            period: 2 * self.period,
            count: self.count / 2,
            ..self
        }
    }

    /// The iteration that an item is in, and its place there.
    pub(crate) fn place_of(&self, item: usize) -> Option<(usize, usize)> {
        let from_start = item.checked_sub(self.start)?;
        let iteration = from_start / self.period;
        (iteration < self.count).then_some((iteration, from_start % self.period))
    }
}

/// Of loops in order, the one that an item is in, its iteration and its place there.
pub(crate) fn place_in(loops: &[Loop], item: usize) -> Option<(usize, usize, usize)> {
    let after = loops.partition_point(|of| of.start <= item);
    let which = after.checked_sub(1)?;
    let (iteration, place) = loops[which].place_of(item)?;
    Some((which, iteration, place))
}

/// What a list has to have to be a loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    pub(crate) iterations: usize,
    /// How many iterations there are at the most.
    pub(crate) most: usize,
    pub(crate) items: usize,
    /// Whether what is found is looked through once more for loops that it is within.
    pub(crate) is_thorough: bool,
    /// Whether numbers may differ from iteration to iteration.
    pub(crate) tables: bool,
}

impl Least {
    /// Whether so many iterations of so many items are not too few.
    fn is_met(&self, count: usize, period: usize) -> bool {
        count >= self.iterations && count.saturating_mul(period) >= self.items
    }
}

/// How many items are looked at together to find where a stretch begins again: few, so that short loops
/// are found; then many, where within an iteration much is alike.
const WINDOWS: [usize; 2] = [6, 40];

/// How many earlier places that begin alike are tried.
const TRIED: usize = 64;

/// How many comparisons of items that come to nothing there may be, for each item of the list; and where it
/// is looked through thoroughly.
const WASTED: [usize; 2] = [8, 256];

/// The loops of a list.
pub(crate) fn find(list: &impl Listing, least: &Least) -> Vec<Loop> {
    let length = list.len();
    let mut finder = Finder {
        list,
        keys: (0..length).map(|item| key(list, item)).collect(),
        least,
        left: 0,
        loops: Vec::new(),
        reads: Default::default(),
        moves: Default::default(),
    };
    for window in WINDOWS {
        finder.scan(window);
    }
    finder.loops
}

fn key(list: &impl Listing, item: usize) -> u32 {
    let mut state = FxHasher::default();
    list.key(item, &mut state);
    let hash = state.finish();
    (hash ^ (hash >> 32)) as u32
}

struct Finder<'l, L> {
    list: &'l L,
    keys: Vec<u32>,
    least: &'l Least,
    /// How many comparisons may still come to nothing.
    left: usize,
    loops: Vec<Loop>,
    /// What an item reads in one iteration and the next, and how that moves on to this and to the one after.
    reads: [Vec<Source>; 2],
    moves: [Vec<Move>; 2],
}

/// How a source moves on from one iteration to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// By so many items, or things outside.
    By(i64),
    /// From number to number, the same one or not.
    Table,
}

impl<L: Listing> Finder<'_, L> {
    /// Looks for loops by windows so long.
    fn scan(&mut self, window: usize) {
        let length = self.keys.len();
        self.left = length * WASTED[usize::from(self.least.is_thorough)];
        let mut last: FxHashMap<u64, u32> = FxHashMap::default();
        let mut earlier = vec![u32::MAX; length];
        let mut item = 0;
        // No loop begins before the end of the one before.
        let mut from = 0;
        while item + window <= length {
            let known = self.loop_before(item).filter(|of| item < of.end());
            if let (Some(of), false) = (known, self.least.is_thorough) {
                from = of.end();
                item = from;
                last.clear();
                continue;
            }
            let mut state = FxHasher::default();
            self.keys[item..item + window].hash(&mut state);
            let before = last.insert(state.finish(), item as u32);
            earlier[item] = before.unwrap_or(u32::MAX);
            self.loops_at(item, from, &earlier);
            item += 1;
        }
    }

    /// Looks for loops that begin again at an item.
    fn loops_at(&mut self, item: usize, from: usize, earlier: &[u32]) {
        let mut start = earlier[item];
        for _ in 0..TRIED {
            if start == u32::MAX || (start as usize) < from || self.left == 0 {
                return;
            }
            let first = start as usize;
            let period = item - first;
            if self.is_known(first, period) {
                start = earlier[first];
                continue;
            }
            let repeated = self.repeated(item, period);
            let count = repeated / period + 1;
            if count >= self.least.iterations && self.keep(first, period, count) {
                return;
            }
            self.left = self.left.saturating_sub(repeated + 1);
            start = earlier[first];
        }
    }

    /// Whether iterations so long are those of a loop that is known, or several of these.
    fn is_known(&self, start: usize, period: usize) -> bool {
        let of = self.loop_before(start);
        of.is_some_and(|of| start + period < of.end() && period.is_multiple_of(of.period))
    }

    /// The last loop that begins there or before.
    fn loop_before(&self, item: usize) -> Option<Loop> {
        let after = self.loops.partition_point(|of| of.start <= item);
        Some(self.loops[after.checked_sub(1)?])
    }

    /// Adds a loop, in place of shorter ones that it overlaps; gives whether it is there.
    fn add(&mut self, found: Loop) -> bool {
        let overlaps = |of: &Loop| of.start < found.end() && found.start < of.end();
        let length = |of: &Loop| of.end() - of.start;
        let known: usize = self
            .loops
            .iter()
            .filter(|of| overlaps(of))
            .map(length)
            .sum();
        if known >= length(&found) {
            return false;
        }
        self.loops.retain(|of| !overlaps(of));
        let place = self.loops.partition_point(|of| of.start < found.start);
        self.loops.insert(place, found);
        true
    }

    /// How many items from one on do what those a period before do.
    fn repeated(&self, item: usize, period: usize) -> usize {
        let later = self.keys[item..].iter();
        let pairs = later.zip(&self.keys[item - period..]);
        pairs.take_while(|(a, b)| a == b).count()
    }

    fn is_enough(&self, count: usize, period: usize) -> bool {
        self.least.is_met(count, period) && count <= self.least.most
    }

    /// Keeps what in a stretch whose items do the same moves on evenly; whether there is any.
    fn keep(&mut self, start: usize, period: usize, count: usize) -> bool {
        let (even, compared) = self.even(start, period, count);
        let (mut kept, mut taken) = (false, None);
        for mut steps in even {
            // What a loop begins with is not of the one before.
            if taken == Some(steps.start) {
                steps.start += 1;
            }
            let count = steps.len() + 1;
            if self.is_enough(count, period) {
                taken = Some(steps.end);
                let start = start + steps.start * period;
                let found = Loop {
                    start,
                    period,
                    count,
                };
                kept |= self.add(found);
            }
        }
        if !kept {
            self.left = self.left.saturating_sub(compared);
        }
        kept
    }

    /// The longest stretches of steps from one iteration to the next in which what is read moves on as in
    /// the first of them, of those that are long enough; and how many items were compared.
    ///
    /// Place by place: most stretches that come to nothing do so in the first few places, and an iteration
    /// may have thousands.
    fn even(&mut self, start: usize, period: usize, count: usize) -> (Vec<Range<usize>>, usize) {
        let least = self.least;
        let mut even: Vec<Range<usize>> = std::iter::once(0..count - 1).collect();
        let mut next = Vec::new();
        let mut compared = 0;
        for place in start..start + period {
            for steps in even.drain(..) {
                compared += steps.len();
                self.split(place, period, steps, |part| {
                    if least.is_met(part.len() + 1, period) {
                        next.push(part);
                    }
                });
            }
            swap(&mut even, &mut next);
            if even.is_empty() {
                break;
            }
        }
        (even, compared)
    }

    /// Splits steps where what the items of one place read moves on otherwise than before, and leaves out
    /// those where it cannot in a loop.
    fn split(
        &mut self,
        place: usize,
        period: usize,
        steps: Range<usize>,
        mut see: impl FnMut(Range<usize>),
    ) {
        let (list, has_tables) = (self.list, self.least.tables);
        let item = |iteration: usize| place + iteration * period;
        let [mut read, mut then] = take(&mut self.reads);
        let [mut before, mut now] = take(&mut self.moves);
        let mut first = steps.start;
        read.clear();
        list.each_source(item(first), &mut |source| read.push(source));
        for step in steps.clone() {
            then.clear();
            list.each_source(item(step + 1), &mut |source| then.push(source));
            now.clear();
            now.extend(read.iter().zip(&then).map_while(|(&a, &b)| moved(a, b)));
            // Keys are hashes: they tell where to look.
            let is_possible = read.len() == then.len()
                && now.len() == read.len()
                && (has_tables || !now.contains(&Move::Table))
                && list.alike(item(step), list, item(step + 1));
            if !is_possible {
                see(first..step);
                first = step + 1;
            } else if step > first && before != now {
                see(first..step);
                first = step;
            }
            swap(&mut before, &mut now);
            swap(&mut read, &mut then);
        }
        see(first..steps.end);
        self.reads = [read, then];
        self.moves = [before, now];
    }
}

/// How a source moves on, if it can in a loop.
pub(crate) fn moved(source: Source, then: Source) -> Option<Move> {
    let by = |a: u32, b: u32| Some(Move::By(i64::from(b) - i64::from(a)));
    match (source, then) {
        (Source::Item(a, x), Source::Item(b, y)) if x == y => by(a, b),
        (Source::Outer(a), Source::Outer(b)) => by(a, b),
        (Source::Constant(a), Source::Constant(b)) if a == b => Some(Move::By(0)),
        (Source::Constant(_), Source::Constant(_)) => Some(Move::Table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Least, Listing, Loop, Source, find};
    use rustc_hash::FxHasher;
    use std::cell::Cell;
    use std::hash::Hash;

    /// Items by what they do, and what they read.
    struct List(Vec<(char, Vec<Source>)>);

    impl Listing for List {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn key(&self, item: usize, state: &mut FxHasher) {
            self.0[item].0.to_ascii_lowercase().hash(state);
        }

        fn alike(&self, item: usize, other: &Self, as_item: usize) -> bool {
            self.0[item].0 == other.0[as_item].0
        }

        fn each_source(&self, item: usize, see: &mut dyn FnMut(Source)) {
            self.0[item].1.iter().copied().for_each(see);
        }
    }

    fn loops(list: &[(char, Vec<Source>)], is_thorough: bool) -> Vec<(usize, usize, usize)> {
        let least = Least {
            iterations: 4,
            most: 50,
            items: 1,
            is_thorough,
            tables: true,
        };
        let found = find(&List(list.to_vec()), &least);
        let parts = found.iter().map(|of| {
            let &Loop {
                start,
                period,
                count,
            } = of;
            (start, period, count)
        });
        parts.collect()
    }

    /// Some iterations of two items, of which the first reads the second of the one before.
    fn chain(list: &mut Vec<(char, Vec<Source>)>, count: usize) {
        for _ in 0..count {
            let at = list.len() as u32;
            list.push(('a', vec![Source::Item(at.saturating_sub(1), 0)]));
            list.push(('b', vec![Source::Item(at, 0), Source::Outer(7)]));
        }
    }

    #[test]
    fn what_repeats_is_a_loop_and_what_reads_otherwise_is_none_of_it() {
        let mut list = vec![('x', vec![]), ('y', vec![])];
        chain(&mut list, 20);
        list.push(('z', vec![Source::Item(41, 0)]));
        assert_eq!(loops(&list, false), [(2, 2, 20)]);
        // An iteration that reads another one's result is where one loop ends and the next begins.
        list[22].1 = vec![Source::Item(0, 0)];
        assert_eq!(loops(&list, false), [(2, 2, 10), (24, 2, 9)]);
    }

    #[test]
    fn equal_keys_do_not_make_items_alike() {
        let mut list = Vec::new();
        chain(&mut list, 20);
        // Its key is that of the others.
        list[20].0 = 'A';
        // The first iteration reads what none before it has made.
        assert_eq!(loops(&list, false), [(2, 2, 9), (22, 2, 9)]);
    }

    #[test]
    fn streams_move_on_evenly() {
        let stream = |at: fn(u32) -> u32| -> Vec<(char, Vec<Source>)> {
            let source = |i| vec![Source::Outer(at(i)), Source::Constant(u64::from(i % 3))];
            (0..12).map(|i| ('a', source(i))).collect()
        };
        assert_eq!(loops(&stream(|i| 3 * i), false), [(0, 1, 12)]);
        assert_eq!(loops(&stream(|i| 40 - i), false), [(0, 1, 12)]);
        assert_eq!(loops(&stream(|i| i * i), false), []);
    }

    #[test]
    fn a_loop_around_loops_is_found_where_it_is_looked_for() {
        let mut list = Vec::new();
        for _ in 0..10 {
            list.push(('s', vec![]));
            chain(&mut list, 6);
        }
        let inner = loops(&list, false);
        assert!(inner.iter().all(|&(_, period, _)| period == 2), "{inner:?}");
        assert_eq!(loops(&list, true), [(0, 13, 10)]);
    }

    #[test]
    fn looking_asks_for_no_more_than_a_few_times_the_list() {
        struct Counted(List, Cell<usize>);
        impl Listing for Counted {
            fn len(&self) -> usize {
                self.0.len()
            }
            fn key(&self, item: usize, state: &mut FxHasher) {
                self.0.key(item, state);
            }
            fn alike(&self, item: usize, other: &Self, as_item: usize) -> bool {
                self.0.alike(item, &other.0, as_item)
            }
            fn each_source(&self, item: usize, see: &mut dyn FnMut(Source)) {
                self.1.set(self.1.get() + 1);
                self.0.each_source(item, see);
            }
        }
        // Alike all over, but that nothing moves on evenly: each place could begin a loop of any length.
        let source = |i: u32| vec![Source::Outer(i.wrapping_mul(i) ^ (i >> 3))];
        let list: Vec<(char, Vec<Source>)> = (0..20_000).map(|i| ('a', source(i))).collect();
        let list = Counted(List(list), Cell::new(0));
        let least = Least {
            iterations: 4,
            most: usize::MAX,
            items: 1,
            is_thorough: false,
            tables: true,
        };
        assert_eq!(find(&list, &least), []);
        let asked = list.1.get() / list.len();
        assert!(asked < 100, "each item {asked} times");
    }
}
