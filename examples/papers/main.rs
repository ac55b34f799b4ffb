//! What do searches find of the papers' programs? Each line has the paper's figure beside ours.
//!
//! - `E`: operators recovered, y = s·o(x, i(x)), 64 combinations, 12 targets of 20 data sets each.
//! - `F`: four phenomena at three seeds each, by genetic operators in place of a language model.
//! - `G`: compositions of a library of six modules, named from data.
//! - `battery`: capacity of cells beyond what is known of them, five synthetic data sets.
//!
//! ```text
//! cargo run --release --example papers [-- E F G battery]
//! ```
#![allow(
    clippy::print_stdout,
    clippy::format_collect,
    reason = "an example shows its results by printing them, and its tables are short"
)]

mod battery;
mod composition;
mod operators;
mod phenomena;

use dmci::Threads;
use dmci::search::{Effort, Report, Run, SearchError, Task};
use std::path::{Path, PathBuf};

/// A folder for runs.
struct Folder(PathBuf);

impl Folder {
    fn write(&self, name: &str, text: &str) -> Result<(), SearchError> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|error| fault(&path, &error))
    }

    /// Runs a task on one thread, and gives its report.
    fn run(&self, task: &str) -> Result<Report, SearchError> {
        let out = self.0.join("run");
        let _ = std::fs::remove_dir_all(&out);
        let mut run = Run::begin(Task::from_toml(task, &self.0)?, &out, &self.0)?;
        let mut effort = Effort::default();
        effort.threads = Some(Threads::ONE);
        run.go(&effort, &mut |_| {})?;
        run.report()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fault(path: &Path, error: &std::io::Error) -> SearchError {
    SearchError::Task(format!("{}: {error}", path.display()))
}

/// A table of x and y.
fn table(rows: impl Iterator<Item = (f64, f64)>) -> String {
    let rows = rows.map(|(x, y)| format!("{x:?},{y:?}\n"));
    "x,y\n".to_owned() + &rows.collect::<String>()
}

fn main() -> Result<(), SearchError> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|other| other == name);
    let path = std::env::temp_dir().join(format!("dmci-papers-{}", std::process::id()));
    std::fs::create_dir_all(&path).map_err(|error| fault(&path, &error))?;
    let folder = Folder(path);
    if is_asked("E") {
        operators::run(&folder)?;
    }
    if is_asked("F") {
        phenomena::run(&folder)?;
    }
    if is_asked("G") {
        composition::run(&folder)?;
    }
    if is_asked("battery") {
        battery::run(&folder)?;
    }
    Ok(())
}
