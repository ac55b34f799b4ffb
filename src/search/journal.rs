//! The journal: what a search did, a line of JSON for each candidate and step.
//!
//! Records go in and are added to a file; the records of a file come out.
//!
//! **Invariants**
//! - Lines are only ever added. Each ends in a sum over itself and all lines before it, so a file that was
//!   changed anywhere is told apart from one that was written.
//! - A step stands in the file whole or, where the writer was killed, in part at the end: reading drops
//!   that part, and the step is done again, to the same bytes.

use super::error::SearchError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Record {
    /// The first: whose journal it is.
    Task {
        version: u32,
        /// A sum of the task's text.
        task: String,
    },
    /// A candidate that was calibrated.
    Candidate {
        n: u64,
        step: u64,
        island: usize,
        /// What made it.
        by: String,
        parents: Vec<u64>,
        program: String,
        key: String,
        complexity: f64,
        /// The mean squared errors of the rows calibrated on, and of those that choose.
        fit: f64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        select: Option<f64>,
        evaluations: u64,
    },
    /// One that has no loss.
    Refused {
        n: u64,
        step: u64,
        island: usize,
        by: String,
        parents: Vec<u64>,
        program: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<String>,
        error: String,
        message: String,
    },
    /// The end of a step.
    Step {
        step: u64,
        /// Programs proposed, and how many of them were known.
        proposed: u64,
        repeated: u64,
    },
}

/// The version of the format.
pub(super) const VERSION: u32 = 2;

/// Steps that may be lost with the machine's power, and are then done again.
const BATCH: u64 = 64;

/// A journal that is written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    sum: String,
    unsynced: u64,
}

/// The sum of a text, shortened.
pub(super) fn sum_of(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
    }
    let mut out = String::new();
    for byte in &hash.finalize()[..8] {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

impl Journal {
    /// Begins one.
    ///
    /// # Errors
    /// When the file cannot be made, or is there.
    pub(super) fn create(path: &Path) -> Result<Self, SearchError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(SearchError::file(path))?,
            sum: String::new(),
            unsynced: 0,
        })
    }

    /// Goes on with one; what stands behind its last whole step is dropped.
    ///
    /// # Errors
    /// When the file cannot be read or was changed.
    pub(super) fn resume(path: &Path) -> Result<Self, SearchError> {
        let (length, sum) = each_record(path, &mut |_| {})?;
        let file = OpenOptions::new().write(true).open(path);
        let mut file = file.map_err(SearchError::file(path))?;
        file.set_len(length).map_err(SearchError::file(path))?;
        file.seek(SeekFrom::End(0))
            .map_err(SearchError::file(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            sum,
            unsynced: 0,
        })
    }

    /// Adds records, the last of them the end of a step, in one piece.
    pub(super) fn add(&mut self, records: &[Record]) -> Result<(), SearchError> {
        let mut text = String::new();
        for record in records {
            let json = serde_json::to_string(record)
                .map_err(|error| SearchError::Proposer(format!("a record is no JSON: {error}")))?;
            let body = json.strip_suffix('}').unwrap_or(&json);
            self.sum = sum_of(&[&self.sum, body]);
            let _ = writeln!(text, "{body},\"sum\":\"{}\"}}", self.sum);
        }
        self.file
            .write_all(text.as_bytes())
            .map_err(SearchError::file(&self.path))?;
        self.unsynced += 1;
        if self.unsynced >= BATCH {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes sure that it is on disk.
    pub(super) fn sync(&mut self) -> Result<(), SearchError> {
        self.unsynced = 0;
        self.file.sync_data().map_err(SearchError::file(&self.path))
    }
}

/// Tells all records of whole steps; gives how many bytes they have, and their sum.
pub(super) fn each_record(
    path: &Path,
    tell: &mut dyn FnMut(Record),
) -> Result<(u64, String), SearchError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(SearchError::file(path))?;
    let fault = |line: usize, message: &str| SearchError::Journal {
        path: path.to_owned(),
        line,
        message: format!("{message}; the journal was changed or damaged, so begin a run anew"),
    };
    let (mut sum, mut whole) = (String::new(), (0, String::new()));
    let (mut at, mut step) = (0, Vec::new());
    for (place, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_last = at + line.len() == bytes.len();
        let Some(text) = line.strip_suffix(b"\n") else {
            // The writer was killed here.
            break;
        };
        let text = std::str::from_utf8(text).map_err(|_| fault(place + 1, "not UTF-8"))?;
        let split = text.rsplit_once(",\"sum\":\"");
        let (body, given) = split.ok_or_else(|| fault(place + 1, "a line without a sum"))?;
        sum = sum_of(&[&sum, body]);
        if given.strip_suffix("\"}") != Some(&sum) {
            return Err(fault(
                place + 1,
                "the sum does not belong to the lines up to here",
            ));
        }
        let record: Record = serde_json::from_str(&format!("{body}}}"))
            .map_err(|error| fault(place + 1, &error.to_string()))?;
        at += line.len();
        let ends = matches!(record, Record::Step { .. } | Record::Task { .. });
        step.push(record);
        if ends {
            step.drain(..).for_each(&mut *tell);
            whole = (at as u64, sum.clone());
        }
        if is_last {
            break;
        }
    }
    Ok(whole)
}
