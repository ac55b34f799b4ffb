//! Many paths in one batch: each is walked once, those beyond what a model keeps are right too, and a
//! lane that fails leaves all others as they are.
//!
//! **Invariants**
//! - A model keeps a path for each walk that succeeds, so as long as all are kept their number is that
//!   of the walks.

use super::{Lanes, error_text, pool, same_derivative, same_value, sum_complaint};
use crate::random::{Random, base_seed};
use dmci::{
    Bindings, Error, Evaluation, Interpreter, Kind, Limits, Mode, Model, OnError, Workspace, Wrt,
};

const LANES: usize = 8192;

/// How many paths a model keeps.
const KEPT: usize = 256;

/// A list of as many numbers as there are whole numbers from 0 below `x`: a path for each length,
/// because lists of two lengths are nothing that a select could join.
const GROWING: &str = "(define (grow i) (if (< i x) (cons (* i x) (grow (+ i 1))) '()))
(* a (fold-left + 0 (grow 0)))";

/// The same numbers summed in a loop, whose last trips a select may join.
const LOOPING: &str = "(* a (let go ((i 0) (s 0)) (if (< i x) (go (+ i 1) (+ s (* i x))) s)))";

/// The value of both, and the derivative of it by `x`; 2 is the value of `a`.
fn summed(x: f64) -> [f64; 2] {
    let (mut sum, mut slope, mut i) = (0.0, 0.0, 0.0);
    while i < x {
        sum += i * x;
        slope += i;
        i += 1.0;
    }
    [2.0 * sum, 2.0 * slope]
}

/// A path for each place: an index is a guard.
const INDEXED: &str = "(define table (iota 400 0.5)) (* a x (list-ref table (floor x)))";

fn indexed(x: f64) -> [f64; 2] {
    let item = 0.5 + x.floor();
    [2.0 * x * item, 2.0 * item]
}

fn model(source: &str) -> Model {
    let inputs = Bindings::from([("x", 0.0), ("a", 0.0)]);
    let model = Interpreter::embedded().model_for(source, &inputs, Mode::Interpreter);
    model.expect("well formed")
}

fn run(model: &Model, xs: &[f64]) -> Lanes {
    let shared = Bindings::from([("a", 2.0)]);
    let (limits, workspace) = (Limits::default(), &mut Workspace::new());
    let (columns, wrt) = ([("x", xs)], ["x", "a"]);
    let lanes =
        model.value_and_grad_lanes(&shared, &columns, &wrt, OnError::Stop, &limits, workspace);
    lanes.expect("no lane fails")
}

fn alone(model: &Model, x: f64) -> Evaluation {
    let inputs = Bindings::from([("a", 2.0), ("x", x)]);
    let (limits, workspace) = (Limits::default(), &mut Workspace::new());
    let evaluation = model.evaluate(&inputs, Wrt::Names(&["x", "a"]), &limits, workspace);
    evaluation.expect("it does not fail")
}

fn check(source: &str, xs: &[f64], lanes: &Lanes, expected: fn(f64) -> [f64; 2]) {
    assert_eq!(lanes.values.len(), xs.len());
    let mut by_a = Vec::new();
    for (lane, &x) in xs.iter().enumerate() {
        let [value, slope] = expected(x);
        let found = lanes.values[lane].as_ref().expect("no lane fails").number();
        assert_eq!(found, Some(value), "{source}, lane {lane}, at {x}");
        let found = lanes.per_lane[0].1[lane];
        assert_eq!(found, Some(slope), "{source}, lane {lane}, at {x}: d/dx");
        by_a.push(value / 2.0);
    }
    assert_eq!(sum_complaint(lanes.shared[0].1, &by_a), None, "{source}");
}

