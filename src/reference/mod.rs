//! The reference engine: values and gradients of a program by dfdx alone, slowly and obviously.
//!
//! A [`Graph`] and bindings go in; an [`Evaluation`] comes out, of the same types as a
//! [`Model`](crate::Model) gives.
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
//!
//! ```
//! use dmci::{Bindings, Interpreter, Limits, Wrt, compile_program, dfdx::reference};
//!
//! let graph = compile_program(&Interpreter::embedded(), "(if (> x 0) (* x (log x)) 0)")?;
//! let inputs = Bindings::from([("x", 1.0)]);
//! let answer = reference::evaluate(&graph, &inputs, Wrt::Names(&["x"]), &Limits::default())?;
//! assert_eq!(answer.gradient.get("x"), Some(1.0));
//! # Ok::<(), dmci::Error>(())
//! ```

mod cell;
mod machine;
pub mod prim;
mod soft;
mod structure;
mod tape;
mod vectors;

use crate::error::{Error, Kind};
use crate::graph::{Graph, GraphConstant, verify};
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::{Evaluation, Extent, Gradient};
use crate::model::nearest;
use crate::prim::Prim;
use crate::prim::relaxation::Relaxation;
use crate::prim::tagged::TypeTag;
use crate::source::{Position, Span};
use crate::syntax::ast::Constant;
use crate::walk::{EvalError, Limits, Output, Stats};
use cell::Cell;
use dfdx::prelude::Cpu;
use machine::{Given, Machine};
use tape::{Number, SharedTape, derivative, leaf};

/// Evaluates a program's own graph, and differentiates its value by `wrt`.
///
/// # Errors
/// When the graph is damaged, the program fails, a limit is met, `wrt` names nothing, or a gradient
/// is asked for of a value that holds anything but numbers.
pub fn evaluate(
    graph: &Graph,
    bindings: &Bindings,
    wrt: Wrt<'_>,
    limits: &Limits,
) -> Result<Evaluation, Error> {
    verify(graph)?;
    let literals: Vec<(Span, f64)> = literals(graph).collect();
    let question = Question {
        bindings,
        wrt,
        rows: None,
        relaxation: Relaxation::default(),
        limits,
    };
    run(graph, &literals, &question).map_err(|error| match error {
        Error::Eval(error) => explain(graph, *error).into(),
        error => error,
    })
}

/// What is asked of a program.
pub(crate) struct Question<'a> {
    pub(crate) bindings: &'a Bindings,
    pub(crate) wrt: Wrt<'a>,
    /// Which of the value's numbers to differentiate; all, if none are named.
    pub(crate) rows: Option<&'a [usize]>,
    pub(crate) relaxation: Relaxation,
    pub(crate) limits: &'a Limits,
}

/// The same for a graph that is known to be sound, and the float literals of its text, those that
/// the graph has no use for too. An unbound name comes without a suggestion.
pub(crate) fn run(
    graph: &Graph,
    literals: &[(Span, f64)],
    question: &Question<'_>,
) -> Result<Evaluation, Error> {
    let &Question {
        bindings,
        wrt,
        relaxation,
        limits,
        ..
    } = question;
    let inputs: Vec<Option<Input>> = graph
        .inputs
        .iter()
        .map(|name| {
            let param = graph.params.iter().find(|param| param.name == *name);
            let initial = param.map(|param| Input::Number(param.init));
            bindings.get(name).cloned().or(initial)
        })
        .collect();
    let columns = columns(graph, literals, bindings, &inputs, wrt)?;
    let asked: Vec<(Span, f64)> = columns
        .iter()
        .filter_map(|column| match column.variable {
            Variable::Literal(span, value) => Some((span, value)),
            _ => None,
        })
        .collect();
    let mut program = Program {
        graph,
        inputs: &inputs,
        literals: &asked,
        relaxation,
        limits,
        device: Cpu::default(),
    };
    let first = program.run()?;
    let (value, stats) = (first.value.clone(), first.stats);
    if columns.is_empty() {
        return Ok(Evaluation {
            value,
            gradient: Gradient::default(),
            stats,
        });
    }
    if !value.is_numeric() {
        return Err(not_numeric(graph, stats).into());
    }
    let outputs = first.numbers.len();
    let mut first = Some(first);
    let all: Vec<usize> = (0..outputs).collect();
    let asked = question.rows.unwrap_or(&all);
    let mut rows = Vec::with_capacity(asked.len());
    for &output in asked {
        // A backward pass uses the tape up.
        let run = match first.take() {
            Some(run) => run,
            None => program.run()?,
        };
        rows.push(run.differentiate(output));
    }
    let gradient = Gradient::new(columns.into_iter().map(|column| {
        let derivatives = rows.iter().flat_map(|row| row.by(&column.variable));
        let jacobian = derivatives.collect();
        let length = match column.variable {
            Variable::List(_, extent) => extent,
            _ => Extent::Number,
        };
        (column.name, length, jacobian)
    }));
    Ok(Evaluation {
        value,
        gradient,
        stats,
    })
}

