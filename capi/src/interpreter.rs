//! Interpreters, and the library's version.

use crate::argument::text;
use crate::fault::{Fault, Place, make};
use std::ffi::{c_char, c_int};

pub(crate) struct Interpreter {
    pub(crate) interpreter: dmci::Interpreter,
}

#[unsafe(no_mangle)]
extern "C" fn dmci_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn dmci_interpreter_new(place: Place<'_, Interpreter>) -> c_int {
    make(place, || {
        let interpreter = dmci::Interpreter::embedded();
        Ok(Interpreter { interpreter })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_interpreter_load(
    path: *const c_char,
    place: Place<'_, Interpreter>,
) -> c_int {
    make(place, || {
        // SAFETY: the header asks for a text.
        let path = unsafe { text(path, "the path") }?;
        let interpreter = dmci::Interpreter::load(path).map_err(|e| Fault::of(&e, ""))?;
        Ok(Interpreter { interpreter })
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_interpreter_free(interpreter: Option<Box<Interpreter>>) {
    drop(interpreter);
}
