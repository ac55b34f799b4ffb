//! The battery: capacity of twelve cells, of which 70 (late) or 45 (early) cycles of 100 are known.
//!
//! Each cell has constants of its own; programs are chosen by forecasts within what is known.

use crate::Effort;
use crate::report::{Failure, Findings, NOT_TOLD, Verdict, median};
use crate::searches::Folder;

const DATA: &str = include_str!("battery.csv");

/// The shares that choose and test, the paper's error, that of a straight line, and of the true structure
/// (both on the first data set).
const SPLITS: [(&str, f64, f64, [f64; 3]); 2] = [
    ("late", 0.15, 0.30, [0.0111, 0.0096, 0.0070]),
    ("early", 0.15, 0.55, [f64::NAN, 0.0196, 0.0270]),
];

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let folder = Folder::new("battery")?;
    folder.write("d.csv", DATA)?;
    let (sets, budget) = (effort.of(5, 1), effort.of(1_500_000, 60_000));
    let mut findings = Findings::new(format!(
        "Twelve cells of 100 cycles, made with a knee near cycle 55 and noise 2e-3; 70 cycles are known (late), or 45 \
         (early). {budget} evaluations of a search, each cell with constants of its own; the error is the root of \
         the mean square beyond what is known, the median of {sets} data sets, on the first of them that of {} seeds.",
        effort.of(3, 1)
    ));
    for (name, select, test, [paper, line, truth]) in SPLITS {
        let mut errors = Vec::new();
        for set in 0..sets {
            // Several seeds on the first data set, whose median counts.
            let seeds = if set == 0 { effort.of(3, 1) } else { 1 };
            let mut of_set = Vec::new();
            for seed in 0..seeds {
                let report = folder.run(&format!(
                    "[data]\nfile = 'd.csv'\ntarget = 'capacity'\ninputs = ['cycle']\ngroup = 'cell'\n\
                     only = {{ seed = {set} }}\nseries = true\nselect = {select}\ntest = {test}\norigins = 2\n\
                     [search]\nseed = {seed}\nbudget_evals = {budget}\n[grammar]\n\
                     operators = ['+', '-', '*', '/', 'sqrt', 'square', 'exp', 'min', 'max']\n\
                     most_complexity = 20\n[calibrate]\nconstants = 'local'\n"
                ))?;
                let error = report.best.and_then(|best| best.test_loss);
                of_set.push(error.map_or(f64::INFINITY, f64::sqrt));
            }
            errors.push(median(of_set));
        }
        let error = median(errors);
        let (theirs, met) = if paper.is_nan() {
            (NOT_TOLD.to_owned(), error <= line)
        } else {
            (format!("{paper}"), error <= paper)
        };
        findings.row(
            format!("{name}: error of the program that was chosen (a straight line {line}, the true structure {truth})"),
            theirs,
            format!("{error:.4}"),
            Verdict::of(
                met,
                if paper.is_nan() {
                    "the knee is beyond what is known, so nothing that chooses by known cycles can prefer it"
                } else {
                    "what forecasts best within the cycles that are known is not what forecasts best beyond them"
                },
            ),
        );
    }
    Ok(findings)
}
