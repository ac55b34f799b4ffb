//! Programs of the register machine that programs call: `(machine "name" number …)`.
//!
//! A library of assembly goes in; each of its programs becomes a model of a registry, whose text has a
//! procedure for each line, with the registers and the list of memory as its arguments.
//!
//! **Invariants**
//! - A call gives what the integer machine gives; its numbers are whole and have no derivatives.
//! - A step is an application or more, so limits hold for machines as for all programs: one that never
//!   halts is out of fuel.
//!
//! ```text
//! inc r0 r0   (define (L0 r0 m) (L1 (modulo (+ r0 1) 8) m))
//! halt        (define (L1 r0 m) r0)
//! ```

use super::error::Error;
use super::interpreter::Interpreter;
use super::registry::Registry;
use crate::machine::assembly::{Assembly, AssemblyError, read_library};
use crate::machine::{Instruction, Line, Shape};
use crate::syntax::MACHINE;
use std::fmt::Write as _;
use thiserror::Error;

/// Why a library's programs cannot be called.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The text is wrong.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// A program is larger than limits allow.
    #[error("the machine's program `{name}` cannot be called: {error}")]
    Model {
        /// The program's name.
        name: String,
        /// What is wrong.
        error: Box<Error>,
    },
}

impl Registry {
    /// Lets programs that are prepared with this registry call the programs of a library of assembly:
    /// `(machine "double" 3)`. A program that is there by the name already is replaced.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Registry, Workspace};
    ///
    /// let registry = Registry::new();
    /// let interpreter = Interpreter::embedded().with_models(&registry);
    /// registry.insert_machines(&interpreter, ".program double\n.base 16\nadd r0 r0 r0\nhalt")?;
    /// let model = interpreter.model("(* a (machine \"double\" n))")?;
    /// let inputs = Bindings::from([("a", 0.5), ("n", 7.0)]);
    /// assert_eq!(model.value(&inputs, &mut Workspace::new())?.number(), Some(7.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A text that is no library, with its place.
    pub fn insert_machines(
        &self,
        interpreter: &Interpreter,
        library: &str,
    ) -> Result<(), MachineError> {
        for (name, assembly) in read_library(library)? {
            let model = interpreter.model(&text(&assembly));
            let model = model.map_err(|error| MachineError::Model {
                name: name.clone(),
                error: Box::new(error),
            })?;
            let full = format!("{MACHINE}{name}");
            match self.find(&full) {
                Some(handle) if self.swap(handle, model.clone()).is_ok() => {}
                _ => {
                    self.insert(&full, model);
                }
            }
        }
        Ok(())
    }
}

/// A program as Scheme.
fn text(assembly: &Assembly) -> String {
    let Assembly {
        program,
        start,
        arguments,
        result,
    } = assembly;
    let Shape {
        base, registers, ..
    } = program.shape;
    let most = base - 1;
    let mut text = format!(
        "(define (number x)\n  (if (and (integer? x) (<= 0 x {most})) (floor x)\n      \
         (error \"a machine of base {base} takes whole numbers from 0 to {most}, got\" x)))\n\
         (define (write m a x)\n  (if (= a 0) (cons x (cdr m)) (cons (car m) (write (cdr m) (- a 1) x))))\n"
    );
    let names: Vec<String> = (0..registers).map(|at| format!("r{at}")).collect();
    for (at, line) in program.lines.iter().enumerate() {
        let next = (at + 1) % program.lines.len();
        let _ = write!(text, "(define (L{at} {} m) ", names.join(" "));
        let body = body(line, base, &names, *result, next);
        let _ = writeln!(text, "{body})");
    }
    text.push_str("(L0");
    for at in 0..registers {
        if at < *arguments {
            let _ = write!(text, " (number x{at})");
        } else {
            text.push_str(" 0");
        }
    }
    let memory: Vec<String> = start.memory.iter().map(ToString::to_string).collect();
    let _ = write!(text, " '({}))", memory.join(" "));
    text
}

/// What a line does: the call of the next, or the result.
fn body(line: &Line, base: usize, names: &[String], result: usize, next: usize) -> String {
    let [first, second, third] = line.operands;
    let (a, b) = (&names[first], &names[second]);
    let plain = names.join(" ");
    let sets = |value: String| {
        let mut names = names.to_vec();
        names[third] = value;
        format!("(L{next} {} m)", names.join(" "))
    };
    match line.instruction {
        Instruction::Noop => format!("(L{next} {plain} m)"),
        Instruction::Zero => sets("0".into()),
        Instruction::Inc => sets(format!("(modulo (+ {a} 1) {base})")),
        Instruction::Dec => sets(format!("(modulo (- {a} 1) {base})")),
        Instruction::Add => sets(format!("(modulo (+ {a} {b}) {base})")),
        Instruction::Sub => sets(format!("(modulo (- {a} {b}) {base})")),
        Instruction::Max => sets(format!("(max {a} {b})")),
        Instruction::Min => sets(format!("(min {a} {b})")),
        Instruction::Mod => sets(format!("(if (= {b} 0) {a} (modulo {a} {b}))")),
        Instruction::Read => sets(format!("(list-ref m {a})")),
        Instruction::Write => format!("(L{next} {plain} (write m {a} {b}))"),
        Instruction::Jump => {
            let label = line.label;
            format!("(if (= {a} 0) (L{label} {plain} m) (L{next} {plain} m))")
        }
        Instruction::Halt => names[result].clone(),
    }
}
