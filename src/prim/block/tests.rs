//! Kernels against plain loops, residuals, differences and one another.

use super::factors::exchange;
use super::product::STEP;
use super::*;

/// Numbers between -1 and 1 that look like chance.
pub(crate) fn numbers_like_chance(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..count).map(next).collect()
}

/// Splitmix64: numbers in -1..1.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn number(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn size(&mut self, largest: u64) -> u32 {
        1 + (self.bits() % largest) as u32
    }

    fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.number()).collect()
    }

    /// Operands: with `shift` on the diagonal of a square matrix; for Cholesky a positive
    /// definite lower triangle and anything above.
    fn operands(&mut self, op: BlockKind, shift: f64) -> [Vec<f64>; 2] {
        let [a, b] = op.operands().map(|count| self.numbers(count));
        let n = match op {
            BlockKind::Matmul { .. } | BlockKind::Svd { .. } => return [a, b],
            BlockKind::Cholesky { n } => {
                let n = n as usize;
                let mut square = self.numbers(n * n);
                for i in 0..n {
                    for j in 0..=i {
                        let terms = (0..n).map(|p| a[i * n + p] * a[j * n + p]);
                        square[i * n + j] = terms.sum();
                    }
                    square[i * n + i] += 0.1 + shift;
                }
                return [square, b];
            }
            BlockKind::Solve { n, .. }
            | BlockKind::Triangular { n, .. }
            | BlockKind::Eigh { n }
            | BlockKind::Inverse { n }
            | BlockKind::Logdet { n }
            | BlockKind::Det { n }
            | BlockKind::Cofactors { n }
            | BlockKind::LogdetSlopes { n } => n as usize,
        };
        let mut a = a;
        for pivot in a.iter_mut().step_by(n + 1) {
            *pivot += shift;
        }
        [a, b]
    }
}

/// One of each operation with these sizes.
fn all(n: u32, k: u32, m: u32) -> Vec<BlockKind> {
    let mut ops: Vec<BlockKind> = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(ta, tb)| BlockKind::Matmul { n, k, m, ta, tb })
        .into();
    ops.extend([
        BlockKind::Solve { n, m },
        BlockKind::Inverse { n },
        BlockKind::Logdet { n },
        BlockKind::Det { n },
        BlockKind::Cholesky { n },
        BlockKind::Cofactors { n },
        BlockKind::LogdetSlopes { n },
    ]);
    ops.extend([false, true].map(|upper| BlockKind::Triangular { n, m, upper }));
    ops
}

/// The output, written over numbers that must not matter.
fn forward(op: BlockKind, a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![7e77; op.outputs() + op.hidden()];
    op.forward(a, b, &mut out, &mut vec![-3e33; 5]);
    out
}

fn vjp(op: BlockKind, [a, b]: &[Vec<f64>; 2], out: &[f64], ct: &[f64]) -> [Vec<f64>; 2] {
    let (mut da, mut db) = (vec![7e77; a.len()], vec![7e77; b.len()]);
    let scratch = &mut vec![-3e33; 5];
    op.vjp(a, b, out, ct, Some(&mut da), Some(&mut db), scratch);
    [da, db]
}

fn jvp(
    op: BlockKind,
    [a, b]: &[Vec<f64>; 2],
    out: &[f64],
    [ta, tb]: [Option<&[f64]>; 2],
) -> Vec<f64> {
    let mut tout = vec![7e77; op.outputs()];
    op.jvp(a, b, out, ta, tb, &mut tout, &mut vec![-3e33; 5]);
    tout
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    let one_nan = |x: &f64| if x.is_nan() { f64::NAN } else { *x };
    numbers.iter().map(|x| one_nan(x).to_bits()).collect()
}

