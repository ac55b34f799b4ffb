//! `dmci machine`: the differentiable register machine.
//!
//! Programs go in, as assembly or as weights; runs, weights, programs and figures come out.
//!
//! **Invariants**
//! - A text of assembly that is wrong is shown with a caret; weights that do not fit are told by name.

mod compile;
mod decompile;
mod heat;
mod run;
mod search;
mod synth;
mod table1;
mod task;
mod tune;

use super::program::read_text;
use super::report::{Failure, Source};
use crate::machine::assembly::{self, Assembly, Sizes};
use crate::machine::files::read_soft;
use crate::machine::{Compilation, Definition, ProgramError, SoftState, State, Weights};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Run, compile, decompile, tune and find programs of the differentiable register machine
#[derive(Args, Debug)]
pub(super) struct Machine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Run),
    Compile(compile::Compile),
    Decompile(decompile::Decompile),
    Tune(tune::Tune),
    Synth(synth::Synth),
    Search(search::Search),
    Table1(table1::Table1),
}

impl Machine {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            Command::Run(command) => command.run(),
            Command::Compile(command) => command.run(),
            Command::Decompile(command) => command.run(),
            Command::Tune(command) => command.run(),
            Command::Synth(command) => command.run(),
            Command::Search(command) => command.run(),
            Command::Table1(command) => command.run(),
        }
    }
}

/// How to read assembly, and what machine it is for.
#[derive(Args, Debug)]
struct ShapeArgs {
    /// Numbers go from 0 to one less; in place of the text's `.base`
    #[arg(long, value_name = "N")]
    base: Option<usize>,

    /// How many registers there are; in place of the text's `.registers`
    #[arg(long, value_name = "N")]
    registers: Option<usize>,

    /// How many lines there are, the last of which do nothing; in place of the text's `.lines`
    #[arg(long, value_name = "N")]
    lines: Option<usize>,
}

/// Variants of the machine.
#[derive(Args, Debug)]
struct VariantArgs {
    /// A variant of the definition: logits (weights are mixed over the lines, not probabilities), register
    /// (a jump goes to the number in a register), one (a jump is taken on 1), max (halting grows to the
    /// larger chance)
    #[arg(long = "variant", value_name = "NAME", value_parser = Definition::VARIANTS)]
    variants: Vec<String>,
}

impl VariantArgs {
    fn definition(&self) -> Definition {
        let plain = Definition::default();
        let with = |all: Definition, name: &String| all.with(name).unwrap_or(all);
        self.variants.iter().fold(plain, with)
    }
}

/// How a program becomes weights.
#[derive(Args, Debug)]
struct NoiseArgs {
    /// How much of the other choices is mixed in: W = log(one-hot + GAMMA u + EPSILON), u from 0 to 1
    #[arg(long, value_name = "GAMMA", value_parser = not_negative)]
    gamma: Option<f64>,

    /// What every choice has at least
    #[arg(long, value_name = "EPSILON", default_value_t = Compilation::default().epsilon,
        value_parser = not_negative)]
    epsilon: f64,

    /// What the noise is drawn by
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl NoiseArgs {
    fn compilation(&self) -> Compilation {
        Compilation {
            gamma: self.gamma.unwrap_or(0.0),
            epsilon: self.epsilon,
            seed: self.seed,
        }
    }
}

/// A number from 0 on.
fn not_negative(argument: &str) -> Result<f64, String> {
    match argument.parse() {
        Ok(number) if (0.0..f64::INFINITY).contains(&number) => Ok(number),
        _ => Err("give a number from 0 on".into()),
    }
}

/// Numbers with blanks or commas between them.
fn numbers(option: &str, text: &str, base: usize, places: usize) -> Result<Vec<usize>, Failure> {
    let wrong = |what: String| Err(Failure::Usage(format!("{option}: {what}")));
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let mut found = Vec::new();
    for word in words {
        match word.parse() {
            Ok(number) if number < base => found.push(number),
            Ok(number) => {
                let number: usize = number;
                return wrong(format!(
                    "{number} is no number of base {base}: they go from 0 to {}",
                    base - 1
                ));
            }
            Err(_) => return wrong(format!("`{word}` is no whole number from 0 on")),
        }
    }
    if found.len() > places {
        return wrong(format!(
            "{} numbers, and there are {places} places",
            found.len()
        ));
    }
    Ok(found)
}

/// A program of a file: assembly, or weights.
enum Loaded {
    Assembly(Assembly),
    Soft(Box<(Weights, SoftState)>),
}

/// Reads a file: weights where its name ends in `.json`, else assembly.
fn load(path: &Path, shape: &ShapeArgs) -> Result<Loaded, Failure> {
    let text = read_text(path)?;
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return match read_soft(&text) {
            Ok(soft) => Ok(Loaded::Soft(Box::new(soft))),
            Err(error) => Err(Failure::Data(format!("{}: {error}", path.display()))),
        };
    }
    let sizes = Sizes {
        base: shape.base,
        registers: shape.registers,
        lines: shape.lines,
    };
    let source = Source {
        name: path.display().to_string(),
        text: text.as_str().into(),
    };
    match assembly::read(&text, sizes) {
        Ok(read) => Ok(Loaded::Assembly(read)),
        Err(error) => Err(Failure::assembly(source, error)),
    }
}

/// A file's program as weights, with its starting state.
fn soft(loaded: Loaded, noise: &NoiseArgs) -> Result<(Weights, SoftState), Failure> {
    match loaded {
        Loaded::Soft(soft) => Ok(*soft),
        Loaded::Assembly(Assembly { program, start, .. }) => {
            let weights = Weights::compile(&program, &noise.compilation())
                .map_err(|error| failure(&error))?;
            Ok((weights, SoftState::of(program.shape, &start)))
        }
    }
}

fn failure(error: &ProgramError) -> Failure {
    Failure::Data(error.to_string())
}

/// Writes a file.
fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::Data(format!("{}: {error}", path.display())))
}

/// Numbers with blanks between them.
fn in_words(numbers: &[usize]) -> String {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// Puts the numbers of arguments into a starting state.
fn place(
    start: &mut State,
    base: usize,
    memory: Option<&String>,
    registers: Option<&String>,
) -> Result<(), Failure> {
    for (option, given, to) in [
        ("--memory", memory, &mut start.memory),
        ("--start-registers", registers, &mut start.registers),
    ] {
        if let Some(text) = given {
            let given = numbers(option, text, base, to.len())?;
            to.fill(0);
            to[..given.len()].copy_from_slice(&given);
        }
    }
    Ok(())
}
