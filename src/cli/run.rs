//! `dmci run`: the value of a program.
//!
//! A program and its inputs go in; its value comes out, as Scheme or JSON.
//!
//! **Invariants**
//! - Standard output holds the value alone.

use super::program::{InputArgs, LimitArgs, MachineArgs, Prepared, ProgramArgs, prepare};
use super::report::{self, Failure};
use crate::{Error, Stats, Workspace, Wrt};
use clap::Args;

/// Print the value of a program
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci run model.scm --input a=2.5 --input x=1e-3
  dmci run -e '(map square (list 1 2 3))' --json
  echo '(* a 2)' | dmci run - --inputs '{\"a\":3}'
  dmci run model.ncg --inputs @inputs.json --stats")]
pub(super) struct Run {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    limits: LimitArgs,

    /// Tell on standard error what the run took
    #[arg(long)]
    stats: bool,

    /// Print {"value":…} instead of Scheme
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let bindings = self.inputs.bindings()?;
        let Prepared {
            model,
            source,
            cautions,
        } = prepare(&self.program, &bindings, &self.machine)?;
        let limits = self.limits.limits();
        let workspace = &mut Workspace::new();
        let result = if self.stats {
            let evaluation = model.evaluate(&bindings, Wrt::Nothing, &limits, workspace);
            evaluation.map(|evaluation| (evaluation.value, Some(evaluation.stats)))
        } else {
            let value = model.value_once(&bindings, &limits, workspace);
            value.map(|value| (value, None))
        };
        let stats = match &result {
            Ok((_, stats)) => *stats,
            Err(error) => self.stats.then(|| stats_of(error)),
        };
        let result = report::outcome(result, cautions, &source);
        if let Some(stats) = stats {
            report::stats(&stats);
        }
        let (value, _) = result?;
        report::print(&if self.json {
            format!("{{\"value\":{}}}\n", value.to_json())
        } else {
            format!("{}\n", value.to_scheme())
        })
    }
}

/// What a program took until it failed.
pub(super) fn stats_of(error: &Error) -> Stats {
    match error {
        Error::Eval(error) => error.stats,
        _ => Stats::default(),
    }
}
