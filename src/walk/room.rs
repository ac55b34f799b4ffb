//! Room: what a walk takes of memory, asked for before it is taken.
//!
//! Sizes go in; heap, stack and frames have grown by them, or the walk is out of heap.
//!
//! **Invariants**
//! - All that the walk holds, its program, and the space that a collection copies to, is within the limit together:
//!   cells may take half of what the rest leaves.
//! - A collection leaves room for an eighth of what it went through, or the walk is out of heap: so the
//!   time spent on collections is a small multiple of what is allocated.
//! - Vectors grow by what was asked for and not much more; a machine that has no more memory is a heap
//!   with no more room.
//! - What is in use is told by lengths, never by capacities: those are of whatever was walked before.

use super::{Frame, Outcome, Walk};
use crate::error::Kind;
use crate::prim::value::Value;

/// Cells allocated before the first collection.
pub(super) const NURSERY: usize = 1 << 17;

/// Cells that straight code may allocate between two looks at the heap.
pub(super) const SLACK: usize = 1 << 12;

/// Slots above all that may be staged.
pub(super) const SPARE_SLOTS: usize = 8;

/// The memory, in bytes, of each part that a workspace keeps from one walk to the next.
pub(super) const KEPT_BYTES: usize = 4 << 20;

/// The most cells there may be: addresses have 32 bits.
const MOST_CELLS: usize = u32::MAX as usize - SLACK;

