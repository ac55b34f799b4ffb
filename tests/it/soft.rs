//! `soft-choice` and `soft-if` as a caller relaxes them: temperature, hard choices, noise.
//!
//! Values and gradients of single programs stand in `tests/corpus/soft`; here is what spans several
//! evaluations.

use crate::random::{Random, base_seed};
use approx::assert_relative_eq;
use dmci::{
    Bindings, Error, Interpreter, Limits, Mode, Model, OnError, Relaxation, Workspace, Wrt,
};

const CHOICE: &str = "(soft-choice (a (* a b) 3) (list u v 0.25))";

fn inputs() -> Bindings {
    Bindings::from([("a", 1.5), ("b", -2.0), ("u", 0.75), ("v", -0.5)])
}

const MODES: &[Mode] = &[
    Mode::Interpreter,
    Mode::Direct,
    Mode::Nested,
    #[cfg(feature = "dfdx")]
    Mode::Reference,
];

fn model(source: &str, mode: Mode) -> Model {
    let interpreter = Interpreter::embedded();
    interpreter.model_for(source, &inputs(), mode).unwrap()
}

fn value(model: &Model, relaxation: Relaxation) -> f64 {
    let model = model.with_relaxation(relaxation).unwrap();
    let value = model.value(&inputs(), &mut Workspace::new()).unwrap();
    value.number().unwrap()
}

#[test]
fn temperature_and_seed_are_inputs_of_the_recorded_path() {
    let model = model(CHOICE, Mode::Interpreter);
    let mut workspace = Workspace::new();
    for step in 0..20 {
        let relaxation = Relaxation::default()
            .temperature(2.0 * 0.8_f64.powi(step))
            .gumbel_seed(step as u64);
        let warm = model.with_relaxation(relaxation).unwrap();
        let limits = Limits::default();
        let found = warm.evaluate(&inputs(), Wrt::All, &limits, &mut workspace);
        let found = found.unwrap();
        assert_eq!(found.stats.paths, 1, "annealing records no new path");
        assert_eq!(found.stats.replayed, step > 0);
        let fresh = self::model(CHOICE, Mode::Direct);
        let fresh = fresh.with_relaxation(relaxation).unwrap();
        let fresh = fresh.evaluate(&inputs(), Wrt::All, &limits, &mut Workspace::new());
        let fresh = fresh.unwrap();
        assert_eq!(found.value, fresh.value);
        assert_eq!(found.gradient, fresh.gradient);
    }
}

#[test]
fn hard_and_noisy_choices_are_paths_of_their_own() {
    let model = model(CHOICE, Mode::Interpreter);
    let soft = Relaxation::default();
    let hard = soft.hard(true);
    let noisy = soft.gumbel_seed(5);
    let first = [soft, hard, noisy].map(|relaxation| value(&model, relaxation));
    let again = [soft, hard, noisy].map(|relaxation| value(&model, relaxation));
    assert_eq!(first, again);
    assert_eq!(first[1], 1.5);
    assert!(first[0] != first[2] && first[0] != first[1]);
}

