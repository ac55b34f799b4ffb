//! Runs: a folder with a task and a journal, and the loop that goes on with it.
//!
//! A task goes in; a folder comes out with `task.toml`, `journal.jsonl`, `front.csv` and `best/*.scm`.
//!
//! **Invariants**
//! - The journal's bytes are a function of the task and of what proposers answered, on any number of
//!   threads, however often the run was stopped and resumed.
//! - A step is written whole or not at all; what stops a run does so between steps.

use super::calibrate::{Judge, Verdict};
use super::candidate::{Candidate, Shape};
use super::error::{Refusal, SearchError};
use super::grammar::Grammar;
use super::islands::State;
use super::journal::{Journal, Record, VERSION, each_record, sum_of};
use super::propose::command::Asked;
use super::propose::genetic::Genetic;
use super::propose::library::Library;
#[cfg(not(target_family = "wasm"))]
use super::propose::openai::Openai;
use super::propose::replay::Replay;
use super::propose::{Ask, Proposal, Propose, Proposed, pattern};
use super::select::Rows;
use super::task::{Constants, Form, Task};
use super::transcript::Transcript;
use super::tree::written;
use super::worker::Remote;
use crate::Threads;
use crate::threads::in_tasks;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How far a run may go on, and on what.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Effort {
    /// Evaluations in place of the task's budget.
    pub budget_evals: Option<u64>,
    /// Dollars in place of the task's budget.
    pub budget_usd: Option<f64>,
    /// When to stop, between steps.
    pub deadline: Option<Instant>,
    /// What stops it, when it is set.
    pub interrupt: Option<&'static AtomicBool>,
    /// Who calibrates; all processors unless given.
    pub threads: Option<Threads>,
    /// A program that calibrates in place of this process: it is given jobs and answers as a
    /// [`Worker`](super::Worker) does, in any order.
    pub via: Option<Vec<String>>,
}

impl Effort {
    fn is_interrupted(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        self.interrupt.is_some_and(is_set)
    }
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// The budget is spent.
    Budget,
    /// The loss is as low as asked for.
    Done,
    /// Nothing is proposed that is not known.
    Exhausted,
    /// The deadline has passed.
    Deadline,
    /// It was interrupted.
    Interrupted,
}

/// What a run tells of itself between steps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Standing {
    /// Steps that were done.
    pub step: u64,
    /// Candidates so far.
    pub candidates: u64,
    /// Evaluations so far.
    pub evaluations: u64,
    /// The budget of evaluations.
    pub budget_evals: u64,
    /// The front: complexity, loss and program, the shortest first.
    pub front: Vec<(f64, f64, String)>,
}

/// A run: a folder and the state of its search.
pub struct Run {
    pub(super) task: Task,
    pub(super) folder: PathBuf,
    pub(super) rows: Rows,
    pub(super) grammar: Grammar,
    pub(super) shape: Shape,
    pub(super) state: State,
    /// None where the run is only looked at.
    journal: Option<Journal>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

pub(super) const JOURNAL: &str = "journal.jsonl";
const TASK: &str = "task.toml";
pub(super) const TRANSCRIPT: &str = "transcript.jsonl";
const EFFORT: &str = "effort.jsonl";
/// How long other processes may take for one answer.
const MOST_REMOTE: Duration = Duration::from_mins(10);
/// The folder that a task's paths are taken from.
const ORIGIN: &str = "origin.txt";

impl Run {
    /// Begins a run in a folder, which is made.
    ///
    /// # Errors
    /// When the data cannot be used, or the folder has a run already.
    pub fn begin(task: Task, folder: &Path, origin: &Path) -> Result<Self, SearchError> {
        let rows = Rows::read(&task)?;
        fs::create_dir_all(folder).map_err(SearchError::file(folder))?;
        let path = folder.join(JOURNAL);
        if path.exists() {
            return Err(SearchError::Task(format!(
                "{}: a run was begun here; go on with it (`dmci search resume`), or name another folder",
                folder.display()
            )));
        }
        write(&folder.join(TASK), &task.text)?;
        let origin = fs::canonicalize(origin).unwrap_or_else(|_| origin.to_owned());
        write(&folder.join(ORIGIN), &format!("{}\n", origin.display()))?;
        let mut journal = Journal::create(&path)?;
        let first = Record::Task {
            version: VERSION,
            task: sum_of(&[&task.text]),
        };
        journal.add(&[first])?;
        Ok(Self::of(task, folder, rows, Some(journal)))
    }

    /// Goes on with a run; what a step left unfinished is done again.
    ///
    /// # Errors
    /// When the folder has no run, the data cannot be used, or the journal was changed.
    pub fn resume(folder: &Path) -> Result<Self, SearchError> {
        let mut run = Self::open(folder)?;
        run.journal = Some(Journal::resume(&folder.join(JOURNAL))?);
        Ok(run)
    }

