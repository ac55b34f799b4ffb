//! Products of matrices, in tiles that stay in registers; working memory and dispatch for all kernels.
//!
//! **Invariants**
//! - Below [`FAER_WORK`], and in pages everywhere, an entry is its first term plus the others in order,
//!   nothing fused.

#[cfg(not(target_family = "wasm"))]
use faer::traits::ComplexField;
#[cfg(not(target_family = "wasm"))]
use faer::{Accum, MatMut, MatRef, Par};

/// Multiply-adds of a product from which on it goes to `faer`.
pub(super) const FAER_WORK: usize = 64 * 64 * 64;

/// The smallest side of such a product.
pub(super) const FAER_SIDE: usize = 16;

/// How many columns a tile has, and the panel of the second factor that is packed for it.
pub(super) const WIDTH: usize = 8;

/// How many rows a tile has.
pub(super) const HEIGHT: usize = 6;

/// How many columns are eliminated, and how many rows substituted, before a product brings the
/// rest up to date.
pub(super) const STEP: usize = 32;

/// Working memory of [`product`] and [`substitute`] for sums of `k` terms.
pub(super) fn spare(k: usize) -> usize {
    WIDTH * k
}

/// Working memory of [`factor`] and [`cholesky`].
pub(super) fn elimination_room(n: usize) -> usize {
    n * STEP.min(n) + spare(n)
}

/// At least `len` numbers of working memory, of any value.
pub(super) fn room(scratch: &mut Vec<f64>, len: usize) -> &mut [f64] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}

/// Runs `f` compiled for the widest registers that `faer` knows of and the processor has. What is
/// marked `inline(always)` inside is compiled with it. Rounds as everywhere: no sum is fused with a
/// product.
#[cfg(not(target_family = "wasm"))]
pub(super) fn fast<R>(f: impl FnOnce() -> R) -> R {
    <f64 as ComplexField>::Arch::default().dispatch(f)
}

/// Runs `f`: registers are as wide here as all code is compiled for.
#[cfg(target_family = "wasm")]
#[inline(always)]
pub(super) fn fast<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Runs `body` for pieces of `count`, the largest first: `at` is where one begins, `SIZE` its size.
macro_rules! in_chunks {
    ($count:expr, [$($size:expr),+], $at:ident, $SIZE:ident => $body:expr) => {
        let count = $count;
        let mut $at = 0;
        $(while count - $at >= $size {
            const $SIZE: usize = $size;
            $body;
            $at += $size;
        })+
        let _ = $at;
    };
}

pub(super) use in_chunks;

/// A matrix read through strides.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) at: &'a [f64],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a> View<'a> {
    /// Rows of `stride` numbers.
    #[inline]
    pub(super) fn rows(at: &'a [f64], stride: usize) -> Self {
        View {
            at,
            row: stride,
            column: 1,
        }
    }

    /// A matrix of `rows` x `columns`, stored so or transposed.
    pub(super) fn stored(at: &'a [f64], rows: usize, columns: usize, transposed: bool) -> Self {
        if transposed {
            View::rows(at, rows).transposed()
        } else {
            View::rows(at, columns)
        }
    }

    #[inline]
    pub(super) fn transposed(self) -> Self {
        View {
            at: self.at,
            row: self.column,
            column: self.row,
        }
    }

    /// The part from row `i` and column `j` on.
    #[inline]
    pub(super) fn from(self, i: usize, j: usize) -> Self {
        View {
            at: &self.at[i * self.row + j * self.column..],
            ..self
        }
    }

    #[inline]
    pub(super) fn entry(self, i: usize, j: usize) -> f64 {
        self.at[i * self.row + j * self.column]
    }

    /// The `rows` x `columns` first entries, for `faer`.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn to_faer(self, rows: usize, columns: usize) -> MatRef<'a, f64> {
        if self.column == 1 {
            MatRef::from_row_major_slice_with_stride(self.at, rows, columns, self.row)
        } else {
            MatRef::from_column_major_slice_with_stride(self.at, rows, columns, self.column)
        }
    }
}

/// What a product does to what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Set,
    Add,
    Subtract,
}

/// `out` = A B, or `out` += or -= it: `n` x `k` times `k` x `m` into rows of `stride` numbers.
pub(super) fn product(
    mode: Mode,
    [n, k, m]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f64],
    stride: usize,
    spare: &mut [f64],
) {
    // Where bytes count, it is tiles for all.
    #[cfg(not(target_family = "wasm"))]
    if is_for_faer([n, k, m]) {
        by_faer(mode, [n, k, m], a, b, out, stride);
        return;
    }
    product_in_tiles(mode, [n, k, m], a, b, out, stride, spare);
}

