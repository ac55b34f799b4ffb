//! What a program declares, held against a table: params, observations, matrices, columns.
//!
//! A program and a table go in; what is to be estimated, what is predicted and the numbers that the
//! program takes come out.
//!
//! **Invariants**
//! - Every free name is a param, a data matrix, a column, or given an initial value by the caller.
//! - A declaration stands before a column of its name.

use super::error::FitError;
use super::options::FitOptions;
use super::table::{Table, TableError};
use crate::error::Kind;
use crate::model::bindings::{Bindings, Input};
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::nearest;
use crate::syntax::ast::{Constraint, Expr, ExprId};
use crate::syntax::{Noise, Observation, Program};
use crate::walk::EvalError;

/// A constant to be estimated.
pub(super) struct Unknown {
    pub(super) name: String,
    pub(super) init: f64,
    pub(super) constraint: Constraint,
}

/// What is held, each with its value.
pub(super) type Held = Vec<(String, f64)>;

/// The params, then the free names that a caller gives an initial value; and what is held, each with its
/// value.
pub(super) fn unknowns(
    program: &Program,
    table: &Table<'_>,
    options: &FitOptions,
) -> Result<(Vec<Unknown>, Held), FitError> {
    let mut unknowns: Vec<Unknown> = program
        .params()
        .iter()
        .map(|param| Unknown {
            name: param.name.clone(),
            init: param.init,
            constraint: param.constraint,
        })
        .collect();
    let is_free = |name: &str| {
        program.free_names().any(|(free, _)| free == name)
            && !table.has_column(name)
            && !is_declared(program, name)
    };
    let inits = options
        .init
        .iter()
        .map(|(name, init)| (name, Some(*init), "an initial value"));
    // Those that are held without a value have one already, or none.
    let held = options
        .fix
        .iter()
        .map(|(name, value)| (name, *value, "a value to be held at"));
    for (name, value, what) in inits.chain(held) {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            return Err(FitError::Init(format!(
                "`{name}` has {what} of {value}, which is no finite number"
            )));
        }
        if let Some(unknown) = unknowns.iter_mut().find(|u| u.name == *name) {
            unknown.init = value.unwrap_or(unknown.init);
        } else if is_free(name)
            && let Some(init) = value
        {
            unknowns.push(Unknown {
                name: name.clone(),
                init,
                constraint: Constraint::Free,
            });
        } else {
            let known = unknowns.iter().map(|u| u.name.as_str());
            let free = program.free_names().map(|(free, _)| free);
            let hint = nearest(name, known.chain(free))
                .map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(FitError::Init(match value {
                None if is_free(name) => {
                    format!("`{name}` is no param and is to be held; say at what: --fix {name}=1.5")
                }
                _ => format!(
                    "`{name}` has {what}, and is neither a param nor a free name of the program{hint}"
                ),
            }));
        }
    }
    for (name, range) in &options.bounds {
        let Some(unknown) = unknowns.iter_mut().find(|u| u.name == *name) else {
            let known = unknowns.iter().map(|u| u.name.as_str());
            let hint =
                nearest(name, known).map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(FitError::Init(format!(
                "`{name}` has a bound, and is no param of the program, nor given an initial value{hint}"
            )));
        };
        check_range(name, *range)?;
        unknown.constraint = *range;
    }
    let is_held = |name: &str| options.fix.iter().any(|(held, _)| held == name);
    let (held, unknowns): (Vec<Unknown>, Vec<Unknown>) = unknowns
        .into_iter()
        .partition(|unknown| is_held(&unknown.name));
    for unknown in &unknowns {
        if !unknown.constraint.admits(unknown.init) {
            return Err(FitError::Init(format!(
                "the initial value {} of `{}` is outside the param's constraint, {}; start it inside: \
                 --init {}=…",
                unknown.init,
                unknown.name,
                in_words(unknown.constraint),
                unknown.name
            )));
        }
    }
    if unknowns.is_empty() {
        return Err(match held.first() {
            None => FitError::NoParams,
            Some(_) => FitError::Init(
                "every param is held; leave out --fix for one, or run the program with `dmci run`"
                    .to_owned(),
            ),
        });
    }
    let held = held.into_iter().map(|held| (held.name, held.init));
    Ok((unknowns, held.collect()))
}

/// Refuses a range that no number is in.
fn check_range(name: &str, range: Constraint) -> Result<(), FitError> {
    let refused = |message: String| Err(FitError::Init(message));
    match range {
        Constraint::Between(lo, hi) if lo > hi => refused(format!(
            "the bounds of `{name}` are reversed: {lo} is above {hi}; write {name}={hi}..{lo}"
        )),
        Constraint::Between(lo, hi) if lo == hi => refused(format!(
            "the bounds of `{name}` are both {lo}; hold it there with --fix {name}={lo}"
        )),
        Constraint::Above(end) | Constraint::Below(end) if !end.is_finite() => {
            refused(format!("the bound {end} of `{name}` is no finite number"))
        }
        Constraint::Between(lo, hi) if !(hi - lo).is_finite() => refused(format!(
            "the bounds {lo} and {hi} of `{name}` are no finite numbers with a finite distance"
        )),
        _ => Ok(()),
    }
}

/// A range as people say it.
fn in_words(constraint: Constraint) -> String {
    match constraint {
        Constraint::Free => "any number".to_owned(),
        Constraint::Above(lo) => format!("above {lo}"),
        Constraint::Below(hi) => format!("below {hi}"),
        Constraint::Between(lo, hi) => format!("between {lo} and {hi}"),
    }
}

