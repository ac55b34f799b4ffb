//! Which minimum it is: of equally good ones that which the user meant, and what else fits as well.
//!
//! The ends of all starts go in; one minimum comes out, carried to the last digits, with others that are
//! as low and how many starts agree.
//!
//! **Invariants**
//! - Starts agree where they are in one place: where all scores would change, in all, by a thousandth of
//!   their length at the most. Where the scores do not determine the place, they agree in the value.
//! - Of minima that are equal to the final tolerance it is the one that the first guess leads to, else the
//!   nearest to it, and of frequencies one that the data tell apart from slower ones.

use super::descents::{Search, Start, complete};
use super::desk::{Desk, Evaluations};
use super::levenberg_marquardt::Minimizer;
use super::objective::Objective;
use super::places::{NEAR, is_same_place, places};
use super::result::{Ending, StartEnd};
use super::space::Space;
use super::statistics::undetermined;
use super::turns::{Wave, alias, turned_to, turns};
use crate::prim::math;
use crate::sorted;

/// A minimum that is as low as the best.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Optimum {
    pub(crate) params: Vec<f64>,
    pub(crate) value: f64,
}

/// The best minimum of many starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MultiStart {
    /// The n parameters at the lowest value.
    pub(crate) params: Vec<f64>,
    /// The lowest value.
    pub(crate) value: f64,
    /// The m scores there.
    pub(crate) scores: Vec<f64>,
    /// The Jacobian there in the parameters themselves, column-major m x n.
    pub(crate) jacobian: Vec<f64>,
    /// The parameters that are at an end of their bound, and would go on if they could.
    pub(crate) held: Vec<usize>,
    /// Other minima that are as low.
    pub(crate) others: Vec<Optimum>,
    /// The number of the start that got there.
    pub(crate) best: usize,
    /// Whether that is a minimum by the tolerances asked for.
    pub(crate) converged: bool,
    /// Whether it was held back from points that fit better, whose derivatives are not finite.
    pub(crate) held_back: bool,
    /// Whether the observer broke.
    pub(crate) interrupted: bool,
    /// All starts, in their order.
    pub(crate) starts: Vec<StartEnd>,
    /// How many starts converged to this minimum.
    pub(crate) agree: usize,
    /// How many starts converged to a minimum as low, be it another one.
    pub(crate) as_low: usize,
    /// How often the problem was asked, all starts together.
    pub(crate) evaluations: Evaluations,
}

impl MultiStart {
    /// What a search that was ended before any start began may have met: where, and what it comes to is not
    /// known here.
    pub(super) fn unfinished(at: Vec<f64>) -> Self {
        let start = StartEnd {
            sse: f64::INFINITY,
            ending: Ending::Interrupted,
            iterations: 0,
            params: at.clone(),
        };
        Self {
            params: at,
            value: f64::INFINITY,
            scores: Vec::new(),
            jacobian: Vec::new(),
            held: Vec::new(),
            others: Vec::new(),
            best: 0,
            converged: false,
            held_back: false,
            interrupted: true,
            starts: vec![start],
            agree: 0,
            as_low: 0,
            evaluations: Evaluations::default(),
        }
    }
}

/// Values that differ by less than this part of the scores' squares are equal in the end.
const EQUAL: f64 = 1e-9;

/// How many minima are carried to the end.
const MOST: usize = 6;

/// How far parameters are from the first guess: by the squares of factors' logarithms, so that two that
/// are exchanged are farther off than two in their order; and a change of sign is a far way.
pub(super) fn way(init: &[f64], params: &[f64]) -> f64 {
    let far = |(&from, &to): (&f64, &f64)| {
        if from == 0.0 {
            return math::ln_1p(to.abs()).powi(2);
        }
        let factor = math::ln((to / from).abs().max(1e-30)).abs();
        if to / from < 0.0 {
            factor + 3.0
        } else {
            factor
        }
    };
    init.iter().zip(params).map(far).sum()
}

