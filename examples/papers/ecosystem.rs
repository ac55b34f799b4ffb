//! Experiment I: an ecosystem of 6 to 126 constants; how fits get worse as constants get more.

use crate::Effort;
use crate::clock;
use crate::descent::{differential_evolution, nelder_mead};
use crate::numerics::minimize;
use crate::report::{Chart, Failure, Findings, Series, Verdict, median, three_digits, time, times};
use dmci::Random;
use dmci::{Bindings, Evaluator, Input, Interpreter, Limits};
use std::fmt::Write as _;

/// The patches: each has six constants.
const PATCHES: [usize; 6] = [1, 2, 4, 8, 16, 21];

/// What a patch's constants are called, and what they are around.
const CONSTANTS: [(&str, f64); 6] = [
    ("growth", 1.0),
    ("room", 2.0),
    ("attack", 1.2),
    ("handling", 0.4),
    ("gain", 0.6),
    ("death", 0.4),
];

/// How often the populations are seen; four steps of 0.05 lie between.
const TIMES: usize = 40;
const STEPS: usize = 4;
const STEP: f64 = 0.05;

/// How far logarithms of constants are spread between patches, and how far off starts are.
const SPREAD: f64 = 0.25;
const OFF: f64 = 0.3;
const NOISE: f64 = 0.01;

/// Prey and predators (Rosenzweig and `MacArthur`, 1963) in patches on a ring, a twentieth of either moving on to
/// each neighbor in a unit of time. Constants are in logarithms; the value is the mean squared error of
/// logarithms of populations.
const TEXT: &str = "
(define (moving populations) (* 0.05 (matvec ring populations)))
(define (step state)
  (let* ((prey (car state)) (predators (cdr state))
         (eaten (/ (* attack prey predators) (+ 1 (* attack handling prey)))))
    (cons (+ prey (* 0.05 (+ (- (* growth prey (- 1 (/ prey room))) eaten) (moving prey))))
          (+ predators (* 0.05 (+ (- (* gain eaten) (* death predators)) (moving predators)))))))
(define (steps n state) (if (= n 0) state (steps (- n 1) (step state))))
(define (off populations seen) (vsum (square (- (log populations) seen))))
(loop ((k 0) (state (cons (* 0.8 (ones patches)) (* 0.5 (ones patches)))) (sum 0.0))
  (if (= k (rows prey-seen))
      (/ sum (* 2 patches k))
      (let ((state (steps 4 state)))
        (recur (+ k 1) state
               (+ sum (off (car state) (ref prey-seen k)) (off (cdr state) (ref predators-seen k)))))))";

/// The same by hand: the logarithms of prey and predators at all times.
fn simulated(logs: &[f64], patches: usize) -> [Vec<Vec<f64>>; 2] {
    let of = |constant: usize| {
        logs[constant * patches..][..patches]
            .iter()
            .map(|x| x.exp())
    };
    let of = |constant| of(constant).collect::<Vec<f64>>();
    let [growth, room, attack, handling, gain, death] = [0, 1, 2, 3, 4, 5].map(of);
    let (mut prey, mut predators) = (vec![0.8; patches], vec![0.5; patches]);
    let mut seen = [Vec::new(), Vec::new()];
    for step in 1..=TIMES * STEPS {
        let moving = |all: &[f64], at: usize| {
            let next = all[(at + 1) % patches] - all[at];
            0.05 * (next + all[(at + patches - 1) % patches] - all[at])
        };
        let mut next = (prey.clone(), predators.clone());
        for at in 0..patches {
            let met = attack[at] * prey[at] * predators[at];
            let eaten = met / (1.0 + attack[at] * handling[at] * prey[at]);
            let grown = growth[at] * prey[at] * (1.0 - prey[at] / room[at]);
            next.0[at] += STEP * (grown - eaten + moving(&prey, at));
            next.1[at] +=
                STEP * (gain[at] * eaten - death[at] * predators[at] + moving(&predators, at));
        }
        (prey, predators) = next;
        if step % STEPS == 0 {
            for (seen, all) in seen.iter_mut().zip([&prey, &predators]) {
                seen.push(all.iter().map(|x| x.ln()).collect());
            }
        }
    }
    seen
}

