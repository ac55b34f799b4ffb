//! How a file looks as if it were written: what to say of a wrong separator or decimal mark.
//!
//! A text goes in with how it was read; the options that would read it come out, if it looks otherwise.
//!
//! **Invariants**
//! - Nothing here changes how a file is read: what is seen is said beside an error that is there anyway.

use std::fmt;

/// How a file is written.
pub(super) struct Form {
    /// What parts cells; a space for any blanks.
    pub(super) separator: u8,
    /// A point or a comma.
    pub(super) decimal: char,
    /// What lines begin with that are skipped.
    pub(super) comment: Option<u8>,
}

/// How a file looks as if it were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What seems to part cells, where that is another character than was said.
    pub(super) separator: Option<char>,
    /// Whether numbers seem to have decimal commas; or points, where commas were said.
    pub(super) decimal: Option<char>,
    /// What seems to begin a comment, where the line of names is one.
    pub(super) comment: Option<char>,
}

/// What begins a comment in files of other programs.
const COMMENTS: [char; 2] = ['#', '%'];

/// What may part cells, as likely as they stand here.
const SEPARATORS: [char; 5] = [';', '\t', '|', ',', ' '];

/// How many lines are looked at.
const LOOKED_AT: usize = 8;

/// What parts the cells of a text, if it is not what was said.
pub(super) fn of_text(text: &str, form: &Form) -> Option<Seen> {
    let is_comment = |line: &&str| {
        let first = line.bytes().next();
        first.is_none() || (first == form.comment && form.comment.is_some())
    };
    let lines = text.lines().map(str::trim).filter(|line| !is_comment(line));
    let lines: Vec<&str> = lines.take(LOOKED_AT).collect();
    let (header, rows) = lines.split_first()?;
    let said = char::from(form.separator);
    let others = SEPARATORS.into_iter().filter(|&other| other != said);
    let separator = others.into_iter().find(|&other| {
        let count = cells(header, other).count();
        count > 1 && !rows.is_empty() && rows.iter().all(|row| cells(row, other).count() == count)
    })?;
    let mut numbers = rows.iter().flat_map(|row| cells(row, separator));
    let has_commas = separator != ',' && numbers.any(|cell| has_decimal(cell, ','));
    Some(Seen {
        separator: Some(separator),
        decimal: (has_commas && form.decimal != ',').then_some(','),
        comment: None,
    })
}

/// What begins the first line, where that looks like a comment and was not said to be one.
pub(super) fn of_comment(text: &str, form: &Form) -> Option<Seen> {
    let first = text.trim_start().chars().next()?;
    let is_said = form.comment.is_some_and(|said| char::from(said) == first);
    (COMMENTS.contains(&first) && !is_said).then_some(Seen {
        separator: None,
        decimal: None,
        comment: Some(first),
    })
}

/// What is to be said of rows of twice as many cells as names, where commas part them.
pub(super) fn of_doubled(found: usize, expected: usize, form: &Form) -> Option<Seen> {
    (form.separator == b',' && found == 2 * expected).then_some(Seen {
        separator: None,
        decimal: Some(','),
        comment: None,
    })
}

/// The decimal mark of a cell that is no number as it was read.
pub(super) fn of_number(cell: &str, form: &Form) -> Option<Seen> {
    let other = if form.decimal == ',' { '.' } else { ',' };
    has_decimal(cell, other).then_some(Seen {
        separator: None,
        decimal: Some(other),
        comment: None,
    })
}

fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
    line.split(separator)
        .map(str::trim)
        .filter(move |cell| separator != ' ' || !cell.is_empty())
}

/// Whether a cell is a number with such a decimal mark.
fn has_decimal(cell: &str, decimal: char) -> bool {
    let parts = cell.trim().split_once(decimal);
    parts.is_some_and(|(whole, part)| {
        !part.contains(['.', ',']) && format!("{whole}.{part}").parse::<f64>().is_ok()
    })
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(comment) = self.comment {
            return write!(
                f,
                "; the first line looks like a comment: try --comment '{comment}'"
            );
        }
        let (what, flag) = match self.separator {
            Some(';') => ("cells look parted by semicolons", "--sep ';'"),
            Some('\t') => ("cells look parted by tabs", "--sep tab"),
            Some('|') => ("cells look parted by bars", "--sep '|'"),
            Some(' ') => ("cells look parted by spaces", "--sep space"),
            Some(_) => ("cells look parted by commas", "--sep ,"),
            None if self.decimal == Some(',') => {
                return f.write_str(
                    "; decimal commas? read them with --decimal , (cells are then parted by \
                     semicolons, or as --sep says)",
                );
            }
            None => return f.write_str("; the numbers have decimal points: leave out --decimal"),
        };
        let and = match self.decimal {
            Some(',') => " --decimal ,",
            _ => "",
        };
        write!(f, "; {what}: try {flag}{and}")
    }
}
