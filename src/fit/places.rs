//! Places: which starts have come to the same minimum.
//!
//! Starts go in; groups of those that are in one place come out.
//!
//! **Invariants**
//! - Starts are in one place where all scores would change, in all, by a thousandth of their length at the
//!   most from one to the other: the sum of squares alone says nothing about where it is.

use super::descents::Start;
use super::levenberg_marquardt::Minimizer;
use super::result::Ending;
use crate::sorted;

/// Values that differ by less than this part of the scores' squares may be one minimum, as far as the
/// search goes.
pub(super) const NEAR: f64 = 1e-6;

/// The square of what the scores may change between two ends in one place, as a part of their squares.
const SAME_PLACE: f64 = 1e-6;

/// Of parameters of exact data, which have no scores left to compare with.
const SAME_NUMBER: f64 = 1e-6;

/// With so many places a start is compared at the most: more that are as low are a plain.
const MOST_COMPARED: usize = 256;

/// Whether an end is where a minimizer is.
pub(super) fn is_same_place(minimizer: &Minimizer<'_>, params: &[f64]) -> bool {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= SAME_NUMBER * a.abs().max(b.abs());
    minimizer.distance(params) <= SAME_PLACE * minimizer.spread()
        || minimizer.params().iter().zip(params).all(close)
}

/// The starts that have got anywhere by the place they are in, the lowest place first and in each the
/// lowest start first.
pub(super) fn places<E>(starts: &[Start<'_, E>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..starts.len())
        .filter(|&k| starts[k].minimizer.is_some() && starts[k].ending != Ending::Dropped)
        .collect();
    sorted::by(&mut order, |&a, &b| {
        starts[a].value().total_cmp(&starts[b].value())
    });
    let minimizer = |k: usize| starts[k].minimizer.as_ref();
    let mut places: Vec<Vec<usize>> = Vec::new();
    let mut widest = 0.0;
    for k in order {
        let Some(here) = minimizer(k) else { continue };
        // Their values ascend: those that are too low for it come first.
        let low = here.value() - NEAR * widest;
        let from = places
            .partition_point(|place| minimizer(place[0]).is_some_and(|first| first.value() < low));
        let place = places[from..].iter_mut().take(MOST_COMPARED).find(|place| {
            minimizer(place[0]).is_some_and(|first| {
                (here.value() - first.value()).abs() <= NEAR * first.spread()
                    && is_same_place(first, here.params())
            })
        });
        if let Some(place) = place {
            place.push(k);
        } else {
            widest = f64::max(widest, here.spread());
            places.push(vec![k]);
        }
    }
    places
}

/// How many starts converged to the lowest place.
pub(super) fn agreeing<E>(starts: &[Start<'_, E>]) -> usize {
    let places = places(starts);
    let converged = |k: &&usize| starts[**k].ending == Ending::Converged;
    places
        .first()
        .map_or(0, |place| place.iter().filter(converged).count())
}
