//! Central differences that say how far they can be trusted.
//!
//! A function of one number with several results goes in; the derivatives of the results come out,
//! with the step they were taken at and an estimate of their error.
//!
//! **Invariants**
//! - Steps shrink by halves from an eighth of a scale; at each, Richardson's extrapolation takes off the
//!   errors of second and fourth order. The step whose own estimate is smallest wins.
//! - The estimate is the last term taken off plus what rounding leaves, the larger of all results.
//!   Rounding is that of the results, or what the caller says they may be off by.

/// How many steps are tried.
const STEPS: i32 = 24;

/// Narrower steps are of no use once the estimate has grown so often in a row …
const PATIENCE: usize = 4;

/// … from one as fine as this, relative to the derivatives. (Steps wider than what a function does
/// may agree with each other by chance.)
const FINE: f64 = 1e-7;

/// Derivatives by central differences.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// One for each result.
    pub(super) derivatives: Vec<f64>,
    /// How wrong they may be.
    pub(super) error: f64,
    /// The widest step used.
    pub(super) step: f64,
    /// The largest magnitude of a result, over all steps tried.
    pub(super) largest: f64,
}

impl Estimate {
    /// Whether results could be seen to change as a derivative says: one that would change them by more
    /// than they are, over the finest step there is relative to `at`, is beyond differences.
    pub(super) fn sees(&self, derivative: f64, at: f64) -> bool {
        let finest = at.abs() * 0.5_f64.powi(STEPS + 2);
        // What is infinite or NaN is for the comparison to judge.
        !derivative.is_finite() || derivative.abs() * finest <= self.largest
    }
}

/// What steps at a number are relative to.
pub(super) fn scale_of(at: f64) -> f64 {
    if at == 0.0 { 1.0 } else { at.abs() }
}

/// Differentiates `f` at `at` by steps relative to `scale`; none if no three steps in a row stay where
/// `f` is defined. `f` gives none for points that must not be used, and results that may each be off by
/// `noise`.
pub(super) fn central(
    at: f64,
    scale: f64,
    noise: f64,
    f: &mut dyn FnMut(f64) -> Option<Vec<f64>>,
) -> Option<Estimate> {
    let mut levels: Vec<Level> = Vec::new();
    let mut best: Option<Estimate> = None;
    let (mut worse, mut all) = (0, 0.0_f64);
    for power in 3..3 + STEPS {
        let h = scale * 0.5_f64.powi(power);
        let (above, below) = (at + h, at - h);
        let pair = f(above).zip(f(below));
        let Some((up, down)) = pair.filter(|(up, down)| up.len() == down.len()) else {
            levels.clear();
            continue;
        };
        let width = above - below;
        let largest = up.iter().chain(&down).fold(0.0_f64, |m, x| m.max(x.abs()));
        all = all.max(largest);
        let second: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / width).collect();
        let before = levels.last();
        let fourth = before.map(|b| extrapolate(&second, &b.second, 4.0));
        let sixth = match (&fourth, before.and_then(|b| b.fourth.as_ref())) {
            (Some(fine), Some(coarse)) => Some(extrapolate(fine, coarse, 16.0)),
            _ => None,
        };
        if let (Some(fourth), Some(sixth)) = (&fourth, sixth) {
            let taken = fourth.iter().zip(&sixth).map(|(a, b)| (a - b).abs());
            // The results are rounded, and what the number was rounded to is passed on.
            let steepest = sixth.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
            let off = (4.0 * f64::EPSILON * largest).max(2.0 * noise);
            let rounding = (off + 4.0 * f64::EPSILON * at.abs() * steepest) / h;
            let error = taken.fold(0.0_f64, max_or_nan) + rounding;
            if best
                .as_ref()
                .is_none_or(|b| error < b.error || b.error.is_nan())
            {
                best = Some(Estimate {
                    derivatives: sixth,
                    error,
                    step: 4.0 * h,
                    largest: 0.0,
                });
                worse = 0;
            } else {
                worse += 1;
            }
        }
        let fine = |best: &Estimate| {
            let largest = best.derivatives.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
            best.error <= FINE * largest
        };
        if worse > PATIENCE && best.as_ref().is_some_and(fine) {
            break;
        }
        levels.push(Level { second, fourth });
    }
    best.map(|best| Estimate {
        largest: all,
        ..best
    })
}

struct Level {
    second: Vec<f64>,
    fourth: Option<Vec<f64>>,
}

/// What is left of the differences at two steps, one half the other, when the leading error is taken
/// off.
fn extrapolate(fine: &[f64], coarse: &[f64], factor: f64) -> Vec<f64> {
    let pairs = fine.iter().zip(coarse);
    pairs
        .map(|(f, c)| (factor * f - c) / (factor - 1.0))
        .collect()
}

/// The larger of two, NaN if one is.
pub(super) fn max_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b <= a { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_bounds_the_error() {
        type Case = (fn(f64) -> f64, fn(f64) -> f64, f64);
        let cases: [Case; 7] = [
            (f64::exp, f64::exp, 1.5),
            (f64::sin, f64::cos, -40.0),
            (f64::sqrt, |x| 0.5 / x.sqrt(), 1e-9),
            (|x| x * x * x, |x| 3.0 * x * x, 0.0),
            (|x| 1.0 / x, |x| -1.0 / (x * x), 1e6),
            (f64::tanh, |x| 1.0 - x.tanh() * x.tanh(), 3.0),
            (|x| (1e4 * x).sin(), |x| 1e4 * (1e4 * x).cos(), 0.7),
        ];
        for (f, slope, at) in cases {
            let scale = scale_of(at);
            let mut pair = |x: f64| Some(vec![f(x), 2.0 * f(x)]);
            let found = central(at, scale, 0.0, &mut pair).unwrap();
            let expected = slope(at);
            let wrong = (found.derivatives[0] - expected).abs();
            assert!(wrong <= found.error, "at {at}: {found:?} for {expected}");
            let precise = 1e-6 * expected.abs().max(1e-3);
            assert!(found.error < precise, "at {at}: {found:?} for {expected}");
        }
    }

    #[test]
    fn a_jump_shows_in_the_estimate_and_holes_are_stepped_over() {
        let jump = |x: f64| Some(vec![if x < 1.0 { 0.0 } else { 1.0 }]);
        let found = central(1.0, 1.0, 0.0, &mut |x| jump(x)).unwrap();
        assert!(found.error > 0.5, "{found:?}");
        let mut narrow = |x: f64| ((x - 2.0).abs() < 0.01).then(|| vec![x * x]);
        let found = central(2.0, 2.0, 0.0, &mut narrow).unwrap();
        assert!((found.derivatives[0] - 4.0).abs() < 1e-9 && found.step < 0.02);
        assert!(central(2.0, 2.0, 0.0, &mut |_| None).is_none());
    }
}
