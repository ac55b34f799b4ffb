//! The experiments of the papers, done again: each row is the paper's figure beside ours, and the reason
//! where ours is not as good.
//!
//! ```text
//! cargo run --release --example papers -- A              # an experiment, or several
//! cargo run --release --example papers -- all            # all of them
//! cargo run --release --example papers -- all --short    # a smaller form of all, within three minutes
//! cargo run --release --example papers -- all --json     # one JSON object in place of tables
//! cargo run --release --example papers -- A --from all.json --page src/docs # A again, and the page of all
//! ```
//!
//! The end is 0 where each figure is met or has its reason, 1 where one has not or an experiment fails, and 2
//! where it is not clear what is asked for.
#![allow(
    clippy::format_collect,
    reason = "tables and texts of programs are short"
)]

mod batching;
mod battery;
mod chart;
mod clock;
mod composition;
mod corpus;
mod descent;
mod ecosystem;
mod elsewhere;
mod families;
mod filter;
mod lotka;
mod network;
mod nino;
mod objective;
mod operators;
mod page;
mod phenomena;
mod recursive;
mod report;
mod searches;
mod soft_choice;
mod theorems;
mod written;

// The way down that the linear inverse model takes.
#[path = "../linear_inverse_model/numerics.rs"]
mod numerics;

/// The tests' generator of programs.
#[path = "../../tests/it"]
#[allow(dead_code, unused_imports, reason = "the tests ask for more")]
mod by_chance {
    pub(crate) mod generate;
    pub(crate) mod random;
}

use by_chance::{generate, random};
use elsewhere::ELSEWHERE;
use report::{Failure, Findings, Told};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// A smaller form, in which every row is there.
    pub(crate) short: bool,
}

impl Effort {
    /// How many of something: so many, or fewer in the short form.
    pub(crate) fn of(self, whole: usize, short: usize) -> usize {
        if self.short { short } else { whole }
    }
}

/// An experiment: its name, its title, and what does it.
struct Experiment(
    &'static str,
    &'static str,
    fn(Effort) -> Result<Findings, Failure>,
);

const EXPERIMENTS: [Experiment; 14] = [
    Experiment(
        "A",
        "constants of six families of programs, by methods that ought to agree",
        families::run,
    ),
    Experiment(
        "B",
        "fifteen models as a language model writes them, beside a network",
        written::run,
    ),
    Experiment("C", "eight recursive models", recursive::run),
    Experiment("E", "operators recovered from data", operators::run),
    Experiment(
        "F",
        "four phenomena, by replayed answers, a library and genetic operators",
        phenomena::run,
    ),
    Experiment(
        "G",
        "which composition of a library's modules made the data",
        composition::run,
    ),
    Experiment(
        "H",
        "an Earth system and an economy, on many sets of constants at once",
        batching::run,
    ),
    Experiment(
        "I",
        "an ecosystem of 6 to 126 constants, with gradients and without",
        ecosystem::run,
    ),
    Experiment("J", "a growing corpus of programs", corpus::run),
    Experiment(
        "lotka",
        "predator and prey at five strengths of noise",
        lotka::run,
    ),
    Experiment(
        "battery",
        "the capacity of cells beyond what is known of them",
        battery::run,
    ),
    Experiment(
        "nino",
        "El Niño: a linear inverse model of up to 440 constants",
        nino::run,
    ),
    Experiment("filter", "a Kalman filter beside NDVM's", filter::run),
    Experiment(
        "theorems",
        "three theorems as properties of random programs",
        theorems::run,
    ),
];

/// What is asked for.
struct Asked {
    names: Vec<String>,
    effort: Effort,
    json: bool,
    /// What earlier runs printed as JSON.
    from: Vec<PathBuf>,
    page: Option<PathBuf>,
    help: bool,
}

