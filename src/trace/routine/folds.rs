//! Sums from the left, on one lane: several go on side by side, each in its own order.
//!
//! A sum waits for the one before it, some cycles long. Where several are to be done, their additions take
//! turns, so that all of them take as long as one.
//!
//! Numbers go in, in rows or by their slots; sums come out.
//!
//! **Invariants**
//! - Each sum has its terms in their order: the same bits as one addition after the other.
//! - What is taken away is added with the other sign, which is the same number.

use super::super::narrow;

/// How many sums go on side by side at the most.
pub(super) const TOGETHER: usize = 8;

/// How the numbers of sums are gone through: whether from the last one on to the first, and whether they are
/// taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    pub(crate) is_backwards: bool,
    pub(crate) is_less: bool,
}

/// Adds the numbers of rows that are equally long to the sums, side by side; `row` gives those of one.
pub(crate) fn add_all<'a>(sums: &mut [f64], way: Way, mut row: impl FnMut(usize) -> &'a [f64]) {
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
