//! What people see: reports with a caret, tables, numbers with a number of digits.
//!
//! Errors, warnings and rows go in; text goes to standard output or standard error.
//!
//! **Invariants**
//! - Lines and columns are those of [`crate::source`], whatever line ends the text has.
//! - Control characters of a program never reach the terminal.
//! - Colors appear on a terminal only, and not where `NO_COLOR` is set.
//!
//! ```text
//! error[type]: `car` of a number; it needs a pair
//!    ╭─[ <expression>:1:1 ]
//!    │
//!  1 │ (car 1)
//!    │ ───┬───
//!    │    ╰───── here
//! ───╯
//! ```

use super::cautions::Caution;
use crate::error::Call;
use crate::graph::NcgError;
use crate::model::Error;
use crate::source::Span;
use crate::walk::Monitored;
use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Lines longer than this are not shown.
const LONGEST_LINE: usize = 500;

/// How many of the calls under way are told.
const CALLS: usize = 12;

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
}

/// What is wrong with a program, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Option<&'static str>,
    pub(super) message: String,
    pub(super) span: Option<Span>,
    pub(super) calls: Vec<Call>,
    /// What to do about it.
    pub(super) help: Option<String>,
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
                help: None,
                source: source.clone(),
            }))
        }
    }

    /// The failure of an `.ncg` file, with its name.
    pub(super) fn file(path: &Path, error: &NcgError) -> Self {
        Self::Data(match error {
            NcgError::Io { .. } => error.to_string(),
            error => format!("{}: {error}", path.display()),
        })
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

/// Writes a line to standard error.
pub(super) fn note(message: &str) {
    to_stderr(&format!("{}\n", printable(message)));
}

/// Tells of a failure.
pub(super) fn failure(failure: &Failure) {
    match failure {
        Failure::Program(fault) => to_stderr(&render(fault, has_colors())),
        Failure::Data(message) | Failure::Usage(message) => {
            let mut out = String::new();
            header(Severity::Error, None, message, has_colors(), &mut out);
            to_stderr(&out);
        }
        Failure::ClosedPipe => {}
    }
}

/// Tells of cautions.
pub(super) fn cautions(cautions: &[Caution], source: &Source) {
    let colors = has_colors();
    let mut out = String::new();
    for caution in cautions.iter().take(CAUTIONS) {
        header(Severity::Warning, None, &caution.message, colors, &mut out);
        if let Some(span) = caution.span {
            snippet(Severity::Warning, source, span, colors, &mut out);
        }
        if let Some(help) = &caution.help {
            let _ = writeln!(out, "  {}", printable(help));
        }
    }
    if cautions.len() > CAUTIONS {
        let more = format!("and {} more", cautions.len() - CAUTIONS);
        header(Severity::Warning, None, &more, colors, &mut out);
    }
    to_stderr(&out);
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

fn has_colors() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !dumb
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

/// A fault as people see it: what and where, and the calls under way.
fn render(fault: &Fault, colors: bool) -> String {
    let mut out = String::new();
    header(
        Severity::Error,
        fault.kind,
        &fault.message,
        colors,
        &mut out,
    );
    if let Some(span) = fault.span {
        snippet(Severity::Error, &fault.source, span, colors, &mut out);
    }
    if let Some(help) = &fault.help {
        let _ = writeln!(out, "  {}", printable(help));
    }
    for call in fault.calls.iter().take(CALLS) {
        let name = printable(&call.name);
        let _ = writeln!(out, "  in `{name}`, called at {}", call.position);
    }
    if fault.calls.len() > CALLS {
        let more = fault.calls.len() - CALLS;
        let _ = writeln!(out, "  … and {more} calls or more around these");
    }
    out
}

/// `error[type]: message`.
fn header(severity: Severity, kind: Option<&str>, message: &str, colors: bool, out: &mut String) {
    let (word, color) = match severity {
        Severity::Error => ("error", "\x1b[1;31m"),
        Severity::Warning => ("warning", "\x1b[1;33m"),
    };
    let kind = kind.map_or(String::new(), |kind| format!("[{kind}]"));
    let (on, off) = if colors { (color, "\x1b[0m") } else { ("", "") };
    let _ = writeln!(out, "{on}{word}{kind}{off}: {}", printable(message));
}

/// The lines of a span with a caret under it.
fn snippet(severity: Severity, source: &Source, span: Span, colors: bool, out: &mut String) {
    let text = displayed(&source.text);
    let range = fitted(span, &text);
    if too_long(&text, range.clone()) {
        let position = span.position(&source.text);
        let _ = writeln!(out, "  at {}:{position}", printable(&source.name));
        return;
    }
    let (kind, color) = match severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default()
        .with_color(colors)
        .with_index_type(IndexType::Byte)
        .with_tab_width(8);
    let name = printable(&source.name);
    let lines = text[range.clone()].contains('\n');
    let label = Label::new((&*name, range.clone()))
        .with_message(if lines { "this form" } else { "here" })
        .with_color(color);
    let report = Report::build(kind, (&*name, range))
        .with_config(config)
        .with_label(label)
        .finish();
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = report.write((&*name, ariadne::Source::from(&*text)), &mut bytes);
    let drawing = String::from_utf8_lossy(&bytes);
    // The first line is the report's own header, for which ours stands.
    let drawing = drawing.split_once('\n').map_or("", |(_, rest)| rest);
    out.push_str(drawing);
}

/// A span as a range of characters that lie in the text, one at least where there is one.
fn fitted(span: Span, text: &str) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.ceil_char_boundary((span.end as usize).min(text.len()));
    start..end.max(start)
}

fn too_long(text: &str, range: std::ops::Range<usize>) -> bool {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..]
        .find('\n')
        .map_or(text.len(), |at| range.end + at);
    text[start..end]
        .lines()
        .any(|line| line.len() > LONGEST_LINE)
}

