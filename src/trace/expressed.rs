//! `expressed`: the reverse rules of blocks as blocks and single operations.
//!
//! A block, the numbers that it read and computed and the cotangents of its outputs go in; the
//! cotangents of its operands come out, as operations of a [`Flow`] that have derivatives themselves.
//! A gradient that nobody differentiates has kernels for the same (`Work::Reverse`), which share
//! factors and need less memory.
//!
//! **Invariants**
//! - The rules are those of [`BlockKind::vjp`], up to rounding; those of `Det` and `Logdet` are blocks of
//!   their own, whose derivatives hold where a matrix is singular. A trace that is a gradient is not
//!   written down once more.
//! - No block is written whose operands are all constants: it is computed at once.

use super::flow::{Flow, Work};
use super::runs::Runs;
use super::{Ref, narrow};
use crate::prim::Prim;
use crate::prim::block::BlockKind;

/// What a reverse rule reads: the numbers of both operands, of the result, and its cotangents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reads<'a> {
    pub(super) a: &'a [Ref],
    pub(super) b: &'a [Ref],
    pub(super) y: &'a [Ref],
    pub(super) ct: &'a [Ref],
}

/// The cotangents of a block's first and second operand, each where it is wanted.
pub(super) fn reverse(
    block: BlockKind,
    reads: Reads<'_>,
    [to_a, to_b]: [bool; 2],
    flow: &mut Flow,
) -> [Option<Vec<Ref>>; 2] {
    let Reads { a, b, y, ct } = reads;
    match block {
        // C = A B: dA = ct B^T, dB = A^T ct; transposed where the operand is.
        BlockKind::Matmul { n, k, m, ta, tb } => {
            let da = to_a.then(|| {
                if ta {
                    matmul([k, m, n], (b, tb), (ct, true), flow)
                } else {
                    matmul([n, m, k], (ct, false), (b, !tb), flow)
                }
            });
            let db = to_b.then(|| {
                if tb {
                    matmul([m, n, k], (ct, true), (a, ta), flow)
                } else {
                    matmul([k, n, m], (a, !ta), (ct, false), flow)
                }
            });
            [da, db]
        }
        // A X = B: dB = A^-T ct, dA = -dB X^T.
        BlockKind::Solve { n, m } => {
            let db = solve([n, m], &transposed(a, n), ct, flow);
            let da = to_a.then(|| {
                let negated = negated(&db, flow);
                matmul([n, m, n], (&negated, false), (y, true), flow)
            });
            [da, to_b.then_some(db)]
        }
        // X = A^-1: dA = -X^T ct X^T.
        BlockKind::Inverse { n } => {
            let half = matmul([n; 3], (y, true), (ct, false), flow);
            let half = negated(&half, flow);
            [Some(matmul([n; 3], (&half, false), (y, true), flow)), None]
        }
        // dA = ct A^-T, or ct times the cofactors.
        BlockKind::Logdet { n } | BlockKind::Det { n } => {
            let slopes = match block {
                BlockKind::Det { .. } => BlockKind::Cofactors { n },
                _ => BlockKind::LogdetSlopes { n },
            };
            let slopes = numbers_of(slopes, a, &[], flow);
            let scaled = slopes.iter().map(|&x| flow.operation(Prim::Mul, ct[0], x));
            [Some(scaled.collect()), None]
        }
        // T X = B: dB = T^-T ct; dT = -dB X^T, where T is read.
        BlockKind::Triangular { n, m, upper } => {
            let turned = BlockKind::Triangular {
                n,
                m,
                upper: !upper,
            };
            let db = numbers_of(turned, &transposed(a, n), ct, flow);
            let da = to_a.then(|| {
                let negated = negated(&db, flow);
                let all = matmul([n, m, n], (&negated, false), (y, true), flow);
                let zero = flow.constant(0.0);
                let entries = all.iter().enumerate();
                let entries = entries.map(|(at, &entry)| {
                    let (i, j) = (at / n as usize, at % n as usize);
                    let read = if upper { i <= j } else { i >= j };
                    if read { entry } else { zero }
                });
                entries.collect()
            });
            [da, to_b.then_some(db)]
        }
        // Nothing depends on them.
        BlockKind::Eigh { .. } | BlockKind::Svd { .. } => [None, None],
        BlockKind::Cofactors { .. } | BlockKind::LogdetSlopes { .. } => {
            unreachable!("they stand in gradients, which are not written down once more")
        }
        // A = L L^T: S = L^-T phi(L^T ct) L^-1, where phi keeps the lower triangle and half of the
        // diagonal; as only the lower triangle of A is read, dA = phi(S + S^T).
        BlockKind::Cholesky { n } => {
            let ct = lower_triangle(ct, n, 1.0, flow);
            let work = matmul([n; 3], (y, true), (&ct, false), flow);
            let work = lower_triangle(&work, n, 0.5, flow);
            let lt = transposed(y, n);
            let work = solve([n; 2], &lt, &work, flow);
            let s = solve([n; 2], &lt, &transposed(&work, n), flow);
            let mirrored = transposed(&s, n);
            let sums = s.iter().zip(&mirrored);
            let sums: Vec<Ref> = sums
                .map(|(&s, &t)| flow.operation(Prim::Add, s, t))
                .collect();
            [Some(lower_triangle(&sums, n, 0.5, flow)), None]
        }
    }
}

