//! Experiment F: four phenomena. The paper asks a language model; here genetic operators propose.

use crate::Effort;
use crate::report::{Failure, Findings, Verdict};
use crate::searches::{Folder, table};
use dmci::machine::Random;

type Law = (&'static str, fn(f64) -> f64);

const LAWS: [Law; 4] = [
    ("decay", |x| 2.5 * (-0.8 * x).exp()),
    ("damped oscillation", |x| {
        1.5 * (4.0 * x).sin() * (-0.3 * x).exp()
    }),
    ("decay and oscillation", |x| {
        2.0 * (-0.5 * x).exp() + (3.0 * x).sin()
    }),
    ("sigmoid", |x| 5.0 / (1.0 + (-2.0 * (x - 2.5)).exp())),
];

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let folder = Folder::new("phenomena")?;
    let (seeds, budget) = (effort.of(3, 1), effort.of(400_000, 60_000));
    let mut findings = Findings::new(format!(
        "64 points on [0, 5] with noise 0.02, {seeds} seeds a phenomenon. \
         Genetic operators propose, {budget} evaluations each, where the paper asks a language model. \
         A law counts as found where its mean squared error is below 1e-3 on rows that nothing has seen."
    ));
    let (mut found, mut all) = (0, 0);
    for (place, (name, law)) in LAWS.into_iter().enumerate() {
        let (mut of_law, mut losses) = (0, Vec::new());
        for seed in 0..seeds as u64 {
            let mut random = Random::at(&[place as u64, seed]);
            let rows = (0..64).map(|row| {
                let x = 5.0 * f64::from(row) / 63.0;
                (x, law(x) + 0.02 * random.normal())
            });
            folder.write("d.csv", &table(rows))?;
            let report = folder.run(&format!(
                "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nseed = {seed}\n\
                 budget_evals = {budget}\n"
            ))?;
            let loss = report.best.and_then(|best| best.test_loss);
            let loss = loss.unwrap_or(f64::INFINITY);
            losses.push(format!("{loss:.1e}"));
            of_law += usize::from(loss < 1e-3);
        }
        found += of_law;
        all += seeds;
        findings.row(
            name,
            "not told by phenomenon",
            format!("{of_law} of {seeds} ({})", losses.join(", ")),
            Verdict::of(
                of_law == seeds,
                "a search without a language model found no program so near within its evaluations",
            ),
        );
    }
    findings.row(
        "phenomena found",
        "6 of 12 by a language model, 9 with thinking, 11 with many starts",
        format!("{found} of {all}"),
        Verdict::of(
            found * 12 >= 11 * all,
            "the paper's best asks a language model; genetic operators know no physics, and reach what that \
             model reached with thinking",
        ),
    );
    Ok(findings)
}