/// A program's text as it can be shown: the same bytes in the same lines, but for control
/// characters and for what the drawing would take for the end of a line.
fn displayed(text: &str) -> Cow<'_, str> {
    let mut chars = text.char_indices();
    let keeps = |(at, c): (usize, char)| match c {
        '\n' | '\t' => true,
        '\r' => text[at + 1..].starts_with('\n'),
        '\u{2028}' | '\u{2029}' => false,
        c => !c.is_control(),
    };
    if chars.all(keeps) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        // What stands in for a character has as many bytes, so that offsets stay right.
        shown.push_str(match c.len_utf8() {
            _ if keeps((at, c)) => &text[at..at + c.len_utf8()],
            1 => "?",
            2 => "·",
            _ => "␤",
        });
    }
    Cow::Owned(shown)
}

/// A message without control characters, which are written as escapes.
fn printable(message: &str) -> Cow<'_, str> {
    if !message.chars().any(char::is_control) {
        return Cow::Borrowed(message);
    }
    let mut shown = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
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

/// A number with so many significant digits, in scientific notation where it is large or small.
pub(super) fn significant(x: f64, digits: u8) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan".into()
        } else {
            format!("{x}")
        };
    }
    let places = usize::from(digits - 1);
    let scientific = format!("{x:.places$e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse().ok());
    // Of the rounded number: 9.9996 with four digits is 10.00.
    let exponent: i32 = exponent.unwrap_or(0);
    if (-5..i32::from(digits)).contains(&exponent) {
        let decimals = (i32::from(digits) - 1 - exponent) as usize;
        return format!("{x:.decimals$}");
    }
    scientific
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, part: &str) -> String {
        let source = Source {
            name: "p.scm".into(),
            text: text.into(),
        };
        let start = text.find(part).unwrap() as u32;
        let span = Span::new(start, start + part.len() as u32);
        let position = span.position(text);
        let mut out = String::new();
        snippet(Severity::Error, &source, span, false, &mut out);
        assert!(out.contains(&format!("p.scm:{position} ]")), "{out}");
        out
    }

    #[test]
    fn places_are_right_with_any_line_ends_and_characters() {
        drawn("(f\r\n\t(g \"é\u{2028}ü\") (h 1))", "(h 1)");
        drawn("(f \"\u{b}\u{c}\u{85}\r\" x)", "x");
        drawn("; \u{1b}[31m\n(λ\n  y)", "y");
        let out = drawn("\t(g x)", "(g x)");
        let lines: Vec<&str> = out.lines().collect();
        let column = |line: &str, c| line.chars().position(|other| other == c);
        assert_eq!(column(lines[2], '('), column(lines[3], '─'), "{out}");
    }

    #[test]
    fn any_span_of_any_text_can_be_drawn() {
        let text = "\u{feff}(é\r\n\t\u{1b}日\r(\u{2028})\n\n\u{301}x\u{0}";
        for start in 0..=text.len() as u32 + 1 {
            for end in start..=text.len() as u32 + 1 {
                let source = Source {
                    name: "p\u{7}.scm".into(),
                    text: text.into(),
                };
                let mut out = String::new();
                let span = Span::new(start, end);
                snippet(Severity::Warning, &source, span, false, &mut out);
                let unwanted = |c: char| c.is_control() && c != '\n';
                assert!(!out.contains(unwanted), "{out:?}");
            }
        }
    }

    #[test]
    fn control_characters_are_not_sent_to_the_terminal() {
        let out = drawn("(car \"\u{1b}[31m\")", "(car");
        assert!(!out.contains('\u{1b}'));
        assert_eq!(printable("a\u{1b}b\n"), "a\\u{1b}b\\n");
    }

    #[test]
    fn long_lines_are_named_but_not_shown() {
        let text = format!("(f {} (g))", "1 ".repeat(LONGEST_LINE));
        let source = Source {
            name: "p.scm".into(),
            text: text.as_str().into(),
        };
        let mut out = String::new();
        snippet(Severity::Error, &source, Span::new(0, 2), false, &mut out);
        assert_eq!(out, "  at p.scm:1:1\n");
    }

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
