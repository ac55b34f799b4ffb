//! `TableOptions`: how a table is written, and what its gaps mean.
//!
//! What a caller knows of a file goes in; a [`Table`] of it comes out.
//!
//! **Invariants**
//! - The separator, the sign of comments and the decimal mark are three different characters.
//! - A file of gzip is told by its first bytes, whatever it is called.

use super::cells::{self, Cells, ReadColumn};
use super::error::{self, TableError};
use super::form::Form;
use super::{Column, File, Table, column_of_numbers, places};
use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

/// What a missing number means: an empty cell, or `NA`, `nan`, `null` and their like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// A column with one cannot be used.
    #[default]
    Refuse,
    /// A number that is missing from an observed column is left out of that column's residuals; a row
    /// that misses a number the program takes is left out altogether.
    Drop,
}

/// How a table is written, and what its gaps mean.
///
/// ```
/// use dmci::fit::{Missing, TableOptions};
///
/// let text = "# of the second run\nt;y\n0;2,1\n1;NA\n2;0,8\n";
/// let options = TableOptions::default().decimal(',').comment('#').missing(Missing::Drop);
/// let table = options.from_reader(text.as_bytes(), "run2.csv")?;
/// assert_eq!(table.column("t")?, [0.0, 1.0, 2.0]);
/// assert!(table.observed("y")?[1].is_nan());
/// assert_eq!(table.missing_in("y"), 1);
/// # Ok::<(), dmci::fit::TableError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TableOptions {
    /// What parts cells, one character of ASCII; a space stands for any blanks. None is a comma, or a
    /// semicolon where the decimal mark is a comma.
    pub separator: Option<char>,
    /// What parts the digits of a number, a point or a comma; none is a point.
    pub decimal: Option<char>,
    /// What lines begin with that are skipped, one character of ASCII; none is nothing.
    pub comment: Option<char>,
    /// What a missing number means.
    pub missing: Missing,
}

/// How much a compressed file may hold.
const MOST_INFLATED: u64 = 4 << 30;

