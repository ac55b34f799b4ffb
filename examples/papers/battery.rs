//! The battery: capacity of twelve cells, of which 70 (late) or 45 (early) cycles of 100 are known.
//!
//! Each cell has constants of its own; programs are chosen by forecasts within what is known.

use super::Folder;
use dmci::search::SearchError;

const DATA: &str = include_str!("battery.csv");

/// The shares that choose and test, the paper's error, that of a straight line, and of the true structure.
const SPLITS: [(&str, f64, f64, [f64; 3]); 2] = [
    ("late", 0.15, 0.30, [0.0111, 0.0096, 0.0070]),
    ("early", 0.15, 0.55, [f64::NAN, 0.0196, 0.0270]),
];

pub(super) fn run(folder: &Folder) -> Result<(), SearchError> {
    folder.write("d.csv", DATA)?;
    for (name, select, test, [paper, line, truth]) in SPLITS {
        let mut errors = Vec::new();
        for set in 0..5 {
            // Several seeds on the first data set, whose median counts.
            let seeds = if set == 0 { 5 } else { 1 };
            let mut of_set = Vec::new();
            for seed in 0..seeds {
                let report = folder.run(&format!(
                    "[data]\nfile = 'd.csv'\ntarget = 'capacity'\ninputs = ['cycle']\ngroup = 'cell'\n\
                     only = {{ seed = {set} }}\nseries = true\nselect = {select}\ntest = {test}\norigins = 2\n\
                     [search]\nseed = {seed}\nbudget_evals = 1500000\n[grammar]\n\
                     operators = ['+', '-', '*', '/', 'sqrt', 'square', 'exp', 'min', 'max']\n\
                     most_complexity = 20\n[calibrate]\nconstants = 'local'\n"
                ))?;
                let best = report.best.expect("there is a front");
                let error = best.test_loss.map_or(f64::INFINITY, f64::sqrt);
                let has_knee = |text: &str| text.contains("(min") || text.contains("(max");
                let knee = report.front.iter().any(|row| has_knee(&row.program));
                println!(
                    "   {name}, data set {set}, seed {seed}: {error:.4}, {:.0} s, knee on the front: {knee}, {}",
                    report.cpu_s.unwrap_or(f64::NAN),
                    best.program
                );
                of_set.push(error);
            }
            of_set.sort_by(f64::total_cmp);
            errors.push(of_set[of_set.len() / 2]);
        }
        errors.sort_by(f64::total_cmp);
        println!(
            "battery, {name}: {:.4} in the median of five data sets, {:.4} at most (paper {paper}, straight line \
             {line}, true structure {truth})",
            errors[2], errors[4]
        );
    }
    Ok(())
}
