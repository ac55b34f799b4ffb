//! A program at the rows of a batch, and the way back: what a module computes, without tensors.
//!
//! Rows of numbers and constants go in; the outputs of each row come out and, where they are asked
//! for, the Jacobians that lead cotangents back.
//!
//! **Invariants**
//! - Rows know nothing of each other: many have the same bits, values and derivatives, as one at a
//!   time. Many run as lanes, a few one after the other.
//! - What was looked up for one call is kept for the next.
//! - Large batches are done in parts that stay in the cache, on the model's threads; parts have no say
//!   in the bits.
//!
//! ```text
//! rows: (part, I), row by row ──▶ columns: (I, part) ──▶ lanes ──▶ values: (O, part)
//!                                                                  derivatives: (O, I + P, part)
//! ```

use super::constants::{Constant, narrow, widen};
use super::error::ModuleError;
use crate::model::bindings::Bindings;
use crate::model::{Error, Evaluator, Lane, Model};
use crate::paths::tally::{Special, Values};
use crate::symbol::nearest;
use crate::threads::{ALONE, Threads, in_tasks, lock};
use crate::trace::routine::lanes::WIDTH;
use crate::walk::{Item, Limits, Output};
use ::dfdx::shapes::Dtype;
use std::mem::take;
use std::sync::{Arc, Mutex};

/// From how many rows on they run as lanes.
const FEW: usize = 16;

/// How many inputs and derivatives a part of a batch has, about: 1 MiB. Longer columns are slow, and
/// slowest where their length is a power of two and all of them want the same places of the cache.
const PART: usize = 1 << 17;

/// How many rows, and how many numbers of each, are turned from rows to columns together: what is read
/// and written then stays in the nearest cache.
const TILE: usize = 32;

/// What of a module is not numbers.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) model: Model,
    /// The names of the row inputs, then those of the constants.
    names: Vec<String>,
    pub(super) constants: Vec<Constant>,
    /// What stays, and what row inputs are: numbers, or arrays of which shape.
    fixed: Bindings,
    pub(super) limits: Limits,
    pub(super) kept: Kept,
}

/// What calls work with, kept while there is none. A clone has nothing.
#[derive(Debug, Default)]
pub(super) struct Kept {
    scratch: Mutex<Vec<Scratch>>,
    /// The memory of a Jacobian whose tape has gone: the system takes longer to give as much anew than a
    /// step takes.
    jacobian: Mutex<Vec<f64>>,
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What a part of a batch is done with.
#[derive(Debug, Default)]
struct Scratch {
    run: Option<Evaluator>,
    columns: Vec<f64>,
    outputs: Vec<f64>,
}

/// A part of a batch.
struct Part<'a, E> {
    /// The first row's place in the batch.
    first: usize,
    /// How many rows.
    count: usize,
    rows: &'a [E],
    values: &'a mut [f64],
    /// Empty where there are to be no derivatives.
    jacobian: &'a mut [f64],
}

/// The values of rows, and what leads back.
pub(super) struct Outputs {
    /// Row by row.
    pub(super) values: Vec<f64>,
    /// Part after part of the batch; in each, one output after another by inputs and then by constants,
    /// a column of the part's rows each. Empty where it is not asked for.
    pub(super) jacobian: Vec<f64>,
}

impl Definition {
    /// What a module is of: row inputs by their names and as `shapes` says, constants, and what stays.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when a name comes twice, the program lacks one, or one is left without a
    /// value.
    pub(super) fn new(
        model: &Model,
        inputs: &[&str],
        shapes: Bindings,
        constants: Vec<Constant>,
        fixed: &Bindings,
    ) -> Result<Self, ModuleError> {
        let names = inputs.iter().map(|&name| name.to_owned());
        let names = names.chain(constants.iter().map(|constant| constant.name.clone()));
        let program = Self {
            model: model.clone(),
            names: names.collect(),
            constants,
            fixed: fixed.clone(),
            limits: Limits::default(),
            kept: Kept::default(),
        };
        program.check_names()?;
        // The names are different ones.
        let mut fixed = shapes;
        for name in program.fixed.names() {
            if let Some(input) = program.fixed.get(name) {
                fixed.set(name, input.clone());
            }
        }
        Ok(Self { fixed, ..program })
    }

