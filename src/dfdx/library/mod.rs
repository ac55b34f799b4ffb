//! Libraries inside networks: tables, circuits, programs of the register machine and programs of the
//! language, behind one interface, as layers that a network learns to call.
//!
//! An [`Entry`] takes rows of numbers to rows of numbers and cotangents back; [`EntryModule`] makes a
//! dfdx module of it. Entries are frozen: what is learned is which to call ([`Choice`]), with what, and
//! the constants that an entry declares.
//!
//! | entry | a row is | it gives |
//! |---|---|---|
//! | [`Table`] | two distributions, or the digits of two numbers | that of the result |
//! | [`CircuitEntry`] | the same | the same |
//! | [`MachineEntry`] | a distribution for each argument | that of the result |
//! | [`SchemeEntry`] | numbers | numbers |
//! | [`Choice`] | shares of entries, then what they take | the mixture |
//! | [`Softmaxed`], [`Pointed`] | logits; pointers to items | what another gives |
//!
//! **Invariants**
//! - Entries speak slices of `f64`; dfdx's types appear in the module alone.
//! - Rows know nothing of each other; sums over rows are in their order, on any number of threads.

mod choice;
mod entries;
mod entry;
mod machine;
mod module;
mod scheme;

pub use choice::{Choice, Pointed, Softmaxed};
pub use entries::{CircuitEntry, MOST_OF_TABLE, Table};
pub use entry::Entry;
pub use machine::MachineEntry;
pub use module::EntryModule;
pub use scheme::SchemeEntry;
