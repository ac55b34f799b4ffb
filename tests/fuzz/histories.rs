//! A warm model is a cold one: whatever was evaluated before, value, error and what it took are the same.
//!
//! Seeds go in; each makes a program and a history of evaluations of one model, within several limits,
//! alone and over lanes. Every answer is held against that of a model which has seen nothing.
//!
//! As of the other targets, `DMCI_FUZZ` runs so many, `DMCI_FUZZ_SECONDS` as many as there is time for, and
//! `DMCI_SEED` says from which seed on. A failure names its seed.
//!
//! **Invariants**
//! - Nothing depends on time: no history has a deadline but one that is past, or far off.
//! - All is compared to the bit but second derivatives: a path has its arms in the order in which the walk
//!   that recorded it came by them, and in that order the terms of a second derivative are added up.

use crate::generate::{INPUTS, generate, smooth_inputs, special_inputs, steep_inputs};
use crate::random::{Random, base_seed};
use crate::{number_from, watch};
use dmci::{
    Bindings, Error, Evaluation, Evaluator, Input, Interpreter, Lane, LaneMut, Limits, Mode, Model,
    OnError, Relaxation, Workspace, Wrt,
};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How many histories run unless the environment says otherwise.
const USUAL: u64 = 60;

/// Programs that steer by their inputs in ways that paths have to tell apart.
const TEMPLATES: [&str; 16] = [
    // Arms that come to procedures, numbers or too much, by how far the loop is.
    "(let go ((i 0) (s x)) (if (>= i 8) sqrt (go (+ i x) (if (> s y) (* s z) (+ s x)))))",
    "(let go ((i 0) (s x)) (if (>= i 6) (list s) (go (+ i (abs z) 0.3) (if (> s y) (* s z) (+ s x)))))",
    "(let go ((i 0) (s x)) (if (> i 20) s (go (+ i 1) (if (> s y) (- s (abs z)) (if (< s z) (+ s 1) (list-ref (list s x) (if (> x 0) 1 0)))))))",
    // Arms of different costs.
    "(let go ((i 0) (s 0.0)) (if (= i 30) s (go (+ i 1) (+ s (if (> x 0) x (sin (cos (sin (cos x)))))))))",
    "(let go ((i 0) (s y)) (if (= i 12) s (go (+ i 1) (if (> s x) (if (> s z) (- s 1) (exp (- (sin s)))) (+ s (* x x) (* z z) 0.1)))))",
    "(+ (if (> x 0) (length '(1 2 3 4)) 7) (if (> y x) (apply + (list x y z)) (if (< z 0) (* z (+ z 1)) z)))",
    "(define (f n) (if (< n 1) x (+ 1 (f (- n 1))))) (+ (if (> y 0) (f 3) (f 6)) z)",
    // Structure by numbers.
    "(define n (exact (floor (min 6 (abs x))))) (define l (iota n)) (map (lambda (i) (if (> y i) (* y i) z)) l)",
    "(list-ref (list x y z (* x y)) (exact (floor (min 5 (abs z)))))",
    "(let loop ((n (exact (round (min 9 (abs x))))) (acc '())) (if (= n 0) (apply + (cons 0 acc)) (loop (- n 1) (cons (if (> (* n y) z) y (* n z)) acc))))",
    "(if (> x 0) (if (> y 0) (list x y) (list y)) (if (> z 0) (vec x y z) z))",
    "(define (g a b d) (if (= d 0) (if (> a b) (list a) b) (if (> a b) (g b (+ a d) (- d 1)) (g (* a 1.5) b (- d 1))))) (g x y 4)",
    // Failures, and what does not end.
    "(if (< x 0) (error \"below\" x) (if (> y 1) (car x) (sqrt x)))",
    "(let go ((i 0)) (if (> i (* 100 (abs x))) (if (> y 0) i z) (go (+ i 1))))",
    // Noise, and blends.
    "(+ (soft-if x y (* x z) (if (> y 0) z 1)) (soft-choice (x y z) (list z y x)))",
    "(define (h k s) (if (> k 2) s (h (+ k 1) (+ s (if (> s x) (soft-if s y 1 2) (* z (if (> z y) s 3))))))) (h 0 x)",
];

/// What one evaluation is asked.
#[derive(Clone, Debug)]
enum Ask {
    Evaluate(usize, Limits),
    Gradient(usize, Limits),
    Hessian(usize, Limits),
    Lanes(Vec<usize>, bool, bool, Limits),
    Evaluator(Vec<usize>, Limits),
    Vjp(Vec<usize>, Limits),
}

