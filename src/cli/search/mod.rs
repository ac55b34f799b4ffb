//! `dmci search`: programs for data, proposed and calibrated; `resume`, `report` and `worker`.
//!
//! A task file goes in; a folder comes out with a journal, the front and the best programs.
//!
//! **Invariants**
//! - What ends a search early, a deadline, a budget or Ctrl-C, ends it between steps; the folder can be gone
//!   on with.
//! - Progress goes to a terminal only.

mod page;
mod told;

use super::fit::interrupts;
use super::limits::{count, time};
use super::program::{ThreadArgs, read_text};
use super::report::{self, Failure};
use crate::cli::bars::{ProgressBar, bar};
use crate::fit::FitError;
use crate::search::{Effort, Report, Run, SearchError, Standing, Stopped, Task, Worker};
use clap::{Args, Subcommand};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Search for programs that predict a column, their constants calibrated with exact gradients
///
/// A task file says which column of which table is predicted from which, who proposes programs, and within
/// what budget. The folder gets every candidate (journal.jsonl), the best for each length (front.csv,
/// best/*.scm), and can be gone on with at any time.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  dmci search task.toml --out run
  dmci search task.toml --out run --budget-evals 1e6 --deadline 60s
  dmci search resume run --budget-evals 1e7
  dmci search report run --json

The least task file:
  [data]
  file = \"data.csv\"
  target = \"y\"
  inputs = [\"x\"]
  [search]
  proposer = \"genetic\"
  seed = 1
  budget_evals = 200000"
)]
pub(super) struct Search {
    #[command(subcommand)]
    command: Option<Command>,

    /// The task file, TOML
    #[arg(value_name = "TASK.toml")]
    task: Option<PathBuf>,

    /// The folder of the run, which is made
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    effort: EffortArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    Resume(Resume),
    Report(Told),
    Worker(Work),
    Grammar(Grammar),
}

/// Print the grammar of a task's programs in GBNF, for a server that keeps a model's answers to it
#[derive(Args, Debug)]
struct Grammar {
    /// The task file
    #[arg(value_name = "TASK.toml")]
    task: PathBuf,
}

/// Calibrate candidates for others: a job a line, as JSON, on standard input; an answer a line
///
/// A job is {"id":…,"program":"…"}; `id` is anything and comes back. An answer has program, fit, select and
/// evaluations, or error and message, and depends on the job and the task alone.
#[derive(Args, Debug)]
struct Work {
    /// The folder of a run, or a task file
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

impl Work {
    fn run(&self) -> Result<(), Failure> {
        let mut worker = if self.run.is_dir() {
            Run::open(&self.run).and_then(|run| Worker::new(run.task()))
        } else {
            Task::read(&self.run).and_then(|task| Worker::new(&task))
        }
        .map_err(failure)?;
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::Data(format!("standard input: {error}")))?;
            if !line.trim().is_empty() {
                report::print(&(worker.answer(&line) + "\n"))?;
            }
        }
        Ok(())
    }
}

/// How far a search may go.
#[derive(Args, Clone, Debug)]
struct EffortArgs {
    /// Evaluations of candidates, in place of the task's `budget_evals`
    #[arg(long, value_name = "N", value_parser = count)]
    budget_evals: Option<u64>,

    /// Dollars, in place of the task's `budget_usd`
    #[arg(long, value_name = "X")]
    budget_usd: Option<f64>,

    /// Stop after this time, such as 60s or 5min, counted from the start
    #[arg(long, value_name = "TIME", value_parser = time)]
    deadline: Option<Duration>,

    #[command(flatten)]
    threads: ThreadArgs,

    /// A program that calibrates in place of this process, such as
    /// "python3 my-cluster.py"; it is given jobs and answers as `dmci search worker` does, in any order
    #[arg(long, value_name = "COMMAND")]
    via: Option<String>,

    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Go on with a search that was stopped, or with a larger budget
#[derive(Args, Debug)]
struct Resume {
    /// The folder of the run
    #[arg(value_name = "DIR")]
    run: PathBuf,

