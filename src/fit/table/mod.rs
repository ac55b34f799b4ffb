//! Tables of numbers: columns of a caller's, or read from CSV files.
//!
//! Columns by name go in, or a file: a line of names, then a line for each row. A [`Table`] comes out,
//! whose columns are asked for by name.
//!
//! **Invariants**
//! - All columns have one length, at least one.
//! - A column that [`Table::column`] gives holds finite numbers only; one that [`Table::observed`] gives,
//!   NaN besides where a number is missing.
//! - A column of a file that holds anything else is no error until it is asked for, so a file may
//!   carry notes.
//! - Columns of a caller's are borrowed, not copied.
//!
//! ```text
//! year, hare, lynx, note
//! 1900, 30.0,  4.0, first of the series
//! 1901, 47.2,   NA,
//! ```
//!
//! Cells are separated by commas, may be quoted (right after the comma), and lose the spaces around
//! them; blank lines and a byte order mark are skipped. There are no comments. [`TableOptions`] says
//! otherwise, and what missing numbers mean. A file may be compressed by gzip.
//! A name such as `time (s)` is written `|time (s)|` in a program.

mod cells;
mod error;
mod form;
mod options;

pub use error::TableError;
pub(crate) use error::as_written;
pub use form::Seen;
pub use options::{Missing, TableOptions};

use crate::error::cut;
use cells::OtherCell;
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
    missing: Missing,
}

#[derive(Clone, Debug, PartialEq)]
struct File {
    name: String,
    /// The line of each row, from 1.
    lines: Vec<u64>,
    /// How it may be written instead, if it does not look as if it were written so.
    hint: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq)]
enum Column<'a> {
    Numbers(Cow<'a, [f64]>),
    /// Numbers, NaN where they are missing.
    Gaps {
        numbers: Cow<'a, [f64]>,
        /// How many are missing.
        missing: usize,
        /// What a file has in place of the first.
        first: Option<OtherCell>,
    },
    /// Of a file's, that holds anything else.
    Text(OtherCell),
}

impl<'a> Column<'a> {
    fn gaps(numbers: Cow<'a, [f64]>, first: Option<OtherCell>) -> Self {
        let missing = numbers.iter().filter(|number| number.is_nan()).count();
        Self::Gaps {
            numbers,
            missing,
            first,
        }
    }

    /// The same in other rows; none of them may be past the last.
    fn only(&self, rows: &[usize]) -> Column<'static> {
        let of = |numbers: &[f64]| rows.iter().map(|&row| numbers[row]).collect::<Vec<f64>>();
        match self {
            Self::Numbers(numbers) => Column::Numbers(of(numbers).into()),
            Self::Gaps { numbers, first, .. } => {
                let numbers = of(numbers);
                if numbers.iter().any(|number| number.is_nan()) {
                    Column::gaps(numbers.into(), first.clone())
                } else {
                    Column::Numbers(numbers.into())
                }
            }
            Self::Text(cell) => Column::Text(cell.clone()),
        }
    }
}

/// A column of a caller's numbers, whose NaNs are missing where those are dropped.
fn column_of_numbers<'a>(
    name: &str,
    numbers: Cow<'a, [f64]>,
    missing: Missing,
) -> Result<Column<'a>, TableError> {
    let is_good = |number: &f64| number.is_finite() || missing == Missing::Drop && number.is_nan();
    if let Some(row) = numbers.iter().position(|number| !is_good(number)) {
        let (column, value) = (name.to_owned(), numbers[row]);
        let row = row + 1;
        return Err(TableError::NotFiniteInRow { column, row, value });
    }
    Ok(if numbers.iter().any(|number| number.is_nan()) {
        Column::gaps(numbers, None)
    } else {
        Column::Numbers(numbers)
    })
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
        TableOptions::default().from_columns(columns)
    }
}