    /// Looks at a run, which may be going on: nothing is written.
    ///
    /// # Errors
    /// As [`Run::resume`].
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        let (task, rows) = Self::opened(folder)?;
        let mut run = Self::of(task, folder, rows, None);
        let mut first = None;
        let (state, shape, grammar) = (&mut run.state, &run.shape, &run.grammar);
        each_record(&folder.join(JOURNAL), &mut |record| match record {
            Record::Task { version, task } => first = Some((version, task)),
            record => state.take(&record, shape, grammar),
        })?;
        check_first(first, &run.task, folder)?;
        Ok(run)
    }

    /// The task and data of a folder.
    fn opened(folder: &Path) -> Result<(Task, Rows), SearchError> {
        let path = folder.join(TASK);
        let text = fs::read_to_string(&path).map_err(SearchError::file(&path))?;
        let path = folder.join(ORIGIN);
        let origin = fs::read_to_string(&path).map_err(SearchError::file(&path))?;
        let task = Task::from_toml(&text, Path::new(origin.trim_end()))?;
        let rows = Rows::read(&task)?;
        Ok((task, rows))
    }

    fn of(task: Task, folder: &Path, rows: Rows, journal: Option<Journal>) -> Self {
        let has_select = rows.counts()[1] > 0;
        Self {
            grammar: Grammar::new(&task),
            shape: Shape::new(&task),
            state: State::new(&task, &rows.known_targets(), has_select),
            folder: folder.to_owned(),
            rows,
            task,
            journal,
        }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    #[cfg_attr(
        target_family = "wasm",
        allow(unused_variables, reason = "there is no network to spend dollars on")
    )]
    fn proposer(&self, effort: &Effort) -> Result<Box<dyn Propose>, SearchError> {
        let task = &self.task;
        let transcript = || Transcript::open(&self.folder.join(TRANSCRIPT), true);
        Ok(match task.search.proposer.as_str() {
            "genetic" => Box::new(Genetic),
            "library" => Box::new(Library::new(task)?),
            "replay" => Box::new(Replay(Transcript::open(&task.replay.file, false)?)),
            "command" => Box::new(Asked {
                run: task.command.run.clone(),
                time: Duration::from_secs_f64(task.command.seconds.unwrap_or(60.0)),
                process: None,
                transcript: transcript()?,
            }),
            #[cfg(not(target_family = "wasm"))]
            "openai" => {
                let budget = effort.budget_usd.or(task.search.budget_usd);
                Box::new(Openai::new(task, budget, transcript()?)?)
            }
            name => return Err(SearchError::Proposer(format!("no proposer `{name}` here"))),
        })
    }

    /// Goes on until something stops it, and tells an observer after each step how it stands.
    ///
    /// # Errors
    /// When a file cannot be written, or a proposer cannot be asked; and of a run that is only looked at.
    pub fn go(
        &mut self,
        effort: &Effort,
        observer: &mut dyn FnMut(&Standing),
    ) -> Result<Stopped, SearchError> {
        let before = cpu_now();
        let judge = Judge::new(&self.task, &self.rows, effort.interrupt)?;
        let mut proposer = self.proposer(effort)?;
        let mut remote = match &effort.via {
            Some(run) => Some(Remote::start(run, MOST_REMOTE)?),
            None => None,
        };
        let Some(mut journal) = self.journal.take() else {
            let message = "the run is only looked at; resume it".to_owned();
            return Err(SearchError::Task(message));
        };
        let threads = effort.threads.clone().unwrap_or(Threads::ALL);
        let budget = effort.budget_evals.unwrap_or(self.task.search.budget_evals);
        let stopped = loop {
            if let Some(stopped) = self.stops(effort, budget) {
                break stopped;
            }
            if proposer.is_finished(self.state.step) {
                break if proposer.is_spent() {
                    Stopped::Budget
                } else {
                    Stopped::Exhausted
                };
            }
            let judges = Judges {
                judge: &judge,
                threads: &threads,
                remote: remote.as_mut(),
            };
            let Some(records) = self.step(judges, proposer.as_mut(), effort)? else {
                break Stopped::Interrupted;
            };
            journal.add(&records)?;
            for record in &records {
                self.state.take(record, &self.shape, &self.grammar);
            }
            observer(&self.standing(budget));
        };
        journal.sync()?;
        self.journal = Some(journal);
        self.write_front()?;
        if let (Some(before), Some(now)) = (before, cpu_now()) {
            self.add_effort(now - before)?;
        }
        Ok(stopped)
    }

    /// Notes what going on took; no part of the state, since machines differ.
    fn add_effort(&self, seconds: f64) -> Result<(), SearchError> {
        let path = self.folder.join(EFFORT);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{{\"cpu_s\":{seconds:?}}}"))
            .map_err(SearchError::file(&path))
    }

    /// Seconds of processor time, of each time that it went on to its end.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let text = fs::read_to_string(self.folder.join(EFFORT)).ok()?;
        let each = text.lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).ok()?;
            value["cpu_s"].as_f64()
        });
        each.sum()
    }

    fn stops(&self, effort: &Effort, budget: u64) -> Option<Stopped> {
        let state = &self.state;
        if effort.is_interrupted() {
            return Some(Stopped::Interrupted);
        }
        if effort.deadline.is_some_and(|at| Instant::now() >= at) {
            return Some(Stopped::Deadline);
        }
        if state.evaluations >= budget {
            return Some(Stopped::Budget);
        }
        if state.is_exhausted() {
            return Some(Stopped::Exhausted);
        }
        state.is_done().then_some(Stopped::Done)
    }

    /// How it stands.
    pub fn standing(&self, budget_evals: u64) -> Standing {
        let state = &self.state;
        let members = state.front.members().iter();
        Standing {
            step: state.step,
            candidates: state.candidates,
            evaluations: state.evaluations,
            budget_evals,
            front: members
                .map(|elite| (elite.complexity, elite.loss, written(&elite.program).0))
                .collect(),
        }
    }

    /// The records of one step; none where it was interrupted.
    fn step(
        &self,
        judges: Judges<'_>,
        proposer: &mut dyn Propose,
        effort: &Effort,
    ) -> Result<Option<Vec<Record>>, SearchError> {
        let (state, task) = (&self.state, &self.task);
        let mut proposed = Proposed::default();
        let mut islands = Vec::new();
        let residuals = || {
            let best = state.front.best().map(|elite| written(&elite.program).0);
            let curve = best.and_then(|text| self.curve(&text));
            curve.map_or_else(|| "(none)".to_owned(), |curve| pattern(&curve))
        };
        for island in 0..task.search.islands {
            let ask = Ask {
                task,
                grammar: &self.grammar,
                shape: &self.shape,
                state,
                island,
                step: state.step,
                count: task.search.batch,
                residuals: &residuals,
            };
            if state.step == 0 && island == 0 {
                for text in &task.search.programs {
                    proposed.take_text(&ask, "given", Vec::new(), text);
                }
            }
            proposer.propose(&ask, &mut proposed)?;
            islands.resize(proposed.programs.len(), island);
        }
        let (made, repeated) = (proposed.made, proposed.repeated);
        // Far from the front it is not worth looking at more rows.
        let bar = |candidate: &Candidate| {
            let mut best = state.front.loss_at(candidate.complexity);
            if task.calibrate.constants == Constants::Pooled {
                // To look at a population takes as long as a hundred candidates: what fits known rows worse than
                // what is not longer has little to foretell.
                best = best.min(state.front.fit_at(candidate.complexity));
            }
            4.0 * best + 1e-12 * state.scale
        };
        let judged = judges.judge(proposed.programs, &bar, &self.shape, &self.grammar)?;
        if effort.is_interrupted() {
            return Ok(None);
        }
        let mut records = Vec::with_capacity(judged.len() + 1);
        for (Judged { by, parents, what }, island) in judged.into_iter().zip(islands) {
            let n = state.candidates + records.len() as u64;
            records.push(self.record(n, island, by, parents, what));
        }
        records.push(Record::Step {
            step: state.step,
            proposed: made,
            repeated,
        });
        Ok(Some(records))
    }

    fn record(
        &self,
        n: u64,
        island: usize,
        by: String,
        parents: Vec<u64>,
        what: Outcome,
    ) -> Record {
        let step = self.state.step;
        let (candidate, verdict) = match what {
            Ok(judged) => judged,
            Err((program, refusal)) => {
                return Record::Refused {
                    n,
                    step,
                    island,
                    by,
                    parents,
                    program,
                    key: None,
                    error: refusal.kind,
                    message: refusal.message,
                };
            }
        };
        let program = written(&candidate.program).0;
        let key = format!("{:016x}", candidate.key);
        match verdict {
            Ok(verdict) => Record::Candidate {
                n,
                step,
                island,
                by,
                parents,
                program,
                key,
                complexity: candidate.complexity,
                fit: verdict.fit,
                select: verdict.select,
                evaluations: verdict.evaluations,
            },
            Err(refusal) => Record::Refused {
                n,
                step,
                island,
                by,
                parents,
                program,
                key: Some(key),
                error: refusal.kind,
                message: refusal.message,
            },
        }
    }

    /// Writes `front.csv` and `best/*.scm`.
    fn write_front(&self) -> Result<(), SearchError> {
        let mut table = "complexity,loss,fit,program\n".to_owned();
        let folder = self.folder.join("best");
        fs::create_dir_all(&folder).map_err(SearchError::file(&folder))?;
        let mut kept = Vec::new();
        for elite in self.state.front.members() {
            let text = written(&elite.program).0;
            let quoted = text.replace('"', "\"\"");
            let (complexity, loss, fit) = (elite.complexity, elite.loss, elite.fit);
            let _ = writeln!(table, "{complexity:?},{loss:?},{fit:?},\"{quoted}\"");
            let name = format!("{complexity:06.1}.scm");
            let text = self.exported(&elite.program, loss);
            write(&folder.join(&name), &text)?;
            kept.push(name);
        }
        // What was on the front before.
        let entries = fs::read_dir(&folder).map_err(SearchError::file(&folder))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|end| end == "scm") && !kept.contains(&name)
            {
                let path = entry.path();
                fs::remove_file(&path).map_err(SearchError::file(&path))?;
            }
        }
        write(&self.folder.join("front.csv"), &table)
    }

    /// A program as `dmci fit` takes it: it says what it predicts.
    fn exported(&self, program: &[super::tree::Tree], loss: f64) -> String {
        let fitted = self.shape.fitted(program);
        let text = if fitted.observes || self.task.search.form == Form::Recurrence {
            fitted.text
        } else if let [only] = program {
            let (text, _) = written(std::slice::from_ref(only));
            format!("(observe {} {text})", self.task.data.target)
        } else {
            fitted.text
        };
        format!("; mean squared error {loss:?}\n{text}\n")
    }
}

