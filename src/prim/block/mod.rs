//! `block`: operations on whole matrices, with their derivatives.
//!
//! Row-major numbers of one or two matrices go in; the result and what its derivatives need come
//! out of [`BlockKind::forward`], cotangents out of [`BlockKind::vjp`], tangents out of [`BlockKind::jvp`]. The
//! rules are those of Giles, "Collected matrix derivative results for forward and reverse mode
//! algorithmic differentiation" (2008), and for Cholesky of Murray, "Differentiation of the Cholesky
//! decomposition" (2016, arXiv:1602.07527).
//!
//! Matrices are read through [`View`]s and computed in tiles that stay in registers; [`fast`] lets the
//! same code use the wider registers of a processor that has them. Products of at least
//! [`FAER_WORK`] multiply-adds, those inside the factorizations included, go to `faer`.
//!
//! **Invariants**
//! - No size of at least 1 and no numbers panic. NaN and infinities flow on; a pivot fails where it
//!   is exactly 0 (for Cholesky where it is 0 or less), never because it is NaN. A failure has flag
//!   0 and NaN for each number of the result and of its derivatives.
//! - Below [`FAER_WORK`], an entry of a product is its first term plus the others in order, each
//!   product and each sum rounded: equal to the bit to a plain loop, on every processor and for
//!   every size of tiles. The bits of a NaN are not fixed.
//! - Above, equal to the bit each time on one processor, but not between kinds of processors.
//! - One thread, no recursion; all working memory is the caller's (and `faer`'s own).

#![allow(
    clippy::inline_always,
    reason = "tiles are compiled with the registers of what calls them"
)]

mod cofactors;
mod factors;
pub(crate) mod lanes;
mod product;
pub(crate) mod spectral;
#[cfg(test)]
pub(crate) mod tests;
mod triangular;

use crate::prim::math;
use cofactors::{Factors, factorize, room_of_factors, slopes_moved};
use factors::{
    Triangle, cholesky, diagonal, eliminate, factor, lower_triangle, sign, singular_cofactors,
    solve, solve_transposed, substitute, transpose,
};
use product::{Mode, View, elimination_room, product, room, spare};
use triangular::System;

/// The tangent of a number that depends on nothing, for kernels that tell it from one that is 0.
pub(crate) const NOTHING: f64 = -0.0;

/// An operation on matrices as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// `C = op(A) op(B)`: `n` x `k` times `k` x `m`.
    Matmul {
        /// Rows of the result.
        n: u32,
        /// Terms of each entry.
        k: u32,
        /// Columns of the result.
        m: u32,
        /// Whether A is stored transposed, `k` x `n`.
        ta: bool,
        /// Whether B is stored transposed, `m` x `k`.
        tb: bool,
    },
    /// X in `A X = B`; A is `n` x `n`, B and X are `n` x `m`. LU by row-oriented elimination; the
    /// pivot of a column is its first largest magnitude, where NaN counts as largest.
    Solve {
        /// Equations.
        n: u32,
        /// Right sides.
        m: u32,
    },
    /// The inverse, by LU.
    Inverse {
        /// Rows and columns.
        n: u32,
    },
    /// `log |det A|`, by LU; -inf where singular, with the cofactors divided by 0 for derivatives.
    Logdet {
        /// Rows and columns.
        n: u32,
    },
    /// `det A`, by LU: the product of the pivots in order, so it overflows where they do. 0 where
    /// singular, with the cofactors for derivative.
    Det {
        /// Rows and columns.
        n: u32,
    },
    /// The lower triangular L in `A = L L^T`, zeros above. Of A, only the lower triangle is read;
    /// entries above have derivative 0.
    Cholesky {
        /// Rows and columns.
        n: u32,
    },
    /// X in `T X = B`, T triangular; only that triangle is read.
    Triangular {
        /// Equations.
        n: u32,
        /// Right sides.
        m: u32,
        /// Whether T is upper triangular.
        upper: bool,
    },
    /// What [`spectral::eigh`] writes. It passes no derivatives.
    Eigh {
        /// Rows and columns.
        n: u32,
    },
    /// What [`spectral::svd`] writes. It passes no derivatives.
    Svd {
        /// Rows.
        m: u32,
        /// Columns, no more than rows.
        n: u32,
        /// Whether signs go by the right vectors.
        by_right: bool,
    },
    /// The cofactors of A, by a factorization with full pivoting: the derivatives of a determinant.
    Cofactors {
        /// Rows and columns.
        n: u32,
    },
    /// The derivatives of `log |det A|`: `A^-T`, and where singular the cofactors divided by 0.
    LogdetSlopes {
        /// Rows and columns.
        n: u32,
    },
}

