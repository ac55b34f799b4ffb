//! The value of a fit and its scores: which numbers share a standard deviation, and what all of them
//! together make of predictions.
//!
//! Numbers of the data, their predictions and the params go in; the value that is to be low comes out,
//! with a row of scores for each number and each prior.
//!
//! **Invariants**
//! - Rows stand in one order: the numbers' own, then those of predicted standard deviations, in the same
//!   order, then the priors'.
//! - What comes out depends on predictions and params alone, bit for bit.
//! - With one estimated standard deviation and nothing beside it the value is the sum of squares.
//!
//! A standard deviation that is estimated is not searched for: at each point the likeliest is taken, so
//! that of a group's m numbers with the sum of squares S it is √(S / m), and the group's part of the value
//! is m ln(S / m) + m. Its slopes are those of S / s² with s held, and so are the scores.

use super::noise::{
    Loss, Row, censored, distance, normal, normal_with_sd, poisson, precision, robust,
};
use crate::prim::math;
use crate::syntax::{Noise, Side};

/// How far a prediction may be from a number that it is meant to be, as a part of that number: some
/// units in the last place, as a computation of some length has.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// A group's residuals below this part of its numbers are rounding, and it is fitted exactly: its part of
/// the value falls no further. Far more than the rounding of one computation, whose noise in the logarithm
/// would hide what the other groups gain.
const EXACT: f64 = 1e-10;

/// One number of the data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed {
    /// What it is, or the limit that it is beyond; its logarithm where the noise is lognormal.
    pub(super) value: f64,
    /// Its standard deviation where that is known; where it is estimated, what it has in proportion to
    /// the others'.
    pub(super) sd: f64,
    pub(super) row: u32,
    /// Which of the rows that are predicted: of a sample of them others than of the data.
    pub(super) lane: u32,
    /// Which of all observed columns it is of.
    pub(super) column: u32,
    /// Which of the columns of its observation.
    pub(super) place: u32,
    /// Which side of `value` it is on, where no more is known.
    pub(super) censored: Option<Side>,
}

/// How the spread of a column's numbers is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Each number has its standard deviation.
    Known,
    /// The program computes it of params.
    Predicted,
    /// It is estimated, one for the group.
    Group(usize),
    /// Counts have that of their mean.
    Counts,
}

/// An observed column.
#[derive(Clone, Debug)]
pub(super) struct ColumnNoise {
    pub(super) name: String,
    pub(super) noise: Noise,
    pub(super) spread: Spread,
}

/// A prior: an unknown, its mean and standard deviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownBefore {
    pub(super) unknown: usize,
    pub(super) mean: f64,
    pub(super) sd: f64,
}

/// What numbers are compared by.
#[derive(Clone, Debug, Default)]
pub(super) struct Scoring {
    pub(super) columns: Vec<ColumnNoise>,
    pub(super) groups: Vec<Group>,
    pub(super) priors: Vec<KnownBefore>,
    pub(super) loss: Loss,
    /// The scale of that loss, where the caller gives it.
    pub(super) loss_scale: Option<f64>,
    /// Numbers whose standard deviation is predicted.
    pub(super) with_sd: Vec<usize>,
    kind: Kind,
    /// Whether any number has a weight of its own.
    weighted: bool,
    any_censored: bool,
    /// The sum of squares that rounding alone may make of a perfect fit.
    pub(super) rounding: f64,
}

/// Columns with one standard deviation.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// How many of its numbers are not censored.
    pub(super) seen: usize,
    /// How many are.
    pub(super) censored: usize,
    /// The sum of squares at which it counts as fitted exactly.
    floor: f64,
    /// The scale of a robust loss, in the unit of its residuals.
    pub(super) scale: f64,
}

