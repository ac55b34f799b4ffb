//! What an evaluation may take, what it took, and how it fails.
//!
//! **Invariants**
//! - A limit that is met is told by name.
//! - An error has the place of the innermost expression at fault, and what had been taken by then.

use super::monitor::Monitored;
use super::output::Unwritten;
use super::reasons::Way;
use super::serial::text;
use crate::error::{Call, CalledModel, Kind};
use crate::source::{Position, Span};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How far an evaluation may go; each limit is told by name when it is met.
///
/// ```
/// use dmci::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::default().fuel(10_000).timeout(Duration::from_millis(50));
/// assert_eq!(limits.fuel, 10_000);
/// assert!(limits.deadline.is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Applications by the program, of closures and primitives, and what weighs as much: elements that
    /// they go through. One request has it once: all lanes of a batch draw on it, in their order.
    pub fuel: u64,
    /// Bytes that an evaluation takes at once: heap and stack, what the collector copies, the trace,
    /// what derivatives are computed in, the value.
    pub heap_bytes: usize,
    /// Procedures entered and not yet left; the evaluator's own count too, so a program reaches
    /// fewer levels in interpreter mode than in direct mode.
    pub depth: usize,
    /// When to stop.
    pub deadline: Option<Instant>,
    /// What stops it at any time, as if the deadline had passed.
    pub interrupt: Option<Interrupt>,
    /// Bytes of traces, and of what they are compiled to, that are kept from one evaluation to the
    /// next; what is recorded beyond them is forgotten afterwards.
    pub trace_bytes: usize,
    /// Bytes of a program's text.
    pub text_bytes: usize,
    /// Bytes of a value once it is written.
    pub output_bytes: usize,
}

impl Default for Limits {
    /// As [`Limits::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// 10^9 applications, 1 GiB, 10^8 procedures deep, no deadline, 256 MiB of traces, 64 MiB of text,
    /// 1 GiB of output.
    pub const fn new() -> Self {
        Self {
            fuel: 1_000_000_000,
            heap_bytes: 1 << 30,
            depth: 100_000_000,
            deadline: None,
            interrupt: None,
            trace_bytes: 256 << 20,
            text_bytes: 64 << 20,
            output_bytes: 1 << 30,
        }
    }

    /// The same with so many applications.
    #[must_use]
    pub const fn fuel(mut self, applications: u64) -> Self {
        self.fuel = applications;
        self
    }

    /// The same with so many bytes of heap and stack.
    #[must_use]
    pub const fn heap_bytes(mut self, bytes: usize) -> Self {
        self.heap_bytes = bytes;
        self
    }

    /// The same with so many bytes of traces.
    #[must_use]
    pub const fn trace_bytes(mut self, bytes: usize) -> Self {
        self.trace_bytes = bytes;
        self
    }

    /// The same with so many bytes of text.
    #[must_use]
    pub const fn text_bytes(mut self, bytes: usize) -> Self {
        self.text_bytes = bytes;
        self
    }

    /// The same with so many bytes of written values.
    #[must_use]
    pub const fn output_bytes(mut self, bytes: usize) -> Self {
        self.output_bytes = bytes;
        self
    }

    /// The same with so many procedures under way at once.
    #[must_use]
    pub const fn depth(mut self, procedures: usize) -> Self {
        self.depth = procedures;
        self
    }

    /// The same with an end at a moment, or with none.
    #[must_use]
    pub fn deadline(mut self, at: impl Into<Option<Instant>>) -> Self {
        self.deadline = at.into();
        self
    }

    /// The same with an end so long from now; with none where that is too far off to be told. Where
    /// there is no clock (wasm32-unknown-unknown), limits have no deadline.
    #[must_use]
    pub fn timeout(self, time: Duration) -> Self {
        let deadline = HAS_CLOCK
            .then(Instant::now)
            .and_then(|now| now.checked_add(time));
        self.deadline(deadline)
    }

    /// The same with something that stops it when it is set.
    #[must_use]
    pub const fn interrupt(mut self, flag: &'static AtomicBool) -> Self {
        self.interrupt = Some(Interrupt(flag));
        self
    }

    /// Whether there is so much time left.
    pub(crate) fn has_time(&self, time: Duration) -> bool {
        self.deadline
            .is_none_or(|at| at.saturating_duration_since(Instant::now()) >= time)
    }

    /// Whether the deadline has passed, or what interrupts is set. Without a deadline no clock is asked,
    /// so limits work where there is none.
    #[inline]
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|at| Instant::now() >= at) || self.is_interrupted()
    }

    /// Whether what interrupts is set.
    #[inline]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_some_and(Interrupt::is_set)
    }
}

/// A flag that another thread, or a handler of signals, sets to stop what is under way.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(&'static AtomicBool);

