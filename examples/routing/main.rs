//! Can a network learn from answers alone which program to call with which inputs? Four networks that do:
//! the smallest one, a transformer that reads sentences, one that learns with tables and is used with
//! circuits, and one whose library are programs with constants of their own.
//!
//! `cargo run --release --example routing -- [PART…] [--short] [--json] [--seed N] [--out FOLDER]`
//!
//! Parts are `minimal`, `transformer`, `swap` and `physics`, which are run where none is named; and
//! `without-extremes` (the transformer, never asked for the larger or smaller number) and `wide` (numbers
//! below 128).
//! Figures go to `routing.json` and `routing.svg` in the folder, which is `target/routing`.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]
#![allow(clippy::print_stderr, reason = "and says how far it is")]

mod minimal;
mod physics;
mod picture;
mod reader;
mod swap;
mod training;
mod transformer;

use dmci::dfdx::ModuleError;
use picture::Figure;
use serde_json::{Map, Value, json};
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// What there is to run; the first four where nothing is said.
const PARTS: [&str; 6] = [
    "minimal",
    "transformer",
    "swap",
    "physics",
    "without-extremes",
    "wide",
];

/// The most tries of the minimal network.
const MINIMAL_TRIES: usize = 24;

/// How many tries the transformer has to find a code of numbers.
const TRIES: usize = 12;

/// The paper's figures, in percent: a minimal network and a small transformer at depths 1, 2 and 3, and
/// arithmetic modulo 128.
const PAPER_MINIMAL: [f64; 3] = [73.0, 71.0, 7.0];
const PAPER_TRANSFORMER: [f64; 3] = [49.0, 48.0, 3.0];
const PAPER_ARITHMETIC: f64 = 99.2;

/// How to run.
struct Options {
    parts: Vec<String>,
    is_short: bool,
    is_json: bool,
    seed: u64,
    folder: std::path::PathBuf,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        parts: Vec::new(),
        is_short: false,
        is_json: false,
        seed: 0,
        folder: "target/routing".into(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--short" => options.is_short = true,
            "--json" => options.is_json = true,
            "--seed" => {
                let seed = args.next().and_then(|seed| seed.parse().ok());
                options.seed = seed.ok_or("--seed takes a whole number")?;
            }
            "--out" => options.folder = args.next().ok_or("--out takes a folder")?.into(),
            part if PARTS.contains(&part) => options.parts.push(arg),
            other => {
                return Err(format!(
                    "there is no `{other}`; parts are {}",
                    PARTS.join(", ")
                ));
            }
        }
    }
    if options.parts.is_empty() {
        options.parts = PARTS[..4].iter().map(|&part| part.to_owned()).collect();
    }
    Ok(options)
}

/// What all parts came to: as JSON, and as bars of a picture.
#[derive(Default)]
struct Results {
    json: Map<String, Value>,
    figures: Vec<Figure>,
}