/// The product as plain loops have it.
fn plain(op: BlockKind, a: &[f64], b: &[f64]) -> Vec<f64> {
    let BlockKind::Matmul { n, k, m, ta, tb } = op else {
        return Vec::new();
    };
    let [n, k, m] = [n, k, m].map(|size| size as usize);
    let a = |i: usize, p: usize| if ta { a[p * n + i] } else { a[i * k + p] };
    let b = |p: usize, j: usize| if tb { b[j * k + p] } else { b[p * m + j] };
    let mut c = Vec::new();
    for i in 0..n {
        for j in 0..m {
            let mut sum = a(i, 0) * b(0, j);
            for p in 1..k {
                sum += a(i, p) * b(p, j);
            }
            c.push(sum);
        }
    }
    c
}

/// Elimination and substitution as plain loops have them: the solution and the pivots.
fn plain_solve(a: &[f64], b: &[f64], n: usize) -> [Vec<f64>; 2] {
    let (mut a, mut x) = (a.to_vec(), b.to_vec());
    let m = x.len() / n;
    for t in 0..n {
        let mut at = t;
        for i in t..n {
            if a[i * n + t].abs() > a[at * n + t].abs() {
                at = i;
            }
        }
        for j in 0..n {
            a.swap(t * n + j, at * n + j);
        }
        for j in 0..m {
            x.swap(t * m + j, at * m + j);
        }
        for i in t + 1..n {
            let multiplier = a[i * n + t] / a[t * n + t];
            for j in t + 1..n {
                a[i * n + j] -= multiplier * a[t * n + j];
            }
            for j in 0..m {
                x[i * m + j] -= multiplier * x[t * m + j];
            }
        }
    }
    for t in (0..n).rev() {
        for j in 0..m {
            x[t * m + j] /= a[t * n + t];
            for i in 0..t {
                x[i * m + j] -= a[i * n + t] * x[t * m + j];
            }
        }
    }
    [x, a.into_iter().step_by(n + 1).collect()]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn size(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |size, x| size.max(x.abs()))
}

#[test]
fn products_are_those_of_plain_loops_to_the_bit() {
    let mut random = Random(1);
    for round in 0..200 {
        let [n, k, m] = if round < 8 { [1; 3] } else { [30; 3] }.map(|most| random.size(most));
        for op in &all(n, k, m)[..4] {
            let [a, b] = random.operands(*op, 0.0);
            let c = forward(*op, &a, &b);
            assert_eq!(bits(&c), bits(&plain(*op, &a, &b)), "{op:?}");
        }
    }
    let op = all(1, 2, 1)[0];
    let c = forward(op, &[-0.0, -0.0], &[1.0, 1.0]);
    assert!(c[0].is_sign_negative());
}

#[test]
fn large_products_agree_with_plain_loops_wherever_they_lie() {
    let mut random = Random(2);
    for [n, k, m] in [[64, 64, 64], [150, 65, 131], [16, 300, 77], [70, 17, 259]] {
        for &op in &all(n, k, m)[..4] {
            let [a, mut b] = random.operands(op, 0.0);
            b[3] = f64::NAN;
            let c = forward(op, &a, &b);
            for (x, y) in c.iter().zip(plain(op, &a, &b)) {
                assert!((x - y).abs() <= 1e-13 * f64::from(k) || x.is_nan() && y.is_nan());
            }
            for offset in 1..8 {
                let shifted = [vec![0.0; offset], a.clone()].concat();
                let mut out = vec![0.0; offset + c.len() + 9];
                let place = &mut out[offset..][..c.len()];
                op.forward(&shifted[offset..], &b, place, &mut Vec::new());
                assert_eq!(bits(place), bits(&c), "{op:?}");
                assert!(out[offset + c.len()..].iter().all(|&x| x == 0.0), "{op:?}");
            }
        }
    }
}

