//! How data scatter: given, estimated and computed standard deviations, counts, censored numbers, robust
//! losses, priors, groups, derived quantities.
//!
//! **Invariants**
//! - What a fit gives is compared with figures that were computed without it, with `SciPy` 1.16 and mpmath
//!   unless a test says how.
//! - Every refusal names what is wrong and where.

use dmci::Interpreter;
use dmci::fit::{Fit, FitError, FitOptions, Loss, SdOrigin, Table, fit};
use std::fmt::Write as _;

fn fit_with(model: &str, data: &str, options: &FitOptions) -> Result<Fit, FitError> {
    let table = Table::from_reader(data.as_bytes(), "data.csv")?;
    fit(&Interpreter::embedded().model(model)?, &table, options)
}

#[track_caller]
fn fitted_with(model: &str, data: &str, options: &FitOptions) -> Fit {
    let fitted = fit_with(model, data, options);
    let fitted = fitted.unwrap_or_else(|error| panic!("{error}\n{model}"));
    assert!(fitted.converged, "{model}");
    fitted
}

fn options() -> FitOptions {
    FitOptions::default().starts(8)
}

#[track_caller]
fn fitted(model: &str, data: &str) -> Fit {
    fitted_with(model, data, &options())
}

#[track_caller]
fn near(number: f64, expected: f64, part: f64) {
    let off = (number - expected).abs();
    assert!(off <= part * expected.abs(), "{number} {expected}");
}

/// Estimate and standard error of a param, each to a part of itself.
#[track_caller]
fn param(fit: &Fit, name: &str, [estimate, std_err]: [f64; 2], part: f64) {
    let param = fit.param(name).expect(name);
    near(param.estimate, estimate, part);
    near(param.std_err, std_err, part);
}

#[track_caller]
fn refusal(model: &str, data: &str, options: &FitOptions) -> (String, Option<u32>) {
    let error = fit_with(model, data, options).expect_err(model);
    let line = error.span().map(|span| span.position(model).line);
    (error.to_string(), line)
}

/// A decay of which what is under 0.5 is told as 0.5.
const LIMIT: &str = "\
x,y,below
0.0,7.397,0.0
0.4167,6.561,0.0
0.8333,5.103,0.0
1.25,4.141,0.0
1.667,3.52,0.0
2.083,2.699,0.0
2.5,2.432,0.0
2.917,1.843,0.0
3.333,1.693,0.0
3.75,1.076,0.0
4.167,0.9266,0.0
4.583,0.6816,0.0
5.0,0.5,1.0
5.417,0.5,1.0
5.833,0.5,1.0
6.25,0.5,1.0
6.667,0.5,1.0
7.083,0.5,1.0
7.5,0.5,1.0
7.917,0.5,1.0
8.333,0.5,1.0
8.75,0.5,1.0
9.167,0.5,1.0
9.583,0.5,1.0
10.0,0.5,1.0
";

const DECAY: &str = "(param a 1 (> 0)) (param k 1 (> 0))\n";

const OUTLIERS: &str = "\
x,y
0.0,1.886
1.0,2.393
2.0,2.924
3.0,3.577
4.0,3.896
5.0,19.397
6.0,19.961
7.0,5.639
8.0,5.908
9.0,6.43
10.0,7.019
11.0,7.514
12.0,8.039
13.0,8.443
14.0,8.906
15.0,9.366
16.0,10.03
17.0,10.48
18.0,11.04
19.0,11.5
20.0,27.14
21.0,12.56
22.0,13.02
23.0,13.5
24.0,13.95
25.0,14.46
26.0,14.97
27.0,15.65
28.0,15.98
29.0,16.44
";

const TWO: &str = "\
x,a,b
0,5003,-0.0151
0.25,4333,0.325
0.5,3646,0.5839
0.75,2907,0.7977
1,2453,0.9987
1.25,2032,1.1616
1.5,1807,1.2882
1.75,1463,1.3976
2,1308,1.5072
2.25,850,1.595
2.5,1026,1.6501
2.75,720,1.7008
3,680,1.7589
3.25,500,1.8016
3.5,394,1.8244
3.75,409,1.8606
4,387,1.8888
4.25,235,1.8958
4.5,199,1.9062
4.75,248,1.9315
5,64,1.9421
";