/// A product of matrices of the given sizes, each of which may be stored transposed.
fn matmul(
    [n, k, m]: [u32; 3],
    (a, ta): (&[Ref], bool),
    (b, tb): (&[Ref], bool),
    flow: &mut Flow,
) -> Vec<Ref> {
    numbers_of(BlockKind::Matmul { n, k, m, ta, tb }, a, b, flow)
}

fn solve([n, m]: [u32; 2], a: &[Ref], b: &[Ref], flow: &mut Flow) -> Vec<Ref> {
    numbers_of(BlockKind::Solve { n, m }, a, b, flow)
}

/// The result of a block.
fn numbers_of(block: BlockKind, a: &[Ref], b: &[Ref], flow: &mut Flow) -> Vec<Ref> {
    let operands = [a, b].concat();
    let length = block.outputs() + block.hidden();
    let known: Option<Vec<f64>> = operands.iter().map(|&r| flow.constant_of(r)).collect();
    if let Some(known) = known {
        let (a, b) = known.split_at(a.len());
        let mut out = vec![0.0; length];
        block.forward(a, b, &mut out, &mut Vec::new());
        let result = out.iter().take(block.outputs());
        return result.map(|&x| flow.constant(x)).collect();
    }
    let first = flow.block(Work::Forward(block), narrow(length), vec![runs(a), runs(b)]);
    let result = first..first + narrow(block.outputs());
    result.map(Ref::node).collect()
}

fn runs(refs: &[Ref]) -> Runs {
    refs.iter().map(|r| r.place()).collect()
}

fn negated(numbers: &[Ref], flow: &mut Flow) -> Vec<Ref> {
    let negated = numbers.iter().map(|&x| flow.operation(Prim::Neg, x, x));
    negated.collect()
}

/// Rows become columns, in a matrix of `n` rows and columns.
fn transposed(matrix: &[Ref], n: u32) -> Vec<Ref> {
    let n = n as usize;
    let places = (0..n * n).map(|at| at % n * n + at / n);
    places.map(|place| matrix[place]).collect()
}

