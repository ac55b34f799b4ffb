//! What a fit looks like: observations, predictions and bands against one column of the data.
//!
//! A fit, its model and its table go in; numbers to be drawn or written come out.
//!
//! **Invariants**
//! - The abscissa is the input with the most distinct numbers, the first of equals; of a program that
//!   takes nothing but what it predicts, the first other column; where there is none, the row.
//! - A line is drawn where predictions between rows mean something: on a grid of the abscissa, for each
//!   of a few combinations of other inputs, where rows are predicted one by one; from row to row in a
//!   series.

use crate::Model;
use crate::fit::{
    Estimates, Fit, FitError, FitOptions, PredictedColumn, Table, TableOptions, predict,
};
use crate::syntax::{Noise, Program};
use std::collections::BTreeSet;

/// How many points a line has.
const GRID: usize = 500;

/// For how many combinations of other inputs lines are drawn.
const MOST_LINES: usize = 6;

/// A fit as it is drawn.
pub(super) struct Curves {
    /// What the abscissa is called.
    pub(super) x_name: String,
    /// One for each row; NaN where it is missing.
    pub(super) x: Vec<f64>,
    /// The columns that the program takes, and that of the abscissa, with their numbers.
    pub(super) inputs: Vec<(String, Vec<f64>)>,
    pub(super) columns: Vec<Curve>,
}

/// An observed column.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) noise: Noise,
    /// One for each row; NaN where it is missing.
    pub(super) observed: Vec<f64>,
    pub(super) residuals: Vec<f64>,
    pub(super) rows: Bands,
    pub(super) lines: Vec<Bands>,
}

/// Predictions with their bands.
#[derive(Default)]
pub(super) struct Bands {
    pub(super) x: Vec<f64>,
    pub(super) fit: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
}

impl Bands {
    fn new(x: &[f64], column: &PredictedColumn) -> Self {
        Self {
            x: x.to_vec(),
            fit: column.predictions.clone(),
            low: column.low.clone(),
            high: column.high.clone(),
        }
    }

    /// The rows that are predicted, by their abscissas; none where two rows have one.
    fn sorted(&self) -> Option<Self> {
        let rows = 0..self.x.len();
        let is_there = |&row: &usize| self.x[row].is_finite() && self.fit[row].is_finite();
        let mut rows: Vec<usize> = rows.filter(is_there).collect();
        rows.sort_by(|&a, &b| self.x[a].total_cmp(&self.x[b]));
        if rows
            .windows(2)
            .any(|pair| self.x[pair[0]] == self.x[pair[1]])
        {
            return None;
        }
        let of = |all: &[f64]| rows.iter().map(|&row| all[row]).collect();
        Some(Self {
            x: of(&self.x),
            fit: of(&self.fit),
            low: of(&self.low),
            high: of(&self.high),
        })
    }
}

