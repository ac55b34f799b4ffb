//! `Space`: where a search moves, and in which coordinates.
//!
//! Bounds go in, and which parameters the scores are linear in; coordinates of values, values of
//! coordinates and the slopes between them come out.
//!
//! **Invariants**
//! - A value is never outside its bound; it may be on an end of [`Bound::Between`], of a bound of a linear
//!   parameter, and where a search has put it there.
//! - Linear parameters come first in [`Space::order`], the others after them, each in their order.
//!
//! A parameter with one end that is no linear one is searched for by the logarithm of its distance from
//! it, because it is a scale: a unit is a factor e. All others are searched for as they are, with the
//! ends as walls.

use crate::fit::bounds::Bound;

/// The parameters of a search.
#[derive(Clone, Debug)]
pub(super) struct Space<'a> {
    bounds: &'a [Bound],
    linear: Vec<bool>,
    order: Vec<usize>,
}

impl<'a> Space<'a> {
    /// A space of which all parameters are searched for.
    pub(super) fn new(bounds: &'a [Bound]) -> Self {
        Self::with_linear(bounds, vec![false; bounds.len()])
    }

    /// A space with parameters that the scores are linear in, all of them together, whatever the others
    /// are: they are solved for.
    pub(super) fn with_linear(bounds: &'a [Bound], linear: Vec<bool>) -> Self {
        let (first, then): (Vec<usize>, Vec<usize>) = (0..bounds.len()).partition(|&j| linear[j]);
        Self {
            bounds,
            linear,
            order: [first, then].concat(),
        }
    }

    /// The number of parameters.
    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    pub(super) fn bounds(&self) -> &'a [Bound] {
        self.bounds
    }

    /// The parameters, those that are solved for first.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The number of those that are solved for.
    pub(super) fn solved(&self) -> usize {
        self.linear.iter().filter(|&&linear| linear).count()
    }

    pub(super) fn is_linear(&self, j: usize) -> bool {
        self.linear[j]
    }

    /// Whether a parameter is searched for by a logarithm.
    pub(super) fn is_log(&self, j: usize) -> bool {
        !self.linear[j] && matches!(self.bounds[j], Bound::Above(_) | Bound::Below(_))
    }

    /// The coordinate of a value; infinite at the end that a logarithm is taken from.
    pub(super) fn coordinate(&self, j: usize, value: f64) -> f64 {
        if self.is_log(j) {
            self.bounds[j].coordinate(value)
        } else {
            value
        }
    }

    /// The value of a coordinate, within the bound.
    pub(super) fn value(&self, j: usize, coordinate: f64) -> f64 {
        let bound = self.bounds[j];
        match bound {
            Bound::Above(low) if self.is_log(j) && coordinate == f64::NEG_INFINITY => low,
            Bound::Below(high) if self.is_log(j) && coordinate == f64::INFINITY => high,
            _ if self.is_log(j) => bound.value(coordinate),
            _ => {
                let (low, high) = bound.ends();
                coordinate.max(low.max(f64::MIN)).min(high.min(f64::MAX))
            }
        }
    }

    /// The derivative of the value by the coordinate.
    pub(super) fn slope(&self, j: usize, coordinate: f64) -> f64 {
        if self.is_log(j) {
            self.bounds[j].slope(coordinate)
        } else {
            1.0
        }
    }

    /// The size of a coordinate that a small step is small against: that of a logarithm is 1, a factor e.
    pub(super) fn magnitude(&self, j: usize, coordinate: f64) -> f64 {
        if self.is_log(j) {
            1.0
        } else {
            coordinate.abs()
        }
    }

    /// How far a coordinate may go down and up from where it is.
    pub(super) fn room(&self, j: usize, coordinate: f64) -> (f64, f64) {
        if self.is_log(j) {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let (low, high) = self.bounds[j].ends();
        (low - coordinate, high - coordinate)
    }
}
