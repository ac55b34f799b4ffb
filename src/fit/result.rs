//! `Fit`: what comes out of a fit.
//!
//! **Invariants**
//! - Params, covariances and ends of starts are in one order: the program's, then that of
//!   [`FitOptions::init`](super::FitOptions::init).
//! - The residuals of all columns are those that [`Fit::sse`] sums the squares of.

use crate::syntax::Noise;
use crate::walk::Stats;
use crate::walk::serial::{number, numbers, pairs, read_numbers, read_pairs};
use serde::{Deserialize, Serialize};

/// An estimated constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedParam {
    /// The param's name.
    pub name: String,
    /// Where the sum of squares is lowest, of what was found.
    #[serde(with = "number")]
    pub estimate: f64,
    /// Standard error; infinite if the data do not determine it.
    #[serde(with = "number")]
    pub std_err: f64,
    /// Lower end of the 95 % interval.
    #[serde(with = "number")]
    pub low: f64,
    /// Upper end of the 95 % interval.
    #[serde(with = "number")]
    pub high: f64,
    /// Whose value it is, of a param with a value for each number of a column; left out of what is
    /// written where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupOf>,
}

/// Whose value an unknown is, of a param that has one for each number of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupOf {
    /// The param.
    pub param: String,
    /// The column.
    pub column: String,
    /// Its number.
    pub number: f64,
}

impl GroupOf {
    /// What its value is called.
    pub(super) fn name(&self) -> String {
        format!("{}[{}={}]", self.param, self.column, self.number)
    }
}

/// Where a fit ended, and nothing that is made of it: what a search over programs asks of its candidates.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Calibrated {
    /// The estimates of the params, in their order.
    pub params: Vec<f64>,
    /// As [`Fit::sse`].
    pub sse: f64,
    /// As [`Fit::value`].
    pub value: f64,
    /// As [`Fit::converged`].
    pub converged: bool,
    /// As [`Fit::interrupted`].
    pub interrupted: bool,
    /// As [`Fit::evaluations`].
    pub evaluations: usize,
}

impl From<Fit> for Calibrated {
    fn from(fit: Fit) -> Self {
        Self {
            params: fit.params.iter().map(|param| param.estimate).collect(),
            sse: fit.sse,
            value: fit.value,
            converged: fit.converged,
            interrupted: fit.interrupted,
            evaluations: fit.evaluations,
        }
    }
}

/// Predictions of all numbers that were observed, at each of several values of the params; none where the
/// program fails there.
#[cfg(feature = "search")]
pub(crate) type Predicted = Vec<Option<Vec<f64>>>;