// ---- one run ---------------------------------------------------------------------------------

struct Program<'a> {
    graph: &'a Graph,
    inputs: &'a [Option<Input>],
    literals: &'a [(Span, f64)],
    relaxation: Relaxation,
    limits: &'a Limits,
    device: Cpu,
}

/// A finished run: the value, and the tape to differentiate it once.
struct Run {
    value: Output,
    /// The cells of the value's numbers.
    numbers: Vec<Cell>,
    tape: SharedTape,
    /// For each input its numbers, and the literals after them.
    leaves: Vec<Vec<Number>>,
    literals: Vec<(Span, Number)>,
    stats: Stats,
}

impl Program<'_> {
    fn run(&mut self) -> Result<Run, Error> {
        let tape = SharedTape::new();
        let mut leaves = Vec::new();
        let mut given = Vec::new();
        for input in self.inputs {
            let numbers = input.as_ref().map_or(&[][..], Input::numbers);
            let numbers: Vec<Number> = numbers
                .iter()
                .map(|&x| leaf(&self.device, x, &tape))
                .collect();
            let mut cells = numbers.iter().map(|number| input_cell(number, &tape));
            given.push(match input {
                Some(Input::Number(_)) => Given::Number(cells.next().expect("one number")),
                Some(Input::List(_)) => Given::List(cells.collect()),
                Some(array) => match array.shape()? {
                    Some(shape) => Given::Array(shape, cells.collect()),
                    None => Given::Missing,
                },
                None => Given::Missing,
            });
            leaves.push(numbers);
        }
        let literals: Vec<(Span, Number, Cell)> = self
            .literals
            .iter()
            .map(|&(span, x)| {
                let number = leaf(&self.device, x, &tape);
                let cell = input_cell(&number, &tape);
                (span, number, cell)
            })
            .collect();
        let literal = |span: Span| {
            let found = literals.iter().find(|literal| literal.0 == span);
            found.map(|literal| literal.2.clone())
        };
        let mut machine = Machine::new(
            self.graph,
            &self.device,
            tape.clone(),
            self.limits,
            self.relaxation,
            given,
            &literal,
        );
        let result = machine.run().map_err(Error::Eval)?;
        let (value, numbers) = machine.result(&result)?;
        Ok(Run {
            value,
            numbers,
            stats: machine.stats(),
            tape,
            leaves,
            literals: literals.into_iter().map(|(s, n, _)| (s, n)).collect(),
        })
    }
}

/// An input is a float.
fn input_cell(number: &Number, tape: &SharedTape) -> Cell {
    let cell = Cell::of_number(number.clone(), TypeTag::Float);
    let node = tape.entry(Vec::new());
    cell.with_node(Some(node))
}

/// The derivatives of one number of the value.
struct Row {
    inputs: Vec<Vec<f64>>,
    literals: Vec<(Span, f64)>,
}

impl Run {
    fn differentiate(self, output: usize) -> Row {
        let cell = &self.numbers[output];
        let Some(node) = cell.node else {
            return Row {
                inputs: self.leaves.iter().map(|l| vec![0.0; l.len()]).collect(),
                literals: self.literals.iter().map(|&(span, _)| (span, 0.0)).collect(),
            };
        };
        let mut gradients = self.tape.gradients(cell.number(), node);
        let mut by = |leaf: &Number| derivative(&mut gradients, leaf);
        Row {
            inputs: self
                .leaves
                .iter()
                .map(|leaves| leaves.iter().map(&mut by).collect())
                .collect(),
            literals: self
                .literals
                .iter()
                .map(|(span, leaf)| (*span, by(leaf)))
                .collect(),
        }
    }
}

