//! Libraries as people write them: named programs that call each other.
//!
//! A text goes in, [`Code`] comes out, or an error with its place.
//!
//! ```text
//! .base 32
//! .registers 5         ; r0 to r4; the last holds where a program returns to
//! .program double      ; takes r0, gives r0
//! add r0 r0 r0
//! return
//! .program quadruple
//! copy r4 r3           ; calls overwrite r4, so it is kept
//! call double
//! call double
//! return r3
//! ```
//!
//! **Invariants**
//! - What is written stands last: `set 7 r2`, `copy r1 r2`, `call double r4`.
//! - `call` and `return` without a register mean that of `.link`, or the last.
//! - Labels are a program's own; the names of programs are labels everywhere, `exit` is that of the
//!   `halt` behind all lines, and a label that one program alone has is known to the others.

use super::code::{Code, CodeLine, LibraryError, Named, Operation};
use crate::machine::assembly::AssemblyError;
use crate::machine::program::Shape;
use crate::source::Span;
use crate::symbol::nearest;
use std::collections::BTreeMap;

/// A word and its place.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    span: Span,
}

/// A line that has an operation, and which program it is in.
struct Written<'t> {
    words: Vec<Word<'t>>,
    program: usize,
}

struct Head<'t> {
    name: Word<'t>,
    start: usize,
    arguments: usize,
    result: usize,
}

struct Reader<'t> {
    text: &'t str,
    base: usize,
    registers: usize,
    lines: Option<(Word<'t>, usize)>,
    link: Option<usize>,
    heads: Vec<Head<'t>>,
    written: Vec<Written<'t>>,
    /// Labels by program and name.
    labels: BTreeMap<(usize, &'t str), usize>,
}

/// The label of the library's last line, a `halt`.
const EXIT: &str = "exit";

/// Reads a library.
///
/// # Errors
/// What is no operation, register, number or label; what is given twice; sizes that no machine has; a
/// base below the number of lines where something is called. The place is that of the word at fault,
/// or the library's first.
pub fn read(text: &str) -> Result<Code, AssemblyError> {
    let mut reader = Reader {
        text,
        base: 8,
        registers: 4,
        lines: None,
        link: None,
        heads: Vec::new(),
        written: Vec::new(),
        labels: BTreeMap::new(),
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let words = words(line, start);
        start += line.len();
        reader.line(words)?;
    }
    reader.finish()
}

fn words(line: &str, start: usize) -> Vec<Word<'_>> {
    let line = line.split(';').next().unwrap_or_default();
    let mut words = Vec::new();
    let mut at = 0;
    for part in line.split(char::is_whitespace) {
        if !part.is_empty() {
            // A label's colon ends a word.
            let pieces = match part.find(':') {
                Some(colon) if colon + 1 < part.len() => {
                    vec![(0, colon + 1), (colon + 1, part.len())]
                }
                _ => vec![(0, part.len())],
            };
            for (from, to) in pieces {
                let (low, high) = (start + at + from, start + at + to);
                words.push(Word {
                    text: &part[from..to],
                    span: Span::new(low as u32, high as u32),
                });
            }
        }
        at += part.len() + 1;
        // Whitespace may be longer than a byte.
        while at <= line.len() && !line.is_char_boundary(at) {
            at += 1;
        }
    }
    words
}

impl<'t> Reader<'t> {
    fn wrong(&self, span: Span, message: String) -> AssemblyError {
        AssemblyError {
            message,
            span,
            position: span.position(self.text),
        }
    }

    fn line(&mut self, mut words: Vec<Word<'t>>) -> Result<(), AssemblyError> {
        while let Some(&first) = words.first() {
            let Some(label) = first.text.strip_suffix(':') else {
                break;
            };
            let Some(program) = self.heads.len().checked_sub(1) else {
                return Err(self.outside(first));
            };
            let at = self.written.len();
            if label.is_empty() || self.labels.insert((program, label), at).is_some() {
                let what =
                    format!("the label `{label}` is empty or given twice; call it otherwise");
                return Err(self.wrong(first.span, what));
            }
            words.remove(0);
        }
        let Some(&first) = words.first() else {
            return Ok(());
        };
        if first.text.starts_with('.') {
            return self.directive(first, &words[1..]);
        }
        let Some(program) = self.heads.len().checked_sub(1) else {
            return Err(self.outside(first));
        };
        self.written.push(Written { words, program });
        Ok(())
    }