/// Carries the lowest minima to the end, within so many evaluations, chooses one, and collects the results.
pub(super) fn choose<P: Objective>(
    desk: &mut Desk<P>,
    starts: Vec<Start<'_, P::Error>>,
    search: &Search<'_>,
    mut left: usize,
) -> MultiStart {
    let watch = search.watch;
    let n = search.guess.init.len();
    let whole = search.whole;
    let rounding = if desk.problem.is_least_squares() {
        desk.problem.rounding()
    } else {
        0.0
    };
    // What rounding of the scores moves their sum of squares by.
    let noise = |value: f64| rounding + 2.0 * (value * rounding).max(0.0).sqrt();
    let mut evaluations = Evaluations::default();
    for start in &starts {
        evaluations += start.evaluations();
    }
    desk.take_evaluations();

    // The places that may be as low as the lowest, the first guess's first, the others by their way.
    let lowest = (0..starts.len())
        .min_by(|&a, &b| starts[a].value().total_cmp(&starts[b].value()))
        .unwrap_or_default();
    let mut places = places(&starts);
    if !places.iter().any(|place| place.contains(&lowest)) {
        places.insert(0, vec![lowest]);
    }
    let bar = match &starts[lowest].minimizer {
        Some(minimizer) => minimizer.value() + NEAR * minimizer.spread() + noise(minimizer.value()),
        None => f64::INFINITY,
    };
    let params = |k: usize, starts: &[Start<'_, P::Error>]| match &starts[k].minimizer {
        Some(minimizer) => minimizer.params().to_vec(),
        None => starts[k].params.clone(),
    };
    // On a sample others may have gone on for it.
    let is_of_first =
        |place: &[usize]| place.contains(&0) || starts[0].place.is_some_and(|at| at == place[0]);
    // That of the first guess in any case: where nothing is left of the scores, it may only have stopped
    // earlier.
    places.retain(|place| starts[place[0]].value() <= bar || is_of_first(place));
    sorted::by(&mut places, |a, b| {
        let key = |place: &[usize]| {
            let first = !is_of_first(place);
            let params = params(place[0], &starts);
            let alias = alias(&search.options.waves, &params).is_some();
            ((first, alias), way(search.guess.init, &params))
        };
        let ((a_first, a_way), (b_first, b_way)) = (key(a), key(b));
        a_first.cmp(&b_first).then(a_way.total_cmp(&b_way))
    });
    // The lowest itself is among those carried on.
    if let Some(at) = places.iter().position(|place| place.contains(&lowest))
        && at >= MOST
    {
        places.swap(at, MOST - 1);
    }
    places.truncate(MOST);
    let mut ends: Vec<Minimizer<'_>> = Vec::new();
    let mut endings = Vec::new();
    for place in &places {
        let Some(minimizer) = starts[place[0]].minimizer.clone() else {
            continue;
        };
        let (end, ending) = complete(minimizer, desk, whole, search.options, &mut left, watch);
        ends.push(end);
        endings.push(ending);
    }
    evaluations += desk.take_evaluations();
    if ends.is_empty() {
        // Interrupted before any was taken up with all rows: what the sample found is all there is.
        let mut starts: Vec<_> = starts.into_iter().map(Start::into_end).collect();
        let lowest = |a: &usize, b: &usize| starts[*a].sse.total_cmp(&starts[*b].sse);
        let best = (0..starts.len()).min_by(lowest).unwrap_or_default();
        starts[best].ending = Ending::Interrupted;
        let at = starts[best].params.clone();
        return MultiStart {
            value: starts[best].sse,
            best,
            interrupted: watch.is_stopped(),
            starts,
            evaluations,
            ..MultiStart::unfinished(at)
        };
    }
    let value = |k: usize| ends[k].value();
    let deepest = (0..ends.len()).min_by(|&a, &b| value(a).total_cmp(&value(b)));
    let deepest = deepest.unwrap_or_default();
    let limit = value(deepest) + EQUAL * ends[deepest].spread() + noise(value(deepest));
    let equal: Vec<usize> = (0..ends.len()).filter(|&k| value(k) <= limit).collect();
    let mut chosen = equal[0];
    let mut best = places[chosen][0];
    if ends.len() > 1 || !watch.is_stopped() {
        // A mirror image may be what was meant.
        if let Some(mirrored) = mirrored(&ends[chosen], desk, whole, search, limit, &mut left) {
            ends.push(mirrored);
            endings.push(endings[chosen]);
            chosen = ends.len() - 1;
        }
        evaluations += desk.take_evaluations();
    }
    let end = &ends[chosen];
    // What came of it, as the full problem has it.
    let asked = starts.len() > 1 || !search.options.only_place;
    let filled = asked && desk.fill(end.params()).is_ok();
    let (jacobian, scores) = if filled {
        let (jacobian, scores) = desk.filled(n);
        (jacobian.to_vec(), scores.to_vec())
    } else {
        (Vec::new(), Vec::new())
    };
    let undetermined = filled && !undetermined(&jacobian, scores.len(), n, &end.held()).is_empty();
    // A whole turn is the same place, and of exact data rounding is all that tells places apart.
    let is_here = |end: &Minimizer<'_>, params: &[f64]| {
        let params = turned_to(&search.options.waves, params, end.params());
        is_same_place(end, &params) || end.distance(&params) <= rounding
    };
    let mut others: Vec<Optimum> = Vec::new();
    // Where the place is not determined, others are no minima beside it but the same plain.
    for &k in equal.iter().filter(|&&k| k != chosen && !undetermined) {
        let known = is_here(end, ends[k].params())
            || others.iter().any(|other| is_here(&ends[k], &other.params));
        if !known && endings[k] == Ending::Converged {
            others.push(Optimum {
                params: ends[k].params().to_vec(),
                value: ends[k].value(),
            });
        }
    }
    let low = |k: usize| starts[k].ending == Ending::Converged && starts[k].value() <= bar;
    let as_low_on_sample =
        |k: usize| starts[k].place.is_some_and(low) && starts[k].ending == Ending::Converged;
    let as_low: Vec<usize> = (0..starts.len())
        .filter(|&k| low(k) || as_low_on_sample(k))
        .collect();
    let mut agree = as_low.len();
    if !undetermined {
        let here = |k: &&usize| {
            let there = starts[**k].place.unwrap_or(**k);
            is_here(end, &params(there, &starts))
        };
        agree = as_low.iter().filter(here).count();
    }
    let ending = endings[chosen];
    if agree == 0 && ending == Ending::Converged {
        // It was carried on until it did.
        agree = 1;
    }
    let (held, held_back) = (end.held(), end.is_held_back());
    let (chosen_params, chosen_value) = (end.params().to_vec(), end.value());
    let iterations = end.iterations();
    best = best.min(starts.len().saturating_sub(1));
    let mut starts: Vec<_> = starts.into_iter().map(Start::into_end).collect();
    if let Some(start) = starts.get_mut(best) {
        start.params.clone_from(&chosen_params);
        start.sse = chosen_value;
        start.ending = ending;
        start.iterations = iterations;
    }
    MultiStart {
        params: chosen_params,
        value: chosen_value,
        scores,
        jacobian,
        held,
        others,
        best,
        converged: ending == Ending::Converged,
        held_back,
        interrupted: watch.is_stopped(),
        agree,
        as_low: as_low.len().max(agree),
        starts,
        evaluations,
    }
}

