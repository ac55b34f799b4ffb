//! Sums over many lanes: the same bits each time, on any number of threads, and right.

use super::{Lanes, pool, same_bits, sum_complaint, sums};
use crate::random::{Random, base_seed};
use dmci::{Bindings, Error, Interpreter, Limits, Model, OnError, Workspace};

/// No multiple of any size that lanes may be taken in.
const LANES: usize = 65_000;

const DECAY: &str = "(* a (exp (* (- b) x)))";

const MIXTURE: &str = "(define (density m s)
  (/ (exp (* -0.5 (square (/ (- x m) s)))) (* s 2.5066282746310002)))
(log (+ (* w (density m1 s1)) (* (- 1 w) (density m2 s2))))";

const BRANCHY: &str = "(if (> x 0) (if (> x 1) (* a (log x)) (+ a (* b x))) (if (< x -2.9) (error \"low\" x) (* a b (exp x))))";

fn run(model: &Model, shared: &Bindings, columns: &[(&str, &[f64])], wrt: &[&str]) -> Lanes {
    let (limits, workspace) = (Limits::default(), &mut Workspace::new());
    let lanes =
        model.value_and_grad_lanes(shared, columns, wrt, OnError::Collect, &limits, workspace);
    lanes.expect("a request as it should be")
}

fn check(source: &str, inputs: &[(&str, f64)]) -> Result<(), Error> {
    let mut random = Random::new(base_seed());
    let xs: Vec<f64> = (0..LANES).map(|_| random.between(-3.0, 3.0)).collect();
    let shared: Bindings = inputs.iter().copied().collect();
    let mut all = shared.clone();
    all.set("x", 0.0);
    let interpreter = Interpreter::embedded();
    let wrt: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let columns = [("x", xs.as_slice())];
    let mut known: Option<Vec<f64>> = None;
    for threads in [1, 2, 3] {
        let model = interpreter.model_for(source, &all, dmci::Mode::Interpreter)?;
        for call in 0..2 {
            let found = pool(threads).install(|| run(&model, &shared, &columns, &wrt));
            assert_eq!(found.shared.len(), wrt.len(), "{source}");
            let sums = sums(&found);
            let known = known.get_or_insert_with(|| sums.clone());
            assert!(
                known.iter().zip(&sums).all(|(a, b)| same_bits(*a, *b)),
                "{source}: {threads} threads, call {call}: {sums:?}, before {known:?}"
            );
        }
    }
    // What is the same for all lanes may be given lane by lane: then each lane has a derivative.
    let model = interpreter.model_for(source, &all, dmci::Mode::Interpreter)?;
    let same: Vec<Vec<f64>> = inputs
        .iter()
        .map(|(_, value)| vec![*value; LANES])
        .collect();
    let mut columns = columns.to_vec();
    columns.extend(wrt.iter().copied().zip(same.iter().map(Vec::as_slice)));
    let single = run(&model, &Bindings::new(), &columns, &wrt);
    for ((name, column), sum) in single.per_lane.iter().zip(known.iter().flatten()) {
        let terms: Vec<f64> = column.iter().copied().flatten().collect();
        let failed = single.values.iter().filter(|value| value.is_err()).count();
        assert_eq!(terms.len() + failed, LANES, "{source}");
        let complaint = sum_complaint(*sum, &terms);
        assert_eq!(complaint, None, "{source}: d/d{name}");
    }
    Ok(())
}

#[test]
fn of_a_decay() -> Result<(), Error> {
    check(DECAY, &[("a", 2.5), ("b", 0.8)])
}

#[test]
fn of_a_mixture() -> Result<(), Error> {
    let inputs = [
        ("w", 0.3),
        ("m1", -1.0),
        ("s1", 0.7),
        ("m2", 0.5),
        ("s2", 1.1),
    ];
    check(MIXTURE, &inputs)
}

#[test]
fn of_branches_some_of_which_fail() -> Result<(), Error> {
    check(BRANCHY, &[("a", 1.5), ("b", -0.25)])
}

#[test]
fn of_a_decay_are_those_of_plain_arithmetic() -> Result<(), Error> {
    let xs: Vec<f64> = (0..LANES).map(|lane| lane as f64 / LANES as f64).collect();
    let (a, b) = (2.5, 0.8);
    let model = Interpreter::embedded().model(DECAY)?;
    let shared = Bindings::from([("a", a), ("b", b)]);
    let found = run(&model, &shared, &[("x", &xs)], &["b", "a"]);
    let by_a: Vec<f64> = xs.iter().map(|x| (-b * x).exp()).collect();
    let by_b: Vec<f64> = xs.iter().map(|x| -a * x * (-b * x).exp()).collect();
    let [(first, sum_b), (second, sum_a)] = found.shared.as_slice() else {
        panic!("two sums: {:?}", found.shared);
    };
    assert_eq!([first, second], ["b", "a"]);
    assert_eq!(sum_complaint(*sum_b, &by_b), None);
    assert_eq!(sum_complaint(*sum_a, &by_a), None);
    Ok(())
}

#[test]
fn a_wrong_sum_is_noticed() {
    let terms: Vec<f64> = (0..1000).map(|k| f64::from(k) * 0.1).collect();
    let sum: f64 = terms.iter().sum();
    assert_eq!(sum_complaint(sum, &terms), None);
    assert!(sum_complaint(sum * (1.0 + 1e-11), &terms).is_some());
    assert!(sum_complaint(f64::NAN, &terms).is_some());
    assert!(sum_complaint(sum, &[f64::INFINITY, 1.0]).is_some());
    assert_eq!(sum_complaint(0.0, &[]), None);
    assert!(sum_complaint(1e-300, &[]).is_some());
    // What cancels is judged by what cancelled.
    assert_eq!(sum_complaint(1e-3, &[1e10, -1e10]), None);
}
