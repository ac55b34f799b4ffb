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
use super::result::GroupOf;
use super::table::{Table, TableError};
use crate::error::Kind;
use crate::model::bindings::{Bindings, Input};
use crate::prim::Prim;
use crate::sorted;
use crate::source::Span;
use crate::symbol::nearest;
use crate::syntax::ast::{Constraint, Expr, ExprId, Param};
use crate::syntax::{Noise, Observation, Program, hints};
use crate::walk::EvalError;

/// A constant to be estimated.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) name: String,
    pub(super) init: f64,
    pub(super) constraint: Constraint,
    /// The param of the program that it is a value of, and the number of the group's column, where there
    /// is a value for each.
    pub(super) group: Option<GroupOf>,
}

impl Unknown {
    /// Whether a name is its own, or that of the param which it is a value of.
    pub(super) fn is(&self, name: &str) -> bool {
        let group = self.group.as_ref();
        self.name == name || group.is_some_and(|group| group.param == name)
    }

    /// That it cannot start at a value.
    pub(super) fn outside(&self, value: f64) -> FitError {
        let name = &self.name;
        FitError::Init(if value.is_finite() {
            let range = in_words(self.constraint);
            format!(
                "the initial value {value} of `{name}` is outside the param's constraint, {range}; start it \
                 inside: --init {name}=…"
            )
        } else {
            format!("`{name}` has an initial value of {value}, which is no finite number")
        })
    }
}

/// Where the value of a param of the program is among the unknowns.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// One for all rows.
    Shared(usize),
    /// One for each distinct number of a column.
    Grouped {
        /// That of each row.
        of_row: Vec<u32>,
    },
}

impl Place {
    /// The unknown that a row has.
    pub(super) fn unknown(&self, row: usize) -> usize {
        match self {
            Self::Shared(unknown) => *unknown,
            Self::Grouped { of_row, .. } => of_row[row] as usize,
        }
    }
}

/// What is to be estimated.
#[derive(Debug)]
pub(super) struct Unknowns {
    pub(super) all: Vec<Unknown>,
    /// What the program calls them, one for each place.
    pub(super) names: Vec<String>,
    pub(super) places: Vec<Place>,
    /// What the program calls what is held, each with its value.
    pub(super) held: Vec<(String, f64)>,
}

/// The params, then the free names that a caller gives an initial value; and what is held. A param that
/// has a value for each number of a column is as many unknowns, in ascending order of these.
pub(super) fn unknowns(
    program: &Program,
    table: &Table<'_>,
    options: &FitOptions,
) -> Result<Unknowns, FitError> {
    let mut unknowns: Vec<Unknown> = Vec::new();
    // For each param its name, and for each row which of its unknowns it has.
    let mut params: Vec<(String, Option<Vec<u32>>)> = Vec::new();
    for param in program.params() {
        let unknown = |name, group| Unknown {
            name,
            init: param.init,
            constraint: param.constraint,
            group,
        };
        let Some(column) = &param.by else {
            unknowns.push(unknown(param.name.clone(), None));
            params.push((param.name.clone(), None));
            continue;
        };
        let (groups, of_row) = groups_of(program, table, param, column, options)?;
        unknowns.extend(groups.into_iter().map(|number| {
            let group = GroupOf {
                param: param.name.clone(),
                column: column.clone(),
                number,
            };
            unknown(group.name(), Some(group))
        }));
        params.push((param.name.clone(), Some(of_row)));
    }
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
        let mut is_known = false;
        for unknown in unknowns.iter_mut().filter(|unknown| unknown.is(name)) {
            unknown.init = value.unwrap_or(unknown.init);
            is_known = true;
        }
        if is_known {
            continue;
        }
        if is_free(name)
            && let Some(init) = value
        {
            unknowns.push(Unknown {
                name: name.clone(),
                init,
                constraint: Constraint::Free,
                group: None,
            });
            params.push((name.clone(), None));
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
        check_range(name, *range)?;
        let mut is_known = false;
        for unknown in unknowns.iter_mut().filter(|unknown| unknown.is(name)) {
            unknown.constraint = *range;
            is_known = true;
        }
        if !is_known {
            let known = unknowns.iter().map(|u| u.name.as_str());
            let hint =
                nearest(name, known).map_or(String::new(), |near| format!("; is it `{near}`?"));
            return Err(FitError::Init(format!(
                "`{name}` has a bound, and is no param of the program, nor given an initial value{hint}"
            )));
        }
    }
    for (name, mean, sd) in &options.priors {
        if !unknowns.iter().any(|unknown| unknown.name == *name) {
            return Err(FitError::Init(format!(
                "`{name}` has a prior, and is no param of the program, nor given an initial value"
            )));
        }
        if !(mean.is_finite() && *sd > 0.0 && sd.is_finite()) {
            return Err(FitError::Init(format!(
                "the prior of `{name}` has the mean {mean} and the standard deviation {sd}; give finite \
                 numbers, the second above 0"
            )));
        }
    }
    let is_held = |name: &str| options.fix.iter().any(|(held, _)| held == name);
    let mut found = Unknowns {
        all: Vec::new(),
        names: Vec::new(),
        places: Vec::new(),
        held: Vec::new(),
    };
    for (name, of_row) in params {
        let (of_param, others): (Vec<Unknown>, Vec<Unknown>) =
            unknowns.into_iter().partition(|unknown| unknown.is(&name));
        unknowns = others;
        if let Some(one) = of_param
            .iter()
            .find(|one| one.name != name && is_held(&one.name))
        {
            return Err(FitError::Init(format!(
                "`{}` is to be held, and the others of `{name}` are not; hold all of them, --fix {name}",
                one.name
            )));
        }
        if is_held(&name) {
            let value = of_param.first().map_or(f64::NAN, |one| one.init);
            found.held.push((name, value));
            continue;
        }
        let first = found.all.len();
        found.places.push(match of_row {
            None => Place::Shared(first),
            Some(of_row) => Place::Grouped {
                of_row: of_row.iter().map(|group| group + first as u32).collect(),
            },
        });
        found.names.push(name);
        found.all.extend(of_param);
    }
    for unknown in &found.all {
        if !unknown.constraint.admits(unknown.init) {
            return Err(unknown.outside(unknown.init));
        }
    }
    Ok(found)
}

