//! The C ABI: what `include/dmci.h` declares.
//!
//! Pointers and lengths go in, a status comes out; what the functions do is said in the header, and
//! here is only how.
//!
//! **Invariants**
//! - Nothing unwinds into C: what can fail runs inside [`fault::answer`].
//! - Pointers are looked at in `argument.rs` alone, which refuses NULL; what is declared as a reference
//!   or a box, in an `Option`, is a pointer that may be NULL, and is refused likewise.
//! - A handle is a box. Its maker gives it away, and its `_free` takes it back.
//! - `tests/c.rs` holds the header and these functions against each other.

mod argument;
mod evaluator;
mod fault;
mod fit;
mod inputs;
mod interpreter;
mod limits;
mod model;
