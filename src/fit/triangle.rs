//! The linear algebra of a step: a triangle, and the steps that it gives.
//!
//! Rows of a Jacobian beside its scores go in, column-major; the triangle of its factorization comes
//! out, and from that damped steps within a trust region and a box.
//!
//! **Invariants**
//! - `J^T J`, whose condition is the square of the Jacobian's, is formed for Newton's steps alone.
//! - Rows are taken in blocks that stay in the cache, in their order: equal rows give equal bits.
//! - No step is damped by less than [`Triangle::damping_floor`], so a zero on the diagonal of `R` is
//!   divided by only where all of `R` is as good as zero.
//!
//! ```text
//! J | r  =  Q (R | c)                                   Householder's reflections, block by block
//! (R; sqrt(lambda) I) | (c; 0)  =  Q' (S | e),   s = -S^-1 e        once for each lambda tried
//! ```

use super::factored;
use crate::prim::math::Cpu;

/// The least square root of the damping, as a part of the largest entry of `R`'s diagonal.
const DAMPING_FLOOR: f64 = 1e-11;

/// How many dampings to try for one step. Two or three do, because a tenth of the radius is near
/// enough.
const MAX_DAMPINGS: usize = 10;

/// How many numbers of a block stay in the nearest cache.
const BLOCK: usize = 2048;

/// Numbers that are summed side by side, in an order that vectors of any width keep.
pub(super) type Lanes = [f64; LANES];
const LANES: usize = 8;

/// Below this part of the diagonal the square of a number is lost in the sum of both squares: the length of
/// the two is the diagonal's.
const LOST: f64 = 1.0 / (1 << 28) as f64;

/// How many columns are reflected at once.
const ABREAST: usize = 4;

/// An upper triangle `R`, n x n, with a right-hand side `c`, and below `c` the length of what of the
/// scores no step takes away.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Triangle {
    n: usize,
    /// Row-major, (n + 1) x (n + 1).
    entries: Vec<f64>,
}

/// A step of the linear model.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// A number for each column.
    pub(super) by: Vec<f64>,
    /// Its length.
    pub(super) length: f64,
    pub(super) damping: f64,
}

impl Triangle {
    /// The triangle of no rows.
    pub(super) fn empty(n: usize) -> Self {
        Self {
            n,
            entries: vec![0.0; (n + 1) * (n + 1)],
        }
    }

    /// The triangle of m rows: `columns` is n columns of a Jacobian, then the scores, m numbers each, of
    /// which `order` says in which order the first n come.
    pub(super) fn of(columns: &[f64], m: usize, order: &[usize]) -> Self {
        Self::of_blocks(columns, m, order, &mut Vec::new())
    }

    /// The same with room for a block of rows, which is kept for the next one.
    pub(super) fn of_blocks(
        columns: &[f64],
        m: usize,
        order: &[usize],
        block: &mut Vec<Lanes>,
    ) -> Self {
        let n = order.len();
        let mut triangle = Self::empty(n);
        let most = (BLOCK / (n + 1)).max(16).next_multiple_of(LANES);
        for start in (0..m).step_by(most) {
            let end = m.min(start + most);
            block.clear();
            block.reserve((n + 1) * (end - start).div_ceil(LANES));
            for k in 0..=n {
                let column = order.get(k).map_or(n, |&j| j) * m;
                let (whole, rest) = columns[column + start..column + end].as_chunks();
                block.extend_from_slice(whole);
                if !rest.is_empty() {
                    // Rows of zeros change nothing.
                    let mut last = [0.0; LANES];
                    last[..rest.len()].copy_from_slice(rest);
                    block.push(last);
                }
            }
            triangle.absorb(block);
        }
        triangle
    }

