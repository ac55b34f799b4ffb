//! Constants that only steer: fits through relaxed comparisons, from wide to narrow.
//!
//! A model and a table go in; a [`Fit`] of the model as it is comes out, with where each constant that
//! only steers may be.
//!
//! **Invariants**
//! - All figures are those of the model as it is; only how many starts agree is told of its widest
//!   relaxation, where they were made.
//! - The fit is at least as good as one without.
//! - A constant that only steers is reported as the middle of where nothing changes.
//!
//! `(if (< x x0) lo hi)` has no derivative by `x0`: a sum of squares is a staircase of it. Relaxed, the step
//! is a slope as wide as the temperature, and the rows on it tell where it belongs; at each lower
//! temperature it goes on from there. In the end the steps of the staircase beside it are tried.

use super::declared::Place;
use super::error::FitError;
use super::fitting::Fitting;
use super::observer::{Observer, Progress};
use super::options::FitOptions;
use super::prepared::{Known, Ready};
use super::relaxed::relax;
use super::result::{Fit, Steering};
use crate::walk::Budget;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// The temperatures, in widths: the part of a range that a step is blurred over.
const TEMPERATURES: [f64; 7] = [1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015];

/// The width of a step, as a part of the range of the column that a param is compared with,
const OF_RANGE: f64 = 0.25;

/// or of its initial value where it is compared with no column.
const OF_INIT: f64 = 0.5;

/// Sums of squares that differ by less than this part are of one stair.
const SAME: f64 = 1e-9;

/// How often an edge is looked for twice as far away, from this part of a width on,
const DOUBLED: i32 = 11;
const NEAREST: f64 = 1.0 / 64.0;

/// and how often what is between it and the stair is halved.
const HALVED: usize = 22;

/// A param that only steers stays where it is put, so far off in widths.
const NEXT_TO: f64 = 1e-9;

/// How many stairs are gone down.
const STAIRS: usize = 24;

/// A param that a relaxed fit compares, and how wide a step is to it.
#[derive(Clone, Debug, PartialEq)]
struct Compared {
    name: String,
    width: f64,
}

/// Fits a prepared program, with its comparisons relaxed at first, from initial values.
pub(super) fn fit_soft(fitting: &Fitting<'_>, init: &[f64]) -> Result<Fit, FitError> {
    let Fitting {
        ready: hard,
        options,
        observer,
        ..
    } = *fitting;
    let stopped = AtomicBool::new(false);
    let watched = |progress: &Progress| {
        let flow = observer(progress);
        if flow.is_break() {
            stopped.store(true, Ordering::Relaxed);
        }
        flow
    };
    let has_fuel = || !options.fuel.as_ref().is_some_and(Budget::is_over);
    let is_over = || options.limits.is_late() || !has_fuel() || stopped.load(Ordering::Relaxed);
    let mut search = Search {
        hard,
        options,
        observer: &watched,
        is_over: &is_over,
        compared: Vec::new(),
        evaluations: 0,
    };
    let mut first: Option<Fit> = None;
    let mut at = init.to_vec();
    for temperature in TEMPERATURES {
        let starts = if first.is_none() { options.starts } else { 1 };
        let relaxed = match search.soft(&at, starts, temperature) {
            Ok(relaxed) => relaxed,
            // Where it is narrow it may fail; what was found so far is a place to go on from.
            Err(_) if first.is_some() => break,
            Err(error) => return Err(error),
        };
        at = estimates(&relaxed);
        first.get_or_insert(relaxed);
        if is_over() {
            break;
        }
    }
    let mut best = if is_over() {
        search.figures_at(&at)?
    } else {
        match search.fit(&at, 1) {
            Err(_) if is_over() => search.figures_at(&at)?,
            fitted => fitted?,
        }
    };
    // A relaxed knee may lead astray where the knee itself has a slope to go by.
    if !is_over()
        && let Ok(plain) = search.fit(init, options.starts)
        && plain.value < best.value
        && !is_same(&plain, &best)
    {
        best = plain;
        first = None;
    }
    let mut steering = Vec::new();
    for compared in search.compared.clone() {
        let found = search.stair(&mut best, &compared);
        // What is not looked for to the end says nothing.
        if is_over() {
            break;
        }
        steering.extend(found);
    }
    if let Some(first) = first {
        best.starts = first.starts;
        best.agree = first.agree;
        best.as_good = first.as_good;
    }
    best.interrupted |= is_over();
    best.evaluations = search.evaluations;
    best.steering = steering;
    Ok(best)
}

fn estimates(fit: &Fit) -> Vec<f64> {
    fit.params.iter().map(|param| param.estimate).collect()
}

/// Fits what is ready.
fn run(
    ready: &Ready<'_>,
    from: &[f64],
    options: &FitOptions,
    observer: &Observer<'_>,
) -> Result<Fit, FitError> {
    let fitting = Fitting {
        ready,
        options,
        observer,
        met: None,
    };
    fitting.run(from)
}

struct Search<'s> {
    /// The program as it is.
    hard: &'s Ready<'s>,
    options: &'s FitOptions,
    observer: &'s Observer<'s>,
    /// Whether time is up, or the observer broke.
    is_over: &'s dyn Fn() -> bool,
    compared: Vec<Compared>,
    evaluations: usize,
}

