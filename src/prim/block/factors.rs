//! Triangular substitution, LU with partial pivoting, Cholesky.
//!
//! **Invariants**
//! - A pivot is the first of largest magnitude in its column, where NaN counts as largest.

use super::product::{HEIGHT, Mode, STEP, View, WIDTH, fast, in_chunks, product, sweep};

/// Which triangular matrix is substituted: lower, from the first row on, or upper, from the last;
/// `Unit` with ones for its diagonal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Triangle {
    Lower,
    LowerUnit,
    Upper,
    UpperUnit,
}

impl Triangle {
    pub(super) fn is_lower(self) -> bool {
        matches!(self, Triangle::Lower | Triangle::LowerUnit)
    }

    pub(super) fn is_unit(self) -> bool {
        matches!(self, Triangle::LowerUnit | Triangle::UpperUnit)
    }
}

/// Solves T X = B in place: X are `n` rows of `stride` numbers, the first `m` of them columns. In
/// steps of [`STEP`] rows; inside one, the nearest term comes last.
pub(super) fn substitute(
    kind: Triangle,
    t: View<'_>,
    n: usize,
    x: &mut [f64],
    stride: usize,
    m: usize,
    spare: &mut [f64],
) {
    let mut step = |start: usize| {
        let end = n.min(start + STEP);
        let rows = end - start;
        let (above, x) = x.split_at_mut(start * stride);
        // The last row may be shorter than `stride`, so that its end is not `rows * stride`.
        let (x, below) = x.split_at_mut(x.len().min(rows * stride));
        let (sizes, factor, done) = if kind.is_lower() {
            ([rows, start, m], (start, 0), above)
        } else {
            ([rows, n - end, m], (start, end), below)
        };
        if sizes[1] > 0 {
            let factor = t.from(factor.0, factor.1);
            let done = View::rows(done, stride);
            product(Mode::Subtract, sizes, factor, done, x, stride, spare);
        }
        let corner = t.from(start, start);
        substitute_step(kind, corner, rows, x, stride, m, spare);
    };
    let starts = (0..n).step_by(STEP);
    if kind.is_lower() {
        starts.for_each(&mut step);
    } else {
        starts.rev().for_each(&mut step);
    }
}

/// [`substitute`] for few rows.
pub(super) fn substitute_step(
    kind: Triangle,
    t: View<'_>,
    n: usize,
    x: &mut [f64],
    stride: usize,
    m: usize,
    spare: &mut [f64],
) {
    let step = Substitution { kind, t, n, stride };
    fast(
        #[inline(always)]
        || {
            in_chunks!(m, [WIDTH, 4, 2, 1], j, C => step.columns::<C>(j, x, spare));
        },
    );
}

/// A substitution in tiles: as [`substitute`].
#[derive(Clone, Copy)]
pub(super) struct Substitution<'a> {
    pub(super) kind: Triangle,
    pub(super) t: View<'a>,
    pub(super) n: usize,
    pub(super) stride: usize,
}

