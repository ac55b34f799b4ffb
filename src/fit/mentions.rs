//! What expressions are made of, through the variables in them.
//!
//! A program and expressions go in; all expressions that these may depend on come out, and whether a name
//! is among them.
//!
//! **Invariants**
//! - Each expression is seen once, however often it is referred to; nothing recurs with the nesting of a
//!   text.

use crate::syntax::Program;
use crate::syntax::ast::{Expr, ExprId, VarId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Whether an expression may depend on one of some names: it, or a definition that it refers to,
/// mentions it.
pub(super) fn mentions(program: &Program, expr: ExprId, names: &[String]) -> bool {
    let mut found = false;
    each(program, &definitions(program), &[expr], |id| {
        if let Expr::Free(sym) = program.expr(id) {
            found |= names.iter().any(|name| name == program.free_name(*sym));
        }
    });
    found
}

/// What variables are bound to by `let` and `letrec`.
pub(super) fn definitions(program: &Program) -> FxHashMap<VarId, ExprId> {
    let mut definitions = FxHashMap::default();
    for expr in program.exprs() {
        if let Expr::Let { vars, inits, .. } | Expr::Letrec { vars, inits, .. } = expr {
            definitions.extend(vars.iter().copied().zip(inits.iter().copied()));
        }
    }
    definitions
}

/// Goes through all that some expressions are made of, and what the variables in them are bound to.
pub(super) fn each(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    see: impl FnMut(ExprId),
) {
    go_through(program, definitions, from, true, see);
}

/// Goes through what the values of some expressions are made of: what a variable is bound to that nothing
/// refers to is no part of it.
pub(super) fn each_used(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    see: impl FnMut(ExprId),
) {
    go_through(program, definitions, from, false, see);
}

fn go_through(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    all_bound: bool,
    mut see: impl FnMut(ExprId),
) {
    let mut open = from.to_vec();
    let mut seen: FxHashSet<ExprId> = FxHashSet::default();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        see(id);
        match program.expr(id) {
            Expr::Constant(_)
            | Expr::Quote(_)
            | Expr::Primitive(..)
            | Expr::Prelude(_)
            | Expr::Free(_) => {}
            Expr::Variable(var) => open.extend(definitions.get(var)),
            Expr::If {
                test,
                then,
                otherwise,
            } => open.extend([*test, *then, *otherwise]),
            Expr::Lambda { body, .. } => open.push(*body),
            Expr::Let { inits, body, .. } | Expr::Letrec { inits, body, .. } => {
                if all_bound {
                    open.extend(inits.iter().copied());
                }
                open.push(*body);
            }
            Expr::Begin(all) => open.extend(all.iter().copied()),
            Expr::Call { operator, args, .. } => {
                open.push(*operator);
                open.extend(args.iter().copied());
            }
        }
    }
}