struct History {
    source: String,
    mode: Mode,
    points: Vec<[f64; 3]>,
    relaxations: [Relaxation; 2],
    asks: Vec<(usize, Ask)>,
}

fn history(seed: u64) -> History {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x00c0_ffee);
    let source = if random.percent(70) {
        TEMPLATES[random.below(TEMPLATES.len())].to_owned()
    } else {
        generate(seed, 8 + random.below(60)).source
    };
    let mode = if random.percent(60) {
        Mode::Direct
    } else {
        Mode::Interpreter
    };
    let count = 3 + random.below(10);
    let points = (0..count).map(|_| match random.below(4) {
        0 => steep_inputs(&mut random),
        1 => special_inputs(&mut random),
        2 => smooth_inputs(&mut random),
        _ => [0; 3].map(|_| (random.between(-3.0, 3.0) * 500.0).round() / 500.0),
    });
    let points: Vec<[f64; 3]> = points.collect();
    let relaxations = [
        Relaxation::default().temperature(random.between(0.2, 2.0)),
        Relaxation::default()
            .temperature(random.between(0.2, 2.0))
            .gumbel_seed(random.below(9) as u64),
    ];
    let asks = (0..3 + random.below(23)).map(|_| {
        let limits = Limits::new().fuel(match random.below(4) {
            0 => random.below(60) as u64,
            1 => random.below(1500) as u64,
            _ => 20_000,
        });
        let limits = if random.percent(10) {
            limits.depth(1 + random.below(40))
        } else {
            limits
        };
        let point = random.below(count);
        let several = |random: &mut Random| {
            let most = if random.percent(20) { 70 } else { 9 };
            let lanes = 1 + random.below(most);
            (0..lanes).map(|_| random.below(count)).collect::<Vec<_>>()
        };
        let ask = match random.below(10) {
            0..=2 => Ask::Evaluate(point, limits),
            3..=4 => Ask::Gradient(point, limits),
            5 => Ask::Hessian(point, limits),
            6..=7 => {
                let (grad, stop) = (random.percent(40), random.percent(30));
                Ask::Lanes(several(&mut random), grad, stop, limits)
            }
            8 => Ask::Evaluator(several(&mut random), limits),
            _ => Ask::Vjp(several(&mut random), limits),
        };
        (usize::from(random.percent(20)), ask)
    });
    let asks = asks.collect();
    History {
        source,
        mode,
        points,
        relaxations,
        asks,
    }
}

fn bindings(point: [f64; 3]) -> Bindings {
    INPUTS.into_iter().zip(point).collect()
}

fn bits(x: f64) -> String {
    if x.is_nan() {
        "nan".into()
    } else {
        format!("{x:?}/{:x}", x.to_bits())
    }
}

fn told(error: &Error) -> String {
    format!("error {:?} {error} at {:?}", error.kind(), error.span())
}

/// All of an evaluation that is no history.
fn answer(result: Result<Evaluation, Error>) -> String {
    match result {
        Err(error) => match &error {
            Error::Eval(eval) => {
                let s = &eval.stats;
                format!("{} {:?}", told(&error), (s.applications, s.fuel, s.depth))
            }
            _ => told(&error),
        },
        Ok(evaluation) => {
            let s = &evaluation.stats;
            let mut text = evaluation.value.to_json();
            for (name, row) in ["x", "y", "z"].map(|n| (n, evaluation.gradient.jacobian(n))) {
                let row = row.unwrap_or(&[]).iter().map(|&x| bits(x));
                write!(text, " {name}:{:?}", row.collect::<Vec<_>>()).expect("a string");
            }
            let taken = (s.applications, s.fuel, s.depth, s.operations, s.guards);
            format!("{text} {taken:?} {:?}", (s.forks_joined, s.forks_given_up))
        }
    }
}

/// Whether second derivatives are the same but for the rounding of their terms.
fn are_near(found: &[f64], expected: &[f64]) -> bool {
    let finite = expected.iter().filter(|x| x.is_finite());
    let largest = finite.fold(0.0_f64, |most, x| most.max(x.abs()));
    let is_near = |(a, b): (&f64, &f64)| bits(*a) == bits(*b) || (a - b).abs() <= 1e-12 * largest;
    found.len() == expected.len() && found.iter().zip(expected).all(is_near)
}

