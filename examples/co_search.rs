//! Which laws does a search find, and what does a candidate cost?
//!
//! Each problem is searched for from several seeds on one thread, until its error is rounding or the budget is
//! spent: a·sin(bx) + c·x² at 20 points, Coulomb's law (Feynman I.12.2), the growth law of bacteria
//! (`bacres1` of Strogatz' systems), and the logistic map from its trajectory. Then: how many candidates a
//! second of processor time calibrates, all that a search does besides included.
//!
//! ```text
//! cargo run --release --example co_search [-- --short]
//! ```
#![allow(
    clippy::print_stdout,
    clippy::format_collect,
    reason = "an example shows its results by printing them, and its tables are short"
)]

#[path = "co_search/data.rs"]
mod data;

use dmci::Threads;
use dmci::search::{Effort, Report, Run, SearchError, Task};
use std::path::Path;

/// A problem: its name, its data, and what its task says besides.
type Problem = (&'static str, fn() -> String, &'static str);

const PROBLEMS: [Problem; 4] = [
    ("a sin(bx) + c x^2", data::wave, "inputs = ['x']"),
    (
        "Coulomb",
        data::coulomb,
        "inputs = ['q1', 'q2', 'eps', 'r']",
    ),
    ("bacres1", data::bacres1, "inputs = ['x', 'y0']"),
    ("logistic map", data::logistic, "inputs = []\nseries = true"),
];

fn searched(folder: &Path, problem: &Problem, search: &str) -> Result<Report, SearchError> {
    let (_, table, inputs) = problem;
    let path = folder.join("data.csv");
    std::fs::write(&path, table()).map_err(|error| SearchError::Task(error.to_string()))?;
    let text = format!(
        "[data]\nfile = 'data.csv'\ntarget = 'y'\nselect = 0\ntest = 0\n{inputs}\n[search]\n{search}"
    );
    let run = folder.join("run");
    let _ = std::fs::remove_dir_all(&run);
    let mut run = Run::begin(Task::from_toml(&text, folder)?, &run, folder)?;
    let mut effort = Effort::default();
    effort.threads = Some(Threads::ONE);
    run.go(&effort, &mut |_| {})?;
    run.report()
}

fn main() -> Result<(), SearchError> {
    let short = std::env::args().any(|argument| argument == "--short");
    let folder = std::env::temp_dir().join(format!("dmci-co-search-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| SearchError::Task(error.to_string()))?;
    let seeds = if short { 1 } else { 10 };
    for problem in &PROBLEMS {
        let (mut found, mut seconds) = (0, Vec::new());
        for seed in 0..seeds {
            let form = if problem.0 == "logistic map" {
                "form = 'recurrence'\n"
            } else {
                ""
            };
            let budget = if short { 20_000 } else { 2_000_000 };
            let search = format!("seed = {seed}\nbudget_evals = {budget}\n{form}");
            let report = searched(&folder, problem, &search)?;
            let best = report.front.last().expect("there is a front");
            found += u32::from(best.loss < 1e-18);
            seconds.extend(report.cpu_s);
        }
        seconds.sort_by(f64::total_cmp);
        let [median, most] = [seconds.len() / 2, seconds.len().saturating_sub(1)]
            .map(|place| seconds.get(place).copied().unwrap_or(f64::NAN));
        let name = problem.0;
        println!("{name}: {found} of {seeds}, {median:.2} s of processor time, {most:.2} at most");
    }
    for (rows, problem) in [(20, data::noisy as fn() -> String), (200, data::noisy_200)] {
        for (starts, evaluations) in [(1, 8), (4, 20)] {
            let search = format!(
                "seed = 1\nbudget_evals = {}\n[calibrate]\nstarts = {starts}\nevaluations = {evaluations}\n",
                if short { 5000 } else { 250_000 }
            );
            let report = searched(&folder, &("", problem, "inputs = ['x']"), &search)?;
            let rate = report.candidates as f64 / report.cpu_s.unwrap_or(f64::NAN);
            println!(
                "{rows} rows, {starts} x {evaluations}: {rate:.0} candidates a second of processor time"
            );
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
