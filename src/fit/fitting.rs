//! `Fitting`: one fit of a prepared model, from its first evaluation to what there is to tell.
//!
//! A model that is [`Ready`], options and initial values go in; a [`Fit`] comes out.
//!
//! **Invariants**
//! - What was prepared stays as it is: one model may be fitted by several threads.
//! - Without a step to take, or without params, nothing is searched for: the figures are those of the
//!   initial values.

use super::amounts::Declared;
use super::bounds::Bound;
use super::combinations::combinations;
use super::declared::Unknown;
use super::derived::Derivation;
use super::descents::Options;
use super::desk::{Evaluations, are_few};
use super::error::FitError;
use super::noise::Loss;
use super::objective::{Objective, sum_of_squares};
use super::observed::Data;
use super::observer::{Observer, Watch, until_late};
use super::optima::{MultiStart, symmetry};
use super::options::{FitOptions, MOST_STARTS};
use super::outputs::Unfit;
use super::prepared::{Prepared, Ready};
use super::problem::Problem;
use super::result::{
    Calibrated, Combination, Ending, Fit, FittedParam, Optimum, SdOrigin, StartEnd,
};
use super::scores::Observed;
use super::spread::{conclude, robust_scales};
use super::starts::{StartsError, minimize_from_starts};
use super::statistics::Statistics;
use crate::model::Evaluator;
use crate::prim::math;
use crate::syntax::Constraint;
use crate::threads::Threads;
use crate::walk::Clock;
use std::sync::{Mutex, OnceLock};

/// More residuals than these are searched on a sample of so many: enough for minima to be where they are
/// with all.
const MANY_RESIDUALS: usize = 2000;

/// One fit of a prepared model.
#[derive(Clone, Copy)]
pub(super) struct Fitting<'a> {
    pub(super) ready: &'a Ready<'a>,
    pub(super) options: &'a FitOptions,
    pub(super) observer: &'a Observer<'a>,
    /// Where the params of the first evaluation go that is not finite.
    pub(super) met: Option<&'a OnceLock<Vec<f64>>>,
}

/// What is known of the first evaluation.
struct First {
    operations: u64,
    /// Whether it gave numbers.
    is_done: bool,
}

/// What a search found, and what it is about.
struct Searched<'a> {
    data: Data<'a>,
    best: MultiStart,
    derivation: Option<Derivation<'a>>,
}

impl<'s> Fitting<'s> {
    /// Fits from initial values of the unknowns, in their order.
    pub(super) fn run(&self, init: &[f64]) -> Result<Fit, FitError> {
        let clock = Clock::start();
        let Searched {
            data,
            mut best,
            derivation,
        } = self.searched(init, false)?;
        let mut at_best = self.at_end(&data, &mut best)?;
        let fit = self.told(&mut at_best, &data, best, derivation);
        Ok(Fit {
            seconds: clock.seconds(),
            ..fit
        })
    }

    /// The same, with nothing told but where the minimum is.
    pub(super) fn calibrated(&self, init: &[f64]) -> Result<Calibrated, FitError> {
        let Searched { data, mut best, .. } = self.searched(init, true)?;
        let sse = if data.scoring().is_plain() && !best.interrupted {
            best.value
        } else {
            sse(&self.at_end(&data, &mut best)?)
        };
        Ok(Calibrated {
            sse,
            value: best.value,
            converged: best.converged,
            interrupted: best.interrupted,
            evaluations: best.evaluations.all(),
            params: best.params,
        })
    }

    /// The sum of the squared residuals at values of the unknowns.
    pub(super) fn score(&self, at: &[f64]) -> Result<f64, FitError> {
        self.ready.check_init(at)?;
        let (data, warm, _) = self.settled(at, false)?;
        let mut problem = Problem::new(warm, &data);
        problem.predict(at).map_err(Unfit::into_fit_error)?;
        let sse = sse(&problem);
        if sse.is_finite() {
            Ok(sse)
        } else {
            Err(self.no_start(&mut problem, at, 1))
        }
    }

