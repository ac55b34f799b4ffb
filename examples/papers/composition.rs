//! Experiment G: which composition of a library's modules made the data.

use super::{Folder, table};
use dmci::Random;
use dmci::search::SearchError;

const LIBRARY: &str = "[library]\n\
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

pub(super) fn run(folder: &Folder) -> Result<(), SearchError> {
    for (place, (name, law, end, made_by)) in LAWS.into_iter().enumerate() {
        let (mut first, mut most, mut alike) = (0, 0.0_f64, Vec::new());
        for seed in 0..10 {
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
            first += u32::from(report.by_bic[0].by == made_by);
            let near = report.by_bic.iter().filter(|row| row.alike);
            alike.push(near.map(|row| row.by.clone()).collect::<Vec<_>>());
            most = most.max(report.cpu_s.unwrap_or(f64::NAN));
        }
        println!("{name}: {made_by} first in {first} of 10, {most:.2} s of processor time at most");
        if let Some(names) = alike.iter().find(|names| names.len() > 1) {
            println!(
                "   not distinguishable, with one seed: {}",
                names.join("; ")
            );
        }
    }
    Ok(())
}
