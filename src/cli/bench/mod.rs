//! `dmci bench`: how good and how fast fits are, on problems whose answers are known.
//!
//! The name of a collection of problems goes in; a table of what was reached comes out, or JSON.
//!
//! **Invariants**
//! - The exit code says whether the problems could be read and run, not how well they went: that is for
//!   the reader of the table to judge.

mod nist;

use super::report::Failure;
use clap::{Args, Subcommand};

/// Measure fits on problems with known answers
#[derive(Args, Debug)]
pub(super) struct Bench {
    #[command(subcommand)]
    problems: Problems,
}

#[derive(Subcommand, Debug)]
enum Problems {
    Nist(nist::Nist),
}

impl Bench {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.problems {
            Problems::Nist(nist) => nist.run(),
        }
    }
}
