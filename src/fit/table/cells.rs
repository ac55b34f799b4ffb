//! The text of a CSV file, taken apart.
//!
//! Bytes go in; names, and the numbers of each column with their lines, come out.
//!
//! **Invariants**
//! - There is a name for each column, and a number of each column for each line, at least one; of a
//!   column that holds anything else, the first cell that does.
//! - Time and memory are linear in the text; rows are not kept.

use super::error::{TableError, check_distinct};
use crate::error::cut;
use crate::source::line_ends;
use std::io::Read;

/// What a file holds.
pub(super) struct Cells {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<ReadColumn>,
    /// The line of each row, from 1.
    pub(super) lines: Vec<u64>,
}

/// What a column of a file holds.
pub(super) enum ReadColumn {
    Numbers(Vec<f64>),
    Other(OtherCell),
}

/// The first cell of a column that is not a finite number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OtherCell {
    /// Its beginning.
    pub(super) text: String,
    pub(super) line: u64,
    /// Whether it is a number all the same.
    pub(super) is_number: bool,
}

impl ReadColumn {
    fn push(&mut self, cell: &str, line: u64) {
        let Self::Numbers(numbers) = self else {
            return;
        };
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => numbers.push(number),
            other => {
                *self = Self::Other(OtherCell {
                    text: cut(cell),
                    line,
                    is_number: other.is_ok(),
                });
            }
        }
    }
}

/// Reads CSV text; errors call it `file`.
pub(super) fn read(mut reader: impl Read, file: &str) -> Result<Cells, TableError> {
    let mut bytes = Vec::new();
    if let Err(source) = reader.read_to_end(&mut bytes) {
        let file = file.to_owned();
        return Err(TableError::Unreadable { file, source });
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = 1 + line_ends(&bytes[..error.valid_up_to()]) as u64;
            let file = file.to_owned();
            return Err(TableError::NotUtf8 { file, line });
        }
    };
    let mut names: Option<Vec<String>> = None;
    let mut columns: Vec<ReadColumn> = Vec::new();
    let mut lines = Vec::new();
    rows(text, file, |line, row| {
        let Some(names) = &names else {
            let all: Vec<String> = row.iter().map(str::to_owned).collect();
            check_names(&all, file, line)?;
            columns.extend(all.iter().map(|_| ReadColumn::Numbers(Vec::new())));
            names = Some(all);
            return Ok(());
        };
        if row.len() != names.len() {
            let (found, expected) = (row.len(), names.len());
            return Err(TableError::Ragged {
                file: file.to_owned(),
                line,
                found,
                expected,
            });
        }
        lines.push(line);
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell, line);
        }
        Ok(())
    })?;
    let Some(names) = names else {
        let file = file.to_owned();
        return Err(TableError::Empty { file });
    };
    if lines.is_empty() {
        let file = file.to_owned();
        return Err(TableError::NoRows { file });
    }
    Ok(Cells {
        names,
        columns,
        lines,
    })
}

/// Gives the rows of cells that are not blank, each with its line.
fn rows(
    text: &str,
    file: &str,
    mut give: impl FnMut(u64, &csv::StringRecord) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let (mut line, mut counted) = (1, 0);
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record);
        let more = more.map_err(|error| TableError::Malformed {
            file: file.to_owned(),
            message: error.to_string(),
        })?;
        if !more {
            return Ok(());
        }
        if record.len() == 1 && record[0].is_empty() {
            continue;
        }
        // The reader counts a record from the end of the one before, blank lines included.
        let from = record
            .position()
            .map_or(0, |position| position.byte() as usize);
        let from = text.len().min(from);
        let blank = text[from..]
            .bytes()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        line += line_ends(&text.as_bytes()[counted..from + blank]) as u64;
        counted = from + blank;
        give(line, &record)?;
    }
}

fn check_names(names: &[String], file: &str, line: u64) -> Result<(), TableError> {
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(TableError::NoNames {
            file: file.to_owned(),
            line,
            text: cut(&names[0]),
        });
    }
    check_distinct(names, Some(file))
}
