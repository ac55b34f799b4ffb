//! What predictions are compared with: the numbers of the observed columns.
//!
//! A table and what a program observes go in; numbers come out, with where the program gives what they are
//! compared with.
//!
//! **Invariants**
//! - Numbers stand in one order: by observation and then by row, the columns of a row together.
//! - A number that is missing is none; the row's others count.

use super::amounts::Amounts;
use super::declared::{Place, column_of};
use super::error::FitError;
use super::scores::{Observed, Scoring};
use super::table::Table;
use crate::syntax::{Goal, Noise, Observation};
use std::borrow::Cow;
use std::sync::OnceLock;

/// What predictions are compared with.
pub(super) struct Data<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) observations: &'a [Observation],
    /// What the program is run for: a list of predictions, or the one prediction itself.
    pub(super) goal: Goal,
    /// The columns that the program takes as numbers, where rows are predicted one by one.
    pub(super) rows: Option<Vec<Cow<'a, [f64]>>>,
    /// How many rows there are.
    pub(super) row_count: usize,
    /// Which of the table's those are, where they are not all.
    pub(super) taken: Option<Vec<usize>>,
    /// Where the value of each param of the program is among the unknowns.
    pub(super) places: Vec<Place>,
    /// One for each residual.
    pub(super) numbers: Vec<Observed>,
    /// The names of the observed columns.
    pub(super) names: Vec<&'a str>,
    /// For each observed column what the program computes of it, by their places in what it gives.
    pub(super) computed: Vec<Computed>,
    pub(super) scoring: Scoring,
    /// Whether predictions are all that the program gives, one for each number in their order, and each
    /// param is one unknown.
    pub(super) is_direct: bool,
    /// Where the params of the first evaluation go that failed or was not finite, if anybody asks.
    pub(super) met: Option<&'a OnceLock<Vec<f64>>>,
}

/// What the program computes of an observed column: each a place in the list that it gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Computed {
    pub(super) prediction: usize,
    /// A standard deviation that varies with params.
    pub(super) sd: Option<usize>,
}

impl<'a> Data<'a> {
    /// How many residuals there are.
    pub(super) fn residuals(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn numbers(&self) -> &[Observed] {
        &self.numbers
    }

    pub(super) fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// The numbers of the columns that are observed, but those that are missing; how they scatter is not
    /// known yet.
    pub(super) fn new(
        table: &'a Table<'a>,
        observations: &'a [Observation],
        goal: Goal,
        rows: Option<Vec<&'a [f64]>>,
        places: Vec<Place>,
        met: Option<&'a OnceLock<Vec<f64>>>,
    ) -> Result<Self, FitError> {
        let mut data = Self::unobserved(table, observations, goal, rows, places);
        data.met = met;
        let mut first = 0;
        for observation in observations {
            let named = |name: &'a String| {
                // A target is no part of the text.
                match goal {
                    Goal::Value | Goal::Derived => Ok::<_, FitError>(table.observed(name)?),
                    Goal::Observations => column_of(table, name, observation.span),
                }
            };
            let columns = observation.columns.iter().map(named);
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            for row in 0..table.rows() {
                for (place, numbers) in columns.iter().enumerate() {
                    if numbers[row].is_nan() {
                        data.is_direct = false;
                        continue;
                    }
                    data.numbers.push(Observed {
                        value: numbers[row],
                        sd: 1.0,
                        row: row as u32,
                        lane: row as u32,
                        column: (first + place) as u32,
                        place: place as u32,
                        censored: None,
                    });
                }
            }
            first += columns.len();
        }
        if data.numbers.is_empty() {
            return Err(FitError::NothingMeasured);
        }
        Ok(data)
    }

