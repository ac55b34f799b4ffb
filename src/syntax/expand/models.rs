//! `(model "name" argument …)`: a call of another program by its name; and `(machine "name" argument …)`,
//! of a program of the register machine.
//!
//! **Invariants**
//! - A name stands for one variable that no program can spell, however often it is called; `link` binds
//!   it to the program, or puts a failure in its place.
//! - Which models there are is no matter of the expander.

use super::{Expander, Result};
use crate::syntax::ast::{Callee, Expr, ExprId};
use crate::syntax::datum::{Datum, DatumId};

/// What the names of the register machine's programs begin with among those of models.
pub(crate) const MACHINE: &str = "machine:";

impl Expander<'_> {
    pub(super) fn model(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "write `(model \"name\" argument …)`, with the name as a string";
        self.callee(id, rest, "", USAGE)
    }

    pub(super) fn machine(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "write `(machine \"name\" number …)`, with the name as a string";
        self.callee(id, rest, MACHINE, USAGE)
    }

    fn callee(&mut self, id: DatumId, rest: &[DatumId], kind: &str, usage: &str) -> Result<ExprId> {
        let [name, args @ ..] = rest else {
            return self.fail(id, usage);
        };
        let Datum::String(text) = self.data.get(*name) else {
            return self.fail(id, usage);
        };
        let text = &*format!("{kind}{text}");
        let span = self.data.span(id);
        let known = self.callees.iter().position(|callee| &*callee.name == text);
        let at = known.unwrap_or_else(|| {
            let sym = self.symbols.intern(text);
            let sym = self.symbols.alias(sym);
            let var = self.variable(sym);
            self.callees.push(Callee {
                name: text.into(),
                var,
                span,
                calls: Vec::new(),
            });
            self.callees.len() - 1
        });
        let operator = Expr::Variable(self.callees[at].var);
        let operator = self.push(operator, self.data.span(*name));
        let args = self.expand_all(args.iter().copied())?;
        let call = self.call(operator, args, true, span);
        self.callees[at].calls.push(call);
        Ok(call)
    }
}
