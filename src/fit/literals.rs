//! Float literals as params: `@line:column`.
//!
//! A program goes in; the same comes out with a param in place of each float literal that what it gives may
//! depend on.
//!
//! **Invariants**
//! - A literal starts at what it is written as, so the program gives what it gave.
//! - One that a macro puts in several places is one param.
//! - Numbers in quotations, of models that are called, and those of `param`, `prior` and noise are no literals
//!   of the code.

use super::mentions::{definitions, each_used};
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Constraint, Expr, ExprId, Param};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// Declares the literals that what the program gives may depend on, in the order of the text.
pub(super) fn declare(program: &mut Program) {
    declare_those(program, |_| true);
}

/// The same of those literals alone whose names are chosen.
pub(super) fn declare_those(program: &mut Program, is_chosen: impl Fn(&str) -> bool) {
    if program.literals.is_empty() {
        return;
    }
    let own = program.linked.own_len(&program.text) as u32;
    let mut used: FxHashSet<ExprId> = FxHashSet::default();
    each_used(program, &definitions(program), &[program.root], |id| {
        used.insert(id);
    });
    // A place in the text is one param.
    let mut by_place: BTreeMap<u32, (Span, f64, Vec<ExprId>)> = BTreeMap::new();
    for &id in &program.literals {
        let span = program.span(id);
        if let Expr::Constant(Constant::Float(value)) = program.expr(id)
            && span.start < own
            && used.contains(&id)
        {
            let one = (span, *value, Vec::new());
            by_place.entry(span.start).or_insert(one).2.push(id);
        }
    }
    let mut declared: FxHashSet<ExprId> = FxHashSet::default();
    let text = program.text.clone();
    let mut places = Places::new(&text);
    for (span, value, ids) in by_place.into_values() {
        let name = places.name(span);
        if !is_chosen(&name) {
            continue;
        }
        let sym = input(program, &name, span);
        for id in ids {
            program.exprs[id.0 as usize] = Expr::Free(sym);
            declared.insert(id);
        }
        program.params.push(Param {
            name,
            init: value,
            constraint: Constraint::Free,
            by: None,
            span,
        });
    }
    program.literals.retain(|id| !declared.contains(id));
}

/// What literals are called, in `wrt` too; they come in the order of the text.
struct Places<'a> {
    rest: &'a str,
    at: u32,
    line: usize,
    column: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    fn name(&mut self, span: Span) -> String {
        let (before, rest) = self.rest.split_at((span.start - self.at) as usize);
        for c in before.chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        (self.rest, self.at) = (rest, span.start);
        format!("@{}:{}", self.line, self.column)
    }
}

/// A free name of the program.
fn input(program: &mut Program, name: &str, span: Span) -> Sym {
    let sym = program.symbols.intern(name);
    program.free.push((sym, span));
    sym
}