    /// The Jacobian of the scores multiplied by itself, row-major, at values of the unknowns.
    #[cfg(feature = "search")]
    pub(super) fn information(&self, at: &[f64]) -> Result<Vec<f64>, FitError> {
        let (data, warm, _) = self.settled(at, false)?;
        let mut problem = Problem::new(warm, &data);
        problem
            .predict_with_derivatives(at)
            .map_err(Unfit::into_fit_error)?;
        let rows = problem.score(at).1.to_vec();
        let (m, n) = (rows.len(), at.len());
        let jacobian = problem.jacobian(&rows, n);
        let column = |j: usize| &jacobian[j * m..(j + 1) * m];
        let product = |(i, j): (usize, usize)| -> f64 {
            let both = column(i).iter().zip(column(j));
            both.map(|(a, b)| a * b).sum()
        };
        let all = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        Ok(all.map(product).collect())
    }

    /// What was observed, and its predictions at each of several values of the unknowns.
    #[cfg(feature = "search")]
    pub(super) fn predictions_at(
        &self,
        all: &[Vec<f64>],
    ) -> Result<(Vec<f64>, super::result::Predicted), FitError> {
        let Some(first) = all.first() else {
            return Ok((Vec::new(), Vec::new()));
        };
        self.ready.check_init(first)?;
        let (data, warm, _) = self.settled(first, false)?;
        let mut problem = Problem::new(warm, &data);
        let observed = problem
            .numbers()
            .iter()
            .map(|number| number.value)
            .collect();
        let predictions = all.iter().map(|at| {
            problem.predict(at).ok()?;
            let predictions = problem.predictions();
            let is_finite = predictions.iter().all(|y| y.is_finite());
            is_finite.then(|| predictions.to_vec())
        });
        let predictions = predictions.collect();
        Ok((observed, predictions))
    }

