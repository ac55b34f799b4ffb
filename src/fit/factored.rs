//! Two factorizations of small square matrices: by the library that does them fastest, or, where a page waits
//! for bytes and matrices are as small as ever, by fifty lines.
//!
//! A matrix goes in, as a function of row and column; the solution of a system comes out of [`solve`], and
//! out of [`triangle`] the triangle of a factorization whose columns are in an order of their lengths.
//!
//! **Invariants**
//! - Nothing panics on numbers: what a singular matrix gives is not finite.
//! - Both ways agree to rounding, and up to the signs of the triangle's rows.

#[cfg(any(test, target_family = "wasm"))]
use super::objective::sum_of_squares;
#[cfg(not(target_family = "wasm"))]
use faer::{Mat, linalg::solvers::Solve};

/// `x` with `A x = b`, for an A of n x n.
pub(super) fn solve(n: usize, a: impl Fn(usize, usize) -> f64, b: &[f64]) -> Vec<f64> {
    #[cfg(not(target_family = "wasm"))]
    {
        let (a, b) = (Mat::from_fn(n, n, a), Mat::from_fn(n, 1, |i, _| b[i]));
        let x = a.partial_piv_lu().solve(&b);
        (0..n).map(|i| x[(i, 0)]).collect()
    }
    #[cfg(target_family = "wasm")]
    solve_shortly(n, a, b.to_vec())
}

/// `R` with `A P = Q R`, row-major, and its columns' places in A, for an A of n x n: each column is the one
/// with most left of it below the rows before.
pub(super) fn triangle(n: usize, a: impl Fn(usize, usize) -> f64) -> (Vec<f64>, Vec<usize>) {
    #[cfg(not(target_family = "wasm"))]
    {
        let qr = Mat::from_fn(n, n, a).col_piv_qr();
        let r = qr.thin_R();
        let entries = (0..n * n).map(|at| r[(at / n, at % n)]).collect();
        (entries, qr.P().arrays().0.to_vec())
    }
    #[cfg(target_family = "wasm")]
    triangle_shortly(n, a)
}

/// By elimination with the largest pivot of each column.
#[cfg(any(test, target_family = "wasm"))]
fn solve_shortly(n: usize, a: impl Fn(usize, usize) -> f64, mut b: Vec<f64>) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| a(i, j)).collect()).collect();
    for k in 0..n {
        let larger = |p: usize, i: usize| {
            if rows[i][k].abs() > rows[p][k].abs() {
                i
            } else {
                p
            }
        };
        let pivot = (k + 1..n).fold(k, larger);
        rows.swap(k, pivot);
        b.swap(k, pivot);
        let (above, below) = rows.split_at_mut(k + 1);
        let row = &above[k];
        for (i, other) in below.iter_mut().enumerate() {
            let factor = other[k] / row[k];
            for (x, y) in other[k + 1..].iter_mut().zip(&row[k + 1..]) {
                *x -= factor * y;
            }
            b[k + 1 + i] -= factor * b[k];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * b[j]).sum();
        b[i] = (b[i] - known) / rows[i][i];
    }
    b
}

/// By Householder's reflections.
#[cfg(any(test, target_family = "wasm"))]
fn triangle_shortly(n: usize, a: impl Fn(usize, usize) -> f64) -> (Vec<f64>, Vec<usize>) {
    let mut columns: Vec<Vec<f64>> = (0..n).map(|j| (0..n).map(|i| a(i, j)).collect()).collect();
    let mut places: Vec<usize> = (0..n).collect();
    for k in 0..n {
        let left: Vec<f64> = columns
            .iter()
            .map(|column| sum_of_squares(&column[k..]))
            .collect();
        let longer = |p: usize, j: usize| if left[j] > left[p] { j } else { p };
        let longest = (k + 1..n).fold(k, longer);
        columns.swap(k, longest);
        places.swap(k, longest);
        let (before, others) = columns.split_at_mut(k + 1);
        let column = &mut before[k][k..];
        // Away from the pivot, so that nothing is lost.
        let length = left[longest].sqrt().copysign(-column[0]);
        column[0] -= length;
        let square = sum_of_squares(column);
        if square > 0.0 {
            for other in others {
                let other = &mut other[k..];
                let along: f64 = column.iter().zip(&*other).map(|(x, y)| x * y).sum();
                for (y, x) in other.iter_mut().zip(&*column) {
                    *y -= 2.0 * along / square * x;
                }
            }
        }
        column.fill(0.0);
        column[0] = length;
    }
    let entries = (0..n * n).map(|at| columns[at % n][at / n]).collect();
    (entries, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn near(a: &[f64], b: &[f64]) -> bool {
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        a.len() == b.len() && a.iter().zip(b).all(close)
    }

    #[test]
    fn both_ways_agree() {
        let mut random = Random::new(3);
        for n in 0..9 {
            let numbers: Vec<f64> = (0..n * n).map(|_| random.normal()).collect();
            let a = |i: usize, j: usize| numbers[i * n + j];
            let b: Vec<f64> = (0..n).map(|_| random.normal()).collect();
            assert!(near(&solve(n, a, &b), &solve_shortly(n, a, b)), "{n}");
            let ((r, places), (short, shortly)) = (triangle(n, a), triangle_shortly(n, a));
            assert_eq!(places, shortly);
            let sizes = |r: &[f64]| r.iter().map(|x| x.abs()).collect::<Vec<f64>>();
            // Below the diagonal is zero in both.
            assert!(near(&sizes(&r), &sizes(&short)), "{n}: {r:?}, {short:?}");
        }
    }

    #[test]
    fn what_is_singular_is_found_so() {
        // The third column is the sum of the others.
        let a = |i: usize, j: usize| [[3.0, 1.0, 4.0], [1.0, 5.0, 6.0], [2.0, 2.0, 4.0]][i][j];
        for (r, _) in [triangle(3, a), triangle_shortly(3, a)] {
            assert!(r[8].abs() < 1e-12 && r[4].abs() > 1.0, "{r:?}");
        }
        let zeros = solve_shortly(2, |_, _| 0.0, vec![1.0, 1.0]);
        assert!(zeros.iter().all(|x| !x.is_finite()));
        let (r, _) = triangle_shortly(2, |_, _| f64::NAN);
        assert!(r[0].is_nan());
        assert_eq!(triangle_shortly(2, |_, _| 0.0).0.iter().sum::<f64>(), 0.0);
    }
}