    /// Takes in a block of rows, n + 1 columns of equal height, with the instructions that the processor has.
    fn absorb(&mut self, block: &mut [Lanes]) {
        match Cpu::detect() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was found to have these features.
            Cpu::Avx512 => unsafe { self.absorb_avx512(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was found to have these features.
            Cpu::Avx2 => unsafe { self.absorb_avx2(block) },
            _ => self.absorb_here(block),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
    fn absorb_avx512(&mut self, block: &mut [Lanes]) {
        self.absorb_here(block);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn absorb_avx2(&mut self, block: &mut [Lanes]) {
        self.absorb_here(block);
    }

    /// The same bits with any instructions: sums are in eight lanes, and no product is fused with a sum.
    #[allow(
        clippy::inline_always,
        reason = "to be compiled with a caller's instructions"
    )]
    #[inline(always)]
    fn absorb_here(&mut self, block: &mut [Lanes]) {
        let n = self.n;
        let height = block.len() / (n + 1);
        for k in 0..=n {
            let (done, others) = block.split_at_mut((k + 1) * height);
            let column = &done[k * height..];
            let row = &mut self.entries[k * (n + 1) + k..(k + 1) * (n + 1)];
            let [square] = products(column, [column]);
            if square == 0.0 {
                continue;
            }
            let length = (row[0] * row[0] + square).sqrt();
            let reflected = if row[0] > 0.0 { -length } else { length };
            let first = row[0] - reflected;
            row[0] = reflected;
            let reflection = Reflection {
                column,
                first,
                factor: -first / reflected,
            };
            let mut groups = others.chunks_exact_mut(ABREAST * height);
            let mut entries = row[1..].chunks_exact_mut(ABREAST);
            for (group, entries) in groups.by_ref().zip(entries.by_ref()) {
                reflection.turn::<ABREAST>(group, entries);
            }
            let (others, entries) = (groups.into_remainder(), entries.into_remainder());
            let pairs = entries.len() / 2 * 2;
            let (others, last) = others.split_at_mut(pairs * height);
            let (entries, last_entry) = entries.split_at_mut(pairs);
            if pairs > 0 {
                reflection.turn::<2>(others, entries);
            }
            if !last.is_empty() {
                reflection.turn::<1>(last, last_entry);
            }
        }
    }

    /// The triangle of some of the columns, in their order and each times a factor, from row `from` on;
    /// columns that are left out take the number that is given them as their step.
    pub(super) fn part(
        &self,
        from: usize,
        chosen: impl Iterator<Item = (usize, f64)>,
        fixed: impl Iterator<Item = (usize, f64)>,
    ) -> Self {
        let (n, rows) = (self.n, self.n + 1 - from);
        let mut columns: Vec<f64> = Vec::with_capacity(rows * (n + 1));
        let entry = |i: usize, j: usize| self.entries[i * (n + 1) + j];
        let mut sorted = true;
        let mut count = 0;
        for (j, factor) in chosen {
            sorted &= j == from + count;
            count += 1;
            columns.extend((from..=n).map(|i| if i <= j { factor * entry(i, j) } else { 0.0 }));
        }
        let at = columns.len();
        columns.extend((from..=n).map(|i| entry(i, n)));
        for (j, by) in fixed {
            if by != 0.0 {
                for (i, x) in (from..=n).zip(&mut columns[at..]) {
                    if i <= j {
                        *x += by * entry(i, j);
                    }
                }
            }
        }
        if sorted && count == n - from {
            // It is a triangle already.
            let mut part = Self::empty(count);
            for (k, x) in columns.iter().enumerate() {
                part.entries[(k % rows) * (count + 1) + k / rows] = *x;
            }
            return part;
        }
        let order: Vec<usize> = (0..count).collect();
        Self::of(&columns, rows, &order)
    }

    /// The number of columns.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Whether all entries are numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.entries.iter().all(|x| x.is_finite())
    }

    pub(super) fn entry(&self, i: usize, j: usize) -> f64 {
        self.entries[i * (self.n + 1) + j]
    }

    fn right(&self, i: usize) -> f64 {
        self.entry(i, self.n)
    }

    /// The length of the scores.
    pub(super) fn length(&self) -> f64 {
        norm((0..=self.n).map(|i| self.right(i)))
    }

    /// The length of what of the scores no step along the first `columns` takes away.
    pub(super) fn rest(&self, columns: usize) -> f64 {
        norm((columns..=self.n).map(|i| self.right(i)))
    }

    /// The length of a column of the Jacobian.
    pub(super) fn column_norm(&self, j: usize) -> f64 {
        norm((0..=j).map(|i| self.entry(i, j)))
    }

    /// Entry `j` of `J^T r`, by what is left of both by the first `columns`.
    pub(super) fn gradient(&self, columns: usize, j: usize) -> f64 {
        (columns..=j)
            .map(|i| self.entry(i, j) * self.right(i))
            .sum()
    }

    /// The step of length `radius`, within a tenth, or the least damped one if that is shorter. The
    /// damping is found by Newton's method from `damping`, safeguarded: Moré's `lmpar`.
    pub(super) fn bounded_step(&self, radius: f64, damping: f64) -> Step {
        let floor = self.damping_floor();
        let (mut step, mut newton) = self.damped_step(floor, radius);
        if step.length <= 1.1 * radius {
            return step;
        }
        let gradient = norm((0..self.n).map(|j| self.gradient(0, j)));
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

    /// The step to where the gradient vanishes, with `curvature`, row-major n x n, added to `R^T R`. None
    /// where the sum of the two is singular.
    pub(super) fn newton_step(&self, curvature: &[f64]) -> Option<Step> {
        let n = self.n;
        let product = |i: usize, j: usize| -> f64 {
            (0..=i.min(j))
                .map(|k| self.entry(k, i) * self.entry(k, j))
                .sum()
        };
        let hessian = |i: usize, j: usize| product(i, j) + curvature[i * n + j];
        let right: Vec<f64> = (0..n).map(|i| -self.gradient(0, i)).collect();
        let by = factored::solve(n, hessian, &right);
        let length = norm(by.iter().copied());
        length.is_finite().then_some(Step {
            by,
            length,
            damping: 0.0,
        })
    }

    /// The step `y` that minimizes `|R y + c|^2 + damping |y|^2`, and Newton's correction to the
    /// damping towards `|y| = radius`.
    fn damped_step(&self, damping: f64, radius: f64) -> (Step, f64) {
        let n = self.n;
        let mut stack = self.clone();
        let mut room = vec![0.0; n + 1];
        stack.damp(damping.sqrt(), &mut room);
        let mut by = vec![0.0; n];
        for i in (0..n).rev() {
            let row = &stack.entries[i * (n + 1)..(i + 1) * (n + 1)];
            let pairs = row[i + 1..].iter().zip(&by[i + 1..]);
            let known: f64 = pairs.map(|(entry, by)| entry * by).sum();
            by[i] = (-stack.right(i) - known) / stack.entry(i, i);
        }
        let length = norm(by.iter().copied());
        if radius.is_infinite() {
            return (
                Step {
                    by,
                    length,
                    damping,
                },
                0.0,
            );
        }
        // w = S^-T y / |y|; the correction is (|y| - radius) / (radius |w|^2).
        let w = &mut room[..n];
        for i in 0..n {
            let known: f64 = (0..i).map(|j| stack.entry(j, i) * w[j]).sum();
            w[i] = (by[i] / length - known) / stack.entry(i, i);
        }
        let newton = (length - radius) / radius / norm(w.iter().copied()).powi(2);
        (
            Step {
                by,
                length,
                damping,
            },
            newton,
        )
    }

    /// Takes in `root` times the identity, by Givens' rotations, with room for a row.
    fn damp(&mut self, root: f64, row: &mut [f64]) {
        let n = self.n;
        for first in 0..n {
            row[first..].fill(0.0);
            row[first] = root;
            for k in first..n {
                if row[k] == 0.0 {
                    continue;
                }
                let diagonal = self.entry(k, k);
                let (cosine, sine) = if row[k].abs() < LOST * diagonal.abs() {
                    (1.0_f64.copysign(diagonal), row[k] / diagonal.abs())
                } else {
                    let length = diagonal.hypot(row[k]);
                    (diagonal / length, row[k] / length)
                };
                let above = &mut self.entries[k * (n + 1) + k..(k + 1) * (n + 1)];
                for (above, below) in above.iter_mut().zip(&mut row[k..]) {
                    (*above, *below) = (
                        cosine * *above + sine * *below,
                        cosine * *below - sine * *above,
                    );
                }
            }
        }
    }

    pub(super) fn damping_floor(&self) -> f64 {
        let largest = (0..self.n).map(|i| self.entry(i, i).abs());
        (DAMPING_FLOOR * largest.fold(0.0, f64::max)).powi(2)
    }

    /// `|R y|`.
    pub(super) fn image_norm(&self, y: &[f64]) -> f64 {
        let row = |i: usize| (i..self.n).map(|j| self.entry(i, j) * y[j]).sum();
        norm((0..self.n).map(row))
    }
}

/// One of Householder's reflections: its vector is `first` above a column.
struct Reflection<'a> {
    column: &'a [Lanes],
    first: f64,
    factor: f64,
}

impl Reflection<'_> {
    /// Reflects so many columns at once, each below an entry: that hides how long one sum waits for itself.
    #[allow(clippy::inline_always, reason = "as its caller")]
    #[inline(always)]
    fn turn<const COUNT: usize>(&self, columns: &mut [Lanes], entries: &mut [f64]) {
        let height = self.column.len();
        let mut parts = columns.chunks_exact(height);
        let parts: [&[Lanes]; COUNT] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let along = products(self.column, parts);
        let columns = columns.chunks_exact_mut(height);
        for ((column, entry), along) in columns.zip(entries).zip(along) {
            let step = self.factor * (*entry + along / self.first);
            *entry -= step;
            let by = step / self.first;
            let pairs = column.as_flattened_mut().iter_mut();
            for (x, v) in pairs.zip(self.column.as_flattened()) {
                *x -= by * v;
            }
        }
    }
}