/// Whether a product goes to `faer`.
#[cfg(not(target_family = "wasm"))]
fn is_for_faer([n, k, m]: [usize; 3]) -> bool {
    n.saturating_mul(k).saturating_mul(m) >= FAER_WORK && n.min(k).min(m) >= FAER_SIDE
}

/// The same by `faer`.
#[cfg(not(target_family = "wasm"))]
fn by_faer(
    mode: Mode,
    [n, k, m]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f64],
    stride: usize,
) {
    let (accumulate, factor) = match mode {
        Mode::Set => (Accum::Replace, 1.0),
        Mode::Add => (Accum::Add, 1.0),
        Mode::Subtract => (Accum::Add, -1.0),
    };
    // `from_row_major_slice_with_stride_mut` of faer 0.24.4 takes the stride of rows for that of
    // columns, and so writes out of bounds.
    let to = MatMut::from_column_major_slice_with_stride_mut(out, m, n, stride);
    let to = to.transpose_mut();
    let (a, b) = (a.to_faer(n, k), b.to_faer(k, m));
    faer::linalg::matmul::matmul(to, accumulate, a, b, factor, Par::Seq);
    leave_wide_registers();
}

/// The same, always in tiles.
pub(super) fn product_in_tiles(
    mode: Mode,
    [n, k, m]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f64],
    stride: usize,
    spare: &mut [f64],
) {
    if m == 1 && stride == 1 && a.row == 1 && n > WIDTH {
        // Rows of the transposed matrix are added up, as they lie in memory.
        fast(
            #[inline(always)]
            || add_rows(mode, [n, k], a, b, out),
        );
        return;
    }
    if m == 1 && stride == 1 && a.column == 1 && n >= ROWS {
        fast(
            #[inline(always)]
            || add_along_rows(mode, [n, k], a, b, out, spare),
        );
        return;
    }
    let tiles = Tiles {
        mode,
        n,
        k,
        a,
        b,
        stride,
    };
    fast(
        #[inline(always)]
        || {
            in_chunks!(m, [WIDTH, 4, 2, 1], j, C => tiles.columns::<C>(j, out, spare));
        },
    );
}

/// How many rows of a matrix are gone along at a time: as many sums as keep the processor busy.
const ROWS: usize = 8;

/// `out` = A b, where rows of A lie in one piece: for each entry the terms are those of a product, in its
/// order.
#[inline(always)]
fn add_along_rows(
    mode: Mode,
    [n, k]: [usize; 2],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f64],
    spare: &mut [f64],
) {
    let x = &mut spare[..k];
    let sign = if mode == Mode::Subtract { -1.0 } else { 1.0 };
    for (p, x) in x.iter_mut().enumerate() {
        *x = sign * b.entry(p, 0);
    }
    in_chunks!(n, [ROWS, 2, 1], i, R => {
        let rows: [&[f64]; R] = std::array::from_fn(|r| &a.at[(i + r) * a.row..][..k]);
        let mut sums: [f64; R] = std::array::from_fn(|r| out[i + r]);
        let mut from = 0;
        if mode == Mode::Set {
            sums = std::array::from_fn(|r| rows[r][0] * x[0]);
            from = 1;
        }
        for p in from..k {
            for r in 0..R {
                sums[r] += rows[r][p] * x[p];
            }
        }
        out[i..][..R].copy_from_slice(&sums);
    });
}

/// `out` = A b, where columns of A lie in one piece: for each entry the terms are those of a product, in
/// its order.
#[inline(always)]
fn add_rows(mode: Mode, [n, k]: [usize; 2], a: View<'_>, b: View<'_>, out: &mut [f64]) {
    let out = &mut out[..n];
    let column = |p: usize| &a.at[p * a.column..][..n];
    let mut p = 0;
    if mode == Mode::Set {
        let x = b.entry(0, 0);
        for (sum, y) in out.iter_mut().zip(column(0)) {
            *sum = y * x;
        }
        p = 1;
    }
    let sign = if mode == Mode::Subtract { -1.0 } else { 1.0 };
    // Four columns at a time, so that sums stay in registers meanwhile. A term with its sign changed
    // that is added is the term subtracted, to the bit.
    while p + 4 <= k {
        let x: [f64; 4] = std::array::from_fn(|q| sign * b.entry(p + q, 0));
        let columns: [&[f64]; 4] = std::array::from_fn(|q| column(p + q));
        for (i, sum) in out.iter_mut().enumerate() {
            let mut s = *sum;
            for q in 0..4 {
                s += columns[q][i] * x[q];
            }
            *sum = s;
        }
        p += 4;
    }
    while p < k {
        let x = sign * b.entry(p, 0);
        for (sum, y) in out.iter_mut().zip(column(p)) {
            *sum += y * x;
        }
        p += 1;
    }
}

