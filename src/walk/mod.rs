//! The walk: code run on one lane, with everything it does metered.
//!
//! Code, inputs and limits go in; the program's value comes out, and the recorder has
//! written down every operation on numbers that depend on the inputs.
//!
//! **Invariants**
//! - The stack of the walk is a vector: depth is bounded by the caller's limits alone.
//! - Fuel is counted, and the position of errors set, by applications of the user's program only;
//!   so both are the same in every mode.
//! - Collections happen where a procedure is entered; no value lives outside stack and heap then.
//! - A fork leaves no trace but its operations and one select: stack and heap are cut back, and
//!   only the arm taken costs fuel.

mod budget;
mod call;
mod checks;
pub(crate) mod code;
pub(crate) mod cost;
mod environment;
mod fork;
mod heap;
mod hot;
mod inputs;
pub(crate) mod layout;
mod limits;
mod meter;
pub(crate) mod monitor;
mod numbers;
pub mod output;
mod pause;
pub(crate) mod reasons;
mod room;
pub(crate) mod serial;
pub(crate) mod slope;
pub(crate) mod soft;
mod steps;
mod structure;
mod take;
mod text;
mod vectors;
pub(crate) mod weights;

pub use budget::Budget;
#[cfg(feature = "dfdx")]
pub(crate) use checks::callee;
#[cfg(feature = "dfdx")]
pub(crate) use checks::in_short;
pub(crate) use checks::{as_written, bounded};
pub(crate) use checks::{in_words, kind_of, kind_without, no_count};
pub(crate) use inputs::InputValue;
pub(crate) use limits::{Clock, OUT_OF_TIME, out_of_fuel};
pub use limits::{EvalError, Interrupt, Limits, Stats};
pub use monitor::Monitored;
pub use output::{Item, Output};
pub(crate) use pause::walk_until;
pub use pause::{HeapCell, Pause, Paused};
pub(crate) use reasons::span_of;
pub use reasons::{Divergence, ForkGivenUp, Uncompiled, Unjoined, Way};
#[cfg(feature = "dfdx")]
pub(crate) use structure::{MADE, STRETCH};
#[cfg(feature = "dfdx")]
pub(crate) use text::{
    CASE_WORK, LARGEST_WHOLE, NAME_WORK, char_is, char_to, no_base, no_character, not_whole,
    number_text, text_number, text_to,
};
#[cfg(feature = "dfdx")]
pub(crate) use vectors::dearness;
#[cfg(feature = "dfdx")]
pub(crate) use weights::work_of;

use crate::error::{Call, Kind};
use crate::prim::value::{FIRST_FUNCTION, Value};
use crate::source::Span;
use crate::symbol::Sym;
use crate::trace::record::{Number, Recorder};
use code::Code;
use cost::Costs;
use fork::Forks;
use heap::Heap;
use hot::Hot;
use inputs::{fill_constants, put_input};
use layout::CoreProgram;
pub(crate) use meter::{ARGUMENT_WORK, ELEMENTS, PRELUDE_WORK, WIDE};
use meter::{Meter, Taken};
use monitor::{Noted, Notes};
use room::KEPT_BYTES;
use text::Names;

/// How many applications an error's call chain lists.
const CHAIN: usize = 32;

/// Scratch memory for walks: one walk at a time uses it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    heap: Heap,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    constants: Vec<Value>,
    pub(crate) hot: Hot,
}

/// A procedure that waits for another's value.
#[derive(Clone, Copy, Debug)]
struct Frame {
    pc: u32,
    base: u32,
    /// The slot for the value; [`ARM`] where a fork's arm returns to.
    dst: u32,
    site: u32,
}

/// Instead of a slot, in a frame: a fork's arm returns there. Tail calls make no frame, so that it can
/// be the same number.
const ARM: u32 = TAIL;
/// Instead of a slot or of a place where control goes on: the value is the procedure's.
const TAIL: u32 = u32::MAX;

/// Why a walk stops short; in a box, so that the outcome of an instruction is no larger than a value.
struct Stop(Box<Cause>);

enum Cause {
    Fail(Failure),
    /// An arm cannot be joined, and the site where that was met, or 0.
    Fork(Unjoined, u32),
}

impl Stop {
    #[cold]
    fn fail(failure: Failure) -> Self {
        Self(Box::new(Cause::Fail(failure)))
    }

    #[cold]
    fn fork(why: Unjoined, site: u32) -> Self {
        Self(Box::new(Cause::Fork(why, site)))
    }
}

struct Failure {
    kind: Kind,
    message: String,
    site: u32,
    /// Whether it ends the walk even inside an arm.
    is_final: bool,
}

/// What comes after an instruction that may give a value to whoever waits.
enum Step {
    /// The instruction at the registers' place.
    Next,
    /// Nothing: this is the program's value.
    Done(Value),
}

type Outcome<T> = std::result::Result<T, Stop>;

