//! dfdx beside the interpreter: a second opinion on every number and every derivative, and programs
//! inside networks.
//!
//! A [`Graph`](crate::graph::Graph) or a primitive goes in, and values and gradients come out that
//! dfdx's own tensors and its own tape computed; or a [`Model`](crate::Model) goes in, and a layer
//! comes out that dfdx trains like any other.
//!
//! **Invariants**
//! - dfdx's types appear in this folder alone; the rest of the crate speaks numbers.
//! - No derivative of the reference is taken from the primitive table: the table is judged by it.
//!
//! | module | what it is |
//! |---|---|
//! | `tape` | one tape of dfdx's that all tensors of a run share |
//! | [`prim`] | what each primitive means, on dfdx's tensors |
//! | `cell` | values as tensors of 14 numbers, and the heap of them |
//! | `machine` | one run through a graph, node by node |
//! | `soft` | blends instead of branches |
//! | `structure` | pairs, lists, types, identity |
//! | `vectors` | vectors and matrices, number by number |
//! | [`reference`](mod@reference) | values and gradients of a graph |
//! | `module` | programs as layers |
//! | `rows` | a program at the rows of a batch, and backwards |
//! | `constants` | learnable constants in files |
//! | [`library`] | tables, circuits and programs behind one interface, called by networks |
//! | `files` | whole networks in files |
//! | `npz` | arrays in numpy's archives |
//! | `param_set` | constants whose number is known only at run time |

mod constants;
mod error;
mod files;
pub mod library;
mod module;
mod npz;
mod param_set;
mod rows;

pub use crate::model::evaluate_reference as evaluate;
pub use crate::reference::prim;
pub use error::ModuleError;
pub use files::TensorFiles;
pub use module::{Layer, ProgramModule, RowInputs};
pub use param_set::ParamSet;

/// The reference engine: values and gradients of a program by dfdx alone, slowly and obviously.
pub mod reference {
    pub use crate::model::evaluate_reference as evaluate;
}
