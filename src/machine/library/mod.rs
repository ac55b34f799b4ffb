//! Libraries: programs of the register machine that call each other, laid out in one controller.
//!
//! Named programs go in; one [`Code`] comes out that runs on whole numbers ([`oracle`]), on
//! distributions while its weights train, and frozen, recorded once, inside networks ([`Frozen`]).
//!
//! Six operations come to the instructions of the machine: `set`, `copy`, `store`, `call`, `return` and
//! `goto` ([`Operation`]).
//!
//! **Invariants**
//! - What the instructions of the machine do is the machine's: nothing here says it again for whole
//!   numbers.

pub mod assembly;
mod code;
mod frozen;
pub mod kernel;
mod memorise;
pub mod oracle;
mod train;
mod weights;

#[cfg(feature = "dfdx")]
pub(crate) use super::weights::softmax;
pub use code::{Code, CodeLine, LibraryError, Named, OPERATIONS, Operation};
pub use frozen::{Argument, Frozen};
pub use memorise::{MemoriseOptions, Memorised, memorise};
pub use train::{Controller, TrainOptions, train};
pub use weights::{CodeWeights, Group, Mask, columns};
