//! What a program gives for its observations: where each number lies in it, and what is wrong with it.
//!
//! The output of a run goes in; the places of the values in it come out, or why it is none to go by.
//!
//! **Invariants**
//! - Each observation gives its prediction first, then the standard deviation and the limits that it
//!   computes.
//! - An error names the form, and the row where it is about one.

use super::error::FitError;
use super::observed::Data;
use super::scores::Observed;
use crate::error::Kind;
use crate::model::Error;
use crate::source::Span;
use crate::syntax::{Goal, Observation};
use crate::walk::{Item, Output};
use std::sync::Arc;

/// A point at which there are no residuals.
#[derive(Debug)]
pub(super) enum Unfit {
    Program(Error),
    Form { message: String, span: Span },
}

impl Unfit {
    pub(super) fn into_fit_error(self) -> FitError {
        match self {
            Self::Program(error) => FitError::Program(error),
            Self::Form { message, span } => FitError::Form { message, span },
        }
    }

    /// The error, if other numbers would not mend it: all but what a program may do on purpose or
    /// by running away.
    pub(super) fn definite(self) -> Option<FitError> {
        match &self {
            Self::Program(error) if matches!(error.kind(), Kind::User | Kind::Resource) => None,
            _ => Some(self.into_fit_error()),
        }
    }
}

/// Where the numbers of a value lie that is one for each row, or for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    first: usize,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    One,
    Rows,
    /// So many for each row.
    Cells(usize),
}

impl Layout {
    pub(super) fn at(self, number: &Observed) -> usize {
        match self.shape {
            Shape::One => self.first,
            Shape::Rows => self.first + number.lane as usize,
            Shape::Cells(columns) => {
                self.first + number.lane as usize * columns + number.place as usize
            }
        }
    }
}

/// Checks that the output is, for each observation, as many rows as the table has, each of as
/// many numbers as there are columns (or, for one column, a number): lists, vectors or a matrix. What
/// noise is made of may be one number too, or one for each row. Gives the place of each value.
pub(super) fn layout(
    output: &Output,
    observations: &[Observation],
    expected: usize,
) -> Result<Vec<Layout>, Unfit> {
    let mut items = output.items().iter();
    items.next();
    let mut layout = Vec::new();
    let mut first = 0;
    for observation in observations {
        let columns = observation.columns.len();
        for at in 0..observation.expressions().count() {
            let wrong = |what: String| {
                let message = if at == 0 {
                    format!(
                        "{what}; `observe-series` needs a list of {expected} rows of {columns} numbers"
                    )
                } else {
                    let what = what.replace("the prediction", "a standard deviation or limit");
                    format!(
                        "{what}; noise takes a number, or a list with a number for each of {expected} rows"
                    )
                };
                Unfit::Form {
                    message,
                    span: observation.span,
                }
            };
            let rows = match items.next() {
                Some(Item::Number { .. }) if at > 0 => {
                    layout.push(Layout {
                        first,
                        shape: Shape::One,
                    });
                    first += 1;
                    continue;
                }
                Some(Item::List(rows) | Item::Vector(rows) | Item::Matrix(rows)) => *rows as usize,
                _ => return Err(wrong("the prediction is no list".to_owned())),
            };
            if rows != expected {
                return Err(wrong(format!("the program predicts {rows} rows")));
            }
            let mut shape = None;
            for row in 1..=expected {
                let found = match items.next() {
                    Some(Item::Number { .. }) if columns == 1 || at > 0 => Shape::Rows,
                    Some(Item::List(numbers) | Item::Vector(numbers))
                        if *numbers as usize == columns =>
                    {
                        for _ in 0..*numbers {
                            if !matches!(items.next(), Some(Item::Number { .. })) {
                                return Err(wrong(format!("row {row} holds more than numbers")));
                            }
                        }
                        Shape::Cells(columns)
                    }
                    Some(Item::List(numbers) | Item::Vector(numbers)) => {
                        return Err(wrong(format!("row {row} holds {numbers} values")));
                    }
                    _ => return Err(wrong(format!("row {row} is no list of numbers"))),
                };
                // One number in a list is as good as the number.
                let found = if columns == 1 { Shape::Rows } else { found };
                if shape.is_some_and(|shape| shape != found) {
                    return Err(wrong(format!("row {row} is not as those before it")));
                }
                shape = Some(found);
            }
            let shape = shape.unwrap_or(Shape::Rows);
            layout.push(Layout { first, shape });
            first += match shape {
                Shape::Cells(columns) => expected * columns,
                _ => expected,
            };
        }
    }
    Ok(layout)
}

/// Which prediction of a row is no number.
pub(super) fn no_number(output: &Output, data: &Data<'_>, row: usize) -> Unfit {
    let items = output.items();
    // The list of the predictions comes first; a target has one prediction, as it is.
    let items = &items[usize::from(data.goal == Goal::Observations)..];
    let is_number = |item: &Item| matches!(item, Item::Number { .. });
    // Those before it are numbers, one item each.
    let place = items.iter().position(|item| !is_number(item));
    let place = place.unwrap_or_default();
    let mut places = data.observations.iter().flat_map(|observation| {
        observation
            .expressions()
            .enumerate()
            .map(move |(at, _)| (observation, at))
    });
    let (observation, part) = places.nth(place).unwrap_or((&data.observations[0], 0));
    let form = match data.goal {
        Goal::Value => "the target",
        Goal::Observations | Goal::Derived => "`observe`",
    };
    let what = if part == 0 {
        "the prediction"
    } else {
        "a standard deviation or limit"
    };
    Unfit::Form {
        message: format!(
            "{what} of `{}` at {} is {}; {form} needs a number for each row",
            observation.columns[0],
            data.table.place(row),
            describe(&items[place])
        ),
        span: observation.span,
    }
}

pub(super) fn describe(item: &Item) -> &'static str {
    match item {
        Item::Number { .. } => "a number",
        Item::Bool(_) => "a boolean",
        Item::Char(_) => "a character",
        Item::Symbol(_) => "a symbol",
        Item::String(_) => "a string",
        Item::Procedure => "a procedure",
        Item::Unspecified => "unspecified",
        Item::List(_) => "a list",
        Item::Pair => "a pair",
        Item::Vector(_) => "a vector",
        Item::Matrix(_) => "a matrix",
        Item::Opaque { .. } => "no number",
    }
}

/// The error of an evaluation, with the row that it was for.
pub(super) fn in_row(error: Error, row: &str) -> Error {
    match error {
        Error::Eval(mut error) => {
            let message = format!("{}, for {row}", error.message);
            Arc::make_mut(&mut error).message = message;
            Error::Eval(error)
        }
        error => error,
    }
}