impl Group {
    /// The standard deviation that rounding alone may make.
    pub(super) fn rounding(&self) -> f64 {
        (self.floor / self.seen as f64).sqrt()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// One estimated standard deviation, which then has no part in where the minimum is.
    #[default]
    OneGroup,
    /// Squares in units of known standard deviations.
    Squares,
    /// -2 log L, or a robust loss.
    Other,
}

/// A number on the scale on which its noise is additive.
pub(super) fn on_scale(noise: Noise, number: f64) -> f64 {
    match noise {
        Noise::Normal | Noise::Poisson => number,
        Noise::Lognormal => math::ln(number),
    }
}

impl Scoring {
    /// What the numbers ask for.
    pub(super) fn new(
        columns: Vec<ColumnNoise>,
        numbers: &[Observed],
        priors: Vec<KnownBefore>,
        loss: Loss,
        loss_scale: Option<f64>,
    ) -> Self {
        let count = columns.iter().filter_map(|column| match column.spread {
            Spread::Group(group) => Some(group + 1),
            _ => None,
        });
        let mut groups = vec![Group::default(); count.max().unwrap_or(0)];
        let mut with_sd = Vec::new();
        let (mut rounding, mut any_censored) = (0.0, false);
        for (index, number) in numbers.iter().enumerate() {
            any_censored |= number.censored.is_some();
            let size = number.value / number.sd;
            rounding += (ROUNDING * size).powi(2);
            match columns[number.column as usize].spread {
                Spread::Group(group) if number.censored.is_none() => {
                    groups[group].seen += 1;
                    groups[group].floor += (EXACT * size).powi(2);
                }
                Spread::Group(group) => groups[group].censored += 1,
                Spread::Predicted if number.censored.is_none() => with_sd.push(index),
                _ => {}
            }
        }
        for group in &mut groups {
            group.floor = group.floor.max(f64::MIN_POSITIVE);
            group.scale = loss_scale.unwrap_or(f64::NAN);
        }
        let mut scoring = Self {
            columns,
            groups,
            priors,
            loss,
            loss_scale,
            with_sd,
            kind: Kind::Other,
            weighted: numbers.iter().any(|number| number.sd != 1.0),
            any_censored,
            rounding,
        };
        scoring.kind = scoring.kind();
        scoring
    }

    /// The same for some of the numbers; none where they do not tell of each group.
    pub(super) fn of_some(&self, numbers: &[Observed]) -> Option<Self> {
        let mut some = Self::new(
            self.columns.clone(),
            numbers,
            self.priors.clone(),
            self.loss,
            self.loss_scale,
        );
        for (group, whole) in some.groups.iter_mut().zip(&self.groups) {
            group.scale = whole.scale;
        }
        some.groups
            .iter()
            .all(|group| group.seen > 0)
            .then_some(some)
    }

    /// How many rows there are for so many numbers.
    pub(super) fn rows(&self, numbers: usize) -> usize {
        numbers + self.with_sd.len() + self.priors.len()
    }

    /// Whether the value is the sum of the scores' squares.
    pub(super) fn is_least_squares(&self) -> bool {
        self.kind != Kind::Other
    }

    /// Whether the scores are the residuals as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.kind == Kind::OneGroup && !self.weighted
    }

    /// Whether one standard deviation is estimated, and nothing else has a part in the value.
    pub(super) fn is_one_group(&self) -> bool {
        self.kind == Kind::OneGroup
    }

    /// The group that a number's standard deviation is estimated with.
    pub(super) fn group(&self, number: &Observed) -> Option<usize> {
        match self.columns[number.column as usize].spread {
            Spread::Group(group) => Some(group),
            _ => None,
        }
    }

    /// Whether the scale of a robust loss is that of the residuals.
    pub(super) fn needs_scales(&self) -> bool {
        self.loss != Loss::Squares && self.loss_scale.is_none() && self.is_estimated()
    }

    /// Changes the loss.
    pub(super) fn loss_is(&mut self, loss: Loss) {
        self.loss = loss;
        self.kind = self.kind();
    }

    /// Changes the scales of groups; gives the part by which the one that is moved most is moved.
    pub(super) fn rescale(&mut self, scales: &[f64]) -> f64 {
        let mut most = 0.0_f64;
        for (group, &scale) in self.groups.iter_mut().zip(scales) {
            let moved = (group.scale / scale - 1.0).abs();
            most = if moved.is_nan() {
                f64::INFINITY
            } else {
                most.max(moved)
            };
            group.scale = scale;
        }
        most
    }

    fn kind(&self) -> Kind {
        let all = |spread: fn(Spread) -> bool| self.columns.iter().all(|c| spread(c.spread));
        let of_group = |spread| matches!(spread, Spread::Group(_));
        if self.any_censored || self.loss != Loss::Squares {
            Kind::Other
        } else if self.groups.len() == 1 && self.priors.is_empty() && all(of_group) {
            Kind::OneGroup
        } else if all(|spread| spread == Spread::Known) {
            Kind::Squares
        } else {
            Kind::Other
        }
    }