    #[command(flatten)]
    effort: EffortArgs,
}

/// Tell what a search found: the front, what it is worth on rows that nothing has seen, baselines, costs
///
/// Writes report.html into the folder.
#[derive(Args, Debug)]
#[command(after_help = "\
The keys of --json: front and best, each with complexity, loss, fit_loss, test_loss, program, n; baselines;
evaluations, candidates, proposed, repeated, errors by kind, steps, rows, usd, cpu_s, genealogy.")]
struct Told {
    /// The folder of the run
    #[arg(value_name = "DIR")]
    run: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            Some(Command::Resume(resume)) => {
                let mut run = Run::resume(&resume.run).map_err(failure)?;
                go(&mut run, &resume.effort, &resume.run)
            }
            Some(Command::Report(told)) => told.run(),
            Some(Command::Worker(work)) => work.run(),
            Some(Command::Grammar(of)) => {
                report::print(&Task::read(&of.task).map_err(failure)?.gbnf())
            }
            None => self.begin(),
        }
    }

    fn begin(&self) -> Result<(), Failure> {
        let Some(file) = &self.task else {
            return Err(Failure::Usage(
                "name a task file, or `resume`, `report`".to_owned(),
            ));
        };
        let Some(out) = &self.out else {
            return Err(Failure::Usage(
                "give --out, the folder of the run".to_owned(),
            ));
        };
        // Said once, and as other files that cannot be read.
        read_text(file)?;
        let task = Task::read(file).map_err(failure)?;
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let origin = folder.unwrap_or(Path::new("."));
        let mut run = Run::begin(task, out, origin).map_err(failure)?;
        go(&mut run, &self.effort, out)
    }
}

fn failure(error: SearchError) -> Failure {
    match error {
        SearchError::Fit(FitError::Table(error)) => Failure::Data(error.to_string()),
        other => Failure::Data(other.to_string()),
    }
}

/// Goes on with a run, shows how it stands, and prints what was found.
fn go(run: &mut Run, args: &EffortArgs, folder: &Path) -> Result<(), Failure> {
    let words = |command: &String| command.split_whitespace().map(str::to_owned).collect();
    let effort = Effort {
        budget_evals: args.budget_evals,
        budget_usd: args.budget_usd,
        deadline: args
            .deadline
            .and_then(|time| Instant::now().checked_add(time)),
        interrupt: interrupts::ctrl_c(),
        threads: Some(args.threads.threads()),
        via: args.via.as_ref().map(words),
    };
    let bar = progress(args.quiet);
    let shown = std::cell::Cell::new(Instant::now());
    let budget = std::cell::Cell::new(0);
    let stopped = run.go(&effort, &mut |standing| {
        budget.set(standing.budget_evals);
        // More often nobody can read it.
        if shown.get().elapsed() > Duration::from_millis(200) && !bar.is_hidden() {
            shown.set(Instant::now());
            show(&bar, standing);
        }
    });
    bar.finish_and_clear();
    let stopped = stopped.map_err(failure)?;
    let standing = run.standing(0);
    report::print(&told::standing(&standing))?;
    let resume = format!("dmci search resume {}", folder.display());
    match stopped {
        Stopped::Interrupted => {
            report::note(&format!(
                "interrupted after {} candidates; go on: {resume}",
                standing.candidates
            ));
            return Err(Failure::Interrupted);
        }
        Stopped::Deadline => report::note(&format!("the time is up; go on: {resume}")),
        Stopped::Budget if standing.evaluations < budget.get() => report::note(
            "the calls or dollars that the task allows are spent, and evaluations are left",
        ),
        Stopped::Budget => report::note(&format!(
            "the budget is spent; a larger one: {resume} --budget-evals {}",
            10 * standing.evaluations
        )),
        Stopped::Exhausted => report::note("nothing is proposed any more that is not known"),
        _ => {}
    }
    report::note(&format!(
        "the report: dmci search report {}",
        folder.display()
    ));
    Ok(())
}

fn progress(quiet: bool) -> ProgressBar {
    let template = "{bar:32} {pos} of {len} evaluations, {eta} left\n{msg}";
    bar(1, template, quiet)
}

fn show(bar: &ProgressBar, standing: &Standing) {
    bar.set_length(standing.budget_evals);
    bar.set_position(standing.evaluations.min(standing.budget_evals));
    bar.set_message(told::front(&standing.front, 12));
}

impl Told {
    fn run(&self) -> Result<(), Failure> {
        let run = Run::open(&self.run).map_err(failure)?;
        let told: Report = run.report().map_err(failure)?;
        let path = self.run.join("report.html");
        let html = page::html(&run, &told);
        std::fs::write(&path, html)
            .map_err(|error| Failure::Data(format!("{}: {error}", path.display())))?;
        if self.json {
            let json = serde_json::to_string(&told)
                .map_err(|error| Failure::Data(format!("the report is no JSON: {error}")))?;
            return report::print(&(json + "\n"));
        }
        report::print(&told::report(&told))
    }
}