/// The columns that a program takes as inputs: by their names, and in matrices.
pub(super) fn inputs_of<'p>(program: &'p Program, table: &Table<'_>) -> Vec<&'p str> {
    let is_declared = |name: &str| {
        program.params().iter().any(|param| param.name == name)
            || program.matrices().iter().any(|matrix| matrix.name == name)
    };
    let free = program.free_names().map(|(name, _)| name);
    let free = free.filter(|name| !is_declared(name));
    let of_matrices = program.matrices().iter().flat_map(|matrix| &matrix.columns);
    let mut names: Vec<&str> = Vec::new();
    for name in free.chain(of_matrices.map(String::as_str)) {
        if table.has_column(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Curves {
    /// Predicts what is drawn.
    pub(super) fn new(
        model: &Model,
        program: &Program,
        fitted: &Fit,
        estimates: &Estimates,
        table: &Table<'_>,
        options: &FitOptions,
    ) -> Result<Self, FitError> {
        let predicted = predict(model, estimates, table, options)?;
        let is_observed = |name: &str| fitted.column(name).is_some();
        let numbers = |name: &str| table.observed(name).ok().map(<[f64]>::to_vec);
        let taken = inputs_of(program, table);
        let mut inputs: Vec<(String, Vec<f64>)> = taken
            .iter()
            .filter(|name| !is_observed(name))
            .filter_map(|&name| Some((name.to_owned(), numbers(name)?)))
            .collect();
        let only_inputs = !inputs.is_empty();
        if !only_inputs {
            let others = table.names().iter().filter(|name| !is_observed(name));
            let first = { others }.find_map(|name| Some((name.clone(), numbers(name)?)));
            inputs.extend(first);
        }
        let (x_name, x) = if let Some(place) = most_distinct(&inputs) {
            inputs[place].clone()
        } else {
            let rows = 1..=table.rows();
            ("row".to_owned(), rows.map(|row| row as f64).collect())
        };
        let by_row = program.observations().iter().all(|one| one.by_row);
        let lines = if by_row && only_inputs && program.matrices().is_empty() {
            on_grids(model, estimates, &inputs, &x_name, options)
        } else {
            None
        };
        let columns = predicted.iter().enumerate().map(|(place, column)| {
            let rows = Bands::new(&x, column);
            let of_column = |(x, columns): &(Vec<f64>, Vec<PredictedColumn>)| {
                columns.get(place).map(|column| Bands::new(x, column))
            };
            let lines = match &lines {
                Some(lines) => lines.iter().filter_map(of_column).collect(),
                None if by_row && inputs.len() > 1 => Vec::new(),
                None => rows.sorted().into_iter().collect(),
            };
            Curve {
                name: column.name.clone(),
                noise: column.noise,
                observed: numbers(&column.name).unwrap_or_default(),
                residuals: fitted
                    .column(&column.name)
                    .map(|column| column.residuals.clone())
                    .unwrap_or_default(),
                rows,
                lines,
            }
        });
        Ok(Self {
            columns: columns.collect(),
            x_name,
            x,
            inputs,
        })
    }
}

/// The place of the column with the most distinct numbers, the first of equals.
fn most_distinct(columns: &[(String, Vec<f64>)]) -> Option<usize> {
    let distinct = |numbers: &[f64]| {
        let bits = numbers.iter().filter(|x| !x.is_nan()).map(|x| x.to_bits());
        bits.collect::<BTreeSet<u64>>().len()
    };
    let counts: Vec<usize> = columns
        .iter()
        .map(|(_, numbers)| distinct(numbers))
        .collect();
    let most = counts.iter().copied().max()?;
    counts.iter().position(|&count| count == most)
}

/// Predictions on a grid of the abscissa, for each combination of other inputs; none where there are too
/// many, or where the program fails between the rows.
fn on_grids(
    model: &Model,
    estimates: &Estimates,
    inputs: &[(String, Vec<f64>)],
    x_name: &str,
    options: &FitOptions,
) -> Option<Vec<(Vec<f64>, Vec<PredictedColumn>)>> {
    let (_, x) = inputs.iter().find(|(name, _)| name == x_name)?;
    let others: Vec<_> = inputs.iter().filter(|(name, _)| name != x_name).collect();
    // Each with the lowest and the highest abscissa.
    let mut groups: Vec<(Vec<f64>, [f64; 2])> = Vec::new();
    for (row, &x) in x.iter().enumerate() {
        let key: Vec<f64> = others.iter().map(|(_, numbers)| numbers[row]).collect();
        if x.is_nan() || key.iter().any(|x| x.is_nan()) {
            continue;
        }
        if let Some((_, [low, high])) = groups.iter_mut().find(|(other, _)| *other == key) {
            (*low, *high) = (low.min(x), high.max(x));
        } else if groups.len() == MOST_LINES {
            return None;
        } else {
            groups.push((key, [x, x]));
        }
    }
    let lines = groups.into_iter().map(|(key, [low, high])| {
        let step = (high - low) / (GRID - 1) as f64;
        let mut grid: Vec<f64> = (0..GRID).map(|place| low + step * place as f64).collect();
        grid[GRID - 1] = high;
        let fixed = others
            .iter()
            .zip(key)
            .map(|((name, _), x)| (name.clone(), vec![x; GRID]));
        let columns = fixed.chain([(x_name.to_owned(), grid.clone())]);
        let table = TableOptions::default().from_columns(columns).ok()?;
        let predicted = predict(model, estimates, &table, options).ok()?;
        Some((grid, predicted))
    });
    lines.collect()
}
