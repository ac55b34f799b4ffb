//! What experiments with searches share: a folder for runs, tasks on one thread, and tables.

use dmci::Threads;
use dmci::search::{Effort, Report, Run, SearchError, Task};
use std::path::{Path, PathBuf};

/// A folder for runs, which goes when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder of a name of its own.
    pub(crate) fn new(name: &str) -> Result<Self, SearchError> {
        let name = format!("dmci-papers-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|error| fault(&path, &error))?;
        Ok(Self(path))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), SearchError> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|error| fault(&path, &error))
    }

    /// Runs a task on one thread, and gives its report.
    pub(crate) fn run(&self, task: &str) -> Result<Report, SearchError> {
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
pub(crate) fn table(rows: impl Iterator<Item = (f64, f64)>) -> String {
    let rows = rows.map(|(x, y)| format!("{x:?},{y:?}\n"));
    "x,y\n".to_owned() + &rows.collect::<String>()
}