impl Search<'_> {
    /// Fits the program as it is.
    fn fit(&mut self, from: &[f64], starts: usize) -> Result<Fit, FitError> {
        let options = self.options.clone().starts(starts);
        let fit = run(self.hard, from, &options, self.observer)?;
        self.evaluations += fit.evaluations;
        Ok(fit)
    }

    /// Fits it with its comparisons relaxed.
    fn soft(&mut self, from: &[f64], starts: usize, temperature: f64) -> Result<Fit, FitError> {
        let mut compared = Vec::new();
        let source = self.hard.source.clone();
        let relaxation = source.relaxation.temperature(temperature);
        let options = self.options.clone().starts(starts);
        let relaxing = |program, known: &Known<'_>| {
            let widths = widths(known);
            let names = &known.unknowns.names;
            let relaxed = relax(program, names, &widths)?;
            compared.extend(relaxed.compared.iter().map(|&at| Compared {
                name: names[at].clone(),
                width: widths[at],
            }));
            Ok((relaxed.program, relaxation))
        };
        let relaxed = Ready::new(source, self.hard.table, &options, relaxing)?;
        let fit = run(&relaxed, from, &options, self.observer)?;
        self.compared = compared;
        self.evaluations += fit.evaluations;
        Ok(fit)
    }

    /// The figures at given values, whatever the time.
    fn figures_at(&mut self, at: &[f64]) -> Result<Fit, FitError> {
        let mut options = self.options.clone().starts(1).max_iterations(0);
        options.limits.deadline = None;
        options.limits.interrupt = None;
        let goes_on = |_: &Progress| ControlFlow::Continue(());
        let (source, table) = (self.hard.source.clone(), self.hard.table);
        let unchanged = source.relaxation;
        let same = |program, _: &Known<'_>| Ok((program, unchanged));
        run(
            &Ready::new(source, table, &options, same)?,
            at,
            &options,
            &goes_on,
        )
    }

    /// The fit with a param elsewhere; none where it cannot be there, or does not stay.
    fn moved(&mut self, best: &Fit, name: &str, value: f64) -> Option<Fit> {
        let at = best.params.iter().position(|param| param.name == name)?;
        let mut from = estimates(best);
        from[at] = value;
        let fit = self.fit(&from, 1).ok()?;
        (fit.params[at].estimate == value).then_some(fit)
    }

    /// Goes down the staircase of a param, and puts it in the middle of the lowest stair; none where the
    /// param does more than steer.
    fn stair(&mut self, best: &mut Fit, compared: &Compared) -> Option<Steering> {
        let name = &compared.name;
        let start = best.param(name)?.estimate;
        // One that has a slope is determined, or does not stay where it is put.
        let near = [NEXT_TO, -NEXT_TO].map(|part| start + part * compared.width);
        let stays = near.iter().any(|&to| self.moved(best, name, to).is_some());
        if !stays || !best.undetermined.contains(name) {
            return None;
        }
        let mut ends = [f64::NEG_INFINITY, f64::INFINITY];
        for _ in 0..STAIRS {
            let mut lowest: Option<Fit> = None;
            for (end, side) in ends.iter_mut().zip([-1.0, 1.0]) {
                let (edge, beyond) = self.edge(best, compared, side);
                *end = edge;
                if let Some(beyond) = beyond
                    && beyond.value < best.value
                    && lowest.as_ref().is_none_or(|low| beyond.value < low.value)
                {
                    lowest = Some(beyond);
                }
            }
            match lowest {
                Some(lower) if !(self.is_over)() => *best = lower,
                _ => break,
            }
        }
        let [low, high] = ends;
        let middle = 0.5 * low + 0.5 * high;
        if middle.is_finite()
            && let Some(moved) = self.moved(best, name, middle)
            && is_same(&moved, best)
        {
            *best = moved;
        }
        Some(Steering {
            name: name.clone(),
            low,
            high,
        })
    }

    /// The edge of a stair on one side, and the fit on the next; infinite where none is in sight.
    fn edge(&mut self, best: &Fit, compared: &Compared, side: f64) -> (f64, Option<Fit>) {
        let name = &compared.name;
        let from = best.param(name).map_or(f64::NAN, |param| param.estimate);
        let (mut inside, mut outside) = (from, None);
        for doubled in 0..DOUBLED {
            let to = from + side * compared.width * NEAREST * 2.0_f64.powi(doubled);
            match self.moved(best, name, to) {
                Some(fit) if is_same(&fit, best) => inside = to,
                other => {
                    outside = Some((to, other));
                    break;
                }
            }
        }
        let Some((mut beyond, mut there)) = outside else {
            return (side * f64::INFINITY, None);
        };
        for _ in 0..HALVED {
            let middle = 0.5 * (inside + beyond);
            if middle == inside || middle == beyond {
                break;
            }
            match self.moved(best, name, middle) {
                Some(fit) if is_same(&fit, best) => inside = middle,
                other => (beyond, there) = (middle, other),
            }
        }
        (inside, there)
    }
}

/// Whether two fits are on one stair.
fn is_same(one: &Fit, other: &Fit) -> bool {
    (one.value - other.value).abs() <= SAME * one.value.abs().max(other.value.abs())
}

/// How wide a step is to each param of the program.
fn widths(known: &Known<'_>) -> Vec<f64> {
    let Known { unknowns, ranges } = known;
    let width = |place: &Place| {
        let first = place.unknown(0);
        let init = unknowns.all[first].init.abs();
        match ranges.get(first).copied().flatten() {
            Some(range) => OF_RANGE * (range.high - range.low),
            None if init > 0.0 => OF_INIT * init,
            None => OF_INIT,
        }
    };
    unknowns.places.iter().map(width).collect()
}