/// Numbers such that each whole number below `count` is the rounded one of some lane: in order,
/// backwards, or shuffled. They are multiples of 1/64, so that sums of them are exact.
fn numbers(count: usize, order: usize, up: bool) -> Vec<f64> {
    let mut random = Random::new(base_seed());
    let mut xs: Vec<f64> = (0..LANES)
        .map(|lane| {
            let fraction = random.below(63) as f64 / 64.0;
            let whole = (lane % count) as f64;
            if up {
                whole + fraction
            } else {
                whole - fraction
            }
        })
        .collect();
    match order {
        0 => {}
        1 => xs.reverse(),
        _ => random.shuffle(&mut xs),
    }
    xs
}

#[test]
fn each_path_is_walked_once() {
    for (threads, source, expected, exactly) in [
        (2, GROWING, summed as fn(f64) -> [f64; 2], true),
        (1, LOOPING, summed, false),
        (1, INDEXED, indexed, true),
        (2, INDEXED, indexed, true),
    ] {
        let model = model(source);
        let xs = numbers(200, 2, source == INDEXED);
        let cold = pool(threads).install(|| run(&model, &xs));
        check(source, &xs, &cold, expected);
        // All are known now, and so the batch has walked no more than there are.
        for &x in &xs[..1000] {
            let stats = alone(&model, x).stats;
            assert!(stats.replayed, "{source}: nothing was kept for {x}");
            let paths = stats.paths;
            let right = if exactly { paths == 200 } else { paths <= 200 };
            assert!(right, "{source}, {threads} threads: {paths} paths");
        }
        let paths = alone(&model, xs[0]).stats.paths;
        assert_eq!(cold.walks, paths, "{source}: one walk a path");
        let warm = pool(threads).install(|| run(&model, &xs));
        assert_eq!(warm.walks, 0, "{source}: all paths are known");
        check(source, &xs, &warm, expected);
        assert_eq!(alone(&model, xs[0]).stats.paths, paths, "{source}");
    }
}

#[test]
fn paths_beyond_those_kept_are_right() {
    for order in [0, 1, 2] {
        let model = model(INDEXED);
        let xs = numbers(400, order, true);
        for _ in 0..2 {
            check(INDEXED, &xs, &run(&model, &xs), indexed);
            let paths = alone(&model, xs[0]).stats.paths;
            assert!(paths as usize <= KEPT, "{paths} paths");
        }
        let replayed = (0..400).filter(|&k| alone(&model, f64::from(k)).stats.replayed);
        assert_eq!(replayed.count(), KEPT, "the first paths are kept");
    }
    let model = model(GROWING);
    let xs: Vec<f64> = numbers(400, 2, false);
    let xs = &xs[..1024];
    check(GROWING, xs, &run(&model, xs), summed);
}

#[test]
fn a_model_keeps_as_many_paths_as_it_is_told() {
    for most in [0, 1, 3] {
        let model = model(INDEXED);
        model.keep_paths(most);
        let xs = numbers(20, 2, true);
        for _ in 0..2 {
            check(INDEXED, &xs, &run(&model, &xs), indexed);
        }
        assert_eq!(model.path_totals().paths, most);
    }
}

// ---- lanes that fail ---------------------------------------------------------------------------

