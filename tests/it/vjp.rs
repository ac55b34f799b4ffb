//! Many lanes at once into the caller's buffers: values of several numbers, derivatives weighted by
//! cotangents, Hessians times directions; each as one lane alone has them.

use dmci::{
    Bindings, Error, Evaluator, Interpreter, Kind, Lane, LaneMut, Limits, Model, Workspace, Wrt,
};

/// Takes three paths, has a select besides, and fails where x is -1.5.
const BRANCHY: &str = "(define (f n s) (if (<= n 0) s (f (- n 1) (* s (cos (* a x))))))
(list (if (> x 0) (+ (f (floor n) b) (if (< b x) (log x) (* a b))) (* a (exp x)))
      (if (= x -1.5) (error \"no\" x) (vec (* x x) (+ a 1))))";

const NAMES: [&str; 4] = ["a", "b", "n", "x"];
const SHARED: [f64; 2] = [0.7, 1.2];

fn model(source: &str) -> Model {
    let interpreter = Interpreter::embedded();
    interpreter.model(source).expect("a program")
}

fn evaluator(model: &Model, names: &[&str], wrt: &[&str]) -> Evaluator {
    model
        .evaluator(&Bindings::new(), names, wrt, &Limits::default())
        .expect("its inputs are numbers")
}

/// Numbers that take all paths, or no lane that fails.
fn columns(lanes: usize, fails: bool) -> [Vec<f64>; 2] {
    let n = (0..lanes).map(|lane| (lane % 3) as f64).collect();
    let x = (0..lanes).map(|lane| 1.5 - (lane % 17) as f64 / 4.0);
    let x = x.map(|x| if !fails && x == -1.5 { 0.3 } else { x });
    [n, x.collect()]
}

fn cotangents(lanes: usize, count: usize) -> Vec<f64> {
    let at = |k: usize| match k % 7 {
        0 => 0.0,
        k => k as f64 / 4.0 - 1.0,
    };
    (0..lanes * count).map(at).collect()
}

/// The values of a lane alone, and its rows of derivatives; none where it fails.
fn alone(model: &Model, numbers: &[f64], wrt: &[&str]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    let names = if numbers.len() == 4 {
        &NAMES[..]
    } else {
        &NAMES[3..]
    };
    let bindings: Bindings = names.iter().copied().zip(numbers.iter().copied()).collect();
    let found = model.value_and_grad(&bindings, Wrt::Names(wrt), &mut Workspace::new());
    let (value, gradient) = found.ok()?;
    let values: Vec<f64> = value.numbers().collect();
    let entry = |name: &&str, row: usize| gradient.jacobian(name).expect("asked for")[row];
    let rows = (0..values.len()).map(|row| wrt.iter().map(|name| entry(name, row)).collect());
    Some((values.clone(), rows.collect()))
}

fn close(a: f64, b: f64, size: f64) -> bool {
    (a - b).abs() <= 1e-12 * size.max(1.0)
}

#[test]
fn each_lane_is_what_it_is_alone() -> Result<(), Error> {
    let wrt = ["x", "a", "b"];
    for (lanes, fails) in [(1, false), (5, true), (16, false), (70, true), (700, true)] {
        let [n, x] = columns(lanes, fails);
        let ct = cotangents(lanes, 3);
        let weights = [0, 1, 2].map(|k| Lane::Strided {
            numbers: &ct[k..],
            stride: 3,
        });
        let inputs = [
            Lane::Shared(SHARED[0]),
            Lane::Shared(SHARED[1]),
            Lane::Each(&n),
            Lane::Each(&x),
        ];
        let model = model(BRANCHY);
        let mut evaluator = evaluator(&model, &NAMES, &wrt);
        for _ in 0..2 {
            let mut values = vec![0.5; 4 * lanes];
            let (mut first, mut others) = (vec![0.5; lanes], vec![0.5; 2 * lanes]);
            let failed = evaluator.value_and_vjp(
                &inputs,
                &weights,
                &mut [LaneMut::Rows {
                    numbers: &mut values,
                    width: 3,
                    stride: 4,
                }],
                &mut [
                    LaneMut::Each(&mut first),
                    LaneMut::Rows {
                        numbers: &mut others,
                        width: 2,
                        stride: 2,
                    },
                ],
            )?;
            let mut failures = failed.iter().map(|failed| failed.lane);
            for lane in 0..lanes {
                let numbers = [SHARED[0], SHARED[1], n[lane], x[lane]];
                let found = [first[lane], others[2 * lane], others[2 * lane + 1]];
                let Some((expected, rows)) = alone(&model, &numbers, &wrt) else {
                    assert_eq!(failures.next(), Some(lane));
                    let all = values[4 * lane..][..3].iter().chain(&found);
                    assert!(all.copied().all(f64::is_nan), "lane {lane}");
                    continue;
                };
                let bits = |all: &[f64]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(
                    bits(&values[4 * lane..][..3]),
                    bits(&expected),
                    "lane {lane}"
                );
                // What lies between rows is nobody's.
                assert!(lane + 1 == lanes || values[4 * lane + 3] == 0.5);
                for (column, found) in found.into_iter().enumerate() {
                    let terms = rows.iter().zip(&ct[3 * lane..]);
                    let terms: Vec<f64> = terms.map(|(row, ct)| row[column] * ct).collect();
                    let size = terms.iter().map(|x| x.abs()).sum();
                    let sum: f64 = terms.iter().sum();
                    assert!(close(found, sum, size), "lane {lane}: {found}, not {sum}");
                }
            }
            assert_eq!(failures.next(), None);
            // The first of those that fail is lane 12.
            assert_eq!(failed.is_empty(), !fails || lanes < 13);
        }
    }
    Ok(())
}

#[test]
fn cotangents_of_one_give_the_bits_of_a_gradient() -> Result<(), Error> {
    let source = "(if (> x 0) (+ (* a (exp x)) (if (< b x) (log x) (* a b))) (* n (sin (* a x))))";
    let lanes = 100;
    let [n, x] = columns(lanes, true);
    let model = model(source);
    let mut evaluator = evaluator(&model, &NAMES, &NAMES);
    let inputs = [
        Lane::Shared(SHARED[0]),
        Lane::Shared(SHARED[1]),
        Lane::Each(&n),
        Lane::Each(&x),
    ];
    let (mut found, mut expected) = (vec![0.0; 4 * lanes], vec![0.0; 4 * lanes]);
    let mut grads: Vec<LaneMut<'_>> = found.chunks_mut(lanes).map(LaneMut::Each).collect();
    assert!(
        evaluator
            .vjp(&inputs, &[Lane::Shared(1.0)], &mut grads)?
            .is_empty()
    );
    evaluator.lanes(&inputs, &mut vec![0.0; lanes], &mut expected)?;
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
    assert!(found.iter().zip(&expected).all(same));
    Ok(())
}

/// Sums over one path and over several, with and without lanes that fail, on one thread and on two.
#[test]
fn sums_are_those_of_the_lanes_that_came_out() -> Result<(), Error> {
    let smooth = "(list (* a (exp (* (- b) x))) (vec (* x x n) (+ a b)))";
    let lanes = 20_001;
    let wrt = ["a", "x", "b"];
    for (source, fails) in [(smooth, false), (BRANCHY, false), (BRANCHY, true)] {
        let [n, x] = columns(lanes, fails);
        let ct = cotangents(lanes, 3);
        let [first, second, third] = [0, 1, 2].map(|k| &ct[k * lanes..][..lanes]);
        let weights = [first, second, third].map(Lane::Each);
        let inputs = [
            Lane::Shared(SHARED[0]),
            Lane::Shared(SHARED[1]),
            Lane::Each(&n),
            Lane::Each(&x),
        ];
        let mut seen = Vec::new();
        for threads in [1, 2] {
            let mut evaluator = evaluator(&model(source), &NAMES, &wrt).threads(threads);
            for _ in 0..2 {
                let (mut sums, mut by_x, mut last) = ([0.5; 3], vec![0.5; lanes], [0.5]);
                let failed = evaluator.value_and_vjp(
                    &inputs,
                    &weights,
                    &mut [LaneMut::Sums(&mut sums)],
                    &mut [
                        LaneMut::Sums(&mut last),
                        LaneMut::Each(&mut by_x),
                        LaneMut::Sums(&mut [0.5]),
                    ],
                )?;
                assert_eq!(failed.is_empty(), !fails);
                seen.push((sums.map(f64::to_bits), last.map(f64::to_bits)));
                let mut columns = vec![vec![0.0; lanes]; 6];
                let mut all: Vec<LaneMut<'_>> =
                    columns.iter_mut().map(|c| LaneMut::Each(c)).collect();
                let (values, grads) = all.split_at_mut(3);
                let again = evaluator.value_and_vjp(&inputs, &weights, values, grads)?;
                assert_eq!(again.len(), failed.len());
                let same = by_x.iter().zip(&columns[4]);
                let mut same = same.map(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
                assert!(same.all(|same| same), "{source}");
                let sums = [sums[0], sums[1], sums[2], last[0]];
                for (sum, column) in sums.into_iter().zip(&columns) {
                    let kept: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
                    assert_eq!(kept.len(), lanes - failed.len());
                    let size = kept.iter().map(|x| x.abs()).sum();
                    assert!(close(sum, kept.iter().sum(), size), "{source}: {sum}");
                }
            }
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{source}");
    }
    Ok(())
}

/// With central differences as the judge: of a sum over lanes weighted by cotangents.
#[test]
fn derivatives_are_those_of_differences() -> Result<(), Error> {
    let model = model("(list (* a (exp (* (- b) x))) (sin (* a x)))");
    let names = ["a", "b", "x"];
    let mut evaluator = evaluator(&model, &names, &["a", "b"]);
    let x: Vec<f64> = (0..64).map(|lane| f64::from(lane) / 40.0).collect();
    let ct = cotangents(64, 2);
    let weights = [Lane::Each(&ct[..64]), Lane::Each(&ct[64..])];
    let mut total = |a: f64, b: f64| -> Result<f64, Error> {
        let mut values = vec![0.0; 128];
        let mut columns = values.chunks_mut(64).map(LaneMut::Each);
        let mut columns: [LaneMut<'_>; 2] =
            std::array::from_fn(|_| columns.next().expect("there are two"));
        let inputs = [Lane::Shared(a), Lane::Shared(b), Lane::Each(&x)];
        evaluator.values(&inputs, &mut columns)?;
        Ok(values.iter().zip(&ct).map(|(x, ct)| x * ct).sum())
    };
    let h = 1e-5;
    let expected = [
        (total(2.0 + h, 0.5)? - total(2.0 - h, 0.5)?) / (2.0 * h),
        (total(2.0, 0.5 + h)? - total(2.0, 0.5 - h)?) / (2.0 * h),
    ];
    let mut sums = [0.0; 2];
    let inputs = [Lane::Shared(2.0), Lane::Shared(0.5), Lane::Each(&x)];
    evaluator.vjp(&inputs, &weights, &mut [LaneMut::Sums(&mut sums)])?;
    for (found, expected) in sums.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-7, "{found}, not {expected}");
    }
    Ok(())
}

/// At 0 the derivative of a root is infinite: times a cotangent of 0 it would be NaN.
#[test]
fn cotangents_of_zero_contribute_nothing() -> Result<(), Error> {
    let model = model("(list (sqrt (* a x)) (* 3 x))");
    for lanes in [1, 3, 20, 200, 20_000] {
        let x: Vec<f64> = (0..lanes).map(|lane| (lane % 2) as f64).collect();
        let roots: Vec<f64> = x
            .iter()
            .map(|&x| if x == 0.0 { 0.0 } else { 1.0 })
            .collect();
        let mut evaluator = evaluator(&model, &["a", "x"], &["x", "a"]);
        let inputs = [Lane::Shared(1.0), Lane::Each(&x)];
        for weights in [
            [Lane::Each(&roots), Lane::Shared(1.0)],
            [Lane::Shared(0.0), Lane::Shared(1.0)],
        ] {
            let (mut by_x, mut by_a) = (vec![0.5; lanes], [0.5]);
            let grads = &mut [LaneMut::Each(&mut by_x), LaneMut::Sums(&mut by_a)];
            assert!(evaluator.vjp(&inputs, &weights, grads)?.is_empty());
            let mut roots_a = 0.0;
            for (lane, &found) in by_x.iter().enumerate() {
                let weight = match weights[0] {
                    Lane::Each(column) => column[lane],
                    _ => 0.0,
                };
                assert_eq!(found, 3.0 + weight * 0.5, "lane {lane} of {lanes}");
                roots_a += weight * 0.5;
            }
            assert_eq!(by_a, [roots_a]);
        }
        // With another cotangent the derivative is what it is.
        let (mut by_x, mut by_a) = (vec![0.5; lanes], [0.5]);
        let grads = &mut [LaneMut::Each(&mut by_x), LaneMut::Sums(&mut by_a)];
        evaluator.vjp(&inputs, &[Lane::Shared(1.0), Lane::Shared(0.0)], grads)?;
        assert_eq!(by_x[0], f64::INFINITY);
    }
    Ok(())
}

#[test]
fn hessians_times_directions_are_those_of_one_lane() -> Result<(), Error> {
    let smooth = "(* a (exp (* b x)) (+ x n))";
    let branchy = "(if (= x -1.5) (error \"no\" x)
        (if (> x 0) (* a a (sin (* b x)) x) (* b (exp (* a x)) x x)))";
    let wrt = ["x", "a", "b"];
    for (source, fails) in [(smooth, false), (branchy, false), (branchy, true)] {
        for lanes in [1, 7, 100] {
            let [n, x] = columns(lanes, fails);
            let direction: Vec<f64> = (0..lanes).map(|lane| (lane % 5) as f64 - 2.0).collect();
            let model = model(source);
            let mut evaluator = evaluator(&model, &NAMES, &wrt);
            let inputs = [
                Lane::Shared(SHARED[0]),
                Lane::Shared(SHARED[1]),
                Lane::Each(&n),
                Lane::Each(&x),
            ];
            let directions = [Lane::Each(&direction), Lane::Shared(0.5), Lane::Shared(2.0)];
            for _ in 0..2 {
                let mut rows = vec![0.5; 3 * lanes];
                let rows_of = LaneMut::Rows {
                    numbers: &mut rows,
                    width: 3,
                    stride: 3,
                };
                let failed = evaluator.hvp(&inputs, &directions, &mut [rows_of])?;
                let mut failures = failed.iter().map(|failed| failed.lane);
                let mut sums = [0.0; 3];
                for lane in 0..lanes {
                    let numbers = [SHARED[0], SHARED[1], n[lane], x[lane]];
                    let bindings: Bindings = NAMES.into_iter().zip(numbers).collect();
                    let along = [direction[lane], 0.5, 2.0];
                    let found = &rows[3 * lane..][..3];
                    let wrt = Wrt::Names(&wrt);
                    let alone = model.hvp(&bindings, wrt, &along, &mut Workspace::new());
                    let Ok(expected) = alone else {
                        assert_eq!(failures.next(), Some(lane));
                        assert!(found.iter().all(|x| x.is_nan()));
                        continue;
                    };
                    let pairs = found.iter().zip(expected.product()).zip(&mut sums);
                    for ((found, expected), sum) in pairs {
                        assert!(close(*found, *expected, expected.abs()), "lane {lane}");
                        *sum += expected;
                    }
                }
                assert_eq!(failures.next(), None);
                let mut found = [0.5; 3];
                evaluator.hvp(&inputs, &directions, &mut [LaneMut::Sums(&mut found)])?;
                for (found, expected) in found.into_iter().zip(sums) {
                    assert!(close(found, expected, 1000.0), "{found}, not {expected}");
                }
            }
        }
    }
    Ok(())
}

/// The Hessian of the sum times one direction in all that is differentiated by, by differences of the
/// gradient.
#[test]
fn the_product_is_that_of_the_sum_over_lanes() -> Result<(), Error> {
    let model = model("(* a (exp (* b x)) x)");
    let mut evaluator = evaluator(&model, &["a", "b", "x"], &["a", "b", "x"]);
    let x = [0.1, 0.5, -0.3];
    let (along_x, along) = ([1.0, -2.0, 0.5], [0.25, -1.0]);
    let mut gradient = |step: f64| -> Result<Vec<f64>, Error> {
        let x: Vec<f64> = x.iter().zip(along_x).map(|(x, d)| x + step * d).collect();
        let inputs = [
            Lane::Shared(2.0 + step * along[0]),
            Lane::Shared(0.7 + step * along[1]),
            Lane::Each(&x),
        ];
        let (mut sums, mut by_x) = ([0.0; 2], [0.0; 3]);
        let grads = &mut [LaneMut::Sums(&mut sums), LaneMut::Each(&mut by_x)];
        evaluator.vjp(&inputs, &[Lane::Shared(1.0)], grads)?;
        Ok([&sums[..], &by_x].concat())
    };
    let h = 1e-5;
    let (above, below) = (gradient(h)?, gradient(-h)?);
    let (mut sums, mut by_x) = ([0.0; 2], [0.0; 3]);
    evaluator.hvp(
        &[Lane::Shared(2.0), Lane::Shared(0.7), Lane::Each(&x)],
        &[
            Lane::Shared(along[0]),
            Lane::Shared(along[1]),
            Lane::Each(&along_x),
        ],
        &mut [LaneMut::Sums(&mut sums), LaneMut::Each(&mut by_x)],
    )?;
    for ((found, above), below) in sums.iter().chain(&by_x).zip(above).zip(below) {
        let expected = (above - below) / (2.0 * h);
        assert!((found - expected).abs() < 1e-7, "{found}, not {expected}");
    }
    Ok(())
}

#[test]
fn a_value_of_another_length_is_its_lanes_error() -> Result<(), Error> {
    let model = model("(if (> x 1) (list x x) (if (> x 0) (list x x x) (list x \"s\")))");
    let mut evaluator = evaluator(&model, &["x"], &["x"]);
    let x = [2.0, 0.5, -1.0, 3.0];
    let (mut by_x, weights) = ([0.5; 4], [Lane::Shared(1.0), Lane::Shared(2.0)]);
    let failed = evaluator.vjp(&[Lane::Each(&x)], &weights, &mut [LaneMut::Each(&mut by_x)])?;
    assert_eq!(failed.iter().map(|f| f.lane).collect::<Vec<_>>(), [1, 2]);
    assert!(failed[0].to_string().contains("3 numbers"), "{}", failed[0]);
    assert!(failed[1].to_string().contains("more than numbers"));
    assert!(by_x[1].is_nan() && by_x[2].is_nan());
    assert_eq!((by_x[0], by_x[3]), (3.0, 3.0));
    // Where no lane has so many, the request is at fault.
    let weights = [Lane::Shared(1.0); 5];
    let error = evaluator
        .vjp(&[Lane::Each(&x)], &weights, &mut [LaneMut::Each(&mut by_x)])
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Request);
    let error = evaluator.values(&[Lane::Each(&x)], &mut [LaneMut::Each(&mut by_x)]);
    assert!(error.unwrap_err().to_string().contains("1 are asked for"));
    Ok(())
}

/// What a program does not depend on, constants, and names it has no use for.
#[test]
fn what_does_not_depend_on_inputs_has_derivative_zero() -> Result<(), Error> {
    let model = model("(list 7 (* a a))");
    let fixed = Bindings::from([("unused", 1.0)]);
    let wrt = ["x", "unused", "a"];
    let mut evaluator = model.evaluator(&fixed, &["a", "x"], &wrt, &Limits::default())?;
    for lanes in [1, 40] {
        let x = vec![1.0; lanes];
        let (mut value, mut by) = ([0.5; 2], vec![0.5; 3 * lanes]);
        let failed = evaluator.value_and_vjp(
            &[Lane::Shared(3.0), Lane::Each(&x)],
            &[Lane::Shared(1.0), Lane::Shared(2.0)],
            &mut [LaneMut::Sums(&mut value)],
            &mut [LaneMut::Rows {
                numbers: &mut by,
                width: 3,
                stride: 3,
            }],
        )?;
        assert!(failed.is_empty());
        assert_eq!(value, [7.0 * lanes as f64, 9.0 * lanes as f64]);
        assert!(by.chunks(3).all(|row| row == [0.0, 0.0, 12.0]), "{by:?}");
        let mut sums = [0.5; 3];
        evaluator
            .hvp(
                &[Lane::Shared(3.0), Lane::Each(&x)],
                &[Lane::Shared(1.0); 3],
                &mut [LaneMut::Sums(&mut sums)],
            )
            .expect_err("the value is a list");
    }
    Ok(())
}

#[test]
fn no_lanes_come_to_nothing() -> Result<(), Error> {
    let mut evaluator = evaluator(&model("(* a x)"), &["a", "x"], &["a", "x"]);
    let (mut by_a, inputs) = ([0.5], [Lane::Shared(1.0), Lane::Each(&[])]);
    let grads = &mut [LaneMut::Sums(&mut by_a), LaneMut::Each(&mut [])];
    assert!(
        evaluator
            .vjp(&inputs, &[Lane::Shared(1.0)], grads)?
            .is_empty()
    );
    assert_eq!(by_a, [0.0]);
    Ok(())
}

#[test]
fn time_limits_hold_for_lanes() -> Result<(), Error> {
    let limits = Limits::default().deadline(std::time::Instant::now());
    let model = model("(* a x)");
    let names = ["a", "x"];
    let mut late = model.evaluator(&Bindings::new(), &names, &names, &limits)?;
    let x = vec![1.0; 100];
    let inputs = [Lane::Shared(1.0), Lane::Each(&x)];
    let mut sums = [0.0; 2];
    let weights = [Lane::Shared(1.0)];
    let error = late.vjp(&inputs, &weights, &mut [LaneMut::Sums(&mut sums)]);
    assert_eq!(error.unwrap_err().kind(), Kind::Resource);
    Ok(())
}
