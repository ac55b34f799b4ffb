//! Tables of numbers, read from CSV files.
//!
//! A file goes in: a line of names, then a line for each row. A [`Table`] comes out, whose columns
//! are asked for by name.
//!
//! **Invariants**
//! - All columns have one length, at least one.
//! - A column that [`Table::column`] gives holds finite numbers only.
//! - A column of anything else is no error until it is asked for, so a file may carry notes.
//!
//! ```text
//! year, hare, lynx, note
//! 1900, 30.0,  4.0, first of the series
//! 1901, 47.2,  6.1,
//! ```
//!
//! Cells are separated by commas, may be quoted (right after the comma), and lose the spaces around
//! them; blank lines and a byte order mark are skipped. There are no comments.

use std::fmt;
use std::io::Read;
use std::path::Path;

/// A table with named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    file: String,
    names: Vec<String>,
    columns: Vec<Column>,
    /// The line of each row, from 1.
    lines: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Column {
    Numbers(Vec<f64>),
    /// All cells, and the first row that is not a finite number.
    Text(Vec<String>, usize),
}

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
    /// The file is not text in UTF-8.
    #[error("{file}:{line}: not UTF-8 text")]
    NotUtf8 {
        /// The path as given.
        file: String,
        /// The line of the first byte that is not, from 1.
        line: u64,
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
    #[error("{file}: columns {first} and {second} are both named `{name}`")]
    DuplicateName {
        /// The path as given.
        file: String,
        /// The name.
        name: String,
        /// The place of the one, from 1.
        first: usize,
        /// The place of the other, from 1.
        second: usize,
    },
    /// A row is longer or shorter than the line of names.
    #[error("{file}:{line}: {found} cells where there are {expected} columns")]
    Ragged {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The number of cells in it.
        found: usize,
        /// The number of columns.
        expected: usize,
    },
    /// No column has this name.
    #[error("{file}: no column `{name}`{}", Hint(nearest.as_deref(), columns))]
    MissingColumn {
        /// The path as given.
        file: String,
        /// The name asked for.
        name: String,
        /// The name in the file that is most like it, if one is.
        nearest: Option<String>,
        /// All names in the file.
        columns: Vec<String>,
    },
    /// A cell of a column of numbers holds something else.
    #[error("{file}:{line}: column `{column}`: `{text}` is not a number")]
    NotANumber {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// What the cell holds.
        text: String,
    },
    /// A cell of a column of numbers holds nothing.
    #[error("{file}:{line}: column `{column}`: empty where a number should be")]
    EmptyCell {
        /// The path as given.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: String,
    },
    /// A cell of a column of numbers holds an infinity, a NaN or a number too large to hold.
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
}

impl Table {
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
    pub fn from_reader(mut reader: impl Read, file: &str) -> Result<Self, TableError> {
        let file = file.to_owned();
        let mut bytes = Vec::new();
        if let Err(source) = reader.read_to_end(&mut bytes) {
            return Err(TableError::Unreadable { file, source });
        }
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let line = 1 + line_ends(&bytes[..error.valid_up_to()]);
                return Err(TableError::NotUtf8 { file, line });
            }
        };
        let mut rows = rows(text, &file)?.into_iter();
        let Some((line, names)) = rows.next() else {
            return Err(TableError::Empty { file });
        };
        check_names(&names, &file, line)?;
        let mut lines = Vec::new();
        let mut cells: Vec<Vec<String>> = vec![Vec::new(); names.len()];
        for (line, row) in rows {
            if row.len() != names.len() {
                let (found, expected) = (row.len(), names.len());
                return Err(TableError::Ragged {
                    file,
                    line,
                    found,
                    expected,
                });
            }
            lines.push(line);
            for (column, cell) in cells.iter_mut().zip(row) {
                column.push(cell);
            }
        }
        if lines.is_empty() {
            return Err(TableError::NoRows { file });
        }
        let columns = cells.into_iter().map(Column::new).collect();
        Ok(Self {
            file,
            names,
            columns,
            lines,
        })
    }

    /// The path the table was read from, as given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The line of the file that a row stands on, from 1; none past the last row.
    pub fn line(&self, row: usize) -> Option<u64> {
        self.lines.get(row).copied()
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
                file: self.file.clone(),
                name: name.to_owned(),
                nearest: nearest(name, &self.names),
                columns: self.names.clone(),
            });
        };
        match &self.columns[index] {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Text(cells, row) => {
                let (file, line) = (self.file.clone(), self.lines[*row]);
                let (column, text) = (name.to_owned(), cells[*row].clone());
                Err(if text.is_empty() {
                    TableError::EmptyCell { file, line, column }
                } else if text.parse::<f64>().is_ok() {
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
        self.names
            .iter()
            .position(|other| other == name && !name.is_empty())
    }
}

impl Column {
    fn new(cells: Vec<String>) -> Self {
        let mut numbers = Vec::with_capacity(cells.len());
        for (row, cell) in cells.iter().enumerate() {
            match cell.parse::<f64>() {
                Ok(number) if number.is_finite() => numbers.push(number),
                _ => return Self::Text(cells, row),
            }
        }
        Self::Numbers(numbers)
    }
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
    let file = file.to_owned();
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(TableError::NoNames {
            file,
            line,
            text: names[0].clone(),
        });
    }
    for (second, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
    {
        if let Some(first) = names[..second].iter().position(|other| other == name) {
            let (name, first, second) = (name.clone(), first + 1, second + 1);
            return Err(TableError::DuplicateName {
                file,
                name,
                first,
                second,
            });
        }
    }
    Ok(())
}

/// The number of line ends in the text.
fn line_ends(bytes: &[u8]) -> u64 {
    bytes.split(|&b| b == b'\n').count() as u64 - 1
}

/// The name most like `name`, if it is like it at all.
fn nearest(name: &str, names: &[String]) -> Option<String> {
    /// So that `tme` finds `time` and `temp` does not, by Jaro and Winkler's likeness.
    const LIKE: f64 = 0.7;
    let folded = name.to_lowercase();
    let likeness = |other: &String| strsim::jaro_winkler(&folded, &other.to_lowercase());
    names
        .iter()
        .filter(|other| !other.is_empty())
        .map(|other| (likeness(other), other))
        .filter(|&(likeness, _)| likeness >= LIKE)
        // The first of equals, so the file's order decides.
        .fold(None, |best: Option<(f64, &String)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, other)| other.clone())
}

/// What to try in place of a missing column.
struct Hint<'a>(Option<&'a str>, &'a [String]);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = self.0 {
            return write!(f, "; did you mean `{nearest}`?");
        }
        let mut separator = "; the columns are ";
        for name in self.1.iter().filter(|name| !name.is_empty()) {
            write!(f, "{separator}`{name}`")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, TableError> {
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
    fn a_file_that_is_not_there_is_named() {
        let error = Table::read("no/such/table.csv").unwrap_err();
        assert_eq!(error.to_string(), "no/such/table.csv: no such file");
        let directory = Table::read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert!(matches!(directory, TableError::Unreadable { .. }));
    }
}
