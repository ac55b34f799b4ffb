//! Scans over decades, and over the ranges of columns: where a constant begins to matter.
//!
//! A first guess goes in; points come out at which one constant after the other has the order of
//! magnitude that fits best, as far as single constants tell.
//!
//! **Invariants**
//! - Points are inside their bounds, and fit better than the first guess.
//!
//! A guess of 1 says nothing of a rate where times are in seconds and the process takes a year, or of a
//! length in metres of an atom: there the model is flat, and no slope leads anywhere.

use super::desk::Desk;
use super::levenberg_marquardt::beginning;
use super::objective::Objective;
use super::points::Range;
use super::space::Space;
use crate::fit::bounds::Bound;
use std::cell::Cell;

/// How many decades up and down.
const DECADES: i32 = 20;

/// How many points of a range.
const PARTS: i32 = 16;

/// How often each constant is scanned.
const SWEEPS: usize = 3;

/// The most constants that are scanned: with more, single ones tell little.
const MOST: usize = 8;

/// A place is another one only if it is lower by this part: where a constant matters in none, rounding chooses.
const WORTH: f64 = 1e-9;

/// The most points of one scan.
const POINTS: usize = 3;

/// What is tried of one constant, in ascending order: its range if it has one, else decades of its distance
/// from its end.
fn numbers(bound: Bound, at: f64, range: Option<Range>) -> Vec<f64> {
    if let Some(Range { low, high }) = range {
        let part = |k: i32| low + f64::from(k) / f64::from(PARTS) * (high - low);
        return (0..=PARTS).map(part).collect();
    }
    let end = match bound {
        Bound::Above(low) => low,
        Bound::Below(high) => high,
        _ => 0.0,
    };
    let from = if at == end { 1.0 } else { at - end };
    let decade = |k: i32| end + from * 10.0_f64.powi(k);
    (-DECADES..=DECADES).map(decade).collect()
}

/// Points to begin from: the best last, and before it what else stood out in the first sweep. No more than
/// `most` are tried.
pub(super) fn scan<P: Objective>(
    desk: &mut Desk<P>,
    space: &Space<'_>,
    init: &[f64],
    ranges: &[Option<Range>],
    most: usize,
    goes_on: impl Fn() -> bool,
) -> Vec<Vec<f64>> {
    let range_of = |j: usize| ranges.get(j).copied().flatten();
    let mut scanned: Vec<usize> = (0..space.len())
        .filter(|&j| !space.is_linear(j) && !matches!(space.bounds()[j], Bound::Between(..)))
        .collect();
    // A width says more of where a place is than a place of how wide it is.
    scanned.sort_by_key(|&j| range_of(j).is_some());
    let mut found = Vec::new();
    if scanned.len() > MOST {
        return found;
    }
    let tried = Cell::new(0);
    let mut at = |params: &[f64]| -> Option<(f64, Vec<f64>)> {
        tried.set(tried.get() + 1);
        beginning(desk, space, params).ok()
    };
    let first = at(init).map_or(f64::INFINITY, |there| there.0);
    // What is outside of its range is nowhere yet.
    let mut begun = init.to_vec();
    for &j in &scanned {
        if let Some(Range { low, high }) = range_of(j)
            && (begun[j] < low || begun[j] > high)
            && space.bounds()[j].contains(low + 0.5 * (high - low))
        {
            begun[j] = low + 0.5 * (high - low);
        }
    }
    let (mut lowest, mut best) = at(&begun).unwrap_or((f64::INFINITY, begun.clone()));
    for sweep in 0..SWEEPS {
        let before = lowest;
        for &j in &scanned {
            let bound = space.bounds()[j];
            let mut line: Vec<Option<(f64, Vec<f64>)>> = Vec::new();
            for to in numbers(bound, best[j], range_of(j)) {
                if tried.get() >= most || !goes_on() {
                    return found;
                }
                // What is solved for is solved for anew, from where it began: a solution elsewhere may be so
                // large that here nothing is finite.
                let mut params = begun.clone();
                for &other in &scanned {
                    params[other] = best[other];
                }
                params[j] = to;
                line.push(if bound.contains(to) {
                    at(&params)
                } else {
                    None
                });
            }
            let value = |k: usize| {
                line.get(k)
                    .and_then(Option::as_ref)
                    .map_or(f64::INFINITY, |p| p.0)
            };
            // Valleys, the deepest first.
            let mut valleys: Vec<usize> = (0..line.len())
                .filter(|&k| {
                    let before = if k == 0 { f64::INFINITY } else { value(k - 1) };
                    value(k) < before && value(k) <= value(k + 1)
                })
                .collect();
            valleys.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
            valleys.truncate(POINTS);
            for &k in valleys.iter().rev() {
                if let Some((value, params)) = line[k].clone()
                    && value < first
                {
                    if value < lowest - WORTH * lowest.abs() || lowest.is_infinite() {
                        (lowest, best) = (value, params);
                    } else if sweep == 0 {
                        found.push(params);
                    }
                }
            }
        }
        if lowest >= before {
            break;
        }
    }
    if lowest < first {
        found.push(best);
    }
    found
}
