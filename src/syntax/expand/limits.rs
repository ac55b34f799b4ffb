//! What expansion may take: the caller's limits of bytes and time.
//!
//! Steps go in as they are made; an error of the kind `resource` comes out where a limit is met.
//!
//! **Invariants**
//! - Nothing else is looked for once a limit is met.

use super::{Denotation, ExpandError, Expander, Result, Versions};
use crate::error::Kind;
use crate::meter::Overrun;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Expr, ExprId, Var, VarId};
use crate::syntax::datum::DatumId;

/// The bytes of the lists in an expression, with what an allocator adds.
pub(super) fn boxed(expr: &Expr) -> usize {
    let list = |items: usize| 16 + items * size_of::<ExprId>();
    match expr {
        Expr::Lambda { params, .. } => list(params.len()),
        Expr::Let { vars, .. } | Expr::Letrec { vars, .. } => 2 * list(vars.len()),
        Expr::Begin(exprs) => list(exprs.len()),
        Expr::Call { args, .. } => list(args.len()),
        _ => 0,
    }
}

impl Expander<'_> {
    /// Counts steps on a form, and looks at the limits now and then.
    #[inline]
    pub(super) fn step(&mut self, id: DatumId, steps: usize) -> Result<()> {
        if !self.meter.is_due(steps) {
            return Ok(());
        }
        match self.meter.check(self.bytes()) {
            Ok(()) => Ok(()),
            Err(overrun) => Err(self.over(overrun, self.data.span(id))),
        }
    }

    #[cold]
    pub(super) fn over(&mut self, overrun: Overrun, span: Span) -> ExpandError {
        self.exhausted = true;
        ExpandError {
            kind: Kind::Resource,
            message: overrun.to_string(),
            span,
            also: Vec::new(),
        }
    }

    /// What has been made so far, room to grow aside.
    pub(super) fn bytes(&self) -> usize {
        /// A node that macros add, and an item of it.
        const ADDED: usize = 32;
        let exprs = self.exprs.len() * (size_of::<Expr>() + size_of::<Span>());
        let of_var = size_of::<Var>() + size_of::<Option<VarId>>() + size_of::<u32>();
        // What a symbol means, here and where nothing binds it; and the entries of tables by names, with the
        // room that these keep, once more while they grow.
        let of_symbol = size_of::<Option<VarId>>() + size_of::<Option<Denotation>>();
        let of_name = 4 * (size_of::<Sym>() + size_of::<Versions>());
        exprs
            + self.boxed
            + self.listed
            + self.scope.len() * of_symbol
            + self.top.len() * of_name
            + self.lambdas.len() * 2 * (size_of::<VarId>() + 12)
            + self.vars.len() * of_var
            + self.data.weight() as usize * ADDED
            + (self.symbols.bytes() - self.symbol_bytes)
    }
}
