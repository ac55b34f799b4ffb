//! Errors as people see them: what and where, with a caret under it, and the calls under way.
//!
//! An error and the program's text go in; text for a terminal or a page comes out.
//!
//! **Invariants**
//! - Lines and columns are those of [`crate::source`], whatever line ends the text has.
//! - Control characters of a program are never shown as they are.
//!
//! ```text
//! error[type]: `car` of a number; it needs a pair
//!    ╭─[ <program>:1:1 ]
//!    │
//!  1 │ (car 1)
//!    │ ───┬───
//!    │    ╰───── here
//! ───╯
//! ```

use super::error::Error;
use crate::error::{Call, CalledModel};
use crate::source::{Span, line_ends};
use crate::syntax::ExpandError;
use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Of lines longer than this a part is shown.
const LONGEST_LINE: usize = 500;

/// How many characters are shown of such a line on each side of where something is wrong.
const AROUND: usize = 60;

/// Of forms of more bytes the first line is shown.
const LONGEST_FORM: usize = 1 << 14;

/// How many of the calls under way are told.
const CALLS: usize = 12;

/// An error as the command line shows it, for [`Display`](fmt::Display); see [`Error::render`] and
/// [`FitError::render`](crate::fit::FitError::render).
#[derive(Clone, Debug)]
pub struct Rendered<'a> {
    kind: Option<&'static str>,
    message: String,
    span: Option<Span>,
    calls: &'a [Call],
    also: &'a [ExpandError],
    /// The model that the place is in, where it is not in the text.
    model: Option<&'a CalledModel>,
    text: NamedText<'a>,
    colors: bool,
}

impl Error {
    /// The error as the command line shows it: kind and message, the place in `text`, which is the
    /// program's, and the calls under way; then what else is wrong with its syntax, likewise.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Workspace};
    ///
    /// let text = "(car 1)";
    /// let model = Interpreter::embedded().model(text)?;
    /// let error = model.value(&Bindings::new(), &mut Workspace::new()).unwrap_err();
    /// let shown = error.render(text).named("model.scm").to_string();
    /// assert!(shown.starts_with("error[type]: "));
    /// assert!(shown.contains("model.scm:1:1"));
    /// let red = error.render(text).colored(true).to_string();
    /// assert!(red.starts_with("\x1b[1;31merror[type]\x1b[0m: "));
    /// # Ok::<(), dmci::Error>(())
    /// ```
    pub fn render<'a>(&'a self, text: &'a str) -> Rendered<'a> {
        Rendered {
            kind: Some(self.kind().name()),
            span: self.span(),
            calls: self.calls(),
            also: self.also(),
            model: self.model(),
            ..Rendered::plain(self.to_string(), text)
        }
    }
}

impl<'a> Rendered<'a> {
    fn plain(message: String, text: &'a str) -> Self {
        let name = "<program>";
        Self {
            kind: None,
            message,
            span: None,
            calls: &[],
            also: &[],
            model: None,
            text: NamedText { name, text },
            colors: false,
        }
    }

    /// What has no kind, at a place of the text or at none.
    pub(crate) fn of(message: String, span: Option<Span>, text: &'a str) -> Self {
        let plain = Self::plain(message, text);
        Self { span, ..plain }
    }

    /// The same with another name for the text, such as a file's; it is `<program>` otherwise.
    #[must_use]
    pub fn named(mut self, name: &'a str) -> Self {
        self.text.name = name;
        self
    }

    /// The same with or without the escapes that color a terminal; without, unless this is called.
    #[must_use]
    pub fn colored(mut self, colors: bool) -> Self {
        self.colors = colors;
        self
    }
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = Fault {
            kind: self.kind,
            message: &self.message,
            span: self.span,
            help: None,
            calls: self.calls,
            model: self.model,
        };
        let mut out = render(&fault, self.text, self.colors);
        also(self.also, self.text, self.colors, &mut out);
        f.write_str(&out)
    }
}

/// Further mistakes, one after the other.
pub(crate) fn also(mistakes: &[ExpandError], text: NamedText<'_>, colors: bool, out: &mut String) {
    for mistake in mistakes {
        let fault = Fault {
            kind: Some(mistake.kind.name()),
            message: &mistake.message,
            span: Some(mistake.span),
            help: None,
            calls: &[],
            model: None,
        };
        out.push_str(&render(&fault, text, colors));
    }
}

