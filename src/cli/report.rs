//! What people see: reports with a caret, tables, numbers with a number of digits.
//!
//! Errors, warnings and rows go in; text goes to standard output or standard error.
//!
//! **Invariants**
//! - Control characters of a program never reach the terminal.
//! - Colors appear on a terminal only, and not where `NO_COLOR` is set.

use super::cautions::Caution;
use crate::error::{Call, CalledModel};
use crate::graph::NcgError;
use crate::machine::assembly::AssemblyError;
use crate::model::Error;
use crate::model::render::{self, NamedText, Severity, header, printable, snippet};
use crate::source::Span;
use crate::syntax::ExpandError;
use crate::walk::output::Unwritten;
use crate::walk::{Monitored, Output};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

pub(super) use crate::fit::warnings::significant;

/// How many cautions are told.
const CAUTIONS: usize = 20;

/// A program's text and what it is called in reports.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
}

impl Source {
    /// The text that a compiled program was made of.
    pub(super) fn of_compiled(file: &str, text: Arc<str>) -> Self {
        let name = format!("{COMPILED}{file}>");
        Self { name, text }
    }

    fn named(&self) -> NamedText<'_> {
        let (name, text) = (&self.name, &self.text);
        NamedText { name, text }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        match self.name.strip_prefix(COMPILED) {
            Some(name) => name.trim_end_matches('>'),
            None => &self.name,
        }
    }
}

/// What the names of texts begin with that stand inside `.ncg` files.
const COMPILED: &str = "<program of ";

/// Why a command does not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// A program is at fault.
    Program(Box<Fault>),
    /// A file or other data are at fault.
    Data(String),
    /// The arguments are at fault.
    Usage(String),
    /// Nobody reads the output any more.
    ClosedPipe,
    /// Ctrl-C ended it, and what there was to tell is told.
    Interrupted,
}

/// What is wrong with a program, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Option<&'static str>,
    pub(super) message: String,
    pub(super) span: Option<Span>,
    pub(super) calls: Vec<Call>,
    /// The model that the place is in, where it is not in the text.
    pub(super) model: Option<CalledModel>,
    /// What to do about it.
    pub(super) help: Option<String>,
    /// What else is wrong with its syntax.
    pub(super) also: Vec<ExpandError>,
    /// What else may go wrong, where that was not told before.
    pub(super) cautions: Vec<Caution>,
    pub(super) source: Source,
}

impl Failure {
    /// A program's failure, with its text.
    pub(super) fn of(source: &Source) -> impl Fn(Error) -> Self {
        move |error| {
            Self::Program(Box::new(Fault {
                kind: Some(error.kind().name()),
                message: error.to_string(),
                span: error.span(),
                calls: error.calls().to_vec(),
                model: error.model().cloned(),
                help: None,
                also: error.also().to_vec(),
                cautions: Vec::new(),
                source: source.clone(),
            }))
        }
    }

    /// The failure of a text of assembly.
    pub(super) fn assembly(source: Source, error: AssemblyError) -> Self {
        Self::Program(Box::new(Fault {
            kind: None,
            message: error.message,
            span: Some(error.span),
            calls: Vec::new(),
            model: None,
            help: None,
            also: Vec::new(),
            cautions: Vec::new(),
            source,
        }))
    }

    /// The same with what else may go wrong.
    pub(super) fn with_cautions(mut self, cautions: Vec<Caution>) -> Self {
        if let Self::Program(fault) = &mut self {
            fault.cautions = cautions;
        }
        self
    }

    /// The failure of an `.ncg` file, with its name.
    pub(super) fn file(path: &Path, error: &NcgError) -> Self {
        Self::Data(match error {
            NcgError::Io { .. } => error.to_string(),
            error => format!("{}: {error}", path.display()),
        })
    }
}

impl Fault {
    fn render(&self, colors: bool) -> String {
        let fault = render::Fault {
            kind: self.kind,
            message: &self.message,
            span: self.span,
            help: self.help.as_deref(),
            calls: &self.calls,
            model: self.model.as_ref(),
        };
        let mut out = render::render(&fault, self.source.named(), colors);
        render::also(&self.also, self.source.named(), colors, &mut out);
        out.push_str(&with_snippets(&self.cautions, &self.source, colors));
        out
    }
}

