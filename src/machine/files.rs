//! Soft programs and examples as JSON, in the notation of the Scheme definition's inputs.
//!
//! A text goes in, weights with a starting state, or an example, come out; and back.
//!
//! ```text
//! {"instructions":[[…],…],"first":…,"second":…,"third":…,"labels":…,"registers":…,"memory":…}
//! {"memory":[3,7],"registers":[0],"wanted":{"memory":[4,null],"registers":[null,2]}}
//! ```
//!
//! **Invariants**
//! - The sizes are those of the matrices; what does not fit is told with its place, by name and row.
//! - Numbers are finite: JSON has no others.

use super::instruction::Instruction;
use super::loss::{Example, Wanted};
use super::oracle::State;
use super::program::{ProgramError, Shape};
use super::soft::SoftState;
use super::weights::Weights;
use serde::{Deserialize, Serialize};
use thiserror::Error;

type Matrix = Vec<Vec<f64>>;

/// Weights and a starting state as they stand in a file. A file may hold more, such as what is wanted.
#[derive(Serialize, Deserialize)]
struct SoftFile {
    instructions: Matrix,
    first: Matrix,
    second: Matrix,
    third: Matrix,
    labels: Matrix,
    registers: Matrix,
    memory: Matrix,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleLine {
    #[serde(default)]
    memory: Vec<usize>,
    #[serde(default)]
    registers: Vec<usize>,
    wanted: WantedLine,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedLine {
    #[serde(default)]
    memory: Vec<Option<usize>>,
    #[serde(default)]
    registers: Vec<Option<usize>>,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is no such JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A matrix that does not fit the others.
    #[error(
        "`{name}` is {rows} x {columns}, and goes with the others as {wanted_rows} x {wanted_columns}"
    )]
    Matrix {
        /// Its name.
        name: &'static str,
        /// How many rows it has.
        rows: usize,
        /// How long its first row is that has another length than it should have, or its first.
        columns: usize,
        /// How many rows it should have.
        wanted_rows: usize,
        /// How long they should be.
        wanted_columns: usize,
    },
    /// Sizes that no machine has.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A number that is none of the base, or more numbers than the machine has places.
    #[error("`{name}`: {what}")]
    Number {
        /// The list's name.
        name: &'static str,
        /// What is wrong.
        what: String,
    },
}

fn rows(numbers: &[f64], columns: usize) -> Matrix {
    numbers
        .chunks_exact(columns.max(1))
        .map(<[f64]>::to_vec)
        .collect()
}

/// Weights and a starting state as JSON.
pub fn write_soft(weights: &Weights, start: &SoftState) -> String {
    let group = |at| weights.group(at).into_iter().map(<[f64]>::to_vec).collect();
    let base = weights.shape().base;
    let file = SoftFile {
        instructions: group(0),
        first: group(1),
        second: group(2),
        third: group(3),
        labels: group(4),
        registers: rows(start.registers(), base),
        memory: rows(start.memory(), base),
    };
    serde_json::to_string(&file).unwrap_or_default()
}

/// Weights and a starting state from JSON; the state is before line 0.
///
/// # Errors
/// What is no such JSON, and matrices that do not fit each other.
pub fn read_soft(text: &str) -> Result<(Weights, SoftState), FileError> {
    let file: SoftFile = serde_json::from_str(text)?;
    let shape = Shape {
        base: file.memory.len(),
        registers: file.registers.len(),
        lines: file.labels.len(),
    };
    shape.check()?;
    let Shape {
        base,
        registers,
        lines,
    } = shape;
    let matrices = [
        (
            "instructions",
            &file.instructions,
            lines,
            Instruction::ALL.len(),
        ),
        ("first", &file.first, lines, registers),
        ("second", &file.second, lines, registers),
        ("third", &file.third, lines, registers),
        ("labels", &file.labels, lines, lines),
        ("registers", &file.registers, registers, base),
        ("memory", &file.memory, base, base),
    ];
    for (name, matrix, wanted_rows, wanted_columns) in matrices {
        let odd = matrix.iter().find(|row| row.len() != wanted_columns);
        if odd.is_some() || matrix.len() != wanted_rows {
            let columns = odd.or(matrix.first()).map_or(0, Vec::len);
            return Err(FileError::Matrix {
                name,
                rows: matrix.len(),
                columns,
                wanted_rows,
                wanted_columns,
            });
        }
    }
    let mut numbers = Vec::with_capacity(lines * shape.columns());
    for line in 0..lines {
        for (_, matrix, ..) in &matrices[..5] {
            numbers.extend_from_slice(&matrix[line]);
        }
    }
    let mut start = SoftState::zeros(shape);
    start
        .registers_mut()
        .copy_from_slice(&file.registers.concat());
    start.memory_mut().copy_from_slice(&file.memory.concat());
    start.line_mut()[0] = 1.0;
    Ok((Weights::from_numbers(shape, numbers)?, start))
}

