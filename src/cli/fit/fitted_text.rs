//! `model.fitted.scm`: a program's text with its params where the fit left them.
//!
//! A text, its params and their values go in; the text comes out, with nothing changed but numbers.
//!
//! **Invariants**
//! - Comments, layout and every other byte stay as they are.
//! - What the text does not declare, because the caller named it, is declared in a line before it.

use crate::Output;
use crate::source::Span;
use crate::symbol::Symbols;
use crate::syntax::datum::Datum;
use crate::syntax::{Param, ReadOptions, read};
use std::fmt::Write as _;

/// The text with new initial values.
pub(super) fn with_values(text: &str, params: &[Param], values: &[(String, f64)]) -> String {
    let value_of = |name: &str| values.iter().find(|(other, _)| other == name);
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut declared: Vec<&str> = Vec::new();
    for param in params {
        if let Some((_, value)) = value_of(&param.name)
            && let Some(span) = initial_value(text, param)
        {
            edits.push((span, Output::of(*value).to_scheme()));
            declared.push(&param.name);
        }
    }
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = String::with_capacity(text.len() + 64);
    let others = values
        .iter()
        .filter(|(name, _)| !declared.contains(&name.as_str()));
    for (name, value) in others {
        let name = crate::fit::table::as_written(name);
        let _ = writeln!(out, "(param {name} {})", Output::of(*value).to_scheme());
    }
    let mut from = 0;
    for (span, value) in edits {
        let (start, end) = (span.start as usize, span.end as usize);
        out.push_str(&text[from..start]);
        out.push_str(&value);
        from = end;
    }
    out.push_str(&text[from..]);
    out
}

/// Where a param's form holds its initial value; none where the form was made by a macro.
fn initial_value(text: &str, param: &Param) -> Option<Span> {
    let mut symbols = Symbols::new();
    let form = param.span.text(text);
    let data = read(form, &mut symbols, ReadOptions::default()).ok()?;
    let &[root] = data.roots() else {
        return None;
    };
    let Datum::List(items) = data.get(root) else {
        return None;
    };
    let (head, name, value) = (*items.first()?, *items.get(1)?, *items.get(2)?);
    let is_named = |id, expected: &str| match data.get(id) {
        Datum::Symbol(sym) => symbols.name(sym) == expected,
        _ => false,
    };
    if !is_named(head, "param") || !is_named(name, &param.name) {
        return None;
    }
    let span = data.span(value);
    let offset = param.span.start;
    Some(Span::new(span.start + offset, span.end + offset))
}