impl Walk<'_> {
    /// What is in use, with the space to copy the heap to.
    pub(super) fn bytes(&self) -> usize {
        2 * size_of_val(self.heap.cells()) + self.bytes_beside()
    }

    /// What is in use besides the heap.
    fn bytes_beside(&self) -> usize {
        self.meter.program
            + self.at.top as usize * size_of::<Value>()
            + self.frames.len() * size_of::<Frame>()
            + self.recorder.bytes()
            + self.notes.bytes
            + self.names.bytes
    }

    /// How many cells there may be.
    fn most_cells(&self) -> usize {
        let rest = self
            .meter
            .limits
            .heap_bytes
            .saturating_sub(self.bytes_beside());
        (rest / (2 * size_of::<Value>())).min(MOST_CELLS)
    }

    /// Sets when the heap is to be collected first.
    pub(super) fn begin(&mut self) -> Outcome<()> {
        self.plan_collection(0)
    }

    /// Whether what is in use is to be looked at closely, or collected.
    pub(super) fn wants_room(&self) -> bool {
        self.heap.len() >= self.meter.collect_at.min(self.most_cells() / 8 * 7)
    }

    /// Where procedures are entered and something is to be looked at: makes sure that there is room for
    /// what comes, up to the next look.
    pub(super) fn make_room(&mut self) -> Outcome<()> {
        let depth = self.meter.limits.depth;
        if self.frames.len() > depth {
            let message = format!("too deep: {depth} procedures under way");
            return self.fail(Kind::Resource, 0, message);
        }
        if self.frames.len() > self.meter.frames {
            self.grow_frames()?;
        }
        let most = self.most_cells();
        if !self.forks.open.is_empty() {
            // No collection inside an arm, and no note of what is in use: it is cut back.
            if self.heap.len() > most || !self.heap.reserve(SLACK) {
                return self.out_of_heap();
            }
            return Ok(());
        }
        self.meter.peak = self.meter.peak.max(self.bytes());
        if self.heap.len() < self.meter.collect_at.min(most / 8 * 7) {
            return Ok(());
        }
        self.collect(self.at.top as usize)
    }

    /// Keeps what the first so many slots of the stack reach.
    fn collect(&mut self, top: usize) -> Outcome<()> {
        let room = self.heap.len().min(self.most_cells());
        if !self.heap.reserve_copy(room) {
            return self.out_of_heap();
        }
        self.heap
            .collect(&mut self.stack[..top], &self.code.entries);
        let (heap, entries) = (&*self.heap, &self.code.entries);
        self.hot.follow(|value| heap.moved(value, entries));
        // Slots above the top may hold old addresses.
        let kept = (2 * top + self.code.stage as usize + SPARE_SLOTS).min(self.stack.len());
        self.stack.truncate(kept);
        self.stack[top..].fill(Value::NIL);
        self.plan_collection(top)
    }

    /// Decides at how many cells the heap is collected next, and takes the memory for them.
    fn plan_collection(&mut self, top: usize) -> Outcome<()> {
        let (live, most) = (self.heap.len(), self.most_cells());
        if live + (live + top) / 8 > most / 8 * 7 {
            return self.out_of_heap();
        }
        let next = (3 * live + top).max(live + NURSERY).min(most / 8 * 7);
        self.meter.collect_at = next;
        if self.heap.reserve(next + SLACK - live) {
            return Ok(());
        }
        self.out_of_heap()
    }

    /// Makes sure that there is room for so many cells more. Garbage is not collected here: a primitive
    /// holds values; whoever applies it collects and tries again.
    pub(super) fn room(&mut self, cells: usize) -> Outcome<()> {
        let all = self.heap.len().saturating_add(cells);
        if all < self.meter.collect_at {
            // That much has been reserved.
            return Ok(());
        }
        if all > self.most_cells() || !self.heap.reserve(cells.saturating_add(SLACK)) {
            self.meter.wanted = self.meter.wanted.max(cells).max(1);
            return self.out_of_heap();
        }
        Ok(())
    }

    /// After a primitive on staged arguments has found no room: whether there is after a collection.
    #[cold]
    pub(super) fn found_room(&mut self, staged: usize) -> bool {
        let wanted = std::mem::take(&mut self.meter.wanted);
        if wanted == 0 || !self.forks.open.is_empty() {
            return false;
        }
        let found = self
            .collect(self.at.top as usize + staged)
            .and_then(|()| self.reserve_stack())
            .and_then(|()| self.room(wanted));
        self.meter.wanted = 0;
        found.is_ok()
    }

    /// Fails if so many bytes more would be too many.
    pub(super) fn need_bytes(&self, bytes: usize) -> Outcome<()> {
        if self.bytes().saturating_add(bytes) <= self.meter.limits.heap_bytes {
            return Ok(());
        }
        self.out_of_heap()
    }

    /// Makes sure that the frame, and all that is staged above it, has its slots.
    #[inline]
    pub(super) fn reserve_stack(&mut self) -> Outcome<()> {
        let need = self.at.top as usize + self.code.stage as usize + SPARE_SLOTS;
        if self.stack.len() < need {
            return self.grow_stack(need);
        }
        Ok(())
    }

    /// Makes the stack longer than so many slots.
    #[cold]
    pub(super) fn grow_stack(&mut self, slots: usize) -> Outcome<()> {
        let more = slots.saturating_sub(self.at.top as usize);
        self.need_bytes(more.saturating_mul(size_of::<Value>()))?;
        let length = slots + slots / 4 + 256;
        let beyond = length.saturating_sub(self.stack.len());
        if length > u32::MAX as usize || self.stack.try_reserve_exact(beyond).is_err() {
            return self.out_of_heap();
        }
        self.stack.resize(length, Value::NIL);
        Ok(())
    }

    /// Makes room for more procedures under way.
    fn grow_frames(&mut self) -> Outcome<()> {
        self.need_bytes(0)?;
        let depth = self.frames.len();
        let more = depth / 4 + FRAMES;
        if self.frames.try_reserve_exact(more).is_err() {
            return self.out_of_heap();
        }
        // A frame is pushed before it is looked at how many there are, and a fork's beside it.
        self.meter.frames = (depth + more - 2).min(self.meter.limits.depth);
        Ok(())
    }

    pub(super) fn out_of_heap<T>(&self) -> Outcome<T> {
        let message = format!("out of heap: {} bytes in use", self.meter.limits.heap_bytes);
        self.fail(Kind::Resource, 0, message)
    }
}

/// Frames that are made room for at once.
const FRAMES: usize = 1024;
