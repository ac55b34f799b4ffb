//! Accounts of runs as JSON: what `dmci run --explain --json` prints.
//!
//! Evaluations with their explanations go in; an object comes out: the first run's value and account,
//! and a list of those of the others.
//!
//! **Invariants**
//! - All is there that the account in words says, and every place has line, column and text.

use crate::source::Span;
use crate::walk::output::json_number;
use crate::{Evaluation, Explanation, ForkGivenUp, Way};
use serde_json::{Value, json};
use std::fmt::Write;

/// `{"value":…,"explanation":{…},"again":[…]}`, the last where there was more than one run.
pub(super) fn json(runs: &[(Evaluation, Explanation)], text: &str) -> String {
    let mut out = String::new();
    for (index, (evaluation, explanation)) in runs.iter().enumerate() {
        out.push_str(match index {
            0 => "",
            1 => ",\"again\":[",
            _ => ",",
        });
        let account = account(explanation, text);
        let value = evaluation.value.to_json();
        let _ = write!(out, "{{\"value\":{value},\"explanation\":{account}");
        if index > 0 {
            out.push('}');
        }
    }
    if runs.len() > 1 {
        out.push(']');
    }
    out.push_str("}\n");
    out
}

fn account(explanation: &Explanation, text: &str) -> Value {
    let place = |span: Option<Span>| match span {
        None => Value::Null,
        Some(span) => {
            let position = span.position(text);
            json!({"line": position.line, "column": position.column, "text": span.text(text)})
        }
    };
    let way = match explanation.way {
        Way::Compiled => "compiled",
        Way::Recorded(_) => "recorded",
        _ => "walked",
    };
    let diverged = match explanation.way {
        Way::Diverged(divergence) => {
            let steering = |number| steering(number, divergence.is_test());
            json!({
                "path": divergence.path(),
                "guard": divergence.guard(),
                "at": place(divergence.span()),
                "expected": steering(divergence.expected()),
                "found": steering(divergence.found()),
            })
        }
        _ => Value::Null,
    };
    let guards = explanation.guards.iter();
    let guards = guards.map(|guard| {
        let expected = steering(guard.expected, guard.is_test);
        json!({"at": place(guard.span), "expected": expected})
    });
    let given_up = |fork: &ForkGivenUp| {
        let why = fork.why.to_string();
        json!({"at": place(fork.span), "why": why, "met": place(fork.at)})
    };
    let joined = explanation.forks_joined.iter();
    json!({
        "way": way,
        "why": explanation.way.to_string(),
        "diverged": diverged,
        "path": explanation.path,
        "operations": explanation.operations,
        "guards": guards.collect::<Value>(),
        "forks_joined": joined.map(|&span| place(span)).collect::<Value>(),
        "forks_given_up": explanation.forks_given_up.iter().map(given_up).collect::<Value>(),
        "uncompiled": explanation.uncompiled.map(|why| why.to_string()),
    })
}

/// What a guard is on, as JSON.
fn steering(number: f64, is_test: bool) -> Value {
    if is_test {
        return Value::Bool(number != 0.0);
    }
    let mut text = String::new();
    json_number(number, &mut text);
    serde_json::from_str(&text).unwrap_or_default()
}