#[test]
fn noise_is_the_same_in_every_mode_and_another_for_another_seed() {
    // What an arm draws must not depend on whether it was tried before.
    let source = "(define (pick x) (soft-choice (x (* 2 x) 5) (list u v 0)))
        (+ (if (> a 1) (pick a) (* (pick b) (pick 3))) (pick b)
           (length (if (> u v) (list (pick a)) '())) (pick 7))";
    let mut found = Vec::new();
    for seed in [1, 2, 1 << 53] {
        let relaxation = Relaxation::default().temperature(0.7).gumbel_seed(seed);
        let values: Vec<f64> = MODES
            .iter()
            .map(|&mode| value(&model(source, mode), relaxation))
            .collect();
        assert_eq!(values[0].to_bits(), values[1].to_bits());
        assert_eq!(values[0].to_bits(), values[2].to_bits());
        for value in &values {
            assert_relative_eq!(*value, values[0], max_relative = 1e-13);
        }
        found.push(values[0]);
    }
    assert!(found[0] != found[1] && found[1] != found[2]);
}

#[test]
fn hard_noisy_choices_come_up_with_the_shares_of_the_softmax() {
    let source = "(soft-choice (0 1 2) (list u v 0.25))";
    let model = model(source, Mode::Interpreter);
    let mut counts = [0.0; 3];
    let draws = 20_000;
    let first = base_seed() * 1_000_003;
    for seed in 0..draws {
        let relaxation = Relaxation::default()
            .temperature(0.5)
            .hard(true)
            .gumbel_seed(first + seed);
        counts[value(&model, relaxation) as usize] += 1.0;
    }
    let parts = [0.75_f64, -0.5, 0.25].map(f64::exp);
    let total: f64 = parts.iter().sum();
    // The statistic of Pearson's test with two degrees of freedom: above 30 once in three million.
    let chi_squared: f64 = counts
        .iter()
        .zip(parts)
        .map(|(count, part)| {
            let expected = draws as f64 * part / total;
            (count - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_squared < 30.0, "{counts:?} from seed {first}");
}

#[test]
fn noise_of_one_evaluation_is_independent() {
    // Ten choices of two options each, evenly: all ten alike would be a counter that stands still.
    let source =
        "(let loop ((i 0) (s 0)) (if (= i 10) s (loop (+ i 1) (+ s (soft-choice (0 1) '(0 0))))))";
    let model = model(source, Mode::Direct);
    let mut random = Random::new(base_seed());
    let sums: Vec<f64> = (0..400)
        .map(|_| {
            let relaxation = Relaxation::default()
                .temperature(1.0)
                .hard(true)
                .gumbel_seed(random.below(1 << 40) as u64);
            value(&model, relaxation)
        })
        .collect();
    let mean = sums.iter().sum::<f64>() / 400.0;
    let variance = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 399.0;
    // Of a binomial distribution: mean 5, variance 2.5.
    assert!((mean - 5.0).abs() < 0.5, "mean {mean}");
    assert!((1.5..4.0).contains(&variance), "variance {variance}");
}

#[test]
fn lanes_relax_as_single_evaluations_do() {
    let relaxation = Relaxation::default()
        .temperature(0.3)
        .hard(true)
        .gumbel_seed(9);
    let model = model(CHOICE, Mode::Interpreter);
    let model = model.with_relaxation(relaxation).unwrap();
    let column = [-3.0, -0.5, 0.0, 0.75, 4.0];
    let mut workspace = Workspace::new();
    let lanes = model.value_and_grad_lanes(
        &inputs(),
        &[("u", &column)],
        &["u"],
        OnError::Stop,
        &Limits::default(),
        &mut workspace,
    );
    let lanes = lanes.unwrap();
    for (lane, u) in column.into_iter().enumerate() {
        let mut bindings = inputs();
        bindings.set("u", u);
        let wrt = Wrt::Names(&["u"]);
        let (value, gradient) = model
            .value_and_grad(&bindings, wrt, &mut Workspace::new())
            .unwrap();
        assert_eq!(lanes.values[lane].as_ref().unwrap(), &value);
        assert_eq!(lanes.per_lane[0].1[lane], gradient.get("u"));
    }
}

#[test]
fn what_no_evaluation_could_use_is_refused() {
    let model = model(CHOICE, Mode::Direct);
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let relaxation = Relaxation::default().temperature(temperature);
        let error = model.with_relaxation(relaxation).unwrap_err();
        assert!(matches!(error, Error::Request(_)));
        assert!(error.to_string().contains("above 0 and finite"), "{error}");
    }
    let seed = Relaxation::default().gumbel_seed(u64::MAX);
    assert!(model.with_relaxation(seed).is_err());
}

#[test]
fn noise_inside_an_arm_does_not_shift_what_is_drawn_later() {
    // A trace of both arms would draw at places that depend on the arm taken when it was recorded.
    let source =
        "(+ (if (> a 0) (soft-choice (1 2) (list u v)) 3) (soft-choice (10 20 30) (list u v 0)))";
    let relaxation = Relaxation::default().temperature(0.8).gumbel_seed(11);
    let warm = model(source, Mode::Interpreter);
    let warm = warm.with_relaxation(relaxation).unwrap();
    let mut workspace = Workspace::new();
    for a in [1.0, -1.0, 2.0, -2.0] {
        let mut bindings = inputs();
        bindings.set("a", a);
        let fresh = model(source, Mode::Direct);
        let fresh = fresh.with_relaxation(relaxation).unwrap();
        let limits = Limits::default();
        let fresh = fresh.value_once(&bindings, &limits, &mut Workspace::new());
        assert_eq!(
            warm.value(&bindings, &mut workspace).unwrap(),
            fresh.unwrap()
        );
    }
}
