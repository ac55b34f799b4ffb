//! Products of matrices over lanes: the same product for many lanes side by side.
//!
//! Where an operand has numbers of its own for each lane, each of its entries is a row of `stride` numbers,
//! one a lane; where lanes share it, it is a matrix as everywhere. What lanes share and what they have of
//! their own then make one large product, whose rows run over lanes.
//!
//! **Invariants**
//! - A lane has the bits that its product has alone, up to the size from which that goes to `faer`:
//!   [`fits`] tells.
//! - Sums over lanes begin with the first lane's term, and take those of the others in order.

use super::BlockKind;
use super::product::{
    FAER_SIDE, FAER_WORK, Mode, View, WIDTH, fast, product_in_tiles, room, spare,
};

/// A matrix of lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor<'a> {
    /// Lanes share it.
    Shared(&'a [f64]),
    /// A row of numbers for each entry, one a lane.
    Lanes(&'a [f64]),
}

/// Whether a product has the bits here that it has by itself.
pub(crate) fn fits([n, k, m]: [usize; 3]) -> bool {
    let large = n.saturating_mul(k).saturating_mul(m) >= FAER_WORK;
    !(large && n.min(k).min(m) >= FAER_SIDE)
}

/// A matrix, and whether it is stored transposed.
type Stored<'a> = (Factor<'a>, bool);

/// `out` = A B for `stride` lanes, `out` a row of lanes for each entry: `n` x `k` times `k` x `m`.
pub(crate) fn multiply(
    [n, k, m]: [usize; 3],
    (a, ta): Stored<'_>,
    (b, tb): Stored<'_>,
    stride: usize,
    out: &mut [f64],
    scratch: &mut Vec<f64>,
) {
    let room = room(scratch, spare(k));
    let mut run = |sizes, a, b, out: &mut [f64], stride| {
        product_in_tiles(Mode::Set, sizes, a, b, out, stride, room);
    };
    match (a, b) {
        (Factor::Shared(a), Factor::Lanes(b)) => {
            let a = View::stored(a, n, k, ta);
            if tb {
                for j in 0..m {
                    let b = View::rows(&b[j * k * stride..], stride);
                    run([n, k, stride], a, b, &mut out[j * stride..], m * stride);
                }
            } else {
                let b = View::rows(b, m * stride);
                run([n, k, m * stride], a, b, out, m * stride);
            }
        }
        (Factor::Lanes(a), Factor::Shared(b)) => {
            let b = View::stored(b, k, m, tb).transposed();
            for i in 0..n {
                let a = if ta {
                    View::rows(&a[i * stride..], n * stride)
                } else {
                    View::rows(&a[i * k * stride..], stride)
                };
                run([m, k, stride], b, a, &mut out[i * m * stride..], stride);
            }
        }
        (Factor::Lanes(a), Factor::Lanes(b)) => {
            let at = |i: usize, p: usize| if ta { p * n + i } else { i * k + p };
            let bt = |p: usize, j: usize| if tb { j * k + p } else { p * m + j };
            fast(
                #[inline(always)]
                || {
                    for i in 0..n {
                        for j in 0..m {
                            let sums = &mut out[(i * m + j) * stride..][..stride];
                            for p in 0..k {
                                let a = &a[at(i, p) * stride..][..stride];
                                let b = &b[bt(p, j) * stride..][..stride];
                                add_products(p == 0, a, b, sums);
                            }
                        }
                    }
                },
            );
        }
        // What lanes share alone is not done for each of them.
        (Factor::Shared(a), Factor::Shared(b)) => {
            let mut one = vec![0.0; n * m];
            let (a, b) = (View::stored(a, n, k, ta), View::stored(b, k, m, tb));
            run([n, k, m], a, b, &mut one, m);
            for (row, &x) in out.chunks_exact_mut(stride).zip(&one) {
                row.fill(x);
            }
        }
    }
}

#[inline(always)]
fn add_products(first: bool, a: &[f64], b: &[f64], sums: &mut [f64]) {
    let terms = sums.iter_mut().zip(a).zip(b);
    if first {
        terms.for_each(|((sum, x), y)| *sum = x * y);
    } else {
        terms.for_each(|((sum, x), y)| *sum += x * y);
    }
}

