//! From text to core forms: the reader and the expander.
//!
//! Text goes in; [`datum::Data`] comes out of [`reader::read`], and a [`Program`] in core forms out
//! of [`expand::expand`].
//!
//! **Invariants**
//! - Every datum and every core form knows its span in the text.
//! - Nothing here runs a program: malformed forms are errors before the run.

pub mod ast;
mod chars;
pub mod datum;
pub mod expand;
mod forms;
pub mod lexpr;
mod number;
pub mod reader;
pub(crate) mod write;

pub use ast::{Constraint, DataMatrix, Noise, Observation, Param, Program, Warning};
pub use expand::{ExpandError, ExpandOptions, Goal, expand};
pub use reader::{ReadError, ReadOptions, read};
