//! The top level: definitions in any order and again, params, observations, expressions.
//!
//! **Invariants**
//! - Names that the top level defines are known before any form is expanded.
//! - Expressions between definitions keep their place: the program is one `letrec` in order.

use super::{Expander, Goal, Item, Result};
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, Constraint, Expr, ExprId, Noise, Observation, Param};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use rustc_hash::{FxHashMap, FxHashSet};

impl Expander<'_> {
    pub(super) fn program(&mut self, roots: &[DatumId], goal: Goal) -> Result<ExprId> {
        let whole = Span::new(0, self.text.len() as u32);
        self.find_definitions(roots)?;
        let items = self.items(roots)?;
        let mut vars = Vec::new();
        let mut inits = Vec::new();
        let mut pending: Vec<ExprId> = Vec::new();
        let mut predictions = Vec::new();
        for (index, item) in items.iter().enumerate() {
            self.item = index;
            match item {
                Item::Define(id, definition) => {
                    for expr in pending.drain(..) {
                        vars.push(self.hidden("%unused"));
                        inits.push(expr);
                    }
                    let var = self.top[&definition.name]
                        .iter()
                        .find(|&&(item, _)| item == index)
                        .map(|&(_, var)| var);
                    let Some(var) = var else {
                        return self.fail(*id, "this definition cannot be placed");
                    };
                    let init = self.definition(*id, definition, var)?;
                    vars.push(var);
                    inits.push(init);
                }
                Item::Param(id) => self.param(*id)?,
                Item::Observe(id) => {
                    let expr = self.observe_series(*id)?;
                    predictions.push(expr);
                    if goal == Goal::Value {
                        pending.push(expr);
                    }
                }
                Item::Expression(id) => pending.push(self.expand(*id)?),
            }
        }
        if goal == Goal::Observations {
            let list = self.constant(Constant::Primitive(Prim::List), whole);
            let call = Expr::Call {
                operator: list,
                args: predictions.into(),
                counts: false,
            };
            pending.push(self.push(call, whole));
        }
        let body = match pending.len() {
            0 => self.constant(Constant::Unspecified, whole),
            1 => pending[0],
            _ => self.push(Expr::Begin(pending.into()), whole),
        };
        Ok(if vars.is_empty() {
            body
        } else {
            let letrec = Expr::Letrec {
                vars: vars.into(),
                inits: inits.into(),
                body,
            };
            self.push(letrec, whole)
        })
    }

    /// Collects the names that the top level defines, so that forms they shadow are not taken for
    /// forms, and makes a variable for each definition.
    pub(super) fn find_definitions(&mut self, roots: &[DatumId]) -> Result<()> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut defined: FxHashSet<Sym> = FxHashSet::default();
        let mut names = Vec::new();
        while let Some(id) = open.pop() {
            match self.form_of(id) {
                Some((Form::Begin, items)) => open.extend(items[1..].iter().rev()),
                Some((Form::Define, _)) => {
                    let definition = self.parse_definition(id)?;
                    names.push((definition.name, id));
                    defined.insert(definition.name);
                }
                Some((Form::Param, items)) => {
                    if let Some(&name) = items.get(1)
                        && let Datum::Symbol(sym) = self.data.get(name)
                    {
                        self.param_names.insert(sym);
                    }
                }
                _ => {}
            }
        }
        // Until its items are counted a definition stands at the end, so that its name shadows.
        for (name, id) in names {
            if self.param_names.contains(&name) {
                let message = format!(
                    "`{}` is a param already; give the definition another name",
                    self.symbols.name(name)
                );
                return self.fail(id, message);
            }
            let var = self.variable(name);
            self.top.entry(name).or_default().push((usize::MAX, var));
        }
        for (&name, versions) in &self.top {
            let hides = self.is_input(name)
                || Prim::from_name(self.symbols.name(name)).is_some()
                || self.prelude.contains(&name);
            if versions.len() > 1 || hides {
                for (count, &(_, var)) in versions.iter().enumerate() {
                    let unique = format!("{}%{}", self.symbols.name(name), count + 1);
                    let unique = self.symbols.reserve(&unique);
                    self.vars[var.0 as usize].core_name = unique;
                }
            }
        }
        Ok(())
    }

    pub(super) fn items(&mut self, roots: &[DatumId]) -> Result<Vec<Item>> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut items = Vec::new();
        let mut made: FxHashMap<Sym, usize> = FxHashMap::default();
        while let Some(id) = open.pop() {
            match self.form_of(id) {
                Some((Form::Begin, items)) if items.len() > 1 => {
                    open.extend(items[1..].iter().rev());
                }
                Some((Form::Define, _)) => {
                    let definition = self.parse_definition(id)?;
                    let count = made.entry(definition.name).or_insert(0);
                    if let Some(versions) = self.top.get_mut(&definition.name)
                        && let Some(version) = versions.get_mut(*count)
                    {
                        version.0 = items.len();
                    }
                    *count += 1;
                    items.push(Item::Define(id, definition));
                }
                Some((Form::Param, _)) => items.push(Item::Param(id)),
                Some((Form::ObserveSeries, _)) => items.push(Item::Observe(id)),
                _ => items.push(Item::Expression(id)),
            }
        }
        Ok(items)
    }

    pub(super) fn param(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(param name init)` with a number, and perhaps `(> lo)`, `(< hi)` or `(between lo hi)`";
        let Some((_, items)) = self.form_of(id) else {
            return self.fail(id, USAGE);
        };
        let Datum::List(_) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let items = items.to_vec();
        let (3 | 4) = items.len() else {
            return self.fail(id, USAGE);
        };
        let Datum::Symbol(sym) = self.data.get(items[1]) else {
            return self.fail(id, USAGE);
        };
        let Some(init) = self.number(items[2]) else {
            return self.fail(id, USAGE);
        };
        let constraint = match items.get(3) {
            None => Constraint::Free,
            Some(&c) => match self.constraint(c) {
                Some(constraint) => constraint,
                None => return self.fail(id, USAGE),
            },
        };
        let name = self.symbols.name(sym).to_owned();
        if !self.params_seen.insert(sym) {
            return self.fail(id, format!("the param `{name}` is given twice; remove one"));
        }
        if !constraint.admits(init) || !init.is_finite() {
            return self.fail(
                id,
                format!("the param `{name}` starts at {init}, outside its constraint"),
            );
        }
        self.params.push(Param {
            name,
            init,
            constraint,
            span: self.data.span(id),
        });
        Ok(())
    }

    pub(super) fn constraint(&self, id: DatumId) -> Option<Constraint> {
        let Datum::List(items) = self.data.get(id) else {
            return None;
        };
        let Datum::Symbol(sym) = self.data.get(*items.first()?) else {
            return None;
        };
        let numbers: Option<Vec<f64>> = items[1..].iter().map(|&i| self.number(i)).collect();
        match (self.symbols.name(sym), numbers?.as_slice()) {
            (">", &[lo]) => Some(Constraint::Above(lo)),
            ("<", &[hi]) => Some(Constraint::Below(hi)),
            ("between", &[lo, hi]) if lo < hi => Some(Constraint::Between(lo, hi)),
            _ => None,
        }
    }

    pub(super) fn number(&self, id: DatumId) -> Option<f64> {
        match self.data.get(id) {
            Datum::Int(x) | Datum::Float(x) => Some(x),
            _ => None,
        }
    }

    pub(super) fn observe_series(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(observe-series (column …) rows)`, and perhaps `normal` or `lognormal` after the rows";
        let items = match self.data.get(id) {
            Datum::List(items) if matches!(items.len(), 3 | 4) => items.to_vec(),
            _ => return self.fail(id, USAGE),
        };
        let Datum::List(columns) = self.data.get(items[1]) else {
            return self.fail(id, USAGE);
        };
        let mut names = Vec::new();
        for &column in columns {
            let Datum::Symbol(sym) = self.data.get(column) else {
                return self.fail(id, USAGE);
            };
            names.push(self.symbols.name(sym).to_owned());
        }
        if names.is_empty() {
            return self.fail(id, USAGE);
        }
        let noise = match items.get(3).map(|&n| self.data.get(n)) {
            None => Noise::Normal,
            Some(Datum::Symbol(sym)) => match self.symbols.name(sym) {
                "normal" => Noise::Normal,
                "lognormal" => Noise::Lognormal,
                _ => return self.fail(id, USAGE),
            },
            Some(_) => return self.fail(id, USAGE),
        };
        let expr = self.expand(items[2])?;
        self.observations.push(Observation {
            columns: names,
            expr,
            noise,
            span: self.data.span(id),
        });
        Ok(expr)
    }
}
