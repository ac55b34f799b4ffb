//! Who stands beside us: code written by hand in C++, `numpy` and JAX, each in a process of its own.
//!
//! A case that was written to a directory goes in; what a peer takes for it comes out, and the value it
//! came to.
//!
//! **Invariants**
//! - A peer that can't be had, or has no code for a case, is left out, and why is told once.
//! - What is built lies in a temporary directory, which goes when [`Peers`] does.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

const HAND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/frontier/hand.cpp");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/frontier/peers.py");

/// The exit status that says a peer has no code for a case.
const NOT_FOR_THIS: i32 = 3;

/// What a peer says.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Answer {
    /// Nanoseconds of value and gradient, all lanes together.
    pub(crate) ns: f64,
    pub(crate) value: f64,
}

/// Those that can be asked.
pub(crate) struct Peers {
    directory: PathBuf,
    interpreter: String,
    there: Vec<&'static str>,
    /// Cases that a peer has failed on, and those it has no code for.
    out: BTreeSet<(&'static str, String)>,
}

impl Peers {
    /// Builds what is to be built, and asks Python what it has. Says who is missing, and why.
    pub(crate) fn find(wanted: &[String]) -> std::io::Result<Self> {
        let directory = env::temp_dir().join(format!("dmci-frontier-{}", process::id()));
        fs::create_dir_all(&directory)?;
        let interpreter = env::var("DMCI_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut peers = Self {
            directory,
            interpreter,
            there: Vec::new(),
            out: BTreeSet::new(),
        };
        for peer in ["hand", "numpy", "jax"] {
            if !wanted.iter().any(|name| name == peer) {
                continue;
            }
            let found = match peer {
                "hand" => said(
                    Command::new("g++")
                        .args(["-O3", "-march=native", HAND, "-o"])
                        .arg(peers.directory.join("hand")),
                ),
                _ => said(Command::new(&peers.interpreter).args(["-c", &format!("import {peer}")])),
            };
            match found {
                Ok(_) => peers.there.push(peer),
                Err(why) => eprintln!("{peer} is left out: {why}"),
            }
        }
        Ok(peers)
    }

    pub(crate) fn names(&self) -> &[&'static str] {
        &self.there
    }

    /// Where a case is to be written for peers.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Asks a peer, unless it has no code for the case.
    pub(crate) fn ask(&mut self, peer: &'static str, group: &str, size: usize) -> Option<Answer> {
        let key = (peer, format!("{group}:{size}"));
        if self.out.contains(&key) {
            return None;
        }
        let mut command = if peer == "hand" {
            let mut command = Command::new(self.directory.join("hand"));
            command.args([group, &size.to_string()]);
            command
        } else {
            let mut command = Command::new(&self.interpreter);
            command.args([PYTHON, peer]);
            command
        };
        let answer = said(command.arg(&self.directory))
            .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
        match answer {
            Ok(answer) => Some(answer),
            Err(why) => {
                if !why.is_empty() {
                    eprintln!("{peer} is left out on {}: {why}", key.1);
                }
                self.out.insert(key);
                None
            }
        }
    }
}

/// What a command prints; where it fails, the last line of what it complains of, or nothing if it has no
/// code for a case.
fn said(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.code() == Some(NOT_FOR_THIS) {
        return Err(String::new());
    }
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = complaint.lines().last().unwrap_or("it says nothing");
        return Err(format!("{program}: {last}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Drop for Peers {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary directory all the same.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
