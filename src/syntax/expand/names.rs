//! What names mean: variables, macros, what the top level defines, and what the language has.
//!
//! A name goes in, with the place where the expander is; its meaning comes out.
//!
//! **Invariants**
//! - A local binding comes first, then a definition of the top level, then what the caller binds, then
//!   forms, primitives and the prelude.
//! - A name that the top level defines again means the definition made last when the reference runs.

use super::macros::Binding;
use super::{Denotation, Expander, Versions};
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Expr, ExprId, VarId};
use crate::syntax::forms::form;

impl Expander<'_> {
    pub(super) fn denote(&self, sym: Sym) -> Denotation {
        self.resolve(sym).1
    }

    /// What a name means here, and which name of the text or the top level that is known by.
    pub(super) fn resolve(&self, sym: Sym) -> (Sym, Denotation) {
        match self.binding(sym) {
            Binding::Variable(var) => match self.macro_vars.get(&var) {
                Some(&made) => (sym, Denotation::Macro(made)),
                None => (sym, Denotation::Variable(var)),
            },
            Binding::Elsewhere(sym) => (sym, self.denote_top(sym)),
        }
    }

    pub(super) fn denote_top(&self, sym: Sym) -> Denotation {
        if !self.top_macros.is_empty()
            && let Some(made) = self.top_macro(sym)
        {
            return Denotation::Macro(made);
        }
        let elsewhere = self.denote_outside(sym);
        let Some(versions) = self.top.get(&sym) else {
            return elsewhere;
        };
        // Without a definition made by then: what it means elsewhere, or a use before its definition.
        let meant = match elsewhere {
            Denotation::Free => self.is_input(sym),
            Denotation::Form(_) => self.procedure_depth == 0,
            _ => true,
        };
        match self.made(versions) {
            Some(at) if self.procedure_depth == 0 || at + 1 == versions.len() => {
                Denotation::Variable(versions[at].1)
            }
            None if self.procedure_depth == 0 && meant => elsewhere,
            None if self.procedure_depth == 0 || (versions.len() == 1 && !meant) => {
                Denotation::Variable(versions[0].1)
            }
            _ => Denotation::Newest,
        }
    }

    /// Which of a name's definitions is the last that has been made whenever this place runs.
    pub(super) fn made(&self, versions: &Versions) -> Option<usize> {
        let runs = if self.procedure_depth == 0 {
            self.item
        } else {
            self.live.get(self.item).copied().unwrap_or(self.item)
        };
        // They stand in the order of their items.
        versions
            .partition_point(|&(item, _)| item < runs)
            .checked_sub(1)
    }

    /// The definition of a name that is made last when this runs: the last whose flag is up.
    pub(super) fn newest(&mut self, sym: Sym, span: Span) -> ExprId {
        let versions = self.top[&sym].clone();
        let (mut expr, later) = match (self.made(&versions), self.denote_outside(sym)) {
            (Some(at), _) => {
                let expr = Expr::Variable(versions[at].1);
                (self.push(expr, span), at + 1)
            }
            (None, Denotation::Primitive(prim)) => (self.push(Expr::Primitive(sym, prim), span), 0),
            (None, Denotation::Prelude) => (self.push(Expr::Prelude(sym), span), 0),
            (None, Denotation::Free) if self.is_input(sym) => (self.free_name(sym, span), 0),
            (None, _) => (self.push(Expr::Variable(versions[0].1), span), 1),
        };
        for &(_, var) in &versions[later..] {
            let flag = self.flag(var);
            let flag = self.push(Expr::Variable(flag), span);
            let test = self.call_hidden(Prim::IsFilled, vec![flag], span);
            let value = self.push(Expr::Variable(var), span);
            expr = self.if_expr(test, value, expr, span);
        }
        expr
    }

    pub(super) fn flag(&mut self, var: VarId) -> VarId {
        if let Some(&flag) = self.flags.get(&var) {
            return flag;
        }
        let flag = self.hidden(&format!("%made-{}", var.0));
        self.flags.insert(var, flag);
        flag
    }

    pub(super) fn is_input(&self, sym: Sym) -> bool {
        self.inputs.contains(&sym)
            || self.param_names.contains(&sym)
            || self.matrix_names.contains(&sym)
    }

    pub(super) fn denote_outside(&self, sym: Sym) -> Denotation {
        if self.is_input(sym) {
            return Denotation::Free;
        }
        let mut known = self.outside.borrow_mut();
        let at = sym.index() as usize;
        if at >= known.len() {
            known.resize(at + 1, None);
        }
        *known[at].get_or_insert_with(|| self.denote_first(sym))
    }

    /// What a name that is no input means by the language alone.
    pub(super) fn denote_first(&self, sym: Sym) -> Denotation {
        let name = self.symbols.name(sym);
        if self.symbols.is_reserved(sym) {
            return match Prim::from_internal_name(name) {
                Some(prim) if self.internal => Denotation::Primitive(prim),
                _ => Denotation::Free,
            };
        }
        if let Some(form) = form(name) {
            Denotation::Form(form)
        } else if let Some(prim) = Prim::from_name(name) {
            Denotation::Primitive(prim)
        } else if self.is_of_prelude(name) {
            Denotation::Prelude
        } else {
            Denotation::Free
        }
    }

    pub(super) fn is_of_prelude(&self, name: &str) -> bool {
        self.prelude
            .is_some_and(|prelude| prelude.contains_key(name))
    }
}
