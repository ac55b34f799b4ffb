//! Quasiquotation: templates to `cons` and `append`.
//!
//! **Invariants**
//! - What holds no unquote of its level stays quoted data.
//! - The parts of a template are evaluated from the left; joining them costs the program nothing.

use super::{Denotation, Expander, Result};
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ast::{Constant, ExprId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use std::mem::take;

/// From how many items behind one another on a template's items are one list.
const SIDE_BY_SIDE: usize = 16;

/// A part of a list's template.
enum Part {
    Item(ExprId),
    Splice(ExprId, Span),
}

impl Expander<'_> {
    /// The argument of `(name x)` in a template, where `name` is spelled so.
    pub(super) fn template_form(&self, id: DatumId) -> Option<(Form, DatumId)> {
        if let Datum::List(&[head, argument]) = self.data.get(id)
            && let Datum::Symbol(sym) = self.data.get(head)
            && let Denotation::Form(
                form @ (Form::Quasiquote | Form::Unquote | Form::UnquoteSplicing),
            ) = self.denote(sym)
        {
            return Some((form, argument));
        }
        None
    }

    /// A template of the program.
    pub(super) fn quasiquote_form(&mut self, template: DatumId) -> Result<ExprId> {
        let outer = take(&mut self.templates);
        let expr = self.quasiquote(template, 1);
        self.templates = outer;
        expr
    }

    fn quasiquote(&mut self, id: DatumId, depth: u32) -> Result<ExprId> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.quasiquote_here(id, depth))
    }

    fn quasiquote_here(&mut self, id: DatumId, depth: u32) -> Result<ExprId> {
        self.step(id, 1)?;
        let data = self.data;
        let span = self.data.span(id);
        let nested = match self.template_form(id) {
            Some((Form::Unquote, argument)) if depth == 1 => return self.expand(argument),
            Some((Form::UnquoteSplicing, _)) if depth == 1 => {
                return self.fail(id, "`,@` must stand inside a list");
            }
            Some((Form::Quasiquote, _)) => depth + 1,
            Some(_) => depth - 1,
            None => depth,
        };
        let (items, mut tail) = match data.get(id) {
            Datum::List([]) => return self.quote(id, span),
            Datum::List(items) => (items.to_vec(), None),
            Datum::Dotted(items, tail) => (items.to_vec(), Some(tail)),
            Datum::Bracket(_) if self.has_unquote(id, depth)? => {
                return self.fail(
                    id,
                    "brackets in a template cannot hold an unquote; write the list `(vec …)`",
                );
            }
            _ => return self.quote(id, span),
        };
        if items.is_empty() || !self.has_unquote(id, depth)? {
            return self.quote(id, span);
        }
        // `(a . (unquote b))` is `(a . ,b)` and reads as the list `(a unquote b)`.
        let mut items = items;
        if tail.is_none() && items.len() > 2 && self.is_form(items[items.len() - 2], Form::Unquote)
        {
            tail = items.pop();
            items.pop();
            let tail_id = tail.unwrap_or(id);
            let expr = if depth == 1 {
                self.expand(tail_id)?
            } else {
                self.quasiquote(tail_id, depth - 1)?
            };
            return self.quasi_items(&items, nested, Some(expr), span);
        }
        let tail = match tail {
            Some(tail) => Some(self.quasiquote(tail, nested)?),
            None => None,
        };
        self.quasi_items(&items, nested, tail, span)
    }

    /// Puts the items of a template in front of what comes after them, the end of the list if nothing does.
    fn quasi_items(
        &mut self,
        items: &[DatumId],
        depth: u32,
        tail: Option<ExprId>,
        span: Span,
    ) -> Result<ExprId> {
        let mut is_last = tail.is_none();
        let mut expr = tail.unwrap_or_else(|| self.constant(Constant::Nil, span));
        // Evaluated from the left, as written: the arguments are expanded in order, then joined.
        let mut parts = Vec::with_capacity(items.len());
        for &item in items {
            parts.push(match self.template_form(item) {
                Some((Form::UnquoteSplicing, argument)) if depth == 1 => {
                    Part::Splice(self.expand(argument)?, self.data.span(item))
                }
                _ => Part::Item(self.quasiquote(item, depth)?),
            });
        }
        while let Some(part) = parts.pop() {
            let run = parts.iter().rev();
            let run = run.take_while(|part| matches!(part, Part::Item(_))).count();
            expr = match part {
                // Many side by side are one list: nested, they would be as deep as the template is long.
                Part::Item(item) if run >= SIDE_BY_SIDE => {
                    let first = parts.len() - run;
                    let items = parts.drain(first..).filter_map(|part| match part {
                        Part::Item(item) => Some(item),
                        Part::Splice(..) => None,
                    });
                    let items = items.chain([item]).collect();
                    let list = self.call_hidden(Prim::List, items, span);
                    if is_last {
                        list
                    } else {
                        self.call_hidden(Prim::Append, vec![list, expr], span)
                    }
                }
                Part::Item(item) => self.call_hidden(Prim::Cons, vec![item, expr], span),
                Part::Splice(list, at) => self.call_hidden(Prim::Append, vec![list, expr], at),
            };
            is_last = false;
        }
        Ok(expr)
    }

    /// Whether a template holds an unquote of its level, or of one that would become constant. What is
    /// found of its parts is kept for the template under way, so that each is looked at once.
    pub(super) fn has_unquote(&mut self, id: DatumId, depth: u32) -> Result<bool> {
        let data = self.data;
        let mut open = vec![(id, depth, false)];
        while let Some((id, depth, done)) = open.pop() {
            if !done && self.templates.contains_key(&(id, depth)) {
                continue;
            }
            let (items, tail) = match data.get(id) {
                Datum::List(items) | Datum::Bracket(items) => (items, None),
                Datum::Dotted(items, tail) => (items, Some(tail)),
                _ => continue,
            };
            self.step(id, 1 + items.len())?;
            let form = self.template_form(id);
            let is_list = matches!(data.get(id), Datum::List(_));
            let dotted = is_list && items.len() > 2;
            let found = match form {
                Some((Form::Unquote | Form::UnquoteSplicing, _)) if depth == 1 => true,
                _ => dotted && self.is_form(items[items.len() - 2], Form::Unquote),
            };
            if found {
                self.templates.insert((id, depth), true);
                continue;
            }
            let inner = match form {
                Some((Form::Quasiquote, _)) => depth + 1,
                Some(_) => depth - 1,
                None => depth,
            };
            let parts = items.iter().copied().chain(tail);
            if done {
                let mut held = parts.map(|part| self.templates.get(&(part, inner)));
                let holds = held.any(|held| held == Some(&true));
                self.templates.insert((id, depth), holds);
            } else {
                open.push((id, depth, true));
                open.extend(parts.map(|part| (part, inner, false)));
            }
        }
        Ok(self.templates.get(&(id, depth)) == Some(&true))
    }
}
