//! Declarations: params, what data are predicted, matrices of data.
//!
//! **Invariants**
//! - A malformed declaration is an error at its form, whatever the program is run for.
//! - Each name is declared once, and each column is observed once.
//! - All observations of a program are of one sort: row by row or whole series.

use super::{Expander, Result};
use crate::symbol::Sym;
use crate::syntax::ast::{Constraint, DataMatrix, ExprId, Noise, Observation, Param};
use crate::syntax::datum::{Datum, DatumId};

impl Expander<'_> {
    pub(super) fn param(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(param name init)` with a number, and perhaps `(> lo)`, `(< hi)` or `(between lo hi)`";
        let items = match self.data.get(id) {
            Datum::List(items) if items.len() >= 3 => items.to_vec(),
            _ => return self.fail(id, USAGE),
        };
        let Datum::Symbol(sym) = self.data.get(items[1]) else {
            return self.fail(id, USAGE);
        };
        let name = self.symbols.name(sym).to_owned();
        let Some(init) = self.number(items[2]) else {
            let start = self.data.span(items[2]).text(self.text);
            let message = format!(
                "the param `{name}` starts at a number, such as 1.5, and `{start}` is none"
            );
            return self.fail(id, message);
        };
        let mut bounds = Vec::new();
        for &bound in &items[3..] {
            let Some(constraint) = self.constraint(bound) else {
                let bound = self.data.span(bound).text(self.text);
                let message = format!(
                    "`{bound}` is no bound of a param; write `(> lo)`, `(< hi)` or `(between lo hi)` with \
                     numbers, and lo below hi"
                );
                return self.fail(id, message);
            };
            bounds.push(constraint);
        }
        let constraint = match bounds[..] {
            [] => Constraint::Free,
            [one] => one,
            [Constraint::Above(lo), Constraint::Below(hi)]
            | [Constraint::Below(hi), Constraint::Above(lo)]
                if lo < hi =>
            {
                Constraint::Between(lo, hi)
            }
            _ => {
                let message = "a param has a lower bound, an upper bound or both: `(between lo hi)`, with lo \
                     below hi";
                return self.fail(id, message);
            }
        };
        if !self.declared.insert(self.root(sym)) {
            return self.fail(id, self.declared_twice("param", sym));
        }
        if !constraint.admits(init) || !init.is_finite() {
            let on_bound = match constraint {
                Constraint::Above(end) | Constraint::Below(end) => init == end,
                Constraint::Free | Constraint::Between(..) => false,
            };
            let message = if on_bound {
                format!("the param `{name}` starts on its bound {init}; start it inside")
            } else {
                format!("the param `{name}` starts at {init}, outside its constraint")
            };
            return self.fail(id, message);
        }
        self.params.push(Param {
            name,
            init,
            constraint,
            span: self.data.span(id),
        });
        Ok(())
    }

    fn constraint(&self, id: DatumId) -> Option<Constraint> {
        let Datum::List(items) = self.data.get(id) else {
            return None;
        };
        let Datum::Symbol(sym) = self.data.get(*items.first()?) else {
            return None;
        };
        let numbers: Option<Vec<f64>> = items[1..].iter().map(|&i| self.number(i)).collect();
        match (self.symbols.name(sym), numbers?.as_slice()) {
            // A fit comes as near to a bound as floats do, and never onto it, whichever is written.
            (">" | ">=", &[lo]) => Some(Constraint::Above(lo)),
            ("<" | "<=", &[hi]) => Some(Constraint::Below(hi)),
            ("between", &[lo, hi]) if lo < hi => Some(Constraint::Between(lo, hi)),
            _ => None,
        }
    }

    fn number(&self, id: DatumId) -> Option<f64> {
        match self.data.get(id) {
            Datum::Int(x) | Datum::Float(x) => Some(x),
            _ => None,
        }
    }

    fn declared_twice(&self, what: &str, sym: Sym) -> String {
        let name = self.symbols.name(sym);
        if self.param_names.contains(&sym) && self.matrix_names.contains(&sym) {
            format!("`{name}` is a param and a data matrix; give one of them another name")
        } else {
            format!("the {what} `{name}` is given twice; remove one")
        }
    }

    pub(super) fn data_matrix(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(data-matrix name (column …))`";
        let Datum::List(&[_, name, columns]) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let Datum::Symbol(sym) = self.data.get(name) else {
            return self.fail(id, USAGE);
        };
        let Some(columns) = self.columns(columns) else {
            return self.fail(id, USAGE);
        };
        if !self.declared.insert(self.root(sym)) {
            return self.fail(id, self.declared_twice("data matrix", sym));
        }
        self.matrices.push(DataMatrix {
            name: self.symbols.name(sym).to_owned(),
            columns,
            span: self.data.span(id),
        });
        Ok(())
    }

    pub(super) fn observe(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(observe column prediction)`, and perhaps `normal` or `lognormal` after the prediction";
        self.observation(id, USAGE, true)
    }

    pub(super) fn observe_series(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(observe-series (column …) rows)`, and perhaps `normal` or `lognormal` after the rows";
        self.observation(id, USAGE, false)
    }

    fn observation(&mut self, id: DatumId, usage: &str, by_row: bool) -> Result<ExprId> {
        let items = match self.data.get(id) {
            Datum::List(items) if matches!(items.len(), 3 | 4) => items.to_vec(),
            _ => return self.fail(id, usage),
        };
        let columns = match self.data.get(items[1]) {
            Datum::Symbol(sym) if by_row => Some(vec![self.symbols.name(sym).to_owned()]),
            _ if by_row => None,
            _ => self.columns(items[1]),
        };
        let Some(columns) = columns else {
            return self.fail(id, usage);
        };
        let noise = match items.get(3).map(|&n| self.data.get(n)) {
            None => Noise::Normal,
            Some(Datum::Symbol(sym)) => match self.symbols.name(sym) {
                "normal" => Noise::Normal,
                "lognormal" => Noise::Lognormal,
                _ => return self.fail(id, usage),
            },
            Some(_) => return self.fail(id, usage),
        };
        if self.observations.iter().any(|other| other.by_row != by_row) {
            let message = "`observe` takes columns as numbers, row by row, and `observe-series` \
                           takes them as lists; write all observations with one of the two";
            return self.fail(id, message);
        }
        for (index, column) in columns.iter().enumerate() {
            let mut others = self.observations.iter().flat_map(|other| &other.columns);
            if columns[..index].contains(column) || others.any(|other| other == column) {
                let message = format!("the column `{column}` is observed already; remove one");
                return self.fail(id, message);
            }
        }
        let expr = self.expand(items[2])?;
        self.observations.push(Observation {
            columns,
            by_row,
            expr,
            noise,
            span: self.data.span(id),
        });
        Ok(expr)
    }

    /// The names of a list of one or more.
    fn columns(&self, id: DatumId) -> Option<Vec<String>> {
        let Datum::List(columns @ [_, ..]) = self.data.get(id) else {
            return None;
        };
        let name = |&column: &DatumId| match self.data.get(column) {
            Datum::Symbol(sym) => Some(self.symbols.name(sym).to_owned()),
            _ => None,
        };
        columns.iter().map(name).collect()
    }
}
