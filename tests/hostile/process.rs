//! One `dmci eval --jsonl` process: lines go in; answers come out, and what the process took.
//!
//! **Invariants**
//! - The process has 1 GiB of addresses, and is killed when it does not answer in time.
//! - What it took is read while it waits for more input, so it is its own, and all of it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Addresses a process may have, in units of 1024 bytes.
const ADDRESSES: u64 = 1 << 20;

/// What came back.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<String>,
    /// User and system time until the last answer.
    pub(crate) cpu: Duration,
    /// That of the last line alone.
    pub(crate) last: Duration,
    /// Until the first answer, from when the first line was written.
    pub(crate) first: Duration,
    /// Most bytes resident at once.
    pub(crate) memory: u64,
}

/// Whether all bounds are asked for.
pub(crate) fn all() -> bool {
    std::env::var("DMCI_HOSTILE").is_ok_and(|value| value == "all")
}

/// The program under test.
pub(crate) fn binary() -> String {
    std::env::var("DMCI_HOSTILE_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_dmci").into())
}

/// What runs a command under the limit of addresses.
pub(crate) fn limited(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {ADDRESSES}; ulimit -c 0; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(binary()).args(arguments);
    command
}

/// Bytes resident once one small line is answered.
pub(crate) fn idle() -> u64 {
    static IDLE: OnceLock<u64> = OnceLock::new();
    *IDLE.get_or_init(|| {
        let outcome = ask(&[br#"{"source":"(+ 1 1)"}"#], Duration::from_secs(30));
        outcome.expect("a small line is answered").memory
    })
}

/// Answers to lines, each within so much CPU, so that what else runs on the machine does not count.
pub(crate) fn ask(lines: &[&[u8]], longest: Duration) -> Result<Outcome, String> {
    let mut child = limited(&["eval", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", binary()))?;
    let outcome = converse(&mut child, lines, longest);
    // A process that waits for input ends with it, but one that computes does not.
    child.kill().ok();
    let status = child.wait();
    outcome.map_err(|reason| {
        let mut told = String::new();
        if let Some(stderr) = child.stderr.take() {
            BufReader::new(stderr).read_line(&mut told).ok();
        }
        match status {
            Ok(status) => format!("{reason}; {status}; {told:.200}"),
            Err(error) => format!("{reason}; {error}"),
        }
    })
}

fn converse(child: &mut Child, lines: &[&[u8]], longest: Duration) -> Result<Outcome, String> {
    let mut input = child.stdin.take().ok_or("no standard input")?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut answers = Vec::new();
    let (mut first, mut last) = (Duration::ZERO, Duration::ZERO);
    for (index, line) in lines.iter().enumerate() {
        let start = taken(child.id()).map_or(Duration::ZERO, |(cpu, _)| cpu);
        let began = Instant::now();
        // A process that has died reads nothing: that no answer comes says so.
        let _ = input.write_all(line).and_then(|()| input.write_all(b"\n"));
        let answer = loop {
            match receiver.recv_timeout(Duration::from_millis(100)) {
                Ok(answer) => break answer,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(format!("it died at line {index}"));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let cpu = taken(child.id()).map_or(Duration::ZERO, |(cpu, _)| cpu);
                    if cpu.saturating_sub(start) > longest || began.elapsed() > 20 * longest {
                        return Err(format!("no answer to line {index} in {longest:?} of CPU"));
                    }
                }
            }
        };
        if index == 0 {
            first = began.elapsed();
        }
        let end = taken(child.id()).map_or(Duration::ZERO, |(cpu, _)| cpu);
        last = end.saturating_sub(start);
        answers.push(answer);
    }
    let (cpu, memory) = taken(child.id()).ok_or("it died after its last answer")?;
    Ok(Outcome {
        answers,
        cpu,
        last,
        first,
        memory,
    })
}

/// CPU time and most resident memory of a process that lives.
fn taken(id: u32) -> Option<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilo: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // A tick is a hundredth of a second wherever Linux runs; threads that live tell more of theirs.
    let cpu = Duration::from_millis(10 * ticks).max(of_threads(id).unwrap_or_default());
    Some((cpu, kilo << 10))
}

/// CPU time of the threads of a process that live, to the nanosecond where the system tells it.
fn of_threads(id: u32) -> Option<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).ok()? {
        let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanos += told.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanos))
}
