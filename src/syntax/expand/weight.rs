//! What procedures cost that do much between two applications.
//!
//! A program goes in whose fuel is its applications; long procedures come out charged, where they are
//! entered, for what they do besides.
//!
//! **Invariants**
//! - What is charged follows from the text alone, so it is the same in every mode.
//! - An application pays for the few constants, variables and tests around it; procedures with little
//!   else are left as they are.

use super::Expander;
use crate::prim::Prim;
use crate::syntax::ast::{Constant, Expr, ExprId};

/// How many expressions an application pays for.
const PAID: u32 = 12;

/// Procedures that do no more than that besides applications are not charged.
const LITTLE: u32 = 32;

/// What a name that is bound weighs besides, in expressions: its place in an environment is made.
const BOUND: u32 = 4;

/// What an expression weighs, in elements that a primitive goes through.
const ELEMENTS: u32 = 2;

impl Expander<'_> {
    /// Charges long procedures for what they do.
    pub(super) fn weigh(&mut self) {
        // Parts come before what they are parts of.
        let mut weights: Vec<u32> = Vec::with_capacity(self.exprs.len());
        let mut long = Vec::new();
        for (index, expr) in self.exprs.iter().enumerate() {
            let of = |id: &ExprId| weights.get(id.0 as usize).copied().unwrap_or(0);
            let all = |ids: &[ExprId]| ids.iter().map(of).fold(0, u32::saturating_add);
            let parts = match expr {
                Expr::If {
                    test,
                    then,
                    otherwise,
                } => of(test).saturating_add(of(then).max(of(otherwise))),
                Expr::Let { inits, body, .. } | Expr::Letrec { inits, body, .. } => {
                    let bound = BOUND.saturating_mul(inits.len() as u32);
                    all(inits).saturating_add(of(body)).saturating_add(bound)
                }
                Expr::Begin(exprs) => all(exprs),
                Expr::Call {
                    operator,
                    args,
                    counts,
                } => {
                    let parts = of(operator).saturating_add(all(args));
                    parts.saturating_sub(if *counts { PAID } else { 0 })
                }
                Expr::Lambda { body, .. } => {
                    if of(body) > LITTLE {
                        long.push((index, *body, of(body)));
                    }
                    0
                }
                _ => 0,
            };
            weights.push(parts.saturating_add(1));
        }
        for (index, body, weight) in long {
            let span = self.spans[body.0 as usize];
            let steps = Constant::Int(f64::from(weight.saturating_mul(ELEMENTS)));
            let steps = self.constant(steps, span);
            let charge = self.call_hidden(Prim::Spend, vec![steps], span);
            let charged = self.push(Expr::Begin([charge, body].into()), span);
            if let Expr::Lambda { body, .. } = &mut self.exprs[index] {
                *body = charged;
            }
        }
    }
}
