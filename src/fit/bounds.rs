//! Bounds on parameters: their ends, and smooth maps to a line without ends.
//!
//! A parameter's value goes in with its [`Bound`]; a coordinate that may be any real number comes
//! out, and back again, with the slope of the way back.
//!
//! **Invariants**
//! - [`Bound::value`] is strictly inside the bound and finite for every coordinate but NaN, so a
//!   model never sees a value on its bound, however far a step went.
//! - [`Bound::value`] increases with the coordinate (for [`Bound::Below`] too).
//!
//! ```text
//! Free             p = z                         dp/dz = 1
//! Above(lo)        p = lo + exp(z)               dp/dz = exp(z)
//! Below(hi)        p = hi - exp(-z)              dp/dz = exp(-z)
//! Between(lo, hi)  p = lo + (hi - lo) s(z)       dp/dz = (hi - lo) s(z) s(-z),  s(z) = 1/(1 + exp(-z))
//! ```
//!
//! A unit of the coordinate of `Above` or `Below` is a factor e in the distance from the bound, and
//! near either end of `Between` it is nearly so: steps are relative where the scale is unknown.

use crate::prim::math;
use crate::syntax::Constraint;

/// Where a parameter may be. Maps exclude the ends themselves; a search may end on one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Bound {
    /// Anywhere.
    #[default]
    Free,
    /// Above a lower end.
    Above(f64),
    /// Below an upper end.
    Below(f64),
    /// Between a lower and an upper end.
    Between(f64, f64),
}

impl Bound {
    /// Whether the ends are finite numbers in their order, with a finite distance between them.
    pub(crate) fn is_valid(self) -> bool {
        match self {
            Self::Free => true,
            Self::Above(end) | Self::Below(end) => end.is_finite(),
            Self::Between(low, high) => low < high && (high - low).is_finite(),
        }
    }

    /// Whether `value` is finite and strictly inside.
    pub(crate) fn contains(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Self::Free => true,
                Self::Above(low) => value > low,
                Self::Below(high) => value < high,
                Self::Between(low, high) => low < value && value < high,
            }
    }

    /// The lower and the upper end; infinite where there is none.
    pub(crate) fn ends(self) -> (f64, f64) {
        match self {
            Self::Free => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Above(low) => (low, f64::INFINITY),
            Self::Below(high) => (f64::NEG_INFINITY, high),
            Self::Between(low, high) => (low, high),
        }
    }

    /// Whether a search may start at `value`: inside, or at an end of an interval.
    pub(crate) fn admits(self, value: f64) -> bool {
        match self {
            Self::Between(low, high) => low <= value && value <= high,
            _ => self.contains(value),
        }
    }

    /// The coordinate of `value`; infinite or NaN unless the bound contains it.
    pub(crate) fn coordinate(self, value: f64) -> f64 {
        match self {
            Self::Free => value,
            Self::Above(low) => math::ln(value - low),
            Self::Below(high) => -math::ln(high - value),
            // A difference of logarithms, because the ratio can overflow and they cannot.
            Self::Between(low, high) => math::ln(value - low) - math::ln(high - value),
        }
    }

    /// The value at `coordinate`, rounded to the inside where the formula rounds to an end.
    pub(crate) fn value(self, coordinate: f64) -> f64 {
        match self {
            Self::Free => coordinate.clamp(f64::MIN, f64::MAX),
            Self::Above(low) => (low + math::exp(coordinate)).clamp(low.next_up(), f64::MAX),
            Self::Below(high) => (high - math::exp(-coordinate)).clamp(f64::MIN, high.next_down()),
            Self::Between(low, high) => {
                // From the nearer end, so that a small distance from it keeps its digits.
                let fraction = nearer_fraction(coordinate);
                let value = if coordinate < 0.0 {
                    low + (high - low) * fraction
                } else {
                    high - (high - low) * fraction
                };
                // Neighbors have nothing between them: the upper end then stands for the inside.
                value.max(low.next_up()).min(high.next_down())
            }
        }
    }

    /// The derivative of [`Bound::value`] at `coordinate`; never negative.
    pub(crate) fn slope(self, coordinate: f64) -> f64 {
        match self {
            Self::Free => 1.0,
            Self::Above(_) => math::exp(coordinate),
            Self::Below(_) => math::exp(-coordinate),
            Self::Between(low, high) => {
                let fraction = nearer_fraction(coordinate);
                (high - low) * fraction * (1.0 - fraction)
            }
        }
    }
}

