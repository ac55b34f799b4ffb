//! The `dmci` program: everything it does is in [`dmci::cli`].
//!
//! **Invariants**
//! - It ends with 0 (done), 1 (a program or its data are at fault) or 2 (it was called wrongly).

use std::process::ExitCode;

fn main() -> ExitCode {
    dmci::cli::main()
}
