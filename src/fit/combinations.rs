//! What the data do determine where they do not determine single parameters.
//!
//! A minimum goes in with a direction that changes no score; the combinations of parameters that stay as
//! they are along it come out, by name: of `a exp(b - x)` neither `a` nor `b` is known, and `a*exp(b)` is.
//!
//! **Invariants**
//! - A combination is told only where the scores stay as they are while the parameters move by a third
//!   along it: what is true of derivatives alone is not told.

use crate::prim::math;

/// How far the parameters are moved, as a part of themselves or of the farthest-moving one.
const MOVED: f64 = 0.3;

/// Two numbers that are the same but for rounding on the way.
const SAME: f64 = 1e-5;

/// The largest power that is told.
const POWER: i32 = 4;

/// A combination of parameters that is determined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Combination {
    /// As Scheme's neighbours write it: `a*exp(b)`.
    pub(super) text: String,
    pub(super) value: f64,
}

/// The combinations that stay along `direction`, of n numbers. `stays` says whether the scores are at other
/// parameters what they are at `params`.
pub(super) fn combinations(
    params: &[f64],
    names: &[&str],
    direction: &[f64],
    mut stays: impl FnMut(&[f64]) -> bool,
) -> Vec<Combination> {
    let largest = (0..params.len())
        .map(|j| share(params[j], direction[j]))
        .fold(0.0, f64::max);
    let involved: Vec<usize> = (0..params.len())
        .filter(|&j| share(params[j], direction[j]) > SAME * largest)
        .collect();
    if involved.len() < 2 || !largest.is_finite() {
        return Vec::new();
    }
    let line = Line {
        params,
        names,
        direction,
        involved: &involved,
    };
    // In this order: a product is more often meant than a sum.
    for attempt in [line.powers(), line.exponential(), line.sums()] {
        if let Some((moved, told)) = attempt
            && moved.iter().all(|x| x.is_finite())
            && stays(&moved)
        {
            return told;
        }
    }
    Vec::new()
}

/// How much of a direction is a parameter's.
fn share(param: f64, by: f64) -> f64 {
    if param == 0.0 {
        by.abs()
    } else {
        (by / param).abs()
    }
}

/// Parameters that move together.
struct Line<'a> {
    params: &'a [f64],
    names: &'a [&'a str],
    direction: &'a [f64],
    involved: &'a [usize],
}

impl Line<'_> {
    /// Each by a power of the first: products and quotients stay.
    fn powers(&self) -> Option<(Vec<f64>, Vec<Combination>)> {
        if self.involved.iter().any(|&j| self.params[j] == 0.0) {
            return None;
        }
        let rate = |j: usize| self.direction[j] / self.params[j];
        let first = self.involved[0];
        let mut moved = self.params.to_vec();
        let mut told = Vec::new();
        for &j in self.involved {
            moved[j] *= math::exp(MOVED * rate(j) / rate(first));
            if j == first {
                continue;
            }
            // first^a j^b stays where a rate(first) + b rate(j) = 0.
            let (a, b) = whole_ratio(-rate(j) / rate(first))?;
            let power = |name: &str, power: i32| match power {
                1 => name.to_owned(),
                power => format!("{name}^{power}"),
            };
            let (one, other) = (self.names[first], self.names[j]);
            let text = match b {
                b if b < 0 => format!("{}/{}", power(one, a), power(other, -b)),
                b => format!("{}*{}", power(one, a), power(other, b)),
            };
            let value = self.params[first].powi(a) * self.params[j].powi(b);
            told.push(Combination { text, value });
        }
        Some((moved, told))
    }

    /// One by a factor and the other by a term: `a exp(k b)` stays.
    fn exponential(&self) -> Option<(Vec<f64>, Vec<Combination>)> {
        let &[one, other] = self.involved else {
            return None;
        };
        let rate = |j: usize| self.direction[j] / self.params[j];
        [(one, other), (other, one)]
            .into_iter()
            .find_map(|(factor, term)| {
                let k = -rate(factor) / self.direction[term];
                let k = if (k.abs() - 1.0).abs() < SAME {
                    k.signum()
                } else {
                    return None;
                };
                let mut moved = self.params.to_vec();
                moved[factor] *= math::exp(-k * MOVED);
                moved[term] += MOVED;
                let sign = if k < 0.0 { "-" } else { "" };
                let text = format!("{}*exp({sign}{})", self.names[factor], self.names[term]);
                let value = self.params[factor] * math::exp(k * self.params[term]);
                Some((moved, vec![Combination { text, value }]))
            })
    }

    /// Each by a term: sums and differences stay.
    fn sums(&self) -> Option<(Vec<f64>, Vec<Combination>)> {
        let farthest = (self.involved.iter())
            .map(|&j| self.direction[j].abs())
            .fold(0.0, f64::max);
        let size = (self.involved.iter())
            .map(|&j| self.params[j].abs())
            .fold(0.0, f64::max);
        let by = MOVED * if size > 0.0 { size } else { 1.0 } / farthest;
        let first = self.involved[0];
        let mut moved = self.params.to_vec();
        let mut told = Vec::new();
        for &j in self.involved {
            moved[j] += by * self.direction[j];
            if j == first {
                continue;
            }
            // a first + b j stays where a direction(first) + b direction(j) = 0.
            let (a, b) = whole_ratio(-self.direction[j] / self.direction[first])?;
            let term = |name: &str, factor: i32| match factor {
                1 => name.to_owned(),
                factor => format!("{factor}*{name}"),
            };
            let sign = if b < 0 { '-' } else { '+' };
            let (one, other) = (self.names[first], self.names[j]);
            let text = format!("{} {sign} {}", term(one, a), term(other, b.abs()));
            let value = f64::from(a) * self.params[first] + f64::from(b) * self.params[j];
            told.push(Combination { text, value });
        }
        Some((moved, told))
    }
}