impl Row {
    fn by(&self, variable: &Variable) -> Vec<f64> {
        match *variable {
            Variable::Number(input) | Variable::List(input, _) => self.inputs[input].clone(),
            Variable::Literal(span, _) => {
                let found = self.literals.iter().find(|literal| literal.0 == span);
                found.map(|literal| literal.1).into_iter().collect()
            }
            Variable::Unused => vec![0.0],
        }
    }
}

// ---- the request -----------------------------------------------------------------------------

/// A name of `wrt`, resolved.
struct Column {
    name: String,
    variable: Variable,
}

enum Variable {
    /// An input that is a number.
    Number(usize),
    /// An input that is a list, vector or matrix.
    List(usize, Extent),
    /// A float literal, and its value.
    Literal(Span, f64),
    /// Bound to nothing that the program could use.
    Unused,
}

fn columns(
    graph: &Graph,
    literals: &[(Span, f64)],
    bindings: &Bindings,
    inputs: &[Option<Input>],
    wrt: Wrt<'_>,
) -> Result<Vec<Column>, Error> {
    let names: Vec<&str> = match wrt {
        Wrt::Nothing => Vec::new(),
        Wrt::Names(names) => names.to_vec(),
        Wrt::All => {
            let given = graph.inputs.iter().zip(inputs).filter(|(_, i)| i.is_some());
            given.map(|(name, _)| name.as_str()).collect()
        }
    };
    let column = |name: &str| {
        let variable = if let Some(place) = name.strip_prefix('@') {
            literal(graph, literals, name, place)?
        } else if let Some(input) = graph.inputs.iter().position(|n| n == name) {
            match &inputs[input] {
                Some(Input::Number(_)) => Variable::Number(input),
                Some(Input::List(items)) => Variable::List(input, Extent::List(items.len())),
                Some(array) => match array.shape()? {
                    Some(shape) => Variable::List(input, Extent::of(shape)),
                    None => Variable::Unused,
                },
                None => Variable::Unused,
            }
        } else if bindings.get(name).is_some() {
            Variable::Unused
        } else {
            let near = nearest(name, graph.inputs.iter().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(Error::Request(format!(
                "`{name}` in wrt names no input, param or literal of the program{hint}"
            )));
        };
        let name = name.to_owned();
        Ok(Column { name, variable })
    };
    names.into_iter().map(column).collect()
}

/// The float literals of a graph that `wrt` can name.
fn literals(graph: &Graph) -> impl Iterator<Item = (Span, f64)> {
    graph
        .constants
        .iter()
        .filter_map(|constant| match constant {
            GraphConstant::Value(Constant::Float(x), Some(span)) => Some((*span, *x)),
            _ => None,
        })
}

fn literal(
    graph: &Graph,
    literals: &[(Span, f64)],
    name: &str,
    place: &str,
) -> Result<Variable, Error> {
    let start = place.split_once(':').and_then(|(line, column)| {
        let position = Position {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        };
        position.offset(&graph.text)
    });
    let found = literals.iter().find(|(span, _)| Some(span.start) == start);
    let Some(&(span, value)) = found else {
        return Err(Error::Request(format!(
            "`{name}` in wrt: no float literal of the code starts there; \
             write `@line:column` of a number with a point or exponent"
        )));
    };
    Ok(Variable::Literal(span, value))
}

// ---- errors ----------------------------------------------------------------------------------

fn not_numeric(graph: &Graph, stats: Stats) -> EvalError {
    let whole = Span::new(0, graph.text.len() as u32);
    EvalError {
        span: Some(whole),
        position: Some(whole.position(&graph.text)),
        stats,
        ..EvalError::new(
            Kind::Type,
            "only numbers, in lists, vectors and matrices too, have a gradient, and the value holds more",
        )
    }
}

/// Adds to an unbound name the spelling that may have been meant.
fn explain(graph: &Graph, mut error: EvalError) -> EvalError {
    let name = error.message.split('`').nth(1).map(str::to_owned);
    if error.kind == Kind::Unbound
        && error.message.ends_with("is not bound to anything")
        && let Some(name) = name
    {
        let mut known: Vec<&str> = Prim::names().collect();
        known.extend(graph.inputs.iter().map(String::as_str));
        known.retain(|known| *known != name);
        if let Some(near) = nearest(&name, known.into_iter()) {
            error.message = format!("{}; is it `{near}`?", error.message);
        }
    }
    error
}
