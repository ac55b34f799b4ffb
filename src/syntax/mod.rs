//! From text to core forms: the reader and the expander.
//!
//! Text goes in; data come out of the `reader`, and a [`Program`] in core forms out of `expand`: see
//! [`Interpreter::expand`](crate::Interpreter::expand).
//!
//! **Invariants**
//! - Every datum and every core form knows its span in the text.
//! - Nothing here runs a program: malformed forms are errors before the run.

pub(crate) mod ast;
mod chars;
pub(crate) mod core_forms;
pub(crate) mod datum;
pub(crate) mod expand;
mod forms;
mod goal;
mod grown;
pub(crate) mod hints;
mod left_out;
pub(crate) mod lexpr;
pub(crate) mod link;
mod number;
pub(crate) mod reader;
mod unread;
pub(crate) mod write;

pub use ast::{
    Amount, Censoring, Constant, Constraint, DataMatrix, Derived, ExprId, Noise, Observation,
    Param, Prior, Program, Side, Warning,
};
pub use expand::ExpandError;
#[cfg(feature = "cli")]
pub(crate) use expand::expand_leniently;
pub(crate) use expand::{ExpandOptions, MACHINE, expand, expand_within};
pub use goal::Goal;
pub(crate) use number::read_number;
pub(crate) use reader::{ReadOptions, read, read_within};
pub use unread::{ReadError, ReadErrorKind};
