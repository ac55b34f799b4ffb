//! Which params turn an angle: how fast, and from where on.
//!
//! A program and a table go in; for each parameter that multiplies or divides a column inside a `sin` or
//! `cos`, or is added there, what of it is worth trying comes out.
//!
//! **Invariants**
//! - A wave is a hint for where to begin a search, and no bound.
//! - Nothing recurs deeper than [`DEEPEST`], however a text nests.
//!
//! The sum of squares of a model that turns has a minimum for each frequency that some of the noise has, as
//! narrow as one turn over the length of the data. Neither slopes nor decades lead to the right one: as many
//! frequencies have to be tried as the data tell apart, each from more than one phase.

use super::declared::Unknown;
use super::mentions::definitions;
use super::table::Table;
use super::turns::{Shift, Speed, Wave};
use crate::prim::Prim;
use crate::sorted;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::{Observation, Program};
use rustc_hash::FxHashMap;
use std::f64::consts::{PI, TAU};

/// How deep an angle is looked into.
const DEEPEST: usize = 24;

/// The most terms of an angle, and the most factors of a term.
const MOST: usize = 8;

/// The wave of each unknown; none where the program turns nothing by it.
pub(super) fn waves(
    program: &Program,
    table: &Table<'_>,
    unknowns: &[Unknown],
    held: &[(String, f64)],
    observations: &[Observation],
) -> Vec<Option<Wave>> {
    let mut waves = vec![None; unknowns.len()];
    if !program.calls_any(&[Prim::Sin, Prim::Cos]) {
        return waves;
    }
    let angles = Angles {
        program,
        table,
        unknowns,
        held,
        definitions: definitions(program),
        only: only_column(program, table, unknowns, observations),
    };
    for expr in program.exprs() {
        if let Expr::Call { operator, args, .. } = expr
            && let Expr::Primitive(_, Prim::Sin | Prim::Cos) = program.expr(*operator)
            && let [angle] = args[..]
        {
            angles.note(&angles.terms(angle, 0), &mut waves);
        }
    }
    waves
}

/// The column that predictions are made from, where there is one alone.
fn only_column<'a>(
    program: &'a Program,
    table: &Table<'_>,
    unknowns: &[Unknown],
    observations: &[Observation],
) -> Option<&'a str> {
    let is_observed = |name: &str| {
        let mut columns = observations.iter().flat_map(|one| &one.columns);
        columns.any(|column| column == name)
    };
    let mut columns = program.free_names().map(|(name, _)| name).filter(|name| {
        !unknowns.iter().any(|unknown| unknown.is(name))
            && !is_observed(name)
            && table.observed(name).is_ok()
    });
    let first = columns.next()?;
    columns.all(|name| name == first).then_some(first)
}

/// A product of numbers, unknowns and columns.
#[derive(Clone, Debug)]
struct Term<'a> {
    /// NaN where something else is in it.
    factor: f64,
    /// Which unknowns, and their powers.
    unknowns: Vec<(usize, i32)>,
    columns: Vec<(&'a str, i32)>,
}

impl<'a> Term<'a> {
    fn column(name: &'a str) -> Self {
        Self {
            columns: vec![(name, 1)],
            ..Self::number(1.0)
        }
    }

    fn number(factor: f64) -> Self {
        Self {
            factor,
            unknowns: Vec::new(),
            columns: Vec::new(),
        }
    }

    fn other() -> Self {
        Self::number(f64::NAN)
    }

    fn times(&self, other: &Self, power: i32) -> Self {
        let raised = |(of, by): &(usize, i32)| (*of, by * power);
        let columns = other.columns.iter().map(|(of, by)| (*of, by * power));
        let product = Self {
            factor: self.factor * other.factor.powi(power),
            unknowns: (self.unknowns.iter().copied())
                .chain(other.unknowns.iter().map(raised))
                .collect(),
            columns: self.columns.iter().copied().chain(columns).collect(),
        };
        if product.unknowns.len() + product.columns.len() > MOST {
            return Self::other();
        }
        product
    }
}

/// Gaps are uneven where a tenth of them are shorter than the mean by this factor.
const UNEVEN: f64 = 1.25;

/// Half turns over the data that are told apart, at the most.
const MOST_TURNS: f64 = 1e9;

struct Angles<'a> {
    program: &'a Program,
    table: &'a Table<'a>,
    unknowns: &'a [Unknown],
    held: &'a [(String, f64)],
    definitions: FxHashMap<VarId, ExprId>,
    only: Option<&'a str>,
}

