//! The command line: `dmci run`, `grad`, `fit`, `predict`, `search`, `verify`, `show`, `info`, `compile`, `export`,
//! `time`, `bench`, `machine`, `eval`, and `completions` and `man` for those who install it.
//!
//! Arguments go in; data come out on standard output, diagnostics and progress on standard error.
//!
//! **Invariants**
//! - Only this module and its children print, and only through `report`.
//! - The exit code is 0 when all went well, 1 when a program or its data are at fault, 2 when the
//!   arguments are, 130 when Ctrl-C ended a fit.
//! - A reader that goes away (`dmci … | head`) ends the program quietly.
//!
//! ```text
//! $ dmci grad -e '(* a x)' --input a=2 --input x=3
//! value  6.0
//!
//! name  derivative
//! a            3.0
//! x            2.0
//! ```

mod at_fit;
mod bars;
mod bench;
mod cautions;
mod compile;
mod completions;
mod data;
pub mod eval;
mod explain;
mod export;
mod fields;
mod fit;
mod grad;
mod info;
mod json;
mod jsonl;
mod limits;
mod lines;
mod machine;
mod man;
mod predict;
mod program;
mod report;
mod request;
mod run;
mod search;
mod searches;
mod show;
mod skim;
mod stats;
mod time;
mod verify;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use report::Failure;
use std::process::ExitCode;

/// Runs, differentiates and fits programs in a small Scheme.
///
/// A program is evaluated by an interpreter that is itself written in that Scheme and compiled to a
/// graph; values and exact gradients come out, by inputs, by params and by any constant of the text.
#[derive(Parser)]
#[command(
    name = "dmci",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  dmci run -e '(+ 1 2)'
  dmci grad -e '(* a x)' --input a=2 --input x=3
  dmci fit model.scm data.csv
  dmci verify model.scm --data data.csv
  dmci show -e '(if (> x 0) (log x) 0)' --stage trace --input x=2

Exit codes: 0 done, 1 the program or its data are at fault, 2 the arguments are."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Grad(grad::Grad),
    Fit(fit::Fit),
    Profile(fit::Profiles),
    Predict(predict::Predict),
    Verify(verify::Verify),
    Show(show::Show),
    Info(info::Info),
    Compile(compile::Compile),
    Export(export::Export),
    Time(time::Time),
    Bench(bench::Bench),
    Machine(machine::Machine),
    Search(search::Search),
    Eval(jsonl::Eval),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Grad(_) => "grad",
            Self::Fit(_) => "fit",
            Self::Profile(_) => "profile",
            Self::Predict(_) => "predict",
            Self::Verify(_) => "verify",
            Self::Show(_) => "show",
            Self::Info(_) => "info",
            Self::Compile(_) => "compile",
            Self::Export(_) => "export",
            Self::Time(_) => "time",
            Self::Bench(_) => "bench",
            Self::Machine(_) => "machine",
            Self::Search(_) => "search",
            Self::Eval(_) => "eval",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Run(command) => command.run(),
            Self::Grad(command) => command.run(),
            Self::Fit(command) => command.run(),
            Self::Profile(command) => command.run(),
            Self::Predict(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Compile(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Time(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Machine(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Completions(command) => command.run(Cli::command()),
            Self::Man(command) => command.run(Cli::command()),
        }
    }
}

/// What shells have for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Does what the arguments of the process say.
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return usage(&error),
    };
    finish(&command, command.run())
}

/// Tells what went wrong, and gives the exit code.
fn finish(command: &Command, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(Failure::Usage(message)) => {
            let mut cli = Cli::command();
            cli.build();
            let (kind, name) = (ErrorKind::ValueValidation, command.name());
            usage(&match cli.find_subcommand_mut(name) {
                Some(subcommand) => subcommand.error(kind, message),
                None => cli.error(kind, message),
            })
        }
        Err(failure) => {
            report::failure(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Prints what clap has to say: help, the version, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no reason to fail: whoever asked has stopped reading.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_of_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