    /// Whether standard deviations are estimated, by residuals.
    pub(super) fn is_estimated(&self) -> bool {
        !self.groups.is_empty()
    }

    /// A prediction less what was observed, on the scale of the noise.
    pub(super) fn residual(&self, number: &Observed, prediction: f64) -> f64 {
        let noise = self.columns[number.column as usize].noise;
        on_scale(noise, prediction) - number.value
    }

    /// The likeliest standard deviation of each group, for predictions.
    pub(super) fn likeliest(&self, numbers: &[Observed], predictions: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.groups.len()];
        let mut distances: Vec<Vec<f64>> = vec![Vec::new(); self.groups.len()];
        for (number, &prediction) in numbers.iter().zip(predictions) {
            let column = &self.columns[number.column as usize];
            let Spread::Group(group) = column.spread else {
                continue;
            };
            let prediction = on_scale(column.noise, prediction);
            match number.censored {
                None => sums[group] += ((prediction - number.value) / number.sd).powi(2),
                Some(side) => {
                    let distance = distance(prediction, number.value, side);
                    distances[group].push(distance / number.sd);
                }
            }
        }
        let groups = self.groups.iter().zip(sums).zip(distances);
        groups
            .map(|((group, sum), distances)| {
                let sum = sum + group.floor;
                if distances.is_empty() {
                    (sum / group.seen as f64).sqrt()
                } else {
                    precision(sum, group.seen, &distances).recip()
                }
            })
            .collect()
    }

    /// Fills the rows, and gives the value. `sds` are the predicted standard deviations of the numbers,
    /// none where there are none.
    pub(super) fn score(
        &self,
        numbers: &[Observed],
        predictions: &[f64],
        sds: &[f64],
        params: &[f64],
        rows: &mut [Row],
    ) -> f64 {
        let of_groups = match self.kind {
            Kind::Other if self.loss == Loss::Squares => self.likeliest(numbers, predictions),
            _ => Vec::new(),
        };
        let (of_numbers, others) = rows.split_at_mut(numbers.len());
        let mut others = others.iter_mut();
        let mut value = 0.0;
        for (at, (number, row)) in numbers.iter().zip(of_numbers).enumerate() {
            let column = &self.columns[number.column as usize];
            let prediction = on_scale(column.noise, predictions[at]);
            let (sd, groups_own) = match (column.spread, self.kind) {
                (Spread::Known | Spread::Counts, _) | (_, Kind::OneGroup | Kind::Squares) => {
                    (number.sd, false)
                }
                (Spread::Predicted, _) => (sds.get(at).copied().unwrap_or(f64::NAN), false),
                (Spread::Group(_), _) if self.loss != Loss::Squares => (number.sd, false),
                (Spread::Group(group), _) => (number.sd * of_groups[group], true),
            };
            let part;
            (part, *row) = match (number.censored, column.spread) {
                (Some(side), _) => censored(prediction, number.value, sd, side),
                (None, Spread::Counts) => poisson(prediction, number.value),
                (None, Spread::Predicted) => {
                    let (part, [of_prediction, of_sd]) =
                        normal_with_sd(prediction, number.value, sd);
                    if let Some(other) = others.next() {
                        *other = of_sd;
                    }
                    (part, of_prediction)
                }
                (None, _) if self.loss != Loss::Squares => {
                    let scale = match column.spread {
                        Spread::Group(group) => self.groups[group].scale,
                        _ => self.known_scale(),
                    };
                    robust(self.loss, prediction, number.value, sd * scale)
                }
                (None, _) => normal(prediction, number.value, sd),
            };
            value += part;
            if groups_own && number.censored.is_none() {
                // The density has the likeliest deviation too.
                value += 2.0 * math::ln(sd);
            }
            if column.noise == Noise::Lognormal {
                row.by_prediction /= predictions[at];
            }
        }
        for (group, sd) in self.groups.iter().zip(&of_groups) {
            value += group.floor / (sd * sd);
        }
        for prior in &self.priors {
            let z = (params[prior.unknown] - prior.mean) / prior.sd;
            value += z * z;
            if let Some(row) = others.next() {
                *row = Row {
                    score: z,
                    by_prediction: prior.sd.recip(),
                    by_sd: 0.0,
                };
            }
        }
        value
    }

    /// The scale of a robust loss where standard deviations are known: in units of these.
    fn known_scale(&self) -> f64 {
        self.loss_scale.unwrap_or(1.0)
    }
}
