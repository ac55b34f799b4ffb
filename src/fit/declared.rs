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

/// The params, then the free names that a caller gives an initial value.
pub(super) fn unknowns(
    program: &Program,
    table: &Table<'_>,
    options: &FitOptions,
) -> Result<Vec<Unknown>, FitError> {
    let mut unknowns: Vec<Unknown> = program
        .params()
        .iter()
        .map(|param| Unknown {
            name: param.name.clone(),
            init: param.init,
            constraint: param.constraint,
        })
        .collect();
    for (name, init) in &options.init {
        if let Some(unknown) = unknowns.iter_mut().find(|u| u.name == *name) {
            if !unknown.constraint.admits(*init) || !init.is_finite() {
                return Err(FitError::Init(format!(
                    "the initial value {init} of `{name}` is outside the param's constraint"
                )));
            }
            unknown.init = *init;
        } else if program.free_names().any(|(free, _)| free == name)
            && !table.has_column(name)
            && !is_declared(program, name)
        {
            if !init.is_finite() {
                return Err(FitError::Init(format!(
                    "the initial value {init} of `{name}` is no finite number"
                )));
            }
            unknowns.push(Unknown {
                name: name.clone(),
                init: *init,
                constraint: Constraint::Free,
            });
        } else {
            let params = program.params().iter().map(|p| p.name.as_str());
            let free = program.free_names().map(|(free, _)| free);
            let hint = nearest(name, params.chain(free))
                .map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(FitError::Init(format!(
                "`{name}` has an initial value, and is neither a param nor a free name of the \
                 program{hint}"
            )));
        }
    }
    if unknowns.is_empty() {
        return Err(FitError::NoParams);
    }
    Ok(unknowns)
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

/// A column of a table that a form of the program asks for.
pub(super) fn column_of<'t>(
    table: &'t Table<'_>,
    name: &str,
    span: Span,
) -> Result<&'t [f64], FitError> {
    table.column(name).map_err(|error| match error {
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
        .map(|name| Ok((name, table.column(name)?)))
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
) -> Result<(), FitError> {
    for (name, span) in program.free_names() {
        if table.has_column(name)
            || is_declared(program, name)
            || unknowns.iter().any(|u| u.name == name)
        {
            continue;
        }
        let mut known: Vec<&str> = Prim::names().collect();
        known.extend(unknowns.iter().map(|u| u.name.as_str()));
        known.extend(table.names().iter().map(String::as_str));
        let hint = nearest(name, known.into_iter())
            .map_or(String::new(), |near| format!("; is it `{near}`?"));
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
