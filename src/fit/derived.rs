//! Quantities made of params: `(derive name expression)`.
//!
//! A program, a table and what is estimated go in; at estimates with their covariances each quantity comes
//! out with its standard error.
//!
//! **Invariants**
//! - Standard errors are by the delta method, with exact derivatives: √(g^T C g) for the gradient g and
//!   the covariances C.
//! - A quantity of params that have a value for each group is one for each group, in ascending order.
//! - A quantity that a fit can do nothing about fails before the search; at the estimates it is NaN.

use super::declared::{Place, Unknown, Unknowns, columns, columns_used, matrices};
use super::error::FitError;
use super::literals;
use super::mentions::mentions;
use super::options::FitOptions;
use super::prepared::{Prepared, Source};
use super::result::FittedDerived;
use super::spread::Concluded;
use super::statistics::Statistics;
use crate::model::Evaluator;
use crate::sorted;
use crate::syntax::{Derived, Goal};
use crate::walk::Item;

/// Quantities, ready to be evaluated.
pub(super) struct Derivation<'a> {
    run: Evaluator,
    quantities: Vec<Quantity>,
    unknowns: &'a Unknowns,
    columns: Vec<&'a [f64]>,
    declared: Vec<Derived>,
}

/// One quantity, or that of one group.
struct Quantity {
    name: String,
    /// Which of those that the program declares.
    index: usize,
    /// A row of its group.
    row: usize,
}

/// A quantity's number and its derivatives by the unknowns.
struct Evaluated {
    value: f64,
    gradient: Vec<f64>,
}

impl<'a> Derivation<'a> {
    /// The quantities that a program declares; none if it declares none.
    pub(super) fn new(
        source: &Source,
        prepared: &'a Prepared<'_>,
        options: &FitOptions,
    ) -> Result<Option<Self>, FitError> {
        let (table, unknowns) = (&*prepared.table, &prepared.unknowns);
        if prepared.program.derived().is_empty() {
            return Ok(None);
        }
        let mut program = source.expand(Goal::Derived)?;
        let is_known = |name: &str| {
            let held = unknowns.held.iter().map(|(name, _)| name);
            unknowns.names.iter().chain(held).any(|known| known == name)
        };
        literals::declare_those(&mut program, is_known);
        let (mut bindings, rows) = if prepared.by_row {
            (matrices(&program, table)?, columns(&program, table)?)
        } else {
            (columns_used(&program, table)?, Vec::new())
        };
        for (name, value) in &unknowns.held {
            bindings.set(name, *value);
        }
        let (rows, columns): (Vec<&str>, Vec<&[f64]>) = rows.into_iter().unzip();
        let rows: Vec<String> = rows.into_iter().map(str::to_owned).collect();
        let mut quantities = Vec::new();
        for (index, derived) in program.derived().iter().enumerate() {
            let depends =
                |name: &String| mentions(&program, derived.expr, std::slice::from_ref(name));
            if let Some(column) = rows.iter().find(|name| depends(name)) {
                return Err(FitError::Form {
                    message: format!(
                        "the quantity `{}` depends on the column `{column}`, which has a number for each \
                         row; derive quantities of params alone",
                        derived.name
                    ),
                    span: derived.span,
                });
            }
            let groups = unknowns.groups(|name| depends(&name.to_owned()));
            quantities.extend(groups.into_iter().map(|(label, row)| Quantity {
                name: format!("{}{label}", derived.name),
                index,
                row,
            }));
        }
        let declared = program.derived().to_vec();
        let varied: Vec<&str> = unknowns
            .names
            .iter()
            .chain(&rows)
            .map(String::as_str)
            .collect();
        let inputs: Vec<&str> = bindings.names().chain(varied.iter().copied()).collect();
        let prepared = source.prepare(program, &inputs, source.relaxation)?;
        let wrt = &varied[..unknowns.names.len()];
        let run = prepared.evaluator(&bindings, &varied, wrt, &options.limits)?;
        Ok(Some(Self {
            run: run.drawing_on(options.fuel.as_ref()),
            quantities,
            unknowns,
            columns,
            declared,
        }))
    }

    /// Checks that all quantities are numbers at params.
    pub(super) fn check(&mut self, params: &[f64]) -> Result<(), FitError> {
        for at in 0..self.quantities.len() {
            self.evaluate(at, params)?;
        }
        Ok(())
    }

    /// The quantities at the estimates.
    pub(super) fn at(&mut self, params: &[f64], concluded: &Concluded) -> Vec<FittedDerived> {
        let statistics = &concluded.statistics;
        (0..self.quantities.len())
            .map(|at| {
                let evaluated = self.evaluate(at, params);
                let name = self.quantities[at].name.clone();
                let (estimate, std_err) = match evaluated {
                    Ok(Evaluated { value, gradient }) => (value, std_err(&gradient, concluded)),
                    Err(_) => (f64::NAN, f64::NAN),
                };
                FittedDerived {
                    name,
                    estimate,
                    std_err,
                    low: estimate - statistics.half_width * std_err,
                    high: estimate + statistics.half_width * std_err,
                }
            })
            .collect()
    }

