//! Tables and circuits: arithmetic of two numbers, learned on the one and used on the other.
//!
//! Two numbers go in, as distributions over all numbers below a base or as the chances of their binary
//! digits; the result comes out in the same form.
//!
//! **Invariants**
//! - On whole numbers table and circuit of an operation give the same.
//! - A table is exact on independent distributions. On digits it is exact where they are independent; a
//!   circuit takes those of each gate as independent (see [`machine::circuits`]).
//!
//! [`machine::circuits`]: crate::machine::circuits

use super::entry::{Entry, check};
use crate::dfdx::error::ModuleError;
use crate::machine::circuits::{Arithmetic, Circuit};
use crate::machine::numbers::{from_bits, from_bits_back, to_bits, to_bits_back, width};

/// The most numbers of which there are tables.
pub const MOST_OF_TABLE: usize = 128;

/// The largest base of a circuit on distributions.
const MOST_OF_CIRCUIT: usize = 1 << 12;

/// An operation as a table: for each pair of numbers, the result.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    base: usize,
    results: usize,
    /// The result of each pair, row by row.
    of_pairs: Vec<u32>,
    /// How many digits stand for a number; none where a distribution does.
    digits: Option<usize>,
}

impl Table {
    /// A table of any function of two numbers below the base, to numbers below `results`.
    ///
    /// # Errors
    /// A base of 0 or above [`MOST_OF_TABLE`], no results, and a result that is not below them.
    pub fn new(
        name: &str,
        base: usize,
        results: usize,
        function: &dyn Fn(usize, usize) -> usize,
    ) -> Result<Self, ModuleError> {
        let refuse = |what: String| Err(ModuleError::Request(what));
        if base == 0 || base > MOST_OF_TABLE || results == 0 || results > MOST_OF_TABLE {
            return refuse(format!(
                "a table `{name}` of base {base} to {results}; both must be from 1 to {MOST_OF_TABLE}"
            ));
        }
        let mut of_pairs = Vec::with_capacity(base * base);
        for at in 0..base * base {
            let (a, b) = (at / base, at % base);
            let result = function(a, b);
            if result >= results {
                return refuse(format!(
                    "the table `{name}` gives {result} of {a} and {b}; it must be below {results}"
                ));
            }
            of_pairs.push(result as u32);
        }
        Ok(Self {
            name: name.to_owned(),
            base,
            results,
            of_pairs,
            digits: None,
        })
    }

    /// An operation modulo the base, on distributions. Of a base that is no power of two, `divide` gives
    /// the base less one of a division by 0.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn of(operation: Arithmetic, base: usize) -> Result<Self, ModuleError> {
        let results = match operation {
            Arithmetic::Less | Arithmetic::Equal => 2.min(base.max(1)),
            _ => base,
        };
        Self::new(operation.name(), base, results, &|a, b| {
            let (a, b, base) = (a as u64, b as u64, base as u64);
            let result = match operation {
                Arithmetic::Subtract => a + base - b,
                Arithmetic::Divide if b == 0 => base - 1,
                _ => operation.of(a, b, 64),
            };
            (result % base) as usize
        })
    }

    /// An operation on the chances of binary digits, as the circuit of that width has them.
    ///
    /// # Errors
    /// A width of more than the 7 digits that [`MOST_OF_TABLE`] numbers have, or of none.
    pub fn on_digits(operation: Arithmetic, digits: usize) -> Result<Self, ModuleError> {
        if digits == 0 || digits > width(MOST_OF_TABLE) {
            return Err(ModuleError::Request(format!(
                "a table `{}` of {digits} digits; there are tables of 1 to {}",
                operation.name(),
                width(MOST_OF_TABLE)
            )));
        }
        let mut table = Self::of(operation, 1 << digits)?;
        table.digits = Some(digits);
        Ok(table)
    }

    fn mix(&self, a: &[f64], b: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (&p, row) in a.iter().zip(self.of_pairs.chunks_exact(self.base)) {
            if p != 0.0 {
                for (&q, &to) in b.iter().zip(row) {
                    out[to as usize] += p * q;
                }
            }
        }
    }

    fn mix_back(&self, [a, b]: [&[f64]; 2], ct: &[f64], [by_a, by_b]: [&mut [f64]; 2]) {
        let rows = self.of_pairs.chunks_exact(self.base);
        for ((&p, by_a), row) in a.iter().zip(by_a).zip(rows) {
            let mut sum = 0.0;
            for ((&q, by_b), &to) in b.iter().zip(&mut *by_b).zip(row) {
                let ct = ct[to as usize];
                sum += q * ct;
                *by_b += p * ct;
            }
            *by_a += sum;
        }
    }
}

