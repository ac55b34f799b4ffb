//! `model.fitted.scm`: a program's text with its params where the fit left them.
//!
//! A text, its params and their values go in; the text comes out, with nothing changed but numbers.
//!
//! **Invariants**
//! - Comments, layout and every other byte stay as they are.
//! - What the text does not declare, because the caller named it, is declared in a line before it.
//! - A param with a value for each group starts at their mean; the values are in comments before the text.

use crate::Output;
use crate::source::{Position, Span};
use crate::symbol::Symbols;
use crate::syntax::datum::Datum;
use crate::syntax::{Param, ReadOptions, read};
use std::fmt::Write as _;

/// The text with new initial values.
pub(super) fn with_values(text: &str, params: &[Param], values: &[(String, f64)]) -> String {
    let value_of = |name: &str| values.iter().find(|(other, _)| other == name);
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut declared: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(text.len() + 64);
    for param in params {
        if let Some(column) = &param.by {
            let prefix = format!("{}[{column}=", param.name);
            let of_param = || values.iter().filter(|(name, _)| name.starts_with(&prefix));
            let count = of_param().count();
            for (name, value) in of_param() {
                // A line of a comment ends where the line does.
                let name: String = name.chars().filter(|c| !c.is_control()).collect();
                let _ = writeln!(out, "; {name} = {}", Output::of(*value).to_scheme());
            }
            declared.extend(of_param().map(|(name, _)| name.as_str()));
            if count > 0
                && let Some(span) = initial_value(text, param)
            {
                let sum: f64 = of_param().map(|(_, value)| value / count as f64).sum();
                edits.push((span, Output::of(sum).to_scheme()));
            }
        }
        if let Some((_, value)) = value_of(&param.name)
            && let Some(span) = initial_value(text, param)
        {
            edits.push((span, Output::of(*value).to_scheme()));
            declared.push(&param.name);
        }
    }
    for (name, value) in values {
        if let Some(span) = Position::of_literal(name).and_then(|place| literal_at(text, place)) {
            edits.push((span, Output::of(*value).to_scheme()));
            declared.push(name);
        }
    }
    edits.sort_by_key(|(span, _)| span.start);
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

/// The number that starts at a place.
fn literal_at(text: &str, place: Position) -> Option<Span> {
    let start = place.offset(text)?;
    let is_end = |c: char| c.is_whitespace() || "()[]{};\"'`,|".contains(c);
    let rest = &text[start as usize..];
    let length = rest.find(is_end).unwrap_or(rest.len());
    rest[..length].parse::<f64>().ok()?;
    Some(Span::new(start, start + length as u32))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interpreter;
    use crate::syntax::Goal;

    #[test]
    fn literals_stand_where_they_stood() {
        let text = "(param k 1)\n(observe y (+ 2.5 (* k -1e3 [x 0.5])))";
        let values = [("k", 3.0), ("@2:15", 7.0), ("@2:24", -2.0), ("@2:32", 0.25)];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        let program = Interpreter::embedded().expand(text, &[], Goal::Value);
        let program = program.expect("a program");
        assert_eq!(
            with_values(text, program.params(), &values),
            "(param k 3.0)\n(observe y (+ 7.0 (* k -2.0 [x 0.25])))"
        );
    }

    #[test]
    fn a_param_of_groups_starts_at_their_mean() {
        let text = "(param a 5 (> 0) by s) ; the amount\n(param k 1)\n(observe y (* a k))";
        let program = Interpreter::embedded().expand(text, &[], Goal::Value);
        let program = program.expect("a program");
        let values = [("a[s=1]", 2.0), ("a[s=2]", 5.0), ("k", 0.5)];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(
            with_values(text, program.params(), &values),
            "; a[s=1] = 2.0\n; a[s=2] = 5.0\n(param a 3.5 (> 0) by s) ; the amount\n(param k 0.5)\n\
             (observe y (* a k))"
        );
    }
}