impl From<io::Error> for Failure {
    /// What writing to standard output can meet.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Data(format!("standard output cannot be written: {error}")),
        }
    }
}

/// Writes data to standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A value as a line, unless it is longer than so many bytes.
pub(super) fn scheme(value: &Output, most: usize) -> Result<String, Unwritten> {
    let mut out = String::new();
    value.write_scheme(&mut out, most)?;
    out.push('\n');
    Ok(out)
}

/// Writes a line to standard error.
pub(super) fn note(message: &str) {
    to_stderr(&format!("{}\n", printable(message)));
}

/// Tells of a failure.
pub(super) fn failure(failure: &Failure) {
    match failure {
        Failure::Program(fault) => to_stderr(&fault.render(has_colors())),
        Failure::Data(message) | Failure::Usage(message) => {
            let mut out = String::new();
            header(Severity::Error, None, message, has_colors(), &mut out);
            to_stderr(&out);
        }
        Failure::ClosedPipe | Failure::Interrupted => {}
    }
}

/// Tells of cautions.
pub(super) fn cautions(cautions: &[Caution], source: &Source) {
    to_stderr(&with_snippets(cautions, source, has_colors()));
}

fn with_snippets(cautions: &[Caution], source: &Source, colors: bool) -> String {
    let mut out = String::new();
    for caution in cautions.iter().take(CAUTIONS) {
        header(Severity::Warning, None, &caution.message, colors, &mut out);
        if let Some(span) = caution.span {
            snippet(Severity::Warning, source.named(), span, colors, &mut out);
        }
        if let Some(help) = &caution.help {
            let _ = writeln!(out, "  {}", printable(help));
        }
    }
    if cautions.len() > CAUTIONS {
        let more = format!("and {} more", cautions.len() - CAUTIONS);
        header(Severity::Warning, None, &more, colors, &mut out);
    }
    out
}

/// Tells of cautions after a run, but for what its error says anyway: that gets their help.
pub(super) fn outcome<T>(
    result: Result<T, Error>,
    mut cautions: Vec<Caution>,
    source: &Source,
) -> Result<T, Failure> {
    let error = match result {
        Ok(value) => {
            self::cautions(&cautions, source);
            return Ok(value);
        }
        Err(error) => error,
    };
    if let Error::Eval(error) = &error {
        monitored(&error.monitored);
    }
    let mut help = None;
    cautions.retain_mut(|caution| {
        let said = caution.is_said_by(&error);
        if said {
            help = help.take().or_else(|| caution.help.take());
        }
        !said
    });
    self::cautions(&cautions, source);
    let mut failure = Failure::of(source)(error);
    if let Failure::Program(fault) = &mut failure {
        fault.help = help;
    }
    Err(failure)
}

/// Tells of one thing that has no place in a text.
pub(super) fn warn(message: &str) {
    let mut out = String::new();
    header(Severity::Warning, None, message, has_colors(), &mut out);
    to_stderr(&out);
}

/// Tells what monitors were given.
pub(super) fn monitored(monitored: &[Monitored]) {
    for one in monitored {
        note(&one.to_string());
    }
}

/// Writes lines to standard error, beside the result.
pub(super) fn aside(text: &str) {
    to_stderr(text);
}

/// What cannot be told on standard error cannot be told at all.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

pub(super) fn has_colors() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !dumb
}

/// Rows in columns: the first flush left, the others flush right.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let header = header.iter().map(|&cell| cell.to_owned()).collect();
    let mut out = String::new();
    for row in std::iter::once(&header).chain(rows) {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 {
                write!(out, "{cell:<width$}")
            } else {
                write!(out, "  {cell:>width$}")
            };
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_from_the_first_that_is_not_zero() {
        assert_eq!(significant(1234.5678, 6), "1234.57");
        assert_eq!(significant(9.9996, 4), "10.00");
        assert_eq!(significant(0.000_012_345_67, 6), "0.0000123457");
        assert_eq!(significant(1.5e-8, 3), "1.50e-8");
        assert_eq!(significant(-123_456_789.0, 6), "-1.23457e8");
        assert_eq!(significant(0.0, 3), "0.00");
        assert_eq!(significant(f64::NEG_INFINITY, 3), "-inf");
    }
}
