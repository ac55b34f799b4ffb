//! Code of a library: the instructions of the machine and six more, laid out as named programs.
//!
//! Lines and the names of stretches of them go in; code that is whole comes out: every operand,
//! label and number is there, and what a call stores fits into a register.
//!
//! **Invariants**
//! - [`Operation::ALL`] is in the order of the columns of a library's weights.
//! - Names are different, their lines do not overlap, and the last line is a `halt` that belongs to
//!   nobody: it is what a program returns to that was called from outside.

use crate::machine::instruction::Instruction;
use crate::machine::program::{Line, Program, ProgramError, Shape};
use crate::symbol::nearest;
use std::ops::Range;
use thiserror::Error;

/// What a line of a library does.
///
/// With n the number of the line behind it; r1, r2 registers that are read (their numbers are a and
/// b) and r3 the one that is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// An instruction of the machine.
    Core(Instruction),
    /// r3 becomes the line's number.
    Set,
    /// r3 becomes a.
    Copy,
    /// r3 becomes n.
    Store,
    /// r3 becomes n, and the line of the label is next.
    Call,
    /// Line a is next, modulo the lines.
    Return,
    /// Line b is next, modulo the lines, where a is 0.
    Goto,
}

/// How many operations there are.
pub const OPERATIONS: usize = Instruction::ALL.len() + 6;

impl Operation {
    /// All of them, in the order of the columns of weights.
    pub const ALL: [Self; OPERATIONS] = {
        let mut all = [Self::Set; OPERATIONS];
        let mut at = 0;
        while at < Instruction::ALL.len() {
            all[at] = Self::Core(Instruction::ALL[at]);
            at += 1;
        }
        all[at + 1] = Self::Copy;
        all[at + 2] = Self::Store;
        all[at + 3] = Self::Call;
        all[at + 4] = Self::Return;
        all[at + 5] = Self::Goto;
        all
    };

    /// What assembly calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core(one) => one.name(),
            Self::Set => "set",
            Self::Copy => "copy",
            Self::Store => "store",
            Self::Call => "call",
            Self::Return => "return",
            Self::Goto => "goto",
        }
    }

    /// The operation of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Its column among a line's weights.
    pub fn column(self) -> usize {
        let core = Instruction::ALL.len();
        match self {
            Self::Core(one) => one as usize,
            Self::Set => core,
            Self::Copy => core + 1,
            Self::Store => core + 2,
            Self::Call => core + 3,
            Self::Return => core + 4,
            Self::Goto => core + 5,
        }
    }

    /// Which of r1, r2, r3, label and number it looks at.
    pub(super) fn uses(self) -> [bool; 5] {
        match self {
            Self::Core(one) => {
                let [first, second, third, label] = one.uses();
                [first, second, third, label, false]
            }
            Self::Set => [false, false, true, false, true],
            Self::Copy => [true, false, true, false, false],
            Self::Store => [false, false, true, false, false],
            Self::Call => [false, false, true, true, false],
            Self::Return => [true, false, false, false, false],
            Self::Goto => [true, true, false, false, false],
        }
    }
}

/// One line of a library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodeLine {
    /// What is done.
    pub operation: Operation,
    /// The registers r1 and r2, which are read, and r3, which is written.
    pub operands: [usize; 3],
    /// The line that a jump or a call goes to.
    pub label: usize,
    /// The number that `set` gives.
    pub number: usize,
}

impl CodeLine {
    /// A line that does nothing.
    pub const NOOP: Self = Self {
        operation: Operation::Core(Instruction::Noop),
        operands: [0; 3],
        label: 0,
        number: 0,
    };

    /// What stands in each group of a line's weights.
    pub(super) fn choices(&self) -> [usize; 6] {
        let [first, second, third] = self.operands;
        let operation = self.operation.column();
        [operation, first, second, third, self.label, self.number]
    }
}

impl From<Line> for CodeLine {
    fn from(line: Line) -> Self {
        Self {
            operation: Operation::Core(line.instruction),
            operands: line.operands,
            label: line.label,
            number: 0,
        }
    }
}

/// A stretch of lines with a name: a program that others call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// What it is called.
    pub name: String,
    /// Its lines; the first is where it begins.
    pub lines: Range<usize>,
    /// How many numbers it takes, in registers from r0 on.
    pub arguments: usize,
    /// The register whose number it gives back.
    pub result: usize,
}

/// Named programs laid out in one controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    shape: Shape,
    lines: Vec<CodeLine>,
    programs: Vec<Named>,
    link: usize,
}

