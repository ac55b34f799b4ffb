//! The practical limit: `limit.cpp`, built twice and run beside us.
//!
//! A workload and a number of lanes go in; what the hand-written code takes for it comes out, with the
//! sum of the values it computed.
//!
//! **Invariants**
//! - One lane runs as a careful build has it (`-O3`), many as a bold one (`-Ofast -march=native`).
//! - What is built lies in a temporary directory, which goes when [`Limit`] does.

use serde::Deserialize;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limit.cpp");

/// The two programs.
pub(crate) struct Limit {
    directory: PathBuf,
}

/// What a run of one says.
#[derive(Deserialize)]
pub(crate) struct Answer {
    /// Nanoseconds of value and gradient, all lanes together.
    pub(crate) value_grad_ns: f64,
    /// The sum of all lanes' values.
    pub(crate) value: f64,
}

impl Limit {
    /// Builds both; says why not where that cannot be.
    pub(crate) fn build() -> Result<Self, String> {
        let directory = env::temp_dir().join(format!("dmci-ratios-{}", process::id()));
        fs::create_dir_all(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        let limit = Self { directory };
        for (name, flags) in [
            ("one", &["-O3"][..]),
            ("many", &["-Ofast", "-march=native"]),
        ] {
            let mut compiler = Command::new("g++");
            compiler.args(flags).args(["-std=c++17", SOURCE, "-o"]);
            let output = compiler
                .arg(limit.directory.join(name))
                .output()
                .map_err(|error| format!("g++: {error}"))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("g++: {said}"));
            }
        }
        Ok(limit)
    }

    /// Runs one workload: medians of eleven.
    pub(crate) fn run(&self, workload: &str, lanes: usize) -> Answer {
        let name = if lanes == 1 { "one" } else { "many" };
        let output = Command::new(self.directory.join(name))
            .args([&lanes.to_string(), workload])
            .output()
            .expect("what was built runs");
        serde_json::from_slice(&output.stdout).expect("limit.cpp prints one JSON object")
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary directory all the same.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