impl<'a> Angles<'a> {
    /// An expression as a sum of products.
    fn terms(&self, expr: ExprId, depth: usize) -> Vec<Term<'a>> {
        let other = || vec![Term::other()];
        if depth > DEEPEST {
            return other();
        }
        match self.program.expr(expr) {
            Expr::Constant(Constant::Int(x) | Constant::Float(x)) => vec![Term::number(*x)],
            Expr::Free(sym) => vec![self.name(self.program.free_name(*sym))],
            Expr::Variable(var) => {
                if let Some(&bound) = self.definitions.get(var) {
                    self.terms(bound, depth + 1)
                } else {
                    let name = self.program.symbols.name(self.program.var(*var).name);
                    vec![self.argument(name)]
                }
            }
            Expr::Call { operator, args, .. } => match self.program.expr(*operator) {
                Expr::Primitive(_, prim) => self.call(*prim, args, depth),
                _ => other(),
            },
            _ => other(),
        }
    }

    fn name(&self, name: &'a str) -> Term<'a> {
        if let Some(at) = (self.unknowns.iter()).position(|unknown| unknown.name == name) {
            return Term {
                unknowns: vec![(at, 1)],
                ..Term::number(1.0)
            };
        }
        if let Some((_, value)) = self.held.iter().find(|(held, _)| held == name) {
            return Term::number(*value);
        }
        if self.table.observed(name).is_ok() {
            return Term::column(name);
        }
        Term::other()
    }

    /// What a procedure is given: likely the column of its name, or the only one.
    fn argument(&self, name: &'a str) -> Term<'a> {
        if self.table.observed(name).is_ok() {
            return Term::column(name);
        }
        self.only.map_or_else(Term::other, Term::column)
    }

    fn call(&self, prim: Prim, args: &[ExprId], depth: usize) -> Vec<Term<'a>> {
        if args.len() > MOST {
            return vec![Term::other()];
        }
        let args = args.iter().map(|&arg| self.terms(arg, depth + 1));
        let args: Vec<Vec<Term<'a>>> = args.collect();
        let negative = Term::number(-1.0);
        let signed = |terms: &[Term<'a>]| -> Vec<Term<'a>> {
            terms.iter().map(|term| term.times(&negative, 1)).collect()
        };
        let product = |from: Vec<Term<'a>>, by: &[Vec<Term<'a>>], power: i32| {
            by.iter().fold(from, |product, terms| {
                // A quotient by a sum is something else.
                if product.len() * terms.len() > MOST || (power < 0 && terms.len() != 1) {
                    return vec![Term::other()];
                }
                let mut all = Vec::new();
                for term in &product {
                    all.extend(terms.iter().map(|by| term.times(by, power)));
                }
                all
            })
        };
        let mut terms = match (prim.name(), &args[..]) {
            ("+", all) => all.concat(),
            ("-", [one]) => signed(one),
            ("-", [first, rest @ ..]) => {
                let mut terms = first.clone();
                terms.extend(rest.iter().flat_map(|terms| signed(terms)));
                terms
            }
            ("*", all) => product(vec![Term::number(1.0)], all, 1),
            ("/", [one]) => product(vec![Term::number(1.0)], std::slice::from_ref(one), -1),
            ("/", [first, rest @ ..]) => product(first.clone(), rest, -1),
            // As in (acos -1).
            (_, [one]) => match &one[..] {
                [term] if term.unknowns.is_empty() && term.columns.is_empty() => {
                    vec![Term::number(prim.forward(term.factor, f64::NAN))]
                }
                _ => vec![Term::other()],
            },
            _ => vec![Term::other()],
        };
        if terms.len() > MOST {
            terms = vec![Term::other()];
        }
        terms
    }

    /// What the terms of an angle say of the unknowns.
    fn note(&self, terms: &[Term<'a>], waves: &mut [Option<Wave>]) {
        let known = |term: &&Term<'a>| term.factor.is_finite() && term.factor != 0.0;
        let shifts = |of: Option<(usize, i32)>| {
            let is = |one: usize, power: i32| of == Some((one, power));
            terms.iter().filter(known).find_map(|term| {
                let (param, power) = match term.unknowns[..] {
                    [(param, 1)] if of.is_none_or(|(of, _)| of != param) => (param, 0),
                    [(one, power), (other, 1)] if is(one, power) && one != other => (other, power),
                    [(one, 1), (other, power)] if is(other, power) && one != other => (one, power),
                    _ => return None,
                };
                term.columns.is_empty().then_some(Shift {
                    param,
                    factor: term.factor,
                    power,
                })
            })
        };
        for term in terms.iter().filter(known) {
            let ([(param, power @ (1 | -1))], [(column, 1)]) =
                (&term.unknowns[..], &term.columns[..])
            else {
                continue;
            };
            let Some((step, steps)) = self.steps(column) else {
                continue;
            };
            let speed = Speed {
                factor: term.factor.abs(),
                is_period: *power < 0,
                step,
                steps,
                shift: shifts(Some((*param, *power))),
            };
            // Of a tone and its overtones the lowest says most.
            let is_lower = match waves[*param] {
                Some(Wave::Speed(other)) => speed.factor < other.factor,
                _ => true,
            };
            if is_lower {
                waves[*param] = Some(Wave::Speed(speed));
            }
        }
        if let Some(Shift { param, factor, .. }) = shifts(None)
            && waves[param].is_none()
        {
            waves[param] = Some(Wave::Shift((TAU / factor).abs()));
        }
    }

    /// How far apart speeds are that a column tells apart, and how many there are; none where it has too few
    /// numbers.
    fn steps(&self, column: &str) -> Option<(f64, usize)> {
        let mut numbers = self.table.observed(column).ok()?.to_vec();
        numbers.retain(|number| number.is_finite());
        sorted::by(&mut numbers, f64::total_cmp);
        numbers.dedup();
        let length = numbers.last()? - numbers.first()?;
        let step = 0.5 * PI / length;
        // Where gaps are uneven, the short ones tell what turns faster than the mean one does.
        let gaps = numbers.len() - 1;
        let mut short: Vec<f64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
        sorted::by(&mut short, f64::total_cmp);
        let turns = length / short.get(gaps / 10)?;
        let is_even = turns < UNEVEN * gaps as f64;
        let steps = 2 * if is_even {
            gaps
        } else {
            turns.min(MOST_TURNS) as usize
        };
        (steps >= 6 && step.is_finite() && step > 0.0).then_some((step, steps))
    }
}