/// The ring's differences between neighbors, as a matrix.
fn ring(patches: usize) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![0.0; patches]; patches];
    for at in 0..patches {
        rows[at][(at + 1) % patches] += 1.0;
        rows[at][(at + patches - 1) % patches] += 1.0;
        rows[at][at] -= 2.0;
    }
    rows
}

/// A problem: what was seen, the logarithms of the truth, and where fits start.
struct Problem {
    patches: usize,
    fixed: Bindings,
    truth: Vec<f64>,
    start: Vec<f64>,
    /// The names of the constants, patch by patch within each.
    names: Vec<String>,
}

impl Problem {
    fn new(patches: usize, seed: u64) -> Result<Self, Failure> {
        let mut random = Random::at(&[patches as u64, seed]);
        let mut truth = Vec::new();
        let mut names = Vec::new();
        for (name, around) in CONSTANTS {
            for patch in 0..patches {
                truth.push(around.ln() + SPREAD * random.normal());
                names.push(format!("{name}-{patch}"));
            }
        }
        let start = truth.iter().map(|x| x + OFF * random.normal()).collect();
        let mut seen = simulated(&truth, patches);
        for number in seen.iter_mut().flatten().flatten() {
            *number += NOISE * random.normal();
        }
        let [prey, predators] = seen.map(|rows| Input::matrix(&rows));
        let mut fixed = Bindings::from([("patches", patches as f64)]);
        fixed
            .set("prey-seen", prey?)
            .set("predators-seen", predators?);
        fixed.set("ring", Input::matrix(&ring(patches))?);
        Ok(Self {
            patches,
            fixed,
            truth,
            start,
            names,
        })
    }

    /// The program, as an evaluator of values and of values with gradients.
    fn evaluator(&self) -> Result<Evaluator, Failure> {
        let mut text = String::new();
        for (at, (name, _)) in CONSTANTS.iter().enumerate() {
            let names = &self.names[at * self.patches..][..self.patches];
            let _ = writeln!(text, "(define {name} (exp (vec {})))", names.join(" "));
        }
        text += TEXT;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let model = Interpreter::embedded().model(&text)?;
        Ok(model.evaluator(
            &self.fixed,
            &names,
            &names,
            &Limits::default().fuel(u64::MAX),
        )?)
    }

    /// How far constants are off, as the root of the mean square of logarithms.
    fn off(&self, found: &[f64]) -> f64 {
        let pairs = found.iter().zip(&self.truth);
        let squares: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
        (squares / found.len() as f64).sqrt()
    }
}

/// What a method came to: the loss, how far constants are off, and seconds.
type End = [f64; 3];

