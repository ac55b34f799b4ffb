//! How far are whole vectors and long loops from code written by hand, from `numpy` and from JAX?
//!
//! Cases and what of them is asked for go in; a Markdown table comes out: value and gradient, warm, on one
//! thread, as medians of ratios to peers that ran in turn with us.
//!
//! ```text
//! cargo bench --bench frontier
//! cargo bench --bench frontier -- --only heat,mlp:1024 --peers numpy --rounds 5
//! ```
//!
//! Peers in Python want `python3`, or what `DMCI_PYTHON` names, with numpy and scipy, and with jax.
//!
//! **Invariants**
//! - Times are processor time of one thread. Every evaluation is on other numbers than the one before.
//! - A peer's time counts only if its value is ours, to a millionth.
//! - The memory of a case is the peak of a process that does nothing else.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables are what it is for"
)]

mod cases;
#[path = "../ratios/clock.rs"]
mod clock;
mod peers;

use cases::{Array, Case, case, cases};
use clock::{median, samples};
use dmci::{Evaluator, Interpreter, Lane, Limits, Mode, Model};
use peers::Peers;
use rayon::ThreadPoolBuilder;
use std::env;
use std::process::{Command, ExitCode};

/// The argument by which this program runs itself to see how much memory a case takes.
const PEAK: &str = "--peak";

/// What is asked for.
struct Options {
    only: Vec<String>,
    peers: Vec<String>,
    rounds: usize,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let list = |text: String| text.split(',').map(str::to_owned).collect();
        let mut options = Self {
            only: Vec::new(),
            peers: ["hand", "numpy", "jax"].map(str::to_owned).into(),
            rounds: 3,
        };
        while let Some(argument) = arguments.next() {
            // What cargo says to every bench.
            if argument == "--bench" {
                continue;
            }
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} takes a value"))
            };
            match argument.as_str() {
                "--only" => options.only = list(value()?),
                "--peers" => options.peers = list(value()?),
                "--rounds" => options.rounds = value()?.parse().map_err(|e| format!("{e}"))?,
                _ => return Err(format!("{argument} means nothing here")),
            }
        }
        if options.rounds == 0 {
            return Err("--rounds is 1 or more".into());
        }
        if options.cases().is_empty() {
            return Err(format!("no case is called {:?}", options.only));
        }
        Ok(options)
    }

    /// The cases asked for, by group or by group and size.
    fn cases(&self) -> Vec<(&'static str, usize)> {
        let all = cases().into_iter();
        let all = all.flat_map(|(group, sizes)| sizes.into_iter().map(move |size| (group, size)));
        let is_asked = |&(group, size): &(&str, usize)| {
            let full = format!("{group}:{size}");
            let is = |name: &String| name == group || *name == full;
            self.only.is_empty() || self.only.iter().any(is)
        };
        all.filter(is_asked).collect()
    }
}

/// A case under way.
struct Run<'c> {
    case: &'c Case,
    model: Model,
    evaluator: Evaluator,
    /// The numbers that change from one evaluation to the next.
    numbers: Vec<f64>,
    gradient: Vec<f64>,
    turn: usize,
}

impl<'c> Run<'c> {
    fn new(case: &'c Case, interpreter: &Interpreter) -> Self {
        let mut bindings = case.bindings();
        let mut names = Vec::new();
        for (name, lanes) in &case.lanes {
            bindings.set(*name, lanes[0]);
            names.push(*name);
        }
        let is_number = |array: &&(&str, Array)| array.1.shape.is_empty();
        let numbers: Vec<&(&str, Array)> = case.inputs.iter().filter(is_number).collect();
        names.extend(numbers.iter().map(|(name, _)| name));
        let model = interpreter.model_for(&case.source, &bindings, Mode::Interpreter);
        let model = model.expect("cases are programs");
        let evaluator = model.evaluator(&bindings, &names, &case.by, &Limits::default());
        let evaluator = evaluator.expect("cases have values");
        Self {
            case,
            model,
            gradient: vec![0.0; evaluator.gradient_len()],
            evaluator,
            numbers: numbers.iter().map(|(_, array)| array.numbers[0]).collect(),
            turn: 0,
        }
    }

    /// Value and gradient, on numbers that change with each turn.
    fn evaluate(&mut self) -> f64 {
        self.turn += 1;
        let factor = 1.0 + 1e-9 * (self.turn % 2) as f64;
        self.value_at(factor)
    }