/// The result of a fit. It serializes as an object of its fields, with all that `dmci fit --json` tells
/// under the same names; what JSON has no number for is `"inf"`, `"-inf"`, `"nan"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fit {
    /// In the order of the program, then of [`FitOptions::init`](super::FitOptions::init).
    pub params: Vec<FittedParam>,
    /// What was held, each with its value.
    #[serde(serialize_with = "pairs", deserialize_with = "read_pairs")]
    pub held: Vec<(String, f64)>,
    /// How many rows the data have.
    pub rows: usize,
    /// How many of them were used for no column, because they miss a number that the program takes.
    pub rows_dropped: usize,
    /// The covariances of the params, row-major: a row and a column for each, in their order. Those of
    /// undetermined params are infinite on the diagonal and NaN beside it.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub covariance: Vec<f64>,
    /// The correlations of the params, likewise; NaN for undetermined ones.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub correlation: Vec<f64>,
    /// Sum of squared residuals, of all numbers that are not censored.
    #[serde(with = "number")]
    pub sse: f64,
    /// What is lowest here: the sum of squares, in units of standard deviations where these are given;
    /// minus twice the logarithm of the likelihood, up to a constant, where that is something else; the
    /// sum of a robust loss; or the loss that the program's value is.
    #[serde(with = "number")]
    pub value: f64,
    /// The logarithm of the likelihood, natural; where standard deviations are estimated, with the
    /// likeliest. NaN for a robust loss, which has none. Priors have no part in it.
    #[serde(with = "number")]
    pub log_likelihood: f64,
    /// Chi squared: the sum of the squares of residuals in units of their standard deviations, where these
    /// are given.
    pub chi_squared: Option<f64>,
    /// Chi squared by the degrees of freedom: near 1 where model and standard deviations are right. None
    /// without degrees of freedom.
    pub reduced_chi_squared: Option<f64>,
    /// Akaike's information criterion: twice the number of params that the data determine, estimated
    /// standard deviations among them, less twice the logarithm of the likelihood.
    #[serde(with = "number")]
    pub aic: f64,
    /// The Bayesian information criterion: that number times the logarithm of the number of residuals, less
    /// twice the logarithm of the likelihood.
    #[serde(with = "number")]
    pub bic: f64,
    /// Standard deviation of the residuals.
    #[serde(with = "number")]
    pub residual_sd: f64,
    /// Residuals minus what the data determine of the params: the rank of the Jacobian.
    pub degrees_of_freedom: usize,
    /// How many residuals there are.
    pub residuals: usize,
    /// Predictions and residuals of each observed column, in the order of the program.
    pub columns: Vec<FittedColumn>,
    /// How each of them scatters, in the same order.
    pub noise: Vec<FittedNoise>,
    /// The quantities that the program derives of params, in its order.
    pub derived: Vec<FittedDerived>,
    /// Coefficient of determination: the part of the observations' variance, around each column's mean on
    /// the scale of its noise, that the predictions explain.
    #[serde(with = "number")]
    pub r_squared: f64,
    /// What there is to tell of a loss that was minimized; left out of what is written where data were
    /// fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<FittedLoss>,
    /// The params that only steer the program, with where they may be; left out of what is written where
    /// that was not looked into: see [`FitOptions::soften`](super::FitOptions::soften).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steering: Vec<Steering>,
    /// How many starts were made.
    pub starts: usize,
    /// How many of them found this minimum.
    pub agree: usize,
    /// How many of them found one that fits as well, this one or another of [`Fit::optima`].
    pub as_good: usize,
    /// Other minima that fit equally well.
    pub optima: Vec<Optimum>,
    /// How many of them were dropped as hopeless.
    pub dropped: usize,
    /// The end of every start, in their order: first that of the params' own initial values.
    pub ends: Vec<StartEnd>,
    /// Which of them the estimates are from, from 0.
    pub best: usize,
    /// Whether the best start converged.
    pub converged: bool,
    /// Whether the best start was held back: a step led to a point that fits better, and was not taken
    /// because derivatives are infinite or NaN there. What was found may be no minimum.
    pub held_back: bool,
    /// Whether the observer broke, a deadline passed or something interrupted: this is the best that was
    /// found by then.
    pub interrupted: bool,
    /// What the data do determine of these params: combinations of them.
    pub combinations: Vec<Combination>,
    /// Params that the data do not determine.
    pub undetermined: Vec<String>,
    /// Params that ended at an edge of their range, within a thousandth of their standard error: the
    /// minimum may be beyond it, and their intervals, which know nothing of ranges, say little.
    pub at_edge: Vec<String>,
    /// Evaluations of the residuals, with or without Jacobian.
    pub evaluations: usize,
    /// What the evaluation at the estimate took.
    pub stats: Stats,
    /// Seconds of wall time.
    #[serde(with = "number")]
    pub seconds: f64,
}

/// A loss where it is lowest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedLoss {
    /// The derivatives of the loss by the params, in their order.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub gradient: Vec<f64>,
    /// The length of what there is of it in the params that are free to move: those that are not at a bound
    /// and pushed to it.
    #[serde(with = "number")]
    pub gradient_norm: f64,
}

/// A param that only steers: nothing changes from one end to the other, and the estimate is the middle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Steering {
    /// The param's name.
    pub name: String,
    /// The lowest value that fits as well; infinite where there is no end in sight.
    #[serde(with = "number")]
    pub low: f64,
    /// The highest, likewise.
    #[serde(with = "number")]
    pub high: f64,
}

/// An observed column of the data, as the model predicts it at the estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedColumn {
    /// The column's name.
    pub name: String,
    /// How its numbers scatter around their predictions.
    pub noise: Noise,
    /// How many of its numbers were fitted.
    pub used: usize,
    /// How many rows were not: the number is missing, or one that the program takes.
    pub dropped: usize,
    /// One for each row of the data, in the unit of the column; NaN where the program takes a number that
    /// is missing.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub predictions: Vec<f64>,
    /// One for each row of the data, as they are squared and summed: prediction less observation, in
    /// the unit of the column; for lognormal noise the logarithm of the one less that of the other,
    /// which has no unit. NaN where the observation is missing.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub residuals: Vec<f64>,
}

