//! El Niño: a linear inverse model of real months by a Kalman filter's likelihood, with up to 440 constants.

use crate::Effort;
use crate::clock;
use crate::descent::{differential_evolution, nelder_mead};
use crate::numerics::{add, dot, minimize, noise};
use crate::report::{Chart, Failure, Findings, NOT_TOLD, Series, Verdict, three_digits, time};
use dmci::Random;
use dmci::{Bindings, Evaluator, Input, Interpreter, Limits, Workspace};

/// Monthly temperatures, of the public domain: see the README beside it.
const DATA: &str = include_str!("nino12_sst_1950.csv");

/// The filter, and the regression that fits start from: those of `examples/linear_inverse_model`.
const LIKELIHOOD: &str = include_str!("../linear_inverse_model/likelihood.scm");
const REGRESSION: &str = include_str!("../linear_inverse_model/regression.scm");

/// A state is made of so many months, the newest first.
const WINDOW: usize = 60;

/// The states' leading directions, each with variance 1 over the first `known` states: the eigenvectors of
/// their covariance, whose eigenvalues come in rising order.
const EMBED: &str = "
(define all (rows lags))
(define known (slice lags 0 months))
(define covariance (/ (matmul (transpose known) known) months))
(define pair (eigh covariance))
(define (direction k)
  (let ((at (- (vlen (car pair)) (+ k 1))))
    (/ (col (cadr pair) at) (sqrt (ref (car pair) at)))))
(matmul lags (transpose (list->vec (map direction (iota dimension)))))";

/// Each state as a row, the newest month first: temperatures less the mean of their month of the year.
fn lags() -> Result<Vec<Vec<f64>>, Failure> {
    let mut temperatures = Vec::new();
    for line in DATA.lines().skip(1) {
        let cell = line.split(',').nth(2).ok_or("a row has three cells")?;
        temperatures.push(cell.parse::<f64>()?);
    }
    let mut means = [0.0; 12];
    for (month, mean) in means.iter_mut().enumerate() {
        let of_month: Vec<f64> = temperatures
            .iter()
            .skip(month)
            .step_by(12)
            .copied()
            .collect();
        *mean = of_month.iter().sum::<f64>() / of_month.len() as f64;
    }
    let anomalies = temperatures.iter().enumerate();
    let anomalies: Vec<f64> = anomalies.map(|(at, t)| t - means[at % 12]).collect();
    let windows = anomalies.windows(WINDOW);
    Ok(windows
        .map(|window| window.iter().rev().copied().collect())
        .collect())
}

fn run_once(text: &str, inputs: &Bindings) -> Result<Vec<f64>, Failure> {
    let model = Interpreter::embedded().model(text)?;
    let limits = Limits::default().fuel(u64::MAX);
    Ok(model
        .value_once(inputs, &limits, &mut Workspace::new())?
        .numbers()
        .collect())
}

/// The likelihood at one dimension.
struct Problem {
    dimension: usize,
    /// What was seen, of the months that are known and of those after.
    known: Vec<f64>,
    later: Vec<f64>,
    /// F by regression, and the variances of what it misses, in logarithms.
    start: Vec<f64>,
}

impl Problem {
    fn new(dimension: usize, months: usize) -> Result<Self, Failure> {
        let lags = lags()?;
        let mut inputs =
            Bindings::from([("months", months as f64), ("dimension", dimension as f64)]);
        inputs.set("lags", Input::matrix(&lags)?);
        let states = run_once(EMBED, &inputs)?;
        let (known, later) = states.split_at(months * dimension);
        let mut problem = Self {
            dimension,
            known: known.to_vec(),
            later: later.to_vec(),
            start: Vec::new(),
        };
        let seen = [("obs", problem.matrix(known)?)];
        problem.start = run_once(REGRESSION, &seen.into_iter().collect())?;
        let variances = problem.misses();
        problem.start.extend_from_slice(&variances);
        problem.start.extend(variances);
        Ok(problem)
    }

    /// The logarithms of half the variances of what the regression misses: noise that drives and noise that
    /// blurs share it.
    fn misses(&self) -> Vec<f64> {
        let d = self.dimension;
        let months: Vec<&[f64]> = self.known.chunks(d).collect();
        let of = |i: usize| {
            let row = &self.start[i * d..][..d];
            let pairs = months.windows(2).map(|pair| pair[1][i] - dot(row, pair[0]));
            let squares: f64 = pairs.map(|off| off * off).sum();
            (0.5 * squares / (months.len() - 1) as f64).max(1e-9).ln()
        };
        (0..d).map(of).collect()
    }

    fn matrix(&self, numbers: &[f64]) -> Result<Input, Failure> {
        Ok(Input::matrix(
            &numbers.chunks(self.dimension).collect::<Vec<_>>(),
        )?)
    }

    /// The negative logarithm of the likelihood of months, less a constant.
    fn likelihood(&self, months: &[f64]) -> Result<Evaluator, Failure> {
        let d = self.dimension;
        let mut fixed = Bindings::from([("obs", self.matrix(months)?)]);
        fixed.set("F", self.matrix(&self.start[..d * d])?);
        for (name, at) in [("q", d * d), ("r", d * d + d)] {
            fixed.set(name, Input::Vector(self.start[at..at + d].to_vec()));
        }
        let names = ["F", "q", "r"];
        let limits = Limits::default().fuel(u64::MAX);
        Ok(Interpreter::embedded()
            .model(LIKELIHOOD)?
            .evaluator(&fixed, &names, &names, &limits)?)
    }
}

