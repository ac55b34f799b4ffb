//! Eigenvalues and singular values by Jacobi's rotations, with what their derivatives need.
//!
//! A symmetric or a tall matrix goes in; values, vectors and the reciprocals by which perturbations
//! are divided come out ([`eigh`], [`svd`] say in which order).
//!
//! **Invariants**
//! - Rotations go through all pairs in order until a round has turned none, at most [`ROUNDS`]
//!   times: no choice depends on anything but the numbers, so bits are the same on every processor.
//! - The sign of a vector is that which makes its largest number positive, the first of those that
//!   are largest to within [`ALIKE`].
//! - A reciprocal that rounding decides, because two values are equal or one is zero as far as
//!   doubles can tell, is NaN, and counted.
//! - A matrix that is not finite gives NaN for all numbers.
//! - The order of values, and of `svd` their lengths, are all the memory that is not the caller's.

use crate::sorted;

/// How often all pairs are rotated at most; a handful of rounds is the rule.
const ROUNDS: usize = 60;

/// What magnitudes are as good as the largest, relative to that: which of two equal ones rounding
/// makes the larger must not decide a sign.
pub(crate) const ALIKE: f64 = 1.0 - 1e-8;

/// How far two values must be from each other, in units of rounding for each row and of the largest,
/// not to count as equal.
const APART: f64 = 4.0;

/// The rotation (c, s) and its tangent t that makes the off-diagonal number of a symmetric 2 x 2
/// matrix zero, by the difference of the diagonal and twice that number; neither is 0 at once.
fn rotation(difference: f64, twice: f64) -> (f64, f64, f64) {
    let (d, e) = (difference.abs(), twice.abs());
    let (large, small) = if d > e { (d, e) } else { (e, d) };
    let ratio = small / large;
    let length = large * (1.0 + ratio * ratio).sqrt();
    let t = twice / (difference + length.copysign(difference));
    let c = 1.0 / (1.0 + t * t).sqrt();
    (c, t * c, t)
}

/// Rotates two rows of numbers, so that little is lost where the angle is small.
fn rotate(rows: &mut [f64], width: usize, p: usize, q: usize, c: f64, s: f64) {
    let (head, tail) = rows.split_at_mut(q * width);
    let tau = s / (1.0 + c);
    for (x, y) in head[p * width..][..width].iter_mut().zip(tail) {
        let (a, b) = (*x, *y);
        *x = a - s * (b + tau * a);
        *y = b + s * (a - tau * b);
    }
}

/// A power of two that brings numbers up to `largest` near 1; 1 for 0.
fn scale_of(largest: f64) -> f64 {
    let exponent = (largest.to_bits() >> 52) as i32 - 1023;
    if largest == 0.0 {
        return 1.0;
    }
    // Exact, and not beyond doubles in either direction.
    f64::from_bits(((1023 - exponent.clamp(-1000, 1000)) as u64) << 52)
}

fn largest_of(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |largest: f64, x| {
        if x.abs() > largest || x.is_nan() {
            x.abs()
        } else {
            largest
        }
    })
}

/// Whether a vector's sign is to be turned.
fn points_down(vector: &[f64]) -> bool {
    let bound = largest_of(vector) * ALIKE;
    vector.iter().find(|x| x.abs() >= bound) < Some(&0.0)
}

fn turn(vector: &mut [f64]) {
    for x in vector {
        *x = 0.0 - *x;
    }
}

fn identity(rows: &mut [f64], n: usize) {
    rows.fill(0.0);
    for x in rows.iter_mut().step_by(n + 1) {
        *x = 1.0;
    }
}

/// 1 / (first - second), NaN where these are equal to within `tolerance`.
fn reciprocal(first: f64, second: f64, are_apart: bool, count: &mut f64) -> f64 {
    let reciprocal = 1.0 / (first - second);
    if are_apart && reciprocal.is_finite() && reciprocal != 0.0 {
        return reciprocal;
    }
    *count += 1.0;
    f64::NAN
}

/// How many numbers [`eigh`] writes for `n` rows.
pub(super) fn eigh_length(n: usize) -> usize {
    let square = n.saturating_mul(n);
    square.saturating_mul(2).saturating_add(n + 1)
}