    /// The problem with its last evaluation at what was found, with derivatives. It is told, late or not, and
    /// where the search did not come to them, with its scores.
    fn at_end<'d>(
        &self,
        data: &'d Data<'d>,
        best: &mut MultiStart,
    ) -> Result<Problem<'d>, FitError> {
        let Ready {
            prepared, first, ..
        } = self.ready;
        let limits = &self.options.limits;
        if !limits.is_late() {
            // Time may run out in this very evaluation.
            match evaluated(first.clone(), data, best) {
                Err(_) if limits.is_late() => {}
                told => return told,
            }
        }
        evaluated(prepared.unhurried(limits)?, data, best)
    }

    fn searched(&self, init: &[f64], only_place: bool) -> Result<Searched<'s>, FitError> {
        let (prepared, options, limits) = (&self.ready.prepared, self.options, self.options.limits);
        let all = &prepared.unknowns.all;
        self.ready.check_init(init)?;
        check_loss(options)?;
        check_starts(options, all.len())?;
        let mut derivation = Derivation::new(&self.ready.source, prepared, options)?;
        let mut search = search_options(options, prepared);
        search.only_place = only_place;
        if self.met.is_some() {
            // Which evaluation is the first must not depend on who is quicker.
            search.threads = Threads::ONE;
        }
        let observer = until_late(limits, options.fuel.as_ref(), self.observer);
        let watch = search.watch(&observer);
        if !watch.goes_on() && !limits.is_late() {
            return Err(FitError::Interrupted);
        }
        let (mut data, warm, first) = self.settled(init, true)?;
        search.threads = search
            .threads
            .worth_making(work(&search, &data, first.operations));
        if let Some(derivation) = &mut derivation {
            derivation.check(init)?;
        }
        let best = if all.is_empty() || options.max_iterations == 0 {
            self.scored(&data, init, warm)
        } else if data.scoring().needs_scales() {
            self.robust(&mut data, init, &search, &observer)
        } else {
            self.minimize(&data, init, &search, &watch, &Mutex::new(Some(warm)))
        };
        let best = match best {
            // The initial values are all there is.
            Err(FitError::Interrupted) if first.is_done => MultiStart::unfinished(init.to_vec()),
            // Past a deadline an evaluation says so.
            Err(FitError::Interrupted) if !limits.is_interrupted() && limits.is_late() => {
                match Problem::new(self.ready.first.clone(), &data).predict(init) {
                    Err(late) => return Err(late.into_fit_error()),
                    Ok(()) => return Err(FitError::Interrupted),
                }
            }
            best => best?,
        };
        Ok(Searched {
            data,
            best,
            derivation,
        })
    }

    /// The numbers of the data, and how they scatter; the first evaluation settles what no other numbers
    /// could mend, and what noise is made of. Gives what runs it, too, and what is known of that evaluation.
    fn settled(
        &self,
        init: &[f64],
        is_searched: bool,
    ) -> Result<(Data<'s>, Evaluator, First), FitError> {
        let prepared = &self.ready.prepared;
        let mut data = prepared.data(self.met)?;
        let declared = Declared {
            program: &prepared.program,
            table: &prepared.table,
            observations: &prepared.observations,
            unknowns: &prepared.unknowns.all,
            names: &prepared.unknowns.names,
            options: self.options,
        };
        let mut at_init = Problem::new(self.ready.first.clone(), &data);
        // Where the search asks for derivatives alone, the first evaluation readies them.
        let few = are_few(data.numbers().len() * (init.len() + 1));
        let first = if few && is_searched {
            at_init.predict_with_derivatives(init)
        } else {
            at_init.predict(init)
        };
        let is_done = first.is_ok();
        if let Err(error) = first {
            if declared.needs_values() {
                return Err(error.into_fit_error());
            }
            if let Some(error) = error.definite() {
                return Err(error);
            }
        }
        let first = First {
            operations: at_init.stats().operations,
            is_done,
        };
        let (amounts, warm) = if declared.needs_values() {
            let numbers = data.numbers().to_vec();
            let computed = |output, number: &Observed| at_init.computed(output, number);
            (declared.settle(numbers, &computed)?, at_init.into_run())
        } else {
            let warm = at_init.into_run();
            (
                declared.settle(data.take_numbers(), &|_, _| f64::NAN)?,
                warm,
            )
        };
        data.settle(amounts);
        Ok((data, warm, first))
    }

    /// The figures at given values, with nothing searched for.
    fn scored(&self, data: &Data<'_>, at: &[f64], warm: Evaluator) -> Result<MultiStart, FitError> {
        let mut problem = Problem::new(warm, data);
        let rows = problem.rows();
        let (mut scores, mut jacobian) = (vec![0.0; rows], vec![0.0; rows * at.len()]);
        let value = problem
            .linearize(at, &mut scores, &mut jacobian)
            .map_err(Unfit::into_fit_error)?;
        if !value.is_finite() {
            return Err(self.no_start(&mut problem, at, 1));
        }
        // Without params there is nothing that could be better.
        let converged = at.is_empty();
        let end = StartEnd {
            sse: value,
            ending: if converged {
                Ending::Converged
            } else {
                Ending::Exhausted
            },
            iterations: 0,
            params: at.to_vec(),
        };
        Ok(MultiStart {
            params: at.to_vec(),
            value,
            scores,
            jacobian,
            held: Vec::new(),
            others: Vec::new(),
            best: 0,
            converged,
            held_back: false,
            interrupted: false,
            starts: vec![end],
            agree: usize::from(converged),
            as_low: usize::from(converged),
            evaluations: Evaluations {
                residuals: 0,
                jacobians: 1,
            },
        })
    }

    /// Minimizes from many starts.
    fn minimize(
        &self,
        data: &Data<'_>,
        init: &[f64],
        search: &Options,
        watch: &Watch<'_>,
        spare: &Mutex<Option<Evaluator>>,
    ) -> Result<MultiStart, FitError> {
        let prepared = &self.ready.prepared;
        let all = &prepared.unknowns.all;
        let bounds: Vec<Bound> = all.iter().map(|u| Bound::from(u.constraint)).collect();
        // One that has run already has its memory.
        let evaluator = || {
            let warm = spare.lock().ok().and_then(|mut spare| spare.take());
            warm.unwrap_or_else(|| self.ready.first.clone())
        };
        let problem = || Problem::new(evaluator(), data);
        // With one start there is nothing to save.
        let sample = if search.starts > 1 && data.residuals() > MANY_RESIDUALS {
            data.sample(MANY_RESIDUALS / prepared.observations.len())
        } else {
            None
        };
        let of_sample = || Problem::new(evaluator(), sample.as_ref().unwrap_or(data));
        let sampled = sample.is_some().then_some(&of_sample);
        let found = minimize_from_starts(problem, sampled, &bounds, init, search, watch);
        found.map_err(|e| match e {
            StartsError::NoStart {
                cause: Some(cause), ..
            } => cause.into_fit_error(),
            StartsError::NoStart { starts, .. } => self.no_start(&mut problem(), init, starts),
            StartsError::Interrupted => FitError::Interrupted,
            StartsError::Bound(index) | StartsError::Outside(index) => {
                let name = &all[index].name;
                FitError::Init(format!("`{name}` starts outside its constraint"))
            }
        })
    }

    fn no_start(&self, problem: &mut Problem<'_>, at: &[f64], starts: usize) -> FitError {
        FitError::NoStart {
            starts,
            detail: problem.not_finite(at, &self.names()).unwrap_or_default(),
        }
    }

    fn names(&self) -> Vec<&str> {
        let all = self.ready.prepared.unknowns.all.iter();
        all.map(|unknown| unknown.name.as_str()).collect()
    }

    /// Minimizes a robust loss whose scale is that of the residuals. By squares first; from there with the
    /// scale of their residuals, from many starts once more, and until the scale is that of the residuals it
    /// leads to.
    fn robust(
        &self,
        data: &mut Data<'_>,
        init: &[f64],
        search: &Options,
        observer: &Observer<'_>,
    ) -> Result<MultiStart, FitError> {
        let rescale = |data: &mut Data<'_>, params: &[f64]| -> Result<f64, FitError> {
            let mut problem = Problem::new(self.ready.first.clone(), data);
            problem.predict(params).map_err(Unfit::into_fit_error)?;
            let scales = robust_scales(&problem);
            Ok(data.scoring_mut().rescale(&scales))
        };
        let loss = data.scoring().loss;
        data.scoring_mut().loss_is(Loss::Squares);
        let none = Mutex::new(None);
        let mut best = self.minimize(data, init, search, &search.watch(observer), &none)?;
        let again = Options {
            starts: 1,
            ..search.clone()
        };
        for pass in 0..MOST_PASSES {
            data.scoring_mut().loss_is(loss);
            let moved = rescale(data, &best.params)?;
            if pass > 0 && moved <= SAME_SCALE || best.interrupted {
                break;
            }
            let search = if pass == 0 { search } else { &again };
            let watch = search.watch(observer);
            let next = match self.minimize(data, &best.params, search, &watch, &none) {
                Err(FitError::Interrupted) => {
                    // By the loss of this pass it is told.
                    return Ok(MultiStart::unfinished(best.params));
                }
                next => next?,
            };
            best = if pass == 0 {
                next
            } else {
                carried_on(best, next)
            };
        }
        Ok(best)
    }

    /// What there is to tell of a minimum. The problem's last evaluation is there, with derivatives.
    fn told(
        &self,
        at_best: &mut Problem<'_>,
        data: &Data<'_>,
        best: MultiStart,
        derivation: Option<Derivation<'_>>,
    ) -> Fit {
        let prepared = &self.ready.prepared;
        let all = &prepared.unknowns.all;
        let concluded = conclude(at_best, &best);
        let statistics = &concluded.statistics;
        let derived = derivation.map(|mut derivation| derivation.at(&best.params, &concluded));
        let params = all.iter().enumerate().map(|(index, unknown)| FittedParam {
            name: unknown.name.clone(),
            estimate: best.params[index],
            std_err: statistics.std_err[index],
            low: statistics.low[index],
            high: statistics.high[index],
            group: unknown.group.clone(),
        });
        let params = params.collect();
        let usable = prepared.usable.as_deref();
        let used = usable.map(|rows| (rows, prepared.all_rows));
        let dropped = |start: &&StartEnd| start.ending == Ending::Dropped;
        let names = self.names();
        let (columns, stats) = (at_best.columns(used), at_best.stats());
        let mut origins = concluded.noise.iter().map(|noise| noise.origin);
        let are_given = origins.all(|origin| origin == SdOrigin::Given);
        let chi_squared = are_given.then_some(best.value);
        let freedom = statistics.degrees_of_freedom as f64;
        let mut groups: Vec<usize> = concluded.noise.iter().filter_map(|one| one.group).collect();
        groups.dedup();
        let determined = (statistics.rank + groups.len()) as f64;
        let combined = combined(at_best, &best, statistics, &names);
        let optima = best.others.iter().map(|other| Optimum {
            params: other.params.clone(),
            sse: other.value,
            symmetry: symmetry(&names, &prepared.waves, &best.params, &other.params),
        });
        let at_edge = |&(index, unknown): &(usize, &Unknown)| {
            let (at, std_err) = (best.params[index], statistics.std_err[index]);
            best.held.contains(&index) || is_at_edge(unknown.constraint, at, std_err)
        };
        let at_edge = all.iter().enumerate().filter(at_edge);
        let undetermined = statistics.undetermined.iter();
        Fit {
            params,
            covariance: statistics.covariance.clone(),
            correlation: statistics.correlation.clone(),
            sse: concluded.sse,
            value: best.value,
            log_likelihood: concluded.log_likelihood,
            chi_squared,
            reduced_chi_squared: chi_squared
                .map(|all| all / freedom)
                .filter(|x| x.is_finite()),
            aic: 2.0 * determined - 2.0 * concluded.log_likelihood,
            bic: determined * math::ln(data.residuals() as f64) - 2.0 * concluded.log_likelihood,
            residual_sd: statistics.residual_sd,
            degrees_of_freedom: statistics.degrees_of_freedom,
            residuals: data.residuals(),
            columns,
            noise: concluded.noise,
            derived: derived.unwrap_or_default(),
            held: prepared.unknowns.held.clone(),
            rows: prepared.all_rows,
            rows_dropped: prepared.dropped(),
            loss: None,
            steering: Vec::new(),
            starts: best.starts.len(),
            agree: best.agree,
            as_good: best.as_low,
            optima: optima.collect(),
            r_squared: 1.0 - concluded.sse / data.total_squares(),
            combinations: combined,
            dropped: best.starts.iter().filter(dropped).count(),
            at_edge: at_edge.map(|(_, unknown)| unknown.name.clone()).collect(),
            ends: best.starts,
            best: best.best,
            converged: best.converged,
            held_back: best.held_back,
            interrupted: best.interrupted,
            undetermined: undetermined.map(|&index| all[index].name.clone()).collect(),
            evaluations: best.evaluations.residuals + best.evaluations.jacobians,
            stats,
            seconds: f64::NAN,
        }
    }
}

