//! `Prepared`: a model held against a table, ready to be run at any values of its unknowns.
//!
//! A model, a table and what is asked of them go in; the program prepared for what varies, with what stays
//! bound, comes out.
//!
//! **Invariants**
//! - The rows are those that can be used, and all that follows is about them.
//! - What varies stands in one order: the unknowns, and where rows are predicted one by one, their columns.

use super::declared::{
    Unknowns, check_names, columns, columns_used, matrices, observations, unknowns, usable_rows,
};
use super::error::FitError;
use super::literals;
use super::noise::Loss;
use super::observed::Data;
use super::options::FitOptions;
use super::points::Range;
use super::ranges::ranges;
use super::table::Table;
use super::turns::Wave;
use super::waves::waves;
use crate::model::bindings::Bindings;
use crate::model::{Error, Evaluator, Model};
use crate::prim::relaxation::Relaxation;
use crate::syntax::{Goal, Observation, Program};
use crate::threads::Threads;
use crate::walk::Limits;
use crate::{Interpreter, Mode};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// A program's text, with what runs it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) interpreter: Interpreter,
    pub(super) text: Arc<str>,
    /// The inputs that it was prepared for, which shadow primitives.
    pub(super) given: Vec<String>,
    pub(super) mode: Mode,
    pub(super) relaxation: Relaxation,
}

impl Source {
    /// That of a model.
    ///
    /// # Errors
    /// When the model has no text, but a compiled program.
    pub(super) fn of(model: &Model) -> Result<Self, FitError> {
        let Some(interpreter) = model.interpreter() else {
            let message =
                "a compiled program does not say what it predicts; fit the model of its text";
            return Err(Error::Request(message.into()).into());
        };
        Ok(Self {
            interpreter: interpreter.clone(),
            text: model.text().into(),
            given: model.given().into_iter().map(str::to_owned).collect(),
            mode: model.mode(),
            relaxation: model.relaxation(),
        })
    }

    /// The program, for what it is run for.
    pub(super) fn expand(&self, goal: Goal) -> Result<Program, Error> {
        let given: Vec<&str> = self.given.iter().map(String::as_str).collect();
        self.interpreter
            .expand_for(&self.text, &given, self.mode, goal)
    }

    /// A program that was expanded, prepared for inputs.
    pub(super) fn prepare(
        &self,
        program: Program,
        inputs: &[&str],
        relaxation: Relaxation,
    ) -> Result<Model, Error> {
        Model::new(&self.interpreter, program, inputs, self.mode)?.with_relaxation(relaxation)
    }
}

/// What a program is run for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'a> {
    /// What it observes, or, of one that observes nothing, the column that its value predicts.
    Predictions(Option<&'a str>),
    /// Its value, as a loss; the columns are lists.
    Loss,
}

/// What is asked of a model and a table.
pub(super) struct Asked<'a> {
    pub(super) purpose: Purpose<'a>,
    /// Whether the float literals of the program are unknowns too.
    pub(super) literals: bool,
    /// Columns beside those that the program names.
    pub(super) more: Vec<&'a str>,
}

/// What is known of a program's unknowns before it is prepared.
pub(super) struct Known<'a> {
    pub(super) unknowns: &'a Unknowns,
    /// Where the program says that they lie.
    pub(super) ranges: &'a [Option<Range>],
}

/// A table, or some of its rows.
#[derive(Debug)]
pub(super) enum Rows<'t> {
    All(&'t Table<'t>),
    Some(Table<'static>),
}

impl<'t> Deref for Rows<'t> {
    type Target = Table<'t>;

    fn deref(&self) -> &Table<'t> {
        match self {
            Self::All(table) => table,
            Self::Some(table) => table,
        }
    }
}

/// A model held against a table.
#[derive(Debug)]
pub(super) struct Prepared<'t> {
    /// The program as it is written.
    pub(super) program: Program,
    pub(super) goal: Goal,
    /// None of a loss.
    pub(super) observations: Vec<Observation>,
    /// The rows that can be used.
    pub(super) table: Rows<'t>,
    /// Which of all rows these are; none where they are all.
    pub(super) usable: Option<Vec<usize>>,
    pub(super) all_rows: usize,
    pub(super) unknowns: Unknowns,
    /// Whether rows are predicted one by one.
    pub(super) by_row: bool,
    /// Where the program says that unknowns lie.
    pub(super) ranges: Vec<Option<Range>>,
    /// Which unknowns turn an angle.
    pub(super) waves: Vec<Option<Wave>>,
    bindings: Bindings,
    /// The names of what varies.
    varied: Vec<String>,
    model: Model,
}