/// Another minimum that fits equally well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Optimum {
    /// Its params, in the order of [`Fit::params`].
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub params: Vec<f64>,
    /// The sum of squared residuals there.
    #[serde(with = "number")]
    pub sse: f64,
    /// What it is of the minimum that was chosen, in words, where it is a symmetry of the model: params
    /// exchanged, or of the other sign.
    pub symmetry: Option<String>,
}

/// A combination of params that the data determine, where they do not determine the params.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Combination {
    /// What it is: `a*exp(b)`.
    pub text: String,
    /// Its value.
    #[serde(with = "number")]
    pub value: f64,
}

/// How an observed column scatters around its predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedNoise {
    /// The column's name.
    pub column: String,
    /// The kind of its noise.
    pub noise: Noise,
    /// Its standard deviation in the unit of the column, of logarithms where it is lognormal; where there
    /// are weights, that of a number with the weight 1. NaN where rows differ, for counts, and where the
    /// data do not tell it.
    #[serde(with = "number")]
    pub sd: f64,
    /// Where that comes from.
    pub origin: SdOrigin,
    /// Columns with the same number share one estimated standard deviation; none where it is not
    /// estimated.
    pub group: Option<usize>,
    /// How many of its numbers are censored.
    pub censored: usize,
}

/// Where a standard deviation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SdOrigin {
    /// The residuals tell it.
    Estimated,
    /// The residuals tell it, up to weights that are given.
    Weighted,
    /// It is given: errors are absolute.
    Given,
    /// The program computes it of params, which are fitted.
    Predicted,
    /// Counts have that of their mean.
    Counts,
}

impl SdOrigin {
    /// As results are written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Weighted => "weighted",
            Self::Given => "given",
            Self::Predicted => "predicted",
            Self::Counts => "counts",
        }
    }
}

/// A quantity made of params, as `(derive name expression)` declares it, at the estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedDerived {
    /// Its name; with the group in brackets where it is made of params that have a value for each.
    pub name: String,
    /// Its number at the estimates.
    #[serde(with = "number")]
    pub estimate: f64,
    /// Standard error, by the params' covariances and exact derivatives; infinite where the data do not
    /// determine it.
    #[serde(with = "number")]
    pub std_err: f64,
    /// Lower end of the 95 % interval.
    #[serde(with = "number")]
    pub low: f64,
    /// Upper end of the 95 % interval.
    #[serde(with = "number")]
    pub high: f64,
}

/// What became of one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ending {
    /// It reached a minimum.
    Converged,
    /// It ran out of iterations.
    Exhausted,
    /// No step led down although the gradient did: the model fails all around, jumps, or its
    /// derivatives are not those of its values.
    Stuck,
    /// It was dropped as hopeless.
    Dropped,
    /// The model has no finite residuals at its point, nor at those it tried instead.
    Failed,
    /// The observer broke while it was under way.
    Interrupted,
}

/// Where one start ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StartEnd {
    /// The params it got to, in the order of [`Fit::params`]; where it began, if it failed.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub params: Vec<f64>,
    /// The sum of squared residuals there, or the loss; infinite if it failed.
    #[serde(with = "number")]
    pub sse: f64,
    /// What became of it.
    pub ending: Ending,
    /// How many steps it took.
    pub iterations: usize,
}

impl Fit {
    /// The param of a name.
    pub fn param(&self, name: &str) -> Option<&FittedParam> {
        self.params.iter().find(|param| param.name == name)
    }

    /// The observed column of a name.
    pub fn column(&self, name: &str) -> Option<&FittedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// How an observed column scatters.
    pub fn noise_of(&self, column: &str) -> Option<&FittedNoise> {
        self.noise.iter().find(|noise| noise.column == column)
    }

    /// The derived quantity of a name.
    pub fn derived(&self, name: &str) -> Option<&FittedDerived> {
        self.derived.iter().find(|derived| derived.name == name)
    }

    /// The covariance of two params by name; of one with itself, its variance.
    pub fn covariance_of(&self, a: &str, b: &str) -> Option<f64> {
        let place = |name| self.params.iter().position(|param| param.name == name);
        let at = place(a)? * self.params.len() + place(b)?;
        self.covariance.get(at).copied()
    }
}