/// The three methods from the same start; those without gradients have `more` times the evaluations.
fn compare(
    problem: &Problem,
    evaluations: usize,
    more: usize,
    seed: u64,
) -> Result<[End; 3], Failure> {
    let mut evaluator = problem.evaluator()?;
    let mut gradient = vec![0.0; problem.start.len()];
    // The first run records what all others run again.
    evaluator.value_and_grad(&problem.start, &mut gradient)?;
    evaluator.value(&problem.start)?;
    let mut ends = [[0.0; 3]; 3];
    let mut told = |method: usize, (found, loss): (Vec<f64>, f64), began: f64| {
        ends[method] = [loss, problem.off(&found), clock::seconds() - began];
    };

    let began = clock::seconds();
    let (mut asked, mut best) = (0, (problem.start.clone(), f64::INFINITY));
    let descended = minimize(
        |x: &[f64]| {
            asked += 1;
            if asked > evaluations {
                return Err(());
            }
            let value = evaluator.value_and_grad(x, &mut gradient).map_err(|_| ())?;
            if value < best.1 {
                best = (x.to_vec(), value);
            }
            Ok((value, gradient.clone()))
        },
        problem.start.clone(),
        evaluations,
    );
    // It ends where it is, or where its evaluations are spent; the best is kept in either case.
    drop(descended);
    told(0, best, began);

    let mut value = |x: &[f64]| evaluator.value(x).unwrap_or(f64::INFINITY);
    let began = clock::seconds();
    told(
        1,
        nelder_mead(&mut value, &problem.start, OFF, evaluations * more),
        began,
    );
    let began = clock::seconds();
    let mut random = Random::at(&[7, seed]);
    let found = differential_evolution(
        &mut value,
        &problem.start,
        OFF,
        evaluations * more,
        &mut random,
    );
    told(2, found, began);
    Ok(ends)
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    const METHODS: [&str; 3] = ["gradients", "Nelder-Mead", "differential evolution"];
    let (seeds, evaluations, more) = (effort.of(3, 1), effort.of(400, 100), 10);
    let patches = &PATCHES[..effort.of(PATCHES.len(), 4)];
    let mut findings = Findings::new(format!(
        "Prey and predators in patches on a ring, six constants a patch, {TIMES} times observed with noise          {NOISE} of logarithms. Starts are off by {OFF} in logarithms, in the mean square.          Gradients: L-BFGS, at most {evaluations} values with gradients. Nelder and Mead's simplex and differential          evolution: {more} times as many values. Medians of {seeds} data sets, seconds of processor time; the loss is the mean squared error,          {:.0e} for the truth.",
        NOISE * NOISE
    ));
    let mut losses = METHODS.map(|_| Vec::new());
    let mut wrong = METHODS.map(|_| Vec::new());
    for &patches in patches {
        let mut ends = Vec::new();
        for seed in 0..seeds as u64 {
            let problem = Problem::new(patches, seed)?;
            ends.push(compare(&problem, evaluations, more, seed)?);
        }
        let of =
            |method: usize, what: usize| median(ends.iter().map(|end| end[method][what]).collect());
        let told = |method: usize| {
            let [loss, off, seconds] = [0, 1, 2].map(|what| of(method, what));
            losses[method].push(loss);
            wrong[method].push(off);
            format!(
                "{} {} (constants off by {}, {})",
                METHODS[method],
                three_digits(loss),
                three_digits(off),
                time(seconds)
            )
        };
        let ours = [0, 1, 2].map(told).join("; ");
        let least = losses[1..]
            .iter()
            .filter_map(|all| all.last())
            .copied()
            .fold(f64::INFINITY, f64::min);
        findings.row(
            format!("{} constants, loss", 6 * patches),
            "gradients lowest as constants get more",
            ours,
            Verdict::of(
                losses[0].last().is_some_and(|loss| *loss <= 1.02 * least),
                "so few constants are found by any of the three",
            ),
        );
    }
    let worse = |all: &Vec<f64>| all.last().unwrap_or(&f64::NAN) / all.first().unwrap_or(&f64::NAN);
    let [gradients, simplex, evolution] = [0, 1, 2].map(|method| worse(&losses[method]));
    findings.row(
        "loss at most constants by that at six",
        "gradient fits degrade most gracefully",
        format!(
            "gradients {}, Nelder-Mead {}, differential evolution {}",
            times(gradients),
            times(simplex),
            times(evolution)
        ),
        Verdict::must(gradients < simplex && gradients < evolution),
    );
    let chart = |title: &str, numbers: [Vec<f64>; 3]| Chart {
        title: title.to_owned(),
        places: patches
            .iter()
            .map(|patches| (6 * patches).to_string())
            .collect(),
        series: METHODS
            .iter()
            .zip(numbers)
            .map(|(name, values)| Series {
                name: (*name).to_owned(),
                values,
            })
            .collect(),
        logarithmic: true,
    };
    findings
        .charts
        .push(chart("I: loss by number of constants", losses));
    findings.charts.push(chart(
        "I: how far constants are off, in logarithms, by their number",
        wrong,
    ));
    Ok(findings)
}
