//! `dmci eval --jsonl`: request lines on standard input, answer lines on standard output.
//!
//! What a line means is said in [`super::eval`]; here lines are read and answers written.
//!
//! **Invariants**
//! - Every line that is not blank gets one answer, in order, whatever it holds.
//! - An answer is written out before the program waits for more input.

use super::eval::Answerer;
use super::json;
use super::program::{ThreadArgs, interpreter};
use super::report::Failure;
use clap::Args;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// How much input is looked at together.
const CHUNK: usize = 1 << 16;

/// Answer requests, one JSON object a line
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  $ echo '{\"id\":1,\"source\":\"(* a x)\",\"inputs\":{\"a\":2,\"x\":3},\"wrt\":[\"a\"]}' | dmci eval --jsonl
  {\"id\":1,\"value\":6.0,\"grad\":{\"a\":3.0}}

Inputs are numbers, [1,2] for a vector, [[1,2],[3,4]] for a matrix and {\"list\":[1,2]} for a list.
A request may also hold mode (\"interpreter\", \"direct\", \"nested\"), fuel, stats, models that its program
calls, and lanes: columns of values for inputs, answered by {\"values\":[…]}. A line at fault is answered by {\"error\":…}.")]
pub(super) struct Eval {
    /// Read and write one JSON object a line
    #[arg(long, required = true)]
    jsonl: bool,

    /// Interpreter to run programs with, as `dmci compile --interpreter` writes it
    #[arg(long, value_name = "FILE")]
    interpreter: Option<PathBuf>,

    #[command(flatten)]
    threads: ThreadArgs,
}

impl Eval {
    pub(super) fn run(&self) -> Result<(), Failure> {
        debug_assert!(self.jsonl, "there is no other interface yet");
        let interpreter = interpreter(self.interpreter.as_deref())?;
        let threads = self.threads.threads();
        let fresh = || Answerer::new(interpreter.clone()).threads(threads.clone());
        let mut answerer = fresh();
        let mut input = BufReader::with_capacity(CHUNK, io::stdin().lock());
        let mut output = BufWriter::new(io::stdout().lock());
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = input
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::Data(format!("standard input: {error}")));
            if !matches!(read, Ok(1..)) {
                output.flush()?;
                return read.map(|_| ());
            }
            let answer = match std::str::from_utf8(&line) {
                Ok(line) if line.trim().is_empty() => None,
                Ok(line) => {
                    let result = catch_unwind(AssertUnwindSafe(|| answerer.answer(line.trim())));
                    Some(result.unwrap_or_else(|_| {
                        // The workspace may be left in the middle of things.
                        answerer = fresh();
                        refusal(
                            line,
                            "internal",
                            "dmci failed at this line; please report it",
                        )
                    }))
                }
                Err(error) => {
                    let message = format!(
                        "this line is no request: not UTF-8 at byte {}",
                        error.valid_up_to() + 1
                    );
                    Some(refusal(
                        &String::from_utf8_lossy(&line),
                        "request",
                        &message,
                    ))
                }
            };
            if let Some(answer) = answer {
                output.write_all(answer.as_bytes())?;
                output.write_all(b"\n")?;
            }
            if !input.buffer().contains(&b'\n') {
                output.flush()?;
            }
        }
    }
}

/// The answer to a line that cannot be evaluated, with its id where it has one.
fn refusal(line: &str, kind: &str, message: &str) -> String {
    let object: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(line).ok();
    let mut out = String::new();
    json::object(&mut out, |answer| {
        if let Some(id) = object.as_ref().and_then(|object| object.get("id")) {
            answer.raw("id", &id.to_string());
        }
        answer.object("error", |fault| {
            fault.text("kind", kind);
            fault.text("message", message);
        });
    });
    out
}
