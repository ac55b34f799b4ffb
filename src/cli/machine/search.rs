//! `dmci machine search`: a program for a task by Metropolis, without gradients.
//!
//! A task's name goes in; the program that was found comes out, or the best.

use super::task::TaskArgs;
use crate::cli::json;
use crate::cli::program::at_least_one;
use crate::cli::report::{self, Failure, significant};
use crate::machine::assembly;
use crate::machine::search::{SearchOptions, search};
use clap::Args;

/// Search for a program for a task, without gradients
///
/// Programs are changed at random, and changes kept by the share of numbers that come out right. It is the
/// baseline that tuning is held against.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine search map-dec
  dmci machine search parity --proposals 2000000 --json

The keys of --json: found; score, the share of right numbers; proposals, so far; assembly; more_cells and
more_steps, whether the program does more than was asked.")]
pub(super) struct Search {
    #[command(flatten)]
    task: TaskArgs,

    /// How many programs to propose at most
    #[arg(long, value_name = "N", default_value_t = SearchOptions::default().proposals,
        value_parser = at_least_one)]
    proposals: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let task = self.task.task()?;
        let options = SearchOptions {
            steps: task.steps,
            proposals: self.proposals,
            seed: self.task.seed,
            ..SearchOptions::default()
        };
        let searched = search(task.shape, &self.task.examples(&task), &options)
            .map_err(|error| Failure::Data(error.to_string()))?;
        let text = assembly::write(&searched.program, &|_| None);
        if self.json {
            let verdict = task.verdict(&searched.program);
            return report::print(&json::line(|object| {
                object.plain("found", searched.found);
                object.number("score", searched.score);
                object.plain("proposals", searched.proposals);
                object.text("assembly", &text);
                object.plain("more_cells", verdict.more_cells);
                object.plain("more_steps", verdict.more_steps);
            }));
        }
        let proposals = searched.proposals;
        report::print(&if searched.found {
            format!("; found after {proposals} programs\n{text}")
        } else {
            let score = significant(100.0 * searched.score, 3);
            format!(
                "; not found among {proposals} programs; of the best {score} % is right\n{text}"
            )
        })
    }
}