/// What was found at one dimension.
struct Found {
    /// The likelihood at the start, by gradients, by the simplex, and by differential evolution, with the
    /// seconds of the last three.
    losses: [f64; 4],
    seconds: [f64; 3],
    /// Seconds of a value with its gradient.
    once: f64,
    /// How far the gradient is from central differences along a direction.
    off: f64,
    /// The likelihood of later months, at the start and by gradients.
    later: [f64; 2],
}

fn study(problem: &Problem, evaluations: usize, more: usize) -> Result<Found, Failure> {
    let mut evaluator = problem.likelihood(&problem.known)?;
    let start = &problem.start;
    let mut gradient = vec![0.0; start.len()];
    let first = evaluator.value_and_grad(start, &mut gradient)?;
    evaluator.value(start)?;

    let mut off = 0.0_f64;
    let mut state = 5;
    for _ in 0..4 {
        let direction = noise(start.len(), &mut state);
        let step = 1e-5 / dot(&direction, &direction).sqrt();
        let mut at = |step: f64| evaluator.value(&add(start, step, &direction));
        let slope = (at(step)? - at(-step)?) / (2.0 * step);
        let exact = dot(&gradient, &direction);
        off = off.max((slope - exact).abs() / dot(&gradient, &gradient).sqrt());
    }

    let began = clock::seconds();
    let (mut asked, mut best) = (0, (start.clone(), first));
    let descended = minimize(
        |x: &[f64]| {
            asked += 1;
            if asked > evaluations {
                return Err(());
            }
            // Where the filter's matrices stop being positive there is no likelihood.
            let value = evaluator
                .value_and_grad(x, &mut gradient)
                .unwrap_or(f64::INFINITY);
            if value < best.1 {
                best = (x.to_vec(), value);
            }
            Ok((value, gradient.clone()))
        },
        start.clone(),
        evaluations,
    );
    // It ends where it is, or where its evaluations are spent; the best is kept in either case.
    drop(descended);
    let took = clock::seconds() - began;
    let once = took / asked.max(1) as f64;

    let mut value = |x: &[f64]| evaluator.value(x).unwrap_or(f64::INFINITY);
    let began = clock::seconds();
    let simplex = nelder_mead(&mut value, start, 0.02, evaluations * more).1;
    let simplex_took = clock::seconds() - began;
    let began = clock::seconds();
    let mut random = Random::at(&[problem.dimension as u64]);
    let evolution =
        differential_evolution(&mut value, start, 0.02, evaluations * more, &mut random).1;
    let evolution_took = clock::seconds() - began;

    let mut later = problem.likelihood(&problem.later)?;
    Ok(Found {
        losses: [first, best.1, simplex, evolution],
        seconds: [took, simplex_took, evolution_took],
        once,
        off,
        later: [later.value(start)?, later.value(&best.0)?],
    })
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let dimensions = &[2, 6, 10, 20][..effort.of(4, 2)];
    let (months, evaluations, more) = (effort.of(360, 120), effort.of(200, 60), 10);
    let mut findings = Findings::new(format!(
        "Monthly temperatures of the eastern Pacific (Niño 1+2, 1950 to 2010, NOAA), less the mean of their month. A \
         state is {WINDOW} months, of which the leading 2 to 20 principal components are kept; {months} states are \
         known. x' = F x + noise, seen through more noise: all of F and the logarithms of both variances are free, \
         D^2 + 2D constants. The value is the negative log likelihood by a Kalman filter on matrices, a program \
         run by the interpreter. All start at F and half the variances that regression gives; gradients (L-BFGS) have {evaluations} evaluations, \
         Nelder and Mead's simplex and differential evolution {more} times as many; seconds are of processor time."
    ));
    let mut losses: [Vec<f64>; 3] = Default::default();
    for &dimension in dimensions {
        let problem = Problem::new(dimension, months)?;
        let found = study(&problem, evaluations, more)?;
        let [start, gradient, simplex, evolution] = found.losses;
        for (all, loss) in losses.iter_mut().zip([gradient, simplex, evolution]) {
            // How much of the likelihood at the start was gained, for each month.
            all.push((start - loss) / months as f64);
        }
        findings.row(
            format!(
                "D = {dimension}, {} constants: gradient beside central differences",
                problem.start.len()
            ),
            "exact",
            format!(
                "off by {}, {} a value with its gradient",
                three_digits(found.off),
                time(found.once)
            ),
            Verdict::must(found.off < 1e-6),
        );
        findings.row(
            format!("D = {dimension}: negative log likelihood, {start:.1} at the start"),
            "gradients get there where gradient-free search fails",
            format!(
                "gradients {gradient:.1} ({}), simplex {simplex:.1} ({}), evolution {evolution:.1} ({})",
                time(found.seconds[0]),
                time(found.seconds[1]),
                time(found.seconds[2])
            ),
            Verdict::of(
                gradient <= simplex.min(evolution) + 0.01 * gradient.abs(),
                "so few constants are found by all three",
            ),
        );
        findings.row(
            format!("D = {dimension}: of the {} months after", problem.later.len() / dimension),
            NOT_TOLD,
            format!("{:.1} by regression, {:.1} by the fit", found.later[0], found.later[1]),
            Verdict::of(
                found.later[1] < found.later[0],
                "so many constants for so few months: what is likelier for those that are known is not for others",
            ),
        );
    }
    let names = ["gradients", "Nelder-Mead", "differential evolution"];
    findings.charts.push(Chart {
        title: "nino: log likelihood gained for each month, by dimension".to_owned(),
        places: dimensions.iter().map(|d| format!("D = {d}")).collect(),
        series: names
            .into_iter()
            .zip(losses)
            .map(|(name, values)| Series {
                name: name.to_owned(),
                values,
            })
            .collect(),
        logarithmic: false,
    });
    Ok(findings)
}
