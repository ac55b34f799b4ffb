//! The tables, one function each.
//!
//! **Invariants**
//! - A row is printed as soon as it is measured.

use crate::Options;
use crate::clock::{median, samples};
use crate::limit::{Answer, Limit};
use crate::peers::{Peers, SYSTEMS};
use crate::workload::{Numbers, Outputs, Run, Workload};
use dmci::{Interpreter, Mode, Workspace, Wrt};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::env;
use std::fs;
use std::process::Command;
use std::time::Instant;

/// The argument by which this program runs itself to see its memory grow.
pub(crate) const CHILD: &str = "--grow";

/// What stands where nothing was measured.
const NOTHING: &str = "–";

pub(crate) fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads can be had")
}

/// A row of Markdown.
fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// A title, and a table's first two rows.
fn header(title: &str, columns: &[&str]) {
    println!("\n## {title}\n");
    row(&columns.iter().map(|&c| c.to_owned()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(columns.len()));
}

/// So many nanoseconds, with three digits.
fn time(nanoseconds: f64) -> String {
    let units = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
    let fits = |&&(unit, _): &&(f64, &str)| nanoseconds < 999.5 * unit;
    let (unit, name) = units.iter().find(fits).unwrap_or(&units[3]);
    format!("{} {name}", digits(nanoseconds / unit))
}

/// A number with three digits.
fn digits(x: f64) -> String {
    match x {
        x if x < 9.995 => format!("{x:.2}"),
        x if x < 99.95 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.into()
}

/// How far from the hand-written code we want to be at most: a ratio, or so many nanoseconds a lane,
/// which are the cost of being asked at all.
fn target(workload: &Workload, lanes: usize) -> (f64, f64) {
    let ratio = match (workload.name.as_str(), lanes) {
        ("W6b_kalman2", 1) => 10.0,
        ("W7_fold", 1) => 15.0,
        ("W4_lotka", _) | (_, 1) => 6.0,
        _ => 3.5,
    };
    (ratio, if lanes == 1 { 150.0 } else { 1.5 })
}

/// Value and gradient beside the hand-written code, and both beside the peers.
pub(crate) fn table(options: &Options) {
    let limit = Limit::build();
    let peers = Peers::load();
    let interpreter = Interpreter::embedded();
    header(
        "Value and gradient, beside code written by hand",
        &[
            "workload",
            "lanes",
            "ours",
            "by hand",
            "ratio",
            "target",
            "met",
            "dmci (PyTorch)",
            "ndvm",
            "torch",
            "jax",
            "casadi",
            "best peer",
            "ahead",
        ],
    );
    let (mut rows, mut met, mut ahead) = (0, 0, 0);
    let mut short: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    for &lanes in &options.lanes {
        for workload in options.workloads() {
            if !workload.takes(lanes) {
                continue;
            }
            let numbers = Numbers::new(&workload, lanes);
            let model = workload.model(&interpreter, Mode::Interpreter);
            let mut run = Run::new(&model, &numbers, Outputs::new(&numbers));
            run.check(&workload);
            let total = run.total();
            let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
            for _ in 0..options.rounds {
                ours.extend(samples(|| run.evaluate(true)));
                if let Ok(limit) = &limit {
                    let answer = limit.run(&workload.name, lanes);
                    check_total(&workload, lanes, total, &answer);
                    by_hand.push(answer.value_grad_ns);
                }
            }
            let ours = median(ours);
            let by_hand = (!by_hand.is_empty()).then(|| median(by_hand));
            let ratio = by_hand.map(|by_hand| ours / by_hand);
            let (most, enough) = target(&workload, lanes);
            let is_met = ours <= enough * lanes as f64 || ratio.is_some_and(|r| r <= most);
            let unit = if lanes == 1 { "ns" } else { "ns a lane" };
            let multiples = peers.multiples(&workload.name, lanes);
            let best = multiples.best("");
            let is_ahead = ratio.zip(best).map(|(ratio, (_, best))| ratio < *best);
            rows += 1;
            met += u32::from(is_met);
            ahead += u32::from(is_ahead == Some(true));
            let or_nothing = |text: Option<String>| text.unwrap_or(NOTHING.into());
            let times = |x: f64| format!("{}x", digits(x));
            let mut cells = vec![
                workload.name.clone(),
                lanes.to_string(),
                time(ours),
                or_nothing(by_hand.map(time)),
                or_nothing(ratio.map(times)),
                format!("{most}x or {enough} {unit}"),
                // Without anything to compare with, a miss is not known.
                or_nothing((ratio.is_some() || is_met).then(|| yes_or_no(is_met))),
            ];
            let system = |system| or_nothing(multiples.best(system).map(|(_, x)| times(*x)));
            cells.extend(SYSTEMS.map(system));
            let mut part = vec![time(ours), or_nothing(ratio.map(times))];
            part.extend(SYSTEMS.map(system));
            match short.iter_mut().find(|(name, _)| *name == workload.name) {
                Some((_, parts)) => parts.push(part),
                None => short.push((workload.name.clone(), vec![part])),
            }
            cells.push(or_nothing(best.map(|(way, _)| way.clone())));
            cells.push(or_nothing(is_ahead.map(yes_or_no)));
            row(&cells);
        }
    }
    if options.lanes.len() > 1 {
        in_short(options, &short);
    }
    println!("\nTargets met: {met} of {rows}. Ahead of the best peer: {ahead} of {rows}.");
    println!(
        "Peers are multiples of code written by hand on the machine they ran on, each in its best way."
    );
    if let Err(error) = limit {
        println!("There is nothing written by hand to compare with: {error}");
    }
}

/// The same with a row for each workload: its cells have one number for each number of lanes.
fn in_short(options: &Options, workloads: &[(String, Vec<Vec<String>>)]) {
    let lanes: Vec<String> = options.lanes.iter().map(usize::to_string).collect();
    header(
        &format!("The same in short, on {} lanes", lanes.join(", ")),
        &[
            "workload",
            "dmci",
            "multiple of code by hand",
            "dmci (PyTorch)",
            "ndvm",
            "torch",
            "jax",
            "casadi",
        ],
    );
    for (name, parts) in workloads {
        let cell = |column: usize| {
            let cells: Vec<&str> = parts.iter().map(|part| part[column].as_str()).collect();
            cells.join(", ")
        };
        let mut cells = vec![name.clone()];
        cells.extend((0..parts[0].len()).map(cell));
        row(&cells);
    }
}

/// The sum over all lanes is that of the hand-written code.
fn check_total(workload: &Workload, lanes: usize, total: f64, answer: &Answer) {
    let near = (total - answer.value).abs() <= 1e-9 * answer.value.abs();
    assert!(
        near,
        "{} on {lanes}: the values sum up to {total}, by hand to {}",
        workload.name, answer.value
    );
}

/// A program by the interpreter beside the same compiled directly, both warm.
pub(crate) fn modes(options: &Options) {
    let interpreter = Interpreter::embedded();
    header(
        "Interpreter and direct, value and gradient again",
        &["workload", "interpreter", "direct", "ratio"],
    );
    for workload in options.workloads() {
        let numbers = Numbers::new(&workload, 1);
        let mut runs = [Mode::Interpreter, Mode::Direct].map(|mode| {
            let model = workload.model(&interpreter, mode);
            let mut run = Run::new(&model, &numbers, Outputs::new(&numbers));
            run.check(&workload);
            (run, Vec::new())
        });
        for _ in 0..options.rounds {
            for (run, times) in &mut runs {
                times.extend(samples(|| run.evaluate(true)));
            }
        }
        let [interpreted, direct] = runs.map(|(_, times)| median(times));
        row(&[
            workload.name,
            time(interpreted),
            time(direct),
            digits(interpreted / direct),
        ]);
    }
}

/// Two threads beside one, on the wall's clock: the most lanes asked for.
pub(crate) fn threads(options: &Options) {
    let lanes = options.lanes.iter().copied().max().unwrap_or(1);
    let interpreter = Interpreter::embedded();
    let title = format!("Two threads and one, value and gradient on {lanes} lanes");
    header(&title, &["workload", "one", "two", "speed-up", "same bits"]);
    for workload in options.workloads() {
        if lanes == 1 || !workload.takes(lanes) {
            continue;
        }
        let numbers = Numbers::new(&workload, lanes);
        let model = workload.model(&interpreter, Mode::Interpreter);
        let mut runs = [1, 2].map(|threads| {
            let pool = pool(threads);
            let mut run = Run::new(&model, &numbers, Outputs::new(&numbers));
            pool.install(|| run.evaluate_first());
            let bits = run.outputs.bits();
            (pool, run, bits, Vec::new())
        });
        let same = runs[0].2 == runs[1].2;
        for _ in 0..options.rounds {
            for (pool, run, _, times) in &mut runs {
                pool.install(|| times.extend(wall(|| run.evaluate(true))));
            }
        }
        let [one, two] = runs.map(|(_, _, _, times)| median(times));
        row(&[
            workload.name.clone(),
            time(one),
            time(two),
            digits(one / two),
            yes_or_no(same),
        ]);
        assert!(same, "{}: threads change bits", workload.name);
    }
}

/// Samples on the wall's clock, in nanoseconds an evaluation.
fn wall(mut evaluate: impl FnMut()) -> Vec<f64> {
    evaluate();
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || (times.len() < 100 && start.elapsed().as_secs_f64() < 0.25) {
        let start = Instant::now();
        evaluate();
        times.push(start.elapsed().as_nanos() as f64);
    }
    times
}

/// From the text to the first value and gradient: by a model, in two modes, and by an evaluator, which
/// prepares for many.
pub(crate) fn cold(options: &Options) {
    let interpreter = Interpreter::embedded();
    let columns = ["workload", "interpreter", "direct", "by an evaluator"];
    header("Text to first value and gradient", &columns);
    for workload in options.workloads() {
        let (bindings, wrt) = (workload.bindings(1.0), workload.wrt());
        let numbers = Numbers::new(&workload, 1);
        let mut workspace = Workspace::new();
        let mut by_model = |mode| {
            let model = workload.model(&interpreter, mode);
            let result = model.value_and_grad(&bindings, Wrt::Names(&wrt), &mut workspace);
            result.expect("the workload runs")
        };
        let (value, gradient) = by_model(Mode::Interpreter);
        workload.check(value.number(), |name| gradient.get(name));
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            times[0].extend(samples(|| drop(by_model(Mode::Interpreter))));
            times[1].extend(samples(|| drop(by_model(Mode::Direct))));
            times[2].extend(samples(|| {
                let model = workload.model(&interpreter, Mode::Interpreter);
                Run::new(&model, &numbers, Outputs::new(&numbers)).evaluate(true);
            }));
        }
        let mut cells = vec![workload.name.clone()];
        cells.extend(times.map(|times| time(median(times))));
        row(&cells);
    }
}

/// How much memory a batch takes beside what it reads and writes.
pub(crate) fn memory() {
    let columns = ["workload", "lanes", "inputs and outputs", "beyond them"];
    header("Resident memory of value and gradient", &columns);
    let (name, lanes) = ("W4_lotka", "65536");
    let this = env::current_exe().expect("a program knows where it is");
    let output = Command::new(this)
        .args([CHILD, name, lanes])
        .output()
        .expect("a program can run itself");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut kilobytes = said.split_whitespace().map(|word| format!("{word} KiB"));
    let mut cell = || kilobytes.next().unwrap_or(NOTHING.into());
    row(&[name.into(), lanes.into(), cell(), cell()]);
}

/// What [`memory`] runs: prints the size of inputs and outputs, and by how much the resident memory
/// grew over what it was when they were there and nothing was prepared, in KiB.
pub(crate) fn grow(workload: Option<&str>, lanes: Option<&str>) {
    let workload = Workload::named(&[workload.expect("a workload")]).remove(0);
    let lanes = lanes.and_then(|l| l.parse().ok()).expect("a number");
    let interpreter = Interpreter::embedded();
    let numbers = Numbers::new(&workload, lanes);
    let outputs = Outputs::new(&numbers);
    let Some(before) = status("VmRSS:") else {
        // Not every system tells.
        return;
    };
    let model = workload.model(&interpreter, Mode::Interpreter);
    let mut run = pool(1).install(|| Run::new(&model, &numbers, outputs));
    pool(1).install(|| (0..2).for_each(|_| run.evaluate(true)));
    let most = status("VmHWM:").unwrap_or(before);
    println!("{} {}", numbers.bytes() / 1024, most.saturating_sub(before));
}

/// A line of what the system says of this process, in KiB.
fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
