//! `dmci machine table1`: the first table of "Synthesized Differentiable Programs" run again.
//!
//! A seed goes in; a table comes out, or JSON: for each task and start, how many runs recovered the
//! program, and how many of what they found does more than was asked.
//!
//! **Invariants**
//! - What is printed depends on the seed and the form, on neither threads nor time.

use crate::Threads;
use crate::cli::bars::{ProgressBar, bar};
use crate::cli::json;
use crate::cli::program::thread_count;
use crate::cli::report::{self, Failure};
use crate::machine::table::{self, Row};
use clap::Args;

/// Measure how often tasks are recovered from random programs, from synthesised ones, and by search
///
/// A run is recovered where the program read back from the weights is right on 256 inputs that it was not
/// tuned on. The last columns tell how many of those programs are right on lists of more cells, and after
/// more steps, than they were tuned with.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine table1 --short
  dmci machine table1 --json --threads 2
  dmci machine table1 --task reduce --ablation

The paper's figures are of 100 single tries. The key of --json is rows, a list of objects with task, variant,
from, tries, iterations, runs, recovered, more_cells, more_steps, spent (tries, or programs proposed) and
paper.")]
pub(super) struct Table1 {
    /// Make a twenty-fifth of the runs
    #[arg(long)]
    short: bool,

    /// This task alone
    #[arg(long, value_name = "TASK")]
    task: Option<String>,

    /// What makes reduce and parity hard or easy to learn from random programs, in place of the table
    #[arg(long)]
    ablation: bool,

    /// What everything is drawn by
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How many threads
    #[arg(long, value_name = "N", value_parser = thread_count)]
    threads: Option<usize>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Table1 {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut plans = if self.ablation {
            table::ablation(self.short)
        } else {
            table::plans(self.short)
        };
        if let Some(task) = &self.task {
            plans.retain(|plan| plan.task == *task);
            if plans.is_empty() {
                return Err(Failure::Usage(format!("no rows of a task `{task}`")));
            }
        }
        let threads = self.threads.map_or(Threads::ALL, Threads::of);
        let bar = progress(plans.iter().map(|plan| plan.runs).sum());
        let mut rows = Vec::new();
        for plan in &plans {
            bar.set_message(format!("{} from {}", plan.task, plan.from.name()));
            let row = table::row(plan, self.seed, &threads, &|| bar.inc(1));
            rows.push(row.map_err(|error| Failure::Data(error.to_string()))?);
        }
        bar.finish_and_clear();
        report::print(&if self.json {
            as_json(&rows)
        } else {
            as_table(&rows)
        })
    }
}

fn progress(runs: usize) -> ProgressBar {
    let template = "{bar:32} {pos} of {len} runs, {eta} left; {msg}";
    bar(runs as u64, template, false)
}

fn as_json(rows: &[Row]) -> String {
    json::line(|all| {
        all.objects("rows", rows, |row, object| {
            let plan = &row.plan;
            object.text("task", plan.task);
            object.text("variant", plan.variant);
            object.text("from", plan.from.name());
            object.plain("tries", plan.tries);
            object.plain("iterations", plan.iterations);
            object.plain("runs", plan.runs);
            object.plain("recovered", row.recovered);
            object.plain("more_cells", row.more_cells);
            object.plain("more_steps", row.more_steps);
            object.plain("spent", row.spent);
            match plan.paper {
                Some(paper) => object.plain("paper", paper),
                None => object.raw("paper", "null"),
            }
        });
    })
}

fn as_table(rows: &[Row]) -> String {
    let header = [
        "task",
        "from",
        "tries",
        "iterations",
        "runs",
        "recovered",
        "more cells",
        "more steps",
        "paper",
    ];
    let cells = rows.iter().map(|row| {
        let plan = &row.plan;
        let task = match plan.variant {
            "" => plan.task.to_owned(),
            variant => format!("{}, {variant}", plan.task),
        };
        vec![
            task,
            plan.from.name().to_owned(),
            plan.tries.to_string(),
            plan.iterations.to_string(),
            plan.runs.to_string(),
            row.recovered.to_string(),
            row.more_cells.to_string(),
            row.more_steps.to_string(),
            plan.paper
                .map_or_else(|| "-".into(), |paper| format!("{paper} %")),
        ]
    });
    report::table(&header, &cells.collect::<Vec<_>>())
}
