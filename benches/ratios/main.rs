//! How far are we from code written by hand, and are the peers nearer?
//!
//! The shared workloads, `limit.cpp` and `peers.json` go in; Markdown tables come out. All times are of
//! all lanes together; where nothing else is said, processor time of one thread, medians of samples
//! taken in turn with those of the hand-written code.
//!
//! ```text
//! cargo bench --bench ratios
//! cargo bench --bench ratios -- --section table --lanes 1,1024 --only W3,W4 --rounds 5
//! ```
//!
//! **Invariants**
//! - Every value is checked before its time is told: one lane's with its gradient against
//!   `workloads.json`, the sum over many against what the hand-written code computed.
//! - Without `g++` there are our times alone.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables are what it is for"
)]

mod clock;
mod limit;
mod peers;
mod sections;
#[path = "../workload/mod.rs"]
mod workload;

use std::env;
use std::process::ExitCode;
use std::str::FromStr;
use workload::Workload;

/// The sections, in order.
const SECTIONS: [&str; 5] = ["table", "modes", "threads", "cold", "memory"];

/// What is asked for.
pub(crate) struct Options {
    sections: Vec<String>,
    pub(crate) lanes: Vec<usize>,
    only: Vec<String>,
    /// How often the hand-written code is run, and we beside it.
    pub(crate) rounds: usize,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            sections: SECTIONS.map(str::to_owned).into(),
            lanes: vec![1, 1024, 65_536],
            only: Vec::new(),
            rounds: 3,
        };
        while let Some(argument) = arguments.next() {
            // What cargo says to every bench.
            if argument == "--bench" {
                continue;
            }
            let mut list = || {
                let list = arguments.next();
                list.ok_or_else(|| format!("{argument} takes a value"))
            };
            match argument.as_str() {
                "--section" => options.sections = parse_list(&list()?)?,
                "--lanes" => options.lanes = parse_list(&list()?)?,
                "--only" => options.only = parse_list(&list()?)?,
                "--rounds" => options.rounds = list()?.parse().map_err(|e| format!("{e}"))?,
                _ => return Err(format!("{argument} means nothing here")),
            }
        }
        let known = |section: &String| SECTIONS.contains(&section.as_str());
        if let Some(other) = options.sections.iter().find(|section| !known(section)) {
            return Err(format!("no section `{other}`; there are {SECTIONS:?}"));
        }
        if options.rounds == 0 || options.lanes.contains(&0) {
            return Err("--rounds and --lanes are 1 or more".into());
        }
        if options.workloads().is_empty() {
            return Err(format!("no workload is called {:?}", options.only));
        }
        Ok(options)
    }

    /// The workloads asked for, by name or by what stands before `_` in it.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let mut all = Workload::all();
        all.retain(|workload| {
            let short = workload.name.split('_').next();
            let is_asked = |name: &String| *name == workload.name || Some(name.as_str()) == short;
            self.only.is_empty() || self.only.iter().any(is_asked)
        });
        all
    }
}

fn parse_list<T: FromStr>(list: &str) -> Result<Vec<T>, String> {
    let parse = |item: &str| item.parse().map_err(|_| format!("`{item}` does not fit"));
    list.split(',').map(parse).collect()
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    if arguments
        .peek()
        .is_some_and(|first| first == sections::CHILD)
    {
        sections::grow(arguments.nth(1).as_deref(), arguments.next().as_deref());
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    for section in &options.sections {
        // On a pool of one thread, where lanes would be spread over threads.
        let alone = |section: fn(&Options)| sections::pool(1).install(|| section(&options));
        match section.as_str() {
            "table" => alone(sections::table),
            "modes" => alone(sections::modes),
            "threads" => sections::threads(&options),
            "cold" => alone(sections::cold),
            _ => sections::memory(),
        }
    }
    ExitCode::SUCCESS
}