    fn value_at(&mut self, factor: f64) -> f64 {
        let numbers = self.numbers.iter().map(|x| x * factor);
        let lanes = self.case.lanes.iter();
        let value = if lanes.len() == 0 {
            let numbers: Vec<f64> = numbers.collect();
            self.evaluator.value_and_grad(&numbers, &mut self.gradient)
        } else {
            let lanes = lanes.map(|(_, numbers)| Lane::Each(numbers));
            let inputs: Vec<Lane<'_>> = lanes.chain(numbers.map(Lane::Shared)).collect();
            self.evaluator.sum(&inputs, &mut self.gradient)
        };
        value.expect("cases have values")
    }

    /// Until it is compiled.
    fn warm(&mut self) {
        let runs = if self.case.lanes.is_empty() { 12 } else { 2 };
        for _ in 0..runs {
            self.evaluate();
        }
    }
}

/// A row of Markdown.
fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// So many nanoseconds, with three digits.
fn time(nanoseconds: f64) -> String {
    let units = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms")];
    let fits = |&&(unit, _): &&(f64, &str)| nanoseconds < 999.5 * unit;
    let (unit, name) = *units.iter().find(fits).unwrap_or(&(1e9, "s"));
    let x = nanoseconds / unit;
    let digits = if x < 9.995 { 2 } else { usize::from(x < 99.95) };
    format!("{x:.digits$} {name}")
}

/// The peak of a process that does a case, in MiB, where the system tells.
fn peak(group: &str, size: usize) -> Option<f64> {
    let output = Command::new(env::current_exe().ok()?)
        .args([PEAK, group, &size.to_string()])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Does a case and tells this process's peak.
fn tell_peak(group: &str, size: &str) {
    let all = cases();
    let found = all.iter().find(|(name, _)| *name == group);
    let (Some(&(group, _)), Ok(size)) = (found, size.parse()) else {
        return;
    };
    let case = case(group, size);
    Run::new(&case, &Interpreter::embedded()).warm();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    if let Some(kilobytes) = kilobytes {
        println!("{:.1}", kilobytes / 1024.0);
    }
}

fn table(options: &Options) -> std::io::Result<()> {
    let interpreter = Interpreter::embedded();
    let mut peers = Peers::find(&options.peers)?;
    let names: Vec<&'static str> = peers.names().to_vec();
    let mut titles = vec!["case".to_owned(), "ours".into(), "cold".into()];
    titles.extend(names.iter().map(|name| format!("× {name}")));
    titles.extend(["operations".into(), "peak MiB".into()]);
    row(&titles);
    println!("|{}", "---|".repeat(titles.len()));
    for (group, size) in options.cases() {
        let case = case(group, size);
        case.write(peers.directory())?;
        let cold = cold(&case, &interpreter);
        let mut run = Run::new(&case, &interpreter);
        run.warm();
        let value = run.value_at(1.0);
        let mut ours = Vec::new();
        let mut ratios = vec![Vec::new(); names.len()];
        for _ in 0..options.rounds {
            let own = median(samples(|| {
                run.evaluate();
            }));
            ours.push(own);
            for (&peer, ratios) in names.iter().zip(&mut ratios) {
                let Some(answer) = peers.ask(peer, group, size) else {
                    continue;
                };
                let error = (answer.value - value).abs() / value.abs().max(1e-300);
                if error > 1e-6 {
                    eprintln!(
                        "{peer} has {} for {}, and we {value}",
                        answer.value,
                        case.name()
                    );
                } else {
                    ratios.push(own / answer.ns);
                }
            }
        }
        let mut cells = vec![case.name(), time(median(ours)), time(cold)];
        cells.extend(ratios.into_iter().map(|ratios| {
            if ratios.is_empty() {
                "–".into()
            } else {
                format!("{:.2}", median(ratios))
            }
        }));
        cells.push(run.model.path_totals().operations.to_string());
        cells.push(peak(group, size).map_or("–".into(), |peak| format!("{peak:.0}")));
        row(&cells);
    }
    Ok(())
}

/// From text to first value and gradient.
fn cold(case: &Case, interpreter: &Interpreter) -> f64 {
    let start = clock::thread_seconds();
    Run::new(case, interpreter).evaluate();
    1e9 * (clock::thread_seconds() - start)
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("a thread can be had");
    if arguments.peek().is_some_and(|first| first == PEAK) {
        let rest: Vec<String> = arguments.skip(1).collect();
        if let [group, size] = &rest[..] {
            pool.install(|| tell_peak(group, size));
        }
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = pool.install(|| table(&options)) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
