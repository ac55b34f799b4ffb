//! That a fit is not confidently wrong: units, labels, edges, and what the data do not say.
//!
//! Kinds of models that people fit go in, in forms that went wrong once; what must be told comes out.

use dmci::fit::{Fit, FitOptions, ProfileEnd, Table, fit, profile};
use dmci::{Interpreter, Threads};

fn fitted(model: &str, columns: &[(&str, Vec<f64>)], options: &FitOptions) -> Fit {
    let table = Table::from_columns(
        columns
            .iter()
            .map(|(name, numbers)| (*name, numbers.clone())),
    );
    let model = Interpreter::embedded().model(model).unwrap();
    fit(&model, &table.unwrap(), options).unwrap()
}

fn estimates(fit: &Fit) -> Vec<f64> {
    fit.params.iter().map(|param| param.estimate).collect()
}

fn near(found: f64, expected: f64, part: f64) -> bool {
    (found - expected).abs() <= part * expected.abs()
}

const PEAK: [f64; 9] = [0.02, 0.05, 0.25, 0.79, 1.22, 0.80, 0.24, 0.04, -0.01];

/// A peak, its height in units of `y` from 1, its place and width in units of `x`.
fn peak(y: f64, x: f64, mean: f64, sd: f64) -> Fit {
    let model = format!(
        "(param amp 1) (param mean {mean:?}) (param sd {sd:?})
         (observe y (* amp (exp (* -0.5 (square (/ (- x mean) sd))))))"
    );
    let xs = (0..9).map(|i| (1.0 + 0.1 * f64::from(i)) * x).collect();
    let ys = PEAK.iter().map(|height| height * y).collect();
    fitted(&model, &[("x", xs), ("y", ys)], &FitOptions::default())
}

#[test]
fn units_of_data_change_only_exponents() {
    let plain = peak(1.0, 1.0, 1.5, 0.2);
    let check = |fit: &Fit, units: [f64; 3], what: &str| {
        assert!(fit.converged && fit.as_good >= 3, "{what}: {}", fit.as_good);
        for ((one, other), unit) in fit.params.iter().zip(&plain.params).zip(units) {
            let digits = near(one.estimate / unit, other.estimate, 1e-6);
            assert!(digits, "{what}: {} {}", one.estimate, other.estimate);
            assert!(near(one.std_err / unit, other.std_err, 1e-6), "{what}");
        }
    };
    for power in [-44, -19, -15, 12, 19, 23] {
        let unit = 10.0_f64.powi(power);
        check(
            &peak(unit, 1.0, 1.5, 0.2),
            [unit, 1.0, 1.0],
            &format!("y 1e{power}"),
        );
    }
    for power in [-12, 12] {
        let unit = 10.0_f64.powi(power);
        let what = format!("x 1e{power}");
        check(
            &peak(1.0, unit, 1.5 * unit, 0.2 * unit),
            [1.0, unit, unit],
            &what,
        );
        // Who has no idea of the unit starts as with another.
        check(&peak(1.0, unit, 1.5, 0.2), [1.0, unit, unit], &what);
    }
}

/// Numbers that look like noise, from -1 to 1, always the same.
fn noise(i: usize) -> f64 {
    let x = (i as f64 * 12.9898).sin() * 43_758.545_3;
    2.0 * (x - x.floor()) - 1.0
}

