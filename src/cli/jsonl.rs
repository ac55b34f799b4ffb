//! `dmci eval --jsonl`: request lines on standard input, answer lines on standard output.
//!
//! What a line means is said in [`super::eval`], how lines are shared among threads in [`super::lines`];
//! here one is answered, whatever it holds.
//!
//! **Invariants**
//! - Every line that is not blank gets one answer, in order, whatever it holds.
//! - An answer is written out before the program waits for more input.

use super::eval::Answerer;
use super::json;
use super::limits::{LimitArgs, bytes};
use super::lines::{Line, Unread, answer_lines};
use super::program::{ThreadArgs, interpreter};
use super::report::Failure;
use super::request::{first_id, id_of};
use clap::Args;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Answer requests, one JSON object a line
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  $ echo '{\"id\":1,\"source\":\"(* a x)\",\"inputs\":{\"a\":2,\"x\":3},\"wrt\":[\"a\"]}' | dmci eval --jsonl
  {\"id\":1,\"value\":6.0,\"grad\":{\"a\":3.0}}

Inputs are numbers, [1,2] for a vector, [[1,2],[3,4]] for a matrix and {\"list\":[1,2]} for a list.
A request may also hold mode (\"interpreter\", \"direct\", \"nested\"), stats, models that its program
calls, and lanes: columns of values for inputs, answered by {\"values\":[…]}. Its limits are fuel (1000000 unless given), heap_bytes
(128 MiB), depth, timeout_ms, text_bytes, output_bytes (16 MiB) and trace_bytes, of the whole request,
lanes included. A line at fault is answered by {\"error\":…}.")]
pub(super) struct Eval {
    /// Read and write one JSON object a line
    #[arg(long, required = true)]
    jsonl: bool,

    /// Interpreter to run programs with, as `dmci compile --interpreter` writes it
    #[arg(long, value_name = "FILE")]
    interpreter: Option<PathBuf>,

    #[command(flatten)]
    threads: ThreadArgs,

    /// Refuse a longer line, unread
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "16MiB")]
    max_line: usize,

    /// Refuse requests that ask for more than these limits; without it, a request may raise them
    #[arg(long)]
    cap_limits: bool,

    #[command(flatten)]
    limits: LimitArgs,
}

impl Eval {
    pub(super) fn run(&self) -> Result<(), Failure> {
        debug_assert!(self.jsonl, "there is no other interface yet");
        let interpreter = interpreter(self.interpreter.as_deref())?;
        let threads = self.threads.threads();
        let (limits, capped) = (self.limits.clone(), self.cap_limits);
        let fresh = move || {
            Answerer::new(interpreter.clone())
                .threads(threads.clone())
                .within(&limits, capped)
        };
        let (count, longest) = (self.threads.count(), self.max_line);
        let make = move || {
            let mut answerer = fresh();
            let fresh = fresh.clone();
            move |line: Line<'_>| {
                let result =
                    catch_unwind(AssertUnwindSafe(|| answer(&mut answerer, line, longest)));
                result.unwrap_or_else(|_| {
                    // The workspace may be left in the middle of things.
                    answerer = fresh();
                    let id = match line {
                        Line::Whole(line) => std::str::from_utf8(line).ok().and_then(id_of),
                        Line::TooLong(..) => None,
                    };
                    let message = "dmci failed at this line; please report it";
                    refusal(id, "internal", message)
                })
            }
        };
        match answer_lines(io::stdin(), io::stdout(), count, longest, make) {
            Err(error)
                if error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Unread>) =>
            {
                Err(Failure::Data(format!("standard input: {error}")))
            }
            result => Ok(result?),
        }
    }
}

/// Answers a line; nothing where it is blank.
fn answer(answerer: &mut Answerer, line: Line<'_>, longest: usize) -> String {
    match line {
        Line::Whole(line) => match std::str::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => String::new(),
            Ok(line) => answerer.answer(line.trim()),
            Err(error) => {
                let message = format!(
                    "this line is no request: not UTF-8 at byte {}",
                    error.valid_up_to() + 1
                );
                let line = String::from_utf8_lossy(line);
                refusal(id_of(&line), "request", &message)
            }
        },
        Line::TooLong(beginning, length) => {
            let message = format!(
                "this line has {length} bytes; {longest} is the most that one may have, and \
                 --max-line allows more"
            );
            let beginning = String::from_utf8_lossy(beginning);
            refusal(first_id(&beginning), "request", &message)
        }
    }
}

/// The answer to a line that cannot be evaluated, with its id where it has one.
fn refusal(id: Option<&str>, kind: &str, message: &str) -> String {
    let mut out = String::new();
    json::object(&mut out, |answer| {
        if let Some(id) = id {
            answer.raw("id", id);
        }
        answer.object("error", |fault| {
            fault.text("kind", kind);
            fault.text("message", message);
        });
    });
    out
}
