//! Least squares from many starts: one descent from the user's own point, the others from around it.
//!
//! A factory of problems, bounds and a first guess go in; the best minimum met comes out, with what
//! became of each start and how many of them found that minimum.
//!
//! **Invariants**
//! - The result has the same bits for any number of threads. A start's point is a function of
//!   (seed, start, parameter, attempt); which starts are dropped is decided between rounds, when all
//!   of them have taken the same number of steps; the best is the first of the lowest.
//! - Start 0 is the first guess itself and is never dropped; with [`Options::all_starts`] none is.
//! - A start with a larger number changes nothing about one with a smaller number but through the
//!   rule for dropping.
//!
//! Where the model fails at a starting point, or no parameter changes anything there, the start tries
//! again, each time from farther out: see `points`.
//!
//! **What is dropped.** After 5, 10, 20, 40, … steps a start is hopeless if it would still be above
//! twice the lowest sum of squares after falling on, as it fell since the round before, for four
//! times as long. Starts that have come to a ten-thousandth of where the starts began stay in any
//! case: where the data have no noise the lowest sum of squares says nothing about the others.

use super::levenberg_marquardt::{Evaluations, Minimizer, StartError, Status, Tolerances};
use super::objective::Objective;
use super::observer::{Observer, Watch};
use super::points::Guess;
use super::result::{Ending, StartEnd};
use crate::fit::bounds::Bound;
use crate::threads::{Threads, in_tasks_with};

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The number of starts, the first guess among them; at least one is made.
    pub(crate) starts: usize,
    /// The seed of the starting points.
    pub(crate) seed: u64,
    /// The most trial steps of one start in the search. The best may then take five times as many
    /// more.
    pub(crate) max_iterations: usize,
    /// Whether every start is run to its end, hopeless or not.
    pub(crate) all_starts: bool,
    /// When the best minimum is good enough. The search itself stops each start earlier.
    pub(crate) tolerances: Tolerances,
    /// Who shares the starts.
    pub(crate) threads: Threads,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            starts: 64,
            seed: 0,
            max_iterations: 200,
            all_starts: false,
            tolerances: Tolerances::default(),
            threads: Threads::ALL,
        }
    }
}