#[test]
fn elimination_is_that_of_plain_loops() {
    let mut random = Random(3);
    for n in (1..=32).chain([33, 50, 64, 65, 100]) {
        let op = BlockKind::Solve { n, m: 3 };
        let [a, b] = random.operands(op, 0.0);
        let out = forward(op, &a, &b);
        let [x, pivots] = plain_solve(&a, &b, n as usize);
        let lu = &out[op.outputs() + 1..];
        let found: Vec<f64> = lu.iter().step_by(n as usize + 1).copied().collect();
        assert_eq!(bits(&found[..n as usize]), bits(&pivots), "{n}");
        if n as usize <= STEP {
            assert_eq!(bits(&out[..op.outputs()]), bits(&x), "{n}");
        }
        let ax = plain(all(n, n, 3)[0], &a, &out);
        for (x, y) in ax.iter().zip(&b) {
            assert!((x - y).abs() <= 1e-14 * f64::from(n * n) * size(&out[..op.outputs()]));
        }
    }
}

#[test]
fn results_fulfil_their_equations() {
    let mut random = Random(4);
    for n in (1..=30).chain([33, 70, 140]) {
        let size = n as usize;
        let near = |x: &[f64], y: &[f64]| {
            let close = |(x, y): (&f64, &f64)| (x - y).abs() < 1e-10;
            assert!(x.iter().zip(y).all(close), "{n}");
        };
        let square = all(n, n, n);
        let [a, _] = random.operands(BlockKind::Inverse { n }, 2.0);
        let mut unit = vec![0.0; size * size];
        diagonal(&mut unit, size, 1.0);
        let inverse = forward(BlockKind::Inverse { n }, &a, &[]);
        near(&plain(square[0], &a, &inverse), &unit);
        assert_eq!(inverse[size * size], 1.0);
        let [_, pivots] = plain_solve(&a, &[], size);
        let logdet = forward(BlockKind::Logdet { n }, &a, &[])[0];
        let expected: f64 = pivots.iter().map(|pivot| pivot.abs().ln()).sum();
        near(&[logdet], &[expected]);
        let det = forward(BlockKind::Det { n }, &a, &[])[0];
        near(&[det.abs().ln()], &[expected]);
        let mut exchanged = a.clone();
        exchange(&mut exchanged, size, 0, size - 1);
        let other = forward(BlockKind::Det { n }, &exchanged, &[])[0];
        let sign = if n == 1 { 1.0 } else { -1.0 };
        near(&[sign * other / det], &[1.0]);
        let [a, _] = random.operands(BlockKind::Cholesky { n }, 0.0);
        let l = forward(BlockKind::Cholesky { n }, &a, &[]);
        let (l, flag) = l.split_at(size * size);
        assert_eq!(flag, [1.0]);
        let product = plain(square[2], l, l);
        for i in 0..size {
            near(&product[i * size..][..=i], &a[i * size..][..=i]);
            assert!(l[i * size..][i + 1..size].iter().all(|x| x.to_bits() == 0));
        }
    }
    let det = |a: &[f64], n| forward(BlockKind::Det { n }, a, &[])[0];
    assert_eq!(det(&[3.0], 1), 3.0);
    assert_eq!(det(&[1.0, 2.0, 4.0, 5.0], 2), -3.0);
    assert_eq!(det(&[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 3), 1.0);
}

/// <ct, J t> = <J^T ct, t>, for the operands together and each alone.
fn rules_agree(op: BlockKind, operands: &[Vec<f64>; 2], random: &mut Random) {
    let out = forward(op, &operands[0], &operands[1]);
    let ct = random.numbers(op.outputs());
    let t = [&operands[0], &operands[1]].map(|x| random.numbers(x.len()));
    let d = vjp(op, operands, &out, &ct);
    for given in [[true, true], [true, false], [false, true], [false, false]] {
        let pick = |which: usize| given[which].then_some(t[which].as_slice());
        let tout = jvp(op, operands, &out, [pick(0), pick(1)]);
        let part = |which: usize| {
            if given[which] {
                dot(&d[which], &t[which])
            } else {
                0.0
            }
        };
        let (left, right) = (dot(&ct, &tout), part(0) + part(1));
        let terms = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a * b).abs()).sum();
        let scale: f64 = f64::max(terms(&ct, &tout), right.abs());
        assert!(
            (left - right).abs() <= 1e-10 * scale,
            "{op:?}: {left} {right}"
        );
    }
    for which in 0..2 {
        let (mut da, mut db) = (vec![7e77; d[0].len()], vec![7e77; d[1].len()]);
        let scratch = &mut Vec::new();
        let [a, b] = operands;
        let to = [
            (which == 0).then_some(&mut da[..]),
            (which == 1).then_some(&mut db[..]),
        ];
        let [to_a, to_b] = to;
        op.vjp(a, b, &out, &ct, to_a, to_b, scratch);
        let alone = if which == 0 { &da } else { &db };
        assert_eq!(bits(alone), bits(&d[which]), "{op:?}");
    }
}

