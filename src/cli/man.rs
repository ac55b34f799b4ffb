//! `dmci man`: the manual, as `man` reads it.
//!
//! A command's name goes in, or none; its page comes out, or all of them as files.
//!
//! **Invariants**
//! - The pages say what `--help` says: both are made of the same definitions.

use super::report::{self, Failure};
use clap::Args;
use clap_mangen::{Man as Page, generate_to};
use std::path::PathBuf;

/// Print a page of the manual, or write all of them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci man | man -l -
  dmci man fit > dmci-fit.1
  dmci man --all ~/.local/share/man/man1")]
pub(super) struct Man {
    /// Command whose page to print, in place of that of dmci as a whole
    #[arg(value_name = "COMMAND")]
    command: Option<String>,

    /// Write all pages to this folder, which is made if it is not there: dmci.1, dmci-run.1, …
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    all: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages of the given command line.
    pub(super) fn run(&self, cli: clap::Command) -> Result<(), Failure> {
        // `dmci help fit` has nothing to say that `man dmci-fit` does not.
        let mut cli = cli.disable_help_subcommand(true);
        if let Some(folder) = &self.all {
            return std::fs::create_dir_all(folder)
                .and_then(|()| generate_to(cli, folder))
                .map_err(|error| Failure::Data(format!("{}: {error}", folder.display())));
        }
        cli.build();
        let command = match &self.command {
            None => &cli,
            Some(name) => cli.find_subcommand(name).ok_or_else(|| {
                Failure::Usage(format!("`{name}` is no command; `dmci --help` lists them"))
            })?,
        };
        let mut page = Vec::new();
        Page::new(command.clone()).render(&mut page)?;
        report::print(&String::from_utf8_lossy(&page))
    }
}