    fn outside(&self, word: Word<'t>) -> AssemblyError {
        let what = "a library's programs begin with `.program NAME`".into();
        self.wrong(word.span, what)
    }

    fn directive(&mut self, head: Word<'t>, words: &[Word<'t>]) -> Result<(), AssemblyError> {
        let &[word] = words else {
            let what = format!("`{}` takes one word, and has {}", head.text, words.len());
            return Err(self.wrong(head.span, what));
        };
        match head.text {
            ".base" => self.base = self.number(word, 2, Shape::MOST)?,
            ".registers" => self.registers = self.number(word, 1, Shape::MOST)?,
            ".lines" => self.lines = Some((word, self.number(word, 1, Shape::MOST - 1)?)),
            ".link" => self.link = Some(self.register(word)?),
            ".program" => {
                if self.heads.iter().any(|other| other.name.text == word.text) {
                    let what = format!(
                        "the program `{}` is given twice; call it otherwise",
                        word.text
                    );
                    return Err(self.wrong(word.span, what));
                }
                self.heads.push(Head {
                    name: word,
                    start: self.written.len(),
                    arguments: 1,
                    result: 0,
                });
            }
            ".arguments" | ".result" => {
                let is_result = head.text == ".result";
                let number = if is_result {
                    self.register(word)?
                } else {
                    self.number(word, 0, self.registers)?
                };
                let outside = self.outside(head);
                let last = self.heads.last_mut().ok_or(outside)?;
                if is_result {
                    last.result = number;
                } else {
                    last.arguments = number;
                }
            }
            other => {
                let known = [
                    ".base",
                    ".registers",
                    ".lines",
                    ".link",
                    ".program",
                    ".arguments",
                    ".result",
                ];
                let near = nearest(other, known.into_iter());
                let near = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
                return Err(self.wrong(head.span, format!("there is no `{other}`{near}")));
            }
        }
        Ok(())
    }

    fn number(&self, word: Word<'t>, low: usize, high: usize) -> Result<usize, AssemblyError> {
        let number = word.text.parse::<usize>().ok();
        let number = number.filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| {
            let what = format!("`{}` is no whole number from {low} to {high}", word.text);
            self.wrong(word.span, what)
        })
    }

    fn register(&self, word: Word<'t>) -> Result<usize, AssemblyError> {
        let number = word.text.strip_prefix('r').and_then(|n| n.parse().ok());
        match number {
            Some(number) if number < self.registers => Ok(number),
            Some(_) => {
                let what = format!(
                    "there is no {}: the library has {} registers",
                    word.text, self.registers
                );
                Err(self.wrong(word.span, what))
            }
            None => {
                let what = format!("`{}` is no register such as r0", word.text);
                Err(self.wrong(word.span, what))
            }
        }
    }

    fn label(&self, word: Word<'t>, program: usize) -> Result<usize, AssemblyError> {
        let own = self.labels.get(&(program, word.text)).copied();
        let head = self.heads.iter().find(|head| head.name.text == word.text);
        let exit = (word.text == EXIT).then(|| self.own_lines());
        // Another program's label, where it is the only one of that name.
        let mut others = self.labels.iter().filter(|(label, _)| label.1 == word.text);
        let other = others.next().map(|(_, at)| *at);
        let other = other.filter(|_| others.next().is_none());
        let found = own.or(head.map(|head| head.start)).or(exit).or(other);
        found.ok_or_else(|| {
            let labels = self.labels.keys();
            let labels = labels
                .filter(|label| label.0 == program)
                .map(|label| label.1);
            let names = self.heads.iter().map(|head| head.name.text);
            let near = nearest(word.text, labels.chain(names));
            let near = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
            let what = format!("no label or program is called `{}`{near}", word.text);
            self.wrong(word.span, what)
        })
    }

    /// How many lines there are before the way out.
    fn own_lines(&self) -> usize {
        self.lines.map_or(self.written.len(), |(_, count)| count)
    }

    fn operation(&self, written: &Written<'t>) -> Result<CodeLine, AssemblyError> {
        let (first, words) = (written.words[0], &written.words[1..]);
        let Some(operation) = Operation::from_name(first.text) else {
            let names = Operation::ALL.into_iter().map(Operation::name);
            let near = nearest(first.text, names);
            let near = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
            let what = format!("there is no operation `{}`{near}", first.text);
            return Err(self.wrong(first.span, what));
        };
        let mut line = CodeLine {
            operation,
            ..CodeLine::NOOP
        };
        let link = self.link.unwrap_or(self.registers - 1);
        let optional = match operation {
            Operation::Call => {
                line.operands[2] = link;
                1
            }
            Operation::Return => {
                line.operands[0] = link;
                1
            }
            _ => 0,
        };
        // In the order in which they are written: number, what is read, label, what is written.
        let [reads_first, reads_second, writes, label, number] = operation.uses();
        let wanted = [number, reads_first, reads_second, label, writes];
        let most = wanted.iter().filter(|wanted| **wanted).count();
        if words.len() > most || words.len() + optional < most {
            let least = most - optional;
            let count = if optional > 0 {
                format!("{least} or {most}")
            } else {
                most.to_string()
            };
            let what = format!(
                "`{}` takes {count} operands, and has {}",
                first.text,
                words.len()
            );
            return Err(self.wrong(first.span, what));
        }
        let mut words = words.iter();
        for (what, wanted) in wanted.into_iter().enumerate() {
            let Some(&word) = (if wanted { words.next() } else { None }) else {
                continue;
            };
            match what {
                0 => line.number = self.number(word, 0, self.base - 1)?,
                1 => line.operands[0] = self.register(word)?,
                2 => line.operands[1] = self.register(word)?,
                3 => line.label = self.label(word, written.program)?,
                _ => line.operands[2] = self.register(word)?,
            }
        }
        Ok(line)
    }

    fn finish(self) -> Result<Code, AssemblyError> {
        let lines = self.written.iter().map(|written| self.operation(written));
        let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
        let own = lines.len();
        if let Some((word, count)) = self.lines {
            if count < own {
                let what = format!("the programs have {own} lines, and `.lines` is {count}");
                return Err(self.wrong(word.span, what));
            }
            lines.resize(count, CodeLine::NOOP);
        }
        // A jump to a label behind the last line goes to the way out.
        let ends = self.heads[1.min(self.heads.len())..].iter();
        let ends = ends.map(|head| head.start).chain([own]);
        let mut programs = Vec::new();
        for (head, end) in self.heads.iter().zip(ends) {
            if head.start == end {
                let what = format!("the program `{}` has no lines", head.name.text);
                return Err(self.wrong(head.name.span, what));
            }
            programs.push(Named {
                name: head.name.text.to_owned(),
                lines: head.start..end,
                arguments: head.arguments,
                result: head.result,
            });
        }
        let link = self.link.unwrap_or(self.registers - 1);
        let first = self
            .heads
            .first()
            .map_or(Span::new(0, 0), |head| head.name.span);
        Code::new((self.base, self.registers), lines, programs, link)
            .map_err(|error: LibraryError| self.wrong(first, error.to_string()))
    }
}

