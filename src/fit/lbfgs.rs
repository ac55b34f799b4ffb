//! A minimum within bounds by L-BFGS: curvature is learned from the gradients of the last steps.
//!
//! A function with its gradient, ends of each coordinate and a place to begin go in; step by step a
//! minimum comes out. Nothing is known here of programs or of what coordinates stand for.
//!
//! **Invariants**
//! - Every point that is asked for is within the ends; a coordinate may be on one.
//! - The value never rises by more than rounding from one step to the next.
//! - A point whose value or gradient is not finite is never moved to.
//!
//! A step goes along the free coordinates: those that are not on an end with a gradient that pushes
//! beyond it. Where it leaves the box it is bent along its faces (Bertsekas, "Projected Newton methods",
//! 1982), and its length is searched for by the weak conditions of Wolfe, between a length that is too
//! short and one that is too long (Lewis and Overton, 2013). Near a minimum the values' own rounding is larger
//! than their differences; there the slopes decide (Hager and Zhang, 2005).

use std::collections::VecDeque;

/// A function with its gradient.
pub(super) trait Smooth {
    /// Why a point has no value.
    type Error;

    /// Writes the gradient at a point, and gives the value there.
    ///
    /// # Errors
    /// When there is none. Numbers that are not finite are no error.
    fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Self::Error>;
}

/// How a descent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There may be more to gain.
    Running,
    /// No step would gain anything that can be told from rounding.
    Converged,
    /// No step led down although the gradient did.
    Stuck,
    /// It goes on and on, and so it may forever.
    Falling,
}

/// How many steps curvature is learned from.
const MEMORY: usize = 20;

/// The part of the slope at the beginning that a step has to gain at the least,
const GAINED: f64 = 1e-4;

/// and that may be left at its end.
const LEFT: f64 = 0.9;

/// How many lengths of a step are tried.
const LENGTHS: usize = 60;

/// How far the first step goes, of the coordinates' sizes.
const FIRST: f64 = 0.1;

/// Values that differ by less than this part may be the same, but for rounding.
const ROUNDING: f64 = 1e-14;

/// Rounding decides over values from where less than this part of them is to be gained.
const NEARLY: f64 = 1e-9;

/// A step is expected to gain nothing if that is less than this part of what was gained so far,
const NO_GAIN: f64 = 1e-24;

/// or than this part of the value; expected of so many steps in a row.
const NO_GAIN_OF_VALUE: f64 = 1e-20;
const IN_A_ROW: usize = 2;

/// Below this part of the value, rounding may keep it from becoming less: after so many in a row.
const LITTLE: f64 = 1e-15;
const MANY_IN_A_ROW: usize = 6;

/// Where no step leads down, and less than this part of the value was to be gained, there is nothing to
/// gain.
const LOST_IN_ROUNDING: f64 = 1e-12;

/// Coordinates of this size are nowhere.
const NOWHERE: f64 = 1e30;

/// A coordinate is as good as on an end where it is nearer than this part of its size.
const NEXT_TO: f64 = 1e-12;

/// A step that was taken, and what it did to the gradient.
#[derive(Clone, Debug)]
struct Taken {
    step: Vec<f64>,
    change: Vec<f64>,
}

/// A descent under way.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    lower: Vec<f64>,
    upper: Vec<f64>,
    x: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
    first_value: f64,
    taken: VecDeque<Taken>,
    state: State,
    no_gain: usize,
    little: usize,
    iterations: usize,
    evaluations: usize,
    /// How many evaluations there may be in all.
    most: usize,
    held_back: bool,
    /// What is to be gained along the last direction, by the curvature that its first length showed.
    to_gain: f64,
}

