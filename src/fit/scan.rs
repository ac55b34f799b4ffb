//! Scans over decades, over the ranges of columns and over frequencies: where a constant begins to matter.
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
use super::turns::{Shift, Speed, Wave};
use crate::fit::bounds::Bound;
use crate::sorted;
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

/// How many parts of a turn.
const TURN: i32 = 8;

/// How often frequencies are scanned: there are many.
const SPEED_SWEEPS: usize = 2;

/// Frequencies are scanned for about so many predictions, and
const PREDICTIONS: usize = 1 << 17;

/// so many of them in any case.
const FEWEST: usize = 48;

/// Two speeds that beat are tried so many steps from where one was found, on both sides,
const APART: [f64; 3] = [0.5, 1.0, 2.0];

/// for each of so many speeds with as many others.
const BEATS: usize = 2;

/// What a program says of its constants; none, or one for each.
#[derive(Clone, Copy)]
pub(super) struct Hints<'a> {
    pub(super) ranges: &'a [Option<Range>],
    pub(super) waves: &'a [Option<Wave>],
}

impl Hints<'_> {
    fn range(&self, j: usize) -> Option<Range> {
        self.ranges.get(j).copied().flatten()
    }

    fn wave(&self, j: usize) -> Option<Wave> {
        self.waves.get(j).copied().flatten()
    }

    fn speed(&self, j: usize) -> Option<Speed> {
        match self.wave(j) {
            Some(Wave::Speed(speed)) => Some(speed),
            _ => None,
        }
    }
}

/// What is tried of one constant, in order: frequencies if it is one, parts of a turn if it is a phase, its
/// range if it has one, else decades of its distance from its end.
fn numbers(bound: Bound, at: f64, range: Option<Range>, wave: Option<Wave>) -> Vec<f64> {
    match wave {
        Some(Wave::Speed(speed)) => return speed.numbers(at),
        Some(Wave::Shift(turn)) if range.is_none() => {
            let part = |k: i32| at + f64::from(k) / f64::from(TURN) * turn;
            return (0..TURN).map(part).collect();
        }
        _ => {}
    }
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
    hints: Hints<'_>,
    most: usize,
    goes_on: impl Fn() -> bool,
) -> Vec<Vec<f64>> {
    let is_between = |j: usize| matches!(space.bounds()[j], Bound::Between(..));
    let mut scanned: Vec<usize> = (0..space.len())
        .filter(|&j| !space.is_linear(j) && (hints.speed(j).is_some() || !is_between(j)))
        .collect();
    // At another frequency nothing else fits. A width says more of where a place is than a place of how wide
    // it is.
    sorted::by_key(&mut scanned, |&j| {
        (hints.speed(j).is_none(), hints.range(j).is_some())
    });
    let mut found = Vec::new();
    if scanned.len() > MOST {
        scanned.retain(|&j| hints.speed(j).is_some());
    }
    // With the sign of an amplitude half a turn is nothing new.
    let is_signed =
        (0..space.len()).any(|j| space.is_linear(j) && space.bounds()[j] == Bound::Free);
    let quarters = if is_signed { 2 } else { 4 };
    let speeds = (PREDICTIONS / desk.problem.rows().max(1)).max(FEWEST);
    if scanned.is_empty() || scanned.len() > MOST {
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
        if let Some(Range { low, high }) = hints.range(j)
            && (begun[j] < low || begun[j] > high)
            && space.bounds()[j].contains(low + 0.5 * (high - low))
        {
            begun[j] = low + 0.5 * (high - low);
        }
    }
    let (mut lowest, mut best) = at(&begun).unwrap_or((f64::INFINITY, begun.clone()));
    'sweeps: for sweep in 0..SWEEPS {
        let before = lowest;
        for &j in &scanned {
            let (bound, speed) = (space.bounds()[j], hints.speed(j));
            if speed.is_some() && sweep >= SPEED_SWEEPS {
                continue;
            }
            let mut line: Vec<Option<(f64, Vec<f64>)>> = Vec::new();
            let mut numbers = numbers(bound, best[j], hints.range(j), hints.wave(j));
            if speed.is_some() {
                numbers.truncate(speeds);
            }
            for to in numbers {
                if tried.get() >= most || !goes_on() {
                    break 'sweeps;
                }
                // What is solved for is solved for anew, from where it began: a solution elsewhere may be so
                // large that here nothing is finite.
                let mut params = begun.clone();
                for &other in &scanned {
                    params[other] = best[other];
                }
                params[j] = to;
                if !bound.contains(to) {
                    line.push(None);
                    continue;
                }
                let mut point = at(&params);
                if let Some(shift) = speed.and_then(|speed| speed.shift) {
                    let (moved, from) = (shift.param, params[shift.param]);
                    for quarter in 1..quarters {
                        params[moved] = from + f64::from(quarter) * shift.quarter(to);
                        if !space.is_linear(moved) && space.bounds()[moved].contains(params[moved])
                        {
                            let other = at(&params).filter(|other| {
                                point.as_ref().is_none_or(|point| other.0 < point.0)
                            });
                            point = other.or(point);
                        }
                    }
                }
                line.push(point);
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
            sorted::by(&mut valleys, |&a, &b| value(a).total_cmp(&value(b)));
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
    // Two speeds that are nearer to each other than the data tell apart beat: one by one they are found as one.
    let speeds: Vec<usize> = (scanned.iter().copied())
        .filter(|&j| hints.speed(j).is_some())
        .collect();
    let mut beat: Option<(f64, Vec<f64>)> = None;
    for (of, &j) in speeds.iter().enumerate().take(BEATS) {
        for &k in speeds.iter().skip(of + 1).take(BEATS) {
            for (centre, apart) in [j, k].iter().flat_map(|&c| APART.map(|apart| (c, apart))) {
                let mut params = begun.clone();
                for &other in &scanned {
                    params[other] = best[other];
                }
                let mut shifts = Vec::new();
                for (at, steps) in [(j, -apart), (k, apart)] {
                    let (Some(speed), Some(of)) = (hints.speed(at), hints.speed(centre)) else {
                        continue;
                    };
                    if let Some(number) = speed.beside(&of, best[centre], steps)
                        && space.bounds()[at].contains(number)
                    {
                        params[at] = number;
                        shifts.push(speed.shift.filter(|shift| !space.is_linear(shift.param)));
                    }
                }
                let [first_shift, second_shift] = shifts[..] else {
                    continue;
                };
                let parts = |shift: Option<Shift>| if shift.is_some() { quarters } else { 1 };
                for quarter in 0..parts(first_shift) * parts(second_shift) {
                    if tried.get() >= most || !goes_on() {
                        break;
                    }
                    let (one, other) = (quarter % parts(first_shift), quarter / parts(first_shift));
                    let mut params = params.clone();
                    for (shift, at, quarter) in [(first_shift, j, one), (second_shift, k, other)] {
                        if let Some(shift) = shift {
                            params[shift.param] += f64::from(quarter) * shift.quarter(params[at]);
                        }
                    }
                    let is_inside = |(x, bound): (&f64, &Bound)| bound.admits(*x);
                    if params.iter().zip(space.bounds()).all(is_inside)
                        && let Some(there) = at(&params)
                        && beat.as_ref().is_none_or(|known| there.0 < known.0)
                    {
                        beat = Some(there);
                    }
                }
            }
        }
    }
    if let Some((value, params)) = beat
        && value < first
    {
        if value < lowest {
            found.push(std::mem::replace(&mut best, params));
            lowest = value;
        } else {
            found.push(params);
        }
    }
    if lowest < first {
        found.push(best);
    }
    found
}