/// A library as text that reads as the same library, operands that are not used aside.
pub fn write(code: &Code) -> String {
    use std::fmt::Write as _;
    let shape = code.shape();
    let mut out = format!(
        ".base {}\n.registers {}\n.lines {}\n.link r{}\n",
        shape.base,
        shape.registers,
        shape.lines - 1,
        code.link()
    );
    // Every line that something goes to has a label; a program's name is that of its first line.
    let begins = |at: usize| code.programs().iter().find(|one| one.lines.start == at);
    let inside = |at: usize| code.programs().iter().any(|one| one.lines.contains(&at));
    for (at, line) in code.lines().iter().enumerate().take(shape.lines - 1) {
        if let Some(one) = begins(at) {
            let _ = writeln!(
                out,
                ".program {}\n.arguments {}\n.result r{}",
                one.name, one.arguments, one.result
            );
        }
        if !inside(at) {
            continue;
        }
        let [first, second, third] = line.operands.map(|r| format!(" r{r}"));
        let label = match begins(line.label) {
            Some(one) => format!(" {}", one.name),
            None if line.label == code.exit() => format!(" {EXIT}"),
            None => format!(" L{}", line.label),
        };
        let operation = line.operation;
        let [a, b, d, l, n] = operation.uses();
        let pick = |used: bool, text: &str| if used { text.to_owned() } else { String::new() };
        let _ = writeln!(
            out,
            "L{at}: {}{}{}{}{}{}",
            operation.name(),
            pick(n, &format!(" {}", line.number)),
            pick(a, &first),
            pick(b, &second),
            pick(l, &label),
            pick(d, &third)
        );
    }
    out
}
