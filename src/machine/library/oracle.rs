//! A library on whole numbers: what the soft one does where every distribution is one-hot.
//!
//! Code and a state go in, the state after a step, or after many, comes out.
//!
//! **Invariants**
//! - Of lines that are instructions of the machine, a step is [`machine::oracle`]'s.
//! - A state that has halted does not change any more; what is not there reads as 0 and is not written.
//!
//! [`machine::oracle`]: crate::machine::oracle

use super::code::{Code, LibraryError, Operation};
use crate::machine::instruction::Instruction;
use crate::machine::oracle::State;

/// Does one line. The one behind it is next, and behind the last the first.
pub fn step(code: &Code, state: &mut State) {
    let shape = code.shape();
    let Some(line) = code.lines().get(state.line) else {
        return;
    };
    if state.halted {
        return;
    }
    let number = |register: usize| state.registers.get(register).copied().unwrap_or(0);
    let [r1, r2, r3] = line.operands;
    let (a, b) = (number(r1), number(r2));
    let next = (state.line + 1) % shape.lines;
    state.line = next;
    let result = match line.operation {
        Operation::Core(Instruction::Read) => Some(state.memory.get(a).copied().unwrap_or(0)),
        Operation::Core(one) => one.result(shape.base, a, b),
        Operation::Set => Some(line.number),
        Operation::Copy => Some(a),
        Operation::Store | Operation::Call => Some(next % shape.base),
        Operation::Return | Operation::Goto => None,
    };
    if let (Some(result), Some(register)) = (result, state.registers.get_mut(r3)) {
        *register = result;
    }
    match line.operation {
        Operation::Core(Instruction::Write) => {
            if let Some(cell) = state.memory.get_mut(a) {
                *cell = b;
            }
        }
        Operation::Core(Instruction::Jump) if a == 0 => state.line = line.label,
        Operation::Core(Instruction::Halt) => state.halted = true,
        Operation::Call => state.line = line.label,
        Operation::Return => state.line = a % shape.lines,
        Operation::Goto if a == 0 => state.line = b % shape.lines,
        _ => {}
    }
}

/// Does lines until the machine halts, at most so many; how many were done.
pub fn run(code: &Code, state: &mut State, steps: usize) -> usize {
    for done in 0..steps {
        if state.halted {
            return done;
        }
        step(code, state);
    }
    steps
}

/// The state in which a program is called from outside: its arguments from r0 on, and the link at the
/// library's last `halt`. All else is 0.
///
/// # Errors
/// No such program, another number of arguments, or one that is not below the base.
pub fn start(code: &Code, name: &str, arguments: &[usize]) -> Result<State, LibraryError> {
    let program = code.program(name)?;
    if arguments.len() != program.arguments {
        return Err(LibraryError::Arguments {
            name: name.to_owned(),
            wanted: program.arguments,
            found: arguments.len(),
        });
    }
    let shape = code.shape();
    if let Some(number) = arguments.iter().find(|&&number| number >= shape.base) {
        return Err(LibraryError::Range {
            what: "an argument",
            found: number.to_string(),
            wanted: format!("below the base of {}", shape.base),
        });
    }
    let mut state = State::of(shape);
    // Arguments win where one of them is the link: such a program halts by itself.
    state.registers[code.link()] = code.exit() % shape.base;
    state.registers[..arguments.len()].copy_from_slice(arguments);
    state.line = program.lines.start;
    Ok(state)
}

/// Calls a program: the number that it gives back.
///
/// # Errors
/// Those of [`start`], and a program that has not halted after so many steps.
pub fn call(
    code: &Code,
    name: &str,
    arguments: &[usize],
    steps: usize,
) -> Result<usize, LibraryError> {
    let mut state = start(code, name, arguments)?;
    run(code, &mut state, steps);
    if !state.halted {
        let name = name.to_owned();
        return Err(LibraryError::Endless { name, steps });
    }
    Ok(state.registers[code.program(name)?.result])
}
