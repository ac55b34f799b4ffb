//! `TableError`: why a table, or a column of it, cannot be had.
//!
//! **Invariants**
//! - What a file is at fault for names the file and, where there is one, the line; what a caller is at
//!   fault for names column and row.

use super::form::Seen;
use crate::error::cut;
use crate::syntax::write::write_name;
use std::collections::HashMap;
use std::fmt;

/// Why a table, or a column of it, cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no such file.
    #[error("{file}: no such file")]
    NotFound {
        /// The path as given.
        file: String,
    },
    /// The file cannot be read.
    #[error("{file}: cannot be read")]
    Unreadable {
        /// The path as given.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// How a table is said to be written contradicts itself.
    #[error("{message}")]
    Options {
        /// What does, and what to say instead.
        message: String,
    },
    /// The file is not text in UTF-8.
    #[error(
        "{file}:{line}: not UTF-8 text; if it is {encoding}, `iconv -f {encoding} -t UTF-8` converts it"
    )]
    NotUtf8 {
        /// The path as given.
        file: String,
        /// The line of the first byte that is not, from 1.
        line: u64,
        /// What it may be instead.
        encoding: &'static str,
    },
    /// The file is an archive, as workbooks of spreadsheets are.
    #[error(
        "{file}: a zip archive, as workbooks of spreadsheets are; save the sheet as CSV and give that"
    )]
    Archive {
        /// The path as given.
        file: String,
    },
    /// The file is a directory.
    #[error("{file}: a directory; give a file")]
    Directory {
        /// The path as given.
        file: String,
    },
    /// The file has no line of names.
    #[error("{file}: empty; expected a line of column names")]
    Empty {
        /// The path as given.
        file: String,
    },
    /// The file has a line of names and no rows.
    #[error("{file}: column names but no rows")]
    NoRows {
        /// The path as given.
        file: String,
    },
    /// The first line holds numbers where the names should be.
    #[error(
        "{file}:{line}: `{text}` where a column name should be; the first line must name the columns"
    )]
    NoNames {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The first cell.
        text: String,
    },
    /// Two columns have one name.
    #[error("{}columns {first} and {second} are both named `{name}`", In(file.as_deref()))]
    DuplicateName {
        /// The path as given; none where a caller gave the columns.
        file: Option<String>,
        /// The name.
        name: String,
        /// The place of the one, from 1.
        first: usize,
        /// The place of the other, from 1.
        second: usize,
    },
    /// A row is longer or shorter than the line of names.
    #[error(
        "{file}:{line}: {} where there {} {}{}", counted(*found, "cell"),
        if *expected == 1 { "is" } else { "are" }, counted(*expected, "column"), Maybe(*hint)
    )]
    Ragged {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The number of cells in it.
        found: usize,
        /// The number of columns.
        expected: usize,
        /// How the file may be written instead.
        hint: Option<Seen>,
    },
    /// No column has this name.
    #[error(
        "{}no column `{name}`{}", In(file.as_deref()), Hint(nearest.as_deref(), columns, *hint)
    )]
    MissingColumn {
        /// The path as given; none where a caller gave the columns.
        file: Option<String>,
        /// The name asked for.
        name: String,
        /// The name in the table that is most like it, if one is.
        nearest: Option<String>,
        /// All names in the table.
        columns: Vec<String>,
        /// How the file may be written instead.
        hint: Option<Seen>,
    },
    /// A cell of a column of numbers holds something else.
    #[error("{file}:{line}: column `{column}`: `{text}` is not a number{}", Maybe(*hint))]
    NotANumber {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// What the cell holds.
        text: String,
        /// How it may be written instead.
        hint: Option<Seen>,
    },
    /// A number is missing, and missing numbers are refused.
    #[error(
        "{place}: column `{column}`: {} where a number should be, as in {count} of {rows} rows; \
         --missing drop fits what is there",
        Cell(text)
    )]
    MissingNumber {
        /// Where the first is: `data.csv:5`; `row 4` without a file.
        place: String,
        /// The name of the column.
        column: String,
        /// What the cell holds.
        text: String,
        /// How many numbers the column misses.
        count: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// No row is left where rows that miss numbers are dropped.
    #[error(
        "no row is left: each misses a number in a column that the program takes; the first such \
         column is `{column}`"
    )]
    NothingLeft {
        /// The first column that misses a number.
        column: String,
    },
    /// A cell of a column of numbers holds an infinity, or a number too large to hold.
    #[error("{file}:{line}: column `{column}`: `{text}` is not a finite number")]
    NotFinite {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// What the cell holds.
        text: String,
    },
    /// The CSV reader refuses the text.
    #[error("{file}: {message}")]
    Malformed {
        /// The path as given.
        file: String,
        /// What it says.
        message: String,
    },
    /// A caller gave no columns.
    #[error("there are no columns; give at least one")]
    NoColumns,
    /// A caller gave a column without numbers.
    #[error("the column `{column}` holds no numbers")]
    NoNumbers {
        /// The name of the column.
        column: String,
    },
    /// A caller gave columns of different lengths.
    #[error(
        "the column `{column}` holds {found} numbers where `{first}` holds {expected}; all need one \
         for each row"
    )]
    Unequal {
        /// The name of the column.
        column: String,
        /// How many numbers it holds.
        found: usize,
        /// The name of the first column.
        first: String,
        /// How many that one holds.
        expected: usize,
    },
    /// A caller gave a column with an infinity or a NaN.
    #[error("the column `{column}` holds {value} in row {row}, which is no finite number")]
    NotFiniteInRow {
        /// The name of the column.
        column: String,
        /// The row, from 1.
        row: usize,
        /// The number.
        value: f64,
    },
}

/// Refuses names that stand for two columns; those without a name cannot be asked for.
pub(super) fn check_distinct(names: &[String], file: Option<&str>) -> Result<(), TableError> {
    // Not the fast hash of other tables: a stranger chose the names.
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    let named = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty());
    for (second, name) in named {
        if let Some(first) = seen.insert(name, second) {
            let (name, first, second) = (cut(name), first + 1, second + 1);
            return Err(TableError::DuplicateName {
                file: file.map(str::to_owned),
                name,
                first,
                second,
            });
        }
    }
    Ok(())
}

/// The file at fault, in front of what is wrong.
struct In<'a>(Option<&'a str>);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |file| write!(f, "{file}: "))
    }
}

/// What a cell without a number holds.
struct Cell<'a>(&'a str);

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("empty"),
            text => write!(f, "`{text}`"),
        }
    }
}

/// What may be the matter, if anything is seen.
struct Maybe(Option<Seen>);

impl fmt::Display for Maybe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |seen| seen.fmt(f))
    }
}

/// So many of something.
fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// A name as a program writes it: `time`, `|time (s)|`.
pub(crate) fn as_written(name: &str) -> String {
    let mut out = String::new();
    write_name(&cut(name), &mut out);
    out
}

/// How many columns are named where one is missing.
const MOST_TOLD: usize = 20;

/// What to try in place of a missing column.
struct Hint<'a>(Option<&'a str>, &'a [String], Option<Seen>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seen) = self.2 {
            return seen.fmt(f);
        }
        if let Some(nearest) = self.0 {
            return write!(f, "; did you mean `{}`?", as_written(nearest));
        }
        let mut separator = "; the columns are ";
        let mut names = self.1.iter().filter(|name| !name.is_empty());
        for name in names.by_ref().take(MOST_TOLD) {
            write!(f, "{separator}`{}`", as_written(name))?;
            separator = ", ";
        }
        match names.count() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
