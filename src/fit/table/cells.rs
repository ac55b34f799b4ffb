//! The text of a CSV file, taken apart.
//!
//! Bytes go in; names, and the cells of each column with their lines, come out.
//!
//! **Invariants**
//! - There is a name for each column, and a cell of each column for each line; at least one.

use super::error::{TableError, check_distinct};
use std::io::Read;

/// What a file holds.
pub(super) struct Cells {
    pub(super) names: Vec<String>,
    /// For each name its cells, one for each row.
    pub(super) columns: Vec<Vec<String>>,
    /// The line of each row, from 1.
    pub(super) lines: Vec<u64>,
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
            let line = 1 + line_ends(&bytes[..error.valid_up_to()]);
            let file = file.to_owned();
            return Err(TableError::NotUtf8 { file, line });
        }
    };
    let mut rows = rows(text, file)?.into_iter();
    let Some((line, names)) = rows.next() else {
        let file = file.to_owned();
        return Err(TableError::Empty { file });
    };
    check_names(&names, file, line)?;
    let mut lines = Vec::new();
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for (line, row) in rows {
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
            column.push(cell);
        }
    }
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

/// The rows of cells that are not blank, each with its line.
fn rows(text: &str, file: &str) -> Result<Vec<(u64, Vec<String>)>, TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| TableError::Malformed {
            file: file.to_owned(),
            message: error.to_string(),
        })?;
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
        line += line_ends(&text.as_bytes()[counted..from + blank]);
        counted = from + blank;
        rows.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok(rows)
}

fn check_names(names: &[String], file: &str, line: u64) -> Result<(), TableError> {
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(TableError::NoNames {
            file: file.to_owned(),
            line,
            text: names[0].clone(),
        });
    }
    check_distinct(names, Some(file))
}

/// The number of line ends in the text.
fn line_ends(bytes: &[u8]) -> u64 {
    bytes.split(|&b| b == b'\n').count() as u64 - 1
}