impl Asked {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            names: Vec::new(),
            effort: Effort { short: false },
            json: false,
            from: Vec::new(),
            page: None,
            help: false,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--short" => asked.effort.short = true,
                "--json" => asked.json = true,
                "--help" | "-h" => asked.help = true,
                "--page" | "--from" => {
                    let path = arguments.next();
                    let path = path
                        .ok_or_else(|| format!("{argument} takes a path"))?
                        .into();
                    if argument == "--page" {
                        asked.page = Some(path);
                    } else {
                        asked.from.push(path);
                    }
                }
                option if option.starts_with('-') => {
                    return Err(format!(
                        "no option `{option}`; --help tells which there are"
                    ));
                }
                name if name == "all" || EXPERIMENTS.iter().any(|e| e.0 == name) => {
                    asked.names.push(argument);
                }
                name => return Err(unknown(name)),
            }
        }
        asked.help |= asked.names.is_empty() && asked.from.is_empty();
        Ok(asked)
    }

    fn is_asked(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|asked| asked == name || asked == "all")
    }
}

/// What to say of a name that is no experiment here.
fn unknown(name: &str) -> String {
    let there: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.0).collect();
    let elsewhere = ELSEWHERE.iter().filter(|row| row.0 == name);
    let commands: String = elsewhere
        .map(|row| format!("\n  {}: {}", row.1, row.3))
        .collect();
    if commands.is_empty() {
        let there = there.join(", ");
        format!("no experiment `{name}`; there are {there}, or all of them: all")
    } else {
        format!("`{name}` is what other commands measure:{commands}")
    }
}

fn help() -> String {
    let mut text = "The experiments of the papers, done again.\n\n\
        papers NAME… [--short] [--json] [--from FILE]… [--page FOLDER]\n\n"
        .to_owned();
    for Experiment(name, title, _) in EXPERIMENTS {
        let _ = writeln!(text, "  {name:9} {title}");
    }
    text += "  all       all of them\n\n\
        --short        smaller forms: all within three minutes\n\
        --json         one JSON object on standard output\n\
        --from FILE    what an earlier run printed with --json, beside what is run now\n\
        --page FOLDER  write results.md and results.svg there\n\n\
        Other figures of the papers are those of other commands:\n\n";
    for (name, what, _, command) in ELSEWHERE {
        let _ = writeln!(text, "  {name:5} {what}\n        {command}");
    }
    text
}

/// What earlier runs and those of now have found, in order, and whether something is wrong with the latter.
#[expect(clippy::print_stderr, reason = "what is wrong is told as it comes")]
fn findings(asked: &Asked) -> Result<(Vec<Told>, bool), Failure> {
    let (mut all, mut failed) = (Vec::new(), false);
    for path in &asked.from {
        all.extend(report::from_json(path)?);
    }
    for Experiment(name, title, run) in EXPERIMENTS {
        if !asked.is_asked(name) {
            continue;
        }
        // What is done again takes the place of what was read.
        all.retain(|told: &Told| told.name != name);
        let findings = match run(asked.effort) {
            Ok(findings) => findings,
            Err(error) => {
                eprintln!("error: {name}: {error}");
                failed = true;
                continue;
            }
        };
        let told = Told {
            name: name.to_owned(),
            title: title.to_owned(),
            findings,
        };
        if !asked.json {
            told.print();
        }
        for fault in told.faults() {
            eprintln!("error: {name}, {fault}: not met, and no reason is known");
            failed = true;
        }
        all.push(told);
    }
    let is_of = |told: &Told, experiment: &Experiment| experiment.0 == told.name;
    all.sort_by_key(|told| {
        EXPERIMENTS
            .iter()
            .position(|experiment| is_of(told, experiment))
    });
    Ok((all, failed))
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows its results by printing them"
)]
fn main() -> ExitCode {
    let wrong = |error: &dyn std::fmt::Display| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    };
    let asked = match Asked::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => return wrong(&error),
    };
    if asked.help {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let (all, mut failed) = match findings(&asked) {
        Ok(found) => found,
        Err(error) => return wrong(&error),
    };
    if asked.json {
        println!("{}", report::to_json(&all));
    } else if asked.names.iter().any(|name| name == "all") {
        println!("Elsewhere:");
        for (name, what, paper, command) in ELSEWHERE {
            println!("  {name}: {what} (paper: {paper})\n      {command}");
        }
    }
    if let Some(folder) = &asked.page
        && let Err(error) = page::write(folder, &all)
    {
        eprintln!("error: {error}");
        failed = true;
    }
    ExitCode::from(u8::from(failed))
}