/// The most parameters of which all combinations of signs are tried.
const TURNED: usize = 6;

/// The same minimum with other signs, where that is one and nearer to the first guess.
fn mirrored<'a, P: Objective>(
    end: &Minimizer<'a>,
    desk: &mut Desk<P>,
    whole: &'a Space<'a>,
    search: &Search<'_>,
    limit: f64,
    left: &mut usize,
) -> Option<Minimizer<'a>> {
    let init = search.guess.init;
    let can_turn = |j: usize| {
        let to = -end.params()[j];
        to != 0.0 && whole.bounds()[j].admits(to)
    };
    let away = |j: &usize| end.params()[*j] * init[*j] < 0.0;
    let turning: Vec<usize> = (0..init.len()).filter(|&j| can_turn(j)).collect();
    if !turning.iter().any(away) {
        return None;
    }
    let here = way(init, end.params());
    let turned = |which: &[usize]| {
        let mut params = end.params().to_vec();
        for &j in which {
            params[j] = -params[j];
        }
        (way(init, &params), params)
    };
    let mut images: Vec<(f64, Vec<f64>)> = if turning.len() <= TURNED {
        let chosen = |set: usize| -> Vec<usize> {
            let bits = turning
                .iter()
                .enumerate()
                .filter(|(bit, _)| set >> bit & 1 == 1);
            bits.map(|(_, j)| *j).collect()
        };
        (1..1 << turning.len())
            .map(|set: usize| turned(&chosen(set)))
            .collect()
    } else {
        let all: Vec<usize> = turning.iter().copied().filter(|j| away(j)).collect();
        let ones = all.iter().map(|&j| turned(&[j]));
        std::iter::once(turned(&all)).chain(ones).collect()
    };
    images.retain(|image| image.0 < here);
    sorted::by(&mut images, |a, b| a.0.total_cmp(&b.0));
    for (_, params) in images {
        let tolerances = search.options.tolerances;
        if *left == 0 || !search.watch.goes_on() {
            break;
        }
        *left -= 1;
        if !desk.is_as_low(&params, limit) {
            continue;
        }
        if let Ok(start) = Minimizer::new(desk, whole, &params, tolerances) {
            let (minimizer, ending) =
                complete(start, desk, whole, search.options, left, search.watch);
            if ending == Ending::Converged && minimizer.value() <= limit {
                return Some(minimizer);
            }
        }
    }
    None
}

