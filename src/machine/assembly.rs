//! Assembly: programs of the register machine as people write them.
//!
//! A text goes in, a program and its starting state come out, or an error with its place; and back, a
//! program becomes a text that reads as that program.
//!
//! ```text
//! .base 8              ; numbers from 0 to 7, and as many cells of memory
//! .registers 3         ; r0, r1, r2, which start at 0
//! .memory 3 7 1        ; what the first cells hold; the others hold 0
//! again: read r0 r1    ; r1 becomes what memory holds at r0
//!        jump r1 end   ; goes to a label where r1 is 0
//!        inc r1 r1     ; what is written stands last
//!        write r0 r1   ; memory holds r1 at r0
//!        inc r0 r0
//!        jump r2 again
//! end:   halt
//! ```
//!
//! **Invariants**
//! - An instruction has the operands it uses, in the order in which it reads and then writes them.
//! - Operands that it does not use are register 0 and line 0.
//! - What is written by [`write()`] reads back as the same program, those operands aside.

use super::instruction::Instruction;
use super::oracle::State;
use super::program::{Line, Program, Shape};
use crate::source::{Position, Span};
use crate::symbol::nearest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use thiserror::Error;

/// A text of assembly, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assembly {
    /// The program.
    pub program: Program,
    /// The state it starts in.
    pub start: State,
    /// How many numbers a caller gives it, in registers from r0 on: `.arguments`, or 1.
    pub arguments: usize,
    /// The register whose number it gives back: `.result`, or r0.
    pub result: usize,
}

/// Sizes that a caller asks for, in place of those that a text gives or needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sizes {
    /// The base; else that of `.base`, or 8.
    pub base: Option<usize>,
    /// The registers; else those of `.registers`, or as many as are named.
    pub registers: Option<usize>,
    /// The lines, of which those after the program's do nothing; else those of `.lines`, or as many as
    /// the program has.
    pub lines: Option<usize>,
}

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{message} at {position}")]
pub struct AssemblyError {
    /// What is wrong, and what to do.
    pub message: String,
    /// Where, in bytes.
    pub span: Span,
    /// Where, in lines and columns.
    pub position: Position,
}

/// The base of a text that names none.
const BASE: usize = 8;

/// A word of a text and its place.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    span: Span,
}

/// Reads a text.
///
/// # Errors
/// What is no instruction, register, number or label; what is given twice; sizes that the program does
/// not fit into. The place is that of the word at fault.
pub fn read(text: &str, sizes: Sizes) -> Result<Assembly, AssemblyError> {
    Reader::new(text)?.assemble(sizes)
}

/// Reads a library: programs that each begin with a line `.program NAME`.
///
/// # Errors
/// As [`read`]; what stands before the first program, and names that are missing or given twice.
pub fn read_library(text: &str) -> Result<Vec<(String, Assembly)>, AssemblyError> {
    let wrong = |span: Span, message: String| AssemblyError {
        message,
        span,
        position: span.position(text),
    };
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let words = words(line, start);
        start += line.len();
        match words.as_slice() {
            [head, name] if head.text == ".program" => {
                if parts.iter().any(|(other, _)| other == name.text) {
                    let what = format!(
                        "the program `{}` is given twice; call it otherwise",
                        name.text
                    );
                    return Err(wrong(name.span, what));
                }
                parts.push((name.text.to_owned(), start));
            }
            [head, ..] if head.text == ".program" => {
                return Err(wrong(head.span, "write `.program NAME`".into()));
            }
            [first, ..] if parts.is_empty() => {
                let what = "a library's programs begin with `.program NAME`".into();
                return Err(wrong(first.span, what));
            }
            _ => {}
        }
    }
    let ends: Vec<usize> = parts[1.min(parts.len())..]
        .iter()
        .map(|(_, start)| text[..start - 1].rfind('\n').map_or(0, |at| at + 1))
        .chain([text.len()])
        .collect();
    let programs = parts.into_iter().zip(ends).map(|((name, start), end)| {
        // What stands before is blank, so places are those of the whole text.
        let blank: String = text[..start]
            .chars()
            .flat_map(|c| std::iter::repeat_n(if c == '\n' { c } else { ' ' }, c.len_utf8()))
            .collect();
        let read = read(&(blank + &text[start..end]), Sizes::default());
        let read = read.map_err(|error| wrong(error.span, error.message))?;
        Ok((name, read))
    });
    programs.collect()
}

