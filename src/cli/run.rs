//! `dmci run`: the value of a program.
//!
//! A program and its inputs go in; its value comes out, as Scheme or JSON.
//!
//! **Invariants**
//! - Standard output holds the value alone.

use super::json;
use super::program::{InputArgs, LimitArgs, MachineArgs, Prepared, ProgramArgs, prepare};
use super::report::{self, Failure};
use super::stats::{StatsArgs, stats_of};
use crate::{Stats, Workspace, Wrt};
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
    #[command(flatten)]
    stats: StatsArgs,

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
        let result = if self.stats.stats {
            let evaluation = model.evaluate(&bindings, Wrt::Nothing, &limits, workspace);
            evaluation.map(|evaluation| (evaluation.value, evaluation.stats))
        } else {
            let value = model.value_once(&bindings, &limits, workspace);
            value.map(|value| (value, Stats::default()))
        };
        let stats = stats_of(result.as_ref().map(|(_, stats)| *stats));
        let (value, _) = self.stats.outcome(result, &stats, cautions, &source)?;
        report::print(&if self.json {
            json::line(|answer| answer.value(&value))
        } else {
            format!("{}\n", value.to_scheme())
        })
    }
}
