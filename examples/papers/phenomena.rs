//! Experiment F: four phenomena. The paper asks a language model; here genetic operators propose.

use super::{Folder, table};
use dmci::Random;
use dmci::search::SearchError;

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

pub(super) fn run(folder: &Folder) -> Result<(), SearchError> {
    let (mut found, mut seconds) = (0, 0.0);
    for (place, (name, law)) in LAWS.into_iter().enumerate() {
        for seed in 0..3 {
            let mut random = Random::at(&[place as u64, seed]);
            let rows = (0..64).map(|row| {
                let x = 5.0 * f64::from(row) / 63.0;
                (x, law(x) + 0.02 * random.normal())
            });
            folder.write("d.csv", &table(rows))?;
            let report = folder.run(&format!(
                "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nseed = {seed}\n\
                 budget_evals = 400000\n"
            ))?;
            let best = report.best.expect("there is a front");
            let loss = best.test_loss.unwrap_or(f64::INFINITY);
            println!(
                "   {name}, seed {seed}: {loss:.2e} on rows that nothing has seen, {}",
                best.program
            );
            found += usize::from(loss < 1e-3);
            seconds += report.cpu_s.unwrap_or(f64::NAN);
        }
    }
    println!(
        "F: mean squared error below 1e-3 in {found} of 12, {seconds:.1} s of processor time (paper, by a language \
         model: 6, with thinking 9, with many starts 11)"
    );
    Ok(())
}