const PROPORTIONAL: &str = "\
x,y
0,8.2617
0.25,7.093
0.5,5.7908
0.75,5.2951
1,3.4542
1.25,3.6093
1.5,2.7236
1.75,2.6863
2,2.2121
2.25,1.8831
2.5,1.4572
2.75,1.1022
3,0.9852
3.25,0.8546
3.5,0.5684
3.75,0.5283
4,0.4059
";

const COUNTS: &str = "\
x,n
0,3
0.5,0
1,2
1.5,3
2,7
2.5,6
3,4
3.5,9
4,8
4.5,17
5,17
5.5,14
";

#[test]
fn censored_numbers_count_as_what_they_are() {
    // By minimizing the likelihood with Nelder and Mead's method; errors by its second differences.
    let check = |fit: &Fit| {
        param(fit, "a", [8.274_518_15, 0.384_717_8], 1e-4);
        param(fit, "k", [0.535_503_78, 0.015_544_26], 1e-4);
        let noise = fit.noise_of("y").unwrap();
        near(noise.sd, 0.089_447_67, 1e-5);
        assert_eq!((noise.origin, noise.censored), (SdOrigin::Estimated, 13));
        near(fit.log_likelihood, -0.414_370_39, 1e-6);
    };
    let model = |rest: &str| format!("{DECAY}(observe y (* a (exp (- (* k x)))) lognormal {rest})");
    let derived = "(derive half-life (/ (log 2) k))";
    let fit = fitted(
        &format!("{}{derived}", model("(censored below 0.5)")),
        LIMIT,
    );
    check(&fit);
    let half_life = fit.derived("half-life").unwrap();
    near(half_life.estimate, 1.294_383_35, 1e-5);
    near(half_life.std_err, 0.037_572_5, 1e-4);
    assert!(half_life.low < 1.22 && half_life.high > 1.37);
    // A limit that is computed, and one that is a column's.
    check(&fitted(&model("(censored below (/ 1 2))"), LIMIT));
    check(&fitted(
        &model("(censored below (if (> below 0) 0.5 0.01))"),
        LIMIT,
    ));
    // The mirror image: what is above a limit.
    let mirrored =
        format!("{DECAY}(observe y (/ 1 (* a (exp (- (* k x))))) lognormal (censored above 2))");
    let mut inverse = "x,y\n".to_owned();
    for line in LIMIT.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        writeln!(inverse, "{},{}", cells[0], 1.0 / cells[1]).unwrap();
    }
    let above = fitted(&mirrored, &inverse);
    param(&above, "k", [0.535_503_78, 0.015_544_26], 1e-4);
    near(above.noise[0].sd, 0.089_447_67, 1e-5);
    // As whole series; limits in a list.
    let series = |limit: &str| {
        format!(
            "{DECAY}(observe-series (y) (map (lambda (x) (* a (exp (- (* k x))))) x) lognormal (censored below {limit}))"
        )
    };
    check(&fitted(&series("0.5"), LIMIT));
    check(&fitted(&series("(map (lambda (b) 0.5) below)"), LIMIT));
    // With the deviation given, and with one of its own that is fitted.
    let given = fitted(
        &format!(
            "{DECAY}(observe y (* a (exp (- (* k x)))) (lognormal 0.08944767) (censored below 0.5))"
        ),
        LIMIT,
    );
    near(given.param("k").unwrap().estimate, 0.535_503_78, 1e-5);
    let own = fitted(
        &format!(
            "{DECAY}(param s 1 (> 0))(observe y (* a (exp (- (* k x)))) (lognormal s) (censored below 0.5))"
        ),
        LIMIT,
    );
    near(own.param("k").unwrap().estimate, 0.535_503_78, 1e-5);
    near(own.param("s").unwrap().estimate, 0.089_447_67, 1e-5);
    assert_eq!(own.noise[0].origin, SdOrigin::Predicted);
    near(own.log_likelihood, -0.414_370_39, 1e-6);
}

#[test]
fn counts_are_poisson() {
    // By iteratively reweighted least squares, as statsmodels' GLM does it.
    let fit = fitted(
        "(param b0 0.5) (param b1 0.5) (observe n (exp (+ b0 (* b1 x))) poisson)",
        COUNTS,
    );
    param(&fit, "b0", [0.613_320_290_901, 0.293_967_214_59], 1e-7);
    param(&fit, "b1", [0.419_114_326_617, 0.070_665_754_60], 1e-7);
    near(fit.log_likelihood, -26.487_647_654_44, 1e-10);
    near(fit.value, 11.804_799_809_02, 1e-10);
    assert_eq!(fit.noise[0].origin, SdOrigin::Counts);
    // Absolute errors have the normal distribution's intervals.
    let b1 = fit.param("b1").unwrap();
    near(
        (b1.high - b1.low) / b1.std_err,
        2.0 * 1.959_963_984_54,
        1e-9,
    );
}

