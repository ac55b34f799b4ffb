//! Programs of the register machine, as whole numbers.
//!
//! **Invariants**
//! - [`Program::check`] is what every entrance asks of a program that somebody made by hand.
//!
//! ```text
//! line  instruction  r1 r2 r3  label
//!    0  read          0  0  1      0
//! ```

use super::instruction::Instruction;
use crate::Random;
use thiserror::Error;

/// The sizes of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shape {
    /// How many values there are: 0 to base - 1; and as many cells of memory.
    pub base: usize,
    /// How many registers.
    pub registers: usize,
    /// How many lines a program has.
    pub lines: usize,
}

/// One line of a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Line {
    /// What is done.
    pub instruction: Instruction,
    /// The registers r1 and r2, which are read, and r3, which is written.
    pub operands: [usize; 3],
    /// The line that a jump goes to.
    pub label: usize,
}

impl Line {
    /// A line that does nothing.
    pub const NOOP: Self = Self {
        instruction: Instruction::Noop,
        operands: [0; 3],
        label: 0,
    };
}

/// A program of whole numbers: one instruction a line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    /// The sizes of its machine.
    pub shape: Shape,
    /// Its lines, `shape.lines` of them.
    pub lines: Vec<Line>,
}

/// Why a shape or a program is none.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// A size that no machine has.
    #[error("a machine of {what} {size}; it must be from {low} to {high}")]
    Size {
        /// Which size.
        what: &'static str,
        /// What it is.
        size: usize,
        /// The least it may be.
        low: usize,
        /// The most it may be.
        high: usize,
    },
    /// A program with another number of lines than its shape says.
    #[error("a program of {found} lines for a machine of {lines}")]
    Lines {
        /// How many lines the program has.
        found: usize,
        /// How many its machine has.
        lines: usize,
    },
    /// Weights that are too many or too few.
    #[error("{found} weights for a machine of {wanted}")]
    Weights {
        /// How many there are.
        found: usize,
        /// How many its machine has.
        wanted: usize,
    },
    /// Weights or a state of another machine.
    #[error(
        "a machine of base {}, {} registers and {} lines was given what is of base {}, {} registers \
         and {} lines", wanted.base, wanted.registers, wanted.lines, found.base, found.registers, found.lines
    )]
    Shape {
        /// The shape that was given.
        found: Shape,
        /// The machine's.
        wanted: Shape,
    },
    /// More steps than there is memory for.
    #[error("{steps} steps of so large a machine take too much memory; at most {most} fit")]
    Steps {
        /// How many were asked for.
        steps: usize,
        /// How many fit.
        most: usize,
    },
    /// A line that names a register or a line that is not there.
    #[error("line {line} names {what} {number}, and there are {count}")]
    Outside {
        /// The line, from 0.
        line: usize,
        /// A register or a line.
        what: &'static str,
        /// Its number.
        number: usize,
        /// How many there are.
        count: usize,
    },
}

impl Shape {
    /// The largest base, number of registers and number of lines.
    pub const MOST: usize = 256;

    /// Whether there is a machine of these sizes.
    ///
    /// # Errors
    /// A base below 2, a size of 0, or one above [`Shape::MOST`].
    pub fn check(&self) -> Result<(), ProgramError> {
        let sizes = [
            ("base", self.base, 2),
            ("registers", self.registers, 1),
            ("lines", self.lines, 1),
        ];
        for (what, size, low) in sizes {
            let high = Self::MOST;
            if size < low || size > high {
                return Err(ProgramError::Size {
                    what,
                    size,
                    low,
                    high,
                });
            }
        }
        Ok(())
    }

    /// How many numbers describe a line softly: the instructions, three operands, the label.
    pub fn columns(&self) -> usize {
        Instruction::ALL.len() + 3 * self.registers + self.lines
    }
}

impl Program {
    /// A program that does nothing.
    pub fn of(shape: Shape) -> Self {
        let lines = vec![Line::NOOP; shape.lines];
        Self { shape, lines }
    }

    /// A program whose lines are drawn at random: every choice of each line alike.
    pub fn random(shape: Shape, random: &mut Random) -> Self {
        let mut draw = || Line {
            instruction: Instruction::ALL[random.below(Instruction::ALL.len())],
            operands: std::array::from_fn(|_| random.below(shape.registers)),
            label: random.below(shape.lines),
        };
        let lines = (0..shape.lines).map(|_| draw()).collect();
        Self { shape, lines }
    }

    /// Whether it is a program of its shape.
    ///
    /// # Errors
    /// A shape that is none, another number of lines, an operand or a label that is not there.
    pub fn check(&self) -> Result<(), ProgramError> {
        self.shape.check()?;
        let Shape {
            registers, lines, ..
        } = self.shape;
        if self.lines.len() != lines {
            let found = self.lines.len();
            return Err(ProgramError::Lines { found, lines });
        }
        for (at, line) in self.lines.iter().enumerate() {
            let outside = |what, number, count| ProgramError::Outside {
                line: at,
                what,
                number,
                count,
            };
            if let Some(&operand) = line.operands.iter().find(|&&r| r >= registers) {
                return Err(outside("register", operand, registers));
            }
            if line.label >= lines {
                return Err(outside("line", line.label, lines));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        base: 8,
        registers: 2,
        lines: 3,
    };

    #[test]
    fn what_is_no_program_is_told() {
        let mut program = Program::of(SHAPE);
        assert_eq!(program.check(), Ok(()));
        program.lines[1].operands[2] = 2;
        let message = program.check().unwrap_err().to_string();
        assert_eq!(message, "line 1 names register 2, and there are 2");
        program.lines[1].operands[2] = 0;
        program.lines[2].label = 3;
        let message = program.check().unwrap_err().to_string();
        assert_eq!(message, "line 2 names line 3, and there are 3");
        program.lines.pop();
        let message = program.check().unwrap_err().to_string();
        assert_eq!(message, "a program of 2 lines for a machine of 3");
        let message = Shape { base: 1, ..SHAPE }.check().unwrap_err().to_string();
        assert_eq!(message, "a machine of base 1; it must be from 2 to 256");
    }
}
