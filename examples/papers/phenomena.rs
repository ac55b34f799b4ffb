//! Experiment F: four phenomena. The paper asks a language model; here its answers are a transcript, written
//! by hand as a model would write them, and beside it a library and genetic operators propose.

use crate::Effort;
use crate::composition::LIBRARY;
use crate::report::{Failure, Findings, Verdict};
use crate::searches::{Folder, table};
use dmci::Random;

/// Its name, the law, and the answers to the question what it may be.
type Law = (&'static str, fn(f64) -> f64, &'static str);

const LAWS: [Law; 4] = [
    (
        "decay",
        |x| 2.5 * (-0.8 * x).exp(),
        include_str!("answers/decay.jsonl"),
    ),
    (
        "damped oscillation",
        |x| 1.5 * (4.0 * x).sin() * (-0.3 * x).exp(),
        include_str!("answers/damped.jsonl"),
    ),
    (
        "decay and oscillation",
        |x| 2.0 * (-0.5 * x).exp() + (3.0 * x).sin(),
        include_str!("answers/both.jsonl"),
    ),
    (
        "sigmoid",
        |x| 5.0 / (1.0 + (-2.0 * (x - 2.5)).exp()),
        include_str!("answers/sigmoid.jsonl"),
    ),
];

/// A way of proposing programs.
struct Proposer {
    name: &'static str,
    /// What the task says of it.
    task: String,
    /// Why it may find fewer than the paper's language model.
    reason: &'static str,
}

/// The mean squared errors on rows that nothing has seen, of all seeds of a law.
fn losses(
    folder: &Folder,
    place: usize,
    law: fn(f64) -> f64,
    seeds: usize,
    proposer: &Proposer,
) -> Result<Vec<f64>, Failure> {
    let mut losses = Vec::new();
    for seed in 0..seeds as u64 {
        let mut random = Random::at(&[place as u64, seed]);
        let rows = (0..64).map(|row| {
            let x = 5.0 * f64::from(row) / 63.0;
            (x, law(x) + 0.02 * random.normal())
        });
        folder.write("d.csv", &table(rows))?;
        let report = folder.run(&format!(
            "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nseed = {seed}\n{}",
            proposer.task
        ))?;
        let loss = report.best.and_then(|best| best.test_loss);
        losses.push(loss.unwrap_or(f64::INFINITY));
    }
    Ok(losses)
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let folder = Folder::new("phenomena")?;
    let (seeds, budget) = (effort.of(3, 1), effort.of(400_000, 60_000));
    let mut findings = Findings::new(format!(
        "64 points on [0, 5] with noise 0.02, {seeds} seeds a phenomenon. The answers of a language model, ten or \
         eleven programs in three steps with the wrong ones that come first, are a transcript that is replayed; \
         beside it are compositions of the library of experiment G, which knows what phenomena look like, too, \
         and genetic operators, which do not, with {budget} evaluations each. A law counts as found where the mean squared \
         error is below 1e-3 on rows that nothing has seen."
    ));
    let proposers = [
        Proposer {
            name: "a transcript, replayed",
            task: "proposer = 'replay'\nislands = 1\n[replay]\nfile = 'answers.jsonl'\n[calibrate]\nstarts = 16\n\
                   evaluations = 25\n"
                .to_owned(),
            reason: "the few rows that choose took another program for the right one",
        },
        Proposer {
            name: "compositions of a library",
            task: format!(
                "proposer = 'library'\n{LIBRARY}[calibrate]\nstarts = 16\nevaluations = 25\n"
            ),
            reason: "the few rows that choose between 84 compositions took another for a seed",
        },
        Proposer {
            name: "genetic operators",
            task: format!("budget_evals = {budget}\n"),
            reason: "without knowing what phenomena look like, no program so near was found within the evaluations",
        },
    ];
    for proposer in &proposers {
        let (mut found, mut told) = (0, Vec::new());
        for (place, (name, law, answers)) in LAWS.into_iter().enumerate() {
            folder.write("answers.jsonl", answers)?;
            let losses = losses(&folder, place, law, seeds, proposer)?;
            let of_law = losses.iter().filter(|loss| **loss < 1e-3).count();
            found += of_law;
            let losses = losses.iter().map(|loss| format!("{loss:.1e}"));
            told.push(format!("{name} {}", losses.collect::<Vec<_>>().join(" ")));
        }
        let all = seeds * LAWS.len();
        findings.row(
            format!("phenomena found by {}", proposer.name),
            "6 of 12 by a language model, 9 with thinking, 11 with many starts",
            format!("{found} of {all} ({})", told.join(", ")),
            Verdict::of(12 * found > 11 * all, proposer.reason),
        );
    }
    Ok(findings)
}
