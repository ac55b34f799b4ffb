//! Tables of numbers: columns of a caller's, or read from CSV files.
//!
//! Columns by name go in, or a file: a line of names, then a line for each row. A [`Table`] comes out,
//! whose columns are asked for by name.
//!
//! **Invariants**
//! - All columns have one length, at least one.
//! - A column that [`Table::column`] gives holds finite numbers only.
//! - A column of a file that holds anything else is no error until it is asked for, so a file may
//!   carry notes.
//! - Columns of a caller's are borrowed, not copied.
//!
//! ```text
//! year, hare, lynx, note
//! 1900, 30.0,  4.0, first of the series
//! 1901, 47.2,  6.1,
//! ```
//!
//! Cells are separated by commas, may be quoted (right after the comma), and lose the spaces around
//! them; blank lines and a byte order mark are skipped. There are no comments.

mod cells;
mod error;

pub use error::TableError;

use crate::error::cut;
use cells::{Cells, OtherCell, ReadColumn, read};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

/// A table with named columns.
///
/// ```
/// use dmci::fit::Table;
///
/// let (time, level) = ([0.0, 1.0, 2.0], vec![2.6, 1.1, 0.49]);
/// let table = Table::from_columns([("time", &time[..]), ("level", &level[..])])?;
/// assert_eq!(table.rows(), 3);
/// assert_eq!(table.column("level")?, level);
/// # Ok::<(), dmci::fit::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table<'a> {
    /// Where it was read; none where a caller gave the columns.
    file: Option<File>,
    names: Vec<String>,
    /// The place of each name that is not empty.
    places: FxHashMap<String, usize>,
    columns: Vec<Column<'a>>,
    rows: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct File {
    name: String,
    /// The line of each row, from 1.
    lines: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Column<'a> {
    Numbers(Cow<'a, [f64]>),
    /// Of a file's, that holds anything else.
    Text(OtherCell),
}

impl<'a> Table<'a> {
    /// A table of columns, each a name and its numbers: slices, which are borrowed, or vectors.
    ///
    /// # Errors
    /// When there are no columns, two have one name, one is empty or longer or shorter than the
    /// first, or one holds a number that is not finite; the error names column and row.
    pub fn from_columns<N, C>(columns: impl IntoIterator<Item = (N, C)>) -> Result<Self, TableError>
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
            if let Some(row) = numbers.iter().position(|number| !number.is_finite()) {
                let (column, value) = (name, numbers[row]);
                let row = row + 1;
                return Err(TableError::NotFiniteInRow { column, row, value });
            }
            names.push(name);
            all.push(Column::Numbers(numbers));
        }
        if names.is_empty() {
            return Err(TableError::NoColumns);
        }
        error::check_distinct(&names, None)?;
        Ok(Self {
            file: None,
            places: places(&names),
            names,
            columns: all,
            rows,
        })
    }
}

impl Table<'static> {
    /// Reads the CSV file at `path`.
    ///
    /// # Errors
    /// When there is no such file, or as [`Table::from_reader`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        match std::fs::File::open(path) {
            Ok(reader) => Self::from_reader(reader, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(TableError::NotFound { file })
            }
            Err(source) => Err(TableError::Unreadable { file, source }),
        }
    }

    /// Reads CSV text; errors call it `file`.
    ///
    /// # Errors
    /// When the text cannot be read or is not UTF-8, has no names, no rows or two equal names, or
    /// has a row that is longer or shorter than the names.
    pub fn from_reader(reader: impl Read, file: &str) -> Result<Self, TableError> {
        let Cells {
            names,
            columns,
            lines,
        } = read(reader, file)?;
        let columns = columns.into_iter().map(|column| match column {
            ReadColumn::Numbers(numbers) => Column::Numbers(numbers.into()),
            ReadColumn::Other(cell) => Column::Text(cell),
        });
        Ok(Self {
            columns: columns.collect(),
            places: places(&names),
            names,
            rows: lines.len(),
            file: Some(File {
                name: file.to_owned(),
                lines,
            }),
        })
    }
}

