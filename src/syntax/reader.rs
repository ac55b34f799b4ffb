//! The reader: program text to data.
//!
//! A program's text and a symbol table go in; [`Data`] with the span of every datum come out, or
//! the first [`ReadError`] with the place to point at.
//!
//! **Invariants**
//! - Time and memory are linear in the text; the machine stack does not grow with nesting.
//! - No text panics. Nesting past [`ReadOptions::max_depth`] is refused, quotes included.
//! - What is a number by R7RS is never a symbol; what nearly is one (`1+`, `-`, `...`) is a symbol.
//! - Decimals are rounded once, to the nearest.
//!
//! ```text
//! '(1 . [2.5 #t]) ; text   =>   List([quote, Dotted([Int 1], Bracket([Float 2.5, Bool true]))])
//! ```

use super::chars::{is_invisible, named_char};
use super::datum::{Data, Datum, DatumId};
use super::number::{number, prefixed_number};
use super::unread::{ReadError, ReadErrorKind as Kind, fault};
use crate::meter::{Meter, Overrun};
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use std::borrow::Cow;

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadOptions {
    /// How deep lists, quotes and datum comments may nest.
    pub(crate) max_depth: u32,
    /// Whether symbols spelled with a leading `%` are reserved names: for bootstrap files only.
    pub(crate) reserved: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_depth: 10_000,
            reserved: false,
        }
    }
}

/// Reads all data of a text.
///
/// # Errors
/// The first fault of the text; a text without any datum is one.
pub(crate) fn read(
    text: &str,
    symbols: &mut Symbols,
    options: ReadOptions,
) -> Result<Data, ReadError> {
    read_within(text, symbols, options, &Meter::default())
}

/// The same within limits; what the data hold is added to what the meter knows of.
///
/// # Errors
/// As [`read`], and when a limit is met.
pub(crate) fn read_within(
    text: &str,
    symbols: &mut Symbols,
    options: ReadOptions,
    meter: &Meter,
) -> Result<Data, ReadError> {
    // The text is kept, and whoever brought it has it besides, and the line that it came in.
    meter
        .text(text)
        .and_then(|()| meter.hold(3 * text.len()))
        .map_err(|overrun| over(overrun, Span::default()))?;
    if text.len() > MAX_TEXT {
        let message = format!("a text of {} bytes; the limit is {MAX_TEXT}", text.len());
        return Err(fault(Kind::TooLong, Span::default(), message));
    }
    let mut reader = Reader {
        text,
        at: 0,
        bytes_before: symbols.bytes(),
        symbols,
        options,
        meter,
        data: Data::with_room(text.len()),
        open: Vec::with_capacity(16),
        pending: Vec::with_capacity(32),
    };
    reader.skip_prologue();
    loop {
        let before = reader.at;
        let more = reader.datum()?;
        // Long tokens take their length.
        reader.step(1 + (reader.at - before) / TOKEN)?;
        if !more {
            return reader.finish();
        }
    }
}

/// Bytes of a token that are a step.
const TOKEN: usize = 64;

fn over(overrun: Overrun, span: Span) -> ReadError {
    fault(Kind::Limit, span, overrun.to_string())
}

/// Two nodes a byte at most (a quote mark gives a list and a symbol) still fit in 32 bits.
const MAX_TEXT: usize = 1 << 31;

/// What waits for a datum.
#[derive(Clone, Copy)]
enum Opener {
    Paren,
    Bracket,
    /// `#(`
    Numbers,
    /// A quote mark, which stands for this symbol.
    Mark(Sym),
    /// `#;`, which drops its datum.
    Skip,
}

#[derive(Clone, Copy)]
struct Open {
    opener: Opener,
    span: Span,
    /// Where its items begin in [`Reader::pending`].
    first: usize,
    /// A dot, and how many data were pending there.
    dot: Option<(Span, usize)>,
}

struct Reader<'t, 's> {
    text: &'t str,
    at: usize,
    symbols: &'s mut Symbols,
    /// What the symbols held before.
    bytes_before: usize,
    options: ReadOptions,
    meter: &'s Meter,
    data: Data,
    open: Vec<Open>,
    /// The items of all open lists, the innermost's last.
    pending: Vec<DatumId>,
}