/// An example from a line of JSON: numbers that are not given are 0, cells that are `null` or not
/// given are not asked for.
///
/// # Errors
/// What is no such JSON, numbers that are none of the base, more of them than there are places, and
/// an example that asks for nothing.
pub fn read_example(shape: Shape, text: &str) -> Result<Example, FileError> {
    let line: ExampleLine = serde_json::from_str(text)?;
    let Shape {
        base, registers, ..
    } = shape;
    let mut start = State::of(shape);
    let known = |name, numbers: &[Option<usize>], places: usize| {
        let wrong = |what| Err(FileError::Number { name, what });
        if let Some(number) = numbers.iter().flatten().find(|&&n| n >= base) {
            return wrong(format!("{number} is no number of base {base}"));
        }
        if numbers.len() > places {
            return wrong(format!(
                "{} numbers, and there are {places} places",
                numbers.len()
            ));
        }
        Ok(())
    };
    for (name, given, to) in [
        ("memory", &line.memory, &mut start.memory),
        ("registers", &line.registers, &mut start.registers),
    ] {
        let numbers: Vec<Option<usize>> = given.iter().copied().map(Some).collect();
        known(name, &numbers, to.len())?;
        to[..given.len()].copy_from_slice(given);
    }
    let WantedLine {
        memory,
        registers: wanted_registers,
    } = line.wanted;
    known("wanted.memory", &memory, base)?;
    known("wanted.registers", &wanted_registers, registers)?;
    if memory.iter().chain(&wanted_registers).all(Option::is_none) {
        let what = "nothing is asked for".to_owned();
        return Err(FileError::Number {
            name: "wanted",
            what,
        });
    }
    let wanted = Wanted {
        memory,
        registers: wanted_registers,
    };
    Ok(Example { start, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        base: 4,
        registers: 2,
        lines: 3,
    };

    #[test]
    fn weights_are_written_and_read_back() {
        let weights = Weights::random(SHAPE, 1.0, 3);
        let start = SoftState::of(SHAPE, &State::of(SHAPE));
        let text = write_soft(&weights, &start);
        let (read, state) = read_soft(&text).unwrap();
        assert_eq!(read, weights);
        assert_eq!(state, start);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let weights = Weights::zeros(SHAPE);
        let start = SoftState::of(SHAPE, &State::of(SHAPE));
        let text = write_soft(&weights, &start);
        let bad = text.replacen("[0.0,0.0]", "[0.0]", 1);
        let message = read_soft(&bad).err().unwrap().to_string();
        assert_eq!(
            message,
            "`first` is 3 x 1, and goes with the others as 3 x 2"
        );
        assert!(read_soft("{}").is_err());
        for (text, words) in [
            (
                "{\"wanted\":{\"memory\":[4]}}",
                "`wanted.memory`: 4 is no number of base 4",
            ),
            (
                "{\"registers\":[0,0,0],\"wanted\":{}}",
                "`registers`: 3 numbers, and there are 2 places",
            ),
            (
                "{\"wanted\":{\"memory\":[null]}}",
                "`wanted`: nothing is asked for",
            ),
            ("{\"wnated\":1}", "unknown field"),
        ] {
            let message = read_example(SHAPE, text).err().unwrap().to_string();
            assert!(message.starts_with(words), "{message}");
        }
        let good = "{\"memory\":[3],\"wanted\":{\"memory\":[null,2]}}";
        let example = read_example(SHAPE, good).unwrap();
        assert_eq!(example.start.memory, [3, 0, 0, 0]);
        assert_eq!(example.wanted.memory, [None, Some(2)]);
    }
}