#[test]
fn columns_of_different_scale_have_deviations_of_their_own() {
    // The likelihood minimized with Nelder and Mead's method; variances by the hat matrix in numpy.
    let model = "(param a 1 (> 0)) (param k 1 (> 0)) (param B 1)
        (observe a_col (* a (exp (- (* k x))))) (observe b (* B (- 1 (exp (- (* k x))))))";
    let fit = fitted(model, &TWO.replacen("x,a,b", "x,a_col,b", 1));
    param(&fit, "a", [5_019.604_18, 46.082_713], 1e-5);
    param(&fit, "k", [0.689_768_42, 0.004_233_217], 1e-5);
    param(&fit, "B", [2.007_266_04, 0.004_263_987], 1e-5);
    near(fit.noise[0].sd, 81.926_85, 1e-5);
    near(fit.noise[1].sd, 0.007_697_775, 1e-5);
    assert_ne!(fit.noise[0].group, fit.noise[1].group);
    // A column that is fitted exactly leaves the others theirs.
    let mut exact = "x,a_col,b,c\n".to_owned();
    for (row, line) in TWO.lines().skip(1).enumerate() {
        writeln!(exact, "{line},{row}").unwrap();
    }
    let with_exact = fitted(
        &model.replace("(observe b", "(param c 1) (observe c (* c 4 x)) (observe b"),
        &exact,
    );
    param(&with_exact, "B", [2.007_266_04, 0.004_263_987], 1e-4);
    near(with_exact.param("c").unwrap().estimate, 1.0, 1e-12);
    // Two numbers of two params tell nothing of how they scatter: both columns share one deviation.
    let few = "x,a_col,b\n0,9,1\n1,6,2\n";
    let pooled = fitted(model, few);
    assert_eq!(pooled.noise[0].group, pooled.noise[1].group);
    near(pooled.value, pooled.sse, 1e-12);
    let alone = refusal(
        "(param k 1) (observe a (* k x) (normal 1)) (observe b (* k x))",
        "x,a,b\n1,2,2\n",
        &options(),
    );
    assert!(
        alone.0.contains("`b` has no more numbers (1) than params"),
        "{}",
        alone.0
    );
    // Lognormal columns have no unit, and share theirs.
    let shared = fitted(
        "(param a 5000) (param k 1 (> 0))
         (observe a_col (* a (exp (- (* k x)))) lognormal) (observe c (* 4 (+ x k)) lognormal)",
        &exact.replace(",0\n", ",1\n"),
    );
    assert_eq!(shared.noise[0].group, shared.noise[1].group);
    assert_eq!(shared.noise[0].sd, shared.residual_sd);
}

const DROPS: &str = "\
yy,t,sig,w,n
10,1.4,0.089442719,125,5
20,2.1,0.11547005,75,3
30,2.6,0.070710678,200,8
40,3.0,0.051639778,375,15
50,3.3,0.036514837,750,30
";

#[test]
fn deviations_are_absolute_and_weights_are_relative() {
    // SciPy's curve_fit with absolute_sigma, and without.
    let [absolute, relative] = [[9.095_253_24, 0.156_741_55], [9.095_253_24, 0.101_762_45]];
    let model =
        |noise: &str| format!("(param g 9 (> 0)) (observe t (sqrt (/ (* 2 yy) g)) {noise})");
    let sigma = fitted_with(&model(""), DROPS, &options().sigma("sig"));
    param(&sigma, "g", absolute, 1e-5);
    assert_eq!(sigma.noise[0].origin, SdOrigin::Given);
    param(&fitted(&model("(normal sig)"), DROPS), "g", absolute, 1e-5);
    param(
        &fitted(&model("(normal (/ 0.2 (sqrt n)))"), DROPS),
        "g",
        absolute,
        1e-5,
    );
    param(
        &fitted(&model("(normal (/ 0.2 (sqrt n)))"), DROPS),
        "g",
        absolute,
        1e-5,
    );
    let series = "(param g 9 (> 0))
        (observe-series (t) (map (lambda (y) (sqrt (/ (* 2 y) g))) yy) (normal (map (lambda (n) (/ 0.2 (sqrt n))) n)))";
    param(&fitted(series, DROPS), "g", absolute, 1e-5);
    let weights = fitted_with(&model(""), DROPS, &options().weights("w"));
    param(&weights, "g", relative, 1e-5);
    assert_eq!(weights.noise[0].origin, SdOrigin::Weighted);
    // That of a number with the weight 1.
    near(weights.noise[0].sd, (1.686_035_9_f64 / 4.0).sqrt(), 1e-5);
    // The unit of weights is of no matter.
    let scaled = fitted_with(&model(""), DROPS, &options().weights("n"));
    param(&scaled, "g", relative, 1e-5);
    let constant = fitted(&model("(normal 0.05)"), DROPS);
    let plain = fitted(&model(""), DROPS);
    near(
        constant.param("g").unwrap().estimate,
        plain.param("g").unwrap().estimate,
        1e-9,
    );
    let ratio = constant.param("g").unwrap().std_err / plain.param("g").unwrap().std_err;
    near(ratio, 0.05 / plain.residual_sd, 1e-9);
}