/// Fails in three ways, and says at which `x`.
const FAILING: &str = "(define (spin i) (+ 1 (spin i)))
(cond ((= k 1) (error \"refused:\" x))
      ((= k 2) (* a (car x)))
      ((= k 3) (spin x))
      ((> x 0) (* a (log x)))
      (else (* a x)))";

const LITTLE: Limits = Limits::new().heap_bytes(1 << 30).depth(300);

fn run_failing(xs: &[f64], ks: &[f64], on_error: OnError, model: &Model) -> Result<Lanes, Error> {
    let (shared, columns) = (Bindings::from([("a", 2.0)]), [("x", xs), ("k", ks)]);
    let (wrt, workspace) = (["x", "a", "k"], &mut Workspace::new());
    model.value_and_grad_lanes(&shared, &columns, &wrt, on_error, &LITTLE, workspace)
}

fn failing_model() -> Model {
    let inputs = Bindings::from([("x", 0.0), ("k", 0.0), ("a", 0.0)]);
    let model = Interpreter::embedded().model_for(FAILING, &inputs, Mode::Interpreter);
    model.expect("well formed")
}

#[test]
fn a_lane_that_fails_leaves_the_others_as_they_are() -> Result<(), Error> {
    let count = 1000;
    let mut random = Random::new(base_seed());
    let xs: Vec<f64> = (0..count).map(|_| random.between(-3.0, 3.0)).collect();
    let whole = run_failing(&xs, &vec![0.0; count], OnError::Stop, &failing_model())?;
    let kinds = [Kind::User, Kind::Type, Kind::Resource];
    for failing in [
        vec![(0, 1), (999, 2), (500, 3)],
        vec![(63, 3), (64, 2), (65, 1), (127, 1), (128, 2)],
        vec![(998, 2)],
        (0..64).map(|lane| (lane, 1 + lane % 3)).collect(),
        (0..count)
            .filter(|l| l % 7 > 0)
            .map(|l| (l, 1 + l % 3))
            .collect(),
    ] {
        let mut ks = vec![0.0; count];
        for &(lane, k) in &failing {
            ks[lane] = k as f64;
        }
        let model = failing_model();
        for run in ["cold", "warm"] {
            let found = run_failing(&xs, &ks, OnError::Collect, &model)?;
            let mut by_a = Vec::new();
            for (lane, &k) in ks.iter().enumerate() {
                let by_x = found.per_lane[0].1[lane];
                match (&found.values[lane], k as usize) {
                    (Ok(value), 0) => {
                        let expected = whole.values[lane].as_ref().expect("none fails there");
                        assert!(same_value(value, expected), "{run}, lane {lane}");
                        let expected = whole.per_lane[0].1[lane];
                        let same = by_x
                            .zip(expected)
                            .is_some_and(|(a, b)| same_derivative(a, b));
                        assert!(same, "{run}, lane {lane}: {by_x:?}, not {expected:?}");
                        by_a.push(value.number().expect("a number") / 2.0);
                    }
                    (Err(error), k @ 1..=3) => {
                        assert_eq!(error.kind(), kinds[k - 1], "{run}, lane {lane}");
                        let line = error.position(FAILING).map(|position| position.line);
                        // What is too deep is nowhere in particular.
                        let expected = [Some(2), Some(3), None][k - 1];
                        assert_eq!(line, expected, "{run}: {error}");
                        let said = error.to_string();
                        let own = k != 1 || said == format!("refused: {:?}", xs[lane]);
                        assert!(own, "{run}, lane {lane} at {}: {said}", xs[lane]);
                        assert_eq!([by_x, found.per_lane[1].1[lane]], [None; 2]);
                    }
                    (found, _) => panic!("{run}, lane {lane}, k {k}: {found:?}"),
                }
            }
            assert_eq!(sum_complaint(found.shared[0].1, &by_a), None, "{run}");
            // The first in the order of lanes, though others may be met before.
            let (first, _) = *failing.iter().min().expect("some fail");
            let stopped = run_failing(&xs, &ks, OnError::Stop, &model).map(|_| ());
            let stopped = stopped.expect_err("lanes fail");
            let expected = found.values[first].as_ref().expect_err("it fails");
            assert_eq!(error_text(&stopped), error_text(expected), "{run}");
        }
    }
    Ok(())
}

#[test]
fn all_lanes_may_fail() -> Result<(), Error> {
    let (xs, ks) = ([1.0; 100], [1.0; 100]);
    let found = run_failing(&xs, &ks, OnError::Collect, &failing_model())?;
    assert!(found.values.iter().all(Result::is_err));
    assert_eq!(found.shared, [("a".to_owned(), 0.0)]);
    assert!(
        found
            .per_lane
            .iter()
            .all(|(_, column)| *column == [None; 100])
    );
    Ok(())
}
