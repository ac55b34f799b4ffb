//! Forms that make procedures and promises: `case-lambda`, `delay`, `delay-force`.
//!
//! **Invariants**
//! - Their parts run when what they make is called or forced: they are bodies of procedures.
//! - The prelude does the rest, so that its errors belong to the program's call.

use super::{Expander, Result};
use crate::prim::Prim;
use crate::syntax::ast::{Constant, ExprId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;

impl Expander<'_> {
    /// A clause becomes `(count rest? . procedure)`.
    pub(super) fn case_lambda(&mut self, id: DatumId, clauses: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "a clause is `((argument …) body …)`";
        let mut parts = Vec::with_capacity(clauses.len());
        for &clause in clauses {
            let (formals, body) = match self.data.get(clause) {
                Datum::List([formals, body @ ..]) => (*formals, body.to_vec()),
                Datum::Bracket(_) => return self.brackets(clause, USAGE),
                _ => return self.fail(clause, USAGE),
            };
            let (params, rest) = match self.data.get(formals) {
                Datum::Symbol(_) => (Vec::new(), Some(formals)),
                Datum::List(params) => (params.to_vec(), None),
                Datum::Dotted(params, rest) => (params.to_vec(), Some(rest)),
                Datum::Bracket(_) => return self.brackets(formals, USAGE),
                _ => return self.fail(formals, USAGE),
            };
            let span = self.data.span(clause);
            let procedure = self.lambda(clause, None, &params, rest, &body)?;
            let more = self.constant(Constant::Bool(rest.is_some()), span);
            let tail = self.call_hidden(Prim::Cons, vec![more, procedure], span);
            let count = self.constant(Constant::Int(params.len() as f64), span);
            parts.push(self.call_hidden(Prim::Cons, vec![count, tail], span));
        }
        Ok(self.call_helper("%case-lambda", parts, self.data.span(id)))
    }

    pub(super) fn delay(&mut self, id: DatumId, form: Form, rest: &[DatumId]) -> Result<ExprId> {
        let &[expr] = rest else {
            return self.fail(
                id,
                "a promise is made of one expression: `(delay expression)`",
            );
        };
        let span = self.data.span(id);
        let chained = self.constant(Constant::Bool(form == Form::DelayForce), span);
        let thunk = self.lambda(id, None, &[], None, &[expr])?;
        Ok(self.call_helper("%delay", vec![chained, thunk], span))
    }
}
