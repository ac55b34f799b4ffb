//! Programs of the language as entries: numbers in, numbers out, constants to learn.
//!
//! A model and the names of its inputs go in; an entry comes out whose constants are the model's params.
//!
//! **Invariants**
//! - Values and derivatives are those of [`ProgramModule`](crate::dfdx::ProgramModule): one way through
//!   rows serves both.

use super::entry::{Entry, check};
use crate::dfdx::constants::Constant;
use crate::dfdx::error::ModuleError;
use crate::dfdx::rows::{Backward, Definition, Outputs};
use crate::model::Model;
use crate::model::bindings::{Bindings, Input};
use std::sync::Arc;

/// A program of the language.
#[derive(Clone, Debug)]
pub struct SchemeEntry {
    name: String,
    program: Arc<Definition>,
    widths: Vec<usize>,
    outputs: usize,
}

impl SchemeEntry {
    /// A program whose inputs of these names are a number each, and which gives so many numbers. Its
    /// params are constants, those with ranges too.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when the program has no such input, or others beside.
    pub fn new(
        name: &str,
        model: &Model,
        inputs: &[&str],
        outputs: usize,
    ) -> Result<Self, ModuleError> {
        let shapes = inputs.iter().map(|&name| (name, Input::Number(0.0)));
        Self::of(
            name,
            model,
            inputs,
            shapes.collect(),
            vec![1; inputs.len()],
            outputs,
        )
    }

    /// A program with one input, a vector of all numbers of a row.
    ///
    /// # Errors
    /// As [`SchemeEntry::new`]; a vector of no numbers.
    pub fn of_vector(
        name: &str,
        model: &Model,
        input: &str,
        numbers: usize,
        outputs: usize,
    ) -> Result<Self, ModuleError> {
        if numbers == 0 {
            let what = format!("`{input}` would be an array without numbers");
            return Err(ModuleError::Request(what));
        }
        let shapes = Bindings::from([(input, Input::Vector(vec![0.0; numbers]))]);
        Self::of(name, model, &[input], shapes, vec![numbers], outputs)
    }

    fn of(
        name: &str,
        model: &Model,
        inputs: &[&str],
        shapes: Bindings,
        widths: Vec<usize>,
        outputs: usize,
    ) -> Result<Self, ModuleError> {
        let params = model.params().iter();
        let params = params.filter(|param| !inputs.contains(&param.name.as_str()));
        let constants =
            params.map(|param| Constant::new(&param.name, param.init, param.constraint));
        let constants = constants.collect::<Result<Vec<_>, _>>()?;
        let program = Definition::new(model, inputs, shapes, constants, &Bindings::new())?;
        Ok(Self {
            name: name.to_owned(),
            program: Arc::new(program),
            widths,
            outputs,
        })
    }
}

impl Entry for SchemeEntry {
    fn name(&self) -> &str {
        &self.name
    }

    fn widths(&self) -> Vec<usize> {
        self.widths.clone()
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn constants(&self) -> Vec<(String, f64)> {
        let constants = self.program.constants.iter();
        constants
            .map(|one| (one.name.clone(), one.bound.coordinate(one.init)))
            .collect()
    }

    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        let constants = self.program.constants.iter().zip(coordinates);
        constants.map(|(one, &z)| one.bound.value(z)).collect()
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        let count = check(self, rows, constants, out)?;
        let size = [self.row(), self.outputs];
        let values = self.values(constants);
        let done = self.program.evaluate(size, rows, count, &values, false)?;
        out.copy_from_slice(&done.values);
        Ok(())
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError> {
        let count = check(self, rows, constants, by_out)?;
        let size = [self.row(), self.outputs];
        let values = self.values(constants);
        let Outputs { jacobian, .. } = self.program.evaluate(size, rows, count, &values, true)?;
        let bounds = self.program.constants.iter().zip(constants);
        let backward = Backward {
            jacobian,
            size,
            rows: count,
            slopes: bounds.map(|(one, &z)| one.bound.slope(z)).collect(),
            program: self.program.clone(),
        };
        let by = backward.pull_back(by_out, by_rows);
        for (to, ct) in by_constants.iter_mut().zip(by) {
            *to += ct;
        }
        Ok(())
    }
}