    /// The quantities at params that have no errors.
    pub(super) fn without_errors(&mut self, params: &[f64]) -> Vec<FittedDerived> {
        (0..self.quantities.len())
            .map(|at| FittedDerived {
                estimate: self
                    .evaluate(at, params)
                    .map_or(f64::NAN, |evaluated| evaluated.value),
                name: self.quantities[at].name.clone(),
                std_err: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
            })
            .collect()
    }

    fn evaluate(&mut self, at: usize, params: &[f64]) -> Result<Evaluated, FitError> {
        let quantity = &self.quantities[at];
        let row = quantity.row;
        let places = self.unknowns.places.iter();
        let unknown = |place: &Place| place.unknown(row);
        let inputs = places.clone().map(|place| params[unknown(place)]);
        let inputs: Vec<f64> = inputs
            .chain(self.columns.iter().map(|column| column[row]))
            .collect();
        self.run.run_at(&inputs, true)?;
        // The list comes first. Those before it are numbers, one item each.
        let items = &self.run.output().items()[1..];
        let value = match items.get(quantity.index) {
            Some(Item::Number { value, .. })
                if items[..quantity.index]
                    .iter()
                    .all(|item| matches!(item, Item::Number { .. })) =>
            {
                *value
            }
            _ => {
                let is_number = |item: &Item| matches!(item, Item::Number { .. });
                let index = items.iter().position(|item| !is_number(item));
                let derived = &self.declared[index.unwrap_or(quantity.index)];
                return Err(FitError::Form {
                    message: format!("the quantity `{}` is no number", derived.name),
                    span: derived.span,
                });
            }
        };
        let mut gradient = vec![0.0; params.len()];
        let count = self.unknowns.places.len();
        let derivatives = &self.run.derivatives()[quantity.index * count..][..count];
        for (place, derivative) in places.zip(derivatives) {
            gradient[unknown(place)] += derivative;
        }
        Ok(Evaluated { value, gradient })
    }
}

/// A quantity stays the same in a direction if its change there is this part of what its params make of
/// it one by one.
const SAME: f64 = 1e-6;

/// The standard error of what has a gradient by the params. Those that are held at a bound have none, and
/// take no part.
fn std_err(gradient: &[f64], concluded: &Concluded) -> f64 {
    let of_all = &concluded.statistics;
    let stays = |direction: &Vec<f64>| {
        let changes = gradient.iter().zip(direction).map(|(g, d)| g * d);
        let size: f64 = changes.clone().map(f64::abs).sum();
        changes.sum::<f64>().abs() <= SAME * size
    };
    if !of_all.directions.iter().all(stays) {
        return f64::INFINITY;
    }
    let statistics: &Statistics = concluded.conditional.as_ref().unwrap_or(of_all);
    let n = gradient.len();
    // Without degrees of freedom nothing is told of any, and of those held nothing of them.
    let is_told = !of_all.std_err.iter().all(|error| error.is_nan());
    let matters = |j: &usize| gradient[*j] != 0.0 && !(is_told && statistics.std_err[*j].is_nan());
    let mut variance = 0.0;
    for i in (0..n).filter(matters) {
        for j in (0..n).filter(matters) {
            variance += gradient[i] * statistics.covariance[i * n + j] * gradient[j];
        }
    }
    // Rounding may leave less than nothing of what cancels.
    if variance < 0.0 { 0.0 } else { variance.sqrt() }
}

impl Unknowns {
    /// The groups that a quantity differs between which depends on some of the program's params: what to
    /// call each, and a row of it. One without a name if it depends on none that has groups.
    fn groups(&self, depends: impl Fn(&str) -> bool) -> Vec<(String, usize)> {
        let places = self.names.iter().zip(&self.places);
        let grouped: Vec<&Place> = places
            .filter(|(name, place)| matches!(place, Place::Grouped { .. }) && depends(name))
            .map(|(_, place)| place)
            .collect();
        let Some(Place::Grouped { of_row }) = grouped.first() else {
            return vec![(String::new(), 0)];
        };
        let mut rows: Vec<(Vec<usize>, usize)> = (0..of_row.len())
            .map(|row| {
                (
                    grouped.iter().map(|place| place.unknown(row)).collect(),
                    row,
                )
            })
            .collect();
        sorted::plainly(&mut rows);
        rows.dedup_by(|one, other| one.0 == other.0);
        let label = |unknowns: &[usize]| {
            let mut parts: Vec<String> = Vec::new();
            for &unknown in unknowns {
                let group = self
                    .all
                    .get(unknown)
                    .and_then(|u: &Unknown| u.group.as_ref());
                let Some(group) = group else {
                    continue;
                };
                let part = format!("{}={}", group.column, group.number);
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
            format!("[{}]", parts.join(","))
        };
        rows.into_iter()
            .map(|(unknowns, row)| (label(&unknowns), row))
            .collect()
    }
}
