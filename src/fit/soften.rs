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

use super::error::FitError;
use super::observer::{Observer, Progress};
use super::options::FitOptions;
use super::result::{Fit, Steering};
use super::table::Table;
use crate::model::Model;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// The temperatures, in widths: the part of a range that a step is blurred over.
const TEMPERATURES: [f64; 7] = [1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015];

/// The width of a step, as a part of the range of the column that a param is compared with,
pub(super) const OF_RANGE: f64 = 0.25;

/// or of its initial value where it is compared with no column.
pub(super) const OF_INIT: f64 = 0.5;

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

/// How a fit is relaxed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Softening {
    pub(super) temperature: f64,
}

/// A param that a relaxed fit compares, and how wide a step is to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compared {
    pub(super) name: String,
    pub(super) width: f64,
}

/// Fits with [`FitOptions::soften`].
pub(super) fn fit_soft(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    observer: &Observer<'_>,
) -> Result<Fit, FitError> {
    let stopped = AtomicBool::new(false);
    let watched = |progress: &Progress| {
        let flow = observer(progress);
        if flow.is_break() {
            stopped.store(true, Ordering::Relaxed);
        }
        flow
    };
    let is_over = || options.limits.is_late() || stopped.load(Ordering::Relaxed);
    let mut search = Search {
        model,
        table,
        options,
        observer: &watched,
        is_over: &is_over,
        compared: Vec::new(),
        evaluations: 0,
    };
    let mut first: Option<Fit> = None;
    let mut at: Vec<(String, f64)> = Vec::new();
    for temperature in TEMPERATURES {
        let relaxed = match search.fit(&at, Some(Softening { temperature })) {
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
        match search.fit(&at, None) {
            Err(_) if is_over() => search.figures_at(&at)?,
            fitted => fitted?,
        }
    };
    // A relaxed knee may lead astray where the knee itself has a slope to go by.
    if !is_over()
        && let Ok(plain) = search.fit(&[], None)
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

fn estimates(fit: &Fit) -> Vec<(String, f64)> {
    let params = fit.params.iter();
    params
        .map(|param| (param.name.clone(), param.estimate))
        .collect()
}

struct Search<'s> {
    model: &'s Model,
    table: &'s Table<'s>,
    options: &'s FitOptions,
    observer: &'s Observer<'s>,
    /// Whether time is up, or the observer broke.
    is_over: &'s dyn Fn() -> bool,
    compared: Vec<Compared>,
    evaluations: usize,
}

impl Search<'_> {
    /// Fits from given values alone; from many starts where there are none yet.
    fn fit(&mut self, from: &[(String, f64)], soft: Option<Softening>) -> Result<Fit, FitError> {
        let mut options = self.options.clone();
        if !from.is_empty() {
            options.starts = 1;
            // Those that are held stay what they are.
            options.init.extend(from.iter().cloned());
        }
        let mut compared = Vec::new();
        let fit = super::fit_once(
            self.model,
            self.table,
            &options,
            self.observer,
            None,
            soft.map(|soft| (soft, &mut compared)),
        )?;
        if soft.is_some() {
            self.compared = compared;
        }
        self.evaluations += fit.evaluations;
        Ok(fit)
    }

    /// The figures at given values, whatever the time.
    fn figures_at(&mut self, at: &[(String, f64)]) -> Result<Fit, FitError> {
        let mut options = self.options.clone().starts(1).max_iterations(0);
        options.limits.deadline = None;
        options.limits.interrupt = None;
        options.init.extend(at.iter().cloned());
        let goes_on = |_: &Progress| ControlFlow::Continue(());
        super::fit_once(self.model, self.table, &options, &goes_on, None, None)
    }

    /// The fit with a param elsewhere; none where it cannot be there, or does not stay.
    fn moved(&mut self, best: &Fit, name: &str, value: f64) -> Option<Fit> {
        let mut from = estimates(best);
        from.iter_mut().find(|(other, _)| other == name)?.1 = value;
        let fit = self.fit(&from, None).ok()?;
        (fit.param(name)?.estimate == value).then_some(fit)
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
