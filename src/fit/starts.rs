//! A minimum from many starts: one descent from the user's own point, the others from around it.
//!
//! A factory of problems, bounds and a first guess go in; the best minimum met comes out, with what
//! became of each start and how many of them found that minimum.
//!
//! **Invariants**
//! - The result has the same bits for any number of threads. A start's point is a function of
//!   (seed, start, parameter, attempt) and of the scan before them; which starts are dropped is decided
//!   between rounds, when all of them have taken the same number of steps.
//! - Start 0 is the first guess itself and is never dropped; with [`Options::all_starts`] none is.
//! - A start with a larger number changes nothing about one with a smaller number but through the
//!   rule for dropping.
//!
//! **Where they begin.** The first guess, as it is and with what is linear solved for; where a scan over
//! decades found something (`scan`); then points around the first guess and around the best of the scan, by turns (`points`). Where the model
//! fails at a starting point, or no parameter changes anything there, the start tries again, each time
//! from farther out. Parameters that the scores are linear in are solved for at each point
//! (`separable`).
//!
//! **What is dropped.** After 5, 10, 20, 40, … steps a start is hopeless if it would still be above
//! twice the lowest sum of squares after falling on, as it fell since the round before, for four
//! times as long. Starts that have come to a ten-thousandth of where the starts began stay in any
//! case: where the data have no noise the lowest sum of squares says nothing about the others.
//! One is hopeless too if ten times what its own linear model promises does not bring it to the lowest: it
//! settles in a minimum of its own. After 2, 3 and 4 steps that is looked at too, by thirty times as much: most
//! starts of a model that turns settle at once.
//!
//! **Many rows.** Where a sample of the rows is given, all starts search on it, in batches of 16, 32, …
//! until a quarter of them agree; the minima found there go on with all rows. Without one all are made.
//!
//! Which of the minima it is, is for `optima` to say.

use super::descents::{Options, SEARCH, Search, Start, spent};
use super::desk::{Desk, Evaluations, StartError};
use super::levenberg_marquardt::Minimizer;
use super::objective::Objective;
use super::observer::Watch;
use super::optima::{MultiStart, choose};
use super::places::{agreeing, places};
use super::points::Guess;
use super::scan::{Hints, scan};
use super::separable::linear_params;
use super::space::Space;
use crate::fit::bounds::Bound;
use crate::sorted;
use crate::threads::in_tasks_with;

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartsError<E> {
    /// A bound's ends are not in order or not finite.
    #[error("the bound of parameter {0} has no inside")]
    Bound(usize),
    /// The first guess of a parameter is not inside its bound.
    #[error("the first guess of parameter {0} is not inside its bound")]
    Outside(usize),
    /// No start could be evaluated. Holds why the first guess could not, if the model gave a reason.
    #[error("the model gives finite residuals at none of {starts} starts")]
    NoStart {
        /// The number of starts tried.
        starts: usize,
        /// The model's error at the first guess; none where it gave numbers that are not finite.
        cause: Option<E>,
    },
    /// The observer broke before any start could be evaluated.
    #[error("interrupted before any start gave finite residuals")]
    Interrupted,
}

/// How many starts are made at first; then as many again as there are,
pub(super) const BATCH: usize = 16;

/// until of so many one agrees: a better minimum would hardly have been missed by all of them.
pub(super) const ENOUGH: usize = 4;

/// Whether params are linear takes about so many evaluations for each.
const OF_PARAM: usize = 4;

/// A minimum on a sample is tried on all rows if it is within this multiple of the lowest,
const SAMPLED: f64 = 1.5;

/// and so many of them at the most, beside that of the first guess.
const FINALISTS: usize = 3;