fn check_first(
    first: Option<(u32, String)>,
    task: &Task,
    folder: &Path,
) -> Result<(), SearchError> {
    let fault = |message: String| SearchError::Journal {
        path: folder.join(JOURNAL),
        line: 1,
        message,
    };
    match first {
        None => Err(fault("it has no beginning; begin the run anew".to_owned())),
        Some((version, _)) if version != VERSION => Err(fault(format!(
            "it is of version {version}, and this dmci writes {VERSION}; begin the run anew"
        ))),
        Some((_, sum)) if sum != sum_of(&[&task.text]) => Err(fault(
            "it was begun with another task.toml; put that back, or begin the run anew".to_owned(),
        )),
        Some(_) => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), SearchError> {
    fs::write(path, text).map_err(SearchError::file(path))
}

/// What became of a proposal.
type Outcome = Result<(Candidate, Result<Verdict, Refusal>), (String, Refusal)>;

struct Judged {
    by: String,
    parents: Vec<u64>,
    what: Outcome,
}

/// Who calibrates: this process, or another.
struct Judges<'a> {
    judge: &'a Judge,
    threads: &'a Threads,
    remote: Option<&'a mut Remote>,
}

impl Judges<'_> {
    fn judge(
        self,
        programs: Vec<Proposal>,
        bar: &(dyn Fn(&Candidate) -> f64 + Sync),
        shape: &Shape,
        grammar: &Grammar,
    ) -> Result<Vec<Judged>, SearchError> {
        let Some(remote) = self.remote else {
            let judged = |proposal: Proposal, (): &mut ()| {
                let what = proposal.what.map(|mut candidate| {
                    let bar = bar(&candidate);
                    let verdict = self.judge.judge(&mut candidate, bar);
                    (candidate, verdict)
                });
                let Proposal { by, parents, .. } = proposal;
                Judged { by, parents, what }
            };
            return Ok(in_tasks(programs, self.threads, &mut Vec::new(), &judged));
        };
        let mut programs = programs;
        let candidates = programs.iter_mut().filter_map(|one| one.what.as_mut().ok());
        let mut jobs: Vec<(&mut Candidate, f64)> = candidates
            .map(|candidate| {
                let bar = bar(candidate);
                (candidate, bar)
            })
            .collect();
        let mut verdicts = remote.judge(&mut jobs, shape, grammar)?.into_iter();
        let judged = programs.into_iter().map(|Proposal { by, parents, what }| {
            let what = what.map(|candidate| {
                let missing = || Err(Refusal::new("worker", "no answer"));
                (candidate, verdicts.next().unwrap_or_else(missing))
            });
            Judged { by, parents, what }
        });
        Ok(judged.collect())
    }
}

/// Seconds of processor time that this process has taken; none where that cannot be told.
#[cfg_attr(
    target_os = "linux",
    expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")
)]
fn cpu_now() -> Option<f64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
