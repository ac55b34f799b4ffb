//! Operations that are done many at a time against traces as they are: same numbers, to the bit.

use super::tests::{Random, expected, same, seed};
use super::{File, Routine, Wanted};
use crate::prim::block::BlockKind;
use crate::prim::{Kind, Prim};
use crate::trace::{BlockOperation, Guard, Numbers, Operation, Ref, Trace};

/// A trace as vectors and lists leave it: vectors of `n` numbers, scalars besides them, rows on each of
/// their numbers, one vector after the other or interleaved, sums and differences from the left and from the
/// right, vectors of the program's numbers, guards, and products with a matrix. Inputs are three vectors, a matrix of `n` rows and as many columns, and three numbers.
fn wide_trace(random: &mut Random, n: usize) -> (Trace, Ref) {
    let rows: Vec<Prim> = Prim::ALL
        .iter()
        .copied()
        .filter(|prim| !matches!(prim.spec().kind, Kind::Structural))
        .filter(|prim| !matches!(prim, Prim::Gcd | Prim::Lcm | Prim::Gumbel | Prim::Select))
        .collect();
    let vector = |first: usize| (0..n).map(|i| Ref::node((first + i) as u32)).collect();
    let mut vectors: Vec<Vec<Ref>> = vec![vector(0), vector(n), vector(2 * n)];
    let matrix = 3 * n;
    let scalar = |i: usize| Ref::node((3 * n + n * n + i) as u32);
    let mut scalars = vec![scalar(0), scalar(1), scalar(2)];
    let mut trace = Trace {
        inputs: (3 * n + n * n + 3) as u32,
        constants: vec![1.0, 0.0, -0.0, 2.0, 0.5, -1.0],
        ..Trace::default()
    };
    scalars.extend((0..6).map(Ref::constant));
    // Numbers of the program, some of them more than once.
    let table = (0..n).map(|i| {
        let x = if i % 5 == 0 {
            0.5
        } else {
            random.number().clamp(-3.0, 3.0)
        };
        trace.constants.push(x);
        Ref::constant(trace.constants.len() as u32 - 1)
    });
    let table: Vec<Ref> = table.collect();
    if random.below(3) == 0 {
        vectors.push(table);
    }
    let push = |trace: &mut Trace, prim: Prim, a: Ref, b: Ref| {
        let b = if prim.operands() == 1 { a } else { b };
        trace.operations.push(Operation { prim, a, b, c: a });
        Ref::node(trace.len() as u32 - 1)
    };
    for _ in 0..2 + random.below(6) {
        let prim = |random: &mut Random| match random.below(2) {
            0 => [Prim::Add, Prim::Sub, Prim::Mul, Prim::Neg, Prim::Div][random.below(5)],
            _ => rows[random.below(rows.len())],
        };
        match random.below(6) {
            // A sum from the left.
            0 => {
                let mut of = vectors[random.below(vectors.len())].clone();
                if random.below(2) == 0 {
                    of.reverse();
                }
                let prim = [Prim::Add, Prim::Sub][random.below(2)];
                let sum = of[1..]
                    .iter()
                    .fold(of[0], |sum, &x| push(&mut trace, prim, sum, x));
                scalars.push(sum);
                if random.below(3) == 0 {
                    let test = push(&mut trace, Prim::Ge, sum, Ref::constant(1));
                    trace.guards.push(Guard {
                        at: trace.operations.len() as u32,
                        node: test,
                        expected: f64::from(random.below(2) as u32),
                        place: 0,
                    });
                }
            }
            // A product with the matrix.
            1 => {
                let of = &vectors[random.below(vectors.len())];
                let size = n as u32;
                let first = of[0];
                let follows = |(i, r): (usize, &Ref)| r.index() == first.index() + i;
                if !first.is_node() || !of.iter().enumerate().all(follows) {
                    continue;
                }
                let node = trace.add_block(BlockOperation {
                    first: 0,
                    length: size,
                    block: Some(BlockKind::Matmul {
                        n: size,
                        k: size,
                        m: 1,
                        ta: random.below(2) == 0,
                        tb: false,
                    }),
                    repeats: None,
                    a: Numbers::Run(Ref::node(matrix as u32), size * size),
                    b: Numbers::Run(first, size),
                });
                vectors.push(vector(node as usize));
            }
            // Two rows on each number, interleaved, one of them with a scalar.
            2 => {
                let [first, second] = [prim(random), prim(random)];
                let [a, b] = [0; 2].map(|_| vectors[random.below(vectors.len())].clone());
                let scalar = scalars[random.below(scalars.len())];
                let is_left = random.below(2) == 0;
                let all = a.iter().zip(&b).map(|(&x, &y)| {
                    let one = push(&mut trace, first, x, y);
                    let (x, y) = if is_left {
                        (scalar, one)
                    } else {
                        (one, scalar)
                    };
                    push(&mut trace, second, x, y)
                });
                let all = all.collect();
                vectors.push(all);
            }
            // A row on each number, the second vector turned by some places.
            3 => {
                let row = prim(random);
                let [a, b] = [0; 2].map(|_| vectors[random.below(vectors.len())].clone());
                let by = random.below(n);
                let turned = b.iter().cycle().skip(by);
                let all = a
                    .iter()
                    .zip(turned)
                    .map(|(&x, &y)| push(&mut trace, row, x, y));
                let all = all.collect();
                vectors.push(all);
            }
            _ => {
                let row = prim(random);
                let [a, b] = [0; 2].map(|_| vectors[random.below(vectors.len())].clone());
                let all = a.iter().zip(&b).map(|(&x, &y)| push(&mut trace, row, x, y));
                let all = all.collect();
                vectors.push(all);
            }
        }
    }
    let last = vectors.last().expect("there are three").clone();
    let sum = last[1..]
        .iter()
        .fold(last[0], |sum, &x| push(&mut trace, Prim::Add, sum, x));
    let scalar = scalars[random.below(scalars.len())];
    let output = push(&mut trace, Prim::Mul, sum, scalar);
    (trace, output)
}