/// What a model answers, all of it that is no history; second derivatives apart.
fn ask(
    model: &Model,
    ask: &Ask,
    points: &[[f64; 3]],
    workspace: &mut Workspace,
    second: &mut Vec<f64>,
) -> String {
    let column = |lanes: &[usize], at: usize| -> Vec<f64> {
        lanes.iter().map(|&lane| points[lane][at]).collect()
    };
    match ask {
        Ask::Evaluate(point, limits) => {
            let given = bindings(points[*point]);
            answer(model.evaluate(&given, Wrt::Nothing, limits, workspace))
        }
        Ask::Gradient(point, limits) => {
            let given = bindings(points[*point]);
            answer(model.evaluate(&given, Wrt::Names(&INPUTS), limits, workspace))
        }
        Ask::Hessian(point, limits) => {
            let given = bindings(points[*point]);
            match model.hessian_within(&given, Wrt::Names(&["x", "z"]), limits, workspace) {
                Err(error) => told(&error),
                Ok(hessian) => {
                    second.extend(hessian.matrix());
                    bits(hessian.value())
                }
            }
        }
        Ask::Lanes(lanes, gradient, stop, limits) => {
            let [x, z] = [0, 2].map(|at| column(lanes, at));
            let shared = Bindings::from([("y", points[lanes[0]][1])]);
            let wrt: &[&str] = if *gradient { &["x", "y"] } else { &[] };
            let on_error = if *stop {
                OnError::Stop
            } else {
                OnError::Collect
            };
            let columns = [("x", x.as_slice()), ("z", z.as_slice())];
            match model.value_and_grad_lanes(&shared, &columns, wrt, on_error, limits, workspace) {
                Err(error) => told(&error),
                Ok(lanes) => {
                    let values = lanes.values.iter().map(|value| match value {
                        Ok(output) => output.to_json(),
                        Err(error) => told(error),
                    });
                    let mut text = values.collect::<Vec<_>>().join("; ");
                    for (name, sum) in &lanes.shared {
                        write!(text, " {name}:{}", bits(*sum)).expect("a string");
                    }
                    let s = &lanes.stats;
                    write!(text, " {:?}", (s.applications, s.fuel, s.depth)).expect("a string");
                    for (name, column) in &lanes.per_lane {
                        let column = column.iter().map(|x| x.map(bits));
                        let column = column.collect::<Vec<_>>();
                        write!(text, " {name}:{column:?}").expect("a string");
                    }
                    text
                }
            }
        }
        Ask::Evaluator(lanes, limits) => {
            let mut evaluator = match evaluator(model, limits) {
                Ok(evaluator) => evaluator,
                Err(error) => return told(&error),
            };
            let mut text = String::new();
            for &lane in lanes {
                let mut gradient = [0.0; 3];
                match evaluator.value_and_grad(&points[lane], &mut gradient) {
                    Err(error) => text += &told(&error),
                    Ok(value) => {
                        write!(text, "{} {:?}", bits(value), gradient.map(bits)).expect("a string");
                    }
                }
                text.push(';');
            }
            let columns = [0, 1, 2].map(|at| column(lanes, at));
            let inputs = columns.each_ref().map(|column| Lane::Each(column));
            let mut sums = [0.0; 3];
            match evaluator.sum(&inputs, &mut sums) {
                Err(error) => text += &told(&error),
                Ok(value) => {
                    write!(text, "{} {:?}", bits(value), sums.map(bits)).expect("a string");
                }
            }
            text
        }
        Ask::Vjp(lanes, limits) => {
            let mut evaluator = match evaluator(model, limits) {
                Ok(evaluator) => evaluator,
                Err(error) => return told(&error),
            };
            let columns = [0, 1, 2].map(|at| column(lanes, at));
            let inputs = columns.each_ref().map(|column| Lane::Each(column));
            let (mut by_x, mut rest) = (vec![0.0; lanes.len()], [0.0; 2]);
            let mut grads = [LaneMut::Each(&mut by_x), LaneMut::Sums(&mut rest)];
            match evaluator.vjp(&inputs, &[Lane::Shared(1.0)], &mut grads) {
                Err(error) => told(&error),
                Ok(failed) => {
                    let failed = failed
                        .iter()
                        .map(|f| format!("{}: {}", f.lane, told(&f.error)));
                    let failed = failed.collect::<Vec<_>>();
                    let by_x = by_x.iter().map(|&x| bits(x)).collect::<Vec<_>>();
                    format!("{failed:?} {by_x:?} {:?}", rest.map(bits))
                }
            }
        }
    }
}

