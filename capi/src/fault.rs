//! How calls end: a status for C, and the thread's last error.
//!
//! What a call does goes in; its status comes out, and a [`Fault`] stays to be told.
//!
//! **Invariants**
//! - Every call that gives a status replaces the thread's last error, by nothing if it went well.
//! - A panic is caught, and is a fault of kind `internal`.
//! - Text for C has no NUL inside.

use dmci::fit::FitError;
use dmci::source::Position;
use dmci::{Error, Kind};
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// The statuses of the header but for `DMCI_OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Program = 1,
    Request = 2,
    Usage = 3,
    Internal = 4,
}

pub(crate) const OK: c_int = 0;

/// Why a call did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Fault {
    status: Status,
    kind: &'static str,
    message: String,
    position: Option<Position>,
    report: String,
}

impl Fault {
    /// The library was called wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::plain(Status::Usage, "usage", message.into())
    }

    /// What is asked for does not fit.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::plain(Status::Request, Kind::Request.name(), message.into())
    }

    /// The library failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::plain(Status::Internal, "internal", message.into())
    }

    fn plain(status: Status, kind: &'static str, message: String) -> Self {
        let report = format!("error[{kind}]: {message}\n");
        Self {
            status,
            kind,
            message,
            position: None,
            report,
        }
    }

    /// An error of a program, whose text is given.
    pub(crate) fn of(error: &Error, text: &str) -> Self {
        let status = match error.kind() {
            Kind::Request => Status::Request,
            _ => Status::Program,
        };
        let mut fault = Self::plain(status, error.kind().name(), error.to_string());
        fault.position = error.position(text);
        fault.report = error.render(text).to_string();
        fault
    }

    /// An error of a fit of the program whose text is given.
    pub(crate) fn of_fit(error: &FitError, text: &str) -> Self {
        if let Some(error) = error.program_error() {
            return Self::of(error, text);
        }
        let mut fault = Self::request(error.to_string());
        fault.position = error.span().map(|span| span.position(text));
        fault.report = error.render(text).to_string();
        fault
    }

    pub(crate) fn status(&self) -> c_int {
        self.status as c_int
    }
}

/// Text as C has it. A NUL inside, which would end it, is written as the escape that reports have.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\\u{0}")).unwrap_or_default()
}

/// A fault, as it is told to C.
#[derive(Default)]
struct Told {
    message: CString,
    kind: CString,
    report: CString,
    position: Option<Position>,
}

thread_local! {
    /// The error of this thread's last call; none if it went well.
    static LAST: RefCell<Option<Box<Told>>> = const { RefCell::new(None) };
}

/// Sets the thread's last error. It is out of reach only while the thread ends.
fn tell(fault: Option<&Fault>) {
    let told = fault.map(|fault| {
        Box::new(Told {
            message: c_text(&fault.message),
            kind: c_text(fault.kind),
            report: c_text(&fault.report),
            position: fault.position,
        })
    });
    let _ = LAST.try_with(|last| last.replace(told));
}

/// Does what a call is for, and gives its status.
pub(crate) fn answer(work: impl FnOnce() -> Result<(), Fault>) -> c_int {
    // What a panic leaves half done is the caller's to say: see `evaluator.rs`.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let said = said.map_or(String::new(), |said| format!(": {said}"));
        Err(Fault::internal(format!(
            "dmci failed; please report it{said}"
        )))
    });
    tell(result.as_ref().err());
    match result {
        Ok(()) => OK,
        Err(fault) => fault.status(),
    }
}

/// Where a new handle goes.
pub(crate) type Place<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;

/// Makes a handle, puts it where the caller says, and gives the status; NULL goes there on failure.
pub(crate) fn make<T>(place: Place<'_, T>, work: impl FnOnce() -> Result<T, Fault>) -> c_int {
    let Some(place) = place else {
        return answer(|| Err(Fault::usage("the place of the handle is NULL")));
    };
    place.write(ptr::null_mut());
    answer(|| {
        place.write(Box::into_raw(Box::new(work()?)));
        Ok(())
    })
}

/// Looks something up in the thread's last error.
fn look<R>(told: impl FnOnce(&Told) -> R, nothing: R) -> R {
    LAST.try_with(|last| last.borrow().as_deref().map(told))
        .ok()
        .flatten()
        .unwrap_or(nothing)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_last_error_message() -> *const c_char {
    look(|told| told.message.as_ptr(), c"".as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_last_error_kind() -> *const c_char {
    look(|told| told.kind.as_ptr(), c"".as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_last_error_report() -> *const c_char {
    look(|told| told.report.as_ptr(), c"".as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_last_error_line() -> usize {
    look(|told| told.position.map_or(0, |at| at.line as usize), 0)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_last_error_column() -> usize {
    look(|told| told.position.map_or(0, |at| at.column as usize), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn message() -> &'static str {
        // SAFETY: it is text that lives until this thread's next call.
        let message = unsafe { CStr::from_ptr(dmci_last_error_message()) };
        message.to_str().expect("UTF-8")
    }

    #[test]
    fn a_panic_is_a_status_and_the_next_call_forgets_it() {
        let mut place = MaybeUninit::new(ptr::dangling_mut::<u8>());
        let status = make(Some(&mut place), || panic!("the {} of it", "end"));
        assert_eq!(status, Status::Internal as c_int);
        assert!(message().ends_with("please report it: the end of it"));
        // SAFETY: it was written to when it was made, and by the call.
        assert!(unsafe { place.assume_init() }.is_null());
        assert_eq!(answer(|| Ok(())), OK);
        assert_eq!(message(), "");
    }

    #[test]
    fn an_error_is_told_in_its_own_thread_alone() {
        assert_eq!(answer(|| Err(Fault::usage("here"))), Status::Usage as c_int);
        let there = std::thread::spawn(|| message().to_owned());
        assert_eq!(there.join().expect("no panic"), "");
        assert_eq!(message(), "here");
    }
}
