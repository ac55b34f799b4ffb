//! Descents: the starts of a search, carried on together and one by one.
//!
//! What to search and where from goes in; starts come out that have come to a minimum, have run out of
//! steps, or were dropped as hopeless.
//!
//! **Invariants**
//! - Which starts are dropped is decided between rounds, when all of them have taken the same number of
//!   steps, and start 0 never is; with [`Options::all_starts`] none is.
//! - A start with a larger number changes nothing about one with a smaller number but through that rule.

use super::desk::{Desk, Evaluations, StartError};
use super::levenberg_marquardt::{Minimizer, Status, Tolerances};
use super::objective::Objective;
use super::observer::{Observer, Watch};
use super::points::{Guess, Range};
use super::result::{Ending, StartEnd};
use super::space::Space;
use super::turns::Wave;
use crate::prim::math;
use crate::threads::{Threads, in_tasks_with};
use std::cell::Cell;

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
    /// The most evaluations, with derivatives or without, all starts together; a last one for the figures
    /// aside.
    pub(crate) max_evaluations: usize,
    /// Whether every start is run to its end, hopeless or not.
    pub(crate) all_starts: bool,
    /// When the best minimum is good enough. The search itself stops each start earlier.
    pub(crate) tolerances: Tolerances,
    /// Whether nothing is asked of a single start but where it ended.
    pub(crate) only_place: bool,
    /// Who shares the starts.
    pub(crate) threads: Threads,
    /// Where else some parameters may lie, as the program has it; none, or one for each.
    pub(crate) ranges: Vec<Option<Range>>,
    /// Which parameters turn an angle; none, or one for each.
    pub(crate) waves: Vec<Option<Wave>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            starts: 64,
            seed: 0,
            max_iterations: 200,
            max_evaluations: usize::MAX,
            all_starts: false,
            only_place: false,
            tolerances: Tolerances::default(),
            threads: Threads::ALL,
            ranges: Vec::new(),
            waves: Vec::new(),
        }
    }
}

/// From so many steps on it is looked after each which starts settle in minima of their own, by
const FIRST_LOOK: usize = 2;

/// so many times what they promise: that early, a promise says less.
const FIRST_PROMISES: f64 = 30.0;

/// Until the first round, which ends after this many steps, each later one after twice as many.
const FIRST_ROUND: usize = 5;

/// A start counts as catching up while it heads for this multiple of the lowest sum of squares.
const CLOSE: f64 = 2.0;

/// A start is dropped as well if the lowest is beyond so many times what its own linear model promises: it is
/// coming to a minimum of its own.
const PROMISES: f64 = 10.0;

/// Values that differ by less than this part of the scores' squares may be the same in the end.
const SAME_VALUE: f64 = 1e-6;

/// How many times its fall since the last round a start is trusted to fall on.
const TRUSTED_FALLS: i32 = 4;

/// A start that came down to this part of the median first sum of squares is not dropped.
const KEPT_REDUCTION: f64 = 1e-4;

/// How many times `max_iterations` the best start may go on for in the end.
pub(super) const PATIENCE: usize = 5;

/// How many points a start tries before it counts as failed.
pub(super) const ATTEMPTS: u32 = 16;

/// Where evaluations are bounded, no more starts are made than have so many each.
const LEAST_EVALUATIONS: usize = 8;

/// The evaluations of a trial step, and on a small desk.
const OF_STEP: usize = 2;
const OF_SMALL_STEP: usize = 1;

/// What all starts of a search share.
pub(super) struct Search<'a> {
    pub(super) space: &'a Space<'a>,
    /// The same with nothing solved for: that of start 0, so that the user's own point leads where it would
    /// alone.
    pub(super) whole: &'a Space<'a>,
    pub(super) guess: Guess<'a>,
    pub(super) options: &'a Options,
    pub(super) watch: &'a Watch<'a>,
    /// How many scores there are.
    pub(super) rows: usize,
    pub(super) least_squares: bool,
}