impl Table<'static> {
    /// A table without columns, for a loss that needs no data:
    /// [`FitOptions::minimize`](super::FitOptions::minimize).
    pub fn empty() -> Self {
        Self {
            file: None,
            names: Vec::new(),
            places: FxHashMap::default(),
            columns: Vec::new(),
            rows: 0,
            missing: Missing::default(),
        }
    }

    /// Reads the CSV file at `path`.
    ///
    /// # Errors
    /// When there is no such file, or as [`Table::from_reader`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TableError> {
        TableOptions::default().read(path)
    }

    /// Reads CSV text; errors call it `file`.
    ///
    /// # Errors
    /// When the text cannot be read or is not UTF-8, has no names, no rows or two equal names, or
    /// has a row that is longer or shorter than the names.
    pub fn from_reader(reader: impl Read, file: &str) -> Result<Self, TableError> {
        TableOptions::default().from_reader(reader, file)
    }

    /// Reads a table that is text already; errors call it `file`.
    ///
    /// # Errors
    /// As [`Table::from_reader`].
    pub fn from_text(text: &str, file: &str) -> Result<Self, TableError> {
        TableOptions::default().from_text(text, file)
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
        match self.found(name)? {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Gaps {
                numbers,
                missing,
                first,
            } => {
                let row = numbers.iter().position(|number| number.is_nan());
                Err(TableError::MissingNumber {
                    place: self.place(row.unwrap_or_default()),
                    column: cut(name),
                    text: first
                        .as_ref()
                        .map_or("nan".into(), |cell| cell.text.clone()),
                    count: *missing,
                    rows: self.rows,
                })
            }
            Column::Text(cell) => Err(self.no_number(name, cell)),
        }
    }

    /// The numbers in a column, one for each row, and NaN where one is missing: of a table whose missing
    /// numbers are dropped.
    ///
    /// # Errors
    /// As [`Table::column`], but where numbers are missing only if they are refused.
    pub fn observed(&self, name: &str) -> Result<&[f64], TableError> {
        match self.found(name)? {
            Column::Gaps { numbers, .. } if self.missing == Missing::Drop => Ok(numbers),
            _ => self.column(name),
        }
    }

    /// How many numbers a column misses; 0 of one that is not there, or holds anything else.
    pub fn missing_in(&self, name: &str) -> usize {
        match self.found(name) {
            Ok(Column::Gaps { missing, .. }) => *missing,
            _ => 0,
        }
    }

    /// The rows in which none of the columns misses a number, from 0; none where that is all of them, or
    /// missing numbers are refused.
    ///
    /// # Errors
    /// When no row is left.
    pub(super) fn complete_rows<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Vec<usize>>, TableError> {
        if self.missing == Missing::Refuse {
            return Ok(None);
        }
        let mut first = None;
        let mut complete = vec![true; self.rows];
        for name in names {
            if let Ok(Column::Gaps { numbers, .. }) = self.found(name) {
                first.get_or_insert(name);
                for (complete, number) in complete.iter_mut().zip(&**numbers) {
                    *complete &= !number.is_nan();
                }
            }
        }
        let Some(first) = first else {
            return Ok(None);
        };
        let rows: Vec<usize> = (0..self.rows).filter(|&row| complete[row]).collect();
        if rows.is_empty() {
            let column = cut(first);
            return Err(TableError::NothingLeft { column });
        }
        Ok(Some(rows))
    }

    /// The same table with some of its rows, none past the last.
    pub(crate) fn only(&self, rows: &[usize]) -> Table<'static> {
        let file = self.file.as_ref().map(|file| File {
            name: file.name.clone(),
            lines: rows.iter().map(|&row| file.lines[row]).collect(),
            hint: file.hint,
        });
        Table {
            file,
            names: self.names.clone(),
            places: self.places.clone(),
            columns: self
                .columns
                .iter()
                .map(|column| column.only(rows))
                .collect(),
            rows: rows.len(),
            missing: self.missing,
        }
    }

    /// What to say of a name that no column has: how the file may be written instead, or the column that
    /// differs in capitals or by a unit; nothing where neither can be told.
    pub(super) fn hint(&self, name: &str) -> Option<String> {
        let hint = self.file.as_ref().and_then(|file| file.hint);
        hint.map(|seen| seen.to_string()).or_else(|| {
            let other = same_but_for_unit(&name.to_lowercase(), &self.names)?;
            Some(format!("; is it `{}`?", as_written(other)))
        })
    }

    fn found(&self, name: &str) -> Result<&Column<'_>, TableError> {
        self.position(name)
            .map(|index| &self.columns[index])
            .ok_or_else(|| TableError::MissingColumn {
                file: self.file().map(str::to_owned),
                name: cut(name),
                nearest: nearest(name, &self.names),
                columns: self.names.clone(),
                hint: self.file.as_ref().and_then(|file| file.hint),
            })
    }

    /// What is wrong with a column of text.
    fn no_number(&self, name: &str, cell: &OtherCell) -> TableError {
        let (file, line) = (self.file().unwrap_or_default().to_owned(), cell.line);
        let (column, text) = (cut(name), cell.text.clone());
        if cell.is_number {
            return TableError::NotFinite {
                file,
                line,
                column,
                text,
            };
        }
        TableError::NotANumber {
            file,
            line,
            column,
            text,
            hint: cell.hint,
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

/// With how many names another is compared.
const MOST_COMPARED: usize = 10_000;

/// The name that is a folded one but for capitals, or with a unit behind it: `Time (s)` for `time`.
fn same_but_for_unit<'n>(folded: &str, names: &'n [String]) -> Option<&'n str> {
    let rest = |other: &String| other.to_lowercase().strip_prefix(folded).map(str::to_owned);
    let names = || names.iter().take(MOST_COMPARED);
    let same = names().find(|other| rest(other).is_some_and(|rest| rest.is_empty()));
    let is_unit = |rest: String| rest.starts_with([' ', '(', '[', '/', '_']);
    let with_unit = || names().find(|other| rest(other).is_some_and(is_unit));
    (!folded.is_empty())
        .then(|| same.or_else(with_unit).map(String::as_str))
        .flatten()
}