/// A product that two vectors make for each lane, summed over the first `lanes`: for each pair of their
/// entries the sum of the products, written to `out` or added to it, row by row.
pub(crate) fn outer_sums(
    [rows, columns]: [&[f64]; 2],
    lanes: usize,
    stride: usize,
    is_first: bool,
    out: &mut [f64],
    scratch: &mut Vec<f64>,
) {
    let [n, m] = [rows, columns].map(|all| all.len() / stride);
    let mode = if is_first { Mode::Set } else { Mode::Add };
    let room = room(scratch, WIDTH * lanes);
    let columns = View::rows(columns, stride).transposed();
    let rows = View::rows(rows, stride);
    product_in_tiles(mode, [n, lanes, m], rows, columns, out, m, room);
}

impl BlockKind {
    /// Which cotangent of a product of matrices is one product of two vectors for each lane, so that its
    /// sum over lanes is a product itself: that of the first operand, or of the second.
    pub(crate) fn is_outer(self) -> [bool; 2] {
        match self {
            BlockKind::Matmul { n, m, .. } => [m == 1, n == 1 && m != 1],
            _ => [false; 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::product::{product, room, spare};
    use super::super::tests::numbers_like_chance as numbers;
    use super::*;

    /// The numbers of a lane of a matrix.
    fn of_lane(factor: Factor<'_>, lane: usize, stride: usize) -> Vec<f64> {
        match factor {
            Factor::Shared(all) => all.to_vec(),
            Factor::Lanes(all) => all.iter().skip(lane).step_by(stride).copied().collect(),
        }
    }

    #[test]
    fn a_lane_has_the_bits_that_it_has_alone() {
        let mut seed = 0;
        for [n, k, m] in [
            [1, 5, 7],
            [9, 6, 1],
            [5, 5, 5],
            [3, 17, 2],
            [64, 64, 1],
            [8, 1, 8],
        ] {
            for [ta, tb] in [[false, false], [false, true], [true, false], [true, true]] {
                for stride in [8, 16, 64] {
                    seed += 4;
                    let [small_a, small_b] = [numbers(n * k, seed), numbers(k * m, seed + 1)];
                    let large_a = numbers(n * k * stride, seed + 2);
                    let large_b = numbers(k * m * stride, seed + 3);
                    let factors = [
                        (Factor::Shared(&small_a), Factor::Lanes(&large_b)),
                        (Factor::Lanes(&large_a), Factor::Shared(&small_b)),
                        (Factor::Lanes(&large_a), Factor::Lanes(&large_b)),
                        (Factor::Shared(&small_a), Factor::Shared(&small_b)),
                    ];
                    for (a, b) in factors {
                        let mut scratch = Vec::new();
                        let mut out = vec![f64::NAN; n * m * stride];
                        multiply([n, k, m], (a, ta), (b, tb), stride, &mut out, &mut scratch);
                        for lane in [0, stride / 2, stride - 1] {
                            let a = of_lane(a, lane, stride);
                            let b = of_lane(b, lane, stride);
                            let mut alone = vec![0.0; n * m];
                            let a = View::stored(&a, n, k, ta);
                            let b = View::stored(&b, k, m, tb);
                            let spare = room(&mut scratch, spare(k));
                            product(Mode::Set, [n, k, m], a, b, &mut alone, m, spare);
                            let found = of_lane(Factor::Lanes(&out), lane, stride);
                            assert_eq!(found, alone, "{n} {k} {m} {ta} {tb} {stride} {lane}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn outer_products_are_summed_in_the_order_of_lanes() {
        let (n, m, stride) = (7, 11, 16);
        let (rows, columns) = (numbers(n * stride, 1), numbers(m * stride, 2));
        for lanes in [1, 3, 16] {
            let mut out = vec![f64::NAN; n * m];
            let mut scratch = Vec::new();
            let all = [rows.as_slice(), &columns];
            outer_sums(all, lanes, stride, true, &mut out, &mut scratch);
            // In two parts it is the same.
            let mut parts = out.clone();
            outer_sums(all, lanes, stride, false, &mut parts, &mut scratch);
            for i in 0..n {
                for j in 0..m {
                    let term = |l: usize| rows[i * stride + l] * columns[j * stride + l];
                    let sum = (1..lanes).fold(term(0), |sum, l| sum + term(l));
                    assert_eq!(out[i * m + j], sum);
                    let twice = (0..lanes).fold(sum, |sum, l| sum + term(l));
                    assert_eq!(parts[i * m + j], twice);
                }
            }
        }
    }
}
