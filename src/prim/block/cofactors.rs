//! Cofactors of square matrices and their derivatives, singular matrices included; and what stands for
//! the inverse of a singular matrix in the derivatives of log|det|.
//!
//! A matrix goes in; with rows and columns exchanged so that each pivot is the largest number left, it
//! is `L D U`, where neither L nor U has a number above 1. What is small of a matrix that is singular
//! or nearly so is in D alone, and cofactors and minors of that are products, without a division.
//!
//! **Invariants**
//! - Results are right to rounding relative to the size of the matrix, however near to singular it is.
//! - The second derivatives of a determinant are symmetric, so one function takes tangents and cotangents
//!   of the cofactors.

/// `P A Q = L D U`, where P and Q exchange rows and columns.
pub(super) struct Factors<'a> {
    n: usize,
    /// D on the diagonal, L without its ones below, U without its ones above.
    ldu: &'a [f64],
    /// Which row and which column of A stands where.
    rows: &'a [f64],
    columns: &'a [f64],
}

/// How many numbers the factors of `n` rows and columns are.
pub(super) fn room_of_factors(n: usize) -> usize {
    (n * n).saturating_add(2 * n)
}

/// Writes the factors of a matrix.
pub(super) fn factorize<'a>(a: &[f64], n: usize, factors: &'a mut [f64]) -> Factors<'a> {
    let (ldu, orders) = factors.split_at_mut(n * n);
    let (rows, columns) = orders.split_at_mut(n);
    ldu.copy_from_slice(a);
    for order in [&mut *rows, &mut columns[..n]] {
        for (at, place) in order.iter_mut().enumerate() {
            *place = at as f64;
        }
    }
    for k in 0..n {
        let (mut largest, mut pivot) = (0.0, (k, k));
        for i in k..n {
            for j in k..n {
                let size = ldu[i * n + j].abs();
                if size > largest {
                    (largest, pivot) = (size, (i, j));
                }
            }
        }
        let (i, j) = pivot;
        if i != k {
            rows.swap(k, i);
            for column in 0..n {
                ldu.swap(k * n + column, i * n + column);
            }
        }
        if j != k {
            columns.swap(k, j);
            for row in 0..n {
                ldu.swap(row * n + k, row * n + j);
            }
        }
        let d = ldu[k * n + k];
        if d == 0.0 {
            // Nothing is left but zeros, or NaN, which stays where it is.
            break;
        }
        for j in k + 1..n {
            ldu[k * n + j] /= d;
        }
        for i in k + 1..n {
            let below = ldu[i * n + k];
            for j in k + 1..n {
                ldu[i * n + j] -= below * ldu[k * n + j];
            }
            ldu[i * n + k] = below / d;
        }
    }
    Factors {
        n,
        ldu,
        rows,
        columns,
    }
}

impl<'a> Factors<'a> {
    /// Factors that have been written.
    pub(super) fn of(n: usize, factors: &'a [f64]) -> Self {
        let (ldu, orders) = factors.split_at(n * n);
        let (rows, columns) = orders.split_at(n);
        Self {
            n,
            ldu,
            rows,
            columns,
        }
    }

    fn d(&self, i: usize) -> f64 {
        self.ldu[i * self.n + i]
    }

    /// The determinant of the exchanges, 1 or -1.
    fn sign(&self) -> f64 {
        let mut sign = 1.0;
        for order in [self.rows, self.columns] {
            for (at, place) in order.iter().enumerate() {
                if order[..at].iter().filter(|before| *before > place).count() % 2 == 1 {
                    sign = -sign;
                }
            }
        }
        sign
    }

    /// Writes the cofactors; `work` has as many numbers.
    pub(super) fn cofactors(&self, cofactors: &mut [f64], work: &mut [f64]) {
        let n = self.n;
        work.fill(0.0);
        let mut before = 1.0;
        for i in 0..n {
            work[i * n + i] = (i + 1..n).fold(before, |product, k| product * self.d(k));
            before *= self.d(i);
        }
        self.place_back(work, cofactors);
    }

    /// Writes how the cofactors move with the matrix; `work` has twice as many numbers.
    pub(super) fn moved(&self, direction: &[f64], moved: &mut [f64], work: &mut [f64]) {
        let n = self.n;
        let (f, h) = work.split_at_mut(n * n);
        // F = L^-1 P E Q U^-1: D + t F is what A + t E has in the place of D.
        for i in 0..n {
            for j in 0..n {
                f[i * n + j] = direction[self.place(i, j)];
            }
        }
        for i in 0..n {
            for k in 0..i {
                let factor = self.ldu[i * n + k];
                for j in 0..n {
                    f[i * n + j] -= factor * f[k * n + j];
                }
            }
        }
        for row in f.chunks_exact_mut(n) {
            for k in 0..n {
                for j in k + 1..n {
                    row[j] -= row[k] * self.ldu[k * n + j];
                }
            }
        }
        // Of D + t F, a cofactor on the diagonal moves with each other diagonal number, and one beside
        // it with the number across, both by the product of all the other diagonal numbers.
        h[..n * n].fill(0.0);
        let mut before = 1.0;
        for i in 0..n {
            let mut between = before;
            for j in i + 1..n {
                let others = (j + 1..n).fold(between, |product, k| product * self.d(k));
                h[i * n + i] += others * f[j * n + j];
                h[j * n + j] += others * f[i * n + i];
                h[i * n + j] = -(others * f[j * n + i]);
                h[j * n + i] = -(others * f[i * n + j]);
                between *= self.d(j);
            }
            before *= self.d(i);
        }
        self.place_back(&mut h[..n * n], moved);
    }

    /// From what cofactors of D are, or how they move, to those of A: `P^T L^-T H U^-T Q^T`, with the
    /// sign of the exchanges.
    fn place_back(&self, h: &mut [f64], to: &mut [f64]) {
        let n = self.n;
        for i in (0..n).rev() {
            for k in i + 1..n {
                let factor = self.ldu[k * n + i];
                for j in 0..n {
                    h[i * n + j] -= factor * h[k * n + j];
                }
            }
        }
        for row in h.chunks_exact_mut(n) {
            for j in (0..n).rev() {
                for k in j + 1..n {
                    row[j] -= self.ldu[j * n + k] * row[k];
                }
            }
        }
        let sign = self.sign();
        for i in 0..n {
            for j in 0..n {
                to[self.place(i, j)] = sign * h[i * n + j];
            }
        }
    }

    /// Where in A a number of the factors stands.
    fn place(&self, i: usize, j: usize) -> usize {
        self.rows[i] as usize * self.n + self.columns[j] as usize
    }
}

/// Writes how `slopes`, an inverse transposed S, move with the matrix: `-S E^T S`. Where the matrix is
/// singular they are infinite or NaN; what has a direction of 0 contributes nothing then.
pub(super) fn slopes_moved(slopes: &[f64], n: usize, direction: &[f64], moved: &mut [f64]) {
    moved.fill(0.0);
    // Row l of the direction is column l of its transpose.
    for (l, row) in direction.chunks_exact(n).enumerate() {
        if row.iter().all(|&x| x == 0.0) {
            continue;
        }
        for i in 0..n {
            let mut half = None;
            for (k, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                let term = slopes[i * n + k] * x;
                half = Some(half.map_or(term, |sum: f64| sum + term));
            }
            let half = half.unwrap_or(0.0);
            for j in 0..n {
                moved[i * n + j] -= half * slopes[l * n + j];
            }
        }
    }
}
