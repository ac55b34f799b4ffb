//! Transcripts: what proposers answered that cannot be asked again for the same answer.
//!
//! Answers go in and are added to a file before they are used; on resume, and by the proposer `replay`,
//! they come out again.
//!
//! **Invariants**
//! - An answer is on disk before anything is made of it, so no answer is paid for twice.
//! - No key and no header of a request is written.

use super::error::SearchError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// One answer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) step: u64,
    pub(super) island: usize,
    pub(super) by: String,
    /// The programs in it, as texts.
    pub(super) programs: Vec<String>,
    /// All of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// Tokens of the prompt and of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tokens: Option<[u64; 2]>,
    /// Whether nobody told how many tokens there were.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) estimated: bool,
    /// What it cost.
    pub(super) usd: f64,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// The answers of a run.
#[derive(Debug)]
pub(super) struct Transcript {
    path: PathBuf,
    file: Option<File>,
    answers: BTreeMap<(u64, usize), Answer>,
    usd: f64,
}

impl Answer {
    /// Whether it is one, and not the note of what was paid for none.
    fn is_one(&self) -> bool {
        self.error.is_none() || self.text.is_some() || !self.programs.is_empty()
    }
}

impl Transcript {
    /// Reads a file, which need not be there if it is to be added to.
    ///
    /// # Errors
    /// When it cannot be read, or a line of it is no answer.
    pub(super) fn open(path: &Path, is_written: bool) -> Result<Self, SearchError> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes)
                    .map_err(SearchError::file(path))?;
            }
            Err(error) if is_written && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(SearchError::file(path)(error)),
        }
        let mut answers = BTreeMap::new();
        let (mut whole, mut usd) = (0, 0.0);
        for (place, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if !line.ends_with(b"\n") && is_written {
                // The writer was killed here; nothing was made of that answer.
                break;
            }
            let answer: Answer =
                serde_json::from_slice(line).map_err(|error| SearchError::Journal {
                    path: path.to_owned(),
                    line: place + 1,
                    message: format!("no answer of a proposer: {error}"),
                })?;
            whole += line.len() as u64;
            usd += answer.usd;
            if answer.is_one() {
                answers.insert((answer.step, answer.island), answer);
            }
        }
        let file = if is_written {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(SearchError::file(path))?;
            file.set_len(whole).map_err(SearchError::file(path))?;
            Some(file)
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            answers,
            usd,
        })
    }

    pub(super) fn answer(&self, step: u64, island: usize) -> Option<&Answer> {
        self.answers.get(&(step, island))
    }

    /// What all answers cost.
    pub(super) fn usd(&self) -> f64 {
        self.usd
    }

    /// How many answers there are.
    pub(super) fn count(&self) -> usize {
        self.answers.len()
    }

    /// The last step that has an answer.
    pub(super) fn last_step(&self) -> Option<u64> {
        self.answers.keys().next_back().map(|(step, _)| *step)
    }

    pub(super) fn add(&mut self, answer: Answer) -> Result<(), SearchError> {
        let json = serde_json::to_string(&answer)
            .map_err(|error| SearchError::Proposer(format!("an answer is no JSON: {error}")))?;
        if let Some(file) = &mut self.file {
            file.write_all((json + "\n").as_bytes())
                .and_then(|()| file.sync_data())
                .map_err(SearchError::file(&self.path))?;
        }
        self.usd += answer.usd;
        if answer.is_one() {
            self.answers.insert((answer.step, answer.island), answer);
        }
        Ok(())
    }
}
