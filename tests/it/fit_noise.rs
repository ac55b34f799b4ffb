//! How data scatter: given, estimated and computed standard deviations, counts, censored numbers, robust
//! losses, priors, groups, derived quantities.
//!
//! **Invariants**
//! - What a fit gives is compared with figures that were computed without it, with SciPy 1.16 and mpmath
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

#[test]
fn censored_numbers_count_as_what_they_are() {
    let model = format!(
        "{DECAY}(observe y (* a (exp (- (* k x)))) lognormal (censored below 0.5))
         (derive half-life (/ (log 2) k))"
    );
    let fit = fitted(&model, LIMIT);
    println!("{:#?}", (&fit.params, &fit.noise, fit.log_likelihood));
}