#[test]
fn what_is_done_many_at_a_time_keeps_its_bits() {
    let (mut grouped, mut joined, mut summed) = (0, 0, 0);
    for seed in seed()..seed() + 250 {
        let random = &mut Random(seed);
        let n = [5, 9, 16, 33, 40, 70][random.below(6)];
        let (trace, output) = wide_trace(random, n);
        let by: Vec<u32> = (0..trace.inputs).filter(|_| random.below(3) > 0).collect();
        let wanted = Wanted {
            outputs: &[output],
            by: &by,
            shared: &vec![false; trace.inputs as usize],
            summed: false,
            alone: true,
        };
        let routine = Routine::new(&trace, &wanted);
        summed += routine.folds.iter().map(Vec::len).sum::<usize>();
        grouped += routine.many.len();
        joined += routine
            .many
            .iter()
            .filter(|many| many.length as usize > n)
            .count();
        let mut file = File::default();
        for round in 0..4 {
            let numbers = (0..trace.inputs).map(|_| match round {
                0 => random.number(),
                _ => random.number().clamp(-3.0, 3.0) + 0.125,
            });
            let inputs: Vec<f64> = numbers.collect();
            let found = routine.run(&inputs, &mut file);
            match expected(&trace, output, &inputs) {
                Err(guard) => assert_eq!(found.map_err(|f| f.guard), Err(guard), "seed {seed}"),
                Ok(all) => {
                    assert_eq!(found, Ok(()), "DMCI_SEED={seed}");
                    let value = file.at(routine.outputs[0]);
                    assert!(
                        same(value, all[0]),
                        "DMCI_SEED={seed}: {value}, not {}",
                        all[0]
                    );
                    for (&input, &place) in by.iter().zip(&routine.derivatives) {
                        let (found, expected) = (file.at(place) + 0.0, all[1 + input as usize]);
                        assert!(
                            same(found, expected),
                            "DMCI_SEED={seed}: the derivative by {input} is {found}, not {expected}"
                        );
                    }
                }
            }
        }
    }
    assert!(
        grouped > 250 && joined + usize::from(seed() > 1) > 0 && summed > 100,
        "only {grouped}, {joined} joined, {summed} sums"
    );
}