struct Reader<'t> {
    text: &'t str,
    /// The instructions, each a name and its operands.
    lines: Vec<Vec<Word<'t>>>,
    labels: BTreeMap<&'t str, usize>,
    /// What directives say: base, registers, lines.
    sizes: BTreeMap<&'t str, (usize, Word<'t>)>,
    memory: Vec<(usize, Word<'t>)>,
    result: Option<Word<'t>>,
}

/// The words of a line without its comment.
fn words(text: &str, start: usize) -> Vec<Word<'_>> {
    let text = text.split(';').next().unwrap_or_default();
    let mut words = Vec::new();
    let mut begun = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (begun, c.is_whitespace()) {
            (None, false) => begun = Some(at),
            (Some(from), true) => {
                words.push(Word {
                    text: &text[from..at],
                    span: Span::new((start + from) as u32, (start + at) as u32),
                });
                begun = None;
            }
            _ => {}
        }
    }
    words
}

/// A register's number; none where the word names no register.
fn register(word: &str) -> Option<usize> {
    let digits = word.strip_prefix('r')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are a register that no machine has.
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Self, AssemblyError> {
        let mut reader = Self {
            text,
            lines: Vec::new(),
            labels: BTreeMap::new(),
            sizes: BTreeMap::new(),
            memory: Vec::new(),
            result: None,
        };
        if u32::try_from(text.len()).is_err() {
            return Err(reader.wrong(Span::new(0, 0), "a text of 4 GiB or more"));
        }
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            reader.line(&words(line, start))?;
            start += line.len();
        }
        Ok(reader)
    }

    fn wrong(&self, span: Span, message: impl Into<String>) -> AssemblyError {
        AssemblyError {
            message: message.into(),
            span,
            position: span.position(self.text),
        }
    }

    fn line(&mut self, words: &[Word<'t>]) -> Result<(), AssemblyError> {
        let mut words = words;
        while let Some((first, rest)) = words.split_first() {
            let Some(label) = first.text.strip_suffix(':') else {
                break;
            };
            let is_name = label
                .chars()
                .all(|c| c.is_alphanumeric() || "-_".contains(c));
            if label.is_empty()
                || !is_name
                || register(label).is_some()
                || label.parse::<usize>().is_ok()
            {
                let what = format!("`{label}` is no name for a label; use letters, as `loop:`");
                return Err(self.wrong(first.span, what));
            }
            if self.labels.insert(label, self.lines.len()).is_some() {
                let what = format!("the label `{label}` is given twice; give each line its own");
                return Err(self.wrong(first.span, what));
            }
            words = rest;
        }
        match words.split_first() {
            None => Ok(()),
            Some((first, rest)) if first.text.starts_with('.') => self.directive(*first, rest),
            Some(_) => {
                self.lines.push(words.to_vec());
                Ok(())
            }
        }
    }

    fn directive(&mut self, name: Word<'t>, words: &[Word<'t>]) -> Result<(), AssemblyError> {
        if name.text == ".result" {
            let [register] = words else {
                return Err(
                    self.wrong(name.span, "write `.result` and a register, as `.result r0`")
                );
            };
            self.result = Some(*register);
            return Ok(());
        }
        let mut numbers = Vec::new();
        for word in words {
            let number = word.text.parse::<usize>().map_err(|_| {
                let what = format!("`{}` is no whole number from 0 on", word.text);
                self.wrong(word.span, what)
            })?;
            numbers.push((number, *word));
        }
        match (name.text, numbers.as_slice()) {
            (".memory", []) => {
                Err(self.wrong(name.span, "`.memory` wants the numbers of the first cells"))
            }
            (".memory", _) => {
                self.memory.extend(numbers);
                Ok(())
            }
            (".base" | ".registers" | ".lines" | ".arguments", &[one]) => {
                match self.sizes.insert(&name.text[1..], one) {
                    Some(_) => {
                        let what = format!("`{}` is given twice; give it once", name.text);
                        Err(self.wrong(name.span, what))
                    }
                    None => Ok(()),
                }
            }
            (".base" | ".registers" | ".lines" | ".arguments", _) => {
                let what = format!("`{}` wants one number, got {}", name.text, numbers.len());
                Err(self.wrong(name.span, what))
            }
            (other, _) => {
                let what = format!(
                    "`{other}` is no directive; there are `.base`, `.registers`, `.lines`, `.memory`, \
                     `.arguments` and `.result`"
                );
                Err(self.wrong(name.span, what))
            }
        }
    }

    /// A size: the caller's, the text's, or what is needed.
    fn size(
        &self,
        name: &str,
        asked: Option<usize>,
        needed: usize,
    ) -> Result<usize, AssemblyError> {
        let given = self.sizes.get(name).copied();
        let size = asked.or(given.map(|(size, _)| size)).unwrap_or(needed);
        let low = if name == "base" { 2 } else { 1 };
        if (low..=Shape::MOST).contains(&size) {
            return Ok(size);
        }
        let most = Shape::MOST;
        let span = given.map_or(Span::new(0, 0), |(_, word)| word.span);
        let what = format!("a machine of {size} {name}; it must be from {low} to {most}");
        let what = what.replace(&format!("{size} base"), &format!("base {size}"));
        Err(self.wrong(span, what))
    }

    fn assemble(&self, sizes: Sizes) -> Result<Assembly, AssemblyError> {
        let base = self.size("base", sizes.base, BASE)?;
        let lines = self.size("lines", sizes.lines, self.lines.len().max(1))?;
        let named = self
            .lines
            .iter()
            .flatten()
            .filter_map(|word| register(word.text));
        let named = named.max().map_or(1, |most| most.saturating_add(1));
        let registers = self.size("registers", sizes.registers, named.min(Shape::MOST))?;
        let shape = Shape {
            base,
            registers,
            lines,
        };
        let mut program = Program::of(shape);
        if let Some(beyond) = self.lines.get(lines) {
            let count = self.lines.len();
            let what = format!(
                "the program has {count} lines, and the machine {lines}; give it `.lines {count}`"
            );
            return Err(self.wrong(beyond[0].span, what));
        }
        for (to, words) in program.lines.iter_mut().zip(&self.lines) {
            *to = self.instruction(words, shape)?;
        }
        let mut start = State::of(shape);
        for (at, &(number, word)) in self.memory.iter().enumerate() {
            let Some(cell) = start.memory.get_mut(at) else {
                let what = format!("memory of base {base} has {base} cells, and this is one more");
                return Err(self.wrong(word.span, what));
            };
            if number >= base {
                let what = format!(
                    "{number} is no number of base {base}: they go from 0 to {}",
                    base - 1
                );
                return Err(self.wrong(word.span, what));
            }
            *cell = number;
        }
        let arguments = match self.sizes.get("arguments") {
            Some(&(count, word)) if count > registers => {
                let what = format!("{count} arguments, and the machine has {registers} registers");
                return Err(self.wrong(word.span, what));
            }
            given => given.map_or(1, |(count, _)| *count),
        };
        let result = self
            .result
            .map(|word| self.register(word, shape))
            .transpose()?;
        Ok(Assembly {
            program,
            start,
            arguments,
            result: result.unwrap_or(0),
        })
    }

    fn instruction(&self, words: &[Word<'t>], shape: Shape) -> Result<Line, AssemblyError> {
        let (name, operands) = (words[0], &words[1..]);
        let Some(instruction) = Instruction::from_name(name.text) else {
            let names = Instruction::ALL.iter().map(|one| one.name());
            let near = nearest(name.text, names.clone());
            let help = near.map_or_else(
                || format!("there are {}", names.collect::<Vec<_>>().join(", ")),
                |near| format!("is it `{near}`?"),
            );
            let what = format!("`{}` is no instruction; {help}", name.text);
            return Err(self.wrong(name.span, what));
        };
        let form = form(instruction);
        if operands.len() != form.len() {
            let span = operands.get(form.len()).map_or(name.span, |word| word.span);
            let form = [&[instruction.name()], form].concat().join(" ");
            let what = format!(
                "`{}` is written `{form}`; got {} operands",
                name.text,
                operands.len()
            );
            return Err(self.wrong(span, what));
        }
        let mut line = Line {
            instruction,
            ..Line::NOOP
        };
        for (word, role) in operands.iter().zip(form) {
            let number = register(word.text);
            if *role == "label" {
                match number {
                    // Of the variant `register`, a jump goes to a register's number.
                    Some(_) => line.operands[1] = self.register(*word, shape)?,
                    None => line.label = self.label(*word, shape)?,
                }
            } else {
                let place = match *role {
                    "d" => 2,
                    "x" | "s" | "a" | "f" if word.span == operands[0].span => 0,
                    _ => 1,
                };
                line.operands[place] = self.register(*word, shape)?;
            }
        }
        Ok(line)
    }

    fn register(&self, word: Word<'t>, shape: Shape) -> Result<usize, AssemblyError> {
        let Shape { registers, .. } = shape;
        match register(word.text) {
            Some(number) if number < registers => Ok(number),
            Some(_) => {
                let what = format!(
                    "there is no {}: the machine has {registers} registers",
                    word.text
                );
                Err(self.wrong(word.span, what))
            }
            None => {
                let what = format!("`{}` is no register; they are called r0, r1, …", word.text);
                Err(self.wrong(word.span, what))
            }
        }
    }

    fn label(&self, word: Word<'t>, shape: Shape) -> Result<usize, AssemblyError> {
        let found = self.labels.get(word.text).copied();
        match found.or_else(|| word.text.parse().ok()) {
            Some(line) if line < shape.lines => Ok(line),
            Some(line) => {
                let what = format!(
                    "`{}` is line {line}, and the machine has {}",
                    word.text, shape.lines
                );
                Err(self.wrong(word.span, what))
            }
            None => {
                let near = nearest(word.text, self.labels.keys().copied());
                let help = near.map_or_else(
                    || format!("write `{}:` before the line that it is", word.text),
                    |near| format!("is it `{near}`?"),
                );
                let what = format!("no line has the label `{}`; {help}", word.text);
                Err(self.wrong(word.span, what))
            }
        }
    }
}

