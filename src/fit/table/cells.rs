//! The text of a table, taken apart.
//!
//! Bytes go in, and how they are written; names, and the numbers of each column with their lines, come
//! out.
//!
//! **Invariants**
//! - There is a name for each column, and a number of each column for each line, at least one, NaN where
//!   it is missing; of a column that holds anything else, the first cell that does.
//! - Time and memory are linear in the text; rows are not kept.

use super::error::{TableError, check_distinct};
use super::form::{self, Form, Seen};
use crate::error::cut;
use crate::source::line_ends;
use std::borrow::Cow;

/// What a file holds.
pub(super) struct Cells {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<ReadColumn>,
    /// The line of each row, from 1.
    pub(super) lines: Vec<u64>,
    /// How the file may be written instead, if it does not look as if it were written so.
    pub(super) hint: Option<Seen>,
}

/// What a column of a file holds.
pub(super) enum ReadColumn {
    Numbers(Vec<f64>),
    /// Numbers, NaN where they are missing, and the first cell without one.
    Gaps(Vec<f64>, OtherCell),
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
    /// How the file may be written instead.
    pub(super) hint: Option<Seen>,
}

/// What stands in a cell where there is no number, in small letters.
const MISSING: [&str; 9] = ["", ".", "na", "n/a", "#n/a", "nan", "null", "none", "-"];

/// Whether a cell says that its number is missing.
fn is_missing(cell: &str) -> bool {
    cell.len() <= 4 && MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

impl ReadColumn {
    fn push(&mut self, cell: &str, line: u64, form: &Form) {
        let (Self::Numbers(numbers) | Self::Gaps(numbers, _)) = self else {
            return;
        };
        let other = |is_number| OtherCell {
            text: cut(cell),
            line,
            is_number,
            hint: form::of_number(cell, form),
        };
        match read_number(cell, form.decimal) {
            Some(number) if number.is_finite() => numbers.push(number),
            read => {
                if is_missing(cell) {
                    numbers.push(f64::NAN);
                    if let Self::Numbers(numbers) = self {
                        *self = Self::Gaps(std::mem::take(numbers), other(false));
                    }
                } else {
                    *self = Self::Other(other(read.is_some()));
                }
            }
        }
    }
}

/// The number that a cell holds.
fn read_number(cell: &str, decimal: char) -> Option<f64> {
    if decimal == '.' {
        return cell.parse().ok();
    }
    if cell.contains('.') {
        return None;
    }
    cell.replacen(decimal, ".", 1).parse().ok()
}

/// How an archive begins, and so a workbook of a spreadsheet.
const ZIP: &[u8] = b"PK\x03\x04";

/// Takes a text apart; errors call it `file`.
pub(super) fn read(bytes: &[u8], form: &Form, file: &str) -> Result<Cells, TableError> {
    if bytes.starts_with(ZIP) {
        let file = file.to_owned();
        return Err(TableError::Archive { file });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = 1 + line_ends(&bytes[..error.valid_up_to()]) as u64;
            let file = file.to_owned();
            let encoding = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                "UTF-16"
            } else {
                "LATIN1"
            };
            return Err(TableError::NotUtf8 {
                file,
                line,
                encoding,
            });
        }
    };
    let text = match form.separator {
        b' ' => Cow::Owned(squeezed(text)),
        _ => Cow::Borrowed(text),
    };
    let seen = || form::of_text(&text, form);
    let mut names: Option<Vec<String>> = None;
    let mut columns: Vec<ReadColumn> = Vec::new();
    let mut lines = Vec::new();
    rows(&text, form, file, |line, row| {
        let Some(names) = &names else {
            let all: Vec<String> = row.iter().map(str::to_owned).collect();
            check_names(&all, file, line, form)?;
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
                hint: form::of_comment(&text, form)
                    .or_else(seen)
                    .or_else(|| form::of_doubled(found, expected, form)),
            });
        }
        lines.push(line);
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell, line, form);
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
    let hint = (names.len() == 1).then(seen).flatten();
    Ok(Cells {
        names,
        columns,
        lines,
        hint,
    })
}

/// The same text with one space for all blanks between cells and none around them, outside quotes.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let (mut quoted, mut blank) = (false, false);
        for c in line.trim().chars() {
            if c == '"' {
                quoted = !quoted;
            }
            if !quoted && matches!(c, ' ' | '\t') {
                blank = true;
                continue;
            }
            if std::mem::take(&mut blank) {
                out.push(' ');
            }
            out.push(c);
        }
    }
    out
}

/// Gives the rows of cells that are not blank, each with its line.
fn rows(
    text: &str,
    form: &Form,
    file: &str,
    mut give: impl FnMut(u64, &csv::StringRecord) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(form.separator)
        .comment(form.comment)
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
        // The reader counts a record from the end of the one before, blank lines and comments included.
        let from = record
            .position()
            .map_or(0, |position| position.byte() as usize);
        let from = skipped(text.as_bytes(), text.len().min(from), form.comment);
        line += line_ends(&text.as_bytes()[counted..from]) as u64;
        counted = from;
        give(line, &record)?;
    }
}

/// Where the first line from `at` on begins that is neither blank nor a comment.
fn skipped(text: &[u8], mut at: usize, comment: Option<u8>) -> usize {
    while let Some(&byte) = text.get(at) {
        if matches!(byte, b'\r' | b'\n') {
            at += 1;
        } else if Some(byte) == comment {
            let end = text[at..].iter().position(|&byte| byte == b'\n');
            at = end.map_or(text.len(), |end| at + end);
        } else {
            break;
        }
    }
    at
}

fn check_names(names: &[String], file: &str, line: u64, form: &Form) -> Result<(), TableError> {
    let is_number = |name: &String| read_number(name, form.decimal).is_some();
    if names.iter().all(is_number) {
        return Err(TableError::NoNames {
            file: file.to_owned(),
            line,
            text: cut(&names[0]),
        });
    }
    check_distinct(names, Some(file))
}