fn evaluator(model: &Model, limits: &Limits) -> Result<Evaluator, Error> {
    model.evaluator(&Bindings::new(), &INPUTS, &INPUTS, limits)
}

/// Runs a history; what went wrong, if anything did.
fn run(interpreter: &Interpreter, seed: u64) -> Result<usize, String> {
    let History {
        source,
        mode,
        points,
        relaxations,
        asks,
    } = history(seed);
    let new = || interpreter.model_for(&source, &bindings([0.0; 3]), mode);
    let warm = new().map_err(|error| format!("not well formed: {error}\n{source}"))?;
    let (mut workspace, count) = (Workspace::new(), asks.len());
    for (index, (relaxation, asked)) in asks.iter().enumerate() {
        let relaxed = |model: &Model| model.with_relaxation(relaxations[*relaxation]);
        let cold = new().and_then(|model| relaxed(&model));
        let [cold, warm] = [cold, relaxed(&warm)].map(|model| model.expect("it was made before"));
        let [mut second, mut seconds] = [Vec::new(), Vec::new()];
        let expected = ask(&cold, asked, &points, &mut Workspace::new(), &mut second);
        let found = ask(&warm, asked, &points, &mut workspace, &mut seconds);
        if found != expected || !are_near(&seconds, &second) {
            return Err(format!(
                "DMCI_SEED={seed} DMCI_FUZZ=1, histories: {mode:?}, evaluation {index} of {count}:\n{source}\n\
                 {asked:?}\npoints {points:?}\nwarm: {found} {seconds:?}\ncold: {expected} {second:?}"
            ));
        }
    }
    Ok(count)
}