/// By depth: `{"1":…,"2":…,"3":…}`.
fn by_depth(found: &[f64]) -> Map<String, Value> {
    let depths = found.iter().enumerate();
    depths
        .map(|(at, part)| ((at + 1).to_string(), json!(part)))
        .collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Results {
    fn say(&mut self, options: &Options, part: &str, name: &str, found: f64, paper: Option<f64>) {
        let beside = paper.map_or(String::new(), |paper| format!("  (paper {paper} %)"));
        if !options.is_json {
            println!("{part:12} {name:24} {:6.1} %{beside}", 100.0 * found);
        }
        self.figures.push(Figure {
            part: part.to_owned(),
            name: name.to_owned(),
            found,
            paper: paper.map(|paper| paper / 100.0),
        });
    }

    /// The minimal network: medians over seeds, trained on answers at all depths, and at depth 3 alone.
    fn minimal(&mut self, options: &Options) -> Result<(), ModuleError> {
        let seeds = if options.is_short { 1 } else { 5 };
        let seeds = options.seed..options.seed + seeds;
        let trained = |depths: &[usize]| -> Result<Vec<minimal::Found>, ModuleError> {
            let found = seeds.clone().map(|seed| {
                if options.is_short {
                    minimal::run::<9, 18>(depths, seed, (1500, 2))
                } else {
                    minimal::run::<32, 64>(depths, seed, (12_000, MINIMAL_TRIES))
                }
            });
            found.collect()
        };
        // Tries are short of work for more than one thread.
        let (all, alone) = std::thread::scope(|scope| {
            let alone = scope.spawn(|| trained(&[3]));
            (trained(&[1, 2, 3]), alone.join())
        });
        let (all, alone) = (all?, alone.unwrap_or_else(|fault| resume_unwind(fault))?);
        let tries = all.iter().zip(&alone);
        let tries: Vec<[usize; 2]> = tries.map(|(all, alone)| [all.tries, alone.tries]).collect();
        let all: Vec<Vec<f64>> = all.into_iter().map(|found| found.parts).collect();
        let alone: Vec<f64> = alone.iter().map(|found| found.parts[0]).collect();
        let medians = (0..3).map(|at| median(all.iter().map(|found| found[at]).collect()));
        let medians: Vec<f64> = medians.collect();
        for (at, &found) in medians.iter().enumerate() {
            let name = format!("depth {}", at + 1);
            self.say(options, "minimal", &name, found, Some(PAPER_MINIMAL[at]));
        }
        let alone_median = median(alone.clone());
        self.say(
            options,
            "minimal",
            "depth 3 alone",
            alone_median,
            Some(PAPER_MINIMAL[2]),
        );
        let mut json = by_depth(&medians);
        self.json.insert(
            "minimal_seeds".into(),
            json!({"all": all, "alone": alone, "tries": tries}),
        );
        self.json
            .insert("minimal".into(), Value::Object(std::mem::take(&mut json)));
        Ok(())
    }

    /// The transformer; `without-extremes` is not asked for larger and smaller numbers, `wide` is of
    /// numbers below 128.
    fn transformer(&mut self, options: &Options, part: &str) -> Result<(), ModuleError> {
        let mut sum = 0.0;
        let started = Instant::now();
        let mut told = |step: usize, loss: f32| {
            sum += loss;
            if (step + 1).is_multiple_of(500) {
                let seconds = started.elapsed().as_secs_f64();
                eprintln!(
                    "{part}: step {}, loss {:.3}, {seconds:.0} s",
                    step + 1,
                    sum / 500.0
                );
                sum = 0.0;
            }
        };
        let (seed, extremes) = (options.seed, part != "without-extremes");
        let found = match (options.is_short, part) {
            (true, _) => transformer::run::<25, 19, 28, 9>(extremes, seed, (60, 1, 50), &mut told)?,
            (_, "wide") => transformer::run::<144, 138, 266, 128>(
                extremes,
                seed,
                (12_000, 1, 1000),
                &mut told,
            )?,
            (_, "without-extremes") => transformer::run::<48, 42, 74, 32>(
                extremes,
                seed,
                (16_000, TRIES, 1000),
                &mut told,
            )?,
            _ => {
                transformer::run::<48, 42, 74, 32>(extremes, seed, (5000, TRIES, 1000), &mut told)?
            }
        };
        let arithmetic = found.arithmetic();
        let paper = if part == "wide" {
            Some(PAPER_ARITHMETIC)
        } else {
            None
        };
        self.say(options, part, "arithmetic", arithmetic, paper);
        let depths: Vec<f64> = (1..=3).map(|depth| found.depth(depth)).collect();
        for (at, &found) in depths.iter().enumerate() {
            let name = format!("fibonacci, depth {}", at + 1);
            self.say(options, part, &name, found, Some(PAPER_TRANSFORMER[at]));
        }
        let mut json = by_depth(&depths);
        json.insert("arithmetic".into(), json!(arithmetic));
        self.json
            .insert(format!("{part}_weights"), json!(found.weights));
        self.json
            .insert(format!("{part}_tries"), json!(found.tries));
        self.json.insert(part.into(), Value::Object(json));
        Ok(())
    }

    /// Learned with tables, used with circuits, then on wider numbers.
    fn swap(&mut self, options: &Options) -> Result<(), ModuleError> {
        let found = swap::run(options.seed, if options.is_short { 60 } else { 1500 })?;
        self.say(options, "swap", "tables, 5 digits", found.table, None);
        self.say(options, "swap", "circuits, 5 digits", found.circuit, None);
        for &(width, part) in &found.wider {
            self.say(
                options,
                "swap",
                &format!("circuits, {width} digits"),
                part,
                None,
            );
        }
        let wider = found
            .wider
            .iter()
            .map(|(width, part)| (width.to_string(), json!(part)));
        let wider: Map<String, Value> = wider.collect();
        self.json.insert("swap_wider".into(), Value::Object(wider));
        let both = json!({"table": found.table, "circuit": found.circuit});
        self.json.insert("swap".into(), both);
        Ok(())
    }

    /// Programs of the language, with their constants.
    fn physics(&mut self, options: &Options) -> Result<(), ModuleError> {
        let found = physics::run(
            options.seed,
            if options.is_short { 60 } else { 3000 },
            options.is_short,
        )?;
        self.say(options, "physics", "answers within 1 %", found.within, None);
        let mut constants = Map::new();
        for (name, value, wanted) in found.constants {
            if !options.is_json {
                println!("             {name} is {value:.4}, of {wanted}");
            }
            constants.insert(name, json!({"found": value, "is": wanted}));
        }
        let json = json!({"within_1_percent": found.within, "constants": constants});
        self.json.insert("physics".into(), json);
        Ok(())
    }
}

fn run(options: &Options) -> Result<Results, ModuleError> {
    let mut results = Results::default();
    for part in &options.parts {
        let started = Instant::now();
        match part.as_str() {
            "minimal" => results.minimal(options)?,
            "swap" => results.swap(options)?,
            "physics" => results.physics(options)?,
            other => results.transformer(options, other)?,
        }
        eprintln!("{part}: {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(results)
}

fn main() -> ExitCode {
    let done = options().and_then(|options| {
        let results = run(&options).map_err(|error| error.to_string())?;
        let folder = &options.folder;
        let all = Value::Object(results.json.clone()).to_string() + "\n";
        let picture = picture::draw(&results.figures);
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join("routing.json"), all))
            .and_then(|()| std::fs::write(folder.join("routing.svg"), picture));
        written.map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
        if options.is_json {
            let keys = ["minimal", "transformer", "swap"];
            let kept = keys.iter().filter_map(|&key| {
                let value = results.json.get(key)?;
                Some((key.to_owned(), value.clone()))
            });
            println!("{}", Value::Object(kept.collect()));
        }
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            eprintln!("error: {told}");
            ExitCode::FAILURE
        }
    }
}