#[test]
fn reverse_and_forward_rules_agree() {
    let mut random = Random(5);
    for round in 0..60 {
        let [n, k, m] = if round == 0 { [1; 3] } else { [30; 3] }.map(|most| random.size(most));
        for op in all(n, k, m) {
            let operands = random.operands(op, 1.0);
            rules_agree(op, &operands, &mut random);
        }
    }
    for [n, k, m] in [[1, 30, 1], [30, 1, 30], [35, 40, 66], [140, 70, 150]] {
        for op in all(n, k, m) {
            let operands = random.operands(op, 3.0);
            rules_agree(op, &operands, &mut random);
        }
    }
}

#[test]
fn reverse_and_forward_rules_agree_where_ill_conditioned() {
    let mut random = Random(6);
    for n in 2..=20 {
        for op in &all(n, n, 2)[4..] {
            let [mut a, b] = random.operands(*op, 0.0);
            let scales: Vec<f64> = (0..n).map(|_| 10f64.powf(3.0 * random.number())).collect();
            for (row, x) in a.chunks_exact_mut(n as usize).zip(&scales) {
                for (entry, y) in row.iter_mut().zip(&scales) {
                    *entry *= x * y;
                }
            }
            rules_agree(*op, &[a, b], &mut random);
        }
    }
    let hilbert = |n: usize| {
        let entries = (0..n * n).map(|at| 1.0 / (at / n + at % n + 1) as f64);
        entries.collect::<Vec<f64>>()
    };
    for op in &all(5, 5, 2)[4..] {
        let b = random.numbers(op.operands()[1]);
        rules_agree(*op, &[hilbert(5), b], &mut random);
    }
}

#[test]
fn tangents_are_those_of_differences() {
    let mut random = Random(7);
    for round in 0..12 {
        let [n, k, m] = if round == 0 { [1; 3] } else { [9; 3] }.map(|most| random.size(most));
        for op in all(n, k, m) {
            // Far from singular, so that differences tell.
            let operands = random.operands(op, 1.0 + f64::from(n));
            let t = [&operands[0], &operands[1]].map(|x| random.numbers(x.len()));
            let out = forward(op, &operands[0], &operands[1]);
            let tangents = jvp(op, &operands, &out, [Some(&t[0]), Some(&t[1])]);
            let at = |h: f64| {
                let move_by = |x: &[f64], t: &[f64]| -> Vec<f64> {
                    x.iter().zip(t).map(|(x, t)| x + h * t).collect()
                };
                let [a, b] = [0, 1].map(|which| move_by(&operands[which], &t[which]));
                forward(op, &a, &b)
            };
            let difference = |h: f64| -> Vec<f64> {
                let (up, down) = (at(h), at(-h));
                up.iter()
                    .zip(&down)
                    .map(|(u, d)| (u - d) / (2.0 * h))
                    .collect()
            };
            let (coarse, fine) = (difference(2e-3), difference(1e-3));
            let scale = size(&tangents).max(size(&out[..op.outputs()]));
            for (i, tangent) in tangents.iter().enumerate() {
                let expected = (4.0 * fine[i] - coarse[i]) / 3.0;
                assert!((tangent - expected).abs() <= 1e-8 * scale, "{op:?}");
            }
        }
    }
}

