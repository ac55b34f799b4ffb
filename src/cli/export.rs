//! `dmci export`: a program as text in another language.
//!
//! A program, a target and, where there is one, the result of a fit go in; the text of a function comes out.
//!
//! **Invariants**
//! - What is given for an input is the default of the function's argument, or the size of its array.
//! - A file that is written is there whole or as it was before.

use super::limits::LimitArgs;
use super::predict::estimates;
use super::program::{InputArgs, Loaded, MachineArgs, ProgramArgs};
use super::report::{self, Failure};
use crate::export::{ExportOptions, Target, export};
use crate::graph::ncg::whole;
use crate::{Bindings, Input};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// Write a program as a function in another language
///
/// Inputs and params are the function's arguments, by their names; params have their values as defaults, those of a
/// fit where --fit gives it. Loops stay loops where the language has them. C has the derivatives too; those of torch
/// and jax are their own.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci export -e '(* a (exp (* (- b) x)))' --to latex
  dmci export model.scm --to jax --fit results/fit.json --out model.py
  dmci export likelihood.scm --to c --inputs '{\"obs\":[[1,2],[3,4]]}'

An input that is a vector, matrix or list is given, for its size. What cannot be exported is told with its place.")]
pub(super) struct Export {
    #[command(flatten)]
    program: ProgramArgs,

    /// The language
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_parser = PossibleValuesParser::new(Target::ALL.map(Target::name))
    )]
    to: String,

    /// File with the result of a fit, as `dmci fit --json` prints it, whose estimates are the params' values
    #[arg(long, value_name = "FIT.json")]
    fit: Option<PathBuf>,

    /// What the function is called
    #[arg(long, value_name = "NAME", default_value = "program")]
    name: String,

    /// Write here instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

impl Export {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let program = self.program.load(&limits)?;
        let given = self.inputs.bindings(&program, &self.machine)?;
        let Loaded::Text(source) = program else {
            let message = "a compiled program is not exported; give its source";
            return Err(Failure::Data(message.into()));
        };
        let mut options = ExportOptions::default();
        options.name.clone_from(&self.name);
        if let Some(path) = &self.fit {
            let estimates = estimates(path)?;
            options.values.extend(estimates.params);
            options.values.extend(estimates.held);
        }
        let mut shapes = Bindings::new();
        for name in given.names() {
            match given.get(name) {
                Some(Input::Number(x)) => options.values.push((name.to_owned(), *x)),
                Some(array) => {
                    shapes.set(name, array.clone());
                }
                None => {}
            }
        }
        options.inputs = shapes;
        let model = self
            .machine
            .interpreter()?
            .within(&limits)
            .model_for(&source.text, &given, self.machine.mode())
            .and_then(|model| model.with_relaxation(self.machine.relaxation()))
            .map_err(Failure::of(&source))?;
        let target = Target::from_name(&self.to).unwrap_or(Target::Numpy);
        let text = export(&model, target, &options).map_err(Failure::of(&source))?;
        match &self.out {
            None => report::print(&text),
            Some(path) => whole::save(path, text.as_bytes()).map_err(|error| {
                Failure::Data(format!("{}: cannot be written: {error}", path.display()))
            }),
        }
    }
}
