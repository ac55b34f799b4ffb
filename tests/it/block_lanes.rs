//! Operations on whole matrices over lanes: each lane's numbers are those it has alone, and sums over lanes
//! have the same bits however they are cut.

use crate::random::{Random, base_seed};
use crate::vectors::{interpreter, matrix, regular, vector};
use dmci::{Bindings, Lane, Limits, Mode, Workspace, Wrt};

/// Programs on a matrix W and another M, which lanes share, vectors v and w, and a number s of each lane.
/// W is n x k, M k x m, N m x k, Q n x n and far from singular, v of k, w of n.
const PROGRAMS: [&str; 14] = [
    "(vsum (matvec W (sin (scale s v))))",
    "(dot w (tanh (matvec W (tanh (scale s v)))))",
    "(vsum (matvec (scale s W) v))",
    "(vsum (sin (matvec (scale s W) (cos (scale s v)))))",
    "(vsum (sin (matmul W (scale s M))))",
    "(vsum (* (matmul W (scale s M)) (matmul (scale s W) M)))",
    "(vsum (sin (matmul (scale s N) (transpose W))))",
    "(vsum (sin (matmul (transpose W) (scale s W))))",
    "(vsum (matvec Q (tanh (matvec Q (tanh (scale s w))))))",
    "(vsum (* (matvec W v) (matvec W (scale s v))))",
    "(vsum (solve (+ (scale s (eye (rows Q))) Q) w))",
    "(vsum (solve Q (scale s w)))",
    "(logdet (+ Q (scale s (outer w w))))",
    "(if (> s 0.3) (vsum (matvec W (scale s v))) (* s (vsum (matvec Q w))))",
];

const BY: [&str; 7] = ["W", "M", "N", "Q", "v", "w", "s"];

#[test]
fn lanes_have_the_bits_of_one_and_sums_those_of_any_cut() {
    let seed = base_seed();
    let mut random = Random::new(seed);
    for (at, program) in PROGRAMS.iter().enumerate().flat_map(|p| [p; 2]) {
        let [n, k, m] = [0; 3].map(|_| 1 + random.below(11));
        let count = [1, 7, 64, 65, 200, 1100][random.below(6)];
        let n = if at % 3 == 0 && count < 200 {
            n + 60
        } else {
            n + 4
        };
        let k = k + 4;
        let bindings = Bindings::from_iter([
            ("W", matrix(n, k, &mut random)),
            ("M", matrix(k, m, &mut random)),
            ("N", matrix(m, k, &mut random)),
            ("Q", regular(n, &mut random)),
            ("v", vector(k, &mut random)),
            ("w", vector(n, &mut random)),
            ("s", 0.5.into()),
        ]);
        let s: Vec<f64> = (0..count).map(|_| random.between(-1.0, 1.0)).collect();
        let told = || format!("seed {seed}: {program} of {n}, {k}, {m} on {count} lanes");
        let model = interpreter()
            .model_for(program, &bindings, Mode::Interpreter)
            .unwrap();
        let evaluator = |threads: usize| {
            let evaluator = model.evaluator(&bindings, &["s"], &BY, &Limits::default());
            evaluator.unwrap().threads(threads)
        };
        let mut evaluated = evaluator(1);
        let width = evaluated.gradient_len();
        let (mut values, mut gradients) = (vec![0.0; count], vec![0.0; count * width]);
        evaluated
            .lanes(&[Lane::Each(&s)], &mut values, &mut gradients)
            .unwrap();
        let mut total = vec![0.0; width + 1];
        let mut size = vec![0.0_f64; width + 1];
        let alone = interpreter()
            .model_for(program, &bindings, Mode::Interpreter)
            .unwrap();
        let mut workspace = Workspace::new();
        for lane in 0..count {
            let mut row = vec![values[lane]];
            row.extend((0..width).map(|column| gradients[column * count + lane]));
            for ((total, size), x) in total.iter_mut().zip(&mut size).zip(&row) {
                *total += x;
                *size += x.abs();
            }
            if lane > 2 && random.below(count) > 3 {
                continue;
            }
            let mut own = bindings.clone();
            own.set("s", s[lane]);
            let run = alone.evaluate(&own, Wrt::Names(&BY), &Limits::default(), &mut workspace);
            let run = run.unwrap();
            assert_eq!(run.value.number(), Some(row[0]), "{}", told());
            let found: Vec<u64> = row[1..].iter().map(|x| x.to_bits()).collect();
            let expected: Vec<u64> = BY
                .iter()
                .flat_map(|name| run.gradient.jacobian(name).unwrap().to_vec())
                .map(f64::to_bits)
                .collect();
            assert_eq!(found, expected, "{}: lane {lane}", told());
        }
        let sums = |threads: usize| {
            let mut gradient = vec![0.0; width];
            let value = evaluator(threads)
                .sum(&[Lane::Each(&s)], &mut gradient)
                .unwrap();
            gradient.insert(0, value);
            gradient
        };
        let found = sums(1);
        for (other, x) in sums(2).iter().zip(&found) {
            assert_eq!(other.to_bits(), x.to_bits(), "{}", told());
        }
        for ((found, total), size) in found.iter().zip(&total).zip(&size) {
            let error = (found - total).abs();
            assert!(
                error <= 1e-11 * (1.0 + size),
                "{}: {found}, not {total}",
                told()
            );
        }
    }
}
