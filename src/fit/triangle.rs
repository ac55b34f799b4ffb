//! The linear algebra of a step: a triangle, and the damped steps that it gives.
//!
//! The scaled Jacobian beside its residuals goes in, as one matrix; steps come out, in the same scale.
//!
//! **Invariants**
//! - `J^T J`, whose condition is the square of the Jacobian's, is formed for Newton's steps alone.
//! - No step is damped by less than [`Triangle::damping_floor`], so a zero on the diagonal of `R` is
//!   divided by only where all of `R` is as good as zero.
//!
//! ```text
//! J D^-1 | r  =  Q (R | c)              once for each accepted point
//! (R; sqrt(lambda) I) | (c; 0)  =  Q' (S | e),   D s = -S^-1 e        once for each lambda tried
//! ```

use faer::Mat;
use faer::linalg::solvers::Solve;

/// The least square root of the damping, as a part of the largest entry of `R`'s diagonal.
const DAMPING_FLOOR: f64 = 1e-11;

/// How many dampings to try for one step. Two or three do, because a tenth of the radius is near
/// enough.
const MAX_DAMPINGS: usize = 10;

/// An upper triangle `R`, n x n, with a right-hand side `c`.
#[derive(Clone, Debug)]
pub(super) struct Triangle {
    n: usize,
    /// Row-major.
    entries: Vec<f64>,
    right: Vec<f64>,
}

/// A step of the linear model.
pub(super) struct Step {
    /// `D s`, n values.
    pub(super) scaled: Vec<f64>,
    pub(super) length: f64,
    pub(super) damping: f64,
}

impl Triangle {
    /// The triangle of a matrix whose last column is the right-hand side. Rows that the matrix is
    /// short of are zero.
    pub(super) fn of(matrix: &Mat<f64>) -> Self {
        let n = matrix.ncols() - 1;
        let qr = matrix.qr();
        let r = qr.thin_R();
        let entry = |i: usize, j: usize| {
            if i < r.nrows() && i <= j {
                r[(i, j)]
            } else {
                0.0
            }
        };
        Self {
            n,
            entries: (0..n * n).map(|k| entry(k / n, k % n)).collect(),
            right: (0..n).map(|i| entry(i, n)).collect(),
        }
    }

    /// The step of length `radius`, within a tenth, or the shortest-damped one if that is shorter.
    /// The damping is found by Newton's method from `damping`, safeguarded: Moré's `lmpar`.
    pub(super) fn bounded_step(&self, radius: f64, damping: f64) -> Step {
        let floor = self.damping_floor();
        let (mut step, mut newton) = self.damped_step(floor, radius);
        if step.length <= 1.1 * radius {
            return step;
        }
        let gradient = norm((0..self.n).map(|j| self.gradient(j)));
        let (mut low, mut high) = (floor + newton, floor + gradient / radius);
        let mut damping = damping.max(low).min(high);
        for _ in 0..MAX_DAMPINGS {
            (step, newton) = self.damped_step(damping, radius);
            if (step.length - radius).abs() <= 0.1 * radius {
                break;
            }
            if step.length > radius {
                low = low.max(damping);
            } else {
                high = high.min(damping);
            }
            damping = (damping + newton).max(low).min(high.max(low));
        }
        step
    }

    /// The least damped step.
    pub(super) fn floor_step(&self) -> Step {
        self.damped_step(self.damping_floor(), f64::INFINITY).0
    }

    /// The step to where the gradient vanishes, with `curvature` (in unscaled coordinates) added to
    /// `R^T R`. None where the sum of the two is singular.
    pub(super) fn newton_step(&self, curvature: &Mat<f64>, scale: &[f64]) -> Option<Step> {
        let n = self.n;
        let product = |i: usize, j: usize| -> f64 {
            (0..=i.min(j))
                .map(|k| self.entries[k * n + i] * self.entries[k * n + j])
                .sum()
        };
        let hessian = Mat::from_fn(n, n, |i, j| {
            product(i, j) + curvature[(i, j)] / (scale[i] * scale[j])
        });
        let right = Mat::from_fn(n, 1, |i, _| -self.gradient(i));
        let solution = hessian.partial_piv_lu().solve(&right);
        let scaled: Vec<f64> = (0..n).map(|i| solution[(i, 0)]).collect();
        let length = norm(scaled.iter().copied());
        length.is_finite().then_some(Step {
            scaled,
            length,
            damping: 0.0,
        })
    }

    /// The step `y` that minimizes `|R y + c|^2 + damping |y|^2`, and Newton's correction to the
    /// damping towards `|y| = radius`.
    fn damped_step(&self, damping: f64, radius: f64) -> (Step, f64) {
        let n = self.n;
        let root = damping.sqrt();
        let stack = Self::of(&Mat::from_fn(2 * n, n + 1, |i, j| match (i < n, j < n) {
            (true, true) => self.entries[i * n + j],
            (true, false) => self.right[i],
            (false, true) if i - n == j => root,
            (false, _) => 0.0,
        }));
        let mut scaled = vec![0.0; n];
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n)
                .map(|j| stack.entries[i * n + j] * scaled[j])
                .sum();
            scaled[i] = (-stack.right[i] - known) / stack.entries[i * n + i];
        }
        let length = norm(scaled.iter().copied());
        // w = S^-T y / |y|; the correction is (|y| - radius) / (radius |w|^2).
        let mut w = vec![0.0; n];
        for i in 0..n {
            let known: f64 = (0..i).map(|j| stack.entries[j * n + i] * w[j]).sum();
            w[i] = (scaled[i] / length - known) / stack.entries[i * n + i];
        }
        let newton = (length - radius) / radius / norm(w.iter().copied()).powi(2);
        let step = Step {
            scaled,
            length,
            damping,
        };
        (step, newton)
    }

    pub(super) fn damping_floor(&self) -> f64 {
        let largest = (0..self.n).map(|i| self.entries[i * self.n + i].abs());
        (DAMPING_FLOOR * largest.fold(0.0, f64::max)).powi(2)
    }

    /// Entry `j` of `R^T c`.
    pub(super) fn gradient(&self, j: usize) -> f64 {
        (0..=j)
            .map(|i| self.entries[i * self.n + j] * self.right[i])
            .sum()
    }

    /// `|R y|`.
    pub(super) fn image_norm(&self, y: &[f64]) -> f64 {
        let row = |i: usize| {
            (i..self.n)
                .map(|j| self.entries[i * self.n + j] * y[j])
                .sum()
        };
        norm((0..self.n).map(row))
    }
}

/// The Euclidean norm. Without scaling: a square that overflows makes the point no finite one.
pub(super) fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}