    /// Evaluates rows of so many inputs and outputs; `constants` are the same for all.
    pub(super) fn evaluate<E: Dtype>(
        &self,
        [inputs, outputs]: [usize; 2],
        mut rows: &[E],
        count: usize,
        constants: &[f64],
        derivatives: bool,
    ) -> Result<Outputs, ModuleError> {
        let width = if derivatives {
            inputs + constants.len()
        } else {
            0
        };
        let mut values = vec![0.0; count * outputs];
        let mut jacobian = Vec::new();
        if derivatives {
            jacobian = take(&mut *lock(&self.kept.jacobian));
        }
        // Every entry is written below.
        jacobian.resize(count * outputs * width, 0.0);
        let mut parts = Vec::new();
        let (mut all_values, mut all_entries) = (values.as_mut_slice(), jacobian.as_mut_slice());
        let most = part_of([inputs, outputs], constants.len());
        for first in (0..count).step_by(most) {
            let count = most.min(count - first);
            parts.push(Part {
                first,
                count,
                rows: rows.split_off(..count * inputs).unwrap_or_default(),
                values: all_values
                    .split_off_mut(..count * outputs)
                    .unwrap_or_default(),
                jacobian: all_entries
                    .split_off_mut(..count * outputs * width)
                    .unwrap_or_default(),
            });
        }
        // One part is spread over threads as lanes are.
        let spread = if parts.len() > 1 {
            &ALONE
        } else {
            self.model.threads()
        };
        let mut kept = take(&mut *lock(&self.kept.scratch));
        let done = in_tasks(
            parts,
            self.model.threads(),
            &mut kept,
            &|part, scratch: &mut Scratch| {
                self.part([inputs, outputs], part, constants, spread, scratch)
            },
        );
        lock(&self.kept.scratch).append(&mut kept);
        done.into_iter().collect::<Result<(), _>>()?;
        Ok(Outputs { values, jacobian })
    }

    fn part<E: Dtype>(
        &self,
        size: [usize; 2],
        part: Part<'_, E>,
        constants: &[f64],
        threads: &Threads,
        scratch: &mut Scratch,
    ) -> Result<(), ModuleError> {
        let run = match scratch.run.take() {
            Some(run) => run,
            None => self.evaluator()?,
        };
        let run = scratch.run.insert(run.threads(threads.clone()));
        if part.count < FEW {
            return self.one_by_one(run, size, part, constants);
        }
        let [inputs, outputs] = size;
        let (columns, results) = (&mut scratch.columns, &mut scratch.outputs);
        columns.resize(part.count * inputs, 0.0);
        to_columns(part.rows, inputs, columns);
        let each = columns.chunks(part.count).map(Lane::Each);
        let shared = constants.iter().map(|&x| Lane::Shared(x));
        let lanes: Vec<Lane<'_>> = each.chain(shared).collect();
        results.resize(part.count * outputs, 0.0);
        let form = Values::Row(outputs);
        let done = run.rows(&lanes, part.count, form, results, part.jacobian);
        match done.map_err(|error| self.in_row(part.first, error))?.1 {
            None => {}
            Some((row, Special::Failed(error))) => {
                return Err(self.in_row(part.first + row, error.into()));
            }
            Some((row, Special::Output(output))) => {
                return Err(misfit(part.first + row, &output, outputs));
            }
        }
        // Columns are turned to rows as rows are to columns.
        to_columns(results, part.count, part.values);
        Ok(())
    }

