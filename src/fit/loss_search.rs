//! The minimum of a loss from many starts: one descent from the user's own point, others from around it.
//!
//! A factory of functions of the params, bounds and a first guess go in; the lowest minimum met comes out,
//! with what became of each start.
//!
//! **Invariants**
//! - The result has the same bits for any number of threads: a start knows nothing of the others, and how
//!   many there are is decided between batches.
//! - Of minima that are equal it is the one that the first guess leads to, else the nearest to it.
//! - A param with one end is searched for by the logarithm of its distance from it; where that goes on
//!   without end, the end itself is tried.
//!
//! Starts agree when their params do: a loss has no scores that would tell how far two places are apart.

use super::bounds::Bound;
use super::descents::{ATTEMPTS, Options, PATIENCE};
use super::lbfgs::{Descent, Smooth, State};
use super::observer::Watch;
use super::optima::{Optimum, way};
use super::points::Guess;
use super::result::{Ending, StartEnd};
use super::space::Space;
use super::starts::{BATCH, ENOUGH, StartsError, check_guess};
use crate::sorted;
use crate::threads::in_tasks_with;

/// The lowest minimum of many starts.
#[derive(Clone, Debug)]
pub(super) struct Lowest {
    pub(super) params: Vec<f64>,
    pub(super) value: f64,
    /// Which params are at an end of their bound, and would go on if they could.
    pub(super) held: Vec<bool>,
    /// Other minima that are as low.
    pub(super) others: Vec<Optimum>,
    /// The start that got there.
    pub(super) best: usize,
    pub(super) converged: bool,
    pub(super) held_back: bool,
    pub(super) interrupted: bool,
    pub(super) starts: Vec<StartEnd>,
    /// How many starts converged to this minimum,
    pub(super) agree: usize,
    /// or to one as low.
    pub(super) as_low: usize,
    pub(super) evaluations: usize,
}

/// Values that differ by less than this part of what they are, or of what the search has gained, are
/// equal.
const EQUAL: f64 = 1e-9;

/// Params that differ by less than this part are the same,
const SAME: f64 = 1e-4;

/// or by less than this part of the first guess.
const SAME_AS_GUESSED: f64 = 1e-7;

/// Params that have come this part of the first guess's distance to an end may be on it.
const NEXT_TO_END: f64 = 1e-6;

/// A value on an end that is higher by less than this part is as low.
const ROUNDING: f64 = 1e-14;

/// How many other minima are kept.
const MOST: usize = 6;

/// Minimizes from `options.starts` points, or fewer where a quarter of a batch agrees.
///
/// # Errors
/// As [`StartsError`] has it.
pub(super) fn minimize<F, M>(
    make: M,
    bounds: &[Bound],
    init: &[f64],
    options: &Options,
    watch: &Watch<'_>,
) -> Result<Lowest, StartsError<F::Error>>
where
    F: Smooth + Send,
    F::Error: Send,
    M: Fn() -> F + Sync,
{
    check_guess(bounds, init)?;
    let space = Space::new(bounds);
    let guess = Guess {
        bounds,
        init,
        seed: options.seed,
        ranges: &options.ranges,
        twice: false,
        scanned: Vec::new(),
    };
    let total = options.affordable(options.max_evaluations);
    // A quarter is for the best to go on with.
    let most = options.max_evaluations;
    let each = if total > 1 { most - most / 4 } else { most } / total;
    let mut starts: Vec<Start<'_, F::Error>> = Vec::new();
    let mut idle: Vec<F> = Vec::new();
    while starts.len() < total {
        let batch = BATCH.max(starts.len()).min(total - starts.len());
        let tasks = (starts.len()..starts.len() + batch).collect();
        let run = |k: usize, function: &mut F| {
            let mut start = Start::begin(function, &space, &guess, k, each, watch);
            start.run(function, options.max_iterations, each, watch);
            watch.ends(1);
            start
        };
        starts.extend(in_tasks_with(
            tasks,
            &options.threads,
            &mut idle,
            &make,
            &run,
        ));
        let agree = places(&starts, init)
            .first()
            .map_or(0, |place| converged(&starts, place));
        let enough = !options.all_starts && agree * ENOUGH >= starts.len();
        if starts.len() < total && (watch.is_stopped() || enough) {
            watch.ends(total - starts.len());
            break;
        }
    }
    if starts.iter().all(|start| start.descent.is_none()) {
        if watch.is_stopped() {
            return Err(StartsError::Interrupted);
        }
        return Err(StartsError::NoStart {
            starts: starts.len(),
            cause: starts.swap_remove(0).cause,
        });
    }
    let mut function = idle.pop().unwrap_or_else(&make);
    Ok(choose(&mut function, starts, init, options, watch))
}