#[test]
fn failures_are_flagged_and_give_nan() {
    let fails = |op: BlockKind, a: &[f64]| {
        let b = vec![1.0; op.operands()[1]];
        let out = forward(op, a, &b);
        let flag = op.flag().map(|flag| out[flag]);
        let operands = [a.to_vec(), b];
        let ct = vec![1.0; op.outputs()];
        let derivatives = vjp(op, &operands, &out, &ct).concat();
        let tangents = jvp(op, &operands, &out, [Some(a), None]);
        let mut numbers = [&out[..op.outputs()], &derivatives, &tangents]
            .concat()
            .into_iter();
        let failed = numbers.all(f64::is_nan);
        assert!(failed || flag == Some(1.0));
        flag == Some(0.0)
    };
    for a in [
        [0.0, 0.0, 0.0, 0.0],
        [1.0, 2.0, 1.0, 2.0],
        [0.0, 1.0, 0.0, 1.0],
    ] {
        assert!(fails(BlockKind::Solve { n: 2, m: 2 }, &a));
        assert!(fails(BlockKind::Inverse { n: 2 }, &a));
        let [logdet, det] = [BlockKind::Logdet { n: 2 }, BlockKind::Det { n: 2 }];
        let out = forward(logdet, &a, &[]);
        assert_eq!(out[0], f64::NEG_INFINITY);
        let operands = [a.to_vec(), Vec::new()];
        assert!(
            vjp(logdet, &operands, &out, &[1.0])[0]
                .iter()
                .all(|x| !x.is_finite())
        );
        assert_eq!(bits(&forward(det, &a, &[])[..1]), [0]);
    }
    for a in [[0.0; 4], [-1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 2.0, 4.0]] {
        assert!(fails(BlockKind::Cholesky { n: 2 }, &a));
    }
    assert!(!fails(
        BlockKind::Cholesky { n: 2 },
        &[1.0, f64::NAN, 2.0, 5.0]
    ));
    let mut random = Random(8);
    for n in [20, 40, 150] {
        for op in &all(n, n, 2)[4..9] {
            let [mut a, _] = random.operands(*op, 0.0);
            let n = n as usize;
            let row = a[..n].to_vec();
            a[(n - 1) * n..].copy_from_slice(&row);
            let last = &mut a[(n - 1) * n + n - 1];
            match op {
                BlockKind::Cholesky { .. } => *last = -1.0,
                BlockKind::Triangular { .. } => *last = 0.0,
                _ => {}
            }
            if op.flag().is_some() {
                assert!(fails(*op, &a), "{op:?}");
            } else if n < 150 {
                assert!([0.0, f64::NEG_INFINITY].contains(&forward(*op, &a, &[])[0]));
            }
        }
    }
}

#[test]
fn singular_determinants_have_cofactors() {
    let mut random = Random(9);
    for round in 0..400 {
        let size = 1 + round % 7;
        let n = size as u32;
        let mut a: Vec<f64> = random.numbers(size * size);
        for x in &mut a {
            *x = (2.0 * *x).round();
        }
        match round % 4 {
            0 => (0..size).for_each(|i| a[i * size + round % size] = 0.0),
            1 => a[size * (size - 1)..].fill(0.0),
            2 => a.copy_within(..size, size * (size - 1)),
            _ => (0..size * size).for_each(|at| {
                if at / size >= at % size {
                    a[at] = 0.0;
                }
            }),
        }
        let op = BlockKind::Det { n };
        let out = forward(op, &a, &[]);
        let [cofactors, _] = vjp(op, &[a.clone(), Vec::new()], &out, &[1.0]);
        let own = forward(BlockKind::Cofactors { n }, &a, &[]);
        for (at, (cofactor, own)) in cofactors.iter().zip(&own).enumerate() {
            let (row, column) = (at / size, at % size);
            let others = (0..size * size).filter(|p| p / size != row && p % size != column);
            let minor: Vec<f64> = others.map(|p| a[p]).collect();
            let minor = if size == 1 {
                1.0
            } else {
                forward(BlockKind::Det { n: n - 1 }, &minor, &[])[0]
            };
            let sign = if (row + column) % 2 == 0 { 1.0 } else { -1.0 };
            assert!((cofactor - sign * minor).abs() < 1e-10, "{a:?}");
            assert!((own - sign * minor).abs() < 1e-10, "{a:?}");
        }
    }
}