/// A problem with its last evaluation at what was found, with derivatives, by what runs it.
fn evaluated<'d>(
    run: Evaluator,
    data: &'d Data<'d>,
    best: &mut MultiStart,
) -> Result<Problem<'d>, FitError> {
    let mut problem = Problem::new(run, data);
    let told = if best.scores.is_empty() {
        let rows = problem.rows();
        let (mut scores, mut jacobian) = (vec![0.0; rows], vec![0.0; rows * best.params.len()]);
        let value = problem.linearize(&best.params, &mut scores, &mut jacobian);
        value.map(|value| {
            best.value = value;
            (best.scores, best.jacobian) = (scores, jacobian);
            if let Some(start) = best.starts.get_mut(best.best)
                && start.sse.is_infinite()
            {
                start.sse = value;
            }
        })
    } else {
        problem.predict_with_derivatives(&best.params)
    };
    told.map_err(Unfit::into_fit_error)?;
    if best.interrupted && !best.value.is_finite() {
        return Err(FitError::Interrupted);
    }
    Ok(problem)
}

/// How many operations a search takes, about: each start some evaluations with derivatives, and the algebra
/// of as many steps.
fn work(search: &Options, data: &Data<'_>, operations: u64) -> usize {
    const EVALUATIONS: usize = 8;
    const SWEEPS: usize = 3;
    let numbers = data.residuals();
    let params = data.places.len();
    let step = SWEEPS
        .saturating_mul(operations as usize)
        .saturating_add(numbers.saturating_mul(params + 1).saturating_mul(params));
    search
        .starts
        .saturating_mul(EVALUATIONS)
        .saturating_mul(step)
}

