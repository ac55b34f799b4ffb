//! The differentiable register machine: programs of registers and jumps whose instructions are soft.
//!
//! A [`Program`] and a [`State`] go in, the state some steps later comes out, as whole numbers.
//! `examples/register_machine/machine.scm` is the definition of the soft machine; what is here is
//! the same on whole numbers, and judged by it.
//!
//! **Invariants**
//! - Nothing here knows of Scheme.
//! - What an instruction does to whole numbers stands in [`Instruction::result`] and
//!   [`oracle::step`], and nowhere else.
//! - Every function is total: what lies outside a machine's shape reads as 0 and is not written.
//!
//! ```
//! use dmci::machine::{Instruction, Line, Program, Shape, State, oracle};
//!
//! // Adds one to what memory holds at 0, and halts.
//! let shape = Shape { base: 8, registers: 2, lines: 4 };
//! let line = |instruction, operands| Line { instruction, operands, label: 0 };
//! let mut program = Program::of(shape);
//! program.lines[0] = line(Instruction::Read, [0, 0, 1]);
//! program.lines[1] = line(Instruction::Inc, [1, 0, 1]);
//! program.lines[2] = line(Instruction::Write, [0, 1, 0]);
//! program.lines[3] = line(Instruction::Halt, [0, 0, 0]);
//! let mut state = State::of(shape);
//! state.memory[0] = 6;
//! assert_eq!(oracle::run(&program, &mut state, 100), 4);
//! assert_eq!((state.memory[0], state.halted), (7, true));
//! ```

pub mod assembly;
pub mod circuits;
pub mod definition;
pub mod files;
pub mod instruction;
pub mod kernel;
mod lanes;
pub mod library;
pub mod loss;
pub mod numbers;
pub mod oracle;
pub mod program;
pub mod search;
pub mod soft;
mod step;
pub mod synthesis;
pub mod table;
pub mod tasks;
pub mod tune;
pub mod weights;

pub use definition::Definition;
pub use instruction::Instruction;
pub use kernel::{Kernel, Pulled, Scratch};
pub use lanes::Number;
pub use loss::{Example, Loss, Wanted};
pub use oracle::State;
pub use program::{Line, Program, ProgramError, Shape};
pub use soft::SoftState;
pub use step::STOPPED;
pub use tune::{Precision, Start, Try, TuneError, TuneOptions, Tuned, tune};
pub use weights::{Compilation, Spread, Weights};