#[test]
fn no_numbers_panic_and_the_same_ones_give_the_same_bits() {
    let mut random = Random(10);
    let odd = [
        f64::NAN,
        f64::INFINITY,
        -f64::INFINITY,
        0.0,
        -0.0,
        1e308,
        5e-324,
    ];
    for round in 0..60 {
        let [n, k, m] = if round < 50 { [12; 3] } else { [90; 3] }.map(|most| random.size(most));
        let by_right = round % 2 == 0;
        let svd = BlockKind::Svd {
            m: n + k,
            n,
            by_right,
        };
        let flat = [BlockKind::Eigh { n }, svd];
        for op in all(n, k, m).into_iter().chain(flat) {
            let mut operands = random.operands(op, 0.0);
            for numbers in &mut operands {
                for _ in 0..if numbers.is_empty() { 0 } else { round % 5 } {
                    let at = random.bits() as usize % numbers.len();
                    numbers[at] = odd[random.bits() as usize % odd.len()];
                }
            }
            let ct = random.numbers(op.outputs());
            let all_of = |scratch: &mut Vec<f64>, before: f64| {
                let [a, b] = &operands;
                let mut out = vec![before; op.outputs() + op.hidden()];
                let (mut da, mut db) = (vec![before; a.len()], vec![before; b.len()]);
                let mut tout = vec![before; op.outputs()];
                op.forward(a, b, &mut out, scratch);
                op.vjp(a, b, &out, &ct, Some(&mut da), Some(&mut db), scratch);
                op.jvp(a, b, &out, Some(a), Some(b), &mut tout, scratch);
                bits(&[out, da, db, tout].concat())
            };
            let first = all_of(&mut Vec::new(), 0.0);
            assert_eq!(first, all_of(&mut vec![f64::NAN; 100_000], 7e77), "{op:?}");
        }
    }
}

#[test]
fn a_nan_pivot_is_no_failure() {
    let a = [0.0, 1.0, f64::NAN, 1.0];
    for op in [BlockKind::Solve { n: 2, m: 1 }, BlockKind::Inverse { n: 2 }] {
        let out = forward(op, &a, &[1.0, 1.0][..op.operands()[1]]);
        assert_eq!(out[op.outputs()], 1.0);
        assert!(out[..op.outputs()].iter().any(|x| x.is_nan()));
    }
    for a in [a, [0.0, f64::NAN, 0.0, 0.0], [0.0, f64::NAN, 0.0, 1.0]] {
        assert!(forward(BlockKind::Logdet { n: 2 }, &a, &[])[0].is_nan());
        assert!(forward(BlockKind::Det { n: 2 }, &a, &[])[0].is_nan());
    }
}

#[test]
fn sizes_are_counted_without_overflow() {
    for op in all(u32::MAX, u32::MAX, u32::MAX) {
        let hidden = op.hidden();
        assert!(op.outputs() >= 1 && op.operands()[0] > 1 << 60);
        assert!(hidden <= 1 || hidden > 1 << 60);
    }
    for op in all(1, 1, 1) {
        assert!(op.outputs() == 1);
    }
}