/// How to search, as a caller's options have it.
pub(super) fn search_options(options: &FitOptions, prepared: &Prepared<'_>) -> Options {
    Options {
        starts: options.starts,
        seed: options.seed,
        max_iterations: options.max_iterations,
        max_evaluations: options.max_evaluations.unwrap_or(usize::MAX),
        all_starts: options.all_starts,
        threads: options.threads.clone(),
        ranges: prepared.ranges.clone(),
        waves: prepared.waves.clone(),
        ..Options::default()
    }
}

/// The sum of the squared residuals of the last evaluation: of all numbers that have one.
fn sse(problem: &Problem<'_>) -> f64 {
    let numbers = problem.numbers().iter().zip(problem.predictions());
    let seen = numbers.filter(|(number, _)| number.censored.is_none());
    let scoring = problem.scoring();
    seen.map(|(number, &prediction)| scoring.residual(number, prediction).powi(2))
        .sum()
}

/// How often the scale of a robust loss is taken anew.
const MOST_PASSES: usize = 50;

/// Scales that differ by less than this part are the same.
const SAME_SCALE: f64 = 1e-6;

/// A search carried on by a single start from its best.
fn carried_on(before: MultiStart, next: MultiStart) -> MultiStart {
    let mut starts = before.starts;
    if let (Some(end), Some(further)) = (starts.get_mut(before.best), next.starts.first()) {
        let iterations = end.iterations + further.iterations;
        *end = StartEnd {
            iterations,
            ..further.clone()
        };
    }
    let mut evaluations = before.evaluations;
    evaluations += next.evaluations;
    MultiStart {
        starts,
        best: before.best,
        agree: before.agree,
        evaluations,
        ..next
    }
}