/// A product in tiles: as [`product`].
#[derive(Clone, Copy)]
pub(super) struct Tiles<'a> {
    pub(super) mode: Mode,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: View<'a>,
    pub(super) b: View<'a>,
    pub(super) stride: usize,
}

impl Tiles<'_> {
    /// Columns `j` to `j + C` of the result.
    #[inline(always)]
    pub(super) fn columns<const C: usize>(self, j: usize, out: &mut [f64], spare: &mut [f64]) {
        let panel = &mut spare.as_chunks_mut::<C>().0[..self.k];
        let b = self.b.from(0, j);
        if b.column == 1 {
            for (p, row) in panel.iter_mut().enumerate() {
                row.copy_from_slice(&b.at[p * b.row..][..C]);
            }
        } else {
            for (p, row) in panel.iter_mut().enumerate() {
                for (c, x) in row.iter_mut().enumerate() {
                    *x = b.entry(p, c);
                }
            }
        }
        let out = &mut out[j..];
        in_chunks!(self.n, [HEIGHT, 2, 1], i, R => self.tile::<R, C>(i, panel, out));
    }

    /// `R` rows from `i` on, of `C` columns that begin where `out` does.
    #[inline(always)]
    pub(super) fn tile<const R: usize, const C: usize>(
        self,
        i: usize,
        panel: &[[f64; C]],
        out: &mut [f64],
    ) {
        let mut sums = [[0.0; C]; R];
        let mut steps = panel.iter().enumerate();
        if self.mode == Mode::Set {
            if let Some((_, first)) = steps.next() {
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = self.a.entry(i + r, 0);
                    for (sum, y) in sums.iter_mut().zip(first) {
                        *sum = x * y;
                    }
                }
            }
        } else {
            for (r, sums) in sums.iter_mut().enumerate() {
                sums.copy_from_slice(&out[(i + r) * self.stride..][..C]);
            }
        }
        let sums = if self.mode == Mode::Subtract {
            sweep(sums, self.a, i, steps, |sum, term| sum - term)
        } else {
            sweep(sums, self.a, i, steps, |sum, term| sum + term)
        };
        for (r, sums) in sums.iter().enumerate() {
            out[(i + r) * self.stride..][..C].copy_from_slice(sums);
        }
    }
}

/// Brings in, for each step `p` and row `r`, the products of `a(i + r, p)` with that step's row.
#[inline(always)]
pub(super) fn sweep<'p, const R: usize, const C: usize>(
    mut sums: [[f64; C]; R],
    a: View<'_>,
    i: usize,
    steps: impl Iterator<Item = (usize, &'p [f64; C])>,
    join: impl Fn(f64, f64) -> f64,
) -> [[f64; C]; R] {
    if a.row == 1 {
        for (p, row) in steps {
            let entries = &a.at[p * a.column + i..][..R];
            for (sums, &x) in sums.iter_mut().zip(entries) {
                for (sum, y) in sums.iter_mut().zip(row) {
                    *sum = join(*sum, x * y);
                }
            }
        }
        return sums;
    }
    for (p, row) in steps {
        let entries = &a.at[i * a.row + p * a.column..];
        let entries = &entries[..=(R - 1) * a.row];
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = entries[r * a.row];
            for (sum, y) in sums.iter_mut().zip(row) {
                *sum = join(*sum, x * y);
            }
        }
    }
    sums
}

/// `faer` may return with wide registers in use, which slows the narrow instructions of all other
/// code several times (x86); what is compiled for wide registers leaves them clean.
#[cfg(not(target_family = "wasm"))]
fn leave_wide_registers() {
    fast(|| {
        let mut four = std::hint::black_box([1.0; 4]);
        for x in &mut four {
            *x += 1.0;
        }
        std::hint::black_box(four);
    });
}
