//! Walks that pause on their way, for those who look at where they are and at what they have on the heap.
//!
//! A job and a [`Pause`] go in; a [`Paused`] comes out, of a walk of its own that goes no further.
//!
//! **Invariants**
//! - What a walk does until it pauses is what it does without pausing, to the cell, but that it runs no
//!   loops as code.
//! - Walking itself pays nothing for it: pauses are where clock and fuel are looked at anyway.

use super::layout::SITE_COUNTS;
use super::serial::numbers as serial_numbers;
use super::{Cause, EvalError, Job, Memory, Output, Walk, prepare};
use crate::error::Kind;
use crate::prim::tagged::Tagged;
use crate::prim::value::{FIRST_FUNCTION, Tag, Value};
use crate::source::Span;
use crate::trace::record::Recorder;
use serde::Serialize;

/// Where a walk pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// After so much fuel: for programs without long lists that is, before the next application.
    Applications(u64),
    /// When so many procedures have been entered, those of the evaluator and of the prelude too; at least
    /// one.
    Entries(u32),
    /// Where `(monitor "name" value)` is given a value for the first time.
    Value,
}

/// A run that has paused, or that ended before.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Paused {
    /// The program's value, where it ended before.
    pub value: Option<Output>,
    /// That as a cell; or the value that `monitor` was given, where the run paused for it.
    pub subject: Option<HeapCell>,
    /// The number of the procedure that is being entered, among the graph's functions; its own program's in
    /// direct mode, the evaluator's otherwise.
    pub function: Option<u32>,
    /// What that is called; empty where it has no name.
    pub name: String,
    /// The application that comes next; where the evaluator's own procedures are entered, the expression
    /// that this one is for, if it is for one.
    pub span: Option<Span>,
    /// How many procedures wait for another's value.
    pub depth: usize,
    /// The address of the first cell that the run wrote: below it are the program and its quoted data.
    pub first: usize,
    /// The cells from there on, in the order of writing.
    pub cells: Vec<HeapCell>,
}

/// A cell of the heap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeapCell {
    /// Its type: one of the ten, or what the engine keeps for itself: `empty`, `shape`, `place`,
    /// `environment`, `rib`.
    pub kind: &'static str,
    /// A name or a number, where it holds one.
    pub text: String,
    /// Its 14 numbers; those of nil for what the engine keeps for itself.
    #[serde(serialize_with = "serial_numbers")]
    pub numbers: Vec<f64>,
    /// Where what it points to begins, and how many cells that are.
    pub target: Option<(u32, u32)>,
}

/// Walks a job up to a pause, on numbers that are constants.
pub(crate) fn walk_until(
    job: &Job<'_>,
    pause: Pause,
    memory: &mut Memory,
    recorder: &mut Recorder,
) -> Result<Paused, Box<EvalError>> {
    recorder.reset(&[]);
    let mut job = *job;
    let allowed = job.limits.fuel;
    if let Pause::Applications(most) = pause {
        job.limits.fuel = allowed.min(most);
    }
    let mut walk = prepare(&job, memory, recorder);
    walk.hot.rests = true;
    match pause {
        Pause::Entries(most) => {
            walk.meter.clock = most.max(1);
            walk.meter.pauses = true;
        }
        Pause::Value => walk.meter.pauses_at_value = true,
        Pause::Applications(_) => {}
    }
    match walk.run_whole(&job) {
        Ok(value) => Ok(walk.paused(&job, Some(value))),
        Err(stop) => match *stop.0 {
            Cause::Fail(failure) => {
                let is_pause = failure.kind == Kind::Resource
                    && match pause {
                        Pause::Applications(most) => most < allowed && walk.meter.fuel() > most,
                        Pause::Entries(_) => walk.meter.clock == 0 && !job.limits.is_late(),
                        Pause::Value => walk.meter.given.is_some(),
                    };
                if is_pause {
                    return Ok(walk.paused(&job, None));
                }
                let stats = walk.stats();
                Err(Box::new(walk.error(failure, stats)))
            }
            Cause::Fork(..) => unreachable!("constants steer without forks"),
        },
    }
}

impl Walk<'_> {
    fn paused(&self, job: &Job<'_>, value: Option<Value>) -> Paused {
        let first = self.heap.immortal();
        let entry = |pc| self.code.entries.iter().rposition(|entry| entry.pc == pc);
        let function = match value {
            Some(_) => None,
            None => entry(self.at.pc),
        };
        let application = self.sites.span(self.recorder.place);
        Paused {
            value: value.map(|value| self.taken(value, usize::MAX).0),
            subject: value
                .or(self.meter.given)
                .map(|value| self.heap_cell(value)),
            function: function.map(|function| function as u32),
            name: String::new(),
            span: match function {
                Some(_) if !job.programs.is_empty() => self.expression(job),
                _ => application,
            },
            depth: self.frames.len(),
            first,
            cells: self.heap.cells()[first..]
                .iter()
                .map(|&cell| self.heap_cell(cell))
                .collect(),
        }
    }

    /// The expression of the user's program that the procedure being entered was made or called for: the
    /// first pair of the program that it has.
    fn expression(&self, job: &Job<'_>) -> Option<Span> {
        let image = &job.programs.last()?.image;
        let slots = &self.stack[self.at.base as usize..self.at.top as usize];
        slots.iter().find_map(|value| {
            let offset = (value.tag == Tag::Pair).then(|| value.address().checked_sub(image.base));
            let site = image.sites.get(offset?? as usize / 2)?;
            self.sites.span(site & !SITE_COUNTS)
        })
    }

    fn heap_cell(&self, cell: Value) -> HeapCell {
        let tagged = Tagged::from(cell);
        let kind = match cell.tag {
            Tag::Empty => "empty",
            Tag::Shape => "shape",
            Tag::Place => "place",
            Tag::Env => "environment",
            Tag::Rib => "rib",
            Tag::Moved => "moved",
            Tag::Opaque => "record",
            _ => tagged.tag().name(),
        };
        let target = match cell.tag {
            Tag::Pair | Tag::Opaque | Tag::Env => Some((cell.address(), 2)),
            Tag::Vector => Some((cell.address(), cell.code() + 1)),
            Tag::String | Tag::Rib => Some((cell.address(), cell.code())),
            Tag::Closure if cell.code() >= FIRST_FUNCTION => {
                let entry = self
                    .code
                    .entries
                    .get((cell.code() - FIRST_FUNCTION) as usize);
                entry.map(|entry| (cell.address(), entry.captures))
            }
            _ => None,
        };
        let text = match cell.tag {
            Tag::Closure if cell.code() >= FIRST_FUNCTION => {
                format!("f{}", cell.code() - FIRST_FUNCTION)
            }
            Tag::Empty
            | Tag::Shape
            | Tag::Place
            | Tag::Env
            | Tag::Rib
            | Tag::Moved
            | Tag::Pair
            | Tag::Opaque
            | Tag::Vector
            | Tag::String => String::new(),
            _ => self.taken(cell, 1).0.to_scheme(),
        };
        HeapCell {
            kind,
            text,
            numbers: tagged.to_array().to_vec(),
            target: target.filter(|&(_, size)| size > 0),
        }
    }
}