/// The value at given params, with nothing searched for.
///
/// # Errors
/// When there is none.
pub(super) fn scored<F: Smooth>(
    function: &mut F,
    at: &[f64],
) -> Result<Lowest, StartsError<F::Error>> {
    let none = |cause| StartsError::NoStart { starts: 1, cause };
    let value = function.evaluate(at, &mut vec![0.0; at.len()]);
    let value = value.map_err(|error| none(Some(error)))?;
    if !value.is_finite() {
        return Err(none(None));
    }
    // Without params there is nothing that could be lower.
    let converged = at.is_empty();
    let ending = if converged {
        Ending::Converged
    } else {
        Ending::Exhausted
    };
    Ok(Lowest {
        params: at.to_vec(),
        value,
        held: vec![false; at.len()],
        others: Vec::new(),
        best: 0,
        converged,
        held_back: false,
        interrupted: false,
        starts: vec![StartEnd {
            sse: value,
            ending,
            iterations: 0,
            params: at.to_vec(),
        }],
        agree: usize::from(converged),
        as_low: usize::from(converged),
        evaluations: 1,
    })
}

/// Chooses a minimum among the ends, and carries it on if it is none yet.
fn choose<F: Smooth>(
    function: &mut F,
    mut starts: Vec<Start<'_, F::Error>>,
    init: &[f64],
    options: &Options,
    watch: &Watch<'_>,
) -> Lowest {
    let mut places = places(&starts, init);
    let bar = bar(&starts, places[0][0]);
    places.retain(|place| starts[place[0]].value() <= bar);
    sorted::by(&mut places, |a, b| {
        let key = |place: &[usize]| (!place.contains(&0), way(init, &starts[place[0]].params));
        let ((a_first, a_way), (b_first, b_way)) = (key(a), key(b));
        a_first.cmp(&b_first).then(a_way.total_cmp(&b_way))
    });
    let best = places[0][0];
    let agree = converged(&starts, &places[0]);
    let as_low = places.iter().map(|place| converged(&starts, place)).sum();
    let others = places[1..]
        .iter()
        .filter(|place| converged(&starts, place) > 0)
        .take(MOST)
        .map(|place| Optimum {
            params: starts[place[0]].params.clone(),
            value: starts[place[0]].value(),
        })
        .collect();
    if starts[best].ending == Ending::Exhausted {
        let more = options.max_iterations.saturating_mul(1 + PATIENCE);
        let others: usize = starts.iter().map(Start::evaluations).sum();
        let own = starts[best].evaluations();
        let left = options.max_evaluations.saturating_sub(others - own);
        starts[best].run(function, more, left, watch);
    }
    let chosen = &starts[best];
    let is_converged = chosen.ending == Ending::Converged;
    let agree = agree.max(usize::from(is_converged));
    Lowest {
        params: chosen.params.clone(),
        value: chosen.value(),
        held: (0..init.len()).map(|j| chosen.is_held(j)).collect(),
        others,
        best,
        converged: is_converged,
        held_back: !is_converged && chosen.descent.as_ref().is_some_and(Descent::is_held_back),
        interrupted: watch.is_stopped(),
        agree,
        as_low: agree.max(as_low),
        evaluations: starts.iter().map(Start::evaluations).sum(),
        starts: starts.into_iter().map(Start::into_end).collect(),
    }
}