impl<'t> Prepared<'t> {
    /// Holds a model against a table. `unknowns` says what is to be estimated; `change` may make the program
    /// another one, and its relaxation.
    pub(super) fn new(
        source: &Source,
        table: &'t Table<'t>,
        asked: &Asked<'_>,
        unknowns: impl FnOnce(&Program, &Table<'_>) -> Result<Unknowns, FitError>,
        change: impl FnOnce(Program, &Known<'_>) -> Result<(Program, Relaxation), FitError>,
    ) -> Result<Self, FitError> {
        let goal = match asked.purpose {
            Purpose::Predictions(None) => Goal::Observations,
            Purpose::Predictions(Some(_)) | Purpose::Loss => Goal::Value,
        };
        let mut program = source.expand(goal)?;
        if asked.literals {
            literals::declare(&mut program);
        }
        let observations = match asked.purpose {
            Purpose::Predictions(target) => observations(&program, target)?,
            Purpose::Loss => {
                check_program(&program)?;
                Vec::new()
            }
        };
        let usable = usable_rows(&program, &observations, table, &asked.more)?;
        let all_rows = table.rows();
        let table = match &usable {
            Some(rows) => Rows::Some(table.only(rows)),
            None => Rows::All(table),
        };
        let unknowns = unknowns(&program, &table)?;
        check_names(&program, &table, &unknowns)?;
        let by_row = observations.iter().any(|observation| observation.by_row);
        let mut varied = unknowns.names.clone();
        let mut bindings = if by_row {
            let rows = columns(&program, &table)?;
            varied.extend(rows.into_iter().map(|(name, _)| name.to_owned()));
            matrices(&program, &table)?
        } else {
            columns_used(&program, &table)?
        };
        for (name, value) in &unknowns.held {
            bindings.set(name, *value);
        }
        let ranges = ranges(&program, &table, &unknowns.all);
        let waves = waves(
            &program,
            &table,
            &unknowns.all,
            &unknowns.held,
            &observations,
        );
        let known = Known {
            unknowns: &unknowns,
            ranges: &ranges,
        };
        let (changed, relaxation) = change(program.clone(), &known)?;
        let inputs = bindings.names().chain(varied.iter().map(String::as_str));
        let inputs: Vec<&str> = inputs.collect();
        Ok(Self {
            model: source.prepare(changed, &inputs, relaxation)?,
            program,
            goal,
            observations,
            table,
            usable,
            all_rows,
            unknowns,
            by_row,
            ranges,
            waves,
            bindings,
            varied,
        })
    }

    /// The program at values of what varies, with derivatives by the unknowns.
    pub(super) fn evaluator(
        &self,
        limits: &Limits,
        threads: Threads,
    ) -> Result<Evaluator, FitError> {
        let varied: Vec<&str> = self.varied.iter().map(String::as_str).collect();
        let wrt = &varied[..self.unknowns.names.len()];
        let run = self.model.evaluator(&self.bindings, &varied, wrt, limits)?;
        Ok(run.fuel_for_each().threads(threads))
    }

    /// The same when time is up: what was found is told, late or not.
    pub(super) fn unhurried(&self, limits: &Limits) -> Result<Evaluator, FitError> {
        let limits = Limits {
            deadline: None,
            interrupt: None,
            ..*limits
        };
        self.evaluator(&limits, Threads::ONE)
    }

    /// The columns that the program takes as numbers, where rows are predicted one by one.
    fn rows(&self) -> Result<Option<Vec<&[f64]>>, FitError> {
        if !self.by_row {
            return Ok(None);
        }
        let names = self.varied[self.unknowns.names.len()..].iter();
        let columns = names.map(|name| self.table.observed(name));
        Ok(Some(columns.collect::<Result<_, _>>()?))
    }

    /// The numbers that predictions are compared with. The params of the first evaluation that is not finite
    /// go to `met`.
    pub(super) fn data<'a>(
        &'a self,
        met: Option<&'a OnceLock<Vec<f64>>>,
    ) -> Result<Data<'a>, FitError> {
        let places = self.unknowns.places.clone();
        let (table, observations) = (&*self.table, &self.observations);
        Data::new(table, observations, self.goal, self.rows()?, places, met)
    }

