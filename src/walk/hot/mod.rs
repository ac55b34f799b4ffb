//! Hot loops: iterations of a loop that a walk has seen often enough are run as straight code.
//!
//! The walk tells where a procedure is entered again by a tail call; what it has done from there to the
//! next time is [`recorded`](record) once, in the evaluator and in the program alike, as operations on
//! registers. From then on iterations are these operations until something in them comes out otherwise;
//! then the walk goes on from where that iteration began.
//!
//! **Invariants**
//! - What an iteration leaves behind, in the trace and in what is counted, is what the walk of it leaves;
//!   only cells of the heap, which nobody would see again, are not made.
//! - Operations are those of the walk, with its primitives: they fold, record, guard and refuse alike.
//! - An iteration that fails, meets a limit or takes another way is taken back whole. So errors are the
//!   walk's own.
//! - Structure that code relies on is what it was when it was recorded: it is older than the loop, or made
//!   in the iteration. Addresses are kept up by whoever moves cells.
//! - None runs inside of a fork that the walk has begun, nor where a walk is to pause; forks of an iteration
//!   are begun and joined by its code.

mod along;
mod code;
mod record;
mod recording;
mod roll;

use super::{Outcome, Walk};
use crate::prim::value::{Tag, Value};
use code::{Ended, Under, Way};
use record::Recorded;
use recording::Recording;

/// How often a procedure is entered again before an iteration is recorded.
const WARM: u32 = 3;

/// How many loops, and how many ways through one of them, a walk keeps.
const LOOPS: usize = 16;
const WAYS: usize = 8;

/// How many recordings of a loop may come to nothing.
const TRIES: u32 = 3;

/// How many iterations, for each that is recorded, make that worth it.
const WORTH: u64 = 8;

/// After how many iterations of one way it is noted where they began, for loops that become long.
const SETTLED: u64 = 8;

/// Places of the table of procedures that are entered again; a power of two.
const SEEN: usize = 16;

/// A register (at or above 0) or a constant (`!index`).
type Operand = i32;

/// What a walk knows of its loops.
#[derive(Clone, Debug)]
pub(crate) struct Hot {
    seen: [Seen; SEEN],
    loops: Vec<Loop>,
    registers: Vec<Value>,
    /// Forks of the iteration under way.
    under: Vec<Under>,
    /// How often something is seen before it is recorded.
    warm: u32,
    /// From how many operations or iterations on a loop is kept as one iteration, if it is from more on.
    long: usize,
    /// How many iterations were recorded, and how many were run as code.
    recorded: u64,
    iterations: u64,
    is_recording: bool,
    /// How often the heap has been collected.
    pub(super) collections: u32,
    /// Whether this walk does without: somebody looks at its heap.
    pub(super) rests: bool,
    /// Whether all do, for those who compare.
    is_off: bool,
}

/// A procedure that is entered again, or the place where it starts, with how many frames there are then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    what: u64,
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    head: Head,
    count: u32,
}

/// A loop, by the procedure that is entered again.
#[derive(Clone, Debug)]
struct Loop {
    head: Head,
    ways: Vec<Way>,
    /// How many recordings came to nothing.
    failures: u32,
    /// How often no way led through an iteration.
    misses: u32,
}

/// What carries on from one iteration to the next.
#[derive(Clone, Copy, Debug)]
enum Carried {
    /// Anything: the register at its position.
    Register,
    /// This very value.
    Same(Value),
}

/// What the procedure of a loop is entered with.
#[derive(Clone, Debug)]
struct Shape {
    /// How many slots of the frame are its parameters; and the last of them, where it is a list of
    /// arguments made for it, is so many values.
    params: usize,
    list: Option<usize>,
    /// What it has captured, where it is known by its place alone.
    captured: Vec<Value>,
}

impl Shape {
    /// How many parameters are one value each.
    fn singles(&self) -> usize {
        self.params - usize::from(self.list.is_some())
    }
}

impl Default for Hot {
    fn default() -> Self {
        Self {
            seen: [Seen::default(); SEEN],
            loops: Vec::new(),
            registers: Vec::new(),
            under: Vec::new(),
            warm: WARM,
            long: usize::MAX,
            recorded: 0,
            iterations: 0,
            is_recording: false,
            collections: 0,
            rests: false,
            is_off: false,
        }
    }
}

impl Hot {
    /// Walks loops like everything else from now on.
    #[cfg(test)]
    pub(crate) fn rest_for_good(&mut self) {
        self.is_off = true;
    }

    /// Keeps loops as one iteration from so many operations or iterations on.
    #[cfg(test)]
    pub(crate) fn roll_from(&mut self, long: usize) {
        self.long = long;
    }

    /// How many iterations the last walk has run as code.
    #[cfg(test)]
    pub(crate) fn iterations(&self) -> u64 {
        self.iterations
    }

    /// For another walk, which knows nothing of the loops of the one before.
    pub(super) fn reset(&mut self) {
        self.seen = [Seen::default(); SEEN];
        self.loops.clear();
        (self.warm, self.recorded, self.iterations) = (WARM, 0, 0);
        self.is_recording = false;
        self.rests = false;
    }