/// Of a symmetric matrix, by its lower triangle: the eigenvalues, ascending; their vectors, the
/// columns of a matrix; another matrix whose entry j, i is 1 / (value i - value j), and 0 on the
/// diagonal; how many of these are NaN.
pub(super) fn eigh(a: &[f64], n: usize, out: &mut [f64], scratch: &mut [f64]) {
    let largest = largest_of(a);
    if !largest.is_finite() {
        out.fill(f64::NAN);
        return;
    }
    let scale = scale_of(largest);
    // Symmetric, so that rows are columns; vectors are kept as rows, too.
    let (work, vectors) = scratch.split_at_mut(n * n);
    for i in 0..n {
        for j in 0..n {
            work[i * n + j] = a[i.max(j) * n + i.min(j)] * scale;
        }
    }
    identity(vectors, n);
    for _ in 0..ROUNDS {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (work[p * n + p], work[q * n + q], work[p * n + q]);
                let negligible = 0.25 * f64::EPSILON * app.abs().sqrt() * aqq.abs().sqrt();
                if apq == 0.0 || apq.abs() <= negligible {
                    continue;
                }
                turned = true;
                let (c, s, t) = rotation(aqq - app, 2.0 * apq);
                rotate(work, n, p, q, c, s);
                for r in 0..n {
                    work[r * n + p] = work[p * n + r];
                    work[r * n + q] = work[q * n + r];
                }
                work[p * n + p] = app - t * apq;
                work[q * n + q] = aqq + t * apq;
                work[p * n + q] = 0.0;
                work[q * n + p] = 0.0;
                rotate(vectors, n, p, q, c, s);
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    sorted::by(&mut order, |&i, &j| {
        work[i * n + i].total_cmp(&work[j * n + j])
    });
    let (values, rest) = out.split_at_mut(n);
    let (columns, rest) = rest.split_at_mut(n * n);
    for (i, &from) in order.iter().enumerate() {
        values[i] = work[from * n + from] / scale;
        let vector = &mut vectors[from * n..][..n];
        if points_down(vector) {
            turn(vector);
        }
        put_column(columns, n, i, vector);
    }
    let size = values[0].abs().max(values[n - 1].abs());
    let tolerance = APART * n as f64 * f64::EPSILON * size;
    let (gaps, count) = rest.split_at_mut(n * n);
    count[0] = 0.0;
    for j in 0..n {
        for i in 0..n {
            gaps[j * n + i] = if i == j {
                0.0
            } else {
                let apart = (values[i] - values[j]).abs() > tolerance;
                reciprocal(values[i], values[j], apart, &mut count[0])
            };
        }
    }
}

/// Writes a column of a matrix with `n` columns.
fn put_column(matrix: &mut [f64], n: usize, column: usize, numbers: &[f64]) {
    for (row, &x) in matrix.chunks_exact_mut(n).zip(numbers) {
        row[column] = x;
    }
}

/// How many numbers [`svd`] writes for `m` rows and `n` columns.
pub(super) fn svd_length(m: usize, n: usize) -> usize {
    let (square, tall) = (n.saturating_mul(n), n.saturating_mul(m));
    square
        .saturating_mul(2)
        .saturating_add(tall)
        .saturating_add(2 * n + 1)
}

/// Of a matrix with `m` rows and no more columns `n`: the singular values, descending; the left and
/// the right vectors, columns of matrices; a matrix whose entry j, i is 1 / (value i² - value j²),
/// and 0 on the diagonal; the reciprocals of twice the values; how many reciprocals are NaN. Signs
/// go by the left vectors or, with `by_right`, by the right ones.
pub(super) fn svd(
    a: &[f64],
    [m, n]: [usize; 2],
    by_right: bool,
    out: &mut [f64],
    scratch: &mut [f64],
) {
    let largest = largest_of(a);
    if !largest.is_finite() {
        out.fill(f64::NAN);
        return;
    }
    let scale = scale_of(largest);
    // Columns are kept as rows.
    let (work, vectors) = scratch.split_at_mut(n * m);
    for i in 0..m {
        for j in 0..n {
            work[j * m + i] = a[i * n + j] * scale;
        }
    }
    identity(vectors, n);
    orthogonalize(work, vectors, m, n);
    let lengths: Vec<f64> = work
        .chunks_exact(m)
        .map(|column| dot(column, column).sqrt())
        .collect();
    let mut order: Vec<usize> = (0..n).collect();
    sorted::by(&mut order, |&i, &j| lengths[j].total_cmp(&lengths[i]));
    for (column, &length) in work.chunks_exact_mut(m).zip(&lengths) {
        if length > 0.0 {
            for x in column {
                *x /= length;
            }
        }
    }
    complete(work, m, &order, &lengths);
    let (values, rest) = out.split_at_mut(n);
    let (left, rest) = rest.split_at_mut(m * n);
    let (right, rest) = rest.split_at_mut(n * n);
    for (i, &from) in order.iter().enumerate() {
        values[i] = lengths[from] / scale;
        let (u, v) = (&mut work[from * m..][..m], &mut vectors[from * n..][..n]);
        // Where the value is 0 the two signs have nothing to do with each other.
        let alone = lengths[from] == 0.0;
        if alone {
            for vector in [&mut *u, &mut *v] {
                if points_down(vector) {
                    turn(vector);
                }
            }
        } else if points_down(if by_right { v } else { u }) {
            turn(u);
            turn(v);
        }
        put_column(left, n, i, u);
        put_column(right, n, i, v);
    }
    let tolerance = APART * m as f64 * f64::EPSILON * values[0];
    let (gaps, rest) = rest.split_at_mut(n * n);
    let (halves, count) = rest.split_at_mut(n);
    count[0] = 0.0;
    for j in 0..n {
        for i in 0..n {
            gaps[j * n + i] = if i == j {
                0.0
            } else {
                let apart = (values[i] - values[j]).abs() > tolerance;
                let squares = [values[i], values[j]].map(|x| x * x);
                reciprocal(squares[0], squares[1], apart, &mut count[0])
            };
        }
        let apart = values[j] > tolerance;
        halves[j] = reciprocal(2.0 * values[j], 0.0, apart, &mut count[0]);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

/// Rotates the rows of `work`, of `m` numbers, until each is at right angles to the others; those of
/// `vectors` alike.
fn orthogonalize(work: &mut [f64], vectors: &mut [f64], m: usize, n: usize) {
    for _ in 0..ROUNDS {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (first, second) = (&work[p * m..][..m], &work[q * m..][..m]);
                let (alpha, beta) = (dot(first, first), dot(second, second));
                let gamma = dot(first, second);
                let negligible = f64::EPSILON * alpha.sqrt() * beta.sqrt();
                if gamma == 0.0 || gamma.abs() <= negligible {
                    continue;
                }
                turned = true;
                let (c, s, _) = rotation(beta - alpha, 2.0 * gamma);
                rotate(work, m, p, q, c, s);
                rotate(vectors, n, p, q, c, s);
            }
        }
        if !turned {
            break;
        }
    }
}

/// Fills the columns without length, in `order`, with unit vectors at right angles to all others:
/// what is left of the axis that the others hold least of.
fn complete(columns: &mut [f64], m: usize, order: &[usize], lengths: &[f64]) {
    let mut done: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&i| lengths[i] > 0.0)
        .collect();
    for &missing in order.iter().filter(|&&i| lengths[i] == 0.0) {
        let held = |axis: usize| -> f64 {
            let squares = done.iter().map(|&i| columns[i * m + axis]);
            squares.fold(0.0, |sum, x| sum + x * x)
        };
        let mut axis = 0;
        let mut least = f64::INFINITY;
        for candidate in 0..m {
            let held = held(candidate);
            if held < least * ALIKE {
                (axis, least) = (candidate, held);
            }
        }
        let mut unit = vec![0.0; m];
        unit[axis] = 1.0;
        // Once more, for what rounding has left of the others.
        for _ in 0..2 {
            for &i in &done {
                let other = &columns[i * m..][..m];
                let share = dot(&unit, other);
                for (x, y) in unit.iter_mut().zip(other) {
                    *x -= share * y;
                }
            }
            let length = dot(&unit, &unit).sqrt();
            for x in &mut unit {
                *x /= length;
            }
        }
        columns[missing * m..][..m].copy_from_slice(&unit);
        done.push(missing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prim::block::BlockKind;
    use crate::prim::block::tests::numbers_like_chance as numbers;

    fn run(kind: BlockKind, a: &[f64]) -> Vec<f64> {
        let mut out = vec![0.5; kind.outputs() + kind.hidden()];
        kind.forward(a, &[], &mut out, &mut Vec::new());
        out
    }

    /// The largest entry of `XᵀX - I`, for X of `n` columns.
    fn skew(x: &[f64], n: usize) -> f64 {
        let m = x.len() / n;
        let mut worst = 0.0_f64;
        for i in 0..n {
            for j in 0..n {
                let sum: f64 = (0..m).map(|k| x[k * n + i] * x[k * n + j]).sum();
                worst = worst.max((sum - f64::from(u8::from(i == j))).abs());
            }
        }
        worst
    }

    fn check_eigh(a: &[f64], n: usize) {
        let out = run(BlockKind::Eigh { n: n as u32 }, a);
        let (w, v) = (&out[..n], &out[n..n + n * n]);
        let size = largest_of(a).max(f64::MIN_POSITIVE);
        assert!(w.is_sorted(), "{w:?}");
        assert!(skew(v, n) < 1e-14 * n as f64, "{v:?}");
        for i in 0..n {
            for j in 0..n {
                let sum: f64 = (0..n)
                    .map(|k| v[i * n + k] * (w[k] / size) * v[j * n + k])
                    .sum();
                let entry = a[i.max(j) * n + i.min(j)] / size;
                assert!(
                    (sum - entry).abs() < 1e-14 * n as f64,
                    "{a:?}: {sum} for {entry}"
                );
            }
        }
    }

    fn check_svd(a: &[f64], m: usize, n: usize) {
        let kind = BlockKind::Svd {
            m: m as u32,
            n: n as u32,
            by_right: false,
        };
        let out = run(kind, a);
        let (s, rest) = out.split_at(n);
        let (u, rest) = rest.split_at(m * n);
        let v = &rest[..n * n];
        let size = largest_of(a).max(f64::MIN_POSITIVE);
        assert!(s.iter().rev().is_sorted(), "{s:?}");
        assert!(skew(u, n) < 1e-14 * m as f64, "{u:?}");
        assert!(skew(v, n) < 1e-14 * m as f64, "{v:?}");
        for i in 0..m {
            for j in 0..n {
                let sum: f64 = (0..n)
                    .map(|k| u[i * n + k] * (s[k] / size) * v[j * n + k])
                    .sum();
                let entry = a[i * n + j] / size;
                assert!(
                    (sum - entry).abs() < 1e-14 * m as f64,
                    "{a:?}: {sum} for {entry}"
                );
            }
        }
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for n in 1..9 {
            for seed in 1..6 {
                let mut a = numbers(n * n, seed);
                check_eigh(&a, n);
                for m in n..n + 3 {
                    check_svd(&numbers(m * n, seed + 7), m, n);
                }
                // Of rank one, of rank zero, huge and tiny.
                for (i, x) in a.iter_mut().enumerate() {
                    *x = (1.0 + (i / n) as f64) * (1.0 + (i % n) as f64);
                }
                check_eigh(&a, n);
                check_svd(&a, n, n);
                for factor in [0.0, 1e300, 1e-300, 5e-324] {
                    let a: Vec<f64> = numbers(n * n, seed).iter().map(|x| x * factor).collect();
                    if factor > 1e-320 || factor == 0.0 {
                        check_eigh(&a, n);
                        check_svd(&a, n, n);
                    }
                }
            }
        }
        check_eigh(&numbers(40 * 40, 3), 40);
        check_svd(&numbers(50 * 40, 3), 50, 40);
    }

    #[test]
    fn equal_values_have_no_reciprocals() {
        let out = run(BlockKind::Eigh { n: 2 }, &[1.0, 0.0, 0.0, 1.0]);
        assert!(out[7].is_nan() && out[8].is_nan());
        assert_eq!(out[10], 2.0);
        let out = run(BlockKind::Eigh { n: 2 }, &[1.0, 0.0, 0.0, 3.0]);
        assert_eq!(out[6..], [0.0, 0.5, -0.5, 0.0, 0.0]);
    }

    #[test]
    fn what_is_not_finite_gives_nan() {
        for x in [f64::NAN, f64::INFINITY] {
            let a = [1.0, x, x, 1.0];
            let svd = BlockKind::Svd {
                m: 2,
                n: 2,
                by_right: true,
            };
            for kind in [BlockKind::Eigh { n: 2 }, svd] {
                assert!(run(kind, &a).iter().all(|x| x.is_nan()));
            }
        }
    }

    #[test]
    fn small_eigenvalues_of_graded_matrices_are_accurate() {
        // The product of the eigenvalues is the determinant, 1e-20 (1 - 1e-2).
        let out = run(BlockKind::Eigh { n: 2 }, &[1.0, 0.0, 1e-11, 1e-20]);
        assert!((out[0] / 0.99e-20 - 1.0).abs() < 1e-15, "{}", out[0]);
    }
}
