//! `dmci machine tune`: weights that do what examples show.
//!
//! A program to start from, or sizes, and lines of examples go in; the weights that were found come
//! out, or the best there were, and what each try came to.

use super::{Loaded, NoiseArgs, ShapeArgs, VariantArgs, load, write};
use crate::Random;
use crate::Threads;
use crate::cli::bars::{ProgressBar, bar};
use crate::cli::json;
use crate::cli::program::{at_least_one, read_text, thread_count};
use crate::cli::report::{self, Failure, significant};
use crate::machine::assembly;
use crate::machine::files::{read_example, write_soft};
use crate::machine::{
    Example, Loss, Shape, SoftState, Start, State, Try, TuneError, TuneOptions, Tuned, tune,
};
use clap::Args;
use std::path::{Path, PathBuf};

/// Tune a program until it does what examples show
///
/// An example is a line of JSON, {"memory":[3,7],"registers":[0],"wanted":{"memory":[4,8]}}: numbers that
/// are not given are 0, and null asks for nothing. Examples are drawn from the file for each iteration, and
/// a program is found when it is right on all of them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine tune near.rasm examples.jsonl --out tuned.json
  dmci machine tune --random --base 8 --registers 4 --lines 8 examples.jsonl --tries 40
  dmci machine tune near.rasm examples.jsonl --gamma 0.1 --json")]
pub(super) struct Tune {
    /// The program to start near, as assembly, or weights to start at; then the examples
    #[arg(value_name = "FILE", num_args = 1..=2, required = true)]
    files: Vec<PathBuf>,

    /// Start at random weights, of the sizes given
    #[arg(long, requires_all = ["base", "registers", "lines"])]
    random: bool,

    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    variants: VariantArgs,

    /// How many tries at most
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = at_least_one)]
    tries: usize,

    /// How many iterations a try has
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = at_least_one)]
    iterations: usize,

    /// How many steps the soft machine takes; without it 1.6 times what the program that is started near
    /// takes at most on the examples, and at least 24
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    steps: Option<usize>,

    /// Adam's step size
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    rate: f64,

    /// What is added to chances before the logarithm of the loss
    #[arg(long, value_name = "FLOOR", default_value_t = 0.1)]
    floor: f64,

    /// What a step costs that is taken
    #[arg(long, value_name = "COST", default_value_t = 0.0)]
    efficiency: f64,

    /// What not having halted costs
    #[arg(long, value_name = "COST", default_value_t = 0.0)]
    confidence: f64,

    /// How many threads
    #[arg(long, value_name = "N", value_parser = thread_count)]
    threads: Option<usize>,

    /// Write the weights that were found, or the best
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,

    /// Print {"found":…,"assembly":…,"tries":[…]}
    #[arg(long)]
    json: bool,
}

impl Tune {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (start, examples) = match (self.files.as_slice(), self.random) {
            ([examples], true) => (self.at_random()?, examples),
            ([near, examples], false) => (self.near(near)?, examples),
            ([_], false) => {
                let what =
                    "give a program to start near and the examples, or --random and the examples";
                return Err(Failure::Usage(what.into()));
            }
            _ => {
                return Err(Failure::Usage(
                    "with --random, give the examples alone".into(),
                ));
            }
        };
        let shape = start.shape();
        let examples = read_examples(examples, shape)?;
        let options = self.options(&start, &examples);
        let bar = self.progress();
        let draw = |random: &mut Random| examples[random.below(examples.len())].clone();
        let watch = |_: &Try| bar.inc(1);
        let tuned =
            tune(&start, &draw, &examples, &options, &watch).map_err(|error| match error {
                error @ TuneError::Option { .. } => Failure::Usage(error.to_string()),
                error => Failure::Data(error.to_string()),
            })?;
        bar.finish_and_clear();
        self.tell(&tuned, shape)
    }

    fn at_random(&self) -> Result<Start, Failure> {
        let ShapeArgs {
            base,
            registers,
            lines,
        } = self.shape;
        let shape = Shape {
            base: base.unwrap_or(0),
            registers: registers.unwrap_or(0),
            lines: lines.unwrap_or(0),
        };
        shape
            .check()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let deviation = 1.0;
        Ok(Start::Random { shape, deviation })
    }

    fn near(&self, file: &Path) -> Result<Start, Failure> {
        Ok(match load(file, &self.shape)? {
            Loaded::Assembly(read) => Start::Near {
                program: read.program,
                gamma: self.noise.gamma.unwrap_or(0.3),
                epsilon: self.noise.epsilon,
            },
            Loaded::Soft(soft) => Start::Weights(soft.0),
        })
    }

    fn options(&self, start: &Start, examples: &[Example]) -> TuneOptions {
        let definition = self.variants.definition();
        let needed = match start {
            Start::Near { program, .. } => {
                let taken = examples.iter().map(|example| {
                    let mut state = example.start.clone();
                    let most = 256;
                    crate::machine::oracle::run_by(&definition, program, &mut state, most)
                });
                taken.filter(|&taken| taken < 256).max().unwrap_or(0)
            }
            _ => 0,
        };
        let slack = (8 * needed).div_ceil(5).max(24);
        let steps = self.steps.unwrap_or(slack);
        TuneOptions {
            definition,
            steps,
            check_steps: 4 * steps,
            tries: self.tries,
            iterations: self.iterations,
            rate: self.rate,
            loss: Loss {
                floor: self.floor,
                efficiency: self.efficiency,
                confidence: self.confidence,
            },
            seed: self.noise.seed,
            threads: self.threads.map_or(Threads::ALL, Threads::of),
            ..TuneOptions::default()
        }
    }

    fn progress(&self) -> ProgressBar {
        let template = "{bar:32} {pos} of {len} tries, {eta} left";
        bar(self.tries as u64, template, false)
    }

    fn tell(&self, tuned: &Tuned, shape: Shape) -> Result<(), Failure> {
        let Some(best) = tuned.best() else {
            return Err(Failure::Data("no try came to anything".into()));
        };
        if let Some(path) = &self.out {
            let start = SoftState::of(shape, &State::of(shape));
            write(path, &(write_soft(&best.weights, &start) + "\n"))?;
        }
        let text = assembly::write(&best.weights.decompile(), &|_| None);
        let found = tuned.found().is_some();
        if self.json {
            return report::print(&json::line(|object| {
                object.plain("found", found);
                object.text("assembly", &text);
                object.objects("tries", &tuned.tries, |one, object| {
                    object.plain("iterations", one.iterations);
                    object.number("loss", one.loss);
                    object.plain("found", one.found);
                    object.plain("diverged", one.diverged);
                });
            }));
        }
        let tries = tuned.tries.len();
        let told = if found {
            let iterations = best.iterations;
            format!("; found in try {tries}, after {iterations} iterations\n{text}")
        } else {
            let loss = significant(best.loss, 3);
            format!("; not found in {tries} tries; the best has the loss {loss}\n{text}")
        };
        report::print(&told)
    }
}

/// Examples, one a line.
fn read_examples(path: &Path, shape: Shape) -> Result<Vec<Example>, Failure> {
    let text = read_text(path)?;
    let mut examples = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let example = read_example(shape, line);
        examples.push(
            example.map_err(|error| {
                Failure::Data(format!("{}:{}: {error}", path.display(), at + 1))
            })?,
        );
    }
    if examples.is_empty() {
        return Err(Failure::Data(format!(
            "{}: no examples; give one a line",
            path.display()
        )));
    }
    Ok(examples)
}