/// A program's text and what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedText<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// What is wrong with a program, and where.
pub(crate) struct Fault<'a> {
    pub(crate) kind: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) span: Option<Span>,
    /// What to do about it.
    pub(crate) help: Option<&'a str>,
    pub(crate) calls: &'a [Call],
    /// The model that the place is in, where it is not in the program's text.
    pub(crate) model: Option<&'a CalledModel>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "only the command line shows warnings")
    )]
    Warning,
}

/// A fault as people see it: what and where, and the calls under way.
pub(crate) fn render(fault: &Fault<'_>, text: NamedText<'_>, colors: bool) -> String {
    let mut out = String::new();
    header(Severity::Error, fault.kind, fault.message, colors, &mut out);
    if let Some(span) = fault.span {
        let name = fault.model.map(|model| format!("<model {}>", model.name));
        let text = match (fault.model, &name) {
            (Some(CalledModel { text, .. }), Some(name)) => NamedText { name, text },
            _ => text,
        };
        snippet(Severity::Error, text, span, colors, &mut out);
    }
    if let Some(help) = fault.help {
        let _ = writeln!(out, "  {}", printable(help));
    }
    for call in fault.calls.iter().take(CALLS) {
        let name = printable(&call.name);
        let model = call
            .model
            .as_ref()
            .map(|model| format!(" of the model `{model}`"));
        let model = model.unwrap_or_default();
        let position = call.position;
        let _ = writeln!(
            out,
            "  in `{name}`, called at {position}{}",
            printable(&model)
        );
    }
    if fault.calls.len() > CALLS {
        let more = fault.calls.len() - CALLS;
        let _ = writeln!(out, "  … and {more} calls or more around these");
    }
    out
}

/// `error[type]: message`.
pub(crate) fn header(
    severity: Severity,
    kind: Option<&str>,
    message: &str,
    colors: bool,
    out: &mut String,
) {
    let (word, color) = match severity {
        Severity::Error => ("error", "\x1b[1;31m"),
        Severity::Warning => ("warning", "\x1b[1;33m"),
    };
    let kind = kind.map_or(String::new(), |kind| format!("[{kind}]"));
    let (on, off) = if colors { (color, "\x1b[0m") } else { ("", "") };
    let _ = writeln!(out, "{on}{word}{kind}{off}: {}", printable(message));
}

