//! `dmci run`: the value of a program.
//!
//! A program and its inputs go in; its value comes out, as Scheme or JSON. With `--explain` an account
//! of the run comes with it: on standard error, or in the JSON.
//!
//! **Invariants**
//! - Standard output holds values alone, one for each run; with `--json` one object.

use super::cautions::rounded_ints;
use super::limits::LimitArgs;
use super::program::{InputArgs, MachineArgs, Prepared, ProgramArgs, assignment, prepare};
use super::report::{self, Failure};
use super::stats::{StatsArgs, stats_of};
use super::{explain, json};
use crate::walk::output::Room;
use crate::{Bindings, Error, Evaluation, Explanation, Limits, Workspace, Wrt};
use clap::Args;
use std::fmt::Write;

/// Print the value of a program
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci run model.scm --input a=2.5 --input x=1e-3
  dmci run -e '(map square (list 1 2 3))' --json
  echo '(* a 2)' | dmci run - --inputs '{\"a\":3}'
  dmci run model.ncg --inputs @inputs.json --stats
  dmci run model.scm --data data.csv
  dmci run -e '(if (> x 0) (list x) 0)' --input x=2 --explain --again x=3 --again x=-1")]
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

    /// Tell on standard error why the run went as it did: walked or replayed, its guards, the forks
    /// that were joined and given up, compiled or not
    #[arg(long)]
    explain: bool,

    /// Run again with these inputs changed, such as x=-1,y=2, and explain that too; may be repeated,
    /// and each begins with the inputs of the first run
    #[arg(long, value_name = "NAME=VALUE,…", requires = "explain", value_parser = changes)]
    again: Vec<Changes>,

    /// Tell on standard error where the first NaN or infinity came from: the expression and its operands,
    /// in the run and in derivatives by all inputs and params; with --json as the member `trace_nan`
    #[arg(long, conflicts_with = "explain")]
    trace_nan: bool,

    /// Print {"value":…} instead of Scheme; with --explain also "explanation":{…}, and with --again
    /// "again":[{"value":…,"explanation":{…}},…]
    #[arg(long)]
    json: bool,
}

/// Inputs that have other numbers in a further run.
#[derive(Clone, Debug)]
struct Changes(Vec<(String, f64)>);

fn changes(argument: &str) -> Result<Changes, String> {
    argument
        .split(',')
        .map(assignment)
        .collect::<Result<_, _>>()
        .map(Changes)
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let program = self.program.load(&limits)?;
        let bindings = self.inputs.bindings(&program, &self.machine)?;
        let prepared = prepare(&program, &bindings, &self.machine, &limits)?;
        if self.explain {
            return self.run_explained(&bindings, prepared, &limits);
        }
        let Prepared {
            model,
            source,
            mut cautions,
        } = prepared;
        let workspace = &mut Workspace::new();
        let traced = self
            .trace_nan
            .then(|| model.trace_nan(&bindings, Wrt::All, &limits, workspace))
            .transpose()
            .map_err(Failure::of(&source))?;
        if let Some(traced) = traced.as_ref().filter(|t| !self.json || t.error.is_some()) {
            report::aside(&traced.shown(&source.name, report::has_colors()));
        }
        let result = if self.stats.stats || model.is_monitored() {
            model.evaluate(&bindings, Wrt::Nothing, &limits, workspace)
        } else {
            let run = model.run_once(&bindings, &limits, workspace);
            run.map(|(value, stats)| Evaluation {
                value,
                stats,
                ..Evaluation::default()
            })
        };
        let stats = stats_of(result.as_ref().map(|evaluation| evaluation.stats));
        cautions.extend(rounded_ints(&stats));
        let evaluation = self.stats.outcome(result, &stats, cautions, &source)?;
        report::monitored(&evaluation.monitored);
        let (value, most) = (&evaluation.value, limits.output_bytes);
        let text = if self.json {
            json::try_line(|answer| {
                answer.value(value, &Room::of(most))?;
                if let Some(traced) = &traced {
                    answer.serialized("trace_nan", traced);
                }
                Ok(())
            })
        } else {
            report::scheme(value, most)
        };
        report::print(&text.map_err(|error| Failure::of(&source)(error.into()))?)
    }
}

impl Run {
    /// The runs with the account of each: the first, and those with inputs changed.
    fn run_explained(
        &self,
        bindings: &Bindings,
        prepared: Prepared,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let Prepared {
            model,
            source,
            cautions,
        } = prepared;
        let named = self.again.iter().flat_map(|changes| &changes.0);
        if let Some((name, _)) = { named }.find(|(name, _)| !model.inputs().contains(name)) {
            let message = format!("--again: `{name}` is no input of the program");
            return Err(Failure::Usage(message));
        }
        let mut workspace = Workspace::new();
        let mut run = |bindings: &Bindings, cautions| {
            let result = model.explain(bindings, Wrt::Nothing, limits, &mut workspace);
            if let Err(Error::Eval(error)) = &result {
                report::note(&error.stats.way.to_string());
            }
            report::outcome(result, cautions, &source)
        };
        let most = limits.output_bytes;
        let mut runs: Vec<(String, Explanation)> = Vec::new();
        let mut told = |title: &str, (evaluation, explanation): (Evaluation, Explanation)| {
            let value = &evaluation.value;
            let text = if self.json {
                let mut out = String::new();
                value.write_json(&mut out, &Room::of(most)).map(|()| out)
            } else {
                report::scheme(value, most)
            };
            let text = text.map_err(|error| Failure::of(&source)(error.into()))?;
            if !self.json {
                title.lines().for_each(report::note);
                report::print(&text)?;
            }
            report::monitored(&evaluation.monitored);
            if !self.json {
                explanation.to_string().lines().for_each(report::note);
            }
            self.stats.tell(&evaluation.stats);
            runs.push((text, explanation));
            Ok::<(), Failure>(())
        };
        told("", run(bindings, cautions)?)?;
        for Changes(changes) in &self.again {
            let mut bindings = bindings.clone();
            let mut title = "\nagain with".to_owned();
            for (name, value) in changes {
                bindings.set(name, *value);
                let _ = write!(title, " {name}={value}");
            }
            told(&title, run(&bindings, Vec::new())?)?;
        }
        if self.json {
            return report::print(&explain::json(&runs));
        }
        Ok(())
    }
}
