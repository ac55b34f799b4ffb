//! Everything that is not the corpus, as modules of one binary.

mod cli;
#[cfg(feature = "dfdx")]
mod dfdx;
#[cfg(feature = "dfdx")]
mod dfdx_module;
mod limits;
mod memory;
mod selfhost;