/// The lines of a span with a caret under it.
pub(crate) fn snippet(
    severity: Severity,
    of: NamedText<'_>,
    span: Span,
    colors: bool,
    out: &mut String,
) {
    let range = fitted(span, of.text);
    let lines = of.text[range.clone()].contains('\n');
    let range = if range.len() > LONGEST_FORM {
        let first = of.text[range.clone()].find('\n');
        range.start..first.map_or(range.end, |at| range.start + at)
    } else {
        range
    };
    // The lines that it stands on are all that is looked at.
    let (start, end) = lines_of(of.text, &range);
    if is_too_long(&of.text[start..end]) {
        let position = span.position(of.text);
        let _ = writeln!(out, "  at {}:{position}", printable(of.name));
        window(&of.text[start..end], range.start - start, out);
        return;
    }
    let before = line_ends(&of.text.as_bytes()[..start]);
    // The drawing numbers lines as they stand in what it is given: those before are there, empty. Where
    // they are very many, the place above the drawing has to do.
    let (empty, offset) = match before {
        0..=EMPTY_LINES => (before, 0),
        _ => (0, before),
    };
    let mut text = "\n".repeat(empty);
    text.push_str(&displayed(&of.text[start..end]));
    let range = range.start - start + empty..range.end - start + empty;
    let (kind, color) = match severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default()
        .with_color(colors)
        .with_index_type(IndexType::Byte)
        .with_tab_width(8);
    let name = printable(of.name);
    let label = Label::new((&*name, range.clone()))
        .with_message(if lines { "this form" } else { "here" })
        .with_color(color);
    let report = Report::build(kind, (&*name, range))
        .with_config(config)
        .with_label(label)
        .finish();
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let source = ariadne::Source::from(&*text).with_display_line_offset(offset);
    let _ = report.write((&*name, source), &mut bytes);
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

/// How many lines are left empty before those that are drawn.
const EMPTY_LINES: usize = 100_000;

/// Where the lines of a range begin, and where the last one ends.
fn lines_of(text: &str, range: &std::ops::Range<usize>) -> (usize, usize) {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n');
    let end = end.map_or(text.len(), |at| range.end + at);
    // What ends a line is no part of it.
    let is_pair = text[end..].starts_with('\n') && text[range.end..end].ends_with('\r');
    (start, end - usize::from(is_pair))
}

fn is_too_long(lines: &str) -> bool {
    lines.lines().any(|line| line.len() > LONGEST_LINE)
}

/// What stands around a place of a long line, with a caret under it.
fn window(lines: &str, at: usize, out: &mut String) {
    let line = lines.lines().next().unwrap_or_default();
    let at = line.floor_char_boundary(at);
    let visible = |c: char| match c {
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
        c => c,
    };
    let mut before: Vec<char> = line[..at].chars().rev().take(AROUND + 1).collect();
    let cut = before.len() > AROUND;
    before.truncate(AROUND);
    let mut after = line[at..].chars();
    let shown: String = before.iter().rev().copied().map(visible).collect();
    let rest: String = after.by_ref().take(AROUND).map(visible).collect();
    let (left, right) = (
        if cut { "…" } else { "" },
        if after.next().is_some() { "…" } else { "" },
    );
    let column = left.chars().count() + before.len();
    let _ = writeln!(out, "    {left}{shown}{rest}{right}");
    let _ = writeln!(out, "    {:column$}^", "");
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
pub(crate) fn printable(message: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, part: &str) -> String {
        let source = NamedText {
            name: "p.scm",
            text,
        };
        let start = text.find(part).unwrap() as u32;
        let span = Span::new(start, start + part.len() as u32);
        let position = span.position(text);
        let mut out = String::new();
        snippet(Severity::Error, source, span, false, &mut out);
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
                let source = NamedText {
                    name: "p\u{7}.scm",
                    text,
                };
                let mut out = String::new();
                let span = Span::new(start, end);
                snippet(Severity::Warning, source, span, false, &mut out);
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
    fn of_long_lines_a_window_is_shown() {
        let text = format!(
            "(f)\n(f {} (g){})",
            "1 ".repeat(LONGEST_LINE),
            " 2".repeat(1_000_000)
        );
        let source = NamedText {
            name: "p.scm",
            text: &text,
        };
        let mut out = String::new();
        snippet(Severity::Error, source, Span::new(4, 6), false, &mut out);
        let ones = format!("(f {}…", "1 ".repeat(28) + "1");
        assert_eq!(out, format!("  at p.scm:2:1\n    {ones}\n    ^\n"));
        let place = text.find("(g)").unwrap() as u32;
        let span = Span::new(place, place + 3);
        out.clear();
        snippet(Severity::Error, source, span, false, &mut out);
        let mut lines = out.lines();
        assert_eq!(lines.next(), Some("  at p.scm:2:1005"));
        let (shown, caret) = (lines.next().unwrap(), lines.next().unwrap());
        let column = caret.chars().position(|c| c == '^').unwrap();
        assert!(
            shown
                .chars()
                .skip(column)
                .collect::<String>()
                .starts_with("(g) 2 2")
        );
        assert!(
            shown.starts_with("    … 1 1") && shown.ends_with("2 …"),
            "{shown}"
        );
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn of_large_forms_the_first_line_is_shown() {
        let text = format!("(f)\n(g\n{})", "1\n".repeat(LONGEST_FORM));
        let source = NamedText {
            name: "p.scm",
            text: &text,
        };
        let mut out = String::new();
        let span = Span::new(4, text.len() as u32);
        snippet(Severity::Error, source, span, false, &mut out);
        assert!(out.contains("p.scm:2:1 ]") && out.contains("(g"), "{out}");
        assert!(out.lines().count() < 8, "{out}");
    }
}
