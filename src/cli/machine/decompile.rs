//! `dmci machine decompile`: weights to assembly.
//!
//! Weights go in; the program of their likeliest choices comes out, and which of its lines are
//! doubtful.

use super::{Loaded, ShapeArgs, load};
use crate::cli::json;
use crate::cli::report::{self, Failure, significant};
use crate::machine::{Spread, Weights, assembly};
use clap::Args;
use std::path::PathBuf;

/// Read weights back as assembly, with what each doubtful line might else be
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine decompile tuned.json
  dmci machine decompile tuned.json --below 0.99 --json")]
pub(super) struct Decompile {
    /// The weights, as `dmci machine compile` and `tune` write them; or assembly, which is written anew
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    shape: ShapeArgs,

    /// Below which chance a choice is doubtful
    #[arg(long, value_name = "CHANCE", default_value_t = 0.9)]
    below: f64,

    /// Print {"assembly":…,"lines":[{"line","text","chances":{…},"doubtful"},…]}
    #[arg(long)]
    json: bool,
}

impl Decompile {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let weights = match load(&self.file, &self.shape)? {
            Loaded::Soft(soft) => soft.0,
            loaded @ Loaded::Assembly(_) => {
                return report::print(&super::compile::text_of(&loaded));
            }
        };
        let program = weights.decompile();
        let spread = weights.spread();
        let doubt = |at: usize| spread.get(at).filter(|line| line.is_doubtful(self.below));
        let text = assembly::write(&program, &|at| doubt(at).map(in_words));
        if !self.json {
            return report::print(&text);
        }
        report::print(&json::line(|object| {
            object.text("assembly", &text);
            object.objects(
                "lines",
                spread.iter().zip(&program.lines),
                |(line, code), object| {
                    object.plain("line", line.line);
                    object.text("text", &assembly::line(code));
                    object.object("chances", |object| {
                        for (name, chance) in Weights::GROUPS.iter().zip(line.chances) {
                            object.number(name, chance);
                        }
                    });
                    object.plain("doubtful", line.is_doubtful(self.below));
                },
            );
        }))
    }
}

/// What is doubtful of a line.
fn in_words(line: &Spread) -> String {
    let [(first, p), (second, q)] = line.instructions;
    let chance = |x: f64| significant(x, 2);
    let mut words = Vec::new();
    if p < 1.0 && q > 0.005 {
        words.push(format!("{first} {}, {second} {}", chance(p), chance(q)));
    }
    for (name, &chance_of) in Weights::GROUPS.iter().zip(&line.chances).skip(1) {
        if chance_of < 0.9 {
            words.push(format!("{name} {}", chance(chance_of)));
        }
    }
    format!("doubtful: {}", words.join("; "))
}
