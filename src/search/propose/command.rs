//! The proposer `command`: a process that is asked by lines of JSON.
//!
//! A line goes to its standard input: `{"step":…,"island":…,"count":…,"target":…,"inputs":[…],
//! "operators":[…],"front":[{"complexity":…,"loss":…,"program":…}…],"errors":[{"program":…,"message":…}…]}`;
//! a line `{"programs":["…"…]}` comes back.
//!
//! **Invariants**
//! - One process for a run; it is ended with it, and one that does not answer in time ends the run with an
//!   error that says so.
//! - Answers are written down before they are used, and are not asked for again.

use super::{Ask, Propose, Proposed};
use crate::search::error::SearchError;
use crate::search::transcript::{Answer, Transcript};
use crate::search::tree::written;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Bytes of the longest answer.
const LONGEST: u64 = 16 << 20;

/// Lines to and from a process.
#[derive(Debug)]
pub(in crate::search) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(in crate::search) fn start(run: &[String]) -> Result<Self, SearchError> {
        let Some((name, arguments)) = run.split_first() else {
            return Err(SearchError::Proposer(
                "there is no program to run".to_owned(),
            ));
        };
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| SearchError::Proposer(format!("`{name}` cannot be run: {error}")))?;
        let (sender, lines) = channel();
        let output = child.stdout.take();
        std::thread::spawn(move || {
            let Some(output) = output else { return };
            let mut output = BufReader::new(output);
            loop {
                let mut line = Vec::new();
                match output.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.clone(),
            input: child.stdin.take(),
            child,
            lines,
        })
    }

    /// Sends a line.
    ///
    /// # Errors
    /// When the process has ended.
    pub(in crate::search) fn send(&mut self, line: &str) -> Result<(), SearchError> {
        let sent = self.input.as_mut().map(|input| {
            input.write_all(line.as_bytes())?;
            input.write_all(b"\n")?;
            input.flush()
        });
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.fault("takes no more lines")),
        }
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// When none comes in time.
    pub(in crate::search) fn receive(&mut self, time: Duration) -> Result<Value, SearchError> {
        let line = match self.lines.recv_timeout(time) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = time.as_secs_f64();
                return Err(self.fault(&format!("has not answered in {seconds} seconds")));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.fault("has ended")),
        };
        serde_json::from_str(&line)
            .map_err(|error| self.fault(&format!("answered what is no JSON: {error}")))
    }

    fn fault(&self, what: &str) -> SearchError {
        SearchError::Proposer(format!("`{}` {what}; the run can be resumed", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that reads its input ends with that; any other is ended.
        self.input = None;
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks a process, and writes down what it said.
#[derive(Debug)]
pub(in crate::search) struct Asked {
    pub(in crate::search) run: Vec<String>,
    pub(in crate::search) time: Duration,
    pub(in crate::search) process: Option<Process>,
    pub(in crate::search) transcript: Transcript,
}

/// What a proposer elsewhere is told.
pub(super) fn request(ask: &Ask<'_>) -> Value {
    let state = ask.state;
    let front = state.front.members().iter().map(|elite| {
        json!({"complexity": elite.complexity, "loss": elite.loss,
               "program": written(&elite.program).0})
    });
    let errors = state.last_errors.iter();
    let errors = errors.map(|(program, message)| json!({"program": program, "message": message}));
    json!({
        "step": ask.step, "island": ask.island, "count": ask.count,
        "target": ask.task.data.target, "inputs": ask.task.data.inputs,
        "operators": ask.task.grammar.operators,
        "front": front.collect::<Vec<_>>(), "errors": errors.collect::<Vec<_>>(),
    })
}

impl Propose for Asked {
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError> {
        if self.transcript.answer(ask.step, ask.island).is_none() {
            if self.process.is_none() {
                self.process = Some(Process::start(&self.run)?);
            }
            let process = self.process.as_mut().expect("it was started");
            process.send(&request(ask).to_string())?;
            let answer = process.receive(self.time)?;
            let Some(programs) = answer["programs"].as_array() else {
                return Err(process.fault("answered without a list of `programs`"));
            };
            let programs = programs.iter().filter_map(Value::as_str).map(str::to_owned);
            self.transcript.add(Answer {
                step: ask.step,
                island: ask.island,
                by: "command".to_owned(),
                programs: programs.collect(),
                ..Answer::default()
            })?;
        }
        if let Some(answer) = self.transcript.answer(ask.step, ask.island) {
            for text in &answer.programs {
                proposed.take_text(ask, "command", Vec::new(), text);
            }
        }
        Ok(())
    }
}