/// A ratio as small whole numbers, the lower one's sign in it: 1.5 is (3, 2), -2 is (2, -1). None where it is
/// none.
fn whole_ratio(ratio: f64) -> Option<(i32, i32)> {
    (1..=POWER).find_map(|b| {
        let a = ratio.abs() * f64::from(b);
        let whole = a.round();
        let fits = (a - whole).abs() < SAME * a && (1.0..=f64::from(POWER)).contains(&whole);
        let sign = if ratio < 0.0 { -1 } else { 1 };
        fits.then_some((whole as i32, sign * b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(params: &[f64], direction: &[f64], model: fn(&[f64]) -> f64) -> Vec<String> {
        let at = model(params);
        let same = |moved: &[f64]| (model(moved) / at - 1.0).abs() < 1e-9;
        let all = combinations(params, &["a", "b", "c"][..params.len()], direction, same);
        all.into_iter()
            .map(|c| format!("{} = {:.4}", c.text, c.value))
            .collect()
    }

    #[test]
    fn combinations_are_what_stays() {
        assert_eq!(
            told(&[2.0, 3.0], &[2.0, -3.0], |p| p[0] * p[1]),
            ["a*b = 6.0000"]
        );
        assert_eq!(
            told(&[2.0, 4.0], &[1.0, 2.0], |p| p[0] / p[1]),
            ["a/b = 0.5000"]
        );
        assert_eq!(
            told(&[2.0, 3.0], &[4.0, -3.0], |p| p[0] * p[1] * p[1]),
            ["a*b^2 = 18.0000"]
        );
        assert_eq!(
            told(&[2.0, 3.0], &[2.0, -1.0], |p| p[0] * p[1].exp()),
            ["a*exp(b) = 40.1711"]
        );
        assert_eq!(
            told(&[3.0, 2.0], &[1.0, 2.0], |p| p[1] * (-p[0]).exp()),
            ["b*exp(-a) = 0.0996"]
        );
        assert_eq!(
            told(&[2.0, 3.0], &[1.0, -1.0], |p| p[0] + p[1]),
            ["a + b = 5.0000"]
        );
        assert_eq!(
            told(&[2.0, 3.0], &[2.0, 1.0], |p| p[0] - 2.0 * p[1]),
            ["a - 2*b = -4.0000"]
        );
        assert_eq!(
            told(&[2.0, 3.0, 4.0], &[2.0, -3.0, 4.0], |p| p[0] * p[1]
                + p[0] / p[2]),
            ["a*b = 6.0000", "a/c = 0.5000"]
        );
    }

    #[test]
    fn what_is_so_of_derivatives_alone_is_not_told() {
        // At 1, 1 the product and the sum have the same direction, and this is neither.
        let model = |p: &[f64]| 1.0 + (p[0] - 1.0 + p[1] - 1.0) + (p[0] - 1.0).powi(3);
        assert!(told(&[1.0, 1.0], &[1.0, -1.0], model).is_empty());
        // Alone a parameter is no combination.
        assert!(told(&[1.0, 1.0], &[1.0, 0.0], |p| p[1]).is_empty());
    }
}
