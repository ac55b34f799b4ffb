//! `dmci machine synth`: a program put together from skeletons for a task, with its near misses.
//!
//! A task's name goes in; assembly comes out, or what was tried where nothing was found.

use super::task::TaskArgs;
use crate::cli::json;
use crate::cli::program::at_least_one;
use crate::cli::report::{self, Failure, significant};
use crate::machine::assembly;
use crate::machine::synthesis::{SynthOptions, synthesise};
use clap::Args;
use std::fmt::Write as _;

/// Put a program for a task together from skeletons of loops and conditionals
///
/// Holes of the skeletons are filled with lines by length, one for each thing that lines can do, until a
/// program is right on all examples. Programs that were nearly right can be printed too: tuning starts near
/// them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine synth reduce
  dmci machine synth fibonacci --near 4 --json

The keys of --json: found, null or an object with skeleton, assembly, more_cells and more_steps (whether the
program does more than was asked); near, a list with skeleton, score and assembly; tried, how many
programs.")]
pub(super) struct Synth {
    #[command(flatten)]
    task: TaskArgs,

    /// How many lines fill the holes of a skeleton at most
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().longest)]
    longest: usize,

    /// How many near misses to print
    #[arg(long, value_name = "N", default_value_t = 0)]
    near: usize,

    /// How many programs to try at most
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().most,
        value_parser = at_least_one)]
    most: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Synth {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let task = self.task.task()?;
        let options = SynthOptions {
            steps: task.steps,
            // A length beyond this is one that no number of programs reaches.
            longest: self.longest.min(16),
            near: self.near,
            most: self.most,
            seed: self.task.seed,
        };
        let made = synthesise(task.shape, &self.task.examples(&task), &options)
            .map_err(|error| Failure::Data(error.to_string()))?;
        let text = |program| assembly::write(program, &|_| None);
        if self.json {
            return report::print(&json::line(|all| {
                match &made.found {
                    None => all.raw("found", "null"),
                    Some(found) => all.object("found", |object| {
                        let verdict = task.verdict(&found.program);
                        object.text("skeleton", found.skeleton);
                        object.text("assembly", &text(&found.program));
                        object.plain("more_cells", verdict.more_cells);
                        object.plain("more_steps", verdict.more_steps);
                    }),
                }
                all.objects("near", &made.near, |near, object| {
                    object.text("skeleton", near.skeleton);
                    object.number("score", near.score);
                    object.text("assembly", &text(&near.program));
                });
                all.plain("tried", made.tried);
            }));
        }
        let mut out = match &made.found {
            None => format!("; nothing among {} programs\n", made.tried),
            Some(found) => format!(
                "; {}, of {} programs\n{}",
                found.skeleton,
                made.tried,
                text(&found.program)
            ),
        };
        for near in &made.near {
            let score = significant(100.0 * near.score, 3);
            let (skeleton, text) = (near.skeleton, text(&near.program));
            let _ = write!(out, "\n; {skeleton}, {score} % right\n{text}");
        }
        report::print(&out)
    }
}
