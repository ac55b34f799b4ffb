//! Sorting, where the target counts bytes.
//!
//! A slice goes in, and is sorted. The standard library's sorts are fast and long, 7 kB for each kind of
//! element; in a page, where nothing large is sorted, all slices share one merge of places instead.
//!
//! **Invariants**
//! - What is sorted by a comparison or key is sorted stably, so the result is the same on every target.

use std::cmp::Ordering;

/// Sorts by a comparison.
pub(crate) fn by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    #[cfg(not(target_family = "wasm"))]
    items.sort_by(&mut compare);
    #[cfg(target_family = "wasm")]
    by_places(items, &mut compare);
}

/// Sorts by a key.
pub(crate) fn by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts what has one order alone.
pub(crate) fn plainly<T: Ord>(items: &mut [T]) {
    #[cfg(not(target_family = "wasm"))]
    items.sort_unstable();
    #[cfg(target_family = "wasm")]
    by_places(items, &mut T::cmp);
}

/// The same by the places of items: only what compares and exchanges them is compiled for each kind.
#[cfg(any(test, target_family = "wasm"))]
fn by_places<T>(items: &mut [T], compare: &mut dyn FnMut(&T, &T) -> Ordering) {
    let mut places = merged(items.len(), &mut |a, b| {
        compare(&items[a], &items[b]) == Ordering::Greater
    });
    // Each item moves once: around the circles of places.
    for start in 0..items.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut places[at], at);
            if from == start {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

/// The places of so many items in their order: runs of twice the length are merged in every round.
#[cfg(any(test, target_family = "wasm"))]
fn merged(count: usize, is_after: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    let mut others = places.clone();
    let mut run = 1;
    while run < count {
        let (mut to, mut start) = (0, 0);
        while start < count {
            let (middle, end) = ((start + run).min(count), (start + 2 * run).min(count));
            let (mut left, mut right) = (start, middle);
            while to < end {
                let is_right =
                    right < end && (left == middle || is_after(places[left], places[right]));
                let from = if is_right { &mut right } else { &mut left };
                others[to] = places[*from];
                *from += 1;
                to += 1;
            }
            start = end;
        }
        std::mem::swap(&mut places, &mut others);
        run *= 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_merged_as_the_standard_library_sorts() {
        let mut state = 7_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state >> 20
        };
        for count in (0..70).chain([500, 1000]) {
            for kinds in [1, 3, 20, 1 << 40] {
                let mut items: Vec<(u64, usize)> =
                    (0..count).map(|i| (random() % kinds, i)).collect();
                let mut expected = items.clone();
                expected.sort_by_key(|item| item.0);
                by_places(&mut items, &mut |a, b| a.0.cmp(&b.0));
                assert_eq!(items, expected);
            }
        }
    }
}