/// The distinct numbers of a column, in ascending order, and the place of each row's among them.
fn groups_of(
    program: &Program,
    table: &Table<'_>,
    param: &Param,
    column: &str,
    options: &FitOptions,
) -> Result<(Vec<f64>, Vec<u32>), FitError> {
    let refused = |message: String| FitError::Form {
        message,
        span: param.span,
    };
    if program.observations().iter().any(|one| !one.by_row) {
        return Err(refused(format!(
            "`{}` has a value for each `{column}`, and `observe-series` predicts all rows at once; write \
             the model with `observe`, or a param for each",
            param.name
        )));
    }
    // A column has no -0 that is another group than 0.
    let numbers: Vec<f64> = column_of(table, column, param.span)?
        .iter()
        .map(|number| number + 0.0)
        .collect();
    let mut groups = numbers.clone();
    sorted::by(&mut groups, f64::total_cmp);
    groups.dedup();
    // The Jacobian has a column for each.
    let bytes = numbers
        .len()
        .saturating_mul(groups.len())
        .saturating_mul(32);
    if bytes > options.limits.heap_bytes {
        return Err(refused(format!(
            "`{column}` has {} different numbers in {} rows, too many for a value of `{}` for each; a \
             column of groups has few",
            groups.len(),
            numbers.len(),
            param.name
        )));
    }
    let place = |number: &f64| groups.partition_point(|group| group < number) as u32;
    let of_row = numbers.iter().map(place).collect();
    Ok((groups, of_row))
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
/// all of them. A series may miss numbers of the columns that it predicts: it sees NaN there. `more` are
/// columns beside those that the program names.
pub(crate) fn usable_rows(
    program: &Program,
    observations: &[Observation],
    table: &Table<'_>,
    more: &[&str],
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
    let of_groups = program
        .params()
        .iter()
        .filter_map(|param| param.by.as_deref());
    let taken = names
        .chain(of_matrices.map(String::as_str))
        .chain(of_groups)
        .chain(more.iter().copied());
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
            sd: None,
            censored: Vec::new(),
            span: program.span(last_expression(program)),
        }]),
    }
}

/// The expression whose value is the program's.
pub(super) fn last_expression(program: &Program) -> ExprId {
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
    unknowns: &Unknowns,
) -> Result<(), FitError> {
    for (name, span) in program.free_names() {
        if table.has_column(name)
            || is_declared(program, name)
            || unknowns.names.iter().any(|known| known == name)
            || unknowns.held.iter().any(|(held, _)| held == name)
        {
            continue;
        }
        let mut known: Vec<&str> = Prim::names().collect();
        known.extend(unknowns.names.iter().map(String::as_str));
        known.extend(table.names().iter().map(String::as_str));
        let hint = table.hint(name).or_else(|| {
            let advice = hints::instead_of(name, false);
            advice.map(|advice| format!("; {advice}"))
        });
        let hint = hint.or_else(|| {
            let near = nearest(name, known.into_iter())?;
            Some(format!("; is it `{near}`?"))
        });
        let hint = hint.unwrap_or_default();
        let file = table.file().unwrap_or("the table");
        let mut error = EvalError::new(
            Kind::Unbound,
            match table.names() {
                [] => format!(
                    "`{name}` is no param and has no initial value, and no data are given{hint}"
                ),
                _ => format!(
                    "`{name}` is no column of {file}, no param, and has no initial value{hint}"
                ),
            },
        );
        error.span = Some(span);
        error.position = Some(span.position(program.text()));
        return Err(FitError::Program(error.into()));
    }
    Ok(())
}