impl Table<'_> {
    /// The path the table was read from, as given; none where a caller gave the columns.
    pub fn file(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.name.as_str())
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The line of the file that a row stands on, from 1; none past the last row, or without a file.
    pub fn line(&self, row: usize) -> Option<u64> {
        self.file.as_ref()?.lines.get(row).copied()
    }

    /// Where a row is, for people: `data.csv:5`; without a file `row 4`, from 1.
    pub(super) fn place(&self, row: usize) -> String {
        match (self.file(), self.line(row)) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => format!("row {}", row + 1),
        }
    }

    /// Whether a column has this name, be it of numbers or of text.
    pub fn has_column(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The numbers in a column, one for each row.
    ///
    /// # Errors
    /// When there is no column of this name, or a cell of it is anything but a finite number.
    pub fn column(&self, name: &str) -> Result<&[f64], TableError> {
        let Some(index) = self.position(name) else {
            return Err(TableError::MissingColumn {
                file: self.file().map(str::to_owned),
                name: cut(name),
                nearest: nearest(name, &self.names),
                columns: self.names.clone(),
            });
        };
        match &self.columns[index] {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Text(cell) => {
                let (file, line) = (self.file().unwrap_or_default().to_owned(), cell.line);
                let (column, text) = (cut(name), cell.text.clone());
                Err(if text.is_empty() {
                    TableError::EmptyCell { file, line, column }
                } else if cell.is_number {
                    TableError::NotFinite {
                        file,
                        line,
                        column,
                        text,
                    }
                } else {
                    TableError::NotANumber {
                        file,
                        line,
                        column,
                        text,
                    }
                })
            }
        }
    }

    /// Columns without a name, as some programs write for row numbers, cannot be asked for.
    fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

fn places(names: &[String]) -> FxHashMap<String, usize> {
    let named = names.iter().enumerate();
    let named = named.filter(|(_, name)| !name.is_empty());
    named.map(|(place, name)| (name.clone(), place)).collect()
}

/// The name most like `name`, if it is like it at all.
fn nearest(name: &str, names: &[String]) -> Option<String> {
    /// So that `tme` finds `time` and `temp` does not, by Jaro and Winkler's likeness.
    const LIKE: f64 = 0.7;
    /// Longer names are none that somebody mistyped.
    const LONGEST: usize = 200;
    const MOST_COMPARED: usize = 10_000;
    let folded = name.to_lowercase();
    let likeness = |other: &String| strsim::jaro_winkler(&folded, &other.to_lowercase());
    if name.len() > LONGEST {
        return None;
    }
    names
        .iter()
        .filter(|other| !other.is_empty() && other.len() <= LONGEST)
        .take(MOST_COMPARED)
        .map(|other| (likeness(other), other))
        .filter(|&(likeness, _)| likeness >= LIKE)
        // The first of equals, so the file's order decides.
        .fold(None, |best: Option<(f64, &String)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, other)| other.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table<'static>, TableError> {
        Table::from_reader(text.as_bytes(), "data.csv")
    }

    /// The message of a table that cannot be read.
    fn refusal(bytes: &[u8]) -> String {
        Table::from_reader(bytes, "data.csv")
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    /// The message for a column of a table that can.
    fn column_refusal(text: &str, name: &str) -> String {
        table(text).unwrap().column(name).unwrap_err().to_string()
    }

    #[test]
    fn reads_the_pelts() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lynx_hare/pelts.csv");
        let pelts = Table::read(path).unwrap();
        assert_eq!(pelts.names(), ["year", "hare", "lynx"]);
        assert_eq!(pelts.rows(), 21);
        assert_eq!(pelts.column("year").unwrap()[20], 1920.0);
        assert_eq!(pelts.column("hare").unwrap()[1], 47.2);
        assert_eq!(pelts.line(20), Some(22));
    }

    #[test]
    fn spaces_blank_lines_quotes_and_a_byte_order_mark_are_no_matter() {
        let text = "\u{feff} a ,\"b, c\" \r\n\r\n 1 , 2e0\r\n   \n\n-3,\" +4 \"\n\n";
        let table = table(text).unwrap();
        assert_eq!(table.names(), ["a", "b, c"]);
        assert_eq!(table.column("a").unwrap(), [1.0, -3.0]);
        assert_eq!(table.column("b, c").unwrap(), [2.0, 4.0]);
        assert_eq!((table.line(0), table.line(1)), (Some(3), Some(6)));
    }

    #[test]
    fn text_is_an_error_only_where_numbers_are_asked_for() {
        let text = "x,note\n1,fine\n2,\n";
        let table = table(text).unwrap();
        assert_eq!(table.column("x").unwrap(), [1.0, 2.0]);
        assert!(table.has_column("note"));
        assert_eq!(
            column_refusal(text, "note"),
            "data.csv:2: column `note`: `fine` is not a number"
        );
    }

    #[test]
    fn cells_that_are_no_numbers_are_named() {
        let text = "x,y,z\n\n1,2,1e999\n\"a\nb\",,nan\n";
        assert_eq!(
            column_refusal(text, "x"),
            "data.csv:4: column `x`: `a\nb` is not a number"
        );
        assert_eq!(
            column_refusal(text, "y"),
            "data.csv:4: column `y`: empty where a number should be"
        );
        assert_eq!(
            column_refusal(text, "z"),
            "data.csv:3: column `z`: `1e999` is not a finite number"
        );
        for word in ["nan", "inf", "-Infinity"] {
            assert!(column_refusal(&format!("x\n{word}\n"), "x").ends_with("not a finite number"));
        }
    }

    #[test]
    fn a_missing_column_hints_at_the_nearest() {
        let text = "year,hare,lynx\n1,2,3\n";
        assert_eq!(
            column_refusal(text, "Hares"),
            "data.csv: no column `Hares`; did you mean `hare`?"
        );
        assert_eq!(
            column_refusal(text, "pressure"),
            "data.csv: no column `pressure`; the columns are `year`, `hare`, `lynx`"
        );
        assert_eq!(
            column_refusal(",x\n1,2\n", ""),
            "data.csv: no column ``; the columns are `x`"
        );
    }

    #[test]
    fn broken_files_say_where() {
        assert_eq!(
            refusal(b""),
            "data.csv: empty; expected a line of column names"
        );
        assert_eq!(
            refusal(b"\n \n"),
            "data.csv: empty; expected a line of column names"
        );
        assert_eq!(refusal(b"a,b\n"), "data.csv: column names but no rows");
        assert_eq!(
            refusal(b"1900,30\n1901,47\n"),
            "data.csv:1: `1900` where a column name should be; the first line must name the columns"
        );
        assert_eq!(
            refusal(b"a,b,a\n1,2,3\n"),
            "data.csv: columns 1 and 3 are both named `a`"
        );
        assert_eq!(
            refusal(b"a,b\n1,2\n\n1,2,3\n"),
            "data.csv:4: 3 cells where there are 2 columns"
        );
        assert_eq!(
            refusal(b"a,b\n1\n"),
            "data.csv:2: 1 cells where there are 2 columns"
        );
        assert_eq!(refusal(b"a,b\n1,2\n\xff,3\n"), "data.csv:3: not UTF-8 text");
    }

    #[test]
    fn columns_are_borrowed_and_vectors_kept() {
        let (x, y) = ([1.0, 2.0], vec![3.0, 4.0]);
        let table = Table::from_columns([("x", &x[..]), ("y", &y)]).unwrap();
        assert!(std::ptr::eq(table.column("x").unwrap(), &raw const x[..]));
        assert_eq!(table.column("y").unwrap(), y);
        assert_eq!((table.rows(), table.file(), table.line(0)), (2, None, None));
        assert_eq!(table.place(1), "row 2");
        let kept: Table<'static> = Table::from_columns([("y", y)]).unwrap();
        assert_eq!(kept.names(), ["y"]);
    }

    #[test]
    fn columns_at_fault_are_named() {
        type Columns<'a> = &'a [(&'a str, &'a [f64])];
        let refusal = |columns: Columns<'_>| {
            let error = Table::from_columns(columns.iter().copied()).unwrap_err();
            error.to_string()
        };
        let two = &[1.0, 2.0][..];
        assert_eq!(refusal(&[]), "there are no columns; give at least one");
        assert_eq!(
            refusal(&[("x", &[]), ("y", &[])]),
            "the column `x` holds no numbers"
        );
        assert_eq!(
            refusal(&[("x", two), ("y", two), ("z", &[1.0])]),
            "the column `z` holds 1 numbers where `x` holds 2; all need one for each row"
        );
        assert_eq!(
            refusal(&[("x", two), ("y", two), ("x", two)]),
            "columns 1 and 3 are both named `x`"
        );
        assert_eq!(
            refusal(&[("x", two), ("y", &[1.0, f64::NAN])]),
            "the column `y` holds NaN in row 2, which is no finite number"
        );
        assert_eq!(
            refusal(&[("x", &[f64::NEG_INFINITY])]),
            "the column `x` holds -inf in row 1, which is no finite number"
        );
        let table = Table::from_columns([("hare", two)]).unwrap();
        assert_eq!(
            table.column("hares").unwrap_err().to_string(),
            "no column `hares`; did you mean `hare`?"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Table::read("no/such/table.csv").unwrap_err();
        assert_eq!(error.to_string(), "no/such/table.csv: no such file");
        let directory = Table::read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert!(matches!(directory, TableError::Unreadable { .. }));
    }
}