/// Minimizes from `options.starts` points, on `options.threads`, and carries the
/// best one on to `options.tolerances` and then to the last digits ([`Minimizer::polish`]).
///
/// `problem` makes one problem for each thread that needs one, and `sample`, where there is one, a
/// smaller problem with nearly the same minima. `bounds` and `init` are the n
/// parameters' bounds and first guesses. `watch` is told of every step and may end the search.
///
/// # Errors
/// When a bound is empty, a first guess is outside its bound, or the model gives finite scores at
/// no start, be it that the search was ended before one.
///
/// # Panics
/// When `bounds` and `init` differ in length.
pub(crate) fn minimize_from_starts<P, F, G>(
    problem: F,
    sample: Option<&G>,
    bounds: &[Bound],
    init: &[f64],
    options: &Options,
    watch: &Watch<'_>,
) -> Result<MultiStart, StartsError<P::Error>>
where
    P: Objective + Send,
    P::Error: Send,
    F: Fn() -> P + Sync,
    G: Fn() -> P + Sync,
{
    assert_eq!(bounds.len(), init.len(), "one bound for each parameter");
    check_guess(bounds, init)?;
    let n = init.len();
    let desk = || Desk::new(problem(), n);
    let searched = || Desk::new(sample.map_or_else(&problem, |sample| sample()), n);
    let most = options.max_evaluations;
    let mut total = options.affordable(most);
    let mut guess = Guess {
        bounds,
        init,
        seed: options.seed,
        ranges: &options.ranges,
        twice: false,
        scanned: Vec::new(),
    };
    let mut idle: Vec<Desk<P>> = vec![searched()];
    let (rows, least_squares) = (idle[0].problem.rows(), idle[0].problem.is_least_squares());
    // One start is for who knows where: nothing is looked for around it.
    let mut space = Space::new(bounds);
    let mut before = Evaluations::default();
    // Looking around is worth so many evaluations at the most.
    let mut looks = most / 4;
    if total > 1 && looks > OF_PARAM * (n + 1) && watch.goes_on() {
        let desk = &mut idle[0];
        let goes_on = || watch.goes_on();
        let mut linear = linear_params(desk, bounds, |k| guess.point(k, 0));
        space = Space::with_linear(bounds, linear.marks);
        let hints = Hints {
            ranges: &options.ranges,
            waves: &options.waves,
        };
        looks = looks.saturating_sub(desk.evaluations().all()) / 2;
        guess.scanned = scan(desk, &space, init, hints, looks, goes_on);
        // Where the first points said little, that of the scan may say more.
        if let Some(best) = guess.scanned.last().filter(|_| !linear.is_sure) {
            linear = linear_params(desk, bounds, |k| {
                let near = |(&x, bound): (&f64, &Bound)| {
                    let near = x * (1.0 + 0.03 * k as f64);
                    if bound.contains(near) { near } else { x }
                };
                best.iter().zip(bounds).map(near).collect()
            });
            if linear.is_sure {
                let sure = Space::with_linear(bounds, linear.marks);
                guess.scanned = scan(desk, &sure, init, hints, looks, goes_on);
                space = sure;
            }
        }
        before = desk.take_evaluations();
    }
    total = options.affordable(most - before.all().min(most));
    guess.twice = space.solved() > 0;
    let whole = Space::new(bounds);
    let mut search = Search {
        space: &space,
        whole: &whole,
        guess,
        options,
        watch,
        rows,
        least_squares,
    };
    let batch = if sample.is_some() {
        BATCH.min(total)
    } else {
        total
    };
    let mut starts: Vec<Start<'_, P::Error>> = Vec::new();
    let mut first_figure = f64::NAN;
    while starts.len() < total {
        let batch = batch.max(starts.len()).min(total - starts.len());
        let tasks = (starts.len()..starts.len() + batch).collect();
        // Of what is left, a quarter is for the best of them to go on with.
        let left = most.saturating_sub(before.all() + spent(&starts));
        let left = if total > 1 { left - left / 4 } else { left };
        let each = left / (total - starts.len());
        let share = each * batch;
        let begun_with = spent(&starts);
        let begin = |k, desk: &mut Desk<P>| {
            let start = search.begin(desk, k, each);
            watch.ends(usize::from(!start.active));
            start
        };
        starts.extend(in_tasks_with(
            tasks,
            &options.threads,
            &mut idle,
            &searched,
            &begin,
        ));
        let begun = starts.iter().filter(|start| start.minimizer.is_some());
        match median(begun.map(|start| search.figure(start.value()))) {
            Some(figure) if first_figure.is_nan() => first_figure = figure,
            Some(_) => {}
            None if watch.is_stopped() => {
                return match search.guess.scanned.pop() {
                    Some(best) => Ok(MultiStart {
                        evaluations: before,
                        ..MultiStart::unfinished(best)
                    }),
                    None => Err(StartsError::Interrupted),
                };
            }
            None if starts.len() < total => continue,
            None => {
                let cause = starts.swap_remove(0).cause;
                return Err(StartsError::NoStart {
                    starts: total,
                    cause,
                });
            }
        }
        let share = share.saturating_sub(spent(&starts) - begun_with);
        search.advance(&mut starts, first_figure, share, &mut idle, &searched);
        let enough = !options.all_starts && agreeing(&starts) * ENOUGH >= starts.len();
        if starts.len() < total && (watch.is_stopped() || enough) {
            watch.ends(total - starts.len());
            break;
        }
    }
    let mut desk = if sample.is_some() {
        idle.clear();
        let mut desk = desk();
        let cause = carry_over(&search, &mut starts, &mut desk, before.all());
        let is_anywhere = starts.iter().any(|start| start.minimizer.is_some());
        if !is_anywhere && !watch.is_stopped() {
            // The sample left out what fails.
            let starts = starts.len();
            return Err(StartsError::NoStart { starts, cause });
        }
        desk
    } else {
        idle.pop().unwrap_or_else(searched)
    };
    let left = most.saturating_sub(before.all() + spent(&starts));
    let mut found = choose(&mut desk, starts, &search, left);
    found.evaluations += before;
    Ok(found)
}