impl Substitution<'_> {
    /// Columns `j` to `j + C`.
    #[inline(always)]
    pub(super) fn columns<const C: usize>(self, j: usize, x: &mut [f64], spare: &mut [f64]) {
        let panel = &mut spare.as_chunks_mut::<C>().0[..self.n];
        for (i, row) in panel.iter_mut().enumerate() {
            row.copy_from_slice(&x[i * self.stride + j..][..C]);
        }
        if self.kind.is_lower() {
            in_chunks!(self.n, [HEIGHT, 2, 1], i, R => self.down::<R, C>(i, panel));
        } else {
            let mut end = self.n;
            while end >= HEIGHT {
                end -= HEIGHT;
                self.up::<HEIGHT, C>(end, panel);
            }
            while end >= 2 {
                end -= 2;
                self.up::<2, C>(end, panel);
            }
            if end > 0 {
                self.up::<1, C>(0, panel);
            }
        }
        for (i, row) in panel.iter().enumerate() {
            x[i * self.stride + j..][..C].copy_from_slice(row);
        }
    }

    /// Rows `i` to `i + R` of a lower triangle, after those above.
    #[inline(always)]
    pub(super) fn down<const R: usize, const C: usize>(self, i: usize, panel: &mut [[f64; C]]) {
        let (done, rest) = panel.split_at_mut(i);
        let Some((rows, _)) = rest.split_first_chunk_mut::<R>() else {
            return;
        };
        let steps = done.iter().enumerate();
        *rows = sweep(*rows, self.t, i, steps, |sum, term| sum - term);
        for r in 0..R {
            for q in 0..r {
                self.within(i, r, q, rows);
            }
            self.divide(i + r, &mut rows[r]);
        }
    }

    /// Rows `i` to `i + R` of an upper triangle, after those below.
    #[inline(always)]
    pub(super) fn up<const R: usize, const C: usize>(self, i: usize, panel: &mut [[f64; C]]) {
        let (rest, done) = panel.split_at_mut(i + R);
        let Some((_, rows)) = rest.split_last_chunk_mut::<R>() else {
            return;
        };
        let steps = done
            .iter()
            .enumerate()
            .rev()
            .map(|(p, row)| (i + R + p, row));
        *rows = sweep(*rows, self.t, i, steps, |sum, term| sum - term);
        for r in (0..R).rev() {
            for q in (r + 1..R).rev() {
                self.within(i, r, q, rows);
            }
            self.divide(i + r, &mut rows[r]);
        }
    }

    /// Takes what row `q` of a tile at `i` contributes from its row `r`.
    #[inline(always)]
    pub(super) fn within<const R: usize, const C: usize>(
        self,
        i: usize,
        r: usize,
        q: usize,
        rows: &mut [[f64; C]; R],
    ) {
        let x = self.t.entry(i + r, i + q);
        let known = rows[q];
        for (sum, y) in rows[r].iter_mut().zip(&known) {
            *sum -= x * y;
        }
    }

    #[inline(always)]
    pub(super) fn divide<const C: usize>(self, i: usize, row: &mut [f64; C]) {
        if !self.kind.is_unit() {
            let pivot = self.t.entry(i, i);
            for x in row {
                *x /= pivot;
            }
        }
    }
}

/// Factors `a` in place, `P A = L U`: U and, below its diagonal, L without its ones. `pivots[t]` is
/// the row that was exchanged with row `t` before its step. False, with nothing of use written,
/// where a pivot is 0.
pub(super) fn factor(a: &mut [f64], n: usize, pivots: &mut [f64], scratch: &mut [f64]) -> bool {
    pivots.fill(0.0);
    for start in (0..n).step_by(STEP) {
        let end = n.min(start + STEP);
        let width = end - start;
        let (panel, spare) = scratch.split_at_mut((n - start) * width);
        let columns = a[start * n..].chunks_exact(n);
        for (row, from) in panel.chunks_exact_mut(width).zip(columns) {
            row.copy_from_slice(&from[start..end]);
        }
        if !eliminate(panel, width, &mut pivots[start..end], false) {
            return false;
        }
        for (t, pivot) in pivots.iter_mut().enumerate().take(end).skip(start) {
            *pivot += start as f64;
            exchange(a, n, t, *pivot as usize);
        }
        let columns = a[start * n..].chunks_exact_mut(n);
        for (row, to) in panel.chunks_exact(width).zip(columns) {
            to[start..end].copy_from_slice(row);
        }
        if end < n {
            let (top, below) = a.split_at_mut(end * n);
            let top = &mut top[start * n + end..];
            let l = View::rows(panel, width);
            substitute(Triangle::LowerUnit, l, width, top, n, n - end, spare);
            let sizes = [n - end, width, n - end];
            let top = View::rows(top, n);
            let below = &mut below[end..];
            let l = l.from(width, 0);
            product(Mode::Subtract, sizes, l, top, below, n, spare);
        }
    }
    true
}

/// Gauss's elimination with row exchanges, on rows of `width` numbers, of which there are at least
/// as many. Below a pivot stands what its row was multiplied with. A column of zeros ends it with
/// false or, with `skip`, is left out: the next column has its pivot in the same row then, and the
/// rows that get none stay unexchanged.
pub(super) fn eliminate(rows: &mut [f64], width: usize, pivots: &mut [f64], skip: bool) -> bool {
    let mut t = 0;
    for column in 0..width {
        let entries = rows.iter().skip(t * width + column).step_by(width);
        let (mut largest, mut at) = (-1.0, t);
        for (i, entry) in entries.enumerate() {
            let size = entry.abs();
            if size > largest || size.is_nan() {
                (largest, at) = (size, t + i);
            }
            if size.is_nan() {
                break;
            }
        }
        if largest == 0.0 {
            if skip {
                continue;
            }
            return false;
        }
        pivots[t] = at as f64;
        exchange(rows, width, t, at);
        t += 1;
        fast(
            #[inline(always)]
            || {
                let (head, below) = rows.split_at_mut(t * width);
                let row = &head[(t - 1) * width..][column..];
                for other in below.chunks_exact_mut(width) {
                    let other = &mut other[column..];
                    let multiplier = other[0] / row[0];
                    other[0] = multiplier;
                    for (x, y) in other[1..].iter_mut().zip(&row[1..]) {
                        *x -= multiplier * y;
                    }
                }
            },
        );
    }
    let whole = t == width;
    for (t, pivot) in pivots.iter_mut().enumerate().skip(t) {
        *pivot = t as f64;
    }
    whole
}

