//! Tables of files: how they are written, and their columns as inputs, as a program declares them.
//!
//! Arguments, a program's text and a file go in; a table comes out, or its columns are bound to names,
//! and what is wrong with either is told at its place.
//!
//! **Invariants**
//! - A column is bound where the program has a use for it and no input of its name is given.
//! - Columns are what they are in a fit of series: lists, and matrices where `data-matrix` says so.

use super::report::{Failure, Fault, Source};
use crate::fit::{FitError, Missing, Table, TableError, TableOptions, columns_used};
use crate::syntax::Goal;
use crate::{Bindings, Interpreter};
use clap::{Args, ValueEnum};
use std::path::Path;

/// How a table is written.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Data")]
pub(super) struct TableArgs {
    /// What parts the cells of the data: one character, or `tab`, or `space` for any blanks; a comma
    /// unless given, a semicolon with --decimal ,
    #[arg(long, value_name = "CHAR", value_parser = separator)]
    sep: Option<char>,

    /// What parts the digits of the data's numbers, a point or a comma
    #[arg(long, value_name = "CHAR", value_parser = one_character)]
    decimal: Option<char>,

    /// Skip lines of the data that begin with this character
    #[arg(long, value_name = "CHAR", value_parser = one_character)]
    comment: Option<char>,

    /// What to do where a number is missing (an empty cell, NA, nan, null, `.`): refuse the column, or
    /// drop it: each observed column then does without its own, and a row that misses an input is
    /// left out
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = MissingArg::Refuse)]
    missing: MissingArg,
}

/// What to do where a number is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum MissingArg {
    #[default]
    Refuse,
    Drop,
}

impl TableArgs {
    /// What the arguments say.
    pub(super) fn options(&self) -> TableOptions {
        let options = TableOptions::default().missing(match self.missing {
            MissingArg::Refuse => Missing::Refuse,
            MissingArg::Drop => Missing::Drop,
        });
        let with =
            |options, sign: Option<char>, set: fn(TableOptions, char) -> TableOptions| match sign {
                Some(sign) => set(options, sign),
                None => options,
            };
        let options = with(options, self.sep, TableOptions::separator);
        let options = with(options, self.decimal, TableOptions::decimal);
        with(options, self.comment, TableOptions::comment)
    }

    /// Reads a table; `-` is standard input.
    pub(super) fn read(&self, path: &Path) -> Result<Table<'static>, Failure> {
        let options = self.options();
        let table = if path == Path::new("-") {
            options.from_reader(std::io::stdin().lock(), "standard input")
        } else {
            options.read(path)
        };
        table.map_err(|error| refused(&error))
    }
}

fn separator(argument: &str) -> Result<char, String> {
    match argument {
        "tab" | "\\t" => Ok('\t'),
        "space" => Ok(' '),
        "comma" => Ok(','),
        "semicolon" => Ok(';'),
        other => one_character(other).map_err(|said| format!("{said}, `tab` or `space`")),
    }
}

fn one_character(argument: &str) -> Result<char, String> {
    let mut all = argument.chars();
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        _ => Err("give one character".to_owned()),
    }
}

/// Reads a table that is written as most are.
pub(super) fn table(path: &Path) -> Result<Table<'static>, Failure> {
    TableArgs::default().read(path)
}

fn refused(error: &TableError) -> Failure {
    if let TableError::Options { message } = error {
        return Failure::Usage(message.clone());
    }
    Failure::Data(match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

/// Binds the columns of a file that a program has a use for, where no input of the name is given.
pub(super) fn bind_columns(
    bindings: &mut Bindings,
    path: &Path,
    interpreter: &Interpreter,
    source: &Source,
) -> Result<(), Failure> {
    let table = table(path)?;
    let program = interpreter
        .expand(&source.text, &[], Goal::Value)
        .map_err(Failure::of(source))?;
    if program.observations().iter().any(|other| other.by_row) {
        let message = "the model predicts row by row; instead of --data, give the numbers of one \
                       row with --input";
        return Err(Failure::Data(format!("{}: {message}", source.file())));
    }
    let columns = columns_used(&program, &table).map_err(|error| failure(&error, source))?;
    for name in columns.names() {
        if bindings.get(name).is_none()
            && let Some(column) = columns.get(name)
        {
            bindings.set(name, column.clone());
        }
    }
    Ok(())
}

/// Columns as CSV text, a name and then numbers; what is missing or not finite is `NA`.
pub(super) fn csv_text(columns: &[(String, &[f64])]) -> Result<String, Failure> {
    let failed = |error: csv::Error| Failure::Data(format!("the table cannot be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = columns.iter().map(|(name, _)| name.as_str());
    writer.write_record(names).map_err(failed)?;
    let rows = columns.iter().map(|(_, numbers)| numbers.len()).max();
    for row in 0..rows.unwrap_or(0) {
        let cells = columns.iter().map(|(_, numbers)| {
            let number = numbers.get(row).filter(|x| x.is_finite());
            number.map_or_else(|| "NA".to_owned(), |x| format!("{x:?}"))
        });
        writer.write_record(cells).map_err(failed)?;
    }
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// What is wrong, at its place in the program if it has one.
pub(super) fn failure(error: &FitError, source: &Source) -> Failure {
    if let Some(error) = error.program_error() {
        return Failure::of(source)(error.clone());
    }
    match error.span() {
        Some(span) => Failure::Program(Box::new(Fault {
            kind: None,
            message: error.to_string(),
            span: Some(span),
            calls: Vec::new(),
            model: None,
            help: None,
            also: Vec::new(),
            cautions: Vec::new(),
            source: source.clone(),
        })),
        None => Failure::Data(error.to_string()),
    }
}
