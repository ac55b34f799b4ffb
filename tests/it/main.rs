//! Everything that is not the corpus, as modules of one binary.

mod cli;
mod limits;
mod memory;
mod selfhost;