    /// The same where predictions are compared with nothing.
    pub(super) fn unobserved(&self) -> Result<Data<'_>, FitError> {
        let places = self.unknowns.places.clone();
        let (table, observations) = (&*self.table, &self.observations);
        let rows = self.rows()?;
        Ok(Data::unobserved(
            table,
            observations,
            self.goal,
            rows,
            places,
        ))
    }

    /// How many rows were left out.
    pub(super) fn dropped(&self) -> usize {
        self.all_rows - self.table.rows()
    }
}

/// A model held against a table as options have it, with what runs it.
#[derive(Debug)]
pub(super) struct Ready<'t> {
    pub(super) source: Source,
    /// With all of its rows.
    pub(super) table: &'t Table<'t>,
    pub(super) prepared: Prepared<'t>,
    /// The prepared program, within the limits.
    pub(super) first: Evaluator,
}

impl<'t> Ready<'t> {
    /// Prepares a source; `change` may make its program another one, with another relaxation.
    pub(super) fn new(
        source: Source,
        table: &'t Table<'t>,
        options: &FitOptions,
        change: impl FnOnce(Program, &Known<'_>) -> Result<(Program, Relaxation), FitError>,
    ) -> Result<Self, FitError> {
        let purpose = if options.minimize {
            check_options(options)?;
            Purpose::Loss
        } else {
            Purpose::Predictions(options.target.as_deref())
        };
        let asked = Asked {
            purpose,
            literals: options.literals,
            more: options.noise_columns(),
        };
        let estimated = |program: &Program, table: &Table<'_>| unknowns(program, table, options);
        let prepared = Prepared::new(&source, table, &asked, estimated, change)?;
        // Starts are more work at a time than rows.
        let threads = if options.starts <= 1 && !options.minimize {
            options.threads.clone()
        } else {
            Threads::ONE
        };
        Ok(Self {
            first: prepared
                .evaluator(&options.limits, threads)?
                .drawing_on(options.fuel.as_ref()),
            prepared,
            table,
            source,
        })
    }

    /// Refuses values that the unknowns cannot start at.
    pub(super) fn check_init(&self, init: &[f64]) -> Result<(), FitError> {
        let all = &self.prepared.unknowns.all;
        if init.len() != all.len() {
            return Err(FitError::Init(format!(
                "{} values are given for {} params; give one for each",
                init.len(),
                all.len()
            )));
        }
        let mut pairs = all.iter().zip(init);
        match pairs.find(|(unknown, x)| !x.is_finite() || !unknown.constraint.admits(**x)) {
            None => Ok(()),
            Some((unknown, &x)) => Err(unknown.outside(x)),
        }
    }
}

/// Refuses what only predictions have.
fn check_options(options: &FitOptions) -> Result<(), FitError> {
    let asked = [
        (options.target.is_some(), "--target"),
        (options.sigma.is_some(), "--sigma"),
        (options.weights.is_some(), "--weights"),
        (options.loss != Loss::Squares, "--loss"),
        (options.loss_scale.is_some(), "--loss-scale"),
        (options.soften, "--soften"),
        (!options.priors.is_empty(), "a prior"),
    ];
    match asked.iter().find(|(is_given, _)| *is_given) {
        None => Ok(()),
        Some((_, flag)) => Err(FitError::Loss(format!(
            "{flag} is about predictions, and with --minimize the program's value is the loss itself; \
             leave out one of them"
        ))),
    }
}

/// Refuses forms that a loss has no use for.
fn check_program(program: &Program) -> Result<(), FitError> {
    let refused = |what: &str, span| {
        let message = format!(
            "{what}, and with --minimize the program's value is the loss itself; leave out --minimize, or \
             this form"
        );
        Err(FitError::Form { message, span })
    };
    if let Some(first) = program.observations().first() {
        return refused("the program says what it predicts", first.span);
    }
    if let Some(first) = program.priors().first() {
        return refused("a prior adds to a likelihood", first.span);
    }
    match program.params().iter().find(|param| param.by.is_some()) {
        None => Ok(()),
        Some(param) => Err(FitError::Form {
            message: format!(
                "`{}` has a value for each group of rows, and a loss sees all rows at once; declare a param \
                 for each",
                param.name
            ),
            span: param.span,
        }),
    }
}