/// What a walk runs: a program's own code, or the evaluator's with the program as data.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) code: &'a Code,
    /// Core programs on the heap, each above the one before; the last is the user's.
    pub(crate) programs: &'a [&'a CoreProgram],
    /// The function to call.
    pub(crate) function: u32,
    /// Values of the inputs, by their numbers.
    pub(crate) inputs: &'a [InputValue],
    /// Which literals are inputs: place, and index among the trace's inputs.
    pub(crate) literals: &'a [(Span, u32)],
    /// How soft choices relax; nodes as with inputs.
    pub(crate) relaxation: RelaxationInputs,
    pub(crate) limits: Limits,
    pub(crate) text: &'a str,
}

/// A [`Relaxation`](crate::Relaxation) as the walk sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelaxationInputs {
    pub(crate) temperature: Number,
    pub(crate) hard: bool,
    pub(crate) gumbel_seed: Option<Number>,
}

/// Where control is, and the frame it is in.
#[derive(Clone, Copy, Debug, Default)]
struct Registers {
    pc: u32,
    /// The frame's first slot on the stack, and the end of its slots.
    base: u32,
    top: u32,
    /// The application by the user's program that the running procedure serves.
    site: u32,
}

/// The places of the user's program.
struct Sites<'a> {
    /// Those of the pairs of the user's core program, from the first of its pairs on.
    table: &'a [u32],
    base: u32,
    spans: &'a [Span],
    /// What the variables are called that may have no value, by the pairs they stand in.
    names: &'a [(u32, Sym)],
    text: &'a str,
}

struct Walk<'a> {
    code: &'a Code,
    heap: &'a mut Heap,
    stack: &'a mut Vec<Value>,
    frames: &'a mut Vec<Frame>,
    constants: &'a [Value],
    recorder: &'a mut Recorder,
    sites: Sites<'a>,
    names: Names<'a>,
    at: Registers,
    meter: Meter,
    forks: Forks,
    notes: Notes,
    hot: &'a mut Hot,
    /// The place of the `if` whose test was computed last, if that depends on inputs.
    place: u32,
    relaxation: RelaxationInputs,
    /// How many numbers of noise have been drawn.
    drawn: u64,
    /// How many procedures without environment have been made.
    made: u32,
    /// Whether an application of the program entered a procedure last, and no procedure in between.
    applied_by_program: bool,
}

/// A finished walk: the value still on the heap.
pub(crate) struct Finished<'a> {
    pub(crate) value: Value,
    heap: &'a Heap,
    names: Names<'a>,
    pub(crate) stats: Stats,
    pub(crate) given_up: Vec<ForkGivenUp>,
    pub(crate) noted: Vec<Noted>,
    /// What it would have cost where arms are taken another way.
    pub(crate) costs: Costs,
    /// Whether other limits might have led to another trace.
    pub(crate) is_limited: bool,
    /// The most procedures under way at once, in arms that were not taken too.
    pub(crate) reach: usize,
    limits: Limits,
}

/// A walk of a job that has not begun, recording into a recorder that the caller has reset.
fn prepare<'a>(job: &Job<'a>, memory: &'a mut Memory, recorder: &'a mut Recorder) -> Walk<'a> {
    let Memory {
        heap,
        stack,
        frames,
        constants,
        hot,
    } = memory;
    let images = std::iter::once(&job.code.image).chain(job.programs.iter().map(|p| &p.image));
    heap.reset(images.map(|image| image.cells.as_slice()));
    hot.reset();
    frames.clear();
    // What an earlier walk left there would be taken for roots.
    stack.clear();
    // The evaluator's own constants are as they are; a program's hold its inputs.
    let constants = if job.programs.is_empty() {
        fill_constants(constants, heap, job);
        constants.as_slice()
    } else {
        &job.code.constants
    };
    let user = job.programs.last();
    let mut walk = Walk {
        code: job.code,
        heap,
        stack,
        frames,
        constants,
        recorder,
        sites: Sites {
            table: user.map_or(&[], |p| &p.image.sites),
            base: user.map_or(0, |p| p.image.base),
            spans: user.map_or(&job.code.spans, |p| &p.spans),
            names: user.map_or(&[], |p| &p.names),
            text: job.text,
        },
        names: Names::of(user.map_or(&job.code.symbols, |p| &p.symbols)),
        at: Registers::default(),
        meter: Meter::new(job),
        forks: Forks::default(),
        notes: Notes::default(),
        hot,
        place: 0,
        relaxation: job.relaxation,
        drawn: 0,
        made: 0,
        applied_by_program: false,
    };
    walk.set_literals(job);
    walk
}

/// Walks a job, recording into a recorder that the caller has reset.
pub(crate) fn walk<'a>(
    job: &Job<'a>,
    memory: &'a mut Memory,
    recorder: &'a mut Recorder,
) -> Result<Finished<'a>, Box<EvalError>> {
    let mut walk = prepare(job, memory, recorder);
    let result = walk.run_whole(job);
    let stats = walk.stats();
    walk.heap.drop_copy(KEPT_BYTES);
    give_back(walk.stack);
    give_back(walk.frames);
    match result {
        Ok(value) => Ok(Finished {
            costs: Costs::new(
                walk.meter.cost() - walk.forks.listed,
                std::mem::take(&mut walk.forks.costs),
            ),
            is_limited: walk.forks.is_limited,
            reach: walk.meter.reach,
            value,
            heap: walk.heap,
            names: walk.names,
            stats,
            given_up: walk.forks.given_up,
            noted: walk.notes.into_list(),
            limits: job.limits,
        }),
        Err(stop) => match *stop.0 {
            Cause::Fail(failure) => Err(Box::new(walk.error(failure, stats))),
            Cause::Fork(..) => unreachable!("forks are settled inside the walk"),
        },
    }
}