/// How an instruction's operands are written.
fn form(instruction: Instruction) -> &'static [&'static str] {
    match instruction {
        Instruction::Noop | Instruction::Halt => &[],
        Instruction::Zero => &["d"],
        Instruction::Inc | Instruction::Dec => &["s", "d"],
        Instruction::Read => &["a", "d"],
        Instruction::Write => &["a", "s"],
        Instruction::Add
        | Instruction::Sub
        | Instruction::Max
        | Instruction::Min
        | Instruction::Mod => &["x", "y", "d"],
        Instruction::Jump => &["f", "label"],
    }
}

/// One line of a program, as assembly; labels are `L` and the number of their line.
pub fn line(line: &Line) -> String {
    let [first, second, third] = line.operands;
    let mut text = line.instruction.name().to_owned();
    for (at, role) in form(line.instruction).iter().enumerate() {
        let _ = match *role {
            "label" => write!(text, " L{}", line.label),
            "d" => write!(text, " r{third}"),
            _ if at == 0 => write!(text, " r{first}"),
            _ => write!(text, " r{second}"),
        };
    }
    text
}

/// A program as assembly, with a comment for each line that has one.
pub fn write(program: &Program, comment: &dyn Fn(usize) -> Option<String>) -> String {
    let Shape {
        base,
        registers,
        lines,
    } = program.shape;
    let mut text = format!(".base {base}\n.registers {registers}\n.lines {lines}\n");
    let jumps = program
        .lines
        .iter()
        .filter(|line| line.instruction == Instruction::Jump);
    let labels: Vec<usize> = jumps.map(|line| line.label).collect();
    let wide = labels.iter().map(|label| format!("L{label}: ").len()).max();
    for (at, one) in program.lines.iter().enumerate() {
        let label = if labels.contains(&at) {
            format!("L{at}:")
        } else {
            String::new()
        };
        let row = format!("{label:<wide$}{}", line(one), wide = wide.unwrap_or(0));
        let _ = match comment(at) {
            Some(comment) => writeln!(text, "{row:<28}; {comment}"),
            None => writeln!(text, "{row}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::machine::oracle;

    const MAP_INC: &str = "\
; adds one to each cell up to the first that holds 0
.base 8
.registers 3
.memory 3 7 1
again: read r0 r1
       jump r1 end
       inc r1 r1
       write r0 r1
       inc r0 r0
       jump r2 again
end:   halt
";

    #[test]
    fn a_text_runs() {
        let Assembly {
            program, mut start, ..
        } = read(MAP_INC, Sizes::default()).unwrap();
        assert_eq!(program.shape.lines, 7);
        assert_eq!(oracle::run(&program, &mut start, 100), 21);
        assert_eq!(start.memory[..4], [4, 0, 2, 0]);
    }

    #[test]
    fn programs_are_written_and_read_back() {
        let shape = Shape {
            base: 5,
            registers: 3,
            lines: 9,
        };
        for seed in 0..200 {
            let program = Program::random(shape, &mut Random::new(seed));
            let text = write(&program, &|at| (at == 3).then(|| "so; so".to_owned()));
            let back =
                read(&text, Sizes::default()).unwrap_or_else(|error| panic!("{error}:\n{text}"));
            assert_eq!(back.program.shape, shape);
            for (a, b) in program.lines.iter().zip(&back.program.lines) {
                assert_eq!(line(a), line(b));
                let uses = a.instruction.uses();
                for (place, used) in uses[..3].iter().enumerate() {
                    let expected = if *used { a.operands[place] } else { 0 };
                    assert_eq!(b.operands[place], expected, "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, place, message) in [
            (
                "inc r0 r1\nmul r0 r1 r0",
                (2, 1),
                "`mul` is no instruction; ",
            ),
            (
                "jmp r0 end",
                (1, 1),
                "`jmp` is no instruction; is it `jump`?",
            ),
            (
                "inc r0",
                (1, 1),
                "`inc` is written `inc s d`; got 1 operands",
            ),
            (
                "halt now",
                (1, 6),
                "`halt` is written `halt`; got 1 operands",
            ),
            (
                "a: jump r0 end\nab: halt",
                (1, 12),
                "no line has the label `end`; write",
            ),
            (
                "end1: jump r0 end",
                (1, 15),
                "no line has the label `end`; is it `end1`?",
            ),
            ("a: halt\na: halt", (2, 1), "the label `a` is given twice"),
            ("r1: halt", (1, 1), "`r1` is no name for a label"),
            (
                "  add r0 x r1",
                (1, 10),
                "`x` is no register; they are called r0, r1, …",
            ),
            (
                ".registers 2\ninc r0 r2",
                (2, 8),
                "there is no r2: the machine has 2 registers",
            ),
            (
                "zero r99999999999999999999",
                (1, 6),
                "there is no r99999999999999999999",
            ),
            (
                ".base 4\n.memory 1 4",
                (2, 11),
                "4 is no number of base 4: they go from 0 to 3",
            ),
            (
                ".base 2\n.memory 1 1 1",
                (2, 13),
                "memory of base 2 has 2 cells",
            ),
            (
                ".base 1\nhalt",
                (1, 7),
                "a machine of base 1; it must be from 2 to 256",
            ),
            (
                ".lines 0\nhalt",
                (1, 8),
                "a machine of 0 lines; it must be from 1 to 256",
            ),
            (
                ".lines 1\nnoop\nhalt",
                (3, 1),
                "the program has 2 lines, and the machine 1",
            ),
            (".base x", (1, 7), "`x` is no whole number from 0 on"),
            (".base 4\n.base 4", (2, 1), "`.base` is given twice"),
            (".foo", (1, 1), "`.foo` is no directive"),
            (".base 2 3", (1, 1), "`.base` wants one number, got 2"),
            (".memory", (1, 1), "`.memory` wants the numbers"),
            ("jump r0 7", (1, 9), "`7` is line 7, and the machine has 1"),
            (
                "a: jump r0 b\nb:",
                (1, 12),
                "`b` is line 1, and the machine has 1",
            ),
        ] {
            let error = read(text, Sizes::default()).expect_err(text);
            let Position { line, column } = error.position;
            assert_eq!((line, column), place, "{text}: {error}");
            assert!(error.message.starts_with(message), "{text}: {error}");
        }
        let sizes = Sizes {
            base: Some(3),
            ..Sizes::default()
        };
        let error = read(MAP_INC, sizes).unwrap_err();
        assert!(
            error.message.starts_with("3 is no number of base 3"),
            "{error}"
        );
    }

    #[test]
    fn a_library_holds_programs_by_their_names() {
        let text = "; ä\n.program double\nadd r0 r0 r0\nhalt\n\n.program less\n.arguments 2\n.result r1\nsub r0 r1 r1\n";
        let library = read_library(text).unwrap();
        let names: Vec<&str> = library.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["double", "less"]);
        assert_eq!((library[0].1.arguments, library[0].1.result), (1, 0));
        assert_eq!((library[1].1.arguments, library[1].1.result), (2, 1));
        assert_eq!(library[1].1.program.lines.len(), 1);
        for (text, place, message) in [
            ("halt", (1, 1), "a library's programs begin with"),
            (".program", (1, 1), "write `.program NAME`"),
            (
                ".program a\n.program a",
                (2, 10),
                "the program `a` is given twice",
            ),
            (
                "; ä\n.program a\nhalt\n.program b\n foo",
                (5, 2),
                "`foo` is no instruction",
            ),
            (
                ".program a\n.arguments 3",
                (2, 12),
                "3 arguments, and the machine has 1 registers",
            ),
            (".program a\n.result x", (2, 9), "`x` is no register"),
            (
                ".program a\n.result",
                (2, 1),
                "write `.result` and a register",
            ),
        ] {
            let error = read_library(text).expect_err(text);
            let Position { line, column } = error.position;
            assert_eq!((line, column), place, "{text}: {error}");
            assert!(error.message.starts_with(message), "{text}: {error}");
        }
        assert_eq!(read_library("").unwrap(), []);
    }

    #[test]
    fn a_text_of_nothing_does_nothing() {
        let read = read("; nothing\n", Sizes::default()).unwrap();
        assert_eq!(read.program.lines, [Line::NOOP]);
    }
}