/// The inner products of a column with others, each summed in its lanes.
#[allow(clippy::inline_always, reason = "as its caller")]
#[inline(always)]
fn products<const COUNT: usize>(column: &[Lanes], others: [&[Lanes]; COUNT]) -> [f64; COUNT] {
    let height = column.len();
    let others = others.map(|other| &other[..height]);
    let mut sums = [Sum([0.0; LANES]); COUNT];
    for (i, v) in column.iter().enumerate() {
        for (sum, other) in sums.iter_mut().zip(&others) {
            sum.add(v, &other[i]);
        }
    }
    sums.each_ref().map(Sum::total)
}

/// A sum in lanes, which stays in a register of vectors.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Sum(Lanes);

impl Sum {
    #[allow(clippy::inline_always, reason = "as its caller")]
    #[inline(always)]
    fn add(&mut self, a: &Lanes, b: &Lanes) {
        for (lane, (a, b)) in self.0.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }

    /// Of all lanes. Not inlined: beside this one the compiler would take the lanes apart in the loop
    /// above, too.
    #[inline(never)]
    fn total(&self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + b) + (c + d)) + ((e + f) + (g + h))
    }
}

/// The Euclidean norm. Without scaling: a square that overflows makes the point no finite one.
pub(super) fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by a recurrence: neither in order nor dependent.
    fn columns(m: usize, n: usize) -> Vec<f64> {
        let mut x = 0.4_f64;
        (0..m * (n + 1))
            .map(|_| {
                x = 3.9 * x * (1.0 - x);
                x - 0.5
            })
            .collect()
    }

    #[test]
    fn any_instructions_give_the_same_bits() {
        // Groups of columns and some that are left over.
        let (height, n) = (9, 6);
        let number = |k: usize| (0.7 * k as f64).sin() - 0.1;
        let lanes = |at: usize| std::array::from_fn(|lane| number(LANES * at + lane));
        let block: Vec<Lanes> = (0..height * (n + 1)).map(lanes).collect();
        let mut plain = Triangle::empty(n);
        plain.absorb_here(&mut block.clone());
        let mut wide = Triangle::empty(n);
        wide.absorb(&mut block.clone());
        assert_eq!(plain.entries, wide.entries);
    }

    #[test]
    fn a_rotation_by_what_is_lost_has_the_bits_of_any_other() {
        let mut x = 0.4_f64;
        for power in -300..300 {
            x = 3.9 * x * (1.0 - x);
            let diagonal = (x - 0.5) * 2.0_f64.powi(power);
            for below in [LOST.next_down() * diagonal, 0.3 * LOST * diagonal, 0.0] {
                let length = diagonal.hypot(below);
                assert_eq!(length, diagonal.abs());
                assert_eq!(diagonal / length, 1.0_f64.copysign(diagonal));
            }
        }
        // Rotated, a row of R and one of the identity are what they were, but for the sign.
        let mut triangle = Triangle {
            n: 1,
            entries: vec![-3.0, 2.0, 0.0, 5.0],
        };
        triangle.damp(1e-11, &mut [0.0; 2]);
        assert_eq!(triangle.entries, [3.0, -2.0, 0.0, 5.0]);
    }

    #[test]
    fn the_triangle_has_the_products_of_the_rows() {
        for (m, n) in [(1, 3), (3, 3), (5000, 1), (700, 4), (64, 9)] {
            let all = columns(m, n);
            let order: Vec<usize> = (0..n).rev().collect();
            let triangle = Triangle::of(&all, m, &order);
            let column = |k: usize| &all[order.get(k).map_or(n, |&j| j) * m..][..m];
            for i in 0..=n {
                for j in i..=n {
                    let expected: f64 = column(i).iter().zip(column(j)).map(|(a, b)| a * b).sum();
                    let found: f64 = (0..=i)
                        .map(|k| triangle.entry(k, i) * triangle.entry(k, j))
                        .sum();
                    let error = (found - expected).abs();
                    assert!(
                        error < 1e-11 * m as f64,
                        "{m} x {n}: {i} {j} {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_part_is_the_triangle_of_its_columns() {
        let (m, n) = (50, 5);
        let all = columns(m, n);
        let whole = Triangle::of(&all, m, &[0, 1, 2, 3, 4]);
        let part = whole.part(0, [(1, 2.0), (4, 0.5)].into_iter(), [(2, 3.0)].into_iter());
        let mut direct: Vec<f64> = all[m..2 * m].iter().map(|x| 2.0 * x).collect();
        direct.extend(all[4 * m..5 * m].iter().map(|x| 0.5 * x));
        direct.extend((0..m).map(|i| all[5 * m + i] + 3.0 * all[2 * m + i]));
        let direct = Triangle::of(&direct, m, &[0, 1]);
        for (i, j) in [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)] {
            assert!((part.entry(i, j).abs() - direct.entry(i, j).abs()).abs() < 1e-13);
        }
        assert!(
            (whole
                .part(2, (2..5).map(|j| (j, 1.0)), [].into_iter())
                .gradient(0, 1)
                - whole.gradient(2, 3))
            .abs()
                < 1e-14
        );
    }

    #[test]
    fn steps_keep_to_the_radius_or_reach_the_minimum() {
        let all = columns(40, 3);
        let triangle = Triangle::of(&all, 40, &[0, 1, 2]);
        let full = triangle.floor_step();
        // The normal equations.
        for j in 0..3 {
            let column = &all[j * 40..][..40];
            let left: f64 = (0..40)
                .map(|i| {
                    let predicted: f64 = (0..3).map(|k| all[k * 40 + i] * full.by[k]).sum();
                    column[i] * (all[120 + i] + predicted)
                })
                .sum();
            assert!(left.abs() < 1e-12, "{left}");
        }
        let short = triangle.bounded_step(0.3 * full.length, 0.0);
        assert!((short.length / (0.3 * full.length) - 1.0).abs() <= 0.1 && short.damping > 0.0);
        let same = triangle.bounded_step(full.length, 0.0);
        assert_eq!(
            (same.damping, same.length),
            (triangle.damping_floor(), full.length)
        );
    }
}