/// The lower triangle, its diagonal times `weight`, and zeros above.
fn lower_triangle(matrix: &[Ref], n: u32, weight: f64, flow: &mut Flow) -> Vec<Ref> {
    let n = n as usize;
    let [zero, weight] = [0.0, weight].map(|x| flow.constant(x));
    let entries = matrix.iter().enumerate();
    entries
        .map(|(at, &x)| match (at / n).cmp(&(at % n)) {
            std::cmp::Ordering::Less => zero,
            std::cmp::Ordering::Equal => flow.operation(Prim::Mul, weight, x),
            std::cmp::Ordering::Greater => x,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::flow::Class;
    use super::super::second::trace_of;
    use super::*;
    use crate::prim::block::BlockKind;
    use crate::prim::block::tests::numbers_like_chance as numbers;

    const BLOCKS: [BlockKind; 17] = [
        matmul_of(false, false),
        matmul_of(false, true),
        matmul_of(true, false),
        matmul_of(true, true),
        BlockKind::Solve { n: 5, m: 1 },
        BlockKind::Solve { n: 6, m: 3 },
        BlockKind::Inverse { n: 5 },
        BlockKind::Inverse { n: 6 },
        BlockKind::Logdet { n: 5 },
        BlockKind::Logdet { n: 6 },
        BlockKind::Det { n: 5 },
        BlockKind::Det { n: 6 },
        BlockKind::Triangular {
            n: 5,
            m: 1,
            upper: false,
        },
        BlockKind::Triangular {
            n: 6,
            m: 3,
            upper: true,
        },
        BlockKind::Cholesky { n: 1 },
        BlockKind::Cholesky { n: 5 },
        BlockKind::Cholesky { n: 6 },
    ];

    const fn matmul_of(ta: bool, tb: bool) -> BlockKind {
        BlockKind::Matmul {
            n: 5,
            k: 6,
            m: 7,
            ta,
            tb,
        }
    }

    /// A matrix that every block takes: symmetric and positive definite.
    fn regular(n: usize, seed: u64) -> Vec<f64> {
        let random = numbers(n * n, seed);
        let entry = |at: usize| {
            let (i, j) = (at / n, at % n);
            let diagonal = if i == j { n as f64 } else { 0.0 };
            diagonal + 0.5 * (random[i * n + j] + random[j * n + i])
        };
        (0..n * n).map(entry).collect()
    }

    /// The cotangents as kernels give them, and as operations do, by a trace of these.
    fn both(block: BlockKind, a: &[f64], b: &[f64], ct: &[f64]) -> [Vec<f64>; 2] {
        let mut out = vec![0.0; block.outputs() + block.hidden()];
        block.forward(a, b, &mut out, &mut Vec::new());
        let mut da = vec![0.0; a.len()];
        let mut db = vec![0.0; b.len()];
        block.vjp(
            a,
            b,
            &out,
            ct,
            Some(&mut da),
            Some(&mut db),
            &mut Vec::new(),
        );
        let inputs = [a, b, ct].concat();
        let mut flow = Flow::new(&vec![Class::Lane; inputs.len()]);
        let nodes: Vec<Ref> = (0..inputs.len() as u32).map(Ref::node).collect();
        let (ra, rest) = nodes.split_at(a.len());
        let (rb, rct) = rest.split_at(b.len());
        let y = numbers_of(block, ra, rb, &mut flow);
        let reads = Reads {
            a: ra,
            b: rb,
            y: &y,
            ct: rct,
        };
        let cts = reverse(block, reads, [true, !b.is_empty()], &mut flow);
        let roots: Vec<Ref> = cts.into_iter().flatten().flatten().collect();
        let (trace, outputs) = trace_of(&flow, &[], &[], &roots);
        let mut values = Vec::new();
        trace.replay(&inputs, &mut values).expect("no guards");
        let found = outputs.iter().map(|&r| trace.number(r, &values));
        [[da, db].concat(), found.collect()]
    }

    #[test]
    fn operations_give_what_kernels_give() {
        for (seed, block) in BLOCKS.into_iter().enumerate() {
            let [first, second] = block.operands();
            let a = match block {
                BlockKind::Matmul { .. } => numbers(first, 7),
                _ => regular(first.isqrt(), seed as u64 + 1),
            };
            let b = numbers(second, 8);
            let ct = numbers(block.outputs(), 9);
            let [expected, found] = both(block, &a, &b, &ct);
            assert_eq!(expected.len(), found.len(), "{block:?}");
            for (expected, found) in expected.iter().zip(&found) {
                assert!(
                    (expected - found).abs() <= 1e-12 * (1.0 + expected.abs()),
                    "{block:?}: {found} for {expected}"
                );
            }
        }
    }

    #[test]
    fn singular_matrices_have_cofactors() {
        let mut a = regular(5, 3);
        a.copy_within(0..5, 5);
        for block in [BlockKind::Det { n: 5 }, BlockKind::Logdet { n: 5 }] {
            let [expected, found] = both(block, &a, &[], &[1.0]);
            for (expected, found) in expected.iter().zip(&found) {
                let same = expected == found || expected.is_nan() && found.is_nan();
                let near = (expected - found).abs() <= 1e-12 * (1.0 + expected.abs());
                assert!(same || near, "{block:?}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn what_depends_on_nothing_is_computed_at_once() {
        let mut flow = Flow::new(&[]);
        let two = flow.constant(2.0);
        let product = matmul([1, 2, 1], (&[two; 2], false), (&[two; 2], false), &mut flow);
        assert_eq!(flow.constant_of(product[0]), Some(8.0));
        assert!(flow.operations.is_empty());
    }
}