    /// The same where nothing is compared with the predictions.
    pub(super) fn unobserved(
        table: &'a Table<'a>,
        observations: &'a [Observation],
        goal: Goal,
        rows: Option<Vec<&'a [f64]>>,
        places: Vec<Place>,
    ) -> Self {
        let (mut computed, mut names) = (Vec::new(), Vec::new());
        let mut outputs = 0;
        for observation in observations {
            for name in &observation.columns {
                names.push(name.as_str());
                computed.push(Computed {
                    prediction: outputs,
                    sd: None,
                });
            }
            outputs += observation.expressions().count();
        }
        let is_direct = outputs == observations.len()
            && places.iter().all(|place| matches!(place, Place::Shared(_)));
        Self {
            table,
            observations,
            goal,
            rows: rows.map(|rows| rows.into_iter().map(Cow::Borrowed).collect()),
            row_count: table.rows(),
            taken: None,
            places,
            numbers: Vec::new(),
            names,
            computed,
            scoring: Scoring::default(),
            is_direct,
            met: None,
        }
    }

    /// Gives the numbers away, to be settled.
    pub(super) fn take_numbers(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.numbers)
    }

    /// Takes up how numbers scatter: their standard deviations, and which are censored. `amounts` has
    /// what was computed of these at the initial values.
    pub(super) fn settle(&mut self, amounts: Amounts) {
        for (computed, sd) in self.computed.iter_mut().zip(amounts.sds) {
            computed.sd = sd;
        }
        self.numbers = amounts.numbers;
        self.scoring = amounts.scoring;
    }

    /// So many of the rows, evenly spread, where rows are predicted one by one and there are more.
    pub(super) fn sample(&self, count: usize) -> Option<Self> {
        let rows = self.rows.as_ref().filter(|_| self.row_count > count)?;
        let taken: Vec<usize> = (0..count).map(|k| k * self.row_count / count).collect();
        let columns = rows
            .iter()
            .map(|column| taken.iter().map(|&row| column[row]).collect());
        let mut numbers = Vec::new();
        for number in &self.numbers {
            if let Ok(lane) = taken.binary_search(&(number.lane as usize)) {
                numbers.push(Observed {
                    lane: lane as u32,
                    ..*number
                });
            }
        }
        let places = self.places.iter().map(|place| match place {
            Place::Shared(unknown) => Place::Shared(*unknown),
            Place::Grouped { of_row } => Place::Grouped {
                of_row: taken.iter().map(|&row| of_row[row]).collect(),
            },
        });
        let scoring = self.scoring.of_some(&numbers)?;
        Some(Self {
            rows: Some(columns.map(Cow::Owned).collect()),
            row_count: count,
            places: places.collect(),
            numbers,
            names: self.names.clone(),
            computed: self.computed.clone(),
            scoring,
            taken: Some(taken),
            ..*self
        })
    }

    /// The sum of the squares around each column's mean, on the scale of its noise; of the numbers that
    /// are not censored.
    pub(super) fn total_squares(&self) -> f64 {
        let mut total = 0.0;
        for column in 0..self.names.len() {
            let of_column =
                |number: &&Observed| number.column as usize == column && number.censored.is_none();
            let values = || self.numbers.iter().filter(of_column);
            let count = values().count();
            let mean = values().map(|o| o.value).sum::<f64>() / count.max(1) as f64;
            total += values().map(|o| (o.value - mean).powi(2)).sum::<f64>();
        }
        total
    }

    /// Changes the scales of a robust loss.
    pub(super) fn scoring_mut(&mut self) -> &mut Scoring {
        &mut self.scoring
    }

    /// A row, for people: `the row at data.csv:5`; without a file `row 4`.
    pub(super) fn row(&self, row: usize) -> String {
        let place = self.table.place(row);
        match self.table.file() {
            Some(_) => format!("the row at {place}"),
            None => place,
        }
    }

    /// The name of the column that a number is of.
    pub(super) fn column(&self, number: &Observed) -> &'a str {
        self.names[number.column as usize]
    }

    pub(super) fn noise(&self, number: &Observed) -> Noise {
        let column = self.scoring.columns.get(number.column as usize);
        column.map_or(Noise::Normal, |column| column.noise)
    }

    /// How many values the program gives.
    pub(super) fn outputs(&self) -> usize {
        self.observations
            .iter()
            .map(|o| o.expressions().count())
            .sum()
    }
}
