//! Limits and requests of batches: warm as cold, and nothing that hangs.

use super::error_text;
use dmci::{
    Bindings, Error, Input, Interpreter, Kind, Lanes, Limits, Mode, Model, OnError, Stats,
    Workspace, Wrt,
};
use std::time::{Duration, Instant};

fn model(source: &str, names: &[&str]) -> Model {
    let inputs: Bindings = names.iter().map(|name| (*name, 0.0)).collect();
    let model = Interpreter::embedded().model_for(source, &inputs, Mode::Interpreter);
    model.unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn run(
    model: &Model,
    shared: &Bindings,
    columns: &[(&str, &[f64])],
    wrt: &[&str],
    limits: &Limits,
) -> Result<Lanes, Error> {
    let workspace = &mut Workspace::new();
    model.value_and_grad_lanes(shared, columns, wrt, OnError::Collect, limits, workspace)
}

/// What it takes to run a model at some `n`.
fn stats(source: &str, n: f64) -> Result<Stats, Error> {
    let inputs = Bindings::from([("n", n), ("x", 0.5)]);
    let (model, workspace) = (model(source, &["n", "x"]), &mut Workspace::new());
    let evaluation = model.evaluate(&inputs, Wrt::Nothing, &Limits::default(), workspace)?;
    Ok(evaluation.stats)
}

#[test]
fn a_warm_batch_obeys_the_limits_of_a_cold_one() -> Result<(), Error> {
    let usual = Limits::default();
    let depth = |depth: u64| usual.depth(depth as usize);
    let heap = usual.heap_bytes(8 << 20);
    let deep = "(define (f i) (if (< i n) (* 1.01 (f (+ i 1))) x)) (f 0)";
    let large = "(define (grow i l) (if (< i n) (grow (+ i 1) (cons (* i x) l)) l))
        (fold-left + 0 (grow 0 '()))";
    let small = [0.0, 10.0, 20.0, 60.0, 30.0, 100.0, 10.0, 60.0];
    let big = [0.0, 10.0, 200_000.0, 3.0, 20_000.0, 0.0, 10.0, 200_000.0];
    let high = stats(deep, 60.0)?;
    // As much as the second largest takes, and one less.
    for (source, limits, said, ns, failing) in [
        (deep, depth(high.depth), "too deep", small, 1),
        (deep, depth(high.depth - 1), "too deep", small, 3),
        (large, heap, "out of heap", big, 2),
    ] {
        let names = ["n", "x"];
        let warm = model(source, &names);
        let xs = [0.5; 8];
        let columns = [("n", ns.as_slice()), ("x", xs.as_slice())];
        let whole = run(&warm, &Bindings::new(), &columns, &names, &usual)?;
        assert!(whole.values.iter().all(Result::is_ok), "{source}");
        for _ in 0..2 {
            let found = run(&warm, &Bindings::new(), &columns, &names, &limits)?;
            let cold = run(
                &model(source, &names),
                &Bindings::new(),
                &columns,
                &names,
                &limits,
            )?;
            let mut failed = 0;
            for (lane, n) in ns.into_iter().enumerate() {
                let inputs = Bindings::from([("n", n), ("x", 0.5)]);
                let (fresh, workspace) = (model(source, &names), &mut Workspace::new());
                let alone = fresh.evaluate(&inputs, Wrt::Names(&names), &limits, workspace);
                match (&found.values[lane], &cold.values[lane], alone) {
                    (Ok(warm), Ok(cold), Ok(alone)) => {
                        assert_eq!([warm, cold], [&alone.value; 2], "{source}, {n}");
                    }
                    (Err(warm), Err(cold), Err(alone)) => {
                        failed += 1;
                        assert!(alone.to_string().contains(said), "{source}, {n}: {alone}");
                        let alone = error_text(&alone);
                        assert_eq!([error_text(warm), error_text(cold)], [&*alone; 2], "{n}");
                    }
                    (warm, cold, alone) => {
                        panic!("{source}, {n}: warm {warm:?}, cold {cold:?}, alone {alone:?}")
                    }
                }
            }
            assert_eq!(failed, failing, "{source}: so many lanes fail");
        }
        // Nothing is forgotten by what was refused.
        let again = run(&warm, &Bindings::new(), &columns, &names, &usual)?;
        assert!(again.values.iter().all(Result::is_ok), "{source}");
    }
    Ok(())
}

/// Whether a deadline was met: as the error of the whole, or of some lanes.
fn met_deadline(found: Result<Lanes, Error>) -> bool {
    let is_late =
        |error: &Error| error.kind() == Kind::Resource && error.to_string().contains("out of time");
    match found {
        Err(error) => is_late(&error),
        Ok(lanes) => lanes
            .values
            .iter()
            .filter_map(|value| value.as_ref().err())
            .any(is_late),
    }
}

#[test]
fn a_deadline_is_an_error_and_no_hang() -> Result<(), Error> {
    let source = "(let go ((i 0) (s x)) (if (= i 3000) s (go (+ i 1) (sin (* s 1.01)))))";
    let xs: Vec<f64> = (0..65_536).map(f64::from).collect();
    let columns = [("x", xs.as_slice())];
    let model = model(source, &["x"]);
    for run_of in ["cold", "warm"] {
        let began = Instant::now();
        for wait in [0, 50] {
            let limits = Limits::default().deadline(Instant::now() + Duration::from_millis(wait));
            let found = run(&model, &Bindings::new(), &columns, &["x"], &limits);
            assert!(met_deadline(found), "{run_of}, {wait} ms");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{run_of}");
        run(
            &model,
            &Bindings::new(),
            &[("x", &[0.5, 1.5])],
            &["x"],
            &Limits::default(),
        )?;
    }
    Ok(())
}

#[test]
fn no_lanes_have_no_values_and_sums_of_0() -> Result<(), Error> {
    let list = Input::List(vec![1.0; 100_000]);
    let mut shared = Bindings::from([("xs", list)]);
    shared.set("a", 2.0);
    let columns: [(&str, &[f64]); 2] = [("x", &[]), ("n", &[])];
    // What takes for ever on a lane takes no time on none.
    let source = "(define (spin i) (spin (+ i 1))) (if (> x 0) (spin 0) (* a n (apply + xs)))";
    let mut all = shared.clone();
    all.set("x", 0.0).set("n", 0.0);
    let model = Interpreter::embedded().model_for(source, &all, Mode::Interpreter)?;
    let huge = Limits::new()
        .fuel(u64::MAX)
        .heap_bytes(usize::MAX)
        .depth(usize::MAX);
    for _ in 0..2 {
        let wrt = ["x", "a", "xs", "n"];
        let found = run(&model, &shared, &columns, &wrt, &huge)?;
        assert!(found.values.is_empty());
        assert_eq!(found.shared, [("a".to_owned(), 0.0)]);
        assert_eq!(found.shared_lists, [("xs".to_owned(), vec![0.0; 100_000])]);
        let nothing = |name: &str| (name.to_owned(), Vec::new());
        assert_eq!(found.per_lane, [nothing("x"), nothing("n")]);
        // Without columns there are no lanes.
        let found = run(&model, &all, &[], &["a"], &huge)?;
        assert!(found.values.is_empty() && found.per_lane.is_empty());
        assert_eq!(found.shared, [("a".to_owned(), 0.0)]);
    }
    Ok(())
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let model = model("(+ x y z)", &["x", "y", "z"]);
    let (two, three): (&[f64], &[f64]) = (&[1.0, 2.0], &[1.0, 2.0, 3.0]);
    for columns in [
        [("x", two), ("y", two), ("z", three)],
        [("x", three), ("y", two), ("z", three)],
        [("x", &[]), ("y", &[]), ("z", three)],
        [("x", two), ("y", &[]), ("z", &[])],
    ] {
        let found = run(
            &model,
            &Bindings::new(),
            &columns,
            &["x"],
            &Limits::default(),
        );
        let error = found.map(|_| ()).expect_err("lengths differ");
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(error.to_string().contains("lane input"), "{error}");
    }
}

#[test]
fn requests_that_name_nothing_are_refused_whatever_lanes_do() {
    let model = model("(if (> x 0) (* x 2.5) (car x))", &["x"]);
    let columns = [("x", [1.0, -1.0].as_slice())];
    for wrt in ["w", "@1:1", "@9:9"] {
        let found = run(
            &model,
            &Bindings::new(),
            &columns,
            &[wrt],
            &Limits::default(),
        );
        assert!(matches!(found, Err(Error::Request(_))), "{wrt}");
    }
    let found = run(
        &model,
        &Bindings::new(),
        &[("y", &[1.0])],
        &[],
        &Limits::default(),
    );
    assert!(matches!(found, Err(Error::Request(_))), "x is not given");
}

#[test]
fn lane_names_may_be_unused_or_shared_too() -> Result<(), Error> {
    let model = model("(* x 2)", &["x", "unused"]);
    let shared = Bindings::from([("x", 7.0), ("other", 1.0)]);
    let columns: [(&str, &[f64]); 3] = [
        ("unused", &[1.0, 2.0]),
        ("x", &[3.0, 4.0]),
        ("foreign", &[5.0, 6.0]),
    ];
    let wrt = ["unused", "x", "foreign", "other"];
    for _ in 0..2 {
        let found = run(&model, &shared, &columns, &wrt, &Limits::default())?;
        let values = found
            .values
            .iter()
            .map(|value| value.as_ref().ok()?.number());
        assert_eq!(values.collect::<Vec<_>>(), [Some(6.0), Some(8.0)]);
        let column = |name: &str, by: f64| (name.to_owned(), vec![Some(by); 2]);
        let expected = [
            column("unused", 0.0),
            column("x", 2.0),
            column("foreign", 0.0),
        ];
        assert_eq!(found.per_lane, expected);
        assert_eq!(found.shared, [("other".to_owned(), 0.0)]);
    }
    Ok(())
}
