//! Triangular systems of equations, X in T X = B, as blocks.
//!
//! **Invariants**
//! - Of T, only one triangle is read; what stands in the other has derivative 0.

use super::factors::{Triangle, substitute};
use super::product::{Mode, View, product, room, spare};

/// A system: T is `n` x `n`, B and X are `n` x `m`.
#[derive(Clone, Copy)]
pub(super) struct System {
    pub(super) n: usize,
    pub(super) m: usize,
    pub(super) upper: bool,
}

impl System {
    fn triangle(self) -> Triangle {
        if self.upper {
            Triangle::Upper
        } else {
            Triangle::Lower
        }
    }

    /// Zeros for what is not read.
    fn clear(self, matrix: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let unread = if self.upper { 0..i } else { i + 1..n };
            matrix[i * n..][..n][unread].fill(0.0);
        }
    }

    /// Writes X; false, and NaN, where a number of the diagonal is 0.
    pub(super) fn forward(
        self,
        t: &[f64],
        b: &[f64],
        x: &mut [f64],
        scratch: &mut Vec<f64>,
    ) -> bool {
        let System { n, m, .. } = self;
        if t.iter().step_by(n + 1).any(|&pivot| pivot == 0.0) {
            x.fill(f64::NAN);
            return false;
        }
        x.copy_from_slice(b);
        let spare = room(scratch, spare(n));
        substitute(self.triangle(), View::rows(t, n), n, x, m, m, spare);
        true
    }

    /// dB = T^-T ct; dT = -dB Xᵀ, where T is read.
    pub(super) fn vjp(
        self,
        t: &[f64],
        x: &[f64],
        ct: &[f64],
        dt: Option<&mut [f64]>,
        db: Option<&mut [f64]>,
        scratch: &mut Vec<f64>,
    ) {
        let System { n, m, .. } = self;
        let scratch = room(scratch, n * m + spare(n.max(m)));
        let (own, scratch) = scratch.split_at_mut(n * m);
        let db = db.unwrap_or(own);
        db.copy_from_slice(ct);
        let other = if self.upper {
            Triangle::Lower
        } else {
            Triangle::Upper
        };
        substitute(other, View::rows(t, n).transposed(), n, db, m, m, scratch);
        if let Some(dt) = dt {
            dt.fill(0.0);
            let x = View::stored(x, n, m, false).transposed();
            let db = View::stored(db, n, m, false);
            product(Mode::Subtract, [n, m, n], db, x, dt, n, scratch);
            self.clear(dt);
        }
    }

    /// X' = T^-1 (B' - T' X).
    pub(super) fn jvp(
        self,
        t: &[f64],
        x: &[f64],
        tt: Option<&[f64]>,
        tb: Option<&[f64]>,
        tx: &mut [f64],
        scratch: &mut Vec<f64>,
    ) {
        let System { n, m, .. } = self;
        let scratch = room(scratch, n * n + spare(n));
        let (read, scratch) = scratch.split_at_mut(n * n);
        match tb {
            Some(tb) => tx.copy_from_slice(tb),
            None => tx.fill(0.0),
        }
        if let Some(tt) = tt {
            read.copy_from_slice(tt);
            self.clear(read);
            let x = View::stored(x, n, m, false);
            product(
                Mode::Subtract,
                [n, n, m],
                View::rows(read, n),
                x,
                tx,
                m,
                scratch,
            );
        }
        substitute(self.triangle(), View::rows(t, n), n, tx, m, m, scratch);
    }
}