/// What is as low as the lowest start.
fn bar<E>(starts: &[Start<'_, E>], lowest: usize) -> f64 {
    let value = starts[lowest].value();
    let first = starts[lowest].first_value;
    value + EQUAL * value.abs().max(first - value)
}

/// How many of some starts converged.
fn converged<E>(starts: &[Start<'_, E>], place: &[usize]) -> usize {
    let is_so = |k: &&usize| starts[**k].ending == Ending::Converged;
    place.iter().filter(is_so).count()
}

/// The starts that got anywhere by where they ended, the lowest first, and in each the lowest first.
fn places<E>(starts: &[Start<'_, E>], init: &[f64]) -> Vec<Vec<usize>> {
    let begun = |k: &usize| starts[*k].descent.is_some();
    let mut order: Vec<usize> = (0..starts.len()).filter(begun).collect();
    sorted::by(&mut order, |&a, &b| {
        starts[a].value().total_cmp(&starts[b].value())
    });
    let is_same = |a: usize, b: usize| {
        let close = |((a, b), init): ((&f64, &f64), &f64)| {
            let size = SAME * a.abs().max(b.abs());
            (a - b).abs() <= size.max(SAME_AS_GUESSED * init.abs().max(f64::MIN_POSITIVE))
        };
        let params = starts[a].params.iter().zip(&starts[b].params);
        starts[b].value() <= bar(starts, a) && params.zip(init).all(close)
    };
    let mut places: Vec<Vec<usize>> = Vec::new();
    for k in order {
        match places.iter_mut().find(|place| is_same(place[0], k)) {
            Some(place) => place.push(k),
            None => places.push(vec![k]),
        }
    }
    places
}

/// A start, at its end or on its way.
struct Start<'s, E> {
    space: &'s Space<'s>,
    /// Of each coordinate, so that all are of one size.
    scale: Vec<f64>,
    /// The params that are on an end which their coordinates never reach, with the end.
    pinned: Vec<Option<f64>>,
    params: Vec<f64>,
    init: &'s [f64],
    descent: Option<Descent>,
    first_value: f64,
    cause: Option<E>,
    /// Evaluations beside those of the descent.
    spent: usize,
    ending: Ending,
}

impl<'s, E> Start<'s, E> {
    /// Start `k` at the first of its points that has a value.
    fn begin<F: Smooth<Error = E>>(
        function: &mut F,
        space: &'s Space<'s>,
        guess: &Guess<'s>,
        k: usize,
        most: usize,
        watch: &Watch<'_>,
    ) -> Self {
        let n = guess.init.len();
        let mut start = Self {
            space,
            scale: vec![1.0; n],
            pinned: vec![None; n],
            params: guess.init.to_vec(),
            init: guess.init,
            descent: None,
            first_value: f64::INFINITY,
            cause: None,
            spent: 0,
            ending: Ending::Failed,
        };
        let attempts = if guess.is_fixed(k) { 1 } else { ATTEMPTS };
        for attempt in 0..attempts {
            if attempt > 0 && (start.spent >= most || !watch.goes_on()) {
                break;
            }
            start.params = guess.point(k, attempt);
            start.scale = (0..n).map(|j| size(space, j, start.params[j])).collect();
            if start.descend_from_here(function) {
                start.ending = Ending::Exhausted;
                start.first_value = start.value();
                watch.meets(start.value());
                break;
            }
        }
        start
    }

    /// Begins a descent where the params are; says whether there is a value there.
    fn descend_from_here<F: Smooth<Error = E>>(&mut self, function: &mut F) -> bool {
        let n = self.params.len();
        let (mut lower, mut upper, mut at) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for j in 0..n {
            // A logarithm of nothing is far down.
            let coordinate = self.space.coordinate(j, self.params[j]);
            let coordinate = coordinate.clamp(f64::MIN, f64::MAX);
            let (down, up) = self.space.room(j, coordinate);
            lower[j] = (coordinate + down) / self.scale[j];
            upper[j] = (coordinate + up) / self.scale[j];
            at[j] = coordinate / self.scale[j];
        }
        let mut mapped = self.mapped(function);
        let begun = Descent::new(&mut mapped, lower, upper, at);
        match begun {
            Ok(Some(descent)) => self.descent = Some(descent),
            Ok(None) => self.spent += 1,
            Err(error) => {
                self.spent += 1;
                self.cause.get_or_insert(error);
            }
        }
        self.descent.is_some()
    }

    fn mapped<'f, F: Smooth<Error = E>>(&'f self, function: &'f mut F) -> Mapped<'f, F> {
        Mapped {
            function,
            space: self.space,
            scale: &self.scale,
            pinned: &self.pinned,
            params: vec![0.0; self.params.len()],
        }
    }

    /// Takes steps up to number `last`, within so many evaluations, for as long as there is something to gain
    /// and nobody stops it.
    fn run<F: Smooth<Error = E>>(
        &mut self,
        function: &mut F,
        last: usize,
        most: usize,
        watch: &Watch<'_>,
    ) {
        loop {
            let Some(mut descent) = self.descent.take() else {
                return;
            };
            let mut mapped = self.mapped(function);
            let is_running = |descent: &Descent| descent.state() == State::Running;
            let spent = self.spent;
            let has_room = |descent: &Descent| spent + descent.evaluations() < most;
            descent.within(most.saturating_sub(spent));
            while is_running(&descent)
                && descent.iterations() < last
                && has_room(&descent)
                && watch.goes_on()
            {
                descent.step(&mut mapped);
                watch.steps_to(descent.value());
            }
            mapped.move_to(descent.x());
            self.params = std::mem::take(&mut mapped.params);
            self.ending = match descent.state() {
                State::Converged => Ending::Converged,
                State::Stuck => Ending::Stuck,
                State::Running if watch.is_stopped() => Ending::Interrupted,
                State::Running | State::Falling => Ending::Exhausted,
            };
            self.descent = Some(descent);
            if self.ending != Ending::Converged || !self.pin(function, most) {
                return;
            }
        }
    }

    /// Puts params on the ends that they have nearly come to, if it is as low there and the slope pushes to
    /// them, within so many evaluations; says whether it has moved one.
    fn pin<F: Smooth<Error = E>>(&mut self, function: &mut F, most: usize) -> bool {
        let n = self.params.len();
        let mut has_moved = false;
        for j in 0..n {
            let (low, high) = self.space.bounds()[j].ends();
            let end = if low.is_finite() { low } else { high };
            let away = (self.params[j] - end).abs();
            let guessed = (self.init[j] - end).abs();
            if !self.space.is_log(j) || self.pinned[j].is_some() || away > NEXT_TO_END * guessed {
                continue;
            }
            // One to look, and one to hold.
            if self.evaluations().saturating_add(2) > most {
                break;
            }
            let mut params = self.params.clone();
            params[j] = end;
            let mut gradient = vec![f64::NAN; n];
            self.spent += 1;
            let Ok(value) = function.evaluate(&params, &mut gradient) else {
                continue;
            };
            let here = self.value();
            let pushes = if low.is_finite() {
                gradient[j]
            } else {
                -gradient[j]
            };
            let is_finite = value.is_finite() && gradient.iter().all(|g| g.is_finite());
            if is_finite && value <= here + ROUNDING * here.abs() && pushes >= 0.0 {
                let Some(mut descent) = self.descent.take() else {
                    return has_moved;
                };
                self.pinned[j] = Some(end);
                if descent.hold(&mut self.mapped(function), j) {
                    (self.params, has_moved) = (params, true);
                } else {
                    self.pinned[j] = None;
                }
                self.descent = Some(descent);
            }
        }
        has_moved
    }

    fn is_held(&self, j: usize) -> bool {
        let is_held = |descent: &Descent| {
            let (low, high) = self.space.bounds()[j].ends();
            let is_at = self.params[j] <= low || self.params[j] >= high;
            is_at && descent.is_held(j)
        };
        self.pinned[j].is_some() || self.descent.as_ref().is_some_and(is_held)
    }

    fn value(&self) -> f64 {
        self.descent.as_ref().map_or(f64::INFINITY, Descent::value)
    }

    fn evaluations(&self) -> usize {
        self.spent + self.descent.as_ref().map_or(0, Descent::evaluations)
    }

    fn into_end(self) -> StartEnd {
        StartEnd {
            sse: self.value(),
            ending: self.ending,
            iterations: self.descent.as_ref().map_or(0, Descent::iterations),
            params: self.params,
        }
    }
}

/// The size of a coordinate: what a first step is small against.
fn size(space: &Space<'_>, j: usize, value: f64) -> f64 {
    let magnitude = space.magnitude(j, value);
    let width = match space.bounds()[j] {
        Bound::Between(low, high) => high - low,
        _ => f64::INFINITY,
    };
    match magnitude.min(width) {
        0.0 if width.is_finite() => width,
        0.0 => 1.0,
        size => size,
    }
}

/// A function of params as one of coordinates.
struct Mapped<'f, F> {
    function: &'f mut F,
    space: &'f Space<'f>,
    scale: &'f [f64],
    pinned: &'f [Option<f64>],
    params: Vec<f64>,
}

impl<F> Mapped<'_, F> {
    fn move_to(&mut self, x: &[f64]) {
        for (j, param) in self.params.iter_mut().enumerate() {
            let value = || self.space.value(j, x[j] * self.scale[j]);
            *param = self.pinned[j].unwrap_or_else(value);
        }
    }
}

impl<F: Smooth> Smooth for Mapped<'_, F> {
    type Error = F::Error;

    fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, F::Error> {
        self.move_to(x);
        let value = self.function.evaluate(&self.params, gradient)?;
        for (j, slope) in gradient.iter_mut().enumerate() {
            *slope = match self.pinned[j] {
                // That of a param that does not move is none, be it infinite.
                Some(_) => 0.0,
                None => *slope * (self.space.slope(j, x[j] * self.scale[j]) * self.scale[j]),
            };
        }
        Ok(value)
    }
}