    fn evaluator(&self) -> Result<Evaluator, ModuleError> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let made = self
            .model
            .evaluator(&self.fixed, &names, &names, &self.limits);
        let made = made.map(Evaluator::fuel_for_each);
        made.map_err(|error| ModuleError::Program {
            error,
            position: None,
        })
    }

    fn one_by_one<E: Dtype>(
        &self,
        run: &mut Evaluator,
        [inputs, outputs]: [usize; 2],
        part: Part<'_, E>,
        constants: &[f64],
    ) -> Result<(), ModuleError> {
        let Part {
            first,
            count,
            rows,
            values,
            jacobian,
        } = part;
        let mut variables = vec![0.0; inputs];
        variables.extend_from_slice(constants);
        for row in 0..count {
            let own = &rows[row * inputs..(row + 1) * inputs];
            for (variable, &x) in variables.iter_mut().zip(own) {
                *variable = widen(x);
            }
            run.run_at(&variables, !jacobian.is_empty())
                .map_err(|error| self.in_row(first + row, error))?;
            if !Values::Row(outputs).fit(run.output()) {
                return Err(misfit(first + row, run.output(), outputs));
            }
            let own = &mut values[row * outputs..(row + 1) * outputs];
            for (value, x) in own.iter_mut().zip(run.output().numbers()) {
                *value = x;
            }
            let entries = jacobian.iter_mut().skip(row).step_by(count);
            for (entry, &derivative) in entries.zip(run.derivatives()) {
                *entry = derivative;
            }
        }
        Ok(())
    }

    fn in_row(&self, row: usize, error: Error) -> ModuleError {
        ModuleError::Row {
            row,
            position: error.position(self.model.text()),
            error,
        }
    }

    /// Refuses names that come twice, that the program lacks, or that are left without a value.
    fn check_names(&self) -> Result<(), ModuleError> {
        let known = self.model.inputs();
        for (index, name) in self.names.iter().enumerate() {
            if self.names[..index].contains(name) || self.fixed.get(name).is_some() {
                return Err(ModuleError::Request(format!("`{name}` is given twice")));
            }
            if !known.contains(name) {
                let hint = nearest(name, known.iter().map(String::as_str))
                    .map_or(String::new(), |near| format!("; is it `{near}`?"));
                return Err(ModuleError::Request(format!(
                    "`{name}` is no input of the program{hint}"
                )));
            }
        }
        let has_value = |name: &String| {
            self.names.contains(name)
                || self.fixed.get(name).is_some()
                || self.model.params().iter().any(|param| param.name == *name)
        };
        match known.iter().find(|name| !has_value(name)) {
            Some(name) => Err(ModuleError::Request(format!(
                "the program's input `{name}` is no row input, no constant and not fixed"
            ))),
            None => Ok(()),
        }
    }
}

fn misfit(row: usize, output: &Output, outputs: usize) -> ModuleError {
    ModuleError::Output {
        row,
        found: describe(output),
        expected: match outputs {
            1 => "a number".into(),
            _ => format!("a list of {outputs} numbers"),
        },
    }
}

