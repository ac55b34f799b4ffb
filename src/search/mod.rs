//! Searches for programs: proposed by genetic operators or language models, their constants calibrated.
//!
//! A [`Task`] goes in, and a [`Run`] in a folder comes out: a journal of every candidate, the front of loss
//! and complexity, and the best programs.
//!
//! `task` is what is asked for; `tree`, `canonical`, `simplify`, `grammar` and `mutate` know programs as
//! data; `select` parts the rows; `calibrate` finds a `candidate`'s constants with the crate's fits,
//! those of groups as parts of a `pool`.
//! Who proposes is in `propose`, what was answered in a `transcript`; a `worker` calibrates for others;
//! `archive` and `islands` keep what is good; `journal` writes all of it down, `run` goes on, `report` tells.
//!
//! **Invariants**
//! - The state of a search is a function of its journal, and the journal's bytes do not depend on threads,
//!   on time, or on how often the run was stopped and resumed.
//! - Rows that test are read by the report alone.
//! - Every candidate runs within limits, in this process; what it does wrong is counted and told.
//!
//! ```
//! use dmci::search::{Effort, Run, Task};
//!
//! let folder = std::env::temp_dir().join(format!("dmci-search-{}", std::process::id()));
//! std::fs::create_dir_all(&folder).unwrap();
//! let rows = (0..20).map(|x| format!("{x},{}\n", 3 + 2 * x));
//! std::fs::write(folder.join("line.csv"), "x,y\n".to_owned() + &rows.collect::<String>()).unwrap();
//! let task = "[data]\nfile = 'line.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nbudget_evals = 20000\n";
//!
//! let task = Task::from_toml(task, &folder)?;
//! let mut run = Run::begin(task, &folder.join("run"), &folder)?;
//! run.go(&Effort::default(), &mut |_| {})?;
//! let report = run.report()?;
//! assert!(report.best.unwrap().loss < 1e-12);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), dmci::search::SearchError>(())
//! ```

mod archive;
mod calibrate;
mod candidate;
mod canonical;
mod error;
mod gbnf;
mod grammar;
mod islands;
mod journal;
mod mutate;
mod pool;
mod propose;
mod report;
mod run;
mod select;
mod simplify;
mod task;
mod transcript;
mod tree;
mod units;
mod worker;

pub use error::SearchError;
pub use report::{Baseline, BicRow, FrontRow, Report};
pub use run::{Effort, Run, Standing, Stopped};
pub use task::{
    CalibrateTask, CommandTask, Constants, DataTask, Form, GrammarTask, OpenaiTask, ReplayTask,
    Runs, SearchTask, Task, Trend,
};
pub use worker::Worker;