#[test]
fn a_deviation_may_depend_on_params() {
    // The likelihood minimized with Nelder and Mead's method; errors by Fisher's information in numpy.
    let model = "(param a 5 (> 0)) (param k 1 (> 0)) (param c 0.3 (> 0))
        (define f (* a (exp (- (* k x)))))
        (observe y f (normal (* c f)))";
    let fit = fitted(model, PROPORTIONAL);
    param(&fit, "a", [8.727_953_41, 0.354_796_7], 1e-5);
    param(&fit, "k", [0.739_202_647, 0.017_296_973], 1e-5);
    param(&fit, "c", [0.088_019_535, 0.015_211_725], 1e-5);
    near(fit.log_likelihood, 5.493_249_988_8, 1e-8);
    assert_eq!(fit.noise[0].origin, SdOrigin::Predicted);
}

#[test]
fn outliers_do_not_carry_a_robust_fit_away() {
    let model = "(param a 1) (param b 1) (observe y (+ a (* b x)))";
    near(
        fitted(model, OUTLIERS).param("a").unwrap().estimate,
        4.653_11,
        1e-5,
    );
    // SciPy's least_squares with f_scale 0.1, and with 1.4826 times the median size of the residuals, taken
    // anew until it stays; Student's t by Nelder and Mead's method.
    let table = [
        (
            Loss::Huber,
            [1.967_860_24, 0.501_497_768],
            Some([1.959_941_02, 0.501_753_486]),
        ),
        (
            Loss::SoftL1,
            [1.977_185_27, 0.501_129_317],
            Some([1.972_216_02, 0.501_267_352]),
        ),
        (
            Loss::Cauchy,
            [1.929_360_45, 0.502_750_273],
            Some([1.921_946_85, 0.502_962_053]),
        ),
        (Loss::StudentT, [1.942_404_31, 0.502_362_339], None),
    ];
    for (loss, [a, b], scaled) in table {
        let fit = fitted_with(model, OUTLIERS, &options().loss(loss).loss_scale(0.1));
        near(fit.param("a").unwrap().estimate, a, 1e-5);
        near(fit.param("b").unwrap().estimate, b, 1e-5);
        let fit = fitted_with(model, OUTLIERS, &options().loss(loss));
        let found = fit.param("a").unwrap();
        if let Some([a, b]) = scaled {
            near(found.estimate, a, 1e-4);
            near(fit.param("b").unwrap().estimate, b, 1e-4);
        }
        assert!(
            (found.estimate - 2.0).abs() < 0.1 && found.std_err < 0.06,
            "{loss:?} {found:?}"
        );
        assert!(
            fit.noise[0].sd < 0.2 && fit.log_likelihood.is_nan(),
            "{loss:?}"
        );
    }
}