/// Exchanges two rows of `stride` numbers.
pub(super) fn exchange(rows: &mut [f64], stride: usize, i: usize, j: usize) {
    if i != j {
        let (head, tail) = rows.split_at_mut(i.max(j) * stride);
        head[i.min(j) * stride..][..stride].swap_with_slice(&mut tail[..stride]);
    }
}

/// The determinant of the exchanges.
pub(super) fn sign(pivots: &[f64]) -> f64 {
    let exchanges = pivots.iter().enumerate();
    exchanges.fold(
        1.0,
        |sign, (t, &pivot)| {
            if pivot == t as f64 { sign } else { -sign }
        },
    )
}

/// A X = B in place, from the factors of A; X has `m` columns.
pub(super) fn solve(lu: &[f64], pivots: &[f64], x: &mut [f64], m: usize, spare: &mut [f64]) {
    let n = pivots.len();
    for (t, &pivot) in pivots.iter().enumerate() {
        exchange(x, m, t, pivot as usize);
    }
    let lu = View::rows(lu, n);
    substitute(Triangle::LowerUnit, lu, n, x, m, m, spare);
    substitute(Triangle::Upper, lu, n, x, m, m, spare);
}

/// A^T X = B in place, from the factors of A; X has `m` columns.
pub(super) fn solve_transposed(
    lu: &[f64],
    pivots: &[f64],
    x: &mut [f64],
    m: usize,
    spare: &mut [f64],
) {
    let n = pivots.len();
    let lu = View::rows(lu, n).transposed();
    substitute(Triangle::Lower, lu, n, x, m, m, spare);
    substitute(Triangle::UpperUnit, lu, n, x, m, m, spare);
    for (t, &pivot) in pivots.iter().enumerate().rev() {
        exchange(x, m, t, pivot as usize);
    }
}

/// The cofactors of a singular matrix from `P A = L E`, as [`eliminate`] leaves it, where column
/// `gap` is the first without a pivot. With the cofactors of L being L^-T, those of A are
/// `c (P^T y) v^T`: `L^T y` is the last unit vector, `E v = 0` with `v[gap] = 1`, and c is that
/// cofactor of E. All 0 where a second pivot is missing.
pub(super) fn singular_cofactors(
    e: &[f64],
    pivots: &[f64],
    n: usize,
    gap: usize,
    cofactors: &mut [f64],
    spare: &mut [f64],
) {
    let column = |t: usize| if t < gap { t } else { t + 1 };
    let pivot = |t: usize| e[t * n + column(t)];
    if (0..n - 1).any(|t| pivot(t) == 0.0) {
        cofactors.fill(0.0);
        return;
    }
    let mut c = sign(pivots);
    if (n - 1 + gap) % 2 == 1 {
        c = -c;
    }
    for t in 0..n - 1 {
        c *= pivot(t);
    }
    let (y, v) = spare.split_at_mut(n);
    y[n - 1] = 1.0;
    for t in (0..n - 1).rev() {
        y[t] = (t + 1..n).fold(0.0, |sum, j| sum - e[j * n + column(t)] * y[j]);
    }
    for (t, &pivot) in pivots.iter().enumerate().rev() {
        exchange(y, 1, t, pivot as usize);
    }
    v[..n].fill(0.0);
    v[gap] = 1.0;
    for t in (0..gap).rev() {
        v[t] = (t + 1..=gap).fold(0.0, |sum, j| sum - e[t * n + j] * v[j]) / e[t * n + t];
    }
    for (row, y) in cofactors.chunks_exact_mut(n).zip(y) {
        for (x, v) in row.iter_mut().zip(&*v) {
            *x = c * *y * v;
        }
    }
}