impl<'t> Reader<'t, '_> {
    /// Counts steps, and looks at the limits now and then.
    #[inline]
    fn step(&self, steps: usize) -> Result<(), ReadError> {
        if self.meter.is_due(steps) {
            let checked = self.meter.check(self.bytes());
            return checked.map_err(|overrun| over(overrun, self.ahead(0)));
        }
        Ok(())
    }

    /// What has been made of the text so far.
    fn bytes(&self) -> usize {
        let pending = size_of_val(&self.pending[..]) + size_of_val(&self.open[..]);
        self.data.bytes() + pending + self.symbols.bytes() - self.bytes_before
    }

    fn skip_prologue(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        if self.rest().starts_with("#!") {
            self.skip_line();
        }
    }

    /// Reads one opening, closing or atom; false at the end of the text.
    fn datum(&mut self) -> Result<bool, ReadError> {
        self.skip_blank()?;
        let Some(byte) = self.byte(0) else {
            return Ok(false);
        };
        match byte {
            b'(' => self.open(Opener::Paren, 1)?,
            b'[' => self.open(Opener::Bracket, 1)?,
            b')' | b']' => self.close(byte)?,
            b'{' | b'}' => {
                let message = format!(
                    "`{}` is not in the language; write a parenthesis or bracket",
                    byte as char
                );
                return Err(fault(Kind::Stray, self.ahead(1), message));
            }
            b'\'' => self.mark("quote", 1)?,
            b'`' => self.mark("quasiquote", 1)?,
            b',' if self.byte(1) == Some(b'@') => self.mark("unquote-splicing", 2)?,
            b',' => self.mark("unquote", 1)?,
            b'"' => {
                let start = self.at;
                let text = self.quoted(b'"')?;
                self.atom(Datum::String(&text), start)?;
            }
            b'|' => {
                let start = self.at;
                let name = self.quoted(b'|')?;
                let sym = self.symbols.intern(&name);
                self.atom(Datum::Symbol(sym), start)?;
            }
            b'#' => self.hash()?,
            _ => self.word()?,
        }
        Ok(true)
    }

    fn finish(self) -> Result<Data, ReadError> {
        if let Some(open) = self.open.last() {
            return Err(match open.opener {
                Opener::Paren => fault(Kind::Unclosed, open.span, "`(` is never closed; add `)`"),
                Opener::Bracket => fault(Kind::Unclosed, open.span, "`[` is never closed; add `]`"),
                Opener::Numbers => {
                    fault(Kind::Unclosed, open.span, "`#(` is never closed; add `)`")
                }
                Opener::Mark(_) | Opener::Skip => self.dangling(open),
            });
        }
        if self.data.roots().is_empty() {
            return Err(fault(
                Kind::Empty,
                Span::default(),
                "an empty program; write an expression",
            ));
        }
        let held = self.meter.hold(self.bytes());
        held.map_err(|overrun| over(overrun, Span::default()))?;
        Ok(self.data)
    }

    // Nesting.

    fn open(&mut self, opener: Opener, len: usize) -> Result<(), ReadError> {
        let span = self.ahead(len);
        if self.open.len() >= self.options.max_depth as usize {
            let limit = self.options.max_depth;
            let message = format!("nesting deeper than {limit}; define the inner parts by name");
            return Err(fault(Kind::TooDeep, span, message));
        }
        self.at += len;
        self.open.push(Open {
            opener,
            span,
            first: self.pending.len(),
            dot: None,
        });
        Ok(())
    }

    fn mark(&mut self, name: &str, len: usize) -> Result<(), ReadError> {
        let sym = self.symbols.intern(name);
        self.open(Opener::Mark(sym), len)
    }

    fn close(&mut self, byte: u8) -> Result<(), ReadError> {
        let span = self.ahead(1);
        let Some(open) = self.open.last().copied() else {
            let message = format!("`{}` closes nothing; remove it", byte as char);
            return Err(fault(Kind::Stray, span, message));
        };
        let (opening, closing) = match open.opener {
            Opener::Paren | Opener::Numbers => ('(', ')'),
            Opener::Bracket => ('[', ']'),
            Opener::Mark(_) | Opener::Skip => return Err(self.dangling(&open)),
        };
        if byte as char != closing {
            let message = format!(
                "`{}` cannot close the `{opening}` at {}; write `{closing}`",
                byte as char,
                open.span.position(self.text)
            );
            return Err(fault(Kind::Mismatched, span, message));
        }
        if matches!(open.opener, Opener::Numbers) {
            return self.close_numbers(&open);
        }
        let items = &self.pending[open.first..];
        let datum = match (open.opener, open.dot) {
            (Opener::Bracket, _) => Datum::Bracket(items),
            (_, None) => Datum::List(items),
            (_, Some((dot, before))) => {
                let (items, tail) = items.split_at(before - open.first);
                let &[tail] = tail else {
                    let message = "no datum after the dot; write one, or remove the dot";
                    return Err(fault(Kind::Dot, dot, message));
                };
                Datum::Dotted(items, tail)
            }
        };
        self.at += 1;
        let span = Span::new(open.span.start, self.at as u32);
        let id = self.data.push(datum, span);
        self.pending.truncate(open.first);
        self.open.pop();
        self.deliver(id)
    }

    /// The end of `#(1 2 3)`.
    fn close_numbers(&mut self, open: &Open) -> Result<(), ReadError> {
        let items = self.pending.split_off(open.first);
        let mut numbers = Vec::with_capacity(items.len());
        for &item in &items {
            match self.data.get(item) {
                Datum::Int(value) | Datum::Float(value) => numbers.push(value),
                _ => {
                    let message = "`#(…)` is a vector of numbers; write `[a b]` for computed ones, and a \
                                   list for other data";
                    return Err(fault(Kind::BadLiteral, self.data.span(item), message));
                }
            }
        }
        self.at += 1;
        let span = Span::new(open.span.start, self.at as u32);
        if numbers.is_empty() {
            let message = "a vector has one number or more; `'()` is the empty list";
            return Err(fault(Kind::BadLiteral, span, message));
        }
        let id = self.data.push(Datum::Numbers(&numbers), span);
        self.open.pop();
        self.deliver(id)
    }

    /// Hands a finished datum to what waits for it.
    fn deliver(&mut self, mut id: DatumId) -> Result<(), ReadError> {
        while let Some(open) = self.open.last() {
            match open.opener {
                Opener::Paren | Opener::Bracket | Opener::Numbers => {
                    if let Some((dot, before)) = open.dot
                        && self.pending.len() > before
                    {
                        let message = "more than one datum after the dot; close the list after one";
                        return Err(fault(Kind::Dot, dot, message));
                    }
                    self.pending.push(id);
                    return Ok(());
                }
                Opener::Mark(sym) => {
                    let mark = open.span;
                    let whole = Span::new(mark.start, self.at as u32);
                    let symbol = self.data.push(Datum::Symbol(sym), mark);
                    id = self.data.push(Datum::List(&[symbol, id]), whole);
                    self.open.pop();
                }
                Opener::Skip => {
                    self.open.pop();
                    return Ok(());
                }
            }
        }
        self.data.push_root(id);
        Ok(())
    }

    fn atom(&mut self, datum: Datum<'_>, start: usize) -> Result<(), ReadError> {
        let id = self
            .data
            .push(datum, Span::new(start as u32, self.at as u32));
        self.deliver(id)
    }

    fn dot(&mut self) -> Result<(), ReadError> {
        let span = self.ahead(1);
        let message = match self.open.last_mut() {
            Some(open) if matches!(open.opener, Opener::Paren) => {
                if open.dot.is_some() {
                    "a second dot in one list; remove it"
                } else if self.pending.len() == open.first {
                    "no datum before the dot; write one, or remove the dot"
                } else {
                    open.dot = Some((span, self.pending.len()));
                    self.at += 1;
                    return Ok(());
                }
            }
            _ => "a dot outside a list in parentheses; remove it",
        };
        Err(fault(Kind::Dot, span, message))
    }

    fn dangling(&self, open: &Open) -> ReadError {
        let mark = open.span.text(self.text);
        let message = format!("no datum after `{mark}`; write one, or remove the `{mark}`");
        fault(Kind::Dangling, open.span, message)
    }

    // Blanks.

    /// Skips whitespace, line comments and block comments.
    fn skip_blank(&mut self) -> Result<(), ReadError> {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t'..=b'\r' => self.at += 1,
                b';' => self.skip_line(),
                b'#' if self.byte(1) == Some(b'|') => self.skip_block()?,
                0x80.. => match self.rest().chars().next() {
                    Some(c) if c.is_whitespace() => self.at += c.len_utf8(),
                    _ => break,
                },
                _ => break,
            }
        }
        Ok(())
    }

    fn skip_line(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
        self.at += len.unwrap_or(rest.len());
    }

    fn skip_block(&mut self) -> Result<(), ReadError> {
        let opener = self.ahead(2);
        let mut depth = 0_usize;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'#', Some(b'|')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'|', Some(b'#')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        let message = "`#|` is never closed; add `|#`";
        Err(fault(Kind::UnclosedComment, opener, message))
    }

    // Atoms.

    /// A number, a symbol or a dot.
    fn word(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        let word = self.plain_word()?;
        if word == "." {
            return self.dot();
        }
        let number = number(word).map_err(|message| self.bad_literal(word, &message))?;
        let datum = number.unwrap_or_else(|| {
            Datum::Symbol(if self.options.reserved && word.starts_with('%') {
                self.symbols.reserve(word)
            } else {
                self.symbols.intern(word)
            })
        });
        self.at += word.len();
        self.atom(datum, start)
    }

    /// What begins with `#`, block comments excepted.
    fn hash(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        match self.byte(1) {
            Some(b';') => return self.open(Opener::Skip, 2),
            Some(b'\\') => return self.character(),
            Some(b'(') => return self.open(Opener::Numbers, 2),
            _ => {}
        }
        let word = &self.rest()[..word_len(self.rest()).0];
        let datum = match word {
            "#t" | "#true" => Datum::Bool(true),
            "#f" | "#false" => Datum::Bool(false),
            _ => match prefixed_number(word) {
                Ok(Some(number)) => number,
                Ok(None) => {
                    let message = "is no literal; those with `#` are `#t`, `#f`, `#\\a` and `#x1F`";
                    return Err(self.bad_literal(word, message));
                }
                Err(message) => return Err(self.bad_literal(word, &message)),
            },
        };
        self.at += word.len();
        self.atom(datum, start)
    }

    fn character(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        let Some(first) = self.text[start + 2..].chars().next() else {
            let message = "names no character; write `#\\space` for a blank";
            return Err(self.bad_literal("#\\", message));
        };
        // The first character counts even where it is a delimiter.
        let after = start + 2 + first.len_utf8();
        let end = after + word_len(&self.text[after..]).0;
        let name = &self.text[start + 2..end];
        let value = if end == after {
            Some(first)
        } else if let Some(hex) = name.strip_prefix('x') {
            scalar(hex)
        } else {
            named_char(name)
        };
        let Some(value) = value else {
            let message = "names no character; known names are `#\\space`, `#\\newline`, `#\\x41`";
            return Err(self.bad_literal(&self.text[start..end], message));
        };
        self.at = end;
        self.atom(Datum::Char(value), start)
    }

    /// A string or a symbol between bars: what stands between the two `quote`s.
    fn quoted(&mut self, quote: u8) -> Result<Cow<'t, str>, ReadError> {
        let text = self.text;
        let start = self.at;
        let symbol = quote == b'|';
        let mut value = Cow::Borrowed("");
        self.at += 1;
        loop {
            let plain = self.at;
            while let Some(byte) = self.byte(0)
                && !matches!(byte, b'\\' | b'\r')
                && byte != quote
            {
                self.at += 1;
            }
            // All four ends are ASCII, so the slice is at character borders.
            push_text(&mut value, &text[plain..self.at]);
            match self.byte(0) {
                Some(b'\\') if self.at + 1 < text.len() => {
                    self.step(1)?;
                    let escape = self.escape(symbol);
                    let part = escape.map_err(|len| {
                        let end = (self.at + len).min(text.len());
                        let escape = excerpt(&text[self.at..end]);
                        let what = if symbol { "symbol" } else { "string" };
                        let message =
                            format!("`{escape}` in a {what} is no escape; write `\\\\` for `\\`");
                        let span = Span::new(start as u32, end as u32);
                        fault(Kind::BadLiteral, span, message)
                    })?;
                    if let Some(c) = part {
                        value.to_mut().push(c);
                    }
                }
                // Any line end in a string is one newline.
                Some(b'\r') => {
                    self.step(1)?;
                    self.at += if self.byte(1) == Some(b'\n') { 2 } else { 1 };
                    value.to_mut().push('\n');
                }
                Some(byte) if byte == quote => break,
                _ => {
                    let span = Span::new(start as u32, start as u32 + 1);
                    let (kind, message) = if symbol {
                        let message = "`|` is never closed; add `|` at the end of the symbol";
                        (Kind::UnclosedSymbol, message)
                    } else {
                        let message = "a string is never closed; add `\"`";
                        (Kind::UnclosedString, message)
                    };
                    return Err(fault(kind, span, message));
                }
            }
        }
        self.at += 1;
        if symbol && let Some(c) = value.chars().find(|&c| is_refused(c)) {
            let message = format!("U+{:04X} in a symbol; remove it", c as u32);
            let span = Span::new(start as u32, self.at as u32);
            return Err(fault(Kind::BadSymbol, span, message));
        }
        Ok(value)
    }

    /// Reads the escape at the cursor: a character, or none for a continued line. A bad one gives
    /// the length of its text.
    fn escape(&mut self, symbol: bool) -> Result<Option<char>, usize> {
        let rest = &self.rest()[1..];
        let first = rest.chars().next().ok_or(1_usize)?;
        let (c, len) = match first {
            'n' => ('\n', 1),
            't' => ('\t', 1),
            'r' => ('\r', 1),
            'a' => ('\x07', 1),
            'b' => ('\x08', 1),
            '"' | '\\' | '|' => (first, 1),
            'x' | 'X' => {
                let digits = rest[1..].bytes().take_while(u8::is_ascii_hexdigit).count();
                let closed = rest.as_bytes().get(1 + digits) == Some(&b';');
                let c = scalar(&rest[1..=digits]).filter(|_| closed);
                (c.ok_or(2 + digits)?, digits + 2)
            }
            _ => {
                let len = continued_line(rest).filter(|_| !symbol);
                self.at += 1 + len.ok_or(1 + first.len_utf8())?;
                return Ok(None);
            }
        };
        self.at += 1 + len;
        Ok(Some(c))
    }

    // Text.

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// The span of the next `len` bytes.
    fn ahead(&self, len: usize) -> Span {
        Span::new(self.at as u32, (self.at + len) as u32)
    }

    /// The text up to the next delimiter.
    fn plain_word(&self) -> Result<&'t str, ReadError> {
        let (len, refused) = word_len(self.rest());
        let word = &self.rest()[..len];
        // `x#;y` would silently be `x#` and a comment to the end of the line.
        let joined = word.ends_with('#') && matches!(self.byte(len), Some(b';' | b'|' | b'('));
        let Some((offset, c)) = refused.or(joined.then_some((len.saturating_sub(1), '#'))) else {
            return Ok(word);
        };
        let message = if is_invisible(c) {
            format!("U+{:04X} in a symbol; remove it", c as u32)
        } else {
            let word = excerpt(word);
            format!("`{c}` inside `{word}`; put a space before it, or the name between bars")
        };
        let at = (self.at + offset) as u32;
        let span = Span::new(at, at + c.len_utf8() as u32);
        Err(fault(Kind::BadSymbol, span, message))
    }

    fn bad_literal(&self, word: &str, message: &str) -> ReadError {
        let message = format!("`{}` {message}", excerpt(word));
        fault(Kind::BadLiteral, self.ahead(word.len()), message)
    }
}

