//! Forms that choose: `cond`, `case`, `and`, `or`, and softly: `soft-choice`, `soft-if`.
//!
//! **Invariants**
//! - The first four become nested `if`s, built from the last; a clause keeps its own place.
//! - The soft ones compute all they are given, in the order written, and blend it by a primitive.
//! - A value tested and used is computed once, in a variable that no program can name.

use super::{Denotation, Expander, Result};
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;

impl Expander<'_> {
    pub(super) fn is_form(&self, id: DatumId, wanted: Form) -> bool {
        match self.data.get(id) {
            Datum::Symbol(sym) => {
                matches!(self.denote(sym), Denotation::Form(form) if form == wanted)
            }
            _ => false,
        }
    }

    pub(super) fn cond(&mut self, id: DatumId, clauses: &[DatumId]) -> Result<ExprId> {
        enum Clause {
            Then(ExprId, ExprId),
            Value(ExprId),
            Receive(ExprId, ExprId),
        }
        if clauses.is_empty() {
            return self.fail(id, "`cond` needs a clause `(test value …)`");
        }
        let mut parts = Vec::with_capacity(clauses.len());
        let mut otherwise = None;
        for (index, &clause) in clauses.iter().enumerate() {
            let items = match self.data.get(clause) {
                Datum::List([]) => return self.fail(clause, "a clause is `(test value …)`"),
                Datum::List(items) => items.to_vec(),
                Datum::Bracket(_) => {
                    return self.brackets(clause, "a clause is `(test value …)`");
                }
                _ => return self.fail(id, "a clause is `(test value …)`"),
            };
            let span = self.data.span(clause);
            if self.is_form(items[0], Form::Else) {
                if index + 1 != clauses.len() || items.len() == 1 {
                    return self.fail(clause, "`else` must come last, with a value");
                }
                otherwise = Some(self.sequence(clause, &items[1..])?);
            } else if items.len() == 1 {
                parts.push((Clause::Value(self.expand(items[0])?), span));
            } else if self.is_form(items[1], Form::Arrow) {
                if items.len() != 3 {
                    return self.fail(clause, "write `(test => procedure)`");
                }
                let test = self.expand(items[0])?;
                let receiver = self.expand(items[2])?;
                parts.push((Clause::Receive(test, receiver), span));
            } else {
                let test = self.expand(items[0])?;
                let value = self.sequence(clause, &items[1..])?;
                parts.push((Clause::Then(test, value), span));
            }
        }
        let mut expr = match otherwise {
            Some(expr) => expr,
            None => self.constant(Constant::Unspecified, self.data.span(id)),
        };
        for (clause, span) in parts.into_iter().rev() {
            expr = match clause {
                Clause::Then(test, value) => self.if_expr(test, value, expr, span),
                Clause::Value(test) => self.or_expr(test, expr, span),
                Clause::Receive(test, receiver) => {
                    let var = self.hidden("%test");
                    let argument = self.push(Expr::Variable(var), span);
                    let call = self.call(receiver, vec![argument], true, span);
                    let again = self.push(Expr::Variable(var), span);
                    let body = self.if_expr(again, call, expr, span);
                    self.let_one(var, test, body, span)
                }
            };
        }
        Ok(expr)
    }

    pub(super) fn let_one(&mut self, var: VarId, init: ExprId, body: ExprId, span: Span) -> ExprId {
        let expr = Expr::Let {
            vars: [var].into(),
            inits: [init].into(),
            body,
        };
        self.push(expr, span)
    }

    /// `(let ((t first)) (if t t rest))`
    pub(super) fn or_expr(&mut self, first: ExprId, rest: ExprId, span: Span) -> ExprId {
        let var = self.hidden("%test");
        let test = self.push(Expr::Variable(var), span);
        let value = self.push(Expr::Variable(var), span);
        let body = self.if_expr(test, value, rest, span);
        self.let_one(var, first, body, span)
    }

    pub(super) fn case(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "a clause is `((datum …) value …)`";
        let span = self.data.span(id);
        let [key, clauses @ ..] = rest else {
            return self.fail(id, "write `(case key ((datum …) value …) …)`");
        };
        if clauses.is_empty() {
            return self.fail(id, "`case` needs a clause `((datum …) value …)`");
        }
        let key = self.expand(*key)?;
        let var = self.hidden("%key");
        let mut parts = Vec::with_capacity(clauses.len());
        let mut expr = None;
        for (index, &clause) in clauses.iter().enumerate() {
            let items = match self.data.get(clause) {
                Datum::List(items) if items.len() > 1 => items.to_vec(),
                Datum::List(_) => return self.fail(clause, USAGE),
                Datum::Bracket(_) => return self.brackets(clause, USAGE),
                _ => return self.fail(id, USAGE),
            };
            let clause_span = self.data.span(clause);
            let value = if self.is_form(items[1], Form::Arrow) {
                if items.len() != 3 {
                    return self.fail(clause, "write `((datum …) => procedure)`");
                }
                let receiver = self.expand(items[2])?;
                let argument = self.push(Expr::Variable(var), clause_span);
                self.call(receiver, vec![argument], true, clause_span)
            } else {
                self.sequence(clause, &items[1..])?
            };
            if self.is_form(items[0], Form::Else) {
                if index + 1 != clauses.len() {
                    return self.fail(clause, "`else` must come last");
                }
                expr = Some(value);
            } else {
                match self.data.get(items[0]) {
                    Datum::List(_) => {}
                    Datum::Bracket(_) => return self.brackets(items[0], USAGE),
                    _ => return self.fail(clause, USAGE),
                }
                let data = self.quote(items[0], self.data.span(items[0]))?;
                parts.push((data, value, clause_span));
            }
        }
        let mut expr = match expr {
            Some(expr) => expr,
            None => self.constant(Constant::Unspecified, span),
        };
        for (data, value, clause_span) in parts.into_iter().rev() {
            let subject = self.push(Expr::Variable(var), clause_span);
            let test = self.call_hidden(Prim::CaseMatch, vec![subject, data], clause_span);
            expr = self.if_expr(test, value, expr, clause_span);
        }
        Ok(self.let_one(var, key, expr, span))
    }

    pub(super) fn and(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let mut exprs = self.expand_all(rest.iter().copied())?;
        let Some(mut expr) = exprs.pop() else {
            return Ok(self.constant(Constant::Bool(true), span));
        };
        while let Some(test) = exprs.pop() {
            let no = self.constant(Constant::Bool(false), span);
            expr = self.if_expr(test, expr, no, span);
        }
        Ok(expr)
    }

    pub(super) fn or(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let mut exprs = self.expand_all(rest.iter().copied())?;
        let Some(mut expr) = exprs.pop() else {
            return Ok(self.constant(Constant::Bool(false), span));
        };
        while let Some(first) = exprs.pop() {
            expr = self.or_expr(first, expr, span);
        }
        Ok(expr)
    }

    pub(super) fn soft_choice(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let options = match rest {
            [options, _] => match self.data.get(*options) {
                Datum::List(options) if options.len() > 1 => options.to_vec(),
                Datum::Bracket(_) => {
                    let usage = "write `(soft-choice (e1 e2 …) weights)`";
                    return self.brackets(*options, usage);
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        if options.is_empty() {
            return self.fail(
                id,
                "write `(soft-choice (e1 e2 …) weights)`, two options or more",
            );
        }
        let parts = options.iter().chain(&rest[1..]);
        let parts: Result<Vec<ExprId>> = parts.map(|&part| self.expand(part)).collect();
        Ok(self.call_hidden(Prim::SoftChoice, parts?, self.data.span(id)))
    }

    pub(super) fn soft_if(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        if rest.len() != 4 {
            return self.fail(id, "write `(soft-if a b then else)`");
        }
        let parts = self.expand_all(rest.iter().copied())?;
        Ok(self.call_hidden(Prim::SoftIf, parts, self.data.span(id)))
    }
}
