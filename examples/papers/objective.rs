//! The mean squared error of a program over rows, with its gradient, through the interpreter or another mode.
//!
//! A program that defines `(model input …)`, its constants' names and columns go in; values and gradients at
//! other constants come out.
//!
//! **Invariants**
//! - The rows are lanes of one call: the program is text, run by the mode it is told, and walked once for each
//!   of its paths.

use crate::report::Failure;
use dmci::{Bindings, Evaluator, Interpreter, Lane, Limits, Mode, Model, Threads};

/// A law as a program.
#[derive(Clone, Copy)]
pub(crate) struct Law {
    pub(crate) name: &'static str,
    /// Its text, which defines `model`.
    pub(crate) text: &'static str,
    /// Its constants, with values that make data.
    pub(crate) constants: &'static [(&'static str, f64)],
    /// What `model` takes, each with the range its rows are spread over.
    pub(crate) inputs: &'static [(&'static str, [f64; 2])],
    /// The same law, written by hand: constants and inputs go in.
    pub(crate) by_hand: fn(&[f64], &[f64]) -> f64,
}

impl Law {
    /// Its constants' values.
    pub(crate) fn truth(&self) -> Vec<f64> {
        self.constants.iter().map(|constant| constant.1).collect()
    }

    /// Columns of inputs, `rows` long: the first is even, others are the same numbers in other orders.
    pub(crate) fn columns(&self, rows: usize) -> Vec<Vec<f64>> {
        // Steps that share no factor with the rows visit all of them.
        let steps = [1, 7, 11, 13];
        let column = |(&(_, [low, high]), step): (&(&str, [f64; 2]), usize)| {
            let place = |row: usize| (row * step % rows) as f64 / (rows - 1) as f64;
            (0..rows)
                .map(|row| low + (high - low) * place(row))
                .collect()
        };
        self.inputs.iter().zip(steps).map(column).collect()
    }

    /// What the law written by hand gives for rows.
    pub(crate) fn targets(&self, constants: &[f64], columns: &[Vec<f64>]) -> Vec<f64> {
        let rows = columns.first().map_or(0, Vec::len);
        let row = |row: usize| columns.iter().map(|column| column[row]).collect::<Vec<_>>();
        (0..rows)
            .map(|at| (self.by_hand)(constants, &row(at)))
            .collect()
    }

    /// The program with an expression behind it; `(model …)` is applied to the inputs where it says `CALL`.
    fn model(&self, expression: &str, mode: Mode) -> Result<Model, Failure> {
        let inputs: Vec<&str> = self.inputs.iter().map(|input| input.0).collect();
        let call = format!("(model {})", inputs.join(" "));
        let text = format!("{}\n{}", self.text, expression.replace("CALL", &call));
        let names = self
            .constants
            .iter()
            .map(|constant| constant.0)
            .chain(inputs);
        let bindings: Bindings = names.chain(["y"]).map(|name| (name, 1.0)).collect();
        Ok(Interpreter::embedded().model_for(&text, &bindings, mode)?)
    }
}

/// The loss of a law on rows.
pub(crate) struct Objective {
    evaluator: Evaluator,
    constants: usize,
    columns: Vec<Vec<f64>>,
}

impl Objective {
    /// The mean squared error beside `targets`.
    pub(crate) fn new(
        law: &Law,
        columns: &[Vec<f64>],
        targets: &[f64],
        mode: Mode,
    ) -> Result<Self, Failure> {
        let mut columns = columns.to_vec();
        columns.push(targets.to_vec());
        let model = law.model("(square (- CALL y))", mode)?;
        let constants: Vec<&str> = law.constants.iter().map(|constant| constant.0).collect();
        let inputs = law.inputs.iter().map(|input| input.0).chain(["y"]);
        let varied: Vec<&str> = constants.iter().copied().chain(inputs).collect();
        let limits = Limits::default().fuel(u64::MAX);
        let evaluator = model.evaluator(&Bindings::new(), &varied, &constants, &limits)?;
        Ok(Self {
            evaluator: evaluator.threads(Threads::ONE),
            constants: constants.len(),
            columns,
        })
    }

    /// The mean over rows at some constants; its gradient goes to `gradient`, unless that is empty.
    pub(crate) fn at(&mut self, constants: &[f64], gradient: &mut [f64]) -> Result<f64, Failure> {
        debug_assert_eq!(constants.len(), self.constants);
        let shared = constants.iter().map(|x| Lane::Shared(*x));
        let each = self.columns.iter().map(|column| Lane::Each(column));
        let inputs: Vec<Lane<'_>> = shared.chain(each).collect();
        let rows = self.columns[0].len() as f64;
        let sum = self.evaluator.sum(&inputs, gradient)?;
        for slope in gradient {
            *slope /= rows;
        }
        Ok(sum / rows)
    }
}