impl<'a> Search<'a> {
    /// A value as a sum of squares, or what compares as one: positive, and smaller is better.
    pub(super) fn figure(&self, value: f64) -> f64 {
        if self.least_squares {
            value
        } else {
            math::exp(value / self.rows.max(1) as f64)
        }
    }

    /// Start `k` at the first of its points where the problem can be evaluated,
    /// within so many evaluations.
    pub(super) fn begin<P: Objective>(
        &self,
        desk: &mut Desk<P>,
        k: usize,
        most: usize,
    ) -> Start<'a, P::Error> {
        let (guess, watch) = (&self.guess, self.watch);
        let mut start = Start {
            params: guess.init.to_vec(),
            minimizer: None,
            cause: None,
            wasted: Evaluations::default(),
            active: false,
            ending: Ending::Failed,
            last_value: f64::INFINITY,
            place: None,
        };
        let space = if k == 0 { self.whole } else { self.space };
        let attempts = if guess.is_fixed(k) { 1 } else { ATTEMPTS };
        for attempt in 0..attempts {
            if attempt > 0 && start.wasted.all() >= most {
                break;
            }
            start.params = guess.point(k, attempt);
            if !watch.goes_on() {
                start.ending = Ending::Interrupted;
                break;
            }
            match Minimizer::new(desk, space, &start.params, SEARCH) {
                Ok(minimizer) if minimizer.is_flat() && attempt + 1 < attempts => {
                    start.wasted += minimizer.evaluations();
                }
                Ok(minimizer) => {
                    start.active = true;
                    start.ending = Ending::Exhausted;
                    start.last_value = minimizer.value();
                    watch.meets(minimizer.value());
                    start.minimizer = Some(minimizer);
                    break;
                }
                Err(error) => {
                    start.wasted += desk.take_evaluations();
                    if let StartError::Model(error) = error {
                        start.cause.get_or_insert(error);
                    }
                }
            }
        }
        start
    }

    /// Runs the starts that are under way to their ends, but for those that are dropped. Beside what they
    /// have spent they have so many evaluations together.
    pub(super) fn advance<P>(
        &self,
        starts: &mut [Start<'a, P::Error>],
        first_figure: f64,
        most: usize,
        idle: &mut Vec<Desk<P>>,
        make: &(dyn Fn() -> Desk<P> + Sync),
    ) where
        P: Objective + Send,
        P::Error: Send,
    {
        let (options, watch) = (self.options, self.watch);
        let mut round = FIRST_LOOK;
        let before = spent(starts);
        loop {
            let under_way = starts.iter().filter(|start| start.active).count();
            if under_way == 0 {
                break;
            }
            let last = round.min(options.max_iterations);
            let most = most.saturating_sub(spent(starts) - before) / under_way;
            let tasks = starts.iter_mut().filter(|start| start.active).collect();
            let advance = |start: &mut Start<'a, P::Error>, desk: &mut Desk<P>| {
                start.advance(desk, [last, options.max_iterations], most, watch);
                watch.ends(usize::from(!start.active));
            };
            in_tasks_with(tasks, &options.threads, idle, make, &advance);
            if !options.all_starts {
                watch.ends(if round < FIRST_ROUND {
                    self.drop_settling(starts, first_figure, FIRST_PROMISES)
                } else {
                    self.drop_settling(starts, first_figure, PROMISES)
                        + self.drop_falling(starts, first_figure)
                });
            }
            round = if round < FIRST_ROUND {
                round + 1
            } else {
                round.saturating_mul(2)
            };
        }
    }

    /// Drops the starts that are coming to minima of their own, above the lowest by more than so many times
    /// what their linear models promise; gives their number.
    fn drop_settling<E>(
        &self,
        starts: &mut [Start<'_, E>],
        first_figure: f64,
        promises: f64,
    ) -> usize {
        let lowest = lowest(starts);
        let settles = |start: &Start<'_, E>| {
            self.figure(start.value()) > KEPT_REDUCTION * first_figure
                && start.minimizer.as_ref().is_some_and(|minimizer| {
                    let least = minimizer.value() - promises * minimizer.promised();
                    least > lowest + SAME_VALUE * minimizer.spread()
                })
        };
        drop_where(starts, settles)
    }

    /// Drops the starts that will not catch up with the lowest; gives their number.
    fn drop_falling<E>(&self, starts: &mut [Start<'_, E>], first_figure: f64) -> usize {
        let enough = (CLOSE * self.figure(lowest(starts))).max(KEPT_REDUCTION * first_figure);
        let dropped = drop_where(starts, |start| {
            let now = self.figure(start.value());
            let fall = now / self.figure(start.last_value);
            now * fall.powi(TRUSTED_FALLS) > enough
        });
        for start in starts.iter_mut().filter(|start| start.active) {
            start.last_value = start.value();
        }
        dropped
    }
}