impl Descent {
    /// Begins at a point, which is moved inside the ends. None where value or gradient are not finite
    /// there.
    ///
    /// # Errors
    /// When there is no value.
    pub(super) fn new<F: Smooth>(
        function: &mut F,
        lower: Vec<f64>,
        upper: Vec<f64>,
        mut x: Vec<f64>,
    ) -> Result<Option<Self>, F::Error> {
        for (x, (&low, &high)) in x.iter_mut().zip(lower.iter().zip(&upper)) {
            *x = x.max(low).min(high);
        }
        let mut gradient = vec![0.0; x.len()];
        let value = function.evaluate(&x, &mut gradient)?;
        if !is_finite(value, &gradient) {
            return Ok(None);
        }
        Ok(Some(Self {
            lower,
            upper,
            x,
            gradient,
            value,
            first_value: value,
            taken: VecDeque::new(),
            state: State::Running,
            no_gain: 0,
            little: 0,
            iterations: 0,
            evaluations: 1,
            most: usize::MAX,
            held_back: false,
            to_gain: f64::INFINITY,
        }))
    }

    /// Keeps a coordinate where it is, and goes on with what the function has become by that; says whether
    /// it has a value. Otherwise nothing changes.
    pub(super) fn hold<F: Smooth>(&mut self, function: &mut F, j: usize) -> bool {
        let mut gradient = vec![f64::NAN; self.x.len()];
        self.evaluations += 1;
        let value = function.evaluate(&self.x, &mut gradient);
        let value = value.unwrap_or(f64::NAN);
        if !is_finite(value, &gradient) {
            return false;
        }
        (self.value, self.gradient) = (value, gradient);
        (self.lower[j], self.upper[j]) = (self.x[j], self.x[j]);
        (self.state, self.no_gain, self.little) = (State::Running, 0, 0);
        true
    }

    pub(super) fn x(&self) -> &[f64] {
        &self.x
    }