impl Interrupt {
    /// Whether it is set.
    #[inline]
    pub fn is_set(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same flag, whatever it holds.
impl PartialEq for Interrupt {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Interrupt {}

/// Whether the machine has a clock: wasm32-unknown-unknown has none, and asking for the time there
/// ends the program.
const HAS_CLOCK: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// How long something takes, where the machine has a clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Option<Instant>);

impl Clock {
    /// Starts to count.
    pub(crate) fn start() -> Self {
        Self(HAS_CLOCK.then(Instant::now))
    }

    /// The seconds since it started; 0 without a clock.
    pub(crate) fn seconds(self) -> f64 {
        self.0.map_or(0.0, |began| began.elapsed().as_secs_f64())
    }

    /// What is left of a time that began when it started; all of it without a clock.
    #[cfg(feature = "cli")]
    pub(crate) fn left(self, time: Duration) -> Duration {
        self.0
            .map_or(time, |began| time.saturating_sub(began.elapsed()))
    }
}

/// What an evaluation took.
///
/// It is the same whatever the model was asked before, but for what is history: `paths`, `replayed` and
/// `way` say how a model came to the numbers, and a replay has no `nodes` and no `rounded_ints`; its
/// `bytes` are those of the walk that recorded its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Graph nodes walked; 0 for a replay.
    pub nodes: u64,
    /// Applications by the program.
    pub applications: u64,
    /// What it takes of [`Limits::fuel`]: applications, and what weighs as much.
    pub fuel: u64,
    /// Operations in the trace.
    pub operations: u64,
    /// Guards the path relies on.
    pub guards: u64,
    /// Paths the model keeps.
    pub paths: u64,
    /// The most procedures under way at once.
    pub depth: u64,
    /// Largest heap, stack and trace in use, in bytes, as far as they were looked at.
    pub bytes: u64,
    /// Whether a recorded path was run again instead of a walk.
    pub replayed: bool,
    /// Forks of the path whose arms were joined by a select.
    pub forks_joined: u64,
    /// Forks that were given up: their tests are guards. [`Model::explain`](crate::Model::explain)
    /// says why.
    pub forks_given_up: u64,
    /// Products, powers and quotients of ints that passed 2^53, from where on not all whole numbers are
    /// doubles; 0 for a replay.
    pub rounded_ints: u64,
    /// How the run came to its numbers, and why that way; in words where it is serialized, which are not read.
    #[serde(serialize_with = "text", skip_deserializing)]
    pub way: Way,
}

impl Stats {
    /// What no evaluations take together.
    pub(crate) fn of_replays() -> Self {
        Self {
            replayed: true,
            way: Way::Lanes,
            ..Self::default()
        }
    }

    /// Counts what so many others took besides.
    pub(crate) fn add(&mut self, other: &Self, times: u64) {
        if times == 0 {
            return;
        }
        *self = Self {
            nodes: self.nodes + times * other.nodes,
            applications: self.applications + times * other.applications,
            fuel: self.fuel + times * other.fuel,
            operations: self.operations + times * other.operations,
            guards: self.guards + times * other.guards,
            paths: self.paths.max(other.paths),
            depth: self.depth.max(other.depth),
            bytes: self.bytes.max(other.bytes),
            replayed: self.replayed && other.replayed,
            forks_joined: self.forks_joined + times * other.forks_joined,
            forks_given_up: self.forks_given_up + times * other.forks_given_up,
            rounded_ints: self.rounded_ints + times * other.rounded_ints,
            way: self.way,
        };
    }
}

/// What is said where time has.
pub(crate) const OUT_OF_TIME: &str = "out of time: the deadline has passed";

/// What is said where fuel has run out.
pub(crate) fn out_of_fuel(limit: u64) -> String {
    format!("out of fuel: {limit} applications")
}

/// A program failed while it ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EvalError {
    /// What kind of failure.
    pub kind: Kind,
    /// What failed and why.
    pub message: String,
    /// The innermost expression at fault.
    pub span: Option<Span>,
    /// Its line and column.
    pub position: Option<Position>,
    /// The applications under way, innermost first.
    pub calls: Vec<Call>,
    /// The model that the place is in, of those that the program calls; none where it is in the
    /// program's own text.
    pub model: Option<Box<CalledModel>>,
    /// What the evaluation had taken by then.
    pub stats: Stats,
    /// What `monitor` had been given by then, in order.
    pub monitored: Vec<Monitored>,
}

impl EvalError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            span: None,
            position: None,
            calls: Vec::new(),
            model: None,
            stats: Stats::default(),
            monitored: Vec::new(),
        }
    }
}

impl From<Unwritten> for Box<EvalError> {
    fn from(why: Unwritten) -> Self {
        let message = match why {
            Unwritten::TooLong(most) => {
                format!("out of output: the value takes more than {most} bytes to write")
            }
            Unwritten::Late => OUT_OF_TIME.to_owned(),
            Unwritten::NoMemory => "out of memory while the value is written".to_owned(),
        };
        Self::new(EvalError::new(Kind::Resource, message))
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}
