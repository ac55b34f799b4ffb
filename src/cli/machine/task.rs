//! Tasks as arguments: a name, a seed, how many examples.

use crate::cli::program::at_least_one;
use crate::cli::report::Failure;
use crate::machine::Example;
use crate::machine::tasks::{self, TASKS, Task};
use clap::Args;

/// A task and what programs for it are judged by.
#[derive(Args, Debug)]
pub(super) struct TaskArgs {
    /// The task: inc, map-inc, map-dec, reduce, parity or fibonacci
    #[arg(value_name = "TASK")]
    name: String,

    /// How many examples programs are judged by
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = at_least_one)]
    examples: usize,

    /// What examples, and all else, are drawn by
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

impl TaskArgs {
    pub(super) fn task(&self) -> Result<Task, Failure> {
        tasks::named(&self.name).ok_or_else(|| {
            let names: Vec<&str> = TASKS.iter().map(|task| task.name).collect();
            let names = names.join(", ");
            Failure::Usage(format!("no task `{}`; there are {names}", self.name))
        })
    }

    pub(super) fn examples(&self, task: &Task) -> Vec<Example> {
        // More than anybody waits for: a search would not end, but memory would.
        task.training(self.examples.min(1 << 16), self.seed)
    }
}
