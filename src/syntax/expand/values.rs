//! Several values: `let-values`, `let*-values`, `receive`, `define-values`.
//!
//! **Invariants**
//! - What gives several values is evaluated once; a wrong number of them is an error at that
//!   expression.
//! - The names of one `let-values` are bound after all its values are there.

use super::{DefinedValue, Definition, Expander, Result};
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};

/// Names for several values: as many as there are, and perhaps one for the list of the others.
struct Formals {
    names: Vec<Sym>,
    rest: Option<Sym>,
}

impl Formals {
    fn all(&self) -> impl Iterator<Item = Sym> + '_ {
        self.names.iter().copied().chain(self.rest)
    }
}

impl Expander<'_> {
    fn formals(&self, id: DatumId) -> Result<Formals> {
        let (items, rest) = match self.data.get(id) {
            Datum::Symbol(_) => (&[][..], Some(id)),
            Datum::List(items) => (items, None),
            Datum::Dotted(items, rest) => (items, Some(rest)),
            Datum::Bracket(_) => return self.brackets(id, "write the names in parentheses"),
            _ => return self.fail(id, "write the names as `(a b …)`"),
        };
        let name = |&item: &DatumId| match self.data.get(item) {
            Datum::Symbol(sym) => Ok(sym),
            _ => self.fail(item, "a name must stand here"),
        };
        Ok(Formals {
            names: items.iter().map(name).collect::<Result<_>>()?,
            rest: rest.as_ref().map(name).transpose()?,
        })
    }

    /// A variable for a list of values; those of one form are in scope together.
    fn list_variable(&mut self) -> VarId {
        let name = format!("%values-{}", self.vars.len());
        self.hidden(&name)
    }

    /// The list of an expression's values, of which there must be so many, or more.
    pub(super) fn received(
        &mut self,
        expr: DatumId,
        required: usize,
        rest: bool,
    ) -> Result<ExprId> {
        let span = self.data.span(expr);
        let value = self.expand(expr)?;
        let required = self.constant(Constant::Int(required as f64), span);
        let rest = self.constant(Constant::Bool(rest), span);
        Ok(self.call_hidden(Prim::Received, vec![value, required, rest], span))
    }

    /// An element of a list, or the rest of it from there.
    pub(super) fn part(&mut self, list: ExprId, index: usize, rest: bool, span: Span) -> ExprId {
        let prim = if rest { Prim::ListTail } else { Prim::ListRef };
        let index = self.constant(Constant::Int(index as f64), span);
        self.call_hidden(prim, vec![list, index], span)
    }

    /// The parts of a list of values, in the order of their names.
    fn parts(&mut self, list: VarId, formals: &Formals, span: Span) -> Vec<ExprId> {
        let count = formals.names.len();
        let parts = (0..count).map(|index| (index, false));
        let parts = parts.chain(formals.rest.map(|_| (count, true)));
        parts
            .map(|(index, rest)| {
                let list = self.push(Expr::Variable(list), span);
                self.part(list, index, rest, span)
            })
            .collect()
    }

    pub(super) fn let_values(
        &mut self,
        id: DatumId,
        rest: &[DatumId],
        in_turn: bool,
    ) -> Result<ExprId> {
        const USAGE: &str = "write `(let-values (((name …) values) …) body …)`";
        let span = self.data.span(id);
        let [list, body @ ..] = rest else {
            return self.fail(id, USAGE);
        };
        let bindings = match self.data.get(*list) {
            Datum::List(bindings) => bindings.to_vec(),
            Datum::Bracket(_) => return self.brackets(*list, USAGE),
            _ => return self.fail(*list, USAGE),
        };
        let mut received = Vec::with_capacity(bindings.len());
        let mut names = Vec::new();
        let mut bound = Vec::new();
        for &binding in &bindings {
            let (formals, init) = match self.data.get(binding) {
                Datum::List(&[formals, init]) => (self.formals(formals)?, init),
                Datum::Bracket(_) => return self.brackets(binding, USAGE),
                _ => return self.fail(binding, USAGE),
            };
            let list = self.received(init, formals.names.len(), formals.rest.is_some())?;
            let var = self.list_variable();
            if in_turn {
                self.distinct(binding, &formals.all().collect::<Vec<_>>())?;
                let vars: Vec<VarId> = formals.all().map(|name| self.variable(name)).collect();
                for &var in &vars {
                    self.bind(var);
                }
                bound.push(vars);
            } else {
                names.extend(formals.all());
            }
            received.push((var, list, formals));
        }
        if !in_turn {
            self.distinct(*list, &names)?;
            let vars: Vec<VarId> = names.iter().map(|&name| self.variable(name)).collect();
            for &var in &vars {
                self.bind(var);
            }
            bound.push(vars);
        }
        let mut expr = self.body(id, body)?;
        for vars in bound.iter().rev() {
            self.unbind(vars);
        }
        if in_turn {
            for ((var, list, formals), vars) in received.into_iter().zip(bound).rev() {
                let parts = self.parts(var, &formals, span);
                expr = self.let_all(vars, parts, expr, span);
                expr = self.let_one(var, list, expr, span);
            }
            return Ok(expr);
        }
        let mut parts = Vec::new();
        for (var, _, formals) in &received {
            parts.extend(self.parts(*var, formals, span));
        }
        expr = self.let_all(bound.pop().unwrap_or_default(), parts, expr, span);
        // In the order written: the outermost comes first.
        for (var, list, _) in received.into_iter().rev() {
            expr = self.let_one(var, list, expr, span);
        }
        Ok(expr)
    }

    fn let_all(
        &mut self,
        vars: Vec<VarId>,
        inits: Vec<ExprId>,
        body: ExprId,
        span: Span,
    ) -> ExprId {
        if vars.is_empty() {
            return body;
        }
        let expr = Expr::Let {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        self.push(expr, span)
    }

    pub(super) fn receive(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let [formals, init, body @ ..] = rest else {
            return self.fail(id, "write `(receive (name …) values body …)`");
        };
        let at = *formals;
        let formals = self.formals(at)?;
        let names: Vec<Sym> = formals.all().collect();
        self.distinct(at, &names)?;
        let list = self.received(*init, formals.names.len(), formals.rest.is_some())?;
        let var = self.list_variable();
        let vars: Vec<VarId> = names.iter().map(|&name| self.variable(name)).collect();
        for &var in &vars {
            self.bind(var);
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        let parts = self.parts(var, &formals, span);
        let expr = self.let_all(vars, parts, body, span);
        Ok(self.let_one(var, list, expr, span))
    }

    pub(super) fn parse_define_values(&mut self, id: DatumId) -> Result<Vec<Definition>> {
        const USAGE: &str = "write `(define-values (name …) values)`";
        let Datum::List(&[_, formals, expr]) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let formals = self.formals(formals)?;
        // The same name each time the form is parsed.
        let list = self.symbols.reserve(&format!("%values-of-{id}"));
        let count = formals.names.len();
        let whole = Definition {
            name: list,
            value: DefinedValue::Values {
                expr,
                required: count,
                rest: formals.rest.is_some(),
            },
        };
        let parts = formals.all().enumerate().map(|(index, name)| Definition {
            name,
            value: DefinedValue::Part {
                list,
                index,
                rest: index == count,
            },
        });
        Ok(std::iter::once(whole).chain(parts).collect())
    }
}
