//! Evaluators: the same numbers as a model asked by name, on one lane, on many, and summed.

use super::pool;
use dmci::{Bindings, Error, Evaluator, Interpreter, Lane, Limits, Model, Workspace, Wrt};

/// Takes three paths and has a select besides.
const BRANCHY: &str = "(define (f n s) (if (<= n 0) s (f (- n 1) (* s (cos (* a x))))))
(if (> x 0) (+ (f (floor n) b) (if (< b x) (log x) (* a b))) (* a (exp x)))";

const NAMES: [&str; 4] = ["a", "b", "n", "x"];

fn model(source: &str) -> Model {
    Interpreter::embedded()
        .model(source)
        .expect("the program can be prepared")
}

fn evaluator(model: &Model, wrt: &[&str]) -> Evaluator {
    model
        .evaluator(&Bindings::new(), &NAMES, wrt, &Limits::default())
        .expect("its inputs are numbers")
}

/// Numbers that take all paths.
fn columns(lanes: usize) -> [Vec<f64>; 2] {
    let n = (0..lanes).map(|lane| (lane % 3) as f64).collect();
    let x = (0..lanes)
        .map(|lane| 1.5 - (lane % 17) as f64 / 4.0)
        .collect();
    [n, x]
}

fn alone(model: &Model, numbers: [f64; 4], wrt: &[&str]) -> (f64, Vec<f64>) {
    let bindings: Bindings = NAMES.into_iter().zip(numbers).collect();
    let (value, gradient) = model
        .value_and_grad(&bindings, Wrt::Names(wrt), &mut Workspace::new())
        .expect("the program runs");
    let derivative = |name: &&str| gradient.get(name).expect("asked for");
    (
        value.number().expect("a number"),
        wrt.iter().map(derivative).collect(),
    )
}

fn bits(value: f64, gradient: &[f64]) -> Vec<u64> {
    let all = std::iter::once(&value).chain(gradient);
    all.map(|x| x.to_bits()).collect()
}

#[test]
fn one_lane_is_what_the_model_says() -> Result<(), Error> {
    let wrt = ["x", "a", "b", "n"];
    let shared = model(BRANCHY);
    let mut evaluator = evaluator(&shared, &wrt);
    let mut gradient = vec![0.0; 4];
    // Often enough that all paths are compiled on the way.
    let [n, x] = columns(200);
    for (&n, &x) in n.iter().zip(&x) {
        let numbers = [0.7, 1.2, n, x];
        let value = evaluator.value_and_grad(&numbers, &mut gradient)?;
        let (expected, derivatives) = alone(&model(BRANCHY), numbers, &wrt);
        assert_eq!(
            bits(value, &gradient),
            bits(expected, &derivatives),
            "{numbers:?}"
        );
        assert_eq!(evaluator.value(&numbers)?.to_bits(), expected.to_bits());
    }
    Ok(())
}

#[test]
fn many_lanes_are_what_one_is() -> Result<(), Error> {
    let wrt = ["x", "a"];
    for lanes in [1, 5, 15, 16, 64, 300] {
        let model = model(BRANCHY);
        let mut evaluator = evaluator(&model, &wrt);
        let [n, x] = columns(lanes);
        let inputs = [
            Lane::Shared(0.7),
            Lane::Shared(1.2),
            Lane::Each(&n),
            Lane::Each(&x),
        ];
        let mut values = vec![0.0; lanes];
        let mut gradients = vec![0.0; 2 * lanes];
        for _ in 0..2 {
            evaluator.lanes(&inputs, &mut values, &mut gradients)?;
            for lane in 0..lanes {
                let (value, gradient) = alone(&model, [0.7, 1.2, n[lane], x[lane]], &wrt);
                let found = [gradients[lane], gradients[lanes + lane]];
                assert_eq!(
                    bits(values[lane], &found),
                    bits(value, &gradient),
                    "lane {lane}"
                );
            }
            values.fill(0.0);
            evaluator.lanes(&inputs, &mut values, &mut [])?;
        }
    }
    Ok(())
}

