//! Everything that is not the corpus, as modules of one binary.

mod limits;
mod selfhost;
