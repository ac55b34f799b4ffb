//! `dmci machine compile`: assembly to weights.
//!
//! A program goes in; its weights and its starting state come out, as JSON in the notation of the
//! inputs of `examples/register_machine/machine.scm`, and a heatmap of the probabilities.

use super::heat::{Block, draw};
use super::{Loaded, NoiseArgs, ShapeArgs, load, numbers, soft, write};
use crate::cli::report::{self, Failure};
use crate::machine::files::write_soft;
use crate::machine::{Instruction, Shape, Weights, assembly};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Compile assembly to weights
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine compile inc.rasm --gamma 0.3 --seed 1 --out inc.json
  dmci machine compile inc.rasm --wanted '4 8 2' --steps 32 --out inputs.json
  dmci grad machine.scm --inputs @inputs.json")]
pub(super) struct Compile {
    /// The program, as assembly, or as weights that are written anew
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    noise: NoiseArgs,

    /// What memory is to hold in the end, from address 0 on: the loss of the definition compares with it
    #[arg(long, value_name = "NUMBERS", requires = "steps")]
    wanted: Option<String>,

    /// How many steps the definition takes at most
    #[arg(long, value_name = "N", requires = "wanted")]
    steps: Option<usize>,

    /// Write the weights to a file instead of standard output
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,

    /// Draw the probabilities, line by line
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
}

impl Compile {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (weights, start) = soft(load(&self.file, &self.shape)?, &self.noise)?;
        if let Some(path) = &self.svg {
            let file = self.file.display().to_string();
            write(path, &picture(&file, &weights))?;
        }
        let mut json = write_soft(&weights, &start);
        if let (Some(wanted), Some(steps)) = (&self.wanted, self.steps) {
            let base = weights.shape().base;
            let wanted = numbers("--wanted", wanted, base, base)?;
            let rows: Vec<Vec<f64>> = (0..base)
                .map(|at| {
                    let mut row = vec![0.0; base];
                    if let Some(&number) = wanted.get(at) {
                        row[number] = 1.0;
                    }
                    row
                })
                .collect();
            let rows = serde_json::to_string(&rows).unwrap_or_default();
            json.pop();
            let _ = write!(
                json,
                ",\"wanted\":{rows},\"steps\":{steps},\"loss-floor\":0.1}}"
            );
        }
        json.push('\n');
        match &self.out {
            Some(path) => write(path, &json),
            None => report::print(&json),
        }
    }
}

/// The probabilities of a program as a heatmap.
pub(super) fn picture(title: &str, weights: &Weights) -> String {
    let Shape {
        registers, lines, ..
    } = weights.shape();
    let names = |name: &str, count: usize| (0..count).map(|at| format!("{name}{at}")).collect();
    let instructions = Instruction::ALL
        .iter()
        .map(|one| one.name().to_owned())
        .collect();
    let columns: [Vec<String>; 5] = [
        instructions,
        names("r", registers),
        names("r", registers),
        names("r", registers),
        names("L", lines),
    ];
    let softened = Weights::from_numbers(weights.shape(), weights.probabilities());
    let softened = softened.unwrap_or_else(|_| weights.clone());
    let blocks: Vec<Block> = Weights::GROUPS
        .iter()
        .zip(columns)
        .enumerate()
        .map(|(group, (title, columns))| Block {
            title: (*title).to_owned(),
            columns,
            rows: softened
                .group(group)
                .into_iter()
                .map(<[f64]>::to_vec)
                .collect(),
        })
        .collect();
    let rows: Vec<String> = (0..lines).map(|at| format!("L{at}")).collect();
    draw(title, &rows, &blocks)
}

/// A program's text where a file holds one, and the text of its likeliest program where it holds weights.
pub(super) fn text_of(loaded: &Loaded) -> String {
    match loaded {
        Loaded::Assembly(read) => assembly::write(&read.program, &|_| None),
        Loaded::Soft(soft) => assembly::write(&soft.0.decompile(), &|_| None),
    }
}
