//! Profiles: how far a param can be from its estimate before the data speak against it.
//!
//! A model, a table and a fit of the one to the other go in; for a param the deviance comes out along its
//! values, with all other params fitted anew at each, and the interval where it stays below the 95 % bound.
//!
//! **Invariants**
//! - Each point is a fit of its own with the param held, from the estimates of its neighbor; what is lower
//!   than the fit's own minimum by more than rounding is told as a better minimum, and no interval is.
//!
//! ```text
//! D(v) = 2 (log L at the estimates - log L with the param at v)
//! D < m ln(1 + t²/d)      standard deviations are estimated from m residuals; t = t(0.975, d), d degrees
//!                         of freedom
//! D < 3.84                standard deviations are known, or the noise has none
//! ```
//!
//! The first is the F test of Bates and Watts ("Nonlinear regression analysis and its applications", 1988,
//! section 6.1) in terms of the likelihood. Unlike intervals from standard errors these know of curvature,
//! and end where the data end.

use super::error::FitError;
use super::options::FitOptions;
use super::result::{Fit, SdOrigin};
use super::statistics::student_t_end;
use super::table::Table;
use crate::model::Model;
use crate::prim::math;
use crate::sorted;
use crate::syntax::{Constraint, Goal};
use crate::walk::Budget;
use crate::walk::serial::number;
use serde::Serialize;

/// A param's profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// The param's name.
    pub name: String,
    /// Its estimate.
    #[serde(with = "number")]
    pub estimate: f64,
    /// The lower end of its 95 % interval.
    pub low: ProfileEnd,
    /// The upper end.
    pub high: ProfileEnd,
    /// The deviance at the ends.
    #[serde(with = "number")]
    pub bound: f64,
    /// What was looked at, in ascending order, the estimate among them.
    pub points: Vec<ProfilePoint>,
}

/// A value of a param with what is left of the likelihood there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProfilePoint {
    /// The value.
    #[serde(with = "number")]
    pub value: f64,
    /// The deviance: twice the log-likelihood that is lost.
    #[serde(with = "number")]
    pub deviance: f64,
}