/// The lowest value of all.
fn lowest<E>(starts: &[Start<'_, E>]) -> f64 {
    let values = starts.iter().map(Start::value);
    values.fold(f64::INFINITY, f64::min)
}

/// Drops the starts under way that are hopeless, but for the first; gives their number.
fn drop_where<E>(
    starts: &mut [Start<'_, E>],
    is_hopeless: impl Fn(&Start<'_, E>) -> bool,
) -> usize {
    let mut dropped = 0;
    for start in starts.iter_mut().skip(1) {
        if start.active && is_hopeless(start) {
            start.active = false;
            start.ending = Ending::Dropped;
            dropped += 1;
        }
    }
    dropped
}

/// A start under way.
pub(super) struct Start<'a, E> {
    pub(super) params: Vec<f64>,
    pub(super) minimizer: Option<Minimizer<'a>>,
    pub(super) cause: Option<E>,
    /// What attempts cost that came to nothing.
    wasted: Evaluations,
    pub(super) active: bool,
    pub(super) ending: Ending,
    /// The value when the last round ended, or for good where the minimizer was given up.
    last_value: f64,
    /// The start that went on for it with all rows, where it searched on a sample.
    pub(super) place: Option<usize>,
}

impl<E> Start<'_, E> {
    /// The value where it is; infinite if it failed.
    pub(super) fn value(&self) -> f64 {
        match &self.minimizer {
            Some(minimizer) => minimizer.value(),
            None => f64::INFINITY,
        }
    }

    /// Takes steps up to number `last`, of which there are `limit` in all, within so many evaluations.
    pub(super) fn advance<P: Objective<Error = E>>(
        &mut self,
        desk: &mut Desk<P>,
        [last, limit]: [usize; 2],
        most: usize,
        watch: &Watch<'_>,
    ) {
        let Some(minimizer) = &mut self.minimizer else {
            return;
        };
        let status = descend(minimizer, desk, last, most, watch);
        self.ending = Ending::of(status);
        // One that has stopped short of its steps has spent its evaluations.
        let is_running = status == Status::Running && minimizer.iterations() == last;
        self.active = is_running && last < limit;
        if status == Status::Running && watch.is_stopped() {
            self.active = false;
            self.ending = Ending::Interrupted;
        }
    }

    /// Takes no further part, with a value that is told as that of more rows.
    pub(super) fn give_up(&mut self, scale: f64) {
        if let Some(minimizer) = self.minimizer.take() {
            self.params = minimizer.params().to_vec();
            self.wasted += minimizer.evaluations();
            self.last_value = scale * minimizer.value();
        }
    }

    pub(super) fn evaluations(&self) -> Evaluations {
        let mut all = self.wasted;
        if let Some(minimizer) = &self.minimizer {
            all += minimizer.evaluations();
        }
        all
    }

    pub(super) fn into_end(self) -> StartEnd {
        let minimizer = self.minimizer.as_ref();
        StartEnd {
            sse: minimizer.map_or(self.last_value, Minimizer::value),
            ending: self.ending,
            iterations: minimizer.map_or(0, Minimizer::iterations),
            params: match minimizer {
                Some(minimizer) => minimizer.params().to_vec(),
                None => self.params,
            },
        }
    }
}

/// What all starts have spent.
pub(super) fn spent<E>(starts: &[Start<'_, E>]) -> usize {
    let all = starts.iter().map(|start| start.evaluations().all());
    all.sum()
}

/// Takes steps up to number `last` and within so many evaluations, for as long as there is something to gain
/// and nobody stops it.
fn descend<P: Objective>(
    minimizer: &mut Minimizer<'_>,
    desk: &mut Desk<P>,
    last: usize,
    most: usize,
    watch: &Watch<'_>,
) -> Status {
    let most = minimizer.evaluations().all().saturating_add(most);
    let step = if desk.is_small() && minimizer.space().solved() == 0 {
        OF_SMALL_STEP
    } else {
        OF_STEP
    };
    let has_room =
        |minimizer: &Minimizer<'_>| minimizer.evaluations().all().saturating_add(step) <= most;
    while minimizer.iterations() < last && has_room(minimizer) && watch.goes_on() {
        let before = minimizer.iterations();
        let status = minimizer.step(desk);
        if minimizer.iterations() > before {
            watch.steps_to(minimizer.value());
        }
        if status != Status::Running {
            break;
        }
    }
    minimizer.status()
}

/// Carries a minimizer on to the final tolerances, first as it searched and then in the whole space, and
/// polishes it; within `left` evaluations, of which it takes what it spends.
pub(super) fn complete<'a, P: Objective>(
    mut minimizer: Minimizer<'a>,
    desk: &mut Desk<P>,
    whole: &'a Space<'a>,
    options: &Options,
    left: &mut usize,
    watch: &Watch<'_>,
) -> (Minimizer<'a>, Ending) {
    let more = PATIENCE.saturating_mul(options.max_iterations);
    let before = minimizer.evaluations().all();
    let spent = |minimizer: &Minimizer<'_>| minimizer.evaluations().all() - before;
    let mut status = Status::Running;
    let first = (minimizer.space().solved() > 0).then(|| minimizer.space());
    for space in first.into_iter().chain([whole]) {
        if spent(&minimizer).saturating_add(1 + OF_STEP) > *left {
            break;
        }
        // It gave numbers there before.
        if minimizer.resume(desk, space, options.tolerances).is_err() {
            return (minimizer, Ending::Failed);
        }
        let limit = minimizer.iterations().saturating_add(more);
        let room = *left - spent(&minimizer);
        status = descend(&mut minimizer, desk, limit, room, watch);
    }
    let n = minimizer.params().len();
    // On its way to an end that a logarithm is taken from, a parameter never arrives, and keeps the others
    // from it.
    if !status.converged()
        && spent(&minimizer).saturating_add(n + 1 + OF_STEP) <= *left
        && watch.goes_on()
        && minimizer.settle(desk)
        && minimizer.resume(desk, whole, options.tolerances).is_ok()
    {
        let limit = minimizer.iterations().saturating_add(more);
        let room = left.saturating_sub(spent(&minimizer));
        status = descend(&mut minimizer, desk, limit, room, watch);
    }
    // A step of polishing is one evaluation, and once it is as many as there are params.
    let polished = Cell::new(0);
    let room = left.saturating_sub(spent(&minimizer) + n + 1);
    minimizer.polish(desk, || {
        polished.set(polished.get() + 1);
        polished.get() <= room && watch.goes_on()
    });
    if status.converged() && spent(&minimizer) + n <= *left && watch.goes_on() {
        minimizer.settle(desk);
    }
    *left = left.saturating_sub(spent(&minimizer));
    let ending = match status {
        Status::Running if watch.is_stopped() => Ending::Interrupted,
        status => Ending::of(status),
    };
    (minimizer, ending)
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

impl Options {
    /// How many starts so many evaluations are enough for.
    pub(super) fn affordable(&self, evaluations: usize) -> usize {
        let each = evaluations / LEAST_EVALUATIONS;
        self.starts.max(1).min(each.max(1))
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

/// The tolerances of the search: enough to tell minima apart.
pub(super) const SEARCH: Tolerances = Tolerances {
    reduction: 1e-9,
    step: 1e-9,
    gradient: 1e-9,
};