impl TableOptions {
    /// The same with what parts cells.
    #[must_use]
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = Some(separator);
        self
    }

    /// The same with what parts the digits of a number.
    #[must_use]
    pub fn decimal(mut self, decimal: char) -> Self {
        self.decimal = Some(decimal);
        self
    }

    /// The same with what lines begin with that are skipped.
    #[must_use]
    pub fn comment(mut self, comment: char) -> Self {
        self.comment = Some(comment);
        self
    }

    /// The same with what a missing number means.
    #[must_use]
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// Reads the file at `path`: text, or text that gzip compressed.
    ///
    /// # Errors
    /// When there is no such file, or as [`TableOptions::from_reader`].
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table<'static>, TableError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        if path.is_dir() {
            return Err(TableError::Directory { file });
        }
        match std::fs::File::open(path) {
            Ok(reader) => self.from_reader(reader, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(TableError::NotFound { file })
            }
            Err(source) => Err(TableError::Unreadable { file, source }),
        }
    }

    /// Reads a table; errors call it `file`.
    ///
    /// # Errors
    /// When it cannot be read or is not UTF-8, has no names, no rows or two equal names, or has a row
    /// that is longer or shorter than the names; and when these options contradict each other.
    #[allow(
        clippy::wrong_self_convention,
        reason = "the table is from the reader, as `Table::from_reader` has it"
    )]
    pub fn from_reader(
        &self,
        mut reader: impl Read,
        file: &str,
    ) -> Result<Table<'static>, TableError> {
        let form = self.form()?;
        let unreadable = |source| TableError::Unreadable {
            file: file.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            bytes = inflated(&bytes).map_err(unreadable)?;
        }
        self.in_form(&form, &bytes, file)
    }

    /// Reads a table that is text already; errors call it `file`.
    ///
    /// # Errors
    /// As [`TableOptions::from_reader`].
    #[allow(
        clippy::wrong_self_convention,
        reason = "the table is from the text, as `Table::from_text` has it"
    )]
    pub fn from_text(&self, text: &str, file: &str) -> Result<Table<'static>, TableError> {
        self.in_form(&self.form()?, text.as_bytes(), file)
    }

    fn in_form(&self, form: &Form, bytes: &[u8], file: &str) -> Result<Table<'static>, TableError> {
        let Cells {
            names,
            columns,
            lines,
            hint,
        } = cells::read(bytes, form, file)?;
        let columns = columns.into_iter().map(|column| match column {
            ReadColumn::Numbers(numbers) => Column::Numbers(numbers.into()),
            ReadColumn::Gaps(numbers, first) => Column::gaps(numbers.into(), Some(first)),
            ReadColumn::Other(cell) => Column::Text(cell),
        });
        Ok(Table {
            columns: columns.collect(),
            places: places(&names),
            names,
            rows: lines.len(),
            missing: self.missing,
            file: Some(File {
                name: file.to_owned(),
                lines,
                hint,
            }),
        })
    }

    /// A table of columns, as [`Table::from_columns`] makes it, whose NaNs are missing numbers.
    ///
    /// # Errors
    /// As [`Table::from_columns`], but not for a NaN.
    #[allow(
        clippy::wrong_self_convention,
        reason = "the table is from the columns, as `Table::from_columns` has it"
    )]
    pub fn from_columns<'a, N, C>(
        &self,
        columns: impl IntoIterator<Item = (N, C)>,
    ) -> Result<Table<'a>, TableError>
    where
        N: Into<String>,
        C: Into<Cow<'a, [f64]>>,
    {
        let mut names: Vec<String> = Vec::new();
        let mut all = Vec::new();
        let mut rows = 0;
        for (name, numbers) in columns {
            let (name, numbers) = (name.into(), numbers.into());
            match names.first() {
                None => rows = numbers.len(),
                Some(first) if numbers.len() != rows => {
                    return Err(TableError::Unequal {
                        column: name,
                        found: numbers.len(),
                        first: first.clone(),
                        expected: rows,
                    });
                }
                Some(_) => {}
            }
            if numbers.is_empty() {
                return Err(TableError::NoNumbers { column: name });
            }
            all.push(column_of_numbers(&name, numbers, self.missing)?);
            names.push(name);
        }
        if names.is_empty() {
            return Err(TableError::NoColumns);
        }
        error::check_distinct(&names, None)?;
        Ok(Table {
            file: None,
            places: places(&names),
            names,
            columns: all,
            rows,
            missing: self.missing,
        })
    }

    /// What the reader of cells has to know.
    fn form(&self) -> Result<Form, TableError> {
        let refused = |message: String| Err(TableError::Options { message });
        let decimal = match self.decimal {
            None | Some('.') => '.',
            Some(',') => ',',
            Some(other) => {
                return refused(format!(
                    "the decimal mark is a point or a comma, not `{other}`"
                ));
            }
        };
        let separator = self.separator.unwrap_or(match decimal {
            ',' => ';',
            _ => ',',
        });
        let byte = |c: char, what: &str| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(byte),
            _ => Err(TableError::Options {
                message: format!("{what} is one character of ASCII other than quotes, not {c:?}"),
            }),
        };
        if separator == decimal {
            return refused(format!(
                "`{separator}` cannot both part cells and be the decimal mark; files with decimal \
                 commas part cells by semicolons or tabs"
            ));
        }
        if separator.is_ascii_digit() || matches!(separator, '+' | '-') {
            return refused(format!(
                "`{separator}` is a part of numbers and cannot part cells"
            ));
        }
        if self.comment == Some(separator) {
            return refused(format!(
                "`{separator}` cannot both part cells and begin comments"
            ));
        }
        Ok(Form {
            separator: byte(separator, "the separator")?,
            decimal,
            comment: match self.comment {
                None => None,
                Some(c) => Some(byte(c, "the sign of comments")?),
            },
        })
    }
}

/// What gzip compressed, one part after the other.
fn inflated(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(MOST_INFLATED + 1);
    reader.read_to_end(&mut text)?;
    if text.len() as u64 > MOST_INFLATED {
        let message = format!(
            "it holds more than {} GiB once inflated",
            MOST_INFLATED >> 30
        );
        return Err(std::io::Error::other(message));
    }
    Ok(text)
}