// Words.

/// What a byte is within a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Delimiter,
    Refused,
    /// Part of a character past ASCII, which has to be looked at.
    Wide,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t'..=b'\r' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b';' | b'|' => {
                Class::Delimiter
            }
            0..b' ' | 0x7f | b'\'' | b'`' | b',' | b'\\' => Class::Refused,
            0x80.. => Class::Wide,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// How many bytes come before the first delimiter, and the first character that has no place there.
fn word_len(text: &str) -> (usize, Option<(usize, char)>) {
    let bytes = text.as_bytes();
    let mut len = 0;
    let mut refused = None;
    while let Some(&byte) = bytes.get(len) {
        match CLASSES[usize::from(byte)] {
            Class::Plain => len += 1,
            Class::Delimiter => break,
            Class::Refused => {
                refused.get_or_insert((len, char::from(byte)));
                len += 1;
            }
            Class::Wide => {
                let Some(c) = text[len..].chars().next() else {
                    break;
                };
                if c.is_whitespace() {
                    break;
                }
                if is_refused(c) {
                    refused.get_or_insert((len, c));
                }
                len += c.len_utf8();
            }
        }
    }
    (len, refused)
}

/// Whether a character may not be in a symbol, not even between bars: invisible, though no blank.
fn is_refused(c: char) -> bool {
    is_invisible(c) && (c.is_control() || !c.is_whitespace())
}

