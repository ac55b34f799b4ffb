//! Lists of places, most of which follow one another.
//!
//! Places go in one by one; runs come out: so many from one on, or the same one so often.
//!
//! **Invariants**
//! - The places are those that went in, in their order; a list takes memory by its runs, not by its
//!   places.

use smallvec::SmallVec;

/// Places one after the other, or one place again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) first: u32,
    pub(crate) length: u32,
    /// How far one is from the next: 1, or 0.
    pub(crate) step: u32,
}

impl Run {
    /// The place at an index.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> u32 {
        self.first + self.step * index
    }

    /// All its places.
    pub(crate) fn places(self) -> impl Iterator<Item = u32> {
        (0..self.length).map(move |index| self.at(index))
    }
}

/// A list of places as runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Runs(SmallVec<[Run; 1]>);

impl Runs {
    /// Adds a place.
    pub(crate) fn push(&mut self, place: u32) {
        if let Some(last) = self.0.last_mut() {
            let step = place.wrapping_sub(last.first);
            let goes_on = match last.length {
                1 => step <= 1,
                length => place == last.first.wrapping_add(last.step.wrapping_mul(length)),
            };
            if goes_on {
                if last.length == 1 {
                    last.step = step;
                }
                last.length += 1;
                return;
            }
        }
        self.0.push(Run {
            first: place,
            length: 1,
            step: 1,
        });
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|run| run.length as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.0
    }

    /// So many places from one on.
    pub(crate) fn one(first: u32, length: u32) -> Self {
        let runs = (length > 0).then_some(Run {
            first,
            length,
            step: 1,
        });
        Self(runs.into_iter().collect())
    }

    /// All places, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|run| run.places())
    }

    /// The first place, where all follow one another.
    #[inline]
    pub(crate) fn as_one(&self) -> Option<u32> {
        match self.0.as_slice() {
            [Run { first, step: 1, .. }] => Some(*first),
            _ => None,
        }
    }

    /// The memory it takes beyond itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        if self.0.spilled() {
            self.0.capacity() * size_of::<Run>()
        } else {
            0
        }
    }
}

impl FromIterator<u32> for Runs {
    fn from_iter<I: IntoIterator<Item = u32>>(places: I) -> Self {
        let mut runs = Self::default();
        for place in places {
            runs.push(place);
        }
        runs.0.shrink_to_fit();
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn places_are_kept_in_their_order() {
        for places in [
            vec![],
            vec![7],
            vec![3, 4, 5],
            vec![3, 3, 3, 4],
            vec![3, 4, 4, 4, 5, 6],
            vec![9, 8, 7],
            vec![u32::MAX, u32::MAX, 0, 1],
            vec![1, 3, 5, 6],
        ] {
            let runs: Runs = places.iter().copied().collect();
            assert_eq!(runs.iter().collect::<Vec<u32>>(), places);
            assert_eq!(runs.len(), places.len());
        }
    }

    #[test]
    fn what_follows_one_another_is_one_run() {
        let one: Runs = (10..1000).collect();
        assert_eq!(one.runs().len(), 1);
        assert_eq!(one.as_one(), Some(10));
        let same: Runs = std::iter::repeat_n(4, 100).collect();
        assert_eq!((same.runs().len(), same.as_one()), (1, None));
        let two: Runs = (0..5).chain(7..9).collect();
        assert_eq!((two.runs().len(), two.as_one()), (2, None));
    }
}
