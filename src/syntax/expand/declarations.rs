//! Declarations: params and what is known of them, what data are predicted and how these scatter,
//! matrices of data, quantities made of params.
//!
//! **Invariants**
//! - A malformed declaration is an error at its form, whatever the program is run for.
//! - Each name is declared once, has one prior and is derived once; each column is observed once.
//! - All observations of a program are of one sort: row by row or whole series.
//! - `by`, `normal`, `censored` and the like mean something at their places alone; they are no forms.

use super::{Expander, Result};
use crate::symbol::Sym;
use crate::syntax::ast::{
    Amount, Censoring, Constraint, DataMatrix, Derived, Expr, ExprId, Noise, Observation, Param,
    Prior, Side,
};
use crate::syntax::datum::{Datum, DatumId};

impl Expander<'_> {
    pub(super) fn param(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(param name init)` with a number, and perhaps `(> lo)`, `(< hi)` or `(between lo hi)`, and `by column` for a value for each number of that column";
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
        let (by, bounded) = match items[3..] {
            [ref bounded @ .., word, column] if self.is_word(word, "by") => {
                let Datum::Symbol(column) = self.data.get(column) else {
                    return self.fail(id, USAGE);
                };
                (Some(self.symbols.name(column).to_owned()), bounded)
            }
            [.., word] if self.is_word(word, "by") => return self.fail(id, USAGE),
            ref bounded => (None, bounded),
        };
        let mut bounds = Vec::new();
        for &bound in bounded {
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
            by,
            span: self.data.span(id),
        });
        Ok(())
    }

    /// Whether a datum is a name that means something at its place alone.
    fn is_word(&self, id: DatumId, word: &str) -> bool {
        matches!(self.data.get(id), Datum::Symbol(sym) if self.symbols.name(sym) == word)
    }

    pub(super) fn prior(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(prior name mean sd)` with two numbers: what is known of a param before the data, as a normal distribution";
        let Datum::List(&[_, name, mean, sd]) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let (Datum::Symbol(sym), Some(mean), Some(sd)) =
            (self.data.get(name), self.number(mean), self.number(sd))
        else {
            return self.fail(id, USAGE);
        };
        let param = self.symbols.name(sym).to_owned();
        if !self.param_names.contains(&self.root(sym)) {
            let message = format!("`{param}` is no param; declare it with `(param {param} init)`");
            return self.fail(id, message);
        }
        if self.priors.iter().any(|other| other.param == param) {
            let message = format!("the param `{param}` has a prior already; remove one");
            return self.fail(id, message);
        }
        if !mean.is_finite() || !sd.is_finite() || sd <= 0.0 {
            let message = format!(
                "the prior of `{param}` needs a finite mean and a standard deviation above 0"
            );
            return self.fail(id, message);
        }
        self.priors.push(Prior {
            param,
            mean,
            sd,
            span: self.data.span(id),
        });
        Ok(())
    }

    pub(super) fn derive(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(derive name expression)`: a quantity made of params, such as `(derive half-life (/ (log 2) k))`";
        let Datum::List(&[_, name, expr]) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let Datum::Symbol(sym) = self.data.get(name) else {
            return self.fail(id, USAGE);
        };
        let name = self.symbols.name(sym).to_owned();
        if self.param_names.contains(&self.root(sym)) {
            let message = format!("`{name}` is a param already; give the quantity another name");
            return self.fail(id, message);
        }
        if self.derived.iter().any(|other| other.name == name) {
            let message = format!("the quantity `{name}` is derived twice; remove one");
            return self.fail(id, message);
        }
        let expr = self.expand(expr)?;
        self.derived.push(Derived {
            name,
            expr,
            span: self.data.span(id),
        });
        Ok(expr)
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
        const USAGE: &str = "write `(observe column prediction)`, and perhaps after the prediction `normal`, `lognormal`, `(normal sd)`, `(lognormal sd)` or `poisson`, and `(censored below limit)` or `(censored above limit)`";
        self.observation(id, USAGE, true)
    }

    pub(super) fn observe_series(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(observe-series (column …) rows)`, and perhaps after the rows `normal`, `lognormal`, `(normal sd)`, `(lognormal sd)` or `poisson`, and `(censored below limit)` or `(censored above limit)`";
        self.observation(id, USAGE, false)
    }

    fn observation(&mut self, id: DatumId, usage: &str, by_row: bool) -> Result<ExprId> {
        let items = match self.data.get(id) {
            Datum::List(items) if items.len() >= 3 => items.to_vec(),
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
        // What is malformed is told before what is inside.
        let parts = self.noise_parts(&items[3..], id, usage)?;
        let expr = self.expand(items[2])?;
        let sd = match parts.sd {
            Some(sd) => Some(self.amount(sd)?),
            None => None,
        };
        let mut censored = Vec::new();
        for (side, limit, form) in parts.censored {
            censored.push(Censoring {
                side,
                limit: self.amount(limit)?,
                span: self.data.span(form),
            });
        }
        self.observations.push(Observation {
            columns,
            by_row,
            expr,
            noise: parts.noise,
            sd,
            censored,
            span: self.data.span(id),
        });
        Ok(expr)
    }

    /// Takes apart what follows a prediction.
    fn noise_parts(&mut self, items: &[DatumId], id: DatumId, usage: &str) -> Result<NoiseParts> {
        let mut noise = None;
        let mut parts = NoiseParts {
            noise: Noise::Normal,
            sd: None,
            censored: Vec::new(),
        };
        for &item in items {
            let (head, rest) = match self.data.get(item) {
                Datum::Symbol(sym) => (Some(sym), &[][..]),
                Datum::List(&[head, ref rest @ ..]) => match self.data.get(head) {
                    Datum::Symbol(sym) if !rest.is_empty() => (Some(sym), rest),
                    _ => (None, rest),
                },
                _ => (None, &[][..]),
            };
            let Some(head) = head else {
                return self.fail(id, usage);
            };
            let family = match (self.symbols.name(head), rest) {
                ("normal", [] | [_]) => Noise::Normal,
                ("lognormal", [] | [_]) => Noise::Lognormal,
                ("poisson", []) => Noise::Poisson,
                ("censored", &[word, limit]) => {
                    let side = match self.data.get(word) {
                        Datum::Symbol(sym) if self.symbols.name(sym) == "below" => Side::Below,
                        Datum::Symbol(sym) if self.symbols.name(sym) == "above" => Side::Above,
                        _ => return self.fail(id, usage),
                    };
                    if parts.censored.iter().any(|(other, ..)| *other == side) {
                        let name = side.name();
                        let message =
                            format!("`(censored {name} limit)` is given twice; remove one");
                        return self.fail(id, message);
                    }
                    parts.censored.push((side, limit, item));
                    continue;
                }
                _ => return self.fail(id, usage),
            };
            if noise.replace(family).is_some() {
                let message = "a column has one kind of noise: `normal`, `lognormal` or `poisson`; remove the others";
                return self.fail(id, message);
            }
            parts.noise = family;
            parts.sd = rest.first().copied();
        }
        if parts.noise == Noise::Poisson && !parts.censored.is_empty() {
            let message = "`poisson` noise cannot be censored; censored columns have `normal` or `lognormal` noise";
            return self.fail(id, message);
        }
        let sd = parts.sd.and_then(|sd| self.number(sd));
        if sd.is_some_and(|sd| !sd.is_finite() || sd <= 0.0) {
            return self.fail(id, "the standard deviation of noise is a number above 0");
        }
        Ok(parts)
    }

    /// A standard deviation or limit: a number or column as it is, anything else to be computed.
    fn amount(&mut self, id: DatumId) -> Result<Amount> {
        if let Some(number) = self.number(id) {
            return Ok(Amount::Number(number));
        }
        let expr = self.expand(id)?;
        Ok(match self.exprs[expr.0 as usize] {
            Expr::Free(sym)
                if !self.param_names.contains(&sym) && !self.matrix_names.contains(&sym) =>
            {
                Amount::Column(self.symbols.name(sym).to_owned())
            }
            _ => Amount::Expression(expr),
        })
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

/// What follows a prediction, taken apart and not expanded.
struct NoiseParts {
    noise: Noise,
    sd: Option<DatumId>,
    /// Side, limit and form.
    censored: Vec<(Side, DatumId, DatumId)>,
}