fn describe(output: &Output) -> String {
    match output.items() {
        [Item::Number { .. }] => "a number".into(),
        [Item::List(length), ..] if output.is_numeric() => format!("a list of {length}"),
        [Item::Vector(length), ..] => format!("a vector of {length}"),
        _ => {
            let text = output.to_scheme();
            match text.char_indices().nth(40) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// How many rows are done together: as many as keep their inputs and derivatives in the cache.
fn part_of([inputs, outputs]: [usize; 2], constants: usize) -> usize {
    let numbers = inputs + outputs * (1 + inputs + constants);
    (PART / numbers.max(1) / WIDTH * WIDTH).max(WIDTH)
}

/// Turns rows of so many numbers, one after the other, to columns.
fn to_columns<E: Dtype>(rows: &[E], width: usize, columns: &mut [f64]) {
    let count = rows.len().checked_div(width).unwrap_or(0);
    for first_row in (0..count).step_by(TILE) {
        let last_row = count.min(first_row + TILE);
        for first in (0..width).step_by(TILE) {
            for at in first..width.min(first + TILE) {
                let column = &mut columns[at * count + first_row..at * count + last_row];
                let numbers = rows[first_row * width + at..].iter().step_by(width);
                for (entry, &x) in column.iter_mut().zip(numbers) {
                    *entry = widen(x);
                }
            }
        }
    }
}

/// The way from cotangents of outputs to those of inputs and coordinates.
pub(super) struct Backward {
    /// As in [`Outputs`].
    pub(super) jacobian: Vec<f64>,
    /// How many inputs and outputs.
    pub(super) size: [usize; 2],
    pub(super) rows: usize,
    /// The derivatives of the constants by their coordinates.
    pub(super) slopes: Vec<f64>,
    pub(super) program: Arc<Definition>,
}

/// A part of the way back.
struct PartBack<'a, E> {
    count: usize,
    jacobian: &'a [f64],
    cts: &'a [E],
    by_inputs: &'a mut [E],
    /// A column of the part's rows for each constant.
    by_constants: &'a mut [f64],
}

impl Backward {
    /// Adds to the gradients by the inputs, row by row, what cotangents of all outputs, row by row,
    /// come to; gives the gradients by the coordinates. An output whose cotangent is 0 contributes
    /// nothing, even where its derivative is infinite.
    pub(super) fn pull_back<E: Dtype>(self, mut cts: &[E], mut by_inputs: &mut [E]) -> Vec<f64> {
        let [inputs, outputs] = self.size;
        let constants = self.slopes.len();
        let mut jacobian = self.jacobian.as_slice();
        let mut by_constants = vec![0.0; self.rows * constants];
        let mut all_sums = by_constants.as_mut_slice();
        let most = part_of(self.size, constants);
        let mut parts = Vec::new();
        for first in (0..self.rows).step_by(most) {
            let count = most.min(self.rows - first);
            let entries = count * outputs * (inputs + constants);
            parts.push(PartBack {
                count,
                jacobian: jacobian.split_off(..entries).unwrap_or_default(),
                cts: cts.split_off(..count * outputs).unwrap_or_default(),
                by_inputs: by_inputs
                    .split_off_mut(..count * inputs)
                    .unwrap_or_default(),
                by_constants: all_sums
                    .split_off_mut(..count * constants)
                    .unwrap_or_default(),
            });
        }
        let back = |part: PartBack<'_, E>, scratch: &mut Vec<f64>| self.part(part, scratch);
        in_tasks(parts, self.program.model.threads(), &mut Vec::new(), &back);
        let mut sums = vec![0.0; constants];
        for part in by_constants.chunks(most * constants.max(1)) {
            let columns = part.chunks(part.len().checked_div(constants).unwrap_or(1).max(1));
            for ((sum, column), slope) in sums.iter_mut().zip(columns).zip(&self.slopes) {
                // In the order of rows.
                *sum = column.iter().fold(*sum, |sum, ct| sum + ct * slope);
            }
        }
        *lock(&self.program.kept.jacobian) = self.jacobian;
        sums
    }

    fn part<E: Dtype>(&self, part: PartBack<'_, E>, cts: &mut Vec<f64>) {
        let [inputs, outputs] = self.size;
        let PartBack {
            count: rows,
            jacobian,
            cts: given,
            by_inputs,
            by_constants,
        } = part;
        // A column for each output.
        cts.resize(given.len(), 0.0);
        to_columns(given, outputs, cts);
        let sums = |variable: usize, first_row: usize, sums: &mut [f64]| {
            sums.fill(0.0);
            for output in 0..outputs {
                let column = output * (inputs + self.slopes.len()) + variable;
                let [derivatives, cts] =
                    [(jacobian, column), (&**cts, output)].map(|(numbers, column)| {
                        let start = column * rows + first_row;
                        &numbers[start..start + sums.len()]
                    });
                for ((sum, &ct), &derivative) in sums.iter_mut().zip(cts).zip(derivatives) {
                    // A sum is never -0, so 0 more leaves it as it is.
                    *sum += if ct == 0.0 { 0.0 } else { ct * derivative };
                }
            }
        };
        let mut tile = [[0.0; TILE]; TILE];
        for first_row in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - first_row);
            for first in (0..inputs).step_by(TILE) {
                let last = inputs.min(first + TILE);
                for (column, variable) in tile.iter_mut().zip(first..last) {
                    sums(variable, first_row, &mut column[..count]);
                }
                for row in 0..count {
                    let start = (first_row + row) * inputs;
                    let entries = &mut by_inputs[start + first..start + last];
                    for (entry, column) in entries.iter_mut().zip(&tile) {
                        *entry += narrow(column[row]);
                    }
                }
            }
        }
        for (at, column) in by_constants.chunks_mut(rows).enumerate() {
            sums(inputs + at, 0, column);
        }
    }
}
