//! The engine where there is no operating system: JSON in, JSON out, by memory.
//!
//! [`answer`] takes a line of `dmci eval --jsonl` and gives the line that answers it; [`ask`] takes what
//! else pages want, as `{"do":"fit",…}`: see [`asked`]. `site/engine.mjs` is the other side.
//!
//! **Invariants**
//! - A text that comes in is written to what [`room`] gave, and is taken back by the call it goes to.
//! - A text that goes out stays until the next call: where it begins is what the call gives, how long
//!   it is says [`length`].
//! - Two functions are the host's, of the module `host`: a clock, and whether a fit is to go on.

mod asked;
mod fitted;
mod host;
mod shown;
mod timed;

use dmci::Interpreter;
use dmci::cli::eval::Answerer;
use std::cell::RefCell;

thread_local! {
    static ANSWERER: RefCell<Answerer> = RefCell::new(Answerer::new(interpreter()));
    /// Loaded once: what else is asked of it clones it.
    static INTERPRETER: Interpreter = Interpreter::embedded();
    /// The text that went out last.
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The compiled evaluator.
pub(crate) fn interpreter() -> Interpreter {
    INTERPRETER.with(Clone::clone)
}

/// Room for a text of so many bytes.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; length].into_boxed_slice()).cast()
}

/// The text that was written to some room, which is given back.
///
/// # Safety
/// [`room`] gave it, for as many bytes, and no call has taken it yet.
unsafe fn taken(text: *mut u8, length: usize) -> String {
    let bytes = std::ptr::slice_from_raw_parts_mut(text, length);
    // SAFETY: the caller's promise.
    let bytes = unsafe { Box::from_raw(bytes) };
    String::from_utf8_lossy(&bytes).into_owned()
}

fn told(text: String) -> *const u8 {
    TOLD.with_borrow_mut(|told| {
        *told = text;
        told.as_ptr()
    })
}

/// How long the text is that went out last, in bytes.
#[unsafe(no_mangle)]
extern "C" fn length() -> usize {
    TOLD.with_borrow(String::len)
}

/// Answers a line of `dmci eval --jsonl`.
#[unsafe(no_mangle)]
unsafe extern "C" fn answer(line: *mut u8, line_length: usize) -> *const u8 {
    // SAFETY: the host gives what it wrote to room of this length.
    let line = unsafe { taken(line, line_length) };
    told(ANSWERER.with_borrow_mut(|answerer| answerer.answer(&line)))
}

/// Answers what else is asked.
#[unsafe(no_mangle)]
unsafe extern "C" fn ask(request: *mut u8, request_length: usize) -> *const u8 {
    // SAFETY: the host gives what it wrote to room of this length.
    let request = unsafe { taken(request, request_length) };
    told(asked::answer(&request))
}