/// Refuses bounds without an inside, and a first guess that is not in them.
pub(super) fn check_guess<E>(bounds: &[Bound], init: &[f64]) -> Result<(), StartsError<E>> {
    if let Some(j) = bounds.iter().position(|bound| !bound.is_valid()) {
        return Err(StartsError::Bound(j));
    }
    match (0..init.len()).find(|&j| !bounds[j].admits(init[j])) {
        Some(j) => Err(StartsError::Outside(j)),
        None => Ok(()),
    }
}

/// Takes the minima that were found on a sample up with all rows; what the others found is told as
/// of as many rows. Gives why one could not be taken up, if the model gave a reason.
fn carry_over<'a, P: Objective>(
    search: &Search<'a>,
    starts: &mut [Start<'a, P::Error>],
    desk: &mut Desk<P>,
    before: usize,
) -> Option<P::Error> {
    let mut cause = None;
    let mut places = places(starts);
    let lowest = starts
        .iter()
        .map(Start::value)
        .fold(f64::INFINITY, f64::min);
    let within = SAMPLED * search.figure(lowest);
    places.retain(|place| place.contains(&0) || search.figure(starts[place[0]].value()) <= within);
    places.truncate(FINALISTS);
    if !places.iter().any(|place| place.contains(&0)) {
        places.push(vec![0]);
    }
    let scale = if search.least_squares {
        desk.problem.rows() as f64 / search.rows.max(1) as f64
    } else {
        1.0
    };
    let left = search.options.max_evaluations;
    let left = left.saturating_sub(before + spent(starts)) / 2;
    let each = left / places.len().max(1);
    for (index, start) in starts.iter_mut().enumerate() {
        let place = places.iter().find(|place| place.contains(&index));
        start.place = place.map(|place| place[0]);
        match place {
            Some(place) if place[0] == index => {
                let params = match &start.minimizer {
                    Some(minimizer) => minimizer.params().to_vec(),
                    None => start.params.clone(),
                };
                let space = if index == 0 {
                    search.whole
                } else {
                    search.space
                };
                match Minimizer::new(desk, space, &params, SEARCH) {
                    Ok(minimizer) => start.minimizer = Some(minimizer),
                    Err(error) => {
                        start.give_up(scale);
                        if let StartError::Model(error) = error {
                            cause.get_or_insert(error);
                        }
                        continue;
                    }
                }
                let more = search.options.max_iterations;
                start.advance(desk, [more, more], each.saturating_sub(1), search.watch);
            }
            _ => start.give_up(scale),
        }
    }
    cause
}