/// An end of a profile's interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProfileEnd {
    /// Here.
    At(#[serde(with = "number")] f64),
    /// At the end of the param's range, where the deviance is still below the bound.
    Range(#[serde(with = "number")] f64),
    /// Nowhere: the deviance stays below the bound as far as was looked, up to this value.
    Open(#[serde(with = "number")] f64),
}

impl ProfileEnd {
    /// The number; where there is no end, how far was looked.
    pub fn value(self) -> f64 {
        match self {
            Self::At(value) | Self::Range(value) | Self::Open(value) => value,
        }
    }
}

impl Profile {
    /// What kind of interval it is, in words.
    pub fn shape(&self) -> &'static str {
        let open = |end| !matches!(end, ProfileEnd::At(_));
        match (open(self.low), open(self.high)) {
            (false, false) => "two-sided",
            (true, false) => "one-sided: no lower end",
            (false, true) => "one-sided: no upper end",
            (true, true) => "flat: the data set no end",
        }
    }
}

/// How many fits look for an end at the most.
const FITS: usize = 80;

/// How many times as far is cut by decades.
const MANY: f64 = 4.0;

/// How many points there are between the estimate and an end, beside those that the search met.
const BETWEEN: usize = 4;

/// How exactly an end is found, as a part of its distance from the estimate.
const EXACT: f64 = 1e-6;

/// The 95 % quantile of chi squared with one degree of freedom.
const CHI_SQUARED: f64 = 3.841_458_820_694_124;

/// The profile of a param of a fit, which was of the same model, table and options.
///
/// ```
/// use dmci::Interpreter;
/// use dmci::fit::{FitOptions, Table, fit, profile};
///
/// let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 2.1, 2.9, 4.0]);
/// let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
/// let model = Interpreter::embedded().model("(param a 1) (param b 0) (observe y (+ b (* a x)))")?;
/// let options = FitOptions::default().starts(4);
/// let fitted = fit(&model, &table, &options)?;
/// // Of a model that is linear the profile says what the standard error does.
/// let slope = profile(&model, &table, &options, &fitted, "a")?;
/// assert_eq!(slope.shape(), "two-sided");
/// assert!((slope.high.value() / fitted.param("a").unwrap().high - 1.0).abs() < 1e-4);
/// # Ok::<(), dmci::fit::FitError>(())
/// ```
///
/// # Errors
/// When there is no such param, it is one value of several, no likelihood is known, a better minimum is met,
/// or as [`fit`](super::fit) where a limit ends it.
pub fn profile(
    model: &Model,
    table: &Table<'_>,
    options: &FitOptions,
    fitted: &Fit,
    name: &str,
) -> Result<Profile, FitError> {
    let refused = |message: String| Err(FitError::Init(message));
    let Some(param) = fitted.param(name) else {
        return refused(format!(
            "`{name}` has no profile: it is none of the params that were fitted"
        ));
    };
    if param.group.is_some() {
        return refused(format!(
            "`{name}` has no profile: it is one value of several"
        ));
    }
    if !fitted.log_likelihood.is_finite() || is_exact(fitted) {
        return refused(format!(
            "`{name}` has no profile: a robust loss and an exact fit have no likelihood"
        ));
    }
    let is_estimated = fitted
        .noise
        .iter()
        .any(|noise| matches!(noise.origin, SdOrigin::Estimated | SdOrigin::Weighted));
    let bound = if is_estimated {
        let t = student_t_end(fitted.degrees_of_freedom);
        fitted.residuals as f64 * math::ln_1p(t * t / fitted.degrees_of_freedom as f64)
    } else {
        CHI_SQUARED
    };
    if !bound.is_finite() {
        return refused(format!(
            "`{name}` has no profile: the data leave no degree of freedom"
        ));
    }
    let range = range_of(model, options, name)?;
    let mut search = Search {
        model,
        table,
        options,
        fitted,
        name,
        points: vec![ProfilePoint {
            value: param.estimate,
            deviance: 0.0,
        }],
    };
    let step = match param.std_err {
        error if error.is_finite() && error > 0.0 => error,
        _ if param.estimate != 0.0 => 0.1 * param.estimate.abs(),
        _ => 1.0,
    };
    let (low, high) = (
        search.end(-step, range.0, bound)?,
        search.end(step, range.1, bound)?,
    );
    let mut points = search.points;
    sorted::by(&mut points, |a, b| a.value.total_cmp(&b.value));
    points.dedup_by(|a, b| a.value == b.value);
    Ok(Profile {
        name: name.to_owned(),
        estimate: param.estimate,
        low,
        high,
        bound,
        points,
    })
}

/// Whether residuals are no more than rounding: how far those of other params are from it says nothing.
fn is_exact(fitted: &Fit) -> bool {
    /// Units in the last place of a prediction.
    const ROUNDING: f64 = 16.0 * f64::EPSILON;
    let predictions = fitted.columns.iter().flat_map(|column| &column.predictions);
    let numbers = predictions.filter(|prediction| prediction.is_finite());
    fitted.sse
        <= numbers
            .map(|prediction| (ROUNDING * prediction).powi(2))
            .sum()
}

/// The range that a param may be in.
fn range_of(model: &Model, options: &FitOptions, name: &str) -> Result<(f64, f64), FitError> {
    let given = options.bounds.iter().find(|(bounded, _)| bounded == name);
    let declared = || -> Result<Constraint, FitError> {
        let Some(interpreter) = model.interpreter() else {
            return Ok(Constraint::Free);
        };
        let goal = match options.target {
            Some(_) => Goal::Value,
            None => Goal::Observations,
        };
        let program = interpreter.expand_for(model.text(), &model.given(), model.mode(), goal)?;
        let param = program.params().iter().find(|param| param.name == name);
        Ok(param.map_or(Constraint::Free, |param| param.constraint))
    };
    let constraint = match given {
        Some((_, range)) => *range,
        None => declared()?,
    };
    Ok(match constraint {
        Constraint::Free => (f64::NEG_INFINITY, f64::INFINITY),
        Constraint::Above(low) => (low, f64::INFINITY),
        Constraint::Below(high) => (f64::NEG_INFINITY, high),
        Constraint::Between(low, high) => (low, high),
    })
}

/// Params with their values.
type Named = Vec<(String, f64)>;

/// A profile that is being made.
struct Search<'a> {
    model: &'a Model,
    table: &'a Table<'a>,
    options: &'a FitOptions,
    fitted: &'a Fit,
    name: &'a str,
    points: Vec<ProfilePoint>,
}