/// A grid from 0 to an end, and what a curve gives on it, with a noise of such a size.
fn wave(
    count: usize,
    end: f64,
    size: f64,
    curve: impl Fn(f64) -> f64,
) -> [(&'static str, Vec<f64>); 2] {
    let t: Vec<f64> = (0..count)
        .map(|i| end * i as f64 / (count - 1) as f64)
        .collect();
    let y = t
        .iter()
        .enumerate()
        .map(|(i, &t)| curve(t) + size * noise(i));
    let y = y.collect();
    [("t", t), ("y", y)]
}

#[test]
fn a_frequency_is_found_among_all_that_the_data_tell_apart() {
    let tau = std::f64::consts::TAU;
    let options = FitOptions::default();
    // In hertz, from 1, of data over a second and over a microsecond.
    let hertz = "(param a 1) (param f 1) (param p 0) (define pi (acos -1))
                 (observe y (* a (sin (+ p (* 2 pi f t)))))";
    for end in [1.0, 1e-6] {
        let data = wave(200, end, 0.3, |t| 1.5 * (tau * 37.3 * t / end + 0.6).sin());
        let fit = fitted(hertz, &data, &options);
        let [a, f, p] = estimates(&fit)[..] else {
            panic!()
        };
        assert!(fit.sse < 10.0, "{}", fit.sse);
        assert!(near(f, 37.3 / end, 1e-2), "{f}");
        assert!(
            near(a.abs(), 1.5, 0.05) && (a.signum() * (p - 0.6).sin()).abs() < 0.2,
            "{a} {p}"
        );
    }
    // A period, in a procedure whose argument has another name than the column.
    let period = "(param a 1 (> 0)) (param period 1 (> 0)) (param at 0) (param level 0)
                  (define (season day) (* a (cos (/ (* 6.283185307179586 (- day at)) period))))
                  (observe y (+ level (season t)))";
    let data = wave(120, 3000.0, 0.5, |t| {
        12.0 + 3.0 * (tau * (t - 40.0) / 365.0).cos()
    });
    let fit = fitted(period, &data, &options);
    assert!(
        near(estimates(&fit)[1], 365.0, 2e-3),
        "{:?}",
        estimates(&fit)
    );
    // Two at once, one after the other.
    let two = "(param a 1) (param w 1) (param b 1) (param v 2)
               (observe y (+ (* a (sin (* w t))) (* b (sin (* v t)))))";
    let data = wave(200, 20.0, 0.2, |t| {
        1.5 * (2.1 * t).sin() + 0.8 * (4.9 * t).sin()
    });
    let fit = fitted(two, &data, &options);
    let mut found = [estimates(&fit)[1].abs(), estimates(&fit)[3].abs()];
    found.sort_by(f64::total_cmp);
    assert!(
        near(found[0], 2.1, 1e-2) && near(found[1], 4.9, 1e-2),
        "{found:?}"
    );
}

#[test]
fn two_frequencies_that_beat_are_parted() {
    // Tides: the data are no longer than two thirds of a beat. One by one the two are found as one.
    let tau = std::f64::consts::TAU;
    let model =
        "(param a 1) (param p 10) (param f 0) (param b 1) (param q 10) (param g 0) (param m 0)
                 (observe y (+ m (* a (cos (+ (/ (* 6.283185307179586 t) p) f)))
                                 (* b (cos (+ (/ (* 6.283185307179586 t) q) g)))))";
    let data = wave(240, 239.0, 0.09, |t| {
        2.0 + 1.2 * (tau * t / 12.42 - 0.4).cos() + 0.5 * (tau * t / 12.0 + 1.0).cos()
    });
    let fit = fitted(model, &data, &FitOptions::default());
    let mut found = [estimates(&fit)[1].abs(), estimates(&fit)[4].abs()];
    found.sort_by(f64::total_cmp);
    assert!(
        near(found[0], 12.0, 5e-3) && near(found[1], 12.42, 5e-3),
        "{found:?}"
    );
}

#[test]
fn what_turns_faster_than_the_mean_gap_is_found_where_gaps_are_uneven() {
    // A star's velocity: a planet of 4.2 days, looked at once in a week or so.
    let tau = std::f64::consts::TAU;
    let model = "(param k 10) (param p 5) (param f 0) (param g 0)
                 (observe y (+ g (* k (sin (+ (/ (* 6.283185307179586 t) p) f)))))";
    let t: Vec<f64> = (0..60)
        .map(|i| 6.7 * (i as f64 + 0.45 * noise(i)))
        .collect();
    let y = (t.iter().enumerate())
        .map(|(i, t)| -33_000.0 + 55.0 * (tau * t / 4.2308 + 1.1).sin() + 10.0 * noise(i + 100));
    let data = [("t", t.clone()), ("y", y.collect())];
    let fit = fitted(model, &data, &FitOptions::default());
    assert!(
        near(estimates(&fit)[1].abs(), 4.2308, 1e-3),
        "{:?}",
        estimates(&fit)
    );
}

#[test]
fn a_sine_that_is_mirrored_is_the_same_sine() {
    let data = wave(60, 10.0, 0.2, |t| 2.0 * (3.0 * t + 0.4).sin());
    let models = [
        "(param a 1) (param w 1) (param p 1) (observe y (* a (sin (+ (* w t) p))))",
        "(param a 1) (param w 1) (param p 1) (observe y (* a (sin (* w (- t p)))))",
        "(param a 1) (param w 1) (param p 1) (observe y (* a (sin (* 6.283185307179586 (/ (- t p) w)))))",
        "(param a 1 (> 0)) (param w 1) (param p 1) (observe y (* a (cos (+ (* w t) p))))",
    ];
    for model in models {
        let fit = fitted(model, &data, &FitOptions::default());
        let found = estimates(&fit);
        assert!(near(found[0].abs(), 2.0, 0.1), "{found:?}");
        for other in &fit.optima {
            assert!(other.symmetry.is_some(), "{model}: {other:?} {found:?}");
        }
    }
}

#[test]
fn units_of_time_do_not_lead_to_another_frequency() {
    let model = "(param a 1) (param w 1) (param p 0) (param b 0)
                 (observe y (+ b (* a (sin (+ p (* w t))))))";
    for power in [-18, 0, 15] {
        let unit = 10.0_f64.powi(power);
        let data = wave(40, 10.0 * unit, 0.2, |t| {
            0.5 + 2.0 * (2.7 * t / unit + 0.4).sin()
        });
        let fit = fitted(model, &data, &FitOptions::default());
        assert!(
            near(estimates(&fit)[1].abs() * unit, 2.7, 1e-2),
            "{:?}",
            estimates(&fit)
        );
    }
}

#[test]
fn what_ends_at_zero_is_there_and_the_others_have_their_errors() {
    // An offset that must not be negative, of data that lie below.
    let x: Vec<f64> = (0..25).map(|i| f64::from(i) / 3.0).collect();
    let y: Vec<f64> = (x.iter().enumerate())
        .map(|(i, x)| 3.0 * (-0.4 * x).exp() - 0.2 + 0.02 * noise(i))
        .collect();
    let data = [("x", x), ("y", y)];
    let without = "(param a 1) (param k 1 (> 0)) (observe y (* a (exp (- (* k x)))))";
    let without = fitted(without, &data, &FitOptions::default());
    for offset in ["c", "(* c c)", "(* 3 c)"] {
        let with = format!(
            "(param a 1) (param k 1 (> 0)) (param c 0.5 (> 0))
             (observe y (+ {offset} (* a (exp (- (* k x))))))"
        );
        for starts in [1, 64] {
            let options = FitOptions::default().starts(starts);
            let fit = fitted(&with, &data, &options);
            assert!(
                fit.converged && fit.at_edge == ["c"],
                "{offset} {:?}",
                fit.at_edge
            );
            assert_eq!(fit.params[2].estimate, 0.0, "{offset}");
            for (one, other) in fit.params.iter().zip(&without.params) {
                assert!(
                    near(one.estimate, other.estimate, 1e-6),
                    "{offset} {}",
                    one.name
                );
                // One degree of freedom is told less.
                assert!(
                    near(one.std_err, other.std_err, 0.03),
                    "{offset} {}",
                    one.std_err
                );
            }
        }
    }
}

#[test]
fn exact_data_have_no_second_minimum_by_rounding() {
    let line = "(param a 1) (param b 1) (observe y (+ a (* b x)))";
    let (model, options) = (
        Interpreter::embedded().model(line).unwrap(),
        FitOptions::default(),
    );
    let data = [("x", vec![1.0, 2.0, 3.0]), ("y", vec![2.0, 2.0, 2.0])];
    let level = fitted(line, &data, &options);
    assert_eq!(level.warnings(&model, &options), [""; 0]);
    // One row that is fitted as it is: nothing is left to be led to.
    let data = [("x", vec![1.0]), ("y", vec![2.0])];
    let row = fitted(line, &data, &options);
    let said = row.warnings(&model, &options);
    assert_eq!((row.sse, said.len()), (0.0, 1), "{said:?}");
}

#[test]
fn a_constant_is_found_twenty_decades_away() {
    // A cross section in square metres, from 1.
    let x: Vec<f64> = (0..8).map(|i| 0.12 * f64::from(i)).collect();
    let y = x.iter().enumerate().map(|(i, x)| {
        let noise = if i % 2 == 0 { 20.0 } else { -20.0 };
        5200.0 + 2100.0 * (-x * 4.2e-16 / 1.6e-16).exp() + noise
    });
    let y = y.collect();
    let model = "(param sigma 1) (param amp 1) (param offset 1)
                 (observe y (+ offset (* amp (exp (- (/ (* x sigma) 1.6e-16))))))";
    for seed in 0..5 {
        let options = FitOptions::default().seed(seed);
        let fit = fitted(model, &[("x", x.clone()), ("y", Vec::clone(&y))], &options);
        let sigma = fit.param("sigma").unwrap();
        assert!(
            (sigma.estimate - 4.2e-16).abs() < 3.0 * sigma.std_err,
            "{sigma:?}"
        );
        assert!(fit.as_good >= 3);
    }
}

#[test]
fn a_constant_beside_one_that_is_free_is_found_from_where_all_underflows() {
    // From 1 only the first row feels the exponential, and what it then takes for an amplitude is too large
    // for the others.
    let x: Vec<f64> = (0..10).map(|i| 380.0 + 530.0 * f64::from(i)).collect();
    let y = x.iter().enumerate().map(|(i, x)| {
        let noise = if i % 3 == 0 { 0.5 } else { -0.4 };
        150.0 * (-x * 1.1e-3).exp() + 2.0 + noise
    });
    let y: Vec<f64> = y.collect();
    let model = "(param a 1) (param b 1) (param c 1) (param d 1)
                 (observe y (+ d (* a (exp (- b (* c x))))))";
    for seed in 0..8 {
        let options = FitOptions::default().seed(seed);
        let fit = fitted(model, &[("x", x.clone()), ("y", y.clone())], &options);
        let c = fit.param("c").unwrap();
        assert!((c.estimate - 1.1e-3).abs() < 3.0 * c.std_err, "{c:?}");
        assert_eq!(fit.undetermined, ["a", "b"]);
        assert_eq!(fit.combinations[0].text, "a*exp(b)");
    }
}

/// Two exponentials with rates 0.3 and 2, without noise but for a pattern.
fn two_rates() -> [(&'static str, Vec<f64>); 2] {
    let x: Vec<f64> = (0..25).map(|i| 0.2 * f64::from(i)).collect();
    let y = x.iter().enumerate().map(|(i, x)| {
        let noise = 0.01 * ((i * 7 % 5) as f64 - 2.0);
        3.0 * (-0.3 * x).exp() + 5.0 * (-2.0 * x).exp() + noise
    });
    let y = y.collect();
    [("x", x), ("y", y)]
}

#[test]
fn of_equal_minima_it_is_the_one_that_was_meant() {
    let model = |k1: f64, k2: f64| {
        format!(
            "(param a1 1) (param k1 {k1:?} (> 0)) (param a2 1) (param k2 {k2:?} (> 0))
             (observe y (+ (* a1 (exp (- (* k1 x)))) (* a2 (exp (- (* k2 x))))))"
        )
    };
    for seed in 0..5 {
        let options = FitOptions::default().seed(seed);
        for (k1, k2) in [(0.1, 1.0), (1.0, 0.1)] {
            let fit = fitted(&model(k1, k2), &two_rates(), &options);
            let [_, one, _, other] = estimates(&fit)[..] else {
                unreachable!()
            };
            assert_eq!(one < other, k1 < k2, "{one} {other}");
            assert!(fit.as_good >= fit.agree && fit.agree >= 1);
            // The other is told where it was met, by what it is.
            for optimum in &fit.optima {
                let symmetry = optimum.symmetry.as_deref().unwrap();
                assert!(symmetry.contains("`k1` and `k2` exchanged"), "{symmetry}");
            }
        }
    }
    // A width has no sign; that of the start is kept.
    for sd in [0.2, -0.2] {
        let fit = peak(1.0, 1.0, 1.5, sd);
        assert!(fit.param("sd").unwrap().estimate * sd > 0.0);
    }
}

#[test]
fn what_is_determined_of_params_that_are_not_is_told() {
    let x: Vec<f64> = (1..20).map(f64::from).collect();
    let y: Vec<f64> = x
        .iter()
        .map(|x| 20.0 * (-0.2 * x).exp() + 0.01 * (7.0 * x).sin())
        .collect();
    let columns = [("x", x), ("y", y)];
    let told = |model: &str| -> Vec<String> {
        let fit = fitted(model, &columns, &FitOptions::default());
        assert!(
            fit.undetermined.len() >= 2 && fit.degrees_of_freedom == 17,
            "{:?}",
            fit.undetermined
        );
        fit.combinations
            .iter()
            .map(|one| one.text.clone())
            .collect()
    };
    let shifted = "(param a 1) (param b 1) (param c 0.1) (observe y (* a (exp (- b (* c x)))))";
    assert_eq!(told(shifted), ["a*exp(b)"]);
    let product = "(param a 1) (param b 1) (param c 0.1) (observe y (* a b (exp (- (* c x)))))";
    assert_eq!(told(product), ["a*b"]);
    let quotient =
        "(param a 1) (param b 1) (param c 0.1) (observe y (* (/ a b) (exp (- (* c x)))))";
    assert_eq!(told(quotient), ["a/b"]);
    // What nothing depends on costs no degree of freedom.
    let unused = "(param a 1) (param c 0.1) (param z 5) (observe y (* a (exp (- (* c x)))))";
    let fit = fitted(unused, &columns, &FitOptions::default());
    assert_eq!(
        (&fit.undetermined[..], fit.degrees_of_freedom),
        (&["z".to_owned()][..], 17)
    );
    assert!(fit.param("a").unwrap().std_err.is_finite());
}

#[test]
fn errors_at_an_active_bound_are_those_with_the_param_there() {
    let x: Vec<f64> = (0..12).map(f64::from).collect();
    let y = x
        .iter()
        .map(|x| 1.0 - 0.2 * x + 0.05 * (3.0 * x).cos())
        .collect();
    let columns = [("x", x), ("y", y)];
    for bound in ["(> 0)", "(between 0 3)"] {
        let model = format!("(param a 1) (param b 1 {bound}) (observe y (+ a (* b x)))");
        let fit = fitted(&model, &columns, &FitOptions::default());
        assert_eq!(
            (fit.param("b").unwrap().estimate, &fit.at_edge[..]),
            (0.0, &["b".to_owned()][..])
        );
        let held = fitted(
            "(param a 1) (observe y a)",
            &columns,
            &FitOptions::default(),
        );
        let (one, other) = (&fit.params[0], &held.params[0]);
        assert!(near(one.estimate, other.estimate, 1e-9) && near(one.std_err, other.std_err, 1e-9));
        assert!(fit.param("b").unwrap().std_err.is_nan());
    }
    // A start on an end is one.
    let inside = "(param a 1) (param b -2 (between -2 5)) (observe y (+ a (* b x)))";
    let fit = fitted(inside, &columns, &FitOptions::default().starts(1));
    assert!(near(fit.param("b").unwrap().estimate, -0.2, 0.1) && fit.at_edge.is_empty());
}

#[test]
fn a_slope_without_end_times_nothing_is_no_slope() {
    let columns = [
        ("x", vec![0.0, 1.0, 2.0, 3.0]),
        ("y", vec![0.0, 1.5, 2.0, 2.5]),
    ];
    for model in [
        "(param a 1) (observe y (sqrt (* a x)))",
        "(param a 1) (observe y (expt (* a x) 0.5))",
        "(param a 1) (observe y (sqrt (norm [(* a x) 0])))",
    ] {
        let fit = fitted(model, &columns, &FitOptions::default());
        // (sum y sqrt x / sum x)^2
        let expected = ((1.5 + 2.0 * 2.0_f64.sqrt() + 2.5 * 3.0_f64.sqrt()) / 6.0).powi(2);
        assert!(
            near(estimates(&fit)[0], expected, 1e-9),
            "{model}: {:?}",
            estimates(&fit)
        );
    }
}

#[test]
fn threads_change_no_bit() {
    let on = |threads: Threads| {
        let model =
            "(param a 1) (param k 1 (> 0)) (param c 0) (observe y (+ c (* a (exp (- (* k x))))))";
        let fit = fitted(model, &two_rates(), &FitOptions::default().threads(threads));
        let mut json = serde_json::to_value(&fit).unwrap();
        json.as_object_mut().unwrap().remove("seconds");
        json.to_string()
    };
    let one = on(Threads::ONE);
    assert_eq!(one, on(Threads::of(2)));
    assert_eq!(one, on(Threads::of(5)));
}

#[test]
fn profiles_know_of_curvature_ranges_and_of_no_end() {
    let x: Vec<f64> = (0..8).map(f64::from).collect();
    let y: Vec<f64> = x
        .iter()
        .map(|x| 2.0 * (-0.5 * x).exp() + 0.05 * (5.0 * x).sin())
        .collect();
    let columns = [("x", x), ("y", y)];
    let table = Table::from_columns(columns.iter().map(|(n, c)| (*n, c.clone()))).unwrap();
    let options = FitOptions::default().starts(4);
    let model = |text: &str| Interpreter::embedded().model(text).unwrap();
    let decay = model("(param a 1) (param k 1 (> 0)) (observe y (* a (exp (- (* k x)))))");
    let fit_of_decay = fit(&decay, &table, &options).unwrap();
    let k = profile(&decay, &table, &options, &fit_of_decay, "k").unwrap();
    let (ProfileEnd::At(low), ProfileEnd::At(high)) = (k.low, k.high) else {
        panic!("{k:?}")
    };
    // Where the sum of squares is F times the lowest, with the other param at its best.
    let fall = |k: f64| -> f64 {
        let e: Vec<f64> = columns[0].1.iter().map(|x| (-k * x).exp()).collect();
        let a = e.iter().zip(&columns[1].1).map(|(e, y)| e * y).sum::<f64>()
            / e.iter().map(|e| e * e).sum::<f64>();
        e.iter()
            .zip(&columns[1].1)
            .map(|(e, y)| (a * e - y).powi(2))
            .sum()
    };
    let t = 2.446_911_848_791_681; // of six degrees of freedom
    for end in [low, high] {
        assert!(
            near(fall(end) / fit_of_decay.sse, 1.0 + t * t / 6.0, 1e-4),
            "{end}"
        );
    }
    assert_eq!(k.shape(), "two-sided");
    assert!(k.points.len() > 8 && k.points.windows(2).all(|w| w[0].value < w[1].value));

    // A rate of a plateau that is reached at once may be as large as it likes.
    let plateau = model("(param c 1) (param k 3 (> 0)) (observe z (* c (- 1 (exp (- (* k w))))))");
    let w: Vec<f64> = (1..9).map(f64::from).collect();
    let z: Vec<f64> = w.iter().map(|w| 2.0 + 0.05 * (5.0 * w).sin()).collect();
    let table = Table::from_columns([("w", w), ("z", z)]).unwrap();
    let fit_of_plateau = fit(&plateau, &table, &options).unwrap();
    let k = profile(&plateau, &table, &options, &fit_of_plateau, "k").unwrap();
    assert!(
        matches!(k.low, ProfileEnd::At(_)) && matches!(k.high, ProfileEnd::Open(_)),
        "{k:?}"
    );
    assert_eq!(k.shape(), "one-sided: no upper end");
    let unknown = profile(&plateau, &table, &options, &fit_of_plateau, "q");
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("`q` has no profile")
    );
}

#[test]
fn an_exact_fit_of_what_is_not_determined_is_told_as_such() {
    // Three times the same point: a line through it is any.
    let columns = [("x", vec![1.0; 3]), ("y", vec![1.0; 3])];
    let text = "(param a 1) (param b 0) (observe y (+ b (* a x)))";
    let options = FitOptions::default();
    let fit = fitted(text, &columns, &options);
    assert_eq!(fit.undetermined, ["a", "b"]);
    // The plain has no other minima, and nothing to draw a profile from.
    assert!(fit.optima.is_empty(), "{:?}", fit.optima);
    let table = Table::from_columns(columns.iter().map(|(n, c)| (*n, c.clone()))).unwrap();
    let model = Interpreter::embedded().model(text).unwrap();
    let refused = profile(&model, &table, &options, &fit, "a").unwrap_err();
    assert!(refused.to_string().contains("an exact fit"), "{refused}");
}