/// The middle value, the upper one of two; none of nothing.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    sorted::by(&mut values, f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::known_problems::*;
    use super::super::statistics::Statistics;
    use super::*;
    use crate::fit::observer::{Observer, Progress};
    use crate::fit::result::{Ending, StartEnd};
    use crate::threads::Threads;
    use std::ops::ControlFlow;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const POSITIVE: Bound = Bound::Above(0.0);

    fn search<P, F>(
        problem: F,
        bounds: &[Bound],
        init: &[f64],
        options: &Options,
    ) -> Result<MultiStart, StartsError<P::Error>>
    where
        P: Objective + Send,
        P::Error: Send,
        F: Fn() -> P + Sync,
    {
        observed(problem, bounds, init, options, &|_| {
            ControlFlow::Continue(())
        })
    }

    fn observed<P, F>(
        problem: F,
        bounds: &[Bound],
        init: &[f64],
        options: &Options,
        observer: &Observer<'_>,
    ) -> Result<MultiStart, StartsError<P::Error>>
    where
        P: Objective + Send,
        P::Error: Send,
        F: Fn() -> P + Sync,
    {
        let watch = options.watch(observer);
        minimize_from_starts(problem, None::<&F>, bounds, init, options, &watch)
    }

    fn fit_pelts(options: &Options) -> MultiStart {
        search(lynx_hare, &[POSITIVE; 6], &[1.0; 6], options).unwrap()
    }

    #[test]
    fn lynx_and_hare_are_found_from_their_equilibrium() {
        let fit = fit_pelts(&Options::default());
        assert!(fit.converged);
        assert!((fit.value - 2.018_661).abs() < 1e-6);
        let expected = [
            0.540_159,
            0.027_165_4,
            0.796_386,
            0.023_694_6,
            34.602_4,
            5.844_51,
        ];
        for (estimate, expected) in fit.params.iter().zip(expected) {
            assert!(
                (estimate / expected - 1.0).abs() < 1e-5,
                "{estimate} {expected}"
            );
        }
        let statistics = Statistics::new(&fit.params, &fit.scores, &fit.jacobian, &fit.held);
        let expected = [0.0595, 0.00384, 0.0839, 0.00329, 2.93, 0.479];
        for (error, expected) in statistics.std_err.iter().zip(expected) {
            assert!((error / expected - 1.0).abs() < 5e-3, "{error} {expected}");
        }
        assert_eq!((statistics.degrees_of_freedom, statistics.rank), (36, 6));
        // A good share of the starts, at a small part of 64 full descents.
        assert!(fit.agree >= 8, "{}", fit.agree);
        assert!(fit.evaluations.residuals < 2000 && fit.evaluations.jacobians < 2000);
    }

    #[test]
    fn a_start_that_is_not_dropped_changes_nothing_about_the_others() {
        let run = |all_starts| {
            fit_pelts(&Options {
                all_starts,
                ..Options::default()
            })
        };
        let (some, all) = (run(false), run(true));
        let dropped = |start: &StartEnd| start.ending == Ending::Dropped;
        assert!(some.starts.iter().any(dropped) && !all.starts.iter().any(dropped));
        for (k, (one, other)) in some.starts.iter().zip(&all.starts).enumerate() {
            // The one that is chosen goes on.
            if k == some.best || k == all.best {
                continue;
            }
            assert!(dropped(one) || one == other, "{one:?} {other:?}");
            assert!(other.iterations >= one.iterations);
        }
        for (one, other) in some.params.iter().zip(&all.params) {
            assert!((one / other - 1.0).abs() < 1e-10);
        }
        assert!(all.agree >= some.agree);
        assert!(all.evaluations.residuals > some.evaluations.residuals);
    }

    #[test]
    fn the_seed_does_not_move_the_minimum() {
        let digits = |seed| -> Vec<String> {
            let fit = fit_pelts(&Options {
                seed,
                ..Options::default()
            });
            fit.params.iter().map(|p| format!("{p:.10e}")).collect()
        };
        let first = digits(0);
        for seed in 1..5 {
            assert_eq!(digits(seed), first);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let thurber = || THURBER.problem();
            let options = Options::default();
            pool.install(|| {
                let start = &THURBER.starts[0];
                let other = search(thurber, &[Bound::Free; 7], start, &options);
                (fit_pelts(&options), other.unwrap())
            })
        };
        let one = run(1);
        for threads in [2, 4, 7] {
            // Equal numbers and no NaN among them, so equal bits but for the sign of zero.
            assert!(run(threads) == one, "{threads} threads");
        }
    }

    fn certified<const N: usize>(nist: &Nist<N>) {
        for start in nist.starts {
            let options = Options::default();
            let fit = search(|| nist.problem(), &[Bound::Free; N], &start, &options).unwrap();
            assert!(fit.converged && fit.agree >= 1, "{start:?}");
            assert!((fit.value / nist.sse - 1.0).abs() < 1e-10, "{start:?}");
            let statistics = Statistics::new(&fit.params, &fit.scores, &fit.jacobian, &fit.held);
            assert!(
                (statistics.residual_sd / nist.residual_sd - 1.0).abs() < 1e-10,
                "{start:?}"
            );
            // The peak of Eckerle4 has a mirror image with both its first parameters negative.
            let sign = (fit.params[1] / nist.params[1]).signum();
            for j in 0..N {
                let sign = if N == 3 && j < 2 { sign } else { 1.0 };
                assert!(
                    (sign * fit.params[j] / nist.params[j] - 1.0).abs() < 1e-9,
                    "{start:?}"
                );
                assert!(
                    (statistics.std_err[j] / nist.std_err[j] - 1.0).abs() < 1e-8,
                    "{start:?}"
                );
            }
        }
    }

    #[test]
    fn nist_problems_keep_their_minima_and_errors() {
        certified(&MISRA1A);
        certified(&THURBER);
        certified(&MGH09);
        certified(&ECKERLE4);
        certified(&RAT43);
    }

    #[test]
    fn a_start_does_not_depend_on_how_many_there_are() {
        let run = |starts| {
            fit_pelts(&Options {
                starts,
                max_iterations: 0,
                ..Options::default()
            })
        };
        let (few, many) = (run(5), run(64));
        assert_eq!(few.starts[..], many.starts[..5]);
        assert_eq!(many.starts[0].params, [1.0; 6]);
        assert!(!many.converged && many.agree == 0);
    }

    #[test]
    fn bad_input_is_named() {
        let run = |bounds: [Bound; 2], init: [f64; 2]| {
            let options = Options::default();
            search(|| MISRA1A.problem(), &bounds, &init, &options).err()
        };
        let empty = Bound::Between(1.0, 1.0);
        assert_eq!(
            run([Bound::Free, empty], [1.0; 2]),
            Some(StartsError::Bound(1))
        );
        assert_eq!(
            run([POSITIVE, Bound::Free], [0.0, 1.0]),
            Some(StartsError::Outside(0))
        );
        assert_eq!(
            run([Bound::Free; 2], [1.0, f64::NAN]),
            Some(StartsError::Outside(1))
        );
    }

    #[test]
    fn a_model_that_always_fails_is_an_error_with_its_cause() {
        let options = Options {
            starts: 4,
            ..Options::default()
        };
        let error = search(|| Line(|_| Err("no value")), &[POSITIVE], &[1.0], &options);
        assert_eq!(
            error.err(),
            Some(StartsError::NoStart {
                starts: 4,
                cause: Some("no value")
            })
        );
    }

    #[test]
    fn starts_agree_on_exact_data_too() {
        // The minimum is zero.
        let exact = || {
            Problem::new(3, |&[a], sink| {
                for x in [1.0, 2.0, 3.0] {
                    sink((a * x).sin() - (0.7 * x).sin());
                }
            })
        };
        let options = Options::default();
        let fit = search(exact, &[Bound::Between(0.0, 1.5)], &[0.1], &options).unwrap();
        assert!((fit.params[0] - 0.7).abs() < 1e-12);
        assert!(fit.agree > 16, "{}", fit.agree);
    }

    #[test]
    fn progress_counts_every_start_and_step_once() {
        let heard = Mutex::new(Vec::new());
        let observer = |progress: &Progress| {
            assert_eq!((progress.starts, progress.most_steps), (64, 69 * 200));
            heard.lock().unwrap().push(*progress);
            ControlFlow::Continue(())
        };
        let options = Options::default();
        let fit = observed(lynx_hare, &[POSITIVE; 6], &[1.0; 6], &options, &observer).unwrap();
        assert!(!fit.interrupted);
        assert_eq!(fit, fit_pelts(&options));
        let heard = heard.into_inner().unwrap();
        let last = |of: fn(&Progress) -> usize| heard.iter().map(of).max();
        assert_eq!(last(|progress| progress.ended), Some(64));
        let steps: usize = fit.starts.iter().map(|start| start.iterations).sum();
        assert!(
            last(|progress| progress.steps) >= Some(steps - 1),
            "{steps}"
        );
        // Minima that are carried on and not chosen take steps that are no start's.
        assert!(
            last(|progress| progress.steps) <= Some(2 * steps),
            "{steps}"
        );
        let best = heard.iter().map(|p| p.best).fold(f64::INFINITY, f64::min);
        assert!((best / fit.value - 1.0).abs() < 1e-6, "{best}");
        assert_eq!(heard[0].best, f64::INFINITY);
    }

    #[test]
    fn a_break_ends_every_start_before_its_next_step() {
        let run = |threads: Threads, most: usize| {
            let (options, calls) = (
                Options {
                    threads,
                    ..Options::default()
                },
                AtomicUsize::new(0),
            );
            let observer = |progress: &Progress| {
                calls.fetch_add(1, Ordering::Relaxed);
                if progress.steps >= most {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            let fit = observed(lynx_hare, &[POSITIVE; 6], &[1.0; 6], &options, &observer);
            (fit, calls.into_inner())
        };
        for (threads, at_once) in [(Threads::ONE, 1), (Threads::of(3), 3)] {
            let (fit, _) = run(threads, 70);
            let fit = fit.unwrap();
            assert!(fit.interrupted && !fit.converged);
            let steps: usize = fit.starts.iter().map(|start| start.iterations).sum();
            assert!((70..70 + at_once).contains(&steps), "{steps}");
            let lowest = fit.starts.iter().map(|start| start.sse);
            assert_eq!(fit.value, lowest.fold(f64::INFINITY, f64::min));
            assert_eq!(fit.starts[fit.best].ending, Ending::Interrupted);
            assert!(fit.scores.len() == 42 && fit.jacobian.len() == 6 * 42);
        }
        // Before the first point nothing is known.
        let (fit, calls) = run(Threads::ONE, 0);
        assert_eq!((fit.err(), calls), (Some(StartsError::Interrupted), 1));
    }
}