#[test]
fn sums_are_those_of_lanes_on_any_number_of_threads() -> Result<(), Error> {
    let wrt = ["a", "b"];
    // On one path for all, on several, and on several of which the first is not the first lane's.
    for (source, mixed) in [("(* a (exp (* (- b) x)) (+ 1 n))", false), (BRANCHY, true)] {
        let lanes = 20_000;
        let [n, x] = columns(lanes);
        let inputs = [
            Lane::Shared(0.7),
            Lane::Shared(1.2),
            Lane::Each(&n),
            Lane::Each(&x),
        ];
        let mut seen = Vec::new();
        for threads in [1, 2] {
            let model = model(source);
            let mut evaluator = evaluator(&model, &wrt);
            for _ in 0..2 {
                let mut gradient = [0.0; 2];
                let sum = pool(threads).install(|| evaluator.sum(&inputs, &mut gradient))?;
                seen.push(bits(sum, &gradient));
            }
            let paths = model.path_totals().paths;
            assert_eq!(paths > 1, mixed, "{paths} paths");
            if threads == 2 {
                continue;
            }
            let mut values = vec![0.0; lanes];
            let mut gradients = vec![0.0; 2 * lanes];
            evaluator.lanes(&inputs, &mut values, &mut gradients)?;
            let mut gradient = [0.0; 2];
            let sum = evaluator.sum(&inputs, &mut gradient)?;
            let columns = [&values[..], &gradients[..lanes], &gradients[lanes..]];
            for (found, column) in [sum, gradient[0], gradient[1]].into_iter().zip(columns) {
                let total: f64 = column.iter().sum();
                let size: f64 = column.iter().map(|x| x.abs()).sum();
                assert!(
                    (found - total).abs() <= 1e-12 * size,
                    "{source}: {found}, not {total}"
                );
            }
            let value_alone = evaluator.sum(&inputs, &mut [])?;
            assert!((value_alone - sum).abs() <= 1e-12 * sum.abs().max(1.0));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{source}");
    }
    Ok(())
}

/// Where what is differentiated by differs between lanes, a sum's derivative is the sum of theirs.
#[test]
fn a_sum_may_be_differentiated_by_lanes_own_inputs() -> Result<(), Error> {
    let model = model("(* x x a)");
    let mut evaluator = model.evaluator(
        &Bindings::new(),
        &["x", "a"],
        &["x", "a"],
        &Limits::default(),
    )?;
    let x = [1.0, 2.0, 3.0];
    let mut gradient = [0.0; 2];
    let sum = evaluator.sum(&[Lane::Each(&x), Lane::Shared(2.0)], &mut gradient)?;
    assert_eq!((sum, gradient), (28.0, [24.0, 14.0]));
    Ok(())
}

#[test]
fn a_sum_of_one_lane_is_that_lane() -> Result<(), Error> {
    let wrt = ["x", "a", "b", "n"];
    let model = model(BRANCHY);
    let (mut of_one, mut of_lanes) = (evaluator(&model, &wrt), evaluator(&model, &wrt));
    let [n, x] = columns(200);
    for (n, x) in n.iter().zip(&x) {
        let (mut summed, mut gradient) = ([0.0; 4], [0.0; 4]);
        let [n, x] = [n, x].map(std::slice::from_ref);
        let each = [Lane::Shared(0.7), Lane::Shared(1.2), Lane::Each(n)];
        let strided = Lane::Strided {
            numbers: x,
            stride: 3,
        };
        let inputs = [each[0], each[1], each[2], strided];
        let sum = of_lanes.sum(&inputs, &mut summed)?;
        let value = of_one.value_and_grad(&[0.7, 1.2, n[0], x[0]], &mut gradient)?;
        assert_eq!(
            bits(sum, &summed),
            bits(value + 0.0, &gradient),
            "{n:?} {x:?}"
        );
        assert_eq!(
            of_lanes.sum(&inputs, &mut [])?.to_bits(),
            (value + 0.0).to_bits()
        );
        // Columns of other lengths and strides are refused all the same.
        for other in [
            Lane::Each(&[1.0, 2.0]),
            Lane::Each(&[]),
            Lane::Strided {
                numbers: &[1.0],
                stride: 0,
            },
        ] {
            let error = of_lanes.sum(&[each[0], each[1], each[2], other], &mut summed);
            assert!(matches!(error, Err(Error::Request(_))), "{error:?}");
        }
    }
    Ok(())
}

#[test]
fn errors_are_those_of_the_first_lane_at_fault() -> Result<(), Error> {
    let model = model("(if (> x 2) (error \"too large:\" x) (* a x))");
    let mut evaluator =
        model.evaluator(&Bindings::new(), &["x", "a"], &["a"], &Limits::default())?;
    let x: Vec<f64> = (0..100).map(|lane| f64::from(lane) / 10.0).collect();
    let inputs = [Lane::Each(&x), Lane::Shared(2.0)];
    let mut values = vec![0.0; 100];
    for _ in 0..2 {
        let error = evaluator.lanes(&inputs, &mut values, &mut []).unwrap_err();
        assert!(error.to_string().contains("too large: 2.1"), "{error}");
        let error = evaluator.sum(&inputs, &mut [0.0]).unwrap_err();
        assert!(error.to_string().contains("too large: 2.1"), "{error}");
    }
    let error = evaluator.value(&[3.0, 1.0]).unwrap_err();
    assert!(error.to_string().contains("too large: 3"), "{error}");
    let two = |evaluator: &mut Evaluator, x: &[f64]| {
        let sum = evaluator.sum(&[Lane::Each(x), Lane::Shared(2.0)], &mut [0.0]);
        sum.unwrap_err().to_string()
    };
    let of_one = two(&mut evaluator, &[3.0]);
    assert_eq!(of_one, two(&mut evaluator, &[3.0, 1.0]));
    assert_eq!(evaluator.value(&[1.0, 3.0])?, 3.0);
    let error = evaluator.sum(&[Lane::Shared(1.0), Lane::Shared(1.0)], &mut []);
    assert!(matches!(error, Err(Error::Request(_))));
    Ok(())
}

#[test]
fn a_value_that_is_no_number_is_refused() -> Result<(), Error> {
    let model = model("(list x a)");
    let mut evaluator = model.evaluator(&Bindings::new(), &["x", "a"], &[], &Limits::default())?;
    let x = [1.0; 20];
    let inputs = [Lane::Each(&x), Lane::Shared(2.0)];
    for error in [
        evaluator.value(&[1.0, 2.0]).map(|_| ()),
        evaluator.lanes(&inputs, &mut [0.0; 20], &mut []),
        evaluator.sum(&inputs, &mut []).map(|_| ()),
    ] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
    }
    Ok(())
}