/// Whether a name reads as a symbol without bars.
pub(super) fn is_plain_symbol(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && !name.starts_with('#')
        && word_len(name) == (name.len(), None)
        && matches!(number(name), Ok(None))
}

/// Makes a text fit a message.
fn excerpt(text: &str) -> String {
    let visible = |c| if is_refused(c) { '\u{fffd}' } else { c };
    let mut excerpt: String = text.chars().take(40).map(visible).collect();
    if text.chars().nth(40).is_some() {
        excerpt.push('…');
    }
    excerpt
}

fn push_text<'t>(value: &mut Cow<'t, str>, text: &'t str) {
    if value.is_empty() {
        *value = Cow::Borrowed(text);
    } else if !text.is_empty() {
        value.to_mut().push_str(text);
    }
}

/// The length of blanks, a line end and blanks, which `\` in a string skips.
fn continued_line(text: &str) -> Option<usize> {
    let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let before = blanks(text);
    let rest = &text[before..];
    let end = ["\r\n", "\n", "\r"]
        .iter()
        .find(|end| rest.starts_with(**end))?;
    Some(before + end.len() + blanks(&rest[end.len()..]))
}

/// The character with the given code in hexadecimal digits.
fn scalar(hex: &str) -> Option<char> {
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(hex, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_text(text: &str) -> Result<(Data, Symbols), ReadError> {
        let mut symbols = Symbols::new();
        read(text, &mut symbols, ReadOptions::default()).map(|data| (data, symbols))
    }

    /// Reads and prints.
    fn printed(text: &str) -> String {
        let (data, symbols) = read_text(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let mut out = String::new();
        for (i, &root) in data.roots().iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            data.write(root, &symbols, &mut out);
        }
        out
    }

    /// The one datum of a text without lists.
    fn atom(text: &str) -> Datum<'static> {
        let (data, _) = read_text(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let &[root] = data.roots() else {
            panic!("{text:?} is not one datum")
        };
        match data.get(root) {
            Datum::Bool(v) => Datum::Bool(v),
            Datum::Int(v) => Datum::Int(v),
            Datum::Float(v) => Datum::Float(v),
            Datum::Char(v) => Datum::Char(v),
            Datum::Symbol(v) => Datum::Symbol(v),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    fn string(text: &str) -> String {
        let (data, _) = read_text(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        match data.get(data.roots()[0]) {
            Datum::String(value) => value.into(),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn errors_point_where_the_corpus_says() {
        for (text, kind, line, column) in [
            ("", Kind::Empty, 1, 1),
            ("; nothing here\n", Kind::Empty, 1, 1),
            ("\n#;x", Kind::Empty, 1, 1),
            ("(+ 1 2", Kind::Unclosed, 1, 1),
            ("(+ 1 (* 2 3)", Kind::Unclosed, 1, 1),
            ("(+ 1 [2 3", Kind::Unclosed, 1, 6),
            ("(a . b", Kind::Unclosed, 1, 1),
            ("(a 'b '(c", Kind::Unclosed, 1, 8),
            (")", Kind::Stray, 1, 1),
            ("(+ 1\n   2))\n3", Kind::Stray, 2, 6),
            ("(f {x})", Kind::Stray, 1, 4),
            ("(list [1 2)", Kind::Mismatched, 1, 11),
            ("(list 1 2]", Kind::Mismatched, 1, 10),
            ("'", Kind::Dangling, 1, 1),
            ("(a ')", Kind::Dangling, 1, 4),
            ("(a ,@)", Kind::Dangling, 1, 4),
            ("1 #; ; end", Kind::Dangling, 1, 3),
            ("(a #;)", Kind::Dangling, 1, 4),
            ("(a #; '", Kind::Dangling, 1, 7),
            (".", Kind::Dot, 1, 1),
            ("(. a)", Kind::Dot, 1, 2),
            ("(a .)", Kind::Dot, 1, 4),
            ("(a . b c)", Kind::Dot, 1, 4),
            ("(a . b . c)", Kind::Dot, 1, 8),
            ("[a . b]", Kind::Dot, 1, 4),
            ("(a '. b)", Kind::Dot, 1, 5),
            ("(a . #;b)", Kind::Dot, 1, 4),
            ("#q", Kind::BadLiteral, 1, 1),
            ("(+ 1 #zzz)", Kind::BadLiteral, 1, 6),
            ("(f #'g)", Kind::BadLiteral, 1, 4),
            ("(f #(1 a))", Kind::BadLiteral, 1, 8),
            ("(f #())", Kind::BadLiteral, 1, 4),
            ("#(1 . 2)", Kind::Dot, 1, 5),
            ("#(1 2]", Kind::Mismatched, 1, 6),
            ("#(1 2", Kind::Unclosed, 1, 1),
            ("(f #T)", Kind::BadLiteral, 1, 4),
            ("(f #\\nope)", Kind::BadLiteral, 1, 4),
            ("#\\", Kind::BadLiteral, 1, 1),
            ("#\\xD800", Kind::BadLiteral, 1, 1),
            ("(f \"a\\qb\")", Kind::BadLiteral, 1, 4),
            ("(f \"\\x41\")", Kind::BadLiteral, 1, 4),
            ("(f 1/0)", Kind::BadLiteral, 1, 4),
            ("(f 1+2i)", Kind::BadLiteral, 1, 4),
            ("(f -i)", Kind::BadLiteral, 1, 4),
            ("(f #xG)", Kind::BadLiteral, 1, 4),
            ("(f #x#b1)", Kind::BadLiteral, 1, 4),
            ("(f #e+inf.0)", Kind::BadLiteral, 1, 4),
            ("(list 1,2)", Kind::BadSymbol, 1, 8),
            ("(f x')", Kind::BadSymbol, 1, 5),
            ("(f x#;y)", Kind::BadSymbol, 1, 5),
            ("(f x#|y|#)", Kind::BadSymbol, 1, 5),
            ("(f a\0b)", Kind::BadSymbol, 1, 5),
            ("(f |a\nb|)", Kind::BadSymbol, 1, 4),
            ("(f a\u{200b}b)", Kind::BadSymbol, 1, 5),
            ("(list \"abc)", Kind::UnclosedString, 1, 7),
            ("\"\\", Kind::UnclosedString, 1, 1),
            ("(f |a)", Kind::UnclosedSymbol, 1, 4),
            ("1\n #| a #| b |#", Kind::UnclosedComment, 2, 2),
        ] {
            let error = read_text(text).unwrap_err();
            let position = error.span.position(text);
            let found = (error.kind, position.line, position.column);
            assert_eq!(found, (kind, line, column), "{text:?}: {error}");
        }
    }

    #[test]
    fn numbers_are_numbers() {
        for (text, value) in [
            ("42", 42.0),
            ("+7", 7.0),
            ("-0", 0.0),
            ("123456789012345678901", 123_456_789_012_345_678_901.0),
            ("#x1F", 31.0),
            ("#b-101", -5.0),
            ("#o17", 15.0),
            ("#d10", 10.0),
            ("#e1e3", 1000.0),
            ("#X#Eff", 255.0),
            ("#e#xff", 255.0),
        ] {
            let Datum::Int(found) = atom(text) else {
                panic!("{text} is no int")
            };
            assert_eq!(found.to_bits(), f64::to_bits(value), "{text}");
        }
        for (text, value) in [
            (".5", 0.5),
            ("2.", 2.0),
            ("-3.5e2", -350.0),
            ("1e-3", 0.001),
            ("1E5", 1e5),
            ("+.5e+1", 5.0),
            ("-0.0", -0.0),
            ("1/4", 0.25),
            ("-8/3", -8.0 / 3.0),
            ("4/2", 2.0),
            ("#i5", 5.0),
            ("#xF/2", 7.5),
            ("#e1.5", 1.5),
            ("0.1", 0.1),
            ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
            ("9007199254740993.0", 9_007_199_254_740_992.0),
            ("1e400", f64::INFINITY),
            ("+inf.0", f64::INFINITY),
            ("-inf.0", f64::NEG_INFINITY),
        ] {
            let Datum::Float(found) = atom(text) else {
                panic!("{text} is no float")
            };
            assert_eq!(found.to_bits(), value.to_bits(), "{text}");
        }
        for text in ["+nan.0", "-nan.0", "+NaN.0"] {
            assert!(
                matches!(atom(text), Datum::Float(v) if v.is_nan()),
                "{text}"
            );
        }
        let huge = "9".repeat(400);
        assert_eq!(read_text(&huge).unwrap_err().kind, Kind::BadLiteral);
    }

    #[test]
    fn what_nearly_is_a_number_is_a_symbol() {
        for text in [
            "+",
            "-",
            "...",
            "1+",
            "-1+",
            "->",
            "-x",
            "+.",
            "t-env",
            "a.b",
            ".b",
            "..",
            "<=?",
            "set!",
            "1/2/3",
            "1.2.3",
            "1e",
            "e1",
            "1e+",
            "/",
            "inf",
            "nan.0",
            "inf.0",
            "+inf",
            "0x10",
            "1_000",
            "a#",
            "a@b",
            "@",
            "λ",
            "%if",
            "-e1",
            "+5x-i",
            "infinity",
            "+infinity",
        ] {
            assert!(matches!(atom(text), Datum::Symbol(_)), "{text}");
            let print = if text == "%if" { "|%if|" } else { text };
            assert_eq!(printed(text), print);
        }
        assert_eq!(
            printed("|a b| || |1| |a\\|\\x41;| |.| |#t|"),
            "|a b| || |1| |a\\|A| |.| |#t|"
        );
        assert_eq!(printed("a|b|c"), "a b c");
        assert_eq!(printed("Aa aA"), "Aa aA");
    }

    #[test]
    fn characters_and_strings() {
        for (text, value) in [
            ("#\\a", 'a'),
            ("#\\space", ' '),
            ("#\\ ", ' '),
            ("#\\nul", '\0'),
            ("#\\null", '\0'),
            ("#\\escape", '\x1b'),
            ("#\\x", 'x'),
            ("#\\x41", 'A'),
            ("#\\x1F600", '😀'),
            ("#\\λ", 'λ'),
            ("#\\(", '('),
            ("#\\;", ';'),
            ("#\\#", '#'),
            ("#\\'", '\''),
        ] {
            assert_eq!(atom(text), Datum::Char(value), "{text}");
        }
        assert_eq!(printed("(#\\( #\\))(#\\a(b))"), "(#\\( #\\)) (#\\a (b))");
        for (text, value) in [
            (r#""""#, ""),
            (r#""a\"b\\c\|""#, "a\"b\\c|"),
            (r#""\n\t\r\a\b\x41;\x3bb;""#, "\n\t\r\x07\x08Aλ"),
            ("\"a\nb\"", "a\nb"),
            ("\"a\r\nb\rc\"", "a\nb\nc"),
            ("\"a \\  \n\t b\"", "a b"),
            ("\"a\\\r\n  b\"", "ab"),
            ("\"a\\\n\\\n\"", "a"),
            ("\"( ; #| λ\"", "( ; #| λ"),
        ] {
            assert_eq!(string(text), value, "{text}");
        }
    }

    #[test]
    fn blanks_and_comments_are_skipped() {
        for (text, print) in [
            ("; c\n(+ 1 ; in\r 2)\r\n#| b\n c |#", "(+ 1 2)"),
            ("#| a #| ( |# \" |#1", "1"),
            ("#|| |#1 #||#", "1"),
            ("(a #;(b c) d #;e)", "(a d)"),
            ("#;#;a b c", "c"),
            ("'#;a b", "(quote b)"),
            ("#;'a b", "b"),
            ("(a . #;b c #;d)", "(a . c)"),
            ("(a #;b . c)", "(a . c)"),
            ("\u{feff}#! /usr/bin/env dmci (\n1", "1"),
            ("#!x\r\n1", "1"),
            ("\u{a0}1\u{2003}2\x0c3", "1 2 3"),
            ("a;b\nc\"d\"e", "a c \"d\" e"),
        ] {
            assert_eq!(printed(text), print, "{text:?}");
        }
    }

    #[test]
    fn marks_and_lists_have_their_spans() {
        let text = " ('a `(b ,c\n ,@ [d 1.5]) . (x))";
        let (data, symbols) = read_text(text).unwrap();
        let mut found = Vec::new();
        let mut todo = data.roots().to_vec();
        while let Some(id) = todo.pop() {
            found.push(data.span(id).text(text));
            match data.get(id) {
                Datum::List(items) | Datum::Bracket(items) => todo.extend(items.iter().rev()),
                Datum::Dotted(items, tail) => {
                    todo.push(tail);
                    todo.extend(items.iter().rev());
                }
                _ => {}
            }
        }
        let splice = ",@ [d 1.5]";
        let quasi = "`(b ,c\n ,@ [d 1.5])";
        assert_eq!(
            found,
            [
                &text[1..],
                "'a",
                "'",
                "a",
                quasi,
                "`",
                &quasi[1..],
                "b",
                ",c",
                ",",
                "c",
                splice,
                ",@",
                "[d 1.5]",
                "d",
                "1.5",
                "(x)",
                "x"
            ]
        );
        let mut out = String::new();
        data.write(data.roots()[0], &symbols, &mut out);
        let print = "((quote a) (quasiquote (b (unquote c) (unquote-splicing [d 1.5]))) . (x))";
        assert_eq!(out, print);
    }

    #[test]
    fn reserved_names_are_for_who_asks() {
        let options = ReadOptions {
            reserved: true,
            ..ReadOptions::default()
        };
        let mut symbols = Symbols::new();
        let data = read("(%if |%if| if)", &mut symbols, options).unwrap();
        let Datum::List(items) = data.get(data.roots()[0]) else {
            panic!("no list")
        };
        let reserved: Vec<bool> = items
            .iter()
            .map(|&id| matches!(data.get(id), Datum::Symbol(sym) if symbols.is_reserved(sym)))
            .collect();
        assert_eq!(reserved, [true, false, false]);
        read("%if", &mut symbols, ReadOptions::default()).unwrap();
        assert_eq!(symbols.len(), 3);
    }

    #[test]
    fn nesting_past_the_limit_is_refused_where_it_passes() {
        let limit = ReadOptions::default().max_depth as usize;
        for (mark, len) in [
            ("(", 1),
            ("[", 1),
            ("'", 1),
            (",@", 2),
            ("#;", 2),
            ("'(", 1),
        ] {
            let error = read_text(&mark.repeat(1_000_000)).unwrap_err();
            assert_eq!(error.kind, Kind::TooDeep);
            assert_eq!(error.span.start as usize, limit * len, "{mark}");
            assert_eq!(error.span.end as usize, limit * len + len, "{mark}");
        }
        let nested = |n: usize| format!("{}{}", "(".repeat(n), ")".repeat(n));
        assert_eq!(printed(&nested(limit)), nested(limit));
        assert_eq!(
            read_text(&nested(limit + 1)).unwrap_err().kind,
            Kind::TooDeep
        );
        assert!(read_text(&format!("{}x", "'".repeat(limit))).is_ok());

        let deep = ReadOptions {
            max_depth: u32::MAX,
            ..ReadOptions::default()
        };
        let text = nested(1_000_000);
        let mut symbols = Symbols::new();
        let data = read(&text, &mut symbols, deep).unwrap();
        let mut out = String::new();
        data.write(data.roots()[0], &symbols, &mut out);
        assert_eq!(out, text);
        read(&format!("{}x", "'".repeat(1_000_000)), &mut symbols, deep).unwrap();
        drop(data.clone());
    }

    #[test]
    fn long_texts_take_linear_time() {
        let n = 1_000_000;
        for text in [
            format!("({})", "a 1 ".repeat(n)),
            "(a . b)".repeat(n),
            "'a ".repeat(n),
            format!("(a {})", "#;b ".repeat(n)),
            format!("#|{}|#1", "#||#".repeat(n)),
            format!("\"{}\"", "\\n\r".repeat(n)),
            "a".repeat(n),
            format!("1{}i", "-1".repeat(n)),
            format!("1{}i", "e-1".repeat(n)),
            format!("1@{}", "1@".repeat(n)),
            format!("0.{}", "1".repeat(n)),
        ] {
            assert!(read_text(&text).is_ok());
        }
        for text in ["#|", "#;", "1/ '", "a'", "\u{200b}", "(a . ", "\\"] {
            assert!(read_text(&text.repeat(n)).is_err());
        }
    }

    #[derive(Clone, Debug)]
    enum Tree {
        Bool(bool),
        Int(i64),
        Float(f64),
        Char(char),
        Symbol(String),
        String(String),
        List(Vec<Tree>),
        Dotted(Vec<Tree>, Box<Tree>),
        Bracket(Vec<Tree>),
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let name = "[ -~λ]{0,6}|[-+.0-9eEi/@xn%#]{1,8}|[-+](inf|nan)\\.0i?";
        let leaf = prop_oneof![
            any::<bool>().prop_map(Tree::Bool),
            any::<i64>().prop_map(Tree::Int),
            (-9_i64..9).prop_map(Tree::Int),
            any::<u64>().prop_map(|bits| Tree::Float(f64::from_bits(bits))),
            (-20_i32..20).prop_map(|n| Tree::Float(f64::from(n) / 4.0)),
            any::<char>().prop_map(Tree::Char),
            (0_u8..128).prop_map(|byte| Tree::Char(byte.into())),
            name.prop_map(Tree::Symbol),
            any::<String>().prop_map(Tree::String),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            let items = prop::collection::vec(inner.clone(), 0..8);
            let some = prop::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                items.clone().prop_map(Tree::List),
                (some, inner).prop_map(|(items, tail)| Tree::Dotted(items, tail.into())),
                items.prop_map(Tree::Bracket),
            ]
        })
    }

    fn push(tree: &Tree, data: &mut Data, symbols: &mut Symbols) -> DatumId {
        let span = Span::default();
        let mut all = |items: &[Tree], data: &mut Data| -> Vec<DatumId> {
            items.iter().map(|tree| push(tree, data, symbols)).collect()
        };
        match tree {
            Tree::Bool(value) => data.push(Datum::Bool(*value), span),
            Tree::Int(value) => data.push(Datum::Int(*value as f64), span),
            Tree::Float(value) => data.push(Datum::Float(*value), span),
            Tree::Char(value) => data.push(Datum::Char(*value), span),
            Tree::Symbol(name) => data.push(Datum::Symbol(symbols.intern(name)), span),
            Tree::String(text) => data.push(Datum::String(text), span),
            Tree::List(items) => {
                let items = all(items, data);
                data.push(Datum::List(&items), span)
            }
            Tree::Dotted(items, tail) => {
                let items = all(items, data);
                let tail = push(tail, data, symbols);
                data.push(Datum::Dotted(&items, tail), span)
            }
            Tree::Bracket(items) => {
                let items = all(items, data);
                data.push(Datum::Bracket(&items), span)
            }
        }
    }

    /// Whether two data are the same up to spans, floats to the bit (all NaN are one).
    fn same(a: (&Data, DatumId), b: (&Data, DatumId)) -> bool {
        let all = |x: &[DatumId], y: &[DatumId]| {
            x.len() == y.len() && x.iter().zip(y).all(|(&x, &y)| same((a.0, x), (b.0, y)))
        };
        match (a.0.get(a.1), b.0.get(b.1)) {
            (Datum::Float(x), Datum::Float(y)) => {
                x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan()
            }
            (Datum::List(x), Datum::List(y)) | (Datum::Bracket(x), Datum::Bracket(y)) => all(x, y),
            (Datum::Dotted(x, s), Datum::Dotted(y, t)) => all(x, y) && all(&[s], &[t]),
            (x, y) => x == y,
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_gives_the_same(tree in tree(), reserved: bool) {
            let mut symbols = Symbols::new();
            let mut data = Data::new();
            let id = push(&tree, &mut data, &mut symbols);
            let mut text = String::new();
            data.write(id, &symbols, &mut text);
            let options = ReadOptions { reserved, ..ReadOptions::default() };
            let back = read(&text, &mut symbols, options).map_err(|e| {
                TestCaseError::fail(format!("{text}: {e}"))
            })?;
            prop_assert_eq!(back.roots().len(), 1);
            prop_assert!(same((&data, id), (&back, back.roots()[0])), "{}", text);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            check_any(&String::from_utf8_lossy(&bytes))?;
        }

        #[test]
        fn no_likely_text_panics(
            text in "([()\\[\\]'`,@#;|\"\\\\.xetin01/+\\-a \r\n{}λ\u{a0}\u{200b}\u{feff}]|#\\\\|#;|#\\|){0,40}"
        ) {
            check_any(&text)?;
        }
    }

    /// Errors and data of any text have spans within it, at character borders.
    fn check_any(text: &str) -> Result<(), TestCaseError> {
        let fits = |span: Span| text.get(span.start as usize..span.end as usize).is_some();
        match read_text(text) {
            Err(error) => prop_assert!(fits(error.span), "{error}"),
            Ok((data, symbols)) => {
                for &root in data.roots() {
                    prop_assert!(fits(data.span(root)));
                    prop_assert!(!data.span(root).text(text).is_empty());
                    data.write(root, &symbols, &mut String::new());
                }
            }
        }
        Ok(())
    }
}