impl Search<'_> {
    /// The end on one side, found in steps that double until the deviance is above the bound, and then
    /// between the last two.
    fn end(&mut self, mut step: f64, wall: f64, bound: f64) -> Result<ProfileEnd, FitError> {
        let estimate = self.points[0].value;
        let start: Vec<(String, f64)> = (self.fitted.params.iter())
            .map(|p| (p.name.clone(), p.estimate))
            .collect();
        let mut inside = (estimate, 0.0, start);
        let mut outside = None;
        let is_down = step < 0.0;
        let beyond = |value: f64| {
            if is_down {
                value <= wall
            } else {
                value >= wall
            }
        };
        let mut fits = 0;
        while outside.is_none() && fits < FITS / 4 {
            fits += 1;
            let mut value = inside.0 + step;
            let at_wall = beyond(value);
            if at_wall {
                // At an end that is in no range the last bit inside stands for it.
                value = if is_down {
                    wall.next_up()
                } else {
                    wall.next_down()
                };
            }
            if !value.is_finite() {
                break;
            }
            match self.at(value, &inside.2)? {
                Some((deviance, params)) if deviance <= bound => {
                    if at_wall {
                        return Ok(ProfileEnd::Range(wall));
                    }
                    inside = (value, deviance, params);
                }
                // Where the model fails the data speak against it.
                other => outside = Some((value, other.map_or(f64::INFINITY, |there| there.0))),
            }
            step *= 2.0;
        }
        let Some(mut outside) = outside else {
            return Ok(ProfileEnd::Open(inside.0));
        };
        // The deviance is nearly a parabola: its root nearly a line.
        let root = |deviance: f64| deviance.max(0.0).sqrt();
        let aim = root(bound);
        while fits < FITS {
            fits += 1;
            let width = outside.0 - inside.0;
            let size = inside.0.abs().max(outside.0.abs());
            if width.abs() <= EXACT * size.min((outside.0 - estimate).abs()) {
                break;
            }
            // Distances from an end, of which one is many times the other, are cut in half by decades.
            let from = if wall.is_finite() { wall } else { 0.0 };
            let (near, far) = (inside.0 - from, outside.0 - from);
            let ratio = near / far;
            let part = (aim - root(inside.1)) / (root(outside.1) - root(inside.1));
            let value = if ratio > MANY || ratio > 0.0 && ratio < 1.0 / MANY {
                from + near.signum() * (near.abs().sqrt() * far.abs().sqrt())
            } else if part.is_finite() && fits % 3 != 0 {
                inside.0 + part.clamp(0.01, 0.99) * width
            } else {
                // By turns a cut in half, so that a bent one ends too.
                inside.0 + 0.5 * width
            };
            match self.at(value, &inside.2)? {
                Some((deviance, _)) if (root(deviance) - aim).abs() <= EXACT * aim => {
                    inside.0 = value;
                    outside.0 = value;
                    break;
                }
                Some((deviance, params)) if deviance <= bound => inside = (value, deviance, params),
                other => outside = (value, other.map_or(f64::INFINITY, |there| there.0)),
            }
        }
        let end = inside.0 + 0.5 * (outside.0 - inside.0);
        for k in 1..=BETWEEN {
            let value = estimate + k as f64 / (BETWEEN + 1) as f64 * (end - estimate);
            let start = inside.2.clone();
            self.at(value, &start)?;
        }
        Ok(ProfileEnd::At(end))
    }

    /// Whether the fit's value is a sum of squares of one standard deviation, which is estimated; else it is
    /// minus twice a logarithm, that of priors included.
    fn is_squares(&self) -> bool {
        let noise = &self.fitted.noise;
        let is_weighted = noise.iter().any(|one| one.origin == SdOrigin::Weighted);
        let is_plain = noise.iter().all(|one| one.origin == SdOrigin::Estimated)
            && (self.fitted.value - self.fitted.sse).abs() <= 1e-12 * self.fitted.sse;
        is_weighted || is_plain
    }

    /// The deviance with the param at a value, and the params there; none where nothing fits.
    fn at(&mut self, value: f64, from: &[(String, f64)]) -> Result<Option<(f64, Named)>, FitError> {
        let others = from.iter().filter(|(name, _)| name != self.name);
        let is_alone = self.fitted.params.len() == 1;
        let mut options = FitOptions {
            starts: 1,
            init: others.cloned().collect(),
            ..self.options.clone()
        };
        if is_alone {
            // Nothing is left to fit: the param stays where it is, within no room.
            options = options.init(self.name, value).max_iterations(0);
        } else {
            options = options.fix(self.name, value);
        }
        let fitted = match super::fit(self.model, self.table, &options) {
            Ok(fitted) => fitted,
            Err(error @ FitError::Interrupted) => return Err(error),
            Err(error) if self.options.fuel.as_ref().is_some_and(Budget::is_over) => {
                return Err(error);
            }
            Err(_) if self.options.limits.is_late() => return Err(FitError::Interrupted),
            Err(_) => return Ok(None),
        };
        let deviance = if self.is_squares() {
            self.fitted.residuals as f64 * math::ln(fitted.value / self.fitted.value)
        } else {
            fitted.value - self.fitted.value
        };
        if !deviance.is_finite() {
            return Ok(None);
        }
        // A millionth of a residual.
        if deviance < -1e-6 * self.fitted.residuals as f64 {
            return Err(FitError::Init(format!(
                "the fit is no minimum: with `{}` at {value} others fit better; give these as initial values, \
                 or more --starts",
                self.name
            )));
        }
        let deviance = deviance.max(0.0);
        self.points.push(ProfilePoint { value, deviance });
        let params = fitted.params.iter().map(|p| (p.name.clone(), p.estimate));
        Ok(Some((deviance, params.collect())))
    }
}
