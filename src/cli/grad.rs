//! `dmci grad`: the value of a program and its derivatives.
//!
//! A program, its inputs and the names to differentiate by go in; a value and a table come out, or
//! `{"value":…,"grad":{…}}`. With `--hessian` a second table follows, or a member `"hessian"`.
//!
//! **Invariants**
//! - Derivatives have the shape of the value, each number replaced by its derivative, and are
//!   written as in JSON.

use super::json;
use super::limits::LimitArgs;
use super::program::{InputArgs, MachineArgs, Prepared, ProgramArgs, distinct, prepare};
use super::report::{self, Failure};
use super::stats::{StatsArgs, stats_of};
use crate::walk::output::{Room, Unwritten, json_number};
use crate::{Hessian, Workspace, Wrt};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// Print the value of a program and its derivatives
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci grad -e '(* a (sin x))' --input a=2 --input x=0.5
  dmci grad model.scm --input x=1 --wrt k,r
  dmci grad model.scm --data data.csv
  dmci grad -e '(exp (* 2.0 x))' --input x=1 --wrt x,@1:9 --json
  dmci grad -e '(* x x y)' --input x=3 --input y=5 --hessian

@1:9 is the number with a point or exponent that stands in line 1 from column 9 on.")]
pub(super) struct Grad {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    inputs: InputArgs,

    /// Differentiate by these inputs, params and literals (@LINE:COLUMN); without it by all inputs
    /// given, but for columns of data, and all params
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new())]
    wrt: Option<Vec<String>>,

    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    stats: StatsArgs,

    /// Print second derivatives too, of a value that is a number: a row and a column for each number
    /// differentiated by
    #[arg(long)]
    hessian: bool,

    /// Print {"value":…,"grad":{…}} instead of a table; with --hessian also
    /// "hessian":{"names":[…],"matrix":[[…],…]}
    #[arg(long)]
    json: bool,
}

impl Grad {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let program = self.program.load(&limits)?;
        let given = self.inputs.given()?;
        let interpreter = || self.machine.interpreter();
        let bindings = self
            .inputs
            .with_data(given.clone(), program.source(), interpreter)?;
        let Prepared {
            model,
            source,
            cautions,
        } = prepare(&program, &bindings, &self.machine, &limits)?;
        // Inputs before params, however the program was prepared; the data are what they are.
        let params = model.params().iter().map(|param| param.name.as_str());
        let names = match &self.wrt {
            Some(names) => distinct(names.iter().map(String::as_str)),
            None => distinct(given.names().chain(params)),
        };
        let wrt = Wrt::Names(&names);
        let mut workspace = Workspace::new();
        let result = model.evaluate(&bindings, wrt, &limits, &mut workspace);
        let stats = stats_of(result.as_ref().map(|evaluation| evaluation.stats));
        let result = result.and_then(|evaluation| {
            let again = || model.hessian_within(&bindings, wrt, &limits, &mut workspace);
            Ok((evaluation, self.hessian.then(again).transpose()?))
        });
        let (evaluation, hessian) = self.stats.outcome(result, &stats, cautions, &source)?;
        report::monitored(&evaluation.monitored);
        let room = Room::of(limits.output_bytes);
        let too_long = |error: Unwritten| Failure::of(&source)(error.into());
        if self.json {
            let text = json::try_line(|answer| {
                answer.value(&evaluation.value, &room)?;
                answer.grad(evaluation.gradient.names(), &evaluation, &room)?;
                if let Some(hessian) = &hessian {
                    answer.raw("hessian", &hessian.to_json());
                }
                Ok(())
            });
            return report::print(&text.map_err(too_long)?);
        }
        for name in model
            .only_steering(&bindings, wrt, &limits, &mut workspace)
            .unwrap_or_default()
        {
            report::note(&format!(
                "`{name}` only steers: it decides branches or indices, and its derivative is 0"
            ));
        }
        let value = &evaluation.value;
        let row = |name: &str| {
            let mut derivatives = String::new();
            let gradient = &evaluation.gradient;
            gradient.write_json(name, value, &mut derivatives, &room)?;
            Ok(vec![name.to_owned(), derivatives])
        };
        let rows = evaluation.gradient.names().map(row);
        let rows: Vec<Vec<String>> = rows.collect::<Result<_, _>>().map_err(too_long)?;
        if rows.is_empty() {
            report::note(
                "nothing to differentiate by: give inputs, or name literals as in --wrt @1:4",
            );
        }
        let mut out = format!(
            "value  {}",
            report::scheme(value, room.bytes).map_err(too_long)?
        );
        if !rows.is_empty() {
            out.push('\n');
            out.push_str(&report::table(&["name", "derivative"], &rows));
        }
        if let Some(hessian) = hessian.filter(|hessian| hessian.size() > 0) {
            out.push('\n');
            out.push_str(&table(&hessian));
        }
        report::print(&out)
    }
}

/// The second derivatives, by what the row and by what the column says.
fn table(hessian: &Hessian) -> String {
    let labels = hessian.labels();
    let mut header = vec!["second"];
    header.extend(labels.iter().map(String::as_str));
    let rows = hessian.matrix().chunks(hessian.size());
    let rows = labels.iter().zip(rows).map(|(label, row)| {
        let mut cells = vec![label.clone()];
        cells.extend(row.iter().map(|&x| {
            let mut cell = String::new();
            json_number(x, &mut cell);
            cell
        }));
        cells
    });
    report::table(&header, &rows.collect::<Vec<_>>())
}