/// The factor L of the lower triangle of `a`, with zeros above; false, with nothing of use written,
/// where a pivot is not positive. Column by column; each entry takes its terms in order.
pub(super) fn cholesky(a: &[f64], n: usize, l: &mut [f64], scratch: &mut [f64]) -> bool {
    l.fill(0.0);
    for start in (0..n).step_by(STEP) {
        let end = n.min(start + STEP);
        let (height, width) = (n - start, end - start);
        let (panel, spare) = scratch.split_at_mut(height * width);
        for (i, row) in panel.chunks_exact_mut(width).enumerate() {
            let from = &a[(start + i) * n + start..][..width];
            let known = width.min(i + 1);
            row[..known].copy_from_slice(&from[..known]);
            row[known..].fill(0.0);
        }
        if start > 0 {
            let done = View::rows(l, n).from(start, 0);
            let (sizes, other) = ([height, start, width], done.transposed());
            product(Mode::Subtract, sizes, done, other, panel, width, spare);
        }
        if !cholesky_step(panel, width, spare) {
            return false;
        }
        for (i, row) in panel.chunks_exact(width).enumerate() {
            let known = width.min(i + 1);
            l[(start + i) * n + start..][..known].copy_from_slice(&row[..known]);
        }
    }
    true
}

/// [`cholesky`] of the first rows of a panel of `width` columns, and the other rows to match.
pub(super) fn cholesky_step(panel: &mut [f64], width: usize, spare: &mut [f64]) -> bool {
    fast(
        #[inline(always)]
        || {
            in_chunks!(width, [4, 2, 1], j, C => if !cholesky_columns::<C>(panel, width, j, spare) {
                return false;
            });
            true
        },
    )
}

/// Columns `j` to `j + C`, after those before.
#[inline(always)]
pub(super) fn cholesky_columns<const C: usize>(
    panel: &mut [f64],
    width: usize,
    j: usize,
    spare: &mut [f64],
) -> bool {
    let known = &mut spare.as_chunks_mut::<C>().0[..j];
    for (p, row) in known.iter_mut().enumerate() {
        for (c, x) in row.iter_mut().enumerate() {
            *x = panel[(j + c) * width + p];
        }
    }
    let height = panel.len() / width;
    in_chunks!(height - j, [HEIGHT, 2, 1], i, R => cholesky_tile::<R, C>(panel, width, j + i, j, known));
    let mut corner = [[0.0; C]; C];
    for r in 0..C {
        let row = &mut panel[(j + r) * width + j..][..C];
        for c in 0..r {
            for q in 0..c {
                row[c] -= row[q] * corner[c][q];
            }
            row[c] /= corner[c][c];
        }
        for q in 0..r {
            row[r] -= row[q] * row[q];
        }
        if row[r] <= 0.0 {
            return false;
        }
        row[r] = row[r].sqrt();
        row[r + 1..].fill(0.0);
        corner[r].copy_from_slice(row);
    }
    for row in panel[(j + C) * width..].chunks_exact_mut(width) {
        let row = &mut row[j..][..C];
        for c in 0..C {
            for q in 0..c {
                row[c] -= row[q] * corner[c][q];
            }
            row[c] /= corner[c][c];
        }
    }
    true
}

/// What columns before `j` contribute to `R` rows from `i` on.
#[inline(always)]
pub(super) fn cholesky_tile<const R: usize, const C: usize>(
    panel: &mut [f64],
    width: usize,
    i: usize,
    j: usize,
    known: &[[f64; C]],
) {
    let mut sums = [[0.0; C]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&panel[(i + r) * width + j..][..C]);
    }
    let steps = known.iter().enumerate();
    let sums = sweep(sums, View::rows(panel, width), i, steps, |sum, term| {
        sum - term
    });
    for (r, sums) in sums.iter().enumerate() {
        panel[(i + r) * width + j..][..C].copy_from_slice(sums);
    }
}

/// Writes a matrix of zeros with `x` all along its diagonal.
pub(super) fn diagonal(matrix: &mut [f64], n: usize, x: f64) {
    matrix.fill(0.0);
    for entry in matrix.iter_mut().step_by(n + 1) {
        *entry = x;
    }
}

/// Writes the lower triangle of `from`, its diagonal times `weight`, and zeros above.
pub(super) fn lower_triangle(from: &[f64], n: usize, weight: f64, to: &mut [f64]) {
    for (i, (to, from)) in to.chunks_exact_mut(n).zip(from.chunks_exact(n)).enumerate() {
        to[..i].copy_from_slice(&from[..i]);
        to[i] = weight * from[i];
        to[i + 1..].fill(0.0);
    }
}

/// Writes the transpose of an `n` x `n` matrix.
pub(super) fn transpose(from: &[f64], n: usize, to: &mut [f64]) {
    for (j, to) in to.chunks_exact_mut(n).enumerate() {
        for (x, row) in to.iter_mut().zip(from.chunks_exact(n)) {
            *x = row[j];
        }
    }
}