impl From<Constraint> for Bound {
    fn from(constraint: Constraint) -> Self {
        match constraint {
            Constraint::Free => Self::Free,
            Constraint::Above(lo) => Self::Above(lo),
            Constraint::Below(hi) => Self::Below(hi),
            Constraint::Between(lo, hi) => Self::Between(lo, hi),
        }
    }
}

/// `s(-|z|)` for the logistic function `s`: the fraction of the interval to the nearer end.
fn nearer_fraction(coordinate: f64) -> f64 {
    let e = math::exp(-coordinate.abs());
    e / (1.0 + e)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Bound; 7] = [
        Bound::Free,
        Bound::Above(0.0),
        Bound::Above(-3.0),
        Bound::Below(0.0),
        Bound::Below(1e3),
        Bound::Between(0.0, 1.0),
        Bound::Between(-2.0, 1e6),
    ];

    #[test]
    fn a_value_comes_back_from_its_coordinate() {
        for bound in BOUNDS {
            for value in [-1e5, -1.5, -1e-9, 1e-12, 0.25, 0.999_999, 7.5, 999.0, 4e5] {
                if bound.contains(value) {
                    let back = bound.value(bound.coordinate(value));
                    // A value far nearer to zero than to its bound is lost in the distance to it.
                    let size = match bound {
                        Bound::Free => value.abs(),
                        Bound::Above(end) | Bound::Below(end) => value.abs().max(end.abs()),
                        Bound::Between(low, _) => value.abs().max(low.abs()),
                    };
                    let error = (back - value).abs();
                    assert!(error <= 1e-14 * size, "{bound:?} {value} {back}");
                }
            }
        }
    }

    #[test]
    fn a_tiny_distance_from_an_end_keeps_its_digits() {
        for value in [1e-300, 1e-200, 1e-20] {
            for bound in [Bound::Above(0.0), Bound::Between(0.0, 1.0)] {
                let back = bound.value(bound.coordinate(value));
                assert!(
                    (back / value - 1.0).abs() < 1e-12,
                    "{bound:?} {value} {back}"
                );
            }
        }
    }

    #[test]
    fn no_coordinate_leaves_the_bound() {
        for bound in BOUNDS {
            for coordinate in [
                -f64::INFINITY,
                -1e308,
                -800.0,
                -40.0,
                0.0,
                40.0,
                800.0,
                f64::INFINITY,
            ] {
                let value = bound.value(coordinate);
                assert!(bound.contains(value), "{bound:?} {coordinate} {value}");
                assert!(bound.slope(coordinate) >= 0.0);
            }
        }
    }

    #[test]
    fn slope_is_the_derivative() {
        for bound in BOUNDS {
            for coordinate in [-5.0, -0.7, 0.0, 0.3, 4.0] {
                let h = 1e-5;
                let central =
                    (bound.value(coordinate + h) - bound.value(coordinate - h)) / (2.0 * h);
                let slope = bound.slope(coordinate);
                assert!(
                    (slope - central).abs() <= 1e-5 * slope,
                    "{bound:?} {coordinate}"
                );
            }
        }
    }

    #[test]
    fn ends_out_of_order_or_not_finite_are_refused() {
        assert!(!Bound::Between(1.0, 1.0).is_valid());
        assert!(!Bound::Between(2.0, 1.0).is_valid());
        assert!(!Bound::Between(-1e308, 1e308).is_valid());
        assert!(!Bound::Above(f64::NAN).is_valid());
        assert!(!Bound::Below(f64::INFINITY).is_valid());
        assert!(!Bound::Above(0.0).contains(0.0));
        assert!(!Bound::Free.contains(f64::INFINITY));
    }
}