#[test]
fn a_prior_is_a_ridge() {
    // With x = (x, 1) as two columns, y known to 0.5 and priors of 0 ± 2 and 1 ± 3: the normal equations of
    // the rows and the priors, solved by hand.
    let model = "(param b 1) (param c 1) (prior b 0 2) (prior c 1 3)
        (observe y (+ c (* b x)) (normal 0.5))";
    let fit = fitted(model, "x,y\n0,1\n1,3\n2,4\n3,8\n");
    let [bb, bc, cc] = [14.0 / 0.25 + 0.25, 6.0 / 0.25, 4.0 / 0.25 + 1.0 / 9.0];
    let [rb, rc] = [35.0 / 0.25, 16.0 / 0.25 + 1.0 / 9.0];
    let det = bb * cc - bc * bc;
    param(
        &fit,
        "b",
        [(rb * cc - rc * bc) / det, (cc / det).sqrt()],
        1e-9,
    );
    param(
        &fit,
        "c",
        [(rc * bb - rb * bc) / det, (bb / det).sqrt()],
        1e-9,
    );
    // Where data say nothing, the prior is all there is.
    let nothing = fitted(
        "(param b 1) (param c 1) (prior c 1 3) (observe y (* b x) (normal 0.5))",
        "x,y\n1,1\n2,3\n",
    );
    param(&nothing, "c", [1.0, 3.0], 1e-9);
    // Beside an estimated deviation it is absolute too: a strong one holds.
    let strong = fitted(
        "(param b 1) (param c 1) (prior c 1 1e-6) (observe y (+ c (* b x)))",
        "x,y\n0,1.4\n1,3\n2,4\n3,8\n",
    );
    near(strong.param("c").unwrap().estimate, 1.0, 1e-5);
    near(strong.param("c").unwrap().std_err, 1e-6, 1e-3);
}

const SUBJECTS: &str = "\
subject,x,y
3,0,9.1
3,1,5.4
3,2,3.4
3,3,2.0
1,0,7.2
1,1,5.9
1,2,4.7
1,3,3.9
2,0,11.8
2,1,4.5
2,2,1.6
2,3,0.7
";