/// The rows that a fit can use, from 0: those that miss no number the program takes. None where that is
/// all of them. A series may miss numbers of the columns that it predicts: it sees NaN there.
pub(crate) fn usable_rows(
    program: &Program,
    observations: &[Observation],
    table: &Table<'_>,
) -> Result<Option<Vec<usize>>, TableError> {
    let is_predicted = |name: &str| {
        let series = observations.iter().filter(|one| !one.by_row);
        series
            .flat_map(|one| &one.columns)
            .any(|column| column == name)
    };
    let of_matrices = program.matrices().iter().flat_map(|matrix| &matrix.columns);
    let names = program.free_names().map(|(name, _)| name);
    let names = names.filter(|name| !is_declared(program, name));
    let taken = names.chain(of_matrices.map(String::as_str));
    table.complete_rows(taken.filter(|name| !is_predicted(name)))
}

/// What the program, or its caller, says of data.
pub(super) fn observations(
    program: &Program,
    target: Option<&str>,
) -> Result<Vec<Observation>, FitError> {
    match (target, program.observations()) {
        (None, []) => Err(FitError::NothingObserved),
        (None, all) => Ok(all.to_vec()),
        (Some(_), [first, ..]) => Err(FitError::TargetAndObservations { span: first.span }),
        (Some(target), []) => Ok(vec![Observation {
            columns: vec![target.to_owned()],
            by_row: true,
            expr: program.root,
            noise: Noise::Normal,
            span: program.span(last_expression(program)),
        }]),
    }
}

/// The expression whose value is the program's.
fn last_expression(program: &Program) -> ExprId {
    let mut id = program.root;
    loop {
        id = match program.expr(id) {
            Expr::Letrec { body, .. } if id == program.root => *body,
            Expr::Begin(all) if program.span(id) == program.span(program.root) => {
                *all.last().expect("a sequence has an expression")
            }
            _ => return id,
        };
    }
}

/// A column of a table that a form of the program asks for; NaN where a number is missing.
pub(super) fn column_of<'t>(
    table: &'t Table<'_>,
    name: &str,
    span: Span,
) -> Result<&'t [f64], FitError> {
    table.observed(name).map_err(|error| match error {
        TableError::MissingColumn { .. } => FitError::Column { error, span },
        // The fault is the file's, and the error says where.
        error => FitError::Table(error),
    })
}

/// The program's matrices of data, those that it has a use for.
pub(super) fn matrices(program: &Program, table: &Table<'_>) -> Result<Bindings, FitError> {
    let mut bindings = Bindings::new();
    for matrix in program.matrices() {
        let columns = matrix.columns.iter();
        let columns = columns.map(|name| column_of(table, name, matrix.span));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if program.free_names().all(|(name, _)| name != matrix.name) {
            continue;
        }
        let rows = 0..table.rows();
        let numbers = rows.flat_map(|row| columns.iter().map(move |column| column[row]));
        let input = Input::Matrix {
            rows: table.rows(),
            columns: columns.len(),
            numbers: numbers.collect(),
        };
        bindings.set(&matrix.name, input);
    }
    Ok(bindings)
}

/// The columns of a table that the program names.
pub(super) fn columns<'p, 't>(
    program: &'p Program,
    table: &'t Table<'_>,
) -> Result<Vec<(&'p str, &'t [f64])>, TableError> {
    let names = program.free_names().map(|(name, _)| name);
    let columns = names.filter(|name| table.has_column(name) && !is_declared(program, name));
    columns
        .map(|name| Ok((name, table.observed(name)?)))
        .collect()
}

/// Whether the program declares what a free name is, so that it is no column of that name.
fn is_declared(program: &Program, name: &str) -> bool {
    program.params().iter().any(|param| param.name == name)
        || program.matrices().iter().any(|matrix| matrix.name == name)
}

/// What a program that predicts series has a use for of a table, by name: columns as lists, and the
/// matrices that it declares.
///
/// # Errors
/// When a column is not there, or holds anything but numbers.
pub(crate) fn columns_used(program: &Program, table: &Table<'_>) -> Result<Bindings, FitError> {
    let mut bindings = matrices(program, table)?;
    for (name, column) in columns(program, table)? {
        bindings.set(name, Input::List(column.to_vec()));
    }
    Ok(bindings)
}

/// Checks that every free name is a column, declared or fitted.
pub(super) fn check_names(
    program: &Program,
    table: &Table<'_>,
    unknowns: &[Unknown],
    held: &[(String, f64)],
) -> Result<(), FitError> {
    for (name, span) in program.free_names() {
        if table.has_column(name)
            || is_declared(program, name)
            || unknowns.iter().any(|u| u.name == name)
            || held.iter().any(|(held, _)| held == name)
        {
            continue;
        }
        let mut known: Vec<&str> = Prim::names().collect();
        known.extend(unknowns.iter().map(|u| u.name.as_str()));
        known.extend(table.names().iter().map(String::as_str));
        let hint = table.hint(name).or_else(|| {
            let near = nearest(name, known.into_iter())?;
            Some(format!("; is it `{near}`?"))
        });
        let hint = hint.unwrap_or_default();
        let mut error = EvalError::new(
            Kind::Unbound,
            format!(
                "`{name}` is no column of {}, no param, and has no initial value{hint}",
                table.file().unwrap_or("the table")
            ),
        );
        error.span = Some(span);
        error.position = Some(span.position(program.text()));
        return Err(FitError::Program(error.into()));
    }
    Ok(())
}
