//! Comparisons with params, relaxed: `(if (< x x0) a b)` as a blend of `a` and `b`.
//!
//! A program, the names of its params and a width for each go in; the program with soft choices in place of
//! such tests comes out, and which params are compared.
//!
//! **Invariants**
//! - Only the test of an `if` is relaxed, and only where it is a comparison of two numbers one of which
//!   depends on a param.
//! - An `if` with an arm that leads back to it is left as it is: a blend computes both arms, so a recursion
//!   that such a test ends would have no end.

use super::error::FitError;
use super::mentions::{definitions, each};
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use rustc_hash::FxHashMap;

/// A program with relaxed comparisons.
pub(super) struct Relaxed {
    pub(super) program: Program,
    /// The params that are compared, by their places among the names.
    pub(super) compared: Vec<usize>,
}

/// Relaxes a program's comparisons with params. A difference of `widths[i]` is as much to a comparison with
/// param i as the temperature is to others.
///
/// # Errors
/// When there is none to relax.
pub(super) fn relax(
    mut program: Program,
    names: &[String],
    widths: &[f64],
) -> Result<Relaxed, FitError> {
    let definitions = definitions(&program);
    let mut compared: Vec<usize> = Vec::new();
    let mut changes = Vec::new();
    let mut recursive: Option<Span> = None;
    for (index, expr) in program.exprs().iter().enumerate() {
        let Expr::If {
            test,
            then,
            otherwise,
        } = expr
        else {
            continue;
        };
        let Some((low, high)) = comparison(&program, *test) else {
            continue;
        };
        let of_test = names_of(&program, &definitions, &[low, high], names);
        if of_test.is_empty() {
            continue;
        }
        let id = ExprId(index as u32);
        compared.extend(&of_test);
        if reaches(&program, &definitions, &[*then, *otherwise], id) {
            recursive.get_or_insert(program.span(id));
            continue;
        }
        let width = of_test.iter().map(|&at| widths[at]);
        let width = width.fold(f64::INFINITY, f64::min);
        changes.push((id, [low, high, *then, *otherwise], width));
    }
    if changes.is_empty() {
        return Err(match recursive {
            Some(span) => FitError::Form {
                message: "this test cannot be relaxed: an arm calls the procedure that it stands in, and a \
                          relaxed `if` computes both arms, so the recursion would have no end; let the test \
                          choose a number, and recur outside of it"
                    .to_owned(),
                span,
            },
            None => FitError::Soften(
                "there is nothing to soften (--soften): no `if` or `cond` tests whether a param is above or \
                 below something, as in `(if (< x x0) lo hi)`"
                    .to_owned(),
            ),
        });
    }
    for (id, [low, high, then, otherwise], width) in changes {
        let span = program.span(id);
        let low = scaled(&mut program, low, width);
        let high = scaled(&mut program, high, width);
        let operator = push(&mut program, primitive(Prim::SoftIf), span);
        program.exprs[id.0 as usize] = Expr::Call {
            operator,
            args: [low, high, then, otherwise].into(),
            counts: false,
        };
    }
    compared.sort_unstable();
    compared.dedup();
    Ok(Relaxed { program, compared })
}

fn primitive(prim: Prim) -> Expr {
    Expr::Constant(Constant::Primitive(prim))
}

fn push(program: &mut Program, expr: Expr, span: Span) -> ExprId {
    let id = ExprId(program.exprs.len() as u32);
    program.exprs.push(expr);
    program.spans.push(span);
    id
}

/// An expression divided by a width.
fn scaled(program: &mut Program, expr: ExprId, width: f64) -> ExprId {
    let span = program.span(expr);
    let operator = push(program, primitive(Prim::Div), span);
    let width = push(program, Expr::Constant(Constant::Float(width)), span);
    let divided = Expr::Call {
        operator,
        args: [expr, width].into(),
        counts: false,
    };
    push(program, divided, span)
}

/// What a test compares: the first is below the second where it holds.
fn comparison(program: &Program, test: ExprId) -> Option<(ExprId, ExprId)> {
    let Expr::Call { operator, args, .. } = program.expr(test) else {
        return None;
    };
    let prim = match program.expr(*operator) {
        Expr::Primitive(_, prim) | Expr::Constant(Constant::Primitive(prim)) => *prim,
        _ => return None,
    };
    match (prim, &args[..]) {
        (Prim::Lt | Prim::Le, &[a, b]) => Some((a, b)),
        (Prim::Gt | Prim::Ge, &[a, b]) => Some((b, a)),
        _ => None,
    }
}

/// Which of some names expressions depend on.
fn names_of(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    names: &[String],
) -> Vec<usize> {
    let mut found = Vec::new();
    each(program, definitions, from, |id| {
        if let Expr::Free(sym) = program.expr(id) {
            let free = program.free_name(*sym);
            found.extend(names.iter().position(|name| name == free));
        }
    });
    found
}

/// Whether evaluating some expressions may lead to another.
fn reaches(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    to: ExprId,
) -> bool {
    let mut is_met = false;
    each(program, definitions, from, |id| is_met |= id == to);
    is_met
}
