//! Workers: candidates calibrated elsewhere, a line of JSON for each.
//!
//! A job `{"id":…,"program":"…","bar":…}` goes in; `{"id":…,"program":…,"fit":…,"select":…,"evaluations":…}`
//! comes out, or `{"id":…,"error":…,"message":…}`. `id` is anything, and comes back as it was.
//!
//! **Invariants**
//! - An answer depends on the job and the task alone, so a job may be done twice, anywhere.
//! - A line that is no job is answered with an error, and the worker goes on.

use super::calibrate::{Judge, Verdict};
use super::candidate::{Candidate, Shape};
use super::error::{Refusal, SearchError};
use super::grammar::Grammar;
use super::propose::command::Process;
use super::select::Rows;
use super::task::Task;
use super::tree::written;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Answers that are kept, for jobs that come again.
const KEPT: usize = 10_000;

/// What calibrates candidates for others.
pub struct Worker {
    judge: Judge,
    shape: Shape,
    grammar: Grammar,
    done: FxHashMap<(String, u64), Map<String, Value>>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("done", &self.done.len())
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker for a task.
    ///
    /// # Errors
    /// When the data cannot be used.
    pub fn new(task: &Task) -> Result<Self, SearchError> {
        let rows = Rows::read(task)?;
        Ok(Self {
            judge: Judge::new(task, &rows, None)?,
            shape: Shape::new(task),
            grammar: Grammar::new(task),
            done: FxHashMap::default(),
        })
    }

    /// Answers a line.
    pub fn answer(&mut self, line: &str) -> String {
        let job: Value = match serde_json::from_str(line) {
            Ok(job) => job,
            Err(error) => {
                let message = format!("no job: {error}");
                return json!({"id": null, "error": "job", "message": message}).to_string();
            }
        };
        let id = job["id"].clone();
        let Some(program) = job["program"].as_str() else {
            let message = "a job without a `program`";
            return json!({"id": id, "error": "job", "message": message}).to_string();
        };
        let bar = job["bar"].as_f64().unwrap_or(f64::INFINITY);
        let key = (program.to_owned(), bar.to_bits());
        let mut answer = if let Some(answer) = self.done.get(&key) {
            answer.clone()
        } else {
            let answer = self.calibrated(program, bar);
            if self.done.len() >= KEPT {
                self.done.clear();
            }
            self.done.insert(key, answer.clone());
            answer
        };
        answer.insert("id".to_owned(), id);
        Value::Object(answer).to_string()
    }

    fn calibrated(&self, program: &str, bar: f64) -> Map<String, Value> {
        let refused = |refusal: Refusal| json!({"error": refusal.kind, "message": refusal.message});
        let answer = match self.shape.read(program, &self.grammar) {
            Err(refusal) => refused(refusal),
            Ok(mut candidate) => {
                let verdict = self.judge.judge(&mut candidate, bar);
                let mut answer = verdict.map_or_else(refused, |verdict| {
                    json!({"fit": verdict.fit, "select": verdict.select,
                           "evaluations": verdict.evaluations})
                });
                answer["program"] = Value::from(written(&candidate.program).0);
                answer
            }
        };
        match answer {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

/// What jobs are given to: a process that speaks as a worker does, and answers in any order.
pub(super) struct Remote {
    process: Process,
    time: Duration,
    /// How many jobs were sent: no two have one id.
    sent: u64,
}

impl Remote {
    pub(super) fn start(run: &[String], time: Duration) -> Result<Self, SearchError> {
        Ok(Self {
            process: Process::start(run)?,
            time,
            sent: 0,
        })
    }

    /// Has candidates calibrated; the verdicts stand in their order.
    pub(super) fn judge(
        &mut self,
        jobs: &mut [(&mut Candidate, f64)],
        shape: &Shape,
        grammar: &Grammar,
    ) -> Result<Vec<Result<Verdict, Refusal>>, SearchError> {
        let first = self.sent;
        for (candidate, bar) in jobs.iter() {
            let mut job = json!({"id": self.sent, "program": written(&candidate.program).0});
            // JSON has no infinity, and leaving it out means that.
            if bar.is_finite() {
                job["bar"] = json!(bar);
            }
            self.process.send(&job.to_string())?;
            self.sent += 1;
        }
        let mut verdicts: Vec<Option<Result<Verdict, Refusal>>> = vec![None; jobs.len()];
        let mut left = jobs.len();
        while left > 0 {
            let answer = self.process.receive(self.time)?;
            let id = answer["id"].as_u64().and_then(|id| id.checked_sub(first));
            let id = id.map(|id| id as usize);
            // Of two answers to a job the first is as good; one to an earlier step comes late.
            let Some(id) = id.filter(|&id| verdicts.get(id).is_some_and(Option::is_none)) else {
                continue;
            };
            verdicts[id] = Some(of_answer(&answer, jobs[id].0, shape, grammar));
            left -= 1;
        }
        Ok(verdicts.into_iter().flatten().collect())
    }
}

fn of_answer(
    answer: &Value,
    candidate: &mut Candidate,
    shape: &Shape,
    grammar: &Grammar,
) -> Result<Verdict, Refusal> {
    if let Some(program) = answer["program"].as_str() {
        candidate.program = shape.read(program, grammar)?.program;
    }
    if let Some(kind) = answer["error"].as_str() {
        let message = answer["message"].as_str().unwrap_or("no reason was given");
        return Err(Refusal::new(kind, message));
    }
    let fault = || Refusal::new("worker", "an answer without `fit` and `evaluations`");
    Ok(Verdict {
        fit: answer["fit"].as_f64().ok_or_else(fault)?,
        select: answer["select"].as_f64(),
        evaluations: answer["evaluations"].as_u64().ok_or_else(fault)?,
        bic: f64::NAN,
        found: Vec::new(),
    })
}