/// Why there is no such code, or it cannot be asked that.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// Sizes, lines, weights or states that do not fit a machine.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Lines whose numbers no register holds.
    #[error(
        "a library of {lines} lines in base {base}: calls and returns keep the numbers of lines in \
         registers, so the base must be {lines} or more"
    )]
    Base {
        /// The base.
        base: usize,
        /// How many lines there are.
        lines: usize,
    },
    /// A number that is not below the base.
    #[error("line {line} sets {number}, and numbers are below {base}")]
    Number {
        /// The line, from 0.
        line: usize,
        /// The number.
        number: usize,
        /// The base.
        base: usize,
    },
    /// A name that is given twice, or lines that are not the library's alone.
    #[error("the program `{0}` is given twice, or its lines are another's too or none")]
    Layout(String),
    /// A program that is not there.
    #[error("no program is called `{name}`{}", nearest.as_ref().map_or(String::new(), |near| format!("; is it `{near}`?")))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// Arguments that a program does not take.
    #[error("`{name}` takes {wanted} arguments, and is given {found}")]
    Arguments {
        /// The program.
        name: String,
        /// How many it takes.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// A program of a soft number that decides where it goes.
    #[error(
        "line {line} of `{name}` is steered by a number that is not known, or reads or writes memory \
         there: give the argument it comes from by cases"
    )]
    Steered {
        /// The program.
        name: String,
        /// The line, from 0.
        line: usize,
    },
    /// A program that does not halt in time.
    #[error("`{name}` has not halted after {steps} steps")]
    Endless {
        /// The program.
        name: String,
        /// The limit.
        steps: usize,
    },
    /// Training that came to no finite number.
    #[error("the loss is no finite number at iteration {iteration}; lower the rate of {rate}")]
    Diverged {
        /// The iteration, from 0.
        iteration: usize,
        /// Adam's rate.
        rate: f64,
    },
    /// Something given that is out of range.
    #[error("{what} of {found}; it must be {wanted}")]
    Range {
        /// What it is.
        what: &'static str,
        /// What was given.
        found: String,
        /// What it must be.
        wanted: String,
    },
}

impl Code {
    /// Code of lines, with names for stretches of them. A `halt` is put behind; it has register `link`
    /// hold its number when a program is called from outside.
    ///
    /// # Errors
    /// Sizes that no machine has, operands, labels or numbers that are not there, names that are given
    /// twice, and calls where the base is below the number of lines.
    pub fn new(
        (base, registers): (usize, usize),
        mut lines: Vec<CodeLine>,
        programs: Vec<Named>,
        link: usize,
    ) -> Result<Self, LibraryError> {
        let own = lines.len();
        lines.push(CodeLine {
            operation: Operation::Core(Instruction::Halt),
            ..CodeLine::NOOP
        });
        let shape = Shape {
            base,
            registers,
            lines: lines.len(),
        };
        shape.check()?;
        let outside = |line, what, number, count| {
            Err(LibraryError::Program(ProgramError::Outside {
                line,
                what,
                number,
                count,
            }))
        };
        if link >= registers {
            return outside(own, "register", link, registers);
        }
        let mut stores = false;
        for (at, line) in lines.iter().enumerate() {
            if let Some(&register) = line.operands.iter().find(|&&r| r >= registers) {
                return outside(at, "register", register, registers);
            }
            if line.label >= shape.lines {
                return outside(at, "line", line.label, shape.lines);
            }
            if line.number >= base {
                let (line, number) = (at, line.number);
                return Err(LibraryError::Number { line, number, base });
            }
            stores |= matches!(
                line.operation,
                Operation::Store | Operation::Call | Operation::Return | Operation::Goto
            );
        }
        if stores && base < shape.lines {
            let lines = shape.lines;
            return Err(LibraryError::Base { base, lines });
        }
        for (at, one) in programs.iter().enumerate() {
            let range = &one.lines;
            let is_mine =
                |other: &Named| other.lines.start < range.end && range.start < other.lines.end;
            let others = &programs[..at];
            if range.is_empty()
                || range.end > own
                || others
                    .iter()
                    .any(|other| other.name == one.name || is_mine(other))
            {
                return Err(LibraryError::Layout(one.name.clone()));
            }
            if one.result >= registers {
                return outside(range.start, "register", one.result, registers);
            }
            if one.arguments > registers {
                return outside(range.start, "register", one.arguments - 1, registers);
            }
        }
        Ok(Self {
            shape,
            lines,
            programs,
            link,
        })
    }

    /// A program of the machine alone, under a name.
    ///
    /// # Errors
    /// As [`Code::new`].
    pub fn of_program(
        name: &str,
        program: &Program,
        arguments: usize,
        result: usize,
    ) -> Result<Self, LibraryError> {
        program.check()?;
        let named = Named {
            name: name.to_owned(),
            lines: 0..program.lines.len(),
            arguments,
            result,
        };
        let lines = program.lines.iter().copied().map(CodeLine::from).collect();
        let Shape {
            base, registers, ..
        } = program.shape;
        Self::new((base, registers), lines, vec![named], registers - 1)
    }

    /// The sizes of its machine; its lines are all lines, the last `halt` too.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All lines.
    pub fn lines(&self) -> &[CodeLine] {
        &self.lines
    }

    /// The programs, in the order given.
    pub fn programs(&self) -> &[Named] {
        &self.programs
    }

    /// The register that holds where a program called from outside returns to.
    pub fn link(&self) -> usize {
        self.link
    }

    /// The line that a program returns to that was called from outside: a `halt`.
    pub fn exit(&self) -> usize {
        self.lines.len() - 1
    }

    /// A program by its name.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub fn program(&self, name: &str) -> Result<&Named, LibraryError> {
        let found = self.programs.iter().find(|one| one.name == name);
        found.ok_or_else(|| {
            let names = self.programs.iter().map(|one| one.name.as_str());
            LibraryError::Unknown {
                name: name.to_owned(),
                nearest: nearest(name, names).map(str::to_owned),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_in_the_order_of_their_columns() {
        for (at, one) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(one.column(), at);
            assert_eq!(Operation::from_name(one.name()), Some(one));
        }
    }
}
