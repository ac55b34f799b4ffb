//! The library where there is no operating system: texts in, texts out, by memory.
//!
//! A line of `dmci eval --jsonl` goes in, and the line that answers it comes out; or a model and a
//! table, and a line for each param with its estimate. `node.mjs` is the other side.
//!
//! **Invariants**
//! - A text that comes in is written to what [`room`] gave, and is taken back by the call it goes to.
//! - A text that goes out stays until the next call: where it begins is what the call gives, how long
//!   it is says [`length`].

use dmci::Interpreter;
use dmci::cli::eval::Answerer;
use dmci::fit::{FitError, FitOptions, Table, fit};
use std::cell::RefCell;
use std::fmt::Write as _;

thread_local! {
    static ANSWERER: RefCell<Answerer> = RefCell::new(Answerer::new(Interpreter::embedded()));
    /// The text that went out last.
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
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

/// Answers a line.
#[unsafe(no_mangle)]
unsafe extern "C" fn answer(line: *mut u8, line_length: usize) -> *const u8 {
    // SAFETY: `node.mjs` gives what it wrote to room of this length.
    let line = unsafe { taken(line, line_length) };
    told(ANSWERER.with_borrow_mut(|answerer| answerer.answer(&line)))
}

/// Fits a model to a table, in CSV: a line of name, estimate, standard error and the interval's ends
/// for each param, then one of the sum of squares; or what is wrong.
#[unsafe(no_mangle)]
unsafe extern "C" fn estimates(
    model: *mut u8,
    model_length: usize,
    table: *mut u8,
    table_length: usize,
) -> *const u8 {
    // SAFETY: `node.mjs` gives what it wrote to room of these lengths.
    let (model, table) = unsafe { (taken(model, model_length), taken(table, table_length)) };
    told(fitted(&model, &table).unwrap_or_else(|error| error.to_string()))
}

fn fitted(model: &str, table: &str) -> Result<String, FitError> {
    let table = Table::from_reader(table.as_bytes(), "the table")?;
    let model = Interpreter::embedded().model(model)?;
    let fit = fit(&model, &table, &FitOptions::default())?;
    let mut text = String::new();
    for param in &fit.params {
        let (name, estimate, std_err) = (&param.name, param.estimate, param.std_err);
        let (low, high) = (param.low, param.high);
        let _ = writeln!(text, "{name} {estimate:?} {std_err:?} {low:?} {high:?}");
    }
    let _ = writeln!(text, "sse {:?}", fit.sse);
    Ok(text)
}
