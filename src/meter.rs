//! What may be taken before a program runs: time and bytes, in reading, expanding and compiling it.
//!
//! The caller's limits go in; each stage tells its steps and what it holds, and [`Overrun`] comes out
//! where that is too much.
//!
//! **Invariants**
//! - Without a deadline no clock is asked, so stages work where there is none.
//! - Between two looks at the clock there are at most [`STRIDE`] steps, and a step is less than a
//!   microsecond.
//! - Bytes are counted, not measured: the same text takes the same everywhere.

use std::cell::Cell;
use std::time::Instant;

/// Steps between two looks at the clock.
const STRIDE: u32 = 2048;

/// A limit that was met before a program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overrun {
    /// The deadline.
    #[error("out of time: the deadline has passed")]
    Late,
    /// The bytes of the heap.
    #[error("out of heap: the program takes more than {0} bytes before it runs")]
    Heap(usize),
    /// The bytes of the text.
    #[error("a text of {0} bytes; the limit is {1}")]
    Text(usize, usize),
}

/// Counts what stages take.
#[derive(Debug)]
pub(crate) struct Meter {
    deadline: Option<Instant>,
    heap_bytes: usize,
    text_bytes: usize,
    /// Steps until the clock is looked at.
    left: Cell<u32>,
    /// What the stages that are done hold.
    held: Cell<usize>,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(None, usize::MAX, usize::MAX)
    }
}

impl Meter {
    /// A meter of limits; [`Meter::default`] has none.
    pub(crate) const fn new(
        deadline: Option<Instant>,
        heap_bytes: usize,
        text_bytes: usize,
    ) -> Self {
        Self {
            deadline,
            heap_bytes,
            text_bytes,
            left: Cell::new(STRIDE),
            held: Cell::new(0),
        }
    }

    /// Whether a text may be read.
    ///
    /// # Errors
    /// When it is too long.
    pub(crate) fn text(&self, text: &str) -> Result<(), Overrun> {
        if text.len() > self.text_bytes {
            return Err(Overrun::Text(text.len(), self.text_bytes));
        }
        self.look()
    }

    /// Counts steps; true when it is time to tell what is held and to look at the clock.
    #[inline]
    pub(crate) fn is_due(&self, steps: usize) -> bool {
        let left = self.left.get();
        if steps < left as usize {
            self.left.set(left - steps as u32);
            return false;
        }
        self.left.set(STRIDE);
        true
    }

    /// Counts steps.
    ///
    /// # Errors
    /// When the deadline has passed.
    #[inline]
    pub(crate) fn step(&self, steps: usize) -> Result<(), Overrun> {
        if self.is_due(steps) {
            return self.look();
        }
        Ok(())
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// When the deadline has passed.
    #[cold]
    pub(crate) fn look(&self) -> Result<(), Overrun> {
        match self.deadline {
            Some(at) if Instant::now() >= at => Err(Overrun::Late),
            _ => Ok(()),
        }
    }

    /// Looks at the clock, and whether so many bytes may be held beside what is.
    ///
    /// # Errors
    /// When the deadline has passed, or the bytes are too many.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), Overrun> {
        if self.held.get().saturating_add(bytes) > self.heap_bytes {
            return Err(Overrun::Heap(self.heap_bytes));
        }
        self.look()
    }

    /// Adds bytes to those that are held; for good.
    ///
    /// # Errors
    /// As [`Meter::check`].
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), Overrun> {
        self.check(bytes)?;
        self.held.set(self.held.get() + bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_beside_what_is_taken() {
        let meter = Meter::new(None, 100, 10);
        assert_eq!(meter.text("0123456789"), Ok(()));
        assert_eq!(meter.text("0123456789a"), Err(Overrun::Text(11, 10)));
        assert_eq!(meter.hold(60), Ok(()));
        assert_eq!(meter.check(40), Ok(()));
        assert_eq!(meter.check(41), Err(Overrun::Heap(100)));
        assert_eq!(meter.hold(41), Err(Overrun::Heap(100)));
        assert_eq!(meter.check(40), Ok(()));
    }

    #[test]
    fn the_clock_is_looked_at_now_and_then() {
        let meter = Meter::new(Some(Instant::now()), usize::MAX, usize::MAX);
        let steps = (0..2 * STRIDE).find(|_| meter.step(1).is_err());
        assert_eq!(steps, Some(STRIDE - 1));
        assert_eq!(meter.step(usize::MAX), Err(Overrun::Late));
        assert_eq!(Meter::default().step(usize::MAX), Ok(()));
    }
}