    /// A loop that was not known; gives its place.
    fn add(&mut self, head: Head) -> usize {
        if self.loops.len() == LOOPS {
            self.loops.remove(0);
        }
        self.loops.push(Loop {
            head,
            ways: Vec::new(),
            failures: 0,
            misses: 0,
        });
        self.loops.len() - 1
    }

    /// Cells have moved: `moved` tells where a value is now, if it is anywhere.
    pub(super) fn follow(&mut self, moved: impl Fn(Value) -> Option<Value>) {
        self.collections += 1;
        self.seen = [Seen::default(); SEEN];
        let follow = |value: &mut Value| match moved(*value) {
            Some(new) => {
                *value = new;
                true
            }
            None => false,
        };
        self.loops.retain_mut(|of| {
            if of.head.what >> 32 == 0 {
                return true;
            }
            let mut procedure = Value::new(Tag::Closure, of.head.what);
            let is_there = follow(&mut procedure);
            of.head.what = procedure.bits;
            is_there
        });
        for of in &mut self.loops {
            of.ways.retain_mut(|way| {
                let carried = way.carried.iter_mut().filter_map(|carried| match carried {
                    Carried::Same(value) => Some(value),
                    Carried::Register => None,
                });
                let values = way.constants.iter_mut().chain(&mut way.shape.captured);
                carried.chain(values).all(follow)
            });
        }
    }
}

impl Walk<'_> {
    /// A procedure has been entered by a tail call, or begun again: the beginning of an iteration, perhaps.
    /// Gives the program's value where a recorded iteration came to it.
    #[inline]
    pub(super) fn entered(&mut self, what: u64) -> Outcome<Option<Value>> {
        let depth = self.frames.len();
        let mixed = what ^ (what >> 32).wrapping_mul(0x9e37) ^ (what >> 7);
        let seen = &mut self.hot.seen[mixed as usize % SEEN];
        let head = Head { what, depth };
        if seen.head != head {
            *seen = Seen { head, count: 1 };
            return Ok(None);
        }
        seen.count = seen.count.wrapping_add(1);
        if seen.count < self.hot.warm {
            return Ok(None);
        }
        self.iterate(head)
    }

    /// Runs iterations as code as far as they go, or records one.
    #[inline(never)]
    fn iterate(&mut self, head: Head) -> Outcome<Option<Value>> {
        let hot = &self.hot;
        if hot.is_recording || hot.rests || hot.is_off || !self.forks.open.is_empty() {
            return Ok(None);
        }
        let known = self.hot.loops.iter().position(|of| of.head == head);
        let which = known.unwrap_or_else(|| self.hot.add(head));
        if !self.hot.loops[which].ways.is_empty() {
            let loops = std::mem::take(&mut self.hot.loops);
            let mut registers = std::mem::take(&mut self.hot.registers);
            let ended = self.run_ways(&loops[which], &mut registers);
            self.hot.loops = loops;
            self.hot.registers = registers;
            if let Ended::Looks = ended {
                return Ok(None);
            }
        }
        let pays = self.hot.iterations >= WORTH * self.hot.recorded;
        let of = &mut self.hot.loops[which];
        if of.failures >= TRIES || (of.ways.len() == WAYS && !pays) {
            return Ok(None);
        }
        of.misses += 1;
        // The last iteration takes another way, too: it is not worth to be recorded each time.
        if !of.ways.is_empty() && !of.misses.is_power_of_two() {
            return Ok(None);
        }
        self.record(head)
    }

    /// Records an iteration while it is walked.
    fn record(&mut self, head: Head) -> Outcome<Option<Value>> {
        let recorded = match Recording::begin(self, head) {
            Some(recording) => {
                self.hot.is_recording = true;
                let result = self.walk_recorded(recording);
                self.hot.is_recording = false;
                result?
            }
            None => Recorded::Nothing,
        };
        let hot = &mut *self.hot;
        if !matches!(recorded, Recorded::Left(_)) {
            // Where recording does not pay, less is recorded.
            if hot.iterations < WORTH * hot.recorded {
                hot.warm = hot.warm.saturating_mul(2);
            }
            hot.recorded += 1;
        }
        let of = hot.loops.iter_mut().find(|of| of.head == head);
        match (of, recorded) {
            (Some(of), Recorded::Way(way)) => {
                if of.ways.len() == WAYS {
                    // Of procedures that are gone, perhaps.
                    of.ways.remove(0);
                }
                of.ways.push(*way);
            }
            (_, Recorded::Interrupted) => {}
            (Some(of), recorded) => {
                of.failures += 1;
                if let Recorded::Left(value) = recorded {
                    return Ok(value);
                }
            }
            (None, Recorded::Left(value)) => return Ok(value),
            (None, _) => {}
        }
        Ok(None)
    }
}

/// Whether two values are one.
fn is_same(a: Value, b: Value) -> bool {
    a.tag == b.tag && a.bits == b.bits && a.node == b.node
}
