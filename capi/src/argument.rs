//! What C gives: pointers and lengths in, texts and slices out.
//!
//! **Invariants**
//! - NULL is refused where there is something to point to; so are a pointer to doubles or names that is
//!   not aligned for them, and a length that no memory has.
//! - This is the only file that reads through a pointer. That it points to as much as is said, and for
//!   as long as the call takes, is the caller's promise: each function's `# Safety`.

use crate::fault::Fault;
use std::ffi::{CStr, c_char};
use std::slice;

/// What a handle or place is that must not be NULL.
pub(crate) fn given<T>(pointer: Option<T>, what: &str) -> Result<T, Fault> {
    pointer.ok_or_else(|| is_null(what))
}

fn is_null(what: &str) -> Fault {
    Fault::usage(format!("{what} is NULL"))
}

/// A text.
///
/// # Safety
/// The pointer is NULL, or points to bytes up to a NUL that stay as they are for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Fault> {
    if pointer.is_null() {
        return Err(is_null(what));
    }
    // SAFETY: it is not NULL, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|error| {
        let byte = error.valid_up_to() + 1;
        Fault::usage(format!("{what} is not UTF-8 at byte {byte}"))
    })
}

/// So many texts.
///
/// # Safety
/// The pointer is NULL, or points to as many pointers, each as for [`text`].
pub(crate) unsafe fn texts<'a>(
    pointer: *const *const c_char,
    count: usize,
    what: &str,
) -> Result<Vec<&'a str>, Fault> {
    // SAFETY: the caller's promise.
    let pointers = unsafe { items(pointer, count, what) }?;
    let texts = pointers.iter().enumerate();
    texts
        .map(|(index, &pointer)| {
            // SAFETY: the caller promises it of each.
            unsafe { text(pointer, &format!("{what}: number {index}")) }
        })
        .collect()
}

/// So many doubles, pointers or structs.
///
/// # Safety
/// The pointer is NULL, or points to as many of them, which stay as they are for `'a`.
pub(crate) unsafe fn items<'a, T>(
    pointer: *const T,
    count: usize,
    what: &str,
) -> Result<&'a [T], Fault> {
    if count == 0 {
        return Ok(&[]);
    }
    check(pointer, count, what)?;
    // SAFETY: the pointer is not NULL and aligned, the length is one that memory can have, and the
    // caller promises the rest.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// Room for so many doubles or statuses.
///
/// # Safety
/// The pointer is NULL, or points to room for as many, which nothing else uses during `'a`.
pub(crate) unsafe fn room<'a, T: Plain>(
    pointer: *mut T,
    count: usize,
    what: &str,
) -> Result<&'a mut [T], Fault> {
    if count == 0 {
        return Ok(&mut []);
    }
    check(pointer, count, what)?;
    // SAFETY: as for `items`. What C has not set holds some bits all the same, which no compiler sees
    // through the boundary, and all bits are a `Plain`.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, count) })
}

/// Numbers: any bits are one.
pub(crate) trait Plain {}
impl Plain for f64 {}
impl Plain for std::ffi::c_int {}

fn check<T>(pointer: *const T, count: usize, what: &str) -> Result<(), Fault> {
    if pointer.is_null() {
        return Err(is_null(what));
    }
    if !pointer.is_aligned() {
        return Err(Fault::usage(format!("{what} is not aligned")));
    }
    if count
        .checked_mul(size_of::<T>())
        .is_none_or(|bytes| isize::try_from(bytes).is_err())
    {
        let message = format!("{what}: {count} is more than there can be");
        return Err(Fault::usage(message));
    }
    Ok(())
}

/// Refuses a length other than what it must be.
pub(crate) fn length(count: usize, needed: usize, what: &str) -> Result<(), Fault> {
    if count == needed {
        return Ok(());
    }
    Err(Fault::usage(format!(
        "{what} has length {count}, and needs {needed}"
    )))
}