/// The best minimum of many starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MultiStart {
    /// The n parameters at the lowest sum of squares.
    pub(crate) params: Vec<f64>,
    /// The lowest sum of squares.
    pub(crate) sse: f64,
    /// The m residuals there.
    pub(crate) residuals: Vec<f64>,
    /// The Jacobian there in the parameters themselves, column-major m x n.
    pub(crate) jacobian: Vec<f64>,
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
    /// How many starts converged to the lowest sum of squares, within a millionth.
    pub(crate) agree: usize,
    /// How often the problem was asked, all starts together.
    pub(crate) evaluations: Evaluations,
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartsError<E> {
    /// A bound's ends are not in order or not finite.
    #[error("the bound of parameter {0} has no inside")]
    Bound(usize),
    /// The first guess of a parameter is not strictly inside its bound.
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

/// The first round ends after this many steps, each later one after twice as many.
const FIRST_ROUND: usize = 5;

/// A start counts as catching up while it heads for this multiple of the lowest sum of squares.
const CLOSE: f64 = 2.0;

/// How many times its fall since the last round a start is trusted to fall on.
const TRUSTED_FALLS: i32 = 4;

/// A start that came down to this part of the median first sum of squares is not dropped.
const KEPT_REDUCTION: f64 = 1e-4;

/// How many times `max_iterations` the best start may go on for in the end.
const PATIENCE: usize = 5;

/// How many points a start tries before it counts as failed.
const ATTEMPTS: u32 = 16;

/// Sums of squares that differ by less than this part are the same minimum.
const AGREEMENT: f64 = 1e-6;

/// Sums of squares below this part of the median first one are rounding: all the same minimum.
const ROUNDING: f64 = 1e-20;

/// Minimizes from `options.starts` points, on `options.threads`, and carries the
/// best one on to `options.tolerances` and then to the last digits ([`Minimizer::polish`]).
///
/// `problem` makes one problem for each thread that needs one. `bounds` and `init` are the n
/// parameters' bounds and first guesses. `watch` is told of every step and may end the search.
///
/// # Errors
/// When a bound is empty, a first guess is outside its bound, or the model gives finite residuals at
/// no start, be it that the search was ended before one.
///
/// # Panics
/// When `bounds` and `init` differ in length.
pub(crate) fn minimize_from_starts<P, F>(
    problem: F,
    bounds: &[Bound],
    init: &[f64],
    options: &Options,
    watch: &Watch<'_>,
) -> Result<MultiStart, StartsError<P::Error>>
where
    P: Objective + Send,
    P::Error: Send,
    F: Fn() -> P + Sync,
{
    assert_eq!(bounds.len(), init.len(), "one bound for each parameter");
    if let Some(j) = bounds.iter().position(|bound| !bound.is_valid()) {
        return Err(StartsError::Bound(j));
    }
    if let Some(j) = (0..init.len()).find(|&j| !bounds[j].contains(init[j])) {
        return Err(StartsError::Outside(j));
    }
    let threads = &options.threads;
    let mut idle: Vec<P> = Vec::new();
    let total = options.starts.max(1);

    let guess = Guess {
        bounds,
        init,
        seed: options.seed,
    };
    let tasks = (0..total).collect();
    let begin = |k, problem: &mut P| {
        let start = Start::new(problem, &guess, k, watch);
        watch.ends(usize::from(!start.active));
        start
    };
    let mut starts = in_tasks_with(tasks, threads, &mut idle, &problem, &begin);
    let Some(first_sse) = median(
        starts
            .iter()
            .filter_map(|s| s.minimizer.as_ref())
            .map(Minimizer::sse),
    ) else {
        if watch.is_stopped() {
            return Err(StartsError::Interrupted);
        }
        let cause = starts.swap_remove(0).cause;
        return Err(StartsError::NoStart {
            starts: total,
            cause,
        });
    };

    let mut round = FIRST_ROUND;
    while starts.iter().any(|start| start.active) {
        let last = round.min(options.max_iterations);
        let tasks = starts.iter_mut().filter(|start| start.active).collect();
        let advance = |start: &mut Start<P::Error>, problem: &mut P| {
            start.advance(problem, last, options.max_iterations, watch);
            watch.ends(usize::from(!start.active));
        };
        in_tasks_with(tasks, threads, &mut idle, &problem, &advance);
        if !options.all_starts {
            watch.ends(drop_hopeless(&mut starts, first_sse));
        }
        round = round.saturating_mul(2);
    }
    let mut problem = idle.pop().unwrap_or_else(problem);
    Ok(finish(&mut problem, starts, first_sse, options, watch))
}

/// Carries the best start on to the end and collects the results.
fn finish<P: Objective>(
    problem: &mut P,
    mut starts: Vec<Start<P::Error>>,
    first_sse: f64,
    options: &Options,
    watch: &Watch<'_>,
) -> MultiStart {
    let best = (0..starts.len())
        .min_by(|&a, &b| starts[a].sse().total_cmp(&starts[b].sse()))
        .unwrap_or_default();
    starts[best].complete(problem, options, watch);
    let mut evaluations = Evaluations::default();
    for start in &starts {
        evaluations += start.wasted;
        evaluations += start
            .minimizer
            .as_ref()
            .map(Minimizer::evaluations)
            .unwrap_or_default();
    }
    let lowest = starts[best].sse();
    let same = (lowest * (1.0 + AGREEMENT)).max(ROUNDING * first_sse);
    let winner = starts[best].minimizer.as_ref();
    let slice = |of: fn(&Minimizer) -> &[f64]| winner.map(of).unwrap_or_default().to_vec();
    let (residuals, jacobian) = (slice(Minimizer::residuals), slice(Minimizer::jacobian));
    let held_back = winner.is_some_and(Minimizer::is_held_back);
    let starts: Vec<StartEnd> = starts.into_iter().map(Start::into_end).collect();
    let converged = |start: &StartEnd| start.ending == Ending::Converged;
    MultiStart {
        params: starts[best].params.clone(),
        sse: lowest,
        residuals,
        jacobian,
        best,
        converged: converged(&starts[best]),
        held_back,
        interrupted: watch.is_stopped(),
        agree: starts
            .iter()
            .filter(|s| converged(s) && s.sse <= same)
            .count(),
        starts,
        evaluations,
    }
}

/// Drops the starts that will not catch up with the lowest; gives their number.
fn drop_hopeless<E>(starts: &mut [Start<E>], first_sse: f64) -> usize {
    let lowest = starts.iter().map(Start::sse).fold(f64::INFINITY, f64::min);
    let enough = (CLOSE * lowest).max(KEPT_REDUCTION * first_sse);
    let mut dropped = 0;
    for start in starts.iter_mut().skip(1).filter(|start| start.active) {
        let now = start.sse();
        let fall = now / start.last_sse;
        start.last_sse = now;
        if now * fall.powi(TRUSTED_FALLS) > enough {
            start.active = false;
            start.ending = Ending::Dropped;
            // It is above the lowest, and so never the best.
            start.minimizer.iter_mut().for_each(Minimizer::forget);
            dropped += 1;
        }
    }
    dropped
}

/// A start under way.
struct Start<E> {
    params: Vec<f64>,
    minimizer: Option<Minimizer>,
    cause: Option<E>,
    /// What attempts cost that came to nothing; a Jacobian that was not finite is left out.
    wasted: Evaluations,
    active: bool,
    ending: Ending,
    /// The sum of squares when the last round ended.
    last_sse: f64,
}

impl<E> Start<E> {
    /// Start `k` at the first of its points where the problem can be evaluated.
    fn new<P: Objective<Error = E>>(
        problem: &mut P,
        guess: &Guess,
        k: usize,
        watch: &Watch<'_>,
    ) -> Self {
        let mut start = Self {
            params: guess.init.to_vec(),
            minimizer: None,
            cause: None,
            wasted: Evaluations::default(),
            active: false,
            ending: Ending::Failed,
            last_sse: f64::INFINITY,
        };
        let attempts = if k == 0 { 1 } else { ATTEMPTS };
        for attempt in 0..attempts {
            start.params = guess.point(k, attempt);
            if !watch.goes_on() {
                start.ending = Ending::Interrupted;
                break;
            }
            match Minimizer::new(problem, guess.bounds, &start.params, SEARCH) {
                Ok(minimizer) if minimizer.is_flat() && attempt + 1 < attempts => {
                    start.wasted += minimizer.evaluations();
                }
                Ok(minimizer) => {
                    start.active = true;
                    start.ending = Ending::Exhausted;
                    start.last_sse = minimizer.sse();
                    watch.meets(minimizer.sse());
                    start.minimizer = Some(minimizer);
                    break;
                }
                Err(error) => {
                    start.wasted.residuals += 1;
                    if let StartError::Model(error) = error {
                        start.cause.get_or_insert(error);
                    }
                }
            }
        }
        start
    }

    /// The sum of squares where it is; infinite if it failed.
    fn sse(&self) -> f64 {
        let minimizer = self.minimizer.as_ref();
        minimizer.map_or(f64::INFINITY, Minimizer::sse)
    }

    /// Takes steps up to number `last`.
    fn advance<P: Objective<Error = E>>(
        &mut self,
        problem: &mut P,
        last: usize,
        limit: usize,
        watch: &Watch<'_>,
    ) {
        let Some(minimizer) = &mut self.minimizer else {
            return;
        };
        let status = descend(minimizer, problem, last, watch);
        self.ending = Ending::of(status);
        self.active = status == Status::Running && minimizer.iterations() < limit;
        if self.active && watch.is_stopped() {
            self.active = false;
            self.ending = Ending::Interrupted;
        }
    }

    /// Carries on to the final tolerances and polishes.
    fn complete<P: Objective<Error = E>>(
        &mut self,
        problem: &mut P,
        options: &Options,
        watch: &Watch<'_>,
    ) {
        let Some(minimizer) = &mut self.minimizer else {
            return;
        };
        minimizer.resume(options.tolerances);
        let limit = minimizer.iterations();
        let limit = limit.saturating_add(PATIENCE.saturating_mul(options.max_iterations));
        let status = descend(minimizer, problem, limit, watch);
        minimizer.polish(problem, || watch.goes_on());
        self.ending = match status {
            Status::Running if watch.is_stopped() => Ending::Interrupted,
            status => Ending::of(status),
        };
    }

    fn into_end(self) -> StartEnd {
        let minimizer = self.minimizer.as_ref();
        StartEnd {
            sse: self.sse(),
            ending: self.ending,
            iterations: minimizer.map_or(0, Minimizer::iterations),
            params: match minimizer {
                Some(minimizer) => minimizer.params().to_vec(),
                None => self.params,
            },
        }
    }
}

/// Takes steps up to number `last`, for as long as there is something to gain and nobody stops it.
fn descend<P: Objective>(
    minimizer: &mut Minimizer,
    problem: &mut P,
    last: usize,
    watch: &Watch<'_>,
) -> Status {
    while minimizer.iterations() < last && watch.goes_on() {
        let before = minimizer.iterations();
        let status = minimizer.step(problem);
        if minimizer.iterations() > before {
            watch.steps_to(minimizer.sse());
        }
        if status != Status::Running {
            break;
        }
    }
    minimizer.status()
}

impl Options {
    /// The state of a search that has not begun.
    pub(super) fn watch<'a>(&self, observer: &'a Observer<'a>) -> Watch<'a> {
        let starts = self.starts.max(1);
        // The last steps of the best are counted too.
        let most = starts.saturating_add(PATIENCE);
        Watch::new(observer, starts, self.max_iterations.saturating_mul(most))
    }
}

impl Ending {
    /// What a descent that stopped at a status came to.
    fn of(status: Status) -> Self {
        match status {
            Status::Reduction | Status::Step | Status::Gradient => Self::Converged,
            Status::Running => Self::Exhausted,
            Status::Stuck => Self::Stuck,
        }
    }
}

/// The tolerances of the search: enough to tell minima apart by [`AGREEMENT`].
const SEARCH: Tolerances = Tolerances {
    reduction: 1e-9,
    step: 1e-9,
    gradient: 1e-9,
};

/// The middle value, the upper one of two; none of nothing.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::known_problems::*;
    use super::super::statistics::Statistics;
    use super::*;
    use crate::fit::observer::Progress;
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
        minimize_from_starts(problem, bounds, init, options, &watch)
    }

    fn fit_pelts(options: &Options) -> MultiStart {
        search(lynx_hare, &[POSITIVE; 6], &[1.0; 6], options).unwrap()
    }

    #[test]
    fn lynx_and_hare_are_found_from_their_equilibrium() {
        let fit = fit_pelts(&Options::default());
        assert!(fit.converged);
        assert!((fit.sse - 2.018_661).abs() < 1e-6);
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
        let statistics = Statistics::new(&fit.params, &fit.residuals, &fit.jacobian);
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
        for (one, other) in some.starts.iter().zip(&all.starts) {
            assert!(dropped(one) || one == other, "{one:?} {other:?}");
            assert!(other.iterations >= one.iterations);
        }
        assert_eq!(some.params, all.params);
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
            assert!((fit.sse / nist.sse - 1.0).abs() < 1e-10, "{start:?}");
            let statistics = Statistics::new(&fit.params, &fit.residuals, &fit.jacobian);
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
        assert!(last(|progress| progress.steps) <= Some(steps), "{steps}");
        let best = heard.iter().map(|p| p.best).fold(f64::INFINITY, f64::min);
        assert!((best / fit.sse - 1.0).abs() < 1e-6, "{best}");
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
            assert_eq!(fit.sse, lowest.fold(f64::INFINITY, f64::min));
            assert_eq!(fit.starts[fit.best].ending, Ending::Interrupted);
            assert!(fit.residuals.len() == 42 && fit.jacobian.len() == 6 * 42);
        }
        // Before the first point nothing is known.
        let (fit, calls) = run(Threads::ONE, 0);
        assert_eq!((fit.err(), calls), (Some(StartsError::Interrupted), 1));
    }
}
