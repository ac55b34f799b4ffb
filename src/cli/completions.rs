//! `dmci completions`: what a shell needs to complete commands and flags.
//!
//! A shell's name goes in, a script for it comes out.

use super::report::{self, Failure};
use clap::Args;
use clap_complete::{Shell, generate};

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci completions bash > ~/.local/share/bash-completion/completions/dmci
  dmci completions fish > ~/.config/fish/completions/dmci.fish
  dmci completions zsh > \"${fpath[1]}/_dmci\"")]
pub(super) struct Completions {
    /// Shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints what completes the given command line.
    pub(super) fn run(&self, mut cli: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut cli, "dmci", &mut script);
        report::print(&String::from_utf8_lossy(&script))
    }
}
