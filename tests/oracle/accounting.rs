//! An allocator that knows what the thread holds, what it held at most, and that can refuse.
//!
//! **Invariants**
//! - Counts are a thread's own, so tests beside each other do not disturb each other; what other
//!   threads allocate for it is not counted.
//! - Only requests of [`LARGE`] bytes and more are ever refused: for smaller ones the standard
//!   library ends the process, whoever asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What counts as large.
pub(crate) const LARGE: usize = 64 << 10;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    /// How many large requests there have been.
    static ASKED: Cell<u64> = const { Cell::new(0) };
    /// Which of them is refused.
    static REFUSED: Cell<u64> = const { Cell::new(u64::MAX) };
}

pub(crate) struct Accounting;

/// Counts bytes more or fewer.
fn count(bytes: isize) {
    // A thread that ends has no counts any more.
    let _ = HELD.try_with(|held| {
        let now = held.get() + bytes;
        held.set(now);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now)));
    });
}

/// Whether a request is the one to be refused.
fn refuses(size: usize) -> bool {
    size >= LARGE
        && ASKED
            .try_with(|asked| {
                let number = asked.get();
                asked.set(number + 1);
                REFUSED.try_with(|refused| refused.get() == number) == Ok(true)
            })
            .unwrap_or(false)
}

// SAFETY: all is handed on to the system's allocator as it comes, or refused with null, as the
// contract allows; the counts allocate nothing.
unsafe impl GlobalAlloc for Accounting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size().cast_signed()));
        // SAFETY: as above; what is given back came from there.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && refuses(size) {
            return std::ptr::null_mut();
        }
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Runs something, and says how many bytes more than before were held at once by this thread.
pub(crate) fn peak_of<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.get();
    PEAK.set(before);
    let result = run();
    ((PEAK.get() - before).max(0) as usize, result)
}

/// Runs something with the n-th large request refused; says how many there were.
#[allow(dead_code, reason = "not every program that counts also refuses")]
pub(crate) fn refusing<T>(number: u64, run: impl FnOnce() -> T) -> (u64, T) {
    ASKED.set(0);
    REFUSED.set(number);
    let result = run();
    REFUSED.set(u64::MAX);
    (ASKED.get(), result)
}