/// Frees what is larger than a workspace keeps.
fn give_back<T>(part: &mut Vec<T>) {
    if part.capacity() > KEPT_BYTES / size_of::<T>() {
        part.clear();
        part.shrink_to(0);
    }
}

impl<'a> Walk<'a> {
    // ---- start and end -----------------------------------------------------------------------

    /// Runs the job; gives the program's value.
    fn run_whole(&mut self, job: &Job<'a>) -> Outcome<Value> {
        self.begin()?;
        self.start(job)?;
        let value = self.run()?;
        self.end()?;
        Ok(value)
    }

    /// Stages the arguments of the job's function and enters it.
    fn start(&mut self, job: &Job<'a>) -> Outcome<()> {
        self.frames.push(Frame {
            pc: 0,
            base: 0,
            dst: 0,
            site: 0,
        });
        let mut staged = 0;
        if let Some(user) = job.programs.last() {
            let inputs: Vec<Value> = job.inputs.iter().map(|i| put_input(self.heap, i)).collect();
            let mut arguments = [user.here, self.outermost(inputs.into_iter())];
            if let [outer, _] = job.programs {
                // The evaluator evaluates itself on the arguments meant for it.
                arguments = [outer.here, self.outermost(arguments.into_iter())];
            }
            self.grow_stack(arguments.len())?;
            self.stack[..arguments.len()].copy_from_slice(&arguments);
            staged = arguments.len();
        }
        self.heap.freeze();
        let function = Value::closure(job.function + FIRST_FUNCTION, 0);
        self.enter(function, staged, false, TAIL, 0)
    }

    fn stats(&self) -> Stats {
        let [operations, guards] = self.recorder.done();
        Stats {
            nodes: self.meter.nodes,
            applications: self.meter.applications,
            fuel: self.meter.fuel(),
            operations,
            guards,
            paths: 0,
            depth: self.meter.deepest as u64,
            bytes: self.meter.peak.max(self.bytes()) as u64,
            replayed: false,
            forks_joined: self.recorder.trace.joins.len() as u64,
            forks_given_up: self.forks.given_up.len() as u64,
            rounded_ints: self.meter.rounded,
            way: Way::Walked,
        }
    }

    fn error(&self, failure: Failure, stats: Stats) -> EvalError {
        let span = self.sites.span(failure.site);
        let mut calls = Vec::new();
        let mut last = failure.site;
        let waiting = self.frames.iter().rev().map(|frame| frame.site);
        for site in std::iter::once(self.at.site).chain(waiting) {
            if site == 0 || site == last {
                continue;
            }
            last = site;
            if let Some(span) = self.sites.span(site) {
                calls.push(Call {
                    name: operator_text(span.text(self.sites.text)),
                    span,
                    position: span.position(self.sites.text),
                    model: None,
                });
            }
            if calls.len() == CHAIN {
                break;
            }
        }
        EvalError {
            kind: failure.kind,
            message: bounded(as_written(
                failure.message,
                span.map(|span| span.text(self.sites.text)),
            )),
            span,
            position: span.map(|span| span.position(self.sites.text)),
            calls,
            model: None,
            stats,
            monitored: self.notes.as_walked(),
        }
    }

    fn fail<T>(&self, kind: Kind, site: u32, message: impl Into<String>) -> Outcome<T> {
        Err(Stop::fail(Failure {
            kind,
            message: message.into(),
            is_final: false,
            site: if kind == Kind::Resource {
                0
            } else if site == 0 {
                self.at.site
            } else {
                site
            },
        }))
    }

    // ---- the loop ----------------------------------------------------------------------------

    fn run(&mut self) -> Outcome<Value> {
        loop {
            let stop = match self.steps() {
                Ok(value) => return Ok(value),
                Err(stop) => stop,
            };
            match *stop.0 {
                Cause::Fail(failure) if self.forks.open.is_empty() || failure.is_final => {
                    return Err(Stop::fail(failure));
                }
                Cause::Fail(failure) => {
                    self.forks.is_limited |= failure.kind == Kind::Resource;
                    self.abandon_forks(&Unjoined::Failure(failure.message), failure.site);
                }
                Cause::Fork(why, site) => self.abandon_forks(&why, site),
            }
        }
    }
}

/// The operator of an application, as its text says, shortened.
pub(crate) fn operator_text(application: &str) -> String {
    let inner = application.trim_start_matches(['(', '[', '\'', '`', ',', '@']);
    let end = inner.find(|c: char| c.is_whitespace() || "()[]\"';".contains(c));
    let name = &inner[..end.unwrap_or(inner.len())];
    if name.is_empty() || application.starts_with("((") {
        "a procedure".to_owned()
    } else {
        name.chars().take(40).collect()
    }
}
