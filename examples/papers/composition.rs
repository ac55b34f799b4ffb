//! Experiment G: which composition of a library's modules made the data.

use crate::Effort;
use crate::report::{Failure, Findings, Verdict};
use crate::searches::{Folder, table};
use dmci::Random;

/// Six modules, as a task file has them.
pub(crate) const LIBRARY: &str = "[library]\n\
    decay = '(* 1.0 (exp (* -1.0 x)))'\n\
    gaussian = '(* 1.0 (exp (- (square (/ (- x 1.0) 1.0)))))'\n\
    oscillation = '(* 1.0 (sin (+ 0.0 (* 2.0 x))))'\n\
    power = '(* 1.0 (expt (abs x) 0.5))'\n\
    quadratic = '(+ 1.0 (* 1.0 x) (* 1.0 (square x)))'\n\
    sigmoid = '(/ 1.0 (+ 1 (exp (* -1.0 (- x 1.0)))))'\n";

type Law = (&'static str, fn(f64) -> f64, f64, &'static str);

const LAWS: [Law; 3] = [
    (
        "G1",
        |x| 2.0 * (-0.5 * x).exp() + 1.5 * (3.0 * x).sin(),
        5.0,
        "decay plus oscillation",
    ),
    (
        "G2",
        |x| 3.0 * (2.0 * x).sin() * (-0.3 * x).exp(),
        5.0,
        "decay times oscillation",
    ),
    (
        "G3",
        |x| 5.0 / (1.0 + (-2.0 * (x * x + 0.5 * x - 2.5)).exp()),
        3.0,
        "sigmoid of quadratic",
    ),
];

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let folder = Folder::new("composition")?;
    let seeds = effort.of(10, 2);
    let mut findings = Findings::new(format!(
        "Six modules, their sums, products and chains: 84 compositions, calibrated and ranked by BIC. \
         64 points with noise 0.02, {seeds} seeds each."
    ));
    for (place, (name, law, end, made_by)) in LAWS.into_iter().enumerate() {
        let (mut first, mut among, mut others) = (0, 0, 0);
        for seed in 0..seeds as u64 {
            let mut random = Random::at(&[place as u64, seed]);
            let rows = (0..64).map(|row| {
                let x = end * f64::from(row) / 63.0;
                (x, law(x) + 0.02 * random.normal())
            });
            folder.write("d.csv", &table(rows))?;
            let report = folder.run(&format!(
                "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\nselect = 0\ntest = 0\n[search]\n\
                 proposer = 'library'\nseed = {seed}\n{LIBRARY}[calibrate]\nstarts = 16\nevaluations = 25\n"
            ))?;
            first += usize::from(report.by_bic[0].by == made_by);
            let alike: Vec<&str> = report
                .by_bic
                .iter()
                .filter(|row| row.alike)
                .map(|row| &*row.by)
                .collect();
            among += usize::from(alike.contains(&made_by));
            others = others.max(alike.len().saturating_sub(1));
        }
        findings.row(
            format!("{name}: {made_by}"),
            "found where identifiable",
            format!(
                "first in {first} of {seeds}, among those not distinguishable in {among}, beside {others} others \
                 at most"
            ),
            Verdict::of(
                first == seeds || among == seeds && others > 0,
                "data with so much noise prefer another composition in some seeds",
            ),
        );
    }
    Ok(findings)
}