#[test]
fn a_param_may_have_a_value_for_each_group() {
    let model = "(param a 5 (> 0) by subject) (param k 0.5 by subject)
        (observe y (* a (exp (- (* k x)))) (normal 0.1))
        (derive half-life (/ (log 2) k))
        (derive one (exp 0))";
    let all = fitted(model, SUBJECTS);
    let names: Vec<&str> = all.params.iter().map(|p| p.name.as_str()).collect();
    let expected = ["1", "2", "3"].map(|subject| format!("a[subject={subject}]"));
    assert_eq!(names[..3], expected);
    let alone = model.replace(" by subject", "");
    for subject in ["1", "2", "3"] {
        let mut rows = "subject,x,y\n".to_owned();
        for line in SUBJECTS.lines().filter(|line| line.starts_with(subject)) {
            writeln!(rows, "{line}").unwrap();
        }
        let fit = fitted(&alone, &rows);
        for name in ["a", "k"] {
            let one = fit.param(name).unwrap();
            param(
                &all,
                &format!("{name}[subject={subject}]"),
                [one.estimate, one.std_err],
                1e-8,
            );
        }
        let (one, among) = (
            fit.derived("half-life").unwrap(),
            format!("half-life[subject={subject}]"),
        );
        near(all.derived(&among).unwrap().estimate, one.estimate, 1e-8);
        near(all.derived(&among).unwrap().std_err, one.std_err, 1e-8);
    }
    assert_eq!(all.derived.len(), 4);
    assert_eq!(all.derived("one").unwrap().std_err, 0.0);
    assert_eq!(all.columns[0].predictions.len(), 12);
    // What is shared stays shared: the same as tests in the program.
    let shared = fitted(
        "(param a 5 (> 0) by subject) (param k 0.5) (observe y (* a (exp (- (* k x)))))",
        SUBJECTS,
    );
    let tested = fitted(
        "(param a1 5 (> 0)) (param a2 5 (> 0)) (param a3 5 (> 0)) (param k 0.5)
         (define a (cond ((= subject 1) a1) ((= subject 2) a2) (else a3)))
         (observe y (* a (exp (- (* k x)))))",
        SUBJECTS,
    );
    for (one, other) in shared.params.iter().zip(&tested.params) {
        near(one.estimate, other.estimate, 1e-8);
        near(one.std_err, other.std_err, 1e-8);
    }
    near(shared.sse, tested.sse, 1e-10);
    // An initial value is that of all, or of one; priors are those of all.
    let of_one = options()
        .init("a[subject=2]", 11.0)
        .init("k", 0.3)
        .starts(1);
    let begun = fitted_with(model, SUBJECTS, &of_one.max_iterations(1000));
    near(begun.params[1].estimate, all.params[1].estimate, 1e-8);
    let held = fitted(&format!("(prior k 0.4 1e-9) {model}"), SUBJECTS);
    for at in 3..6 {
        near(held.params[at].estimate, 0.4, 1e-6);
    }
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let p = "(param k 1)\n";
    let refused = |model: &str, data: &str, options: FitOptions, text: &str| {
        let model = format!("{p}{model}");
        let (message, line) = refusal(&model, data, &options);
        assert!(message.contains(text), "{message}\n{model}");
        line
    };
    let d = "x,y\n1,2\n2,3\n3,5\n";
    let at = |model: &str, text: &str| {
        assert_eq!(refused(model, d, options(), text), Some(2), "{model}");
    };
    at("(observe y (* k x) poisson normal)", "one kind of noise");
    at(
        "(observe y (* k x) poisson (censored below 1))",
        "cannot be censored",
    );
    at(
        "(observe y (* k x) (censored below 1) (censored below 2))",
        "given twice",
    );
    at("(observe y (* k x) (normal 0))", "above 0");
    at("(observe y (* k x) (normal))", "(normal sd)");
    at(
        "(observe y (* k x) (censored under 1))",
        "(censored below limit)",
    );
    at(
        "(observe y (* k x) (censored below k))",
        "depends on no param",
    );
    at("(observe y (* k x) (normal no))", "`no`");
    at("(prior q 1 2)", "no param");
    at("(prior k 1 0)", "above 0");
    at("(prior k 1)", "(prior name mean sd)");
    at("(prior k 1 1) (prior k 1 1)", "already");
    at("(derive h)", "(derive name expression)");
    at("(derive k 1)", "a param already");
    at("(derive h 1) (derive h 1)", "twice");
    at("(observe y (* k x)) (derive h (* k x))", "the column `x`");
    at("(observe y (* k x)) (derive h (list k))", "no number");
    at("(param b 1 by)", "by column");
    at("(param b 1 by z) (observe y (* b k))", "`z`");
    at(
        "(param b 1 by x) (observe-series (y) (map (lambda (x) b) x))",
        "observe-series",
    );
    assert!(
        refused(
            "(observe y (* k x) poisson)",
            "x,y\n1,2\n2,2.5\n",
            options(),
            "data.csv:3: the column `y` holds 2.5; poisson"
        )
        .is_none()
    );
    refused(
        "(observe y (* k x) poisson)",
        "x,y\n1,2\n2,-1\n",
        options(),
        "holds -1",
    );
    refused(
        "(observe y (* k x) (normal s))",
        "x,y,s\n1,2,1\n2,3,0\n",
        options(),
        "data.csv:3: the standard deviation of the noise of `y` is 0",
    );
    refused(
        "(observe y (* k x) (censored below 9))",
        d,
        options(),
        "all numbers of `y` are censored",
    );
    refused(
        "(observe y (* k x) lognormal (censored below 0))",
        d,
        options(),
        "limits above 0",
    );
    refused("(observe y (* k x))", d, options().sigma("no"), "`no`");
    refused(
        "(observe y (* k x))",
        "x,y,w\n1,2,1\n2,3,0\n",
        options().weights("w"),
        "data.csv:3: the weight of `y` is 0",
    );
    refused(
        "(observe y (* k x) (normal 1))",
        d,
        options().sigma("x"),
        "--sigma",
    );
    refused(
        "(observe y (* k x)) (observe x k)",
        d,
        options().sigma("x"),
        "(normal x)",
    );
    refused(
        "(observe y (* k x))",
        d,
        options().sigma("x").weights("x"),
        "both given",
    );
    refused(
        "(observe y (* k x) poisson)",
        d,
        options().loss(Loss::Huber),
        "--loss",
    );
    refused(
        "(observe y (* k x))",
        d,
        options().loss(Loss::Huber).loss_scale(0.0),
        "above 0",
    );
    refused(
        "(observe y (* k x))",
        d,
        options().loss_scale(1.0),
        "robust",
    );
    refused(
        "(observe y (* k x))",
        d,
        options().init("k[x=1]", 1.0),
        "`k[x=1]`",
    );
}

#[test]
fn names_of_noise_are_no_words_of_the_language() {
    let fit = fitted(
        "(param by 1) (define (normal below) (* by below)) (define poisson 1)
         (observe y (* poisson (normal prior)) normal) (derive derive (* 2 by))",
        "prior,y\n1,2\n2,4.1\n3,5.9\n",
    );
    near(fit.params[0].estimate, 27.9 / 14.0, 1e-9);
    near(
        fit.derived("derive").unwrap().estimate,
        2.0 * 27.9 / 14.0,
        1e-9,
    );
}