/// What one minimum is of another, in words: parameters exchanged, of the other sign, turned by half a turn,
/// or turning so fast that the data do not tell. None where it is neither.
pub(super) fn symmetry(
    names: &[&str],
    waves: &[Option<Wave>],
    one: &[f64],
    other: &[f64],
) -> Option<String> {
    let close = |a: f64, b: f64| (a - b).abs() <= SYMMETRIC * a.abs().max(b.abs());
    if let Some(j) = alias(waves, other)
        && alias(waves, one).is_none()
    {
        return Some(format!("`{}` turning faster than the data tell", names[j]));
    }
    let mut words = Vec::new();
    let turns = turns(waves, one);
    // Whether something is so many halves of a turn, and any whole ones.
    let halves = |j: usize, by: f64, halves: f64| {
        let turn = turns.get(j).copied().flatten();
        turn.is_some_and(|turn| {
            let left = by / turn - 0.5 * halves;
            (left - left.round()).abs() <= SYMMETRIC
        })
    };
    let mut open: Vec<usize> = (0..one.len())
        .filter(|&j| !close(one[j], other[j]) && !halves(j, one[j] - other[j], 0.0))
        .collect();
    while let Some(j) = open.pop() {
        if close(one[j], -other[j]) || halves(j, other[j] + one[j], 0.0) {
            words.push(format!("the sign of `{}`", names[j]));
            continue;
        }
        if halves(j, other[j] - one[j], 1.0) {
            words.push(format!("half a turn of `{}`", names[j]));
            continue;
        }
        if halves(j, other[j] + one[j], 1.0) {
            words.push(format!("the sign and half a turn of `{}`", names[j]));
            continue;
        }
        let is_partner = |&k: &usize| close(one[j], other[k]) && close(one[k], other[j]);
        let at = open.iter().position(is_partner)?;
        let k = open.remove(at);
        words.push(format!("`{}` and `{}` exchanged", names[k], names[j]));
    }
    words.reverse();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Parameters of two minima that are one but for a symmetry differ by less than this part.
const SYMMETRIC: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::super::turns::{Shift, Speed, Wave};
    use super::symmetry;
    use std::f64::consts::{PI, TAU};

    #[test]
    fn symmetries_are_named() {
        let names = ["a", "b", "c", "d"];
        let one = [1.0, 2.0, -3.0, 4.0];
        let named = |other: [f64; 4]| symmetry(&names, &[], &one, &other);
        assert_eq!(
            named([1.0, 2.0, 3.0, 4.0]).as_deref(),
            Some("the sign of `c`")
        );
        let exchanged = "`a` and `b` exchanged, `c` and `d` exchanged";
        assert_eq!(named([2.0, 1.0, 4.0, -3.0]).as_deref(), Some(exchanged));
        assert_eq!(named([1.0, 2.0, -3.0, 5.0]), None);
        assert_eq!(named(one), None);
    }

    #[test]
    fn an_amplitude_of_the_other_sign_half_a_turn_on_is_a_symmetry() {
        let names = ["amp", "speed", "phase"];
        let waves = |power, wave| {
            let speed = Speed {
                factor: 1.0,
                is_period: false,
                step: 0.1,
                steps: 64,
                shift: Some(Shift {
                    param: 2,
                    factor: 1.0,
                    power,
                }),
            };
            [None, Some(Wave::Speed(speed)), wave]
        };
        let added = waves(0, Some(Wave::Shift(TAU)));
        let one = [2.0, 3.0, 0.4];
        let named = |other: [f64; 3]| symmetry(&names, &added, &one, &other);
        let half = "the sign of `amp`, half a turn of `phase`";
        assert_eq!(named([-2.0, 3.0, 0.4 + PI]).as_deref(), Some(half));
        assert_eq!(named([-2.0, 3.0, 0.4 - 7.0 * PI]).as_deref(), Some(half));
        // sin(-x) is as well sin(x + half a turn).
        let both = "the sign of `speed`, the sign and half a turn of `phase`";
        assert_eq!(named([2.0, -3.0, PI - 0.4]).as_deref(), Some(both));
        let mirrored = "the sign of `speed`, the sign of `phase`";
        assert_eq!(
            named([2.0, -3.0, 2.0 * TAU - 0.4]).as_deref(),
            Some(mirrored)
        );
        assert_eq!(named([2.0, 3.0, 0.4 + TAU]), None);
        assert_eq!(named([-2.0, 3.0, 1.4]), None);
        let alias = "`speed` turning faster than the data tell";
        assert_eq!(named([2.0, 3.0 + TAU, 0.4]).as_deref(), Some(alias));
        // Where the speed multiplies it, a turn of it is shorter.
        let sped = waves(1, None);
        let other = [-2.0, 3.0, 0.4 + PI / 3.0];
        assert_eq!(symmetry(&names, &sped, &one, &other).as_deref(), Some(half));
    }
}
