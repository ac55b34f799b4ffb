//! Forms that bind: `let` and its kin, named `let`, `loop`, `do`.
//!
//! **Invariants**
//! - Initial values are expanded outside the scope they fill, but for `letrec`.
//! - A loop is a procedure that calls itself; its first call is an application by the program.

use super::{Expander, Result};
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};

impl Expander<'_> {
    /// Takes `((name init) …)` apart.
    pub(super) fn bindings(
        &mut self,
        owner: DatumId,
        list: DatumId,
    ) -> Result<Vec<(Sym, DatumId)>> {
        const USAGE: &str = "write bindings as `((name init) …)`";
        let items = match self.data.get(list) {
            Datum::List(items) => items,
            Datum::Bracket(_) => return self.brackets(list, USAGE),
            _ => return self.fail(owner, USAGE),
        };
        let mut bindings = Vec::with_capacity(items.len());
        for &item in items {
            self.step(item, 1)?;
            let binding = match self.data.get(item) {
                Datum::List(binding) => binding,
                Datum::Bracket(_) => return self.brackets(item, USAGE),
                _ => return self.fail(list, USAGE),
            };
            let &[name, init] = binding else {
                return self.fail(item, "a binding is a name and one value: `(name init)`");
            };
            let Datum::Symbol(sym) = self.data.get(name) else {
                return self.fail(item, "a binding begins with a name: `(name init)`");
            };
            bindings.push((sym, init));
        }
        Ok(bindings)
    }

    pub(super) fn let_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(let ((name init) …) body …)`");
        };
        if let Datum::Symbol(name) = self.data.get(*first) {
            let [bindings, body @ ..] = body else {
                return self.fail(id, "write `(let name ((variable init) …) body …)`");
            };
            return self.named_let(id, name, *bindings, body);
        }
        let bindings = self.bindings(id, *first)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(*first, &names)?;
        if bindings.is_empty() {
            return self.body(id, body);
        }
        let inits = self.expand_all(bindings.iter().map(|b| b.1))?;
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for (&var, &init) in vars.iter().zip(&inits) {
            self.note_lambda(var, init);
            self.bind(var);
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        let expr = Expr::Let {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(expr, self.data.span(id)))
    }

    pub(super) fn let_star(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(let* ((name init) …) body …)`");
        };
        let bindings = self.bindings(id, *first)?;
        let mut vars = Vec::with_capacity(bindings.len());
        let mut inits = Vec::with_capacity(bindings.len());
        for &(name, init) in &bindings {
            let init = self.expand(init)?;
            let var = self.variable(name);
            self.note_lambda(var, init);
            self.bind(var);
            vars.push(var);
            inits.push(init);
        }
        let mut expr = self.body(id, body)?;
        for (&var, &init) in vars.iter().zip(&inits).rev() {
            self.unbind(&[var]);
            let inner = Expr::Let {
                vars: [var].into(),
                inits: [init].into(),
                body: expr,
            };
            expr = self.push(inner, self.data.span(id));
        }
        Ok(expr)
    }

    pub(super) fn letrec(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(letrec ((name init) …) body …)`");
        };
        let bindings = self.bindings(id, *first)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(*first, &names)?;
        if bindings.is_empty() {
            return self.body(id, body);
        }
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &var in &vars {
            self.bind(var);
        }
        let mut inits = Vec::with_capacity(vars.len());
        for (&var, &(_, init)) in vars.iter().zip(&bindings) {
            let init = self.expand(init)?;
            self.note_lambda(var, init);
            inits.push(init);
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        let expr = Expr::Letrec {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(expr, self.data.span(id)))
    }

    pub(super) fn named_let(
        &mut self,
        id: DatumId,
        name: Sym,
        list: DatumId,
        body: &[DatumId],
    ) -> Result<ExprId> {
        let bindings = self.bindings(id, list)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(list, &names)?;
        let inits = self.expand_all(bindings.iter().map(|b| b.1))?;
        let procedure = self.variable(name);
        self.bind(procedure);
        let params: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &param in &params {
            self.bind(param);
        }
        // The procedure may outlive the form.
        self.procedure_depth += 1;
        let body = self.body(id, body);
        self.procedure_depth -= 1;
        let body = body?;
        self.unbind(&params);
        self.unbind(&[procedure]);
        Ok(self.looping(procedure, params, body, inits, self.data.span(id)))
    }

    /// `((letrec ((procedure (lambda params body))) procedure) inits …)`
    pub(super) fn looping(
        &mut self,
        procedure: VarId,
        params: Vec<VarId>,
        body: ExprId,
        inits: Vec<ExprId>,
        span: Span,
    ) -> ExprId {
        let lambda = Expr::Lambda {
            name: None,
            params: params.into(),
            rest: false,
            body,
        };
        let lambda = self.push(lambda, span);
        self.note_lambda(procedure, lambda);
        let itself = self.push(Expr::Variable(procedure), span);
        let letrec = Expr::Letrec {
            vars: [procedure].into(),
            inits: [lambda].into(),
            body: itself,
        };
        let operator = self.push(letrec, span);
        self.call(operator, inits, true, span)
    }

    pub(super) fn do_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "write `(do ((name init step) …) (test value …) body …)`";
        let span = self.data.span(id);
        let [list, exit, body @ ..] = rest else {
            return self.fail(id, USAGE);
        };
        let (items, exit) = match (self.data.get(*list), self.data.get(*exit)) {
            (Datum::List(items), Datum::List(exit)) => (items, exit),
            (Datum::Bracket(_), _) => return self.brackets(*list, USAGE),
            (_, Datum::Bracket(_)) => return self.brackets(*exit, USAGE),
            _ => return self.fail(id, USAGE),
        };
        let (items, exit) = (items.to_vec(), exit.to_vec());
        let [test, values @ ..] = exit.as_slice() else {
            return self.fail(id, USAGE);
        };
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for &item in &items {
            let binding = match self.data.get(item) {
                Datum::List(binding) if matches!(binding.len(), 2 | 3) => binding.to_vec(),
                Datum::List(_) => return self.fail(item, USAGE),
                Datum::Bracket(_) => return self.brackets(item, USAGE),
                _ => return self.fail(*list, USAGE),
            };
            let Datum::Symbol(sym) = self.data.get(binding[0]) else {
                return self.fail(item, USAGE);
            };
            names.push(sym);
            parts.push((binding[1], binding.get(2).copied()));
        }
        self.distinct(*list, &names)?;
        let inits = self.expand_all(parts.iter().map(|p| p.0))?;
        let procedure = self.hidden("%do");
        let params: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &param in &params {
            self.bind(param);
        }
        let test = self.expand(*test)?;
        let value = match values {
            [] => self.constant(Constant::Unspecified, span),
            _ => self.sequence(id, values)?,
        };
        let mut steps = Vec::with_capacity(parts.len());
        let mut effects: Vec<ExprId> = Vec::with_capacity(body.len() + 1);
        for &form in body {
            effects.push(self.expand(form)?);
        }
        for (&param, &(_, step)) in params.iter().zip(&parts) {
            steps.push(match step {
                Some(step) => self.expand(step)?,
                None => self.push(Expr::Variable(param), span),
            });
        }
        self.unbind(&params);
        let itself = self.push(Expr::Variable(procedure), span);
        let again = self.call(itself, steps, true, span);
        let next = if effects.is_empty() {
            again
        } else {
            effects.push(again);
            self.push(Expr::Begin(effects.into()), span)
        };
        let body = self.if_expr(test, value, next, span);
        Ok(self.looping(procedure, params, body, inits, span))
    }
}