impl Entry for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn widths(&self) -> Vec<usize> {
        vec![self.digits.unwrap_or(self.base); 2]
    }

    fn outputs(&self) -> usize {
        match self.digits {
            Some(_) => width(self.results),
            None => self.results,
        }
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        check(self, rows, constants, out)?;
        let (row, outputs) = (self.row(), self.outputs());
        let mut numbers = [vec![0.0; self.base], vec![0.0; self.base]];
        let mut result = vec![0.0; self.results];
        for (row, out) in rows.chunks_exact(row).zip(out.chunks_exact_mut(outputs)) {
            let (a, b) = row.split_at(row.len() / 2);
            if self.digits.is_none() {
                self.mix(a, b, out);
                continue;
            }
            let [first, second] = &mut numbers;
            from_bits(a, first);
            from_bits(b, second);
            self.mix(first, second, &mut result);
            to_bits(&result, out);
        }
        Ok(())
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        _: &mut [f64],
    ) -> Result<(), ModuleError> {
        check(self, rows, constants, by_out)?;
        let (row, outputs) = (self.row(), self.outputs());
        let zeros = || vec![0.0; self.base];
        let rows = rows.chunks_exact(row).zip(by_rows.chunks_exact_mut(row));
        for ((row, by_row), by_out) in rows.zip(by_out.chunks_exact(outputs)) {
            let (a, b) = row.split_at(row.len() / 2);
            let (by_a, by_b) = by_row.split_at_mut(row.len() / 2);
            if self.digits.is_none() {
                self.mix_back([a, b], by_out, [by_a, by_b]);
                continue;
            }
            let (mut first, mut second) = (zeros(), zeros());
            from_bits(a, &mut first);
            from_bits(b, &mut second);
            let mut by_result = vec![0.0; self.results];
            to_bits_back(by_out, &mut by_result);
            let (mut by_first, mut by_second) = (zeros(), zeros());
            let numbers = [&*first, &*second];
            self.mix_back(numbers, &by_result, [&mut by_first, &mut by_second]);
            from_bits_back(a, &by_first, by_a);
            from_bits_back(b, &by_second, by_b);
        }
        Ok(())
    }
}

/// An operation as a circuit.
#[derive(Clone, Debug)]
pub struct CircuitEntry {
    operation: Arithmetic,
    circuit: Circuit,
    /// The base where numbers are distributions; none where they are digits.
    base: Option<usize>,
}

impl CircuitEntry {
    /// A circuit on the chances of digits, of any width up to [`WIDEST`].
    ///
    /// # Errors
    /// No such width.
    ///
    /// [`WIDEST`]: crate::machine::circuits::WIDEST
    pub fn on_digits(operation: Arithmetic, digits: usize) -> Result<Self, ModuleError> {
        let circuit = Circuit::new(operation, digits);
        let circuit = circuit.map_err(|error| ModuleError::Request(error.to_string()))?;
        Ok(Self {
            operation,
            circuit,
            base: None,
        })
    }

    /// A circuit on distributions, in the place of a table: their digits go in, and what comes out is
    /// the distribution of independent digits.
    ///
    /// # Errors
    /// A base that is no power of two, below 2 or above 4096.
    pub fn on_distributions(operation: Arithmetic, base: usize) -> Result<Self, ModuleError> {
        if !base.is_power_of_two() || !(2..=MOST_OF_CIRCUIT).contains(&base) {
            return Err(ModuleError::Request(format!(
                "a circuit `{}` of base {base}; it must be a power of two from 2 to {MOST_OF_CIRCUIT}",
                operation.name()
            )));
        }
        let mut entry = Self::on_digits(operation, width(base))?;
        entry.base = Some(base);
        Ok(entry)
    }
}

impl Entry for CircuitEntry {
    fn name(&self) -> &str {
        self.operation.name()
    }

    fn widths(&self) -> Vec<usize> {
        vec![self.base.unwrap_or(self.circuit.inputs() / 2); 2]
    }

    fn outputs(&self) -> usize {
        match self.base {
            Some(_) => 1 << self.circuit.outputs(),
            None => self.circuit.outputs(),
        }
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        check(self, rows, constants, out)?;
        let (row, outputs) = (self.row(), self.outputs());
        let mut inputs = vec![0.0; self.circuit.inputs()];
        let mut result = vec![0.0; self.circuit.outputs()];
        for (row, out) in rows.chunks_exact(row).zip(out.chunks_exact_mut(outputs)) {
            if self.base.is_none() {
                self.circuit.run(row, out);
                continue;
            }
            let (a, b) = row.split_at(row.len() / 2);
            let (first, second) = inputs.split_at_mut(self.circuit.inputs() / 2);
            to_bits(a, first);
            to_bits(b, second);
            self.circuit.run(&inputs, &mut result);
            from_bits(&result, out);
        }
        Ok(())
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        _: &mut [f64],
    ) -> Result<(), ModuleError> {
        check(self, rows, constants, by_out)?;
        let (row, outputs) = (self.row(), self.outputs());
        let rows = rows.chunks_exact(row).zip(by_rows.chunks_exact_mut(row));
        for ((row, by_row), by_out) in rows.zip(by_out.chunks_exact(outputs)) {
            if self.base.is_none() {
                self.circuit.pull_back(row, by_out, by_row);
                continue;
            }
            let (a, b) = row.split_at(row.len() / 2);
            let (by_a, by_b) = by_row.split_at_mut(row.len() / 2);
            let mut inputs = vec![0.0; self.circuit.inputs()];
            let (first, second) = inputs.split_at_mut(self.circuit.inputs() / 2);
            to_bits(a, first);
            to_bits(b, second);
            let mut result = vec![0.0; self.circuit.outputs()];
            self.circuit.run(&inputs, &mut result);
            let mut by_result = vec![0.0; result.len()];
            from_bits_back(&result, by_out, &mut by_result);
            let mut by_inputs = vec![0.0; inputs.len()];
            self.circuit.pull_back(&inputs, &by_result, &mut by_inputs);
            let (by_first, by_second) = by_inputs.split_at(inputs.len() / 2);
            to_bits_back(by_first, by_a);
            to_bits_back(by_second, by_b);
        }
        Ok(())
    }
}