    pub(super) fn value(&self) -> f64 {
        self.value
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn iterations(&self) -> usize {
        self.iterations
    }

    pub(super) fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// Whether the last step tried a lower point whose gradient is not finite.
    pub(super) fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// Whether a coordinate is on an end, and its gradient pushes beyond it.
    pub(super) fn is_held(&self, j: usize) -> bool {
        let (x, slope) = (self.x[j], self.gradient[j]);
        x <= self.lower[j] && slope >= 0.0 || x >= self.upper[j] && slope <= 0.0
    }

    /// Takes no more than so many evaluations in all.
    pub(super) fn within(&mut self, most: usize) {
        self.most = most;
    }

    /// Takes a step; one that evaluations do not suffice for goes as far as they do, and leaves it running.
    pub(super) fn step<F: Smooth>(&mut self, function: &mut F) -> State {
        if self.state != State::Running {
            return self.state;
        }
        let is_flat = |j: usize| self.is_held(j) || self.gradient[j] == 0.0;
        if (0..self.x.len()).all(is_flat) {
            self.state = State::Converged;
            return self.state;
        }
        self.iterations += 1;
        self.held_back = false;
        loop {
            let (direction, slope) = self.direction();
            let expected = -0.5 * slope;
            let is_learned = !self.taken.is_empty();
            if is_learned && self.is_done(expected) {
                self.state = State::Converged;
                break;
            }
            if slope < 0.0 && self.search(function, &direction, slope) {
                if self.x.iter().any(|x| x.abs() > NOWHERE) {
                    self.state = State::Falling;
                }
                break;
            }
            if self.evaluations >= self.most {
                break;
            }
            if is_learned {
                // What was learned may be of elsewhere.
                let lost = LOST_IN_ROUNDING * self.value.abs();
                if self.no_gain > 0 || (0.0..=lost).contains(&expected) {
                    self.state = State::Converged;
                    break;
                }
                self.taken.clear();
                continue;
            }
            self.state = if self.to_gain <= LOST_IN_ROUNDING * self.value.abs() {
                State::Converged
            } else {
                State::Stuck
            };
            break;
        }
        self.state
    }

    /// Whether a step that is expected to gain so much would gain nothing.
    fn is_done(&mut self, expected: f64) -> bool {
        let count = |n: usize, is_so: bool| if is_so { n + 1 } else { 0 };
        let gained = self.first_value - self.value;
        let size = self.value.abs();
        let none = expected <= NO_GAIN * gained || expected <= NO_GAIN_OF_VALUE * size;
        self.no_gain = count(self.no_gain, none);
        self.little = count(self.little, expected <= LITTLE * size);
        self.no_gain >= IN_A_ROW || self.little >= MANY_IN_A_ROW
    }

    /// Where to go, and the slope there: along the free coordinates by what was learned; those that are
    /// next to an end, and pushed to it, go there.
    fn direction(&self) -> (Vec<f64>, f64) {
        let n = self.x.len();
        let next_to = |j: usize| {
            let near = |end: f64| (self.x[j] - end).abs() <= NEXT_TO * self.x[j].abs().max(1.0);
            near(self.lower[j]) && self.gradient[j] > 0.0
                || near(self.upper[j]) && self.gradient[j] < 0.0
        };
        let free: Vec<bool> = (0..n).map(|j| !self.is_held(j) && !next_to(j)).collect();
        let mut direction: Vec<f64> = (0..n)
            .map(|j| if free[j] { -self.gradient[j] } else { 0.0 })
            .collect();
        self.by_curvature(&free, &mut direction);
        for j in 0..n {
            if !free[j] {
                direction[j] = match self.gradient[j] > 0.0 {
                    _ if self.is_held(j) => 0.0,
                    true => self.lower[j] - self.x[j],
                    false => self.upper[j] - self.x[j],
                };
            }
        }
        let slope = dot(&self.gradient, &direction);
        (direction, slope)
    }

    /// Multiplies by the inverse of the curvature that the steps taken have shown, in the free coordinates
    /// (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980).
    fn by_curvature(&self, free: &[bool], direction: &mut [f64]) {
        let within = |a: &[f64], b: &[f64]| -> f64 {
            let pairs = a.iter().zip(b).zip(free).filter(|(_, free)| **free);
            pairs.map(|((a, b), _)| a * b).sum()
        };
        let mut used = Vec::with_capacity(self.taken.len());
        let mut scale = None;
        for taken in self.taken.iter().rev() {
            let (step, change) = (&taken.step, &taken.change);
            let curved = within(step, change);
            let lengths = within(step, step).sqrt() * within(change, change).sqrt();
            if curved.is_nan() || curved <= 1e-14 * lengths {
                continue;
            }
            scale.get_or_insert(curved / within(change, change));
            let along = within(step, direction) / curved;
            for j in (0..free.len()).filter(|&j| free[j]) {
                direction[j] -= along * change[j];
            }
            used.push((taken, curved, along));
        }
        let scale = scale.unwrap_or(1.0);
        for d in direction.iter_mut() {
            *d *= scale;
        }
        for (taken, curved, along) in used.into_iter().rev() {
            let back = within(&taken.change, direction) / curved;
            for j in (0..free.len()).filter(|&j| free[j]) {
                direction[j] += (along - back) * taken.step[j];
            }
        }
    }

    /// Searches along a direction, bent at the ends, and moves to where it is lower; says whether it did.
    fn search<F: Smooth>(&mut self, function: &mut F, direction: &[f64], slope: f64) -> bool {
        let n = self.x.len();
        let largest = direction.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        if !slope.is_finite() || !largest.is_finite() {
            return false;
        }
        let mut length = if self.taken.is_empty() {
            FIRST / largest
        } else {
            1.0
        };
        let mut short = 0.0;
        // The longest that is known to be too long, with its value and slope.
        let mut long: Option<(f64, f64)> = None;
        let mut lowest: Option<(Vec<f64>, Vec<f64>, f64)> = None;
        let (mut short_value, mut short_slope) = (self.value, slope);
        self.to_gain = f64::INFINITY;
        // Where the values say nothing, slopes do, as far as what was learned of them is to be trusted.
        let near = !self.taken.is_empty() && -0.5 * slope <= NEARLY * self.value.abs();
        for _ in 0..LENGTHS {
            if self.evaluations >= self.most {
                break;
            }
            let moved = |j: usize| {
                let to = self.x[j] + length * direction[j];
                to.max(self.lower[j]).min(self.upper[j])
            };
            let trial: Vec<f64> = (0..n).map(moved).collect();
            if trial == self.x {
                break;
            }
            let mut gradient = vec![f64::NAN; n];
            self.evaluations += 1;
            let value = function.evaluate(&trial, &mut gradient);
            let value = value.unwrap_or(f64::NAN);
            let is_good = is_finite(value, &gradient);
            self.held_back |= !is_good && value < self.value;
            let steps = (0..n).map(|j| self.gradient[j] * (trial[j] - self.x[j]));
            let expected: f64 = steps.sum();
            let goes_on = |j: &usize| {
                let inside = self.lower[*j] < trial[*j] && trial[*j] < self.upper[*j];
                inside && direction[*j] != 0.0
            };
            let along: f64 = (0..n)
                .filter(goes_on)
                .map(|j| gradient[j] * direction[j])
                .sum();
            if is_good && along > slope && self.to_gain == f64::INFINITY {
                self.to_gain = 0.5 * slope * slope * length / (along - slope);
            }
            let same = near && (value - self.value).abs() <= ROUNDING * self.value.abs();
            let gains = value <= self.value + GAINED * expected
                || same && along <= (2.0 * GAINED - 1.0) * slope;
            if !is_good || !gains {
                long = Some((length, if is_good { value } else { f64::NAN }));
            } else if along < LEFT * slope {
                (short, short_value, short_slope) = (length, value, along);
                lowest = Some((trial, gradient, value));
            } else {
                self.move_to(trial, gradient, value);
                return true;
            }
            length = match long {
                None => 4.0 * length,
                Some((long, value)) => between((short, short_value, short_slope), (long, value)),
            };
        }
        match lowest {
            Some((x, gradient, value)) => {
                self.move_to(x, gradient, value);
                true
            }
            None => false,
        }
    }

    fn move_to(&mut self, x: Vec<f64>, gradient: Vec<f64>, value: f64) {
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let taken = Taken {
            step: difference(&x, &self.x),
            change: difference(&gradient, &self.gradient),
        };
        let curved = dot(&taken.step, &taken.change);
        // Where it is not curved upwards there is nothing to learn.
        if curved > 0.0 && curved.is_finite() {
            if self.taken.len() == MEMORY {
                self.taken.pop_front();
            }
            self.taken.push_back(taken);
        }
        (self.x, self.gradient, self.value) = (x, gradient, value);
    }
}

/// A length between one that is too short, with its value and slope, and one that is too long, with its
/// value: the minimum of the parabola through them, away from both.
fn between((short, value, slope): (f64, f64, f64), (long, far): (f64, f64)) -> f64 {
    let width = long - short;
    let rise = far - value - slope * width;
    let part = -0.5 * slope * width / rise;
    if part.is_finite() && rise > 0.0 {
        short + part.clamp(0.1, 0.6) * width
    } else {
        // Beyond an edge, as likely nearer as farther.
        short + 0.3 * width
    }
}

fn is_finite(value: f64, gradient: &[f64]) -> bool {
    value.is_finite() && gradient.iter().all(|g| g.is_finite())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    struct Of<G>(G);

    impl<G: FnMut(&[f64], &mut [f64]) -> f64> Smooth for Of<G> {
        type Error = Infallible;

        fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Infallible> {
            Ok(self.0(x, gradient))
        }
    }

    fn minimized(
        function: impl FnMut(&[f64], &mut [f64]) -> f64,
        ends: &[(f64, f64)],
        from: &[f64],
        most: usize,
    ) -> Descent {
        let mut function = Of(function);
        let (lower, upper) = ends.iter().copied().unzip();
        let begun = Descent::new(&mut function, lower, upper, from.to_vec());
        let mut descent = begun.unwrap().expect("it begins at a finite value");
        let mut last = descent.value();
        while descent.iterations() < most && descent.step(&mut function) == State::Running {
            assert!(descent.value() <= last + 2.0 * ROUNDING * last.abs());
            last = descent.value();
            for (x, (low, high)) in descent.x().iter().zip(ends) {
                assert!(low <= x && x <= high);
            }
        }
        descent
    }

    const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
            value += 100.0 * a * a + b * b;
            gradient[i] += -400.0 * a * x[i] - 2.0 * b;
            gradient[i + 1] += 200.0 * a;
        }
        value
    }

    #[track_caller]
    fn near(found: &[f64], expected: &[f64], tolerance: f64) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= tolerance, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        let end = minimized(rosenbrock, &[FREE; 2], &[-1.2, 1.0], 200);
        assert_eq!(end.state(), State::Converged);
        near(end.x(), &[1.0; 2], 1e-9);
        assert!(end.iterations() < 60 && end.evaluations() < 100, "{end:?}");
        let ten = [-1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0];
        let end = minimized(rosenbrock, &[FREE; 10], &ten, 400);
        assert_eq!(end.state(), State::Converged);
        // It has another minimum, at 3.99 with x1 = -1.
        let at = if end.x()[0] > 0.0 { 0.0 } else { 3.986_579_1 };
        assert!((end.value() - at).abs() < 1e-6, "{end:?}");
    }

    /// Hock and Schittkowski's problems 1 to 3 and 5, with their answers.
    #[test]
    fn bounds_hold_where_they_are_active() {
        let far = f64::INFINITY;
        let end = minimized(rosenbrock, &[FREE, (-1.5, far)], &[-2.0, 1.0], 200);
        near(end.x(), &[1.0, 1.0], 1e-8);
        let end = minimized(rosenbrock, &[FREE, (1.5, far)], &[-2.0, 1.5], 200);
        assert_eq!((end.state(), end.x()[1]), (State::Converged, 1.5));
        // Of its two minima, the one at 2a cos(acos(1/b)/3) or that at -1.2210262.
        let first = (1.224_370_749, 0.050_426_188);
        let other = (-1.221_026_2, 4.941_229_3);
        let known = |(x, value): (f64, f64)| {
            (end.x()[0] - x).abs() < 1e-6 && (end.value() - value).abs() < 1e-6
        };
        assert!(known(first) || known(other), "{end:?}");

        let third = |x: &[f64], g: &mut [f64]| {
            let d = x[1] - x[0];
            (g[0], g[1]) = (-2e-5 * d, 1.0 + 2e-5 * d);
            x[1] + 1e-5 * d * d
        };
        let end = minimized(third, &[FREE, (0.0, far)], &[10.0, 1.0], 200);
        assert_eq!((end.state(), end.x()[1]), (State::Converged, 0.0));
        near(end.x(), &[0.0, 0.0], 1e-6);
        assert!(end.is_held(1) && !end.is_held(0));

        let fifth = |x: &[f64], g: &mut [f64]| {
            let (s, d) = (x[0] + x[1], x[0] - x[1]);
            (g[0], g[1]) = (s.cos() + 2.0 * d - 1.5, s.cos() - 2.0 * d + 2.5);
            s.sin() + d * d - 1.5 * x[0] + 2.5 * x[1] + 1.0
        };
        let end = minimized(fifth, &[(-1.5, 4.0), (-3.0, 3.0)], &[0.0, 0.0], 200);
        let third = std::f64::consts::PI / 3.0;
        assert_eq!(end.state(), State::Converged);
        near(end.x(), &[0.5 - third, -0.5 - third], 1e-8);
    }

    /// Of a quadratic with a full matrix in a box, the conditions for a minimum can be checked.
    #[test]
    fn quadratics_in_boxes_end_where_no_slope_leads_inside() {
        const N: usize = 12;
        for case in 0..20_u32 {
            let number = |i: usize, j: usize| {
                let k = f64::from(case * 577 + i as u32 * 31 + j as u32 * 7);
                (k * 12.9898).sin() * 43_758.545_3 % 1.0
            };
            let root: Vec<Vec<f64>> = (0..N)
                .map(|i| (0..N).map(|j| number(i, j)).collect())
                .collect();
            let target: Vec<f64> = (0..N).map(|j| 2.0 * number(77, j)).collect();
            let quadratic = |x: &[f64], g: &mut [f64]| {
                let away: Vec<f64> = x.iter().zip(&target).map(|(x, t)| x - t).collect();
                let mut value = 0.0;
                g.fill(0.0);
                for row in &root {
                    let along = dot(row, &away);
                    value += 0.5 * along * along;
                    g.iter_mut().zip(row).for_each(|(g, r)| *g += along * r);
                }
                for (g, away) in g.iter_mut().zip(&away) {
                    value += 0.005 * away * away;
                    *g += 0.01 * away;
                }
                value
            };
            let end = minimized(quadratic, &[(-0.5, 0.5); N], &[0.0; N], 500);
            assert_eq!(end.state(), State::Converged, "{case}");
            for j in 0..N {
                let (x, g) = (end.x()[j], end.gradient[j]);
                let is_minimum = end.is_held(j) || g.abs() < 1e-7;
                assert!(is_minimum, "{case} {j}: {x} {g}");
            }
        }
    }

    #[test]
    fn scales_that_are_far_apart_are_told_apart() {
        let sizes = [1e-4, 1e-2, 1.0, 1e2, 1e4];
        let stretched = |x: &[f64], g: &mut [f64]| {
            let mut value = 7.0;
            for (j, size) in sizes.iter().enumerate() {
                g[j] = size * (x[j] - 1.0);
                value += 0.5 * g[j] * (x[j] - 1.0);
            }
            value
        };
        let end = minimized(stretched, &[FREE; 5], &[0.0; 5], 300);
        assert_eq!(end.state(), State::Converged);
        near(end.x(), &[1.0; 5], 1e-5);
        // The unit of the value changes nothing.
        for unit in [1e-30, 1e30] {
            let scaled = |x: &[f64], g: &mut [f64]| {
                let value = rosenbrock(x, g);
                for g in g.iter_mut() {
                    *g *= unit;
                }
                value * unit
            };
            let end = minimized(scaled, &[FREE; 2], &[-1.2, 1.0], 200);
            assert_eq!(end.state(), State::Converged);
            near(end.x(), &[1.0; 2], 1e-8);
        }
    }

    #[test]
    fn edges_of_what_is_finite_are_not_crossed() {
        // x - ln x, which is NaN below 0, from far out.
        let edged = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        };
        for from in [1e-9, 50.0, 1e6] {
            let end = minimized(edged, &[FREE], &[from], 300);
            assert_eq!(end.state(), State::Converged, "{end:?}");
            near(end.x(), &[1.0], 1e-8);
        }
        let nowhere = Descent::new(&mut Of(edged), vec![-9.0], vec![9.0], vec![-1.0]);
        assert!(nowhere.unwrap().is_none());
        // A gradient that is not that of the values leads nowhere.
        let wrong = |x: &[f64], g: &mut [f64]| {
            g[0] = -2.0 * x[0];
            x[0] * x[0]
        };
        let end = minimized(wrong, &[FREE], &[1.0], 300);
        assert_eq!((end.state(), end.x()[0]), (State::Stuck, 1.0));
        // Nor is there a minimum of what falls forever.
        let falling = |x: &[f64], g: &mut [f64]| {
            g[0] = -1.0;
            -x[0]
        };
        let end = minimized(falling, &[FREE], &[0.0], 100);
        assert_eq!(end.state(), State::Falling);
        // At a minimum there is nothing to do, though its gradient is not quite 0.
        let offset = |x: &[f64], g: &mut [f64]| 5.0 + rosenbrock(x, g);
        let end = minimized(offset, &[FREE; 2], &[1.0 + 1e-9, 1.0], 100);
        assert_eq!(end.state(), State::Converged, "{end:?}");
    }
}
