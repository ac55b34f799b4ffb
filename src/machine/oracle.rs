//! The machine on whole numbers: what the soft one does where every distribution is one-hot.
//!
//! A program and a state go in, the state after a step, or after many, comes out.
//!
//! **Invariants**
//! - A step reads operands before it writes anything.
//! - A state that has halted does not change any more.
//! - A register, cell or line that is not there reads as 0 and is not written.

use super::definition::{Definition, Destination};
use super::instruction::Instruction;
use super::program::{Program, Shape};

/// What a machine holds between two steps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The registers' numbers.
    pub registers: Vec<usize>,
    /// The cells' numbers, by address.
    pub memory: Vec<usize>,
    /// The line that is done next.
    pub line: usize,
    /// Whether the machine has stopped.
    pub halted: bool,
}

impl State {
    /// A state of zeros, before the first line.
    pub fn of(shape: Shape) -> Self {
        Self {
            registers: vec![0; shape.registers],
            memory: vec![0; shape.base],
            line: 0,
            halted: false,
        }
    }
}

/// Does one line. The one after it is next, and after the last the first.
pub fn step(program: &Program, state: &mut State) {
    step_by(&Definition::default(), program, state);
}

/// Does one line of a machine with variants; of the variant `register`, a jump goes to the number in
/// r2 modulo the lines.
pub fn step_by(definition: &Definition, program: &Program, state: &mut State) {
    let Some(line) = program.lines.get(state.line) else {
        return;
    };
    if state.halted {
        return;
    }
    let number = |register: usize| state.registers.get(register).copied().unwrap_or(0);
    let [r1, r2, r3] = line.operands;
    let (a, b) = (number(r1), number(r2));
    let next = state.line + 1;
    state.line = if next < program.lines.len() { next } else { 0 };
    let result = match line.instruction {
        Instruction::Read => Some(state.memory.get(a).copied().unwrap_or(0)),
        other => other.result(program.shape.base, a, b),
    };
    if let (Some(result), Some(register)) = (result, state.registers.get_mut(r3)) {
        *register = result;
    }
    match line.instruction {
        Instruction::Write => {
            if let Some(cell) = state.memory.get_mut(a) {
                *cell = b;
            }
        }
        Instruction::Jump if a == definition.jumps_on() => {
            state.line = match definition.destination {
                Destination::Label => line.label,
                Destination::Register => b % program.lines.len(),
            };
        }
        Instruction::Halt => state.halted = true,
        _ => {}
    }
}

/// Does lines until the machine halts, at most so many; how many were done.
pub fn run(program: &Program, state: &mut State, steps: usize) -> usize {
    run_by(&Definition::default(), program, state, steps)
}

/// The same of a machine with variants.
pub fn run_by(
    definition: &Definition,
    program: &Program,
    state: &mut State,
    steps: usize,
) -> usize {
    for done in 0..steps {
        if state.halted {
            return done;
        }
        step_by(definition, program, state);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::program::Line;

    const SHAPE: Shape = Shape {
        base: 8,
        registers: 3,
        lines: 8,
    };

    fn program(lines: &[(Instruction, [usize; 3], usize)]) -> Program {
        let mut program = Program::of(SHAPE);
        for (to, &(instruction, operands, label)) in program.lines.iter_mut().zip(lines) {
            *to = Line {
                instruction,
                operands,
                label,
            };
        }
        program.check().expect("a program");
        program
    }

    /// Adds one to each cell up to the first that holds 0. A jump on a register that stays 0 is one
    /// that is always taken.
    fn map_inc() -> Program {
        use Instruction::{Halt, Inc, Jump, Read, Write};
        program(&[
            (Read, [0, 0, 1], 0),
            (Jump, [1, 0, 0], 6),
            (Inc, [1, 0, 1], 0),
            (Write, [0, 1, 0], 0),
            (Inc, [0, 0, 0], 0),
            (Jump, [2, 0, 0], 0),
            (Halt, [0, 0, 0], 0),
        ])
    }

    #[test]
    fn a_loop_over_memory_halts() {
        let mut state = State::of(SHAPE);
        state.memory[..3].copy_from_slice(&[3, 7, 1]);
        // Three rounds of six, and the two lines that find the end and halt behind a read.
        assert_eq!(run(&map_inc(), &mut state, 100), 3 * 6 + 3);
        assert_eq!(state.memory, [4, 0, 2, 0, 0, 0, 0, 0]);
        assert!(state.halted);
        let before = state.clone();
        assert_eq!(run(&map_inc(), &mut state, 100), 0);
        step(&map_inc(), &mut state);
        assert_eq!(state, before);
    }

    #[test]
    fn the_first_line_follows_the_last() {
        let mut state = State::of(SHAPE);
        let program = Program::of(SHAPE);
        assert_eq!(run(&program, &mut state, 17), 17);
        assert_eq!(state.line, 1);
    }

    #[test]
    fn what_is_not_there_is_zero() {
        let mut wild = Program::of(SHAPE);
        wild.lines[0] = Line {
            instruction: Instruction::Add,
            operands: [9, usize::MAX, 9],
            label: 99,
        };
        wild.lines[1] = Line {
            instruction: Instruction::Jump,
            operands: [0; 3],
            label: 99,
        };
        let mut state = State::of(SHAPE);
        run(&wild, &mut state, 5);
        assert_eq!(state.registers, [0; 3]);
        assert_eq!(state.line, 99);
        let empty = Program {
            shape: SHAPE,
            lines: Vec::new(),
        };
        run(&empty, &mut State::of(SHAPE), 5);
    }
}