/// Refuses a scale that is none.
fn check_loss(options: &FitOptions) -> Result<(), FitError> {
    let message = match options.loss_scale {
        None => return Ok(()),
        Some(_) if options.loss == Loss::Squares => {
            "the scale of a loss (--loss-scale) is for a robust one; give one, such as --loss huber"
                .to_owned()
        }
        Some(scale) if scale.is_finite() && scale > 0.0 => return Ok(()),
        Some(scale) => format!(
            "the scale of the loss (--loss-scale) is {scale}; give a number above 0, in the unit of the \
             residuals"
        ),
    };
    Err(FitError::Noise(message))
}

/// The combinations of params that are determined at a minimum where the params are not.
fn combined(
    problem: &mut Problem<'_>,
    best: &MultiStart,
    statistics: &Statistics,
    names: &[&str],
) -> Vec<Combination> {
    /// Scores that have changed by less than this part of how far one param alone would change them.
    const SAME: f64 = 1e-5;
    let rows = best.scores.len();
    if rows == 0 {
        return Vec::new();
    }
    let mut scores = vec![0.0; rows];
    let mut all: Vec<Combination> = Vec::new();
    for direction in &statistics.directions {
        let stays = |params: &[f64]| {
            if problem.value(params, &mut scores).is_err() {
                return false;
            }
            let changes = scores
                .iter()
                .zip(&best.scores)
                .map(|(a, b)| (a - b).powi(2));
            let changed = changes.sum::<f64>().sqrt();
            let alone = (0..params.len()).map(|j| {
                let column = &best.jacobian[j * rows..(j + 1) * rows];
                sum_of_squares(column).sqrt() * (params[j] - best.params[j]).abs()
            });
            changed <= SAME * alone.fold(0.0, f64::max)
        };
        let found = combinations(&best.params, names, direction, stays);
        all.extend(found.into_iter().map(|one| Combination {
            text: one.text,
            value: one.value,
        }));
    }
    all
}

/// Whether a value is, compared with its standard error, at an edge of its range.
fn is_at_edge(constraint: Constraint, x: f64, std_err: f64) -> bool {
    let near = |edge: f64| std_err.is_finite() && (x - edge).abs() <= 1e-3 * std_err;
    match constraint {
        Constraint::Free => false,
        Constraint::Above(edge) | Constraint::Below(edge) => near(edge),
        Constraint::Between(low, high) => near(low) || near(high),
    }
}

/// Refuses more starts than have room: each keeps some triangles of as many rows as there are params.
pub(super) fn check_starts(options: &FitOptions, params: usize) -> Result<(), FitError> {
    let starts = options.starts;
    let too_many = |most, why| Err(FitError::TooManyStarts { starts, most, why });
    if starts > MOST_STARTS {
        return too_many(MOST_STARTS, String::new());
    }
    let each = 64 * (params + 4).saturating_mul(params + 4);
    let bytes = options.limits.heap_bytes;
    // Those of the default are begun with any model.
    let most = (bytes / each).max(FitOptions::default().starts);
    if starts > most {
        let why = format!(" with {params} params that {bytes} bytes hold");
        return too_many(most, why);
    }
    Ok(())
}