impl BlockKind {
    /// The primitive that it computes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            BlockKind::Matmul { .. } => "matmul",
            BlockKind::Solve { .. } => "solve",
            BlockKind::Inverse { .. } => "inv",
            BlockKind::Logdet { .. } => "logdet",
            BlockKind::Det { .. } => "det",
            BlockKind::Cholesky { .. } => "cholesky",
            BlockKind::Triangular { .. } => "solve-triangular",
            BlockKind::Eigh { .. } => "eigh",
            BlockKind::Svd { .. } => "svd",
            BlockKind::Cofactors { .. } => "cofactors",
            BlockKind::LogdetSlopes { .. } => "logdet-slopes",
        }
    }

    /// Whether its numbers count as constants where derivatives are taken.
    pub(crate) fn is_flat(self) -> bool {
        matches!(self, BlockKind::Eigh { .. } | BlockKind::Svd { .. })
    }

    /// How many numbers the first and the second operand have; 0 for none.
    pub(crate) fn operands(self) -> [usize; 2] {
        match self {
            BlockKind::Matmul { n, k, m, .. } => [product_of([n, k]), product_of([k, m])],
            BlockKind::Solve { n, m } | BlockKind::Triangular { n, m, .. } => {
                [product_of([n, n]), product_of([n, m])]
            }
            BlockKind::Svd { m, n, .. } => [product_of([m, n]), 0],
            BlockKind::Inverse { n }
            | BlockKind::Logdet { n }
            | BlockKind::Det { n }
            | BlockKind::Cholesky { n }
            | BlockKind::Eigh { n }
            | BlockKind::Cofactors { n }
            | BlockKind::LogdetSlopes { n } => [product_of([n, n]), 0],
        }
    }

    /// How many numbers the result has.
    pub(crate) fn outputs(self) -> usize {
        match self {
            BlockKind::Matmul { n, m, .. }
            | BlockKind::Solve { n, m }
            | BlockKind::Triangular { n, m, .. } => product_of([n, m]),
            BlockKind::Eigh { n } => spectral::eigh_length(n as usize),
            BlockKind::Svd { m, n, .. } => spectral::svd_length(m as usize, n as usize),
            BlockKind::Inverse { n }
            | BlockKind::Cholesky { n }
            | BlockKind::Cofactors { n }
            | BlockKind::LogdetSlopes { n } => product_of([n, n]),
            BlockKind::Logdet { .. } | BlockKind::Det { .. } => 1,
        }
    }

    /// How many numbers follow the result for the derivatives: the flag of success, where there is
    /// one, then the factors and the pivots of LU, where they are read again.
    pub(crate) fn hidden(self) -> usize {
        let factors = |n: u32| product_of([n, n]).saturating_add(n as usize);
        match self {
            BlockKind::Matmul { .. }
            | BlockKind::Eigh { .. }
            | BlockKind::Svd { .. }
            | BlockKind::LogdetSlopes { .. } => 0,
            BlockKind::Cofactors { n } => room_of_factors(n as usize),
            BlockKind::Solve { n, .. } => factors(n).saturating_add(1),
            BlockKind::Inverse { .. }
            | BlockKind::Cholesky { .. }
            | BlockKind::Triangular { .. } => 1,
            BlockKind::Logdet { n } | BlockKind::Det { n } => factors(n),
        }
    }

    /// Where in the output the flag of success is: 1, or 0 where the matrix is singular or not
    /// positive definite. None where nothing fails.
    pub(crate) fn flag(self) -> Option<usize> {
        match self {
            BlockKind::Solve { .. }
            | BlockKind::Inverse { .. }
            | BlockKind::Cholesky { .. }
            | BlockKind::Triangular { .. } => Some(self.outputs()),
            BlockKind::Matmul { .. }
            | BlockKind::Logdet { .. }
            | BlockKind::Det { .. }
            | BlockKind::Eigh { .. }
            | BlockKind::Svd { .. }
            | BlockKind::Cofactors { .. }
            | BlockKind::LogdetSlopes { .. } => None,
        }
    }

    /// Which of its operands and its own numbers [`BlockKind::vjp`] reads for the cotangents asked for; in
    /// place of others there may be nothing.
    pub(crate) fn reads(self, [to_a, to_b]: [bool; 2]) -> [bool; 3] {
        match self {
            BlockKind::Matmul { .. } => [to_b, to_a, false],
            _ => [true; 3],
        }
    }

    /// Computes the result from the operands and writes all of `out`: [`BlockKind::outputs`] numbers,
    /// then [`BlockKind::hidden`] ones.
    pub(crate) fn forward(self, a: &[f64], b: &[f64], out: &mut [f64], scratch: &mut Vec<f64>) {
        let (y, hidden) = out.split_at_mut(self.outputs());
        match self {
            BlockKind::Matmul { n, k, m, ta, tb } => {
                let sizes = [n, k, m].map(|size| size as usize);
                let [n, k, m] = sizes;
                let a = View::stored(a, n, k, ta);
                let b = View::stored(b, k, m, tb);
                product(Mode::Set, sizes, a, b, y, m, room(scratch, spare(k)));
            }
            BlockKind::Solve { n, m } => {
                let (n, m) = (n as usize, m as usize);
                let [flag, factors @ ..] = hidden else { return };
                let (lu, pivots) = factors.split_at_mut(n * n);
                lu.copy_from_slice(a);
                let scratch = room(scratch, elimination_room(n));
                if factor(lu, n, pivots, scratch) {
                    *flag = 1.0;
                    y.copy_from_slice(b);
                    solve(lu, pivots, y, m, scratch);
                } else {
                    *flag = 0.0;
                    y.fill(f64::NAN);
                }
            }
            BlockKind::Inverse { n } => {
                let n = n as usize;
                let scratch = room(scratch, n * n + n + elimination_room(n));
                let (lu, scratch) = scratch.split_at_mut(n * n);
                let (pivots, scratch) = scratch.split_at_mut(n);
                lu.copy_from_slice(a);
                if factor(lu, n, pivots, scratch) {
                    hidden[0] = 1.0;
                    diagonal(y, n, 1.0);
                    solve(lu, pivots, y, n, scratch);
                } else {
                    hidden[0] = 0.0;
                    y.fill(f64::NAN);
                }
            }
            BlockKind::Logdet { n } => {
                let n = n as usize;
                let (lu, pivots) = hidden.split_at_mut(n * n);
                lu.copy_from_slice(a);
                let regular = factor(lu, n, pivots, room(scratch, elimination_room(n)));
                y[0] = if regular {
                    let mut entries = lu.iter().step_by(n + 1).map(|pivot| math::ln(pivot.abs()));
                    let first = entries.next().unwrap_or(0.0);
                    entries.fold(first, |sum, x| sum + x)
                } else {
                    lu.copy_from_slice(a);
                    eliminate(lu, n, pivots, true);
                    if a.iter().any(|x| x.is_nan()) {
                        f64::NAN
                    } else {
                        f64::NEG_INFINITY
                    }
                };
            }
            BlockKind::Det { n } => {
                let n = n as usize;
                let (lu, pivots) = hidden.split_at_mut(n * n);
                lu.copy_from_slice(a);
                y[0] = if factor(lu, n, pivots, room(scratch, elimination_room(n))) {
                    let mut entries = lu.iter().step_by(n + 1);
                    let first = entries.next().copied().unwrap_or(1.0);
                    sign(pivots) * entries.fold(first, |product, x| product * x)
                } else {
                    lu.copy_from_slice(a);
                    eliminate(lu, n, pivots, true);
                    if a.iter().any(|x| x.is_nan()) {
                        f64::NAN
                    } else {
                        0.0
                    }
                };
            }
            BlockKind::Cholesky { n } => {
                let n = n as usize;
                let positive = cholesky(a, n, y, room(scratch, elimination_room(n)));
                hidden[0] = if positive {
                    1.0
                } else {
                    y.fill(f64::NAN);
                    0.0
                };
            }
            BlockKind::Triangular { n, m, upper } => {
                let regular = system(n, m, upper).forward(a, b, y, scratch);
                hidden[0] = f64::from(u8::from(regular));
            }
            BlockKind::Eigh { n } => {
                let n = n as usize;
                spectral::eigh(a, n, y, room(scratch, 2 * n * n));
            }
            BlockKind::Svd { m, n, by_right } => {
                let (m, n) = (m as usize, n as usize);
                spectral::svd(a, [m, n], by_right, y, room(scratch, (m + n) * n));
            }
            BlockKind::Cofactors { n } => {
                let n = n as usize;
                let work = room(scratch, n * n);
                factorize(a, n, hidden).cofactors(y, work);
            }
            BlockKind::LogdetSlopes { n } => {
                let logdet = BlockKind::Logdet { n };
                let n = n as usize;
                let mut own = vec![0.0; 1 + logdet.hidden()];
                logdet.forward(a, b, &mut own, scratch);
                logdet.gradient(own[0], &own[1..], n, y, room(scratch, spare(n)));
            }
        }
    }

    /// The cotangents of the operands for the cotangent `ct` of the result, written (not added) to
    /// all of `da` and `db` where given. `out` is what [`BlockKind::forward`] wrote.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a reverse rule reads and writes"
    )]
    #[inline]
    pub(crate) fn vjp(
        self,
        a: &[f64],
        b: &[f64],
        out: &[f64],
        ct: &[f64],
        da: Option<&mut [f64]>,
        db: Option<&mut [f64]>,
        scratch: &mut Vec<f64>,
    ) {
        let mut to = [da, db];
        self.reverse(a, b, out, ct, &mut to, scratch);
        // Tests break rules, to see that whoever judges them notices.
        #[cfg(test)]
        super::broken::block(self, super::broken::Sweep::Reverse, to);
    }

    fn reverse(
        self,
        a: &[f64],
        b: &[f64],
        out: &[f64],
        ct: &[f64],
        to: &mut [Option<&mut [f64]>; 2],
        scratch: &mut Vec<f64>,
    ) {
        let [da, db] = to.each_mut().map(|to| to.as_deref_mut());
        if self.flag().is_some_and(|flag| out[flag] == 0.0) {
            for cotangent in [da, db].into_iter().flatten() {
                cotangent.fill(f64::NAN);
            }
            return;
        }
        let (y, hidden) = out.split_at(self.outputs().min(out.len()));
        match self {
            // C = A B: dA = ct B^T, dB = A^T ct; transposed where the operand is.
            BlockKind::Matmul { n, k, m, ta, tb } => {
                let [n, k, m] = [n, k, m].map(|size| size as usize);
                let a = View::stored(a, n, k, ta);
                let b = View::stored(b, k, m, tb);
                let ct = View::stored(ct, n, m, false);
                let scratch = room(scratch, spare(n.max(m)));
                if let Some(da) = da {
                    if ta {
                        product(Mode::Set, [k, m, n], b, ct.transposed(), da, n, scratch);
                    } else {
                        product(Mode::Set, [n, m, k], ct, b.transposed(), da, k, scratch);
                    }
                }
                if let Some(db) = db {
                    if tb {
                        product(Mode::Set, [m, n, k], ct.transposed(), a, db, k, scratch);
                    } else {
                        product(Mode::Set, [k, n, m], a.transposed(), ct, db, m, scratch);
                    }
                }
            }
            // A X = B: dB = A^-T ct, dA = -dB X^T.
            BlockKind::Solve { n, m } => {
                let (n, m) = (n as usize, m as usize);
                if da.is_none() && db.is_none() {
                    return;
                }
                let (lu, pivots) = hidden[1..].split_at(n * n);
                let scratch = room(scratch, n * m + spare(n.max(m)));
                let (own, scratch) = scratch.split_at_mut(n * m);
                let db = db.unwrap_or(own);
                db.copy_from_slice(ct);
                solve_transposed(lu, pivots, db, m, scratch);
                if let Some(da) = da {
                    da.fill(0.0);
                    let x = View::stored(y, n, m, false).transposed();
                    let db = View::stored(db, n, m, false);
                    product(Mode::Subtract, [n, m, n], db, x, da, n, scratch);
                }
            }
            // X = A^-1: dA = -X^T ct X^T.
            BlockKind::Inverse { n } => {
                let (n, Some(da)) = (n as usize, da) else {
                    return;
                };
                let scratch = room(scratch, n * n + spare(n));
                let (half, scratch) = scratch.split_at_mut(n * n);
                let x = View::stored(y, n, n, true);
                let ct = View::stored(ct, n, n, false);
                product(Mode::Set, [n; 3], x, ct, half, n, scratch);
                let half = View::stored(half, n, n, false);
                da.fill(0.0);
                product(Mode::Subtract, [n; 3], half, x, da, n, scratch);
            }
            BlockKind::Logdet { n } | BlockKind::Det { n } => {
                let Some(da) = da else { return };
                let n = n as usize;
                self.gradient(y[0], hidden, n, da, room(scratch, spare(n)));
                for d in da {
                    *d *= ct[0];
                }
            }
            BlockKind::Triangular { n, m, upper } => {
                system(n, m, upper).vjp(a, y, ct, da, db, scratch);
            }
            BlockKind::Eigh { .. } | BlockKind::Svd { .. } => {
                for cotangent in [da, db].into_iter().flatten() {
                    cotangent.fill(0.0);
                }
            }
            // Both are derivatives of one number, so second derivatives of it are symmetric.
            BlockKind::Cofactors { .. } | BlockKind::LogdetSlopes { .. } => {
                if let Some(da) = da {
                    self.moved(out, ct, da, scratch);
                }
            }
            // A = L L^T: S = L^-T phi(L^T ct) L^-1, where phi keeps the lower triangle and half of
            // the diagonal; as only the lower triangle of A is read, dA = phi(S + S^T).
            BlockKind::Cholesky { n } => {
                let (n, Some(da)) = (n as usize, da) else {
                    return;
                };
                let scratch = room(scratch, n * n + spare(n));
                let (work, scratch) = scratch.split_at_mut(n * n);
                let l = View::stored(y, n, n, false);
                let lt = l.transposed();
                lower_triangle(ct, n, 1.0, da);
                let ct = View::stored(da, n, n, false);
                product(Mode::Set, [n; 3], lt, ct, work, n, scratch);
                lower_triangle(work, n, 0.5, da);
                substitute(Triangle::Upper, lt, n, da, n, n, scratch);
                transpose(da, n, work);
                substitute(Triangle::Upper, lt, n, work, n, n, scratch);
                for i in 0..n {
                    for j in 0..n {
                        da[i * n + j] = match i.cmp(&j) {
                            std::cmp::Ordering::Less => 0.0,
                            std::cmp::Ordering::Equal => work[i * n + j],
                            std::cmp::Ordering::Greater => work[i * n + j] + work[j * n + i],
                        };
                    }
                }
            }
        }
    }

    /// The tangent of the result for those of the operands, none for zero, and [`NOTHING`] for numbers that
    /// depend on nothing; written to all of `tout`. `out` is what [`BlockKind::forward`] wrote.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a forward rule reads and writes"
    )]
    #[inline]
    pub(crate) fn jvp(
        self,
        a: &[f64],
        b: &[f64],
        out: &[f64],
        ta: Option<&[f64]>,
        tb: Option<&[f64]>,
        tout: &mut [f64],
        scratch: &mut Vec<f64>,
    ) {
        self.forwards(a, b, out, [ta, tb], tout, scratch);
        #[cfg(test)]
        super::broken::block(self, super::broken::Sweep::Forward, [Some(tout), None]);
    }

    fn forwards(
        self,
        a: &[f64],
        b: &[f64],
        out: &[f64],
        [ta, tb]: [Option<&[f64]>; 2],
        tout: &mut [f64],
        scratch: &mut Vec<f64>,
    ) {
        if ta.is_none() && (tb.is_none() || self.operands()[1] == 0) {
            tout.fill(0.0);
            return;
        }
        if self.flag().is_some_and(|flag| out[flag] == 0.0) {
            tout.fill(f64::NAN);
            return;
        }
        let (y, hidden) = out.split_at(self.outputs());
        match self {
            // C = A B: C' = A' B + A B'.
            BlockKind::Matmul {
                n,
                k,
                m,
                ta: stored_a,
                tb: stored_b,
            } => {
                let sizes = [n, k, m].map(|size| size as usize);
                let [n, k, m] = sizes;
                let scratch = room(scratch, spare(k));
                let mut mode = Mode::Set;
                if let Some(ta) = ta {
                    let ta = View::stored(ta, n, k, stored_a);
                    let b = View::stored(b, k, m, stored_b);
                    product(mode, sizes, ta, b, tout, m, scratch);
                    mode = Mode::Add;
                }
                if let Some(tb) = tb {
                    let a = View::stored(a, n, k, stored_a);
                    let tb = View::stored(tb, k, m, stored_b);
                    product(mode, sizes, a, tb, tout, m, scratch);
                }
            }
            // A X = B: X' = A^-1 (B' - A' X).
            BlockKind::Solve { n, m } => {
                let (n, m) = (n as usize, m as usize);
                let (lu, pivots) = hidden[1..].split_at(n * n);
                let scratch = room(scratch, spare(n));
                match tb {
                    Some(tb) => tout.copy_from_slice(tb),
                    None => tout.fill(0.0),
                }
                if let Some(ta) = ta {
                    let ta = View::stored(ta, n, n, false);
                    let x = View::stored(y, n, m, false);
                    product(Mode::Subtract, [n, n, m], ta, x, tout, m, scratch);
                }
                solve(lu, pivots, tout, m, scratch);
            }
            // X = A^-1: X' = -X A' X.
            BlockKind::Inverse { n } => {
                let (n, Some(ta)) = (n as usize, ta) else {
                    return;
                };
                let scratch = room(scratch, n * n + spare(n));
                let (half, scratch) = scratch.split_at_mut(n * n);
                let x = View::stored(y, n, n, false);
                let ta = View::stored(ta, n, n, false);
                product(Mode::Set, [n; 3], x, ta, half, n, scratch);
                let half = View::stored(half, n, n, false);
                tout.fill(0.0);
                product(Mode::Subtract, [n; 3], half, x, tout, n, scratch);
            }
            BlockKind::Logdet { n } | BlockKind::Det { n } => {
                let (n, Some(ta)) = (n as usize, ta) else {
                    return;
                };
                let scratch = room(scratch, n * n + spare(n));
                let (gradient, scratch) = scratch.split_at_mut(n * n);
                self.gradient(y[0], hidden, n, gradient, scratch);
                let terms = gradient.iter().zip(ta);
                // Infinite derivatives are of what depends on anything.
                let moves = |t: f64| y[0] != f64::NEG_INFINITY || t.to_bits() != NOTHING.to_bits();
                let terms = terms.filter(|(_, t)| moves(**t));
                tout[0] = terms.map(|(g, t)| g * t).sum();
            }
            BlockKind::Cofactors { .. } | BlockKind::LogdetSlopes { .. } => {
                let Some(ta) = ta else { return };
                self.moved(out, ta, tout, scratch);
            }
            BlockKind::Triangular { n, m, upper } => {
                system(n, m, upper).jvp(a, y, ta, tb, tout, scratch);
            }
            BlockKind::Eigh { .. } | BlockKind::Svd { .. } => tout.fill(0.0),
            // A = L L^T: L' = L phi(L^-1 A' L^-T), phi as in the reverse rule.
            BlockKind::Cholesky { n } => {
                let (n, Some(ta)) = (n as usize, ta) else {
                    return;
                };
                let scratch = room(scratch, 2 * n * n + spare(n));
                let (first, scratch) = scratch.split_at_mut(n * n);
                let (second, scratch) = scratch.split_at_mut(n * n);
                let l = View::stored(y, n, n, false);
                for i in 0..n {
                    for j in 0..n {
                        first[i * n + j] = ta[i.max(j) * n + i.min(j)];
                    }
                }
                substitute(Triangle::Lower, l, n, first, n, n, scratch);
                transpose(first, n, second);
                substitute(Triangle::Lower, l, n, second, n, n, scratch);
                lower_triangle(second, n, 0.5, first);
                let phi = View::stored(first, n, n, false);
                product(Mode::Set, [n; 3], l, phi, second, n, scratch);
                lower_triangle(second, n, 1.0, tout);
            }
        }
    }

    /// How the numbers of [`BlockKind::Cofactors`] or [`BlockKind::LogdetSlopes`] move with the matrix.
    fn moved(self, out: &[f64], direction: &[f64], moved: &mut [f64], scratch: &mut Vec<f64>) {
        let (y, hidden) = out.split_at(self.outputs());
        if let BlockKind::Cofactors { n } = self {
            let n = n as usize;
            Factors::of(n, hidden).moved(direction, moved, room(scratch, 2 * n * n));
            return;
        }
        let n = y.len().isqrt();
        if y.iter().all(|x| x.is_finite()) {
            let scratch = room(scratch, n * n + spare(n));
            let (half, scratch) = scratch.split_at_mut(n * n);
            let slopes = View::stored(y, n, n, false);
            let direction = View::stored(direction, n, n, true);
            product(Mode::Set, [n; 3], slopes, direction, half, n, scratch);
            let half = View::stored(half, n, n, false);
            moved.fill(0.0);
            product(Mode::Subtract, [n; 3], half, slopes, moved, n, scratch);
        } else {
            slopes_moved(y, n, direction, moved);
        }
    }

    /// The derivatives of [`BlockKind::Det`] or [`BlockKind::Logdet`], which is `y`, by the matrix: its
    /// cofactors, or `A^-T`, and where log|det| is -inf the cofactors divided by 0. NaN where `y` is NaN.
    fn gradient(self, y: f64, factors: &[f64], n: usize, gradient: &mut [f64], spare: &mut [f64]) {
        let (lu, pivots) = factors.split_at(n * n);
        let is_log = matches!(self, BlockKind::Logdet { .. });
        if y.is_nan() {
            gradient.fill(f64::NAN);
            return;
        }
        let gap = lu.iter().step_by(n + 1).position(|&pivot| pivot == 0.0);
        if let Some(gap) = gap {
            singular_cofactors(lu, pivots, n, gap, gradient, spare);
            if is_log {
                for cofactor in gradient {
                    *cofactor /= 0.0;
                }
            }
            return;
        }
        let scale = if is_log { 1.0 } else { y };
        diagonal(gradient, n, scale);
        solve_transposed(lu, pivots, gradient, n, spare);
    }
}

fn system(n: u32, m: u32, upper: bool) -> System {
    let (n, m) = (n as usize, m as usize);
    System { n, m, upper }
}

/// The product of sizes, at most [`usize::MAX`].
fn product_of<const N: usize>(sizes: [u32; N]) -> usize {
    sizes
        .into_iter()
        .fold(1, |product, size| product.saturating_mul(size as usize))
}