/// The name most like `name`, if it is like it at all.
fn nearest(name: &str, names: &[String]) -> Option<String> {
    /// So that `tme` finds `time` and `temp` does not, by Jaro and Winkler's likeness.
    const LIKE: f64 = 0.7;
    /// Longer names are none that somebody mistyped.
    const LONGEST: usize = 200;
    let folded = name.to_lowercase();
    let likeness = |other: &String| strsim::jaro_winkler(&folded, &other.to_lowercase());
    if name.len() > LONGEST {
        return None;
    }
    if let Some(other) = same_but_for_unit(&folded, names) {
        return Some(other.to_owned());
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
            "data.csv:4: column `y`: empty where a number should be, as in 1 of 2 rows; --missing drop \
             fits what is there"
        );
        assert_eq!(
            column_refusal(text, "z"),
            "data.csv:3: column `z`: `1e999` is not a finite number"
        );
        for word in ["inf", "-Infinity"] {
            assert!(column_refusal(&format!("x\n{word}\n"), "x").ends_with("not a finite number"));
        }
    }

    #[test]
    fn what_is_missing_is_refused_or_dropped() {
        for word in [
            "", "NA", "n/a", "#N/A", "nan", "NaN", "null", "NULL", "None", ".", "-",
        ] {
            let text = format!("t,y\n0,1\n1,{word}\n2,{word}\n");
            let said = column_refusal(&text, "y");
            assert!(
                said.contains("data.csv:3") && said.contains("2 of 3 rows"),
                "{said}"
            );
            let options = TableOptions::default().missing(Missing::Drop);
            let table = options.from_reader(text.as_bytes(), "data.csv").unwrap();
            let seen = table.observed("y").unwrap();
            assert!(
                seen[0] == 1.0 && seen[1].is_nan() && seen[2].is_nan(),
                "{word}"
            );
            assert_eq!((table.missing_in("y"), table.missing_in("t")), (2, 0));
            assert!(table.column("y").is_err() && table.observed("t").is_ok());
            let rows = table.complete_rows(["t", "y"].into_iter()).unwrap();
            assert_eq!(rows.as_deref(), Some(&[0][..]));
            let less = table.only(&[0]);
            assert_eq!(
                (less.column("y").unwrap(), less.line(0)),
                (&[1.0][..], Some(2))
            );
            assert_eq!(table.only(&[0, 2]).missing_in("y"), 1);
        }
        // A word that says something else is no missing number, wherever it stands.
        let text = "y\nNA\nlow\n";
        assert!(column_refusal(text, "y").contains("3: column `y`: `low` is not a number"));
        let none = TableOptions::default().missing(Missing::Drop);
        let none = none.from_reader("t,y\n1,\n".as_bytes(), "d").unwrap();
        let error = none.complete_rows(["t", "y"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("no row is left") && error.to_string().contains("`y`"));
        let gaps = [1.0, f64::NAN];
        let columns = || [("y", &gaps[..])];
        assert!(Table::from_columns(columns()).is_err());
        let table = TableOptions::default()
            .missing(Missing::Drop)
            .from_columns(columns());
        assert_eq!(table.unwrap().missing_in("y"), 1);
    }

    #[test]
    fn other_ways_of_writing_are_read() {
        type Edit = fn(TableOptions) -> TableOptions;
        let cases: [(&str, Edit); 6] = [
            ("t;y\n0;1,5\n-1;2e0\n", |o| o.decimal(',')),
            ("t\ty\n0\t1.5\n-1\t2\n", |o| o.separator('\t')),
            ("# made by a meter\nt,y\n0,1.5\n#,\n-1,2\n", |o| {
                o.comment('#')
            }),
            ("  t   y\n  0 1.5\n -1\t2  \n", |o| o.separator(' ')),
            ("t|y\n0|1.5\n-1|2\n", |o| o.separator('|')),
            ("t,\"y\"\n0,1.5\n-1,2\n", |o| o),
        ];
        for (text, edit) in cases {
            let options = edit(TableOptions::default());
            let table = options.from_reader(text.as_bytes(), "d").expect(text);
            assert_eq!(table.column("t").expect(text), [0.0, -1.0], "{text}");
            assert_eq!(table.column("y").expect(text), [1.5, 2.0], "{text}");
        }
        let commented = "#one\n\n# two\nt\n\n#three\n5\n";
        let options = TableOptions::default().comment('#');
        let table = options.from_reader(commented.as_bytes(), "d").unwrap();
        assert_eq!(table.line(0), Some(7));
        // The smallest file that gzip makes of `x\n1\n`.
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, b"x\n1\n").unwrap();
        let mut bytes = gz.finish().unwrap();
        let table = Table::from_reader(&bytes[..], "x.csv.gz").unwrap();
        assert_eq!(table.column("x").unwrap(), [1.0]);
        bytes.truncate(12);
        let error = Table::from_reader(&bytes[..], "x.csv.gz").unwrap_err();
        assert!(matches!(error, TableError::Unreadable { .. }), "{error}");
        for odd in [
            TableOptions::default().separator('5'),
            TableOptions::default().separator('é'),
            TableOptions::default().separator('"'),
            TableOptions::default().decimal(';'),
            TableOptions::default().decimal(',').separator(','),
            TableOptions::default().comment(','),
        ] {
            let error = odd.from_reader("x\n1\n".as_bytes(), "d").unwrap_err();
            assert!(matches!(error, TableError::Options { .. }), "{error}");
        }
    }

    #[test]
    fn wrong_separators_and_decimal_marks_are_recognized() {
        let said = column_refusal("t;y\n0;1\n1;2\n", "y");
        assert_eq!(
            said,
            "data.csv: no column `y`; cells look parted by semicolons: try --sep ';'"
        );
        let said = refusal(b"t;y\n0;1,5\n1;2,5\n");
        assert_eq!(
            said,
            "data.csv:2: 2 cells where there is 1 column; cells look parted by semicolons: try \
             --sep ';' --decimal ,"
        );
        assert!(column_refusal("t\ty\n0\t1\n", "y").ends_with("try --sep tab"));
        assert!(column_refusal("t  y\n0 1\n", "y").ends_with("try --sep space"));
        assert!(refusal(b"t,y\n0,5,1,5\n").contains("--decimal ,"));
        let said = refusal(b"# made by hand\nt,y\n0,5\n");
        assert!(
            said.ends_with("looks like a comment: try --comment '#'"),
            "{said}"
        );
        let said = refusal(b"PK\x03\x04\x14\0\x06\0rest");
        assert!(
            said.contains("a zip archive") && said.contains("CSV"),
            "{said}"
        );
        let options = TableOptions::default().separator(';');
        let table = options.from_reader("t;y\n0;1,5\n".as_bytes(), "d").unwrap();
        let said = table.column("y").unwrap_err().to_string();
        assert!(said.contains("`1,5` is not a number; decimal commas? read them with --decimal ,"));
        let table = options
            .decimal(',')
            .from_reader("t;y\n0;1.5\n".as_bytes(), "d")
            .unwrap();
        let said = table.column("y").unwrap_err().to_string();
        assert!(
            said.contains("decimal points: leave out --decimal"),
            "{said}"
        );
    }

    #[test]
    fn a_missing_column_hints_at_the_nearest() {
        let text = "year,hare,lynx\n1,2,3\n";
        assert_eq!(
            column_refusal(text, "Hares"),
            "data.csv: no column `Hares`; did you mean `hare`?"
        );
        assert_eq!(
            column_refusal("Time (s),Y\n1,2\n", "time"),
            "data.csv: no column `time`; did you mean `|Time (s)|`?"
        );
        assert!(column_refusal("a,Y\n1,2\n", "y").ends_with("did you mean `Y`?"));
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
            "data.csv:2: 1 cell where there are 2 columns"
        );
        assert_eq!(
            refusal(b"a,b\n1,2\n\xff,3\n"),
            "data.csv:3: not UTF-8 text; if it is LATIN1, `iconv -f LATIN1 -t UTF-8` converts it"
        );
        assert!(refusal(b"\xff\xfea\0\n\0").contains("iconv -f UTF-16"));
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
        assert!(matches!(directory, TableError::Directory { .. }));
    }
}