#[test]
fn what_was_evaluated_before_changes_nothing() {
    let interpreter = &Interpreter::embedded();
    let seconds = number_from("DMCI_FUZZ_SECONDS");
    let usual = if seconds.is_some() { u64::MAX } else { USUAL };
    let count = number_from("DMCI_FUZZ").unwrap_or(usual);
    let (first, began) = (base_seed(), Instant::now());
    let now = watch("histories", began);
    let (mut done, mut evaluations) = (0, 0);
    for seed in first..first.saturating_add(count) {
        if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
            break;
        }
        now[0].store(seed, Ordering::Relaxed);
        now[1].store(began.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
        match run(interpreter, seed) {
            Ok(count) => evaluations += count,
            Err(complaint) => panic!("{complaint}"),
        }
        now[1].store(0, Ordering::Relaxed);
        done += 1;
    }
    now[2].store(1, Ordering::Relaxed);
    println!(
        "histories: {done} of {evaluations} evaluations from seed {first} in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(evaluations > 0 || done == 0);
}

// ---- histories that went wrong once ----------------------------------------------------------

#[test]
fn seeds_that_went_wrong_once_are_right() {
    for seed in [
        // An entry of the Hessian had another last bit where the path was recorded from another point.
        777_000_272,
        // A limit of depth that an arm not taken did not keep: a walk joined other arms.
        131_313_000_415,
        // Lanes that were run again, in order, for want of fuel: the first had no number, and the sum was 0.
        131_313_001_029,
        // A known path said of a later lane that it had no number, though the first left it no fuel.
        131_313_002_547,
        // With noise, a root took more fuel in a program that draws none.
        515_151_000_187,
    ] {
        if let Err(complaint) = run(&Interpreter::embedded(), seed) {
            panic!("{complaint}");
        }
    }
}

#[test]
fn looking_for_a_path_ends() {
    // How far the untaken arms of the loop came once closed the inner `if` or not, and no guard said so.
    let text =
        "(let go ((i 0) (s x)) (if (>= i 8) sqrt (go (+ i x) (if (> s b) (* s a) (+ s x)))))";
    let model = Interpreter::embedded();
    let model = model.model_for(
        text,
        &Bindings::from([("a", 0.5), ("b", 0.4), ("x", 0.0)]),
        Mode::Direct,
    );
    let model = model.expect("a program");
    let mut workspace = Workspace::new();
    for x in [
        0.057_999_999_999_999_83,
        2.544_000_000_000_000_5,
        0.677_999_999_999_999_9,
    ] {
        let inputs = Bindings::from([("a", 0.5), ("b", 0.4), ("x", x)]);
        let value = model.value(&inputs, &mut workspace).expect("a procedure");
        assert!(value.number().is_none());
    }
}

#[test]
fn a_path_costs_what_its_arms_do() {
    let text = "(let go ((i 0) (s 0.0)) (if (= i 1000) s (go (+ i 1) \
                (+ s (if (> x 0) x (sin (cos (sin (cos (sin (cos (sin (cos x)))))))))))))";
    for mode in [Mode::Direct, Mode::Interpreter] {
        let model = Interpreter::embedded();
        let model = model.model_for(text, &Bindings::from([("x", 0.0)]), mode);
        let model = model.expect("a program");
        let mut workspace = Workspace::new();
        let mut at = |x: f64, fuel: u64| {
            let limits = Limits::new().fuel(fuel);
            model.evaluate(
                &Bindings::from([("x", x)]),
                Wrt::All,
                &limits,
                &mut workspace,
            )
        };
        assert_eq!(at(1.0, 9002).expect("enough").stats.applications, 5002);
        for _ in 0..20 {
            let error = at(-1.0, 9002).expect_err("too little");
            assert_eq!(error.to_string(), "out of fuel: 9002 applications");
            let stats = at(-1.0, 13_002).expect("enough").stats;
            assert_eq!((stats.applications, stats.fuel), (13_002, 13_002));
            let stats = at(1.0, 13_002).expect("enough").stats;
            assert_eq!((stats.applications, stats.replayed), (5002, true));
        }
    }
}

/// A loop that takes two applications a step, and two more.
const STEPS: &str = "(let go ((i 0)) (if (< i n) (go (+ i 1)) i))";

#[test]
fn lanes_draw_on_the_fuel_in_their_order() {
    let columns = [10.0, 1000.0, 5.0, 20.0];
    let interpreter = Interpreter::embedded();
    let new = || {
        let given = Bindings::from([("n", 0.0)]);
        let model = interpreter.model_for(STEPS, &given, Mode::Direct);
        model.expect("a program")
    };
    let at = |model: &Model, n: &[f64], fuel: u64| {
        let (limits, none) = (Limits::new().fuel(fuel), Bindings::new());
        let mut workspace = Workspace::new();
        let lanes = [("n", n)];
        let lanes = model.value_and_grad_lanes(
            &none,
            &lanes,
            &[],
            OnError::Collect,
            &limits,
            &mut workspace,
        );
        lanes.expect("lanes fail alone")
    };
    let took = |n: f64| at(&new(), &[n], 1_000_000).stats.fuel;
    let all: Vec<u64> = columns.iter().map(|&n| took(n)).collect();
    let warm = new();
    for fuel in [
        0,
        all[0] - 1,
        all[0],
        all[0] + all[1] - 1,
        all[0] + all[1] + all[2],
    ] {
        let mut sum = 0;
        let enough = all.iter().take_while(|&&took| {
            sum += took;
            sum <= fuel
        });
        let enough = enough.count();
        for (model, threads) in [(&new(), 1), (&warm, 1), (&new(), 2), (&warm, 2)] {
            let found = at(&model.with_threads(threads), &columns, fuel);
            for (lane, value) in found.values.iter().enumerate() {
                match value {
                    Ok(_) => assert!(lane < enough, "{fuel} {lane}"),
                    Err(error) => {
                        assert!(lane >= enough, "{fuel} {lane}");
                        assert_eq!(
                            error.to_string(),
                            format!("out of fuel: {fuel} applications")
                        );
                    }
                }
            }
            assert!(found.stats.fuel <= fuel + 1, "{fuel}: {:?}", found.stats);
        }
        // The others warm it in another order.
        at(&warm, &[20.0, 5.0, 1000.0, 10.0], 1_000_000);
    }
}

#[test]
fn many_lanes_without_end_take_the_fuel_of_one() {
    let text = "(let go ((i 0)) (go (+ i 1)))";
    let interpreter = Interpreter::embedded();
    let model = interpreter.model_for(text, &Bindings::from([("x", 0.0)]), Mode::Direct);
    let model = model.expect("a program");
    let x: Vec<f64> = (0..3000).map(f64::from).collect();
    let limits = Limits::new().fuel(20_000);
    let columns = [("x", x.as_slice())];
    let none = Bindings::new();
    let lanes = model.value_and_grad_lanes(
        &none,
        &columns,
        &[],
        OnError::Collect,
        &limits,
        &mut Workspace::new(),
    );
    let lanes = lanes.expect("lanes fail alone");
    assert!(lanes.values.iter().all(Result::is_err));
    assert_eq!((lanes.stats.applications, lanes.walks), (20_001, 1));
}

#[test]
fn lanes_that_are_done_are_kept_when_time_runs_out() {
    let text = "(if (> x 0) (* x x) (let go ((i 0)) (go (+ i 1))))";
    let interpreter = Interpreter::embedded();
    let model = interpreter.model_for(text, &Bindings::from([("x", 0.0)]), Mode::Direct);
    let model = model.expect("a program");
    let mut workspace = Workspace::new();
    let (columns, none) = ([1.0, 2.0, -1.0, -2.0, 3.0], Bindings::new());
    let columns = [("x", &columns[..])];
    let mut at = |on_error, limits: &Limits| {
        model.value_and_grad_lanes(&none, &columns, &[], on_error, limits, &mut workspace)
    };
    let limits = Limits::new().timeout(Duration::from_millis(60));
    let lanes = at(OnError::Collect, &limits).expect("lanes fail alone");
    let told = lanes.values.iter().map(|value| match value {
        Ok(value) => value.to_scheme(),
        Err(error) => error.to_string(),
    });
    let late = "out of time: the deadline has passed";
    assert_eq!(told.collect::<Vec<_>>(), ["1.0", "4.0", late, late, "9.0"]);
    assert_eq!(
        at(OnError::Stop, &limits)
            .expect_err("it is late")
            .to_string(),
        late
    );
}

#[test]
fn names_of_no_lanes_are_looked_at() {
    let model = Interpreter::embedded().model("x").expect("a program");
    let (limits, none) = (Limits::new(), Bindings::new());
    let mut workspace = Workspace::new();
    let columns = [("x", &[][..])];
    let mut at = |wrt: &[&str]| {
        let on_error = OnError::Collect;
        model.value_and_grad_lanes(&none, &columns, wrt, on_error, &limits, &mut workspace)
    };
    assert!(at(&["x"]).is_ok());
    assert!(matches!(at(&["zz"]), Err(Error::Request(_))));
}

#[test]
fn derivatives_are_held_against_the_heap() {
    let model = Interpreter::embedded();
    let model = model.model_for(
        "(* v 2.0)",
        &Bindings::from([("v", Input::Vector(vec![]))]),
        Mode::Direct,
    );
    let model = model.expect("a program");
    let given = Bindings::from([("v", Input::Vector(vec![0.5; 3000]))]);
    let limits = Limits::new().heap_bytes(64 << 20);
    let mut workspace = Workspace::new();
    let mut at = |wrt, limits: &Limits| model.evaluate(&given, wrt, limits, &mut workspace);
    let told = "out of heap: the derivatives of 3000 numbers by 3000 take ";
    for _ in 0..12 {
        let error = at(Wrt::All, &limits).expect_err("144 MB");
        assert!(error.to_string().starts_with(told), "{error}");
        assert_eq!(error.kind(), dmci::Kind::Resource);
        assert_eq!(
            at(Wrt::Nothing, &limits)
                .expect("a vector")
                .value
                .numbers()
                .count(),
            3000
        );
    }
    let limits = Limits::new().heap_bytes(256 << 20);
    assert_eq!(
        at(Wrt::All, &limits)
            .expect("enough")
            .gradient
            .jacobian("v")
            .map(<[f64]>::len),
        Some(9_000_000)
    );
}

#[test]
fn what_is_kept_is_held_against_a_limit() {
    let model = Interpreter::embedded().model(STEPS).expect("a program");
    let mut workspace = Workspace::new();
    let mut at = |n: f64, limits: &Limits| {
        let given = Bindings::from([("n", n)]);
        let found = model.evaluate(&given, Wrt::All, limits, &mut workspace);
        let found = found.expect("a number");
        assert_eq!(found.value.number(), Some(n));
        (found.stats.replayed, found.stats.paths)
    };
    let none = Limits::new().trace_bytes(0);
    assert_eq!([(); 3].map(|()| at(100.0, &none)), [(false, 0); 3]);
    assert_eq!(at(100.0, &Limits::new()), (false, 1));
    // Room for what is kept, but for no code and for no further path.
    let kept = Limits::new().trace_bytes(model.path_totals().bytes);
    for round in 0..20 {
        assert_eq!(at(100.0, &kept), (true, 1), "{round}");
        assert_eq!(at(99.0, &kept), (false, 1), "{round}");
    }
    assert_eq!(model.path_totals().bytes, kept.trace_bytes);
}
