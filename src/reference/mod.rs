//! The reference engine: values and gradients of a program by dfdx alone, slowly and obviously.
//!
//! A [`Graph`] and numbers go in, as a walk takes them; the value and its derivatives come out.
//!
//! **Invariants**
//! - Every value is a dfdx tensor of 14 numbers, every number comes from dfdx's operations, every
//!   derivative from dfdx's backward pass: one pass a number of the result, each after a run of its
//!   own.
//! - Conditionals on numbers that depend on inputs are multiplexers where both arms come to numbers
//!   or booleans soon and quietly; elsewhere control takes the arm.
//! - Fuel, errors, their places and call chains are the engine's. It is for small programs: what
//!   takes more than a million cells, 131072 procedures under way or 262144 operations on numbers is
//!   a `resource` error.

mod cell;
mod checks;
mod gamma;
mod machine;
mod normal;
pub mod prim;
mod slope;
mod soft;
mod special;
mod structure;
mod tape;
mod text;
mod vectors;

use crate::graph::Graph;
use crate::prim::relaxation::Relaxation;
use crate::prim::tagged::TypeTag;
use crate::source::Span;
use crate::trace::record;
use crate::walk::{EvalError, InputValue, Limits, Output, Stats};
use cell::Cell;
use dfdx::prelude::Cpu;
use machine::{Given, Machine};
use tape::{Number, SharedTape, derivative, leaf};

/// What is asked of a program.
pub(crate) struct Question<'a> {
    /// Values of the inputs, by their numbers.
    pub(crate) inputs: &'a [InputValue],
    /// Which literals are leaves: place, and index among `numbers`.
    pub(crate) literals: &'a [(Span, u32)],
    /// The numbers of inputs and literals: the leaves that derivatives are by.
    pub(crate) numbers: &'a [f64],
    /// The leaves to differentiate by, if there are to be derivatives.
    pub(crate) by: Option<&'a [u32]>,
    /// Which of the value's numbers to differentiate; all, if none are named.
    pub(crate) rows: Option<&'a [usize]>,
    pub(crate) relaxation: Relaxation,
    pub(crate) limits: &'a Limits,
}

/// A value, and its derivatives where they were asked for and it is made of numbers.
pub(crate) struct Answer {
    pub(crate) value: Output,
    pub(crate) stats: Stats,
    /// How many of the value's numbers were differentiated.
    pub(crate) rows: usize,
    /// Row-major: a row for each of them.
    pub(crate) derivatives: Vec<f64>,
}

/// Evaluates a graph that is known to be sound.
///
/// # Errors
/// When the program fails or a limit is met. An unbound name comes without a suggestion.
pub(crate) fn run(graph: &Graph, question: &Question<'_>) -> Result<Answer, Box<EvalError>> {
    let device = Cpu::default();
    let first = Run::new(graph, question, &device)?;
    let (value, stats) = (first.value.clone(), first.stats);
    let mut answer = Answer {
        value,
        stats,
        rows: 0,
        derivatives: Vec::new(),
    };
    let Some(by) = question.by.filter(|_| answer.value.is_numeric()) else {
        return Ok(answer);
    };
    let all: Vec<usize> = (0..first.numbers.len()).collect();
    let rows = question.rows.unwrap_or(&all);
    answer.rows = rows.len();
    let mut first = Some(first);
    for &output in rows {
        // A backward pass uses the tape up.
        let run = match first.take() {
            Some(run) => run,
            None => Run::new(graph, question, &device)?,
        };
        run.differentiate(output, by, &mut answer.derivatives);
    }
    Ok(answer)
}

/// A finished run: the value, and the tape to differentiate it once.
struct Run {
    value: Output,
    /// The cells of the value's numbers.
    numbers: Vec<Cell>,
    tape: SharedTape,
    leaves: Vec<Number>,
    stats: Stats,
}

impl Run {
    fn new(graph: &Graph, question: &Question<'_>, device: &Cpu) -> Result<Self, Box<EvalError>> {
        let tape = SharedTape::new();
        let numbers = question.numbers.iter();
        let leaves: Vec<Number> = numbers.map(|&x| leaf(device, x, &tape)).collect();
        let cells: Vec<Cell> = leaves.iter().map(|x| input_cell(x, &tape)).collect();
        let cell = |number: &record::Number| match number.node.index() {
            Some(leaf) => cells[leaf as usize].clone(),
            None => unreachable!("all numbers of inputs are leaves"),
        };
        let all = |items: &[record::Number]| items.iter().map(cell).collect();
        let inputs = question.inputs.iter().map(|input| match input {
            InputValue::Number(x) => Given::Number(cell(x)),
            InputValue::List(items) => Given::List(all(items)),
            InputValue::Array(shape, items) => Given::Array(*shape, all(items)),
            InputValue::Missing => Given::Missing,
        });
        let literal = |span: Span| {
            let found = question.literals.iter().find(|literal| literal.0 == span);
            found.map(|literal| cells[literal.1 as usize].clone())
        };
        let mut machine = Machine::new(
            graph,
            device,
            tape.clone(),
            question.limits,
            question.relaxation,
            inputs.collect(),
            &literal,
        );
        let result = machine.run()?;
        let (value, numbers) = machine.result(&result)?;
        Ok(Self {
            value,
            numbers,
            stats: machine.stats(),
            tape,
            leaves,
        })
    }

    /// Appends the derivatives of one number of the value.
    fn differentiate(self, output: usize, by: &[u32], derivatives: &mut Vec<f64>) {
        let cell = &self.numbers[output];
        let Some(node) = cell.node else {
            derivatives.extend(by.iter().map(|_| 0.0));
            return;
        };
        let mut gradients = self.tape.gradients(cell.number(), node);
        let leaves = by.iter().map(|&leaf| &self.leaves[leaf as usize]);
        derivatives.extend(leaves.map(|leaf| derivative(&mut gradients, leaf)));
    }
}

/// An input is a float.
fn input_cell(number: &Number, tape: &SharedTape) -> Cell {
    let cell = Cell::of_number(number.clone(), TypeTag::Float);
    let node = tape.entry(Vec::new());
    cell.with_node(Some(node))
}
